from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from planner.findings import Finding
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.disease import Diagnosis
from planner.model.people import Implant, LabValue, Medication, Patient, PriorTreatment
from planner.model.session import Answer, Session, SessionState, TemplateRef
from planner.workflow.course_conflicts import conflicts, conflicts_of_dates
from planner.workflow.course_dates import ripple
from planner.workflow.course_events import text_codes
from planner.workflow.profiles import load_profiles

START = date(2026, 3, 2)
DAY = timedelta(days=1)
PROFILE = load_profiles()["bclc-cirse"]


def session_step(name: str, template: str, day: int | None, technique: str | None = None) -> CourseStep:
    on = None if day is None else START + day * DAY
    return CourseStep(name, "session", name, planned_on=on, template=template, technique=technique)


def done(step: CourseStep) -> CourseStep:
    return replace(step, done_on=step.planned_on, planned_on=None)


def case_of(*steps: CourseStep) -> Case:
    course = Course("course-1", "Course", steps=steps)
    return Case("case-1", Patient("1", "A"), courses=(course,), outside_sessions="no")


def found(case: Case) -> dict[str, Finding]:
    return {each.code: each for each in conflicts(case, {}, PROFILE, START)}


def answered(case: Case, *codes: str) -> Case:
    reference = TemplateRef("tace", "0.1.0", "", "bclc-cirse", "0.1.0")
    answers = {"portal_bile": {"biliary_access": Answer(list(codes))}}
    asked = Session("session-0", "TACE 0", reference, SessionState.CANCELLED, answers=answers)
    return replace(case, sessions=(asked,))


TACE = session_step("TACE 1", "tace", 10, "ctace")
BEADS = session_step("Beads", "tace", 10, "deb-tace")
ABLATION = session_step("Ablation", "ablation", 40, "mwa")
BILE = session_step("Bile stent", "stent", 0, "biliary")


def test_that_a_bile_stent_before_tace_is_an_order_hazard() -> None:
    finding = found(case_of(BILE, TACE))["tace-after-biliary-access"]
    assert finding.blocks
    assert finding.subject == "TACE 1"
    assert "abscess" in finding.text
    assert "Bile stent (planned 2026-03-02)" in finding.text
    assert finding.source
    assert finding.tag == "S"
    assert "tace-after-biliary-access" not in found(case_of(replace(BILE, planned_on=START + 20 * DAY), TACE))


@pytest.mark.parametrize(
    "known",
    [
        {"prior_treatments": (PriorTreatment("drain", "PTBD left", START - 30 * DAY),)},
        {"implants": (Implant("metal stent, bile duct"), Implant("biliary stent", "common duct"))},
    ],
)
def test_that_drains_and_stents_typed_as_history_count(known: dict[str, object]) -> None:
    case = replace(case_of(TACE), **known)
    assert "tace-after-biliary-access" in found(case)


def test_that_the_open_bile_duct_is_not_checked_until_somebody_was_asked() -> None:
    case = case_of(TACE)
    unknown = found(case)["tace-after-biliary-access-unknown"]
    assert not unknown.blocks
    assert "not checked" in unknown.text
    assert not {each for each in found(answered(case, "none")) if each.startswith("tace-after-biliary")}
    assert "tace-after-biliary-access" in found(answered(case, "sphincterotomy"))
    assert "tace-after-biliary-access-unknown" in found(answered(case, "unknown"))


def test_that_ablation_after_several_tace_says_the_count() -> None:
    first, second = done(session_step("TACE 1", "tace", -80)), done(session_step("TACE 2", "tace", -40))
    finding = found(case_of(first, second, ABLATION))["ablation-after-several-tace"]
    assert (finding.measured, finding.limit) == (2.0, 2.0)
    assert "ablation-after-several-tace" not in found(case_of(first, ABLATION))
    prior = PriorTreatment("TACE", "elsewhere", START - 200 * DAY)
    assert "ablation-after-several-tace" in found(replace(case_of(first, ABLATION), prior_treatments=(prior,)))
    cold = replace(ABLATION, technique="ire")
    assert "ablation-after-several-tace" not in found(case_of(first, second, cold))


