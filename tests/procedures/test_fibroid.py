"""Fibroid embolisation: the whole walk, every gate firing on what it is for, and silent otherwise."""

from __future__ import annotations

import embolisation_walks as ew
import pytest

from planner.workflow.loader import lint_template

NAME = "fibroid"

FIRES = {
    "fibroid": [
        ("fibroids-described", ew.cell("fibroid", "fibroids", figo="7"), "pedunculated", "ask"),
        ("fibroids-described", ew.cell("fibroid", "fibroids", figo=None), "not-evaluated", "ask"),
        ("fibroids-described", ew.cell("fibroid", "fibroids", enhancement="none"), "not-enhancing", "ask"),
        ("fibroids-described", ew.cell("fibroid", "fibroids", enhancement="unknown"), "not-evaluated", "ask"),
        ("ovarian-supply", {"ovarian_supply": "not-looked-for"}, "ovarian-not-checked", "ask"),
        ("fibroid-contraindications", {"malignancy": "suspected"}, "malignancy", "ask"),
        ("fibroid-contraindications", {"malignancy": "unknown"}, "not-evaluated", "ask"),
        ("fibroid-contraindications", ew.answers("fitness", pregnancy="yes"), "absolute-contraindication", "ask"),
    ],
    "gynaecology": [
        ("gynaecologist-seen", {"gynaecology_on": None}, "no-gynaecologist", "ask"),
        ("fertility-told", {"fertility_wish": "yes"}, "fertility", "ask"),
        ("fertility-told", {"fertility_wish": None}, "not-evaluated", "ask"),
        ("endometrium-known", {"endometrial_sample": "atypical"}, "endometrium", "ask"),
        ("endometrium-known", {"endometrial_sample": "pending"}, "not-evaluated", "ask"),
        ("hormones-and-device", {"gnrh": "running"}, "gnrh-running", "warn"),
        ("hormones-and-device", {"intrauterine_device": "in-place"}, "device-in-place", "warn"),
        ("symptoms-scored", {"symptom_score": None}, "no-symptom-score", "warn"),
    ],
    "positions": [
        ("both-sides", {"uterine_left": "left-alone"}, "one-side", "ask"),
        ("both-sides", {"uterine_left": None}, "not-evaluated", "ask"),
        ("ovarian-planned", ew.answers("fibroid", ovarian_supply="left"), "ovarian-supply", "ask"),
        ("uterine-branches", {"non_targets": None}, "branch-not-looked-for", "warn"),
    ],
    "agent": [
        ("particles-first", ew.cell("agent", "particles", low_um=499.0), "particle-too-small", "ask"),
        ("particles-first", ew.cell("agent", "particles", low_um=None), "not-evaluated", "ask"),
        ("particles-label", ew.cell("agent", "particles", 1, low_um=350.0), "particle-too-small", "ask"),
    ],
    "pain_plan": [
        ("pain-planned", {"methods": ["tablets"]}, "pain-plan-weak", "ask"),
        ("pain-planned", {"methods": None}, "not-evaluated", "ask"),
    ],
    "angio_findings": [
        ("anastomosis-judged", {"anastomosis": "not-looked-for"}, "not-evaluated", "warn"),
        ("anastomosis-judged", {"anastomosis": "type-III"}, "utero-ovarian", "warn"),
        ("anastomosis-judged", {"cervicovaginal": "open"}, "cervicovaginal-open", "warn"),
    ],
    "completion": [("sides-done", {"left_done": "no"}, "side-not-done", "warn")],
    "sign_out": [("radiation-low", {"kap": 50.5}, "kap-high", "warn")],
    "discharge": [("expulsion-told", {"expulsion_warning": "no"}, "expulsion-not-told", "warn")],
    "outcome": [
        ("perfusion-left", ew.cell("outcome", "fibroids_after", enhancement="partly"), "still-perfused", "warn"),
        ("perfusion-left", {"symptom_after": 58.0}, "symptoms-not-better", "warn"),
        ("outcome-timing", {"date": "2026-06-30"}, "outcome-early", "warn"),
        ("outcome-timing", {"date": "2027-06-30"}, "outcome-late", "warn"),
    ],
}
GATES = ew.gates(FIRES)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    ew.assert_all_tried_and_quiet(NAME, GATES)


def test_that_every_stage_is_signed_without_an_override() -> None:
    walk = ew.walked(NAME)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)


def test_that_smaller_particles_may_follow_only_above_the_label() -> None:
    smaller = ew.cell("agent", "particles", 1, low_um=400.0)
    assert ew.fired(NAME, smaller, "agent", "particles-first") == []
    assert ew.fired(NAME, smaller, "agent", "particles-label") == []
    assert ew.codes(ew.fired(NAME, smaller, "agent", "sizes-go-up")) == {"sizes-go-down"}


def test_that_doac_and_clopidogrel_are_not_held_for_a_low_risk_embolisation() -> None:
    found = ew.checked(NAME, ew.filled_case(NAME), "fitness", "medicine-hold-and-restart")
    assert found == []
    assert ew.template(NAME).stage("fitness").field("bleeding_class") is not None
