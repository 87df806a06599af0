"""Needles of a session as stored, and the distances they are judged by. Nothing here looks at an image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from planner.imaging.structures import spoken_name
from planner.model.item_bodies import body_of
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.needle_items import NeedleMeasures, NeedlePathBody
from planner.model.needle_reading import needles_of
from planner.model.needle_rules import NeedleRules, StructureLimit
from planner.workflow.context import StageContext
from planner.workflow.template import FieldKind, Phase, Stage
from procedures.spine.support import as_number, text_of

STRUCTURES = "structures"
SEGMENTED, ABSENT, NOT_SEGMENTED = "segmented", "absent", "not-segmented"
ORGAN = "target_organ"
"""The field that asks for the organ; ``organ`` itself is a condition of templates (that of the lesions)."""
LIVE = "live"
"""Answer of the field ``path_basis`` of the stage ``structures``: guided live, no path was planned on images."""
SAME_MM = 1e-6
"""Limits are typed numbers: closer than this they are the same number."""


@dataclass(frozen=True, slots=True)
class Needle:
    """One needle of the session: the item and its body."""

    item: PlanItem
    body: NeedlePathBody

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def posture_words(self) -> str:
        """``patient prone``: an angle without it says nothing."""
        return f"patient {self.body.posture.replace('-', ' ')}"


@dataclass(frozen=True, slots=True)
class Looked:
    """How one structure to keep away from was looked at.

    Attributes
    ----------
    status
        ``segmented``, ``absent`` or ``not-segmented``, as a person said; None when nobody answered.
    mask
        Whether a region of it, or of one it stands for, lies in the session.
    """

    limit: StructureLimit
    status: str | None
    confirmed_by: str
    mask: bool

    @property
    def absent(self) -> bool:
        """Said to be absent, and nothing is drawn that says otherwise."""
        return self.status == ABSENT and not self.mask

    @property
    def settled(self) -> bool:
        """A mask is there, or a person by name confirmed that there is nothing to draw."""
        return self.mask or (self.absent and bool(self.confirmed_by))


def all_needles(context: StageContext) -> tuple[Needle, ...]:
    """Every needle path of the session."""
    return tuple(Needle(item, body) for item, body in needles_of(context.session.items))


def plan_table(context: StageContext) -> tuple[str, str, str] | None:
    """Stage, table and column in which the plan names its needles; the first one of the plan phase."""
    for stage in context.template.stages:
        if stage.phase is Phase.PLAN:
            found = _needle_column(stage)
            if found is not None:
                return (stage.id, *found)
    return None


def _needle_column(stage: Stage) -> tuple[str, str] | None:
    for described in stage.fields:
        for column in described.columns:
            if column.kind is FieldKind.NEEDLE:
                return described.id, column.id
    return None


def chosen_needles(context: StageContext) -> tuple[Needle, ...]:
    """The needles that the plan names, in its order; other paths of the session are candidates that were not taken."""
    place = plan_table(context)
    if place is None:
        return ()
    stage, table, column = place
    known = {each.item.id: each for each in all_needles(context)}
    names = [row.get(column) for row in context.rows(table, stage)]
    return tuple(known[name] for name in dict.fromkeys(names) if isinstance(name, str) and name in known)


def is_live(context: StageContext) -> bool:
    """Whether the needle is guided live, without a path planned on images; only where the template asks for it."""
    return bool(context.value("path_basis", STRUCTURES) == LIVE)


def lesion_organs(context: StageContext) -> set[str]:
    """Organs of the lesions that the session is about."""
    chosen = context.value("target_lesions", "images_lesions") or ()
    return {each.organ for each in context.case.lesions if each.id in chosen}


def target_organ(context: StageContext) -> str | None:
    """The organ that decides the distances: the lesions', as paths are measured by it; else what the template asks."""
    organs = lesion_organs(context)
    if len(organs) == 1:
        return organs.pop()
    for stage in context.template.stages:
        if stage.field(ORGAN) is not None and not organs:
            answer = context.value(ORGAN, stage.id)
            return answer if isinstance(answer, str) else None
    return None


