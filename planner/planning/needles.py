"""A straight needle, and its angles as a CT operator needs them: LPS mm, directions from the tip to the hub."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.geometry.patient_positions import PatientPosition

SHORTEST_MM = 1.0
"""A needle shorter than this has no direction worth a number."""


@dataclass(frozen=True, eq=False, slots=True)
class Needle:
    """From the skin to the tip.

    Parameters
    ----------
    entry_lps_mm, tip_lps_mm
        (3,) points in one frame of reference.
    diameter_mm
        Outer diameter of the shaft.

    Raises
    ------
    InputRefused
        ``bad-needle``: points that are not finite, no length, or a diameter below zero.
    """

    entry_lps_mm: NDArray[np.float64]
    tip_lps_mm: NDArray[np.float64]
    diameter_mm: float = 0.0

    def __post_init__(self) -> None:
        entry, tip = _point(self.entry_lps_mm), _point(self.tip_lps_mm)
        object.__setattr__(self, "entry_lps_mm", entry)
        object.__setattr__(self, "tip_lps_mm", tip)
        if not np.isfinite(self.diameter_mm) or self.diameter_mm < 0.0:
            raise InputRefused("bad-needle", "The needle's diameter is no length; give it in mm.")
        if float(np.linalg.norm(entry - tip)) < SHORTEST_MM:
            raise InputRefused("bad-needle", "Entry and tip of the needle lie at the same place; move one of them.")

    @staticmethod
    def of(entry_lps_mm: ArrayLike, tip_lps_mm: ArrayLike, diameter_mm: float = 0.0) -> Needle:
        return Needle(_point(entry_lps_mm), _point(tip_lps_mm), diameter_mm)

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(self.entry_lps_mm - self.tip_lps_mm))

    @property
    def hub_lps(self) -> NDArray[np.float64]:
        """(3,) unit direction from the tip to the entry."""
        direction: NDArray[np.float64] = (self.entry_lps_mm - self.tip_lps_mm) / self.length_mm
        return direction


def _point(values: ArrayLike) -> NDArray[np.float64]:
    point = np.array(values, dtype=np.float64)
    if point.shape != (3,) or not np.all(np.isfinite(point)):
        raise InputRefused("bad-needle", "A point of the needle is not three finite numbers; place it again.")
    return point


def in_plane_deg(hub_lps: ArrayLike, position: PatientPosition) -> NDArray[np.float64]:
    """Angle of the hub's direction, seen in the axial plane, from the vertical.

    Parameters
    ----------
    hub_lps
        (..., 3) directions from tip to entry.

    Returns
    -------
    (...) degrees in (-180, 180]. 0 is straight down from above, as the patient lies; positive when the hub leans
    towards the patient's left, or, where left and right are up and down (decubitus), towards the patient's front.
    0 for a needle along the body's axis.
    """
    hub = np.asarray(hub_lps, dtype=np.float64)
    side = sideways_lps(position)
    angles: NDArray[np.float64] = np.degrees(np.arctan2(hub @ side, hub @ position.up_lps))
    return np.where(angles <= -180.0, 180.0, angles)


def sideways_lps(position: PatientPosition) -> NDArray[np.float64]:
    """The horizontal direction of the axial plane in which the in-plane angle is positive: left; front on a side."""
    left, front = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
    return front if abs(float(position.up_lps @ left)) > 0.5 else left


def out_of_plane_deg(hub_lps: ArrayLike) -> NDArray[np.float64]:
    """Angle between needle and axial plane, degrees in [-90, 90]; positive when the hub lies towards the head."""
    hub = np.asarray(hub_lps, dtype=np.float64)
    angles: NDArray[np.float64] = np.degrees(np.arctan2(hub[..., 2], np.hypot(hub[..., 0], hub[..., 1])))
    return angles


def above_horizontal_deg(hub_lps: ArrayLike, position: PatientPosition) -> NDArray[np.float64]:
    """How far above the table's plane the hub points, degrees in [-90, 90]; negative from below."""
    hub = np.asarray(hub_lps, dtype=np.float64)
    length = np.linalg.norm(hub, axis=-1)
    angles: NDArray[np.float64] = np.degrees(np.arcsin(np.clip((hub @ position.up_lps) / length, -1.0, 1.0)))
    return angles


def between_deg(first_lps: ArrayLike, second_lps: ArrayLike) -> float:
    """Angle between two directions, degrees."""
    first, second = np.asarray(first_lps, dtype=np.float64), np.asarray(second_lps, dtype=np.float64)
    cosine = float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
    return float(np.degrees(np.arccos(min(1.0, max(-1.0, cosine)))))
