"""The menus of an open case: sessions, states, laboratory, printing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QMenuBar

from planner.errors import OperatorError
from planner.jobs import Context
from planner.model.session import SessionState
from planner.workflow.template import Choice
from viewers.panels.words import state_word
from viewers.window.case_board_menu import add_team_menu
from viewers.window.choices import ChoiceDialog

if TYPE_CHECKING:
    from planner.clinical.laboratory_table import LabReading
    from viewers.panels.lab_dialog import LabDialog
    from viewers.window.main_window import MainWindow


class CaseMenu:
    """Acts of the open case that are no part of a stage."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: ChoiceDialog | LabDialog | None = None

    def build(self, bar: QMenuBar) -> None:
        add = self.window.add
        case = bar.addMenu("&Case")
        add(case, "New session from a &template…", self.ask_for_session, "Ctrl+N")
        add(case, "&Next session from this one", self.next_session, "Ctrl+Shift+N")
        add(case, "Session &state…", self.ask_for_state)
        add(case, "&Emergency form on / off", self.toggle_emergency)
        case.addSeparator()
        window = self.window
        # The dialogs are loaded when one is first asked for.
        add(case, "Patient and &history…", lambda: window.dialogs.facts(), "Ctrl+Shift+H")
        add(case, "&Course on its time axis", lambda: window.dialogs.course.toggle(), "Ctrl+Shift+C")
        add(case, "Compare two &dates", self.compare, "Ctrl+K")
        add(case, "Bring a ne&w study over…", self.bring_study)
        add(case, "&Identity of lesions…", lambda: window.dialogs.judging.identity.toggle(), "Ctrl+Shift+I")
        add(case, "&Response to treatment", lambda: window.dialogs.judging.response.toggle(), "Ctrl+Shift+R")
        add(case, "Ne&xt step: what rule sets say", lambda: window.dialogs.judging.next_step.toggle(), "Ctrl+Shift+X")
        add(case, "Doses over the course", lambda: window.dialogs.judging.ledgers.toggle(), "Ctrl+Shift+G")
        add(case, "Sessions side b&y side", lambda: window.dialogs.sessions.toggle(), "Ctrl+Shift+E")
        add(case, "What earlier sessions say…", lambda: window.dialogs.judging.plan.show_carried())
        add(case, "Paste &laboratory values…", self.paste_laboratory, "Ctrl+Shift+L")
        case.addSeparator()
        add(case, "&Print the plan as PDF…", self.choose_pdf, "Ctrl+P")
        add(case, "&Revisions, papers, audit trail…", lambda: window.dialogs.history())
        add(case, "&Institution profile…", lambda: window.dialogs.profile())
        stage = bar.addMenu("&Stage")
        add(stage, "&Next stage", lambda: self._step(1), "Ctrl+Right")
        add(stage, "&Previous stage", lambda: self._step(-1), "Ctrl+Left")
        add(stage, "Keep a &key image", self._key_image)
        add_team_menu(window, bar)

    def ask_for_session(self) -> None:
        """Which template, by which profile."""
        work = self.window.work
        if work is None:
            self.window.say("Open a case first.")
            return
        installed = self.window.installed
        templates = [Choice(each.id, f"{each.title} {each.version}") for each in installed.templates.values()]
        profiles = [Choice(each.id, f"{each.title} {each.version}") for each in installed.profiles.values()]

        def start(codes: list[str], reason: str) -> str | None:
            del reason
            work.new_session(*codes)
            work.load_images()
            return None

        self._ask(
            "New session",
            "The template gives the stages, the profile the limits of your institution.",
            [("Template", templates), ("Profile", profiles)],
            "Start the session",
            start,
        )

    def next_session(self) -> None:
        """From the open session; where newer images show what may be treated, a person chooses it first."""
        work = self.window.work
        if work is not None and self.window.dialogs.judging.plan.has_targets:
            self.window.dialogs.judging.plan.ask()
        elif work is not None:
            refusal = work.next_session()
            self.window.say(refusal or "A new session was started from the one before; carried values are marked.")

    def ask_for_state(self) -> None:
        """Move the session on, with a reason where one is needed."""
        work = self.window.work
        if work is None or work.session_desk is None:
            self.window.say("Open a session first.")
            return
        allowed = [Choice(state.value, state_word(state.value)) for state in work.session_desk.allowed_states()]
        self._ask(
            "State of the session",
            f"Now: {state_word(work.session_desk.session.state.value)}.",
            [("Becomes", allowed)],
            "Change the state",
            lambda codes, reason: work.advance(SessionState(codes[0]), reason or None),
            reason="Reason, where one is needed",
        )

    def toggle_emergency(self) -> None:
        work = self.window.work
        if work is not None and work.session_desk is not None:
            refusal = work.set_emergency(not work.session_desk.session.emergency)
            if refusal is not None:
                self.window.say(refusal)

    def compare(self) -> None:
        """Two dates of this patient beside each other."""
        refusal = "Open a case first." if self.window.work is None else self.window.case_page.compare.start()
        if refusal is not None:
            self.window.say(refusal)

    def bring_study(self) -> None:
        """A study that waits to be linked, beside the one it is linked to; without one, its images are opened."""
        refusal = "Open a case first." if self.window.work is None else self.window.case_page.compare.bring()
        if refusal is not None:
            self.window.say(refusal)

    def paste_laboratory(self) -> None:
        if self.window.work is None:
            self.window.say("Open a case first.")
            return
        from viewers.panels.lab_dialog import LabDialog

        self.dialog = LabDialog(self.take_readings, self.window)
        self.dialog.open()

    def take_readings(self, readings: Sequence[LabReading]) -> None:
        """Add understood laboratory values to the case, as one step of undo."""
        work = self.window.work
        if work is None:
            return
        try:
            added = work.add_laboratory(readings)
        except OperatorError as error:
            self.window.say(error.message)
            return
        self.window.say(f"{added} laboratory values added.")

    def choose_pdf(self) -> None:
        work = self.window.work
        if work is None or work.session_desk is None:
            self.window.say("Open a session first.")
            return
        name, _ = QFileDialog.getSaveFileName(self.window, "Print the plan", "plan.pdf", "PDF (*.pdf)")
        if name:
            self.print_to(Path(name))

    def print_to(self, path: Path) -> None:
        """Draw the pictures and set the PDF in the background."""
        work = self.window.work
        if work is None or work.session_desk is None:
            return
        self.window.finish_typing()
        refusal = work.save()
        if refusal is not None:
            return
        opened, session_id, installed = work.opened, work.session_desk.session_id, self.window.installed
        volumes = dict(self.window.desk.state.images.volumes)
        now = work.session_desk.clock()

        def draw(context: Context) -> int:
            from planner.app.reporting import session_report
            from viewers.offscreen import OffscreenRenderer

            renderer = OffscreenRenderer()
            try:
                return session_report(
                    opened.library, opened.case, opened.revision, session_id, installed, path,
                    renderer=renderer, volumes=volumes, by=opened.actor, now=now, context=context,
                )  # fmt: skip
            finally:
                renderer.close()

        self.window.desk.jobs.submit("Printing the plan", draw, lambda pages: self._printed(path, pages))

    def _printed(self, path: Path, pages: int) -> None:
        self.window.say(f"{path.name}: {pages} pages written.")

    def _step(self, by: int) -> None:
        if self.window.work is not None:
            self.window.work.step(by)

    def _key_image(self) -> None:
        if self.window.work is not None:
            self.window.say(self.window.work.keep_key_image() or "Key image kept.")

    def _ask(
        self,
        title: str,
        sentence: str,
        lists: Sequence[tuple[str, Sequence[Choice]]],
        verb: str,
        act: Callable[[list[str], str], str | None],
        *,
        reason: str | None = None,
    ) -> None:
        self.dialog = ChoiceDialog(title, sentence, lists=lists, verb=verb, act=act, reason=reason, parent=self.window)
        self.dialog.open()
