"""Imported masks: each structure with its colour, shown or hidden, and kept in the plan when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from planner.imaging import LabelMap
from planner.units import shown
from viewers.panels.parts import PlainLabel, button, row


class OverlaysPanel(QWidget):
    """Every label of every imported label map, with a tick for "shown".

    Parameters
    ----------
    show_label
        (``key/value``, visible).
    keep
        (key, value): make it a region of the plan.
    remove
        (key): forget an imported map.
    """

    def __init__(
        self,
        show_label: Callable[[str, bool], object],
        keep: Callable[[str, int], object],
        remove: Callable[[str], object],
    ) -> None:
        super().__init__()
        self._show_label, self._keep, self._remove = show_label, keep, remove
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("Imported masks (not in the plan)", role="section"))
        self.list = QListWidget()
        self.list.setMaximumHeight(self.fontMetrics().height() * 9)
        self.list.itemChanged.connect(self._checked)
        layout.addWidget(self.list)
        self.keep_button = button("Keep in the plan", self._keep_selected, tip="The structure becomes a region")
        self.forget_button = button("Forget these masks", self._forget_selected)
        layout.addWidget(row(self.keep_button, self.forget_button))
        self._filling = False
        self._shown: tuple[object, ...] = ()
        self.setVisible(False)

    def show_maps(self, maps: Mapping[str, LabelMap], hidden: frozenset[str]) -> None:
        """Show the labels of all maps; only those that are there count."""
        state = (tuple((key, id(labels)) for key, labels in maps.items()), hidden)
        if state == self._shown:
            return
        self._shown = state
        chosen = self.list.currentRow()
        self._filling = True
        self.list.clear()
        for key, labels in maps.items():
            for value, label in labels.labels.items():
                volume = labels.volume_ml(value)
                if volume > 0.0:
                    self._add(key, value, f"{label.name} · {shown(volume, 'mL')}", label.colour, hidden)
        self.list.setCurrentRow(chosen)
        self._filling = False
        self.setVisible(bool(maps))

    def _add(self, key: str, value: int, text: str, colour: str, hidden: frozenset[str]) -> None:
        picture = QPixmap(12, 12)
        picture.fill(QColor(colour))
        item = QListWidgetItem(QIcon(picture), text)
        item.setData(Qt.ItemDataRole.UserRole, (key, value))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        shown_now = key not in hidden and f"{key}/{value}" not in hidden
        item.setCheckState(Qt.CheckState.Checked if shown_now else Qt.CheckState.Unchecked)
        self.list.addItem(item)

    def _checked(self, item: QListWidgetItem) -> None:
        if not self._filling:
            key, value = item.data(Qt.ItemDataRole.UserRole)
            self._show_label(f"{key}/{value}", item.checkState() == Qt.CheckState.Checked)

    def _keep_selected(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._keep(*item.data(Qt.ItemDataRole.UserRole))

    def _forget_selected(self) -> None:
        item = self.list.currentItem() or self.list.item(0)
        if item is not None:
            self._remove(item.data(Qt.ItemDataRole.UserRole)[0])
