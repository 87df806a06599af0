"""The lumen straightened, or curved as it is, with its edge; turned and scrolled by hand, stents dragged on it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QWidget

from viewers.panes.desk import Desk
from viewers.panes.lumen_hands import LumenPane
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.scene.reformat_painter import paint_reformat, stent_walls
from viewers.scene.reformat_picture import LEFT_EM, ReformatShown, curved_picture, straight_picture
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.lumen_shapes import StentShown
from viewers.state.lumens import LUMEN_WORDS

STRAIGHTENED = "straightened"
DEG_PER_PX = 0.6
_BEGIN_PX = 4.0
"""A drag has a direction once it is this long."""
Grip = Literal["stent", "stent-start", "stent-end"]


class StraightenedPane(LumenPane):
    """A click or a drag along the lumen moves the line, a drag across it turns the cut."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(spec, desk, "lumen straightened", parent)
        self.setToolTip("Drag along the lumen: the line. Across it: turn the cut. A stent: move it, or its ends.")
        self._picture: tuple[object, ReformatShown] | None = None
        self._pressed: QPointF | None = None
        self._doing: Literal["line", "turn", "stent"] | None = None
        self._angle_from = 0.0
        self._held: tuple[StentShown, Grip, float] | None = None

    @property
    def is_lying(self) -> bool:
        return not self.lumens.is_curved.value

    @property
    def picture(self) -> ReformatShown | None:
        """Made anew only when what it shows has changed; None without lumen or images."""
        lumen, volume = self.lumen, self.volume
        if lumen is None or volume is None:
            return None
        window = self.window_now(volume, lumen.lumen.kind)
        angle, is_curved = self.lumens.angle_deg.value, self.lumens.is_curved.value
        key = (lumen, volume, window, angle, is_curved, self.size())
        if self._picture is None or self._picture[0] != key:
            make = curved_picture if is_curved else straight_picture
            self._picture = (key, make(lumen, volume, window, self.area, angle, self.em))
        return self._picture[1]

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture with everything on it, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        lumen, picture = self.lumen, self.picture
        if lumen is None or picture is None:
            self.say_empty(painter)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            painter.drawImage(picture.places.image_box, picture.image)
            paint_reformat(
                painter, picture, lumen, self.lumens, self._stents(), self.state.selected_id.value, self.area
            )
            self.paint_who(painter, LEFT_EM * self.em)
        self.paint_focus(painter)
        painter.end()

    def _stents(self) -> tuple[StentShown, ...]:
        lumen = self.lumen
        return () if lumen is None else self.lumens.stents_in(lumen.id, self.state.hidden_ids.value)

    # Hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of a stent, or begin a drag whose direction is not known yet."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        picture = self.picture
        if event.button() is Qt.MouseButton.RightButton:
            self.begin_window(event)
        if event.button() is not Qt.MouseButton.LeftButton or picture is None or self._pressed is not None:
            return
        at = event.position()
        self._pressed, self._doing, self._angle_from = at, None, self.lumens.angle_deg.value
        self.state.begin_interaction()
        gripped = self.grip_at(at)
        if gripped is not None:
            stent, grip = gripped
            self._held = (stent, grip, picture.places.along_at(at.x(), at.y()))
            self._doing = "stent"
            self.state.selected_id.set(stent.id)

    def grip_at(self, at: QPointF) -> tuple[StentShown, Grip] | None:
        """The stent under the pointer: an end, or its wall."""
        picture, lumen = self.picture, self.lumen
        if picture is None or lumen is None:
            return None
        near = 0.5 * self.em
        here = np.array([at.x(), at.y()])
        for stent in reversed(self._stents()):
            one, other = stent_walls(picture, lumen, stent, opened=True)
            if not len(one):
                continue
            for end, grip in ((0, "stent-start"), (-1, "stent-end")):
                if _to_segment(here, one[end], other[end]) <= near:
                    return (stent, "stent-start") if grip == "stent-start" else (stent, "stent-end")
            if min(float(np.linalg.norm(wall - here, axis=1).min()) for wall in (one, other)) <= near:
                return stent, "stent"
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the hand."""
        picture = self.picture
        if self.move_window(event) or picture is None:
            return
        if self._pressed is None:
            self._show_cursor(event.position())
            return
        moved = event.position() - self._pressed
        along, across = (moved.x(), -moved.y()) if self.is_lying else (moved.y(), moved.x())
        if self._doing is None and max(abs(along), abs(across)) >= _BEGIN_PX:
            self._doing = "line" if abs(along) >= abs(across) else "turn"
        if self._doing == "line":
            self._look(event.position())
        elif self._doing == "turn":
            turned = self._angle_from + across * DEG_PER_PX
            self.lumens.angle_deg.set((turned + 180.0) % 360.0 - 180.0)
        elif self._doing == "stent":
            self._drag_stent(picture.places.along_at(event.position().x(), event.position().y()))

    def _drag_stent(self, along_mm: float) -> None:
        keeper = self.lumens.keeper
        if self._held is None or keeper is None:
            return
        stent, grip, from_mm = self._held
        by = along_mm - from_mm
        start = stent.start_mm + (by if grip != "stent-end" else 0.0)
        end = stent.end_mm + (by if grip != "stent-start" else 0.0)
        self._told(keeper.hold_stent(stent.id, start, end))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click without a drag moves the line; a stent goes into the plan."""
        super().mouseReleaseEvent(event)
        if event.button() is not Qt.MouseButton.LeftButton or self._pressed is None:
            return
        doing, keeper = self._doing, self.lumens.keeper
        self._let_go()
        if doing is None:
            self._look(event.position())
        elif doing == "stent" and keeper is not None:
            self._told(keeper.keep_stent())

    def give_up(self) -> None:
        """The stent goes back to where the plan has it."""
        if self._held is not None and self.lumens.keeper is not None:
            self.lumens.keeper.drop_stent()
        self._let_go()

    def _let_go(self) -> None:
        if self._pressed is not None:
            self._pressed, self._doing, self._held = None, None, None
            self.state.end_interaction()

    def release(self) -> None:
        self._let_go()
        super().release()

    def _look(self, at: QPointF) -> None:
        picture = self.picture
        if picture is not None:
            self.lumens.look(picture.places.along_at(at.x(), at.y()))

    def _show_cursor(self, at: QPointF) -> None:
        on_stent = self.grip_at(at) is not None
        self.setCursor(Qt.CursorShape.SizeHorCursor if on_stent else Qt.CursorShape.CrossCursor)


