"""Whether a lesion has grown or shrunk by more than drawing its edge can explain. No response category: see R13."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from planner.planning.change_settings import setting

GROWN, SHRUNK, STABLE = "grown", "shrunk", "stable"

Size = tuple[float | None, float | None]
"""Volume in mL and longest axial diameter in mm; None is unknown."""


@dataclass(frozen=True, slots=True)
class SizeChange:
    """Sizes of two days, each summed over its parts.

    Attributes
    ----------
    kind
        `GROWN`, `SHRUNK`, `STABLE`, or None where a size is not known on one of the days.
    difference_mm, uncertainty_mm
        Of the diameter that is compared (of the ball of the same volume where volumes are known, else the longest
        axial one), later minus earlier; and how much of it two drawings of the same thing may differ, two standard
        deviations.
    by
        ``volume`` or ``diameter``: what was compared.
    """

    kind: str | None
    before_ml: float | None
    after_ml: float | None
    before_mm: float | None
    after_mm: float | None
    difference_mm: float | None
    uncertainty_mm: float
    by: str | None


def size_change(before: Sequence[Size], after: Sequence[Size], voxel_mm: float) -> SizeChange:
    """Compare the sizes of a lesion, or of all its parts, on two days.

    Parameters
    ----------
    voxel_mm
        Edge of a voxel, to which a drawing is rounded.
    """
    before_ml, before_mm = _total([each[0] for each in before]), _total([each[1] for each in before])
    after_ml, after_mm = _total([each[0] for each in after]), _total([each[1] for each in after])
    difference, by = None, None
    if before_ml is not None and after_ml is not None:
        difference, by = _ball_mm(after_ml) - _ball_mm(before_ml), "volume"
    elif before_mm is not None and after_mm is not None:
        difference, by = after_mm - before_mm, "diameter"
    # Over a whole surface the rounding to voxels averages out; a single diameter keeps it at both of its ends.
    edge = setting("edge") if by == "volume" else math.hypot(setting("edge"), voxel_mm / math.sqrt(12.0))
    # A diameter has two edges, and both drawings have them: sqrt(2) * sqrt(2) times the deviation of an edge.
    uncertainty = 2.0 * 2.0 * edge
    kind = None
    if difference is not None:
        kind = STABLE if abs(difference) <= uncertainty else GROWN if difference > 0.0 else SHRUNK
    return SizeChange(kind, before_ml, after_ml, before_mm, after_mm, difference, uncertainty, by)


def _total(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return sum(known) if values and len(known) == len(values) else None


def _ball_mm(volume_ml: float) -> float:
    """Diameter of the ball of a volume."""
    return 2.0 * math.cbrt(750.0 * volume_ml / math.pi)
