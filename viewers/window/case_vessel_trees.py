"""Vessel trees of the open session in the window: found in a job, named, edited by hand; each edit one step of undo."""

from __future__ import annotations

from collections.abc import Callable

from planner.app.vessel_trees import (
    FoundTree,
    add_branch,
    confirm_names,
    cut_vessel,
    edit_tree,
    find_tree,
    join_trees,
    put_tree,
    rename_vessels,
    reroot_tree,
)
from planner.jobs import Context
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem, Point
from planner.planning.tree_edits import cut
from planner.planning.vessel_tree import TreePlace
from viewers.panels.vessel_panel import VesselActs, VesselContent, VesselPanel
from viewers.state.region_editor import first_free
from viewers.state.vessel_words import KIND_WORDS, spoken_vessel
from viewers.state.vessels import FIND, TREE_TOOL, VesselPlace
from viewers.window.case_vessel_base import NO_SESSION, VesselSession
from viewers.window.case_vessel_content import KINDS, name_choices, segment_card, tree_line

NO_IMAGES = "Load the images of the stage first: vessels are found in a CT with contrast medium."
GONE = "This tree is not in the plan any more."
NOTHING_CHOSEN = "Choose a vessel first: a click on it in a slice, in 3D or in the diagram."


class VesselTrees:
    """The panel of vessels, and the acts of the tree tool."""

    def __init__(self, vessels: VesselSession) -> None:
        self.vessels, self.desk = vessels, vessels.desk
        self.kind = KINDS[0].code
        self.panel = VesselPanel(
            VesselActs(
                set_kind=self.set_kind,
                find=self.find,
                show_tree=self.desk.state.vessels.on_show.set,
                rename=self.rename_chosen,
                confirm=lambda: self._on_chosen(self.confirm_name),
                confirm_all=self.confirm_all,
                cut=lambda whole: self._on_chosen(lambda place: self.cut(place, whole=whole)),
                reroot=lambda: self._on_chosen(self.reroot),
                pick_tool=lambda: self.desk.tools.pick(TREE_TOOL),
            )
        )
        self.desk.state.vessels.asked.connect(self._asked)

    def _asked(self, what: str) -> None:
        if what == FIND:
            refusal = self.find()
            self.panel.say(refusal)
            self.desk.kit.notice.set(refusal or "")

    # What the panel shows

    def refresh(self) -> None:
        """Show everything anew."""
        if self.panel.isHidden():
            return
        vessels = self.desk.state.vessels
        chosen, shown = vessels.chosen.value, vessels.shown
        kept = self.vessels.kept(None if chosen is None else chosen.tree_id)
        on_show = self.vessels.kept(None if shown is None else shown.id)
        card = None
        if kept is not None and chosen is not None and kept.shown.tree.has(chosen.segment):
            card = segment_card(kept, chosen)
        proposals = 0 if on_show is None else sum(each.proposed for each in on_show.shown.tree.segments)
        self.panel.show_content(
            VesselContent(
                KINDS,
                self.kind,
                self._source(),
                tuple(tree_line(each) for each in self.vessels.trees.values()),
                None if shown is None else shown.id,
                card,
                name_choices(kept.body.kind) if kept is not None and card is not None else (),
                proposals,
            )
        )

    def _source(self) -> str:
        found = self.vessels.volume_for(self.kind)
        if found is None:
            return NO_IMAGES
        volume = found[1]
        phase = volume.source.phase or "phase unknown"
        return f"In {volume.source.description or 'the CT'} ({phase})"

    def set_kind(self, kind: str) -> None:
        """What is looked for next; a tree of that kind comes on show."""
        self.kind = kind
        known = next((key for key, each in self.vessels.trees.items() if each.body.kind == kind), None)
        if known is not None:
            self.desk.state.vessels.on_show.set(known)
        self.refresh()

    # Finding

    def find(self) -> str | None:
        """From where the kind of vessel begins by itself; a tree of that kind is replaced."""
        known = next((key for key, each in self.vessels.trees.items() if each.body.kind == self.kind), None)
        return self._find(None, None, known)

    def find_from(self, lps_mm: Point, series: str) -> str | None:
        """A click in a vessel: another tree of the kind chosen."""
        return self._find(lps_mm, series, None)

    def _find(self, seed: Point | None, series: str | None, replaces: str | None) -> str | None:
        work, session = self.vessels.work, self.vessels.session
        if work is None or session is None:
            return NO_SESSION
        found = self.vessels.volume_for(self.kind)
        clicked = self.desk.state.images.volume(series)
        if series is not None and clicked is not None:
            found = (series, clicked)
        if found is None:
            return NO_IMAGES
        volume, kind, liver = found[1], self.kind, self.vessels.structure("liver", found[1].grid.frame_uid)

        def search(context: Context) -> FoundTree:
            return find_tree(volume, seed, kind, liver=liver, context=context)

        self.desk.jobs.submit(
            f"Finding: {KIND_WORDS[kind].lower()}",
            search,
            lambda tree: self._put(tree, replaces),
            still_valid=lambda: self.vessels.work is work and self.vessels.session is not None,
            group="vessels",
        )
        return None

    def _put(self, found: FoundTree, replaces: str | None) -> None:
        work, session = self.vessels.work, self.vessels.session
        if work is None or session is None:
            return
        known = self.vessels.kept(replaces)
        word = KIND_WORDS[found.tree.kind]
        names = {each.item.name for each in self.vessels.trees.values()}
        name = word if word not in names else first_free(word, names.__contains__)
        item_id = new_id("item")
        if known is not None:
            name, item_id = known.item.name, known.item.id
        self.vessels.apply(
            f"Find {word.lower()}",
            lambda: put_tree(session.id, found, by=work.opened.actor, name=name, item_id=item_id),
        )
        self.desk.state.vessels.on_show.set(item_id)

    def add_branch(self, tree_id: str, end_lps_mm: Point) -> str | None:
        """The branch that ends at a click, found in the image as a job; one step of undo."""
        kept, session, volume = self.vessels.kept(tree_id), self.vessels.session, self.vessels.volume_of(tree_id)
        if kept is None or session is None:
            return GONE
        if volume is None:
            return NO_IMAGES
        item = kept.item

        def search(context: Context) -> Edit:
            return add_branch(session.id, item, volume, end_lps_mm, context)

        self.desk.jobs.submit(
            "Adding a branch",
            search,
            self._added,
            still_valid=lambda: self._item(tree_id) is item,
            group="branch",
        )
        return None

    def _added(self, edit: Edit) -> None:
        self.panel.say(self.vessels.apply("Add branch", lambda: edit))

    def _item(self, tree_id: str) -> PlanItem | None:
        kept = self.vessels.kept(tree_id)
        return None if kept is None else kept.item

    # Editing

    def _edit(
        self, label: str, tree_id: str, edit: Callable[[str, PlanItem], Edit], step: str | None = None
    ) -> str | None:
        """An edit of a tree by session and item."""
        kept, session = self.vessels.kept(tree_id), self.vessels.session
        if kept is None or session is None:
            return GONE
        return self.vessels.apply(label, lambda: edit(session.id, kept.item), step)

    def _on_chosen(self, act: Callable[[VesselPlace], str | None]) -> str | None:
        chosen = self.desk.state.vessels.chosen.value
        return NOTHING_CHOSEN if chosen is None else act(chosen)

    def _spoken(self, place: VesselPlace) -> str:
        kept = self.vessels.kept(place.tree_id)
        if kept is None or not kept.shown.tree.has(place.segment):
            return "vessel"
        name = kept.shown.tree.segment(place.segment).name
        return "vessel" if name is None else spoken_vessel(kept.body.kind, name).lower()

    def cut(self, place: VesselPlace, *, whole: bool) -> str | None:
        spoken = self._spoken(place)
        if not whole:
            return self._edit(
                f"Cut {spoken}", place.tree_id, lambda session, item: cut_vessel(session, item, tree_place(place))
            )
        return self._edit(
            f"Remove {spoken}",
            place.tree_id,
            lambda session, item: edit_tree(session, item, lambda tree: cut(tree, place.segment)),
        )

    def reroot(self, place: VesselPlace) -> str | None:
        """The nearer end of the segment becomes the root."""
        kept = self.vessels.kept(place.tree_id)
        if kept is None or not kept.shown.tree.has(place.segment):
            return NOTHING_CHOSEN
        segment = kept.shown.tree.segment(place.segment)
        node = segment.start if place.along_mm <= segment.length_mm / 2.0 else segment.end
        return self._edit("Take another root", place.tree_id, lambda session, item: reroot_tree(session, item, node))

    def join(self, place: VesselPlace, other: VesselPlace) -> str | None:
        """The other tree hangs on the first from then on, where both are nearest; one step of undo."""
        if place.tree_id == other.tree_id:
            return "Both places are of the same tree; choose a loose piece to join."
        piece = self._item(other.tree_id)
        if piece is None:
            return GONE
        return self._edit(f"Join {piece.name}", place.tree_id, lambda session, item: join_trees(session, item, piece))

    # Names

    def rename_chosen(self, name: str | None) -> str | None:
        return self._on_chosen(lambda place: self.rename(place, name))

    def rename(self, place: VesselPlace, name: str | None) -> str | None:
        """A key of the catalogue, a person's own words, or no name."""
        kept = self.vessels.kept(place.tree_id)
        if kept is not None and kept.shown.tree.has(place.segment):
            segment = kept.shown.tree.segment(place.segment)
            if segment.name == name and not segment.proposed:
                return None
        # Arrow keys walk through the list of names: all of that is one act.
        step = f"name {place.tree_id} {place.segment}"
        return self._edit(
            "Name a vessel",
            place.tree_id,
            lambda session, item: rename_vessels(session, item, {place.segment: name}),
            step,
        )

    def confirm_name(self, place: VesselPlace) -> str | None:
        """The name that is proposed is the one."""
        kept = self.vessels.kept(place.tree_id)
        if kept is None or not kept.shown.tree.has(place.segment):
            return NOTHING_CHOSEN
        name = kept.shown.tree.segment(place.segment).name
        return self._edit(
            f"Confirm {self._spoken(place)}",
            place.tree_id,
            lambda session, item: rename_vessels(session, item, {place.segment: name}),
        )

    def confirm_all(self) -> str | None:
        """Every proposed name of the tree on show was looked at."""
        shown = self.desk.state.vessels.shown
        return GONE if shown is None else self._edit("Confirm names of vessels", shown.id, confirm_names)


def tree_place(place: VesselPlace) -> TreePlace:
    """A place of the session as edits of a tree take it."""
    return TreePlace(place.segment, place.along_mm, 0.0)
