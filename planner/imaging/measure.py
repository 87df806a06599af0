"""Measurements on images: lengths, angles, regions on a plane, sizes and values of structures.

Values carry a unit only when the volume has one: `RegionStatistics.unit` is None for images without HU (or SUV).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import SlicePlane
from planner.imaging.masks import Mask, box_slices
from planner.imaging.slicing import sample
from planner.imaging.volumes import Volume

_SAMPLES_PER_VOXEL = 2.0
_MOST_SAMPLES_PER_AXIS = 512
_MOST_HULL_POINTS = 4000


@dataclass(frozen=True, slots=True)
class RegionStatistics:
    """Grey values of a region; None where no sample lay inside the image.

    Attributes
    ----------
    unit
        ``HU``, ``SUV`` or None.
    samples
        How many values went into it: voxels of a structure, or resampled points on a plane.
    """

    unit: str | None
    samples: int
    mean: float | None
    standard_deviation: float | None
    minimum: float | None
    maximum: float | None
    median: float | None
    area_mm2: float | None = None
    volume_ml: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Diameter:
    """The longest straight line between two points of a structure's surface."""

    length_mm: float
    start_lps_mm: NDArray[np.float64]
    end_lps_mm: NDArray[np.float64]


def distance_mm(first_lps_mm: ArrayLike, second_lps_mm: ArrayLike) -> float:
    """Straight distance between two LPS points of one frame."""
    gap = np.asarray(second_lps_mm, dtype=np.float64) - np.asarray(first_lps_mm, dtype=np.float64)
    return float(np.linalg.norm(gap))


def angle_deg(first_lps_mm: ArrayLike, corner_lps_mm: ArrayLike, second_lps_mm: ArrayLike) -> float | None:
    """Angle at the corner, 0 to 180 degrees; None when a leg has no length."""
    corner = np.asarray(corner_lps_mm, dtype=np.float64)
    one = np.asarray(first_lps_mm, dtype=np.float64) - corner
    two = np.asarray(second_lps_mm, dtype=np.float64) - corner
    if min(float(np.linalg.norm(one)), float(np.linalg.norm(two))) < 1e-9:
        return None
    # atan2 of cross and dot stays exact near 0 and 180 degrees, where arccos does not.
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, two)), one @ two)))


def ellipse_statistics(
    volume: Volume,
    plane: SlicePlane,
    centre_lps_mm: ArrayLike,
    half_axes_mm: tuple[float, float],
    *,
    angle_deg: float = 0.0,
) -> RegionStatistics:
    """Values inside an ellipse on a plane, resampled by interpolation at half the smallest voxel edge or finer.

    Where the plane is a slice of the image itself and the samples fall on voxels this is the usual ROI; anywhere
    else it is the same measure of the interpolated image.

    Parameters
    ----------
    centre_lps_mm
        Projected onto the plane.
    half_axes_mm
        Along the plane's right and down before turning.
    angle_deg
        Turns the ellipse from right towards down.

    Raises
    ------
    ValueError
        For an axis without length.
    """
    first, second = half_axes_mm
    if min(half_axes_mm) <= 0.0:
        raise ValueError("an ellipse needs two axes with a length")
    centre = plane.in_plane_mm(centre_lps_mm)
    turn = np.deg2rad(angle_deg)
    step = min(volume.grid.spacing_kji_mm) / _SAMPLES_PER_VOXEL
    counts = [int(np.clip(np.ceil(2.0 * half / step), 4, _MOST_SAMPLES_PER_AXIS)) for half in half_axes_mm]
    across = ((np.arange(counts[0]) + 0.5) / counts[0] * 2.0 - 1.0)[None, :]
    down = ((np.arange(counts[1]) + 0.5) / counts[1] * 2.0 - 1.0)[:, None]
    inside = across**2 + down**2 <= 1.0
    u = np.broadcast_to(across * first, inside.shape)[inside]
    v = np.broadcast_to(down * second, inside.shape)[inside]
    flat = np.stack([centre[0] + u * np.cos(turn) - v * np.sin(turn), centre[1] + u * np.sin(turn) + v * np.cos(turn)])
    values = sample(volume, plane.lps_of(flat.T))
    return _statistics(values, volume.source.unit, area_mm2=float(np.pi * first * second))


