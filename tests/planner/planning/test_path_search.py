"""The search over the skin against a brute force of its own, and what it says about each limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from needle_bench import Floats, least_by_brute_force, open_faces_lps_mm, scene
from shapes import FRAME, ball, ellipsoid, grid_of

from planner.errors import Cancelled, FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.needle_rules import NeedleRules, SourcedLimit, StructureLimit
from planner.planning.obstacles import Obstacle
from planner.planning.path_scores import weights
from planner.planning.path_search import Aim, PathSearch, search
from planner.planning.path_surface import filled_body, skin_points
from planner.planning.path_target import target_in, target_point

RANKING = ("clearance", "length", "out_of_plane", "near_vertical")
LENGTH, DIAMETER, OUT_OF_PLANE, BELOW = 58.0, 1.6, 40.0, 10.0


def _limit(value: float, unit: str = "deg") -> SourcedLimit:
    return SourcedLimit(value, unit, "test", "P")


def _rules(**limits: SourcedLimit) -> NeedleRules:
    return NeedleRules("ablation", limits=limits, ranking=RANKING)


def _aim(**changes: object) -> Aim:
    made = scene()
    rules = _rules(out_of_plane_deg=_limit(OUT_OF_PLANE), below_horizontal_deg=_limit(BELOW))
    return replace(Aim(target_in(made.target), made.body, rules, DIAMETER, LENGTH), **changes)


@pytest.fixture(scope="module")
def found() -> PathSearch:
    return search(_aim(), scene().obstacles)


def _angles(entries: Floats, tip: Floats) -> tuple[Floats, Floats]:
    """Out of plane, and above the horizontal of a supine patient (degrees), by other formulas than ours."""
    hub = entries - tip
    length = np.linalg.norm(hub, axis=1)
    return np.degrees(np.arcsin(hub[:, 2] / length)), 90.0 - np.degrees(np.arccos(-hub[:, 1] / length))


def test_that_every_point_of_the_skin_within_reach_is_a_candidate(found: PathSearch) -> None:
    tip = found.setting.target.point_lps_mm
    skin = open_faces_lps_mm(scene().body)
    within = skin[np.linalg.norm(skin - tip, axis=1) <= LENGTH]
    order, expected = np.lexsort(found.measured.entry_lps_mm.T), np.lexsort(within.T)
    assert 0 < len(within) < len(skin)
    np.testing.assert_allclose(found.measured.entry_lps_mm[order], within[expected], atol=1e-6)


def test_that_brute_force_finds_no_path_that_was_missed_and_none_that_is_better(found: PathSearch) -> None:
    tip = found.setting.target.point_lps_mm
    skin = open_faces_lps_mm(scene().body)
    entries = skin[np.linalg.norm(skin - tip, axis=1) <= LENGTH]
    length = np.linalg.norm(entries - tip, axis=1)
    tilt, above = _angles(entries, tip)
    sure = (np.abs(tilt) <= OUT_OF_PLANE - 1e-6) & (above >= -BELOW + 1e-6)
    room = np.full(len(entries), np.inf)
    for item, field in zip(scene().obstacles, found.setting.obstacles.fields, strict=True):
        clearance = least_by_brute_force(field, entries, tip) - DIAMETER / 2.0
        sure &= clearance >= item.hard_mm + 0.06
        room = np.minimum(room, (clearance - item.hard_mm) / (item.desired_mm - item.hard_mm))
    merits = (np.clip(room, 0.0, 1.0), 1.0 - length / LENGTH, 1.0 - np.abs(tilt) / OUT_OF_PLANE, above / 90.0)
    score = sum(w * np.clip(m, 0.0, 1.0) for w, m in zip((8 / 15, 4 / 15, 2 / 15, 1 / 15), merits, strict=True))
    kept = {tuple(np.round(each, 3)) for each in found.measured.entry_lps_mm[found.ranked]}
    missed = [each for each in entries[sure] if tuple(np.round(each, 3)) not in kept]
    assert sure.sum() > 100
    assert not missed
    assert found.paths(1)[0].score >= score[sure].max() - 0.01
    assert len(kept) <= sure.sum() + 0.05 * len(entries)


def test_that_every_path_of_the_list_keeps_every_limit_and_the_list_falls(found: PathSearch) -> None:
    paths = found.paths(None)
    assert len(paths) == found.feasible == len(found.ranked) > 0
    for path in paths:
        for item in scene().obstacles:
            assert path.clearances[item.key].mm >= item.hard_mm
        assert path.needle.length_mm <= LENGTH
        assert abs(path.out_of_plane_deg) <= OUT_OF_PLANE
        assert not found.rejection(path.row)
    falls = np.diff([path.score for path in paths])
    assert falls.max() <= 1e-12
    short = found.paths(4)
    assert len(short) == 4
    assert short[0].row == paths[0].row


def test_that_a_rejection_names_the_structure_the_distance_and_the_depth(found: PathSearch) -> None:
    column = found.setting.obstacles.keys.index("ball")
    near = (found.measured.clearance_mm[:, column] < 4.0) & (found.measured.clearance_mm[:, column] > 0.5)
    row = int(np.flatnonzero(near)[0])
    said = found.rejection(row)
    mm, depth = found.measured.clearance_mm[row, column], found.measured.depth_mm[row, column]
    assert f"{mm:.1f} mm from the ball at {depth:.0f} mm depth" in said
    through = int(np.argmin(found.measured.clearance_mm[:, column]))
    assert any(each.startswith("through the ball") for each in found.rejection(through))
    code = found.skin_map().reason[through]
    assert found.reason_names[code] == "ball"
    assert np.isnan(found.skin_map().score[through])


def test_that_the_skin_map_tells_kept_and_rejected_apart(found: PathSearch) -> None:
    skin_map = found.skin_map()
    assert np.count_nonzero(skin_map.reason == 0) == found.feasible
    assert np.count_nonzero(~np.isnan(skin_map.score)) == found.feasible
    assert found.nearest_row(skin_map.lps_mm[17]) == 17
    assert scene().body.full()[tuple(skin_map.kji.T)].all()


def test_that_nothing_is_admissible_while_a_required_structure_was_not_looked_at() -> None:
    needed = (
        StructureLimit("bowel", 5.0, 10.0, "test", "P", required=True, stands_for=("colon",)),
        StructureLimit("heart", 5.0, 10.0, "test", "P", required=True),
    )
    aim = _aim(rules=replace(_aim().rules, structures=needed))
    answer = search(aim, scene().obstacles)
    assert answer.not_checked == ("bowel", "heart")
    assert answer.feasible > 0
    assert answer.admissible == 0
    assert any(each.blocks and "NOT CHECKED: bowel, heart" in each.text for each in answer.findings)
    colon = Obstacle("colon", scene().obstacles[0].mask, 4.0, 9.0)
    settled = search(replace(aim, absent=frozenset({"heart"})), [colon])
    assert settled.not_checked == ()
    assert settled.admissible == settled.feasible > 0


def test_that_the_costliest_limit_is_named_when_nothing_is_left() -> None:
    made = scene()
    shell = Mask.of(made.organ.grid, made.organ.full() & ~ball_of_target())
    blocked = search(_aim(), [*made.obstacles, Obstacle("liver", shell, 1.0, 2.0)])
    assert blocked.feasible == 0
    assert blocked.paths(5) == ()
    assert blocked.costliest is not None
    assert blocked.costliest.name == "liver"
    assert blocked.costliest.frees > 0
    short = search(_aim(usable_length_mm=20.0), made.obstacles)
    assert short.candidates == 0
    assert short.costliest is not None
    assert short.costliest.name == "length"
    assert short.nearest_skin_mm is not None
    assert f"{short.nearest_skin_mm:.0f} mm" in short.findings[0].text
    assert "20 mm" in short.findings[0].text


def ball_of_target() -> np.ndarray:
    grid = scene().organ.grid
    centre = scene().target.centroid_lps_mm()
    assert centre is not None
    return ellipsoid(grid, centre, (9.0, 9.0, 9.0))


def test_that_posture_turns_what_lies_below_the_table() -> None:
    supine = search(_aim(), scene().obstacles)
    prone = search(_aim(position=PatientPosition("prone")), scene().obstacles)
    front = scene().body.grid.centre_lps_mm[1]
    assert (supine.measured.entry_lps_mm[supine.ranked][:, 1] < front + 15.0).all()
    assert (prone.measured.entry_lps_mm[prone.ranked][:, 1] > front - 15.0).all()
    side = search(_aim(position=PatientPosition("left-decubitus")), scene().obstacles)
    tip = side.setting.target.point_lps_mm
    assert (side.measured.entry_lps_mm[side.ranked][:, 0] <= tip[0] + LENGTH * np.sin(np.radians(BELOW))).all()


def test_that_capsule_and_organ_length_are_measured_and_limit() -> None:
    made = scene()
    limits = _rules(
        capsule_deg=_limit(12.0), subcapsular_mm=_limit(30.0, "mm"), organ_before_subcapsular_mm=_limit(10.0, "mm")
    )
    answer = search(_aim(rules=limits, organ=made.organ), ())
    organ_centre, target_centre = made.organ.centroid_lps_mm(), made.target.centroid_lps_mm()
    assert organ_centre is not None
    assert target_centre is not None
    hub = answer.measured.hub_lps
    semi, small = np.array([24.0, 22.0, 26.0]), np.array([6.0, 6.0, 7.0])
    tip = answer.setting.target.point_lps_mm
    leaves = _ellipsoid_exit(tip - organ_centre, hub, semi)
    expected = leaves - _ellipsoid_exit(tip - target_centre, hub, small)
    assert np.abs(answer.measured.organ_mm - expected).max() < 2.5
    normal = (tip - organ_centre + leaves[:, None] * hub) / semi**2
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    angle = np.degrees(np.arccos(np.clip(np.einsum("nc,nc->n", normal, hub), -1.0, 1.0)))
    off = np.abs(answer.measured.capsule_deg - angle)
    assert off.max() < 12.0
    assert off.mean() < 4.0
    assert 0 < answer.feasible < answer.candidates
    for path in answer.paths(None):
        assert path.capsule_deg is not None
        assert path.capsule_deg <= 12.0
        assert path.organ_mm is not None
        assert path.organ_mm >= 10.0
    names = {answer.reason_names[code] for code in answer.skin_map().reason}
    assert {"capsule", "organ"} & names


def _ellipsoid_exit(start: Floats, hub: Floats, semi: Floats) -> Floats:
    """How far along unit directions from a point inside an ellipsoid its surface lies."""
    a = ((hub / semi) ** 2).sum(axis=1)
    b = 2.0 * (hub / semi) @ (start / semi)
    c = float(((start / semi) ** 2).sum()) - 1.0
    return (-b + np.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)


def test_that_the_hub_must_fit_into_the_gantry() -> None:
    centre = scene().body.grid.centre_lps_mm
    wide = _rules(gantry_radius_mm=_limit(400.0, "mm"), gantry_clearance_mm=_limit(10.0, "mm"))
    tight = _rules(gantry_radius_mm=_limit(60.0, "mm"), gantry_clearance_mm=_limit(10.0, "mm"))
    free = search(_aim(rules=wide, gantry_centre_lps_mm=centre), ())
    narrow = search(_aim(rules=tight, gantry_centre_lps_mm=centre), ())
    hubs = narrow.setting.target.point_lps_mm + narrow.measured.hub_lps * LENGTH - centre
    fits = np.hypot(hubs[:, 0], hubs[:, 1]) <= 50.0
    assert free.feasible == free.candidates
    assert 0 < narrow.feasible == np.count_nonzero(fits) < narrow.candidates


def test_that_air_inside_the_body_and_the_cut_ends_are_no_skin() -> None:
    grid = grid_of((10, 40, 40), (3.0, 1.5, 1.5))
    centre = grid.centre_lps_mm
    column = ellipsoid(grid, centre, (25.0, 20.0, 1e4))
    hollow = column & ~ellipsoid(grid, centre + (8.0, 0.0, 0.0), (5.0, 5.0, 6.0))
    body = filled_body(Mask.of(grid, hollow))
    skin = skin_points(body, centre, None)
    away = np.hypot(*((skin.lps_mm - centre)[:, :2] / (25.0, 20.0)).T)
    assert len(skin) > 0
    assert away.min() > 0.85
    assert set(skin.kji[:, 0]) == set(range(10))
    within = skin_points(body, centre, 22.0)
    assert 0 < len(within) < len(skin)
    assert np.linalg.norm(within.lps_mm - centre, axis=1).max() <= 22.0


def test_that_a_needle_through_a_lung_that_a_threshold_left_out_stays_in_the_body() -> None:
    made = scene()
    hole = ellipsoid(made.body.grid, made.body.grid.centre_lps_mm - (20.0, 0.0, 0.0), (12.0, 12.0, 30.0))
    holed = Mask.of(made.body.grid, made.body.full() & ~hole)
    whole, thresholded = search(_aim(), ()), search(_aim(body=holed), ())
    assert thresholded.candidates == whole.candidates
    np.testing.assert_array_equal(thresholded.ranked, whole.ranked)
    in_hole = target_point(made.body.grid.centre_lps_mm - (20.0, 0.0, 0.0))
    assert search(_aim(body=holed, target=in_hole), ()).feasible > 0


def test_that_a_path_through_air_or_another_limb_is_rejected() -> None:
    grid = grid_of((16, 60, 110), (3.0, 1.5, 1.5))
    centre = grid.centre_lps_mm
    trunk = ellipsoid(grid, centre - (30.0, 0.0, 0.0), (40.0, 35.0, 1e4))
    arm = ellipsoid(grid, centre + (50.0, 0.0, 0.0), (18.0, 18.0, 1e4))
    aim = Aim(target_point(centre - (30.0, 0.0, 0.0)), Mask.of(grid, trunk | arm), _rules(), 1.0, 130.0)
    answer = search(aim, ())
    names = np.array(answer.reason_names)[answer.skin_map().reason]
    on_arm = answer.measured.entry_lps_mm[:, 0] > centre[0] + 30.0
    assert on_arm.sum() > 20
    assert (answer.skin_map().reason[on_arm] != 0).all()
    assert "outside_body" in set(names[on_arm])
    behind = names == "body_again"
    assert behind.any()
    assert (answer.measured.entry_lps_mm[behind][:, 0] > centre[0] - 30.0).all()


def test_that_two_targets_in_one_mask_are_named_and_one_can_be_picked() -> None:
    grid = grid_of((20, 40, 40), (2.0, 1.5, 1.5))
    centre = grid.centre_lps_mm
    first, second = centre - (15.0, 0.0, 0.0), centre + (15.0, 3.0, 0.0)
    speck = np.zeros(grid.size_kji, dtype=bool)
    speck[0, 0, 0] = True
    big, small = ellipsoid(grid, first, (9.0, 9.0, 9.0)), ellipsoid(grid, second, (6.0, 6.0, 6.0))
    mask = Mask.of(grid, big | small | speck)
    with pytest.raises(InputRefused, match=r"2 separate parts: part 1 \(.* mL at .*part 2") as refused:
        target_in(mask)
    assert refused.value.code == "several-targets"
    np.testing.assert_allclose(target_in(mask, 1).point_lps_mm, first, atol=1.6)
    np.testing.assert_allclose(target_in(mask, 2).point_lps_mm, second, atol=1.6)
    one = target_in(Mask.of(grid, big | speck))
    assert one.specks == 1
    assert one.depth_mm == pytest.approx(9.0, abs=2.5)


def test_that_the_tip_goes_to_the_deepest_point_and_not_to_the_middle_of_a_bent_target() -> None:
    grid = grid_of((12, 60, 60), (2.0, 1.0, 1.0))
    centre = grid.centre_lps_mm
    ring = ellipsoid(grid, centre, (25.0, 25.0, 8.0)) & ~ellipsoid(grid, centre, (14.0, 14.0, 1e4))
    target = target_in(Mask.of(grid, ring))
    assert target.mask is not None
    assert target.mask.contains(target.point_lps_mm)
    assert target.depth_mm is not None
    assert target.depth_mm > 3.0


def test_that_empty_masks_a_target_outside_and_other_frames_are_refused() -> None:
    made = scene()
    empty = Mask.empty(made.body.grid)
    with pytest.raises(InputRefused) as no_target:
        target_in(empty)
    assert no_target.value.code == "empty-mask"
    with pytest.raises(InputRefused) as no_skin:
        search(_aim(body=empty), made.obstacles)
    assert no_skin.value.code == "empty-mask"
    outside = target_point(made.body.grid.centre_lps_mm + (500.0, 0.0, 0.0))
    with pytest.raises(InputRefused) as away:
        search(_aim(target=outside), made.obstacles)
    assert away.value.code == "mask-outside"
    other = Grid.of((4, 4, 4), frame_uid=FRAME + ".7")
    with pytest.raises(FrameMismatch):
        search(_aim(), [Obstacle("colon", Mask.of(other, np.ones((4, 4, 4), dtype=bool)), 1.0, 1.0)])


def test_that_a_target_inside_a_structure_is_said() -> None:
    made = scene()
    answer = search(_aim(), [Obstacle("liver", made.organ, 0.0, 5.0)])
    assert answer.feasible == 0
    assert any(each.code == "target-in-structure" and "liver" in each.text for each in answer.findings)


def test_that_weights_halve_in_the_order_of_preference() -> None:
    found = list(weights(RANKING).values())
    assert sum(found) == pytest.approx(1.0)
    assert [found[at] / found[at + 1] for at in range(3)] == pytest.approx([2.0] * 3)


def test_that_a_search_can_be_cancelled_and_the_same_images_give_the_same_list(found: PathSearch) -> None:
    job = Context()
    job.cancel()
    with pytest.raises(Cancelled):
        search(_aim(), scene().obstacles, job)
    again = search(_aim(), scene().obstacles)
    np.testing.assert_array_equal(again.ranked, found.ranked)


def test_that_a_wider_ball_never_adds_paths() -> None:
    made = scene()
    item = made.obstacles[0]
    counts = [search(_aim(), [replace(item, hard_mm=hard, desired_mm=30.0)]).feasible for hard in (0.0, 4.0, 12.0)]
    assert counts[0] >= counts[1] >= counts[2]
    assert counts[0] > counts[2]
    grown = Obstacle("ball", ball(made.body.grid, made.body.grid.centre_lps_mm + (4.0, -24.0, 6.0), 14.0), 4.0, 30.0)
    assert search(_aim(), [grown]).feasible < counts[1]
