"""The gate's questions about identity: one patient, one study, one frame of reference, one kind of image."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from planner.dicom import tags
from planner.dicom.scanner import Header
from planner.dicom.slices import SliceRecord
from planner.findings import Finding, Severity

_GATE_SOURCE = "DICOM notes section 5"
PLACEMENT_CODES = frozenset(
    {"missing-spacing", "implausible-spacing", "bad-orientation", "mixed-orientation", "mixed-spacing"}
)
"""Faults after which slices cannot be placed in space at all."""
EXPECTED_AXIAL = {
    "HFS": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "HFP": (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "HFDR": (0.0, 1.0, 0.0, -1.0, 0.0, 0.0),
    "HFDL": (0.0, -1.0, 0.0, 1.0, 0.0, 0.0),
    "FFS": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "FFP": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    "FFDR": (0.0, -1.0, 0.0, -1.0, 0.0, 0.0),
    "FFDL": (0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
}
"""Directions of the rows and columns of an axial slice as the gantry sees it (PS3.3 C.7.3.1.1.2), LPS."""


def _found(code: str, severity: Severity, text: str, subject: str) -> Finding:
    return Finding(
        code, severity, text, overridable=severity is not Severity.BLOCK, subject=subject, source=_GATE_SOURCE
    )


def identity_findings(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    """Mixed patients, studies and frames block; what cannot be known is said."""
    headers = list({id(one.header): one.header for one in records}.values())
    people = _people(headers)
    yield from _patient_findings([alike[0] for alike in people], subject)
    yield from _frame_findings(headers, subject)
    yield from _rescale_findings(records, subject)
    yield from _position_findings(records, subject)
    yield from _name_findings(people, subject)
    yield from _length_findings(people, subject)
    programs = [header.name for header in headers if header.executable_preamble]
    if programs:
        text = (
            f"{programs[0]}{_more(programs)} begins like a program; it was read as an image and is never copied byte "
            "for byte, so do not open the file with anything else."
        )
        yield _found("executable-preamble", Severity.WARN, text, subject)


def _people(headers: Sequence[Header]) -> list[list[Header]]:
    """Headers that name the patient with the same bytes, so that each name is decoded once."""
    found: dict[tuple[object, ...], list[Header]] = {}
    for header in headers:
        data = header.elements
        key = (*data.character_set, *(data.raw.get(tag) for tag in _WHO))
        found.setdefault(key, []).append(header)
    return list(found.values())


_WHO = (
    tags.PATIENT_NAME,
    tags.PATIENT_ID,
    tags.PATIENT_ID_ISSUER,
    tags.PATIENT_BIRTH_DATE,
    tags.PATIENT_SEX,
)


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def _plain(text: str | None) -> str:
    return re.sub(r"[\s^=]+", " ", text or "").strip().casefold()


def _identifier(header: Header, tag: int) -> str:
    """The decoded text, or the bytes themselves where they did not decode: two unreadable IDs are not one."""
    text, exact = header.elements.words(tag)
    return text or "" if exact else header.elements.raw[tag].hex()


def _patient_findings(headers: Sequence[Header], subject: str) -> Iterator[Finding]:
    reads: tuple[tuple[str, Callable[[Header], str]], ...] = (
        ("patient ID", lambda one: _identifier(one, tags.PATIENT_ID)),
        ("issuer of the patient ID", lambda one: _identifier(one, tags.PATIENT_ID_ISSUER)),
        ("birth date", lambda one: one.elements.text(tags.PATIENT_BIRTH_DATE) or ""),
        ("sex", lambda one: one.elements.text(tags.PATIENT_SEX) or ""),
    )
    differing = [title for title, read in reads if len({read(one) for one in headers}) > 1]
    names = [one.elements.words(tags.PATIENT_NAME) for one in headers]
    if len({_plain(name) for name, exact in names if exact}) > 1:
        differing.append("name")
    if differing:
        other = next((one for one in headers if any(read(one) != read(headers[0]) for _, read in reads)), headers[-1])
        text = (
            f"The series holds two patients: {headers[0].name} and {other.name} differ in {', '.join(differing)}; "
            "import the files of each patient apart."
        )
        yield _found("mixed-patients", Severity.BLOCK, text, subject)


def _frame_findings(headers: Sequence[Header], subject: str) -> Iterator[Finding]:
    for tag, what in ((tags.FRAME_OF_REFERENCE, "frames of reference"), (tags.STUDY_UID, "studies")):
        uids = {one.elements.text(tag) for one in headers}
        if len(uids) > 1:
            other = next(one for one in headers if one.elements.text(tag) != headers[0].elements.text(tag))
            text = (
                f"{headers[0].name} and {other.name} belong to two {what}; their slices do not lie in one space, so "
                "import them apart."
            )
            yield _found("mixed-frames", Severity.BLOCK, text, subject)
    if all(one.elements.text(tags.FRAME_OF_REFERENCE) is None for one in headers):
        text = "The images name no frame of reference; they overlay nothing else without a reviewed link."
        yield _found("missing-frame", Severity.INFO, text, subject)


def _rescale_findings(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    zero = [one for one in records if one.slope is not None and not (math.isfinite(one.slope) and one.slope != 0)]
    if zero:
        text = (
            f"{zero[0].name}: the rescale slope is {zero[0].slope:g}, so its values mean nothing; ask for the original "
            "images."
        )
        yield _found("no-rescale", Severity.BLOCK, text, subject)
    odd = [one for one in records if one.intercept is not None and not math.isfinite(one.intercept)]
    if odd:
        text = (
            f"{odd[0].name}: the rescale intercept is no number, so its values mean nothing; ask for the original "
            "images."
        )
        yield _found("no-rescale", Severity.BLOCK, text, subject)
    if records[0].header.elements.text(tags.MODALITY) != "CT":
        return
    absent = [one for one in records if one.slope is None or one.intercept is None]
    if absent:
        text = (
            f"{absent[0].name}{f' and {len(absent) - 1} more' if len(absent) > 1 else ''}: no rescale to Hounsfield "
            "units; the image is shown, but Hounsfield tools are off until the original images are here."
        )
        yield _found("no-rescale", Severity.WARN, text, subject)


def _position_findings(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    first = records[0]
    position = (first.header.elements.text(tags.PATIENT_POSITION) or "").upper()
    expected, given = EXPECTED_AXIAL.get(position), first.orientation_lps
    if expected is None or given is None or len(given) != 6:
        return
    if abs(np.cross(given[:3], given[3:])[2]) < 0.8:
        return
    row, column = (float(np.dot(given[at : at + 3], expected[at : at + 3])) for at in (0, 3))
    if min(row, column) < 0.5:
        text = (
            f"The patient position {position} and the image orientation of {first.name} disagree; the letters follow "
            "the orientation, so check left and right against the anatomy."
        )
        yield _found("patient-position", Severity.WARN, text, subject)


def _name_findings(people: Sequence[Sequence[Header]], subject: str) -> Iterator[Finding]:
    for tag, what in ((tags.PATIENT_NAME, "name"), (tags.PATIENT_ID, "ID")):
        unread = [one for alike in people if not alike[0].elements.words(tag)[1] for one in alike]
        if unread:
            named = "\\".join(unread[0].elements.character_set)[:40] or "none"
            text = (
                f"{unread[0].name}{_more([one.name for one in unread])}: the patient's {what} could not be decoded "
                f"(character set of the file: {named}); it is not used to match patients, so compare it by eye."
            )
            yield _found("undecodable-text", Severity.WARN, text, subject)


_LONGEST = {tags.PATIENT_NAME: ("patient's name", 3 * 64 + 2), tags.PATIENT_ID: ("patient ID", 64)}
"""Characters that LO and each of the three groups of PN may have (PS3.5 table 6.2-1)."""


def _length_findings(people: Sequence[Sequence[Header]], subject: str) -> Iterator[Finding]:
    for tag, (what, most) in _LONGEST.items():
        long = [one for alike in people if len(alike[0].elements.words(tag)[0] or "") > most for one in alike]
        if long:
            count = len(long[0].elements.words(tag)[0] or "")
            text = (
                f"{long[0].name}{_more([one.name for one in long])}: the {what} has {count} characters where DICOM "
                f"allows {most}; it is shown cut short, so check that the file is what it says."
            )
            yield _found("overlong-text", Severity.WARN, text, subject)
