"""Alert to task to done, entries of the diary, and the risk band of a course: each one edit, none without a name."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from planner.app.reports import add_report, remove_report
from planner.app.tasks import choose_risk_band, close_task, drop_task, hand_over, open_task, write_task
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.codec import from_json, to_json
from planner.model.course import Course
from planner.model.follow_up import TaskState
from planner.model.people import Patient
from planner.workflow.alerts import Alert

NOW = datetime(2026, 4, 20, 9, tzinfo=UTC)
TODAY = NOW.date()
CASE = Case("case-1", Patient("4711", "DEMO^ONE"), courses=(Course("course-1", "TACE on demand"),))
ALERT = Alert(
    "late-imaging:oil-first-weeks:s-1", "imaging", "CT is late", "watch", TODAY, date(2026, 4, 27), "s-1", "s-1"
)


def opened() -> tuple[Case, str]:
    case = open_task(ALERT, owner="Nurse N", by="Dr A", now=NOW)(CASE)
    return case, case.tasks[0].id


def test_that_an_alert_becomes_one_task_with_owner_and_day() -> None:
    case, _ = opened()
    (task,) = case.tasks
    assert (task.alert, task.kind, task.owner, task.due_on) == (ALERT.key, "imaging", "Nurse N", date(2026, 4, 27))
    assert from_json(Case, to_json(case)) == case
    with pytest.raises(UsageError, match="open already"):
        open_task(ALERT, owner="Nurse M", by="Dr A", now=NOW)(case)


def test_that_a_task_closes_with_its_outcome_and_only_once() -> None:
    case, name = opened()
    done = close_task(name, outcome="CT booked for Friday", by="Nurse N", now=NOW)(case)
    assert (done.tasks[0].state, done.tasks[0].outcome) == (TaskState.DONE, "CT booked for Friday")
    with pytest.raises(UsageError, match="closed by Nurse N"):
        drop_task(name, reason="double", by="Dr A", now=NOW)(done)
    dropped = drop_task(name, reason="patient moved away", by="Dr A", now=NOW)(case)
    assert (dropped.tasks[0].state, dropped.tasks[0].outcome) == (TaskState.DROPPED, "patient moved away")


def test_that_a_task_without_owner_outcome_or_reason_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody's"):
        open_task(ALERT, owner=" ", by="Dr A", now=NOW)
    with pytest.raises(UsageError, match="outcome"):
        close_task("task", outcome="", by="Dr A", now=NOW)
    with pytest.raises(UsageError, match="why"):
        drop_task("task", reason="  ", by="Dr A", now=NOW)
    with pytest.raises(UsageError, match="no task"):
        close_task("task", outcome="done", by="Dr A", now=NOW)(CASE)
    with pytest.raises(UsageError, match="kind"):
        write_task("coffee", "Brew", owner="N", due_on=None, by="N", now=NOW)


def test_that_a_task_is_written_and_handed_over() -> None:
    case = write_task("other", "Ask for the old films", owner="N", due_on=None, by="Dr A", now=NOW)(CASE)
    case = hand_over(case.tasks[0].id, owner="Nurse M", due_on=TODAY)(case)
    assert (case.tasks[0].owner, case.tasks[0].due_on) == ("Nurse M", TODAY)
    assert hand_over(case.tasks[0].id, owner="Nurse M", due_on=TODAY)(case) is case


def test_that_the_diary_takes_what_the_scale_allows() -> None:
    case = add_report("pain", 4.0, on=TODAY, by="Nurse N", now=NOW)(CASE)
    case = add_report("bleeding", None, on=TODAY, by="Nurse N", now=NOW, text="black stool")(case)
    assert [(each.scale, each.value) for each in case.reports] == [("pain", 4.0), ("bleeding", None)]
    assert [each.scale for each in remove_report(case.reports[0].id)(case).reports] == ["bleeding"]


@pytest.mark.parametrize(
    ("scale", "value", "words"),
    [
        ("pain", 11.0, "0 to 10"),
        ("pain", float("nan"), "0 to 10"),
        ("ecog", 1.5, "whole number"),
        ("hama", None, "give the number"),
        ("fever", None, "describe"),
        ("fever", 98.6, "33 to 43 °C"),
    ],
)
def test_that_a_value_off_its_scale_is_refused(scale: str, value: float | None, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        add_report(scale, value, on=TODAY, by="N", now=NOW)


def test_that_a_day_to_come_and_an_unknown_scale_are_refused() -> None:
    with pytest.raises(InputRefused, match="not come yet"):
        add_report("pain", 3.0, on=date(2026, 4, 21), by="N", now=NOW)
    with pytest.raises(UsageError, match="no scale"):
        add_report("luck", 3.0, on=TODAY, by="N", now=NOW)


def test_that_a_named_person_chooses_the_risk_band() -> None:
    case = choose_risk_band("course-1", "high", by="Dr A")(CASE)
    assert (case.courses[0].risk_band, case.courses[0].risk_band_by) == ("high", "Dr A")
    assert choose_risk_band("course-1", "high", by="Dr A")(case) is case
    with pytest.raises(UsageError, match="no risk band"):
        choose_risk_band("course-1", "purple", by="Dr A")
    with pytest.raises(UsageError, match="no course"):
        choose_risk_band("course-9", "low", by="Dr A")(CASE)
