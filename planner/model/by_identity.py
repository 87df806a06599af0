"""Something worked out once for a value that never changes, and forgotten with it.

Plan items are values that a plan hands on from revision to revision as they are: the same object means the same
content, so that what was read from it need not be read again at every keystroke. An item that was edited is another.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class ByIdentity(Generic[V]):
    """Results by the identity of what they were made from; an entry goes when that object does."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[Any], V]] = {}

    def of(self, subject: Any, make: Callable[[], V]) -> V:
        """What was made for this object; made now when it was not. Whatever `make` raises passes through."""
        key = id(subject)
        held = self._kept.get(key)
        if held is not None and held[0]() is subject:
            return held[1]
        made = make()
        self._kept[key] = (weakref.ref(subject, lambda gone: self._forget(key, gone)), made)
        return made

    def _forget(self, key: int, gone: weakref.ref[Any]) -> None:
        held = self._kept.get(key)
        if held is not None and held[0] is gone:
            del self._kept[key]
