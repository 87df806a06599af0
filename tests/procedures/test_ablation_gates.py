"""Every gate of the ablation template fires on what it is for, says how it acts, and is silent otherwise."""

from __future__ import annotations

import ablation_walk as aw
import pytest
from ablation_answered import SILENT
from ablation_gates import FIRES as PLAN_FIRES
from ablation_record_gates import RECORD_FIRES
from needle_walks import own_checks, session_of, weight

from planner.findings import Severity
from planner.model.needle_digests import placed_digest
from planner.model.needle_reading import needles_of

FIRES = [*PLAN_FIRES, *RECORD_FIRES]
NAMES = [f"{stage}-{check}-{code}-{n}" for n, (stage, check, _, code, _) in enumerate(FIRES)]
SILENT_NAMES = [f"{stage}-{check}-{n}" for n, (stage, check, _) in enumerate(SILENT)]
REFUSE = {
    "one-patient-one-frame",
    "identity",
    "side-marked",
    "ire-voltage",
    "required-structures",
    "needle-length",
    "needle-checked",
    "setting-in-chart",
    "readout-from-today",
    "no-number-without-error",
}


@pytest.mark.parametrize(("stage", "check", "change", "code", "acts"), FIRES, ids=NAMES)
def test_that_a_check_fires(stage: str, check: str, change: aw.Change, code: str, acts: str) -> None:
    found = aw.checked(change(aw.filled_case()), stage, check)
    mine = [each for each in found if each.code == code]
    assert mine, [(each.code, each.text) for each in found]
    assert weight(mine) == acts, mine
    assert all(each.source and each.tag for each in found)


@pytest.mark.parametrize(("stage", "check", "change"), SILENT, ids=SILENT_NAMES)
def test_that_a_check_is_silent_where_the_danger_is_answered(stage: str, check: str, change: aw.Change) -> None:
    found = aw.checked(change(aw.filled_case()), stage, check)
    assert [(each.code, each.text) for each in found if each.severity is not Severity.INFO] == []


def test_that_every_check_of_its_own_was_tried() -> None:
    assert own_checks(aw.NAME) - {(stage, check) for stage, check, *_ in FIRES} == set()


def test_that_the_example_silences_every_check_that_blocks() -> None:
    loud = {
        (stage.id, check.id)
        for stage in aw.ablation().stages
        for check in stage.checks
        if not check.applies_if and any(each.blocks for each in aw.checked(aw.filled_case(), stage.id, check.id))
    }
    assert loud == set()


def test_that_only_what_cannot_be_argued_about_refuses() -> None:
    assert {check.id for stage in aw.ablation().stages for check in stage.checks if check.acts_as == "refuse"} == REFUSE


@pytest.mark.parametrize(("spacing_cm", "fires"), [(2.0, False), (2.0 + 1e-6, True)])
def test_that_the_voltage_is_compared_unrounded(spacing_cm: float, fires: bool) -> None:
    pairs = [{"pair": "1-2", "spacing": spacing_cm}]
    case = aw.with_answers(aw.filled_case(), "modality", technique="ire", ire_pairs=pairs)
    found = aw.checked(case, "modality", "ire-voltage")
    assert bool(found) is fires
    assert all(not each.overridable and each.limit == 3000.0 and each.unit == "V" for each in found)


def test_that_a_users_row_named_like_a_power_of_a_shipped_device_counts_while_its_margin_is_of_now() -> None:
    own = aw.needle(role="today", setting="150W 5min")
    case = aw.items(own)(aw.filled_case())
    now = placed_digest(needles_of(session_of(case).items))
    case = aw.items(aw.planned_margin(needles_digest=now))(case)
    found = aw.checked(case, "zone_margin", "setting-in-chart")
    assert [(each.code, each.severity) for each in found] == [("users-row", Severity.INFO)]
    set_otherwise = aw.items(aw.needle(role="today", setting="160W 5min"))(case)
    assert [each.code for each in aw.checked(set_otherwise, "zone_margin", "setting-in-chart")] == ["outside-chart"]


