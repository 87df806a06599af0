"""Laboratory and marker curves of the digital patient over the course, made up to be coherent with the story.

Markers follow the viable tumour: alpha-fetoprotein and PIVKA-II rise before treatment, fall after each one and rise
again with the new tumour. Bilirubin and the transaminases climb after an embolisation and are back after two weeks;
albumin and platelets dip; creatinine shows a small bump after contrast medium.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Curve:
    """One analyte: its name as a laboratory prints it, its unit, and a value on each of `DAYS`."""

    name: str
    unit: str
    values: tuple[str, ...]


DAYS = (-60, -2, 11, 13, 15, 26, 52, 62, 64, 66, 77, 90, 92, 120, 181, 227, 272)
"""Days of the samples after the baseline CT: the embolisations are on days 12 and 63, the ablation on day 91."""

CURVES: tuple[Curve, ...] = (
    Curve(
        "AFP",
        "ng/mL",
        ("96", "164", "182", "", "", "74", "41", "44", "", "", "27", "24", "", "11", "7.8", "14", "58"),
    ),
    Curve(
        "PIVKA-II",
        "mAU/mL",
        ("142", "268", "301", "", "", "118", "72", "75", "", "", "51", "48", "", "31", "26", "39", "134"),
    ),
    Curve(
        "Total bilirubin",
        "umol/L",
        ("17", "18", "18", "31", "36", "20", "18", "18", "29", "33", "20", "18", "22", "18", "17", "18", "18"),
    ),
    Curve(
        "Direct bilirubin",
        "umol/L",
        ("6", "6", "6", "13", "16", "7", "6", "6", "12", "14", "7", "6", "8", "6", "6", "6", "6"),
    ),
    Curve(
        "Albumin",
        "g/L",
        ("38", "37", "37", "34", "33", "36", "37", "37", "34", "33", "36", "37", "35", "37", "38", "37", "37"),
    ),
    Curve(
        "INR",
        "1",
        ("1.12", "1.14", "1.14", "1.22", "1.24", "1.16", "1.14", "1.14", "1.20", "1.22", "1.15", "1.14", "1.18")
        + ("1.14", "1.13", "1.14", "1.14"),
    ),
    Curve(
        "Platelets",
        "10*9/L",
        ("118", "112", "114", "92", "84", "121", "110", "108", "90", "83", "116", "109", "98", "112", "115", "111")
        + ("107",),
    ),
    Curve(
        "Creatinine",
        "umol/L",
        ("78", "80", "79", "88", "92", "80", "80", "81", "89", "91", "81", "80", "86", "81", "82", "81", "83"),
    ),
    Curve(
        "AST",
        "U/L",
        ("46", "47", "45", "212", "148", "52", "46", "45", "176", "121", "50", "46", "138", "44", "42", "43", "46"),
    ),
    Curve(
        "ALT",
        "U/L",
        ("41", "43", "42", "168", "156", "49", "42", "41", "139", "127", "46", "42", "112", "40", "38", "40", "42"),
    ),
    Curve(
        "CRP",
        "mg/L",
        ("3", "4", "3", "38", "61", "6", "4", "4", "34", "52", "6", "4", "41", "4", "3", "3", "4"),
    ),
    Curve(
        "Haemoglobin",
        "g/L",
        ("138", "134", "135", "129", "127", "131", "133", "133", "127", "126", "130", "132", "128", "132", "134")
        + ("133", "132"),
    ),
    Curve(
        "Leukocytes",
        "10*9/L",
        ("4.8", "4.9", "4.7", "8.1", "7.2", "4.6", "4.7", "4.8", "7.8", "7.0", "4.7", "4.8", "7.4", "4.6", "4.7")
        + ("4.8", "4.7"),
    ),
    Curve(
        "Sodium",
        "mmol/L",
        ("140", "139", "139", "137", "137", "139", "139", "139", "138", "137", "139", "139", "138", "139", "140")
        + ("139", "139"),
    ),
    Curve(
        "Potassium",
        "mmol/L",
        ("4.2", "4.3", "4.2", "4.0", "3.9", "4.2", "4.3", "4.2", "4.0", "4.0", "4.2", "4.2", "4.1", "4.2", "4.3")
        + ("4.2", "4.3"),
    ),
)
"""An empty value was not asked for on that day."""


def course_laboratory(begun_on: date) -> tuple[Mapping[str, str], ...]:
    """Rows of analyte, value, unit and ISO date, day by day."""
    return tuple(
        {
            "analyte": curve.name,
            "value": curve.values[place],
            "unit": curve.unit,
            "date": (begun_on + timedelta(days=day)).isoformat(),
        }
        for place, day in enumerate(DAYS)
        for curve in CURVES
        if curve.values[place]
    )


def write_course_laboratory(path: Path, begun_on: date) -> None:
    """The rows as CSV, as the reader of laboratory tables takes it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ("analyte", "value", "unit", "date"))
        writer.writeheader()
        writer.writerows(course_laboratory(begun_on))
