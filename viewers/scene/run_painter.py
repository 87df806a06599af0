"""A whole DSA picture: pixels, regions, scale, legend, texts. Paints on any QPainter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QLinearGradient, QPainter, QPen, QPolygonF

from planner.app.run_pictures import EARLY_TO_LATE
from planner.imaging.angio import AngioRun
from viewers.scene.palette import TEXT, TEXT_QUIET, WARNING
from viewers.scene.run_picture import RunPicture
from viewers.scene.run_text import WEAK_ENDPOINT, RunWords, corner_texts
from viewers.scene.run_view import RunView
from viewers.scene.slice_painter import SIMULATED
from viewers.scene.slice_text import draw_corners, draw_outlined, length_text, scale_bar_mm
from viewers.state.run_settings import RunSettings
from viewers.state.run_state import RunRegion

WIDE_EM = 42.0
"""From this width on, the middle of the upper edge is free of the corners' lines."""


@dataclass(frozen=True, slots=True)
class PeakLegend:
    """Earliest and latest time of the colours; `unit` is ``s`` or ``frames``."""

    first: float
    last: float
    unit: str


@dataclass(frozen=True, eq=False, slots=True)
class RunScene:
    """Everything above the pixels.

    Attributes
    ----------
    mm_per_px
        Patient millimetres per pixel of the run where it is calibrated; no scale bar without.
    drawing
        Corners of a region being drawn, in pixels of the run.
    notice
        One sentence across the pane; empty for none.
    """

    view: RunView
    run: AngioRun
    settings: RunSettings
    words: RunWords
    regions: tuple[RunRegion, ...] = ()
    drawing: tuple[tuple[float, float], ...] = ()
    mm_per_px: float | None = None
    scale_words: str = ""
    legend: PeakLegend | None = None
    notice: str = ""
    simulated: bool = False
    under_pointer: str = ""


def run_image_of(picture: RunPicture, ratio: float) -> QImage:
    """The pixels as an image that owns them, one device pixel each."""
    pixels = picture.pixels
    height, width = pixels.shape
    coloured = pixels.dtype == np.uint32
    kind = QImage.Format.Format_RGB32 if coloured else QImage.Format.Format_Grayscale8
    image = QImage(pixels.data, width, height, width * pixels.itemsize, kind).copy()
    image.setDevicePixelRatio(ratio)
    return image


def paint_run(painter: QPainter, view: RunView, picture: RunPicture, image: QImage) -> None:
    """Put the pixels where they belong, also while view and picture differ for a moment (zoom, resize)."""
    drawn = picture.request.view
    if drawn == view:
        painter.drawImage(QPointF(0.0, 0.0), image)
        return
    left, top = view.screen_of(*drawn.run_of(0.0, 0.0))
    right, bottom = view.screen_of(*drawn.run_of(float(drawn.width_px), float(drawn.height_px)))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    painter.drawImage(QRectF(left, top, right - left, bottom - top), image)


def paint_words(painter: QPainter, area: QRectF, text: str) -> None:
    """One quiet sentence in the middle of a pane without a run."""
    width = QFontMetricsF(painter.font()).horizontalAdvance(text)
    draw_outlined(painter, QPointF(area.center().x() - width / 2.0, area.center().y()), text, TEXT_QUIET)


