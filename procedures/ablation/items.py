"""What the checks of an ablation read: targets, organs, needles and margins of the session. Lengths are mm."""

from __future__ import annotations

from typing import Any

from planner.findings import Finding
from planner.model.disease import Lesion
from planner.model.items import PlanItem
from planner.model.needle_items import ACHIEVED, PLANNED, AblationMarginBody, NeedlePathBody
from planner.model.needle_reading import margins_of, needles_of
from planner.model.needle_rules import NeedleRules, SourcedLimit
from planner.workflow.context import StageContext
from procedures.spine.support import choices_of

PURPOSE = "ablation"
DONE = ("done", "changed", "added")
"""Statuses of rows of the record that say that something happened."""

Needles = tuple[tuple[PlanItem, NeedlePathBody], ...]
Margins = tuple[tuple[PlanItem, AblationMarginBody], ...]


def target_lesions(context: StageContext) -> tuple[Lesion, ...]:
    """The lesions this session is about; every lesion of the list when none was chosen."""
    chosen = choices_of(context.value("target_lesions", "images_lesions"))
    named = tuple(each for each in context.case.lesions if each.id in chosen)
    return named or context.case.lesions


def longest_mm(lesion: Lesion) -> float | None:
    """The longest diameter of the newest observation that has one."""
    measured = [seen for seen in lesion.observations if seen.longest_mm is not None]
    newest = max(measured, key=lambda seen: seen.study_date, default=None)
    return None if newest is None else newest.longest_mm


def lesion_name(context: StageContext, lesion_id: Any) -> str:
    found = context.case.lesion(str(lesion_id)) if lesion_id else None
    return found.name if found else str(lesion_id or "a target without name")


def organs_of(context: StageContext) -> tuple[str, ...]:
    """The organ packs as chosen; those of the target lesions while none is."""
    chosen = choices_of(context.value("organ_pack", "target"))
    return chosen or tuple(dict.fromkeys(each.organ for each in target_lesions(context)))


def technique(context: StageContext) -> str | None:
    found = context.value("technique", "modality")
    return str(found) if found else None


def all_needles(context: StageContext) -> Needles:
    """Every needle of the session, those for a biopsy or a drain too."""
    return needles_of(context.session.items)


def planned(context: StageContext) -> Margins:
    return margins_of(context.session.items, PLANNED)


def achieved(context: StageContext) -> Margins:
    return margins_of(context.session.items, ACHIEVED)


def lesion_of_needle(context: StageContext, item: PlanItem, body: NeedlePathBody) -> tuple[str, ...]:
    """The lesions a needle is for: as it says itself, as its region says, and as the table of the stage says."""
    named = set(body.lesion_ids)
    region = context.session.item(body.region_id) if body.region_id else None
    lesion = region.body.get("lesion_id") if region else None
    if isinstance(lesion, str):
        named.add(lesion)
    rows = context.rows("needles", "paths")
    named |= {str(row["lesion"]) for row in rows if row.get("needle") == item.id and row.get("lesion")}
    return tuple(sorted(named))


def lesion_of_margin(context: StageContext, body: AblationMarginBody) -> str | None:
    if body.lesion_id is not None:
        return body.lesion_id
    region = context.session.item(body.region_id)
    lesion = region.body.get("lesion_id") if region else None
    return lesion if isinstance(lesion, str) else None


def needle_name(context: StageContext, needle_id: Any) -> str:
    item = context.session.item(str(needle_id)) if needle_id else None
    return item.name if item else str(needle_id or "a needle without name")


def rules_of(context: StageContext) -> NeedleRules:
    """The ``[needle]`` part of the template."""
    return context.template.needle or NeedleRules(PURPOSE)


def needle_limit(context: StageContext, name: str) -> SourcedLimit:
    """A limit of the ``[needle]`` part; the template of ablation has every one that is asked for here."""
    found = rules_of(context).limit(name)
    if found is None:
        raise KeyError(name)
    return found


def beyond(
    context: StageContext, code: str, text: str, measured: float | None, limit: SourcedLimit, **more: Any
) -> Finding:
    """A finding about a number that was compared with a limit of the needle part: source and tag are the limit's."""
    more.setdefault("unit", limit.unit)
    return context.finding(code, text, measured=measured, limit=limit.value, source=limit.source, tag=limit.tag, **more)
