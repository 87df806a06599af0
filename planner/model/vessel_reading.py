"""Bodies of endovascular plan items, read back from a plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from planner.errors import InputRefused
from planner.model import codec
from planner.model.items import PlanItem
from planner.model.vessel_items import (
    CATHETER_POSITION,
    FEEDERS,
    LUMEN,
    STENT,
    VESSEL_TREE,
    CatheterPositionBody,
    FeedersBody,
    LumenBody,
    StentBody,
    VesselTreeBody,
)

T = TypeVar("T")


def tree_of(item: PlanItem) -> VesselTreeBody:
    """The body of a vessel tree.

    Raises
    ------
    InputRefused
        When the item is none, or its body is damaged.
    """
    return _body(VesselTreeBody, VESSEL_TREE, item)


def feeders_of(item: PlanItem) -> FeedersBody:
    """The body of a lesion's feeders; raises as `tree_of`."""
    return _body(FeedersBody, FEEDERS, item)


def position_of(item: PlanItem) -> CatheterPositionBody:
    """The body of a catheter position; raises as `tree_of`."""
    return _body(CatheterPositionBody, CATHETER_POSITION, item)


def lumen_of(item: PlanItem) -> LumenBody:
    """The body of a lumen; raises as `tree_of`."""
    return _body(LumenBody, LUMEN, item)


def stent_of(item: PlanItem) -> StentBody:
    """The body of a stent; raises as `tree_of`."""
    return _body(StentBody, STENT, item)


def trees_of(items: Iterable[PlanItem], *kinds: str) -> tuple[tuple[PlanItem, VesselTreeBody], ...]:
    """Every vessel tree with its body, of some kinds or of all."""
    read = ((item, tree_of(item)) for item in items if item.type == VESSEL_TREE)
    return tuple((item, body) for item, body in read if not kinds or body.kind in kinds)


def all_feeders_of(items: Iterable[PlanItem]) -> tuple[tuple[PlanItem, FeedersBody], ...]:
    """Every lesion's feeders with their body."""
    return tuple((item, feeders_of(item)) for item in items if item.type == FEEDERS)


def positions_of(items: Iterable[PlanItem], *actions: str) -> tuple[tuple[PlanItem, CatheterPositionBody], ...]:
    """Every catheter position with its body, of some actions or of all."""
    read = ((item, position_of(item)) for item in items if item.type == CATHETER_POSITION)
    return tuple((item, body) for item, body in read if not actions or body.action in actions)


def lumens_of(items: Iterable[PlanItem]) -> tuple[tuple[PlanItem, LumenBody], ...]:
    """Every lumen with its body."""
    return tuple((item, lumen_of(item)) for item in items if item.type == LUMEN)


def stents_of(items: Iterable[PlanItem]) -> tuple[tuple[PlanItem, StentBody], ...]:
    """Every stent with its body."""
    return tuple((item, stent_of(item)) for item in items if item.type == STENT)


def body_digest(item: PlanItem) -> str:
    """Of what a tree or a lumen is: changes with every edit, and never with its name or its visibility."""
    return codec.digest(item.body)


def _body(kind: type[T], type_name: str, item: PlanItem) -> T:
    if item.type != type_name:
        raise InputRefused("bad-document", f"Item {item.id} is a {item.type} and no {type_name}.", subject=item.id)
    return codec.from_json(kind, codec.plain(item.body), f"item {item.id}")
