"""The meeting's decision: what it lacks, who dissents, whether it was carried out; numbers only by the month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from planner.app.board import (
    answer_discussion,
    carry_out,
    discussion_items,
    dissent,
    entries,
    growth_between,
    growth_days,
    missing_entries,
    new_decision,
    put_decision,
    record_outcome,
    remove_decision,
    set_opinion,
)
from planner.app.board_report import (
    DiscussionQuality,
    board_report_csv,
    discussion_quality,
    monthly_board_report,
    monthly_report_of,
)
from planner.clinical.registry import rule
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.codec import from_json, to_json
from planner.model.course import Course, CourseStep
from planner.model.disease import BoardDecision, Lesion, Observation, Opinion
from planner.model.people import Patient
from planner.model.session import Session, SessionState, TemplateRef
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.scales import scales

HELD = date(2026, 3, 3)


def _case(name: str = "case-1", *decisions: BoardDecision, simulated: bool = False) -> Case:
    done = Session(
        "s-1", "TACE 1", TemplateRef("tace", "1", "0", "p", "1"), SessionState.DONE, performed_on=date(2026, 3, 13)
    )
    steps = (CourseStep("step-1", "session", "TACE 1", session_id="s-1"),)
    course = (Course("c-1", "TACE on demand", steps=steps),)
    return Case(
        name, Patient("4711", "DEMO^ONE"), sessions=(done,), courses=course, decisions=decisions, simulated=simulated
    )


def _decision(name: str = "d-1", **facts: Any) -> BoardDecision:
    return replace(BoardDecision(name, held_on=HELD, decision="TACE", owner="Dr B"), **facts)


def test_that_every_mandatory_entry_is_a_field_that_exists() -> None:
    known = {each.name for each in fields(BoardDecision)}
    assert {each.field for each in entries()} <= known
    for each in entries():
        assert each.scale is None or each.scale in scales()
        assert each.rule is None or rule(each.rule)


def test_that_missing_entries_are_named_and_zero_points_are_an_answer() -> None:
    empty = missing_entries(new_decision())
    assert len(empty) == len(entries())
    told = missing_entries(_decision(charlson=0, social="  ", molecular="none done"))
    names = [each.field for each in told]
    assert "charlson" not in names
    assert "molecular" not in names
    assert "social" in names


def test_that_a_decision_is_put_changed_and_taken_back() -> None:
    case = put_decision(_decision(step_ids=("step-1",)))(_case())
    assert from_json(Case, to_json(case)) == case
    again = put_decision(_decision(step_ids=("step-1",), decision="Ablation"))(case)
    assert [each.decision for each in again.decisions] == ["Ablation"]
    assert put_decision(again.decisions[0])(again) is again
    assert remove_decision("d-1")(again).decisions == ()


def test_that_impossible_points_and_strange_steps_are_refused() -> None:
    with pytest.raises(InputRefused, match="0 to 7"):
        put_decision(_decision(nrs_2002=8))
    with pytest.raises(InputRefused, match="local, distant"):
        put_decision(_decision(dominant_risk="both"))
    with pytest.raises(UsageError, match="no step"):
        put_decision(_decision(step_ids=("step-9",)))(_case())


def test_that_opinions_come_in_order_one_per_person_with_dissent() -> None:
    case = _case("case-1", _decision())
    for opinion in (
        Opinion("surgery", "Dr S", "Resect", dissent=True),
        Opinion("interventional-radiology", "Dr I", "TACE"),
        Opinion("surgery", "Dr S", "Resect after TACE", dissent=True),
    ):
        case = set_opinion("d-1", opinion)(case)
    (decision,) = case.decisions
    assert [each.discipline for each in decision.opinions] == ["interventional-radiology", "surgery"]
    assert [each.opinion for each in dissent(decision)] == ["Resect after TACE"]
    with pytest.raises(InputRefused, match="leave it out"):
        set_opinion("d-1", Opinion("surgery", "Dr S", " "))


def test_that_a_decision_is_carried_out_with_day_or_reason_and_then_has_an_outcome() -> None:
    case = _case("case-1", _decision())
    with pytest.raises(InputRefused, match="Say first"):
        record_outcome("d-1", "PR")(case)
    with pytest.raises(InputRefused, match="why"):
        carry_out("d-1", "no")
    with pytest.raises(InputRefused, match="day"):
        carry_out("d-1", "yes")
    case = carry_out("d-1", "changed", on=date(2026, 3, 13), why="radial access failed")(case)
    case = record_outcome("d-1", "PR at 6 weeks")(case)
    assert (case.decisions[0].carried_out, case.decisions[0].outcome) == ("changed", "PR at 6 weeks")
    assert carry_out("d-1", None)(case).decisions[0].carried_out_on is None


def test_that_what_was_not_answered_of_a_discussion_is_unknown() -> None:
    items = [*discussion_items()]
    case = answer_discussion("d-1", items[0], "yes")(_case("case-1", _decision()))
    case = answer_discussion("d-1", items[1], "no")(case)
    assert discussion_quality(case.decisions[0]) == DiscussionQuality(1, 1, len(items) - 2)
    case = answer_discussion("d-1", items[1], None)(case)
    assert discussion_quality(case.decisions[0]).share == 1.0
    assert discussion_quality(_decision()).share is None
    with pytest.raises(UsageError, match="no item"):
        answer_discussion("d-1", "coffee", "yes")


def test_that_growth_needs_two_sizes_of_one_kind() -> None:
    seen = (Observation(date(2026, 1, 1), None, 20.0), Observation(date(2026, 4, 1), None, 40.0))
    result, words = growth_between(Lesion("l-1", "L1", observations=seen), date(2026, 1, 1), date(2026, 4, 1))
    assert result.number("doubling_time") == pytest.approx(30.0)
    assert "doubles in 30 days" in words
    assert growth_days(Lesion("l-1", "L1", observations=seen)) == (date(2026, 1, 1), date(2026, 4, 1))
    assert growth_days(Lesion("l-1", "L1", observations=seen[:1])) is None
    with pytest.raises(InputRefused, match="measure it on both days"):
        growth_between(Lesion("l-1", "L1", observations=seen), date(2026, 1, 1), date(2026, 5, 1))


def test_that_the_month_counts_preparation_execution_and_days() -> None:
    cases = (
        _case("case-1", _decision("d-1", session_ids=("s-1",), carried_out="yes", carried_out_on=date(2026, 3, 20))),
        _case("case-2", _decision("d-2", carried_out="no"), _decision("d-3", decision="=cmd()")),
        _case("case-3", _decision("d-4", held_on=date(2026, 4, 1))),
        _case("case-4", _decision("d-5"), simulated=True),
    )
    report = monthly_board_report(cases, 2026, 3)
    assert [each.decision_id for each in report.lines] == ["d-1", "d-2", "d-3"]
    assert (report.cases, report.open, report.not_carried_out, report.executed) == (2, 1, 1, 0.5)
    assert (report.lines[0].days_to_treatment, report.median_days) == (10, 10)
    assert report.prepared == pytest.approx(3 / len(entries()))
    assert report.missing_often[0][1] == 3
    assert "'=cmd()" in board_report_csv(report)
    assert report.to_json()["lines"][0]["days_to_treatment"] == 10
    assert [each.decision_id for each in monthly_board_report(cases, 2026, 3, simulated=True).lines] == ["d-5"]


def test_that_an_empty_month_has_no_shares_and_a_wrong_one_is_refused() -> None:
    report = monthly_board_report((), 2026, 3)
    assert (report.prepared, report.executed, report.median_days, report.quality.share) == (None, None, None, None)
    with pytest.raises(UsageError, match="no month"):
        monthly_board_report((), 2026, 13)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}")
    yield opened
    opened.close()


def test_that_the_month_is_read_from_a_library(library: Library) -> None:
    library.create_case(_case("case-1", _decision()), Actor.here("Dr A", "planner"))
    library.create_case(_case("case-2", _decision(), simulated=True), Actor.here("Dr A", "planner"))
    assert [each.case_id for each in monthly_report_of(library, 2026, 3).lines] == ["case-1"]
