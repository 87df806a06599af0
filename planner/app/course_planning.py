"""What a person does with a course: begin it from a template, change steps, answer conditions, accept days, link
sessions. Each is one edit, and one step of undo; nothing moves a day by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from planner.app.templates import Installed, installed
from planner.errors import UsageError
from planner.findings import Finding
from planner.model.case import Case
from planner.model.course import ConditionAnswer, Course, CourseStep, StepKind
from planner.model.edits import Edit, new_id
from planner.workflow.course import StepStatus, judged_steps
from planner.workflow.course_conflicts import conflicts, conflicts_of_dates, finding_key
from planner.workflow.course_dates import ProposedDate, catch_up, planned_on, ripple, step_done, the_step, with_dates
from planner.workflow.course_templates import CourseTemplate, course_of_template
from planner.workflow.lifecycle import new_session
from planner.workflow.template import Profile


def course_templates() -> tuple[CourseTemplate, ...]:
    """The installed course templates."""
    return tuple(installed().courses.values())


def course_profile(case: Case, available: Installed) -> Profile:
    """The profile a course is judged by: that of the case's newest session, else the first installed one."""
    used = [each.template.profile for each in case.sessions if each.template.profile in available.profiles]
    return available.profile(used[-1] if used else min(available.profiles))


def course_status(case: Case, available: Installed, today: date) -> tuple[tuple[StepStatus, ...], tuple[Finding, ...]]:
    """Every step as it stands today, and what stands against the treatments that are planned."""
    profile = course_profile(case, available)
    return judged_steps(case, available.templates, today), conflicts(case, available.templates, profile, today)


def start_course(template: CourseTemplate, begun_on: date, *, course_id: str | None = None) -> Edit:
    """Add a course that begins on a day; it is the last of the case, and a copy that the person changes."""
    course = course_of_template(template, begun_on, course_id=course_id)
    return lambda case: replace(case, courses=(*case.courses, course))


def set_course(course_id: str, change: Callable[[Course], Course]) -> Edit:
    """Change what stands at the top of a course (intent, principle, wishes, end) as one edit.

    Raises
    ------
    UsageError
        ``unknown-course`` when the edit is applied.
    """

    def edit(case: Case) -> Case:
        found = next((each for each in case.courses if each.id == course_id), None)
        if found is None:
            raise UsageError("unknown-course", f"There is no course {course_id} in this case.", subject=course_id)
        return _with_course(case, change(found))

    return edit


def end_course(course_id: str, on: date, *, reason: str, today: date) -> Edit:
    """Say that a course is over, since when and why; its steps stay as they are.

    Open steps, sessions and follow-up visits of an ended course are no due items any more (`planner.workflow.due`).

    Raises
    ------
    UsageError
        ``missing-reason``; ``bad-course`` for a day to come, or, when applied, one before the course began;
        ``unknown-course`` when applied.
    """
    if not reason.strip():
        raise UsageError("missing-reason", "Say why the course ends.", subject=course_id)
    if on > today:
        text = f"The course cannot have ended on {on.isoformat()}: that day is still to come."
        raise UsageError("bad-course", text, subject=course_id)

    def change(course: Course) -> Course:
        if course.begun_on is not None and on < course.begun_on:
            text = f"The course began on {course.begun_on.isoformat()}; it cannot have ended on {on.isoformat()}."
            raise UsageError("bad-course", text, subject=course_id)
        return replace(course, ended_on=on, ended_why=reason.strip())

    return set_course(course_id, change)


def open_course_again(course_id: str) -> Edit:
    """Take the end of a course back; raises UsageError ``unknown-course`` when applied."""
    return set_course(course_id, lambda course: replace(course, ended_on=None, ended_why=None))


def set_step(course_id: str, step: CourseStep, *, before: str | None = None) -> Edit:
    """Put a step into a course, or replace the one with its id.

    Parameters
    ----------
    before
        Id of the step a new one is put in front of; at the end without.

    Raises
    ------
    UsageError
        ``unknown-course``; ``bad-course`` for a step that cannot be, when the edit is applied.
    """

    def change(course: Course) -> Course:
        if course.step(step.id) is not None:
            steps = tuple(step if each.id == step.id else each for each in course.steps)
        else:
            place = next((number for number, each in enumerate(course.steps) if each.id == before), len(course.steps))
            steps = (*course.steps[:place], step, *course.steps[place:])
        check_steps(steps)
        return replace(course, steps=steps)

    return set_course(course_id, change)


def new_step(course: Course, kind: StepKind, title: str) -> CourseStep:
    """An empty step for `set_step`, with an id of its own."""
    return CourseStep(new_id(f"{course.id}-step"), kind.value, title)


