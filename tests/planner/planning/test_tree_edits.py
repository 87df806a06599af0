"""Trees of vessels as values: order, ways, and every edit by hand."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InputRefused, OperatorError
from planner.planning import tree_edits
from planner.planning.tree_packing import body_of_tree, tree_of_body
from planner.planning.vessel_tree import TreePlace, TreeSegment, VesselTree


def stretch(
    key: str, start: str, end: str, points: list[tuple[float, float, float]], name: str | None = None
) -> TreeSegment:
    line = np.asarray(points, dtype=np.float64)
    steps = [line[0] + share * (line[1] - line[0]) for share in np.linspace(0.0, 1.0, 21)]
    return TreeSegment(key, start, end, np.array(steps), np.full(21, 2.0), np.zeros(21, dtype=np.bool_), name)


@pytest.fixture
def tree() -> VesselTree:
    """A trunk of 20 mm with two branches; the left one branches again."""
    nodes = {
        "n0": np.zeros(3),
        "n1": np.array([0.0, 0.0, 20.0]),
        "n2": np.array([15.0, 0.0, 35.0]),
        "n3": np.array([-15.0, 0.0, 35.0]),
        "n4": np.array([25.0, 5.0, 45.0]),
        "n5": np.array([25.0, -5.0, 45.0]),
    }
    ways = [("s0", "n0", "n1"), ("s1", "n1", "n2"), ("s2", "n1", "n3"), ("s3", "n2", "n4"), ("s4", "n2", "n5")]
    segments = [stretch(key, a, b, [tuple(nodes[a]), tuple(nodes[b])]) for key, a, b in ways]
    return VesselTree("artery", "1.2.3", "n0", nodes, tuple(segments))


def test_that_orders_follow_the_branchings(tree: VesselTree) -> None:
    assert dict(tree.generation) == {"s0": 0, "s1": 1, "s2": 1, "s3": 2, "s4": 2}
    assert dict(tree.strahler) == {"s0": 2, "s1": 2, "s2": 1, "s3": 1, "s4": 1}
    assert [each.id for each in tree.way_to("s4")] == ["s0", "s1", "s4"]
    assert [tree.node_kind(node) for node in ("n0", "n1", "n5")] == ["root", "branch", "end"]


def test_that_the_way_ends_at_the_asked_place(tree: VesselTree) -> None:
    line = tree.way_line("s1", 5.0)
    assert line.length_mm == pytest.approx(25.0)
    assert np.allclose(line.points_lps_mm[-1], tree.segment("s1").at(5.0))


def test_that_a_stored_tree_comes_back_as_it_was(tree: VesselTree) -> None:
    named = tree_edits.renamed(tree, {"s1": "right_hepatic"})
    again = tree_of_body(body_of_tree(named, method="mask"), "1.2.3")
    assert [each.id for each in again.segments] == [each.id for each in tree.segments]
    assert again.segment("s1").name == "right_hepatic"
    assert np.allclose(again.segment("s3").points_lps_mm, tree.segment("s3").points_lps_mm, atol=1e-4)


def test_that_a_damaged_table_is_refused(tree: VesselTree) -> None:
    body = body_of_tree(tree, method="mask")
    from dataclasses import replace

    for table in ("no base64!", body.table[: len(body.table) // 2]):
        with pytest.raises(InputRefused):
            tree_of_body(replace(body, table=table), "1.2.3")


def test_that_cutting_a_branch_makes_one_vessel_of_what_it_left(tree: VesselTree) -> None:
    less = tree_edits.cut(tree, "s2")
    assert [each.id for each in less.segments] == ["s0", "s3", "s4"]
    assert less.segment("s0").end == "n2"
    assert less.total_length_mm == pytest.approx(tree.total_length_mm - tree.segment("s2").length_mm)
    with pytest.raises(OperatorError):
        tree_edits.cut(tree, "s0")


def test_that_names_keep_stretches_apart_when_a_branch_is_cut(tree: VesselTree) -> None:
    named = tree_edits.renamed(tree, {"s0": "coeliac", "s1": "common_hepatic"})
    assert [each.name for each in tree_edits.cut(named, "s2").segments][:2] == ["coeliac", "common_hepatic"]


def test_that_a_vessel_can_be_cut_in_its_middle(tree: VesselTree) -> None:
    less = tree_edits.cut_at(tree, TreePlace("s1", 10.0, 0.0))
    assert {each.id for each in less.segments} == {"s0", "s1", "s2"}
    assert less.segment("s1").length_mm == pytest.approx(10.0)


def test_that_a_branch_leaves_where_it_was_put(tree: VesselTree) -> None:
    place = TreePlace("s2", 8.0, 0.3)
    more = tree_edits.with_branch(tree, place, [[-20.0, 8.0, 30.0]], [0.8], [True])
    new = next(each for each in more.segments if each.origin == "added")
    assert np.allclose(more.nodes[new.start], tree.segment("s2").at(8.0))
    assert more.generation[new.id] == 2
    assert len(more.segments) == len(tree.segments) + 2


def test_that_a_loose_piece_is_joined_by_a_bridge_that_says_so(tree: VesselTree) -> None:
    nodes = {"n0": np.array([-25.0, 0.0, 45.0]), "n1": np.array([-35.0, 0.0, 55.0])}
    piece = VesselTree(
        "artery", "1.2.3", "n0", nodes, (stretch("s0", "n0", "n1", [tuple(nodes["n0"]), tuple(nodes["n1"])]),)
    )
    whole = tree_edits.joined(tree, TreePlace("s2", tree.segment("s2").length_mm, 0.0), piece, [])
    assert [each.origin for each in whole.way_to(whole.segments[-1].id)].count("bridged") == 1
    assert whole.total_length_mm > tree.total_length_mm + piece.total_length_mm


def test_that_another_root_turns_only_the_way_to_it(tree: VesselTree) -> None:
    turned = tree_edits.rerooted(tree, "n4")
    assert turned.root == "n4"
    assert [each.id for each in turned.way_to("s2")] == ["s3", "s1", "s2"] or turned.parent("s2") is not None
    assert turned.total_length_mm == pytest.approx(tree.total_length_mm)
    back = tree_edits.rerooted(turned, "n0")
    assert np.allclose(back.segment("s3").points_lps_mm, tree.segment("s3").points_lps_mm)


def test_that_the_nearest_place_lies_between_points(tree: VesselTree) -> None:
    place = tree.nearest((3.0, 0.0, 10.2))
    assert place is not None
    assert (place.segment, place.along_mm, place.distance_mm) == ("s0", pytest.approx(10.2), pytest.approx(3.0))
