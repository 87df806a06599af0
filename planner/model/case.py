"""A case: one patient's disease and all that is planned for it. It is the document that is saved and undone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from planner.model.assessments import ResponseReading
from planner.model.course import Course
from planner.model.disease import BoardDecision, Diagnosis, Lesion, LesionListConfirmation, SeriesRef
from planner.model.dossier import DossierClosure, PatientSummary
from planner.model.follow_up import Report, Task
from planner.model.links import FrameLink
from planner.model.people import Allergy, Implant, LabValue, Medication, Patient, PriorTreatment
from planner.model.session import Session

SCHEMA = 1
"""Version of the stored document. A newer one is refused."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything planned and recorded for one patient's disease.

    Attributes
    ----------
    outside_sessions
        ``yes``, ``no`` or ``unknown``: were there treatments elsewhere? Unknown is shown beside every total.
    simulated
        The digital patient and teaching cases: burned into every picture, never in worklists or ledgers of others.
    """

    id: str
    patient: Patient
    title: str = ""
    schema: int = SCHEMA
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    intent: str | None = None
    disease_stage: str | None = None
    responsible_physician: str | None = None
    reason_not_operated: str | None = None
    outside_sessions: str | None = None
    pregnancy: str | None = None
    allergies: tuple[Allergy, ...] = ()
    allergies_asked: str | None = None
    implants: tuple[Implant, ...] = ()
    medication: tuple[Medication, ...] = ()
    prior_treatments: tuple[PriorTreatment, ...] = ()
    laboratory: tuple[LabValue, ...] = ()
    decisions: tuple[BoardDecision, ...] = ()
    studies: tuple[SeriesRef, ...] = ()
    links: tuple[FrameLink, ...] = ()
    lesions: tuple[Lesion, ...] = ()
    lesion_list_confirmed: LesionListConfirmation | None = None
    courses: tuple[Course, ...] = ()
    sessions: tuple[Session, ...] = ()
    simulated: bool = False
    readings: tuple[ResponseReading, ...] = ()
    tasks: tuple[Task, ...] = ()
    reports: tuple[Report, ...] = ()
    summaries: tuple[PatientSummary, ...] = ()
    closures: tuple[DossierClosure, ...] = ()

    def session(self, session_id: str) -> Session | None:
        return next((session for session in self.sessions if session.id == session_id), None)

    def lesion(self, lesion_id: str) -> Lesion | None:
        return next((lesion for lesion in self.lesions if lesion.id == lesion_id), None)

    def latest_lab(self, analyte: str, *, not_after: date | None = None) -> LabValue | None:
        """The newest value of an analyte, up to a day."""
        known = [
            value
            for value in self.laboratory
            if value.analyte == analyte and (not_after is None or value.taken_on <= not_after)
        ]
        return max(known, key=lambda value: (value.taken_on, value.entered_at is not None, value.id), default=None)

    def link(self, from_frame_uid: str, to_frame_uid: str) -> FrameLink | None:
        """The newest reviewed link between two frames."""
        wanted = (from_frame_uid, to_frame_uid)
        found = [each for each in self.links if each.is_reviewed and (each.from_frame_uid, each.to_frame_uid) == wanted]
        return found[-1] if found else None

    @property
    def lesion_list_is_confirmed(self) -> bool:
        """Only while the confirmed list is the list as it stands."""
        confirmed = self.lesion_list_confirmed
        return confirmed is not None and set(confirmed.lesion_ids) == {lesion.id for lesion in self.lesions}
