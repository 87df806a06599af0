"""Response of a case: assessed anew from its lesions, signed by a reader, compared with a second reader's.

`assessed` computes; `sign_reading` keeps what a named person signed, with a digest of what it stood on. The second
reader reads without the first: his own observations, and no sight of the first reading until he has signed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from planner.app.response_request import READERS, CaseRequest, ProposedRole, propose_roles, response_request
from planner.catalogues import catalogue
from planner.clinical.response_course import assess
from planner.clinical.response_course_reading import LARGEST_HU, LARGEST_ML, LARGEST_MM, check_consistent
from planner.clinical.response_course_types import (
    ENHANCEMENTS,
    ROLES,
    STATES,
    Assessment,
    CourseRequest,
    LesionTimepoint,
    Seen,
)
from planner.errors import InputRefused, UsageError
from planner.model import codec
from planner.model.assessments import LesionResponse, ResponseReading
from planner.model.case import Case
from planner.model.disease import Observation
from planner.model.edits import Edit, new_id, with_lesion
from planner.workflow.template import Template

__all__ = [
    "ADJUDICATION",
    "CaseRequest",
    "Disagreement",
    "ProposedRole",
    "accepted_reading",
    "add_observation",
    "adjudicate",
    "assessed",
    "current_reading",
    "disagreements",
    "lipiodol_codes",
    "propose_roles",
    "reading_is_current",
    "response_request",
    "set_roles",
    "sign_reading",
    "visible_readings",
]

ADJUDICATION = "adjudication"
_THERAPIES = ("non-radiation", "radiation")

Templates = Mapping[str, Template]


def assessed(
    case: Case,
    criteria: str,
    reader: str = "first",
    *,
    baseline_on: date | None = None,
    templates: Templates | None = None,
) -> Assessment:
    """The response of a case by one reader's observations; without timepoints where the criteria do not hold.

    Raises
    ------
    UsageError
        As `response_request`.
    """
    asked = response_request(case, criteria, reader, baseline_on=baseline_on, templates=templates)
    if asked.request is None:
        return Assessment(criteria, None, (), asked.findings)
    found = assess(asked.request)
    return replace(found, findings=tuple(dict.fromkeys((*asked.findings, *found.findings))))


def sign_reading(
    case: Case,
    criteria: str,
    on: date,
    *,
    by: str,
    at: datetime,
    reader: str = "first",
    baseline_on: date | None = None,
    session_id: str | None = None,
    templates: Templates | None = None,
) -> Edit:
    """Keep the response of one timepoint as this person signed it.

    Parameters
    ----------
    on
        Day of the study that is read.
    session_id
        The session whose outcome it is, or None.

    Raises
    ------
    UsageError
        ``nothing-to-sign`` where the criteria do not hold or nothing was read that day; ``targets-not-chosen``;
        ``baseline-not-signed`` for the baseline itself; ``same-reader`` where one person would read twice.
    """
    if not by.strip():
        raise UsageError("no-reader", "A reading is signed by name; say who reads.")
    other = READERS[1 - READERS.index(reader)] if reader in READERS else None
    seen = current_reading(case, criteria, on, other) if other is not None else None
    if seen is not None and seen.read_by == by:
        text = f"{by} has signed as the {other} reader of {on}; another person reads as the {reader}."
        raise UsageError("same-reader", text)
    asked = response_request(case, criteria, reader, baseline_on=baseline_on, templates=templates)
    if asked.request is None:
        raise UsageError("nothing-to-sign", asked.findings[0].text)
    if asked.proposed:
        raise UsageError("targets-not-chosen", "Nobody has chosen the target lesions; choose them before signing.")
    reading = _reading(asked.request, on, reader)
    reading = replace(reading, read_by=by, read_at=at, session_id=session_id)
    return _put(reading)


def _put(reading: ResponseReading) -> Edit:
    def edit(case: Case) -> Case:
        if any(each.id == reading.id for each in case.readings):
            return case
        return replace(case, readings=(*case.readings, reading))

    return edit


def _reading(request: CourseRequest, on: date, reader: str) -> ResponseReading:
    """What would be signed; who and when are put in by the caller."""
    found = assess(request)
    point = found.on(on)
    if point is None:
        raise UsageError("nothing-to-sign", f"Nothing was read on {on} by the {reader} reader.")
    if point.is_baseline and point.overall is None:
        raise UsageError("baseline-not-signed", f"{on} is the baseline: it has nothing to be compared with.")
    why = [each.text for each in found.findings if each.blocks or each.text.startswith(str(on))]
    open_ = point.overall in (None, "NE")
    return ResponseReading(
        id=new_id("reading"),
        criteria=request.criteria,
        on=on,
        read_by="",
        read_at=datetime.min,
        role=reader,
        baseline_on=found.baseline_on,
        nadir_on=point.nadir_on,
        target=point.target,
        non_target=point.non_target,
        new_lesion=point.new_lesion,
        overall=point.overall,
        sum_mm=point.sum_mm,
        change_from_baseline=point.change_from_baseline,
        change_from_nadir=point.change_from_nadir,
        lesions=tuple(_lesion_response(row, point.unit) for row in point.lesions),
        not_evaluated=(" ".join(why) or "not evaluable") if open_ else None,
        digest=_digest(request, on),
        versions={**found.versions, "unit": point.unit},
    )


def _lesion_response(row: LesionTimepoint, unit: str | None) -> LesionResponse:
    """One lesion as it is kept: an area or a volume is no length, and stands in the note."""
    note, length = row.note, row.measured
    if unit not in (None, "mm") and row.measured is not None:
        note, length = "; ".join(each for each in (f"{row.measured:g} {unit}", row.note) if each), None
    return LesionResponse(row.lesion_id, row.category, length, row.change_from_baseline, note)


def _digest(request: CourseRequest, on: date) -> str:
    """Of what a reading stands on: criteria, roles, observations and ablations up to its day; no names of lesions."""
    lesions = [
        replace(
            each,
            name=None,
            observations=tuple(seen for seen in each.observations if seen.on <= on),
            ablated_on=each.ablated_on if each.ablated_on is not None and each.ablated_on <= on else None,
        )
        for each in request.lesions
    ]
    known = sorted((each for each in lesions if each.observations), key=lambda each: each.id)
    return codec.digest({"criteria": request.criteria, "baseline": request.baseline_on, "lesions": known})


def reading_is_current(case: Case, reading: ResponseReading, *, templates: Templates | None = None) -> bool:
    """Whether what a reading stood on is still so. Later studies change nothing; changed observations and roles do."""
    if reading.role == ADJUDICATION:
        kept = reading.versions.get("adjudicates", ())
        known = {each.id: each for each in case.readings}
        return all(name in known and reading_is_current(case, known[name], templates=templates) for name in kept)
    try:
        asked = response_request(
            case, reading.criteria, reading.role, baseline_on=reading.baseline_on, templates=templates
        )
    except UsageError:
        # The day it was compared with has no observation any more.
        return False
    return asked.request is not None and _digest(asked.request, reading.on) == reading.digest


def current_reading(case: Case, criteria: str, on: date, role: str = "first") -> ResponseReading | None:
    """The last signed reading of a timepoint in a role; earlier ones stay in the case."""
    found = [each for each in case.readings if (each.criteria, each.on, each.role) == (criteria, on, role)]
    return max(found, key=lambda each: each.read_at, default=None)


def visible_readings(case: Case, criteria: str, reader: str) -> tuple[ResponseReading, ...]:
    """What a reader may see: of days he has not signed only his own, so that he reads without the other."""
    own = {each.on for each in case.readings if each.criteria == criteria and each.role == reader}
    return tuple(
        each
        for each in case.readings
        if each.criteria == criteria and (reader != "second" or each.role == reader or each.on in own)
    )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where two readers differ.

    Attributes
    ----------
    what
        ``overall``, ``target``, ``non_target``, ``new_lesion`` or ``lesion``.
    first, second
        In the criteria's words; None where that reader has none.
    adjudicated
        The category of the adjudication; None while there is none.
    """

    criteria: str
    on: date
    what: str
    first: str | None
    second: str | None
    lesion_id: str | None = None
    adjudicated: str | None = None


