"""What the engine itself has to say about a stage: empty and impossible fields, old values, checks that fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from planner.errors import Cancelled
from planner.findings import Finding, Severity
from planner.model.people import LabValue
from planner.units import shown
from planner.workflow.context import Reads, StageContext
from planner.workflow.inputs import reads_item
from planner.workflow.pinning import Basis
from planner.workflow.template import Check, Computed, Field, FieldKind, Profile, Stage, Template
from planner.workflow.values import Circumstances, field_applies, is_empty, value_of
from planner.workflow.vocabulary import unchecked_codes

LOG = logging.getLogger(__name__)
NUMBERS = (FieldKind.NUMBER, FieldKind.INTEGER)
DECIDING_KEYS = frozenset({"technique", "histology", "organ"})
"""Unknown values of these make a check *not evaluated*; an unknown field of the stage is asked for by itself."""
STRENGTH = {Severity.INFO: 0, Severity.WARN: 1, Severity.BLOCK: 2}


@dataclass(frozen=True, slots=True)
class View:
    """One stage under evaluation."""

    basis: Basis
    template: Template
    stage: Stage
    profile: Profile
    reads: Reads

    @property
    def circumstances(self) -> Circumstances:
        basis = self.basis
        return Circumstances(basis.case, basis.session, self.template, self.stage.id, self.profile.id)

    def context(self, check: Check | None = None) -> StageContext:
        basis = self.basis
        return StageContext(
            basis.case, basis.session, self.template, self.stage, self.profile, basis.now, check, self.reads
        )

    def value(self, described: Field) -> Any:
        found = value_of(self.basis.case, self.basis.session, self.stage.id, described)
        if isinstance(found, LabValue) and described.analyte is not None:
            return self.basis.case.latest_lab(described.analyte, not_after=self.basis.now.date())
        return found

    def says(self, code: str, severity: Severity, text: str, subject: str | None = None, **more: Any) -> Finding:
        return Finding(code, severity, text, subject=subject or self.stage.id, **more)


def field_findings(view: View) -> list[Finding]:
    """Empty required fields, numbers out of range, laboratory values beyond their window, carried values to review."""
    found: list[Finding] = []
    for described in view.stage.fields:
        if described.kind is FieldKind.COMPUTED or not field_applies(view.circumstances, described):
            continue
        value = view.value(described)
        each = [*_empty(view, described, value), *_ranges(view, described, value), *_window(view, described, value)]
        found += [_in_emergency(view, finding, described.emergency) for finding in each]
        found += _to_review(view, described)
    return found


def _empty(view: View, described: Field, value: Any) -> Iterator[Finding]:
    if described.required and is_empty(value):
        place = f"{view.stage.id}.{described.id}"
        text = f"{described.label} is not filled in."
        yield view.says("required-empty", Severity.BLOCK, text, place, source=described.source, tag=described.tag)


def _ranges(view: View, described: Field, value: Any) -> Iterator[Finding]:
    if described.kind is FieldKind.TABLE:
        for number, row in enumerate(value or (), start=1):
            for column in described.columns:
                yield from _range(view, column, row.get(column.id), f"{described.label}, row {number}: ", described.id)
    else:
        yield from _range(view, described, value, "", described.id)


def _range(view: View, described: Field, value: Any, before: str, field_id: str) -> Iterator[Finding]:
    if described.kind not in NUMBERS or not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    for limit, wrong, word in (
        (described.minimum, described.minimum is not None and value < described.minimum, "below"),
        (described.maximum, described.maximum is not None and value > described.maximum, "above"),
    ):
        if wrong and limit is not None:
            measured = shown(value, described.unit)
            text = (
                f"{before}{described.label} {measured} is {word} {shown(limit, described.unit)}; confirm or correct it."
            )
            numbers = {"measured": float(value), "limit": limit, "unit": described.unit}
            told = {"source": described.source or "range of the form", "tag": described.tag}
            yield view.says("out-of-range", Severity.BLOCK, text, f"{view.stage.id}.{field_id}", **numbers, **told)


def _window(view: View, described: Field, value: Any) -> Iterator[Finding]:
    if described.window is None or not isinstance(value, LabValue):
        return
    limit = view.profile.limit(described.window)
    age = (view.basis.now.date() - value.taken_on).days
    if age > limit.value:
        dated = f"{described.label} is of {value.taken_on.isoformat()}, {age} days old"
        text = f"{dated}; not evaluated beyond {limit.value} days."
        place = f"{view.stage.id}.{described.id}"
        numbers = {"measured": float(age), "limit": float(limit.value), "unit": "d"}
        told = {"source": limit.source, "tag": limit.tag}
        yield view.says("lab-outside-window", Severity.BLOCK, text, place, **numbers, **told)


def _carried(view: View, described: Field) -> bool:
    """Whether the answer comes from an earlier session and nobody has looked at it in this one."""
    answer = view.basis.session.answers.get(view.stage.id, {}).get(described.id)
    return answer is not None and answer.inherited_from is not None and not is_empty(answer.value)


def _to_review(view: View, described: Field) -> Iterator[Finding]:
    if _carried(view, described):
        text = f"{described.label} was carried over from an earlier session; look at it again."
        yield view.says("inherited-to-review", Severity.WARN, text, f"{view.stage.id}.{described.id}")


def items_to_review(view: View) -> list[Finding]:
    """Marked items that were copied from an earlier session and that nobody has looked at yet."""
    return [
        view.says(
            "item-to-review", Severity.WARN, f"{item.name} was copied from an earlier session; look at it.", item.id
        )
        for item in view.basis.session.items
        if item.inherited_from is not None and reads_item(view.stage, item)
    ]


def _in_emergency(view: View, finding: Finding, gates: bool, title: str | None = None) -> Finding:
    """In an emergency only what cannot wait gates; the rest is a worklist for the next day."""
    if not view.basis.session.emergency or gates or not finding.blocks:
        return finding
    text = f"Not checked, reason emergency: {title or finding.text}"
    if title is not None:
        text = f"{text}. {finding.text}"
    return replace(finding, code="complete-within-24h", severity=Severity.INFO, text=text)


def check_findings(view: View) -> list[Finding]:
    """What the stage's checks say. One that raises or cannot be evaluated never passes silently."""
    found: list[Finding] = []
    waiting: dict[tuple[str, bool], list[Check]] = {}
    for check in view.stage.checks:
        applies = view.circumstances.applies(check.applies_if)
        if applies:
            found += [_in_emergency(view, each, check.emergency, check.title) for each in _run(view, check)]
        elif applies is None:
            unknown = next((key for key in check.applies_if if key in DECIDING_KEYS and not _known(view, key)), None)
            if unknown is not None:
                waiting.setdefault((unknown, check.emergency), []).append(check)
    for (unknown, emergency), checks in waiting.items():
        found.append(_in_emergency(view, _not_evaluated(view, unknown, checks), emergency))
    return found


