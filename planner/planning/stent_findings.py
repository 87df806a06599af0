"""What the rules say of a stent at its place: size at both ends, landing, landmarks, indication, delivery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.clinical.comparisons import above, at_least
from planner.clinical.registry import evaluate, rule
from planner.findings import Finding, Severity
from planner.model.vessel_items import LumenMark, StenosisMeasures
from planner.planning.stent_catalogue import Indication, Landmark, Site, StentCatalogue, StentRow, StentType

RULE = "stent_diameter"
ACTS = {"info": Severity.INFO, "warn": Severity.WARN, "ask": Severity.BLOCK}


@dataclass(frozen=True, eq=False)
class LumenFacts:
    """What is known of a lumen: enough to size a stent in it without its images.

    Attributes
    ----------
    kind
        One of `planner.model.vessel_items.LUMEN_KINDS`.
    along_mm, diameter_mm
        (n,) places on the centreline, and the diameter there; NaN where it could not be measured.
    """

    kind: str
    length_mm: float
    stenosis: StenosisMeasures | None
    marks: tuple[LumenMark, ...] = ()
    along_mm: NDArray[np.float64] | None = None
    diameter_mm: NDArray[np.float64] | None = None

    def typical_mm(self, low_mm: float, high_mm: float) -> float | None:
        """Median diameter of a stretch; None where nothing of it was measured."""
        if self.along_mm is None or self.diameter_mm is None:
            return None
        chosen = (self.along_mm >= low_mm) & (self.along_mm <= high_mm) & np.isfinite(self.diameter_mm)
        return float(np.median(self.diameter_mm[chosen])) if chosen.any() else None


@dataclass(frozen=True, slots=True)
class Need:
    """The stretch that a stent has to serve, and the lumen at both sides of it.

    Attributes
    ----------
    start_mm, end_mm
        From the first to the last place that must lie in the stent.
    openings
        Places of fistulas, ruptures and bleeding points.
    proximal_mm, distal_mm
        Reference diameters; None where unknown.
    """

    start_mm: float
    end_mm: float
    proximal_mm: float | None
    distal_mm: float | None
    openings: tuple[float, ...] = ()

    @property
    def reference_mm(self) -> float | None:
        """The larger reference: a stent that fits it lies against the wall at both ends."""
        return max((each for each in (self.proximal_mm, self.distal_mm) if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class Placed:
    """A stent at its place; `row` is None for a size without a product."""

    start_mm: float
    end_mm: float
    diameter_mm: float | None
    type: StentType
    row: StentRow | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stent is judged by. `way_mm` is the least diameter of the way to it; None is unknown."""

    catalogue: StentCatalogue
    facts: LumenFacts
    site: Site
    indication: Indication
    need: Need | None
    way_mm: float | None = None


def target_mm(site: Site, reference_mm: float | None) -> tuple[float | None, float | None, tuple[Finding, ...]]:
    """Lowest and highest diameter of the site's rule for a lumen; None where the rule cannot say."""
    if site.rule is None:
        return None, None, ()
    # A range of the site's own needs no lumen, and the rule is asked with the least one.
    lumen = reference_mm if reference_mm is not None else (1.0 if has_own_range(site) else None)
    answer = evaluate(RULE, {"site": site.rule, "lumen": lumen})
    return answer.number("low"), answer.number("high"), answer.findings


def has_own_range(site: Site) -> bool:
    """Whether the rule gives the site a range of diameters, whatever the lumen."""
    return site.rule is not None and "fixed" in rule(RULE).constants.table("sites")[site.rule]


def placed_findings(plan: Plan, placed: Placed) -> tuple[Finding, ...]:
    """Everything that the rules have to say of a stent at its place."""
    return (
        *_size(plan, placed),
        *_landing(plan, placed),
        *_openings(plan, placed),
        *_landmarks(plan, placed),
        *_indication(plan, placed),
        *_delivery(plan, placed),
    )


def _site_finding(site: Site, code: str, severity: Severity, text: str, **numbers: float | None) -> Finding:
    return Finding(
        code, severity, text, subject=site.key, measured=numbers.get("measured"), limit=numbers.get("limit"),
        unit="mm" if numbers else None, source=site.source, tag=site.tag,
    )  # fmt: skip


