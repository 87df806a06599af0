"""Planned ablation zones on a slice: dashed, for they are chart ellipsoids and nothing that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPolygonF

from planner.planning.zone_sections import section
from planner.planning.zones import Zone, across_axes
from viewers.state.margins import ZonesShown
from viewers.state.scene3d import Mesh

if TYPE_CHECKING:
    from viewers.scene.slice_items import ItemPen

ZONE, ZONE_SMALLER = "#40c0d0", "#e6b13a"
"""The mean zone, and the one a standard deviation smaller."""
_RINGS, _TURNS = 16, 32


def draw_zones(painter: QPainter, pen: ItemPen, zones: ZonesShown) -> None:
    """The outlines in which the plane cuts the zones, named once on each slice."""
    mean = _draw(painter, pen, zones.mean, ZONE, 1.7)
    smaller = _draw(painter, pen, zones.minus_sd or (), ZONE_SMALLER, 1.3)
    for place, word, colour in ((mean, "zone (chart)", ZONE), (smaller, "-1 SD", ZONE_SMALLER)):
        if place is not None:
            pen.write(painter, place, (word,), colour)


def _draw(painter: QPainter, pen: ItemPen, zones: Sequence[Zone], colour: str, width: float) -> QPointF | None:
    """Outlines of some zones; where the last one can be named."""
    named: QPointF | None = None
    plane = pen.view.plane
    for zone in zones:
        cut = section(zone, plane.point_lps_mm, plane.normal_lps)
        if cut is None:
            continue
        outline = QPolygonF(pen.points(cut.outline_lps_mm()))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen.pen("#000000", width=width + 1.8, alpha=150))
        painter.drawPolyline(outline)
        painter.setPen(pen.pen(colour, width=width, dashed=True))
        painter.drawPolyline(outline)
        highest = min(outline, key=lambda point: point.y())
        named = highest + QPointF(pen.em * 0.2, -pen.em * 0.3)
    return named


def zone_meshes(zones: ZonesShown) -> tuple[Mesh, ...]:
    """The mean zones as wire in 3D, so that the target is seen inside."""
    return tuple(_mesh(number, zone) for number, zone in enumerate(zones.mean))


def _mesh(number: int, zone: Zone) -> Mesh:
    height = np.linspace(-1.0, 1.0, _RINGS + 1)
    turn = np.linspace(0.0, 2.0 * np.pi, _TURNS, endpoint=False)
    radius = np.sqrt(np.maximum(1.0 - height**2, 0.0))
    unit = np.stack(
        [
            np.broadcast_to(height[:, None], (_RINGS + 1, _TURNS)),
            radius[:, None] * np.cos(turn),
            radius[:, None] * np.sin(turn),
        ],
        axis=-1,
    ).reshape(-1, 3)
    axis = np.asarray(zone.axis_lps)
    first_across, second_across = across_axes(axis)
    frame = np.stack([zone.semi_long_mm * axis, zone.semi_short_mm * first_across, zone.semi_short_mm * second_across])
    vertices = np.asarray(zone.centre_lps_mm) + unit @ frame
    first = (np.arange(_RINGS)[:, None] * _TURNS + np.arange(_TURNS)).ravel()
    beside = (np.arange(_RINGS)[:, None] * _TURNS + (np.arange(_TURNS) + 1) % _TURNS).ravel()
    triangles = np.concatenate(
        [np.stack([first, beside, first + _TURNS], axis=1), np.stack([beside, beside + _TURNS, first + _TURNS], axis=1)]
    ).astype(np.int32)
    red, green, blue = (int(ZONE[at : at + 2], 16) for at in (1, 3, 5))
    colours = np.broadcast_to(np.array([red, green, blue], dtype=np.uint8), vertices.shape)
    return Mesh(f"zone-{number}", vertices, triangles, colours, 0.45, lines=True)
