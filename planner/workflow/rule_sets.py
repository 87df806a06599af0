"""Named, versioned rule sets for repeating, changing or stopping a treatment (``resources/repeat_stop.toml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.constants import TAG_ORDER
from planner.errors import BugError

FILE = "repeat_stop.toml"
COMBINATIONS = ("any", "all")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One statement that is met, not met or unknown. `judge` names what tells it; see `planner.workflow.next_step`."""

    id: str
    text: str
    judge: str
    source: str
    tag: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A published or practised set of criteria.

    Attributes
    ----------
    after
        Templates of which at least one session must have been performed.
    histology
        Tumours it was made for; empty is any.
    combine
        ``any`` or ``all`` of the criteria make the set met.
    says
        One sentence for when it is met. Never an order.
    validation
        What is known of how well it holds.
    """

    id: str
    title: str
    version: str
    question: str
    after: tuple[str, ...]
    histology: tuple[str, ...]
    combine: str
    says: str
    validation: str
    source: str
    tag: str
    criteria: tuple[Criterion, ...]


@cache
def rule_sets() -> tuple[RuleSet, ...]:
    """Every rule set, in the order of the file.

    Raises
    ------
    BugError
        For a row without source or tag, or an unknown way of combining: the file is broken.
    """
    return tuple(_rule_set(row) for row in catalogue(FILE)["rule_set"])


def _rule_set(row: Mapping[str, Any]) -> RuleSet:
    if row["combine"] not in COMBINATIONS:
        raise BugError(f"{FILE}: {row['id']} combines by {row['combine']!r}")
    _cited(row)
    words = {name: str(row[name]) for name in ("id", "title", "version", "question", "combine", "says", "validation")}
    return RuleSet(
        **words,
        after=tuple(row["after"]),
        histology=tuple(row["histology"]),
        source=row["source"],
        tag=row["tag"],
        criteria=tuple(_criterion(each) for each in row["criteria"]),
    )


def _criterion(row: Mapping[str, Any]) -> Criterion:
    _cited(row)
    parameters = MappingProxyType(dict(row.get("parameters", {})))
    return Criterion(row["id"], row["text"], row["judge"], row["source"], row["tag"], parameters)


def _cited(row: Mapping[str, Any]) -> None:
    if not row.get("source") or row.get("tag") not in TAG_ORDER:
        raise BugError(f"{FILE}: {row.get('id')} needs a source and a tag")
