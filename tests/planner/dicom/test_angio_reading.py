"""Runs read from XA and Enhanced XA files: frames, timing, angles, geometry, mask, shutter; and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_xa
from data import shared_data
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from planner.app.images import scan
from planner.dicom.angio_reading import load_run, run_facts
from planner.dicom.series import SeriesEntry
from planner.errors import Cancelled, InputRefused
from planner.imaging.angio import AngioRun
from planner.jobs import Context


def entry_of(file: Path) -> SeriesEntry:
    (entry,) = scan([file]).series
    return entry


def read(file: Path, **how: Any) -> tuple[AngioRun, SeriesEntry]:
    entry = entry_of(small_xa.write_run(file, **how))
    return load_run(entry), entry


def codes(entry: SeriesEntry) -> set[str]:
    return {finding.code for finding in entry.findings}


def test_that_a_run_keeps_its_stored_values_and_facts(tmp_path: Path) -> None:
    run, entry = read(tmp_path / "run.dcm")
    np.testing.assert_array_equal(run.frames, small_xa.frames())
    assert run.frames.dtype == np.uint16
    assert not run.frames.flags.writeable
    np.testing.assert_allclose(run.time_s, 0.25 * np.arange(small_xa.FRAMES))
    arm = run.c_arm(5)
    assert arm is not None
    assert (arm.primary_deg, arm.secondary_deg, arm.principal_xy) == (30.0, 15.0, (31.5, 23.5))
    facts = run_facts(entry)
    assert facts.dose_area_product_gy_cm2 == pytest.approx(1.25)
    assert facts.magnification == pytest.approx(1100 / 750)
    assert (facts.rate_hz, facts.acquired_at) == (pytest.approx(4.0), "2026-03-01T09:30:15")
    assert (entry.label, entry.frames, entry.loadable) == ("LAO 30 CRA 15", small_xa.FRAMES, True)
    assert codes(entry) == set()


@pytest.mark.parametrize(
    ("changes", "without", "expected", "code"),
    [
        ({"FrameTimeVector": ["0", "100", "100", "200", "200", "400", "400", "800"]}, ("FrameTime",), 2.2, None),
        ({"CineRate": "8"}, ("FrameTime",), 0.875, "timing-from-rate"),
        ({"RecommendedDisplayFrameRate": "4"}, ("FrameTime",), 1.75, "timing-from-rate"),
        ({"FrameTime": "0"}, (), None, "missing-timing"),
        ({"FrameTimeVector": ["0", "100"]}, ("FrameTime",), None, "bad-timing"),
        ({"FrameTimeVector": ["0", "100", "-100", "200", "2", "4", "4", "8"]}, ("FrameTime",), None, "bad-timing"),
    ],
)
def test_that_frame_times_come_from_what_the_file_names(
    changes: dict[str, object], without: tuple[str, ...], expected: float | None, code: str | None, tmp_path: Path
) -> None:
    if "FrameTimeVector" in changes:
        changes = {**changes, "FrameIncrementPointer": Tag("FrameTimeVector")}
    run, entry = read(tmp_path / "run.dcm", changes=changes, without=without)
    last = None if run.time_s is None else run.time_s[-1]
    assert last == (None if expected is None else pytest.approx(expected))
    assert codes(entry) == (set() if code is None else {code} | (codes(entry) & {"missing-timing"}))


def test_that_what_is_missing_is_none_and_said(tmp_path: Path) -> None:
    run, entry = read(tmp_path / "run.dcm", without=small_xa.WHAT_CAN_BE_MISSING)
    assert run.time_s is None
    assert run.geometry == ()
    assert entry.label is None
    assert codes(entry) == {"missing-timing", "missing-angles", "missing-geometry"}
    assert entry.loadable


@pytest.mark.parametrize(
    ("increments", "expected"),
    [
        (["2"], [30, 32, 34, 36, 38, 40, 42, 44]),
        (["0", "2", "2", "2", "2", "2", "2", "2"], [30, 32, 34, 36, 38, 40, 42, 44]),
        (["0", "2", "4", "6", "8", "10", "12", "14"], [30, 32, 34, 36, 38, 40, 42, 44]),
        (["30", "32", "34", "36", "38", "40", "42", "44"], [30, 32, 34, 36, 38, 40, 42, 44]),
        (["0", "0", "0", "0", "0", "0", "0", "0"], [30] * 8),
    ],
)
def test_that_every_way_to_write_a_rotation_gives_the_angle_of_each_frame(
    increments: list[str], expected: list[float], tmp_path: Path
) -> None:
    run, _ = read(
        tmp_path / "run.dcm", changes={"PositionerPrimaryAngleIncrement": increments, "PositionerMotion": "DYNAMIC"}
    )
    arms = [run.c_arm(frame) for frame in range(run.count)]
    assert [arm.primary_deg for arm in arms if arm is not None] == pytest.approx(expected)


def test_that_a_rotation_that_cannot_be_read_gives_no_geometry(tmp_path: Path) -> None:
    run, entry = read(
        tmp_path / "run.dcm", changes={"PositionerPrimaryAngleIncrement": ["0", "5", "-7", "9", "1", "0", "3", "2"]}
    )
    assert run.geometry == ()
    assert "angles-unclear" in codes(entry)


@pytest.mark.parametrize(
    "changes",
    [
        {"FieldOfViewRotation": "90"},
        {"FieldOfViewHorizontalFlip": "YES"},
        {"PatientPosition": "FFS"},
        {"TableMotion": "DYNAMIC"},
    ],
)
def test_that_geometry_of_a_turned_picture_is_left_out_and_said(changes: dict[str, str], tmp_path: Path) -> None:
    run, entry = read(tmp_path / "run.dcm", changes=changes)
    assert run.geometry == ()
    assert "unsupported-geometry" in codes(entry)
    assert run.facts.primary_deg == 30.0


def test_that_a_detector_before_the_isocentre_is_no_geometry(tmp_path: Path) -> None:
    run, entry = read(tmp_path / "run.dcm", changes={"DistanceSourceToPatient": "1200"})
    assert run.geometry == ()
    assert "implausible-geometry" in codes(entry)


def test_that_the_mask_module_shift_is_row_then_column_and_foreign_frames_are_left_out(tmp_path: Path) -> None:
    def edit(data: Dataset) -> None:
        item = Dataset()
        item.MaskOperation, item.MaskFrameNumbers, item.MaskSubPixelShift = "AVG_SUB", [1, 2, 99], [1.5, -0.25]
        item.ApplicableFrameRange = [3, 8]
        data.MaskSubtractionSequence = Items([item])

    run, entry = read(tmp_path / "run.dcm", edit=edit)
    (mask,) = run.masks
    assert (mask.mask_frames, mask.shift_xy_px, mask.applies_to) == ((1, 2), (-0.25, 1.5), ((3, 8),))
    assert "bad-mask-frames" in codes(entry)


def test_that_shutter_and_collimator_leave_open_what_both_leave_open(tmp_path: Path) -> None:
    run, _ = read(
        tmp_path / "run.dcm",
        changes={
            "ShutterShape": ["RECTANGULAR", "CIRCULAR"],
            "ShutterLeftVerticalEdge": "5",
            "ShutterRightVerticalEdge": "60",
            "ShutterUpperHorizontalEdge": "1",
            "ShutterLowerHorizontalEdge": "48",
            "CenterOfCircularShutter": ["24", "32"],
            "RadiusOfCircularShutter": "22",
            "CollimatorShape": "RECTANGULAR",
            "CollimatorLeftVerticalEdge": "9",
            "CollimatorRightVerticalEdge": "62",
            "CollimatorUpperHorizontalEdge": "3",
            "CollimatorLowerHorizontalEdge": "40",
        },
    )
    found = run.shutter
    assert found is not None
    assert (found.left, found.right, found.top, found.bottom) == (8.0, 59.0, 2.0, 39.0)
    assert found.circle == (31.0, 23.0, 22.0)


def test_that_runs_share_their_isocentre_frame_only_while_the_table_is_known_to_stand_still(tmp_path: Path) -> None:
    def frame_uid(name: str, table: str | None) -> str:
        changes = {"SOPInstanceUID": f"2.25.880.{len(name)}{ord(name[0])}"}
        if table is not None:
            changes |= {
                "TableTopVerticalPosition": "10",
                "TableTopLateralPosition": "0",
                "TableTopLongitudinalPosition": table,
            }
        run, _ = read(tmp_path / f"{name}.dcm", changes=changes)
        return run.geometry[0].frame_uid

    assert frame_uid("a", "100") == frame_uid("b", "100")
    assert frame_uid("a", "100") != frame_uid("b", "120")
    assert frame_uid("a", None) != frame_uid("b", None)


def enhanced(data: Dataset) -> None:
    """The same run as Enhanced XA, with angles and times per frame."""
    data.SOPClassUID = small_xa.ENHANCED_XA
    for keyword in small_xa.WHAT_CAN_BE_MISSING:
        if keyword in data:
            delattr(data, keyword)
    shared, geometry, pixels, view = Dataset(), Dataset(), Dataset(), Dataset()
    geometry.DistanceSourceToDetector, geometry.DistanceSourceToIsocenter = "1100", 750.0
    pixels.ImagerPixelSpacing = ["0.4", "0.4"]
    view.FieldOfViewRotation, view.FieldOfViewHorizontalFlip = "0", "NO"
    shared.XRayGeometrySequence, shared.FramePixelDataPropertiesSequence = Items([geometry]), Items([pixels])
    shared.FieldOfViewSequence = Items([view])
    frames = []
    for number in range(small_xa.FRAMES):
        frame, content, positioner = Dataset(), Dataset(), Dataset()
        content.FrameReferenceDateTime = f"202603010930{10 + number // 2:02d}.{500000 * (number % 2):06d}"
        positioner.PositionerPrimaryAngle, positioner.PositionerSecondaryAngle = str(10 + number), "-5"
        frame.FrameContentSequence, frame.PositionerPositionSequence = Items([content]), Items([positioner])
        frames.append(frame)
    data.SharedFunctionalGroupsSequence = Items([shared])
    data.PerFrameFunctionalGroupsSequence = Items(frames)


def test_that_enhanced_runs_take_times_and_angles_from_each_frame(tmp_path: Path) -> None:
    run, entry = read(tmp_path / "run.dcm", edit=enhanced)
    np.testing.assert_allclose(run.time_s, 0.5 * np.arange(small_xa.FRAMES))
    arms = [run.c_arm(frame) for frame in range(run.count)]
    assert [arm.primary_deg for arm in arms if arm is not None] == pytest.approx([10.0 + n for n in range(8)])
    assert run.facts.source_to_isocentre_mm == 750.0
    assert entry.label == "LAO 10 CAU 5, rotating"


def test_that_a_single_frame_is_a_run_without_a_rate(tmp_path: Path) -> None:
    one = small_xa.frames()[:1].tobytes()
    run, entry = read(tmp_path / "run.dcm", changes={"NumberOfFrames": 1, "PixelData": one}, without=("FrameTime",))
    assert (run.count, run.facts.rate_hz) == (1, None)
    assert run.time_s is not None
    assert "missing-timing" not in codes(entry)


def test_that_colour_is_no_run(tmp_path: Path) -> None:
    def edit(data: Dataset) -> None:
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
        data.BitsAllocated, data.BitsStored, data.HighBit, data.NumberOfFrames = 8, 8, 7, 1
        data.PixelData = bytes(3 * small_xa.ROWS * small_xa.COLUMNS)

    entry = entry_of(small_xa.write_run(tmp_path / "run.dcm", edit=edit))
    assert entry.kind == "object"
    with pytest.raises(InputRefused) as refused:
        load_run(entry)
    assert refused.value.code == "not-a-run"


def test_that_a_truncated_run_is_refused(tmp_path: Path) -> None:
    file = small_xa.write_run(tmp_path / "run.dcm")
    file.write_bytes(file.read_bytes()[:-5000])
    entry = entry_of(file)
    assert not entry.loadable
    with pytest.raises(InputRefused) as refused:
        load_run(entry)
    assert refused.value.code == "truncated"


def test_that_reading_can_be_cancelled(tmp_path: Path) -> None:
    entry = entry_of(small_xa.write_run(tmp_path / "run.dcm"))
    job = Context()
    job.cancel()
    with pytest.raises(Cancelled):
        load_run(entry, job)


def test_that_dense_values_that_rise_are_known_by_the_sign(tmp_path: Path) -> None:
    run, _ = read(tmp_path / "a.dcm", changes={"PixelIntensityRelationshipSign": -1})
    assert run.bright_is_dense
    run, _ = read(tmp_path / "b.dcm", changes={"PixelIntensityRelationshipSign": 1})
    assert not run.bright_is_dense
    _, entry = read(tmp_path / "c.dcm", changes={"PhotometricInterpretation": "MONOCHROME1"})
    assert "polarity-unknown" in codes(entry)


def test_that_real_runs_of_one_series_are_all_listed_and_loaded() -> None:
    entries = [each for each in scan([shared_data("xa/phantom")]).series if each.kind == "angio"]
    assert [(each.part, each.frames, each.label) for each in entries] == [
        (1, 9, "LAO 24 CAU 19"),
        (2, 8, "LAO 31 CRA 24"),
    ]
    for entry in entries:
        run = load_run(entry)
        assert run.frames.dtype == np.uint8
        assert run.count == entry.frames
        assert int(np.ptp(run.frames)) > 50


def test_that_a_real_run_without_geometry_says_so() -> None:
    (entry,) = scan([shared_data("xa/rubo-0002.DCM")]).series
    run = load_run(entry)
    assert run.frames.shape == (96, 512, 512)
    assert run.geometry == ()
    assert [mask.operation for mask in run.masks] == ["NONE"]
    assert codes(entry) == {"missing-geometry"}
