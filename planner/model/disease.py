"""Diagnosis, lesions with their observations over time, decisions of the meeting, and the images they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    short_axis_mm
        Of a node.
    enhancing_mm
        Two perpendicular diameters of the enhancing part (EASL).
    enhancing_ml
        Its volume, by subtraction (qEASL); None where it was not measured, never 0.
    density_hu
        Mean attenuation in the portal phase (Choi).
    state
        ``present``, ``absent``, ``too-small``, ``not-evaluable`` or ``progressed``.
    masslike_enhancement
        ``none``, ``uncertain``, ``present``, ``stable``, ``decreased``, ``new`` or ``increased`` (LI-RADS).
    therapy
        ``non-radiation`` or ``radiation``: what the lesion was treated with before this study.
    lipiodol
        Retention grade after a chemoembolisation; the code of ``resources/lipiodol.toml``.
    read_by, read_as
        Who measured it, as ``first`` or ``second`` reader.
    """

    study_date: date
    series_uid: str | None = None
    longest_mm: float | None = None
    viable_mm: float | None = None
    volume_ml: float | None = None
    region_item_id: str | None = None
    enhancement: str | None = None
    note: str | None = None
    modality: str | None = None
    short_axis_mm: float | None = None
    enhancing_mm: tuple[float, float] | None = None
    enhancing_ml: float | None = None
    density_hu: float | None = None
    state: str | None = None
    assessable: bool | None = None
    masslike_enhancement: str | None = None
    mri_ancillary: bool | None = None
    therapy: str | None = None
    lipiodol: str | None = None
    read_by: str | None = None
    read_as: str = "first"


@dataclass(frozen=True, slots=True)
class Lesion:
    """Keeps its identity over time; observations are per study.

    Attributes
    ----------
    role
        For response: ``target``, ``non-target`` or ``new``; None while nobody has said.
    parents
        Ids of the lesions it came from: one for a part of a split lesion, several for a merged one.
    identity_by, identity_on
        Who confirmed that this is the lesion it is said to be on later studies, or that it is new.
    first_seen_on
        Day of the study that first showed it; tells a new lesion from one that was there.
    node
        A lymph node: measured by its short axis.
    """

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
    role: str | None = None
    parents: tuple[str, ...] = ()
    identity_by: str | None = None
    identity_on: date | None = None
    first_seen_on: date | None = None
    node: bool = False

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
    """A decision of the multidisciplinary meeting, with the dissent and the patient's own values.

    Attributes
    ----------
    dominant_risk
        ``local`` (recurrence in place) or ``distant`` (dissemination).
    charlson, nrs_2002, hama, hamd
        Points of comorbidity, nutrition risk, anxiety and depression; None was not asked.
    growth_rate
        In words with its dates, or as computed from volumes at two dates.
    discussion
        Item of ``resources/board.toml`` -> ``yes``, ``no`` or ``unknown``: how well it was prepared and discussed.
    carried_out
        ``yes``, ``changed``, ``no``, or None while open; with the day, the reason and what came of it.
    session_ids, step_ids
        What the decision is about, and what carries it out.
    """

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
    question: str | None = None
    evidence: str | None = None
    alternatives_why_not: str | None = None
    molecular: str | None = None
    prior_treatment: str | None = None
    performance: str | None = None
    charlson: int | None = None
    comorbidity: str | None = None
    nrs_2002: int | None = None
    hama: int | None = None
    hamd: int | None = None
    social: str | None = None
    affordability: str | None = None
    growth_rate: str | None = None
    discussion: Mapping[str, str] = field(default_factory=dict)
    carried_out: str | None = None
    carried_out_on: date | None = None
    carried_out_why: str | None = None
    outcome: str | None = None
    step_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()


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
