"""Referrals in the window: out as one file from the open case, in after a look; read and written in the background."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QFileDialog

from planner.app.referral import NextStep, Referral, Referred, import_referral, read_referral, write_referral
from planner.app.referral_taking import take_over, task_of_step
from planner.app.sessions import local_now
from planner.errors import OperatorError
from planner.jobs import Context
from viewers.panels.dossier_referral import ReferralInDialog, ReferralOutDialog
from viewers.scene.slice_text import shown_name

if TYPE_CHECKING:
    from viewers.window.main_window import MainWindow


class CaseReferral:
    """Case → Refer this case, File → Take a referral in.

    Attributes
    ----------
    dialog
        The newest one.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: QDialog | None = None

    def refer(self) -> None:
        """Ask to whom and why, then where to."""
        if self.window.work is None:
            self.window.say("Open a case first.")
            return
        self._open(ReferralOutDialog(self._choose_out, self.window))

    def _choose_out(self, to: str, reason: str) -> None:
        name, _ = QFileDialog.getSaveFileName(self.window, "Write the referral", "referral.zip", "Referral (*.zip)")
        if name:
            self.write_to(Path(name), to, reason)

    def write_to(self, path: Path, to: str, reason: str) -> None:
        """Save the case, and write its package."""
        work = self.window.work
        self.window.finish_typing()
        if work is None or work.save() is not None:
            return
        library, case_id, actor, today = work.opened.library, work.opened.case.id, work.opened.actor, work.today

        def write(context: Context) -> Referred:
            context.step(0.1, path.name)
            return write_referral(library, case_id, path, actor, today=today, to=to, reason=reason)

        def written(made: Referred) -> None:
            uncoded = f"; without a code: {', '.join(made.not_coded)}" if made.not_coded else ""
            self.window.say(f"{path.name}: revision {made.revision}, {made.next_steps} next steps{uncoded}.")

        self.window.desk.jobs.submit("Writing the referral", write, written)

    def choose_in(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self.window, "Take a referral in", "", "Referral (*.zip)")
        if name:
            self.read_from(Path(name))

    def read_from(self, path: Path) -> None:
        """Check all of a package; nothing of it is kept before a person has said how."""

        def read(context: Context) -> Referral:
            context.step(0.1, path.name)
            return read_referral(path)

        self.window.desk.jobs.submit("Reading the referral", read, lambda found: self._came(path, found))

    def _came(self, path: Path, referral: Referral) -> None:
        work = self.window.work
        here = None
        if work is not None:
            mine = work.opened.case.patient
            born = mine.birth_date.isoformat() if mine.birth_date else "birth date unknown"
            here = f"{shown_name(mine.name) or '(no name)'} · {mine.patient_id or 'no ID'} · {born}"
        self._open(
            ReferralInDialog(
                referral,
                here,
                lambda confirmed: self._take(referral, confirmed),
                lambda step, owner, day, confirmed: self._make_task(referral, step, owner, day, confirmed),
                lambda: self._as_own(path),
                self.window,
            )
        )

    def _take(self, referral: Referral, confirmed: bool) -> str | None:
        work = self.window.work
        if work is None:
            return "Open the case first that it belongs to."
        try:
            taken = take_over(work.opened.case, referral, self.window.installed.templates, confirmed=confirmed)
        except OperatorError as error:
            return error.message
        refusal = work.apply("Take a referral over", lambda: lambda case: taken.case)
        if refusal is None:
            self.window.say(" ".join(taken.lines))
        return refusal

    def _make_task(
        self, referral: Referral, step: NextStep, owner: str, due_on: date | None, confirmed: bool
    ) -> str | None:
        work = self.window.work
        if work is None:
            return "Open the case first that it belongs to."
        return work.apply(
            "Make a task of a proposal",
            lambda: task_of_step(
                referral, step, owner=owner, due_on=due_on, by=work.who, now=local_now(), confirmed=confirmed
            ),
        )

    def _as_own(self, path: Path) -> str | None:
        """Copies what the package holds; in the background, for it may be large."""
        library, actor = self.window.library, self.window.actor

        def put(context: Context) -> str:
            context.step(0.1, path.name)
            case = import_referral(library, path, actor)
            return shown_name(case.patient.name) or case.patient.patient_id or case.id

        def there(name: str) -> None:
            self.window.library_page.refresh()
            self.window.say(f"The referral of {name} is in the library as a case of its own.")

        self.window.desk.jobs.submit("Putting the referral into the library", put, there)
        return None

    def _open(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()
