"""What every check and compute function needs: profile limits, laboratory in date, rules with the profile's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from planner.clinical.constants import weakest
from planner.clinical.laboratory import analyte as analyte_of
from planner.clinical.laboratory import to_canonical
from planner.clinical.quantities import convert
from planner.clinical.registry import evaluate
from planner.clinical.results import RuleResult
from planner.errors import BugError
from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit

NOT_EVALUATED = "not-evaluated"


@dataclass(frozen=True, slots=True)
class Known:
    """A value that a score may use, or why it may not.

    Attributes
    ----------
    value
        Number in `unit`, unrounded; None is unknown.
    missing
        Why it is unknown, in words; None when it is known.
    """

    name: str
    value: float | None
    unit: str | None = None
    on: date | None = None
    missing: str | None = None
    confirmed: bool = False

    @property
    def given(self) -> tuple[float, str] | None:
        """As the rules take it; None for unknown."""
        return None if self.value is None else (self.value, self.unit or "1")

    def printed(self) -> str:
        """Value, unit and date as a person reads them."""
        text = shown(self.value, self.unit)
        return f"{text} ({self.on.isoformat()})" if self.on and self.value is not None else text


def limit(context: StageContext, name: str) -> Limit:
    """The profile's limit that a parameter of the check names."""
    found = context.parameter(name)
    if not isinstance(found, Limit):
        raise BugError(f"the parameter {name} of {context.stage.id} names no limit of the profile")
    return found


def number(found: Limit) -> float:
    """The number of a limit."""
    if isinstance(found.value, bool) or not isinstance(found.value, (int, float)):
        raise BugError(f"the limit {found.label} is no number")
    return float(found.value)


def flag(found: Limit) -> bool:
    return found.value is True


def against(
    context: StageContext, code: str, text: str, measured: float | None, compared: Limit, **more: Any
) -> Finding:
    """A finding about a number that was compared with a limit of the profile: source and tag are the limit's."""
    more.setdefault("unit", compared.unit)
    more.setdefault("limit", number(compared))
    return context.finding(code, text, measured=measured, source=compared.source, tag=compared.tag, **more)


def not_evaluated(context: StageContext, why: str, **more: Any) -> Finding:
    """What a check says when it cannot be answered, with the check's own severity: silence would mean *passed*."""
    return context.finding(more.pop("code", NOT_EVALUATED), f"Not evaluated: {why}.", **more)


def as_date(value: Any) -> date | None:
    """The day of an ISO date or date and time; None for unknown."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) and value else None
    except ValueError:
        return None


def as_number(value: Any) -> float | None:
    """A typed number; None for unknown."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def text_of(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def choices_of(value: Any) -> tuple[str, ...]:
    """The codes of a field that allows several."""
    if isinstance(value, str):
        return (value,)
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple)) else ()


def yes_no(value: Any) -> bool | None:
    """``yes`` and ``no`` as a boolean; anything else is unknown."""
    return {"yes": True, "no": False}.get(value) if isinstance(value, str) else None


def laboratory(context: StageContext, analyte: str, window: Limit) -> Known:
    """The newest value of an analyte in its window, or why there is none."""
    name = analyte_of(analyte).name
    found = context.lab(analyte)
    if found is None:
        return Known(name, None, missing=f"{name} is unknown")
    age = (context.today - found.taken_on).days
    if age > number(window):
        why = f"{name} of {found.taken_on.isoformat()} is {age} days old, it may be used for {number(window):g}"
        return Known(name, None, missing=why)
    if found.value is None or found.comparator:
        said = found.text or f"{found.comparator}{shown(found.value, found.unit)}"
        return Known(name, None, missing=f"{name} is given as {said}")
    return Known(name, found.value, found.unit, found.taken_on, confirmed=found.confirmed)


def canonical(analyte: str, known: Known) -> float | None:
    """The value in the analyte's canonical unit, unrounded."""
    return None if known.value is None else to_canonical(analyte, known.value, known.unit or "1")


def in_unit(analyte: str, known: Known, unit: str) -> float | None:
    """The value in the unit of a printed cut-off, unrounded."""
    return None if known.value is None else convert(known.value, known.unit or "1", unit, analyte)


def weight(context: StageContext) -> Known:
    """The last known weight, whatever its date; checks ask about its date by themselves."""
    patient = context.case.patient
    if patient.weight_kg is None:
        return Known("Weight", None, missing="the weight is unknown")
    return Known("Weight", patient.weight_kg, "kg", patient.weight_on)


def height(context: StageContext) -> Known:
    found = context.case.patient.height_cm
    return Known("Height", found, "cm", missing=None if found is not None else "the height is unknown")


