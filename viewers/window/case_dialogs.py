"""Dialogs about the open case: patient and history, revisions, profile, help, moved images, a lost race."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QDialog, QFileDialog

from planner.app.case_facts import write_fact
from planner.app.profiles import save_edited
from planner.app.recovery import differences
from planner.app.sessions import local_now
from planner.app.templates import installed
from planner.errors import OperatorError
from planner.store.library import SavedElsewhere
from viewers.panels.facts_dialog import FactsDialog, fact_fields
from viewers.panels.help_dialog import HelpDialog
from viewers.panels.history_dialog import HistoryDialog, outdated_paper
from viewers.panels.profile_dialog import ProfileDialog
from viewers.window.case_board_team import CaseTeam
from viewers.window.case_course import CaseCourse
from viewers.window.case_dose import CaseDose
from viewers.window.case_links import CaseLinks
from viewers.window.case_response_menu import CaseJudging
from viewers.window.case_review_sessions import CaseSessions
from viewers.window.case_series import MovedImages
from viewers.window.case_states import CaseStates
from viewers.window.choices import ChoiceDialog

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

SHOWN_DIFFERENCES = 8


class CaseDialogs:
    """Opens one dialog at a time; `dialog` is the newest."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: QDialog | None = None
        self.links, self.dose, self.states = CaseLinks(window), CaseDose(window), CaseStates(window)
        self.course = CaseCourse(window)
        self.judging = CaseJudging(window)
        self.team = CaseTeam(window)
        self.sessions = CaseSessions(window)

    def follow(self, work: CaseWork) -> None:
        """Listen to what an open case has to ask."""
        work.conflict.connect(self.lost_race)
        work.series.moved.connect(self.moved_images)
        self.links.follow(work)
        self.dose.follow(work)
        self.course.follow(work)
        self.judging.follow(work)
        self.team.follow(work)
        self.sessions.follow(work)
        paper = outdated_paper(self.window.library.prints(work.opened.case.id), work.opened.revision)
        if paper is not None:
            self.window.say(paper)

    def facts(self) -> None:
        """Patient and history, of the case whatever session is open."""
        work = self._work()
        if work is None:
            return
        desk = work.session_desk
        templates = (desk.template,) if desk is not None else tuple(self.window.installed.templates.values())

        def write(path: str, value: Any) -> str | None:
            return work.apply(
                "Patient and history", lambda: write_fact(path, value, by=work.who, on=local_now().date())
            )

        self._open(FactsDialog(fact_fields(templates), lambda: work.opened.case, write, self.window))

    def history(self) -> None:
        """Revisions, papers and audit trail, as the library has them now."""
        work = self._work()
        if work is None:
            return
        library, case_id = self.window.library, work.opened.case.id
        self._open(
            HistoryDialog(
                library.history(case_id),
                library.prints(case_id),
                library.audit_trail(case_id),
                library.verify_chain(case_id),
                self.window,
            )
        )

    def _change_limit(self, name: str, value: object, by: str) -> str | None:
        """Keep the institution's own number, and let the open session follow it."""
        work = self.window.work
        if work is None or work.session_desk is None:
            return "Open a session first: it says which profile it follows."
        try:
            save_edited(work.session_desk.profile, {name: value}, by=by, on=work.today)
        except OperatorError as error:
            return error.message
        installed.cache_clear()
        self.window.installed = installed()
        work.follow(self.window.installed)
        return None

    def profile(self) -> None:
        work = self._work()
        if work is None or work.session_desk is None:
            self.window.say("Open a session first: it says which profile it follows.")
            return
        self._open(ProfileDialog(work.session_desk.profile, self._change_limit, self.window))

    def help(self) -> None:
        """F1: the stage on show, and keys."""
        work = self.window.work
        desk = work.session_desk if work is not None else None
        stage = desk.template.stage(work.stage_id) if work is not None and desk is not None and work.stage_id else None
        self._open(HelpDialog(stage, self.window))

    def masks(self) -> None:
        """File → Import masks."""
        if self._work() is None:
            return
        name, _ = QFileDialog.getOpenFileName(self.window, "Import masks: NIfTI, NRRD, MHA or DICOM SEG")
        if name:
            self.import_masks(Path(name))

    def import_masks(self, path: Path) -> None:
        work = self._work()
        refusal = work.series.import_masks(path) if work is not None else None
        if refusal is not None:
            self.window.say(refusal)

    def moved_images(self, found: MovedImages) -> None:
        """The files of a series are not where the case says: a person says where they are."""
        work = self.window.work
        if work is None:
            return

        def look(codes: list[str], reason: str) -> str | None:
            del codes, reason
            name = QFileDialog.getExistingDirectory(self.window, "Where are the images now?")
            if not name:
                return found.sentence
            work.series.relink(found.reference, Path(name))
            return None

        self._open(
            ChoiceDialog(
                "Images are not where they were",
                f"{found.sentence}\n\nThe plan is complete without them; only the pictures are missing.",
                lists=(),
                verb="Say where they are…",
                act=look,
                parent=self.window,
            )
        )

    def lost_race(self, conflict: SavedElsewhere) -> None:
        """Somebody else saved meanwhile: both states are kept, one of them becomes the current one."""
        work = self.window.work
        if work is None:
            return
        theirs = self.window.library.open_revision(work.opened.case.id, conflict.head_revision)
        found = differences(theirs, work.opened.case)
        lines = [f"{each.path}: {each.before} → {each.after}" for each in found[:SHOWN_DIFFERENCES]]
        more = [f"and {len(found) - SHOWN_DIFFERENCES} more places"] if len(found) > SHOWN_DIFFERENCES else []

        def mine(codes: list[str], reason: str) -> str | None:
            del codes, reason
            return work.put_mine_on_top(conflict)

        case_id = work.opened.case.id
        self._open(
            ChoiceDialog(
                "This case was saved elsewhere",
                "\n".join([conflict.message, "Differences, theirs → yours:", *lines, *more]),
                lists=(),
                verb="Go on with my work",
                act=mine,
                other=(f"Take theirs (revision {conflict.head_revision})", lambda: self.window.take_theirs(case_id)),
                parent=self.window,
            )
        )

    def _work(self) -> CaseWork | None:
        if self.window.work is None:
            self.window.say("Open a case first.")
        return self.window.work

    def _open(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()