def test_that_the_airway_comes_before_the_gullet_and_the_bile_duct_before_the_duodenum() -> None:
    gullet, airway = (
        session_step("Gullet", "stent", 10, "oesophageal"),
        session_step("Airway", "stent", 5, "tracheobronchial"),
    )
    assert "oesophagus-before-airway" in found(case_of(gullet))
    assert "oesophagus-before-airway" not in found(case_of(airway, gullet))
    late = replace(airway, planned_on=START + 20 * DAY)
    assert found(case_of(gullet, late))["airway-after-oesophagus"].blocks
    duodenum = session_step("Duodenum", "stent", 3, "duodenal")
    assert "bile-after-duodenum" in found(case_of(duodenum, replace(BILE, planned_on=START + 9 * DAY)))
    assert "bile-after-duodenum" not in found(case_of(BILE, duodenum))


@pytest.mark.parametrize(("days", "early"), [(27, True), (28, False)])
def test_that_conventional_tace_is_not_repeated_too_early(days: int, early: bool) -> None:
    later = replace(session_step("TACE 2", "tace", 10 + days, "ctace"))
    finding = found(case_of(TACE, later)).get("tace-too-early")
    assert (finding is not None) is early
    if finding is not None:
        assert (finding.measured, finding.limit, finding.unit) == (27.0, 28.0, "d")


def test_that_beads_keep_their_own_interval() -> None:
    assert "beads-too-early" not in found(case_of(BEADS, session_step("Beads 2", "tace", 24, "deb-tace")))
    assert "beads-too-early" in found(case_of(BEADS, session_step("Beads 2", "tace", 23, "deb-tace")))
    assert "tace-too-early" not in found(case_of(BEADS, session_step("Beads 2", "tace", 24, "deb-tace")))


def test_that_contrast_and_sedation_within_72_h_are_said_but_not_of_alternatives() -> None:
    same_day = replace(ABLATION, planned_on=TACE.planned_on)
    assert "on the same day as TACE 1" in found(case_of(TACE, same_day))["contrast-within-72-h"].text
    assert "contrast-within-72-h" not in found(case_of(TACE, replace(same_day, planned_on=START + 13 * DAY)))
    assert "contrast-within-72-h" not in found(case_of(TACE, replace(same_day, alternative_to="TACE 1")))


def test_that_a_spacing_without_a_day_is_not_checked() -> None:
    finding = found(case_of(TACE, session_step("TACE 2", "tace", None)))["tace-too-early-unknown"]
    assert "not checked" in finding.text
    assert not finding.blocks


def test_that_anti_vegf_is_washed_out_and_unknown_is_said() -> None:
    bowel = session_step("Colon", "stent", 30, "colonic")
    unknown = found(case_of(bowel))["anti-vegf-before-bowel-stent-unknown"]
    assert "last anti-VEGF dose unknown" in unknown.text
    given = replace(case_of(bowel), medication=(Medication("bevacizumab", "anti-vegf", last_dose_on=START),))
    finding = found(given)["anti-vegf-before-bowel-stent"]
    assert (finding.measured, finding.limit, finding.blocks) == (30.0, 42.0, True)
    asked = {"referral": {"anti_vegf_last_dose": Answer(START.isoformat())}}
    reference = TemplateRef("stent", "0.1.0", "", "bclc-cirse", "0.1.0")
    session = Session("s", "Stent", reference, SessionState.CANCELLED, answers=asked)
    assert "anti-vegf-before-bowel-stent" in found(replace(case_of(bowel), sessions=(session,)))
    later = replace(case_of(replace(bowel, planned_on=START + 42 * DAY)), medication=given.medication)
    assert not {each for each in found(later) if each.startswith("anti-vegf")}


