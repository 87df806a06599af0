"""Generated lumens for tests and benchmarks, and how far a traced one is from the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline
from planner.imaging import Volume
from planner.phantom.lumens import Narrowing, TrueLumen, made_lumen
from planner.planning.lumens import Lumen

SPACING_KJI_MM = (1.25, 1.0, 1.0)


@cache
def shape(kind: str, seed: int = 1, left: float | None = 0.45, length_mm: float = 30.0) -> tuple[Volume, TrueLumen]:
    """A short lumen; `left` is what the narrowing leaves of its width, None makes a healthy one. Read-only."""
    narrowing = None if left is None else Narrowing(length=0.4, left=left)
    return made_lumen(kind, seed, length_mm=length_mm, spacing_kji_mm=SPACING_KJI_MM, narrowing=narrowing)


@dataclass(frozen=True, eq=False)
class LumenErrors:
    """Per point of the traced centreline, mm.

    Attributes
    ----------
    away
        Distance to the true centreline.
    diameter, least, greatest
        Measured minus true; NaN where nothing was measured.
    true_mm
        True diameter of a circle of the area there.
    narrowed
        Whether the lumen is narrowed there.
    """

    away: NDArray[np.float64]
    diameter: NDArray[np.float64]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]
    true_mm: NDArray[np.float64]
    narrowed: NDArray[np.bool_]

    @property
    def within(self) -> float:
        """Share of the measured diameters within 5 % or 0.3 mm of the truth."""
        known = np.isfinite(self.diameter)
        size = np.abs(self.diameter[known])
        return float(((size <= 0.3) | (size <= 0.05 * self.true_mm[known])).mean()) if known.any() else 0.0


def errors(lumen: Lumen, true: TrueLumen) -> LumenErrors:
    from scipy.spatial import cKDTree

    away, at = cKDTree(true.points_lps_mm).query(lumen.centreline.points_lps_mm)
    return LumenErrors(
        away,
        lumen.equivalent_mm - true.equivalent_mm[at],
        lumen.least_mm - true.least_mm[at],
        lumen.greatest_mm - true.greatest_mm[at],
        true.equivalent_mm[at],
        true.narrowed[at],
    )


def drawn_lumen(diameters: NDArray[np.float64], *, kind: str = "bile", doubtful: bool = False) -> Lumen:
    """A straight lumen with given diameters every 0.5 mm, without an image; NaN is closed."""
    count = len(diameters)
    points = np.stack([np.zeros(count), np.zeros(count), np.arange(count) * 0.5], axis=-1)
    values = np.asarray(diameters, dtype=np.float64)
    angle = np.where(np.isfinite(values), 0.0, np.nan)
    dubious = np.full(count, doubtful)
    return Lumen(kind, Polyline(points, "1.2.3"), values, values, values, values, angle, dubious, points[[0, -1]])
