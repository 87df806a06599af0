"""Analyses of vertebrae of the open session and their pictures: made in jobs, kept while masks and rules hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from planner.app.marking import region_of
from planner.app.needle_live import LiveNeedle, live_needle
from planner.app.needle_paths import measure_needle
from planner.app.vertebrae import pedicle_measures, vertebra_digest
from planner.geometry.patient_positions import PRONE, PatientPosition, position_from_dicom
from planner.imaging.volumes import Volume
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit, session_edit, with_item
from planner.model.items import PlanItem, Point, RegionBody
from planner.model.needle_items import NeedlePathBody, PedicleMeasures, WorkingView
from planner.model.needle_reading import needle_of
from planner.model.session import Session
from planner.planning.needles import Needle
from planner.planning.vertebra_analysis import VertebraAnalysis, analyse_vertebra
from planner.planning.vertebra_levels import short_level
from planner.planning.vertebra_trajectories import measured as measured_in_bone
from viewers.scene.vertebra_pictures import view_picture, walls_picture
from viewers.state.jobs import Job, JobState
from viewers.state.marking import Mark
from viewers.state.needles import NeedleShape, shape_of
from viewers.state.vertebrae import ViewPicture, WallsPicture
from viewers.window.case_needle_live import LiveMeasuring
from viewers.window.case_needle_task import POSITION_FIELD, position_stage
from viewers.window.case_vertebra_content import region_of_level_in

NOT_SEGMENTED = "is not segmented yet: mark it with two clicks (V), or take it from a label map."
CANCELLED = "Measuring the vertebra was cancelled; press Analyse to measure it."
NO_IMAGES = "Load the images that the vertebra was marked on first."
ViewKey = tuple[float, float]


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """An analysis with what it stands on, the pictures made of it, and those that could not be made."""

    digest: str
    analysis: VertebraAnalysis
    volume: Volume
    pictures: dict[ViewKey, ViewPicture]
    given_up: set[ViewKey]
    walls: WallsPicture | None


class VertebraWorking:
    """Jobs on vertebrae. `changed` is called when one of them has ended."""

    def __init__(self, needles: LiveMeasuring, changed: Callable[[], None]) -> None:
        self.needles, self.desk = needles, needles.desk
        self._changed = changed
        self._kept: dict[str, Kept] = {}
        self._running: dict[str, tuple[Job, str]] = {}
        self._drawing: Job | None = None
        self._drawn: tuple[Kept, tuple[ViewKey, ...]] | None = None
        self._digests: dict[str, tuple[PlanItem, object, str]] = {}
        self.refused: dict[str, tuple[str, str]] = {}
        """Level -> digest and why it could not be analysed."""
        self.desk.jobs.ended.connect(self._ended)

    def forget(self) -> None:
        self._kept, self._running, self._digests, self.refused = {}, {}, {}, {}
        self._drawing, self._drawn = None, None

    @property
    def overrides(self) -> Mapping[str, Mapping[str, object]]:
        """Of the institution's profile."""
        desk = self.needles.work.session_desk if self.needles.work is not None else None
        return {} if desk is None else desk.profile.rule_overrides

    def region(self, level: str | None) -> Mark | None:
        return region_of_level_in(self.desk.marks.marks.value, level)

    def digest(self, level: str | None) -> str | None:
        """Of what an analysis of a level would stand on now."""
        region, overrides = self.region(level), self.overrides
        if region is None or level is None:
            return None
        known = self._digests.get(level)
        if known is None or known[0] is not region.item or known[1] is not overrides:
            known = (region.item, overrides, vertebra_digest(region_of(region.item), None, overrides))
            self._digests[level] = known
        return known[2]

    def kept(self, level: str | None) -> Kept | None:
        """The analysis of a level, while it holds."""
        found = None if level is None else self._kept.get(level)
        return found if found is not None and found.digest == self.digest(level) else None

    def is_running(self, level: str) -> bool:
        return level in self._running

    @property
    def is_drawing(self) -> bool:
        return self._drawing is not None

    def posture(self) -> tuple[PatientPosition, bool]:
        """How the patient will lie, and whether a person said so: prone until then."""
        session, template = self.needles.session, self.needles.template
        volume = self.desk.state.images.primary
        scanned = position_from_dicom(None if volume is None else volume.source.patient_position)
        head_first = scanned.head_first if scanned is not None else True
        stage = None if template is None else position_stage(template)
        said = None if session is None or stage is None else session.answer(stage, POSITION_FIELD)
        if isinstance(said, str):
            return PatientPosition(said, head_first), True
        return PatientPosition(PRONE, head_first), False

    def analyse(self, level: str | None, then: Callable[[Kept], object]) -> str | None:
        """Measure a level in a job; a sentence when it cannot begin."""
        region, session = self.region(level), self.needles.session
        if level is None or session is None:
            return "Choose the level of the vertebra first."
        if region is None or not isinstance(region.body, RegionBody):
            return f"{short_level(level)} {NOT_SEGMENTED}"
        mask, found = self.desk.marks.mask(region.id), self.needles.volume_of(region.item.frame_uid)
        digest = self.digest(level)
        if mask is None or found is None or digest is None:
            return NO_IMAGES
        volume, overrides, (position, _) = found[1], self.overrides, self.posture()

        def work(context: Context) -> Kept:
            made = analyse_vertebra(volume, mask, level=level, position=position, overrides=overrides, context=context)
            return Kept(digest, made, volume, {}, set(), walls_picture(made))

        def done(kept: Kept) -> None:
            self._kept[level] = kept
            self.refused.pop(level, None)
            then(kept)

        job = self.desk.jobs.submit(
            f"Measuring {short_level(level)}",
            work,
            done,
            still_valid=lambda: self.digest(level) == digest,
            group=f"vertebra {level}",
        )
        self._running[level] = (job, digest)
        return None

    def _ended(self, job: Job) -> None:
        """What failed or was cancelled does not begin again by itself."""
        gone_wrong = job.state in (JobState.FAILED, JobState.CANCELLED)
        level = next((each for each, (running, _) in self._running.items() if running is job), None)
        if level is not None:
            _, digest = self._running.pop(level)
            if gone_wrong:
                self.refused[level] = (digest, CANCELLED if job.state is JobState.CANCELLED else job.message)
        elif job is self._drawing:
            self._drawing = None
            if gone_wrong and self._drawn is not None:
                self._drawn[0].given_up.update(self._drawn[1])
        else:
            return
        self._changed()

    def pictures(self, kept: Kept, views: tuple[tuple[WorkingView, str | None, str], ...]) -> tuple[ViewPicture, ...]:
        """Those of some views that are made; the others are asked for."""
        ready = []
        missing: list[WorkingView] = []
        for view, needle_id, name in views:
            known = kept.pictures.get(_key(view))
            if known is None:
                missing += [view] if _key(view) not in kept.given_up else []
            else:
                ready.append(replace(known, view=view, needle_id=needle_id, needle_name=name))
        if missing and not self.is_drawing:
            self._draw(kept, missing)
        return tuple(ready)

    def _draw(self, kept: Kept, views: list[WorkingView]) -> None:
        def work(context: Context) -> dict[ViewKey, ViewPicture]:
            made = {}
            for number, view in enumerate(views):
                part = context.part(number / len(views), (number + 1) / len(views))
                made[_key(view)] = view_picture(kept.volume, kept.analysis, view, context=part)
            return made

        def done(made: dict[ViewKey, ViewPicture]) -> None:
            kept.pictures.update(made)

        self._drawn = (kept, tuple(_key(view) for view in views))
        self._drawing = self.desk.jobs.submit("C-arm views", work, done)

    def in_bone(self, body: NeedlePathBody, entry_lps_mm: Point, tip_lps_mm: Point) -> PedicleMeasures | None:
        """What is known of a needle in its vertebra when it lies there; without its analysis nothing is."""
        pedicle = body.pedicle
        if pedicle is None:
            return None
        bare = PedicleMeasures(pedicle.level, pedicle.side, pedicle.approach, pedicle.bone_entry_lps_mm)
        kept = self.kept(pedicle.level)
        bone = None if kept is None else kept.analysis.pedicles.get(pedicle.side)
        gauge = "".join(each for each in body.gauge or "" if each.isdigit())
        if kept is None or bone is None or not gauge or int(gauge) not in kept.analysis.limits.diameters_mm:
            return bare
        found = measured_in_bone(
            kept.analysis.vertebra,
            bone,
            kept.analysis.limits,
            np.asarray(tip_lps_mm),
            np.asarray(entry_lps_mm),
            int(gauge),
            pedicle.approach,
        )
        return pedicle_measures(found, pedicle.level)

    def measure_clearances(self, item_ids: tuple[str, ...], step: str) -> None:
        """Distances to the structures of the session along needles just put, as part of the same step of undo."""
        session, template, store = self.needles.session, self.needles.template, self.needles.store
        shapes = [shape for each in item_ids if (shape := self._shape(each)) is not None]
        task = self.needles.task_of(shapes[0]) if shapes else None
        if session is None or template is None or store is None or task is None:
            return
        points = np.array([point for each in shapes for point in (each.entry_lps_mm, each.tip_lps_mm)])
        digest = self.needles.digest(task)

        def work(context: Context) -> LiveNeedle:
            return live_needle(store, session, template, task, points, context)

        def done(live: LiveNeedle) -> None:
            edits: list[Edit] = []
            now = self.needles.session
            for shape in shapes:
                item = None if now is None or shape.item_id is None else now.item(shape.item_id)
                if item is not None and self._shape(item.id) == shape:
                    needle = Needle.of(shape.entry_lps_mm, shape.tip_lps_mm, shape.diameter_mm)
                    edits.append(measure_needle(session.id, item, live.measure(needle)))
            if edits:
                self.needles.apply("Measure needles", lambda: in_turn(edits), step)

        self.desk.jobs.submit(
            "Distances to the structures", work, done, still_valid=lambda: self.needles.digest(task) == digest
        )

    def _shape(self, item_id: str) -> NeedleShape | None:
        mark = self.desk.marks.mark(item_id)
        return None if mark is None else shape_of(mark)


def in_turn(edits: list[Edit]) -> Edit:
    """Several edits as one."""

    def edit(case: Case) -> Case:
        for each in edits:
            case = each(case)
        return case

    return edit


def put_pedicle(session_id: str, item_id: str, pedicle: PedicleMeasures) -> Edit:
    """What was measured of a needle in its vertebra; nothing where the needle is gone."""

    def change(session: Session) -> Session:
        item = session.item(item_id)
        if item is None:
            return session
        body = MappingProxyType(codec.to_json(replace(needle_of(item), pedicle=pedicle)))
        return with_item(session, replace(item, body=body))

    return session_edit(session_id, change)


def _key(view: WorkingView) -> ViewKey:
    """A picture depends on the direction alone; a twentieth of a degree is not seen."""
    return round(view.primary_deg * 20.0) / 20.0, round(view.secondary_deg * 20.0) / 20.0
