"""C-arm views of a vertebra side by side, and its walls laid flat, each with its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from planner.geometry.c_arm import angle_words
from planner.geometry.planes import orientation_letters
from planner.units import shown
from viewers.scene.palette import NEEDLE, SELECTED, TEXT, TEXT_QUIET, WARNING
from viewers.scene.slice_text import draw_outlined, one_line
from viewers.state import theme
from viewers.state.needles import NeedleShape
from viewers.state.vertebrae import ALL, WALLS, VertebraShown, ViewPicture, WallsPicture

PEDICLE, ENDPLATE, MISSING = "#56b4e9", "#e6b13a", "#d55e00"
SIMULATED = "SIMULATED from CT"
_WORDS = 4
"""Lines under a picture."""
_DOT_MM = 1.5
_GAP_EM = 0.5
_ALONE_SHARE = 0.62
"""Of the pane's width, for a picture that stands alone; its words stand beside it."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Where one picture lies in the pane.

    Attributes
    ----------
    square, words
        The picture, and the place of its words: below it, or beside it when it stands alone.
    alone
        No other picture is on show.
    """

    key: str
    square: QRectF
    words: QRectF
    alone: bool = False

    @property
    def whole(self) -> QRectF:
        return self.square.united(self.words)


def tiles_of(area: QRectF, metrics: QFontMetricsF, vertebra: VertebraShown, picture: str) -> tuple[Tile, ...]:
    """Every picture in rows as large as they fit, or the chosen one alone."""
    em = metrics.height()
    gap, words = em * _GAP_EM, em * (_WORDS + 0.4)
    room = area.adjusted(gap, gap + em * len(vertebra.notes), -gap, -gap)
    keys = [key for key, _ in vertebra.choices if key != ALL and (key != WALLS or vertebra.walls is not None)]
    if picture not in (ALL, *keys, WALLS):
        picture = ALL
    if picture != ALL:
        side = max(20.0, min(room.height(), room.width() * _ALONE_SHARE))
        square = QRectF(room.left(), room.top(), side, side)
        return (Tile(picture, square, QRectF(square.right() + gap, room.top(), room.right() - side - gap, side), True),)
    best = max(range(1, len(keys) + 1), key=lambda columns: _side(room, len(keys), columns, gap, words))
    side = max(20.0, _side(room, len(keys), best, gap, words))
    width = (room.width() + gap) / best - gap
    tiles = []
    for number, key in enumerate(keys):
        row, column = divmod(number, best)
        left = room.left() + column * (width + gap)
        top = room.top() + row * (side + words + gap)
        square = QRectF(left + (width - side) / 2.0, top, side, side)
        tiles.append(Tile(key, square, QRectF(left, top + side, width, words)))
    return tuple(tiles)


def _side(room: QRectF, count: int, columns: int, gap: float, words: float) -> float:
    rows = -(-count // columns)
    return min((room.width() + gap) / columns - gap, (room.height() + gap) / rows - gap - words)


def paint_vertebra(
    painter: QPainter,
    area: QRectF,
    vertebra: VertebraShown,
    picture: str,
    needles: Sequence[NeedleShape],
    selected_id: str | None,
) -> None:
    """Notes, then every tile."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    for row, note in enumerate(vertebra.notes):
        painter.setPen(QColor(theme.WARN))
        fitted = metrics.elidedText(f"▲ {note}", Qt.TextElideMode.ElideRight, area.width() - em)
        painter.drawText(QPointF(area.left() + em * 0.5, area.top() + em * (row + 1.0)), fitted)
    for tile in tiles_of(area, metrics, vertebra, picture):
        if tile.key == WALLS:
            _paint_walls(painter, tile, vertebra, metrics)
            continue
        view = vertebra.view(tile.key)
        if view is not None:
            _paint_view(painter, tile, view, needles, selected_id, metrics)


