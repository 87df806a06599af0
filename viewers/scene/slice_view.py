"""Where a pane looks: the map between its pixels and LPS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid, SlicePlane


@dataclass(frozen=True, eq=False, slots=True)
class SliceView:
    """A plane seen in a pane.

    Parameters
    ----------
    plane
        Its point lies in the middle of the pane.
    width_px, height_px
        Logical pixels of the pane.
    mm_per_px
        Millimetres per logical pixel.
    """

    plane: SlicePlane
    width_px: int
    height_px: int
    mm_per_px: float

    def px_of(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) x and y in logical pixels of points (..., 3), seen along the normal."""
        flat = self.plane.in_plane_mm(points_lps_mm) / self.mm_per_px
        pixels: NDArray[np.float64] = flat + np.array([self.width_px / 2.0, self.height_px / 2.0])
        return pixels

    def lps_of(self, x: float, y: float) -> NDArray[np.float64]:
        """(3,) LPS on the plane under a pixel position."""
        right = (x - self.width_px / 2.0) * self.mm_per_px
        down = (y - self.height_px / 2.0) * self.mm_per_px
        return self.plane.lps_of(np.array([right, down]))


def fit_mm_per_px(grid: Grid, plane: SlicePlane, width_px: int, height_px: int) -> float:
    """The scale at which the whole grid fits into a pane, seen along the plane's normal."""
    corners = np.array([[k, j, i] for k in (0.0, 1.0) for j in (0.0, 1.0) for i in (0.0, 1.0)])
    flat = plane.in_plane_mm(grid.lps_from_kji.points(corners * np.asarray(grid.size_kji) - 0.5))
    extent_mm = flat.max(axis=0) - flat.min(axis=0)
    return float(max(extent_mm[0] / max(1, width_px), extent_mm[1] / max(1, height_px), 1e-6))


def view_of(
    grid: Grid, plane: SlicePlane, width_px: int, height_px: int, *, zoom: float, pan_mm: tuple[float, float]
) -> SliceView:
    """The view on a plane: zoom 1 fits the grid, pan moves away from the grid's centre."""
    scale = fit_mm_per_px(grid, plane, width_px, height_px) / zoom
    centre = plane.through(grid.centre_lps_mm)
    middle = centre.lps_of(np.asarray(pan_mm))
    on_plane = middle - plane.distance_mm(middle) * plane.normal_lps
    return SliceView(plane.through(on_plane), width_px, height_px, scale)


def slice_step_mm(grid: Grid, plane: SlicePlane) -> float:
    """Distance between neighbouring voxel layers along the plane's normal: one notch of the wheel."""
    return 1.0 / float(np.abs(grid.kji_from_lps.vectors(plane.normal_lps)).max())


def slice_number(grid: Grid, plane: SlicePlane) -> tuple[int, int] | None:
    """Which voxel layer the plane lies in, from 1, and of how many; None on an oblique plane or outside.

    Counted towards the head, the patient's left or the back, whichever way the layers are stored.
    """
    along = grid.kji_from_lps.vectors(plane.normal_lps)
    axis = int(np.argmax(np.abs(along)))
    across = np.abs(np.delete(along, axis)).max() / abs(along[axis])
    if across > 1e-3:
        return None
    count = grid.size_kji[axis]
    index = round(float(grid.kji_from_lps.points(plane.point_lps_mm)[axis]))
    if not 0 <= index < count:
        return None
    direction = grid.axes_lps[:, axis]
    rising = float(direction[int(np.argmax(np.abs(direction)))]) > 0.0
    return (index + 1 if rising else count - index), count


def layer_limits_mm(grid: Grid, plane: SlicePlane) -> tuple[float, float]:
    """Signed distances from the plane to the first and the last voxel centres along its normal (Home and End)."""
    corners = np.array([[k, j, i] for k in (0.0, 1.0) for j in (0.0, 1.0) for i in (0.0, 1.0)])
    along = plane.distance_mm(grid.lps_from_kji.points(corners * (np.asarray(grid.size_kji) - 1)))
    return float(along.min()), float(along.max())
