"""A needle on a slice: solid where it lies in what is shown, faint where it is seen through it, true to its gauge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from planner.model.needle_items import NeedlePathBody
from planner.units import shown
from viewers.scene.palette import NEEDLE, SELECTED, TARGET
from viewers.scene.slice_text import draw_outlined, one_line
from viewers.state.needles import STANDINGS, NeedleShape, NeedleTarget, Reading, reading_of

if TYPE_CHECKING:
    from viewers.scene.slice_items import ItemPen

_LEAST_PX = 2.0
HANDLE_EM = 0.42
WIDE_SHARE = 0.75
"""Words wider than this share of the pane are shortened: beside the corners there would be no place for them."""


def draw_needle_path(painter: QPainter, pen: ItemPen, body: NeedlePathBody, name: str, selected: bool) -> None:
    """The visual of a needle in the plan; the selected one with what was measured along it."""
    shape = NeedleShape("", body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm, name, locked=body.locked)
    colour = SELECTED if selected else NEEDLE
    draw_shape(painter, pen, shape, colour, handles=selected and not body.locked)
    title = one_line(name) or "Needle"
    if body.measured is None:
        length = shown(shape.length_mm, "mm", digits=0)
        _write(painter, pen, shape, [(f"{title} · {length} · not measured", colour)])
        return
    reading = reading_of(body.measured, body.usable_length_mm)
    if selected:
        _write(painter, pen, shape, _lines(painter, pen, reading, colour, title))
    else:
        _write(painter, pen, shape, [(f"{_sign(reading)} {title}".strip(), colour)])


def draw_moving(painter: QPainter, pen: ItemPen, shape: NeedleShape, reading: Reading | None) -> None:
    """A needle under the hand, with its live clearances; the length alone while nothing is measured."""
    draw_shape(painter, pen, shape, SELECTED, handles=True)
    title = one_line(shape.name)
    if reading is None:
        length = shown(shape.length_mm, "mm", digits=0)
        _write(painter, pen, shape, [(f"{title} {length} · clearances not measured".strip(), SELECTED)])
    else:
        _write(painter, pen, shape, _lines(painter, pen, reading, SELECTED, title))


def draw_target(painter: QPainter, pen: ItemPen, target: NeedleTarget) -> None:
    """Crossed circle where the next needle's tip will be; dashed when it lies before or behind what is shown."""
    (centre,) = pen.points(target.lps_mm)
    on = pen.is_on([target.lps_mm])
    reach = pen.em * 0.55
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in (("#000000", 3.4), (TARGET, 1.6)):
        painter.setPen(pen.pen(colour, width=width, alpha=255 if on else 150, dashed=not on))
        painter.drawEllipse(centre, reach, reach)
        for right, down in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
            inner, outer = QPointF(right, down) * reach * 0.6, QPointF(right, down) * reach * 1.7
            painter.drawLine(centre + inner, centre + outer)
    if on:
        pen.write(painter, centre + QPointF(reach * 1.8, reach), ("target",), TARGET)


