"""What vessels and catheters cast on the detector: for every pixel the way of its ray through each lumen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import CArm
from planner.phantom.flow import Narrowing, TreeFlow
from planner.phantom.trees import VesselTree

FINER = 3
"""Lumens are drawn on a grid this much finer and averaged: a twig narrower than a pixel keeps its true contrast."""
_FINE_MM = 0.25
_LONGEST_ALONG = 4.0
"""A vessel seen from its end casts at most this many diameters; its own length bounds it in truth."""


@dataclass(frozen=True, eq=False)
class Shadow:
    """Sparse ways through lumens.

    Attributes
    ----------
    pixel
        (n,) flat index into (y, x).
    way_mm
        (n,) mm of lumen on the ray of that pixel, averaged over it.
    delay_s
        (n,) when contrast medium arrives there after the injection's start.
    """

    size_yx: tuple[int, int]
    pixel: NDArray[np.intp]
    way_mm: NDArray[np.float32]
    delay_s: NDArray[np.float32]

    def image(self, weights: NDArray[np.float64] | float = 1.0) -> NDArray[np.float32]:
        """(y, x) sum of way times weight."""
        values = (self.way_mm * weights).astype(np.float64)
        summed = np.bincount(self.pixel, values, minlength=self.size_yx[0] * self.size_yx[1])
        return summed.reshape(self.size_yx).astype(np.float32)


def tree_shadow(flow: TreeFlow, c_arm: CArm, size_yx: tuple[int, int], narrowed: Sequence[Narrowing] = ()) -> Shadow:
    """Lumens of all vessels that contrast medium reaches; a stenosis changes the lumen and not the flow."""
    pieces = []
    for line, delays, radii in _chains(flow, narrowed):
        pieces.append(_line_shadow(line, radii, delays, c_arm, size_yx))
    return _joined(pieces, size_yx)


def rod_shadow(points_lps_mm: NDArray[np.float64], radius_mm: float, c_arm: CArm, size_yx: tuple[int, int]) -> Shadow:
    """A tube of one radius along (n, 3) points, such as a catheter; its delays are 0."""
    count = len(points_lps_mm)
    return _joined([_line_shadow(points_lps_mm, np.full(count, radius_mm), np.zeros(count), c_arm, size_yx)], size_yx)


def narrowed_segments(tree: VesselTree, narrowed: Sequence[Narrowing]) -> dict[int, Narrowing]:
    """Identifier of the segment -> its stenosis. KeyError for a vessel the tree does not have."""
    segments = tree.segments()
    found = {}
    for each in narrowed:
        if each.vessel not in {segment.name for segment in segments}:
            raise KeyError(each.vessel)
        found[next(segment.identifier for segment in segments if segment.name == each.vessel)] = each
    return found


def _chains(
    flow: TreeFlow, narrowed: Sequence[Narrowing] = ()
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Unbranched stretches that contrast medium reaches: points, delays, radii."""
    found = []
    stenoses = narrowed_segments(flow.tree, narrowed)
    for segment in flow.tree.segments():
        nodes = _nodes_of(flow, segment.start_node, segment.end_node)
        delays = flow.delay_s[nodes]
        reached = ~np.isnan(delays)
        if np.count_nonzero(reached) < 2:
            continue
        points = np.array([flow.tree.positions[node] for node in nodes])
        radii = flow.radii_mm[nodes].copy()
        mother = radii[0] if segment.parent is not None else 0.0
        radii[0] = min(radii[0], 1.25 * radii[1])
        chain = points[reached], delays[reached], radii[reached]
        if segment.identifier in stenoses:
            chain = _narrow(*chain, stenoses[segment.identifier])
        found.append(_outside_mother(*chain, mother))
    return found


def _narrow(
    points: NDArray[np.float64], delays: NDArray[np.float64], radii: NDArray[np.float64], stenosis: Narrowing
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The chain in short steps, with half a cosine's wave taken off its radius in the middle."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    fine = np.unique(np.concatenate([way, np.arange(0.0, way[-1], _FINE_MM)]))
    off = np.clip((fine - way[-1] / 2.0) / (stenosis.length_mm / 2.0), -1.0, 1.0)
    share = 1.0 - stenosis.percent / 100.0 * 0.5 * (1.0 + np.cos(np.pi * off))
    placed = np.stack([np.interp(fine, way, points[:, axis]) for axis in range(3)], axis=1)
    return placed, np.interp(fine, way, delays), np.interp(fine, way, radii) * share


def _outside_mother(
    points: NDArray[np.float64], delays: NDArray[np.float64], radii: NDArray[np.float64], mother_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A branch from where it leaves its mother's lumen, so that the lumen both share is not counted twice."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    start = min(0.9 * mother_mm, 0.5 * way[-1])
    kept = way > start
    first = np.array([np.interp(start, way, points[:, axis]) for axis in range(3)])
    return (
        np.vstack([first, points[kept]]),
        np.concatenate([[np.interp(start, way, delays)], delays[kept]]),
        np.concatenate([[np.interp(start, way, radii)], radii[kept]]),
    )


def _nodes_of(flow: TreeFlow, start: int, end: int) -> list[int]:
    chain = [end]
    while chain[-1] != start:
        chain.append(flow.tree.parents[chain[-1]])
    return chain[::-1]


def _line_shadow(
    points: NDArray[np.float64],
    radii: NDArray[np.float64],
    delays: NDArray[np.float64],
    c_arm: CArm,
    size_yx: tuple[int, int],
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """For each fine pixel near the projected line: the chord of the nearest place of its axis."""
    from planner.phantom.shadow_kernels import draw_line

    place = (c_arm.project(points) + 0.5) * FINER - 0.5
    scale = FINER * c_arm.magnification(points) / np.sqrt(c_arm.spacing.down_mm * c_arm.spacing.right_mm)
    reach = float((radii * scale).max()) + 1.0
    low = np.maximum(np.floor(place.min(axis=0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(place.max(axis=0) + reach) + 1, [size_yx[1] * FINER, size_yx[0] * FINER]).astype(int)
    width, height = int(high[0] - low[0]), int(high[1] - low[1])
    if width <= 0 or height <= 0:
        return np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.float32)
    nearest = np.full((height, width), np.inf)
    chord, delay = np.zeros((height, width)), np.zeros((height, width))
    draw_line(place - low, radii, scale, _slant(points, c_arm), delays, chord, delay, nearest)
    y, x = np.nonzero(chord > 0)
    pixel = ((y + low[1]) // FINER) * size_yx[1] + (x + low[0]) // FINER
    return pixel, (chord[y, x] / FINER**2).astype(np.float32), delay[y, x].astype(np.float32)


def _slant(points: NDArray[np.float64], c_arm: CArm) -> NDArray[np.float64]:
    """(n - 1,) how much longer a ray's way is because a piece does not lie across it."""
    axis = np.diff(points, axis=0)
    ray = (points[1:] + points[:-1]) / 2.0 - c_arm.source_lps_mm
    lengths = np.linalg.norm(axis, axis=1) * np.linalg.norm(ray, axis=1)
    sine = np.linalg.norm(np.cross(axis, ray), axis=1) / np.maximum(lengths, 1e-9)
    slant: NDArray[np.float64] = 1.0 / np.maximum(sine, 1.0 / _LONGEST_ALONG)
    return slant


def _joined(
    pieces: Sequence[tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]], size_yx: tuple[int, int]
) -> Shadow:
    if not pieces:
        return Shadow(size_yx, np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.float32))
    pixel, way, delay = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return Shadow(size_yx, pixel, way, delay)
