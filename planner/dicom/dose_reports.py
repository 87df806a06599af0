"""The X-ray radiation dose report of a procedure (RDSR; DICOM PS3.16 TID 10001, 10002, 10003).

Every number is read with its UCUM unit and brought to Gy, Gy·cm² and s; a number without a unit is refused. The planes
of a biplane system are summed. Air kerma here is the air kerma at the reference point, not skin dose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.catalogues import catalogue
from planner.clinical.quantities import convert
from planner.dicom import tags
from planner.dicom.documents import DAMAGED
from planner.dicom.reading import scan_files
from planner.dicom.scanner import refused
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.jobs import Context

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LABEL = "air kerma at the reference point, not skin dose"
_REPORT, _CT_TOTALS, _TOTALS, _EVENT, _PLANE, _ALL_PLANES = "113701", "113811", "113702", "113706", "113764", "113890"
_AREA, _KERMA, _FLUORO_TIME, _ACQUISITION_TIME, _FRAMES = "113722", "113725", "113730", "113855", "113731"
_REFERENCE_POINT, _STARTED, _EVENT_TYPE = "113780", "111526", "113721"
_EVENT_AREA, _EVENT_KERMA, _PRIMARY, _SECONDARY = "122130", "113738", "112011", "112012"
_TO_ISOCENTRE, _TO_DETECTOR, _DURATION, _PULSES = "113748", "113750", "113742", "113768"
_MOST_ITEMS = 200_000


@dataclass(frozen=True, slots=True)
class PlaneDose:
    """Totals of one plane; None is not reported."""

    plane: str
    air_kerma_gy: float | None
    kap_gy_cm2: float | None
    fluoro_time_s: float | None
    acquisition_time_s: float | None
    frames: int | None


@dataclass(frozen=True, slots=True)
class DoseEvent:
    """One irradiation: a run or a press of the fluoroscopy pedal. Angles as in runs: LAO and cranial positive."""

    started_at: str | None
    kind: str | None
    plane: str | None
    air_kerma_gy: float | None
    kap_gy_cm2: float | None
    primary_deg: float | None
    secondary_deg: float | None
    source_to_isocentre_mm: float | None
    source_to_detector_mm: float | None
    duration_s: float | None
    pulses: int | None


@dataclass(frozen=True, slots=True)
class DoseReport:
    """What a procedure's dose report says, planes summed.

    None is unknown, also where one of several planes says nothing.

    Attributes
    ----------
    air_kerma_gy
        At the reference point; not skin dose.
    reference_point
        Where that point lies, as the report defines it.
    acquired_at
        Date and time of the first irradiation, ISO text; else of the report.
    entry
        The file and the patient it names.
    """

    entry: SeriesEntry
    air_kerma_gy: float | None
    kap_gy_cm2: float | None
    fluoro_time_s: float | None
    acquisition_time_s: float | None
    frames: int | None
    acquired_at: str | None
    reference_point: str | None
    planes: tuple[PlaneDose, ...]
    events: tuple[DoseEvent, ...]
    findings: tuple[Finding, ...] = ()


def read_dose_report(source: Path | SeriesEntry, context: Context | None = None) -> DoseReport:
    """Read a dose report of projection X-ray.

    Raises
    ------
    InputRefused
        ``not-a-dose-report``; ``missing-unit``, ``unknown-unit`` or ``unreadable-number``, naming the quantity; or what
        the scanner says of the file.
    """
    from pydicom.errors import BytesLengthException

    entry = source if isinstance(source, SeriesEntry) else _only_entry(source, context or Context())
    file = entry.files[0]
    try:
        return _report(_document(file), entry, file)
    except (BytesLengthException, *DAMAGED) as error:
        # pydicom decodes values when they are asked for, and says so of those that it cannot.
        said = f"a value in it cannot be read ({str(error)[:80]})"
        raise refused("unreadable-number", file, said, "ask the sender for another copy") from error


def _report(root: Dataset, entry: SeriesEntry, file: Path) -> DoseReport:
    if _code(root) != _REPORT:
        said = "it is no X-ray radiation dose report"
        raise refused("not-a-dose-report", file, said, "choose the RDSR of the procedure")
    items = tuple(_walk(root, [0]))
    totals = [each for each in items if _code(each) == _TOTALS]
    if not totals:
        is_ct = any(_code(each) == _CT_TOTALS for each in items)
        what = "it is the dose report of a CT" if is_ct else "it holds no accumulated dose of fluoroscopy"
        raise refused("not-a-dose-report", file, what, "choose the RDSR of the angiography system")
    planes = _planes(totals, file)
    events = tuple(_event(each, file) for each in items if _code(each) == _EVENT)
    started = sorted(each.started_at for each in events if each.started_at is not None)
    points = [_said(each) for each in items if _code(each) == _REFERENCE_POINT]
    return DoseReport(
        entry=entry,
        air_kerma_gy=_summed([each.air_kerma_gy for each in planes]),
        kap_gy_cm2=_summed([each.kap_gy_cm2 for each in planes]),
        fluoro_time_s=_summed([each.fluoro_time_s for each in planes]),
        acquisition_time_s=_summed([each.acquisition_time_s for each in planes]),
        frames=None if any(each.frames is None for each in planes) else sum(each.frames or 0 for each in planes),
        acquired_at=started[0] if started else _document_time(root),
        reference_point=next((each for each in points if each), None),
        planes=planes,
        events=events,
        findings=tuple(_findings(planes, entry.uid)),
    )


def is_dose_report(entry: SeriesEntry) -> bool:
    """Whether an entry can be one, by what its header says."""
    classes = {record.header.elements.text(tags.SOP_CLASS) for record in entry.records}
    return entry.modality == "SR" and bool(classes & _CLASSES)


_CLASSES = frozenset(f"1.2.840.10008.5.1.4.1.1.88.{tail}" for tail in ("67", "76", "22", "33", "34"))
"""Dose reports proper, and the general SR classes that older systems send them in."""


def _only_entry(file: Path, context: Context) -> SeriesEntry:
    if not file.is_file():
        raise InputRefused("not-a-dose-report", f"{file} is not a file; name the RDSR itself.", subject=str(file))
    found = scan_files([file], context)
    if found.skipped and not found.series:
        raise InputRefused(found.skipped[0].code, found.skipped[0].text, subject=str(file))
    return found.series[0]


def _document(file: Path) -> Dataset:
    """The data set, read by pydicom after the bounded scanner found its nesting and lengths in order."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(file, stop_before_pixels=True)
    except (InvalidDicomError, *DAMAGED) as error:
        raise refused("truncated", file, "it cannot be read as a document", "fetch the file again") from error


