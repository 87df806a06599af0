"""Volume files (NIfTI, NRRD, MetaImage) as entries of a list of series."""

from __future__ import annotations

from pathlib import Path

from planner.dicom.identifiers import derived_uid
from planner.dicom.sentences import visible
from planner.dicom.series import MISSING_FRAME, SeriesEntry
from planner.dicom.volume_files import ImageFile, read_image_file, read_voxels
from planner.findings import Finding, Severity
from planner.imaging import ImageSource, Volume


def file_frame_uid(image: ImageFile) -> str:
    """The private frame of a file that names none."""
    return derived_uid("frame", image.uid)


def file_source(image: ImageFile, part: int = 1) -> ImageSource:
    name = image.file.name
    return ImageSource(series_uid=image.uid, part=part, description=name, provenance=(MISSING_FRAME,))


def file_findings(image: ImageFile) -> tuple[Finding, ...]:
    """The faults of its geometry, and that it names no frame."""
    found = [
        Finding(
            fault.code,
            Severity.WARN if fault.code == "two-orientations" else Severity.BLOCK,
            visible(fault.text),
            overridable=fault.code == "two-orientations",
            subject=image.uid,
        )
        for fault in image.faults
    ]
    text = f"{image.file.name} names no frame of reference; it shares the frame of the files opened with it."
    return (*found, Finding("missing-frame", Severity.INFO, visible(text), subject=image.uid))


def file_entries(file: Path, workspace: object = None) -> tuple[SeriesEntry, ...]:
    """One entry per volume of the file.

    Raises
    ------
    InputRefused
        When the header cannot be read.
    """
    image = read_image_file(file)
    findings = file_findings(image)
    grid = image.grid(file_frame_uid(image))
    refused = any(one.blocks for one in findings) or grid is None
    return tuple(
        SeriesEntry(
            source=file_source(image, number),
            kind="refused" if refused else "volume",
            label=f"volume {number}" if image.volumes > 1 else None,
            transfer_syntax=None,
            frames=image.size_kji[0],
            grid=grid,
            findings=findings,
            files=tuple(dict.fromkeys((image.file, image.data_file))),
            image_file=image,
            workspace=workspace,
        )
        for number in range(1, image.volumes + 1)
    )


def load_file_entry(entry: SeriesEntry, image: ImageFile) -> Volume:
    """The voxels of one volume of the file; `entry` passed the gate."""
    if entry.grid is None:
        raise ValueError("an entry without a grid cannot pass the gate")
    return Volume(read_voxels(image, entry.part - 1), entry.grid, entry.source)
