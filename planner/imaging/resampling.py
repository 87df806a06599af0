"""Volumes and label maps on other grids of the same frame of reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask
from planner.imaging.slicing import Interpolation, readable
from planner.imaging.volumes import LabelMap, Volume


def resampled(
    volume: Volume, grid: Grid, *, interpolation: Interpolation = "linear", outside: float | None = None
) -> Volume:
    """The volume on another grid.

    Parameters
    ----------
    outside
        Value where the volume has none; None is NaN. Give one (air) to keep whole numbers: with NaN, and for
        any interpolation but ``nearest``, the result is float32.

    Returns
    -------
    float32; with ``nearest`` and a value for outside, of the volume's own type.

    Raises
    ------
    FrameMismatch
        When the grid lies in another frame of reference.
    """
    _same_frame(volume.grid, grid)
    if interpolation == "nearest" and outside is not None:
        voxels = _layers(volume.voxels, volume.grid, grid, "nearest", volume.voxels.dtype, outside)
    else:
        fill = float("nan") if outside is None else outside
        voxels = _layers(volume.voxels, volume.grid, grid, interpolation, np.dtype(np.float32), fill)
    step = f"resampled to {_size_text(grid)}, {interpolation}"
    return Volume(voxels, grid, replace(volume.source, provenance=(*volume.source.provenance, step)))


def resampled_labels(labels: LabelMap, grid: Grid) -> LabelMap:
    """The label map on another grid, by the voxel that holds each centre; 0 outside.

    Raises
    ------
    FrameMismatch
        When the grid lies in another frame of reference.
    """
    _same_frame(labels.grid, grid)
    voxels = _layers(labels.voxels, labels.grid, grid, "nearest", labels.voxels.dtype, 0)
    return replace(labels, voxels=voxels, grid=grid)


def resampled_mask(mask: Mask, grid: Grid) -> Mask:
    """A structure on another grid, by the voxel that holds each centre.

    Raises
    ------
    FrameMismatch
        When the grid lies in another frame of reference.
    """
    _same_frame(mask.grid, grid)
    if mask.is_empty:
        return Mask.empty(grid)
    cropped = mask.grid.cropped(*mask.box)
    voxels = _layers(mask.voxels, cropped, grid, "nearest", np.dtype(np.uint8), 0)
    return Mask.of(grid, voxels.view(np.bool_))


def downsampled(volume: Volume, factors_kji: tuple[int, int, int]) -> Volume:
    """Blocks of voxels averaged into one, for a fast preview; what does not fill a block at the far end is left out.

    Returns
    -------
    float32 for floating voxels, else of the volume's own type, rounded.

    Raises
    ------
    ValueError
        For a factor below 1 or larger than the volume.
    """
    if min(factors_kji) < 1 or any(f > n for f, n in zip(factors_kji, volume.grid.size_kji, strict=True)):
        raise ValueError(f"blocks of {factors_kji} voxels do not fit into {volume.grid.size_kji}")
    k, j, i = (n // f for n, f in zip(volume.grid.size_kji, factors_kji, strict=True))
    a, b, c = factors_kji
    floating = np.issubdtype(volume.voxels.dtype, np.floating)
    result = np.empty((k, j, i), dtype=np.float32 if floating else volume.voxels.dtype)
    for layer in range(k):
        block = volume.voxels[layer * a : (layer + 1) * a, : j * b, : i * c].reshape(a, j, b, i, c)
        mean = block.mean(axis=(0, 2, 4), dtype=np.float32)
        result[layer] = mean if floating else np.rint(mean)
    step = f"averaged over blocks of {a} x {b} x {c} voxels"
    source = replace(volume.source, provenance=(*volume.source.provenance, step))
    return Volume(result, _coarser(volume.grid, factors_kji), source)


def _coarser(grid: Grid, factors_kji: tuple[int, int, int]) -> Grid:
    """The grid of the blocks: their centres, in the same frame."""
    factors = np.asarray(factors_kji, dtype=np.float64)
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, :3] *= factors[None, :]
    homogeneous[:3, 3] = grid.lps_from_kji.points((factors - 1.0) / 2.0)
    k, j, i = (n // f for n, f in zip(grid.size_kji, factors_kji, strict=True))
    return Grid((k, j, i), SpaceMap(lps(grid.frame_uid), KJI, homogeneous), grid.frame_uid)


def _layers(
    voxels: NDArray[np.generic],
    source: Grid,
    target: Grid,
    interpolation: Interpolation,
    voxel_type: np.dtype[np.generic],
    outside: float,
) -> NDArray[np.generic]:
    """Each slice k of the target grid is a slice through the source."""
    from planner.imaging import slicing_kernels as kernels

    plain = readable(voxels)
    steps = source.kji_from_lps.after(target.lps_from_kji).homogeneous
    image = np.empty(target.size_kji, dtype=np.uint8 if voxel_type == np.bool_ else voxel_type)
    fill = image.dtype.type(outside)
    column_step, row_step = np.ascontiguousarray(steps[:3, 2]), np.ascontiguousarray(steps[:3, 1])

    def fill_layers(first: int, last: int) -> None:
        for layer in range(first, last):
            start = steps[:3, 3] + layer * steps[:3, 0]
            rows = target.size_kji[1]
            if interpolation == "linear":
                kernels.slice_linear(plain, start, row_step, column_step, fill, image[layer], 0, rows)
            else:
                kernels.slice_nearest(plain, start, row_step, column_step, fill, image[layer], 0, rows)

    in_bands(target.size_kji[0], fill_layers, least_rows=1)
    return image


def _same_frame(source: Grid, target: Grid) -> None:
    if source.frame_uid != target.frame_uid:
        raise FrameMismatch(
            "mixed-frames", "The two images belong to different frames of reference; link the two studies first."
        )


def _size_text(grid: Grid) -> str:
    return " x ".join(str(size) for size in grid.size_kji)
