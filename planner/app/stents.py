"""Stents of a session: sized in a measured lumen, moved along it, changed, paired. Each edit is one step of undo.

A stent stores what the rules said of it and the digest of the lumen it was judged in: where the lumen was edited since,
`stale_words` says so, and checks and paper say it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from planner.app.marking import new_item, put_item
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.geometry import Polyline
from planner.imaging.reformat import Course
from planner.model import codec
from planner.model.edits import Edit, session_edit, with_item, without_item
from planner.model.items import PlanItem
from planner.model.packed import unpacked
from planner.model.session import Session
from planner.model.vessel_items import LUMEN, STENT, LumenBody, StentBody, StentFinding
from planner.model.vessel_reading import body_digest, lumen_of, stent_of
from planner.planning.stent_catalogue import stent_catalogue
from planner.planning.stent_deployment import Deployment, deploy
from planner.planning.stent_findings import LumenFacts, Placed, Plan
from planner.planning.stent_partners import PAIR, Measured, Paired, pair_findings
from planner.planning.stents import Proposal, Proposals, need_of, proposal_at, size_stent
from planner.store.actors import Actor

TOOL = "stent"
STALE = "judged before the lumen changed: judge it again"
NO_LUMEN = "its lumen is no longer in the session: measure it again"
_COLUMNS = 9
_EQUIVALENT = 4


def lumen_facts(body: LumenBody) -> LumenFacts:
    """What a stored lumen says to whoever sizes a stent in it; widths are diameters of a circle of the area.

    Raises
    ------
    InputRefused
        When the body is damaged.
    """
    table = unpacked(body.table, _COLUMNS)
    if len(table) < 2:
        raise InputRefused("bad-document", "A stored lumen has no course; measure it again.")
    along = Polyline(table[:, :3], "").arc_length_mm()
    length = float(along[-1])
    return LumenFacts(body.kind, length, body.stenosis, body.marks, along, table[:, _EQUIVALENT])


def lumen_line(item: PlanItem) -> Polyline:
    """The centreline of a lumen item; raises as `lumen_facts`."""
    return Polyline(unpacked(lumen_of(item).table, _COLUMNS)[:, :3], item.frame_uid)


def stent_proposals(
    session: Session,
    lumen_id: str,
    *,
    site: str | None = None,
    indication: str = "malignant",
    type_wish: str | None = None,
    way_mm: float | None = None,
) -> Proposals:
    """Sizes for a lumen of the session; without a site, the one that the lumen itself names.

    Raises
    ------
    UsageError
        ``unknown-lumen``, and as `planner.planning.stents.size_stent`.
    """
    body = lumen_of(the_lumen(session, lumen_id))
    return size_stent(lumen_facts(body), site or body.site, indication, type_wish=type_wish, way_mm=way_mm)


def the_lumen(session: Session, lumen_id: str) -> PlanItem:
    """UsageError ``unknown-lumen`` where the session has none of this id."""
    item = session.item(lumen_id)
    if item is None or item.type != LUMEN:
        raise UsageError(
            "unknown-lumen", "There is no such lumen in this session; measure one first.", subject=lumen_id
        )
    return item


def the_stent(session: Session, stent_id: str) -> tuple[PlanItem, StentBody]:
    """UsageError ``unknown-stent`` where the session has none of this id."""
    item = session.item(stent_id)
    if item is None or item.type != STENT:
        raise UsageError("unknown-stent", "There is no such stent in this session; size one first.", subject=stent_id)
    return item, stent_of(item)


def put_stent(
    session: Session,
    lumen_id: str,
    sized: Proposals,
    proposal: Proposal,
    *,
    by: Actor,
    name: str | None = None,
    stent_id: str | None = None,
) -> Edit:
    """Plan a stent as it was proposed.

    Raises
    ------
    UsageError
        ``unknown-lumen``; ``no-size`` for a proposal without a diameter or a place.
    """
    lumen = the_lumen(session, lumen_id)
    if proposal.diameter_mm is None or proposal.start_mm is None or proposal.end_mm is None:
        text = "This proposal has no size: set start, end and reference of the stricture, or type a size."
        raise UsageError("no-size", text, subject=lumen_id)
    body = StentBody(
        lumen=lumen_id,
        lumen_digest=body_digest(lumen),
        site=sized.site.key,
        diameter_mm=proposal.diameter_mm,
        length_mm=proposal.end_mm - proposal.start_mm,
        start_mm=proposal.start_mm,
        end_mm=proposal.end_mm,
        type=proposal.type,
        indication=sized.indication.key,
        device=proposal.device,
        oversize_percent=proposal.oversize_percent,
        delivery_french=proposal.delivery_french,
        findings=_stored((*sized.findings, *proposal.findings)),
    )
    item = new_item(
        STENT, body, name=name or f"Stent, {sized.site.name}", frame_uid=lumen.frame_uid, by=by, tool=TOOL,
        source_uids=lumen.source_uids, item_id=stent_id,
    )  # fmt: skip
    return put_item(session.id, item)


def move_stent(session: Session, stent_id: str, start_mm: float, *, way_mm: float | None = None) -> Edit:
    """Move a stent along its lumen and judge it there; what it drains of the liver is then unknown again.

    Parameters
    ----------
    start_mm
        Its new start along the centreline; it keeps its length.

    Raises
    ------
    UsageError
        ``unknown-stent``, ``unknown-lumen``; ``bad-place`` for a place outside the measured lumen.
    """
    item, body = the_stent(session, stent_id)
    moved = replace(body, start_mm=start_mm, end_mm=start_mm + body.length_mm, drained_share=None)
    return _put_judged(session, item, judged(session, moved, way_mm))


def change_size(
    session: Session,
    stent_id: str,
    *,
    diameter_mm: float | None = None,
    length_mm: float | None = None,
    device: str | None = None,
    type_key: str | None = None,
    way_mm: float | None = None,
) -> Edit:
    """Another size, product or type, at the same middle; what is None stays.

    A product brings its own type. A size that a product is not made in, and a type that is not its own, make it a stent
    without a product: the device is then None.

    Raises
    ------
    UsageError
        ``unknown-stent``, ``unknown-lumen``, ``unknown-device``, ``unknown-type``; ``bad-size``; ``bad-place``.
    """
    item, body = the_stent(session, stent_id)
    known = stent_catalogue()
    width = body.diameter_mm if diameter_mm is None else diameter_mm
    length = body.length_mm if length_mm is None else length_mm
    if not (np.isfinite(width) and width > 0.0 and np.isfinite(length) and length > 0.0):
        raise UsageError("bad-size", "A stent needs a diameter and a length above 0 mm.", subject=stent_id)
    row = None if (device or body.device) is None else known.row(str(device or body.device))
    kind = known.type(type_key or (row.type if device is not None and row is not None else body.type))
    if row is not None and (row.type != kind.key or width not in row.diameters_mm or row.length_from(length) != length):
        if device is not None:
            text = f"{row.title} is not made in {width:g} x {length:g} mm like this; choose a size of its own."
            raise UsageError("bad-size", text, subject=device)
        row = None
    middle = (body.start_mm + body.end_mm) / 2.0
    changed = replace(
        body, diameter_mm=width, length_mm=length, start_mm=middle - length / 2.0, end_mm=middle + length / 2.0,
        type=kind.key, device=None if row is None else row.id,
        drained_share=body.drained_share if length == body.length_mm else None,
        delivery_french=None if row is None else row.delivery_french,
    )  # fmt: skip
    return _put_judged(session, item, judged(session, changed, way_mm))


def judge_again(session: Session, stent_id: str, *, way_mm: float | None = None) -> Edit:
    """The same stent, judged in its lumen as it is now. Raises as `move_stent`."""
    item, body = the_stent(session, stent_id)
    return _put_judged(session, item, judged(session, body, way_mm))


def pair_stents(session: Session, first_id: str, second_id: str, *, drained_share: float | None = None) -> Edit:
    """Name two stents each other's partner (a Y, or two side by side) in one step; both store what the rule of pairs
    says of them.

    Parameters
    ----------
    drained_share
        0 to 1 of the liver that both drain together; None is unknown.

    Raises
    ------
    UsageError
        ``unknown-stent``; ``bad-pair`` for a stent and itself.
    """
    if first_id == second_id:
        raise UsageError("bad-pair", "A stent cannot be its own partner; choose another one.", subject=first_id)
    pairs = ((*the_stent(session, first_id), second_id), (*the_stent(session, second_id), first_id))
    said = pair_said(session, pairs[0][1], pairs[1][1])
    items = [
        _with_body(
            item,
            replace(body, partner=other, drained_share=drained_share, findings=(*_alone(body).findings, *said)),
        )
        for item, body, other in pairs
    ]

    def change(held: Session) -> Session:
        # A stent has one partner: whoever was paired with either of the two before is alone now.
        held = _without_partner(held, (first_id, second_id))
        for item in items:
            held = with_item(held, item)
        return held

    return session_edit(session.id, change)


def remove_stent(session_id: str, stent_id: str) -> Edit:
    """Take a stent out; a partner of it is then alone."""
    return session_edit(session_id, lambda held: without_item(_without_partner(held, (stent_id,)), stent_id))


def judged(session: Session, body: StentBody, way_mm: float | None = None) -> StentBody:
    """A stent as the rules judge it in its lumen as it is now, with its partner. Raises as `move_stent`."""
    lumen = the_lumen(session, body.lumen)
    facts, known = lumen_facts(lumen_of(lumen)), stent_catalogue()
    if not (body.end_mm > 0.0 and body.start_mm < facts.length_mm):
        text = f"The stent would lie outside the measured lumen of {facts.length_mm:.0f} mm; keep it inside."
        raise UsageError("bad-place", text, subject=body.lumen)
    site = known.site(body.site)
    plan = Plan(known, facts, site, known.indication(body.indication), need_of(facts, site, known), way_mm)
    row = None if body.device is None else known.row(body.device)
    said = proposal_at(plan, Placed(body.start_mm, body.end_mm, body.diameter_mm, known.type(body.type), row))
    partner = _partner_of(session, body)
    of_pair = () if partner is None else pair_said(session, body, partner[1])
    return replace(
        body,
        lumen_digest=body_digest(lumen),
        oversize_percent=said.oversize_percent,
        delivery_french=said.delivery_french,
        findings=(*_stored(said.findings), *of_pair),
    )


def pair_said(session: Session, first: StentBody, second: StentBody) -> tuple[StentFinding, ...]:
    """What the rule of pairs says of two stents in their lumens as they are now; empty where a lumen is gone."""
    lumens = {item.id: item for item in session.items if item.type == LUMEN}
    if first.lumen not in lumens or second.lumen not in lumens:
        return ()
    measured = {key: _measured(item) for key, item in lumens.items()}
    one, other = (
        Paired(measured[each.lumen], each.diameter_mm, each.site, each.indication) for each in (first, second)
    )
    frame = one.lumen.line.frame_uid
    others = [each for each in measured.values() if each.line.frame_uid == frame]
    return _stored(pair_findings(one, other, others))


def _measured(item: PlanItem) -> Measured:
    body = lumen_of(item)
    return Measured(lumen_facts(body), lumen_line(item), body.site)


def _partner_of(session: Session, body: StentBody) -> tuple[PlanItem, StentBody] | None:
    item = None if body.partner is None else session.item(body.partner)
    return None if item is None or item.type != STENT else (item, stent_of(item))


def _put_judged(session: Session, item: PlanItem, body: StentBody) -> Edit:
    """Put a stent that was judged; what the rule of pairs says of it, its partner says too."""
    changed = [_with_body(item, body)]
    if (partner := _partner_of(session, body)) is not None:
        of_pair = tuple(each for each in body.findings if each.code.startswith(PAIR))
        own = tuple(each for each in partner[1].findings if not each.code.startswith(PAIR))
        changed.append(
            _with_body(partner[0], replace(partner[1], drained_share=body.drained_share, findings=(*own, *of_pair)))
        )

    def change(held: Session) -> Session:
        for each in changed:
            held = with_item(held, each)
        return held

    return session_edit(session.id, change)


def _alone(body: StentBody) -> StentBody:
    """Without a partner and what was said and told of the pair."""
    own = tuple(each for each in body.findings if not each.code.startswith(PAIR))
    return replace(body, partner=None, drained_share=None, findings=own)


def stale_words(session: Session, body: StentBody) -> str:
    """Why a stent's findings no longer hold; empty while they do."""
    lumen = session.item(body.lumen)
    if lumen is None or lumen.type != LUMEN:
        return NO_LUMEN
    return "" if body_digest(lumen) == body.lumen_digest else STALE


