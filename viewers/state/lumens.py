"""What panes and panels share of lumens and stents: those of the session, the place looked at, what is under the hand.

Lengths are mm along the centreline from its start, angles degrees. Nothing here measures: `LumenKeeper` does, for the
open case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from planner.model.items import Point
from planner.planning.stent_catalogue import stent_catalogue
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.signals import Signal, Value
from viewers.state.vessels import VesselPlace

LUMEN_TOOL = "lumen"
"""Key of the tool that clicks along a lumen."""
LUMEN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "airway": "Airway",
        "oesophagus": "Oesophagus",
        "bowel": "Bowel",
        "bile": "Bile duct",
        "vein": "Vein",
        "artery": "Artery",
    }
)
COLOUR, DOUBTFUL, STENOSIS, STENT, MARK = "#56b4e9", "#8fa9bb", "#e6b13a", "#f5a3d0", "#9ccf5a"
"""Lumen, where it is not to be trusted, stricture, stent, landmark; the picture says the same by shape and word."""


class LumenKeeper(Protocol):
    """Acts on lumens and stents of the open case; each is one step of undo and may answer a refusal."""

    def trace(self, clicks_lps_mm: Sequence[Point], series: str) -> str | None:
        """Another lumen through clicks, as a job."""
        ...

    def trace_again(self, lumen_id: str, clicks_lps_mm: Sequence[Point]) -> str | None:
        """The same lumen through other clicks, as a job."""
        ...

    def add_click(self, lumen_id: str, lps_mm: Point) -> str | None:
        """One more click for a lumen, where it lies along it, as a job."""
        ...

    def trace_branch(self, place: VesselPlace) -> str | None:
        """The lumen from the root of a tree to the end of a branch, as a job."""
        ...

    def set_stenosis(self, lumen_id: str, start_mm: float, end_mm: float) -> str | None: ...

    def mark(self, lumen_id: str, along_mm: float, name: str) -> str | None: ...

    def unmark(self, lumen_id: str, name: str) -> str | None: ...

    def hold_stent(self, stent_id: str, start_mm: float, end_mm: float) -> str | None:
        """A stent or one of its ends is dragged: show it there, nothing is stored."""
        ...

    def keep_stent(self) -> str | None:
        """The hand has let go of it: into the plan."""
        ...

    def drop_stent(self) -> None:
        """The drag was given up."""
        ...


class LumenDesk:
    """State of lumens and stents, shared by the panes of one window.

    Attributes
    ----------
    lumens, stents
        Of the session.
    on_show
        Id of the lumen that the panes draw; None is the last one.
    along_mm
        Where the line stands that all panes share.
    angle_deg, is_curved
        Of the reformatted picture.
    kind
        Of the next lumen.
    held_stent, held_stenosis
        Under the hand, not stored.
    message
        What the panes say while there is no lumen.
    """

    def __init__(self) -> None:
        self.lumens: Value[tuple[LumenShown, ...]] = Value(())
        self.stents: Value[tuple[StentShown, ...]] = Value(())
        self.on_show: Value[str | None] = Value(None)
        self.along_mm: Value[float] = Value(0.0)
        self.angle_deg: Value[float] = Value(0.0)
        self.is_curved: Value[bool] = Value(False)
        self.kind: Value[str] = Value("airway")
        self.held_stent: Value[StentShown | None] = Value(None)
        self.held_stenosis: Value[tuple[float, float] | None] = Value(None)
        self.message: Value[str] = Value("")
        self.changed: Signal[[]] = Signal()
        self.keeper: LumenKeeper | None = None
        for value in (
            self.lumens, self.stents, self.on_show, self.along_mm, self.angle_deg, self.is_curved, self.held_stent,
            self.held_stenosis, self.message,
        ):  # fmt: skip
            value.changed.connect(self._tell)

    def _tell(self, value: object) -> None:
        del value
        self.changed.emit()

    def lumen(self, lumen_id: str | None) -> LumenShown | None:
        return next((each for each in self.lumens.value if each.id == lumen_id), None)

    @property
    def shown(self) -> LumenShown | None:
        """The lumen that the panes draw."""
        return self.lumen(self.on_show.value) or next(iter(reversed(self.lumens.value)), None)

    def in_frame(self, frame_uid: str, hidden: frozenset[str] = frozenset()) -> tuple[LumenShown, ...]:
        return tuple(each for each in self.lumens.value if each.frame_uid == frame_uid and each.id not in hidden)

    def stents_in(self, lumen_id: str, hidden: frozenset[str] = frozenset()) -> tuple[StentShown, ...]:
        """Stents of a lumen; the one under the hand in place of where the plan has it."""
        held = self.held_stent.value
        mine = (each for each in self.stents.value if each.lumen_id == lumen_id and each.id not in hidden)
        return tuple(held if held is not None and held.id == each.id else each for each in mine)

    @property
    def stenosis_mm(self) -> tuple[float, float] | None:
        """Ends of the stricture of the lumen on show, as the hand has them now."""
        shown = self.shown
        if self.held_stenosis.value is not None or shown is None or shown.stenosis is None:
            return self.held_stenosis.value
        return shown.stenosis.start_mm, shown.stenosis.end_mm

    def look(self, along_mm: float) -> None:
        """The line to a place of the lumen on show, held at its ends."""
        shown = self.shown
        if shown is not None:
            self.along_mm.set(min(max(along_mm, 0.0), shown.length_mm))

    def turn(self, by_deg: float) -> None:
        """The picture about the lumen."""
        self.angle_deg.set((self.angle_deg.value + by_deg + 180.0) % 360.0 - 180.0)

    def forget(self) -> None:
        """Another case: nothing of the one before stays."""
        self.keeper = None
        for value in (self.on_show, self.held_stent, self.held_stenosis):
            value.set(None)
        self.stents.set(())
        self.lumens.set(())
        self.along_mm.set(0.0)
        self.angle_deg.set(0.0)


def mark_names(kind: str) -> tuple[tuple[str, str], ...]:
    """Key and name of the landmarks that a lumen of a kind may have, then openings that a stent is to cover."""
    known = stent_catalogue()
    named = tuple((each.key, each.name) for each in known.landmarks if kind in each.kinds)
    return (*named, *((each, each.capitalize()) for each in sorted(known.openings)))


def mark_name(kind: str, key: str) -> str:
    """A mark's name as it is read; a person's own words stay."""
    found = stent_catalogue().landmark(kind, key)
    return key if found is None else found.name