def test_that_chemotherapy_before_beads_counts_from_its_last_day() -> None:
    line = CourseStep("FOLFOX", "systemic", "FOLFOX", done_on=START - 200 * DAY)
    assert "has no last day" in found(case_of(line, BEADS))["chemotherapy-before-beads-unknown"].text
    ended = replace(line, until=START - 70 * DAY)
    assert found(case_of(ended, BEADS))["chemotherapy-before-beads"].measured == 80.0
    assert "chemotherapy-before-beads" not in found(case_of(replace(line, until=START - 80 * DAY), BEADS))
    assert "chemotherapy-before-beads" not in found(case_of(ended, TACE))
    hcc = replace(case_of(ended, BEADS), diagnosis=Diagnosis(histology="HCC"))
    assert "chemotherapy-before-beads" not in found(hcc)


def test_that_a_checkpoint_inhibitor_asks_for_its_tests() -> None:
    case = replace(case_of(TACE), medication=(Medication("pembrolizumab", "ici", last_dose_on=START - 9 * DAY),))
    assert "Thyroid" in found(case)["ici-tests"].text
    assert "cortisol" in found(case)["ici-tests-by-hand"].text
    values = tuple(
        LabValue(name, name, 1.0, unit, START)
        for name, unit in (("alt", "U/L"), ("bilirubin", "umol/L"), ("tsh", "m[iU]/L"))
    )
    assert "ici-tests" not in found(replace(case, laboratory=values))
    later = CourseStep("ICI", "immunotherapy", "Immunotherapy", planned_on=START + 60 * DAY)
    assert "ici-tests" not in found(case_of(TACE, later))


def test_that_holds_are_compared_with_the_planned_day_by_bleeding_class() -> None:
    drug = Medication("apixaban", "doac", hold_from=START + 38 * DAY, restart_on=START + 39 * DAY)
    case = replace(case_of(ABLATION), medication=(drug,))
    assert (found(case)["hold-too-short"].measured, found(case)["hold-too-short"].limit) == (2.0, 3.0)
    assert "restart-before" in found(case)
    fine = replace(drug, hold_from=START + 37 * DAY, restart_on=START + 42 * DAY)
    assert not {"hold-too-short", "restart-before", "hold-missing"} & set(found(replace(case, medication=(fine,))))
    late = replace(drug, hold_from=START + 50 * DAY, restart_on=None)
    assert "hold-missing" in found(replace(case, medication=(late,)))
    low = replace(case_of(TACE), medication=(late,))
    assert "hold-missing" not in found(low)
    undated = replace(case_of(replace(ABLATION, planned_on=None)), medication=(late,))
    assert "not checked" in found(undated)["hold-unknown"].text


def test_that_moving_a_day_tells_the_conflicts_before_anything_is_booked() -> None:
    drug = Medication("apixaban", "doac", hold_from=START + 37 * DAY, restart_on=START + 42 * DAY)
    case = replace(case_of(ABLATION), medication=(drug,))
    fine = ripple(case, "Ablation", START + 41 * DAY)
    assert conflicts_of_dates(case, fine, {}, PROFILE, START) == ()
    late = ripple(case, "Ablation", START + 50 * DAY)
    assert [each.code for each in conflicts_of_dates(case, late, {}, PROFILE, START)] == ["restart-before"]


def test_that_what_is_done_or_dropped_is_not_judged() -> None:
    assert found(case_of(done(BILE), done(TACE))) == {}
    dropped = replace(TACE, dropped="refused")
    assert "tace-after-biliary-access" not in found(case_of(BILE, dropped))


def test_that_words_nobody_recognises_and_treatments_elsewhere_are_said() -> None:
    prior = (PriorTreatment("Kräutertherapie", "", START - 9 * DAY),)
    case = replace(case_of(TACE), prior_treatments=prior, outside_sessions=None)
    assert "Kräutertherapie" in found(case)["treatment-not-recognised"].text
    assert "elsewhere unknown" in found(case)["outside-unknown"].text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("TACE x 2, 2024", "tace"),
        ("chemoembolisation", "tace"),
        ("经导管动脉化疗栓塞", "tace"),
        ("Atezolizumab + bevacizumab", "anti-vegf"),
        ("PVE right", "portal-embolisation"),
    ],
)
def test_that_treatments_are_recognised_by_their_words(words: str, code: str) -> None:
    assert code in text_codes(words)


def test_that_a_word_inside_another_one_is_not_recognised() -> None:
    assert text_codes("biopsy of the surface") == set()
