"""The digital patient on disk, read back by other libraries."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from phantoms import tiny_patient

from planner.errors import UsageError
from planner.phantom import Written
from planner.phantom.laboratory import write_laboratory


def _slices(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def test_that_pydicom_reads_back_geometry_and_hounsfield_units_exactly(tiny_series: Written) -> None:
    for folder, volume in zip(tiny_series.series, (tiny_patient().arterial, tiny_patient().portal), strict=True):
        slices = _slices(folder)
        stored = np.stack(
            [one.pixel_array.astype(int) * int(one.RescaleSlope) + int(one.RescaleIntercept) for one in slices]
        )
        assert np.array_equal(stored, volume.voxels)
        for k in (0, len(slices) - 1):
            assert np.allclose(slices[k].ImagePositionPatient, volume.grid.lps_from_kji.points((k, 0, 0)), atol=1e-9)
        assert list(slices[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
        assert list(slices[0].PixelSpacing) == list(volume.grid.spacing_kji_mm[1:])


def test_that_simpleitk_sees_the_same_volume(tiny_series: Written) -> None:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tiny_series.series[0])))
    image = reader.Execute()
    grid = tiny_patient().arterial.grid
    assert image.GetSize() == grid.size_kji[::-1]
    assert image.GetSpacing() == pytest.approx(grid.spacing_kji_mm[::-1])
    assert image.GetOrigin() == pytest.approx(grid.lps_from_kji.points((0, 0, 0)))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), tiny_patient().arterial.voxels)


def test_that_both_phases_share_study_and_frame_but_no_instance(tiny_series: Written) -> None:
    arterial, portal = (_slices(folder) for folder in tiny_series.series)
    everything = arterial + portal
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "StudyDate"):
        assert len({one[keyword].value for one in everything}) == 1
    assert len({one.SOPInstanceUID for one in everything}) == len(everything)
    assert {one.SeriesInstanceUID for one in arterial}.isdisjoint({one.SeriesInstanceUID for one in portal})
    assert arterial[0].SeriesDescription == "Abdomen arterial phase"
    assert all(len(one.SOPInstanceUID) <= 64 for one in everything)


def test_that_every_instance_says_it_is_simulated(tiny_series: Written) -> None:
    for folder in tiny_series.series:
        for one in _slices(folder):
            assert one.ImageComments.startswith("SIMULATED")
            assert one.BurnedInAnnotation == "NO"
            assert one.PatientID == "SELDINGER-DEMO"


@pytest.mark.parametrize("name", ["structures", "segments", "vessels", "lesions"])
def test_that_label_maps_lie_on_the_images_and_keep_their_values(tiny_series: Written, name: str) -> None:
    truth = tiny_patient().truth
    maps = {
        "structures": truth.structures,
        "segments": truth.segments,
        "vessels": truth.vessels,
        "lesions": truth.lesion_map,
    }
    image = SimpleITK.ReadImage(str(tiny_series.truth / f"{name}.nrrd"))
    grid = maps[name].grid
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), maps[name].voxels)
    assert image.GetOrigin() == pytest.approx(grid.lps_from_kji.points((0, 0, 0)))
    assert image.GetSpacing() == pytest.approx(grid.spacing_kji_mm[::-1])


def test_that_the_written_tree_is_whole(tiny_series: Written) -> None:
    document = json.loads((tiny_series.truth / "tree.json").read_text(encoding="utf-8"))
    artery = document["trees"]["artery"]
    nodes = {node["id"] for node in artery["nodes"]}
    assert [node["kind"] for node in artery["nodes"]].count("root") == 1
    for segment in artery["segments"]:
        assert {segment["from"], segment["to"]} <= nodes
        assert segment["parent"] is None or segment["parent"] < segment["id"]
    lesions = json.loads((tiny_series.truth / "lesions.json").read_text(encoding="utf-8"))["lesions"]
    assert {segment["feeds"] for segment in artery["segments"]} - {None} == {lesion["identifier"] for lesion in lesions}
    landmarks = json.loads((tiny_series.truth / "landmarks.json").read_text(encoding="utf-8"))["landmarks"]
    assert "origin of coeliac trunk" in {landmark["name"] for landmark in landmarks}


def test_that_laboratory_values_are_dated_before_the_study(tmp_path: Path) -> None:
    write_laboratory(tmp_path / "laboratory.csv", "2025-06-03")
    with (tmp_path / "laboratory.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {"analyte", "value", "unit", "date"} == set(rows[0])
    assert {row["date"] for row in rows} == {"2025-03-03", "2025-05-13", "2025-06-01"}
    assert all(date.fromisoformat(row["date"]) < date(2025, 6, 3) and float(row["value"]) > 0 for row in rows)


def test_that_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_laboratory(tmp_path / "laboratory.csv", "yesterday")
