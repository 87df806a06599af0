"""Clearance along a needle: how far each structure lies from the shaft at every depth, with its hard limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen

from planner.catalogues import catalogue
from planner.imaging.structures import spoken_name
from planner.units import shown
from viewers.scene.palette import NEEDLE, TEXT, TEXT_QUIET
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme
from viewers.state.needles import STANDINGS, Profile, names_of

SHOWN_MM = 30.0
"""Structures farther away all along are named, not drawn; a scale of the picture, no limit."""
_STROKES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DotLine)
_DEPTH_STEPS_MM = (5.0, 10.0, 20.0, 50.0)


@dataclass(frozen=True, slots=True)
class ProfilePlaces:
    """The axes: depth to the right, distance upwards."""

    box: QRectF
    length_mm: float

    def x_of(self, depth_mm: float) -> float:
        return self.box.left() + depth_mm / max(self.length_mm, 1e-6) * self.box.width()

    def y_of(self, mm: float) -> float:
        return self.box.bottom() - (mm + LOWEST_MM) / (SHOWN_MM + LOWEST_MM) * self.box.height()

    def depth_at(self, x: float) -> float:
        share = (x - self.box.left()) / max(1.0, self.box.width())
        return min(max(share, 0.0), 1.0) * self.length_mm


LOWEST_MM = 3.0
"""So much of being inside a structure is drawn below zero."""


def places_of(area: QRectF, profile: Profile, em: float) -> ProfilePlaces:
    length = float(profile.depths_mm[-1]) if len(profile.depths_mm) else 1.0
    return ProfilePlaces(area.adjusted(em * 2.6, em * 0.7, -em * 0.8, -em * 1.5), length)


def paint_profile(painter: QPainter, area: QRectF, profile: Profile, depth_mm: float) -> None:
    """Axes, one line for each near structure, its hard limit where it breaks it, and the depth the panes look at."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    places = places_of(area, profile, em)
    _paint_axes(painter, places, metrics)
    near = sorted(
        (float(values.min()), key) for key, values in profile.distances_mm.items() if values.size and _is_near(values)
    )
    painter.save()
    painter.setClipRect(places.box.adjusted(-1.0, -1.0, 1.0, 1.0))
    for number, (_, key) in enumerate(near):
        _paint_line(painter, places, profile, key, number)
    painter.restore()
    taken: list[QRectF] = []
    for least, key in near:
        _paint_name(painter, places, profile, key, least, taken)
    x = places.x_of(min(max(depth_mm, 0.0), places.length_mm))
    painter.setPen(QPen(QColor(NEEDLE), max(1.0, em / 14.0)))
    painter.drawLine(QPointF(x, places.box.top()), QPointF(x, places.box.bottom()))
    _paint_notes(painter, area, places, profile, bool(near), metrics)


def _is_near(values: np.ndarray) -> bool:
    return bool(float(values.min()) < SHOWN_MM)


def colour_of(key: str) -> str:
    """The structure's own colour, lightened until it reads on black."""
    colour = QColor(str(catalogue("structures.toml").get(key, {}).get("colour", TEXT)))
    bright = max(0.62, colour.lightnessF())
    return QColor.fromHslF(max(0.0, colour.hslHueF()), colour.hslSaturationF(), bright).name()


def _paint_axes(painter: QPainter, places: ProfilePlaces, metrics: QFontMetricsF) -> None:
    em, box = metrics.height(), places.box
    for mm in (0.0, 10.0, 20.0, 30.0):
        y = places.y_of(mm)
        painter.setPen(QPen(QColor(theme.QUIET if mm == 0.0 else theme.LINE), 1.0))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        text = f"{mm:.0f}"
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(box.left() - em * 0.3 - metrics.horizontalAdvance(text), y + em * 0.3), text)
    wide = metrics.horizontalAdvance("000 mm") * 1.4
    step = next((s for s in _DEPTH_STEPS_MM if s / places.length_mm * box.width() >= wide), _DEPTH_STEPS_MM[-1])
    for depth in np.arange(0.0, places.length_mm + 1e-6, step):
        x = places.x_of(float(depth))
        painter.drawLine(QPointF(x, box.bottom()), QPointF(x, box.bottom() + em * 0.25))
        text = "skin" if depth == 0.0 else shown(float(depth), "mm", digits=0)
        left = x if depth == 0.0 else x - metrics.horizontalAdvance(text) / 2.0
        if left + metrics.horizontalAdvance(text) < box.right() + em:
            painter.drawText(QPointF(left, box.bottom() + em * 1.2), text)


