"""One-click lesions on the digital patient at 3 mm: a tumour with core and capsule, and a small one, in both phases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from phantoms import tiny_patient
from shapes import dice

from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.lesion import lesion_from_click

LIMIT_MM = 40.0
LARGE, SMALL = 0, 1


def volume_of(phase: str) -> Volume:
    return tiny_patient().arterial if phase == "arterial" else tiny_patient().portal


def truth_of(lesion: int) -> NDArray[np.bool_]:
    truth = tiny_patient().truth
    return truth.lesion_map.mask(truth.lesions[lesion].label)


def centre_of(lesion: int) -> NDArray[np.float64]:
    return np.asarray(tiny_patient().truth.lesions[lesion].centre_lps_mm)


@pytest.mark.parametrize("phase", ["arterial", "portal"])
@pytest.mark.parametrize("offset_mm", [(0.0, 0.0, 0.0), (-6.0, 6.0, 6.0), (0.0, 0.0, -11.0)])
def test_that_a_click_in_core_or_rim_gives_the_whole_tumour_with_its_capsule(
    phase: str, offset_mm: tuple[float, float, float]
) -> None:
    found = lesion_from_click(volume_of(phase), centre_of(LARGE) + offset_mm, limit_mm=LIMIT_MM)
    assert dice(found.full(), truth_of(LARGE)) > 0.8
    assert 0.7 < found.count / np.count_nonzero(truth_of(LARGE)) < 1.25


@pytest.mark.parametrize(("phase", "least"), [("arterial", 0.78), ("portal", 0.55)])
def test_that_a_click_gives_the_small_tumour(phase: str, least: float) -> None:
    found = lesion_from_click(volume_of(phase), centre_of(SMALL), limit_mm=LIMIT_MM)
    assert dice(found.full(), truth_of(SMALL)) > least


def test_that_grey_values_without_a_unit_give_the_same_lesion() -> None:
    volume = tiny_patient().arterial
    scaled = Volume(np.asarray(volume.voxels, dtype=np.float32) * 0.37 + 400.0, volume.grid, volume.source)
    as_ct = lesion_from_click(volume, centre_of(LARGE), limit_mm=LIMIT_MM)
    as_other = lesion_from_click(scaled, centre_of(LARGE), limit_mm=LIMIT_MM)
    assert dice(as_ct.full(), as_other.full()) > 0.99


def test_that_an_added_click_inside_changes_nothing_and_one_beside_adds_up_to_itself() -> None:
    volume, centre = tiny_patient().arterial, centre_of(LARGE)
    plain = lesion_from_click(volume, centre, limit_mm=LIMIT_MM)
    inside = lesion_from_click(volume, centre, add=[centre + (8.0, 0.0, 0.0)], limit_mm=LIMIT_MM)
    assert inside.equals(plain)
    beside = centre + (22.0, 0.0, 0.0)
    assert not plain.contains(beside)
    more = lesion_from_click(volume, centre, add=[beside], limit_mm=LIMIT_MM)
    assert more.contains(beside)
    assert bool(np.all(more.full() | ~plain.full()))


def test_that_a_removing_click_takes_away_the_part_around_it_and_leaves_the_clicked_one() -> None:
    volume, centre = tiny_patient().arterial, centre_of(LARGE)
    inside, outside = centre - (10.0, 0.0, 0.0), centre + (12.0, 0.0, 0.0)
    plain = lesion_from_click(volume, inside, limit_mm=LIMIT_MM)
    less = lesion_from_click(volume, inside, remove=[outside], limit_mm=LIMIT_MM)
    assert plain.contains(outside)
    assert not less.contains(outside)
    assert less.contains(inside)
    assert 0.2 * plain.count < less.count < 0.9 * plain.count


def test_that_a_click_in_the_air_beside_the_patient_is_refused_with_a_sentence() -> None:
    volume = tiny_patient().arterial
    corner = volume.grid.lps_from_kji.points((40.0, 1.0, 1.0))
    with pytest.raises(OperatorError, match="Nothing bounds the tissue under the click within 40 mm"):
        lesion_from_click(volume, corner, limit_mm=LIMIT_MM)