def disagreements(case: Case, criteria: str | None = None) -> tuple[Disagreement, ...]:
    """Every difference between the two readers, for timepoints that both have signed."""
    pairs = sorted({(each.criteria, each.on) for each in case.readings if criteria in (None, each.criteria)})
    found: list[Disagreement] = []
    for name, on in pairs:
        first, second = current_reading(case, name, on, "first"), current_reading(case, name, on, "second")
        if first is not None and second is not None:
            found += _differences(first, second, _adjudication(case, first, second))
    return tuple(found)


def _adjudication(case: Case, first: ResponseReading, second: ResponseReading) -> ResponseReading | None:
    """The adjudication of just these two readings; one of earlier readings decides nothing."""
    found = current_reading(case, first.criteria, first.on, ADJUDICATION)
    if found is None or set(found.versions.get("adjudicates", ())) != {first.id, second.id}:
        return None
    return found


def _differences(
    first: ResponseReading, second: ResponseReading, settled: ResponseReading | None
) -> Iterable[Disagreement]:
    for what in ("overall", "target", "non_target", "new_lesion"):
        one, two = getattr(first, what), getattr(second, what)
        if one != two:
            decided = getattr(settled, what) if settled is not None else None
            yield Disagreement(first.criteria, first.on, what, _word(one), _word(two), adjudicated=_word(decided))
    rows = [{row.lesion_id: row.category for row in each.lesions} for each in (first, second)]
    decided = {row.lesion_id: row.category for row in settled.lesions} if settled is not None else {}
    for lesion_id in dict.fromkeys((*rows[0], *rows[1])):
        one, two = rows[0].get(lesion_id), rows[1].get(lesion_id)
        if one != two:
            yield Disagreement(first.criteria, first.on, "lesion", one, two, lesion_id, decided.get(lesion_id))


