"""What people decide, report and plan between the sessions of the digital patient's course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from planner.app.board import new_decision, put_decision
from planner.app.course_planning import course_templates, mark_done, set_course, set_step, start_course
from planner.app.demo_walk import FELLOW, moment_at
from planner.app.open_case import OpenCase
from planner.app.reports import add_report
from planner.app.tasks import close_task, open_task, write_task
from planner.catalogues import catalogue
from planner.errors import BugError
from planner.model.course import Course, CourseStep
from planner.model.disease import BoardDecision, Opinion
from planner.model.edits import Edit
from planner.workflow.alerts import alerts

COURSE_EXAMPLE = "course"
_DAYS = frozenset({"by_when", "carried_out_on"})
_APART = frozenset({"id", "held_on", "opinions", "discussion", "step_ids"})
_TEXTS = frozenset(each.name for each in fields(BoardDecision)) - _APART


@dataclass(eq=False, slots=True)
class CoursePeople:
    """Board, ward and the patient.

    Attributes
    ----------
    told_until
        Day of the diary up to which entries are in the case.
    """

    opened: OpenCase
    begun_on: date
    course_id: str = ""
    told_until: int = -1

    @property
    def told(self) -> Mapping[str, Any]:
        return catalogue(f"examples/{COURSE_EXAMPLE}.toml")

    @property
    def course(self) -> Course:
        return next(each for each in self.opened.case.courses if each.id == self.course_id)

    def on(self, day: int) -> date:
        return self.begun_on + timedelta(days=day)

    def step(self, key: str) -> CourseStep:
        """A step by its key in the course template."""
        found = self.course.step(f"{self.course_id}-{key}")
        if found is None:
            raise BugError(f"the course template has no step {key}")
        return found

    # The course

    def begin_course(self, treated_on: date) -> None:
        """The course from its template, planned for the day of the first session, with the patient's wishes."""
        template_id = self.told["example"]["template"]
        template = next(each for each in course_templates() if each.id == template_id)
        self._apply("Begin the course", start_course(template, treated_on))
        self.course_id = self.opened.case.courses[-1].id
        wishes = str(self.told["example"]["wishes"])
        self._apply(
            "Write down the wishes", set_course(self.course_id, lambda course: replace(course, patient_wishes=wishes))
        )
        for key, title in self.told["steps"].items():
            self._apply("Name a step", set_step(self.course_id, replace(self.step(key), title=str(title))))

    def both_sessions(self, tace_on: date, ablation_on: date) -> None:
        """As the second meeting decided: TACE again and then ablation, not one in place of the other."""
        again = replace(self.step("tace-again"), alternative_to=None, planned_on=tace_on)
        self._apply("Plan TACE again", set_step(self.course_id, again))
        after = replace(self.step("ablation"), after=again.id, planned_on=ablation_on, condition=None)
        self._apply("Plan the ablation after it", set_step(self.course_id, replace(after, condition_need=None)))

    def done(self, key: str, on: date, today: date) -> None:
        """Images of a step were made."""
        self._apply(f"{self.step(key).title} done", mark_done(self.step(key).id, on, today=today))

    def plan(self, key: str, on: date) -> None:
        self._apply("Plan a step", set_step(self.course_id, replace(self.step(key), planned_on=on)))

    def add_step(self, step: CourseStep) -> None:
        """A step that the template has not."""
        self._apply("Add a step", set_step(self.course_id, step))

    # The meeting

    def decide(self, key: str, sessions: Sequence[str] = ()) -> str:
        """Put a decision of the catalogue in, as it stood when it was made; its id."""
        row = self.told["decisions"][key]
        kept = {name: self._value(name, value) for name, value in row.items() if name in _TEXTS and not _later(name)}
        opinions = tuple(Opinion(**each) for each in row.get("opinions", ()))
        made = replace(
            new_decision(self.on(int(row["day"]))),
            **kept,
            opinions=opinions,
            discussion=MappingProxyType(dict(row.get("discussion", {}))),
            step_ids=tuple(self.step(each).id for each in row.get("steps", ())),
            session_ids=tuple(sessions),
        )
        self._apply("Write the decision down", put_decision(made))
        return made.id

    def carried_out(self, decision_id: str, key: str, sessions: Sequence[str]) -> None:
        """Whether a decision was carried out, and what came of it."""
        row = self.told["decisions"][key]
        known = next(each for each in self.opened.case.decisions if each.id == decision_id)
        later = {name: self._value(name, value) for name, value in row.items() if _later(name)}
        self._apply("Carried out", put_decision(replace(known, **later, session_ids=tuple(sessions))))

    def _value(self, name: str, value: Any) -> Any:
        return self.on(int(value)) if name in _DAYS else value

    # The patient and the ward

    def tell(self, until: int) -> None:
        """Every entry of the diary up to a day of the course that is not in the case yet."""
        for row in self.told["reports"]:
            for day, *value in row["values"]:
                if self.told_until < day <= until:
                    self._apply("Diary", self._entry(row, int(day), value))
        self.told_until = max(until, self.told_until)

    def _entry(self, row: Mapping[str, Any], day: int, value: Sequence[float]) -> Edit:
        on = self.on(day)
        return add_report(
            str(row["scale"]),
            float(value[0]) if value else None,
            on=on,
            by="U. Mbeki",
            now=moment_at(on, time(18)),
            source=str(row["source"]),
            text=row.get("text"),
        )

    def alert_to_task(self) -> str:
        """An alert of the days after the first session becomes a task of the ward, is done and closed; its text."""
        told = self.told["alert"]
        day = self.on(int(told["day"]))
        offered = alerts(self.opened.case, day)
        kinds = list(told["kinds"])
        ranked = sorted((each for each in offered if each.kind in kinds), key=lambda each: kinds.index(each.kind))
        if not ranked:
            raise BugError("the first days after a chemoembolisation raise an alert")
        now = moment_at(day, time(19))
        owner = str(told["owner"])
        self._apply("Open a task", open_task(ranked[0], owner=owner, by=FELLOW, now=now))
        task = self.opened.case.tasks[-1]
        closed = moment_at(self.on(int(told["closed_day"])), time(10))
        self._apply("Close the task", close_task(task.id, outcome=str(told["outcome"]), by=owner, now=closed))
        return task.text

    def write_tasks(self) -> None:
        for row in self.told["tasks"]:
            now: datetime = moment_at(self.on(int(row["day"])), time(12))
            edit = write_task(
                str(row["kind"]),
                str(row["text"]),
                owner=str(row["owner"]),
                due_on=self.on(int(row["due"])),
                by=FELLOW,
                now=now,
            )
            self._apply("Write a task", edit)

    def _apply(self, label: str, edit: Edit) -> None:
        self.opened.document.apply(label, edit)


def _later(name: str) -> bool:
    """What is only known after a decision was made."""
    return name.startswith("carried_out") or name == "outcome"
