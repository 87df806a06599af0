"""Planes through the world on which MPR panes draw."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _unit(vector: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(given))
    if not np.isfinite(length) or length < 1e-12:
        raise ValueError("a direction needs a length")
    unit: NDArray[np.float64] = given / length
    return unit


@dataclass(frozen=True, eq=False, slots=True)
class SlicePlane:
    """An oriented plane: a point on it, and the LPS directions that run right and down on the screen.

    Parameters
    ----------
    point_lps_mm
        Any point of the plane.
    right_lps, down_lps
        Unit directions, made orthogonal to each other (down keeps its side).
    """

    point_lps_mm: NDArray[np.float64]
    right_lps: NDArray[np.float64]
    down_lps: NDArray[np.float64]

    def __post_init__(self) -> None:
        right = _unit(self.right_lps)
        down = np.asarray(self.down_lps, dtype=np.float64)
        object.__setattr__(self, "point_lps_mm", np.asarray(self.point_lps_mm, dtype=np.float64))
        object.__setattr__(self, "right_lps", right)
        object.__setattr__(self, "down_lps", _unit(down - right * float(down @ right)))

    @property
    def normal_lps(self) -> NDArray[np.float64]:
        """Unit direction away from the viewer: right x down."""
        (rx, ry, rz), (dx, dy, dz) = self.right_lps.tolist(), self.down_lps.tolist()
        # Written out: np.cross costs 20 times as much for one pair, and panes ask for normals all the time.
        return np.array([ry * dz - rz * dy, rz * dx - rx * dz, rx * dy - ry * dx])

    @staticmethod
    def axial(point_lps_mm: ArrayLike) -> SlicePlane:
        """Seen from the feet: patient's left on the right of the screen, back at the bottom."""
        return SlicePlane(np.asarray(point_lps_mm), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))

    @staticmethod
    def coronal(point_lps_mm: ArrayLike) -> SlicePlane:
        """Seen from the front: patient's left on the right of the screen, feet at the bottom."""
        return SlicePlane(np.asarray(point_lps_mm), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]))

    @staticmethod
    def sagittal(point_lps_mm: ArrayLike) -> SlicePlane:
        """Seen from the patient's left: front on the left of the screen, feet at the bottom."""
        return SlicePlane(np.asarray(point_lps_mm), np.array([0, 1.0, 0]), np.array([0, 0, -1.0]))

    def through(self, point_lps_mm: ArrayLike) -> SlicePlane:
        return replace(self, point_lps_mm=np.asarray(point_lps_mm, dtype=np.float64))

    def distance_mm(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Signed distance along the normal, shape (...)."""
        offset = np.asarray(points_lps_mm, dtype=np.float64) - self.point_lps_mm
        distance: NDArray[np.float64] = offset @ self.normal_lps
        return distance

    def in_plane_mm(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 2): millimetres to the right and down from the plane's point."""
        offset = np.asarray(points_lps_mm, dtype=np.float64) - self.point_lps_mm
        flat: NDArray[np.float64] = np.stack([offset @ self.right_lps, offset @ self.down_lps], axis=-1)
        return flat

    def lps_of(self, right_down_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) LPS of in-plane millimetres (..., 2)."""
        flat = np.asarray(right_down_mm, dtype=np.float64)
        points: NDArray[np.float64] = (
            self.point_lps_mm + flat[..., :1] * self.right_lps + flat[..., 1:2] * self.down_lps
        )
        return points

    def rotated(self, axis_lps: ArrayLike, angle_deg: float) -> SlicePlane:
        """Turned about an axis through the plane's point, right-handed."""
        x, y, z = _unit(axis_lps)
        skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        angle = np.deg2rad(angle_deg)
        turn = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
        return SlicePlane(self.point_lps_mm, turn @ self.right_lps, turn @ self.down_lps)


def orientation_letters(direction_lps: ArrayLike, threshold: float = 0.2) -> str:
    """Letters towards which a direction points, the strongest first (``L``, ``RA``, ``HP``).

    Taken from the direction itself, never from PatientPosition (DICOM PS3.3 C.7.6.1.1.1).
    """
    unit = _unit(direction_lps)
    pairs = (("L", "R"), ("P", "A"), ("H", "F"))
    order = np.argsort(-np.abs(unit))
    return "".join(pairs[axis][0 if unit[axis] > 0 else 1] for axis in order if abs(unit[axis]) > threshold)
