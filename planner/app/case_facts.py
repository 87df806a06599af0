"""What is known of a patient and a course apart from any session: facts typed by path, and the steps of the course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from planner.app.course_planning import check_steps
from planner.model.case import Case
from planner.model.codec import from_json
from planner.model.course import Course, CourseStep, StepKind
from planner.model.edits import Edit, new_id
from planner.workflow.values import write_path


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
            StepKind.SESSION.value,
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
    """Make these the steps of the case's courses, in this order.

    A step stays in its course; a new one goes into the last course, which is made when there is none.

    Parameters
    ----------
    rows
        JSON of `planner.model.course.CourseStep`; a row without ``id`` is a new step.

    Raises
    ------
    InputRefused
        For a row that is no step.
    UsageError
        ``bad-course`` for a step without a title, of an unknown kind, one that follows itself or one that is not there.
    """
    identifier = course_id or new_id("course")
    steps = tuple(
        from_json(
            CourseStep,
            {"kind": StepKind.SESSION.value, "title": "", **row, "id": row.get("id") or new_id("step")},
            "course",
        )
        for row in rows
    )
    check_steps(steps)

    def edit(case: Case) -> Case:
        before = case.courses or (Course(identifier, "Course"),)
        home = {step.id: course.id for course in before for step in course.steps}
        courses = tuple(
            replace(course, steps=tuple(step for step in steps if home.get(step.id, before[-1].id) == course.id))
            for course in before
        )
        return case if case.courses == courses else replace(case, courses=courses)

    return edit
