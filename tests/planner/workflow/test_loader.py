from __future__ import annotations

from pathlib import Path

import pytest
from small_template import PROFILE, SPINE, TEMPLATE, Shelf, load_shelf, registries, write_shelf

from planner.errors import InputRefused
from planner.workflow.loader import lint_template, load_templates
from planner.workflow.profiles import edited, load_profiles
from planner.workflow.reading import Problem, TemplateRefused


def problems_of(root: Path, **files: str) -> tuple[Problem, ...]:
    write_shelf(root, **files)
    profiles = load_profiles(root / "profiles")
    return lint_template(root / "proc" / "small", profiles, registries=registries)


def said(problems: tuple[Problem, ...]) -> str:
    return "\n".join(f"{each.place} {each.code} {each.text}" for each in problems)


def test_that_an_included_stage_is_extended_and_not_replaced(shelf: Shelf) -> None:
    stage = shelf.template.stage("referral")
    assert stage.title == "Referral"
    assert stage.purpose == "Extended."
    assert [each.id for each in stage.fields][:4] == ["question", "histology", "weight_kg", "technique"]
    assert shelf.template.packages == ("proc.small", "proc.base")


def test_that_a_stage_waits_for_the_one_before_it_unless_it_says_otherwise(shelf: Shelf) -> None:
    assert shelf.template.stage("dose").after == ("referral",)
    assert shelf.template.stage("consent").after == ("referral",)
    assert shelf.template.stage("referral").after == ()


def test_that_a_star_waits_for_every_stage_before(tmp_path: Path) -> None:
    text = TEMPLATE.replace('after = ["referral"]', 'after = ["*"]')
    template = load_shelf(write_shelf(tmp_path, template=text)).template
    assert template.stage("consent").after == ("referral", "dose")


def test_that_a_template_which_is_included_is_not_offered(shelf: Shelf) -> None:
    profiles = load_profiles(shelf.root / "profiles")
    assert set(load_templates(shelf.root / "proc", profiles, registries=registries)) == {"small"}


@pytest.mark.parametrize(
    ("before", "after", "place", "code"),
    [
        ('purpose = "Extended."', 'purpos = "Extended."', "stages.referral.purpos", "unknown-key"),
        ('unit = "mg"\nminimum', 'unit = "mgs"\nminimum', "(milligrams).unit", "unknown-name"),
        ('unit = "mg"\nminimum', "minimum", "(milligrams)", "missing-key"),
        ('layout = "mpr"\nreads', 'layout = "five"\nreads', "stages.dose.layout", "unknown-name"),
        ('reads = ["vessel-path"]', 'tools = ["scalpel"]', "stages.dose.tools", "unknown-name"),
        ('reads = ["vessel-path"]', 'reads = ["vessels"]', "stages.dose.reads", "unknown-name"),
        ('reads = ["vessel-path"]', 'drawer = ["no-such-rule"]', "stages.dose.drawer", "unknown-name"),
        ('analyte = "bilirubin"\nwindow', 'analyte = "bile"\nwindow', "(bilirubin).analyte", "unknown-name"),
        ('role = "arterial"', 'role = "sepia"', "(images).role", "unknown-name"),
        ('function = "within_cap"', 'function = "os.system"', "(cap).function", "unknown-name"),
        ('compute = "doubled"', 'compute = "tripled"', "(doubled).compute", "unknown-name"),
        ('acts_as = "ask"\nparameters = { cap = "cap_mg" }', 'acts_as = "shout"', "(cap).acts_as", "unknown-name"),
        ('cap = "cap_mg"', 'cap = "cap_kg"', "(cap).parameters.cap", "unknown-name"),
        ('window = "bilirubin_days"', 'window = "bile_days"', "(bilirubin).window", "unknown-limit"),
        ('technique = ["two"]', 'technique = ["three"]', "(only_two).applies_if.technique", "unknown-name"),
        ('technique = ["two"]', 'mood = ["two"]', "(only_two).applies_if.mood", "unknown-name"),
        ('histology = ["HCC"]', 'histology = ["HCG"]', "(bilirubin).applies_if.histology", "unknown-name"),
        ('parameters = { cap = "cap_mg" }\nsource = "test"', 'parameters = { cap = "cap_mg" }', "(cap)", "missing-key"),
        ('order = ["referral", "dose", ', 'order = ["referral", ', "template.order", "missing-stage"),
        ('order = ["referral", ', 'order = ["referral", "lunch", ', "template.order", "unknown-name"),
        ('after = ["referral"]', 'after = ["record"]', "stages.consent.after", "unknown-name"),
        ('kind = "path"', 'kind = "road"', "(path).kind", "unknown-name"),
        ("maximum = 500", "maximum = -1", "(milligrams)", "empty-range"),
        ('field = "arteries" }', 'field = "veins" }', "not_checked", "unknown-name"),
        ('fills = "nurse"', 'fills = "wizard"', "stages.after.fills", "unknown-name"),
        ('area = "record.bsa"', 'area = "record.bsb"', "ledger[0].area", "unknown-name"),
        ('label = "Catheter"\nstage = "record"', 'label = "Catheter"\nstage = "rec"', "last_time[0]", "unknown-name"),
        ('includes = ["proc.base"]', 'includes = ["proc.small"]', ".includes", "circular"),
    ],
)  # fmt: skip
def test_that_a_wrong_name_is_told_with_its_place(
    tmp_path: Path, before: str, after: str, place: str, code: str
) -> None:
    assert before in TEMPLATE
    found = problems_of(tmp_path, template=TEMPLATE.replace(before, after, 1))
    assert any(place in each.place and each.code == code for each in found), said(found)


