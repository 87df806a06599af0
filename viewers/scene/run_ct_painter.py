"""What links a run and the CT, drawn: the plan over the run, rays of clicks in the CT, landmarks in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from planner.geometry import Grid
from planner.geometry.c_arm import TwoViewPoint
from viewers.scene.palette import PATH, TEXT, WARNING
from viewers.scene.run_ct_projection import ray_in, stretch, visible_pieces
from viewers.scene.run_view import RunView
from viewers.scene.slice_text import draw_outlined, one_line
from viewers.scene.slice_view import SliceView
from viewers.state import theme
from viewers.state.run_ct_link import CtLandmark, RunCtLink, ShownRay

WORDS_EM = 8.7
"""Below the lines of the upper corners."""
CURSOR = "#35c79a"
LANDMARK = "#cc79a7"
LOWER_LINES_EM, LOW_PANE_EM = 4.2, 26.0
"""Taken by the lines of the lower corners."""
HALO = QColor(0, 0, 0, 150)
_DASHES = Qt.PenStyle.DashLine


@dataclass(frozen=True, eq=False, slots=True)
class DrawnPath:
    """A vessel path over a run: (n, 2) pixels."""

    name: str
    xy: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class DrawnOutline:
    """A lesion over a run: (n, 2, 2) pieces of its outline, none where only its middle is known."""

    name: str
    colour: str
    pieces: NDArray[np.float64]
    middle_xy: tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrawnLandmark:
    """Where a landmark was clicked and where the solution projects it; `number` is its place in the list, from 1."""

    number: int
    clicked_xy: tuple[float, float] | None
    projected_xy: tuple[float, float] | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class DrawnClick:
    """A click whose ray is shown."""

    xy: tuple[float, float]
    colour: str


@dataclass(frozen=True, eq=False, slots=True)
class RunCtContent:
    """Everything of the CT that is drawn over one frame.

    Attributes
    ----------
    preview
        The link is under judgement: lines are dashed, and the words are a warning.
    lines
        Rays of clicks in other views: (colour, (n, 2) pixels).
    cursor_xy
        The crosshair of the CT.
    """

    words: tuple[str, ...] = ()
    preview: bool = False
    warns: bool = False
    paths: tuple[DrawnPath, ...] = ()
    outlines: tuple[DrawnOutline, ...] = ()
    lines: tuple[tuple[str, NDArray[np.float64]], ...] = ()
    clicks: tuple[DrawnClick, ...] = ()
    landmarks: tuple[DrawnLandmark, ...] = ()
    cursor_xy: tuple[float, float] | None = None


def paint_run_ct(painter: QPainter, view: RunView, content: RunCtContent) -> None:
    """Over the picture of a run, in logical pixels; the painter is left as it was."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    em = QFontMetricsF(painter.font()).height()
    for outline in content.outlines:
        _draw_outline(painter, view, outline, em, dashed=content.preview)
    for path in content.paths:
        _draw_path(painter, view, path, em, dashed=content.preview)
    for colour, xy in content.lines:
        for piece in visible_pieces(xy):
            _stroke(painter, _polygon(view, piece), QColor(colour), em * 0.08, Qt.PenStyle.DashLine)
    for click in content.clicks:
        _cross(painter, _at(view, click.xy), click.colour, em)
    for landmark in content.landmarks:
        _draw_landmark(painter, view, landmark, em)
    if content.cursor_xy is not None:
        _dot(painter, _at(view, content.cursor_xy), CURSOR, em)
    _write_words(painter, view, content, em)
    painter.restore()


def _write_words(painter: QPainter, view: RunView, content: RunCtContent, em: float) -> None:
    metrics = QFontMetricsF(painter.font())
    colour = WARNING if content.warns else TEXT
    above_lower = max(1.0, view.height_px / em - LOWER_LINES_EM - len(content.words))
    # In a low pane the middle is where the vessels are.
    first = above_lower if view.height_px < LOW_PANE_EM * em else min(WORDS_EM, above_lower)
    for line, text in enumerate(content.words):
        fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, view.width_px - em)
        draw_outlined(painter, QPointF(em * 0.5, em * (first + 1.08 * line)), fitted, colour)


