"""Frame, pedicles, needles, views and cement of analytic vertebrae, against what they were built from."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from vertebra_shapes import Floats, Shape, points_of, rotation

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.imaging.volumes import Volume
from planner.planning.cement import cement_volumes, leak_map, lytic_estimate
from planner.planning.pedicles import Pedicle, find_pedicles, side_sign
from planner.planning.vertebra_analysis import analyse_vertebra
from planner.planning.vertebra_frame import Vertebra, vertebra_of
from planner.planning.vertebra_levels import count_from_top, level_of_verse_number
from planner.planning.vertebra_trajectories import (
    Trajectory,
    gate_lattice,
    measured,
    needle_limits,
    tip_lattice,
    usual_convergence_deg,
    widest,
    with_skin,
)
from planner.planning.vertebra_views import (
    LATERAL,
    TRUE_AP,
    direction_of,
    same_view_in,
    simulated_projection,
    view_angles_deg,
    working_view,
    working_views,
)

SPACING = 1.05
STRAIGHT = Shape()
SCOLIOTIC = Shape(axes=rotation(25.0, -20.0, 12.0), wedge_deg=15.0, convergence_deg=15.0)
NARROW = Shape(pedicle_mm=4.2)
LIMITS = needle_limits()


@cache
def read(shape_name: str) -> tuple[Vertebra, dict[str, Pedicle]]:
    vertebra = vertebra_of(SHAPES[shape_name].mask(SPACING))
    return vertebra, find_pedicles(vertebra)


SHAPES = {"straight": STRAIGHT, "scoliotic": SCOLIOTIC, "narrow": NARROW}


@cache
def needle(shape_name: str, side: str) -> Trajectory:
    vertebra, pedicles = read(shape_name)
    found = widest(vertebra, pedicles[side], LIMITS, region="lumbar")
    assert found is not None
    return found


@cache
def ct() -> Volume:
    return STRAIGHT.ct(SPACING)


def apart_deg(one: Floats, other: Floats) -> float:
    return float(np.rad2deg(np.arccos(np.clip(one @ other, -1.0, 1.0))))


@pytest.mark.parametrize("name", ["straight", "scoliotic"])
def test_that_the_frame_follows_the_vertebra_however_it_is_turned(name: str) -> None:
    shape, (vertebra, _) = SHAPES[name], read(name)
    for found, true in zip(vertebra.axes_lps, shape.axes, strict=True):
        assert apart_deg(found, true) < 1.5
    assert np.abs(vertebra.local(shape.centre)).max() < 0.5 * SPACING
    assert vertebra.endplate_angle_deg == pytest.approx(shape.wedge_deg, abs=2.0)
    assert vertebra.canal_source == "hole"


def test_that_turned_voxels_change_nothing() -> None:
    turned = rotation(20.0, 35.0, -15.0).T
    vertebra = vertebra_of(SCOLIOTIC.mask(SPACING, turned))
    for found, true in zip(vertebra.axes_lps, SCOLIOTIC.axes, strict=True):
        assert apart_deg(found, true) < 2.0
    assert vertebra.body_ml == pytest.approx(read("scoliotic")[0].body_ml, rel=0.03)


def test_that_the_body_is_counted_without_its_arch() -> None:
    grid = STRAIGHT.grid(SPACING)
    alone = replace(STRAIGHT, arch=False)
    true_ml = float(np.count_nonzero(alone.inside(points_of(grid)))) * grid.voxel_ml
    vertebra, _ = read("straight")
    assert vertebra.body_ml == pytest.approx(true_ml, rel=0.04)
    assert STRAIGHT.mask(SPACING).volume_ml > 1.25 * true_ml


def test_that_a_given_canal_leads_to_the_same_frame() -> None:
    vertebra = vertebra_of(SCOLIOTIC.mask(SPACING), SCOLIOTIC.canal(2.0))
    assert vertebra.canal_source == "mask"
    assert apart_deg(vertebra.axes_lps[2], SCOLIOTIC.axes[2]) < 1.5


@pytest.mark.parametrize("name", ["straight", "scoliotic"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_that_pedicles_have_their_place_course_and_size(name: str, side: str) -> None:
    shape, pedicle = SHAPES[name], read(name)[1][side]
    middle, direction = shape.pedicle(side)
    offset = middle - pedicle.centre_lps_mm
    assert np.linalg.norm(offset - pedicle.axis_lps * (offset @ pedicle.axis_lps)) < 0.5 * SPACING
    assert apart_deg(pedicle.axis_lps, direction) < 6.0
    assert pedicle.width_mm == pytest.approx(shape.pedicle_mm, abs=0.5 * SPACING)
    assert pedicle.convergence_deg == pytest.approx(shape.convergence_deg, abs=5.0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_that_a_needle_stays_inside_with_the_wall_that_there_is(side: str) -> None:
    found = needle("straight", side)
    room = STRAIGHT.pedicle_mm / 2.0 - found.diameter_mm / 2.0
    assert found.approach == "transpedicular"
    assert not found.breach
    assert room - SPACING < found.wall_clearance_mm <= room + 0.5 * SPACING
    assert LIMITS.anterior_share <= found.anterior_share <= LIMITS.anterior_share_most
    assert found.posterior_wall_mm >= LIMITS.posterior_wall_mm
    assert found.canal_mm >= LIMITS.canal_mm
    assert found.convergence_deg > 0.0
    tip = STRAIGHT.local(found.tip_lps_mm)
    assert tip[0] * side_sign(side) > 0.0


def test_that_the_entry_is_where_the_needle_meets_bone() -> None:
    found = needle("straight", "left")
    outside = found.entry_lps_mm + np.linspace(1.5, 40.0, 60)[:, None] * found.outward_lps
    assert not STRAIGHT.inside(outside).any()
    assert STRAIGHT.inside(found.entry_lps_mm - 1.5 * found.outward_lps)


def test_that_brute_force_finds_no_wider_needle() -> None:
    """An independent count: distances of scipy on the mask's own voxels, lines drawn at random within the limits."""
    from scipy import ndimage

    vertebra, pedicles = read("scoliotic")
    pedicle, found = pedicles["left"], needle("scoliotic", "left")
    mask = SCOLIOTIC.mask(SPACING)
    solid = mask.full()
    depth = ndimage.distance_transform_edt(solid, sampling=SPACING)
    random = np.random.default_rng(5)
    gates, tips = gate_lattice(pedicle), tip_lattice(vertebra, pedicle, LIMITS, found.diameter_mm / 2, False)
    best = -np.inf
    for gate, tip in zip(random.integers(len(gates), size=4000), random.integers(len(tips), size=4000), strict=True):
        line = gates[gate] - tips[tip]
        length = float(np.linalg.norm(line))
        along = np.linspace(0.0, 1.0 + pedicle.back_mm / length, 60)
        kji = mask.grid.kji_from_lps.points(tips[tip] + along[:, None] * line)
        best = max(best, float(ndimage.map_coordinates(depth, kji.T, order=1).min()))
    # Distances between voxel centres are half a voxel longer than those to the surface.
    assert best - 0.5 * SPACING - found.diameter_mm / 2 <= found.wall_clearance_mm + 0.5 * SPACING


