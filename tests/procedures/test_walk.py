"""Every stage of the template, headless, from the referral to the next step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import tace_walk as tw

from planner.workflow.inheritance import start_next_session
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import ledger_of
from planner.workflow.lifecycle import set_emergency
from planner.workflow.status import Status


@pytest.fixture(scope="module", params=[None, "deb-tace"], ids=["ctace", "deb-tace"])
def walk(request: pytest.FixtureRequest) -> tw.Walk:
    return tw.walked(request.param)


@pytest.fixture(scope="module")
def oil() -> tw.Walk:
    return tw.walked()


def test_that_every_stage_can_be_signed_with_the_example(walk: tw.Walk) -> None:
    status = walk.status()
    wrong = {each.stage.id: (each.status.value, [f.text for f in each.findings]) for each in status.stages}
    assert {name for name, (state, _) in wrong.items() if state != Status.SIGNED.value} == set(), wrong


def test_that_the_example_needs_no_override(walk: tw.Walk) -> None:
    assert walk.session.overrides == ()
    assert not [f for stage in walk.status().stages for f in stage.findings if f.blocks]


def test_that_the_ledger_holds_what_was_given_and_used(oil: tw.Walk) -> None:
    totals = {(each.substance, each.unit): each for each in ledger_of(oil.case, {"tace": tw.tace()}).totals}
    assert totals["doxorubicin", "mg"].amount == 45.0
    assert totals["doxorubicin", "mg"].per_m2 == pytest.approx(45.0 / 1.842)
    assert totals["lipiodol", "mL"].amount == 7.0
    assert totals["contrast", "mL"].amount == 120.0
    assert totals["air-kerma", "Gy"].amount == 1.8
    assert totals["kap", "Gy.cm2"].amount == 210.0


def test_that_the_ledger_of_beads_has_no_oil() -> None:
    totals = {each.substance: each.amount for each in ledger_of(tw.walked("deb-tace").case, {"tace": tw.tace()}).totals}
    assert totals["doxorubicin"] == 75.0
    assert totals["beads"] == 2.0
    assert "lipiodol" not in totals


def test_that_the_last_time_card_says_what_worked_and_what_did_not(oil: tw.Walk) -> None:
    card = {line.label: line.values for line in last_time_card(oil.case, tw.SESSION, tw.tace()).lines}
    assert "Cobra C2" in card["Catheter and curve that worked"][0]
    assert "Simmons" in card["What failed"][0]
    assert card["Endpoint"][0].startswith("III")
    assert card["View that worked"] == ("RAO 25, cranial 10, supine",)


def test_that_the_second_session_inherits_no_dose_consent_or_laboratory_answer(oil: tw.Walk) -> None:
    case, second = start_next_session(oil.case, tw.SESSION, tw.tace(), oil.profile, now=oil.now)
    session = case.session(second)
    assert session is not None
    for stage, field in (
        ("agent_dose", "prepared_maximum"),
        ("agent_dose", "second_person_maximum"),
        ("agent_dose", "oil_maximum"),
        ("agent_dose", "bsa_m2"),
        ("consent", "status"),
        ("consent", "witness"),
        ("fitness", "pregnancy"),
        ("fitness", "anticoagulation"),
        ("fitness", "ecog"),
        ("sign_in", "fasting"),
        ("sign_in", "antibiotic"),
        ("medication", "antibiotic"),
        ("time_out", "patient"),
        ("contraindications", "absolute_pregnancy"),
        ("portal_shunt_bile", "portal_vein"),
        ("decision", "decision"),
    ):
        assert session.answer(stage, field) is None, f"{stage}.{field}"
    assert session.answer("arteries_access", "base_catheter") == "Cobra C2, 5 F"
    assert session.answer("arteries_access", "last_access_problem") == "none"
    assert session.signoffs == ()
    assert session.time_out is None
    assert not session.series_roles
    assert case.lesion_list_confirmed is None or not case.lesion_list_is_confirmed


def test_that_the_second_session_shows_the_dose_of_the_first_and_asks_why_again(oil: tw.Walk) -> None:
    case, second = start_next_session(oil.case, tw.SESSION, tw.tace(), oil.profile, now=oil.now)
    later = tw.Walk(case, oil.profile, oil.now + timedelta(days=10), second)
    stages = {each.stage.id: each for each in later.status().stages}
    last = [each for each in stages["agent_dose"].computed if each.id == "last_dose_doxorubicin"]
    assert [each.value for each in last] == [30.0, 15.0]
    total = next(each for each in stages["agent_dose"].computed if each.id == "cumulative_anthracycline")
    assert total.value == pytest.approx(45.0 / 1.842)
    assert "repeat-not-explained" in {f.code for f in stages["decision"].findings}


def test_that_a_later_laboratory_leaves_the_plan_signed(oil: tw.Walk) -> None:
    case = tw.with_lab(oil.case, "bilirubin", 90.0, "umol/L", on=tw.DAY + timedelta(days=3))
    stages = {s.stage.id: s for s in tw.Walk(case, oil.profile, oil.now).status().stages}
    assert stages["liver_stage"].status is Status.SIGNED


def test_that_the_example_is_signed_under_the_chinese_profile_too() -> None:
    status = tw.walked(profile="cnlc-china").status()
    assert {each.stage.id for each in status.stages if each.status is not Status.SIGNED} == set()


def test_that_a_senior_physician_is_asked_for_in_china_only() -> None:
    case = tw.with_answers(tw.filled_case(), "decision", senior_physician=None)
    assert tw.checked(case, "decision", "senior-physician") == []
    found = tw.checked(case, "decision", "senior-physician", profile="cnlc-china")
    assert [(f.code, f.blocks) for f in found] == [("senior-physician", True)]


def test_that_a_ruptured_tumour_is_not_blocked_by_contraindications() -> None:
    case = tw.with_answers(tw.filled_case(), "contraindications", absolute_decompensated="yes", relative_bilirubin=None)
    assert any(f.blocks for f in tw.checked(case, "contraindications", "contraindications-answered"))
    bleeding = tw.with_answers(case, "referral", indication_haemorrhage="yes")
    found = tw.checked(bleeding, "contraindications", "contraindications-answered")
    assert found
    assert not any(f.blocks for f in found)


def test_that_a_session_in_which_nothing_was_given_can_be_recorded() -> None:
    walk = tw.walked(until="angio_findings")
    answers = {
        "angio_findings": {"go": "no-go", "no_go_reason": "Large shunt", "shunt": "arteriovenous"},
        "injections": {"stopped_because": ["nothing-given"]},
        "sign_out": {
            "ended_as": "attempted-nothing-given",
            "ended_reason": "Shunt",
            "performed_on": tw.DAY.isoformat(),
        },
    }
    for stage, values in answers.items():
        for name, value in values.items():
            walk.case = tw.answer_field(
                walk.case, tw.SESSION, tw.tace(), stage, name, value, by="Dr Example", now=walk.now
            )
    for stage in answers:
        found = walk.status().stage(stage)
        assert not [f.text for f in found.findings if f.blocks]
    assert ledger_of(walk.case, {"tace": tw.tace()}).totals == ()


def test_that_an_emergency_asks_only_for_what_cannot_wait() -> None:
    case = set_emergency(tw.fresh_case(), tw.SESSION, True, by="Dr Example")
    walk = tw.Walk(case, tw.profiles()["bclc-cirse"], tw.at(tw.DAY))
    for step in tw.steps():
        stage = tw.tace().stage(step.stage)
        asked = {described.id for described in stage.fields if described.emergency}
        walk.fill(replace(step, answers={name: value for name, value in step.answers.items() if name in asked}))
        walk.now = tw.at(tw.DAY)
        if stage.in_emergency_form and not stage.phase.is_record:
            walk.sign(step)
    status = walk.status()
    assert walk.session.time_out is not None
    assert [(s.stage.id, f.text) for s in status.stages for f in s.findings if f.blocks] == []
    plan = [s.stage.id for s in status.stages if s.stage.in_emergency_form and not s.stage.phase.is_record]
    assert plan == ["referral", "images_lesions", "fitness", "consent", "sign_in", "time_out"]
    later = {f.subject for s in status.stages for f in s.findings if f.code == "complete-within-24h"}
    assert later


def test_that_an_emergency_still_asks_for_allergies() -> None:
    case = set_emergency(tw.fresh_case(), tw.SESSION, True, by="Dr Example")
    walk = tw.Walk(case, tw.profiles()["bclc-cirse"], tw.at(tw.DAY))
    blocking = {f.code for f in walk.status().stage("fitness").findings if f.blocks}
    assert "allergies-unknown" in blocking
    assert "pregnancy-unknown" in blocking


def second_session(oil: tw.Walk, days: int) -> tw.Walk:
    """The second session so many days after the first, with the fitness and stage of the first answered again."""
    case, second = start_next_session(oil.case, tw.SESSION, tw.tace(), oil.profile, now=oil.now)
    later = tw.Walk(case, oil.profile, oil.now, second)
    for step in tw.steps(day=tw.DAY + timedelta(days=days)):
        if step.stage in ("images_lesions", "portal_shunt_bile", "fitness", "liver_stage", "agent_dose"):
            kept = {k: v for k, v in step.answers.items() if not (isinstance(v, dict) and k in ("ast", "bilirubin"))}
            later.fill(replace(step, answers=kept))
    return later


def test_that_retreatment_scores_compare_with_before_the_first_session(oil: tw.Walk) -> None:
    later = second_session(oil, 10)
    taken_on = (tw.DAY + timedelta(days=8)).isoformat()
    for name, value, unit in (("ast", 60.0, "U/L"), ("bilirubin", 36.0, "umol/L")):
        given = {"value": value, "unit": unit, "taken_on": taken_on}
        later.case = tw.answer_field(
            later.case, later.session_id, tw.tace(), "fitness", name, given, by="Dr Example", now=later.now
        )
    scores = {each.id: each for each in later.status().stage("liver_stage").computed}
    assert scores["art"].value == 5.5  # Child-Pugh 6 to 7: 1.5; AST 47 to 60, +28 %: 4; response
    assert scores["art"].inputs["Child-Pugh before"] == "6"
    assert scores["abcr"].value == 2 - 3.0  # AFP 164: 0; BCLC B: 2; +1 point: 0; response: -3
    first = {each.id: each for each in oil.status().stage("liver_stage").computed}
    assert first["art"].value is None
    assert "first session" in first["art"].note


def test_that_a_repeat_before_four_weeks_is_said(oil: tw.Walk) -> None:
    later = second_session(oil, 10)
    later.now = tw.at(tw.DAY + timedelta(days=27))
    found = [f for f in later.status().stage("agent_dose").findings if f.code == "repeat-early"]
    assert [(f.measured, f.limit) for f in found] == [(27.0, 28.0)]
    later.now = tw.at(tw.DAY + timedelta(days=28))
    assert "repeat-early" not in {f.code for f in later.status().stage("agent_dose").findings}
