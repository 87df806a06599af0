"""``stent`` of the command line: a lumen between two points of an image, its stricture, and the sizes that fit it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from planner.app.images import open_image
from planner.app.points import point_of
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.items import Point
from planner.model.vessel_items import LumenMark
from planner.planning.lumens import Lumen, trace_lumen
from planner.planning.lumens_stenosis import find_stenosis, stenosis_between
from planner.planning.stent_catalogue import stent_catalogue
from planner.planning.stent_findings import LumenFacts
from planner.planning.stents import Proposal, Proposals, size_stent

KINDS = ("airway", "oesophagus", "bowel", "bile", "vein", "artery")
AWAY_MM = 20.0
"""A mark farther from the centreline than this is not on this lumen: a slip of a coordinate, not a clinical limit."""


@dataclass(frozen=True, slots=True)
class StentRequest:
    """The words of the command line.

    Attributes
    ----------
    via
        Points between both ends, in their order.
    between
        Start and end of the stricture along the lumen, where a person sets them.
    marks
        Landmarks by name.
    way_mm
        Least diameter of the way from the access.
    sheet
        Where the sizing sheet is written; None for none.
    """

    ct: Path
    start: Point
    end: Point
    kind: str
    via: tuple[Point, ...] = ()
    site: str | None = None
    indication: str = "malignant"
    type: str | None = None
    between: tuple[float, float] | None = None
    marks: tuple[tuple[str, Point], ...] = ()
    way_mm: float | None = None
    sheet: Path | None = None


def mark_of(word: str) -> tuple[str, Point]:
    """``carina=1,2,3`` as a name and a place; UsageError ``bad-point``."""
    name, equals, place = word.partition("=")
    if not equals or not name.strip():
        raise UsageError("bad-point", f"--mark {word!r} is not NAME=X,Y,Z.", subject=word)
    return name.strip(), point_of(place, "--mark")


def between_of(word: str | None) -> tuple[float, float] | None:
    """``20,45`` as two places along a lumen; UsageError ``bad-length``."""
    if word is None:
        return None
    try:
        start, end = (float(part) for part in word.split(","))
    except ValueError:
        raise UsageError("bad-length", f"--between {word!r} is not START,END in mm.", subject=word) from None
    if not 0.0 <= start < end < float("inf"):
        raise UsageError("bad-length", f"--between {word!r} needs a start before its end, in mm along.", subject=word)
    return start, end


def stent_files(
    request: StentRequest, context: Context | None = None, *, now: datetime | None = None
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The document of ``stent``, and what decides its exit code.

    Raises
    ------
    UsageError
        For a file, kind, site, indication, type or mark that does not exist or fit.
    InputRefused, OperatorError
        What the readers refuse, and clicks that lie in no lumen of this kind.
    """
    _require_sane(request)
    job = context or Context()
    volume = open_image(request.ct, context=job.part(0.0, 0.2))
    clicks = np.array([request.start, *request.via, request.end])
    lumen = trace_lumen(volume, clicks, request.kind, context=job.part(0.2, 0.95))
    marks = tuple(_placed(lumen, name, place) for name, place in request.marks)
    facts = facts_of(lumen, marks, request.between)
    sized = size_stent(facts, request.site, request.indication, type_wish=request.type, way_mm=request.way_mm)
    said = tuple(Finding("lumen", Severity.INFO, text) for text in lumen.findings)
    findings = (*said, *sized.findings)
    if request.sheet is not None:
        _write_sheet(request.sheet, volume, lumen, facts, sized, now)
    job.step(1.0, "Sized")
    answer = _document(lumen, facts, sized, findings)
    return answer, (*findings, *sized.proposals[0].findings)


def facts_of(lumen: Lumen, marks: tuple[LumenMark, ...] = (), between: tuple[float, float] | None = None) -> LumenFacts:
    """What a measured lumen says to whoever sizes a stent in it.

    Parameters
    ----------
    between
        Where a person says that the stricture begins and ends; otherwise it is looked for.

    Raises
    ------
    OperatorError
        When nothing was measured between these places.
    """
    stenosis = find_stenosis(lumen) if between is None else stenosis_between(lumen, *between)
    return LumenFacts(lumen.kind, lumen.length_mm, stenosis, marks, lumen.along_mm, lumen.equivalent_mm)


