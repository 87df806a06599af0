"""The selected item on a run: its name, its words, and what its millimetres stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from planner.app.run_items import calibration_of, run_body, run_items
from planner.app.run_words import measurement_words, run_item_line
from planner.errors import OperatorError
from planner.model.items import PlanItem
from planner.model.run_items import (
    KEY_FRAME,
    RUN_CALIBRATION,
    RUN_MEASUREMENT,
    RUN_VIEW,
    KeyFrameBody,
    RunCalibrationBody,
    RunMeasurementBody,
)
from planner.model.session import Session
from viewers.panels.editors import LineEditor
from viewers.panels.parts import PlainLabel, clear, panel
from viewers.state import theme

DAMAGED = "This item is damaged and cannot be read; delete it and measure anew."
PIXELS = "Pixels only"
LISTED = frozenset({RUN_MEASUREMENT, RUN_CALIBRATION, KEY_FRAME})
"""Run items that a list of marks shows; how a run is shown is no mark."""


@dataclass(frozen=True, slots=True)
class RunItemActs:
    """What the card asks for; each answers a sentence when it was refused."""

    rename: Callable[[PlanItem, str], str | None]
    write: Callable[[PlanItem, str], str | None]
    stand_on: Callable[[PlanItem, str | None], str | None]


def is_listed(item: PlanItem) -> bool:
    return item.type != RUN_VIEW


def run_line(item: PlanItem, session: Session) -> str:
    """Name first, then what it is and its numbers with what they stand on."""
    try:
        return run_item_line(item, session)
    except OperatorError:
        return f"{item.name or 'unnamed'} · {DAMAGED}"


class RunItemCard(QWidget):
    """Shows one item on a run; hidden for every other one."""

    def __init__(self, acts: RunItemActs) -> None:
        super().__init__()
        self._acts = acts
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, self._layout = panel(theme.CARD)
        outer.addWidget(frame)
        self._shown: tuple[PlanItem, Session] | None = None
        self.name = LineEditor("name")
        self.words: LineEditor | None = None
        self.calibration: QComboBox | None = None
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.setVisible(False)

    def show_item(self, item: PlanItem | None, session: Session | None) -> None:
        """Show an item on a run, or nothing."""
        wanted = item is not None and session is not None and item.type in LISTED
        self.setVisible(wanted)
        if not wanted or item is None or session is None:
            self._shown = None
            return
        before, self._shown = self._shown, (item, session)
        if before is None or before[0] != item or before[1].items != session.items:
            self._build(item, session)

    def _build(self, item: PlanItem, session: Session) -> None:
        clear(self._layout)
        self.words, self.calibration = None, None
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        self.name = LineEditor("name")
        self.name.show_value(item.name)
        self.name.changed.connect(lambda value: self._say(self._acts.rename(item, str(value or ""))))
        grid.addWidget(PlainLabel("Name"), 0, 0)
        grid.addWidget(self.name, 0, 1)
        self._layout.addLayout(grid)
        try:
            body = run_body(item)
        except OperatorError:
            self._layout.addWidget(PlainLabel(DAMAGED, role="unverified", wrap=True))
            return
        if isinstance(body, KeyFrameBody):
            self._add_words(grid, item, "Caption", body.caption)
        elif isinstance(body, RunMeasurementBody):
            self._add_words(grid, item, "Words", body.text)
            if any(name.endswith(("_px", "_px2")) for name in body.values):
                self._add_calibrations(grid, item, body, session)
            for line in measurement_words(body, session):
                self._layout.addWidget(PlainLabel(line, role="quiet", wrap=True))
        elif isinstance(body, RunCalibrationBody):
            self._layout.addWidget(PlainLabel(body.note, role="quiet", wrap=True))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self._layout.addWidget(self.problem)

    def _add_words(self, grid: QGridLayout, item: PlanItem, label: str, text: str) -> None:
        self.words = LineEditor("may stay empty")
        self.words.show_value(text or None)
        self.words.changed.connect(lambda value: self._say(self._acts.write(item, str(value or ""))))
        grid.addWidget(PlainLabel(label), 1, 0)
        grid.addWidget(self.words, 1, 1)

    def _add_calibrations(self, grid: QGridLayout, item: PlanItem, body: RunMeasurementBody, session: Session) -> None:
        """Every calibration of the same run, and pixels."""
        box = self.calibration = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        box.addItem(PIXELS, None)
        for each in run_items(session, body.run, RUN_CALIBRATION):
            known = calibration_of(session, each.id)
            if known is not None:
                box.addItem(f"{each.name}: {known.mm_per_px:.3f} mm per px", each.id)
        box.setCurrentIndex(max(0, box.findData(body.calibration)))
        box.activated.connect(lambda index: self._say(self._acts.stand_on(item, box.itemData(index))))
        grid.addWidget(PlainLabel("Stands on"), 2, 0)
        grid.addWidget(box, 2, 1)

    def _say(self, refusal: str | None) -> None:
        if refusal:
            self.problem.setText(refusal)
