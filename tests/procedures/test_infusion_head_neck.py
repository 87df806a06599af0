"""Head and neck infusion: the whole walk, every gate firing on what it is for, and silent otherwise."""

from __future__ import annotations

import embolisation_walks as ew
import pytest

from planner.model.people import PriorTreatment
from planner.workflow.loader import lint_template

NAME = "infusion_head_neck"
PARTICLES = {"kind": "particles", "product": "Contour PVA", "low_um": 250.0, "high_um": 355.0}


def cisplatin_elsewhere(amount: float, bsa_m2: float | None = 1.0) -> ew.nw.Change:
    given = PriorTreatment("Chemotherapy", substance="cisplatin", amount=amount, unit="mg", bsa_m2=bsa_m2)
    return ew.case_with(prior_treatments=(given,))


def embolise(**more: object) -> ew.nw.Change:
    """Particles are planned beside the drug."""
    return ew.answers("agent", agent_kinds=["drug", "particles"], particles=[PARTICLES], **more)


def temporal(**more: object) -> ew.nw.Change:
    """The retrograde way through the superficial temporal artery."""
    return ew.answers("arteries_access", access="superficial-temporal", **more)


def split(index: int = 0, **cells: object) -> ew.nw.Change:
    return ew.cell("agent", "dose_split", index, **cells)


def perfused(index: int = 0, **cells: object) -> ew.nw.Change:
    return ew.cell("perfused_volume", "perfused", index, **cells)


RADPLAT = ew.answers("course_plan", protocol="radplat")

