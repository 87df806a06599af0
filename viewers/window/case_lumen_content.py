"""What the panels show of lumens and stents, in words. Values only, no widget is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.app.stent_drainage import LEFT_SECONDARY, RIGHT_SECONDARY, SITE, bismuth_of
from planner.findings import Finding
from planner.model.session import Session
from planner.model.vessel_items import StenosisMeasures, StentBody, StentFinding
from planner.planning.stent_catalogue import Site, StentRow, stent_catalogue
from planner.planning.stent_deployment import MarkDistance
from planner.planning.stents import Proposal, Proposals
from planner.units import shown
from planner.workflow.template import Choice
from viewers.panels.lumen_panel import LumenCard
from viewers.panels.stent_panel import UNVERIFIED, Judgement, ProposalCard, StentCard, StentLine
from viewers.state.lumen_shapes import StentShown
from viewers.state.lumens import LUMEN_WORDS, mark_name, mark_names
from viewers.window.case_lumen_base import KeptLumen, KeptStent

KINDS = tuple(Choice(key, word) for key, word in LUMEN_WORDS.items())
NOT_MEASURED = "not measured"
NONE_FOUND = "none found (not the same as none)"
UNKNOWN_TAGS = frozenset({"M", "P"})


def mm(value: float | None, digits: int = 1) -> str:
    """A length, or that it was not measured; never a blank."""
    return NOT_MEASURED if value is None else shown(value, "mm", digits=digits)


def evidence(source: str, tag: str | None) -> str:
    """``rule notes R19 … [M], unverified default``."""
    said = f"{source} [{tag}]" if tag else source
    return f"{said}, {UNVERIFIED}" if tag in UNKNOWN_TAGS else said


def stenosis_facts(found: StenosisMeasures | None) -> tuple[tuple[str, str], ...]:
    """Every number of a stricture; what is unknown is said."""
    if found is None:
        return (("Stricture", NONE_FOUND),)
    by = "set by hand" if found.by_person else "found by the program"
    percent = NOT_MEASURED if found.percent is None else f"{found.percent:.0f} % by diameter"
    length = shown(found.end_mm - found.start_mm, "mm", digits=0)
    return (
        ("Stricture", f"{found.start_mm:.0f} to {found.end_mm:.0f} mm, {length} long"),
        ("", by),
        ("Least diameter", f"{mm(found.minimum_mm)} at {shown(found.minimum_at_mm, 'mm', digits=0)}"),
        ("Narrowing", percent),
        ("Reference before", mm(found.proximal_reference_mm)),
        ("Reference behind", mm(found.distal_reference_mm)),
        ("Reference there", mm(found.reference_mm)),
    )


def lumen_card(kept: KeptLumen, tree: str = "") -> LumenCard:
    """The lumen on show; `tree` is the name of one whose branches can be marked along it."""
    body, lumen = kept.body, kept.shown.lumen
    doubtful = float(lumen.doubtful.mean())
    facts = [("Length", mm(lumen.length_mm, 0)), *stenosis_facts(body.stenosis)]
    if doubtful > 0.0:
        facts.append(("Doubtful", f"{100.0 * doubtful:.0f} % of its length"))
    facts.append(("Course", METHODS.get(body.method, body.method)))
    sites = tuple(Choice(each.key, each.name) for each in stent_catalogue().sites.values() if body.kind in each.kinds)
    marks = tuple((mark.name, f"{mark_name(body.kind, mark.name)} at {mark.along_mm:.0f} mm") for mark in body.marks)
    names = tuple(Choice(key, name) for key, name in mark_names(body.kind))
    if body.kind == "bile":
        names = (*names, *(Choice(key, key.capitalize()) for key in (RIGHT_SECONDARY, LEFT_SECONDARY)))
    return LumenCard(
        kept.item.id, kept.item.name, body.site, sites, tuple(facts), tuple(body.findings), marks,
        body.stenosis is not None, names, tree,
    )  # fmt: skip


METHODS: Mapping[str, str] = {
    "minimal-path": "between the clicks through the image",
    "clicks": "straight between the clicks",
    "tree": "along a branch of the tree",
}


# Stents


def judgements(found: Iterable[Finding]) -> tuple[Judgement, ...]:
    """Sentences of rules, what blocks first; an unverified rule says its tag."""
    order = {"block": 0, "warn": 1, "info": 2}
    sorted_findings = sorted(found, key=lambda each: order[each.severity.value])
    return tuple(_judgement(each.severity.value, each.text, each.tag) for each in sorted_findings)


def stored_judgements(found: Iterable[StentFinding]) -> tuple[Judgement, ...]:
    order = {"block": 0, "warn": 1, "info": 2}
    ordered = sorted(found, key=lambda each: order.get(each.severity, 3))
    return tuple(_judgement(each.severity, each.text, each.tag if each.source else None) for each in ordered)


def _judgement(severity: str, text: str, tag: str | None) -> Judgement:
    return Judgement(severity, f"{text} [{tag}: {UNVERIFIED}]" if tag in UNKNOWN_TAGS else text)


def target_words(sized: Proposals) -> str:
    """``Rule for Trachea: 16.5 to 18.8 mm · rule notes … [M], unverified default``."""
    low, high = sized.low_mm, sized.high_mm
    size = "NO SIZE" if low is None or high is None else f"{shown(low, digits=1)} to {shown(high, 'mm', digits=1)}"
    if low is not None and low == high:
        size = shown(low, "mm", digits=1)
    return f"Diameter by the rule: {size} · {evidence(sized.site.source, sized.site.tag)}"


def proposal_card(number: int, each: Proposal, sized: Proposals) -> ProposalCard:
    """Size, oversize, landing and everything that speaks against it."""
    known = stent_catalogue()
    row = None if each.device is None else known.rows.get(each.device)
    title = each.title if row is None or row.maker is None else f"{each.title}, {row.maker}"
    length = "length not known" if each.length_mm is None else shown(each.length_mm, "mm", digits=0)
    wide = "diameter not known" if each.diameter_mm is None else f"Ø {shown(each.diameter_mm, 'mm')}"
    return ProposalCard(
        number,
        title,
        row is None,
        f"{wide} × {length} · {known.type(each.type).name.lower()}",
        " · ".join((oversize_words(each), landing_of(each, sized), delivery_words(each.delivery_french))),
        evidence(each.source, each.tag),
        judgements(each.findings),
        each.diameter_mm is not None and each.start_mm is not None and each.end_mm is not None,
    )


def oversize_words(each: Proposal) -> str:
    """Against the larger reference, and at both ends."""
    if each.oversize_percent is None:
        return "oversize not known"
    ends = [
        f"{value:+.0f} % {where}"
        for value, where in ((each.oversize_proximal_percent, "before"), (each.oversize_distal_percent, "behind"))
        if value is not None
    ]
    return against_lumen(each.oversize_percent) + (f" ({', '.join(ends)})" if len(ends) == 2 else "")


def against_lumen(percent: float) -> str:
    """``oversize 12 %``; a stent that is narrower than the lumen is said to be."""
    return f"oversize {percent:.0f} %" if percent >= 0.0 else f"{-percent:.0f} % narrower than the lumen"


def landing_of(each: Proposal, sized: Proposals) -> str:
    if sized.need is None or each.start_mm is None or each.end_mm is None:
        return "landing not known"
    before, behind = sized.need.start_mm - each.start_mm, each.end_mm - sized.need.end_mm
    return f"landing {before:.0f} and {behind:.0f} mm"


def delivery_words(french: float | None) -> str:
    return "delivery not known" if french is None else f"delivery {french:g} F"


def stent_line(kept: KeptStent) -> StentLine:
    """``Stent, trachea · 18 × 60 mm`` and where it lies."""
    body = kept.body
    row = None if body.device is None else stent_catalogue().rows.get(body.device)
    product = "no product chosen" if row is None else row.title
    place = f"{body.start_mm:.0f} to {body.end_mm:.0f} mm along"
    title = f"{kept.item.name} · {kept.shown.words}"
    return StentLine(kept.item.id, title, f"{product} · {place}", bool(kept.shown.stale))


def stent_card(kept: KeptStent, others: Iterable[KeptStent], kind: str | None, session: Session | None) -> StentCard:
    """The stent selected, with what its rules say."""
    body, known = kept.body, stent_catalogue()
    row = None if body.device is None else known.rows.get(body.device)
    types = tuple(Choice(each.key, each.name) for each in known.types.values())
    partners = (Choice("", "(alone)"), *(Choice(each.item.id, each.item.name) for each in others))
    return StentCard(
        kept.item.id, kept.item.name, body.diameter_mm, body.length_mm, body.type, types,
        (*stent_facts(body, kept.shown, row, kind), *hilar_facts(body, session)), stored_judgements(body.findings),
        kept.shown.stale, body.partner or "", partners, made_in(row), body.site == SITE,
    )  # fmt: skip


def hilar_facts(body: StentBody, session: Session | None) -> tuple[tuple[str, str], ...]:
    """Of a stent of the bile ducts: the Bismuth type, and how much of the liver it drains; empty for others."""
    if body.site != SITE or session is None:
        return ()
    kind, why = bismuth_of(session)
    known = stent_catalogue()
    asked = f"approximate; ask below {known.drainage_percent:g} % [{known.drainage_tag}]"
    share = "not estimated" if body.drained_share is None else f"about {100.0 * body.drained_share:.0f} %, {asked}"
    return (("Bismuth type", why if kind is None else f"{kind}: {why}"), ("Liver drained", share))


def stent_facts(
    body: StentBody, drawn: StentShown, row: StentRow | None, kind: str | None
) -> tuple[tuple[str, str], ...]:
    """Where it lies, how it fits, how far landmarks are from its ends."""
    known = stent_catalogue()
    before, behind = drawn.landing_mm
    landing = "no stricture to land beside"
    if before is not None and behind is not None:
        landing = f"{before:.0f} mm before, {behind:.0f} mm behind"
    oversize = NOT_MEASURED if body.oversize_percent is None else against_lumen(body.oversize_percent)
    facts = [
        ("Product", "none chosen: size by the rule" if row is None else row.title),
        ("For", f"{_site_name(known.sites, body.site)}, {known.indication(body.indication).name.lower()}"),
        ("Place", f"{body.start_mm:.0f} to {body.end_mm:.0f} mm along"),
        ("Landing", landing),
        ("Against the lumen", oversize),
        ("Delivery", delivery_words(body.delivery_french).removeprefix("delivery ")),
    ]
    made = drawn.deployment
    if made is None:
        facts.append(("Deployed", "outside its lumen: place it again"))
        return tuple(facts)
    waist = NOT_MEASURED
    if made.waist_mm is not None and made.waist_percent is not None:
        waist = f"{mm(made.waist_mm)}, {made.waist_percent:.0f} % of nominal, if nothing gives way"
    crimped = "length not known"
    if made.crimped_length_mm is not None:
        crimped = f"{shown(made.crimped_length_mm, 'mm', digits=0)} long"
    facts += [("Waist", waist), ("In its catheter", crimped)]
    for mark in made.marks:
        facts.append((mark_name(kind or "", mark.name), mark_words(mark)))
    return tuple(facts)


def mark_words(mark: MarkDistance) -> str:
    """``INSIDE the stent``, ``7 mm behind its end``."""
    if mark.inside:
        return "INSIDE the stent"
    if mark.from_start_mm >= 0.0:
        return f"{shown(mark.from_start_mm, 'mm', digits=0)} before its start"
    return f"{shown(mark.from_end_mm, 'mm', digits=0)} behind its end"


def _site_name(sites: Mapping[str, Site], key: str) -> str:
    found = sites.get(key)
    return key if found is None else found.name


def made_in(row: StentRow | None) -> str:
    """``Made in Ø 16, 18, 20 mm and 40, 60, 80 mm``; empty without a product."""
    if row is None:
        return ""
    wide = ", ".join(f"{each:g}" for each in row.diameters_mm)
    long = ", ".join(f"{each:g}" for each in row.lengths_mm)
    if not long and row.length_low_mm is not None and row.length_high_mm is not None:
        long = f"{row.length_low_mm:g} to {row.length_high_mm:g}"
    return f"Made in Ø {wide} mm; lengths {long or 'not given by the source'}{' mm' if long else ''}"
