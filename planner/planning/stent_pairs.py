"""Stents at a division of a lumen: a Y-stent across the carina, and two stents side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from planner.clinical.comparisons import above
from planner.clinical.registry import evaluate
from planner.findings import Finding, Severity
from planner.planning.stent_catalogue import StentCatalogue, StentRow, stent_catalogue
from planner.planning.stent_findings import LumenFacts, target_mm
from planner.planning.stents import PICK, Proposals, size_stent, whole_mm

Y_STENT = "y-stent"


@dataclass(frozen=True, slots=True)
class YProposal:
    """Diameters of a Y's limbs.

    Attributes
    ----------
    device
        Row of the catalogue; None for what the rule gives.
    trunk_mm, right_mm, left_mm
        Nominal diameters; None where no reference diameter is known.
    """

    device: str | None
    title: str
    trunk_mm: float | None
    right_mm: float | None
    left_mm: float | None
    source: str
    tag: str
    findings: tuple[Finding, ...] = ()


def size_y_stent(
    trunk_mm: float | None, right_mm: float | None, left_mm: float | None, *, known: StentCatalogue | None = None
) -> tuple[YProposal, ...]:
    """A Y of trachea and both main bronchi, by the reference diameters of the three lumens; the rule's sizes first."""
    catalogue = known or stent_catalogue()
    trachea, bronchus = catalogue.site("trachea"), catalogue.site("main-bronchus")
    limbs = (
        ("trachea", trachea, trunk_mm),
        ("right main bronchus", bronchus, right_mm),
        ("left main bronchus", bronchus, left_mm),
    )
    said: list[Finding] = []
    ranges: list[tuple[float, float] | None] = []
    for name, site, reference in limbs:
        low, high, _ = target_mm(site, reference)
        ranges.append(None if low is None or high is None else (low, high))
        if reference is None:
            text = f"No diameter for the {name}: its lumen was not measured."
            said.append(Finding("no-size", Severity.WARN, text, subject=site.key))
    sizes = [None if each is None else whole_mm(*each) for each in ranges]
    first = YProposal(None, "Y by the rule", sizes[0], sizes[1], sizes[2], trachea.source, trachea.tag, tuple(said))
    rows = [row for row in catalogue.rows.values() if row.type == Y_STENT]
    return (first, *(found for row in rows if (found := _y_row(row, ranges)) is not None))


def _y_row(row: StentRow, ranges: list[tuple[float, float] | None]) -> YProposal | None:
    """A product's limbs; None where its trunk has no size for the lumen."""
    names = ("trachea", "right main bronchus", "left main bronchus")
    picks: list[float | None] = []
    said: list[Finding] = []
    for name, limits, listed in zip(names, ranges, (row.diameters_mm, *(row.branch_diameters_mm,) * 2), strict=True):
        if limits is None:
            picks.append(None)
            continue
        answer = evaluate(PICK, {"catalogue": list(listed), "low": limits[0], "high": limits[1]})
        picks.append(answer.number("pick"))
        said += [replace(each, text=f"{name.capitalize()}: {each.text}") for each in answer.findings]
    if picks[0] is None:
        return None
    return YProposal(row.id, row.title, picks[0], picks[1], picks[2], row.source, row.tag, tuple(said))


def size_side_by_side(
    first: LumenFacts,
    second: LumenFacts,
    common_mm: float | None,
    site: str,
    indication: str = "malignant",
    *,
    known: StentCatalogue | None = None,
) -> tuple[Proposals, Proposals, tuple[Finding, ...]]:
    """Two stents that run side by side in the common lumen (kissing), each sized in its own branch.

    Parameters
    ----------
    common_mm
        Diameter of the lumen that both share; None is unknown.

    Returns
    -------
    first, second, findings
        The findings concern the pair: a circle of both stents' area against the common lumen, and no more than that.
    """
    catalogue = known or stent_catalogue()
    one = size_stent(first, site, indication, known=catalogue)
    other = size_stent(second, site, indication, known=catalogue)
    widths = one.proposals[0].diameter_mm, other.proposals[0].diameter_mm
    return one, other, room_for_two(widths[0], widths[1], common_mm, site, catalogue)


def room_for_two(
    first_mm: float | None, second_mm: float | None, common_mm: float | None, site: str, catalogue: StentCatalogue
) -> tuple[Finding, ...]:
    """A circle of the area of two stents against the lumen that they share, and no more than that."""
    if common_mm is None or first_mm is None or second_mm is None:
        text = "The common lumen or a size is unknown: whether two stents fit side by side is not checked."
        return (Finding("pair-not-checked", Severity.INFO, text),)
    both = math.hypot(first_mm, second_mm)
    place = catalogue.site(site)
    _, high, _ = target_mm(place, common_mm)
    limit = high if high is not None else common_mm * (1.0 + catalogue.upper_percent / 100.0)
    if not above(both, limit):
        return ()
    text = f"Side by side they take the room of {both:.1f} mm in a lumen of {common_mm:.1f} mm: neither opens fully."
    return (Finding("pair-too-wide", Severity.WARN, text, True, site, both, limit, "mm", place.source, place.tag),)
