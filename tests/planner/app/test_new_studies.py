"""A series beside a case: known, of a known study, new, or of somebody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_dicom import entry_of, write_series

from planner.app.case_images import series_ref
from planner.app.cases import case_from_series
from planner.app.identity import Verdict
from planner.app.new_studies import recognised
from planner.dicom.series import SeriesEntry
from planner.model.case import Case


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> SeriesEntry:
    return entry_of(write_series(tmp_path_factory.mktemp("first"), StudyDate="20260105"))


@pytest.fixture(scope="module")
def case(first: SeriesEntry) -> Case:
    return replace(case_from_series(first), studies=(series_ref(first),))


def later(folder: Path, **facts: str) -> SeriesEntry:
    told = {"StudyDate": "20260301", "StudyInstanceUID": "2.25.901", "FrameOfReferenceUID": "2.25.902"}
    return entry_of(write_series(folder, number=2, **(told | {"SeriesInstanceUID": "2.25.903"} | facts)))


def test_that_a_series_of_the_case_is_known(case: Case, first: SeriesEntry) -> None:
    assert recognised(case, first).known


def test_that_a_new_study_of_the_patient_is_to_be_registered(case: Case, tmp_path: Path) -> None:
    found = recognised(case, later(tmp_path / "later"))
    assert (found.match.verdict, found.known, found.same_study, found.same_frame) == (Verdict.SAME, False, False, False)
    assert found.days_after == 55
    assert "55 days after" in found.words


def test_that_a_series_in_a_known_frame_needs_no_link(case: Case, first: SeriesEntry, tmp_path: Path) -> None:
    assert first.grid is not None
    found = recognised(case, later(tmp_path / "later", FrameOfReferenceUID=first.grid.frame_uid))
    assert found.same_frame
    assert "needs no link" in found.words


def test_that_another_patient_s_images_are_told_apart(case: Case, tmp_path: Path) -> None:
    assert recognised(case, later(tmp_path / "later", PatientID="ZZPHI-0043")).match.verdict is Verdict.DIFFERENT
