"""The geometry gate: whether slices make one straight, uniform, right-angled volume of one patient.

Pure numpy over slice records; it opens no file. Every fault is listed, not the first only. What it checks follows the
project's DICOM notes, section 5; the tolerances are in `planner.dicom.limits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits, tags
from planner.dicom.gate_identity import PLACEMENT_CODES, identity_findings
from planner.dicom.slices import Fault, SliceRecord
from planner.findings import Finding, Severity, any_blocks

GATE_SOURCE = "DICOM notes section 5"
_SHOWN = 3
"""How many files or places a sentence names."""
REPAIRS = ("gantry-tilt", "uneven-spacing", "missing-slices", "duplicate-slices")
"""Findings that offer a repair: accepted, the series loads resampled (or without its doubles)."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the slices lie, sorted along the normal.

    Attributes
    ----------
    order
        Indices into the records, along the normal; of slices at one position all are listed.
    along_mm
        (n,) position of each ordered slice along the normal.
    origins_lps_mm
        (n, 3) of each ordered slice.
    row_lps, column_lps, normal_lps
        Unit directions of increasing column index, of increasing row index, and row x column.
    spacing_mm
        (between rows, between columns).
    gap_mm
        The usual distance between neighbours; the slice thickness or 1 for a single slice.
    """

    order: tuple[int, ...]
    along_mm: NDArray[np.float64]
    origins_lps_mm: NDArray[np.float64]
    row_lps: NDArray[np.float64]
    column_lps: NDArray[np.float64]
    normal_lps: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    gap_mm: float


@dataclass(frozen=True, slots=True)
class GateResult:
    """The findings, and the geometry where it could be told at all."""

    findings: tuple[Finding, ...]
    geometry: Geometry | None

    @property
    def passes(self) -> bool:
        return not any_blocks(self.findings)


def block(code: str, text: str, subject: str | None, **numbers: float | str | None) -> Finding:
    """A blocking finding; overridable only where the gate offers a repair."""
    measured, limit, unit = numbers.get("measured"), numbers.get("limit"), numbers.get("unit")
    return Finding(
        code,
        Severity.BLOCK,
        text,
        overridable=code in REPAIRS,
        subject=subject,
        measured=None if measured is None else float(measured),
        limit=None if limit is None else float(limit),
        unit=None if unit is None else str(unit),
        source=GATE_SOURCE,
    )


def check(records: Sequence[SliceRecord], subject: str) -> GateResult:
    """Run the gate over the slices of one volume.

    Parameters
    ----------
    subject
        Series UID that the findings name.
    """
    findings = list(_file_faults(records, subject))
    findings += identity_findings(records, subject)
    findings += _spacing_findings(records, subject)
    findings += _orientation_findings(records, subject)
    geometry = None
    if not any(one.code in PLACEMENT_CODES for one in findings):
        geometry = _geometry(records)
        findings += _stack_findings(records, geometry, subject)
    return GateResult(tuple(findings), geometry)


def _file_faults(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    by_fault: dict[Fault, dict[str, None]] = {}
    for record in records:
        for fault in record.faults:
            by_fault.setdefault(fault, {})[record.file.name] = None
    for fault, names in by_fault.items():
        yield block(fault.code, f"{_listed(list(names))}: {fault.what}; {fault.advice}.", subject)


def _listed(names: Sequence[str], most: int = _SHOWN) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _spacing_findings(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    low, high = limits.PLAUSIBLE_PIXEL_SPACING_MM
    absent = [one.name for one in records if one.spacing_mm is None]
    if absent:
        text = f"{_listed(absent)}: no pixel spacing, so nothing can be measured; ask for the original images."
        yield block("missing-spacing", text, subject)
    given = [one for one in records if one.spacing_mm is not None]
    plausible = [
        len(one.spacing_mm or ()) == 2 and all(low <= mm <= high for mm in one.spacing_mm or ()) for one in given
    ]
    wrong = [one for one, is_plausible in zip(given, plausible, strict=True) if not is_plausible]
    if wrong:
        first = wrong[0]
        comma = "," in (first.spacing_text or "")
        cause = " (a comma stands for the decimal point)" if comma else ""
        text = (
            f"{_listed([one.name for one in wrong])}: the pixel spacing is '{(first.spacing_text or '')[:40]}'{cause}, "
            f"not two numbers from {low:g} to {high:g} mm; ask for the original images."
        )
        measured = first.spacing_mm[0] if first.spacing_mm and np.isfinite(first.spacing_mm[0]) else None
        yield block("implausible-spacing", text, subject, measured=measured, limit=high, unit="mm")
    yield from _mixed_grid([one for one, fits in zip(given, plausible, strict=True) if fits], subject)


def _mixed_grid(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    if not records:
        return
    spacings = np.array([one.spacing_mm for one in records])
    usual = _most_common(spacings)
    odd = np.flatnonzero(np.abs(spacings - usual).max(axis=1) > limits.SAME_SPACING_TOLERANCE_MM)
    if len(odd):
        first = records[int(odd[0])]
        text = (
            f"{first.name} has a pixel spacing of {_pair(first.spacing_mm)} mm where others have {_pair(usual)} mm "
            f"({len(odd)} of {len(records)} differ); the slices do not belong to one volume, so import them apart."
        )
        yield block("mixed-spacing", text, subject)
    sizes = [(one.format.rows, one.format.columns) for one in records]
    usual_size = max(set(sizes), key=sizes.count)
    other = [one for one, size in zip(records, sizes, strict=True) if size != usual_size]
    if other:
        text = (
            f"{_listed([one.name for one in other])}: {other[0].format.rows} x {other[0].format.columns} pixels where "
            f"others have {usual_size[0]} x {usual_size[1]}; the slices do not belong to one volume, so import them "
            "apart."
        )
        yield block("mixed-spacing", text, subject)


def _pair(values: Sequence[float] | NDArray[np.float64] | None) -> str:
    return "?" if values is None else " x ".join(f"{float(value):g}" for value in values)


def _orientation_findings(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    checked = [(one, _orientation_fault(one)) for one in records]
    bad = [(one, fault) for one, fault in checked if fault is not None]
    if bad:
        text = (
            f"{_listed([one.name for one, _ in bad])}: {bad[0][1]}; the series cannot be placed in the "
            "patient, ask for the original images."
        )
        yield block("bad-orientation", text, subject)
    good = [one for one, fault in checked if fault is None]
    if not good:
        return
    cosines = np.array([one.orientation_lps for one in good])
    usual = _most_common(cosines)
    odd = np.flatnonzero(np.abs(cosines - usual).max(axis=1) > limits.SAME_ORIENTATION_TOLERANCE)
    if len(odd):
        text = (
            f"{good[int(odd[0])].name} and {len(odd) - 1} more slices are turned against the others; the slices do not "
            "belong to one volume, so import them apart."
            if len(odd) > 1
            else f"{good[int(odd[0])].name} is turned against the other slices; import it apart."
        )
        yield block("mixed-orientation", text, subject)


def _most_common(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    rounded, counts = np.unique(np.round(rows, 3), axis=0, return_counts=True)
    best = rounded[int(np.argmax(counts))]
    nearest: NDArray[np.float64] = rows[int(np.argmin(np.abs(rows - best).max(axis=1)))]
    return nearest


def _orientation_fault(record: SliceRecord) -> str | None:
    cosines, position = record.orientation_lps, record.position_lps_mm
    if position is None or len(position) != 3:
        return "the image position is missing"
    if cosines is None or len(cosines) != 6:
        return "the image orientation is missing"
    if not all(abs(value) < limits.PLAUSIBLE_POSITION_MM for value in position):
        return f"the image position ({_pair(position)} mm) lies outside any scanner"
    return _cosines_fault(cosines)


@lru_cache(256)
def _cosines_fault(cosines: tuple[float, ...]) -> str | None:
    """What is wrong with six direction cosines; the slices of a series share theirs."""
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    with np.errstate(invalid="ignore"):
        wrong = np.array([abs(row @ column), abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1)])
    if not np.all(np.isfinite(wrong)) or float(wrong.max()) > limits.ORTHOGONALITY_TOLERANCE:
        return "the image orientation is not two unit vectors at a right angle"
    return None


def _geometry(records: Sequence[SliceRecord]) -> Geometry:
    cosines = np.array(records[0].orientation_lps, dtype=np.float64)
    row = cosines[:3] / np.linalg.norm(cosines[:3])
    normal = np.cross(row, cosines[3:])
    normal /= np.linalg.norm(normal)
    column = np.cross(normal, row)
    origins = np.array([one.position_lps_mm for one in records], dtype=np.float64)
    along = origins @ normal
    instance = np.array([one.instance if one.instance is not None else 0 for one in records])
    order = np.lexsort((instance, along))
    gaps = np.diff(along[order])
    gaps = gaps[gaps > limits.SAME_POSITION_MM]
    spacing = records[0].spacing_mm or (1.0, 1.0)
    return Geometry(
        order=tuple(int(index) for index in order),
        along_mm=along[order],
        origins_lps_mm=origins[order],
        row_lps=row,
        column_lps=column,
        normal_lps=normal,
        spacing_mm=(spacing[0], spacing[1]),
        gap_mm=float(np.median(gaps)) if len(gaps) else _thickness(records[0]),
    )


def _thickness(record: SliceRecord) -> float:
    low, high = limits.PLAUSIBLE_SLICE_SPACING_MM
    value = record.thickness_mm
    return value if value is not None and low <= value <= high else 1.0


def _stack_findings(records: Sequence[SliceRecord], geometry: Geometry, subject: str) -> Iterator[Finding]:
    ordered = [records[index] for index in geometry.order]
    gaps = np.diff(geometry.along_mm)
    doubled = np.flatnonzero(gaps <= limits.SAME_POSITION_MM)
    if len(doubled):
        first = int(doubled[0])
        text = (
            f"{ordered[first].name} and {ordered[first + 1].name} lie at the same position "
            f"({geometry.along_mm[first]:.2f} mm along the normal; doubled slices: {len(doubled)}) and no tag tells "
            "them apart; accept the first of each if their pixels are equal."
        )
        yield block("duplicate-slices", text, subject, measured=float(len(doubled)), limit=0.0, unit="1")
    keep = np.concatenate([[True], gaps > limits.SAME_POSITION_MM])
    kept = [record for record, wanted in zip(ordered, keep, strict=True) if wanted]
    yield from _gap_findings(kept, geometry.along_mm[keep], geometry.gap_mm, subject)
    yield from _tilt_findings(geometry, keep, subject)
    yield from _count_findings(kept, subject)


def _count_findings(records: Sequence[SliceRecord], subject: str) -> Iterator[Finding]:
    """Missing ends leave no gap; only the count that the files name can tell."""
    named = {one.header.elements.integer(tags.IMAGES_IN_ACQUISITION) for one in records}
    parts = {one.acquisition for one in records}
    expected = next(iter(named))
    if len(named) > 1 or len(parts) > 1 or expected is None or any(one.format.frames > 1 for one in records):
        return
    if len(records) < expected <= limits.MAXIMUM_FILES:
        text = (
            f"{len(records)} images are here, the files name {expected} in the acquisition; the ends may be missing, "
            f"so compare {records[0].name} and {records[-1].name} with the first and the last in the archive."
        )
        yield Finding(
            "missing-slices",
            Severity.WARN,
            text,
            subject=subject,
            measured=float(len(records)),
            limit=float(expected),
            unit="1",
            source=GATE_SOURCE,
        )


def _gap_findings(
    ordered: Sequence[SliceRecord], along: NDArray[np.float64], usual: float, subject: str
) -> Iterator[Finding]:
    gaps = np.diff(along)
    if not len(gaps):
        return
    low, high = limits.PLAUSIBLE_SLICE_SPACING_MM
    if not low <= usual <= high:
        text = f"The slices lie {usual:g} mm apart, not {low:g} to {high:g} mm; ask for the original images."
        yield block("implausible-spacing", text, subject, measured=usual, limit=high, unit="mm")
        return
    tolerance = max(limits.UNIFORM_GAP_SHARE * usual, limits.UNIFORM_GAP_MM)
    odd = np.flatnonzero(np.abs(gaps - usual) > tolerance)
    missing = _missing(ordered, gaps, usual, odd, tolerance)
    if missing:
        yield _missing_finding(ordered, along, missing, usual, subject)
    uneven = [int(at) for at in odd if int(at) not in missing]
    if uneven:
        worst = max(uneven, key=lambda at: abs(float(gaps[at]) - usual))
        text = (
            f"The gaps between slices range from {gaps.min():.2f} to {gaps.max():.2f} mm (for example between "
            f"{ordered[worst].name} and {ordered[worst + 1].name}, {along[worst]:.2f} to {along[worst + 1]:.2f} mm "
            "along the normal); accept resampling to even gaps, or fetch a series with even gaps."
        )
        yield block("uneven-spacing", text, subject, measured=float(gaps[worst]), limit=usual + tolerance, unit="mm")


def _missing_finding(
    ordered: Sequence[SliceRecord],
    along: NDArray[np.float64],
    missing: list[int],
    usual: float,
    subject: str,
) -> Finding:
    """Names every place, the widest first; filling is offered only while few slices in a row are gone."""
    lost = {at: round(float(along[at + 1] - along[at]) / usual) - 1 for at in missing}
    widest = sorted(missing, key=lambda at: (-lost[at], at))
    small = lost[widest[0]] <= limits.MOST_INTERPOLATED_SLICES
    places = [_missing_place(ordered[at], ordered[at + 1], along[at : at + 2], lost[at]) for at in widest[:_SHOWN]]
    rest = f"; and {len(widest) - _SHOWN} more places" if len(widest) > _SHOWN else ""
    total, gap = sum(lost.values()), float(along[widest[0] + 1] - along[widest[0]])
    text = (
        f"{total} slice{'s are' if total > 1 else ' is'} missing, positions along the slices' normal: "
        f"{'; '.join(places)}{rest}; {gap:.2f} mm lie there where {usual:.2f} mm are usual; fetch the series again"
        f"{', or accept that the gap is filled by interpolation' if small else ''}."
    )
    found = block("missing-slices", text, subject, measured=gap, limit=usual, unit="mm")
    return found if small else replace(found, overridable=False)


def _missing_place(one: SliceRecord, other: SliceRecord, ends: NDArray[np.float64], lost: int) -> str:
    """Where slices are missing: position in mm, their numbers where the numbers jump with them, and the neighbours."""
    step = float(ends[1] - ends[0]) / (lost + 1)
    first, last = float(ends[0]) + step, float(ends[1]) - step
    where = f"at {first:.2f} mm" if lost == 1 else f"from {first:.2f} to {last:.2f} mm"
    numbers = ""
    if _instance_jump(one, other) == lost + 1 and one.instance is not None and other.instance is not None:
        low = min(one.instance, other.instance)
        numbers = f" (number {low + 1})" if lost == 1 else f" (numbers {low + 1} to {low + lost})"
    return f"{where}{numbers} between {one.name} and {other.name}"


def _missing(
    ordered: Sequence[SliceRecord],
    gaps: NDArray[np.float64],
    usual: float,
    odd: NDArray[np.intp],
    tolerance: float,
) -> list[int]:
    """Gaps of a whole multiple: missing when they are rare, or when the instance numbers jump with them."""
    whole = [int(at) for at in odd if gaps[at] > 1.5 * usual and _is_multiple(float(gaps[at]), usual, tolerance)]
    if len(whole) <= max(1.0, limits.MISSING_GAP_SHARE * len(gaps)):
        return whole
    return [at for at in whole if _instance_jump(ordered[at], ordered[at + 1]) == round(float(gaps[at]) / usual)]


def _is_multiple(gap: float, usual: float, tolerance: float) -> bool:
    times = round(gap / usual)
    return abs(gap - times * usual) <= max(tolerance, limits.UNIFORM_GAP_SHARE * gap)


def _instance_jump(one: SliceRecord, other: SliceRecord) -> int | None:
    if one.instance is None or other.instance is None:
        return None
    return abs(other.instance - one.instance)


def _tilt_findings(geometry: Geometry, keep: NDArray[np.bool_], subject: str) -> Iterator[Finding]:
    origins, along = geometry.origins_lps_mm[keep], geometry.along_mm[keep]
    if len(along) < 2:
        return
    sideways = (origins - origins[0]) - (along - along[0])[:, None] * geometry.normal_lps
    drift = float(np.linalg.norm(sideways, axis=1).max())
    limit = limits.DRIFT_LIMIT_PIXELS * min(geometry.spacing_mm)
    if drift <= limit:
        return
    # A tilted gantry moves every slice along one line; what does not follow it is no shear and cannot be mended.
    share = (along - along[0]) / (along[-1] - along[0])
    stray = float(np.linalg.norm(sideways - share[:, None] * sideways[-1], axis=1).max())
    if stray > limit:
        text = (
            f"The slices are shifted sideways by up to {stray:.1f} mm against each other without a common direction; "
            "the series cannot be straightened, ask for the original images."
        )
        found = block("gantry-tilt", text, subject, measured=stray, limit=limit, unit="mm")
        yield replace(found, overridable=False)
        return
    angle = float(np.degrees(np.arctan2(np.linalg.norm(sideways[-1]), along[-1] - along[0])))
    text = (
        f"The slices are sheared by {angle:.1f}° (tilted gantry): they drift {drift:.1f} mm sideways over the stack; "
        "accept resampling to an upright volume."
    )
    yield block("gantry-tilt", text, subject, measured=drift, limit=limit, unit="mm")