FIRES = {
    "supply": [
        ("supply-known", {"arteries": []}, "not-evaluated", "ask"),
        ("supply-known", {"internal_carotid_supply": "present"}, "internal-carotid", "warn"),
        ("supply-known", {"internal_carotid_supply": "not-looked-for"}, "not-evaluated", "ask"),
        ("arch-and-plaque", {"arch_type": "3"}, "steep-arch", "warn"),
        ("arch-and-plaque", {"arch_type": "unknown"}, "not-evaluated", "ask"),
        ("arch-and-plaque", {"plaque": "mobile"}, "plaque", "ask"),
        ("arch-and-plaque", {"plaque": "unknown"}, "not-evaluated", "ask"),
        ("arch-and-plaque", {"carotid_stenosis": 50.0}, "carotid-stenosis", "ask"),
        ("arch-and-plaque", {"carotid_stenosis": None}, "not-evaluated", "ask"),
    ],
    "kidney_ear_airway": [
        ("clearance-enough", ew.lab("creatinine", 180.0, "umol/L"), "clearance-low", "ask"),
        ("clearance-enough", ew.answers("fitness", kidney_state="acute"), "clearance-not-evaluated", "ask"),
        ("clearance-enough", ew.no_lab("creatinine"), "clearance-not-evaluated", "ask"),
        ("hearing-known", {"audiogram": "not-done"}, "audiogram-missing", "ask"),
        ("hearing-known", {"audiogram_on": "2026-03-01"}, "audiogram-old", "ask"),
        ("hearing-known", {"audiogram": "speech"}, "hearing-lost", "ask"),
        ("hearing-known", {"audiogram": "mild"}, "high-tones-lost", "info"),
        ("neuropathy-known", {"neuropathy": "2"}, "neuropathy", "warn"),
        ("neuropathy-known", {"neuropathy": "not-examined"}, "not-evaluated", "warn"),
        ("airway-secured", {"airway_state": "stridor"}, "airway", "ask"),
        ("airway-secured", {"airway_state": "unknown"}, "not-evaluated", "ask"),
        (
            "airway-secured",
            ew.both(ew.answers("fitness", nrs2002=3), ew.answers("kidney_ear_airway", feeding="mouth")),
            "feeding",
            "warn",
        ),
    ],
    "course_plan": [
        ("infusion-interval", {"infusion_number": 8}, "many-infusions", "ask"),
        ("infusion-interval", {"infusion_number": None}, "not-evaluated", "ask"),
        ("infusion-interval", {"last_infusion_on": "2026-05-06"}, "infusion-early", "ask"),
        ("infusion-interval", {"last_infusion_on": None}, "not-evaluated", "ask"),
        ("radiotherapy-calendar", {"radiotherapy_starts": "2026-05-20"}, "outside-radiotherapy", "warn"),
        ("radiotherapy-calendar", {"radiotherapy_ends": "2026-04-01"}, "calendar", "warn"),
        ("radiotherapy-calendar", {"radiotherapy": "later"}, "radiotherapy-begun", "warn"),
        ("radiotherapy-calendar", {"radiotherapy": "unknown"}, "not-evaluated", "warn"),
        ("radiotherapy-calendar", {"radiotherapy_ends": None}, "not-evaluated", "warn"),
    ],
    "arteries_access": [
        ("temporal-route", temporal(temporal_artery="occluded", temporal_tip="Maxillary"), "temporal-closed", "ask"),
        ("temporal-route", temporal(temporal_artery="not-checked"), "not-evaluated", "ask"),
        ("temporal-route", temporal(temporal_artery="open"), "temporal-tip", "ask"),
    ],
    "positions": [("dangerous-connections", {"non_targets": None}, "branch-not-looked-for", "ask")],
    "agent": [
        ("no-particles", embolise(), "risk-not-answered", "refuse"),
        ("no-particles", embolise(anastomoses="not-looked-for"), "risk-not-answered", "refuse"),
        ("connections-agree", {"anastomoses": "none-seen"}, "connections-differ", "ask"),
        ("connections-agree", {"anastomoses": "not-looked-for"}, "connections-not-looked-for", "ask"),
        ("cisplatin-dose", ew.cell("agent", "drugs", maximum=190.0), "cisplatin-over", "ask"),
        ("cisplatin-dose", ew.cell("agent", "drugs", maximum=None), "not-evaluated", "ask"),
        ("cisplatin-dose", ew.answers("course_plan", protocol="other-protocol"), "protocol-unknown", "info"),
        ("cisplatin-dose", {"bsa_m2": 9.0}, "not-evaluated", "ask"),
        ("cisplatin-ledger", cisplatin_elsewhere(640.0), "cisplatin-total", "ask"),
        ("cisplatin-ledger", cisplatin_elsewhere(100.0, None), "not-evaluated", "ask"),
        ("split-adds-up", split(share=70.0), "shares", "ask"),
        ("split-adds-up", split(share=None), "not-evaluated", "ask"),
        ("split-adds-up", split(amount=140.0), "split-over-maximum", "ask"),
        ("split-adds-up", {"dose_split": None}, "not-evaluated", "ask"),
        ("split-adds-up", ew.cell("agent", "drugs", maximum=None), "not-evaluated", "ask"),
    ],
    "medication": [
        ("hydration-checked", {"pharmacist_checked": None}, "hydration", "ask"),
        ("thiosulfate-planned", {"thiosulfate": None}, "not-evaluated", "ask"),
        ("thiosulfate-planned", {"thiosulfate_order": None}, "thiosulfate-order", "ask"),
        (
            "thiosulfate-planned",
            ew.both(RADPLAT, ew.answers("medication", thiosulfate="none")),
            "no-thiosulfate",
            "ask",
        ),
        ("heparin-planned", {"heparin": None}, "no-heparin", "warn"),
    ],
    "neuro_before": [
        ("examined-before", {"vision": "not-examined"}, "not-evaluated", "ask"),
        ("examined-before", {"findings": None}, "not-described", "ask"),
    ],
    "perfused_volume": [
        ("perfused-before-drug", {"perfused": None}, "perfusion-not-checked", "ask"),
        ("perfused-before-drug", perfused(by="not-checked"), "perfusion-not-checked", "ask"),
        ("perfused-before-drug", perfused(outside="eye"), "connection-open", "ask"),
        ("perfused-before-drug", perfused(1, outside="not-looked-for"), "connections-not-looked-for", "ask"),
        ("perfused-before-drug", perfused(pain="yes"), "test-injection-sign", "ask"),
        ("split-confirmed", perfused(share=50.0), "split-differs", "warn"),
        ("split-confirmed", perfused(share=None), "not-evaluated", "warn"),
        ("split-confirmed", perfused(1, share=20.0), "tumour-not-reached", "warn"),
    ],
    "injections": [
        ("given-by-share", ew.cell("injections", "drugs_given", amount=60.0), "dose-against-share", "warn"),
        ("given-by-share", ew.cell("injections", "drugs_given", position=7), "not-evaluated", "warn"),
        ("thiosulfate-in-time", {"thiosulfate_started": "2026-05-12T10:30:00"}, "thiosulfate-apart", "warn"),
        ("thiosulfate-in-time", {"thiosulfate_started": None}, "thiosulfate-not-recorded", "warn"),
    ],
    "neuro_after": [
        ("stroke-watch", {"limbs": "worse"}, "deficit", "warn"),
        ("stroke-watch", {"vision": "not-examined"}, "not-evaluated", "warn"),
        ("stroke-watch", {"swelling": "airway"}, "swelling", "warn"),
        (
            "watched-long-enough",
            ew.cell("neuro_after", "checks_done", 2, at="2026-05-12T18:00:00"),
            "watched-short",
            "warn",
        ),
        ("watched-long-enough", {"checks_done": None}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("kidney-after", ew.lab("creatinine", 200.0, "umol/L"), "not-evaluated", "warn"),
        ("hearing-after", {"hearing_after": "worse"}, "hearing-worse", "warn"),
        ("hearing-after", {"hearing_after": "not-asked"}, "not-evaluated", "warn"),
    ],
    "outcome": [("outcome-timing", {"date": "2026-05-20"}, "outcome-early", "warn")],
}
GATES = ew.gates(FIRES)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    # Creatinine after treatment is of later days than the one on which single checks are tried.
    ew.assert_all_tried_and_quiet(NAME, GATES, {("early_course", "kidney-after")})


def test_that_every_stage_is_signed_without_an_override() -> None:
    walk = ew.walked(NAME)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()
    loud = [found.text for each in walk.status().stages for found in each.findings if found.severity != "info"]
    assert loud == []


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)


