"""After a crash: what was not saved, how it differs from what is saved, and taking it up again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from planner import APPLICATION
from planner.errors import InputRefused
from planner.model import codec
from planner.model.case import Case
from planner.store.journal import Journal, Unsaved
from planner.store.library import Library


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One place where two documents differ.

    Attributes
    ----------
    path
        ``lesions[lesion-1].segment``; members of lists are named by their id where they have one.
    before, after
        JSON values; None also where the place does not exist.
    """

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Recovery:
    """Unsaved work that can be restored.

    Attributes
    ----------
    head_revision
        Current in the library, or None when the case is not in it. When it is not `unsaved.base_revision`, somebody
        saved meanwhile: saving the restored work keeps it as a branch.
    differences
        From what it started from to what it had become.
    """

    unsaved: Unsaved
    head_revision: int | None
    differences: tuple[FieldDifference, ...]

    @property
    def sentence(self) -> str:
        return (
            f"Restore changes from {self.unsaved.noted_at.astimezone():%Y-%m-%d %H:%M}? "
            f"{len(self.differences)} places differ from revision {self.unsaved.base_revision}."
        )


def journal_folder(library: Library) -> Path:
    """Where the journals of a library lie: beside an SQLite file, in the account's state folder for a server."""
    if library.file is not None:
        return library.file.with_name(f"{library.file.name}.recovery")
    name = hashlib.sha256(library.url.encode("utf-8")).hexdigest()[:16]
    return platformdirs.user_state_path(APPLICATION, appauthor=False) / "recovery" / name


def open_journal(library: Library, *, on_trouble: Callable[[str | None], None] | None = None) -> Journal:
    """The journal of this program for a library.

    Raises
    ------
    StoreError
        ``journal-failed`` when its folder cannot be written.
    """
    return Journal(journal_folder(library), on_trouble=on_trouble)


def recoverable(library: Library, journal: Journal) -> tuple[Recovery, ...]:
    """Unsaved work of programs that no longer run, newest first. What was saved after all is forgotten on the way."""
    found = []
    for unsaved in journal.pending():
        try:
            history = library.history(unsaved.case.id)
        except InputRefused:
            found.append(Recovery(unsaved, None, ()))
            continue
        digest = codec.digest(unsaved.case)
        if any(each.sha256 == digest for each in history):
            journal.discard(unsaved)
            continue
        head = next(each.revision for each in history if each.is_head)
        base = library.open_revision(unsaved.case.id, unsaved.base_revision)
        found.append(Recovery(unsaved, head, differences(base, unsaved.case)))
    return tuple(found)


def restore(journal: Journal, recovery: Recovery) -> tuple[Case, int]:
    """Take the work up again: it is in this program's journal before the old one lets go of it.

    Returns
    -------
    The case and the revision it is based on, to be opened as a document with unsaved changes.
    """
    journal.adopt(recovery.unsaved)
    return recovery.unsaved.case, recovery.unsaved.base_revision


def discard(journal: Journal, recovery: Recovery) -> None:
    """Forget the work, on a person's word."""
    journal.discard(recovery.unsaved)


def differences(before: Case, after: Case) -> tuple[FieldDifference, ...]:
    """Where two states of a case differ, field by field: for recovery, and for choosing after a lost race."""
    found: list[FieldDifference] = []
    _compare("", codec.to_json(before), codec.to_json(after), found)
    return tuple(found)


def _compare(path: str, before: Any, after: Any, found: list[FieldDifference]) -> None:
    if before == after:
        return
    ours, theirs = _members(before), _members(after)
    if ours is None or theirs is None:
        found.append(FieldDifference(path, before, after))
        return
    named = isinstance(before, dict) and isinstance(after, dict)
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        step = f"{path}.{key}" if named and path else key if named else f"{path}[{key}]"
        _compare(step, ours.get(key), theirs.get(key), found)


def _members(value: Any) -> dict[str, Any] | None:
    """The parts of an object, or of a list of things with ids; None for everything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in value):
        named = {each["id"]: each for each in value}
        return named if len(named) == len(value) else None
    return None