def paint_run_scene(painter: QPainter, scene: RunScene) -> None:
    """Everything above the pixels, in logical pixels."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    area = QRectF(0.0, 0.0, scene.view.width_px, scene.view.height_px)
    for region in scene.regions:
        _draw_region(painter, scene.view, region, em)
    if len(scene.drawing) > 1:
        _draw_outline(painter, scene.view, scene.drawing, TEXT, em)
    draw_corners(painter, area, corner_texts(scene.run, scene.settings, scene.words))
    _draw_middle(painter, area, scene, metrics)
    if scene.mm_per_px is not None:
        _draw_scale(painter, area, scene.mm_per_px / scene.view.scale, scene.scale_words, metrics)
    if scene.legend is not None:
        _draw_legend(painter, area, scene.legend, metrics)


def _draw_middle(painter: QPainter, area: QRectF, scene: RunScene, metrics: QFontMetricsF) -> None:
    """SIMULATED above; a notice and the value under the pointer below."""
    em = metrics.height()
    if scene.simulated:
        width = metrics.horizontalAdvance(SIMULATED)
        # Between the upper corners where they leave room, else below their lines.
        y = em * (1.4 if area.width() > WIDE_EM * em else 7.2)
        draw_outlined(painter, QPointF((area.width() - width) / 2.0, y), SIMULATED, WARNING)
    for line, text, colour in ((0, scene.under_pointer, TEXT), (1, scene.notice, WARNING)):
        if text:
            fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width() * 0.9)
            x = (area.width() - metrics.horizontalAdvance(fitted)) / 2.0
            y = area.height() - em * (0.8 if line == 0 else 5.2)
            draw_outlined(painter, QPointF(x, y), fitted, colour)


def _polygon(view: RunView, points: tuple[tuple[float, float], ...]) -> QPolygonF:
    return QPolygonF([QPointF(*view.screen_of(x, y)) for x, y in points])


def _draw_outline(
    painter: QPainter, view: RunView, points: tuple[tuple[float, float], ...], colour: str, em: float
) -> QPolygonF:
    polygon = _polygon(view, points)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, width in ((QColor(0, 0, 0, 170), em * 0.22), (QColor(colour), em * 0.1)):
        painter.setPen(QPen(shade, max(1.0, width)))
        painter.drawPolygon(polygon)
    return polygon


def _draw_region(painter: QPainter, view: RunView, region: RunRegion, em: float) -> None:
    box = _draw_outline(painter, view, region.points_xy, region.colour, em).boundingRect()
    draw_outlined(painter, QPointF(box.right() + em * 0.3, box.top() + em * 0.5), region.name, region.colour)


def _draw_scale(painter: QPainter, area: QRectF, mm_per_px: float, words: str, metrics: QFontMetricsF) -> None:
    """A horizontal bar of a round length above the lower left corner's lines, with the plane it holds in."""
    em = metrics.height()
    length_mm = scale_bar_mm(mm_per_px, area.width())
    length_px = length_mm / mm_per_px
    left, y = em * 0.6, area.height() - em * 3.6
    for colour, width in ((QColor(0, 0, 0), 3.0), (QColor(TEXT), 1.4)):
        painter.setPen(QPen(colour, max(1.0, em / 14.0) * width))
        painter.drawLine(QPointF(left, y), QPointF(left + length_px, y))
        for x in (left, left + length_px):
            painter.drawLine(QPointF(x, y - em * 0.3), QPointF(x, y + em * 0.3))
    text = f"{length_text(length_mm)} {words}".strip()
    draw_outlined(painter, QPointF(left, y - em * 0.5), text)


def _draw_legend(painter: QPainter, area: QRectF, legend: PeakLegend, metrics: QFontMetricsF) -> None:
    """Colours from early to late at the right edge, and what they are worth."""
    em = metrics.height()
    height, width = min(area.height() * 0.4, em * 14.0), em * 0.9
    box = QRectF(area.right() - em * 1.6, area.center().y() - height / 2.0, width, height)
    gradient = QLinearGradient(box.topLeft(), box.bottomLeft())
    for place, colour in enumerate(EARLY_TO_LATE):
        gradient.setColorAt(place / (len(EARLY_TO_LATE) - 1), QColor(*colour))
    painter.fillRect(box, gradient)
    painter.setPen(QColor(TEXT))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)
    middle = (legend.first + legend.last) / 2.0
    for share, value in ((0.0, legend.first), (0.5, middle), (1.0, legend.last)):
        text = f"{value:.1f} {legend.unit}" if legend.unit == "s" else f"frame {value + 1.0:.0f}"
        y = box.top() + share * height + metrics.ascent() / 2.0 - 1.0
        draw_outlined(painter, QPointF(box.left() - metrics.horizontalAdvance(text) - em * 0.4, y), text)
    for line, text in enumerate(("Time to peak", WEAK_ENDPOINT)):
        x = area.right() - em * 0.7 - metrics.horizontalAdvance(text)
        y = box.top() - em * (1.9 - line * 1.1) if line == 0 else box.bottom() + em * 1.7
        draw_outlined(painter, QPointF(x, y), text, TEXT if line == 0 else WARNING)
