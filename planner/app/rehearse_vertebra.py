"""The digital patient's vertebroplasty of L2 as a person plans and does it: every number comes from its images.

The level is counted and confirmed by two people before a needle is offered; the vertebra and the canal come from a
label map as a segmentation program would write it; needles are those the analysis offers, measured against structures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.demo_marking import MarkedLesion
from planner.app.marking import add_key_image, add_lesion
from planner.app.needle_paths import NeedleTask
from planner.app.rehearse_steps import RehearsalSteps, clicked_points
from planner.app.vertebrae import put_trajectories, put_vertebra, vertebra_region
from planner.errors import BugError
from planner.geometry.patient_positions import PRONE, PatientPosition
from planner.imaging.measure import longest_axial_diameter
from planner.model.items import KeyImageBody, PlanItem
from planner.model.needle_items import VertebraPlanBody
from planner.model.needle_reading import needles_of, vertebrae_of
from planner.planning.vertebra_analysis import VertebraAnalysis, analyse_vertebra

LEVEL, NAME = "vertebrae_L2", "L2"
CANAL = "spinal_cord"
ORGAN = "spine"
PREPARED_PER_PLANNED = 2.0
"""Cement that is mixed against what is planned: the rest stays in needles and mixer, or sets."""
STEP_ML = 0.1
"""A syringe is read to this."""
LESS_ML = 0.2
"""What stays in each needle of what was planned."""


@dataclass(eq=False)
class VertebraRehearsal(RehearsalSteps):
    """Marks what a person marks when a stage of the vertebroplasty has its turn; see `before`."""

    lesion: MarkedLesion | None = None
    analysis: VertebraAnalysis | None = None

    def before(self, stage: str) -> Mapping[str, Any]:
        """What is marked before a stage is filled, and the answers that follow from it."""
        acts = {
            "level": self._level,
            "stability": self._stability,
            "structures": self._structures,
            "trajectory": self._trajectory,
            "cement": self._cement,
            "needles": self._placed,
            "cement_log": self._given,
        }
        act = acts.get(stage)
        return {} if act is None else act()

    def mark_lesions(self) -> tuple[MarkedLesion, ...]:
        """The fractured vertebra as the lesion that is treated."""
        volume, mask = self.volume("planning"), self.label_mask(LEVEL)
        diameter = longest_axial_diameter(mask)
        longest = None if diameter is None else diameter.length_mm
        known = {each.id for each in self.made.opened.case.lesions}
        edit = add_lesion(
            self.made.opened.library,
            self.desk.session_id,
            mask,
            volume.source,
            name=NAME,
            by=self.by,
            tool="label-map",
            organ=ORGAN,
            longest_mm=longest,
        )
        self.apply("Mark the fractured vertebra", edit)
        found = next(each for each in self.made.opened.case.lesions if each.id not in known)
        true_mm = longest or 0.0
        marked = MarkedLesion(found.id, NAME, 0, None, longest, true_mm, mask.volume_ml, mask.volume_ml)
        self.lesion = marked
        return (marked,)

    # Stages

    def _level(self) -> dict[str, Any]:
        """The level that was counted and what lies around it, and an image to be held against the one in the room."""
        source = self.volume("planning").source
        self.take_label_map()
        self.mark_region(f"Take {NAME} from a label map", self.label_mask(LEVEL), LEVEL, NAME, source.series_uid)
        middle = self.label_mask(LEVEL).centroid_lps_mm()
        if middle is None:
            raise BugError("the digital patient has an L2")
        centre = _point(clicked_points(middle)[0])
        frame = self.volume("planning").grid.frame_uid
        body = KeyImageBody("mpr", centre, source.series_uid, caption=f"{NAME}, counted from the top")
        edit = add_key_image(self.desk.session_id, body, frame, name=f"Level {NAME}", by=self.by)
        self.apply("Keep key image", edit)
        return {}

    def _stability(self) -> dict[str, Any]:
        """The bone is measured: heights, wedge, missing cortex, cement volumes; no needle is offered by this."""
        region, canal = self._vertebra_region(), vertebra_region(self.desk.session, CANAL)
        frame, volume = region.frame_uid, self.volume("planning")
        self.analysis = analyse_vertebra(
            volume,
            self.region_mask(LEVEL, frame),
            level=LEVEL,
            canal=self.region_mask(CANAL, frame),
            position=PatientPosition(PRONE),
            context=self.context,
        )
        edit = put_vertebra(self.desk.session_id, self.analysis, region, by=self.by, canal=canal, volume=volume)
        self.apply("Analyse the vertebra", edit)
        return {}

    def _structures(self) -> dict[str, Any]:
        self.find_structures(self.volume("planning"))
        return {"structures": self.structure_rows(ORGAN)}

    def _trajectory(self) -> dict[str, Any]:
        """Needles of both sides, or the one that reaches the midline where a side has none."""
        analysis = self._analysed()
        chosen = [each for each in analysis.trajectories if not each.breach]
        if len({each.side for each in chosen}) < 2 and analysis.unipedicular is not None:
            chosen = [analysis.unipedicular]
        region = self._vertebra_region()
        edit = put_trajectories(
            self.desk.session, analysis, region, by=self.by, trajectories=chosen, volume=self.volume("planning")
        )
        self.apply("Offer needles", edit)
        self.measure(self._task(region))
        rows = [
            {"level": LEVEL, "side": side, "needle": needle_id, "bevel": "diamond"}
            for side, needle_id in self._sides().items()
        ]
        return {"patient_position": "prone", "needles": rows}

    def _cement(self) -> dict[str, Any]:
        """The usual upper volume (not a safe limit) shared between the needles, and where cortex is missing."""
        planned = self._planned_ml()
        rows = [{"level": LEVEL, "side": side, "planned_ml": planned} for side in self._sides()]
        return {
            "levels": rows,
            "prepared_ml": PREPARED_PER_PLANNED * planned * len(rows),
            "leak_map": leak_words(self._analysed()),
        }

    def _placed(self) -> dict[str, Any]:
        rows = [
            {
                "level": LEVEL,
                "side": side,
                "status": "done",
                "tip_lateral": "anterior",
                "tip_ap": "same-side",
                "biopsy": "no",
                "corrections": number,
                "at": f"09:{40 + 8 * number}",
            }
            for number, side in enumerate(self._sides())
        ]
        return {"placed": rows}

    def _given(self) -> dict[str, Any]:
        planned = self._planned_ml()
        rows = [
            {
                "level": LEVEL,
                "side": side,
                "status": "done",
                "mixed": "09:50",
                "started": f"09:{53 + 3 * number}",
                "stopped": f"09:{56 + 3 * number}",
                "ml": round(planned - LESS_ML, 1),
                "stop_reason": "filled",
                "leak": "none",
                "went_on": "no",
            }
            for number, side in enumerate(self._sides())
        ]
        return {"cement": rows}

    # What the stages share

    def _planned_ml(self) -> float:
        """For each needle: the least of the usual upper volumes of level and body, rounded down as a syringe shows."""
        known = [self._body().cement_ml.get(name) for name in ("usual_upper", "high")]
        upper = min((each for each in known if each is not None), default=None)
        if upper is None:
            raise BugError("a lumbar level has a usual cement volume")
        return round(math.floor(upper / len(self._sides()) / STEP_ML) * STEP_ML, 1)

    def _sides(self) -> dict[str, str]:
        """Side -> id of its needle, left first."""
        found = {
            body.pedicle.side: item.id
            for item, body in needles_of(self.desk.session.items)
            if body.pedicle is not None and body.pedicle.level == LEVEL
        }
        return dict(sorted(found.items()))

    def _task(self, region: PlanItem) -> NeedleTask:
        """Measured for a patient who lies prone, as it is done."""
        return NeedleTask(
            frame_uid=region.frame_uid,
            region_id=region.id,
            organ=ORGAN,
            position=PatientPosition(PRONE),
            series=self.made.series["planning"],
            lesion_ids=() if self.lesion is None else (self.lesion.lesion_id,),
        )

    def _vertebra_region(self) -> PlanItem:
        return vertebra_region(self.desk.session, LEVEL)

    def _analysed(self) -> VertebraAnalysis:
        if self.analysis is None:
            raise BugError("trajectories come after the analysis of the vertebra")
        return self.analysis

    def _body(self) -> VertebraPlanBody:
        return vertebrae_of(self.desk.session.items)[0][1]

    def report(self) -> dict[str, Any]:
        """What was measured and planned, for whoever runs the rehearsal."""
        body = self._body()
        return {
            "needles": [
                {
                    "name": item.name,
                    "length_mm": needle.measured.length_mm,
                    "admissible": needle.measured.admissible,
                    "gauge": needle.gauge,
                    "wall_mm": needle.pedicle.wall_clearance_mm,
                    "posterior_wall_mm": needle.pedicle.posterior_wall_mm,
                    "anterior_share": needle.pedicle.anterior_share,
                }
                for item, needle in needles_of(self.desk.session.items)
                if needle.measured is not None and needle.pedicle is not None
            ],
            "cement_ml": dict(body.cement_ml),
            "body_ml": body.body_ml,
            "heights_mm": dict(body.heights_mm),
            "findings": [each.text for each in self._analysed().findings],
        }


def leak_words(analysis: VertebraAnalysis) -> str:
    """Where cortex is missing, as a person writes it down."""
    if analysis.leaks is None:
        return "NOT CHECKED: missing cortex, the images are too coarse"
    if not analysis.leaks.defects:
        return "No missing cortex large enough to count was seen on the CT"
    walls = dict.fromkeys(each.wall.replace("-", " ") for each in analysis.leaks.defects)
    return f"Cortex is missing at: {', '.join(walls)}"


def _point(place: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in place)
    return x, y, z
