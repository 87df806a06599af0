"""The digital patient's bile duct stent as a person plans it: every number comes from its images.

The tumour of the pancreatic head is marked by one click; the duct is traced between a click at the confluence and one
at the papilla, its stricture found, both ends marked; the stent is sized by the site's rule and the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.demo_marking import MarkedLesion
from planner.app.lumens import add_mark, put_lumen
from planner.app.marking import add_lesion
from planner.app.rehearse_steps import RehearsalSteps, clicked_points
from planner.app.stents import put_stent, stent_proposals
from planner.errors import BugError
from planner.findings import Severity
from planner.imaging.lesion import lesion_from_click
from planner.imaging.measure import longest_axial_diameter
from planner.model.items import PlanItem, Point
from planner.model.vessel_items import LumenBody, StentBody
from planner.model.vessel_reading import lumens_of, stents_of
from planner.phantom.lumens_ducts import TUMOUR_LPS_MM
from planner.planning.lumens import trace_lumen
from planner.planning.stents import Proposal, Proposals

ROLE, TUMOUR_ROLE = "planning", "arterial"
"""Bile is darkest against the liver in the portal venous phase; the tumour against the gland in the arterial one."""
KIND, SITE, INDICATION = "bile", "biliary", "malignant"
TUMOUR, DUCT = "Pancreatic head", "Common bile duct"
CONFLUENCE, PAPILLA = "biliary confluence", "papilla"
"""Landmarks of the digital patient where a person clicks."""
MARKS = {CONFLUENCE: "hepatic-confluence", PAPILLA: "papilla"}
"""Their keys in ``resources/devices/stents.toml``."""
REACH_MM = 30.0


@dataclass(eq=False)
class StentRehearsal(RehearsalSteps):
    """Marks what a person marks when a stage of the stent has its turn; see `before`."""

    def before(self, stage: str) -> Mapping[str, Any]:
        """What is marked before a stage is filled, and the answers that follow from it."""
        acts = {"lumen": self._lumen, "stent_plan": self._stent, "crossing_drain_stent": self._placed}
        act = acts.get(stage)
        return {} if act is None else act()

    def mark_lesions(self) -> tuple[MarkedLesion, ...]:
        """One click into the tumour that strangles the duct."""
        volume = self.volume(TUMOUR_ROLE)
        mask = lesion_from_click(volume, clicked_points(TUMOUR_LPS_MM)[0], limit_mm=REACH_MM)
        diameter = longest_axial_diameter(mask)
        longest = None if diameter is None else diameter.length_mm
        known = {each.id for each in self.made.opened.case.lesions}
        edit = add_lesion(
            self.made.opened.library,
            self.desk.session_id,
            mask,
            volume.source,
            name=TUMOUR,
            by=self.by,
            tool="one-click",
            organ="pancreas",
            longest_mm=longest,
        )
        self.apply("Mark the tumour", edit)
        found = next(each for each in self.made.opened.case.lesions if each.id not in known)
        # The truth of the digital patient has no size of this tumour: nothing is compared.
        return (MarkedLesion(found.id, TUMOUR, 1, None, longest, None, mask.volume_ml, None),)

    # Stages

    def _lumen(self) -> dict[str, Any]:
        """The duct between two clicks, its stricture, and both ends as landmarks."""
        volume, series = self.volume(ROLE), self.made.series[ROLE]
        ends = [self.made.patient.truth.landmark(name) for name in MARKS]
        lumen = trace_lumen(volume, clicked_points(ends), KIND, context=self.context)
        edit = put_lumen(self.desk.session_id, lumen, name=DUCT, by=self.by, site=SITE, series=series)
        self.apply("Trace the bile duct", edit)
        for place, name in zip(clicked_points(ends, first=len(ends)), MARKS.values(), strict=True):
            self.apply(f"Mark {name}", add_mark(self.desk.session_id, self._duct()[0], name, _point(place)))
        return {"lumen_basis": "measured"}

    def _stent(self) -> dict[str, Any]:
        """What the rule of the site gives, as the catalogue has it."""
        duct, _ = self._duct()
        sized = stent_proposals(self.desk.session, duct.id, site=SITE, indication=INDICATION)
        chosen = chosen_proposal(sized)
        self.apply("Plan the stent", put_stent(self.desk.session, duct.id, sized, chosen, by=self.by))
        return {
            "stents": [{"order": 1, **self._row()}],
            "papilla_crossed": "yes" if self._crosses_papilla() else "no",
            "type_reason": f"{chosen.title}: {sized.site.name.lower()}, {sized.indication.name.lower()}, by the rule.",
        }

    def _placed(self) -> dict[str, Any]:
        _, stent = self._planned()
        row = {"order": 1, "status": "done", "type": stent.type, "product": "Simulated stent", "lot": "SIM-0417"}
        return {"placed": [{**row, "diameter_mm": stent.diameter_mm, "length_mm": stent.length_mm, "expansion": 80.0}]}

    # What the stages share

    def _row(self) -> dict[str, Any]:
        item, stent = self._planned()
        end = "Beyond the papilla" if self._crosses_papilla() else "Above the papilla"
        return {
            "stent": item.id,
            "place": DUCT,
            "type": stent.type,
            "covered": "yes" if "covered" in stent.type else "no",
            "diameter_mm": stent.diameter_mm,
            "length_mm": stent.length_mm,
            "landing": end,
        }

    def _crosses_papilla(self) -> bool:
        _, stent = self._planned()
        _, duct = self._duct()
        papilla = next(each for each in duct.marks if each.name == MARKS[PAPILLA])
        return stent.end_mm > papilla.along_mm

    def _duct(self) -> tuple[PlanItem, LumenBody]:
        return lumens_of(self.desk.session.items)[0]

    def _planned(self) -> tuple[PlanItem, StentBody]:
        return stents_of(self.desk.session.items)[0]

    def report(self) -> dict[str, Any]:
        """What was measured and planned, for whoever runs the rehearsal."""
        _, duct = self._duct()
        item, stent = self._planned()
        found = duct.stenosis
        return {
            "lumen_mm": duct.length_mm,
            "stricture": None
            if found is None
            else {
                "start_mm": found.start_mm,
                "end_mm": found.end_mm,
                "minimum_mm": found.minimum_mm,
                "percent": found.percent,
                "references_mm": [found.proximal_reference_mm, found.distal_reference_mm],
            },
            "stent": {
                "name": item.name,
                "device": stent.device,
                "type": stent.type,
                "diameter_mm": stent.diameter_mm,
                "length_mm": stent.length_mm,
                "along_mm": [stent.start_mm, stent.end_mm],
            },
            "findings": [each.text for each in stent.findings],
        }


def chosen_proposal(sized: Proposals) -> Proposal:
    """The first product that nothing speaks against, else the first product, else the size by the rule."""
    placed = [each for each in sized.proposals if each.diameter_mm is not None and each.end_mm is not None]
    products = [each for each in placed if each.device is not None]
    quiet = [each for each in products if all(one.severity is Severity.INFO for one in each.findings)]
    chosen = next(iter((*quiet, *products, *placed)), None)
    if chosen is None:
        raise BugError("a measured stricture of the bile duct has a size")
    return chosen


def _point(place: NDArray[np.float64]) -> Point:
    x, y, z = (float(value) for value in place)
    return x, y, z
