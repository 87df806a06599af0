"""Which contrast phase a volume shows, when its own words or times say so."""

from __future__ import annotations

import re
from collections.abc import Iterable

from planner.catalogues import catalogue
from planner.dicom import tags
from planner.dicom.elements import Elements
from planner.imaging.contrast_phase import PHASES


def phase_of_words(words: Iterable[str | None]) -> str | None:
    """The one phase that the words name; None when they name none or several."""
    text = " ".join(re.sub(r"[_\-]+", " ", word) for word in words if word)
    rules = catalogue("contrast_phases.toml")
    named = [
        phase
        for phase in PHASES
        if any(re.search(pattern.replace("[ -]", " "), text, re.IGNORECASE) for pattern in rules[phase]["words"])
    ]
    # "late arterial" is arterial: late alone means delayed.
    if named == ["arterial", "delayed"] and re.search(r"\blate\s+art", text, re.IGNORECASE):
        return "arterial"
    return named[0] if len(named) == 1 else None


def phase_of_delay(delay_s: float | None) -> str | None:
    """The phase of a time after the start of injection, in seconds."""
    if delay_s is None:
        return None
    for phase in PHASES:
        window = catalogue("contrast_phases.toml")[phase].get("delay_s")
        if window is not None and window[0] <= delay_s < window[1]:
            return phase
    return None


def seconds_of_day(time: str | None) -> float | None:
    """A DICOM TM value (HHMMSS.FFFFFF) as seconds since midnight; None when it is none."""
    found = re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d+)?)", time or "")
    return None if found is None else int(found[1]) * 3600.0 + int(found[2]) * 60.0 + float(found[3])


def acquired_s(data: Elements) -> float | None:
    """Seconds since midnight of the acquisition."""
    taken = seconds_of_day(data.text(tags.ACQUISITION_TIME))
    if taken is None:
        taken = seconds_of_day((data.text(tags.ACQUISITION_DATETIME) or "")[8:].split("+")[0].split("-")[0])
    return taken


def contrast_delay_s(data: Elements) -> float | None:
    """Seconds from the start of the bolus to the acquisition, when both times are given."""
    start, taken = seconds_of_day(data.text(tags.CONTRAST_START_TIME)), acquired_s(data)
    if start is None or taken is None:
        return None
    delay = taken - start
    return delay if delay >= 0 else None
