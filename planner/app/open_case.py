"""An open case: its document, the revision it stands on, and what has been saved of it."""

from __future__ import annotations

from collections.abc import Callable

from planner.model.case import Case
from planner.model.document import Change, Document
from planner.store.actors import Action, Actor, SaveReason
from planner.store.journal import Journal
from planner.store.library import Library

Heard = Callable[[], object]


class OpenCase:
    """Every edit reaches the recovery journal within two seconds; `save` writes a revision and returns after COMMIT.

    Parameters
    ----------
    case, revision
        As the library (or the recovery) handed them out.
    unsaved
        True for work taken up again after a crash: it differs from its revision.

    Attributes
    ----------
    listeners
        Called after each edit, undo, redo and save.
    """

    def __init__(
        self,
        library: Library,
        journal: Journal | None,
        case: Case,
        revision: int,
        actor: Actor,
        *,
        unsaved: bool = False,
    ) -> None:
        self.library, self.journal, self.actor = library, journal, actor
        self.document = Document(case)
        self.revision = revision
        self.listeners: list[Heard] = []
        self._saved: Case | None = None if unsaved else case
        self.document.listeners.append(self._changed)

    @property
    def case(self) -> Case:
        return self.document.case

    @property
    def is_saved(self) -> bool:
        """Whether a revision holds exactly what is on the screen."""
        return self._saved is self.case or self._saved == self.case

    def save(self, reason: SaveReason = SaveReason.SAVE) -> int:
        """Write a revision when anything has changed.

        Raises
        ------
        SavedElsewhere
            Somebody else saved meanwhile: this work is kept as a branch, and both are still there.
        StoreError
            When the library cannot be written; the journal still has the work.
        """
        if self.is_saved:
            return self.revision
        case = self.case
        self.revision = self.library.save(case, self.revision, self.actor, reason)
        self._saved = case
        if self.journal is not None:
            self.journal.saved(case, self.revision)
        self._tell()
        return self.revision

    def note(self, action: Action, target: str, digest: str | None = None) -> None:
        """An entry of the audit trail."""
        self.library.note(self.case.id, self.actor, action, target, digest)

    def close(self) -> None:
        """Save and let go."""
        self.save(SaveReason.CLOSE)
        self.document.listeners.clear()
        self.listeners.clear()

    def _changed(self, change: Change) -> None:
        del change
        if self.journal is not None:
            self.journal.note(self.case, self.revision)
        self._tell()

    def _tell(self) -> None:
        for heard in tuple(self.listeners):
            heard()
