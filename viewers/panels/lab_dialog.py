"""Paste a laboratory table or open a CSV: what was understood, what was not, and what needs a second look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHeaderView,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner.clinical.laboratory import analyte
from planner.clinical.laboratory_table import LabReading, read_table
from planner.findings import Finding
from planner.units import shown
from viewers.panels.parts import PlainLabel, button, row, sized

LARGEST_FILE = 5_000_000
"""Bytes of a CSV that is read; a laboratory table is never larger."""


class LabDialog(QDialog):
    """Text above, what was understood below. Nothing enters the case before the button is pressed.

    Parameters
    ----------
    take
        Called with the readings to be added.
    """

    def __init__(self, take: Callable[[Sequence[LabReading]], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Laboratory values")
        self._take = take
        self.readings: tuple[LabReading, ...] = ()
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Paste the table from the hospital system, or open a CSV file.", role="title"))
        self.text = QPlainTextEdit()
        self.text.setPlaceholderText("Bilirubin\t23\tµmol/L\t2026-03-02\nAlbumin\t36\tg/L\t2026-03-02")
        self.text.textChanged.connect(self._read)
        layout.addWidget(self.text, 1)
        self.table = QTableWidget(0, 5)
        self.table.setHorizontalHeaderLabels(["Analyte", "Value", "Date", "As written", "Remark"])
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        layout.addWidget(self.table, 2)
        self.remarks = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.remarks)
        self.add_button = button("Add to the case", self._finish, primary=True)
        self.add_button.setEnabled(False)
        layout.addWidget(row(self.add_button, button("Open a file…", self._open), button("Cancel", self.reject)))
        sized(self, 57, 41)

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Laboratory table", "", "Tables (*.csv *.txt *.tsv);;All files (*)")
        if name:
            self.read_file(Path(name))

    def read_file(self, path: Path) -> None:
        """Show a file's text; a file that is no text is refused in a sentence."""
        if path.stat().st_size > LARGEST_FILE:
            self.remarks.setText(f"{path.name} is too large for a laboratory table; nothing was read.")
            return
        raw = path.read_bytes()
        for encoding in ("utf-8-sig", "gb18030", "latin-1"):
            try:
                self.text.setPlainText(raw.decode(encoding))
                return
            except UnicodeDecodeError:
                continue

    def _read(self) -> None:
        understood = read_table(self.text.toPlainText())
        self.readings = tuple(each for each in understood.rows)
        self.table.setRowCount(len(self.readings))
        for line, reading in enumerate(self.readings):
            number = reading.comparator + shown(reading.value, reading.unit) if reading.value is not None else "–"
            day = reading.taken_on.isoformat() if isinstance(reading.taken_on, date) else "no date"
            remark = " ".join(finding.text for finding in reading.findings)
            for column, cell in enumerate((analyte(reading.analyte).name, number, day, reading.raw, remark)):
                self.table.setItem(line, column, QTableWidgetItem(cell))
        self.remarks.setText(self._summary(understood.findings))
        self.add_button.setEnabled(any(usable(reading) for reading in self.readings))

    def _summary(self, findings: Sequence[Finding]) -> str:
        left = sum(not usable(reading) for reading in self.readings)
        lines = [finding.text for finding in findings]
        if left:
            lines.insert(0, f"{left} rows cannot be added as they stand (see their remarks).")
        return "\n".join(lines)

    def _finish(self) -> None:
        self._take(tuple(reading for reading in self.readings if usable(reading)))
        self.accept()


def usable(reading: LabReading) -> bool:
    """A number with unit and date, and nothing about it that must be asked first."""
    complete = reading.value is not None and reading.unit is not None and reading.taken_on is not None
    return complete and not any(finding.blocks for finding in reading.findings)
