"""The organ that two studies are matched on, found from one image alone: lungs, liver, or the body.

Good enough to say where to compare; no outline is drawn that a plan may stand on. Everything is decided on an axial
grid of 3 mm. Levels in Hounsfield units are physics of the scale (air -1000, water 0) and of what a liver can measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputRefused, UsageError
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging.displacement import PointMap, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.volumes import Volume
from planner.jobs import Context

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]

ORGANS = ("auto", "liver", "lung", "body")

_SIZE_MM = 3.0
_PADDING_HU = -1100.0
"""Darker than any gas: filled by the scanner or by whoever cropped the image."""
_LUNG_HU = (-965.0, -450.0)
"""Blocks of lung hold septa and vessels and are brighter than gas; where emphysema is, only some of them are."""
_LUNG_SHARE = 0.25
"""A body of air is lung when more than this share of its inner blocks holds tissue; the room and bowel gas do not."""
_LEAST_LUNG_ML = 60.0
_CHEST_SHARE = 0.14
"""Of the body: with more lung than this the image is one of the chest."""
_LIVER_HU = (30.0, 240.0)
"""From fatty and plain to late arterial; what lies outside is no liver that can be found by its evenness."""
_LIVER_ML = (250.0, 4000.0)
_EVEN_WINDOW = 5
_BODY_HU = -250.0
_LEAST_BODY_ML = 50.0


@dataclass(frozen=True, eq=False)
class FoundOrgan:
    """An organ and where it lies, on the image's own grid."""

    organ: str
    mask: Mask


def organ_mask(volume: Volume, organ: str = "auto", context: Context | None = None) -> Mask:
    """The organ of `found_organ`; raises as that does."""
    return found_organ(volume, organ, context).mask


