"""Two studies of one patient that are compared: which two, how they are linked, how they are laid over each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.imaging import LabelMap, Volume
from planner.model.items import Point
from viewers.state.signals import Signal, Value

Side = Literal["earlier", "later"]
FuseMode = Literal["blend", "swipe", "chequerboard", "difference", "edges"]
FUSE_MODES: tuple[FuseMode, ...] = get_args(FuseMode)
FUSE_NAMES: dict[FuseMode, str] = {
    "blend": "Blend",
    "swipe": "Swipe",
    "chequerboard": "Chequerboard",
    "difference": "Difference",
    "edges": "Edges",
}
"""What a person reads."""

COMPARE_LAYOUTS = ("compare", "compare_planes", "compare_fused")
"""Side by side, side by side in two planes, laid over each other (``resources/layouts.toml``)."""
FUSED_LAYOUT = COMPARE_LAYOUTS[2]
COMPARE_LANDMARK = "compare-landmark"
"""Key of the tool that clicks a landmark in both studies."""
MAPS_KEY = "compare"
"""What the maps of changes are hidden and shown by: ``compare/<map>``."""
ENOUGH_LANDMARKS = 4
"""From so many pairs on the error that they tell is called measured; fewer are a hint."""

STEP_OF_SHARE = 0.1
LEAST_DIFFERENCE, LARGEST_DIFFERENCE = 10.0, 2000.0


class LinkMap(Protocol):
    """Where a point of the later study lies in the earlier one, and back; LPS mm, (..., 3)."""

    def points(self, points: ArrayLike, /) -> NDArray[np.float64]: ...

    def inverse_points(self, points: ArrayLike, /) -> NDArray[np.float64]: ...


class SameFrame:
    """Both series lie in one frame of reference: nothing is to be mapped."""

    def points(self, points: ArrayLike, /) -> NDArray[np.float64]:
        return np.asarray(points, dtype=np.float64)

    def inverse_points(self, points: ArrayLike, /) -> NDArray[np.float64]:
        return np.asarray(points, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Keys (``series_uid#part``) of the earlier and the later series."""

    earlier: str
    later: str

    def key(self, side: Side) -> str:
        return self.earlier if side == "earlier" else self.later


@dataclass(frozen=True, eq=False, slots=True)
class Linked:
    """How the frames of the two studies meet.

    Attributes
    ----------
    link_id
        Of the case's link; empty for one frame of reference.
    reviewed
        A person has looked: only then do cursors go together.
    words
        Who reviewed it and when, or what it is.
    """

    link_map: LinkMap
    reviewed: bool
    link_id: str = ""
    words: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class WarpedStudy:
    """The earlier study brought onto the later one's grid.

    Attributes
    ----------
    volume
        In the later study's frame of reference.
    outside
        The value beyond the earlier study, where nothing is compared; None: it is NaN there.
    rough
        On a coarser grid, for a first look: the whole one is still made.
    """

    pair: ComparedPair
    link_id: str
    volume: Volume
    outside: float | None = None
    rough: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class ChangeMap:
    """A map of colours on the later study's grid, such as Lipiodol or what changed.

    Attributes
    ----------
    key
        It is hidden by ``compare/<key>``.
    note
        What it stands on, in one line.
    """

    key: str
    title: str
    labels: LabelMap
    note: str = ""

    @property
    def hidden_key(self) -> str:
        return f"{MAPS_KEY}/{self.key}"


@dataclass(frozen=True, slots=True)
class Change:
    """One structure that is new, grown, shrunk or vanished.

    Attributes
    ----------
    place_lps_mm
        In the later study's frame; a vanished one where it would lie. None where the new images do not show it.
    words
        Sizes before and after, with units.
    """

    kind: str
    name: str
    words: str
    place_lps_mm: Point | None


@dataclass(frozen=True, slots=True)
class LandmarkPair:
    """One place in both studies; None where it was not clicked yet."""

    later_lps_mm: Point | None = None
    earlier_lps_mm: Point | None = None

    @property
    def whole(self) -> bool:
        return self.later_lps_mm is not None and self.earlier_lps_mm is not None

    def place(self, side: Side) -> Point | None:
        return self.later_lps_mm if side == "later" else self.earlier_lps_mm


