"""What a reader must know before a response is believed: targets too many or too small, no baseline, other modality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from planner.clinical.comparisons import above, below
from planner.clinical.response_course_measures import basis_of, constants, is_node, reading_of, says
from planner.clinical.response_course_types import CourseRequest, Followed, Seen
from planner.findings import Finding, Severity

_BY_TARGETS = frozenset({"recist-1.1", "mrecist"})
"""Criteria that say how many targets there may be, and what is measurable."""
_BY_SIZE = frozenset({"recist-1.1", "choi", "volumetric"})
"""Criteria that read the whole lesion: an ablated one shows its zone."""
_RADIOGRAPHS = frozenset({"CR", "DX"})


def baseline_findings(request: CourseRequest, baseline_on: date) -> tuple[Finding, ...]:
    """Findings about the choice of lesions and the baseline, in the order a reader meets them."""
    targets = [lesion for lesion in request.lesions if lesion.role == "target"]
    found = [*_numbers_of(request.criteria, targets), *_no_target(request, targets)]
    for lesion in targets:
        found += _target(request.criteria, lesion, baseline_on)
    for lesion in request.lesions:
        found += _any_lesion(request.criteria, lesion, baseline_on)
    return (*found, *_days(request, baseline_on))


def _numbers_of(criteria: str, targets: Sequence[Followed]) -> Iterator[Finding]:
    if criteria not in _BY_TARGETS:
        return
    limits = constants("measurable")
    if above(len(targets), limits.number("targets_at_most")):
        text = f"{len(targets)} targets; at most {limits.number('targets_at_most'):g}: make the others non-target."
        yield limits.finding(
            "too-many-targets",
            Severity.BLOCK,
            text,
            constant="targets_at_most",
            measured=float(len(targets)),
            subject="targets",
        )
    organs = Counter("lymph nodes" if is_node(each) else (each.organ or "").casefold() for each in targets)
    most = limits.number("targets_per_organ")
    for organ, count in organs.items():
        if not organ:
            text = f"The organ of {count} target(s) is not given: at most {most:g} per organ was not checked."
            yield Finding("organ-unknown", Severity.INFO, text, subject="organ")
        elif above(count, most):
            text = f"{count} targets in {organ}; at most {most:g} per organ: make the others non-target."
            yield limits.finding(
                "too-many-in-organ",
                Severity.BLOCK,
                text,
                constant="targets_per_organ",
                measured=float(count),
                subject=organ,
            )


def _no_target(request: CourseRequest, targets: Sequence[Followed]) -> Iterator[Finding]:
    if not targets and request.criteria != "lirads-tr-2024":
        text = "There is no target lesion: the overall response is by non-target and new lesions only."
        yield Finding("no-target", Severity.WARN, text, subject="targets")


def _target(criteria: str, lesion: Followed, baseline_on: date) -> Iterator[Finding]:
    seen = lesion.seen(baseline_on)
    read = reading_of(seen, basis_of(criteria, lesion, baseline_on))
    if criteria == "lirads-tr-2024":
        return
    if read.value is None:
        later = next((each.on for each in lesion.observations if each.on > baseline_on), None)
        hint = f"; it is first seen on {later}: a new lesion has the role new" if seen is None and later else ""
        text = (
            f"Target {lesion.title} has no baseline on {baseline_on} ({read.why_not}){hint}. Nothing can be compared."
        )
        yield Finding("no-baseline-measurement", Severity.BLOCK, text, False, lesion.id)
    elif criteria in _BY_TARGETS:
        yield from _measurable(criteria, lesion, seen, read.value, read.assumed)
    if criteria in _BY_TARGETS and not is_node(lesion):
        for words in ("thrombus", "infiltrative", "fluid") if criteria == "mrecist" else ("infiltrative", "fluid"):
            if says(lesion, words):
                text = f"Target {lesion.title} is {words}: non-measurable, make it non-target."
                entry = constants("measurable")
                yield entry.finding("non-measurable", Severity.BLOCK, text, subject=lesion.id)
    if criteria in _BY_SIZE and _ablated(lesion):
        text = f"Target {lesion.title} was ablated: its size is that of the zone. It is no target; choose another."
        source, tag = "practice notes, section 4 no. 9", "P"
        yield Finding("ablated-target", Severity.BLOCK, text, True, lesion.id, source=source, tag=tag)


def _measurable(criteria: str, lesion: Followed, seen: Seen | None, value: float, assumed: bool) -> Iterator[Finding]:
    limits = constants("measurable")
    name, least = "least_mm", limits.number("least_mm")
    if is_node(lesion):
        name = "porta_hepatis_node_mm" if criteria == "mrecist" and says(lesion, "porta_hepatis") else "node_target_mm"
        least = limits.number(name)
    elif criteria == "mrecist":
        name, least = "viable_least_mm", limits.number("viable_least_mm")
    elif seen is not None and (seen.modality or "").upper() in _RADIOGRAPHS:
        name, least = "radiograph_least_mm", limits.number("radiograph_least_mm")
    thick = seen.slice_mm if seen is not None else None
    if thick is not None and not is_node(lesion) and above(thick, limits.number("thin_slice_mm")):
        name, least = "slices", max(least, limits.number("slices") * thick)
    if below(value, least) or assumed:
        what = "short axis" if is_node(lesion) else "size"
        text = f"Target {lesion.title}: {what} {value:g} mm at the baseline; measurable from {least:g} mm: non-target."
        yield limits.finding(
            "not-measurable",
            Severity.BLOCK,
            text,
            constant=name,
            limit=least,
            measured=value,
            unit="mm",
            subject=lesion.id,
        )


def _ablated(lesion: Followed) -> bool:
    words = constants("words").texts("ablation")
    for seen in lesion.observations:
        if lesion.ablated_on is not None and seen.on >= lesion.ablated_on:
            return True
        said = (seen.therapy or "").casefold().replace("-", " ").split()
        if any(token.startswith(word) for token in said for word in words):
            return True
    return False


def _any_lesion(criteria: str, lesion: Followed, baseline_on: date) -> Iterator[Finding]:
    first = lesion.seen(baseline_on)
    if lesion.role == "non-target" and first is None and criteria != "lirads-tr-2024":
        text = f"Non-target {lesion.title} has no baseline on {baseline_on}: was it there, or is it new?"
        yield Finding("no-baseline-observation", Severity.WARN, text, subject=lesion.id)
    if lesion.role == "new" and any(each.on <= baseline_on and _is_there(each) for each in lesion.observations):
        text = f"{lesion.title} is said to be new and was seen on or before the baseline: give it another role."
        yield Finding("new-at-baseline", Severity.BLOCK, text, True, lesion.id)
    if not is_node(lesion) and any(each.short_axis_mm is not None for each in lesion.observations):
        text = f"{lesion.title} has a short axis and is not said to be a node: its diameter counts, not its short axis."
        yield Finding("short-axis-of-no-node", Severity.WARN, text, subject=lesion.id)
    yield from _modalities(lesion, first)
    for seen in lesion.observations:
        if seen.viable_mm is not None and seen.diameter_mm is not None and above(seen.viable_mm, seen.diameter_mm):
            text = f"{lesion.title}, {seen.on}: its viable part is longer than the lesion: measure again."
            yield Finding("viable-longer", Severity.WARN, text, True, lesion.id, seen.viable_mm, seen.diameter_mm, "mm")
        if seen.state == "progressed" and lesion.role == "target":
            text = f"{lesion.title}, {seen.on}: progression of a target is by its measurement, not by a word."
            yield Finding("target-said-progressed", Severity.WARN, text, subject=lesion.id)


def _modalities(lesion: Followed, first: Seen | None) -> Iterator[Finding]:
    before = _modality(first)
    for seen in lesion.observations:
        now = _modality(seen)
        if first is not None and seen.on > first.on and before and now and before != now:
            text = f"{lesion.title}: {now} on {seen.on}, {before} at the baseline; compare like with like."
            yield Finding("modality-changed", Severity.WARN, text, subject=lesion.id)


def _modality(seen: Seen | None) -> str | None:
    word = (seen.modality or "").upper() if seen is not None else ""
    return {"MRI": "MR", "CTA": "CT", "": None}.get(word, word)


def _is_there(seen: Seen) -> bool:
    if seen.state in ("absent", "not-evaluable"):
        return False
    return seen.state is not None or any((seen.diameter_mm, seen.viable_mm, seen.short_axis_mm, seen.volume_ml))


def _days(request: CourseRequest, baseline_on: date) -> Iterator[Finding]:
    followed = [lesion for lesion in request.lesions if lesion.role != "new"]
    days = sorted({seen.on for lesion in followed for seen in lesion.observations})
    earlier = [day for day in days if day < baseline_on]
    if earlier:
        text = f"{len(earlier)} day(s) before the baseline of {baseline_on} are not compared."
        yield Finding("before-baseline", Severity.INFO, text, subject="baseline")
    on = {day: {lesion.id for lesion in followed if lesion.seen(day)} for day in days if day >= baseline_on}
    for first, second in zip(on, list(on)[1:], strict=False):
        if not on[first] & on[second]:
            text = (
                f"{first} and {second} have no lesion in common: one timepoint has one day; give it to both if it is."
            )
            yield Finding("split-timepoint", Severity.WARN, text, subject=second.isoformat())
