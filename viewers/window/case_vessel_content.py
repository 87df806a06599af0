"""What the panels show of vessels, positions and their ways, in words. Values only, no widget is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.app.injections import MODEL, PositionsTogether
from planner.app.report_vessels import NON_TARGET_WORDS, artery_name
from planner.model.vessel_items import CatheterPositionBody, InjectionMeasures, NonTarget, ViewMeasures, WayMeasures
from planner.planning.catheters import (
    BASE,
    MICROCATHETER,
    Catheter,
    CatheterFit,
    fitting_catheters,
    needed_for,
    passes_through,
)
from planner.planning.territories import Injection
from planner.units import UNKNOWN, shown
from planner.workflow.template import Choice
from viewers.panels.position_panel import Comparison, ToneLine, WayLine
from viewers.panels.vessel_panel import SegmentCard, TreeLine
from viewers.state import theme
from viewers.state.vessel_words import KIND_WORDS, known_names, segment_name
from viewers.state.vessels import VesselPlace
from viewers.state.working_view import spoken_angles
from viewers.window.case_vessel_base import KeptTree

KINDS = tuple(Choice(key, KIND_WORDS[key]) for key in ("artery", "portal-vein", "hepatic-vein"))
ORIGINS = {"found": "seen in the image", "bridged": "bridged: not seen in the image", "added": "drawn by hand"}
WELL, PARTLY = 0.995, 0.005
"""Shares printed as 100 % and 0 %: coverage beyond them is said to be whole or none."""
CATHETERS_SHOWN = 1
SEEN = "Seen on"
"""How the sentence begins that says on which images something stands."""


def tree_line(kept: KeptTree) -> TreeLine:
    """Name, how much was found, and what is never to be forgotten about it."""
    segments = len(kept.shown.tree.segments)
    pattern = f" · Michels {kept.body.pattern} (proposed)" if kept.body.pattern else ""
    title = f"{kept.item.name} · {segments} segments{pattern}"
    return TreeLine(
        kept.item.id,
        title,
        kept.body.kind,
        (f"{'; '.join(kept.shown.notes)}. Never complete: confirm by DSA/CBCT.",),
        kept.body.findings,
    )


def segment_card(kept: KeptTree, place: VesselPlace) -> SegmentCard:
    """The vessel chosen: what it is called and how it was measured."""
    tree = kept.shown.tree
    segment = tree.segment(place.segment)
    here, mean, least = kept.shown.radius_at(place), segment.mean_radius_mm, segment.minimum_radius_mm
    facts = [
        ("Calibre here", shown(None if here is None else 2.0 * here, "mm", digits=1)),
        ("mean / least", f"{_double(mean)} / {_double(least)}"),
        (
            "Length",
            f"{shown(segment.length_mm, 'mm', digits=0)}, this place at {shown(place.along_mm, 'mm', digits=0)}",
        ),
        ("Order", f"generation {tree.generation[segment.id]}, Strahler {tree.strahler[segment.id]}"),
        ("Origin", ORIGINS.get(segment.origin, segment.origin)),
    ]
    if segment.doubtful_share > 0.0:
        facts.append(("Doubtful", f"{100.0 * segment.doubtful_share:.0f} % of its length"))
    return SegmentCard(segment_name(tree, segment.id), segment.name, segment.proposed, tuple(facts))


def _double(radius: float | None) -> str:
    return shown(None if radius is None else 2.0 * radius, "mm", digits=1)


def name_choices(kind: str) -> tuple[Choice, ...]:
    return tuple(Choice(key, name) for key, name in known_names(kind).items())


# Injections


Reached = InjectionMeasures | Injection


def reached_pairs(found: Reached) -> tuple[tuple[str, str], ...]:
    """Territory, healthy organ at risk, share of the flow."""
    of_organ = ""
    if found.territory_ml is not None and found.organ_ml:
        of_organ = f", {100.0 * found.territory_ml / found.organ_ml:.0f} % of the organ"
    return (
        (
            "Territory",
            "NOT TOLD" if found.territory_ml is None else f"{shown(found.territory_ml, 'mL', digits=0)}{of_organ}",
        ),
        ("Healthy at risk", shown(found.healthy_ml, "mL", digits=0)),
        ("Share of flow", flow_words(found.flow_share)),
    )


def flow_words(share: float | None) -> str:
    """Of what enters the tree at its root."""
    if share is None:
        return UNKNOWN
    return "below 1 % of the tree's" if share < 0.01 else f"{100.0 * share:.0f} % of the tree's"


def warnings_of(found: Reached) -> tuple[str, ...]:
    """What stands against the numbers; that they are a model is said in any case."""
    return tuple(each for each in found.findings if each != MODEL and not each.startswith(SEEN))


def seen_of(found: Reached) -> tuple[str, ...]:
    return tuple(each for each in found.findings if each.startswith(SEEN))


def coverage_line(name: str, share: float | None) -> ToneLine:
    """``● Lesion 1: 92 % covered``."""
    if share is None:
        return ToneLine(f"◆ {name}: coverage cannot be told", "unknown")
    if share < PARTLY:
        return ToneLine(f"○ {name}: not reached", "quiet")
    words = "covered whole" if share >= WELL else f"{100.0 * share:.0f} % covered"
    return ToneLine(f"{'●' if share >= WELL else '◐'} {name}: {words}", "good" if share >= WELL else "plain")


def coverage_lines(coverage: Mapping[str, float | None], names: Mapping[str, str]) -> tuple[ToneLine, ...]:
    return tuple(coverage_line(names.get(key, key), share) for key, share in coverage.items())


def non_target_lines(found: Sequence[NonTarget]) -> tuple[ToneLine, ...]:
    """What must not be hit, the dangerous ones first; not found is not absent, and is said so in one line."""
    hit = [each for each in found if each.how != "not-found"]
    lines = [ToneLine(f"▲ {non_target_words(each)}", "block" if each.how == "downstream" else "warn") for each in hit]
    missing = [artery_name(each.artery) for each in found if each.how == "not-found"]
    if missing:
        lines.append(ToneLine(f"◆ Not found, which is not absent: {', '.join(missing)}", "unknown"))
    return tuple(lines)


def non_target_words(found: NonTarget) -> str:
    """``Cystic artery: downstream, 12 mm beyond the tip``."""
    where = {"downstream": "beyond the tip", "reflux": "before the tip"}.get(found.how, "from the tip")
    distance = "" if found.distance_mm is None else f", {shown(found.distance_mm, 'mm', digits=0)} {where}"
    return f"{artery_name(found.artery)}: {NON_TARGET_WORDS.get(found.how, found.how)}{distance}"


def tip_words(found: Reached, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Text and colour of the lines beside a tip under the hand: what is covered, what it costs, what is in danger."""
    shares = [(names.get(key, key), share) for key, share in found.coverage.items() if share is not None]
    hit = [f"{name} {100.0 * share:.0f} %" for name, share in shares if share >= PARTLY]
    lines = [(", ".join(hit) if hit else "no lesion reached", theme.TEXT if hit else theme.QUIET)]
    if found.healthy_ml is not None:
        lines.append((f"healthy {shown(found.healthy_ml, 'mL', digits=0)}", theme.TEXT))
    risk = [artery_name(each.artery) for each in found.non_targets if each.how != "not-found"]
    if risk:
        more = f" and {len(risk) - 1} more" if len(risk) > 1 else ""
        lines.append((f"▲ {risk[0]}{more}", theme.BLOCK))
    return tuple(lines)


