"""Every name in a template is resolved at load; what does not resolve is a problem with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from planner.model.codec import hints_of
from planner.model.disease import LesionListConfirmation
from planner.model.items import KEY_IMAGE, MEASUREMENT, REGION, VESSEL_PATH
from planner.model.needle_items import ABLATION_MARGIN, NEEDLE_PATH, VERTEBRA
from planner.model.run_items import KEY_FRAME, RUN_CALIBRATION, RUN_MEASUREMENT, RUN_VIEW
from planner.model.vessel_items import CATHETER_POSITION, FEEDERS, LUMEN, STENT, VESSEL_TREE
from planner.workflow.inputs import LESION_REGION
from planner.workflow.parsing import StageDraft
from planner.workflow.reading import Problems, closest
from planner.workflow.registry import FunctionRegistry
from planner.workflow.template import Check, Field, FieldKind, LedgerRule, Phase, Profile, Stage, Template
from planner.workflow.values import hint_at, row_kind, without_none
from planner.workflow.vocabulary import Vocabulary

TAGS = ("S", "S2", "M", "P", "calc")
"""How well the source was read; see `planner.findings.Finding.tag`."""
MARKED_ITEMS = (
    *(REGION, VESSEL_PATH, MEASUREMENT, KEY_IMAGE),
    *(RUN_VIEW, RUN_CALIBRATION, RUN_MEASUREMENT, KEY_FRAME),
    *(NEEDLE_PATH, ABLATION_MARGIN, VERTEBRA),
    *(VESSEL_TREE, FEEDERS, CATHETER_POSITION, LUMEN, STENT),
    LESION_REGION,
)
NUMBERS = (FieldKind.NUMBER, FieldKind.INTEGER)
CHOOSING = (FieldKind.CHOICE, FieldKind.CHOICES)
YES_NO_CODES = {
    FieldKind.YES_NO: frozenset({"yes", "no"}),
    FieldKind.YES_NO_UNKNOWN: frozenset({"yes", "no", "unknown"}),
}
ALWAYS_KNOWN_KEYS = ("technique", "histology", "organ", "profile")
SCALARS: Mapping[FieldKind, tuple[type, ...]] = {
    FieldKind.NUMBER: (float,),
    FieldKind.INTEGER: (int, float),
    FieldKind.DATE: (date,),
    FieldKind.DATETIME: (datetime,),
}


@dataclass(frozen=True)
class Surroundings:
    """What the names of a template are resolved against."""

    vocabulary: Vocabulary
    profiles: Mapping[str, Profile]
    techniques: frozenset[str]
    registry: FunctionRegistry
    stages: Mapping[str, Stage]

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name but a limit's that a check may be given: what is measured, ruled, staged, asked or chosen."""
        known = {*self.vocabulary.analytes, *self.vocabulary.rules, *self.stages, *self.techniques}
        known |= self.vocabulary.series_roles | self.vocabulary.histologies | set(MARKED_ITEMS)
        known |= YES_NO_CODES[FieldKind.YES_NO_UNKNOWN]
        for stage in self.stages.values():
            for each in stage.fields:
                parts = {each.id, *(column.id for column in each.columns)}
                codes = {choice.code for choice in (*each.choices, *(c for col in each.columns for c in col.choices))}
                known |= parts | codes | {f"{stage.id}.{part}" for part in parts}
        return frozenset(known)

    @cached_property
    def limits(self) -> frozenset[str]:
        """Limits that any profile has."""
        return frozenset(name for profile in self.profiles.values() for name in profile.limits)


def unique(places: Iterable[tuple[str, str]], problems: Problems, what: str) -> None:
    """Ids that appear twice are problems at their second place."""
    seen: set[str] = set()
    for place, identity in places:
        if identity in seen:
            problems.note(place, "duplicate-id", f"the {what} {identity!r} appears twice.")
        seen.add(identity)


def among(place: str, name: str, known: Iterable[str], what: str, problems: Problems) -> None:
    """Note a name that is none of the known ones."""
    names = set(known)
    if name not in names:
        problems.note(place, "unknown-name", f"there is no {what} named {name!r}{closest(name, names)}.")


def validate_stage(stage: Stage, draft: StageDraft, around: Surroundings, problems: Problems) -> None:
    """Resolve every name of one stage."""
    place = draft.place
    among(f"{place}.layout", stage.layout, around.vocabulary.layouts, "layout", problems)
    among(f"{place}.fills", stage.fills, around.vocabulary.roles, "role", problems)
    for role in stage.signs:
        among(f"{place}.signs", role, around.vocabulary.roles, "role", problems)
    for tool in stage.tools:
        among(f"{place}.tools", tool, around.vocabulary.tools, "tool", problems)
    for kind in stage.reads:
        among(f"{place}.reads", kind, MARKED_ITEMS, "item type", problems)
    for rule in stage.drawer:
        among(f"{place}.drawer", rule, around.vocabulary.rules, "rule", problems)
    for text, name in stage.checked_by.items():
        among(f"{place}.not_checked ({text})", name, {each.id for each in stage.fields}, "field", problems)
    if stage.freezes and stage.phase is not Phase.DAY:
        problems.note(place, "wrong-phase", "only a stage of the phase day can be the time-out.")
    unique([(where, each.id) for where, each in draft.fields], problems, "field")
    unique([(where, each.id) for where, each in draft.checks], problems, "check")
    for where, each in draft.fields:
        _validate_field(where, each, stage, around, problems)
    for where, check in draft.checks:
        _validate_check(where, check, stage, around, problems)


