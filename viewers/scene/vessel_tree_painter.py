"""The diagram of a vessel tree: root left, length to scale, width by calibre, names, and what matters thick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from planner.units import shown
from viewers.scene.palette import TEXT, TEXT_QUIET
from viewers.scene.slice_text import draw_outlined, scale_bar_mm
from viewers.scene.vessel_colours import FAINT, STRONG, SegmentLook, looks_of, mixed
from viewers.scene.vessel_slice_painter import tip_shape
from viewers.state import theme
from viewers.state.vessel_diagram import Diagram, DiagramBar, Stretch
from viewers.state.vessel_words import KIND_WORDS, short_vessel
from viewers.state.vessels import TreeShown, VesselDesk, tips_in

MM_EM = 0.11
"""Heights of the text for a millimetre of calibre, at most; less where rows are close."""
WIDEST_MM = 10.0
"""Wider vessels are drawn so wide: an aorta to scale would hide what it gives off."""


@dataclass(frozen=True, slots=True)
class DiagramPlaces:
    """Where the diagram lies on the screen.

    Attributes
    ----------
    top_row, rows
        The first row on show and how many there are: the wheel zooms, a drag moves.
    px_per_mm
        Of calibre, not of length.
    """

    box: QRectF
    length_mm: float
    top_row: float
    rows: float
    px_per_mm: float

    def x_of(self, along_mm: float) -> float:
        return self.box.left() + along_mm / self.length_mm * self.box.width()

    def y_of(self, row: float) -> float:
        return self.box.top() + (row - self.top_row) / self.rows * self.box.height()

    def along_at(self, x: float) -> float:
        share = (x - self.box.left()) / max(1.0, self.box.width())
        return min(max(share, 0.0), 1.0) * self.length_mm

    def row_at(self, y: float) -> float:
        return self.top_row + (y - self.box.top()) / max(1.0, self.box.height()) * self.rows


def places_of(area: QRectF, diagram: Diagram, em: float, *, zoom: float = 1.0, top_row: float = 0.0) -> DiagramPlaces:
    """`zoom` 1 shows all rows."""
    rows = diagram.rows / zoom
    box = area.adjusted(em * 0.9, em * 1.7, -em * 1.2, -em * 1.8)
    first = min(max(0.0, top_row), max(0.0, diagram.rows - rows))
    return DiagramPlaces(box, diagram.length_mm, first, rows, em * MM_EM)


def bar_at(places: DiagramPlaces, diagram: Diagram, at: QPointF, reach_px: float) -> tuple[str, float] | None:
    """Segment and place along it under the pointer."""
    best: tuple[float, DiagramBar, float] | None = None
    for bar in diagram.bars:
        along = min(max(places.along_at(at.x()), bar.start_mm), bar.end_mm)
        gap = float(np.hypot(places.x_of(along) - at.x(), places.y_of(bar.row) - at.y()))
        if gap <= reach_px and (best is None or gap < best[0]):
            best = (gap, bar, along)
    return None if best is None else (best[1].segment, best[2] - best[1].start_mm)


def paint_diagram(
    painter: QPainter, area: QRectF, tree: TreeShown, vessels: VesselDesk, diagram: Diagram, places: DiagramPlaces
) -> None:
    """Everything, faint things first."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    looks = looks_of(tree, vessels)
    bars = sorted(diagram.bars, key=lambda bar: looks[bar.segment].strength)
    painter.save()
    painter.setClipRect(places.box.adjusted(-places.box.left(), -metrics.height() * 0.6, metrics.height(), 4.0))
    for bar in bars:
        _paint_connector(painter, places, bar, looks[bar.segment])
    for bar in bars:
        _paint_bar(painter, places, tree, vessels, bar, looks[bar.segment])
    _paint_names(painter, places, tree, vessels, list(reversed(bars)), looks)
    _paint_tips(painter, places, tree, vessels, diagram, metrics)
    painter.restore()
    _paint_frame(painter, area, places, tree, diagram, metrics)


def _shade(look: SegmentLook) -> QColor:
    return QColor(*mixed(look.colour, theme.PANE, look.strength))


