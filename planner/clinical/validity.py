"""When a score does not hold: the conditions under which its inputs say something else (practice notes 2.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from planner.catalogues import catalogue
from planner.errors import UsageError
from planner.findings import Finding, Severity


def conditions() -> tuple[str, ...]:
    """Names of the conditions that `validity_notes` understands."""
    return tuple(catalogue("rules/validity.toml")["conditions"])


def validity_notes(rule_id: str, present: Collection[str]) -> tuple[Finding, ...]:
    """Warnings "not valid" for one rule under the conditions that are present.

    Parameters
    ----------
    present
        Names out of `conditions`: ``warfarin``, ``doac``, ``biliary-obstruction``, ``gilbert``,
        ``acute-kidney-injury``, ``dialysis``, ``albumin-infusion``.

    Raises
    ------
    UsageError
        ``unknown-condition``.
    """
    table = catalogue("rules/validity.toml")["conditions"]
    unknown = sorted(set(present) - set(table))
    if unknown:
        known = ", ".join(table)
        raise UsageError("unknown-condition", f"There is no condition {unknown[0]!r}; known are {known}.")
    notes = []
    for name in table:
        entry = table[name]
        if name in present and rule_id in entry["rules"]:
            text = f"{rule_id} is not valid under {entry['title']}: {entry['reason']}."
            notes.append(
                Finding(
                    code="score-not-valid",
                    severity=Severity.WARN,
                    text=text,
                    subject=rule_id,
                    source=entry["source"],
                    tag=entry["tag"],
                )
            )
    return tuple(notes)


def spread_note(rule_id: str, taken_on: Mapping[str, date | None], *, max_days: float | None = None) -> Finding | None:
    """A warning where the inputs of a score are from dates further apart than the window, or one has no date.

    Parameters
    ----------
    taken_on
        Input -> the day it was measured.
    max_days
        The institution profile's window; None takes the shipped default, which is unverified.
    """
    entry = catalogue("rules/validity.toml")["window"]
    limit = float(entry["max_days"]) if max_days is None else max_days
    undated = [name for name, day in taken_on.items() if day is None]
    if undated:
        text = f"{rule_id} is not valid: {', '.join(undated)} has no date."
        return _window_note(rule_id, text, None, limit, entry)
    days = sorted(day for day in taken_on.values() if day is not None)
    if len(days) < 2 or (days[-1] - days[0]).days <= limit:
        return None
    apart = (days[-1] - days[0]).days
    text = f"{rule_id} is not valid: its inputs are {apart} days apart; at most {limit:g} are allowed."
    return _window_note(rule_id, text, float(apart), limit, entry)


def _window_note(
    rule_id: str, text: str, measured: float | None, limit: float, entry: Mapping[str, str | float]
) -> Finding:
    return Finding(
        code="score-not-valid",
        severity=Severity.WARN,
        text=text,
        subject=rule_id,
        measured=measured,
        limit=limit,
        unit="d",
        source=str(entry["source"]),
        tag=str(entry["tag"]),
    )
