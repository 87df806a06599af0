"""Where a plane cuts an ellipsoidal zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.planning.zones import Zone, across_axes


@dataclass(frozen=True, eq=False, slots=True)
class ZoneSection:
    """An ellipse in a plane: centre and both half axes as vectors, LPS mm."""

    centre_lps_mm: NDArray[np.float64]
    first_lps_mm: NDArray[np.float64]
    second_lps_mm: NDArray[np.float64]

    def outline_lps_mm(self, count: int = 72) -> NDArray[np.float64]:
        """(count + 1, 3): round the ellipse, the last point is the first."""
        turn = np.linspace(0.0, 2.0 * np.pi, count + 1)[:, None]
        points: NDArray[np.float64] = (
            self.centre_lps_mm + np.cos(turn) * self.first_lps_mm + np.sin(turn) * self.second_lps_mm
        )
        return points


def section(zone: Zone, point_lps_mm: ArrayLike, normal_lps: ArrayLike) -> ZoneSection | None:
    """The ellipse in which a plane cuts a zone; None where it misses it."""
    point, normal = np.asarray(point_lps_mm, dtype=np.float64), np.asarray(normal_lps, dtype=np.float64)
    basis = np.stack(across_axes(normal / np.linalg.norm(normal)))
    offset = point - np.asarray(zone.centre_lps_mm)
    quadric = zone.quadric()
    within, towards = basis @ quadric @ basis.T, basis @ quadric @ offset
    middle = -np.linalg.solve(within, towards)
    left = 1.0 - float(offset @ quadric @ offset) - float(towards @ middle)
    if left <= 0.0:
        return None
    sizes, turned = np.linalg.eigh(within)
    half = np.sqrt(left / sizes)[:, None] * (turned.T @ basis)
    return ZoneSection(point + middle @ basis, half[0], half[1])