def _at(view: RunView, xy: tuple[float, float]) -> QPointF:
    return QPointF(*view.screen_of(*xy))


def _polygon(view: RunView, xy: NDArray[np.float64]) -> QPolygonF:
    return QPolygonF([QPointF(*view.screen_of(float(x), float(y))) for x, y in xy])


def _stroke(painter: QPainter, line: QPolygonF, colour: QColor, width: float, style: Qt.PenStyle) -> None:
    """A line with a dark edge: it reads on bone and on contrast."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, wide in ((HALO, width + 1.6), (colour, max(1.0, width))):
        painter.setPen(QPen(shade, wide, style, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPolyline(line)


def _draw_path(painter: QPainter, view: RunView, path: DrawnPath, em: float, *, dashed: bool) -> None:
    """Thin, so that the vessel is seen beside it; a dot where it ends."""
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    last: QPointF | None = None
    for piece in visible_pieces(path.xy):
        line = _polygon(view, piece)
        _stroke(painter, line, QColor(PATH), em * 0.1, style)
        last = line.at(line.count() - 1)
    if last is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(PATH))
        painter.drawEllipse(last, em * 0.2, em * 0.2)
        draw_outlined(painter, last + QPointF(em * 0.4, -em * 0.3), one_line(path.name), PATH)


def _draw_outline(painter: QPainter, view: RunView, outline: DrawnOutline, em: float, *, dashed: bool) -> None:
    colour = QColor(outline.colour)
    scale, (left, top) = view.scale, view.screen_of(0.0, 0.0)
    lines = [
        QLineF(left + x0 * scale, top + y0 * scale, left + x1 * scale, top + y1 * scale)
        for (x0, y0), (x1, y1) in outline.pieces.tolist()
    ]
    middle = _at(view, outline.middle_xy)
    if lines:
        colour.setAlpha(150 if dashed else 255)
        for shade, width in ((HALO, em * 0.1 + 1.6), (colour, max(1.0, em * 0.1))):
            painter.setPen(QPen(shade, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLines(lines)
        highest = min(lines, key=lambda each: each.y1())
        where = QPointF(highest.x1() + em * 0.3, highest.y1() - em * 0.3)
    else:
        _cross(painter, middle, outline.colour, em)
        where = middle + QPointF(em * 0.6, -em * 0.3)
    draw_outlined(painter, where, one_line(outline.name), outline.colour)


def _cross(painter: QPainter, at: QPointF, colour: str, em: float) -> None:
    arm, gap = em * 0.6, em * 0.2
    for shade, width in ((HALO, 3.2), (QColor(colour), 1.6)):
        painter.setPen(QPen(shade, width))
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(at + QPointF(dx * gap, dy * gap), at + QPointF(dx * arm, dy * arm))


def _dot(painter: QPainter, at: QPointF, colour: str, em: float) -> None:
    """The crosshair of the CT: a ring with a point."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, width in ((HALO, 3.4), (QColor(colour), 1.6)):
        painter.setPen(QPen(shade, width))
        painter.drawEllipse(at, em * 0.42, em * 0.42)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(at, 1.6, 1.6)


def _draw_landmark(painter: QPainter, view: RunView, landmark: DrawnLandmark, em: float) -> None:
    """A cross where it was clicked, a ring where it is projected, and a line between: its residual."""
    colour = TEXT if landmark.chosen else LANDMARK
    if landmark.projected_xy is not None:
        ring = _at(view, landmark.projected_xy)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(WARNING), max(1.0, em * 0.09)))
        painter.drawEllipse(ring, em * 0.5, em * 0.5)
        if landmark.clicked_xy is not None:
            painter.drawLine(ring, _at(view, landmark.clicked_xy))
    if landmark.clicked_xy is not None:
        at = _at(view, landmark.clicked_xy)
        _cross(painter, at, colour, em)
        draw_outlined(painter, at + QPointF(em * 0.7, em * 1.1), str(landmark.number), colour)


# In the CT


@dataclass(frozen=True, slots=True)
class SliceCt:
    """What runs say in one CT; landmarks with their number in the list, from 1."""

    rays: tuple[ShownRay, ...]
    point: TwoViewPoint | None
    landmarks: tuple[tuple[int, CtLandmark], ...]


