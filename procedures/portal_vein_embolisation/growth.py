"""Growth of the remnant: degree of hypertrophy, points a week, and whether a resection leaves enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.embolisation.record_checks import nothing_given
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.portal_vein_embolisation.remnant import remnant_rule, rows_of_check, volumes_of
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_date, limit, not_evaluated, number, unknown_value

VOLUMETRY = "volumetry"
WHOLE = 100.0
DAYS_PER_WEEK = 7.0


@dataclass(frozen=True, slots=True)
class Growth:
    """Remnant before and after.

    Attributes
    ----------
    before_percent, after_percent
        Remnant over liver without tumour.
    volume_percent
        Growth of the remnant's volume over its volume before.
    weeks
        From embolisation to the images measured.
    """

    before_percent: float
    after_percent: float
    volume_percent: float
    weeks: float

    @property
    def points(self) -> float:
        """Degree of hypertrophy: points of share gained."""
        return self.after_percent - self.before_percent

    @property
    def points_per_week(self) -> float:
        """Kinetic growth rate."""
        return self.points / self.weeks


def growth_of(context: StageContext) -> Growth | None:
    """What can be told; None while a volume or a date is unknown, or the images are not after the embolisation."""
    before, after = volumes_of(context), volumes_of(context, VOLUMETRY)
    done, read = performed_on(context), as_date(context.value("date", VOLUMETRY))
    if before.share_percent is None or after.share_percent is None or not before.remnant_ml or not after.remnant_ml:
        return None
    weeks = _weeks(done, read)
    if weeks is None:
        return None
    gained = WHOLE * (after.remnant_ml - before.remnant_ml) / before.remnant_ml
    return Growth(before.share_percent, after.share_percent, gained, weeks)


def _weeks(done: date | None, read: date | None) -> float | None:
    if done is None or read is None or read <= done:
        return None
    return (read - done).days / DAYS_PER_WEEK


@REGISTRY.compute("growth")
def growth(context: StageContext) -> list[Computed]:
    found = growth_of(context)
    if found is None:
        why = "a volume or a date is unknown, or the images are not after the embolisation"
        return [unknown_value("growth", "Growth of the remnant", why)]
    inputs = {
        "before": f"{found.before_percent:.1f} %",
        "after": f"{found.after_percent:.1f} %",
        "weeks": f"{found.weeks:.1f}",
    }
    points = f"{found.after_percent:.1f} - {found.before_percent:.1f} = {found.points:.1f} points"
    weekly = f"{found.points:.1f} points / {found.weeks:.1f} weeks"
    lines = (
        ("after", "Remnant now", found.after_percent, ""),
        ("points", "Degree of hypertrophy, points", found.points, points),
        ("weekly", "Kinetic growth, points a week", found.points_per_week, weekly),
        ("volume", "Volume of the remnant gained", found.volume_percent, ""),
    )
    return [
        Computed(identity, label, value, "%", None, inputs, arithmetic, source="volumes before and after", tag="calc")
        for identity, label, value, arithmetic in lines
    ]


@REGISTRY.check("grown_enough")
def grown_enough(context: StageContext) -> list[Finding]:
    """Points gained and points a week, against the limits ``points`` and ``weekly``."""
    if nothing_given(context):
        return []
    found = growth_of(context)
    if found is None:
        return [not_evaluated(context, "growth: a volume or a date is unknown")]
    said = []
    points, weekly = limit(context, "points"), limit(context, "weekly")
    if found.points < number(points):
        text = f"The remnant gained {found.points:.1f} points; {number(points):g} are hoped for."
        said.append(against(context, "little-growth", text, found.points, points, subject="volumetry.points"))
    if found.points_per_week < number(weekly):
        text = f"The remnant gains {found.points_per_week:.1f} points a week; {number(weekly):g} are hoped for."
        said.append(against(context, "slow-growth", text, found.points_per_week, weekly, subject="volumetry.weekly"))
    if context.value("recanalised") == "yes":
        text = "A closed branch is open again: close it, or growth stops."
        said.append(context.finding("recanalised", text, subject="volumetry.recanalised"))
    elif context.value("recanalised") != "no":
        why = "whether a closed branch is open again"
        said.append(not_evaluated(context, why, subject="volumetry.recanalised"))
    return said


@REGISTRY.check("remnant_enough")
def remnant_enough(context: StageContext) -> list[Finding]:
    """The remnant now, against what this liver needs; nothing is asked when nothing was given."""
    return [] if nothing_given(context) else remnant_now(context)


def remnant_now(context: StageContext) -> list[Finding]:
    """What rule ``flr`` says of the remnant as it was measured last."""
    share = volumes_of(context, VOLUMETRY).share_percent
    judged = None if share is None else remnant_rule(context, share, rows_of_check(context))
    if share is None or judged is None:
        return [not_evaluated(context, "the remnant now, or what liver this is", code="remnant-not-evaluated")]
    result, needed = judged
    if result.value("sufficient") is True:
        return []
    text = f"The remnant is {share:.1f} % now; {number(needed):g} % are needed."
    return [against(context, "remnant-small", text, share, needed)]


@REGISTRY.check("resection_with_remnant")
def resection_with_remnant(context: StageContext) -> list[Finding]:
    """A resection is asked about while the remnant is small or the surgeon has not seen the volumes."""
    if context.value("operation") != "resection":
        return []
    found = remnant_now(context)
    if context.value("surgeon_agrees") != "yes":
        text = "The surgeon has not seen the volumes."
        found.append(context.finding("surgeon-not-asked", text, subject=f"{context.stage.id}.surgeon_agrees"))
    return found
