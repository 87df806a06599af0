"""What of a lesion enhances: its volume by subtraction (qEASL), its diameters (mRECIST, EASL), and oil retained in it.

Two images of one day and one frame of reference are subtracted. Oil-dense voxels on CT, and what lies beside them, are
left out and said; a lesion with any of them has no complete answer: "Lipiodol: MR or not evaluable".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.clinical.comparisons import above, at_least
from planner.errors import FrameMismatch, InputRefused
from planner.imaging.masks import Box, Mask, box_slices, padded_box, union_box
from planner.imaging.measure import Diameter, outline_of
from planner.imaging.resampling import resampled, resampled_mask
from planner.imaging.volumes import Volume
from planner.jobs import Context
from planner.planning.change_maps import ViabilityMap, enhancement, lipiodol_map, viability_map
from planner.planning.change_settings import setting, source_and_tag

_CATALOGUE = "enhancement.toml"
_LIPIODOL = "lipiodol.toml"
_AROUND_MM = 10.0
"""What is read around a lesion, so that its edge can be averaged."""
_MOST_OUTLINE_POINTS = 300
_PAIRS_AT_ONCE = 256
_DIRECTIONS = 24
_GLANCES = (0.5, 0.25, 0.75, 0.375, 0.625, 0.125, 0.875, 0.4375, 0.5625, 0.3125, 0.6875)
"""Shares of a line that are looked at first: most lines that cross necrosis are found there."""
_BRIDGED_PIXELS = 1.0
"""A gap of a pixel on a line is the staircase of the edge; a wider one is necrosis."""


@dataclass(frozen=True, eq=False)
class EnhancingPart:
    """What of a lesion enhances.

    Attributes
    ----------
    part
        On the grid of the enhanced image, cut around the lesion.
    volume_ml, lesion_ml
        Of the part and of the whole lesion.
    threshold, unit
        Rise from which a voxel enhances, in ``HU`` on CT and ``%`` of the signal before contrast elsewhere.
    source, tag
        Of the threshold.
    oil_share
        Share of the lesion that is oil, or beside it: it was not judged.
    unsure_share
        Share that rises by less than enhancement and more than none, or is not shown on both images.
    notes
        One sentence each, to be shown beside every number.
    """

    part: Mask
    volume_ml: float
    lesion_ml: float
    threshold: float
    unit: str
    source: str
    tag: str
    oil_share: float
    unsure_share: float
    notes: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all of the lesion could be judged; otherwise its numbers are a lower bound and no response."""
        return self.oil_share == 0.0

    @property
    def enhancing_ml(self) -> float | None:
        """For an observation: None where oil hides a part, never the rest alone."""
        return self.volume_ml if self.is_complete else None

    @property
    def viable_mm(self) -> float | None:
        """Longest axial diameter of the viable part (mRECIST); None where oil hides a part, 0 where none is left."""
        if not self.is_complete:
            return None
        found = viable_diameter(self.part)
        return 0.0 if found is None else found.length_mm

    @property
    def enhancing_mm(self) -> tuple[float, float] | None:
        """The two perpendicular diameters of EASL; None where oil hides a part."""
        if not self.is_complete:
            return None
        found = perpendicular_diameters(self.part)
        return (0.0, 0.0) if found is None else (found[0].length_mm, found[1].length_mm)


