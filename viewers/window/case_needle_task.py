"""What a person aims at, with what, and how the patient lies: a needle task from the open session. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from planner.app import device_rows
from planner.app.needle_paths import NeedleTask
from planner.errors import OperatorError
from planner.geometry.patient_positions import POSTURES, SUPINE, PatientPosition, position_from_dicom
from planner.imaging import Volume
from planner.model.case import Case
from planner.model.disease import Lesion
from planner.model.items import RegionBody
from planner.model.session import Session
from planner.planning.devices import (
    Device,
    ablation_devices,
    drawable_settings,
    gauge_diameter_mm,
    needle_devices,
)
from planner.units import shown
from planner.workflow.template import Choice, Template
from viewers.state.marking import Mark

GAUGES = ("14 G", "16 G", "17 G", "18 G", "20 G", "21 G", "22 G")
"""Offered where no catalogued device is used: a diameter, and no length that limits."""
POSITION_FIELD, ORGAN_STAGE, ORGAN_FIELD = "patient_position", "target", "organ_pack"
DEFAULT_GAUGE = "17 G"


@dataclass(frozen=True, slots=True)
class Tool:
    """A device or a bare gauge.

    Attributes
    ----------
    device
        Key of ``resources/devices``; None for a bare gauge.
    usable_length_mm
        None does not limit.
    """

    title: str
    diameter_mm: float
    gauge: str | None = None
    device: str | None = None
    usable_length_mm: float | None = None


def tools_for(purpose: str, *, simulated: bool) -> Mapping[str, Tool]:
    """What may be chosen, by key: devices whose diameter is stated, those with a chart that gives a zone before the
    others, the user's own among them; then gauges."""
    try:
        written = (device_rows.device_folder() / device_rows.FILE_NAME).stat().st_mtime_ns
    except OSError:
        written = None
    return _tools_at(purpose, simulated, written)


@lru_cache(maxsize=16)
def _tools_at(purpose: str, simulated: bool, written: int | None) -> Mapping[str, Tool]:
    """As the file of the user's own devices was written at a time; None while there is none."""
    found: dict[str, Tool] = {}
    if purpose == "ablation":
        known = sorted(_devices(written).items(), key=lambda each: not drawable_settings(each[1]))
        for key, each in known:
            diameter = each.outer_diameter_mm
            if diameter is not None and each.simulated is simulated:
                found[key] = Tool(each.title, diameter, each.gauge, key, each.usable_length_mm)
    for key, needle in needle_devices().items():
        diameter = needle.diameter_mm
        if purpose in needle.purposes and diameter is not None:
            found[key] = Tool(needle.title, diameter, needle.gauge, key, needle.usable_length_mm)
    for gauge in GAUGES:
        diameter = gauge_diameter_mm(gauge)
        if diameter is not None:
            found[f"gauge:{gauge}"] = Tool(f"{gauge} ({shown(diameter, 'mm')}), any length", diameter, gauge)
    return MappingProxyType(found)


def _devices(written: int | None) -> Mapping[str, Device]:
    """Shipped and own devices; only the shipped where the user's file is faulty, which the panel of zones says."""
    if written is None:
        return ablation_devices()
    try:
        return device_rows.all_devices()
    except OperatorError:
        return ablation_devices()


def choices_of(tools: Mapping[str, Tool]) -> tuple[Choice, ...]:
    return tuple(Choice(key, _device_words(each)) for key, each in tools.items())


def _device_words(tool: Tool) -> str:
    if tool.device is None:
        return tool.title
    reach = "length not stated" if tool.usable_length_mm is None else shown(tool.usable_length_mm, "mm")
    return f"{tool.title} ({shown(tool.diameter_mm, 'mm')}, {reach})"


POSTURE_CHOICES = tuple(Choice(each, each.replace("-", " ")) for each in POSTURES)


def posture_of(session: Session, template: Template, volume: Volume | None) -> PatientPosition:
    """How the patient lies: as the session says, else as on the images, else supine."""
    scanned = position_from_dicom(None if volume is None else volume.source.patient_position)
    head_first = scanned.head_first if scanned is not None else True
    for stage in template.stages:
        said = session.answer(stage.id, POSITION_FIELD) if stage.field(POSITION_FIELD) is not None else None
        if isinstance(said, str) and said in POSTURES:
            return PatientPosition(said, head_first)
    return scanned if scanned is not None else PatientPosition(SUPINE, head_first)


def position_stage(template: Template) -> str | None:
    """The stage that asks how the patient lies, or None."""
    return next((stage.id for stage in template.stages if stage.field(POSITION_FIELD) is not None), None)


def lesion_of(case: Case, mark: Mark | None) -> Lesion | None:
    """The lesion of a region; None for another structure."""
    body = None if mark is None else mark.body
    if not isinstance(body, RegionBody) or body.lesion_id is None:
        return None
    return case.lesion(body.lesion_id)


def organ_for(case: Case, session: Session, region: Mark | None) -> str | None:
    """The organ of the target: the lesion's, else the only one the session names."""
    lesion = lesion_of(case, region)
    if lesion is not None:
        return lesion.organ
    named = session.answer(ORGAN_STAGE, ORGAN_FIELD)
    only = list(named) if isinstance(named, (list, tuple)) else [named]
    return only[0] if len(only) == 1 and isinstance(only[0], str) else None


def task_for(
    case: Case,
    session: Session,
    template: Template,
    volume: Volume | None,
    frame_uid: str,
    region: Mark | None,
    tool: Tool,
    series: str | None,
) -> NeedleTask:
    """What a search or a measurement is asked for; `volume` is the one it is planned on."""
    lesion = lesion_of(case, region)
    return NeedleTask(
        frame_uid,
        region.id if region is not None else None,
        organ=organ_for(case, session, region),
        diameter_mm=tool.diameter_mm,
        gauge=tool.gauge,
        device=tool.device,
        usable_length_mm=tool.usable_length_mm,
        position=posture_of(session, template, volume),
        series=series,
        lesion_ids=(lesion.id,) if lesion is not None else (),
    )
