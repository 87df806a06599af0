"""The diary: what the patient says of pain, quality of life and symptoms, entered with day and source, and listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from planner.app.reports import SOURCES
from planner.model.follow_up import Report
from planner.units import symbol
from planner.workflow.scales import Scale, scales
from viewers.panels.board_day import day_editor, typed_day
from viewers.panels.parts import PlainLabel, button, clear, row
from viewers.panels.task_content import report_line

SHOWN = 30
"""Entries that are listed, newest first; all of them are curves on the course's axis."""

Add = Callable[[str, float | None, date, str, str], str | None]


class DiaryPanel(QWidget):
    """A small form above, the entries below.

    Parameters
    ----------
    add
        Given scale, value, day, source and words; a sentence when it was refused.
    """

    def __init__(self, add: Add, remove: Callable[[str], str | None]) -> None:
        super().__init__()
        self._add, self._remove = add, remove
        self._shown: tuple[object, ...] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        form = QGridLayout()
        form.setVerticalSpacing(4)
        form.setColumnStretch(1, 1)
        self.scale, self.value, self.graded = QComboBox(), QLineEdit(), QComboBox()
        for key, each in scales().items():
            self.scale.addItem(each.title, key)
        self.scale.currentIndexChanged.connect(lambda *_: self._explain())
        self.day = day_editor(None)
        self.source = QComboBox()
        for source in SOURCES:
            self.source.addItem(source, source)
        self.words = QLineEdit()
        self.words.setPlaceholderText("In the patient's words (may be left out)")
        self.hint = PlainLabel("", role="quiet", wrap=True)
        lines = (
            ("Scale", self.scale),
            ("Value", row(self.value, self.graded, stretch=False)),
            ("", self.hint),
            ("Day", self.day),
            ("Told by", self.source),
            ("Words", self.words),
        )
        for number, (label, widget) in enumerate(lines):
            form.addWidget(PlainLabel(label, role="quiet"), number, 0)
            form.addWidget(widget, number, 1)
        layout.addLayout(form)
        self.go = button("Add the entry", self._go)
        layout.addWidget(row(self.go))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        layout.addLayout(self._rows)
        self._explain()

    def _known(self) -> Scale:
        return scales()[str(self.scale.currentData())]

    def _explain(self) -> None:
        """The range and direction of the scale; the words of its grades where it has them."""
        known = self._known()
        self.graded.clear()
        for number, word in enumerate(known.grades):
            self.graded.addItem(f"{number} {word}", number)
        self.graded.setCurrentIndex(-1)
        self.graded.setVisible(bool(known.grades))
        self.value.setVisible(not known.grades)
        self.value.clear()
        unit = symbol(known.unit)
        worse = "higher is worse" if known.worse == "higher" else "lower is worse"
        unread = " · limits: unverified default" if known.tag in ("M", "P") else ""
        self.hint.setText(f"{known.minimum:g} to {known.maximum:g}{f' {unit}' if unit else ''}, {worse}{unread}")

    def show_reports(self, reports: Sequence[Report], today: date) -> None:
        """List the entries, newest first."""
        if self._shown is None:
            self.day.show_value(today.isoformat())
        if self._shown == (tuple(reports),):
            return
        self._shown = (tuple(reports),)
        clear(self._rows)
        newest = sorted(reports, key=lambda each: (each.on, each.entered_at), reverse=True)
        for each in newest[:SHOWN]:
            self._rows.addWidget(self._line(each))
        if len(newest) > SHOWN:
            words = f"and {len(newest) - SHOWN} earlier ones; all of them are curves on the course's axis"
            self._rows.addWidget(PlainLabel(words, role="quiet", wrap=True))
        if not newest:
            self._rows.addWidget(PlainLabel("Nothing has been reported yet.", role="quiet"))

    def _line(self, report: Report) -> QWidget:
        label = PlainLabel(report_line(report), wrap=True)
        label.setToolTip(f"Entered by {report.entered_by} on {report.entered_at.date().isoformat()}")
        out = button("×", lambda: self._said(self._remove(report.id)), tip="Take this entry back (Ctrl+Z brings it)")
        out.setFixedWidth(round(self.fontMetrics().height() * 1.8))
        return row(label, out, stretch=False)

    def _go(self) -> None:
        known, typed = self._known(), self.value.text().strip().replace(",", ".")
        try:
            if known.grades:
                value = None if self.graded.currentIndex() < 0 else float(self.graded.currentData())
            else:
                value = float(typed) if typed else None
        except ValueError:
            self._said(f"“{self.value.text()}” is not a number.")
            return
        day = typed_day(self.day)
        if not isinstance(day, date):
            self._said(day or "Give the day it was said of.")
            return
        refusal = self._add(known.key, value, day, str(self.source.currentData()), self.words.text())
        self._said(refusal)
        if refusal is None:
            self.value.clear()
            self.graded.setCurrentIndex(-1)
            self.words.clear()

    def _said(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
