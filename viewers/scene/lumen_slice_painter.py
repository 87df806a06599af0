"""Lumens and stents on a slice: the wall where the plane cuts it, the centreline within it, clicks, landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QPainter

from planner.model.items import Point
from planner.planning.stent_deployment import plane_lines
from viewers.scene.lumen_lines import draw_line, pen
from viewers.scene.palette import TEXT
from viewers.scene.slice_items import ItemPen
from viewers.scene.slice_text import one_line
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.lumens import COLOUR, DOUBTFUL, MARK, STENT, LumenDesk, mark_name

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SliceLumens:
    """What one slice shows of lumens; made anew when anything of it changes.

    Attributes
    ----------
    clicks_lps_mm
        Of the lumen on show, while the tool that moves them is active.
    """

    lumens: tuple[LumenShown, ...]
    stents: tuple[StentShown, ...]
    on_show: str | None
    clicks_lps_mm: tuple[Point, ...] = ()


def slice_lumens(desk: LumenDesk, frame_uid: str, hidden: frozenset[str], *, with_clicks: bool) -> SliceLumens | None:
    """Of one frame of reference; None where there is nothing."""
    lumens = desk.in_frame(frame_uid, hidden)
    if not lumens:
        return None
    stents = tuple(stent for lumen in lumens for stent in desk.stents_in(lumen.id, hidden))
    shown = desk.shown
    clicks: tuple[Point, ...] = ()
    if with_clicks and shown is not None and shown.frame_uid == frame_uid and shown.id not in hidden:
        clicks = tuple((float(x), float(y), float(z)) for x, y, z in shown.lumen.clicks_lps_mm)
    return SliceLumens(lumens, stents, None if shown is None else shown.id, clicks)


def paint_slice_lumens(painter: QPainter, pen_now: ItemPen, scene: SliceLumens) -> None:
    """Walls and lines, stents above them, clicks and landmarks above all."""
    for lumen in scene.lumens:
        _paint_lumen(painter, pen_now, lumen, strong=lumen.id == scene.on_show)
    for stent in scene.stents:
        _paint_stent(painter, pen_now, stent)
    for lumen in scene.lumens:
        if lumen.id == scene.on_show:
            _paint_marks(painter, pen_now, lumen)
    for click in scene.clicks_lps_mm:
        _paint_click(painter, pen_now, click)


def _paint_lumen(painter: QPainter, pen_now: ItemPen, lumen: LumenShown, *, strong: bool) -> None:
    points = lumen.lumen.centreline.points_lps_mm
    depth = np.asarray(pen_now.view.plane.distance_mm(points))
    if np.abs(depth).min() > 0.5 * lumen.widest_mm + pen_now.reach_mm:
        return
    vertices, triangles, doubtful = lumen.wall
    heights = pen_now.view.plane.distance_mm(vertices)[triangles]
    crossing = (heights >= 0.0).any(axis=1) & ~(heights >= 0.0).all(axis=1)
    for doubted, colour in ((False, COLOUR), (True, DOUBTFUL)):
        chosen = triangles[crossing & (doubtful[triangles[:, 0]] == doubted)]
        _draw_segments(
            painter, pen_now, plane_lines(vertices, chosen, pen_now.view.plane), colour,
            1.8 if strong else 1.1, dotted=doubted,
        )  # fmt: skip
    near = np.abs(depth) <= pen_now.reach_mm
    xy = np.where(near[:, None], pen_now.view.px_of(points), np.nan)
    draw_line(painter, xy, COLOUR, pen_now.em / 16.0, style=Qt.PenStyle.DashLine, alpha=190)
    if near.any() and strong:
        at = xy[np.flatnonzero(near)[0]]
        where = QPointF(float(at[0]) + pen_now.em * 0.8, float(at[1]) - pen_now.em * 0.3)
        pen_now.write(painter, where, (one_line(lumen.name),), COLOUR)


def _draw_segments(
    painter: QPainter, pen_now: ItemPen, lines_lps_mm: Floats, colour: str, width: float, *, dotted: bool = False
) -> None:
    """Where a wall crosses the plane."""
    if not len(lines_lps_mm):
        return
    ends = pen_now.view.px_of(lines_lps_mm.reshape(-1, 3)).reshape(-1, 4)
    lines = [QLineF(*each) for each in ends.tolist()]
    shades = (("#000000", width + 1.4, 140), (colour, width, 170 if dotted else 255))
    for shade, wide, alpha in shades:
        painter.setPen(pen(shade, wide * pen_now.em / 16.0, alpha=alpha))
        painter.drawLines(lines[::2] if dotted and shade == colour else lines)


def _paint_stent(painter: QPainter, pen_now: ItemPen, stent: StentShown) -> None:
    """Its wall as it lies, and thin at its nominal diameter."""
    made = stent.deployment
    if made is None:
        return
    plane = pen_now.view.plane
    ends = np.stack([made.start_lps_mm, made.course.at(float(made.along_mm[len(made.along_mm) // 2])), made.end_lps_mm])
    reach = max(0.5 * stent.length_mm, 0.5 * stent.diameter_mm) + pen_now.reach_mm
    if np.abs(plane.distance_mm(ends)).min() > reach:
        return
    held, opened, triangles = stent.walls
    _draw_segments(painter, pen_now, plane_lines(opened, triangles, plane), STENT, 0.9, dotted=True)
    _draw_segments(painter, pen_now, plane_lines(held, triangles, plane), STENT, 2.2)
    for place in (made.start_lps_mm, made.end_lps_mm):
        if abs(float(plane.distance_mm(place))) <= pen_now.reach_mm + 0.5:
            x, y = pen_now.view.px_of(place).tolist()
            painter.setPen(pen("#000000", 1.0))
            painter.setBrush(QColor(STENT))
            painter.drawEllipse(QPointF(x, y), pen_now.em * 0.18, pen_now.em * 0.18)
            painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_marks(painter: QPainter, pen_now: ItemPen, lumen: LumenShown) -> None:
    for mark in lumen.marks:
        place = lumen.course.at(mark.along_mm)
        if abs(float(pen_now.view.plane.distance_mm(place))) > pen_now.reach_mm + 0.5:
            continue
        x, y = pen_now.view.px_of(place).tolist()
        painter.setPen(pen(MARK, 1.6))
        painter.drawLine(QPointF(x - pen_now.em * 0.4, y), QPointF(x + pen_now.em * 0.4, y))
        name = mark_name(lumen.lumen.kind, mark.name)
        pen_now.write(painter, QPointF(x + pen_now.em * 0.6, y + pen_now.em * 0.3), (name,), MARK)


def _paint_click(painter: QPainter, pen_now: ItemPen, lps_mm: Point) -> None:
    """A square to take hold of; hollow where it lies off the slice."""
    depth = abs(float(pen_now.view.plane.distance_mm(np.asarray(lps_mm))))
    on_slice = depth <= pen_now.reach_mm + 0.5
    x, y = pen_now.view.px_of(np.asarray(lps_mm)).tolist()
    r = pen_now.em * 0.24
    painter.setPen(pen("#000000" if on_slice else TEXT, 1.2, alpha=255 if on_slice else 140))
    painter.setBrush(QColor(TEXT) if on_slice else Qt.BrushStyle.NoBrush)
    painter.drawRect(int(x - r), int(y - r), int(2 * r), int(2 * r))
    painter.setBrush(Qt.BrushStyle.NoBrush)
