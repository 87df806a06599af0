"""From an entry of the list of series to a volume: sorted slices, real values, accepted repairs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits
from planner.dicom.file_entries import load_file_entry
from planner.dicom.gate import Geometry
from planner.dicom.header_index import LateRecords
from planner.dicom.in_place import coarse_first, is_in_place, read_in_place, rescale_of
from planner.dicom.memory import require_memory
from planner.dicom.pixels import cleaned, frames_of
from planner.dicom.rescaling import Plane, stacked
from planner.dicom.sentences import visible
from planner.dicom.series import SeriesEntry
from planner.dicom.slices import SliceRecord
from planner.errors import InputRefused
from planner.imaging import Volume
from planner.imaging.growing import Growing
from planner.jobs import Context

Follow = Callable[[Growing], None]


def refuse_unaccepted(entry: SeriesEntry, accept: Collection[str]) -> None:
    """Raise for the first blocking finding that was not accepted; the message names the codes of the others.

    Raises
    ------
    InputRefused
        With the finding's code and sentence.
    """
    if entry.kind not in ("volume", "refused"):
        text = f"The series {entry.description or entry.uid} is no volume ({entry.kind}); choose another one."
        raise InputRefused("not-a-volume", visible(text), subject=entry.uid)
    standing = [one for one in entry.findings if one.blocks and not (one.overridable and one.code in accept)]
    if standing:
        # What no repair can mend comes first: accepting the others would not help.
        first = min(standing, key=lambda one: one.overridable)
        others = sorted({one.code for one in standing} - {first.code})
        more = f" (It is blocked by {', '.join(others)} as well.)" if others else ""
        raise InputRefused(first.code, first.text + more, subject=entry.uid)


def load_entry(entry: SeriesEntry, accept: Collection[str], context: Context, follow: Follow | None = None) -> Volume:
    """Read, rescale and, where accepted, repair.

    Parameters
    ----------
    accept
        Codes of findings whose repair the operator accepts.
    follow
        Called once with the slices as they come, when they come as they will stay: not for a series that a repair
        resamples, nor for a volume file. It runs in the thread of this call.

    Raises
    ------
    InputRefused
        When a blocking finding is not accepted, or the pixels cannot be read.
    """
    refuse_unaccepted(entry, accept)
    if entry.image_file is not None:
        context.step(0.0, f"Reading {entry.image_file.file.name}")
        return load_file_entry(entry, entry.image_file)
    if isinstance(entry.records, LateRecords):
        entry = entry.records.entry()
        refuse_unaccepted(entry, accept)
    geometry, grid = entry.geometry, entry.grid
    if geometry is None or grid is None:
        text = "The series cannot be placed in the patient; ask for the original images."
        raise InputRefused("bad-orientation", text, subject=entry.uid)
    ordered = [entry.records[index] for index in geometry.order]
    provenance = list(entry.source.provenance)
    geometry, ordered, dropped = _without_doubles(geometry, ordered, context)
    provenance += dropped
    size = (len(ordered), grid.size_kji[1], grid.size_kji[2])
    require_memory(2 * size[0] * size[1] * size[2], f"The volume of {size} voxels", entry.uid)
    source = replace(entry.source, provenance=tuple(provenance))
    wanted = {one.code for one in entry.findings if one.blocks} - {"duplicate-slices"}
    growing = Growing(np.empty(size, np.int16), grid, source)
    if follow is not None and not wanted:
        follow(growing)
    volume = Volume(_voxels(ordered, growing, context.part(0.0, 0.9)), grid, source)
    if wanted:
        from planner.dicom.repairs import repaired

        volume = repaired(volume, geometry, wanted, context.part(0.9, 1.0))
    context.step(1.0, "Loaded")
    return volume


def _voxels(ordered: Sequence[SliceRecord], growing: Growing, context: Context) -> NDArray[np.generic]:
    """All slices in the narrowest exact type; most volumes are int16 and come in place."""
    if is_in_place(ordered):
        order = coarse_first(len(ordered))
        if read_in_place(ordered, growing.voxels, order, growing.mark_read, context):
            return growing.voxels
    growing.give_up()
    return stacked(_planes(ordered, context), growing.voxels.shape)


def _planes(ordered: Sequence[SliceRecord], context: Context) -> Iterator[Plane]:
    for k, (record, stored) in enumerate(zip(ordered, frames_of(ordered), strict=True)):
        context.step(k / len(ordered), f"Reading slice {k + 1} of {len(ordered)}")
        yield cleaned(stored, record.format), *rescale_of(record)


def _without_doubles(
    geometry: Geometry, ordered: list[SliceRecord], context: Context
) -> tuple[Geometry, list[SliceRecord], list[str]]:
    """Keep the first slice of each position.

    Raises
    ------
    InputRefused
        ``duplicate-slices`` when slices of one position differ in their values: no choice would be safe.
    """
    keep = np.concatenate([[True], np.diff(geometry.along_mm) > limits.SAME_POSITION_MM])
    if bool(keep.all()):
        return geometry, ordered, []
    notes = []
    first = 0
    for at, kept in enumerate(keep):
        if kept:
            first = at
            continue
        context.step(0.0, f"Comparing {ordered[at].name}")
        if not _same_values(ordered[first], ordered[at]):
            text = (
                f"{ordered[first].name} and {ordered[at].name} lie at the same position and show different pixels; "
                "nothing tells which is right, so import only one of them."
            )
            raise InputRefused("duplicate-slices", text, subject=str(ordered[at].file))
        notes.append(f"duplicate-slices: {ordered[at].name} left out, equal to {ordered[first].name}")
    kept_geometry = replace(
        geometry,
        order=tuple(index for index, wanted in zip(geometry.order, keep, strict=True) if wanted),
        along_mm=geometry.along_mm[keep],
        origins_lps_mm=geometry.origins_lps_mm[keep],
    )
    return kept_geometry, [one for one, wanted in zip(ordered, keep, strict=True) if wanted], notes


def _same_values(one: SliceRecord, other: SliceRecord) -> bool:
    def values(record: SliceRecord) -> NDArray[np.generic]:
        return cleaned(next(iter(frames_of([record]))), record.format)

    same_scale = (one.slope, one.intercept) == (other.slope, other.intercept)
    return same_scale and np.array_equal(values(one), values(other))
