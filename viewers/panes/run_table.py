"""The run table: every run of the case with how it was taken. What a file does not tell is printed as not stated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner.geometry.c_arm import angle_words
from viewers.scene.run_text import NOT_STATED, dose_text
from viewers.scene.slice_text import one_line, shown_date
from viewers.state import theme
from viewers.state.run_state import RunLine

HEADINGS = (
    "Series",
    "Run",
    "Description",
    "Frames",
    "Angles",
    "Rate",
    "SID",
    "Detector pixel",
    "Table (long. / lat. / vert.)",
    "Dose",
    "Taken",
)
SORTED_AS = Qt.ItemDataRole.UserRole
KEY_AS = Qt.ItemDataRole.UserRole + 1


class _Cell(QTableWidgetItem):
    """Sorted by its number where it has one; what is not stated comes last."""

    def __lt__(self, other: QTableWidgetItem) -> bool:
        mine, theirs = self.data(SORTED_AS), other.data(SORTED_AS)
        if mine is None or theirs is None:
            return mine is not None
        if isinstance(mine, str) or isinstance(theirs, str):
            return str(mine) < str(theirs)
        return float(mine) < float(theirs)


def cells_of(line: RunLine) -> tuple[tuple[str, float | str | None], ...]:
    """(text, what it is sorted by) for every heading."""
    source, facts = line.source, line.facts
    detector = facts.detector_spacing_mm
    taken = facts.acquired_at or source.study_date
    stated_angles = facts.primary_deg is not None or facts.secondary_deg is not None
    return (
        _number(source.series_number, "#{:d}"),
        _number(facts.instance_number, "{:d}"),
        (one_line(source.description) or NOT_STATED, one_line(source.description) or None),
        _number(line.frames, "{:d}"),
        (angle_words(facts.primary_deg, facts.secondary_deg) if stated_angles else NOT_STATED, facts.primary_deg),
        _number(facts.rate_hz, "{:.3g}/s"),
        _number(facts.source_to_detector_mm, "{:.0f} mm"),
        (NOT_STATED, None) if detector is None else (f"{detector[0]:.3f} × {detector[1]:.3f} mm", detector[0]),
        _table_cell(facts.table_mm),
        (dose_text(facts), facts.dose_area_product_gy_cm2),
        (NOT_STATED, None) if not taken else (_when(taken), taken),
    )


def _number(value: float | None, form: str) -> tuple[str, float | None]:
    return (NOT_STATED, None) if value is None else (form.format(value), float(value))


def _table_cell(table_mm: tuple[float | None, float | None, float | None]) -> tuple[str, float | None]:
    if all(value is None for value in table_mm):
        return NOT_STATED, None
    texts = ("?" if value is None else f"{value:.0f}" for value in table_mm)
    return " / ".join(texts) + " mm", table_mm[0]


def _when(text: str) -> str:
    """``2024-03-12 09:41`` of ISO text or a DICOM date."""
    if "T" in text:
        day, _, time = text.partition("T")
        return f"{shown_date(day)} {one_line(time)[:5]}"
    return shown_date(text)


class RunTableDialog(QDialog):
    """A sortable table; double-click or Enter shows the run.

    Parameters
    ----------
    chosen
        Called with the key of a run to be shown.
    """

    def __init__(
        self, lines: Sequence[RunLine], shown: str | None, chosen: Callable[[str], object], parent: QWidget | None
    ) -> None:
        super().__init__(parent)
        self._chosen = chosen
        self.setWindowTitle("Runs")
        self.table = QTableWidget(len(lines), len(HEADINGS), self)
        self.table.setHorizontalHeaderLabels(list(HEADINGS))
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setAlternatingRowColors(True)
        self._fill(lines, shown)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.setSortingEnabled(True)
        self.table.itemActivated.connect(lambda *_: self._take())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Open).setText("Show")
        buttons.accepted.connect(self._take)
        buttons.rejected.connect(self.reject)
        rows = QVBoxLayout(self)
        rows.addWidget(self.table, 1)
        rows.addWidget(buttons)
        self.resize(*self._fitting_size(len(lines)))

    def _fitting_size(self, count: int) -> tuple[int, int]:
        """As wide as its columns, as high as its rows, within the screen."""
        screen = self.screen().availableGeometry()
        wide = self.table.horizontalHeader().length() + 60
        high = self.table.verticalHeader().defaultSectionSize() * (count + 1) + 110
        return min(wide, round(screen.width() * 0.94)), min(max(high, 220), round(screen.height() * 0.8))

    def _fill(self, lines: Sequence[RunLine], shown: str | None) -> None:
        for row, line in enumerate(lines):
            for column, (text, order) in enumerate(cells_of(line)):
                cell = _Cell(text)
                cell.setData(SORTED_AS, order)
                cell.setData(KEY_AS, line.key)
                if text == NOT_STATED:
                    cell.setForeground(self.palette().placeholderText())
                self.table.setItem(row, column, cell)
            if line.key == shown:
                self.table.selectRow(row)
        self.table.setStyleSheet(f"QTableWidget {{ gridline-color: {theme.LINE}; }}")

    def _take(self) -> None:
        item = self.table.item(self.table.currentRow(), 0)
        if item is not None:
            self._chosen(str(item.data(KEY_AS)))
            self.accept()
