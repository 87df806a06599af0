"""What the vertebra panel shows of a session. Values only, no widget is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from planner.app.vertebrae import LevelConfirmation
from planner.clinical.registry import rule
from planner.findings import Finding
from planner.geometry.c_arm import angle_words
from planner.geometry.patient_positions import PatientPosition
from planner.model.items import RegionBody
from planner.model.needle_items import NeedlePathBody, PedicleMeasures, VertebraPlanBody, WorkingView
from planner.planning.vertebra_levels import LEVELS, count_from_top, level_of_verse_number, short_level
from planner.planning.vertebra_trajectories import TRANSPEDICULAR, NeedleLimits
from planner.planning.vertebra_views import BULLS_EYE, LATERAL, TRUE_AP, working_view
from planner.units import shown
from planner.workflow.template import Choice
from viewers.panels.vertebra_panel import NeedleLine
from viewers.scene.slice_text import one_line
from viewers.state.marking import Mark, Marks

SAID_ELSEWHERE = frozenset({"level-unconfirmed", "cortical-defect", "lytic"})
"""Findings of an analysis that the panel says in other places."""
OF_ONE_NEEDLE = frozenset({"pedicle-breach", "thin-wall", "parapedicular", "unusual-convergence", "skin-not-in-image"})
"""Findings of trajectories: said beside a needle of the plan, never before one may be offered."""
COUNTED = {"top-down": "counted from the top", "ribs": "counted by the ribs", "bottom-up": "counted from the sacrum"}
MOST_NAMED = 8


def level_choices(marked: Mapping[str, str], named: Sequence[str]) -> tuple[Choice, ...]:
    """Every level from the head to the feet; what is named, segmented or labelled says so."""
    found = []
    for level in LEVELS:
        words = [*(["to be treated"] if level in named else []), *([marked[level]] if level in marked else [])]
        found.append(Choice(level, f"{short_level(level)}{': ' if words else ''}{', '.join(words)}"))
    return tuple(found)


def marked_levels(marks: Marks) -> dict[str, str]:
    """Level -> ``segmented`` for regions, ``in a label map`` for labels."""
    found: dict[str, str] = {}
    for labels in marks.layer.label_maps.values():
        for value in labels.labels:
            level = level_of_label(labels.labels, value)
            if level is not None:
                found[level] = "in a label map"
    for mark in marks.marks.value:
        if isinstance(mark.body, RegionBody) and mark.body.structure in LEVELS:
            found[str(mark.body.structure)] = "segmented"
    return found


def level_of_label(labels: Mapping[int, Any], value: int) -> str | None:
    """What a label says it is; of a map without names, what its VerSe number stands for. A proposal."""
    structure = labels[value].structure
    if structure in LEVELS:
        return str(structure)
    named = any(each.structure is not None for each in labels.values())
    return None if named else level_of_verse_number(value)


def region_of_level_in(marks: Iterable[Mark], level: str | None) -> Mark | None:
    """The region that holds a level, or None."""
    return next(
        (mark for mark in marks if isinstance(mark.body, RegionBody) and mark.body.structure == level is not None), None
    )


def standing_words(said: LevelConfirmation, level: str | None) -> tuple[bool, str]:
    """Whether needles may be offered into a level, and who confirmed it or why not."""
    if said.missing is not None:
        return False, f"No trajectory is offered: the level is not confirmed, {said.missing}; fill the stage Level."
    named = ", ".join(short_level(each) for each in said.levels)
    how = COUNTED.get(said.counting_method or "", "")
    if level not in said.levels:
        shown_now = "a level without name" if level is None else short_level(level)
        return False, f"No trajectory is offered into {shown_now}: confirmed is {named}."
    return True, f"{named} confirmed by {one_line(said.confirmed_by)} and {one_line(said.second_confirmer)}, {how}"


def segmented_words(marks: Marks, level: str | None) -> str:
    """What is there of a level, and what labels propose."""
    if level is None:
        return "Choose the level that is marked and planned; labels on the images are proposals."
    region = region_of_level_in(marks.marks.value, level)
    if region is not None and isinstance(region.body, RegionBody):
        text = f"{short_level(level)} is segmented: {shown(region.body.volume_ml, 'mL')}."
    elif marked_levels(marks).get(level) is not None:
        text = f"{short_level(level)} is in a label map: press From label map."
    else:
        text = f"{short_level(level)} is not segmented: V, a click in its body, a click on its arch."
    return f"{text} {_counted(marks)}".strip()


def _counted(marks: Marks) -> str:
    """What counting the segmented vertebrae says against their labels."""
    known = [
        (str(mark.body.structure), mask)
        for mark in marks.marks.value
        if isinstance(mark.body, RegionBody) and mark.body.structure in LEVELS
        for mask in (marks.mask(mark.id),)
        if mask is not None and not mask.is_empty
    ]
    if len(known) < 2 or len({mask.grid.frame_uid for _, mask in known}) > 1:
        return ""
    return " ".join(each.text for each in count_from_top(known).findings)


def measure_pairs(body: VertebraPlanBody) -> tuple[tuple[str, str], ...]:
    """Heights, wedge, volumes."""
    heights = body.heights_mm
    wedge = "–" if body.endplate_angle_deg is None else f"{body.endplate_angle_deg:.0f}°"
    return (
        *((f"Height {name}", shown(heights.get(name), "mm", digits=1)) for name in ("anterior", "middle", "posterior")),
        ("Wedge", wedge),
        ("Body", shown(body.body_ml, "mL", digits=1)),
        ("Softer bone", "not said" if body.lytic_ml is None else f"≈ {shown(body.lytic_ml, 'mL', digits=1)}"),
    )


def cement_lines(body: VertebraPlanBody) -> tuple[str, ...]:
    """The usual volumes, never safe ones, and where cortex is missing."""
    upper, low, high = (body.cement_ml.get(name) for name in ("usual_upper", "low", "high"))
    source = rule("cement_volume")
    if upper is None:
        lines = ["No usual cement volume is known for this level; stop on fluoroscopy."]
    else:
        lines = [
            f"Usual upper volume {shown(upper, 'mL', digits=1)}, not a safe limit; stop on fluoroscopy.",
            f"Usual for a body of this size: {shown(low, digits=1)} to {shown(high, 'mL', digits=1)} "
            f"({source.section} [{source.tag}], unverified default).",
        ]
    for each in body.defects:
        where = "the basivertebral vein" if each.wall == "basivertebral" else f"the {each.wall.replace('-', ' ')}"
        lines.append(f"No cortex on {shown(each.area_mm2, digits=0)} mm² at {where}: cement may leave there.")
    return tuple(lines)


def finding_lines(findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """Severity and text of what an analysis says of the bone and the images."""
    left = SAID_ELSEWHERE | OF_ONE_NEEDLE
    # What the cement rule says of volumes stands above them already.
    return tuple(
        (each.severity.value, each.text)
        for each in findings
        if each.code not in left and "usual upper" not in each.text
    )


def needle_line(mark: Mark, body: NeedlePathBody, measured: PedicleMeasures, limits: NeedleLimits) -> NeedleLine:
    """A needle in the bone, from what the plan stores of it."""
    approach = "through the pedicle" if measured.approach == TRANSPEDICULAR else "beside the pedicle"
    share = None if measured.anterior_share is None else f"{100.0 * measured.anterior_share:.0f} %"
    breach = {None: "not measured", True: "YES", False: "no"}[measured.breach]
    single = measured.midline_mm is not None and measured.midline_mm <= limits.midline_mm
    pairs = (
        ("Gauge", body.gauge or "–"),
        ("Outer Ø", shown(body.diameter_mm, "mm", digits=1)),
        ("Pedicle", shown(measured.pedicle_width_mm, "mm", digits=1)),
        ("To the wall", shown(measured.wall_clearance_mm, "mm", digits=1)),
        ("Breach", breach),
        ("Convergence", _degrees(measured.convergence_deg)),
        ("Craniocaudal", _degrees(measured.craniocaudal_deg)),
        ("Tip depth", share or "not measured"),
        ("Posterior wall", shown(measured.posterior_wall_mm, "mm", digits=1)),
        ("Midline", shown(measured.midline_mm, "mm", digits=1)),
        ("One is enough", "not known" if measured.midline_mm is None else "yes" if single else "no"),
    )
    standing, said = _against(measured, limits)
    return NeedleLine(mark.id, f"{one_line(mark.item.name)} · {approach}", pairs, standing, said)


def _against(measured: PedicleMeasures, limits: NeedleLimits) -> tuple[str, str]:
    wall = measured.wall_clearance_mm
    if measured.breach is None or wall is None:
        return "warn", "NOT MEASURED in the bone where it lies now: analyse the vertebra, then move it or offer again."
    if measured.breach:
        return "block", f"Leaves the bone or touches the canal: wall clearance {shown(wall, 'mm', digits=1)}."
    if wall < limits.wall_mm:
        return "warn", f"{shown(wall, 'mm', digits=1)} of wall, wanted {shown(limits.wall_mm, 'mm')}."
    back = measured.posterior_wall_mm
    if back is not None and back < limits.posterior_wall_mm:
        return "block", f"The tip is {shown(back, 'mm', digits=1)} from the posterior wall."
    if measured.approach != TRANSPEDICULAR:
        return "warn", "Ribs, pleura and segmental vessels lie beside the pedicle: NOT CHECKED here."
    return "", ""


def _degrees(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0f}°"


def views_in(
    body: VertebraPlanBody, needles: Sequence[tuple[Mark, NeedlePathBody]]
) -> tuple[tuple[WorkingView, str | None, str], ...]:
    """AP and lateral as the plan holds them, and straight down each needle of the plan: view, its needle, its name."""
    found: list[tuple[WorkingView, str | None, str]] = [
        (view, None, "") for view in body.views if view.name in (TRUE_AP, LATERAL)
    ]
    head_first = all(view.head_first for view in body.views)
    for mark, needle in needles:
        outward = np.subtract(needle.entry_lps_mm, needle.tip_lps_mm)
        side = needle.pedicle.side if needle.pedicle is not None else ""
        view = working_view(f"{BULLS_EYE}-{side}", outward, PatientPosition(needle.posture, head_first))
        found.append((view, mark.id, one_line(mark.item.name)))
    return tuple(found)


def view_lines(views: Sequence[tuple[WorkingView, str | None, str]]) -> tuple[tuple[str, str, str], ...]:
    """Title, angles that the gantry shows, the patient's own."""
    titles = {TRUE_AP: "True AP", LATERAL: "Lateral"}
    return tuple(
        (
            titles.get(view.name, f"Bull's-eye {name}"),
            angle_words(view.machine_primary_deg, view.machine_secondary_deg),
            angle_words(view.primary_deg, view.secondary_deg),
        )
        for view, _, name in views
    )


def count_words(levels: Sequence[str]) -> tuple[str, bool]:
    """Levels of this session against the usual number of one treatment."""
    constants = rule("vertebroplasty_contraindications").constants
    most = constants.number("levels_per_treatment")
    if len(levels) < 2:
        return "", False
    named = ", ".join(short_level(each) for each in levels)
    text = f"{len(levels)} levels in this session ({named}); usual are at most {most:g} in one treatment"
    source = rule("vertebroplasty_contraindications")
    return f"{text} ({source.section} [{source.tag}], unverified default).", len(levels) > most
