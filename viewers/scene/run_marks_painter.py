"""What is measured and written on a run, above its frame: lines with handles, a vessel's edges, what is being drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from planner.imaging.run_calibration import Pixel
from planner.model.run_items import RunCalibrationBody, RunMeasurementBody
from planner.units import shown
from viewers.scene.palette import MEASURE, PATH, SELECTED, WARNING
from viewers.scene.run_marks_profile import ProfileChart, paint_profile
from viewers.scene.run_view import RunView
from viewers.scene.slice_text import draw_outlined, one_line
from viewers.state.run_marks import SHORT_CALIBRATIONS, RunMark
from viewers.state.run_marks_work import ENDS, MeasuredVessel, label_lines

CALIBRATION = "#56b4e9"
"""Colour of a calibrating object, apart from what is measured."""
NEIGHBOURS = 2
"""So many frames before and after its own a mark is still drawn, faintly and without words."""
_FAINT = 70
_MOST_MOVES = 13


@dataclass(frozen=True, eq=False, slots=True)
class RunMarksScene:
    """Everything of the marks on the frame that is shown.

    Attributes
    ----------
    frame
        Counted from 1.
    marks
        Of the run; those of other frames are left out or faint.
    still
        The run does not play: marks of the frames beside this one are drawn faintly.
    drawing
        Points set so far and where the pointer is.
    vessel, pointer
        The measured vessel that is selected, and the index on it under the pointer.
    chart
        Its diameters along the course.
    said
        A sentence about what could not be done, where it happened.
    """

    view: RunView
    frame: int
    marks: tuple[RunMark, ...] = ()
    selected_id: str | None = None
    still: bool = True
    drawing: tuple[Pixel, ...] = ()
    drawing_text: str = ""
    drawing_arrow: bool = False
    vessel: MeasuredVessel | None = None
    pointer: int | None = None
    pointer_text: str = ""
    chart: ProfileChart | None = None
    said: str = ""
    said_at: Pixel = (0.0, 0.0)


@dataclass(frozen=True, eq=False, slots=True)
class _Pen:
    painter: QPainter
    view: RunView
    em: float
    taken: list[QRectF] = field(default_factory=list)

    def place(self, point: Pixel) -> QPointF:
        return QPointF(*self.view.screen_of(*point))

    def places(self, points: Sequence[Pixel] | NDArray[np.float64]) -> list[QPointF]:
        return [self.place((float(x), float(y))) for x, y in points]

    def line(
        self, places: Sequence[QPointF], colour: str, *, width: float = 1.5, alpha: int = 255, closed: bool = False
    ) -> None:
        """With a dark rim, so that it is seen on bright and on dark."""
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        for shade, wide, strength in (("#000000", width + 2.0, alpha * 2 // 3), (colour, width, alpha)):
            made = QColor(shade)
            made.setAlpha(strength)
            pen = QPen(made, max(1.0, wide * self.em / 16.0))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            self.painter.setPen(pen)
            draw = self.painter.drawPolygon if closed else self.painter.drawPolyline
            draw(QPolygonF(list(places)))

    def dots(self, places: Sequence[QPointF], colour: str, *, large: bool) -> None:
        radius = self.em * (0.28 if large else 0.16)
        self.painter.setPen(QPen(QColor(0, 0, 0, 190), max(1.0, self.em / 14.0)))
        self.painter.setBrush(QColor(colour))
        for place in places:
            self.painter.drawEllipse(place, radius, radius)

    def write(self, where: QPointF, lines: Sequence[str], colour: str) -> None:
        """Beside a thing, inside the pane, off what is written already."""
        if not lines:
            return
        metrics = QFontMetricsF(self.painter.font())
        width = max(metrics.horizontalAdvance(line) for line in lines)
        height = metrics.height() * len(lines)
        left = max(self.em * 0.3, min(where.x(), self.view.width_px - width - self.em * 0.4))
        box = QRectF(left, where.y() - metrics.ascent(), width, height)
        lowest = max(0.0, self.view.height_px - height - self.em * 0.3)
        box.moveTop(min(max(self.em * 0.3, box.top()), lowest))
        for move in range(_MOST_MOVES):
            tried = box.translated(0.0, (move + 1) // 2 * self.em * (1 if move % 2 else -1))
            inside = tried.top() >= 0.0 and tried.bottom() <= self.view.height_px
            if inside and not any(tried.intersects(other) for other in self.taken):
                box = tried
                break
        self.taken.append(box)
        for row, line in enumerate(lines):
            draw_outlined(
                self.painter, QPointF(left, box.top() + metrics.ascent() + row * metrics.height()), line, colour
            )


def paint_run_marks(painter: QPainter, scene: RunMarksScene) -> None:
    """Paint them in logical pixels, above everything else."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    pen = _Pen(painter, scene.view, QFontMetricsF(painter.font()).height())
    if scene.chart is not None:
        pen.taken.append(paint_profile(painter, scene.view, scene.chart, _marked(pen, scene)))
    for mark in scene.marks:
        apart = None if mark.frame is None else abs(mark.frame - scene.frame)
        if apart == 0:
            continue
        if scene.still and apart is not None and apart <= NEIGHBOURS and mark.kind != "region":
            pen.line(pen.places(_outline(mark)), _colour(mark), alpha=_FAINT, width=1.0)
    if scene.vessel is not None:
        _paint_vessel(pen, scene)
    for mark in sorted(scene.marks, key=lambda mark: mark.id == scene.selected_id):
        if mark.frame == scene.frame:
            _paint_mark(pen, mark, selected=mark.id == scene.selected_id)
    _paint_drawing(pen, scene)
    if scene.said:
        _paint_said(pen, scene)


