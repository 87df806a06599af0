"""Diagnosis, lesions with their observations over time, decisions of the meeting, and the images they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the patient has and how it is known.

    Attributes
    ----------
    histology
        ``HCC``, ``ICC``, ``CRLM``, ``NET``, ``other``, ``benign`` or None while unknown; it switches rules.
    proof
        ``biopsy``, ``imaging``, ``marker`` or None.
    """

    text: str = ""
    code: str | None = None
    code_system: str | None = None
    histology: str | None = None
    proof: str | None = None
    tnm: str | None = None
    tnm_edition: str | None = None
    diagnosed_on: date | None = None
    cirrhosis_cause: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A lesion as measured on one study.

    Attributes
    ----------
    longest_mm, viable_mm
        Longest axial diameter of the whole lesion and of its arterially enhancing part.
    region_item_id
        The plan item with its mask, or None when only typed.
    """

    study_date: date
    series_uid: str | None = None
    longest_mm: float | None = None
    viable_mm: float | None = None
    volume_ml: float | None = None
    region_item_id: str | None = None
    enhancement: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Lesion:
    """Keeps its identity over time; observations are per study."""

    id: str
    name: str
    organ: str = "liver"
    segment: str | None = None
    side: str | None = None
    kind: str | None = None
    observations: tuple[Observation, ...] = ()
    prior_treatment: str | None = None
    centre_lps_mm: tuple[float, float, float] | None = None
    frame_uid: str | None = None

    @property
    def latest(self) -> Observation | None:
        return max(self.observations, key=lambda seen: seen.study_date, default=None)


@dataclass(frozen=True, slots=True)
class LesionListConfirmation:
    """A person says that the list of lesions is complete: lesions marked are not the lesions present."""

    by: str
    on: date
    lesion_ids: tuple[str, ...]
    on_series_uid: str | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one discipline said at the meeting."""

    discipline: str
    person: str | None = None
    opinion: str = ""
    dissent: bool = False


@dataclass(frozen=True, slots=True)
class BoardDecision:
    """A decision of the multidisciplinary meeting, with the dissent and the patient's own values."""

    id: str
    held_on: date | None = None
    decision: str = ""
    intent: str | None = None
    dominant_risk: str | None = None
    dominant_risk_reason: str | None = None
    alternatives: str | None = None
    patient_values: str | None = None
    cost: str | None = None
    owner: str | None = None
    decided_by: str | None = None
    by_when: date | None = None
    opinions: tuple[Opinion, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A reference to images; the library keeps references and copies nothing without being asked.

    Attributes
    ----------
    role
        ``planning-arterial``, ``planning-portal``, ``follow-up`` … as the session uses it, or None.
    files_root
        Where it was found; None when it is in the managed copy.
    fingerprint
        Digest over the instances' UIDs and sizes; tells that the files are still the same.
    kind
        ``volume`` or ``angio``: what is made of it when the case opens.
    phase_by
        Who set the phase by hand (None then means: cannot be told); None when it is what the files say.
    """

    series_uid: str
    part: int
    modality: str | None
    description: str | None
    study_uid: str | None
    study_date: date | None
    frame_uid: str | None
    phase: str | None = None
    patient_id: str | None = None
    files_root: str | None = None
    managed: bool = False
    accepted_repairs: tuple[str, ...] = ()
    fingerprint: str | None = None
    kind: str = "volume"
    phase_by: str | None = None
