"""The last gate: what a session's dossier has to hold, and what is missing (``resources/dossier.toml``).

What cannot be judged counts as missing and says so; nothing here opens images or reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.model.case import Case
from planner.model.codec import digest
from planner.model.dossier import DossierClosure
from planner.model.items import KEY_IMAGE
from planner.model.run_items import KEY_FRAME
from planner.model.session import Session
from planner.workflow.complications import events_asked
from planner.workflow.status import SessionStatus
from planner.workflow.template import Phase, Stage, Template
from planner.workflow.vocabulary import labels

TECHNICAL_PRINT = "technical"
"""First word of what the library notes of a printed technical record; the session and the record's digest follow."""
PATIENT_SIDE = frozenset({"patient", "family"})
FOLLOW_UP_DOCTOR = "follow-up-doctor"
_CONSENTED = frozenset({"given", "seen", "emergency"})
_RADIATION = (
    ("contrast_given", "contrast"),
    ("air_kerma", "air kerma"),
    ("kap", "kerma-area product"),
    ("fluoroscopy_time", "fluoroscopy time"),
)
_LEFT_IN_BODY = frozenset({"placed", "exchanged"})


@dataclass(frozen=True, slots=True)
class ChecklistRow:
    """One thing a dossier has to hold.

    Attributes
    ----------
    done
        False where it lacks *or* cannot be told.
    why
        What was found, or what lacks, in one sentence.
    from_library
        It is told by the library's list of prints and not by the case.
    """

    code: str
    title: str
    done: bool
    why: str
    source: str
    tag: str
    from_library: bool = False


@dataclass(frozen=True, slots=True)
class MissingRow:
    """Something that lacks."""

    code: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class _Facts:
    case: Case
    session: Session
    template: Template
    status: SessionStatus | None
    printed: Collection[str] | None


_Judgement = tuple[bool, str] | None
"""Done and why; None where it does not concern this session."""


@cache
def _rows() -> tuple[Mapping[str, Any], ...]:
    data = catalogue("dossier.toml")
    return tuple({**data["defaults"], **row} for row in data["item"])


def checklist_of(
    case: Case,
    session: Session,
    template: Template,
    *,
    status: SessionStatus | None = None,
    printed: Collection[str] | None = None,
) -> tuple[ChecklistRow, ...]:
    """Every row that concerns a session, done or not, in the order of the catalogue.

    Parameters
    ----------
    status
        The evaluated session: it tells whether signatures still hold. Without it that counts as not checked.
    printed
        What the library notes as printed of this case (`PrintRecord.what`); None: not asked.
    """
    facts = _Facts(case, session, template, status, printed)
    found = []
    for row in _rows():
        if session.state.value in row.get("unless_states", ()):
            continue
        said = JUDGES[row["judge"]](facts)
        if said is not None:
            done, why = said
            kept = (row["code"], row["title"], done, why, row["source"], row["tag"], row.get("from_library", False))
            found.append(ChecklistRow(*kept))
    return tuple(found)


def missing_of(
    case: Case,
    session: Session,
    template: Template,
    *,
    status: SessionStatus | None = None,
    printed: Collection[str] | None = None,
) -> tuple[MissingRow, ...]:
    """What a dossier lacks; parameters as `checklist_of`."""
    rows = checklist_of(case, session, template, status=status, printed=printed)
    return tuple(MissingRow(each.code, each.title, each.why) for each in rows if not each.done)


def checklist_digest(rows: Collection[ChecklistRow]) -> str:
    """Tells afterwards that a checklist says something else. A print, which only the library knows, is left out."""
    return digest([[each.code, each.done, each.why] for each in rows if not each.from_library])


def closure_of(case: Case, session_id: str) -> DossierClosure | None:
    """The closing of a session's dossier; None while it is open."""
    return next((each for each in case.closures if each.session_id == session_id), None)


def record_digest(session: Session, template: Template) -> str:
    """Identifies what was recorded: answers of the record and after phases, marks and images of the session."""
    stages = {stage.id for stage in template.stages if stage.phase.is_record}
    answers = {name: fields for name, fields in session.answers.items() if name in stages}
    return digest({"answers": answers, "items": session.items, "series": session.series_roles})


def technical_print(session: Session, template: Template) -> str:
    """What the library notes when the technical record is printed: another one after the record has changed."""
    return f"{TECHNICAL_PRINT} {session.id} {record_digest(session, template)[:16]}"


