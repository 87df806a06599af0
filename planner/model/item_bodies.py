"""Bodies of plan items, read once per item."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from planner.errors import InputRefused
from planner.model import codec
from planner.model.by_identity import ByIdentity
from planner.model.items import PlanItem

T = TypeVar("T")

_read: ByIdentity[Any] = ByIdentity()


def body_of(kind: type[T], type_name: str, item: PlanItem) -> T:
    """The body of an item of one type.

    Raises
    ------
    InputRefused
        ``bad-document`` when the item is of another type, or its body is damaged.
    """
    if item.type != type_name:
        raise InputRefused("bad-document", f"Item {item.id} is a {item.type} and no {type_name}.", subject=item.id)
    return cast(T, _read.of(item, lambda: codec.from_json(kind, codec.plain(item.body), f"item {item.id}")))
