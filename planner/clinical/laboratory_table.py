"""A laboratory table pasted from a hospital system or read from CSV: long or wide, in several languages.

What a row says is read; what it may mean is asked. Nothing is dropped: every row that gives no reading gives a finding.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from planner.catalogues import catalogue
from planner.clinical.laboratory import Analyte, accepts, analyte_named, plausibility
from planner.clinical.laboratory_cells import (
    DateCell,
    ResultCell,
    folded,
    is_range,
    proves_decimal_comma,
    read_clock,
    read_date,
    read_result,
)
from planner.clinical.quantities import is_unit, unit_code
from planner.errors import InputRefused
from planner.findings import Finding, Severity, any_blocks

MAXIMUM_CHARACTERS = 2_000_000
MAXIMUM_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class LabReading:
    """One laboratory value as the table has it.

    Attributes
    ----------
    value
        None where the result is text (`text`), or must be asked about.
    comparator
        ``<``, ``>``, ``<=``, ``>=`` or empty.
    unit
        UCUM code; None where the table names none or one that is not known.
    taken_at_time
        ``hh:mm`` or None.
    raw
        The cells it was read from.
    findings
        What must be confirmed or corrected before the value may be used.
    """

    analyte: str
    value: float | None
    comparator: str
    unit: str | None
    taken_on: date | None
    taken_at_time: str | None
    raw: str
    findings: tuple[Finding, ...] = ()
    text: str | None = None
    row: int = 0

    @property
    def usable(self) -> bool:
        """Whether nothing has to be asked about it."""
        return not any_blocks(self.findings)


@dataclass(frozen=True, slots=True)
class LabTable:
    """All readings, and the findings on rows that gave none. Row numbers count from 1 in the pasted text."""

    rows: tuple[LabReading, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """`aligned`: whether an empty cell keeps its column, which it does not between blanks."""

    number: int
    cells: tuple[str, ...]
    aligned: bool

    @property
    def raw(self) -> str:
        return " | ".join(cell for cell in self.cells if cell)


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a reader knows about one result before it is judged."""

    row: _Row
    name: str
    result: str
    unit: str = ""
    day: DateCell | None = None
    clock: str | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the person said about the table, and what its cells prove."""

    date_order: str | None
    default_date: date | None
    decimal_comma: bool


def read_table(text: str, *, date_order: str | None = None, default_date: date | None = None) -> LabTable:
    """Read a pasted table or CSV text.

    Parameters
    ----------
    date_order
        ``dmy`` or ``mdy`` once a person has said how ``3/4/2024`` is meant; with None such dates are asked about.
    default_date
        The day of rows that name none, when a person has given it.

    Raises
    ------
    InputRefused
        ``too-large``.
    """
    if len(text) > MAXIMUM_CHARACTERS or text.count("\n") > MAXIMUM_ROWS:
        raise InputRefused("too-large", f"The table is too large; paste at most {MAXIMUM_ROWS} rows.")
    rows = _rows(text.lstrip("\ufeff"))
    asked = _Asked(date_order, default_date, any(proves_decimal_comma(cell) for row in rows for cell in row.cells))
    readings: list[LabReading] = []
    findings: list[Finding] = []
    for item in _results(rows, asked):
        if isinstance(item, Finding):
            findings.append(item)
            continue
        reading = _reading(item, asked)
        if isinstance(reading, LabReading):
            readings.append(reading)
        elif reading not in findings:
            findings.append(reading)
    if not readings and not findings:
        findings.append(Finding("empty-table", Severity.WARN, "The table holds no result."))
    return LabTable(tuple(readings), tuple(findings))


def _rows(text: str) -> list[_Row]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    separator = _separator([line for _, line in lines])
    aligned = separator == "\t" or not separator.isspace()
    return [_Row(number, _cells(line, separator), aligned) for number, line in lines]


def _cells(line: str, separator: str) -> tuple[str, ...]:
    if separator == "  ":
        return tuple(cell.strip() for cell in re.split(r"\s{2,}", line.strip()))
    if separator == " ":
        return _spaced(line)
    if separator == "|":
        line = line.strip().strip("|")
    try:
        return tuple(cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=separator)))
    except csv.Error:
        return (line.strip(),)


def _spaced(line: str) -> tuple[str, ...]:
    """A line with single blanks: the name up to the first word that is a result, then word by word."""
    words = line.split()
    for index in range(1, len(words)):
        if read_result(words[index], decimal_comma=True) is not None:
            rest = re.sub(r"(\d{4}\S*) (\d{1,2}:\d{2})", "\\1\u00a0\\2", " ".join(words[index:]))
            return (" ".join(words[:index]), *(word.replace("\u00a0", " ") for word in rest.split(" ")))
    return (line.strip(),)


def _separator(lines: Sequence[str]) -> str:
    """The separator that cuts most lines into the same number of columns; a lone decimal comma is none."""
    best, best_columns = " ", 1
    for separator in ("\t", ";", "|", "  ", ","):
        counts = Counter(len(_cells(line, separator)) for line in lines)
        columns = max((count for count, times in counts.items() if times * 2 >= len(lines)), default=0)
        columns = columns or (counts.most_common(1)[0][0] if counts else 0)
        if separator in "\t;|" and columns >= 2:
            return separator
        if columns > best_columns:
            best, best_columns = separator, columns
    return best


def _roles() -> Mapping[str, str]:
    return {folded(word): role for role, words in catalogue("laboratory.toml")["columns"].items() for word in words}


def _results(rows: Sequence[_Row], asked: _Asked) -> Iterator[_Cell | Finding]:
    """The results of a table, in the form its header has; rows without a header are read by their content."""
    roles = _roles()
    day: DateCell | None = None
    position = 0
    while position < len(rows):
        row = rows[position]
        position += 1
        named = [roles.get(folded(cell), "") for cell in row.cells]
        headed = _dated_heading(row, roles, asked)
        if headed is not None:
            day = headed
        elif "analyte" in named and "value" in named:
            end = _section_end(rows, position, roles)
            yield from _long(rows[position:end], named, asked, day)
            position = end
        elif _date_columns(row, named, asked):
            end = _section_end(rows, position, roles)
            yield from _wide_by_date(rows[position:end], row, named, _date_columns(row, named, asked))
            position = end
        elif sum(analyte_named(_bare(cell)) is not None for cell in row.cells) >= 2 and not _has_result(row, asked):
            end = _section_end(rows, position, roles)
            yield from _wide_by_analyte(rows[position:end], row, named, asked, day)
            position = end
        else:
            yield _by_content(row, asked, day)


def _section_end(rows: Sequence[_Row], start: int, roles: Mapping[str, str]) -> int:
    """Where the next header begins: a later row that names an analyte and a value column."""
    for index in range(start, len(rows)):
        named = {roles.get(folded(cell), "") for cell in rows[index].cells}
        if {"analyte", "value"} <= named:
            return index
    return len(rows)


def _dated_heading(row: _Row, roles: Mapping[str, str], asked: _Asked) -> DateCell | None:
    """The date of a line such as ``采样日期: 2024-03-01``, which holds for the rows below it."""
    parts = re.split(r"[:：]", row.raw.replace(" | ", ":"), maxsplit=1)
    if len(parts) != 2 or roles.get(folded(parts[0])) != "date":
        return None
    return read_date(parts[1].strip(" :："), asked.date_order)


def _date_columns(row: _Row, named: Sequence[str], asked: _Asked) -> dict[int, DateCell]:
    """Columns of a header that are days; none where the row holds a result and so is no header."""
    if _has_result(row, asked) or analyte_named(row.cells[0]) is not None:
        return {}
    found = {index: read_date(cell, asked.date_order) for index, cell in enumerate(row.cells) if index > 0}
    days = {index: cell for index, cell in found.items() if cell is not None}
    return days if len(days) > 1 or "analyte" in named or not row.cells[0] else {}


def _has_result(row: _Row, asked: _Asked) -> bool:
    return any(read_result(cell, decimal_comma=asked.decimal_comma) is not None for cell in row.cells if cell)


def _shifted(row: _Row, header: _Row) -> bool:
    """Whether a row separated by blanks has lost a cell, so that its columns are not known."""
    return not row.aligned and len(row.cells) != len(header.cells)


def _cell_at(row: _Row, index: int | None) -> str:
    return row.cells[index] if index is not None and index < len(row.cells) else ""


def _panels(named: Sequence[str]) -> list[dict[str, int]]:
    """Column of each role; a printout with two results side by side has two panels."""
    panels: list[dict[str, int]] = []
    for index, role in enumerate(named):
        if role == "analyte" and (not panels or ("analyte" in panels[-1] and "value" in panels[-1])):
            panels.append({})
        if role and panels and role not in panels[-1]:
            panels[-1][role] = index
    whole = {role: index for index, role in enumerate(named) if role in ("date", "time")}
    return [{**whole, **panel} for panel in panels]


def _long(rows: Iterable[_Row], named: Sequence[str], asked: _Asked, day: DateCell | None) -> Iterator[_Cell | Finding]:
    """One result per row (or per panel of a row), under named columns."""
    panels = _panels(named)
    for row in rows:
        if not row.aligned and len(row.cells) != len(named):
            yield _by_content(row, asked, day)
            continue
        found = 0
        for panel in panels:
            name, result = _cell_at(row, panel["analyte"]), _cell_at(row, panel.get("value"))
            if not name and not result:
                continue
            found += 1
            own = _cell_at(row, panel.get("date"))
            taken = read_date(own, asked.date_order) if own else day
            if own and taken is None:
                taken = DateCell(None, None, f"the date {own!r} was not read")
            clock = read_clock(_cell_at(row, panel.get("time")))
            yield _Cell(row, name, result, _cell_at(row, panel.get("unit")), taken, clock)
        if not found:
            yield _unread(row, "it names no analyte and no result")


def _wide_by_date(
    rows: Iterable[_Row], header: _Row, named: Sequence[str], days: Mapping[int, DateCell]
) -> Iterator[_Cell | Finding]:
    """One analyte per row, one day per column."""
    name_column = named.index("analyte") if "analyte" in named else 0
    unit_column = named.index("unit") if "unit" in named else None
    for row in rows:
        if _shifted(row, header):
            yield _unread(row, "its columns do not line up with the header; paste it with tabs or as CSV")
            continue
        filled = [index for index in days if _cell_at(row, index)]
        for index in filled:
            yield _Cell(row, _cell_at(row, name_column), _cell_at(row, index), _cell_at(row, unit_column), days[index])
        if not filled:
            yield _unread(row, "it has no result in any of the dated columns")


def _wide_by_analyte(
    rows: Sequence[_Row], header: _Row, named: Sequence[str], asked: _Asked, day: DateCell | None
) -> Iterator[_Cell | Finding]:
    """One day per row, one analyte per column; units in the header's brackets or in a row of units."""
    units = {index: _bracketed(cell) for index, cell in enumerate(header.cells)}
    date_column = named.index("date") if "date" in named else None
    time_column = named.index("time") if "time" in named else None
    columns = [index for index, cell in enumerate(header.cells) if cell and not named[index] and index != date_column]
    for row in rows:
        if _shifted(row, header):
            yield _unread(row, "its columns do not line up with the header; paste it with tabs or as CSV")
            continue
        filled = [index for index in columns if _cell_at(row, index)]
        if filled and all(is_unit(_cell_at(row, index)) for index in filled):
            units.update({index: _cell_at(row, index) for index in filled})
            continue
        own = _cell_at(row, date_column)
        taken = read_date(own, asked.date_order) if own else day
        if own and taken is None:
            taken = DateCell(None, None, f"the date {own!r} was not read")
        clock = read_clock(_cell_at(row, time_column))
        for index in filled:
            name = _bare(header.cells[index])
            yield _Cell(row, name, _cell_at(row, index), units.get(index, ""), taken, clock)
        if not filled:
            yield _unread(row, "it has no result")