def _require_sane(request: StentRequest) -> None:
    known = stent_catalogue()
    if request.kind not in KINDS:
        raise UsageError("unknown-lumen", f"--kind is one of {', '.join(KINDS)}.", subject=request.kind)
    if request.site is not None and request.kind not in known.site(request.site).kinds:
        text = f"--site {request.site} is no site of a lumen of kind {request.kind}."
        raise UsageError("unknown-site", text, subject=request.site)
    known.indication(request.indication)
    if request.type is not None:
        known.type(request.type)
    if request.way_mm is not None and not (np.isfinite(request.way_mm) and request.way_mm > 0.0):
        raise UsageError("bad-length", "--way needs a diameter above 0 mm.")


def _placed(lumen: Lumen, name: str, place: Point) -> LumenMark:
    """A mark at the nearest place of the centreline; UsageError ``bad-point`` where it lies away from it."""
    away = lumen.centreline.distance_mm(place)
    if away > AWAY_MM:
        text = f"The mark {name} lies {away:.0f} mm from the lumen; check its coordinates."
        raise UsageError("bad-point", text, subject=name)
    return LumenMark(name, lumen.place_of(place), place)


def _write_sheet(
    path: Path, volume: Volume, lumen: Lumen, facts: LumenFacts, sized: Proposals, now: datetime | None
) -> None:
    from planner.app.sessions import local_now
    from planner.app.stent_sheet import SizedLumen, image_report, write_image_sheet

    measured_on = volume.source.description or "images without a description"
    sheet = SizedLumen(facts, lumen.centreline, measured_on)
    write_image_sheet(path, image_report(volume, sheet, sized, now or local_now()))


def _document(lumen: Lumen, facts: LumenFacts, sized: Proposals, findings: tuple[Finding, ...]) -> dict[str, Any]:
    stenosis, need = facts.stenosis, sized.need
    return {
        "centreline": {
            "points_lps_mm": lumen.centreline.points_lps_mm,
            "diameter_mm": lumen.equivalent_mm,
            "inscribed_mm": lumen.inscribed_mm,
            "doubtful": lumen.doubtful,
            "length_mm": lumen.length_mm,
        },
        "stenosis": None
        if stenosis is None
        else {
            "start_mm": stenosis.start_mm,
            "end_mm": stenosis.end_mm,
            "length_mm": stenosis.end_mm - stenosis.start_mm,
            "minimum_diameter_mm": stenosis.minimum_mm,
            "minimum_at_mm": stenosis.minimum_at_mm,
            "percent": stenosis.percent,
        },
        "reference_diameter_mm": {
            "proximal": None if need is None else need.proximal_mm,
            "distal": None if need is None else need.distal_mm,
        },
        "kind": lumen.kind,
        "site": sized.site.key,
        "indication": sized.indication.key,
        "target_diameter_mm": {"low": sized.low_mm, "high": sized.high_mm},
        "marks": [{"name": mark.name, "along_mm": mark.along_mm} for mark in facts.marks],
        "proposals": [_proposal(each) for each in sized.proposals],
        "findings": [each.to_json() for each in findings],
    }


def _proposal(each: Proposal) -> dict[str, Any]:
    return {
        "device": each.device,
        "title": each.title,
        "type": each.type,
        "diameter_mm": each.diameter_mm,
        "length_mm": each.length_mm,
        "start_mm": each.start_mm,
        "end_mm": each.end_mm,
        "oversize_percent": each.oversize_percent,
        "oversize_proximal_percent": each.oversize_proximal_percent,
        "oversize_distal_percent": each.oversize_distal_percent,
        "delivery_french": each.delivery_french,
        "foreshortening_percent": each.foreshortening_percent,
        "source": each.source,
        "tag": each.tag,
        "findings": [finding.to_json() for finding in each.findings],
    }
