"""The size of a stent: first what the site's rule gives, then products, each with what speaks against it.

Nothing is rounded before it is compared. A number that is not known gives no size, but a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from planner.clinical.comparisons import above
from planner.clinical.registry import evaluate
from planner.findings import Finding, Severity
from planner.planning.stent_catalogue import Indication, Site, StentCatalogue, StentRow, StentType, stent_catalogue
from planner.planning.stent_findings import (
    LumenFacts,
    Need,
    Placed,
    Plan,
    has_own_range,
    marked,
    placed_findings,
    target_mm,
)

PICK = "stent_pick"
SPECIAL = frozenset({"y-stent", "iodine-125", "plastic-drain"})
"""Types that are proposed only to somebody who asks for them."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One size.

    Attributes
    ----------
    device
        Row of the catalogue; None for what the rule gives without a product.
    diameter_mm, length_mm
        Nominal, open; None where it cannot be said (a finding says why).
    start_mm, end_mm
        Where it would lie along the centreline.
    oversize_percent
        Above the larger reference diameter.
    oversize_proximal_percent, oversize_distal_percent
        Above the lumen at each end.
    """

    device: str | None
    title: str
    type: str
    diameter_mm: float | None
    length_mm: float | None
    start_mm: float | None = None
    end_mm: float | None = None
    oversize_percent: float | None = None
    oversize_proximal_percent: float | None = None
    oversize_distal_percent: float | None = None
    delivery_french: float | None = None
    foreshortening_percent: float | None = None
    source: str = ""
    tag: str = "M"
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposals:
    """The answer for a lumen.

    Attributes
    ----------
    low_mm, high_mm
        The range that the site's rule gives.
    proposals
        The rule's size first, then products, the smallest oversize first.
    findings
        What concerns all of them.
    """

    site: Site
    indication: Indication
    need: Need | None
    low_mm: float | None
    high_mm: float | None
    proposals: tuple[Proposal, ...]
    findings: tuple[Finding, ...] = ()


def size_stent(
    facts: LumenFacts,
    site: str | None = None,
    indication: str = "malignant",
    *,
    type_wish: str | None = None,
    way_mm: float | None = None,
    known: StentCatalogue | None = None,
) -> Proposals:
    """Sizes for a lumen.

    Parameters
    ----------
    site, indication, type_wish
        Keys of the catalogue; without a site the usual one of the kind, without a wish the usual type.
    way_mm
        Least diameter of the way from the access; None is unknown.

    Raises
    ------
    UsageError
        ``unknown-site``, ``unknown-indication`` or ``unknown-type``.
    """
    catalogue = known or stent_catalogue()
    place = catalogue.site_of(facts.kind) if site is None else catalogue.site(site)
    why = catalogue.indication(indication)
    wish = None if type_wish is None else catalogue.type(type_wish)
    need = need_of(facts, place, catalogue)
    plan = Plan(catalogue, facts, place, why, need, way_mm)
    made = wish or _usual_type(plan)
    findings = [*_general(plan, site is None)]
    if made is None:
        text = f"There is no usual type of stent for {why.name.lower()} at this site ({place.name}): choose one."
        findings.append(Finding("no-type", Severity.WARN, text, subject=place.key, source=place.source, tag=place.tag))
    low, high, said = target_mm(place, None if need is None else need.reference_mm)
    low = _wanted(place, low, high, None if need is None else need.reference_mm)
    if need is not None and need.reference_mm is not None and place.nominal_mm is None:
        findings += said
    first = _by_rule(plan, made, low, high)
    rows = (
        [] if need is None or made is None or low is None or high is None else [*_devices(plan, made, wish, low, high)]
    )
    if not rows and first.diameter_mm is not None and first.length_mm is not None and made is not None:
        text = f"No product of the catalogue fits: {made.name.lower()}, {place.name.lower()}."
        findings.append(Finding("no-product", Severity.INFO, text, subject=place.key))
    rows.sort(key=lambda each: (each.diameter_mm or 0.0, each.tag == "P", each.title))
    return Proposals(place, why, need, low, high, (first, *rows), tuple(findings))


def need_of(facts: LumenFacts, site: Site, catalogue: StentCatalogue) -> Need | None:
    """The stretch a stent has to serve: the stricture and every marked opening; None where there is neither."""
    openings = tuple(mark.along_mm for mark in facts.marks if catalogue.is_opening(mark.name))
    stenosis = facts.stenosis
    places = [*openings, *(() if stenosis is None else (stenosis.start_mm, stenosis.end_mm))]
    if not places:
        return None
    start, end = min(places), max(places)
    reach = site.landing_low_mm or 0.0
    proximal = None if stenosis is None else stenosis.proximal_reference_mm
    distal = None if stenosis is None else stenosis.distal_reference_mm
    if stenosis is None:
        proximal, distal = facts.typical_mm(start - reach, start), facts.typical_mm(end, end + reach)
    return Need(start, end, proximal, distal, openings)


def span_of(need: Need, site: Site, stenosed: bool) -> tuple[float, float] | None:
    """From where to where a stent reaches at least: landing beside the stricture, overlap beside each opening; None
    where the catalogue says neither."""
    if site.landing_low_mm is None:
        return None
    start, end = (need.start_mm - site.landing_low_mm, need.end_mm + site.landing_low_mm)
    overlap = site.fistula_overlap_mm if site.fistula_overlap_mm is not None else site.landing_low_mm
    for opening in need.openings:
        start, end = min(start, opening - overlap), max(end, opening + overlap)
    if not stenosed and need.openings:
        start, end = min(need.openings) - overlap, max(need.openings) + overlap
    return start, end


def proposal_at(plan: Plan, placed: Placed, *, findings: tuple[Finding, ...] = ()) -> Proposal:
    """A stent at a place, with its oversize and everything the rules say of it."""
    need, row, diameter = plan.need, placed.row, placed.diameter_mm

    def above_percent(reference: float | None) -> float | None:
        return None if reference is None or diameter is None else 100.0 * (diameter / reference - 1.0)

    return Proposal(
        device=None if row is None else row.id,
        title=f"Size by the rule, {plan.site.name}" if row is None else row.title,
        type=placed.type.key,
        diameter_mm=diameter,
        length_mm=placed.end_mm - placed.start_mm,
        start_mm=placed.start_mm,
        end_mm=placed.end_mm,
        oversize_percent=None if need is None else above_percent(need.reference_mm),
        oversize_proximal_percent=None if need is None else above_percent(need.proximal_mm),
        oversize_distal_percent=None if need is None else above_percent(need.distal_mm),
        delivery_french=None if row is None else row.delivery_french,
        foreshortening_percent=None if row is None else row.foreshortening_percent,
        source=plan.site.source if row is None else row.source,
        tag=plan.site.tag if row is None else row.tag,
        findings=(*findings, *placed_findings(plan, placed)),
    )


def _wanted(site: Site, low: float | None, high: float | None, reference: float | None) -> float | None:
    """The least diameter that is taken: of a range of the site's own, what its lumen asks for within it."""
    if low is None or high is None or not has_own_range(site):
        return low
    if site.nominal_mm is not None and site.small_mm is not None:
        small = reference is not None and reference < site.small_mm
        return max(low, site.small_mm if small else site.nominal_mm)
    return low if reference is None else max(low, min(reference, high))


