"""What panes and panels share of vessel trees: those of the session, the place chosen, the injection, the working view.

Lengths are mm, angles degrees, points LPS mm. Nothing here measures: `VesselKeeper` does, for the open case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.imaging.masks import Mask
from planner.model.items import Point
from planner.planning.vessel_tree import VesselTree
from viewers.state.mask_layer import RegionShape
from viewers.state.signals import Signal, Value
from viewers.state.vessel_words import segment_colours, segment_name
from viewers.state.working_view import ViewDesk

TREE_TOOL, CATHETER_TOOL = "vessel-tree", "catheter"
"""Keys of the tools that edit trees and put catheter tips."""
FIND, CHOOSE = "find", "choose"

MAIN, MINOR, PASSES = "main", "minor", "passes"
"""How a segment stands to the lesion looked at: it feeds it mainly, a little, or merely passes by."""
INJECTED = "#4fd0e6"
"""What is downstream of a catheter's tip: contrast that runs out of it."""
REACHED, FEEDER, FEEDER_MINOR, WAY = INJECTED, "#f0a030", "#e8d06a", "#ffffff"
THIN_MM = 0.5
"""Radius drawn where none is known."""


@dataclass(frozen=True, slots=True)
class VesselPlace:
    """A place on a tree of the session."""

    tree_id: str
    segment: str
    along_mm: float


@dataclass(frozen=True)
class FlatTree:
    """All points of a tree in one table, for drawing and picking.

    Attributes
    ----------
    points_lps_mm, radius_mm, along_mm, doubtful
        (n, 3), (n,) without NaN, (n,), (n,).
    number
        (n,) which segment of the tree each point belongs to.
    """

    points_lps_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    along_mm: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    number: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TreeShown:
    """A tree of the session as it is drawn.

    Attributes
    ----------
    id
        Of its plan item.
    notes
        What is said of it wherever it stands: on which images, what cannot be seen.
    """

    id: str
    name: str
    tree: VesselTree
    notes: tuple[str, ...] = ()

    @cached_property
    def colours(self) -> Mapping[str, str]:
        """Segment -> colour, by the name of it or of what it comes from, else by its generation."""
        return segment_colours(self.tree)

    @cached_property
    def flat(self) -> FlatTree:
        segments = self.tree.segments
        if not segments:
            none = np.empty(0)
            return FlatTree(np.empty((0, 3)), none, none, np.empty(0, np.bool_), np.empty(0, np.int64))
        radius = np.concatenate([each.radius_mm for each in segments])
        number = np.repeat(np.arange(len(segments)), [len(each.points_lps_mm) for each in segments])
        return FlatTree(
            np.concatenate([each.points_lps_mm for each in segments]),
            np.where(np.isfinite(radius), radius, THIN_MM),
            np.concatenate([each.along_mm for each in segments]),
            np.concatenate([each.doubtful for each in segments]),
            number,
        )

    def nearest(self, lps_mm: ArrayLike) -> tuple[VesselPlace, float] | None:
        """The place nearest to a point, and how far away it is; None for an empty tree."""
        flat = self.flat
        if not len(flat.points_lps_mm):
            return None
        gaps = np.linalg.norm(flat.points_lps_mm - np.asarray(lps_mm, dtype=np.float64), axis=1)
        # Points are dense: the nearest place between points lies on the segment of one of the nearest points.
        nearest = np.argsort(gaps)[:4]
        among = tuple({self.tree.segments[int(flat.number[at])].id for at in nearest})
        found = self.tree.nearest(lps_mm, among)
        return None if found is None else (VesselPlace(self.id, found.segment, found.along_mm), found.distance_mm)

    def lps_of(self, place: VesselPlace) -> NDArray[np.float64] | None:
        """(3,) of a place; None when the segment is gone."""
        return self.tree.segment(place.segment).at(place.along_mm) if self.tree.has(place.segment) else None

    def radius_at(self, place: VesselPlace) -> float | None:
        if not self.tree.has(place.segment):
            return None
        segment = self.tree.segment(place.segment)
        known = np.isfinite(segment.radius_mm)
        if not known.any():
            return None
        return float(np.interp(place.along_mm, segment.along_mm[known], segment.radius_mm[known]))

    def way(self, place: VesselPlace | None) -> frozenset[str]:
        """Segments from the root to a place."""
        if place is None or place.tree_id != self.id or not self.tree.has(place.segment):
            return frozenset()
        return frozenset(each.id for each in self.tree.way_to(place.segment))


