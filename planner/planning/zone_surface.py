"""The surface of a union of planned zones: exact depth of points below it, and the union's volume.

The depth inside a union is not the largest of the depths in its members: between two zones that overlap, the surface of
one runs inside the other and is no surface of the union.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.imaging.bands import in_bands
from planner.planning.zones import Zone

Floats = NDArray[np.float64]

SAMPLES = 600
"""Points spread over each ellipsoid, from which the search of the exposed surface starts."""
MERIDIANS = 180
"""Points on a seam between two ellipsoids: about 0.5 mm apart on zones of 3 cm."""
_COLUMN_MM = 0.5


@dataclass(frozen=True, eq=False)
class ZoneSurface:
    """Zones united. Build with `ZoneSurface.of`.

    Attributes
    ----------
    ellipsoids
        (n, 8): centre, unit axis, half axis along, half axis across; LPS mm.
    samples, owners
        (m, 3) points of the exposed surface; (m, 2) the ellipsoids each lies on, -1 for no second.
    """

    ellipsoids: Floats
    samples: Floats
    owners: NDArray[np.int64]

    @staticmethod
    def of(zones: Sequence[Zone]) -> ZoneSurface:
        """
        Raises
        ------
        InputRefused
            ``no-zone``.
        """
        if not zones:
            raise InputRefused("no-zone", "There is no zone to measure; give an applicator a device and a setting.")
        rows = [
            (*each.centre_lps_mm, *each.axis_lps, float(each.semi_long_mm), float(each.semi_short_mm)) for each in zones
        ]
        ellipsoids = np.array(rows, dtype=np.float64)
        samples, owners = _exposed_samples(ellipsoids) if len(rows) > 1 else (np.empty((0, 3)), np.empty((0, 2), int))
        return ZoneSurface(ellipsoids, samples, owners.astype(np.int64))

    def depth_mm(self, points_lps_mm: ArrayLike) -> Floats:
        """Of (n, 3) points: distance to the surface of the union, positive inside, negative outside.

        Exact outside, and inside one zone. Where several overlap it is within 0.15 mm of a dense reference (500,000
        points and more per ellipsoid, 1 to 4 zones at random), and where it differs it is too deep.
        """
        from planner.planning import margin_kernels as kernels

        points = np.ascontiguousarray(points_lps_mm, dtype=np.float64)
        depths = np.empty(len(points))
        in_bands(
            len(points),
            lambda a, b: kernels.union_depths(points, self.ellipsoids, self.samples, self.owners, depths, a, b),
            least_rows=256,
        )
        return depths

    def volume_ml(self) -> float:
        """Of the union: integrated along z over columns half a millimetre apart; exact for a single ellipsoid."""
        from planner.planning import margin_kernels as kernels

        half = self.ellipsoids[:, 6:8]
        if len(self.ellipsoids) == 1:
            return float(4.0 / 3.0 * np.pi * half[0, 0] * half[0, 1] ** 2 / 1000.0)
        reach = half.max(axis=1, keepdims=True)
        low = (self.ellipsoids[:, :2] - reach).min(axis=0)
        high = (self.ellipsoids[:, :2] + reach).max(axis=0)
        xs, ys = (np.arange(low[axis] + 0.5 * _COLUMN_MM, high[axis], _COLUMN_MM) for axis in (0, 1))
        lengths = np.zeros((len(xs), len(ys)))
        in_bands(len(xs), lambda a, b: kernels.union_lengths(self.ellipsoids, xs, ys, lengths, a, b), least_rows=8)
        return float(lengths.sum()) * _COLUMN_MM**2 / 1000.0


def _exposed_samples(ellipsoids: Floats) -> tuple[Floats, NDArray[np.int64]]:
    from planner.planning import margin_kernels as kernels

    directions = _spread(SAMPLES)
    points, owners = [], []
    for number, row in enumerate(ellipsoids):
        along = directions @ row[3:6]
        offset = row[7] * directions + (row[6] - row[7]) * along[:, None] * row[3:6]
        points.append(row[:3] + offset)
        owners.append(np.tile((number, -1), (SAMPLES, 1)))
    for one in range(len(ellipsoids)):
        for two in range(one + 1, len(ellipsoids)):
            found = np.empty((4 * MERIDIANS, 3))
            rows = kernels.seam_points(ellipsoids, one, two, MERIDIANS, found)
            points.append(found[:rows])
            owners.append(np.tile((one, two), (rows, 1)))
    every, whose = np.concatenate(points), np.concatenate(owners).astype(np.int64)
    kept = np.empty(len(every), dtype=np.bool_)
    kernels.mark_exposed(every, whose, ellipsoids, kept)
    return np.ascontiguousarray(every[kept]), np.ascontiguousarray(whose[kept])


@cache
def _spread(count: int) -> Floats:
    """(count, 3) unit vectors, evenly spread along a spiral of golden turns."""
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    turn = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)