def slice_ct(run_ct: RunCtLink, frame_uid: str) -> SliceCt | None:
    """What there is to draw in a CT; None for nothing."""
    rays = run_ct.rays_in(frame_uid)
    point = run_ct.point() if len(rays) > 1 else None
    landmarks = tuple(
        (number, each) for number, each in enumerate(run_ct.landmarks.value, 1) if each.frame_uid == frame_uid
    )
    if not rays and not landmarks:
        return None
    return SliceCt(rays, point if isinstance(point, TwoViewPoint) else None, landmarks)


def paint_slice_ct(painter: QPainter, view: SliceView, grid: Grid, reach_mm: float, content: SliceCt) -> None:
    """Rays seen along the slice's normal: faint, thick where they lie in the slice, a mark where they cross it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    em = QFontMetricsF(painter.font()).height()
    for ray in content.rays:
        _draw_ray(painter, view, grid, reach_mm, ray, em, labelled=content.point is None)
    for number, landmark in content.landmarks:
        if abs(float(view.plane.distance_mm(np.asarray(landmark.lps_mm)))) <= reach_mm:
            at = QPointF(*view.px_of(landmark.lps_mm))
            _cross(painter, at, LANDMARK, em)
            draw_outlined(painter, at + QPointF(em * 0.7, em * 1.1), str(number), LANDMARK)
    point = content.point
    if point is not None and abs(float(view.plane.distance_mm(np.asarray(point.lps_mm)))) <= reach_mm:
        _dot(painter, QPointF(*view.px_of(point.lps_mm)), theme.TEXT, em)
    painter.restore()


def _draw_ray(
    painter: QPainter, view: SliceView, grid: Grid, reach_mm: float, ray: ShownRay, em: float, *, labelled: bool
) -> None:
    ends = ray_in(ray.ray, grid)
    if ends is None:
        return
    colour = QColor(ray.colour)
    whole = view.px_of(ends)
    painter.setPen(QPen(QColor(colour.red(), colour.green(), colour.blue(), 150), max(1.0, em * 0.07), _DASHES))
    painter.drawLine(QPointF(*whole[0]), QPointF(*whole[1]))
    points = stretch(ends, 257)
    distance = view.plane.distance_mm(points)
    inside = np.flatnonzero(np.abs(distance) <= reach_mm)
    if len(inside) > 1:
        near = view.px_of(points[[inside[0], inside[-1]]])
        painter.setPen(QPen(colour, max(1.5, em * 0.13)))
        painter.drawLine(QPointF(*near[0]), QPointF(*near[1]))
    crossing = crossing_lps_mm(ends, view)
    if crossing is not None:
        at = QPointF(*view.px_of(crossing))
        painter.setPen(QPen(QColor(0, 0, 0), 1.0))
        painter.setBrush(colour)
        half = em * 0.3
        painter.drawPolygon(QPolygonF([at + QPointF(*off) for off in ((0, -half), (half, 0), (0, half), (-half, 0))]))
        if labelled:
            _label(painter, view, at, f"ray {ray.words}", ray.colour, em)


def crossing_lps_mm(ends_lps_mm: NDArray[np.float64], view: SliceView) -> NDArray[np.float64] | None:
    """(3,) where a straight piece (2, 3) crosses the plane of a view; None when it does not."""
    first, last = (float(each) for each in view.plane.distance_mm(ends_lps_mm))
    if first * last > 0.0 or first == last:
        return None
    found: NDArray[np.float64] = ends_lps_mm[0] + first / (first - last) * (ends_lps_mm[1] - ends_lps_mm[0])
    return found


def _label(painter: QPainter, view: SliceView, at: QPointF, text: str, colour: str, em: float) -> None:
    width = QFontMetricsF(painter.font()).horizontalAdvance(text)
    area = QRectF(0.0, 0.0, view.width_px, view.height_px)
    if area.contains(at):
        x = at.x() + em * 0.5 if at.x() + em * 0.5 + width < area.right() else at.x() - em * 0.5 - width
        draw_outlined(painter, QPointF(x, at.y() - em * 0.4), text, colour)
