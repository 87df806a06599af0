"""Requests for response over time in few words: lesions with one value per timepoint, thirty days apart."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from planner.clinical.response_course import assess
from planner.clinical.response_course_reading import request_of
from planner.clinical.response_course_types import Assessment

FIRST = date(2026, 1, 1)


def day(at: int) -> date:
    return FIRST + timedelta(days=30 * at)


def lesion(
    name: str, *values: Any, role: str | None = "target", organ: str = "liver", key: str = "diameter_mm", **more: Any
) -> dict[str, Any]:
    """A lesion with one value per timepoint; None is not observed, a dictionary is a whole observation."""
    seen = []
    for at, value in enumerate(values):
        if value is not None:
            said = dict(value) if isinstance(value, dict) else {key: value}
            seen.append({"date": day(at).isoformat(), **said})
    return {"id": name, "role": role, "organ": organ, "observations": seen, **more}


def course(*lesions: dict[str, Any], criteria: str = "recist-1.1", **more: Any) -> Assessment:
    return assess(request_of({"criteria": criteria, "lesions": list(lesions), **more}))


def overall(found: Assessment) -> list[str | None]:
    return [point.overall for point in found.timepoints[1:]]


def codes(found: Assessment) -> set[str]:
    return {finding.code for finding in found.findings}
