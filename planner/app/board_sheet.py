"""The board sheet: what a meeting has to know of a case in ninety seconds, as values and as one page.

Question, the same place over the dates, the last decision and whether it was carried out, ledger, response, what rule
sets say, and what is missing. Advice, never an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from planner.app import course_tables as tables
from planner.app.board_missing import MeetingGap, asked_decision, missing_for_meeting
from planner.app.board_slices import SliceStrip, setting, slice_strip
from planner.app.course_review import event_words
from planner.app.paper_files import write_paper
from planner.app.rendering import Renderer
from planner.app.report_words import NOT_RECORDED, day, moment, patient_line, short
from planner.app.response import accepted_reading
from planner.app.templates import Installed
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.codec import digest
from planner.report.board_page import Block, BoardPage
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import shown
from planner.workflow.complications import complications_of, events_asked
from planner.workflow.course_ledger import CourseLedger
from planner.workflow.next_step import NextStepCard
from planner.workflow.next_step_judges import Met
from planner.workflow.treated import responses

TITLE = "Board sheet"
NO_QUESTION = "Question: NOT WRITTEN"
LONGEST = 220
"""Characters of a typed text on the sheet; the course report has it whole."""


@dataclass(frozen=True, slots=True)
class ResponseLine:
    """A timepoint. `overall` is None while the two readers differ and nobody has decided."""

    on: date
    criteria: str
    overall: str | None
    read_by: str


@dataclass(frozen=True, slots=True)
class OptionLine:
    """What one rule set says. `open` are its criteria that nobody can judge yet."""

    title: str
    says: str
    met: tuple[str, ...]
    open: tuple[str, ...]
    validation: str


@dataclass(frozen=True, slots=True)
class BoardSheet:
    """The sheet as values, for paper and window.

    Attributes
    ----------
    decision, decision_on, carried_out
        The last decision of the meeting; None without one.
    ledger
        (what, total and window, what its limits say or empty); those with something to say come first.
    alternatives
        As written for the decision that is asked for, or for the last one.
    """

    case_id: str
    patient_line: str
    made_on: date
    simulated: bool
    question: str | None
    disease: str
    purpose: str
    timeline: tuple[str, ...]
    decision: str | None
    decision_on: date | None
    carried_out: str | None
    outcome: str | None
    response: tuple[ResponseLine, ...]
    complications: tuple[str, ...]
    ledger: tuple[tuple[str, str, str], ...]
    ledger_note: str
    alternatives: str | None
    options: tuple[OptionLine, ...]
    options_note: str
    missing: tuple[MeetingGap, ...]


def board_sheet(case: Case, installed: Installed, now: datetime) -> BoardSheet:
    """Everything the sheet says, but for its pictures (`planner.app.board_slices.slice_strip`)."""
    today = now.date()
    profile = tables.case_profile(case, installed)
    ledger = tables.ledger_at(case, installed, profile, today)
    asked, last = asked_decision(case), tables.last_decision(case)
    card = tables.next_steps(case, installed, profile, now)
    said = tables.decision_words(last) if last is not None else (None, None)
    wanted = asked or last
    return BoardSheet(
        case_id=case.id,
        patient_line=patient_line(case.patient, today),
        made_on=today,
        simulated=case.simulated,
        question=(wanted.question or "").strip() or None if wanted is not None else None,
        disease=_disease(case),
        purpose=_purpose(case),
        timeline=tuple(_timeline(case)),
        decision=said[0],
        decision_on=last.held_on if last is not None else None,
        carried_out=said[1],
        outcome=last.outcome if last is not None else None,
        response=_response(case),
        complications=_complications(case),
        ledger=() if ledger is None else _ledger(ledger),
        ledger_note="NOT COMPUTED: no institution profile for this case" if ledger is None else ledger.note,
        alternatives=(asked.alternatives if asked is not None else None) or (last.alternatives if last else None),
        options=_options(card),
        options_note=card.note,
        missing=missing_for_meeting(case, installed, today),
    )


def _disease(case: Case) -> str:
    known = case.diagnosis
    parts = (known.text or "diagnosis not recorded", known.histology or "type unknown", case.disease_stage or "")
    return " · ".join(part for part in parts if part)


def _purpose(case: Case) -> str:
    course = case.courses[-1] if case.courses else None
    intent = (course.intent if course is not None else None) or case.intent
    return f"purpose: {intent or NOT_RECORDED}" + (f" · {course.title}" if course is not None else "")


def _timeline(case: Case) -> list[str]:
    """Treatments here and elsewhere in order of days, those done and the planned ones."""
    found = []
    for on, title, state in tables.events_table(case).rows:
        words = "" if state == "done" else f"({state})"
        found.append(" ".join(part for part in (on, title, words) if part))
    return found


def _response(case: Case) -> tuple[ResponseLine, ...]:
    found = []
    for on, criteria in sorted({(each.on, each.criteria) for each in case.readings}):
        reading = accepted_reading(case, criteria, on)
        overall = None if reading is None else reading.overall or "not evaluable"
        found.append(ResponseLine(on, criteria, overall, "" if reading is None else reading.read_by))
    signed = {each.on for each in case.readings}
    # Outcomes typed in a session without a signed reading are said to be just that.
    typed = [each for each in responses(case) if each.on not in signed]
    found += [
        ResponseLine(each.on, each.said, each.category or "not evaluable", "not a signed reading") for each in typed
    ]
    return tuple(sorted(found, key=lambda each: each.on))[-round(setting("response_lines")) :]


def _complications(case: Case) -> tuple[str, ...]:
    found = [f"{session.title}: {event_words(each)}" for session in case.sessions for each in complications_of(session)]
    done = [each for each in case.sessions if each.performed_on is not None]
    silent = [each.title for each in done if events_asked(each) is None]
    said = (*found, *([f"NOT ASKED to 30 days: {', '.join(silent)}"] if silent else []))
    return said or ("none recorded to 30 days" if done else "no session was performed",)


def _ledger(ledger: CourseLedger) -> tuple[tuple[str, str, str], ...]:
    found = []
    warned = {each.subject: each.text for each in reversed(ledger.findings)}
    for row in ledger.rows:
        words = shown(row.total, row.quantity.unit)
        if row.per_m2 is not None:
            words += f", {shown(row.per_m2, f'{row.quantity.unit}/m2')}"
        if row.quantity.window_days is not None:
            words += f"; {shown(row.in_window, row.quantity.unit)} in {row.quantity.window_days} d"
        found.append((row.quantity.title, words, warned.get(row.quantity.substance, "")))
    ranked = sorted(found, key=lambda each: not each[2])
    return tuple(ranked[: round(setting("ledger_lines"))])


def _options(card: NextStepCard) -> tuple[OptionLine, ...]:
    return tuple(
        OptionLine(
            f"{found.rule_set.title} {found.rule_set.version}",
            found.says,
            tuple(each.criterion.text for each in found.criteria if each.state is Met.MET),
            tuple(each.criterion.text for each in found.criteria if each.state is Met.UNKNOWN),
            found.rule_set.validation,
        )
        for found in card.sets
        if found.applies
    )


def board_page(sheet: BoardSheet, strip: SliceStrip, identity: str) -> BoardPage:
    """The page of a sheet. Long typed texts are cut with "…"; the course report has them whole."""
    return BoardPage(
        title=TITLE,
        patient_line=f"{sheet.patient_line} · {sheet.disease} · {sheet.purpose}",
        question=f"Question: {_cut(sheet.question)}" if sheet.question else NO_QUESTION,
        picture=strip.picture,
        picture_note=" ".join(strip.left_out),
        columns=(_first_column(sheet), _second_column(sheet), _third_column(sheet)),
        identity=identity,
        simulated=sheet.simulated,
    )


def _first_column(sheet: BoardSheet) -> tuple[Block, ...]:
    if sheet.decision is None:
        last = Block("Last decision", ("none recorded",))
    else:
        came = f"Came of it: {sheet.outcome or NOT_RECORDED}"
        lines = tuple(_cut(each) for each in (sheet.decision, sheet.carried_out or "", came))
        last = Block(f"Last decision, {day(sheet.decision_on)}", lines)
    return (
        last,
        Block("Response", tuple(_response_words(each) for each in sheet.response) or ("not read",)),
        Block("Treatments", tuple(_cut(each) for each in sheet.timeline) or ("none recorded",)),
    )


def _response_words(line: ResponseLine) -> str:
    if line.overall is None:
        return f"{day(line.on)} {line.criteria}: OPEN, the two readers differ"
    return f"{day(line.on)} {line.criteria}: {line.overall} ({line.read_by})"


def _second_column(sheet: BoardSheet) -> tuple[Block, ...]:
    rows = [
        line for title, words, said in sheet.ledger for line in (f"{title}: {words}", *([_cut(said)] if said else []))
    ]
    return (
        Block("Ledger", (*rows, sheet.ledger_note)),
        Block("Complications", tuple(_cut(each) for each in sheet.complications)),
        Block("Alternatives as written", (_cut(sheet.alternatives or NOT_RECORDED),)),
    )


def _missing_lines(sheet: BoardSheet) -> tuple[str, ...]:
    """One line per kind where several lack for one reason, so that the page stays one page."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in sheet.missing:
        found.setdefault((each.code, each.why), []).append(each.text)
    return tuple(_cut(f"{', '.join(names)}: {why}") for (_, why), names in found.items())


