"""What a person does with marks and lesions in the stage panel. Each act is one step of undo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from planner.app import item_edits
from planner.app.marking import change_lesion, remove_lesion
from planner.model.items import PlanItem
from planner.workflow.inheritance import confirm_item
from viewers.window.case_work import CaseWork


class CaseMarks:
    """Acts on the marks of the open session and on the lesions of the case; refusals come back as sentences."""

    def __init__(self, work: CaseWork) -> None:
        self.work = work

    @property
    def session_id(self) -> str:
        desk = self.work.session_desk
        return desk.session_id if desk is not None else ""

    def item(self, item_id: str) -> PlanItem | None:
        session = self.work.opened.case.session(self.session_id)
        return session.item(item_id) if session is not None else None

    def rename(self, item_id: str, name: str) -> str | None:
        item = self.item(item_id)
        if item is None or item.name == name.strip():
            return None
        return self.work.apply(f"Rename {item.name}", lambda: item_edits.rename_item(self.session_id, item, name))

    def recolour(self, item_id: str, colour: str) -> str | None:
        item = self.item(item_id)
        if item is None:
            return None
        return self.work.apply(
            f"Colour of {item.name}", lambda: item_edits.recolour_region(self.session_id, item, colour)
        )

    def confirm(self, item_id: str) -> str | None:
        """A mark copied from an earlier session was looked at and holds."""
        session = self.session_id
        return self.work.apply("Confirm mark", lambda: lambda case: confirm_item(case, session, item_id))

    def name_segments(self, item_id: str, named_ends: Sequence[tuple[str, float]]) -> str | None:
        item = self.item(item_id)
        if item is None:
            return None
        return self.work.apply(
            f"Segments of {item.name}", lambda: item_edits.name_segments(self.session_id, item, named_ends)
        )

    def aim(self, item_id: str, lesion_ids: Sequence[str]) -> str | None:
        item = self.item(item_id)
        if item is None:
            return None
        return self.work.apply(
            f"Targets of {item.name}", lambda: item_edits.aim_path(self.session_id, item, lesion_ids)
        )

    def type_lesion(self, facts: dict[str, Any]) -> str | None:
        """Add a lesion that is not marked on images."""
        return self.work.apply("Add a lesion by hand", lambda: item_edits.typed_lesion(**facts))

    def change_lesion(self, lesion_id: str, name: str, value: Any) -> str | None:
        """Change one fact of a lesion: name, segment, organ or prior treatment."""
        if name == "name":
            return self.work.apply(
                "Rename lesion", lambda: item_edits.rename_lesion(self.session_id or None, lesion_id, str(value or ""))
            )
        given = value if value is not None else "liver" if name == "organ" else None
        return self.work.apply("Change lesion", lambda: change_lesion(lesion_id, **{name: given}))

    def measure_lesion(
        self, lesion_id: str, seen_on: date | None, longest_mm: float | None, viable_mm: float | None
    ) -> str | None:
        """Type the sizes of a lesion on a day's images."""
        if seen_on is None:
            return "Type the date of the images first."
        return self.work.apply(
            "Size of lesion",
            lambda: item_edits.measure_by_hand(lesion_id, seen_on=seen_on, longest_mm=longest_mm, viable_mm=viable_mm),
        )

    def remove_lesion(self, lesion_id: str) -> str | None:
        return self.work.apply("Remove lesion", lambda: remove_lesion(lesion_id))
