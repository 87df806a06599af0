"""The selected mark: its name, colour, and for a vessel path its segments and the lesions it leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner.app.item_edits import path_length_mm
from planner.model.disease import Lesion
from planner.model.items import PathSegment, RegionBody, VesselPathBody
from planner.planning.arteries import arteries, artery
from planner.units import shown
from planner.workflow.template import Choice
from viewers.panels.editors import ChoicesEditor, LineEditor, NumberEditor
from viewers.panels.parts import PlainLabel, button, clear, panel, plain_tip, row
from viewers.state import theme
from viewers.state.marking import Mark

COLOURS = {
    "#e69f00": "orange",
    "#56b4e9": "sky blue",
    "#009e73": "green",
    "#f0e442": "yellow",
    "#cc79a7": "purple",
    "#d55e00": "red-orange",
    "#d0a030": "ochre",
    "#ffffff": "white",
}
"""Colours of regions that stay apart for the colour-blind (Okabe and Ito), with their names."""


@dataclass(frozen=True, slots=True)
class MarkActs:
    """What the card asks for; each answers a sentence when it was refused."""

    rename: Callable[[str, str], str | None]
    recolour: Callable[[str, str], str | None]
    confirm: Callable[[str], str | None]
    segments: Callable[[str, Sequence[tuple[str, float]]], str | None]
    aim: Callable[[str, Sequence[str]], str | None]


def segment_cells(segment: PathSegment) -> tuple[str, str, str]:
    """Artery, length, and diameter with what cannot be trusted said."""
    mean, least = segment.mean_diameter_mm, segment.minimum_diameter_mm
    width = "not measured" if mean is None else f"{shown(mean, digits=1)} ({shown(least, digits=1)})"
    doubt = " ?" if segment.low_confidence and mean is not None else ""
    return artery(segment.artery).name, shown(segment.end_mm - segment.start_mm, digits=0), f"{width}{doubt}"


class MarkCard(QWidget):
    """Shows one mark; rebuilt when another one is selected."""

    def __init__(self, acts: MarkActs) -> None:
        super().__init__()
        self._acts = acts
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, self._layout = panel(theme.CARD)
        outer.addWidget(frame)
        self.mark: Mark | None = None
        self._lesions: tuple[Lesion, ...] = ()
        self.name = LineEditor("name")
        self.colours: dict[str, QPushButton] = {}
        self.table: QTableWidget | None = None
        self.artery: QComboBox | None = None
        self.end: NumberEditor | None = None
        self.targets: ChoicesEditor | None = None
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.setVisible(False)

    def show_mark(self, mark: Mark | None, lesions: Sequence[Lesion]) -> None:
        """Show a mark, or nothing."""
        self.setVisible(mark is not None)
        known = tuple(lesions)
        if mark is None:
            self.mark = None
            return
        before, self.mark = self.mark, mark
        if before is not None and before.item == mark.item and known == self._lesions:
            return
        self._lesions = known
        self._build(mark)

    def _build(self, mark: Mark) -> None:
        clear(self._layout)
        self.colours, self.table, self.artery, self.end, self.targets = {}, None, None, None, None
        self.name = LineEditor("name")
        self.name.show_value(mark.item.name)
        self.name.changed.connect(lambda value: self._say(self._acts.rename(mark.id, str(value or ""))))
        line = QHBoxLayout()
        line.addWidget(PlainLabel("Name"))
        line.addWidget(self.name, 1)
        self._layout.addLayout(line)
        if mark.item.inherited_from is not None:
            note = PlainLabel("copied from an earlier session: review", role="unverified")
            confirm = button("Confirm", lambda: self._say(self._acts.confirm(mark.id)), tip="It holds on these images")
            self._layout.addWidget(row(note, confirm))
        if isinstance(mark.body, RegionBody):
            self._add_colours(mark, mark.body.colour)
        if isinstance(mark.body, VesselPathBody):
            self._add_path(mark, mark.body)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self._layout.addWidget(self.problem)

    def _add_colours(self, mark: Mark, now: str) -> None:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for number, (colour, name) in enumerate(COLOURS.items()):
            picture = QPixmap(16, 16)
            picture.fill(QColor(colour))
            made = QPushButton(QIcon(picture), "✓" if colour == now.lower() else "")
            made.setAutoDefault(False)
            made.setFixedWidth(round(self.fontMetrics().height() * (2.6 if colour == now.lower() else 1.8)))
            made.setToolTip(plain_tip(name))
            made.setAccessibleName(name)
            made.clicked.connect(lambda _=False, chosen=colour: self._say(self._acts.recolour(mark.id, chosen)))
            grid.addWidget(made, 0, number)
            self.colours[colour] = made
        grid.setColumnStretch(len(COLOURS), 1)
        self._layout.addWidget(holder)

    def _add_path(self, mark: Mark, body: VesselPathBody) -> None:
        length = path_length_mm(body)
        doubt = " · width not sure everywhere" if body.low_confidence else ""
        text = f"{shown(length, 'mm', digits=0)} along the vessel{doubt}"
        self._layout.addWidget(PlainLabel(text, role="quiet", wrap=True))
        self.table = QTableWidget(len(body.segments), 3)
        self.table.setHorizontalHeaderLabels(["Segment", "mm", "Ø mm (min)"])
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for line, segment in enumerate(body.segments):
            for column, text in enumerate(segment_cells(segment)):
                cell = QTableWidgetItem(text)
                cell.setToolTip(plain_tip(text))
                self.table.setItem(line, column, cell)
        line_height = round(self.fontMetrics().height() * 1.6)
        self.table.verticalHeader().setDefaultSectionSize(line_height)
        self.table.setFixedHeight(line_height * (min(7, len(body.segments)) + 1) + line_height // 2)
        self._layout.addWidget(self.table)
        self._add_naming(mark, body, length)
        if self._lesions:
            self._layout.addWidget(PlainLabel("Leads to", role="quiet"))
            self.targets = ChoicesEditor([Choice(each.id, each.name) for each in self._lesions])
            self.targets.show_value(list(body.lesion_ids))
            self.targets.changed.connect(lambda value: self._say(self._acts.aim(mark.id, tuple(value or ()))))
            self._layout.addWidget(self.targets)

    def _add_naming(self, mark: Mark, body: VesselPathBody, length: float) -> None:
        """The next segment: an artery and where it ends; an empty end is the end of the path."""
        named = [(each.artery, each.end_mm) for each in body.segments]
        done = named[-1][1] if named else 0.0
        self.artery = QComboBox()
        self.artery.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.artery.setMinimumContentsLength(10)
        for each in sorted(arteries().values(), key=lambda each: each.order):
            self.artery.addItem(each.name, each.key)
        self.artery.setCurrentIndex(max(0, self.artery.findData(_usual_next(named[-1][0] if named else None))))
        self.end = NumberEditor(hint=f"to {length:.0f} mm")
        artery_box, end = self.artery, self.end

        def add() -> None:
            try:
                until = end.parse(end.line.text().strip())
            except ValueError as problem:
                end.show_problem(str(problem))
                return
            self._say(self._acts.segments(mark.id, [*named, (artery_box.currentData(), float(until or length))]))

        def back() -> None:
            self._say(self._acts.segments(mark.id, named[:-1]))

        line = QHBoxLayout()
        line.addWidget(self.artery, 3)
        line.addWidget(self.end, 2)
        self._layout.addLayout(line)
        self.add_segment = button("Name this segment", add, tip="From where the last one ends")
        self.add_segment.setEnabled(length - done > 0.5)
        take_back = button("Take back", back, tip="Forgets the last segment")
        take_back.setEnabled(bool(named))
        self._layout.addWidget(row(self.add_segment, take_back))

    def _say(self, refusal: str | None) -> None:
        if refusal:
            self.problem.setText(refusal)


def _usual_next(before: str | None) -> Any:
    """The artery that usually follows; the aorta at first."""
    if before is None:
        return "aorta"
    return next((each.key for each in arteries().values() if each.parent == before), "feeder")
