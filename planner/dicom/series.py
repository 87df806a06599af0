"""One entry of a list of series: what is printed, what the gate found, and what is needed to load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from planner.dicom import limits, tags
from planner.dicom.angio_facts import RunHeader, run_header
from planner.dicom.elements import Elements
from planner.dicom.gate import Geometry, check
from planner.dicom.grouping import Group
from planner.dicom.identifiers import derived_uid, valid_uid
from planner.dicom.sentences import visible
from planner.dicom.slices import SliceRecord
from planner.dicom.volume_files import ImageFile
from planner.findings import Finding, Severity, any_blocks
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging import ImageSource

MISSING_FRAME = "missing-frame: the file names no frame of reference"
"""In the provenance of images that share the frame of whatever is opened with them."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, why, and what to do."""

    file: Path
    code: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text))

    def to_json(self) -> dict[str, object]:
        return {"file": str(self.file), "code": self.code, "text": self.text}


@dataclass(frozen=True, eq=False)
class SeriesEntry:
    """A series, or one volume of it.

    Attributes
    ----------
    kind
        ``volume``, ``angio``, ``localizer``, ``projection``, ``object`` or ``refused``.
    label
        What tells this part from the others of its series (``arterial``, ``echo 4.6 ms``), or None.
    source
        Patient, study and image facts as the volume will carry them.
    grid
        Where the volume lies, before any repair; None when it cannot be told.
    frames
        Number of image planes in its files.
    findings
        All of them, not the first.
    files
        Every file it is made of.
    records, geometry, image_file
        What loading needs: slices and their order, or the header of a volume file.
    workspace
        Keeps a temporary folder alive (files of a zip) as long as the entry lives.
    """

    source: ImageSource
    kind: str
    label: str | None
    transfer_syntax: str | None
    frames: int | None
    grid: Grid | None
    findings: tuple[Finding, ...]
    files: Sequence[Path]
    records: Sequence[SliceRecord] = field(default=(), repr=False)
    geometry: Geometry | None = field(default=None, repr=False)
    image_file: ImageFile | None = field(default=None, repr=False)
    workspace: object = field(default=None, repr=False)

    @property
    def uid(self) -> str:
        return self.source.series_uid

    @property
    def part(self) -> int:
        return self.source.part

    @property
    def modality(self) -> str | None:
        return self.source.modality

    @property
    def description(self) -> str | None:
        return self.source.description

    @property
    def loadable(self) -> bool:
        """It can be planned on without accepting a repair."""
        return self.kind in ("volume", "angio") and not any_blocks(self.findings)

    @property
    def repairs(self) -> tuple[str, ...]:
        """Codes to accept so that it loads; empty when it loads as it is or cannot be repaired."""
        blocking = [one for one in self.findings if one.blocks]
        if self.kind != "volume" or any(not one.overridable for one in blocking):
            return ()
        return tuple(dict.fromkeys(one.code for one in blocking))

    def to_json(self) -> dict[str, object]:
        """The entry as the command line's contract prints it."""
        grid = self.grid
        return {
            "uid": self.uid,
            "part": self.part,
            "kind": self.kind,
            "modality": self.modality,
            "description": self.description,
            "label": self.label,
            "patient": {
                "id": self.source.patient_id,
                "name": self.source.patient_name,
                "birth_date": self.source.patient_birth_date,
                "sex": self.source.patient_sex,
            },
            "study_date": self.source.study_date,
            "study_uid": self.source.study_uid,
            "series_number": self.source.series_number,
            "size_kji": None if grid is None else list(grid.size_kji),
            "frames": self.frames,
            "spacing_kji_mm": None if grid is None else list(grid.spacing_kji_mm),
            "lps_from_kji": None if grid is None else grid.lps_from_kji.flat(),
            "frame_uid": None if grid is None else grid.frame_uid,
            "transfer_syntax": self.transfer_syntax,
            "loadable": self.loadable,
            "repairs": list(self.repairs),
            "findings": [one.to_json() for one in self.findings],
        }


def entry_of(group: Group, workspace: object = None) -> SeriesEntry:
    """Run the gate over a group and describe it."""
    records = group.records
    findings: list[Finding] = []
    geometry, grid, kind = None, None, group.kind
    if group.kind == "volume":
        result = check(records, group.uid)
        findings += result.findings
        geometry = result.geometry
        if any(one.blocks and not one.overridable for one in findings):
            kind = "refused"
        if geometry is not None and 0 < min(_side_lengths(records)) <= limits.MAXIMUM_ROWS_OR_COLUMNS:
            grid = grid_of(records, geometry, group.uid)
    else:
        findings += _object_findings(group)
    run = _run_header(group, findings)
    findings += _series_findings(group) if run is None else (*run.findings, *_series_findings(group))
    return SeriesEntry(
        source=source_of(group),
        kind=kind,
        label=group.label if run is None else run.label,
        transfer_syntax=records[0].header.syntax.uid or None,
        frames=len(records) if group.kind == "volume" else sum(_frames(records)),
        grid=grid,
        findings=tuple(replace(one, text=visible(one.text)) for one in findings),
        files=tuple(dict.fromkeys(one.file for one in records)),
        records=records,
        geometry=geometry,
        workspace=workspace,
    )


def _run_header(group: Group, findings: Sequence[Finding]) -> RunHeader | None:
    """What a run's header tells; None for other kinds, and for a run whose pixels are refused anyway."""
    return None if group.kind != "angio" or any_blocks(findings) else run_header(group.records, group.uid)


