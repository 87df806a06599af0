"""Needles placed, moved, measured, locked and copied: edits of the open session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from planner.app.needle_paths import (
    copy_parallel,
    lock_needle,
    measure_needle,
    move_needle,
    moved_ends,
    put_needle,
)
from planner.errors import OperatorError
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem, Point
from planner.model.needle_items import NeedlePathBody
from planner.planning.needles import Needle
from viewers.state.needles import (
    NeedleShape,
    plane_across,
    shape_of,
)
from viewers.state.view_state import as_point
from viewers.window.case_needle_live import NO_SESSION, LiveMeasuring, free_name

BESIDE_MM = 10.0
"""Where a parallel copy is put at first, to be dragged from there: no rule of spacing."""


class NeedleActing:
    """Places, moves, locks and copies needles. A `NeedleKeeper`: each act is one step of undo."""

    def __init__(self, needles: LiveMeasuring) -> None:
        self.needles, self.desk = needles, needles.desk
        # Joined to a move by who knows what the needle lies in: numbers of another place never stay with it.
        self.in_bone: Callable[[Edit, PlanItem, Point, Point], Edit] = lambda moved, *_: moved

    @property
    def diameter_mm(self) -> float:
        return self.needles.tool.diameter_mm

    def keep(self, shape: NeedleShape) -> str | None:
        """One step of undo; where nothing is prepared yet, what is measured afterwards joins that step."""
        work, session, template = self.needles.work, self.needles.session, self.needles.template
        if work is None or session is None:
            return NO_SESSION
        if template is None:
            return "The template of this session plans no needles; start a session of one that does."
        step = new_id("needle")
        item = None if shape.item_id is None else session.item(shape.item_id)
        if item is not None:
            return self._move(item, shape, step)
        return self._place(shape, step)

    def _place(self, shape: NeedleShape, step: str) -> str | None:
        work, session, template = self.needles.work, self.needles.session, self.needles.template
        task = self.needles.task(shape.frame_uid, shape.region_id)
        if work is None or session is None or template is None or template.needle is None or task is None:
            return NO_SESSION
        item_id, name = new_id("item"), free_name(self.desk)
        body = NeedlePathBody(
            shape.entry_lps_mm,
            shape.tip_lps_mm,
            template.needle.purpose,
            task.diameter_mm,
            gauge=task.gauge,
            device=task.device,
            usable_length_mm=task.usable_length_mm,
            posture=task.position.posture,
            lesion_ids=task.lesion_ids,
            region_id=task.region_id,
        )
        live = self.needles.live_for(shape, task)
        if live is not None:
            body = replace(body, measured=live.measure(_needle(body)))

        def edit() -> Edit:
            return put_needle(
                session.id, body, frame_uid=shape.frame_uid, name=name, by=work.opened.actor, item_id=item_id
            )

        refusal = self.needles.apply(f"Place {name}", edit, step)
        if refusal is None:
            self.desk.state.selected_id.set(item_id)
            if live is None:
                self._measure_later(item_id, step)
        return refusal

    def _move(self, item: PlanItem, shape: NeedleShape, step: str) -> str | None:
        session, mark = self.needles.session, self.desk.marks.mark(item.id)
        if session is None or mark is None or not isinstance(mark.body, NeedlePathBody):
            return NO_SESSION
        entry, tip = moved_ends(mark.body, shape.entry_lps_mm, shape.tip_lps_mm)
        there = replace(shape, entry_lps_mm=entry, tip_lps_mm=tip)
        live = self.needles.live_for(there, self.needles.task_of(there))
        try:
            measured = None if live is None else live.measure(Needle.of(entry, tip, mark.body.diameter_mm))
        except OperatorError as error:
            return error.message
        refusal = self.needles.apply(
            f"Move {item.name}",
            lambda: self.in_bone(move_needle(session.id, item, entry, tip, measured), item, entry, tip),
            step,
        )
        if refusal is None and live is None:
            self._measure_later(item.id, step)
        return refusal

    def _measure_later(self, item_id: str, step: str | None) -> None:
        """Measure a needle of the plan once the distances are there; part of the step that put it."""
        mark = self.desk.marks.mark(item_id)
        shape = None if mark is None else shape_of(mark)
        if shape is None:
            return
        task = self.needles.task_of(shape)

        def measured() -> None:
            session, now, live = self.needles.session, self.desk.marks.mark(item_id), self.needles.live
            # Moved or undone meanwhile: the act that did so measures for itself.
            if session is None or now is None or live is None or shape_of(now) != shape:
                return
            item = session.item(item_id)
            if item is not None and isinstance(now.body, NeedlePathBody):
                found = live.measure(_needle(now.body))
                self.needles.apply(f"Measure {item.name}", lambda: measure_needle(session.id, item, found), step)

        self.needles.prepare(shape, task, measured)

    def measure(self, item_id: str) -> str | None:
        """Anew, on the structures and limits as they are; one step of undo."""
        if self.needles.template is None:
            return NO_SESSION
        self._measure_later(item_id, None)
        return None

    def lock(self, item_id: str, locked: bool) -> str | None:
        session = self.needles.session
        item = None if session is None else session.item(item_id)
        if session is None or item is None:
            return NO_SESSION
        word = "Lock" if locked else "Unlock"
        return self.needles.apply(f"{word} {item.name}", lambda: lock_needle(session.id, item, locked))

    def copy(self, item_id: str) -> str | None:
        """A parallel needle beside one, to be dragged from there; it stays parallel."""
        session, work, mark = self.needles.session, self.needles.work, self.desk.marks.mark(item_id)
        item = None if session is None else session.item(item_id)
        shape = None if mark is None else shape_of(mark)
        if session is None or work is None or item is None or shape is None:
            return NO_SESSION
        offset, name = as_point(BESIDE_MM * plane_across(shape, 0.0).right_lps), free_name(self.desk)
        before = {each.id for each in session.items}
        step = new_id("needle")
        refusal = self.needles.apply(
            f"Copy {item.name}", lambda: copy_parallel(session.id, item, offset, name=name, by=work.opened.actor), step
        )
        after = self.needles.session
        made = next((each.id for each in after.items if each.id not in before), None) if after is not None else None
        if refusal is None and made is not None:
            self.desk.state.selected_id.set(made)
            self._measure_later(made, step)
        return refusal


def _needle(body: NeedlePathBody) -> Needle:
    return Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm)
