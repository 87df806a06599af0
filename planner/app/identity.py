"""Is this the same person? Two identifiers decide: ID with issuer, and birth date. Never the name alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from planner.errors import OperatorError
from planner.model.people import Patient
from planner.store.summary import folded


class Verdict(StrEnum):
    """`UNCONFIRMED`: nothing differs, but an identifier is missing on one side; a person must say so."""

    SAME = "same"
    UNCONFIRMED = "unconfirmed"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class PatientMatch:
    """Two patients side by side.

    Attributes
    ----------
    rows
        (what, in the case, in the images), to be shown beside each other; empty text is unknown.
    reasons
        What differs or is missing, one clause each.
    remarks
        What differs without deciding anything (name, sex).
    """

    verdict: Verdict
    rows: tuple[tuple[str, str, str], ...]
    reasons: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def side_by_side(self) -> str:
        if not any(theirs for _, _, theirs in self.rows):
            return "The images name no patient"
        return "; ".join(
            f"{what}: case {ours or 'unknown'}, images {theirs or 'unknown'}"
            for what, ours, theirs in self.rows
            if ours or theirs
        )


class PatientMismatch(OperatorError):
    """The images are not, or not surely, of the patient of the case. `match` holds both sides."""

    def __init__(self, match: PatientMatch, subject: str) -> None:
        if match.verdict is Verdict.DIFFERENT:
            code, lead = "patient-mismatch", "These images are of another patient"
            advice = "open the right case or the right images"
        else:
            code, lead = "patient-unconfirmed", "It cannot be told that these images are of this patient"
            advice = "compare both and confirm, or complete the patient's data"
        super().__init__(
            code,
            f"{lead} ({', '.join(match.reasons)}). {match.side_by_side()}. Nothing was attached; {advice}.",
            subject=subject,
        )
        self.match = match


def compare(ours: Patient, theirs: Patient) -> PatientMatch:
    """Compare the patient of a case with the patient images name."""
    rows = (
        ("patient ID", ours.patient_id, theirs.patient_id),
        ("issuer", ours.issuer or "", theirs.issuer or ""),
        ("birth date", _day(ours), _day(theirs)),
        ("name", ours.name, theirs.name),
        ("sex", ours.sex or "", theirs.sex or ""),
    )
    differing = tuple(_differences(ours, theirs))
    missing = tuple(_gaps(ours, theirs))
    verdict = Verdict.DIFFERENT if differing else Verdict.UNCONFIRMED if missing else Verdict.SAME
    return PatientMatch(verdict, rows, differing or missing, tuple(_remarks(ours, theirs)))


def _day(patient: Patient) -> str:
    return "" if patient.birth_date is None else patient.birth_date.isoformat()


def _differences(ours: Patient, theirs: Patient) -> list[str]:
    found = []
    if ours.patient_id and theirs.patient_id and ours.patient_id != theirs.patient_id:
        alike = _loose(ours.patient_id) == _loose(theirs.patient_id)
        found.append("IDs differ in capital letters or leading zeros" if alike else "other patient ID")
    if ours.issuer and theirs.issuer and ours.issuer != theirs.issuer:
        found.append("other issuer of the ID")
    if ours.birth_date and theirs.birth_date and ours.birth_date != theirs.birth_date:
        found.append("other birth date")
    return found


def _gaps(ours: Patient, theirs: Patient) -> list[str]:
    found = []
    if not ours.patient_id or not theirs.patient_id:
        found.append("the patient ID is missing")
    if (ours.birth_date is None) != (theirs.birth_date is None):
        found.append("the birth date is missing on one side")
    return found


def _remarks(ours: Patient, theirs: Patient) -> list[str]:
    found = []
    if ours.birth_date is None and theirs.birth_date is None:
        found.append("no birth date is known on either side")
    if ours.name and theirs.name and _words(ours.name) != _words(theirs.name):
        found.append("the names differ")
    if ours.sex and theirs.sex and ours.sex != theirs.sex:
        found.append("the sexes differ")
    return found


def _loose(identifier: str) -> str:
    return identifier.casefold().lstrip("0")


def _words(name: str) -> list[str]:
    return folded(name).replace("^", " ").replace(",", " ").split()
