"""Pictures of record, drawn without a window: for the PDF, the command line and the demonstration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QIODevice, QPointF, QRect
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QGuiApplication, QImage, QPainter

from planner.app.rendering import PictureRequest, SheetRequest
from planner.errors import UsageError
from planner.imaging import LabelMap
from planner.imaging.masks import Mask, is_empty
from planner.imaging.window import Window, first_window
from planner.model.items import PlanItem
from viewers.offscreen_needles import PaneContent, draw_pane
from viewers.scene.scene_content import plane_picture, surfaces_of, tubes_of
from viewers.scene.sheet_painter import paint_panels
from viewers.scene.slice_painter import CrosshairLine, SliceScene, image_of, paint_picture, paint_scene
from viewers.scene.slice_picture import SliceRequest, render
from viewers.scene.slice_text import draw_outlined
from viewers.scene.slice_view import view_of
from viewers.scene.volume_renderer import FINE, VolumeRenderer
from viewers.state.layouts import Layout, PaneSpec, layouts
from viewers.state.marking import Mark, mark_of
from viewers.state.mask_layer import RegionShape
from viewers.state.needles import NeedleShape, needles_of, shape_of
from viewers.state.pane_state import Slab
from viewers.state.scene3d import Camera, PlanePicture, Scene3D, Tube
from viewers.state.view_state import PLANE_KINDS, PlaneKind, SeriesWindow, as_point, standard_planes

GAP_PX = 3
TEXT_PARTS = 55
"""Height of the picture over height of its letters: legible where two pictures share a printed page."""
FOCUS_MARGIN_MM = 35.0
LEAST_HALF_HEIGHT_MM = 70.0
LESION, SKIN = "lesion", "skin"
"""Structures of overlays: what `planner.app.report_pictures` calls a lesion, and the surface of the body."""


class OffscreenRenderer:
    """Implements `planner.app.rendering.Renderer`. VTK lives in one thread of its own for the whole life."""

    def __init__(self) -> None:
        self._application = QGuiApplication.instance() or QGuiApplication(["seldinger", "-platform", "offscreen"])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="picture-of-record")
        self._volume_renderer: VolumeRenderer | None = None

    def png(self, request: PictureRequest) -> bytes:
        """The picture as PNG bytes of exactly the asked size.

        Raises
        ------
        UsageError
            For a layout that is not known.
        """
        width, height = request.size_px
        image = QImage(width, height, QImage.Format.Format_RGB32)
        image.fill(QColor("#1b1d21"))
        painter = QPainter(image)
        try:
            self._draw(painter, request)
        finally:
            # An image that goes while it is painted on takes the program with it.
            painter.end()
        return _png(image)

    def sheet(self, request: SheetRequest) -> bytes:
        """Finished pictures side by side, each in its own shape, with a caption under them."""
        width, height = request.size_px
        image = QImage(width, height, QImage.Format.Format_RGB32)
        image.fill(QColor("#1b1d21"))
        painter = QPainter(image)
        try:
            area = self._captioned(painter, request.caption, width, height)
            paint_panels(painter, request.panels, area, GAP_PX)
        finally:
            painter.end()
        return _png(image)

    def close(self) -> None:
        """Free the graphics memory."""
        if self._volume_renderer is not None:
            self._thread.submit(self._volume_renderer.close).result()
        self._thread.shutdown()

    def _draw(self, painter: QPainter, request: PictureRequest) -> None:
        """Panes side by side, and the caption under them."""
        area = self._captioned(painter, request.caption, *request.size_px)
        for pane, place in placed(_layout(request.layout), area):
            self._draw_pane(painter, request, pane, place)

    def _captioned(self, painter: QPainter, words: Sequence[str], width: int, height: int) -> QRect:
        """Set the letters, write the caption at the foot, and give what is left above it."""
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing, True)
        font = QFont("DejaVu Sans")
        font.setPixelSize(max(11, height // TEXT_PARTS))
        painter.setFont(font)
        line = QFontMetricsF(font).height()
        caption = wrapped(words, QFontMetricsF(font), width - line)
        foot = round(line * (len(caption) + 0.5)) if caption else 0
        for number, text in enumerate(caption):
            draw_outlined(painter, QPointF(line * 0.5, height - foot + line * (number + 1)), text)
        return QRect(0, 0, width, height - foot)

    def _draw_pane(self, painter: QPainter, request: PictureRequest, pane: PaneSpec, area: QRect) -> None:
        painter.save()
        painter.setClipRect(area)
        painter.fillRect(area, QColor(0, 0, 0))
        painter.translate(area.topLeft())
        kind = next((each for each in PLANE_KINDS if each == pane.kind), None)
        volume = request.by_role.get(pane.role or "")
        if volume is not None and volume.grid.frame_uid == request.volume.grid.frame_uid:
            request = replace(request, volume=volume)
        if kind is not None:
            draw_slice(painter, request, kind, area.width(), area.height())
        elif pane.kind == "3d":
            picture = self._thread.submit(self._draw_3d, request, area.width(), area.height()).result()
            rows, columns = picture.shape[:2]
            painter.drawImage(0, 0, QImage(picture.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888))
            metrics = QFontMetricsF(painter.font())
            draw_outlined(
                painter, QPointF(metrics.height() * 0.5, metrics.height() * 1.1), f"3D, {view_name(request)} view"
            )
        else:
            content = PaneContent(request, window_of(request), tuple(region_shapes(request.overlays)))
            draw_pane(painter, content, pane.kind, area.width(), area.height())
        painter.restore()

    def _draw_3d(self, request: PictureRequest, width: int, height: int) -> NDArray[np.uint8]:
        if self._volume_renderer is None:
            self._volume_renderer = VolumeRenderer()
        volume = request.volume
        planes: tuple[PlanePicture, ...] = ()
        if request.layout != "3d":
            axial = standard_planes()["axial"].through(cursor_of(request))
            planes = (plane_picture(volume, "axial", axial, window_of(request)),)
        tubes = tubes_of(request.items, volume.grid.frame_uid)
        # The skin would hide what lies in it, and be what the camera goes by.
        inside = [each for each in request.overlays if not _is_skin(each)]
        scene = Scene3D(
            volume=volume,
            preset=request.preset_3d or "arterial",
            surfaces=surfaces_of(inside),
            tubes=tubes,
            planes=planes,
            camera=camera_for(request, tubes),
        )
        return np.ascontiguousarray(self._volume_renderer.draw(scene, (width, height), FINE))


def wrapped(texts: Sequence[str], metrics: QFontMetricsF, width: float) -> list[str]:
    """Lines of a caption broken between words, so that none runs out of the picture."""
    lines: list[str] = []
    for text in texts:
        line = ""
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if line and metrics.horizontalAdvance(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def camera_for(request: PictureRequest, tubes: Sequence[Tube]) -> Camera:
    """From the side where needles enter, else the front, a little from the right and above, on what is marked.

    With needles that is what they aim at and not every structure around; on the whole when nothing is marked.
    """
    camera = Camera.standard(view_name(request), request.volume.grid)
    points = [tube.points_lps_mm for tube in tubes]
    aimed = _needles(request)
    for overlay in request.overlays:
        if _is_skin(overlay) or (aimed and not any(each.structure == LESION for each in overlay.labels.values())):
            continue
        for value in overlay.labels:
            corners = Mask.of(overlay.grid, overlay.mask(value)).box
            if not is_empty(corners):
                points.append(overlay.grid.lps_from_kji.points(np.asarray(corners, dtype=np.float64)))
    if points:
        marked = np.concatenate(points)
        low, high = marked.min(axis=0), marked.max(axis=0)
        half = max(LEAST_HALF_HEIGHT_MM, 0.5 * float((high - low)[[0, 2]].max()) + FOCUS_MARGIN_MM)
        camera = replace(camera, focal_lps_mm=as_point((low + high) / 2.0), half_height_mm=half)
    return camera.turned(-18.0, 8.0)


def _is_skin(overlay: LabelMap) -> bool:
    return any(label.structure == SKIN for label in overlay.labels.values())


def _needles(request: PictureRequest) -> list[NeedleShape]:
    frame = request.volume.grid.frame_uid
    shapes = (shape_of(mark) for mark in needles_of(marks_of(request.items)))
    return [shape for shape in shapes if shape is not None and shape.frame_uid == frame]


def view_name(request: PictureRequest) -> str:
    """``posterior`` where needles enter from behind, else ``anterior``."""
    towards = [float(each.direction_lps[1]) for each in _needles(request)]
    return "posterior" if towards and sum(towards) < 0.0 else "anterior"


def cursor_of(request: PictureRequest) -> tuple[float, float, float]:
    return request.cursor_lps_mm or as_point(request.volume.grid.centre_lps_mm)


def window_of(request: PictureRequest) -> Window:
    own = first_window(request.volume)
    if request.window is None:
        return own
    width, centre = request.window
    return Window(centre=centre, width=width, function=own.function)


def draw_slice(painter: QPainter, request: PictureRequest, kind: PlaneKind, width: int, height: int) -> None:
    """One MPR picture with everything marked, on a painter whose origin is the pane's corner."""
    volume = request.volume
    cursor = cursor_of(request)
    planes = {each: plane.through(cursor) for each, plane in standard_planes().items()}
    view = view_of(volume.grid, planes[kind], width, height, zoom=1.0, pan_mm=(0.0, 0.0))
    window = window_of(request)
    regions = tuple(region_shapes(request.overlays))
    picture = render(SliceRequest(volume, view.plane, (height, width), view.mm_per_px, window, regions=regions))
    paint_picture(painter, view, picture, image_of(picture))
    lines = tuple(CrosshairLine(each, planes[each]) for each in PLANE_KINDS if each != kind)
    scene = SliceScene(
        view=view,
        volume=volume,
        window=SeriesWindow(window, "file" if request.window is None else "manual"),
        slab=Slab(),
        zoom=1.0,
        marks=marks_of(request.items),
        regions=regions,
        cursor_lps_mm=cursor,
        lines=lines,
    )
    paint_scene(painter, scene)


