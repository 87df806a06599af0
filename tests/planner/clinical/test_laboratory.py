"""The laboratory catalogue: names, plausible ranges, windows; when a score does not hold."""

from __future__ import annotations

from datetime import date

import pytest

from planner.clinical.laboratory import (
    accepts,
    age_finding,
    analyte,
    analyte_named,
    analytes,
    plausibility,
    to_canonical,
)
from planner.clinical.quantities import unit_code
from planner.clinical.registry import RULES
from planner.clinical.validity import conditions, spread_note, validity_notes
from planner.errors import InputRefused, UsageError


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("T-BIL", "bilirubin"),
        ("总胆红素", "bilirubin"),
        ("总胆红素(TBIL)", "bilirubin"),
        ("Bilirubin (direct)", "bilirubin_direct"),
        ("白蛋白", "albumin"),
        ("ALB [g/L]", "albumin"),
        ("肌酐", "creatinine"),
        ("血小板", "platelets"),
        ("PT-INR", "inr"),
        ("γ-GT", "ggt"),
        ("CA 19-9", "ca19_9"),
        ("14682-9", "creatinine"),
        ("Albumin (serum)", "albumin"),
    ],
)
def test_that_a_report_name_finds_its_analyte(name: str, key: str) -> None:
    found = analyte_named(name)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("name", ["", "Albumin (urine)", "bilirubin (delta)", "Zhang San", "Creatinine clearance"])
def test_that_another_thing_is_not_taken_for_an_analyte(name: str) -> None:
    assert analyte_named(name) is None


def test_that_the_catalogue_is_whole() -> None:
    for key, entry in analytes().items():
        assert entry.units[0] == entry.unit
        assert entry.unit in entry.plausible
        assert entry.window_tag == "P"
        assert entry.window_source
        for unit in entry.units:
            assert unit_code(unit) == unit
            assert accepts(key, unit)
    for rule in RULES.values():
        for spec in rule.inputs.values():
            if spec.analyte:
                assert all(accepts(spec.analyte, unit) for unit in spec.units)


@pytest.mark.parametrize(
    ("key", "value", "unit"),
    [
        ("creatinine", 88, "mg/dL"),
        ("creatinine", 1.2, "umol/L"),
        ("bilirubin", 60, "mg/dL"),
        ("albumin", 35, "g/dL"),
        ("albumin", 3.5, "g/L"),
        ("platelets", 150000, "10*9/L"),
        ("platelets", 150, "/uL"),
        ("haemoglobin", 11.2, "g/L"),
        ("inr", 70, "1"),
        ("sodium", 13.7, "mmol/L"),
        ("bilirubin", 20, "kg"),
    ],
)
def test_that_a_unit_trap_is_asked_about(key: str, value: float, unit: str) -> None:
    doubt = plausibility(key, value, unit)
    assert doubt is not None
    assert doubt.blocks
    assert doubt.overridable
    assert doubt.source


@pytest.mark.parametrize(
    ("key", "value", "unit"),
    [
        ("creatinine", 88, "umol/L"),
        ("bilirubin", 50, "mg/dL"),
        ("albumin", 60, "g/L"),
        ("platelets", 150000, "/uL"),
        ("platelets", 15, "10*4/uL"),
        ("afp", 0, "ng/mL"),
    ],
)
def test_that_a_believable_value_passes(key: str, value: float, unit: str) -> None:
    assert plausibility(key, value, unit) is None


def test_that_a_hint_names_the_only_unit_that_fits() -> None:
    doubt = plausibility("creatinine", 88, "mg/dL")
    assert doubt is not None
    assert "umol/L" in doubt.text


def test_that_canonical_units_are_those_of_the_rules() -> None:
    assert to_canonical("bilirubin", 2.0, "mg/dL") == pytest.approx(34.208)
    assert to_canonical("afp", 400.0, "[iU]/mL") == pytest.approx(484.0)
    with pytest.raises(InputRefused):
        to_canonical("albumin", 35.0, "umol/L")
    with pytest.raises(UsageError):
        analyte("nope")


def test_that_a_value_outside_its_window_blocks_with_its_age() -> None:
    today = date(2024, 3, 20)
    assert age_finding("inr", date(2024, 3, 6), today) is None
    old = age_finding("inr", date(2024, 3, 5), today)
    assert old is not None
    assert (old.measured, old.limit, old.unit, old.tag) == (15.0, 14.0, "d", "P")
    assert age_finding("inr", date(2024, 3, 10), today, max_age_days=7) is not None
    assert age_finding("inr", None, today) is not None
    assert age_finding("inr", date(2024, 3, 21), today) is not None


def test_that_a_score_says_when_it_does_not_hold() -> None:
    notes = validity_notes("child_pugh", ["doac", "gilbert", "dialysis"])
    assert [note.code for note in notes] == ["score-not-valid", "score-not-valid"]
    assert not validity_notes("child_pugh", [])
    assert validity_notes("ckd_epi_2021", {"acute-kidney-injury"})
    assert not validity_notes("albi", {"warfarin"})
    with pytest.raises(UsageError):
        validity_notes("albi", ["full moon"])
    assert "warfarin" in conditions()


def test_that_inputs_measured_far_apart_are_noted() -> None:
    assert spread_note("albi", {"bilirubin": date(2024, 3, 1), "albumin": date(2024, 3, 15)}) is None
    apart = spread_note("albi", {"bilirubin": date(2024, 3, 1), "albumin": date(2024, 3, 16)})
    assert apart is not None
    assert (apart.measured, apart.limit) == (15.0, 14.0)
    assert spread_note("albi", {"bilirubin": date(2024, 3, 1), "albumin": None}) is not None
