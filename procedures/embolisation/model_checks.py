"""What the model of the vessels says: measured of the tree as it is now, coverage, feeders, what CT may miss."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.model.vessel_items import CatheterPositionBody, FeedersBody, VesselTreeBody
from planner.model.vessel_reading import all_feeders_of
from planner.units import shown
from planner.workflow.context import StageContext
from procedures.embolisation.places import (
    Place,
    changed_since,
    lesion_name,
    modelled,
    outermost,
    places,
    reaches,
    targets,
    treating,
    trees,
)
from procedures.embolisation.registry import REGISTRY
from procedures.spine.image_checks import series_of
from procedures.spine.support import against, context_limit_text, limit, not_evaluated, number

CONFIRM = "confirm by DSA or cone-beam CT"
NOT_ABSENT = "A feeder not found is not a feeder absent."


@REGISTRY.check("positions_measured")
def positions_measured(context: StageContext) -> list[Finding]:
    """Positions of the model are there, measured, and measured of the tree as it is now."""
    found = []
    for place in places(context):
        subject = f"{context.stage.id}.{place.number}"
        if place.lost:
            text = f"{place.name} points at a catheter position that was deleted: choose again."
            found.append(context.finding("position-gone", text, subject=subject))
        elif place.body is not None:
            found += _measured(context, place, place.body, subject)
    if treating(context) and not any(place.item for place in treating(context)):
        text = "NOT CHECKED: no position stands on a vessel tree; coverage and branches at risk were not measured."
        found.append(context.finding("no-model", text, severity=Severity.INFO))
    return found


def _measured(context: StageContext, place: Place, body: CatheterPositionBody, subject: str) -> list[Finding]:
    why = changed_since(context, body.tree, body.tree_digest)
    if why is not None:
        return [context.finding("measured-before", f"{place.name}: {why}.", subject=subject)]
    if place.treats and body.injection is None:
        why = f"{place.name} was placed and no injection was measured there"
        return [not_evaluated(context, why, code="position-not-measured", subject=subject)]
    return []


def coverage_of(context: StageContext, lesion_id: str) -> float | None:
    """The share of a lesion that the positions of the model reach together; None where it cannot be told.

    A position downstream of another one adds nothing to it; territories beside each other add up.
    """
    shares = []
    for _, body in outermost(context, modelled(context)):
        share = body.injection.coverage.get(lesion_id) if body.injection else None
        if body.injection is None or (share is None and lesion_id in body.injection.coverage):
            return None
        shares.append(share or 0.0)
    return min(1.0, sum(shares)) if shares else None


@REGISTRY.check("positions_cover")
def positions_cover(context: StageContext) -> list[Finding]:
    """Lesions that the chosen positions do not reach to the share that the profile asks for."""
    if not modelled(context):
        return []
    least, found = limit(context, "least"), []
    left = {row.get("lesion") for row in context.rows("lesions_left")}
    for lesion in targets(context):
        subject = f"{context.stage.id}.{lesion.id}"
        if lesion.id in left:
            continue
        share = coverage_of(context, lesion.id)
        if share is None:
            found.append(not_evaluated(context, f"how much of {lesion.name} is reached", subject=subject))
        elif 100.0 * share < number(least):
            text = (
                f"{lesion.name}: the positions reach {100.0 * share:.0f} % of it by the model, "
                f"{number(least):g} % are asked for; a part stays without treatment."
            )
            found.append(against(context, "lesion-not-covered", text, 100.0 * share, least, subject=subject))
    return found


@REGISTRY.check("feeders_reached")
def feeders_reached(context: StageContext) -> list[Finding]:
    """Accepted feeders that no position reaches, and feeders of a tree that has changed since."""
    found, wanted, known = [], {each.id for each in targets(context)}, trees(context)
    chosen = modelled(context)
    left = {row.get("lesion") for row in context.rows("lesions_left")}
    for item, body in all_feeders_of(context.session.items):
        if body.lesion_id not in wanted or body.lesion_id in left:
            continue
        why = changed_since(context, body.tree, body.tree_digest)
        if why is not None:
            text = f"Feeders of {lesion_name(context, body.lesion_id)}: {why}."
            found.append(context.finding("measured-before", text, subject=f"{context.stage.id}.{item.id}"))
            continue
        found += _unreached(context, body, known[body.tree][1], chosen) if chosen else []
    return found


def _unreached(
    context: StageContext,
    body: FeedersBody,
    tree: VesselTreeBody,
    chosen: tuple[tuple[Place, CatheterPositionBody], ...],
) -> list[Finding]:
    lesion = lesion_name(context, body.lesion_id)
    names = {each.id: each.name for each in tree.segments}
    found = []
    for each in body.feeders:
        if any(position.tree == body.tree and reaches(tree, position, each.segment) for _, position in chosen):
            continue
        kind = "main feeder" if each.main else "minor feeder" if each.main is False else "feeder"
        name = (names.get(each.segment) or each.segment).replace("_", " ")
        text = f"{lesion}: no position reaches its {kind} {name}."
        subject = f"{context.stage.id}.{body.lesion_id}.{each.segment}"
        found.append(context.finding("feeder-not-reached", text, subject=subject))
    return found


@REGISTRY.check("feeders_may_be_missed")
def feeders_may_be_missed(context: StageContext) -> list[Finding]:
    """What the images cannot show, per lesion whose feeders were searched for, and which were not searched for."""
    searched = {body.lesion_id: body for _, body in all_feeders_of(context.session.items)}
    found = []
    for lesion in targets(context):
        body = searched.get(lesion.id)
        subject = f"{context.stage.id}.{lesion.id}"
        if body is None:
            text = f"NOT CHECKED: the feeders of {lesion.name} were not searched for on a vessel tree."
            found.append(context.finding("feeders-not-searched", text, subject=subject))
        else:
            found.append(context.finding("ct-may-miss", _limits_of(context, lesion.name, body), subject=subject))
    return found


def _limits_of(context: StageContext, lesion: str, body: FeedersBody) -> str:
    role = next((name for name, key in context.session.series_roles.items() if key == body.series), None)
    series = series_of(context, role) if role else None
    of = f" of {series.study_date.isoformat()}" if series and series.study_date else ""
    slices = "" if body.slice_mm is None else f", slice {shown(body.slice_mm, 'mm')}"
    seen = body.smallest_visible_mm
    least = context_limit_text(context, "diameter") if seen is None else shown(round(seen, 1), "mm")
    count = f"{len(body.feeders)} feeder{'' if len(body.feeders) == 1 else 's'} seen on CT{of}{slices}"
    return f"{lesion}: {count}; arteries below {least} are not visible; {CONFIRM}. {NOT_ABSENT}"


@REGISTRY.check("view_for_posture")
def view_for_posture(context: StageContext) -> list[Finding]:
    """The working view of a position was computed for a patient who lies as the plan says."""
    planned = context.value("patient_position")
    found = []
    for place in places(context):
        view = place.body.view if place.body else None
        if view is None or planned is None or _lies(view.position) == planned:
            continue
        text = f"{place.name}: its working view is for a patient who lies {view.position}, the plan says {planned}."
        found.append(context.finding("view-other-posture", text, subject=f"{context.stage.id}.{place.number}"))
    return found


def _lies(position: str) -> str:
    return "lateral" if position.endswith("decubitus") else position
