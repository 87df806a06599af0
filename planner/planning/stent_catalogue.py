"""The catalogue of stents: sites, indications, types, landmarks and products, each number with its source.

Diameters and oversize of a site are the clinical rules ``stent_diameter`` and ``stent_pick``; what lies here is what
those rules lack. Lengths and diameters are mm; None is what a source does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, TypeVar

from planner.catalogues import catalogue
from planner.clinical.constants import TAG_ORDER
from planner.errors import InputRefused, UsageError
from planner.model.vessel_items import LUMEN_KINDS

FILE = "devices/stents.toml"
MM_PER_FRENCH = 1.0 / 3.0

# What no stent can have: a slip of a decimal point or a unit, not a clinical limit.
_PLAUSIBLE = {"diameters_mm": (1.0, 60.0), "lengths_mm": (5.0, 300.0), "delivery_french": (2.0, 40.0)}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a stent lies, with what the rule of its diameter does not say.

    Attributes
    ----------
    rule
        Key of the rule ``stent_diameter``; None where it has no row, and no size is proposed.
    landing_low_mm, landing_high_mm
        Beyond the stricture on each side.
    fistula_overlap_mm
        Beyond an opening on each side.
    usual_low_mm, usual_high_mm
        Diameters that are usual at the site.
    nominal_mm, small_mm
        What a range stands for: `nominal_mm`, or `small_mm` in a lumen that is narrower than that.
    types
        Indication -> key of the type that is taken without another wish.
    clear_type, clear_landmarks
        The type that is taken where these landmarks are marked and none is crossed.
    """

    key: str
    name: str
    kinds: tuple[str, ...]
    types: Mapping[str, str]
    source: str
    tag: str
    rule: str | None = None
    landing_low_mm: float | None = None
    landing_high_mm: float | None = None
    fistula_overlap_mm: float | None = None
    fistula_overlap_source: str = ""
    fistula_overlap_tag: str = "M"
    usual_low_mm: float | None = None
    usual_high_mm: float | None = None
    nominal_mm: float | None = None
    small_mm: float | None = None
    avoid_bare_in_benign: bool = False
    clear_type: str | None = None
    clear_landmarks: tuple[str, ...] = ()
    balloon_first: str = ""
    balloon_first_source: str = ""
    balloon_first_tag: str = "M"


@dataclass(frozen=True, slots=True)
class Indication:
    """Why a stent is placed; `seals`: it is to close an opening."""

    key: str
    name: str
    seals: bool = False


@dataclass(frozen=True, slots=True)
class StentType:
    """How a stent is made.

    Attributes
    ----------
    covers
        Nothing passes its wall: it closes branches that it crosses.
    metal
        Metal lies against the wall.
    fields
        What a plan with it also carries.
    """

    key: str
    name: str
    covers: bool
    metal: bool
    fields: tuple[str, ...] = ()
    note: str = ""

    @property
    def bare_metal(self) -> bool:
        return self.metal and not self.covers


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place along a lumen, and what a stent across it means.

    Attributes
    ----------
    also
        Other names of it, in small letters.
    act
        ``info``, ``warn`` or ``ask`` where a stent crosses it.
    keep_mm
        How far an end keeps from it; None for no distance.
    only_covered
        It matters to a covering stent alone.
    crossed, near
        The sentences.
    """

    key: str
    name: str
    kinds: tuple[str, ...]
    act: str
    crossed: str
    source: str
    tag: str
    also: tuple[str, ...] = ()
    keep_mm: float | None = None
    near: str = ""
    only_covered: bool = False

    def is_named(self, word: str) -> bool:
        """Whether a person's word for a mark means this landmark; ``side branch 2`` is a second one of its kind."""
        parts = word.replace("-", " ").replace("_", " ").split()
        plain = " ".join(parts[:-1] if len(parts) > 1 and parts[-1].isdecimal() else parts).casefold()
        known = (self.key, self.name, *self.also)
        return plain in {" ".join(each.replace("-", " ").split()).casefold() for each in known}


