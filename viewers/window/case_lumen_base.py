"""What lumens and stents of the open session stand on: its items as panes draw them, and how edits are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.app.lumens import lumen_from_item
from planner.app.stents import deployment_of, stale_words
from planner.errors import OperatorError
from planner.imaging import Volume
from planner.model.edits import Edit
from planner.model.items import PlanItem
from planner.model.session import Session
from planner.model.vessel_items import LUMEN, STENT, LumenBody, StentBody
from planner.model.vessel_reading import lumen_of, stent_of
from planner.planning.lumens import Lumen
from planner.planning.stent_catalogue import stent_catalogue
from viewers.panes.desk import Desk
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.signals import Signal
from viewers.window.case_work import CaseWork

NO_SESSION = "Open a session of a procedure that plans lumens first."
LUMENS_TOOL, STENTS_TOOL = "lumen", "stent"
"""Names of tools as stages list them."""
MOST_CONTOURS = 12
"""Measured outlines kept of lumens as they were, so that undo has them again at once."""


@dataclass(frozen=True, eq=False, slots=True)
class KeptLumen:
    """A lumen of the session: its item, its body, and as it is drawn."""

    item: PlanItem
    body: LumenBody
    shown: LumenShown


@dataclass(frozen=True, eq=False, slots=True)
class KeptStent:
    """A stent of the session; `lumen` is the item it was read with."""

    item: PlanItem
    body: StentBody
    lumen: PlanItem | None
    shown: StentShown


class LumenSession:
    """The open session for everything of lumens and stents.

    Attributes
    ----------
    changed
        The lumens or stents of the session are others now.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.work: CaseWork | None = None
        self.lumens: dict[str, KeptLumen] = {}
        self.stents: dict[str, KeptStent] = {}
        self.changed: Signal[[]] = Signal()
        self._measured: dict[str, Lumen] = {}
        desk.marks.marks.changed.connect(self._follow_items)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.work, self.lumens, self.stents, self._measured = work, {}, {}, {}
        self.desk.state.lumens.forget()
        self.read()

    @property
    def session(self) -> Session | None:
        desk = self.work.session_desk if self.work is not None else None
        return None if desk is None else desk.session

    def apply(self, label: str, edit: Callable[[], Edit], step: str | None = None) -> str | None:
        """One step of undo; acts of one `step` are undone together."""
        work = self.work
        if work is None or self.session is None:
            return NO_SESSION
        return work.attempt(lambda: work.opened.document.apply(label, edit(), merge=step))

    def kept(self, lumen_id: str | None) -> KeptLumen | None:
        return None if lumen_id is None else self.lumens.get(lumen_id)

    @property
    def on_show(self) -> KeptLumen | None:
        """The lumen that the panes draw."""
        shown = self.desk.state.lumens.shown
        return None if shown is None else self.kept(shown.id)

    def stent(self, stent_id: str | None) -> KeptStent | None:
        return None if stent_id is None else self.stents.get(stent_id)

    @property
    def selected_stent(self) -> KeptStent | None:
        """The stent selected, else the only one of the lumen on show."""
        chosen = self.stent(self.desk.state.selected_id.value)
        if chosen is not None:
            return chosen
        lumen = self.on_show
        mine = [each for each in self.stents.values() if lumen is not None and each.body.lumen == lumen.item.id]
        return mine[0] if len(mine) == 1 else None

    def volume_of(self, kept: KeptLumen) -> Volume | None:
        """The images a lumen was traced on, else others of its frame of reference; None while none are loaded."""
        images = self.desk.state.images
        own = images.volume(kept.body.series)
        if own is not None:
            return own
        return next((each for each in images.volumes.values() if each.grid.frame_uid == kept.item.frame_uid), None)

    def remember(self, table: str, lumen: Lumen) -> None:
        """The contours of a lumen, which a plan does not store, by its packed table."""
        while len(self._measured) >= MOST_CONTOURS:
            self._measured.pop(next(iter(self._measured)))
        self._measured[table] = lumen
        if any(each.body.table == table and not each.shown.is_outlined for each in self.lumens.values()):
            self.lumens = {key: each for key, each in self.lumens.items() if each.body.table != table}
            self.read()

    def is_measured(self, table: str) -> bool:
        return table in self._measured

    def _follow_items(self, marks: object) -> None:
        del marks
        self.read()

    def read(self) -> None:
        """Lumens and stents of the session anew; those whose item is the same value stay."""
        session = self.session
        items = () if session is None else session.items
        by_id = {item.id: item for item in items}
        lumens = self._lumens_of(by_id)
        stents = {} if session is None else self._stents_of(session, by_id, lumens)
        if _same(lumens, self.lumens) and _same(stents, self.stents):
            return
        self.lumens, self.stents = lumens, stents
        desk = self.desk.state.lumens
        desk.lumens.set(tuple(each.shown for each in lumens.values()))
        desk.stents.set(tuple(each.shown for each in stents.values()))
        desk.look(desk.along_mm.value)
        self.changed.emit()

    def _lumens_of(self, items: Mapping[str, PlanItem]) -> dict[str, KeptLumen]:
        found: dict[str, KeptLumen] = {}
        for item in items.values():
            if item.type != LUMEN or not item.visible:
                continue
            before = self.lumens.get(item.id)
            kept = before if before is not None and before.item is item else self._read_lumen(item, before)
            if kept is not None:
                found[item.id] = kept
        return found

    def _read_lumen(self, item: PlanItem, before: KeptLumen | None) -> KeptLumen | None:
        try:
            body = lumen_of(item)
            lumen = self._measured.get(body.table)
            if lumen is None and before is not None and before.body.table == body.table:
                lumen = before.shown.lumen
            lumen = lumen or lumen_from_item(item)
        except OperatorError as error:
            if self.work is not None:
                self.work.said.emit(error.message)
            return None
        shown = LumenShown(item.id, item.name, lumen, body.stenosis, body.marks, body.series, body.site)
        if before is not None and before.shown.lumen is lumen:
            # The way through the lumen is the same: what was prepared of it stays.
            for name in ("course", "radii_mm", "wall"):
                if name in before.shown.__dict__:
                    shown.__dict__[name] = before.shown.__dict__[name]
        return KeptLumen(item, body, shown)

    def _stents_of(
        self, session: Session, items: Mapping[str, PlanItem], lumens: Mapping[str, KeptLumen]
    ) -> dict[str, KeptStent]:
        found: dict[str, KeptStent] = {}
        for item in items.values():
            if item.type != STENT or not item.visible:
                continue
            before = self.stents.get(item.id)
            lumen = items.get(before.body.lumen) if before is not None else None
            if before is not None and before.item is item and before.lumen is lumen:
                found[item.id] = before
                continue
            try:
                body = stent_of(item)
            except OperatorError as error:
                if self.work is not None:
                    self.work.said.emit(error.message)
                continue
            shown = stent_shown(session, item, body, lumens.get(body.lumen))
            found[item.id] = KeptStent(item, body, items.get(body.lumen), shown)
        return found


def stent_shown(session: Session, item: PlanItem, body: StentBody, lumen: KeptLumen | None) -> StentShown:
    """A stent as panes draw it; without its deployment where it lies outside the lumen as it is now."""
    made = None
    if lumen is not None:
        try:
            made = deployment_of(session, item.id, lumen.shown.course)
        except OperatorError:
            made = None
    return StentShown(
        item.id, item.name, body.lumen, body.start_mm, body.end_mm, body.diameter_mm, made,
        stale_words(session, body), size_words(body),
    )  # fmt: skip


def size_words(body: StentBody) -> str:
    """``16 × 60 mm covered``: as short as it stands in a picture."""
    return f"{body.diameter_mm:g} × {body.length_mm:.0f} mm {stent_catalogue().type(body.type).key.replace('-', ' ')}"


def _same(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return list(one) == list(other) and all(one[key] is other[key] for key in one)
