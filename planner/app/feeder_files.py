"""``feeders`` of the command line: a tumour's feeders on files, with territory and view where they can be told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner.app.feeders import ARTERIAL, NOT_ABSENT, phase_findings, seen_on_words
from planner.app.image_masks import open_beside, whole_mask
from planner.app.images import open_image
from planner.app.phases import with_told_phase
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.resampling import resampled_mask
from planner.jobs import Context
from planner.model.vessel_items import FeederRow
from planner.planning.feeders import MARGIN_MM, FeederSearch, find_feeders
from planner.planning.path_target import target_in
from planner.planning.territories import Territories
from planner.planning.tree_extraction import tree_from_ct, tree_from_mask
from planner.planning.vessel_tree import VesselTree
from planner.planning.working_view import view_map


@dataclass(frozen=True, slots=True)
class FeederRequest:
    """The words of the command line; masks as ``FILE`` or ``FILE#LABEL``.

    Attributes
    ----------
    root_lps_mm
        Where the tree begins: in the aorta, or wherever the catheter comes from.
    vessels
        Mask of the arteries; None finds them in the image from the root.
    """

    ct: Path
    tumour: str
    root_lps_mm: tuple[float, float, float]
    vessels: str | None = None
    organ: str | None = None
    margin_mm: float = MARGIN_MM
    part: int | None = None


@dataclass(frozen=True, slots=True)
class _Reached:
    """What injections into all feeders reach together; None where it was not told."""

    coverage: float | None = None
    territory_ml: float | None = None
    healthy_ml: float | None = None


def root_word(text: str) -> tuple[float, float, float]:
    """``X,Y,Z`` in LPS mm.

    Raises
    ------
    UsageError
        ``bad-point``.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError("bad-point", f"--root {text!r} is not X,Y,Z in LPS mm.", subject=text) from None
    if not np.isfinite([x, y, z]).all():
        raise UsageError("bad-point", f"--root {text!r} is not X,Y,Z in LPS mm.", subject=text)
    return x, y, z


def feeder_files(request: FeederRequest, context: Context | None = None) -> tuple[dict[str, Any], list[Finding]]:
    """The document of ``feeders``, and its findings.

    Raises
    ------
    UsageError
        For a file or label that does not exist, and a margin that is none.
    InputRefused
        ``empty-mask``, ``mask-outside``, ``several-targets``, a root away from every vessel, and what readers refuse.
    FrameMismatch
        When a mask lies in another frame of reference than the image.
    """
    if not (np.isfinite(request.margin_mm) and 0.0 < request.margin_mm <= 50.0):
        raise UsageError("bad-margin", "--margin is a distance above 0 and up to 50 mm.")
    job = context or Context()
    volume = with_told_phase(open_image(request.ct, context=job.part(0.0, 0.15)), job.part(0.15, 0.2))
    target = target_in(_mask(request.tumour, volume, "the tumour"), request.part)
    if target.mask is None:
        raise InputRefused("empty-mask", "The tumour holds no voxel.", subject=request.tumour)
    organ = None if request.organ is None else _mask(request.organ, volume, "the organ")
    _require_inside(request, volume)
    began = time.perf_counter()
    tree = _tree(request, volume, job.part(0.2, 0.7))
    search = find_feeders(
        tree, target.mask, volume=volume, organ=organ, margin_mm=request.margin_mm, context=job.part(0.7, 0.8)
    )
    findings = _findings(volume, tree, search, organ)
    reached = _reached(tree, search, organ, target.mask, volume.source.phase, findings, job.part(0.8, 0.95))
    answer = {
        "feeders": [_row(each, rank) for rank, each in enumerate(search.feeders, start=1)],
        "tumour_coverage": reached.coverage,
        "territory_ml": reached.territory_ml,
        "non_target_ml": reached.healthy_ml,
        "working_view": _view(tree, search),
        "candidates": [_row(each, None) for each in search.candidates],
        "seconds": time.perf_counter() - began,
        "not_absent": NOT_ABSENT,
        "smallest_visible_mm": tree.smallest_visible_mm,
        "findings": [each.to_json() for each in findings],
    }
    job.step(1.0, "Feeders found")
    return answer, findings


def _mask(spec: str, volume: Volume, what: str) -> Mask:
    return whole_mask(open_beside(spec, volume), volume, spec, what)


def _require_inside(request: FeederRequest, volume: Volume) -> None:
    if not bool(volume.grid.contains_kji(volume.grid.kji_from_lps.points(request.root_lps_mm))):
        place = ", ".join(f"{value:.1f}" for value in request.root_lps_mm)
        raise InputRefused("root-outside", f"The root at {place} mm lies outside the image.", subject="root")


