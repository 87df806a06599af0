"""Maps between named spaces. Composing maps whose spaces do not meet raises `FrameMismatch`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch

KJI = "kji"
"""The index space of an array: slice, row, column; zero-based, at voxel centres."""


def lps(frame_uid: str) -> str:
    """Name of the LPS space (mm) of one FrameOfReferenceUID (DICOM PS3.3 C.7.4.1)."""
    return f"lps:{frame_uid}"


@dataclass(frozen=True, eq=False, slots=True)
class SpaceMap:
    """An affine map from `source` to `destination`.

    Parameters
    ----------
    destination, source
        Names of spaces: `KJI` or ``lps(frame_uid)``.
    homogeneous
        (4, 4) float64, last row 0 0 0 1, invertible; acts on column vectors.

    Raises
    ------
    ValueError
        When the array is not an invertible affine map.
    """

    destination: str
    source: str
    homogeneous: NDArray[np.float64]

    def __post_init__(self) -> None:
        values = np.array(self.homogeneous, dtype=np.float64)
        if values.shape != (4, 4) or not np.all(np.isfinite(values)):
            raise ValueError("a space map needs a finite 4x4 array")
        if not np.allclose(values[3], (0, 0, 0, 1)) or abs(np.linalg.det(values[:3, :3])) < 1e-12:
            raise ValueError("a space map needs an invertible affine array")
        values.setflags(write=False)
        object.__setattr__(self, "homogeneous", values)

    @staticmethod
    def from_flat(destination: str, source: str, flat: ArrayLike) -> SpaceMap:
        """From a row-major list of 16, as the command line prints it."""
        return SpaceMap(destination, source, np.asarray(flat, dtype=np.float64).reshape(4, 4))

    def flat(self) -> list[float]:
        return [float(value) for value in self.homogeneous.ravel()]

    def points(self, source_points: ArrayLike) -> NDArray[np.float64]:
        """Map points of shape (..., 3)."""
        given = np.asarray(source_points, dtype=np.float64)
        mapped: NDArray[np.float64] = given @ self.homogeneous[:3, :3].T + self.homogeneous[:3, 3]
        return mapped

    def vectors(self, source_vectors: ArrayLike) -> NDArray[np.float64]:
        """Map directions of shape (..., 3): no translation."""
        given = np.asarray(source_vectors, dtype=np.float64)
        mapped: NDArray[np.float64] = given @ self.homogeneous[:3, :3].T
        return mapped

    def inverse(self) -> SpaceMap:
        return SpaceMap(self.source, self.destination, np.asarray(np.linalg.inv(self.homogeneous), dtype=np.float64))

    def after(self, first: SpaceMap) -> SpaceMap:
        """The map that applies `first`, then this one.

        Raises
        ------
        FrameMismatch
            When `first` does not end in this map's source space.
        """
        if first.destination != self.source:
            raise FrameMismatch(
                "mixed-frames",
                f"A map ending in {first.destination} cannot be followed by one starting in {self.source}; "
                "link the two studies first.",
            )
        return SpaceMap(self.destination, first.source, self.homogeneous @ first.homogeneous)