def _bracketed(text: str) -> str:
    """The unit in the brackets of a column name, ``ALB (g/L)`` or ``ALB [g/L]``; empty where there is none."""
    inside = [part for part in re.findall(r"[(\[（【](.*?)[)\]）】]", text) if is_unit(part)]
    return inside[0] if inside else ""


def _bare(text: str) -> str:
    unit = _bracketed(text)
    return re.sub(r"[(\[（【]" + re.escape(unit) + r"[)\]）】]", "", text).strip() if unit else text


def _by_content(row: _Row, asked: _Asked, day: DateCell | None) -> _Cell | Finding:
    """A row read by what stands in it: the analyte, the first result after it, a unit, a date, a time."""
    known = [index for index, cell in enumerate(row.cells) if cell and analyte_named(_bare(cell)) is not None]
    if not known:
        return _unread(row, "no known analyte is named")
    name_index = known[0]
    name = row.cells[name_index]
    result, unit, clock, spare = "", _bracketed(name), None, []
    for index, cell in enumerate(row.cells):
        if not cell or index == name_index:
            continue
        dated = read_date(cell, asked.date_order)
        if dated is not None:
            day = dated
        elif read_clock(cell) is not None:
            clock = read_clock(cell)
        elif is_unit(cell) and not unit:
            unit = cell
        elif index > name_index and not result and read_result(cell, decimal_comma=asked.decimal_comma) is not None:
            result = cell
        elif index > name_index and not is_range(cell):
            spare.append(cell)
    if not result and spare:
        result = spare[0]
    return _Cell(row, _bare(name), result, unit, day, clock)


