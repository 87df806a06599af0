"""What the page of the board meeting shows, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.app.board import Entry, entries
from planner.app.board_suggestions import Suggestion
from planner.model.case import Case
from planner.model.disease import BoardDecision, Lesion, Opinion
from planner.workflow.template import Choice, Field, FieldKind
from viewers.state.theme import QUIET, SIGNED, TEXT, WARN, StateMark

INTENTS = (Choice("radical", "radical"), Choice("palliative", "palliative"))

CARRIED_OUT_MARKS = {
    None: StateMark("○", "open", TEXT),
    "yes": StateMark("✓", "carried out", SIGNED),
    "changed": StateMark("↻", "changed", WARN),
    "no": StateMark("–", "not carried out", QUIET),
}

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The question", ("held_on", "question")),
    (
        "The patient",
        (
            "molecular",
            "prior_treatment",
            "performance",
            "charlson",
            "comorbidity",
            "nrs_2002",
            "hama",
            "hamd",
            "social",
            "affordability",
            "cost",
        ),
    ),
    ("The tumour", ("growth_rate", "dominant_risk", "dominant_risk_reason")),
    ("The patient's own wishes", ("patient_values",)),
    ("Opinions", ()),
    (
        "The decision",
        (
            "decision",
            "intent",
            "evidence",
            "alternatives",
            "alternatives_why_not",
            "owner",
            "by_when",
            "decided_by",
        ),
    ),
)
"""Heading -> attributes of `BoardDecision`, in the order of a discussion; opinions are a part of their own."""

_KINDS = {
    "held_on": FieldKind.DATE,
    "by_when": FieldKind.DATE,
    "charlson": FieldKind.INTEGER,
    "nrs_2002": FieldKind.INTEGER,
    "hama": FieldKind.INTEGER,
    "hamd": FieldKind.INTEGER,
    "intent": FieldKind.CHOICE,
    "dominant_risk": FieldKind.CHOICE,
    "decision": FieldKind.LONG_TEXT,
    "question": FieldKind.LONG_TEXT,
    "patient_values": FieldKind.LONG_TEXT,
    "alternatives_why_not": FieldKind.LONG_TEXT,
}
_LABELS = {"comorbidity": "Comorbidity in words", "cost": "Cost of what is decided"}
"""Of what no meeting has to say; the labels of the mandatory entries are those of ``board.toml``."""


def mandatory() -> dict[str, Entry]:
    """Mandatory entries by attribute."""
    return {each.field: each for each in entries()}


def board_field(name: str) -> Field:
    """The field of an attribute of a decision."""
    entry = mandatory().get(name)
    label = _LABELS.get(name, name) if entry is None else entry.label
    kind = _KINDS.get(name, FieldKind.TEXT)
    choices: tuple[Choice, ...] = INTENTS if name == "intent" else ()
    if entry is not None and entry.choices:
        choices = tuple(Choice(each, each) for each in entry.choices)
    source = "" if entry is None else entry.source
    return Field(name, label, kind, choices=choices, help=source)


@dataclass(frozen=True, slots=True)
class BoardView:
    """The meetings of a case, one of them on show.

    Attributes
    ----------
    decision
        None while there is none.
    missing
        Mandatory entries of it that nobody filled.
    suggestions
        What the case already says, by attribute; shown beside the field and never filled in.
    """

    case: Case
    decision: BoardDecision | None
    missing: tuple[Entry, ...]
    suggestions: tuple[Suggestion, ...]
    today: date


@dataclass(frozen=True, slots=True)
class BoardActs:
    """What the page asks for. Those about the decision answer a sentence when they are refused, else None.

    Attributes
    ----------
    growth
        Lesion, earlier and later day -> the sentence for the decision, or why there is none; nothing is written by it.
    calculate
        Opens the calculator of an entry with a rule.
    """

    choose: Callable[[str], object]
    add: Callable[[], object]
    remove: Callable[[], object]
    write: Callable[[str, Any], str | None]
    say_opinion: Callable[[Opinion], str | None]
    take_back: Callable[[Opinion], str | None]
    answer: Callable[[str, str | None], str | None]
    carry_out: Callable[[str | None, date | None, str], str | None]
    outcome: Callable[[str], str | None]
    lead: Callable[[tuple[str, ...], tuple[str, ...]], str | None]
    growth: Callable[[str, date, date], tuple[str, bool]]
    calculate: Callable[[str], object]
    print_minutes: Callable[[], object]
    sheet: Callable[[], object]
    leave: Callable[[], object]


def decision_line(decision: BoardDecision) -> tuple[str, str]:
    """Shape and day of a decision, and what it says, for a list."""
    mark = CARRIED_OUT_MARKS.get(decision.carried_out, CARRIED_OUT_MARKS[None])
    day = decision.held_on.isoformat() if decision.held_on else "no day"
    word = "prepared, not decided" if not decision.decision else mark.word
    return f"{mark.shape} {day} · {word}", decision.decision or decision.question or "no question yet"


def sized_days(lesion: Lesion) -> tuple[date, ...]:
    """Days on which the first reader measured a lesion."""
    seen = (each for each in lesion.observations if each.read_as == "first" and (each.volume_ml or each.longest_mm))
    return tuple(sorted({each.study_date for each in seen}))
