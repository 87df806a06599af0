"""The vessel trees: connected to the aorta, thinner outwards, ending in the tumours they feed."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import tiny_patient

from planner.phantom.anatomy import MICHELS_TYPES, Anatomy, draw_anatomy
from planner.phantom.arteries import build_arteries
from planner.phantom.lesions import liver_space, place_tumours
from planner.phantom.trees import MURRAY_EXPONENT, VesselTree
from planner.phantom.vessels import build_portal

KINDS = ("artery", "portal vein", "hepatic vein")


@pytest.mark.parametrize("kind", KINDS)
def test_that_every_segment_reaches_the_one_root(kind: str) -> None:
    tree = tiny_patient().truth.trees[kind]
    segments = tree.segments()
    assert sum(parent < 0 for parent in tree.parents) == 1
    for segment in segments:
        steps, current = 0, segment
        while current.parent is not None:
            mother = segments[current.parent]
            assert np.allclose(mother.points_lps_mm[-1], current.points_lps_mm[0])
            current, steps = mother, steps + 1
            assert steps <= len(segments)
        assert tree.parents[current.start_node] < 0


def test_that_the_arterial_root_is_the_aorta() -> None:
    tree = tiny_patient().truth.trees["artery"]
    assert tree.names[0] == "aorta"
    assert {segment.name for segment in tree.segments() if segment.parent is None} == {"aorta"}


@pytest.mark.parametrize("kind", KINDS)
def test_that_no_branch_is_wider_than_its_mother(kind: str) -> None:
    tree = tiny_patient().truth.trees[kind]
    radii = tree.radii_mm()
    parents = np.array(tree.parents)
    daughters = parents >= 0
    assert np.all(radii[daughters] <= radii[parents[daughters]] + 1e-9)
    assert radii.min() > 0.3


def test_that_radii_follow_murrays_law_where_nobody_set_them() -> None:
    tree = VesselTree("artery", leaf_mm=0.5)
    root = tree.add(-1, (0, 0, 0), "root")
    stem = tree.add(root, (0, 0, 1), "root")
    for x in (-1, 0, 1):
        tree.add(stem, (x, 0, 2), "root")
    radii = tree.radii_mm()
    assert radii[0] ** MURRAY_EXPONENT == pytest.approx(3 * 0.5**MURRAY_EXPONENT)
    assert [segment.parent for segment in tree.segments()] == [None, 0, 0, 0]


def test_that_each_tumour_has_its_feeders_and_they_end_inside_it() -> None:
    truth = tiny_patient().truth
    segments = truth.trees["artery"].segments()
    assert len(truth.lesions[0].feeders) == 2
    assert len(truth.lesions[1].feeders) == 1
    for lesion in truth.lesions:
        fed = [segment for segment in segments if segment.feeds == lesion.identifier]
        mothers = {segment.parent for segment in fed}
        ends = [segment.points_lps_mm[-1] for segment in fed if segment.identifier not in mothers]
        distance = np.linalg.norm(np.array(ends) - lesion.centre_lps_mm, axis=1)
        assert distance.max() <= lesion.diameter_mm / 2.0 + 1.0


def test_that_other_arteries_only_pass_by_the_tumours() -> None:
    truth = tiny_patient().truth
    tree = truth.trees["artery"]
    for lesion in truth.lesions:
        others = np.array(
            [place for place, feeds in zip(tree.positions, tree.feeds, strict=True) if feeds != lesion.identifier]
        )
        distance = np.linalg.norm(others - lesion.centre_lps_mm, axis=1)
        assert distance.min() > 0.75 * lesion.diameter_mm / 2.0
        assert np.count_nonzero(distance < lesion.diameter_mm / 2.0 + 10.0) > 3


def test_that_the_way_to_a_feeder_passes_the_coeliac_trunk_and_the_hepatic_arteries() -> None:
    truth = tiny_patient().truth
    names = list(dict.fromkeys(segment.name for segment in truth.path_to(truth.lesions[0].feeders[0])))
    if truth.michels == "I":
        assert names[:5] == [
            "aorta",
            "coeliac trunk",
            "common hepatic artery",
            "proper hepatic artery",
            "right hepatic artery",
        ]
    assert names[-1] == truth.lesions[0].feeders[0]
    assert truth.path_to("no such artery") == []


def _arteries(anatomy: Anatomy) -> VesselTree:
    space = liver_space(anatomy)
    tumours = place_tumours(anatomy, space)
    return build_arteries(anatomy, build_portal(anatomy, space, tumours), tumours)


@pytest.mark.parametrize("pattern", MICHELS_TYPES)
def test_that_arterial_patterns_arise_where_michels_says(pattern: str) -> None:
    seed = next(seed for seed in range(200) if draw_anatomy(seed).michels == pattern)
    tree = _arteries(draw_anatomy(seed))
    mothers = {
        name: tree.names[parent]
        for name, parent in zip(tree.names, tree.parents, strict=True)
        if parent >= 0 and tree.names[parent] != name
    }
    expected = {
        "I": ("right hepatic artery", "proper hepatic artery"),
        "II": ("replaced left hepatic artery", "left gastric artery"),
        "III": ("replaced right hepatic artery", "superior mesenteric artery"),
    }[pattern]
    assert mothers[expected[0]] == expected[1]


def test_that_landmarks_lie_where_they_are_named() -> None:
    truth = tiny_patient().truth
    origin = truth.landmark("origin of coeliac trunk")
    aorta = np.array(
        [
            place
            for place, name in zip(truth.trees["artery"].positions, truth.trees["artery"].names, strict=True)
            if name == "aorta"
        ]
    )
    assert np.linalg.norm(aorta - origin, axis=1).min() < 1e-6
    grid = truth.structures.grid
    index = grid.nearest_index(truth.landmark("pedicle L2 left"))
    assert index is not None
    assert truth.structures.labels[int(truth.structures.voxels[index])].structure == "vertebrae_L2"
    assert truth.landmark("pedicle L2 left")[0] > 0 > truth.landmark("pedicle L2 right")[0]
