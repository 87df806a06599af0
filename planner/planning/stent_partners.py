"""What the rules of pairs say of two planned stents: a Y of the airway by its three lumens, others side by side.

The three lumens of a Y and the lumen that two stents share are read off the lumens that were measured; what was not
measured is unknown and said to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.findings import Finding, Severity
from planner.geometry import Polyline
from planner.planning.stent_catalogue import stent_catalogue
from planner.planning.stent_findings import LumenFacts
from planner.planning.stent_pairs import YProposal, room_for_two, size_side_by_side, size_y_stent

Floats = NDArray[np.float64]

PAIR = "pair-"
"""What the code of every finding of a pair begins with."""
CARINA = "carina"
SHARED_MM = 3.0
"""Two courses nearer to each other than this run in one lumen."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured lumen at its place; `site` is None where nobody named one."""

    facts: LumenFacts
    line: Polyline
    site: str | None = None


@dataclass(frozen=True, eq=False)
class Paired:
    """One of two planned stents, in its lumen. `site` and `indication` are keys of the catalogue."""

    lumen: Measured
    diameter_mm: float
    site: str
    indication: str


def pair_findings(first: Paired, second: Paired, others: Sequence[Measured] = ()) -> tuple[Finding, ...]:
    """Findings that concern both stents; their codes begin with `PAIR`.

    Parameters
    ----------
    others
        Further lumens of the same plan, for a limb of a Y that neither stent lies in.
    """
    if first.lumen.facts.kind == second.lumen.facts.kind == "airway":
        return _of_y((first.lumen, second.lumen, *others))
    common = common_mm(first.lumen, second.lumen)
    one, other, _ = size_side_by_side(first.lumen.facts, second.lumen.facts, common, first.site, first.indication)
    sizes = [sized.proposals[0].diameter_mm for sized in (one, other)]
    words = " and ".join("no size" if size is None else f"{size:g} mm" for size in sizes)
    shared = "a lumen not measured" if common is None else f"{common:.1f} mm"
    text = (
        f"Side by side in {shared}: by the rule {words}, planned {first.diameter_mm:g} and {second.diameter_mm:g} mm."
    )
    said = Finding("pair-sizes", Severity.INFO, text, source=one.site.source, tag=one.site.tag)
    return (said, *room_for_two(first.diameter_mm, second.diameter_mm, common, first.site, stent_catalogue()))


def common_mm(first: Measured, second: Measured) -> float | None:
    """Median diameter, outside strictures, of the stretch that two lumens share; None where none was measured."""
    from scipy.spatial import cKDTree

    along, width = first.facts.along_mm, first.facts.diameter_mm
    if first.line.frame_uid != second.line.frame_uid or along is None or width is None:
        return None
    gaps, _ = cKDTree(second.line.points_lps_mm).query(first.line.points_lps_mm)
    return _typical(first.facts, gaps <= SHARED_MM)


def _typical(facts: LumenFacts, chosen: NDArray[np.bool_]) -> float | None:
    """Median of the chosen places that were measured and lie in no stricture."""
    if facts.along_mm is None or facts.diameter_mm is None:
        return None
    kept = chosen & np.isfinite(facts.diameter_mm)
    if facts.stenosis is not None:
        kept &= (facts.along_mm < facts.stenosis.start_mm) | (facts.along_mm > facts.stenosis.end_mm)
    return float(np.median(facts.diameter_mm[kept])) if kept.any() else None


def _of_y(lumens: Sequence[Measured]) -> tuple[Finding, ...]:
    widths: dict[str, float] = {}
    for lumen in lumens:
        for limb, width in _limbs(lumen).items():
            widths.setdefault(limb, width)
    first, *products = size_y_stent(widths.get("trunk"), widths.get("right"), widths.get("left"))
    said = [
        Finding("pair-y", Severity.INFO, f"Y by the rule: {_limb_words(first)}.", source=first.source, tag=first.tag)
    ]
    said += [replace(each, code=f"{PAIR}{each.code}") for each in first.findings]
    for row in products:
        text = f"{row.title}: {_limb_words(row)}."
        said.append(Finding("pair-y-product", Severity.INFO, text, source=row.source, tag=row.tag))
        said += [replace(each, code=f"{PAIR}{each.code}") for each in row.findings]
    if not products and first.trunk_mm is not None:
        said.append(Finding("pair-no-product", Severity.INFO, "No Y-stent of the catalogue fits this trachea."))
    return tuple(said)


def _limb_words(proposal: YProposal) -> str:
    sizes = (
        ("trachea", proposal.trunk_mm), ("right main bronchus", proposal.right_mm),
        ("left main bronchus", proposal.left_mm),
    )  # fmt: skip
    return ", ".join(f"{name} {'no size' if size is None else f'{size:g} mm'}" for name, size in sizes)


def _limbs(lumen: Measured) -> dict[str, float]:
    """``trunk``, ``right`` and ``left`` as far as one lumen shows them: by its mark of the carina, else by its site."""
    facts, along = lumen.facts, lumen.facts.along_mm
    if facts.kind != "airway" or along is None:
        return {}
    points = lumen.line.points_lps_mm
    upwards = bool(points[-1, 2] > points[0, 2])
    top, bottom = (-1, 0) if upwards else (0, -1)
    carina = next((each for each in facts.marks if _is_carina(each.name)), None)
    if carina is None:
        if lumen.site not in ("trachea", "main-bronchus"):
            return {}
        width = _typical(facts, np.ones(len(along), dtype=np.bool_))
        limb = "trunk" if lumen.site == "trachea" else _side(points[top], points[bottom])
        return {} if width is None else {limb: width}
    beyond = along < carina.along_mm if upwards else along > carina.along_mm
    found = {
        "trunk": _typical(facts, ~beyond),
        _side(lumen.line.at(carina.along_mm), points[bottom]): _typical(facts, beyond),
    }
    return {limb: width for limb, width in found.items() if width is not None}


def _is_carina(word: str) -> bool:
    landmark = stent_catalogue().landmark("airway", word)
    return landmark is not None and landmark.key == CARINA


def _side(start_lps_mm: Floats, end_lps_mm: Floats) -> str:
    """Of a bronchus by where it leads: LPS x grows to the patient's left."""
    return "left" if float(end_lps_mm[0]) > float(start_lps_mm[0]) else "right"
