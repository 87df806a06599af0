"""What is measured on runs of the digital patient, beside what is true of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from phantoms import tiny_patient

from planner.errors import OperatorError
from planner.geometry.c_arm import XrayRay
from planner.imaging.catheter_calibration import catheter_calibration, like_frames
from planner.imaging.run_calibration import Calibration, Refusal, isocentre_calibration
from planner.imaging.run_measure import VesselProfile, measure_vessel
from planner.imaging.stenosis import stenosis
from planner.imaging.subtraction import choose_mask, mask_image, open_field, subtract
from planner.phantom import RunPlan, SimulatedRun, film
from planner.phantom.flow import Narrowing
from planner.planning.frame_linking import Landmark, SolvedLink, linked_ray, projected_tree, solve_link

NARROW = "gastroduodenal artery"
PLAN = RunPlan("narrow", "Common hepatic artery", 0.0, 0.0, "common hepatic artery", seconds=2.7)
PLAN = replace(PLAN, narrowed=(Narrowing(NARROW, 50.0, 12.0),))


@cache
def filmed(plan: RunPlan = PLAN, pixels: int = 512) -> SimulatedRun:
    return film(tiny_patient(), plan, pixels=pixels)


@cache
def contrast(pixels: int = 512) -> NDArray[np.float32]:
    run = filmed(PLAN, pixels).run
    return subtract(run, mask_image(run, choose_mask(run, open_field(run)).frames))


def vessel(name: str, pixels: int = 512) -> tuple[VesselProfile, float]:
    """The measured vessel of a true diameter and that diameter, in px."""
    place = max(
        (each for each in filmed(PLAN, pixels).truth.diameters if each.name == name), key=lambda each: each.diameter_px
    )
    middle, along = np.asarray(place.xy), np.asarray(place.along_xy)
    profile = measure_vessel(contrast(pixels)[-1], [middle - 8 * along, middle + 8 * along])
    return profile, place.diameter_px


def stenosed(pixels: int) -> tuple[VesselProfile, int]:
    true = filmed(PLAN, pixels).truth.stenoses[0]
    start, middle, end = (np.asarray(xy) for xy in (true.from_xy, true.xy, true.to_xy))
    clicks = [start + 0.8 * (start - middle), middle, end + 0.8 * (end - middle)]
    profile = measure_vessel(contrast(pixels)[-1], clicks)
    return profile, profile.nearest(true.xy)


def test_that_the_isocentre_is_exact_and_states_what_lies_off_it() -> None:
    simulated = filmed()
    found = isocentre_calibration(simulated.run, 0)
    assert isinstance(found, Calibration)
    arm = simulated.truth.c_arm
    assert found.mm_per_px == pytest.approx(arm.spacing.right_mm * 780.0 / 1080.0)
    places = np.array([each.lps_mm for each in simulated.truth.diameters])
    off = np.abs(found.mm_per_px - arm.spacing.right_mm / arm.magnification(places))
    assert np.mean(off < 2.0 * found.mm_per_px_sd) > 0.95


@pytest.mark.parametrize("name", ["proper hepatic artery", "lesion-1 feeder from segment 5 artery"])
def test_that_vessels_are_as_wide_as_they_are(name: str) -> None:
    profile, true = vessel(name)
    assert np.nanmedian(profile.diameter_px) == pytest.approx(true, rel=0.08)


def test_that_a_thin_vessel_over_a_blushing_liver_is_not_read_as_the_blush() -> None:
    """Once the widest thing near the clicks was taken: two pixels read as thirty."""
    readings = []
    for place in filmed().truth.diameters:
        x, y = place.xy
        if 2.0 <= place.diameter_px < 3.0 and 30 < x < 480 and 30 < y < 480 and len(readings) < 6:
            middle, along = np.asarray(place.xy), np.asarray(place.along_xy)
            found = measure_vessel(contrast()[-1], [middle - 8 * along, middle + 8 * along])
            readings.append(found.diameter_px[found.nearest(middle)] / place.diameter_px)
    assert len(readings) == 6
    assert np.nanmedian(readings) < 2.5


def test_that_a_stenosis_is_found_where_it_is() -> None:
    profile, place = stenosed(512)
    found = stenosis(profile)
    assert found.percent == pytest.approx(50.0, abs=15.0)
    assert abs(found.percent - 50.0) < 3.0 * found.percent_sd
    assert abs(found.at - place) < 6
    assert found.reference_px == pytest.approx(filmed().truth.stenoses[0].reference_px, rel=0.08)


def test_that_a_stenosis_of_too_few_pixels_is_refused() -> None:
    with pytest.raises(OperatorError) as caught:
        stenosis(stenosed(256)[0])
    assert caught.value.code == "too-thin"


def test_that_a_thin_catheter_before_a_spine_is_refused_or_right() -> None:
    simulated = filmed()
    truth, run = simulated.truth, simulated.run
    line = truth.catheter_xy
    scales = truth.c_arm.spacing.right_mm / truth.c_arm.magnification(truth.catheter_lps_mm)
    open_places = np.all((line > 60) & (line < 450), axis=1)
    inside = [place for place in range(2, len(line) - 2) if open_places[place - 2 : place + 3].all()]
    refused = 0
    for place in inside[::6]:
        start, end = ((float(x), float(y)) for x, y in (line[place - 2], line[place + 2]))
        found = catheter_calibration(run, 0, (start, end), 5.0, blur_px=0.71)
        if isinstance(found, Refusal):
            refused += 1
            assert found.text.startswith("Not calibrated")
        else:
            assert found.mm_per_px == pytest.approx(scales[place], rel=0.15)
    assert refused > 0


def test_that_only_frames_without_contrast_are_averaged_with_the_first() -> None:
    simulated = filmed()
    place = next(each for each in simulated.truth.diameters if each.name == "proper hepatic artery")
    x, y = place.xy
    alike = like_frames(simulated.run, 0, ((x, y - 20.0), (x, y + 20.0)))
    assert {0, 1, 2} <= set(alike)
    assert simulated.run.count - 1 not in alike


def test_that_landmarks_of_two_views_place_the_isocentre() -> None:
    plan = replace(PLAN, narrowed=(), seconds=0.7)
    front = filmed(plan, 256)
    oblique = filmed(replace(plan, primary_deg=-30.0, secondary_deg=12.0), 256)
    arm, turned = front.run.geometry[0], replace(oblique.run.geometry[0], frame_uid=front.run.geometry[0].frame_uid)
    random = np.random.default_rng(3)
    names = ("gastroduodenal artery", "proper hepatic artery", "left hepatic artery", NARROW)
    marks = [
        Landmark(each.lps_mm, (each.xy[0] + random.normal(0, 0.7), each.xy[1] + random.normal(0, 0.7)), view, each.name)
        for truth, view in ((front.truth, arm), (oblique.truth, turned))
        for each in truth.arrivals
        if each.name in names
    ]
    found = solve_link(marks, front.truth.c_arm.frame_uid)
    assert isinstance(found, SolvedLink)
    place = np.reshape(found.link.to_lps_from_lps, (4, 4))[:3, 3]
    miss = float(np.linalg.norm(place - np.asarray(front.truth.c_arm.isocentre_lps_mm)))
    assert miss < 3.0 * float(np.linalg.norm(found.translation_sd_mm))
    for each in front.truth.arrivals:
        ray = linked_ray(front.run, 0, each.xy, found.link, preview=True)
        assert isinstance(ray, XrayRay)
        assert ray.distance_mm(each.lps_mm) < 3.0


def test_that_the_projected_plan_lies_on_the_opacified_vessels() -> None:
    simulated = filmed()
    truth, arm = simulated.truth, simulated.run.geometry[0]
    found = solve_link([Landmark(each.lps_mm, each.xy, arm) for each in truth.arrivals], truth.c_arm.frame_uid)
    assert isinstance(found, SolvedLink)
    reached = {each.name for each in truth.arrivals if each.arrival_s < truth.time_s[-1] - 0.4}
    paths = [
        (each.name, each.points_lps_mm)
        for each in tiny_patient().truth.trees["artery"].segments()
        if each.name in reached and each.radii_mm.min() > 1.0
    ]
    shown = projected_tree(paths, arm, found.link, size_yx=simulated.run.size_yx, preview=True)
    assert isinstance(shown, tuple)
    xy = np.rint(np.concatenate([path.xy[path.visible] for path in shown])).astype(int)
    filled = np.nanmax(contrast(), axis=0)
    limit = np.nanquantile(filled[open_field(simulated.run)], 0.9)
    assert np.mean(filled[xy[:, 1], xy[:, 0]] > limit) > 0.9
    assert np.mean(filled[xy[:, 1], np.minimum(xy[:, 0] + 25, 511)] > limit) < 0.6
