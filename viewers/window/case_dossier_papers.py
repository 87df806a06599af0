"""Printing what leaves a case beside the plan: record, summary, course report, board sheet, minutes. Each is a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from planner.app.sessions import local_now
from planner.app.templates import Installed
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.report.content import Picture
from planner.store.actors import Actor
from planner.store.library import Library
from viewers.panels.timeline_content import course_content
from viewers.panels.timeline_export import paper_picture
from viewers.scene.slice_text import shown_name
from viewers.state.timeline_memory import TimelineMemory

if TYPE_CHECKING:
    from viewers.offscreen import OffscreenRenderer
    from viewers.window.main_window import MainWindow


@dataclass(frozen=True, slots=True)
class Basis:
    """What a paper is printed from: the saved case, whatever is edited meanwhile."""

    library: Library
    case: Case
    revision: int
    by: Actor
    installed: Installed
    volumes: Mapping[str, Volume]
    now: datetime


Draw = Callable[[Basis, Context], int]
"""Writes the paper; returns its pages."""


class CasePapers:
    """Asks where to, saves the case, prints in the background."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window

    def print_technical(self, session_id: str | None) -> None:
        if session_id is None:
            self.window.say("Open a session first.")
        else:
            self._ask("Technical record", "technical-record.pdf", lambda path: self.technical_to(path, session_id))

    def print_summary(self, summary_id: str | None) -> None:
        if summary_id is None:
            self.window.say("Draft a summary first.")
        else:
            self._ask("Summary", "summary.pdf", lambda path: self.summary_to(path, summary_id))

    def print_course(self) -> None:
        self._ask("Course report", "course-report.pdf", self.course_to)

    def print_sheet(self) -> None:
        self._ask("Board sheet", "board-sheet.pdf", self.sheet_to)

    def print_minutes(self, decision_id: str | None) -> None:
        if decision_id is None:
            self.window.say("Prepare a decision first.")
        else:
            self._ask("Minutes", "minutes.pdf", lambda path: self.minutes_to(path, decision_id))

    def technical_to(self, path: Path, session_id: str) -> None:
        """Everything needed to treat again, with its pictures."""

        def draw(basis: Basis, context: Context) -> int:
            from planner.app.technical_record import write_technical_record

            with _renderer() as renderer:
                return write_technical_record(
                    basis.library, basis.case, basis.revision, session_id, basis.installed, path,
                    renderer=renderer, volumes=basis.volumes, by=basis.by, now=basis.now, context=context,
                )  # fmt: skip

        self._print("Printing the technical record", path, draw)

    def sheet_to(self, path: Path) -> None:
        """The page for the meeting, with the same place over the dates."""

        def draw(basis: Basis, context: Context) -> int:
            from planner.app.board_sheet import write_board_sheet

            with _renderer() as renderer:
                return write_board_sheet(
                    basis.library, basis.case, basis.revision, basis.installed, path,
                    renderer=renderer, volumes=basis.volumes, by=basis.by, now=basis.now, context=context,
                )  # fmt: skip

        self._print("Printing the board sheet", path, draw)

    def course_to(self, path: Path) -> None:
        """All sessions of the case, with the axis of time as the window draws it."""
        memory, family = self.window.timeline_memory, self.window.font().family()

        def draw(basis: Basis, context: Context) -> int:
            from planner.app.course_report import write_course_report

            context.step(0.1, "Drawing the axis of time")
            axis = _course_picture(basis, memory, family)
            context.step(0.3, path.name)
            return write_course_report(
                basis.library, basis.case, basis.revision, basis.installed, path,
                by=basis.by, now=basis.now, made=(axis,),
            )  # fmt: skip

        self._print("Printing the course report", path, draw)

    def summary_to(self, path: Path, summary_id: str) -> None:
        """One page in plain language; a draft says DRAFT."""

        def draw(basis: Basis, context: Context) -> int:
            from planner.app.patient_summary import the_summary, write_summary

            context.step(0.1, path.name)
            summary = the_summary(basis.case, summary_id)
            return write_summary(
                basis.library, basis.case, basis.revision, summary, basis.installed.templates, path,
                by=basis.by, now=basis.now,
            )  # fmt: skip

        self._print("Printing the summary", path, draw)

    def minutes_to(self, path: Path, decision_id: str) -> None:
        """One decision of the meeting."""

        def draw(basis: Basis, context: Context) -> int:
            from planner.app.board_minutes import write_board_minutes

            context.step(0.1, path.name)
            return write_board_minutes(
                basis.library, basis.case, basis.revision, decision_id, path, by=basis.by, now=basis.now
            )

        self._print("Printing the minutes", path, draw)

    def _ask(self, title: str, suggested: str, act: Callable[[Path], object]) -> None:
        if self.window.work is None:
            self.window.say("Open a case first.")
            return
        name, _ = QFileDialog.getSaveFileName(self.window, f"{title} (it names the patient)", suggested, "PDF (*.pdf)")
        if name:
            act(Path(name))

    def _print(self, title: str, path: Path, draw: Draw) -> None:
        """Save, then write the paper of what was saved."""
        work = self.window.work
        self.window.finish_typing()
        if work is None or work.save() is not None:
            return
        opened, volumes = work.opened, dict(self.window.desk.state.images.volumes)
        basis = Basis(
            opened.library, opened.case, opened.revision, opened.actor, self.window.installed, volumes, local_now()
        )
        self.window.desk.jobs.submit(
            title, lambda context: draw(basis, context), lambda pages: self._printed(path, pages)
        )

    def _printed(self, path: Path, pages: int) -> None:
        self.window.say(f"{path.name}: {pages} page{'s' if pages != 1 else ''} written.")
        self.window.dialogs.team.dossier.forget()
        self.window.dialogs.team.dossier.refresh()


def _course_picture(basis: Basis, memory: TimelineMemory, family: str) -> Picture:
    """In a job: the course of the saved case, all of it."""
    case, today = basis.case, basis.now.date()
    content = course_content(case, basis.installed.templates, today)
    title = f"{shown_name(case.patient.name)} · {case.patient.patient_id}"
    return paper_picture(content, memory, family, title=title, simulated=case.simulated, made_on=today)


@contextmanager
def _renderer() -> Iterator[OffscreenRenderer]:
    """Draws pictures of record; its graphics memory is freed whatever happens."""
    from viewers.offscreen import OffscreenRenderer

    renderer = OffscreenRenderer()
    try:
        yield renderer
    finally:
        renderer.close()
