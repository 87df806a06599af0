"""Volume files name neither patient nor date: a person says both, and the plan stands on that."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from planner.app.case_images import attach_series, load_series, take_managed_copy
from planner.app.cases import case_from_series, patient_from_text
from planner.app.images import SeriesEntry, scan, write_volume
from planner.app.library import open_library
from planner.errors import UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.store.actors import Actor

ACTOR = Actor("Dr Test")
DAY = date(2026, 2, 3)


@pytest.fixture
def entry(tmp_path: Path) -> SeriesEntry:
    grid = Grid.of((4, 6, 8), spacing_kji_mm=(3, 1, 1), frame_uid="f")
    voxels = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
    (tmp_path / "images").mkdir()
    write_volume(Volume(voxels, grid, ImageSource("1.2")), tmp_path / "images" / "liver.nii.gz")
    write_volume(Volume(voxels[::-1], grid, ImageSource("1.3")), tmp_path / "images" / "other.nii.gz")
    return next(each for each in scan([tmp_path / "images"]).series if each.files[0].name == "liver.nii.gz")


def test_that_a_case_of_nobody_is_refused_with_what_to_do(entry: SeriesEntry) -> None:
    with pytest.raises(UsageError, match="type the patient's ID"):
        case_from_series(entry)


def test_that_the_typed_patient_and_date_stand_on_the_loaded_image(entry: SeriesEntry, tmp_path: Path) -> None:
    library = open_library(str(tmp_path / "library.sqlite"))
    patient = patient_from_text("ZZPHI-1", "ZZPHI^One", birth_date="1960-01-02")
    case = case_from_series(entry, patient=patient)
    edit, _ = attach_series(case, entry, confirmed=True, taken_on=DAY)
    attached = edit(case)
    library.create_case(attached, ACTOR)
    volume = load_series(library, attached, attached.studies[0])
    assert volume.source.study_date == DAY.isoformat()
    assert volume.source.patient_id == "ZZPHI-1"
    assert volume.voxels[0, 0, 5] == 5
    library.close()


def test_that_a_managed_copy_of_a_volume_file_is_found_again(entry: SeriesEntry, tmp_path: Path) -> None:
    library = open_library(str(tmp_path / "library.sqlite"))
    case = case_from_series(entry, patient=patient_from_text("ZZPHI-1", ""))
    edit, _ = attach_series(case, entry, confirmed=True, taken_on=DAY)
    attached = edit(case)
    library.create_case(attached, ACTOR)
    kept = take_managed_copy(library, attached, attached.studies[0], ACTOR)(attached)
    entry.files[0].unlink()
    volume = load_series(library, kept, kept.studies[0])
    assert kept.studies[0].managed
    assert volume.voxels[3, 5, 7] == 4 * 6 * 8 - 1
    library.close()