def _paint_connector(painter: QPainter, places: DiagramPlaces, bar: DiagramBar, look: SegmentLook) -> None:
    if bar.row == bar.parent_row:
        return
    x = places.x_of(bar.start_mm)
    painter.setPen(QPen(_shade(look), 2.0 if look.strength >= STRONG else 1.0))
    painter.drawLine(QPointF(x, places.y_of(bar.parent_row)), QPointF(x, places.y_of(bar.row)))


def _paint_bar(
    painter: QPainter, places: DiagramPlaces, tree: TreeShown, vessels: VesselDesk, bar: DiagramBar, look: SegmentLook
) -> None:
    """As wide as the vessel at each place; doubtful stretches dotted."""
    y, shade = places.y_of(bar.row), _shade(look)
    painter.setPen(Qt.PenStyle.NoPen)
    if look.edge:
        painter.setBrush(QColor(*mixed(look.edge, theme.PANE, 0.55)))
        for stretch in bar.stretches:
            painter.drawPolygon(_ribbon(places, bar, stretch, y, look, wider=3.0))
    for stretch in bar.stretches:
        if stretch.unsure:
            wide = 2.4 if look.strength >= STRONG else 1.4
            painter.setPen(QPen(shade, wide, Qt.PenStyle.DotLine))
            first, last = (places.x_of(bar.start_mm + stretch.along_mm[at]) for at in (0, -1))
            painter.drawLine(QPointF(first, y), QPointF(last, y))
            painter.setPen(Qt.PenStyle.NoPen)
        else:
            painter.setBrush(shade)
            painter.drawPolygon(_ribbon(places, bar, stretch, y, look))
    injection = vessels.injection.value
    if injection is not None and (injection.tip.place.tree_id, injection.tip.place.segment) == (tree.id, bar.segment):
        # Only what lies beyond the tip is reached.
        painter.setBrush(_shade(SegmentLook(tree.colours[bar.segment], look.strength)))
        for stretch in bar.stretches:
            if stretch.along_mm[0] < injection.tip.place.along_mm:
                painter.drawPolygon(_ribbon(places, bar, stretch, y, look, until_mm=injection.tip.place.along_mm))


def _ribbon(
    places: DiagramPlaces,
    bar: DiagramBar,
    stretch: Stretch,
    y: float,
    look: SegmentLook,
    *,
    wider: float = 0.0,
    until_mm: float = float("inf"),
) -> QPolygonF:
    """Outline of a stretch: x along the way, half a width above and below."""
    least = 1.6 if look.strength >= STRONG else 0.5 if look.strength <= FAINT else 0.8
    scale, left = places.box.width() / places.length_mm, places.x_of(bar.start_mm)
    above, below = [], []
    for along, radius in zip(stretch.along_mm, stretch.radius_mm, strict=True):
        x = left + min(along, until_mm) * scale
        half = max(min(radius, WIDEST_MM / 2.0) * places.px_per_mm, least) + wider
        above.append(QPointF(x, y - half))
        below.append(QPointF(x, y + half))
        if along >= until_mm:
            break
    below.reverse()
    return QPolygonF(above + below)


def _paint_names(
    painter: QPainter,
    places: DiagramPlaces,
    tree: TreeShown,
    vessels: VesselDesk,
    bars: list[DiagramBar],
    looks: dict[str, SegmentLook],
) -> None:
    """What is looked at first; a proposal leans; a name without room stays away."""
    upright, taken = painter.font(), list[QRectF]()
    chosen = vessels.chosen.value
    for bar in bars:
        segment = tree.tree.segment(bar.segment)
        look = looks[bar.segment]
        own = chosen is not None and (chosen.tree_id, chosen.segment) == (tree.id, bar.segment)
        text = short_vessel(tree.tree.kind, segment.name) if bar.begins_name or own else ""
        if own and not text:
            text = "chosen"
        if not text:
            continue
        font = QFont(upright)
        font.setItalic(segment.proposed)
        font.setBold(own)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        widest = max((radius for stretch in bar.stretches for radius in stretch.radius_mm), default=0.0)
        half = min(widest, WIDEST_MM / 2.0) * places.px_per_mm + 2.0
        width, height = metrics.horizontalAdvance(text), metrics.ascent()
        y = places.y_of(bar.row)
        left = min(places.x_of(bar.start_mm) + 4.0, places.box.right() - width)
        for top in (y - half - height, y + half + 1.0):
            box = QRectF(left, top, width, height)
            inside = box.top() >= places.box.top() - height and box.bottom() <= places.box.bottom() + 2.0
            if inside and not any(box.intersects(other) for other in taken):
                taken.append(box)
                ink = TEXT if own else look.colour
                draw_outlined(painter, QPointF(left, top + metrics.ascent() - 1.0), text, ink)
                break
    painter.setFont(upright)


