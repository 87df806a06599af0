"""The way of a lumen between clicks: what each kind of lumen looks like, and the cheapest way through it.

The levels in Hounsfield units are image physics (air -1000, water 0, fat about -100, unenhanced soft tissue 20 to 80)
and say what a voxel can be made of, not what is healthy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.geometry import Grid, Polyline
from planner.imaging import Volume
from planner.imaging.lumen_contours import LumenLook
from planner.imaging.masks import Box, ball_box, box_size, box_slices, union_box
from planner.imaging.paths import least_cost_path
from planner.imaging.slicing import sample
from planner.imaging.surfaces import centre_distance_mm
from planner.planning.course_lines import SNAP_MM, snapped

Floats = NDArray[np.float64]

STEP_MM = 0.5
AIR_HU, SOFT_HU = -1000.0, 40.0
MOST_AIR_HU = -500.0
"""Halfway between air and soft tissue: darker is air."""
LEAST_SOFT_HU, MOST_SOFT_HU = -30.0, 130.0
"""Wall of a gullet or bowel: brighter than halfway to fat, darker than bone; enhanced wall included."""
_MEDIAN = 9
_CALM_MM = 0.6
_LEAST_COST = 0.025
_FARTHEST_MM = 25.0
_MARGIN_MM = 15.0
_LEAST_CONTRAST_HU = 8.0


@dataclass(frozen=True, slots=True)
class KindOfLumen:
    """How a kind of lumen is looked for.

    Attributes
    ----------
    reach_mm
        Largest radius that is looked for.
    word
        For sentences.
    """

    reach_mm: float
    word: str


KINDS = {
    "airway": KindOfLumen(18.0, "airway"),
    "oesophagus": KindOfLumen(22.0, "gullet"),
    "bowel": KindOfLumen(35.0, "bowel"),
    "bile": KindOfLumen(16.0, "bile duct"),
    "vein": KindOfLumen(25.0, "vein"),
    "artery": KindOfLumen(25.0, "artery"),
}
COLLAPSIBLE = ("oesophagus", "bowel")


def clicked_look(volume: Volume, clicks_lps_mm: Floats, kind: str) -> LumenLook:
    """What the clicked lumen looks like.

    Raises
    ------
    OperatorError
        ``not-in-lumen`` when no click lies in a lumen of this kind; ``lumen-not-seen`` when nothing around the clicks
        is told from them.
    """
    if kind == "airway":
        return _airway_look(volume, clicks_lps_mm)
    cores = np.array([np.median(_near(volume, click)) for click in clicks_lps_mm])
    if kind == "bile":
        return _bile_look(volume, clicks_lps_mm, cores)
    return _vein_look(volume, clicks_lps_mm, cores)


def _airway_look(volume: Volume, clicks: Floats) -> LumenLook:
    darkest = np.array([np.quantile(_near(volume, click), 0.1) for click in clicks])
    if (darkest > MOST_AIR_HU).all():
        raise OperatorError("not-in-lumen", "No click lies in air; click inside the airway.")
    level = float(np.median(darkest[darkest <= MOST_AIR_HU]))
    return LumenLook(min(level, AIR_HU + 150.0), to_brighter=SOFT_HU - min(level, AIR_HU + 150.0), thin_wall=True)


def _bile_look(volume: Volume, clicks: Floats, cores: Floats) -> LumenLook:
    level = float(np.quantile(cores, 0.25))
    around = _around(volume, clicks)
    if not len(around):
        text = "The bile duct is too narrow or too faint here; open thinner slices, or click where it is wider."
        raise OperatorError("lumen-not-seen", text)
    brighter = around[(around > level + 15.0) & (around < level + 400.0)]
    if level < LEAST_SOFT_HU or len(brighter) < 0.1 * len(around):
        raise OperatorError(
            "not-in-lumen", "No click is darker than the tissue around it; click inside the dilated bile duct."
        )
    return LumenLook(level, to_darker=100.0, to_brighter=float(np.median(brighter)) - level)


def _vein_look(volume: Volume, clicks: Floats, cores: Floats) -> LumenLook:
    level = float(np.median(cores))
    around = _around(volume, clicks)
    darker, brighter = level - around[around < level], around[around > level] - level
    to_darker = max(_typical_gap(darker, len(around)), _LEAST_CONTRAST_HU)
    to_brighter = max(_typical_gap(brighter, len(around)), _LEAST_CONTRAST_HU)
    if not math.isfinite(min(to_darker, to_brighter)):
        raise OperatorError("not-in-lumen", "A click looks the same as all around it; click inside the vein.")
    return LumenLook(level, min(to_darker, 4.0 * to_brighter), min(to_brighter, 4.0 * to_darker))


def arterial_look(volume: Volume, course: Polyline) -> LumenLook:
    """Of an artery whose course is known: brighter than its surroundings, and calcium brighter still."""
    points = course.resampled(2.0).points_lps_mm
    cores = sample(volume, points)
    level = float(np.nanmedian(cores))
    around = _around(volume, points[:: max(1, len(points) // 12)])
    darker = around[around < level]
    gap = level - float(np.median(darker)) if len(darker) else 0.5 * abs(level)
    gap = max(gap, _LEAST_CONTRAST_HU)
    wall = SOFT_HU if volume.source.unit == "HU" and level > 2.0 * SOFT_HU else -math.inf
    return LumenLook(level, to_darker=gap, to_brighter=1.5 * gap, least_outside=wall)


def _typical_gap(gaps: Floats, count: int) -> float:
    """What separates a vein from its nearest neighbours in grey value, not from fat and bone farther off."""
    return float(np.quantile(gaps, 0.35)) if len(gaps) > 0.08 * count else math.inf


def _near(volume: Volume, click: Floats, radius_mm: float = SNAP_MM) -> Floats:
    """Grey values within reach of a click; the nearest voxel when there is none."""
    box = ball_box(volume.grid, click, max(radius_mm, max(volume.grid.spacing_kji_mm)))
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    centres = volume.grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    gaps = np.linalg.norm(centres - click, axis=-1)
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float64)
    near: Floats = values[gaps <= max(radius_mm, float(gaps.min()) + 1e-6)]
    return near


def _around(volume: Volume, clicks: Floats) -> Floats:
    """Grey values where each of many rays from the clicks first settles away from the click's own."""
    golden = np.pi * (3.0 - math.sqrt(5.0))
    number = np.arange(80)
    height = 1.0 - 2.0 * (number + 0.5) / len(number)
    flat = np.sqrt(1.0 - height**2)
    rays = np.stack([flat * np.cos(golden * number), flat * np.sin(golden * number), height], axis=-1)
    along = np.arange(0.0, _FARTHEST_MM, 0.75)
    pieces = [_calm_near(volume, click) for click in clicks]
    places = [click + along[None, :, None] * rays[:, None] for click in clicks]
    values = np.concatenate([sample(piece, each) for (piece, _), each in zip(pieces, places, strict=True)])
    noise = max(deviation for _, deviation in pieces)
    core = np.repeat([np.nanmedian(values[at * len(rays) : (at + 1) * len(rays), :2]) for at in range(len(clicks))],
                     len(rays))  # fmt: skip
    apart = np.abs(values - core[:, None])
    away = apart > max(3.5 * noise, _LEAST_CONTRAST_HU)
    # Three neighbours in a row: noise leaves the level for one sample, a wall for longer.
    settled = away[:, :-2] & away[:, 1:-1] & away[:, 2:]
    first = np.argmax(settled, axis=1)
    found = settled.any(axis=1)
    outside: Floats = values[np.flatnonzero(found), np.minimum(first[found] + 2, len(along) - 1)]
    return outside[np.isfinite(outside)]