def performed_on(session: Session) -> date | None:
    """The day on which a session was done: its own, else the one typed at the sign-out."""
    typed = session.answer("sign_out", "performed_on")
    try:
        return session.performed_on or (date.fromisoformat(typed) if isinstance(typed, str) else None)
    except ValueError:
        return None


# -- judges ------------------------------------------------------------------------------------------------------------


def _performed(facts: _Facts) -> _Judgement:
    on = performed_on(facts.session)
    return (False, "no day is recorded") if on is None else (True, f"performed on {on.isoformat()}")


def _images(facts: _Facts) -> _Judgement:
    kept = [each for each in facts.session.items if each.type in (KEY_IMAGE, KEY_FRAME)]
    if kept:
        return True, f"{len(kept)} kept"
    return False, "no view or frame was kept as an image of record"


def _record_stages(facts: _Facts) -> tuple[Stage, ...]:
    return tuple(stage for stage in facts.template.stages if stage.phase is Phase.RECORD and stage.signs)


def _record_signed(facts: _Facts) -> _Judgement:
    lacking = [words for stage in _record_stages(facts) for words in _unsigned(facts, stage)]
    if lacking:
        return False, "; ".join(lacking)
    if facts.status is None:
        return False, "signed, but whether the signatures still hold was not checked"
    return True, "every stage of the record is signed"


def _unsigned(facts: _Facts, stage: Stage) -> Iterator[str]:
    words = labels("roles")
    signed = {each.role for each in facts.session.signoffs if each.stage == stage.id}
    now = facts.status.stage(stage.id) if facts.status is not None else None
    current = signed if now is None else {each.role for each in now.signatures if each.current}
    for role in stage.signs:
        if role not in signed:
            yield f"{stage.title}: not signed by {words.get(role, role)}"
        elif role not in current:
            yield f"{stage.title}: changed since {words.get(role, role)} signed"


def _consent(facts: _Facts) -> _Judgement:
    given, on = facts.session.answer("consent", "status"), facts.session.answer("consent", "date")
    if given not in _CONSENTED:
        return False, f"consent: {str(given).replace('-', ' ')}" if given else "consent is not recorded"
    if given == "emergency":
        route = facts.session.answer("consent", "route")
        return (True, "emergency, by the route recorded") if route else (False, "emergency: its route is not recorded")
    return True, f"{given}{f' on {on}' if on else ', day not recorded'}"


def _time_out(facts: _Facts) -> _Judgement:
    if not any(stage.freezes for stage in facts.template.stages):
        return None
    done = facts.session.time_out
    return (False, "no time-out is recorded") if done is None else (True, f"by {', '.join(done.by)}")


def _devices(facts: _Facts) -> _Judgement:
    """What was said to stay in the body stands in the register or among the implants, with its lot."""
    register = [row for row in _table(facts, "device_register") if row.get("action") in _LEFT_IN_BODY]
    known = {str(row.get("device", "")).casefold() for row in register}
    known |= {each.name.casefold() for each in facts.case.implants}
    left = [row for row in _table(facts, "devices") if row.get("left") == "yes"]
    lacking = [
        f"{row.get('product') or 'a device'}: left in the body and not in the register"
        for row in left
        if not any(name and name in f"{row.get('product', '')} {row.get('size', '')}".casefold() for name in known)
        and not any(row.get("lot") and row.get("lot") == other.get("lot") for other in register)
    ]
    lots = [*((row, row.get("product")) for row in left), *((row, row.get("device")) for row in register)]
    lacking += [f"{name or 'a device'}: no lot" for row, name in lots if not row.get("lot")]
    lacking += [
        f"{row.get('device') or 'a device'}: no day for its {row['due_for']}"
        for row in register
        if row.get("due_for") and not row.get("due_on")
    ]
    if lacking:
        return False, "; ".join(dict.fromkeys(lacking))
    if not left and not register:
        asked = facts.session.answer("sign_out", "devices") is not None
        return (True, "none left in the body") if asked else (False, "devices used and left are not recorded")
    return True, f"{len(register) or len(left)} registered"


def _table(facts: _Facts, name: str) -> list[Mapping[str, Any]]:
    return [dict(row) for row in facts.session.answer("sign_out", name) or ()]