def draw_shape(painter: QPainter, pen: ItemPen, shape: NeedleShape, colour: str, *, handles: bool) -> None:
    """Shaft, tip, entry and lock of a needle."""
    entry, tip = (np.asarray(each, dtype=np.float64) for each in (shape.entry_lps_mm, shape.tip_lps_mm))
    ends = pen.view.px_of(np.stack([entry, tip]))
    part = part_within(pen, entry, tip, shape.diameter_mm / 2.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(pen.pen(colour, width=1.1, alpha=130, dashed=True))
    painter.drawLine(QPointF(*ends[0]), QPointF(*ends[1]))
    if part is not None:
        _draw_shaft(painter, pen, ends[0] + np.outer(part, ends[1] - ends[0]), shape.diameter_mm, colour)
    on = [part is not None and part[0] <= 0.0, part is not None and part[1] >= 1.0]
    _draw_entry(painter, pen, ends, colour, on=on[0])
    _draw_tip(painter, pen, ends, colour, on=on[1])
    if handles:
        for place in ends:
            painter.setPen(pen.pen("#000000", width=2.6, alpha=180))
            painter.drawEllipse(QPointF(*place), pen.em * HANDLE_EM, pen.em * HANDLE_EM)
            painter.setPen(pen.pen(colour, width=1.2))
            painter.drawEllipse(QPointF(*place), pen.em * HANDLE_EM, pen.em * HANDLE_EM)
    if shape.locked:
        _draw_lock(painter, pen, ends, colour)


def part_within(
    pen: ItemPen, entry: NDArray[np.float64], tip: NDArray[np.float64], radius_mm: float
) -> NDArray[np.float64] | None:
    """(2,) shares of the shaft between which it lies in what the pane shows; None where it does not."""
    first, last = (float(each) for each in pen.view.plane.distance_mm(np.stack([entry, tip])))
    reach = pen.reach_mm + radius_mm
    if abs(last - first) < 1e-9:
        return np.array([0.0, 1.0]) if abs(first) <= reach else None
    shares = sorted(((-reach - first) / (last - first), (reach - first) / (last - first)))
    low, high = max(0.0, shares[0]), min(1.0, shares[1])
    return np.array([low, high]) if low < high else None


def _draw_shaft(painter: QPainter, pen: ItemPen, line_px: NDArray[np.float64], diameter_mm: float, colour: str) -> None:
    """As thick as the needle is, never thinner than can be seen; where it only crosses the plane, its cross-section."""
    wide = max(_LEAST_PX, diameter_mm / pen.view.mm_per_px)
    start, end = QPointF(*line_px[0]), QPointF(*line_px[1])
    if float(np.linalg.norm(line_px[1] - line_px[0])) < wide:
        radius = max(wide / 2.0, pen.em * 0.18)
        painter.setPen(pen.pen("#000000", width=1.2))
        painter.setBrush(QColor(colour))
        painter.drawEllipse((start + end) / 2.0, radius, radius)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        return
    for shade, more in (("#000000", 2.0), (colour, 0.0)):
        stroke = pen.pen(shade)
        stroke.setWidthF(wide + more)
        stroke.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(stroke)
        painter.drawLine(start, end)


def _draw_entry(painter: QPainter, pen: ItemPen, ends: NDArray[np.float64], colour: str, *, on: bool) -> None:
    """A bar across the needle where it goes through the skin."""
    along = _unit(ends[1] - ends[0])
    across = np.array([-along[1], along[0]]) * pen.em * 0.5
    for shade, width in (("#000000", 4.0), (colour, 2.2)):
        painter.setPen(pen.pen(shade, width=width, alpha=255 if on else 140))
        painter.drawLine(QPointF(*(ends[0] - across)), QPointF(*(ends[0] + across)))


def _draw_tip(painter: QPainter, pen: ItemPen, ends: NDArray[np.float64], colour: str, *, on: bool) -> None:
    """An arrow head that ends at the tip: full in what is shown, hollow before and behind it."""
    along = _unit(ends[1] - ends[0])
    across = np.array([-along[1], along[0]]) * pen.em * 0.24
    back = ends[1] - along * pen.em * 0.62
    head = QPolygonF([QPointF(*ends[1]), QPointF(*(back + across)), QPointF(*(back - across))])
    shade = QColor(colour)
    shade.setAlpha(255 if on else 0)
    painter.setPen(pen.pen("#000000" if on else colour, width=1.0, alpha=230 if on else 160))
    painter.setBrush(shade)
    painter.drawPolygon(head)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_lock(painter: QPainter, pen: ItemPen, ends: NDArray[np.float64], colour: str) -> None:
    """A padlock beside the entry."""
    em = pen.em
    along = _unit(ends[1] - ends[0])
    place = QPointF(*(ends[0] - along * em * 1.1))
    body = QRectF(place.x() - em * 0.3, place.y() - em * 0.05, em * 0.6, em * 0.45)
    bow = QRectF(place.x() - em * 0.19, place.y() - em * 0.42, em * 0.38, em * 0.7)
    for shade, width in (("#000000", 3.0), (colour, 1.4)):
        painter.setPen(pen.pen(shade, width=width))
        painter.drawArc(bow, 0, 180 * 16)
    painter.setPen(pen.pen("#000000", width=1.0))
    painter.setBrush(QColor(colour))
    painter.drawRect(body)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _unit(direction_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a direction on the screen; down for one that points at the viewer."""
    length = float(np.linalg.norm(direction_px))
    unit: NDArray[np.float64] = direction_px / length if length > 1e-6 else np.array([0.0, 1.0])
    return unit


def _sign(reading: Reading) -> str:
    """The shape of how a needle stands: what is not checked weighs more than what is far enough."""
    if reading.rejected or (reading.worst is not None and reading.worst.standing == "too-near"):
        return STANDINGS["too-near"].shape
    if reading.not_checked:
        return STANDINGS["not-checked"].shape
    return STANDINGS[reading.worst.standing].shape if reading.worst is not None else ""


def _lines(painter: QPainter, pen: ItemPen, reading: Reading, colour: str, title: str) -> list[tuple[str, str]]:
    """Name, then what is known; in a narrow pane without the limits."""
    metrics = QFontMetricsF(painter.font())
    room = pen.view.width_px - pen.em
    short = any(metrics.horizontalAdvance(text) > room * WIDE_SHARE for text, _ in reading.lines())
    lines = [(text, own or colour) for text, own in reading.lines(short=short)]
    return [(title, colour), *lines] if title else lines


def _write(painter: QPainter, pen: ItemPen, shape: NeedleShape, lines: Sequence[tuple[str, str]]) -> None:
    """Lines of their own colours beside the entry, or beside the tip where the entry lies outside the pane."""
    if not lines:
        return
    ends = pen.view.px_of(np.stack([np.asarray(shape.entry_lps_mm), np.asarray(shape.tip_lps_mm)]))
    inside = [0.0 <= x <= pen.view.width_px and 0.0 <= y <= pen.view.height_px for x, y in ends]
    if not any(inside):
        return
    metrics = QFontMetricsF(painter.font())
    place = pen.free_place(
        ends[0 if inside[0] else 1] + np.array([pen.em * 0.8, pen.em * 0.4]),
        max(metrics.horizontalAdvance(text) for text, _ in lines),
        metrics.height() * len(lines),
        metrics,
    )
    for row, (text, colour) in enumerate(lines):
        draw_outlined(
            painter, QPointF(place.left(), place.top() + metrics.ascent() + row * metrics.height()), text, colour
        )