def _tree(request: FeederRequest, volume: Volume, job: Context) -> VesselTree:
    """From the mask of the vessels, or from the image."""
    if request.vessels is None:
        return tree_from_ct(volume, request.root_lps_mm, "artery", context=job)
    mask = _mask(request.vessels, volume, "the vessels")
    if not mask.grid.same_as(volume.grid):
        mask = resampled_mask(mask, volume.grid)
    return tree_from_mask(mask, root_lps_mm=request.root_lps_mm, volume=volume, kind="artery", context=job)


def _findings(volume: Volume, tree: VesselTree, search: FeederSearch, organ: Mask | None) -> list[Finding]:
    found = phase_findings(volume.source.phase, volume.source.series_uid)
    found += [Finding("vessel-tree", Severity.INFO, text) for text in tree.findings]
    found += [Finding("feeders-not-checked", Severity.WARN, text) for text in search.findings]
    if not search.feeders:
        found.append(Finding("no-feeder", Severity.WARN, f"No feeder was found on these images. {NOT_ABSENT}"))
    if organ is None:
        text = "No organ was given (--organ): no territory, no coverage and no healthy volume are told."
        found.append(Finding("no-organ", Severity.INFO, text))
    text = seen_on_words(volume.source.study_date, float(max(volume.grid.spacing_kji_mm)), tree.smallest_visible_mm)
    found.append(Finding("not-absent", Severity.INFO, f"{NOT_ABSENT} {text}"))
    return found


def _reached(
    tree: VesselTree,
    search: FeederSearch,
    organ: Mask | None,
    lesion: Mask,
    phase: str | None,
    findings: list[Finding],
    job: Context,
) -> _Reached:
    """Coverage and territory of injections into every feeder at its origin; nothing on images of another phase."""
    if organ is None or not search.feeders:
        return _Reached()
    if phase not in (ARTERIAL, None):
        text = f"No territory is told: these images are {phase}, and it needs an arterial phase."
        findings.append(Finding("territory-refused", Severity.WARN, text))
        return _Reached()
    prepared = Territories.of(tree, organ, {"tumour": lesion}, context=job)
    together = prepared.added_up([prepared.inject(each.segment, 0.0) for each in search.feeders])
    said = [*prepared.findings, "The territory is a model from the visible arteries; confirm it by DSA/CBCT."]
    findings += [Finding("territory", Severity.INFO, text) for text in said]
    return _Reached(together.coverage.get("tumour"), together.territory_ml, together.healthy_ml)


def _view(tree: VesselTree, search: FeederSearch) -> dict[str, float] | None:
    """The recommended working view of the first feeder."""
    if not search.feeders:
        return None
    found = view_map(tree, search.feeders[0].segment)
    if found.best is None:
        return None
    primary, secondary = found.best
    short, hidden = found.at(primary, secondary)
    return {"primary_deg": primary, "secondary_deg": secondary, "foreshortening": short, "overlap": hidden}


def _row(row: FeederRow, rank: int | None) -> dict[str, Any]:
    written: dict[str, Any] = {} if rank is None else {"rank": rank}
    return written | {
        "segment": row.segment,
        "path": list(row.segments),
        "entry_lps_mm": list(row.entry_lps_mm),
        "distance_mm": row.distance_mm,
        "share": row.share,
        "main": row.main,
        "diameter_mm": row.diameter_mm,
        "length_from_root_mm": row.length_from_root_mm,
        "total_turning_deg": row.total_turning_deg,
        "angle_deg": row.angle_deg,
        "doubtful": row.doubtful,
        "reason": row.reason,
    }


def words_of(answer: dict[str, Any]) -> Sequence[str]:
    """One line per feeder and candidate, as the table of the command line prints them."""
    from planner.units import shown

    lines = []
    for row in answer["feeders"]:
        supply = "share unknown" if row["main"] is None else "main" if row["main"] else "minor"
        width = shown(row["diameter_mm"], "mm", digits=1)
        way = shown(row["length_from_root_mm"], "mm", digits=0)
        doubt = ", doubtful" if row["doubtful"] else ""
        lines.append(
            f"{row['rank']}. {row['segment']}: {supply}, {width} wide, {way} from the root{doubt}. {row['reason']}"
        )
    lines += [f"not taken: {row['segment']}. {row['reason']}" for row in answer["candidates"]]
    return lines
