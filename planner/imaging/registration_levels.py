"""Two images on one axial grid, coarse to fine, with the features that are matched and the weight of every voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid, SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.displacement import PointMap, warped, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.resampling import downsampled
from planner.imaging.volumes import Volume

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]
Window = tuple[float, float]

_NOWHERE = -32768.0
"""Stands for "no image here" while images are brought onto a grid; no CT or MR value is that low."""
_MARGIN_MM = 20.0
_NOISE_SHARE = 2.0
_PATCH_MARGIN = 2


@dataclass(frozen=True, eq=False)
class Prepared:
    """Both images on the finest grid.

    Attributes
    ----------
    grid
        Axial, cubic voxels, in the fixed frame.
    fixed, moving
        (k, j, i) windowed values; what was left out holds the nearest value that was not.
    fixed_weight, moving_weight
        (k, j, i) 0 where nothing is compared, 1 where it is.
    """

    grid: Grid
    fixed: Array
    moving: Array
    fixed_weight: Array
    moving_weight: Array

    def halved(self) -> Prepared:
        """Means over 2 x 2 x 2 voxels; what does not fill a block at the far end is left out."""
        k, j, i = (size // 2 for size in self.grid.size_kji)
        homogeneous = self.grid.lps_from_kji.homogeneous.copy()
        homogeneous[:3, 3] = self.grid.lps_from_kji.points((0.5, 0.5, 0.5))
        homogeneous[:3, :3] *= 2.0
        grid = Grid((k, j, i), SpaceMap(lps(self.grid.frame_uid), "kji", homogeneous), self.grid.frame_uid)
        images = (self.fixed, self.moving, self.fixed_weight, self.moving_weight)
        return Prepared(grid, *(_halved(image) for image in images))

    @property
    def can_be_halved(self) -> bool:
        return min(self.grid.size_kji) >= 12


@dataclass(frozen=True, eq=False)
class Level:
    """Features of both images at one resolution: (k, j, i, channels), and weights (k, j, i)."""

    grid: Grid
    fixed: Array
    moving: Array
    fixed_weight: Array
    moving_weight: Array

    @property
    def spacing_mm(self) -> float:
        return self.grid.spacing_kji_mm[0]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What is to be compared.

    Attributes
    ----------
    region
        Of the fixed frame: the organ and what is wanted around it.
    windows
        Lowest and highest value that is told apart, of the fixed and of the moving image.
    left_out_fixed, left_out_moving
        Not compared, each in its own frame.
    """

    region: Mask
    windows: tuple[Window, Window]
    left_out_fixed: Mask | None = None
    left_out_moving: Mask | None = None


def working_grid(region: Mask, spacing_mm: float) -> Grid:
    """The axial grid of cubic voxels around a structure, with room for what comes from outside."""
    low, high = region.grid.cropped(*region.box).bounds_lps_mm
    size = np.ceil((high - low + 2.0 * _MARGIN_MM)[::-1] / spacing_mm).astype(int) + 1
    k, j, i = (int(each + each % 2) for each in size)
    return Grid.of(
        (k, j, i), origin_lps_mm=low - _MARGIN_MM, spacing_kji_mm=(spacing_mm,) * 3, frame_uid=region.grid.frame_uid
    )


def prepared(fixed: Volume, moving: Volume, start: PointMap, compared: Compared, spacing_mm: float) -> Prepared:
    """Both images on the working grid, the moving one through `start`.

    Raises
    ------
    FrameMismatch
        When a mask does not lie in its image's frame.
    """
    grid = working_grid(compared.region, spacing_mm)
    frame = lps(grid.frame_uid)
    same = PointMap(SpaceMap(frame, frame, np.eye(4)))
    own, own_seen = _on_grid(fixed, grid, same, compared.windows[0], compared.left_out_fixed, spacing_mm)
    other, other_seen = _on_grid(moving, grid, start, compared.windows[1], compared.left_out_moving, spacing_mm)
    region = warped_mask(compared.region, grid, same).full()
    return Prepared(grid, own, other, (region & own_seen).astype(np.float32), other_seen.astype(np.float32))


def level_of(images: Prepared) -> Level:
    """Features of both images; those of the moving one also around what is compared, as far as it may move."""
    from scipy import ndimage

    region = images.fixed_weight > 0.0
    wanted = ndimage.binary_dilation(region, iterations=2)
    reach = max(2, round(_MARGIN_MM / images.grid.spacing_kji_mm[0]))
    around = ndimage.maximum_filter(region, size=2 * reach + 1)
    features = tuple(
        _features(image, where, _noise(image, region))
        for image, where in ((images.fixed, wanted), (images.moving, around))
    )
    moving_weight = np.where(around, images.moving_weight, np.float32(0.0))
    return Level(images.grid, features[0], features[1], images.fixed_weight, moving_weight)


def _on_grid(
    volume: Volume, grid: Grid, point_map: PointMap, window: Window, left_out: Mask | None, spacing_mm: float
) -> tuple[Array, Bools]:
    """The windowed image and where it may be compared."""
    from scipy import ndimage

    factors = [
        min(size, max(1, int(spacing_mm / spacing + 0.3)))
        for size, spacing in zip(volume.grid.size_kji, volume.grid.spacing_kji_mm, strict=True)
    ]
    thin = downsampled(volume, (factors[0], factors[1], factors[2])) if max(factors) > 1 else volume
    image = np.array(warped(thin, grid, point_map, _NOWHERE).voxels, dtype=np.float32)
    broken = ~np.isfinite(image)
    seen = ~broken & (image > _NOWHERE)
    image[broken] = window[0]
    image = np.clip(image, *window)
    if left_out is not None and not left_out.is_empty:
        out = warped_mask(left_out, grid, point_map).full()
        if out.any() and not out.all():
            nearest = ndimage.distance_transform_edt(out, return_distances=False, return_indices=True)
            image[out] = image[tuple(axis[out] for axis in nearest)]
        seen &= ~ndimage.binary_dilation(out)
    return np.ascontiguousarray(image), seen


def _halved(image: Array) -> Array:
    k, j, i = (size // 2 for size in image.shape)
    blocks = image[: 2 * k, : 2 * j, : 2 * i].reshape(k, 2, j, 2, i, 2)
    found: Array = np.ascontiguousarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))
    return found


def _noise(image: Array, region: Bools) -> float:
    """Mean squared difference of patches that noise alone makes (robust, from neighbours along i)."""
    gaps = np.abs(np.diff(image, axis=2))[region[:, :, 1:]]
    if not gaps.size:
        return 1.0
    spread = 1.4826 * float(np.median(gaps))
    return max(_NOISE_SHARE * spread * spread, 1e-6 * float(np.var(image)) + 1e-9)


def _features(image: Array, where: Bools, noise: float) -> Array:
    from planner.imaging import registration_feature_kernels as kernels

    padded = np.pad(image, _PATCH_MARGIN, mode="edge")
    wanted = where.astype(np.uint8)
    features = np.zeros((*image.shape, kernels.CHANNELS), dtype=np.float32)
    in_bands(len(image), lambda a, b: kernels.self_similarity(padded, wanted, noise, features, a, b), least_rows=2)
    return features
