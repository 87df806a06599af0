"""Criteria that add areas and volumes, read attenuation, or speak of single lesions."""

from __future__ import annotations

from typing import Any

import pytest

from planner.clinical.registry import RULES
from planner.clinical.response_course import assess
from planner.clinical.response_course_judges import RULES as RULES_OF
from planner.clinical.response_course_measures import VALUE_WORDS, basis_of
from planner.clinical.response_course_types import CRITERIA, Assessment, CourseRequest, Followed, Seen
from tests.response_requests import codes, course, day, lesion, overall


def area(*pairs: tuple[float, float] | None) -> list[dict[str, Any] | None]:
    return [None if pair is None else {"enhancing_mm": list(pair)} for pair in pairs]


def test_that_easl_adds_products_and_names_no_millimetres() -> None:
    found = course(lesion("a", *area((40, 25), (25, 20))), criteria="easl")
    point = found.timepoints[1]
    assert (point.total, point.unit, point.sum_mm, point.nadir_mm) == (500, "mm2", None, None)
    assert overall(found) == ["PR"]
    assert overall(course(lesion("a", *area((40, 25), (50, 25))), criteria="easl")) == ["SD"]
    assert overall(course(lesion("a", *area((40, 25), (50.1, 25))), criteria="easl")) == ["PD"]


def test_that_easl_progresses_from_the_best_response_and_by_new_enhancement() -> None:
    regrown = course(lesion("a", *area((40, 25), (20, 10), (20, 20))), criteria="easl")
    assert overall(regrown) == ["PR", "PD"]
    assert "progression-against-nadir" in codes(regrown)
    back = course(
        lesion("a", *area((40, 25), (0, 0), (5, 5))), lesion("b", *area((40, 40), (30, 30), (30, 30))), criteria="easl"
    )
    assert overall(back) == ["PR", "PD"]


def choi(*pairs: tuple[float, float | None]) -> list[dict[str, Any]]:
    return [{"diameter_mm": size, "density_hu": density} for size, density in pairs]


@pytest.mark.parametrize(
    ("size", "density", "expected"),
    [
        (90, 80, "PR"),
        (100, 68, "PR"),
        (112, 60, "PR"),
        (112, 80, "PD"),
        (95, 72, "SD"),
        (0, None, "CR"),
        (100, None, "NE"),
        (90, None, "PR"),
    ],
)
def test_that_choi_reads_size_or_attenuation(size: float, density: float | None, expected: str) -> None:
    found = course(lesion("a", *choi((100, 80), (size, density))), criteria="choi")
    assert overall(found) == [expected]
    assert ("no-attenuation" in codes(found)) is (expected == "NE")


def treated(masslike: str | None, therapy: str = "tace", modality: str = "CT", **more: Any) -> dict[str, Any]:
    said = {"therapy": therapy, "modality": modality, "masslike_enhancement": masslike, "assessable": True}
    return {**said, **more}


def lirads(*lesions: dict[str, Any]) -> Assessment:
    return course(*lesions, criteria="lirads-tr-2024")


def test_that_lirads_speaks_of_lesions_and_shows_the_worst() -> None:
    before = {"modality": "CT", "viable_mm": 30}
    found = lirads(lesion("a", before, treated("none")), lesion("b", before, treated("present", viable_mm=12)))
    point = found.timepoints[1]
    assert [row.category for row in point.lesions] == ["LR-TR Nonviable", "LR-TR Viable"]
    assert (point.overall, point.sum_mm, point.lesions[1].measured) == ("LR-TR Viable", None, 12)
    assert found.timepoints[0].overall is None
    assert found.timepoints[0].lesions[0].note == "before therapy"
    assert found.versions["lirads_tr_version"] == "2024"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (treated("none"), treated(None, assessable=False), "LR-TR Nonevaluable"),
        (treated("decreased", "tare"), treated(None, assessable=False), "LR-TR Nonevaluable"),
        (treated("uncertain"), treated(None, assessable=False), "LR-TR Equivocal"),
        (treated("uncertain", modality="MRI", mri_ancillary=True), treated("none"), "LR-TR Viable"),
        (treated("decreased", "sbrt"), treated("none"), "LR-TR Nonprogressing"),
        (treated("none"), treated(None), None),
        (treated("present"), treated(None), "LR-TR Viable"),
    ],
)
def test_that_the_worst_lesion_is_overall(first: dict[str, Any], second: dict[str, Any], expected: str | None) -> None:
    found = lirads(lesion("a", first), lesion("b", second))
    assert found.timepoints[0].overall == expected


