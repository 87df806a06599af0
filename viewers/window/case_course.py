"""The course of the open case in the window: its page over the images, and what its controls do. Each is one undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from planner.app import course_planning
from planner.app.case_facts import write_fact
from planner.app.sessions import local_now
from planner.app.tasks import choose_risk_band
from planner.errors import BugError, OperatorError
from planner.findings import Finding
from planner.model.case import Case
from planner.model.course import Course, CourseStep, StepKind
from planner.model.edits import Edit, new_id
from planner.workflow.course import judged_steps
from planner.workflow.course_conflicts import conflicts, conflicts_of_dates
from planner.workflow.course_dates import ProposedDate, ripple, with_dates
from planner.workflow.course_templates import CourseTemplate
from planner.workflow.follow_up_rules import risk_bands
from planner.workflow.template import Choice
from viewers.panels.course_end import EndCourseDialog
from viewers.panels.course_page import CourseActs, CoursePage, CourseView
from viewers.panels.step_card import StepActs
from viewers.panels.step_dialog import CourseOffer, StartCourseDialog, StepDialog
from viewers.panels.timeline_content import CRITERIA, course_content
from viewers.scene.slice_text import shown_name
from viewers.window.case_runs import ANGIO
from viewers.window.case_series import series_key

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow


class CaseCourse:
    """Shows the course over the images of the case page, and keeps it up to date while it is seen.

    Attributes
    ----------
    page
        Built when the course is first asked for.
    reading_opener
        What opens a signed reading by its id; without one the reading is told in the status line.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.page: CoursePage | None = None
        self.dialog: QDialog | None = None
        self.reading_opener: Callable[[str], object] | None = None
        self.course_id: str | None = None
        self._case_id: str | None = None
        self._wanted_image: str | None = None

    def follow(self, work: CaseWork) -> None:
        """Listen to another open case; its course is not on show yet."""
        self.leave()
        self.course_id = None
        work.changed.connect(self.refresh)
        self.window.case_page.stage_list.course_wanted = self.toggle
        work.desk.state.images.changed.connect(self._show_wanted)

    @property
    def is_open(self) -> bool:
        return self.page is not None and self.window.case_page.covered_by is self.page

    def toggle(self) -> None:
        """Ctrl+Shift+C: the course, or the images again."""
        if self.is_open:
            self.leave()
        else:
            self.show()

    def show(self) -> None:
        """The course of the open case, all of it on the axis when it is another case than before."""
        work = self.window.work
        if work is None:
            self.window.say("Open a case first.")
            return
        if self.page is None:
            bands = tuple(Choice(key, title) for key, title in risk_bands().items())
            self.page = CoursePage(self._acts(), bands, self.window.timeline_memory)
            self.page.timeline.decision_wanted.connect(self.open_decision)
        self.window.case_page.cover(self.page)
        same, self._case_id = self._case_id == work.opened.case.id, work.opened.case.id
        self.page.show_view(self.view(work), keep_view=same)
        self.page.timeline.setFocus()

    def leave(self) -> None:
        """Back to the images."""
        if self.is_open:
            self.window.case_page.cover(None)

    def refresh(self, *, always: bool = False) -> None:
        """After every change of the case, while the course is seen; images and stages that change concern it not."""
        work = self.window.work
        if not self.is_open or self.page is None or work is None:
            return
        shown = self.page.view.case if self.page.view is not None else None
        if always or shown is not work.opened.case:
            self.page.show_view(self.view(work))

    def view(self, work: CaseWork) -> CourseView:
        """The course as it stands today."""
        case, today, templates = work.opened.case, work.today, self.window.installed.templates
        course = next((each for each in case.courses if each.id == self.course_id), None)
        course = course or (case.courses[-1] if case.courses else None)
        steps = judged_steps(case, templates, today)
        profile = course_planning.course_profile(case, self.window.installed)
        against = conflicts(case, templates, profile, today)
        mine = tuple(each for each in steps if course is not None and each.course_id == course.id)
        named = {"responsible_physician": case.responsible_physician, "intent": case.intent}
        if course is not None:
            named |= {
                "intent": course.intent,
                "risk_band": course.risk_band,
                "principle": course.principle,
                "evidence": course.evidence,
                "patient_wishes": course.patient_wishes,
            }
        if self.page is not None:
            self.page.timeline.menu.title = f"{shown_name(case.patient.name)} · {case.patient.patient_id}"
        findings = tuple(dict.fromkeys((*against, *(finding for each in mine for finding in each.findings))))
        return CourseView(case, course, mine, findings, course_content(case, templates, today, steps), named)

    def _acts(self) -> CourseActs:
        planning = course_planning
        step = StepActs(
            propose=self._propose,
            brings=self._brings,
            accept=lambda proposals: self._apply("Plan days of the course", lambda: planning.accept_dates(proposals)),
            answer=self._answer,
            take_back=lambda step: self._apply("Take an answer back", lambda: planning.withdraw_answer(step)),
            drop=lambda step, reason: self._apply("Drop a step", lambda: planning.drop_step(step, reason=reason)),
            restore=lambda step: self._apply("Take a step up again", lambda: planning.restore_step(step)),
            remove=lambda step: self._apply("Take a step out", lambda: planning.remove_step(step)),
            done=self._done,
            link=lambda step, session: self._apply("Link a session", lambda: planning.link_session(step, session)),
            begin=self._begin,
            open_session=self.open_session,
            edit=self._edit_step,
        )
        return CourseActs(
            write=self._write,
            choose=self._choose,
            start=self.ask_to_start,
            end=self.end_or_open_again,
            add=self._add_step,
            leave=self.leave,
            open_study=self.open_study,
            compare=self.compare,
            open_reading=self.open_reading,
            step=step,
        )

    def _apply(self, label: str, edit: Callable[[], Edit]) -> str | None:
        work = self.window.work
        return "Open a case first." if work is None else work.apply(label, edit)

    @property
    def _case(self) -> Case:
        if self.window.work is None:
            raise BugError("the course was asked for without an open case")
        return self.window.work.opened.case

    def _course(self) -> Course | None:
        return self.page.view.course if self.page is not None and self.page.view is not None else None

    # The top

    def _choose(self, course_id: str) -> None:
        self.course_id = course_id
        self.refresh(always=True)

    def _write(self, name: str, value: Any) -> str | None:
        course, work = self._course(), self.window.work
        if work is None:
            return "Open a case first."
        by, on = work.who, local_now().date()
        if name == "responsible_physician":
            return self._apply("Responsible physician", lambda: write_fact(name, value, by=by, on=on))
        if course is None:
            return "Start a course first."
        if name == "risk_band":
            return self._apply("Risk band", lambda: choose_risk_band(course.id, value, by=by))
        return self._apply(
            "Course", lambda: course_planning.set_course(course.id, lambda old: replace(old, **{name: value}))
        )

    def ask_to_start(self) -> None:
        """A list of the usual orders of treatments, with what each is for."""
        work = self.window.work
        if work is None:
            self.window.say("Open a case first.")
            return
        histology = work.opened.case.diagnosis.histology
        offers = [offer_of(each, histology) for each in self.window.installed.courses.values()]
        self._open(StartCourseDialog(offers, work.today, self._start, self.window))

    def _start(self, template_id: str | None, begun_on: date) -> str | None:
        before, self.course_id = self.course_id, new_id("course")
        if template_id is None:
            edit = _with_course(Course(self.course_id, "Course", begun_on=begun_on))
        else:
            template = self.window.installed.courses[template_id]
            edit = course_planning.start_course(template, begun_on, course_id=self.course_id)
        refusal = self._apply("Start a course", lambda: edit)
        if refusal is not None:
            self.course_id = before
        return refusal

    def end_or_open_again(self) -> None:
        """Ask since when and why the course is over; one that is over goes on again."""
        course, work = self._course(), self.window.work
        if course is None or work is None:
            return
        if course.ended_on is not None:
            self._apply("Open a course again", lambda: course_planning.open_course_again(course.id))
            return

        def end(on: date, reason: str) -> str | None:
            return self._apply(
                "End a course", lambda: course_planning.end_course(course.id, on, reason=reason, today=work.today)
            )

        self._open(EndCourseDialog(course, work.today, end, self.window))

    # Steps

    def _propose(self, step_id: str, day: date) -> tuple[ProposedDate, ...] | str:
        try:
            return ripple(self._case, step_id, day)
        except OperatorError as error:
            return error.message

    def _brings(self, proposals: Sequence[ProposedDate]) -> tuple[Finding, ...]:
        """Findings that these days would add: intervals, needs and conflicts."""
        work = self.window.work
        if work is None:
            return ()
        case, templates, today = work.opened.case, self.window.installed.templates, work.today
        moved = with_dates(case, {each.step_id: each.proposed for each in proposals})
        before = {finding for each in judged_steps(case, templates, today) for finding in each.findings}
        after = [finding for each in judged_steps(moved, templates, today) for finding in each.findings]
        profile = course_planning.course_profile(case, self.window.installed)
        newly = conflicts_of_dates(case, proposals, templates, profile, today)
        return (*(each for each in after if each not in before), *newly)

    def _answer(self, step_id: str, needed: bool, reason: str) -> str | None:
        work = self.window.work
        if work is None:
            return "Open a case first."
        return self._apply(
            "Answer a condition",
            lambda: course_planning.answer_condition(step_id, needed, by=work.who, on=work.today, reason=reason),
        )

    def _done(self, step_id: str, on: date | None, until: date | None) -> str | None:
        work = self.window.work
        if work is None:
            return "Open a case first."
        if on is None:
            return self._apply("Step not done", lambda: course_planning.mark_not_done(step_id))
        return self._apply("Step done", lambda: course_planning.mark_done(step_id, on, until=until, today=work.today))

    def _begin(self, step_id: str) -> str | None:
        """Begin the session of a step, and open it."""
        profile = course_planning.course_profile(self._case, self.window.installed)
        session_id = new_id("session")
        refusal = self._apply(
            "Begin a session of the course",
            lambda: course_planning.begin_step(step_id, self.window.installed, profile.id, session_id=session_id),
        )
        if refusal is None:
            self.open_session(session_id)
        return refusal

    def _procedures(self) -> tuple[Choice, ...]:
        return tuple(Choice(each.id, each.title) for each in self.window.installed.templates.values())

    def _add_step(self) -> None:
        course = self._course()
        if course is not None:
            self._ask_step(course, course_planning.new_step(course, StepKind.SESSION, ""))

    def _edit_step(self, step_id: str) -> None:
        course = self._course()
        step = course.step(step_id) if course is not None else None
        if course is not None and step is not None:
            self._ask_step(course, step)

    def _ask_step(self, course: Course, step: CourseStep) -> None:
        def put(written: CourseStep) -> str | None:
            refusal = self._apply("Step of the course", lambda: course_planning.set_step(course.id, written))
            if refusal is None and self.page is not None:
                self.page.choose_step(written.id)
            return refusal

        self._open(StepDialog(course, step, self._procedures(), put, self.window))

    # What a click opens

    def open_session(self, session_id: str) -> None:
        work = self.window.work
        if work is not None and work.opened.case.session(session_id) is not None:
            self.leave()
            work.use_session(session_id)
            work.load_images()

    def open_study(self, series_uid: str) -> None:
        """The images of a study, in the panes."""
        work = self.window.work
        reference = next((each for each in self._case.studies if each.series_uid == series_uid), None)
        if work is None or reference is None:
            return
        self.leave()
        work.series.load_keys([series_key(reference)])
        if reference.kind == ANGIO:
            work.desk.state.layout.set("dsa")
            return
        self._wanted_image = series_key(reference)
        self._show_wanted()

    def _show_wanted(self) -> None:
        """The study that was clicked leads, as soon as its images are there."""
        work = self.window.work
        wanted = self._wanted_image
        if work is not None and wanted is not None and wanted in work.desk.state.images.volumes:
            self._wanted_image = None
            work.desk.state.images.set_primary(wanted)

    def compare(self, earlier_uid: str, later_uid: str) -> None:
        self.leave()
        self.window.case_page.compare_studies(earlier_uid, later_uid)

    def open_reading(self, reading_id: str) -> None:
        reading = next((each for each in self._case.readings if each.id == reading_id), None)
        if reading is None:
            return
        if self.reading_opener is not None:
            self.leave()
            self.reading_opener(reading_id)
            return
        words = CRITERIA.get(reading.criteria, reading.criteria)
        result = reading.overall or f"not evaluable: {reading.not_evaluated or 'no reason given'}"
        self.window.say(f"{reading.on.isoformat()}: {words} {result}, read by {reading.read_by}.")

    def open_decision(self, decision_id: str) -> None:
        """A decision of the meeting, on its page."""
        if any(each.id == decision_id for each in self._case.decisions):
            self.leave()
            self.window.dialogs.team.board.show_decision(decision_id)

    def _open(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()


def _with_course(course: Course) -> Edit:
    return lambda case: replace(case, courses=(*case.courses, course))


def offer_of(template: CourseTemplate, histology: str | None) -> CourseOffer:
    """A course template in words: what it is, its order and why, its steps, where it comes from."""
    fits = not template.histologies or histology is None or histology in template.histologies
    lines = [template.description, template.principle]
    for each in template.steps:
        step = each.step
        when = "" if each.day is None else f"day {each.day} · "
        only = f" ({step.condition})" if step.condition else ""
        lines.append(f"{when}{step.title}{only}")
    if template.histologies:
        lines.append(f"Meant for: {', '.join(template.histologies)}")
    lines.append(f"{template.evidence} · {template.source}")
    if template.unverified:
        lines.append(f"Unverified defaults in: {', '.join(template.unverified)}")
    return CourseOffer(template.id, template.title, tuple(lines), fits)