def test_that_particles_are_open_only_when_connections_were_looked_for_and_none_was_seen() -> None:
    allowed = embolise(anastomoses="none-seen")
    assert ew.fired(NAME, allowed, "agent", "no-particles") == []
    assert ew.fired(NAME, ew.answers("agent", anastomoses="not-looked-for"), "agent", "no-particles") == []


def test_that_a_deficit_says_whether_somebody_was_called() -> None:
    lost = ew.answers("neuro_after", vision="worse")
    (found,) = ew.fired(NAME, lost, "neuro_after", "stroke-watch")
    assert "no call is written down" in found.text
    called = ew.both(lost, ew.answers("neuro_after", stroke_called="2026-05-12T11:20:00"))
    (found,) = ew.fired(NAME, called, "neuro_after", "stroke-watch")
    assert "no call" not in found.text


def test_that_the_protocol_is_shown_and_never_filled_in() -> None:
    once, all_of_them = ew.computed(NAME, ew.filled_case(NAME), "agent", "protocol_range")
    assert once.value == pytest.approx(184.2)
    assert (all_of_them.value, all_of_them.unit) == (700.0, "mg/m2")
    stage = ew.template(NAME).stage("agent")
    for name in ("drugs", "dose_split"):
        described = stage.field(name)
        assert described is not None
        assert described.never_prefill
    (before,) = ew.computed(NAME, ew.filled_case(NAME), "agent", "cisplatin_so_far")
    assert before.value == pytest.approx(2 * 184.0 / 1.842)


def test_that_radplat_has_its_own_numbers() -> None:
    more = ew.both(RADPLAT, ew.cell("agent", "drugs", maximum=276.0))
    assert ew.fired(NAME, more, "agent", "cisplatin-dose") == []
    fifth = ew.both(RADPLAT, ew.answers("course_plan", infusion_number=5))
    assert ew.codes(ew.fired(NAME, fifth, "course_plan", "infusion-interval")) == {"many-infusions"}


def test_that_thiosulfate_is_a_text_and_no_order() -> None:
    stage = ew.template(NAME).stage("medication")
    choice, order = stage.field("thiosulfate"), stage.field("thiosulfate_order")
    assert choice is not None
    assert order is not None
    assert "9 g/m²" in (choice.help or "")
    assert choice.tag == "S"
    assert order.never_prefill
    assert order.kind == "text"


def test_that_nothing_is_asked_of_the_drug_when_nothing_is_given_but_the_patient_is_still_watched() -> None:
    change = ew.both(
        ew.answers("angio_findings", go="no-go"),
        ew.answers("perfused_volume", perfused=None),
        ew.answers("neuro_after", vision=None),
    )
    assert ew.fired(NAME, change, "perfused_volume", "perfused-before-drug") == []
    assert ew.fired(NAME, change, "perfused_volume", "split-confirmed") == []
    assert ew.codes(ew.fired(NAME, change, "neuro_after", "stroke-watch")) == {"not-evaluated"}
