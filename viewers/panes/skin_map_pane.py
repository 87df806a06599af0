"""The skin map: every entry the search evaluated; a look at one shows it in all panes, a double-click takes it."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from viewers.panes.desk import Desk
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.scene.needle_skin_painter import paint_skin, places_of, skin_image
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.needles import NEW_DIAMETER_MM, NeedleShape, needles_of, shape_of
from viewers.state.signals import Subscriptions
from viewers.state.skin_map import REJECTED, SkinMap
from viewers.state.view_state import as_point

SKIN_MAP = "skin-map"
NO_MAP = "No search yet.\nMark the target and press Find paths: every entry of the skin is evaluated."


class SkinMapPane(QWidget):
    """Follows `NeedleDesk.skin_map`."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName("skin map of entries")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.cell: tuple[int, int] | None = None
        self._image: QImage | None = None
        self._shown: SkinMap | None = None
        self._subscriptions = Subscriptions()
        needles = self.state.needles
        self._subscriptions.add(
            needles.skin_map.changed.connect(self._changed),
            needles.chosen.changed.connect(self._changed),
            needles.ranked.changed.connect(self._changed),
            needles.search_is_old.changed.connect(self._changed),
            desk.marks.marks.changed.connect(self._changed),
        )

    def release(self) -> None:
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Wider than high: the skin unrolled."""
        return QSize(360, 260)

    @property
    def skin(self) -> SkinMap | None:
        return self.state.needles.skin_map.value

    def paintEvent(self, event: QPaintEvent) -> None:
        """The map, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        skin = self.skin
        if skin is None:
            em = QFontMetricsF(self.font()).height()
            painter.setPen(QColor(theme.QUIET))
            room = QRectF(self.rect()).adjusted(em, 0.0, -em, 0.0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, NO_MAP)
        else:
            if self._image is None or skin is not self._shown:
                self._image, self._shown = skin_image(skin), skin
            paint_skin(
                painter,
                QRectF(self.rect()),
                skin,
                self._image,
                marked=self._marked(skin),
                cell=self.cell,
                old=self.state.needles.search_is_old.value,
            )
        painter.end()

    def _marked(self, skin: SkinMap) -> list[tuple[tuple[float, float, float], str]]:
        """Entries of the needles of the plan by name, and of the best paths by rank."""
        ranked = [(each, str(number)) for number, each in enumerate(self.state.needles.ranked.value, start=1)]
        shapes = [shape_of(mark) for mark in needles_of(self.desk.marks.marks.value)]
        needles = [(each.entry_lps_mm, each.name) for each in shapes if each and each.frame_uid == skin.frame_uid]
        return ranked + needles

    def path_at(self, cell: tuple[int, int] | None) -> NeedleShape | None:
        """The path from an entry to the target; None where there is no skin."""
        skin = self.skin
        number = -1 if skin is None or cell is None else int(skin.entry[cell])
        if skin is None or number < 0:
            return None
        keeper = self.state.needles.keeper
        diameter = keeper.diameter_mm if keeper is not None else NEW_DIAMETER_MM
        entry = as_point(skin.entries_lps_mm[number])
        return NeedleShape(skin.frame_uid, entry, skin.tip_lps_mm, diameter, "entry of the skin map")

    def take(self) -> None:
        """Put the path that is looked at into the plan; a rejected one is not taken from here."""
        shape, skin = self.path_at(self.cell), self.skin
        if shape is None or skin is None or self.cell is None:
            return
        if skin.standing[self.cell] == REJECTED:
            self.desk.kit.notice.set(f"Not taken: {skin.sentences[int(skin.entry[self.cell])]}")
            return
        self.state.needles.chosen.set(None)
        self.state.needles.take_path.emit(shape.entry_lps_mm, shape.tip_lps_mm)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Look along the path from this entry."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._point(event)
            shape = self.path_at(self.cell)
            self.state.needles.chosen.set(shape)
            if shape is not None:
                self.state.move_cursor(shape.frame_uid, shape.tip_lps_mm)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """What the entry under the pointer meets."""
        self._point(event)
        skin = self.skin
        number = -1 if skin is None or self.cell is None else int(skin.entry[self.cell])
        if skin is not None and number >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), f"<qt>{escape(skin.sentences[number])}</qt>", self)
        else:
            QToolTip.hideText()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Use the path."""
        self._point(event)
        self.take()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter uses the path looked at, Esc stops looking, Tab goes on to the next layout as everywhere."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take()
        elif event.key() == Qt.Key.Key_Escape:
            self.cell = None
            self.state.needles.chosen.set(None)
            self.update()
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at."""
        super().leaveEvent(event)
        if self.state.needles.chosen.value is None:
            self.cell = None
            self.update()

    def _point(self, event: QMouseEvent) -> None:
        skin = self.skin
        if skin is None:
            return
        metrics = QFontMetricsF(self.font())
        cell = places_of(QRectF(self.rect()), skin, metrics).cell_at(event.position(), skin)
        if cell is not None and skin.entry[cell] < 0:
            cell = None
        if cell != self.cell:
            self.cell = cell
            self.update()

    def _changed(self, value: object) -> None:
        del value
        self.update()


class SkinMapFrame(PaneFrame):
    """The skin map with its button to search."""

    def __init__(self, spec: PaneSpec, desk: Desk) -> None:
        pane = SkinMapPane(spec, desk)
        self.search = HeaderButton("Evaluate every entry of the skin to the target")
        self.search.setText("Find paths")
        self.search.clicked.connect(lambda *_: desk.state.needles.asked.emit("paths"))
        super().__init__(spec, pane, desk.state, (self.search,))


def skin_map_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of skin maps."""
    return SkinMapFrame(spec, desk)
