"""The cohort as a table: one line per case, sortable by every column; unknown always stands behind what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView

from planner.app.cohort import CohortRow
from planner.app.cohort_rows import ORDER
from planner.app.cohort_tables import best_word
from planner.app.course_review import event_words
from planner.units import shown
from planner.workflow.treated import SeenResponse
from viewers.panels.parts import plain_tip
from viewers.panels.plot_parts import CATEGORY_COLOURS
from viewers.panels.plot_waterfall import signed
from viewers.panels.timeline_content import CRITERIA
from viewers.scene.slice_text import shown_name

UNKNOWN = "–"
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    text
        What a cell says.
    key
        What it is sorted by; None is unknown.
    width_em
        Its width at first.
    tip
        A longer text than the cell has room for.
    """

    title: str
    width_em: float
    text: Callable[[CohortRow], str]
    key: Callable[[CohortRow], Any]
    tip: Callable[[CohortRow], str] | None = None
    help: str = ""


def case_name(row: CohortRow) -> str:
    return shown_name(row.name) or row.patient_id or "(no name)"


def _days(row: CohortRow) -> list[Any]:
    return [on for _, on in row.sessions]


def _templates(row: CohortRow) -> str:
    return ", ".join(dict.fromkeys(each for each, _ in row.sessions))


def _seen(seen: SeenResponse | None, fallback: str) -> str:
    return fallback if seen is None else f"{seen.category or 'NE'}, {seen.on.isoformat()}"


def _rank(seen: SeenResponse | None) -> int | None:
    return None if seen is None or seen.category not in ORDER else ORDER[seen.category]


def _change(row: CohortRow) -> str:
    if row.best_change is None:
        return UNKNOWN
    return f"{signed(row.best_change)} {CRITERIA.get(row.best_change_by or '', row.best_change_by or '')}"


def _responses(row: CohortRow) -> str:
    lines = [f"{CRITERIA.get(each.criteria, each.criteria)}: best {each.best or 'NE'}" for each in row.by_criteria]
    lines += [
        f"{each.name}: {CRITERIA.get(each.criteria, each.criteria)} {each.best or 'NE'}"
        + (f", {signed(each.best_change)}" if each.best_change is not None else "")
        for each in row.lesions
    ]
    return "\n".join(lines) or _seen(row.best, best_word(row))


def _events(row: CohortRow) -> str:
    return "; ".join(event_words(each) for each in row.complications) or (
        "none" if row.events_unasked == 0 else "none known"
    )


def _unasked(row: CohortRow) -> str:
    return f"{row.events_unasked} of {len(row.sessions)}" if row.events_unasked else "all asked"


def _doses(row: CohortRow) -> str:
    return " · ".join(f"{name.replace('-', ' ')} {shown(amount, unit)}" for (name, unit), amount in row.doses.items())


def _dose_column(title: str, substance: str) -> Column:
    """The total of one substance; known sessions only."""

    def total(row: CohortRow) -> tuple[float, str] | None:
        found = [(amount, unit) for (name, unit), amount in row.doses.items() if name == substance]
        return found[0] if len(found) == 1 else None

    def text(row: CohortRow) -> str:
        found = total(row)
        return UNKNOWN if found is None else shown(*found)

    def key(row: CohortRow) -> float | None:
        found = total(row)
        return None if found is None else found[0]

    return Column(title, 6.0, text, key, _doses, "Total of the known sessions; the tip of a cell names every dose")


def _margins(row: CohortRow) -> str:
    lines = [f"{each.title}: {shown(each.margin_mm, 'mm')}" for each in row.held if each.margin_mm is not None]
    return "\n".join(lines) or "No achieved margin was measured."


def _progression(row: CohortRow) -> str:
    if row.progressed is not None:
        return f"{row.progressed.days} d"
    return "none read" if row.last is not None else UNKNOWN


def _progression_tip(row: CohortRow) -> str:
    if row.progressed is None:
        return "No progression was read; known for " + shown(row.followed_days, "d")
    by = CRITERIA.get(row.progressed.criteria, row.progressed.criteria)
    return f"Progression read on {row.progressed.on.isoformat()} by {by}"


