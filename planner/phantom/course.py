"""The course of the digital patient: one person over nine months, each day in a frame of its own, all of it known.

The anatomy is painted once, in every contrast phase at once; each day paints its tumours into a copy of the liver,
bends and moves the picture as the patient breathes and lies that day, and scans it. What is not modelled: tissue drawn
in by a shrinking tumour or zone, feeders of the new tumour, vessels closed by treatment (outside a treated tumour),
ascites, weight, gas and food that move, oil that wanders; MR has no susceptibility, no motion, no other sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging import ImageSource, LabelMap, Volume
from planner.imaging.masks import Mask, box_size, union_box
from planner.jobs import Context
from planner.phantom.ablation_day import ABLATED_LESION, BurntZone, usual_zone
from planner.phantom.angiography import RunPlan, SimulatedRun, film
from planner.phantom.canvas import Canvas
from planner.phantom.course_base import CourseBase, course_base
from planner.phantom.course_lesions import LesionShapes, grown, lesion_shapes, paint_lesion, paint_trace, paint_zone
from planner.phantom.course_lesions import spilt_oil as spilt_over
from planner.phantom.course_motion import DayMap, day_map, same_place
from planner.phantom.course_story import KEYS, STORY, DayStory, LesionStory, Scanning, story_of
from planner.phantom.course_truth import (
    AchievedMargin,
    DayTruth,
    LesionOnDay,
    achieved_margin,
    liver_landmarks,
    measured,
    shape_mask,
)
from planner.phantom.fields import Array, Box, Frame
from planner.phantom.lesions import Tumour
from planner.phantom.mr_signal import mr_scan
from planner.phantom.patient import DigitalPatient, uid_of
from planner.phantom.presets import preset_named
from planner.phantom.scanner import scan
from planner.phantom.truth import Landmark

CASE = "course"
MR_SLICES_OVER_CT = 1.2
MR_FIELD_KJI_MM = (216.0, 264.0, 360.0)
FIRST_SEED = 200
"""Noise of the baseline and of the day of an ablation are seeded below it."""
DESCRIPTIONS: Mapping[str, str] = {
    "arterial": "Abdomen arterial phase",
    "portal-venous": "Abdomen portal venous phase",
    "non-contrast": "Abdomen unenhanced after Lipiodol",
    "mr-before": "T1 fat-suppressed pre-contrast",
    "mr-arterial": "T1 fat-suppressed late arterial phase",
}
ABLATION_WORDS = {"ablation-day": "Before ablation", "ablation-done": "After ablation"}
SERIES_NUMBERS = {"non-contrast": 1, "arterial": 2, "portal-venous": 3, "mr-before": 11, "mr-arterial": 12}
PHASE_OF = {"mr-before": "non-contrast", "mr-arterial": "arterial"}


@dataclass(frozen=True, eq=False)
class Timepoint:
    """One day of the course.

    Attributes
    ----------
    key
        One of `planner.phantom.course_story.KEYS`.
    day, on
        Days after the baseline CT, and the date.
    volumes
        Role -> image: ``arterial``, ``portal-venous``, ``non-contrast``, ``mr-before``, ``mr-arterial``.
    truths
        What is true in each frame of that day, that of CT first; empty where only runs were filmed.
    runs
        DSA runs, in the order in which they were filmed; their isocentre is a frame of its own.
    """

    key: str
    day: int
    on: date
    title: str
    volumes: Mapping[str, Volume]
    truths: tuple[DayTruth, ...]
    runs: tuple[SimulatedRun, ...] = ()

    @property
    def frame_uid(self) -> str | None:
        """Of the CT; None where none was made."""
        return self.truths[0].frame_uid if self.truths else None

    def truth_of(self, role: str) -> DayTruth:
        """What is true in the frame of an image; KeyError for a role that this day has not."""
        uid = self.volumes[role].grid.frame_uid
        return next(each for each in self.truths if each.frame_uid == uid)


@dataclass(frozen=True, eq=False)
class CoursePatient:
    """The whole course in memory.

    Attributes
    ----------
    patient
        The digital patient of the baseline, with its trees, organs and lesions.
    """

    patient: DigitalPatient
    begun_on: date
    timepoints: tuple[Timepoint, ...]

    def timepoint(self, key: str, context: Context | None = None) -> Timepoint:
        """KeyError for a key that is none of `KEYS`. It is there already: nothing is reported to the context."""
        del context
        return {each.key: each for each in self.timepoints}[key]


@dataclass(frozen=True, eq=False)
class PaintedDay:
    """Signed distances of what was painted on one day, on boxes of the baseline's grid."""

    lesions: Mapping[str, LesionShapes]
    zone: tuple[Box, Array] | None
    spilt: tuple[tuple[Box, Array], ...]


