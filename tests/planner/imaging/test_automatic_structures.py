"""Skin, bone, lung, gas and vessels from the CT alone, on the digital patient and on bodies made of shapes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from data import shared_data
from numpy.typing import NDArray
from phantoms import tiny_patient
from shapes import ct, dice, ellipsoid, grid_of

from planner.app.images import open_image
from planner.dicom.label_files import read_labels
from planner.errors import Cancelled, InputRefused
from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.automatic_structures import AutomaticStructures, automatic_structures, body_mask
from planner.jobs import Context


@cache
def found() -> AutomaticStructures:
    return automatic_structures(tiny_patient().portal)


def truth_of(*beginnings: str) -> NDArray[np.bool_]:
    structures = tiny_patient().truth.structures
    values = [value for value, label in structures.labels.items() if (label.structure or "").startswith(beginnings)]
    return np.isin(structures.voxels, values)


def recall(truth: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(truth & mask) / np.count_nonzero(truth))


def test_that_the_skin_of_the_digital_patient_is_its_body() -> None:
    assert dice(np.asarray(tiny_patient().truth.structures.voxels) > 0, found().masks["skin"].full()) > 0.97


def test_that_lungs_are_found_and_hold_no_gas_of_the_bowel() -> None:
    assert dice(truth_of("lung"), found().masks["lung"].full()) > 0.88
    hollow = truth_of("colon", "stomach", "small_bowel", "duodenum")
    assert recall(hollow, found().masks["lung"].full()) < 0.01


def test_that_gas_is_in_the_bowel_and_stomach() -> None:
    gas = found().masks["gas"].full()
    assert found().masks["gas"].volume_ml > 30.0
    assert recall(gas, truth_of("colon", "stomach", "small_bowel", "duodenum")) > 0.8


def test_that_vertebrae_and_ribs_are_bone_and_kidneys_are_not() -> None:
    bone = found().masks["bone"].full()
    assert recall(truth_of("vertebrae"), bone) > 0.9
    assert recall(truth_of("rib"), bone) > 0.85
    assert recall(truth_of("kidney"), bone) < 0.03
    assert recall(truth_of("spinal_cord"), bone) < 0.15


def test_that_the_aorta_is_a_vessel_and_not_bone() -> None:
    assert recall(truth_of("aorta"), found().masks["vessels"].full()) > 0.6
    assert recall(truth_of("aorta"), found().masks["bone"].full()) < 0.05


def test_that_vessels_are_not_looked_for_without_contrast_medium() -> None:
    patient = tiny_patient()
    voxels = np.array(patient.portal.voxels)
    bright = truth_of("aorta", "inferior", "portal", "heart", "kidney", "spleen", "liver")
    bright |= np.asarray(patient.truth.vessels.voxels) > 0
    voxels[bright] = np.minimum(voxels[bright], 45)
    plain = automatic_structures(replace(patient.portal, voxels=voxels))
    assert "vessels" not in plain.masks
    assert any(text.startswith("vessels") for text in plain.not_looked_for)


def test_that_another_orientation_finds_the_same() -> None:
    volume = tiny_patient().portal
    turned = turned_about(volume)
    other = automatic_structures(turned)
    for key in ("skin", "bone", "lung"):
        assert other.masks[key].volume_ml == pytest.approx(found().masks[key].volume_ml, rel=0.05), key


def turned_about(volume: Volume) -> Volume:
    """The same image stored sagittally, feet last."""
    grid = volume.grid
    axes = grid.axes_lps[:, [2, 0, 1]] * np.array([1.0, -1.0, 1.0])
    voxels = np.ascontiguousarray(np.asarray(volume.voxels).transpose(2, 0, 1)[:, ::-1, :])
    spacing = np.asarray(grid.spacing_kji_mm)[[2, 0, 1]]
    origin = grid.lps_from_kji.points((grid.size_kji[0] - 1, 0, 0))
    k, j, i = voxels.shape
    placed = Grid.of((k, j, i), origin_lps_mm=origin, spacing_kji_mm=spacing, axes_lps=axes, frame_uid=grid.frame_uid)
    return Volume(voxels, placed, volume.source)


def simple_body(*, arms: bool = False, table: bool = False, shift_mm: float = 0.0) -> Volume:
    """A cylinder of fat with two lungs, perhaps arms beside it and a table under it."""
    grid = grid_of((16, 100, 150), (4.0, 4.0, 4.0))
    middle = grid.centre_lps_mm + np.array([shift_mm, 0.0, 0.0])
    voxels = np.full(grid.size_kji, -1000.0)
    tall = 1e4
    voxels[ellipsoid(grid, middle, (150.0, 100.0, tall))] = -50.0
    for side in (-1.0, 1.0):
        voxels[ellipsoid(grid, middle + (side * 65.0, 0.0, 0.0), (45.0, 60.0, tall))] = -820.0
        if arms:
            voxels[ellipsoid(grid, middle + (side * 200.0, 20.0, 0.0), (30.0, 30.0, tall))] = 20.0
    if table:
        row = round(float(grid.kji_from_lps.points(middle + np.array([0.0, 108.0, 0.0]))[1]))
        voxels[:, row, 20:130] = 100.0
    return ct(grid, voxels)


def test_that_the_table_is_not_skin() -> None:
    assert dice(body_mask(simple_body(table=True)).full(), body_mask(simple_body()).full()) > 0.99


def test_that_arms_lie_beside_the_skin_and_are_said() -> None:
    answer = automatic_structures(simple_body(arms=True))
    assert dice(answer.masks["skin"].full(), body_mask(simple_body()).full()) > 0.99
    assert answer.beside.volume_ml == pytest.approx(2 * np.pi * 3.0**2 * 6.4, rel=0.15)
    assert any("beside the body" in note for note in answer.notes)


def test_that_lung_cut_off_by_the_image_stays_in_the_body() -> None:
    whole = simple_body(shift_mm=220.0)
    skin = body_mask(whole)
    half = np.asarray(whole.voxels) > -950
    assert recall(half, skin.full()) > 0.98
    assert any("cuts the body off" in note for note in automatic_structures(whole).notes)


def test_that_an_image_without_a_body_is_refused() -> None:
    empty = ct(grid_of((10, 40, 40)), np.full((10, 40, 40), -1000.0))
    with pytest.raises(InputRefused, match="No body"):
        automatic_structures(empty)


def test_that_an_mr_image_is_refused() -> None:
    volume = simple_body()
    with pytest.raises(InputRefused, match="CT"):
        body_mask(replace(volume, source=replace(volume.source, modality="MR", unit=None)))


def test_that_it_can_be_cancelled() -> None:
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        automatic_structures(simple_body(), context)


def test_that_lungs_and_bones_of_a_real_ct_are_those_of_a_network() -> None:
    folder = shared_data("totalseg")
    volume = open_image(folder / "example_ct.nii.gz", accept=("missing-frame",))
    answer = automatic_structures(volume)

    def union(*beginnings: str) -> NDArray[np.bool_]:
        files = [file for file in (folder / "example_seg").iterdir() if file.name.startswith(beginnings)]
        masks = [np.asarray(read_labels(file)[0].voxels) > 0 for file in sorted(files)]
        joined: NDArray[np.bool_] = np.logical_or.reduce(masks)
        return joined

    assert dice(union("lung"), answer.masks["lung"].full()) > 0.93
    assert recall(union("vertebrae"), answer.masks["bone"].full()) > 0.9
    assert recall(answer.masks["gas"].full(), union("colon", "stomach", "small_bowel", "duodenum")) > 0.9
    assert "vessels" not in answer.masks
