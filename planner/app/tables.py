"""Tables for spreadsheets: CSV that no spreadsheet runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from planner.store.summary import CaseSummary

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def cell(value: object) -> str:
    """The text of a cell; text that a spreadsheet would run gets an apostrophe in front (CWE-1236)."""
    text = "" if value is None else str(value)
    if text.lstrip(" ").startswith(_STARTS_A_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV document (RFC 4180)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([cell(each) for each in header])
    writer.writerows([cell(each) for each in row] for row in rows)
    return stream.getvalue()


def case_list_csv(summaries: Iterable[CaseSummary]) -> str:
    """The library's list."""
    header = ("case", "revision", "patient ID", "name", "birth date", "title", "diagnosis", "sessions", "updated (UTC)")
    return csv_text(
        header,
        (
            (
                each.case_id,
                each.revision,
                each.facts.patient_id,
                each.facts.patient_name,
                each.facts.birth_date,
                each.facts.title,
                each.facts.diagnosis,
                "; ".join(f"{session.title} ({session.state})" for session in each.facts.sessions),
                each.updated_at,
            )
            for each in summaries
        ),
    )
