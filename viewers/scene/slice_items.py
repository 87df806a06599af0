"""Plan items on a slice: one visual per item type, and what a tool shows while it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from planner.model.items import MeasurementBody, Point, VesselPathBody
from planner.model.needle_items import NeedlePathBody
from planner.units import shown
from viewers.scene.needle_painter import draw_moving, draw_needle_path, draw_target
from viewers.scene.palette import MEASURE, PATH, SELECTED, WARNING
from viewers.scene.slice_text import draw_outlined, one_line
from viewers.scene.slice_view import SliceView
from viewers.state.marking import Mark
from viewers.state.mask_layer import RegionShape
from viewers.state.preview import NOTHING, Preview

_MOST_MOVES = 25
MOST_NAMED, NARROW_EM = 6, 20.0
"""So many structures are named on a slice, and none on one narrower than this."""


@dataclass(frozen=True, eq=False, slots=True)
class ItemPen:
    """How items are drawn on one slice.

    Attributes
    ----------
    reach_mm
        Half the thickness of what the pane shows: points farther from the plane are not on it.
    em
        Height of the font in logical pixels; lines and marks follow it.
    stale_ids
        Items whose numbers no longer hold; it is said beside their names.
    taken
        Where something is written already.
    """

    view: SliceView
    reach_mm: float
    em: float
    selected_id: str | None = None
    stale_ids: frozenset[str] = frozenset()
    taken: list[QRectF] = field(default_factory=list)

    def write(self, painter: QPainter, where: QPointF, lines: Sequence[str], colour: str) -> None:
        """Lines of text beside a thing, moved up or down off texts already written."""
        metrics = QFontMetricsF(painter.font())
        width = max(metrics.horizontalAdvance(line) for line in lines)
        box = self.free_place(np.array([where.x(), where.y()]), width, metrics.height() * len(lines), metrics)
        for row, line in enumerate(lines):
            baseline = box.top() + metrics.ascent() + row * metrics.height()
            draw_outlined(painter, QPointF(box.left(), baseline), line, colour)

    def free_place(self, where_px: NDArray[np.float64], width: float, height: float, metrics: QFontMetricsF) -> QRectF:
        """A box for text whose first baseline begins at `where_px`, moved off what is written already; taken then."""
        # Kept inside the pane: what is marked near an edge is named inside.
        left = max(0.0, min(float(where_px[0]), self.view.width_px - width - self.em * 0.3))
        box = QRectF(left, float(where_px[1]) - metrics.ascent(), width, height)
        for move in range(_MOST_MOVES):
            # 0, 1 down, 1 up, 2 down, 2 up …: the nearest free place.
            steps = (move + 1) // 2 * (1 if move % 2 else -1)
            moved = box.translated(0.0, steps * self.em)
            fits = moved.top() >= 0.0 and moved.bottom() <= self.view.height_px
            if fits and not any(moved.intersects(other) for other in self.taken):
                box = moved
                break
        self.taken.append(box)
        return box

    def points(self, lps_mm: Any) -> list[QPointF]:
        return [QPointF(x, y) for x, y in np.atleast_2d(self.view.px_of(np.asarray(lps_mm, dtype=np.float64)))]

    def is_on(self, lps_mm: Sequence[Point]) -> bool:
        """Whether all points lie in what the pane shows."""
        return bool(np.all(np.abs(self.view.plane.distance_mm(np.asarray(lps_mm))) <= self.reach_mm))

    def pen(self, colour: str, *, width: float = 1.6, alpha: int = 255, dashed: bool = False) -> QPen:
        shade = QColor(colour)
        shade.setAlpha(alpha)
        pen = QPen(shade, max(1.0, width * self.em / 16.0))
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        return pen


def draw_marks(painter: QPainter, pen: ItemPen, marks: Sequence[Mark], preview: Preview = NOTHING) -> None:
    """Every mark whose type has a visual but the one under the hand; regions are part of the picture itself."""
    moving = None if preview.needle is None else preview.needle.item_id
    for mark in marks:
        draw = _VISUALS.get(type(mark.body))
        if draw is not None and mark.item.visible and (moving is None or mark.id != moving):
            name = one_line(mark.item.name) + (" · ↻ measure again" if mark.id in pen.stale_ids else "")
            draw(painter, pen, mark.body, name, mark.id == pen.selected_id)


def draw_region_labels(painter: QPainter, pen: ItemPen, regions: Sequence[RegionShape]) -> None:
    """The name of each region beside where the plane cuts it; of the selected one its volume too.

    Where many structures are segmented only what is no structure, and what is selected, is named: thirty names would
    hide the picture, and the list of marks has them all.
    """
    count = sum(region.structure is not None for region in regions)
    crowded = count > MOST_NAMED or (count > 1 and pen.view.width_px < NARROW_EM * pen.em)
    for region in regions:
        if crowded and region.structure is not None and region.id != pen.selected_id:
            continue
        where = _label_point(region, pen)
        if where is not None and region.label:
            selected = region.id == pen.selected_id
            text = one_line(region.label) + (f" · {shown(region.mask.volume_ml, 'mL')}" if selected else "")
            pen.write(painter, where, (text,), SELECTED if selected else region.colour)


def draw_preview(painter: QPainter, pen: ItemPen, preview: Preview, *, with_brush: bool) -> None:
    """What the active tool has so far."""
    if preview.measurement is not None:
        draw_measurement(painter, pen, preview.measurement, "", True)
    if len(preview.path_lps_mm) >= 2:
        _draw_curve(painter, pen, np.asarray(preview.path_lps_mm), PATH, width=2.4)
    for colour, clicks in ((PATH, preview.clicks_lps_mm), (WARNING, preview.outside_lps_mm)):
        near = [point for point in clicks if pen.is_on([point])]
        if near:
            _draw_dots(painter, pen, pen.points(near), colour)
    if preview.target is not None:
        draw_target(painter, pen, preview.target)
    if preview.needle is not None:
        draw_moving(painter, pen, preview.needle, preview.reading)
    if with_brush and preview.brush_lps_mm is not None:
        radius = preview.brush_radius_mm / pen.view.mm_per_px
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in (("#000000", 2.6), (SELECTED, 1.2)):
            painter.setPen(pen.pen(colour, width=width))
            painter.drawEllipse(pen.points(preview.brush_lps_mm)[0], radius, radius)


def draw_measurement(painter: QPainter, pen: ItemPen, body: MeasurementBody, name: str, selected: bool) -> None:
    """A distance, an angle or an ellipse with its values, where it was measured."""
    del name
    if not body.points_lps_mm or not pen.is_on(body.points_lps_mm):
        return
    points = pen.points(body.points_lps_mm)
    outline = QPainterPath()
    if body.kind == "ellipse" and len(points) == 3:
        outline.addPolygon(QPolygonF(_ellipse(points)))
    else:
        outline.addPolygon(QPolygonF(points))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen_now in (pen.pen("#000000", width=3.4, alpha=170), pen.pen(SELECTED if selected else MEASURE, width=1.5)):
        painter.setPen(pen_now)
        painter.drawPath(outline)
    _draw_dots(painter, pen, points[1:] if body.kind == "ellipse" else points, SELECTED if selected else MEASURE)
    anchor = max(points, key=lambda point: point.x()) + QPointF(pen.em * 0.5, pen.em * 0.3)
    pen.write(painter, anchor, measurement_lines(body), SELECTED if selected else MEASURE)


def measurement_lines(body: MeasurementBody) -> tuple[str, ...]:
    """The values of a measurement in words: ``23.4 mm``; ``38.2°``; ``53 ± 12 HU`` and ``4.51 cm²``."""
    values = body.values
    if body.kind == "distance":
        return (shown(values.get("mm"), "mm", digits=1),)
    if body.kind == "angle":
        degrees = values.get("deg")
        return (shown(None) if degrees is None else f"{degrees:.1f}°",)
    if body.kind == "ellipse":
        mean, deviation, area = values.get("mean"), values.get("sd"), values.get("mm2")
        unit = body.unit or "(no HU)"
        grey = shown(None) if mean is None else f"{mean:.1f} ± {shown(deviation, digits=1)} {unit}"
        size = shown(None) if area is None else f"{area / 100.0:.2f} cm²"
        return grey, size
    return (shown(values.get("mL"), "mL"),)


def draw_vessel_path(painter: QPainter, pen: ItemPen, body: VesselPathBody, name: str, selected: bool) -> None:
    """The part of the path in what the pane shows, thick; the rest of it faint, seen through the slice."""
    points = np.asarray(body.points_lps_mm, dtype=np.float64)
    if len(points) < 2:
        return
    near = np.abs(pen.view.plane.distance_mm(points)) <= pen.reach_mm
    colour = SELECTED if selected else PATH
    _draw_curve(painter, pen, points, colour, width=1.0, alpha=150)
    for first, last in _runs(near):
        _draw_curve(painter, pen, points[max(0, first - 1) : last + 1], colour, width=2.6)
    if near.any() and name:
        place = pen.points(points[np.flatnonzero(near)[-1]])[0] + QPointF(pen.em * 0.6, pen.em * 0.3)
        pen.write(painter, place, (name + (" (low confidence)" if body.low_confidence else ""),), colour)


def _draw_curve(
    painter: QPainter, pen: ItemPen, points: NDArray[np.float64], colour: str, *, width: float, alpha: int = 255
) -> None:
    line = QPolygonF(pen.points(points))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(pen.pen("#000000", width=width + 1.6, alpha=alpha * 2 // 3))
    painter.drawPolyline(line)
    painter.setPen(pen.pen(colour, width=width, alpha=alpha))
    painter.drawPolyline(line)


def _draw_dots(painter: QPainter, pen: ItemPen, points: Sequence[QPointF], colour: str) -> None:
    painter.setPen(pen.pen("#000000", width=1.0))
    painter.setBrush(QColor(colour))
    for point in points:
        painter.drawEllipse(point, pen.em * 0.2, pen.em * 0.2)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _ellipse(points: Sequence[QPointF]) -> list[QPointF]:
    """Outline from the centre and the ends of both half axes."""
    centre, first, second = points
    turns = np.linspace(0.0, 2.0 * np.pi, 73)
    along, across = first - centre, second - centre
    return [centre + along * float(np.cos(turn)) + across * float(np.sin(turn)) for turn in turns]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _label_point(region: RegionShape, pen: ItemPen) -> QPointF | None:
    """Right of the box of the region, at its middle height; None where the plane misses the box."""
    mask = region.mask
    if mask.is_empty:
        return None
    corners = np.array([[k, j, i] for k in (0, 1) for j in (0, 1) for i in (0, 1)])
    low, high = np.asarray(mask.box[0]) - 0.5, np.asarray(mask.box[1]) - 0.5
    points = mask.grid.lps_from_kji.points(low + corners * (high - low))
    depth = pen.view.plane.distance_mm(points)
    if depth.min() > pen.reach_mm or depth.max() < -pen.reach_mm:
        return None
    flat = pen.view.px_of(points)
    middle = flat.mean(axis=0)
    return QPointF(float(flat[:, 0].max()) + pen.em * 0.3, float(middle[1]) + pen.em * 0.3)


_Draw = Callable[[QPainter, ItemPen, Any, str, bool], None]
_VISUALS: dict[type, _Draw] = {
    MeasurementBody: draw_measurement,
    VesselPathBody: draw_vessel_path,
    NeedlePathBody: draw_needle_path,
}
