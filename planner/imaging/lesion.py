"""A lesion from a click: a closed surface around it, brighter or darker than the tissue it lies in, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.geometry import Grid
from planner.imaging import rays
from planner.imaging.lesion_alike import alike_body
from planner.imaging.lesion_edge import edge_shift_mm
from planner.imaging.lesion_guesses import Lattice, guesses
from planner.imaging.lesion_surface import Body, best_body, noise_of
from planner.imaging.masks import Box, Mask, ball_box, box_slices, union_box
from planner.imaging.morphology import filled
from planner.imaging.volumes import Volume

_BLUR_MM = 1.25
_FINE_BLUR_MM = 0.7
_BAND_MM = 1.5
"""How far from the smooth surface single voxels may still decide."""
_LEAST_WORTH = 0.4
"""A surface less well bounded than this is none."""
_LEAST_ENDED = 0.7
"""Share of the rays that end by a clear step, where several tissues lie around."""
_THIN_MM = 2.0
"""What is thinner than twice this about the edge is the blurred border of a vessel."""
_DAB_MM = (3.0, 8.0)
"""Radius of what an added click gives where nothing bounds it: enough to reach the lesion, within these."""


@dataclass(frozen=True, eq=False)
class _Region:
    """The neighbourhood of the clicks, blurred for the rays and less so for single voxels."""

    box: Box
    voxels: NDArray[np.float32]
    fine: NDArray[np.float32]
    grid: Grid

    def local(self, lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Indices (k, j, i) in the region's own array."""
        inside: NDArray[np.float64] = self.grid.kji_from_lps.points(lps_mm) - np.asarray(self.box[0])
        return inside

    def profiles(self, centre_lps_mm: NDArray[np.float64], limit_mm: float) -> NDArray[np.float64]:
        """See `rays.profiles`."""
        kji_from_mm = self.grid.kji_from_lps.homogeneous[:3, :3]
        return rays.profiles(self.voxels, self.local(centre_lps_mm), kji_from_mm, limit_mm)

    def lattice(self, click_lps_mm: NDArray[np.float64], limit_mm: float) -> Lattice:
        from scipy import ndimage

        at = self.local(Lattice.offsets_mm(limit_mm) + click_lps_mm)
        values = ndimage.map_coordinates(self.voxels, np.moveaxis(at, -1, 0), float, order=1, cval=np.nan)
        return Lattice.of(values)

    def offsets_mm(self, box: Box, centre_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, j, i, 3) LPS offsets of the voxel centres of a box from a point."""
        axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
        kji = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return self.grid.lps_from_kji.points(kji) - centre_lps_mm


def lesion_from_click(
    volume: Volume,
    click_lps_mm: ArrayLike,
    *,
    add: Sequence[ArrayLike] = (),
    remove: Sequence[ArrayLike] = (),
    limit_mm: float,
) -> Mask:
    """The lesion around a click, brighter or darker than what surrounds it.

    Parameters
    ----------
    click_lps_mm
        LPS point inside the lesion.
    add
        Further points inside: each that is not inside yet adds the part around it, and a ball where nothing bounds it.
    remove
        Points outside: voxels easier to reach from these than from the points inside are taken away.
    limit_mm
        Nothing farther than this from a click is searched.

    Raises
    ------
    OperatorError
        When a click lies outside the image, or nothing bounds the first clicked tissue within the limit.
    """
    clicks = [np.asarray(point, dtype=np.float64) for point in (click_lps_mm, *add)]
    for click in clicks:
        if volume.grid.nearest_index(click) is None:
            raise OperatorError("click-outside-image", "The click lies outside the image; click inside the lesion.")
    region = _region(volume, clicks, limit_mm)
    found = _around(region, clicks[0], limit_mm)
    for click in clicks[1:]:
        found = _with_part(region, found, click, limit_mm)
    box, voxels = found.box, found.voxels
    if len(remove):
        voxels = _without(region, box, voxels, clicks, [np.asarray(point, dtype=np.float64) for point in remove])
    result = Mask.of(volume.grid, voxels, box[0])
    return filled(result).apply(result)


def _region(volume: Volume, clicks: list[NDArray[np.float64]], limit_mm: float) -> _Region:
    from scipy import ndimage

    box = union_box(ball_box(volume.grid, click, limit_mm) for click in clicks)
    values = np.nan_to_num(np.asarray(volume.voxels[box_slices(box)], dtype=np.float32))
    blurred, fine = (
        ndimage.gaussian_filter(values, _sigma(blur, volume.grid), truncate=2.5) for blur in (_BLUR_MM, _FINE_BLUR_MM)
    )
    return _Region(box, blurred, fine, volume.grid)


def _sigma(blur_mm: float, grid: Grid) -> list[float]:
    """In voxels (k, j, i); less than a third of a voxel changes nothing but time."""
    return [blur_mm / step if blur_mm / step >= 0.3 else 0.0 for step in grid.spacing_kji_mm]


def _around(region: _Region, click: NDArray[np.float64], limit_mm: float) -> Mask:
    """The part around one click."""

    def profiles(centre_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return region.profiles(centre_lps_mm, limit_mm)

    values = profiles(click)
    noise = noise_of(values)
    found = list(guesses(region.lattice(click, limit_mm), values, noise, limit_mm))
    body = best_body(profiles, click, found, noise)
    if body is not None and body.worth >= _LEAST_WORTH:
        shift, capsule = edge_shift_mm(body.values, body.surface)
        return _voxels(region, replace(body, surface=np.maximum(body.surface + shift, 0.0)), click, smooth=capsule)
    body = alike_body(profiles, click, noise)
    if body is None or body.worth < _LEAST_ENDED:
        raise OperatorError(
            "no-boundary",
            f"Nothing bounds the tissue under the click within {limit_mm:g} mm; click elsewhere or draw the lesion.",
        )
    return _voxels(region, body, click, smooth=False)


def _with_part(region: _Region, mask: Mask, click: NDArray[np.float64], limit_mm: float) -> Mask:
    """The mask and the part around a further click."""
    if mask.contains(click):
        return mask
    try:
        part = _around(region, click, limit_mm)
    except OperatorError:
        part = _ball(region, click, _distance_mm(mask, click))
    box = union_box((mask.box, part.box))
    return Mask.of(mask.grid, mask.within(box) | part.within(box), box[0])


def _ball(region: _Region, click: NDArray[np.float64], radius_mm: float) -> Mask:
    radius = float(np.clip(radius_mm, *_DAB_MM))
    box = ball_box(region.grid, click, radius)
    near = np.linalg.norm(region.offsets_mm(box, click), axis=-1) <= radius
    return Mask.of(region.grid, near, box[0])


def _distance_mm(mask: Mask, click: NDArray[np.float64]) -> float:
    """From a point to the nearest voxel of a mask; infinite from none."""
    set_kji = np.argwhere(mask.voxels) + np.asarray(mask.box[0])
    if not len(set_kji):
        return float("inf")
    return float(np.linalg.norm(mask.grid.lps_from_kji.points(set_kji) - click, axis=1).min())


def _voxels(region: _Region, body: Body, click: NDArray[np.float64], *, smooth: bool) -> Mask:
    """Voxels inside the surface; unless it is to be smooth, each one's own value decides in a narrow band about it."""
    surface, spacing = body.surface, region.grid.spacing_kji_mm
    reach = float(surface.max()) + _BAND_MM + max(spacing)
    box = _shared_box(ball_box(region.grid, body.centre_lps_mm, reach), region.box)
    depth = rays.depth_mm(region.offsets_mm(box, body.centre_lps_mm), surface)
    chosen = depth < 0.0
    if not smooth:
        likeness = body.look.score(region.fine[box_slices(box, region.box[0])])
        chosen = (depth < -_BAND_MM) | ((depth < _BAND_MM) & (likeness - depth / (2.0 * _BAND_MM) > 0.0))
        chosen = _without_thin(chosen, spacing)
    index = np.asarray(region.grid.nearest_index(click)) - np.asarray(box[0])
    return Mask.of(region.grid, _part_at(chosen, index), box[0])


