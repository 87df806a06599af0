"""The command line's ``dsa``: a run subtracted and written as files that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.angio import Processed, RunSettings, choose_run, process
from planner.app.run_pictures import colour_picture, grey_picture, png_bytes, time_span
from planner.dicom.angio_reading import load_run
from planner.dicom.angio_writing import Subtracted, write_subtracted
from planner.dicom.series import SeriesEntry
from planner.errors import UsageError
from planner.files import whole_file
from planner.findings import Finding
from planner.imaging.angio import AngioRun
from planner.imaging.opacification import time_to_peak_caution
from planner.imaging.subtraction import default_window, frame_words
from planner.jobs import Context
from planner.store.actors import software_version

SUBTRACTED, OPACIFIED, TIME_TO_PEAK = "subtracted.dcm", "opacified.png", "time_to_peak.png"


def dsa(
    source: Path,
    out: Path,
    settings: RunSettings,
    *,
    series: str | None = None,
    part: int | None = None,
    context: Context | None = None,
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Subtract a run, write ``subtracted.dcm``, ``opacified.png`` and ``time_to_peak.png`` into a folder.

    Returns
    -------
    The contract's document, and its findings.

    Raises
    ------
    UsageError
        For a source, series, frame or folder that does not exist or cannot be written.
    InputRefused
        When there is no run, or it cannot be read.
    """
    job = context or Context()
    entry, remarks = choose_run(source, series=series, part=part, context=job.part(0.0, 0.05))
    run = load_run(entry, job.part(0.05, 0.2))
    done = process(run, settings, job.part(0.2, 0.9))
    job.step(0.9, f"Writing into {out.name}")
    files, written = _written(entry, done, out)
    findings = (*remarks, *entry.findings, *done.findings)
    document = _document(done, files, written)
    document["findings"] = [each.to_json() for each in findings]
    job.step(1.0, "Written")
    return document, findings


def _written(entry: SeriesEntry, done: Processed, out: Path) -> tuple[dict[str, str | None], Subtracted]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"The folder {out} cannot be made ({error.strerror}); choose another place."
        raise UsageError("cannot-write", said, subject=str(out)) from error
    written = write_subtracted(
        entry,
        done.run,
        done.contrast,
        done.window,
        out / SUBTRACTED,
        method=done.settings.method,
        made_of=made_of(done),
        software=software_version(),
    )
    files: dict[str, str | None] = {"subtracted": str(written.file), "opacified": None, "time_to_peak": None}
    if done.peak is not None:
        inside = np.where(done.field, done.peak, np.nan)
        picture = grey_picture(inside, default_window(done.peak, done.field))
        files["opacified"] = _picture(out / OPACIFIED, picture)
    if done.arrival is not None:
        files["time_to_peak"] = _picture(out / TIME_TO_PEAK, colour_picture(done.arrival, done.field))
    return files, written


def _picture(file: Path, picture: NDArray[np.uint8]) -> str:
    try:
        with whole_file(file) as stream:
            stream.write(png_bytes(picture))
    except OSError as error:
        said = f"{file} cannot be written ({error.strerror}); choose another place."
        raise UsageError("cannot-write", said, subject=str(file)) from error
    return str(file)


def made_of(done: Processed) -> str:
    """Mask, shift and method in words: ``log subtraction, mask frames 1-3, shifted per frame``."""
    moved = "shifted per frame" if np.ptp(done.shifts_xy_px, axis=0).any() else "not shifted"
    if done.settings.shift == "manual":
        dx, dy = done.settings.manual_shift_xy_px.get("0", (0.0, 0.0))
        moved = f"shifted by {dx:g}, {dy:g} px"
    return f"{done.settings.method} subtraction, mask {frame_words(done.mask.frames)}, {moved}"


def _document(done: Processed, files: dict[str, str | None], written: Subtracted) -> dict[str, Any]:
    run = done.run
    return {
        "series": {"uid": run.source.series_uid, "part": run.source.part},
        "frames": run.count,
        "time_s": None if run.time_s is None else _numbers(run.time_s),
        "rate_hz": run.facts.rate_hz,
        "method": done.settings.method,
        "mask_frames": list(done.mask.frames),
        "mask_source": done.mask.source,
        "mask_reason": done.mask.reason,
        "shift_px": [_numbers(each) for each in done.shifts_xy_px],
        "residual_before": done.residual_before,
        "residual_after": done.residual_after,
        "contrast_frames": None if done.mask.contrast_frames is None else list(done.mask.contrast_frames),
        "phases": _phases(done),
        "geometry": geometry_json(run),
        "files": files,
        "subtracted_values": {
            "zero": written.zero,
            "per_unit": written.per_unit,
            "unit": "ln" if done.settings.method == "log" else "stored",
            "clipped_pixels": written.clipped,
        },
        "time_to_peak": _arrival(done),
    }


def geometry_json(run: AngioRun) -> dict[str, Any]:
    """The contract's ``geometry``: null for what the header does not tell. Spacing is [between rows, columns]."""
    facts = run.facts
    spacing = facts.detector_spacing_mm
    return {
        "primary_deg": facts.primary_deg,
        "secondary_deg": facts.secondary_deg,
        "sid_mm": facts.source_to_detector_mm,
        "sod_mm": facts.source_to_isocentre_mm,
        "detector_spacing_mm": None if spacing is None else list(spacing),
    }


def _phases(done: Processed) -> dict[str, list[int] | None] | None:
    found = done.phases
    if found is None:
        return None
    named = {"arterial": found.arterial, "parenchymal": found.parenchymal, "venous": found.venous}
    return {name: None if frames is None else list(frames) for name, frames in named.items()}


def _arrival(done: Processed) -> dict[str, Any] | None:
    """The colours' scale, the honest error of one pixel, and what the map is not."""
    if done.arrival is None:
        return None
    span = time_span(done.arrival, done.field)
    caution, source = time_to_peak_caution()
    return {
        "early_s": None if span is None else span[0],
        "late_s": None if span is None else span[1],
        "error_s": done.arrival.half_frame_s,
        "caution": caution,
        "source": source,
    }


def _numbers(values: NDArray[np.float64] | Sequence[float]) -> list[float]:
    return [float(each) for each in values]
