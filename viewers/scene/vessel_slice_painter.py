"""Vessel trees on a slice: centrelines within what it shows, cross-sections where it cuts them, catheter tips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from viewers.scene.palette import TEXT
from viewers.scene.slice_items import ItemPen
from viewers.scene.slice_text import draw_outlined
from viewers.scene.vessel_colours import STRONG, SegmentLook, looks_of, point_colours
from viewers.state.vessel_words import short_vessel
from viewers.state.vessels import InjectionShown, TipShown, TreeShown, VesselDesk, tips_in

MOST_NAMED, FEW_NAMED, NARROW_EM = 7, 2, 24.0
"""Names on one slice, and on one narrower than this: more would hide it."""
_STEEP = 0.4
"""A vessel that runs flatter than this through the plane is drawn as a line in it, not as a cross-section."""
ACTION_SHAPES = {"embolise": "▲", "spare": "○", "protect": "■"}


@dataclass(frozen=True, eq=False)
class SliceVessels:
    """What one slice shows of vessels; made anew when anything of it changes."""

    trees: tuple[TreeShown, ...]
    desk: VesselDesk
    tips: tuple[TipShown, ...] = ()
    injection: InjectionShown | None = None


def slice_vessels(vessels: VesselDesk, frame_uid: str, hidden: frozenset[str]) -> SliceVessels | None:
    """Of one frame of reference; None where there is nothing."""
    trees = vessels.in_frame(frame_uid, hidden)
    if not trees:
        return None
    known = {each.id for each in trees}
    injection = vessels.injection.value
    tips = [
        each
        for each in tips_in(vessels.tips.value, injection)
        if each.place.tree_id in known and each.item_id not in hidden
    ]
    mine = injection if injection is not None and injection.frame_uid == frame_uid else None
    return SliceVessels(trees, vessels, tuple(tips), mine)


def paint_slice_vessels(painter: QPainter, pen: ItemPen, vessels: SliceVessels) -> None:
    """Everything, the tips above all."""
    drawn = [(shown, *_paint_tree(painter, pen, shown, vessels.desk)) for shown in vessels.trees]
    for tip in vessels.tips:
        _paint_tip(painter, pen, tip, vessels.injection)
    for shown, looks, places in drawn:
        _paint_names(painter, pen, shown, looks, places, {tip.name for tip in vessels.tips})


def _paint_tree(
    painter: QPainter, pen: ItemPen, shown: TreeShown, desk: VesselDesk
) -> tuple[dict[str, SegmentLook], dict[str, QPointF]]:
    """Everything but names; returns how segments are drawn, and places beside those that are cut."""
    flat = shown.flat
    if not len(flat.points_lps_mm):
        return {}, {}
    depth = np.asarray(pen.view.plane.distance_mm(flat.points_lps_mm))
    same = np.diff(flat.number) == 0
    # As long as its lumen touches the slice, a vessel that runs along it is on it.
    near = np.abs(depth) <= np.maximum(pen.reach_mm, flat.radius_mm)
    cut = same & ((depth[:-1] <= 0.0) != (depth[1:] <= 0.0))
    if not near.any() and not cut.any():
        return {}, {}
    looks = looks_of(shown, desk)
    colours = point_colours(shown, looks, desk, "#000000")
    px = pen.view.px_of(flat.points_lps_mm)
    joined = same & near[:-1] & near[1:]
    _paint_runs(painter, pen, shown, looks, colours, px, joined)
    return looks, _paint_cuts(painter, pen, shown, looks, colours, depth, np.flatnonzero(cut))


def _paint_runs(
    painter: QPainter,
    pen: ItemPen,
    shown: TreeShown,
    looks: dict[str, SegmentLook],
    colours: NDArray[np.uint8],
    px: NDArray[np.float64],
    joined: NDArray[np.bool_],
) -> None:
    """Centrelines that run in the slice; broken where the lumen is doubtful."""
    flat, segments = shown.flat, shown.tree.segments
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for first, last in _runs(joined, colours, flat.doubtful):
        look = looks[segments[int(flat.number[first])].id]
        line = QPolygonF([QPointF(x, y) for x, y in px[first : last + 2]])
        colour = QColor(*(int(each) for each in colours[first]))
        wide = 2.6 if look.strength >= STRONG else 1.6
        if look.edge:
            painter.setPen(pen.pen(look.edge, width=wide + 3.0, alpha=150))
            painter.drawPolyline(line)
        painter.setPen(pen.pen("#000000", width=wide + 1.6, alpha=140))
        painter.drawPolyline(line)
        painter.setPen(pen.pen(colour.name(), width=wide, dashed=bool(flat.doubtful[first])))
        painter.drawPolyline(line)


def _runs(joined: NDArray[np.bool_], colours: NDArray[np.uint8], doubtful: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last edge of each run of edges of one colour and one kind."""
    edges = np.flatnonzero(joined)
    if not edges.size:
        return []
    parted = np.diff(edges) > 1
    changed = np.any(colours[edges[1:]] != colours[edges[:-1]], axis=1) | (doubtful[edges[1:]] != doubtful[edges[:-1]])
    starts = np.concatenate([[0], np.flatnonzero(parted | changed) + 1])
    ends = np.concatenate([starts[1:] - 1, [edges.size - 1]])
    return [(int(edges[low]), int(edges[high])) for low, high in zip(starts, ends, strict=True)]


