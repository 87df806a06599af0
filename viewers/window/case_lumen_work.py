"""Lumens of the open session in the window: traced in jobs, clicked again, marked; each edit one step of undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.app.lumens import (
    KIND_OF_TREE,
    add_mark,
    clear_stenosis,
    find_again,
    lumen_along_tree,
    mark_branches,
    put_lumen,
    remove_mark,
    retrace,
    set_site,
    set_stenosis,
    traced_again,
    with_click,
)
from planner.app.vessel_trees import FoundTree, put_tree
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem, Point
from planner.model.vessel_items import LumenMark
from planner.planning.airway_tree import airway_tree, carina_of
from planner.planning.lumens import Lumen, trace_lumen
from planner.planning.lumens_packing import body_of_lumen
from planner.planning.vessel_tree import VesselTree
from viewers.panels.lumen_panel import LumenActs, LumenContent, LumenLine, LumenPanel
from viewers.state.lumens import LUMEN_TOOL, LUMEN_WORDS
from viewers.state.region_editor import first_free
from viewers.state.vessels import TreeShown, VesselPlace
from viewers.state.view_state import as_point
from viewers.window.case_lumen_base import NO_SESSION, KeptLumen, LumenSession
from viewers.window.case_lumen_content import KINDS, lumen_card

NO_IMAGES = "Load the images of the stage first: a lumen is followed in them."
GONE = "This lumen is not in the plan any more."
NONE_SHOWN = "There is no lumen on show; click one first (I)."
NO_BRANCH = "Choose a branch first: a click on it in a slice, in 3D or in the diagram of the tree."
NO_TREE = "There is no tree of the vessels of this lumen; find one first."
LAYOUT = "lumen"
BY_HAND_MM = 10.0
"""Half the length of a stricture that is set around the line, before its ends are dragged."""


class LumenWork:
    """The panel of lumens, and the acts of the lumen tool."""

    def __init__(self, lumens: LumenSession) -> None:
        self.lumens, self.desk = lumens, lumens.desk
        state = self.desk.state
        self._tried: set[str] = set()
        self.panel = LumenPanel(
            LumenActs(
                set_kind=state.lumens.kind.set,
                pick_tool=lambda: self.desk.tools.pick(LUMEN_TOOL),
                airway_tree=self.find_airways,
                along_branch=self.trace_chosen_branch,
                show_lumen=self.show_lumen,
                set_site=lambda site: self._edit("Name the site", lambda s, item: set_site(s, item, site)),
                find_again=lambda: self._edit("Find the stricture", find_again),
                clear_stenosis=lambda: self._edit("No stricture", clear_stenosis),
                stenosis_here=self.stenosis_here,
                show_layout=lambda: state.layout.set(LAYOUT),
                mark=self.mark_here,
                unmark=lambda name: self._edit("Take a mark away", lambda s, item: remove_mark(s, item, name)),
                mark_branches=self.mark_branches,
            )
        )

    def forget(self) -> None:
        self._tried = set()

    # What the panel shows

    def refresh(self) -> None:
        """Show everything anew."""
        if self.panel.isHidden():
            return
        kept = self.lumens.on_show
        self._outline(kept)
        lines = tuple(LumenLine(key, _title(each)) for key, each in self.lumens.lumens.items())
        chosen = self.desk.state.vessels.chosen.value
        branch = "" if chosen is None else self.desk.state.vessels.words_of(chosen)
        tree = None if kept is None else self._tree_along(kept)
        card = None if kept is None else lumen_card(kept, "" if tree is None else tree.name)
        kind = self.desk.state.lumens.kind.value
        self.panel.show_content(LumenContent(KINDS, kind, self._source(), lines, card, branch))

    def _source(self) -> str:
        volume = self.desk.state.images.primary
        if volume is None:
            return NO_IMAGES
        return f"In the pane clicked; now {volume.source.description or 'the CT'}"

    def show_lumen(self, lumen_id: str) -> None:
        """This one in all panes, and the crosshair in it."""
        state = self.desk.state
        state.lumens.on_show.set(lumen_id)
        state.selected_id.set(lumen_id)
        kept = self.lumens.kept(lumen_id)
        if kept is not None:
            state.lumens.kind.set(kept.body.kind)
            middle = kept.body.stenosis.minimum_at_mm if kept.body.stenosis else kept.shown.length_mm / 2.0
            state.lumens.look(middle)
        self.refresh()

    # Tracing

    def trace(self, clicks_lps_mm: Sequence[Point], series: str) -> str | None:
        """Another lumen through clicks, as a job."""
        volume, kind = self.desk.state.images.volume(series), self.desk.state.lumens.kind.value
        if self.lumens.session is None:
            return NO_SESSION
        if volume is None:
            return NO_IMAGES
        clicks = tuple(clicks_lps_mm)
        word = LUMEN_WORDS[kind].lower()
        self._submit(
            f"Following the {word}",
            lambda context: trace_lumen(volume, clicks, kind, context=context),
            lambda lumen: self._put(lumen, series),
        )
        return None

    def _submit(
        self, title: str, work: Callable[[Context], Lumen], done: Callable[[Lumen], None], group: str = "lumen"
    ) -> None:
        case = self.lumens.work
        self.desk.jobs.submit(
            title,
            work,
            done,
            still_valid=lambda: self.lumens.work is case and self.lumens.session is not None,
            group=group,
        )

    def _put(self, lumen: Lumen, series: str | None, marks: tuple[LumenMark, ...] = (), word: str = "") -> None:
        session, work = self.lumens.session, self.lumens.work
        if session is None or work is None:
            return
        word = word or LUMEN_WORDS[lumen.kind]
        names = {each.item.name for each in self.lumens.lumens.values()}
        name = word if word not in names else first_free(word, names.__contains__)
        item_id = new_id("item")
        self.lumens.remember(body_of_lumen(lumen).table, lumen)
        refusal = self.lumens.apply(
            f"Measure {word.lower()}",
            lambda: put_lumen(
                session.id, lumen, name=name, by=work.opened.actor, series=series, marks=marks, item_id=item_id
            ),
        )
        self.panel.say(refusal)
        if refusal is None:
            self.show_lumen(item_id)

    def trace_again(self, lumen_id: str, clicks_lps_mm: Sequence[Point]) -> str | None:
        """The same lumen through other clicks, as a job; its name, site and marks stay."""
        kept = self.lumens.kept(lumen_id)
        if kept is None:
            return GONE
        volume = self.lumens.volume_of(kept)
        if volume is None:
            return NO_IMAGES
        item, clicks = kept.item, tuple(clicks_lps_mm)
        self._submit(
            "Following the lumen again",
            lambda context: traced_again(volume, item, clicks, context),
            lambda lumen: self._put_again(item, lumen),
        )
        return None

    def add_click(self, lumen_id: str, lps_mm: Point) -> str | None:
        """One more click, where it lies along the lumen."""
        kept = self.lumens.kept(lumen_id)
        return GONE if kept is None else self.trace_again(lumen_id, with_click(kept.item, lps_mm))

    def _put_again(self, before: PlanItem, lumen: Lumen) -> None:
        kept = self.lumens.kept(before.id)
        if kept is None or kept.item is not before:
            return
        self.lumens.remember(body_of_lumen(lumen).table, lumen)
        self.panel.say(self._edit("Move a click of the lumen", lambda s, item: retrace(s, item, lumen), before.id))

    def _outline(self, kept: KeptLumen | None) -> None:
        """The outline of a lumen that was stored before, measured again from its own clicks; once, in a job."""
        if kept is None or kept.shown.is_outlined or kept.body.method != "minimal-path":
            return
        table, item, volume = kept.body.table, kept.item, self.lumens.volume_of(kept)
        if volume is None or table in self._tried or self.lumens.is_measured(table):
            return
        self._tried.add(table)
        clicks = kept.body.clicks_lps_mm

        def keep(lumen: Lumen) -> None:
            # Another release may trace another course: then the stored axes stay what is drawn.
            if body_of_lumen(lumen).table == table:
                self.lumens.remember(table, lumen)

        self._submit("Outline of the lumen", lambda c: traced_again(volume, item, clicks, c), keep, "lumen-outline")

    # Airways and branches

    def find_airways(self) -> str | None:
        """The whole airway tree, as a job; the carina is marked on lumens that are measured along it."""
        volume, session, work = self.desk.state.images.primary, self.lumens.session, self.lumens.work
        key = self.desk.state.images.primary_key
        if session is None or work is None:
            return NO_SESSION
        if volume is None:
            return NO_IMAGES

        def put(tree: VesselTree) -> None:
            known = next((each.id for each in self.desk.state.vessels.trees.value if each.tree.kind == tree.kind), None)
            found = FoundTree(tree, "ct", None, key, (volume.source.series_uid,))
            self.lumens.apply(
                "Find the airway tree",
                lambda: put_tree(session.id, found, by=work.opened.actor, item_id=known or new_id("item")),
            )

        self.desk.jobs.submit(
            "Finding the airway tree",
            lambda context: airway_tree(volume, context),
            put,
            still_valid=lambda: self.lumens.work is work and self.lumens.session is not None,
            group="airways",
        )
        return None

    def trace_chosen_branch(self) -> str | None:
        chosen = self.desk.state.vessels.chosen.value
        return NO_BRANCH if chosen is None else self.trace_branch(chosen)

    def trace_branch(self, place: VesselPlace) -> str | None:
        """The lumen from the root of a tree to the end of a branch, as a job."""
        vessels = self.desk.state.vessels
        shown = vessels.tree(place.tree_id)
        if shown is None or not shown.tree.has(place.segment):
            return NO_BRANCH
        tree = shown.tree
        found = self._images_of(tree)
        if found is None:
            return NO_IMAGES
        series, volume = found
        vessels.choose(place)
        carina = carina_of(tree) if tree.kind == "airway" else None
        name = vessels.words_of(place).split(" · ")[0].removesuffix(" (proposed)")
        word = "" if name.lower().startswith("unnamed") else name

        def put(lumen: Lumen) -> None:
            marks: tuple[LumenMark, ...] = ()
            if carina is not None and lumen.centreline.distance_mm(carina.lps_mm) < 5.0:
                marks = (LumenMark(carina.name, lumen.place_of(carina.lps_mm), carina.lps_mm),)
            self._put(lumen, series, marks, word)

        self._submit(
            "Measuring along the branch",
            lambda context: lumen_along_tree(volume, tree, place.segment, context=context),
            put,
        )
        return None

    def _images_of(self, tree: VesselTree) -> tuple[str, Volume] | None:
        images = self.desk.state.images
        found = ((key, each) for key, each in images.volumes.items() if each.grid.frame_uid == tree.frame_uid)
        return next(found, None)

    # Editing

    def _edit(self, label: str, edit: Callable[[str, PlanItem], Edit], lumen_id: str | None = None) -> str | None:
        """An edit of a lumen by session and item; of the one on show without an id."""
        kept = self.lumens.on_show if lumen_id is None else self.lumens.kept(lumen_id)
        session = self.lumens.session
        if kept is None or session is None:
            return NONE_SHOWN if lumen_id is None else GONE
        return self.lumens.apply(label, lambda: edit(session.id, kept.item))

    def set_stenosis(self, lumen_id: str, start_mm: float, end_mm: float) -> str | None:
        return self._edit("Set the stricture", lambda s, item: set_stenosis(s, item, start_mm, end_mm), lumen_id)

    def stenosis_here(self) -> str | None:
        """Around the line, to be dragged from there."""
        kept = self.lumens.on_show
        if kept is None:
            return NONE_SHOWN
        at = self.desk.state.lumens.along_mm.value
        low, high = max(0.0, at - BY_HAND_MM), min(kept.shown.length_mm, at + BY_HAND_MM)
        return self.set_stenosis(kept.item.id, low, high)

    def mark(self, lumen_id: str, along_mm: float, name: str) -> str | None:
        kept = self.lumens.kept(lumen_id)
        if kept is None:
            return GONE
        place = as_point(kept.shown.course.at(along_mm))
        return self._edit("Mark a landmark", lambda s, item: add_mark(s, item, name, place), lumen_id)

    def mark_here(self, name: str) -> str | None:
        """At the line, on the lumen on show."""
        kept = self.lumens.on_show
        return NONE_SHOWN if kept is None else self.mark(kept.item.id, self.desk.state.lumens.along_mm.value, name)

    def unmark(self, lumen_id: str, name: str) -> str | None:
        return self._edit("Take a mark away", lambda s, item: remove_mark(s, item, name), lumen_id)

    def _tree_along(self, kept: KeptLumen) -> TreeShown | None:
        """A tree of the lumen's own vessels: of the branch chosen, else the first one."""
        vessels = self.desk.state.vessels
        chosen = vessels.chosen.value
        fitting = [
            each
            for each in vessels.trees.value
            if KIND_OF_TREE[each.tree.kind] == kept.body.kind and each.tree.frame_uid == kept.item.frame_uid
        ]
        fitting.sort(key=lambda each: chosen is None or each.id != chosen.tree_id)
        return fitting[0] if fitting else None

    def mark_branches(self) -> str | None:
        """Where branches of a tree leave the lumen on show, all in one step."""
        kept = self.lumens.on_show
        shown = None if kept is None else self._tree_along(kept)
        if kept is None:
            return NONE_SHOWN
        if shown is None:
            return NO_TREE
        return self._edit("Mark side branches", lambda s, item: mark_branches(s, item, shown.tree))


def _title(kept: KeptLumen) -> str:
    found = kept.body.stenosis
    narrow = "" if found is None or found.percent is None else f" · narrowed {found.percent:.0f} %"
    return f"{kept.item.name} · {kept.shown.length_mm:.0f} mm{narrow}"
