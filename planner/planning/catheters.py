"""The catalogue of catheters (``resources/devices/catheters.toml``), and which of them reach a place.

A size that a row does not give is unknown and not checked, and that is said. Rows without a source are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.constants import TAG_ORDER
from planner.errors import InputRefused
from planner.model.vessel_items import WayMeasures
from planner.planning.arteries import arteries
from planner.units import shown

FILE = "devices/catheters.toml"
MM_PER_FRENCH = 1.0 / 3.0
MM_PER_INCH = 25.4
BASE, MICROCATHETER = "base", "microcatheter"
_TRUNKS = "trunk"

_PLAUSIBLE = {
    "outer_french": (0.8, 12.0),
    "inner_diameter_in": (0.005, 0.12),
    "maximum_guidewire_in": (0.005, 0.05),
    "usable_length_cm": (20.0, 250.0),
    "length_mm": (10.0, 2000.0),
    "sd_mm": (0.0, 300.0),
    "base_catheter_cm": (20.0, 250.0),
    "value": (0.0, 100.0),
}
"""What no catheter has: a slip of a decimal point or a unit, not a clinical limit."""


@dataclass(frozen=True, slots=True)
class Catheter:
    """A row of the catalogue. `role` is ``base`` or ``microcatheter``; None is what the source does not give."""

    id: str
    title: str
    role: str
    source: str
    tag: str
    maker: str | None = None
    outer_french: float | None = None
    inner_diameter_in: float | None = None
    usable_length_cm: float | None = None
    maximum_guidewire_in: float | None = None

    @property
    def outer_mm(self) -> float | None:
        return None if self.outer_french is None else self.outer_french * MM_PER_FRENCH

    @property
    def inner_mm(self) -> float | None:
        return None if self.inner_diameter_in is None else self.inner_diameter_in * MM_PER_INCH


@dataclass(frozen=True, slots=True)
class AccessLength:
    """A published length along the arteries, from the puncture to the origin of an artery."""

    access: str
    to: str
    to_words: str
    length_mm: float
    source: str
    tag: str
    sd_mm: float | None = None


@dataclass(frozen=True, slots=True)
class AccessRow:
    """How long a base catheter usually is from an access to the visceral trunks."""

    access: str
    base_catheter_cm: float
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A number of fitting, with its source."""

    id: str
    value: float
    text: str
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class CatheterCatalogue:
    """The parsed file."""

    catheters: Mapping[str, Catheter]
    lengths: tuple[AccessLength, ...]
    accesses: Mapping[str, AccessRow]
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Needed:
    """What a place asks of a catheter.

    Attributes
    ----------
    microcatheter_cm, base_cm
        Least usable lengths; None where the way before the image is not known and no rule of practice helps.
    largest_french
        That the narrowest vessel on the way takes; None where no width is known.
    text
        How the lengths came about.
    """

    microcatheter_cm: float | None
    base_cm: float | None
    largest_french: float | None
    text: str


@dataclass(frozen=True, slots=True)
class CatheterFit:
    """Whether a catheter suits a way: True, False, or None where something that matters is unknown."""

    catheter: Catheter
    fits: bool | None
    reasons: tuple[str, ...]


def catheters_from(data: Mapping[str, Any], place: str) -> CatheterCatalogue:
    """The catalogue of a parsed file.

    Raises
    ------
    InputRefused
        ``bad-device-row`` with one sentence for each row without a source, with unknown keys or impossible numbers.
    """
    faults: list[str] = []
    kinds = {"catheter": Catheter, "length": AccessLength, "access": AccessRow, "rule": Rule}
    faults += [f"{place} has the unknown table {key!r}." for key in data if key not in kinds]
    made = {key: [_row(kind, row, place, faults) for row in data.get(key, [])] for key, kind in kinds.items()}
    known = set(arteries())
    for row in (*data.get("length", []), *data.get("access", [])):
        unknown = [row[key] for key in ("access", "to") if key in row and row[key] not in known]
        faults += [f"{place} names the unknown artery {key!r}." for key in unknown]
    for row in data.get("catheter", []):
        if row.get("role") not in (BASE, MICROCATHETER):
            faults.append(f"The catheter {row.get('id')} in {place} is neither base nor microcatheter.")
    names = [row.get("id") for key in ("catheter", "rule") for row in data.get(key, [])]
    faults += [
        f"The id {name} stands twice in {place}." for name in sorted({str(n) for n in names if names.count(n) > 1})
    ]
    if faults:
        raise InputRefused("bad-device-row", " ".join(faults), subject=place)
    return CatheterCatalogue(
        {each.id: each for each in made["catheter"]},
        tuple(made["length"]),
        {each.access: each for each in made["access"]},
        {each.id: each for each in made["rule"]},
    )


@cache
def shipped_catheters() -> CatheterCatalogue:
    """The catalogue that comes with the program."""
    return catheters_from(catalogue(FILE), FILE)


def access_lengths() -> tuple[AccessLength, ...]:
    """Published lengths from the puncture to landmarks."""
    return shipped_catheters().lengths


