"""One MPR pane: a plain widget that paints a slice and hands events to the tools."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QEnterEvent,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from planner.geometry import SlicePlane
from planner.imaging import Volume
from planner.imaging.growing import PartialVolume
from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import MprHands
from viewers.panes.slice_renderer import SliceRenderer
from viewers.panes.tools.base import Pointer
from viewers.scene.lumen_slice_painter import slice_lumens
from viewers.scene.run_ct_painter import slice_ct
from viewers.scene.slice_painter import CrosshairLine, SliceScene, image_of, paint_picture, paint_scene
from viewers.scene.slice_picture import SliceRequest
from viewers.scene.slice_view import SliceView, view_of
from viewers.scene.vessel_slice_painter import slice_vessels
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.lumens import LUMEN_TOOL
from viewers.state.mask_layer import RegionShape
from viewers.state.pane_state import PaneState
from viewers.state.preview import Preview
from viewers.state.signals import Subscriptions
from viewers.state.view_state import CROSSHAIR, PLANE_KINDS, Hover, PlaneKind, as_point

NO_IMAGE = "Open a folder of images, or drop one here."
NOT_LINKED = "Not linked: another frame of reference"


def _arriving_notice(volume: Volume) -> str:
    if not isinstance(volume, PartialVolume):
        return ""
    return f"Reading {100.0 * volume.fraction:.0f} %; striped: not read yet. Tools work when all is read."


class MprPane(QWidget):
    """Axial, coronal or sagittal, straight or oblique.

    Parameters
    ----------
    spec
        Its place in the layout; `kind` is one of `PLANE_KINDS`.
    """

    KINDS: tuple[str, ...] = PLANE_KINDS
    """Kinds of panes that this class shows."""
    EMPTY = NO_IMAGE
    """Said while there is nothing to show."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        if spec.kind not in self.KINDS:
            raise ValueError(f"no MPR pane of kind {spec.kind}")
        self.spec = spec
        self.desk = desk
        self.state = desk.state
        self.kind: PlaneKind | None = next((kind for kind in PLANE_KINDS if kind == spec.kind), None)
        self.renderer = SliceRenderer(desk.renderers, desk.post, self._arrived, self._failed)
        self._image: QImage | None = None
        self._notice = ""
        self._pointer_inside = False
        self._region_previewed: RegionShape | None = None
        self._subscriptions = Subscriptions()
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.setInterval(0)
        self._refresh_timer.timeout.connect(self._render)
        self.hands = self.make_hands()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(f"{spec.kind} image")
        self._follow()

    def make_hands(self) -> MprHands:
        """What the buttons, the wheel and the keys do."""
        return MprHands(self)

    # What it shows

    @property
    def pane_state(self) -> PaneState:
        return self.state.pane(self.spec.id)

    @property
    def series(self) -> str | None:
        """Key of the volume shown: the one chosen for this pane while it is loaded, else its role's."""
        chosen = self.pane_state.series.value
        if self.state.images.volume(chosen) is not None:
            return chosen
        return self.state.images.key_for(self.spec.role) or self.state.images.arriving_key

    @property
    def volume(self) -> Volume | None:
        """What is shown: while the first volume is read, the slices that have come."""
        return self.state.images.to_look_at(self.series)

    @property
    def is_settled(self) -> bool:
        """Nothing is waiting to be drawn."""
        return not self._refresh_timer.isActive() and self.renderer.is_idle

    def view(self) -> SliceView | None:
        """Where the pane looks now, or None without a volume."""
        volume, plane = self.volume, self.scroll_plane()
        if volume is None or plane is None:
            return None
        pane = self.pane_state
        width, height = max(1, self.width()), max(1, self.height())
        return view_of(volume.grid, plane, width, height, zoom=pane.zoom.value, pan_mm=pane.pan_mm.value)

    def pointer(self, event_position: QPointF, modifiers: Qt.KeyboardModifier) -> Pointer | None:
        """A position in the pane as tools see it; None without a volume, and while it is not read whole."""
        volume, view, series = self.volume, self.view(), self.series
        if volume is None or view is None or series is None or isinstance(volume, PartialVolume):
            return None
        x, y = event_position.x(), event_position.y()
        return Pointer(
            lps_mm=view.lps_of(x, y),
            view=view,
            volume=volume,
            series=series,
            kind=self.kind,
            x=x,
            y=y,
            em=QFontMetricsF(self.font()).height(),
            shift=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
            control=bool(modifiers & Qt.KeyboardModifier.ControlModifier),
            alt=bool(modifiers & Qt.KeyboardModifier.AltModifier),
        )

    def scene(self) -> SliceScene | None:
        """Everything above the pixels."""
        volume, view, series = self.volume, self.view(), self.series
        if volume is None or view is None or series is None:
            return None
        state, frame, hidden = self.state, volume.grid.frame_uid, self.state.hidden_ids.value
        hover = state.hover.value
        linked = state.images.is_linked(series)
        marks = self.desk.marks.marks.value
        zones = state.margins.zones.value
        return SliceScene(
            view=view,
            volume=volume,
            window=state.window(series),
            slab=self.pane_state.slab.value,
            zoom=self.pane_state.zoom.value,
            marks=tuple(mark for mark in marks if mark.item.frame_uid == frame and mark.id not in hidden),
            regions=self._regions(frame),
            selected_id=state.selected_id.value,
            cursor_lps_mm=state.cursor_lps_mm(frame),
            lines=self._lines(frame),
            value_text=hover.value_text if self._pointer_inside and hover is not None else "",
            notice=self._notice or _arriving_notice(volume) or ("" if linked else NOT_LINKED),
            simulated=state.simulated.value,
            preview=self.desk.kit.preview.value,
            with_brush=self._pointer_inside,
            ct=slice_ct(state.run_ct, frame),
            stale_ids=state.needles.stale.value,
            zones=zones if zones is not None and zones.frame_uid == frame else None,
            vessels=slice_vessels(state.vessels, frame, hidden),
            lumens=slice_lumens(state.lumens, frame, hidden, with_clicks=state.active_tool.value == LUMEN_TOOL),
        )

    def _lines(self, frame: str) -> tuple[CrosshairLine, ...]:
        lines = []
        for kind in PLANE_KINDS:
            if kind != self.kind:
                slab = self.state.pane(kind).slab.value
                lines.append(CrosshairLine(kind, self.state.plane(frame, kind), slab.thickness_mm))
        return tuple(lines)

    def _regions(self, frame: str) -> tuple[RegionShape, ...]:
        hidden = self.state.hidden_ids.value
        shapes = [shape for shape in self.desk.marks.layer.regions.values() if shape.id not in hidden]
        preview = self.desk.kit.preview.value.region
        if preview is not None:
            shapes = [shape for shape in shapes if shape.id != preview.id] + [preview]
        shapes += self.state.vessels.regions(frame)
        return tuple(shape for shape in shapes if shape.mask.grid.frame_uid == frame)

    # Drawing

    def refresh(self) -> None:
        """Ask for a new picture; many requests become one."""
        self._refresh_timer.start()

    def request(self) -> SliceRequest | None:
        """The picture at full resolution, or None without a volume."""
        volume, view, series = self.volume, self.view(), self.series
        if volume is None or view is None or series is None:
            return None
        ratio = self.devicePixelRatioF()
        hidden = self.state.hidden_ids.value
        maps = self.desk.marks.layer.label_maps
        return SliceRequest(
            volume=volume,
            plane=view.plane,
            size_px=(max(1, math.ceil(self.height() * ratio)), max(1, math.ceil(self.width() * ratio))),
            mm_per_px=view.mm_per_px / ratio,
            window=self.state.window(series).window,
            slab=self.pane_state.slab.value,
            interpolation=self.state.interpolation.value,
            regions=self._regions(volume.grid.frame_uid),
            label_maps=tuple((key, labels) for key, labels in maps.items() if key not in hidden),
            hidden_labels=hidden,
            selected_id=self.state.selected_id.value,
            outline_px=max(1, round(ratio * QFontMetricsF(self.font()).height() / 20.0)),
        )

    def _render(self) -> None:
        if not self.isVisible():
            return
        request = self.request()
        if request is None:
            self.renderer.clear()
            self._image = None
            self.update()
            return
        self._notice = ""
        self.renderer.ask(request, moving=self.state.interacting.value)
        # Drawn once, with the new pixels when they came at once; else the lines over the old ones move on.
        self.update()

    def _arrived(self) -> None:
        picture = self.renderer.picture
        self._image = None if picture is None else image_of(picture)
        self.update()

    def _failed(self, message: str) -> None:
        self._notice = message
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the latest picture where it belongs, and everything above it."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        scene, picture = self.scene(), self.renderer.picture
        if scene is None:
            self._say_empty(painter)
        else:
            if picture is not None and self._image is not None and picture.request.volume is scene.volume:
                paint_picture(painter, scene.view, picture, self._image)
            paint_scene(painter, scene)
            self.paint_over(painter, scene)
        if self.hasFocus():
            painter.setPen(QColor(theme.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def paint_over(self, painter: QPainter, scene: SliceScene) -> None:
        """What a special pane draws above everything else, in logical pixels."""

    def empty_words(self) -> str:
        """Said while there is nothing to show."""
        return NO_IMAGE if self.volume is None else self.EMPTY

    def _say_empty(self, painter: QPainter) -> None:
        text = self.empty_words()
        metrics = QFontMetricsF(self.font())
        room = QRectF(self.rect()).adjusted(metrics.height(), 0.0, -metrics.height(), 0.0)
        painter.setPen(QColor(theme.QUIET))
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)

    # Following the state

    def _follow(self) -> None:
        state, pane, marks, kit = self.state, self.pane_state, self.desk.marks, self.desk.kit
        self._subscriptions.add(
            state.cursor_changed.connect(self._frame_changed),
            state.planes_changed.connect(self._frame_changed),
            state.window_changed.connect(self._series_changed),
            state.images.changed.connect(self.refresh),
            state.interpolation.changed.connect(self._changed),
            state.interacting.changed.connect(self._changed),
            state.hidden_ids.changed.connect(self._changed),
            state.selected_id.changed.connect(self._changed),
            state.simulated.changed.connect(self._changed),
            pane.series.changed.connect(self._changed),
            pane.zoom.changed.connect(self._changed),
            pane.pan_mm.changed.connect(self._changed),
            pane.slab.changed.connect(self._changed),
            marks.marks.changed.connect(self._changed),
            marks.layer.changed.connect(self.refresh),
            kit.preview.changed.connect(self._preview_changed),
            state.active_tool.changed.connect(self._show_cursor),
            state.needles.stale.changed.connect(self._repaint),
            state.margins.zones.changed.connect(self._repaint),
            state.vessels.changed.connect(self._vessels_changed),
            state.lumens.changed.connect(self._vessels_changed),
            state.vessels.injection.changed.connect(self._changed),
            state.run_ct.rays.changed.connect(self._repaint),
            state.run_ct.landmarks.changed.connect(self._repaint),
            *(state.pane(kind).slab.changed.connect(self._repaint) for kind in PLANE_KINDS),
        )

    def release(self) -> None:
        """Stop following the state: the pane goes."""
        self._subscriptions.release()
        self.hands.let_go()
        self._refresh_timer.stop()
        self.renderer.drop()

    def _frame_changed(self, frame_uid: str) -> None:
        volume = self.volume
        if volume is not None and volume.grid.frame_uid == frame_uid:
            self.refresh()

    def _series_changed(self, series: str) -> None:
        if series == self.series:
            self.refresh()

    def _changed(self, value: object) -> None:
        del value
        self.refresh()

    def _preview_changed(self, preview: Preview) -> None:
        """Only a painted region is part of the pixels; all else a tool shows is drawn over them."""
        region, self._region_previewed = self._region_previewed, preview.region
        if preview.region is region:
            self.update()
        else:
            self.refresh()

    def _show_cursor(self, tool_id: str) -> None:
        exact = tool_id != CROSSHAIR
        # The clicks of a lumen are seen while its tool is active.
        self.update()
        self.setCursor(Qt.CursorShape.CrossCursor if exact else Qt.CursorShape.ArrowCursor)

    def _repaint(self, value: object) -> None:
        del value
        self.update()

    def _vessels_changed(self) -> None:
        self.update()

    # Events

    def publish_hover(self, pointer: Pointer | None) -> None:
        """Tell what lies under the pointer; the value is that of the voxel itself."""
        if pointer is None:
            self.state.hover.set(None)
        else:
            value = pointer.volume.nearest(pointer.lps_mm)
            finite = value if value is not None and np.isfinite(value) else None
            linked = self.state.images.is_linked(pointer.series)
            unit = pointer.volume.source.unit
            self.state.hover.set(Hover(as_point(pointer.lps_mm), finite, unit, pointer.series, linked))
        self.update()

    def scroll_plane(self) -> SlicePlane | None:
        volume = self.volume
        if volume is None or self.kind is None:
            return None
        return self.state.plane(volume.grid.frame_uid, self.kind)

    def sizeHint(self) -> QSize:
        """Square enough."""
        return QSize(320, 320)

    def focusNextPrevChild(self, following: bool) -> bool:
        """Tab walks through layouts, not through widgets."""
        del following
        return False

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The pane with the focus is the active one."""
        super().focusInEvent(event)
        self.state.active_pane.set(self.spec.id)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left: the tool. Right: window. Middle: pan."""
        self.hands.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or look."""
        self.hands.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End of a drag: refine."""
        self.hands.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Enlarge, unless the tool uses it."""
        self.hands.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Slices; with Ctrl zoom, with Shift slab."""
        self.hands.wheel(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the Hands table."""
        if not self.hands.key(event):
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The pane under the pointer shows values."""
        super().enterEvent(event)
        self._pointer_inside = True

    def leaveEvent(self, event: QEvent) -> None:
        """No pane under the pointer."""
        super().leaveEvent(event)
        self._pointer_inside = False
        self.publish_hover(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another size is another picture."""
        super().resizeEvent(event)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what was not drawn while hidden."""
        super().showEvent(event)
        self.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop following."""
        self.release()
        super().closeEvent(event)
