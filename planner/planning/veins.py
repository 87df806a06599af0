"""The veins that segments of a venous tree are named by (``resources/veins.toml``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from planner.catalogues import catalogue
from planner.errors import BugError, UsageError


@dataclass(frozen=True, slots=True)
class Vein:
    """One entry of the catalogue.

    Attributes
    ----------
    parent
        Key of the vein it drains into or branches from, or None.
    order
        Usual place from the root of the tree outwards, lower first.
    snomed
        SNOMED CT code of DICOM's context groups, or None where none is listed.
    liver_segment
        Couinaud segment of a segmental branch.
    """

    key: str
    name: str
    group: str
    order: int
    parent: str | None = None
    snomed: str | None = None
    side: str | None = None
    liver_segment: str | None = None


@cache
def veins() -> dict[str, Vein]:
    """Every vein by key, in the order of the catalogue.

    Raises
    ------
    BugError
        When the catalogue names a key twice or a parent that is not there.
    """
    entries = [Vein(**entry) for entry in catalogue("veins.toml")["vein"]]
    found = {entry.key: entry for entry in entries}
    missing = {entry.parent for entry in entries if entry.parent is not None} - set(found)
    if len(found) != len(entries) or missing:
        raise BugError(f"resources/veins.toml repeats a key or lacks the parents {sorted(missing)}")
    return found


def vein(key: str) -> Vein:
    """
    Raises
    ------
    UsageError
        When no vein has this key.
    """
    if key not in veins():
        raise UsageError("unknown-vein", f"No vein is called {key!r}; choose one of the catalogue.", subject=key)
    return veins()[key]