def _paint_tips(
    painter: QPainter,
    places: DiagramPlaces,
    tree: TreeShown,
    vessels: VesselDesk,
    diagram: Diagram,
    metrics: QFontMetricsF,
) -> None:
    injection = vessels.injection.value
    for tip in tips_in(vessels.tips.value, injection):
        bar = diagram.bar(tip.place.segment) if tip.place.tree_id == tree.id else None
        if bar is None:
            continue
        held = injection is not None and injection.tip == tip
        at = QPointF(places.x_of(bar.start_mm + tip.place.along_mm), places.y_of(bar.row))
        painter.setPen(QPen(QColor("#000000"), 3.0))
        painter.setBrush(QColor(TEXT if held else "#000000"))
        shape = tip_shape(tip.action, at, metrics.height() * 0.36)
        painter.drawPolygon(shape)
        painter.setPen(QPen(QColor(TEXT), 1.4))
        painter.drawPolygon(shape)
        if tip.name:
            draw_outlined(painter, at + QPointF(metrics.height() * 0.5, metrics.height() * 0.9), tip.name, TEXT)


def _paint_frame(
    painter: QPainter, area: QRectF, places: DiagramPlaces, tree: TreeShown, diagram: Diagram, metrics: QFontMetricsF
) -> None:
    """Title, scale of length, scale of calibre, and that not all rows are on show."""
    em = metrics.height()
    painter.setPen(QColor(TEXT_QUIET))
    count = len(tree.tree.segments)
    kind = KIND_WORDS.get(tree.tree.kind, tree.tree.kind)
    title = " · ".join((kind, f"{count} segments seen, never all", *tree.notes))
    room = area.width() - em * 1.6
    painter.drawText(
        QPointF(area.left() + em * 0.8, area.top() + metrics.ascent() + em * 0.15),
        metrics.elidedText(title, Qt.TextElideMode.ElideRight, room),
    )
    y = area.bottom() - em * 0.6
    length = scale_bar_mm(places.length_mm / max(1.0, places.box.width()), places.box.width() * 0.5)
    x = places.box.left()
    wide = places.x_of(length) - x
    painter.setPen(QPen(QColor(TEXT_QUIET), 1.6))
    painter.drawLine(QPointF(x, y), QPointF(x + wide, y))
    painter.drawText(QPointF(x + wide + em * 0.4, y + em * 0.3), f"{shown(length, 'mm', digits=0)} along the vessel")
    after = x + wide + em * 0.4 + metrics.horizontalAdvance("000 mm along the vessel") + em
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(TEXT_QUIET))
    for diameter in (2.0, 5.0, WIDEST_MM):
        half = diameter / 2.0 * places.px_per_mm
        words = f"{shown(diameter, 'mm', digits=0)}{' or wider' if diameter == WIDEST_MM else ''}"
        if after + em * 2.2 + metrics.horizontalAdvance(words) > area.right():
            break
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRect(QRectF(after, y - half, em * 1.2, 2.0 * half))
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(after + em * 1.4, y + em * 0.3), words)
        after += em * 1.8 + metrics.horizontalAdvance(words) + em * 0.4
    hint = "dashed: doubtful or bridged"
    if places.rows < diagram.rows - 1e-6:
        hint = f"{100.0 * places.rows / diagram.rows:.0f} % of the tree on show · {hint}"
    width = metrics.horizontalAdvance(hint)
    if after + width < area.right() - em:
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(area.right() - em - width, y + em * 0.3), hint)
