"""Structures of a session that needles keep away from: where they come from, how they stand, and their fields.

A structure is a region item of the session. What is said of it (segmented, absent, other distances) stands in the table
``structures`` of the stage ``structures``; a row without numbers takes the template's. "Segmented" counts only while a
region of it lies in the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from planner.app.marking import load_mask, new_item, region_of, store_mask
from planner.errors import UsageError
from planner.imaging import ImageSource, LabelMap
from planner.imaging.masks import Mask
from planner.imaging.structures import spoken_name, structures
from planner.jobs import Context
from planner.model.case import Case
from planner.model.codec import digest
from planner.model.edits import Edit, session_edit, with_item, without_item
from planner.model.items import REGION, BlobRef, PlanItem, RegionBody
from planner.model.needle_rules import NeedleRules, StructureLimit
from planner.model.session import Session
from planner.planning.obstacles import Bounds, DistanceField, Obstacle, Obstacles, prepared
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.answers import answer_field
from planner.workflow.template import Template

STAGE, TABLE = "structures", "structures"
SEGMENTED, ABSENT, NOT_SEGMENTED = "segmented", "absent", "not-segmented"
SKIN = "skin"
AUTOMATIC, LABEL_MAP = "automatic", "label-map"
MOST_APART = 4
"""A row of the template that more structures than this stand for (24 ribs) is measured as one."""


@dataclass(frozen=True, slots=True)
class StructureState:
    """One structure as this session treats it.

    Attributes
    ----------
    limit
        Effective: numbers of the row where it has them, else the template's.
    status
        ``segmented`` (a region is there), ``absent`` (a person said so) or ``not-segmented``.
    said
        What the row says; None without a row.
    item_ids
        Its region items, and those of structures it stands for.
    changed
        The row's numbers differ from the template's.
    """

    limit: StructureLimit
    status: str
    said: str | None
    item_ids: tuple[str, ...]
    changed: bool = False

    @property
    def key(self) -> str:
        return self.limit.structure

    @property
    def name(self) -> str:
        return spoken_name(self.key)

    @property
    def not_checked(self) -> bool:
        return self.status == NOT_SEGMENTED


def effective_rules(session: Session, template: Template, organ: str | None = None) -> NeedleRules:
    """The rules that hold in a session: the template's for an organ, with the distances that its table changes.

    Parameters
    ----------
    organ
        Of the target; None keeps the rows of every organ.

    Raises
    ------
    UsageError
        ``no-needle-rules`` for a template without needles.
    """
    if template.needle is None:
        text = f"The template {template.id} says nothing about needles; start a session of another one."
        raise UsageError("no-needle-rules", text, subject=template.id)
    rules = template.needle if organ is None else template.needle.for_organ(organ)
    rows = _rows(session)
    own = tuple(_with_row(each, rows.get(each.structure, {})) for each in rules.structures)
    named = {each.structure for each in own}
    added = [_from_row(key, row) for key, row in rows.items() if key not in named]
    return replace(rules, structures=(*own, *(each for each in added if each is not None)))


def structure_states(
    session: Session, template: Template, organ: str | None = None, frame_uid: str | None = None
) -> tuple[StructureState, ...]:
    """How each structure stands, in the order of the rules; raises as `effective_rules`.

    Parameters
    ----------
    frame_uid
        Counts only regions of this frame of reference: what is segmented on another scan says nothing here. None
        counts those of every scan.
    """
    rules, rows = effective_rules(session, template, organ), _rows(session)
    regions = _regions(session)
    found = []
    for limit in rules.structures:
        names = {limit.structure, *limit.stands_for}
        items = tuple(
            item.id
            for item, body in regions
            if body.structure in names and (frame_uid is None or item.frame_uid == frame_uid)
        )
        row = rows.get(limit.structure, {})
        said = row.get("status")
        status = SEGMENTED if items else ABSENT if said == ABSENT else NOT_SEGMENTED
        before = template.needle.structure(limit.structure) if template.needle is not None else None
        changed = before is not None and (before.hard_mm, before.desired_mm) != (limit.hard_mm, limit.desired_mm)
        found.append(StructureState(limit, status, said, items, changed))
    return tuple(found)


def absent_structures(session: Session) -> frozenset[str]:
    """Structures that a person said are absent, and of which no region lies in the session."""
    drawn = {body.structure for _, body in _regions(session)}
    return frozenset(key for key, row in _rows(session).items() if row.get("status") == ABSENT and key not in drawn)


def seed_structures(session_id: str, template: Template, organ: str | None, *, by: str, now: datetime) -> Edit:
    """Fill the table with the template's structures for an organ, as they stand now.

    What a person wrote in a row (absent, numbers, a note) is kept; a row says segmented as soon as a region is there.
    """

    def edit(case: Case) -> Case:
        session = case.session(session_id)
        if session is None or not _has_table(template):
            return case
        rows = _rows(session)
        states = structure_states(session, template, organ)
        table = [_seeded(state, rows.get(state.key)) for state in states]
        known = {state.key for state in states}
        table += [dict(row) for key, row in rows.items() if key not in known]
        return answer_field(case, session_id, template, STAGE, TABLE, table, by=by, now=now)

    return edit


def regions_from_labels(
    library: Library,
    session: Session,
    maps: Iterable[LabelMap],
    source: ImageSource,
    *,
    by: Actor,
    only: NeedleRules | None = None,
    tool: str = LABEL_MAP,
) -> tuple[Edit, tuple[str, ...]]:
    """Every known structure of label maps becomes a region item, in one step of undo.

    Parameters
    ----------
    only
        Takes only the structures these rules name; None takes every label that is one of our structures.

    Returns
    -------
    edit, left_out
        The names of labels that are no structure of ours, or none that the rules name, or empty.
    """
    masks: dict[str, Mask] = {}
    left_out: list[str] = []
    for labels in maps:
        for value, label in labels.labels.items():
            wanted = label.structure is not None and (only is None or only.structure(label.structure) is not None)
            mask = Mask.of(labels.grid, labels.mask(value)) if wanted else None
            if mask is None or mask.is_empty or label.structure is None:
                left_out.append(label.name)
            else:
                masks[label.structure] = mask
    return _replacing(library, session, masks, source, by, tool), tuple(left_out)


def regions_from_automatic(
    library: Library, session: Session, masks: Mapping[str, Mask], source: ImageSource, *, by: Actor
) -> Edit:
    """What `planner.imaging.automatic_structures` found becomes region items, in one step of undo.

    A structure that was looked for and not found makes no item. What a person painted over, or brought in a label
    map, is not replaced.
    """
    frames = {mask.grid.frame_uid for mask in masks.values()}
    regions = [(item, body) for item, body in _regions(session) if item.frame_uid in frames]
    by_hand = {body.structure for item, body in regions if item.tool != AUTOMATIC}
    found = {key: mask for key, mask in masks.items() if not mask.is_empty and key not in by_hand}
    return _replacing(library, session, found, source, by, AUTOMATIC)


@dataclass(slots=True)
class StructureStore:
    """Masks and distance fields of one open case, kept by what they were made of.

    Parameters
    ----------
    library
        Where the masks lie.
    """

    library: Library
    _masks: dict[str, Mask] = field(default_factory=dict)
    _fields: dict[str, DistanceField] = field(default_factory=dict)

    def mask(self, reference: BlobRef) -> Mask:
        """Raises as `planner.app.marking.load_mask`."""
        name = blob_digest(reference)
        if name not in self._masks:
            self._masks[name] = load_mask(self.library, reference)
        return self._masks[name]

    def skin(self, session: Session, frame_uid: str) -> Mask | None:
        """The body mask of a session in a frame; None while there is none."""
        for item, body in _regions(session):
            if body.structure == SKIN and item.frame_uid == frame_uid:
                return self.mask(body.blob)
        return None

    def obstacles(self, session: Session, rules: NeedleRules, frame_uid: str) -> tuple[Obstacle, ...]:
        """The structures of the rules of which a region lies in the session, in the frame of the target.

        Several regions of one structure count together; so do the members of a row with more than `MOST_APART`.
        """
        parts: dict[str, list[BlobRef]] = {}
        for limit in rules.structures:
            names = {limit.structure, *limit.stands_for}
            for item, body in _regions(session):
                if body.structure in names and item.frame_uid == frame_uid:
                    together = len(limit.stands_for) > MOST_APART
                    key = limit.structure if together else str(body.structure)
                    parts.setdefault(key, []).append(body.blob)
        made = []
        for key, references in parts.items():
            limit_of = rules.structure(key)
            if limit_of is not None:
                made.append(self._obstacle(key, references, limit_of))
        return tuple(made)

    def prepared(self, items: tuple[Obstacle, ...], bounds: Bounds, context: Context | None = None) -> Obstacles:
        """Their fields over a box; those of before are used where they cover it."""
        found = prepared(items, bounds, context, self._fields)
        self.keep(found)
        return found

    def keep(self, found: Obstacles) -> None:
        """Keep these fields for the next search or drag, and no others; of one structure the one that reaches more."""
        kept: dict[str, DistanceField] = {}
        for item, new in zip(found.items, found.fields, strict=True):
            if item.digest is not None:
                old = self._fields.get(item.digest)
                kept[item.digest] = old if old is not None and old.covers(new.bounds_lps_mm) else new
        self._fields = kept

    @property
    def fields(self) -> Mapping[str, DistanceField]:
        return self._fields

    def _obstacle(self, key: str, references: list[BlobRef], limit: StructureLimit) -> Obstacle:
        names = sorted(blob_digest(each) for each in references)
        name = digest(names)
        if name not in self._masks:
            self._masks[name] = united([self.mask(each) for each in references])
        return Obstacle(
            key, self._masks[name], limit.hard_mm, limit.desired_mm, spoken_name(key), limit.source, limit.tag, name
        )


def blob_digest(reference: BlobRef) -> str:
    """Of the bits and where they lie."""
    return digest(reference)


def united(masks: list[Mask]) -> Mask:
    """One mask of several; those in other grids are put on the finest one."""
    if len(masks) == 1:
        return masks[0]
    from planner.imaging.masks import union_box
    from planner.imaging.resampling import resampled_mask

    grid = min((each.grid for each in masks), key=lambda each: each.voxel_ml)
    placed = [each if each.grid.same_as(grid) else resampled_mask(each, grid) for each in masks]
    box = union_box(each.box for each in placed)
    bits = placed[0].within(box)
    for each in placed[1:]:
        bits |= each.within(box)
    return Mask.of(grid, bits, box[0])


def structures_digest(session: Session, rules: NeedleRules, frame_uid: str) -> str:
    """Changes whenever a structure to avoid, the skin, or a limit does: what was measured before no longer holds."""
    names = {SKIN, *(each.structure for each in rules.structures)}
    names |= {other for each in rules.structures for other in each.stands_for}
    drawn = sorted(
        (str(body.structure), blob_digest(body.blob))
        for item, body in _regions(session)
        if body.structure in names and item.frame_uid == frame_uid
    )
    return digest({"drawn": drawn, "rules": rules, "absent": sorted(absent_structures(session))})


Regions = tuple[tuple[PlanItem, RegionBody], ...]
_read: list[tuple[tuple[PlanItem, ...], Regions]] = []
"""Items of the session asked for last, and their regions: every question about structures begins with them."""


def _regions(session: Session) -> Regions:
    """The regions of a session, read once as long as its items are the same values."""
    known = _read[0] if _read else None
    if known is None or known[0] is not session.items:
        found = tuple((item, region_of(item)) for item in session.items if item.type == REGION)
        known = (session.items, found)
        _read[:] = [known]
    return known[1]


def _rows(session: Session) -> dict[str, Mapping[str, Any]]:
    answer = session.answer(STAGE, TABLE)
    rows = answer if isinstance(answer, (list, tuple)) else ()
    return {str(row["structure"]): row for row in rows if isinstance(row, Mapping) and row.get("structure")}


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _with_row(limit: StructureLimit, row: Mapping[str, Any]) -> StructureLimit:
    hard, desired = _number(row, "hard_mm"), _number(row, "desired_mm")
    kept = limit.hard_mm if hard is None else hard
    return replace(limit, hard_mm=kept, desired_mm=max(kept, limit.desired_mm if desired is None else desired))


def _from_row(key: str, row: Mapping[str, Any]) -> StructureLimit | None:
    """A structure that only the session names; without a distance it limits nothing."""
    hard, desired = _number(row, "hard_mm"), _number(row, "desired_mm")
    if hard is None:
        return None
    return StructureLimit(key, hard, max(hard, desired or hard), "set in this session", "P")


def _seeded(state: StructureState, row: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {key: value for key, value in (row or {}).items() if value is not None}
    return {**kept, "structure": state.key, "status": state.status}


def _has_table(template: Template) -> bool:
    return any(stage.id == STAGE and stage.field(TABLE) is not None for stage in template.stages)


def _replacing(
    library: Library, session: Session, masks: Mapping[str, Mask], source: ImageSource, by: Actor, tool: str
) -> Edit:
    """Region items for masks; those of the same structure that a machine made in that frame before are replaced."""
    items = []
    for key, mask in masks.items():
        known = structures().get(key)
        colour = known.colour if known is not None else "#d0a030"
        body = RegionBody(store_mask(library, mask), structure=key, colour=colour, volume_ml=mask.volume_ml)
        name = known.name if known is not None else key
        items.append(
            new_item(
                REGION, body, name=name, frame_uid=mask.grid.frame_uid, by=by, tool=tool,
                source_uids=(source.series_uid,),
            )
        )  # fmt: skip

    replaced = {(mask.grid.frame_uid, key) for key, mask in masks.items()}

    def change(now: Session) -> Session:
        old = [
            item.id for item, body in _regions(now)
            if item.tool in (AUTOMATIC, LABEL_MAP) and body.lesion_id is None
            and (item.frame_uid, body.structure) in replaced
        ]  # fmt: skip
        for item_id in old:
            now = without_item(now, item_id)
        for item in items:
            now = with_item(now, item)
        return now

    return session_edit(session.id, change)
