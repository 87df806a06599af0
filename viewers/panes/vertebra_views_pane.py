"""C-arm views of the vertebra on show, and its walls: a click on a picture enlarges it, a second one shows all."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from viewers.panes.desk import Desk
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.scene.vertebra_painter import Tile, defect_at, paint_vertebra, tiles_of
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.signals import Subscriptions
from viewers.state.vertebrae import ALL, WALLS, VertebraShown, shapes_in

VERTEBRA_VIEWS = "vertebra-views"
ALIGN = "align"
DEFECT_EM = 1.2
"""How near to a defect a click must be."""


class VertebraViewsPane(QWidget):
    """Follows `VertebraDesk.shown`; needles are drawn as they are at this moment, under the hand too."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName("C-arm views of the vertebra")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        vertebrae = self.state.vertebrae
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            *(
                value.changed.connect(self._changed)
                for value in (vertebrae.shown, vertebrae.message, vertebrae.picture, self.state.needles.draft)
            ),
            self.state.selected_id.changed.connect(self._changed),
            desk.marks.marks.changed.connect(self._changed),
        )

    def release(self) -> None:
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Several pictures side by side."""
        return QSize(640, 300)

    @property
    def vertebra(self) -> VertebraShown | None:
        return self.state.vertebrae.shown.value

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Of the pictures on show."""
        vertebra = self.vertebra
        if vertebra is None:
            return ()
        return tiles_of(QRectF(self.rect()), QFontMetricsF(self.font()), vertebra, self.state.vertebrae.picture.value)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The pictures, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        vertebra, area = self.vertebra, QRectF(self.rect())
        if vertebra is None:
            em = QFontMetricsF(self.font()).height()
            painter.setPen(QColor(theme.QUIET))
            words = self.state.vertebrae.message.value
            room = area.adjusted(em, 0.0, -em, 0.0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)
        else:
            needles = shapes_in(self.desk.marks.marks.value, vertebra.frame_uid, self.state.needles.draft.value)
            hidden = self.state.hidden_ids.value
            seen = [each for each in needles if each.item_id not in hidden]
            picture = self.state.vertebrae.picture.value
            paint_vertebra(painter, area, vertebra, picture, seen, self.state.selected_id.value)
        painter.end()

    def tile_at(self, position: QPointF) -> Tile | None:
        return next((tile for tile in self.tiles if tile.whole.contains(position)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A defect takes all panes there; a picture is enlarged, or all are shown again."""
        tile, vertebra = self.tile_at(event.position()), self.vertebra
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() is not Qt.MouseButton.LeftButton or tile is None or vertebra is None:
            return
        if tile.key == WALLS and vertebra.walls is not None:
            reach = QFontMetricsF(self.font()).height() * DEFECT_EM
            number = defect_at(tile, vertebra.walls, event.position(), reach)
            if number is not None:
                self.state.move_cursor(vertebra.frame_uid, vertebra.walls.defects[number].lps_mm)
                return
        picture = self.state.vertebrae.picture
        picture.set(tile.key if picture.value == ALL else ALL)
        looked_down = vertebra.view(tile.key)
        if looked_down is not None and looked_down.needle_id is not None:
            self.state.selected_id.set(looked_down.needle_id)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The next or previous picture."""
        notches = event.angleDelta().y()
        if notches:
            self.step(-1 if notches > 0 else 1)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows step through the pictures; Esc shows all."""
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Up):
            self.step(-1)
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
            self.step(1)
        elif key == Qt.Key.Key_Escape and self.state.vertebrae.picture.value != ALL:
            self.state.vertebrae.picture.set(ALL)
        else:
            super().keyPressEvent(event)

    def step(self, by: int) -> None:
        vertebra, picture = self.vertebra, self.state.vertebrae.picture
        if vertebra is None:
            return
        keys = [key for key, _ in vertebra.choices]
        now = keys.index(picture.value) if picture.value in keys else 0
        picture.set(keys[(now + by) % len(keys)])

    def _changed(self, value: object) -> None:
        del value
        self.update()


class VertebraHeader:
    """Which picture is on show, and the planes along the vertebra."""

    def __init__(self, pane: VertebraViewsPane) -> None:
        self._pane = pane
        self.picture = HeaderButton("Picture on show (arrow keys, wheel)", pane)
        menu = QMenu(self.picture)
        menu.aboutToShow.connect(lambda: self._fill(menu))
        self.picture.setMenu(menu)
        self.align = HeaderButton("Turn the planes along the vertebra's own axes, or back", pane)
        self.align.clicked.connect(lambda: pane.state.vertebrae.asked.emit(ALIGN))
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            pane.state.vertebrae.shown.changed.connect(self.refresh),
            pane.state.vertebrae.picture.changed.connect(self.refresh),
            pane.state.planes_changed.connect(self.refresh),
        )
        self.refresh()

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        return self.picture, self.align

    def release(self) -> None:
        self._subscriptions.release()

    def refresh(self, changed: object = None) -> None:
        """Write what is on show on the buttons."""
        del changed
        vertebra, state = self._pane.vertebra, self._pane.state
        names = {} if vertebra is None else dict(vertebra.choices)
        level = "" if vertebra is None else f"{vertebra.level} · "
        self.picture.setText(level + names.get(state.vertebrae.picture.value, "All pictures"))
        turned = vertebra is not None and state.is_oblique(vertebra.frame_uid)
        self.align.setText("Planes: as scanned" if turned else "Planes: along the vertebra")
        self.align.setEnabled(vertebra is not None)

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        vertebra, picture = self._pane.vertebra, self._pane.state.vertebrae.picture
        for key, title in () if vertebra is None else vertebra.choices:
            action = self.picture.add_choice(menu, title, key == picture.value)
            action.triggered.connect(lambda checked, key=key: picture.set(key))


def vertebra_views_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of the pane."""
    pane = VertebraViewsPane(spec, desk)
    header = VertebraHeader(pane)
    frame = PaneFrame(spec, pane, desk.state, header.widgets)
    frame.destroyed.connect(header.release)
    return frame