def _usual_type(plan: Plan) -> StentType | None:
    key = plan.site.types.get(plan.indication.key)
    if plan.site.clear_type is not None and plan.need is not None and plan.indication.key == "malignant":
        span = span_of(plan.need, plan.site, plan.facts.stenosis is not None)
        places = {landmark.key: mark.along_mm for landmark, mark in marked(plan)}
        known = [places.get(each) for each in plan.site.clear_landmarks]
        clear = span is not None and all(each is not None and not span[0] < each < span[1] for each in known)
        key = plan.site.clear_type if clear else key
    return None if key is None else plan.catalogue.type(key)


def _general(plan: Plan, assumed: bool) -> Iterator[Finding]:
    need, site = plan.need, plan.site
    if assumed:
        text = f"No site was named: sized as {site.name.lower()}."
        yield Finding("site-assumed", Severity.INFO, text, subject=site.key)
    if need is None:
        what = "no opening is marked" if plan.indication.seals else "no stenosis was found"
        text = f"There is nothing to size a stent for: {what}; set start and end by hand or mark the place."
        yield Finding("no-stenosis", Severity.WARN, text)
        return
    if plan.indication.seals and not need.openings:
        text = f"{plan.indication.name}: its place is not marked, so the overlap is not checked."
        yield Finding("opening-not-marked", Severity.WARN, text)
    if need.reference_mm is None:
        text = "No reference diameter beside the stricture is known: the oversize is not checked."
        yield Finding("no-reference", Severity.WARN, text)
    elif need.proximal_mm is None or need.distal_mm is None:
        text = f"The lumen is known on the {'distal' if need.proximal_mm is None else 'proximal'} side alone."
        yield Finding("one-reference", Severity.WARN, text)
    else:
        yield from _taper(plan, need.proximal_mm, need.distal_mm)


def _taper(plan: Plan, proximal: float, distal: float) -> Iterator[Finding]:
    """No single diameter lies in the range of both ends."""
    if has_own_range(plan.site):
        return
    low, _, _ = target_mm(plan.site, max(proximal, distal))
    _, high, _ = target_mm(plan.site, min(proximal, distal))
    if low is not None and high is not None and above(low, high):
        text = (
            f"The lumen is {proximal:.1f} mm before and {distal:.1f} mm behind: no straight stent fits both ends; "
            "consider a tapered one, or two."
        )
        yield Finding(
            "tapered", Severity.WARN, text, measured=low, limit=high, unit="mm", source=plan.site.source, tag="M"
        )


