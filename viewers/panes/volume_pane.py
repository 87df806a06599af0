"""The 3D pane: a plain widget that shows images from the render thread. Coarse while dragging, fine at rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
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
from PySide6.QtWidgets import QWidget

from planner.geometry.planes import orientation_letters
from viewers.scene.palette import TEXT
from viewers.scene.render_thread import RenderRequest, RenderThread
from viewers.scene.slice_text import CornerTexts, draw_corners, draw_outlined
from viewers.scene.volume_renderer import DRAGGING, FINE, REFINING, Quality
from viewers.scene.volume_transfer import preset_for, presets
from viewers.state.scene3d import Camera, Scene3D

REST_MS = 180
"""How long the hand must be still before the picture is refined."""

VIEW_KEYS = {
    Qt.Key.Key_1: "anterior",
    Qt.Key.Key_2: "posterior",
    Qt.Key.Key_3: "left",
    Qt.Key.Key_4: "right",
    Qt.Key.Key_5: "head",
    Qt.Key.Key_6: "feet",
}


class Picking(Protocol):
    """Takes events before the camera does; True when it has used one."""

    def press(self, event: QMouseEvent) -> bool: ...

    def move(self, event: QMouseEvent) -> bool: ...

    def release(self, event: QMouseEvent) -> bool: ...

    def key(self, event: QKeyEvent) -> bool: ...


class VolumePane(QWidget):
    """Left drag turns, middle drag pans, wheel zooms, 1-6 standard views, M next preset, R resets.

    Signals
    -------
    enlarged()
        Double-click or Enter: the grid decides.
    problem(str)
        One sentence, for the status line.
    preset_picked(object)
        Key M: a key of ``resources/render_presets.toml``, or None for a hidden volume.
    """

    enlarged = Signal()
    problem = Signal(str)
    preset_picked = Signal(object)
    _arrived = Signal(object, object)

    def __init__(self, renderer: RenderThread | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 120)
        self.setAutoFillBackground(False)
        self._owned = renderer is None
        self._renderer = renderer or RenderThread(self.problem.emit)
        self.scene = Scene3D()
        self.caption: tuple[str, ...] = ()
        self.picture: QImage | None = None
        self.picking: Picking | None = None
        self.quality_shown: Quality | None = None
        self._held: NDArray[np.uint8] | None = None
        self._dragged_from: QPointF | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(lambda: self._request(REFINING))
        self._arrived.connect(self._take)

    def show_scene(self, scene: Scene3D, *, caption: tuple[str, ...] = ()) -> None:
        """Show a scene; the camera stays as the user left it while the frame of reference is the same."""
        keep = self.scene.camera
        same = (
            scene.volume is not None
            and self.scene.volume is not None
            and scene.volume.grid.frame_uid == self.scene.volume.grid.frame_uid
        )
        if scene.camera is None and keep is not None and same:
            scene = replace(scene, camera=keep)
        self.scene = scene
        self.caption = caption
        self._changed()

    def look_from(self, view: str) -> None:
        """One of the standard views, everything in the picture."""
        if self.scene.volume is not None:
            self.scene = replace(self.scene, camera=Camera.standard(view, self.scene.volume.grid))
            self._changed()

    def next_preset(self) -> None:
        """The next preset that fits the volume; after the last one the volume is hidden, then it starts again.

        The signal `preset_picked` tells which, so that whoever builds the scene keeps it.
        """
        if self.scene.volume is None:
            return
        fitting: list[str | None] = [key for key, preset in presets().items() if not preset.relative]
        if self.scene.volume.source.unit != "HU":
            fitting = ["signal"]
        fitting.append(None)
        now = fitting.index(self.scene.preset) if self.scene.preset in fitting else -1
        self.scene = replace(self.scene, preset=fitting[(now + 1) % len(fitting)])
        self.preset_picked.emit(self.scene.preset)
        self._changed()

    def _camera(self) -> Camera | None:
        if self.scene.camera is None and self.scene.volume is not None:
            self.scene = replace(self.scene, camera=Camera.standard("anterior", self.scene.volume.grid))
        return self.scene.camera

    def _changed(self) -> None:
        self._camera()
        self._request(DRAGGING)
        self._rest.start()

    def _request(self, quality: Quality) -> None:
        ratio = self.devicePixelRatioF()
        size = (int(self.width() * ratio), int(self.height() * ratio))
        scene = self.scene

        def deliver(picture: NDArray[np.uint8]) -> None:
            self._arrived.emit(picture, quality)

        if self.isVisible() and (scene.volume is not None or scene.surfaces):
            self._renderer.request(RenderRequest(scene, size, quality, deliver))

    def _take(self, picture: NDArray[np.uint8], quality: Quality) -> None:
        self._held = np.ascontiguousarray(picture)
        height, width = self._held.shape[:2]
        self.picture = QImage(self._held.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.picture.setDevicePixelRatio(self.devicePixelRatioF())
        self.quality_shown = quality
        self.update()
        if quality is REFINING and self._dragged_from is None and not self._rest.isActive():
            self._request(FINE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0))
        if self.picture is not None:
            painter.drawImage(QRectF(self.rect()), self.picture)
        self._paint_text(painter)
        painter.end()

    def _paint_text(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        metrics = QFontMetricsF(painter.font())
        if self.scene.volume is None:
            painter.setPen(QColor(TEXT))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No volume to show in 3D")
            return
        preset = (
            "volume hidden" if self.scene.preset is None else preset_for(self.scene.volume, self.scene.preset).title
        )
        coarse = ("coarse while moving",) if self.quality_shown is DRAGGING else ()
        draw_corners(
            painter,
            QRectF(self.rect()),
            CornerTexts(top_left=self.caption, bottom_left=(preset,), bottom_right=coarse),
        )
        camera = self.scene.camera
        if camera is None:
            return
        up, eye = np.asarray(camera.up_lps), np.asarray(camera.eye_lps)
        side = np.cross(up, eye)
        margin, middle = metrics.height() * 0.45, QRectF(self.rect()).center()
        for direction, edge in ((up, "top"), (-up, "bottom"), (-side, "left"), (side, "right")):
            text = orientation_letters(direction)
            width = metrics.horizontalAdvance(text)
            x, y = middle.x() - width / 2.0, middle.y() + metrics.ascent() / 2.0
            if edge == "top":
                y = margin + metrics.ascent()
            elif edge == "bottom":
                y = self.height() - margin - metrics.descent()
            elif edge == "left":
                x = margin
            else:
                x = self.width() - margin - width
            draw_outlined(painter, QPointF(x, y), text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._changed()

    def showEvent(self, event: QShowEvent) -> None:
        self._changed()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        if self.picking is not None and self.picking.press(event):
            return
        self._dragged_from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.picking is not None and self.picking.move(event):
            return
        camera = self._camera()
        if self._dragged_from is None or camera is None:
            return
        moved = event.position() - self._dragged_from
        self._dragged_from = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            camera = camera.turned(moved.x() * 0.4, -moved.y() * 0.4)
        elif event.buttons() & Qt.MouseButton.MiddleButton:
            mm = 2.0 * camera.half_height_mm / max(1, self.height())
            camera = camera.panned(moved.x() * mm, -moved.y() * mm)
        elif event.buttons() & Qt.MouseButton.RightButton:
            camera = camera.zoomed(1.0 - moved.y() * 0.005)
        self.scene = replace(self.scene, camera=camera)
        self._changed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.picking is not None:
            self.picking.release(event)
        self._dragged_from = None
        self._rest.start()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.enlarged.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        camera = self._camera()
        if camera is not None:
            self.scene = replace(self.scene, camera=camera.zoomed(1.1 ** (event.angleDelta().y() / 120.0)))
            self._changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self.picking is not None and self.picking.key(event):
            return
        if key in VIEW_KEYS:
            self.look_from(VIEW_KEYS[key])
        elif key == Qt.Key.Key_R:
            self.look_from("anterior")
        elif key == Qt.Key.Key_M:
            self.next_preset()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.enlarged.emit()
        else:
            super().keyPressEvent(event)

    def release(self) -> None:
        """Stop drawing, and end the render thread when this pane made it."""
        self._rest.stop()
        if self._owned:
            self._renderer.close()
