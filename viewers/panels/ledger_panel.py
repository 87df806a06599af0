"""What adds up over a course: totals, windows, limits, the field of the skin; each number with what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QTableWidget, QVBoxLayout, QWidget

from planner.model.ledger import LedgerEntry
from planner.units import shown
from planner.workflow.course_ledger import CourseLedger, LedgerRow
from viewers.panels.findings_panel import FindingsPanel
from viewers.panels.next_step_card import source_line
from viewers.panels.parts import ClickLabel, PlainLabel, clear, panel
from viewers.panels.review_page import ReviewPage, scrolled
from viewers.panels.tables import text_table
from viewers.state import theme

KEY = "Ctrl+Shift+G"
HEADINGS = ("What", "In all", "In the window", "Limit", "Share", "Skin field")
SHARE = HEADINGS.index("Share")
NO_LIMIT = "no limit in the profile"
NOTHING = "Limits: none reached, as far as known"
ORIGINS = {"outside": "elsewhere", "prior": "earlier treatment"}


@dataclass(frozen=True, eq=False, slots=True)
class LedgerView:
    """What the page shows.

    Attributes
    ----------
    planned
        Entries that are planned and not given yet: they are in the numbers.
    silent
        What the plan does not say an amount of.
    sessions
        Titles of sessions by id.
    of
        Key of `choices` that is on show.
    """

    ledger: CourseLedger
    choices: tuple[tuple[str, str], ...]
    of: str
    sessions: Mapping[str, str]
    planned: tuple[LedgerEntry, ...] = ()
    silent: tuple[str, ...] = ()


def share_of(row: LedgerRow) -> float | None:
    """The sum in the window over its limit; None where either is unknown."""
    if row.limit is None or row.limit <= 0.0 or row.in_window is None:
        return None
    return row.in_window / row.limit


def cells_of(row: LedgerRow) -> tuple[str, ...]:
    """One line of the table; what is not known is a dash, what is not limited is said."""
    quantity = row.quantity
    total = shown(row.total, quantity.unit)
    if quantity.per_m2:
        per_area = "per m² unknown" if row.per_m2 is None else shown(row.per_m2, f"{quantity.unit}/m2")
        total = f"{total} ({per_area})"
    window = "–" if quantity.window_days is None else f"{shown(row.in_window, quantity.unit)} in {_days(quantity)}"
    if row.limit is not None:
        limit = shown(row.limit, quantity.unit)
    else:
        limit = "by the eGFR" if quantity.kidney else "by a rule, per m²" if quantity.rule else NO_LIMIT
    place = "–" if not quantity.by_place else (row.place or "not recorded").replace("-", " ")
    return quantity.title, total, window, limit, "", place


def _days(quantity: object) -> str:
    days = int(getattr(quantity, "window_days", 0))
    return f"{days * 24} h" if days <= 3 else f"{days} d"


class ShareBar(QWidget):
    """A bar as long as the share of the limit; the limit is the stroke at four fifths of the width."""

    def __init__(self, share: float | None) -> None:
        super().__init__()
        self.share = share
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        room = QRectF(self.rect()).adjusted(6, 5, -6, -5)
        if self.share is None:
            painter.setPen(QColor(theme.QUIET))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, "–")
            painter.end()
            return
        limit = room.width() * 0.8
        length = min(room.width(), limit * self.share)
        painter.fillRect(QRectF(room.left(), room.top(), room.width(), room.height()), QColor(theme.RAISED))
        filled = theme.WARN if self.share >= 1.0 else theme.ACCENT_DEEP
        painter.fillRect(QRectF(room.left(), room.top(), length, room.height()), QColor(filled))
        painter.fillRect(QRectF(room.left() + limit - 1, room.top() - 2, 2, room.height() + 4), QColor(theme.TEXT))
        # Above the limit the bar is amber: dark words are read on it.
        painter.setPen(QColor("#101214" if self.share >= 1.0 else theme.TEXT))
        words = f"{100.0 * self.share:.0f} %"
        painter.drawText(room.adjusted(4, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)
        painter.end()


class LedgerPage(ReviewPage):
    """Rows with bars, below them the entries of the chosen number, right what limits say of them.

    Parameters
    ----------
    choose
        Another of `LedgerView.choices`.
    open_session
        Opens the session an entry comes from.
    """

    def __init__(
        self, leave: Callable[[], object], choose: Callable[[str], object], open_session: Callable[[str], object]
    ) -> None:
        super().__init__("Doses over the course", leave, KEY)
        self._choose, self._open_session = choose, open_session
        self.view: LedgerView | None = None
        self.chosen = 0
        self.of = QComboBox()
        self.of.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.of.setToolTip("As given, or with what a session plans")
        self.of.activated.connect(lambda _: self._choose(str(self.of.currentData())))
        self.head.addWidget(self.of)
        self.head.addStretch(1)
        self.table: QTableWidget = text_table(HEADINGS, ())
        self.table_place, self.entries_place = QVBoxLayout(), QVBoxLayout()
        self.facts = PlainLabel("", wrap=True)
        self.findings = FindingsPanel(NOTHING)
        left = QVBoxLayout()
        left.addWidget(self.facts)
        left.addLayout(self.table_place, 3)
        left.addLayout(self.entries_place, 2)
        right, right_layout = panel()
        right_layout.addWidget(self.findings)
        right_layout.addStretch(1)
        across = QHBoxLayout()
        across.addLayout(left, 7)
        across.addWidget(scrolled(right), 3)
        self.body.addLayout(across, 1)

    def show_view(self, view: LedgerView) -> None:
        """Show a ledger; the chosen line stays chosen. Nothing is built where it says the same."""
        if view == self.view:
            return
        self.view = view
        self.note.setText(view.ledger.note)
        self.of.clear()
        for key, words in view.choices:
            self.of.addItem(words, key)
        self.of.setCurrentIndex(max(0, self.of.findData(view.of)))
        used = ", ".join(f"{kind.replace('-', ' ')} {count}×" for kind, count in view.ledger.anaesthesia.items())
        lines = [f"Sessions performed here: {view.ledger.sessions} · anaesthesia: {used or 'none recorded'}"]
        if view.planned:
            lines.append(f"With what is planned and not given yet: {len(view.planned)} amounts.")
        if view.silent:
            lines.append(f"The plan gives no amount of: {', '.join(view.silent)}; they are not in these numbers.")
        self.facts.setText("\n".join(lines))
        self.findings.show_findings(view.ledger.findings, (), None)
        self._show_table(view.ledger.rows)
        self.show_entries(min(self.chosen, max(0, len(view.ledger.rows) - 1)))

    def _show_table(self, rows: Sequence[LedgerRow]) -> None:
        clear(self.table_place)
        self.table = text_table(HEADINGS, [cells_of(each) for each in rows], wide=SHARE)
        self.table.setToolTip("A click on a number shows what it is made of")
        for line, each in enumerate(rows):
            self.table.setCellWidget(line, SHARE, ShareBar(share_of(each)))
        self.table.cellClicked.connect(lambda line, column: self.show_entries(line))
        self.table.currentCellChanged.connect(lambda line, column, before, last: self.show_entries(line))
        self.table_place.addWidget(self.table)

    def show_entries(self, line: int) -> None:
        """What a total is made of: day, amount, session, field of the skin; and where its limit comes from."""
        view = self.view
        clear(self.entries_place)
        if view is None or not 0 <= line < len(view.ledger.rows):
            self.entries_place.addWidget(PlainLabel("Nothing is recorded of this course yet.", role="quiet"))
            return
        self.chosen, row = line, view.ledger.rows[line]
        self.entries_place.addWidget(PlainLabel(f"{row.quantity.title}: what it is made of", role="section"))
        origin = PlainLabel(source_line(row.quantity.source, row.quantity.tag), role="quiet", wrap=True)
        self.entries_place.addWidget(origin)
        holder = QWidget()
        lines = QVBoxLayout(holder)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(1)
        for each in row.entries:
            lines.addWidget(self._entry(view, row, each))
        lines.addStretch(1)
        self.entries_place.addWidget(scrolled(holder), 1)

    def _entry(self, view: LedgerView, row: LedgerRow, entry: LedgerEntry) -> PlainLabel:
        day = "day unknown" if entry.on is None else entry.on.isoformat()
        whose = view.sessions.get(entry.origin) or ORIGINS.get(entry.origin, entry.origin)
        parts = [day, shown(entry.amount, entry.unit), whose]
        if entry.place is not None:
            parts.append(entry.place.replace("-", " "))
        elif row.quantity.by_place:
            parts.append("skin field not recorded")
        if entry in view.planned:
            parts.append("planned, not given")
        if entry.origin not in view.sessions:
            return PlainLabel(" · ".join(parts), wrap=True)
        label = ClickLabel(" · ".join(parts), tip="Opens this session")
        label.clicked.connect(lambda: self._open_session(entry.origin))
        return label


class LedgerBrief(QWidget):
    """The totals with this session's plan, where the plan is signed."""

    def __init__(self, open_ledger: Callable[[], object]) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, layout = panel(theme.CARD)
        outer.addWidget(frame)
        self.head = ClickLabel("", tip=f"All of it ({KEY})")
        self.head.clicked.connect(open_ledger)
        layout.addWidget(self.head)
        self.lines = QVBoxLayout()
        self.lines.setSpacing(1)
        layout.addLayout(self.lines)
        self.note = PlainLabel("", role="quiet", wrap=True)
        layout.addWidget(self.note)
        self.findings = FindingsPanel(NOTHING)
        layout.addWidget(self.findings)
        self.shown: tuple[object, ...] | None = None

    def show_projection(self, ledger: CourseLedger, silent: Sequence[str], *, performed: bool) -> None:
        """Show what the ledger would be (is, once the session was performed); nothing is built where it is the same."""
        state = (ledger, tuple(silent), performed)
        if state == self.shown:
            return
        self.shown = state
        self.head.setText("Totals of the course ▸" if performed else "Totals of the course with this plan ▸")
        clear(self.lines)
        for each in ledger.rows:
            title, total, window, limit, _, place = cells_of(each)
            share = share_of(each)
            parts = [f"{title}: {total}"]
            if window != "–":
                parts.append(window)
            if share is not None:
                parts.append(f"limit {limit}, {100.0 * share:.0f} %")
            if each.place is not None:
                parts.append(place)
            self.lines.addWidget(PlainLabel(" · ".join(parts), wrap=True))
        if silent:
            words = f"The plan gives no amount of: {', '.join(silent)}; they are not in these totals."
            self.lines.addWidget(PlainLabel(words, wrap=True))
        self.note.setText(ledger.note)
        self.findings.show_findings(ledger.findings, (), None)
