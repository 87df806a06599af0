"""Rigid and flexible motion between mask and frames, against known truth."""

from __future__ import annotations

import numpy as np
import pytest
from angio_scenes import SIZE, anatomy, breathing, displaced, exposed, run_of, scene_run, vessels
from numpy.typing import NDArray

from planner.errors import Cancelled
from planner.imaging.angio import AngioRun
from planner.imaging.displacement import Displacement, control_counts
from planner.imaging.motion import (
    flexible_shift,
    flexible_shifts,
    mask_pyramid,
    residual,
    rigid_shift,
    rigid_shifts,
)
from planner.imaging.subtraction import mask_image
from planner.jobs import Context

EVERYWHERE = np.ones((SIZE, SIZE), dtype=np.bool_)
TRUE_SHIFTS = np.array([[0.0, 0.0], [0.3, -0.2], [0.5, 0.5], [-1.7, 2.4], [5.2, -3.9], [-7.3, -6.1]])


@pytest.fixture(scope="module")
def moving() -> AngioRun:
    """Frames moved by `TRUE_SHIFTS`, vessels filled from the third on."""
    rng = np.random.default_rng(11)
    scene, (tree, _) = anatomy(SIZE, 11), vessels(SIZE, 11, count=4)
    frames = [
        exposed(displaced(scene, SIZE, shift) + (tree if index > 1 else 0.0), rng, quanta=6000.0)
        for index, shift in enumerate(TRUE_SHIFTS)
    ]
    return run_of(np.stack(frames))


@pytest.fixture(scope="module")
def breathed() -> tuple[AngioRun, NDArray[np.float64]]:
    """A mask of two frames, then one whose lower part has moved by 3 px; and the true displacement (y, x, 2)."""
    rng = np.random.default_rng(12)
    scene, (tree, _) = anatomy(SIZE, 12), vessels(SIZE, 12, count=3)
    still, flow = displaced(scene, SIZE, (0.0, 0.0)), breathing(SIZE, 3.0)
    frames = [exposed(picture, rng, quanta=6000.0) for picture in (still, still, displaced(scene, SIZE, flow) + tree)]
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    return run_of(np.stack(frames)), np.stack(flow(x, y), axis=-1)


def test_that_rigid_shifts_are_found_within_a_tenth_of_a_pixel(moving: AngioRun) -> None:
    found = rigid_shifts(moving, mask_image(moving, (1,)), EVERYWHERE)
    assert np.hypot(*(found - TRUE_SHIFTS).T).max() < 0.1


def test_that_exposure_does_not_move_anything(moving: AngioRun) -> None:
    pyramid = mask_pyramid(moving, mask_image(moving, (1,)), EVERYWHERE)
    darker = (moving.frames[3] * 0.7).astype(np.uint16)
    found = rigid_shift(darker, pyramid)
    assert np.hypot(found.dx - TRUE_SHIFTS[3, 0], found.dy - TRUE_SHIFTS[3, 1]) < 0.1


def test_that_a_collimator_that_stays_does_not_hold_the_shift(moving: AngioRun) -> None:
    frames, field = moving.frames.copy(), EVERYWHERE.copy()
    frames[:, :, :50] = 5
    field[:, :53] = False
    run = run_of(frames)
    found = rigid_shifts(run, mask_image(run, (1,)), field)
    assert np.hypot(*(found - TRUE_SHIFTS).T).max() < 0.15


def test_that_noise_without_texture_moves_nothing() -> None:
    rng = np.random.default_rng(5)
    run = run_of(np.stack([exposed(np.full((SIZE, SIZE), 1.0), rng, quanta=2000.0) for _ in range(3)]))
    pyramid = mask_pyramid(run, mask_image(run, (1,)), EVERYWHERE)
    found = rigid_shift(run.frames[2], pyramid)
    assert (found.dx, found.dy, found.determined) == (0.0, 0.0, False)
    flow = flexible_shift(run.frames[2], pyramid)
    assert np.abs(flow.controls_xy_px).max() < 0.02
    assert flow.supported is not None
    assert not flow.supported.any()