def _paint_line(painter: QPainter, places: ProfilePlaces, profile: Profile, key: str, number: int) -> None:
    """The distance of one structure; thick where it is nearer than its hard limit, which is drawn there."""
    values, depths = profile.distances_mm[key], profile.depths_mm
    colour = colour_of(key)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(colour), 1.6, _STROKES[number % len(_STROKES)]))
    painter.drawPath(_path(places, depths, values))
    hard = profile.hard_mm.get(key)
    broken = values < hard if hard is not None else np.zeros(len(values), dtype=np.bool_)
    if hard is None or not broken.any():
        return
    block = STANDINGS["too-near"].colour
    painter.setPen(QPen(QColor(block), 3.4))
    painter.drawPath(_path(places, depths, np.where(broken, values, np.nan)))
    at = depths[broken]
    painter.setPen(QPen(QColor(block), 1.2, Qt.PenStyle.DashLine))
    y = places.y_of(hard)
    painter.drawLine(QPointF(places.x_of(float(at[0])) - 8.0, y), QPointF(places.x_of(float(at[-1])) + 8.0, y))


def _path(places: ProfilePlaces, depths: np.ndarray, values: np.ndarray) -> QPainterPath:
    path, drawing = QPainterPath(), False
    for depth, value in zip(depths.tolist(), values.tolist(), strict=True):
        if not np.isfinite(value):
            drawing = False
            continue
        point = QPointF(places.x_of(depth), places.y_of(min(value, 4.0 * SHOWN_MM)))
        if drawing:
            path.lineTo(point)
        else:
            path.moveTo(point)
        drawing = True
    return path


def _paint_name(
    painter: QPainter, places: ProfilePlaces, profile: Profile, key: str, least: float, taken: list[QRectF]
) -> None:
    """Beside where the structure comes nearest: ``■ colon 7.2 mm``."""
    metrics = QFontMetricsF(painter.font())
    at = int(np.argmin(profile.distances_mm[key]))
    hard = profile.hard_mm.get(key)
    shape = f"{STANDINGS['too-near'].shape} " if hard is not None and least < hard else ""
    text = f"{shape}{spoken_name(key)} {shown(least, 'mm', digits=1)}"
    width = metrics.horizontalAdvance(text)
    x = min(places.x_of(float(profile.depths_mm[at])) + 4.0, places.box.right() - width)
    y = max(min(places.y_of(max(least, -LOWEST_MM)), places.box.bottom()) - metrics.height(), places.box.top())
    box = QRectF(max(places.box.left(), x), y, width, metrics.height())
    for move in range(12):
        moved = box.translated(0.0, (move + 1) // 2 * (1.0 if move % 2 else -1.0) * metrics.height() * 0.9)
        fits = moved.top() >= places.box.top() - 2.0 and moved.bottom() <= places.box.bottom() + 2.0
        if fits and not any(moved.intersects(other) for other in taken):
            box = moved
            break
    taken.append(box)
    draw_outlined(painter, QPointF(box.left(), box.top() + metrics.ascent()), text, colour_of(key))


def _paint_notes(
    painter: QPainter, area: QRectF, places: ProfilePlaces, profile: Profile, any_near: bool, metrics: QFontMetricsF
) -> None:
    """What the picture does not show: nothing near, and what was not checked at all."""
    lines = []
    if not any_near:
        measured = names_of(tuple(profile.distances_mm), most=4) or "no structure"
        lines.append((f"Nothing within {shown(SHOWN_MM, 'mm', digits=0)} of: {measured}", theme.QUIET))
    if profile.not_checked:
        mark = STANDINGS["not-checked"]
        lines.append((f"{mark.shape} NOT CHECKED: {names_of(profile.not_checked, most=4)}", mark.colour))
    for row, (text, colour) in enumerate(reversed(lines)):
        fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, places.box.width())
        x = area.right() - metrics.height() * 0.8 - metrics.horizontalAdvance(fitted)
        draw_outlined(painter, QPointF(x, places.box.top() + metrics.ascent() + row * metrics.height()), fitted, colour)
