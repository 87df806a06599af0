from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from small_template import Shelf

from planner.workflow.course_templates import course_of_template, lint_course, load_course_templates
from planner.workflow.reading import TemplateRefused

GOOD = """
[course]
id = "twice"
title = "Twice"
version = "0.1.0"
description = "Two sessions."
principle = "One after the other."
evidence = "None."
source = "practice"
tag = "P"

[[steps]]
key = "first"
kind = "session"
template = "small"
title = "First"
day = 0
decides = "board"

[[steps]]
key = "images"
kind = "imaging"
title = "Images"
after = "first"
day = 35
minimum_days = 28
maximum_days = 42
source = "R8"
tag = "M"
decides = "consultant"

[[steps]]
key = "second"
kind = "session"
template = "small"
title = "Second"
after = "images"
decides = "board"
condition = "if viable"
condition_need = { kind = "viable", text = "viable tumour", step = "first" }
needs = [
  { kind = "laboratory", text = "b", analyte = "bilirubin", unit = "umol/L", at_most = 30, source = "R9", tag = "M" },
]
"""


def problems(tmp_path: Path, shelf: Shelf, text: str) -> list[tuple[str, str]]:
    path = tmp_path / "twice.toml"
    path.write_text(text, encoding="utf-8")
    return [(each.code, each.place) for each in lint_course(path, {"small": shelf.template})]


def test_that_a_template_gives_a_course_with_days_from_its_beginning(tmp_path: Path, shelf: Shelf) -> None:
    assert problems(tmp_path, shelf, GOOD) == []
    template = load_course_templates({"small": shelf.template}, tmp_path)["twice"]
    course = course_of_template(template, date(2026, 3, 2), course_id="course-1")
    assert [each.id for each in course.steps] == ["course-1-first", "course-1-images", "course-1-second"]
    assert [each.planned_on for each in course.steps] == [date(2026, 3, 2), date(2026, 4, 6), None]
    second = course.steps[2]
    assert second.after == "course-1-images"
    assert second.condition_need is not None
    assert second.condition_need.parameters["step"] == "course-1-first"
    assert course.template is not None
    assert (course.template.id, course.template.version, course.template.digest) == ("twice", "0.1.0", template.digest)
    assert template.unverified == ("Images", "Second")


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ('kind = "imaging"', 'kind = "magic"', "unknown-name", "steps[1].kind"),
        ('template = "small"', 'template = "large"', "unknown-name", "steps[0].template"),
        ('after = "images"', 'after = "imges"', "unknown-name", "steps[2].after"),
        ('source = "R8"\ntag = "M"\n', "", "missing-source", "steps[1]"),
        ('at_most = 30, source = "R9", tag = "M"', "at_most = 30", "missing-source", "steps[2].needs[0]"),
        ('kind = "viable"', 'kind = "vible"', "unknown-name", "condition_need.kind"),
        ('analyte = "bilirubin"', 'analyte = "biliruben"', "unknown-name", "needs[0].analyte"),
        ('unit = "umol/L"', 'unit = "spoons"', "unknown-name", "needs[0].unit"),
        ('step = "first"', 'step = "third"', "unknown-name", "steps[2].step"),
        ("at_most = 30", 'at_most = "30"', "wrong-type", "needs[0].at_most"),
        ("day = 35", "day = 50", "outside-interval", "steps[1].day"),
        ("minimum_days = 28", "minimum_days = 43", "empty-range", "steps[1]"),
        ("minimum_days = 28", "minimum_days = 2.5", "wrong-type", "steps[1].minimum_days"),
        ('condition = "if viable"\n', "", "missing-key", "steps[2]"),
        ('decides = "consultant"', 'decides = "butcher"', "unknown-name", "steps[1].decides"),
        ('decides = "consultant"', "", "missing-key", "steps[1]"),
        ('key = "images"', 'key = "first"', "duplicate-id", "steps[1]"),
        ('tag = "P"', 'tag = "X"', "unknown-name", "course(twice).tag"),
        ('description = "Two sessions."', "", "missing-key", "course"),
        ("day = 0", "day = 0\ncolour = 3", "unknown-key", "steps[0].colour"),
        ("[course]", "[corse]", "missing-key", "twice.toml"),
    ],
)
def test_that_what_is_wrong_in_a_course_template_is_told_with_its_place(
    tmp_path: Path, shelf: Shelf, old: str, new: str, code: str, place: str
) -> None:
    found = problems(tmp_path, shelf, GOOD.replace(old, new, 1))
    assert any(each == code and place in where for each, where in found), found


def test_that_a_broken_course_template_keeps_the_program_from_starting(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "twice.toml").write_text(GOOD.replace("imaging", "magic"), encoding="utf-8")
    with pytest.raises(TemplateRefused, match="no kind of step named 'magic'"):
        load_course_templates({"small": shelf.template}, tmp_path)


def test_that_two_course_templates_of_one_id_are_refused(tmp_path: Path, shelf: Shelf) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(TemplateRefused, match="exists twice"):
        load_course_templates({"small": shelf.template}, tmp_path)
