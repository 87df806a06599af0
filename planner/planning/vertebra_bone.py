"""One vertebra as a signed distance, fine enough to measure a pedicle: sampled at points, lines and oblique boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.masks import Box, Mask, padded_box
from planner.imaging.resampling import resampled
from planner.imaging.surfaces import signed_distance_mm
from planner.imaging.volumes import ImageSource, Volume

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

AROUND_MM = 14.0
"""Kept around the vertebra, so that distances outside it are known as well."""
FINEST_MM = 1.05
"""Masks with larger voxels are divided: a pedicle of three voxels has no middle otherwise."""

_BLUR_VOXELS = 0.6

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoneField:
    """Signed distance (mm, negative inside) from the surface of one structure.

    Attributes
    ----------
    grid
        Of `distance_mm`; the cropped and divided grid of the mask.
    voxel_mm
        Longest edge of a voxel of the mask as it was given: what the surface is known to.
    image
        The whole grid of the mask; beyond it nothing is known.
    """

    grid: Grid
    distance_mm: NDArray[np.float32]
    voxel_mm: float
    image: Grid

    @cached_property
    def rows(self) -> Floats:
        """(3, 4) upper rows of kji_from_lps."""
        return np.ascontiguousarray(self.grid.kji_from_lps.homogeneous[:3])

    @cached_property
    def points_lps_mm(self) -> Floats:
        """(n, 3) voxel centres inside, thinned to some ten thousand."""
        inside = np.argwhere(self.distance_mm < 0)
        thinned: Floats = self.grid.lps_from_kji.points(inside[:: max(1, len(inside) // 12_000)])
        return thinned

    def at(self, points_lps_mm: ArrayLike) -> NDArray[np.float32]:
        """Distances at points (..., 3), linear between voxel centres."""
        from planner.planning.vertebra_kernels import sample_points

        given = np.asarray(points_lps_mm, dtype=np.float64)
        flat = np.ascontiguousarray(given.reshape(-1, 3))
        found = np.empty(len(flat), dtype=np.float32)
        in_bands(
            len(flat),
            lambda first, last: sample_points(self.distance_mm, self.rows, flat, found, first, last),
            least_rows=20_000,
        )
        return found.reshape(given.shape[:-1])

    @cached_property
    def surface_lps_mm(self) -> Floats:
        """(n, 3) points where the surface crosses the lines between neighbouring voxel centres."""
        field, found = self.distance_mm, []
        for axis in range(3):
            first = np.moveaxis(field, axis, 0)[:-1]
            second = np.moveaxis(field, axis, 0)[1:]
            at = np.argwhere((first < 0) != (second < 0))
            a, b = first[tuple(at.T)], second[tuple(at.T)]
            kji = np.insert(at[:, 1:].astype(np.float64), axis, at[:, 0] + a / (a - b), axis=1)
            found.append(self.grid.lps_from_kji.points(kji))
        return np.concatenate(found)

    @cached_property
    def _nearest_surface(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(self.surface_lps_mm)

    def measured(self, points_lps_mm: ArrayLike) -> Floats:
        """Distances at points (n, 3) to the surface itself, negative inside.

        Between voxel centres `at` cuts off the ridge in the middle of a pedicle, by up to half a voxel; this does not.
        """
        given = np.asarray(points_lps_mm, dtype=np.float64)
        apart: Floats = self._nearest_surface.query(given)[0]
        return np.where(self.at(given) < 0, -apart, apart)

    def leaves_image(self, points_lps_mm: ArrayLike) -> bool:
        """Whether any of some points lies beyond the centres of the image's outermost voxels."""
        kji = self.image.kji_from_lps.points(points_lps_mm)
        within = (kji >= 0.0) & (kji <= np.asarray(self.image.size_kji) - 1.0)
        return not bool(within.all())

    def gradient(self, point_lps_mm: ArrayLike) -> Floats:
        """(3,) unit direction in which the distance grows: towards the nearest wall from inside."""
        reach = 0.5 * float(np.mean(self.grid.spacing_kji_mm)) + 0.25
        steps = np.concatenate([np.eye(3), -np.eye(3)]) * reach
        values = self.at(np.asarray(point_lps_mm, dtype=np.float64) + steps).astype(np.float64)
        slope: Floats = values[:3] - values[3:]
        length = float(np.linalg.norm(slope))
        return slope / length if length > 1e-9 else slope

    def same_grid(self, distance_mm: NDArray[np.float32]) -> BoneField:
        """Another structure on this grid."""
        return replace(self, distance_mm=distance_mm)


