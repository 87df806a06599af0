"""Gullet and bowel: a tube of soft tissue whose lumen is mostly collapsed, and seen where it holds air or contrast.

The course follows the middle of the tube, guided by the outer face of its wall (against fat and lung), and the middle
of the lumen where that is open. Fluid is not told from the wall: what it fills counts as closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline
from planner.imaging import Volume
from planner.imaging.cross_sections import frames
from planner.imaging.lumen_contours import LumenLook, LumenSections, lumen_sections
from planner.imaging.slicing import sample
from planner.jobs import Context
from planner.planning.course_lines import cut, smooth
from planner.planning.lumens_path import (
    AIR_HU,
    LEAST_SOFT_HU,
    MOST_AIR_HU,
    MOST_SOFT_HU,
    SOFT_HU,
    STEP_MM,
    around_points,
    calm_shift,
    pockets,
)

Floats = NDArray[np.float64]

_FAT_HU = -100.0
_CONTRAST_HU = 180.0
"""Swallowed contrast: brighter than any enhanced wall."""
_ENHANCED_HU = 90.0
"""Enhanced blood beside the tube is brighter than its wall by about this much."""
_OUTER_ROUNDS = 3
_STRAY_MM = 5.0
"""The middle of the tube is looked for no farther from the way between the clicks."""
_CONTENT_MM = 6.0
"""Air rises to the front of a wide gullet: its middle lies up to so far from the tube's."""
_LEAST_AREA_MM2 = 1.5
"""Less air or contrast than this in a section is noise or a bubble in the wall's folds."""
_LEAST_EDGED = 0.5


@dataclass(frozen=True, eq=False)
class GutCourse:
    """As the fields of `planner.planning.lumens.Lumen` of the same names."""

    centreline: Polyline
    inscribed_mm: Floats
    equivalent_mm: Floats
    least_mm: Floats
    greatest_mm: Floats
    greatest_angle_deg: Floats
    doubtful: NDArray[np.bool_]
    contours_mm: Floats
    outer_mm: Floats


def gut_course(volume: Volume, way: Polyline, clicks_lps_mm: Floats, reach_mm: float, context: Context) -> GutCourse:
    """Centre a rough way in its tube and measure what is open.

    Parameters
    ----------
    way
        Evenly spaced, a little longer than the clicks at both ends.
    """
    near = around_points(volume, way.points_lps_mm[::8], reach_mm + 5.0)
    full = _filled(near, clicks_lps_mm)
    wall = _wall_level(full, way)
    outer_look = LumenLook(wall, to_darker=wall - _FAT_HU, to_brighter=_ENHANCED_HU)
    line = way
    for turn in range(_OUTER_ROUNDS):
        context.step(0.25 * turn)
        line = _recentred(line, way, lumen_sections(full, line, outer_look, reach_mm=reach_mm))
    inner_look = _content(near, line, reach_mm, wall)
    if inner_look is not None:
        for turn in range(2):
            context.step(0.7 + 0.1 * turn)
            line = _to_content(near, line, inner_look, reach_mm)
    line = cut(line, clicks_lps_mm[0], clicks_lps_mm[-1], STEP_MM)
    outer = lumen_sections(full, line, outer_look, reach_mm=reach_mm)
    context.step(0.9)
    inner = None if inner_look is None else lumen_sections(near, line, inner_look, reach_mm=reach_mm)
    context.step(1.0)
    return _course(line, outer, inner)


def _course(line: Polyline, outer: LumenSections, inner: LumenSections | None) -> GutCourse:
    count = len(line.points_lps_mm)
    unsure = ~np.isfinite(outer.equivalent_mm)
    outer_mm = np.where(outer.edged >= _LEAST_EDGED, outer.equivalent_mm, np.nan)
    if inner is None:
        nothing = np.full(count, np.nan)
        return GutCourse(
            line, nothing, nothing, nothing, nothing, nothing, unsure, np.full(outer.radii_mm.shape, np.nan), outer_mm
        )
    # What is wider than the tube around it has run out of it, into lung or another loop.
    seen = (inner.equivalent_mm > 0.0) & ~(inner.equivalent_mm > 1.15 * outer.equivalent_mm)
    doubtful = np.where(seen, inner.edged < _LEAST_EDGED, unsure)

    def open_only(values: Floats) -> Floats:
        return np.where(seen, values, np.nan)

    return GutCourse(
        line, open_only(inner.inscribed_mm), open_only(inner.equivalent_mm), open_only(inner.least_mm),
        open_only(inner.greatest_mm), open_only(inner.greatest_angle_deg), doubtful,
        np.where(seen[:, None], inner.radii_mm, np.nan), outer_mm,
    )  # fmt: skip


def _filled(near: Volume, clicks_lps_mm: Floats) -> Volume:
    """The same with air and contrast that end inside it taken for wall: what is left is the whole tube."""
    values = np.array(near.voxels, dtype=np.float32)
    found = [near.grid.nearest_index(click) for click in clicks_lps_mm]
    clicked = [index for index in found if index is not None]
    for content in (values < MOST_AIR_HU + 300.0, values > _CONTRAST_HU):
        inside = pockets(content, clicked)
        values[_with_rim(inside)] = SOFT_HU
    return Volume(values, near.grid, near.source)


