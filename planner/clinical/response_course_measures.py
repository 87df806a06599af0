"""What one observation counts in a sum, by the criteria: size (nodes: short axis), viable part, area, volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.comparisons import below
from planner.clinical.constants import RuleConstants, read_constants
from planner.clinical.registry import evaluate
from planner.clinical.response_course_types import Followed, Seen
from planner.clinical.results import RuleResult

CATALOGUE = "rules/response_course.toml"
UNITS = {
    "recist-1.1": "mm",
    "mrecist": "mm",
    "choi": "mm",
    "easl": "mm2",
    "qeasl": "mL",
    "volumetric": "mL",
    "lirads-tr-2024": None,
}
"""Criteria -> unit of what is added up; None where nothing is."""
VIABILITY = frozenset({"mrecist", "easl", "qeasl", "lirads-tr-2024"})
"""Criteria that read enhancement."""
VALUE_WORDS = {
    "viable_mm": "viable diameter",
    "short_axis_mm": "short axis",
    "enhancing_mm": "enhancing diameters",
    "enhancing_ml": "enhancing volume",
    "diameter_mm": "diameter",
    "volume_ml": "volume",
    "masslike_enhancement": "masslike enhancement",
    "baseline_sum": "sum at the baseline",
    "nadir_sum": "smallest sum so far",
    "current_sum": "sum now",
    "baseline_viable": "viable diameters at the baseline",
    "current_viable": "viable diameters now",
    "baseline_enhancing_area": "enhancing area at the baseline",
    "current_enhancing_area": "enhancing area now",
    "size_change": "change of size",
    "attenuation_change": "change of attenuation",
}
"""Fields of `Seen` and inputs of the rules -> what a person reads. A finding's subject keeps the name itself."""


@cache
def constants(table: str) -> RuleConstants:
    """One table of ``resources/rules/response_course.toml``."""
    return read_constants(table, catalogue(CATALOGUE)[table])


def versions() -> dict[str, str]:
    """Table -> version, as a signed reading remembers them."""
    return {f"response_course.{name}": str(entry["version"]) for name, entry in catalogue(CATALOGUE).items()}


def says(lesion: Followed, word_list: str) -> bool:
    """Whether a lesion's organ or kind holds one of the words of a list."""
    text = f"{lesion.organ or ''} {lesion.kind or ''}".casefold()
    return any(word in text for word in constants("words").texts(word_list))


def is_node(lesion: Followed) -> bool:
    """Whether a lesion is a lymph node: as said, else by its organ's words, else because only a short axis is given."""
    if lesion.node is not None:
        return lesion.node
    if says(lesion, "node"):
        return True
    short = any(seen.short_axis_mm is not None for seen in lesion.observations)
    long = any(seen.diameter_mm is not None for seen in lesion.observations)
    return short and (not long or lesion.organ is None or says(lesion, "node_region"))


def ruled(rule_id: str, given: Mapping[str, Any]) -> RuleResult:
    """A rule's answer; its findings name what they speak of in words (a request's keys are no words for a reader)."""
    result = evaluate(rule_id, given)
    found = tuple(replace(each, text=_in_words(each.text, each.subject)) for each in result.findings)
    return replace(result, findings=found)


def _in_words(text: str, name: str | None) -> str:
    words = VALUE_WORDS.get(name or "")
    return text if name is None or words is None else text.replace(name, words)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one observation counts: a value in the criteria's unit, or None with the reason in words.

    Attributes
    ----------
    gone
        The lesion counts as vanished: nothing is left, or a node is of normal size. None is unknown.
    assumed
        The value is the criteria's for "too small to measure", not a measurement.
    """

    value: float | None
    gone: bool | None = None
    why_not: str | None = None
    assumed: bool = False


def basis_of(criteria: str, lesion: Followed, baseline_on: date) -> str:
    """Which measurement of a lesion counts, the same at all times: the name of a field of `Seen`."""
    if criteria in ("qeasl", "volumetric"):
        return "enhancing_ml" if criteria == "qeasl" else "volume_ml"
    if criteria == "easl":
        return "enhancing_mm"
    if is_node(lesion):
        return "short_axis_mm"
    if criteria != "mrecist":
        return "diameter_mm"
    # mRECIST measures the viable part of tumour in the liver; elsewhere a lesion may be read by its size as in RECIST.
    first = lesion.seen(baseline_on)
    outside = lesion.organ is not None and not says(lesion, "liver")
    by_size = first is not None and first.viable_mm is None and first.diameter_mm is not None
    return "diameter_mm" if outside and by_size else "viable_mm"


def reading_of(seen: Seen | None, basis: str) -> Reading:
    """What an observation counts by one of its measurements."""
    if seen is None:
        return Reading(None, why_not="not observed")
    if seen.state == "not-evaluable" or seen.assessable is False:
        return Reading(None, why_not="not evaluable")
    if seen.state == "absent":
        return Reading(0.0, True)
    value = _value(seen, basis)
    if value is not None:
        normal = constants("measurable").number("node_normal_below_mm")
        return Reading(value, below(value, normal) if basis == "short_axis_mm" else value == 0.0)
    if seen.state == "too-small" and basis.endswith("_mm") and basis != "enhancing_mm":
        assumed = constants("measurable").number("too_small_mm")
        return Reading(assumed, basis == "short_axis_mm", assumed=True)
    if seen.diameter_mm == 0.0 and basis != "short_axis_mm":
        return Reading(0.0, True)
    return Reading(None, why_not=f"{VALUE_WORDS[basis]} not measured")


def _value(seen: Seen, basis: str) -> float | None:
    if basis == "enhancing_mm":
        return None if seen.enhancing_mm is None else seen.enhancing_mm[0] * seen.enhancing_mm[1]
    value = getattr(seen, basis)
    return None if value is None else float(value)
