"""What the digital patient measures, and that its truth is true of its images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from phantoms import tiny_patient
from scipy.ndimage import binary_erosion, center_of_mass, distance_transform_edt

from planner.errors import UsageError
from planner.imaging import LabelMap, Volume
from planner.imaging.slicing import sample
from planner.phantom import generate
from planner.phantom.anatomy import draw_anatomy
from planner.phantom.enhancement import HU, structure_value
from planner.phantom.lesions import liver_space, place_tumours
from planner.phantom.writer import write_truth


def _mean(volume: Volume, labels: LabelMap, value: int, depth_voxels: int = 1) -> float:
    """Mean HU well inside a labelled structure."""
    inside = binary_erosion(labels.mask(value), iterations=depth_voxels)
    assert inside.any()
    return float(np.median(np.asarray(volume.voxels)[inside]))


@pytest.mark.parametrize("structure", ["liver", "spleen", "aorta"])
@pytest.mark.parametrize("phase", [0, 1])
def test_that_organs_enhance_as_their_phase_says(structure: str, phase: int) -> None:
    patient = tiny_patient()
    volume = (patient.arterial, patient.portal)[phase]
    measured = _mean(volume, patient.truth.structures, structure_value(structure), 2)
    assert measured == pytest.approx(HU[structure][phase], abs=8.0)


def test_that_lungs_are_air_and_subcutaneous_fat_is_fat() -> None:
    patient = tiny_patient()
    lungs = _mean(patient.arterial, patient.truth.structures, structure_value("lung_right"), 3)
    assert lungs == pytest.approx(-850.0, abs=25.0)
    body = patient.truth.structures.voxels > 0
    depth_mm = distance_transform_edt(body, sampling=patient.arterial.grid.spacing_kji_mm)
    fat = float(np.median(np.asarray(patient.arterial.voxels)[20:60][(depth_mm[20:60] > 5) & (depth_mm[20:60] < 8)]))
    assert fat == pytest.approx(-105.0, abs=12.0)


def test_that_the_kidney_cortex_stands_out_in_the_arterial_phase_only() -> None:
    patient = tiny_patient()
    kidney = patient.truth.structures.mask(structure_value("kidney_left"))
    spread = [float(np.asarray(volume.voxels)[kidney].std()) for volume in (patient.arterial, patient.portal)]
    assert spread[0] > spread[1]


def test_that_both_tumours_are_bright_in_the_arterial_phase_and_washed_out_in_the_portal_one() -> None:
    patient = tiny_patient()
    for lesion in patient.truth.lesions:
        liver = [_mean(volume, patient.truth.structures, structure_value("liver"), 2) for volume in _phases()]
        tumour = [_mean(volume, patient.truth.lesion_map, lesion.label) for volume in _phases()]
        assert tumour[0] > liver[0] + 30.0
        assert tumour[1] < liver[1] - 12.0


def _phases() -> tuple[Volume, Volume]:
    return tiny_patient().arterial, tiny_patient().portal


def test_that_the_large_tumour_has_a_capsule_that_shows_in_the_portal_phase() -> None:
    shells = _portal_shells()
    assert shells["capsule"] > shells["inside"] + 8.0


def _portal_shells() -> dict[str, float]:
    """Mean portal HU of two shells of the large tumour."""
    patient = tiny_patient()
    lesion = patient.truth.lesions[0]
    k, j, i = np.indices(patient.portal.grid.size_kji).reshape(3, -1)
    points = patient.portal.grid.lps_from_kji.points(np.stack([k, j, i], axis=1))
    distance = np.linalg.norm(points - lesion.centre_lps_mm, axis=1) - lesion.diameter_mm / 2.0
    values = np.asarray(patient.portal.voxels).ravel()
    return {
        "capsule": float(np.mean(values[np.abs(distance + 1.5) < 1.5])),
        "inside": float(np.mean(values[np.abs(distance + 6.0) < 2.0])),
    }


def test_that_masks_have_the_volumes_of_organs() -> None:
    structures = tiny_patient().truth.structures
    expected = {
        "liver": (1100, 2000),
        "spleen": (120, 350),
        "kidney_left": (110, 230),
        "kidney_right": (110, 230),
        "gallbladder": (15, 60),
        "pancreas": (30, 110),
        "vertebrae_L2": (25, 70),
    }
    for name, (least, most) in expected.items():
        assert least < structures.volume_ml(structure_value(name)) < most, name


def test_that_every_couinaud_segment_is_there_and_together_they_are_the_liver() -> None:
    truth = tiny_patient().truth
    parts = [truth.segments.volume_ml(segment) for segment in range(1, 9)]
    assert min(parts) > 8.0
    assert sum(parts) == pytest.approx(truth.structures.volume_ml(structure_value("liver")))


def test_that_lesions_are_as_large_and_where_the_truth_says() -> None:
    truth = tiny_patient().truth
    for lesion in truth.lesions:
        mask = truth.lesion_map.mask(lesion.label)
        assert truth.lesion_map.volume_ml(lesion.label) == pytest.approx(lesion.volume_ml, rel=0.08)
        centre = truth.lesion_map.grid.lps_from_kji.points(center_of_mass(mask))
        assert np.linalg.norm(centre - lesion.centre_lps_mm) < 2.0
        extent = np.ptp(np.argwhere(mask), axis=0)[1:] * 3.0 + 3.0
        assert extent.max() == pytest.approx(lesion.diameter_mm, abs=5.0)
        assert np.all(truth.segments.mask(lesion.segment)[tuple(np.argwhere(mask).mean(axis=0).astype(int))])
    assert truth.lesions[0].diameter_mm == pytest.approx(35.0, abs=4.0)
    assert truth.lesions[1].diameter_mm == pytest.approx(18.0, abs=3.0)


def test_that_the_same_seed_gives_the_same_voxels_and_another_seed_another_patient() -> None:
    again = generate("tiny", 7)
    assert np.array_equal(again.arterial.voxels, tiny_patient().arterial.voxels)
    assert again.arterial.source == tiny_patient().arterial.source
    other = draw_anatomy(8)
    assert other != draw_anatomy(7)
    assert place_tumours(other, liver_space(other))[0].centre_lps_mm.tolist() != list(
        again.truth.lesions[0].centre_lps_mm
    )


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_that_any_seed_has_room_for_both_tumours_in_a_liver_of_usual_size(seed: int) -> None:
    anatomy = draw_anatomy(seed)
    space = liver_space(anatomy)
    main, second = place_tumours(anatomy, space)
    assert main.segment in (5, 8)
    assert second.segment == anatomy.second_segment
    volume_ml = np.count_nonzero(space.depth_mm > 0) * 0.064
    assert 1100 < volume_ml < 2000


def test_that_the_vertebra_case_has_a_collapsed_second_lumbar_body() -> None:
    usual = tiny_patient().truth.structures
    collapsed = generate("tiny", 7, case="vertebra").truth.structures
    level = structure_value("vertebrae_L2")
    assert collapsed.volume_ml(level) < 0.93 * usual.volume_ml(level)
    assert collapsed.volume_ml(level + 1) == pytest.approx(usual.volume_ml(level + 1), rel=0.01)


def test_that_the_stent_case_has_a_stricture_of_the_common_duct_with_wide_ducts_above_it(tmp_path: Path) -> None:
    patient = generate("tiny", 7, case="stent")
    duct = patient.truth.lumens["common bile duct"]
    start, end, minimum, percent = duct.stenosis() or (0.0, 0.0, 0.0, 0.0)
    assert 15.0 < end - start < 25.0
    assert minimum == pytest.approx(2.2, abs=0.01)
    assert percent > 60.0
    assert np.allclose(duct.points_lps_mm[0], patient.truth.landmark("biliary confluence"))
    wide = duct.points_lps_mm[(duct.along_mm > 8.0) & (duct.along_mm < start - 6.0)]
    seen = [sample(volume, wide).mean() for volume in (patient.arterial, patient.portal)]
    assert np.all(np.abs(np.array(seen) - 6.0) < 15.0)
    assert not tiny_patient().truth.lumens
    write_truth(patient.truth, tmp_path)
    stored = json.loads((tmp_path / "lumens.json").read_text(encoding="utf-8"))["lumens"]["common bile duct"]
    assert stored["stenosis"]["length_mm"] == pytest.approx(end - start, abs=0.01)
    assert len(stored["centreline"]["points_lps_mm"]) == len(stored["centreline"]["diameter_mm"])


@pytest.mark.parametrize(
    ("preset", "case", "code"),
    [("huge", "tace", "unknown-preset"), ("tiny", "heart", "unknown-case")],
)
def test_that_what_is_not_modelled_is_refused_with_a_sentence(preset: str, case: str, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        generate(preset, 7, case=case)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")