def _walk(item: Dataset, count: list[int]) -> Iterator[Dataset]:
    """Every content item below one."""
    for child in _items(item, "ContentSequence"):
        count[0] += 1
        if count[0] > _MOST_ITEMS:
            raise InputRefused("too-large", "The dose report holds more than 200,000 items; it was not read.")
        yield child
        yield from _walk(child, count)


def _items(item: Dataset, keyword: str) -> list[Dataset]:
    return list(item.get(keyword) or [])


def _code(item: Dataset) -> str | None:
    return _first_code(item, "ConceptNameCodeSequence")


def _first_code(item: Dataset, keyword: str) -> str | None:
    named = _items(item, keyword)
    return str(named[0].get("CodeValue") or "") if named else None


def _said(item: Dataset) -> str | None:
    """The text, or the meaning of the code, that an item holds."""
    named = _items(item, "ConceptCodeSequence")
    text = named[0].get("CodeMeaning") if named else item.get("TextValue")
    return str(text).strip()[:200] or None if text else None


def _child(item: Dataset, code: str) -> Dataset | None:
    return next((each for each in _items(item, "ContentSequence") if _code(each) == code), None)


def _planes(totals: Sequence[Dataset], file: Path) -> tuple[PlaneDose, ...]:
    """One for each container; a container of all planes stands for the others."""
    whole = [each for each in totals if _plane_code(each) == _ALL_PLANES]
    return tuple(_plane(each, number, file) for number, each in enumerate(whole[:1] or totals, start=1))


def _plane_code(item: Dataset) -> str | None:
    plane = _child(item, _PLANE)
    return None if plane is None else _first_code(plane, "ConceptCodeSequence")


def _plane(item: Dataset, number: int, file: Path) -> PlaneDose:
    named = _child(item, _PLANE)
    frames = _number(item, _FRAMES, None, file)
    return PlaneDose(
        plane=(_said(named) if named is not None else None) or f"plane {number}",
        air_kerma_gy=_number(item, _KERMA, "Gy", file),
        kap_gy_cm2=_number(item, _AREA, "Gy.cm2", file),
        fluoro_time_s=_number(item, _FLUORO_TIME, "s", file),
        acquisition_time_s=_number(item, _ACQUISITION_TIME, "s", file),
        frames=None if frames is None else round(frames),
    )