def deployment_of(session: Session, stent_id: str, course: Course | None = None) -> Deployment:
    """A stent of the session laid in its lumen, for pictures.

    Parameters
    ----------
    course
        Of the lumen's centreline, where it was prepared before.

    Raises
    ------
    UsageError
        ``unknown-stent``, ``unknown-lumen``; ``bad-place`` where it lies outside the lumen as it is now.
    """
    _, body = the_stent(session, stent_id)
    lumen = the_lumen(session, body.lumen)
    facts = lumen_facts(lumen_of(lumen))
    row = None if body.device is None else stent_catalogue().rows.get(body.device)
    try:
        return deploy(
            course or lumen_line(lumen), body.start_mm, body.end_mm, body.diameter_mm, lumen_along_mm=facts.along_mm,
            lumen_mm=facts.diameter_mm,
            stricture_mm=None if facts.stenosis is None else (facts.stenosis.start_mm, facts.stenosis.end_mm),
            marks=facts.marks, foreshortening_percent=None if row is None else row.foreshortening_percent,
        )  # fmt: skip
    except ValueError as error:
        text = "The stent lies outside its lumen as it was measured last; place it again."
        raise UsageError("bad-place", text, subject=stent_id) from error


def as_findings(stored: Iterable[StentFinding]) -> tuple[Finding, ...]:
    """Stored findings as checks and paper show them."""
    return tuple(
        Finding(each.code, Severity(each.severity), each.text, source=each.source or None, tag=each.tag)
        for each in stored
    )


def _stored(findings: Iterable[Finding]) -> tuple[StentFinding, ...]:
    return tuple(
        StentFinding(each.code, each.severity.value, each.text, each.source or "", each.tag or "M") for each in findings
    )


def _without_partner(held: Session, ids: tuple[str, ...]) -> Session:
    for item in held.items:
        if item.type == STENT and (body := stent_of(item)).partner in ids:
            held = with_item(held, _with_body(item, _alone(body)))
    return held


def _with_body(item: PlanItem, body: StentBody) -> PlanItem:
    return replace(item, body=MappingProxyType(codec.to_json(body)))