def _dose(facts: _Facts) -> _Judgement:
    stage = next((each for each in facts.template.stages if each.id == "sign_out"), None)
    if stage is None:
        return None
    lacking = [
        f"{words} not recorded"
        for name, words in _RADIATION
        if stage.field(name) is not None and facts.session.answer("sign_out", name) is None
    ]
    report = facts.session.answer("sign_out", "dose_report_kerma")
    kerma = facts.session.answer("sign_out", "air_kerma")
    if report is None and kerma != 0:
        lacking.append("the dose report was not read in")
    return (False, "; ".join(lacking)) if lacking else (True, "recorded")


def _pathology(facts: _Facts) -> _Judgement:
    """Asked where the record says that tissue or fluid was taken: a biopsy session, or specimens of another."""
    fields = set(catalogue("dossier.toml")["result_fields"])
    answers = list(facts.session.answers.values())
    biopsied = any(field.id == "result_text" for stage in facts.template.stages for field in stage.fields)
    taken = any("biopsy_taken" in each and each["biopsy_taken"].value == "yes" for each in answers)
    specimens = facts.session.answer("sign_out", "specimens") in ("labelled", "not-labelled")
    if not (biopsied or taken or specimens):
        return None
    found = [name for each in answers for name, answer in each.items() if name in fields and answer.value]
    if found:
        on = facts.session.answer("result", "result_on")
        return True, f"result recorded{f' on {on}' if on else ''}"
    known, done = facts.case.diagnosis, performed_on(facts.session)
    proved = known.diagnosed_on if known.proof == "biopsy" else None
    if proved is not None and done is not None and proved >= done:
        return True, f"diagnosis by biopsy of {proved.isoformat()}"
    return False, "specimens were taken; no result is recorded"


def _discharge(facts: _Facts) -> _Judgement:
    asked = (("date", "day"), ("contact", "whom to phone"), ("imaging_booked", "imaging booked"))
    lacking = [words for name, words in asked if not facts.session.answer("discharge", name)]
    return (False, f"not recorded: {', '.join(lacking)}") if lacking else (True, "recorded")


def _summary(facts: _Facts) -> _Judgement:
    return _released(facts, PATIENT_SIDE, "the patient or family")


def _doctor_summary(facts: _Facts) -> _Judgement:
    return _released(facts, frozenset({FOLLOW_UP_DOCTOR}), "the follow-up doctor")


def _released(facts: _Facts, addressees: Collection[str], words: str) -> _Judgement:
    mine = [e for e in facts.case.summaries if e.session_id == facts.session.id and e.addressee in addressees]
    done = [each for each in mine if each.is_released]
    if done:
        return True, "; ".join(f"{each.language}, released by {each.released_by}" for each in done)
    return False, f"a draft for {words} that nobody has released" if mine else f"none written for {words}"


def _events(facts: _Facts) -> _Judgement:
    if events_asked(facts.session) is None:
        return False, "nobody has asked"
    alive = facts.session.answer("events_30d", "alive_30d")
    if alive in (None, "unknown"):
        return False, "whether the patient was alive at 30 days is not known"
    return True, f"asked on {facts.session.answer('events_30d', 'asked_on') or 'an unrecorded day'}"


def _outcome(facts: _Facts) -> _Judgement:
    read = next((each for each in facts.case.readings if each.session_id == facts.session.id), None)
    if read is not None:
        return True, f"{read.criteria} read by {read.read_by} on images of {read.on.isoformat()}"
    on, reader = (facts.session.answer("outcome", name) for name in ("date", "reader"))
    if on and reader:
        return True, f"read by {reader} on images of {on}"
    return False, "no reading of images after this session is recorded"


def _technical_printed(facts: _Facts) -> _Judgement:
    if facts.printed is None:
        return False, "not checked: the library was not asked"
    if technical_print(facts.session, facts.template) in facts.printed:
        return True, "printed as it stands"
    earlier = any(each.startswith(f"{TECHNICAL_PRINT} {facts.session.id} ") for each in facts.printed)
    return False, "the record has changed since it was printed" if earlier else "not printed"


JUDGES: Mapping[str, Callable[[_Facts], _Judgement]] = {
    "performed": _performed,
    "images": _images,
    "record_signed": _record_signed,
    "consent": _consent,
    "time_out": _time_out,
    "devices": _devices,
    "dose": _dose,
    "pathology": _pathology,
    "discharge": _discharge,
    "summary": _summary,
    "doctor_summary": _doctor_summary,
    "events": _events,
    "outcome": _outcome,
    "technical_printed": _technical_printed,
}
"""What a row of the catalogue may name as its `judge`."""
