"""Numbers that both the follow-up catalogue and the institution profiles hold say the same."""

from __future__ import annotations

import pytest

from planner.clinical.registry import rule
from planner.workflow.follow_up_rules import IMAGING, VisitRule, procedures, setting
from planner.workflow.profiles import Profile, load_profiles
from planner.workflow.scales import scales

PROFILES = tuple(load_profiles().values())
WINDOWS = (
    ("tace", ("oil-first-weeks", "unknown-first-weeks"), "outcome_earliest_days", "outcome_latest_days"),
    ("bland", ("first-weeks",), "outcome_earliest_days", "outcome_latest_days"),
    ("ablation", ("first-weeks",), "ablation_outcome_earliest_days", "ablation_outcome_latest_days"),
    ("haic", ("infused-liver",), "haic_outcome_earliest_days", "haic_outcome_latest_days"),
    ("benign_liver", ("benign-liver",), "benign_outcome_earliest_days", "benign_outcome_latest_days"),
    ("embolisation_organ", ("other-organ",), "organ_outcome_earliest_days", "organ_outcome_latest_days"),
    ("fibroid", ("fibroid",), "fibroid_outcome_earliest_days", "fibroid_outcome_latest_days"),
    ("portal_vein_embolisation", ("remnant",), "pve_volumetry_earliest_days", "pve_volumetry_latest_days"),
)
"""Procedure, its rows of the catalogue, and the limits by which its outcome stage judges the day of the images."""


def row(procedure: str, key: str) -> VisitRule:
    return next(each for each in procedures()[procedure].rows if each.key == key)


def limit(profile: Profile, name: str) -> float:
    return float(profile.limits[name].value)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
@pytest.mark.parametrize(("procedure", "keys", "earliest", "latest"), WINDOWS, ids=[each[0] for each in WINDOWS])
def test_that_images_are_asked_for_when_the_profile_calls_them_in_time(
    procedure: str, keys: tuple[str, ...], earliest: str, latest: str, profile: Profile
) -> None:
    once = [each.key for each in procedures()[procedure].rows if each.what == IMAGING and each.every_days is None]
    assert set(keys) <= set(once)
    for key in keys:
        found = row(procedure, key)
        assert (found.from_days, found.to_days) == (limit(profile, earliest), limit(profile, latest))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_that_intervals_and_bands_are_the_profile_s(profile: Profile) -> None:
    beads = row("tace", "beads-1")
    assert beads.from_days <= profile.limits["outcome_bead_days"].value[0] <= beads.to_days
    assert row("ablation", "quarterly").every_days == limit(profile, "ablation_follow_up_days")
    assert row("cyst", "cyst").from_days == limit(profile, "cyst_recurrence_earliest_days")
    assert setting("after_session_days").value == limit(profile, "events_due_days")
    assert scales()["nrs-2002"].bands[0].limit == limit(profile, "nrs2002_risk")
    assert rule("nrs_2002").constants.number("risk_from") == limit(profile, "nrs2002_risk")


def test_that_a_decision_is_asked_after_by_the_shortest_of_the_profiles() -> None:
    assert setting("decision_days").value == min(limit(each, "decision_window_days") for each in PROFILES)
