"""What is said about a margin, and the margin achieved, which has no number without its registration's error."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clinical.constants import Overrides, RuleConstants
from planner.clinical.registry import evaluate, rule
from planner.findings import Finding, Severity
from planner.imaging.rigid_registration import RigidMatch
from planner.model.needle_items import MarginNumbers
from planner.planning.margins import Capsule, Margin, MarginSession
from planner.planning.target_surface import TargetSurface
from planner.units import shown

NOT_MEASURABLE = "not measurable: the registration's error is not known"
GAS, LIPIODOL = "gas", "lipiodol"
"""Edges of a zone that are not the zone's."""


@dataclass(frozen=True, eq=False)
class AchievedMargin:
    """The margin on the images after.

    Attributes
    ----------
    margin
        None: not measurable.
    registration_error_mm
        Mean target registration error; None when nobody measured one.
    within_registration_error
        The least margin that counts is not larger than that error (rule ``mam_flag``).
    """

    margin: Margin | None
    registration_error_mm: float | None
    within_registration_error: bool | None
    note: str
    findings: tuple[Finding, ...]


def achieved_margin(
    target: TargetSurface,
    zone: TargetSurface,
    match: RigidMatch | None,
    *,
    registration_error_mm: float | None = None,
    capsule: Capsule | None = None,
    edge: str | None = None,
    overrides: Overrides | None = None,
) -> AchievedMargin:
    """The margin of a target on the planning images against a zone seen on the images after.

    Parameters
    ----------
    match
        Planning images fixed, images after moving; None when both share a frame of reference.
    registration_error_mm
        As a person measured it; None takes the match's own, where landmarks gave one. Sharing a frame of reference is
        no proof that the organ lay still: without an error there is no number.
    edge
        What the zone's edge was drawn along: `GAS`, `LIPIODOL` or None for the zone itself.

    Raises
    ------
    FrameMismatch
        ``mixed-frames`` without a match between different frames.
    """
    if match is None:
        target.same_frame(zone.frame_uid)
    error, note = _error(match, registration_error_mm)
    said = list(_edge_findings(edge))
    if error is None:
        text = f"The margin achieved is {NOT_MEASURABLE}; measure it at landmarks that both images show."
        said.append(Finding("margin-not-measurable", Severity.WARN, text, source="published-numbers.md N4", tag="S"))
        return AchievedMargin(None, None, None, NOT_MEASURABLE, tuple(said))
    moving = None if match is None else match.moving_lps_from_fixed
    found = MarginSession(target, capsule).against(zone, moving)
    least = counted_minimum_mm(found)
    inputs = {"mam": (least, "mm"), "tre": (error, "mm")}
    flag = evaluate("mam_flag", inputs, overrides=overrides)
    within = flag.outputs["within_registration_error"].value
    said += [*flag.findings, *zone_surface_findings(zone)]
    return AchievedMargin(found, error, within if isinstance(within, bool) else None, note, tuple(said))


def _error(match: RigidMatch | None, typed_mm: float | None) -> tuple[float | None, str]:
    if typed_mm is not None:
        return typed_mm, f"registration error {shown(typed_mm, 'mm')}, as typed"
    if match is None or match.error is None:
        return None, NOT_MEASURABLE
    mean, most = shown(match.error.mean_mm, "mm"), shown(match.error.most_mm, "mm")
    return match.error.mean_mm, f"registration error {mean} on the mean, {most} at most ({match.error.basis})"


def _edge_findings(edge: str | None) -> tuple[Finding, ...]:
    if edge == GAS:
        text = "The zone was drawn along gas: gas is not the zone, which is wider; draw the edge of the necrosis."
        return (Finding("gas-as-edge", Severity.WARN, text, source="published-numbers.md N4, PMC8204285", tag="S"),)
    if edge == LIPIODOL:
        text = "The edge lies on Lipiodol, which hides the zone; measure on MR, or call it not evaluable."
        return (Finding("lipiodol-as-edge", Severity.WARN, text, source="clinical/procedures.md, danger 8", tag="M"),)
    return ()


def counted_minimum_mm(margin: Margin) -> float | None:
    """The least margin, without the surface near the capsule where an organ was given and some surface is left."""
    if margin.subcapsular is not None and margin.subcapsular.numbers is not None:
        return margin.subcapsular.numbers.minimum_mm
    return margin.numbers.minimum_mm


