"""The working view: a map of scores over LAO/RAO x CRA/CAU, and the simulated projection beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from planner.geometry.planes import orientation_letters
from viewers.scene.palette import TEXT, TEXT_QUIET, WARNING
from viewers.scene.slice_text import draw_outlined
from viewers.scene.vessel_colours import FAINT, STRONG, SegmentLook, mixed
from viewers.state import theme
from viewers.state.working_view import Angles, ProjectionShown, ViewMapShown, spoken_angles, wrapped

RAMP = ("#2a1a4a", "#3f4788", "#2f788e", "#35b078", "#b5dd4a", "#fde725")
"""From a view that shows nothing of the segment to one that shows all of it; light is good, also without colours."""
SIMULATED = "SIMULATED"
_TICKS = 30.0
_LINES = 3
"""Of words below map and projection."""
_LEGEND = ("hidden", "seen whole")


@dataclass(frozen=True, slots=True)
class ViewPlaces:
    """Where map, projection and words lie."""

    map: QRectF
    projection: QRectF
    words: QRectF
    low: Angles
    high: Angles

    def at(self, angles: Angles) -> QPointF:
        """Of a direction on the map: RAO left, LAO right, cranial above."""
        x = (angles[0] - self.low[0]) / (self.high[0] - self.low[0])
        y = (self.high[1] - angles[1]) / (self.high[1] - self.low[1])
        return QPointF(self.map.left() + x * self.map.width(), self.map.top() + y * self.map.height())

    def angles_at(self, point: QPointF) -> Angles:
        """Of a place on the map, within its edges; whole degrees, as a C-arm shows them."""
        x = min(max((point.x() - self.map.left()) / max(1.0, self.map.width()), 0.0), 1.0)
        y = min(max((point.y() - self.map.top()) / max(1.0, self.map.height()), 0.0), 1.0)
        primary = self.low[0] + x * (self.high[0] - self.low[0])
        secondary = self.high[1] - y * (self.high[1] - self.low[1])
        return float(round(primary)), float(round(secondary))


def places_of(area: QRectF, view: ViewMapShown, em: float) -> ViewPlaces:
    """Map and projection side by side in a wide pane, one below the other in a high one."""
    low = (float(view.primary_deg[0]), float(view.secondary_deg[0]))
    high = (float(view.primary_deg[-1]), float(view.secondary_deg[-1]))
    ratio = (high[0] - low[0]) / max(high[1] - low[1], 1.0)
    words = em * (_LINES + 0.4)
    room = area.adjusted(em * 0.4, em * 0.4, -em * 0.4, -words - em * 0.2)
    left_axis, below_axis = em * 2.6, em * 2.4
    if room.width() >= 1.1 * room.height():
        half = room.width() / 2.0
        wide = min(half - left_axis - em * 0.6, (room.height() - below_axis - em * 0.4) * ratio)
        box = QRectF(room.left() + left_axis, room.top() + em * 0.4, wide, wide / ratio)
        side = min(half - em * 0.4, room.height())
        projection = QRectF(room.right() - side, room.top(), side, side)
    else:
        high_room = room.height() / 2.0
        wide = min(room.width() - left_axis, (high_room - below_axis) * ratio)
        box = QRectF(room.left() + left_axis, room.top() + em * 0.4, wide, wide / ratio)
        side = min(room.width(), high_room)
        projection = QRectF(room.center().x() - side / 2.0, room.bottom() - side, side, side)
    top = min(max(box.bottom() + below_axis, projection.bottom()), area.bottom() - words)
    lines = QRectF(area.left() + em * 0.6, top, area.width() - em * 1.2, words)
    return ViewPlaces(box, projection, lines, low, high)


def map_image(view: ViewMapShown) -> QImage:
    """The scores as a picture, cranial above; beyond the machine's limits darkened."""
    share = 1.0 - np.clip(view.loss, 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(RAMP))
    colours = np.array([mixed(each, each, 1.0) for each in RAMP], dtype=np.float64)
    rgb = np.stack([np.interp(share, stops, colours[:, band]) for band in range(3)], axis=-1)
    rgb = np.where(view.allowed[..., None], rgb, 0.28 * rgb)
    pixels = np.ascontiguousarray(np.rint(rgb[::-1]).astype(np.uint8))
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def paint_map(
    painter: QPainter,
    places: ViewPlaces,
    view: ViewMapShown,
    image: QImage,
    angles: Angles | None,
    stored: Angles | None,
) -> None:
    """Scores, limits, usual views, the one recommended, the one chosen."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    metrics = QFontMetricsF(painter.font())
    painter.drawImage(places.map, image)
    _paint_limits(painter, places, view)
    _paint_axes(painter, places, metrics)
    taken: list[QRectF] = []
    if view.best is not None:
        _paint_star(painter, places.at(view.best), metrics.height() * 0.55)
        _paint_label(painter, places, view.best, "recommended", TEXT, taken, metrics)
    if stored is not None:
        at, reach = places.at(stored), metrics.height() * 0.36
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, wide in (("#000000", 3.6), (TEXT, 1.6)):
            painter.setPen(QPen(QColor(colour), wide))
            painter.drawRect(QRectF(at.x() - reach, at.y() - reach, 2.0 * reach, 2.0 * reach))
        _paint_label(painter, places, stored, "in the plan", TEXT, taken, metrics)
    for usual in view.usual:
        here = (usual.primary_deg, usual.secondary_deg)
        painter.setBrush(QColor(TEXT))
        painter.setPen(QPen(QColor("#000000"), 1.4))
        painter.drawEllipse(places.at(here), metrics.height() * 0.2, metrics.height() * 0.2)
        _paint_label(painter, places, here, usual.name, TEXT, taken, metrics)
    if angles is not None:
        at, reach = places.at(angles), metrics.height() * 0.5
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, wide in (("#000000", 4.0), ("#ffffff", 2.0)):
            painter.setPen(QPen(QColor(colour), wide))
            painter.drawEllipse(at, reach, reach)
            for dx, dy in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
                painter.drawLine(at + QPointF(dx, dy) * reach * 0.6, at + QPointF(dx, dy) * reach * 1.7)


def _paint_limits(painter: QPainter, places: ViewPlaces, view: ViewMapShown) -> None:
    """The outline of what the machine reaches, where it does not reach all."""
    if bool(view.allowed.all()):
        return
    rows, columns = view.allowed.shape
    cell_x, cell_y = places.map.width() / columns, places.map.height() / rows
    lines: list[tuple[QPointF, QPointF]] = []
    grown = np.pad(view.allowed, 1)
    for row, column in zip(*np.nonzero(grown[:, 1:] != grown[:, :-1]), strict=True):
        x, y = places.map.left() + column * cell_x, places.map.bottom() - (row - 1) * cell_y
        lines.append((QPointF(x, y), QPointF(x, y - cell_y)))
    for row, column in zip(*np.nonzero(grown[1:] != grown[:-1]), strict=True):
        x, y = places.map.left() + (column - 1) * cell_x, places.map.bottom() - row * cell_y
        lines.append((QPointF(x, y), QPointF(x + cell_x, y)))
    painter.setPen(QPen(QColor(WARNING), 1.4))
    for first, last in lines:
        painter.drawLine(first, last)


def _paint_axes(painter: QPainter, places: ViewPlaces, metrics: QFontMetricsF) -> None:
    em, box = metrics.height(), places.map
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    painter.drawRect(box)
    grid = QColor("#ffffff")
    grid.setAlpha(60)
    for primary in np.arange(np.ceil(places.low[0] / _TICKS), places.high[0] / _TICKS + 1e-6) * _TICKS:
        at = places.at((float(primary), places.low[1]))
        painter.setPen(QPen(grid, 1.0))
        painter.drawLine(QPointF(at.x(), box.top()), QPointF(at.x(), box.bottom()))
        painter.setPen(QColor(TEXT_QUIET))
        text = f"{abs(wrapped(float(primary))):.0f}"
        painter.drawText(QPointF(at.x() - metrics.horizontalAdvance(text) / 2.0, box.bottom() + em), text)
    for secondary in np.arange(np.ceil(places.low[1] / _TICKS), places.high[1] / _TICKS + 1e-6) * _TICKS:
        at = places.at((places.low[0], float(secondary)))
        painter.setPen(QPen(grid, 1.0))
        painter.drawLine(QPointF(box.left(), at.y()), QPointF(box.right(), at.y()))
        painter.setPen(QColor(TEXT_QUIET))
        text = f"{abs(secondary):.0f}"
        painter.drawText(QPointF(box.left() - em * 0.3 - metrics.horizontalAdvance(text), at.y() + em * 0.3), text)
    painter.setPen(QColor(TEXT))
    below = box.bottom() + em * 1.95
    # Prone, the map lies around 180 degrees: the patient's own side names stay with the angles.
    left, right = ("RAO" if wrapped(each) < 0.0 else "LAO" for each in (places.low[0], places.high[0]))
    painter.drawText(QPointF(box.left(), below), left)
    painter.drawText(QPointF(box.right() - metrics.horizontalAdvance(right), below), right)
    painter.drawText(QPointF(box.left() - em * 2.5, box.top() + em * 0.8), "CRA")
    painter.drawText(QPointF(box.left() - em * 2.5, box.bottom() - em * 0.1), "CAU")
    _paint_legend(painter, box, below, metrics)


def _paint_legend(painter: QPainter, box: QRectF, baseline: float, metrics: QFontMetricsF) -> None:
    """What dark and light mean, between the words of the axis."""
    em = metrics.height()
    bad, good = (metrics.horizontalAdvance(each) for each in _LEGEND)
    room = box.width() - metrics.horizontalAdvance("RAOLAO") - em * 1.6
    bar = min(em * 5.0, room - bad - good - em * 0.8)
    if bar < em * 1.2:
        return
    x = box.center().x() - (bad + good + bar + em * 0.8) / 2.0
    painter.setPen(QColor(TEXT_QUIET))
    painter.drawText(QPointF(x, baseline), _LEGEND[0])
    step = bar / len(RAMP)
    for number, colour in enumerate(RAMP):
        left = x + bad + em * 0.4 + number * step
        painter.fillRect(QRectF(left, baseline - em * 0.6, step + 0.5, em * 0.6), QColor(colour))
    painter.drawText(QPointF(x + bad + bar + em * 0.8, baseline), _LEGEND[1])


def _paint_star(painter: QPainter, at: QPointF, reach: float) -> None:
    turns = np.arange(10) * np.pi / 5.0 - np.pi / 2.0
    radius = np.where(np.arange(10) % 2 == 0, reach, reach * 0.42)
    corners = [at + QPointF(float(r * np.cos(t)), float(r * np.sin(t))) for r, t in zip(radius, turns, strict=True)]
    painter.setBrush(QColor("#ffffff"))
    painter.setPen(QPen(QColor("#000000"), 1.6))
    painter.drawPolygon(QPolygonF(corners))


def _paint_label(
    painter: QPainter,
    places: ViewPlaces,
    angles: Angles,
    text: str,
    colour: str,
    taken: list[QRectF],
    metrics: QFontMetricsF,
) -> None:
    """Right or left of a mark; away when there is no room."""
    em, at = metrics.height(), places.at(angles)
    width = metrics.horizontalAdvance(text)
    for left, top in (
        (at.x() + em * 0.6, at.y() - em * 0.5),
        (at.x() - em * 0.6 - width, at.y() - em * 0.5),
        (at.x() - width / 2.0, at.y() + em * 0.5),
        (at.x() - width / 2.0, at.y() - em * 1.5),
    ):
        box = QRectF(left, top, width, em)
        if places.map.contains(box) and not any(box.intersects(other) for other in taken):
            taken.append(box)
            draw_outlined(painter, QPointF(left, top + metrics.ascent()), text, colour)
            return


def paint_projection(
    painter: QPainter,
    places: ViewPlaces,
    picture: ProjectionShown | None,
    image: QImage | None,
    looks: dict[str, SegmentLook],
    segment: str,
    names: dict[str, str],
) -> None:
    """What the C-arm would show, with the vessels of the tree over it; the segment looked at above all."""
    box = places.projection
    painter.fillRect(box, QColor("#14171a"))
    metrics = QFontMetricsF(painter.font())
    if picture is None or image is None:
        painter.setPen(QColor(theme.QUIET))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, "Projecting…")
        return
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    painter.drawImage(box, image)
    scale = box.width() / picture.grey.shape[1]
    painter.save()
    painter.setClipRect(box)
    order = sorted(picture.lines_xy, key=lambda key: (key == segment, looks[key].strength if key in looks else FAINT))
    for key in order:
        _paint_vessel(painter, box, picture, scale, key, looks.get(key, SegmentLook("#8a8f98", FAINT)), key == segment)
    painter.restore()
    _paint_names(painter, box, picture, scale, names, looks, metrics)
    _paint_letters(painter, box, picture, metrics)
    em = metrics.height()
    draw_outlined(painter, QPointF(box.left() + em * 0.4, box.top() + em), SIMULATED, WARNING)
    if not picture.fine:
        draw_outlined(painter, QPointF(box.left() + em * 0.4, box.top() + em * 2.0), "coarse while moving", TEXT_QUIET)
    draw_outlined(painter, QPointF(box.left() + em * 0.4, box.bottom() - em * 0.4), spoken_angles(picture.angles), TEXT)


def _screen(box: QRectF, scale: float, places_xy: NDArray[np.float64]) -> QPolygonF | None:
    """Pixels x, y of a projection on the screen; None for what lies behind the focal spot."""
    if not np.isfinite(places_xy).all():
        return None
    return QPolygonF([QPointF(box.left() + (x + 0.5) * scale, box.top() + (y + 0.5) * scale) for x, y in places_xy])


def _paint_vessel(
    painter: QPainter, box: QRectF, picture: ProjectionShown, scale: float, key: str, look: SegmentLook, chosen: bool
) -> None:
    line = _screen(box, scale, picture.lines_xy[key])
    if line is None:
        return
    wide = max(1.0, picture.width_px.get(key, 0.0) * scale)
    shade = QColor(*mixed(look.colour, "#000000", 1.0))
    shade.setAlpha(255 if chosen else 210 if look.strength >= STRONG else 150 if look.strength > FAINT else 90)
    if chosen:
        for colour, more in (("#000000", 5.0), ("#ffffff", 2.6)):
            painter.setPen(QPen(QColor(colour), wide + more, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            painter.drawPolyline(line)
    painter.setPen(QPen(shade, wide, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    painter.drawPolyline(line)


def _paint_names(
    painter: QPainter,
    box: QRectF,
    picture: ProjectionShown,
    scale: float,
    names: dict[str, str],
    looks: dict[str, SegmentLook],
    metrics: QFontMetricsF,
) -> None:
    """Of the vessels that a person must know by sight, where there is room."""
    taken: list[QRectF] = []
    for key, text in names.items():
        line = None if key not in picture.lines_xy else _screen(box, scale, picture.lines_xy[key])
        if line is None or not line.size():
            continue
        at = line.at(line.size() // 2)
        place = QRectF(at.x() + 5.0, at.y() - metrics.height(), metrics.horizontalAdvance(text), metrics.height())
        if box.contains(place) and not any(place.intersects(other) for other in taken):
            taken.append(place)
            look = looks.get(key)
            draw_outlined(
                painter, QPointF(place.left(), place.bottom() - 2.0), text, TEXT if look is None else look.colour
            )


def _paint_letters(painter: QPainter, box: QRectF, picture: ProjectionShown, metrics: QFontMetricsF) -> None:
    """The patient's sides at the edges of the picture."""
    em = metrics.height()
    right, down, _ = picture.c_arm.axes_lps
    middle = box.center()
    for direction, where in (
        (right, QPointF(box.right() - em * 1.4, middle.y())),
        (-right, QPointF(box.left() + em * 0.3, middle.y())),
        (-down, QPointF(middle.x() - em * 0.3, box.top() + em)),
    ):
        draw_outlined(painter, where, orientation_letters(direction, 0.5), TEXT_QUIET)


def paint_words(painter: QPainter, places: ViewPlaces, lines: Sequence[tuple[str, str]]) -> None:
    """Below both: the angle, what it costs, of whom."""
    metrics = QFontMetricsF(painter.font())
    for row, (text, colour) in enumerate(lines[:_LINES]):
        painter.setPen(QColor(colour))
        fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, places.words.width())
        painter.drawText(QPointF(places.words.left(), places.words.top() + metrics.height() * (row + 1.0)), fitted)
