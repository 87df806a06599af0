"""What the library's list knows of a case without opening it: what is due, the last response, the risk band."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from planner.model import codec
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.course import Course
from planner.model.people import Implant, Patient
from planner.model.session import Session, SessionState, TemplateRef
from planner.store.actors import Actor
from planner.store.library import Library
from planner.store.summary import CaseFacts, facts_of

TREATED = date(2026, 3, 2)
NOW = datetime(2026, 4, 20, 9, tzinfo=UTC)


def _case() -> Case:
    done = Session(
        "s-1", "TACE 1", TemplateRef("tace", "1", "0", "p", "1"), SessionState.DISCHARGED, performed_on=TREATED
    )
    return Case(
        "case-1",
        Patient("4711", "DEMO^ONE"),
        responsible_physician="Dr A",
        sessions=(done,),
        courses=(Course("c-1", "TACE on demand", risk_band="high"),),
        implants=(Implant("Drain", "left duct", TREATED, date(2026, 3, 20)),),
        readings=(ResponseReading("r-1", "mrecist", date(2026, 4, 15), "Dr R", NOW, overall="PR"),),
    )


def test_that_the_facts_say_what_is_due_and_leave_overdue_to_the_reader() -> None:
    facts = facts_of(_case())
    assert (facts.last_response, facts.last_response_on, facts.risk_band) == ("PR (mrecist)", date(2026, 4, 15), "high")
    first = facts.open_due(TREATED)[0]
    assert (first.kind, first.owner) == ("laboratory", "Dr A")
    late = facts.open_due(date(2026, 12, 1))
    assert [each.kind for each in late if each.overdue(date(2026, 12, 1))] == ["device", "imaging"]
    assert codec.from_json(CaseFacts, json.loads(codec.canonical(facts))) == facts


def test_that_facts_stored_before_are_still_read() -> None:
    older = codec.to_json(facts_of(_case()))
    for name in ("due", "due_known", "last_response", "last_response_on", "risk_band"):
        older.pop(name)
    read = codec.from_json(CaseFacts, older)
    assert (read.due, read.last_response, read.risk_band) == ((), None, None)
    assert read.open_due(TREATED) == ()
    assert not read.due_known


def test_that_the_list_opens_no_case(library_file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library.open(f"sqlite:///{library_file}")
    try:
        library.create_case(_case(), Actor.here("Dr A", "planner"))
        monkeypatch.setattr("planner.store.revisions.read_revision", lambda *_: pytest.fail("a case was opened"))
        (line,) = library.list_cases("")
        assert "imaging" in [each.kind for each in line.facts.due]
    finally:
        library.close()


def test_that_a_day_at_the_end_of_the_calendar_keeps_no_case_from_being_saved() -> None:
    case = _case()
    late = replace(case.sessions[0], performed_on=date(9999, 12, 30))
    facts = facts_of(replace(case, sessions=(late,)))
    assert (facts.due, facts.due_known) == ((), False)
