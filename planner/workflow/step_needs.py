"""What a step of a course waits for, judged from the case: yes, no or unknown, with what it stands on.

Unknown is never no and never yes. What only a person can judge (``text``) stays unknown until that person answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from planner.clinical.comparisons import at_least, at_most
from planner.clinical.quantities import convert
from planner.errors import InputRefused
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.course import Course, CourseStep, StepKind, StepNeed
from planner.model.disease import Lesion, Observation
from planner.model.people import LabValue
from planner.units import shown
from planner.workflow.course_dates import end_date, planned_on, stands, step_date, step_done
from planner.workflow.course_events import last_dose
from planner.workflow.template import Template


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NeedStatus:
    """A need, and what is known of it.

    Attributes
    ----------
    why
        What the verdict stands on, with its day, in one sentence.
    on
        Day of the newest evidence; None without any.
    not_before, not_after
        First day on which a waiting time is over, and last day of an interval.
    measured, limit, unit
        The compared numbers, unrounded.
    """

    need: StepNeed
    verdict: Verdict
    why: str
    on: date | None = None
    not_before: date | None = None
    not_after: date | None = None
    measured: float | None = None
    limit: float | None = None
    unit: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.need.kind,
            "text": self.need.text,
            "verdict": self.verdict.value,
            "why": self.why,
            "on": self.on.isoformat() if self.on else None,
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "not_after": self.not_after.isoformat() if self.not_after else None,
            "measured": self.measured,
            "limit": self.limit,
            "unit": self.unit,
            "source": self.need.source,
            "tag": self.need.tag,
        }


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Where a need is judged.

    Attributes
    ----------
    step
        The step that has the need; its planned day is the day a waiting time is counted to.
    """

    case: Case
    course: Course
    step: CourseStep
    templates: Mapping[str, Template]
    today: date

    @property
    def day(self) -> date:
        """The day the step is planned for, but not a day that has passed."""
        return max(planned_on(self.case, self.step) or self.today, self.today)

    def since(self, need: StepNeed) -> date | None:
        """The day the step named in a need was done; None when it is not done (or none is named)."""
        named = need.parameters.get("step")
        step = self.course.step(str(named)) if named else None
        return step_date(self.case, step) if step is not None and step_done(self.case, step) else None

    def waits_for(self, need: StepNeed) -> str | None:
        """Title of the step named in a need while that is not done."""
        named = need.parameters.get("step")
        if not named:
            return None
        step = self.course.step(str(named))
        if step is None:
            return "a step that is not in this course"
        return None if step_done(self.case, step) else step.title


Judge = Callable[[Circumstance, StepNeed], NeedStatus]


@dataclass(frozen=True, slots=True)
class NeedKind:
    """A kind of need: who judges it, and what its parameters are (name -> kind; ``!`` behind it: required)."""

    judge: Judge
    parameters: Mapping[str, str]


def judged(case: Circumstance, need: StepNeed) -> NeedStatus:
    """What is known of a need; a kind nobody knows (of a newer program) is unknown."""
    kind = NEEDS.get(need.kind)
    if kind is None:
        return _unknown(need, f"this program does not know needs of the kind {need.kind!r}")
    if any(need.parameters.get(name) is None for name, what in kind.parameters.items() if what.endswith("!")):
        return _unknown(need, "it is not said completely what is asked for")
    return kind.judge(case, need)


def _unknown(need: StepNeed, why: str, **more: Any) -> NeedStatus:
    return NeedStatus(need, Verdict.UNKNOWN, why, **more)


def _said(holds: bool) -> Verdict:
    return Verdict.YES if holds else Verdict.NO


