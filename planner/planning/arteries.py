"""The arteries that segments of a vessel path are named by (``resources/arteries.toml``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from planner.catalogues import catalogue
from planner.errors import BugError, UsageError


@dataclass(frozen=True, slots=True)
class NamedVessel:
    """One entry of a catalogue of arteries or veins.

    Attributes
    ----------
    parent
        Key of the vessel it usually arises from (of a vein: drains into or branches from), or None.
    order
        Usual place on the way from access to target, or from the root of the tree outwards; lower first.
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


def read_vessels(file: str, table: str) -> dict[str, NamedVessel]:
    """Every vessel of a catalogue by key, in its order.

    Raises
    ------
    BugError
        When the catalogue names a key twice or a parent that is not there.
    """
    entries = [NamedVessel(**entry) for entry in catalogue(file)[table]]
    found = {entry.key: entry for entry in entries}
    missing = {entry.parent for entry in entries if entry.parent is not None} - set(found)
    if len(found) != len(entries) or missing:
        raise BugError(f"resources/{file} repeats a key or lacks the parents {sorted(missing)}")
    return found


@cache
def arteries() -> dict[str, NamedVessel]:
    """Every artery by key; raises as `read_vessels`."""
    return read_vessels("arteries.toml", "artery")


def artery(key: str) -> NamedVessel:
    """
    Raises
    ------
    UsageError
        When no artery has this key.
    """
    if key not in arteries():
        raise UsageError("unknown-artery", f"No artery is called {key!r}; choose one of the catalogue.", subject=key)
    return arteries()[key]


def way_to(key: str) -> tuple[NamedVessel, ...]:
    """The usual way from the first parent to an artery: the names offered for a path's segments."""
    way = [artery(key)]
    while (parent := way[0].parent) is not None:
        way.insert(0, artery(parent))
    return tuple(way)
