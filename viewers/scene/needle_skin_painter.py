"""The skin map: entries by colour and texture, what was and was not checked, and why an entry is rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from planner.catalogues import catalogue
from planner.imaging.structures import spoken_name
from viewers.scene.palette import NEEDLE, SELECTED, TEXT_QUIET, WARNING, rgb
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme
from viewers.state.needles import STANDINGS, names_of
from viewers.state.skin_map import ADMISSIBLE, CELL_DEG, CELL_MM, NOT_CHECKED, REJECTED, SkinMap

WORST, BEST = "#1f8a70", "#f0e442"
"""Ends of the scale of admissible entries: green is the last choice, yellow the first."""
REJECTED_COLOUR, OTHER_LIMIT, GROUND = "#5c2a1c", "#3c4048", "#101214"
DARKER = 260
"""Per cent, of the colour of a structure that rejects an entry."""
REASONS_NAMED = 5
OLD = "↻ structures or limits have changed: search again"
HOW = "Point at an entry: what it meets. Click: look along it. Double-click: use it."
_SIDES = (("back", -180.0), ("right", -90.0), ("front", 0.0), ("left", 90.0), ("back", 180.0))
_HATCH_CELLS = 3
STRETCH = 2.5
"""A long strip is drawn at most so much higher than it is, so that entries can be pointed at."""


@dataclass(frozen=True, slots=True)
class SkinPlaces:
    """Where the map lies in the pane; a millimetre of height and of skin at a usual girth are about the same length."""

    box: QRectF

    def cell_at(self, position: QPointF, skin: SkinMap) -> tuple[int, int] | None:
        """Row and column under a position; None beside the map."""
        if not self.box.contains(position):
            return None
        rows, columns = skin.entry.shape
        row = int((position.y() - self.box.top()) / self.box.height() * rows)
        column = int((position.x() - self.box.left()) / self.box.width() * columns)
        return min(row, rows - 1), min(column, columns - 1)

    def point_of(self, row: float, column: float, skin: SkinMap) -> QPointF:
        rows, columns = skin.entry.shape
        x = self.box.left() + (column + 0.5) / columns * self.box.width()
        return QPointF(x, self.box.top() + (row + 0.5) / rows * self.box.height())


def places_of(area: QRectF, skin: SkinMap, metrics: QFontMetricsF) -> SkinPlaces:
    """As large as fits above the legend."""
    em = metrics.height()
    room = area.adjusted(em * 2.8, em * 0.4, -em * 0.6, -em * 6.4)
    rows, columns = skin.entry.shape
    # Three millimetres of skin a degree: the girth of an adult trunk.
    shape = (rows * CELL_MM) / (columns * CELL_DEG * 3.0)
    width = max(20.0, room.width())
    height = max(20.0, min(room.height(), width * max(shape, 0.15) * STRETCH))
    return SkinPlaces(QRectF(room.left(), room.top() + max(0.0, (room.height() - height) / 2.0), width, height))


def skin_image(skin: SkinMap) -> QImage:
    """One pixel a cell, but for the hatching of cells that are not checked."""
    part = np.nan_to_num(skin.score, nan=0.0)[..., None].clip(0.0, 1.0)
    ramp = (1.0 - part) * np.array(rgb(WORST)) + part * np.array(rgb(BEST))
    colours = np.empty((*skin.standing.shape, 3))
    colours[:] = rgb(GROUND)
    colours[skin.standing == REJECTED] = rgb(REJECTED_COLOUR)
    for number, name in enumerate(skin.reasons):
        if skin.reason is not None:
            colours[(skin.reason == number) & (skin.standing == REJECTED)] = rgb(reason_colour(name))
    scored = (skin.standing == ADMISSIBLE) | (skin.standing == NOT_CHECKED)
    colours[scored] = ramp[scored]
    fine = np.repeat(np.repeat(colours, _HATCH_CELLS, axis=0), _HATCH_CELLS, axis=1)
    open_cells = np.repeat(np.repeat(skin.standing == NOT_CHECKED, _HATCH_CELLS, axis=0), _HATCH_CELLS, axis=1)
    fine[open_cells & _hatch(fine.shape[:2])] = rgb(STANDINGS["not-checked"].colour)
    pixels = np.full((*fine.shape[:2], 4), 255, dtype=np.uint8)
    pixels[..., :3] = fine[..., ::-1]
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()


def reason_colour(name: str) -> str:
    """A structure's own colour, darkened: rejected entries stay in the background; other limits are grey."""
    row = catalogue("structures.toml").get(name)
    if row is None:
        return OTHER_LIMIT
    colour = QColor(str(row.get("colour", REJECTED_COLOUR)))
    return colour.darker(DARKER).name()


def frequent_reasons(skin: SkinMap, most: int) -> list[str]:
    """The limits that most entries break as their worst, the most frequent first."""
    if skin.reason is None:
        return []
    here = skin.reason[(skin.standing == REJECTED) & (skin.reason >= 0)]
    counts = np.bincount(here, minlength=len(skin.reasons))
    return [skin.reasons[int(number)] for number in np.argsort(-counts, kind="stable")[:most] if counts[number] > 0]


def reason_words(name: str) -> str:
    """``rejected: colon``, ``rejected: length``."""
    return f"✕ {spoken_name(name).replace('_', ' ')}"


