"""Cement: usual volumes, never safe ones; bone replaced by something softer; and where cortex is missing.

Leaks follow missing cortex, so walls are shown as a map, and nothing is filled on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.clinical.constants import Overrides, RuleConstants
from planner.clinical.registry import evaluate, rule
from planner.errors import FrameMismatch
from planner.findings import Finding
from planner.imaging.slicing import sample
from planner.imaging.volumes import Volume
from planner.model.needle_items import WallDefect
from planner.planning.vertebra_bone import Floats
from planner.planning.vertebra_frame import Vertebra, body_share

WALLS = ("posterior", "anterior", "superior-endplate", "inferior-endplate", "left", "right")
BASIVERTEBRAL = "basivertebral"

_LATTICE_MM = 1.5
_PROFILE_MM = (-2.5, 1.5)
"""Inside and outside of the surface where the cortex is looked for: masks are off by a voxel."""
_MOST_VOXEL_MM = 2.1
"""Longest voxel edge of images that show cortex; in thicker slices it fades into what lies beside it."""
_LEAST_CONTRAST_HU = 60.0
"""Between cortex and spongy bone."""


@dataclass(frozen=True, slots=True)
class CementVolumes:
    """Usual volumes of one level, mL.

    Attributes
    ----------
    low_ml, high_ml
        15 % of the body, and the lower of 24 % and the level's usual upper volume.
    usual_upper_ml
        Of the level, whatever the body measures.
    """

    low_ml: float
    high_ml: float
    usual_upper_ml: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class LyticEstimate:
    """Softer bone inside the body: an estimate.

    Attributes
    ----------
    volume_ml
        Of places below `below_hu`.
    spongy_hu
        Median density of the body's inside; a body that is replaced as a whole is compared with itself and not seen.
    """

    volume_ml: float
    spongy_hu: float
    below_hu: float


@dataclass(frozen=True, eq=False)
class LeakMap:
    """The body's surface, place by place.

    Attributes
    ----------
    points_lps_mm
        (n, 3).
    walls
        (n,) index into `WALLS`.
    peak_hu
        (n,) highest density across the surface.
    missing
        (n,) no cortex there.
    defects
        Places that hang together and are large enough, largest first.
    cortex_hu, spongy_hu
        Medians the walls were judged by.
    """

    points_lps_mm: Floats
    walls: NDArray[np.int64]
    peak_hu: Floats
    missing: NDArray[np.bool_]
    defects: tuple[WallDefect, ...]
    cortex_hu: float
    spongy_hu: float


def cement_volumes(body_ml: float, region: str, overrides: Overrides | None = None) -> CementVolumes | None:
    """Usual cement of a body, by rule ``cement_volume``; None where the rule gives none."""
    found = evaluate("cement_volume", {"body_volume": body_ml, "region": region}, overrides=overrides)
    low, high = found.value("fill_15"), found.value("safe_max")
    if not isinstance(low, float) or not isinstance(high, float):
        return None
    upper = float(rule("cement_volume").constants.table("upper")[region])
    limits = [finding.limit for finding in found.findings if finding.limit is not None]
    upper = limits[0] if limits else upper
    return CementVolumes(min(low, high), high, upper, found.findings)


def lytic_estimate(vertebra: Vertebra, volume: Volume) -> LyticEstimate | None:
    """Volume of softer bone inside the body; None where the body holds too little spongy bone to compare with."""
    from scipy import ndimage

    _same_frame(vertebra, volume)
    constants = _constants()
    bone = vertebra.bone
    inner = (body_share(vertebra) > 0.9) & (bone.distance_mm < -constants.number("rim"))
    if np.count_nonzero(inner) * bone.grid.voxel_ml < 1.0:
        return None
    places = np.argwhere(inner)
    values = sample(volume, bone.grid.lps_from_kji.points(places))
    known = np.isfinite(values)
    if not known.any():
        return None
    density = np.full(bone.grid.size_kji, np.nan, dtype=np.float32)
    density[tuple(places[known].T)] = values[known]
    smooth = _smoothed(density, tuple(1.0 / edge for edge in bone.grid.spacing_kji_mm))
    inside = smooth[inner & np.isfinite(density)]
    spongy = float(np.median(inside))
    above = inside[inside >= spongy]
    # The scatter of what is denser than the median: lytic places make the other side wide.
    scatter = 1.4826 * float(np.median(above - spongy))
    below = evaluate("vertebra_lytic", {"spongy": spongy, "scatter": scatter}).value("below")
    if not isinstance(below, float):
        return None
    labels, count = ndimage.label(np.where(inner, smooth, np.inf) < below)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * bone.grid.voxel_ml
    volume_ml = float(sizes[sizes >= constants.number("least")].sum())
    return LyticEstimate(volume_ml, spongy, below)


def leak_map(vertebra: Vertebra, volume: Volume, estimate: LyticEstimate | None = None) -> LeakMap | None:
    """Where the cortex of the body is missing; None where the images show too little of it to tell.

    Parameters
    ----------
    estimate
        Of the same body, when it is known already.
    """
    _same_frame(vertebra, volume)
    if max(volume.grid.spacing_kji_mm) > _MOST_VOXEL_MM:
        return None
    constants = _constants()
    surfaces = [_wall_surface(vertebra, wall) for wall in WALLS]
    points = np.concatenate([found[0] for found in surfaces])
    walls = np.concatenate([np.full(len(found[0]), place) for place, found in enumerate(surfaces)])
    if len(points) < 100:
        return None
    peak = _peaks(vertebra, volume, points)
    estimate = estimate or lytic_estimate(vertebra, volume)
    if estimate is None or not np.isfinite(peak).any():
        return None
    cortex = float(np.nanmedian(peak))
    if cortex - estimate.spongy_hu < _LEAST_CONTRAST_HU:
        return None
    limit = estimate.spongy_hu + constants.number("cortex_share") * (cortex - estimate.spongy_hu)
    missing = np.nan_to_num(peak, nan=cortex) < limit
    defects: list[WallDefect] = []
    start = 0
    for wall, (wall_points, places, area) in zip(WALLS, surfaces, strict=True):
        gone = missing[start : start + len(wall_points)]
        start += len(wall_points)
        defects += _defects(vertebra, wall, wall_points[gone], places[gone], area, constants)
    defects.sort(key=lambda each: -each.area_mm2)
    return LeakMap(points, walls, peak, missing, tuple(defects), cortex, estimate.spongy_hu)


def _constants() -> RuleConstants:
    return rule("vertebra_lytic").constants


def _same_frame(vertebra: Vertebra, volume: Volume) -> None:
    if vertebra.frame_uid != volume.grid.frame_uid:
        text = "The CT and the vertebra belong to different frames of reference; link the two first."
        raise FrameMismatch("mixed-frames", text)


def _smoothed(density: NDArray[np.float32], sigma: tuple[float, ...]) -> NDArray[np.float32]:
    """A Gaussian that knows only the places with a value."""
    from scipy import ndimage

    known = np.isfinite(density)
    weight = ndimage.gaussian_filter(known.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(known, density, 0.0).astype(np.float32), sigma)
    found: NDArray[np.float32] = np.where(known, total / np.maximum(weight, 1e-6), np.nan).astype(np.float32)
    return found


def _wall_surface(vertebra: Vertebra, wall: str) -> tuple[Floats, NDArray[np.int64], float]:
    """Points of one wall on a lattice, their places on it, and the area (mm2) that one stands for."""
    half = 0.5 * vertebra.depth_mm
    if wall.endswith("endplate"):
        first = second = np.arange(-1.6 * half, 1.6 * half, _LATTICE_MM)
        direction = np.array([0.0, 0.0, 1.0 if wall.startswith("superior") else -1.0])
        a, b = np.meshgrid(first, second, indexing="ij")
        plane_w = 0.5 * (vertebra.upper.at(a, b) + vertebra.lower.at(a, b))
        starts = np.stack([a, b, plane_w], axis=-1)
        directions = np.broadcast_to(direction, starts.shape)
        step_area = _LATTICE_MM**2
    elif wall == "posterior":
        a, b = np.meshgrid(np.arange(-12.0, 12.01, _LATTICE_MM), np.arange(-18.0, 18.01, _LATTICE_MM), indexing="ij")
        starts = np.stack([a, vertebra.wall.at(b, 0.0) + 7.0, b], axis=-1)
        directions = np.broadcast_to(np.array([0.0, -1.0, 0.0]), starts.shape)
        step_area = _LATTICE_MM**2
    else:
        middle = {"anterior": 90.0, "left": 20.0, "right": 160.0}[wall]
        spread = 40.0 if wall == "anterior" else 30.0
        turn_step = float(np.rad2deg(_LATTICE_MM / (1.2 * half)))
        turns = np.deg2rad(np.arange(middle - spread, middle + spread, turn_step))
        a, b = np.meshgrid(turns, np.arange(-18.0, 18.01, _LATTICE_MM), indexing="ij")
        starts = np.stack([np.zeros_like(a), np.zeros_like(a), b], axis=-1)
        directions = np.stack([np.cos(a), np.sin(a), np.zeros_like(a)], axis=-1)
        step_area = _LATTICE_MM**2
    return *_exits(vertebra, starts, directions), step_area


def _exits(vertebra: Vertebra, starts: Floats, directions: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Where rays from inside the body first leave the bone, in front of the pedicles, and which ray each was."""
    along = np.arange(0.0, 40.0, 0.5)
    shape = starts.shape[:2]
    rays = starts.reshape(-1, 1, 3) + along[None, :, None] * directions.reshape(-1, 1, 3)
    bone = vertebra.bone.at(vertebra.lps(rays))
    outside = bone >= 0
    first = np.argmax(outside, axis=1)
    rows = np.arange(len(rays))
    kept = outside.any(axis=1) & (first > 0)
    inner, outer = bone[rows, np.maximum(first - 1, 0)], bone[rows, first]
    share = np.where(kept, -inner / np.where(outer > inner, outer - inner, 1.0), 0.0)
    exits = rays[rows, np.maximum(first - 1, 0)] + (0.5 * share)[:, None] * directions.reshape(-1, 3)
    # A ray that runs on through a pedicle shows no wall of the body.
    kept &= vertebra.behind_wall_mm(exits) < 2.5
    places = np.stack(np.unravel_index(np.flatnonzero(kept), shape), axis=-1)
    return vertebra.lps(exits[kept]), places


