"""Catheter positions of the open session in the window: put and dragged live, stored, compared, summed; their views."""

from __future__ import annotations

from dataclasses import replace

from planner.app import item_edits
from planner.app.feeders import STALE
from planner.app.injections import (
    is_stale,
    measured_position,
    move_position,
    put_position,
    set_action,
    set_lesions,
    together,
)
from planner.app.working_views import keep_view
from planner.model.items import PlanItem
from planner.model.vessel_items import CATHETER_POSITION, CatheterPositionBody, WayMeasures
from planner.model.vessel_reading import position_of, positions_of
from planner.planning.catheter_way import ACCESSES, compared_accesses
from planner.planning.territories import Injection
from planner.planning.working_view import ViewMap
from planner.workflow.template import Choice
from viewers.panels.position_panel import (
    Comparison,
    PositionActs,
    PositionCard,
    PositionContent,
    PositionLine,
    PositionPanel,
    ToneLine,
)
from viewers.state.jobs import Job
from viewers.state.vessel_words import short_segment
from viewers.state.vessels import CATHETER_TOOL, InjectionShown, TipShown, VesselPlace
from viewers.state.view_state import as_point
from viewers.state.working_view import Angles
from viewers.window.case_vessel_base import NO_SESSION, VesselSession
from viewers.window.case_vessel_content import (
    access_words,
    comparison_of,
    coverage_lines,
    non_target_lines,
    position_summary,
    reached_pairs,
    seen_of,
    total_lines,
    view_words,
    warnings_of,
    way_line,
)
from viewers.window.case_vessel_live import VesselLive
from viewers.window.case_vessel_views import VesselViews

NO_PLACE = "Put a catheter tip or choose a vessel first."
NO_POSITION = "Select a catheter position first (C and a click on a vessel puts one); the view is stored with it."
NOT_READY = "The territories are being prepared; the position is stored when they are there."
WRONG_TREE = "Nothing is injected into these vessels; catheter positions lie on arteries or on the portal vein."
LAYOUT = "injection"