def _validate_field(place: str, described: Field, stage: Stage, around: Surroundings, problems: Problems) -> None:
    _validate_shape(place, described, around.vocabulary, problems)
    if described.kind is FieldKind.LAB:
        among(f"{place}.analyte", described.analyte or "", around.vocabulary.analytes, "analyte", problems)
    if described.kind is FieldKind.SERIES:
        among(f"{place}.role", described.role or "", around.vocabulary.series_roles, "series role", problems)
    if described.kind is FieldKind.COMPUTED:
        among(f"{place}.compute", described.compute or "", around.registry.computes, "compute function", problems)
    if described.kind is FieldKind.TABLE:
        _validate_columns(place, described, around.vocabulary, problems)
    if described.window is not None:
        _validate_limit(f"{place}.window", described.window, around.profiles, problems)
    if described.binds is not None:
        _validate_binding(f"{place}.binds", described, problems)
    if described.tag is not None:
        among(f"{place}.tag", described.tag, TAGS, "evidence tag", problems)
    _validate_conditions(place, described.applies_if, stage, around, problems)


def _validate_shape(place: str, described: Field, vocabulary: Vocabulary, problems: Problems) -> None:
    """Keys that belong together: numbers with units, choices with codes, each kind with what it needs and no more."""
    if described.kind is FieldKind.NUMBER and described.unit is None:
        problems.note(place, "missing-key", 'a number needs a unit (UCUM; "1" for counts and ratios).')
    if described.unit is not None:
        among(f"{place}.unit", described.unit, vocabulary.units, "unit", problems)
    if described.kind in CHOOSING and not described.choices:
        problems.note(place, "missing-key", "choices are missing.")
    unique([(place, each.code) for each in described.choices], problems, "choice")
    belongs = {
        "choices": (bool(described.choices), CHOOSING),
        "columns": (bool(described.columns), (FieldKind.TABLE,)),
        "analyte": (described.analyte is not None, (FieldKind.LAB,)),
        "role": (described.role is not None, (FieldKind.SERIES,)),
        "compute": (described.compute is not None, (FieldKind.COMPUTED,)),
        "window": (described.window is not None, (FieldKind.LAB,)),
        "minimum": (described.minimum is not None, NUMBERS),
        "maximum": (described.maximum is not None, NUMBERS),
    }
    for key, (given, kinds) in belongs.items():
        if given and described.kind not in kinds:
            problems.note(f"{place}.{key}", "wrong-key", f"{key} does not belong to a field of kind {described.kind}.")
    if described.minimum is not None and described.maximum is not None and described.minimum > described.maximum:
        problems.note(place, "empty-range", "minimum is above maximum: no number would be accepted.")


def _validate_columns(place: str, described: Field, vocabulary: Vocabulary, problems: Problems) -> None:
    if not described.columns:
        problems.note(place, "missing-key", "a table needs columns.")
    unique([(place, each.id) for each in described.columns], problems, "column")
    for column in described.columns:
        where = f"{place}.columns({column.id})"
        _validate_shape(where, column, vocabulary, problems)
        if column.kind in (FieldKind.TABLE, FieldKind.COMPUTED, FieldKind.LAB, FieldKind.SERIES):
            problems.note(where, "wrong-key", f"a column cannot be of kind {column.kind}.")
        if column.applies_if:
            problems.note(where, "wrong-key", "a column is asked in every row; applies_if belongs to fields.")


def _validate_binding(place: str, described: Field, problems: Problems) -> None:
    path = described.binds or ""
    hint = hint_at(path)
    if hint is None:
        problems.note(place, "unknown-name", f"a case has nothing that a form may fill at {path!r}.")
        return
    kind = without_none(hint)
    rows = row_kind(kind)
    if (rows is not None) != (described.kind is FieldKind.TABLE):
        problems.note(place, "wrong-key", f"{path!r} and a field of kind {described.kind} do not fit.")
    elif rows is not None:
        for column in described.columns:
            among(f"{place}({column.id})", column.id, hints_of(rows), f"part of {path}", problems)
    elif kind is LesionListConfirmation:
        if described.kind is not FieldKind.YES_NO:
            problems.note(place, "wrong-key", "the confirmation of the lesion list is a field of kind yes-no.")
    elif kind not in SCALARS.get(described.kind, (str, kind if isinstance(kind, type) else str)):
        problems.note(place, "wrong-key", f"{path!r} does not hold a {described.kind}.")


