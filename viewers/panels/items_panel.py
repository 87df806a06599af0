"""What is marked for this stage: tools to mark with, and the list of what was marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from planner.app.item_edits import path_length_mm
from planner.model.disease import Lesion
from planner.model.items import KEY_IMAGE, MEASUREMENT, REGION, VESSEL_PATH, MeasurementBody, VesselPathBody
from planner.model.needle_items import NEEDLE_PATH, NeedlePathBody
from planner.model.session import Session
from planner.model.vessel_items import CATHETER_POSITION, FEEDERS, VESSEL_TREE
from planner.units import shown
from viewers.panels.mark_card import MarkActs, MarkCard
from viewers.panels.parts import PlainLabel, button, clear, plain_tip, row
from viewers.panels.run_item_card import LISTED, RunItemActs, RunItemCard, is_listed, run_line
from viewers.state.marking import Mark

KINDS = {
    REGION: "Region",
    VESSEL_PATH: "Vessel path",
    MEASUREMENT: "Measurement",
    KEY_IMAGE: "Key image",
    NEEDLE_PATH: "Needle",
    VESSEL_TREE: "Vessel tree",
    FEEDERS: "Feeders",
    CATHETER_POSITION: "Catheter position",
}


def mark_line(mark: Mark, session: Session | None = None) -> str:
    """Name first, then kind and size; of an item on a run its numbers and what they stand on."""
    if session is not None and mark.item.type in LISTED:
        return run_line(mark.item, session)
    body = mark.body
    kind = "Lesion" if getattr(body, "lesion_id", None) else KINDS.get(mark.item.type, mark.item.type)
    parts = [mark.item.name or "unnamed", kind]
    if isinstance(body, VesselPathBody):
        parts.append(shown(path_length_mm(body), "mm", digits=0))
    if isinstance(body, MeasurementBody):
        parts += measured(body)
    if isinstance(body, NeedlePathBody):
        parts.append(shown(math.dist(body.entry_lps_mm, body.tip_lps_mm), "mm", digits=0))
        parts += ["locked"] if body.locked else []
    volume = getattr(body, "volume_ml", None)
    longest = getattr(body, "longest_mm", None)
    if longest is not None:
        parts.append(shown(longest, "mm", digits=1))
    if volume is not None:
        parts.append(shown(volume, "mL"))
    if getattr(body, "low_confidence", False):
        parts.append("low confidence")
    if mark.item.inherited_from is not None:
        parts.append("↻ from last time: review")
    return " · ".join(parts)


def measured(body: MeasurementBody) -> list[str]:
    """The numbers of a measurement with their units; a mean and its scatter have the unit of the image."""
    units = {"mean": body.unit, "sd": body.unit}
    words = {"mean": "mean ", "sd": "SD "}
    return [
        f"{words.get(name, '')}{shown(value, units.get(name, name))}"
        for name, value in body.values.items()
        if value is not None
    ]


class _List(QListWidget):
    """Delete removes the selected item (undoable)."""

    def __init__(self, remove: Callable[[], object]) -> None:
        super().__init__()
        self._remove = remove

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self._remove()
            return
        super().keyPressEvent(event)


class ItemsPanel(QWidget):
    """Tool buttons in a grid, operations on the selected region, and the list of marks.

    Parameters
    ----------
    pick_tool, select, jump, remove, show_item, operate
        What buttons and list ask for; ids are those of tools, items and region operations.
    acts, run_acts
        What can be done with the selected mark, and with an item on a run.
    """

    def __init__(
        self,
        *,
        pick_tool: Callable[[str], object],
        select: Callable[[str | None], object],
        jump: Callable[[str], object],
        remove: Callable[[str], object],
        show_item: Callable[[str, bool], object],
        operate: Callable[[str], object],
        acts: MarkActs,
        run_acts: RunItemActs,
    ) -> None:
        super().__init__()
        self._pick_tool, self._select, self._remove = pick_tool, select, remove
        self._show_item, self._operate, self._jump = show_item, operate, jump
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(PlainLabel("Mark on the images", role="section"))
        holder = QWidget()
        self._tools = QGridLayout(holder)
        self._tools.setContentsMargins(0, 0, 0, 0)
        self._tools.setSpacing(3)
        self._layout.addWidget(holder)
        self.tool_buttons: dict[str, QWidget] = {}
        self._tools_shown: tuple[tuple[str, str], ...] = ()
        self.list = _List(self._remove_selected)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.currentItemChanged.connect(self._selected)
        self.list.itemChanged.connect(self._checked)
        self.list.itemClicked.connect(lambda item: self._jump(item.data(Qt.ItemDataRole.UserRole)))
        self._layout.addWidget(self.list)
        self.empty = PlainLabel("Nothing is marked yet: pick a tool, then click in an image.", role="quiet", wrap=True)
        self._layout.addWidget(self.empty)
        self.card = MarkCard(acts)
        self._layout.addWidget(self.card)
        self.run_card = RunItemCard(run_acts)
        self._layout.addWidget(self.run_card)
        self.operations = QWidget()
        self._operation_grid = QGridLayout(self.operations)
        self._operation_grid.setContentsMargins(0, 0, 0, 0)
        self._operation_grid.setSpacing(3)
        self._layout.addWidget(self.operations)
        self.remove_button = button("Remove selected", self._remove_selected, tip="Delete; undo brings it back")
        self._layout.addWidget(row(self.remove_button))
        self._filling = False

    def show_tools(self, tools: Sequence[tuple[str, str, str]]) -> None:
        """Offer tools: id, name, key."""
        wanted = tuple((tool, name) for tool, name, _ in tools)
        if wanted == self._tools_shown:
            return
        self._tools_shown = wanted
        clear(self._tools)
        self.tool_buttons = {}
        for number, (tool, name, key) in enumerate(tools):
            made = button(
                f"{name}  [{key}]" if key else name, lambda chosen=tool: self._pick_tool(chosen), checkable=True
            )
            self._tools.addWidget(made, number // 2, number % 2)
            self.tool_buttons[tool] = made

    def show_active_tool(self, tool: str) -> None:
        for each, made in self.tool_buttons.items():
            made.setChecked(each == tool)

    def show_operations(self, operations: Sequence[tuple[str, str]]) -> None:
        """Operations on the selected region: id, name."""
        clear(self._operation_grid)
        for number, (operation, name) in enumerate(operations):
            made = button(name, lambda chosen=operation: self._operate(chosen))
            self._operation_grid.addWidget(made, number // 3, number % 3)

    def show_marks(
        self,
        known: Sequence[Mark],
        selected: str | None,
        hidden: frozenset[str],
        lesions: Sequence[Lesion] = (),
        session: Session | None = None,
    ) -> None:
        """Show what is marked, the selected one with its card; `lesions` are what a path can lead to."""
        self._filling = True
        self.list.clear()
        marks = [mark for mark in known if is_listed(mark.item)]
        for mark in marks:
            line = mark_line(mark, session)
            item = QListWidgetItem(line)
            item.setToolTip(plain_tip(line))
            item.setData(Qt.ItemDataRole.UserRole, mark.id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked if mark.id in hidden else Qt.CheckState.Checked)
            self.list.addItem(item)
            if mark.id == selected:
                self.list.setCurrentItem(item)
        chosen = next((mark for mark in marks if mark.id == selected), None)
        self.operations.setVisible(chosen is not None and chosen.item.type == REGION)
        on_run = chosen is not None and chosen.item.type in LISTED
        self.card.show_mark(None if on_run else chosen, lesions)
        self.run_card.show_item(chosen.item if on_run and chosen is not None else None, session)
        self.list.setVisible(bool(marks))
        self.list.setFixedHeight(max(1, self.list.sizeHintForRow(0)) * min(7, max(2, len(marks))) + 8)
        self.empty.setVisible(not marks)
        self.remove_button.setVisible(chosen is not None)
        self._filling = False

    def _selected(self, item: QListWidgetItem | None) -> None:
        if not self._filling:
            self._select(item.data(Qt.ItemDataRole.UserRole) if item is not None else None)

    def _checked(self, item: QListWidgetItem) -> None:
        if not self._filling:
            self._show_item(item.data(Qt.ItemDataRole.UserRole), item.checkState() == Qt.CheckState.Checked)

    def _remove_selected(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._remove(item.data(Qt.ItemDataRole.UserRole))
