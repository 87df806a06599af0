"""One step of a course: where it stands and why, its condition to answer, its day with what moving it proposes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QVBoxLayout, QWidget

from planner.findings import Finding
from planner.model.case import Case
from planner.model.course import CourseStep
from planner.workflow.course import StepState, StepStatus
from planner.workflow.course_dates import ProposedDate, alternatives, step_done
from planner.workflow.template import Field, FieldKind
from viewers.panels.course_steps import STEP_MARKS, VERDICT_MARKS, day_text
from viewers.panels.editors import FieldEditor, editor_for
from viewers.panels.findings_panel import FindingsPanel
from viewers.panels.parts import PlainLabel, button, clear, row


@dataclass(frozen=True, slots=True)
class StepActs:
    """What can be done with a step. Each answers a sentence when it was refused, else None.

    Attributes
    ----------
    propose
        What moving a step to a day would move; moves nothing.
    brings
        What accepting these days would newly bring: said before anything is moved.
    """

    propose: Callable[[str, date], tuple[ProposedDate, ...] | str]
    brings: Callable[[Sequence[ProposedDate]], tuple[Finding, ...]]
    accept: Callable[[Sequence[ProposedDate]], str | None]
    answer: Callable[[str, bool, str], str | None]
    take_back: Callable[[str], str | None]
    drop: Callable[[str, str], str | None]
    restore: Callable[[str], str | None]
    remove: Callable[[str], str | None]
    done: Callable[[str, date | None, date | None], str | None]
    link: Callable[[str, str | None], str | None]
    begin: Callable[[str], str | None]
    open_session: Callable[[str], object]
    edit: Callable[[str], object]


class Proposals(QWidget):
    """Days that moving a step proposes, each with a box. Only the day that was asked for is ticked; Enter ticks nothing
    and accepts nothing."""

    def __init__(self, acts: StepActs, over: Callable[[], object]) -> None:
        super().__init__()
        self._acts, self._over = acts, over
        self.proposals: tuple[ProposedDate, ...] = ()
        self.boxes: list[QCheckBox] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.brings = FindingsPanel("These days bring no new conflict that the program knows")
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.hide()

    def show_proposals(self, proposals: Sequence[ProposedDate]) -> None:
        """Ask which of these days are to be taken."""
        self.forget()
        self.proposals = tuple(proposals)
        self._layout.addWidget(PlainLabel("Moving it proposes (nothing is moved yet)", role="section"))
        for number, each in enumerate(proposals):
            box = QCheckBox(f"{each.title}: {day_text(each.was)} → {each.proposed.isoformat()}".replace("&", "&&"))
            box.setChecked(number == 0)
            box.toggled.connect(lambda _: self._look())
            self.boxes.append(box)
            self._layout.addWidget(box)
            self._layout.addWidget(PlainLabel(f"      {each.why}", role="quiet", wrap=True))
        self.brings = FindingsPanel("These days bring no new conflict that the program knows")
        self._layout.addWidget(self.brings)
        self.accept_button = button("Accept ticked days", self._accept, tip="One step of undo")
        self.problem = PlainLabel("", role="unverified", wrap=True)
        others = button("Tick all", self._tick_all)
        others.setVisible(len(proposals) > 1)
        self._layout.addWidget(row(self.accept_button, others, button("Leave as it is", self._leave)))
        self._layout.addWidget(self.problem)
        self.show()
        self._look()

    def ticked(self) -> tuple[ProposedDate, ...]:
        return tuple(each for each, box in zip(self.proposals, self.boxes, strict=True) if box.isChecked())

    def forget(self) -> None:
        clear(self._layout)
        self.proposals, self.boxes = (), []
        self.hide()

    def _tick_all(self) -> None:
        for box in self.boxes:
            box.setChecked(True)

    def _look(self) -> None:
        """What the ticked days would bring, before they are taken."""
        chosen = self.ticked()
        self.accept_button.setEnabled(bool(chosen))
        self.brings.show_findings(self._acts.brings(chosen) if chosen else (), (), None)

    def _accept(self) -> None:
        refusal = self._acts.accept(self.ticked())
        if refusal is not None:
            self.problem.setText(refusal)
            return
        self.forget()
        self._over()

    def _leave(self) -> None:
        self.forget()
        self._over()


class StepCard(QWidget):
    """The chosen step with what a person can do about it. Enter in a field commits the field and nothing else."""

    def __init__(self, acts: StepActs) -> None:
        super().__init__()
        self._acts = acts
        self.step_id: str | None = None
        self._shown: tuple[object, ...] | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.proposals: Proposals | None = None
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.day: FieldEditor | None = None
        self.show_nothing()

    def show_nothing(self) -> None:
        clear(self._layout)
        self.step_id, self._shown = None, None
        self._layout.addWidget(PlainLabel("Choose a step of the table, or on the axis.", role="quiet", wrap=True))
        self._layout.addStretch(1)

    def show_step(self, case: Case, status: StepStatus, findings: Sequence[Finding]) -> None:
        """Show a step; built anew only where something about it differs."""
        state = (status, tuple(findings), [(each.id, each.title, each.performed_on) for each in case.sessions])
        if state == self._shown:
            return
        self._shown, self.step_id = state, status.step.id
        clear(self._layout)
        mark, step = STEP_MARKS[status.state], status.step
        self._add(PlainLabel(step.title, role="title", wrap=True))
        self._add(PlainLabel(f"{mark.shape} {mark.word}{f' · {step.dropped}' if step.dropped else ''}"))
        for line in (*window_lines(status), *alternative_lines(case, status)):
            self._add(PlainLabel(line, role="quiet", wrap=True))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        if findings:
            panel = FindingsPanel()
            panel.show_findings(findings, (), None)
            self._add(panel)
        if step.condition or status.condition is not None:
            self._show_condition(status)
        self._show_needs(status)
        if status.is_open:
            self._show_day(status)
        self._show_session(case, status)
        self._show_ends(status)
        self._add(self.problem)
        self._layout.addStretch(1)

    def _add(self, widget: QWidget) -> None:
        self._layout.addWidget(widget)

    def _said(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")

    def _show_condition(self, status: StepStatus) -> None:
        step = status.step
        self._add(PlainLabel(f"Only {step.condition}" if step.condition else "Condition", role="section", wrap=True))
        if status.condition is not None:
            mark = VERDICT_MARKS[status.condition.verdict]
            self._add(PlainLabel(f"{mark.shape} {mark.word}: {status.condition.why}", wrap=True))
        answer = step.condition_answer
        if answer is not None:
            word = "needed" if answer.needed else "not needed"
            reason = f": {answer.reason}" if answer.reason else ""
            self._add(PlainLabel(f"{word}, said by {answer.by} on {answer.on.isoformat()}{reason}", wrap=True))
        if status.state is StepState.DONE or status.state is StepState.DROPPED:
            return
        if answer is not None:
            self._add(row(button("Take the answer back", lambda: self._said(self._acts.take_back(step.id)))))
            return
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Reason (asked for when it is not needed)")
        self.needed = button("Needed", lambda: self._answer(True))
        self.not_needed = button("Not needed", lambda: self._answer(False))
        self._add(self.reason)
        self._add(row(self.needed, self.not_needed))

    def _answer(self, needed: bool) -> None:
        reason = self.reason.text().strip()
        if not needed and not reason:
            self._said("Say why it is not needed: the next reader has to know.")
            return
        if self.step_id is not None:
            self._said(self._acts.answer(self.step_id, needed, reason))

    def _show_needs(self, status: StepStatus) -> None:
        step = status.step
        if status.needs or step.prerequisites:
            self._add(PlainLabel("Before it may begin", role="section"))
        for need in status.needs:
            mark = VERDICT_MARKS[need.verdict]
            unread = " · unverified default" if need.need.tag in ("M", "P") else ""
            self._add(PlainLabel(f"{mark.shape} {need.need.text}: {mark.word}", wrap=True))
            source = f" · {need.need.source}{unread}" if need.need.source else unread
            self._add(PlainLabel(f"     {need.why}{source}", role="quiet", wrap=True))
        for text in step.prerequisites:
            self._add(PlainLabel(f"? {text} (not judged by the program)", wrap=True))

    def _show_day(self, status: StepStatus) -> None:
        self._add(PlainLabel("Planned day", role="section"))
        editor = editor_for(Field("planned_on", "Planned day", FieldKind.DATE))
        editor.show_value(status.step.planned_on.isoformat() if status.step.planned_on else day_or_none(status.on))
        editor.changed.connect(self._propose)
        self.day = editor
        self._add(editor)
        self.proposals = Proposals(self._acts, self._forget)
        self._add(self.proposals)

    def _propose(self, value: object) -> None:
        if self.step_id is None or self.proposals is None:
            return
        if not value:
            self._said("A day is moved to another day; to plan the step no more, drop it with a reason.")
            return
        found = self._acts.propose(self.step_id, date.fromisoformat(str(value)))
        if isinstance(found, str):
            self._said(found)
            return
        self._said(None)
        self.proposals.show_proposals(found)

    def _forget(self) -> None:
        """Whatever was typed as a day and not taken is shown no longer."""
        self._shown = None

    def _show_session(self, case: Case, status: StepStatus) -> None:
        step = status.step
        session = case.session(step.session_id) if step.session_id else None
        if session is not None:
            opener = button("Open the session", lambda: self._acts.open_session(session.id), tip=session.title)
            apart = button("Not this session", lambda: self._said(self._acts.link(step.id, None)), tip="Unlinks it")
            apart.setVisible(session.performed_on is None)
            self._add(row(opener, apart))
            return
        if not status.is_open or (step.kind != "session" and step.template is None):
            return
        self._add(PlainLabel("Session", role="section"))
        self.begin = button("Begin the session", lambda: self._said(self._acts.begin(step.id)))
        self.begin.setEnabled(step.template is not None)
        named = {each.session_id for course in case.courses for each in course.steps}
        free = [each for each in case.sessions if each.id not in named and step.template in (None, each.template.id)]
        self.link = QComboBox()
        for each in free:
            self.link.addItem(each.title, each.id)
        linker = button("It is this session", lambda: self._said(self._acts.link(step.id, self.link.currentData())))
        for widget in (self.link, linker):
            widget.setVisible(bool(free))
        self._add(row(self.begin, self.link, linker))

    def _show_ends(self, status: StepStatus) -> None:
        """What was done elsewhere gets its days; a step is edited or dropped."""
        step = status.step
        if step.session_id is None and step.kind != "session" and status.state is not StepState.DROPPED:
            self._add(PlainLabel("Done on · until (what lasts)", role="section"))
            self.done, self.until = (editor_for(Field(name, name, FieldKind.DATE)) for name in ("done_on", "until"))
            self.done.show_value(day_or_none(step.done_on))
            self.until.show_value(day_or_none(step.until))
            self.done.changed.connect(lambda value: self._said(self._acts.done(step.id, _day(value), step.until)))
            self.until.changed.connect(lambda value: self._said(self._acts.done(step.id, step.done_on, _day(value))))
            self._add(row(self.done, self.until, stretch=False))
        edit = button("Edit…", lambda: self._acts.edit(step.id), tip="Name, kind, interval, condition, who decides")
        if status.state is StepState.DROPPED:
            self._add(row(edit, button("Take it up again", lambda: self._said(self._acts.restore(step.id)))))
            return
        if status.state is StepState.DONE:
            self._add(row(edit))
            return
        self.why_dropped = QLineEdit()
        self.why_dropped.setPlaceholderText("Why it is dropped")
        self.dropper = button("Drop", self._drop)
        out = button("Take out", lambda: self._said(self._acts.remove(step.id)), tip="Only what was never meant")
        self._add(row(edit, out))
        self._add(row(self.why_dropped, self.dropper, stretch=False))

    def _drop(self) -> None:
        reason = self.why_dropped.text().strip()
        if not reason:
            self._said("Say why the step is dropped.")
        elif self.step_id is not None:
            self._said(self._acts.drop(self.step_id, reason))


def window_lines(status: StepStatus) -> tuple[str, ...]:
    """When the step may be, and why; who decides; what it replaces."""
    step: CourseStep = status.step
    lines = []
    if status.state is not StepState.DONE:
        if status.earliest is not None:
            lines.append(f"Earliest {status.earliest.isoformat()}: {status.why_earliest}")
        if status.latest is not None:
            lines.append(f"Latest {status.latest.isoformat()}: {status.why_latest}")
        if status.earliest is None and status.latest is None and status.why_earliest:
            lines.append(f"When it may be is not known: {status.why_earliest}")
    if step.interval_source:
        unread = " · unverified default" if step.interval_tag in ("M", "P") else ""
        lines.append(f"Interval: {step.interval_source}{unread}")
    if step.decides:
        lines.append(f"Decided by: {step.decides.replace('-', ' ')}")
    if step.note:
        lines.append(step.note)
    return tuple(lines)


def alternative_lines(case: Case, status: StepStatus) -> tuple[str, ...]:
    """The other steps of its group, with whether one of them was carried out."""
    course = next((each for each in case.courses if each.id == status.course_id), None)
    others = alternatives(course, status.step) if course is not None else ()
    if not others:
        return ()
    names = ", ".join(f"{each.title} (done)" if step_done(case, each) else each.title for each in others)
    return (f"One of these is carried out: {status.step.title}, {names}",)


def day_or_none(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)) if value else None
