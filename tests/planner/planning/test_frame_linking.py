"""Links between C-arm and CT: solved from landmarks, used only when reviewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from cylinders import c_arm, run_of

from planner.geometry.c_arm import XrayRay
from planner.model.links import FrameLink
from planner.planning.frame_linking import (
    Landmark,
    NotLinked,
    ProjectedPath,
    SolvedLink,
    linked_point,
    linked_ray,
    projected_tree,
    solve_link,
)

PLACE = np.array([12.0, -148.0, 905.0])
POINTS = PLACE + np.array([[0, 0, 0], [40, 10, -30], [-35, 25, 20], [10, -30, 45], [-20, -25, -40], [30, 30, 30.0]])
ANGLE = np.deg2rad(6.0)
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 1.0]])
STRAIGHT = np.eye(3)


def _landmarks(points: np.ndarray, *degrees: float, noise: float = 0.0, turn: np.ndarray = STRAIGHT) -> list[Landmark]:
    rng = np.random.default_rng(5)
    made = []
    for point in points:
        for angle in degrees:
            xy = c_arm(angle).project(turn.T @ (point - PLACE)) + rng.normal(0.0, noise, 2)
            made.append(Landmark(tuple(point), tuple(xy), c_arm(angle)))
    return made


def _solved(answer: SolvedLink | NotLinked) -> SolvedLink:
    assert isinstance(answer, SolvedLink)
    return answer


def _place(link: FrameLink) -> np.ndarray:
    return np.reshape(link.to_lps_from_lps, (4, 4))[:3, 3]


def _reviewed(link: FrameLink) -> FrameLink:
    return replace(link, reviewed_by="dr.test", reviewed_at=datetime(2026, 3, 4, tzinfo=UTC))


def test_that_one_point_in_two_views_places_the_isocentre() -> None:
    found = _solved(solve_link(_landmarks(POINTS[:1], 0.0, 40.0), "ct"))
    assert _place(found.link) == pytest.approx(PLACE, abs=1e-4)
    assert found.residual_px == pytest.approx(0.0, abs=1e-4)
    assert found.rotation_deg is None
    assert not found.link.is_reviewed
    assert (found.link.from_frame_uid, found.link.to_frame_uid) == ("run-frame", "ct")


def test_that_noisy_clicks_leave_a_residual_in_px_and_in_mm_at_the_isocentre() -> None:
    found = _solved(solve_link(_landmarks(POINTS, -20.0, 30.0, noise=1.0), "ct"))
    assert np.linalg.norm(_place(found.link) - PLACE) < 1.0
    assert found.rotation_deg is None
    assert found.residual_px == pytest.approx(np.sqrt(2.0), rel=0.4)
    assert found.residual_mm == pytest.approx(found.residual_px * 0.3 * 750 / 1200)
    assert found.landmark_residual_px.shape == (12,)


def test_that_a_wrong_click_stands_out() -> None:
    landmarks = _landmarks(POINTS, -20.0, 30.0, noise=0.3)
    x, y = landmarks[5].xy
    landmarks[5] = replace(landmarks[5], xy=(x + 40.0, y))
    assert int(np.argmax(_solved(solve_link(landmarks, "ct", rotation="never")).landmark_residual_px)) == 5


def test_that_a_rotation_is_solved_only_where_the_landmarks_show_one() -> None:
    turned = _solved(solve_link(_landmarks(POINTS, 0.0, 40.0, noise=0.3, turn=TURN), "ct"))
    assert turned.rotation_deg == pytest.approx(6.0, abs=0.4)
    assert np.reshape(turned.link.to_lps_from_lps, (4, 4))[:3, :3] == pytest.approx(TURN, abs=0.01)
    kept = _solved(solve_link(_landmarks(POINTS, 0.0, 40.0, noise=0.3, turn=TURN), "ct", rotation="never"))
    assert kept.rotation_deg is None
    assert kept.residual_px is not None
    assert turned.residual_px is not None
    assert kept.residual_px > 3.0 * turned.residual_px


def test_that_what_one_view_cannot_tell_is_refused_with_what_to_add() -> None:
    for landmarks in (_landmarks(POINTS[:1], 0.0), _landmarks(POINTS[:1], 0.0, 0.0)):
        refused = solve_link(landmarks, "ct")
        assert isinstance(refused, NotLinked)
        assert refused.code == "underdetermined"
        assert "another angle" in refused.text
    nothing = solve_link([], "ct")
    assert isinstance(nothing, NotLinked)
    assert nothing.code == "no-landmarks"
    moved = replace(_landmarks(POINTS[:1], 40.0)[0], c_arm=c_arm(40.0, frame_uid="another table position"))
    mixed = solve_link([*_landmarks(POINTS[:1], 0.0), moved], "ct")
    assert isinstance(mixed, NotLinked)
    assert mixed.code == "several-isocentres"


def test_that_two_linked_clicks_give_the_point_of_the_ct_they_mean() -> None:
    link = _reviewed(_solved(solve_link(_landmarks(POINTS, 0.0, 40.0, turn=TURN), "ct")).link)
    target = PLACE + np.array([20.0, -15.0, 33.0])
    rays = []
    for angle in (-25.0, 35.0):
        arm = c_arm(angle)
        xy = arm.project(TURN.T @ (target - PLACE))
        ray = linked_ray(run_of(np.ones((8, 8)), arm=arm), 0, (float(xy[0]), float(xy[1])), link)
        assert isinstance(ray, XrayRay)
        assert ray.frame_uid == "ct"
        assert ray.distance_mm(target) < 0.05
        rays.append(ray)
    point = linked_point(rays[0], rays[1])
    assert not isinstance(point, NotLinked)
    assert point.lps_mm == pytest.approx(target, abs=0.1)


def test_that_no_ray_leaves_an_unreviewed_missing_or_foreign_link() -> None:
    link = _solved(solve_link(_landmarks(POINTS, 0.0, 40.0), "ct")).link
    run = run_of(np.ones((8, 8)), arm=c_arm())
    cases = {
        "no-link": linked_ray(run, 0, (1.0, 2.0), None),
        "not-reviewed": linked_ray(run, 0, (1.0, 2.0), link),
        "other-frame": linked_ray(run, 0, (1.0, 2.0), _reviewed(replace(link, from_frame_uid="elsewhere"))),
        "no-geometry": linked_ray(replace(run, geometry=()), 0, (1.0, 2.0), _reviewed(link)),
    }
    for code, answer in cases.items():
        assert isinstance(answer, NotLinked)
        assert answer.code == code
        assert answer.text.startswith("not linked: ")
    assert isinstance(linked_ray(run, 0, (1.0, 2.0), link, preview=True), XrayRay)


def test_that_a_tree_is_projected_with_what_is_seen_of_it() -> None:
    link = _reviewed(_solved(solve_link(_landmarks(POINTS, 0.0, 40.0), "ct")).link)
    path = PLACE + np.array([[0.0, 0, 0], [0, -100, 0], [0, 0, 400], [0, 800.0, 0]])
    shown = projected_tree([("hepatic", path)], c_arm(), link, size_yx=(1024, 1024))
    assert not isinstance(shown, NotLinked)
    (tree,) = shown
    assert isinstance(tree, ProjectedPath)
    assert tree.name == "hepatic"
    assert tree.xy[0] == pytest.approx((511.5, 511.5), abs=1e-3)
    assert tree.visible.tolist() == [True, True, False, False]
    assert tree.magnification[0] == pytest.approx(1.6, abs=1e-4)
    assert tree.magnification[1] == pytest.approx(1200 / 850, abs=1e-3)
