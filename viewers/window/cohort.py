"""The cohort in the window: read in the background, shown in the place of the library, saved as CSV and PNG."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from planner.app.cohort import Cohort, cohort, cohort_csv
from planner.errors import UsageError
from planner.jobs import Context
from viewers.panels.cohort_export import CohortExportDialog
from viewers.panels.cohort_page import CohortActs, CohortPage
from viewers.panels.plot_canvas import plot_picture
from viewers.panels.plot_parts import Plot
from viewers.panels.plot_swimmer import SwimmerPlot
from viewers.state.jobs import Job, JobState

if TYPE_CHECKING:
    from viewers.window.main_window import MainWindow

GROUP = "cohort"
STOPPED = "The cases were not read to the end. “Read again” starts anew."


class CohortDesk:
    """Owns the page.

    Attributes
    ----------
    dialog
        The question about names, while it is asked.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: CohortExportDialog | None = None
        self._read_on: date | None = None
        self._known: dict[bool, Cohort] = {}
        self.page = CohortPage(
            CohortActs(
                read=self.read,
                open_case=window.open_case,
                export=self.ask_to_export,
                picture=self.choose_picture,
                leave=window.show_library,
                titles=self._titles,
            )
        )
        window.stack.addWidget(self.page)
        window.desk.jobs.ended.connect(self._ended)

    @property
    def is_open(self) -> bool:
        return self.window.stack.currentWidget() is self.page

    def toggle(self) -> None:
        """Ctrl+Shift+K: the cohort, or the library."""
        if self.is_open:
            self.window.show_library()
        else:
            self.show()

    def show(self) -> None:
        """Save and leave the open case, and show the cohort as the library has it now."""
        if self.window.work is not None:
            self.window.show_library()
        if self.window.work is not None:
            # The open case could not be saved: it stays, and its question is on the screen.
            return
        self.window.stack.setCurrentWidget(self.page)
        self.page.table.setFocus()
        self.read(self.page.simulated.isChecked())

    def read(self, simulated: bool) -> Job:
        """Read every case in the background; rows of revisions that were read today are kept."""
        window, library, today = self.window, self.window.library, date.today()
        if self._read_on != today:
            self._known, self._read_on = {}, today
        before = self._known.get(simulated)
        known = before.known if before is not None else None
        self.page.show_reading()

        def work(context: Context) -> Cohort:
            context.step(0.0, "reading the templates")
            templates = window.installed.templates
            return cohort(library, templates, today, simulated=simulated, known=known, context=context)

        return window.desk.jobs.submit("Reading the cohort", work, self._show, group=GROUP)

    def _show(self, found: Cohort) -> None:
        self._known[found.simulated] = found
        self.page.show_cohort(found)

    def _ended(self, job: Job) -> None:
        """A reading that was stopped shows what was there before, and says so; never half of the cases."""
        newer = any(each.group == GROUP for each in self.window.desk.jobs.running)
        if job.group != GROUP or newer or job.state is JobState.FINISHED:
            return
        before = self._known.get(self.page.simulated.isChecked())
        self.page.show_cohort(before, STOPPED)
        if before is not None:
            self.page.summary.setText(f"{STOPPED} Shown is what was read before.")

    def _titles(self) -> dict[str, str]:
        # Before the first case was read the templates may still be loading; there is nothing to be named then.
        return {each.id: each.title for each in self.window.installed.templates.values()} if self._known else {}

    # What leaves the house

    def ask_to_export(self) -> None:
        shown = self.page.shown
        if shown is None or not shown.rows:
            return
        words = self.page.filters.said()
        only = f", only {words}" if words else ""
        kind = "SIMULATED cases" if shown.simulated else "cases"
        about = f"The n = {len(shown.rows)} {kind} that are shown{only}, one line each, with units in the heads."
        self.dialog = CohortExportDialog(about, self.choose_file, self.window)
        self.dialog.open()

    def choose_file(self, named: bool) -> None:
        offered = "cohort-with-names.csv" if named else "cohort.csv"
        name, _ = QFileDialog.getSaveFileName(self.window, "Export the cohort", offered, "CSV (*.csv)")
        if name:
            self.export_to(_with_suffix(name, ".csv"), named=named)

    def export_to(self, path: Path, *, named: bool = False) -> None:
        """Write the cases that are shown; a spreadsheet runs nothing of it."""
        shown = self.page.shown
        if shown is None:
            return
        text = cohort_csv(shown, named=named)
        try:
            # With a mark of its encoding, so that a spreadsheet reads units and names right.
            path.write_text(text, encoding="utf-8-sig", newline="")
        except OSError as error:
            self.window.say(f"{path.name} was not written: {error.strerror}. Choose another place.")
            return
        self.window.say(f"{path.name}: {len(shown.rows)} cases written, {'WITH' if named else 'without'} names.")

    def choose_picture(self, plot: Plot) -> None:
        offered = "swimmer.png" if isinstance(plot, SwimmerPlot) else "waterfall.png"
        name, _ = QFileDialog.getSaveFileName(self.window, "Save the plot", offered, "PNG (*.png)")
        if name:
            self.save_picture(plot, _with_suffix(name, ".png"))

    def save_picture(self, plot: Plot, path: Path) -> None:
        """Draw and write a plot in the background, never with names."""
        shown = self.page.shown
        simulated = shown is not None and shown.simulated
        drawn, said, today = self.page.picture_plot(plot), self.page.said(), date.today()

        def work(context: Context) -> bool:
            context.step(0.0, path.name)
            image = plot_picture(drawn, said, today, simulated=simulated)
            context.step(0.6)
            return image.save(str(path))

        def done(written: bool) -> None:
            if not written:
                raise UsageError("not-written", f"{path.name} was not written. Choose another place.")
            self.window.say(f"{path.name} written.")

        self.window.desk.jobs.submit("Drawing the picture", work, done)


def _with_suffix(name: str, suffix: str) -> Path:
    return Path(name) if name.casefold().endswith(suffix) else Path(name + suffix)
