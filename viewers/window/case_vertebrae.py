"""Vertebrae of the open session in the window: marked, analysed, their needles offered, their pictures made."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QTimer

from planner.app.marking import add_structure
from planner.app.vertebrae import (
    level_confirmation,
    put_trajectories,
    put_vertebra,
    require_confirmed,
    turn_patient,
)
from planner.errors import OperatorError
from planner.geometry import SlicePlane
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.imaging.structures import structures
from planner.imaging.vertebra_segmentation import VertebraMask
from planner.imaging.volumes import ImageSource, LabelMap, Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.edits import Edit, new_id, session_edit, without_item
from planner.model.items import PlanItem, Point
from planner.model.needle_items import VertebraPlanBody
from planner.model.needle_reading import needle_of, vertebrae_of
from planner.model.session import Session
from planner.planning.vertebra_levels import LEVELS, short_level
from planner.planning.vertebra_trajectories import Trajectory, needle_limits
from planner.workflow.answers import answer_field
from planner.workflow.template import Stage
from viewers.panels.vertebra_panel import BOTH, SINGLE, VertebraActs, VertebraContent, VertebraPanel
from viewers.state.layouts import layout
from viewers.state.vertebrae import NO_VERTEBRA, VERTEBRA_TOOL, VertebraShown, needles_in
from viewers.state.view_state import PlaneKind
from viewers.window.case_needle_live import NO_SESSION
from viewers.window.case_needle_task import POSITION_FIELD, POSTURE_CHOICES, position_stage
from viewers.window.case_needles import CaseNeedles
from viewers.window.case_vertebra_content import (
    cement_lines,
    count_words,
    finding_lines,
    level_choices,
    level_of_label,
    marked_levels,
    measure_pairs,
    needle_line,
    segmented_words,
    standing_words,
    view_lines,
    views_in,
)
from viewers.window.case_vertebra_work import Kept, VertebraWorking, in_turn, put_pedicle
from viewers.window.case_work import CaseWork

STALE = "measured before the mask or a rule changed: analyse again"
AGAIN = "press Analyse again."
VIEWS = "vertebra-views"
NO_WALLS = "Missing cortex: the images are too coarse, or cortex and spongy bone differ too little."


class CaseVertebrae:
    """Keeps panel and panes in step with the vertebrae of the open session. A `VertebraKeeper`."""

    def __init__(self, needles: CaseNeedles) -> None:
        self.needles, self.desk = needles.needles, needles.desk
        self.working = VertebraWorking(self.needles, self.refresh)
        needles.acts.in_bone = self.in_bone
        self.panel = VertebraPanel(
            VertebraActs(
                choose_level=self.choose_level,
                take_label=self.take_label,
                analyse=self.analyse,
                offer=self.offer,
                set_posture=self.set_posture,
                select=self.desk.state.selected_id.set,
                align=self.align,
            )
        )
        self._soon = QTimer(self.panel)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        state = self.desk.state
        state.vertebrae.level.changed.connect(self._changed)
        state.vertebrae.asked.connect(self._asked)
        state.layout.changed.connect(self._changed)
        self.desk.marks.marks.changed.connect(self._changed)
        self.desk.marks.layer.changed.connect(self._changed)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.working.forget()
        self.desk.state.vertebrae.forget()
        self.desk.state.vertebrae.keeper = None if work is None else self

    @property
    def session(self) -> Session | None:
        return self.needles.session

    def show_stage(self, stage: Stage) -> None:
        """The panel stands in stages where vertebrae are marked or planned, or read."""
        wanted = self.needles.template is not None and (VERTEBRA_TOOL in stage.tools or "vertebra-plan" in stage.reads)
        self.panel.setVisible(wanted)
        self.refresh()

    def _changed(self, value: object = None) -> None:
        """Shown once the present act is over: an act changes several things."""
        del value
        self._soon.start()

    @property
    def is_wanted(self) -> bool:
        """Somebody sees the panel or the pictures."""
        pictures = any(pane.kind == VIEWS for pane in layout(self.desk.state.layout.value).panes)
        return self.needles.template is not None and (self.panel.isVisible() or pictures)

    def level(self) -> str | None:
        """The level on show: as chosen, else the first that is named, planned or segmented."""
        chosen = self.desk.state.vertebrae.level
        session = self.session
        if chosen.value is None and session is not None:
            named = level_confirmation(session).levels
            planned = [body.level for _, body in vertebrae_of(session.items)]
            found = next((each for each in (*named, *planned, *marked_levels(self.desk.marks)) if each in LEVELS), None)
            if found is not None:
                chosen.set(found)
        return chosen.value

    def choose_level(self, level: str | None) -> None:
        """Another level is on show, and every pane at it."""
        self.desk.state.vertebrae.level.set(level)
        self._go_to(level)

    def _go_to(self, level: str | None) -> None:
        region, body = self.working.region(level), self.plan_body(level)
        place = None if region is None else self.desk.marks.place_lps_mm(region.id)
        if region is not None and place is not None:
            centre = place if body is None else body.centre_lps_mm
            self.desk.state.move_cursor(region.item.frame_uid, centre)

    def plan_body(self, level: str | None) -> VertebraPlanBody | None:
        """What the plan holds of a level."""
        session = self.session
        found = () if session is None else vertebrae_of(session.items)
        return next((body for _, body in found if body.level == level), None)

    # Acts

    def keep(self, found: VertebraMask, volume: Volume, level: str) -> str | None:
        """A vertebra from two clicks; it replaces the region of its level, as one step of undo."""
        return self._keep_mask(found.mask, volume.source, level, VERTEBRA_TOOL)

    def _keep_mask(self, mask: Mask, source: ImageSource, level: str, tool: str) -> str | None:
        work, session = self.needles.work, self.session
        if work is None or session is None:
            return NO_SESSION
        known, before = structures()[level], self.working.region(level)

        def edit() -> Edit:
            made = add_structure(
                work.opened.library,
                session.id,
                mask,
                source,
                structure=level,
                name=known.name,
                by=work.opened.actor,
                tool=tool,
                colour=known.colour,
            )
            if before is None:
                return made
            old = session_edit(session.id, lambda now: without_item(now, before.id))
            return in_turn([old, made])

        refusal = self.needles.apply(f"Mark {known.name}", edit)
        region = self.working.region(level)
        if refusal is None and region is not None:
            self.desk.state.selected_id.set(region.id)
        return refusal

    def take_label(self) -> str | None:
        """The label of the level on show; where none is called so, the one under the crosshair."""
        level, layer = self.level(), self.desk.marks.layer
        if level is None:
            return "Choose the level first; a label is a proposal."
        if not layer.label_maps:
            return "No label map is loaded: drop its file or folder on the window first."
        found = self._label_of(level)
        if found is None:
            return (
                f"No label is called {short_level(level)}, and none lies under the crosshair: put it into the vertebra."
            )
        key, value = found
        labels = layer.label_maps[key]
        place = self.needles.volume_of(labels.grid.frame_uid)
        if place is None:
            return "Load the images that the label map belongs to first."
        work, source = self.needles.work, place[1].source

        def cut(context: Context) -> Mask:
            context.step(0.1, "Reading the label")
            return Mask.of(labels.grid, labels.mask(value))

        def done(mask: Mask) -> None:
            refusal = self._keep_mask(mask, source, level, "label-map")
            self._say(refusal)
            if refusal is None:
                self.desk.state.set_visible(f"{key}/{value}", False)

        title = f"Taking {short_level(level)} from the label map"
        self.desk.jobs.submit(title, cut, done, still_valid=lambda: self.needles.work is work)
        return None

    def _label_of(self, level: str) -> tuple[str, int] | None:
        maps = self.desk.marks.layer.label_maps
        for key, labels in maps.items():
            for value in labels.labels:
                if level_of_label(labels.labels, value) == level:
                    return key, value
        for key, labels in maps.items():
            value = self._label_at(labels)
            if value:
                return key, value
        return None

    def _label_at(self, labels: LabelMap) -> int:
        """The label under the crosshair; 0 for none."""
        place = labels.grid.nearest_index(np.asarray(self.desk.state.cursor_lps_mm(labels.grid.frame_uid)))
        value = 0 if place is None else int(labels.voxels[place])
        return value if value in labels.labels else 0

    def analyse(self) -> str | None:
        """Frame, pedicles, volumes and cortex into the plan; no needle."""
        return self.working.analyse(self.level(), self._keep_analysis)

    def _keep_analysis(self, kept: Kept) -> None:
        edit = self._plan_edit(kept)
        if edit is not None:
            self._say(self.needles.apply(f"Analyse {short_level(kept.analysis.level or '')}", lambda: edit))
            self._go_to(kept.analysis.level)

    def _plan_edit(self, kept: Kept) -> Edit | None:
        work, session, region = self.needles.work, self.session, self.working.region(kept.analysis.level)
        if work is None or session is None or region is None:
            return None
        position, _ = self.working.posture()
        analysis = kept.analysis.seen_from(position)
        overrides = self.working.overrides
        by = work.opened.actor
        return put_vertebra(session.id, analysis, region.item, by=by, volume=kept.volume, overrides=overrides)

    def offer(self, which: str) -> str | None:
        """Needles of the level on show into the plan, as one step; refused until two people confirmed the level."""
        session, level = self.session, self.level()
        if session is None:
            return NO_SESSION
        try:
            require_confirmed(session, level)
        except OperatorError as error:
            return error.message
        kept = self.working.kept(level)
        if kept is not None:
            return self._offer(kept, which)
        return self.working.analyse(level, lambda made: self._say(self._offer(made, which)))

    def _offer(self, kept: Kept, which: str) -> str | None:
        work, session, region = self.needles.work, self.session, self.working.region(kept.analysis.level)
        plan = self._plan_edit(kept)
        if work is None or session is None or region is None or plan is None:
            return NO_SESSION
        chosen = _chosen(kept, which)
        if isinstance(chosen, str):
            return chosen
        position, _ = self.working.posture()
        analysis = kept.analysis.seen_from(position)
        before = {item.id for item in session.items}
        step = new_id("vertebra")

        def edit() -> Edit:
            put = put_trajectories(
                session, analysis, region.item, by=work.opened.actor, trajectories=chosen, volume=kept.volume
            )
            return in_turn([plan, put])

        refusal = self.needles.apply(f"Needles into {short_level(analysis.level or '')}", edit, step)
        now = self.session
        if refusal is None and now is not None:
            made = tuple(item.id for item in now.items if item.id not in before and item.type == "needle-path")
            if made:
                self.desk.state.selected_id.set(made[0])
            self.working.measure_clearances(made, step)
        return refusal

    def set_posture(self, posture: str) -> str | None:
        """How the patient will lie: the answer, every view and every needle in bone, as one step of undo."""
        work, session, template = self.needles.work, self.session, self.needles.template
        stage = None if template is None else position_stage(template)
        if work is None or session is None or template is None or work.session_desk is None or stage is None:
            return "The template of this session does not ask how the patient lies."
        position = PatientPosition(posture, self.working.posture()[0].head_first)
        clock, who = work.session_desk.clock, work.who

        def edit() -> Edit:
            def answered(case: Case) -> Case:
                return answer_field(case, session.id, template, stage, POSITION_FIELD, posture, by=who, now=clock())

            return in_turn([answered, turn_patient(session.id, position)])

        step = new_id("vertebra")
        refusal = self.needles.apply(f"Patient {posture.replace('-', ' ')}", edit, step)
        if refusal is None:
            bone = needles_in(self.desk.marks.marks.value, None)
            self.working.measure_clearances(tuple(mark.id for mark, body in bone if body.measured is None), step)
        return refusal

    def in_bone(self, moved: Edit, item: PlanItem, entry_lps_mm: Point, tip_lps_mm: Point) -> Edit:
        """A needle that is moved is measured in its vertebra again in the same step; numbers of before never stay."""
        session = self.session
        pedicle = self.working.in_bone(needle_of(item), entry_lps_mm, tip_lps_mm)
        if session is None or pedicle is None:
            return moved
        return in_turn([moved, put_pedicle(session.id, item.id, pedicle)])

    def align(self) -> str | None:
        """Turn the planes along the vertebra on show, or back."""
        body, region = self.plan_body(self.level()), self.working.region(self.level())
        if body is None or region is None:
            return "Analyse the vertebra first: its axes are not known."
        frame, state = region.item.frame_uid, self.desk.state
        if state.is_oblique(frame):
            state.reset_planes(frame)
            return None
        state.set_planes(frame, planes_along(body))
        state.move_cursor(frame, body.centre_lps_mm)
        return None

    def _asked(self, what: str) -> None:
        if what == "align":
            self._say(self.align())

    def _say(self, refusal: str | None) -> None:
        self.panel.say(refusal)
        if refusal:
            self.desk.kit.notice.set(refusal)

    # What is shown

    def refresh(self) -> None:
        """Show everything anew."""
        self._soon.stop()
        session = self.session
        if session is None or not self.is_wanted:
            return
        level = self.level()
        body = self.plan_body(level)
        holds = body is not None and body.digest == self.working.digest(level)
        if self.panel.isVisible():
            self.panel.show_content(self._content(session, level, body, holds))
        self._show_pictures(level, body, holds)

    def _content(
        self, session: Session, level: str | None, body: VertebraPlanBody | None, holds: bool
    ) -> VertebraContent:
        said = level_confirmation(session)
        confirmed, standing = standing_words(said, level)
        kept, limits = self.working.kept(level), needle_limits(self.working.overrides)
        needles = needles_in(self.desk.marks.marks.value, level)
        views = () if body is None else views_in(body, needles)
        position, answered = self.working.posture()
        planned = [each.level for _, each in vertebrae_of(session.items)]
        count, too_many = count_words(tuple(dict.fromkeys((*said.levels, *planned))))
        return VertebraContent(
            levels=level_choices(marked_levels(self.desk.marks), said.levels),
            level=level,
            confirmed=confirmed,
            standing=standing,
            segmented=segmented_words(self.desk.marks, level),
            can_analyse=self.working.region(level) is not None and not (level and self.working.is_running(level)),
            analysed=body is not None,
            stale="" if body is None or holds else STALE,
            measures=() if body is None else measure_pairs(body),
            cement=() if body is None else cement_lines(body),
            findings=() if kept is None else finding_lines(kept.analysis.findings),
            needles=tuple(
                needle_line(mark, needle, needle.pedicle, limits)
                for mark, needle in needles
                if needle.pedicle is not None
            ),
            views=view_lines(views),
            position=PatientPosition(views[0][0].posture, views[0][0].head_first).words if views else "",
            postures=POSTURE_CHOICES,
            posture=position.posture,
            posture_note=_posture_note(position, answered, body),
            count=count,
            too_many=too_many,
        )

    def _show_pictures(self, level: str | None, body: VertebraPlanBody | None, holds: bool) -> None:
        desk, region = self.desk.state.vertebrae, self.working.region(level)
        kept = self.working.kept(level) if holds else None
        if body is None or region is None or kept is None or level is None:
            desk.shown.set(None)
            desk.message.set(self._why_nothing(level, body, holds))
            return
        views = views_in(body, needles_in(self.desk.marks.marks.value, level))
        ready = self.working.pictures(kept, views)
        if len(ready) < len(views) and (desk.shown.value is None or not ready):
            name = short_level(level)
            made = f"Making the C-arm views of {name} …"
            desk.message.set(made if self.working.is_drawing else f"The C-arm views of {name} were not made: {AGAIN}")
            return
        desk.message.set("")
        session = self.session
        confirmed, standing = (False, "") if session is None else standing_words(level_confirmation(session), level)
        position, answered = self.working.posture()
        note = _posture_note(position, answered, body)
        no_walls = NO_WALLS if kept.walls is None else ""
        unseen = f"NOT CHECKED: {no_walls[0].lower()}{no_walls[1:]}" if no_walls else ""
        notes = tuple(each for each in ("" if confirmed else standing, note, unseen) if each)
        desk.shown.set(VertebraShown(short_level(level), region.item.frame_uid, ready, kept.walls, no_walls, notes))

    def _why_nothing(self, level: str | None, body: VertebraPlanBody | None, holds: bool) -> str:
        """Words for the empty pane; a vertebra of the plan is read again for its pictures by itself."""
        if level is None or self.working.region(level) is None:
            return NO_VERTEBRA
        name = short_level(level)
        if self.working.is_running(level):
            return f"Measuring {name} …"
        if body is None:
            return f"{name} is segmented.\nPress Analyse on the right: frame, pedicles, volumes and C-arm views."
        if not holds:
            return f"{name} was {STALE}."
        refused = self.working.refused.get(level)
        if refused is not None and refused[0] == self.working.digest(level):
            return refused[1]
        why = self.working.analyse(level, lambda kept: None)
        return why or f"Measuring {name} for its pictures …"


def _chosen(kept: Kept, which: str) -> tuple[Trajectory, ...] | str:
    """The trajectories of a choice, or why there are none."""
    analysis = kept.analysis
    if which == SINGLE:
        if analysis.unipedicular is None:
            return "No needle from one side reaches the midline inside the bone; offer both sides."
        return (analysis.unipedicular,)
    found = tuple(each for each in analysis.trajectories if which in (BOTH, each.side))
    if not found:
        side = "either side" if which == BOTH else f"the {which}"
        return f"No needle on {side} keeps its distance from the canal and ends in the front of the body."
    return found


def _posture_note(position: PatientPosition, answered: bool, body: VertebraPlanBody | None) -> str:
    others = sorted({view.posture for view in body.views} - {position.posture}) if body is not None else []
    if others:
        return f"C-arm angles are still for {', '.join(others)}: choose how the patient lies again."
    return "" if answered else f"{position.words.capitalize()} is assumed until somebody says how the patient lies."


def planes_along(body: VertebraPlanBody) -> dict[PlaneKind, SlicePlane]:
    """The three planes along a vertebra's own axes, seen from the same sides as those of the patient."""
    left, front, head = (np.asarray(each) for each in (body.left_lps, body.anterior_lps, body.superior_lps))
    centre = np.asarray(body.centre_lps_mm)
    return {
        "axial": SlicePlane(centre, left, -front),
        "coronal": SlicePlane(centre, left, -head),
        "sagittal": SlicePlane(centre, -front, -head),
    }
