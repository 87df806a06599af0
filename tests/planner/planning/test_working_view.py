"""The working view: foreshortening and overlap against geometry, limits, postures, and honesty about flat maps."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bodies import FRAME
from liver_trees import stretch

from planner.errors import OperatorError, UsageError
from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.geometry.patient_positions import PatientPosition
from planner.planning.vessel_tree import VesselTree
from planner.planning.working_view import direction_lps, usual_views, view_limits, view_map

Point = tuple[float, float, float]


def tree_of(*rows: tuple[str, str, str], **places: Point) -> VesselTree:
    segments = tuple(stretch(key, a, b, [places[a], places[b]]) for key, a, b in rows)
    nodes = {key: np.array(place) for key, place in places.items()}
    return VesselTree("artery", FRAME, rows[0][1], nodes, segments)


def test_that_directions_are_those_of_the_c_arm() -> None:
    arm = CArm(25.0, -15.0, 1100.0, 700.0, DetectorSpacing(0.3, 0.3), (0.0, 0.0), FRAME)
    assert direction_lps(25.0, -15.0) == pytest.approx(arm.axes_lps[2])


def test_that_a_vessel_along_the_beam_is_all_foreshortened_and_one_across_is_not() -> None:
    tree = tree_of(("vessel", "a", "b"), a=(0.0, 0.0, 0.0), b=(0.0, -30.0, 0.0))
    found = view_map(tree, "vessel")
    assert found.foreshortening.shape == (len(found.secondary_deg), len(found.primary_deg)) == (37, 49)
    assert found.at(0.0, 0.0)[0] == pytest.approx(1.0, abs=1e-6)
    assert found.at(30.0, 0.0)[0] == pytest.approx(0.5, abs=1e-6)
    assert found.at(0.0, 45.0)[0] == pytest.approx(1.0 - np.sin(np.deg2rad(45.0)), abs=1e-6)
    assert found.best is not None
    assert found.at(*found.best)[0] < 0.2
    assert not found.flat


def test_that_a_vessel_in_front_of_another_overlaps_it_in_one_view_only() -> None:
    tree = tree_of(
        ("trunk", "r", "a"), ("vessel", "a", "b"), ("side", "r", "c"), ("front", "c", "d"),
        r=(0.0, 60.0, 0.0), a=(0.0, 0.0, 0.0), b=(0.0, 0.0, 40.0), c=(0.0, -60.0, 0.0), d=(0.0, -60.0, 40.0),
    )  # fmt: skip
    found = view_map(tree, "vessel", others=["front"])
    assert found.at(0.0, 0.0)[1] > 0.9
    assert found.at(30.0, 0.0)[1] == 0.0
    assert found.best is not None
    assert abs(found.best[0]) > 0.0
    alone = view_map(tree, "vessel", others=[])
    assert alone.overlap.max() == 0.0
    assert alone.best == (0.0, 0.0)
    assert alone.flat
    assert "about as good" in alone.words


def test_that_the_branching_itself_is_no_overlap() -> None:
    tree = tree_of(
        ("trunk", "r", "a"), ("vessel", "a", "b"), ("other", "a", "c"),
        r=(0.0, 0.0, -30.0), a=(0.0, 0.0, 0.0), b=(20.0, 0.0, 20.0), c=(-20.0, 0.0, 20.0),
    )  # fmt: skip
    assert view_map(tree, "vessel").at(0.0, 0.0)[1] == 0.0


def test_that_half_a_width_covered_counts_half() -> None:
    tree = tree_of(
        ("trunk", "r", "a"), ("vessel", "a", "b"), ("side", "r", "c"), ("front", "c", "d"),
        r=(0.0, 60.0, 0.0), a=(0.0, 0.0, 0.0), b=(0.0, 0.0, 40.0), c=(1.0, -60.0, -20.0), d=(1.0, -60.0, 60.0),
    )  # fmt: skip
    assert view_map(tree, "vessel", others=["front"]).at(0.0, 0.0)[1] == pytest.approx(0.5, abs=0.02)


def test_that_the_best_view_stays_within_the_machine() -> None:
    tree = tree_of(("vessel", "a", "b"), a=(0.0, 0.0, 0.0), b=(0.0, -30.0, 0.0))
    found = view_map(tree, "vessel", limits=view_limits("arms-down"))
    assert found.best is not None
    assert found.best[0] == pytest.approx(-45.0) or found.best[0] == pytest.approx(45.0)
    assert not found.allowed[0, 0]
    assert found.allowed[18, 24]
    with pytest.raises(UsageError):
        view_limits("no-such-machine")


def test_that_a_prone_patient_is_seen_from_the_back() -> None:
    tree = tree_of(("vessel", "a", "b"), a=(0.0, 0.0, 0.0), b=(0.0, -30.0, 0.0))
    prone = PatientPosition("prone")
    found = view_map(tree, "vessel", position=prone)
    assert found.primary_deg[24] == pytest.approx(180.0)
    assert direction_lps(float(found.primary_deg[24]), 0.0) == pytest.approx([0.0, 1.0, 0.0], abs=1e-9)
    assert found.allowed[18, 24]
    assert found.usual[0].primary_deg == pytest.approx(180.0)
    assert found.usual[0].foreshortening == pytest.approx(1.0, abs=1e-6)
    assert found.measures(*(found.best or (0.0, 0.0)), by_person=False).position == "prone"


def test_that_usual_views_go_with_the_organ_and_carry_their_source() -> None:
    liver = {each.id for each in usual_views("liver", PatientPosition())}
    assert {"ap", "rao-30"} <= liver
    assert {each.id for each in usual_views("kidney_left", PatientPosition())} == {"ap", "ipsilateral-left-30"}
    assert all(each.source and each.tag for each in usual_views("liver", PatientPosition()))


def test_that_a_stretch_without_length_is_refused() -> None:
    tree = tree_of(("vessel", "a", "b"), a=(0.0, 0.0, 0.0), b=(0.0, -30.0, 0.0))
    with pytest.raises(OperatorError):
        view_map(tree, "vessel", points_lps_mm=[(1.0, 1.0, 1.0), (1.0, 1.0, 1.0)])
