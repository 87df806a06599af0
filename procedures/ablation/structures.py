"""Structures to avoid: what was segmented, what a person confirmed absent, and what nobody looked at."""

from __future__ import annotations

from dataclasses import dataclass

from planner.findings import Finding, Severity
from planner.imaging.structures import spoken_name
from planner.model.items import REGION
from planner.model.needle_rules import StructureLimit
from planner.workflow.context import StageContext
from procedures.ablation.items import organs_of, rules_of
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import as_number, text_of

STAGE = "structures"
SEGMENTED, ABSENT, NOT_SEGMENTED = "segmented", "absent", "not-segmented"
UNSETTLED = {
    SEGMENTED: "said to be segmented, but no region of it is there",
    ABSENT: "said to be absent, but who looked is not written down",
}


@dataclass(frozen=True, slots=True)
class Avoided:
    """One structure as this session treats it.

    Attributes
    ----------
    status
        ``segmented`` while a region of it is there, whatever the row says; ``absent`` only with the name of who looked.
    hard_mm, desired_mm
        Effective: the row's numbers where it has them, else the template's.
    said
        What the row says, before the region was looked for; None without a row.
    limit
        The template's row; None for a structure that only the session names.
    """

    key: str
    status: str
    hard_mm: float | None
    desired_mm: float | None
    said: str | None
    limit: StructureLimit | None

    @property
    def required(self) -> bool:
        return self.limit is not None and self.limit.required

    @property
    def keys(self) -> tuple[str, ...]:
        """Its own key and those that count as it."""
        return (self.key, *(self.limit.stands_for if self.limit else ()))

    @property
    def name(self) -> str:
        return spoken_name(self.key)


def avoided(context: StageContext, frame_uid: str | None = None) -> tuple[Avoided, ...]:
    """The structures of the chosen organs, in the template's order, then those that only the session names.

    Parameters
    ----------
    frame_uid
        Counts masks of one frame of reference only: what was drawn on the planning CT says nothing about a needle on
        today's scan. None counts the masks of every frame.
    """
    organs = set(organs_of(context))
    rows = {str(row.get("structure") or ""): row for row in context.rows(STAGE, STAGE)}
    limits = {
        each.structure: each for each in rules_of(context).structures if not each.organs or organs & set(each.organs)
    }
    drawn = {
        str(item.body.get("structure"))
        for item in context.session.items
        if item.type == REGION and frame_uid in (None, item.frame_uid)
    }
    found = []
    for key in dict.fromkeys((*limits, *rows)):
        row, limit = rows.get(key, {}), limits.get(key)
        if not key:
            continue
        said = text_of(row.get("status")) or None
        there = bool(drawn & {key, *(limit.stands_for if limit else ())})
        looked = said == ABSENT and bool(text_of(row.get("confirmed_by")))
        status = SEGMENTED if there else ABSENT if looked else NOT_SEGMENTED
        hard, desired = as_number(row.get("hard_mm")), as_number(row.get("desired_mm"))
        found.append(
            Avoided(
                key,
                status,
                hard if hard is not None else (limit.hard_mm if limit else None),
                desired if desired is not None else (limit.desired_mm if limit else None),
                said,
                limit,
            )
        )
    return tuple(found)


def missing_required(context: StageContext, frame_uid: str | None = None) -> tuple[Avoided, ...]:
    """Required structures that are neither segmented (in a frame) nor confirmed absent."""
    return tuple(each for each in avoided(context, frame_uid) if each.required and each.status == NOT_SEGMENTED)


@REGISTRY.check("required_structures")
def required_structures(context: StageContext) -> list[Finding]:
    """Refuses the word, not the plan: while nobody claims it, what is open is said, and the plan goes by eye."""
    claimed = context.value("path_claim") == "admissible"
    severity = {} if claimed else {"severity": Severity.WARN}
    found = []
    for each in missing_required(context):
        why = UNSETTLED.get(each.said or "", "not segmented")
        text = f"NOT CHECKED: {each.name} ({why}): no path can be called admissible."
        subject = f"structures.{each.key}"
        found.append(context.finding("structure-not-segmented", text, subject=subject, **severity))
    return found


@REGISTRY.check("structures_not_checked")
def structures_not_checked(context: StageContext) -> list[Finding]:
    """Structures that are listed, not required, and that nobody looked at."""
    return [
        context.finding("not-checked", f"NOT CHECKED: {each.name}", subject=f"structures.{each.key}")
        for each in avoided(context)
        if each.status == NOT_SEGMENTED and not each.required
    ]


@REGISTRY.check("structure_limits_changed")
def structure_limits_changed(context: StageContext) -> list[Finding]:
    found = []
    for each in avoided(context):
        limit, subject = each.limit, f"structures.{each.key}"
        if each.hard_mm is None or each.desired_mm is None:
            text = f"{each.name} is in no list of the template and has no distance: it limits nothing."
            found.append(context.finding("structure-without-limit", text, subject=subject))
        elif each.hard_mm > each.desired_mm:
            text = f"{each.name}: never nearer than {each.hard_mm:g} mm, but {each.desired_mm:g} mm is wanted."
            found.append(context.finding("limits-crossed", text, subject=subject))
        elif limit is not None and (each.hard_mm, each.desired_mm) != (limit.hard_mm, limit.desired_mm):
            text = f"{each.name}: {each.hard_mm:g} and {each.desired_mm:g} mm, changed from the template's "
            text += f"{limit.hard_mm:g} and {limit.desired_mm:g} mm."
            more = {"measured": each.hard_mm, "limit": limit.hard_mm, "unit": "mm"}
            told = {"source": limit.source, "tag": limit.tag, "subject": subject}
            found.append(context.finding("limit-changed", text, **more, **told))
    return found