def age(context: StageContext) -> Known:
    found = context.case.patient.age_on(context.today)
    return Known("Age", found, "a", missing=None if found is not None else "the birth date is unknown")


def sex_code(context: StageContext) -> str | None:
    """``M`` or ``F`` as the formulas know it; None otherwise."""
    sex = context.case.patient.sex
    return sex.value if sex is not None and sex.value in ("M", "F") else None


def ruled(
    context: StageContext,
    rule: str,
    inputs: Mapping[str, Any],
    *,
    constants: Mapping[str, Limit] | None = None,
    tables: Mapping[str, Mapping[str, Limit]] | None = None,
) -> RuleResult:
    """A rule evaluated with the institution's numbers.

    Parameters
    ----------
    inputs
        As `planner.clinical.registry.evaluate` takes them, or `Known` values.
    constants
        Constant -> limit of the profile that replaces it.
    tables
        Constant that is a table -> row -> limit of the profile.
    """
    replaced: dict[str, Any] = dict(context.profile.rule_overrides.get(rule, {}))
    for name, found in (constants or {}).items():
        replaced[name] = {"value": found.value, "source": found.source, "tag": found.tag}
    for name, rows in (tables or {}).items():
        replaced[name] = {
            "value": {row: found.value for row, found in rows.items()},
            "source": "; ".join(dict.fromkeys(found.source for found in rows.values())),
            "tag": weakest([found.tag for found in rows.values()]),
        }
    overrides = {**context.profile.rule_overrides}
    if replaced:
        overrides[rule] = replaced
    given = {name: value.given if isinstance(value, Known) else value for name, value in inputs.items()}
    confirmed = [name for name, value in inputs.items() if isinstance(value, Known) and value.confirmed]
    return evaluate(rule, given, overrides=overrides, confirmed=confirmed)


def missing_of(*known: Known) -> str | None:
    """Why something cannot be computed: every reason, joined; None when all is known."""
    reasons = [each.missing for each in known if each.missing is not None]
    return "; ".join(dict.fromkeys(reasons)) or None


def reasons_of(result: RuleResult) -> str:
    """Why a rule was not evaluated, in its own words."""
    said = [
        each.text.removeprefix("Not evaluated: ").rstrip(".") for each in result.findings if each.severity != "info"
    ]
    return "; ".join(dict.fromkeys(said)) or "an input is missing"


def notes_of(result: RuleResult) -> str:
    """What a rule has to say beside its value, without what the profile replaced."""
    return " ".join(each.text for each in result.findings if each.code != "rule-overridden")


def as_findings(context: StageContext, result: RuleResult, *, code: str | None = None) -> list[Finding]:
    """What a rule found, spoken by the check: never stronger than the check acts."""
    found = []
    for each in result.findings:
        if each.severity is Severity.INFO:
            continue
        strongest = context.check.severity if context.check else each.severity
        severity = strongest if each.severity is Severity.BLOCK else each.severity
        found.append(
            context.finding(
                code or each.code,
                each.text,
                severity=severity,
                measured=each.measured,
                limit=each.limit,
                unit=each.unit,
                source=each.source,
                tag=each.tag,
                subject=f"{context.stage.id}.{each.subject}" if each.subject else context.stage.id,
            )
        )
    return found


def unknown_value(computed_id: str, label: str, why: str, rule: str | None = None) -> Computed:
    """A derived number that is not there, with the reason where the number would stand."""
    return Computed(id=computed_id, label=label, value=None, rule=rule, note=f"Not evaluated: {why}.")


def from_rule(
    result: RuleResult,
    output: str,
    computed_id: str,
    label: str,
    *,
    inputs: Mapping[str, str],
    arithmetic: str = "",
    grade: str | None = None,
) -> Computed:
    """One output of a rule with all that a click on it shows."""
    measured = result.outputs[output]
    value = measured.value
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, tuple):
        value = ", ".join(f"{each:g}" for each in value)
    note = notes_of(result) if result.evaluated else f"Not evaluated: {reasons_of(result)}."
    return Computed(
        id=computed_id,
        label=label,
        value=value,
        unit=measured.unit,
        grade=grade if grade is not None else result.grade,
        inputs=dict(inputs),
        arithmetic=arithmetic if result.evaluated else "",
        rule=result.rule,
        rule_version=result.version,
        source=result.source,
        tag=result.tag,
        note=note,
    )


def context_limit_text(context: StageContext, name: str) -> str:
    """The limit that a parameter names, with its unit, as a person reads it."""
    found = limit(context, name)
    return shown(number(found), found.unit)
