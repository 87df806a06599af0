"""Over a picture across a lumen: its outline, the circle inside, both axes, stents, and the diameters in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPolygonF

from planner.geometry.planes import orientation_letters
from planner.planning.lumens import Lumen
from planner.units import shown as shown_number
from viewers.scene.lumen_lines import draw_line, pen
from viewers.scene.palette import TEXT, TEXT_QUIET
from viewers.scene.reformat_picture import SectionShown
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.lumens import COLOUR, STENT

Floats = NDArray[np.float64]

NOT_MEASURED = "not measured"
CLOSED = "closed: no open lumen here"
INSCRIBED, AXES = "#9ccf5a", "#e6b13a"
_TRIES = 25
"""Places on each axis that are tried for the middle of the circle inside."""


def paint_section(
    painter: QPainter,
    picture: SectionShown,
    lumen: LumenShown,
    along_mm: float,
    stents: tuple[StentShown, ...],
    area: QRectF,
) -> None:
    """Everything over the grey picture."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    em = QFontMetricsF(painter.font()).height()
    outline = lumen.outline_at(along_mm)
    at = lumen.index_at(along_mm)
    if outline is not None:
        xy = picture.xy_of(outline)
        closed = np.concatenate([xy, xy[:1]])
        doubtful = np.full(len(closed), bool(lumen.lumen.doubtful[at]))
        _paint_circle(painter, picture, xy, float(lumen.lumen.inscribed_mm[at]), em)
        _paint_axes(painter, picture, lumen.lumen, at, xy.mean(axis=0), em)
        draw_line(painter, closed, COLOUR, em / 9.0, faint=doubtful)
    for stent in stents:
        _paint_stent(painter, picture, stent, along_mm, em)
    _paint_words(painter, lumen, along_mm, em)
    _paint_letters(painter, picture, area)


def _paint_circle(painter: QPainter, picture: SectionShown, xy: Floats, diameter_mm: float, em: float) -> None:
    if not np.isfinite(diameter_mm):
        return
    x, y = circle_centre(xy)
    radius = 0.5 * diameter_mm * picture.px_per_mm
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, width in (("#000000", em / 8.0), (INSCRIBED, em / 15.0)):
        painter.setPen(pen(shade, width, alpha=150 if shade == "#000000" else 255, style=Qt.PenStyle.DashLine))
        painter.drawEllipse(QPointF(x, y), radius, radius)