def _paint_view(
    painter: QPainter,
    tile: Tile,
    view: ViewPicture,
    needles: Sequence[NeedleShape],
    selected_id: str | None,
    metrics: QFontMetricsF,
) -> None:
    rows, columns = view.grey.shape
    image = QImage(view.grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    painter.drawImage(tile.square, image)
    scale = tile.square.width() / columns
    painter.save()
    painter.setClipRect(tile.square)
    for name, places in view.outlines_xy.items():
        dashed = name.endswith("endplate")
        _draw_line(painter, tile, places, scale, ENDPLATE if dashed else PEDICLE, 1.0 if dashed else 1.6, dashed=dashed)
    for shape in needles:
        looked_down = shape.item_id is not None and view.needle_id == shape.item_id
        chosen = looked_down or shape.item_id == selected_id
        _draw_needle(painter, tile, view, shape, scale, SELECTED if chosen else NEEDLE)
    _draw_letters(painter, tile.square, view, metrics)
    em = metrics.height()
    draw_outlined(painter, tile.square.bottomLeft() + QPointF(em * 0.3, -em * 0.35), SIMULATED, WARNING)
    painter.restore()
    _write_words(painter, tile, _view_words(view), metrics)


def _view_words(view: ViewPicture) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Lines with their colour, each from its longest to its shortest form; angles never without the position."""
    machine = angle_words(view.view.machine_primary_deg, view.view.machine_secondary_deg)
    own = angle_words(view.view.primary_deg, view.view.secondary_deg)
    posture = view.view.posture.replace("-", " ")
    return (
        ((view.title,), TEXT),
        ((f"{machine} on the machine", f"machine: {machine}", machine), SELECTED),
        ((view.position_words, f"patient {posture}", posture), SELECTED),
        ((f"patient's own: {own}", f"own: {own}"), TEXT_QUIET),
    )


def _draw_line(
    painter: QPainter,
    tile: Tile,
    places_xy: NDArray[np.float64],
    scale: float,
    colour: str,
    width: float,
    *,
    dashed: bool = False,
) -> None:
    line = _on_tile(tile, places_xy, scale)
    if line is None:
        return
    for shade, more in (("#000000", 1.6), (colour, 0.0)):
        pen = QPen(QColor(shade), width + more)
        if dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(line)


def _on_tile(tile: Tile, places_xy: NDArray[np.float64], scale: float) -> QPolygonF | None:
    """Pixels of the picture on the screen; None for points behind the source. A pixel's centre lies half inside it."""
    if not np.isfinite(places_xy).all():
        return None
    corner = tile.square.topLeft()
    return QPolygonF([corner + QPointF((x + 0.5) * scale, (y + 0.5) * scale) for x, y in places_xy])


def _draw_needle(
    painter: QPainter, tile: Tile, view: ViewPicture, shape: NeedleShape, scale: float, colour: str
) -> None:
    """The shaft as thick as it is; its tip a full dot, its hub a ring: seen end on, the two lie in each other."""
    ends = view.c_arm.project(np.array([shape.entry_lps_mm, shape.tip_lps_mm]))
    line = _on_tile(tile, ends, scale)
    if line is None:
        return
    wide = max(1.6, shape.diameter_mm / view.mm_per_px * scale)
    for shade, more in (("#000000", 2.0), (colour, 0.0)):
        pen = QPen(QColor(shade), wide + more)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawPolyline(line)
    hub, tip = line.at(0), line.at(1)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, more in (("#000000", 3.0), (colour, 1.4)):
        painter.setPen(QPen(QColor(shade), more))
        painter.drawEllipse(hub, wide * 1.1 + 2.0, wide * 1.1 + 2.0)
    painter.setPen(QPen(QColor("#000000"), 1.0))
    painter.setBrush(QColor(colour))
    painter.drawEllipse(tip, wide * 0.7 + 1.0, wide * 0.7 + 1.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_letters(painter: QPainter, square: QRectF, view: ViewPicture, metrics: QFontMetricsF) -> None:
    """Patient's sides at the edges of the picture."""
    em = metrics.height()
    right, down, _ = view.c_arm.axes_lps
    middle = square.center()
    for direction, where in (
        (right, QPointF(square.right() - em * 1.2, middle.y())),
        (-right, QPointF(square.left() + em * 0.3, middle.y())),
        (-down, QPointF(middle.x() - em * 0.3, square.top() + em)),
    ):
        draw_outlined(painter, where, orientation_letters(direction, 0.5), TEXT_QUIET)


def _write_words(
    painter: QPainter, tile: Tile, lines: Sequence[tuple[Sequence[str], str]], metrics: QFontMetricsF
) -> None:
    """Below the picture in its middle, or beside it; of each line the longest form that fits."""
    em, room = metrics.height(), tile.words.width()
    for row, (forms, colour) in enumerate(lines):
        painter.setPen(QColor(colour))
        fitting = next((each for each in forms if metrics.horizontalAdvance(each) <= room), forms[-1])
        fitted = metrics.elidedText(one_line(fitting), Qt.TextElideMode.ElideRight, room)
        spare = 0.0 if tile.alone else (room - metrics.horizontalAdvance(fitted)) / 2.0
        painter.drawText(QPointF(tile.words.left() + spare, tile.words.top() + em * (row + 1.0)), fitted)


def walls_scale(square: QRectF, walls: WallsPicture) -> tuple[float, QPointF]:
    """Pixels per mm, and where the middle of the posterior wall lies on the screen."""
    low, high = walls.places_mm.min(axis=0) - _DOT_MM, walls.places_mm.max(axis=0) + _DOT_MM
    size = np.maximum(high - low, 1.0)
    scale = float(min(square.width() / size[0], square.height() / size[1]))
    middle = (low + high) / 2.0
    return scale, square.center() - QPointF(float(middle[0]) * scale, float(middle[1]) * scale)


def _paint_walls(painter: QPainter, tile: Tile, vertebra: VertebraShown, metrics: QFontMetricsF) -> None:
    em = metrics.height()
    walls = vertebra.walls
    title = (("Walls, laid flat from behind", "Walls, laid flat", "Walls"), TEXT)
    if walls is None:
        painter.setPen(QColor(theme.STALE))
        said = f"◆ NOT CHECKED\n{vertebra.no_walls}"
        painter.drawText(tile.square, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, said)
        _write_words(painter, tile, (title,), metrics)
        return
    scale, middle = walls_scale(tile.square, walls)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    dot = _DOT_MM * scale + 0.6
    for (x, y), dense, gone in zip(walls.places_mm, walls.density, walls.missing, strict=True):
        where = QRectF(middle.x() + x * scale - dot / 2.0, middle.y() + y * scale - dot / 2.0, dot, dot)
        level = 60 if not np.isfinite(dense) else round(70 + 170 * float(dense))
        painter.fillRect(where, QColor(MISSING) if gone else QColor(level, level, level))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    vein = middle + QPointF(walls.vein_mm[0] * scale, walls.vein_mm[1] * scale)
    painter.setPen(QPen(QColor(PEDICLE), 1.6, Qt.PenStyle.DashLine))
    painter.drawEllipse(vein, 4.0 * scale, 4.0 * scale)
    for name, (x, y) in walls.words_mm.items():
        where = middle + QPointF(x * scale - metrics.horizontalAdvance(name) / 2.0, y * scale + em * 0.3)
        if tile.square.width() > em * 16:
            draw_outlined(painter, where, name, TEXT_QUIET)
    for number, defect in enumerate(walls.defects, start=1):
        where = middle + QPointF(defect.place_mm[0] * scale, defect.place_mm[1] * scale)
        draw_outlined(painter, where + QPointF(-em * 0.3, em * 0.35), str(number), SELECTED)
    _write_words(painter, tile, [title, *_wall_words(walls, alone=tile.alone)], metrics)


def _wall_words(walls: WallsPicture, *, alone: bool) -> list[tuple[tuple[str, ...], str]]:
    found: list[tuple[tuple[str, ...], str]] = []
    if not walls.defects:
        found.append((("no missing cortex seen large enough to count", "no missing cortex seen"), TEXT_QUIET))
    each_one = [
        f"■ {number} {each.wall.replace('-', ' ')}: no cortex on {shown(each.area_mm2, digits=0)} mm²"
        for number, each in enumerate(walls.defects, start=1)
    ]
    if alone:
        found += [((line,), WARNING) for line in each_one]
    elif each_one:
        many = f"{len(each_one)} places" if len(each_one) > 1 else "1 place"
        walled = ", ".join(dict.fromkeys(each.wall.replace("-", " ") for each in walls.defects))
        found.append(((f"■ no cortex at {many}: {walled}", f"■ no cortex at {many}"), WARNING))
    found.append((("◌ basivertebral vein leaves here", "◌ basivertebral vein"), PEDICLE))
    found.append((("estimate from CT; no filling is simulated", "estimate from CT"), TEXT_QUIET))
    return found


def defect_at(tile: Tile, walls: WallsPicture, position: QPointF, reach_px: float) -> int | None:
    """Number of the defect (from 0) near a position on the walls, or None."""
    scale, middle = walls_scale(tile.square, walls)
    places = np.array([each.place_mm for each in walls.defects]).reshape(-1, 2) * scale
    if not len(places):
        return None
    away = np.hypot(places[:, 0] + middle.x() - position.x(), places[:, 1] + middle.y() - position.y())
    nearest = int(np.argmin(away))
    return nearest if float(away[nearest]) <= reach_px else None
