"""Over a picture along a lumen: its edge, the stricture, landmarks, stents, and the line that all panes share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from planner.geometry.planes import orientation_letters
from planner.model.vessel_items import LumenMark
from planner.units import shown as shown_number
from viewers.scene.lumen_lines import draw_line, pen
from viewers.scene.palette import TEXT, TEXT_QUIET
from viewers.scene.reformat_picture import ReformatShown
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.lumens import COLOUR, MARK, STENOSIS, STENT, LumenDesk, mark_name

Floats = NDArray[np.float64]


def paint_reformat(
    painter: QPainter,
    picture: ReformatShown,
    lumen: LumenShown,
    desk: LumenDesk,
    stents: tuple[StentShown, ...],
    selected_id: str | None,
    area: QRectF,
) -> None:
    """Everything over the grey picture, the line above all."""
    em = QFontMetricsF(painter.font()).height()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    stenosis = desk.stenosis_mm
    if stenosis is not None:
        _shade(painter, picture, lumen, stenosis)
    for edge in picture.edges:
        draw_line(painter, edge, COLOUR, em / 11.0, faint=lumen.lumen.doubtful)
    draw_line(painter, picture.line, COLOUR, em / 18.0, style=Qt.PenStyle.DashLine, alpha=120)
    for stent in stents:
        paint_stent(painter, picture, lumen, stent, em, strong=stent.id == selected_id or len(stents) == 1)
    taken: list[QRectF] = []
    for mark in lumen.marks:
        _cross_line(painter, picture, lumen, mark.along_mm, MARK, em / 14.0)
        _name(painter, picture, lumen, mark, taken, area)
    _cross_line(painter, picture, lumen, desk.along_mm.value, TEXT, em / 12.0)
    _letters(painter, picture, lumen, desk, area)
    scale_bar(painter, picture, area)


def place(picture: ReformatShown, lumen: LumenShown, along_mm: float) -> tuple[float, float]:
    """Where a place of the lumen lies in the pane."""
    x, y = picture.line[lumen.index_at(along_mm)].tolist()
    return x, y


def _reach(picture: ReformatShown, lumen: LumenShown) -> float:
    """How far a line across the lumen reaches from its middle, in logical pixels."""
    columns = picture.places.map.columns * picture.places.scale
    return columns / 2.0 if picture.places.is_lying else 1.3 * lumen.widest_mm * picture.places.px_per_mm


def _cross_line(
    painter: QPainter, picture: ReformatShown, lumen: LumenShown, along_mm: float, colour: str, width: float
) -> None:
    """A line across the lumen, open around its middle so that the lumen is seen."""
    x, y = place(picture, lumen, along_mm)
    far = _reach(picture, lumen)
    gap = min(far * 0.5, max(6.0, 0.7 * lumen.widest_mm * picture.places.px_per_mm))
    lying = picture.places.is_lying
    for side in (-1.0, 1.0):
        near_at = QPointF(x, y + side * gap) if lying else QPointF(x + side * gap, y)
        far_at = QPointF(x, y + side * far) if lying else QPointF(x + side * far, y)
        for shade, wide, alpha in (("#000000", width + 1.6, 150), (colour, width, 230)):
            painter.setPen(pen(shade, wide, alpha=alpha))
            painter.drawLine(near_at, far_at)


def _shade(painter: QPainter, picture: ReformatShown, lumen: LumenShown, ends_mm: tuple[float, float]) -> None:
    """Brackets on both sides of the stricture, not over it: the picture stays as it is."""
    first, last = lumen.index_at(ends_mm[0]), lumen.index_at(ends_mm[1])
    away = 0.75 * lumen.widest_mm * picture.places.px_per_mm + 4.0
    xy = picture.line[first : last + 1]
    if len(xy) < 2:
        return
    for side in (-1.0, 1.0):
        shift = np.array([0.0, side * away]) if picture.places.is_lying else np.array([side * away, 0.0])
        inward = -0.25 * shift
        bracket = np.concatenate([[xy[0] + shift + inward], xy + shift, [xy[-1] + shift + inward]])
        draw_line(painter, bracket, STENOSIS, 2.0)


def paint_stent(
    painter: QPainter, picture: ReformatShown, lumen: LumenShown, stent: StentShown, em: float, *, strong: bool
) -> None:
    """Its wall as it lies in the lumen, dashed at its nominal diameter, and bars at its ends."""
    made = stent.deployment
    if made is None:
        return
    held, nominal = (stent_walls(picture, lumen, stent, opened=opened) for opened in (False, True))
    width = em / (8.0 if strong else 12.0)
    for wall in nominal:
        draw_line(painter, wall, STENT, width * 0.7, style=Qt.PenStyle.DashLine, alpha=200)
    for wall in held:
        draw_line(painter, wall, STENT, width)
    for end in (0, -1):
        draw_line(painter, np.stack([nominal[0][end], nominal[1][end]]), STENT, width * 1.4)
        if strong:
            _handle(painter, (nominal[0][end] + nominal[1][end]) / 2.0, em)
    if strong:
        at = nominal[0][0]
        text = stent.words + (" · ↻ judge again" if stent.stale else "")
        draw_outlined(painter, QPointF(float(at[0]) + 4.0, float(at[1]) - em * 0.35), text, STENT)


def stent_walls(picture: ReformatShown, lumen: LumenShown, stent: StentShown, *, opened: bool) -> tuple[Floats, Floats]:
    """Twice (n, 2) logical pixels: its wall on both sides of the lumen's line."""
    made = stent.deployment
    if made is None:
        return np.zeros((0, 2)), np.zeros((0, 2))
    radius = (np.full_like(made.held_mm, made.nominal_mm) if opened else made.held_mm) / 2.0
    along = lumen.lumen.along_mm
    middle = np.stack([np.interp(made.along_mm, along, picture.line[:, axis]) for axis in (0, 1)], axis=-1)
    way = np.gradient(middle, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    across = np.stack([-way[:, 1], way[:, 0]], axis=-1)
    shift = (radius * picture.places.px_per_mm)[:, None] * across
    return middle - shift, middle + shift


def _handle(painter: QPainter, at: Floats, em: float) -> None:
    x, y = float(at[0]), float(at[1])
    r = em * 0.26
    painter.setPen(pen("#000000", 1.2))
    painter.setBrush(QColor(STENT))
    painter.drawPolygon(QPolygonF([QPointF(x - r, y), QPointF(x, y - r), QPointF(x + r, y), QPointF(x, y + r)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _name(
    painter: QPainter,
    picture: ReformatShown,
    lumen: LumenShown,
    mark: LumenMark,
    taken: list[QRectF],
    area: QRectF,
) -> None:
    """A landmark's name at the end of its line, moved off names that stand there."""
    at, text = QPointF(*place(picture, lumen, mark.along_mm)), mark_name(lumen.lumen.kind, mark.name)
    metrics = QFontMetricsF(painter.font())
    width, em = metrics.horizontalAdvance(text), metrics.height()
    far = _reach(picture, lumen)
    lying = picture.places.is_lying
    # Above the scale bar and the words along the lower edge.
    bottom = min(at.y() + far, area.bottom()) - em * 2.2
    box = QRectF(at.x() + 4.0, bottom - em, width, em) if lying else QRectF(at.x() + far + 4.0, at.y() - em, width, em)
    box.moveLeft(max(2.0, min(box.left(), area.right() - width - 2.0)))
    if not lying:
        box.moveTop(min(max(box.top(), area.top() + 2.6 * em), area.bottom() - 3.2 * em))
    while any(box.intersects(other) for other in taken):
        box.translate(0.0, -em)
    taken.append(box)
    draw_outlined(painter, QPointF(box.left(), box.bottom() - metrics.descent()), text, MARK)


def _letters(painter: QPainter, picture: ReformatShown, lumen: LumenShown, desk: LumenDesk, area: QRectF) -> None:
    """Which way of the patient the picture's sides lie, at the line's place; and how far the cut is turned."""
    row = int(np.clip(picture.places.map.row_at(desk.along_mm.value), 0, picture.places.map.size_px[0] - 1))
    right = picture.places.map.rights_lps[row]
    metrics = QFontMetricsF(painter.font())
    em, width, height = metrics.height(), area.width(), area.height()
    turn = f"cut turned {desk.angle_deg.value:.0f}°"
    if picture.places.is_lying:
        x = em * 0.6
        draw_outlined(painter, QPointF(x, em * 1.1), orientation_letters(right), TEXT)
        draw_outlined(painter, QPointF(x, height - em * 0.4), orientation_letters(-right), TEXT)
    else:
        middle = height / 2.0
        draw_outlined(painter, QPointF(em * 0.4, middle), orientation_letters(-right), TEXT)
        text = orientation_letters(right)
        draw_outlined(painter, QPointF(width - em * 0.4 - metrics.horizontalAdvance(text), middle), text, TEXT)
    place_of = QPointF(width - em * 0.6 - metrics.horizontalAdvance(turn), em * 1.1)
    draw_outlined(painter, place_of, turn, TEXT_QUIET)
    if not lumen.is_outlined:
        note = "edge: ellipse of the stored axes"
        at = QPointF(width - em * 0.6 - metrics.horizontalAdvance(note), em * 2.2)
        draw_outlined(painter, at, note, theme.QUIET)


def scale_bar(painter: QPainter, picture: ReformatShown, area: QRectF) -> None:
    """A length at the picture's own scale, bottom right."""
    em = QFontMetricsF(painter.font()).height()
    px_per_mm = picture.places.px_per_mm
    length = next((each for each in (5.0, 10.0, 20.0, 50.0, 100.0) if each * px_per_mm >= 3.0 * em), 100.0)
    right, bottom = area.right() - em * 0.8, area.bottom() - em * 0.5
    for shade, wide in (("#000000", 4.0), (TEXT, 2.0)):
        painter.setPen(pen(shade, wide))
        painter.drawLine(QPointF(right - length * px_per_mm, bottom), QPointF(right, bottom))
    text = shown_number(length, "mm")
    advance = QFontMetricsF(painter.font()).horizontalAdvance(text)
    draw_outlined(painter, QPointF(right - advance, bottom - em * 0.35), text, TEXT)