def _known(view: View, key: str) -> bool:
    return bool(view.circumstances.known(key))


def _not_evaluated(view: View, unknown: str, checks: list[Check]) -> Finding:
    """One finding for all checks that wait for the same answer, as loud as the loudest of them."""
    loudest = max(checks, key=lambda check: (STRENGTH[check.severity], not check.overridable))
    text = f"Not evaluated while the {unknown} is unknown: {'; '.join(check.title for check in checks)}."
    told = {"source": loudest.source, "tag": loudest.tag, "overridable": loudest.overridable}
    numbers = {"measured": float(len(checks)), "unit": "1"}
    return view.says("not-evaluated", loudest.severity, text, f"{view.stage.id}.{unknown}", **told, **numbers)


def _run(view: View, check: Check) -> list[Finding]:
    context = view.context(check)
    try:
        said = view.template.check_functions[check.function](context)
        if not all(isinstance(finding, Finding) for finding in said):
            raise TypeError(f"{check.function} gave something that is no finding")
    except Cancelled:
        raise
    except Exception:
        # Whatever a procedure's function raises, the plan must not look cleared: it blocks, and the log has the trace.
        LOG.exception("check %s of stage %s failed", check.id, view.stage.id)
        text = f"{check.title}: the check failed and says nothing; the log has the details."
        told = {"source": check.source, "tag": check.tag, "overridable": check.overridable}
        return [view.says("check-failed", Severity.BLOCK, text, f"{view.stage.id}.{check.id}", **told)]
    return [_capped(finding, check) for finding in said]


def _capped(finding: Finding, check: Check) -> Finding:
    """No check speaks louder than its template allows."""
    if STRENGTH[finding.severity] > STRENGTH[check.severity]:
        return replace(finding, severity=check.severity)
    if check.overridable and not finding.overridable:
        return replace(finding, overridable=True)
    return finding


def computed_values(view: View) -> tuple[list[Computed], list[Finding]]:
    """What the stage's compute fields show, and a blocking finding for each that failed."""
    values: list[Computed] = []
    failed: list[Finding] = []
    for described in view.stage.fields:
        if described.kind is not FieldKind.COMPUTED or not field_applies(view.circumstances, described):
            continue
        try:
            made = view.template.compute_functions[described.compute or ""](view.context())
            values += [replace(each, field_id=described.id) for each in made]
        except Cancelled:
            raise
        except Exception:
            LOG.exception("compute function %s of stage %s failed", described.compute, view.stage.id)
            text = f"{described.label} could not be computed; the log has the details."
            said = view.says("compute-failed", Severity.BLOCK, text, f"{view.stage.id}.{described.id}")
            failed.append(_in_emergency(view, said, described.emergency))
    return values, failed


def not_checked(view: View) -> list[Finding]:
    """What would otherwise read as clear: one info per line until somebody has looked."""
    return [
        view.says("not-checked", Severity.INFO, f"NOT CHECKED: {text}", f"{view.stage.id}.{text}")
        for text in view.stage.warns_not_checked
        if not _looked_for(view, text)
    ]


def _looked_for(view: View, text: str) -> bool:
    named = view.stage.checked_by.get(text)
    wanted = text.casefold()
    for described in view.stage.fields:
        value: Any = view.value(described) if described.kind is not FieldKind.COMPUTED else None
        if value is None or is_empty(value) or _carried(view, described):
            continue
        if described.kind is FieldKind.TABLE and (named is None or described.id == named):
            if any(_row_tells(row, wanted, described) for row in value):
                return True
        elif described.id == named or (
            named is None and wanted in (described.id.casefold(), described.label.casefold())
        ):
            return not _unchecked(value)
    return False


def _row_tells(row: dict[str, Any], wanted: str, described: Field) -> bool:
    """A row speaks of the structure when a cell holds its name (or its code's label), and none says nobody looked."""
    labels = {choice.code: choice.label.casefold() for column in described.columns for choice in column.choices}
    cells = [str(each) for each in row.values() if not is_empty(each)]
    named = any(cell.casefold() == wanted or labels.get(cell) == wanted for cell in cells)
    return named and len(cells) > 1 and not any(_unchecked(cell) for cell in cells)


def _unchecked(value: Any) -> bool:
    values = value if isinstance(value, (list, tuple)) else (value,)
    return any(isinstance(each, str) and each in unchecked_codes() for each in values)
