"""A document applies edits to an immutable case, remembers how to go back, and tells what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from planner.model.case import Case
from planner.model.edits import Edit


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit did: which parts of the case differ, and in which sessions.

    Attributes
    ----------
    parts
        Names of the `Case` fields that are not the same value any more.
    sessions
        Ids of sessions that were added, removed or changed.
    """

    label: str
    parts: frozenset[str]
    sessions: frozenset[str]


def difference(before: Case, after: Case, label: str = "") -> Change:
    parts = {each.name for each in fields(Case) if getattr(before, each.name) != getattr(after, each.name)}
    old = {session.id: session for session in before.sessions}
    new = {session.id: session for session in after.sessions}
    touched = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    return Change(label, frozenset(parts), frozenset(touched))


Listener = Callable[[Change], None]


@dataclass(slots=True)
class Document:
    """One open case. Undo keeps old values; a drag is one step when its edits share a `merge` key.

    Parameters
    ----------
    case
        The value as opened.
    listeners
        Called after every change with a `Change`.
    """

    case: Case
    listeners: list[Listener] = field(default_factory=list)
    _undo: list[tuple[str, Case]] = field(default_factory=list)
    _redo: list[tuple[str, Case]] = field(default_factory=list)
    _merge: str | None = None

    def apply(self, label: str, edit: Edit, *, merge: str | None = None) -> bool:
        """Apply an edit; False when it changed nothing.

        Parameters
        ----------
        label
            What the undo menu shows ("Mark lesion 2").
        merge
            Edits in a row with the same key become one undo step; `settle` ends the row.
        """
        before = self.case
        after = edit(before)
        if after is before or after == before:
            return False
        if merge is None or merge != self._merge:
            self._undo.append((label, before))
        self._merge = merge
        self._redo.clear()
        self.case = after
        self._tell(difference(before, after, label))
        return True

    def settle(self) -> None:
        """End a merged row of edits (mouse released)."""
        self._merge = None

    @property
    def undo_label(self) -> str | None:
        return self._undo[-1][0] if self._undo else None

    @property
    def redo_label(self) -> str | None:
        return self._redo[-1][0] if self._redo else None

    def undo(self) -> bool:
        return self._travel(self._undo, self._redo)

    def redo(self) -> bool:
        return self._travel(self._redo, self._undo)

    def _travel(self, source: list[tuple[str, Case]], target: list[tuple[str, Case]]) -> bool:
        if not source:
            return False
        label, value = source.pop()
        target.append((label, self.case))
        before, self.case = self.case, value
        self._merge = None
        self._tell(difference(before, value, label))
        return True

    def _tell(self, change: Change) -> None:
        for listener in tuple(self.listeners):
            listener(change)