def _to_segment(at: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """Distance of a point to a straight line between two points."""
    way = other - one
    share = float(np.clip((at - one) @ way / max(float(way @ way), 1e-9), 0.0, 1.0))
    return float(np.linalg.norm(one + share * way - at))


class StraightenedFrame(PaneFrame):
    """The picture with the choice of the lumen, and straight or curved."""

    def __init__(self, spec: PaneSpec, desk: Desk) -> None:
        pane = StraightenedPane(spec, desk)
        self._desk = desk
        self.which = HeaderButton("Which lumen is drawn")
        self._menu = QMenu(self.which)
        self._menu.aboutToShow.connect(self._fill)
        self.which.setMenu(self._menu)
        self.shape_button = HeaderButton("Straightened, or curved as the lumen runs (S)")
        self.shape_button.clicked.connect(
            lambda *_: desk.state.lumens.is_curved.set(not desk.state.lumens.is_curved.value)
        )
        self.mark_button = HeaderButton("Mark a landmark at the line (K)")
        self.mark_button.setText("Mark…")
        self.mark_button.clicked.connect(lambda *_: pane.open_marks())
        super().__init__(spec, pane, desk.state, (self.which, self.shape_button, self.mark_button))
        self._subscriptions.add(desk.state.lumens.changed.connect(self._name))
        self._name()

    def _name(self) -> None:
        desk = self._desk.state.lumens
        shown = desk.shown
        self.which.setText("" if shown is None else f"{shown.name} ▾".replace("&", "&&"))
        self.which.setVisible(shown is not None)
        self.mark_button.setVisible(shown is not None)
        self.shape_button.setText("Show straightened" if desk.is_curved.value else "Show curved")

    def _fill(self) -> None:
        self._menu.clear()
        desk = self._desk.state.lumens
        for lumen in desk.lumens.value:
            words = f"{lumen.name} · {LUMEN_WORDS.get(lumen.lumen.kind, lumen.lumen.kind)}"
            action = self.which.add_choice(self._menu, words, lumen is desk.shown)
            action.triggered.connect(lambda _=False, chosen=lumen.id: desk.on_show.set(chosen))


def straightened_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of straightened pictures."""
    return StraightenedFrame(spec, desk)
