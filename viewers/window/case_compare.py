"""Two studies of one patient compared in the window: choosing, linking, showing; reached by Ctrl+K and the timeline."""

from __future__ import annotations

from collections.abc import Callable

from planner.app.new_studies import studies_to_link
from viewers.panels.compare_offer import CompareOffer
from viewers.panels.compare_panel import CompareActs, CompareContent, ComparePanel, Line
from viewers.panes.desk import Desk
from viewers.state.compare import COMPARE_LANDMARK, COMPARE_LAYOUTS, FUSED_LAYOUT, Change, ComparedPair
from viewers.state.compare_cursor import CompareLinking
from viewers.window.case_compare_maps import CompareMaps
from viewers.window.case_compare_match import CompareMatching
from viewers.window.case_compare_studies import choices, first_pair, in_order, pair_of
from viewers.window.case_compare_warp import CompareWarping
from viewers.window.case_work import CaseWork

FEWER_THAN_TWO = "This case has fewer than two studies to compare; open the other one first (Ctrl+O)."
NO_CASE = "Open a case first."
NOT_THERE = "One of the two studies has no images in this case."


class CaseCompare:
    """Keeps panel, panes and case in step.

    Parameters
    ----------
    toggled
        Called when `is_open` has become another: the stage makes room for the panel, or comes back.

    Attributes
    ----------
    panel
        Stands in the place of the stage while a layout of the comparison is shown.
    offer
        A quiet line above the panes: a study waits to be linked.
    """

    def __init__(self, desk: Desk, toggled: Callable[[], object]) -> None:
        self.desk, self.compare = desk, desk.state.compare
        self.work: CaseWork | None = None
        self._toggled = toggled
        self._panel_shown = False
        self._refreshing = False
        self._before = "mpr"
        self._put_off: frozenset[str] = frozenset()
        self.linking = CompareLinking(desk.state)
        self.matching = CompareMatching(desk, self.refresh, self.look_at_match)
        self.warping = CompareWarping(desk, self.refresh)
        self.maps = CompareMaps(desk, self.refresh)
        self.offer = CompareOffer(self.bring, self.put_off)
        compare = self.compare
        self.panel = ComparePanel(
            CompareActs(
                choose=lambda earlier, later: self.show_pair(ComparedPair(earlier, later)),
                match=self.match,
                accept=self.accept,
                reject=self.matching.reject,
                mark=self.mark,
                remove_mark=compare.remove_landmark,
                look_at_mark=self.look_at_landmark,
                show=desk.state.layout.set,
                mode=compare.use_mode,
                slide=compare.slide,
                tiles=compare.set_tiles,
                limit=compare.set_limit,
                show_map=desk.state.set_visible,
                compute=self.maps.compute,
                go_to=self.go_to,
                close=self.leave,
            )
        )
        state = desk.state
        state.layout.changed.connect(self._layout_changed)
        state.images.changed.connect(self.refresh)
        state.hidden_ids.changed.connect(lambda _: self.refresh())
        for value in (compare.look, compare.landmarks, compare.linked, compare.changes, compare.maps):
            value.changed.connect(lambda _: self.refresh())
        compare.wanted.connect(lambda pair: self.show_pair(pair))

    # Open and close

    @property
    def is_open(self) -> bool:
        """A layout of the comparison is shown."""
        return self.work is not None and self.desk.state.layout.value in COMPARE_LAYOUTS

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.work = work
        self._put_off = frozenset()
        self.matching.follow(work)
        self.warping.forget()
        self.maps.follow(work)
        self.compare.forget()
        if work is None and self.desk.state.layout.value in COMPARE_LAYOUTS:
            self.desk.state.layout.set(self._before)
        self.offer.show_study(None)
        self.refresh()

    def start(self) -> str | None:
        """Ctrl+K: the pair that was compared before, else the one most likely meant."""
        if self.work is None:
            return NO_CASE
        pair = self.compare.pair.value or first_pair(self.work.opened.case)
        return FEWER_THAN_TWO if pair is None else self.show_pair(pair)

    def bring(self) -> str | None:
        """A new study: the one that waits to be linked, beside the study it is linked to."""
        if self.work is None:
            return NO_CASE
        pair = first_pair(self.work.opened.case)
        return FEWER_THAN_TWO if pair is None else self.show_pair(pair)

    def show(self, earlier_uid: str, later_uid: str) -> str | None:
        """Compare what two identifiers mean: of series (with or without ``#part``), studies or frames of reference."""
        if self.work is None:
            return NO_CASE
        pair = pair_of(self.work.opened.case, earlier_uid, later_uid)
        return NOT_THERE if pair is None else self.show_pair(in_order(self.work.opened.case, pair))

    def show_pair(self, pair: ComparedPair) -> str | None:
        """These two series, loaded when they are not yet; a sentence when they cannot be compared."""
        work = self.work
        if work is None:
            return NO_CASE
        if pair.earlier == pair.later:
            return "Choose two different series."
        self.compare.compare(pair)
        if self.desk.state.layout.value not in COMPARE_LAYOUTS:
            self.desk.state.layout.set(COMPARE_LAYOUTS[0])
        work.series.load_keys([pair.later, pair.earlier])
        self.refresh()
        return None

    def leave(self) -> None:
        """Back to the layout before."""
        if self.desk.state.active_tool.value == COMPARE_LANDMARK:
            self.desk.tools.escape()
        self.desk.state.layout.set(self._before)

    def put_off(self) -> None:
        """Not now: this study is not offered again while the case is open."""
        if self.offer.frame_uid is not None:
            self._put_off |= {self.offer.frame_uid}
        self.refresh()

    def _layout_changed(self, key: str) -> None:
        if key not in COMPARE_LAYOUTS:
            self._before = key
        elif self.work is not None and self.compare.pair.value is None:
            pair = first_pair(self.work.opened.case)
            if pair is not None:
                self.show_pair(pair)
                return
        self.linking.meet()
        self.refresh()

    # Acts

    def match(self, organ: str, model: str) -> str | None:
        """Match in the background; both studies over each other when it is done."""
        return self.matching.match(organ, model)

    def look_at_match(self) -> None:
        """A match has come: both studies over each other; elsewhere it is said that it waits."""
        if self.is_open:
            self.desk.state.layout.set(FUSED_LAYOUT)
        elif self.work is not None:
            self.work.said.emit("The match of the two studies waits for your review: Ctrl+K.")

    def accept(self) -> str | None:
        """The match counts from now on; the studies stand side by side, linked."""
        refusal = self.matching.accept()
        if refusal is None:
            self.desk.tools.escape()
            self.linking.meet()
        return refusal

    def mark(self) -> str | None:
        """Both studies beside each other, and the tool that clicks the same place in each."""
        if self.matching.volumes() is None:
            return "Both studies have to be loaded first."
        if self.desk.state.layout.value == FUSED_LAYOUT:
            self.desk.state.layout.set(COMPARE_LAYOUTS[0])
        self.desk.tools.pick(COMPARE_LANDMARK)
        return None

    def look_at_landmark(self, number: int) -> None:
        """Both studies at a landmark."""
        pairs, volumes = self.compare.landmarks.value, self.matching.volumes()
        if volumes is None or not 0 <= number < len(pairs):
            return
        for volume, place in zip(volumes, (pairs[number].later_lps_mm, pairs[number].earlier_lps_mm), strict=True):
            if place is not None:
                self.desk.state.move_cursor(volume.grid.frame_uid, place)

    def go_to(self, change: Change) -> None:
        """Both studies where something changed."""
        volumes = self.matching.volumes()
        if volumes is not None and change.place_lps_mm is not None:
            self.desk.state.move_cursor(volumes[0].grid.frame_uid, change.place_lps_mm)

    # What is shown

    def refresh(self) -> None:
        """Bring link, warped study and panel up to date; asked for again meanwhile, it is done once."""
        if self._refreshing:
            return
        self._refreshing = True
        try:
            self._offer()
            if self.is_open:
                self.matching.refresh()
                if self.desk.state.layout.value == FUSED_LAYOUT:
                    self.warping.refresh()
                self.panel.show_content(self._content())
            self._show_panel()
        finally:
            self._refreshing = False

    def _show_panel(self) -> None:
        """The panel in the place of the stage, or the stage again."""
        if self.is_open != self._panel_shown:
            self._panel_shown = self.is_open
            self.panel.setVisible(self.is_open)
            self._toggled()

    def _content(self) -> CompareContent:
        work, compare = self.work, self.compare
        if work is None:
            return CompareContent()
        pair, volumes = compare.pair.value, self.matching.volumes()
        ready = volumes is not None and not compare.refused.value
        waits = self.matching.waiting is not None and not compare.refused.value
        two_frames = volumes is not None and volumes[0].grid.frame_uid != volumes[1].grid.frame_uid
        return CompareContent(
            studies=choices(work.opened.case),
            earlier=None if pair is None else pair.earlier,
            later=None if pair is None else pair.later,
            link=self._link_lines(),
            can_match=ready and two_frames,
            matching=self.matching.is_matching,
            waits=waits,
            linked=compare.link is not None,
            reviewer=work.who,
            quality=self.matching.quality() if waits else (),
            landmarks=self.matching.landmark_lines(),
            look=compare.look.value,
            fused_shown=self.desk.state.layout.value == FUSED_LAYOUT,
            maps=compare.maps.value,
            hidden=self.desk.state.hidden_ids.value,
            can_compute=compare.link is not None,
            computed=self.maps.is_computed,
            changes=compare.changes.value,
            notes=self.maps.notes,
        )

    def _link_lines(self) -> tuple[Line, ...]:
        compare = self.compare
        if compare.refused.value:
            return ((f"■ {compare.refused.value}", "block"),)
        if self.matching.volumes() is None:
            return (("· loading", ""),)
        linked = compare.linked.value
        if linked is None:
            return (("○ not linked: match the two studies, then review the match", "warn"),)
        if not linked.reviewed:
            return (("○ a match waits for your review; nothing is compared before", "warn"),)
        return ((f"✓ {linked.words}", ""),)

    def _offer(self) -> None:
        """A study without a reviewed link, unless it is being compared or was put off."""
        work = self.work
        if work is None or self.is_open:
            self.offer.show_study(None)
            return
        waiting = [each for each in studies_to_link(work.opened.case) if each.frame_uid not in self._put_off]
        self.offer.show_study(waiting[0] if waiting else None, len(waiting))
