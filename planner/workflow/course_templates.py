"""Course templates (``resources/courses/*.toml``): the usual orders of treatments, read strictly, every number with its
source. A course in a case is a copy that the person changes; nothing in a case points back into a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from planner.catalogues import resource
from planner.model.codec import digest, to_json
from planner.model.course import Course, CourseStep, CourseTemplateRef, StepKind, StepNeed
from planner.model.edits import new_id
from planner.workflow.reading import Problem, Problems, Table, plain, read_toml
from planner.workflow.step_needs import NEEDS
from planner.workflow.template import Template
from planner.workflow.validation import TAGS, among, unique
from planner.workflow.vocabulary import Vocabulary, shipped_vocabulary

INTENTS = ("radical", "palliative")
CRITERIA = ("recist-1.1", "mrecist", "easl", "qeasl", "choi", "lirads-tr-2024", "volumetric")
UNREAD_TAGS = ("M", "P")


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a template.

    Attributes
    ----------
    step
        As a course will have it, but with the keys of the template where ids of steps stand.
    day
        Days after the beginning of the course; None where only the course itself can tell.
    """

    step: CourseStep
    day: int | None = None


@dataclass(frozen=True, slots=True)
class CourseTemplate:
    """An order of treatments.

    Attributes
    ----------
    histologies
        For which it is meant; empty is for any.
    source, tag
        Where the order as a whole comes from.
    """

    id: str
    title: str
    version: str
    digest: str
    description: str
    intent: str | None
    principle: str
    evidence: str
    source: str
    tag: str
    histologies: tuple[str, ...]
    steps: tuple[PlannedStep, ...]

    @property
    def unverified(self) -> tuple[str, ...]:
        """Titles of steps whose interval or needs rest on unverified defaults."""
        return tuple(
            each.step.title
            for each in self.steps
            if each.step.interval_tag in UNREAD_TAGS or any(need.tag in UNREAD_TAGS for need in each.step.needs)
        )

    def to_json(self) -> dict[str, Any]:
        """A course of the ``templates`` document, whole."""
        return {
            "id": self.id,
            "title": self.title,
            "version": self.version,
            "digest": self.digest,
            "description": self.description,
            "intent": self.intent,
            "principle": self.principle,
            "evidence": self.evidence,
            "source": self.source,
            "tag": self.tag,
            "histologies": list(self.histologies),
            "steps": [{**to_json(each.step), "day": each.day} for each in self.steps],
        }


def load_course_templates(templates: Mapping[str, Template], folder: Path | None = None) -> dict[str, CourseTemplate]:
    """Every course template of a folder by id (``resources/courses`` by default).

    Parameters
    ----------
    templates
        The procedure templates that steps may name.

    Raises
    ------
    TemplateRefused
        With every problem of every one of them.
    """
    folder = folder or resource("courses")
    problems, found = Problems(), dict[str, CourseTemplate]()
    for path in sorted(folder.glob("*.toml")):
        template = _read(path, templates, shipped_vocabulary(), problems)
        if template is not None and template.id in found:
            problems.note(path.name, "duplicate-id", f"the course {template.id!r} exists twice.")
        elif template is not None:
            found[template.id] = template
    problems.raise_if_any("course templates")
    return found


def lint_course(path: Path, templates: Mapping[str, Template]) -> tuple[Problem, ...]:
    """Everything that is wrong in one course template; empty when it would load."""
    problems = Problems()
    _read(path, templates, shipped_vocabulary(), problems)
    return tuple(problems.found)


def course_of_template(template: CourseTemplate, begun_on: date, *, course_id: str | None = None) -> Course:
    """A course that begins on a day. Planned days are those of the template; a person changes what differs."""
    identifier = course_id or new_id("course")
    named = {each.step.id: f"{identifier}-{each.step.id}" for each in template.steps}
    steps = tuple(_placed(each, named, begun_on) for each in template.steps)
    return Course(
        identifier,
        template.title,
        intent=template.intent,
        steps=steps,
        template=CourseTemplateRef(template.id, template.version, template.digest),
        principle=template.principle,
        evidence=template.evidence,
        begun_on=begun_on,
    )


def _placed(planned: PlannedStep, named: Mapping[str, str], begun_on: date) -> CourseStep:
    step = planned.step
    condition = step.condition_need
    return replace(
        step,
        id=named[step.id],
        planned_on=None if planned.day is None else begun_on + timedelta(days=planned.day),
        after=None if step.after is None else named[step.after],
        alternative_to=None if step.alternative_to is None else named[step.alternative_to],
        needs=tuple(_pointed(need, named) for need in step.needs),
        condition_need=None if condition is None else _pointed(condition, named),
    )