# The way and the view


def way_line(way: WayMeasures) -> WayLine:
    """One access: length, calibre, turning, take-offs, and what of the catalogue fits."""
    needed = needed_for(way)
    turns = [f"{artery_name(each.name)} {each.angle_deg:.0f}°" for each in way.take_offs]
    steepest = max((each.angle_deg for each in way.take_offs), default=None)
    known = fitting_catheters(way)
    fits = [each for each in known if each.catheter.role == MICROCATHETER]
    bases = [each.catheter for each in known if each.catheter.role == BASE and each.fits is not False]
    good = [each.catheter.title for each in fits if each.fits]
    unsure = [each.catheter.title for each in fits if each.fits is None]
    more = f" and {len(good) - CATHETERS_SHOWN} more" if len(good) > CATHETERS_SHOWN else ""
    catheter = "; ".join(good[:CATHETERS_SHOWN]) + more or ("NOT CHECKED" if unsure else "none of the catalogue")
    pairs = (
        ("In the image", shown(way.length_mm, "mm", digits=0)),
        ("Before it", shown(way.outside_image_mm, "mm", digits=0)),
        ("Narrowest", shown(way.minimum_diameter_mm, "mm", digits=1)),
        ("Turning in all", f"{way.total_turning_deg:.0f}°"),
        ("Steepest take-off", UNKNOWN if steepest is None else f"{steepest:.0f}°"),
        ("Microcatheter from", shown(needed.microcatheter_cm, "cm", digits=0)),
        ("fits", catheter),
    )
    notes = (
        f"Take-offs: {', '.join(turns) or 'none'}",
        needed.text,
        *(_fit_words(each, bases) for each in fits[:4]),
        *way.findings,
    )
    return WayLine(access_words(way.access), pairs, notes)


