"""Bodies of percutaneous plan items, read back from a plan."""

from __future__ import annotations

from collections.abc import Iterable

from planner.model.item_bodies import body_of
from planner.model.items import PlanItem
from planner.model.needle_items import (
    ABLATION_MARGIN,
    NEEDLE_PATH,
    VERTEBRA,
    AblationMarginBody,
    NeedlePathBody,
    VertebraPlanBody,
)


def needle_of(item: PlanItem) -> NeedlePathBody:
    """The body of a needle item.

    Raises
    ------
    InputRefused
        When the item is no needle, or its body is damaged.
    """
    return body_of(NeedlePathBody, NEEDLE_PATH, item)


def margin_of(item: PlanItem) -> AblationMarginBody:
    """The body of a margin item; raises as `needle_of`."""
    return body_of(AblationMarginBody, ABLATION_MARGIN, item)


def vertebra_of(item: PlanItem) -> VertebraPlanBody:
    """The body of a vertebra item; raises as `needle_of`."""
    return body_of(VertebraPlanBody, VERTEBRA, item)


def needles_of(items: Iterable[PlanItem], *purposes: str) -> tuple[tuple[PlanItem, NeedlePathBody], ...]:
    """Every needle with its body, of some purposes or of all."""
    read = ((item, needle_of(item)) for item in items if item.type == NEEDLE_PATH)
    return tuple((item, body) for item, body in read if not purposes or body.purpose in purposes)


def margins_of(items: Iterable[PlanItem], *kinds: str) -> tuple[tuple[PlanItem, AblationMarginBody], ...]:
    """Every margin with its body, ``planned``, ``achieved`` or both."""
    read = ((item, margin_of(item)) for item in items if item.type == ABLATION_MARGIN)
    return tuple((item, body) for item, body in read if not kinds or body.kind in kinds)


def vertebrae_of(items: Iterable[PlanItem]) -> tuple[tuple[PlanItem, VertebraPlanBody], ...]:
    """Every measured vertebra with its body."""
    return tuple((item, vertebra_of(item)) for item in items if item.type == VERTEBRA)
