"""What of a lesion enhances, by subtraction; its diameters; oil left out and graded."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.planning.enhancement import (
    enhancing_part,
    graded,
    lipiodol_retention,
    perpendicular_diameters,
    viable_diameter,
)

GRID = Grid.of((30, 60, 60), origin_lps_mm=(-30, -30, -30), spacing_kji_mm=(2, 1, 1), frame_uid="1.2.7")
PLAIN = ImageSource("1", modality="CT", unit="HU", phase="non-contrast", description="plain")
ARTERIAL = replace(PLAIN, series_uid="2", phase="arterial", description="arterial")


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Mask:
    kji = np.stack(np.meshgrid(*(np.arange(size) for size in GRID.size_kji), indexing="ij"), axis=-1)
    far = np.linalg.norm(GRID.lps_from_kji.points(kji) - np.asarray(centre, dtype=float), axis=-1)
    return Mask.of(GRID, far <= radius)


LESION = ball(20)
CORE = ball(10)
RIM = Mask.of(GRID, LESION.full() & ~CORE.full())
FAR = Mask.of(GRID, ball(28).full() & ~ball(23).full())


def image(source: ImageSource, *risen: tuple[Mask, float], noise: float = 4.0) -> Volume:
    random = np.random.default_rng(int(source.series_uid))
    voxels: NDArray[np.float64] = 60.0 + noise * random.standard_normal(GRID.size_kji)
    for mask, hu in risen:
        voxels[mask.full()] += hu
    return Volume(voxels.astype(np.float32), GRID, source)


def test_that_the_enhancing_volume_is_the_rim_and_not_the_necrosis() -> None:
    found = enhancing_part(LESION, image(PLAIN), image(ARTERIAL, (RIM, 70)))
    # The rise is averaged over 1.5 mm before it is judged, so that the edge of the core is taken for rim.
    assert found.volume_ml == pytest.approx(RIM.volume_ml, rel=0.06)
    assert found.lesion_ml == pytest.approx(LESION.volume_ml)
    assert (found.threshold, found.unit, found.oil_share, found.is_complete) == (20, "HU", 0, True)
    assert found.enhancing_ml == found.volume_ml


def test_that_diameters_do_not_bridge_necrosis() -> None:
    found = enhancing_part(LESION, image(PLAIN), image(ARTERIAL, (RIM, 70)))
    # The longest line in a rim touches the core: half of it, with the two radii, makes a right triangle. This holds in
    # the middle slice, and in those where the core ends.
    assert found.viable_mm is not None
    flat = Mask.of(GRID, RIM.full()[15:16], (15, 0, 0))
    chord = viable_diameter(flat)
    assert chord is not None
    assert chord.length_mm == pytest.approx(2 * math.sqrt(20**2 - 10**2), abs=2.0)
    beyond = viable_diameter(RIM)
    assert beyond is not None
    assert beyond.length_mm == pytest.approx(2 * math.sqrt(20**2 - 10**2), abs=2.0)
    whole = viable_diameter(LESION)
    assert whole is not None
    assert whole.length_mm == pytest.approx(40, abs=1.1)


def test_that_two_perpendicular_diameters_of_an_ellipse_are_its_axes() -> None:
    j, i = np.mgrid[:60, :60]
    for turn in (0.0, 0.6):
        u = (i - 30) * math.cos(turn) + (j - 30) * math.sin(turn)
        v = (j - 30) * math.cos(turn) - (i - 30) * math.sin(turn)
        layer = (u / 20.5) ** 2 + (v / 10.5) ** 2 <= 1.0
        found = perpendicular_diameters(Mask.of(GRID, layer[None], (4, 0, 0)))
        assert found is not None
        first, second = found
        assert first.length_mm == pytest.approx(41, abs=1.2)
        assert second.length_mm == pytest.approx(21, abs=1.2)
        one, two = (each.end_lps_mm - each.start_lps_mm for each in found)
        assert abs(float(one @ two)) < 0.02 * first.length_mm * second.length_mm


def test_that_nothing_enhancing_is_zero_and_no_mask_is_refused() -> None:
    found = enhancing_part(LESION, image(PLAIN), image(ARTERIAL))
    assert (found.viable_mm, found.enhancing_mm, found.volume_ml) == (0.0, (0.0, 0.0), 0.0)
    assert viable_diameter(Mask.empty(GRID)) is None
    assert perpendicular_diameters(Mask.empty(GRID)) is None
    with pytest.raises(InputRefused, match="mark it"):
        enhancing_part(Mask.empty(GRID), image(PLAIN), image(ARTERIAL))


def test_that_a_single_voxel_has_its_own_width() -> None:
    found = perpendicular_diameters(Mask.of(GRID, np.ones((1, 1, 1), dtype=bool), (5, 5, 5)))
    assert found is not None
    assert found[0].length_mm == pytest.approx(1.0, abs=0.01)
    assert found[1].length_mm == pytest.approx(1.0, abs=0.3)


def test_that_oil_on_ct_leaves_the_lesion_without_an_answer() -> None:
    oil = ball(8, (12, 0, 0))
    found = enhancing_part(LESION, image(PLAIN, (oil, 500)), image(ARTERIAL, (oil, 500), (RIM, 70)))
    assert 0.05 < found.oil_share < 0.3
    assert (found.is_complete, found.enhancing_ml, found.viable_mm, found.enhancing_mm) == (False, None, None, None)
    assert 0.0 < found.volume_ml < RIM.volume_ml
    assert not (found.part.full() & _cropped_to(found.part, oil)).any()
    assert any("Lipiodol: MR or not evaluable" in note for note in found.notes)


def _cropped_to(part: Mask, mask: Mask) -> NDArray[np.bool_]:
    low = GRID.nearest_index(part.grid.lps_from_kji.points((0, 0, 0)))
    assert low is not None
    slices = tuple(slice(start, start + size) for start, size in zip(low, part.grid.size_kji, strict=True))
    return mask.full()[slices]


def test_that_oil_does_not_matter_on_mr() -> None:
    mr, arterial = (replace(each, modality="MR", unit=None) for each in (PLAIN, ARTERIAL))
    found = enhancing_part(LESION, image(mr), image(arterial, (RIM, 70)))
    assert (found.unit, found.oil_share) == ("%", 0)
    assert found.volume_ml == pytest.approx(RIM.volume_ml, rel=0.08)


def test_that_a_reference_region_sets_the_threshold_of_qeasl() -> None:
    before, after = image(PLAIN), image(ARTERIAL, (RIM, 90), (FAR, 30))
    found = enhancing_part(LESION, before, after, reference=FAR)
    # The rise of the reference: 30 HU on average, and noise of two images.
    assert found.threshold == pytest.approx(30 + 2 * math.hypot(4, 4), abs=0.6)
    assert found.volume_ml == pytest.approx(RIM.volume_ml, rel=0.02)
    assert found.tag == "M"
    with pytest.raises(InputRefused, match="mark more liver"):
        enhancing_part(LESION, before, after, reference=ball(1.5, (25, 0, 0)))


def test_that_images_of_other_frames_or_phases_are_refused() -> None:
    other = Grid.of(GRID.size_kji, spacing_kji_mm=(2, 1, 1), frame_uid="1.2.8")
    stray = Volume(np.zeros(GRID.size_kji, dtype=np.float32), other, PLAIN)
    with pytest.raises(FrameMismatch):
        enhancing_part(LESION, stray, image(ARTERIAL))
    with pytest.raises(InputRefused):
        enhancing_part(LESION, image(replace(PLAIN, phase="portal-venous")), image(ARTERIAL))


@pytest.mark.parametrize(
    ("percent", "code"),
    [
        (100, "over-90"),
        (90.1, "over-90"),
        (90, "50-90"),
        (50, "50-90"),
        (49.9, "under-50"),
        (0.1, "under-50"),
        (0, "none"),
    ],
)
def test_that_retention_has_its_published_grades(percent: float, code: str) -> None:
    assert graded(percent).code == code


def test_that_retention_is_measured_on_unenhanced_ct() -> None:
    found = lipiodol_retention(image(PLAIN, (CORE, 400)), LESION)
    assert found.percent == pytest.approx(100 * CORE.count / LESION.count, abs=0.5)
    assert found.code == "under-50"
    assert lipiodol_retention(image(PLAIN, (LESION, 400)), LESION).code == "over-90"
    assert lipiodol_retention(image(PLAIN), LESION).code == "none"
    with pytest.raises(InputRefused):
        lipiodol_retention(image(ARTERIAL), LESION)
