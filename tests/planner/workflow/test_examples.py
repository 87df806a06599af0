"""Examples are filled in for a day, the lesions and the series of a case."""

from __future__ import annotations

from datetime import date

import pytest

from planner.errors import UsageError
from planner.workflow.examples import example_lesions, example_stages

DAY = date(2026, 5, 12)


def answers(stage: str, variant: str | None = None) -> dict[str, object]:
    found = example_stages("tace", DAY, lesions=("a", "b"), series={"arterial": "1.2#1"}, variant=variant)
    return dict(next(each for each in found if each.stage == stage).answers)


def test_that_days_lesions_and_series_are_filled_in() -> None:
    assert answers("consent")["date"] == "2026-05-11"
    assert answers("kit_budget")["slot"] == "2026-05-12T09:00"
    images = answers("images_lesions")
    assert images["target_lesions"] == ["a", "b"]
    assert images["arterial_series"] == "1.2#1"
    assert "portal_series" not in images


def test_that_a_variant_replaces_and_empties_answers() -> None:
    assert answers("agent_dose")["oil_maximum"] == 10.0
    beads = answers("agent_dose", "deb-tace")
    assert beads["technique"] == "deb-tace"
    assert "oil_maximum" not in beads


def test_that_an_unknown_variant_and_a_missing_lesion_are_refused() -> None:
    with pytest.raises(UsageError, match="no variant"):
        answers("agent_dose", "tare")
    with pytest.raises(UsageError, match="speaks of 2 lesions"):
        example_stages("tace", DAY, lesions=("a",), series={})


def test_that_the_example_names_its_lesions() -> None:
    assert [each["longest_mm"] for each in example_lesions("tace")] == [35.0, 18.0]