def test_that_the_search_returns_the_widest_line_of_its_own_lattice() -> None:
    vertebra, pedicles = read("straight")
    found = needle("straight", "right")
    gauge = int(found.gauge.split()[0])
    gates = gate_lattice(pedicles["right"], 3.0)
    tips = tip_lattice(vertebra, pedicles["right"], LIMITS, found.diameter_mm / 2, False)[::60]
    walls = []
    for gate in gates:
        for tip in tips:
            other = measured(vertebra, pedicles["right"], LIMITS, tip, gate, gauge)
            if other.canal_mm >= LIMITS.canal_mm and abs(other.craniocaudal_deg) <= LIMITS.craniocaudal_most_deg:
                walls.append(other.wall_clearance_mm)
    assert len(walls) > 40
    assert found.wall_clearance_mm >= max(walls) - 0.5 * SPACING


def test_that_a_needle_through_the_medial_wall_is_a_breach_and_says_where() -> None:
    vertebra, pedicles = read("straight")
    middle, direction = STRAIGHT.pedicle("left")
    inward = middle - 4.0 * STRAIGHT.axes[0]
    found = measured(vertebra, pedicles["left"], LIMITS, inward + 28.0 * direction, inward, 10)
    assert found.breach
    assert found.wall == "medial"
    assert found.wall_clearance_mm == pytest.approx(-STRAIGHT.pedicle_mm / 2 + 4.0 - found.diameter_mm / 2, abs=SPACING)
    low = middle - 6.0 * STRAIGHT.axes[2]
    assert measured(vertebra, pedicles["left"], LIMITS, low + 28.0 * direction, low, 10).wall == "inferior"