def _word(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def adjudicate(case: Case, criteria: str, on: date, *, agrees_with: str, reason: str, by: str, at: datetime) -> Edit:
    """A third person decides between two readings; the chosen one's words are kept under that person's name.

    Parameters
    ----------
    agrees_with
        ``first`` or ``second``.

    Raises
    ------
    UsageError
        ``nothing-to-adjudicate`` unless both have signed and differ; ``same-reader``; ``no-reason``.
    """
    first, second = (current_reading(case, criteria, on, role) for role in READERS)
    if first is None or second is None or not tuple(_differences(first, second, None)):
        raise UsageError("nothing-to-adjudicate", f"Two readings of {on} that differ are needed.")
    if agrees_with not in READERS:
        raise UsageError("unknown-reader", f"There is no reader {agrees_with!r}; name {' or '.join(READERS)}.")
    if by in (first.read_by, second.read_by):
        raise UsageError("same-reader", f"{by} has read this timepoint; a third person decides.")
    if not by.strip() or not reason.strip():
        raise UsageError("no-reason", "An adjudication needs a name and a reason; write both.")
    chosen = first if agrees_with == "first" else second
    told = {"adjudicates": [first.id, second.id], "agrees_with": agrees_with, "reason": reason.strip()}
    reading = replace(
        chosen,
        id=new_id("reading"),
        role=ADJUDICATION,
        read_by=by,
        read_at=at,
        versions={**chosen.versions, **told},
    )
    return _put(reading)


def accepted_reading(case: Case, criteria: str, on: date) -> ResponseReading | None:
    """What holds for a timepoint: the adjudication, or the readers' agreement, or the only reading; None while open."""
    first, second = (current_reading(case, criteria, on, role) for role in READERS)
    if first is None or second is None:
        return first or second
    settled = _adjudication(case, first, second)
    return settled or (first if first.overall == second.overall else None)


def set_roles(roles: Mapping[str, str | None]) -> Edit:
    """Choose target and non-target lesions: lesion id -> ``target``, ``non-target``, ``new`` or None.

    Raises
    ------
    UsageError
        ``unknown-role``; ``unknown-lesion`` when the edit is applied.
    """
    for role in roles.values():
        if role is not None and role not in ROLES:
            raise UsageError("unknown-role", f"There is no role {role!r}; known are {', '.join(ROLES)}.")

    def edit(case: Case) -> Case:
        for lesion_id, role in roles.items():
            lesion = case.lesion(lesion_id)
            if lesion is None:
                raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
            if lesion.role != role:
                case = with_lesion(case, replace(lesion, role=role))
        return case

    return edit


def add_observation(lesion_id: str, observation: Observation, *, by: str) -> Edit:
    """Put one reader's observation of a lesion in; it replaces that reader's of the same series and day.

    Raises
    ------
    InputRefused
        ``impossible-value``, ``contradiction``, ``unknown-word``.
    UsageError
        ``unknown-lesion`` when the edit is applied.
    """
    _check_numbers(observation)
    check_consistent(_as_seen(observation), f"the observation of {observation.study_date}")
    signed = replace(observation, read_by=observation.read_by or by)

    def same(each: Observation) -> bool:
        mine = (each.study_date, each.series_uid, each.read_as, each.region_item_id)
        return mine == (signed.study_date, signed.series_uid, signed.read_as, signed.region_item_id)

    def edit(case: Case) -> Case:
        lesion = case.lesion(lesion_id)
        if lesion is None:
            raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
        kept = [each for each in lesion.observations if not same(each)]
        rows = tuple(sorted((*kept, signed), key=lambda each: each.study_date))
        if set(rows) == set(lesion.observations):
            return case
        first = lesion.first_seen_on
        if signed.state != "absent" and (first is None or signed.study_date < first):
            first = min(each.study_date for each in rows if each.state != "absent")
        return with_lesion(case, replace(lesion, observations=rows, first_seen_on=first))

    return edit


def lipiodol_codes() -> tuple[str, ...]:
    """What may be said of Lipiodol in a lesion: the grades of retention, ``none``, and ``not-evaluated``."""
    rows = catalogue("lipiodol.toml")["retention"]["grade"]
    return (*(str(row["code"]) for row in rows), "not-evaluated")


def _as_seen(observation: Observation) -> Seen:
    return Seen(
        on=observation.study_date,
        diameter_mm=observation.longest_mm,
        viable_mm=observation.viable_mm,
        short_axis_mm=observation.short_axis_mm,
        enhancing_mm=observation.enhancing_mm,
        volume_ml=observation.volume_ml,
        enhancing_ml=observation.enhancing_ml,
        state=observation.state,
    )


def _check_numbers(observation: Observation) -> None:
    pair = observation.enhancing_mm or (None, None)
    lengths = (observation.longest_mm, observation.viable_mm, observation.short_axis_mm, *pair)
    limits = [(each, 0.0, LARGEST_MM) for each in lengths]
    limits += [(each, 0.0, LARGEST_ML) for each in (observation.volume_ml, observation.enhancing_ml)]
    limits.append((observation.density_hu, -LARGEST_HU, LARGEST_HU))
    for value, least, most in limits:
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            text = f"The observation of {observation.study_date} holds {value}; it must lie in {least:g} to {most:g}."
            raise InputRefused("impossible-value", text)
    words = (
        (observation.state, STATES),
        (observation.masslike_enhancement, ENHANCEMENTS),
        (observation.read_as, READERS),
        (observation.therapy, _THERAPIES),
        (observation.lipiodol, lipiodol_codes()),
    )
    for word, known in words:
        if word is not None and word not in known:
            text = f"The observation of {observation.study_date} says {word!r}; known are {', '.join(known)}."
            raise InputRefused("unknown-word", text)
