"""The images of a case: references by default, a managed copy on request, and whether they are still the same files."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from planner.app.cases import patient_from_series
from planner.app.identity import PatientMatch, PatientMismatch, Verdict, compare
from planner.app.images import load, scan
from planner.dicom import tags
from planner.dicom.angio_reading import KIND as ANGIO
from planner.dicom.angio_reading import header_of, load_run
from planner.dicom.series import SeriesEntry
from planner.dicom.volume_files import SUFFIXES
from planner.errors import InputRefused, OperatorError, StoreError
from planner.findings import Finding, Severity
from planner.imaging import ImageSource, Volume
from planner.imaging.angio import AngioRun
from planner.imaging.growing import Growing
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.edits import Edit
from planner.store.actors import Action, Actor
from planner.store.library import Library, SeriesPlace

MANAGED = "images"
"""Folder of managed copies, beside the library."""

INDEX = "index"
"""Folder of listings of opened folders, beside the library; it may be deleted at any time."""
_PREAMBLE = 128
_COMPARED_BYTES = 1 << 20


def match_patient(case: Case, entry: SeriesEntry) -> PatientMatch:
    """The patient of the case beside the patient of the images."""
    return compare(case.patient, patient_from_series(entry))


def fingerprint(entry: SeriesEntry) -> str:
    """Digest over the instances' UIDs and file sizes: tells without reading pixels that the files are the same.

    File names do not count: a managed copy has other ones. Files without an instance UID count by their content.
    Devices write runs that differ under one instance UID, so the first of their pixels count as well.
    """
    uids = {record.file: record.header.elements.text(tags.SOP_INSTANCE) or "" for record in entry.records}
    if entry.kind == ANGIO and all(uids.values()):
        uids = {entry.records[0].file: f"{uids[entry.records[0].file]} {_first_pixels(entry)}"}
    return codec.digest(sorted((uids.get(file) or _content_digest(file), file.stat().st_size) for file in entry.files))


def _content_digest(file: Path) -> str:
    """For files that carry no instance UID (NIfTI, NRRD, MHA)."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_pixels(entry: SeriesEntry) -> str:
    span = entry.records[0].header.pixels
    with entry.files[0].open("rb") as stream:
        stream.seek(0 if span is None else span.offset)
        return hashlib.sha256(stream.read(_COMPARED_BYTES)).hexdigest()


def series_ref(entry: SeriesEntry, *, accept: Collection[str] = (), taken_on: date | None = None) -> SeriesRef:
    """A reference to a series where it lies now.

    Parameters
    ----------
    accept
        Codes of repairs the operator accepted; kept as provenance.
    taken_on
        The study date as a person typed it, for files that do not say.
    """
    source = entry.source
    is_run = entry.kind == ANGIO
    frame_uid = header_of(entry).frame_uid if is_run else None if entry.grid is None else entry.grid.frame_uid
    return SeriesRef(
        series_uid=entry.uid,
        part=entry.part,
        modality=source.modality,
        description=source.description,
        study_uid=source.study_uid,
        study_date=taken_on if source.study_date is None else date.fromisoformat(source.study_date),
        frame_uid=frame_uid,
        phase=source.phase,
        patient_id=source.patient_id,
        files_root=str(_place(entry.files)),
        accepted_repairs=tuple(sorted(accept)),
        fingerprint=fingerprint(entry),
        kind=ANGIO if is_run else "volume",
    )


def _place(files: Sequence[Path]) -> Path:
    """The file itself when there is one, else the folder that holds all: nothing beside them need be looked through."""
    if len(files) == 1:
        return files[0].absolute()
    return Path(os.path.commonpath([file.absolute().parent for file in files]))


