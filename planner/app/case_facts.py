"""What is known of a patient and a course apart from any session: facts typed by path, and the steps of the course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from planner.errors import UsageError
from planner.model.case import Case
from planner.model.codec import from_json
from planner.model.course import Course, CourseStep
from planner.model.edits import Edit, new_id
from planner.workflow.values import write_path

STEP_KINDS = ("session", "surgery", "ablation", "systemic", "radiotherapy", "immunotherapy", "traditional", "imaging")
"""What a step of a course can be: a session of ours, a treatment elsewhere, or imaging."""


def write_fact(path: str, value: Any, *, by: str, on: date) -> Edit:
    """Put a JSON value at a path of the case (``patient.weight_kg``, ``implants``).

    Parameters
    ----------
    by, on
        Who types it and when, for what keeps both.

    Raises
    ------
    InputRefused
        When the edit is applied with a value that is not of the type that lives there.
    """
    return lambda case: write_path(case, path, value, by=by, on=on)


def steps_of(case: Case) -> tuple[CourseStep, ...]:
    """The steps of the case's course; sessions that no step names come last, as they stand."""
    steps = tuple(step for course in case.courses for step in course.steps)
    named = {step.session_id for step in steps}
    loose = tuple(
        CourseStep(
            f"step-{session.id}",
            "session",
            session.title,
            session_id=session.id,
            planned_on=session.planned_on,
            done_on=session.performed_on,
        )
        for session in case.sessions
        if session.id not in named
    )
    return (*steps, *loose)


def put_steps(rows: Sequence[Mapping[str, Any]], *, course_id: str | None = None) -> Edit:
    """Make these the steps of the case's course, in this order.

    Parameters
    ----------
    rows
        JSON of `planner.model.course.CourseStep`; a row without ``id`` is a new step.

    Raises
    ------
    InputRefused
        For a row that is no step.
    UsageError
        ``bad-course`` for a step without a title, one that follows itself or one that is not there.
    """
    identifier = course_id or new_id("course")
    steps = tuple(
        from_json(CourseStep, {"kind": "session", "title": "", **row, "id": row.get("id") or new_id("step")}, "course")
        for row in rows
    )
    _refuse_broken(steps)

    def edit(case: Case) -> Case:
        before = case.courses[0] if case.courses else Course(identifier, "Course")
        course = replace(before, steps=steps)
        return case if case.courses == (course,) else replace(case, courses=(course,))

    return edit


def _refuse_broken(steps: Sequence[CourseStep]) -> None:
    known = {step.id for step in steps}
    for number, step in enumerate(steps, start=1):
        if not step.title.strip():
            raise UsageError("bad-course", f"Step {number} of the course has no name; type one.")
        if step.after is not None and (step.after == step.id or step.after not in known):
            raise UsageError("bad-course", f"{step.title} follows a step that is not in this course; choose another.")
        least, most = step.minimum_days, step.maximum_days
        if least is not None and most is not None and least > most:
            raise UsageError("bad-course", f"{step.title}: the shortest interval is longer than the longest one.")
