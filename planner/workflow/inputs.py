"""What a signature under a stage covers. Its digest tells later whether that is still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from planner.model.by_identity import ByIdentity
from planner.model.codec import canonical, to_json
from planner.model.items import REGION, PlanItem
from planner.workflow.context import Reads
from planner.workflow.pinning import Basis
from planner.workflow.template import Computed, FieldKind, Profile, Stage, Template
from planner.workflow.values import value_of
from planner.workflow.vocabulary import rules_digest

LESION_REGION = "lesion-region"
"""In ``reads``: regions of lesions as they were marked; organs and copies on other images change nothing."""
LESION_FIELDS = (FieldKind.LESION, FieldKind.LESIONS)

_texts: ByIdentity[str] = ByIdentity()
"""Canonical JSON of items: a lumen or a tree is long, and every stage of every evaluation asks for it."""


def inputs_digest(
    basis: Basis, template: Template, stage: Stage, profile: Profile, reads: Reads, computed: Iterable[Computed]
) -> str:
    """SHA-256 of everything a stage's signature depends on, as canonical JSON.

    A record depends on what was recorded only: its own answers, series and marked items. Laboratory values that arrive
    later and rules that change later leave it as it was.

    Parameters
    ----------
    reads
        What the stage's functions asked for while they were evaluated.
    computed
        What the compute fields of the stage showed.
    """
    inputs: dict[str, Any] = {
        "stage": stage.id,
        "fields": _fields(basis, stage),
    }
    if not stage.phase.is_record:
        inputs |= _judged_by(basis, template, stage, profile, reads, computed)
    read = (item for item in basis.session.items if reads_item(stage, item))
    marked = ",".join(_texts.of(item, partial(_item_text, item)) for item in read)
    parts = {name: canonical(value) for name, value in inputs.items()} | {"items": f"[{marked}]"}
    text = ",".join(f'"{name}":{parts[name]}' for name in sorted(parts))
    return hashlib.sha256(f"{{{text}}}".encode()).hexdigest()


def _judged_by(
    basis: Basis, template: Template, stage: Stage, profile: Profile, reads: Reads, computed: Iterable[Computed]
) -> dict[str, Any]:
    return {
        "lesions": to_json(basis.case.lesions) if _reads_lesions(stage) else None,
        "laboratory": {name: _lab(basis, name) for name in sorted(reads.analytes)},
        "answers": {f"{place}.{name}": _answer(basis, template, place, name) for place, name in sorted(reads.answers)},
        "computed": [[each.id, each.value, each.unit, each.grade] for each in computed],
        "emergency": basis.session.emergency,
        "template": template.digest,
        "profile": profile.digest,
        "rules": rules_digest(),
    }


def reads_item(stage: Stage, item: PlanItem) -> bool:
    """Whether a marked item is among what a stage reads."""
    if item.type in stage.reads:
        return True
    marked = item.body.get("lesion_id") is not None and item.body.get("copy_of") is None
    return LESION_REGION in stage.reads and item.type == REGION and marked


def _fields(basis: Basis, stage: Stage) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for described in stage.fields:
        if described.kind is FieldKind.COMPUTED:
            continue
        if described.kind is FieldKind.LAB:
            if not stage.phase.is_record:
                values[described.id] = _lab(basis, described.analyte or "")
            continue
        value = to_json(value_of(basis.case, basis.session, stage.id, described))
        # An emptied field and one never touched are the same thing to whoever signs.
        if value is not None:
            values[described.id] = value
    return values


def _item_text(item: PlanItem) -> str:
    """Canonical JSON of an item without what only says how it is drawn or that somebody looked at a copy."""
    shown = replace(item, visible=True, inherited_from=None)
    stored: dict[str, Any] = to_json(shown)
    return canonical({**stored, "body": {name: value for name, value in stored["body"].items() if name != "colour"}})


def _lab(basis: Basis, analyte: str) -> Any:
    found = basis.case.latest_lab(analyte, not_after=basis.now.date())
    if found is None:
        return None
    return [found.id, found.comparator, found.value, found.text, found.unit, found.taken_on.isoformat()]


def _answer(basis: Basis, template: Template, place: str, name: str) -> Any:
    stage = next((each for each in template.stages if each.id == place), None)
    described = stage.field(name) if stage else None
    if described is None:
        return to_json(basis.session.answer(place, name))
    if described.kind is FieldKind.LAB:
        return _lab(basis, described.analyte or "")
    return to_json(value_of(basis.case, basis.session, place, described))


def _reads_lesions(stage: Stage) -> bool:
    asked = any(described.kind in LESION_FIELDS for described in stage.fields)
    return asked or "lesion" in stage.tools or bool(stage.reads)
