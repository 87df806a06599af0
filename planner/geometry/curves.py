"""Open polylines in LPS: vessel paths, needles, rulers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Polyline:
    """An open curve through at least two LPS points (mm) of one frame of reference.

    Raises
    ------
    ValueError
        For fewer than two points or a point that is not finite.
    """

    points_lps_mm: NDArray[np.float64]
    frame_uid: str

    def __post_init__(self) -> None:
        points = np.array(self.points_lps_mm, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or not np.all(np.isfinite(points)):
            raise ValueError("a polyline needs at least two finite LPS points")
        points.setflags(write=False)
        object.__setattr__(self, "points_lps_mm", points)

    def arc_length_mm(self) -> NDArray[np.float64]:
        """(n,): distance along the curve from its first point."""
        steps = np.linalg.norm(np.diff(self.points_lps_mm, axis=0), axis=1)
        along: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(steps)])
        return along

    @property
    def length_mm(self) -> float:
        return float(self.arc_length_mm()[-1])

    def at(self, along_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) points at distances along the curve, clamped to its ends."""
        along = self.arc_length_mm()
        wanted = np.asarray(along_mm, dtype=np.float64)
        points: NDArray[np.float64] = np.stack(
            [np.interp(wanted, along, self.points_lps_mm[:, axis]) for axis in range(3)], axis=-1
        )
        return points

    def resampled(self, step_mm: float) -> Polyline:
        """Equally spaced points, both ends kept; the step is at most `step_mm`."""
        count = max(2, int(np.ceil(self.length_mm / step_mm)) + 1)
        return Polyline(self.at(np.linspace(0.0, self.length_mm, count)), self.frame_uid)

    def distance_mm(self, point_lps_mm: ArrayLike) -> float:
        """Smallest distance from a point to the curve."""
        start, end = self.points_lps_mm[:-1], self.points_lps_mm[1:]
        point = np.asarray(point_lps_mm, dtype=np.float64)
        edge = end - start
        squared = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-30)
        share = np.clip(np.einsum("ij,ij->i", point - start, edge) / squared, 0.0, 1.0)
        return float(np.linalg.norm(start + share[:, None] * edge - point, axis=1).min())
