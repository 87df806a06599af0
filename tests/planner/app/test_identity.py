"""Two identifiers decide whose images these are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from planner.app.cases import patient_from_text
from planner.app.identity import PatientMismatch, Verdict, compare
from planner.errors import UsageError
from planner.model.people import Patient, Sex

OURS = Patient("0042", "ZZPHI^Zoe", issuer="HOSPITAL", birth_date=date(1951, 2, 3), sex=Sex.FEMALE)


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, Verdict.SAME, ""),
        ({"patient_id": "0043"}, Verdict.DIFFERENT, "other patient ID"),
        ({"birth_date": date(1951, 3, 2)}, Verdict.DIFFERENT, "other birth date"),
        ({"issuer": "CLINIC"}, Verdict.DIFFERENT, "other issuer of the ID"),
        ({"patient_id": "42"}, Verdict.DIFFERENT, "IDs differ in capital letters or leading zeros"),
        ({"patient_id": ""}, Verdict.UNCONFIRMED, "the patient ID is missing"),
        ({"birth_date": None}, Verdict.UNCONFIRMED, "the birth date is missing on one side"),
        ({"issuer": None}, Verdict.SAME, ""),
        ({"patient_id": "0043", "birth_date": None}, Verdict.DIFFERENT, "other patient ID"),
    ],
)
def test_that_identifiers_decide(changes: dict[str, object], verdict: Verdict, said: str) -> None:
    match = compare(OURS, replace(OURS, **changes))
    assert match.verdict is verdict
    assert ", ".join(match.reasons) == said


def test_that_a_name_or_sex_alone_decides_nothing_and_is_remarked() -> None:
    match = compare(OURS, replace(OURS, name="ZZPHI^Other", sex=Sex.MALE))
    assert match.verdict is Verdict.SAME
    assert match.remarks == ("the names differ", "the sexes differ")


def test_that_the_same_name_with_another_id_is_another_patient() -> None:
    assert compare(OURS, replace(OURS, patient_id="9")).verdict is Verdict.DIFFERENT


def test_that_names_are_compared_without_accents_and_separators() -> None:
    assert compare(OURS, replace(OURS, name="zzphi, Zoé")).remarks == ()


def test_that_a_mismatch_shows_both_sides() -> None:
    error = PatientMismatch(compare(OURS, replace(OURS, patient_id="9")), "1.2.3")
    assert error.code == "patient-mismatch"
    assert "case 0042, images 9" in error.message


def test_that_typed_patient_data_are_checked() -> None:
    typed = patient_from_text(" 42 ", "A^B", birth_date="1950-01-02", sex="m")
    assert typed == Patient("42", "A^B", birth_date=date(1950, 1, 2), sex=Sex.MALE)
    for wrong in ({"birth_date": "2.1.1950"}, {"birth_date": "2999-01-01"}, {"sex": "x"}):
        with pytest.raises(UsageError):
            patient_from_text("42", "A", **wrong)
    with pytest.raises(UsageError):
        patient_from_text("  ", "A")
