"""Where a needle's tip goes: a point, or the deepest point inside a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused, UsageError
from planner.imaging.masks import Mask
from planner.planning.obstacles import DistanceField, bounds_around
from planner.units import shown

SPECK_SHARE = 0.01
"""A part smaller than this share of the largest one is a speck of the segmentation, not a second target."""


@dataclass(frozen=True, eq=False, slots=True)
class TargetPart:
    """One connected part of a mask."""

    number: int
    mask: Mask
    centre_lps_mm: NDArray[np.float64]

    @property
    def words(self) -> str:
        place = ", ".join(f"{value:.0f}" for value in self.centre_lps_mm)
        return f"part {self.number} ({shown(self.mask.volume_ml, 'mL')} at {place})"


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """What is aimed at.

    Attributes
    ----------
    point_lps_mm
        (3,) where the tip goes.
    mask
        None for a bare point.
    depth_mm
        How deep inside the mask the point lies; None for a bare point.
    specks
        Parts of the mask that were left out as too small.
    """

    point_lps_mm: NDArray[np.float64]
    mask: Mask | None = None
    depth_mm: float | None = None
    specks: int = 0


def target_point(point_lps_mm: ArrayLike) -> Target:
    """A target without extent.

    Raises
    ------
    InputRefused
        ``bad-target`` when it is not three finite numbers.
    """
    point = np.array(point_lps_mm, dtype=np.float64)
    if point.shape != (3,) or not np.all(np.isfinite(point)):
        raise InputRefused("bad-target", "The target is not three finite numbers; place it again.")
    return Target(point)


def target_parts(mask: Mask) -> tuple[TargetPart, ...]:
    """The connected parts (faces, edges or corners) of a mask, largest first; specks are numbered last."""
    from scipy import ndimage

    if mask.is_empty:
        return ()
    labelled, count = ndimage.label(mask.voxels, structure=np.ones((3, 3, 3), dtype=bool))
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)[1:]
    parts = []
    for number, label in enumerate(np.argsort(-sizes, kind="stable")):
        part = Mask.of(mask.grid, labelled == label + 1, mask.box[0])
        centre = part.centroid_lps_mm()
        if centre is not None:
            parts.append(TargetPart(number + 1, part, centre))
    return tuple(parts)


def target_in(mask: Mask, part: int | None = None, *, what: str = "target") -> Target:
    """The deepest point inside a mask; of several equally deep ones the nearest to the centre of mass.

    Parameters
    ----------
    part
        Number of the part, as the refusal names them; None where there is but one.

    Raises
    ------
    InputRefused
        ``empty-mask``; ``several-targets`` when the mask holds more than one part and none was picked.
    UsageError
        ``no-such-part``.
    """
    parts = target_parts(mask)
    if not parts:
        raise InputRefused("empty-mask", f"The mask of the {what} is empty; mark it first.", subject=what)
    real = [each for each in parts if each.mask.count >= SPECK_SHARE * parts[0].mask.count]
    if part is None and len(real) > 1:
        named = "; ".join(each.words for each in real[:8]) + (" ..." if len(real) > 8 else "")
        text = f"The mask of the {what} holds {len(real)} separate parts: {named}. Pick one of them."
        raise InputRefused("several-targets", text, subject=what)
    if part is not None and not 1 <= part <= len(parts):
        raise UsageError("no-such-part", f"The mask of the {what} has {len(parts)} parts and no part {part}.")
    chosen = parts[0 if part is None else part - 1]
    point, depth = _deepest(chosen)
    return Target(point, chosen.mask, depth, len(parts) - len(real))


def _deepest(part: TargetPart) -> tuple[NDArray[np.float64], float]:
    mask = part.mask
    centres = mask.grid.lps_from_kji.points(np.argwhere(mask.voxels) + np.asarray(mask.box[0]))
    depth = -DistanceField.of(mask, bounds_around(centres, 1.0)).at(centres)
    away = np.linalg.norm(centres - part.centre_lps_mm, axis=1)
    equal = np.flatnonzero(depth >= depth.max() - 1e-3)
    best = equal[int(np.argmin(away[equal]))]
    return centres[best], float(depth[best])
