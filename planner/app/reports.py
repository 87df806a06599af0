"""The patient's diary and questionnaires: entries on the scales of ``resources/scales.toml``. Each is one edit."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime

from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.edits import Edit, new_id
from planner.model.follow_up import Report
from planner.units import symbol
from planner.workflow.scales import Scale, scale

SOURCES = ("patient", "nurse", "doctor", "questionnaire")


def add_report(
    key: str,
    value: float | None,
    *,
    on: date,
    by: str,
    now: datetime,
    source: str = "patient",
    text: str | None = None,
) -> Edit:
    """Write down what the patient says.

    Parameters
    ----------
    key
        Of the scale.
    value
        On the scale, in its unit; None for a symptom told in words only, which then needs `text`.

    Raises
    ------
    UsageError
        ``unknown-scale``, ``unknown-source``, ``missing-name``.
    InputRefused
        ``out-of-scale``; ``missing-value`` for a questionnaire without a number; ``day-to-come``.
    """
    known = scale(key)
    if source not in SOURCES:
        raise UsageError("unknown-source", f"There is no source {source!r}; choose one of {', '.join(SOURCES)}.")
    if not by.strip():
        raise UsageError("missing-name", "Type who enters it.")
    if on > now.date():
        raise InputRefused("day-to-come", f"{on.isoformat()} has not come yet; check the day.", subject=key)
    words = text.strip() if text and text.strip() else None
    _refuse_value(known, value, words)
    report = Report(new_id("report"), key, value, on, source, by.strip(), now, words)
    return lambda case: replace(case, reports=(*case.reports, report))


def remove_report(report_id: str) -> Edit:
    """Take back an entry made by mistake.

    Raises
    ------
    UsageError
        When applied, ``unknown-report``.
    """

    def edit(case: Case) -> Case:
        kept = tuple(each for each in case.reports if each.id != report_id)
        if len(kept) == len(case.reports):
            raise UsageError("unknown-report", f"There is no entry {report_id} in the diary.", subject=report_id)
        return replace(case, reports=kept)

    return edit


def _refuse_value(known: Scale, value: float | None, words: str | None) -> None:
    if value is None:
        if words is None or known.words is None:
            ask = "give the number" if known.words is None else "give a number or describe it"
            raise InputRefused("missing-value", f"{known.title}: {ask}.", subject=known.key)
        return
    unit = symbol(known.unit)
    if not math.isfinite(value) or not known.minimum <= value <= known.maximum:
        ends = f"{known.minimum:g} to {known.maximum:g}{' ' + unit if unit else ''}"
        raise InputRefused("out-of-scale", f"{known.title} goes from {ends}; check the number.", subject=known.key)
    if known.whole and not float(value).is_integer():
        raise InputRefused("out-of-scale", f"{known.title} is a whole number; check it.", subject=known.key)
