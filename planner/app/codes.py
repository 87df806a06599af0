"""Codes of a case on export: ICD-11 and morphology of the diagnosis, LOINC and UCUM of laboratory values.

A code that is not sure is left out, and what has none is named.
"""

from __future__ import annotations

from typing import Any

from planner.catalogues import catalogue
from planner.clinical.laboratory import analytes
from planner.model.case import Case
from planner.model.disease import Diagnosis
from planner.model.people import LabValue


def coded(case: Case) -> dict[str, Any]:
    """The codes of a case as a document of plain values.

    Returns
    -------
    dict
        ``diagnosis`` and ``morphology`` (system, code, title, source), ``laboratory`` (one per value: LOINC, value as
        the laboratory printed it, UCUM unit, day), ``not_coded`` (names).
    """
    data = catalogue("codes.toml")
    diagnosis = _diagnosis(case.diagnosis)
    morphology = _matching(data["morphology"], case.diagnosis)
    laboratory = [_laboratory(each) for each in case.laboratory if _loinc(each)]
    missing = [] if diagnosis or not case.diagnosis.text else [case.diagnosis.text]
    missing += sorted({_name(each) for each in case.laboratory if not _loinc(each)})
    return {
        "diagnosis": diagnosis,
        "morphology": morphology,
        "laboratory": laboratory,
        "not_coded": missing,
    }


def _diagnosis(diagnosis: Diagnosis) -> list[dict[str, str]]:
    """As a person typed it, else by histology."""
    if diagnosis.code:
        system = diagnosis.code_system or "not named"
        source = "typed for this case"
        return [{"system": system, "code": diagnosis.code, "title": diagnosis.text, "source": source}]
    return _matching(catalogue("codes.toml")["diagnosis"], diagnosis)


def _matching(rows: list[dict[str, Any]], diagnosis: Diagnosis) -> list[dict[str, str]]:
    systems = catalogue("codes.toml")["systems"]
    return [
        {
            "system": systems[each["system"]],
            "code": each["code"],
            "title": each["title"],
            "source": each["source"],
        }
        for each in rows
        if each["histology"] == diagnosis.histology and ("proof" not in each or diagnosis.proof in each["proof"])
    ]


def _loinc(value: LabValue) -> str | None:
    known = analytes().get(value.analyte)
    return None if known is None else known.loinc


def _name(value: LabValue) -> str:
    known = analytes().get(value.analyte)
    return value.analyte if known is None else known.name


def _laboratory(value: LabValue) -> dict[str, Any]:
    return {
        "system": catalogue("codes.toml")["systems"]["loinc"],
        "code": _loinc(value),
        "title": _name(value),
        "value": value.value,
        "comparator": value.comparator,
        "text": value.text,
        "unit": value.unit,
        "taken_on": value.taken_on.isoformat(),
    }
