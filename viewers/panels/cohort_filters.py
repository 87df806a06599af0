"""Which cases of the cohort are looked at: tumour, procedure, best response, period. They are offered as they occur."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from planner.app.cohort import CohortRow
from planner.app.cohort_rows import ORDER
from planner.app.cohort_tables import UNKNOWN_HISTOLOGY, CohortFilter, best_word
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button
from viewers.state import theme


class CohortFilters(QWidget):
    """Calls `changed` after every choice; a day that cannot be read filters nothing and is said.

    Attributes
    ----------
    problem
        What cannot be read of the days; empty when all can.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        super().__init__()
        self._changed = changed
        self._filling = False
        self.histology, self.template, self.response = QComboBox(), QComboBox(), QComboBox()
        self.since, self.until = QLineEdit(), QLineEdit()
        self.problem = PlainLabel("")
        colour(self.problem, text=theme.WARN)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        boxes = (
            (self.histology, "Every tumour"),
            (self.template, "Every procedure"),
            (self.response, "Every response"),
        )
        for box, every in boxes:
            box.addItem(every, None)
            box.setAccessibleName(every)
            box.currentIndexChanged.connect(lambda *_: None if self._filling else self._changed())
            layout.addWidget(box)
        for line, end in ((self.since, "from"), (self.until, "to")):
            line.setPlaceholderText("YYYY-MM-DD")
            line.setFixedWidth(round(line.fontMetrics().height() * 6.2))
            line.setAccessibleName(f"Sessions {end}")
            line.setToolTip("A case is taken when one of its sessions was held in this period")
            line.editingFinished.connect(self._typed)
            layout.addWidget(PlainLabel("Sessions from" if end == "from" else end, role="quiet"))
            layout.addWidget(line)
        self.clearing = button("All cases", self.clear, tip="Take every filter away")
        layout.addWidget(self.clearing)
        layout.addWidget(self.problem)
        layout.addStretch(1)

    def chosen(self) -> CohortFilter:
        """The filter as it stands."""
        return CohortFilter(
            self.histology.currentData(),
            self.template.currentData(),
            self.response.currentData(),
            _day(self.since.text()),
            _day(self.until.text()),
        )

    def said(self) -> str:
        """The filter in words; empty when every case is looked at."""
        words = [box.currentText() for box in (self.histology, self.template, self.response) if box.currentIndex() > 0]
        chosen = self.chosen()
        if chosen.since or chosen.until:
            first = chosen.since.isoformat() if chosen.since else "the first one"
            last = chosen.until.isoformat() if chosen.until else "the last one"
            words.append(f"sessions from {first} to {last}")
        return " · ".join(words)

    def clear(self) -> None:
        """Every case again."""
        self._filling = True
        for box in (self.histology, self.template, self.response):
            box.setCurrentIndex(0)
        self.since.clear()
        self.until.clear()
        self._filling = False
        self._typed()

    def offer(self, rows: Iterable[CohortRow], titles: dict[str, str]) -> None:
        """Offer what occurs; what was chosen stays chosen as long as it occurs."""
        found = tuple(rows)
        tumours = {row.histology or UNKNOWN_HISTOLOGY for row in found}
        templates = {template for row in found for template, _ in row.sessions}
        words = {best_word(row) for row in found}
        self._filling = True
        _fill(self.histology, [(each, f"Tumour {each}") for each in sorted(tumours)])
        _fill(self.template, [(each, titles.get(each, each)) for each in sorted(templates)])
        ordered = sorted(words, key=lambda each: (ORDER.get(each, len(ORDER)), each))
        _fill(self.response, [(each, f"Best response {each}") for each in ordered])
        self._filling = False

    def _typed(self) -> None:
        wrong = [each.text() for each in (self.since, self.until) if each.text().strip() and not _day(each.text())]
        chosen = self.chosen()
        if wrong:
            self.problem.setText(f"“{wrong[0]}” is no day: write 2026-03-12.")
        elif chosen.since and chosen.until and chosen.since > chosen.until:
            self.problem.setText("The period ends before it begins.")
        else:
            self.problem.setText("")
        self._changed()


def _fill(box: QComboBox, entries: list[tuple[str, str]]) -> None:
    if [(box.itemData(each), box.itemText(each)) for each in range(1, box.count())] == entries:
        return
    before = box.currentData()
    while box.count() > 1:
        box.removeItem(1)
    for code, text in entries:
        box.addItem(text, code)
    box.setCurrentIndex(max(0, box.findData(before)) if before is not None else 0)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
