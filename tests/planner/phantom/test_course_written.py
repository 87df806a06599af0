"""The written course, read back through the same use cases that real images take."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta

import numpy as np
import pytest
import SimpleITK
from phantoms import COURSE_BEGUN_ON, tiny_course_maker, tiny_timepoint

from planner.app.images import SeriesEntry, load, scan
from planner.clinical.laboratory_table import LabReading, read_table
from planner.phantom import COURSE_KEYS, WrittenCourse
from planner.phantom.course_laboratory import write_course_laboratory


def _rows(analyte: str, table: tuple[LabReading, ...]) -> dict[int, float]:
    """Day after the baseline -> value."""
    return {
        (each.taken_on - COURSE_BEGUN_ON).days: each.value
        for each in table
        if each.analyte == analyte and each.taken_on is not None and each.value is not None
    }


@pytest.fixture(scope="module")
def entries(tiny_course_folder: WrittenCourse) -> dict[tuple[str, str], SeriesEntry]:
    """(Timepoint, role) -> what the program lists of its folder."""
    found = {}
    for written in tiny_course_folder.timepoints:
        for role, place in written.series.items():
            (found[written.key, role],) = scan([place]).series
    return found


def test_that_every_series_is_read_back_with_its_day_modality_and_phase(
    tiny_course_folder: WrittenCourse, entries: dict[tuple[str, str], SeriesEntry]
) -> None:
    assert len(entries) == len(tiny_course_folder.series) == 16
    for written in tiny_course_folder.timepoints:
        made = tiny_timepoint(written.key)
        for role in written.series:
            entry, volume = entries[written.key, role], made.volumes[role]
            assert entry.kind == "volume"
            assert entry.findings == ()
            assert entry.uid == volume.source.series_uid
            assert entry.source.study_date == made.on.isoformat()
            assert entry.source.modality == ("MR" if role.startswith("mr-") else "CT")
            assert entry.source.phase == volume.source.phase
            assert entry.source.study_uid == volume.source.study_uid


def test_that_voxels_and_place_come_back_from_ct_and_mr(entries: dict[tuple[str, str], SeriesEntry]) -> None:
    for role in ("portal-venous", "mr-arterial"):
        read = load(entries["follow-up-6w", role])
        made = tiny_timepoint("follow-up-6w").volumes[role]
        assert np.array_equal(read.voxels, made.voxels)
        assert read.grid.frame_uid == made.grid.frame_uid
        assert np.allclose(read.grid.lps_from_kji.homogeneous, made.grid.lps_from_kji.homogeneous, atol=1e-6)


def test_that_all_days_show_one_person(entries: dict[tuple[str, str], SeriesEntry]) -> None:
    people = {
        (each.source.patient_id, each.source.patient_name, each.source.patient_birth_date, each.source.patient_sex)
        for each in entries.values()
    }
    assert len(people) == 1
    assert len({each.source.study_uid for each in entries.values()}) == 8


def test_that_the_truth_lies_on_the_images_and_keeps_identities(tiny_course_folder: WrittenCourse) -> None:
    truth = tiny_timepoint("follow-up-6m").truths[0]
    image = SimpleITK.ReadImage(str(tiny_course_folder.truth / "follow-up-6m" / "lesions.nrrd"))
    voxels = SimpleITK.GetArrayFromImage(image)
    assert image.GetOrigin() == pytest.approx(truth.grid.lps_from_kji.points((0, 0, 0)))
    for lesion in truth.lesions:
        assert np.array_equal(voxels == lesion.label, lesion.mask.full())
    told = json.loads((tiny_course_folder.truth / "course.json").read_text(encoding="utf-8"))
    assert [each["key"] for each in told["timepoints"]] == list(COURSE_KEYS)
    third = next(each for each in told["lesions"] if each["identifier"] == "lesion-3")
    assert third["states"] == {"follow-up-6m": "new"}
    assert third["label"] == 3


def test_that_landmarks_are_pairs_from_the_baseline_to_the_day(tiny_course_folder: WrittenCourse) -> None:
    folder = tiny_course_folder.truth / "follow-up-3m"
    with (folder / "landmarks.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["fixed_x", "fixed_y", "fixed_z", "moving_x", "moving_y", "moving_z"]
    pairs = np.array(rows[1:], dtype=float)
    assert len(pairs) >= 12
    day_map = tiny_timepoint("follow-up-3m").truths[0].day_map
    assert np.abs(day_map.points(pairs[:, :3]) - pairs[:, 3:]).max() < 1e-3
    back = np.loadtxt(folder / "landmarks-to-baseline.csv", delimiter=",", skiprows=1)
    assert np.allclose(back[:, :3], pairs[:, 3:])
    centre = tiny_course_maker().patient.truth.landmark("centre of lesion-1")
    assert np.abs(pairs[:, :3] - centre).sum(axis=1).min() < 1e-3


def test_that_the_written_field_is_the_whole_displacement(tiny_course_folder: WrittenCourse) -> None:
    image = SimpleITK.ReadImage(str(tiny_course_folder.truth / "post-lipiodol-1" / "displacement.nrrd"))
    day_map = tiny_timepoint("post-lipiodol-1").truths[0].day_map
    for index in ((20, 20, 20), (30, 25, 28), (40, 15, 12)):
        place = np.array(image.TransformIndexToPhysicalPoint(index))
        assert np.array(image.GetPixel(*index)) == pytest.approx(day_map.points(place) - place, abs=0.02)


def test_that_markers_fall_after_treatment_and_rise_with_the_new_lesion(tiny_course_folder: WrittenCourse) -> None:
    table = read_table((tiny_course_folder.truth / "laboratory.csv").read_text(encoding="utf-8"))
    assert table.findings == ()
    assert all(each.usable and each.unit is not None for each in table.rows)
    for marker in ("afp", "pivka_ii"):
        curve = _rows(marker, table.rows)
        assert curve[11] > 2.0 * curve[52]
        assert curve[52] > curve[181]
        assert curve[272] > 3.0 * curve[181]
    bilirubin, creatinine = _rows("bilirubin", table.rows), _rows("creatinine", table.rows)
    assert bilirubin[15] > 1.5 * bilirubin[11]
    assert bilirubin[26] < 1.2 * bilirubin[11]
    assert 1.05 < creatinine[15] / creatinine[11] < 1.26
    assert {"albumin", "platelets", "inr"} <= {each.analyte for each in table.rows}


def test_that_the_laboratory_follows_the_day_the_course_began(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("laboratory") / "laboratory.csv"
    write_course_laboratory(path, date(2024, 2, 1))
    with path.open(encoding="utf-8") as stream:
        days = sorted({row["date"] for row in csv.DictReader(stream)})
    assert days[0] == (date(2024, 2, 1) - timedelta(days=60)).isoformat()
    assert days[-1] == (date(2024, 2, 1) + timedelta(days=272)).isoformat()
