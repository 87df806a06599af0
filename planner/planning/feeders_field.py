"""How far places are from a lesion's surface, and in which direction it lies: sub-voxel, from its mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.imaging.masks import Box, Mask, padded_box
from planner.imaging.surfaces import distance_field

Floats = NDArray[np.float64]

_PROBE_MM = 1.0


@dataclass(frozen=True, eq=False)
class LesionField:
    """Signed distances around a lesion.

    Attributes
    ----------
    values
        (k, j, i) of `box`, mm, negative inside.
    centre_lps_mm
        Mean of the lesion's voxels.
    reach_mm
        Beyond this distance from the surface a place only counts as far away.
    """

    lesion: Mask
    box: Box
    values: NDArray[np.float32]
    centre_lps_mm: Floats
    reach_mm: float

    @staticmethod
    def of(lesion: Mask, reach_mm: float) -> LesionField:
        """
        Raises
        ------
        InputRefused
            ``empty-mask``.
        """
        centre = lesion.centroid_lps_mm()
        if centre is None:
            raise InputRefused("empty-mask", "The lesion holds no voxel; mark it first, or name another label.")
        box = padded_box(lesion.box, reach_mm + 2.0, lesion.grid)
        return LesionField(lesion, box, distance_field(lesion, box), centre, reach_mm)

    def at(self, points_lps_mm: ArrayLike) -> Floats:
        """(...,) mm to the surface, negative inside; beyond the reach at least the reach."""
        from scipy.ndimage import map_coordinates

        kji = self.lesion.grid.kji_from_lps.points(points_lps_mm)
        flat = kji.reshape(-1, 3) - np.asarray(self.box[0])
        outside = np.maximum(-flat, flat - (np.asarray(self.values.shape) - 1))
        beyond = np.linalg.norm(np.maximum(outside, 0.0) * self.lesion.grid.spacing_kji_mm, axis=1)
        # Beyond the box the nearest of its faces speaks, and the way to it is added.
        inner = map_coordinates(self.values, flat.T, order=1, mode="nearest").astype(np.float64)
        near: Floats = np.where(beyond > 0.0, np.maximum(inner, self._least_outside) + beyond, inner)
        return near.reshape(kji.shape[:-1])

    @property
    def _least_outside(self) -> float:
        return float(np.min(self.lesion.grid.spacing_kji_mm)) / 2.0

    def toward(self, point_lps_mm: ArrayLike) -> Floats:
        """(3,) unit direction from a place to the nearest part of the surface; to the middle where that is not told."""
        point = np.asarray(point_lps_mm, dtype=np.float64)
        steps = np.concatenate([np.eye(3), -np.eye(3)]) * _PROBE_MM
        values = self.at(point + steps)
        slope = values[3:] - values[:3]
        if self.at(point) < 0.0:
            slope = -slope
        length = float(np.linalg.norm(slope))
        if length < 1e-6:
            slope = self.centre_lps_mm - point
            length = max(float(np.linalg.norm(slope)), 1e-9)
        unit: Floats = slope / length
        return unit

    @property
    def voxel_mm(self) -> float:
        """The widest side of a voxel of the mask: what its surface is known to at worst."""
        return float(max(self.lesion.grid.spacing_kji_mm))
