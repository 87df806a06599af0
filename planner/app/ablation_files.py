"""``ablate`` of the command line: applicators placed for a target on files, each with a path where a CT is given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from planner.app.device_rows import all_devices
from planner.app.image_masks import open_beside, whole_mask
from planner.app.images import open_image
from planner.app.needle_path_files import AvoidWord
from planner.app.templates import installed
from planner.app.zone_planning import PlannedCover, plan_settings
from planner.clinical.registry import rule
from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.geometry.patient_positions import PatientPosition, position_from_dicom
from planner.imaging import LabelMap, Volume
from planner.imaging.masks import Mask
from planner.imaging.structures import structure_named
from planner.jobs import Context
from planner.model.needle_rules import NeedleRules
from planner.planning.coverage import MOST_APPLICATORS, Avoided
from planner.planning.coverage_access import Access, PlacedApplicator
from planner.planning.devices import Device, device_named
from planner.planning.obstacles import Obstacle
from planner.planning.path_target import Target, target_in
from planner.planning.zone_findings import must_not_be_hurt

DEFAULT_TEMPLATE = "ablation"
DEFAULT_MARGIN = ("ablation_diameter", "margin_minimum")
"""Rule and constant of the margin that holds when nobody names one."""
MOST_BY_DEFAULT = 6
SHAFT_MM = 150.0
"""How far up the shaft the entry is put where nothing is known of the skin, and the device gives no length."""


@dataclass(frozen=True, slots=True)
class AblationRequest:
    """The words of the command line. `margin_mm` None takes the rule's least margin."""

    target: str
    device: str
    setting: str | None = None
    margin_mm: float | None = None
    maximum: int = MOST_BY_DEFAULT
    ct: Path | None = None
    avoid: tuple[AvoidWord, ...] = ()
    part: int | None = None
    skin: str | None = None
    automatic: bool = True
    device_folder: Path | None = None


def ablate_files(request: AblationRequest, context: Context | None = None) -> tuple[dict[str, Any], list[Finding]]:
    """The document of ``ablate``, and its findings.

    Raises
    ------
    UsageError
        For a device, setting, file or label that does not exist, and a name given twice.
    InputRefused
        ``row-without-axes``, ``outside-chart``, ``empty-mask``, ``mask-outside``, ``several-targets``, ``bad-margin``,
        ``bad-applicators``, and what the readers refuse.
    FrameMismatch
        When masks and image lie in different frames of reference.
    """
    job = context or Context()
    device = device_named(all_devices(request.device_folder), request.device)
    margin_mm = _margin(request)
    _require_sane(request)
    volume = None if request.ct is None else open_image(request.ct, context=job.part(0.0, 0.2))
    labels = open_beside(request.target, volume)
    target = target_in(whole_mask(labels, volume, request.target, "target"), request.part)
    reference = volume if volume is not None else labels
    given = {word.name: _mask(word.file, reference, volume, word.name) for word in request.avoid}
    avoided = [Avoided(word.name, given[word.name], _keep_mm(word)) for word in request.avoid]
    findings: list[Finding] = []
    access = _access(request, device, volume, target, given, findings, job.part(0.2, 0.5))
    planned = plan_settings(
        target,
        device,
        request.setting,
        margin_mm=margin_mm,
        avoided=avoided,
        vessels={name: mask for name, mask in given.items() if _is_vessel(name)},
        access=access,
        shaft_mm=device.usable_length_mm or SHAFT_MM,
        maximum=request.maximum,
        context=job.part(0.5, 1.0),
    )
    findings += planned.findings
    if access is None:
        text = "No CT was given: entries are points up the shaft, not on the skin, and paths were NOT CHECKED."
        findings.append(Finding("no-paths", Severity.WARN, text))
    return _document(planned, margin_mm, findings), findings


def _margin(request: AblationRequest) -> float:
    if request.margin_mm is not None:
        if not math.isfinite(request.margin_mm) or not 0.0 <= request.margin_mm <= 100.0:
            raise InputRefused("bad-margin", "--margin needs a distance between 0 and 100 mm.", subject="margin")
        return request.margin_mm
    name, constant = DEFAULT_MARGIN
    return rule(name).constants.number(constant)


def _require_sane(request: AblationRequest) -> None:
    names = [word.name.casefold() for word in request.avoid]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError("name-twice", f"--avoid {twice[0]} is given twice; give the two masks different names.")
    if not 1 <= request.maximum <= MOST_APPLICATORS:
        raise UsageError("bad-applicators", f"--max-applicators is 1 to {MOST_APPLICATORS}.")


def _keep_mm(word: AvoidWord) -> float:
    """As given; else what the rule calls red for a structure that must not be hurt, and otherwise just not inside."""
    if word.hard_mm is not None:
        return word.hard_mm
    return rule("zone_near_structure").constants.number("red_below") if must_not_be_hurt(word.name) else 0.0


def _is_vessel(name: str) -> bool:
    known = structure_named(name)
    key = (known.key if known is not None else name).casefold()
    return any(word in key for word in ("vessel", "vein", "artery", "aorta", "vena", "portal", "hepatic"))


