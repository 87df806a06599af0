"""Tables as hospital systems print them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.clinical.laboratory_table import LabReading, LabTable, read_table
from planner.errors import InputRefused

MARCH = date(2024, 3, 1)

ENGLISH = """Test\tResult\tFlag\tUnit\tReference\tCollected
Bilirubin, total\t2.4\tH\tmg/dL\t0.2-1.2\t2024-03-01 07:45
ALB\t31\tL\tg/L\t35-50\t2024-03-01
PLT\t62↓\t\t10^9/L\t125-350\t01.03.2024
INR\t1.4\t\t\t\t2024/3/1
HBV-DNA\t<20\t\tIU/mL\t\t1 Mar 2024
HBsAg\tpositive\t\t\t\t2024-03-01
Creatinine\t88\t\tmg/dL\t\t2024-03-01
Rhubarb\t3\t\tmg/dL\t\t2024-03-01
"""

CHINESE = """采样日期：2024年3月1日
序号  项目名称  结果  提示  参考值  单位
1  总胆红素  34.1  ↑  3.4-20.5  μmol/L
2  白蛋白  33.5  ↓  40-55  g/L
3  血小板  62  ↓  125-350  10^9/L
4  肌酐  71    57-97  μmol/L
5  乙肝表面抗原  阳性
6  PT-INR  1.21    0.8-1.2
"""

GERMAN = """Parameter;Einheit;01.03.2024;15.03.2024
Bilirubin gesamt;mg/dl;1,2;2,4
Albumin;g/dl;3,5;
Thrombozyten;/nl;150;62
Quick;%;70;71
"""

WIDE = """date,ALB (g/L),TBIL (umol/L),PLT,INR
2024-03-01,35,20,62,1.2
25/03/2024,34.2,22,,1.3
"""


def by_analyte(table: LabTable) -> dict[str, LabReading]:
    return {reading.analyte: reading for reading in table.rows}


def codes(reading: LabReading) -> list[str]:
    return [finding.code for finding in reading.findings]


def test_that_a_long_table_is_read_with_units_dates_flags_and_comparators() -> None:
    table = read_table(ENGLISH)
    found = by_analyte(table)
    bilirubin = found["bilirubin"]
    assert (bilirubin.value, bilirubin.unit, bilirubin.taken_on, bilirubin.taken_at_time) == (
        2.4,
        "mg/dL",
        MARCH,
        "07:45",
    )
    assert (found["platelets"].value, found["platelets"].unit) == (62.0, "10*9/L")
    assert (found["inr"].value, found["inr"].unit) == (1.4, "1")
    assert (found["hbv_dna"].comparator, found["hbv_dna"].value) == ("<", 20.0)
    assert (found["hbsag"].value, found["hbsag"].text) == (None, "positive")
    assert all(reading.taken_on == MARCH for reading in table.rows)
    assert [reading.analyte for reading in table.rows if not reading.usable] == ["creatinine"]
    assert [(finding.code, finding.subject) for finding in table.findings] == [("unreadable-row", "row 9")]
    assert "Rhubarb" in table.findings[0].text


def test_that_a_chinese_printout_is_read_under_its_sampling_date() -> None:
    table = read_table(CHINESE)
    found = by_analyte(table)
    assert {key: (item.value, item.unit) for key, item in found.items()} == {
        "bilirubin": (34.1, "umol/L"),
        "albumin": (33.5, "g/L"),
        "platelets": (62.0, "10*9/L"),
        "creatinine": (71.0, "umol/L"),
        "hbsag": (None, None),
        "inr": (1.21, "1"),
    }
    assert all(item.taken_on == MARCH and item.usable for item in table.rows)
    assert table.findings == ()


def test_that_days_as_columns_are_read_with_decimal_commas() -> None:
    table = read_table(GERMAN)
    read = [(item.analyte, item.value, item.unit, item.taken_on) for item in table.rows]
    assert read == [
        ("bilirubin", 1.2, "mg/dL", MARCH),
        ("bilirubin", 2.4, "mg/dL", date(2024, 3, 15)),
        ("albumin", 3.5, "g/dL", MARCH),
        ("platelets", 150.0, "10*3/uL", MARCH),
        ("platelets", 62.0, "10*3/uL", date(2024, 3, 15)),
    ]
    assert [finding.subject for finding in table.findings] == ["row 5"]


def test_that_analytes_as_columns_are_read() -> None:
    table = read_table(WIDE)
    read = [(item.analyte, item.value, item.unit, item.taken_on) for item in table.rows]
    assert read == [
        ("albumin", 35.0, "g/L", MARCH),
        ("bilirubin", 20.0, "umol/L", MARCH),
        ("platelets", 62.0, None, MARCH),
        ("inr", 1.2, "1", MARCH),
        ("albumin", 34.2, "g/L", date(2024, 3, 25)),
        ("bilirubin", 22.0, "umol/L", date(2024, 3, 25)),
        ("inr", 1.3, "1", date(2024, 3, 25)),
    ]
    assert codes(table.rows[2]) == ["missing-unit"]


def test_that_a_row_of_units_below_the_header_is_used() -> None:
    table = read_table("date\tALB\tCREA\n\tg/L\tumol/L\n2024-03-01\t35\t80\n")
    assert [(item.value, item.unit) for item in table.rows] == [(35.0, "g/L"), (80.0, "umol/L")]
    assert all(item.usable for item in table.rows)


def test_that_rows_without_a_header_are_read_by_content() -> None:
    table = read_table("ALB 35 g/L 2024-03-01\nbilirubin 2.4 mg/dL 2024-03-01 08:30\n")
    assert [(item.analyte, item.value, item.unit, item.taken_on) for item in table.rows] == [
        ("albumin", 35.0, "g/L", MARCH),
        ("bilirubin", 2.4, "mg/dL", MARCH),
    ]
    assert table.rows[1].taken_at_time == "08:30"


def test_that_two_results_side_by_side_are_both_read() -> None:
    text = "项目\t结果\t单位\t项目\t结果\t单位\n白蛋白\t35\tg/L\t肌酐\t80\tumol/L\n"
    table = read_table(text, default_date=MARCH)
    assert [(item.analyte, item.value) for item in table.rows] == [("albumin", 35.0), ("creatinine", 80.0)]


def test_that_an_ambiguous_date_is_asked_and_never_guessed() -> None:
    text = "AFP;520;ng/mL;03/04/2024\n"
    (asked,) = read_table(text).rows
    assert (asked.taken_on, codes(asked)) == (None, ["unclear-date"])
    assert read_table(text, date_order="dmy").rows[0].taken_on == date(2024, 4, 3)
    assert read_table(text, date_order="mdy").rows[0].taken_on == date(2024, 3, 4)
    assert read_table("AFP;520;ng/mL;25/04/2024\n").rows[0].taken_on == date(2024, 4, 25)
    assert codes(read_table("AFP;520;ng/mL;31.02.2024\n").rows[0]) == ["unclear-date"]


def test_that_a_missing_date_is_asked_unless_a_person_gave_it() -> None:
    assert codes(read_table("AFP;520;ng/mL\n").rows[0]) == ["missing-date"]
    assert read_table("AFP;520;ng/mL\n", default_date=MARCH).rows[0].usable


@pytest.mark.parametrize("number", ["150,000", "1,234"])
def test_that_a_thousands_or_decimal_comma_is_asked(number: str) -> None:
    (reading,) = read_table(f"PLT\t{number}\t/uL\t2024-03-01\n").rows
    assert reading.value is None
    assert codes(reading) == ["unclear-number"]


@pytest.mark.parametrize(
    ("text", "value"), [("1,234.5", 1234.5), ("1.234,5", 1234.5), ("1,234,567", 1234567.0), ("5.2×10³", 5200.0)]
)
def test_that_a_clear_number_is_read(text: str, value: float) -> None:
    assert read_table(f"HBV-DNA\t{text}\tIU/mL\t2024-03-01\n").rows[0].value == pytest.approx(value)


def test_that_an_unknown_or_foreign_unit_is_asked() -> None:
    table = read_table("Test\tResult\tUnit\tDate\nALB\t35\tblips\t2024-03-01\nALB\t35\tumol/L\t2024-03-01\n")
    assert [codes(item) for item in table.rows] == [["unknown-unit"], ["unit-not-of-analyte"]]
    assert [item.unit for item in table.rows] == [None, None]


def test_that_a_result_in_two_units_is_asked() -> None:
    (reading,) = read_table("Test\tResult\tUnit\tDate\nALB\t3.5 g/dL\tg/L\t2024-03-01\n").rows
    assert codes(reading) == ["mixed-units"]


def test_that_a_shifted_row_is_not_attributed_to_a_column() -> None:
    table = read_table("Parameter  Einheit  01.03.2024  15.03.2024\nAlbumin  g/dl  3,5\nCRP  mg/l  5  6\n")
    assert [item.analyte for item in table.rows] == ["crp", "crp"]
    assert "line up" in table.findings[0].text


def test_that_every_row_gives_a_reading_or_a_finding() -> None:
    text = "Liver panel\n\nALB\t\tg/L\nfoo\tbar\tbaz\nALB\tsee below\tg/L\n肝功能\n"
    table = read_table(text)
    assert table.rows == ()
    assert [finding.subject for finding in table.findings] == ["row 1", "row 3", "row 4", "row 5", "row 6"]


def test_that_nothing_and_too_much_are_said() -> None:
    assert [finding.code for finding in read_table("  \n").findings] == ["empty-table"]
    assert [finding.code for finding in read_table("Test\tResult\tUnit\n").findings] == ["empty-table"]
    with pytest.raises(InputRefused):
        read_table("a\tb\n" * 20_001)


@given(st.text(alphabet="ALBg/L35.,<>;\t \n-24年月日\"'↑", max_size=200))
def test_that_no_text_breaks_the_reader(text: str) -> None:
    table = read_table(text)
    for reading in table.rows:
        assert reading.value is not None or reading.text is not None or not reading.usable
    if not table.rows:
        assert table.findings