def enhancing_part(
    lesion: Mask,
    before: Volume,
    after: Volume,
    *,
    reference: Mask | None = None,
    said_unenhanced: bool = False,
    context: Context | None = None,
) -> EnhancingPart:
    """The enhancing part of a lesion by subtraction of two registered images of one day.

    Parameters
    ----------
    before, after
        Without contrast medium and in the phase that is read (late arterial), in one frame of reference.
    reference
        Liver without tumour: sets the threshold of qEASL (its mean rise and so many standard deviations). None takes
        the limit of enhancement of the settings.
    said_unenhanced
        A person says that a CT of unknown phase is unenhanced.

    Raises
    ------
    FrameMismatch
        ``mixed-frames``: the images, or the lesion, are not of one frame of reference.
    InputRefused
        ``empty-mask``, ``other-modality``, ``not-unenhanced``, ``small-reference``.
    """
    job = context or Context()
    if not before.grid.frame_uid == after.grid.frame_uid == lesion.grid.frame_uid:
        text = "Lesion and both images need one frame of reference; bring them over by a reviewed link first."
        raise FrameMismatch("mixed-frames", text, subject=before.source.series_uid)
    own = _on(lesion, after)
    if own.is_empty:
        raise InputRefused("empty-mask", "The lesion does not lie in these images; mark it on them.")
    normal = None if reference is None else _on(reference, after)
    boxes = [own.box] if normal is None or normal.is_empty else [own.box, normal.box]
    enhanced = _cropped(after, padded_box(union_box(boxes), _AROUND_MM, after.grid))
    job.step(0.2, "Bringing both images onto one grid")
    plain = resampled(before, enhanced.grid)
    own = resampled_mask(own, enhanced.grid)
    is_ct = after.source.unit == "HU"
    job.step(0.5, "Looking for oil")
    oil = lipiodol_map(plain, own, said_unenhanced=said_unenhanced) if is_ct else None
    rise = enhancement(enhanced, plain)
    found = viability_map(own, rise, oil)
    job.step(0.8, "Measuring what enhances")
    if normal is None:
        name = "enhancing" if is_ct else "enhancing_mr"
        return _answer(found, found.viable, setting(name), source_and_tag(name))
    limit, origin = _threshold(rise, resampled_mask(normal, enhanced.grid), oil)
    return _answer(found, _above(found, rise, limit), limit, origin)


def _on(mask: Mask, volume: Volume) -> Mask:
    return mask if mask.grid.same_as(volume.grid) else resampled_mask(mask, volume.grid)


def _cropped(volume: Volume, box: Box) -> Volume:
    return Volume(volume.voxels[box_slices(box)], volume.grid.cropped(*box), volume.source)


def _threshold(rise: Volume, normal: Mask, oil: Mask | None) -> tuple[float, tuple[str, str]]:
    """The threshold of qEASL from liver without tumour."""
    entries = catalogue(_CATALOGUE)["reference"]
    if normal.is_empty:
        raise InputRefused("small-reference", "The reference region does not lie in these images; mark it on them.")
    inside = normal.voxels.copy()
    if oil is not None:
        inside &= ~oil.within(normal.box)
    values = np.asarray(rise.voxels[box_slices(normal.box)], dtype=np.float64)[inside]
    values = values[np.isfinite(values)]
    least = int(entries["least_voxels"]["value"])
    if values.size < least:
        text = (
            f"The reference region has {values.size} voxels that count; at least {least} are needed: mark more liver."
        )
        raise InputRefused("small-reference", text)
    factor = entries["factor"]
    limit = float(values.mean() + float(factor["value"]) * values.std(ddof=1))
    return limit, (str(factor["source"]), str(factor["tag"]))


def _above(found: ViabilityMap, rise: Volume, limit: float) -> Mask:
    """Voxels of the lesion above a threshold, oil left out."""
    box = found.lesion.box
    values = np.asarray(rise.voxels[box_slices(box)], dtype=np.float64)
    known = found.lesion.voxels & ~found.not_evaluable.within(box) & np.isfinite(values)
    # A comparison with NaN is False: what is not shown does not enhance and is counted as unsure elsewhere.
    return Mask.of(rise.grid, known & (np.nan_to_num(values, nan=-np.inf) > limit), box[0])


def _answer(found: ViabilityMap, part: Mask, threshold: float, origin: tuple[str, str]) -> EnhancingPart:
    whole = found.lesion.count
    oil, unsure = found.not_evaluable.count / whole, found.unsure.count / whole
    return EnhancingPart(
        part=part,
        volume_ml=part.volume_ml,
        lesion_ml=found.lesion.volume_ml,
        threshold=threshold,
        unit=found.unit,
        source=origin[0],
        tag=origin[1],
        oil_share=oil,
        unsure_share=unsure,
        notes=found.notes,
    )


def viable_diameter(part: Mask) -> Diameter | None:
    """The longest line in one slice k that stays within the part: necrosis in between is not bridged (mRECIST).

    None for an empty part.
    """
    found = _longest(part)
    return None if found is None else found[0]


def perpendicular_diameters(part: Mask) -> tuple[Diameter, Diameter] | None:
    """The longest line within the part, and the longest in the same slice at a right angle to it (EASL).

    Neither bridges necrosis. None for an empty part.
    """
    found = _longest(part)
    if found is None:
        return None
    first, at = found
    return first, _across(part, at, first)