def _marked(pen: _Pen, scene: RunMarksScene) -> list[QPointF]:
    """Points that a chart should not cover."""
    outlines = [pen.places(_outline(mark)) for mark in scene.marks if mark.frame == scene.frame and _outline(mark)]
    course = scene.vessel.profile.xy[::4] if scene.vessel is not None else np.empty((0, 2))
    # What is written of a mark stands at its right.
    words = [
        max(places, key=lambda place: place.x()) + QPointF(pen.em * far, 0.0) for places in outlines for far in (3, 7)
    ]
    return [*(place for places in outlines for place in places), *words, *pen.places(course)]


def _outline(mark: RunMark) -> tuple[Pixel, ...]:
    return tuple(mark.body.points_xy)


def _colour(mark: RunMark) -> str:
    return CALIBRATION if isinstance(mark.body, RunCalibrationBody) else MEASURE


def _paint_mark(pen: _Pen, mark: RunMark, *, selected: bool) -> None:
    body, colour = mark.body, SELECTED if selected else _colour(mark)
    places = pen.places(_outline(mark))
    if not places:
        return
    if isinstance(body, RunCalibrationBody):
        pen.line(places, colour)
        pen.dots(places, colour, large=selected)
        pen.write(_beside(places, pen.em), (calibration_label(body),), colour)
        return
    name = one_line(mark.item.name)
    if body.kind == "region":
        # Its outline in its own colour and its name belong to the curves; here only that it is selected.
        if selected:
            pen.line(places, SELECTED, closed=True)
        return
    if body.kind != "text":
        pen.line(places, colour, width=2.0 if body.clicks_xy else 1.5)
    if body.kind == "arrow":
        _paint_head(pen, places, colour)
    if body.clicks_xy:
        pen.dots(pen.places(body.clicks_xy[:ENDS]), PATH if not selected else SELECTED, large=selected)
        if selected and body.kind == "stenosis":
            pen.dots(pen.places(body.clicks_xy[ENDS:]), CALIBRATION, large=True)
    elif body.kind in ("distance", "text") or selected:
        pen.dots(places, colour, large=selected)
    stands_on = SHORT_CALIBRATIONS.get(mark.stands_on, mark.stands_on)
    lines = tuple(one_line(line) for line in label_lines(body, stands_on))
    if body.kind == "arrow":
        pen.write(places[0] + QPointF(pen.em * 0.4, -pen.em * 0.4), lines, colour)
        return
    if body.text and body.kind != "text":
        lines = (one_line(body.text), *lines)
    pen.write(_beside(places, pen.em), lines or (name,), colour)


def _beside(places: Sequence[QPointF], em: float) -> QPointF:
    return max(places, key=lambda place: place.x()) + QPointF(em * 0.6, em * 0.3)


