"""The geometry of a voxel array: size, where it lies in LPS, and in which frame of reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch
from planner.geometry.spaces import KJI, SpaceMap, lps


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular voxel grid.

    Parameters
    ----------
    size_kji
        Number of slices, rows, columns; all positive.
    lps_from_kji
        Maps zero-based indices at voxel centres to LPS mm of one frame of reference.
    frame_uid
        FrameOfReferenceUID; files without one get a private one and a ``missing-frame`` finding.
    """

    size_kji: tuple[int, int, int]
    lps_from_kji: SpaceMap
    frame_uid: str

    def __post_init__(self) -> None:
        if len(self.size_kji) != 3 or min(self.size_kji) < 1:
            raise ValueError(f"a grid needs three positive sizes, not {self.size_kji}")
        if self.lps_from_kji.source != KJI or self.lps_from_kji.destination != lps(self.frame_uid):
            raise FrameMismatch("mixed-frames", "The grid's map does not lead from kji to its own frame.")

    @staticmethod
    def of(
        size_kji: tuple[int, int, int],
        *,
        origin_lps_mm: ArrayLike = (0.0, 0.0, 0.0),
        spacing_kji_mm: ArrayLike = (1.0, 1.0, 1.0),
        axes_lps: ArrayLike | None = None,
        frame_uid: str,
    ) -> Grid:
        """Build from origin (centre of voxel 0, 0, 0), spacing and unit axes.

        Parameters
        ----------
        axes_lps
            (3, 3); columns are the unit LPS directions of increasing k, j, i.
            None is the axial grid with k to the head, j to the back, i to the patient's left.
        """
        axes = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float) if axes_lps is None else np.asarray(axes_lps)
        homogeneous = np.eye(4)
        homogeneous[:3, :3] = axes * np.asarray(spacing_kji_mm, dtype=float)[None, :]
        homogeneous[:3, 3] = np.asarray(origin_lps_mm, dtype=float)
        return Grid(size_kji, SpaceMap(lps(frame_uid), KJI, homogeneous), frame_uid)

    @cached_property
    def kji_from_lps(self) -> SpaceMap:
        return self.lps_from_kji.inverse()

    @cached_property
    def spacing_kji_mm(self) -> tuple[float, float, float]:
        lengths = np.linalg.norm(self.lps_from_kji.homogeneous[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @cached_property
    def axes_lps(self) -> NDArray[np.float64]:
        """(3, 3); columns are the unit LPS directions of increasing k, j, i."""
        columns: NDArray[np.float64] = self.lps_from_kji.homogeneous[:3, :3] / np.asarray(self.spacing_kji_mm)[None, :]
        return columns

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(abs(np.linalg.det(self.lps_from_kji.homogeneous[:3, :3]))) / 1000.0

    @cached_property
    def centre_lps_mm(self) -> NDArray[np.float64]:
        return self.lps_from_kji.points((np.asarray(self.size_kji) - 1) / 2.0)

    @cached_property
    def bounds_lps_mm(self) -> NDArray[np.float64]:
        """(2, 3): lowest and highest LPS of the voxel corners."""
        size = np.asarray(self.size_kji, dtype=float)
        corners = np.array([[k, j, i] for k in (0.0, 1.0) for j in (0.0, 1.0) for i in (0.0, 1.0)])
        points = self.lps_from_kji.points(corners * size - 0.5)
        bounds: NDArray[np.float64] = np.stack([points.min(axis=0), points.max(axis=0)])
        return bounds

    def contains_kji(self, kji: ArrayLike) -> NDArray[np.bool_]:
        """Whether points of shape (..., 3) lie within the outer faces of the grid."""
        given = np.asarray(kji, dtype=float)
        inside: NDArray[np.bool_] = np.all((given >= -0.5) & (given <= np.asarray(self.size_kji) - 0.5), axis=-1)
        return inside

    def nearest_index(self, lps_mm: ArrayLike) -> tuple[int, int, int] | None:
        """The voxel that holds an LPS point, or None outside."""
        kji = self.kji_from_lps.points(lps_mm)
        if not bool(self.contains_kji(kji)):
            return None
        k, j, i = np.clip(np.rint(kji).astype(int), 0, np.asarray(self.size_kji) - 1)
        return int(k), int(j), int(i)

    def cropped(self, low_kji: tuple[int, int, int], high_kji: tuple[int, int, int]) -> Grid:
        """The sub-grid of indices low (inclusive) to high (exclusive)."""
        homogeneous = self.lps_from_kji.homogeneous.copy()
        homogeneous[:3, 3] = self.lps_from_kji.points(low_kji)
        k, j, i = (high - low for low, high in zip(low_kji, high_kji, strict=True))
        return Grid((k, j, i), SpaceMap(lps(self.frame_uid), KJI, homogeneous), self.frame_uid)

    def same_as(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Same size, frame and position within a tolerance at the corners."""
        return (
            self.size_kji == other.size_kji
            and self.frame_uid == other.frame_uid
            and bool(np.abs(self.bounds_lps_mm - other.bounds_lps_mm).max() <= tolerance_mm)
            and np.allclose(self.axes_lps, other.axes_lps, atol=1e-4)
        )
