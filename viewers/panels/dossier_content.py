"""What the page of a session's dossier shows, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.app.dossier import DossierState
from planner.app.summary_words import languages, words_of
from planner.model.case import Case
from planner.model.dossier import PatientSummary
from planner.model.session import Session
from planner.workflow.template import Choice
from viewers.panels.words import state_word


@dataclass(frozen=True, slots=True)
class DossierJudged:
    """What takes a moment to judge; it is shown when it has come.

    Attributes
    ----------
    state
        None where the session's template is not installed; `problem` says so.
    refusals
        Why the summary on show cannot be released now.
    """

    state: DossierState | None
    refusals: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DossierView:
    """A session's dossier.

    Attributes
    ----------
    session
        None where the case has none.
    summary
        The one on show, of `summaries`.
    judged
        None until it has come.
    """

    case: Case
    session: Session | None
    summaries: tuple[PatientSummary, ...]
    summary: PatientSummary | None
    judged: DossierJudged | None


@dataclass(frozen=True, slots=True)
class DossierActs:
    """What the page asks for; those that change the case answer a sentence when they are refused, else None."""

    choose_session: Callable[[str], object]
    close: Callable[[Mapping[str, str], str], str | None]
    reopen: Callable[[], str | None]
    choose_summary: Callable[[str], object]
    draft: Callable[[str, str, str], str | None]
    write: Callable[[tuple[str, ...]], str | None]
    keep: Callable[[str], str | None]
    release: Callable[[str], str | None]
    withdraw: Callable[[], str | None]
    print_technical: Callable[[], object]
    print_summary: Callable[[], object]
    print_course: Callable[[], object]
    print_sheet: Callable[[], object]
    leave: Callable[[], object]


def addressee_word(code: str) -> str:
    return words_of("en").of("addressees", code)


def disclosure_word(code: str) -> str:
    return words_of("en").of("disclosures", code)


def language_choices() -> tuple[Choice, ...]:
    names = {"en": "English", "zh-Hans": "简体中文"}
    return tuple(Choice(each, names.get(each, each)) for each in languages())


def summary_line(summary: PatientSummary) -> str:
    """``English · the patient · procedure only · DRAFT``."""
    language = next(each.label for each in language_choices() if each.code == summary.language)
    state = f"released by {summary.released_by}" if summary.is_released else "DRAFT"
    return f"{language} · {addressee_word(summary.addressee)} · {disclosure_word(summary.disclosure)} · {state}"


def session_line(session: Session) -> str:
    on = session.performed_on or session.planned_on
    return f"{session.title} · {on.isoformat() if on else 'no day'} · {state_word(session.state.value)}"
