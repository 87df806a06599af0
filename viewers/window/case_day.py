"""The day in the window: the scan of a stage matched and reviewed, the plan moved over, the margin achieved."""

from __future__ import annotations

import numpy as np

from planner.imaging import Volume
from planner.imaging.rigid_registration import RigidMatch
from planner.model.needle_items import AblationMarginBody
from planner.units import shown
from planner.workflow.template import Stage
from viewers.panels.day_panel import DayActs, DayContent, DayPanel, Line
from viewers.panels.match_dialog import MatchDialog
from viewers.panes.desk import Desk
from viewers.state.day import ENOUGH_FOR_ERROR, LANDMARK_TOOL, ZONE_TOOL
from viewers.state.margins import least
from viewers.window.case_day_match import BESIDE, COMPLETION, LEAST_PAIRS, RIGHT_PANE, TODAY, DayMatching
from viewers.window.case_day_zone import AchievedMargins
from viewers.window.case_margins import CaseMargins
from viewers.window.case_work import CaseWork

TITLES = {TODAY: "Today's scan", COMPLETION: "Completion scan"}
NO_ERROR = "▲ the error is not known: mark at least four landmarks in both scans"


class CaseDay:
    """Keeps the panel of the day in step; see `DayMatching` and `AchievedMargins` for the acts.

    Attributes
    ----------
    dialog
        The review, while it is open, or the last one.
    """

    def __init__(self, desk: Desk, margins: CaseMargins) -> None:
        self.desk, self.margins, self.needles = desk, margins, margins.needles
        self.matching = DayMatching(margins.live, margins.acts, self.refresh)
        self.zones = AchievedMargins(self.matching, self.refresh)
        self.matching.reviewing = self.review
        self.dialog: MatchDialog | None = None
        day = desk.state.day
        desk.state.active_tool.changed.connect(self._tool_changed)
        self.panel = DayPanel(
            DayActs(
                mark=self.matching.mark_landmarks,
                remove=day.remove,
                look=self.matching.look_at,
                match_images=self.matching.match_images,
                match_landmarks=self.matching.match_landmarks,
                review=self.review,
                move=self.matching.move,
                click_zone=self.click_zone,
                measure=self.zones.measure,
                put=self.zones.put,
            )
        )

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        del work
        self.matching.forget()
        self.zones.forget()
        if self.dialog is not None:
            self.dialog.close()

    def show_stage(self, stage: Stage) -> None:
        """The panel stands in stages that name a scan of the day; panes follow the scan that the plan lies on."""
        live = self.margins.live
        roles = [field.role for field in stage.fields if field.role in (TODAY, COMPLETION)]
        wanted = bool(roles) and self.needles.template is not None
        completion = wanted and roles[0] == COMPLETION and live.plans_ablation
        if live.planned_on_show == completion:
            live.planned_on_show = not completion
            live.refresh()
        if self.matching.stage is not None and self.matching.stage.id != stage.id:
            self.matching.leave_landmarks()
        if wanted:
            self.matching.show(stage, str(roles[0]))
        else:
            self.matching.forget()
        if completion:
            self.zones.show()
        self._follow_plan(stage)
        self.panel.setVisible(wanted)
        if wanted:
            self.refresh()

    def _tool_changed(self, tool: str) -> None:
        del tool
        if self.panel.isVisible():
            self.refresh()

    def _follow_plan(self, stage: Stage) -> None:
        """The images that needles and target lie on lead: after the plan was moved that is today's scan."""
        if self.needles.template is None or not {"needle", "zone"} & set(stage.tools):
            return
        target, session = self.margins.live.target, self.needles.session
        frame = None if target is None else target.frame_uid
        if frame is None and session is not None:
            frames = [item.frame_uid for item in session.items if item.type == "needle-path"]
            frame = frames[-1] if frames else None
        primary = self.desk.state.images.primary
        found = None if frame is None else self.needles.volume_of(frame)
        if found is not None and (primary is None or primary.grid.frame_uid != frame):
            self.desk.state.images.set_primary(found[0])

    def click_zone(self) -> str | None:
        """The completion scan beside the plan's, and the tool that clicks a zone in it."""
        scans = self.matching.scans()
        if scans is None:
            return "Name and load the completion scan first."
        self.desk.state.layout.set(BESIDE)
        self.desk.state.pane(RIGHT_PANE).series.set(scans[1])
        self.desk.tools.pick(ZONE_TOOL)
        return None

    # The review

    def review(self) -> None:
        """The match that waits, with both scans over each other."""
        candidate = self.matching.candidate
        if candidate is None:
            return
        if self.dialog is not None:
            self.dialog.close()
        self.dialog = MatchDialog(
            (candidate.fixed, candidate.moved()), self._place(candidate.fixed), self.matching.use, self.panel.window()
        )
        self.dialog.show_lines(match_lines(candidate.match))
        self.dialog.show()

    def _place(self, fixed: Volume) -> np.ndarray:
        """The middle of the target where it lies on the fixed scan, else its crosshair."""
        frame = fixed.grid.frame_uid
        marks = self.desk.marks
        for mark in reversed(marks.marks.value):
            if marks.is_lesion(mark.id) and mark.item.frame_uid == frame:
                place = marks.place_lps_mm(mark.id)
                if place is not None:
                    return np.array(place)
        return np.array(self.desk.state.cursor_lps_mm(frame))

    # What is shown

    def refresh(self) -> None:
        """Show everything anew."""
        session, stage = self.needles.session, self.matching.stage
        if session is None or stage is None:
            self.panel.show_content(DayContent())
            return
        matching, candidate = self.matching, self.matching.candidate
        ready = matching.volumes() is not None
        if self.dialog is not None and self.dialog.isVisible() and candidate is not None:
            self.dialog.show_lines(match_lines(candidate.match))
        completion = matching.role == COMPLETION and self.margins.live.plans_ablation
        content = DayContent(
            title=TITLES[matching.role],
            scans=self._scan_words(),
            landmarks=self._landmark_lines(),
            match=self._match_lines(),
            can_match=ready,
            can_landmarks=ready and len(self.desk.state.day.whole_pairs) >= LEAST_PAIRS,
            waits=candidate is not None,
            plan=self._plan_line() if matching.role == TODAY else None,
            can_move=matching.can_move(),
            zone=self._zone_lines() if completion else None,
            margin=self._margin_lines() if completion else (),
            said=self._said_lines() if completion else (),
            can_measure=completion and self.zones.zone() is not None and self.margins.live.target is not None,
            can_put=completion and self.zones.measured is not None and self.zones.is_current(self.zones.digest),
        )
        self.panel.show_content(content)

    def _scan_words(self) -> tuple[str, ...]:
        volumes = self.matching.volumes()
        if volumes is None:
            return (f"Choose the series of {self.matching.words} below, and load the scan the plan lies on.",)
        return tuple(
            f"{word}: {_scan_words(volume)}"
            for word, volume in zip(("Plan lies on", "Matched with"), volumes, strict=True)
        )

    def _landmark_lines(self) -> tuple[str, ...]:
        """Folded away once the match is reviewed, until they are marked again."""
        candidate = self.matching.candidate
        marking = self.desk.state.active_tool.value == LANDMARK_TOOL
        if candidate is None and self.matching.link() is not None and not marking:
            return ()
        error = None if candidate is None else candidate.match.error
        lines, whole = [], 0
        for number, pair in enumerate(self.desk.state.day.pairs.value, start=1):
            text = f"Landmark {number}"
            if not pair.whole:
                text += ": clicked in one scan"
            elif error is not None and whole < len(error.target_mm):
                text += f": {shown(float(error.target_mm[whole]), 'mm', digits=1)}"
            whole += pair.whole
            lines.append(text)
        return tuple(lines)

    def _match_lines(self) -> tuple[Line, ...]:
        candidate, link = self.matching.candidate, self.matching.link()
        if candidate is not None:
            return (("○ a match waits for your review", "warn"), *match_lines(candidate.match))
        if link is None:
            return (("○ not matched yet", ""),)
        by = f"✓ reviewed by {link.reviewed_by}"
        when = "" if link.reviewed_at is None else f", {link.reviewed_at:%Y-%m-%d %H:%M}"
        error = f"mean error {shown(link.residual_mm, 'mm', digits=1)} at {link.landmarks} landmarks"
        told = (error, "") if link.residual_mm is not None else (NO_ERROR, "warn")
        return ((by + when, ""), told, *(((link.note, ""),) if link.note else ()))

    def _plan_line(self) -> Line:
        if self.matching.is_moved():
            return "✓ needles lie on today's scan; their read-out comes from it", ""
        if self.matching.can_move():
            return "The plan lies on the planning CT. Moved over, needles are measured on today's scan.", ""
        if self.matching.link() is None:
            return "The plan moves over when the match is reviewed.", ""
        return "Nothing of the plan lies on the planning CT any more.", ""

    def _zone_lines(self) -> tuple[Line, ...]:
        if self.zones.problem:
            return ((self.zones.problem, "warn"),)
        zone = self.zones.zone()
        if zone is None:
            return (("○ the zone is not marked yet", ""),)
        return ((f"✓ {zone.name}", ""), *((each, "") for each in self.zones.notes))

    def _margin_lines(self) -> tuple[tuple[str, str], ...]:
        found = self.zones.measured
        if found is None or not self.zones.is_current(self.zones.digest):
            return ()
        return achieved_lines(found.body)

    def _said_lines(self) -> tuple[Line, ...]:
        session, found = self.needles.session, self.zones.measured
        lines: list[Line] = []
        if session is not None:
            stored = self.zones.stored(session)
            if stored is not None:
                lines.append(
                    ("↻ the margin in the plan no longer holds: target or zone changed", "warn")
                    if stored[1]
                    else ("✓ an achieved margin of this target is in the plan", "")
                )
        if found is not None and self.zones.is_current(self.zones.digest):
            marks = {"block": "■", "warn": "▲", "info": "●"}
            lines += [(f"{marks[each.severity.value]} {each.text}", each.severity.value) for each in found.findings]
        return tuple(lines)