@dataclass(frozen=True, slots=True)
class FusionLook:
    """How two studies are laid over each other.

    Attributes
    ----------
    share
        Of the earlier study in a blend, 0 to 1.
    divider
        Where the swipe's divider stands, from the left edge, 0 to 1: the earlier study lies left of it.
    tiles
        Squares of the chequerboard along the shorter side.
    limit
        The difference is shown between minus and plus this, in the images' unit.
    alone
        While flickering: this study only.
    """

    mode: FuseMode = "blend"
    share: float = 0.5
    divider: float = 0.5
    tiles: int = 8
    limit: float = 150.0
    alone: Side | None = None


class CompareDesk:
    """Shared by the panes of one window.

    Attributes
    ----------
    pair
        None while nothing is compared.
    linked
        None while the two frames do not meet at all.
    refused
        Why nothing may be compared (two patients …); empty for nothing.
    warped
        Of `pair` by `linked`; made once, in a job.
    changed
        Any of these changed: panes draw anew.
    wanted
        A person wants these two compared: whoever knows the case answers.
    """

    def __init__(self) -> None:
        self.pair: Value[ComparedPair | None] = Value(None)
        self.linked: Value[Linked | None] = Value(None)
        self.refused: Value[str] = Value("")
        self.warped: Value[WarpedStudy | None] = Value(None)
        self.look: Value[FusionLook] = Value(FusionLook())
        self.maps: Value[tuple[ChangeMap, ...]] = Value(())
        self.changes: Value[tuple[Change, ...]] = Value(())
        self.landmarks: Value[tuple[LandmarkPair, ...]] = Value(())
        self.changed: Signal[[]] = Signal()
        self.wanted: Signal[[ComparedPair]] = Signal()
        self._sizes: dict[str, tuple[int, int]] = {}
        for value in (self.pair, self.linked, self.refused, self.warped, self.maps, self.landmarks):
            value.changed.connect(lambda _: self.changed.emit())

    def forget(self) -> None:
        """Another patient, or none."""
        self.compare(None)
        self.look.set(FusionLook())

    def compare(self, pair: ComparedPair | None) -> None:
        """These two series now; what belonged to others goes."""
        if pair == self.pair.value:
            return
        self.warped.set(None)
        self.linked.set(None)
        self.refused.set("")
        self.maps.set(())
        self.changes.set(())
        self.landmarks.set(())
        self.pair.set(pair)

    def key(self, side: Side) -> str | None:
        pair = self.pair.value
        return None if pair is None else pair.key(side)

    def side_of(self, series: str | None) -> Side | None:
        pair = self.pair.value
        if pair is None or series not in (pair.earlier, pair.later):
            return None
        return "earlier" if series == pair.earlier else "later"

    @property
    def link(self) -> Linked | None:
        """What a person has reviewed; an unreviewed link links nothing."""
        found = self.linked.value
        return found if found is not None and found.reviewed and not self.refused.value else None

    @property
    def fused(self) -> WarpedStudy | None:
        """The earlier study on the later one's grid, while it still is of this pair and link."""
        made, linked = self.warped.value, self.linked.value
        if made is None or linked is None or self.refused.value:
            return None
        return made if made.pair == self.pair.value and made.link_id == linked.link_id else None

    @property
    def notice(self) -> str:
        """What stands across a pane whose study is not linked; empty when it is."""
        if self.refused.value:
            return self.refused.value
        if self.link is not None:
            return ""
        if self.linked.value is not None:
            return "Not linked: a match waits for its review"
        return "Not linked: match the two studies first"

    def counterpart(self, side: Side, lps_mm: ArrayLike) -> NDArray[np.float64] | None:
        """Where a point of one side lies in the other study; None without a reviewed link, or where none leads on."""
        link = self.link
        if link is None:
            return None
        found = link.link_map.points(lps_mm) if side == "later" else link.link_map.inverse_points(lps_mm)
        return found if bool(np.isfinite(found).all()) else None

    def size(self, kind: str, own: tuple[int, int]) -> tuple[int, int]:
        """Width and height that both panes of a kind fit their studies to: those of the new study's."""
        return self._sizes.get(kind, own)

    def put_size(self, kind: str, size: tuple[int, int]) -> None:
        """The new study's pane has another size."""
        if self._sizes.get(kind) != size:
            self._sizes[kind] = size
            self.changed.emit()

    # Landmarks

    def put_landmark(self, series: str, point: Point) -> str | None:
        """A click in one of the two studies; a sentence when it is in neither."""
        side = self.side_of(series)
        if side is None:
            return "This pane shows neither of the two studies that are compared."
        pairs = list(self.landmarks.value)
        if not pairs or pairs[-1].whole:
            pairs.append(LandmarkPair())
        last = pairs[-1]
        pairs[-1] = replace(last, later_lps_mm=point) if side == "later" else replace(last, earlier_lps_mm=point)
        self.landmarks.set(tuple(pairs))
        return None

    def remove_landmark(self, number: int) -> None:
        pairs = self.landmarks.value
        self.landmarks.set((*pairs[:number], *pairs[number + 1 :]))

    def whole_landmarks(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, 3) places in the later study and the same ones in the earlier."""
        whole = [(pair.later_lps_mm, pair.earlier_lps_mm) for pair in self.landmarks.value if pair.whole]
        found = np.array(whole, dtype=np.float64).reshape(-1, 2, 3)
        return found[:, 0], found[:, 1]

    @property
    def next_landmark(self) -> str:
        """What to click next."""
        pairs = self.landmarks.value
        if pairs and not pairs[-1].whole:
            where = "earlier" if pairs[-1].later_lps_mm is not None else "new"
            return f"Click the same place in the {where} study."
        count = len(self.whole_landmarks()[0])
        return f"Click landmark {count + 1}: a place that both studies show, such as a vessel's fork."

    # The look

    def use_mode(self, mode: FuseMode) -> None:
        self.look.set(replace(self.look.value, mode=mode, alone=None))

    def next_mode(self) -> None:
        self.use_mode(FUSE_MODES[(FUSE_MODES.index(self.look.value.mode) + 1) % len(FUSE_MODES)])

    def flicker(self) -> None:
        """The other study alone: earlier, later, earlier …"""
        self.look.set(replace(self.look.value, alone="later" if self.look.value.alone == "earlier" else "earlier"))

    def slide(self, to: float) -> None:
        """The slider of the mode: share of the blend, place of the divider; 0 to 1."""
        look, value = self.look.value, min(max(to, 0.0), 1.0)
        if look.mode == "swipe":
            self.look.set(replace(look, divider=value, alone=None))
        else:
            self.look.set(replace(look, share=value, alone=None))

    @property
    def slider(self) -> float:
        look = self.look.value
        return look.divider if look.mode == "swipe" else look.share

    def set_tiles(self, tiles: int) -> None:
        self.look.set(replace(self.look.value, tiles=min(max(tiles, 2), 32)))

    def set_limit(self, limit: float) -> None:
        bounded = min(max(limit, LEAST_DIFFERENCE), LARGEST_DIFFERENCE)
        self.look.set(replace(self.look.value, limit=bounded))

    def shown_maps(self, hidden: frozenset[str]) -> tuple[ChangeMap, ...]:
        """Those that are not hidden."""
        return tuple(each for each in self.maps.value if each.hidden_key not in hidden)


def turned_deg(link_map: LinkMap, at_lps_mm: ArrayLike, reach_mm: float = 10.0) -> float:
    """By how much the map turns a plane at a point: the largest angle of the three axes, degrees.

    Taken from the map's differences over `reach_mm` on both sides.
    """
    place = np.asarray(at_lps_mm, dtype=np.float64)
    steps = np.eye(3) * reach_mm
    ahead, behind = link_map.points(place + steps), link_map.points(place - steps)
    along = ahead - behind
    length = np.linalg.norm(along, axis=1)
    if not bool(np.isfinite(along).all()) or float(length.min()) < 1e-6:
        return 0.0
    cosines = np.clip(np.einsum("ij,ij->i", along, np.eye(3)) / length, -1.0, 1.0)
    return float(np.degrees(np.arccos(cosines.min())))


def legend_of(maps: Mapping[str, LabelMap]) -> tuple[tuple[str, str], ...]:
    """Colour and name of every label, once each."""
    found: dict[str, str] = {}
    for labels in maps.values():
        for label in labels.labels.values():
            found.setdefault(label.name, label.colour)
    return tuple((colour, name) for name, colour in found.items())