def _fit_words(fit: CatheterFit, bases: Sequence[Catheter]) -> str:
    return f"{fit.catheter.title}: {'; '.join((*fit.reasons, through_words(fit.catheter, bases)))}"


def through_words(inner: Catheter, bases: Sequence[Catheter]) -> str:
    """Through which base catheters of the catalogue, among those that may suit the way, a microcatheter goes."""
    answers = [(base.title, passes_through(inner, base)) for base in bases]
    good = [title for title, passes in answers if passes]
    if good:
        more = f" and {len(good) - CATHETERS_SHOWN} more" if len(good) > CATHETERS_SHOWN else ""
        return f"goes through {', '.join(good[:CATHETERS_SHOWN])}{more}"
    if not answers or any(passes is None for _, passes in answers):
        return "base catheter to go through NOT CHECKED"
    return "goes through no base catheter of the catalogue that suits this way"


def access_words(access: str) -> str:
    """``Femoral right``."""
    return access.replace("_", " ").capitalize()


def view_words(view: ViewMeasures | None) -> str:
    """``RAO 24 CAU 23, patient supine · foreshortening 11 % · overlap 10 %``."""
    if view is None:
        return ""
    angles = spoken_angles((view.primary_deg, view.secondary_deg))
    by = "chosen by hand" if view.by_person else "as recommended"
    lost = f"foreshortening {100.0 * view.foreshortening:.0f} % · overlap {100.0 * view.overlap:.0f} %"
    return f"{angles}, patient {view.position} · {lost} · {by}"


# Several positions


def position_summary(body: CatheterPositionBody, names: Mapping[str, str]) -> str:
    """``Lesion 1 92 %, healthy 120 mL``."""
    found = body.injection
    if found is None:
        return "not measured"
    shares = [f"{names.get(key, key)} {share_words(share)}" for key, share in found.coverage.items() if share]
    healthy = [] if found.healthy_ml is None else [f"healthy {shown(found.healthy_ml, 'mL', digits=0)}"]
    angles = [] if body.view is None else [spoken_angles((body.view.primary_deg, body.view.secondary_deg))]
    return " · ".join([", ".join(shares) or "no lesion reached", *healthy, *angles])


def share_words(share: float | None) -> str:
    return UNKNOWN if share is None else f"{100.0 * share:.0f} %"


def total_lines(found: PositionsTogether, names: Mapping[str, str]) -> tuple[ToneLine, ...]:
    """What all positions that embolise reach together, and what they leave."""
    if not found.counted:
        return (ToneLine("○ No position embolises yet.", "quiet"), *_left(found))
    many = "one position" if len(found.counted) == 1 else f"{len(found.counted)} positions"
    at_risk = shown(found.added.healthy_ml, "mL", digits=0)
    first = ToneLine(f"{many} to embolise · healthy at risk {at_risk}, what two reach counted once", "plain")
    return (first, *coverage_lines(found.added.coverage, names), *_left(found))


def _left(found: PositionsTogether) -> tuple[ToneLine, ...]:
    return tuple(ToneLine(f"▲ {each}", "warn") for each in found.sentences)


def comparison_of(
    first: str, one: CatheterPositionBody, second: str, other: CatheterPositionBody, names: Mapping[str, str]
) -> Comparison | None:
    """Two positions in numbers; differences are second minus first."""
    a, b = one.injection, other.injection
    if a is None or b is None:
        return None
    rows = [
        _compared("Territory", a.territory_ml, b.territory_ml),
        _compared("Healthy at risk", a.healthy_ml, b.healthy_ml),
    ]
    for key in dict.fromkeys((*a.coverage, *b.coverage)):
        mine, theirs = a.coverage.get(key), b.coverage.get(key)
        change = UNKNOWN if mine is None or theirs is None else f"{100.0 * (theirs - mine):+.0f} %"
        rows.append((names.get(key, key), share_words(mine), share_words(theirs), change))
    hit = [str(sum(each.how != "not-found" for each in found.non_targets)) for found in (a, b)]
    rows.append(("Non-targets", hit[0], hit[1], f"{int(hit[1]) - int(hit[0]):+d}"))
    if one.way is not None and other.way is not None:
        turns = (one.way.total_turning_deg, other.way.total_turning_deg)
        rows.append(("Turning", f"{turns[0]:.0f}°", f"{turns[1]:.0f}°", f"{turns[1] - turns[0]:+.0f}°"))
    return Comparison(first, second, tuple(rows))


def _compared(label: str, one: float | None, other: float | None) -> tuple[str, str, str, str]:
    change = UNKNOWN if one is None or other is None else f"{other - one:+.0f} mL"
    return label, shown(one, "mL", digits=0), shown(other, "mL", digits=0), change
