"""The course of the digital patient: one person, each day in its own frame, everything known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from phantoms import COURSE_BEGUN_ON, tiny_course_maker, tiny_timepoint

from planner.imaging import Volume
from planner.imaging.displacement import warped_mask
from planner.imaging.masks import Mask
from planner.phantom import COURSE_KEYS, PLANS, DigitalPatient
from planner.phantom.course_truth import DayTruth, point_map
from planner.phantom.enhancement import structure_value
from planner.phantom.fields import Frame

LATER = tuple(key for key in COURSE_KEYS if key not in ("baseline", "tace-1"))


def _patient() -> DigitalPatient:
    return tiny_course_maker().patient


def _truths() -> list[DayTruth]:
    return [truth for key in LATER for truth in tiny_timepoint(key).truths]


def _values(volume: Volume, mask: Mask) -> NDArray[np.float64]:
    return np.asarray(volume.voxels[mask.full()], dtype=float)


def _liver_points(count: int = 400) -> NDArray[np.float64]:
    structures = _patient().truth.structures
    inside = np.argwhere(structures.voxels == structure_value("liver"))
    chosen = np.random.default_rng(1).choice(len(inside), count, replace=False)
    return structures.grid.lps_from_kji.points(inside[chosen])


def test_that_a_point_goes_to_the_day_and_comes_back_exactly() -> None:
    points = _liver_points()
    for truth in _truths():
        there = truth.day_map.points(points)
        assert np.abs(truth.day_map.inverse_points(there) - points).max() < 1e-5


def test_that_no_day_folds_the_body() -> None:
    assert all(truth.day_map.least_stretch() > 0.5 for truth in _truths())


def test_that_the_dome_breathes_as_told_and_more_than_the_tip_spine_and_wall() -> None:
    for truth in _truths():
        moves = truth.day_map

        def down(place: tuple[float, float, float], by: DayTruth = truth) -> float:
            moved = by.day_map.points(place) - by.day_map.day_from_baseline.points(place)
            return -float(moved[2])

        assert 7.0 < abs(down((-70.0, -20.0, 85.0))) < 17.0
        assert down((-70.0, -20.0, 85.0)) == pytest.approx(moves.breathing_mm, abs=4.0)
        for still in ((-100.0, 10.0, -40.0), (0.0, 40.0, 0.0), (-150.0, 0.0, 40.0)):
            assert abs(down(still)) < 0.75 * abs(moves.breathing_mm)
        assert abs(down((0.0, 40.0, 0.0))) < 3.0


def test_that_the_whole_field_is_handed_out_as_the_program_keeps_maps() -> None:
    truth = tiny_timepoint("follow-up-6w").truths[0]
    kept = point_map(truth.day_map, _patient().portal.grid)
    points = _liver_points()
    apart = np.linalg.norm(kept.points(points) - truth.day_map.points(points), axis=1)
    assert apart.max() < 0.3
    assert np.linalg.norm(truth.day_map.points(points) - points, axis=1).max() > 10.0


def test_that_the_bend_is_no_rigid_motion() -> None:
    points = _liver_points()
    for truth in _truths():
        there = truth.day_map.points(points)
        a, b = points - points.mean(axis=0), there - there.mean(axis=0)
        u, _, v = np.linalg.svd(b.T @ a)
        apart = np.linalg.norm(b - a @ (u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v).T, axis=1)
        assert apart.max() > 2.0


def test_that_anatomy_lies_on_each_day_where_the_map_says() -> None:
    aorta = np.argwhere(_patient().truth.structures.voxels == structure_value("aorta"))
    points = _patient().arterial.grid.lps_from_kji.points(aorta)
    for key in ("follow-up-6w", "follow-up-3m"):
        day = tiny_timepoint(key)
        volume, truth = day.volumes["arterial"], day.truth_of("arterial")
        seen = [volume.nearest(point) for point in truth.day_map.points(points)]
        stale = [volume.nearest(point) for point in points]
        there, before = (np.mean([each for each in found if each is not None]) for found in (seen, stale))
        assert there > 240.0
        assert there > before + 20.0


def test_that_every_day_has_a_frame_of_its_own_but_for_the_two_scans_around_the_ablation() -> None:
    frames = {key: [truth.frame_uid for truth in tiny_timepoint(key).truths] for key in ("baseline", *LATER)}
    assert frames["ablation-day"] == frames["ablation-done"]
    own = [uid for key, uids in frames.items() if key != "ablation-done" for uid in uids]
    assert len(own) == len(set(own)) == 8


def test_that_lesions_keep_their_identity_and_the_new_one_comes_last() -> None:
    for truth in _truths():
        names = [each.identifier for each in truth.lesions]
        assert names == ["lesion-1", "lesion-2", "lesion-3"][: 3 if truth.key == "follow-up-6m" else 2]
        assert [each.label for each in truth.lesions] == list(range(1, len(names) + 1))
        first = tiny_timepoint("baseline").truths[0]
        for name in ("lesion-1", "lesion-2"):
            wanted = truth.day_map.points(first.lesion(name).centre_lps_mm)
            assert truth.lesion(name).centre_lps_mm == pytest.approx(wanted, abs=1e-6)
            assert truth.lesion(name).segment == first.lesion(name).segment
    new = tiny_timepoint("follow-up-6m").truths[0].lesion("lesion-3")
    assert new.first_seen == "follow-up-6m"
    assert new.segment not in {each.segment for each in first.lesions}


def test_that_viable_tumour_and_oil_lie_inside_the_lesion_and_never_together() -> None:
    for truth in _truths():
        for lesion in truth.lesions:
            whole, viable, oil = lesion.mask.full(), lesion.viable.full(), lesion.lipiodol.full()
            assert not (viable & ~whole).any()
            assert not (oil & ~whole).any()
            assert not (viable & oil).any()
            assert lesion.viable.is_empty == (lesion.state in ("treated", "ablated"))


def test_that_the_larger_tumour_shrinks_and_its_crescent_is_gone_after_the_second_embolisation() -> None:
    sizes = {key: tiny_timepoint(key).truths[0].lesion("lesion-1").size for key in ("baseline", *LATER)}
    order = [sizes[key].diameter_mm for key in ("baseline", "follow-up-6w", "ablation-day", "follow-up-3m")]
    assert order == sorted(order, reverse=True)
    assert sizes["follow-up-6w"].viable_mm == pytest.approx(16.0, abs=3.0)
    assert sizes["tace-2"].viable_mm is None
    assert 0.4 < sizes["follow-up-6m"].oil_share < sizes["post-lipiodol-1"].oil_share


def test_that_oil_is_dense_on_ct_and_does_not_shine_on_mr() -> None:
    day = tiny_timepoint("follow-up-6w")
    ct, mr = day.truth_of("portal-venous"), day.truth_of("mr-arterial")
    liver = np.asarray(ct.structures.voxels == structure_value("liver"))
    plain = float(np.median(day.volumes["portal-venous"].voxels[liver]))
    assert np.median(_values(day.volumes["portal-venous"], ct.lesion("lesion-1").lipiodol)) > plain + 150.0
    liver = np.asarray(mr.structures.voxels == structure_value("liver"))
    shining = float(np.median(day.volumes["mr-arterial"].voxels[liver]))
    assert np.median(_values(day.volumes["mr-arterial"], mr.lesion("lesion-1").lipiodol)) < shining


def test_that_what_enhances_on_mr_is_the_viable_crescent_and_not_the_oil() -> None:
    day = tiny_timepoint("follow-up-6w")
    lesion = day.truth_of("mr-arterial").lesion("lesion-1")
    gain = day.volumes["mr-arterial"].voxels.astype(float) - day.volumes["mr-before"].voxels
    assert np.median(gain[lesion.viable.full()]) > 150.0
    assert abs(np.median(gain[lesion.lipiodol.full()])) < 40.0


def test_that_the_crescent_and_the_new_lesion_are_bright_and_wash_out() -> None:
    for key, name in (("follow-up-6w", "lesion-1"), ("follow-up-6m", "lesion-3")):
        day = tiny_timepoint(key)
        truth = day.truths[0]
        viable = truth.lesion(name).viable
        liver = np.asarray(truth.structures.voxels == structure_value("liver"))
        arterial, portal = day.volumes["arterial"], day.volumes["portal-venous"]
        assert np.median(_values(arterial, viable)) > np.median(arterial.voxels[liver]) + 15.0
        if name == "lesion-3":
            assert np.median(_values(portal, viable)) < np.median(portal.voxels[liver]) - 8.0


def test_that_where_the_new_lesion_will_be_nothing_is_seen_before() -> None:
    last = tiny_timepoint("follow-up-6m").truths[0]
    place = last.day_map.inverse_points(last.lesion("lesion-3").centre_lps_mm)
    day = tiny_timepoint("follow-up-3m")
    structures = day.truths[0].structures
    around = _ball(day.volumes["arterial"], day.truths[0].day_map.points(place), 6.0)
    liver = np.median(day.volumes["arterial"].voxels[np.asarray(structures.voxels == structure_value("liver"))])
    assert float(np.mean(day.volumes["arterial"].voxels[around])) == pytest.approx(liver, abs=8.0)


def _ball(volume: Volume, centre: NDArray[np.float64], radius_mm: float) -> NDArray[np.bool_]:
    box = Frame(volume.grid).whole()
    away = (box.x - centre[0]) ** 2 + (box.y - centre[1]) ** 2 + (box.z - centre[2]) ** 2
    inside: NDArray[np.bool_] = np.asarray(away < radius_mm**2)
    return inside


def test_that_the_zone_covers_the_smaller_tumour_and_shrinks_without_enhancing() -> None:
    done = tiny_timepoint("ablation-done").truths[0]
    assert done.zone is not None
    assert done.margin is not None
    assert done.margin.lesion == "lesion-2"
    assert done.margin.share_covered == 1.0
    assert 2.0 < done.margin.minimum_mm <= done.margin.minimum_in_liver_mm < 10.0
    assert not (done.lesion("lesion-2").mask.full() & ~done.zone.full()).any()
    assert tiny_timepoint("ablation-day").truths[0].zone is None
    volumes = [done.zone.volume_ml]
    for key in ("follow-up-3m", "follow-up-6m"):
        day = tiny_timepoint(key)
        zone = day.truths[0].zone
        assert zone is not None
        volumes.append(zone.volume_ml)
        still = zone.full() & ~day.truths[0].lesion("lesion-2").lipiodol.full()
        gain = day.volumes["portal-venous"].voxels.astype(float) - day.volumes["arterial"].voxels
        liver = np.asarray(day.truths[0].structures.voxels == structure_value("liver"))
        assert abs(np.mean(gain[still])) < 12.0 < np.mean(gain[liver]) - 15.0
    assert volumes == sorted(volumes, reverse=True)


def test_that_a_mask_brought_back_by_the_kept_map_lies_on_the_baseline() -> None:
    truth = tiny_timepoint("post-lipiodol-1").truths[0]
    first = tiny_timepoint("baseline").truths[0]
    back = warped_mask(truth.lesion("lesion-1").mask, first.grid, point_map(truth.day_map, first.grid)).full()
    there = first.lesion("lesion-1").mask.full()
    assert 2.0 * np.count_nonzero(back & there) / (np.count_nonzero(back) + np.count_nonzero(there)) > 0.9


def test_that_oil_is_spilt_only_on_the_days_of_embolisation() -> None:
    spilt = {truth.key for truth in _truths() if not truth.spilt.is_empty}
    assert spilt == {"post-lipiodol-1", "tace-2"}


def test_that_days_follow_the_day_the_course_began() -> None:
    days = [tiny_course_maker().begun_on + timedelta(days=tiny_timepoint(key).day) for key in COURSE_KEYS]
    assert days == [tiny_timepoint(key).on for key in COURSE_KEYS]
    assert days == sorted(days)
    assert days[0] == COURSE_BEGUN_ON
    assert (tiny_timepoint("follow-up-6w").on - tiny_timepoint("tace-1").on).days == 42
    assert tiny_timepoint("ablation-day").on == tiny_timepoint("ablation-done").on


def test_that_a_run_is_filmed_on_its_day_and_shows_what_is_still_viable() -> None:
    plan = replace(PLANS[1], seconds=3.0, rate_hz=1.0)
    runs = tiny_course_maker().with_runs({"tace-2": (plan,)}).timepoint("tace-2").runs
    assert [each.run.source.study_date for each in runs] == [(COURSE_BEGUN_ON + timedelta(days=63)).isoformat()]
    assert runs[0].run.source.patient_id == tiny_timepoint("baseline").volumes["arterial"].source.patient_id
    assert date.fromisoformat(runs[0].run.source.study_date or "") > COURSE_BEGUN_ON