def bone_field(mask: Mask) -> BoneField:
    """The field of a mask.

    The voxels are divided until none is longer than `FINEST_MM` and the surface is the level of one half of the
    linearly interpolated mask: staircases of thick slices become slopes.

    Raises
    ------
    InputRefused
        ``empty-mask``.
    """
    if mask.is_empty:
        raise InputRefused("empty-mask", "The vertebra's mask is empty; choose another label or mark the vertebra.")
    voxel = float(max(mask.grid.spacing_kji_mm))
    grid = _divided(mask.grid, mask.box)
    return BoneField(grid, _smooth(mask, grid), voxel, mask.grid)


def field_on(mask: Mask, grid: Grid) -> NDArray[np.float32]:
    """Signed distance of another mask of the same frame, on a grid; 1e6 where nothing of it lies inside."""
    return _signed(mask, grid)


def _divided(grid: Grid, box: Box) -> Grid:
    """The box and its surroundings with shorter voxels; it may reach beyond the image, where there is no bone."""
    spacing = np.asarray(grid.spacing_kji_mm)
    around = np.ceil(AROUND_MM / spacing).astype(int)
    factors = np.maximum(1, np.ceil(spacing / FINEST_MM)).astype(int)
    corner = np.asarray(box[0]) - around
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, 3] = grid.lps_from_kji.points(corner + (1.0 / factors - 1.0) / 2.0)
    homogeneous[:3, :3] /= factors[None, :]
    k, j, i = (int(size) for size in (np.asarray(box[1]) + around - corner) * factors)
    return Grid((k, j, i), SpaceMap(lps(grid.frame_uid), KJI, homogeneous), grid.frame_uid)


def _signed(mask: Mask, grid: Grid) -> NDArray[np.float32]:
    """Plain distance, true to half a voxel."""
    inside: NDArray[np.bool_] = _shares(mask, grid, 0.0) >= 0.5
    return signed_distance_mm(inside, grid.spacing_kji_mm)


def _smooth(mask: Mask, grid: Grid) -> NDArray[np.float32]:
    """Distance whose surface lies between voxels.

    The mask blurred by a Gaussian is, across a flat surface, the normal distribution of the distance: its inverse,
    divided by its own slope, says how far each voxel next to the surface is from it at any obliquity. Voxels deeper
    inside take the distance to the nearest voxel outside, less what that one lies beyond the surface. A rod of radius
    r comes out thinner by (blur)^2 / 2r.
    """
    from scipy import ndimage
    from scipy.special import ndtri

    share = _shares(mask, grid, _BLUR_VOXELS)
    inside = share >= 0.5
    signed = signed_distance_mm(inside, grid.spacing_kji_mm)
    spacing = np.asarray(grid.spacing_kji_mm)
    near = np.argwhere(np.abs(signed) <= 2.0 * float(spacing.max()))
    low, high = np.maximum(near.min(axis=0) - 1, 0), near.max(axis=0) + 2
    block = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    level = -ndtri(np.clip(share[block], 1e-3, 1.0 - 1e-3)).astype(np.float32)
    slope = np.sqrt(sum(np.gradient(level, float(edge), axis=axis) ** 2 for axis, edge in enumerate(spacing)))
    beyond = np.clip(level / np.maximum(slope, 1e-3), -spacing.max(), spacing.max())
    within = inside[block]
    apart, nearest = ndimage.distance_transform_edt(within, sampling=spacing, return_indices=True)
    deep = np.maximum(apart - np.maximum(beyond[tuple(nearest)], 0.0), 0.0)
    edge_on = within & (apart <= 1.01 * float(spacing.max()))
    depth = np.where(edge_on, np.abs(beyond), deep)
    signed[block] = np.where(within, -np.maximum(depth, 1e-3), signed[block])
    return signed


def _shares(mask: Mask, grid: Grid, blur_voxels: float) -> NDArray[np.float32]:
    """How much of each place belongs to the mask: linear between its voxels, blurred before by so many of them."""
    from scipy import ndimage

    box = padded_box(mask.box, 2.0 * AROUND_MM, mask.grid)
    share = mask.within(box).astype(np.float32)
    if blur_voxels > 0.0:
        share = ndimage.gaussian_filter(share, blur_voxels, mode="constant")
    fine = resampled(Volume(share, mask.grid.cropped(*box), ImageSource("mask")), grid, outside=0.0)
    return np.asarray(fine.voxels, dtype=np.float32)