def _third_column(sheet: BoardSheet) -> tuple[Block, ...]:
    missing = _missing_lines(sheet)
    rules = tuple(_cut(_option_words(each)) for each in sheet.options) or ("no rule set applies to this course",)
    return (
        Block("Missing for the meeting", missing or ("nothing that is looked for",), bool(missing)),
        Block(
            "What rule sets say; criteria with their evidence stand in the course report", (*rules, sheet.options_note)
        ),
    )


def _option_words(option: OptionLine) -> str:
    """One rule set in one line: what it says, what is met, how many criteria are open, how well it is validated."""
    met = f" Met: {'; '.join(option.met)}." if option.met else ""
    validation = f" {option.validation}" if option.met else ""
    return f"{option.title}: {option.says}{met}{validation}"


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1].rstrip()}…"


def write_board_sheet(
    library: Library,
    case: Case,
    revision: int,
    installed: Installed,
    path: Path,
    *,
    renderer: Renderer,
    volumes: Mapping[str, Volume],
    by: Actor,
    now: datetime,
    lesion_id: str | None = None,
    context: Context | None = None,
) -> int:
    """Print the board sheet and remember that it exists; returns the number of pages.

    Parameters
    ----------
    volumes
        Images in memory by ``series_uid#part``; others are loaded. A date without images or link is named.
    lesion_id
        Whose place is shown; None picks a target or the largest lesion.

    Raises
    ------
    UsageError
        ``cannot-write``.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    from planner.report.board_page import set_board_page

    job = context or Context()
    strip = slice_strip(library, case, renderer, volumes, lesion_id=lesion_id, context=job.part(0.0, 0.9))
    head = library.audit_head(case.id)
    identity = (
        f"Case {case.id}, revision {revision} · content {short(digest(case))} · "
        f"audit {'none' if head is None else short(head)} · printed {moment(now)} · "
        "superseded if a later revision exists"
    )
    content, pages = set_board_page(board_page(board_sheet(case, installed, now), strip, identity))
    job.step(0.95, f"Setting {path.name}")
    write_paper(library, case.id, revision, "board", path, content, by)
    return pages
