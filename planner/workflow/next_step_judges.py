"""What tells whether a criterion of a repeat-and-stop rule set is met, not met or unknown, with its evidence.

A judge never takes unknown for no. It gives each input with its day and where it is from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from planner.clinical.comparisons import above, at_least, at_most
from planner.clinical.laboratory import analyte, to_canonical
from planner.clinical.quantities import convert
from planner.errors import InputRefused
from planner.model.disease import Lesion
from planner.model.people import LabValue
from planner.units import shown
from planner.workflow.rule_sets import Criterion, RuleSet
from planner.workflow.treated import CourseFacts, Treatment, seen_since


class Met(StrEnum):
    """State of a criterion or a set."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """State of a criterion, and what it stands on: one line each, or what is missing."""

    state: Met
    evidence: tuple[str, ...]


Judge = Callable[[CourseFacts, RuleSet, Mapping[str, Any]], Judgement]


def judged(facts: CourseFacts, rule_set: RuleSet, criterion: Criterion) -> Judgement:
    """The judgement of a criterion by the judge it names; a value that cannot be converted leaves it unknown."""
    try:
        return JUDGES[criterion.judge](facts, rule_set, criterion.parameters)
    except InputRefused as refused:
        return _unknown(refused.message)


def _unknown(*why: str) -> Judgement:
    return Judgement(Met.UNKNOWN, tuple(why))


def _known(met: bool, *evidence: str) -> Judgement:
    return Judgement(Met.MET if met else Met.NOT_MET, tuple(evidence))


def viable_after(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """Viable tumour on images after the last treatment, in any treated lesion."""
    since = facts.last_treated_on(rule_set.after)
    lines: list[str] = []
    states: list[bool | None] = []
    for lesion in facts.treated_lesions():
        seen = [each for each in seen_since(lesion, since) if each.assessable is not False]
        known = [each for each in seen if each.viable_mm is not None]
        states.append(bool(known[-1].viable_mm) if known else None)
        if known:
            last = known[-1]
            lines.append(f"{lesion.name}: viable {shown(last.viable_mm, 'mm')} on {last.study_date.isoformat()}")
        else:
            lines.append(f"{lesion.name}: no viable diameter read since the last treatment")
    if True in states:
        return _known(True, *lines)
    if not states or None in states:
        return _unknown(*(lines or ("no record says which lesions were treated",)))
    return _known(False, *lines)


def days_since(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """Days from the last treatment until today."""
    since = facts.last_treated_on(rule_set.after)
    if since is None:
        return _unknown("no treatment is recorded")
    days = (facts.today - since).days
    return _known(days >= parameters["at_least_days"], f"{days} days since {since.isoformat()}")


def laboratory(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """The newest value in its window, compared in the unit of the printed limit."""
    key, unit = parameters["analyte"], parameters["unit"]
    name, found = analyte(key).name, facts.case.latest_lab(key, not_after=facts.today)
    if found is None or found.value is None or found.comparator:
        return _unknown(f"{name}: no plain value is known")
    age = (facts.today - found.taken_on).days
    line = f"{name} {shown(found.value, found.unit)} of {found.taken_on.isoformat()}"
    if age > parameters["max_age_days"]:
        return _unknown(f"{line} is {age} days old; it may be used for {parameters['max_age_days']}")
    since = facts.last_treated_on(rule_set.after)
    if since is not None and found.taken_on <= since:
        return _unknown(f"{line} is from before the last treatment")
    return _known(at_most(convert(found.value, found.unit, unit, key), parameters["at_most"]), line)


def answered(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """What was answered after the newest treatment of the set."""
    sessions = facts.performed(rule_set.after)
    if not sessions:
        return _unknown("no treatment is recorded")
    session = sessions[-1]
    value = session.answer(parameters["stage"], parameters["field"])
    where = f"{parameters['stage'].replace('_', ' ')} of {session.title}"
    if value in parameters["met"] or value in parameters["not_met"]:
        return _known(value in parameters["met"], f"{where}: {value}")
    return _unknown(f"{where}: not answered" if value is None else f"{where}: {value}")


def table_answered(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """What was answered per lesion after the newest treatment: met where any row meets it."""
    sessions = facts.performed(rule_set.after)
    rows = sessions[-1].answer(parameters["stage"], parameters["table"]) if sessions else None
    if not rows:
        return _unknown("no outcome per lesion is recorded after the last treatment")
    lines: list[str] = []
    states: list[bool | None] = []
    for row in rows:
        lesion, value = facts.case.lesion(str(row.get("lesion"))), row.get(parameters["column"])
        lines.append(f"{lesion.name if lesion else 'lesion not named'}: {value or 'not answered'}")
        states.append(True if value in parameters["met"] else False if value in parameters["not_met"] else None)
    if True in states:
        return _known(True, *lines)
    return _unknown(*lines) if None in states else _known(False, *lines)


def responses_in_row(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """The newest treatments in a row whose last reading has one of the categories."""
    wanted, least = parameters["of"], parameters["at_least"]

    def one(treatment: Treatment) -> tuple[bool | None, str]:
        seen = treatment.latest
        if seen is None or seen.category is None:
            return None, f"{treatment.session.title} ({treatment.on.isoformat()}): response not read or not evaluable"
        return seen.category in wanted, f"{treatment.session.title}: {seen.category} by {seen.said}"

    return _in_row([one(each) for each in facts.treatments(rule_set.after)], least)


def new_lesions_in_row(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """The newest treatments in a row after each of which a new lesion was read."""

    def one(treatment: Treatment) -> tuple[bool | None, str]:
        said = [each for each in treatment.responses if each.new_lesion is not None]
        if not said:
            return None, f"{treatment.session.title}: new lesions not asked or not read"
        found = any(each.new_lesion for each in said)
        return found, f"{treatment.session.title}: {'new lesion' if found else 'no new lesion'} by {said[-1].said}"

    return _in_row([one(each) for each in facts.treatments(rule_set.after)], parameters["at_least"])


def insufficient_in_row(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """The newest treatments in a row after which more than a share of a treated lesion was viable, by diameter."""
    limit, lesions = parameters["viable_above_percent"], facts.treated_lesions()

    def one(treatment: Treatment, until: Treatment | None) -> tuple[bool | None, str]:
        shares = []
        for lesion in lesions:
            seen = [each for each in seen_since(lesion, treatment.on) if until is None or each.study_date <= until.on]
            known = [each for each in seen if each.viable_mm is not None and each.longest_mm]
            if known:
                shares.append((100.0 * (known[-1].viable_mm or 0.0) / (known[-1].longest_mm or 1.0), lesion.name))
        if not shares:
            return None, f"{treatment.session.title}: viable part not read"
        most, name = max(shares)
        said = f"{treatment.session.title}: {name} {most:.0f} % of its diameter viable (area or volume not measured)"
        return above(most, limit), said

    treatments = facts.treatments(rule_set.after)
    following = [*treatments[1:], None]
    return _in_row(
        [one(each, after) for each, after in zip(treatments, following, strict=True)], parameters["at_least"]
    )


def _in_row(found: Sequence[tuple[bool | None, str]], least: int) -> Judgement:
    """Met when the last `least` ones are; not met when one of them is not; else unknown."""
    last = found[-least:]
    lines = tuple(line for _, line in last) or ("no treatment is recorded",)
    if any(state is False for state, _ in last):
        return _known(False, *lines)
    if len(found) < least:
        return _known(False, *lines, f"{len(found)} of {least} treatments so far")
    return _unknown(*lines) if any(state is None for state, _ in last) else _known(True, *lines)


def markers_rise(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """A marker that rose from before the last treatment to the first value after it, and at every value since."""
    since = facts.last_treated_on(rule_set.after)
    if since is None:
        return _unknown("no treatment is recorded")
    states: list[bool | None] = []
    lines = []
    for key in parameters["analytes"]:
        values = [each for each in facts.case.laboratory if each.analyte == key and each.value is not None]
        values = sorted((each for each in values if not each.comparator), key=lambda each: each.taken_on)
        before = [each for each in values if each.taken_on <= since][-1:]
        after = [each for each in values if each.taken_on > since]
        name = analyte(key).name
        if not before or len(after) < 2:
            states.append(None)
            lines.append(f"{name}: needs a value before and two after the last treatment")
            continue
        numbers = [to_canonical(key, each.value or 0.0, each.unit) for each in (*before, *after)]
        states.append(all(above(later, earlier) for earlier, later in zip(numbers, numbers[1:], strict=False)))
        lines.append(f"{name}: {' → '.join(_lab(each) for each in (*before, *after))}")
    if True in states:
        return _known(True, *lines)
    return _unknown(*lines) if None in states else _known(False, *lines)


def _lab(value: LabValue) -> str:
    return f"{shown(value.value, value.unit)} ({value.taken_on.isoformat()})"


def new_lesion(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """A lesion first seen after the last treatment, and confirmed as new by a person."""
    since = facts.last_treated_on(rule_set.after)
    if since is None:
        return _unknown("no treatment is recorded")
    fresh = [each for each in facts.case.lesions if each.first_seen_on is not None and each.first_seen_on > since]
    confirmed = [each for each in fresh if each.identity_by]
    if confirmed:
        return _known(True, *(_new_line(each) for each in confirmed))
    if fresh:
        return _unknown(*(f"{each.name}: looks new and is not confirmed; have a second look" for each in fresh))
    seen = [each.study_date for lesion in facts.case.lesions for each in seen_since(lesion, since)]
    if not seen:
        return _unknown("no images were read since the last treatment")
    return _known(False, f"none marked on images up to {max(seen).isoformat()}")


def _new_line(lesion: Lesion) -> str:
    day = lesion.first_seen_on.isoformat() if lesion.first_seen_on else "day unknown"
    return f"{lesion.name}: first seen {day}, confirmed by {lesion.identity_by}"


def computed(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """What a template computes for the session at hand."""
    found = facts.computed.get(parameters["id"])
    if found is None:
        return _unknown("is computed in the session that is being planned; there is none")
    inputs = "; ".join(f"{name} {value}" for name, value in found.inputs.items())
    line = f"{found.label} {shown(found.value) if isinstance(found.value, float) else found.value}: {inputs}"
    if found.value is None or found.grade not in (*parameters["met"], *parameters["not_met"]):
        return _unknown(found.note or line)
    return _known(found.grade in parameters["met"], line)


def total_per_m2(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """A drug's total per body surface, each dose by that of its day."""
    found = next((each for each in facts.ledger.totals if each.substance == parameters["substance"]), None)
    if found is None:
        return _outside(facts, False, f"{parameters['substance']}: none recorded")
    if found.per_m2 is None:
        return _unknown(f"{parameters['substance']} {shown(found.amount, found.unit)}: a body surface is missing")
    line = f"{parameters['substance']} {shown(found.per_m2, 'mg/m2')} in {found.entries} doses"
    return _outside(facts, at_least(found.per_m2, parameters["at_least_mg_m2"]), line)


