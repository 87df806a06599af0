"""Tables of the cohort in words: responses by criteria, complications by scheme and grade, months."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableWidget, QVBoxLayout, QWidget

from planner.app.cohort import CohortRow
from planner.app.cohort_rows import ORDER
from planner.app.cohort_tables import (
    CohortFilter,
    complication_lines,
    month_lines,
    response_lines,
    schemes,
    share,
    unread,
)
from viewers.panels.parts import PlainLabel, clear, plain_tip
from viewers.panels.tables import text_table
from viewers.panels.timeline_content import CRITERIA

Cells = tuple[tuple[str, ...], list[tuple[str, ...]]]


class CountsView(QWidget):
    """A sentence, a table, and what the table cannot say."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self.table: QTableWidget | None = None

    def show_counts(self, lead: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *notes: str) -> None:
        clear(self._layout)
        self._layout.addWidget(PlainLabel(lead, wrap=True))
        self.table = None
        if rows:
            self.table = text_table(headings, rows)
            for column, words in enumerate(headings):
                item = self.table.horizontalHeaderItem(column)
                if item is not None:
                    item.setToolTip(plain_tip(words))
            self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
            self._layout.addWidget(self.table, 1)
        for note in notes:
            self._layout.addWidget(PlainLabel(note, role="quiet", wrap=True))
        if not rows:
            self._layout.addStretch(1)


def show_responses(view: CountsView, rows: Sequence[CohortRow]) -> None:
    """Best response of each case, each set of criteria by itself."""
    lines = response_lines(rows)
    others = dict.fromkeys(word for line in lines for word, _ in line.counts if word not in ORDER)
    words = (*ORDER, *others)
    body = []
    for line in lines:
        counts = dict(line.counts)
        cells = [share(counts[each], line.cases) if each in counts else "–" for each in words]
        body.append((CRITERIA.get(line.criteria, line.criteria), str(line.cases), *cells))
    view.show_counts(
        f"Best response of each case · n = {len(rows)} cases · none read at all: {share(unread(rows), len(rows))}."
        if rows
        else "n = 0: no case to count.",
        ("Criteria", "Cases read", *words),
        body,
        "Criteria are never put together: a case read by two stands in both lines.",
    )


def show_complications(view: CountsView, rows: Sequence[CohortRow], chosen: CohortFilter) -> None:
    """Events by scheme with version and grade."""
    held = [each for row in rows for each in row.held if chosen.covers(each.on)]
    asked = sum(each.events_asked is True for each in held)
    body = [
        (
            line.scheme or "not graded",
            line.grade or "–",
            str(line.events),
            share(line.sessions, len(held)),
            share(line.cases, len(rows)),
            ", ".join(line.names),
        )
        for line in complication_lines(rows, chosen)
    ]
    lead = (
        f"{len(held)} sessions of n = {len(rows)} cases · asked for events to 30 days after {share(asked, len(held))}"
    )
    view.show_counts(
        f"{lead}." if body else f"{lead}. No event is known; where nobody asked, that is not the same as none.",
        ("Scheme", "Grade", "Events", "Sessions with it", "Cases with it", "What"),
        body,
        "Schemes are never converted and never added up. Sessions after which nobody asked may have had events.",
    )


def show_months(view: CountsView, rows: Sequence[CohortRow], chosen: CohortFilter) -> None:
    """Sessions month by month: what was asked and read afterwards, severe events by scheme, deaths."""
    lines = month_lines(rows, chosen)
    names = tuple(dict.fromkeys(scheme for line in lines for scheme, _ in line.severe))
    known = schemes()
    body = []
    for line in reversed(lines):
        severe = dict(line.severe)
        body.append(
            (
                line.month,
                str(line.sessions),
                share(line.asked, line.sessions),
                share(line.read, line.sessions),
                str(line.events),
                *(str(severe.get(name, 0)) for name in names),
                str(line.ungraded),
                str(line.deaths),
            )
        )
    sources = [f"{name} from grade {known[name].severe_from}: {known[name].source}" for name in names]
    unverified = [name for name in names if known[name].tag in ("M", "P")]
    view.show_counts(
        f"{sum(line.sessions for line in lines)} sessions of n = {len(rows)} cases, newest month first."
        if lines
        else "n = 0: no session in this period.",
        (
            *("Month", "Sessions", "Asked for events", "Response read after", "Events"),
            *(f"Severe, {name}" for name in names),
            *("Not graded", "Deaths as events"),
        ),
        body,
        *(["Severe: " + "; ".join(sources) + "."] if sources else []),
        *([f"Unverified: {', '.join(unverified)}."] if unverified else []),
        "A death that was not entered as an event of a session is not known here.",
    )
