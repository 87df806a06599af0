"""Bismuth type and drained share of the liver."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.hilar import bismuth_type, branch_volumes, drainage_by_segments, drainage_by_tree
from planner.planning.vessel_tree import TreeSegment, VesselTree

GRID = Grid.of((20, 40, 60), spacing_kji_mm=(2.0, 1.0, 1.0), frame_uid="1.2.3")
LIVER = Mask.of(GRID, np.ones(GRID.size_kji, dtype=bool))


def tree(frame_uid: str = "1.2.3") -> VesselTree:
    """A stem that divides towards both sides; the right branch (small x) divides once more."""
    nodes = {"r": (20.0, 20.0, 0.0), "h": (20.0, 20.0, 20.0), "L": (55.0, 20.0, 20.0), "R": (12.0, 20.0, 20.0),
             "a": (5.0, 5.0, 20.0), "p": (5.0, 35.0, 20.0)}  # fmt: skip
    ways = (
        ("stem", "r", "h"),
        ("left", "h", "L"),
        ("right", "h", "R"),
        ("anterior", "R", "a"),
        ("posterior", "R", "p"),
    )

    def line(start: str, end: str) -> np.ndarray:
        return np.linspace(nodes[start], nodes[end], 30)

    segments = tuple(
        TreeSegment(name, start, end, line(start, end), np.full(30, 2.0), np.zeros(30, bool))
        for name, start, end in ways
    )
    return VesselTree("bile-duct", frame_uid, "r", {key: np.array(at) for key, at in nodes.items()}, segments)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ((False, False, False), "I"),
        ((True, False, False), "II"),
        ((True, True, False), "IIIa"),
        ((True, False, True), "IIIb"),
        ((True, True, True), "IV"),
        ((None, True, True), None),
        ((True, None, False), None),
        ((False, True, False), None),
    ],
)
def test_that_the_bismuth_type_follows_the_confluences(answers: tuple[bool | None, ...], kind: str | None) -> None:
    found, why = bismuth_type(*answers)
    assert found == kind
    assert why.endswith(".")


def test_that_the_liver_is_shared_out_by_the_nearest_branch() -> None:
    rows = branch_volumes(LIVER, {"right": [(10.0, 20.0, 20.0)], "left": [(50.0, 20.0, 20.0)]})
    assert sum(row.volume_ml for row in rows) == pytest.approx(LIVER.volume_ml)
    # The border lies at x = 30 of 60 voxels, whose centres run from 0 to 59.
    assert rows[0].share == pytest.approx(30.5 / 60.0, abs=0.01)


def test_that_a_drained_share_below_half_is_asked_about_and_called_approximate() -> None:
    roots = {"left": "left", "right": "right", "right anterior": "anterior"}
    little = drainage_by_tree(LIVER, tree(), roots, ["right anterior"])
    assert little.share is not None
    assert little.share < 0.5
    assert [each.code for each in little.findings if each.blocks] == ["drains-too-little"]
    assert "Approximate" in little.findings[0].text
    whole = drainage_by_tree(LIVER, tree(), roots, list(roots))
    assert whole.share == pytest.approx(1.0)
    assert not any(each.blocks for each in whole.findings)


def test_that_answered_segments_tell_a_share_and_an_unknown_one_tells_none() -> None:
    volumes = {"2": 100.0, "3": 120.0, "4": 180.0, "5-8": 600.0}
    assert drainage_by_segments(volumes, ["2", "3", "4"]).share == pytest.approx(0.4)
    unknown = drainage_by_segments({**volumes, "4": None}, ["2"])
    assert unknown.share is None
    assert unknown.findings[0].code == "drainage-unknown"


def test_that_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FrameMismatch, match="different frames"):
        drainage_by_tree(LIVER, tree("9.9"), {"left": "left"}, ["left"])
    with pytest.raises(UsageError, match="no segment"):
        drainage_by_tree(LIVER, tree(), {"left": "s99"}, [])
    with pytest.raises(UsageError, match="no branch"):
        drainage_by_tree(LIVER, tree(), {"left": "left"}, ["right"])
    with pytest.raises(InputRefused, match="empty"):
        branch_volumes(Mask.empty(GRID), {"left": [(0.0, 0.0, 0.0)]})
