"""A whole MPR picture: pixels, items, crosshair, texts. Paints on any QPainter: a pane, or a picture of record."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from planner.geometry import SlicePlane
from planner.imaging import Volume
from viewers.scene.lumen_slice_painter import SliceLumens, paint_slice_lumens
from viewers.scene.palette import PLANE_COLOURS, TEXT_QUIET, WARNING
from viewers.scene.run_ct_painter import SliceCt, paint_slice_ct
from viewers.scene.slice_items import ItemPen, draw_marks, draw_preview, draw_region_labels
from viewers.scene.slice_picture import SlicePicture
from viewers.scene.slice_text import (
    CornerTexts,
    corner_boxes,
    draw_corners,
    draw_orientation,
    draw_outlined,
    draw_scale_bar,
    height_text,
    layer_text,
    who_lines,
)
from viewers.scene.slice_view import SliceView, slice_step_mm
from viewers.scene.vessel_slice_painter import SliceVessels, paint_slice_vessels
from viewers.scene.zone_painter import draw_zones
from viewers.state.margins import ZonesShown
from viewers.state.marking import Mark
from viewers.state.mask_layer import RegionShape
from viewers.state.pane_state import Slab
from viewers.state.preview import NOTHING, Preview
from viewers.state.view_state import SeriesWindow

SIMULATED = "SIMULATED"
"""Burned into every picture of the digital patient and of teaching cases."""

_EXACT_PX = 1e-3
CROSSHAIR_GAP_EM = 1.1
CROSSHAIR_HANDLE = 0.36
"""Where the turning handles sit: this share of the pane's shorter side away from the cursor."""


@dataclass(frozen=True, eq=False, slots=True)
class CrosshairLine:
    """Where another plane cuts this one."""

    kind: str
    plane: SlicePlane
    slab_mm: float = 0.0

    def direction_px(self, view: SliceView) -> NDArray[np.float64]:
        """(2,) unit vector on the screen."""
        # Written out: np.cross takes longer than the line takes to draw.
        (ax, ay, az), (bx, by, bz) = self.plane.normal_lps.tolist(), view.plane.normal_lps.tolist()
        along = np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
        flat = np.array([along @ view.plane.right_lps, along @ view.plane.down_lps])
        unit: NDArray[np.float64] = flat / max(float(np.linalg.norm(flat)), 1e-9)
        return unit


@dataclass(frozen=True, eq=False, slots=True)
class SliceScene:
    """Everything one MPR picture shows.

    Attributes
    ----------
    cursor_lps_mm, lines
        The crosshair; no lines, no crosshair.
    value_text
        HU under the pointer with unit; empty outside.
    notice
        One sentence across the pane ("Not linked …"); empty for none.
    stale_ids
        Items whose numbers no longer hold.
    ct
        Rays of clicks in runs, and landmarks; None for none.
    zones
        Planned ablation zones of this frame of reference.
    vessels
        Vessel trees of this frame of reference, with catheter tips.
    lumens
        Lumens and stents of this frame of reference.
    """

    view: SliceView
    volume: Volume
    window: SeriesWindow
    slab: Slab
    zoom: float
    marks: tuple[Mark, ...] = ()
    regions: tuple[RegionShape, ...] = ()
    selected_id: str | None = None
    cursor_lps_mm: tuple[float, float, float] | None = None
    lines: tuple[CrosshairLine, ...] = ()
    value_text: str = ""
    notice: str = ""
    simulated: bool = False
    preview: Preview = NOTHING
    with_brush: bool = False
    extra_lines: tuple[str, ...] = field(default=())
    ct: SliceCt | None = None
    stale_ids: frozenset[str] = frozenset()
    zones: ZonesShown | None = None
    vessels: SliceVessels | None = None
    lumens: SliceLumens | None = None

    @property
    def reach_mm(self) -> float:
        """Half the thickness shown: the slab, or one layer of voxels."""
        return max(self.slab.thickness_mm, slice_step_mm(self.volume.grid, self.view.plane)) / 2.0 + 1e-6


def image_of(picture: SlicePicture) -> QImage:
    """The pixels as an image that owns them."""
    height, width = picture.pixels.shape[:2]
    coloured = picture.pixels.ndim == 3
    kind = QImage.Format.Format_RGB32 if coloured else QImage.Format.Format_Grayscale8
    return QImage(picture.pixels.data, width, height, width * (4 if coloured else 1), kind).copy()


def paint_picture(painter: QPainter, view: SliceView, picture: SlicePicture, image: QImage) -> None:
    """Put the pixels where they belong, also while view and picture differ for a moment (drag, zoom)."""
    request = picture.request
    scale = request.mm_per_px / view.mm_per_px
    centre = view.px_of(request.plane.point_lps_mm)
    width, height = request.size_px[1] * scale, request.size_px[0] * scale
    target = QRectF(centre[0] - width / 2.0, centre[1] - height / 2.0, width, height)
    ratio = painter.device().devicePixelRatioF()
    left, top = target.x() * ratio, target.y() * ratio
    exact = max(abs(left - round(left)), abs(top - round(top)), abs(scale * ratio - 1.0) * max(request.size_px))
    if exact < _EXACT_PX:
        # Pixel for pixel: nothing to be interpolated, which costs as much as the slice.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        target = QRectF(round(left) / ratio, round(top) / ratio, image.width() / ratio, image.height() / ratio)
        painter.drawImage(target, image)
        return
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    painter.drawImage(target, image)


