"""How many zones a target needs at least, whatever a planner finds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.planning.coverage_decision import TargetField

_DISCS = ((1.0, 1), (2.0 / math.sqrt(3.0), 3), (math.sqrt(2.0), 4), (1.6409, 5), (1.7989, 6), (2.0, 7))
"""Largest disc that so many discs of radius 1 cover ("Disk Covering Problem", mathworld.wolfram.com; proven to 7)."""
_VOLUME_SHARE = 0.99
"""Of the counted volume: counting voxels of a body this size is off by less than a hundredth."""


@dataclass(frozen=True, slots=True)
class LowerBound:
    """Fewer zones than `count` cannot cover target and margin, in whatever positions and directions.

    Attributes
    ----------
    reason
        Which of the arguments gave it, in words.
    parallel_count
        The same for zones that all lie in one direction.
    """

    count: int
    reason: str
    parallel_count: int
    by_volume: int
    by_distance: int
    by_ball: int


def lower_bound(field: TargetField, semi_long_mm: float, semi_short_mm: float) -> LowerBound:
    """Three arguments, each of which holds alone; the strongest counts.

    Volume: the volumes of the zones together are no smaller than that of target and margin.
    Distance: points farther apart than a zone is long lie in different zones.
    Ball: target and margin hold a ball. A zone whose longest chord is shorter than the ball is wide holds no two
    opposite points of the ball's surface; closed sets without opposite points that cover a sphere are at least four,
    and those that cover a circle at least three (Lusternik and Schnirelmann, 1930). Of two elongated zones in any
    directions one can choose a circle that lies at least 45 degrees from both. Across parallel zones the ball's largest
    disc must be covered by discs no larger than theirs.
    """
    larger, smaller = max(semi_long_mm, semi_short_mm), min(semi_long_mm, semi_short_mm)
    zone_ml = 4.0 / 3.0 * math.pi * semi_long_mm * semi_short_mm**2 / 1000.0
    by_volume = max(1, math.ceil(field.volume_ml() * _VOLUME_SHARE / zone_ml))
    by_distance = _apart(field.boundary_lps_mm(), 2.0 * larger)
    ball_mm = field.depth_mm + field.margin_mm
    oblique = smaller * larger * math.sqrt(2.0 / (smaller**2 + larger**2))
    elongated = semi_long_mm >= semi_short_mm
    by_ball = 4 if ball_mm > larger else 3 if elongated and ball_mm > oblique else 2 if ball_mm > smaller else 1
    discs = next((number for width, number in _DISCS if ball_mm <= width * semi_short_mm), 8)
    count = max(by_volume, by_distance, by_ball)
    reasons = {
        by_volume: f"the volume of target and margin is {by_volume} zones at least",
        by_distance: f"{by_distance} points of it lie farther apart than a zone is long",
        by_ball: f"it holds a ball of {2.0 * ball_mm:.0f} mm, which fewer than {by_ball} zones cannot cover",
    }
    reason = reasons[count] if count > 1 else "one zone is the least there can be"
    return LowerBound(count, reason, max(count, discs), by_volume, by_distance, by_ball)


def _apart(points: NDArray[np.float64], distance_mm: float) -> int:
    """How many points were found with more than `distance_mm` between any two, the farthest first."""
    if not len(points):
        return 1
    first = int(np.argmax(np.linalg.norm(points - points.mean(axis=0), axis=1)))
    nearest = np.linalg.norm(points - points[first], axis=1)
    count = 1
    while float(nearest.max()) > distance_mm:
        chosen = int(np.argmax(nearest))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen], axis=1))
        count += 1
    return count