@pytest.mark.parametrize(("state", "new"), [("present", True), ("not-evaluable", None), ("absent", False)])
def test_that_an_untreated_new_observation_has_no_treatment_response(state: str, new: bool | None) -> None:
    found = lirads(lesion("a", treated("none")), lesion("n", {"modality": "CT", "state": state}, role="new"))
    point = found.timepoints[0]
    assert (point.new_lesion, point.overall, point.lesions[1].category) == (new, "LR-TR Nonviable", None)


def test_that_lirads_names_what_is_missing() -> None:
    found = lirads(lesion("a", {"modality": "CT", "masslike_enhancement": "present"}))
    assert found.timepoints[0].overall is None
    assert any("therapy" in finding.text for finding in found.findings if finding.code == "missing-input")


NAMES = ("_mm", "_ml", "_hu", "masslike_", "_sum", "_area", "_viable", "_change")
"""Parts of the names of a request's keys and of the rules' inputs."""


@pytest.mark.parametrize(
    ("criteria", "asked", "words"),
    [
        ("mrecist", lesion("a", {"viable_mm": 40}, {"diameter_mm": 20}), "viable diameter not measured"),
        ("easl", lesion("a", *area((40, 25)), {"diameter_mm": 9}), "enhancing diameters not measured"),
        ("choi", lesion("a", *choi((100, None), (95, None))), "above 0 HU"),
        ("lirads-tr-2024", lesion("a", treated(None)), "masslike enhancement ("),
        ("lirads-tr-2024", lesion("a", treated("stable")), "masslike enhancement 'stable'"),
    ],
)
def test_that_findings_and_notes_speak_in_words(criteria: str, asked: dict[str, Any], words: str) -> None:
    found = course(asked, criteria=criteria)
    notes = [row.note or "" for point in found.timepoints for row in point.lesions]
    said = [*notes, *(finding.text for finding in found.findings)]
    assert any(words in each for each in said)
    assert not [each for each in said if any(name in each for name in NAMES)]


def test_that_every_value_that_counts_has_words() -> None:
    rules = (*RULES_OF.values(), "lirads_tr_2024")
    asked = {name for each in rules for name in RULES[each].inputs if "_" in name}
    assert asked - set(VALUE_WORDS) == {"new_lesion", "new_enhancement", "mri_ancillary_present"}
    bases = {basis_of(each, Followed("a", "target"), day(0)) for each in CRITERIA}
    assert bases < set(VALUE_WORDS)


@pytest.mark.parametrize(("criteria", "key"), [("qeasl", "enhancing_ml"), ("volumetric", "volume_ml")])
def test_that_volumes_have_their_own_limits(criteria: str, key: str) -> None:
    def at(*values: float) -> list[str | None]:
        given: list[dict[str, Any]] = [{key: value} for value in values]
        seen = tuple(Seen(day(at), **each) for at, each in enumerate(given))
        return overall(assess(CourseRequest(criteria, (Followed("a", "target", "liver", seen),))))

    assert at(100, 34) == ["PR"]
    assert at(100, 50) == ["SD"]
    assert at(100, 0, 1) == ["CR", "PD"]
    assert at(100, 30, 60) == ["PR", "PD"]
    assert at(100, 180) == ["PD"]


def test_that_every_threshold_is_the_rule_s_own() -> None:
    limit = RULES["recist11"].constants.number("progression_mm")
    assert overall(course(lesion("a", 20, 20 + limit))) == ["PD"]