def mask_statistics(volume: Volume, mask: Mask) -> RegionStatistics:
    """Values of the voxels of a structure drawn on this volume.

    Raises
    ------
    FrameMismatch
        When the structure lies on another grid.
    """
    Mask.empty(volume.grid).same_grid(mask)
    values = np.asarray(volume.voxels[box_slices(mask.box)], dtype=np.float64)[mask.voxels]
    return _statistics(values, volume.source.unit, volume_ml=mask.volume_ml)


def longest_axial_diameter(mask: Mask) -> Diameter | None:
    """The longest line within one slice k of the image, as RECIST measures; None for an empty structure."""
    best: Diameter | None = None
    for at in range(mask.voxels.shape[0]):
        outline = outline_of(mask.voxels[at])
        if not len(outline):
            continue
        kji = np.insert(outline, 0, 0.0, axis=1) + np.asarray(mask.box[0]) + (at, 0, 0)
        found = _farthest(mask.grid.lps_from_kji.points(kji), flat=True)
        if best is None or found.length_mm > best.length_mm:
            best = found
    return best


def longest_diameter(mask: Mask) -> Diameter | None:
    """The longest line in the room (3D Feret diameter); None for an empty structure."""
    points = []
    for axis in range(3):
        padded = np.pad(mask.voxels, [(1, 1) if other == axis else (0, 0) for other in range(3)])
        edge = np.argwhere(np.diff(padded.astype(np.int8), axis=axis)).astype(np.float64)
        edge[:, axis] -= 0.5
        points.append(edge)
    kji = np.concatenate(points)
    if not len(kji):
        return None
    return _farthest(mask.grid.lps_from_kji.points(kji + np.asarray(mask.box[0])), flat=False)


def outline_of(layer: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Middles of the pixel faces between inside and outside of one slice: row and column (n, 2) in pixels."""
    points = []
    for axis in range(2):
        padded = np.pad(layer, [(1, 1) if other == axis else (0, 0) for other in range(2)])
        edge = np.argwhere(np.diff(padded.astype(np.int8), axis=axis)).astype(np.float64)
        edge[:, axis] -= 0.5
        points.append(edge)
    return np.concatenate(points)


def _farthest(points: NDArray[np.float64], *, flat: bool) -> Diameter:
    """The two points farthest apart; only corners of the convex hull can be."""
    corners = points
    if len(points) > 16:
        from scipy.spatial import ConvexHull, QhullError

        offset = points - points.mean(axis=0)
        basis = np.linalg.svd(offset, full_matrices=False)[2][: 2 if flat else 3]
        try:
            corners = points[ConvexHull(offset @ basis.T).vertices]
        except QhullError:
            # A structure one voxel thin has no hull in the room: its points are taken as they are.
            corners = points[:: max(1, len(points) // _MOST_HULL_POINTS)]
    squared = ((corners[:, None] - corners[None]) ** 2).sum(axis=-1)
    one, two = np.unravel_index(int(np.argmax(squared)), squared.shape)
    return Diameter(float(np.sqrt(squared[one, two])), corners[one], corners[two])


def _statistics(
    values: NDArray[np.float64], unit: str | None, *, area_mm2: float | None = None, volume_ml: float | None = None
) -> RegionStatistics:
    known = values[np.isfinite(values)]
    if not known.size:
        return RegionStatistics(unit, 0, None, None, None, None, None, area_mm2, volume_ml)
    return RegionStatistics(
        unit=unit,
        samples=int(known.size),
        mean=float(known.mean()),
        standard_deviation=float(known.std(ddof=1)) if known.size > 1 else None,
        minimum=float(known.min()),
        maximum=float(known.max()),
        median=float(np.median(known)),
        area_mm2=area_mm2,
        volume_ml=volume_ml,
    )