def test_that_a_row_of_the_users_own_counts_once_a_margin_was_computed_with_it() -> None:
    case = aw.items(aw.needle(role="today", device="makers-antenna", setting="75W-5min"))(aw.filled_case())
    found = aw.checked(case, "zone_margin", "setting-in-chart")
    assert [(each.code, each.severity) for each in found] == [("users-row", Severity.INFO)]
    alone = aw.gone("margin-planned")(case)
    assert [each.code for each in aw.checked(alone, "zone_margin", "setting-in-chart")] == ["outside-chart"]


def test_that_a_heat_sink_with_a_plan_no_longer_asks() -> None:
    case = aw.items(aw.planned_margin(heat_sinks=("Portal branch 4 mm, 1 mm away.",)))(aw.filled_case())
    case = aw.with_answers(case, "modality", technique="rfa")
    assert [each.blocks for each in aw.checked(case, "zone_margin", "zone-heat-sinks")] == [True]
    answered = aw.with_answers(case, "zone_margin", heat_sink_plan="Microwave, second antenna on the vessel's side")
    assert [each.severity for each in aw.checked(answered, "zone_margin", "zone-heat-sinks")] == [Severity.WARN]


def test_that_the_words_of_a_chart_say_where_it_comes_from() -> None:
    case = aw.items(aw.planned_margin(tissues=("in vivo porcine liver",)))(aw.filled_case())
    text = aw.checked(case, "zone_margin", "chart-tissue")[0].text
    assert "Geometric cover of chart ellipsoid, normal animal tissue" in text
    assert "proven" not in text


def test_that_a_margin_is_judged_without_the_capsule_and_shown_both_ways() -> None:
    margin = aw.planned_margin(minus_sd=aw.numbers(1.0), without_capsule=aw.numbers(4.0))
    found = aw.checked(aw.items(margin)(aw.filled_case()), "zone_margin", "margin-minimum")
    assert [(each.measured, each.limit) for each in found] == [(4.0, 5.0)]
    assert "-1 SD 1 mm" in found[0].text
    assert "without capsule 4 mm" in found[0].text


def test_that_a_margin_of_a_needle_that_was_moved_or_set_otherwise_is_computed_again() -> None:
    case = aw.filled_case()
    stored = placed_digest(needles_of(session_of(case).items))
    case = aw.items(aw.planned_margin(needles_digest=stored))(case)
    assert aw.checked(case, "zone_margin", "margin-planned") == []
    for changed in (
        aw.needle(role="today", tip_lps_mm=(-44.0, 34.0, -2.9)),
        aw.needle(role="today", setting="60W-5min"),
    ):
        found = aw.checked(aw.items(changed)(case), "zone_margin", "margin-planned")
        assert [(each.code, each.blocks) for each in found] == [("margin-stale", True)]


def test_that_an_achieved_margin_without_an_error_has_no_number() -> None:
    case = aw.items(aw.achieved_margin(registration_error_mm=None))(aw.filled_case())
    shown = aw.computed(case, "completion_scan", "achieved_margins")
    assert [each.value for each in shown] == [None]
    assert "not measurable" in shown[0].note


def test_that_the_chinese_profile_ablates_a_single_tumour_of_five_centimetres() -> None:
    case = aw.sized(48.0)(aw.filled_case())
    assert aw.codes(aw.checked(case, "target", "size-number")) == {"target-large"}
    assert aw.checked(case, "target", "size-number", profile="cnlc-china") == []


def test_that_an_emptied_record_is_stored_with_findings_and_refuses_nothing() -> None:
    walk = aw.walked(aw.PROFILE, None)
    case = aw.items(aw.achieved_margin(registration_error_mm=None))(walk.case)
    found = aw.Walk(case, walk.profile, walk.now).status().stage("completion_scan").findings
    mine = [each for each in found if each.code == "no-registration-error"]
    assert mine
    assert not any(each.blocks for each in mine)
