"""One cell of a laboratory table: a result with its comparator and flag, or a date. What is ambiguous stays open."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from planner.clinical.quantities import is_unit, unit_code

_SUPERSCRIPTS = str.maketrans({digit: str(index) for index, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})
_COMPARATORS = {"<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">="}
_FLAG = r"(?:\(?\[?(?:HH|LL|H|L|↑+|↓+|\*+|!+|偏高|偏低)\]?\)?)"
_NUMBER = r"[+-]?\d[\d.,'\u00a0]*(?:\s\d{3})*(?:[eE][+-]?\d+)?"
_RESULT = re.compile(
    rf"^{_FLAG}?\s*(?P<comparator>[<>]=?|[≤≥])?\s*(?P<number>{_NUMBER})"
    rf"(?:\s*[xX×*]\s*10(?:\^|\*\*|E)?(?P<power>[+-]?\d+)(?!\s*/))?\s*(?P<rest>.*)$"
)
_RANGE = re.compile(r"^[\[(]?\s*[<>≤≥]?=?\s*\d[\d.,]*\s*(?:-|–|—|~|～|to|bis|至)+\s*\d[\d.,]*\s*[\])]?.*$")
_WORDS = re.compile(
    r"^\(?[+\-±]+\)?$|^(?:positive|negative|positiv|negativ|pos|neg|reactive|non-?reactive|not detected"
    r"|阳性|阴性|弱阳性|未检出)$",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(
    rf"^(?P<y>(?:19|20)\d{{2}})\s*[-/.年]\s*(?P<m>\d{{1,2}})\s*[-/.月]\s*(?P<d>\d{{1,2}})\s*日?{_TIME}$"
)
_COMPACT = re.compile(rf"^(?P<y>(?:19|20)\d{{2}})(?P<m>[01]\d)(?P<d>[0-3]\d){_TIME}$")
_DOTTED = re.compile(rf"^(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?(?P<y>(?:19|20)\d{{2}}){_TIME}$")
_NAMED = re.compile(rf"^(?P<d>\d{{1,2}})[-\s.]?(?P<m>[A-Za-z]{{3}})[a-z]*[-\s.,]*(?P<y>(?:19|20)\d{{2}}){_TIME}$")
_OPEN = re.compile(rf"^(?P<a>\d{{1,2}})[-/](?P<b>\d{{1,2}})[-/](?P<y>(?:19|20)\d{{2}}){_TIME}$")
_NO_YEAR = re.compile(
    r"^\d{1,2}月\d{1,2}日?(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?$"
    r"|^\d{1,2}[-/.]\d{1,2}\s+\d{1,2}:\d{2}(?::\d{2})?$"
    r"|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}$"
)
_CLOCK = re.compile(r"^(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?$")


@dataclass(frozen=True, slots=True)
class ResultCell:
    """A result: a number, or text such as ``negative``; `problem` says why it was not read, and is None otherwise."""

    value: float | None = None
    comparator: str = ""
    unit: str | None = None
    text: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DateCell:
    """A day and a clock time ``hh:mm``; `problem` says what has to be asked."""

    day: date | None
    time: str | None = None
    problem: str | None = None


def folded(text: str) -> str:
    """A column name without case, spaces and punctuation."""
    return re.sub(r"[\s\-_.,:;*/()\[\]（）：]+", "", unicodedata.normalize("NFKC", text).casefold())


def tidy(text: str) -> str:
    """A cell with its powers written ``^n``, full-width characters narrowed and outer blanks removed."""
    text = re.sub(r"10([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda match: "10^" + match.group(1).translate(_SUPERSCRIPTS), text)
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()


def is_range(text: str) -> bool:
    """Whether a cell is a reference range (``35 - 50``), which is no result."""
    return bool(_RANGE.match(tidy(text))) and read_date(text, None) is None


def read_result(text: str, *, decimal_comma: bool) -> ResultCell | None:
    """A result cell, or None where the cell is neither a number nor a known word.

    Parameters
    ----------
    decimal_comma
        True where other cells of the table prove that it writes decimals with a comma.
    """
    cell = tidy(text)
    if _WORDS.match(cell):
        return ResultCell(text=cell)
    match = _RESULT.match(cell)
    if match is None or is_range(cell) or read_date(cell, None) is not None or _CLOCK.match(cell):
        return None
    rest = re.sub(rf"^{_FLAG}(?=\s|$)|(?:^|\s){_FLAG}$", "", match.group("rest").strip()).strip()
    unit = unit_code(rest) if rest and is_unit(rest) else None
    if rest and unit is None:
        return None
    value, problem = number(match.group("number"), decimal_comma=decimal_comma)
    if value is not None and match.group("power"):
        value *= 10.0 ** int(match.group("power"))
    if value is not None and not math.isfinite(value):
        value, problem = None, f"{cell} is too large"
    return ResultCell(value, _COMPARATORS.get(match.group("comparator") or "", ""), unit, None, problem)


def number(text: str, *, decimal_comma: bool) -> tuple[float | None, str | None]:
    """A printed number and, where it may mean two things, the question instead of a value."""
    compact = re.sub(r"[\s\u00a0']", "", text).rstrip(".,")
    commas, points = compact.count(","), compact.count(".")
    unclear = f"{text!r} may have a decimal or a thousands separator; write it without"
    if commas and points:
        decimal = "," if compact.rfind(",") > compact.rfind(".") else "."
        grouping = "." if decimal == "," else ","
        if compact.count(decimal) > 1:
            return None, unclear
        compact = compact.replace(grouping, "").replace(decimal, ".")
    elif commas > 1 or points > 1:
        if not re.fullmatch(r"[+-]?\d{1,3}(?:[.,]\d{3})+", compact):
            return None, unclear
        compact = re.sub(r"[.,]", "", compact)
    elif re.fullmatch(r"[+-]?[1-9]\d{0,2}[,.]\d{3}", compact) and (commas or decimal_comma):
        return None, unclear
    else:
        compact = compact.replace(",", ".")
    try:
        return float(compact), None
    except ValueError:
        return None, f"{text!r} is not a number"


def proves_decimal_comma(text: str) -> bool:
    """Whether a cell can only be a decimal with a comma (``3,5``), not a thousand (``3,500``)."""
    return bool(re.match(r"^\D{0,3}\d+,\d{1,2}(?:\D|$)", tidy(text)))


def read_clock(text: str) -> str | None:
    """A clock time as ``hh:mm``, or None."""
    match = _CLOCK.match(tidy(text))
    return f"{int(match.group('hour')):02d}:{match.group('minute')}" if match else None


def read_date(text: str, date_order: str | None) -> DateCell | None:
    """A date cell, or None where the cell is no date.

    Parameters
    ----------
    date_order
        ``dmy`` or ``mdy`` once a person has said how ``3/4/2024`` is meant; None asks.
    """
    cell = tidy(text)
    for pattern in (_YEAR_FIRST, _COMPACT, _DOTTED, _NAMED):
        match = pattern.match(cell)
        if match:
            month = match.group("m")
            named = month.casefold()[:3]
            number_of_month = int(month) if month.isdigit() else _MONTHS.index(named) + 1 if named in _MONTHS else 0
            return _day(int(match.group("y")), number_of_month, int(match.group("d")), match)
    match = _OPEN.match(cell)
    if match:
        return _open_day(cell, match, date_order)
    if _NO_YEAR.match(cell):
        return DateCell(None, None, f"the date {cell!r} has no four-digit year")
    return None


def _open_day(cell: str, match: re.Match[str], date_order: str | None) -> DateCell:
    first, second, year = int(match.group("a")), int(match.group("b")), int(match.group("y"))
    if first > 12 or first == second or (date_order == "dmy" and second <= 12):
        return _day(year, second, first, match)
    if second > 12 or date_order == "mdy":
        return _day(year, first, second, match)
    return DateCell(None, _clock_of(match), f"the date {cell!r} may be day/month or month/day")


def _day(year: int, month: int, day: int, match: re.Match[str]) -> DateCell:
    try:
        return DateCell(date(year, month, day), _clock_of(match))
    except ValueError:
        return DateCell(None, None, f"{match.group(0)!r} is no day of the calendar")


def _clock_of(match: re.Match[str]) -> str | None:
    hour = match.group("hour")
    return f"{int(hour):02d}:{match.group('minute')}" if hour is not None and int(hour) < 24 else None