def remove_step(step_id: str) -> Edit:
    """Take a step out that was never meant. One that was planned is dropped, with the reason (`drop_step`).

    Raises
    ------
    UsageError
        ``unknown-step``; ``step-in-use`` for one that is done, has a session, or that others follow.
    """

    def edit(case: Case) -> Case:
        course, step = the_step(case, step_id)
        used = step_done(case, step) or step.session_id is not None
        followed = [each.title for each in course.steps if step_id in (each.after, each.alternative_to)]
        if used or followed:
            why = "it is done or has a session" if used else f"{', '.join(followed)} depends on it"
            said = f"{step.title} cannot be taken out: {why}. Drop it with a reason instead."
            raise UsageError("step-in-use", said, subject=step_id)
        return _with_course(case, replace(course, steps=tuple(each for each in course.steps if each.id != step_id)))

    return edit


def drop_step(step_id: str, *, reason: str) -> Edit:
    """A step is not to happen any more; it stays readable with the reason.

    Raises
    ------
    UsageError
        ``reason-missing``; ``unknown-step`` or ``step-done`` when the edit is applied.
    """
    why = reason.strip()
    if not why:
        raise UsageError("reason-missing", "Write why the step falls away.", subject=step_id)
    return _open_step(step_id, lambda step: replace(step, dropped=why))


def restore_step(step_id: str) -> Edit:
    """A dropped step stands again."""
    return _open_step(step_id, lambda step: replace(step, dropped=None))


def answer_condition(step_id: str, needed: bool, *, by: str, on: date, reason: str = "") -> Edit:
    """A person says whether a step is needed. A later answer replaces an earlier one.

    Raises
    ------
    UsageError
        ``unknown-person``; ``no-condition`` for a step without one, ``unknown-step``, ``step-done`` when applied.
    """
    if not by.strip():
        raise UsageError("unknown-person", "A condition is answered by a person; give the name.", subject=step_id)

    def change(step: CourseStep) -> CourseStep:
        if step.condition is None and step.condition_need is None:
            raise UsageError("no-condition", f"{step.title} has no condition to answer.", subject=step_id)
        return replace(step, condition_answer=ConditionAnswer(needed, by.strip(), on, reason.strip()))

    return _open_step(step_id, change)


def withdraw_answer(step_id: str) -> Edit:
    """Take the answer of a condition back; the step waits for a person again."""
    return _open_step(step_id, lambda step: replace(step, condition_answer=None))


def mark_done(step_id: str, on: date, *, until: date | None = None, today: date) -> Edit:
    """An outside treatment, an examination or a meeting has happened. Sessions say so themselves.

    Raises
    ------
    UsageError
        ``not-yet`` for a day to come, ``wrong-interval`` for one that ends before it begins; ``has-session``,
        ``unknown-step`` when the edit is applied.
    """
    if on > today:
        raise UsageError("not-yet", f"{on.isoformat()} is still to come; plan the step for that day.", subject=step_id)
    if until is not None and until < on:
        raise UsageError("wrong-interval", "The last day of a treatment is not before its first.", subject=step_id)

    def edit(case: Case) -> Case:
        course, step = the_step(case, step_id)
        if step.session_id is not None:
            said = f"{step.title} has a session: what was done is recorded there."
            raise UsageError("has-session", said, subject=step_id)
        return _with_step(case, course, replace(step, done_on=on, until=until))

    return edit


def mark_not_done(step_id: str) -> Edit:
    """Take the day back on which a step was said to be done."""

    def edit(case: Case) -> Case:
        course, step = the_step(case, step_id)
        return _with_step(case, course, replace(step, done_on=None, until=None))

    return edit


def accept_dates(proposals: Sequence[ProposedDate]) -> Edit:
    """Plan steps, and their open sessions, for the proposed days that a person picked. All of them, or none.

    Raises
    ------
    UsageError
        ``unknown-step``, ``step-done``, or ``stale-proposal`` where a day was changed since, when the edit is applied.
    """

    def edit(case: Case) -> Case:
        for each in proposals:
            _, step = the_step(case, each.step_id)
            if step_done(case, step):
                said = f"{step.title} is done; its day is not planned any more."
                raise UsageError("step-done", said, subject=step.id)
            if planned_on(case, step) != each.was:
                said = f"{step.title} was given another day since; ask for new proposals."
                raise UsageError("stale-proposal", said, subject=step.id)
        return with_dates(case, {each.step_id: each.proposed for each in proposals})

    return edit


def propose_dates(
    case: Case, step_id: str, new_date: date, available: Installed, today: date
) -> tuple[tuple[ProposedDate, ...], tuple[Finding, ...]]:
    """The days that moving a step proposes, and what accepting all of them would newly bring: intervals, needs,
    conflicts.

    Raises
    ------
    UsageError
        ``unknown-step`` or ``step-done``.
    """
    proposals = ripple(case, step_id, new_date)
    return proposals, _brings(case, proposals, available, today)


def propose_catch_up(
    case: Case, available: Installed, today: date
) -> tuple[tuple[ProposedDate, ...], tuple[Finding, ...]]:
    """Days for steps whose planned one does not fit any more, and what accepting all of them would newly bring."""
    proposals = catch_up(case, today)
    return proposals, _brings(case, proposals, available, today)


