"""Branches that an injection must not reach unless it is meant to (``resources/non_targets.toml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from planner.catalogues import catalogue
from planner.errors import BugError
from planner.model.vessel_items import NonTarget
from planner.planning.arteries import arteries
from planner.planning.vessel_tree import VesselTree

DOWNSTREAM, REFLUX, NOT_FOUND = "downstream", "reflux", "not-found"


@dataclass(frozen=True, slots=True)
class NonTargetRow:
    """One row of the catalogue.

    Attributes
    ----------
    artery
        Key of ``resources/arteries.toml`` where it has one.
    words
        Parts of a person's own name that mean it.
    supplies
        What would be hurt.
    treated, expected
        Organs in whose treatment it is called out when reached, and asked for by name when not found.
    """

    artery: str
    words: tuple[str, ...]
    supplies: str
    treated: tuple[str, ...]
    expected: tuple[str, ...]
    source: str
    tag: str

    def is_meant_by(self, name: str) -> bool:
        """Whether a segment's name means this artery."""
        plain = name.casefold()
        return plain == self.artery or any(word in plain for word in self.words)

    @property
    def title(self) -> str:
        """As it is written on the screen."""
        known = arteries().get(self.artery)
        return known.name if known is not None else f"{self.artery.replace('_', ' ').capitalize()} artery"


@dataclass(frozen=True, slots=True)
class RefluxReach:
    """How far before the tip a branch may leave and still be called out, mm."""

    distance_mm: float
    source: str
    tag: str


@cache
def non_targets() -> tuple[NonTargetRow, ...]:
    """Every row.

    Raises
    ------
    BugError
        For a row without a source.
    """
    rows = tuple(
        NonTargetRow(
            row["artery"],
            tuple(word.casefold() for word in row["words"]),
            row["supplies"],
            tuple(row["treated"]),
            tuple(row["expected"]),
            row.get("source", ""),
            row.get("tag", ""),
        )
        for row in catalogue("non_targets.toml")["non_target"]
    )
    silent = [row.artery for row in rows if not row.source or not row.tag]
    if silent:
        raise BugError(f"resources/non_targets.toml names no source or tag for {', '.join(silent)}")
    return rows


@cache
def reflux_reach() -> RefluxReach:
    """The distance of the catalogue.

    Raises
    ------
    BugError
        Without a source.
    """
    row = catalogue("non_targets.toml")["reflux"]
    if not row.get("source") or not row.get("tag"):
        raise BugError("resources/non_targets.toml names no source or tag for its reflux distance")
    return RefluxReach(float(row["distance_mm"]), row["source"], row["tag"])


def row_of(name: str | None, treated: str) -> NonTargetRow | None:
    """The row a segment's name means in the treatment of an organ; None for none."""
    if name is None:
        return None
    organ = _sideless(treated)
    return next((row for row in non_targets() if organ in row.treated and row.is_meant_by(name)), None)


def _sideless(organ: str) -> str:
    """``kidney`` of ``kidney_right``: both sides have the same branches."""
    return organ.removesuffix("_right").removesuffix("_left")


def leading_away(tree: VesselTree, treated: str) -> tuple[frozenset[str], frozenset[str]]:
    """Segments named as a non-target of the organ, and the nameless ones beyond them.

    The latter may still lead to the organ: a replaced hepatic artery that nobody has named yet.
    """
    named: set[str] = set()
    nameless: set[str] = set()
    for segment in tree.segments:
        before = tree.parent(segment.id)
        if row_of(segment.name, treated) is not None:
            named.add(segment.id)
        elif segment.name is None and before is not None and (before.id in named or before.id in nameless):
            nameless.add(segment.id)
    return frozenset(named), frozenset(nameless)


@dataclass(frozen=True, eq=False)
class NonTargets:
    """The non-targets of one tree in the treatment of one organ, looked up once (`NonTargets.of`)."""

    tree: VesselTree
    treated: str
    _named: Mapping[str, NonTargetRow]
    _starts_mm: Mapping[str, float]

    @staticmethod
    def of(tree: VesselTree, treated: str) -> NonTargets:
        named = {each.id: row for each in tree.segments if (row := row_of(each.name, treated)) is not None}
        starts: dict[str, float] = {}
        for segment in tree.segments:
            before = tree.parent(segment.id)
            starts[segment.id] = 0.0 if before is None else starts[before.id] + before.length_mm
        return NonTargets(tree, treated, named, starts)

    def reached(self, key: str, along_mm: float) -> tuple[NonTarget, ...]:
        """Those beyond a tip, those that leave shortly before it, and those that were expected and not found.

        Distances are along the vessels, from the tip to the nearest segment of that name; reflux counts as far as
        `reflux_reach` says.
        """
        way = {each.id for each in self.tree.way_to(key)}
        found: dict[str, NonTarget] = {}
        for segment, row in self._named.items():
            how, distance = self._distance(segment, key, along_mm, way)
            if how == REFLUX and distance > reflux_reach().distance_mm:
                continue
            before = found.get(row.artery)
            if before is None or before.distance_mm is None or distance < before.distance_mm:
                found[row.artery] = NonTarget(row.artery, how, segment, distance)
        known = {row.artery for row in self._named.values()}
        missing = [row for row in non_targets() if _sideless(self.treated) in row.expected and row.artery not in known]
        near = sorted(found.values(), key=lambda each: (each.how, each.distance_mm or 0.0))
        return (*near, *(NonTarget(row.artery, NOT_FOUND) for row in missing))

    def _distance(self, segment: str, key: str, along_mm: float, way: set[str]) -> tuple[str, float]:
        """How a named segment lies to a tip, and how far from it along the vessels."""
        tip = self._starts_mm[key] + along_mm
        if segment == key:
            return DOWNSTREAM, 0.0
        if segment in way:
            return REFLUX, along_mm + self._starts_mm[key] - self._starts_mm[segment] - self._length(segment)
        at = segment
        while (before := self.tree.parent(at)) is not None and before.id not in way:
            at = before.id
        if before is not None and before.id == key:
            return DOWNSTREAM, self._starts_mm[segment] - tip
        branching = self._starts_mm[at]
        return REFLUX, tip - branching + self._starts_mm[segment] - branching

    def _length(self, segment: str) -> float:
        return self.tree.segment(segment).length_mm
