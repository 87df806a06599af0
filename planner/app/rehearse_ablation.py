"""The digital patient's ablation as a person plans and does it: every number comes from its images.

Structures are segmented from the CT, the rest of them comes from a label map as a segmentation program would write it;
applicators are planned, their paths measured, the margin is held against the target; on the day the scan of today is
matched with the plan, reviewed, and the plan moved over; after, the zone is clicked and its margin measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.applicators import CoverTask, plan_session_cover, put_cover
from planner.app.demo_marking import MarkedLesion, mark_lesions
from planner.app.device_rows import all_devices
from planner.app.margins import COOLING_VESSELS, MarginSettings, achieved, planned_margin, put_margin
from planner.app.marking import region_of
from planner.app.needle_day import link_of_match, move_plan, reviewed_link
from planner.app.needle_paths import NeedleTask
from planner.app.rehearse_steps import RehearsalSteps, clicked_points
from planner.app.run_items import add_link, review_link
from planner.errors import BugError
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.rigid_registration import RigidMatch, image_rigid
from planner.imaging.zone_segmentation import zone_from_click
from planner.model.items import REGION, PlanItem
from planner.model.needle_items import ABLATION_MARGIN, ACHIEVED, NEEDLE_PATH
from planner.model.needle_reading import margins_of, needles_of

DEVICE = "simulated-mwa"
ORGAN = "liver"
TARGET_NAME = "L2"
ZONE_TOOL = "one-click-zone"
BESIDE_LPS_MM = (10.0, 0.0, 0.0)
"""The click into the zone: beside its dense middle."""
LANDMARKS = (
    "portal confluence",
    "origin of proper hepatic artery",
    "origin of right hepatic artery",
    "origin of left medial hepatic artery",
    "origin of segment 8 artery",
    "origin of segment 3 artery",
)
"""Places near the liver that a person finds in both scans."""


@dataclass(eq=False)
class AblationRehearsal(RehearsalSteps):
    """Marks what a person marks when a stage of the ablation has its turn; see `before`."""

    lesions: tuple[MarkedLesion, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.devices = all_devices()

    def before(self, stage: str) -> Mapping[str, Any]:
        """What is marked before a stage is filled, and the answers that follow from it."""
        acts = {
            "structures": self._structures,
            "paths": self._paths,
            "zone_margin": self._zone,
            "scan_today": self._today,
            "needle_check": self._checked,
            "activations": self._activated,
            "completion_scan": self._completed,
            "sign_out": self._ended,
        }
        act = acts.get(stage)
        return {} if act is None else act()

    def mark_lesions(self) -> tuple[MarkedLesion, ...]:
        """One click into each tumour."""
        volume = self.volume("planning")
        self.lesions = mark_lesions(self.made.opened, self.desk.session_id, volume, self.made.patient.truth, self.by)
        return self.lesions

    # Stages

    def _structures(self) -> dict[str, Any]:
        self.find_structures(self.volume("planning"))
        self.take_label_map()
        source = self.volume("planning").source
        self.mark_region("Mark the liver", self.label_mask(ORGAN), ORGAN, ORGAN, source.series_uid)
        return {"structures": self.structure_rows(ORGAN), "path_claim": "admissible"}

    def _paths(self) -> dict[str, Any]:
        task = CoverTask(self._task(self._target(), "planning"), self.devices[DEVICE], self._wanted_mm())
        self.cover(task)
        return {"needles": self.needle_rows(), "patient_position": "supine"}

    def needle_rows(self) -> list[dict[str, Any]]:
        """The table of the stage ``paths``."""
        lesion = self._lesion_id()
        return [{"needle": each, "lesion": lesion, "judged": "admissible"} for each in self.needle_ids()]

    def cover(self, task: CoverTask) -> None:
        """Applicators that cover the target, with their paths measured."""
        planned = plan_session_cover(
            self.store, self.made.opened.case, self.desk.session, self.desk.template, task, self.context
        )
        self.apply("Plan applicators", put_cover(self.desk.session, task, planned, by=self.by))
        self.measure(task.needle)

    def _wanted_mm(self) -> float:
        rules = self.desk.template.needle
        limit = rules.limit("margin_minimum_mm") if rules is not None else None
        if limit is None:
            raise BugError("the ablation template names no margin")
        return limit.value

    def _zone(self) -> dict[str, Any]:
        measured = planned_margin(
            self.made.opened.library, self.desk.session, self._target().id, self._settings(), context=self.context
        )
        self.apply("Keep the margin", put_margin(self.desk.session, measured, self.by))
        return {"required_margin": measured.body.required_mm, "settings": self._setting_rows()}

    def _today(self) -> dict[str, Any]:
        planning, today = self.volume("planning"), self.volume("today")
        match = self._match(planning, today)
        link = link_of_match(match)
        self.apply("Match today's scan", add_link(link))
        self.apply("Review the match", review_link(link.id, by=self.by, at=self.desk.clock()))
        reviewed = reviewed_link(self.desk.case, planning.grid.frame_uid, today.grid.frame_uid)
        if reviewed is None:
            raise BugError("a reviewed link is not there")
        series = self.made.series["today"]
        self.apply("Move the plan to today's scan", move_plan(self.desk.session, reviewed, series=series, by=self.by))
        self.find_structures(today)
        self.settle_today()
        error = None if match.error is None else _typed_up(match.error.mean_mm)
        return {"series": series, "registration": "images", "registration_error": error}

    def settle_today(self) -> None:
        """Paths and margin of the moved plan on today's scan."""
        self.measure(self._task(self._target(), "today"))
        self._zone()

    def _checked(self) -> dict[str, Any]:
        rows = [
            {"needle": each, "applicator": "Simulated antenna", "status": "done", "tip_error": 2.0, "accepted": "yes"}
            for each in self.needle_ids()
        ]
        return {"needles": rows}

    def _activated(self) -> dict[str, Any]:
        rows = []
        for number, each in enumerate(self._setting_rows(), start=1):
            kept: dict[str, Any] = {key: each[key] for key in ("needle", "power", "minutes") if key in each}
            more: dict[str, Any] = {
                "no": number,
                "round": 1,
                "lesion": self._lesion_id(),
                "status": "done",
                "start": "10:05",
            }
            rows.append({**kept, **more})
        return {"activations": rows}

    def _completed(self) -> dict[str, Any]:
        completion = self.volume("completion")
        target = self._target()
        organ = self.region_mask(ORGAN, completion.grid.frame_uid)
        zone_mask = self.zone_mask(completion, organ)
        series_uid = completion.source.series_uid
        self.mark_region("Mark the zone", zone_mask, "ablation_zone", "Zone of L2", series_uid, tool=ZONE_TOOL)
        zone = next(item for item in self.desk.session.items if item.tool == ZONE_TOOL)
        match = self._same_table(completion)
        measured = achieved(
            self.made.opened.library,
            self.desk.session,
            target.id,
            zone.id,
            self._settings(),
            match=match,
            context=self.context,
        )
        self.apply("Keep the achieved margin", put_margin(self.desk.session, measured, self.by))
        body = measured.body
        wanted = body.required_mm or 0.0
        error = None if body.registration_error_mm is None else _typed_up(body.registration_error_mm)
        least = body.mean.minimum_mm
        enough = least is not None and least >= wanted
        decision = "stop" if enough else "staged"
        row = {
            "round": 1,
            "at": "10:28",
            "lesion": self._lesion_id(),
            "minimum": None if least is None else _typed_down(least),
            "error": error,
            "decision": decision,
            "reason": None if enough else "Below the margin that is wanted",
        }
        kept = {key: value for key, value in row.items() if value is not None}
        return {
            "completion_series": self.made.series["completion"],
            "registration_error": error,
            "repetitions": [kept],
            "decision": decision,
        }

    def zone_mask(self, completion: Volume, organ: Mask) -> Mask:
        """The zone as a person marks it: here, by one click."""
        return zone_from_click(completion, self.zone_click(), organ=organ, context=self.context).mask

    def zone_click(self) -> NDArray[np.float64]:
        """Where a person clicks into the zone, LPS mm."""
        centre = self.store.mask(region_of(self._target()).blob).centroid_lps_mm()
        place: NDArray[np.float64] = np.asarray(centre) + np.asarray(BESIDE_LPS_MM)
        return place

    def _ended(self) -> dict[str, Any]:
        ((_, body),) = margins_of(self.desk.session.items, ACHIEVED)
        least, number = body.mean.minimum_mm, len(self._setting_rows())
        margin = "not measured" if least is None else f"{_typed_down(least):.1f} mm"
        many = f"{number} activation{'' if number == 1 else 's'}"
        return {"procedure_done": f"Microwave ablation of L2 in {many}, margin {margin} on the completion scan."}

    # What the stages share

    def _match(self, planning: Volume, other: Volume) -> RigidMatch:
        """By the liver, with the tumour left out; its error at places that a person finds in both scans."""
        truth = self.made.patient.truth
        here = np.array([truth.landmark(name) for name in LANDMARKS])
        true = self._true_map(other)
        clicks = (clicked_points(here), clicked_points(true(here), first=len(here)))
        organ = self.label_mask(ORGAN)
        return image_rigid(planning, other, organ, context=self.context, landmarks=clicks)

    def _same_table(self, completion: Volume) -> RigidMatch:
        """Both scans of the day lie in one frame: matched all the same, its error at landmarks."""
        today = self.volume("today")
        truth = self.made.patient.truth
        true = self._true_map(today)
        points = true(np.array([truth.landmark(name) for name in LANDMARKS]))
        pairs = (clicked_points(points), clicked_points(points, first=len(points)))
        organ = self.region_mask(ORGAN, today.grid.frame_uid)
        return image_rigid(today, completion, organ, context=self.context, landmarks=pairs, same_frame_too=True)

    def _true_map(self, volume: Volume) -> Any:
        from planner.phantom.ablation_day import repositioned

        return repositioned(self.made.patient.portal.grid, volume.grid.frame_uid).points

    def _task(self, target: PlanItem, role: str) -> NeedleTask:
        device = self.devices[DEVICE]
        lesion = region_of(target).lesion_id
        return NeedleTask(
            frame_uid=target.frame_uid,
            region_id=target.id,
            organ=ORGAN,
            diameter_mm=device.outer_diameter_mm or 0.0,
            gauge=device.gauge,
            device=device.id,
            usable_length_mm=device.usable_length_mm,
            series=self.made.series[role],
            lesion_ids=() if lesion is None else (lesion,),
        )

    def _target(self) -> PlanItem:
        """The region of the target in the newest frame it was brought into."""
        found = [
            item
            for item in self.desk.session.items
            if item.type == REGION and region_of(item).lesion_id == self._lesion_id()
        ]
        return found[-1]

    def _lesion_id(self) -> str:
        return next(each.lesion_id for each in self.lesions if each.name == TARGET_NAME)

    def _settings(self) -> MarginSettings:
        return MarginSettings(self.devices, self.desk.template.needle, ORGAN, COOLING_VESSELS)

    def _setting_rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for number, (item, body) in enumerate(needles_of(self.desk.session.items), start=1):
            device = self.devices[body.device or DEVICE]
            row = device.row(body.setting or "")
            told = {} if row is None else {"power": row.power_w, "minutes": row.time_min}
            rows.append({"order": number, "needle": item.id, "cycles": 1, **told})
        return rows

    def report(self) -> dict[str, Any]:
        """What was planned and what was achieved, for whoever runs the rehearsal."""
        items = self.desk.session.items
        return {
            "needles": [
                {"name": item.name, "length_mm": body.measured.length_mm, "admissible": body.measured.admissible}
                for item, body in needles_of(items)
                if body.measured is not None
            ],
            "margins": [
                {
                    "kind": body.kind,
                    "minimum_mm": body.mean.minimum_mm,
                    "minus_sd_mm": None if body.minus_sd is None else body.minus_sd.minimum_mm,
                    "registration_error_mm": body.registration_error_mm if body.kind == ACHIEVED else None,
                }
                for _, body in margins_of(items)
            ],
            "items": sum(item.type in (NEEDLE_PATH, ABLATION_MARGIN) for item in items),
        }


def _typed_down(value: float) -> float:
    """As a person types a margin: to a tenth, never larger than it is."""
    return math.floor(value * 10.0) / 10.0


def _typed_up(value: float) -> float:
    """As a person types an error: to a tenth, never smaller than it is."""
    return math.ceil(value * 10.0) / 10.0
