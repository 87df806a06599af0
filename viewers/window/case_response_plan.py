"""Session n+1 from session n in the window: targets chosen on newer images, what is carried over, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog

from planner.app.lesion_shapes import RESIDUAL, day_of, lesion_regions, study_days
from planner.app.next_plan import ChangedRow, carried_over, plan_next, what_changed
from planner.app.sessions import local_now
from planner.errors import OperatorError
from planner.model.case import Case
from planner.model.items import PlanItem, RegionBody
from planner.model.session import Session
from planner.units import shown
from planner.workflow.carry_over import CarriedRow
from planner.workflow.template import Choice
from viewers.panels.next_step_plan import CarriedDialog, NextPlanActs, NextPlanDialog, NextPlanOffer, TargetOffer

if TYPE_CHECKING:
    from viewers.window.main_window import MainWindow

NO_SESSION = "Open the session that the next one starts from."
NO_TARGETS = (
    "Nothing is drawn on images newer than this session. Mark the viable tumour on the follow-up first, or start "
    "without targets: they can be marked in the new session."
)


class CaseNextPlan:
    """Offers the next session, and what earlier ones say to the open one; `dialog` is the newest."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.dialog: QDialog | None = None

    @property
    def has_targets(self) -> bool:
        """Whether newer images show something that can be chosen: then starting is a choice."""
        work = self.window.work
        desk = work.session_desk if work is not None else None
        return work is not None and desk is not None and bool(target_offers(work.opened.case, desk.session))

    def ask(self) -> None:
        """The dialog, from the open session."""
        work = self.window.work
        desk = work.session_desk if work is not None else None
        if work is None or desk is None:
            self.window.say(NO_SESSION)
            return
        if desk.session.performed_on is None:
            self.window.say(f"{desk.session.title} has not been performed yet: a next session starts from its record.")
            return
        templates = self.window.installed.templates
        choices = tuple(Choice(each.id, each.title) for each in templates.values())
        earlier = desk.session
        count = sum(each.template.id == earlier.template.id for each in work.opened.case.sessions) + 1
        offer = NextPlanOffer(
            earlier=earlier.title,
            title=f"{templates[earlier.template.id].title} {count}",
            templates=choices,
            template_id=earlier.template.id,
            targets=target_offers(work.opened.case, earlier),
            no_targets=NO_TARGETS,
        )
        self.dialog = NextPlanDialog(offer, NextPlanActs(self.preview, self.start), self.window)
        self.dialog.open()

    def preview(
        self, template_id: str, targets: tuple[str, ...]
    ) -> tuple[tuple[CarriedRow, ...], tuple[ChangedRow, ...]] | str:
        """What the new session would be told; the case stays as it is."""
        work = self.window.work
        desk = work.session_desk if work is not None else None
        if work is None or desk is None:
            return NO_SESSION
        templates = self.window.installed.templates
        try:
            trial, session_id = plan_next(
                work.opened.case,
                desk.session_id,
                templates[template_id],
                desk.profile,
                now=local_now(),
                targets=targets,
            )
            rows = carried_over(trial, session_id, templates)
            return rows, what_changed(trial, desk.session_id, session_id, templates)
        except OperatorError as error:
            return error.message

    def start(self, template_id: str, targets: tuple[str, ...], title: str) -> str | None:
        """Start it as one step of undo, and open it."""
        work = self.window.work
        desk = work.session_desk if work is not None else None
        if work is None or desk is None:
            return NO_SESSION
        template, made = self.window.installed.templates[template_id], []

        def edit(case: Case) -> Case:
            planned, session_id = plan_next(
                case, desk.session_id, template, desk.profile, now=local_now(), title=title or None, targets=targets
            )
            made.append(session_id)
            return planned

        refusal = work.apply("Start next session", lambda: edit)
        if refusal is None:
            work.use_session(made[-1])
            work.load_images()
            self.window.say("A new session was started from the one before; what is carried over is marked for review.")
        return refusal

    def show_carried(self) -> None:
        """What earlier sessions say to the open one."""
        work = self.window.work
        desk = work.session_desk if work is not None else None
        if work is None or desk is None:
            self.window.say("Open a session first.")
            return
        case, templates, before = work.opened.case, self.window.installed.templates, desk.session.started_from
        rows = carried_over(case, desk.session_id, templates)
        known = before is not None and case.session(before) is not None
        changed = what_changed(case, str(before), desk.session_id, templates) if known else ()
        self.dialog = CarriedDialog(desk.session.title, rows, changed, self.window)
        self.dialog.open()


def target_offers(case: Case, earlier: Session) -> tuple[TargetOffer, ...]:
    """Regions drawn on images that are newer than a session; the viable parts first."""
    found: list[tuple[bool, TargetOffer]] = []
    for day in reversed(study_days(case)):
        if earlier.performed_on is None or day.on is None or day.on <= earlier.performed_on:
            continue
        for _, item, body in lesion_regions(case, day):
            found.append((item.tool != RESIDUAL, TargetOffer(item.id, _words(case, item, body))))
    return tuple(offer for _, offer in sorted(found, key=lambda each: each[0]))


def _words(case: Case, item: PlanItem, body: RegionBody) -> str:
    lesion = case.lesion(body.lesion_id or "")
    parts = [item.name]
    if lesion is not None and lesion.name != item.name:
        parts.append(f"of {lesion.name}")
    if lesion is None or lesion.identity_by is None:
        parts.append("identity not confirmed")
    if item.tool == RESIDUAL:
        parts.append("viable part")
    on = day_of(case, item).on
    parts += [on.isoformat()] if on is not None else []
    parts.append(shown(body.longest_mm, "mm"))
    parts += [shown(body.volume_ml, "mL")] if body.volume_ml is not None else []
    return " · ".join(parts)
