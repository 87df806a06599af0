"""Laboratory values of the digital patient: a compensated cirrhosis before and after the first chemoembolisation."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

from planner.errors import UsageError

DAYS = (-92, -21, -2)
"""Days of the samples relative to the study."""

TABLE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Total bilirubin", "umol/L", ("17", "19", "18")),
    ("Direct bilirubin", "umol/L", ("6", "7", "6")),
    ("Albumin", "g/L", ("38", "37", "37")),
    ("INR", "1", ("1.12", "1.15", "1.14")),
    ("Prothrombin time", "s", ("12.9", "13.2", "13.1")),
    ("Platelets", "10*9/L", ("118", "109", "112")),
    ("Haemoglobin", "g/L", ("138", "136", "134")),
    ("Leukocytes", "10*9/L", ("4.8", "4.6", "4.9")),
    ("Neutrophils", "10*9/L", ("2.9", "2.7", "3.0")),
    ("Creatinine", "umol/L", ("78", "81", "80")),
    ("Urea", "mmol/L", ("5.4", "5.8", "5.6")),
    ("Sodium", "mmol/L", ("140", "139", "139")),
    ("Potassium", "mmol/L", ("4.2", "4.1", "4.3")),
    ("AST", "U/L", ("46", "49", "47")),
    ("ALT", "U/L", ("41", "44", "43")),
    ("ALP", "U/L", ("104", "110", "112")),
    ("GGT", "U/L", ("88", "97", "95")),
    ("AFP", "ug/L", ("38", "127", "164")),
    ("CRP", "mg/L", ("3", "4", "3")),
    ("Glucose", "mmol/L", ("5.6", "5.9", "5.7")),
)
"""Name as a laboratory prints it, unit (UCUM), value on each of `DAYS`."""


def parsed_date(text: str) -> date:
    """A date written YYYYMMDD or YYYY-MM-DD.

    Raises
    ------
    UsageError
        For anything else.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("bad-date", f"{text} is not a date; write it as YYYY-MM-DD.", subject=text) from error


def write_laboratory(path: Path, study_date: str) -> None:
    """One row per value: analyte, value, unit, date (ISO 8601)."""
    day = parsed_date(study_date)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("analyte", "value", "unit", "date"))
        for column, offset in enumerate(DAYS):
            for name, unit, values in TABLE:
                writer.writerow((name, values[column], unit, (day + timedelta(days=offset)).isoformat()))
