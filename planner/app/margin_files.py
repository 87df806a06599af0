"""The margin of a target against a zone, both read from files: the contract's ``margin``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.app.image_masks import open_mask, sharing_frame
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.imaging import LabelMap
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.planning.margin_findings import (
    capsule_findings,
    exclusion_mm,
    margin_findings,
    numbers_json,
    zone_surface_findings,
)
from planner.planning.margin_map import MapSession
from planner.planning.margins import Capsule, MarginSession, capsule_of
from planner.planning.path_target import target_in
from planner.planning.target_surface import TargetSurface


@dataclass(frozen=True, slots=True)
class MarginRequest:
    """What the command line asks for; masks as ``FILE`` or ``FILE#LABEL``.

    Attributes
    ----------
    part
        Which part of the target's mask, from 1; needed when it holds several.
    """

    target: str
    zone: str
    capsule: str | None = None
    part: int | None = None


def margin_files(request: MarginRequest, context: Context | None = None) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The margin of a target's mask against a zone's, in any grids of one frame of reference.

    Raises
    ------
    UsageError
        For a file, label or part that does not exist.
    InputRefused
        ``empty-mask``, ``several-targets``, ``mask-outside``, and what the readers refuse.
    FrameMismatch
        When target, zone and organ lie in different frames of reference.
    """
    job = context or Context()
    labels = open_mask(request.target, context=job.part(0.0, 0.1))
    chosen = target_in(_mask(labels, "target", request.target), request.part)
    if chosen.mask is None:
        raise InputRefused("empty-mask", "The target holds no voxel.", subject=request.target)
    zone_labels = sharing_frame(open_mask(request.zone, context=job.part(0.1, 0.2)), labels)
    zone_mask = _mask(zone_labels, "zone", request.zone)
    target = TargetSurface.of(chosen.mask, job.part(0.2, 0.5))
    target.same_frame(zone_mask.grid.frame_uid)
    said = _speck_findings(chosen.specks) + _seen_findings(target, zone_mask, request.zone)
    zone = TargetSurface.of(zone_mask, job.part(0.5, 0.8))
    capsule = _capsule(request.capsule, labels, target, job.part(0.8, 0.9))
    margin = MarginSession(target, capsule).against(zone)
    drawn = MapSession(target).map(margin)
    findings = (
        *said,
        *margin_findings(margin),
        *zone_surface_findings(zone),
        *(() if capsule is None else capsule_findings(capsule)),
    )
    near = margin.subcapsular
    answer: dict[str, Any] = {
        **numbers_json(margin.numbers),
        "target_ml": margin.target_ml,
        "zone_ml": margin.numbers.zone_ml,
        "subcapsular": None
        if near is None
        else {
            "excluded_fraction": near.excluded_fraction,
            "minimum_mm": None if near.numbers is None else near.numbers.minimum_mm,
        },
        "minimum_at_lps_mm": list(margin.minimum_at_lps_mm),
        "sectors_mm": dict(drawn.sectors_mm),
        "accuracy_mm": {"mean": target.bound.mean_mm, "most": target.bound.most_mm, "measured": target.bound.measured},
        "findings": [each.to_json() for each in findings],
    }
    job.step(1.0, "Measured")
    return answer, findings


def _mask(labels: LabelMap, what: str, spec: str) -> Mask:
    mask = Mask.of(labels.grid, labels.voxels != 0)
    if mask.is_empty:
        text = f"The mask of the {what} ({spec}) is empty; mark it first, or name another label."
        raise InputRefused("empty-mask", text, subject=spec)
    return mask


def _capsule(spec: str | None, labels: LabelMap, target: TargetSurface, job: Context) -> Capsule | None:
    if spec is None:
        return None
    organ = sharing_frame(open_mask(spec, context=job), labels)
    return capsule_of(target, _mask(organ, "organ", spec), exclusion_mm())


def _speck_findings(specks: int) -> tuple[Finding, ...]:
    if not specks:
        return ()
    text = f"Left out of the target: {specks} specks apart from it, each under a hundredth of its size."
    return (Finding("specks", Severity.WARN, text, measured=float(specks)),)


def _seen_findings(target: TargetSurface, zone: Mask, spec: str) -> tuple[Finding, ...]:
    """Whether the image of the zone shows the target at all.

    Raises
    ------
    InputRefused
        ``mask-outside`` when it does not.
    """
    seen = zone.grid.contains_kji(zone.grid.kji_from_lps.points(target.vertices_lps_mm))
    if not seen.any():
        text = f"The target lies outside the image of the zone ({spec}); check that they belong together."
        raise InputRefused("mask-outside", text, subject=spec)
    if seen.all():
        return ()
    share = float(np.mean(~seen))
    text = f"{100.0 * share:.0f} % of the target's surface lies outside the image of the zone: counted as not covered."
    return (Finding("zone-image-cut", Severity.WARN, text, subject=spec, measured=share),)
