"""Layouts as data: which panes stand where (``resources/layouts.toml``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.errors import BugError


@dataclass(frozen=True, slots=True)
class PaneSpec:
    """One pane of a layout.

    Attributes
    ----------
    id
        Unique in the layout; zoom, slab and series are remembered under it, so layouts may share a pane.
    kind
        ``axial``, ``coronal``, ``sagittal`` (MPR), ``3d``, or another kind the window has a factory for.
    role
        Which volume it opens with (see `ImageSet.key_for`); None is the primary one.
    """

    id: str
    kind: str
    row: int = 0
    column: int = 0
    row_span: int = 1
    column_span: int = 1
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Panes on a grid; stretches are relative sizes of rows and columns."""

    key: str
    name: str
    panes: tuple[PaneSpec, ...]
    row_stretch: tuple[int, ...] = ()
    column_stretch: tuple[int, ...] = ()


@cache
def layouts() -> tuple[Layout, ...]:
    """Every layout, in the order in which Tab walks through them.

    Raises
    ------
    BugError
        For a catalogue with a repeated layout or pane.
    """
    found = tuple(_layout(entry) for entry in catalogue("layouts.toml")["layout"])
    keys = [each.key for each in found]
    if len(set(keys)) != len(keys):
        raise BugError("resources/layouts.toml names a layout twice")
    return found


def layout(key: str) -> Layout:
    """A layout by key; the first one when the key is unknown (a session may name one of a later release)."""
    return next((each for each in layouts() if each.key == key), layouts()[0])


def next_layout(key: str) -> str:
    """The key after this one, round and round."""
    keys = [each.key for each in layouts()]
    return keys[(keys.index(key) + 1) % len(keys)] if key in keys else keys[0]


def _layout(entry: dict[str, Any]) -> Layout:
    panes = tuple(PaneSpec(**each) for each in entry["pane"])
    if len({each.id for each in panes}) != len(panes):
        raise BugError(f"resources/layouts.toml: layout {entry['key']} names a pane twice")
    return Layout(
        key=entry["key"],
        name=entry["name"],
        panes=panes,
        row_stretch=tuple(entry.get("row_stretch", ())),
        column_stretch=tuple(entry.get("column_stretch", ())),
    )
