"""Linking runs with the CT: landmarks with their residuals, the solution, its preview, and the review by a person.

It stands beside the panes and blocks nothing: places are marked in the CT and clicked in the runs while it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner.geometry.c_arm import angle_words
from planner.model.items import Point
from planner.planning.frame_linking import NotLinked, SolvedLink
from viewers.panels.parts import PlainLabel, button, row
from viewers.state.run_ct_link import CtLandmark, RunCtLink
from viewers.state.signals import Subscriptions

HELP = (
    "1  Put the crosshair on a place that the runs show too: the origin of a vessel, a corner of a vertebra, a clip.\n"
    "2  Add it, then click its shadow in each run. Two angles, 30° or more apart, are needed; more landmarks give a "
    "residual that can be trusted.\n"
    "3  Look at the preview over each run, then use the link."
)
NOTHING = "No landmark yet."
HEADINGS = ("Landmark", "Clicked in", "Residual")
WIDTH_EM = 27.0


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link of the case: what it says of itself, and whether a person has reviewed it."""

    id: str
    text: str
    reviewed: bool


@dataclass(frozen=True, eq=False, slots=True)
class LinkActs:
    """What the dialog asks of the window.

    Attributes
    ----------
    cursor
        Frame of reference and LPS mm of the crosshair, or None without a CT.
    run_name
        Key of a run -> how it is called.
    use
        Review the candidate: a sentence when it was refused.
    unreview, unlink, preview
        Take a review back, remove a link, show an unreviewed one; by its id.
    """

    cursor: Callable[[], tuple[str, Point] | None]
    run_name: Callable[[str], str]
    use: Callable[[], str | None]
    unreview: Callable[[str], object]
    unlink: Callable[[str], object]
    preview: Callable[[str], object]


