"""Presentation states of runs: written, read back by pydicom and by us, checked, and kept off other runs."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
import small_xa

from planner.app.images import scan
from planner.dicom.angio_reading import load_run
from planner.dicom.presentation_states import PLAIN_STATE, XA_STATE, read_presentation_state
from planner.dicom.presentation_writing import StateWords, write_presentation_state
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused
from planner.imaging.angio import AngioRun
from planner.model.run_items import RunMeasurementBody, RunViewBody


@pytest.fixture
def opened(tmp_path: Path) -> tuple[SeriesEntry, AngioRun]:
    (entry,) = scan([small_xa.write_run(tmp_path / "run.dcm")]).series
    return entry, load_run(entry)


def view(run: AngioRun) -> RunViewBody:
    shifts = {"0": (0.5, -1.25), "3": (1.5, 2.0)}
    return RunViewBody(run.key, True, (1, 2), "linear", "manual", shifts, (40.0, 120.0))


def annotations(run: AngioRun) -> list[RunMeasurementBody]:
    return [
        RunMeasurementBody(run.key, 3, "distance", ((10.0, 20.0), (13.0, 24.0)), {"length_px": 5.0}, text="5 px"),
        RunMeasurementBody(run.key, 4, "region", ((10.0, 20.0), (30.0, 40.0), (5.5, 30.25)), text="blush"),
        RunMeasurementBody(run.key, 5, "text", ((20.0, 12.0),), text="Läsion 肝"),
        RunMeasurementBody(run.key, 6, "arrow", ((8.0, 9.0),)),
    ]


def test_that_a_state_reads_back_as_it_was_written(opened: tuple[SeriesEntry, AngioRun], tmp_path: Path) -> None:
    entry, run = opened
    words = StateWords(label="PRE", creator="Reader^One")
    file = write_presentation_state(entry, run, view(run), annotations(run), tmp_path / "state.dcm", words=words)
    found = read_presentation_state(file, run)
    assert found.view == view(run)
    assert found.annotations == tuple(annotations(run))
    assert (found.label, found.creator, found.findings) == ("PRE", "Reader^One", ())


def test_that_pydicom_finds_shift_as_row_and_column_and_pixels_from_the_corner(
    opened: tuple[SeriesEntry, AngioRun], tmp_path: Path
) -> None:
    entry, run = opened
    file = write_presentation_state(entry, run, view(run), annotations(run), tmp_path / "state.dcm")
    data = pydicom.dcmread(file)
    assert data.SOPClassUID == XA_STATE
    assert (data.PatientID, data.StudyInstanceUID) == ("T-1", small_xa.STUDY)
    assert data.SeriesInstanceUID != small_xa.SERIES
    (mask,) = data.MaskSubtractionSequence
    assert list(mask.MaskFrameNumbers) == [1, 2]
    assert list(mask.PixelShiftSequence[0].RegionPixelShiftSequence[0].MaskSubPixelShift) == [-1.25, 0.5]
    assert list(data.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData) == [10.5, 20.5, 13.5, 24.5]
    assert data.GraphicAnnotationSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber == 3


def test_that_only_listed_attributes_of_the_run_are_taken_over(
    opened: tuple[SeriesEntry, AngioRun], tmp_path: Path
) -> None:
    _, run = opened
    file = small_xa.write_run(tmp_path / "told.dcm", changes={"InstitutionName": "CANARY", "PatientComments": "CANARY"})
    (entry,) = scan([file]).series
    state = write_presentation_state(entry, run, view(run), [], tmp_path / "state.dcm")
    assert b"CANARY" not in state.read_bytes()


def test_that_the_window_of_a_logarithmic_subtraction_is_left_out(
    opened: tuple[SeriesEntry, AngioRun], tmp_path: Path
) -> None:
    entry, run = opened
    shown = replace(view(run), method="log", window=(0.2, 0.6))
    found = read_presentation_state(write_presentation_state(entry, run, shown, [], tmp_path / "s.dcm"), run)
    assert found.view.window is None
    stored = RunViewBody(run.key, subtracted=False, shift="none", window=(2000.0, 900.0))
    found = read_presentation_state(write_presentation_state(entry, run, stored, [], tmp_path / "t.dcm"), run)
    assert found.view == stored


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PatientID": "T-2"}, "other-patient"),
        ({"PatientBirthDate": "19500103"}, "other-patient"),
        ({"StudyInstanceUID": "2.25.881"}, "other-study"),
        ({"SeriesInstanceUID": "2.25.880.77"}, "other-image"),
        ({"SOPInstanceUID": "2.25.880.78"}, "other-image"),
    ],
)
def test_that_a_state_of_something_else_is_refused(
    changes: dict[str, str], code: str, opened: tuple[SeriesEntry, AngioRun], tmp_path: Path
) -> None:
    entry, run = opened
    file = write_presentation_state(entry, run, view(run), [], tmp_path / "state.dcm")
    (other,) = scan([small_xa.write_run(tmp_path / "other.dcm", changes=changes)]).series
    with pytest.raises(InputRefused) as refused:
        read_presentation_state(file, load_run(other))
    assert refused.value.code == code


def test_that_a_run_is_no_presentation_state(opened: tuple[SeriesEntry, AngioRun]) -> None:
    entry, run = opened
    with pytest.raises(InputRefused) as refused:
        read_presentation_state(entry.files[0], run)
    assert refused.value.code == "not-a-presentation-state"


def test_that_a_plain_state_has_no_error_for_dciodvfy(opened: tuple[SeriesEntry, AngioRun], tmp_path: Path) -> None:
    # dicom3tools of 2022 does not know the XA/XRF class; the plain one has the same modules but for the mask.
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy is not installed")
    entry, run = opened
    file = write_presentation_state(entry, run, view(run), annotations(run), tmp_path / "plain.dcm", plain=True)
    assert pydicom.dcmread(file).SOPClassUID == PLAIN_STATE
    said = subprocess.run([tool, str(file)], capture_output=True, text=True, check=False)
    assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == []
    assert read_presentation_state(file, run).view.manual_shift_xy_px == {"0": (0.5, -1.25)}