def _laboratory(case: Circumstance, need: StepNeed) -> NeedStatus:
    """The newest value against a limit; older than its window, or before the step it must follow, it is unknown."""
    given = need.parameters
    analyte, unit = str(given["analyte"]), str(given["unit"])
    found = case.case.latest_lab(analyte, not_after=case.today)
    if case.waits_for(need) is not None:
        return _unknown(need, f"{case.waits_for(need)} is not done yet")
    if found is None or found.value is None:
        return _unknown(need, f"{_named(analyte)}: no value known")
    since, window = case.since(need), given.get("within_days")
    if since is not None and found.taken_on <= since:
        return _unknown(need, f"{_named(analyte)}: no value since {since.isoformat()}", on=found.taken_on)
    if window is not None and (case.today - found.taken_on).days > window:
        why = f"{_named(analyte)} of {found.taken_on.isoformat()} is older than {window:g} days"
        return _unknown(need, why, on=found.taken_on)
    value = _in_unit(found, unit)
    if value is None:
        return _unknown(need, f"{_named(analyte)} is given in {found.unit}, not in {unit}", on=found.taken_on)
    least, most = given.get("at_least"), given.get("at_most")
    holds = (least is None or at_least(value, least)) and (most is None or at_most(value, most))
    limit = most if most is not None else least
    text = f"{_named(analyte)} {shown(value, unit)} on {found.taken_on.isoformat()}"
    return NeedStatus(need, _said(holds), text, found.taken_on, None, None, value, limit, unit)


def _recovered(case: Circumstance, need: StepNeed) -> NeedStatus:
    """The newest value since a step against the last one before it."""
    given = need.parameters
    analyte, times = str(given["analyte"]), float(given["at_most_times"])
    since = case.since(need)
    if since is None:
        return _unknown(need, f"{case.waits_for(need) or 'the step before'} is not done yet")
    before = case.case.latest_lab(analyte, not_after=since)
    after = case.case.latest_lab(analyte, not_after=case.today)
    if after is None or after.taken_on <= since:
        return _unknown(need, f"{_named(analyte)}: no value since {since.isoformat()}")
    first = _in_unit(before, after.unit) if before is not None else None
    if not first or after.value is None:
        return _unknown(need, f"{_named(analyte)}: no value from before {since.isoformat()}", on=after.taken_on)
    ratio = after.value / first
    text = f"{_named(analyte)} {shown(after.value, after.unit)} on {after.taken_on.isoformat()}, before {shown(first)}"
    return NeedStatus(need, _said(at_most(ratio, times)), text, after.taken_on, None, None, ratio, times, "1")


def _named(analyte: str) -> str:
    from planner.clinical.laboratory import analyte as known

    return known(analyte).name


def _in_unit(found: LabValue, unit: str) -> float | None:
    if found.value is None:
        return None
    if found.unit == unit:
        return found.value
    try:
        return convert(found.value, found.unit, unit, found.analyte)
    except InputRefused:
        return None


