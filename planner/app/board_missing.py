"""Missing for the meeting: what a case lacks before it is talked of. Each line says what and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from planner.app.board import missing_entries
from planner.app.course_tables import case_profile, last_decision
from planner.app.response import disagreements
from planner.app.templates import Installed
from planner.clinical.laboratory import analytes
from planner.model.case import Case
from planner.model.disease import BoardDecision
from planner.model.follow_up import TaskState
from planner.model.session import SessionState
from planner.workflow.dossier import missing_of
from planner.workflow.due import due_items

_WINDOW = "_window_days"
_CONSENTED = frozenset({"given", "seen", "emergency"})
_TO_COME = frozenset({SessionState.DRAFT, SessionState.PLANNED, SessionState.BOOKED, SessionState.READY})


@dataclass(frozen=True, slots=True)
class MeetingGap:
    """Something that lacks. `source` and `tag` where a limit says so; None for what a person left open."""

    code: str
    text: str
    why: str
    source: str | None = None
    tag: str | None = None


def asked_decision(case: Case) -> BoardDecision | None:
    """The entry that the meeting is to decide: the newest without a decision; None where there is none."""
    undecided = [each for each in case.decisions if not each.decision.strip()]
    return undecided[-1] if undecided else None


def missing_for_meeting(case: Case, installed: Installed, today: date) -> tuple[MeetingGap, ...]:
    """What lacks before a case is talked of on a day. Empty where nothing that is looked for lacks."""
    found = (
        *_question(case),
        *_images(case, today),
        *_laboratory(case, installed, today),
        *_pathology(case, installed),
        *_consent(case),
        *_readings(case),
        *_lesions(case),
        *_decision(case),
        *_tasks(case, today),
    )
    return tuple(dict.fromkeys(found))


def _question(case: Case) -> Iterator[MeetingGap]:
    asked = asked_decision(case)
    decided = last_decision(case)
    # A decision that nobody has said to be carried out is still what the meeting talks of.
    wanted = asked or (decided if decided is not None and decided.carried_out is None else None)
    if wanted is None or not (wanted.question or "").strip():
        # The sheet shows the last decision's question: what lacks is a new one.
        held = decided.held_on if decided is not None and asked is None else None
        since = f" since the decision of {held.isoformat()}" if held is not None else ""
        yield MeetingGap("question", "Question to the meeting", f"nobody has written one{since}")
    if asked is not None:
        empty = [each.label for each in missing_entries(asked) if each.field not in ("question", "held_on")]
        # The entries of the decision itself are filled at the meeting; these are prepared before it.
        if empty:
            yield MeetingGap("entries", f"{len(empty)} mandatory entries", ", ".join(empty))


def _images(case: Case, today: date) -> Iterator[MeetingGap]:
    for each in due_items(case, today):
        late = each.due_on is not None and each.due_on <= today
        if late and (each.kind == "imaging" or (each.kind == "step" and _is_imaging(case, each.subject))):
            why = f"due {each.due_on.isoformat()}, not in" if each.due_on else "not in"
            yield MeetingGap("imaging", each.text, why, each.source, each.tag)


def _is_imaging(case: Case, step_id: str | None) -> bool:
    steps = (course.step(step_id or "") for course in case.courses)
    return any(step is not None and step.kind == "imaging" for step in steps)


def _laboratory(case: Case, installed: Installed, today: date) -> Iterator[MeetingGap]:
    """Values of whose age the institution's profile says how long they may be used; of no profile none is judged."""
    profile = case_profile(case, installed)
    if profile is None:
        yield MeetingGap("laboratory", "Laboratory", "NOT CHECKED: no institution profile for this case")
        return
    names = analytes()
    for key, limit in profile.limits.items():
        analyte = key.removesuffix(_WINDOW)
        if not key.endswith(_WINDOW) or analyte not in names:
            continue
        newest = case.latest_lab(analyte, not_after=today)
        if newest is None:
            yield MeetingGap("laboratory", names[analyte].name, "no value", limit.source, limit.tag)
        elif (today - newest.taken_on).days > float(limit.value):
            age = (today - newest.taken_on).days
            why = f"of {newest.taken_on.isoformat()}, {age} days old; may be used for {limit.value:g}"
            yield MeetingGap("laboratory", names[analyte].name, why, limit.source, limit.tag)


def _pathology(case: Case, installed: Installed) -> Iterator[MeetingGap]:
    if case.diagnosis.histology is None:
        yield MeetingGap("pathology", "Tumour type", "not recorded")
    elif case.diagnosis.proof is None:
        yield MeetingGap("pathology", "Proof of the diagnosis", "not recorded: biopsy, imaging or marker")
    for session in case.sessions:
        template = installed.templates.get(session.template.id)
        if template is None or session.performed_on is None:
            continue
        for row in missing_of(case, session, template):
            if row.code == "pathology":
                yield MeetingGap("pathology", f"Pathology of {session.title}", row.why)


def _consent(case: Case) -> Iterator[MeetingGap]:
    for session in case.sessions:
        if session.state in _TO_COME and session.answer("consent", "status") not in _CONSENTED:
            said = session.answer("consent", "status")
            why = f"{str(said).replace('-', ' ')}" if said else "not recorded"
            yield MeetingGap("consent", f"Consent for {session.title}", why)


def _readings(case: Case) -> Iterator[MeetingGap]:
    days = [each.study_date for each in case.studies if each.study_date is not None and each.kind == "volume"]
    read = max((each.on for each in case.readings), default=None)
    newest = max(days, default=None)
    treated = any(session.performed_on for session in case.sessions)
    if newest is not None and treated and (read is None or newest > read):
        before = f"the newest reading is of {read.isoformat()}" if read else "nothing was read yet"
        yield MeetingGap("reading", f"Response on the images of {newest.isoformat()}", before)
    for each in disagreements(case):
        if each.what == "overall" and each.adjudicated is None:
            why = f"{each.first or 'none'} against {each.second or 'none'} ({each.criteria})"
            yield MeetingGap("disagreement", f"Readers differ on {each.on.isoformat()}", why)


def _lesions(case: Case) -> Iterator[MeetingGap]:
    if not case.lesion_list_is_confirmed:
        yield MeetingGap("lesions", "List of lesions", "not confirmed complete")
    waiting = sum(not each.is_reviewed for each in case.links)
    if waiting:
        yield MeetingGap(
            "links", f"{waiting} match(es) of two studies", "not reviewed: nothing is compared across them"
        )


def _decision(case: Case) -> Iterator[MeetingGap]:
    for each in case.decisions:
        if each.decision.strip() and each.carried_out is None:
            held = each.held_on.isoformat() if each.held_on else "an unrecorded day"
            yield MeetingGap("carried-out", f"Decision of {held}", "nobody has said whether it was carried out")


def _tasks(case: Case, today: date) -> Iterator[MeetingGap]:
    for each in case.tasks:
        if each.state is TaskState.OPEN and each.due_on is not None and each.due_on < today:
            yield MeetingGap("task", each.text, f"due {each.due_on.isoformat()}, {each.owner}")
