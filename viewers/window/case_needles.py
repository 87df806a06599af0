"""Needles of the open case in the window: searched, placed, measured under the hand, read out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from planner.app.needle_paths import (
    SeriesFacts,
    SessionSearch,
    operator_readout,
)
from planner.app.needle_structures import (
    SKIN,
    STAGE,
    structure_states,
)
from planner.findings import Finding
from planner.geometry.patient_positions import position_from_dicom
from planner.model.items import Point, RegionBody
from planner.model.needle_items import NeedlePathBody
from planner.model.session import Session
from planner.workflow.template import Stage
from viewers.panels.needle_panel import NeedleActs, NeedleCard, NeedleContent, NeedlePanel
from viewers.panes.desk import Desk
from viewers.state.marking import Mark
from viewers.state.needles import (
    NEEDLE_TOOL,
    TARGET_TOOL,
    NeedleShape,
)
from viewers.state.preview import NOTHING, Preview
from viewers.window.case_needle_acts import NeedleActing
from viewers.window.case_needle_content import (
    path_lines,
    rejection_lines,
    structure_lines,
    summary_of,
)
from viewers.window.case_needle_live import LiveMeasuring
from viewers.window.case_needle_search import SEARCH_IS_OLD, NeedleSearching
from viewers.window.case_needle_structures import StructureMaking
from viewers.window.case_needle_task import (
    POSITION_FIELD,
    POSTURE_CHOICES,
    choices_of,
    position_stage,
    posture_of,
)
from viewers.window.case_work import CaseWork


class CaseNeedles:
    """Keeps panes and panel in step with the needles of the open session.

    Engineers of zones and vertebrae find here: `needles` (session, template, task and distances), `searching`,
    `structures` and `acts`.
    """

    def __init__(self, desk: Desk, rename: Callable[[str, str], str | None]) -> None:
        self.desk = desk
        self.needles = LiveMeasuring(desk)
        self.acts = NeedleActing(self.needles)
        self.searching = NeedleSearching(self.needles, self.refresh)
        self.structures = StructureMaking(self.needles, self.organ, self.refresh)
        acts = NeedleActs(
            make_structures=self.structures.make_structures,
            take_labels=self.structures.take_labels,
            confirm_absent=self.structures.confirm_absent,
            find=self.searching.find,
            look=self.searching.look,
            use=self.searching.use,
            rename=rename,
            lock=self.acts.lock,
            copy=self.acts.copy,
            measure=self.acts.measure,
            set_posture=self.set_posture,
            set_device=self.set_device,
        )
        self.panel = NeedlePanel(acts)
        state, needles = desk.state, desk.state.needles
        needles.chosen.changed.connect(self._look_along)
        needles.asked.connect(self._asked)
        needles.take_path.connect(self._take)
        state.selected_id.changed.connect(self._selected)
        needles.target.changed.connect(self._refresh_shown)
        needles.stale.changed.connect(self._refresh_shown)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.needles.follow(work)
        self.searching.forget()
        self.structures.notes = ()
        self.desk.state.needles.forget()
        self.desk.state.needles.keeper = None if work is None else self.acts

    def organ(self) -> str | None:
        """Of what is aimed at."""
        task, _ = self.searching.aim()
        return None if task is None else task.organ

    def _asked(self, what: str) -> None:
        if what == "paths":
            self._say(self.searching.find())

    def _take(self, entry_lps_mm: Point, tip_lps_mm: Point) -> None:
        del tip_lps_mm
        self._say(self.searching.take_entry(entry_lps_mm))

    def _say(self, refusal: str | None) -> None:
        self.panel.say(refusal)
        self.desk.kit.notice.set(refusal or "")

    def _look_along(self, shape: NeedleShape | None) -> None:
        """A path that is looked at is drawn in the planes too; tools draw for themselves."""
        self.needles.follow_needle()
        kit, tool = self.desk.kit, self.desk.state.active_tool.value
        if shape is not None:
            reading = self.desk.state.needles.live.value
            kit.preview.set(Preview(frame_uid=shape.frame_uid, needle=shape, reading=reading))
        elif kit.preview.value.needle is not None and tool not in (NEEDLE_TOOL, TARGET_TOOL):
            kit.preview.set(NOTHING)

    def set_posture(self, posture: str) -> str | None:
        work, template = self.needles.work, self.needles.template
        stage = None if template is None else position_stage(template)
        if work is None or stage is None:
            return "The template of this session does not ask how the patient lies."
        return work.answer(stage, POSITION_FIELD, posture)

    def set_device(self, key: str | None) -> str | None:
        """For the next needle and the next search."""
        self.needles.device = key
        self.needles.live = None
        self.needles.follow_needle()
        return None

    def show_stage(self, stage: Stage) -> None:
        """The panel stands in stages where needles are planned, and where the structures for them are named."""
        wanted = self.needles.template is not None and ("needle" in stage.tools or stage.id == STAGE)
        self.panel.setVisible(wanted)
        if wanted:
            self.panel.put_structures_first(stage.id == STAGE)
            self.refresh()

    def _selected(self, item_id: str | None) -> None:
        """What is selected is looked at, and no longer a path that is not in the plan."""
        if item_id is not None:
            self.desk.state.needles.chosen.set(None)
        self._refresh_shown(item_id)

    def _refresh_shown(self, changed: object) -> None:
        del changed
        if self.panel.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Show everything anew."""
        session, template = self.needles.session, self.needles.template
        if session is None or template is None or self.needles.work is None:
            self.panel.show_content(NeedleContent())
            return
        task, words = self.searching.aim()
        organ, frame = (None, None) if task is None else (task.organ, task.frame_uid)
        tools = dict(self.needles.tools())
        search = self.searching.answer
        found = None if search is None else search.found
        volume = self.desk.state.images.primary
        content = NeedleContent(
            structures=structure_lines(structure_states(session, template, organ, frame)),
            paths=() if found is None else path_lines(found, self.searching.paths),
            target="" if task is None else f"Aim: {words}{f', {organ}' if organ else ''}",
            summary="" if search is None else self._summary(search),
            costliest=found.costliest.text if found is not None and found.costliest is not None else "",
            rejections=() if found is None else rejection_lines(found),
            needle=self._card(session),
            devices=choices_of(tools),
            postures=POSTURE_CHOICES if position_stage(template) is not None else (),
            device=next((key for key, each in tools.items() if each == self.needles.tool), None),
            posture=posture_of(session, template, volume).posture,
            notes=self.structures.notes,
        )
        self.panel.show_content(content)

    def _summary(self, search: SessionSearch) -> str:
        old = search.digest != self.needles.digest(search.task)
        self.desk.state.needles.search_is_old.set(old)
        return (f"↻ {SEARCH_IS_OLD}\n" if old else "") + summary_of(search)

    def _card(self, session: Session) -> NeedleCard | None:
        mark = self.desk.marks.mark(self.desk.state.selected_id.value)
        if mark is None or not isinstance(mark.body, NeedlePathBody):
            return None
        body = mark.body
        told = self._read_out(mark, session)
        lines, note = ((), told.text) if isinstance(told, Finding) else (told, "")
        return NeedleCard(
            mark.id, mark.item.name, body.locked, body.posture, body.device, self.needles.reading(mark), lines, note
        )

    def _read_out(self, mark: Mark, session: Session) -> tuple[tuple[str, str], ...] | Finding:
        """From today's scan only; else why there is none."""
        found, work = self.needles.volume_of(mark.item.frame_uid), self.needles.work
        if found is None or work is None:
            return ()
        key, volume = found
        taken = volume.source.study_date
        skin = next(
            (
                self.desk.marks.mask(each.id)
                for each in self.desk.marks.marks.value
                if isinstance(each.body, RegionBody)
                and each.body.structure == SKIN
                and each.item.frame_uid == mark.item.frame_uid
            ),
            None,
        )
        facts = SeriesFacts(
            key,
            volume.grid,
            None if taken is None else datetime.fromisoformat(taken),
            position_from_dicom(volume.source.patient_position),
            skin,
        )
        told = operator_readout(mark.item, session, facts, work.today)
        return told if isinstance(told, Finding) else told.lines
