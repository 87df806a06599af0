"""The dose report of the simulated angiography: an X-Ray Radiation Dose SR (DICOM PS3.16 TID 10001, 10002, 10003).

The runs carry their own kerma-area product; fluoroscopy is added so that the whole is a long, difficult session. Air
kerma at the reference point follows from the product and the area of the field there. Nobody was exposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from planner.imaging.angio import AngioRun
from planner.phantom.angiography import FILMED_MM, SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM, SimulatedRun
from planner.phantom.patient import DigitalPatient, uid_of
from planner.phantom.writer import COMMENT

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

DOSE_REPORT_STORAGE = "1.2.840.10008.5.1.4.1.1.88.67"
XA_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
REFERENCE_TO_ISOCENTRE_MM = 150.0
"""The reference point lies 15 cm from the isocentre towards the source (IEC 60601-2-43)."""
FILMED_SHARE = 0.94
"""Side of the field that the collimator leaves open during runs, over the detector's."""
FLUOROSCOPY_FIELD_MM = 176.0
"""Side of the magnified, collimated field of fluoroscopy, on the detector."""
FLUOROSCOPY_KAP_GY_CM2, FLUOROSCOPY_S = 178.3, 1440.0
"""Of the whole session, by simulation."""
PULSES_PER_S = 7.5
FIRST_RUN, RUNS_APART = timedelta(hours=9, minutes=30), timedelta(minutes=4)
"""As in the runs' own files."""


@dataclass(frozen=True, slots=True)
class SimulatedDose:
    """Totals of the simulated session; the file says the same.

    Attributes
    ----------
    air_kerma_gy
        At the reference point.
    """

    air_kerma_gy: float
    kap_gy_cm2: float
    fluoro_time_s: float
    acquisition_time_s: float
    frames: int


def kerma_gy(kap_gy_cm2: float, field_mm: float) -> float:
    """Air kerma at the reference point of an even square field, given by its side on the detector."""
    from_source_mm = SOURCE_TO_ISOCENTRE_MM - REFERENCE_TO_ISOCENTRE_MM
    side_cm = field_mm * from_source_mm / SOURCE_TO_DETECTOR_MM / 10.0
    return kap_gy_cm2 / side_cm**2


def dose_of(runs: Sequence[SimulatedRun]) -> SimulatedDose:
    """What the report of these runs adds up to."""
    filmed = sum(_kap(each.run) for each in runs)
    return SimulatedDose(
        kerma_gy(filmed, FILMED_MM * FILMED_SHARE) + kerma_gy(FLUOROSCOPY_KAP_GY_CM2, FLUOROSCOPY_FIELD_MM),
        filmed + FLUOROSCOPY_KAP_GY_CM2,
        FLUOROSCOPY_S,
        sum(_seconds(each.run) for each in runs),
        sum(each.run.count for each in runs),
    )


