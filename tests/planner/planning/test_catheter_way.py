"""The way of a catheter: turning, take-offs, length outside the image, and the accesses compared."""

from __future__ import annotations

import numpy as np
import pytest
from feeder_truth import tree_of_lines

from planner.errors import UsageError
from planner.planning.catheter_way import compared_accesses, turning_of_line_deg, way
from planner.planning.vessel_tree import VesselTree


@pytest.fixture(scope="module")
def tree() -> VesselTree:
    """An aorta from above to below, a coeliac trunk that leaves it forwards, and a branch of it to the right."""
    up, middle, down = (0.0, 0.0, 100.0), (0.0, 0.0, 0.0), (0.0, 0.0, -80.0)
    front, right = (0.0, -30.0, 0.0), (-40.0, -30.0, 0.0)
    names = {"middle": "aorta_abdominal", "down": "aorta_abdominal", "front": "coeliac", "right": "common_hepatic"}
    steps = np.linspace(0.0, 1.0, 81)[:, None]
    lines = [
        (start, end, np.asarray(a) + steps * (np.asarray(b) - np.asarray(a)), radius)
        for start, end, a, b, radius in (
            ("up", "middle", up, middle, 9.0),
            ("middle", "down", middle, down, 8.0),
            ("middle", "front", middle, front, 3.5),
            ("front", "right", front, right, 2.5),
            ("front", "left", front, (40.0, -30.0, 0.0), 2.5),
        )
    ]
    return tree_of_lines(lines, names=names)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_that_an_arc_turns_by_its_angle_and_a_noisy_line_hardly(quarters: int) -> None:
    turn = np.linspace(0.0, quarters * np.pi / 2.0, 200)
    arc = 30.0 * np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=1)
    assert turning_of_line_deg(arc) == pytest.approx(90.0 * quarters, abs=10.0)
    straight = np.stack([np.arange(200.0), np.zeros(200), np.zeros(200)], axis=1)
    noisy = straight + np.random.default_rng(1).normal(0.0, 0.2, straight.shape)
    assert turning_of_line_deg(straight) == pytest.approx(0.0, abs=1e-4)
    assert turning_of_line_deg(noisy) < 200.0


def test_that_take_offs_length_and_calibre_are_those_of_the_tree(tree: VesselTree) -> None:
    found = way(tree, "right", 20.0, "radial_left")
    assert found.length_mm == pytest.approx(100.0 + 30.0 + 20.0)
    assert found.minimum_diameter_mm == 5.0
    assert [turn.segment for turn in found.take_offs] == ["front", "right"]
    assert [turn.angle_deg for turn in found.take_offs] == pytest.approx([90.0, 90.0], abs=1.0)
    assert found.take_offs[0].along_mm == pytest.approx(100.0)
    assert found.tortuosity > 1.2


def test_that_the_groin_comes_from_below_and_the_arm_from_above(tree: VesselTree) -> None:
    groin, arm = compared_accesses(tree, "right", 20.0)
    assert groin.length_mm == pytest.approx(80.0 + 30.0 + 20.0)
    assert arm.length_mm == pytest.approx(150.0)
    assert groin.outside_image_mm == pytest.approx(360.0 - 80.0)
    assert any("10.1038/s41598-020-70364-9" in text for text in groin.findings)
    assert arm.outside_image_mm is None
    assert any("not known" in text for text in arm.findings)


def test_that_a_tree_without_an_aorta_says_that_it_does_not_know_the_side(tree: VesselTree) -> None:
    nameless = tree_of_lines([("a", "b", [(0, 0, 0), (0, 0, 50)], 2.0)])
    found = way(nameless, "b", 30.0, "femoral_left")
    assert found.length_mm == pytest.approx(30.0)
    assert any("names no aorta" in text for text in found.findings)
    with pytest.raises(UsageError):
        way(tree, "right", 1.0, "brachial")
    with pytest.raises(UsageError):
        way(tree, "gone", 1.0, "radial_left")