def paint_scene(painter: QPainter, scene: SliceScene) -> None:
    """Everything above the pixels, in logical pixels of the scene's view."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    em = QFontMetricsF(painter.font()).height()
    pen = ItemPen(scene.view, scene.reach_mm, em, scene.selected_id, scene.stale_ids)
    area, texts = QRectF(0.0, 0.0, scene.view.width_px, scene.view.height_px), corner_texts(scene)
    pen.taken.extend(corner_boxes(QFontMetricsF(painter.font()), area, texts))
    same_frame = scene.preview.frame_uid == scene.volume.grid.frame_uid
    draw_crosshair(painter, scene, em)
    draw_region_labels(painter, pen, scene.regions)
    if scene.zones is not None:
        draw_zones(painter, pen, scene.zones)
    if scene.vessels is not None:
        paint_slice_vessels(painter, pen, scene.vessels)
    if scene.lumens is not None:
        paint_slice_lumens(painter, pen, scene.lumens)
    draw_marks(painter, pen, scene.marks, scene.preview)
    if same_frame:
        draw_preview(painter, pen, scene.preview, with_brush=scene.with_brush)
    if scene.ct is not None:
        paint_slice_ct(painter, scene.view, scene.volume.grid, scene.reach_mm, scene.ct)
    draw_orientation(painter, area, scene.view.plane)
    draw_corners(painter, area, texts, loud=SIMULATED)
    draw_scale_bar(painter, scene.view)
    if scene.notice:
        _draw_notice(painter, area, scene.notice)


def corner_texts(scene: SliceScene) -> CornerTexts:
    """Who and what top left, marks top right, where bottom left, how bottom right."""
    window = scene.window.window
    name = f" {scene.window.name}" if scene.window.name else ""
    plane = scene.view.plane
    zoom = f"Zoom {scene.zoom * 100.0:.0f} %"
    place = " · ".join(part for part in (height_text(plane), zoom) if part)
    where = tuple(line for line in (layer_text(scene.volume, plane), place, scene.slab.text) if line)
    levels = (
        f"W {window.width:.0f} C {window.centre:.0f}{name}"
        if window.width >= 10.0
        else f"W {window.width:.3g} C {window.centre:.3g}{name}"
    )
    return CornerTexts(
        top_left=who_lines(scene.volume) + scene.extra_lines,
        top_right=(SIMULATED,) if scene.simulated else (),
        bottom_left=where,
        bottom_right=tuple(line for line in (levels, scene.value_text) if line),
    )


def draw_crosshair(painter: QPainter, scene: SliceScene, em: float) -> None:
    """The lines of the other planes, open around the cursor, with the handles that turn them."""
    if scene.cursor_lps_mm is None:
        return
    centre = scene.view.px_of(scene.cursor_lps_mm)
    reach = float(scene.view.width_px + scene.view.height_px)
    for line in scene.lines:
        along = line.direction_px(scene.view)
        colour = QColor(PLANE_COLOURS.get(line.kind, TEXT_QUIET))
        width = max(1.0, em / 15.0)
        for side in (-1.0, 1.0):
            near, far = centre + side * along * em * CROSSHAIR_GAP_EM, centre + side * along * reach
            colour.setAlpha(190)
            _draw_ray(painter, near, far, colour, width)
            handle = QPointF(*handle_px(scene.view, centre, side * along))
            painter.setPen(QPen(QColor(0, 0, 0, 200), width))
            painter.setBrush(colour)
            painter.drawEllipse(handle, em * 0.24, em * 0.24)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        _draw_slab_edges(painter, scene, line, centre, along, colour)


def _draw_ray(
    painter: QPainter, near: NDArray[np.float64], far: NDArray[np.float64], colour: QColor, width: float
) -> None:
    """A straight line; along the pixels it is a rectangle, which Qt fills many times faster than it strokes a line."""
    across, down = np.abs(far - near)
    if min(across, down) > _EXACT_PX:
        painter.setPen(QPen(colour, width))
        painter.drawLine(QPointF(*near), QPointF(*far))
        return
    left, top = np.maximum(np.minimum(near, far), -width)
    right, bottom = np.minimum(np.maximum(near, far), max(painter.device().width(), painter.device().height()) + width)
    if across < down:
        painter.fillRect(QRectF(left - width / 2.0, top, width, max(0.0, bottom - top)), colour)
    else:
        painter.fillRect(QRectF(left, top - width / 2.0, max(0.0, right - left), width), colour)


def handle_px(view: SliceView, centre: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a turning handle sits on one end of a line."""
    place: NDArray[np.float64] = centre + along * CROSSHAIR_HANDLE * min(view.width_px, view.height_px)
    return place


def _draw_slab_edges(
    painter: QPainter,
    scene: SliceScene,
    line: CrosshairLine,
    centre: NDArray[np.float64],
    along: NDArray[np.float64],
    colour: QColor,
) -> None:
    """Both faces of the other pane's slab, dashed."""
    if line.slab_mm <= 0.0:
        return
    across = np.array([-along[1], along[0]]) * line.slab_mm / 2.0 / scene.view.mm_per_px
    reach = float(scene.view.width_px + scene.view.height_px)
    colour.setAlpha(110)
    painter.setPen(QPen(colour, 1.0, Qt.PenStyle.DashLine))
    for side in (-1.0, 1.0):
        edge = centre + side * across
        painter.drawLine(QPointF(*(edge - along * reach)), QPointF(*(edge + along * reach)))


def _draw_notice(painter: QPainter, area: QRectF, text: str) -> None:
    metrics = QFontMetricsF(painter.font())
    fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width() * 0.9)
    x = area.center().x() - metrics.horizontalAdvance(fitted) / 2.0
    draw_outlined(painter, QPointF(x, area.top() + area.height() * 0.22), fitted, WARNING)