def _paint_cuts(
    painter: QPainter,
    pen: ItemPen,
    shown: TreeShown,
    looks: dict[str, SegmentLook],
    colours: NDArray[np.uint8],
    depth: NDArray[np.float64],
    cuts: NDArray[np.int64],
) -> dict[str, QPointF]:
    """The lumen where the plane cuts a vessel, as wide as it was measured; returns a place beside the first of each."""
    flat, segments, view = shown.flat, shown.tree.segments, pen.view
    places: dict[str, QPointF] = {}
    for at in cuts:
        share = depth[at] / (depth[at] - depth[at + 1])
        edge = flat.points_lps_mm[at + 1] - flat.points_lps_mm[at]
        x, y = view.px_of(flat.points_lps_mm[at] + share * edge)
        length = float(np.linalg.norm(edge))
        steep = abs(float(edge @ view.plane.normal_lps)) / max(length, 1e-9)
        if steep < _STEEP:
            continue
        radius = (flat.radius_mm[at] + share * (flat.radius_mm[at + 1] - flat.radius_mm[at])) / view.mm_per_px
        segment = segments[int(flat.number[at])]
        look = looks[segment.id]
        flat_way = view.px_of(flat.points_lps_mm[at + 1]) - view.px_of(flat.points_lps_mm[at])
        painter.save()
        painter.translate(x, y)
        painter.rotate(float(np.rad2deg(np.arctan2(flat_way[1], flat_way[0]))))
        longer = radius / steep
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if look.edge:
            painter.setPen(pen.pen(look.edge, width=4.4, alpha=160))
            painter.drawEllipse(QPointF(0.0, 0.0), longer + 1.5, radius + 1.5)
        colour = QColor(*(int(each) for each in colours[at])).name()
        for shade, wide in (("#000000", 3.0), (colour, 1.5)):
            dashed = bool(flat.doubtful[at]) and shade == colour
            painter.setPen(pen.pen(shade, width=wide, alpha=150 if shade == "#000000" else 255, dashed=dashed))
            painter.drawEllipse(QPointF(0.0, 0.0), max(longer, 1.5), max(radius, 1.5))
        painter.restore()
        places.setdefault(segment.id, QPointF(x + radius + pen.em * 0.3, y + pen.em * 0.3))
    return places


def _paint_names(
    painter: QPainter,
    pen: ItemPen,
    shown: TreeShown,
    looks: dict[str, SegmentLook],
    places: dict[str, QPointF],
    written: set[str],
) -> None:
    """Of what is looked at first, then of the wider ones; each name once; proposals lean."""
    named = [key for key in places if shown.tree.segment(key).name is not None]
    order = sorted(named, key=lambda key: (-looks[key].strength, -(shown.tree.segment(key).mean_radius_mm or 0.0)))
    upright = painter.font()
    most = FEW_NAMED if pen.view.width_px < NARROW_EM * pen.em else MOST_NAMED
    for key in order:
        segment = shown.tree.segment(key)
        text = short_vessel(shown.tree.kind, segment.name)
        if text in written:
            continue
        if most == 0:
            break
        written.add(text)
        most -= 1
        leaning = painter.font()
        leaning.setItalic(segment.proposed)
        painter.setFont(leaning)
        pen.write(painter, places[key], (text,), looks[key].colour)
        painter.setFont(upright)


def _paint_tip(painter: QPainter, pen: ItemPen, tip: TipShown, injection: InjectionShown | None) -> None:
    """A mark on the vessel where the tip lies, when the slice shows it; what is reached beside the one that is held."""
    held = injection is not None and injection.tip == tip
    if abs(float(pen.view.plane.distance_mm(np.asarray(tip.lps_mm)))) > pen.reach_mm and not held:
        return
    x, y = pen.view.px_of(np.asarray(tip.lps_mm))
    reach = pen.em * (0.42 if held else 0.34)
    painter.setBrush(QColor(TEXT if held else "#000000"))
    painter.setPen(pen.pen("#000000", width=3.4))
    shape = tip_shape(tip.action, QPointF(x, y), reach)
    painter.drawPolygon(shape)
    painter.setPen(pen.pen(TEXT, width=1.6))
    painter.drawPolygon(shape)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    lines = [(tip.name, TEXT)] if tip.name else []
    narrow = pen.view.width_px < NARROW_EM * pen.em
    lines += list(injection.words[: 1 if narrow else None]) if held and injection is not None else []
    if not lines:
        return
    metrics = QFontMetricsF(painter.font())
    width = max(metrics.horizontalAdvance(text) for text, _ in lines)
    where = np.array([x + pen.em * 0.7, y + pen.em * 0.3])
    box = pen.free_place(where, width, metrics.height() * len(lines), metrics)
    for row, (text, colour) in enumerate(lines):
        draw_outlined(painter, QPointF(box.left(), box.top() + metrics.ascent() + row * metrics.height()), text, colour)


def tip_shape(action: str, at: QPointF, reach: float) -> QPolygonF:
    """A triangle to embolise, a diamond to spare, a square to protect."""
    corners: tuple[tuple[float, float], ...]
    if action == "spare":
        corners = ((0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0))
    elif action == "protect":
        corners = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
    else:
        corners = ((0.0, 1.1), (-1.1, -0.9), (1.1, -0.9))
    return QPolygonF([at + QPointF(dx * reach, dy * reach) for dx, dy in corners])
