"""The tree diagram: a click chooses a vessel in every pane, the catheter tool puts and drags its tip here too."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import key_name
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.panes.tools.vessel_tree import VesselTool
from viewers.scene.vessel_tree_painter import DiagramPlaces, bar_at, paint_diagram, places_of
from viewers.state import theme
from viewers.state.layouts import PaneSpec, next_layout
from viewers.state.signals import Subscriptions
from viewers.state.vessel_diagram import Diagram, lay_out
from viewers.state.vessel_words import KIND_WORDS
from viewers.state.vessels import FIND, TreeShown, VesselPlace

TREE_DIAGRAM = "tree-diagram"
NO_TREE = (
    "No vessels yet.\nFind vessels looks for them in the CT; or pick the tree tool (Y) and click in the aorta "
    "or in the vein."
)
REACH_EM = 1.1
"""How near to a vessel of the diagram a click must be."""
MOST_ZOOM, NOTCH = 12.0, 1.25


class TreeDiagramPane(QWidget):
    """Follows `VesselDesk`; wheel zooms the rows, a middle drag moves them."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName("diagram of the vessel tree")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.zoom, self.top_row = 1.0, 0.0
        self._laid: tuple[TreeShown, frozenset[tuple[str, str]], Diagram] | None = None
        self._from: QPointF | None = None
        self._interacting = False
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            self.state.vessels.changed.connect(self._vessels_changed),
            self.state.hidden_ids.changed.connect(self._changed),
        )

    def release(self) -> None:
        self._end()
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Wide rather than high."""
        return QSize(640, 240)

    @property
    def tree(self) -> TreeShown | None:
        return self.state.vessels.shown

    @property
    def diagram(self) -> Diagram | None:
        """Laid out again only when the tree, or what matters of it, is another."""
        tree = self.tree
        if tree is None:
            return None
        fed = self.state.vessels.fed.value
        if self._laid is None or self._laid[0] is not tree or self._laid[1] != fed:
            wide = {segment for tree_id, segment in fed if tree_id == tree.id}
            wide |= {each.id for each in tree.tree.segments if each.name is not None}
            self._laid = (tree, fed, lay_out(tree.tree, frozenset(wide)))
        return self._laid[2]

    @property
    def places(self) -> DiagramPlaces | None:
        diagram = self.diagram
        if diagram is None:
            return None
        em = QFontMetricsF(self.font()).height()
        return places_of(QRectF(self.rect()), diagram, em, zoom=self.zoom, top_row=self.top_row)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The diagram, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        tree, diagram, places = self.tree, self.diagram, self.places
        if tree is None or diagram is None or places is None or not diagram.bars:
            em = QFontMetricsF(self.font()).height()
            painter.setPen(QColor(theme.QUIET))
            room = QRectF(self.rect()).adjusted(em, 0.0, -em, 0.0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, NO_TREE)
        else:
            paint_diagram(painter, QRectF(self.rect()), tree, self.state.vessels, diagram, places)
        if self.hasFocus():
            painter.setPen(QColor(theme.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def place_at(self, position: QPointF, reach_em: float = REACH_EM) -> VesselPlace | None:
        """The vessel under a position."""
        tree, diagram, places = self.tree, self.diagram, self.places
        if tree is None or diagram is None or places is None:
            return None
        found = bar_at(places, diagram, position, QFontMetricsF(self.font()).height() * reach_em)
        return None if found is None else VesselPlace(tree.id, *found)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left: choose, or hold the catheter. Middle: move."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._from = event.position()
        place = self.place_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and place is not None:
            tool = self.desk.tools.active
            if isinstance(tool, VesselTool):
                self._begin()
                tool.press_place(place)
            else:
                self.state.vessels.choose(place)
            self._look(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag a tip along, move the rows, or say what is under the pointer."""
        tool = self.desk.tools.active
        if event.buttons() & Qt.MouseButton.LeftButton:
            place = self.place_at(event.position(), reach_em=4.0)
            if place is not None and isinstance(tool, VesselTool):
                tool.drag_place(place)
                self._look(place)
            return
        if event.buttons() & Qt.MouseButton.MiddleButton and self._from is not None:
            places = self.places
            if places is not None:
                moved = places.row_at(self._from.y()) - places.row_at(event.position().y())
                self.top_row = places.top_row + moved
            self._from = event.position()
            self.update()
            return
        self.state.vessels.pointed.set(self.place_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The tip is let go of."""
        tool = self.desk.tools.active
        if event.button() is Qt.MouseButton.LeftButton and isinstance(tool, VesselTool):
            tool.release_place()
        self._end()
        self._from = None

    def _begin(self) -> None:
        if not self._interacting:
            self._interacting = True
            self.state.begin_interaction()

    def _end(self) -> None:
        if self._interacting:
            self._interacting = False
            self.state.end_interaction()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Take every pane there."""
        place = self.place_at(event.position())
        if place is not None:
            self._look(place)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom the rows about the pointer."""
        before = self.places
        notches = event.angleDelta().y() / 120.0
        event.accept()
        if before is None or not notches:
            return
        row = before.row_at(event.position().y())
        self.zoom = min(MOST_ZOOM, max(1.0, self.zoom * NOTCH**notches))
        after = self.places
        if after is not None:
            share = (event.position().y() - after.box.top()) / max(1.0, after.box.height())
            self.top_row = max(0.0, row - share * after.rows)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows walk along the tree; R shows all; Tab goes to the next layout; the tool's keys work here too."""
        name = key_name(event.key())
        command = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        tools = self.desk.tools
        if command:
            super().keyPressEvent(event)
        elif name == "Escape":
            tools.escape()
        elif name in ("Left", "Right", "Up", "Down"):
            self._walk(name)
        elif name == "R":
            self.zoom, self.top_row = 1.0, 0.0
            self.update()
        elif name == "Tab":
            self.state.layout.set(next_layout(self.state.layout.value))
        elif tools.active.key(name):
            pass
        elif (tool := tools.by_shortcut(name)) is not None:
            tools.pick(tool.id)
        else:
            super().keyPressEvent(event)

    def _walk(self, name: str) -> None:
        """To the vessel before, the widest one after, or the one beside."""
        tree, vessels = self.tree, self.state.vessels
        if tree is None or not tree.tree.segments:
            return
        chosen = vessels.chosen.value
        if chosen is None or chosen.tree_id != tree.id or not tree.tree.has(chosen.segment):
            there = tree.tree.segments[0]
        else:
            now = tree.tree.segment(chosen.segment)
            beside = sorted(tree.tree.starting_at[now.start], key=self._row)
            after = sorted(tree.tree.children(now.id), key=lambda each: -(each.mean_radius_mm or 0.0))
            before = tree.tree.parent(now.id)
            at = [each.id for each in beside].index(now.id)
            there = {
                "Left": before or now,
                "Right": after[0] if after else now,
                "Up": beside[max(0, at - 1)],
                "Down": beside[min(len(beside) - 1, at + 1)],
            }[name]
        place = VesselPlace(tree.id, there.id, there.length_mm / 2.0)
        vessels.choose(place)
        self._look(place)

    def _row(self, segment: object) -> float:
        diagram = self.diagram
        bar = None if diagram is None else diagram.bar(str(getattr(segment, "id", "")))
        return 0.0 if bar is None else bar.row

    def _look(self, place: VesselPlace) -> None:
        """Every pane goes to the place."""
        tree = self.state.vessels.tree(place.tree_id)
        where = None if tree is None else tree.lps_of(place)
        if tree is not None and where is not None:
            self.state.move_cursor(tree.tree.frame_uid, where)

    def focusNextPrevChild(self, following: bool) -> bool:
        """Tab walks through layouts, not through widgets."""
        del following
        return False

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at."""
        super().leaveEvent(event)
        self.state.vessels.pointed.set(None)

    def _vessels_changed(self) -> None:
        self.update()

    def _changed(self, value: object) -> None:
        del value
        self.update()


class TreeDiagramFrame(PaneFrame):
    """The diagram with the choice of the tree, and the button to find one."""

    def __init__(self, spec: PaneSpec, desk: Desk) -> None:
        pane = TreeDiagramPane(spec, desk)
        self._desk = desk
        self.which = HeaderButton("Which tree is drawn")
        self._menu = QMenu(self.which)
        self._menu.aboutToShow.connect(self._fill)
        self.which.setMenu(self._menu)
        self.find_button = HeaderButton("Find the vessels in the CT, as chosen in the panel on the right")
        self.find_button.setText("Find vessels")
        self.find_button.clicked.connect(lambda *_: desk.state.vessels.asked.emit(FIND))
        super().__init__(spec, pane, desk.state, (self.which, self.find_button))
        self._subscriptions.add(desk.state.vessels.changed.connect(self._name))
        self._name()

    def _name(self) -> None:
        tree = self._desk.state.vessels.shown
        self.which.setText("" if tree is None else f"{tree.name} ▾".replace("&", "&&"))
        self.which.setVisible(tree is not None)

    def _fill(self) -> None:
        self._menu.clear()
        vessels = self._desk.state.vessels
        for tree in vessels.trees.value:
            text = f"{tree.name} · {KIND_WORDS.get(tree.tree.kind, tree.tree.kind)}"
            action = self.which.add_choice(self._menu, text, tree is vessels.shown)
            action.triggered.connect(lambda _=False, chosen=tree.id: vessels.on_show.set(chosen))


def tree_diagram_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of tree diagrams."""
    return TreeDiagramFrame(spec, desk)
