"""The open document as pointer tools see it: every mark is an edit of the use cases in `planner.app.marking`."""

from __future__ import annotations

from planner.app import marking
from planner.app.run_items import RUN_ITEM_TYPES, remove_run_item
from planner.imaging.masks import Mask
from planner.imaging.volumes import ImageSource
from planner.model.document import Change, Document
from planner.model.edits import Edit, new_id
from planner.model.items import BlobRef, PlanItem, RegionBody
from planner.model.session import Session
from planner.store.actors import Actor
from planner.store.library import Library
from viewers.state.marking import RegionTarget
from viewers.state.signals import Signal


class DocumentHost:
    """A `MarkingHost` on one session of an open case. Call `release` when the case closes.

    Parameters
    ----------
    library
        Where masks are kept as blobs.
    actor
        Who marks.
    """

    def __init__(self, document: Document, session_id: str, library: Library, actor: Actor) -> None:
        self.document = document
        self.session_id = session_id
        self.changed: Signal[[]] = Signal()
        self._library = library
        self._actor = actor
        self._strokes: dict[str, str] = {}
        document.listeners.append(self._tell)

    @property
    def session(self) -> Session | None:
        """The open session as it is now."""
        return self.document.case.session(self.session_id)

    @property
    def actor(self) -> Actor:
        return self._actor

    def apply(self, label: str, edit: Edit, *, merge: str | None = None) -> bool:
        """An edit of another use case as one undo step; False when it changed nothing."""
        return self.document.apply(label, edit, merge=merge)

    def items(self) -> tuple[PlanItem, ...]:
        session = self.document.case.session(self.session_id)
        return () if session is None else session.items

    def load_mask(self, reference: BlobRef) -> Mask:
        return marking.load_mask(self._library, reference)

    def put_region(self, mask: Mask, source: ImageSource, target: RegionTarget, *, label: str, tool: str) -> str:
        """Raises `OperatorError` for an empty mask, or a lesion on images without a date."""
        before = {item.id: item for item in self.items()}
        known = before.get(target.item_id) if target.item_id is not None else None
        if known is not None:
            stroke = self._strokes[known.id] = new_id("stroke")
            edit = marking.repaint_lesion(self._library, self.session_id, known, mask)
            self.document.apply(label, edit, merge=stroke)
            return known.id
        if target.as_lesion:
            edit = marking.add_lesion(
                self._library,
                self.session_id,
                mask,
                source,
                name=target.name,
                by=self._actor,
                tool=tool,
                lesion_id=target.lesion_id,
            )
            stroke = new_id("stroke")
            self.document.apply(label, edit, merge=stroke)
            item_id = next(item.id for item in self.items() if item.id not in before)
            self._strokes[item_id] = stroke
            return item_id
        body = RegionBody(
            marking.store_mask(self._library, mask),
            structure=target.structure,
            colour=target.colour,
            volume_ml=mask.volume_ml,
        )
        return self.put_item(
            "region", body, name=target.name, frame_uid=mask.grid.frame_uid, source=source, label=label, tool=tool
        )

    def measure_region(self, item_id: str, mask: Mask, longest_mm: float | None) -> None:
        item = next((each for each in self.items() if each.id == item_id), None)
        if item is not None:
            edit = marking.repaint_lesion(self._library, self.session_id, item, mask, longest_mm=longest_mm)
            self.document.apply("Measure lesion", edit, merge=self._strokes.get(item_id))

    def put_item(
        self,
        type_name: str,
        body: object,
        *,
        name: str,
        frame_uid: str,
        source: ImageSource,
        label: str,
        tool: str,
        item_id: str | None = None,
    ) -> str:
        item = marking.new_item(
            type_name,
            body,
            name=name,
            frame_uid=frame_uid,
            by=self._actor,
            tool=tool,
            source_uids=(source.series_uid,),
            item_id=item_id or new_id("item"),
        )
        self.document.apply(label, marking.put_item(self.session_id, item))
        return item.id

    def remove_item(self, item_id: str, *, label: str) -> None:
        item = next((each for each in self.items() if each.id == item_id), None)
        if item is None:
            return
        if item.type in RUN_ITEM_TYPES:
            # What stood on a removed calibration falls back to pixels.
            self.document.apply(label, remove_run_item(self.session_id, item_id))
            return
        lesion_id = item.body.get("lesion_id")
        if isinstance(lesion_id, str) and not self._marked_elsewhere(lesion_id):
            self.document.apply(label, marking.remove_lesion(lesion_id))
        else:
            self.document.apply(label, marking.remove_item(self.session_id, item_id))

    def release(self) -> None:
        """Stop following the document."""
        if self._tell in self.document.listeners:
            self.document.listeners.remove(self._tell)

    def _marked_elsewhere(self, lesion_id: str) -> bool:
        """Whether another session still shows the lesion: then the lesion itself stays."""
        return any(
            item.body.get("lesion_id") == lesion_id
            for session in self.document.case.sessions
            if session.id != self.session_id
            for item in session.items
        )

    def _tell(self, change: Change) -> None:
        del change
        self.changed.emit()
