"""Simulated projections of a CT around a vessel: coarse while the C-arm is turned by hand, fine when it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging.projection import line_integrals
from planner.imaging.volumes import Volume
from planner.jobs import Context
from planner.planning.vessel_tree import VesselTree
from viewers.scene.vertebra_pictures import grey_of
from viewers.state.working_view import Angles, ProjectionShown

FINE_PX, COARSE_PX = 384, 128
FIELD_MM = 200.0
"""Width of the picture in the plane of the vessel: a usual field of view of the liver."""
_AROUND_MM = 160.0
"""So far around the vessel the CT is projected; what lies beyond is the same grey from every side."""
_SOURCE_TO_DETECTOR_MM, _SOURCE_TO_ISOCENTRE_MM = 1150.0, 750.0
"""Of a usual angiography machine; the picture's scale depends on them, the view's score does not."""
_WATER_PER_MM = 0.02
"""Attenuation of water at diagnostic energies, per mm: it cancels in the grey scale."""
_COARSE_MM = 3.0
_POINTS = 14
"""Of a centreline on the picture: it is drawn many times a second while the C-arm is turned."""


@dataclass(frozen=True, eq=False)
class _Block:
    values: NDArray[np.float32]
    grid: Grid


class Projector:
    """The CT around one place, prepared once; a projection then takes a fraction of a second."""

    def __init__(self, volume: Volume, centre_lps_mm: ArrayLike) -> None:
        self.centre_lps_mm = np.asarray(centre_lps_mm, dtype=np.float64)
        self.volume = volume
        self.frame_uid = volume.grid.frame_uid
        self._fine = _attenuation(volume, self.centre_lps_mm)
        self._coarse = _thinned(self._fine)

    def picture(
        self, angles: Angles, tree: VesselTree, *, fine: bool, context: Context | None = None
    ) -> ProjectionShown:
        """What a C-arm at these angles would show, and where the vessels of a tree fall on it."""
        size = FINE_PX if fine else COARSE_PX
        c_arm = c_arm_at(angles, self.centre_lps_mm, self.frame_uid, size)
        block = self._fine if fine else self._coarse
        integrals = line_integrals(block.values, block.grid, c_arm, (size, size), context)
        lines = {each.id: c_arm.project(_few(each.points_lps_mm)) for each in tree.segments}
        mm_per_px = c_arm.spacing.right_mm / c_arm.isocentre_magnification
        width = {each.id: 2.0 * (each.mean_radius_mm or 0.0) / mm_per_px for each in tree.segments}
        return ProjectionShown(angles, grey_of(integrals), c_arm, lines, width, fine)


def _few(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a centreline that are enough to draw it; both ends stay."""
    numbers = np.linspace(0, len(points) - 1, min(len(points), _POINTS)).round().astype(int)
    kept: NDArray[np.float64] = points[np.unique(numbers)]
    return kept


def c_arm_at(angles: Angles, centre_lps_mm: NDArray[np.float64], frame_uid: str, size_px: int) -> CArm:
    """A C-arm whose isocentre is a place of the patient, `FIELD_MM` on `size_px` pixels."""
    spacing = FIELD_MM * _SOURCE_TO_DETECTOR_MM / _SOURCE_TO_ISOCENTRE_MM / size_px
    x, y, z = (float(each) for each in centre_lps_mm)
    return CArm(
        primary_deg=angles[0],
        secondary_deg=angles[1],
        source_to_detector_mm=_SOURCE_TO_DETECTOR_MM,
        source_to_isocentre_mm=_SOURCE_TO_ISOCENTRE_MM,
        spacing=DetectorSpacing(spacing, spacing),
        principal_xy=((size_px - 1) / 2.0, (size_px - 1) / 2.0),
        frame_uid=frame_uid,
        isocentre_lps_mm=(x, y, z),
    )


def _attenuation(volume: Volume, centre_lps_mm: NDArray[np.float64]) -> _Block:
    """Attenuation per mm of the block around a point."""
    grid = volume.grid
    middle = grid.kji_from_lps.points(centre_lps_mm)
    reach = _AROUND_MM / np.asarray(grid.spacing_kji_mm)
    low = np.clip(np.floor(middle - reach), 0, np.asarray(grid.size_kji) - 1).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, low + 1, grid.size_kji).astype(int)
    first = (int(low[0]), int(low[1]), int(low[2]))
    last = (int(high[0]), int(high[1]), int(high[2]))
    block = volume.voxels[first[0] : last[0], first[1] : last[1], first[2] : last[2]].astype(np.float32)
    values: NDArray[np.float32] = np.maximum(0.0, 1.0 + block / 1000.0).astype(np.float32) * np.float32(_WATER_PER_MM)
    return _Block(values, grid.cropped(first, last))


def _thinned(block: _Block) -> _Block:
    """Means over blocks of about `_COARSE_MM`."""
    steps = [max(1, round(_COARSE_MM / spacing)) for spacing in block.grid.spacing_kji_mm]
    slices, rows, columns = (size // step for size, step in zip(block.values.shape, steps, strict=True))
    if min(slices, rows, columns) < 2:
        return block
    kept = block.values[: slices * steps[0], : rows * steps[1], : columns * steps[2]]
    parted = kept.reshape(slices, steps[0], rows, steps[1], columns, steps[2])
    values: NDArray[np.float32] = parted.mean(axis=(1, 3, 5), dtype=np.float32)
    homogeneous = block.grid.lps_from_kji.homogeneous.copy()
    offset = (np.asarray(steps, dtype=np.float64) - 1.0) / 2.0
    homogeneous[:3, 3] += homogeneous[:3, :3] @ offset
    homogeneous[:3, :3] *= np.asarray(steps, dtype=np.float64)[None, :]
    frame = block.grid.frame_uid
    return _Block(values, Grid((slices, rows, columns), SpaceMap(lps(frame), KJI, homogeneous), frame))
