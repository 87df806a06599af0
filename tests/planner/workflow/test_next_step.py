from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from course_cases import NOW, READ_AFTER, START, hcc_case, laboratory, lesion, tace_session

from planner.app.templates import Installed, installed
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.disease import Diagnosis
from planner.workflow.next_step import JudgedSet, next_step_card
from planner.workflow.next_step_judges import JUDGES, Met
from planner.workflow.rule_sets import rule_sets

SEEN = START + READ_AFTER


@pytest.fixture(scope="module")
def shelf() -> Installed:
    return installed()


def judged(shelf: Installed, case: Case, set_id: str) -> JudgedSet:
    card = next_step_card(case, shelf.templates, None, NOW)
    return next(each for each in card.sets if each.rule_set.id == set_id)


def state(found: JudgedSet, criterion: str) -> Met:
    return next(each.state for each in found.criteria if each.criterion.id == criterion)


def test_that_every_criterion_names_a_judge_that_exists() -> None:
    assert {each.judge for found in rule_sets() for each in found.criteria} == set(JUDGES)


def test_that_two_treatments_without_response_are_seen_and_one_alone_is_not(shelf: Installed) -> None:
    first, second = tace_session(1, outcome={"overall": "SD"}), tace_session(2, outcome={"overall": "PD"})
    assert judged(shelf, hcc_case(first), "two-without-response").state is Met.NOT_MET
    found = judged(shelf, hcc_case(first, second), "two-without-response")
    assert found.state is Met.MET
    assert [line.split(":")[0] for line in found.criteria[0].evidence] == ["TACE 1", "TACE 2"]


def test_that_a_response_in_between_starts_the_count_anew(shelf: Installed) -> None:
    overall = ("SD", "PR", "PD")
    sessions = [tace_session(number, outcome={"overall": each}) for number, each in enumerate(overall, start=1)]
    assert judged(shelf, hcc_case(*sessions), "two-without-response").state is Met.NOT_MET


def test_that_an_outcome_that_was_not_read_is_unknown_and_not_a_failure(shelf: Installed) -> None:
    sessions = (tace_session(1, outcome={"overall": "SD"}), tace_session(2))
    found = judged(shelf, hcc_case(*sessions), "two-without-response")
    assert found.state is Met.UNKNOWN
    assert "not read" in found.criteria[0].evidence[1]
    assert found.says.startswith("Not decided")


def test_that_a_signed_reading_goes_before_the_outcome_typed_for_the_same_images(shelf: Installed) -> None:
    sessions = (tace_session(1, outcome={"overall": "SD"}), tace_session(2, outcome={"overall": "PR"}))
    on = SEEN + timedelta(days=56)
    reading = ResponseReading("r", "mrecist", on, "Dr R", NOW, target="SD", overall="SD")
    case = hcc_case(*sessions, readings=(reading,))
    assert judged(shelf, case, "two-without-response").state is Met.MET
    second = replace(reading, id="s", role="second", target="PR", overall="PR")
    assert judged(shelf, replace(case, readings=(reading, second)), "two-without-response").state is Met.MET
    settled = replace(second, id="t", role="adjudication")
    assert (
        judged(shelf, replace(case, readings=(reading, second, settled)), "two-without-response").state is Met.NOT_MET
    )


def test_that_on_demand_asks_for_viable_tumour_time_and_a_fresh_bilirubin(shelf: Installed) -> None:
    outcome = {"overall": "PR", "new_vascular_invasion": "no", "extrahepatic_spread": "no"}
    fresh = laboratory("bilirubin", "umol/L", (NOW.date() - timedelta(days=3), 34.2))
    marked = lesion("lesion-1", (START, 40, 38), (SEEN, 32, 14))
    case = hcc_case(tace_session(1, outcome=outcome), lesions=(marked,), laboratory=fresh)
    assert judged(shelf, case, "tace-on-demand").state is Met.MET
    quiet = replace(case, lesions=(lesion("lesion-1", (START, 40, 38), (SEEN, 32, 0)),))
    assert state(judged(shelf, quiet, "tace-on-demand"), "viable") is Met.NOT_MET
    unread = replace(case, lesions=(lesion("lesion-1", (START, 40, 38), (SEEN, 32, None)),))
    assert state(judged(shelf, unread, "tace-on-demand"), "viable") is Met.UNKNOWN
    old = replace(case, laboratory=laboratory("bilirubin", "umol/L", (NOW.date() - timedelta(days=15), 12)))
    assert state(judged(shelf, old, "tace-on-demand"), "bilirubin") is Met.UNKNOWN
    high = replace(case, laboratory=laboratory("bilirubin", "mg/dL", (NOW.date(), 2.01)))
    assert judged(shelf, high, "tace-on-demand").state is Met.NOT_MET


