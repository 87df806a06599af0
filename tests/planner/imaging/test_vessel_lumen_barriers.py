"""Where arteries are not looked for: lungs, what is brighter than the aorta, and bright veins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.imaging import vessel_lumen_barriers
from planner.imaging.automatic_structures_bone import Landmarks
from planner.imaging.vessel_lumen_barriers import Barriers, arterial_barriers
from planner.imaging.vessel_lumen_levels import LumenLevels

SPACING = (3.0, 2.0, 2.0)
SIZE = (50, 60, 90)
SOFT = 55.0
PLACES = [np.arange(size) * mm for size, mm in zip(SIZE, SPACING, strict=True)]
UP, BACK, LEFT = np.meshgrid(*PLACES, indexing="ij")
AORTA = np.hypot(BACK - 60.0, LEFT - 90.0) < 9.0
CAVA = np.hypot(BACK - 60.0, LEFT - 60.0) < 10.0
BRANCH = np.hypot(UP - 40.0, BACK - 60.0) < 3.0
LUNG = (np.abs(UP - 120.0) < 25.0) & (np.abs(BACK - 90.0) < 25.0) & (np.abs(LEFT - 130.0) < 25.0)
LUNG_VESSEL = LUNG & (np.hypot(UP - 120.0, BACK - 90.0) < 3.0)
STOMACH = np.sqrt((UP - 60.0) ** 2 + (BACK - 25.0) ** 2 + (LEFT - 130.0) ** 2) < 12.0


def _around(aorta_hu: float, cava_hu: float, stomach_hu: float) -> Barriers:
    hu = np.full(SIZE, SOFT, dtype=np.float32)
    for place, value in ((LUNG, -850.0), (LUNG_VESSEL, aorta_hu), (STOMACH, stomach_hu), (CAVA, cava_hu)):
        hu[place] = value
    hu[BRANCH | AORTA] = aorta_hu
    nothing = np.zeros(SIZE, dtype=np.bool_)
    near_cava = np.abs(LEFT - 60.0) < 20.0
    marks = Landmarks(nothing, AORTA, nothing, near_cava, aorta_hu)
    levels = LumenLevels(aorta_hu, 8.0, SOFT, (0, 0, 0))
    return arterial_barriers(hu, np.ones(SIZE, dtype=np.bool_), nothing, marks, levels, SPACING)


def _share(mask: NDArray[np.bool_], place: NDArray[np.bool_]) -> float:
    return float(mask[place].mean())


def test_that_vessels_in_the_lung_are_closed_and_those_beside_it_stay_open() -> None:
    closed = _around(320.0, 80.0, SOFT).closed
    assert _share(closed, LUNG_VESSEL & (np.abs(LEFT - 130.0) < 15.0)) > 0.99
    assert not closed[AORTA | BRANCH].any()


def test_that_bowel_contrast_brighter_than_the_aorta_is_closed_and_blood_is_not() -> None:
    found = _around(320.0, 80.0, 450.0)
    assert _share(found.closed, STOMACH) > 0.95
    assert not found.closed[AORTA | BRANCH].any()
    assert not _around(320.0, 80.0, 330.0).closed[STOMACH].any()


def test_that_a_vena_cava_as_bright_as_the_aorta_is_closed_and_said() -> None:
    late, early = _around(160.0, 150.0, SOFT), _around(320.0, 150.0, SOFT)
    assert late.veins_bright
    assert _share(late.closed, CAVA & ~BRANCH) > 0.9
    assert not late.closed[AORTA].any()
    assert not early.veins_bright
    assert not early.closed[CAVA].any()


def test_that_nothing_is_followed_far_from_the_aorta_where_veins_are_bright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vessel_lumen_barriers, "REACH_MM", 60.0)
    far = BRANCH & (np.hypot(BACK - 60.0, LEFT - 90.0) > 72.0)
    near = BRANCH & (np.hypot(BACK - 60.0, LEFT - 90.0) < 66.0) & (LEFT > 90.0)
    late, early = _around(160.0, 150.0, SOFT).closed, _around(320.0, 150.0, SOFT).closed
    assert late[far].all()
    assert not late[near].any()
    assert not early[far].any()
