"""What lies ahead of a needle, seen along it from the hub: outlines of structures with the depth they begin at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter

from planner.imaging.structures import spoken_name
from planner.units import shown
from viewers.scene.palette import TEXT, rgb
from viewers.scene.slice_text import draw_outlined
from viewers.scene.slice_view import SliceView
from viewers.state.mask_layer import RegionShape
from viewers.state.needles import NeedleShape, Reading, plane_across

CELLS = 96
STEP_MM = 1.5
_PAST_TIP_MM = 10.0
_FILL, _EDGE = 60, 230
NAMED = 4
"""So many structures are named."""


@dataclass(frozen=True, eq=False, slots=True)
class ProbeRequest:
    """A look along a needle. The picture is `reach_mm` wide to each side and begins `from_mm` below the skin."""

    needle: NeedleShape
    regions: tuple[RegionShape, ...]
    from_mm: float
    reach_mm: float


@dataclass(frozen=True, eq=False, slots=True)
class Ahead:
    """One structure as the needle sees it.

    Attributes
    ----------
    first_mm
        (CELLS, CELLS) depth below the skin at which a line parallel to the needle meets it; NaN where it does not.
    """

    region: RegionShape
    first_mm: NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class ProbePicture:
    request: ProbeRequest
    structures: tuple[Ahead, ...]


def look_ahead(request: ProbeRequest) -> ProbePicture:
    """Follow lines parallel to the needle through every structure but the skin. Runs in a thread."""
    needle = request.needle
    plane = plane_across(needle, 0.0)
    side = (np.arange(CELLS) + 0.5) / CELLS * 2.0 * request.reach_mm - request.reach_mm
    depths = np.arange(request.from_mm, needle.length_mm + _PAST_TIP_MM, STEP_MM)
    found: list[Ahead] = []
    for region in request.regions:
        if region.structure == "skin" or region.mask.is_empty or not len(depths):
            continue
        first = _first_depths(region, plane.point_lps_mm, plane.right_lps, plane.down_lps, side, depths)
        if first is not None:
            found.append(Ahead(region, first))
    # The farthest first, so that the nearest is painted last.
    found.sort(key=lambda each: -float(np.nanmin(each.first_mm)))
    return ProbePicture(request, tuple(found))


def _first_depths(
    region: RegionShape,
    point_lps_mm: NDArray[np.float64],
    right_lps: NDArray[np.float64],
    down_lps: NDArray[np.float64],
    side_mm: NDArray[np.float64],
    depths_mm: NDArray[np.float64],
) -> NDArray[np.float32] | None:
    """(CELLS, CELLS) depth of the first voxel on each line; None when no line meets the structure."""
    mask, to_index = region.mask, region.mask.grid.kji_from_lps
    start = to_index.points(point_lps_mm)
    right, down = to_index.vectors(right_lps), to_index.vectors(down_lps)
    deeper = to_index.vectors(np.cross(right_lps, down_lps))
    low, high = np.asarray(mask.box[0]), np.asarray(mask.box[1])
    flat = start + side_mm[:, None, None] * down + side_mm[None, :, None] * right
    first = np.full((len(side_mm), len(side_mm)), np.nan, dtype=np.float32)
    for depth in depths_mm[::-1]:
        index = np.rint(flat + depth * deeper).astype(np.int32)
        within = np.all((index >= low) & (index < high), axis=-1)
        if not within.any():
            continue
        k, j, i = (index[within] - low).T
        hit = np.zeros(within.shape, dtype=np.bool_)
        hit[within] = mask.voxels[k, j, i]
        first[hit] = depth
    return None if np.isnan(first).all() else first


def paint_ahead(painter: QPainter, view: SliceView, picture: ProbePicture, reading: Reading | None) -> None:
    """Each structure as an outline in its colour, fainter the deeper it begins, with its name and least distance."""
    reach = picture.request.reach_mm / view.mm_per_px
    centre = view.px_of(picture.request.needle.at_depth(0.0))
    target = QRectF(centre[0] - reach, centre[1] - reach, 2.0 * reach, 2.0 * reach)
    metrics = QFontMetricsF(painter.font())
    taken: list[QRectF] = []
    measured = _measured(reading)
    for each in picture.structures:
        painter.drawImage(target, _image(each, picture.request, filled=each.region.structure in measured))
    for each in _named(picture, measured):
        words = _words(each, measured)
        rows, columns = np.nonzero(np.isfinite(each.first_mm))
        cell = 2.0 * reach / CELLS
        place = QPointF(target.left() + (columns.mean() + 0.5) * cell, target.top() + (rows.min() + 0.5) * cell)
        box = QRectF(place.x() - metrics.horizontalAdvance(words) / 2.0, place.y(), 0.0, metrics.height())
        box.setWidth(metrics.horizontalAdvance(words))
        box.moveLeft(max(2.0, min(box.left(), view.width_px - box.width() - 2.0)))
        # Above stands whose images these are, below where and how.
        box.moveTop(max(view.height_px * 0.3, min(box.top(), view.height_px * 0.72)))
        while any(box.intersects(other) for other in taken) and box.bottom() < view.height_px * 0.8:
            box.translate(0.0, metrics.height())
        taken.append(box)
        draw_outlined(painter, QPointF(box.left(), box.top() + metrics.ascent()), words, each.region.colour or TEXT)


def _measured(reading: Reading | None) -> dict[str | None, float]:
    """Structure -> its least distance from the shaft."""
    clearances = reading.clearances if reading is not None else ()
    return {each.structure: each.mm for each in clearances if each.mm is not None}


def _named(picture: ProbePicture, measured: Mapping[str | None, float]) -> list[Ahead]:
    """The nearest structures, and what is no structure (the lesion); more names would hide what they name."""
    avoided = sorted(
        (each for each in picture.structures if each.region.structure in measured),
        key=lambda each: measured[each.region.structure],
    )
    others = [each for each in picture.structures if each.region.structure is None]
    return (avoided[:NAMED] + others) if measured else list(reversed(picture.structures))[:NAMED]


def _words(ahead: Ahead, measured: Mapping[str | None, float]) -> str:
    """``colon 7.2 mm``: the least distance that was measured; else the depth at which it begins."""
    key = ahead.region.structure
    if key is not None and key in measured:
        return f"{spoken_name(key)} {shown(measured[key], 'mm', digits=1)}"
    name = spoken_name(key) if key is not None else ahead.region.label
    return f"{name} from {shown(float(np.nanmin(ahead.first_mm)), 'mm', digits=0)}"


def _image(ahead: Ahead, request: ProbeRequest, *, filled: bool) -> QImage:
    """(CELLS, CELLS) premultiplied colour: an edge, and of what is avoided a faint filling that fades with depth."""
    inside = np.isfinite(ahead.first_mm)
    core = inside.copy()
    core[1:] &= inside[:-1]
    core[:-1] &= inside[1:]
    core[:, 1:] &= inside[:, :-1]
    core[:, :-1] &= inside[:, 1:]
    span = max(request.needle.length_mm + _PAST_TIP_MM - request.from_mm, STEP_MM)
    near = 1.0 - np.clip((np.nan_to_num(ahead.first_mm) - request.from_mm) / span, 0.0, 1.0)
    fill = _FILL * (0.35 + 0.65 * near) if filled else 0.0
    alpha = np.where(core, fill, np.where(inside, _EDGE * (0.45 + 0.55 * near), 0.0))
    red, green, blue = rgb(QColor(ahead.region.colour).name())
    pixels = np.empty((*inside.shape, 4), dtype=np.uint8)
    for channel, value in enumerate((blue, green, red)):
        pixels[..., channel] = value * alpha / 255.0
    pixels[..., 3] = alpha
    height, width = inside.shape
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied).copy()