def _brings(case: Case, proposals: Sequence[ProposedDate], available: Installed, today: date) -> tuple[Finding, ...]:
    moved = with_dates(case, {each.step_id: each.proposed for each in proposals})
    before = {
        finding_key(finding) for each in judged_steps(case, available.templates, today) for finding in each.findings
    }
    after = [finding for each in judged_steps(moved, available.templates, today) for finding in each.findings]
    profile = course_profile(case, available)
    newly = conflicts_of_dates(case, proposals, available.templates, profile, today)
    return (*(each for each in after if finding_key(each) not in before), *newly)


def link_session(step_id: str, session_id: str | None) -> Edit:
    """A step is carried out by a session of the case; None takes the link away.

    Raises
    ------
    UsageError
        ``unknown-step``, ``unknown-session``, ``wrong-template`` for a session of another procedure, ``session-taken``
        for one that another step has, when the edit is applied.
    """

    def edit(case: Case) -> Case:
        course, step = the_step(case, step_id)
        session = case.session(session_id) if session_id is not None else None
        if session_id is not None and session is None:
            said = f"There is no session {session_id} in this case."
            raise UsageError("unknown-session", said, subject=session_id)
        if session is not None and step.template is not None and session.template.id != step.template:
            said = f"{step.title} is a session of {step.template}, and {session.title} one of {session.template.id}."
            raise UsageError("wrong-template", said, subject=session_id)
        others = [each for one in case.courses for each in one.steps if each.id != step_id]
        taken = next((each for each in others if session_id is not None and each.session_id == session_id), None)
        if taken is not None:
            said = f"That session already carries out {taken.title}; take that link away first."
            raise UsageError("session-taken", said, subject=session_id)
        return _with_step(case, course, replace(step, session_id=session_id))

    return edit


def begin_step(step_id: str, available: Installed, profile_id: str, *, session_id: str | None = None) -> Edit:
    """Create the session of a step, planned for its day, and link it.

    Raises
    ------
    UsageError
        ``unknown-step``; ``no-template`` for a step that is no session of ours; ``has-session``; ``unknown-template``
        or ``unknown-profile``, when the edit is applied.
    """
    made = session_id or new_id("session")

    def edit(case: Case) -> Case:
        _, step = the_step(case, step_id)
        if step.template is None:
            said = f"{step.title} is no session of ours; nothing is begun for it."
            raise UsageError("no-template", said, subject=step_id)
        if step.session_id is not None:
            raise UsageError("has-session", f"{step.title} has a session already.", subject=step_id)
        template, profile = available.template(step.template), available.profile(profile_id)
        begun, _ = new_session(case, template, profile, title=step.title, planned_on=step.planned_on, session_id=made)
        return link_session(step_id, made)(begun)

    return edit


def check_steps(steps: Sequence[CourseStep]) -> None:
    """Whether steps can be those of one course.

    Raises
    ------
    UsageError
        ``bad-course`` for a step without a title, of an unknown kind, that follows itself or one that is not there,
        or whose shortest interval is longer than the longest.
    """
    known = {step.id for step in steps}
    for number, step in enumerate(steps, start=1):
        if not step.title.strip():
            raise UsageError("bad-course", f"Step {number} of the course has no name; type one.")
        if step.kind not in list(StepKind):
            kinds = ", ".join(StepKind)
            raise UsageError("bad-course", f"{step.title} is of a kind nobody knows ({step.kind}); choose of {kinds}.")
        for named in (step.after, step.alternative_to):
            if named is not None and (named == step.id or named not in known):
                said = f"{step.title} follows a step that is not in this course; choose another."
                raise UsageError("bad-course", said)
        if _in_circle(step, steps):
            raise UsageError("bad-course", f"{step.title} follows itself over other steps; choose another order.")
        least, most = step.minimum_days, step.maximum_days
        if least is not None and most is not None and least > most:
            raise UsageError("bad-course", f"{step.title}: the shortest interval is longer than the longest one.")


def _in_circle(step: CourseStep, steps: Sequence[CourseStep]) -> bool:
    after = {each.id: each.after for each in steps}
    seen: set[str] = set()
    here: str | None = step.after
    while here is not None and here not in seen:
        if here == step.id:
            return True
        seen.add(here)
        here = after.get(here)
    return False


def _open_step(step_id: str, change: Callable[[CourseStep], CourseStep]) -> Edit:
    def edit(case: Case) -> Case:
        course, step = the_step(case, step_id)
        if step_done(case, step):
            raise UsageError("step-done", f"{step.title} is done; that is not changed any more.", subject=step_id)
        return _with_step(case, course, change(step))

    return edit


def _with_step(case: Case, course: Course, step: CourseStep) -> Case:
    if course.step(step.id) == step:
        return case
    steps = tuple(step if each.id == step.id else each for each in course.steps)
    return _with_course(case, replace(course, steps=steps))


def _with_course(case: Case, course: Course) -> Case:
    courses = tuple(course if each.id == course.id else each for each in case.courses)
    return case if courses == case.courses else replace(case, courses=courses)