def template_rules(context: StageContext) -> NeedleRules | None:
    """The distances of the template for the target's organ; every one of them while the organ is unknown."""
    rules, organ = context.template.needle, target_organ(context)
    return rules if rules is None or organ is None else rules.for_organ(organ)


def structure_row(context: StageContext, key: str) -> dict[str, object]:
    """The row of a structure in the table of the stage ``structures``; empty when there is none."""
    rows = context.rows(STRUCTURES, STRUCTURES)
    return next((row for row in rows if text_of(row.get("structure")) == key), {})


def effective_limits(context: StageContext) -> tuple[StructureLimit, ...]:
    """The template's distances with what this session changed, then those that only the session names."""
    rules = template_rules(context)
    own = tuple(_changed(each, structure_row(context, each.structure)) for each in rules.structures) if rules else ()
    named = {each.structure for each in own}
    return (*own, *(each for row in context.rows(STRUCTURES, STRUCTURES) if (each := _added(row, named)) is not None))


def _changed(limit: StructureLimit, row: dict[str, object]) -> StructureLimit:
    hard, desired = as_number(row.get("hard_mm")), as_number(row.get("desired_mm"))
    kept = limit.hard_mm if hard is None else hard
    return replace(limit, hard_mm=kept, desired_mm=max(kept, limit.desired_mm if desired is None else desired))


def _added(row: dict[str, object], named: set[str]) -> StructureLimit | None:
    """A structure that only this session names; without a distance it limits nothing."""
    key, hard, desired = text_of(row.get("structure")), as_number(row.get("hard_mm")), as_number(row.get("desired_mm"))
    if not key or key in named or hard is None:
        return None
    return StructureLimit(key, hard, max(hard, hard if desired is None else desired), "set in this session", "P")


def looked_at(context: StageContext) -> tuple[Looked, ...]:
    """Each structure of the template with what was said about it and whether its mask is there."""
    masks = region_structures(context)
    found = []
    for limit in effective_limits(context):
        row = structure_row(context, limit.structure)
        status = text_of(row.get("status")) or None
        mask = bool({limit.structure, *limit.stands_for} & masks)
        found.append(Looked(limit, status, text_of(row.get("confirmed_by")), mask))
    return tuple(found)


def region_structures(context: StageContext) -> set[str]:
    """Structures of which a region lies in the session."""
    bodies = (body_of(RegionBody, REGION, item) for item in context.session.items if item.type == REGION)
    return {body.structure for body in bodies if body.structure is not None}


def changed_since(needle: Needle, looked: Iterable[Looked]) -> str | None:
    """Why what was measured along a needle no longer holds; None while it does, as far as stored values tell.

    A mask that was repainted makes the signature of the stage stale, because the stage reads regions.
    """
    measured = needle.body.measured
    if measured is None:
        return None
    for each in looked:
        name, key = spoken_name(each.limit.structure), nearest(measured, each.limit)[0]
        if each.mask and key is None:
            return f"{name} was segmented since"
        if not each.mask and key is not None:
            return f"{name} is no longer segmented"
        if each.limit.required and not each.mask and not each.absent and each.limit.structure in measured.absent:
            return f"{name} is no longer confirmed absent"
        if key is not None and _limits_differ(measured, key, each.limit):
            return f"the distance to {name} was changed since"
    return None


def _limits_differ(measured: NeedleMeasures, key: str, limit: StructureLimit) -> bool:
    stored = ((measured.hard_mm.get(key), limit.hard_mm), (measured.desired_mm.get(key), limit.desired_mm))
    return any(before is not None and abs(before - now) > SAME_MM for before, now in stored)


def nearest(measured: NeedleMeasures, limit: StructureLimit) -> tuple[str | None, float | None]:
    """The structure of a row that lies nearest to the shaft, with its distance in mm; None where none was measured."""
    keys = (limit.structure, *limit.stands_for)
    known = {key: found for key in keys if (found := measured.clearances_mm.get(key)) is not None}
    key = min(known, key=lambda each: known[each], default=None)
    return (None, None) if key is None else (key, known[key])
