"""The patient and what is known about the person apart from the disease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Sex(StrEnum):
    FEMALE = "F"
    MALE = "M"
    OTHER = "O"


@dataclass(frozen=True, slots=True)
class Patient:
    """Two identifiers decide who it is: ID with issuer, and birth date. Never the name alone.

    Attributes
    ----------
    weight_kg, height_cm, weight_on
        Last known; a dose uses them only with their date.
    """

    patient_id: str
    name: str
    issuer: str | None = None
    birth_date: date | None = None
    sex: Sex | None = None
    weight_kg: float | None = None
    weight_on: date | None = None
    height_cm: float | None = None
    other_ids: tuple[str, ...] = ()

    def age_on(self, day: date) -> int | None:
        """Completed years on a day, or None without a birth date."""
        if self.birth_date is None:
            return None
        had_birthday = (day.month, day.day) >= (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - (0 if had_birthday else 1)


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy or an earlier reaction; `premedication` says what was or should be given."""

    substance: str
    reaction: str | None = None
    grade: str | None = None
    premedication: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Implant:
    """Anything in the body that imaging, energy or a later session must know: stent, drain, port, pacemaker, coil."""

    name: str
    site: str | None = None
    placed_on: date | None = None
    exchange_due: date | None = None
    mr_condition: str | None = None
    lot: str | None = None


@dataclass(frozen=True, slots=True)
class Medication:
    """A medicine with when to hold it *and* when to restart it."""

    name: str
    kind: str | None = None
    dose: str | None = None
    last_dose_on: date | None = None
    hold_from: date | None = None
    restart_on: date | None = None
    hold_decided_by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PriorTreatment:
    """What was done before, inside or outside this hospital.

    Attributes
    ----------
    where
        ``inside`` or ``outside``; None is unknown.
    amount, unit, substance
        For the ledger where a dose is known (doxorubicin mg, air kerma Gy …).
    until
        Last day of what lasted (a systemic line); None for one of a day, or while it goes on.
    """

    kind: str
    description: str = ""
    on: date | None = None
    where: str | None = None
    site: str | None = None
    substance: str | None = None
    amount: float | None = None
    unit: str | None = None
    bsa_m2: float | None = None
    outcome: str | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class LabValue:
    """One laboratory value, in the laboratory's own unit.

    Attributes
    ----------
    analyte
        Key of ``resources/laboratory.toml``.
    value
        None where only a comparator or text was given.
    comparator
        ``<``, ``>`` or empty.
    source
        ``typed``, ``table`` or ``csv``.
    """

    id: str
    analyte: str
    value: float | None
    unit: str
    taken_on: date
    comparator: str = ""
    text: str | None = None
    entered_at: datetime | None = None
    entered_by: str | None = None
    source: str = "typed"
    confirmed: bool = False