def _peaks(vertebra: Vertebra, volume: Volume, points: Floats) -> Floats:
    """Highest density on a line across the surface at each point."""
    reach = max(0.8, 0.5 * vertebra.voxel_mm)
    steps = np.concatenate([np.eye(3), -np.eye(3)]) * reach
    values = vertebra.bone.at(points[:, None, :] + steps).astype(np.float64)
    normals = values[:, :3] - values[:, 3:]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    depths = np.arange(_PROFILE_MM[0], _PROFILE_MM[1] + 0.01, 0.5)
    density = sample(volume, points[:, None, :] + depths[None, :, None] * normals[:, None, :], outside=-2000.0)
    peak = density.max(axis=1)
    found: Floats = np.where(peak <= -1999.0, np.nan, peak)
    return found


def _defects(
    vertebra: Vertebra,
    wall: str,
    points: Floats,
    places: NDArray[np.int64],
    area_mm2: float,
    constants: RuleConstants,
) -> list[WallDefect]:
    """Neighbouring places without cortex, as far as they are large enough."""
    from scipy import ndimage

    if not len(points):
        return []
    lattice = np.zeros(places.max(axis=0) + 1, dtype=bool)
    lattice[places[:, 0], places[:, 1]] = True
    labels, count = ndimage.label(lattice, structure=np.ones((3, 3)))
    which = labels[places[:, 0], places[:, 1]]
    found = []
    for label in range(1, count + 1):
        inside = which == label
        area = float(np.count_nonzero(inside)) * area_mm2
        if area < constants.number("defect_area"):
            continue
        x, y, z = (float(value) for value in points[inside].mean(axis=0))
        local = vertebra.local((x, y, z))
        central = max(abs(float(local[0])), abs(float(local[2]))) <= constants.number("basivertebral")
        name = BASIVERTEBRAL if wall == "posterior" and central else wall
        found.append(WallDefect(name, area, (x, y, z)))
    return found