def _validate_check(place: str, check: Check, stage: Stage, around: Surroundings, problems: Problems) -> None:
    among(f"{place}.function", check.function, around.registry.checks, "check function", problems)
    if check.tag:
        among(f"{place}.tag", check.tag, TAGS, "evidence tag", problems)
    for name, value in check.parameters.items():
        _validate_parameter(f"{place}.parameters.{name}", value, stage, around, problems)
    _validate_conditions(place, check.applies_if, stage, around, problems)


def _validate_parameter(place: str, value: Any, stage: Stage, around: Surroundings, problems: Problems) -> None:
    """Numbers and flags are literals; a text names a limit, an analyte, a rule, a stage, a field or a code."""
    if isinstance(value, list):
        for each in value:
            _validate_parameter(place, each, stage, around, problems)
        return
    if not isinstance(value, str):
        return
    if value in around.limits:
        _validate_limit(place, value, around.profiles, problems)
    elif value not in around.names:
        said = f"{value!r} is neither a limit of the profiles nor an analyte, rule, stage, field or code"
        problems.note(place, "unknown-name", f"{said}{closest(value, around.names | around.limits)}.")


def _validate_limit(place: str, name: str, profiles: Mapping[str, Profile], problems: Problems) -> None:
    for profile in profiles.values():
        if name not in profile.limits:
            said = f"the profile {profile.id} has no limit {name!r}{closest(name, profile.limits)}."
            problems.note(place, "unknown-limit", said)


def _validate_conditions(
    place: str, conditions: Mapping[str, tuple[str, ...]], stage: Stage, around: Surroundings, problems: Problems
) -> None:
    for key, codes in conditions.items():
        where = f"{place}.applies_if.{key}"
        known = _condition_codes(key, stage, around)
        if known is None and key not in ALWAYS_KNOWN_KEYS and stage.field(key) is None:
            keys = {*ALWAYS_KNOWN_KEYS, *(each.id for each in stage.fields)}
            said = f"{key!r} is neither a condition nor a field here{closest(key, keys)}."
            problems.note(where, "unknown-name", said)
        if not codes:
            problems.note(where, "missing-key", "an empty list would never apply.")
        for code in codes if known is not None else ():
            among(where, code, known or (), f"code of {key}", problems)


def _condition_codes(key: str, stage: Stage, around: Surroundings) -> frozenset[str] | None:
    """The codes a condition may name; None where any text goes."""
    if key == "technique":
        return around.techniques
    if key == "histology":
        return around.vocabulary.histologies
    if key == "profile":
        return frozenset(around.profiles)
    described = stage.field(key)
    if described is None:
        return None
    if described.kind in CHOOSING:
        return frozenset(choice.code for choice in described.choices)
    return YES_NO_CODES.get(described.kind)


def validate_mappings(template: Template, place: str, vocabulary: Vocabulary, problems: Problems) -> None:
    """The *last time* card and the ledger point at fields and columns that exist."""
    for number, line in enumerate(template.last_time):
        _pointed(f"{place}.last_time[{number}]", template, line.stage, line.field, line.column, problems)
    for number, each in enumerate(template.lesion_records):
        for column in (each.column, each.why, *(each.unless or {})):
            _pointed(f"{place}.lesion_records[{number}]", template, each.stage, each.field, column, problems)
    for number, rule in enumerate(template.ledger):
        where = f"{place}.ledger[{number}]"
        among(f"{where}.unit", rule.unit, vocabulary.units, "unit", problems)
        _ledger_rule(where, template, rule, problems)
        for planned in rule.planned:
            _ledger_rule(f"{where}.planned", template, planned, problems)


def _ledger_rule(where: str, template: Template, rule: LedgerRule, problems: Problems) -> None:
    _pointed(where, template, rule.stage, rule.amount_field, rule.column, problems)
    for name in (rule.substance_field, rule.drug_class_field):
        if name is not None and rule.column is not None:
            _pointed(where, template, rule.stage, rule.amount_field, name, problems)
        elif name is not None:
            _pointed(where, template, rule.stage, name, None, problems)
    if rule.place_field is not None:
        _pointed(f"{where}.place_field", template, rule.stage, rule.place_field, None, problems)
    if rule.area is not None:
        stage, _, name = rule.area.partition(".")
        _pointed(f"{where}.area", template, stage, name, None, problems)


def _pointed(place: str, template: Template, stage: str, name: str, column: str | None, problems: Problems) -> None:
    found = next((each for each in template.stages if each.id == stage), None)
    if found is None:
        among(place, stage, (each.id for each in template.stages), "stage", problems)
        return
    described = found.field(name)
    if described is None:
        among(place, name, (each.id for each in found.fields), f"field in {stage}", problems)
    elif column is not None:
        among(place, column, (each.id for each in described.columns), f"column in {stage}.{name}", problems)
