"""The ``[needle]`` part of a template: distances, limits and preferences, each with its source."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from planner.catalogues import catalogue
from planner.model.needle_rules import CRITERIA, LIMITS, NeedleRules, SourcedLimit, StructureLimit
from planner.workflow.reading import Table, closest

TAGS = ("S", "S2", "M", "P", "calc")
PURPOSES = ("ablation", "biopsy", "drainage", "sclerotherapy", "vertebra", "access")


def parse_needle_rules(top: Table) -> NeedleRules | None:
    """``[needle]`` with ``[[needle.structures]]`` and ``[[needle.limits]]``; None when a template has none."""
    table = top.table("needle")
    if table is None:
        return None
    purpose = table.text("purpose", required=True) or ""
    if purpose:
        _named(table, "purpose", purpose, PURPOSES, "purpose")
    ranking = table.texts("ranking")
    for each in ranking:
        _named(table, "ranking", each, CRITERIA, "criterion")
    structures = tuple(_structure(each) for each in table.tables("structures"))
    _once(table, [each.structure for each in structures])
    limits = dict(_limit(each) for each in table.tables("limits"))
    table.close()
    return NeedleRules(purpose, structures, MappingProxyType(limits), ranking)


def _structure(table: Table) -> StructureLimit:
    key = table.text("structure", required=True) or ""
    stands_for = table.texts("stands_for")
    known = catalogue("structures.toml")
    for each in (key, *stands_for):
        if each:
            _named(table, "structure", each, known, "structure")
    hard, desired = table.number("hard_mm"), table.number("desired_mm")
    if hard is None or desired is None:
        table.problems.note(table.place, "missing-key", "hard_mm and desired_mm are both needed.")
    elif not 0.0 <= hard <= desired:
        table.problems.note(table.place, "empty-range", "0 <= hard_mm <= desired_mm does not hold.")
    found = StructureLimit(
        structure=key,
        hard_mm=hard or 0.0,
        desired_mm=desired or 0.0,
        source=table.text("source", required=True) or "",
        tag=_tag(table),
        required=table.flag("required"),
        automatic=table.text("automatic"),
        stands_for=stands_for,
        organs=table.texts("organs"),
    )
    table.close()
    return found


def _limit(table: Table) -> tuple[str, SourcedLimit]:
    name = table.text("name", required=True) or ""
    if name:
        _named(table, "name", name, LIMITS, "limit of a needle")
    value = table.number("value")
    if value is None:
        table.problems.note(table.place, "missing-key", "value is missing.")
    unit = table.text("unit", required=True) or ""
    if name in LIMITS and unit and unit != LIMITS[name]:
        table.problems.note(f"{table.place}.unit", "wrong-type", f"{name} is given in {LIMITS[name]}.")
    found = SourcedLimit(value or 0.0, unit, table.text("source", required=True) or "", _tag(table))
    table.close()
    return name, found


def _tag(table: Table) -> str:
    tag = table.text("tag", required=True) or ""
    if tag:
        _named(table, "tag", tag, TAGS, "evidence tag")
    return tag


def _named(table: Table, key: str, name: str, known: Iterable[str], what: str) -> None:
    names = list(known)
    if name not in names:
        said = f"there is no {what} named {name!r}{closest(name, names)}."
        table.problems.note(f"{table.place}.{key}", "unknown-name", said)


def _once(table: Table, names: list[str]) -> None:
    for name in {each for each in names if names.count(each) > 1}:
        table.problems.note(f"{table.place}.structures", "duplicate-id", f"{name!r} is listed twice.")
