"""Who is due for what, over all patients: a sortable list with filters, from what the library keeps of each case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QGridLayout, QHeaderView, QPushButton, QTableView, QWidget

from planner.store.summary import CaseSummary, DueSummary, folded
from viewers.panels.parts import PlainLabel, mark_checked, plain_tip, row
from viewers.panels.worklist import counted, in_preparation
from viewers.scene.slice_text import shown_name
from viewers.state.theme import BLOCK, QUIET, TEXT, WARN

SOON_DAYS = 7
COLUMNS = ("When", "Due", "Patient", "What", "Kind", "Who")

KIND_WORDS = {
    "session": "session",
    "step": "course step",
    "task": "task",
    "imaging": "imaging",
    "laboratory": "laboratory",
    "report": "patient's report",
    "marker": "marker",
    "device": "device",
    "decision": "decision",
    "outcome": "outcome",
}

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class DueLine:
    """One thing one case waits for."""

    summary: CaseSummary
    due: DueSummary

    @property
    def name(self) -> str:
        name = shown_name(self.summary.facts.patient_name) or self.summary.facts.patient_id or "(no name)"
        # In front, so that a narrow column never cuts it off.
        return f"SIMULATED · {name}" if self.summary.facts.simulated else name

    def speaks_of(self, text: str) -> bool:
        """Whether a folded search text stands in what is due or in who is to do it."""
        return text in folded(f"{self.due.text} {KIND_WORDS.get(self.due.kind, self.due.kind)} {self.due.owner or ''}")

    def when(self, today: date) -> tuple[int, str, str]:
        """Order, shape with word, and colour of how urgent it is: by shape and word, never by colour alone."""
        day = self.due.due_on
        if day is None:
            return 4, "· no day set", QUIET
        if day < today:
            return 0, f"▲ overdue {(today - day).days} d", BLOCK
        if day == today:
            return 1, "● today", WARN
        if day <= today + timedelta(days=SOON_DAYS):
            return 2, f"○ in {(day - today).days} d", TEXT
        return 3, f"○ in {(day - today).days} d", QUIET


Belongs = Callable[[DueLine, date], bool]

FILTERS: tuple[tuple[str, Belongs], ...] = (
    ("All", lambda line, today: True),
    ("Overdue", lambda line, today: line.due.overdue(today)),
    ("This week", lambda line, today: line.when(today)[0] in (1, 2)),
    ("To review", lambda line, today: line.due.kind == "outcome"),
    ("In preparation", lambda line, today: in_preparation(line.summary, today)),
)


class DueModel(QAbstractTableModel):
    """Lines as they are shown; sorting is stable, so that a second column orders within the first."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[DueLine] = []
        self.today = date.min

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if way is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cells(line)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self.cells(line)[index.column()])
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            return QBrush(QColor(line.when(self.today)[2]))
        return None

    def cells(self, line: DueLine) -> tuple[str, ...]:
        due = line.due
        day = due.due_on.isoformat() if due.due_on else "–"
        kind = KIND_WORDS.get(due.kind, due.kind)
        return (line.when(self.today)[1], day, line.name, due.text, kind, due.owner or "nobody named")

    def show_lines(self, lines: Sequence[DueLine], today: date) -> None:
        self.beginResetModel()
        self.lines, self.today = list(lines), today
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; what has no day stays behind everything that has one."""
        self.layoutAboutToBeChanged.emit()
        backwards = order == Qt.SortOrder.DescendingOrder

        def text(line: DueLine) -> str:
            return self.cells(line)[column].casefold()

        if column in (0, 1):
            dated = [line for line in self.lines if line.due.due_on is not None]
            undated = [line for line in self.lines if line.due.due_on is None]
            dated.sort(key=lambda line: line.due.due_on or date.max, reverse=backwards)
            self.lines = dated + undated
        else:
            self.lines.sort(key=text, reverse=backwards)
        self.layoutChanged.emit()


class DueTable(QTableView):
    """The lines; Enter or a double-click opens the case, at the session where the line is about one."""

    opened = Signal(object)
    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.lines = DueModel()
        self.setModel(self.lines)
        self.verticalHeader().setVisible(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        head, em = self.horizontalHeader(), self.fontMetrics().height()
        for column, width in enumerate((7.8, 6, 10.5, 22, 7.5, 7.5)):
            head.resizeSection(column, round(width * em))
        head.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setDefaultSectionSize(round(em * 1.7))
        self.doubleClicked.connect(lambda index: self.opened.emit(self.lines.lines[index.row()]))
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())

    def current_line(self) -> DueLine | None:
        rows = self.selectionModel().selectedRows()
        return self.lines.lines[rows[0].row()] if rows and rows[0].row() < len(self.lines.lines) else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        line = self.current_line()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and line is not None:
            self.opened.emit(line)
            return
        super().keyPressEvent(event)

    def show_lines(self, lines: Sequence[DueLine], today: date) -> None:
        """Show lines in the order that was chosen; the chosen line stays chosen while it is there."""
        before = self.current_line()
        self.lines.show_lines(lines, today)
        head = self.horizontalHeader()
        self.lines.sort(head.sortIndicatorSection(), head.sortIndicatorOrder())
        keys = [(each.summary.case_id, each.due.key) for each in self.lines.lines]
        wanted = (before.summary.case_id, before.due.key) if before is not None else None
        if keys:
            self.selectRow(keys.index(wanted) if wanted in keys else 0)


class DueList(QWidget):
    """Filters above, lines below. Counts are of real patients; simulated ones are shown, and counted apart.

    Parameters
    ----------
    refreshed
        Called after a filter was changed.
    """

    def __init__(self, refreshed: Callable[[], object]) -> None:
        super().__init__()
        self.name = FILTERS[0][0]
        self._refreshed = refreshed
        self._filling = False
        self.buttons: dict[str, QPushButton] = {}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for number, (name, _) in enumerate(FILTERS):
            made = mark_checked(_checkable(name))
            made.clicked.connect(lambda _=False, name=name: self.choose(name))
            layout.addWidget(made, 0, number)
            self.buttons[name] = made
        self.buttons[self.name].setChecked(True)
        self.kind, self.owner = QComboBox(), QComboBox()
        for box, label in ((self.kind, "Every kind"), (self.owner, "Everybody")):
            box.addItem(label, None)
            box.currentIndexChanged.connect(lambda *_: None if self._filling else self._refreshed())
        chooser = row(PlainLabel("Kind", role="quiet"), self.kind, PlainLabel("Who", role="quiet"), self.owner)
        layout.addWidget(chooser, 1, 0, 1, len(FILTERS))
        self.table = DueTable()
        layout.addWidget(self.table, 2, 0, 1, len(FILTERS))
        layout.setRowStretch(2, 1)

    def choose(self, name: str) -> None:
        """Press one of the filters."""
        self.name = name
        for each, made in self.buttons.items():
            made.setChecked(each == name)
        self._refreshed()

    def show_cases(self, cases: Sequence[CaseSummary], found: Collection[str], text: str, today: date) -> int:
        """Show what cases wait for, by search and filters; returns how many lines are shown.

        Parameters
        ----------
        found
            Ids of the cases that the search found; of the others only lines that speak of `text` are shown.
        """
        lines = [DueLine(summary, due) for summary in cases for due in summary.facts.open_due(today)]
        wanted = folded(text.strip())
        lines = [line for line in lines if line.summary.case_id in found or (wanted and line.speaks_of(wanted))]
        self._offer(self.kind, {line.due.kind: KIND_WORDS.get(line.due.kind, line.due.kind) for line in lines})
        self._offer(self.owner, {line.due.owner: line.due.owner for line in lines if line.due.owner})
        kind, owner = self.kind.currentData(), self.owner.currentData()
        lines = [line for line in lines if kind in (None, line.due.kind) and owner in (None, line.due.owner)]
        for name, belongs in FILTERS:
            mine = [line for line in lines if belongs(line, today)]
            self.buttons[name].setText(counted(name, [line.summary.facts.simulated for line in mine]))
        belongs = dict(FILTERS)[self.name]
        shown = [line for line in lines if belongs(line, today)]
        self.table.show_lines(shown, today)
        return len(shown)

    def _offer(self, box: QComboBox, words: dict[str, str]) -> None:
        """Offer what occurs; what was chosen stays chosen as long as it occurs."""
        known = [box.itemData(number) for number in range(1, box.count())]
        wanted = sorted(words, key=lambda code: words[code])
        if known == wanted:
            return
        chosen = box.currentData()
        self._filling = True
        while box.count() > 1:
            box.removeItem(1)
        for code in wanted:
            box.addItem(words[code], code)
        box.setCurrentIndex(max(0, box.findData(chosen)) if chosen is not None else 0)
        self._filling = False


def _checkable(text: str) -> QPushButton:
    made = QPushButton(text)
    made.setCheckable(True)
    made.setAutoDefault(False)
    return made
