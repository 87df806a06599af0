"""Cases for the tests of the library. Every test patient is named ZZPHI, so that a leak can be searched for."""

from __future__ import annotations

from datetime import UTC, date, datetime

from planner.model.case import Case
from planner.model.disease import Diagnosis, Lesion
from planner.model.items import REGION, PlanItem
from planner.model.people import Patient
from planner.model.session import Override, Session, SignOff, TemplateRef
from planner.store.actors import Actor

DOCTOR = Actor("dr.test", "approver", "room-2")
COLLEAGUE = Actor("dr.other", "planner", "room-3")
SIGNED_AT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def make_case(case_id: str = "case-1", *, name: str = "ZZPHI^Zoë", title: str = "HCC in segment VIII") -> Case:
    return Case(
        id=case_id,
        title=title,
        patient=Patient("ZZPHI-0042", name, issuer="HOSPITAL", birth_date=date(1951, 2, 3)),
        diagnosis=Diagnosis(text="Hepatocellular carcinoma", histology="HCC"),
        lesions=(Lesion("lesion-1", "L1", segment="VIII", centre_lps_mm=(-12.25, 3.5, 1024.125), frame_uid="1.2.3"),),
        sessions=(make_session(),),
    )


def make_session(session_id: str = "session-1", *items: PlanItem) -> Session:
    template = TemplateRef("tace", "1.0.0", "d" * 64, "bclc", "2022")
    return Session(session_id, "First TACE", template, planned_on=date(2026, 3, 9), items=items)


def region(blob_sha256: str, item_id: str = "item-1") -> PlanItem:
    body = {
        "blob": {
            "sha256": blob_sha256,
            "size_kji": [4, 5, 6],
            "lps_from_kji": [0.0, 0.0, 0.75, -10.5, 0.0, 0.75, 0.0, 20.25, 2.5, 0.0, 0.0, -300.0, 0.0, 0.0, 0.0, 1.0],
            "frame_uid": "1.2.3",
            "low_kji": [0, 0, 0],
            "high_kji": [1, 2, 4],
        },
        "lesion_id": "lesion-1",
    }
    return PlanItem(item_id, REGION, "L1", "1.2.3", body)


def sign_off(stage: str = "consent") -> SignOff:
    return SignOff(stage, "Dr Test", "interventionalist", SIGNED_AT, "e" * 64)


def override() -> Override:
    reason = "ZZPHI reason that must stay in the document"
    return Override("fitness", "lab-missing", "inr", "Dr Test", reason, SIGNED_AT, "f" * 64)
