"""Behaviour of the rules at their limits, and what a result says about itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.clinical.comparisons import above, at_least, at_most, below, round_half_up
from planner.clinical.constants import TAG_ORDER, weakest
from planner.clinical.quantities import Quantity
from planner.clinical.registry import RULES, evaluate, rule_set_digest
from planner.errors import InputRefused, UsageError
from planner.findings import Severity

PUGH: dict[str, Any] = {
    "bilirubin": "1.0mg/dL",
    "albumin": "4.0g/dL",
    "inr": 1.0,
    "ascites": "none",
    "encephalopathy": "none",
    "cholestatic_variant": False,
}
BCLC: dict[str, Any] = {
    "nodules": 1,
    "largest_diameter": 40,
    "ecog": 0,
    "ecog_is_tumour_related": False,
    "vascular_invasion": False,
    "extrahepatic": False,
    "end_stage_liver": False,
    "transplantable": False,
}


def codes(result: Any) -> list[str]:
    return [finding.code for finding in result.findings]


def test_that_every_constant_has_a_source_and_a_tag() -> None:
    for rule in RULES.values():
        for entry in rule.constants.entries.values():
            assert entry.source
            assert entry.tag in TAG_ORDER


def test_that_the_weakest_tag_wins() -> None:
    assert weakest(["S", "S2", "M", "calc"]) == "M"
    assert weakest(["S", "S2"]) == "S2"
    assert weakest([]) == "calc"


def test_that_equality_has_a_tolerance_and_nothing_else_has() -> None:
    assert at_least(0.1 + 0.2, 0.3)
    assert at_most(0.1 + 0.2, 0.3)
    assert not above(0.1 + 0.2, 0.3)
    assert not below(0.3, 0.1 + 0.2)
    assert above(0.3 + 1e-6, 0.3)
    assert round_half_up(2.5) == 3
    assert round_half_up(-2.5) == -2


def test_that_a_value_is_compared_in_the_unit_of_the_printed_cut_off() -> None:
    in_molar = evaluate("child_pugh", {**PUGH, "bilirubin": "34.1umol/L"})
    in_mass = evaluate("child_pugh", {**PUGH, "bilirubin": "1.994mg/dL"})
    assert in_molar.value("points") == (2, 1, 1, 1, 1)
    assert in_mass.value("points") == (1, 1, 1, 1, 1)


def test_that_a_value_in_another_unit_is_converted_and_weakens_the_tag() -> None:
    direct = evaluate("hap", {**HAP, "bilirubin": "17umol/L"})
    converted = evaluate("hap", {**HAP, "bilirubin": "1.0mg/dL"})
    assert direct.value("hap") == 0
    assert converted.value("hap") == 1
    assert (direct.tag, direct.verified) == ("S", True)
    assert (converted.tag, converted.verified) == ("M", False)


HAP: dict[str, Any] = {"albumin": 40, "bilirubin": 10, "afp": 5, "largest_diameter": 30, "nodules": 1}


def test_that_prothrombin_time_stands_in_for_a_missing_inr() -> None:
    values = {name: value for name, value in PUGH.items() if name != "inr"}
    result = evaluate("child_pugh", {**values, "pt_over_control": "5s"})
    assert result.value("total") == 6
    assert "missing-input" not in codes(result)


def test_that_a_bare_number_from_a_person_says_which_unit_it_was_read_in() -> None:
    result = evaluate("albi", {"bilirubin": "20", "albumin": "35"})
    assert codes(result) == ["assumed-unit", "assumed-unit"]
    assert result.grade == "2"


def test_that_a_bare_number_is_not_guessed_where_two_units_are_printed() -> None:
    result = evaluate("child_pugh", {**PUGH, "bilirubin": "2.4"})
    assert not result.evaluated
    assert "missing-unit" in codes(result)
    assert result.blocks


@pytest.mark.parametrize(
    ("name", "value"),
    [("bilirubin", "88mg/dL"), ("albumin", "35g/dL"), ("albumin", "3.5g/L"), ("inr", "45")],
)
def test_that_a_unit_trap_is_asked_about_and_computed_only_when_confirmed(name: str, value: str) -> None:
    asked = evaluate("child_pugh", {**PUGH, name: value})
    assert not asked.evaluated
    assert [(f.subject, f.overridable) for f in asked.findings if f.blocks] == [(name, True)]
    confirmed = evaluate("child_pugh", {**PUGH, name: value}, confirmed={name})
    assert confirmed.evaluated
    assert not confirmed.blocks
    assert "implausible-value" in codes(confirmed)


@pytest.mark.parametrize(("name", "value"), [("nodules", 2.5), ("ecog", 6), ("largest_diameter", -3), ("nodules", -1)])
def test_that_an_impossible_value_is_refused(name: str, value: float) -> None:
    result = evaluate("bclc", {**BCLC, name: value})
    assert not result.evaluated
    blocking = [finding for finding in result.findings if finding.blocks]
    assert [(f.code, f.subject, f.overridable) for f in blocking] == [("impossible-value", name, False)]


def test_that_an_undefined_choice_is_refused_by_name() -> None:
    values = {"location": "rigid", "pain": "none", "lesion": "lytic", "alignment": "normal", "posterolateral": "none"}
    result = evaluate("sins", {**values, "collapse": "exactly-50"})
    assert codes(result) == ["unknown-choice"]
    assert result.blocks
    assert result.value("score") is None


@pytest.mark.parametrize(("ecog", "nodules"), [(5, 1), (0, 0)])
def test_that_bclc_is_not_applicable_to_the_dead_or_without_a_nodule(ecog: int, nodules: int) -> None:
    assert evaluate("bclc", {**BCLC, "ecog": ecog, "nodules": nodules}).grade == "not applicable"


def test_that_bclc_says_what_it_assumes() -> None:
    assert "assumes-preserved-liver" in codes(evaluate("bclc", BCLC))
    assert "assumes-preserved-liver" not in codes(evaluate("bclc", {**BCLC, "extrahepatic": True}))


def test_that_unknown_names_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="albumine"):
        evaluate("albi", {"albumine": 35})
    with pytest.raises(UsageError, match="no rule"):
        evaluate("albix", {})
    with pytest.raises(UsageError, match="no constant"):
        evaluate("albi", {}, overrides={"albi": {"nope": 1}})


@pytest.mark.parametrize("value", ["abc", float("nan"), math.inf, True, [1, 2], {"unit": "g/L"}, "35 parsec", "35s"])
def test_that_what_is_no_albumin_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InputRefused) as caught:
        evaluate("albi", {"bilirubin": 20, "albumin": value})
    assert caught.value.subject == "albumin"


@pytest.mark.parametrize(
    "value", [35, "35g/L", "3.5 g/dL", (35, "g/L"), Quantity(35, "g/L"), {"value": 35, "unit": "g/L"}]
)
def test_that_a_number_may_be_given_in_several_ways(value: Any) -> None:
    assert evaluate("albi", {"bilirubin": "20umol/L", "albumin": value}).number("score") == pytest.approx(
        -2.1163, abs=5e-5
    )


def test_that_a_profile_replaces_a_constant_and_the_result_says_so() -> None:
    values = {**PUGH, "inr": 2.25}
    shipped = evaluate("child_pugh", values)
    changed = evaluate("child_pugh", values, overrides={"child_pugh": {"inr_high": 2.2}})
    assert (shipped.value("total"), changed.value("total")) == (6, 7)
    assert changed.overridden == ("inr_high",)
    assert shipped.overridden == ()
    finding = next(f for f in changed.findings if f.code == "rule-overridden")
    assert finding.source == "institution profile"
    assert finding.severity is Severity.INFO


def test_that_a_profile_may_verify_a_constant_with_its_own_source() -> None:
    verified = {"value": 300.0, "source": "our radiology board 2025", "tag": "S"}
    result = evaluate("macd", {"weight": 70, "creatinine": 1.0}, overrides={"macd": {"cap": verified}})
    assert (result.tag, result.verified) == ("S", True)


def test_that_a_profile_may_change_one_row_of_a_table_and_no_unknown_one() -> None:
    values = {"liver": "normal", "flr": 22}
    changed = evaluate("flr", values, overrides={"flr": {"at_least": {"normal": 25.0}}})
    assert changed.value("sufficient") is False
    with pytest.raises(UsageError, match="unknown row"):
        evaluate("flr", values, overrides={"flr": {"at_least": {"norml": 25.0}}})
    with pytest.raises(UsageError, match="another kind"):
        evaluate("flr", values, overrides={"flr": {"at_least": 25.0}})


def test_that_a_profile_changes_the_conversion_it_names() -> None:
    values = {"quantity": "bilirubin", "number": "1mg/dL", "to_unit": "umol/L"}
    changed = evaluate("unit_conversion", values, overrides={"unit_conversion": {"bilirubin": 17.1}})
    assert changed.number("converted") == pytest.approx(17.1)
    albi = {"bilirubin": "1mg/dL", "albumin": 35}
    shipped = evaluate("albi", albi).number("score")
    profiled = evaluate("albi", albi, overrides={"unit_conversion": {"bilirubin": 17.1}}).number("score")
    assert profiled is not None
    assert shipped is not None
    assert profiled < shipped


def test_that_the_digest_of_the_rules_depends_on_the_profile_and_on_nothing_else() -> None:
    assert rule_set_digest() == rule_set_digest({})
    assert rule_set_digest() != rule_set_digest({"macd": {"cap": 250.0}})


def test_that_a_result_prints_as_the_contract_says() -> None:
    document = evaluate("albi", {"bilirubin": "20umol/L", "albumin": "35g/L"}).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert {"rule", "version", "outputs", "grade", "inputs", "source", "tag", "verified", "findings"} <= set(document)
    assert document["inputs"] == {
        "bilirubin": {"value": 20.0, "unit": "umol/L"},
        "albumin": {"value": 35.0, "unit": "g/L"},
    }


def test_that_limits_act_as_the_rules_say() -> None:
    ire = evaluate("ire_voltage", {"spacing": 2.4})
    assert [(f.code, f.overridable) for f in ire.findings if f.blocks] == [("voltage-limit", False)]
    clotting = {"procedure": "TACE", "risk": "low", "platelets": 60, "arterial_access": "femoral"}
    failed = evaluate("coagulation_sir2019", {**clotting, "inr": 1.9})
    assert [(f.subject, f.overridable) for f in failed.findings if f.blocks] == [("inr", True)]
    assert not evaluate("coagulation_sir2019", {**clotting, "inr": 1.7}).findings
    radiation = evaluate("radiation_level", {"quantity": "ka_r", "number": "9Gy"})
    assert [f.severity for f in radiation.findings] == [Severity.WARN]


def test_that_radiation_refuses_a_unit_of_another_quantity() -> None:
    assert evaluate("radiation_level", {"quantity": "kap", "number": "5000dGy.cm2"}).value("substantial") is True
    with pytest.raises(InputRefused, match="cannot be converted"):
        evaluate("radiation_level", {"quantity": "kap", "number": "5Gy"})


def test_that_treatments_far_apart_do_not_add_on_the_skin_but_for_life() -> None:
    apart = evaluate("radiation_cumulative", {"ka_r": [2.1, 3.4], "days_apart": 61, "same_field": True})
    assert (apart.number("sum"), apart.grade) == (3.4, "green")
    assert apart.number("lifetime_sum") == pytest.approx(5.5)


def test_that_heart_failure_is_not_interpolated() -> None:
    between = evaluate("doxorubicin_chf", {"cumulative_dose": 450})
    assert between.value("chf_estimate") is None
    assert (between.value("chf_low"), between.value("chf_high")) == (5.0, 16.0)


def test_that_response_after_complete_remission_is_progression_when_it_grows() -> None:
    values = {"baseline_sum": 40, "nadir_sum": 0, "new_lesion": False}
    assert evaluate("recist11", {**values, "current_sum": 6}).grade == "PD"
    assert evaluate("recist11", {**values, "current_sum": 0}).grade == "CR"
    refused = evaluate("recist11", {**values, "nadir_sum": 50, "current_sum": 0})
    assert refused.blocks
    assert not refused.evaluated


def test_that_children_are_not_scored_with_equations_of_adults() -> None:
    result = evaluate("ckd_epi_2021", {"creatinine": 0.6, "age": 12, "sex": "M"})
    assert result.value("egfr") is None
    assert "not-for-children" in codes(result)


@pytest.mark.parametrize(
    ("change", "stage"),
    [
        ({}, "Ia"),
        ({"largest_diameter": 51}, "Ib"),
        ({"nodules": 3, "largest_diameter": 30}, "Ib"),
        ({"nodules": 2, "largest_diameter": 31}, "IIa"),
        ({"nodules": 4, "largest_diameter": 10}, "IIb"),
        ({"vascular_invasion": True}, "IIIa"),
        ({"vascular_invasion": True, "extrahepatic": True}, "IIIb"),
        ({"child_pugh_class": "C"}, "IV"),
        ({"ecog": 3}, "IV"),
    ],
)
def test_that_cnlc_is_staged_and_shown_as_unverified(change: dict[str, Any], stage: str) -> None:
    values = {
        "nodules": 1,
        "largest_diameter": 50,
        "ecog": 2,
        "child_pugh_class": "B",
        "vascular_invasion": False,
        "extrahepatic": False,
    }
    result = evaluate("cnlc", {**values, **change})
    assert result.grade == stage
    assert not result.verified


def test_that_portal_vein_thrombus_has_both_grades() -> None:
    main = evaluate("pvtt_grade", {"extent": "main-trunk"})
    assert (main.value("cheng"), main.value("vp")) == ("III", "VP4")


def test_that_refractoriness_needs_adequate_treatment() -> None:
    values = {
        "adequate_selective_tace": True,
        "consecutive_insufficient_responses": 2,
        "consecutive_progressions": 0,
        "markers_rise_continuously": False,
        "new_vascular_invasion": True,
        "new_extrahepatic_spread": False,
    }
    result = evaluate("tace_failure_jsh", values)
    assert (result.value("criteria"), result.grade) == (
        "insufficient-response, vascular-invasion",
        "consider-refractory",
    )
    assert evaluate("tace_failure_jsh", {**values, "adequate_selective_tace": False}).grade == "not-assessable"


@given(st.floats(5, 800), st.floats(5, 800), st.floats(11, 59))
def test_that_albi_grows_with_bilirubin_and_falls_with_albumin(first: float, second: float, albumin: float) -> None:
    low, high = sorted((first, second))
    lower = evaluate("albi", {"bilirubin": low, "albumin": albumin})
    higher = evaluate("albi", {"bilirubin": high, "albumin": albumin})
    assert (lower.number("score") or 0.0) <= (higher.number("score") or 0.0)
    assert (lower.number("grade") or 9) <= (higher.number("grade") or 0)


@given(st.floats(0.3, 15), st.floats(0.3, 15), st.integers(18, 100), st.sampled_from(["M", "F"]))
def test_that_egfr_falls_with_creatinine(first: float, second: float, age: int, sex: str) -> None:
    low, high = sorted((first, second))
    better = evaluate("ckd_epi_2021", {"creatinine": low, "age": age, "sex": sex}).number("egfr")
    worse = evaluate("ckd_epi_2021", {"creatinine": high, "age": age, "sex": sex}).number("egfr")
    assert better is not None
    assert worse is not None
    assert worse <= better + 1e-9


@given(st.floats(0.1, 49), st.floats(1.1, 5.9), st.floats(0.6, 10), st.floats(0.3, 19), st.floats(101, 180))
def test_that_meld_stays_between_6_and_40(
    bilirubin: float, albumin: float, inr: float, creatinine: float, sodium: float
) -> None:
    values = {"sex": "F", "age": 50, "dialysis": False, "bilirubin": bilirubin, "albumin": albumin, "inr": inr}
    score = evaluate("meld3", {**values, "creatinine": creatinine, "sodium": sodium}).number("score")
    assert score is not None
    assert 6 <= score <= 40


@given(st.floats(0.1, 39))
def test_that_lipiodol_is_ordered_and_capped(diameter: float) -> None:
    result = evaluate("lipiodol_range", {"tumour_diameter": diameter})
    low, usual, high = (result.number(name) or 0.0 for name in ("low", "usual", "high"))
    assert 0 < low <= usual <= high <= 15