def _mask(spec: str, reference: Volume | LabelMap, volume: Volume | None, what: str) -> Mask:
    labels = open_beside(spec, reference)
    if labels.grid.frame_uid != reference.grid.frame_uid:
        text = f"The {what} {spec} and the target lie in different frames of reference; link the two studies first."
        raise FrameMismatch("mixed-frames", text, subject=spec)
    return whole_mask(labels, volume, spec, what)


def _access(
    request: AblationRequest,
    device: Device,
    volume: Volume | None,
    target: Target,
    given: Mapping[str, Mask],
    findings: list[Finding],
    job: Context,
) -> Access | None:
    """The body, and what shafts keep away from: what was given, and what the CT shows by itself."""
    if volume is None:
        return None
    from planner.imaging.automatic_structures import body_mask

    found = _found_on_ct(request, volume, findings, job)
    if request.skin is not None:
        body = _mask(request.skin, volume, volume, "skin")
    else:
        body = found["skin"] if "skin" in found else body_mask(volume, job)
    rules = _needle_rules()
    known = {name.casefold() for name in given}
    masks = dict(given)
    for key, mask in found.items():
        if key == "skin" or key in known or mask.is_empty:
            continue
        if mask.contains(target.point_lps_mm):
            text = f"The target lies inside what was found as {key}; {key} is not avoided here."
            findings.append(Finding("target-in-structure", Severity.WARN, text, subject=key))
            continue
        masks[key] = mask
    position = position_from_dicom(volume.source.patient_position) or PatientPosition()
    return Access(
        body=body,
        obstacles=tuple(_obstacle(name, mask, rules) for name, mask in masks.items()),
        rules=replace(rules, limits={}),
        diameter_mm=device.outer_diameter_mm or 0.0,
        usable_length_mm=device.usable_length_mm,
        position=position,
    )


def _found_on_ct(request: AblationRequest, volume: Volume, findings: list[Finding], job: Context) -> Mapping[str, Mask]:
    """What the CT shows by itself, and what is said of what was not looked for."""
    from planner.imaging.automatic_structures import automatic_structures

    if not request.automatic:
        text = "NOT CHECKED: bone, lung, gas and vessels were not looked for."
        findings.append(Finding("automatic-off", Severity.INFO, text))
        return {}
    try:
        answer = automatic_structures(volume, job)
    except InputRefused as refused:
        text = f"NOT CHECKED: bone, lung, gas and vessels were not found automatically ({refused.message})"
        findings.append(Finding("automatic-failed", Severity.WARN, text))
        return {}
    for text in answer.not_looked_for:
        findings.append(Finding("not-looked-for", Severity.INFO, f"NOT CHECKED: {text}"))
    return answer.masks


def _needle_rules() -> NeedleRules:
    default = installed().templates.get(DEFAULT_TEMPLATE)
    return NeedleRules("ablation") if default is None or default.needle is None else default.needle


def _obstacle(name: str, mask: Mask, rules: NeedleRules) -> Obstacle:
    known = structure_named(name)
    limit = rules.structure(known.key if known is not None else name)
    if limit is None:
        return Obstacle(name, mask, 0.0, 0.0)
    return Obstacle(name, mask, limit.hard_mm, limit.desired_mm, source=limit.source, tag=limit.tag)


def _document(planned: PlannedCover, margin_mm: float, findings: Sequence[Finding]) -> dict[str, Any]:
    plan, chart = planned.plan, planned.plan.chart
    return {
        "applicators": [_applicator(each, planned) for each in planned.placed],
        "covered_fraction": planned.cover.fraction,
        "target_covered_fraction": planned.cover.target_fraction,
        "covered": planned.cover.covered,
        "minimum_mm": planned.minimum_mm,
        "minus_sd": None
        if planned.minus_sd is None
        else {
            "minimum_mm": planned.minus_sd.minimum_mm,
            "covered_fraction": planned.minus_sd.cover.fraction,
            "covered": planned.minus_sd.cover.covered,
        },
        "margin_mm": margin_mm,
        "zone_ml": planned.zone_ml,
        "collateral_ml": planned.collateral_ml,
        "clearances_mm": planned.clearance_mm,
        "lower_bound": {
            "applicators": plan.bound.count * chart.applicators,
            "same_direction": plan.bound.parallel_count * chart.applicators,
            "reason": plan.bound.reason,
        },
        "setting": chart.setting,
        "tissue": chart.tissue,
        "source": chart.source,
        "tag": chart.tag,
        "simulated": chart.simulated,
        "seconds": planned.seconds,
        "findings": [each.to_json() for each in findings],
    }


def _applicator(placed: PlacedApplicator, planned: PlannedCover) -> dict[str, Any]:
    applicator, chart = placed.applicator, placed.applicator.chart
    zone = planned.zones[placed.zone]
    return {
        "entry_lps_mm": applicator.entry_lps_mm,
        "tip_lps_mm": applicator.tip_lps_mm,
        "device": chart.device,
        "setting": chart.setting,
        "long_mm": chart.long_mm,
        "short_mm": chart.short_mm,
        "tip_offset_mm": chart.tip_offset_mm,
        "centre_lps_mm": zone.centre_lps_mm,
        "axis_lps": zone.axis_lps,
        "length_mm": placed.length_mm if placed.on_skin else None,
        "entry_on_skin": placed.on_skin,
        "turned_deg": placed.turned_deg,
        "clearances_mm": {key: found.mm for key, found in placed.clearances.items()},
        "path_breaks": list(placed.broken),
    }