def test_that_lines_alone_fix_only_the_direction_across_them() -> None:
    rng = np.random.default_rng(6)
    x = np.arange(SIZE)
    frames = [
        exposed(np.broadcast_to(1.0 + 0.3 * np.sin((x - shift) / 5.0 + (x - shift) ** 2 / 6000.0), (SIZE, SIZE)), rng)
        for shift in (0.0, 2.5)
    ]
    run = run_of(np.stack(frames))
    found = rigid_shift(run.frames[1], mask_pyramid(run, mask_image(run, (1,)), EVERYWHERE))
    assert found.dx == pytest.approx(2.5, abs=0.1)
    assert found.dy == pytest.approx(0.0, abs=0.05)
    assert not found.determined


def test_that_breathing_is_followed_within_half_a_pixel(breathed: tuple[AngioRun, NDArray[np.float64]]) -> None:
    run, true = breathed
    pyramid = mask_pyramid(run, mask_image(run, (1, 2)), EVERYWHERE)
    flow = flexible_shift(run.frames[2], pyramid)
    apart = np.hypot(*np.moveaxis(flow.dense() - true, -1, 0))[8:-8, 8:-8]
    assert np.median(apart) < 0.5
    deep = (true[..., 1] > 2.5)[8:-8, 8:-8]
    assert np.median(apart[deep]) < 0.5
    assert flow.least_stretch() > 0.2


def test_that_the_residual_falls_by_the_right_motion(breathed: tuple[AngioRun, NDArray[np.float64]]) -> None:
    run, _ = breathed
    mask = mask_image(run, (1, 2))
    last = run_of(run.frames[2:])
    flows = flexible_shifts(last, mask, EVERYWHERE)
    before, after = residual(last, mask, EVERYWHERE), residual(last, mask, EVERYWHERE, fields=flows)
    assert after < 0.8 * before
    away = np.array([[6.0, -6.0]])
    assert residual(last, mask, EVERYWHERE, shifts=away) > 1.2 * before


def test_that_contrast_medium_hardly_counts_as_residual() -> None:
    run, _ = scene_run(frames=6, arrives_in=3, seed=13)
    mask = mask_image(run, (1, 2))
    empty, full = run_of(run.frames[1:2]), run_of(run.frames[5:6])
    moved = residual(empty, mask, EVERYWHERE, shifts=np.array([[1.0, 1.0]]))
    added = residual(full, mask, EVERYWHERE) - residual(empty, mask, EVERYWHERE)
    assert added < 0.5 * moved


def test_that_a_displacement_reads_the_same_at_points_and_in_full() -> None:
    rng = np.random.default_rng(0)
    controls = rng.standard_normal((*control_counts((60, 90), 20.0), 2))
    flow = Displacement(controls, 20.0, (60, 90))
    dense = flow.dense()
    points = np.array([[0.0, 0.0], [89.0, 59.0], [33.0, 17.0]])
    assert flow.at(points) == pytest.approx(np.array([dense[0, 0], dense[59, 89], dense[17, 33]]))
    still = Displacement.constant((1.5, -2.0), (60, 90), 20.0)
    assert still.dense()[..., 0] == pytest.approx(1.5)
    assert still.least_stretch() == pytest.approx(1.0)


def test_that_a_folding_displacement_is_told() -> None:
    rows, columns = control_counts((60, 90), 20.0)
    controls = np.zeros((rows, columns, 2))
    controls[:, 3, 0] = 60.0
    assert Displacement(controls, 20.0, (60, 90)).least_stretch() < 0.0


def test_that_alignment_can_be_cancelled(moving: AngioRun) -> None:
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        rigid_shifts(moving, mask_image(moving, (1,)), EVERYWHERE, context=context)
    with pytest.raises(Cancelled):
        flexible_shifts(moving, mask_image(moving, (1,)), EVERYWHERE, context=context)
