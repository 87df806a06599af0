"""What all panes of a lumen share: following the state, the window of its images, keys along it, and marking."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from planner.app.stent_pictures import lumen_window
from planner.imaging import Volume
from planner.imaging.window import Window
from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import WHEEL_NOTCH, key_name
from viewers.panes.pane_frame import plain
from viewers.scene.palette import TEXT_QUIET
from viewers.scene.slice_painter import SIMULATED
from viewers.scene.slice_text import draw_outlined, who_lines
from viewers.state import theme
from viewers.state.layouts import PaneSpec, next_layout
from viewers.state.lumen_shapes import LumenShown
from viewers.state.lumens import LumenDesk, mark_name, mark_names
from viewers.state.signals import Subscriptions

NO_LUMEN = "No lumen yet: pick the lumen tool (I), choose the kind on the right, and click its start and its end."
NO_IMAGES = "The images of this lumen are not loaded; load them to see it straightened."
STEP_MM, PAGE_MM, TURN_DEG = 1.0, 10.0, 5.0
_WINDOW_PER_PX = 2.0


class LumenPane(QWidget):
    """Base of the panes that show one lumen; the place on it is the line that all panes share.

    Wheel and arrows along the lumen move the line, arrows across it turn the cut, S changes between straight and
    curved, K marks a landmark, the right button drags the window. A double-click enlarges.
    """

    turns = True

    def __init__(self, spec: PaneSpec, desk: Desk, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self._window_from: tuple[QPointF, Window] | None = None
        self._notches = 0.0
        self.marks_menu = QMenu(self)
        self._subscriptions = Subscriptions()
        state = self.state
        self._subscriptions.add(
            state.lumens.changed.connect(self._changed),
            state.images.changed.connect(self._changed),
            state.window_changed.connect(self._value_changed),
            state.selected_id.changed.connect(self._value_changed),
            state.hidden_ids.changed.connect(self._value_changed),
        )

    def release(self) -> None:
        self._end_window()
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Wide rather than high."""
        return QSize(400, 240)

    # What is shown

    @property
    def lumens(self) -> LumenDesk:
        return self.state.lumens

    @property
    def lumen(self) -> LumenShown | None:
        return self.lumens.shown

    @property
    def area(self) -> QRectF:
        return QRectF(self.rect())

    @property
    def em(self) -> float:
        return QFontMetricsF(self.font()).height()

    @property
    def series(self) -> str | None:
        """The images of the lumen, else others of its frame of reference."""
        lumen, images = self.lumen, self.state.images
        if lumen is None:
            return None
        if images.volume(lumen.series) is not None:
            return lumen.series
        found = (key for key, each in images.volumes.items() if each.grid.frame_uid == lumen.frame_uid)
        return next(found, None)

    @property
    def volume(self) -> Volume | None:
        return self.state.images.volume(self.series)

    def window_now(self, volume: Volume, kind: str) -> Window:
        """As the other panes have it; an airway that nobody has set a window for is looked at as lung is."""
        series = self.series
        chosen = None if series is None else self.state.window(series)
        return lumen_window(volume, kind) if chosen is None or chosen.mode == "file" else chosen.window

    def say_empty(self, painter: QPainter) -> None:
        """What to do, in the middle of an empty pane."""
        text = NO_LUMEN if self.lumen is None else NO_IMAGES
        painter.setPen(QColor(theme.QUIET))
        room = self.area.adjusted(self.em, 0.0, -self.em, 0.0)
        wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(room, wrapped, self.lumens.message.value or text)

    def paint_who(self, painter: QPainter, left: float) -> None:
        """Whose images, along the lower edge; loud where they are simulated."""
        volume = self.volume
        if volume is None:
            return
        metrics = QFontMetricsF(painter.font())
        words = " · ".join(who_lines(volume))
        room = self.area.width() - left - 9.0 * self.em
        baseline = self.area.bottom() - self.em * 0.4
        if self.state.simulated.value:
            draw_outlined(painter, QPointF(left, baseline), SIMULATED, theme.WARN)
            taken = metrics.horizontalAdvance(SIMULATED) + self.em * 0.6
            left, room = left + taken, room - taken
        if room > 4.0 * self.em:
            text = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
            draw_outlined(painter, QPointF(left, baseline), text, TEXT_QUIET)

    def paint_focus(self, painter: QPainter) -> None:
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QColor(theme.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.area.adjusted(0.5, 0.5, -0.5, -0.5))

    def _changed(self) -> None:
        self.update()

    def _value_changed(self, value: object) -> None:
        del value
        self.update()

    # Keys and wheel

    def step(self, by_mm: float) -> None:
        self.lumens.look(self.lumens.along_mm.value + by_mm)

    @property
    def is_lying(self) -> bool:
        """The lumen runs from left to right in this pane."""
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the class's own words; tools are picked by their letters."""
        name = key_name(event.key())
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            super().keyPressEvent(event)
        elif self._along_key(name) or self._other_key(name):
            event.accept()
        else:
            super().keyPressEvent(event)

    def _along_key(self, name: str) -> bool:
        lying = self.is_lying
        back, on = ("Left", "Right") if lying else ("Up", "Down")
        less, more = ("Down", "Up") if lying else ("Left", "Right")
        steps = {back: -STEP_MM, on: STEP_MM, "PageUp": -PAGE_MM, "PageDown": PAGE_MM}
        if name in steps:
            self.step(steps[name])
        elif name == "Home":
            self.lumens.look(0.0)
        elif name == "End":
            self.lumens.look(1e9)
        elif name in (less, more) and self.turns:
            self.lumens.turn(TURN_DEG if name == more else -TURN_DEG)
        else:
            return False
        return True

    def _other_key(self, name: str) -> bool:
        tools = self.desk.tools
        if name == "Escape":
            self.give_up()
            tools.escape()
        elif name == "S":
            self.lumens.is_curved.set(not self.lumens.is_curved.value)
        elif name == "K":
            self.open_marks()
        elif name == "R":
            self.lumens.angle_deg.set(0.0)
        elif name == "Tab":
            self.state.layout.set(next_layout(self.state.layout.value))
        elif name in ("Return", "Enter"):
            self.enlarge()
        elif name.isdigit() and self.series is not None and self.volume is not None:
            self.state.use_digit(self.series, int(name))
        elif name == "Delete":
            return self.desk.operations.delete()
        elif (tool := tools.by_shortcut(name)) is not None:
            tools.pick(tool.id)
        else:
            return False
        return True

    def give_up(self) -> None:
        """Esc in the middle of a drag."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Along the lumen, a millimetre for a notch; with Shift ten."""
        delta = event.angleDelta().y() or event.angleDelta().x()
        self._notches += delta / WHEEL_NOTCH
        whole = int(self._notches)
        self._notches -= whole
        event.accept()
        if whole:
            far = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self.step(-whole * (PAGE_MM if far else STEP_MM))

    def enlarge(self) -> None:
        enlarged = self.state.enlarged_pane
        enlarged.set(None if enlarged.value == self.spec.id else self.spec.id)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Enlarge or put back."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.enlarge()

    def focusNextPrevChild(self, following: bool) -> bool:
        """Tab walks through layouts, not through widgets."""
        del following
        return False

    # The window

    def begin_window(self, event: QMouseEvent) -> None:
        volume, lumen = self.volume, self.lumen
        if volume is not None and lumen is not None:
            self._window_from = (event.position(), self.window_now(volume, lumen.lumen.kind))
            self.state.begin_interaction()

    def move_window(self, event: QMouseEvent) -> bool:
        """True while the right button drags."""
        series = self.series
        if self._window_from is None or series is None:
            return False
        at, window = self._window_from
        moved = event.position() - at
        scale = max(1.0, window.width / 400.0) * _WINDOW_PER_PX
        self.state.set_window(series, window.centre + moved.y() * scale, window.width + moved.x() * scale)
        return True

    def _end_window(self) -> None:
        if self._window_from is not None:
            self._window_from = None
            self.state.end_interaction()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The window stays as it is."""
        if event.button() is Qt.MouseButton.RightButton:
            self._end_window()

    # Landmarks

    def open_marks(self, at: QPoint | None = None) -> None:
        """The names a mark here may have, and those that may be taken away."""
        lumen, keeper = self.lumen, self.lumens.keeper
        if lumen is None or keeper is None:
            return
        menu = self.marks_menu
        menu.clear()
        place = self.lumens.along_mm.value
        for key, name in mark_names(lumen.lumen.kind):
            menu.addAction(plain(name), partial(self._mark, lumen.id, place, key))
        if lumen.marks:
            menu.addSeparator()
        for mark in lumen.marks:
            words = f"Take away: {mark_name(lumen.lumen.kind, mark.name)} at {mark.along_mm:.0f} mm"
            menu.addAction(plain(words), partial(self._unmark, lumen.id, mark.name))
        menu.popup(at if at is not None else self.mapToGlobal(self.rect().center()))

    def _mark(self, lumen_id: str, along_mm: float, name: str) -> None:
        if self.lumens.keeper is not None:
            self._told(self.lumens.keeper.mark(lumen_id, along_mm, name))

    def _unmark(self, lumen_id: str, name: str) -> None:
        if self.lumens.keeper is not None:
            self._told(self.lumens.keeper.unmark(lumen_id, name))

    def _told(self, refusal: str | None) -> None:
        self.desk.kit.notice.set(refusal or "")
