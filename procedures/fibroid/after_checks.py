"""After: expulsion and sepsis, perfusion that is left, symptoms that changed."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.fibroid.registry import REGISTRY
from procedures.spine.support import as_number, not_evaluated


@REGISTRY.check("anastomosis_judged")
def anastomosis_judged(context: StageContext) -> list[Finding]:
    """The connection to the ovary, and the cervicovaginal branch, before particles are given."""
    found = []
    kind = context.value("anastomosis")
    if kind in (None, "not-looked-for"):
        found.append(not_evaluated(context, "the utero-ovarian connection was not judged", subject="anastomosis"))
    elif kind in ("type-II", "type-III"):
        text = f"Utero-ovarian connection {kind.replace('-', ' ')}: the ovary may be hit, or supply goes on from it."
        found.append(context.finding("utero-ovarian", text, subject="anastomosis"))
    branch = context.value("cervicovaginal")
    if branch == "open":
        text = "The cervicovaginal branch is open before the tip: go beyond it."
        found.append(context.finding("cervicovaginal-open", text, subject="cervicovaginal"))
    elif branch not in ("beyond", "none-seen"):
        found.append(not_evaluated(context, "the cervicovaginal branch was not looked for", subject="cervicovaginal"))
    return found


@REGISTRY.check("sides_done")
def sides_done(context: StageContext) -> list[Finding]:
    """A side that was planned and not done is said: one side alone often fails."""
    return [
        context.finding(
            "side-not-done",
            f"The {side} uterine artery was planned and not embolised.",
            subject=f"completion.{side}_done",
        )
        for side in ("right", "left")
        if context.value(f"uterine_{side}", "positions") == "embolise" and context.value(f"{side}_done") == "no"
    ]


@REGISTRY.check("expulsion_told")
def expulsion_told(context: StageContext) -> list[Finding]:
    if context.value("expulsion_warning") == "yes":
        return []
    return [context.finding("expulsion-not-told", "Expulsion and sepsis: no written warning was given to the patient.")]


@REGISTRY.check("perfusion_left")
def perfusion_left(context: StageContext) -> list[Finding]:
    """Fibroids that still enhance grow again."""
    found = []
    for row in context.rows("fibroids_after"):
        name = context.case.lesion(str(row.get("lesion")))
        said = name.name if name else "A fibroid"
        if row.get("enhancement") in ("partly", "enhancing"):
            subject = f"outcome.{row.get('lesion')}"
            found.append(context.finding("still-perfused", f"{said} still enhances.", subject=subject))
    before, after = as_number(context.value("symptom_score", "gynaecology")), as_number(context.value("symptom_after"))
    if before is not None and after is not None and after >= before:
        text = f"Symptom score {after:g} after, {before:g} before: no better."
        more = {"measured": after, "limit": before, "unit": "1", "subject": "outcome.symptom_after"}
        found.append(context.finding("symptoms-not-better", text, **more))
    return found
