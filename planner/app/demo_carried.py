"""What a session started from another may not hold."""

from __future__ import annotations

from planner.app.sessions import SessionDesk
from planner.workflow.inheritance import effective_inherit
from planner.workflow.template import Inherit
from planner.workflow.values import is_empty


def forbidden_carried(desk: SessionDesk) -> tuple[str, ...]:
    """What a session started from another holds although nothing of the kind may be taken over."""
    session, found = desk.session, []
    if session.signoffs or session.overrides or session.time_out is not None or session.series_roles:
        found.append("signatures, overrides, time-out or series")
    for stage in desk.template.stages:
        for described in stage.fields:
            carried = session.answers.get(stage.id, {}).get(described.id)
            if carried is None or is_empty(carried.value):
                continue
            if effective_inherit(stage, described) is Inherit.NEVER:
                found.append(f"{stage.id}.{described.id}")
    found += [f"medication {each.name}: hold" for each in desk.case.medication if each.hold_from is not None]
    return tuple(found)