def generate_course(
    preset: str = "demo",
    seed: int = 7,
    *,
    begun_on: date,
    runs: Mapping[str, tuple[RunPlan, ...]] | None = None,
    context: Context | None = None,
) -> CoursePatient:
    """Every timepoint at once; `CourseMaker`, which takes the same, makes them one by one.

    Raises
    ------
    UsageError
        For an unknown preset.
    """
    given = context or Context()
    maker = CourseMaker(preset, seed, begun_on=begun_on, runs=runs, context=given.part(0.0, 0.3))
    return CoursePatient(maker.patient, begun_on, tuple(maker.timepoints(given.part(0.3, 1.0))))


class CourseMaker:
    """Makes timepoints of one course as they are asked for; the anatomy is painted when it is made.

    Parameters
    ----------
    begun_on
        Day of the baseline CT.
    runs
        Key -> what is filmed on that day, instead of the runs of the story; days that are not named have none.

    Raises
    ------
    UsageError
        For an unknown preset.
    """

    def __init__(
        self,
        preset: str = "demo",
        seed: int = 7,
        *,
        begun_on: date,
        runs: Mapping[str, tuple[RunPlan, ...]] | None = None,
        context: Context | None = None,
    ) -> None:
        self.preset, self.seed, self.begun_on = preset, seed, begun_on
        self._plans = {day.key: day.plans for day in STORY} if runs is None else dict(runs)
        self._base: CourseBase = course_base(preset, seed, begun_on, context or Context())
        self._landmarks = liver_landmarks(self.patient.truth, self._base.tumours)

    def with_runs(self, runs: Mapping[str, tuple[RunPlan, ...]]) -> CourseMaker:
        """The same course, filmed otherwise; the anatomy is shared."""
        other = copy(self)
        other._plans = dict(runs)
        return other

    @property
    def patient(self) -> DigitalPatient:
        """The patient of the baseline."""
        return self._base.patient

    def timepoints(self, context: Context | None = None) -> Iterator[Timepoint]:
        """All of them, in order, each made when it is asked for."""
        given = context or Context()
        for number, key in enumerate(KEYS):
            yield self.timepoint(key, given.part(number / len(KEYS), (number + 1) / len(KEYS)))

    def timepoint(self, key: str, context: Context | None = None) -> Timepoint:
        """One timepoint; the same call gives the same images.

        Raises
        ------
        KeyError
            For a key that is none of `KEYS`.
        """
        given = context or Context()
        story = story_of(key)
        on = self.begun_on + timedelta(days=story.day)
        given.step(0.0, story.title)
        volumes: dict[str, Volume] = {}
        truths = []
        for number, scanning in enumerate(story.scans):
            part = given.part(0.5 * number / len(story.scans), 0.5 * (number + 1) / len(story.scans))
            images, truth = self._scanned(story, scanning, on, part)
            volumes |= images
            truths.append(truth)
        runs = self._filmed(story, on, given.part(0.5, 1.0))
        given.step(1.0, story.title)
        return Timepoint(key, story.day, on, story.title, volumes, tuple(truths), runs)

    def _filmed(self, story: DayStory, on: date, context: Context) -> tuple[SimulatedRun, ...]:
        """Runs of the day; what blushes is what was viable the last time it was looked at."""
        plans = self._plans.get(story.key, ())
        if not plans:
            return ()
        truth = replace(self.patient.truth, lesion_map=self._viable_before(story))
        patient = replace(self.patient, truth=truth)
        return tuple(
            film(
                patient,
                plan,
                number=number,
                study_date=on.isoformat(),
                context=context.part((number - 1) / len(plans), number / len(plans)),
            )
            for number, plan in enumerate(plans, start=1)
        )

    def _viable_before(self, story: DayStory) -> LabelMap:
        """Viable tumour, on the baseline's grid, of the scanned timepoint before this one."""
        before = STORY[KEYS.index(story.key) - 1]
        plain = self.patient.truth.lesion_map
        voxels = np.zeros(plain.grid.size_kji, dtype=np.uint8)
        frame = Frame(plain.grid)
        for label, lesion, tumour in self._lesions(before):
            box = tumour.box_in(frame)
            if box is not None:
                viable = lesion_shapes(box, self.patient.anatomy, tumour, lesion).viable < 0.0
                voxels[box.slices][viable] = label
        return replace(plain, voxels=voxels)

    def _lesions(self, story: DayStory) -> list[tuple[int, LesionStory, Tumour]]:
        """Label, story and the tumour at its size of the day."""
        known = {each.identifier: (label, each) for label, each in enumerate(self._base.tumours, start=1)}
        return [(known[each.lesion][0], each, grown(known[each.lesion][1], each)) for each in story.lesions]

    def _scanned(
        self, story: DayStory, scanning: Scanning, on: date, context: Context
    ) -> tuple[dict[str, Volume], DayTruth]:
        """The images of one scanner and what is true in their frame."""
        own = self.patient.truth.structures
        if story.key == "baseline":
            moved, grid = same_place(own.grid), own.grid
            canvas = Canvas(grid, ())
        else:
            moved, grid = self._lying(story, scanning)
            canvas = self._base.canvas(scanning.phases)
        zone = self._zone(story)
        painted = self._painted(canvas, story, zone)
        if story.key == "baseline":
            images, structures = self._first_images(), own
        else:
            context.step(0.2, f"{story.title}: lying down")
            plain = own.voxels.astype(np.uint8)
            seen, voxels = moved.warped_all(canvas.hu, plain, own.grid, grid)
            structures = replace(own, voxels=voxels, grid=grid)
            images = {}
            for number, phase in enumerate(scanning.phases):
                context.step(0.4 + 0.4 * number / len(scanning.phases), f"{story.title}: {DESCRIPTIONS[phase]}")
                images[phase] = self._image(seen[number], grid, story, phase, on)
        context.step(0.85, f"{story.title}: ground truth")
        margin = self._margin(story, zone) if story.fresh_zone else None
        return images, self._truth(story, scanning.modality, moved, structures, painted, margin)

    def _first_images(self) -> dict[str, Volume]:
        return {"arterial": self.patient.arterial, "portal-venous": self.patient.portal}

    def _lying(self, story: DayStory, scanning: Scanning) -> tuple[DayMap, Grid]:
        """Posture and breath, and the scanner's grid: the range scanned follows the patient along the table."""
        key = story.lies_as or story.key
        key = f"{key}-mr" if scanning.modality == "MR" else key
        own = self.patient.arterial.grid
        uid = uid_of("frame", self.preset, self.seed, CASE, key)
        moved = day_map(self.seed, key, uid, own, scanning.breathing_mm)
        middle = own.centre_lps_mm.copy()
        middle[2] = moved.day_from_baseline.points(middle)[2]
        spacing, size = np.asarray(own.spacing_kji_mm), own.size_kji
        if scanning.modality == "MR":
            spacing = spacing * (MR_SLICES_OVER_CT, 1.0, 1.0)
            k, j, i = (int(count) for count in np.ceil(np.asarray(MR_FIELD_KJI_MM) / spacing).astype(int))
            size = (k, j, i)
        origin = middle - ((np.asarray(size) - 1) / 2.0 * spacing)[::-1]
        return moved, Grid.of(size, origin_lps_mm=np.round(origin, 3), spacing_kji_mm=spacing, frame_uid=uid)

    def _zone(self, story: DayStory) -> BurntZone | None:
        if story.zone <= 0.0:
            return None
        tumour = next(each for each in self._base.tumours if each.identifier == ABLATED_LESION)
        return usual_zone(tumour.centre_lps_mm, story.zone)

    def _painted(self, canvas: Canvas, story: DayStory, zone: BurntZone | None) -> PaintedDay:
        """Paint the day into the canvas (the baseline is painted already)."""
        anatomy = self.patient.anatomy
        traces = spilt_over(canvas.frame, anatomy, self._base.tumours[0]) if story.spilt_oil else ()
        for trace in traces:
            paint_trace(canvas, trace)
        burnt = None if zone is None else paint_zone(canvas, anatomy, zone, fresh=story.fresh_zone)
        painted = {}
        for _, lesion, tumour in self._lesions(story):
            shapes = paint_lesion(canvas, anatomy, tumour, lesion)
            if shapes is not None:
                painted[lesion.lesion] = shapes
        return PaintedDay(painted, burnt, tuple((trace.box, trace.shape) for trace in traces))

    def _image(self, seen: Array, grid: Grid, story: DayStory, phase: str, on: date) -> Volume:
        source = self._source(story, phase, on)
        seed = self.seed * 31 + FIRST_SEED + 10 * KEYS.index(story.key) + SERIES_NUMBERS[phase]
        voxels: NDArray[np.int16] = (
            mr_scan(seen, Frame(grid), seed)
            if source.modality == "MR"
            else scan(seen, Frame(grid), seed, preset_named(self.preset).noise_hu)
        )
        return Volume(voxels, grid, source)

    def _source(self, story: DayStory, phase: str, on: date) -> ImageSource:
        modality = "MR" if phase.startswith("mr-") else "CT"
        identity = (self.preset, self.seed, CASE)
        words = DESCRIPTIONS[phase]
        if story.key in ABLATION_WORDS:
            words = f"{ABLATION_WORDS[story.key]}, {phase} phase"
        # Both scans around the ablation belong to one study.
        study = "ablation-day" if story.key == "ablation-done" else story.key
        return replace(
            self.patient.arterial.source,
            series_uid=uid_of("series", *identity, story.key, phase),
            modality=modality,
            description=words,
            study_uid=uid_of("study", *identity, study, modality),
            study_date=on.strftime("%Y%m%d"),
            series_number=SERIES_NUMBERS[phase] + (10 if story.key == "ablation-done" else 0),
            unit="HU" if modality == "CT" else None,
            phase=PHASE_OF.get(phase, phase),
            window=(40.0, 400.0) if modality == "CT" else (450.0, 900.0),
        )

    def _margin(self, story: DayStory, zone: BurntZone | None) -> AchievedMargin | None:
        tumours = [tumour for _, lesion, tumour in self._lesions(story) if lesion.state == "ablated"]
        if zone is None or not tumours:
            return None
        return achieved_margin(tumours[0], self.patient.anatomy, zone, tumours[0].identifier)

    def _truth(
        self,
        story: DayStory,
        modality: str,
        moved: DayMap,
        structures: LabelMap,
        painted: PaintedDay,
        margin: AchievedMargin | None,
    ) -> DayTruth:
        own, grid = self.patient.truth.structures.grid, structures.grid
        burnt = painted.zone
        return DayTruth(
            key=story.key,
            modality=modality,
            grid=grid,
            day_map=moved,
            structures=structures,
            lesions=self._lesions_on(story, moved, grid, painted.lesions),
            spilt=_together([shape_mask(moved, own, box.slices, each, grid) for box, each in painted.spilt], grid),
            zone=None if burnt is None else shape_mask(moved, own, burnt[0].slices, burnt[1], grid),
            margin=margin,
            landmarks=tuple(Landmark(each.name, _triple(moved.points(each.lps_mm))) for each in self._landmarks),
        )

    def _lesions_on(
        self, story: DayStory, moved: DayMap, grid: Grid, shapes: Mapping[str, LesionShapes]
    ) -> tuple[LesionOnDay, ...]:
        own = self.patient.truth.structures.grid
        found = []
        for label, lesion, tumour in self._lesions(story):
            shape = shapes[lesion.lesion]
            masks = [
                shape_mask(moved, own, shape.box.slices, each, grid) for each in (shape.whole, shape.viable, shape.oil)
            ]
            found.append(
                LesionOnDay(
                    identifier=lesion.lesion,
                    label=label,
                    state=lesion.state,
                    segment=tumour.segment,
                    first_seen=first_seen(lesion.lesion),
                    centre_lps_mm=_triple(moved.points(tumour.centre_lps_mm)),
                    size=measured(tumour, self.patient.anatomy, lesion),
                    mask=masks[0],
                    viable=masks[1],
                    lipiodol=masks[2],
                )
            )
        return tuple(found)


def _together(masks: list[Mask], grid: Grid) -> Mask:
    """All masks in one."""
    box = union_box(mask.box for mask in masks)
    voxels = np.zeros(box_size(box), dtype=np.bool_)
    for mask in masks:
        voxels |= mask.within(box)
    return Mask.of(grid, voxels, box[0])


def first_seen(lesion: str) -> str:
    """Key of the first timepoint on which a tumour is there."""
    return next(day.key for day in STORY if any(each.lesion == lesion for each in day.lesions))


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])