def write_dose_report(patient: DigitalPatient, runs: Sequence[SimulatedRun], file: Path) -> Path:
    """Write the dose report of a session's runs; at least one run is needed."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    first = runs[0].run
    instance = uid_of("instance", first.source.study_uid, "dose-report")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(DOSE_REPORT_STORAGE)
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(uid_of("implementation", "seldinger"))
    meta.ImplementationVersionName = "SELDINGER"
    report = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    report.SOPClassUID, report.SOPInstanceUID = UID(DOSE_REPORT_STORAGE), UID(instance)
    _put_head(report, patient, first)
    report.CurrentRequestedProcedureEvidenceSequence = [_evidence([each.run for each in runs])]
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    report.ConceptNameCodeSequence = [_code("113701", "X-Ray Radiation Dose Report")]
    report.ContentTemplateSequence = [_plain(MappingResource="DCMR", TemplateIdentifier="10001")]
    report.ContentSequence = [*_context(patient, first), _totals(dose_of(runs), runs), *_events(runs)]
    report.ContentSequence.append(_code_item("CONTAINS", "113854", "Source of Dose Information", _AUTOMATED))
    report.ContentSequence.append(_text_item("121106", "Comment", COMMENT))
    report.save_as(file, enforce_file_format=True)
    return file


def _put_head(report: FileDataset, patient: DigitalPatient, run: AngioRun) -> None:
    source, day = run.source, (run.source.study_date or "").replace("-", "")
    values: dict[str, object] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": source.patient_name,
        "PatientID": source.patient_id,
        "PatientBirthDate": (source.patient_birth_date or "").replace("-", ""),
        "PatientSex": source.patient_sex,
        "StudyInstanceUID": source.study_uid,
        "StudyDate": day,
        "StudyTime": "091500",
        "StudyID": f"DEMO{patient.seed}",
        "StudyDescription": "Hepatic angiography (simulated)",
        "AccessionNumber": f"SIM{patient.seed:05d}",
        "ReferringPhysicianName": "",
        "Modality": "SR",
        "SeriesInstanceUID": uid_of("series", source.study_uid, "dose-report"),
        "SeriesNumber": 99,
        "SeriesDescription": "Radiation dose report (simulated)",
        "SeriesDate": day,
        "ReferencedPerformedProcedureStepSequence": [],
        "Manufacturer": "Seldinger",
        "ManufacturerModelName": "Digital patient",
        "DeviceSerialNumber": "0",
        "SoftwareVersions": "1",
        "StationName": "SIMULATION",
        "InstanceNumber": 1,
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "ContentDate": day,
        "ContentTime": "111500",
        "PerformedProcedureCodeSequence": [],
    }
    for keyword, value in values.items():
        setattr(report, keyword, value)


def _evidence(runs: Iterable[AngioRun]) -> Dataset:
    by_series: dict[str, list[Dataset]] = {}
    study = ""
    for run in runs:
        study = run.source.study_uid or ""
        image = _plain(ReferencedSOPClassUID=XA_IMAGE_STORAGE, ReferencedSOPInstanceUID=run.instance_uid)
        by_series.setdefault(run.source.series_uid, []).append(image)
    series = [_plain(ReferencedSOPSequence=images, SeriesInstanceUID=uid) for uid, images in by_series.items()]
    return _plain(ReferencedSeriesSequence=series, StudyInstanceUID=study)


def _context(patient: DigitalPatient, run: AngioRun) -> list[Dataset]:
    """What was done, in which language, by which device, and over what doses are added up."""
    procedure = _code_item("HAS CONCEPT MOD", "121058", "Procedure reported", _code("113704", "Projection X-Ray"))
    intent = _code("262202000", "Therapeutic intent", "SCT")
    procedure.ContentSequence = [_code_item("HAS CONCEPT MOD", "363703001", "Has Intent", intent, scheme="SCT")]
    language = _code("en", "English", "RFC5646")
    scope = _code_item("HAS OBS CONTEXT", "113705", "Scope of Accumulation", _code("113014", "Study"))
    scope.ContentSequence = [_uid_item("HAS PROPERTIES", "110180", "Study Instance UID", run.source.study_uid or "")]
    return [
        procedure,
        _code_item("HAS CONCEPT MOD", "121049", "Language of Content Item and Descendants", language),
        _code_item("HAS OBS CONTEXT", "121005", "Observer Type", _code("121007", "Device")),
        _uid_item("HAS OBS CONTEXT", "121012", "Device Observer UID", uid_of("device", patient.seed)),
        scope,
    ]


def _totals(dose: SimulatedDose, runs: Sequence[SimulatedRun]) -> Dataset:
    """TID 10002 with 10004: the accumulated dose of the single plane."""
    filmed = sum(_kap(each.run) for each in runs)
    point = _code("113860", "15cm from Isocenter toward Source")
    return _container(
        "113702",
        "Accumulated X-Ray Dose Data",
        [
            _plane(),
            _kap_item("113722", "Dose Area Product Total", dose.kap_gy_cm2),
            _number("113725", "Dose (RP) Total", dose.air_kerma_gy, "Gy"),
            _kap_item("113726", "Fluoro Dose Area Product Total", FLUOROSCOPY_KAP_GY_CM2),
            _number("113728", "Fluoro Dose (RP) Total", kerma_gy(FLUOROSCOPY_KAP_GY_CM2, FLUOROSCOPY_FIELD_MM), "Gy"),
            _number("113730", "Total Fluoro Time", dose.fluoro_time_s, "s"),
            _kap_item("113727", "Acquisition Dose Area Product Total", filmed),
            _number("113729", "Acquisition Dose (RP) Total", kerma_gy(filmed, FILMED_MM * FILMED_SHARE), "Gy"),
            _number("113855", "Total Acquisition Time", dose.acquisition_time_s, "s"),
            _number("113731", "Total Number of Radiographic Frames", dose.frames, "1"),
            _code_item("CONTAINS", "113780", "Reference Point Definition", point),
        ],
    )


def _events(runs: Sequence[SimulatedRun]) -> list[Dataset]:
    """TID 10003: fluoroscopy in two stretches around the runs, and one event for each run."""
    day = datetime.strptime((runs[0].run.source.study_date or "1970-01-01").replace("-", ""), "%Y%m%d")
    study = runs[0].run.source.study_uid
    events = [
        _fluoroscopy(day + timedelta(hours=9, minutes=20), 0.25, uid_of("event", study, "before")),
        _fluoroscopy(day + FIRST_RUN + len(runs) * RUNS_APART, 0.75, uid_of("event", study, "after")),
    ]
    for number, each in enumerate(runs):
        started, facts, kap = day + FIRST_RUN + number * RUNS_APART, each.run.facts, _kap(each.run)
        image = _item("CONTAINS", "IMAGE", "113795", "Acquired Image")
        image.ReferencedSOPSequence = [
            _plain(ReferencedSOPClassUID=XA_IMAGE_STORAGE, ReferencedSOPInstanceUID=each.run.instance_uid)
        ]
        content = [
            *_event_head(started, uid_of("event", study, number), _code("113611", "Stationary Acquisition")),
            _text_item("125203", "Acquisition Protocol", each.plan.description),
            _kap_item("122130", "Dose Area Product", kap),
            _number("113738", "Dose (RP)", kerma_gy(kap, FILMED_MM * FILMED_SHARE), "Gy"),
            _number("112011", "Positioner Primary Angle", facts.primary_deg or 0.0, "deg"),
            _number("112012", "Positioner Secondary Angle", facts.secondary_deg or 0.0, "deg"),
            _number("113748", "Distance Source to Isocenter", SOURCE_TO_ISOCENTRE_MM, "mm"),
            _number("113750", "Distance Source to Detector", SOURCE_TO_DETECTOR_MM, "mm"),
            _number("113742", "Irradiation Duration", _seconds(each.run), "s"),
            _number("113768", "Number of Pulses", each.run.count, "1"),
            _number("113733", "KVP", facts.tube_voltage_kv or 0.0, "kV"),
            image,
        ]
        events.append(_container("113706", "Irradiation Event X-Ray Data", content))
    return sorted(events, key=lambda each: str(each.ContentSequence[2].DateTime))


def _fluoroscopy(started: datetime, share: float, uid: str) -> Dataset:
    kap, seconds = share * FLUOROSCOPY_KAP_GY_CM2, share * FLUOROSCOPY_S
    return _container(
        "113706",
        "Irradiation Event X-Ray Data",
        [
            *_event_head(started, uid, _code("44491008", "Fluoroscopy", "SCT")),
            _kap_item("122130", "Dose Area Product", kap),
            _number("113738", "Dose (RP)", kerma_gy(kap, FLUOROSCOPY_FIELD_MM), "Gy"),
            _number("112011", "Positioner Primary Angle", 0.0, "deg"),
            _number("112012", "Positioner Secondary Angle", 0.0, "deg"),
            _number("113742", "Irradiation Duration", seconds, "s"),
            _number("113768", "Number of Pulses", round(seconds * PULSES_PER_S), "1"),
        ],
    )


def _event_head(started: datetime, uid: str, kind: Dataset) -> list[Dataset]:
    moment = _item("CONTAINS", "DATETIME", "111526", "DateTime Started")
    moment.DateTime = started.strftime("%Y%m%d%H%M%S")
    return [
        _plane(),
        _uid_item("CONTAINS", "113769", "Irradiation Event UID", uid),
        moment,
        _code_item("CONTAINS", "113721", "Irradiation Event Type", kind),
    ]


def _kap(run: AngioRun) -> float:
    return run.facts.dose_area_product_gy_cm2 or 0.0


def _seconds(run: AngioRun) -> float:
    return run.count / (run.facts.rate_hz or 1.0)


def _plain(**values: object) -> Dataset:
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    return _plain(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


_AUTOMATED = ("113856", "Automated Data Collection")


def _item(relation: str, kind: str, concept: str, meaning: str, scheme: str = "DCM") -> Dataset:
    return _plain(RelationshipType=relation, ValueType=kind, ConceptNameCodeSequence=[_code(concept, meaning, scheme)])


def _code_item(
    relation: str, concept: str, meaning: str, value: Dataset | tuple[str, str], *, scheme: str = "DCM"
) -> Dataset:
    item = _item(relation, "CODE", concept, meaning, scheme)
    item.ConceptCodeSequence = [_code(*value) if isinstance(value, tuple) else value]
    return item


def _uid_item(relation: str, concept: str, meaning: str, uid: str) -> Dataset:
    item = _item(relation, "UIDREF", concept, meaning)
    item.UID = uid
    return item


def _text_item(concept: str, meaning: str, text: str) -> Dataset:
    item = _item("CONTAINS", "TEXT", concept, meaning)
    item.TextValue = text
    return item


def _plane() -> Dataset:
    return _code_item("HAS CONCEPT MOD", "113764", "Acquisition Plane", _code("113622", "Single Plane"))


def _kap_item(concept: str, meaning: str, kap_gy_cm2: float) -> Dataset:
    """The standard's unit is Gy.m2."""
    return _number(concept, meaning, kap_gy_cm2 * 1e-4, "Gy.m2")


def _number(concept: str, meaning: str, value: float, unit: str) -> Dataset:
    item = _item("CONTAINS", "NUM", concept, meaning)
    words = {"1": "no units"}.get(unit, unit)
    measured = _plain(NumericValue=f"{value:.9g}"[:16], MeasurementUnitsCodeSequence=[_code(unit, words, "UCUM")])
    item.MeasuredValueSequence = [measured]
    return item


def _container(concept: str, meaning: str, content: Sequence[Dataset]) -> Dataset:
    item = _item("CONTAINS", "CONTAINER", concept, meaning)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = list(content)
    return item
