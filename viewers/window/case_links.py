"""Links of the open case between its runs and its CT: the dialog, the review by a person, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint

from planner.app.run_items import add_link, remove_link, review_link, unreview_link
from planner.app.run_words import link_line
from planner.geometry.c_arm import angle_words
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.items import Point
from planner.model.links import FrameLink
from viewers.panels.link_dialog import LinkActs, LinkDialog, LinkLine
from viewers.state.layouts import layout
from viewers.state.run_ct_link import LesionPlace, RunCtLink
from viewers.state.run_state import RunLine

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

BESIDE = ("dsa_two_ct", "dsa_ct")
"""Layouts with runs and planes: for two views, for one run."""


class CaseLinks:
    """Keeps the panes in step with the links of the case, and answers ``link``.

    Attributes
    ----------
    dialog
        While it is open, or the last one.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: LinkDialog | None = None
        self._work: CaseWork | None = None
        self._state.asked.connect(self._asked)
        self._state.said.connect(self._say)
        window.stack.currentChanged.connect(lambda *_: self._left())

    @property
    def _state(self) -> RunCtLink:
        return self.window.desk.state.run_ct

    def follow(self, work: CaseWork) -> None:
        """Show the links of another open case."""
        self._work = work
        work.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """The case is another value."""
        if self._work is None or self.window.work is not self._work:
            return
        case = self._work.opened.case
        self._state.links.set(case.links)
        marked = {mark.item.body.get("lesion_id") for mark in self.window.desk.marks.marks.value}
        self._state.lesions.set(
            tuple(
                LesionPlace(each.name, each.centre_lps_mm, each.frame_uid)
                for each in case.lesions
                if each.centre_lps_mm is not None and each.frame_uid is not None and each.id not in marked
            )
        )
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.show_links(self._lines(case))

    def _say(self, text: str) -> None:
        self.window.say(text)
        self.window.desk.kit.notice.set(text)

    def _asked(self, act: str, pane_id: str) -> None:
        if act == "link":
            self.open(pane_id)

    def open(self, pane_id: str) -> None:
        """The dialog beside the panes, runs of two angles and planes on show."""
        if self.window.work is None:
            self.window.say("Open a case first: a link belongs to it.")
            return
        self._arrange(pane_id)
        if self.dialog is None:
            acts = LinkActs(
                cursor=self._cursor,
                run_name=self._run_name,
                use=self.use_candidate,
                unreview=self._unreview,
                unlink=self._unlink,
                preview=self._preview,
            )
            self.dialog = LinkDialog(self._state, acts, self.window)
        self.dialog.show_links(self._lines(self.window.work.opened.case))
        self.dialog.refresh()
        corner = self.window.mapToGlobal(QPoint(self.window.width() - self.dialog.width() - 6, 70))
        self.dialog.move(corner)
        self.dialog.show()

    def _arrange(self, pane_id: str) -> None:
        """Where the panes do not show runs and planes together, a layout that does; the other run in another angle."""
        state = self.window.desk.state
        kinds = {each.kind for each in layout(state.layout.value).panes}
        state.enlarged_pane.set(None)
        lines = {each.key: each for each in state.runs.lines}
        if "dsa" in kinds and kinds & {"axial", "coronal", "sagittal"} and len(lines) < 2:
            return
        key = state.runs.pane(pane_id).shown_run
        other = _other_angle(lines.get(key or ""), tuple(lines.values()))
        if other is not None:
            state.runs.pane("dsa").run.set(key)
            state.runs.pane("dsa_other").run.set(other)
        state.layout.set(BESIDE[0] if other is not None else BESIDE[1])

    def _left(self) -> None:
        """Another page: the dialog of a case does not stay open without it."""
        if self.dialog is not None and self.window.work is None:
            self.dialog.close()

    def _cursor(self) -> tuple[str, Point] | None:
        state = self.window.desk.state
        primary = state.images.primary
        return None if primary is None else (primary.grid.frame_uid, state.cursor_lps_mm(primary.grid.frame_uid))

    def _run_name(self, key: str) -> str:
        line = next((each for each in self.window.desk.state.runs.lines if each.key == key), None)
        if line is None:
            return "a run that is not loaded"
        return f"{line.source.description or 'run'} {angle_words(line.facts.primary_deg, line.facts.secondary_deg)}"

    def _lines(self, case: Case) -> tuple[LinkLine, ...]:
        return tuple(LinkLine(each.id, link_line(each), each.is_reviewed) for each in case.links)

    def use_candidate(self) -> str | None:
        """A person has looked at the preview: the link becomes part of the case, with name and time. One undo step."""
        candidate, work = self._state.candidate.value, self.window.work
        if candidate is None or work is None:
            return "There is no link to use: mark landmarks first."
        if not self._state.may_review:
            return "Look at the preview over every run with clicks first."
        return work.apply("Use the link with the CT", lambda: _reviewed(candidate, work))

    def _unreview(self, link_id: str) -> None:
        if self.window.work is not None:
            self.window.work.apply("Take back the review of a link", lambda: unreview_link(link_id))

    def _unlink(self, link_id: str) -> None:
        if self.window.work is not None:
            self.window.work.apply("Unlink run and CT", lambda: remove_link(link_id))

    def _preview(self, link_id: str) -> None:
        found = next((each for each in self._state.links.value if each.id == link_id), None)
        self._state.preview(found)


def _reviewed(link: FrameLink, work: CaseWork) -> Edit:
    """The link, reviewed, in the place of earlier ones between the same frames: unlinking leaves none behind."""
    add, review = add_link(link), review_link(link.id, by=work.opened.actor)
    ends = link.from_frame_uid, link.to_frame_uid

    def edit(case: Case) -> Case:
        for each in case.links:
            if (each.from_frame_uid, each.to_frame_uid) == ends:
                case = remove_link(each.id)(case)
        return review(add(case))

    return edit


def _other_angle(line: RunLine | None, lines: tuple[RunLine, ...]) -> str | None:
    """The run whose angles differ most from those of a run; None where no other one is known."""
    others = [each for each in lines if line is not None and each.key != line.key]
    if line is None or not others:
        return None

    def apart(each: RunLine) -> float:
        pairs = (
            (each.facts.primary_deg, line.facts.primary_deg),
            (each.facts.secondary_deg, line.facts.secondary_deg),
        )
        return sum(abs(one - other) for one, other in pairs if one is not None and other is not None)

    return max(others, key=apart).key