@dataclass(frozen=True, slots=True)
class StentRow:
    """A product.

    Attributes
    ----------
    lengths_mm
        Listed lengths; where the source gives a range alone, `length_low_mm` and `length_high_mm`.
    branch_diameters_mm
        Of the limbs of a Y.
    flare_mm
        Diameter of its widened ends.
    foreshortening_percent
        How much shorter it is open than in its delivery catheter; None where the source does not say.
    shortens
        It shortens, by an amount that the source does not give.
    """

    id: str
    title: str
    sites: tuple[str, ...]
    type: str
    diameters_mm: tuple[float, ...]
    source: str
    tag: str
    maker: str | None = None
    lengths_mm: tuple[float, ...] = ()
    length_low_mm: float | None = None
    length_high_mm: float | None = None
    branch_diameters_mm: tuple[float, ...] = ()
    flare_mm: float | None = None
    delivery_french: float | None = None
    foreshortening_percent: float | None = None
    shortens: bool = False
    note: str = ""

    @property
    def delivery_mm(self) -> float | None:
        """Outer diameter of its delivery catheter or sheath."""
        return None if self.delivery_french is None else self.delivery_french * MM_PER_FRENCH

    def length_from(self, wanted_mm: float) -> float | None:
        """The shortest length that is not below the wanted one; None where the source lists none."""
        fitting = [each for each in self.lengths_mm if each >= wanted_mm - 1e-9]
        if fitting:
            return min(fitting)
        if self.length_low_mm is None or self.length_high_mm is None or wanted_mm > self.length_high_mm + 1e-9:
            return None
        return max(self.length_low_mm, wanted_mm)


Row = TypeVar("Row", Site, Indication, StentType, Landmark, StentRow)


@dataclass(frozen=True, slots=True)
class StentCatalogue:
    """Everything of ``resources/devices/stents.toml``, by key."""

    sites: Mapping[str, Site]
    indications: Mapping[str, Indication]
    types: Mapping[str, StentType]
    landmarks: tuple[Landmark, ...]
    openings: frozenset[str]
    rows: Mapping[str, StentRow]
    default_site: Mapping[str, str]
    upper_percent: float
    upper_source: str
    upper_tag: str
    drainage_percent: float
    drainage_source: str
    drainage_tag: str

    def site(self, key: str) -> Site:
        """UsageError ``unknown-site`` for an unknown one."""
        return _named(self.sites, key, "site")

    def indication(self, key: str) -> Indication:
        """UsageError ``unknown-indication`` for an unknown one."""
        return _named(self.indications, key, "indication")

    def type(self, key: str) -> StentType:
        """UsageError ``unknown-type`` for an unknown one."""
        return _named(self.types, key, "type")

    def row(self, key: str) -> StentRow:
        """UsageError ``unknown-device`` for an unknown one."""
        return _named(self.rows, key, "device")

    def landmark(self, kind: str, word: str) -> Landmark | None:
        """The landmark that a mark on a lumen of a kind means; None for another word."""
        return next((each for each in self.landmarks if kind in each.kinds and each.is_named(word)), None)

    def is_opening(self, word: str) -> bool:
        """Whether a mark is an opening that a stent is to cover."""
        return " ".join(word.replace("-", " ").replace("_", " ").split()).casefold() in self.openings

    def site_of(self, kind: str) -> Site:
        """The site that a kind of lumen stands for where nobody named one."""
        return self.site(self.default_site[kind])


@cache
def stent_catalogue() -> StentCatalogue:
    """The shipped catalogue, read once. Raises as `read_stents`."""
    return read_stents(catalogue(FILE))


