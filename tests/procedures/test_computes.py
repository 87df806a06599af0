"""Derived numbers: value, unit, inputs with dates, arithmetic, source and tag; or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
import tace_walk as tw

from planner.model.people import PriorTreatment
from planner.workflow.template import Computed


def one(case: tw.Case, stage: str, name: str, wanted: str) -> Computed:
    return next(each for each in tw.computed(case, stage, name) if each.id == wanted)


def test_that_child_pugh_shows_its_points_inputs_and_dates() -> None:
    found = one(tw.filled_case(), "liver_stage", "child_pugh", "child_pugh")
    assert (found.value, found.grade) == (6.0, "A")
    assert found.arithmetic.endswith("1 + 2 + 1 + 1 + 1 = 6")
    assert "2026-05-08" in found.inputs["albumin"]
    assert found.tag == "M"


@pytest.mark.parametrize("name", ["bclc", "cnlc", "tumour_burden", "drawer_scores"])
def test_that_no_staging_rule_speaks_before_the_list_is_confirmed(name: str) -> None:
    case = replace(tw.filled_case(), lesion_list_confirmed=None)
    found = tw.computed(case, "liver_stage", name)
    assert [each.value for each in found] == [None]
    assert "not confirmed" in found[0].note


def test_that_the_list_falls_open_again_with_one_more_lesion() -> None:
    case = tw.filled_case()
    more = replace(case, lesions=(*case.lesions, replace(case.lesions[0], id="lesion-3", name="L3")))
    assert one(case, "liver_stage", "bclc", "bclc").value == "B"
    assert one(more, "liver_stage", "bclc", "bclc").value is None


def test_that_a_benign_lesion_is_not_counted() -> None:
    case = tw.filled_case()
    lesions = (case.lesions[0], replace(case.lesions[1], kind="haemangioma"))
    assert one(replace(case, lesions=lesions), "liver_stage", "bclc", "bclc").value == "A"


def test_that_stage_follows_portal_invasion() -> None:
    case = tw.with_answers(tw.filled_case(), "portal_shunt_bile", portal_vein="branch", thrombus_kind="tumour")
    assert one(case, "liver_stage", "bclc", "bclc").value == "C"
    assert one(case, "liver_stage", "cnlc", "cnlc").value == "IIIa"
    unknown = tw.with_answers(tw.filled_case(), "portal_shunt_bile", portal_vein="unknown")
    assert one(unknown, "liver_stage", "bclc", "bclc").value is None


def test_that_an_old_value_is_unknown_to_a_score() -> None:
    case = tw.with_lab(tw.filled_case(), "albumin", 34.0, "g/L", on=date(2026, 4, 27))
    assert one(case, "liver_stage", "albi", "albi").value is None
    inside = tw.with_lab(tw.filled_case(), "albumin", 34.0, "g/L", on=date(2026, 4, 28))
    assert one(inside, "liver_stage", "albi", "albi").value == pytest.approx(-2.0615, abs=1e-4)


def test_that_the_dose_range_says_both_sources_and_no_dose() -> None:
    found = {each.id: each for each in tw.computed(tw.filled_case(), "agent_dose", "dose_range")}
    assert found["dose_low"].value == pytest.approx(92.1)
    assert found["dose_high"].value == pytest.approx(138.15)
    assert found["dose_by_bilirubin"].value == pytest.approx(75 * 1.842)
    assert "1.842 m²" in found["dose_low"].arithmetic


def test_that_another_drug_has_no_range() -> None:
    case = tw.with_answers(tw.filled_case(), "agent_dose", drug="Lobaplatin")
    found = tw.computed(case, "agent_dose", "dose_range")
    assert [each.value for each in found] == [None]
    assert "lobaplatin" in found[0].note


def test_that_lipiodol_is_a_range_with_two_sources() -> None:
    found = one(tw.filled_case(), "agent_dose", "oil_range", "oil_lesion-1")
    assert found.value == pytest.approx(1.75)
    assert found.grade == "1.75 / 3.50 / 5.25 mL"
    assert "Two sources disagree" in found.note


def test_that_the_anthracycline_ledger_counts_epirubicin_by_the_profile_and_names_what_it_cannot_count() -> None:
    prior = (
        PriorTreatment("TACE", substance="Doxorubicin", amount=75.0, unit="mg", where="inside", bsa_m2=1.845),
        PriorTreatment("Chemotherapy", substance="Epirubicin", amount=100.0, unit="mg", where="outside", bsa_m2=2.0),
        PriorTreatment("TACE", substance="Doxorubicin", amount=50.0, unit="mg", where="outside"),
        PriorTreatment("TACE", substance="Idarubicin", amount=10.0, unit="mg", where="outside", bsa_m2=1.8),
        PriorTreatment("Surgery"),
    )
    case = replace(tw.filled_case(), prior_treatments=prior, outside_sessions="yes")
    found = one(case, "agent_dose", "cumulative_dose", "cumulative_anthracycline")
    assert found.value == pytest.approx(75 / 1.845 + 0.5 * 100 / 2.0 + 50 / 1.842)
    for said in ("idarubicin", "body surface of that day unknown", "treatments elsewhere: yes"):
        assert said in found.note


def test_that_kidney_numbers_are_not_given_while_the_kidney_is_unstable() -> None:
    stable = {each.id: each for each in tw.computed(tw.filled_case(), "fitness", "kidney")}
    assert stable["egfr"].value == pytest.approx(94.156, abs=1e-3)
    case = tw.with_answers(tw.filled_case(), "fitness", kidney_state="dialysis")
    assert [each.value for each in tw.computed(case, "fitness", "kidney")] == [None, None]
    assert [each.value for each in tw.computed(case, "kit_budget", "contrast_limits")] == [None]


def test_that_contrast_bands_follow_the_egfr() -> None:
    found = {each.id: each.value for each in tw.computed(tw.filled_case(), "kit_budget", "contrast_limits")}
    assert found["contrast_amber"] == pytest.approx(1.78 * 94.1561, rel=1e-5)
    assert found["macd"] == 300.0


def test_that_radiation_of_the_last_sixty_days_is_counted_by_day() -> None:
    def prior(days: int, gray: float) -> PriorTreatment:
        on = tw.DAY - timedelta(days=days)
        return PriorTreatment("TACE", on=on, where="inside", substance="air-kerma", amount=gray, unit="Gy")

    case = replace(tw.filled_case(), prior_treatments=(prior(60, 2.1), prior(61, 3.4)))
    found = {each.id: each.value for each in tw.computed(case, "kit_budget", "radiation_so_far")}
    assert found["kerma_60d"] == pytest.approx(2.1)
    assert found["kerma_lifetime"] == pytest.approx(5.5)


def test_that_beads_follow_milan() -> None:
    found = tw.computed(tw.filled_case("deb-tace"), "agent_dose", "bead_vials")
    assert [each.value for each in found] == [2]
    case = tw.filled_case("deb-tace")
    single = (case.lesions[0], replace(case.lesions[1], kind="cyst"))
    assert [each.value for each in tw.computed(replace(case, lesions=single), "agent_dose", "bead_vials")] == [1]


def test_that_mrecist_compares_viable_diameters() -> None:
    found = tw.computed(tw.filled_case(), "outcome", "response_per_lesion")
    assert [each.value for each in found] == ["PR"]
    assert found[0].arithmetic == "35 + 18 → 12 + 0 mm"


def test_that_viability_on_oil_by_ct_is_refused_in_the_number_as_well() -> None:
    case = tw.with_answers(tw.filled_case(), "outcome", modality="CT", viability_read="on-oil")
    found = tw.computed(case, "outcome", "response_per_lesion")
    assert [each.value for each in found] == [None]
    assert "Lipiodol: MR or not evaluable" in found[0].note


def test_that_li_rads_reads_mr_ancillary_features() -> None:
    rows = [{"lesion": "lesion-1", "masslike": "uncertain", "ancillary": "yes"}]
    case = tw.with_answers(tw.filled_case(), "outcome", criteria="lirads-tr-2024", per_lesion=rows)
    assert [each.value for each in tw.computed(case, "outcome", "response_per_lesion")] == ["LR-TR Viable"]
    by_ct = tw.with_answers(case, "outcome", modality="CT", oil_present="no", viability_read="outside-oil")
    assert [each.value for each in tw.computed(by_ct, "outcome", "response_per_lesion")] == ["LR-TR Equivocal"]


def test_that_the_stop_card_is_neutral_and_says_unknown() -> None:
    cards = {each.id: each for each in tw.computed(tw.filled_case(), "next_step", "stop_or_repeat")}
    assert cards["jsh_2014"].value == "none"
    case = tw.with_answers(tw.filled_case(), "next_step", markers_rising="unknown")
    cards = {each.id: each for each in tw.computed(case, "next_step", "stop_or_repeat")}
    assert cards["jsh_2014"].value is None
    assert "markers rise" in cards["jsh_2014"].note


def test_that_the_laboratory_course_runs_from_the_last_value_before_treatment() -> None:
    case = tw.filled_case()
    found = {
        each.id: each
        for each in tw.computed(case, "early_laboratory", "laboratory_course", now=tw.at(date(2026, 5, 15)))
    }
    assert found["course_bilirubin"].value == 24.0
    assert found["course_alt"].arithmetic.startswith("43 U/L")


def test_that_every_number_has_a_source_and_a_tag_or_a_reason() -> None:
    for stage in tw.tace().stages:
        for described in stage.fields:
            if not described.compute:
                continue
            for each in tw.computed(tw.filled_case(), stage.id, described.compute):
                if each.value is None:
                    assert each.note.startswith("Not evaluated"), each.id
                else:
                    assert each.source, each.id
                    assert each.tag, each.id
