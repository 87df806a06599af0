"""Dangerous connections: eye, brain stem, brain, cranial nerves. Seen, or not looked for, means no particles."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.branches import branch_words
from procedures.embolisation.record_checks import nothing_given
from procedures.infusion_head_neck.registry import REGISTRY
from procedures.spine.support import not_evaluated, text_of

DANGEROUS = frozenset({"ophthalmic", "vertebral", "internal-carotid", "cranial-nerve", "ascending-pharyngeal"})
"""Codes of the table of branches (R21)."""


def seen_connections(context: StageContext) -> tuple[str, ...]:
    """Dangerous connections that the table of branches says were found."""
    rows = context.rows("non_targets", "positions")
    return tuple(str(row["branch"]) for row in rows if row.get("branch") in DANGEROUS and row.get("state") == "found")


@REGISTRY.check("connections_agree")
def connections_agree(context: StageContext) -> list[Finding]:
    """One answer in two places: a connection found in the table is *seen* here, so that no particle is planned."""
    answer, seen = context.value("anastomoses"), seen_connections(context)
    if answer in (None, "not-looked-for"):
        why = "dangerous connections were not looked for"
        return [not_evaluated(context, why, code="connections-not-looked-for")]
    if answer == "none-seen" and seen:
        words = ", ".join(branch_words(context, each) for each in seen)
        text = f"The table of branches names as found: {words}; here none is said to be seen."
        return [context.finding("connections-differ", text)]
    return []


@REGISTRY.check("perfused_before_drug")
def perfused_before_drug(context: StageContext) -> list[Finding]:
    """Asked before the drug, artery by artery; with a no-go nothing is asked."""
    if nothing_given(context):
        return []
    rows = context.rows("perfused")
    if not rows:
        return [not_evaluated(context, "no artery was tested before the drug", code="perfusion-not-checked")]
    found = []
    for index, row in enumerate(rows, start=1):
        name, subject = text_of(row.get("artery")) or f"Artery {index}", f"{context.stage.id}.{index}"
        if row.get("by") in (None, "not-checked"):
            why = f"{name}: what it reaches was not looked at"
            found.append(not_evaluated(context, why, code="perfusion-not-checked", subject=f"{subject}.by"))
        outside = row.get("outside")
        if outside in ("eye", "brain"):
            text = f"{name}: the {outside} fills besides; no drug from here."
            found.append(context.finding("connection-open", text, subject=f"{subject}.outside"))
        elif outside in (None, "not-looked-for"):
            why = f"{name}: eye, brain and skin were not looked at"
            found.append(not_evaluated(context, why, code="connections-not-looked-for", subject=f"{subject}.outside"))
        if row.get("pain") == "yes":
            text = f"{name}: pain or a nerve sign with the test injection."
            found.append(context.finding("test-injection-sign", text, subject=f"{subject}.pain"))
    return found
