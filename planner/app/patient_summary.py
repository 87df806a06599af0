"""The summary for the patient: drafted from the record, edited, and released by a named person. Each is one edit.

A draft prints DRAFT on its page. Nothing is released while a slot is open, while the page says more than the patient
wishes to be told, or while the record is not the one it was drafted from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from planner.app.paper_files import write_paper
from planner.app.report_front import Identity
from planner.app.report_words import moment, person_name, short
from planner.app.summary_facts import FULL, LEVELS, exceeds_consent, facts_of
from planner.app.summary_words import Words, composed, languages, open_slots, words_of
from planner.catalogues import catalogue
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.dossier import PatientSummary
from planner.model.edits import Edit, new_id
from planner.report.letter import Letter, LetterParagraph
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.answers import the_session
from planner.workflow.template import Template

Templates = Mapping[str, Template]
ADDRESSEES = ("patient", "family", "follow-up-doctor")


def composed_summary(
    case: Case,
    session_id: str,
    templates: Templates,
    *,
    language: str = "en",
    addressee: str = "patient",
    disclosure: str = "procedure-only",
    by: str,
    at: datetime,
    summary_id: str | None = None,
) -> PatientSummary:
    """A fresh draft from the record as it stands; it is in no case yet.

    Raises
    ------
    UsageError
        ``unknown-session``, ``unknown-language``, ``unknown-addressee``, ``unknown-disclosure``.
    """
    session = the_session(case, session_id)
    words = words_of(language)
    if addressee not in ADDRESSEES:
        text = f"There is no addressee {addressee!r}; choose one of {', '.join(ADDRESSEES)}."
        raise UsageError("unknown-addressee", text, subject=addressee)
    if disclosure not in LEVELS:
        text = f"There is no disclosure level {disclosure!r}; choose one of {', '.join(LEVELS)}."
        raise UsageError("unknown-disclosure", text, subject=disclosure)
    facts = facts_of(case, session, templates)
    return PatientSummary(
        summary_id or new_id("summary"),
        session_id,
        language,
        addressee,
        disclosure,
        composed(facts, words, addressee, disclosure),
        facts.at(disclosure).digest,
        by,
        at,
    )


def draft_summary(
    session_id: str,
    templates: Templates,
    *,
    language: str = "en",
    addressee: str = "patient",
    disclosure: str = "procedure-only",
    by: str,
    at: datetime,
) -> Edit:
    """Draft a summary from the record; an earlier unreleased draft of the same language and addressee is replaced.

    Raises
    ------
    UsageError
        ``missing-name``; when applied, those of `composed_summary`.
    """
    person = _named(by, "drafts the summary")
    identity = new_id("summary")

    def edit(case: Case) -> Case:
        made = composed_summary(
            case,
            session_id,
            templates,
            language=language,
            addressee=addressee,
            disclosure=disclosure,
            by=person,
            at=at,
            summary_id=identity,
        )
        same = (session_id, language, addressee)
        kept = tuple(
            each
            for each in case.summaries
            if each.is_released or (each.session_id, each.language, each.addressee) != same
        )
        return replace(case, summaries=(*kept, made))

    return edit


def edit_summary(summary_id: str, paragraphs: Sequence[str], *, by: str, at: datetime) -> Edit:
    """Replace the text by what a person wrote. A released summary becomes a draft again.

    Raises
    ------
    UsageError
        ``missing-name``; when applied, ``unknown-summary``.
    InputRefused
        ``empty-summary`` for a text without words.
    """
    person = _named(by, "edits the summary")
    kept = tuple(each.strip() for each in paragraphs if each.strip())
    if not kept:
        raise InputRefused("empty-summary", "The summary has no text; write one or remove it.", subject=summary_id)

    def change(summary: PatientSummary) -> PatientSummary:
        if kept == summary.paragraphs:
            return summary
        opened = replace(summary, released_by=None, released_at=None)
        return replace(opened, paragraphs=kept, drafted_by=person, drafted_at=at)

    return _changed(summary_id, change)


def keep_text(summary_id: str, templates: Templates, *, by: str, at: datetime) -> Edit:
    """A person has read the text against the record as it stands now, and keeps it although the record has changed.

    Raises
    ------
    UsageError
        ``missing-name``; when applied, ``unknown-summary``.
    """
    person = _named(by, "has read the record")

    def edit(case: Case) -> Case:
        summary = the_summary(case, summary_id)
        now = _basis(case, summary, templates)
        if now == summary.basis_digest:
            return case
        opened = replace(summary, released_by=None, released_at=None)
        return _with(case, replace(opened, basis_digest=now, drafted_by=person, drafted_at=at))

    return edit


def release_summary(summary_id: str, templates: Templates, *, by: str, at: datetime) -> Edit:
    """A named person has read the page and lets it go out.

    Raises
    ------
    UsageError
        ``missing-name``; when applied, ``unknown-summary``.
    InputRefused
        When applied: the first of `release_refusals`.
    """
    person = _named(by, "releases the summary")

    def edit(case: Case) -> Case:
        summary = the_summary(case, summary_id)
        refused = release_refusals(case, summary, templates)
        if refused:
            raise refused[0]
        return _with(case, replace(summary, released_by=person, released_at=at))

    return edit


def release_refusals(case: Case, summary: PatientSummary, templates: Templates) -> tuple[InputRefused, ...]:
    """Why a summary cannot be released now; empty when it can. Codes: ``already-released``, ``open-slots``,
    ``says-more-than-wished``, ``names-the-stage``, ``basis-changed``, ``too-long``."""
    found: list[InputRefused] = []

    def refuse(code: str, text: str) -> None:
        found.append(InputRefused(code, text, subject=summary.id))

    if summary.is_released:
        refuse("already-released", f"{summary.released_by} has released this summary already.")
    slots = open_slots(summary.paragraphs)
    if slots:
        names = ", ".join(split_paragraph(each)[0] or "the text" for each in slots)
        refuse("open-slots", f"Something is still to be filled in under: {names}. Fill it in or take the sentence out.")
    session = the_session(case, summary.session_id)
    if exceeds_consent(session, summary.addressee, summary.disclosure):
        answer = str(session.answer("consent", "disclosure_level") or "not recorded").replace("-", " ")
        said = f"This page says {words_of('en').of('disclosures', summary.disclosure)}"
        ask = "choose a lower level, or ask the patient and record the answer in the consent"
        refuse("says-more-than-wished", f"{said}; what the patient wants to be told is: {answer}. So {ask}.")
    for words in _stage_words(case, summary):
        refuse("names-the-stage", f"The text says {words!r}, which this disclosure level leaves out; take it out.")
    if basis_changed(case, summary, templates):
        text = "The record has changed since this was drafted; draft it again, or read the record and keep the text."
        refuse("basis-changed", text)
    if pages_of_summary(case, summary, templates) > 1:
        refuse("too-long", "The text does not fit on one page; shorten it.")
    return tuple(found)


def _stage_words(case: Case, summary: PatientSummary) -> tuple[str, ...]:
    """Words of stage and prognosis that stand in the text of a page whose level leaves them out."""
    if summary.disclosure == FULL:
        return ()
    text = " ".join(summary.paragraphs)
    # A stage of one or two letters would be found in any sentence.
    own = (case.disease_stage, case.diagnosis.tnm)
    known = [each.strip() for each in own if each and len(each.strip()) > 2]
    known += [str(each) for each in catalogue("dossier.toml")["stage_words"]]
    return tuple(dict.fromkeys(each for each in known if _stands_in(each, text)))


def _stands_in(words: str, text: str) -> bool:
    """Whether words stand in a text as words; Chinese has no spaces between them."""
    edge = r"\b" if words.isascii() and words[0].isalnum() and words[-1].isalnum() else ""
    return re.search(f"{edge}{re.escape(words)}{edge}", text, re.IGNORECASE) is not None


def withdraw_summary(summary_id: str) -> Edit:
    """Take a release back: the page is a draft again; a draft that was never released is removed.

    Raises
    ------
    UsageError
        When applied, ``unknown-summary``.
    """

    def edit(case: Case) -> Case:
        summary = the_summary(case, summary_id)
        if summary.is_released:
            return _with(case, replace(summary, released_by=None, released_at=None))
        return replace(case, summaries=tuple(each for each in case.summaries if each.id != summary_id))

    return edit


def the_summary(case: Case, summary_id: str) -> PatientSummary:
    """A summary of the case. Raises UsageError ``unknown-summary``."""
    found = next((each for each in case.summaries if each.id == summary_id), None)
    if found is None:
        raise UsageError("unknown-summary", f"There is no summary {summary_id} in this case.", subject=summary_id)
    return found


def summaries_of(case: Case, session_id: str) -> tuple[PatientSummary, ...]:
    """The summaries of a session, released ones first, then the newest."""
    mine = [each for each in case.summaries if each.session_id == session_id]
    newest = sorted(mine, key=lambda each: (each.released_at or each.drafted_at).isoformat(), reverse=True)
    return tuple(sorted(newest, key=lambda each: not each.is_released))


def basis_changed(case: Case, summary: PatientSummary, templates: Templates) -> bool:
    """Whether the record says something else than when the text was drafted."""
    return _basis(case, summary, templates) != summary.basis_digest


def _basis(case: Case, summary: PatientSummary, templates: Templates) -> str:
    return facts_of(case, the_session(case, summary.session_id), templates).at(summary.disclosure).digest


def split_paragraph(text: str) -> tuple[str, str]:
    """Heading and text of a paragraph; without a line break the heading is empty."""
    heading, line, rest = text.partition("\n")
    return (heading.strip(), rest.strip()) if line else ("", heading.strip())


def summary_letter(
    case: Case, summary: PatientSummary, templates: Templates, now: datetime, identity: Identity | None = None
) -> Letter:
    """The page of a summary as values.

    Parameters
    ----------
    identity
        Revision and audit head it is printed with; None: not in a library.
    """
    words = words_of(summary.language)
    addressee = words.of("addressees", summary.addressee)
    released, on = summary.released_by, summary.released_at
    notices = [words["page_for"].format(addressee=addressee, disclosure=words.of("disclosures", summary.disclosure))]
    if released is None or on is None:
        notices.insert(0, f"DRAFT · {words['draft']}")
        notices.append(words["source"])
    else:
        notices.insert(0, words["released"].format(by=released, date=words.day(on.date())))
        if basis_changed(case, summary, templates):
            notices.append(words["changed"])
    session = the_session(case, summary.session_id)
    if summary.addressee == "follow-up-doctor" and exceeds_consent(session, "patient", summary.disclosure):
        notices.append(words["keep_back"])
    if case.simulated:
        notices.append(f"SIMULATED · {words['simulated']}")
    still_open = open_slots(summary.paragraphs)
    parts = [(*split_paragraph(each), each in still_open) for each in summary.paragraphs]
    marks = [mark for mark, holds in (("SIMULATED", case.simulated), ("DRAFT", not summary.is_released)) if holds]
    return Letter(
        title=words.of("titles", summary.addressee),
        patient_line=_patient(case, words),
        notices=tuple(notices),
        paragraphs=tuple(LetterParagraph(*each) for each in parts),
        foot=(words["foot"], words["disclaimer"], _foot(case, summary, now, identity)),
        chinese=summary.language in [each for each in languages() if each.startswith(("zh", "ja"))],
        mark=" · ".join(marks),
    )


def _patient(case: Case, words: Words) -> str:
    """Who it is about, without what a letter has no use for."""
    known = case.patient
    born = (
        words["birth_unknown"] if known.birth_date is None else words["born"].format(date=words.day(known.birth_date))
    )
    return words["patient"].format(name=person_name(known.name), id=known.patient_id, born=born)


def _foot(case: Case, summary: PatientSummary, now: datetime, identity: Identity | None) -> str:
    printed = "in no library" if identity is None else f"revision {identity.revision}"
    return f"{case.id} · {summary.id} · {printed} · basis {short(summary.basis_digest)} · printed {moment(now)}"


def write_summary(
    library: Library,
    case: Case,
    revision: int,
    summary: PatientSummary,
    templates: Templates,
    path: Path,
    *,
    by: Actor,
    now: datetime,
) -> int:
    """Print a summary and remember that this paper exists; returns the number of pages.

    Parameters
    ----------
    summary
        Of the case, or a draft that is in none yet.

    Raises
    ------
    UsageError
        ``cannot-write``.
    InputRefused
        ``too-long`` for a text that one page does not hold.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    from planner.report.letter import set_letter

    identity = Identity(revision, summary.basis_digest, library.audit_head(case.id))
    content, pages = set_letter(summary_letter(case, summary, templates, now, identity))
    if pages > 1:
        raise InputRefused("too-long", "The text does not fit on one page; shorten it.", subject=summary.id)
    state = "released" if summary.is_released else "DRAFT"
    what = f"summary {summary.session_id} {summary.language} {summary.addressee} {state}"
    write_paper(library, case.id, revision, what, path, content, by)
    return pages


def pages_of_summary(case: Case, summary: PatientSummary, templates: Templates) -> int:
    """How many pages the text takes in the smallest type."""
    from planner.report.letter import set_letter

    return set_letter(summary_letter(case, summary, templates, summary.drafted_at))[1]


def _changed(summary_id: str, change: Callable[[PatientSummary], PatientSummary]) -> Edit:
    def edit(case: Case) -> Case:
        before = the_summary(case, summary_id)
        after = change(before)
        return case if after is before else _with(case, after)

    return edit


def _with(case: Case, summary: PatientSummary) -> Case:
    return replace(case, summaries=tuple(summary if each.id == summary.id else each for each in case.summaries))


def _named(by: str, does: str) -> str:
    person = by.strip()
    if not person:
        raise UsageError("missing-name", f"Type who {does}.")
    return person