def attach_series(
    case: Case,
    entry: SeriesEntry,
    *,
    accept: Collection[str] = (),
    confirmed: bool = False,
    taken_on: date | None = None,
) -> tuple[Edit, tuple[Finding, ...]]:
    """The edit that attaches a series to a case, and what must be shown beside it.

    Parameters
    ----------
    confirmed
        A person compared both sides although an identifier is missing. It never passes a difference.
    taken_on
        See `series_ref`.

    Raises
    ------
    PatientMismatch
        ``patient-mismatch`` or ``patient-unconfirmed``, with both sides.
    InputRefused
        When the series cannot be loaded even with the accepted repairs.
    """
    match = match_patient(case, entry)
    if match.verdict is Verdict.DIFFERENT or (match.verdict is Verdict.UNCONFIRMED and not confirmed):
        raise PatientMismatch(match, entry.uid)
    open_faults = [each for each in entry.findings if each.blocks and (not each.overridable or each.code not in accept)]
    if open_faults:
        raise InputRefused(open_faults[0].code, open_faults[0].text, subject=entry.uid)
    reference = _apart(case, series_ref(entry, accept=accept, taken_on=taken_on))
    findings = [_remark(text, entry.uid) for text in match.remarks]
    if match.verdict is Verdict.UNCONFIRMED:
        findings.append(_remark("the identity was confirmed by a person: " + ", ".join(match.reasons), entry.uid))

    def edit(before: Case) -> Case:
        return before if _has_copy_of(before, reference) else with_series(before, reference)

    return edit, tuple(findings)


def _apart(case: Case, reference: SeriesRef) -> SeriesRef:
    """The part under which the case knows a run.

    Parts of runs are counted in the folder that was read, and a run is one file: read on its own, each would be part 1.
    """
    runs = [each for each in case.studies if each.kind == ANGIO and each.series_uid == reference.series_uid]
    if reference.kind != ANGIO or not runs:
        return reference
    known = next((each.part for each in runs if each.fingerprint == reference.fingerprint), None)
    if known is not None:
        return replace(reference, part=known)
    taken = {each.part for each in case.studies if each.series_uid == reference.series_uid}
    return reference if reference.part not in taken else replace(reference, part=max(taken) + 1)


def _has_copy_of(case: Case, reference: SeriesRef) -> bool:
    """The same files are already there as a managed copy: attaching them again must not let go of it."""
    key = (reference.series_uid, reference.part, reference.fingerprint)
    return any(each.managed and (each.series_uid, each.part, each.fingerprint) == key for each in case.studies)


def _remark(text: str, subject: str) -> Finding:
    sentence = f"{text[0].upper()}{text[1:]}; compare the patient with the images."
    return Finding("patient-identity", Severity.WARN, sentence, subject=subject)


def with_series(case: Case, reference: SeriesRef) -> Case:
    """The case with this reference put in, or replaced by series and part."""
    key = (reference.series_uid, reference.part)
    if reference in case.studies:
        return case
    if any((each.series_uid, each.part) == key for each in case.studies):
        return replace(
            case,
            studies=tuple(reference if (each.series_uid, each.part) == key else each for each in case.studies),
        )
    return replace(case, studies=(*case.studies, reference))


def remember_places(library: Library, case: Case, by: Actor, action: Action = Action.ATTACHED) -> None:
    """Note in the library where the references of a saved case lie; places already known are not written again."""
    known = {(each.series_uid, each.part): each for each in library.series_places(case.id)}
    for each in case.studies:
        before = known.get((each.series_uid, each.part))
        folder = None if before is None else before.managed_folder
        place = SeriesPlace(each.series_uid, each.part, each.files_root, folder, each.fingerprint)
        if place != before:
            library.note_series(case.id, place, by, action)


def folder_of(library: Library, case_id: str, reference: SeriesRef) -> Path | None:
    """Where the files of a reference should lie: the managed copy when there is one, else the reference."""
    if not reference.managed:
        return None if reference.files_root is None else Path(reference.files_root)
    for place in library.series_places(case_id):
        if (place.series_uid, place.part) == (reference.series_uid, reference.part) and place.managed_folder:
            return None if library.folder is None else library.folder / place.managed_folder
    return None


def index_folder(library: Library) -> Path | None:
    """Where this library keeps what folders were found to hold; None for one that has no folder of its own."""
    return None if library.folder is None else library.folder / INDEX