def _pointed(need: StepNeed, named: Mapping[str, str]) -> StepNeed:
    key = need.parameters.get("step")
    if key is None:
        return need
    return replace(need, parameters=MappingProxyType({**need.parameters, "step": named[str(key)]}))


def _read(
    path: Path, templates: Mapping[str, Template], vocabulary: Vocabulary, problems: Problems
) -> CourseTemplate | None:
    top = read_toml(path, problems)
    head = None if top is None else top.table("course")
    if top is None or head is None:
        if top is not None:
            problems.note(top.place, "missing-key", "the table [course] is missing.")
        return None
    texts = {
        key: head.text(key, required=True) or ""
        for key in ("id", "title", "version", "description", "principle", "evidence", "source", "tag")
    }
    intent, histologies = head.text("intent"), head.texts("histologies")
    head.close()
    among(f"{head.place}.tag", texts["tag"], TAGS, "evidence tag", problems)
    if intent is not None:
        among(f"{head.place}.intent", intent, INTENTS, "intent", problems)
    for each in histologies:
        among(f"{head.place}.histologies", each, vocabulary.histologies, "histology", problems)
    tables = top.tables("steps")
    top.close()
    if not tables:
        problems.note(top.place, "missing-key", "a course needs [[steps]].")
    steps = [_step(table, templates, vocabulary, problems) for table in tables]
    _check_order([table.place for table in tables], steps, templates, problems)
    content = [{**to_json(each.step), "day": each.day} for each in steps]
    return CourseTemplate(
        **texts,
        digest=digest({**texts, "intent": intent, "histologies": list(histologies), "steps": content}),
        intent=intent,
        histologies=histologies,
        steps=tuple(steps),
    )


def _step(table: Table, templates: Mapping[str, Template], vocabulary: Vocabulary, problems: Problems) -> PlannedStep:
    day, least, most = (_days(table, key, problems) for key in ("day", "minimum_days", "maximum_days"))
    condition_table = table.table("condition_need")
    step = CourseStep(
        id=table.text("key", required=True) or "",
        kind=table.text("kind", required=True) or "",
        title=table.text("title", required=True) or "",
        after=table.text("after"),
        minimum_days=least,
        maximum_days=most,
        interval_source=table.text("source"),
        interval_tag=table.text("tag"),
        condition=table.text("condition"),
        prerequisites=table.texts("prerequisites"),
        template=table.text("template"),
        technique=table.text("technique"),
        needs=tuple(_need(each, vocabulary, problems) for each in table.tables("needs")),
        condition_need=None if condition_table is None else _need(condition_table, vocabulary, problems),
        alternative_to=table.text("alternative_to"),
        decides=table.text("decides"),
        note=table.text("note"),
    )
    table.close()
    _check_step(table.place, step, day, templates, vocabulary, problems)
    return PlannedStep(step, day)


def _days(table: Table, key: str, problems: Problems) -> int | None:
    value = table.number(key)
    if value is None:
        return None
    if value < 0 or value != int(value):
        problems.note(f"{table.place}.{key}", "wrong-type", "expected whole days, 0 or more.")
    return int(value)


def _check_step(
    place: str,
    step: CourseStep,
    day: int | None,
    templates: Mapping[str, Template],
    vocabulary: Vocabulary,
    problems: Problems,
) -> None:
    among(f"{place}.kind", step.kind, [each.value for each in StepKind], "kind of step", problems)
    if step.decides is None:
        problems.note(place, "missing-key", "decides is missing: say who decides on this step.")
    else:
        among(f"{place}.decides", step.decides, vocabulary.roles, "role", problems)
    if (step.template is None) == (step.kind == StepKind.SESSION):
        problems.note(place, "wrong-key", "a step of kind session names its template, and only such a step.")
    if step.template is not None:
        among(f"{place}.template", step.template, templates, "procedure template", problems)
    if step.technique is not None:
        procedure = templates.get(step.template or "")
        known = () if procedure is None else procedure.techniques
        among(f"{place}.technique", step.technique, (each.code for each in known), "technique", problems)
    numbers = [step.minimum_days, step.maximum_days, day or None]
    if any(each is not None for each in numbers) and not (step.interval_source and step.interval_tag):
        problems.note(place, "missing-source", "days without source and tag.")
    if step.interval_tag is not None:
        among(f"{place}.tag", step.interval_tag, TAGS, "evidence tag", problems)
    if step.minimum_days is not None and step.maximum_days is not None and step.minimum_days > step.maximum_days:
        problems.note(place, "empty-range", "minimum_days is more than maximum_days.")
    if step.after is None and (step.minimum_days is not None or step.maximum_days is not None):
        problems.note(place, "wrong-key", "an interval needs the step it counts from (after).")
    if step.condition_need is not None and step.condition is None:
        problems.note(place, "missing-key", "condition is missing: say in words what a person answers.")