def _size(plan: Plan, placed: Placed) -> Iterator[Finding]:
    need, diameter = plan.need, placed.diameter_mm
    if need is None or diameter is None:
        return
    ends = (("proximal", need.proximal_mm), ("distal", need.distal_mm))
    for name, reference in ends:
        if reference is not None:
            yield from _end_size(plan, diameter, name, reference)
    if has_own_range(plan.site):
        low, high, _ = target_mm(plan.site, None)
        if high is not None and above(diameter, high):
            text = f"{diameter:g} mm exceeds the site's range, which ends at {high:g} mm."
            yield _site_finding(plan.site, "oversize", Severity.WARN, text, measured=diameter, limit=high)
        if low is not None and not at_least(diameter, low):
            text = f"{diameter:g} mm lies below the site's range, which begins at {low:g} mm."
            yield _site_finding(plan.site, "undersize", Severity.WARN, text, measured=diameter, limit=low)
    usual_low, usual_high = plan.site.usual_low_mm, plan.site.usual_high_mm
    if usual_low is not None and usual_high is not None and not usual_low <= diameter <= usual_high:
        text = f"{diameter:g} mm lies outside the site's usual {usual_low:g} to {usual_high:g} mm."
        yield _site_finding(plan.site, "unusual-size", Severity.INFO, text, measured=diameter)


def _end_size(plan: Plan, diameter: float, name: str, reference: float) -> Iterator[Finding]:
    share = 100.0 * (diameter / reference - 1.0)
    if has_own_range(plan.site):
        # Where one size is usual whatever the duct, a wide duct above the stricture is the rule.
        if plan.site.nominal_mm is None and not at_least(diameter, reference):
            text = f"The stent of {diameter:g} mm is narrower than the {name} lumen of {reference:.1f} mm."
            yield _site_finding(plan.site, "undersize", Severity.WARN, text, measured=diameter, limit=reference)
        return
    low, high, _ = target_mm(plan.site, reference)
    source, tag = (plan.site.source, plan.site.tag)
    if high is None:
        high = reference * (1.0 + plan.catalogue.upper_percent / 100.0)
        source, tag = plan.catalogue.upper_source, plan.catalogue.upper_tag
    if above(diameter, high):
        text = f"At the {name} end {diameter:g} mm is {share:.0f} % above the lumen of {reference:.1f} mm."
        yield Finding("oversize", Severity.WARN, text, True, plan.site.key, diameter, high, "mm", source, tag)
    elif low is not None and not at_least(diameter, low):
        text = f"At the {name} end {diameter:g} mm is only {share:.0f} % above the lumen of {reference:.1f} mm."
        yield _site_finding(plan.site, "undersize", Severity.WARN, text, measured=diameter, limit=low)


def _landing(plan: Plan, placed: Placed) -> Iterator[Finding]:
    need, wanted = plan.need, plan.site.landing_low_mm
    if need is not None and wanted is not None and plan.facts.stenosis is not None:
        for name, held in (("proximal", need.start_mm - placed.start_mm), ("distal", placed.end_mm - need.end_mm)):
            if not at_least(held, wanted):
                text = f"The {name} landing is {held:.1f} mm, the site asks for {wanted:g} mm."
                yield _site_finding(plan.site, "landing-short", Severity.WARN, text, measured=held, limit=wanted)
    beyond = max(-placed.start_mm, placed.end_mm - plan.facts.length_mm)
    if above(beyond, 0.0):
        text = (
            f"The stent reaches {beyond:.0f} mm beyond the measured lumen: measure on, what lies there is not checked."
        )
        yield Finding("not-measured", Severity.WARN, text, measured=beyond, unit="mm")


def _openings(plan: Plan, placed: Placed) -> Iterator[Finding]:
    wanted, need = plan.site.fistula_overlap_mm, plan.need
    if need is None or not need.openings:
        return
    held = min(min(each - placed.start_mm, placed.end_mm - each) for each in need.openings)
    source, tag = plan.site.fistula_overlap_source, plan.site.fistula_overlap_tag
    if wanted is None:
        if not above(held, 0.0):
            text = "The opening does not lie in the stent."
            yield _site_finding(plan.site, "opening-uncovered", Severity.WARN, text, measured=held)
    elif not at_least(held, wanted):
        text = f"The stent overlaps the opening by {held:.0f} mm, at least {wanted:g} mm above and below are asked for."
        yield Finding("overlap-short", Severity.WARN, text, True, plan.site.key, held, wanted, "mm", source, tag)


