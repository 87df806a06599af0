"""Reading the response: lesions by days, the observation that is chosen, findings, signing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QSplitter, QVBoxLayout, QWidget

from planner.findings import Finding
from viewers.panels.findings_panel import FindingsPanel
from viewers.panels.parts import PlainLabel, button, panel
from viewers.panels.response_card import CardActs, ObservationCard
from viewers.panels.response_content import CRITERIA_NAMES, READER_NAMES, ResponseView, explained, own_observations
from viewers.panels.response_sign import SignActs, SignPanel
from viewers.panels.response_table import ResponseTable
from viewers.panels.review_page import ReviewPage, scrolled

KEY = "Ctrl+Shift+R"


@dataclass(frozen=True, slots=True)
class ResponseActs:
    """What the page asks for; what may be refused answers a sentence."""

    leave: Callable[[], object]
    set_criteria: Callable[[str], object]
    set_reader: Callable[[str], object]
    set_baseline: Callable[[date | None], object]
    set_role: Callable[[str, str | None], object]
    take_proposed: Callable[[], str | None]
    show_unread: Callable[[bool], object]
    write: Callable[[str, date, int, str, Any], str | None]
    measure: Callable[[str, date], str | None]
    open_day: Callable[[str, date], str | None]
    sign: Callable[[date, str], str | None]
    adjudicate: Callable[[date, str, str, str], str | None]
    history: Callable[[str], object]


class ResponsePage(ReviewPage):
    """Shows a `ResponseView`; the chosen cell is edited at the right."""

    def __init__(self, acts: ResponseActs) -> None:
        super().__init__("Response", acts.leave, KEY)
        self._acts = acts
        self.view: ResponseView | None = None
        self.lesion_id: str | None = None
        self.day: date | None = None
        self.criteria, self.reader, self.baseline = QComboBox(), QComboBox(), QComboBox()
        for box, names in ((self.criteria, CRITERIA_NAMES), (self.reader, READER_NAMES)):
            for key, words in names.items():
                box.addItem(words, key)
        self.criteria.activated.connect(lambda _: acts.set_criteria(str(self.criteria.currentData())))
        self.reader.activated.connect(lambda _: acts.set_reader(str(self.reader.currentData())))
        self.baseline.activated.connect(lambda _: acts.set_baseline(self.baseline.currentData()))
        self.baseline.setToolTip("The study that is compared with")
        self.unread = QCheckBox("Days not read")
        self.unread.toggled.connect(lambda on: acts.show_unread(on))
        for widget in (self.criteria, self.reader, PlainLabel("Baseline"), self.baseline, self.unread):
            self.head.addWidget(widget)
        self.head.addStretch(1)
        self.table = ResponseTable(acts.set_role)
        self.table.chosen.connect(self._choose)
        self.table.activated.connect(lambda _: self.card.begin_typing())
        self.proposal = PlainLabel("", role="unverified", wrap=True)
        self.take_proposed = button("Take the proposed targets", self._take_proposed)
        self.empty = PlainLabel("", role="quiet", wrap=True)
        self.findings = FindingsPanel("Findings: none by the checks of these criteria")
        self.card = ObservationCard(CardActs(self._write, self._measure, self._open_day))
        self.history = button("History of this lesion…", lambda: acts.history(self.lesion_id or ""))
        self.signing = SignPanel(SignActs(self._sign, self._adjudicate))
        self._build()

    def _build(self) -> None:
        left, left_layout = panel()
        left_layout.setContentsMargins(0, 0, 6, 0)
        left_layout.addWidget(self.empty)
        left_layout.addWidget(self.proposal)
        left_layout.addWidget(self.take_proposed, 0, Qt.AlignmentFlag.AlignLeft)
        left_layout.addWidget(self.table, 3)
        found, found_layout = panel()
        found_layout.setContentsMargins(0, 4, 4, 0)
        found_layout.addWidget(self.findings)
        found_layout.addStretch(1)
        left_layout.addWidget(scrolled(found), 2)
        right = QWidget()
        right_layout = QVBoxLayout(right)
        right_layout.setContentsMargins(0, 0, 0, 0)
        right_layout.addWidget(self.card)
        right_layout.addWidget(self.history)
        right_layout.addWidget(self.signing)
        right_layout.addStretch(1)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        for number, widget in enumerate((left, scrolled(right))):
            self.parts.addWidget(widget)
            self.parts.setCollapsible(number, False)
        self.body.addWidget(self.parts, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """With another width the table gets seven tenths of it again."""
        super().resizeEvent(event)
        if event.oldSize().width() != self.width():
            self.parts.setSizes([round(self.width() * 0.71), round(self.width() * 0.29)])

    def show_view(self, view: ResponseView) -> None:
        """Show a reading as it is now; the chosen cell stays chosen."""
        self.view = view
        self.criteria.setCurrentIndex(self.criteria.findData(view.criteria))
        self.reader.setCurrentIndex(self.reader.findData(view.reader))
        self.baseline.clear()
        self.baseline.addItem(f"by rule: {view.assessment.baseline_on or 'none'}", None)
        for each in view.baselines:
            self.baseline.addItem(each.isoformat(), each)
        self.baseline.setCurrentIndex(max(0, self.baseline.findData(view.baseline_on)))
        targets = sum(each.role == "target" for each in view.proposed)
        self.proposal.setText(f"Nobody has chosen the targets; {targets} are proposed below, each with its reason.")
        for widget in (self.proposal, self.take_proposed):
            widget.setVisible(bool(view.proposed))
        self.empty.setText("" if view.case.lesions else "This case has no lesions yet: mark or type them first.")
        self.empty.setVisible(not view.case.lesions)
        names = [
            CRITERIA_NAMES[view.criteria],
            *(f"{rule} {number}" for rule, number in view.assessment.versions.items()),
        ]
        self.note.setText(" · ".join(names[:4]))
        if self.lesion_id not in {each.id for each in view.case.lesions} and self.lesion_id != "":
            self.lesion_id = view.case.lesions[0].id if view.case.lesions else None
        if self.day not in view.days:
            self.day = view.days[-1] if view.days else None
        self.table.show_view(view, self.lesion_id, self.day)
        self.findings.show_findings(view.assessment.findings, (), None, self._go_to)
        self._show_right()

    def choose(self, lesion_id: str | None, day: date | None) -> None:
        """Choose a cell; None leaves what was chosen."""
        self.lesion_id, self.day = lesion_id or self.lesion_id, day or self.day
        if self.view is not None:
            self.show_view(self.view)

    def tell(self, lesion_id: str, day: date, text: str) -> None:
        """What a measurement stands on, where it is still on show."""
        if (self.lesion_id, self.day) == (lesion_id, day):
            self.card.tell(text)

    def _choose(self, lesion_id: str, day: object) -> None:
        self.lesion_id = lesion_id
        if isinstance(day, date):
            self.day = day
        self._show_right()

    def _show_right(self) -> None:
        view = self.view
        if view is None:
            return
        lesion = view.case.lesion(self.lesion_id) if self.lesion_id else None
        rows = () if lesion is None or self.day is None else own_observations(lesion, self.day, view.reader)
        if lesion is None and self.day is not None and view.case.lesions:
            self.card.explain(f"{self.day.isoformat()} · how it was computed", explained(view, self.day))
        else:
            self.card.show_observation(lesion, self.day, rows, view.criteria, view.reader)
        self.history.setVisible(lesion is not None)
        self.signing.show_view(view, self.day)

    def _go_to(self, finding: Finding) -> None:
        if self.view is not None and finding.subject in {each.id for each in self.view.case.lesions}:
            days = [each for each in self.view.days if each.isoformat() in finding.text]
            self.choose(finding.subject, days[0] if days else None)

    def _take_proposed(self) -> None:
        self.signing.say(self._acts.take_proposed())

    def _write(self, at: int, name: str, value: Any) -> str | None:
        if not self.lesion_id or self.day is None:
            return "Choose a lesion and a day first."
        return self._acts.write(self.lesion_id, self.day, at, name, value)

    def _measure(self) -> str | None:
        if not self.lesion_id or self.day is None:
            return "Choose a lesion and a day first."
        return self._acts.measure(self.lesion_id, self.day)

    def _open_day(self) -> str | None:
        return None if not self.lesion_id or self.day is None else self._acts.open_day(self.lesion_id, self.day)

    def _sign(self, name: str) -> str | None:
        return "Choose a day first." if self.day is None else self._acts.sign(self.day, name)

    def _adjudicate(self, agrees_with: str, reason: str, name: str) -> str | None:
        return "Choose a day first." if self.day is None else self._acts.adjudicate(self.day, agrees_with, reason, name)
