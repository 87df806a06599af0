"""Everything that is said about one vertebra before a needle: frame, pedicles, needles, views, cement, leak map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from planner.clinical.constants import Overrides
from planner.errors import FrameMismatch, InputRefused
from planner.findings import Finding, Severity
from planner.geometry.patient_positions import PRONE, PatientPosition
from planner.imaging.masks import Mask
from planner.imaging.volumes import Volume
from planner.jobs import Context
from planner.model.needle_items import WorkingView
from planner.planning.cement import CementVolumes, LeakMap, LyticEstimate, cement_volumes, leak_map, lytic_estimate
from planner.planning.pedicles import SIDES, Pedicle, find_pedicles
from planner.planning.vertebra_frame import Vertebra, vertebra_of
from planner.planning.vertebra_levels import short_level
from planner.planning.vertebra_trajectories import (
    PARAPEDICULAR,
    TRANSPEDICULAR,
    NeedleLimits,
    Trajectory,
    needle_limits,
    region_of_level,
    usual_convergence_deg,
    widest,
    with_skin,
)
from planner.planning.vertebra_views import working_views

SKIN_ABOVE_HU = -300.0
"""Between skin and air on any CT."""
NOT_CHECKED = "NOT CHECKED: segmental vessels, exiting nerve roots, pleura, ribs and neighbouring vertebrae on the way."


@dataclass(frozen=True, eq=False)
class VertebraAnalysis:
    """One vertebra, measured, with its needles.

    Attributes
    ----------
    level
        As it is labelled: a proposal until two people have confirmed it. None is unknown.
    trajectories
        At most one transpedicular and one parapedicular needle per side.
    unipedicular
        A needle from one side that reaches the midline inside the bone, or None.
    cement, lytic, leaks
        None where it cannot be said; the findings tell why.
    """

    level: str | None
    vertebra: Vertebra
    pedicles: Mapping[str, Pedicle]
    limits: NeedleLimits
    trajectories: tuple[Trajectory, ...]
    unipedicular: Trajectory | None
    cement: CementVolumes | None
    lytic: LyticEstimate | None
    leaks: LeakMap | None
    position: PatientPosition
    views: tuple[WorkingView, ...]
    findings: tuple[Finding, ...]

    def seen_from(self, position: PatientPosition) -> VertebraAnalysis:
        """The same needles for a patient who lies differently: every angle of the machine is computed again."""
        views = working_views(self.vertebra, self.trajectories, position)
        return replace(self, position=position, views=views)


def analyse_vertebra(
    volume: Volume,
    mask: Mask,
    *,
    level: str | None = None,
    canal: Mask | None = None,
    sides: Sequence[str] = SIDES,
    position: PatientPosition | None = None,
    overrides: Overrides | None = None,
    context: Context | None = None,
) -> VertebraAnalysis:
    """Measure a vertebra and look for its needles.

    Parameters
    ----------
    level
        Key of ``resources/structures.toml`` (``vertebrae_L3``).
    canal
        None finds the canal as the hole of the mask.
    position
        How the patient will lie; None is prone, head first.

    Raises
    ------
    InputRefused
        As `vertebra_of`, and ``no-pedicles`` when neither wanted pedicle is in the mask.
    FrameMismatch
        When masks and volume lie in different frames of reference.
    """
    if volume.grid.frame_uid != mask.grid.frame_uid:
        text = "The CT and the vertebra's mask belong to different frames of reference; link the two first."
        raise FrameMismatch("mixed-frames", text)
    job = context or Context()
    job.step(0.0, "Measuring the vertebra")
    vertebra = vertebra_of(mask, canal)
    job.step(0.4, "Finding the pedicles")
    pedicles = find_pedicles(vertebra)
    wanted = _wanted(vertebra, pedicles, sides)
    limits = needle_limits(overrides)
    trajectories, unipedicular = _needles(vertebra, wanted, limits, level, job.part(0.5, 0.85))
    shown = tuple(with_skin(each, volume, SKIN_ABOVE_HU) for each in trajectories)
    single = None if unipedicular is None else with_skin(unipedicular, volume, SKIN_ABOVE_HU)
    region = region_of_level(level)
    cement = None if region is None else cement_volumes(vertebra.body_ml, region, overrides)
    job.step(0.9, "Looking for missing cortex")
    is_ct = volume.source.unit == "HU" or volume.source.modality in ("CT", None)
    lytic = lytic_estimate(vertebra, volume) if is_ct else None
    leaks = leak_map(vertebra, volume, lytic) if is_ct else None
    place = position or PatientPosition(PRONE)
    made = VertebraAnalysis(
        level=level,
        vertebra=vertebra,
        pedicles=pedicles,
        limits=limits,
        trajectories=shown,
        unipedicular=single,
        cement=cement,
        lytic=lytic,
        leaks=leaks,
        position=place,
        views=working_views(vertebra, shown, place),
        findings=(),
    )
    job.step(1.0, "Vertebra measured")
    return replace(made, findings=tuple(_findings(made, sides)))


def _wanted(vertebra: Vertebra, pedicles: Mapping[str, Pedicle], sides: Sequence[str]) -> dict[str, Pedicle]:
    """The pedicles of some sides; refuses when there is none."""
    wanted = {side: pedicle for side, pedicle in pedicles.items() if side in sides}
    if not wanted:
        named = "pedicle" if len(sides) > 1 else f"{sides[0]} pedicle"
        why = f": the image cuts it ({', '.join(vertebra.cut)})" if vertebra.cut else ""
        text = f"No {named} is in the mask of the vertebra{why}; segment the whole vertebra, arch included."
        raise InputRefused("no-pedicles", text)
    return wanted


def _needles(
    vertebra: Vertebra, pedicles: Mapping[str, Pedicle], limits: NeedleLimits, level: str | None, job: Context
) -> tuple[list[Trajectory], Trajectory | None]:
    """The widest needle of each side, one beside the pedicle where that one breaks out, and one for both sides."""
    region = region_of_level(level) or "thoracic"
    usual = usual_convergence_deg(level)
    found: list[Trajectory] = []
    single: Trajectory | None = None
    for place, pedicle in enumerate(pedicles.values()):
        job.step(place / len(pedicles), f"Searching needles on the {pedicle.side}")
        best = widest(vertebra, pedicle, limits, region=region, convergence_deg=usual)
        if best is not None:
            found.append(best)
        if best is None or (best.breach and best.approach == TRANSPEDICULAR):
            beside = widest(vertebra, pedicle, limits, region=region, approach=PARAPEDICULAR)
            found += [beside] if beside is not None else []
        alone = widest(vertebra, pedicle, limits, region=region, to_midline=True)
        if alone is None or alone.wall_clearance_mm < limits.wall_mm or not alone.reaches_midline(limits):
            continue
        if single is None or alone.wall_clearance_mm > single.wall_clearance_mm:
            single = alone
    return found, single


def _findings(analysis: VertebraAnalysis, sides: Sequence[str]) -> list[Finding]:
    found = [*_about_the_mask(analysis), *_about_the_level(analysis)]
    for side in sides:
        if side not in analysis.pedicles:
            text = f"The {side} pedicle is not in the mask; no needle was sought on that side."
            found.append(Finding("no-pedicle", Severity.WARN, text, subject=side))
        elif not any(each.side == side for each in analysis.trajectories):
            text = f"No needle on the {side} keeps its distance from the canal and ends in the front of the body."
            found.append(Finding("no-trajectory", Severity.WARN, text, subject=side))
    for each in analysis.trajectories:
        found += trajectory_findings(each, analysis.limits, analysis.level)
    found.append(Finding("not-checked", Severity.WARN, NOT_CHECKED))
    if analysis.cement is not None:
        found += analysis.cement.findings
    return [*found, *_about_the_bone(analysis)]


def _about_the_mask(analysis: VertebraAnalysis) -> list[Finding]:
    vertebra, found = analysis.vertebra, []
    if vertebra.cut:
        text = f"The image cuts this vertebra ({', '.join(vertebra.cut)}): frame, volume and needles hold only in part."
        found.append(Finding("vertebra-cut", Severity.WARN, text))
    if vertebra.canal_source == "hole":
        bridged = f", after breaks of {vertebra.bridged_mm:g} mm were bridged" if vertebra.bridged_mm else ""
        text = f"No canal mask was given: the canal is the hole of the vertebra's own ring{bridged}."
        found.append(Finding("canal-from-hole", Severity.INFO, text))
    if vertebra.voxel_mm / 2.0 > analysis.limits.wall_mm:
        text = f"The mask has voxels of {vertebra.voxel_mm:.1f} mm: walls are known to about half of that."
        limit = analysis.limits.wall_mm
        half = vertebra.voxel_mm / 2.0
        found.append(Finding("coarse-mask", Severity.WARN, text, measured=half, limit=limit, unit="mm"))
    return found


def _about_the_level(analysis: VertebraAnalysis) -> list[Finding]:
    source = "practice notes 7.3 level, section 4 no. 4"
    named = "unknown" if analysis.level is None else f"{short_level(analysis.level)}, a proposal from a label"
    text = f"The level ({named}) has to be counted from the top and confirmed by two people before a needle is used."
    found = [Finding("level-unconfirmed", Severity.WARN, text, subject=analysis.level, source=source, tag="P")]
    if region_of_level(analysis.level) is None:
        text = "The level is not known: gauges are those of the thoracic spine, and no usual cement volume is given."
        found.append(Finding("level-unknown", Severity.WARN, text))
    return found


def trajectory_findings(each: Trajectory, limits: NeedleLimits, level: str | None) -> list[Finding]:
    """What stands against one needle, or is to be known about it."""
    found = []
    side, wall = each.side, each.wall_clearance_mm
    source, tag = "practice notes 7.3 trajectory", "P"
    if each.breach:
        text = (
            f"The {side} {each.approach} needle ({each.gauge}) leaves the bone at the {each.wall} wall: {wall:.1f} mm."
        )
        found.append(Finding("pedicle-breach", Severity.BLOCK, text, True, side, wall, 0.0, "mm", source, tag))
    elif wall < limits.wall_mm:
        text = (
            f"The {side} needle ({each.gauge}) leaves {wall:.1f} mm of {each.wall} wall, wanted {limits.wall_mm:g} mm."
        )
        found.append(Finding("thin-wall", Severity.WARN, text, True, side, wall, limits.wall_mm, "mm", source, tag))
    if each.approach == PARAPEDICULAR:
        text = (
            f"The {side} needle runs beside the pedicle ({each.pedicle_width_mm:.1f} mm wide): ribs, pleura and "
            "segmental vessels lie there and were not checked."
        )
        found.append(Finding("parapedicular", Severity.WARN, text, subject=side, source="R17", tag="M"))
    usual = usual_convergence_deg(level)
    if usual is not None and not usual[0] - 10.0 <= each.convergence_deg <= usual[1] + 10.0:
        text = (
            f"The {side} needle converges by {each.convergence_deg:.0f} degrees; usual at this level are "
            f"{usual[0]:g} to {usual[1]:g}."
        )
        turn = each.convergence_deg
        limit = usual[0] if turn < usual[0] else usual[1]
        found.append(Finding("unusual-convergence", Severity.INFO, text, True, side, turn, limit, "deg", "R17", "M"))
    if each.skin_lps_mm is None:
        text = f"The skin behind the {side} needle is not in the image: its length counts from the bone."
        found.append(Finding("skin-not-in-image", Severity.INFO, text, subject=side))
    return found


def _about_the_bone(analysis: VertebraAnalysis) -> list[Finding]:
    found = []
    if analysis.leaks is None:
        text = "NOT CHECKED: missing cortex; the images are too coarse, or cortex and spongy bone differ too little."
        found.append(Finding("leaks-not-checked", Severity.WARN, text))
    else:
        for defect in analysis.leaks.defects:
            where = "basivertebral vein" if defect.wall == "basivertebral" else f"{defect.wall} wall"
            text = f"No cortex on {defect.area_mm2:.0f} mm2 at the {where}: cement may leave there (estimate from CT)."
            found.append(Finding("cortical-defect", Severity.WARN, text, subject=defect.wall))
    if analysis.lytic is not None and analysis.lytic.volume_ml > 0.0:
        text = f"About {analysis.lytic.volume_ml:.1f} mL of the body are softer than its other spongy bone (estimate)."
        found.append(Finding("lytic", Severity.INFO, text, measured=analysis.lytic.volume_ml, unit="mL"))
    return found
