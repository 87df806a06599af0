"""The images of the digital patient's course, day by day: made, written, attached to the case, with what is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.app.case_images import attach_series
from planner.app.images import load, scan
from planner.app.open_case import OpenCase
from planner.app.phantoms import cannot_write
from planner.dicom.angio_reading import KIND as ANGIO
from planner.dicom.series import SeriesEntry
from planner.imaging import LabelMap, Volume
from planner.imaging.masks import Mask, box_slices, union_box
from planner.jobs import Context
from planner.phantom import DigitalPatient
from planner.phantom.angiography import PLANS
from planner.phantom.course import CourseMaker, Timepoint
from planner.phantom.course_laboratory import write_course_laboratory
from planner.phantom.course_story import story_of
from planner.phantom.course_truth import DayTruth
from planner.phantom.course_writer import write_timepoint
from planner.phantom.truth import Landmark

FILMED = ("hepatic", "hepatic-after")
"""The run of the treated artery before and after: `RunPlan.key`, in the order in which both are filmed."""
RUN_ROLES = ("dsa-before", "dsa-after")
SEED = 7


@dataclass(frozen=True, eq=False, slots=True)
class CourseDay:
    """One day of the course as it lies in the case.

    Attributes
    ----------
    series
        Role of the day (``arterial``, ``portal-venous``, ``non-contrast``, ``mr-before``, ``mr-arterial``,
        ``dsa-before``, ``dsa-after``) -> ``series_uid#part``.
    truths
        As `planner.phantom.course.Timepoint`.
    """

    key: str
    on: date
    title: str
    series: Mapping[str, str]
    entries: Mapping[str, SeriesEntry]
    frames: Mapping[str, str]
    truths: tuple[DayTruth, ...]

    def truth_of(self, role: str) -> DayTruth:
        """What is true in the frame of an image."""
        return next(each for each in self.truths if each.frame_uid == self.frames[role])

    def volume(self, role: str) -> Volume:
        """Read from the written files; the caller keeps what it needs again."""
        return load(self.entries[role])


@dataclass(eq=False, slots=True)
class CourseImages:
    """Makes the days of one course as they come; earlier ones keep no image in memory.

    Raises
    ------
    UsageError
        ``cannot-write`` from `day`, and as `planner.phantom.course.CourseMaker`.
    """

    preset: str
    begun_on: date
    folder: Path
    context: Context = field(default_factory=Context)
    maker: CourseMaker = field(init=False)
    days: dict[str, CourseDay] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        plans = tuple(next(plan for plan in PLANS if plan.key == key) for key in FILMED)
        runs = {"tace-1": plans, "tace-2": plans}
        self.maker = CourseMaker(self.preset, SEED, begun_on=self.begun_on, runs=runs, context=self.context)

    @property
    def patient(self) -> DigitalPatient:
        return self.maker.patient

    def laboratory(self) -> Path:
        """The table of every laboratory value of the course."""
        path = self.folder / "truth" / "laboratory.csv"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_course_laboratory(path, self.begun_on)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        return path

    def day(self, key: str, context: Context) -> CourseDay:
        """Make and write one day; attaching is `attach`'s."""
        point = self.maker.timepoint(key, context.part(0.0, 0.7))
        try:
            written = write_timepoint(self.patient, point, self.folder, context.part(0.7, 0.95))
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        found = scan(list(written.series.values()), context.part(0.95, 1.0)).series
        made = _day(point, found)
        self.days[key] = made
        return made

    def day_date(self, key: str) -> date:
        """The date of a day, whether it was made yet or not."""
        return date.fromordinal(self.begun_on.toordinal() + story_of(key).day)


def _day(point: Timepoint, found: tuple[SeriesEntry, ...]) -> CourseDay:
    by_uid = {each.uid: each for each in found if each.kind == "volume"}
    entries = {role: by_uid[volume.source.series_uid] for role, volume in point.volumes.items()}
    runs = [each for each in found if each.kind == ANGIO]
    entries |= dict(zip(RUN_ROLES, runs, strict=False))
    return CourseDay(
        key=point.key,
        on=point.on,
        title=point.title,
        series={role: f"{each.uid}#{each.part}" for role, each in entries.items()},
        entries=entries,
        frames={role: volume.grid.frame_uid for role, volume in point.volumes.items()},
        truths=point.truths,
    )


def attach(opened: OpenCase, day: CourseDay) -> None:
    """Put the images of a day into the case; a person has compared the patient."""
    for entry in day.entries.values():
        edit, _ = attach_series(opened.case, entry, confirmed=True)
        opened.document.apply(f"Attach {day.title}", edit)


def patient_on(patient: DigitalPatient, day: CourseDay, role: str) -> DigitalPatient:
    """The digital patient as true on another day, in the frame of one of its images: for whoever works on that day.

    Feeding arteries and trees stay those of the baseline; nothing that works on another day may read them.
    """
    true = day.truth_of(role)
    voxels = np.zeros(true.grid.size_kji, dtype=np.uint8)
    before = {each.identifier: each for each in patient.truth.lesions}
    lesions = []
    for each in true.lesions:
        if not each.mask.is_empty:
            voxels[box_slices(each.mask.box)][each.mask.voxels] = each.label
        known = before.get(each.identifier)
        if known is not None:
            size, centre = each.size, each.centre_lps_mm
            now = replace(known, centre_lps_mm=centre, diameter_mm=size.diameter_mm, volume_ml=size.volume_ml)
            lesions.append(replace(now, label=each.label))
    places = [(each.name, true.day_map.points(each.lps_mm)) for each in patient.truth.landmarks]
    truth = replace(
        patient.truth,
        structures=true.structures,
        lesion_map=LabelMap(voxels, true.grid, patient.truth.lesion_map.labels),
        lesions=tuple(lesions),
        landmarks=tuple(Landmark(name, (float(p[0]), float(p[1]), float(p[2]))) for name, p in places),
    )
    return replace(patient, truth=truth)


def overlap(one: Mask, other: Mask) -> float:
    """Overlap of two masks of one grid, 0 to 1."""
    if one.is_empty or other.is_empty:
        return 0.0
    box = union_box((one.box, other.box))
    shared = int(np.count_nonzero(one.within(box) & other.within(box)))
    return 2.0 * shared / (one.count + other.count)


class TrueMap:
    """From the frame of one day to that of another, by the modelled motion of both."""

    def __init__(self, first: DayTruth, second: DayTruth) -> None:
        self._first, self._second = first.day_map, second.day_map

    def __call__(self, lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._second.points(self._first.inverse_points(lps_mm))