def _event(item: Dataset, file: Path) -> DoseEvent:
    pulses = _number(item, _PULSES, None, file)
    kind, plane, started = _child(item, _EVENT_TYPE), _child(item, _PLANE), _child(item, _STARTED)
    return DoseEvent(
        started_at=None if started is None else _iso(str(started.get("DateTime") or "")),
        kind=None if kind is None else _said(kind),
        plane=None if plane is None else _said(plane),
        air_kerma_gy=_number(item, _EVENT_KERMA, "Gy", file),
        kap_gy_cm2=_number(item, _EVENT_AREA, "Gy.cm2", file),
        primary_deg=_number(item, _PRIMARY, "deg", file, signed=True),
        secondary_deg=_number(item, _SECONDARY, "deg", file, signed=True),
        source_to_isocentre_mm=_number(item, _TO_ISOCENTRE, "mm", file),
        source_to_detector_mm=_number(item, _TO_DETECTOR, "mm", file),
        duration_s=_number(item, _DURATION, "s", file),
        pulses=None if pulses is None else round(pulses),
    )


def _number(item: Dataset, code: str, unit: str | None, file: Path, *, signed: bool = False) -> float | None:
    """A number in `unit` (None: a count); None where the report leaves it out or empty."""
    found = _child(item, code)
    measured = [] if found is None else _items(found, "MeasuredValueSequence")
    if found is None or not measured or measured[0].get("NumericValue") in (None, ""):
        return None
    what = str(found.ConceptNameCodeSequence[0].get("CodeMeaning") or code)[:80]
    value = _plain_number(measured[0].get("NumericValue"), what, file)
    if value < 0 and not signed:
        raise refused("unreadable-number", file, f"“{what}” is negative ({value:g})", "check the report")
    units = _items(measured[0], "MeasurementUnitsCodeSequence")
    written = str(units[0].get("CodeValue") or "").strip() if units else ""
    if unit is None:
        return value
    if not written:
        said = f"“{what}” is {value:g} without a unit"
        raise refused("missing-unit", file, said, "type the dose by hand from the console's protocol")
    return _converted(value, written, unit, what, file)


def _plain_number(raw: Any, what: str, file: Path) -> float:
    try:
        value = float(raw)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise refused("unreadable-number", file, f"“{what}” is {str(raw)[:40]!r}, no number", "check the report")
    return value


def _converted(value: float, written: str, unit: str, what: str, file: Path) -> float:
    """UCUM codes are case-sensitive: a spelling that only looks alike is refused."""
    units = catalogue("units.toml")
    code = (
        written
        if written in units
        else next((each for each, entry in units.items() if written in entry["spellings"]), None)
    )
    if code is None:
        said = f"“{what}” is given in {written[:20]!r}, which is no unit known here"
        raise refused("unknown-unit", file, said, "type the dose by hand from the console's protocol")
    try:
        return convert(value, code, unit)
    except InputRefused as error:
        said = f"“{what}” is given in {written[:20]!r}, which is not a unit of it"
        raise refused("unknown-unit", file, said, "type the dose by hand from the console's protocol") from error


def _summed(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return math.fsum(known) if known and len(known) == len(values) else None


def _findings(planes: Sequence[PlaneDose], uid: str) -> Iterator[Finding]:
    columns = (
        ("the air kerma", [each.air_kerma_gy for each in planes]),
        ("the kerma-area product", [each.kap_gy_cm2 for each in planes]),
        ("the fluoroscopy time", [each.fluoro_time_s for each in planes]),
    )
    for what, values in columns:
        if any(each is None for each in values):
            text = f"The dose report does not give {what}."
            if any(each is not None for each in values):
                text = f"One plane of the dose report does not give {what}, so its total is unknown."
            yield Finding("dose-missing", Severity.WARN, text, subject=uid)


def _document_time(root: Dataset) -> str | None:
    return _iso(f"{root.get('ContentDate') or root.get('StudyDate') or ''}{root.get('ContentTime') or ''}")


def _iso(stamp: str) -> str | None:
    """A DICOM DT as ISO text to the second; None when it is none."""
    digits = stamp.split(".")[0].split("+")[0].split("-")[0]
    if len(digits) < 8 or not digits.isdecimal():
        return None
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    return f"{day}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}" if len(digits) >= 14 else day