class LinkDialog(QDialog):
    """Follows a `RunCtLink`."""

    def __init__(self, state: RunCtLink, acts: LinkActs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._acts = state, acts
        self._removed: tuple[CtLandmark, ...] | None = None
        self._filling = False
        self.setWindowTitle("Link runs with the CT")
        self.add = button("Add the crosshair's place", self._add, primary=True)
        self.shadow = button("Click its shadow", self._shadow, tip="The next click on a run is this landmark's shadow")
        self.move_there = button("Move to the crosshair", self._move)
        self.remove = button("Remove", self._remove)
        self.back = button("Put back", self._put_back)
        self.table = self._make_table()
        self.next = PlainLabel("", role="accent", wrap=True)
        self.result = PlainLabel("", wrap=True)
        self.shown = button("Preview over the runs", self._toggle_preview, checkable=True)
        self.use = button("I have looked: use this link", self._use, primary=True)
        self.unseen = PlainLabel("", role="unverified", wrap=True)
        self.links = QVBoxLayout()
        self._lines: tuple[LinkLine, ...] | None = None
        self._build()
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            state.changed.connect(self.refresh), state.seen.changed.connect(self._changed),
            state.solved.changed.connect(self._changed),
        )  # fmt: skip
        self.refresh()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Link runs with the CT", role="title"))
        layout.addWidget(PlainLabel(HELP, role="quiet", wrap=True))
        layout.addWidget(row(self.add, self.back))
        layout.addWidget(self.table, 1)
        layout.addWidget(row(self.shadow, self.move_there, self.remove))
        layout.addWidget(self.next)
        layout.addWidget(PlainLabel("Solution", role="section"))
        layout.addWidget(self.result)
        layout.addWidget(row(self.shown, self.use))
        layout.addWidget(self.unseen)
        layout.addWidget(PlainLabel("Links of this case", role="section"))
        layout.addLayout(self.links)
        layout.addWidget(row(button("Close", self.close)))
        em = self.fontMetrics().height()
        room = self.screen().availableSize()
        self.resize(min(round(WIDTH_EM * em), room.width()), min(round(44 * em), room.height() - 5 * em))

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(HEADINGS), self)
        table.setHorizontalHeaderLabels(list(HEADINGS))
        table.verticalHeader().setVisible(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        table.setToolTip("Double-click a name to change it")
        table.itemChanged.connect(self._renamed)
        table.itemSelectionChanged.connect(self._selected)
        return table

    def closeEvent(self, event: QCloseEvent) -> None:
        """What was marked stays; the pane's tool and the preview go."""
        self._state.choose(None)
        self._state.preview(None)
        super().closeEvent(event)

    def release(self) -> None:
        """Stop following the state."""
        self._subscriptions.release()

    def show_links(self, lines: Sequence[LinkLine]) -> None:
        """The links of the case."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        while (item := self.links.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for line in lines:
            self.links.addWidget(PlainLabel(("✓ " if line.reviewed else "○ ") + line.text, wrap=True))
            self.links.addWidget(row(*self._link_buttons(line)))
        if not lines:
            self.links.addWidget(PlainLabel("None.", role="quiet"))

    def _link_buttons(self, line: LinkLine) -> list[QWidget]:
        buttons: list[QWidget] = [button("Unlink", lambda: self._acts.unlink(line.id))]
        if line.reviewed:
            buttons.append(button("Take the review back", lambda: self._acts.unreview(line.id)))
        else:
            buttons.append(button("Show its preview", lambda: self._acts.preview(line.id)))
        return buttons

    def _changed(self, value: object) -> None:
        del value
        self.refresh()

    def refresh(self) -> None:
        """Show everything anew."""
        state = self._state
        self._fill()
        chosen = state.landmark(state.chosen.value)
        for each in (self.shadow, self.move_there, self.remove):
            each.setEnabled(self._row() is not None)
        self.back.setVisible(self._removed is not None)
        waiting = chosen is not None and state.tool.value == "landmark"
        self.next.setText(f"Now click “{chosen.name}” in a run." if waiting and chosen is not None else "")
        self.result.setText(result_words(state))
        candidate = state.candidate.value
        solved = isinstance(state.solved.value, SolvedLink)
        self.shown.setEnabled(candidate is not None or solved)
        self.shown.setChecked(candidate is not None)
        self.use.setEnabled(state.may_review)
        names = ", ".join(self._acts.run_name(each) for each in state.unseen)
        self.unseen.setText(
            f"Not looked at yet: the preview over {names}. Show that run." if names and candidate else ""
        )

    def _fill(self) -> None:
        landmarks = self._state.landmarks.value
        self._filling = True
        self.table.setRowCount(len(landmarks))
        for line, landmark in enumerate(landmarks):
            for column, text in enumerate((landmark.name, self._clicked(landmark), self._residual(landmark))):
                item = QTableWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, landmark.id)
                if column:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(line, column, item)
            if landmark.id == self._state.chosen.value:
                self.table.selectRow(line)
        self.table.resizeRowsToContents()
        self._filling = False

    def _clicked(self, landmark: CtLandmark) -> str:
        views = [angle_words(each.c_arm.primary_deg, each.c_arm.secondary_deg) for each in landmark.shadows]
        return "\n".join(views) or "no run yet"

    def _residual(self, landmark: CtLandmark) -> str:
        found = [self._state.residual_px(landmark, each) for each in landmark.shadows]
        return "\n".join("–" if each is None else f"{each:.1f} px" for each in found)

    def _row(self) -> str | None:
        item = self.table.item(self.table.currentRow(), 0)
        return None if item is None or not self.table.selectedItems() else str(item.data(Qt.ItemDataRole.UserRole))

    def _selected(self) -> None:
        chosen = self._row()
        if not self._filling and chosen is not None and chosen != self._state.chosen.value:
            self._state.choose(chosen)

    def _renamed(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == 0:
            self._state.rename(str(item.data(Qt.ItemDataRole.UserRole)), item.text())
            self.refresh()

    def _add(self) -> None:
        at = self._acts.cursor()
        if at is None:
            self.next.setText("Load the CT first: a landmark is a place in it.")
        else:
            self._removed = None
            self._state.mark_place(*at)

    def _shadow(self) -> None:
        self._state.choose(self._row())

    def _move(self) -> None:
        at, chosen = self._acts.cursor(), self._row()
        if at is not None and chosen is not None:
            self._state.move_landmark(chosen, *at)

    def _remove(self) -> None:
        chosen = self._row()
        if chosen is not None:
            self._removed = self._state.landmarks.value
            self._state.remove_landmark(chosen)

    def _put_back(self) -> None:
        if self._removed is not None:
            before, self._removed = self._removed, None
            self._state.restore(before)

    def _toggle_preview(self) -> None:
        solved = self._state.solved.value
        on = self._state.candidate.value is None and isinstance(solved, SolvedLink)
        self._state.preview(solved.link if on and isinstance(solved, SolvedLink) else None)
        self.refresh()

    def _use(self) -> None:
        refusal = self._acts.use()
        if refusal is not None:
            self.unseen.setText(refusal)


def result_words(state: RunCtLink) -> str:
    """What the landmarks give so far, or what to add."""
    found = state.solved.value
    if found is None:
        return NOTHING if not state.landmarks.value else "Click the landmark in a run."
    if isinstance(found, NotLinked):
        return found.text[:1].upper() + found.text[1:]
    residual = "Residual unknown: no click to spare; add a landmark."
    if found.residual_px is not None and found.residual_mm is not None:
        residual = f"Residual {found.residual_px:.2f} px = {found.residual_mm:.2f} mm at the isocentre."
    return f"{residual} Isocentre known to ±{float(found.translation_sd_mm.max()):.1f} mm. {found.note}."