def match_lines(match: RigidMatch) -> tuple[Line, ...]:
    """Error first; a surrogate is never called one."""
    error = match.error
    lines: list[Line] = []
    if error is None:
        lines.append((NO_ERROR, "warn"))
    else:
        many = len(error.target_mm)
        mean, most = shown(error.mean_mm, "mm", digits=1), shown(error.most_mm, "mm", digits=1)
        lines.append((f"target registration error {mean} on the mean, {most} at most ({error.basis}, {many})", ""))
        if many < ENOUGH_FOR_ERROR:
            lines.append((NO_ERROR, "warn"))
    if match.likeness is not None:
        lines.append((f"correlation of the images {match.likeness:.2f}", ""))
    if match.surfaces is not None:
        mean, far = shown(match.surfaces.mean_mm, "mm", digits=1), shown(match.surfaces.p95_mm, "mm", digits=1)
        lines.append((f"organ surfaces {mean} apart, 95 % within {far}: no registration error", ""))
    return (*lines, *((each, "") for each in match.notes))


def achieved_lines(body: AblationMarginBody) -> tuple[tuple[str, str], ...]:
    """The margin with its registration's error beside it; without one there is no number."""
    if body.registration_error_mm is None:
        return (
            ("Margin achieved", "not measurable: the registration's error is not known"),
            ("Why", body.registration_note),
        )
    wanted = "" if body.required_mm is None else f", wanted {shown(body.required_mm, 'mm', digits=0)}"
    percentile = shown(body.mean.percentile_5_mm, "mm", digits=1)
    lines = [
        ("Margin achieved", f"least {least(body.mean)}{wanted}, 5th percentile {percentile}"),
        ("Registration", f"± {shown(body.registration_error_mm, 'mm', digits=1)}; {body.registration_note}"),
    ]
    if body.within_registration_error:
        lines.append(("▲", "the margin is not larger than the registration's error"))
    if body.excluded_fraction is not None:
        kept = "no surface left" if body.without_capsule is None else f"least {least(body.without_capsule)}"
        lines.append(("Without capsule", f"{kept}; {100.0 * body.excluded_fraction:.0f} % of the surface left out"))
    lines.append(("Target left", shown(body.mean.uncovered_ml, "mL", digits=2)))
    return tuple(lines)


def _scan_words(volume: Volume) -> str:
    source = volume.source
    return " · ".join(each for each in (source.description or "images", source.study_date or "undated") if each)
