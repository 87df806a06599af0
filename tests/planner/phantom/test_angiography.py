"""The digital patient under the C-arm: geometry, flow, motion and files agree with what is said to be true."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from phantoms import tiny_patient
from scipy.ndimage import gaussian_filter, map_coordinates

from planner.geometry.c_arm import CArm, DetectorSpacing, two_view_point
from planner.imaging.projection import line_integrals
from planner.phantom import Motion, RunPlan, SimulatedRun, film, write_runs
from planner.phantom.flow import Injection, concentration, flow_from, node_named

STILL = RunPlan("still", "Common hepatic artery", 0.0, 0.0, "common hepatic artery", seconds=7.0)


@cache
def filmed(plan: RunPlan = STILL) -> SimulatedRun:
    return film(tiny_patient(), plan)


def contrast_of(
    simulated: SimulatedRun, mask: slice = slice(0, 4)
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    frames = np.maximum(simulated.run.frames.astype(np.float32), 1.0)
    return np.log(frames[mask]).mean(axis=0) - np.log(frames)


def test_that_a_ray_through_water_adds_up_its_way() -> None:
    grid = tiny_patient().arterial.grid
    arm = CArm(
        0.0, 0.0, 1000.0, 750.0, DetectorSpacing(1.0, 1.0), (31.5, 31.5), grid.frame_uid, tuple(grid.centre_lps_mm)
    )
    ones = np.ones(grid.size_kji, dtype=np.float32)
    found = line_integrals(ones, grid, arm, (64, 64))
    depth = (grid.size_kji[1] - 1) * grid.spacing_kji_mm[1]
    assert found[31:33, 31:33] == pytest.approx(depth, rel=1e-3)
    corner = np.asarray(arm.ray(0.0, 0.0).direction_lps)
    assert found[0, 0] == pytest.approx(depth / abs(corner[1]), rel=1e-3)


def test_that_vessels_darken_where_geometry_says_and_nowhere_before_contrast() -> None:
    simulated = filmed()
    found = contrast_of(simulated)
    before = found[: simulated.truth.contrast_from - 1]
    assert abs(float(np.median(before))) < 0.01
    trunk = max(simulated.truth.diameters, key=lambda one: one.diameter_mm)
    x, y = trunk.xy
    course = [float(map_coordinates(frame, [[y], [x]], order=1)[0]) for frame in found]
    assert max(course) > 10 * abs(float(np.std(before[:, 20:40, 100:140])))
    away = (x - 8 * trunk.along_xy[1], y + 8 * trunk.along_xy[0])
    beside = float(map_coordinates(found[int(np.argmax(course))], [[away[1]], [away[0]]], order=1)[0])
    assert beside < 0.4 * max(course)


def test_that_contrast_arrives_when_the_truth_says() -> None:
    simulated = filmed()
    found = contrast_of(simulated)
    times = simulated.truth.time_s
    late = 0
    checked = [one for one in simulated.truth.arrivals if "hepatic artery" in one.name]
    for one in checked:
        course = map_coordinates(
            found, [np.arange(len(times)), np.full(len(times), one.xy[1]), np.full(len(times), one.xy[0])], order=1
        )
        half = 0.5 * float(course.max())
        first = int(np.argmax(course >= half))
        crossed = times[first - 1] + (half - course[first - 1]) / (course[first] - course[first - 1]) * (
            times[1] - times[0]
        )
        late += abs(crossed - one.arrival_s) > 1.0 / simulated.plan.rate_hz
    assert len(checked) >= 3
    assert late == 0


def test_that_flow_is_plug_flow_in_a_pipe() -> None:
    tree = tiny_patient().truth.trees["artery"]
    tip = node_named(tree, "common hepatic artery")
    flow = flow_from(tree, tip)
    reached = ~np.isnan(flow.delay_s)
    assert reached[tip]
    assert not reached[node_named(tree, "splenic artery")]
    for node in np.flatnonzero(reached):
        assert node == tip or flow.delay_s[node] > flow.delay_s[tree.parents[node]]
    half = concentration(3.0, np.array([1.5]), Injection(1.5, 30.0))
    assert float(half[0]) == pytest.approx(0.5)


def test_that_an_occluded_tumour_does_not_blush() -> None:
    after = filmed(replace(STILL, occluded=frozenset({"lesion-1"}), seconds=5.0))
    assert "lesion-1" in filmed().truth.blush
    assert "lesion-1" not in after.truth.blush
    feeders = [one for one in after.truth.arrivals if one.name.startswith("lesion-1")]
    assert feeders == []


def test_that_the_same_plan_gives_the_same_pixels() -> None:
    short = replace(STILL, seconds=1.0)
    assert np.array_equal(film(tiny_patient(), short).run.frames, film(tiny_patient(), short).run.frames)


def test_that_a_shifted_patient_is_shifted_by_what_the_truth_says() -> None:
    """Registering a frame by brute force finds the shift it was made with."""
    moving = filmed(replace(STILL, motion=Motion((3.0, -2.0), (0.0, 0.0)), seconds=2.0))
    frame = 4
    dx, dy = moving.truth.shift_px[frame]
    assert abs(dx) > 0.3
    # Smoothed: interpolation would calm the noise of some shifts more than of others.
    images = [gaussian_filter(np.log(one.astype(np.float32) + 1.0), 2.0) for one in moving.run.frames]
    y, x = np.mgrid[40:216, 40:216].astype(np.float64)

    def left(shift: tuple[float, float]) -> float:
        warped = map_coordinates(images[frame], [y + shift[1], x + shift[0]], order=3)
        return float(np.abs(warped - images[0][40:216, 40:216]).mean())

    assert left((dx, dy)) < 0.9 * left((0.0, 0.0))
    assert left((dx, dy)) < left((dx + 0.25, dy))
    assert left((dx, dy)) < left((dx, dy + 0.25))


def test_that_two_views_meet_in_the_vessel_they_both_show() -> None:
    front, oblique = filmed().truth, filmed(replace(STILL, primary_deg=-30.0, secondary_deg=12.0, seconds=1.0)).truth
    place = next(one for one in front.arrivals if one.name == "proper hepatic artery")
    other = next(one for one in oblique.arrivals if one.name == "proper hepatic artery")
    met = two_view_point(front.c_arm.ray(*place.xy), oblique.c_arm.ray(*other.xy))
    assert met is not None
    assert np.allclose(met.lps_mm, place.lps_mm, atol=0.01)
    assert met.gap_mm < 0.01


def test_that_the_written_run_is_readable_by_pydicom_and_told_as_simulated(tmp_path: Path) -> None:
    import pydicom

    simulated = filmed(replace(STILL, seconds=1.0))
    (file,) = write_runs(tiny_patient(), [simulated], tmp_path / "angiography", tmp_path / "truth")
    image = pydicom.dcmread(file)
    assert np.array_equal(image.pixel_array, simulated.run.frames)
    assert "SIMULATED" in image.ImageComments
    assert [float(value) for value in image.ImagerPixelSpacing] == pytest.approx([315.4 / 256] * 2)
    truth = json.loads((tmp_path / "truth" / "angiography.json").read_text())
    assert truth["still"]["file"] == file.name
    assert len(truth["still"]["shift_px"]) == len(simulated.run.frames)
