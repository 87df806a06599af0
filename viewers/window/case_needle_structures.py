"""Structures of the open session that needles keep away from: made, taken over, confirmed absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from planner.app.marking import region_of
from planner.app.needle_structures import (
    ABSENT,
    NOT_SEGMENTED,
    STAGE,
    TABLE,
    effective_rules,
    regions_from_automatic,
    regions_from_labels,
    seed_structures,
)
from planner.imaging import LabelMap
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.items import REGION
from viewers.window.case_needle_live import NO_SESSION, LiveMeasuring

CONFIRMED_BY = "confirmed_by"


class StructureMaking:
    """Structures to keep away from: from the CT itself, from label maps, or confirmed absent.

    Attributes
    ----------
    notes
        What was not looked for, or left out, in words.
    """

    def __init__(self, needles: LiveMeasuring, organ: Callable[[], str | None], changed: Callable[[], object]) -> None:
        self.needles, self.desk = needles, needles.desk
        self.notes: tuple[str, ...] = ()
        self._organ, self._changed = organ, changed

    def make_structures(self) -> str | None:
        """Skin, bone, lung, gas and contrast-filled vessels from the CT itself, as one step of undo."""
        work, session, images = self.needles.work, self.needles.session, self.desk.state.images
        found = self.needles.volume_of(images.primary.grid.frame_uid) if images.primary is not None else None
        if work is None or session is None or found is None:
            return "Open a session and load its images first."
        volume = found[1]
        library, actor, before = work.opened.library, work.opened.actor, work.opened.case

        def make(context: Context) -> tuple[Edit, dict[str, Mask], tuple[str, ...]]:
            from planner.imaging.automatic_structures import automatic_structures

            made = automatic_structures(volume, context.part(0.0, 0.9))
            context.step(0.9, "Keeping the structures")
            edit = regions_from_automatic(library, session, made.masks, volume.source, by=actor)
            notes = (*made.not_looked_for, *made.notes)
            return edit, _masks_by_blob(edit(before), session.id, made.masks), notes

        def done(answer: tuple[Edit, dict[str, Mask], tuple[str, ...]]) -> None:
            edit, masks, self.notes = answer
            self._take_regions("Make structures automatically", edit, masks)

        self.desk.jobs.submit("Finding structures on the CT", make, done, still_valid=lambda: self.needles.work is work)
        return None

    def take_labels(self) -> str | None:
        """The label maps on show become structures of the session, as one step of undo."""
        work, session, layer = self.needles.work, self.needles.session, self.desk.marks.layer
        maps = {key: each for key, each in layer.label_maps.items() if self._is_placed(each)}
        if work is None or session is None:
            return NO_SESSION
        if not maps:
            return "No label map is loaded: drop its file or folder on the window first."
        found = self.needles.volume_of(next(iter(maps.values())).grid.frame_uid)
        template, library, actor = self.needles.template, work.opened.library, work.opened.actor
        if found is None:
            return "Load the images that the label map belongs to first."
        source = found[1].source
        rules = None if template is None else effective_rules(session, template)

        def make(context: Context) -> tuple[Edit, tuple[str, ...]]:
            context.step(0.1, "Reading labels")
            return regions_from_labels(library, session, list(maps.values()), source, by=actor, only=rules)

        def done(answer: tuple[Edit, tuple[str, ...]]) -> None:
            edit, left_out = answer
            self.notes = (f"Labels left out: {', '.join(left_out)}",) if left_out else ()
            self._take_regions("Structures from label maps", edit, {})
            for key in maps:
                self.desk.state.set_visible(key, False)

        self.desk.jobs.submit(
            "Taking structures from label maps", make, done, still_valid=lambda: self.needles.work is work
        )
        return None

    def _is_placed(self, labels: LabelMap) -> bool:
        """Whether images of its frame are loaded."""
        return self.needles.volume_of(labels.grid.frame_uid) is not None

    def _take_regions(self, label: str, edit: Edit, masks: Mapping[str, Mask]) -> None:
        """The regions, and the table that says they are there: one step."""
        session, template, work = self.needles.session, self.needles.template, self.needles.work
        if session is None or work is None:
            return
        self.desk.marks.know(masks)
        edits = [edit]
        if template is not None and work.session_desk is not None:
            organ = self._organ()
            edits.append(seed_structures(session.id, template, organ, by=work.who, now=work.session_desk.clock()))
        self.needles.apply(label, lambda: lambda case: reduce(lambda now, each: each(now), edits, case))
        self._changed()

    def confirm_absent(self, key: str, absent: bool) -> str | None:
        """A person looked: the structure is not within reach of any path; their name stands in its row. Or takes that
        back."""
        work, session = self.needles.work, self.needles.session
        if work is None or session is None:
            return NO_SESSION
        answer = session.answer(STAGE, TABLE)
        rows = [dict(row) for row in answer if isinstance(row, Mapping)] if isinstance(answer, (list, tuple)) else []
        known = next((row for row in rows if row.get("structure") == key), None)
        if known is None:
            known = {"structure": key}
            rows.append(known)
        known["status"] = ABSENT if absent else NOT_SEGMENTED
        known.pop(CONFIRMED_BY, None)
        if absent:
            known[CONFIRMED_BY] = work.who
        return work.answer(STAGE, TABLE, rows)


def _masks_by_blob(case: Case, session_id: str, masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """Masks by the name of the blob they were stored under, so that they need not be read again."""
    session = case.session(session_id)
    found: dict[str, Mask] = {}
    for item in session.items if session is not None else ():
        body = region_of(item) if item.type == REGION else None
        if body is not None and body.structure is not None and body.structure in masks:
            found[body.blob.sha256] = masks[body.structure]
    return found
