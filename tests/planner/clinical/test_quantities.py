"""Numbers with units: reading, naming, converting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalogues import catalogue
from planner.clinical.quantities import Quantity, convert, is_unit, parse, unit_code
from planner.errors import InputRefused


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("2.4mg/dL", Quantity(2.4, "mg/dL")),
        (" 34.1 µmol/l ", Quantity(34.1, "umol/L")),
        ("34.1 μmol/L", Quantity(34.1, "umol/L")),
        ("62 ×10⁹/L", Quantity(62.0, "10*9/L")),
        ("6210*9/L", Quantity(62.0, "10*9/L")),
        ("110.510*9/L", Quantity(110.5, "10*9/L")),
        ("62x10*9/L", Quantity(62.0, "10*9/L")),
        ("-7.0", Quantity(-7.0, None)),
        ("\u22123 mm", Quantity(-3.0, "mm")),
        (".5Gy·cm²", Quantity(0.5, "Gy.cm2")),
        ("1e3 IU/mL", Quantity(1000.0, "[iU]/mL")),
        ("69 mL/min/1.73 m²", Quantity(69.0, "mL/min/{1.73_m2}")),
        ("12?", Quantity(12.0, "?")),
    ],
)
def test_that_a_quantity_is_read(text: str, quantity: Quantity) -> None:
    assert parse(text) == quantity


@pytest.mark.parametrize("text", ["", "mg/dL", "2,4mg/dL", "1e999", "2.4 parsec", "--3", "nan", "0x10", "10*9/L"])
def test_that_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(InputRefused):
        parse(text)


def test_that_case_decides_only_where_it_must() -> None:
    assert unit_code("MG/DL") == "mg/dL"
    assert unit_code("G/L") == "10*9/L"
    assert unit_code("g/l") == "g/L"
    with pytest.raises(InputRefused):
        unit_code("MM")


def test_that_every_unit_of_the_catalogue_is_found_by_all_its_spellings() -> None:
    for code, entry in catalogue("units.toml").items():
        for spelling in (code, *entry["spellings"]):
            assert unit_code(spelling) == code
            assert is_unit(spelling)


def test_that_a_conversion_needs_a_definition_or_the_right_substance() -> None:
    assert convert(2.0, "mg/dL", "umol/L", "bilirubin") == pytest.approx(34.208)
    assert convert(106.08, "umol/L", "mg/dL", "creatinine") == pytest.approx(1.2)
    assert convert(35.0, "g/L", "g/dL") == pytest.approx(3.5)
    assert convert(14.0, "ug/mL", "ng/mL") == pytest.approx(14000.0)
    assert convert(150000.0, "/uL", "10*9/L") == pytest.approx(150.0)
    for substance in (None, "albumin"):
        with pytest.raises(InputRefused, match="cannot be converted"):
            convert(2.0, "mg/dL", "umol/L", substance)
    with pytest.raises(InputRefused):
        convert(70.0, "%", "1")


@given(st.floats(1e-3, 1e6), st.sampled_from(["bilirubin", "creatinine", "glucose", "lactate"]))
def test_that_converting_there_and_back_changes_nothing(value: float, substance: str) -> None:
    there = convert(value, "mg/dL", "umol/L", substance)
    assert convert(there, "umol/L", "mg/dL", substance) == pytest.approx(value)