def _unread(row: _Row, reason: str) -> Finding:
    text = f"Row {row.number} was not read: {reason} ({row.raw[:120]})."
    return Finding("unreadable-row", Severity.WARN, text, subject=f"row {row.number}")


def _reading(cell: _Cell, asked: _Asked) -> LabReading | Finding:
    """Judge one result: name, number, unit, plausibility, date."""
    known = analyte_named(cell.name)
    if known is None:
        return _unread(cell.row, f"the analyte {cell.name!r} is not in the catalogue")
    if not cell.result:
        return _unread(cell.row, f"{known.name} has no result")
    result = read_result(cell.result, decimal_comma=asked.decimal_comma)
    if result is None:
        return _unread(cell.row, f"the result {cell.result!r} of {known.name} is no number")
    findings: list[Finding] = []
    if result.problem:
        findings.append(_question("unclear-number", cell.row, f"{known.name}: {result.problem}"))
    unit = _unit(known, cell, result, findings) if result.text is None else None
    if result.value is not None and unit is not None:
        doubt = plausibility(known.key, result.value, unit)
        findings.extend([doubt] if doubt and not result.comparator else [])
    taken, clock = _taken(known, cell, asked, findings)
    return LabReading(
        analyte=known.key,
        value=result.value,
        comparator=result.comparator,
        unit=unit,
        taken_on=taken,
        taken_at_time=clock,
        raw=f"{cell.name} | {cell.result}" + (f" | {cell.unit}" if cell.unit else ""),
        findings=tuple(findings),
        text=result.text,
        row=cell.row.number,
    )


