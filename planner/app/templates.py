"""The installed templates and profiles: list them, show one whole, lint one. No procedure is named here."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from planner.app.profiles import site_profiles
from planner.errors import BugError, InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.model.codec import to_json
from planner.workflow.course_hazards import check_hazards
from planner.workflow.course_templates import CourseTemplate, lint_course, load_course_templates
from planner.workflow.loader import TEMPLATE_FILE, lint_template, load_templates
from planner.workflow.profiles import load_profiles
from planner.workflow.reading import Problem, TemplateRefused
from planner.workflow.template import Check, Choice, Field, Profile, Stage, Template

PROCEDURES = "procedures"
"""The package whose folders are the shipped procedures; it is found at call time and never imported by name."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Everything a session or a course can follow: templates, institution profiles and course templates by id."""

    templates: Mapping[str, Template]
    profiles: Mapping[str, Profile]
    courses: Mapping[str, CourseTemplate] = field(default_factory=dict)

    def template(self, template_id: str) -> Template:
        """Raises UsageError ``unknown-template``."""
        found = self.templates.get(template_id)
        if found is None:
            known = ", ".join(sorted(self.templates)) or "none"
            said = f"There is no template {template_id!r}; installed are: {known}."
            raise UsageError("unknown-template", said, subject=template_id)
        return found

    def profile(self, profile_id: str) -> Profile:
        """Raises UsageError ``unknown-profile``."""
        found = self.profiles.get(profile_id)
        if found is None:
            known = ", ".join(sorted(self.profiles)) or "none"
            said = f"There is no institution profile {profile_id!r}; installed are: {known}."
            raise UsageError("unknown-profile", said, subject=profile_id)
        return found

    def course(self, course_id: str) -> CourseTemplate:
        """Raises UsageError ``unknown-course``."""
        found = self.courses.get(course_id)
        if found is None:
            known = ", ".join(sorted(self.courses)) or "none"
            said = f"There is no course template {course_id!r}; installed are: {known}."
            raise UsageError("unknown-course", said, subject=course_id)
        return found


def procedures_root() -> Path:
    """The folder of the shipped procedures. Raises BugError when the installation lacks it."""
    spec = importlib.util.find_spec(PROCEDURES)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise BugError(f"the package {PROCEDURES} is missing from this installation")
    return Path(places[0])


@cache
def installed() -> Installed:
    """The shipped templates of procedures and courses, and the profiles with the institution's own edits, checked once.

    Raises
    ------
    TemplateRefused
        When any of them has a problem: nothing is planned on a template that is half understood.
    """
    profiles = {**load_profiles(), **site_profiles()}
    check_hazards(profiles)
    templates = load_templates(procedures_root(), profiles)
    return Installed(templates, profiles, load_course_templates(templates))


def list_templates() -> list[dict[str, Any]]:
    """The ``templates`` document's list."""
    return [
        {"id": each.id, "title": each.title, "version": each.version, "description": each.description}
        for each in installed().templates.values()
    ]


def list_courses() -> list[dict[str, Any]]:
    """The ``templates`` document's list of course templates."""
    return [
        {
            "id": each.id,
            "title": each.title,
            "version": each.version,
            "description": each.description,
            "intent": each.intent,
            "histologies": list(each.histologies),
            "steps": [step.step.title for step in each.steps],
            "verified": not each.unverified and each.tag not in ("M", "P"),
        }
        for each in installed().courses.values()
    ]


def course_document(course_id: str) -> dict[str, Any]:
    """One course template whole: steps with intervals, needs, conditions and their sources.

    Raises
    ------
    UsageError
        ``unknown-course``.
    """
    return installed().course(course_id).to_json()


def template_document(template_id: str) -> dict[str, Any]:
    """One template whole: stages, fields, checks with their sources.

    Raises
    ------
    UsageError
        ``unknown-template``.
    """
    template = installed().template(template_id)
    return {
        "id": template.id,
        "title": template.title,
        "version": template.version,
        "digest": template.digest,
        "description": template.description,
        "techniques": [_choice(each) for each in template.techniques],
        "stages": [_stage(each) for each in template.stages],
        "last_time": [to_json(each) for each in template.last_time],
        "ledger": [to_json(each) for each in template.ledger],
    }


