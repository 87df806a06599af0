"""One vertebra from two clicks, on the digital patient and on a labelled CT."""

from __future__ import annotations

import numpy as np
import pytest
from data import shared_data
from numpy.typing import NDArray
from phantoms import tiny_patient
from shapes import dice

from planner.app.images import open_image
from planner.dicom.label_files import read_labels
from planner.errors import Cancelled, InputRefused, OperatorError
from planner.imaging import Volume
from planner.imaging.vertebra_segmentation import VertebraMask, vertebra_from_clicks
from planner.jobs import Context


def truth_of(level: str) -> NDArray[np.bool_]:
    structures = tiny_patient().truth.structures
    (value,) = (v for v, label in structures.labels.items() if label.structure == f"vertebrae_{level}")
    return structures.mask(value)


def found(level: str) -> VertebraMask:
    """Clicks in the modelled body's middle and on its lamina."""
    volume, truth = tiny_patient().portal, truth_of(level)
    points = volume.grid.lps_from_kji.points(np.argwhere(truth))
    pedicle = np.asarray(tiny_patient().truth.landmark(f"pedicle {level} left"))
    body = np.array([0.0, 38.0, pedicle[2] - 3.0])
    behind = points[(points[:, 1] > 76.0) & (points[:, 1] < 86.0) & (np.abs(points[:, 0]) < 8.0)]
    return vertebra_from_clicks(volume, body, behind[len(behind) // 2])


@pytest.mark.parametrize("level", ["L1", "L2", "L3"])
def test_that_a_lumbar_vertebra_of_the_digital_patient_is_found(level: str) -> None:
    truth = truth_of(level)
    answer = found(level)
    whole = answer.mask.full()
    assert dice(whole, truth) > 0.75
    assert np.count_nonzero(whole & truth) / np.count_nonzero(truth) > 0.85
    assert answer.body.count < answer.mask.count


def test_that_the_neighbours_are_left_out() -> None:
    whole = found("L2").mask.full()
    for other in ("L1", "L3"):
        neighbour = truth_of(other)
        assert np.count_nonzero(whole & neighbour) / np.count_nonzero(neighbour) < 0.1


def test_that_the_canal_is_not_bone() -> None:
    cord = tiny_patient().truth.structures
    (value,) = (v for v, label in cord.labels.items() if label.structure == "spinal_cord")
    whole = found("L2").mask.full()
    assert np.count_nonzero(whole & cord.mask(value)) / np.count_nonzero(whole) < 0.05


def test_that_clicks_that_make_no_vertebra_are_refused() -> None:
    volume = tiny_patient().portal
    with pytest.raises(InputRefused, match="apart"):
        vertebra_from_clicks(volume, (0.0, 38.0, 0.0), (0.0, 39.0, 0.0))
    with pytest.raises(OperatorError, match="outside the image"):
        vertebra_from_clicks(volume, (0.0, 38.0, 0.0), (0.0, 5000.0, 0.0))
    with pytest.raises(InputRefused, match="No vertebral body"):
        vertebra_from_clicks(volume, (-70.0, -40.0, 20.0), (-70.0, 0.0, 20.0))


def test_that_a_vertebra_cut_off_by_the_image_is_refused() -> None:
    volume = tiny_patient().portal
    pedicle = np.asarray(tiny_patient().truth.landmark("pedicle L2 left"))
    last = int(volume.grid.kji_from_lps.points((0.0, 38.0, pedicle[2]))[0]) + 2
    _, j, i = volume.grid.size_kji
    part = Volume(volume.voxels[:last], volume.grid.cropped((0, 0, 0), (last, j, i)), volume.source)
    with pytest.raises(InputRefused, match="cuts the vertebral body off"):
        vertebra_from_clicks(part, (0.0, 38.0, pedicle[2] - 3.0), (0.0, 81.0, pedicle[2] - 8.0))


def test_that_it_can_be_cancelled() -> None:
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        vertebra_from_clicks(tiny_patient().portal, (0.0, 38.0, 0.0), (0.0, 80.0, 0.0), context)


def test_that_an_osteoporotic_vertebra_of_a_real_ct_is_found() -> None:
    folder = shared_data("tptbox-ct") / "sample_ct"
    volume = open_image(folder / "sub-ct_label-22_ct.nii.gz", accept=("missing-frame",))
    parts = np.asarray(read_labels(folder / "sub-ct_seg-subreg_label-22_msk.nii.gz")[0].voxels)
    whole = np.asarray(read_labels(folder / "sub-ct_seg-vert_label-22_msk.nii.gz")[0].voxels) == 22
    body = volume.grid.lps_from_kji.points(np.argwhere(whole & (parts == 50)).mean(axis=0))
    lamina = np.argwhere(whole & (parts == 41))
    click = volume.grid.lps_from_kji.points(lamina[len(lamina) // 2])
    assert dice(vertebra_from_clicks(volume, body, click).mask.full(), whole) > 0.8
