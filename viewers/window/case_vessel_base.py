"""What vessels of the open session stand on: its trees as they are drawn, its images, and how edits are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from planner.app.vessel_trees import load_tree, visible_words
from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.model.edits import Edit
from planner.model.items import PlanItem, RegionBody
from planner.model.session import Session
from planner.model.vessel_items import VESSEL_TREE, VesselTreeBody
from planner.model.vessel_reading import tree_of
from planner.workflow.template import Stage, Template
from viewers.panes.desk import Desk
from viewers.state.signals import Signal
from viewers.state.vessels import TreeShown
from viewers.window.case_work import CaseWork

NO_SESSION = "Open a session of a procedure that plans vessels first."
TREES, FEEDERS_TOOL, INJECTION = "vessel-tree", "feeders", "injection"
"""Names of tools as stages list them."""
ROLES = {"artery": ("arterial",), "portal-vein": ("portal-venous",), "hepatic-vein": ("portal-venous", "delayed")}
"""Kind of tree -> roles of the images it is looked for in, the best first."""


@dataclass(frozen=True, eq=False, slots=True)
class KeptTree:
    """A tree of the session: its item, its body, and as it is drawn."""

    item: PlanItem
    body: VesselTreeBody
    shown: TreeShown


class VesselSession:
    """The open session for everything of vessels.

    Attributes
    ----------
    changed
        The trees of the session are others now.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.work: CaseWork | None = None
        self.trees: dict[str, KeptTree] = {}
        self.changed: Signal[[]] = Signal()
        desk.marks.marks.changed.connect(self._follow_items)
        desk.state.images.changed.connect(self._follow_images)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.work, self.trees = work, {}
        self.desk.state.vessels.forget()
        self.refresh()

    @property
    def session(self) -> Session | None:
        desk = self.work.session_desk if self.work is not None else None
        return None if desk is None else desk.session

    @property
    def template(self) -> Template | None:
        desk = self.work.session_desk if self.work is not None else None
        return None if desk is None else desk.template

    @property
    def stage(self) -> Stage | None:
        """On show."""
        template, work = self.template, self.work
        if template is None or work is None or work.stage_id is None:
            return None
        return next((each for each in template.stages if each.id == work.stage_id), None)

    def offers(self, tool: str) -> bool:
        stage = self.stage
        return stage is not None and tool in stage.tools

    def apply(self, label: str, edit: Callable[[], Edit], step: str | None = None) -> str | None:
        """One step of undo; acts of one `step` are undone together."""
        work = self.work
        if work is None or self.session is None:
            return NO_SESSION
        return work.attempt(lambda: work.opened.document.apply(label, edit(), merge=step))

    def kept(self, tree_id: str | None) -> KeptTree | None:
        return None if tree_id is None else self.trees.get(tree_id)

    def volume_for(self, kind: str) -> tuple[str, Volume] | None:
        """The images a kind of tree is looked for in: of its phase, else the primary ones."""
        images = self.desk.state.images
        for role in ROLES.get(kind, ()):
            key = images.roles.get(role)
            volume = images.volume(key)
            if key is not None and volume is not None:
                return key, volume
        key, volume = images.primary_key, images.primary
        return None if key is None or volume is None else (key, volume)

    def volume_of(self, tree_id: str) -> Volume | None:
        """The images a tree was found in, else others of its frame of reference; None while none are loaded."""
        kept, images = self.kept(tree_id), self.desk.state.images
        if kept is None:
            return None
        own = images.volume(kept.body.series)
        if own is not None:
            return own
        frame = kept.item.frame_uid
        return next((each for each in images.volumes.values() if each.grid.frame_uid == frame), None)

    def structure(self, key: str, frame_uid: str) -> Mask | None:
        """The mask of a structure of the session, such as the liver, in a frame of reference; None where none is."""
        for mark in self.desk.marks.marks.value:
            body = mark.body
            if isinstance(body, RegionBody) and body.structure == key and mark.item.frame_uid == frame_uid:
                return self.desk.marks.mask(mark.id)
        return None

    def _follow_images(self) -> None:
        """Words about images are known once they are there."""
        if self.trees:
            self.trees = {}
            self.refresh()

    def _follow_items(self, marks: object) -> None:
        del marks
        self.refresh()

    def refresh(self) -> None:
        """Trees of the session anew; those whose item is the same value stay."""
        session = self.session
        items = () if session is None else session.items
        found: dict[str, KeptTree] = {}
        for item in items:
            if item.type != VESSEL_TREE or not item.visible:
                continue
            before = self.trees.get(item.id)
            kept = before if before is not None and before.item is item else self._read(item)
            if kept is not None:
                found[item.id] = kept
        same = list(found) == list(self.trees) and all(found[key] is self.trees[key] for key in found)
        if same:
            return
        self.trees = found
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        vessels = self.desk.state.vessels
        vessels.trees.set(tuple(each.shown for each in self.trees.values()))
        for value in (vessels.chosen, vessels.way, vessels.pointed):
            place = value.value
            tree = None if place is None else vessels.tree(place.tree_id)
            if place is not None and (tree is None or not tree.tree.has(place.segment)):
                value.set(None)

    def _read(self, item: PlanItem) -> KeptTree | None:
        try:
            body = tree_of(item)
            tree = load_tree(item)
        except OperatorError as error:
            if self.work is not None:
                self.work.said.emit(error.message)
            return None
        return KeptTree(item, body, TreeShown(item.id, item.name, tree, self._seen_words(item, body)))

    def _seen_words(self, item: PlanItem, body: VesselTreeBody) -> tuple[str, ...]:
        volume = self.desk.state.images.volume(body.series)
        slices = None if volume is None else float(max(volume.grid.spacing_kji_mm))
        return () if self.work is None else visible_words(self.work.opened.case, item, slice_mm=slices)

    def taken_on(self, series: str | None) -> date | None:
        """The day of a series of the case."""
        work = self.work
        for each in work.opened.case.studies if work is not None else ():
            if f"{each.series_uid}#{each.part}" == series:
                return each.study_date
        return None
