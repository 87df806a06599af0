"""A smooth displacement of one frame against its mask, as cubic B-splines on a coarse grid of control points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Displacement:
    """Where the background of a frame lies against the mask's: ``frame(x + dx, y + dy) ~ mask(x, y)``.

    Parameters
    ----------
    controls_xy_px
        (rows, columns, 2) B-spline coefficients dx, dy in pixels. Control ``[r, c]`` stands at pixel
        ``((c - 1) * spacing_px, (r - 1) * spacing_px)``, so that one control lies beyond each side.
    spacing_px
        Distance of neighbouring controls.
    size_yx
        Of the frames it is for.
    supported
        (rows, columns) bool: the image has texture around this control, so that its displacement was measured;
        elsewhere it only continues what lies beside it. None when not known.
    """

    controls_xy_px: NDArray[np.float64]
    spacing_px: float
    size_yx: tuple[int, int]
    supported: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        rows, columns = control_counts(self.size_yx, self.spacing_px)
        if self.controls_xy_px.shape != (rows, columns, 2):
            raise ValueError(f"a displacement of {self.size_yx} px needs {rows} x {columns} controls")

    @classmethod
    def constant(cls, shift_xy_px: ArrayLike, size_yx: tuple[int, int], spacing_px: float) -> Displacement:
        """The same shift everywhere."""
        rows, columns = control_counts(size_yx, spacing_px)
        return cls(np.tile(np.asarray(shift_xy_px, dtype=np.float64), (rows, columns, 1)), spacing_px, size_yx)

    def at(self, points_xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) dx, dy at points (..., 2) x, y of the mask."""
        points = np.asarray(points_xy, dtype=np.float64)
        rows, columns = self.controls_xy_px.shape[:2]
        column, weight_x = spline_weights(points[..., 0], self.spacing_px, columns)
        row, weight_y = spline_weights(points[..., 1], self.spacing_px, rows)
        found = np.zeros(points.shape)
        for down in range(4):
            for right in range(4):
                weight = weight_y[..., down] * weight_x[..., right]
                found += weight[..., None] * self.controls_xy_px[row + down, column + right]
        return found

    def dense(self, step_px: int = 1) -> NDArray[np.float64]:
        """(rows, columns, 2) dx, dy at every `step_px`-th pixel."""
        height, width = self.size_yx
        return self.sampled(np.arange(0, height, step_px), np.arange(0, width, step_px))

    def sampled(self, rows_px: ArrayLike, columns_px: ArrayLike) -> NDArray[np.float64]:
        """(rows, columns, 2) dx, dy at the crossings of rows and columns, which may lie between pixels."""
        y = spline_matrix(np.asarray(rows_px, dtype=np.float64), self.spacing_px, self.controls_xy_px.shape[0])
        x = spline_matrix(np.asarray(columns_px, dtype=np.float64), self.spacing_px, self.controls_xy_px.shape[1])
        along = [y @ self.controls_xy_px[..., axis] @ x.T for axis in range(2)]
        return np.stack(along, axis=-1)

    def least_stretch(self) -> float:
        """Least determinant of the mapping's derivative: 1 is rigid, 0 or below would fold the image."""
        field = self.dense(max(1, int(self.spacing_px) // 8))
        step = float(max(1, int(self.spacing_px) // 8))
        down, right = (np.asarray(part) for part in np.gradient(field, step, axis=(0, 1)))
        determinant = (1.0 + right[..., 0]) * (1.0 + down[..., 1]) - right[..., 1] * down[..., 0]
        return float(np.min(determinant))


def control_counts(size_yx: tuple[int, int], spacing_px: float) -> tuple[int, int]:
    """Rows and columns of controls that cover an image."""
    height, width = size_yx
    return int(np.ceil((height - 1) / spacing_px)) + 3, int(np.ceil((width - 1) / spacing_px)) + 3


def spline_weights(
    positions_px: ArrayLike, spacing_px: float, count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """First control (...) and weights (..., 4) of the cubic B-spline at positions; held at the image's ends."""
    along: NDArray[np.float64] = np.asarray(positions_px, dtype=np.float64) / spacing_px
    along = np.maximum(np.minimum(along, count - 3.0), 0.0)
    cell = np.asarray(np.minimum(np.floor(along), count - 4.0), dtype=np.intp)
    t = along - cell
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3],
        axis=-1,
    )
    return cell, weights / 6.0


def spline_matrix(positions_px: NDArray[np.floating], spacing_px: float, count: int) -> NDArray[np.float64]:
    """(positions, count) weight of every control at positions along one side."""
    cell, weights = spline_weights(positions_px, spacing_px, count)
    whole = np.zeros((len(positions_px), count))
    for tap in range(4):
        whole[np.arange(len(positions_px)), cell + tap] = weights[:, tap]
    return whole