class VesselPositions:
    """The panel of positions, and the acts of the catheter tool."""

    def __init__(self, vessels: VesselSession) -> None:
        self.vessels, self.desk = vessels, vessels.desk
        self.live = VesselLive(vessels, self._prepared)
        self.views = VesselViews(vessels, self._keep_view)
        self._access: str | None = None
        self._compared: str | None = None
        self._held: TipShown | None = None
        self._found: Injection | None = None
        self._waiting: list[TipShown] = []
        self._ways: tuple[tuple[object, ...], tuple[WayMeasures, ...]] = ((), ())
        self.panel = PositionPanel(
            PositionActs(
                pick_tool=lambda: self.desk.tools.pick(CATHETER_TOOL),
                select=self.select,
                rename=self.rename,
                set_action=self.set_action,
                set_lesions=self.set_lesions,
                measure=self.measure,
                compare=self.compare,
                set_access=self.set_access,
                show_view=self.show_view,
            )
        )
        self.desk.state.active_tool.changed.connect(self._tool_picked)
        self.desk.jobs.ended.connect(self._job_ended)

    def forget(self) -> None:
        """Another case."""
        self._access = self._compared = self._held = self._found = None
        self._waiting = []
        self._ways = ((), ())
        self.live.forget()
        self.views.forget()

    # What is known

    @property
    def names(self) -> dict[str, str]:
        """Lesion -> its name."""
        work = self.vessels.work
        return {} if work is None else {each.id: each.name for each in work.opened.case.lesions}

    def positions(self) -> tuple[tuple[PlanItem, CatheterPositionBody], ...]:
        session = self.vessels.session
        return () if session is None else positions_of(session.items)

    def selected(self) -> PlanItem | None:
        session, chosen = self.vessels.session, self.desk.state.selected_id.value
        item = None if session is None or chosen is None else session.item(chosen)
        return item if item is not None and item.type == CATHETER_POSITION else None

    @property
    def access(self) -> str:
        """As chosen here, else as the session answers, else from the right groin."""
        if self._access is not None:
            return self._access
        session = self.vessels.session
        for fields in () if session is None else session.answers.values():
            kind, side = fields.get("access"), fields.get("access_side")
            said = "" if kind is None or side is None else f"{kind.value}_{side.value}"
            if said in ACCESSES:
                return said
        return ACCESSES[0]

    def tip_of(self, item: PlanItem, body: CatheterPositionBody) -> TipShown:
        place = VesselPlace(body.tree, body.segment, body.along_mm)
        return TipShown(place, body.tip_lps_mm, item.name, item.id, body.action)

    def _tree_id(self) -> str | None:
        """Of the position selected, else of the tree on show when it can be injected, else of the first that can."""
        item = self.selected()
        if item is not None:
            return position_of(item).tree
        shown = self.desk.state.vessels.shown
        if shown is not None and self.live.can_inject(shown.id):
            return shown.id
        return next((key for key in self.vessels.trees if self.live.can_inject(key)), None)

    # A tip under the hand

    def hold(self, tip: TipShown) -> str | None:
        """Show what is reached from there; nothing is stored."""
        if not self.live.can_inject(tip.place.tree_id):
            return WRONG_TREE
        self._held = tip
        self.desk.state.vessels.choose(None)
        self.live.prepare(tip.place.tree_id)
        self._show(tip)
        return None

    def _show(self, tip: TipShown) -> None:
        picture, self._found = self.live.shown(tip, self.names)
        self.desk.state.vessels.supply.set(None)
        self.desk.state.vessels.way.set(tip.place)
        self.desk.state.vessels.injection.set(picture)

    def drop(self) -> None:
        """The drag was given up: what is selected is on show again."""
        self._held, self._waiting = None, []
        self.desk.state.vessels.injection.set(None)
        self._follow_selected()

    def keep(self, tip: TipShown) -> str | None:
        """Into the plan: one step of undo. While territories are prepared it waits for them."""
        self._held = None
        work, session, live = self.vessels.work, self.vessels.session, self.live.ready(tip.place.tree_id)
        if work is None or session is None:
            return NO_SESSION
        if not self.live.can_inject(tip.place.tree_id):
            return WRONG_TREE
        if live is None:
            self._waiting.append(tip)
            self.live.prepare(tip.place.tree_id, again=True)
            self.refresh()
            return NOT_READY
        library, before = work.opened.library, {each.id for each in session.items}
        place = tip.place

        def measured() -> CatheterPositionBody:
            return measured_position(
                library, live, place.segment, place.along_mm, access=self.access, action=tip.action
            )

        if tip.item_id is not None and session.item(tip.item_id) is not None:
            item_id = tip.item_id
            refusal = self.vessels.apply(
                f"Move {tip.name or 'catheter position'}", lambda: move_position(session.id, item_id, measured())
            )
        else:
            name = self._free_name(place)
            refusal = self.vessels.apply(
                f"Put {name}", lambda: put_position(session.id, live, measured(), by=work.opened.actor, name=name)
            )
            after = self.vessels.session
            made = [each.id for each in after.items if each.id not in before] if after is not None else []
            if made:
                self.desk.state.selected_id.set(made[-1])
        if refusal is not None:
            self.desk.state.vessels.injection.set(None)
        self._follow_selected()
        return refusal

    def _free_name(self, place: VesselPlace) -> str:
        """By its vessel; a second one there gets a number."""
        kept = self.vessels.kept(place.tree_id)
        name = "Position" if kept is None else short_segment(kept.shown.tree, place.segment)
        taken, number, found = {item.name for item, _ in self.positions()}, 2, name
        while found in taken:
            found, number = f"{name} ({number})", number + 1
        return found

    def _prepared(self) -> None:
        """Territories are there, or will not come: what waited for them goes on."""
        held, waiting, self._waiting = self._held, self._waiting, []
        for tip in waiting:
            failed = self.live.failed
            ready = self.live.ready(tip.place.tree_id) is not None
            self.desk.kit.notice.set((self.keep(tip) or "") if ready else "" if failed is None else failed[1])
        if held is not None:
            self._held = held
            self._show(held)
        else:
            self._follow_selected()
        self.refresh()

    def _tool_picked(self, tool: str) -> None:
        tree = self._tree_id()
        if tool == CATHETER_TOOL and tree is not None:
            self.live.prepare(tree)

    def _job_ended(self, job: Job) -> None:
        if job.group == "territories" and not self.panel.isHidden():
            self.refresh()

    def _follow_selected(self) -> None:
        """The position selected is on show: what it reaches, and the way to it."""
        vessels, item = self.desk.state.vessels, self.selected()
        if self._held is not None or self._waiting:
            return
        if item is None:
            if vessels.injection.value is not None:
                vessels.injection.set(None)
                vessels.way.set(None)
            self._found = None
            return
        tip = self.tip_of(item, position_of(item))
        now = vessels.injection.value
        ready = self.live.ready(tip.place.tree_id) is not None
        if now is not None and now.tip == tip and (self._found is not None) == ready:
            return
        picture, self._found = self._stored(item, tip) if not ready else self.live.shown(tip, self.names)
        vessels.injection.set(picture)
        vessels.way.set(None if picture is None else tip.place)

    def _stored(self, item: PlanItem, tip: TipShown) -> tuple[InjectionShown | None, None]:
        """As the plan keeps it, without what was measured being made anew."""
        body, kept, host = position_of(item), self.vessels.kept(tip.place.tree_id), self.desk.marks.host
        if kept is None or not kept.shown.tree.has(tip.place.segment):
            return None, None
        lit = frozenset(each.id for each in kept.shown.tree.downstream(tip.place.segment))
        blob = None if body.injection is None else body.injection.territory
        mask = None if blob is None or host is None else host.load_mask(blob)
        return InjectionShown(tip, item.frame_uid, lit, mask), None

    # Acts of the panel

    def select(self, item_id: str) -> None:
        """On show in every pane."""
        self.desk.state.selected_id.set(item_id)
        item = self.selected()
        if item is not None:
            self.desk.state.move_cursor(item.frame_uid, position_of(item).tip_lps_mm)

    def rename(self, item_id: str, name: str) -> str | None:
        session = self.vessels.session
        item = None if session is None else session.item(item_id)
        if session is None or item is None or item.name == name.strip():
            return None
        return self.vessels.apply(f"Rename {item.name}", lambda: item_edits.rename_item(session.id, item, name))

    def set_action(self, item_id: str, action: str) -> str | None:
        session = self.vessels.session
        if session is None:
            return NO_SESSION
        return self.vessels.apply("Embolise, spare or protect", lambda: set_action(session.id, item_id, action))

    def set_lesions(self, item_id: str, lesion_ids: tuple[str, ...]) -> str | None:
        """Which lesions a position is meant for."""
        session = self.vessels.session
        if session is None:
            return NO_SESSION
        return self.vessels.apply("Lesions of a position", lambda: set_lesions(session.id, item_id, lesion_ids))

    def measure(self, item_id: str) -> str | None:
        """Anew on the tree as it is: at the same place, or at the nearest where its vessel is gone."""
        session = self.vessels.session
        item = None if session is None else session.item(item_id)
        if item is None:
            return NO_SESSION
        body = position_of(item)
        tip, kept = self.tip_of(item, body), self.vessels.kept(body.tree)
        if kept is None:
            return "The tree of this position is not in the plan any more; put the position again."
        found = kept.shown.nearest(body.tip_lps_mm)
        if found is None:
            return "The tree of this position holds no vessel any more."
        lps = kept.shown.lps_of(found[0])
        here = tip if lps is None else TipShown(found[0], as_point(lps), item.name, item.id, body.action)
        refusal = self.keep(here)
        return None if refusal == NOT_READY else refusal

    def compare(self, item_id: str | None) -> None:
        """With another position, side by side in numbers."""
        self._compared = item_id
        self.refresh()

    def set_access(self, access: str) -> None:
        """From where the catheter comes; the way of the position selected is measured from there."""
        self._access = access
        item = self.selected()
        if item is not None and position_of(item).tree in self.vessels.trees:
            self.panel.say(self.measure(item.id))
        self.refresh()

    def show_view(self) -> str | None:
        """The layout with the map, on the position selected or the vessel chosen."""
        self.desk.state.layout.set(LAYOUT)
        self.desk.state.enlarged_pane.set(None)
        place, stored = self._view_place()
        return NO_PLACE if place is None else self.views.show(place, stored)

    def _view_place(self) -> tuple[VesselPlace | None, Angles | None]:
        item = self.selected()
        if item is None:
            return self.desk.state.vessels.chosen.value, None
        body = position_of(item)
        view = body.view
        stored = None if view is None else (view.primary_deg, view.secondary_deg)
        return VesselPlace(body.tree, body.segment, body.along_mm), stored

    def _keep_view(self, found: ViewMap, angles: Angles) -> str | None:
        """The view on show goes into the position selected."""
        item, session = self.selected(), self.vessels.session
        if item is None or session is None:
            return NO_POSITION
        chosen = None if angles == found.best else angles
        return self.vessels.apply(f"Working view of {item.name}", lambda: keep_view(session.id, item.id, found, chosen))

    # What the panel shows

    def refresh(self) -> None:
        """Show everything anew."""
        positions = self.positions()
        self.desk.state.vessels.tips.set(tuple(self.tip_of(item, body) for item, body in positions))
        self._follow_selected()
        if self.views.is_on_show and not self.desk.state.interacting.value:
            self.views.show(*self._view_place())
        if self.panel.isHidden():
            return
        tree = self._tree_id()
        if tree is not None and positions:
            self.live.prepare(tree)
        item = self.selected()
        self.panel.show_content(
            PositionContent(
                card=self._card(item),
                positions=tuple(self._line(each, body) for each, body in positions),
                selected=None if item is None else item.id,
                total=self._total(tree),
                others=self._others(item, positions),
                compared_with=self._compared,
                comparison=self._comparison(item),
                organ=self._organ_words(tree),
                accesses=tuple(Choice(key, access_words(key)) for key in ACCESSES),
                access=self.access,
                held=self._held is not None or bool(self._waiting),
            )
        )

    def _organ_words(self, tree_id: str | None) -> str:
        if tree_id is None:
            return "Find the arteries first."
        failed, live = self.live.failed, self.live.ready(tree_id)
        if failed is not None and failed[0] == self.live.stand(tree_id):
            return f"No territories: {failed[1]}"
        if live is not None and live.grounds.refused is not None:
            return live.grounds.refused
        if live is not None and live.grounds.organ_mask is None:
            organ = live.grounds.organ
            return f"No {organ} is marked on these images: what lies downstream is shown, but no territory."
        return ""

    def _card(self, item: PlanItem | None) -> PositionCard | None:
        """Of the tip under the hand, else of the position selected."""
        if self._held is not None:
            return self._held_card(self._held)
        if self._waiting:
            return self._held_card(replace(self._waiting[-1], name="To be stored"))
        if item is None:
            return None
        body, session = position_of(item), self.vessels.session
        stale = session is not None and is_stale(session, item)
        found = body.injection
        return PositionCard(
            item.id,
            item.name,
            body.action,
            self._where(VesselPlace(body.tree, body.segment, body.along_mm)),
            () if found is None else reached_pairs(found),
            () if found is None else coverage_lines(found.coverage, self.names),
            () if found is None else non_target_lines(found.non_targets),
            () if found is None else warnings_of(found),
            () if found is None else seen_of(found),
            tuple(way_line(each) for each in self._ways_of(body)),
            view_words(body.view),
            STALE if stale else "",
            self._lesions_for(body),
            body.lesion_ids,
        )

    def _lesions_for(self, body: CatheterPositionBody) -> tuple[Choice, ...]:
        """Lesions of the case; one that is gone while the position is still meant for it can be taken out."""
        names = self.names
        return tuple(Choice(key, names.get(key, key)) for key in dict.fromkeys((*names, *body.lesion_ids)))

    def _held_card(self, tip: TipShown) -> PositionCard:
        found = self._found
        if found is None:
            waiting = (ToneLine("◆ Territories are being prepared…", "unknown"),)
            return PositionCard(tip.item_id, tip.name, tip.action, self._where(tip.place), coverage=waiting)
        return PositionCard(
            tip.item_id,
            tip.name,
            tip.action,
            self._where(tip.place),
            reached_pairs(found),
            coverage_lines(found.coverage, self.names),
            non_target_lines(found.non_targets),
            warnings_of(found),
        )

    def _where(self, place: VesselPlace) -> str:
        return self.desk.state.vessels.words_of(place)

    def _ways_of(self, body: CatheterPositionBody) -> tuple[WayMeasures, ...]:
        """The way that is stored, beside the same place from the other kind of access."""
        kept = self.vessels.kept(body.tree)
        if body.way is None:
            return ()
        if kept is None or not kept.shown.tree.has(body.segment):
            return (body.way,)
        own = body.way.access
        other = "radial_left" if own.startswith("femoral") else "femoral_right"
        key = (kept.item, body.segment, body.along_mm, other)
        if self._ways[0] != key:
            self._ways = (key, compared_accesses(kept.shown.tree, body.segment, body.along_mm, (other,)))
        return (body.way, *self._ways[1])

    def _line(self, item: PlanItem, body: CatheterPositionBody) -> PositionLine:
        session = self.vessels.session
        stale = session is not None and is_stale(session, item)
        return PositionLine(item.id, item.name, body.action, position_summary(body, self.names), stale)

    def _total(self, tree_id: str | None) -> tuple[ToneLine, ...]:
        session, live = self.vessels.session, None if tree_id is None else self.live.ready(tree_id)
        if session is None or not self.positions():
            return ()
        if live is None:
            return (ToneLine("◆ Not summed yet: the territories are being prepared.", "unknown"),)
        return total_lines(together(live, session), self.names)

    def _others(
        self, item: PlanItem | None, positions: tuple[tuple[PlanItem, CatheterPositionBody], ...]
    ) -> tuple[Choice, ...]:
        if item is None:
            return ()
        return (Choice("", "nothing"), *(Choice(each.id, each.name) for each, _ in positions if each.id != item.id))

    def _comparison(self, item: PlanItem | None) -> Comparison | None:
        session = self.vessels.session
        other = None if session is None or self._compared is None else session.item(self._compared)
        if item is None or other is None or other.id == item.id:
            return None
        return comparison_of(item.name, position_of(item), other.name, position_of(other), self.names)
