"""Stage of hepatocellular carcinoma: BCLC, Bolondi's sub-stage, CNLC, portal-vein tumour thrombus (R5-R6)."""

from __future__ import annotations

from planner.clinical.comparisons import at_most
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Severity

NOT_APPLICABLE = "not applicable"


def _not_applicable(constants: RuleConstants, text: str) -> Outcome:
    return Outcome({"stage": NOT_APPLICABLE}, (constants.finding("not-applicable", Severity.WARN, text),))


def bclc(given: Given, constants: RuleConstants) -> Outcome:
    """BCLC stage 0, A, B, C or D by the 2022 criteria. The sub-group of B is the operator's input, not computed."""
    ecog, nodules, size = given.number("ecog"), given.number("nodules"), given.number("largest_diameter")
    if ecog >= constants.number("dead_ecog") or nodules < 1:
        return _not_applicable(constants, "BCLC is not defined for ECOG 5 or without a nodule.")
    if ecog >= constants.number("stage_d_ecog_from") or (
        given.flag("end_stage_liver") and not given.flag("transplantable")
    ):
        return Outcome({"stage": "D"})
    by_ecog = ecog >= constants.number("stage_c_ecog_from") and given.flag("ecog_is_tumour_related")
    if given.flag("vascular_invasion") or given.flag("extrahepatic") or by_ecog:
        return Outcome({"stage": "C"})
    few = nodules <= constants.number("early_nodules_to") and at_most(size, constants.number("early_to"))
    if nodules == 1 and at_most(size, constants.number("very_early_to")):
        stage = "0"
    else:
        stage = "A" if nodules == 1 or few else "B"
    text = f"BCLC {stage} assumes preserved liver function (no ascites, no jaundice): review."
    return Outcome({"stage": stage}, (constants.finding("assumes-preserved-liver", Severity.INFO, text),))


def bolondi(given: Given, constants: RuleConstants) -> Outcome:
    """B1-B4 of intermediate-stage patients without portal-vein thrombosis, or ``not-classified``."""
    child_pugh, ecog, inside = given.number("child_pugh"), given.number("ecog"), given.flag("up_to_7_in")
    fit = ecog <= constants.number("b1_b3_ecog_to")
    substage = "not-classified"
    if not given.flag("pvt"):
        if fit and inside and child_pugh <= constants.number("b1_child_pugh_to"):
            substage = "B1"
        elif fit and not inside and child_pugh <= constants.number("b2_child_pugh_to"):
            substage = "B2"
        elif fit and not inside and child_pugh == constants.number("b3_child_pugh"):
            substage = "B3"
        elif constants.number("b3_child_pugh") < child_pugh <= constants.number(
            "b4_child_pugh_to"
        ) and ecog <= constants.number("b4_ecog_to"):
            substage = "B4"
    return Outcome({"substage": substage})


def cnlc(given: Given, constants: RuleConstants) -> Outcome:
    """CNLC stage Ia-IV: performance and liver function, then spread, then number and size."""
    ecog, nodules, size = given.number("ecog"), given.number("nodules"), given.number("largest_diameter")
    if ecog >= constants.number("dead_ecog") or nodules < 1:
        return _not_applicable(constants, "CNLC is not defined for ECOG 5 or without a nodule.")
    if ecog >= constants.number("stage_iv_ecog_from") or given.text("child_pugh_class") == "C":
        stage = "IV"
    elif given.flag("extrahepatic"):
        stage = "IIIb"
    elif given.flag("vascular_invasion"):
        stage = "IIIa"
    elif nodules > constants.number("few_nodules_to"):
        stage = "IIb"
    elif nodules == 1:
        stage = "Ia" if at_most(size, constants.number("single_ia_to")) else "Ib"
    else:
        stage = "Ib" if at_most(size, constants.number("few_ib_to")) else "IIa"
    return Outcome({"stage": stage})


def pvtt_grade(given: Given, constants: RuleConstants) -> Outcome:
    """Cheng type and VP grade of the most central extent of the tumour thrombus."""
    extent = given.text("extent")
    return Outcome({"cheng": str(constants.table("cheng")[extent]), "vp": str(constants.table("vp")[extent])})


COMPUTES = {"bclc": bclc, "bolondi": bolondi, "cnlc": cnlc, "pvtt_grade": pvtt_grade}