def found_organ(volume: Volume, organ: str = "auto", context: Context | None = None) -> FoundOrgan:
    """Find what to match on.

    Parameters
    ----------
    organ
        ``auto`` takes the lungs of a chest CT, the liver of an abdomen CT, and the body otherwise (and of any image
        that is no CT).

    Raises
    ------
    UsageError
        For another organ.
    InputRefused
        ``no-organ`` when a named one is not found, ``no-body`` when nothing but air is in the image.
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    if organ not in ORGANS:
        raise UsageError("no-such-organ", f"{organ!r} is none of the organs to match on: {', '.join(ORGANS)}.")
    is_ct = is_like_ct(volume)
    if not is_ct and organ in ("liver", "lung"):
        text = f"The {organ} is found automatically on CT only; give a mask of it, or match on the body."
        raise InputRefused("no-organ", text, subject=volume.source.series_uid)
    steps.step(0.0, "Thinning the image")
    coarse = _Coarse.of(volume, is_ct)
    if organ == "body" or not is_ct:
        return FoundOrgan("body", _on_volume(coarse.body, coarse.grid, volume))
    steps.step(0.4, "Looking for the organ")
    lung = _lung(coarse) if organ != "liver" else None
    if organ == "lung" or (lung is not None and _volume_ml(lung, coarse.grid) > _CHEST_SHARE * coarse.body_ml):
        if lung is None or not lung.any():
            text = "No lung was found in this image; give a mask of it, or match on the body."
            raise InputRefused("no-organ", text, subject=volume.source.series_uid)
        return FoundOrgan("lung", _on_volume(lung, coarse.grid, volume))
    steps.step(0.6, "Looking for the organ")
    liver = _liver(coarse)
    if liver is not None:
        return FoundOrgan("liver", _on_volume(liver, coarse.grid, volume))
    if organ == "liver":
        text = "No liver was found in this image; give a mask of it, or match on the body."
        raise InputRefused("no-organ", text, subject=volume.source.series_uid)
    return FoundOrgan("body", _on_volume(coarse.body, coarse.grid, volume))


def is_like_ct(volume: Volume) -> bool:
    """A CT, or an image of a file that names nothing and whose values reach from air to tissue like a CT's."""
    source = volume.source
    if source.modality is not None or source.unit is not None:
        return source.modality in (None, "CT") and source.unit in (None, "HU")
    some = np.asarray(volume.voxels).reshape(-1)[:: max(1, volume.voxels.size // 100_000)].astype(np.float64)
    some = some[np.isfinite(some)]
    return bool(some.size and np.percentile(some, 2.0) < -500.0 and np.percentile(some, 98.0) > 0.0)


@dataclass(frozen=True, eq=False)
class _Coarse:
    """(k, j, i) values of the coarse axial image and the body in it, lungs and gas filled."""

    values: Array
    body: Bools
    grid: Grid

    @staticmethod
    def of(volume: Volume, is_ct: bool) -> _Coarse:
        from planner.imaging.trunk_landmarks import coarse_axial

        thin = coarse_axial(volume, (_SIZE_MM,) * 3)
        values = np.nan_to_num(np.asarray(thin.voxels, dtype=np.float32), nan=-1024.0, posinf=3000.0, neginf=-1024.0)
        solid = values > (_BODY_HU if is_ct else _between(values))
        body = _filled(_largest(_opened(solid, 1)))
        if np.count_nonzero(body) * thin.grid.voxel_ml < _LEAST_BODY_ML:
            text = "No body is seen in this image; choose an image of the patient."
            raise InputRefused("no-body", text, subject=volume.source.series_uid)
        return _Coarse(values, body, thin.grid)

    @property
    def body_ml(self) -> float:
        return _volume_ml(self.body, self.grid)


def _lung(coarse: _Coarse) -> Bools | None:
    """Bodies of air that hold tissue; a lung may be open to the image's sides where a crop cuts it."""
    from planner.imaging.surfaces import centre_distance_mm

    dark, bright = _LUNG_HU
    airy = _around_body(coarse.body) & (coarse.values < bright) & (coarse.values > _PADDING_HU)
    parts, count = _labelled(_opened(airy, 1))
    if not count:
        return None
    deep = centre_distance_mm(~airy, (_SIZE_MM,) * 3) > 1.5 * _SIZE_MM
    sizes = np.bincount(parts.reshape(-1), minlength=count + 1) * coarse.grid.voxel_ml
    inner = np.bincount(parts[deep], minlength=count + 1)
    held = np.bincount(parts[deep & (coarse.values > dark)], minlength=count + 1)
    sizes[held < _LUNG_SHARE * np.maximum(inner, 1)] = 0.0
    sizes[0] = 0.0
    kept = (sizes >= _LEAST_LUNG_ML) & (sizes >= 0.1 * sizes.max())
    found: Bools = kept[parts]
    if not found.any():
        return None
    closed = _closed(found, 3) & (coarse.values < 200.0) & (coarse.values > _PADDING_HU)
    return _filled(closed | found)


def _liver(coarse: _Coarse) -> Bools | None:
    """The largest even organ of the right side, and what joins it with its brightness."""
    from scipy import ndimage

    even = ndimage.gaussian_filter(np.clip(coarse.values, -200.0, 400.0), 0.8, mode="nearest")
    mean = ndimage.uniform_filter(even, _EVEN_WINDOW, mode="nearest")
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(even * even, _EVEN_WINDOW, mode="nearest") - mean * mean, 0.0))
    columns = np.flatnonzero(coarse.body.any(axis=(0, 1)))
    middle = 0.5 * (columns[0] + columns[-1])
    right = np.arange(coarse.values.shape[2])[None, None, :] < middle
    soft = coarse.body & (mean > _LIVER_HU[0]) & (mean < _LIVER_HU[1])
    soft &= right
    if not np.count_nonzero(soft):
        return None
    quiet = max(10.0, 1.5 * float(np.percentile(spread[soft], 20.0)))
    seed = _largest(_opened(soft & (spread < quiet), 1))
    if np.count_nonzero(seed) * coarse.grid.voxel_ml < 0.4 * _LIVER_ML[0]:
        return None
    level = float(np.median(even[seed]))
    width = max(20.0, 3.0 * 1.4826 * float(np.median(np.abs(even[seed] - level))))
    alike = _opened(coarse.body & (np.abs(even - level) < width), 2)
    parts, count = _labelled(alike)
    if not count:
        return None
    held = np.bincount(parts[seed], minlength=count + 1)
    held[0] = 0
    found = _filled(_closed(parts == int(np.argmax(held)), 3)) & coarse.body
    return found if _LIVER_ML[0] <= _volume_ml(found, coarse.grid) <= _LIVER_ML[1] else None


