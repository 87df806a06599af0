from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from course_cases import START, answers, hcc_case, laboratory, tace_session

from planner.app.templates import Installed, installed
from planner.findings import Severity
from planner.model.case import Case
from planner.model.people import PriorTreatment, Sex
from planner.model.session import Session, SessionState, TemplateRef
from planner.workflow.course_ledger import CourseLedger, course_ledger, projected

TODAY = START + timedelta(days=30)


@pytest.fixture(scope="module")
def shelf() -> Installed:
    return installed()


def ledger(shelf: Installed, case: Case, today: date = TODAY) -> CourseLedger:
    return course_ledger(case, shelf.templates, shelf.profile("bclc-cirse"), today)


def planned_session(planned_on: date, **stages: dict[str, object]) -> Session:
    reference = TemplateRef("tace", "0.1.0", "digest", "bclc-cirse", "0.1.0")
    return Session(
        "session-next", "TACE next", reference, SessionState.DRAFT, planned_on=planned_on, answers=answers(stages)
    )


def with_field(number: int, performed_on: date, field: str | None, kerma: float) -> Session:
    return tace_session(number, performed_on=performed_on, sign_out={"air_kerma": kerma, "skin_field": field})


def test_that_doses_of_all_sessions_and_of_other_hospitals_are_summed_with_their_body_surface(shelf: Installed) -> None:
    elsewhere = PriorTreatment("TACE", where="outside", substance="Doxorubicin", amount=50, unit="mg", bsa_m2=2.0)
    case = hcc_case(tace_session(1), tace_session(2), prior_treatments=(elsewhere,), outside_sessions="yes")
    row = ledger(shelf, case).row("doxorubicin")
    assert row is not None
    assert row.total == 130.0
    assert row.per_m2 == pytest.approx(40 / 1.8 * 2 + 25)
    assert "elsewhere too" in ledger(shelf, case).note


def test_that_a_dose_without_body_surface_leaves_the_sum_per_area_unknown(shelf: Installed) -> None:
    case = hcc_case(tace_session(1, agent_dose={"bsa_m2": None}))
    found = ledger(shelf, case)
    row = found.row("doxorubicin")
    assert row is not None
    assert row.per_m2 is None
    assert [each.code for each in found.findings if each.subject == "doxorubicin"] == ["not-evaluated"]


def test_that_air_kerma_adds_up_on_one_field_within_sixty_days_only(shelf: Installed) -> None:
    back, side = "upper-abdomen-back", "upper-abdomen-right"
    sessions = (with_field(1, START, back, 2.6), with_field(2, START + timedelta(days=20), back, 2.4))
    found = ledger(shelf, hcc_case(*sessions))
    row = found.row("air-kerma")
    assert row is not None
    assert (row.in_window, row.place) == (5.0, back)
    assert "substantial-dose" in [each.code for each in found.findings if each.subject == "air-kerma"]
    turned = (sessions[0], with_field(2, START + timedelta(days=20), side, 2.4))
    assert "air-kerma" not in [each.subject for each in ledger(shelf, hcc_case(*turned)).findings]
    later = ledger(shelf, hcc_case(*sessions), START + timedelta(days=61))
    late = later.row("air-kerma")
    assert late is not None
    assert (late.in_window, late.total) == (2.4, 5.0)


def test_that_a_field_nobody_wrote_down_counts_for_every_field(shelf: Installed) -> None:
    sessions = (with_field(1, START, None, 2.6), with_field(2, TODAY, "upper-abdomen-right", 2.4))
    row = ledger(shelf, hcc_case(*sessions)).row("air-kerma")
    assert row is not None
    assert row.in_window == 5.0


def test_that_contrast_of_three_days_is_held_against_the_kidney(shelf: Installed) -> None:
    case = hcc_case(tace_session(1, performed_on=TODAY - timedelta(days=3)))
    unknown = [each for each in ledger(shelf, case).findings if each.subject == "contrast"]
    assert [each.code for each in unknown] == ["not-evaluated"]
    creatinine = laboratory("creatinine", "mg/dL", (TODAY, 2.5))
    known = replace(case, laboratory=creatinine, patient=replace(case.patient, sex=Sex.MALE))
    assert any(each.code == "contrast-ratio" and each.blocks for each in ledger(shelf, known).findings)
    row = ledger(shelf, known, TODAY + timedelta(days=1)).row("contrast")
    assert row is not None
    assert row.in_window == 0


def test_that_a_plan_is_added_before_it_is_signed_on_the_day_it_is_planned_for(shelf: Installed) -> None:
    plan = {"prepared_maximum": 60.0, "drug": "doxorubicin", "drug_class": "anthracycline", "bsa_m2": 1.8}
    next_one = planned_session(START + timedelta(days=56), agent_dose={**plan, "oil_maximum": 8.0})
    many = [tace_session(number) for number in range(1, 17)]
    case = hcc_case(*many, next_one)
    profile = shelf.profile("bclc-cirse")
    projection = projected(case, next_one.id, shelf.templates, profile, TODAY)
    row = projection.ledger.row("doxorubicin")
    assert row is not None
    assert row.total == 16 * 40 + 60
    assert "beads" in projection.silent
    assert "contrast" in projection.silent
    assert "lipiodol" not in projection.silent
    assert [each.code for each in ledger(shelf, case).findings if each.code == "cumulative-dose"] == []
    eighteen = hcc_case(*many, tace_session(17), next_one)
    found = projected(eighteen, next_one.id, shelf.templates, profile, TODAY).ledger.findings
    assert [each.severity for each in found if each.code == "cumulative-dose"] == [Severity.WARN]


def test_that_anaesthesia_and_sessions_are_counted_and_what_is_not_recorded_is_said(shelf: Installed) -> None:
    case = hcc_case(tace_session(1, consent={"anaesthesia": "local"}), tace_session(2))
    found = ledger(shelf, case)
    assert found.sessions == 2
    assert dict(found.anaesthesia) == {"local": 1, "not recorded": 1}