def _with_rim(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With the voxels that mix content and wall."""
    from scipy import ndimage

    grown: NDArray[np.bool_] = ndimage.binary_dilation(inside, ndimage.generate_binary_structure(3, 2))
    return grown


def _wall_level(full: Volume, way: Polyline) -> float:
    values = sample(full, way.points_lps_mm)
    soft = values[(values > LEAST_SOFT_HU) & (values < MOST_SOFT_HU)]
    return float(np.median(soft)) if len(soft) else SOFT_HU


def _recentred(line: Polyline, way: Polyline, outer: LumenSections) -> Polyline:
    """Towards the middle of the tube, less where few rays have an edge of their own, and never far from the way."""
    from scipy.spatial import cKDTree

    shift = calm_shift(outer.shift_lps_mm) * np.clip(outer.edged / _LEAST_EDGED, 0.0, 1.0)[:, None]
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    moved = line.points_lps_mm + shift * np.minimum(1.0, 3.0 / np.maximum(length, 1e-9))
    away, nearest = cKDTree(way.points_lps_mm).query(moved)
    anchor = way.points_lps_mm[nearest]
    held = anchor + (moved - anchor) * np.minimum(1.0, _STRAY_MM / np.maximum(away, 1e-9))[:, None]
    return smooth(Polyline(held, line.frame_uid).resampled(STEP_MM), 3.0, STEP_MM)


def _content(near: Volume, line: Polyline, reach_mm: float, wall: float) -> LumenLook | None:
    """What the lumen holds where it is open: air, contrast, or nothing that shows."""
    values, _, _ = _plane_values(near, line, 0.6 * reach_mm)
    area = _PIXEL_MM**2
    air = (values < MOST_AIR_HU).sum(axis=(1, 2)) * area
    contrast = (values > _CONTRAST_HU).sum(axis=(1, 2)) * area
    by_air, by_contrast = int((air > _LEAST_AREA_MM2).sum()), int((contrast > _LEAST_AREA_MM2).sum())
    if max(by_air, by_contrast) == 0:
        return None
    if by_air >= by_contrast:
        return LumenLook(AIR_HU, to_brighter=wall - AIR_HU)
    level = float(np.quantile(values[values > _CONTRAST_HU], 0.7))
    return LumenLook(level, to_darker=level - wall)


_PIXEL_MM = 0.75


def _plane_values(near: Volume, line: Polyline, half_mm: float) -> tuple[Floats, Floats, Floats]:
    """(n, pixels, pixels) grey values on each section, and where the pixels lie across it, (pixels,) and (n, 2, 3)."""
    _, across, beside = frames(line.points_lps_mm)
    count = int(np.ceil(half_mm / _PIXEL_MM))
    axis = np.asarray(np.arange(-count, count + 1) * _PIXEL_MM, dtype=np.float64)
    places = (
        line.points_lps_mm[:, None, None]
        + axis[None, :, None, None] * across[:, None, None]
        + axis[None, None, :, None] * beside[:, None, None]
    )
    return sample(near, places, outside=SOFT_HU), axis, np.stack([across, beside], axis=1)


def _to_content(near: Volume, line: Polyline, look: LumenLook, reach_mm: float) -> Polyline:
    """Towards the middle of what the lumen holds, where it holds anything; between such places the line stays."""
    from scipy import ndimage

    values, axis, ways = _plane_values(near, line, 0.6 * reach_mm)
    share = look.belonging(values, look.level)
    share = np.where(share > 0.3, share, 0.0)
    for index, picture in enumerate(share):
        parts, count = ndimage.label(picture > 0.0)
        if count > 1:
            share[index] = np.where(parts == _nearest_part(parts, picture), picture, 0.0)
    total = share.sum(axis=(1, 2))
    first = (share.sum(axis=2) * axis).sum(axis=1) / np.maximum(total, 1e-9)
    second = (share.sum(axis=1) * axis).sum(axis=1) / np.maximum(total, 1e-9)
    holds = total * _PIXEL_MM**2 > _LEAST_AREA_MM2
    shift = calm_shift(np.where(holds[:, None], first[:, None] * ways[:, 0] + second[:, None] * ways[:, 1], 0.0))
    shift *= np.minimum(1.0, _CONTENT_MM / np.maximum(np.linalg.norm(shift, axis=1, keepdims=True), 1e-9))
    return smooth(Polyline(line.points_lps_mm + shift, line.frame_uid).resampled(STEP_MM), 1.5, STEP_MM)


def _nearest_part(parts: NDArray[np.int32], picture: Floats) -> int:
    """The body of content that is large and near the middle: lung at the rim of the picture is far."""
    half = picture.shape[0] // 2
    rows, columns = np.nonzero(parts)
    away = np.hypot(rows - half, columns - half)
    pull = np.bincount(parts[rows, columns], weights=picture[rows, columns] / (1.0 + away**2))
    return int(np.argmax(pull))
