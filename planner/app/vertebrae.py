"""Vertebrae of a session: analysed, kept as items, and needles into them once two people have confirmed the level.

Analysing is a job: values in, a value out. `put_vertebra` and `put_trajectories` turn the value into one edit each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from planner.app.marking import new_item, region_of
from planner.clinical.constants import Overrides
from planner.clinical.registry import rule_set_digest
from planner.errors import InputRefused, UsageError
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.volumes import Volume
from planner.model import codec
from planner.model.edits import Edit, session_edit, with_item, without_item
from planner.model.items import REGION, PlanItem, Point, RegionBody
from planner.model.needle_items import (
    NEEDLE_PATH,
    VERTEBRA,
    NeedleMeasures,
    NeedlePathBody,
    PedicleMeasures,
    VertebraPlanBody,
)
from planner.model.needle_reading import needle_of, vertebra_of
from planner.model.session import Session
from planner.planning.devices import needle_devices
from planner.planning.vertebra_analysis import VertebraAnalysis
from planner.planning.vertebra_levels import short_level
from planner.planning.vertebra_trajectories import Trajectory
from planner.planning.vertebra_views import same_view_in
from planner.store.actors import Actor

LEVEL_STAGE = "level"
COUNTED = ("top-down", "ribs", "bottom-up")
"""Answers of ``level.counting_method`` that a person counted; an automatic label is a proposal."""
PURPOSE = "vertebra"
TOOL = "vertebra"
OUTSIDE_MM = 40.0
"""How far behind the bone a needle is drawn when the image holds no skin."""

Measure = Callable[[NeedlePathBody], NeedleMeasures]


@dataclass(frozen=True, slots=True)
class LevelConfirmation:
    """What the session's stage ``level`` says.

    Attributes
    ----------
    levels
        Keys of ``resources/structures.toml``.
    missing
        Why no needle is offered, as the end of a sentence; None when the level is confirmed.
    """

    levels: tuple[str, ...]
    counting_method: str | None
    confirmed_by: str
    second_confirmer: str
    missing: str | None

    @property
    def confirmed(self) -> bool:
        return self.missing is None


def level_confirmation(session: Session) -> LevelConfirmation:
    """Whether two different people named the level, and how it was counted."""
    given = session.answer(LEVEL_STAGE, "level")
    levels = (given,) if isinstance(given, str) else tuple(str(each) for each in given or ())
    method = session.answer(LEVEL_STAGE, "counting_method")
    first, second = (_name(session.answer(LEVEL_STAGE, key)) for key in ("confirmed_by", "second_confirmer"))
    missing = None
    if not levels:
        missing = "no level is named"
    elif not first or not second:
        missing = "two people have to confirm it, by name"
    elif first.casefold() == second.casefold():
        missing = "both confirmations are of the same person"
    elif method not in COUNTED:
        missing = "nobody counted it: an automatic label is a proposal"
    return LevelConfirmation(levels, method if isinstance(method, str) else None, first, second, missing)


def _name(value: object) -> str:
    return " ".join(str(value).split()) if value else ""


def require_confirmed(session: Session, level: str | None) -> None:
    """
    Raises
    ------
    InputRefused
        ``level-unconfirmed`` until two different people have confirmed that level, counted.
    """
    said = level_confirmation(session)
    if said.missing is not None:
        text = f"No trajectory is offered: the level is not confirmed, {said.missing}; fill the stage Level."
        raise InputRefused("level-unconfirmed", text, subject=level)
    if level not in said.levels:
        named = ", ".join(short_level(each) for each in said.levels)
        shown = short_level(level) if level else "a vertebra without level"
        text = f"No trajectory is offered into {shown}: confirmed is {named}."
        raise InputRefused("level-unconfirmed", text, subject=level)


def vertebra_region(session: Session, level: str) -> PlanItem:
    """The region that holds a level.

    Raises
    ------
    UsageError
        ``no-vertebra`` when none is there.
    """
    for item in session.items:
        if item.type == REGION and region_of(item).structure == level:
            return item
    text = f"{short_level(level)} is not segmented; import its mask, or mark it with two clicks."
    raise UsageError("no-vertebra", text, subject=level)


def vertebra_digest(region: RegionBody, canal: RegionBody | None, overrides: Overrides | None = None) -> str:
    """What an analysis stands on: the masks and the rules."""
    return codec.digest(
        {
            "vertebra": codec.to_json(region.blob),
            "canal": None if canal is None else codec.to_json(canal.blob),
            "rules": rule_set_digest(overrides),
        }
    )


def put_vertebra(
    session_id: str,
    analysis: VertebraAnalysis,
    region: PlanItem,
    *,
    by: Actor,
    canal: PlanItem | None = None,
    volume: Volume | None = None,
    overrides: Overrides | None = None,
) -> Edit:
    """Keep what was measured; a session holds one such item per level, and this replaces it."""
    digest = vertebra_digest(region_of(region), None if canal is None else region_of(canal), overrides)
    body = vertebra_body(analysis, region.id, None if canal is None else canal.id, digest)
    sources = () if volume is None else (volume.source.series_uid,)
    item = new_item(
        VERTEBRA,
        body,
        name=f"{short_level(body.level)}: frame and cement",
        frame_uid=region.frame_uid,
        by=by,
        tool=TOOL,
        source_uids=sources,
    )

    def change(session: Session) -> Session:
        old = [each for each in session.items if each.type == VERTEBRA and vertebra_of(each).level == body.level]
        for extra in old[1:]:
            session = without_item(session, extra.id)
        return with_item(session, replace(item, id=old[0].id) if old else item)

    return session_edit(session_id, change)


def vertebra_body(analysis: VertebraAnalysis, region_id: str, canal_id: str | None, digest: str) -> VertebraPlanBody:
    """An analysis as the plan stores it."""
    vertebra, cement = analysis.vertebra, analysis.cement
    left, anterior, superior = (_point(axis) for axis in vertebra.axes_lps)
    volumes = (None, None, None) if cement is None else (cement.low_ml, cement.high_ml, cement.usual_upper_ml)
    return VertebraPlanBody(
        level=analysis.level or "vertebra",
        region_id=region_id,
        centre_lps_mm=_point(vertebra.centre_lps_mm),
        left_lps=left,
        anterior_lps=anterior,
        superior_lps=superior,
        canal_id=canal_id,
        endplate_angle_deg=vertebra.endplate_angle_deg,
        heights_mm=dict(vertebra.heights_mm),
        body_ml=vertebra.body_ml,
        lytic_ml=None if analysis.lytic is None else analysis.lytic.volume_ml,
        defects=() if analysis.leaks is None else analysis.leaks.defects,
        cement_ml=dict(zip(("low", "high", "usual_upper"), volumes, strict=True)),
        views=analysis.views,
        digest=digest,
    )


def needle_body(analysis: VertebraAnalysis, trajectory: Trajectory, region_id: str) -> NeedlePathBody:
    """A trajectory as a needle of the plan, with the bone needle of the shelf that has its gauge; without skin in the
    image it begins `OUTSIDE_MM` behind the bone."""
    shelf = {each.gauge: each for each in needle_devices().values() if PURPOSE in each.purposes}
    needle = shelf.get(trajectory.gauge or "")
    entry = trajectory.skin_lps_mm
    if entry is None:
        entry = trajectory.entry_lps_mm + OUTSIDE_MM * trajectory.outward_lps
    return NeedlePathBody(
        entry_lps_mm=_point(entry),
        tip_lps_mm=_point(trajectory.tip_lps_mm),
        purpose=PURPOSE,
        diameter_mm=trajectory.diameter_mm,
        gauge=trajectory.gauge,
        device=None if needle is None else needle.id,
        usable_length_mm=None if needle is None else needle.usable_length_mm,
        posture=analysis.position.posture,
        region_id=region_id,
        pedicle=pedicle_measures(trajectory, analysis.level or "vertebra"),
    )


def pedicle_measures(trajectory: Trajectory, level: str) -> PedicleMeasures:
    """What is stored of a needle in a vertebra."""
    return PedicleMeasures(
        level=level,
        side=trajectory.side,
        approach=trajectory.approach,
        bone_entry_lps_mm=_point(trajectory.entry_lps_mm),
        pedicle_width_mm=trajectory.pedicle_width_mm,
        wall_clearance_mm=trajectory.wall_clearance_mm,
        breach=trajectory.breach,
        posterior_wall_mm=trajectory.posterior_wall_mm,
        anterior_share=trajectory.anterior_share,
        midline_mm=trajectory.midline_mm,
        convergence_deg=trajectory.convergence_deg,
        craniocaudal_deg=trajectory.craniocaudal_deg,
    )


def put_trajectories(
    session: Session,
    analysis: VertebraAnalysis,
    region: PlanItem,
    *,
    by: Actor,
    trajectories: Sequence[Trajectory] | None = None,
    measure: Measure | None = None,
    volume: Volume | None = None,
) -> Edit:
    """Needles of a confirmed level, in one undo step; they replace unlocked ones of the same level.

    Parameters
    ----------
    trajectories
        None takes all of the analysis; the one-needle proposal is given by name.
    measure
        Clearances to the structures of the session (`planner.app.needle_paths`), stored with each needle.

    Raises
    ------
    InputRefused
        ``level-unconfirmed``.
    """
    require_confirmed(session, analysis.level)
    chosen = analysis.trajectories if trajectories is None else tuple(trajectories)
    bodies = [needle_body(analysis, each, region.id) for each in chosen]
    if measure is not None:
        bodies = [replace(body, measured=measure(body)) for body in bodies]
    sources = () if volume is None else (volume.source.series_uid,)
    items = [
        new_item(
            NEEDLE_PATH,
            body,
            name=f"{short_level(analysis.level or '')} {each.side}"
            + ("" if each.approach == "transpedicular" else f", {each.approach}"),
            frame_uid=region.frame_uid,
            by=by,
            tool=TOOL,
            source_uids=sources,
        )
        for each, body in zip(chosen, bodies, strict=True)
    ]

    def change(now: Session) -> Session:
        for old in now.items:
            if old.type == NEEDLE_PATH and old.tool == TOOL and _replaced(needle_of(old), analysis.level):
                now = without_item(now, old.id)
        for item in items:
            now = with_item(now, item)
        return now

    return session_edit(session.id, change)


def _replaced(body: NeedlePathBody, level: str | None) -> bool:
    return body.pedicle is not None and body.pedicle.level == level and not body.locked


def turn_patient(session_id: str, position: PatientPosition) -> Edit:
    """The patient will lie differently: every view and every needle into a vertebra carries it, in one undo step."""

    def change(session: Session) -> Session:
        for item in session.items:
            if item.type == VERTEBRA:
                seen = vertebra_of(item)
                views = tuple(same_view_in(view, position) for view in seen.views)
                session = with_item(session, _with_body(item, replace(seen, views=views)))
            elif item.type == NEEDLE_PATH:
                body = needle_of(item)
                if body.pedicle is not None and body.posture != position.posture:
                    # In-plane angles were those of the other posture: nothing measured stays behind.
                    body = replace(body, posture=position.posture, measured=None)
                    session = with_item(session, _with_body(item, body))
        return session

    return session_edit(session_id, change)


def _with_body(item: PlanItem, body: object) -> PlanItem:
    return replace(item, body=MappingProxyType(codec.to_json(body)))


def _point(values: ArrayLike) -> Point:
    x, y, z = (float(value) for value in np.asarray(values, dtype=np.float64))
    return x, y, z