def exclusion_mm(overrides: Overrides | None = None) -> float:
    """Surface nearer to the capsule than this is left out of the least margin (R14)."""
    changes = (overrides or {}).get("mam_flag", {})
    return rule("mam_flag").constants.replaced(changes).number("capsule_exclusion")


def least_margin_mm(overrides: Overrides | None = None) -> float:
    """The margin asked for where a template says nothing (R14)."""
    return _limits(overrides).number("margin_minimum")


def _limits(overrides: Overrides | None) -> RuleConstants:
    return rule("ablation_diameter").constants.replaced((overrides or {}).get("ablation_diameter", {}))


def margin_findings(
    margin: Margin, *, required_mm: float | None = None, overrides: Overrides | None = None
) -> tuple[Finding, ...]:
    """What is left of the target, whether the margin is smaller than asked for, and how exact the surface is.

    Parameters
    ----------
    required_mm
        None takes the rule's.
    """
    constants = _limits(overrides)
    wanted = constants.number("margin_minimum") if required_mm is None else required_mm
    found: list[Finding] = []
    least, without = counted_minimum_mm(margin), margin.subcapsular is not None
    if least is not None and least < wanted:
        where = " away from the capsule" if without and least != margin.numbers.minimum_mm else ""
        text = f"The least margin{where} is {shown(least, 'mm')}, below the {shown(wanted, 'mm')} asked for."
        if least < 0.0:
            text = f"Target is left: {shown(margin.numbers.uncovered_ml, 'mL')} outside the zone, by up to "
            text += f"{shown(-least, 'mm')}{where}."
        found.append(
            constants.finding(
                "target-left" if least < 0.0 else "small-margin",
                Severity.WARN,
                text,
                constant="margin_minimum",
                limit=wanted,
                measured=least,
                unit="mm",
            )
        )
    return (*found, *surface_findings(margin.target), *_capsule_findings(margin))


def surface_findings(target: TargetSurface) -> tuple[Finding, ...]:
    """How exact the surface is, and where it is the image's edge."""
    bound = target.bound
    severity = Severity.INFO if bound.measured else Severity.WARN
    found = [
        Finding(
            "margin-accuracy",
            severity,
            f"Accuracy: {bound.words}.",
            measured=bound.most_mm,
            unit="mm",
            source="benchmarks/margins.py",
            tag="calc",
        )
    ]
    if target.touches_edge:
        text = "The target reaches the edge of its image: there the surface is the image's and not the tumour's."
        found.append(Finding("target-cut", Severity.WARN, text))
    return tuple(found)


def zone_surface_findings(zone: TargetSurface) -> tuple[Finding, ...]:
    """Said where the mask of a zone is coarser or thinner than what was measured: its surface adds its own error."""
    if zone.bound.measured:
        return ()
    text = f"Accuracy of the zone: {zone.bound.words}."
    return (
        Finding(
            "zone-accuracy", Severity.WARN, text, measured=zone.bound.most_mm, unit="mm", source="benchmarks/margins.py"
        ),
    )


def _capsule_findings(margin: Margin) -> tuple[Finding, ...]:
    if margin.subcapsular is None or margin.subcapsular.numbers is not None:
        return ()
    text = "The whole surface of the target lies near the capsule: there is no margin without it."
    return (Finding("all-subcapsular", Severity.WARN, text, source="rule notes R14", tag="S"),)


def capsule_findings(capsule: Capsule) -> tuple[Finding, ...]:
    """Whether the organ's mask holds the target."""
    if capsule.organ_holds_target:
        return ()
    text = "The organ's mask leaves out most of the target; both were united before the capsule was looked for."
    return (Finding("organ-without-target", Severity.INFO, text),)


def numbers_json(numbers: MarginNumbers) -> dict[str, object]:
    """As the command line's contract names them."""
    return {
        "minimum_mm": numbers.minimum_mm,
        "mean_mm": numbers.mean_mm,
        "percentile_5_mm": numbers.percentile_5_mm,
        "covered_fraction": numbers.covered_fraction,
        "uncovered_ml": numbers.uncovered_ml,
        "surface_fraction": dict(numbers.surface_fraction),
    }
