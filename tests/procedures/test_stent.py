"""Stents: every pack walked from the referral to the next step, packs apart from each other, the emergency form."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import needle_walks as nw
import pytest
import stent_walks as sw

from planner.model.case import Case
from planner.model.edits import with_session
from planner.model.vessel_items import StenosisMeasures
from planner.planning.stent_catalogue import stent_catalogue
from planner.workflow.devices import devices_of
from planner.workflow.evaluate import evaluate
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import ledger_of
from planner.workflow.loader import lint_template
from planner.workflow.status import SessionStatus
from planner.workflow.template import FieldKind, Phase
from procedures.stent.lumens import LANDMARKS
from procedures.stent.segments import BRANCHES
from procedures.stent.sites import CATALOGUE_SITES, LUMEN_KIND

FORM = {"referral", "images_lesions", "fitness", "obstruction", "first_steps", "sepsis", "airway_check", "consent"}
FORM |= {"access", "stent_plan", "sign_in", "time_out"}


def status_of(case: Case) -> SessionStatus:
    session = nw.session_of(case)
    return evaluate(case, session, sw.template(sw.NAME), sw.profiles()[nw.PROFILE], sw.at(sw.DAY))


@pytest.mark.parametrize("variant", sw.VARIANTS, ids=str)
def test_that_a_pack_is_walked_to_its_end_without_an_override(variant: str | None) -> None:
    walk = sw.walked(variant)
    assert walk.session.overrides == ()
    assert walk.session.time_out is not None
    if variant in sw.EMERGENCIES:
        # What an emergency leaves open is judged by laboratory in date: on the day of discharge everything stands.
        walk = nw.Walk(sw.NAME, walk.case, walk.profile, sw.at(sw.DAY + timedelta(days=8)))
    assert nw.unsigned(walk) == {}


@pytest.mark.parametrize("variant", sorted(sw.EMERGENCIES))
def test_that_the_meeting_follows_an_emergency(variant: str) -> None:
    times = {each.stage: each.at for each in sw.walked(variant).session.signoffs}
    assert times["time_out"] < times["decision"]
    assert times["time_out"] < times["lumen"]


def test_that_an_emergency_asks_only_for_what_cannot_wait() -> None:
    status = status_of(sw.fresh_case("arterial"))
    asking = {each.stage.id for each in status.stages if any(found.blocks for found in each.findings)}
    assert asking == FORM
    plan = {each.stage.id for each in status.stages if each.stage.in_emergency_form and not each.stage.phase.is_record}
    assert plan == FORM


@pytest.mark.parametrize(
    ("site", "danger"),
    [("svc", "stridor"), ("svc", "cerebral"), ("tracheobronchial", "stridor"), ("biliary", "sepsis")],
)
def test_that_what_cannot_wait_is_sent_to_the_short_form(site: str, danger: str) -> None:
    variant = None if site == "biliary" else site
    change = sw.answers("obstruction", danger_now=[danger])
    (found,) = sw.fired(change, "obstruction", "emergency-form", variant)
    assert found.code == "not-on-emergency-form"
    assert not found.blocks
    short = sw.both(change, lambda case: sw.on_short_form(case))
    assert sw.fired(short, "obstruction", "emergency-form", variant) == []


def test_that_an_arterial_bleeding_waits_for_no_meeting() -> None:
    elective = sw.both(sw.answers("obstruction", danger_now=["nothing"]), lambda case: sw.on_short_form(case, False))
    found = sw.fired(elective, "obstruction", "emergency-form", "arterial")
    assert [each.code for each in found] == ["not-on-emergency-form"]
    without = sw.answers("decision", decision=None, meeting_date=None, opinions=None)(sw.filled("arterial"))
    decision = next(each for each in status_of(without).stages if each.stage.id == "decision")
    assert decision.findings
    assert not [each for each in decision.findings if each.blocks]


@pytest.mark.parametrize("variant", sw.PACKS)
def test_that_the_checks_of_other_sites_do_not_apply(variant: str) -> None:
    site = nw.session_of(sw.filled(variant)).answer("obstruction", "technique")
    assert site == variant
    others = {
        (stage.id, check.id)
        for stage in sw.template(sw.NAME).stages
        for check in stage.checks
        if "technique" in check.applies_if and site not in check.applies_if["technique"]
    }
    assert others
    assert not others & sw.applying(variant)


def test_that_every_site_has_its_catalogue_lumen_and_pack() -> None:
    template = sw.template(sw.NAME)
    sites = {choice.code for choice in template.techniques}
    asked = template.stage("obstruction").field("technique")
    assert asked is not None
    assert {choice.code for choice in asked.choices} == sites
    assert sites == set(CATALOGUE_SITES) == set(LUMEN_KIND)
    assert set(LANDMARKS) | set(BRANCHES) <= sites
    speaking = {
        code
        for stage in template.stages
        for each in (*stage.checks, *stage.fields)
        for code in each.applies_if.get("technique", ())
    }
    assert speaking == sites


def test_that_branches_and_landmarks_of_the_packs_exist() -> None:
    known = {landmark.key for landmark in stent_catalogue().landmarks}
    assert {key for keys in LANDMARKS.values() for key in keys} <= known
    table = sw.template(sw.NAME).stage("segments").field("branches")
    assert table is not None
    offered = {choice.code for column in table.columns if column.id == "branch" for choice in column.choices}
    assert {branch for branches in BRANCHES.values() for branch in branches} <= offered
    types = sw.template(sw.NAME).stage("stent_plan").field("stents")
    assert types is not None
    assert {choice.code for column in types.columns if column.id == "type" for choice in column.choices} == set(
        stent_catalogue().types
    )


def test_that_a_changed_lumen_makes_the_plan_stale_and_says_why() -> None:
    walk = sw.walked("svc")
    case = nw.with_items(walk.case, sw.lumen("svc", length_mm=150.0))
    case = with_session(case, replace(nw.session_of(case), time_out=None))
    plan = next(each for each in status_of(case).stages if each.stage.id == "stent_plan")
    assert plan.status.value == "stale"
    (found,) = [each for each in plan.findings if each.code == "lumen-changed"]
    assert "measured before the lumen changed: measure again" in found.text
    assert found.blocks


def test_that_a_drain_alone_needs_no_stent() -> None:
    assert sw.fired(lambda case: case, "stent_plan", "stents-planned", "septic") == []
    ended = sw.fired(lambda case: case, "crossing_drain_stent", "state-said", "septic")
    assert [each.code for each in ended] == ["ended-without-stent"]
    assert "drain only" in ended[0].text
    balloon = sw.both(sw.answers("first_steps", balloon_first="planned"), sw.answers("stent_plan", stents=None))
    assert sw.fired(balloon, "stent_plan", "stents-planned", "ivc") == []


def test_that_a_measured_airway_counts_before_an_oesophageal_stent() -> None:
    airway = sw.lumen("tracheobronchial", stenosis=StenosisMeasures(10.0, 20.0, 15.0, 6.0, 60.0, 15.0))
    other = replace(airway, id="lumen-2", name="Trachea")
    (found,) = sw.fired(nw.items(other), "airway_check", "airway-first", "oesophageal")
    assert found.code == "airway-narrow"
    assert found.measured == 60.0
    assert found.tag == "S"
    opened = sw.both(nw.items(other), sw.answers("airway_check", airway_action="airway-first"))
    assert sw.fired(opened, "airway_check", "airway-first", "oesophageal") == []
    (shown,) = nw.computed(sw.NAME, nw.items(other)(sw.filled("oesophageal")), "airway_check", "airway_narrowing")
    assert shown.value == 60.0
    assert shown.inputs["from"] == "Trachea"


def test_that_exactly_thirty_percent_is_not_yet_too_narrow() -> None:
    at_limit = sw.answers("airway_check", airway_least=7.0, airway_normal=10.0)
    assert sw.fired(at_limit, "airway_check", "airway-first", "oesophageal") == []


def test_that_bare_metal_stays_possible_in_a_benign_vein() -> None:
    assert sw.fired(lambda case: case, "stent_plan", "benign-metal", "ivc") == []
    assert sw.fired(lambda case: case, "stent_plan", "retrieval", "ivc") == []


def test_that_seeds_and_devices_are_carried_on() -> None:
    walk = sw.walked("iodine")
    totals = {each.substance: each for each in ledger_of(walk.case, {sw.NAME: sw.template(sw.NAME)}).totals}
    assert (totals["iodine-125"].amount, totals["iodine-125"].unit) == (352.0, "MBq")
    assert [each.kind for each in devices_of(walk.case)] == ["stent"]
    (kept,) = devices_of(sw.walked("tracheo-pleural").case)
    assert (kept.kind, kept.due_for) == ("stent-retrievable", "removal")
    assert kept.due_on == sw.DAY + timedelta(days=42)
    card = {each.label: each.values for each in last_time_card(walk.case, sw.SESSION, sw.template(sw.NAME)).lines}
    assert card["Ended with"] == ("Stent",)
    assert card["Stent"] == ("Biliary stent with seeds",)


def test_that_no_dose_is_planned_for_a_loaded_stent() -> None:
    plan = sw.template(sw.NAME).stage("stent_plan")
    units = {each.unit for each in plan.fields if each.kind is FieldKind.NUMBER}
    assert not units & {"Gy", "mGy"}
    assert sw.fired(lambda case: case, "stent_plan", "iodine", "iodine") == []


def test_that_summaries_tell_what_stands_behind_them() -> None:
    case = sw.filled("svc")
    (line,) = nw.computed(sw.NAME, case, "lumen", "lumen_summary")
    assert line.inputs["stricture"] == "60 to 100 mm, least 3.0 mm, 75 %"
    assert line.value == 200.0
    (shown,) = nw.computed(sw.NAME, case, "stent_plan", "stent_summary")
    assert shown.value == "14 x 60 mm"
    assert shown.note == "sized in the measured lumen"
    bare = nw.gone("lumen-1", "stent-1")(case)
    (none,) = nw.computed(sw.NAME, bare, "lumen", "lumen_summary")
    assert none.value is None


def test_that_what_was_recorded_or_done_on_the_day_is_never_inherited() -> None:
    for stage in sw.template(sw.NAME).stages:
        for described in stage.fields:
            if stage.phase in (Phase.DAY, Phase.RECORD) and described.kind is not FieldKind.COMPUTED:
                assert described.inherit.value != "review", f"{stage.id}.{described.id}"


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(sw.ROOT / "procedures" / sw.NAME, sw.profiles()) == ()
    nw.assert_labels_short(sw.NAME)


def test_that_the_airway_is_a_gate_of_an_oesophageal_stent_even_in_an_emergency() -> None:
    unmeasured = sw.answers("airway_check", airway_least=None, airway_normal=None)
    case = sw.on_short_form(unmeasured(sw.filled("oesophageal")))
    airway = next(each for each in status_of(case).stages if each.stage.id == "airway_check")
    assert "airway-not-measured" in {each.code for each in airway.findings if each.blocks}
