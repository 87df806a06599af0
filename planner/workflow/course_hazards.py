"""The hazards between procedures as data: ``resources/course_hazards.toml``, read strictly, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from planner.catalogues import resource
from planner.errors import BugError
from planner.findings import Severity
from planner.workflow.reading import Problems, Table, read_toml
from planner.workflow.template import Profile
from planner.workflow.validation import TAGS, among, unique
from planner.workflow.vocabulary import shipped_vocabulary

ACTS_AS = {"advice": Severity.INFO, "warn": Severity.WARN, "ask": Severity.BLOCK}


@dataclass(frozen=True, slots=True)
class Hazard:
    """One row.

    Attributes
    ----------
    earlier, later, later_not, missing
        Codes of events. A later event with one of `later` and none of `later_not` is judged against earlier ones;
        with `missing`, it is the absence of an earlier one that is said.
    days, days_limit
        Only within so many days; a literal, or the name of a limit of the institution profile. None: at any distance.
    count_limit
        Limit with the number of earlier events from which it is said; one when None.
    fact
        Key of ``[facts]``: what is not checked while nobody was asked.
    drugs, analytes, by_hand
        Of waiting times and tests: kinds of medicine, laboratory analytes, tests that the laboratory list lacks.
    histologies
        Only of these, and of an unknown one; empty is of any.
    """

    id: str
    later: frozenset[str]
    acts_as: str
    text: str
    source: str
    tag: str
    earlier: frozenset[str] = frozenset()
    later_not: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    days: int | None = None
    days_limit: str | None = None
    count_limit: str | None = None
    fact: str | None = None
    drugs: tuple[str, ...] = ()
    analytes: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    histologies: frozenset[str] = frozenset()

    @property
    def severity(self) -> Severity:
        return ACTS_AS[self.acts_as]


@dataclass(frozen=True, slots=True)
class Fact:
    """A field of sessions that tells something: its name in any stage, the question, and which answer is which code."""

    field: str
    question: str
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hazards:
    """The whole catalogue.

    Attributes
    ----------
    high, low
        Codes of procedures by bleeding class, with `bleeding_source` and `bleeding_tag`.
    holds
        Kind of medicine -> limit with its holding time.
    held_not_low, low_limit
        Kinds that the low class does not hold, unless this limit of the profile says so.
    """

    order: tuple[Hazard, ...]
    wash_out: tuple[Hazard, ...]
    tests: tuple[Hazard, ...]
    facts: Mapping[str, Fact]
    high: frozenset[str]
    low: frozenset[str]
    bleeding_source: str
    bleeding_tag: str
    holds: Mapping[str, str]
    held_not_low: frozenset[str]
    low_limit: str

    @property
    def rows(self) -> tuple[Hazard, ...]:
        return (*self.order, *self.wash_out, *self.tests)


@cache
def hazards() -> Hazards:
    """The shipped catalogue, read and checked once.

    Raises
    ------
    TemplateRefused
        With every problem of it.
    """
    problems = Problems()
    top = read_toml(resource("course_hazards.toml"), problems)
    found = None if top is None else _catalogue(top, problems)
    problems.raise_if_any("hazards of a course")
    if found is None:
        raise BugError("resources/course_hazards.toml was read without its tables and without a problem")
    return found


def hazards_of(histology: str | None) -> Hazards:
    """The catalogue with the rows that hold for a histology; while it is unknown, with all of them."""
    known = hazards()

    def holds(rows: tuple[Hazard, ...]) -> tuple[Hazard, ...]:
        return tuple(
            each for each in rows if histology is None or not each.histologies or histology in each.histologies
        )

    return replace(known, order=holds(known.order), wash_out=holds(known.wash_out), tests=holds(known.tests))


def check_hazards(profiles: Mapping[str, Profile]) -> None:
    """Every limit that a hazard names exists in every profile.

    Raises
    ------
    TemplateRefused
        With every problem of the catalogue.
    """
    problems, known = Problems(), hazards()
    named = [(each.id, name) for each in known.rows for name in (each.days_limit, each.count_limit) if name]
    named += [("holds", name) for name in (*known.holds.values(), known.low_limit)]
    for profile in profiles.values():
        for place, name in named:
            among(f"course_hazards.toml({place})", name, profile.limits, f"limit in the profile {profile.id}", problems)
    problems.raise_if_any("hazards of a course")


def _catalogue(top: Table, problems: Problems) -> Hazards | None:
    for name in ("words", "labels", "last_dose_fields"):
        top.table(name)
    facts = {name: _fact(table) for name, table in top.named_tables("facts").items()}
    rows = {
        key: tuple(_row(table, facts, problems) for table in top.tables(key)) for key in ("order", "wash_out", "tests")
    }
    bleeding, holds, low = top.table("bleeding"), top.table("holds"), top.table("holds_low")
    top.close()
    unique([(top.place, each.id) for group in rows.values() for each in group], problems, "hazard")
    if bleeding is None or holds is None or low is None:
        problems.note(top.place, "missing-key", "the tables [bleeding], [holds] and [holds_low] are needed.")
        return None
    return Hazards(
        rows["order"],
        rows["wash_out"],
        rows["tests"],
        MappingProxyType(facts),
        frozenset(bleeding.texts("high")),
        frozenset(bleeding.texts("low")),
        bleeding.text("source", required=True) or "",
        bleeding.text("tag", required=True) or "",
        MappingProxyType({str(kind): str(limit) for kind, limit in holds.data.items()}),
        frozenset(low.texts("kinds")),
        low.text("limit", required=True) or "",
    )


def _fact(table: Table) -> Fact:
    codes: Any = table.any("codes") or {}
    fact = Fact(
        table.text("field", required=True) or "",
        table.text("question", required=True) or "",
        MappingProxyType({str(key): str(code) for key, code in codes.items()}),
    )
    table.close()
    return fact


def _row(table: Table, facts: Mapping[str, Fact], problems: Problems) -> Hazard:
    days = table.number("days")
    row = Hazard(
        id=table.text("id", required=True) or "",
        later=frozenset(table.texts("later")),
        acts_as=table.text("acts_as", required=True) or "",
        text=table.text("text", required=True) or "",
        source=table.text("source", required=True) or "",
        tag=table.text("tag", required=True) or "",
        earlier=frozenset(table.texts("earlier")),
        later_not=frozenset(table.texts("later_not")),
        missing=frozenset(table.texts("missing")),
        days=None if days is None else int(days),
        days_limit=table.text("days_limit"),
        count_limit=table.text("count_limit"),
        fact=table.text("fact"),
        drugs=table.texts("drugs"),
        analytes=table.texts("analytes"),
        by_hand=table.texts("by_hand"),
        histologies=frozenset(table.texts("histologies")),
    )
    table.close()
    among(f"{table.place}.acts_as", row.acts_as, ACTS_AS, "way to act", problems)
    among(f"{table.place}.tag", row.tag, TAGS, "evidence tag", problems)
    for analyte in row.analytes:
        among(f"{table.place}.analytes", analyte, shipped_vocabulary().analytes, "analyte", problems)
    for histology in row.histologies:
        among(f"{table.place}.histologies", histology, shipped_vocabulary().histologies, "histology", problems)
    if row.fact is not None:
        among(f"{table.place}.fact", row.fact, facts, "fact", problems)
    if not row.later:
        problems.note(table.place, "missing-key", "later is missing: nothing would ever be judged.")
    return row
