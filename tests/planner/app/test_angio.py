"""Runs as use cases: processing, runs of a case, and what a dose report brings to a record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
import small_xa
from stored_cases import DOCTOR

from planner.app import case_images
from planner.app.angio import Processed, RunSettings, open_run, process
from planner.app.angio_files import dsa
from planner.app.cases import case_from_series
from planner.app.dose_record import fill_from_dose_report, propose_dose
from planner.app.identity import PatientMismatch
from planner.app.images import scan
from planner.app.library import open_library
from planner.app.run_pictures import png_bytes
from planner.app.run_sheets import fullest_frame, sheet_of
from planner.app.sessions import SessionDesk, begin_session
from planner.app.templates import installed
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused, OperatorError, UsageError
from planner.model.case import Case
from planner.model.document import Document
from planner.model.people import Patient
from planner.store.library import Library

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Processed:
    file = small_xa.write_run(tmp_path_factory.mktemp("run") / "run.dcm")
    return process(open_run(file), RunSettings(mask_frames=(1, 2), shift="none"))


def test_that_contrast_is_positive_in_the_vessel_and_near_zero_beside_it(done: Processed) -> None:
    vessel, beside = done.contrast[4][12:36, 29:33], done.contrast[4][12:36, 45:60]
    assert float(np.median(vessel)) == pytest.approx(0.6, abs=0.02)
    assert abs(float(np.median(beside))) < 0.01
    assert done.mask.source == "operator"
    assert fullest_frame(done) == 4


def test_that_time_to_peak_and_composite_show_the_vessel(done: Processed) -> None:
    assert done.arrival is not None
    assert done.peak is not None
    assert float(np.nanmedian(done.arrival.seconds[12:36, 29:33])) == pytest.approx(1.0, abs=0.15)
    assert float(np.median(done.peak[12:36, 29:33])) > 5 * abs(float(np.median(done.peak[12:36, 45:60])))


def test_that_without_a_shift_both_residuals_are_the_same(done: Processed) -> None:
    assert done.residual_before is not None
    assert done.residual_before == done.residual_after
    assert not done.shifts_xy_px.any()


def test_that_a_single_frame_is_not_subtracted_but_said(tmp_path: Path) -> None:
    changes = {"NumberOfFrames": 1, "PixelData": small_xa.frames()[:1].tobytes()}
    run = open_run(small_xa.write_run(tmp_path / "one.dcm", changes=changes))
    found = process(run, RunSettings())
    assert [each.code for each in found.findings] == ["single-frame"]
    assert (found.residual_before, found.arrival, found.mask.frames) == (None, None, (1,))
    assert len(sheet_of(found, (400, 300)).panels) == 1


def test_that_mask_frames_and_shifts_of_frames_that_do_not_exist_are_refused(done: Processed) -> None:
    with pytest.raises(UsageError):
        process(done.run, RunSettings(mask_frames=(9,)))
    with pytest.raises(UsageError):
        process(done.run, RunSettings(shift="manual", manual_shift_xy_px={"9": (1.0, 0.0)}))


def test_that_manual_shifts_hold_for_one_frame_or_for_all_others(done: Processed) -> None:
    shifts = {"0": (1.0, 0.5), "3": (-2.0, 0.0)}
    found = process(done.run, RunSettings((1,), "manual", shifts, maps=False))
    assert found.shifts_xy_px[2].tolist() == [-2.0, 0.0]
    assert found.shifts_xy_px[[0, 7]].tolist() == [[1.0, 0.5], [1.0, 0.5]]
    assert found.peak is None


def test_that_the_subtracted_file_gives_contrast_back_and_keeps_what_it_must(done: Processed, tmp_path: Path) -> None:
    changes = {"ImageComments": "SIMULATED - teaching data", "InstitutionName": "CANARY"}
    file = small_xa.write_run(tmp_path / "run.dcm", changes=changes)
    document, _ = dsa(file, tmp_path / "out", RunSettings(mask_frames=(1, 2), shift="none"))
    data = pydicom.dcmread(document["files"]["subtracted"])
    scale = document["subtracted_values"]
    contrast = (scale["zero"] - data.pixel_array.astype(np.float64)) / scale["per_unit"]
    np.testing.assert_allclose(contrast, np.nan_to_num(done.contrast), atol=0.6 / scale["per_unit"])
    assert (data.PatientID, data.StudyInstanceUID, data.FrameTime) == ("T-1", small_xa.STUDY, 250)
    assert data.SOPInstanceUID != "2.25.880.2"
    assert "SIMULATED" in data.ImageComments
    assert b"CANARY" not in Path(document["files"]["subtracted"]).read_bytes()
    again = open_run(Path(document["files"]["subtracted"]))
    assert again.c_arm(0) is not None
    assert again.relation == "DISP"


def test_that_pngs_of_grey_and_colour_are_read_by_another_library(tmp_path: Path) -> None:
    from PIL import Image

    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colour = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    for picture in (grey, colour):
        (tmp_path / "p.png").write_bytes(png_bytes(picture))
        with Image.open(tmp_path / "p.png") as image:
            np.testing.assert_array_equal(np.asarray(image), picture)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "library").mkdir()
    opened = open_library(str(tmp_path / "library"))
    yield opened
    opened.close()


def entry_of(file: Path) -> SeriesEntry:
    (entry,) = scan([file]).series
    return entry


def test_that_runs_of_one_series_attached_one_by_one_stay_apart_under_one_instance_uid(
    library: Library, tmp_path: Path
) -> None:
    first = small_xa.write_run(tmp_path / "a.dcm")
    other = small_xa.frames()[::-1].copy()
    second = small_xa.write_run(tmp_path / "b.dcm", changes={"PixelData": other.tobytes()})
    case = case_from_series(entry_of(first))
    for file in (first, second, first):
        edit, _ = case_images.attach_series(case, entry_of(file))
        case = edit(case)
    assert [(each.kind, each.part) for each in case.studies] == [("angio", 1), ("angio", 2)]
    assert all(each.frame_uid for each in case.studies)
    library.create_case(case, DOCTOR)
    runs = [case_images.load_run_of_case(library, case, each) for each in case.studies]
    assert [run.key for run in runs] == [f"{small_xa.SERIES}#1", f"{small_xa.SERIES}#2"]
    np.testing.assert_array_equal(runs[0].frames, small_xa.frames())
    np.testing.assert_array_equal(runs[1].frames, other)


def test_that_a_run_whose_file_was_changed_is_not_taken(library: Library, tmp_path: Path) -> None:
    file = small_xa.write_run(tmp_path / "a.dcm")
    case = case_from_series(entry_of(file))
    case = case_images.attach_series(case, entry_of(file))[0](case)
    library.create_case(case, DOCTOR)
    small_xa.write_run(file, changes={"PixelData": small_xa.frames()[::-1].tobytes()})
    with pytest.raises(OperatorError) as refused:
        case_images.load_run_of_case(library, case, case.studies[0])
    assert refused.value.code == "images-changed"


@pytest.fixture
def desk() -> SessionDesk:
    patient = Patient("T-1", "Test^One", birth_date=date(1950, 1, 2))
    available = installed()
    document = Document(Case("case-1", patient))
    return begin_session(document, available, "tace", min(available.profiles), clock=lambda: NOW)


def dose_file(folder: Path, **changes: str) -> Path:
    planes = [small_xa.plane("A", ("0.005", "Gy.m2")), small_xa.plane("B", ("25", "Gy.cm2"), ("350", "mGy"), "1.5")]
    return small_xa.write_dose_report(folder / "dose.dcm", [*planes, small_xa.event()], **changes)


def test_that_a_dose_report_fills_what_nobody_typed(desk: SessionDesk, tmp_path: Path) -> None:
    proposal = propose_dose(desk, dose_file(tmp_path))
    assert proposal.stage == "sign_out"
    assert proposal.answers == {
        "air_kerma": pytest.approx(1.25),
        "kap": pytest.approx(75.0),
        "fluoroscopy_time": pytest.approx(7.5),
        "dose_report_kerma": pytest.approx(1.25),
    }
    assert proposal.findings == ()
    assert fill_from_dose_report(desk, proposal, by="Nurse")
    assert desk.session.answer("sign_out", "kap") == pytest.approx(75.0)


def test_that_typed_numbers_stay_and_a_difference_is_said(desk: SessionDesk, tmp_path: Path) -> None:
    desk.answer("sign_out", "kap", 57.0, by="Nurse")
    desk.answer("sign_out", "air_kerma", 1.25, by="Nurse")
    desk.answer("sign_out", "performed_on", "2026-02-28", by="Nurse")
    proposal = propose_dose(desk, dose_file(tmp_path))
    assert set(proposal.answers) == {"fluoroscopy_time", "dose_report_kerma"}
    said = {each.code: each for each in proposal.findings}
    assert set(said) == {"dose-report-differs", "dose-report-other-day"}
    assert said["dose-report-differs"].subject == "sign_out.kap"
    assert said["dose-report-differs"].measured == pytest.approx(24.0)
    fill_from_dose_report(desk, proposal, by="Nurse")
    assert desk.session.answer("sign_out", "kap") == 57.0


@pytest.mark.parametrize("changes", [{"PatientID": "T-9"}, {"PatientBirthDate": "19500103"}, {"PatientID": ""}])
def test_that_the_dose_report_of_another_or_unnamed_patient_is_refused(
    changes: dict[str, str], desk: SessionDesk, tmp_path: Path
) -> None:
    with pytest.raises(PatientMismatch):
        propose_dose(desk, dose_file(tmp_path, **changes))


def test_that_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as refused:
        open_run(dose_file(tmp_path))
    assert refused.value.code == "not-a-run"