def _side_lengths(records: Sequence[SliceRecord]) -> tuple[int, int]:
    return records[0].format.rows, records[0].format.columns


def _frames(records: Sequence[SliceRecord]) -> list[int]:
    return list({one.file: one.format.frames for one in records}.values())


def _object_findings(group: Group) -> list[Finding]:
    if group.kind == "object" and group.records[0].header.elements.integer(tags.ROWS) is None:
        return []
    return [
        Finding(fault.code, Severity.BLOCK, f"{record.file.name}: {fault.what}; {fault.advice}.", False, group.uid)
        for record in {one.file: one for one in group.records}.values()
        for fault in record.faults
    ]


def _series_findings(group: Group) -> list[Finding]:
    found = []
    if group.split:
        what = f" ({group.label})" if group.label else ""
        text = f"The series holds several volumes; this is part {group.part}{what}."
        found.append(Finding("multi-phase", Severity.INFO, text, subject=group.uid))
    name = group.records[0].file.name
    if group.uid_replaced:
        text = (
            f"{name}: the series has no valid UID of its own and is known here by one derived from its study and "
            "place; ask the sender for a copy with UIDs before comparing it with an archive."
        )
        found.append(Finding("invalid-uid", Severity.WARN, text, subject=group.uid))
    for tag, what in _UIDS.items():
        wrong = _first_misfit(group.records, tag)
        if wrong is not None:
            text = f"{wrong}: the UID of its {what} is none; it is not used, so ask the sender for a valid copy."
            found.append(Finding("invalid-uid", Severity.WARN, text, subject=group.uid))
    return found


_UIDS = {tags.STUDY_UID: "study", tags.SOP_INSTANCE: "image", tags.FRAME_OF_REFERENCE: "frame of reference"}


def _first_misfit(records: Sequence[SliceRecord], tag: int) -> str | None:
    """Name of the first file whose UID is none; each stored value is looked at once."""
    seen: set[bytes] = set()
    for record in records:
        raw = record.header.elements.raw.get(tag)
        if raw is not None and raw not in seen:
            seen.add(raw)
            if not _fits(record.header.elements.text(tag)):
                return record.file.name
    return None


def _fits(uid: str | None) -> bool:
    return uid is None or valid_uid(uid)


def frame_uid_of(records: Sequence[SliceRecord], uid: str) -> str:
    """The FrameOfReferenceUID, or a derived one of this series alone."""
    given = records[0].header.elements.text(tags.FRAME_OF_REFERENCE)
    return given if given is not None and valid_uid(given) else derived_uid("frame", uid)


def grid_of(records: Sequence[SliceRecord], geometry: Geometry, uid: str) -> Grid:
    """The right-angled grid of sorted slices; doubled positions count once."""
    along = geometry.along_mm
    keep = np.concatenate([[True], np.diff(along) > limits.SAME_POSITION_MM])
    count = int(np.count_nonzero(keep))
    gap = geometry.gap_mm if count < 2 else float(along[keep][-1] - along[keep][0]) / (count - 1)
    frame_uid = frame_uid_of(records, uid)
    homogeneous = np.eye(4)
    homogeneous[:3, 0] = geometry.normal_lps * gap
    homogeneous[:3, 1] = geometry.column_lps * geometry.spacing_mm[0]
    homogeneous[:3, 2] = geometry.row_lps * geometry.spacing_mm[1]
    homogeneous[:3, 3] = geometry.origins_lps_mm[0]
    size = (count, records[0].format.rows, records[0].format.columns)
    return Grid(size, SpaceMap(lps(frame_uid), KJI, homogeneous), frame_uid)


def iso_date(text: str | None) -> str | None:
    """DICOM DA (YYYYMMDD) as YYYY-MM-DD; None when it is none."""
    digits = (text or "").replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 and digits.isdecimal() else None


def _unit(group: Group) -> str | None:
    data, records = group.records[0].header.elements, group.records
    if data.text(tags.MODALITY) == "CT" and group.kind == "volume":
        known = all(one.slope is not None and one.intercept is not None for one in records)
        return "HU" if known and {one.rescale_type for one in records} <= {None, "HU"} else None
    if all(one.rescale_type == "HU" for one in records):
        return "HU"
    return "Bq/mL" if data.text(tags.PET_UNITS) == "BQML" else None


def source_of(group: Group) -> ImageSource:
    """Patient, study and image facts of a group."""
    data: Elements = group.records[0].header.elements
    identifier, readable = data.words(tags.PATIENT_ID)
    study_uid = data.text(tags.STUDY_UID)
    return ImageSource(
        series_uid=group.uid,
        part=group.part,
        modality=data.text(tags.MODALITY),
        description=data.words(tags.SERIES_DESCRIPTION)[0],
        # An ID that did not decode must match nobody; the gate says so and a person compares.
        patient_id=identifier if readable else None,
        patient_name=data.words(tags.PATIENT_NAME)[0],
        patient_birth_date=iso_date(data.text(tags.PATIENT_BIRTH_DATE)),
        patient_sex=data.text(tags.PATIENT_SEX),
        study_uid=study_uid if valid_uid(study_uid) else None,
        study_date=iso_date(data.text(tags.STUDY_DATE)),
        series_number=data.integer(tags.SERIES_NUMBER),
        unit=_unit(group),
        phase=group.phase,
        patient_position=data.text(tags.PATIENT_POSITION),
        window=group.records[0].window,
        provenance=() if data.text(tags.FRAME_OF_REFERENCE) else (MISSING_FRAME,),
    )