def needed_for(way: WayMeasures, known: CatheterCatalogue | None = None) -> Needed:
    """Lengths and calibre that a way asks for.

    Where the way before the image is unknown, the microcatheter must reach from the hub of a base catheter that is
    usual for the access; a base catheter is taken to stand in the origin of the trunk.
    """
    rows = known or shipped_catheters()
    reserve = rows.rules["reserve_cm"].value
    largest = None if way.minimum_diameter_mm is None else way.minimum_diameter_mm / MM_PER_FRENCH
    trunk = _trunk_mm(way)
    spare = f"and {shown(reserve, 'cm')} that stay outside ({rows.rules['reserve_cm'].source})"
    if way.outside_image_mm is not None:
        whole = (way.outside_image_mm + way.length_mm) / 10.0 + reserve
        base = (way.outside_image_mm + trunk) / 10.0 + reserve if trunk is not None else None
        text = f"Way before the image {shown(way.outside_image_mm / 10.0, 'cm', digits=0)} (average), "
        return Needed(whole, base, largest, f"{text}in it {shown(way.length_mm / 10.0, 'cm', digits=0)}, {spare}.")
    access = rows.accesses.get(way.access)
    if access is None or trunk is None:
        text = "The way before the image is not known, and no rule of practice speaks of it: lengths NOT CHECKED."
        return Needed(None, None, largest, text)
    beyond = (way.length_mm - trunk) / 10.0
    text = (
        f"Base catheter of {shown(access.base_catheter_cm, 'cm')} ({access.source}), "
        f"{shown(beyond, 'cm', digits=0)} beyond its tip, {spare}."
    )
    return Needed(access.base_catheter_cm + beyond + reserve, access.base_catheter_cm, largest, text)


def fitting_catheters(way: WayMeasures, known: CatheterCatalogue | None = None) -> tuple[CatheterFit, ...]:
    """Every catheter of the catalogue with whether it suits a way, those that suit first."""
    rows = known or shipped_catheters()
    needed = needed_for(way, rows)
    fits = [_fit(each, needed) for each in rows.catheters.values()]
    order = {True: 0, None: 1, False: 2}
    return tuple(sorted(fits, key=lambda each: (order[each.fits], each.catheter.role != MICROCATHETER)))


def passes_through(inner: Catheter, outer: Catheter) -> bool | None:
    """Whether a microcatheter goes through a base catheter; None where either size is unknown."""
    if inner.outer_mm is None or outer.inner_mm is None:
        return None
    return inner.outer_mm < outer.inner_mm


def _fit(catheter: Catheter, needed: Needed) -> CatheterFit:
    wanted = needed.microcatheter_cm if catheter.role == MICROCATHETER else needed.base_cm
    long_enough = _compared(catheter.usable_length_cm, wanted)
    reasons = [_length_words(catheter, wanted, long_enough)]
    answers = [long_enough]
    if catheter.role == MICROCATHETER:
        # A base catheter stays in the trunk, which the narrowest place of the way says nothing of.
        thin_enough = _compared(needed.largest_french, catheter.outer_french)
        reasons.append(_calibre_words(catheter, needed, thin_enough))
        answers.append(thin_enough)
    if catheter.tag in ("P", "M"):
        reasons.append("generic, check the label")
    fits = False if False in answers else None if None in answers else True
    return CatheterFit(catheter, fits, tuple(reasons))


def _compared(larger: float | None, smaller: float | None) -> bool | None:
    return None if larger is None or smaller is None else larger >= smaller


def _length_words(catheter: Catheter, wanted: float | None, enough: bool | None) -> str:
    if enough is None:
        return "length NOT CHECKED"
    lengths = f"{shown(catheter.usable_length_cm, 'cm')}, {shown(wanted, 'cm', digits=0)} needed"
    return f"long enough ({lengths})" if enough else f"too short ({lengths})"


def _calibre_words(catheter: Catheter, needed: Needed, enough: bool | None) -> str:
    if enough is None:
        return "calibre NOT CHECKED"
    widths = (
        f"{shown(catheter.outer_french, '[Ch]')}, narrowest vessel {shown(needed.largest_french, '[Ch]', digits=1)}"
    )
    return f"thin enough ({widths})" if enough else f"wider than the narrowest vessel ({widths}): it would wedge"


def _trunk_mm(way: WayMeasures) -> float | None:
    """Where the way leaves the aorta, along it; None where no trunk is named."""
    known = arteries()
    for turn in way.take_offs:
        artery = None if turn.name is None else known.get(turn.name)
        if artery is not None and artery.group == _TRUNKS and not artery.key.startswith("aorta"):
            return turn.along_mm
    return None


def _row(kind: type[Any], row: Any, place: str, faults: list[str]) -> Any:
    """One row as its type; a faulty one adds to the faults, and what is made of it is not used."""
    if not isinstance(row, Mapping):
        faults.append(f"{place} needs tables, not {row!r}.")
        return None
    fields = {key: value for key, value in row.items() if key in kind.__dataclass_fields__}
    name = f"A row of {place} ({row.get('id') or row.get('access') or 'without id'})"
    faults += [f"{name} has the unknown key {key!r}." for key in row if key not in fields]
    if not isinstance(row.get("source"), str) or not row["source"].strip():
        faults.append(f"{name} names no source.")
    if row.get("tag") not in TAG_ORDER:
        faults.append(f"{name} has no known evidence tag.")
    for key, (low, high) in _PLAUSIBLE.items():
        value = fields.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            faults.append(f"{name} needs a number for {key}.")
        elif not low <= value <= high:
            faults.append(f"{name} gives {key} = {value:g}, which no catheter has ({low:g} to {high:g}).")
        else:
            fields[key] = float(value)
    try:
        return kind(**fields)
    except TypeError:
        faults.append(f"{name} is not complete.")
        return None