def circle_centre(xy: Floats) -> tuple[float, float]:
    """The place inside an outline (n, 2) that is farthest from it."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    columns, rows = np.meshgrid(
        np.linspace(low[0], high[0], _TRIES), np.linspace(low[1], high[1], _TRIES), indexing="xy"
    )
    tried = np.stack([columns.ravel(), rows.ravel()], axis=-1)
    outline = QPolygonF([QPointF(x, y) for x, y in xy.tolist()])
    nearest = np.linalg.norm(tried[:, None] - xy[None], axis=2).min(axis=1)
    for index in np.argsort(-nearest):
        x, y = tried[index].tolist()
        if outline.containsPoint(QPointF(x, y), Qt.FillRule.OddEvenFill):
            return x, y
    x, y = xy.mean(axis=0).tolist()
    return x, y


def _paint_axes(painter: QPainter, picture: SectionShown, lumen: Lumen, at: int, middle: Floats, em: float) -> None:
    """Greatest and least axis through the middle of the outline."""
    _, across, beside = (each[at] for each in lumen.frames)
    turn = np.deg2rad(lumen.greatest_angle_deg[at])
    if not np.isfinite(turn):
        return
    origin = lumen.centreline.points_lps_mm[at]
    zero = picture.xy_of(origin)
    for angle, length in ((turn, lumen.greatest_mm[at]), (turn + np.pi / 2.0, lumen.least_mm[at])):
        way = picture.xy_of(origin + np.cos(angle) * across + np.sin(angle) * beside) - zero
        way *= 0.5 * length * picture.px_per_mm / max(float(np.linalg.norm(way)), 1e-9)
        draw_line(painter, np.stack([middle - way, middle + way]), AXES, em / 18.0, alpha=220)


def _paint_stent(painter: QPainter, picture: SectionShown, stent: StentShown, along_mm: float, em: float) -> None:
    made = stent.deployment
    if made is None or not stent.start_mm <= along_mm <= stent.end_mm:
        return
    centre = picture.xy_of(made.course.at(along_mm))
    held = float(np.interp(along_mm, made.along_mm, made.held_mm))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for diameter, style in ((made.nominal_mm, Qt.PenStyle.DashLine), (held, Qt.PenStyle.SolidLine)):
        radius = 0.5 * diameter * picture.px_per_mm
        for shade, width in (("#000000", em / 6.0), (STENT, em / 11.0)):
            painter.setPen(pen(shade, width, alpha=140 if shade == "#000000" else 255, style=style))
            painter.drawEllipse(QPointF(float(centre[0]), float(centre[1])), radius, radius)


def diameter_words(lumen: Lumen, along_mm: float) -> tuple[tuple[str, str, str], ...]:
    """Name, value and colour of the diameters at a place; a missing one says so."""
    at = int(np.argmin(np.abs(lumen.along_mm - along_mm)))

    def said(values: Floats) -> str:
        value = float(values[at])
        return shown_number(value, "mm", digits=1) if np.isfinite(value) else NOT_MEASURED

    return (
        ("area-equivalent", said(lumen.equivalent_mm), COLOUR),
        ("inscribed", said(lumen.inscribed_mm), INSCRIBED),
        ("least", said(lumen.least_mm), AXES),
        ("greatest", said(lumen.greatest_mm), AXES),
    )


def _paint_words(painter: QPainter, lumen: LumenShown, along_mm: float, em: float) -> None:
    """Top left: where, and the diameters; in a low pane in one line less."""
    at = lumen.index_at(along_mm)
    where = f"{shown_number(along_mm, 'mm', digits=1)} along"
    lines: list[tuple[str, str]] = [(where, TEXT)]
    if lumen.lumen.closed[at]:
        lines.append((CLOSED, theme.WARN))
    else:
        equivalent, inscribed, least, greatest = diameter_words(lumen.lumen, along_mm)
        lines += [(f"{name} {value}", colour) for name, value, colour in (equivalent, inscribed)]
        lines.append((f"axes {least[1].removesuffix(' mm')} and {greatest[1]}", AXES))
        if lumen.lumen.doubtful[at]:
            lines.append(("◆ not to be trusted here", theme.STALE))
    for number, (text, colour) in enumerate(lines):
        draw_outlined(painter, QPointF(em * 0.5, em * (1.1 + number)), text, colour)


def _paint_letters(painter: QPainter, picture: SectionShown, area: QRectF) -> None:
    """Which way of the patient the sides lie."""
    plane = picture.section.plane
    metrics = QFontMetricsF(painter.font())
    em, width, height = metrics.height(), area.width(), area.height()
    right, down = orientation_letters(plane.right_lps), orientation_letters(plane.down_lps)
    up = orientation_letters(-plane.down_lps)
    draw_outlined(painter, QPointF(width - em * 0.4 - metrics.horizontalAdvance(right), height / 2.0), right, TEXT)
    draw_outlined(painter, QPointF((width - metrics.horizontalAdvance(down)) / 2.0, height - em * 0.4), down, TEXT)
    # Beside the words, which stand above the middle of a narrow pane.
    room = width - metrics.horizontalAdvance(up)
    draw_outlined(painter, QPointF(max(room / 2.0, min(em * 13.0, room - em * 0.4)), em * 1.1), up, TEXT)
    length = next((each for each in (2.0, 5.0, 10.0, 20.0) if each * picture.px_per_mm >= 2.0 * em), 20.0)
    far, low = width - em * 0.8, height - em * 0.5
    for shade, wide in (("#000000", 4.0), (TEXT, 2.0)):
        painter.setPen(pen(shade, wide))
        painter.drawLine(QPointF(far - length * picture.px_per_mm, low), QPointF(far, low))
    text = shown_number(length, "mm")
    draw_outlined(painter, QPointF(far - metrics.horizontalAdvance(text), low - em * 0.35), text, TEXT_QUIET)