@dataclass(frozen=True, slots=True)
class TipShown:
    """A catheter's tip: of a position of the plan, or under the hand.

    Attributes
    ----------
    item_id
        None for a tip that is not in the plan yet.
    action
        ``embolise``, ``spare`` or ``protect``.
    """

    place: VesselPlace
    lps_mm: Point
    name: str = ""
    item_id: str | None = None
    action: str = "embolise"


@dataclass(frozen=True, eq=False)
class InjectionShown:
    """What would be reached from one tip.

    Attributes
    ----------
    lit
        Segments that contrast runs through; of the tip's own segment only what lies beyond it.
    territory
        None while it is being prepared, or where it cannot be told.
    words
        Text and colour of the lines written beside the tip.
    """

    tip: TipShown
    frame_uid: str
    lit: frozenset[str]
    territory: Mask | None = None
    words: tuple[tuple[str, str], ...] = ()

    @property
    def region(self) -> RegionShape | None:
        """The territory as the slices draw it."""
        if self.territory is None or self.territory.is_empty:
            return None
        return RegionShape("territory", self.territory, INJECTED)


class VesselKeeper(Protocol):
    """Acts on the trees and positions of the open case; each is one step of undo and may answer a refusal."""

    def find_from(self, lps_mm: Point, series: str) -> str | None:
        """A click in a vessel: find the tree from there, as a job."""
        ...

    def add_branch(self, tree_id: str, end_lps_mm: Point) -> str | None: ...

    def cut(self, place: VesselPlace, *, whole: bool) -> str | None:
        """Without what lies beyond a place; with `whole` without its segment as well."""
        ...

    def join(self, place: VesselPlace, other: VesselPlace) -> str | None:
        """The other tree becomes a branch of the first, from its place to the first's."""
        ...

    def reroot(self, place: VesselPlace) -> str | None: ...

    def confirm_name(self, place: VesselPlace) -> str | None: ...

    def hold_tip(self, tip: TipShown) -> str | None:
        """A tip is put or dragged: show what is reached from there, nothing is stored."""
        ...

    def keep_tip(self, tip: TipShown) -> str | None:
        """The hand has let go of it: into the plan."""
        ...

    def drop_tip(self) -> None:
        """The drag was given up."""
        ...


