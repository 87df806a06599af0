"""The dossier: what is missing is listed, closed by name with reasons, and a closing that no longer holds says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tace_walk import SESSION, checked, tace, walked, with_answers

from planner.app.dossier import CHANGED, CLOSED, OPEN, DossierState, close_dossier, dossier_state, reopen_dossier
from planner.app.templates import Installed
from planner.catalogues import catalogue
from planner.errors import InputRefused, UsageError
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import with_session
from planner.model.items import KEY_IMAGE, PlanItem
from planner.model.session import Session, SessionState
from planner.workflow.dossier import JUDGES, checklist_of, missing_of, technical_print
from planner.workflow.profiles import load_profiles

INSTALLED = Installed({"tace": tace()}, dict(load_profiles()))


@pytest.fixture(scope="module")
def case() -> Case:
    """The walked session, discharged, with an image of record."""
    done = walked().case
    image = PlanItem("key-1", KEY_IMAGE, "Key image", "1.2.840.9", {"layout": "axial", "series_uid": "1.2.826.1"})
    return with_session(done, replace(done.sessions[0], state=SessionState.OUTCOME_READ, items=(image,)))


def the_session(case: Case) -> Session:
    found = case.session(SESSION)
    assert found is not None
    return found


def state_of(case: Case, printed: frozenset[str] | None = None) -> DossierState:
    return dossier_state(case, SESSION, INSTALLED, walked().now, printed=printed)


def missing(case: Case, printed: frozenset[str] | None = None) -> set[str]:
    return {each.code for each in state_of(case, printed).missing}


def closed(case: Case, reasons: dict[str, str] | None = None) -> Case:
    given = dict.fromkeys(missing(case), "The patient was referred back") if reasons is None else reasons
    return close_dossier(SESSION, given, by="A. Lindqvist", at=walked().now, installed=INSTALLED)(case)


def test_that_what_lacks_is_listed_with_why_and_what_is_there_is_not(case: Case) -> None:
    printed = frozenset({technical_print(the_session(case), tace())})
    assert missing(case, printed) == {"devices-registered", "summary-released", "doctor-summary-released"}
    rows = {each.code: each for each in state_of(case).rows}
    assert rows["events-30d"].done
    assert all(each.source and each.tag and each.why for each in rows.values())
    assert "not checked" in rows["technical-printed"].why
    assert rows["devices-registered"].why == "Gelatin sponge: left in the body and not in the register"


@pytest.mark.parametrize(
    ("stage", "answers", "code"),
    [
        ("consent", {"status": "not-yet"}, "consent"),
        ("sign_out", {"air_kerma": None}, "dose-report"),
        ("sign_out", {"specimens": "labelled"}, "pathology"),
        ("discharge", {"contact": None}, "discharge"),
        ("events_30d", {"none": None, "adverse_events": None}, "events-30d"),
        ("events_30d", {"alive_30d": "unknown"}, "events-30d"),
        ("outcome", {"reader": None}, "outcome-read"),
        ("sign_out", {"performed_on": None}, "performed-on"),
        ("injections", {"drug_wasted": 7.0}, "record-signed"),
    ],
)
def test_that_each_row_misses_what_it_is_for(case: Case, stage: str, answers: dict[str, object], code: str) -> None:
    assert code not in missing(case)
    assert code in missing(with_answers(case, stage, **answers))


def test_that_images_and_time_out_are_asked_for(case: Case) -> None:
    bare = with_session(case, replace(the_session(case), items=(), time_out=None))
    assert {"images-of-record", "time-out"} <= missing(bare)


def test_that_a_registered_device_with_its_lot_is_complete(case: Case) -> None:
    register = [{"device": "Coil", "kind": "coil", "action": "placed", "lot": "C-1", "due_for": None}]
    left = [{"product": "Coil", "left": "yes", "lot": "C-1"}]
    whole = with_answers(case, "sign_out", devices=left, device_register=register)
    assert "devices-registered" not in missing(whole)
    lotless = with_answers(case, "sign_out", devices=left, device_register=[{**register[0], "lot": None}])
    assert "devices-registered" in missing(lotless)
    undated = with_answers(case, "sign_out", devices=left, device_register=[{**register[0], "due_for": "removal"}])
    assert "devices-registered" in missing(undated)


def test_that_signatures_nobody_evaluated_do_not_count_as_holding(case: Case) -> None:
    rows = {each.code: each.why for each in missing_of(case, the_session(case), tace())}
    assert "not checked" in rows["record-signed"]


def test_that_a_print_of_an_older_record_does_not_count(case: Case) -> None:
    printed = frozenset({technical_print(the_session(case), tace())})
    changed = with_answers(case, "completion", remark="Seen later")
    assert "technical-printed" not in missing(case, printed)
    assert "technical-printed" in missing(changed, printed)


def test_that_nothing_is_closed_without_a_reason_for_each_missing_row(case: Case) -> None:
    with pytest.raises(InputRefused, match="Summary for the patient released") as refused:
        closed(case, {"technical-printed": "Printed elsewhere"})
    assert refused.value.code == "missing-reasons"
    done = closed(case)
    assert {each.code for each in done.closures[0].missing} == missing(case)
    assert state_of(done).state == CLOSED
    assert "4 missing accepted with reasons" in state_of(done).words
    assert codec.from_json(Case, codec.plain(codec.to_json(done))).closures == done.closures


def test_that_a_closing_names_a_person_and_follows_the_session(case: Case) -> None:
    with pytest.raises(UsageError):
        close_dossier(SESSION, {}, by=" ", at=walked().now, installed=INSTALLED)
    planned = with_session(case, replace(the_session(case), state=SessionState.PLANNED))
    with pytest.raises(InputRefused, match="after the session"):
        closed(planned)
    with pytest.raises(InputRefused, match="reopen"):
        closed(closed(case))


def test_that_a_closed_dossier_whose_checklist_changed_is_shown_as_such(case: Case) -> None:
    done = closed(case)
    changed = with_answers(done, "events_30d", alive_30d="unknown")
    state = state_of(changed)
    assert state.state == CHANGED
    assert [each.code for each in state.newly_missing] == ["events-30d"]
    assert "CHANGED SINCE" in state.words
    again = closed(changed)
    assert state_of(again).state == CLOSED
    assert len(again.closures) == 1


def test_that_what_has_nothing_to_do_with_the_checklist_leaves_a_dossier_closed(case: Case) -> None:
    done = closed(case)
    assert state_of(replace(done, title="Another title")).state == CLOSED


def test_that_a_dossier_is_reopened_once(case: Case) -> None:
    opened = reopen_dossier(SESSION)(closed(case))
    assert state_of(opened).state == OPEN
    with pytest.raises(UsageError):
        reopen_dossier(SESSION)(opened)


def test_that_a_typed_closing_is_said_until_the_dossier_is_closed_by_that_person(case: Case) -> None:
    typed = with_answers(case, "next_step", dossier_closed_by="A. Lindqvist")
    assert [each.code for each in checked(typed, "next_step", "dossier-closed")] == ["dossier-not-closed"]
    assert checked(closed(typed), "next_step", "dossier-closed") == []
    other = with_answers(closed(typed), "next_step", dossier_closed_by="Dr Other")
    assert "A. Lindqvist closed the dossier" in checked(other, "next_step", "dossier-closed")[0].text
    assert checked(with_answers(case, "next_step", dossier_closed_by=None), "next_step", "dossier-closed") == []


def test_that_a_session_in_which_nothing_was_given_is_not_asked_for_an_outcome(case: Case) -> None:
    nothing = replace(the_session(case), state=SessionState.NOTHING_GIVEN)
    assert "outcome-read" not in {each.code for each in checklist_of(with_session(case, nothing), nothing, tace())}


def test_that_the_catalogue_names_known_judges_once() -> None:
    rows = catalogue("dossier.toml")["item"]
    assert {each["judge"] for each in rows} == set(JUDGES)
    assert len({each["code"] for each in rows}) == len(rows)


def test_that_a_result_settles_what_was_taken(case: Case) -> None:
    taken = with_answers(case, "sign_out", specimens="labelled")
    assert "pathology" in missing(taken)
    assert "pathology" not in missing(with_answers(taken, "outcome", cytology_result="No malignant cells"))
    proved = replace(taken.diagnosis, proof="biopsy", diagnosed_on=walked().now.date())
    assert "pathology" not in missing(replace(taken, diagnosis=proved))
