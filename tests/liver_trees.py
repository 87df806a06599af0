"""A hand-made arterial tree in a ball, and the digital patient's true tree as the planner's own."""

from __future__ import annotations

from functools import cache

import numpy as np
from analytic_bodies import FRAME, ball, drawn
from phantoms import tiny_patient

from planner.imaging.masks import Mask
from planner.phantom import Truth
from planner.planning.vessel_tree import TreeSegment, VesselTree

Point = tuple[float, float, float]


def stretch(
    key: str, start: str, end: str, points: list[Point], radius: float = 1.0, name: str | None = None
) -> TreeSegment:
    line = np.asarray(points, dtype=np.float64)
    count = max(2, int(np.linalg.norm(line[1] - line[0])) + 1)
    steps = np.array([line[0] + share * (line[1] - line[0]) for share in np.linspace(0.0, 1.0, count)])
    return TreeSegment(key, start, end, steps, np.full(count, radius), np.zeros(count, dtype=np.bool_), name)


@cache
def tree_in_ball() -> VesselTree:
    """A trunk from below; at the origin it splits to the left and right, the left one again; a cystic artery between.

    Ends lie at (+-20, 0, +-10) and (-20, 0, 0); ball of 35 mm around the origin.
    """
    nodes = {
        "n0": (0.0, 0.0, -60.0), "n1": (0.0, 0.0, 0.0), "n2": (10.0, 0.0, 0.0), "n3": (-20.0, 0.0, 0.0),
        "n4": (20.0, 0.0, 10.0), "n5": (20.0, 0.0, -10.0), "n6": (5.0, 10.0, 0.0), "n7": (5.0, 0.0, 0.0),
    }  # fmt: skip
    rows = (
        ("trunk", "n0", "n1", 2.0, "proper_hepatic"),
        ("left", "n1", "n7", 1.5, "left_hepatic"),
        ("cystic", "n7", "n6", 0.5, "cystic"),
        ("left-on", "n7", "n2", 1.5, None),
        ("right", "n1", "n3", 1.5, "right_hepatic"),
        ("upper", "n2", "n4", 1.0, None),
        ("lower", "n2", "n5", 1.0, None),
    )
    segments = tuple(stretch(key, a, b, [nodes[a], nodes[b]], radius, name) for key, a, b, radius, name in rows)
    return VesselTree("artery", FRAME, "n0", {key: np.array(place) for key, place in nodes.items()}, segments)


@cache
def ball_organ() -> Mask:
    return drawn(ball((0.0, 0.0, 0.0), 35.0), (1.5, 1.5, 1.5))


def ball_lesion(centre: Point, radius_mm: float = 5.0) -> Mask:
    return drawn(ball(centre, radius_mm), (1.0, 1.0, 1.0))


@cache
def true_tree(least_mm: float = 0.0) -> VesselTree:
    """The arteries of `tiny_patient`, down to a radius."""
    return tree_of_truth(tiny_patient().truth, tiny_patient().arterial.grid.frame_uid, least_mm)


def tree_of_truth(truth: Truth, frame_uid: str, least_mm: float = 0.0) -> VesselTree:
    """The true arteries whose mean radius and that of everything before them is at least so much."""
    nodes: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    kept: set[int] = set()
    segments: list[TreeSegment] = []
    for each in truth.trees["artery"].segments():
        if each.radii_mm.mean() < least_mm or (each.parent is not None and each.parent not in kept):
            continue
        kept.add(each.identifier)
        start, end = f"n{each.start_node}", f"n{each.end_node}"
        nodes[start], nodes[end] = each.points_lps_mm[0], each.points_lps_mm[-1]
        line, radius = each.points_lps_mm, each.radii_mm
        segments.append(
            TreeSegment(f"s{each.identifier}", start, end, line, radius, np.zeros(len(line), np.bool_), each.name)
        )
    return VesselTree("artery", frame_uid, segments[0].start, nodes, tuple(segments))
