"""From TOML tables to stages, fields and checks. Names are resolved later (`planner.workflow.validation`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from planner.workflow.reading import Problems, Table, closest, plain
from planner.workflow.template import (
    Check,
    Choice,
    Field,
    FieldKind,
    Inherit,
    LastTimeRule,
    LedgerRule,
    LesionRule,
    Phase,
    Stage,
)

Kind = TypeVar("Kind", bound=StrEnum)
ACTS = ("advice", "warn", "ask", "refuse")


@dataclass(slots=True)
class StageDraft:
    """A stage as the files say it, before an including file has finished extending it."""

    id: str
    place: str
    scalars: dict[str, Any] = field(default_factory=dict)
    fields: list[tuple[str, Field]] = field(default_factory=list)
    checks: list[tuple[str, Check]] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    drawer: list[str] = field(default_factory=list)
    not_checked: dict[str, str | None] = field(default_factory=dict)


def parse_stage(stage_id: str, table: Table, draft: StageDraft | None) -> StageDraft:
    """Read one ``[stages.NAME]``; `draft` is the included stage that it extends, or None."""
    draft = draft or StageDraft(stage_id, table.place)
    scalars: dict[str, Any] = {
        "title": table.text("title"),
        "phase": _enumerated(table, "phase", Phase),
        "purpose": table.text("purpose"),
        "fills": table.text("fills"),
        "layout": table.text("layout"),
    }
    for key in ("signs", "after"):
        scalars[key] = table.texts(key) if key in table.data else None
    for key in ("emergency", "freezes"):
        scalars[key] = table.flag(key) if key in table.data else None
    draft.scalars.update({key: value for key, value in scalars.items() if value is not None})
    draft.fields += [(each.place, parse_field(each)) for each in table.tables("fields")]
    draft.checks += [(each.place, parse_check(each)) for each in table.tables("checks")]
    for key, target in (("tools", draft.tools), ("reads", draft.reads), ("drawer", draft.drawer)):
        target.extend(name for name in table.texts(key) if name not in target)
    for number, entry in enumerate(table.listed("not_checked")):
        _not_checked(f"{table.place}.not_checked[{number}]", entry, draft, table.problems)
    table.close()
    return draft


def _not_checked(place: str, entry: Any, draft: StageDraft, problems: Problems) -> None:
    if isinstance(entry, str):
        draft.not_checked[entry] = None
        return
    if not isinstance(entry, Mapping):
        problems.note(place, "wrong-type", "expected text, or a table of text and field.")
        return
    table = Table(place, entry, problems)
    text = table.text("text", required=True)
    answered_by = table.text("field", required=True)
    table.close()
    if text:
        draft.not_checked[text] = answered_by


def finished_stage(draft: StageDraft, before: str | None, problems: Problems) -> Stage | None:
    """The stage of a draft; None, with problems noted, when something required is missing."""
    scalars = draft.scalars
    missing = [key for key in ("title", "phase", "fills", "layout") if not scalars.get(key)]
    for key in missing:
        problems.note(draft.place, "missing-key", f"{key} is missing or empty.")
    if missing:
        return None
    after = scalars.get("after")
    return Stage(
        id=draft.id,
        title=scalars["title"],
        phase=scalars["phase"],
        purpose=scalars.get("purpose", ""),
        fills=scalars["fills"],
        signs=tuple(scalars.get("signs", ())),
        layout=scalars["layout"],
        fields=tuple(each for _, each in draft.fields),
        checks=tuple(each for _, each in draft.checks),
        tools=tuple(draft.tools),
        reads=tuple(draft.reads),
        after=tuple(after) if after is not None else (before,) if before else (),
        drawer=tuple(draft.drawer),
        emergency=scalars.get("emergency", False),
        freezes=scalars.get("freezes", False),
        warns_not_checked=tuple(draft.not_checked),
        checked_by=MappingProxyType({text: name for text, name in draft.not_checked.items() if name}),
    )


def parse_field(table: Table, *, column: bool = False) -> Field:
    """One field of a form, or one column of a table field."""
    kind = _enumerated(table, "kind", FieldKind, required=True) or FieldKind.TEXT
    described = Field(
        id=table.text("id", required=True) or "",
        label=table.text("label", required=True) or "",
        kind=kind,
        unit=table.text("unit"),
        choices=_choices(table, "choices"),
        columns=() if column else tuple(parse_field(each, column=True) for each in table.tables("columns")),
        analyte=table.text("analyte"),
        binds=table.text("binds"),
        role=table.text("role"),
        compute=table.text("compute"),
        minimum=table.number("minimum"),
        maximum=table.number("maximum"),
        required=table.flag("required"),
        emergency=table.flag("emergency"),
        never_prefill=table.flag("never_prefill"),
        inherit=_enumerated(table, "inherit", Inherit) or Inherit.REVIEW,
        window=table.text("window"),
        applies_if=_conditions(table),
        help=table.text("help") or "",
        source=table.text("source"),
        tag=table.text("tag"),
    )
    table.close()
    return described


def parse_check(table: Table) -> Check:
    """One gate of a stage; it must say where it comes from and how well that was read."""
    acts_as = table.text("acts_as", required=True)
    if acts_as is not None and acts_as not in ACTS:
        table.problems.note(f"{table.place}.acts_as", "unknown-name", f"must be one of {', '.join(ACTS)}.")
    parameters = table.table("parameters")
    check = Check(
        id=table.text("id", required=True) or "",
        function=table.text("function", required=True) or "",
        title=table.text("title", required=True) or "",
        acts_as=acts_as or "refuse",
        source=table.text("source", required=True) or "",
        tag=table.text("tag", required=True) or "",
        parameters=MappingProxyType(plain(parameters.data) if parameters else {}),
        applies_if=_conditions(table),
        emergency=table.flag("emergency"),
    )
    table.close()
    return check


def _enumerated(table: Table, key: str, kind: type[Kind], *, required: bool = False) -> Kind | None:
    text = table.text(key, required=required)
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        known = [each.value for each in kind]
        said = f"{text!r} is not one of {', '.join(known)}{closest(text, known)}."
        table.problems.note(f"{table.place}.{key}", "unknown-name", said)
        return None


def _choices(table: Table, key: str) -> tuple[Choice, ...]:
    read = []
    for each in table.tables(key):
        read.append(Choice(each.text("code", required=True) or "", each.text("label", required=True) or ""))
        each.close()
    return tuple(read)


def _conditions(table: Table, key: str = "applies_if") -> Mapping[str, tuple[str, ...]]:
    inner = table.table(key)
    if inner is None:
        return MappingProxyType({})
    return MappingProxyType({name: inner.texts(name) for name in inner.data})


def parse_techniques(table: Table) -> tuple[Choice, ...]:
    return _choices(table, "techniques")


def parse_last_time(table: Table) -> tuple[LastTimeRule, ...]:
    """``[[last_time]]``: label, stage, field, column."""
    read = []
    for each in table.tables("last_time"):
        texts = {key: each.text(key, required=True) or "" for key in ("label", "stage", "field")}
        read.append(LastTimeRule(**texts, column=each.text("column")))
        each.close()
    return tuple(read)


def parse_lesion_records(table: Table) -> tuple[LesionRule, ...]:
    """``[[lesion_records]]``: stage, field, says (treated or untreated), column, why, unless."""
    read = []
    for each in table.tables("lesion_records"):
        says = each.text("says", required=True)
        if says not in (None, "treated", "untreated"):
            each.problems.note(f"{each.place}.says", "unknown-name", "must be treated or untreated.")
        rule = LesionRule(
            stage=each.text("stage", required=True) or "",
            field=each.text("field", required=True) or "",
            treated=says == "treated",
            column=each.text("column"),
            why=each.text("why"),
            unless=_conditions(each, "unless"),
        )
        read.append(rule)
        each.close()
    return tuple(read)


def parse_ledger(table: Table) -> tuple[LedgerRule, ...]:
    """``[[ledger]]``: stage, amount_field, unit, what it is and where; `planned` says where the plan gives the most."""
    read = []
    for each in table.tables("ledger"):
        unit = each.text("unit", required=True) or ""
        rule = _ledger_rule(each, unit, each.text("substance"))
        read.append(replace(rule, planned=tuple(_planned(part, rule) for part in each.tables("planned"))))
        each.close()
    return tuple(read)


def _planned(table: Table, given: LedgerRule) -> LedgerRule:
    """Where the plan of the same amount stands: keys as above; unit, and a fixed substance, are those of the record."""
    rule = _ledger_rule(table, given.unit, given.substance)
    table.close()
    return rule


def _ledger_rule(table: Table, unit: str, substance: str | None) -> LedgerRule:
    rule = LedgerRule(
        stage=table.text("stage", required=True) or "",
        amount_field=table.text("amount_field", required=True) or "",
        unit=unit,
        substance=substance,
        substance_field=table.text("substance_field"),
        column=table.text("column"),
        drug_class_field=table.text("drug_class_field"),
        area=table.text("area"),
        place_field=table.text("place_field"),
    )
    if (rule.substance is None) == (rule.substance_field is None):
        table.problems.note(table.place, "missing-key", "give either substance or substance_field.")
    return rule
