"""Paths of the open session: searched, looked at, put into the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from planner.app.needle_paths import (
    NeedleTask,
    SessionSearch,
    put_found_path,
    search_paths,
)
from planner.app.needle_structures import (
    SKIN,
)
from planner.jobs import Context
from planner.model.items import Point, RegionBody
from planner.model.needle_items import NeedlePathBody
from planner.planning.path_search import FoundPath
from viewers.state.needles import (
    NeedleShape,
)
from viewers.state.view_state import as_point
from viewers.window.case_needle_content import (
    skin_map_of,
)
from viewers.window.case_needle_live import NO_SESSION, LiveMeasuring, free_name

NO_SKIN = "The skin is not segmented yet: press Make automatically first."
SEARCH_IS_OLD = "Structures or limits have changed since this search; search again."
RANKED = 10


class NeedleSearching:
    """The search for paths, and what is done with its answer.

    Attributes
    ----------
    answer, paths
        Of the last search, and its ranked list.
    """

    def __init__(self, needles: LiveMeasuring, changed: Callable[[], object]) -> None:
        self.needles, self.desk = needles, needles.desk
        self.answer: SessionSearch | None = None
        self.paths: tuple[FoundPath, ...] = ()
        self._changed = changed

    def forget(self) -> None:
        self.answer, self.paths = None, ()

    def aim(self) -> tuple[NeedleTask | None, str]:
        """What a search would aim at, with its words: the selected region, the target clicked, the selected needle's
        tip, else the only lesion that is marked."""
        marks, selected = self.desk.marks, self.desk.marks.mark(self.desk.state.selected_id.value)
        clicked = self.desk.state.needles.target.value
        if clicked is not None:
            task = self.needles.task(clicked.frame_uid, clicked.region_id)
            return (None, "") if task is None else (replace(task, point_lps_mm=clicked.lps_mm), "the target clicked")
        if selected is not None and isinstance(selected.body, RegionBody) and selected.body.structure is None:
            return self.needles.task(selected.item.frame_uid, selected.id), selected.item.name
        if selected is not None and isinstance(selected.body, NeedlePathBody):
            body = selected.body
            task = self.needles.task(selected.item.frame_uid, body.region_id)
            words = f"the tip of {selected.item.name}"
            return (None, "") if task is None else (replace(task, point_lps_mm=body.tip_lps_mm), words)
        lesions = [each for each in marks.marks.value if marks.is_lesion(each.id)]
        if len(lesions) == 1:
            return self.needles.task(lesions[0].item.frame_uid, lesions[0].id), lesions[0].item.name
        return None, ""

    def find(self) -> str | None:
        """Search every path to the target, as a job with progress and cancel."""
        session, template, store = self.needles.session, self.needles.template, self.needles.store
        if session is None or template is None or store is None:
            return NO_SESSION
        task, words = self.aim()
        if task is None:
            return "Nothing to aim at: select a lesion or a needle, or press T and click a target."
        if not self._has_skin(task.frame_uid):
            return NO_SKIN
        digest = self.needles.digest(task)

        def work(context: Context) -> tuple[SessionSearch, tuple[FoundPath, ...]]:
            found = search_paths(store, session, template, task, context)
            return found, found.found.paths(RANKED)

        def done(answer: tuple[SessionSearch, tuple[FoundPath, ...]]) -> None:
            self.answer, self.paths = answer
            self.desk.state.needles.skin_map.set(skin_map_of(self.answer))
            self.desk.state.needles.ranked.set(tuple(as_point(each.needle.entry_lps_mm) for each in self.paths))
            self._changed()

        self.desk.jobs.submit(
            f"Finding paths to {words}",
            work,
            done,
            still_valid=lambda: self.needles.store is store and self.needles.digest(task) == digest,
            group="paths",
        )
        return None

    def _has_skin(self, frame_uid: str) -> bool:
        return any(
            isinstance(mark.body, RegionBody) and mark.body.structure == SKIN and mark.item.frame_uid == frame_uid
            for mark in self.desk.marks.marks.value
        )

    def look(self, number: int) -> None:
        """Show a path of the list in every pane, without putting it into the plan."""
        if self.answer is None or not 0 <= number < len(self.paths):
            return
        needle, frame = self.paths[number].needle, self.answer.task.frame_uid
        shape = NeedleShape(
            frame,
            as_point(needle.entry_lps_mm),
            as_point(needle.tip_lps_mm),
            needle.diameter_mm,
            f"Path {number + 1}",
            region_id=self.answer.task.region_id,
        )
        self.desk.state.needles.chosen.set(shape)
        self.desk.state.move_cursor(frame, shape.tip_lps_mm)

    def use(self, number: int) -> str | None:
        if not 0 <= number < len(self.paths):
            return "Choose a path of the list first."
        return self._put(self.paths[number])

    def _put(self, path: FoundPath) -> str | None:
        search, work, session = self.answer, self.needles.work, self.needles.session
        if search is None or work is None or session is None:
            return NO_SESSION
        if search.digest != self.needles.digest(search.task):
            return SEARCH_IS_OLD
        name, before = free_name(self.desk), {each.id for each in session.items}
        self.desk.state.needles.chosen.set(None)
        refusal = self.needles.apply(
            f"Use a path as {name}",
            lambda: put_found_path(session.id, search, path, name=name, by=work.opened.actor),
        )
        after = self.needles.session
        made = next((each.id for each in after.items if each.id not in before), None) if after is not None else None
        if made is not None:
            self.desk.state.selected_id.set(made)
        return refusal

    def take_entry(self, entry_lps_mm: Point) -> str | None:
        """The path from an entry of the skin map becomes a needle of the plan."""
        row = None if self.answer is None else self.answer.found.nearest_row(np.asarray(entry_lps_mm))
        if self.answer is None or row is None:
            return "Search the paths first."
        return self._put(self.answer.found.path(row))