def _longest(part: Mask) -> tuple[Diameter, int] | None:
    """The longest inner line of all slices, and its slice in the mask's box."""
    best: tuple[float, int, NDArray[np.float64]] | None = None
    spacing = np.asarray(part.grid.spacing_kji_mm[1:])
    outlines = [(at, _outline(layer) * spacing) for at, layer in enumerate(part.voxels) if layer.any()]
    # A slice whose whole extent is shorter than the best line so far cannot hold a longer one.
    outlines.sort(key=lambda each: -_extent(each[1]))
    for at, points in outlines:
        if best is not None and _extent(points) <= best[0]:
            break
        found = _inner_line(part.voxels[at], points, spacing, 0.0 if best is None else best[0])
        if found is not None:
            best = (float(np.linalg.norm(found[1] - found[0])), at, found)
    if best is None:
        return None
    return _diameter(part, best[1], best[2] / spacing), best[1]


def _extent(points: NDArray[np.float64]) -> float:
    """No shorter than any line between two of the points, and hardly longer than the longest."""
    half = np.pi / (2 * _DIRECTIONS)
    angles = 2.0 * half * np.arange(_DIRECTIONS)
    places = points @ np.stack([np.cos(angles), np.sin(angles)])
    # A line lies within `half` of one of the directions, where it is foreshortened by no more than its cosine.
    return float((places.max(axis=0) - places.min(axis=0)).max() / np.cos(half))


def _outline(layer: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, 2) row and column of the outline; where there are many points, some of them."""
    found = outline_of(layer)
    return found[:: max(1, -(-len(found) // _MOST_OUTLINE_POINTS))]


def _inner_line(
    layer: NDArray[np.bool_], points: NDArray[np.float64], spacing: NDArray[np.float64], least_mm: float
) -> NDArray[np.float64] | None:
    """(2, 2) mm: ends of the longest line between outline points that stays inside; None if none beats `least_mm`."""
    one, two = np.triu_indices(len(points), 1)
    lengths = np.linalg.norm(points[one] - points[two], axis=1)
    order = np.flatnonzero(lengths > least_mm)
    order = order[_may_stay_inside(layer, points[one[order]] / spacing, points[two[order]] / spacing)]
    order = order[np.argsort(-lengths[order], kind="stable")]
    for start in range(0, len(order), _PAIRS_AT_ONCE):
        chosen = order[start : start + _PAIRS_AT_ONCE]
        inside = _stays_inside(layer, points[one[chosen]], points[two[chosen]], spacing)
        if inside.any():
            best = chosen[int(np.argmax(inside))]
            return np.stack([points[one[best]], points[two[best]]])
    return None


def _may_stay_inside(
    layer: NDArray[np.bool_], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Of each line, False where one of a few places on it has nothing within a pixel: it crosses a wider gap there."""
    from scipy import ndimage

    near = ndimage.binary_dilation(np.pad(layer, 2), structure=np.ones((3, 3), dtype=bool))
    stays = np.ones(len(start), dtype=np.bool_)
    for share in _GLANCES:
        left = np.flatnonzero(stays)
        stays[left] = _sampled(near, start[left] + share * (end[left] - start[left]) + 2.0)
    return stays