def _without_thin(chosen: NDArray[np.bool_], spacing_kji_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Opened by a ball; unchanged when the whole is that thin."""
    from scipy import ndimage

    deep = ndimage.distance_transform_edt(np.pad(chosen, 1), sampling=spacing_kji_mm)[1:-1, 1:-1, 1:-1] > _THIN_MM
    if not deep.any():
        return chosen
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~deep, sampling=spacing_kji_mm) <= _THIN_MM
    return chosen & near


def _part_at(chosen: NDArray[np.bool_], index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The connected part that holds a voxel, the largest where none does."""
    from scipy import ndimage

    parts, count = ndimage.label(chosen)
    if count < 2:
        return chosen
    here = parts[tuple(np.clip(index, 0, np.asarray(chosen.shape) - 1))]
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    part: NDArray[np.bool_] = parts == (here if here else int(np.argmax(sizes)))
    return part


def _shared_box(box: Box, other: Box) -> Box:
    low, high = np.maximum(box[0], other[0]), np.minimum(box[1], other[1])
    return (int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2]))


def _without(
    region: _Region,
    box: Box,
    voxels: NDArray[np.bool_],
    keep: list[NDArray[np.float64]],
    remove: list[NDArray[np.float64]],
) -> NDArray[np.bool_]:
    """Take away what is easier to reach from the points outside than from those inside, through the structure."""
    from planner.imaging.paths import arrival

    values = region.voxels[box_slices(box, region.box[0])]
    noise = max(1.4826 * float(np.median(np.abs(values[voxels] - np.median(values[voxels])))), 1e-3)
    spacing = region.grid.spacing_kji_mm
    seeds = []
    for points in (keep, remove):
        indices = [np.rint(region.grid.kji_from_lps.points(point)).astype(int) - np.asarray(box[0]) for point in points]
        seeds.append([index for index in indices if np.all((index >= 0) & (index < voxels.shape))])
    if not seeds[1]:
        return voxels
    from_inside = arrival(values / noise, voxels, seeds[0], spacing)
    from_outside = arrival(values / noise, voxels, seeds[1], spacing)
    return voxels & (from_inside < from_outside)
