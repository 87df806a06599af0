"""The dose report in the window: found beside the runs or chosen, shown beside the record, filled in on consent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QFileDialog, QPushButton

from planner.app.dose_record import (
    DoseProposal,
    dose_rows,
    fill_from_dose_report,
    find_dose_reports,
    propose_dose,
    records_dose,
)
from planner.app.identity import PatientMismatch, Verdict
from planner.app.sessions import SessionDesk
from planner.dicom.series import SeriesEntry
from planner.errors import OperatorError
from planner.jobs import Context
from viewers.panels.dose_dialog import DoseDialog
from viewers.panels.parts import button
from viewers.window.choices import ChoiceDialog

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

TIP = "Reads air kerma, kerma-area product and time from the procedure's dose report (RDSR)"


class CaseDose:
    """A button in record stages with dose fields.

    Attributes
    ----------
    dialog
        The newest one: a proposal, or a question about the patient.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: QDialog | None = None
        self.button: QPushButton | None = None

    def follow(self, work: CaseWork) -> None:
        """Offer it in the record stages of another open case."""
        if self.button is None:
            self.button = button("From dose report…", self.look, tip=TIP)
            self.window.case_page.stage_panel.extras.addWidget(self.button)
        work.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Another stage may be on show."""
        desk, work = self._desk(), self.window.work
        stage = desk.template.stage(work.stage_id) if desk is not None and work is not None and work.stage_id else None
        if self.button is not None:
            self.button.setVisible(stage is not None and records_dose(stage))

    def _desk(self) -> SessionDesk | None:
        return None if self.window.work is None else self.window.work.session_desk

    def look(self) -> None:
        """Look beside the runs of the case, in the background; ask for a file where nothing is found."""
        work = self.window.work
        if work is None:
            return
        library, case = work.opened.library, work.opened.case

        def search(context: Context) -> tuple[SeriesEntry, ...]:
            return find_dose_reports(library, case, context)

        def found(entries: tuple[SeriesEntry, ...]) -> None:
            if entries:
                self.propose(entries[0])
            else:
                self.choose_file()

        self.window.desk.jobs.submit(
            "Looking for the dose report", search, found, still_valid=lambda: self.window.work is work
        )

    def choose_file(self) -> None:
        """A person names the report."""
        name, _ = QFileDialog.getOpenFileName(self.window, "Dose report of the procedure (DICOM RDSR)")
        if name:
            self.propose(Path(name))

    def propose(self, source: Path | SeriesEntry, *, confirmed: bool = False) -> None:
        """Read a report and show what it would fill; that of another patient is refused with both sides."""
        work, desk = self.window.work, self._desk()
        if work is None or desk is None:
            self.window.say("Open a session first: the dose belongs to its record.")
            return

        def read(context: Context) -> DoseProposal | OperatorError:
            try:
                return propose_dose(desk, source, confirmed=confirmed, context=context)
            except OperatorError as error:
                return error

        def done(found: DoseProposal | OperatorError) -> None:
            if isinstance(found, OperatorError):
                self._refused(source, found)
            else:
                self._offer(desk, work, found)

        title = "Reading the dose report"
        self.window.desk.jobs.submit(title, read, done, still_valid=lambda: self.window.work is work)

    def _offer(self, desk: SessionDesk, work: CaseWork, proposal: DoseProposal) -> None:
        def fill(replacing: tuple[str, ...]) -> str | None:
            return work.attempt(lambda: fill_from_dose_report(desk, proposal, by=work.who, replacing=replacing))

        rows = dose_rows(desk, proposal)
        self._show(DoseDialog(proposal, rows, fill=fill, other=self.choose_file, parent=self.window))

    def _refused(self, source: Path | SeriesEntry, error: OperatorError) -> None:
        """The sentence; of another patient both sides, and where only an identifier is missing, the question."""
        # After the end of the job has been announced.
        self.window.desk.post(lambda: self.window.say(error.message))
        title, sentence, verb, act = "This dose report was not taken", error.message, "Another file…", self._another
        if isinstance(error, PatientMismatch):
            both = error.match.side_by_side().replace("images", "report").replace("; ", "\n")
            title, sentence = "Another patient's dose report", f"Nothing was filled in.\n{both}"
            if error.match.verdict is not Verdict.DIFFERENT:
                title = "Is this the same patient?"
                sentence = f"An identifier is missing, so the program cannot tell. Compare both sides:\n{both}"
                verb, act = "The same patient: show the dose", lambda *_: self.propose(source, confirmed=True)
        self._show(ChoiceDialog(title, sentence, lists=(), verb=verb, act=act, parent=self.window))

    def _another(self, codes: list[str], reason: str) -> str | None:
        del codes, reason
        self.choose_file()
        return None

    def _show(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()