def _choice(choice: Choice) -> dict[str, Any]:
    return {"code": choice.code, "label": choice.label}


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "id": stage.id,
        "title": stage.title,
        "phase": stage.phase.value,
        "purpose": stage.purpose,
        "fills": stage.fills,
        "signs": list(stage.signs),
        "layout": stage.layout,
        "tools": list(stage.tools),
        "reads": list(stage.reads),
        "after": list(stage.after),
        "drawer": list(stage.drawer),
        "emergency": stage.emergency,
        "freezes": stage.freezes,
        "not_checked": list(stage.warns_not_checked),
        "fields": [_field(each) for each in stage.fields],
        "checks": [_check(each) for each in stage.checks],
    }


def _field(described: Field) -> dict[str, Any]:
    return {
        "id": described.id,
        "label": described.label,
        "kind": described.kind.value,
        "unit": described.unit,
        "required": described.required,
        "emergency": described.emergency,
        "never_prefill": described.never_prefill,
        "inherit": described.inherit.value,
        "minimum": described.minimum,
        "maximum": described.maximum,
        "choices": [_choice(each) for each in described.choices],
        "columns": [_field(each) for each in described.columns],
        "analyte": described.analyte,
        "binds": described.binds,
        "role": described.role,
        "compute": described.compute,
        "window": described.window,
        "applies_if": to_json(described.applies_if),
        "help": described.help,
        "source": described.source,
        "tag": described.tag,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "function": check.function,
        "title": check.title,
        "acts_as": check.acts_as,
        "severity": check.severity.value,
        "overridable": check.overridable,
        "parameters": to_json(check.parameters),
        "applies_if": to_json(check.applies_if),
        "emergency": check.emergency,
        "source": check.source,
        "tag": check.tag,
        "verified": check.tag not in ("M", "P"),
    }


def lint(path: Path) -> tuple[Finding, ...]:
    """What is wrong in a template, one finding per problem with its place as the subject; empty when it would load.

    Parameters
    ----------
    path
        The folder of a template, its ``template.toml``, or a folder of such folders; or the TOML of a course template,
        or a folder of those.

    Raises
    ------
    InputRefused
        ``missing-file`` when there is no template at that place.
    """
    courses = _courses(path)
    folders = [] if courses else _folders(path)
    problems: list[Problem] = []
    profiles: Mapping[str, Profile] = {}
    try:
        profiles = load_profiles()
    except TemplateRefused as refused:
        problems += refused.problems
    for folder in folders:
        problems += lint_template(folder, profiles)
    problems += _course_problems(courses)
    return tuple(
        Finding(each.code, Severity.BLOCK, f"{each.place}: {each.text}", overridable=False, subject=each.place)
        for each in dict.fromkeys(problems)
    )


def _course_problems(courses: list[Path]) -> list[Problem]:
    """What is wrong in course templates, and in the procedures they would name."""
    if not courses:
        return []
    try:
        templates = installed().templates
    except TemplateRefused as refused:
        return list(refused.problems)
    return [problem for file in courses for problem in lint_course(file, templates)]


def _courses(path: Path) -> list[Path]:
    """Course templates at a place: TOML files with a table ``[course]``; empty where a procedure lies."""
    if path.is_dir() and not (path / TEMPLATE_FILE).is_file() and not any(path.glob(f"*/{TEMPLATE_FILE}")):
        return [file for each in sorted(path.glob("*.toml")) for file in _courses(each)]
    named = path.is_file() and path.suffix == ".toml" and path.name != TEMPLATE_FILE
    return [path.resolve()] if named and b"[course]" in path.read_bytes() else []


def _folders(path: Path) -> list[Path]:
    if path.is_file():
        if path.name != TEMPLATE_FILE:
            said = f"{path.name} is not a {TEMPLATE_FILE}; name the template's folder or that file."
            raise InputRefused("not-a-template", said, subject=str(path))
        return [path.resolve().parent]
    if (path / TEMPLATE_FILE).is_file():
        return [path.resolve()]
    inside = sorted(each.resolve().parent for each in path.glob(f"*/{TEMPLATE_FILE}"))
    if not inside:
        said = f"There is no {TEMPLATE_FILE} in {path}; name the folder of a template."
        raise InputRefused("missing-file", said, subject=str(path))
    return inside
