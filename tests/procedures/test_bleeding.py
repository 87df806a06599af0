"""Bleeding: the short form walked first and the rest a day later, every gate, and what never blocks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import embolisation_walks as ew
import pytest

from planner.workflow.evaluate import evaluate
from planner.workflow.loader import lint_template
from planner.workflow.status import Status

NAME = "bleeding"
FORM = ["referral", "images_lesions", "fitness", "bleeding", "consent", "agent", "sign_in", "time_out"]


def haemoglobin(*values: tuple[str, float]) -> dict[str, Any]:
    return {"haemoglobin": [{"at": f"2026-05-{at}", "haemoglobin": value} for at, value in values]}


BOWEL_GLUE = ew.both(ew.answers("bleeding", target_organ="bowel"), ew.answers("agent", agent_kinds=["glue"]))
FIRES = {
    "bleeding": [
        ("shock", {}, "shock-index", "warn"),
        ("shock", {"massive_transfusion": "unknown"}, "no-transfusion-plan", "warn"),
        ("shock", ew.answers("fitness", systolic=None), "not-evaluated", "warn"),
        ("reversal", ew.answers("fitness", anticoagulation="yes", reversal=None), "no-reversal", "ask"),
        ("source", {"cta": "no-extravasation"}, "no-extravasation", "warn"),
        ("source", {"cta": "not-possible"}, "cta-not-done", "warn"),
        ("source", {"cta": "not-done"}, "cta-unanswered", "warn"),
        ("rupture-signs", {"sentinel_clot": "not-looked-for"}, "sentinel-unanswered", "warn"),
        ("liver-reserve", {"liver_reserve": "poor"}, "liver-reserve", "info"),
    ],
    "agent": [
        ("ischaemia", BOWEL_GLUE, "bowel-ischaemia", "ask"),
    ],
    "completion": [
        ("stopped", {"bleeding_now": "reduced"}, "still-bleeding", "warn"),
        ("stopped", {"bleeding_now": "not-judged"}, "not-evaluated", "warn"),
    ],
    "monitoring": [
        ("haemoglobin", haemoglobin(("12T05:00", 90.0), ("12T12:00", 90.0)), "haemoglobin-gap", "warn"),
        ("haemoglobin", haemoglobin(("12T05:00", 90.0), ("12T10:00", 70.0)), "haemoglobin-fall", "warn"),
        ("haemoglobin", {"haemoglobin": None}, "not-evaluated", "warn"),
        ("rebleeding", {"rebleed_72h": "yes"}, "rebleeding", "warn"),
    ],
}
FIRES_LUNG = {
    "bleeding": [
        ("airway", {"airway_protection": "unknown"}, "airway-unanswered", "ask"),
        ("airway", {"airway_protection": "planned"}, "airway-planned", "ask"),
        ("lung-side", {"lung_side": "unknown"}, "side-unanswered", "ask"),
    ],
    "agent": [
        ("spinal-first", {"spinal_branch": "not-looked-for"}, "risk-not-answered", "refuse"),
        ("spinal-first", {"spinal_branch": "seen-open"}, "risk-not-answered", "refuse"),
        ("particles-organ", ew.cell("agent", "particles", low_um=299.0), "particle-too-small", "ask"),
    ],
    "angio_findings": [
        ("spinal-seen", {"spinal_seen": "seen-open"}, "spinal-open", "ask"),
        ("spinal-seen", {"spinal_seen": None}, "spinal-unanswered", "ask"),
    ],
}
FIRES_NECK = {
    "bleeding": [
        ("carotid", {"carotid_blowout": "unknown"}, "carotid-unanswered", "ask"),
        ("carotid", {"neurological_state": None}, "no-neurology", "ask"),
        ("carotid", {"occlusion_test": "not-thought-of"}, "not-evaluated", "ask"),
        ("carotid", {"occlusion_test": "not-tolerated"}, "occlusion-not-tolerated", "ask"),
    ],
}
GATES = [*ew.gates(FIRES), *ew.gates(FIRES_LUNG, "lung"), *ew.gates(FIRES_NECK, "head-neck")]


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    ew.assert_all_tried_and_quiet(NAME, GATES, {("bleeding", "shock")})


def test_that_the_short_form_comes_first_and_the_rest_is_signed_a_day_later() -> None:
    walk = ew.walked(NAME)
    assert walk.session.overrides == ()
    assert walk.session.time_out is not None
    assert ew.unsigned(walk) == {}
    times = {each.stage: each.at for each in walk.session.signoffs}
    assert times["time_out"] < times["positions"] < times["decision"]


def test_that_an_emergency_asks_only_for_what_cannot_wait() -> None:
    case = ew.fresh_case(NAME)
    status = evaluate(case, ew.session_of(case), ew.template(NAME), ew.profiles()[ew.PROFILE], ew.at(ew.DAY))
    asking = {each.stage.id for each in status.stages if any(found.blocks for found in each.findings)}
    assert asking == set(FORM)
    plan = [each.stage.id for each in status.stages if each.stage.in_emergency_form and not each.stage.phase.is_record]
    assert plan == FORM


def test_that_the_meeting_and_the_liver_gate_nothing() -> None:
    template = ew.template(NAME)
    assert template.stage("decision").phase.is_record
    functions = {check.function for stage in template.stages for check in stage.checks}
    assert not {"child_pugh_within", "contraindications"} & functions
    poor = ew.answers("bleeding", liver_reserve="poor")
    assert not [each for each in ew.fired(NAME, poor, "bleeding", "liver-reserve") if each.blocks]


def test_that_coils_do_not_wait_for_a_spinal_branch() -> None:
    coils = ew.both(ew.answers("bleeding", target_organ="lung"), ew.answers("agent", agent_kinds=["coils"]))
    unknown = ew.both(coils, ew.answers("agent", spinal_branch="not-looked-for"))
    assert ew.fired(NAME, unknown, "agent", "spinal-first") == []


def test_that_the_shock_index_shows_its_arithmetic() -> None:
    (shown,) = ew.computed(NAME, ew.filled_case(NAME), "bleeding", "shock_index")
    assert shown.value == pytest.approx(112.0 / 92.0)
    assert shown.arithmetic == "112 / 92 = 1.22"


def test_that_bleeding_again_is_asked_for_when_its_time_has_come() -> None:
    case = ew.answers("monitoring", rebleed_30d=None)(ew.filled_case(NAME))
    early = ew.at(ew.DAY + timedelta(days=29))
    assert ew.checked(NAME, case, "monitoring", "rebleeding", now=early) == []
    found = ew.checked(NAME, case, "monitoring", "rebleeding", now=ew.at(ew.DAY + timedelta(days=30)))
    assert [each.subject for each in found] == ["monitoring.rebleed_30d"]


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)


def test_that_what_was_signed_after_an_emergency_stays_signed_while_values_age() -> None:
    """The time-out froze the short form only; the rest was signed a day later and its laboratory grows old."""
    walk = ew.walked(NAME)
    told, much_later = ew.template(NAME), walk.now + timedelta(days=120)
    status = evaluate(walk.case, walk.session, told, walk.profile, much_later)
    assert status.stage("kit_budget").status is Status.SIGNED
    changed = ew.answers("kit_budget", contrast_maximum=90.0)(walk.case)
    after = evaluate(changed, ew.session_of(changed), told, walk.profile, much_later).stage("kit_budget")
    assert after.status is Status.STALE
    assert any("days old" in finding.text for finding in after.findings)
