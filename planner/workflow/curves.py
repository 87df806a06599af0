"""What runs over time in a case, as points on one axis: laboratory, markers, the diary, lesion sizes, doses.

Nothing is stored: the curves are read from the case each time. What cannot be placed on the axis is said in a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from planner.catalogues import catalogue
from planner.clinical.laboratory import analytes, to_canonical
from planner.clinical.registry import evaluate
from planner.errors import InputRefused
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.people import LabValue
from planner.workflow.ledgers import CaseLedger, ledger_of
from planner.workflow.scales import scales, told
from planner.workflow.template import Template

LAB, MARKER, REPORT, LESION, DOSE = "lab", "marker", "report", "lesion", "dose"


class CurvePoint(NamedTuple):
    """One value on a day.

    Attributes
    ----------
    value
        In the curve's unit, unrounded.
    comparator
        ``<``, ``>`` or empty: beyond what the laboratory measures.
    origin
        Id of the laboratory value, report, decision or session it comes from; series UID of an observation; or None.
    """

    on: date
    value: float
    comparator: str = ""
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """One value over time.

    Attributes
    ----------
    key
        ``lab:bilirubin``, ``marker:afp``, ``report:pain``, ``lesion:ID:viable``, ``dose:doxorubicin:mg`` …
    unit
        UCUM code.
    points
        Oldest first; several of one day stay as they are. A dose is the sum up to and with that day.
    kind
        ``lab``, ``marker``, ``report``, ``lesion`` or ``dose``.
    subject
        Id of the lesion; None for others.
    shown
        Whether a page shows it before anybody chooses; the others are offered.
    note
        What the curve does not say (undated amounts, values in units that do not convert, sessions elsewhere).
    """

    key: str
    title: str
    unit: str
    points: tuple[CurvePoint, ...]
    kind: str
    subject: str | None = None
    shown: bool = True
    note: str | None = None


def curves(case: Case, templates: Mapping[str, Template] | None = None) -> tuple[Curve, ...]:
    """Every curve of a case that has a point: markers and laboratory, diary, lesions, doses, in that order.

    Parameters
    ----------
    templates
        By id; without them the amounts in the records of sessions are not read, and the notes of the doses say so.
    """
    found = [*_laboratory(case), *_computed(case), *_reports(case), *_lesions(case), *_doses(case, templates or {})]
    return tuple(each for each in found if each.points)


def _laboratory(case: Case) -> Iterator[Curve]:
    data = catalogue("curves.toml")
    measured = dict.fromkeys(each.analyte for each in case.laboratory if each.analyte in analytes())
    ordered = [key for key in data["shown"] if key in measured]
    ordered += [key for key in measured if key not in ordered]
    for key in ordered:
        known, kind = analytes()[key], MARKER if key in data["markers"] else LAB
        values = [each for each in case.laboratory if each.analyte == key and each.value is not None]
        points = [point for each in values if (point := _lab_point(each)) is not None]
        lost = len(values) - len(points)
        note = f"{lost} value(s) in a unit that does not convert are not shown." if lost else None
        placed = tuple(sorted(points, key=lambda point: point.on))
        yield Curve(f"{kind}:{key}", known.name, known.unit, placed, kind, shown=key in data["shown"], note=note)


def _lab_point(each: LabValue) -> CurvePoint | None:
    if each.value is None:
        return None
    try:
        value = to_canonical(each.analyte, each.value, each.unit)
    except InputRefused:
        return None
    return CurvePoint(each.taken_on, value, each.comparator, each.id)


def _computed(case: Case) -> Iterator[Curve]:
    for entry in catalogue("curves.toml")["computed"]:
        by_day: dict[date, dict[str, Any]] = {}
        for each in case.laboratory:
            if each.analyte in entry["inputs"] and each.value is not None and not each.comparator:
                by_day.setdefault(each.taken_on, {})[each.analyte] = (each.value, each.unit)
        points = [
            CurvePoint(day, number)
            for day, inputs in sorted(by_day.items())
            if len(inputs) == len(entry["inputs"]) and (number := _score(entry, inputs)) is not None
        ]
        yield Curve(f"{LAB}:{entry['key']}", entry["title"], "1", tuple(points), LAB)


def _score(entry: Mapping[str, Any], inputs: Mapping[str, Any]) -> float | None:
    try:
        return evaluate(entry["rule"], inputs).number(entry["output"])
    except InputRefused:
        # A unit that does not fit: the value itself is on its own curve's note.
        return None


def _reports(case: Case) -> Iterator[Curve]:
    for key, scale in scales().items():
        entries = told(case, key)
        points = tuple(CurvePoint(each.on, each.value, "", each.id) for each in entries if each.value is not None)
        words = sum(each.value is None for each in entries)
        note = f"{words} entry(ies) told in words only are not on the curve." if words else None
        yield Curve(f"{REPORT}:{key}", scale.title, scale.unit, points, REPORT, note=note)


def _lesions(case: Case) -> Iterator[Curve]:
    for lesion in case.lesions:
        sizes = (
            (("short-axis", "short axis", "short_axis_mm"),)
            if lesion.node
            else (("longest", "longest", "longest_mm"), ("viable", "viable", "viable_mm"))
        )
        for key, words, name in sizes:
            points = tuple(_sizes(lesion, name))
            title = f"{lesion.name}, {words}"
            yield Curve(f"{LESION}:{lesion.id}:{key}", title, "mm", points, LESION, subject=lesion.id)


def _sizes(lesion: Lesion, name: str) -> Iterator[CurvePoint]:
    """One size per study, as the first reader measured it; a lesion seen to be absent is 0 mm, an unread one is not."""
    for each in sorted(lesion.observations, key=lambda seen: seen.study_date):
        value = _size(each, name)
        if each.read_as == "first" and value is not None:
            yield CurvePoint(each.study_date, value, "", each.series_uid)


def _size(each: Observation, name: str) -> float | None:
    value: float | None = getattr(each, name)
    return 0.0 if value is None and each.state == "absent" else value


def _doses(case: Case, templates: Mapping[str, Template]) -> Iterator[Curve]:
    ledger = ledger_of(case, templates)
    for total in ledger.totals:
        entries = [each for each in ledger.entries if (each.substance, each.unit) == (total.substance, total.unit)]
        points: list[CurvePoint] = []
        reached = 0.0
        dated = [(each.on, each) for each in entries if each.on is not None]
        for on, each in sorted(dated, key=lambda pair: pair[0]):
            reached += each.amount
            points.append(CurvePoint(on, reached, "", each.origin))
        undated = [each.amount for each in entries if each.on is None]
        note = _dose_note(ledger, sum(undated) if undated else None, total.unit)
        key = f"{DOSE}:{total.substance}:{total.unit}"
        yield Curve(key, total.substance, total.unit, tuple(points), DOSE, note=note)


def _dose_note(ledger: CaseLedger, undated: float | None, unit: str) -> str:
    return ledger.note if undated is None else f"{ledger.note} {undated:g} {unit} without a date are not on the curve."
