"""Taking a referral into a case of the same patient: treatments elsewhere, values, reactions, devices, the diary.

Lesions, images and plans are not mixed: their identity needs a person and images side by side. What was left is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from planner.app.identity import Verdict, compare
from planner.app.referral import NextStep, Referral
from planner.app.tasks import write_task
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.edits import Edit, new_id
from planner.model.follow_up import TaskState
from planner.model.people import LabValue, PriorTreatment
from planner.model.session import Session
from planner.workflow.alerts import TASK_KINDS
from planner.workflow.ledgers import session_entries
from planner.workflow.template import Template

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The case with what was taken over, to be applied as one edit.

    Attributes
    ----------
    lines
        What was taken over and what was not, one clause each.
    """

    case: Case
    lines: tuple[str, ...]


def take_over(
    case: Case, referral: Referral, templates: Mapping[str, Template], *, confirmed: bool = False
) -> TakenOver:
    """The case with the treatments and values of a referral; what is there already is not doubled.

    Performed sessions become treatments elsewhere, one row per amount in their record, so that the ledger counts them
    as outside; a session that this case has itself is left out. Taking the same referral twice changes nothing.

    Parameters
    ----------
    confirmed
        A person compared both sides although an identifier is missing.

    Raises
    ------
    InputRefused
        ``patient-mismatch`` for another patient, ``patient-unconfirmed`` while that cannot be told,
        ``simulated-mismatch`` between teaching data and a patient.
    """
    theirs = referral.case
    _refuse_other(case, theirs, confirmed)
    rows, sessions, unread = _treatments(case, theirs, templates, referral.sender)
    prior = _added(case.prior_treatments, (*theirs.prior_treatments, *rows))
    laboratory = _laboratory(case, theirs)
    reports = tuple(
        replace(each, id=new_id("report"))
        for each in theirs.reports
        if not any(replace(own, id=each.id) == each for own in case.reports)
    )
    allergies, implants = _added(case.allergies, theirs.allergies), _added(case.implants, theirs.implants)
    taken = replace(
        case,
        prior_treatments=prior,
        laboratory=(*case.laboratory, *laboratory),
        reports=(*case.reports, *reports),
        allergies=allergies,
        implants=implants,
        outside_sessions="yes" if sessions else case.outside_sessions,
    )
    counts = (
        (len(prior) - len(case.prior_treatments), "row(s) of treatments elsewhere"),
        (len(laboratory), "laboratory value(s)"),
        (len(reports), "entry(ies) of the diary"),
        (len(allergies) - len(case.allergies), "allergy(ies) or reaction(s)"),
        (len(implants) - len(case.implants), "device(s)"),
    )
    lines = [f"Taken over: {number} {words}." for number, words in counts if number]
    lines += [f"The amounts of {title} could not be read; they are not in the ledger." for title in unread]
    lines.append("Not taken over: lesions, images, plans, decisions. Import it as a case of its own to see them.")
    return TakenOver(case if taken == case else taken, tuple(lines))


def task_of_step(
    referral: Referral,
    step: NextStep,
    *,
    owner: str,
    due_on: date | None,
    by: str,
    now: datetime,
    confirmed: bool = False,
) -> Edit:
    """Make a task here of what the sender says is to be done; its words say where they come from.

    Parameters
    ----------
    owner, due_on
        Who does it here and by when; the sender's own are a proposal.
    confirmed
        As for `take_over`.

    Raises
    ------
    UsageError
        ``missing-owner``; when applied ``task-exists`` while the same task is open.
    InputRefused
        When applied, as `take_over`.
    """
    sender = referral.sender or "a sender who is not named"
    words = f"{step.text} (proposed by {sender}, referral of {referral.made_on.isoformat()})"
    kind = TASK_KINDS.get(step.kind, "other")
    write = write_task(kind, words, owner=owner, due_on=due_on, by=by, now=now)

    def edit(case: Case) -> Case:
        _refuse_other(case, referral.case, confirmed)
        if any(each.text == words and each.state is TaskState.OPEN for each in case.tasks):
            raise UsageError("task-exists", "A task of this proposal is open already.", subject=case.id)
        return write(case)

    return edit


def _refuse_other(case: Case, theirs: Case, confirmed: bool) -> None:
    match = compare(case.patient, theirs.patient)
    if match.verdict is Verdict.DIFFERENT:
        said = f"This referral is of another patient ({', '.join(match.reasons)}); open the right case."
        raise InputRefused("patient-mismatch", f"{said} Nothing was taken over.", subject=theirs.id)
    if match.verdict is Verdict.UNCONFIRMED and not confirmed:
        said = f"It cannot be told that this referral is of this patient ({', '.join(match.reasons)})"
        raise InputRefused("patient-unconfirmed", f"{said}; compare both sides and confirm.", subject=theirs.id)
    if case.simulated is not theirs.simulated:
        said = "Teaching data and a patient are never mixed; nothing was taken over."
        raise InputRefused("simulated-mismatch", said, subject=theirs.id)


def _treatments(
    case: Case, theirs: Case, templates: Mapping[str, Template], sender: str
) -> tuple[tuple[PriorTreatment, ...], int, list[str]]:
    """Rows of their performed sessions, how many sessions that were, and titles of those whose amounts are unread."""
    rows: list[PriorTreatment] = []
    unread: list[str] = []
    count = 0
    for session in theirs.sessions:
        if session.performed_on is None or case.session(session.id) is not None:
            continue
        count += 1
        base = _treatment(theirs, session, sender)
        template = templates.get(session.template.id)
        try:
            entries = session_entries(theirs, session, template) if template is not None else ()
        except (TypeError, ValueError, KeyError, AttributeError):
            # A record that is not shaped as its template says: the treatment is known, its amounts are not.
            entries, template = (), None
        if template is None:
            unread.append(session.title)
        rows += [
            replace(
                base,
                substance=each.substance,
                amount=each.amount,
                unit=each.unit,
                bsa_m2=each.bsa_m2,
                site=each.place,
            )
            for each in entries
        ] or [base]
    return tuple(rows), count, unread


def _treatment(theirs: Case, session: Session, sender: str) -> PriorTreatment:
    reading = next((each for each in reversed(theirs.readings) if each.session_id == session.id), None)
    response = f"{reading.overall or 'not evaluable'} ({reading.criteria})" if reading is not None else None
    return PriorTreatment(
        kind=session.template.id,
        description=f"{session.title}{f', referred by {sender}' if sender else ''}; {session.state.value}",
        on=session.performed_on,
        where="outside",
        outcome=response,
    )


def _laboratory(case: Case, theirs: Case) -> tuple[LabValue, ...]:
    """Their values that are not here yet, under new ids: the same analyte, day, number and unit is the same value."""
    known = {_value_of(each) for each in case.laboratory}
    return tuple(
        replace(each, id=new_id("lab"))
        for each in {_value_of(each): each for each in theirs.laboratory}.values()
        if _value_of(each) not in known
    )


def _value_of(each: LabValue) -> tuple[object, ...]:
    return (each.analyte, each.taken_on, each.value, each.unit, each.comparator, each.text)


def _added(own: tuple[T, ...], theirs: Iterable[T]) -> tuple[T, ...]:
    """Ours, and of theirs what is not equal to one of them; equal rows of one record stay as many as they are."""
    return (*own, *(each for each in theirs if each not in own))