def read_stents(data: Mapping[str, Any], place: str = "stents.toml") -> StentCatalogue:
    """A parsed catalogue, checked.

    Raises
    ------
    InputRefused
        ``bad-device-row``, with one sentence for each fault: a row without a source, with an unknown key, with an
        impossible number or a name that the catalogue lacks.
    """
    faults: list[str] = []
    sites = _keyed(Site, data.get("site", ()), "key", place, faults)
    indications = _keyed(Indication, data.get("indication", ()), "key", place, faults)
    types = _keyed(StentType, data.get("type", ()), "key", place, faults)
    landmarks = _keyed(Landmark, data.get("landmark", ()), "key", place, faults)
    rows = _keyed(StentRow, data.get("stent", ()), "id", place, faults)
    faults += _wrong_names(sites, indications, types, rows.values())
    faults += [fault for row in rows.values() for fault in _implausible(row)]
    if faults:
        raise InputRefused("bad-device-row", " ".join(faults), subject=place)
    upper, drainage = data["upper_percent"], data["drainage"]
    defaults = {kind: str(data["default_site"][kind]) for kind in LUMEN_KINDS}
    openings = frozenset(word.casefold() for table in data.get("opening", ()) for word in table["keys"])
    return StentCatalogue(
        sites, indications, types, tuple(landmarks.values()), openings, rows, defaults,
        float(upper["value"]), upper["source"], upper["tag"],
        float(drainage["least_percent"]), drainage["source"], drainage["tag"],
    )  # fmt: skip


def _named(known: Mapping[str, Row], key: str, what: str) -> Row:
    try:
        return known[key]
    except KeyError:
        text = f"There is no {what} {key!r} for a stent; it is one of {', '.join(known)}."
        raise UsageError(f"unknown-{what}", text, subject=key) from None


def _keyed(
    kind: type[Row], tables: Iterable[Mapping[str, Any]], key: str, place: str, faults: list[str]
) -> dict[str, Row]:
    described = {field.name: field for field in fields(kind)}
    needed = [name for name, field in described.items() if field.default is MISSING]
    found: dict[str, Row] = {}
    for table in tables:
        name = f"{kind.__name__} {table.get(key, '(without a name)')} in {place}"
        faults += [f"{name} has the unknown key {each!r}." for each in table if each not in described]
        absent = [each for each in needed if each not in table or table[each] == ""]
        faults += [f"{name} has no {each}." for each in absent]
        if "tag" in described and table.get("tag") not in (*TAG_ORDER, None):
            faults.append(f"{name} has the unknown tag {table['tag']!r}.")
        if table.get(key) in found:
            faults.append(f"{name} stands twice.")
        if not absent and all(each in described for each in table):
            found[str(table[key])] = kind(**{each: _value(held) for each, held in table.items()})
    return found


def _value(held: Any) -> Any:
    if isinstance(held, (bool, str)):
        return held
    if isinstance(held, (int, float)):
        return float(held)
    return tuple(_value(each) for each in held) if isinstance(held, list) else held


def _wrong_names(
    sites: Mapping[str, Site],
    indications: Mapping[str, Indication],
    types: Mapping[str, StentType],
    rows: Iterable[StentRow],
) -> list[str]:
    faults = []
    for site in sites.values():
        faults += [
            f"Site {site.key} names the unknown indication {key}." for key in site.types if key not in indications
        ]
        faults += [f"Site {site.key} names the unknown type {key}." for key in site.types.values() if key not in types]
    for row in rows:
        faults += [f"Stent {row.id} names the unknown site {key}." for key in row.sites if key not in sites]
        if row.type not in types:
            faults.append(f"Stent {row.id} names the unknown type {row.type}.")
    return faults


def _implausible(row: StentRow) -> list[str]:
    faults = []
    for name, (low, high) in _PLAUSIBLE.items():
        held = getattr(row, name)
        values = held if isinstance(held, tuple) else (() if held is None else (held,))
        faults += [
            f"Stent {row.id} has an impossible {name} of {value:g}." for value in values if not low <= value <= high
        ]
    if not row.diameters_mm:
        faults.append(f"Stent {row.id} gives no diameter.")
    return faults