def marks_of(items: Sequence[PlanItem]) -> tuple[Mark, ...]:
    return tuple(mark_of(item) for item in items)


def region_shapes(overlays: Sequence[LabelMap]) -> Iterator[RegionShape]:
    """Every label of the overlays as a region to be outlined and named."""
    for number, overlay in enumerate(overlays):
        for value, label in overlay.labels.items():
            mask = Mask.of(overlay.grid, overlay.mask(value))
            if not mask.is_empty:
                structure = None if label.structure == LESION else label.structure
                yield RegionShape(f"{number}/{value}", mask, label.colour, label.name, structure)


def _layout(key: str) -> Layout:
    """A layout of the catalogue, or one pane of a kind."""
    if key in (*PLANE_KINDS, "3d"):
        return Layout(key, key, (PaneSpec(key, key),))
    found = next((each for each in layouts() if each.key == key), None)
    if found is None:
        raise UsageError("unknown-layout", f"There is no layout “{key}”; choose one of resources/layouts.toml.")
    return found


def placed(layout: Layout, area: QRect) -> Iterator[tuple[PaneSpec, QRect]]:
    """Each pane with its rectangle."""
    rows = max(pane.row + pane.row_span for pane in layout.panes)
    columns = max(pane.column + pane.column_span for pane in layout.panes)
    tops = _edges(area.top(), area.height(), layout.row_stretch, rows)
    lefts = _edges(area.left(), area.width(), layout.column_stretch, columns)
    for pane in layout.panes:
        left, right = lefts[pane.column], lefts[pane.column + pane.column_span]
        top, bottom = tops[pane.row], tops[pane.row + pane.row_span]
        yield pane, QRect(left, top, right - left - GAP_PX, bottom - top - GAP_PX)


def _edges(start: int, length: int, stretch: Sequence[int], count: int) -> list[int]:
    shares = [*stretch[:count], *([1] * (count - len(stretch)))]
    along = np.concatenate([[0.0], np.cumsum(shares)]) / sum(shares)
    return [start + round(share * (length + GAP_PX)) for share in along.tolist()]


def _png(image: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return bytes(buffer.data().data())
