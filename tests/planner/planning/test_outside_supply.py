"""Arteries from outside the liver are prompted by where a tumour touches its surface."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.outside_supply import OutsideSearch, outside_rules, outside_rules_from, outside_supply

GRID = Grid.of((60, 60, 80), origin_lps_mm=(-120.0, -90.0, -90.0), spacing_kji_mm=(3.0,) * 3, frame_uid="1.2")


def blob(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Mask:
    z, y, x = np.meshgrid(*(np.arange(size) for size in GRID.size_kji), indexing="ij")
    places = GRID.lps_from_kji.points(np.stack([z, y, x], axis=-1))
    return Mask.of(GRID, (((places - centre) / radii) ** 2).sum(axis=-1) <= 1.0)


@pytest.fixture(scope="module")
def liver() -> Mask:
    return blob((0.0, 0.0, 0.0), (100.0, 70.0, 70.0))


def prompted(found: OutsideSearch) -> set[str]:
    return {each.artery for each in found.candidates}


def test_that_a_tumour_under_the_right_dome_prompts_the_right_inferior_phrenic_artery(liver: Mask) -> None:
    found = outside_supply(blob((-35.0, 10.0, 52.0), (14.0,) * 3), liver)
    assert "inferior_phrenic_right" in prompted(found)
    assert "cranial" in found.facing
    assert not {"colic", "omental", "left_gastric"} & prompted(found)
    left = outside_supply(blob((55.0, 0.0, 45.0), (14.0,) * 3), liver)
    assert "inferior_phrenic_left" in prompted(left)


def test_that_a_deep_tumour_prompts_nothing_and_says_what_was_not_known(liver: Mask) -> None:
    found = outside_supply(blob((0.0, 0.0, 0.0), (12.0,) * 3), liver)
    assert found.candidates == ()
    assert found.depth_mm is None
    assert any("gallbladder" in text for text in found.not_known)
    assert any("earlier treatments" in text for text in found.not_known)


def test_that_a_neighbour_at_hand_decides_over_the_surface(liver: Mask) -> None:
    below = blob((-20.0, 0.0, -56.0), (12.0,) * 3)
    assert "cystic" in prompted(outside_supply(below, liver))
    near = {"gallbladder": blob((-20.0, 0.0, -82.0), (10.0,) * 3)}
    far = {"gallbladder": blob((60.0, 0.0, -75.0), (10.0,) * 3)}
    assert "cystic" in prompted(outside_supply(below, liver, near))
    assert "cystic" not in prompted(outside_supply(below, liver, far))


def test_that_behind_and_below_prompts_kidney_adrenal_and_ribs(liver: Mask) -> None:
    found = outside_supply(blob((-45.0, 45.0, -25.0), (16.0,) * 3), liver)
    assert {"renal_capsular_right", "adrenal_right", "intercostal"} <= prompted(found)


def test_that_size_and_earlier_treatments_stand_in_the_reason_with_their_source(liver: Mask) -> None:
    tumour = blob((-35.0, 10.0, 52.0), (14.0,) * 3)
    said = outside_supply(tumour, liver, diameter_mm=62.0, earlier_treatments=2).candidates[0].reason
    assert "62 mm" in said
    assert "2 earlier treatments" in said
    assert "Chung" in said
    assert "62 mm" not in outside_supply(tumour, liver, diameter_mm=30.0).candidates[0].reason


def test_that_a_hole_where_the_tumour_was_left_out_is_no_surface(liver: Mask) -> None:
    tumour = blob((0.0, 0.0, 0.0), (12.0,) * 3)
    holed = Mask.of(GRID, liver.full() & ~tumour.full())
    assert outside_supply(tumour, holed).candidates == ()


def test_that_rows_without_source_or_known_artery_are_refused(liver: Mask) -> None:
    assert all(rule.source and rule.tag for rule in outside_rules().rules)
    row = {"artery": "cystic", "facing": ["caudal"], "source": "book", "tag": "M"}
    for change in ({"source": ""}, {"artery": "nobody"}, {"facing": ["up"]}, {"right_left": [0.5, 0.2]}):
        with pytest.raises(InputRefused):
            outside_rules_from({"rule": [{**row, **change}]}, "test")
    with pytest.raises(InputRefused):
        outside_supply(Mask.empty(GRID), liver)
    other = Grid.of((4, 4, 4), origin_lps_mm=(0, 0, 0), spacing_kji_mm=(3.0,) * 3, frame_uid="9.9")
    with pytest.raises(FrameMismatch):
        outside_supply(Mask.of(other, np.ones((4, 4, 4), dtype=np.bool_)), liver)
