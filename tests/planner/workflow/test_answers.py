from __future__ import annotations

from typing import Any

import pytest
from small_template import NOW, Shelf, ready_case, the

from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.workflow.answers import answer_field
from planner.workflow.values import read_path, write_path


def put(shelf: Shelf, case: Case, session_id: str, stage: str, name: str, value: Any, by: str = "F") -> Case:
    return answer_field(case, session_id, shelf.template, stage, name, value, by=by, now=NOW)


@pytest.mark.parametrize(
    ("stage", "name", "value", "stored"),
    [
        ("dose", "milligrams", "75", 75.0),
        ("dose", "milligrams", "0.1 g", 100.0),
        ("dose", "milligrams", 75, 75.0),
        ("referral", "antibiotic_given", False, "no"),
        ("dose", "approach", "  radial  ", "radial"),
        ("dose", "approach", "   ", None),
        ("dose", "arteries", [{"artery": "x", "state": None}, {}], [{"artery": "x"}]),
        ("record", "rows", [{"lesion": "lesion-1", "mg": "5"}], [{"lesion": "lesion-1", "mg": 5.0}]),
        ("record", "rows", [], None),
    ],
)
def test_that_a_value_is_stored_in_the_form_of_its_kind(
    shelf: Shelf, stage: str, name: str, value: Any, stored: Any
) -> None:
    case, session_id = ready_case(shelf)
    assert the(put(shelf, case, session_id, stage, name, value), session_id).answer(stage, name) == stored


@pytest.mark.parametrize(
    ("stage", "name", "value", "code"),
    [
        ("dose", "milligrams", "many", "unreadable-number"),
        ("dose", "milligrams", "5 kPa", "unknown-unit"),
        ("dose", "milligrams", "5 mL", "incompatible-unit"),
        ("dose", "milligrams", float("nan"), "bad-value"),
        ("dose", "milligrams", True, "bad-value"),
        ("referral", "technique", "three", "bad-value"),
        ("referral", "antibiotic_given", "maybe", "bad-value"),
        ("referral", "images", "9.9#1", "bad-value"),
        ("dose", "approach", "a\x1b[31m", "bad-value"),
        ("dose", "path", "item-9", "bad-value"),
        ("dose", "arteries", [{"colour": "red"}], "bad-value"),
        ("dose", "arteries", "x", "bad-value"),
        ("record", "rows", [{"lesion": "lesion-9"}], "bad-value"),
        ("referral", "weight_kg", "seventy", "unreadable-number"),
    ],
)
def test_that_a_value_of_another_kind_is_refused(shelf: Shelf, stage: str, name: str, value: Any, code: str) -> None:
    case, session_id = ready_case(shelf)
    with pytest.raises(InputRefused) as refused:
        put(shelf, case, session_id, stage, name, value)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("stage", "name", "by", "code"),
    [
        ("lunch", "x", "F", "unknown-stage"),
        ("dose", "x", "F", "unknown-field"),
        ("dose", "approach", " ", "unknown-person"),
        ("dose", "doubled", "F", "computed-field"),
    ],
)
def test_that_a_wrong_request_is_told(shelf: Shelf, stage: str, name: str, by: str, code: str) -> None:
    case, session_id = ready_case(shelf)
    with pytest.raises(UsageError) as wrong:
        put(shelf, case, session_id, stage, name, 1, by=by)
    assert wrong.value.code == code


def test_that_the_same_value_again_changes_nothing(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    assert put(shelf, case, session_id, "dose", "milligrams", 100) is case


def test_that_a_bound_field_fills_the_case(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    changed = put(shelf, case, session_id, "referral", "weight_kg", "81.5 kg")
    assert changed.patient.weight_kg == 81.5
    assert the(changed, session_id).answer("referral", "weight_kg") is None
    assert put(shelf, changed, session_id, "referral", "histology", None).diagnosis.histology is None


def test_that_a_laboratory_field_adds_a_dated_value_and_asks_about_unit_traps(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    given = {"value": 60, "unit": "mg/dL", "taken_on": "2026-03-11"}
    with pytest.raises(InputRefused) as refused:
        put(shelf, case, session_id, "dose", "bilirubin", given)
    assert refused.value.code == "implausible-value"
    confirmed = put(shelf, case, session_id, "dose", "bilirubin", {**given, "confirmed": True})
    newest = confirmed.latest_lab("bilirubin")
    assert newest is not None
    assert (newest.value, newest.unit, newest.confirmed, newest.entered_by) == (60.0, "mg/dL", True, "F")
    assert len(confirmed.laboratory) == len(case.laboratory) + 1
    with pytest.raises(InputRefused) as refused:
        put(shelf, case, session_id, "dose", "bilirubin", {"value": 60, "unit": "umol/L"})
    assert refused.value.code == "bad-value"


def test_that_a_confirmed_lesion_list_reads_yes_only_while_it_holds(shelf: Shelf) -> None:
    case, _ = ready_case(shelf)
    assert read_path(case, "lesion_list_confirmed") is None
    confirmed = write_path(case, "lesion_list_confirmed", "yes", by="Dr A", on=NOW.date())
    assert read_path(confirmed, "lesion_list_confirmed") == "yes"
    import dataclasses

    fewer = dataclasses.replace(confirmed, lesions=confirmed.lesions[:1])
    assert read_path(fewer, "lesion_list_confirmed") == "no"
