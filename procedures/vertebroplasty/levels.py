"""The level: counted from the top, confirmed by two people, counted again in the room."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.model.items import KEY_IMAGE
from planner.model.run_items import KEY_FRAME
from planner.workflow.context import StageContext
from procedures.spine.support import choices_of, not_evaluated, text_of
from procedures.vertebroplasty.registry import REGISTRY

LEVEL = "level"
PREFIX = "vertebrae_"
COUNTED = frozenset({"top-down", "ribs", "bottom-up"})
REGIONS = {"C": "cervical", "T": "thoracic", "L": "lumbar"}


def planned_levels(context: StageContext) -> tuple[str, ...]:
    """Keys of the levels of this session, as the stage *level* says."""
    return choices_of(context.value("level", LEVEL))


def short(level: object) -> str:
    """``L2`` for ``vertebrae_L2``."""
    return str(level).removeprefix(PREFIX) if level else "a level without name"


def region_of(level: object) -> str | None:
    """``cervical``, ``thoracic`` or ``lumbar``; None for the sacrum and what is unknown."""
    return REGIONS.get(short(level)[:1]) if isinstance(level, str) else None


def confirmation_missing(context: StageContext) -> str | None:
    """Why the level does not count as confirmed by two people; None when it does."""
    if not planned_levels(context):
        return "no level is named"
    first, second = (text_of(context.value(name, LEVEL)) for name in ("confirmed_by", "second_confirmer"))
    if not first or not second:
        return "two people have to confirm it, by name"
    if " ".join(first.casefold().split()) == " ".join(second.casefold().split()):
        return "both confirmations are of the same person"
    if context.value("counting_method", LEVEL) not in COUNTED:
        return "nobody counted it: an automatic label is a proposal"
    return None


@REGISTRY.check("level_two_people")
def level_two_people(context: StageContext) -> list[Finding]:
    why = confirmation_missing(context)
    return [] if why is None else [context.finding("level-not-confirmed", f"The level is not confirmed: {why}.")]


@REGISTRY.check("level_confirmed")
def level_confirmed(context: StageContext) -> list[Finding]:
    """Spoken at the trajectory: nothing is planned to a level that is not confirmed."""
    why = confirmation_missing(context)
    if why is None:
        return []
    return [context.finding("level-not-confirmed", f"No trajectory: the level is not confirmed, {why}.")]


@REGISTRY.check("level_counted")
def level_counted(context: StageContext) -> list[Finding]:
    found = []
    method, transitional = context.value("counting_method"), context.value("transitional")
    if method in ("ribs", "bottom-up"):
        text = "Counted by the ribs or from the sacrum only; from the top is advised."
        found.append(context.finding("not-counted-from-top", text))
    if transitional in (None, "unknown"):
        found.append(not_evaluated(context, "a transitional vertebra was not looked for", code="transitional-unknown"))
    elif transitional != "none":
        text = "A transitional vertebra or another number of ribs: say in the plan how the level is named."
        found.append(context.finding("transitional", text, severity=Severity.WARN))
    if not text_of(context.value("level_reference_image")):
        found.append(context.finding("no-reference-image", "No reference image says against what it was counted."))
    return found


@REGISTRY.check("pain_matches_level")
def pain_matches_level(context: StageContext) -> list[Finding]:
    hurts, planned = set(choices_of(context.value("pain_level"))), set(planned_levels(context))
    if not hurts or "unknown" in hurts:
        return [not_evaluated(context, "the level that hurts was not examined", code="pain-level-unknown")]
    if not planned:
        return [not_evaluated(context, "no level is named")]
    found = []
    for code, levels, words in (
        ("pain-elsewhere", hurts - planned, "hurts and is not treated"),
        ("level-without-pain", planned - hurts, "is treated and does not hurt"),
    ):
        if levels:
            names = ", ".join(sorted(short(each) for each in levels))
            found.append(context.finding(code, f"{names} {words}.", subject=f"level.{code}"))
    return found


@REGISTRY.check("level_today_matches")
def level_today_matches(context: StageContext) -> list[Finding]:
    if context.value("recounted_on") in (None, "not-recounted"):
        return [context.finding("not-recounted", "The level was not counted again in the room.")]
    today, planned = set(choices_of(context.value("level_today"))), set(planned_levels(context))
    if today == planned:
        return []
    said = ", ".join(sorted(short(each) for each in today)) or "nothing"
    wanted = ", ".join(sorted(short(each) for each in planned)) or "nothing"
    return [context.finding("level-differs", f"Counted today: {said}; planned: {wanted}. Stop and count again.")]


def level_image_missing(context: StageContext) -> str | None:
    """Why there is no image of the level; None when one is kept."""
    where = context.value("level_image", "level_check")
    if where == "pacs":
        return None
    if where != "kept":
        return "No level image: none was kept."
    if any(item.type in (KEY_IMAGE, KEY_FRAME) for item in context.session.items):
        return None
    return "No level image: it is said to be kept, but this session holds no key image."


@REGISTRY.check("level_image_kept")
def level_image_kept(context: StageContext) -> list[Finding]:
    why = level_image_missing(context)
    return [] if why is None else [context.finding("no-level-image", why)]


@REGISTRY.check("record_without_level_image")
def record_without_level_image(context: StageContext) -> list[Finding]:
    """Stands on the record for good; it never refuses it."""
    why = level_image_missing(context)
    return [] if why is None else [context.finding("no-level-image", why)]