def whole_mm(low: float, high: float) -> float:
    """The smallest whole millimetre of a range, else its lower end: what a rule gives where no product is named."""
    whole = float(math.ceil(low - 1e-9))
    return low if above(whole, high) else whole


def _by_rule(plan: Plan, made: StentType | None, low: float | None, high: float | None) -> Proposal:
    """The size of the site's rule, without a product."""
    site, need = plan.site, plan.need
    usual = made or plan.catalogue.type("bare")
    diameter = None
    if low is not None and high is not None and (need is None or need.reference_mm is not None or has_own_range(site)):
        diameter = whole_mm(low, high)
    said: list[Finding] = []
    if diameter is None:
        reason = (
            f"R19 has no size for this site ({site.name})" if site.rule is None else "no reference diameter is known"
        )
        said.append(Finding("no-size", Severity.WARN, f"No diameter: {reason}.", subject=site.key))
    span = None if need is None else span_of(need, site, plan.facts.stenosis is not None)
    if span is None:
        said.append(Finding("no-length", Severity.WARN, "No length: nothing says how far the stent has to reach."))
        name = f"Size by the rule, {site.name}"
        return Proposal(None, name, usual.key, diameter, None, source=site.source, tag=site.tag, findings=tuple(said))
    return proposal_at(plan, Placed(*span, diameter, usual), findings=tuple(said))


def _devices(plan: Plan, made: StentType, wish: StentType | None, low: float, high: float) -> Iterator[Proposal]:
    need, site = plan.need, plan.site
    span = None if need is None else span_of(need, site, plan.facts.stenosis is not None)
    if span is None or (need is not None and need.reference_mm is None and not has_own_range(site)):
        return
    for row in plan.catalogue.rows.values():
        kind = plan.catalogue.type(row.type)
        fits = row.type == wish.key if wish is not None else kind.covers == made.covers and row.type not in SPECIAL
        if site.key not in row.sites or not fits:
            continue
        picked = evaluate(PICK, {"catalogue": list(row.diameters_mm), "low": low, "high": high}).number("pick")
        if picked is not None:
            yield _device(plan, row, kind, picked, span)


def _device(plan: Plan, row: StentRow, kind: StentType, diameter: float, span: tuple[float, float]) -> Proposal:
    wanted = span[1] - span[0]
    length = row.length_from(wanted)
    if length is not None:
        start = _start_of(span, length, plan.facts.length_mm)
        said = tuple(_too_long(plan, row, (length - wanted) / 2.0))
        return proposal_at(plan, Placed(start, start + length, diameter, kind, row), findings=said)
    if not row.lengths_mm and row.length_high_mm is None:
        text = f"The source of {row.title} gives no length: drawn as long as the rule asks."
        unknown = Finding("length-not-given", Severity.INFO, text, subject=row.id)
        return replace(proposal_at(plan, Placed(*span, diameter, kind, row), findings=(unknown,)), length_mm=None)
    longest = max((*row.lengths_mm, *(() if row.length_high_mm is None else (row.length_high_mm,))))
    text = f"{row.title} ends at {longest:g} mm and {wanted:.0f} mm are asked for: two stents, overlapping, or another."
    short = Finding("too-short", Severity.WARN, text, True, row.id, longest, wanted, "mm", row.source, row.tag)
    spare = (longest - wanted) / 2.0
    return proposal_at(plan, Placed(span[0] - spare, span[1] + spare, diameter, kind, row), findings=(short,))


def _start_of(span: tuple[float, float], length: float, measured: float) -> float:
    """Where a stent that is longer than needed begins: around the middle, but rather inside the measured lumen."""
    start = (span[0] + span[1] - length) / 2.0
    if length <= measured:
        start = min(max(start, 0.0), measured - length)
    return min(max(start, span[1] - length), span[0])


def _too_long(plan: Plan, row: StentRow, spare: float) -> Iterator[Finding]:
    low, high = plan.site.landing_low_mm, plan.site.landing_high_mm
    if row.shortens or row.foreshortening_percent:
        share = "by an amount the source does not give"
        if row.foreshortening_percent:
            share = f"by {row.foreshortening_percent:g} %"
        text = f"It shortens {share} as it opens: release it accordingly."
        yield Finding("foreshortening", Severity.INFO, text, subject=row.id, source=row.source, tag=row.tag)
    if low is not None and high is not None and above(low + spare, high):
        text = f"The next length reaches {low + spare:.0f} mm beyond each side, the site's landing ends at {high:g} mm."
        yield Finding(
            "longer-than-needed", Severity.INFO, text, True, plan.site.key, low + spare, high, "mm", plan.site.source,
            plan.site.tag,
        )  # fmt: skip
