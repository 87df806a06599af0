"""Couinaud segments as they were drawn or segmented in a case, on the images of any day; a person corrects them."""

from __future__ import annotations

import re

import numpy as np

from planner.app.frame_links import point_map
from planner.app.marking import load_mask, region_of
from planner.geometry import Grid
from planner.imaging import Label, LabelMap
from planner.imaging.displacement import warped_mask
from planner.imaging.masks import Mask, box_slices
from planner.imaging.resampling import resampled_mask
from planner.model.case import Case
from planner.model.items import REGION, RegionBody
from planner.store.library import Library

_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
_NAMED = re.compile(r"^(?:liver[ _-]?)?segment[ _-]?(?:([1-8])|(VIII|VII|VI|IV|V|III|II|I))$", re.IGNORECASE)


def numeral_of(structure: str | None, name: str) -> str | None:
    """``VIII`` of ``liver_segment_8`` or ``Segment VIII``, by the structure or else by the name; None otherwise."""
    for text in (structure, name):
        found = _NAMED.match(text.strip()) if text else None
        if found is not None:
            return _NUMERALS[int(found[1]) - 1] if found[1] else str(found[2]).upper()
    return None


def segments_on(library: Library, case: Case, frame_uid: str, grid: Grid) -> LabelMap | None:
    """Segments drawn in a case on a grid, brought over by reviewed links from the newest session that has any.

    None where the case has none, or none that a reviewed link leads to.

    Raises
    ------
    InputRefused, StoreError
        Where a mask or a field cannot be read.
    """
    for session in reversed(case.sessions):
        regions = [(item.name, region_of(item)) for item in session.items if item.type == REGION]
        named = [(numeral_of(body.structure, name), body) for name, body in regions if body.lesion_id is None]
        drawn = [(numeral, body) for numeral, body in named if numeral is not None]
        if not drawn:
            continue
        placed = _placed(library, case, drawn, frame_uid, grid)
        if placed is not None:
            return placed
    return None


def _placed(
    library: Library, case: Case, drawn: list[tuple[str, RegionBody]], frame_uid: str, grid: Grid
) -> LabelMap | None:
    voxels, labels = np.zeros(grid.size_kji, dtype=np.uint8), {}
    for value, (numeral, body) in enumerate(drawn, start=1):
        there = point_map(library, case, frame_uid, body.blob.frame_uid)
        if there is None:
            return None
        mask = warped_mask(load_mask(library, body.blob), grid, there)
        if not mask.is_empty:
            voxels[box_slices(mask.box)][mask.voxels] = value
        labels[value] = Label(value, f"segment {numeral}")
    return LabelMap(voxels, grid, labels)


def segment_of(mask: Mask, segments: LabelMap) -> str | None:
    """The Couinaud segment (``I`` to ``VIII``) that holds most of a lesion; None where none holds any.

    Raises
    ------
    FrameMismatch
        ``mixed-frames`` where lesion and segments lie in different frames of reference.
    """
    own = resampled_mask(mask, segments.grid)
    if own.is_empty:
        return None
    (k0, j0, i0), (k1, j1, i1) = own.box
    values = np.asarray(segments.voxels[k0:k1, j0:j1, i0:i1])[own.voxels]
    named = {value: numeral_of(label.structure, label.name) for value, label in segments.labels.items()}
    counts = {name: int(np.count_nonzero(values == value)) for value, name in named.items() if name is not None}
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None