@dataclass(frozen=True, slots=True)
class Supply:
    """How the segments of one tree stand to the lesion that is looked at.

    Attributes
    ----------
    standing
        Segment -> `MAIN`, `MINOR` or `PASSES`.
    """

    tree_id: str
    lesion: str
    standing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class VesselDesk:
    """State of vessel trees, shared by the panes of one window.

    Attributes
    ----------
    trees
        Of the session, those on show first to last.
    on_show
        Id of the tree that the diagram draws; None is the first one.
    chosen
        Place that edits and new branches refer to.
    pointed
        Under the pointer, in any pane.
    way
        The way to this place is highlighted.
    supply
        How segments stand to the lesion looked at.
    fed
        Tree and segment of every feeder of the plan: the diagram gives them room.
    injection
        From the tip under the hand, or of the position that is selected.
    tips
        Of the positions of the plan.
    message
        What the diagram says while there is no tree.
    kept_looks
        Tree -> what its looks were made of, and the looks: several panes ask for the same ones.
    asked
        ``find``: a person wants the vessels found. ``choose``: the place chosen is to be brought to all panes.
    """

    def __init__(self) -> None:
        self.trees: Value[tuple[TreeShown, ...]] = Value(())
        self.on_show: Value[str | None] = Value(None)
        self.chosen: Value[VesselPlace | None] = Value(None)
        self.pointed: Value[VesselPlace | None] = Value(None)
        self.way: Value[VesselPlace | None] = Value(None)
        self.supply: Value[Supply | None] = Value(None)
        self.fed: Value[frozenset[tuple[str, str]]] = Value(frozenset())
        self.injection: Value[InjectionShown | None] = Value(None)
        self.tips: Value[tuple[TipShown, ...]] = Value(())
        self.asked: Signal[[str]] = Signal()
        self.changed: Signal[[]] = Signal()
        self.view = ViewDesk()
        self.keeper: VesselKeeper | None = None
        self.kept_looks: dict[str, tuple[tuple[object, ...], object]] = {}
        for value in (
            self.trees, self.on_show, self.chosen, self.pointed, self.way, self.supply, self.fed, self.injection,
            self.tips,
        ):  # fmt: skip
            value.changed.connect(self._tell)

    def _tell(self, value: object) -> None:
        del value
        self.changed.emit()

    def tree(self, tree_id: str | None) -> TreeShown | None:
        return next((each for each in self.trees.value if each.id == tree_id), None)

    @property
    def shown(self) -> TreeShown | None:
        """The tree that the diagram draws."""
        return self.tree(self.on_show.value) or next(iter(self.trees.value), None)

    def in_frame(self, frame_uid: str, hidden: frozenset[str] = frozenset()) -> tuple[TreeShown, ...]:
        return tuple(each for each in self.trees.value if each.tree.frame_uid == frame_uid and each.id not in hidden)

    def nearest(
        self, frame_uid: str, lps_mm: ArrayLike, hidden: frozenset[str] = frozenset()
    ) -> tuple[VesselPlace, float] | None:
        """The place of any tree of a frame nearest to a point, and how far away it is."""
        found = (each.nearest(lps_mm) for each in self.in_frame(frame_uid, hidden))
        return min((each for each in found if each is not None), key=lambda each: each[1], default=None)

    def choose(self, place: VesselPlace | None) -> None:
        """Another place is chosen; its tree is drawn in the diagram."""
        if place is not None:
            self.on_show.set(place.tree_id)
        self.chosen.set(place)

    def regions(self, frame_uid: str) -> tuple[RegionShape, ...]:
        """What slices paint beside the regions of the plan: the territory."""
        injection = self.injection.value
        region = None if injection is None or injection.frame_uid != frame_uid else injection.region
        return () if region is None else (region,)

    def words_of(self, place: VesselPlace) -> str:
        """``Right hepatic artery · 4.2 mm · 31 mm long``."""
        from planner.units import shown

        found = self.tree(place.tree_id)
        if found is None or not found.tree.has(place.segment):
            return ""
        segment, radius = found.tree.segment(place.segment), found.radius_at(place)
        width = "calibre unknown" if radius is None else f"Ø {shown(2.0 * radius, 'mm', digits=1)}"
        length = f"{shown(segment.length_mm, 'mm', digits=0)} long"
        parts = [segment_name(found.tree, segment.id), width, length]
        if segment.proposed:
            parts[0] += " (proposed)"
        if segment.doubtful_share > 0.0:
            parts.append(f"{100.0 * segment.doubtful_share:.0f} % doubtful")
        parts += {"bridged": ["bridged: not seen in the image"], "added": ["drawn by hand"]}.get(segment.origin, [])
        return " · ".join(parts)

    def forget(self) -> None:
        """Another case: nothing of the one before stays."""
        self.keeper = None
        self.kept_looks.clear()
        for value in (self.chosen, self.pointed, self.way, self.supply, self.injection, self.on_show):
            value.set(None)
        self.fed.set(frozenset())
        self.tips.set(())
        self.trees.set(())
        self.view.forget()


def tips_in(tips: Sequence[TipShown], injection: InjectionShown | None) -> tuple[TipShown, ...]:
    """Tips to draw: the one under the hand in place of where the plan has it."""
    if injection is None:
        return tuple(tips)
    moving = injection.tip
    return (*(each for each in tips if each.item_id is None or each.item_id != moving.item_id), moving)
