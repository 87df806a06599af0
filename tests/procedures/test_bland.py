"""Bland embolisation: the whole walk, its own gates; those it shares with TACE fire here on its own fields."""

from __future__ import annotations

import embolisation_walks as ew
import pytest

from planner.workflow.loader import lint_template

NAME = "bland"
PORTAL = "portal_shunt_bile"
OPEN = ew.answers(PORTAL, biliary_access=["stent"])


def net(**more: str) -> ew.nw.Change:
    """A neuroendocrine tumour."""
    diagnosis = ew.case_with(diagnosis=ew.Diagnosis(histology="NET", proof="biopsy"))
    return ew.both(diagnosis, ew.answers("referral", **more))


FIRES = {
    "images_lesions": [
        ("arterial-timing", {"arterial_timing": "early"}, "arterial-timing", "warn"),
        ("phases-present", ew.without_series("arterial"), "phase-missing", "ask"),
    ],
    PORTAL: [
        ("portal-flow", {"portal_vein": "main", "collaterals": "no"}, "main-portal-vein", "ask"),
        ("portal-flow", {"flow_direction": "hepatofugal"}, "hepatofugal-flow", "ask"),
        ("tumour-share", {"tumour_share": 51.0}, "tumour-share", "ask"),
        ("bile", {"biliary_access": ["bilioenteric"]}, "open-bile-duct", "warn"),
    ],
    "liver_stage": [
        ("child-pugh-limit", {"ascites": "moderate-severe", "encephalopathy": "grade-1-2"}, "child-pugh-beyond", "ask"),
        ("child-pugh-limit", {"ascites": None}, "child-pugh-not-evaluated", "ask"),
        ("bilirubin-limit", ew.lab("bilirubin", 2.5, "mg/dL"), "bilirubin-relative", "ask"),
    ],
    "positions": [
        ("liver-branches", {"non_targets": None}, "branch-not-looked-for", "warn"),
        ("much-liver", {"embolised_volume": 900.0}, "much-liver", "warn"),
        ("much-liver", {"embolised_volume": None}, "not-evaluated", "warn"),
    ],
    "agent": [("very-small", ew.cell("agent", "particles", low_um=40.0), "very-small", "warn")],
    "medication": [
        ("abscess-prevented", OPEN, "biliary-no-antibiotic", "ask"),
        ("functioning-tumour", net(net_functioning="yes"), "no-octreotide", "ask"),
    ],
    "early_course": [
        ("kidney-after", ew.lab("creatinine", 200.0, "umol/L"), "not-evaluated", "warn"),
        ("bilirubin-after", ew.no_lab("bilirubin"), "bilirubin-after-unknown", "warn"),
    ],
    "outcome": [("outcome-timing", {"date": "2026-05-20"}, "outcome-early", "warn")],
}
GATES = ew.gates(FIRES)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    # Values after treatment are of later days than the one on which single checks are tried.
    later = {("early_course", "kidney-after"), ("early_course", "bilirubin-after")}
    ew.assert_all_tried_and_quiet(NAME, GATES, later)


def test_that_every_stage_is_signed_without_an_override() -> None:
    walk = ew.walked(NAME)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()
    assert [found.text for found in walk.status().stage("early_course").findings if found.severity != "info"] == []


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)


def test_that_no_drug_is_asked_for_and_the_liver_score_is_shown() -> None:
    template = ew.template(NAME)
    assert template.stage("agent").field("drugs") is None
    (score,) = ew.computed(NAME, ew.filled_case(NAME), "liver_stage", "child_pugh")
    assert score.value == 5