def find_series(
    library: Library, case_id: str, reference: SeriesRef, context: Context | None = None, *, root: Path | None = None
) -> SeriesEntry:
    """Find the files of a reference again, and check that they are the same.

    Parameters
    ----------
    root
        Where to look instead (a moved folder).

    Raises
    ------
    OperatorError
        ``images-missing`` or ``images-changed``; say where they are now with `relink`.
    """
    folder = root or folder_of(library, case_id, reference)
    name = reference.description or reference.series_uid
    if folder is None or not folder.exists():
        where = "their folder" if folder is None else str(folder)
        raise OperatorError(
            "images-missing",
            f"The images “{name}” are not found in {where}; say where they are now.",
            subject=reference.series_uid,
        )
    entries = scan([folder], context, index=index_folder(library)).series
    found = _meant(entries, reference)
    if not found:
        raise OperatorError(
            "images-missing",
            f"{folder} holds no series “{name}” of this case; say where it is now.",
            subject=reference.series_uid,
        )
    if reference.fingerprint is not None and fingerprint(found[0]) != reference.fingerprint:
        raise OperatorError(
            "images-changed",
            f"The files of “{name}” in {folder} are not those the plan stands on (other or incomplete instances); "
            "bring the original files back or attach these as a new series.",
            subject=reference.series_uid,
        )
    entry = found[0]
    return entry if entry.part == reference.part else replace(entry, source=replace(entry.source, part=reference.part))


def _meant(entries: Sequence[SeriesEntry], reference: SeriesRef) -> list[SeriesEntry]:
    """A run is known by its file, whatever its part in the folder that was read (see `_apart`)."""
    named = [each for each in entries if each.uid == reference.series_uid]
    if reference.kind == ANGIO and reference.fingerprint is not None:
        runs = [each for each in named if each.kind == ANGIO]
        same = [each for each in runs if fingerprint(each) == reference.fingerprint]
        if same or len(runs) == 1:
            return same or runs
    return [each for each in named if each.part == reference.part]


def load_series(
    library: Library,
    case: Case,
    reference: SeriesRef,
    context: Context | None = None,
    follow: Callable[[Growing], None] | None = None,
) -> Volume:
    """Find a series of a case and load it. What its files do not say of themselves is said by the case.

    Parameters
    ----------
    follow
        Given the growing volume, to look at while it is read; see `planner.dicom.assembly.load_entry`.

    Raises
    ------
    OperatorError
        As `find_series`, or when the pixels cannot be read.
    """
    job = context or Context()
    entry = find_series(library, case.id, reference, job.part(0.0, 0.3))

    def named(growing: Growing) -> None:
        growing.source = _told(case, reference, growing.source)
        if follow is not None:
            follow(growing)

    volume = load(entry, accept=reference.accepted_repairs, context=job.part(0.3, 1.0), follow=named)
    told = _told(case, reference, volume.source)
    return volume if told == volume.source else Volume(volume.voxels, volume.grid, told)


def load_run_of_case(library: Library, case: Case, reference: SeriesRef, context: Context | None = None) -> AngioRun:
    """Find a run of a case and load it, known by the case's own name for it (`AngioRun.key`).

    Raises
    ------
    OperatorError
        As `find_series`, or when the pixels cannot be read.
    """
    job = context or Context()
    entry = find_series(library, case.id, reference, job.part(0.0, 0.3))
    run = load_run(entry, job.part(0.3, 1.0))
    return replace(run, source=_told(case, reference, run.source))


def with_phase_by_hand(source: ImageSource, reference: SeriesRef) -> ImageSource:
    """The source with the phase that a person set in the case; unchanged when nobody did."""
    if reference.phase_by is None:
        return source
    return replace(source, phase=reference.phase, phase_from="operator", phase_confidence=None)


def _told(case: Case, reference: SeriesRef, source: ImageSource) -> ImageSource:
    patient = case.patient
    return replace(
        with_phase_by_hand(source, reference),
        study_date=source.study_date or (reference.study_date.isoformat() if reference.study_date else None),
        patient_id=source.patient_id or patient.patient_id,
        patient_name=source.patient_name or (patient.name if source.patient_id is None else None),
    )