def calibration_label(body: RunCalibrationBody) -> str:
    """``5 F = 1.67 mm · 0.231 mm/px``."""
    known = shown(body.known_mm, "mm")
    what = known if body.french is None else f"{body.french:g} F = {known}"
    return f"{what} · {body.mm_per_px:.3f} mm/px"


def _paint_head(pen: _Pen, places: Sequence[QPointF], colour: str) -> None:
    if len(places) < 2:
        pen.dots(places, colour, large=False)
        return
    before, tip = places[-2], places[-1]
    angle = math.atan2(tip.y() - before.y(), tip.x() - before.x())
    size = pen.em * 0.9
    sides = [tip - QPointF(size * math.cos(angle + turn), size * math.sin(angle + turn)) for turn in (0.45, -0.45)]
    pen.line([sides[0], tip, sides[1]], colour)


def _paint_vessel(pen: _Pen, scene: RunMarksScene) -> None:
    """Both edges and the middle of the vessel; the width under the pointer."""
    vessel = scene.vessel
    if vessel is None or vessel.request.frame + 1 != scene.frame:
        return
    profile = vessel.profile
    for edge in (profile.left_xy, profile.right_xy):
        for stretch in _stretches(edge, profile.doubtful):
            pen.line(pen.places(stretch), PATH, width=1.2)
    pen.line(pen.places(profile.xy), PATH, width=0.8, alpha=120)
    if vessel.stenosis is not None:
        for stretch in _stretches(profile.xy, ~vessel.stenosis.healthy):
            pen.line(pen.places(stretch), CALIBRATION, width=2.0, alpha=200)
    if scene.pointer is not None:
        across = [profile.left_xy[scene.pointer], profile.right_xy[scene.pointer]]
        if np.isfinite(across).all():
            places = pen.places(np.asarray(across))
            pen.line(places, SELECTED, width=1.5)
            pen.write(_beside(places, pen.em), (scene.pointer_text,), SELECTED)


def _stretches(points: NDArray[np.float64], left_out: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Pieces of a line without what is not known."""
    known = np.isfinite(points).all(axis=1) & ~left_out
    borders = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [points[first:end] for first, end in zip(borders[::2], borders[1::2], strict=True) if end - first > 1]


def _paint_drawing(pen: _Pen, scene: RunMarksScene) -> None:
    places = pen.places(scene.drawing)
    if not places:
        return
    pen.line(places, SELECTED)
    if scene.drawing_arrow:
        _paint_head(pen, places, SELECTED)
    else:
        pen.dots(places, SELECTED, large=False)
    if scene.drawing_text:
        pen.write(_beside(places, pen.em), (scene.drawing_text,), SELECTED)


def _paint_said(pen: _Pen, scene: RunMarksScene) -> None:
    """A sentence beside where it happened, in lines that fit the pane, on a dark ground."""
    metrics = QFontMetricsF(pen.painter.font())
    room = min(scene.view.width_px * 0.8, pen.em * 24.0)
    lines: list[str] = []
    for word in scene.said.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and metrics.horizontalAdvance(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    width = max(metrics.horizontalAdvance(line) for line in lines)
    height = metrics.height() * len(lines)
    where = pen.place(scene.said_at) + QPointF(pen.em, pen.em)
    left = max(pen.em * 0.6, min(where.x(), scene.view.width_px - width - pen.em))
    top = max(pen.em * 0.6, min(where.y(), scene.view.height_px - height - pen.em))
    pen.painter.setPen(QPen(QColor(WARNING), 1.0))
    pen.painter.setBrush(QColor(16, 18, 20, 225))
    margin = pen.em * 0.4
    pen.painter.drawRoundedRect(
        QRectF(left - margin, top - margin, width + 2.0 * margin, height + 2.0 * margin), 4.0, 4.0
    )
    for row, line in enumerate(lines):
        draw_outlined(pen.painter, QPointF(left, top + metrics.ascent() + row * metrics.height()), line, WARNING)


def drawn_text(body: RunMeasurementBody, stands_on: str) -> str:
    """The first line of what is being drawn."""
    lines = label_lines(body, SHORT_CALIBRATIONS.get(stands_on, stands_on))
    return lines[0] if lines else ""
