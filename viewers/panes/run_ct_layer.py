"""What links a DSA pane with the CT: the plan drawn over the run, clicks that are landmarks or rays, and a small card.

A transparent layer over the pane's picture. It hears the pane's events first: Ctrl+click, the tools of the link, key P.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from viewers.panes.mpr_hands import key_name
from viewers.panes.run_ct_card import RunRayCard
from viewers.panes.run_pane import RunPane
from viewers.scene.run_ct_content import RunCtContents
from viewers.scene.run_ct_painter import RunCtContent, paint_run_ct
from viewers.state.signals import Subscriptions

LEFT = Qt.MouseButton.LeftButton


class RunCtLayer(QWidget):
    """Lies over one `RunPane`, takes no events of its own."""

    def __init__(self, pane: RunPane) -> None:
        super().__init__(pane)
        self._pane, self.state = pane, pane.state.run_ct
        self._contents = RunCtContents(pane.state, pane.desk.marks)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.resize(pane.size())
        self.card = RunRayCard(pane)
        pane.installEventFilter(self)
        state, marks = pane.state, pane.desk.marks
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            self.state.changed.connect(self.refresh),
            self.state.tool.changed.connect(self._tool_changed),
            pane.pane_state.arm.changed.connect(self._arm_changed),
            pane.shown.connect(self.refresh),
            state.cursor_changed.connect(self._redraw),
            state.images.changed.connect(self.refresh),
            state.hidden_ids.changed.connect(self._redraw),
            marks.marks.changed.connect(self._redraw),
            marks.layer.changed.connect(self.refresh),
        )
        self.show()
        self.refresh()

    def release(self) -> None:
        """Stop following the state."""
        self._subscriptions.release()
        self._pane.removeEventFilter(self)

    def content(self) -> RunCtContent:
        """What is drawn now."""
        return self._contents.of(self._pane.run, self._pane.shown_frame)

    def refresh(self) -> None:
        """Draw anew, and bring the card up to date; many requests become one picture."""
        self.card.refresh()
        self.update()

    def _redraw(self, value: object) -> None:
        del value
        self.update()

    def _tool_changed(self, tool: str) -> None:
        """One tool at a time: a tool of the link puts the pane's own away."""
        if tool != "none":
            self._pane.pane_state.arm.set("none")
        self._pane.setCursor(Qt.CursorShape.CrossCursor if tool != "none" else Qt.CursorShape.ArrowCursor)

    def _arm_changed(self, arm: str) -> None:
        if arm != "none":
            self.state.tool.set("none")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Over the picture, and noted as seen when it is a link under judgement."""
        del event
        pane, view = self._pane, self._pane.view()
        if view is None or pane.run is None:
            return
        content = self.content()
        painter = QPainter(self)
        paint_run_ct(painter, view, content)
        painter.end()
        if content.preview:
            self.state.note_seen(pane.run.key)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """True for what was used here."""
        kind = event.type()
        if kind == QEvent.Type.Resize:
            self.resize(self._pane.size())
            self.card.place()
        elif kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            return isinstance(event, QMouseEvent) and self._press(event)
        elif kind == QEvent.Type.KeyPress:
            return isinstance(event, QKeyEvent) and self._key(event)
        return super().eventFilter(watched, event)

    def _press(self, event: QMouseEvent) -> bool:
        """A landmark's shadow or a ray, when one is asked for."""
        pane, view = self._pane, self._pane.view()
        if event.button() != LEFT or pane.run is None or view is None or pane.pane_state.arm.value != "none":
            return False
        held = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        tool = "ray" if held else self.state.tool.value
        if tool == "none":
            return False
        pane.setFocus(Qt.FocusReason.MouseFocusReason)
        x, y = view.run_of(event.position().x(), event.position().y())
        height, width = pane.run.size_yx
        if -0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5:
            act = self.state.click if tool == "ray" else self.state.put_shadow
            act(pane.run, pane.shown_frame, (x, y))
        return True

    def _key(self, event: QKeyEvent) -> bool:
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            return False
        name = key_name(event.key())
        if name == "P":
            self.state.projected.set(not self.state.projected.value)
            return True
        if name == "Escape" and self.state.tool.value != "none":
            self.state.tool.set("none")
            return True
        return False