def marked(plan: Plan) -> Iterator[tuple[Landmark, LumenMark]]:
    """The marks of the lumen that are landmarks of its kind."""
    for mark in plan.facts.marks:
        found = plan.catalogue.landmark(plan.facts.kind, mark.name)
        if found is not None:
            yield found, mark


def _landmarks(plan: Plan, placed: Placed) -> Iterator[Finding]:
    seen = set()
    for landmark, mark in marked(plan):
        seen.add(landmark.key)
        if landmark.only_covered and not placed.type.covers:
            continue
        inside = placed.start_mm < mark.along_mm < placed.end_mm
        gap = max(placed.start_mm - mark.along_mm, mark.along_mm - placed.end_mm)
        if inside:
            yield Finding(
                f"crosses-{landmark.key}", ACTS[landmark.act], landmark.crossed, subject=mark.name,
                source=landmark.source, tag=landmark.tag,
            )  # fmt: skip
        elif landmark.keep_mm is not None and not at_least(gap, landmark.keep_mm):
            yield Finding(
                f"near-{landmark.key}", ACTS[landmark.act], landmark.near, True, mark.name, gap, landmark.keep_mm, "mm",
                landmark.source, landmark.tag,
            )  # fmt: skip
    absent = [each.name for each in _expected(plan, placed) if each.key not in seen]
    if absent:
        text = f"Not marked, so not checked: {', '.join(absent)}."
        yield Finding("landmarks-not-checked", Severity.INFO, text)


def _expected(plan: Plan, placed: Placed) -> Iterable[Landmark]:
    kind, covers = plan.facts.kind, placed.type.covers
    return (each for each in plan.catalogue.landmarks if kind in each.kinds and (covers or not each.only_covered))


def _indication(plan: Plan, placed: Placed) -> Iterator[Finding]:
    site, made = plan.site, placed.type
    if plan.indication.key == "benign" and made.bare_metal and site.avoid_bare_in_benign:
        text = f"Benign disease and uncovered metal ({made.name}): it cannot be taken out again."
        yield Finding(
            "benign-bare-metal", Severity.BLOCK, text, subject=site.key,
            source=f"{site.source}; procedures.md 2.5, 7.4", tag="P",
        )  # fmt: skip
    if plan.indication.seals and not made.covers:
        text = f"{plan.indication.name}: {made.name.lower()} does not seal it."
        yield _site_finding(site, "not-sealing", Severity.WARN, text)
    if site.balloon_first and plan.indication.key in ("benign", "thrombosis"):
        yield Finding(
            "balloon-first", Severity.INFO, site.balloon_first, subject=site.key, source=site.balloon_first_source,
            tag=site.balloon_first_tag,
        )  # fmt: skip
    if made.note:
        yield Finding(f"type-{made.key}", Severity.INFO, made.note, subject=made.key)


def _delivery(plan: Plan, placed: Placed) -> Iterator[Finding]:
    row, stenosis = placed.row, plan.facts.stenosis
    if row is None:
        return
    if row.delivery_mm is None or row.delivery_french is None:
        text = f"The source of {row.title} gives no delivery calibre: the way to it is not checked."
        yield Finding("delivery-not-checked", Severity.INFO, text, subject=row.id)
        return
    named = f"{row.delivery_french:g} F ({row.delivery_mm:.1f} mm)"
    width, source, tag = row.delivery_mm, row.source, row.tag
    if plan.way_mm is None:
        text = f"Delivery of {named}: the way to it was not measured, so it is not checked."
        yield Finding("delivery-not-checked", Severity.INFO, text, True, row.id, width, None, "mm", source, tag)
    elif above(row.delivery_mm, plan.way_mm):
        text = f"Delivery of {named} does not pass the way, whose least diameter is {plan.way_mm:.1f} mm."
        yield Finding("delivery-too-wide", Severity.WARN, text, True, row.id, width, plan.way_mm, "mm", source, tag)
    if stenosis is not None and above(row.delivery_mm, stenosis.minimum_mm):
        least = stenosis.minimum_mm
        text = f"Delivery of {named} is wider than the stricture of {least:.1f} mm: dilate it first."
        yield Finding("delivery-through-stricture", Severity.INFO, text, True, row.id, width, least, "mm", source, tag)
