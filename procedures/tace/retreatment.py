"""ART and ABCR: what changed from before the last session to now. Advice only; both fail external validation (R7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from planner.findings import Finding
from planner.model.session import Session
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import (
    Known,
    against,
    as_date,
    from_rule,
    laboratory,
    limit,
    not_evaluated,
    number,
    ruled,
    unknown_value,
)
from procedures.tace.liver_scores import bclc_result, child_pugh_result, liver_laboratory
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import tumour_of

RESPONDED = {"CR": True, "PR": True, "SD": False, "PD": False}


def session_before(context: StageContext) -> Session | None:
    """The session this one was started from."""
    wanted = context.session.started_from
    return context.case.session(wanted) if wanted else None


def context_then(context: StageContext, earlier: Session) -> StageContext | None:
    """The same questions with the answers and the laboratory of before the earlier session."""
    on = as_date(earlier.answer("sign_out", "performed_on")) or earlier.performed_on
    if on is None:
        return None
    moment = datetime.combine(on, time(0), context.now.tzinfo or UTC)
    return replace(context, session=earlier, now=moment)


def _child_pugh(context: StageContext) -> float | None:
    result, _, _ = child_pugh_result(context)
    return result.number("total") if result else None


def _ast(context: StageContext) -> Known:
    return laboratory(context, "ast", context.limit("bilirubin_window_days"))


@REGISTRY.compute("retreatment_scores")
def retreatment_scores(context: StageContext) -> list[Computed]:
    earlier = session_before(context)
    then = context_then(context, earlier) if earlier else None
    if earlier is None or then is None:
        why = (
            "this is the first session of its course" if earlier is None else "the day of the session before is unknown"
        )
        return [unknown_value("art", "ART", why, "art"), unknown_value("abcr", "ABCR", why, "abcr")]
    before, now = _child_pugh(then), _child_pugh(context)
    response = RESPONDED.get(str(earlier.answer("outcome", "overall")))
    ast = (_ast(then), _ast(context))
    printed = {
        "Child-Pugh before": "–" if before is None else f"{before:g}",
        "Child-Pugh now": "–" if now is None else f"{now:g}",
        "AST before": ast[0].printed(),
        "AST now": ast[1].printed(),
        "response": {True: "yes", False: "no", None: "not known"}[response],
    }
    art = {
        "child_pugh_before_1": before,
        "child_pugh_before_2": now,
        "ast_before_1": ast[0],
        "ast_before_2": ast[1],
        "radiological_response": response,
    }
    tumour = tumour_of(context)
    stage = None if tumour.missing else bclc_result(context, tumour).grade
    abcr = {
        "afp": liver_laboratory(context, "afp"),
        "bclc": stage,
        "child_pugh_increase": None if before is None or now is None else now - before,
        "response": response,
    }
    return [
        from_rule(ruled(context, "art", art), "points", "art", "ART", inputs=printed),
        from_rule(ruled(context, "abcr", abcr), "points", "abcr", "ABCR", inputs={**printed, "BCLC": stage or "–"}),
    ]


@REGISTRY.check("repeat_interval")
def repeat_interval(context: StageContext) -> list[Finding]:
    """Days from the session before to the planned day, against the earliest of the technique."""
    earlier = session_before(context)
    if earlier is None:
        return []
    done = as_date(earlier.answer("sign_out", "performed_on")) or earlier.performed_on
    if done is None:
        return [not_evaluated(context, "the day of the session before is not known")]
    planned = context.session.performed_on or context.session.planned_on or context.today
    wanted = limit(context, "beads" if context.value("technique") == "deb-tace" else "oil")
    days = float((planned - done).days)
    if days >= number(wanted):
        return []
    text = f"{days:.0f} days after the session before; {number(wanted):g} are the earliest."
    return [against(context, "repeat-early", text, days, wanted)]