@pytest.mark.parametrize(
    "binds", ["sessions", "laboratory", "patient", "patient.weight", "diagnosis.histology.code", "medication"]
)
def test_that_a_form_binds_only_to_places_of_the_case_that_fit(tmp_path: Path, binds: str) -> None:
    found = problems_of(tmp_path, spine=SPINE.replace('"patient.weight_kg"', f'"{binds}"'))
    assert any("(weight_kg).binds" in each.place for each in found), said(found)


def test_that_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = TEMPLATE.replace('fills = "nurse"', 'fills = "wizard"').replace('kind = "path"', 'kind = "road"')
    write_shelf(tmp_path, template=text)
    with pytest.raises(TemplateRefused) as refused:
        load_shelf(tmp_path)
    assert len(refused.value.problems) == 2
    assert "1 more" in refused.value.message


def test_that_a_limit_has_to_exist_in_every_profile(tmp_path: Path) -> None:
    write_shelf(tmp_path)
    other = PROFILE.replace('"house"', '"other"').replace("[limits.cap_mg]", "[limits.another_mg]")
    (tmp_path / "profiles" / "other.toml").write_text(other, encoding="utf-8")
    found = lint_template(tmp_path / "proc" / "small", load_profiles(tmp_path / "profiles"), registries=registries)
    assert any(each.code == "unknown-limit" and "other" in each.text for each in found), said(found)


@pytest.mark.parametrize("text", ["", "not toml [", "[template]\nid = 3\n", '[template]\nid = "x"\n', "stages = 5"])
def test_that_a_broken_file_is_a_problem_and_no_crash(tmp_path: Path, text: str) -> None:
    assert problems_of(tmp_path, template=text)


def test_that_a_package_without_registry_is_a_problem(tmp_path: Path) -> None:
    write_shelf(tmp_path)
    found = lint_template(tmp_path / "proc" / "small", load_profiles(tmp_path / "profiles"))
    assert any(each.code == "unknown-package" for each in found), said(found)


def test_that_the_digest_follows_the_content_of_every_file(tmp_path: Path, shelf: Shelf) -> None:
    again = load_shelf(write_shelf(tmp_path / "same")).template
    assert again.digest == shelf.template.digest
    spine = SPINE.replace('title = "Referral"', 'title = "Referral!"')
    assert load_shelf(write_shelf(tmp_path / "other", spine=spine)).template.digest != shelf.template.digest


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('unit = "mg"\n', "", "missing-key"),
        ('unit = "mg"\n', 'unit = "stone"\n', "unknown-name"),
        ('source = "test"\n', "", "missing-key"),
        ('tag = "P"\n', 'tag = "sure"\n', "unknown-name"),
        ("value = 150\n", "", "missing-key"),
        ("[limits.cap_mg]", "[rules.no_such_rule]\nx = 1\n[limits.cap_mg]", "unknown-name"),
    ],
)
def test_that_a_wrong_profile_is_refused(tmp_path: Path, before: str, after: str, code: str) -> None:
    write_shelf(tmp_path, profile=PROFILE.replace(before, after, 1))
    with pytest.raises(TemplateRefused) as refused:
        load_profiles(tmp_path / "profiles")
    assert code in {each.code for each in refused.value.problems}


def test_that_an_edited_profile_has_its_own_version_and_says_who_changed_it(shelf: Shelf) -> None:
    from small_template import TODAY

    once = edited(shelf.profile, {"cap_mg": 120}, by="Dr A", on=TODAY)
    twice = edited(once, {"cap_mg": 110}, by="Dr B", on=TODAY)
    assert (once.version, twice.version) == ("1+edit1", "1+edit2")
    assert len({shelf.profile.digest, once.digest, twice.digest}) == 3
    assert once.limit("cap_mg").value == 120
    assert "Dr A" in once.limit("cap_mg").source
    assert once.limit("cap_mg").tag == "P"
    assert shelf.profile.limit("cap_mg").value == 150


@pytest.mark.parametrize(("changes", "by"), [({"nothing": 1}, "A"), ({"cap_mg": "much"}, "A"), ({"cap_mg": 1}, " ")])
def test_that_a_senseless_edit_of_a_profile_is_refused(shelf: Shelf, changes: dict[str, object], by: str) -> None:
    from small_template import TODAY

    from planner.errors import UsageError

    with pytest.raises(UsageError):
        edited(shelf.profile, changes, by=by, on=TODAY)


def test_that_a_refused_template_is_input_that_was_refused() -> None:
    assert issubclass(TemplateRefused, InputRefused)
