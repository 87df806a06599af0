"""The inside of a target in 64 sub-voxels per voxel: how much of it a zone covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands
from planner.planning.target_surface import TargetSurface
from planner.planning.zone_surface import ZoneSurface

Floats = NDArray[np.float64]

_EDGES = (-0.375, -0.125, 0.125, 0.375)
_WHOLE = np.uint64(0xFFFFFFFFFFFFFFFF)
_SLACK = 1.3
"""The field near a surface is steeper than the distance by at most this."""


@dataclass(frozen=True, eq=False)
class TargetVolume:
    """Build with `TargetVolume.of`.

    Attributes
    ----------
    centres_lps_mm
        (n, 3) of every voxel that holds some of the target.
    bits
        (n,) uint64: which of its sub-voxels lie inside the surface.
    corners_mm
        (64, 3) LPS mm from a voxel's centre to its sub-voxels.
    """

    centres_lps_mm: Floats
    bits: NDArray[np.uint64]
    corners_mm: Floats
    total: int

    @staticmethod
    def of(target: TargetSurface) -> TargetVolume:
        steps = np.array([(a, b, c) for a in _EDGES for b in _EDGES for c in _EDGES])
        corners = steps @ target.grid.lps_from_kji.homogeneous[:3, :3].T
        reach = _SLACK * float(np.linalg.norm(corners, axis=1).max())
        kji = np.argwhere(target.field < reach)
        depth = target.field[tuple(kji.T)]
        centres = target.grid.lps_from_kji.points(kji.astype(np.float64))
        bits = np.full(len(kji), _WHOLE, dtype=np.uint64)
        rim = np.flatnonzero(depth > -reach)
        bits[rim] = _words(target.values_at((centres[rim, None, :] + corners).reshape(-1, 3)) < 0.0)
        kept = bits != 0
        total = _counted(bits)
        return TargetVolume(np.ascontiguousarray(centres[kept]), bits[kept], corners, total)

    def covered_by(self, zones: ZoneSurface) -> float:
        """Share of the target inside the union of planned zones, 0 to 1."""
        from planner.planning import margin_kernels as kernels

        totals = np.zeros(len(self.bits), dtype=np.int64)
        reach = float(np.linalg.norm(self.corners_mm, axis=1).max())
        in_bands(
            len(self.bits),
            lambda a, b: kernels.covered_subvoxels(
                self.centres_lps_mm, self.bits, self.corners_mm, reach, zones.ellipsoids, totals, a, b
            ),
            least_rows=1024,
        )
        return float(totals.sum()) / max(1, self.total)

    def covered_where(self, field_at: Callable[[Floats], Floats]) -> float:
        """Share of the target where a field (mm, negative inside the zone, about a distance near its surface) is
        negative."""
        depth = field_at(self.centres_lps_mm)
        reach = _SLACK * float(np.linalg.norm(self.corners_mm, axis=1).max())
        covered = np.where(depth < 0.0, self.bits, np.uint64(0))
        rim = np.flatnonzero(np.abs(depth) <= reach)
        if rim.size:
            points = (self.centres_lps_mm[rim, None, :] + self.corners_mm).reshape(-1, 3)
            covered[rim] = self.bits[rim] & _words(field_at(points) < 0.0)
        return _counted(covered) / max(1, self.total)


def _words(inside: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """64 flags of each voxel in one word."""
    powers = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))
    words: NDArray[np.uint64] = (inside.reshape(-1, 64) * powers).sum(axis=1, dtype=np.uint64)
    return words


def _counted(words: NDArray[np.uint64]) -> int:
    return int(np.unpackbits(np.ascontiguousarray(words).view(np.uint8)).sum())