COLUMNS = (
    Column("Case", 4.0, lambda row: row.code, lambda row: row.code, help="In the order of first sessions"),
    Column("Name", 10.0, case_name, case_name),
    Column("Tumour", 5.0, lambda row: row.histology or "not known", lambda row: row.histology),
    Column("Stage", 5.0, lambda row: row.stage or UNKNOWN, lambda row: row.stage),
    Column("Sessions", 5.0, lambda row: str(len(row.sessions)), lambda row: len(row.sessions)),
    Column("Procedures", 7.0, _templates, _templates),
    Column("First session", 6.4, lambda row: min(_days(row)).isoformat(), lambda row: min(_days(row))),
    Column("Best response", 7.5, lambda row: _seen(row.best, best_word(row)), lambda row: _rank(row.best), _responses),
    Column("Last response", 7.5, lambda row: _seen(row.last, "not read"), lambda row: _rank(row.last), _responses),
    Column("Best change", 9.6, _change, lambda row: row.best_change, help="From the baseline, by the criteria named"),
    Column(
        "To progression",
        6.6,
        _progression,
        lambda row: row.progressed.days if row.progressed else None,
        _progression_tip,
        "Days from the first session to the first progression that was read",
    ),
    Column(
        "Known for",
        5.4,
        lambda row: shown(row.followed_days, "d"),
        lambda row: row.followed_days,
        help="Days from the first session to the last day of which the case knows anything",
    ),
    Column("Complications", 13.0, _events, lambda row: len(row.complications), help="Each with its scheme and grade"),
    Column("Events not asked", 7.4, _unasked, lambda row: row.events_unasked, help="To 30 days, of all sessions"),
    Column(
        "Least margin",
        6.2,
        lambda row: shown(row.margin_mm, "mm"),
        lambda row: row.margin_mm,
        _margins,
        "Smallest achieved margin of all ablations",
    ),
    Column(
        "Decision to treatment",
        9.8,
        lambda row: shown(row.decision_to_treatment_days, "d"),
        lambda row: row.decision_to_treatment_days,
    ),
    _dose_column("Doxorubicin", "doxorubicin"),
    _dose_column("Contrast", "contrast"),
    _dose_column("Air kerma", "air-kerma"),
    Column("All doses", 16.0, _doses, lambda row: _doses(row) or None, help="Known sessions only; sorted as text"),
    Column("Elsewhere", 6.0, lambda row: row.outside, lambda row: row.outside, help="Treated elsewhere, as asked"),
)
NAME = 1


class CohortModel(QAbstractTableModel):
    """Rows as they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[CohortRow] = []

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if way is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        return plain_tip(COLUMNS[section].help) if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip((column.tip or column.text)(row))
        if role == Qt.ItemDataRole.ForegroundRole and column.title in ("Best response", "Last response"):
            category = column.text(row)[:2]
            return QBrush(QColor(CATEGORY_COLOURS[category])) if category in CATEGORY_COLOURS else None
        return None

    def show_rows(self, rows: Sequence[CohortRow]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column, stable; what is unknown stays behind everything that is known."""
        self.layoutAboutToBeChanged.emit()
        key = COLUMNS[column].key
        known = [row for row in self.rows if key(row) is not None]
        known.sort(key=key, reverse=order == Qt.SortOrder.DescendingOrder)
        self.rows = known + [row for row in self.rows if key(row) is None]
        self.layoutChanged.emit()


class CohortTable(QTableView):
    """Enter or a double-click opens the case of a line."""

    opened = Signal(str)
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.cases = CohortModel()
        self.setModel(self.cases)
        self.verticalHeader().setVisible(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        em = self.fontMetrics().height()
        for number, column in enumerate(COLUMNS):
            self.horizontalHeader().resizeSection(number, round(column.width_em * em))
        self.verticalHeader().setDefaultSectionSize(round(em * 1.6))
        self.setColumnHidden(NAME, True)
        self.setAccessibleName("Cases of the cohort")
        self.doubleClicked.connect(lambda index: self.opened.emit(self.cases.rows[index.row()].case_id))
        self.selectionModel().selectionChanged.connect(self._choose)

    def current_case(self) -> str | None:
        lines = self.selectionModel().selectedRows()
        return self.cases.rows[lines[0].row()].case_id if lines and lines[0].row() < len(self.cases.rows) else None

    def _choose(self) -> None:
        case_id = self.current_case()
        if case_id is not None:
            self.chosen.emit(case_id)

    def choose(self, case_id: str) -> None:
        """Select the line of a case, as chosen in a plot."""
        ids = [each.case_id for each in self.cases.rows]
        if case_id in ids and case_id != self.current_case():
            self.selectRow(ids.index(case_id))

    def show_names(self, named: bool) -> None:
        self.setColumnHidden(NAME, not named)

    def show_rows(self, rows: Sequence[CohortRow]) -> None:
        """Show rows in the order that was chosen; the chosen case stays chosen while it is there."""
        before = self.current_case()
        self.cases.show_rows(rows)
        head = self.horizontalHeader()
        self.cases.sort(head.sortIndicatorSection(), head.sortIndicatorOrder())
        if before is not None:
            self.choose(before)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        case_id = self.current_case()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and case_id is not None:
            self.opened.emit(case_id)
            return
        super().keyPressEvent(event)
