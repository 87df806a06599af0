"""Curves over time: values in one unit, what cannot be placed said, nothing invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from planner.model.case import Case
from planner.model.disease import BoardDecision, Lesion, Observation
from planner.model.follow_up import Report
from planner.model.people import LabValue, Patient, PriorTreatment
from planner.workflow.curves import Curve, curves
from planner.workflow.scales import scale, scales

DAY = date(2026, 3, 1)
LATER = date(2026, 4, 20)
CASE = Case("case-1", Patient("4711", "DEMO^ONE"))


def lab(number: int, analyte: str, value: float | None, unit: str, on: date = DAY, comparator: str = "") -> LabValue:
    return LabValue(f"lab-{number}", analyte, value, unit, on, comparator)


def the(found: tuple[Curve, ...], key: str) -> Curve:
    return next(each for each in found if each.key == key)


def test_that_values_come_in_one_unit_in_order_of_days_with_their_comparator() -> None:
    values = (
        lab(1, "bilirubin", 40.0, "umol/L", LATER),
        lab(2, "bilirubin", 1.0, "mg/dL"),
        lab(3, "afp", 2.0, "ng/mL", comparator="<"),
        lab(4, "bilirubin", None, "umol/L"),
    )
    found = curves(replace(CASE, laboratory=values))
    assert [each.key for each in found] == ["marker:afp", "lab:bilirubin"]
    bilirubin = the(found, "lab:bilirubin")
    assert [point.on for point in bilirubin.points] == [DAY, LATER]
    assert bilirubin.points[0].value == pytest.approx(17.104, abs=0.01)
    assert the(found, "marker:afp").points[0].comparator == "<"


def test_that_a_value_that_does_not_convert_is_left_out_and_said() -> None:
    values = (lab(1, "hbv_dna", 50.0, "[iU]/mL"), lab(2, "hbv_dna", 300.0, "{copies}/mL", LATER))
    (curve,) = curves(replace(CASE, laboratory=values))
    assert len(curve.points) == 1
    assert not curve.shown
    assert curve.note is not None
    assert "1 value" in curve.note


def test_that_albi_is_computed_only_from_values_of_one_day() -> None:
    apart = (lab(1, "bilirubin", 20.0, "umol/L"), lab(2, "albumin", 35.0, "g/L", LATER))
    assert not [each for each in curves(replace(CASE, laboratory=apart)) if each.key == "lab:albi"]
    together = (*apart, lab(3, "bilirubin", 40.0, "umol/L", LATER))
    albi = the(curves(replace(CASE, laboratory=together)), "lab:albi")
    assert [point.on for point in albi.points] == [LATER]
    assert albi.points[0].value == pytest.approx(0.66 * 1.60206 - 0.085 * 35.0, abs=1e-4)


def test_that_a_vanished_lesion_is_zero_and_an_unmeasured_one_is_no_point() -> None:
    seen = (
        Observation(DAY, "1.2.3#1", 32.0, 20.0),
        Observation(LATER, "1.2.4#1", 30.0, None),
        Observation(date(2026, 7, 1), None, state="absent"),
        Observation(LATER, "1.2.4#1", 99.0, 99.0, read_as="second"),
    )
    found = curves(replace(CASE, lesions=(Lesion("lesion-1", "L1", observations=seen),)))
    assert [point.value for point in the(found, "lesion:lesion-1:longest").points] == [32.0, 30.0, 0.0]
    assert [point.value for point in the(found, "lesion:lesion-1:viable").points] == [20.0, 0.0]


def test_that_doses_add_up_and_undated_ones_are_said() -> None:
    prior = tuple(
        PriorTreatment("TACE", on=on, where="outside", substance="Doxorubicin", amount=amount, unit="mg")
        for on, amount in ((LATER, 50.0), (DAY, 30.0), (None, 20.0))
    )
    (curve,) = curves(replace(CASE, prior_treatments=prior))
    assert [point.value for point in curve.points] == [30.0, 80.0]
    assert curve.note is not None
    assert "20 mg without a date" in curve.note
    assert "elsewhere unknown" in curve.note


def test_that_the_diary_gives_curves_and_words_stay_words() -> None:
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    said = (
        Report("r-2", "pain", 6.0, LATER, "patient", "N", now),
        Report("r-1", "pain", 2.0, DAY, "patient", "N", now),
        Report("r-3", "pain", None, LATER, "patient", "N", now, "worse at night"),
    )
    (curve,) = curves(replace(CASE, reports=said))
    board = BoardDecision("d-1", held_on=LATER, nrs_2002=3)
    (points,) = curves(replace(CASE, decisions=(board,)))
    assert [(point.on, point.value, point.origin) for point in points.points] == [(LATER, 3.0, "d-1")]
    assert [point.value for point in curve.points] == [2.0, 6.0]
    assert curve.note is not None
    assert "words only" in curve.note


def test_that_every_scale_judges_towards_its_worse_side() -> None:
    for each in scales().values():
        limits = [band.limit for band in each.bands]
        assert limits == sorted(limits, reverse=each.worse == "lower")
        assert all(each.minimum <= limit <= each.maximum for limit in limits)
    pain, quality = scale("pain"), scale("qlq-c30-global")
    assert pain.level_of(3.9) is None
    levels = [band.level for value in (4.0, 7.0, 10.0) if (band := pain.level_of(value)) is not None]
    assert levels == ["watch", "call", "urgent"]
    assert quality.changed(70.0, 60.0) is not None
    assert quality.changed(60.0, 70.0) is None