def _need(table: Table, vocabulary: Vocabulary, problems: Problems) -> StepNeed:
    kind, text = table.text("kind", required=True) or "", table.text("text", required=True) or ""
    source, tag = table.text("source"), table.text("tag")
    among(f"{table.place}.kind", kind, NEEDS, "kind of need", problems)
    known = NEEDS[kind].parameters if kind in NEEDS else {}
    given = {}
    for name, what in known.items():
        value = table.any(name)
        if value is None:
            if what.endswith("!"):
                problems.note(table.place, "missing-key", f"{name} is missing.")
            continue
        given[name] = plain(value)
        _check_parameter(f"{table.place}.{name}", what.rstrip("!"), value, vocabulary, problems)
    table.close()
    if any(_is_number(value) for value in given.values()) and not (source and tag):
        problems.note(table.place, "missing-source", "a number without source and tag.")
    if tag is not None:
        among(f"{table.place}.tag", tag, TAGS, "evidence tag", problems)
    return StepNeed(kind, text, MappingProxyType(given), source, tag)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_parameter(place: str, what: str, value: Any, vocabulary: Vocabulary, problems: Problems) -> None:
    """`what` is the kind of a parameter as `planner.workflow.step_needs.NEEDS` names it."""
    if what == "number":
        if not _is_number(value):
            problems.note(place, "wrong-type", "expected a number.")
        return
    if what == "flag":
        if not isinstance(value, bool):
            problems.note(place, "wrong-type", "expected true or false.")
        return
    several = what in ("texts", "criteria", "drugs")
    words = value if isinstance(value, list) and several else [value]
    if not words or isinstance(value, list) != several or not all(isinstance(each, str) for each in words):
        problems.note(place, "wrong-type", "expected a list of texts." if several else "expected text.")
        return
    known = {"analyte": vocabulary.analytes, "unit": vocabulary.units, "criteria": CRITERIA}.get(what)
    for word in words if known is not None else ():
        among(place, word, known or (), what, problems)


def _check_order(
    places: list[str], steps: list[PlannedStep], templates: Mapping[str, Template], problems: Problems
) -> None:
    """Steps point only at steps before them, and their days keep the intervals."""
    unique([(place, each.step.id) for place, each in zip(places, steps, strict=True)], problems, "step")
    before: dict[str, PlannedStep] = {}
    for place, planned in zip(places, steps, strict=True):
        step = planned.step
        for key in ("after", "alternative_to"):
            named = getattr(step, key)
            if named is not None:
                among(f"{place}.{key}", named, before, "earlier step", problems)
        for need in (*step.needs, *((step.condition_need,) if step.condition_need else ())):
            _check_pointing(place, need, before, templates, problems)
        _check_day(place, planned, before.get(step.after or ""), problems)
        before[step.id] = planned


def _check_pointing(
    place: str,
    need: StepNeed,
    before: Mapping[str, PlannedStep],
    templates: Mapping[str, Template],
    problems: Problems,
) -> None:
    key = need.parameters.get("step")
    if key is None:
        return
    among(f"{place}.step", str(key), before, "earlier step", problems)
    if need.kind != "answer" or str(key) not in before:
        return
    template = templates.get(before[str(key)].step.template or "")
    stages = {each.id: each for each in template.stages} if template is not None else {}
    stage = stages.get(str(need.parameters.get("stage")))
    among(f"{place}.stage", str(need.parameters.get("stage")), stages, "stage", problems)
    if stage is not None:
        fields = [each.id for each in stage.fields]
        among(f"{place}.field", str(need.parameters.get("field")), fields, "field", problems)


def _check_day(place: str, planned: PlannedStep, after: PlannedStep | None, problems: Problems) -> None:
    if planned.day is None or after is None or after.day is None:
        return
    days, step = planned.day - after.day, planned.step
    if days < (step.minimum_days or 0) or (step.maximum_days is not None and days > step.maximum_days):
        said = f"{days} days after {after.step.title} are outside its own interval."
        problems.note(f"{place}.day", "outside-interval", said)
