"""The table of catheter positions, and the positions on the vessel tree that its rows point at.

Nothing here looks at an image: what was measured is stored in the items (`planner.model.vessel_items`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.model.disease import Lesion
from planner.model.items import PlanItem
from planner.model.vessel_items import CatheterPositionBody, VesselTreeBody
from planner.model.vessel_reading import body_digest, positions_of, trees_of
from planner.workflow.context import StageContext
from procedures.spine.support import choices_of, text_of

POSITIONS = "positions"
"""Stage and field of the table of positions."""
TREATING = ("embolise", "infuse")
"""What is done at a position that reaches a lesion; the others spare or protect."""
CHANGED = "measured before the tree changed: measure again"


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the table, with the position of the model that it points at.

    Attributes
    ----------
    item, body
        None when the row names none, or when it was deleted (`lost`).
    """

    number: str
    row: Mapping[str, Any]
    item: PlanItem | None = None
    body: CatheterPositionBody | None = None
    lost: bool = False

    @property
    def name(self) -> str:
        vessel = text_of(self.row.get("vessel")) or (self.item.name if self.item else "")
        return f"Position {self.number} ({vessel})" if vessel else f"Position {self.number}"

    @property
    def treats(self) -> bool:
        return self.row.get("action") in TREATING


def places(context: StageContext) -> tuple[Place, ...]:
    """Every row of the table of positions, in its order."""
    known = {item.id: (item, body) for item, body in positions_of(context.session.items)}
    found = []
    for number, row in enumerate(context.rows(POSITIONS, POSITIONS), start=1):
        identity, order = row.get("position"), row.get("order")
        item, body = known.get(identity, (None, None)) if isinstance(identity, str) else (None, None)
        lost = isinstance(identity, str) and bool(identity) and item is None
        found.append(Place(str(number if order is None else order), row, item, body, lost))
    return tuple(found)


def treating(context: StageContext) -> tuple[Place, ...]:
    """The rows at which something is given."""
    return tuple(each for each in places(context) if each.treats)


def modelled(context: StageContext) -> tuple[tuple[Place, CatheterPositionBody], ...]:
    """The rows at which something is given and that point at a position of the model."""
    return tuple((each, each.body) for each in treating(context) if each.body is not None)


def trees(context: StageContext) -> dict[str, tuple[PlanItem, VesselTreeBody]]:
    """Every vessel tree of the session by id."""
    return {item.id: (item, body) for item, body in trees_of(context.session.items)}


def changed_since(context: StageContext, tree: str, digest: str) -> str | None:
    """Why what was measured on a tree no longer holds; None while it does."""
    found = trees(context).get(tree)
    if found is None:
        return "its vessel tree was deleted: measure again"
    return None if body_digest(found[0]) == digest else CHANGED


def ancestors(tree: VesselTreeBody, segment: str) -> tuple[str, ...]:
    """A segment and those before it, towards the root."""
    by_end = {each.end: each for each in tree.segments}
    by_id = {each.id: each for each in tree.segments}
    way: list[str] = []
    at = by_id.get(segment)
    while at is not None and at.id not in way:
        way.append(at.id)
        at = by_end.get(at.start)
    return tuple(way)


def reaches(tree: VesselTreeBody, position: CatheterPositionBody, segment: str, along_mm: float | None = None) -> bool:
    """Whether what is given at a position flows past a place of the tree (the end of its segment by default)."""
    if segment == position.segment:
        return along_mm is None or along_mm >= position.along_mm
    return position.segment in ancestors(tree, segment)


def outermost(
    context: StageContext, found: Iterable[tuple[Place, CatheterPositionBody]]
) -> list[tuple[Place, CatheterPositionBody]]:
    """Positions whose territories do not overlap: one that lies downstream of another adds nothing to it."""
    every, known = list(found), trees(context)
    kept: list[tuple[Place, CatheterPositionBody]] = []
    for index, (place, body) in enumerate(every):
        tree = known.get(body.tree)
        above = tree is not None and any(
            other.tree == body.tree
            and number != index
            and reaches(tree[1], other, body.segment, body.along_mm)
            and not (number > index and reaches(tree[1], body, other.segment, other.along_mm))
            for number, (_, other) in enumerate(every)
        )
        if not above:
            kept.append((place, body))
    return kept


def targets(context: StageContext) -> tuple[Lesion, ...]:
    """The lesions this session is about; every lesion of the list when none was chosen."""
    chosen = choices_of(context.value("target_lesions", "images_lesions"))
    named = tuple(each for each in context.case.lesions if each.id in chosen)
    return named or context.case.lesions


def lesion_name(context: StageContext, lesion_id: str) -> str:
    found = context.case.lesion(lesion_id)
    return found.name if found else lesion_id


def organ_of(context: StageContext) -> str | None:
    """The organ treated: what the field ``target_organ`` of whichever stage says; None where nobody answered."""
    for stage in context.template.stages:
        if stage.field("target_organ") is not None:
            answer = context.value("target_organ", stage.id)
            return answer if isinstance(answer, str) else None
    return None


def asks_for_organ(context: StageContext) -> bool:
    """Whether the template asks for the organ at all."""
    return any(stage.field("target_organ") is not None for stage in context.template.stages)
