"""Our coded structures (``resources/structures.toml``), and how the names of other programs lead to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from planner.catalogues import catalogue
from planner.imaging.volumes import Label


@dataclass(frozen=True, slots=True)
class Structure:
    """One row of the catalogue.

    Attributes
    ----------
    code
        SNOMED CT, or None where none is certain.
    side
        ``left``, ``right`` or None.
    totalsegmentator
        Class number in the version 2 "total" task, or None.
    """

    key: str
    name: str
    colour: str
    code: str | None = None
    side: str | None = None
    totalsegmentator: int | None = None
    also: tuple[str, ...] = ()


@cache
def structures() -> dict[str, Structure]:
    """All structures by key, in the order of the catalogue."""
    return {
        key: Structure(
            key,
            row["name"],
            row["colour"],
            row.get("code"),
            row.get("side"),
            row.get("totalsegmentator"),
            tuple(row.get("also", ())),
        )
        for key, row in catalogue("structures.toml").items()
    }


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()


@cache
def _by_name() -> dict[str, Structure]:
    found: dict[str, Structure] = {}
    for one in structures().values():
        for name in (one.key, one.name, *one.also):
            found.setdefault(_plain(name), one)
    return found


def spoken_name(key: str) -> str:
    """A key of the catalogue as a person reads it in a sentence; an unknown one without its underscores."""
    known = structures().get(key)
    return known.name.lower() if known is not None else key.replace("_", " ")


def structure_named(name: str) -> Structure | None:
    """The structure of a name in a file, compared without case and with separators alike; None when unknown."""
    plain = _plain(name)
    found = _by_name().get(plain)
    # "lesion 2", "nodule1": the same structure, numbered. "vertebrae L1" and "rib left 7" are found before this.
    return found if found is not None else _by_name().get(re.sub(r"[ ]?\d+$", "", plain))


def structure_coded(code: str, side: str | None) -> Structure | None:
    """The structure of a SNOMED CT code and a side; None when the catalogue has no such row."""
    rows = [one for one in structures().values() if one.code == code]
    return next((one for one in rows if one.side == side), None) or (rows[0] if len(rows) == 1 else None)


@cache
def totalsegmentator_classes() -> dict[int, Structure]:
    """Class number -> structure, of the version 2 "total" task."""
    return {one.totalsegmentator: one for one in structures().values() if one.totalsegmentator is not None}


def label_for(value: int, name: str, colour: str | None = None) -> Label:
    """A label with the name a file gives it, and our structure and colour where they are known."""
    known = structure_named(name)
    shown = colour or (known.colour if known is not None else None)
    key = None if known is None else known.key
    return Label(value, name, key) if shown is None else Label(value, name, key, shown)
