"""What leaves a session as paper: the patient's summary until somebody releases it, and the closing of the dossier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PatientSummary:
    """A summary in plain language. A draft until a named person has read and released it.

    Attributes
    ----------
    language
        ``en`` or ``zh-Hans``.
    addressee
        ``patient``, ``family`` or ``follow-up-doctor``.
    disclosure
        ``procedure-only``, ``diagnosis`` or ``full``: what may be said. No stage and no prognosis unless ``full``.
    paragraphs
        The text as it stands, edited by a person.
    basis_digest
        Of what the draft was made from: afterwards it is known that the record has changed since.
    """

    id: str
    session_id: str
    language: str
    addressee: str
    disclosure: str
    paragraphs: tuple[str, ...]
    basis_digest: str
    drafted_by: str
    drafted_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None

    @property
    def is_released(self) -> bool:
        return self.released_by is not None


@dataclass(frozen=True, slots=True)
class MissingAccepted:
    """Something that is missing from a dossier, and why it was closed without it."""

    code: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class DossierClosure:
    """The last gate: a named person closes the file of a session, and what is missing is listed."""

    session_id: str
    closed_by: str
    closed_at: datetime
    missing: tuple[MissingAccepted, ...]
    checklist_digest: str