def _stays_inside(
    layer: NDArray[np.bool_], start: NDArray[np.float64], end: NDArray[np.float64], spacing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Of each line, whether no stretch of it longer than a pixel lies outside."""
    step = 0.25 * float(spacing.min())
    longest = float(np.linalg.norm(end - start, axis=1).max())
    count = max(2, int(np.ceil(longest / step)))
    along = (np.arange(count) + 0.5) / count
    at = start[:, None] + along[None, :, None] * (end - start)[:, None]
    outside = ~_sampled(layer, at / spacing)
    # Every line has the same number of samples, so a short one is sampled more finely than needed.
    lengths = np.linalg.norm(end - start, axis=1)
    allowed = _BRIDGED_PIXELS * float(spacing.max()) / np.maximum(lengths, step) * count
    stays: NDArray[np.bool_] = _longest_run(outside) <= allowed
    return stays


def _sampled(layer: NDArray[np.bool_], at: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The layer at fractional rows and columns; outside it there is nothing."""
    index = np.floor(at + 0.5).astype(np.int64)
    known = np.all((index >= 0) & (index < np.asarray(layer.shape)), axis=-1)
    clipped = np.clip(index, 0, np.asarray(layer.shape) - 1)
    found: NDArray[np.bool_] = known & layer[clipped[..., 0], clipped[..., 1]]
    return found


def _longest_run(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Per row, the length of the longest run of True."""
    run = np.zeros(flags.shape[0], dtype=np.int64)
    best = np.zeros_like(run)
    for column in flags.T:
        run = np.where(column, run + 1, 0)
        np.maximum(best, run, out=best)
    return best


def _across(part: Mask, at: int, first: Diameter) -> Diameter:
    """The longest inner line of a slice at a right angle to another; at least the width of a pixel."""
    spacing = np.asarray(part.grid.spacing_kji_mm[1:])
    layer = part.voxels[at]
    ends = _in_slice(part, first) * spacing
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    aside = np.array([-along[1], along[0]])
    step = 0.25 * float(spacing.min())
    reach = _extent(_outline(layer) * spacing)
    middle = 0.5 * (ends[0] + ends[1])
    places = np.arange(-reach, reach + step, step)
    lattice = middle + places[:, None, None] * along + places[None, :, None] * aside
    inside = _sampled(layer, lattice / spacing)
    best, line = 0, 0
    stop = 0
    gap = int(np.floor(_BRIDGED_PIXELS * float(spacing.max()) / step))
    for row in np.flatnonzero(inside.any(axis=1)):
        length, last = _solid_run(inside[row], gap)
        if length > best:
            best, line, stop = length, int(row), last
    low, high = stop - best + 0.5, stop + 0.5
    offsets = np.interp([low, high], np.arange(len(places)), places)
    points = middle + places[line] * along + offsets[:, None] * aside
    return _diameter(part, at, points / spacing)


def _solid_run(flags: NDArray[np.bool_], gap: int) -> tuple[int, int]:
    """Length and last index of the longest run of True in which no gap is wider than `gap`."""
    inside = np.flatnonzero(flags)
    breaks = np.flatnonzero(np.diff(inside) > gap + 1)
    starts = inside[np.concatenate(([0], breaks + 1))]
    stops = inside[np.concatenate((breaks, [len(inside) - 1]))]
    best = int(np.argmax(stops - starts))
    return int(stops[best] - starts[best] + 1), int(stops[best])


def _in_slice(part: Mask, found: Diameter) -> NDArray[np.float64]:
    """(2, 2) row and column, in the mask's box, of a diameter's ends."""
    kji = part.grid.kji_from_lps.points(np.stack([found.start_lps_mm, found.end_lps_mm]))
    rows: NDArray[np.float64] = kji[:, 1:] - np.asarray(part.box[0][1:])
    return rows


def _diameter(part: Mask, at: int, ends: NDArray[np.float64]) -> Diameter:
    kji = np.insert(ends, 0, float(at), axis=1) + np.asarray(part.box[0])
    points = part.grid.lps_from_kji.points(kji)
    return Diameter(float(np.linalg.norm(points[1] - points[0])), points[0], points[1])


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of a lesion holds Lipiodol.

    Attributes
    ----------
    percent
        Of the lesion's volume.
    code, title
        Of ``resources/lipiodol.toml``; the code is what an observation keeps.
    """

    percent: float
    code: str
    title: str
    source: str
    tag: str


def lipiodol_retention(unenhanced: Volume, lesion: Mask, *, said_unenhanced: bool = False) -> Retention:
    """The grade of Lipiodol retained in a lesion on unenhanced CT after a chemoembolisation.

    Raises
    ------
    InputRefused
        ``not-ct``, ``not-unenhanced``, ``empty-mask``.
    FrameMismatch
        ``mixed-frames``.
    """
    own = _on(lesion, unenhanced)
    if own.is_empty:
        raise InputRefused("empty-mask", "The lesion does not lie in this image; mark it on it.")
    oil = lipiodol_map(unenhanced, own, said_unenhanced=said_unenhanced)
    return graded(100.0 * oil.count / own.count)


def graded(percent: float) -> Retention:
    """The grade of a share of oil, %."""
    table = catalogue(_LIPIODOL)["retention"]
    row: Mapping[str, Any] = next(each for each in table["grade"] if _holds(each, percent))
    source, tag = row.get("source", table["source"]), row.get("tag", table["tag"])
    return Retention(percent, str(row["code"]), str(row["title"]), str(source), str(tag))


def _holds(row: Mapping[str, Any], percent: float) -> bool:
    if "above" in row:
        return above(percent, float(row["above"]))
    return at_least(percent, float(row["at_least"]))
