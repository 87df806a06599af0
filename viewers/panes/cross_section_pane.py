"""The lumen cut across at the line: its outline, the circle inside, least and greatest axis."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from viewers.panes.desk import Desk
from viewers.panes.lumen_hands import LumenPane
from viewers.panes.pane_frame import PaneFrame
from viewers.scene.lumen_section_painter import paint_section
from viewers.scene.reformat_picture import SectionShown, section_picture
from viewers.state import theme
from viewers.state.layouts import PaneSpec

CROSS_SECTION = "cross-section"


class CrossSectionPane(LumenPane):
    """Its right is what a straightened picture has on its right: the cut turns in both. A click moves the crosshair."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(spec, desk, "lumen across", parent)
        self.setToolTip("Wheel: along the lumen. Click: the crosshair of the planes.")
        self._picture: tuple[object, SectionShown] | None = None

    @property
    def is_lying(self) -> bool:
        """Up and down run along the lumen here, as slices do."""
        return False

    @property
    def picture(self) -> SectionShown | None:
        """Made anew only when what it shows has changed; None without lumen or images."""
        lumen, volume = self.lumen, self.volume
        if lumen is None or volume is None:
            return None
        window = self.window_now(volume, lumen.lumen.kind)
        along, angle = self.lumens.along_mm.value, self.lumens.angle_deg.value
        key = (lumen, volume, window, along, angle, self.size())
        if self._picture is None or self._picture[0] != key:
            self._picture = (key, section_picture(lumen, volume, window, self.area, along, angle))
        return self._picture[1]

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture with the outline, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        lumen, picture = self.lumen, self.picture
        if lumen is None or picture is None:
            self.say_empty(painter)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            painter.drawImage(picture.box, picture.image)
            stents = self.lumens.stents_in(lumen.id, self.state.hidden_ids.value)
            paint_section(painter, picture, lumen, self.lumens.along_mm.value, stents, self.area)
        self.paint_focus(painter)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The crosshair to a place of the section."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() is Qt.MouseButton.RightButton:
            self.begin_window(event)
        elif event.button() is Qt.MouseButton.LeftButton:
            self._point(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the hand."""
        if not self.move_window(event) and event.buttons() & Qt.MouseButton.LeftButton:
            self._point(event)

    def _point(self, event: QMouseEvent) -> None:
        picture, lumen = self.picture, self.lumen
        if picture is not None and lumen is not None and picture.box.contains(event.position()):
            self.state.move_cursor(lumen.frame_uid, picture.lps_at(event.position()))


def cross_section_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of cross-sections."""
    return PaneFrame(spec, CrossSectionPane(spec, desk), desk.state)
