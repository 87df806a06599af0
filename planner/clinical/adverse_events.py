"""Grades of adverse events (rule notes R16). A grade is never converted between schemes."""

from __future__ import annotations

from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome


def cirse_2017(given: Given, constants: RuleConstants) -> Outcome:
    """CIRSE 2017 grade 1-6 of an event, with its scheme and version."""
    grade = int(constants.table("grades")[given.text("event")])
    return Outcome({"grade": grade, "scheme": "CIRSE", "scheme_version": "2017"})


COMPUTES = {"cirse_2017": cirse_2017}
