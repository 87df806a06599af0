"""The filter for tubes: which scale answers, in which directions, and what does not answer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.errors import Cancelled
from planner.imaging.vesselness import BEST_ANSWER, BEST_RADIUS_PER_SCALE, vesselness
from planner.jobs import Context

SPACING = (1.25, 0.75, 0.75)
SIZE = (33, 48, 48)
MIDDLE = (16, 24, 24)


def _places_mm() -> NDArray[np.float64]:
    axes = [(np.arange(n) - m) * mm for n, m, mm in zip(SIZE, MIDDLE, SPACING, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


EDGE_MM = 0.2
"""Softness of the tubes' walls: the scale of a logistic edge."""


def _tube(along: tuple[float, float, float], radius_mm: float, contrast: float = 100.0) -> NDArray[np.float32]:
    """A soft-edged cylinder through the middle."""
    direction = np.asarray(along) / np.linalg.norm(along)
    places = _places_mm()
    on = np.tensordot(direction, places, axes=1)
    away = np.sqrt(np.maximum((places**2).sum(axis=0) - on**2, 0.0))
    return (contrast / (1.0 + np.exp(np.clip((away - radius_mm) / EDGE_MM, -50.0, 50.0)))).astype(np.float32)


def _expected(radius_mm: float, contrast: float = 100.0) -> float:
    """What the middle of the tube answers to its best scale, less what its soft wall takes.

    The wall blurs a hard cylinder by a variance of ``(pi * edge)^2 / 3``, which adds to the scale's: of the usual
    tube 6 % are lost, and no direction or slice thickness has part in that.
    """
    scale = (radius_mm / BEST_RADIUS_PER_SCALE) ** 2
    share = scale / (scale + (np.pi * EDGE_MM) ** 2 / 3.0)
    return contrast * BEST_ANSWER * float(share**2 * np.exp(1.0 - share))


DIRECTIONS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 1, 0.5), (1, 1, 1), (1, 2, 1), (2, 1, 1)]


@pytest.mark.parametrize("along", DIRECTIONS)
def test_that_a_tube_answers_alike_in_every_direction(along: tuple[float, float, float]) -> None:
    answer = vesselness(_tube(along, 2.0), SPACING, (2.0 / BEST_RADIUS_PER_SCALE,))
    assert answer[MIDDLE] == pytest.approx(_expected(2.0), rel=0.04)


def test_that_a_tube_answers_most_to_the_scale_of_its_radius() -> None:
    tube = _tube((1.0, 0.0, 0.0), 2.0)
    answers = [vesselness(tube, SPACING, (scale,))[MIDDLE] for scale in (0.8, 1.414, 2.5)]
    assert answers[1] > max(answers[0], answers[2])
    assert vesselness(tube, SPACING, (0.8, 1.414, 2.5))[MIDDLE] == pytest.approx(answers[1])


def test_that_sheets_and_balls_answer_far_less_than_tubes() -> None:
    places = _places_mm()
    sheet = np.where(np.abs(places[2]) <= 1.5, 100.0, 0.0).astype(np.float32)
    ball = np.where(np.sqrt((places**2).sum(axis=0)) <= 2.0, 100.0, 0.0).astype(np.float32)
    tube = vesselness(_tube((1.0, 0.0, 0.0), 2.0), SPACING, (1.4,))[MIDDLE]
    assert vesselness(sheet, SPACING, (1.4,))[MIDDLE] < 0.05 * tube
    assert vesselness(ball, SPACING, (1.4,))[MIDDLE] < 0.3 * tube


def test_that_dark_tubes_answer_when_asked_for_and_only_then() -> None:
    dark = -_tube((0.0, 1.0, 0.0), 2.0)
    assert vesselness(dark, SPACING, (1.4,))[MIDDLE] == 0.0
    assert vesselness(dark, SPACING, (1.4,), dark=True)[MIDDLE] == pytest.approx(_expected(2.0), rel=0.04)


def test_that_whole_numbers_and_floats_answer_alike_and_limits_hold_bone_back() -> None:
    tube = np.rint(_tube((1.0, 0.0, 0.0), 2.0, 300.0))
    assert np.array_equal(vesselness(tube.astype(np.int16), SPACING, (1.4,)), vesselness(tube, SPACING, (1.4,)))
    held = vesselness(tube, SPACING, (1.4,), limits=(0.0, 100.0))
    assert held[MIDDLE] < 0.5 * vesselness(tube, SPACING, (1.4,))[MIDDLE]


def test_that_wanted_voxels_answer_as_in_the_whole_image_and_others_not_at_all() -> None:
    tube = _tube((1.0, 0.5, 0.0), 1.5)
    wanted = np.zeros(SIZE, dtype=np.bool_)
    wanted[14:19, 20:30, 20:29] = True
    whole, part = vesselness(tube, SPACING, (1.0, 2.0)), vesselness(tube, SPACING, (1.0, 2.0), wanted=wanted)
    assert np.array_equal(part[wanted], whole[wanted])
    assert not part[~wanted].any()
    assert not vesselness(tube, SPACING, (1.0,), wanted=np.zeros(SIZE, dtype=np.bool_)).any()


def test_that_a_tube_is_seen_up_to_the_edge_of_the_image() -> None:
    answer = vesselness(_tube((1.0, 0.0, 0.0), 2.0), SPACING, (1.4,))
    assert answer[0, 24, 24] == pytest.approx(float(answer[MIDDLE]), rel=0.02)


def test_that_the_filter_can_be_cancelled() -> None:
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        vesselness(np.zeros(SIZE, dtype=np.float32), SPACING, (1.0,), context=context)
