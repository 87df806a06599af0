"""Repairs an operator may accept: filling or evening out gaps, and straightening a tilted stack.

All are linear interpolation, and every one leaves a sentence in the volume's provenance. The padding that an upright
box needs around a sheared stack gets the smallest value of the volume.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits
from planner.dicom.gate import Geometry
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging import Volume
from planner.jobs import Context


def repaired(volume: Volume, geometry: Geometry, codes: Collection[str], context: Context) -> Volume:
    """Apply the accepted repairs.

    Parameters
    ----------
    volume
        Voxels of the sorted slices without doubles, one row of `geometry` each.
    codes
        ``uneven-spacing``, ``missing-slices`` and ``gantry-tilt``, those that the gate found.
    """
    if {"uneven-spacing", "missing-slices"} & set(codes):
        context.step(0.1, "Resampling to even gaps")
        volume, geometry = _evened(volume, geometry, codes)
    if "gantry-tilt" in codes:
        context.step(0.5, "Resampling upright")
        volume = _upright(volume, geometry)
    return volume


def _fine_gap(gaps: NDArray[np.float64]) -> float:
    """The smallest gap that makes up a fair share of the gaps, so that no detail of a fine part is lost."""
    ordered = np.sort(gaps)
    for gap in ordered:
        tolerance = max(limits.UNIFORM_GAP_SHARE * gap, limits.UNIFORM_GAP_MM)
        alike = np.abs(ordered - gap) <= tolerance
        if np.count_nonzero(alike) >= limits.FINE_GAP_SHARE * len(ordered):
            return float(np.mean(ordered[alike]))
    return float(np.median(ordered))


def _noted(volume: Volume, voxels: NDArray[np.generic], grid: Grid, note: str) -> Volume:
    source = replace(volume.source, provenance=(*volume.source.provenance, note))
    return Volume(voxels, grid, source)


def _rounded(values: NDArray[np.float64], like: NDArray[np.generic]) -> NDArray[np.generic]:
    if like.dtype.kind in "iu":
        whole: NDArray[np.generic] = np.rint(values).astype(like.dtype)
        return whole
    real: NDArray[np.generic] = values.astype(like.dtype)
    return real


def _evened(volume: Volume, geometry: Geometry, codes: Collection[str]) -> tuple[Volume, Geometry]:
    """Slices at even steps along the normal; the sideways drift of a tilted stack is kept for the next repair."""
    along = geometry.along_mm
    step = _fine_gap(np.diff(along))
    count = round((along[-1] - along[0]) / step) + 1
    step = float(along[-1] - along[0]) / max(1, count - 1)
    wanted = along[0] + step * np.arange(count)
    voxels = np.empty((count, *volume.voxels.shape[1:]), dtype=volume.voxels.dtype)
    for k, place in enumerate(wanted):
        upper = int(np.clip(np.searchsorted(along, place), 1, len(along) - 1))
        share = float(np.clip((place - along[upper - 1]) / (along[upper] - along[upper - 1]), 0.0, 1.0))
        low, high = volume.voxels[upper - 1].astype(np.float64), volume.voxels[upper].astype(np.float64)
        voxels[k] = _rounded(low * (1.0 - share) + high * share, volume.voxels)
    origins = np.stack([np.interp(wanted, along, geometry.origins_lps_mm[:, axis]) for axis in range(3)], axis=1)
    homogeneous = volume.grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, 0] = geometry.normal_lps * step
    frame_uid = volume.grid.frame_uid
    size = (count, volume.grid.size_kji[1], volume.grid.size_kji[2])
    grid = Grid(size, SpaceMap(lps(frame_uid), KJI, homogeneous), frame_uid)
    named = " and ".join(sorted({"uneven-spacing", "missing-slices"} & set(codes)))
    note = f"{named}: {len(along)} slices resampled to {count} at {step:.3f} mm by linear interpolation"
    changed = replace(geometry, along_mm=wanted, origins_lps_mm=origins, order=tuple(range(count)), gap_mm=step)
    return _noted(volume, voxels, grid, note), changed


def _upright(volume: Volume, geometry: Geometry) -> Volume:
    """Resample a sheared stack onto the right-angled grid along its slices' drift and its rows.

    The steps along the drift are as long as the source's gaps between slices, measured across them: never coarser.
    """
    from scipy import ndimage

    steps = len(geometry.along_mm) - 1
    origins = geometry.origins_lps_mm
    drift = (origins[-1] - origins[0]) / steps
    rows, columns = geometry.spacing_mm
    sheared = np.stack([drift, geometry.column_lps * rows, geometry.row_lps * columns], axis=1)
    along = drift / np.linalg.norm(drift)
    right = geometry.row_lps - along * float(along @ geometry.row_lps)
    right /= np.linalg.norm(right)
    # In a right-handed (row, column, normal) set, column = normal x row.
    down = np.cross(along, right)
    step = float(geometry.along_mm[-1] - geometry.along_mm[0]) / steps
    axes = np.stack([along * step, down * rows, right * columns], axis=1)
    index_from_offset = np.linalg.inv(axes)
    size = np.array(volume.voxels.shape)
    corners = np.array([[k, j, i] for k in (0, 1) for j in (0, 1) for i in (0, 1)]) * (size - 1)
    boxed = corners @ sheared.T @ index_from_offset.T
    low = np.floor(boxed.min(axis=0) + 1e-6)
    count = (np.ceil(boxed.max(axis=0) - 1e-6) - low).astype(int) + 1
    origin = origins[0] + axes @ low
    source_from_target = np.linalg.inv(sheared) @ axes
    offset = np.linalg.inv(sheared) @ (origin - origins[0])
    shape = (int(count[0]), int(count[1]), int(count[2]))
    background = float(volume.voxels.min())
    values = ndimage.affine_transform(
        volume.voxels.astype(np.float64), source_from_target, offset, shape, order=1, cval=background
    )
    frame_uid = volume.grid.frame_uid
    homogeneous = np.eye(4)
    homogeneous[:3, :3], homogeneous[:3, 3] = axes, origin
    grid = Grid(shape, SpaceMap(lps(frame_uid), KJI, homogeneous), frame_uid)
    angle = np.degrees(np.arccos(np.clip(float(along @ geometry.normal_lps), -1.0, 1.0)))
    note = (
        f"gantry-tilt: sheared by {angle:.1f} degrees, resampled upright to {shape} at {step:.3f} mm by linear "
        f"interpolation; padding {background:g}"
    )
    return _noted(volume, _rounded(values, volume.voxels), grid, note)
