"""Feeders of the open session's lesions in the window: searched in a job, judged by a person, shown in every pane."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

from planner.app.feeders import (
    FeederGrounds,
    accept,
    add_by_hand,
    feeder_findings,
    grounds,
    item_of_lesion,
    measured_feeders,
    put_feeders,
    reject,
    seen_on,
)
from planner.errors import OperatorError
from planner.jobs import Context
from planner.model.disease import Lesion
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem, RegionBody
from planner.model.vessel_items import FeederRow, FeedersBody
from planner.model.vessel_reading import all_feeders_of, body_digest, feeders_of
from planner.units import shown
from viewers.panels.feeder_panel import (
    FeederActs,
    FeederContent,
    FeederLine,
    FeederPanel,
    LesionFeeders,
    OutsideLine,
)
from viewers.state.vessel_words import segment_name, spoken_vessel
from viewers.state.vessels import MAIN, MINOR, PASSES, Supply, VesselPlace
from viewers.window.case_vessel_base import NO_SESSION, VesselSession

NO_ARTERIES = "Find the arteries first: feeders are looked for on their tree."
STALE_CODE = "feeders-stale"
SUPPLY = MappingProxyType({True: "main", False: "minor", None: "unknown"})
UNVERIFIED = ("M", "P")


class VesselFeeders:
    """The feeders panel, and what it asks for."""

    def __init__(self, vessels: VesselSession) -> None:
        self.vessels, self.desk = vessels, vessels.desk
        self.panel = FeederPanel(
            FeederActs(find=self.find, look=self.look, accept=self.accept, reject=self.reject, add=self.add)
        )
        self._looked: tuple[str, str] | None = None

    def forget(self) -> None:
        self._looked = None

    # What the panel shows

    def refresh(self) -> None:
        """Show everything anew."""
        self._keep_supply()
        if self.panel.isHidden():
            return
        chosen = self.desk.state.vessels.chosen.value
        kept = None if chosen is None else self.vessels.kept(chosen.tree_id)
        words = ""
        if (
            kept is not None
            and chosen is not None
            and kept.body.kind == "artery"
            and kept.shown.tree.has(chosen.segment)
        ):
            words = segment_name(kept.shown.tree, chosen.segment)
        lesions = tuple(self._lesion(each) for each in self.lesions())
        key = "" if chosen is None else chosen.segment
        self.panel.show_content(FeederContent(lesions, words, key, self.tree_id() is not None))

    def lesions(self) -> tuple[Lesion, ...]:
        """Those that are marked in this session, in the order of the case."""
        work = self.vessels.work
        marked = {mark.body.lesion_id for mark in self.desk.marks.marks.value if isinstance(mark.body, RegionBody)}
        return tuple(each for each in work.opened.case.lesions if each.id in marked) if work is not None else ()

    def tree_id(self) -> str | None:
        """The arteries that feeders are looked for on: those on show, else the first."""
        arteries = [key for key, each in self.vessels.trees.items() if each.body.kind == "artery"]
        on_show = self.desk.state.vessels.on_show.value
        return on_show if on_show in arteries else next(iter(arteries), None)

    def item(self, lesion_id: str) -> PlanItem | None:
        session = self.vessels.session
        return None if session is None else item_of_lesion(session, lesion_id)

    def _lesion(self, lesion: Lesion) -> LesionFeeders:
        item, session = self.item(lesion.id), self.vessels.session
        if item is None or session is None:
            return LesionFeeders(lesion.id, lesion.name)
        body = feeders_of(item)
        against = feeder_findings(session, item)
        selected = self._looked[1] if self._looked is not None and self._looked[0] == lesion.id else None
        return LesionFeeders(
            lesion.id,
            lesion.name,
            True,
            tuple(self._line(each, body, SUPPLY[each.main]) for each in body.feeders),
            tuple(self._line(each, body, "") for each in body.candidates),
            tuple(
                OutsideLine(
                    spoken_vessel("artery", each.artery),
                    each.reason,
                    f"{each.source} [{each.tag}]",
                    each.tag in UNVERIFIED,
                )
                for each in body.outside
            ),
            "".join(each.text for each in against if each.code == STALE_CODE),
            tuple(each.text for each in against if each.code != STALE_CODE),
            " ".join((*body.findings, seen_on(body, self.vessels.taken_on(body.series)))),
            selected,
        )

    def _line(self, row: FeederRow, body: FeedersBody, supply: str) -> FeederLine:
        kept = self.vessels.kept(body.tree)
        name = f"Vessel {row.segment}"
        if kept is not None and kept.shown.tree.has(row.segment):
            name = segment_name(kept.shown.tree, row.segment)
        facts = ["calibre unknown" if row.diameter_mm is None else f"Ø {shown(row.diameter_mm, 'mm', digits=1)}"]
        if row.length_from_root_mm is not None:
            facts.append(f"{shown(row.length_from_root_mm, 'mm', digits=0)} from the root")
        if row.total_turning_deg is not None:
            facts.append(f"turns {row.total_turning_deg:.0f}° in all")
        return FeederLine(row.segment, name, supply, " · ".join(facts), row.reason, row.doubtful, row.by_person)

    # Acts

    def find(self, lesion_id: str | None) -> str | None:
        """Search one lesion's feeders, or those of all, in one job; one step of undo."""
        work, session, tree_id = self.vessels.work, self.vessels.session, self.tree_id()
        if work is None or session is None:
            return NO_SESSION
        if tree_id is None:
            return NO_ARTERIES
        wanted = [each.id for each in self.lesions() if lesion_id in (None, each.id)]
        if not wanted:
            return "Mark a lesion on these images first."
        volume = self.vessels.volume_of(tree_id)
        try:
            given = [
                grounds(work.opened.library, work.opened.case, session, each, tree_id=tree_id, volume=volume)
                for each in wanted
            ]
        except OperatorError as error:
            return error.message
        digest = given[0].tree_digest

        def search(context: Context) -> list[FeedersBody]:
            share = 1.0 / len(given)
            return [
                measured_feeders(each, context=context.part(share * number, share * (number + 1)))
                for number, each in enumerate(given)
            ]

        self.desk.jobs.submit(
            "Finding feeders",
            search,
            lambda found: self._put(given, found),
            still_valid=lambda: self._tree_is(tree_id, digest),
            group="feeders",
        )
        return None

    def _tree_is(self, tree_id: str, digest: str) -> bool:
        session = self.vessels.session
        tree = None if session is None else session.item(tree_id)
        return tree is not None and body_digest(tree) == digest

    def _put(self, given: list[FeederGrounds], found: list[FeedersBody]) -> None:
        work, session = self.vessels.work, self.vessels.session
        if work is None or session is None:
            return
        names = {each.id: each.name for each in work.opened.case.lesions}
        step = new_id("feeders")
        for ground, body in zip(given, found, strict=True):
            name = f"Feeders of {names.get(body.lesion_id, body.lesion_id)}"
            self.vessels.apply(
                "Find feeders",
                partial(put_feeders, session.id, body, ground.tree.frame_uid, name=name, by=work.opened.actor),
                step,
            )
        first = next((body for body in found if body.feeders), None)
        if first is not None:
            self.look(first.lesion_id, first.feeders[0].segment)
        self.refresh()

    def look(self, lesion_id: str, segment: str) -> None:
        """The way to a vessel is highlighted in 3D, in the slices and in the diagram, and all panes go to its entry."""
        item = self.item(lesion_id)
        if item is None:
            return
        body = feeders_of(item)
        row = next((each for each in (*body.feeders, *body.candidates) if each.segment == segment), None)
        kept = self.vessels.kept(body.tree)
        if row is None or kept is None or not kept.shown.tree.has(segment):
            return
        self._looked = (lesion_id, segment)
        vessels = self.desk.state.vessels
        found = kept.shown.tree.nearest(row.entry_lps_mm, (segment,))
        place = VesselPlace(body.tree, segment, 0.0 if found is None else found.along_mm)
        vessels.injection.set(None)
        vessels.way.set(place)
        vessels.choose(place)
        self.desk.state.move_cursor(item.frame_uid, row.entry_lps_mm)
        self.refresh()

    def _keep_supply(self) -> None:
        """How each vessel stands to the lesion looked at, while its feeders are those of the tree on show."""
        vessels, session = self.desk.state.vessels, self.vessels.session
        kept = () if session is None else all_feeders_of(session.items)
        vessels.fed.set(frozenset((body.tree, row.segment) for _, body in kept for row in body.feeders))
        if vessels.injection.value is not None:
            # What a catheter reaches is on show: one thing at a time.
            vessels.supply.set(None)
            return
        item = None if self._looked is None else self.item(self._looked[0])
        if item is None or self._looked is None:
            vessels.supply.set(None)
            if self._looked is not None:
                self._looked = None
                vessels.way.set(None)
            return
        body = feeders_of(item)
        standing = {each.segment: PASSES for each in body.candidates}
        standing |= {each.segment: MINOR if each.main is False else MAIN for each in body.feeders}
        vessels.supply.set(Supply(body.tree, self._looked[0], MappingProxyType(standing)))

    def accept(self, lesion_id: str, segment: str) -> str | None:
        return self._decide(
            "Accept feeder", lesion_id, lambda session_id, item_id: accept(session_id, item_id, segment)
        )

    def reject(self, lesion_id: str, segment: str) -> str | None:
        return self._decide(
            "Reject feeder", lesion_id, lambda session_id, item_id: reject(session_id, item_id, segment)
        )

    def _decide(self, label: str, lesion_id: str, act: Callable[[str, str], Edit]) -> str | None:
        item, session = self.item(lesion_id), self.vessels.session
        if item is None or session is None:
            return NO_SESSION
        return self.vessels.apply(label, lambda: act(session.id, item.id))

    def add(self, lesion_id: str) -> str | None:
        """The vessel chosen feeds the lesion, by a person's word."""
        work, session, item = self.vessels.work, self.vessels.session, self.item(lesion_id)
        chosen = self.desk.state.vessels.chosen.value
        if work is None or session is None or item is None:
            return NO_SESSION
        if chosen is None:
            return "Choose the vessel first: a click on it."
        body = feeders_of(item)
        if chosen.tree_id != body.tree:
            return "The vessel chosen is of another tree than these feeders."
        try:
            given = grounds(work.opened.library, work.opened.case, session, lesion_id, tree_id=body.tree)
        except OperatorError as error:
            return error.message
        return self.vessels.apply(
            "Add feeder", lambda: add_by_hand(given, session.id, item.id, chosen.segment, chosen.along_mm)
        )
