"""Volume rendering on the processor: our own ray caster, for machines without a graphics card.

It reads the voxels where they lie (no copy, no stored gradients), leaps over what the preset does not show and over
everything outside the body, and ends a ray behind which nothing can be seen. VTK draws surfaces, tubes and planes
first; their depth ends the rays, so both stand in one picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging import Volume
from planner.imaging.slicing import readable
from viewers.scene.volume_body import block_steps, body_blocks, body_on
from viewers.scene.volume_opacity import OpacityTable
from viewers.scene.volume_transfer import RenderPreset
from viewers.state.scene3d import Camera

BAND_ROWS = 16
COARSE = 2
FARTHEST_LEAP = 250
SAMPLES_APART = 1.5
"""Voxels between two samples; what lies between them counts in full (see `OpacityTable.segments`)."""
ENDLESS = np.float32(1e9)


@dataclass(frozen=True, eq=False, slots=True)
class CastVoxels:
    """Voxels as the rays read them.

    Attributes
    ----------
    voxels
        (k, j, i), C order, read-only.
    steps
        Voxels per block along k, j, i.
    ends
        (2, blocks k, j, i): lowest and highest value that a sample in a block can read.
    body
        (blocks k, j, i): where the patient is; None shows everything.
    """

    voxels: NDArray[np.generic]
    grid: Grid
    steps: tuple[int, int, int]
    ends: NDArray[np.float32]
    body: NDArray[np.bool_] | None

    @staticmethod
    def of(voxels: NDArray[np.generic], grid: Grid, volume: Volume, other: CastVoxels | None = None) -> CastVoxels:
        """The voxels of a volume, or fewer of them on a coarser grid.

        Parameters
        ----------
        other
            What was prepared of the volume on another grid: the body is not looked for again.
        """
        from viewers.scene.volume_kernels import extremes

        if min(voxels.shape) < 2:
            # A single layer has no neighbour to read between: it is put there twice.
            voxels = np.pad(voxels, [(0, 1 if size < 2 else 0) for size in voxels.shape], mode="edge")
            slices, rows, columns = voxels.shape
            grid = Grid((slices, rows, columns), grid.lps_from_kji, grid.frame_uid)
        kept = readable(voxels)
        steps = block_steps(grid)
        blocks = tuple(-(-size // step) for size, step in zip(kept.shape, steps, strict=True))
        ends = np.empty((2, *blocks), dtype=np.float32)
        in_own_bands(blocks[0], lambda first, last: extremes(kept, steps, ends, first, last), rows=2)
        if other is None:
            body = body_blocks(kept, grid, volume)
        else:
            body = None if other.body is None else body_on(other.body, other.grid, other.steps, grid, steps)
        return CastVoxels(kept, grid, steps, ends, body)

    def leaps(self, table: OpacityTable) -> NDArray[np.uint8]:
        """Per block how many blocks around it, itself included, show nothing; 0 where something may be seen."""
        from scipy import ndimage

        seen = table.shows_between(self.ends[0], self.ends[1])
        if self.body is not None:
            seen &= self.body
        if not seen.any():
            return np.full(seen.shape, FARTHEST_LEAP, dtype=np.uint8)
        far = ndimage.distance_transform_cdt(~seen, metric="chessboard")
        return np.minimum(far, FARTHEST_LEAP).astype(np.uint8)


class VolumeCaster:
    """Casts one volume with one preset, coarse or fine.

    Parameters
    ----------
    prepared
        The voxels prepared before for another preset, or None.
    """

    def __init__(self, volume: Volume, preset: RenderPreset, prepared: dict[bool, CastVoxels] | None = None) -> None:
        self._volume = volume
        self._table = OpacityTable.of(preset, volume)
        self.prepared = prepared if prepared is not None else {}
        self._leaps: dict[bool, NDArray[np.uint8]] = {}

    def _voxels(self, coarse: bool) -> CastVoxels:
        if coarse not in self.prepared:
            voxels, grid = self._volume.voxels, self._volume.grid
            if coarse:
                voxels, grid = averaged(voxels, grid)
            self.prepared[coarse] = CastVoxels.of(voxels, grid, self._volume, self.prepared.get(not coarse))
        return self.prepared[coarse]

    def cast(
        self,
        camera: Camera,
        size_px: tuple[int, int],
        pixel_step: float,
        *,
        coarse: bool,
        clip: SlicePlane | None,
        depth_mm: NDArray[np.float32] | None,
        behind: NDArray[np.uint8],
        wanted: Callable[[], bool] = lambda: True,
    ) -> NDArray[np.uint8] | None:
        """The volume over a picture.

        Parameters
        ----------
        size_px
            Width and height.
        pixel_step
            One ray per this many pixels along each side.
        depth_mm
            (height, width): how far behind the focal plane something solid stands, infinite where nothing does.
        behind
            (height, width, 3) what is seen where the volume is clear.
        wanted
            Asked between bands of rows: False gives up.

        Returns
        -------
        (height, width, 3) uint8, or None when nobody wants it any more.
        """
        from viewers.scene import volume_kernels as kernels

        source = self._voxels(coarse)
        if coarse not in self._leaps:
            self._leaps[coarse] = source.leaps(self._table)
        leaps, grid = self._leaps[coarse], source.grid
        width, height = size_px
        rows, columns = max(1, round(height / pixel_step)), max(1, round(width / pixel_step))
        step_mm = SAMPLES_APART * float(min(grid.spacing_kji_mm))
        rays = rays_of(camera, grid, (height, width), (rows, columns), step_mm)
        limits = np.full((rows, columns), ENDLESS, dtype=np.float32)
        if depth_mm is not None:
            at_rows = np.minimum(((np.arange(rows) + 0.5) * height / rows).astype(int), height - 1)
            at_columns = np.minimum(((np.arange(columns) + 0.5) * width / columns).astype(int), width - 1)
            limits = np.minimum(depth_mm[np.ix_(at_rows, at_columns)] / step_mm, ENDLESS).astype(np.float32)
        table, nodes, levels = self._table.segments(step_mm), self._table.nodes, self._table.levels
        eye = np.concatenate([grid.axes_lps.T @ np.asarray(camera.eye_lps), 1.0 / np.asarray(grid.spacing_kji_mm)])
        flat, size = source.voxels.reshape(-1), grid.size_kji
        cut = clip_kji(clip, grid)
        gathered = np.zeros((rows, columns, 4), dtype=np.float32)
        shade = self._table.shade

        def work(first: int, last: int) -> None:
            if wanted():
                kernels.cast(
                    flat,
                    size,
                    rays,
                    cut,
                    limits,
                    leaps,
                    source.steps,
                    nodes,
                    table,
                    levels,
                    eye,
                    shade,
                    gathered,
                    first,
                    last,
                )

        in_own_bands(rows, work)
        if not wanted():
            return None
        picture = np.empty((height, width, 3), dtype=np.uint8)
        in_own_bands(height, lambda a, b: kernels.laid_over(gathered, height / rows, behind, picture, a, b), rows=100)
        return picture


def averaged(voxels: NDArray[np.generic], grid: Grid) -> tuple[NDArray[np.generic], Grid]:
    """Means of 2 x 2 x 2 voxels (an odd last layer is left out), with the grid that goes with them."""
    from planner.geometry import KJI, SpaceMap, lps

    steps = [COARSE if size >= 4 * COARSE else 1 for size in grid.size_kji]
    shape = tuple(size // step for size, step in zip(voxels.shape, steps, strict=True))
    few = np.empty(shape, dtype=voxels.dtype)
    from viewers.scene.volume_kernels import means

    kept, box = readable(voxels), (steps[0], steps[1], steps[2])
    in_own_bands(shape[0], lambda first, last: means(kept, box, few, first, last), rows=4)
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    offset = (np.asarray(steps, dtype=float) - 1.0) / 2.0
    homogeneous[:3, 3] += homogeneous[:3, :3] @ offset
    homogeneous[:3, :3] *= np.asarray(steps, dtype=float)[None, :]
    slices, rows, columns = shape
    return few, Grid((slices, rows, columns), SpaceMap(lps(grid.frame_uid), KJI, homogeneous), grid.frame_uid)


def rays_of(
    camera: Camera, grid: Grid, size_px: tuple[int, int], rays: tuple[int, int], step_mm: float
) -> NDArray[np.float64]:
    """(4, 3) in voxel indices: first ray on the focal plane, steps per row and per column of rays, and per sample."""
    eye, up = np.asarray(camera.eye_lps), np.asarray(camera.up_lps)
    right = np.cross(up, eye)
    mm_per_px = 2.0 * camera.half_height_mm / size_px[0]
    row_mm, column_mm = size_px[0] / rays[0] * mm_per_px, size_px[1] / rays[1] * mm_per_px
    first = (
        np.asarray(camera.focal_lps_mm) + up * row_mm * (rays[0] - 1) / 2.0 - right * column_mm * (rays[1] - 1) / 2.0
    )
    return np.stack(
        [
            grid.kji_from_lps.points(first),
            grid.kji_from_lps.vectors(-up * row_mm),
            grid.kji_from_lps.vectors(right * column_mm),
            grid.kji_from_lps.vectors(-eye * step_mm),
        ]
    )


def clip_kji(plane: SlicePlane | None, grid: Grid) -> NDArray[np.float64]:
    """(4,): constant and factors of (k, j, i), not negative where the scene is kept (behind the plane's normal)."""
    if plane is None:
        return np.array([1.0, 0.0, 0.0, 0.0])
    corners = grid.lps_from_kji.points(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    depth = -plane.distance_mm(corners)
    return np.concatenate([depth[:1], depth[1:] - depth[0]])


def in_own_bands(count: int, work: Callable[[int, int], object], *, rows: int = BAND_ROWS) -> None:
    """As `planner.imaging.bands.in_bands`, on threads of their own: a slice never waits behind the 3D picture."""
    workers = max(1, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="rays") as pool:
        for done in [pool.submit(work, first, min(first + rows, count)) for first in range(0, count, rows)]:
            done.result()
