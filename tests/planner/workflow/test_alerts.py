"""Alerts: late, in a band, told, image against molecule; each with a stable key, and quiet where a task speaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from between_sessions import NOW, case, day, images, lab, reading, session

from planner.model.case import Case
from planner.model.disease import BoardDecision
from planner.model.follow_up import Report, Task, TaskState
from planner.model.people import Implant
from planner.workflow.alerts import TASK_KINDS, Alert, alerts, raised
from planner.workflow.scales import scales


def the(known: Case, today: date, kind: str) -> list[Alert]:
    return [each for each in alerts(known, today) if each.kind == kind]


def told(scale: str, value: float | None, days: int, text: str | None = None) -> Report:
    return Report(f"{scale}-{days}", scale, value, day(days), "patient", "N", NOW, text)


def test_that_values_are_late_only_after_their_window() -> None:
    assert not the(case(), day(3), "laboratory")
    (late,) = the(case(), day(5), "laboratory")
    assert late.key == "late-laboratory:liver-early:session-1"
    assert "2 days late" in late.text
    assert late.due_on == day(6)


def test_that_images_are_overdue_and_quiet_when_they_came() -> None:
    assert [each.key for each in the(case(), day(43), "imaging")] == ["late-imaging:oil-first-weeks:session-1"]
    assert not the(case(studies=(images(40),)), day(43), "imaging")


@pytest.mark.parametrize(("value", "level"), [(34.0, None), (34.1, "watch"), (52.0, "call"), (172.0, "urgent")])
def test_that_a_value_after_a_session_has_one_of_three_levels(value: float, level: str | None) -> None:
    found = the(case(laboratory=(lab("bilirubin", value, 2),)), day(3), "value")
    assert [each.level for each in found] == ([] if level is None else [level])
    assert all(each.tag == "M" for each in found)
    assert all("no value before" in each.text for each in found)


def test_that_a_band_the_patient_was_in_before_is_no_news_but_a_worse_one_is() -> None:
    before = lab("platelets", 60.0, -5, "10*9/L")
    assert not the(case(laboratory=(before, lab("platelets", 55.0, 2, "10*9/L"))), day(3), "value")
    (found,) = the(case(laboratory=(before, lab("platelets", 45.0, 2, "10*9/L"))), day(3), "value")
    assert (found.level, found.key) == ("call", "value:platelets:session-1:call")


def test_that_creatinine_is_judged_against_the_value_before() -> None:
    values = (lab("creatinine", 80.0, -3), lab("creatinine", 2.0, 2, "mg/dL"))
    (found,) = the(case(laboratory=values), day(3), "value")
    assert found.level == "call"
    assert not the(case(laboratory=values[1:]), day(3), "value")


def test_that_the_worst_value_stays_and_the_latest_is_said() -> None:
    values = (lab("bilirubin", 60.0, 2), lab("bilirubin", 20.0, 9))
    (found,) = the(case(laboratory=values), day(10), "value")
    assert found.key == "value:bilirubin:session-1:call"
    assert "20 µmol/L on" in found.text


def test_that_the_diary_speaks_above_its_band_and_in_words() -> None:
    known = case(reports=(told("pain", 2.0, 1), told("pain", 7.0, 3), told("bleeding", None, 2, "black stool")))
    found = {each.subject: each for each in the(known, day(3), "symptom")}
    assert {key: each.level for key, each in found.items()} == {"pain-3": "call", "bleeding-2": "urgent"}
    assert "black stool" in found["bleeding-2"].text
    assert not the(known, day(60), "symptom")


def test_that_quality_of_life_is_judged_by_its_change() -> None:
    known = case(reports=(told("qlq-c30-global", 75.0, 1), told("qlq-c30-global", 60.0, 30)))
    (found,) = the(known, day(30), "questionnaire")
    assert "75 on" in found.text
    assert not the(case(reports=known.reports[1:]), day(30), "questionnaire")


def test_that_nutrition_and_mood_of_the_meeting_count() -> None:
    decision = BoardDecision("d-1", held_on=day(0), nrs_2002=3, hama=21, carried_out="yes")
    found = {each.key: each for each in the(case(decisions=(decision,)), day(2), "questionnaire")}
    assert set(found) == {"told:nrs-2002:d-1", "told:hama:d-1"}
    assert (found["told:nrs-2002:d-1"].tag, found["told:hama:d-1"].tag) == ("P", "M")
    assert "Nutritional risk" in found["told:nrs-2002:d-1"].text


@pytest.mark.parametrize(
    ("overall", "words"), [("SD", "image against molecule"), (None, "not evaluated"), ("PD", None)]
)
def test_that_a_rising_marker_is_set_against_the_images(overall: str | None, words: str | None) -> None:
    values = (lab("afp", 30.0, 10, "ng/mL"), lab("afp", 90.0, 50, "ng/mL"))
    found = the(case(laboratory=values, readings=(reading(overall, 45),)), day(52), "molecule")
    assert [words in each.text for each in found if words] == ([True] if words else [])
    assert len(found) == (0 if words is None else 1)


def test_that_a_rising_marker_without_a_reading_and_a_small_rise_are_told_apart() -> None:
    rise = (lab("ctdna", 0.0, 10, "%"), lab("ctdna", 0.2, 50, "%"))
    (found,) = the(case(laboratory=rise), day(52), "molecule")
    assert "no reading of images" in found.text
    flat = (lab("afp", 30.0, 10, "ng/mL"), lab("afp", 40.0, 50, "ng/mL"))
    assert not the(case(laboratory=flat), day(52), "molecule")
    low = (lab("afp", 3.0, 10, "ng/mL"), lab("afp", 9.0, 50, "ng/mL"))
    assert not the(case(laboratory=low), day(52), "molecule")


def test_that_devices_decisions_and_outcomes_are_alerts_once_late() -> None:
    known = case(
        implants=(Implant("Drain", "left duct", day(0), day(70)),),
        decisions=(BoardDecision("d-1", held_on=day(30), decision="Ablation", by_when=day(60), owner="Dr B"),),
        studies=(images(36),),
    )
    kinds = [each.kind for each in alerts(known, day(71)) if each.kind in ("device", "decision", "outcome")]
    assert sorted(kinds) == ["decision", "device", "outcome"]
    assert [each.owner for each in the(known, day(71), "decision")] == ["Dr B"]


def test_that_an_alert_with_a_task_is_not_offered_again_for_a_while() -> None:
    known = case()
    (late,) = the(known, day(43), "imaging")
    task = Task("task-1", "imaging", late.text, "N", day(50), "Dr A", NOW, alert=late.key)
    assert not the(replace(known, tasks=(task,)), day(43), "imaging")
    assert late.key in [each.key for each in raised(replace(known, tasks=(task,)), day(43))]
    closed = replace(task, state=TaskState.DONE, closed_at=datetime(2026, 4, 14, tzinfo=UTC), outcome="booked")
    assert not the(replace(known, tasks=(closed,)), day(60), "imaging")
    assert the(replace(known, tasks=(closed,)), day(90), "imaging")


def test_that_the_worst_comes_first_and_every_kind_becomes_a_task() -> None:
    known = case(session(decision={"technique": "ctace"}), reports=(told("fever", 39.6, 4),))
    found = alerts(known, day(5))
    assert [each.level for each in found] == ["urgent", "call"]
    assert {scale.kind for scale in scales().values()} <= set(TASK_KINDS)
