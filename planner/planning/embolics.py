"""The catalogue of embolics: sizes, catheters and warnings as their sources print them, each row with its source.

Sizes of particles are micrometres, diameters of coils and plugs millimetres; None is what the source does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.constants import TAG_ORDER
from planner.errors import InputRefused

CATALOGUE = "devices/embolics.toml"
KINDS = ("particles", "microspheres", "gelatin", "coils", "plug", "glue", "liquid")


@dataclass(frozen=True, slots=True)
class Embolic:
    """One row of the catalogue.

    Attributes
    ----------
    product
        Name by which a plan names it; ``other_names`` are further spellings.
    kind
        One of `KINDS`.
    low_um, high_um
        Size range of particles; None for a row that speaks of every size.
    primary_mm
        Diameter of a coil's wire winding, as it lies in the catheter.
    device_low_mm, device_high_mm, length_low_cm, length_high_cm
        Loop or plug diameters, and lengths, that it comes in.
    minimum_inner_diameter_in
        Of the catheter, in inches.
    oil_parts_low, oil_parts_high
        Parts of oil to one part of glue.
    not_for
        Organs for which the source warns; the note says why.
    """

    id: str
    product: str
    kind: str
    source: str
    tag: str
    note: str = ""
    other_names: tuple[str, ...] = ()
    low_um: float | None = None
    high_um: float | None = None
    primary_mm: float | None = None
    device_low_mm: float | None = None
    device_high_mm: float | None = None
    length_low_cm: float | None = None
    length_high_cm: float | None = None
    minimum_inner_diameter_in: float | None = None
    oil_parts_low: float | None = None
    oil_parts_high: float | None = None
    not_for: tuple[str, ...] = ()

    @property
    def size_text(self) -> str | None:
        """The size as a person reads it; None for a row without one."""
        if self.low_um is not None and self.high_um is not None:
            return f"{self.low_um:g}-{self.high_um:g} µm"
        if self.device_low_mm is not None and self.device_high_mm is not None:
            return f"{self.device_low_mm:g}-{self.device_high_mm:g} mm"
        if self.oil_parts_low is not None and self.oil_parts_high is not None:
            return f"1:{self.oil_parts_low:g} to 1:{self.oil_parts_high:g}"
        return None


def embolics_from(data: Mapping[str, Any], place: str) -> tuple[Embolic, ...]:
    """The rows of a parsed catalogue.

    Raises
    ------
    InputRefused
        ``bad-device-row`` with one sentence for each row without a source, of an unknown kind, twice or out of range.
    """
    rows = data.get("embolic", [])
    faults = [fault for row in rows for fault in _faults(row, place)]
    names = [str(row.get("id")) for row in rows]
    faults += [
        f"The embolic {name} stands twice in {place}." for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if faults:
        raise InputRefused("bad-device-row", " ".join(faults), subject=place)
    return tuple(
        Embolic(**{**row, **{key: tuple(row[key]) for key in ("other_names", "not_for") if key in row}}) for row in rows
    )


def _faults(row: Mapping[str, Any], place: str) -> list[str]:
    name = f"The embolic {row.get('id', '(without id)')} in {place}"
    faults = [
        f"{name} names no {key}." for key in ("id", "product", "source", "tag") if not str(row.get(key, "")).strip()
    ]
    if row.get("kind") not in KINDS:
        faults.append(f"{name} has the unknown kind {row.get('kind')!r}; known are {', '.join(KINDS)}.")
    if row.get("tag") not in TAG_ORDER:
        faults.append(f"{name} has the unknown evidence tag {row.get('tag')!r}.")
    unknown = sorted(set(row) - set(Embolic.__dataclass_fields__))
    faults += [f"{name} has the unknown key {key!r}." for key in unknown]
    pairs = ("low_um", "high_um"), ("device_low_mm", "device_high_mm"), ("oil_parts_low", "oil_parts_high")
    for low, high in pairs:
        if (low in row) != (high in row) or (low in row and not 0 < row[low] <= row[high]):
            faults.append(f"{name} needs {low} and {high}, the first not above the second.")
    return faults


@cache
def embolics() -> Mapping[str, Embolic]:
    """Every embolic of the shipped catalogue by id."""
    return {each.id: each for each in embolics_from(catalogue(CATALOGUE), "embolics.toml")}


def of_product(name: str) -> tuple[Embolic, ...]:
    """The rows that speak of a product, by its name or another spelling within what was typed."""
    wanted = name.casefold()
    return tuple(
        each
        for each in embolics().values()
        if wanted and any(one.casefold() in wanted for one in (each.product, *each.other_names))
    )
