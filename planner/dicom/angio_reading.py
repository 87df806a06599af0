"""From an entry of the list of series to an angiographic run: frames as stored, timing, geometry, mask and shutter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.dicom import tags
from planner.dicom.angio_facts import RunHeader, run_header
from planner.dicom.memory import require_memory
from planner.dicom.pixel_formats import PixelFormat
from planner.dicom.pixels import cleaned, frames_of
from planner.dicom.sentences import visible
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused
from planner.imaging.angio import AngioRun, RunFacts
from planner.jobs import Context

KIND = "angio"


def run_facts(entry: SeriesEntry) -> RunFacts:
    """What the run table prints of an entry; no pixels are read.

    Raises
    ------
    InputRefused
        ``not-a-run``.
    """
    return header_of(entry).facts


def header_of(entry: SeriesEntry) -> RunHeader:
    """Everything of a run but its frames.

    Raises
    ------
    InputRefused
        ``not-a-run``, or a blocking finding of a run without frames.
    """
    if entry.kind != KIND or not entry.records:
        text = f"The series {entry.description or entry.uid} is no angiographic run ({entry.kind}); choose another one."
        raise InputRefused("not-a-run", visible(text), subject=entry.uid)
    if entry.records[0].format.frames < 1:
        refuse_faulty(entry)
    return run_header(entry.records, entry.uid)


def refuse_faulty(entry: SeriesEntry) -> None:
    """Raise for the first finding of a run that blocks.

    Raises
    ------
    InputRefused
        With the finding's code and sentence.
    """
    standing = [each for each in entry.findings if each.blocks]
    if entry.kind == KIND and standing:
        raise InputRefused(standing[0].code, standing[0].text, subject=entry.uid)


def load_run(entry: SeriesEntry, context: Context | None = None) -> AngioRun:
    """Read the frames of a run as they are stored; decoders work a few frames ahead.

    Missing timing, angles or geometry are None in the run and findings of the entry, never a refusal.

    Raises
    ------
    InputRefused
        ``not-a-run``, a blocking finding of the entry, ``too-large``, ``undecodable`` or ``truncated``.
    Cancelled
        When the operator cancelled.
    """
    job = context or Context()
    refuse_faulty(entry)
    header = header_of(entry)
    found = entry.records[0].format
    dtype = _frame_type(found, entry)
    shape = (len(entry.records), found.rows, found.columns)
    require_memory(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize, f"The run of {shape[0]} frames", entry.uid)
    frames: NDArray[np.generic] = np.empty(shape, dtype)
    for number, (record, stored) in enumerate(zip(entry.records, frames_of(entry.records), strict=True)):
        job.step(number / shape[0], f"Reading frame {number + 1} of {shape[0]}")
        frames[number] = cleaned(stored, record.format)
    frames.flags.writeable = False
    job.step(1.0, "Loaded")
    return AngioRun(
        frames=frames,
        time_s=header.time_s,
        source=replace(entry.source, window=entry.records[0].window),
        facts=header.facts,
        relation=header.relation,
        bright_is_dense=header.bright_is_dense,
        photometric_inverted=header.photometric_inverted,
        geometry=header.geometry,
        masks=header.masks,
        shutter=header.shutter,
        instance_uid=header.instance_uid,
        bits_stored=found.bits_stored,
        window=entry.records[0].window,
    )


def _frame_type(found: PixelFormat, entry: SeriesEntry) -> np.dtype[np.generic]:
    """The type of the frames in memory: as stored, no wider.

    Raises
    ------
    InputRefused
        ``undecodable`` for colour, or for values of another size.
    """
    if found.samples != 1 or found.pixel_tag != tags.PIXEL_DATA or found.bits_allocated not in (8, 16):
        text = (
            f"{entry.files[0].name} has {found.samples} samples of {found.bits_allocated} bits a pixel, a run has one "
            "of 8 or 16; ask the sender for the original."
        )
        raise InputRefused("undecodable", text, subject=entry.uid)
    kind = "i" if found.signed else "u"
    return np.dtype(f"{kind}{found.bits_allocated // 8}")
