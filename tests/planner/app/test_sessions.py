from __future__ import annotations

from datetime import UTC, datetime

import pytest

from planner.app.sessions import (
    SessionDesk,
    begin_session,
    check_document,
    course_overview,
    current_session,
    open_session,
    plan_revision_digest,
)
from planner.app.templates import Installed, installed
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.document import Document
from planner.model.people import Patient
from planner.model.session import SessionState
from planner.workflow.status import Status

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped() -> Installed:
    return installed()


@pytest.fixture
def desk(shipped: Installed) -> SessionDesk:
    """A new session of the first shipped template in an empty case."""
    document = Document(Case("case-1", Patient("1", "Test")))
    template_id = next(iter(shipped.templates))
    profile_id = next(iter(shipped.profiles))
    return begin_session(document, shipped, template_id, profile_id, clock=lambda: NOW)


def test_that_every_shipped_template_is_evaluated_from_empty_without_a_failing_check(shipped: Installed) -> None:
    for template_id in shipped.templates:
        for profile_id in shipped.profiles:
            document = Document(Case("case-1", Patient("1", "Test")))
            found = begin_session(document, shipped, template_id, profile_id, clock=lambda: NOW).status()
            failed = [each.text for stage in found.stages for each in stage.findings if each.code.endswith("-failed")]
            assert failed == []
            assert found.blocked
            for stage in found.stages:
                if stage.stage.phase.is_record:
                    assert not stage.blocked


def test_that_every_act_is_one_step_of_undo(desk: SessionDesk) -> None:
    first = desk.template.stages[0]
    text = next(each for each in first.fields if each.kind in ("text", "long-text") and each.binds is None)
    steps = desk.case
    assert desk.answer(first.id, text.id, "words", by="Fellow")
    assert desk.session.answer(first.id, text.id) == "words"
    assert desk.document.undo_label == f"Fill {text.label}"
    assert not desk.answer(first.id, text.id, "words", by="Fellow")
    desk.document.undo()
    assert desk.case == steps


def test_that_the_status_follows_the_document(desk: SessionDesk) -> None:
    before = desk.status()
    assert desk.status() is before
    desk.set_emergency(True, by="Operator")
    assert desk.status() is not before
    desk.document.undo()
    assert desk.status().stages == before.stages


def test_that_an_undone_session_is_told_and_no_crash(desk: SessionDesk) -> None:
    desk.document.undo()
    with pytest.raises(UsageError) as wrong:
        desk.status()
    assert wrong.value.code == "unknown-session"


def test_that_the_check_document_has_the_keys_of_the_contract(desk: SessionDesk, shipped: Installed) -> None:
    document, blocked = check_document(desk.case, desk.session_id, shipped, NOW)
    assert {"case", "session", "template", "version", "stages", "ledger"} <= document.keys()
    assert {each["status"] for each in document["stages"]} <= {each.value for each in Status}
    assert blocked


def test_that_a_session_is_opened_with_its_own_template(desk: SessionDesk, shipped: Installed) -> None:
    again = open_session(desk.document, shipped, desk.session_id, clock=lambda: NOW)
    assert (again.template.id, again.profile.id) == (desk.template.id, desk.profile.id)
    with pytest.raises(UsageError):
        open_session(desk.document, shipped, "session-none")
    with pytest.raises(UsageError):
        begin_session(desk.document, shipped, "no-template", desk.profile.id)
    with pytest.raises(UsageError):
        begin_session(desk.document, shipped, desk.template.id, "no-profile")


def test_that_the_next_session_needs_the_first_to_be_performed(desk: SessionDesk) -> None:
    with pytest.raises(InputRefused):
        desk.start_next()
    desk.advance(SessionState.IN_ROOM, by="O")
    desk.advance(SessionState.NOTHING_GIVEN, by="O", reason="shunt to the lung")
    following = desk.start_next()
    card = following.last_time()
    assert card is not None
    assert (card.state, card.state_reason) == ("attempted-nothing-given", "shunt to the lung")
    assert desk.last_time() is None
    assert current_session(desk.case).id == following.session_id
    assert following.session.started_from == desk.session_id


def test_that_a_plan_digest_changes_with_the_plan_only(desk: SessionDesk) -> None:
    before = plan_revision_digest(desk.case, desk.session_id)
    desk.advance(SessionState.CANCELLED, by="O", reason="moved away")
    assert plan_revision_digest(desk.case, desk.session_id) == before


def test_that_the_course_of_a_new_case_is_empty_and_says_what_it_does_not_know(shipped: Installed) -> None:
    found = course_overview(Case("c", Patient("1", "T")), shipped, NOW.date())
    assert (found.remains, found.findings, found.ledger.totals) == ((), (), ())
    assert "unknown" in found.ledger.note
