"""The course on disk: a folder of genuine DICOM for each timepoint, and what is true of each below ``truth``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from planner.geometry import Grid
from planner.imaging import Label, LabelMap
from planner.imaging.masks import Mask, box_slices
from planner.imaging.structures import label_for
from planner.jobs import Context
from planner.phantom.angiography_writer import write_runs
from planner.phantom.course import CourseMaker, CoursePatient, Timepoint
from planner.phantom.course_laboratory import write_course_laboratory
from planner.phantom.course_motion import DayMap
from planner.phantom.course_story import KEYS, STORY
from planner.phantom.course_truth import DayTruth, LesionOnDay, coarse
from planner.phantom.nrrd import write_displacements, write_label_map
from planner.phantom.patient import DigitalPatient
from planner.phantom.writer import ABLATION, TWO_PHASES, Acquisition, write_series, write_truth

ANGIOGRAPHY = "angiography"
LANDMARK_HEADER = ("fixed_x", "fixed_y", "fixed_z", "moving_x", "moving_y", "moving_z")
ELSEWHERE = 250
"""Voxel value of oil outside the tumours."""
STUDIES = {
    "post-lipiodol-1": "Unenhanced CT after chemoembolisation (simulated)",
    "tace-2": "Unenhanced CT after chemoembolisation (simulated)",
    "ablation-day": ABLATION,
    "ablation-done": ABLATION,
}
MR_STUDY = "MR liver (simulated)"
TIMES = {
    "non-contrast": ("101800", None),
    "arterial": ("102136", "102100"),
    "portal-venous": ("102210", "102100"),
    "mr-before": ("131500", None),
    "mr-arterial": ("132135", "132100"),
}
"""Role -> when it was taken and when the injection began (DICOM TM)."""
TIMES_AFTER_ABLATION = {"arterial": ("112136", "112100"), "portal-venous": ("112210", "112100")}


@dataclass(frozen=True, slots=True)
class WrittenTimepoint:
    """Where one timepoint was written.

    Attributes
    ----------
    series
        Role -> folder of DICOM files; ``angiography`` holds the runs and their dose report.
    truths
        One folder for each frame of the day.
    """

    key: str
    series: dict[str, Path]
    truths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class WrittenCourse:
    """Where the course was written, timepoint by timepoint, and the folder of its ground truth."""

    timepoints: tuple[WrittenTimepoint, ...]
    truth: Path

    @property
    def series(self) -> tuple[Path, ...]:
        """All folders of images, in the order of the course."""
        return tuple(place for each in self.timepoints for place in each.series.values())


def write_course(course: CourseMaker | CoursePatient, folder: Path, context: Context | None = None) -> WrittenCourse:
    """Write every timepoint in turn; what a `CourseMaker` makes for it is not kept in memory.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    given = context or Context()
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    write_truth(course.patient.truth, truth)
    write_course_laboratory(truth / "laboratory.csv", course.begun_on)
    written, told = [], []
    for number, key in enumerate(KEYS):
        part = given.part(number / len(KEYS), (number + 1) / len(KEYS))
        timepoint = course.timepoint(key, part.part(0.0, 0.7))
        written.append(write_timepoint(course.patient, timepoint, folder, part.part(0.7, 1.0)))
        told.append(_told(timepoint, written[-1], folder))
    document = {
        "begun_on": course.begun_on.isoformat(),
        "seed": course.patient.seed,
        "preset": course.patient.preset,
        "timepoints": told,
        "lesions": _identities(),
    }
    _json(truth / "course.json", document)
    given.step(1.0, "The course is written")
    return WrittenCourse(tuple(written), truth)


