"""What a rehearsal on the digital patient does at many stages: find structures, mark regions, click, keep the edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.app.digital_case import DigitalCase
from planner.app.marking import new_item, put_item, region_of, store_mask
from planner.app.needle_live import live_needle
from planner.app.needle_paths import NeedleTask, measure_needle
from planner.app.needle_structures import (
    LABEL_MAP,
    StructureState,
    StructureStore,
    regions_from_automatic,
    regions_from_labels,
    structure_states,
)
from planner.app.sessions import SessionDesk
from planner.errors import BugError
from planner.imaging import Volume
from planner.imaging.automatic_structures import automatic_structures
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.edits import Edit
from planner.model.items import REGION, RegionBody
from planner.model.needle_reading import needles_of
from planner.planning.needles import Needle
from planner.store.actors import Actor

LOOKED_BY = "Dr M. Keller"
"""Who confirms that the digital patient has no such structure."""
HAND_MM = 1.0
"""How far a click lies from where it was meant to go: a steady hand on a good screen."""
_TURN_RAD = 2.399963
"""The golden angle: clicks miss in every direction, and the same way each time."""


@dataclass(eq=False)
class RehearsalSteps:
    """The hands of a rehearsal; a procedure adds what it marks at which stage (`before` of `walk_stages`).

    Parameters
    ----------
    volumes
        By ``series_uid#part``.
    """

    made: DigitalCase
    desk: SessionDesk
    volumes: Mapping[str, Volume]
    by: Actor
    context: Context

    def __post_init__(self) -> None:
        self.store = StructureStore(self.made.opened.library)

    def needle_ids(self) -> tuple[str, ...]:
        return tuple(item.id for item, _ in needles_of(self.desk.session.items))

    def volume(self, role: str) -> Volume:
        return self.volumes[self.made.series[role]]

    def apply(self, label: str, edit: Edit) -> None:
        self.made.opened.document.apply(label, edit)

    def find_structures(self, volume: Volume) -> None:
        """What the CT itself shows: skin, bone, lung, gas, contrast-filled vessels."""
        found = automatic_structures(volume, self.context)
        edit = regions_from_automatic(
            self.made.opened.library, self.desk.session, found.masks, volume.source, by=self.by
        )
        self.apply("Find structures", edit)

    def take_label_map(self) -> None:
        """The structures that the template names, as a segmentation program would have written them."""
        rules, source = self.desk.template.needle, self.volume("planning").source
        labels = self.made.patient.truth.structures
        edit, _ = regions_from_labels(
            self.made.opened.library, self.desk.session, (labels,), source, by=self.by, only=rules
        )
        self.apply("Take structures from a label map", edit)

    def structure_rows(self, organ: str | None) -> list[dict[str, Any]]:
        """The table of the stage ``structures``; a required structure without a region was looked for and is absent."""
        return [_row(each) for each in structure_states(self.desk.session, self.desk.template, organ)]

    def label_mask(self, key: str) -> Mask:
        labels = self.made.patient.truth.structures
        value = next(value for value, label in labels.labels.items() if label.structure == key)
        return Mask.of(labels.grid, labels.mask(value))

    def region_mask(self, key: str, frame_uid: str) -> Mask:
        for item in self.desk.session.items:
            if item.type == REGION and item.frame_uid == frame_uid and region_of(item).structure == key:
                return self.store.mask(region_of(item).blob)
        raise BugError(f"no region of {key} lies in this frame of reference")

    def mark_region(
        self, label: str, mask: Mask, structure: str, name: str, series_uid: str, *, tool: str = LABEL_MAP
    ) -> None:
        body = RegionBody(store_mask(self.made.opened.library, mask), structure=structure, volume_ml=mask.volume_ml)
        item = new_item(
            REGION, body, name=name, frame_uid=mask.grid.frame_uid, by=self.by, tool=tool, source_uids=(series_uid,)
        )
        self.apply(label, put_item(self.desk.session_id, item))

    def measure(self, task: NeedleTask) -> None:
        """Measure every needle along the structures of the frame of a task."""
        for item, body in needles_of(self.desk.session.items):
            now = replace(task, diameter_mm=body.diameter_mm, usable_length_mm=body.usable_length_mm)
            ends = np.array([body.entry_lps_mm, body.tip_lps_mm])
            live = live_needle(self.store, self.desk.session, self.desk.template, now, ends, self.context)
            needle = Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm)
            self.apply(f"Measure {item.name}", measure_needle(self.desk.session_id, item, live.measure(needle)))


def _row(state: StructureState) -> dict[str, Any]:
    if state.item_ids:
        return {"structure": state.key, "status": "segmented"}
    if not state.limit.required:
        # Nobody looked: it is named as NOT CHECKED.
        return {"structure": state.key, "status": "not-segmented"}
    return {"structure": state.key, "status": "absent", "confirmed_by": LOOKED_BY}


def clicked_points(points_lps_mm: ArrayLike, first: int = 0) -> NDArray[np.float64]:
    """Places as a person clicks them: each missed by `HAND_MM`, in a direction of its own.

    Parameters
    ----------
    points_lps_mm
        (n, 3) where the clicks are meant to go.
    first
        Number of the first click: a place clicked twice is missed differently each time.

    Returns
    -------
    (n, 3) LPS mm.
    """
    points = np.asarray(points_lps_mm, dtype=np.float64).reshape(-1, 3)
    number = first + np.arange(len(points)) + 0.5
    up = 1.0 - 2.0 * np.mod(number * 0.618034, 1.0)
    across = np.sqrt(1.0 - up**2)
    turn = number * _TURN_RAD
    missed: NDArray[np.float64] = np.stack([across * np.cos(turn), across * np.sin(turn), up], axis=1)
    return points + HAND_MM * missed
