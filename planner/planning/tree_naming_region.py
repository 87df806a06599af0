"""What the naming rules ask of a tree: how much of a branch lies in the liver, where it reaches, how it sets out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.imaging import LabelMap
from planner.imaging.masks import Mask, padded_box
from planner.imaging.surfaces import distance_field
from planner.planning.vessel_tree import TreeSegment, VesselTree

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Region:
    """A tree with what lies around it.

    Attributes
    ----------
    liver_mm
        Segment -> length (mm) inside the liver; empty without a liver.
    couinaud_mm
        Segment -> length (mm) in each Couinaud segment 1 to 8; empty without their label map.
    """

    tree: VesselTree
    liver_mm: Mapping[str, float]
    couinaud_mm: Mapping[str, Floats]

    @staticmethod
    def of(tree: VesselTree, liver: Mask | None, segments: LabelMap | None) -> Region:
        frames = [each.grid.frame_uid for each in (liver, segments) if each is not None]
        liver = liver if tree.frame_uid in frames else None
        inside: dict[str, float] = {}
        couinaud: dict[str, Floats] = {}
        if liver is None and segments is not None and segments.grid.frame_uid == tree.frame_uid:
            liver = Mask.of(segments.grid, segments.voxels != 0)
        if liver is not None and not liver.is_empty:
            inside = _inside(tree, liver)
        if segments is not None and segments.grid.frame_uid == tree.frame_uid:
            couinaud = {each.id: _per_segment(each, segments) for each in tree.segments}
        return Region(tree, inside, couinaud)

    @property
    def has_liver(self) -> bool:
        return bool(self.liver_mm)

    @cached_property
    def _below(self) -> Mapping[str, tuple[TreeSegment, ...]]:
        return {each.id: self.tree.downstream(each.id) for each in self.tree.segments}

    @cached_property
    def places(self) -> Mapping[str, Any]:
        return catalogue("artery_places.toml")

    def below(self, key: str) -> tuple[TreeSegment, ...]:
        return self._below[key]

    def in_liver_mm(self, key: str) -> float:
        """Length inside the liver of a segment and all beyond it."""
        return sum(self.liver_mm.get(each.id, 0.0) for each in self.below(key))

    def length_mm(self, key: str) -> float:
        return sum(each.length_mm for each in self.below(key))

    def couinaud(self, key: str) -> Floats:
        """(9,) length in each Couinaud segment of a segment and all beyond it."""
        nothing = np.zeros(9)
        return sum((self.couinaud_mm.get(each.id, nothing) for each in self.below(key)), nothing)

    def points(self, key: str) -> Floats:
        """(n, 3) of a segment and all beyond it."""
        return np.concatenate([each.points_lps_mm for each in self.below(key)])

    def outside_points(self, key: str) -> Floats:
        """(n, 3) of those segments of a branch that lie outside the liver for the most part."""
        outside = [each for each in self.below(key) if self.liver_mm.get(each.id, 0.0) < 0.3 * each.length_mm]
        points = [each.points_lps_mm for each in outside]
        return np.concatenate(points) if points else np.empty((0, 3))

    def liver_middle(self, key: str) -> Floats | None:
        """(3,) mean place inside the liver of a branch; None where it has nothing there."""
        inside = [each for each in self.below(key) if self.liver_mm.get(each.id, 0.0) > 0.0]
        if not inside:
            return None
        weights = np.array([self.liver_mm[each.id] for each in inside])
        middles = np.array([each.points_lps_mm.mean(axis=0) for each in inside])
        middle: Floats = (middles * weights[:, None]).sum(axis=0) / weights.sum()
        return middle

    def course(self, key: str, reach_mm: float) -> Floats:
        """(3,) unit direction of a branch over its first stretch, from the wall of its mother on."""
        segment = self.tree.segment(key)
        start = segment.points_lps_mm[0]
        at, place = segment, segment.at(min(reach_mm, segment.length_mm))
        left = reach_mm - segment.length_mm
        while left > 0.0 and (children := self.tree.children(at.id)):
            at = max(children, key=lambda each: each.mean_radius_mm or 0.0)
            place = at.at(min(left, at.length_mm))
            left -= at.length_mm
        way: Floats = (place - start) / max(float(np.linalg.norm(place - start)), 1e-9)
        return way

    def radius(self, key: str) -> float:
        return self.tree.segment(key).mean_radius_mm or 0.0

    def main_line(self, key: str, measure: Mapping[str, float] | None = None, share: float = 0.85) -> list[str]:
        """A segment and those it goes on as: while one child holds most of what lies beyond."""
        line = [key]
        while children := self.tree.children(line[-1]):
            sizes = [self._size(each.id, measure) for each in children]
            total = sum(sizes)
            best = int(np.argmax(sizes))
            if total <= 0.0 or sizes[best] < share * total:
                break
            line.append(children[best].id)
        return line

    def _size(self, key: str, measure: Mapping[str, float] | None) -> float:
        if measure is None:
            return self.length_mm(key)
        return sum(measure.get(each.id, 0.0) for each in self.below(key))

    def segmental(self, starts: Sequence[str], letter: str) -> dict[str, str]:
        """The first segment of every branch that ends in one Couinaud segment: ``a5``, ``p8``."""
        if not self.couinaud_mm:
            return {}
        rules = self.places["liver"]
        found: dict[str, str] = {}
        waiting = list(starts)
        while waiting:
            key = waiting.pop(0)
            lengths = self.couinaud(key)
            total = float(lengths.sum())
            best = int(np.argmax(lengths))
            if total >= rules["least_segment_mm"] and lengths[best] >= rules["segment_share"] * total and best > 0:
                found[key] = f"{letter}{best}"
            else:
                waiting += [each.id for each in self.tree.children(key)]
        return found


def _inside(tree: VesselTree, liver: Mask) -> dict[str, float]:
    within = float(catalogue("artery_places.toml")["liver"]["within_mm"])
    box = padded_box(liver.box, within, liver.grid)
    field = distance_field(liver, box)
    found = {}
    for each in tree.segments:
        at = np.rint(liver.grid.kji_from_lps.points(each.points_lps_mm)).astype(np.int64) - np.asarray(box[0])
        held = np.all((at >= 0) & (at < np.asarray(field.shape)), axis=1)
        at = np.clip(at, 0, np.asarray(field.shape) - 1)
        inside = held & (field[tuple(at.T)] <= within)
        found[each.id] = float(inside.mean()) * each.length_mm
    return found


def _per_segment(segment: TreeSegment, labels: LabelMap) -> Floats:
    grid = labels.grid
    at = np.rint(grid.kji_from_lps.points(segment.points_lps_mm)).astype(np.int64)
    held = np.all((at >= 0) & (at < np.asarray(grid.size_kji)), axis=1)
    values = np.zeros(len(at), dtype=np.int64)
    values[held] = np.asarray(labels.voxels)[tuple(at[held].T)].astype(np.int64)
    values[(values < 0) | (values > 8)] = 0
    lengths: Floats = np.bincount(values, minlength=9).astype(np.float64) * segment.length_mm / max(len(at), 1)
    lengths[0] = 0.0
    return lengths
