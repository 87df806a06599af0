"""The monthly report of the board from the menu: counted over the library in the background, saved as CSV."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from planner.app.board_report import MonthlyBoardReport, board_report_csv, monthly_report_of
from planner.files import whole_file
from planner.jobs import Context
from viewers.panels.board_month import BoardMonthDialog

if TYPE_CHECKING:
    from viewers.window.main_window import MainWindow


class BoardMonth:
    """Opens the dialog; it stays usable while the library is read."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: BoardMonthDialog | None = None

    def show(self) -> None:
        """The report of this month."""
        self.dialog = BoardMonthDialog(date.today(), self.count, self.choose_csv, self.window)
        self.dialog.open()
        self.dialog.ask()

    def count(self, year: int, month: int, simulated: bool) -> None:
        library, dialog = self.window.library, self.dialog

        def work(context: Context) -> MonthlyBoardReport:
            context.step(0.0, f"{year}-{month:02d}")
            return monthly_report_of(library, year, month, simulated=simulated)

        def came(report: MonthlyBoardReport) -> None:
            if dialog is not None:
                dialog.show_report(report)

        self.window.desk.jobs.submit(
            "Counting the month's decisions", work, came, still_valid=lambda: self.dialog is dialog, group="board-month"
        )

    def choose_csv(self, report: MonthlyBoardReport) -> None:
        suggested = f"board-{report.year}-{report.month:02d}.csv"
        name, _ = QFileDialog.getSaveFileName(self.window, "Save the board's report", suggested, "CSV (*.csv)")
        if name:
            self.save_csv(report, Path(name))

    def save_csv(self, report: MonthlyBoardReport, path: Path) -> None:
        """Write the lines of a month; a byte order mark makes spreadsheets read it as UTF-8."""
        try:
            with whole_file(path) as stream:
                stream.write(board_report_csv(report).encode("utf-8-sig"))
        except OSError as error:
            if self.dialog is not None:
                self.dialog.problem.setText(f"{path} cannot be written ({error.strerror}); choose another place.")
            return
        self.window.say(f"{path.name}: {len(report.lines)} decisions written.")
