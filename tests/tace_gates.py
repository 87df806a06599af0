"""What makes each gate of the TACE template fire: one change of the digital patient's case per line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import tace_walk as tw

from planner.model.case import Case
from planner.model.edits import with_session
from planner.model.people import Allergy, Medication, PriorTreatment
from planner.model.session import Override

Change = Callable[[Case], Case]


def answers(stage: str, **values: Any) -> Change:
    return lambda case: tw.with_answers(case, stage, **values)


def lab(analyte: str, value: float, unit: str, on: date | None = None) -> Change:
    return lambda case: tw.with_lab(case, analyte, value, unit, on=on)


def no_lab(analyte: str) -> Change:
    return lambda case: tw.without_lab(case, analyte)


def histology(code: str | None) -> Change:
    return lambda case: replace(case, diagnosis=replace(case.diagnosis, histology=code))


def case_with(**values: Any) -> Change:
    return lambda case: replace(case, **values)


def session_with(**values: Any) -> Change:
    def change(case: Case) -> Case:
        session = case.session(tw.SESSION)
        assert session is not None
        return with_session(case, replace(session, **values))

    return change


def patient_with(**values: Any) -> Change:
    return lambda case: replace(case, patient=replace(case.patient, **values))


def both(*changes: Change) -> Change:
    def change(case: Case) -> Case:
        for each in changes:
            case = each(case)
        return case

    return change


def medicine(name: str, kind: str, **more: Any) -> Change:
    return both(case_with(medication=(Medication(name, kind, **more),)), answers("fitness", anticoagulation="yes"))


OVERRIDES = tuple(Override("fitness", f"code-{n}", None, "Dr A", "reason", tw.at(tw.DAY), "f" * 64) for n in range(3))
SERIES = tuple(replace(each, patient_id="OTHER") for each in tw.fresh_case().studies)
OLD_SERIES = tuple(replace(each, study_date=date(2026, 2, 1)) for each in tw.fresh_case().studies)
LARGE = tuple(
    replace(each, observations=tuple(replace(seen, longest_mm=120.0) for seen in each.observations))
    for each in tw.fresh_case().lesions
)
UNMEASURED = tuple(replace(each, observations=()) for each in tw.fresh_case().lesions)
EARLIER_DOSES = (
    PriorTreatment("TACE", substance="Doxorubicin", amount=700.0, unit="mg", where="outside", bsa_m2=1.842),
)

# (stage, check, what is changed, code, whether it blocks on a plan)
FIRES: list[tuple[str, str, Change, str, bool]] = [
    ("referral", "histology-known", histology(None), "histology-unknown", True),
    (
        "referral",
        "outside-treatments-asked",
        case_with(outside_sessions="unknown"),
        "outside-treatments-unknown",
        False,
    ),
    ("referral", "emergency-short-form", answers("referral", urgency="emergency"), "emergency-form", False),
    ("referral", "wash-out-noted", answers("referral", ici_last_dose="2026-05-01"), "recent-systemic-therapy", False),
    ("images_lesions", "one-patient-one-frame", case_with(studies=SERIES), "two-patients", True),
    ("images_lesions", "images-in-window", case_with(studies=OLD_SERIES), "images-too-old", True),
    ("images_lesions", "images-in-window", session_with(series_roles={}), "no-planning-images", True),
    ("images_lesions", "lesion-list-confirmed", case_with(lesion_list_confirmed=None), "list-not-confirmed", True),
    ("images_lesions", "lesions-measured", case_with(lesions=UNMEASURED), "lesion-not-measured", False),
    ("images_lesions", "phases-present", session_with(series_roles={}), "phase-missing", True),
    ("images_lesions", "arterial-timing", answers("images_lesions", arterial_timing="early"), "arterial-timing", False),
    ("images_lesions", "arterial-timing", answers("images_lesions", arterial_timing="unknown"), "not-evaluated", False),
    (
        "portal_shunt_bile",
        "portal-flow",
        answers("portal_shunt_bile", portal_vein="main", thrombus_kind="tumour", collaterals="no"),
        "main-portal-vein",
        True,
    ),
    (
        "portal_shunt_bile",
        "portal-flow",
        answers("portal_shunt_bile", portal_vein="branch", thrombus_kind="tumour"),
        "branch-tumour-thrombus",
        True,
    ),
    (
        "portal_shunt_bile",
        "portal-flow",
        answers("portal_shunt_bile", portal_vein="unknown"),
        "portal-vein-unknown",
        True,
    ),
    (
        "portal_shunt_bile",
        "portal-flow",
        answers("portal_shunt_bile", flow_direction="hepatofugal"),
        "hepatofugal-flow",
        True,
    ),
    ("portal_shunt_bile", "tumour-share", answers("portal_shunt_bile", tumour_share=50.5), "tumour-share", True),
    (
        "portal_shunt_bile",
        "tumour-share",
        answers("portal_shunt_bile", tumour_share=None),
        "tumour-share-unknown",
        True,
    ),
    ("portal_shunt_bile", "shunt-plan", answers("portal_shunt_bile", shunt_ap="large"), "shunt", False),
    ("portal_shunt_bile", "shunt-plan", answers("portal_shunt_bile", shunt_av="unknown"), "not-evaluated", False),
    (
        "portal_shunt_bile",
        "hepatic-vein",
        answers("portal_shunt_bile", hepatic_vein="ivc"),
        "hepatic-vein-thrombus",
        False,
    ),
    (
        "portal_shunt_bile",
        "bile",
        answers("portal_shunt_bile", biliary_access=["bilioenteric"]),
        "open-bile-duct",
        False,
    ),
    ("portal_shunt_bile", "bile", answers("portal_shunt_bile", biliary_access=None), "not-evaluated", False),
    ("portal_shunt_bile", "varices", answers("portal_shunt_bile", varices="untreated"), "untreated-varices", False),
    ("portal_shunt_bile", "varices", answers("portal_shunt_bile", endoscopy_on="2024-01-01"), "endoscopy-old", False),
    ("fitness", "weight-in-window", patient_with(weight_on=date(2026, 4, 1)), "weight-outside-window", True),
    ("fitness", "weight-in-window", patient_with(weight_on=None), "not-evaluated", True),
    ("fitness", "coagulation", lab("platelets", 19.0, "10*9/L"), "platelets-low", True),
    ("fitness", "coagulation", lab("inr", 3.2, "1"), "inr-high", True),
    ("fitness", "coagulation", no_lab("platelets"), "coagulation-not-evaluated", True),
    ("fitness", "coagulation", lab("inr", 1.1, "1", date(2026, 4, 1)), "coagulation-not-evaluated", True),
    (
        "fitness",
        "medicine-hold-and-restart",
        medicine("Warfarin", "warfarin", hold_from=date(2026, 5, 5)),
        "hold-without-restart",
        True,
    ),
    (
        "fitness",
        "medicine-hold-and-restart",
        medicine("Warfarin", "warfarin", hold_from=date(2026, 5, 10), restart_on=date(2026, 5, 14)),
        "hold-too-short",
        True,
    ),
    (
        "fitness",
        "medicine-hold-and-restart",
        both(medicine("Apixaban", "doac"), answers("fitness", bleeding_class="high")),
        "hold-missing",
        True,
    ),
    ("fitness", "medicine-hold-and-restart", answers("fitness", anticoagulation=None), "anticoagulation-unknown", True),
    ("fitness", "allergies-asked", case_with(allergies_asked=None), "allergies-unknown", True),
    ("fitness", "allergies-asked", case_with(allergies=(Allergy("Iodine", grade="severe"),)), "severe-reaction", True),
    ("fitness", "pregnancy-excluded", answers("fitness", pregnancy="yes"), "pregnant", True),
    ("fitness", "pregnancy-excluded", answers("fitness", pregnancy="unknown"), "pregnancy-unknown", True),
    ("fitness", "infection-excluded", answers("fitness", active_infection="unknown"), "infection-unknown", True),
    ("fitness", "scores-valid", medicine("Warfarin", "warfarin"), "score-not-valid", False),
    ("fitness", "scores-valid", answers("fitness", kidney_state="acute"), "score-not-valid", False),
    ("fitness", "scores-valid", lab("albumin", 34.0, "g/L", date(2026, 4, 1)), "score-inputs-apart", False),
    ("fitness", "metformin-plan", answers("fitness", metformin="unknown"), "metformin-unknown", False),
    (
        "fitness",
        "metformin-plan",
        both(answers("fitness", metformin="yes"), lab("creatinine", 2.4, "mg/dL")),
        "metformin-kidney",
        False,
    ),
    ("fitness", "nutrition", answers("fitness", nrs2002=3), "nutritional-risk", False),
    ("liver_stage", "child-pugh-limit", lab("bilirubin", 4.0, "mg/dL"), "child-pugh-beyond", True),
    ("liver_stage", "child-pugh-limit", no_lab("albumin"), "child-pugh-not-evaluated", True),
    (
        "liver_stage",
        "child-pugh-limit",
        lab("albumin", 34.0, "g/L", date(2026, 4, 1)),
        "child-pugh-not-evaluated",
        True,
    ),
    ("liver_stage", "child-pugh-limit", medicine("Warfarin", "warfarin"), "child-pugh-not-valid", True),
    ("liver_stage", "staging-list-confirmed", case_with(lesion_list_confirmed=None), "stage-not-evaluated", True),
    ("liver_stage", "stage-for-tace", answers("images_lesions", extrahepatic="yes"), "stage-not-for-tace", False),
    ("liver_stage", "stage-for-tace", answers("images_lesions", extrahepatic="unknown"), "not-evaluated", False),
    ("liver_stage", "hepatitis-b", answers("liver_stage", antiviral="none"), "hbv-untreated", False),
    ("liver_stage", "hepatitis-b", answers("liver_stage", hbsag="unknown"), "hbv-unknown", False),
    ("liver_stage", "bilirubin-limit", lab("bilirubin", 2.0, "mg/dL"), "bilirubin-relative", True),
    ("liver_stage", "bilirubin-limit", lab("bilirubin", 3.1, "mg/dL"), "bilirubin-absolute", True),
    ("liver_stage", "bilirubin-limit", no_lab("bilirubin"), "bilirubin-not-evaluated", True),
    (
        "contraindications",
        "contraindications-answered",
        answers("contraindications", absolute_infection="yes"),
        "contraindication",
        True,
    ),
    (
        "contraindications",
        "contraindications-answered",
        answers("contraindications", relative_varices="unknown"),
        "contraindication-unknown",
        True,
    ),
    (
        "contraindications",
        "contraindications-answered",
        answers("contraindications", relative_varices=None),
        "contraindications-not-answered",
        True,
    ),
    ("contraindications", "contraindications-against-data", lab("creatinine", 2.0, "mg/dL"), "contradiction", True),
    ("contraindications", "contraindications-against-data", case_with(lesions=LARGE), "contradiction", True),
    ("contraindications", "contraindications-against-data", answers("fitness", lvef=45.0), "contradiction", True),
    (
        "contraindications",
        "contraindications-against-data",
        answers("portal_shunt_bile", portal_vein="main", collaterals="no"),
        "contradiction",
        True,
    ),
    ("decision", "decision-recorded", answers("decision", decision=None), "no-decision", True),
    ("decision", "decision-in-date", answers("decision", meeting_date="2026-03-01"), "decision-expired", True),
    ("decision", "decision-in-date", answers("decision", progression_since="yes"), "progression-since-decision", True),
    ("decision", "repeat-explained", session_with(started_from="session-0"), "repeat-not-explained", True),
    ("consent", "consent-given", answers("consent", status="not-yet"), "no-consent", True),
    ("consent", "consent-given", answers("consent", status="emergency", route=None), "consent-route", True),
    ("consent", "consent-after-decision", answers("consent", date="2026-01-01"), "consent-before-decision", False),
    ("arteries_access", "access-coagulation", lab("inr", 1.9, "1"), "inr-high", True),
    ("arteries_access", "access-coagulation", no_lab("inr"), "coagulation-not-evaluated", True),
    ("arteries_access", "sheath-class", answers("arteries_access", sheath=6.5), "sheath-between-classes", True),
    ("arteries_access", "sheath-class", answers("arteries_access", sheath=8.0), "sheath-high-risk", True),
    (
        "arteries_access",
        "radial-open",
        answers("arteries_access", last_access_problem="radial-occlusion"),
        "radial-occluded",
        False,
    ),
    ("arteries_access", "radial-open", answers("arteries_access", access="radial", barbeau="D"), "barbeau-d", False),
    (
        "arteries_access",
        "arteries-judged",
        answers("arteries_access", coeliac_disease="occlusion"),
        "coeliac-disease",
        False,
    ),
    ("positions", "lesion-has-position", answers("positions", positions=None), "lesion-without-position", True),
    (
        "positions",
        "non-targets-looked-for",
        answers("positions", cystic="not-looked-for"),
        "non-target-not-looked-for",
        False,
    ),
    ("positions", "non-targets-found", answers("positions", non_target_plan=None), "non-target-without-plan", True),
    ("positions", "ct-may-miss", answers("positions", cystic="not-found"), "ct-may-miss", False),
    ("agent_dose", "dose-over-cap", answers("agent_dose", prepared_maximum=150.5), "dose-over-cap", True),
    ("agent_dose", "dose-over-cap", answers("agent_dose", prepared_maximum=None), "dose-not-evaluated", True),
    ("agent_dose", "dose-over-cap", answers("agent_dose", drug="Epirubicin"), "no-cap-known", False),
    ("agent_dose", "dose-in-range", answers("agent_dose", prepared_maximum=140.0), "dose-above-range", False),
    ("agent_dose", "dose-in-range", no_lab("bilirubin"), "not-evaluated", False),
    ("agent_dose", "dose-bilirubin", lab("bilirubin", 5.2, "mg/dL"), "dose-for-bilirubin", True),
    ("agent_dose", "dose-bilirubin", no_lab("bilirubin"), "dose-bilirubin-unknown", True),
    (
        "agent_dose",
        "dose-second-person",
        answers("agent_dose", second_person_maximum=60.0),
        "second-person-differs",
        True,
    ),
    ("agent_dose", "dose-second-person", answers("agent_dose", second_person_maximum=None), "no-second-check", True),
    ("agent_dose", "dose-cumulative", case_with(prior_treatments=EARLIER_DOSES), "cumulative-dose", False),
    (
        "agent_dose",
        "dose-cumulative",
        both(case_with(prior_treatments=EARLIER_DOSES), answers("fitness", cardiac_risk="yes")),
        "cumulative-dose",
        True,
    ),
    ("agent_dose", "dose-cumulative", case_with(outside_sessions="unknown"), "cumulative-incomplete", False),
    ("agent_dose", "oil-limit", answers("agent_dose", oil_maximum=15.5), "oil-over-cap", True),
    ("agent_dose", "oil-limit", answers("agent_dose", oil_maximum=None), "oil-not-evaluated", True),
    ("agent_dose", "shunt-agent", answers("portal_shunt_bile", shunt_av="small"), "shunt-with-agent", True),
    ("agent_dose", "shunt-agent", answers("portal_shunt_bile", shunt_av="unknown"), "shunt-unknown", True),
    ("agent_dose", "body-surface", answers("agent_dose", bsa_m2=2.1), "body-surface-differs", False),
    (
        "agent_dose",
        "chemo-with-beads",
        both(histology("CRLM"), answers("referral", systemic_therapy="yes")),
        "recent-chemotherapy",
        False,
    ),
    ("agent_dose", "irinotecan-lidocaine", answers("agent_dose", drug="Irinotecan"), "irinotecan-lidocaine", False),
    (
        "medication",
        "biliary-antibiotic",
        answers("portal_shunt_bile", biliary_access=["stent"]),
        "biliary-no-antibiotic",
        True,
    ),
    (
        "medication",
        "biliary-antibiotic",
        answers("portal_shunt_bile", biliary_access=["unknown"]),
        "biliary-unknown",
        True,
    ),
    ("medication", "net-octreotide", answers("referral", net_functioning="yes"), "no-octreotide", True),
    ("medication", "net-octreotide", answers("referral", net_functioning="unknown"), "net-unknown", True),
    ("medication", "antiviral-continued", answers("medication", antiviral="no"), "antiviral-not-continued", False),
    (
        "medication",
        "contrast-allergy-premedication",
        case_with(allergies=(Allergy("Iodinated contrast", grade="moderate"),)),
        "no-premedication",
        True,
    ),
    (
        "kit_budget",
        "kit-in-stock",
        answers("kit_budget", kit=[{"item": "Coil", "in_stock": "no"}]),
        "not-in-stock",
        False,
    ),
    ("kit_budget", "kit-bail-out", answers("kit_budget", kit=[{"item": "Sheath"}]), "no-bail-out", False),
    ("kit_budget", "contrast-budget", answers("kit_budget", contrast_maximum=400.0), "contrast-ratio", True),
    ("kit_budget", "contrast-budget", answers("fitness", kidney_state="acute"), "contrast-not-evaluated", True),
    ("kit_budget", "contrast-budget", answers("kit_budget", contrast_recent=None), "contrast-not-evaluated", True),
    ("kit_budget", "contrast-budget", lab("creatinine", 2.6, "mg/dL"), "contrast-kidney-risk", True),
    ("kit_budget", "radiation-budget", answers("kit_budget", prior_kerma_60d=5.0), "cumulative-dose", False),
    ("kit_budget", "radiation-budget", answers("kit_budget", prior_kerma_60d=None), "radiation-unknown", False),
    (
        "plan_signed",
        "projected-totals",
        case_with(prior_treatments=EARLIER_DOSES),
        "projected-cumulative-dose",
        False,
    ),
    ("plan_signed", "many-overrides", session_with(overrides=OVERRIDES), "many-overrides", False),
    ("sign_in", "identity", answers("sign_in", identity_second="no"), "identity-mismatch", True),
    ("sign_in", "identity", answers("sign_in", identity_first=None), "identity-not-checked", True),
    ("sign_in", "side-marked", answers("sign_in", side_marked="not-marked"), "side-not-marked", True),
    ("sign_in", "sign-in-answers", answers("sign_in", fasting="no"), "sign-in-fasting", True),
    ("sign_in", "sign-in-answers", answers("sign_in", pregnancy_today="positive"), "pregnant", True),
    ("sign_in", "sign-in-laboratory", no_lab("creatinine"), "lab-outside-window", True),
    ("sign_in", "weight-changed", answers("sign_in", weight_today=85.0), "weight-changed", False),
    ("confirm_today", "unchanged-today", answers("confirm_today", change_since_plan="yes"), "changed-since-plan", True),
    (
        "confirm_today",
        "position-as-planned",
        answers("confirm_today", position_today="prone"),
        "position-mismatch",
        True,
    ),
    ("time_out", "time-out-answers", answers("time_out", kit="no"), "time-out-no", True),
    ("angio_findings", "before-drug", answers("angio_findings", coverage=None), "coverage-unanswered", True),
    ("angio_findings", "before-drug", answers("angio_findings", shunt="unknown"), "shunt-unanswered", True),
    (
        "angio_findings",
        "plan-against-angiography",
        answers("angio_findings", shunt="arteriovenous"),
        "shunt-differs",
        False,
    ),
    ("injections", "drug-complete", answers("injections", drugs_given=None), "no-drug-recorded", False),
    ("completion", "completion-dangers", answers("completion", portal_branch_oil="segmental"), "portal-oil", False),
    (
        "completion",
        "completion-dangers",
        answers("completion", non_target=["not-looked-for"]),
        "non-target-unknown",
        False,
    ),
    ("completion", "retention-read", answers("completion", retention=None), "not-evaluated", False),
    ("sign_out", "time-out-recorded", answers("sign_out", time_out_done="no"), "no-time-out", False),
    ("sign_out", "dose-report", answers("sign_out", dose_report_kerma=2.4), "dose-report-differs", False),
    ("sign_out", "radiation-level", answers("sign_out", air_kerma=5.2), "patient-information", True),
    ("sign_out", "radiation-level", answers("kit_budget", prior_kerma_60d=3.4), "cumulative-dose", False),
    ("sign_out", "contrast-over-plan", answers("sign_out", contrast_given=180.0), "contrast-over-plan", False),
    ("sign_out", "counts-complete", answers("sign_out", counts="no"), "counts-incomplete", False),
    ("recovery", "recovery-criteria", answers("recovery", pain=8), "pain", False),
    ("recovery", "recovery-criteria", answers("recovery", criteria_breached="yes"), "call", False),
    ("recovery", "pulse-present", answers("recovery", pulse="absent"), "pulse", False),
    ("early_laboratory", "kidney-after", lab("creatinine", 190.0, "umol/L", date(2026, 5, 14)), "not-evaluated", False),
    ("early_laboratory", "bilirubin-after", no_lab("bilirubin"), "bilirubin-after-unknown", False),
    ("early_laboratory", "fever-abscess", answers("early_laboratory", fever_days=6), "long-fever", False),
    ("discharge", "bookings", answers("discharge", imaging_booked=None), "not-booked", False),
    ("discharge", "restart-named", medicine("Apixaban", "doac", hold_from=date(2026, 5, 9)), "restart-missing", False),
    (
        "outcome",
        "no-viability-on-oil",
        answers("outcome", modality="CT", viability_read="on-oil"),
        "viability-on-oil",
        True,
    ),
    ("outcome", "late-arterial-phase", answers("outcome", arterial_phase="absent"), "no-late-arterial", True),
    ("outcome", "criteria-for-histology", histology("CRLM"), "criteria-not-for-tumour", True),
    ("outcome", "outcome-timing", answers("outcome", date="2026-05-20"), "images-early", False),
    ("outcome", "new-lesion-confirmed", answers("outcome", new_lesion="yes"), "new-lesion-not-confirmed", True),
    ("next_step", "stop-or-repeat", answers("next_step", treatments_without_response=2), "stop-or-repeat", False),
    ("next_step", "dossier-closed", answers("next_step", dossier_closed_by="Dr A"), "dossier-not-closed", False),
]
