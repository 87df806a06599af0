"""The ledger: what adds up over sessions. A fold over records; nothing is stored twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An amount of something given, used or received.

    Attributes
    ----------
    substance
        ``doxorubicin``, ``lipiodol``, ``contrast``, ``air-kerma``, ``kap`` … or any drug by name, lower case.
    bsa_m2
        Body surface of that day, for sums per area; None when unknown.
    origin
        Session id, or ``outside`` / ``prior``.
    place
        Field of the skin, for radiation; None is unknown and counted as the same field.
    """

    substance: str
    amount: float
    unit: str
    on: date | None
    origin: str
    drug_class: str | None = None
    bsa_m2: float | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerTotal:
    """A sum in one unit. `per_m2` is None as soon as one dose lacks its body surface."""

    substance: str
    amount: float
    unit: str
    entries: int
    per_m2: float | None


def totals(entries: Iterable[LedgerEntry]) -> tuple[LedgerTotal, ...]:
    """Sums per substance and unit, in order of first appearance. Units are never mixed."""
    groups: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.substance, entry.unit), []).append(entry)
    return tuple(
        LedgerTotal(substance, sum(each.amount for each in group), unit, len(group), _per_area(group))
        for (substance, unit), group in groups.items()
    )


def _per_area(group: list[LedgerEntry]) -> float | None:
    total = 0.0
    for entry in group:
        if entry.bsa_m2 is None:
            return None
        total += entry.amount / entry.bsa_m2
    return total