def _calm_near(volume: Volume, click: Floats) -> tuple[Volume, float]:
    """The image around a click without most of its noise, and how much noise is left."""
    from scipy import ndimage

    part = around_points(volume, click[None], _FARTHEST_MM)
    values = np.asarray(part.voxels, dtype=np.float64)
    calm = ndimage.gaussian_filter(values, [min(1.0 / each, 1.5) for each in part.grid.spacing_kji_mm], truncate=2.5)
    # Second differences of the calm image along a row hold little but noise; their deviation is sqrt(6) times its own
    # for independent samples, which every third one nearly is.
    apart = calm[:, :, 6:] - 2.0 * calm[:, :, 3:-3] + calm[:, :, :-6]
    noise = 1.4826 * float(np.median(np.abs(apart))) / math.sqrt(6.0) if apart.size else 0.0
    return Volume(calm, part.grid, volume.source), noise


def around_points(volume: Volume, points_lps_mm: Floats, margin_mm: float) -> Volume:
    """The part of an image around points, as float."""
    box = union_box(ball_box(volume.grid, point, margin_mm) for point in points_lps_mm)
    grid = volume.grid
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    part = Grid.of(
        box_size(box),
        origin_lps_mm=grid.lps_from_kji.points(np.asarray(box[0], dtype=np.float64)),
        spacing_kji_mm=grid.spacing_kji_mm,
        axes_lps=grid.axes_lps,
        frame_uid=grid.frame_uid,
    )
    return Volume(values, part, volume.source)


