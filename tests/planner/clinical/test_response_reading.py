"""A request for response from outside is read strictly."""

from __future__ import annotations

from typing import Any

import pytest

from planner.clinical.response_course import assess
from planner.clinical.response_course_reading import request_of
from planner.clinical.response_course_types import CourseRequest, Followed
from planner.errors import InputRefused, UsageError
from tests.response_requests import day, lesion


def wrong(**changes: Any) -> dict[str, Any]:
    return {"criteria": "recist-1.1", "lesions": [lesion("a", 30, 20)], **changes}


def observed(**said: Any) -> dict[str, Any]:
    seen = {"date": "2026-01-01", "diameter_mm": 30, **said}
    return wrong(lesions=[{"id": "a", "role": "target", "organ": "liver", "observations": [seen]}])


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "bad-request"),
        (wrong(criteria="recist-1.0"), "unknown-word"),
        (wrong(criteria=None), "no-criteria"),
        (wrong(criteria=3), "bad-text"),
        (wrong(lesions=[]), "no-lesions"),
        (wrong(lesions={}), "bad-request"),
        (wrong(lesions=[lesion("a")]), "no-observations"),
        (wrong(lesions=[lesion("a", 1), lesion("a", 1)]), "repeated-lesion"),
        (wrong(lesions=[lesion("a", 1, role="tumour")]), "unknown-word"),
        (wrong(lesions=[lesion("a", 1, role=None)]), "no-role"),
        (wrong(lesions=[lesion("", 1)]), "no-id"),
        (wrong(lesions=[lesion("a", 1)] * 201), "too-many"),
        (wrong(lesons=[]), "unknown-key"),
        (wrong(baseline_date="2020-01-01"), "no-baseline"),
        (observed(diametr_mm=3), "unknown-key"),
        (observed(diameter_mm=-1), "impossible-value"),
        (observed(diameter_mm=float("nan")), "impossible-value"),
        (observed(diameter_mm=10**400), "impossible-value"),
        (observed(diameter_mm=True), "bad-number"),
        (observed(diameter_mm="30"), "bad-number"),
        (observed(enhancing_mm=[3]), "bad-number"),
        (observed(enhancing_mm=[3, None]), "bad-number"),
        (observed(date="2026-02-30"), "bad-date"),
        (observed(date="20260101"), "bad-date"),
        (observed(date=None), "no-date"),
        (observed(state="gone"), "unknown-word"),
        (observed(state="absent"), "contradiction"),
        (observed(state="present", diameter_mm=0), "contradiction"),
        (observed(short_axis_mm=31), "contradiction"),
        (observed(assessable="yes"), "bad-flag"),
        (observed(therapy="x" * 201), "bad-text"),
    ],
)
def test_that_a_wrong_request_is_refused_by_name(document: Any, code: str) -> None:
    with pytest.raises(InputRefused) as refused:
        request_of(document)
    assert refused.value.code == code


def test_that_two_observations_of_one_lesion_on_one_day_are_refused() -> None:
    twice = lesion("a", 30, 20)
    twice["observations"].append({"date": day(1).isoformat(), "diameter_mm": 22})
    with pytest.raises(InputRefused) as refused:
        request_of(wrong(lesions=[twice]))
    assert refused.value.code == "two-observations"


def test_that_unknown_criteria_and_nothing_observed_are_refused() -> None:
    with pytest.raises(UsageError):
        assess(CourseRequest("who", (Followed("a", "target"),)))
    with pytest.raises(InputRefused):
        assess(CourseRequest("easl", (Followed("a", "target"),)))