def test_that_markers_rise_only_when_every_value_since_before_treatment_is_higher(shelf: Installed) -> None:
    days = [START + timedelta(days=each) for each in (-3, 20, 40)]
    case = hcc_case(tace_session(1))
    rising = laboratory("afp", "ng/mL", *zip(days, (100, 150, 300), strict=True))
    pivka = laboratory("pivka_ii", "mAU/mL", *zip(days, (90, 60, 50), strict=True))
    found = judged(shelf, replace(case, laboratory=(*rising, *pivka)), "jsh-lcsgj-2014")
    assert state(found, "markers") is Met.MET
    assert "150" in " ".join(next(each.evidence for each in found.criteria if each.criterion.id == "markers"))
    falling = laboratory("afp", "ng/mL", *zip(days, (100, 150, 140), strict=True))
    found = judged(shelf, replace(case, laboratory=(*falling, *pivka)), "jsh-lcsgj-2014")
    assert state(found, "markers") is Met.NOT_MET
    assert state(judged(shelf, replace(case, laboratory=falling), "jsh-lcsgj-2014"), "markers") is Met.UNKNOWN


def test_that_a_viable_share_above_half_twice_counts_as_insufficient(shelf: Installed) -> None:
    second = START + timedelta(days=56)
    marked = lesion("lesion-1", (START, 40, 38), (SEEN, 40, 21), (second + READ_AFTER, 40, 20.5))
    case = hcc_case(tace_session(1), tace_session(2), lesions=(marked,))
    assert state(judged(shelf, case, "jsh-lcsgj-2014"), "insufficient") is Met.MET
    half = lesion("lesion-1", (START, 40, 38), (SEEN, 40, 21), (second + READ_AFTER, 40, 20.0))
    assert state(judged(shelf, replace(case, lesions=(half,)), "jsh-lcsgj-2014"), "insufficient") is Met.NOT_MET


def test_that_a_new_lesion_counts_only_when_a_person_confirmed_it(shelf: Installed) -> None:
    fresh = lesion("lesion-2", (SEEN, 12, 12), first_seen_on=SEEN)
    case = hcc_case(tace_session(1), lesions=(lesion("lesion-1", (SEEN, 30, 0)), fresh))
    found = judged(shelf, case, "new-tumour")
    assert found.state is Met.UNKNOWN
    assert "second look" in found.criteria[0].evidence[0]
    confirmed = replace(fresh, identity_by="Dr R", identity_on=SEEN)
    assert judged(shelf, replace(case, lesions=(confirmed,)), "new-tumour").state is Met.MET
    none = replace(case, lesions=(lesion("lesion-1", (SEEN, 30, 0)),))
    assert judged(shelf, none, "new-tumour").state is Met.NOT_MET
    assert judged(shelf, replace(case, lesions=()), "new-tumour").state is Met.UNKNOWN


def test_that_a_limit_not_reached_is_unknown_while_treatment_elsewhere_is(shelf: Installed) -> None:
    case = hcc_case(tace_session(1))
    assert state(judged(shelf, case, "retreatment-limits"), "anthracycline") is Met.NOT_MET
    elsewhere = replace(case, outside_sessions=None)
    assert state(judged(shelf, elsewhere, "retreatment-limits"), "anthracycline") is Met.UNKNOWN
    many = hcc_case(*(tace_session(number) for number in range(1, 19)), outside_sessions="unknown")
    assert state(judged(shelf, many, "retreatment-limits"), "anthracycline") is Met.MET


def test_that_sets_made_for_hcc_are_not_judged_on_metastases(shelf: Installed) -> None:
    case = replace(hcc_case(tace_session(1)), diagnosis=Diagnosis("CRLM", histology="CRLM"))
    found = judged(shelf, case, "jsh-lcsgj-2014")
    assert not found.applies
    assert found.why_not is not None
    assert "HCC" in found.why_not
    assert not judged(shelf, hcc_case(), "tace-on-demand").applies


def test_that_scores_of_the_planned_session_are_advice_with_their_failed_validation(shelf: Installed) -> None:
    case = hcc_case(tace_session(1, outcome={"overall": "SD"}))
    card = next_step_card(case, shelf.templates, shelf.profile("bclc-cirse"), NOW)
    art = next(each for each in card.sets if each.rule_set.id == "art")
    assert art.state is Met.UNKNOWN
    assert "failed external validation" in art.rule_set.validation
    assert any("ART" in line for line in card.unknown)
    assert not any(word in card.note.lower() for word in ("must", "stop!", "forbidden"))


def test_that_days_are_counted_to_the_day_of_the_card(shelf: Installed) -> None:
    case = hcc_case(tace_session(1, performed_on=date(2026, 5, 4)))
    assert state(judged(shelf, case, "tace-on-demand"), "interval") is Met.MET
    case = hcc_case(tace_session(1, performed_on=date(2026, 5, 5)))
    assert state(judged(shelf, case, "tace-on-demand"), "interval") is Met.NOT_MET
