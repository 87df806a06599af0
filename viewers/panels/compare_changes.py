"""What changed between two studies: the maps with their colours, and the list of structures; a click goes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from viewers.panels.parts import PlainLabel
from viewers.state.compare import Change, ChangeMap

KIND_MARKS = {
    "new": "＋",
    "grown": "▲",
    "shrunk": "▼",
    "vanished": "○",
    "same": "＝",
    "split": "⋔",
    "merged": "⋎",
}
NOTHING_FOUND = "No structure of both studies was compared: mark lesions in both, or find what changed."


class MapsList(QWidget):
    """Every map with its colour and a tick; hidden while there is none.

    Parameters
    ----------
    show_map
        (key it is hidden by, visible).
    """

    def __init__(self, show_map: Callable[[str, bool], object]) -> None:
        super().__init__()
        self._show_map = show_map
        self._filling = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("Maps over the new study", role="section"))
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemChanged.connect(self._ticked)
        layout.addWidget(self.list)
        self.setVisible(False)

    def show_maps(self, maps: Sequence[ChangeMap], hidden: frozenset[str]) -> None:
        """One line for each map; its labels stand in the legend of the image."""
        self.setVisible(bool(maps))
        self._filling = True
        self.list.clear()
        for each in maps:
            item = QListWidgetItem(f"{each.title} · {each.note}" if each.note else each.title)
            colours = [label.colour for label in each.labels.labels.values()]
            item.setIcon(_patch(colours[0] if colours else "#808080"))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            shown = each.hidden_key not in hidden
            item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
            item.setData(Qt.ItemDataRole.UserRole, each.hidden_key)
            item.setToolTip(each.note)
            self.list.addItem(item)
        self._filling = False
        self.list.setFixedHeight(_height(self.list, len(maps)))

    def _ticked(self, item: QListWidgetItem) -> None:
        if not self._filling:
            key = str(item.data(Qt.ItemDataRole.UserRole))
            self._show_map(key, item.checkState() is Qt.CheckState.Checked)


class ChangesList(QWidget):
    """New, grown, shrunk, vanished; a click brings both studies there."""

    def __init__(self, go_to: Callable[[Change], object]) -> None:
        super().__init__()
        self._changes: tuple[Change, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("What changed", role="section"))
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.itemClicked.connect(lambda item: go_to(self._changes[self.list.row(item)]))
        self.nothing = PlainLabel(NOTHING_FOUND, role="quiet", wrap=True)
        layout.addWidget(self.list)
        layout.addWidget(self.nothing)
        self.setVisible(False)

    def show_changes(self, changes: Sequence[Change], computed: bool, notes: Sequence[str] = ()) -> None:
        """Hidden until something was looked for; `notes` say what could not be told."""
        self._changes = tuple(changes)
        self.setVisible(computed or bool(changes))
        self.nothing.setText("\n".join(notes) or NOTHING_FOUND)
        self.nothing.setVisible(bool(notes) or not changes)
        self.list.setVisible(bool(changes))
        self.list.clear()
        for each in changes:
            self.list.addItem(f"{KIND_MARKS.get(each.kind, '·')} {each.kind}: {each.name}\n    {each.words}")
        self.list.setFixedHeight(_height(self.list, 2 * len(changes)))


def _patch(colour: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(colour))
    return QIcon(picture)


def _height(view: QListWidget, lines: int) -> int:
    return round((min(max(lines, 1), 14) + 0.6) * view.fontMetrics().height() * 1.35)