def _imaging(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Images of the wanted kind since a step, or not older than a window."""
    given = need.parameters
    if case.waits_for(need) is not None:
        return _unknown(need, f"{case.waits_for(need)} is not done yet")
    since, window = case.since(need), given.get("within_days")
    modalities = tuple(given.get("modalities") or ())
    days = [
        each.study_date
        for each in case.case.studies
        if each.study_date is not None and each.study_date <= case.today
        if not modalities or each.modality in modalities
    ]
    if not modalities:
        done = [step for step in case.course.steps if step.kind == StepKind.IMAGING and step_done(case.case, step)]
        days += [day for day in (step_date(case.case, step) for step in done) if day is not None]
    days = [day for day in days if since is None or day > since]
    newest = max(days, default=None)
    what = " or ".join(modalities) or "images"
    if newest is None:
        after = f" since {since.isoformat()}" if since is not None else ""
        return NeedStatus(need, Verdict.NO, f"no {what}{after} in the case")
    age = (case.today - newest).days
    if window is not None and age > window:
        why = f"{what} of {newest.isoformat()} are older than {window:g} days"
        return NeedStatus(need, Verdict.NO, why, newest, None, None, float(age), float(window), "d")
    return NeedStatus(need, Verdict.YES, f"{what} of {newest.isoformat()}", newest)


def _response(case: Circumstance, need: StepNeed) -> NeedStatus:
    """The newest signed overall response since a step; readers who differ leave it unknown."""
    given = need.parameters
    if case.waits_for(need) is not None:
        return _unknown(need, f"{case.waits_for(need)} is not done yet")
    since, wanted = case.since(need), tuple(given.get("criteria") or ())
    signed = [each for each in case.case.readings if each.on <= case.today and (since is None or each.on > since)]
    signed = [each for each in signed if not wanted or each.criteria in wanted]
    newest = max((each.on for each in signed), default=None)
    if newest is None:
        return _recorded_outcome(case, need, since)
    said = _overall([each for each in signed if each.on == newest])
    if said is None:
        why = f"readings of {newest.isoformat()} differ or are not evaluable"
        return _unknown(need, why, on=newest)
    holds = said in given["any_of"]
    return NeedStatus(need, _said(holds), f"response {said} on {newest.isoformat()}", newest)


def _recorded_outcome(case: Circumstance, need: StepNeed, since: date | None) -> NeedStatus:
    """Without a signed reading: what the outcome of a session says."""
    # That room is built on the judged course, so that it is not there yet while this one is read.
    from planner.workflow.treated import responses

    wanted = need.parameters.get("criteria")
    seen = [each for each in responses(case.case) if each.on <= case.today and (since is None or each.on > since)]
    if not seen or wanted:
        return _unknown(need, "no signed response" + (f" since {since.isoformat()}" if since else ""))
    last = seen[-1]
    if last.category is None:
        return _unknown(need, f"not evaluable by the {last.said}", on=last.on)
    return NeedStatus(need, _said(last.category in need.parameters["any_of"]), f"{last.category}: {last.said}", last.on)


def _overall(readings: Iterable[ResponseReading]) -> str | None:
    """What the readers of one day agree on; an adjudication settles it."""
    readings = tuple(readings)
    final = [each for each in readings if each.role == "adjudication"] or readings
    said = {each.overall for each in final}
    return said.pop() if len(said) == 1 else None


def _viable(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Whether viable tumour is left, by what was observed since a step.

    Unenhanced-dense oil on CT says nothing of viability; a *no* asks for every lesion of a confirmed list.
    """
    if case.waits_for(need) is not None:
        return _unknown(need, f"{case.waits_for(need)} is not done yet")
    since = case.since(need)
    seen = {each.id: _newest(each, since, case.today) for each in case.case.lesions}
    if not seen:
        return _unknown(need, "no lesion is marked")
    states = {each.id: _viability(seen[each.id]) for each in case.case.lesions}
    days = [each.study_date for each in seen.values() if each is not None]
    viable = [each.name for each in case.case.lesions if states[each.id] is True]
    if viable:
        return NeedStatus(need, Verdict.YES, f"viable: {', '.join(viable)}", max(days))
    open_ = [each.name for each in case.case.lesions if states[each.id] is None]
    if open_:
        after = f" since {since.isoformat()}" if since else ""
        return _unknown(need, f"not evaluated{after}: {', '.join(open_)}", on=max(days, default=None))
    if not case.case.lesion_list_is_confirmed:
        why = "no viable tumour in the lesions marked, but their list is not confirmed complete"
        return _unknown(need, why, on=max(days))
    return NeedStatus(need, Verdict.NO, "no viable tumour in any lesion", max(days))


def _newest(lesion: Lesion, since: date | None, today: date) -> Observation | None:
    days = [each for each in lesion.observations if each.study_date <= today]
    days = [each for each in days if since is None or each.study_date > since]
    return max(days, key=lambda each: each.study_date, default=None)


def _viability(seen: Observation | None) -> bool | None:
    if seen is None or seen.assessable is False or seen.state == "not-evaluable":
        return None
    if seen.state == "absent":
        return False
    if seen.masslike_enhancement in ("present", "new", "increased"):
        return True
    if seen.modality == "CT" and seen.lipiodol is not None:
        return None
    if seen.viable_mm is not None:
        return seen.viable_mm > 0
    return False if seen.masslike_enhancement == "none" else None


def _new_lesion(case: Circumstance, need: StepNeed) -> NeedStatus:
    """A new lesion since a step, confirmed by a person."""
    since = case.since(need)
    if since is None:
        return _unknown(need, f"{case.waits_for(need) or 'the step before'} is not done yet")
    shown_on = [(each, each.first_seen_on) for each in case.case.lesions]
    new = [each for each, day in shown_on if day is not None and since < day <= case.today]
    sure = [each for each in new if each.identity_by is not None]
    if sure:
        days = [each.first_seen_on for each in sure if each.first_seen_on is not None]
        return NeedStatus(need, Verdict.YES, f"new: {', '.join(each.name for each in sure)}", max(days))
    if new:
        return _unknown(need, f"new, but confirmed by nobody: {', '.join(each.name for each in new)}")
    looked = [each.study_date for each in case.case.studies if each.study_date is not None and each.study_date > since]
    if not looked or not case.case.lesion_list_is_confirmed:
        return _unknown(need, "no images since, or the list of lesions is not confirmed complete")
    return NeedStatus(need, Verdict.NO, "no new lesion", max(looked))


def _untreated(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Whether the records say that lesions were left. A lesion of which no record speaks leaves it unknown."""
    # That room judges steps, so that it is not there yet while this one is read.
    from planner.workflow.course import Remains, what_remains

    if case.waits_for(need) is not None:
        return _unknown(need, f"{case.waits_for(need)} is not done yet")
    remains = what_remains(case.case, case.templates)
    left = [each.name for each in remains if each.state is Remains.UNTREATED]
    silent = [each.name for each in remains if each.state is Remains.UNKNOWN]
    if left:
        return NeedStatus(need, Verdict.YES, f"left untreated: {', '.join(left)}")
    if silent or not remains:
        return _unknown(need, f"no record speaks of {', '.join(silent) or 'any lesion'}")
    if not case.case.lesion_list_is_confirmed:
        return _unknown(need, "every lesion marked is treated, but their list is not confirmed complete")
    return NeedStatus(need, Verdict.NO, "every lesion is treated by the records")


def _burden(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Number and size of the lesions as last seen; only of a list that a person confirmed complete."""
    given = need.parameters
    if not case.case.lesion_list_is_confirmed:
        return _unknown(need, "the list of lesions is not confirmed complete")
    measure = "viable_mm" if given.get("viable") else "longest_mm"
    sizes: list[float] = []
    for lesion in case.case.lesions:
        seen = _newest(lesion, None, case.today)
        size = getattr(seen, measure) if seen is not None and seen.state != "absent" else None
        if seen is None or (size is None and seen.state != "absent"):
            return _unknown(need, f"the size of {lesion.name} is not known")
        if size:
            sizes.append(float(size))
    single, several = float(given["single_mm"]), float(given["several_mm"])
    largest = max(sizes, default=0.0)
    holds = len(sizes) == 1 and at_most(largest, single)
    holds = holds or (len(sizes) <= given["nodules"] and at_most(largest, several))
    text = f"{len(sizes)} lesion(s), the largest {shown(largest, 'mm')}"
    days = [seen.study_date for seen in (lesion.latest for lesion in case.case.lesions) if seen is not None]
    return NeedStatus(need, _said(holds), text, max(days, default=None), None, None, largest, several, "mm")


def _wash_out(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Days since the last dose of a kind of medicine, counted to the planned day."""
    given = need.parameters
    kinds, days = tuple(given["drugs"]), int(given["days"])
    known = last_dose(case.case, kinds, before=case.day)
    if known.on is None:
        return _unknown(need, known.why) if not known.none else NeedStatus(need, Verdict.YES, known.why)
    first = known.on + timedelta(days=days)
    passed = (case.day - known.on).days
    return NeedStatus(need, _said(passed >= days), known.why, known.on, first, None, float(passed), float(days), "d")


def _interval(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Days from a step that is not the one just before: counted to the planned day, or told as first and last day."""
    given = need.parameters
    named = case.course.step(str(given["step"]))
    start = None if named is None else end_date(case.case, named)
    if named is None or start is None:
        return _unknown(need, f"{named.title if named else 'a step that is not in this course'} has no date")
    least, most = given.get("at_least"), given.get("at_most")
    first = None if least is None else start + timedelta(days=int(least))
    last = None if most is None else start + timedelta(days=int(most))
    days, word = float((case.day - start).days), "done" if step_done(case.case, named) else "planned"
    why = f"{named.title} {word} {start.isoformat()}"
    if first is not None and case.day < first:
        early = planned_on(case.case, case.step) is not None
        verdict = Verdict.NO if early else Verdict.UNKNOWN
        return NeedStatus(need, verdict, f"{why}, {days:g} days before", start, first, last, days, least, "d")
    holds = last is None or case.day <= last
    return NeedStatus(need, _said(holds), f"{why}, {days:g} days before", start, first, last, days, most, "d")


def _answer(case: Circumstance, need: StepNeed) -> NeedStatus:
    """What the record of a session says in one field."""
    given = need.parameters
    named = case.course.step(str(given["step"]))
    session = case.case.session(named.session_id) if named is not None and named.session_id else None
    if session is None:
        return _unknown(need, "its session has no record yet")
    value = session.answer(str(given["stage"]), str(given["field"]))
    if value is None or value == "":
        return _unknown(need, f"not recorded in {session.title}")
    holds = str(value) in given["any_of"]
    return NeedStatus(need, _said(holds), f"{session.title}: {value}", session.performed_on)


def _step(case: Circumstance, need: StepNeed) -> NeedStatus:
    """Whether another step of the course is (still) part of it."""
    step = case.course.step(str(need.parameters["step"]))
    if step is None:
        return _unknown(need, "that step is not in this course")
    if step_done(case.case, step):
        return NeedStatus(need, Verdict.YES, f"{step.title} is done", step_date(case.case, step))
    if not stands(case.case, case.course, step):
        return NeedStatus(need, Verdict.NO, f"{step.title} falls away")
    return _unknown(need, f"{step.title} is not done yet")


def _decision(case: Circumstance, need: StepNeed) -> NeedStatus:
    """A decision of the board since a step, not older than a window."""
    since, window = case.since(need), need.parameters.get("within_days")
    held = [each.held_on for each in case.case.decisions if each.held_on is not None and each.held_on <= case.today]
    newest = max((day for day in held if since is None or day >= since), default=None)
    if newest is None:
        return NeedStatus(need, Verdict.NO, "no decision recorded" + (f" since {since.isoformat()}" if since else ""))
    age = float((case.today - newest).days)
    if window is not None and age > window:
        return NeedStatus(
            need, Verdict.NO, f"decision of {newest.isoformat()}", newest, None, None, age, float(window), "d"
        )
    return NeedStatus(need, Verdict.YES, f"decision of {newest.isoformat()}", newest)


def _text(case: Circumstance, need: StepNeed) -> NeedStatus:
    del case
    return _unknown(need, "a person judges this")


SINCE = {"step": "step"}
NEEDS: Mapping[str, NeedKind] = MappingProxyType(
    {
        "laboratory": NeedKind(
            _laboratory,
            {
                "analyte": "analyte!",
                "unit": "unit!",
                "at_least": "number",
                "at_most": "number",
                "within_days": "number",
                **SINCE,
            },
        ),
        "recovered": NeedKind(_recovered, {"analyte": "analyte!", "at_most_times": "number!", "step": "step!"}),
        "imaging": NeedKind(_imaging, {"modalities": "texts", "within_days": "number", **SINCE}),
        "response": NeedKind(_response, {"any_of": "texts!", "criteria": "criteria", **SINCE}),
        "viable": NeedKind(_viable, {**SINCE}),
        "untreated": NeedKind(_untreated, {**SINCE}),
        "new-lesion": NeedKind(_new_lesion, {"step": "step!"}),
        "burden": NeedKind(
            _burden, {"nodules": "number!", "single_mm": "number!", "several_mm": "number!", "viable": "flag"}
        ),
        "wash-out": NeedKind(_wash_out, {"drugs": "drugs!", "days": "number!"}),
        "interval": NeedKind(_interval, {"step": "step!", "at_least": "number", "at_most": "number"}),
        "answer": NeedKind(_answer, {"step": "step!", "stage": "stage!", "field": "field!", "any_of": "texts!"}),
        "step": NeedKind(_step, {"step": "step!"}),
        "decision": NeedKind(_decision, {"within_days": "number", **SINCE}),
        "text": NeedKind(_text, {}),
    }
)
"""Kind of a need -> its judge and parameters; a course template that names another one is refused at load."""