def _unit(known: Analyte, cell: _Cell, result: ResultCell, findings: list[Finding]) -> str | None:
    """The unit of a result: its own, the column's, none for a ratio; anything else is asked."""
    named = unit_code(cell.unit) if cell.unit and is_unit(cell.unit) else None
    if cell.unit and named is None:
        findings.append(_question("unknown-unit", cell.row, f"{known.name}: the unit {cell.unit!r} is not known"))
        return None
    if result.unit is not None and named is not None and result.unit != named:
        text = f"{known.name}: the result is in {result.unit}, its column in {named}"
        findings.append(_question("mixed-units", cell.row, text))
        return None
    unit = result.unit or named
    if unit is None and known.units == ("1",):
        return "1"
    if unit is None:
        fitting = [] if result.value is None else [u for u in known.units if _believable(known, result.value, u)]
        hint = f"; it would be believable in {', '.join(fitting)}" if fitting else ""
        findings.append(_question("missing-unit", cell.row, f"{known.name} {cell.result} has no unit{hint}"))
        return None
    if not accepts(known.key, unit):
        text = f"{known.name} is not measured in {unit}; laboratories print {', '.join(known.units)}"
        findings.append(_question("unit-not-of-analyte", cell.row, text))
        return None
    return unit


def _believable(known: Analyte, value: float, unit: str) -> bool:
    return plausibility(known.key, value, unit) is None


def _taken(known: Analyte, cell: _Cell, asked: _Asked, findings: list[Finding]) -> tuple[date | None, str | None]:
    if cell.day is None:
        if asked.default_date is None:
            findings.append(_question("missing-date", cell.row, f"{known.name} has no date"))
        return asked.default_date, cell.clock
    if cell.day.problem:
        findings.append(_question("unclear-date", cell.row, f"{known.name}: {cell.day.problem}"))
    return cell.day.day, cell.clock or cell.day.time


def _question(code: str, row: _Row, text: str) -> Finding:
    return Finding(
        code, Severity.BLOCK, f"Row {row.number}: {text}. Confirm or correct it.", subject=f"row {row.number}"
    )
