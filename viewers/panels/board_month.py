"""The board's report of a month: how cases were prepared and discussed, what became of them; CSV of its lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner.app.board_report import MonthlyBoardReport
from viewers.panels.board_content import CARRIED_OUT_MARKS
from viewers.panels.parts import PlainLabel, button, plain_tip, row, sized

COLUMNS = ("Meeting", "Case", "Decision", "Owner", "Missing", "Disagree", "Carried out", "Days to treatment", "Outcome")


class BoardMonthDialog(QDialog):
    """Choose a month; its numbers and decisions are shown when they have been counted.

    Parameters
    ----------
    count
        Year, month and whether of simulated cases; the answer comes by `show_report`.
    save
        Asks where to write the table.
    """

    def __init__(
        self,
        today: date,
        count: Callable[[int, int, bool], object],
        save: Callable[[MonthlyBoardReport], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._count, self._save = count, save
        self.report: MonthlyBoardReport | None = None
        self.setWindowTitle("Board report of a month")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Board report of a month", role="title"))
        self.month = QLineEdit(f"{today:%Y-%m}")
        self.month.setPlaceholderText("YYYY-MM")
        self.month.setFixedWidth(round(self.fontMetrics().averageCharWidth() * 14))
        self.simulated = QCheckBox("Simulated cases instead of real ones")
        self.go = button("Count", self.ask)
        self.saver = button("Save as CSV…", self._export, tip="Text that a spreadsheet would run is made harmless")
        layout.addWidget(row(PlainLabel("Month"), self.month, self.simulated, self.go, self.saver))
        self.numbers = PlainLabel("", wrap=True)
        layout.addWidget(self.numbers)
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (2, 4, 8):
            self.table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        layout.addWidget(self.table, 1)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        layout.addWidget(row(button("Close", self.reject)))
        self.saver.setEnabled(False)
        sized(self, 84, 40)

    def ask(self) -> None:
        """Count the month that was typed."""
        text = self.month.text().strip()
        try:
            first = date.fromisoformat(f"{text}-01")
        except ValueError:
            self.problem.setText(f"“{text}” is no month; write it as YYYY-MM.")
            return
        self.problem.setText("")
        self.numbers.setText("Counting…")
        self.saver.setEnabled(False)
        self._count(first.year, first.month, self.simulated.isChecked())

    def show_report(self, report: MonthlyBoardReport) -> None:
        """Show the counted month."""
        self.report = report
        self.numbers.setText("\n".join(number_lines(report)))
        self.table.setVisible(bool(report.lines))
        self.table.setRowCount(len(report.lines))
        for line, each in enumerate(report.lines):
            mark = CARRIED_OUT_MARKS.get(each.carried_out, CARRIED_OUT_MARKS[None])
            cells = (
                each.held_on.isoformat(),
                each.case_id,
                each.decision or "not decided",
                each.owner or "nobody named",
                ", ".join(each.missing) or "nothing",
                str(each.dissent),
                f"{mark.shape} {mark.word}",
                "–" if each.days_to_treatment is None else str(each.days_to_treatment),
                each.outcome or "–",
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(plain_tip(text))
                self.table.setItem(line, column, item)
        self.saver.setEnabled(True)

    def _export(self) -> None:
        if self.report is not None:
            self._save(self.report)


def number_lines(report: MonthlyBoardReport) -> tuple[str, ...]:
    """The numbers of a month in words; a share of nothing is said to be none."""
    count = len(report.lines)
    which = "simulated" if report.simulated else "real"
    if not count:
        return (f"No decision was held in {report.year}-{report.month:02d} among {which} cases.",)
    quality = report.quality
    lines = [
        f"{count} decision{'s' if count != 1 else ''} on {report.cases} {which} case{'s' if report.cases != 1 else ''} "
        f"in {report.year}-{report.month:02d}",
        f"Mandatory entries filled: {_share(report.prepared)}",
        f"Discussion: {quality.yes} yes, {quality.no} no, {quality.unknown} unknown or not answered; "
        f"yes among the answered: {_share(quality.share)}",
        f"Carried out (also when changed): {_share(report.executed)} where it is known; "
        f"{report.changed} changed, {report.not_carried_out} not carried out, {report.open} open",
        "Days from meeting to treatment, median: "
        + ("none treated yet" if report.median_days is None else f"{report.median_days:g} d"),
    ]
    if report.missing_often:
        lines.append("Missing most often: " + ", ".join(f"{label} ({n})" for label, n in report.missing_often[:5]))
    return tuple(lines)


def _share(value: float | None) -> str:
    return "nobody said" if value is None else f"{100 * value:.0f} %"
