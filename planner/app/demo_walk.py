"""A session walked from stage to stage as the people of a hospital would: filled, overridden with a reason, signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from planner.app.digital_case import Clock
from planner.app.open_case import OpenCase
from planner.app.sessions import SessionDesk
from planner.errors import Cancelled
from planner.jobs import Context
from planner.model.session import SessionState
from planner.store.actors import SaveReason
from planner.workflow.examples import ExampleStage, example_stages
from planner.workflow.status import Status
from planner.workflow.template import Phase

FELLOW = "Dr J. Ferreira"
HOURS = {Phase.DECIDE: 9, Phase.PLAN: 14, Phase.DAY: 8, Phase.RECORD: 11, Phase.AFTER: 16}


def moment_at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment).astimezone()


def quiet(job: Context) -> Context:
    """For single acts of a walk: they tell nothing of the whole way, and can be cancelled like it."""

    def listen(fraction: float, text: str) -> None:
        del fraction, text
        if job.is_cancelled:
            raise Cancelled("cancelled by the operator")

    return Context(listen)


def walk_stages(
    opened: OpenCase,
    desk: SessionDesk,
    clock: Clock,
    steps: Sequence[ExampleStage],
    told: Mapping[str, Any],
    context: Context,
    *,
    before: Callable[[str], Mapping[str, Any]] | None = None,
) -> None:
    """Fill each stage, pass what asks with its reason, sign, and move the session on.

    Parameters
    ----------
    told
        ``overrides`` (stage -> finding code -> reason), ``states`` (stage -> states taken once it is signed) and
        ``look_again`` (stages in which marked items change what was signed before: that is signed again).
    before
        Called with the id of a stage when its turn comes: marks what a person marks then, and gives answers that
        follow from it.

    Raises
    ------
    InputRefused
        When a stage cannot be signed: the example and the template have come apart.
    """
    for number, step in enumerate(steps):
        stage = desk.template.stage(step.stage)
        context.step(number / len(steps), f"Stage {number + 1} of {len(steps)}: {stage.title}")
        clock.now = moment_at(step.day, time(HOURS[stage.phase], number))
        found = before(step.stage) if before is not None else {}
        for name, value in {**step.answers, **found}.items():
            desk.answer(step.stage, name, value, by=FELLOW)
        _pass(desk, step.stage, told["overrides"])
        if step.stage in told.get("look_again", ()):
            sign_again(desk, steps[:number], told["overrides"])
        for role, person in step.signed_by.items():
            desk.sign(step.stage, role=role, by=person, prepared_by=FELLOW)
        reason = SaveReason.SIGN
        if stage.freezes:
            desk.record_time_out(by=tuple(step.signed_by.values()))
            reason = SaveReason.TIME_OUT
        for state in told["states"].get(step.stage, ()):
            desk.advance(SessionState(state), by=next(iter(step.signed_by.values()), FELLOW))
        opened.save(reason)


def sign_again(desk: SessionDesk, steps: Sequence[ExampleStage], reasons: Mapping[str, Mapping[str, str]]) -> None:
    """Who signed what has changed since looks at it again."""
    for step in steps:
        if desk.status().stage(step.stage).status is Status.STALE:
            _pass(desk, step.stage, reasons)
            for role, person in step.signed_by.items():
                desk.sign(step.stage, role=role, by=person, prepared_by=FELLOW)


def _pass(desk: SessionDesk, stage_id: str, reasons: Mapping[str, Mapping[str, str]]) -> None:
    if stage_id not in reasons:
        return
    for finding in desk.status().stage(stage_id).findings:
        told = reasons[stage_id].get(finding.code)
        if finding.blocks and told is not None:
            desk.override(stage_id, finding, by=FELLOW, reason=told)


def changed_steps(
    base: str,
    changes: Sequence[str],
    day: date,
    *,
    lesions: tuple[str, ...],
    series: Mapping[str, str],
    items: Mapping[str, str] | None = None,
) -> list[ExampleStage]:
    """The stages of an example with what other examples answer differently, and on which day; the last one counts.

    Parameters
    ----------
    items
        Answers that stand for marked items (``@item:path:1``) -> id of the item.
    """
    place = items or {}
    steps = example_stages(base, day, lesions=lesions, series=series)
    for name in changes:
        own = {each.stage: each for each in example_stages(name, day, lesions=lesions, series=series)}
        for number, step in enumerate(steps):
            changed = own.get(step.stage)
            if changed is not None:
                steps[number] = replace(step, day=changed.day, answers={**step.answers, **changed.answers})
    filled = [{name: _placed(value, place) for name, value in step.answers.items()} for step in steps]
    return [replace(step, answers=answers) for step, answers in zip(steps, filled, strict=True)]


def _placed(value: Any, place: Mapping[str, str]) -> Any:
    return place.get(value, value) if isinstance(value, str) else value