def _on_volume(found: Bools, grid: Grid, volume: Volume) -> Mask:
    """On the image's own grid, with a smooth edge."""
    frame = lps(volume.grid.frame_uid)
    return warped_mask(Mask.of(grid, found), volume.grid, PointMap(SpaceMap(frame, frame, np.eye(4))))


def _between(values: Array) -> float:
    """The level that parts dark from bright best (Otsu, IEEE Trans SMC 1979;9:62, DOI 10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(values, bins=128)
    middles = 0.5 * (edges[1:] + edges[:-1])
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(middles[int(np.nanargmax(np.where(np.isfinite(apart), apart, 0.0)))])


def _volume_ml(found: Bools, grid: Grid) -> float:
    return float(np.count_nonzero(found)) * grid.voxel_ml


def _around_body(body: Bools) -> Bools:
    """The body and what a box around it holds in each slice: a lung open to the image's side lies in that."""
    found = np.zeros_like(body)
    rows: Bools = np.asarray(body.any(axis=2))
    columns: Bools = np.asarray(body.any(axis=1))
    for k in np.flatnonzero(rows.any(axis=1)):
        across, along = np.flatnonzero(rows[k]), np.flatnonzero(columns[k])
        found[k, across[0] : across[-1] + 1, along[0] : along[-1] + 1] = True
    return found


def _labelled(mask: Bools) -> tuple[NDArray[np.int32], int]:
    from scipy import ndimage

    parts, count = ndimage.label(mask)
    return np.asarray(parts, dtype=np.int32), int(count)


def _largest(mask: Bools) -> Bools:
    parts, count = _labelled(mask)
    if not count:
        return mask
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    found: Bools = parts == int(np.argmax(sizes))
    return found


def _opened(mask: Bools, voxels: int) -> Bools:
    from planner.imaging.surfaces import centre_distance_mm

    padded = np.pad(mask, 1, mode="edge")
    core = centre_distance_mm(~padded, (1.0, 1.0, 1.0)) > voxels
    grown = centre_distance_mm(core, (1.0, 1.0, 1.0)) <= voxels
    found: Bools = grown[1:-1, 1:-1, 1:-1] & mask
    return found


def _closed(mask: Bools, voxels: int) -> Bools:
    from planner.imaging.surfaces import centre_distance_mm

    padded = np.pad(mask, voxels + 1)
    grown = centre_distance_mm(padded, (1.0, 1.0, 1.0)) <= voxels
    kept = centre_distance_mm(~grown, (1.0, 1.0, 1.0)) > voxels
    inner = slice(voxels + 1, -voxels - 1)
    found: Bools = kept[inner, inner, inner] | mask
    return found


def _filled(mask: Bools) -> Bools:
    """Holes of each axial slice filled."""
    from scipy import ndimage

    flat = ndimage.generate_binary_structure(3, 1)
    flat[[0, 2]] = False
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    outside, _ = ndimage.label(~padded, structure=flat)
    open_parts = np.unique(outside[:, 0, 0])
    found: Bools = ~np.isin(outside, open_parts)[:, 1:-1, 1:-1]
    return found