def check_images(library: Library, case: Case, context: Context | None = None) -> tuple[Finding, ...]:
    """Are all images of a case where they were, and the same? One finding per series that is not."""
    job = context or Context()
    findings = []
    for number, reference in enumerate(case.studies):
        try:
            find_series(
                library, case.id, reference, job.part(number / len(case.studies), (number + 1) / len(case.studies))
            )
        except OperatorError as error:
            findings.append(Finding(error.code, Severity.WARN, error.message, subject=reference.series_uid))
    return tuple(findings)


def relink(
    library: Library, case: Case, reference: SeriesRef, folder: Path, by: Actor, context: Context | None = None
) -> Edit:
    """The edit that points a reference to a moved folder, after checking that it holds the same files.

    Raises
    ------
    OperatorError
        As `find_series`.
    """
    entry = find_series(library, case.id, reference, context, root=folder)
    moved = replace(reference, files_root=str(_place(entry.files)), managed=False)
    place = SeriesPlace(moved.series_uid, moved.part, moved.files_root, None, moved.fingerprint)
    library.note_series(case.id, place, by, Action.RELINKED)
    return lambda before: with_series(before, moved)


def take_managed_copy(
    library: Library, case: Case, reference: SeriesRef, by: Actor, context: Context | None = None
) -> Edit:
    """Copy the files of a reference beside the library under random names, and return the edit that uses the copy.

    Every file is compared with its original after it was written. The originals are not touched.

    Raises
    ------
    StoreError
        ``no-image-folder`` (a library on a server), ``disk-full``, ``copy-failed``. Nothing is left behind.
    OperatorError
        As `find_series`.
    """
    job = context or Context()
    entry = find_series(library, case.id, reference, job.part(0.0, 0.1))
    if library.folder is None:
        raise StoreError("no-image-folder", "A library on a server takes no copies of images; keep the reference.")
    relative = Path(MANAGED) / uuid.uuid4().hex
    target = library.folder / relative
    # A volume file keeps its name: its header may name its data file, and its UID stands on the name.
    volume_file = any(file.name.lower().endswith(SUFFIXES) for file in entry.files)
    names = {file: file.name if volume_file else f"{uuid.uuid4().hex}.dcm" for file in entry.files}
    risky = {record.file for record in entry.records if record.header.executable_preamble}
    try:
        _require_room(entry.files, library.folder)
        target.mkdir(parents=True)
        for number, file in enumerate(entry.files):
            job.step(0.1 + 0.9 * number / len(entry.files), f"Copying file {number + 1} of {len(entry.files)}")
            _copy(file, target / names[file], blank_preamble=file in risky)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, OSError):
            raise StoreError(
                "copy-failed", f"The images could not be copied ({error.strerror}); make room or check the source."
            ) from error
        raise
    place = SeriesPlace(reference.series_uid, reference.part, None, relative.as_posix(), reference.fingerprint)
    library.note_series(case.id, place, by, Action.COPIED)
    managed = replace(reference, files_root=None, managed=True)
    return lambda before: with_series(before, managed)


def _require_room(files: Sequence[Path], folder: Path) -> None:
    needed = sum(file.stat().st_size for file in files)
    free = shutil.disk_usage(folder).free
    if needed >= free:
        raise StoreError(
            "disk-full",
            f"The copy needs {needed / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB left; make room first.",
            subject=str(folder),
        )


def _copy(file: Path, target: Path, *, blank_preamble: bool) -> None:
    content = file.read_bytes()
    if blank_preamble:
        # A file that begins like a program must not become one in our folder (CVE-2019-11687).
        content = bytes(_PREAMBLE) + content[_PREAMBLE:]
    with target.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if hashlib.sha256(target.read_bytes()).digest() != hashlib.sha256(content).digest():
        raise StoreError("copy-failed", f"The copy of {file.name} differs from its original; check the disk.")
