"""A vertebra by two clicks in the panes, and its walls laid flat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from phantoms import tiny_patient
from PySide6.QtCore import Qt
from vertebra_shapes import Shape

from planner.imaging.volumes import Volume
from planner.model.items import RegionBody
from planner.planning.vertebra_analysis import VertebraAnalysis, analyse_vertebra
from viewers.panes.tools.base import NO_CASE
from viewers.panes.tools.vertebra import NO_LEVEL
from viewers.scene.vertebra_pictures import grey_of, view_picture, walls_picture
from viewers.state.marking import RegionTarget

LEVEL = "vertebrae_L2"


class Keeper:
    """Puts the mask into the plan, as the open case does."""

    def __init__(self, bench) -> None:
        self._host = bench.desk.marks.host

    def keep(self, found, volume: Volume, level: str) -> str | None:
        target = RegionTarget("Vertebra", structure=level)
        self._host.put_region(found.mask, volume.source, target, label="Mark", tool="vertebra")
        return None


def clicks() -> tuple[np.ndarray, np.ndarray]:
    """In the middle of the body, and in the lamina."""
    patient = tiny_patient()
    structures = patient.truth.structures
    (value,) = (v for v, label in structures.labels.items() if label.structure == LEVEL)
    points = patient.portal.grid.lps_from_kji.points(np.argwhere(structures.mask(value)))
    pedicle = np.asarray(patient.truth.landmark("pedicle L2 left"))
    behind = points[(points[:, 1] > 76.0) & (points[:, 1] < 86.0) & (np.abs(points[:, 0]) < 8.0)]
    return np.array([0.0, 38.0, pedicle[2] - 3.0]), behind[len(behind) // 2]


@pytest.fixture
def reading(make_bench, library) -> Iterator:
    bench = make_bench(tiny_patient().portal)
    bench.document = bench.open_case(library)
    bench.state.vertebrae.keeper = Keeper(bench)
    return bench


def click_at(bench, point: np.ndarray) -> None:
    bench.state.move_cursor(bench.volume.grid.frame_uid, point)
    bench.settle()
    bench.click("axial", bench.at("axial", point))


def regions(bench) -> list[RegionBody]:
    return [mark.body for mark in bench.desk.marks.marks.value if isinstance(mark.body, RegionBody)]


def test_that_v_and_two_clicks_mark_the_chosen_level_as_one_step(reading) -> None:
    body, arch = clicks()
    reading.state.vertebrae.level.set(LEVEL)
    reading.key("axial", Qt.Key.Key_V)
    click_at(reading, body)
    assert reading.desk.kit.preview.value.clicks_lps_mm, "the first click is seen"
    assert "arch" in reading.desk.kit.hint.value
    click_at(reading, arch)
    (region,) = regions(reading)
    assert region.structure == LEVEL
    assert 20.0 < region.volume_ml < 60.0
    assert reading.document.undo()
    assert not regions(reading)


def test_that_nothing_guesses_the_level(reading) -> None:
    reading.key("axial", Qt.Key.Key_V)
    click_at(reading, clicks()[0])
    assert reading.desk.kit.notice.value == NO_LEVEL
    assert not reading.desk.kit.preview.value.clicks_lps_mm


def test_that_escape_forgets_the_first_click(reading) -> None:
    body, arch = clicks()
    reading.state.vertebrae.level.set(LEVEL)
    reading.key("axial", Qt.Key.Key_V)
    click_at(reading, body)
    reading.key("axial", Qt.Key.Key_Escape)
    reading.key("axial", Qt.Key.Key_V)
    click_at(reading, arch)
    assert not regions(reading)
    assert "arch" in reading.desk.kit.hint.value


def test_that_without_a_case_it_says_so(make_bench) -> None:
    bench = make_bench(tiny_patient().portal)
    bench.state.vertebrae.level.set(LEVEL)
    bench.key("axial", Qt.Key.Key_V)
    click_at(bench, clicks()[0])
    assert bench.desk.kit.notice.value == NO_CASE


@pytest.fixture(scope="module")
def analysis() -> VertebraAnalysis:
    shape = Shape()
    volume = shape.ct(1.5)
    points = volume.grid.lps_from_kji.points(np.moveaxis(np.indices(volume.grid.size_kji), 0, -1))
    u, v, w = np.moveaxis(shape.local(points), -1, 0)
    voxels = np.array(volume.voxels)
    # The cortex of the left half of the upper endplate is gone.
    voxels[(w > 9.0) & (w < 14.5) & (u > 3.0) & (u < 16.0) & (np.abs(v) < 8.0)] = 140.0
    return analyse_vertebra(Volume(voxels, volume.grid, volume.source), shape.mask(1.5), level=LEVEL)


def test_that_walls_are_laid_flat_from_behind_with_what_is_missing(analysis: VertebraAnalysis) -> None:
    walls = walls_picture(analysis)
    upper = [each for each in walls.defects if each.wall == "superior-endplate"]
    assert len(upper) == 1
    right, down = upper[0].place_mm
    assert right == pytest.approx(-9.5, abs=3.0), "the patient's left lies on the left"
    assert down < -10.0, "the upper endplate lies above the posterior wall"
    gone = walls.places_mm[walls.missing]
    assert np.median(gone[:, 0]) < 0.0
    assert np.median(gone[:, 1]) < 0.0


def test_that_a_picture_shows_bone_dark_and_the_pedicles_in_its_pixels(analysis: VertebraAnalysis) -> None:
    front = next(view for view in analysis.views if view.name == "true-ap")
    picture = view_picture(Shape().ct(1.5), analysis, front)
    rows, columns = picture.grey.shape
    x, y = picture.c_arm.project(analysis.vertebra.centre_lps_mm)
    assert (x, y) == pytest.approx((columns / 2.0, rows / 2.0), abs=1.0)
    inside = picture.grey[round(y) - 5 : round(y) + 5, round(x) - 5 : round(x) + 5].mean()
    assert inside < picture.grey[round(y), 20]
    left, right = (picture.outlines_xy[f"pedicle-{side}"][:, 0].mean() for side in ("left", "right"))
    assert left < right, "prone and seen from above, the patient's left is on the left"


def test_that_rays_beside_the_images_set_no_window() -> None:
    integrals = np.zeros((100, 100), dtype=np.float32)
    integrals[30:70, 30:70] = np.linspace(3.0, 4.0, 40, dtype=np.float32)
    grey = grey_of(integrals)
    assert grey[50, 32] > 200
    assert grey[50, 68] < 30
    assert grey_of(np.zeros((10, 10), dtype=np.float32)).min() == 255
