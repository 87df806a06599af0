"""Non-target lesions, new lesions, and the overall response with its rows for what could not be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from planner.clinical.comparisons import at_least, below
from planner.clinical.response_course_measures import constants, is_node, reading_of, ruled, says
from planner.clinical.response_course_types import NOT_EVALUABLE, Followed, Seen
from planner.findings import Finding, Severity

STANDING = "non-CR/non-PD"
STANDING_MRECIST = "IR/SD"


def standing(criteria: str) -> str:
    """The criteria's word for non-target lesions that are neither gone nor progressing."""
    return STANDING_MRECIST if criteria == "mrecist" else STANDING


def non_target_category(criteria: str, lesion: Followed, on: date, after_complete: bool) -> str:
    """The category of one non-target lesion: a person's judgement (``state``), else whether anything is left."""
    seen = lesion.seen(on)
    if seen is not None and seen.state == "progressed":
        return "PD"
    gone = _gone(criteria, lesion, seen)
    if gone is None:
        return NOT_EVALUABLE
    if gone:
        return "CR"
    # After an overall complete response any lesion that is there again is progression; a node needs a judgement.
    return "PD" if after_complete and not is_node(lesion) else standing(criteria)


def _gone(criteria: str, lesion: Followed, seen: Seen | None) -> bool | None:
    if seen is None or seen.state == "not-evaluable" or seen.assessable is False:
        return None
    if seen.state in ("absent", "too-small"):
        return seen.state == "absent"
    if is_node(lesion):
        limit = "porta_hepatis_node_mm" if _porta_hepatis(criteria, lesion) else "node_normal_below_mm"
        if seen.short_axis_mm is not None:
            return below(seen.short_axis_mm, constants("measurable").number(limit))
        return False if seen.state == "present" else None
    basis = {"mrecist": "viable_mm", "easl": "enhancing_mm", "qeasl": "enhancing_ml", "volumetric": "volume_ml"}
    read = reading_of(seen, basis.get(criteria, "diameter_mm"))
    if read.value is not None:
        return read.gone
    size = next((each for each in (seen.diameter_mm, seen.viable_mm, seen.short_axis_mm) if each), None)
    return False if seen.state == "present" or size is not None else None


def _porta_hepatis(criteria: str, lesion: Followed) -> bool:
    return criteria == "mrecist" and is_node(lesion) and says(lesion, "porta_hepatis")


def non_target_together(criteria: str, categories: Sequence[str]) -> str | None:
    """The category of all non-target lesions; None where there are none."""
    if not categories:
        return None
    if "PD" in categories:
        return "PD"
    if NOT_EVALUABLE in categories:
        return NOT_EVALUABLE
    return "CR" if all(each == "CR" for each in categories) else standing(criteria)


@dataclass(frozen=True, slots=True)
class NewLesion:
    """Whether a lesion said to be new counts as new on a day; None is unknown, with what is to be said."""

    counts: bool | None
    findings: tuple[Finding, ...] = ()


def new_lesion(criteria: str, lesion: Followed, on: date, baseline_on: date) -> NewLesion:
    """Whether a new lesion is progression on a day. Once it counts it stays, until it is seen to have gone."""
    latest = [seen for seen in lesion.observations if baseline_on < seen.on <= on]
    counted: bool | None = False
    findings: tuple[Finding, ...] = ()
    for seen in latest:
        if seen.state == "not-evaluable" or seen.assessable is False:
            counted = True if counted else None
            continue
        if seen.state == "absent" or _size(lesion, seen) == 0.0:
            counted, findings = False, ()
            continue
        if not counted:
            counted, findings = _counts(criteria, lesion, seen, latest[0])
    if counted is None and not findings:
        text = f"New lesion {lesion.title} could not be evaluated on {on}: look again."
        findings = (Finding("new-lesion-not-evaluated", Severity.WARN, text, subject=lesion.id),)
    return NewLesion(counted, findings)


def _size(lesion: Followed, seen: Seen) -> float | None:
    sizes = (seen.diameter_mm, seen.viable_mm)
    if is_node(lesion):
        sizes = (seen.short_axis_mm, None)
    return next((each for each in sizes if each is not None), None)


def _counts(criteria: str, lesion: Followed, seen: Seen, first: Seen) -> tuple[bool | None, tuple[Finding, ...]]:
    limits = constants("measurable")
    size = _size(lesion, seen)
    if is_node(lesion):
        name = "porta_hepatis_node_mm" if _porta_hepatis(criteria, lesion) else "node_normal_below_mm"
        if size is not None and below(size, limits.number(name)):
            text = f"Node {lesion.title}: {size:g} mm in its short axis is no new lesion; follow it."
            return False, (_small(name, text, lesion, size),)
        return True, ()
    if criteria != "mrecist":
        return True, ()
    if says(lesion, "fluid"):
        text = f"{lesion.title}: new or growing fluid is progression only with cytology (mRECIST); not counted."
        return False, (limits.finding("fluid-needs-cytology", Severity.WARN, text, subject=lesion.id),)
    return _counts_mrecist(lesion, seen, first, size)


def _counts_mrecist(
    lesion: Followed, seen: Seen, first: Seen, size: float | None
) -> tuple[bool | None, tuple[Finding, ...]]:
    limits = constants("measurable")
    if size is None:
        text = f"New lesion {lesion.title} has no size on {seen.on}; mRECIST needs it: not evaluated."
        return None, (limits.finding("new-lesion-no-size", Severity.WARN, text, subject=lesion.id),)
    before = _size(lesion, first)
    if before is not None and at_least(size - before, limits.number("new_lesion_growth_mm")):
        return True, ()
    if below(size, limits.number("new_lesion_mm")) or seen.typical_pattern is False:
        text = f"{lesion.title}: {size:g} mm is no new lesion by mRECIST: needs size and typical pattern, or growth."
        return False, (_small("new_lesion_mm", text, lesion, size),)
    if seen.typical_pattern is None:
        text = f"{lesion.title} counts as new; whether it has the typical pattern of HCC was not said: second look."
        return True, (limits.finding("pattern-not-said", Severity.WARN, text, subject=lesion.id),)
    return True, ()


def _small(constant: str, text: str, lesion: Followed, size: float) -> Finding:
    entry = constants("measurable")
    code = "new-lesion-not-counted"
    return entry.finding(code, Severity.WARN, text, constant=constant, measured=size, subject=lesion.id)


def overall(criteria: str, target: str | None, non_target: str | None, new: bool | None) -> str:
    """The overall response.

    Parameters
    ----------
    target, non_target
        None where there are no such lesions.
    new
        None where it cannot be told: then nothing but progression can be.
    """
    if new or "PD" in (target, non_target):
        return "PD"
    if new is None or (target is None and non_target is None):
        return NOT_EVALUABLE
    table = constants("recist11_overall")
    plain = STANDING if non_target == STANDING_MRECIST else non_target
    if target is None:
        without = str(table.table("without_target")[plain or ""])
        return standing(criteria) if without == STANDING else without
    if criteria == "mrecist" and NOT_EVALUABLE not in (target, non_target):
        given = {"target": target, "non_target": non_target or "CR", "new_lesion": False}
        return str(ruled("mrecist_overall", given).value("overall"))
    return str(table.table("with_target")[target][plain or ""])
