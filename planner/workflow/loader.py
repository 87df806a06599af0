"""Templates from their folders: files are read, extended by what includes them, and every name in them is resolved.

The core knows no procedure. A package named in a template is imported by name, and only its ``REGISTRY`` is used.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from planner.errors import InputRefused
from planner.model.codec import canonical
from planner.model.needle_rules import NeedleRules
from planner.workflow.needle_parsing import parse_needle_rules
from planner.workflow.parsing import (
    StageDraft,
    finished_stage,
    parse_last_time,
    parse_ledger,
    parse_lesion_records,
    parse_stage,
    parse_techniques,
)
from planner.workflow.reading import Problem, Problems, TemplateRefused, plain, read_toml
from planner.workflow.registry import FunctionRegistry
from planner.workflow.template import Choice, LastTimeRule, LedgerRule, LesionRule, Profile, Stage, Template
from planner.workflow.validation import Surroundings, among, unique, validate_mappings, validate_stage
from planner.workflow.vocabulary import Vocabulary, shipped_vocabulary

TEMPLATE_FILE = "template.toml"
ALL_EARLIER = "*"
"""In ``after``: every stage before this one."""

Registries = Callable[[str], FunctionRegistry]
_PACKAGE = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")


def imported_registry(package: str) -> FunctionRegistry:
    """The ``REGISTRY`` of ``PACKAGE.functions``.

    Raises
    ------
    InputRefused
        ``unknown-package`` when there is no such package or it registers nothing.
    """
    said = f"the package {package!r} offers no functions.REGISTRY; check the package name of the template"
    if not _PACKAGE.fullmatch(package):
        raise InputRefused("unknown-package", f"{package!r} is not the name of a package", subject=package)
    try:
        found = getattr(importlib.import_module(f"{package}.functions"), "REGISTRY", None)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{package}.functions".startswith(error.name):
            raise
        raise InputRefused("unknown-package", said, subject=package) from error
    if not isinstance(found, FunctionRegistry):
        raise InputRefused("unknown-package", said, subject=package)
    return found


@dataclass(slots=True)
class _Draft:
    """What the files of a template say together, included files first."""

    stages: dict[str, StageDraft] = field(default_factory=dict)
    order: tuple[str, ...] | None = None
    techniques: tuple[Choice, ...] = ()
    last_time: tuple[LastTimeRule, ...] = ()
    ledger: tuple[LedgerRule, ...] = ()
    lesion_records: tuple[LesionRule, ...] = ()
    needle: NeedleRules | None = None
    packages: list[str] = field(default_factory=list)
    contents: list[object] = field(default_factory=list)
    head: dict[str, str] = field(default_factory=dict)


def load_template(
    folder: Path,
    profiles: Mapping[str, Profile],
    *,
    registries: Registries = imported_registry,
    vocabulary: Vocabulary | None = None,
) -> Template:
    """One template with what it includes.

    Parameters
    ----------
    folder
        Holds ``template.toml``; included packages lie beside it (``procedures.spine`` in ``../spine``).
    profiles
        Every shipped profile: a limit that a check names must exist in each of them.
    registries
        Package name -> its registered functions.

    Raises
    ------
    TemplateRefused
        With every problem of the template.
    """
    problems = Problems()
    template = _load(folder, profiles, registries, vocabulary or shipped_vocabulary(), problems)
    problems.raise_if_any(folder.name)
    assert template is not None
    return template


def lint_template(
    folder: Path,
    profiles: Mapping[str, Profile],
    *,
    registries: Registries = imported_registry,
    vocabulary: Vocabulary | None = None,
) -> tuple[Problem, ...]:
    """Everything that is wrong in a template; empty when it would load."""
    problems = Problems()
    _load(folder, profiles, registries, vocabulary or shipped_vocabulary(), problems)
    return tuple(problems.found)


def load_templates(
    root: Path,
    profiles: Mapping[str, Profile],
    *,
    registries: Registries = imported_registry,
    vocabulary: Vocabulary | None = None,
) -> dict[str, Template]:
    """Every template below a folder by id; one that another includes is not offered by itself.

    Raises
    ------
    TemplateRefused
        With every problem of every template.
    """
    problems = Problems()
    folders = sorted(path.parent for path in root.glob(f"*/{TEMPLATE_FILE}"))
    included = {name for folder in folders for name in _includes_of(folder)}
    found: dict[str, Template] = {}
    for folder in folders:
        if folder.name in included:
            continue
        template = _load(folder, profiles, registries, vocabulary or shipped_vocabulary(), problems)
        if template is not None and template.id in found:
            said = f"the template {template.id!r} exists twice."
            problems.note(f"{folder.name}/{TEMPLATE_FILE}", "duplicate-id", said)
        elif template is not None:
            found[template.id] = template
    problems.raise_if_any(root.name)
    beside: dict[str, Template] = {}
    beside.update({name: replace(template, beside=MappingProxyType(beside)) for name, template in found.items()})
    return beside


def _includes_of(folder: Path) -> tuple[str, ...]:
    top = read_toml(folder / TEMPLATE_FILE, Problems())
    head = top.table("template") if top else None
    return tuple(name.rpartition(".")[2] for name in head.texts("includes")) if head else ()


def _load(
    folder: Path,
    profiles: Mapping[str, Profile],
    registries: Registries,
    vocabulary: Vocabulary,
    problems: Problems,
) -> Template | None:
    before = len(problems.found)
    draft = _Draft()
    _read_file(folder, draft, problems, chain=())
    if not draft.head or not draft.packages:
        return None
    place = f"{folder.name}/{TEMPLATE_FILE}"
    registry = _registry(draft.packages, registries, place, problems)
    stages = _ordered(draft, place, problems)
    template = Template(
        id=draft.head["id"],
        title=draft.head["title"],
        version=draft.head["version"],
        digest=hashlib.sha256(canonical(draft.contents).encode()).hexdigest(),
        stages=stages,
        check_functions=MappingProxyType(registry.checks),
        compute_functions=MappingProxyType(registry.computes),
        techniques=draft.techniques,
        description=draft.head.get("description", ""),
        packages=tuple(reversed(draft.packages)),
        last_time=draft.last_time,
        ledger=draft.ledger,
        lesion_records=draft.lesion_records,
        needle=draft.needle,
    )
    techniques = frozenset(choice.code for choice in draft.techniques)
    around = Surroundings(vocabulary, profiles, techniques, registry, {stage.id: stage for stage in stages})
    for stage in stages:
        validate_stage(stage, draft.stages[stage.id], around, problems)
    validate_mappings(template, place, vocabulary, problems)
    return template if len(problems.found) == before else None


def _read_file(folder: Path, draft: _Draft, problems: Problems, chain: tuple[str, ...]) -> None:
    top = read_toml(folder / TEMPLATE_FILE, problems)
    if top is None:
        return
    head = top.table("template")
    if head is None:
        problems.note(top.place, "missing-key", "the table [template] is missing.")
        return
    texts = {key: head.text(key, required=True) for key in ("id", "title", "version", "package")}
    texts["description"] = head.text("description")
    includes = head.texts("includes")
    order = head.texts("order") if "order" in head.data else None
    techniques = parse_techniques(head)
    head.close()
    for name in includes:
        inner = name.rpartition(".")[2]
        if inner in (*chain, folder.name):
            problems.note(f"{head.place}.includes", "circular", f"{name!r} includes itself in the end.")
        elif not _PACKAGE.fullmatch(name):
            problems.note(f"{head.place}.includes", "unknown-name", f"{name!r} is not the name of a package.")
        else:
            _read_file(_folder_of(name, folder), draft, problems, (*chain, folder.name))
    for stage_id, table in top.named_tables("stages").items():
        draft.stages[stage_id] = parse_stage(stage_id, table, draft.stages.get(stage_id))
    draft.last_time += parse_last_time(top)
    draft.ledger += parse_ledger(top)
    draft.lesion_records += parse_lesion_records(top)
    draft.needle = parse_needle_rules(top) or draft.needle
    top.close()
    draft.order = order
    draft.techniques += techniques
    draft.contents.append(plain(top.data))
    draft.head = {key: value for key, value in texts.items() if value}
    if len(draft.head.keys() & {"id", "title", "version", "package"}) < 4:
        draft.head = {}
    elif texts["package"] not in draft.packages:
        draft.packages.append(draft.head["package"])


def _folder_of(package: str, including: Path) -> Path:
    """Beside the including folder; a template that lies elsewhere may include an installed package."""
    beside = including.parent / package.rpartition(".")[2]
    if (beside / TEMPLATE_FILE).exists():
        return beside
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else beside


def _registry(packages: list[str], registries: Registries, place: str, problems: Problems) -> FunctionRegistry:
    """The functions of the packages together. A name registered twice would depend on the order, so it is a problem."""
    together = FunctionRegistry(packages[-1])
    for package in packages:
        try:
            found = registries(package)
        except InputRefused as error:
            problems.note(f"{place}.template.package", error.code, f"{error.message}.")
            continue
        for kind, mine, theirs in (
            ("check", set(together.checks), set(found.checks)),
            ("compute", set(together.computes), set(found.computes)),
        ):
            for name in sorted(mine & theirs):
                said = f"the {kind} function {name!r} is registered by {package} and by a package it includes."
                problems.note(f"{place}.template.package", "duplicate-id", said)
        together.checks.update(found.checks)
        together.computes.update(found.computes)
    return together


def _ordered(draft: _Draft, place: str, problems: Problems) -> tuple[Stage, ...]:
    order = draft.order if draft.order is not None else tuple(draft.stages)
    where = f"{place}.template.order"
    unique([(where, name) for name in order], problems, "stage")
    for name in order:
        among(where, name, draft.stages, "stage", problems)
    for name in draft.stages:
        if name not in order:
            problems.note(where, "missing-stage", f"the stage {name!r} has no place in the order.")
    stages: list[Stage] = []
    for name in dict.fromkeys(order):
        if name in draft.stages:
            earlier = [each.id for each in stages]
            stage = finished_stage(draft.stages[name], earlier[-1] if earlier else None, problems)
            if stage is not None:
                stages.append(_with_after(stage, earlier, draft.stages[name].place, problems))
    if sum(stage.freezes for stage in stages) > 1:
        problems.note(where, "two-time-outs", "only one stage can be the time-out.")
    return tuple(stages)


def _with_after(stage: Stage, earlier: list[str], place: str, problems: Problems) -> Stage:
    if ALL_EARLIER in stage.after:
        return replace(stage, after=tuple(earlier))
    for name in stage.after:
        among(f"{place}.after", name, earlier, "earlier stage", problems)
    return stage


__all__ = [
    "Registries",
    "TemplateRefused",
    "imported_registry",
    "lint_template",
    "load_template",
    "load_templates",
]
