"""When the frames of a run were taken (DICOM PS3.3 C.7.6.5, C.8.19.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from planner.dicom import tags
from planner.dicom.angio_values import RunView, numbers, pointed_tags
from planner.findings import Finding, Severity

LONGEST_STEP_MS = 3_600_000.0
"""An hour from frame to frame is no frame time."""
_DISPLAY_WORDS = {
    tags.FRAME_DURATION: "the duration of one frame",
    tags.CINE_RATE: "the cine rate",
    tags.DISPLAY_FRAME_RATE: "the recommended display rate",
}


@dataclass(frozen=True, eq=False, slots=True)
class Timing:
    """Seconds of every frame from the first, or None, and what must be said about them."""

    time_s: NDArray[np.float64] | None
    findings: tuple[Finding, ...] = ()

    @property
    def rate_hz(self) -> float | None:
        """From the usual distance of two frames."""
        if self.time_s is None or len(self.time_s) < 2:
            return None
        return float(1.0 / np.median(np.diff(self.time_s)))


def timing_of(view: RunView, uid: str) -> Timing:
    """Frame times, by what the frame increment pointer names, else by what the file offers instead.

    Frames that do not rise in time, or a vector of another length, give no times and a finding.
    """
    if view.frames == 1:
        return Timing(np.zeros(1))
    if view.varies(tags.FRAME_REFERENCE_DATETIME) or view.varies(tags.FRAME_ACQUISITION_DATETIME):
        found = _of_moments(view)
        return _risen(found, uid) if found is not None else _fallback(view, uid)
    pointed = pointed_tags(view.root, tags.FRAME_INCREMENT_POINTER)
    vector = numbers(view.root, tags.FRAME_TIME_VECTOR)
    if vector and (tags.FRAME_TIME_VECTOR in pointed or tags.FRAME_TIME not in view.root.raw):
        return _of_vector(vector, view, uid)
    step_ms = view.positive(tags.FRAME_TIME)
    if step_ms is not None and step_ms <= LONGEST_STEP_MS:
        return Timing(_steady(view.frames, step_ms / 1000.0))
    return _fallback(view, uid)


def _steady(frames: int, step_s: float) -> NDArray[np.float64]:
    return np.arange(frames, dtype=np.float64) * step_s


def _of_vector(vector: Sequence[float], view: RunView, uid: str) -> Timing:
    """Increments in ms; the first belongs to the first frame and should be 0."""
    if len(vector) != view.frames:
        text = f"The frame time vector has {len(vector)} values for {view.frames} frames; it is not used."
        told = _fallback(view, uid)
        return Timing(told.time_s, (Finding("bad-timing", Severity.WARN, text, subject=uid), *told.findings))
    elapsed = np.cumsum(np.asarray(vector, dtype=np.float64)) / 1000.0
    return _risen(elapsed - elapsed[0], uid)


def _risen(time_s: NDArray[np.float64], uid: str) -> Timing:
    if bool(np.all(np.diff(time_s) > 0)):
        return Timing(time_s)
    text = "The times of the frames do not rise from frame to frame; the run is shown without times."
    return Timing(None, (Finding("bad-timing", Severity.WARN, text, subject=uid),))


def _fallback(view: RunView, uid: str) -> Timing:
    for tag, words in _DISPLAY_WORDS.items():
        value = view.positive(tag)
        if value is None:
            continue
        step_s = value / 1000.0 if tag == tags.FRAME_DURATION else 1.0 / value
        text = f"The file gives no frame times; they are taken from {words}, which may differ from the acquisition."
        return Timing(_steady(view.frames, step_s), (Finding("timing-from-rate", Severity.WARN, text, subject=uid),))
    text = "The file tells no frame times and no rate: time curves and arrival times are not available."
    return Timing(None, (Finding("missing-timing", Severity.WARN, text, subject=uid),))


def _of_moments(view: RunView) -> NDArray[np.float64] | None:
    tag = tags.FRAME_REFERENCE_DATETIME
    if not view.varies(tag):
        tag = tags.FRAME_ACQUISITION_DATETIME
    moments = [moment_of(view.text(tag, frame)) for frame in range(view.frames)]
    first = moments[0]
    if first is None:
        return None
    seconds = [None if each is None else (each - first).total_seconds() for each in moments]
    known = [each for each in seconds if each is not None]
    return np.asarray(known) if len(known) == len(seconds) else None


def moment_of(text: str | None) -> datetime | None:
    """A DICOM DT (PS3.5 6.2) with at least the seconds; without an offset it is taken as UTC, for differences only."""
    if text is None:
        return None
    body, zone = text, UTC
    for sign in "+-":
        stamp, mark, offset = text.partition(sign)
        if mark and len(offset) == 4 and offset.isdecimal():
            minutes = (60 * int(offset[:2]) + int(offset[2:])) * (1 if sign == "+" else -1)
            if abs(minutes) >= 24 * 60:
                return None
            body, zone = stamp, timezone(timedelta(minutes=minutes))
    whole, _, part = body.partition(".")
    if len(whole) != 14 or not whole.isdecimal() or (part and not part.isdecimal()):
        return None
    try:
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=zone)
    except ValueError:
        return None
    return moment + timedelta(microseconds=int(f"{part:0<6}"[:6])) if part else moment