def way_between(volume: Volume, clicks_lps_mm: Floats, kind: str, look: LumenLook | None) -> Polyline:
    """The cheapest way through the clicks, in their order; voxel by voxel, not yet centred."""
    pieces: list[Floats] = []
    for start, end in zip(clicks_lps_mm[:-1], clicks_lps_mm[1:], strict=True):
        piece = _piece(volume, start, end, kind, look)
        pieces.append(piece if not pieces else piece[1:])
    return Polyline(np.concatenate(pieces), volume.grid.frame_uid)


def _piece(volume: Volume, start: Floats, end: Floats, kind: str, look: LumenLook | None) -> Floats:
    margin = max(_MARGIN_MM, float(np.linalg.norm(end - start)) / 3.0)
    box = union_box((ball_box(volume.grid, start, margin), ball_box(volume.grid, end, margin)))
    cost = _cost(volume, box, (start, end), kind, look)
    first, last = snapped(volume, cost, box, start), snapped(volume, cost, box, end)
    indices = least_cost_path(cost, first, last, volume.grid.spacing_kji_mm)
    if indices is None or len(indices) < 2:
        return np.stack([start, end])
    return volume.grid.lps_from_kji.points(indices + np.asarray(box[0]))


def _cost(
    volume: Volume, box: Box, ends: tuple[Floats, Floats], kind: str, look: LumenLook | None
) -> NDArray[np.float32]:
    """Cost per mm: low in the middle of what looks like the lumen, higher in soft tissue, highest elsewhere."""
    from scipy import ndimage

    spacing = volume.grid.spacing_kji_mm
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float64)
    calm = ndimage.gaussian_filter(values, [min(_CALM_MM / each, 1.0) for each in spacing], truncate=2.5)
    if look is None:
        likeness = gut_likeness(calm, [_index_in(volume.grid, box, end) for end in ends])
        foreign = likeness <= 0.0
    else:
        likeness = look.belonging(calm, look.level)
        foreign = (calm < LEAST_SOFT_HU - 20.0) | (calm > 3.0 * MOST_SOFT_HU)
        foreign &= likeness <= 0.0
        if kind == "airway":
            foreign[:] = False
    depth = centre_distance_mm(likeness < 0.5, spacing)
    here = [float(depth[snapped(volume, 1.0 / (0.1 + depth), box, end)]) for end in ends]
    cap = max(*here, max(spacing))
    middle = np.clip(depth / cap, 0.0, 1.0)
    cost = 1.0 / (_LEAST_COST + likeness**2 * (0.35 + 0.65 * middle**2))
    weighted: NDArray[np.float32] = (cost * np.where(foreign, 4.0, 1.0)).astype(np.float32)
    return weighted


def gut_likeness(values: Floats, inside: list[tuple[int, int, int]]) -> Floats:
    """1 in soft tissue and in pockets of air or contrast inside it, 0 in fat, lung, bone and enhanced blood.

    Parameters
    ----------
    inside
        Indices of the clicks.
    """
    soft = (values > LEAST_SOFT_HU) & (values < MOST_SOFT_HU)
    likeness: Floats = (soft | pockets(values < MOST_AIR_HU + 300.0, inside)).astype(np.float64)
    return likeness


def pockets(air: NDArray[np.bool_], inside: list[tuple[int, int, int]]) -> NDArray[np.bool_]:
    """Bodies of air that end inside the block, or hold a click: lung and windpipe run out of it."""
    from scipy import ndimage

    parts, count = ndimage.label(air)
    if not count:
        return air
    outer = np.zeros(count + 1, dtype=np.bool_)
    for axis in range(3):
        for face in (0, -1):
            outer[np.unique(np.take(parts, face, axis=axis))] = True
    outer[[parts[place] for place in inside]] = False
    outer[0] = True
    kept: NDArray[np.bool_] = ~outer[parts]
    return kept


def _index_in(grid: Grid, box: Box, point: Floats) -> tuple[int, int, int]:
    """Of the voxel of a block that holds a point inside it."""
    nearest = np.rint(grid.kji_from_lps.points(point)).astype(int)
    k, j, i = (int(np.clip(at, low, high - 1)) - low for at, low, high in zip(nearest, *box, strict=True))
    return k, j, i


def calm_shift(shift_lps_mm: Floats) -> Floats:
    """(n, 3): running median of moves across a course: one section that runs out must not bend the line."""
    from scipy import ndimage

    calm: Floats = ndimage.median_filter(shift_lps_mm, size=(_MEDIAN, 1), mode="nearest")
    return calm
