"""Images of a case: references, managed copies, moved folders, changed files, other patients."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_dicom import entry_of, write_series
from stored_cases import DOCTOR

from planner.app import case_images
from planner.app.cases import case_from_series, new_case
from planner.app.identity import PatientMismatch
from planner.app.library import library_url, open_library
from planner.errors import InputRefused, OperatorError, StoreError
from planner.model.case import Case
from planner.model.people import Patient
from planner.store.library import Library


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_series(tmp_path / "images")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    (tmp_path / "library").mkdir()
    opened = open_library(str(tmp_path / "library"))
    yield opened
    opened.close()


def _attached(library: Library, images: Path) -> Case:
    entry = entry_of(images)
    case = case_from_series(entry)
    edit, findings = case_images.attach_series(case, entry)
    assert findings == ()
    case = edit(case)
    library.create_case(case, DOCTOR)
    case_images.remember_places(library, case, DOCTOR)
    return case


def test_that_a_location_becomes_a_url(tmp_path: Path) -> None:
    assert library_url("postgresql+psycopg://h/d") == "postgresql+psycopg://h/d"
    assert library_url(str(tmp_path)).endswith("/library.sqlite")
    assert library_url(str(tmp_path / "x.db")) == f"sqlite:///{tmp_path / 'x.db'}"
    assert library_url().startswith("sqlite:///")


def test_that_a_case_is_made_of_the_patient_of_a_series(images: Path) -> None:
    patient = case_from_series(entry_of(images)).patient
    assert (patient.patient_id, patient.issuer, str(patient.birth_date)) == ("ZZPHI-0042", "HOSPITAL", "1951-02-03")


def test_that_a_reference_knows_where_and_what_the_files_are(library: Library, images: Path) -> None:
    (reference,) = _attached(library, images).studies
    assert reference.files_root == str(images)
    assert reference.managed is False
    assert (reference.modality, str(reference.study_date), reference.frame_uid) == ("CT", "2026-03-01", "2.25.7799")
    assert case_images.find_series(library, "case", reference).uid == reference.series_uid


def test_that_attaching_twice_changes_nothing(library: Library, images: Path) -> None:
    case = _attached(library, images)
    edit, _ = case_images.attach_series(case, entry_of(images))
    assert edit(case) is case


def test_that_images_of_another_patient_are_refused_with_both_sides(library: Library, images: Path) -> None:
    case, _ = new_case(library, Patient("OTHER", "ZZPHI^Zoe"), DOCTOR)
    with pytest.raises(PatientMismatch) as caught:
        case_images.attach_series(case, entry_of(images), confirmed=True)
    assert caught.value.code == "patient-mismatch"
    assert "OTHER" in caught.value.message
    assert "ZZPHI-0042" in caught.value.message


def test_that_a_missing_identifier_needs_a_person(library: Library, tmp_path: Path) -> None:
    entry = entry_of(write_series(tmp_path / "x", PatientBirthDate=""))
    case, _ = new_case(library, case_from_series(entry_of(write_series(tmp_path / "y"))).patient, DOCTOR)
    with pytest.raises(PatientMismatch) as caught:
        case_images.attach_series(case, entry)
    assert caught.value.code == "patient-unconfirmed"
    edit, findings = case_images.attach_series(case, entry, confirmed=True)
    assert len(edit(case).studies) == 1
    assert [each.code for each in findings] == ["patient-identity"]


def test_that_a_series_with_an_open_fault_is_not_attached(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "x", slices=6)
    (folder / "slice2.dcm").unlink()
    entry = entry_of(folder)
    with pytest.raises(InputRefused) as caught:
        case_images.attach_series(case_from_series(entry), entry)
    assert caught.value.code == "missing-slices"


def test_that_missing_images_are_said_and_a_moved_folder_is_found_again(library: Library, images: Path) -> None:
    case = _attached(library, images)
    moved = images.with_name("moved")
    images.rename(moved)
    assert [each.code for each in case_images.check_images(library, case)] == ["images-missing"]
    relinked = case_images.relink(library, case, case.studies[0], moved, DOCTOR)(case)
    assert relinked.studies[0].files_root == str(moved)
    assert case_images.check_images(library, relinked) == ()


def test_that_changed_files_are_said(library: Library, images: Path) -> None:
    case = _attached(library, images)
    (images / "slice3.dcm").unlink()
    (finding,) = case_images.check_images(library, case)
    assert finding.code == "images-changed"
    with pytest.raises(OperatorError):
        case_images.relink(library, case, case.studies[0], images, DOCTOR)


def test_that_a_managed_copy_outlives_the_originals(library: Library, images: Path) -> None:
    case = _attached(library, images)
    copied = case_images.take_managed_copy(library, case, case.studies[0], DOCTOR)(case)
    library.save(copied, 1, DOCTOR)
    shutil.rmtree(images)
    (reference,) = copied.studies
    assert reference.managed
    assert reference.files_root is None
    assert case_images.check_images(library, copied) == ()
    folder = case_images.folder_of(library, case.id, reference)
    assert folder is not None
    assert not {each.name for each in folder.iterdir()} & {f"slice{k}.dcm" for k in range(4)}
    assert "images-copied" in [each.action for each in library.audit_trail(case.id)]


def test_that_attaching_again_does_not_let_go_of_the_copy(library: Library, images: Path) -> None:
    case = _attached(library, images)
    copied = case_images.take_managed_copy(library, case, case.studies[0], DOCTOR)(case)
    edit, _ = case_images.attach_series(copied, entry_of(images))
    assert edit(copied) is copied


def test_that_a_file_that_begins_like_a_program_is_copied_without_its_preamble(
    library: Library, tmp_path: Path
) -> None:
    images = write_series(tmp_path / "program", preamble=b"MZ" + b"\x90" * 126)
    case = _attached(library, images)
    copied = case_images.take_managed_copy(library, case, case.studies[0], DOCTOR)(case)
    folder = case_images.folder_of(library, case.id, copied.studies[0])
    assert folder is not None
    for file in folder.iterdir():
        assert file.read_bytes()[:132] == bytes(128) + b"DICM"


def test_that_a_failed_copy_leaves_nothing_behind(
    library: Library, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = _attached(library, images)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(case_images.os, "fsync", full)
    with pytest.raises(StoreError) as caught:
        case_images.take_managed_copy(library, case, case.studies[0], DOCTOR)
    assert caught.value.code == "copy-failed"
    assert library.folder is not None
    assert list((library.folder / case_images.MANAGED).iterdir()) == []


def test_that_the_fingerprint_of_a_file_without_instance_uid_is_its_content(images: Path, tmp_path: Path) -> None:
    entry = entry_of(images)
    first, second = tmp_path / "a.nii", tmp_path / "b.nii"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    bare = replace(entry, records=(), files=(first,))
    assert case_images.fingerprint(bare) != case_images.fingerprint(replace(bare, files=(second,)))
