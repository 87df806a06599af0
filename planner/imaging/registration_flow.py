"""A smooth field of displacements from the features of two images, coarse to fine.

Robust Gauss-Newton steps; each solves for the whole field at once (Gauss-Seidel). Where nothing is compared the field
continues what lies around it. At the end it is smoothed wherever it would fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.bands import in_bands
from planner.imaging.registration_levels import Array, Level
from planner.jobs import Context


@dataclass(frozen=True, slots=True)
class Smoothness:
    """How a field is kept smooth.

    Attributes
    ----------
    stiff_mm
        Details of the field smaller than this are damped where the images tell as much as they do on average.
    viscous_mm
        The same for the change made in one step.
    steps
        Per level, coarse to fine; the last number holds for all further ones.
    """

    stiff_mm: float
    viscous_mm: float
    steps: tuple[int, ...] = (14, 12, 10)


_SWEEPS = 16
_BLUR_NODES = 0.8
_MOST_VOXELS = 1.0
_FIRST_USUAL, _LEAST_USUAL = 0.05, 0.01
_SMALL_VOXELS = 0.02
_LEAST_STRETCH = 0.15
"""Of the determinant of the map; below it the field is smoothed on."""
_MOST_SMOOTHINGS = 60


def field_of_levels(levels: list[Level], smoothness: Smoothness, context: Context) -> tuple[Grid, Array]:
    """The displacement (k, j, i, 3; x, y, z in mm) on its grid of nodes.

    Parameters
    ----------
    levels
        Coarse to fine, both images in the fixed frame.

    Raises
    ------
    Cancelled
        When the operator cancelled.
    """
    vectors_mm: Array | None = None
    grid: Grid | None = None
    for number, level in enumerate(levels):
        nodes_grid = node_grid(level)
        begin = np.zeros((*nodes_grid.size_kji, 3), dtype=np.float32)
        if vectors_mm is not None and grid is not None:
            begin = resampled_vectors(vectors_mm, grid, nodes_grid)
        steps = smoothness.steps[min(number, len(smoothness.steps) - 1)]
        part = context.part(number / len(levels), (number + 1) / len(levels))
        vectors_mm = _descended(level, begin, steps, smoothness, part)
        grid = nodes_grid
    if vectors_mm is None or grid is None:
        raise ValueError("a field needs at least one level")
    return grid, unfolded(vectors_mm, grid.spacing_kji_mm[0])[..., ::-1].copy()


def node_grid(level: Level) -> Grid:
    """The nodes of a level: the middles of blocks of 2 x 2 x 2 voxels, the last of them filled or not."""
    k, j, i = ((size + 1) // 2 for size in level.grid.size_kji)
    step = 2.0 * level.spacing_mm
    origin = level.grid.lps_from_kji.points((0.5, 0.5, 0.5))
    return Grid.of((k, j, i), origin_lps_mm=origin, spacing_kji_mm=(step,) * 3, frame_uid=level.grid.frame_uid)


def resampled_vectors(vectors: Array, grid: Grid, wanted: Grid) -> Array:
    """Vectors on another axial grid, held beyond the outermost nodes."""
    from scipy import ndimage

    places = wanted.lps_from_kji.points(np.stack([np.arange(max(wanted.size_kji))] * 3, axis=-1))
    along = grid.kji_from_lps.points(places)
    axes = [along[: wanted.size_kji[axis], axis] for axis in range(3)]
    at = np.meshgrid(*axes, indexing="ij")
    parts = [ndimage.map_coordinates(vectors[..., axis], at, order=1, mode="nearest") for axis in range(3)]
    found: Array = np.stack(parts, axis=-1).astype(np.float32)
    return found


def _descended(level: Level, begin_mm: Array, steps: int, smoothness: Smoothness, context: Context) -> Array:
    from planner.imaging import registration_flow_kernels as kernels

    nodes = np.ascontiguousarray(begin_mm / np.float32(level.spacing_mm))
    sums = np.empty((*nodes.shape[:3], 9), dtype=np.float32)
    apart = np.empty(nodes.shape[:3], dtype=np.float32)
    images = (level.fixed, level.moving, level.fixed_weight, level.moving_weight)
    spacing = 2.0 * level.spacing_mm
    stiff, viscous = (smoothness.stiff_mm / spacing) ** 2, (smoothness.viscous_mm / spacing) ** 2
    usual = _FIRST_USUAL
    for step in range(steps):
        context.step(step / steps, "Bending the image to fit")

        def gather(first: int, last: int, nodes: Array = nodes, usual: float = usual) -> None:
            kernels.field_sums(*images, nodes, usual, sums, apart, first, last)

        in_bands(len(nodes), gather, least_rows=1)
        seen = apart >= 0.0
        if not seen.any():
            break
        usual = max(_LEAST_USUAL, float(np.median(apart[seen])))
        smooth = _smoothed(sums)
        size = float(np.mean(smooth[seen][:, :3]))
        if size <= 0.0:
            break
        smooth /= np.float32(size)
        wanted = _relaxed(smooth, nodes, stiff, viscous)
        change = np.clip(wanted - nodes, -_MOST_VOXELS, _MOST_VOXELS)
        nodes = nodes + change
        if float(np.sqrt(np.mean(change[seen] ** 2))) < _SMALL_VOXELS:
            break
    found: Array = nodes * np.float32(level.spacing_mm)
    return found


def _smoothed(sums: Array) -> Array:
    from scipy import ndimage

    return np.ascontiguousarray(
        np.stack(
            [ndimage.gaussian_filter(sums[..., term], _BLUR_NODES, mode="constant", truncate=2.5) for term in range(9)],
            axis=-1,
        )
    )


def _relaxed(sums: Array, nodes: Array, stiff: float, viscous: float) -> Array:
    from planner.imaging import registration_flow_kernels as kernels

    wanted, inverses = nodes.copy(), np.empty_like(sums)
    held = stiff + viscous
    in_bands(len(nodes), lambda a, b: kernels.relax_inverses(sums, nodes, held, inverses, a, b), least_rows=2)
    for sweep in range(2 * _SWEEPS):
        colour = sweep % 2

        def half(first: int, last: int, colour: int = colour) -> None:
            kernels.relax(inverses, nodes, wanted, stiff, viscous, colour, first, last)

        in_bands(len(nodes), half, least_rows=2)
    return wanted


def unfolded(vectors_mm: Array, spacing_mm: float) -> Array:
    """The field (z, y, x) smoothed around the places where it would fold or almost does."""
    from scipy import ndimage

    found = vectors_mm
    for _ in range(_MOST_SMOOTHINGS):
        bad = stretches(found, spacing_mm) < _LEAST_STRETCH
        if not bad.any():
            break
        share = ndimage.gaussian_filter(ndimage.binary_dilation(bad, iterations=3).astype(np.float32), 1.0)[..., None]
        blurred = np.stack(
            [ndimage.gaussian_filter(found[..., axis], 1.0, mode="nearest") for axis in range(3)], axis=-1
        )
        found = found + share * (blurred - found)
    return found


def stretches(vectors_mm: Array, spacing_mm: float) -> NDArray[np.float32]:
    """Determinant of the identity plus the field's slopes at the nodes; vectors along k, j, i."""
    from planner.imaging import registration_kernels as kernels

    kji_from_mm = np.eye(3) / spacing_mm
    result = np.empty(vectors_mm.shape[:3], dtype=np.float32)
    whole = np.ascontiguousarray(vectors_mm)
    whole.setflags(write=False)
    in_bands(len(whole), lambda a, b: kernels.jacobians(whole, kji_from_mm, np.eye(3), result, a, b), least_rows=2)
    return result