def sum_within(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """What was received within some days."""
    name, unit, days = parameters["substance"], parameters["unit"], parameters["days"]
    mine = [each for each in facts.ledger.entries if (each.substance, each.unit) == (name, unit)]
    recent = [each.amount for each in mine if each.on is not None and 0 <= (facts.today - each.on).days <= days]
    line = f"{name} {shown(sum(recent), unit)} within {days} days, in {len(recent)} entries"
    if any(each.on is None for each in mine):
        return _unknown(line, "an entry without a day is not in it")
    return _outside(facts, at_least(sum(recent), parameters["at_least"]), line)


def _outside(facts: CourseFacts, reached: bool, line: str) -> Judgement:
    """A limit that is reached is met; one that is not is known only when nothing was given elsewhere."""
    if reached or facts.case.outside_sessions == "no":
        return _known(reached, line)
    return _unknown(line, facts.ledger.note)


def treatments_of_one_lesion(facts: CourseFacts, rule_set: RuleSet, parameters: Mapping[str, Any]) -> Judgement:
    """How often each lesion was treated by sessions of the set."""
    counts = [(len(facts.treatments_of(each.id, rule_set.after)), each.name) for each in facts.treated_lesions()]
    if not counts:
        return _unknown("no record says which lesions were treated")
    lines = [f"{name}: {count}" for count, name in counts]
    return _known(max(counts)[0] >= parameters["at_least"], *lines)


JUDGES: Mapping[str, Judge] = {
    judge.__name__: judge
    for judge in (
        viable_after,
        days_since,
        laboratory,
        answered,
        table_answered,
        responses_in_row,
        new_lesions_in_row,
        insufficient_in_row,
        markers_rise,
        new_lesion,
        computed,
        total_per_m2,
        sum_within,
        treatments_of_one_lesion,
    )
}
"""By the name that a criterion's ``judge`` gives."""