def test_that_a_narrow_pedicle_is_passed_beside() -> None:
    found = needle("narrow", "left")
    assert found.approach == "parapedicular"
    assert found.canal_mm >= LIMITS.canal_mm
    gate, pedicle = NARROW.local(found.gate_lps_mm), NARROW.local(NARROW.pedicle("left")[0])
    assert abs(gate[0]) > abs(pedicle[0])


def test_that_a_thinner_needle_is_taken_where_the_thick_one_leaves_no_wall() -> None:
    vertebra, pedicles = read("straight")
    assert needle("straight", "left").gauge == "10 G"
    slim = replace(pedicles["left"], width_mm=5.0)
    found = widest(vertebra, slim, LIMITS, region="thoracic")
    assert found is not None
    assert found.gauge in ("12 G", "13 G")


def test_that_one_needle_reaches_the_midline_inside_the_bone() -> None:
    vertebra, pedicles = read("straight")
    wide = {"left": pedicles["left"]}
    found = widest(vertebra, wide["left"], LIMITS, region="lumbar", to_midline=True)
    assert found is not None
    assert found.midline_mm <= 0.5
    assert found.reaches_midline(LIMITS)
    assert not needle("straight", "left").reaches_midline(replace(LIMITS, midline_mm=0.0))


def test_that_the_skin_is_found_behind_the_bone_and_null_where_the_image_ends() -> None:
    image = ct()
    found = needle("straight", "left")
    assert with_skin(found, image, -300.0).skin_lps_mm is None
    hu = np.array(image.voxels)
    hu[STRAIGHT.local(points_of(image.grid))[..., 1] < -58.0] = -1000.0
    skinned = with_skin(found, Volume(hu, image.grid, image.source), -300.0)
    assert skinned.skin_lps_mm is not None
    assert STRAIGHT.local(skinned.skin_lps_mm)[1] == pytest.approx(-58.0, abs=1.5 * SPACING)
    assert skinned.length_mm > found.length_mm


# Refusals


def test_that_what_cannot_be_measured_is_refused_with_a_reason() -> None:
    grid = STRAIGHT.grid(SPACING)
    mask = STRAIGHT.mask(SPACING)
    full = mask.full()
    two = np.zeros_like(full)
    two[:20, :20, :20] = True
    two[-20:, -20:, -20:] = True
    far = replace(STRAIGHT, centre=(400.0, 0.0, 0.0)).canal(SPACING)
    for code, wrong, canal in (
        ("empty-mask", Mask.empty(grid), None),
        ("no-canal", Shape(arch=False).mask(SPACING), None),
        ("several-vertebrae", Mask.of(grid, two), None),
        ("mask-outside", mask, far),
        ("empty-mask", mask, Mask.empty(grid)),
    ):
        with pytest.raises(InputRefused) as refused:
            vertebra_of(wrong, canal)
        assert refused.value.code == code


def test_that_a_vertebra_cut_by_the_image_says_so() -> None:
    grid = STRAIGHT.grid(SPACING)
    low = int(np.rint(grid.kji_from_lps.points(STRAIGHT.lps((0.0, 0.0, 1.0)))[0]))
    smaller = grid.cropped((low, 0, 0), grid.size_kji)
    with pytest.raises(InputRefused) as refused:
        analyse_vertebra(ct(), Mask.of(smaller, STRAIGHT.inside(points_of(smaller))))
    assert refused.value.code in ("vertebra-cut", "no-pedicles")
    assert "cuts" in refused.value.message


def test_that_a_canal_of_another_frame_is_refused() -> None:
    other = Grid.of((4, 4, 4), frame_uid="1.2.3.4")
    with pytest.raises(FrameMismatch):
        vertebra_of(STRAIGHT.mask(SPACING), Mask.of(other, np.ones((4, 4, 4), dtype=bool)))


# Views


def test_that_true_ap_looks_along_the_endplates_and_the_bulls_eye_down_the_needle() -> None:
    vertebra, pedicles = read("scoliotic")
    found = needle("scoliotic", "left")
    views = {view.name: view for view in working_views(vertebra, [found], PatientPosition("prone"))}
    assert abs(direction_of(views[TRUE_AP]) @ vertebra.axes_lps[2]) < 1e-6
    assert direction_of(views[TRUE_AP])[1] > 0.5
    assert abs(direction_of(views[LATERAL]) @ vertebra.axes_lps[1]) < 1e-6
    picture = simulated_projection(
        STRAIGHT.ct(3.0), read("straight")[0], working_view("bulls-eye-left", needle("straight", "left").outward_lps,
        PatientPosition("prone")), pedicles=pedicles, trajectories=[needle("straight", "left")], size_yx=(60, 60),
    )  # fmt: skip
    hub, tip = picture.overlays_xy["needle-left"]
    assert np.linalg.norm(hub - tip) < 1.0
    assert picture.picture.max() > 0.0