def write_timepoint(
    patient: DigitalPatient, timepoint: Timepoint, folder: Path, context: Context | None = None
) -> WrittenTimepoint:
    """Write one timepoint below ``folder/<key>`` and its truth below ``folder/truth/<key>`` (``<key>-mr`` for MR).

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    given = context or Context()
    series: dict[str, Path] = {}
    parts = max(len(timepoint.volumes), 1)
    for number, (role, volume) in enumerate(timepoint.volumes.items()):
        series[role] = folder / timepoint.key / role
        part = given.part(0.8 * number / parts, 0.8 * (number + 1) / parts)
        taken = _acquisition(patient.seed, timepoint.key, role, number + 1)
        write_series(patient.seed, volume, taken, series[role], part)
    if timepoint.runs:
        series[ANGIOGRAPHY] = folder / timepoint.key / ANGIOGRAPHY
        write_runs(patient, timepoint.runs, series[ANGIOGRAPHY], folder / "truth" / timepoint.key)
    given.step(0.85, f"{timepoint.title}: writing the ground truth")
    truths = []
    for truth in timepoint.truths:
        truths.append(folder / "truth" / (f"{timepoint.key}-mr" if truth.modality == "MR" else timepoint.key))
        _write_day(patient, timepoint, truth, truths[-1])
    given.step(1.0, f"{timepoint.title}: written")
    return WrittenTimepoint(timepoint.key, series, tuple(truths))


def _acquisition(seed: int, key: str, role: str, number: int) -> Acquisition:
    times = TIMES_AFTER_ABLATION if key == "ablation-done" else TIMES
    time, injected = times[role]
    mr = role.startswith("mr-")
    study = MR_STUDY if mr else STUDIES.get(key, TWO_PHASES)
    # Both scans around an ablation are one study of one request.
    place = KEYS.index("ablation-day" if key == "ablation-done" else key)
    return Acquisition(
        number,
        time,
        injected,
        study,
        "130500" if mr else "101500",
        protocol="Liver dynamic (simulated)" if mr else "Liver (simulated)",
        accession=f"SIM{seed:05d}{place}{'M' if mr else 'C'}",
    )


def _write_day(patient: DigitalPatient, timepoint: Timepoint, truth: DayTruth, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_label_map(truth.structures, folder / "structures.nrrd")
    labels = {each.label: Label(each.label, each.identifier, "lesion") for each in truth.lesions}
    labels[ELSEWHERE] = Label(ELSEWHERE, "outside the tumours")
    for name, masks in (
        ("lesions", {each.label: each.mask for each in truth.lesions}),
        ("viable", {each.label: each.viable for each in truth.lesions}),
        ("lipiodol", {ELSEWHERE: truth.spilt, **{each.label: each.lipiodol for each in truth.lesions}}),
    ):
        write_label_map(_together(masks, labels, truth.grid), folder / f"{name}.nrrd")
    if truth.zone is not None:
        zone = LabelMap(truth.zone.full().astype(np.uint8), truth.grid, {1: label_for(1, "ablation_zone")})
        write_label_map(zone, folder / "zone.nrrd")
    baseline = patient.arterial.grid
    write_displacements(truth.day_map.displacement_on(coarse(baseline)), coarse(baseline), folder / "displacement.nrrd")
    _write_landmarks(truth, folder)
    _json(folder / "day.json", _day(timepoint, truth, baseline))


def _together(masks: dict[int, Mask], labels: dict[int, Label], grid: Grid) -> LabelMap:
    """Masks by voxel value; later ones replace earlier ones."""
    voxels = np.zeros(grid.size_kji, dtype=np.uint8)
    for value, mask in masks.items():
        if not mask.is_empty:
            voxels[box_slices(mask.box)][mask.voxels] = value
    return LabelMap(voxels, grid, labels)


def _write_landmarks(truth: DayTruth, folder: Path) -> None:
    """Pairs for ``register --landmarks``, both ways round, and their names."""
    there = np.array([each.lps_mm for each in truth.landmarks])
    first = truth.day_map.inverse_points(there)
    _pairs(folder / "landmarks.csv", first, there)
    _pairs(folder / "landmarks-to-baseline.csv", there, first)
    names = [asdict(each) for each in truth.landmarks]
    _json(folder / "landmarks.json", {"frame_uid": truth.frame_uid, "landmarks": names})


def _pairs(path: Path, fixed: Iterable[Iterable[float]], moving: Iterable[Iterable[float]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(LANDMARK_HEADER)
        for one, other in zip(fixed, moving, strict=True):
            writer.writerow([f"{value:.4f}" for value in (*one, *other)])


def _day(timepoint: Timepoint, truth: DayTruth, baseline: Grid) -> dict[str, Any]:
    return {
        "key": timepoint.key,
        "day": timepoint.day,
        "date": timepoint.on.isoformat(),
        "title": timepoint.title,
        "modality": truth.modality,
        "frame_uid": truth.frame_uid,
        "baseline_frame_uid": baseline.frame_uid,
        "motion": _motion(truth.day_map),
        "lesions": [_lesion(each) for each in truth.lesions],
        "zone_ml": None if truth.zone is None else truth.zone.volume_ml,
        "margin": None if truth.margin is None else asdict(truth.margin),
        "spilt_oil_ml": truth.spilt.volume_ml,
    }


def _motion(day_map: DayMap) -> dict[str, Any]:
    """The rigid part for itself; ``displacement.nrrd`` holds everything, from the baseline to the day."""
    return {
        "day_from_baseline_lps": day_map.day_from_baseline.flat(),
        "breathing_mm": day_map.breathing_mm,
        "least_jacobian": day_map.least_stretch(),
        "field": "displacement.nrrd",
    }


def _lesion(lesion: LesionOnDay) -> dict[str, Any]:
    return {
        "identifier": lesion.identifier,
        "label": lesion.label,
        "state": lesion.state,
        "segment": lesion.segment,
        "first_seen": lesion.first_seen,
        "centre_lps_mm": list(lesion.centre_lps_mm),
        **asdict(lesion.size),
    }


def _told(timepoint: Timepoint, written: WrittenTimepoint, folder: Path) -> dict[str, Any]:
    series = {}
    for role, place in written.series.items():
        volume = timepoint.volumes.get(role)
        series[role] = {
            "folder": place.relative_to(folder).as_posix(),
            "series_uid": timepoint.runs[0].run.source.series_uid if volume is None else volume.source.series_uid,
            "frame_uid": None if volume is None else volume.grid.frame_uid,
        }
    return {
        "key": timepoint.key,
        "day": timepoint.day,
        "date": timepoint.on.isoformat(),
        "title": timepoint.title,
        "series": series,
        "truth": [place.relative_to(folder).as_posix() for place in written.truths],
    }


def _identities() -> list[dict[str, Any]]:
    """Every tumour with what it is on each day."""
    names = sorted({each.lesion for day in STORY for each in day.lesions})
    return [
        {
            "identifier": name,
            "label": label,
            "states": {day.key: each.state for day in STORY for each in day.lesions if each.lesion == name},
        }
        for label, name in enumerate(names, start=1)
    ]


def _json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False), encoding="utf-8")
