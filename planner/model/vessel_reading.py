"""Bodies of endovascular plan items, read back from a plan."""

from __future__ import annotations

from collections.abc import Iterable

from planner.model import codec
from planner.model.by_identity import ByIdentity
from planner.model.item_bodies import body_of
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

_digests: ByIdentity[str] = ByIdentity()


def tree_of(item: PlanItem) -> VesselTreeBody:
    """The body of a vessel tree.

    Raises
    ------
    InputRefused
        When the item is none, or its body is damaged.
    """
    return body_of(VesselTreeBody, VESSEL_TREE, item)


def feeders_of(item: PlanItem) -> FeedersBody:
    """The body of a lesion's feeders; raises as `tree_of`."""
    return body_of(FeedersBody, FEEDERS, item)


def position_of(item: PlanItem) -> CatheterPositionBody:
    """The body of a catheter position; raises as `tree_of`."""
    return body_of(CatheterPositionBody, CATHETER_POSITION, item)


def lumen_of(item: PlanItem) -> LumenBody:
    """The body of a lumen; raises as `tree_of`."""
    return body_of(LumenBody, LUMEN, item)


def stent_of(item: PlanItem) -> StentBody:
    """The body of a stent; raises as `tree_of`."""
    return body_of(StentBody, STENT, item)


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
    return _digests.of(item, lambda: codec.digest(item.body))