def _hatch(size: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = np.indices(size)
    stripes: NDArray[np.bool_] = (rows + columns) % (2 * _HATCH_CELLS) < _HATCH_CELLS - 1
    return stripes


def paint_skin(
    painter: QPainter,
    area: QRectF,
    skin: SkinMap,
    image: QImage,
    *,
    marked: Sequence[tuple[tuple[float, float, float], str]] = (),
    cell: tuple[int, int] | None = None,
    old: bool = False,
) -> None:
    """The map with its axes and legend.

    Parameters
    ----------
    marked
        Entries with a word each: needles of the plan, ranked paths.
    cell
        Looked at.
    old
        Structures or limits have changed since.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    places = places_of(area, skin, metrics)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(places.box, image)
    _paint_axes(painter, places, skin, metrics)
    taken: list[QRectF] = []
    for entry, word in marked:
        at = skin.cell_of(entry)
        if at is not None:
            _paint_mark(painter, places.point_of(*at, skin), word, metrics, taken)
    if cell is not None:
        painter.setPen(QPen(QColor(SELECTED), 2.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(places.point_of(*cell, skin), metrics.height() * 0.4, metrics.height() * 0.4)
    _paint_legend(painter, area, skin, metrics, _sentence(skin, cell))
    if old:
        width = metrics.horizontalAdvance(OLD)
        place = QPointF(max(area.left(), places.box.center().x() - width / 2.0), places.box.center().y())
        draw_outlined(painter, place, OLD, WARNING)


def _sentence(skin: SkinMap, cell: tuple[int, int] | None) -> str:
    number = -1 if cell is None else int(skin.entry[cell])
    return skin.sentences[number] if number >= 0 else ""


def _paint_axes(painter: QPainter, places: SkinPlaces, skin: SkinMap, metrics: QFontMetricsF) -> None:
    em, box = metrics.height(), places.box
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)
    for name, degrees in _SIDES:
        x = box.left() + (degrees + 180.0) / 360.0 * box.width()
        painter.setPen(QPen(QColor(theme.QUIET), 1.0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        width = metrics.horizontalAdvance(name)
        left = min(max(x - width / 2.0, box.left()), box.right() - width)
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(left, box.bottom() + em), name)
    target = (float(skin.height_mm[0]) - skin.tip_lps_mm[2]) / CELL_MM
    y = places.point_of(target, 0.0, skin).y()
    for word, height in (("head", box.top() + em * 0.8), ("feet", box.bottom()), ("target", y + em * 0.3)):
        if box.top() <= height <= box.bottom() + 1.0:
            painter.setPen(QColor(TEXT_QUIET))
            painter.drawText(QPointF(box.left() - em * 0.2 - metrics.horizontalAdvance(word), height), word)
    if box.top() <= y <= box.bottom():
        painter.setPen(QPen(QColor(theme.QUIET), 1.0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))


def _paint_mark(painter: QPainter, place: QPointF, word: str, metrics: QFontMetricsF, taken: list[QRectF]) -> None:
    """A ring with its word; without the word where another one stands."""
    em = metrics.height()
    radius = em * 0.22
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in (("#000000", 3.4), (NEEDLE, 1.8)):
        painter.setPen(QPen(QColor(colour), width))
        painter.drawEllipse(place, radius, radius)
    box = QRectF(place.x() + em * 0.4, place.y() - em * 0.5, metrics.horizontalAdvance(word), em)
    if any(box.intersects(other) for other in taken):
        return
    taken += [box, QRectF(place.x() - radius, place.y() - radius, 2.0 * radius, 2.0 * radius)]
    draw_outlined(painter, place + QPointF(em * 0.4, em * 0.3), word, NEEDLE)


def _paint_legend(painter: QPainter, area: QRectF, skin: SkinMap, metrics: QFontMetricsF, sentence: str) -> None:
    """Swatches, what was checked and what was not, and the sentence of the entry under the pointer."""
    em = metrics.height()
    left, top = area.left() + em * 0.5, area.bottom() - em * 4.3
    x = left
    swatches = [(BEST, "first choice"), (WORST, "last")]
    swatches += [(reason_colour(name), reason_words(name)) for name in frequent_reasons(skin, REASONS_NAMED)]
    if skin.reason is None:
        swatches.append((REJECTED_COLOUR, "rejected"))
    for colour, word in swatches:
        if x + em + metrics.horizontalAdvance(word) > area.right():
            break
        painter.fillRect(QRectF(x, top - em * 0.65, em * 0.8, em * 0.7), QColor(colour))
        painter.setPen(QColor(theme.QUIET))
        painter.drawText(QPointF(x + em, top), word)
        x += em * 1.5 + metrics.horizontalAdvance(word)
    hatched = STANDINGS["not-checked"]
    lines = [(f"Checked: {names_of(skin.checked) or 'nothing'}", theme.QUIET)]
    if skin.not_checked:
        lines.append((f"{hatched.shape} NOT CHECKED (hatched): {names_of(skin.not_checked)}", hatched.colour))
    else:
        lines.append(("Every required structure was checked.", theme.QUIET))
    lines.append((sentence or HOW, theme.TEXT))
    for row, (text, colour) in enumerate(lines, start=1):
        fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width() - em)
        painter.setPen(QColor(colour))
        painter.drawText(QPointF(left, top + row * em * 1.1), fitted)
