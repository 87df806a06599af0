"""What a person reads of trajectories and C-arm views: every angle with the patient's position."""

from __future__ import annotations

from planner.model.needle_items import WorkingView
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.percutaneous.needle_checks import READ_OUT
from procedures.percutaneous.needles import Needle, chosen_needles
from procedures.spine.support import unknown_value
from procedures.vertebroplasty.levels import confirmation_missing, short
from procedures.vertebroplasty.registry import REGISTRY
from procedures.vertebroplasty.stability import vertebrae


@REGISTRY.compute("trajectory_readout")
def trajectory_readout(context: StageContext) -> list[Computed]:
    """Convergence, craniocaudal angle, wall, tip and length per needle; nothing before the level is confirmed."""
    why = confirmation_missing(context)
    if why is not None:
        return [unknown_value("trajectories", "Trajectories", f"the level is not confirmed, {why}")]
    needles = chosen_needles(context)
    if not needles:
        return [unknown_value("trajectories", "Trajectories", "no needle is named in the plan")]
    return [_trajectory(each) for each in needles]


def _trajectory(needle: Needle) -> Computed:
    measured, length = needle.body.pedicle, needle.body.measured
    label, identity = f"{needle.name}, convergence", f"trajectory_{needle.item.id}"
    if measured is None:
        return unknown_value(identity, label, "it was not measured in a vertebra")
    inputs = {
        "level": f"{short(measured.level)} {measured.side}, {measured.approach}",
        "craniocaudal": shown(measured.craniocaudal_deg, "deg"),
        "pedicle": shown(measured.pedicle_width_mm, "mm"),
        "needle": shown(needle.body.diameter_mm, "mm"),
        "wall": shown(measured.wall_clearance_mm, "mm"),
        "tip to posterior wall": shown(measured.posterior_wall_mm, "mm"),
        "tip to midline": shown(measured.midline_mm, "mm"),
        "skin to tip": shown(length.length_mm if length else None, "mm"),
    }
    return Computed(
        id=identity,
        label=label,
        value=measured.convergence_deg,
        unit="deg",
        grade=f"wall {shown(measured.wall_clearance_mm, 'mm')}, {needle.posture_words}",
        inputs=inputs,
        source="measured along the stored path",
        tag="calc",
        note=READ_OUT,
    )


@REGISTRY.compute("working_views")
def working_views(context: StageContext) -> list[Computed]:
    """C-arm angles of each vertebra, with what a gantry shows that takes the patient for supine."""
    found = [
        _view(short(each.level), index, view) for each in vertebrae(context) for index, view in enumerate(each.views)
    ]
    return found or [unknown_value("views", "C-arm views", "no vertebra was measured in this session")]


def _view(level: str, index: int, view: WorkingView) -> Computed:
    lies = f"patient {view.posture.replace('-', ' ')}, {'head' if view.head_first else 'feet'} first"
    machine = angles_of(view.machine_primary_deg, view.machine_secondary_deg)
    return Computed(
        id=f"view_{level}_{index}",
        label=f"{level}, {view.name}",
        value=angles_of(view.primary_deg, view.secondary_deg),
        grade=lies,
        inputs={"gantry set to supine shows": machine},
        source="measured on the planning CT",
        tag="calc",
        note=f"The patient's own angles, {lies}.",
    )


def angles_of(primary_deg: float, secondary_deg: float) -> str:
    """``RAO 12°, CRA 5°``."""
    first = f"{'LAO' if primary_deg >= 0 else 'RAO'} {abs(primary_deg):.0f}°"
    return f"{first}, {'CRA' if secondary_deg >= 0 else 'CAU'} {abs(secondary_deg):.0f}°"
