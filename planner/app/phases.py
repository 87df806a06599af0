"""The contrast phase where tags do not say it: told from the image, or set by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from planner.app.images import load
from planner.dicom.phases import acquired_s
from planner.dicom.reading import Scan
from planner.dicom.series import SeriesEntry
from planner.errors import OperatorError, UsageError
from planner.findings import Finding, Severity
from planner.imaging import ImageSource, Volume
from planner.imaging.contrast_phase import (
    PHASES,
    PhaseEstimate,
    PhaseEvidence,
    contrast_phase_of,
    estimate_of,
    estimates_in_order,
    measure_phase,
)
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.edits import Edit


def needs_telling(source: ImageSource) -> bool:
    """A CT in Hounsfield units of which neither its tags nor a person say the phase."""
    return source.modality == "CT" and source.unit == "HU" and source.phase is None and source.phase_from is None


def told(source: ImageSource, estimate: PhaseEstimate) -> ImageSource:
    """The source with an estimated phase; unchanged when the image does not tell."""
    if estimate.phase is None:
        return source
    return replace(source, phase=estimate.phase, phase_from="image", phase_confidence=estimate.confidence)


def with_told_phase(volume: Volume, context: Context | None = None) -> Volume:
    """The same voxels with a phase told from them, where neither tags nor a person say it.

    Raises
    ------
    Cancelled
        When the operator cancelled.
    """
    if not needs_telling(volume.source):
        return volume
    source = told(volume.source, contrast_phase_of(volume, context))
    return volume if source is volume.source else Volume(volume.voxels, volume.grid, source)


def with_told_phases(found: Scan, context: Context | None = None) -> Scan:
    """The scan with labels from the images for parts of split series that their tags leave without a phase.

    Reads the pixels of those parts and of nothing else, one after the other; what cannot be read keeps its label. Parts
    whose acquisition times follow one another are told together.
    """
    job = context or Context()
    wanted = [entry for entry in found.series if _is_unnamed_part(entry, found.series)]
    evidence: dict[int, PhaseEvidence] = {}
    for number, entry in enumerate(wanted):
        part = job.part(number / len(wanted), (number + 1) / len(wanted))
        try:
            evidence[id(entry)] = measure_phase(load(entry, context=part.part(0.0, 0.6)), part.part(0.6, 1.0))
        except OperatorError:
            continue
    return Scan(_labelled(found.series, evidence), found.skipped)


def _is_unnamed_part(entry: SeriesEntry, entries: Sequence[SeriesEntry]) -> bool:
    parts = [one for one in entries if one.uid == entry.uid and one.kind == "volume"]
    return entry.loadable and len(parts) > 1 and needs_telling(entry.source)


def _labelled(entries: Sequence[SeriesEntry], evidence: dict[int, PhaseEvidence]) -> tuple[SeriesEntry, ...]:
    estimates: dict[int, PhaseEstimate] = {}
    measured = [entry for entry in entries if id(entry) in evidence]
    for uid in dict.fromkeys(entry.uid for entry in measured):
        parts = sorted((entry for entry in measured if entry.uid == uid), key=lambda entry: entry.part)
        given = [evidence[id(entry)] for entry in parts]
        found = estimates_in_order(given) if _follow_in_time(parts) else tuple(estimate_of(each) for each in given)
        estimates |= {id(entry): estimate for entry, estimate in zip(parts, found, strict=True)}
    return tuple(_with_estimate(entry, estimates[id(entry)]) if id(entry) in estimates else entry for entry in entries)


def _with_estimate(entry: SeriesEntry, estimate: PhaseEstimate) -> SeriesEntry:
    source = told(entry.source, estimate)
    if source.phase is None:
        return entry
    text = f"Part {entry.part} is {source.phase_text}; the tags do not say its contrast phase."
    finding = Finding("multi-phase", Severity.INFO, text, subject=entry.uid)
    return replace(entry, source=source, label=source.phase, findings=(*entry.findings, finding))


def _follow_in_time(parts: Sequence[SeriesEntry]) -> bool:
    """Whether every part was acquired after the one before; other parts (kernels, spectral images) are of one time."""
    times = [acquired_s(entry.records[0].header.elements) if entry.records else None for entry in parts]
    known = [time for time in times if time is not None]
    return len(known) == len(times) and all(a < b for a, b in pairwise(known))


def set_phase(reference: SeriesRef, phase: str | None, by: str) -> Edit:
    """The edit that sets the phase of a series by hand; None says that it cannot be told.

    Raises
    ------
    UsageError
        For a phase that is none.
    """
    if phase is not None and phase not in PHASES:
        text = f"There is no contrast phase called {phase}; choose one of {', '.join(PHASES)}."
        raise UsageError("unknown-phase", text, subject=phase)
    return _changed(reference, lambda present: replace(present, phase=phase, phase_by=by))


def _changed(reference: SeriesRef, change: Callable[[SeriesRef], SeriesRef]) -> Edit:
    """Applied to the reference as it stands then: its place may have changed meanwhile."""
    # The library is loaded for cases alone: `series` lists without it.
    from planner.app.case_images import with_series

    key = (reference.series_uid, reference.part)

    def edit(before: Case) -> Case:
        present = next((each for each in before.studies if (each.series_uid, each.part) == key), None)
        return before if present is None else with_series(before, change(present))

    return edit