def test_that_a_prone_patient_turns_the_machine_and_not_the_patient() -> None:
    towards = np.array([np.sin(np.deg2rad(20.0)), np.cos(np.deg2rad(20.0)), 0.0])
    prone = working_view("x", towards, PatientPosition("prone"))
    supine = same_view_in(prone, PatientPosition("supine"))
    assert prone.primary_deg == pytest.approx(160.0)
    assert prone.machine_primary_deg == pytest.approx(-20.0)
    assert (supine.primary_deg, supine.machine_primary_deg) == pytest.approx((160.0, 160.0))
    assert view_angles_deg((0.0, -1.0, 0.0)) == pytest.approx((0.0, 0.0))


# Cement, lytic bone, leaks


def test_that_cement_is_the_lower_of_fill_and_level_and_never_called_safe() -> None:
    found = cement_volumes(30.0, "lumbar")
    assert found is not None
    assert (found.low_ml, found.high_ml, found.usual_upper_ml) == pytest.approx((4.5, 6.0, 6.0))
    assert any("not a safe limit" in finding.text for finding in found.findings)
    small = cement_volumes(10.0, "lumbar")
    assert small is not None
    assert small.high_ml == pytest.approx(2.4)


def test_that_soft_bone_and_missing_cortex_are_found_where_they_were_made() -> None:
    vertebra, _ = read("straight")
    image = STRAIGHT.ct(1.0)
    before = leak_map(vertebra, image)
    assert before is not None
    assert before.defects == ()
    local = STRAIGHT.local(points_of(image.grid))
    hu = np.array(image.voxels)
    hu[np.linalg.norm(local - (6.0, 0.0, 0.0), axis=-1) < 7.0] = 50.0
    hu[(np.abs(local[..., 0] + 6) < 5.0) & (np.abs(local[..., 2] - 7) < 4.0) & (np.abs(local[..., 1] + 16) < 4.0)] = 60
    changed = Volume(hu, image.grid, image.source)
    lytic, leaks = lytic_estimate(vertebra, changed), leak_map(vertebra, changed)
    assert lytic is not None
    assert leaks is not None
    assert lytic.volume_ml == pytest.approx(4.0 / 3.0 * np.pi * 0.343, rel=0.3)
    assert leaks.defects[0].wall in ("posterior", "basivertebral")
    assert leaks.defects[0].area_mm2 == pytest.approx(80.0, rel=0.5)
    assert leak_map(vertebra, STRAIGHT.ct(3.0)) is None


# Levels


def test_that_levels_are_counted_from_the_top_and_gaps_are_said() -> None:
    def placed(level: str, z: float) -> tuple[str, Mask]:
        return level, replace(STRAIGHT, centre=(0.0, 0.0, z)).canal(4.0)

    lumbar = count_from_top([placed("vertebrae_L3", -70), placed("vertebrae_L1", 0), placed("vertebrae_L2", -35)])
    assert lumbar.levels == ("vertebrae_L1", "vertebrae_L2", "vertebrae_L3")
    assert not lumbar.anchored
    assert [each.code for each in lumbar.findings] == ["top-not-in-image"]
    swapped = count_from_top([placed("vertebrae_C2", 0), placed("vertebrae_C4", -20), placed("vertebrae_C3", -40)])
    assert swapped.anchored
    assert [each.code for each in swapped.findings] == ["level-gap", "level-order"]
    assert level_of_verse_number(22) == "vertebrae_L3"
    assert level_of_verse_number(28) is None


def test_that_usual_convergence_is_known_by_level_only() -> None:
    assert usual_convergence_deg("vertebrae_L5") == (25.0, 30.0)
    assert usual_convergence_deg("vertebrae_C4") is None
    assert usual_convergence_deg(None) is None


def test_that_an_analysis_says_what_was_not_checked_and_that_the_level_is_a_proposal() -> None:
    found = analyse_vertebra(ct(), STRAIGHT.mask(SPACING), level="vertebrae_L2", sides=("left",))
    codes = {finding.code for finding in found.findings}
    assert {"level-unconfirmed", "not-checked", "canal-from-hole", "not-a-safe-limit"} <= codes
    assert [each.side for each in found.trajectories] == ["left"]
    assert not any("proven" in each.text or "safe path" in each.text for each in found.findings)
    supine = found.seen_from(PatientPosition("supine"))
    assert {view.posture for view in supine.views} == {"supine"}
