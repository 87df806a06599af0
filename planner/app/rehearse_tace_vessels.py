"""The vessel model of the digital patient's TACE, as a person makes it: every number comes from its arterial CT.

The liver comes from a label map as a segmentation program would write it; the arteries are found in the CT, their names
looked at, feeders searched for each tumour as it was clicked, and a catheter position put before each feeder. What
the images do not show stays a row in words: a feeder not found is not a feeder absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from planner.app.feeders import accept, grounds, item_of_lesion, measured_feeders, put_feeders
from planner.app.injections import (
    EMBOLISE,
    LiveInjection,
    injection_grounds,
    live_injection,
    measured_position,
    put_position,
    together,
    vessel_words,
)
from planner.app.rehearse_steps import RehearsalSteps
from planner.app.vessel_trees import confirm_names, find_tree, put_tree
from planner.app.working_views import keep_view, map_of_position
from planner.errors import BugError
from planner.imaging import Volume
from planner.model.edits import session_edit, with_item
from planner.model.items import REGION, PlanItem
from planner.model.session import Session
from planner.model.vessel_items import FeederRow
from planner.model.vessel_reading import all_feeders_of, feeders_of, position_of, positions_of, tree_of, trees_of

ORGAN = "liver"
ROLE = "arterial"
ACCESS = "femoral_right"
BEFORE_TUMOUR = 0.5
"""The tip stands half way between the last branching and the tumour: beyond what runs elsewhere, with room to push."""
TIP_WORDS = "Half way between the last branching and the tumour"


@dataclass(eq=False)
class TaceVessels(RehearsalSteps):
    """Makes the vessel model when a stage has its turn; see `before`.

    Parameters
    ----------
    lesion_ids
        Of the session, in the order in which they are treated.
    told
        Stage -> the example's answers: what has no place on the model stays as they say.
    """

    lesion_ids: tuple[str, ...] = ()
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def before(self, stage: str) -> Mapping[str, Any]:
        """What is made before a stage is filled, and the answers that follow from it."""
        acts = {"arteries_access": self._arteries, "positions": self._positions, "injections": self._injections}
        act = acts.get(stage)
        return {} if act is None else act()

    def take_liver(self) -> None:
        """The liver as a segmentation program wrote it, hidden: it would cover what lies in it."""
        uid = self._arterial().source.series_uid
        self.mark_region("Take the liver from a label map", self.label_mask(ORGAN), ORGAN, ORGAN, uid)
        session_id = self.desk.session_id

        def hide(session: Session) -> Session:
            item = next(each for each in reversed(session.items) if each.type == REGION)
            return with_item(session, replace(item, visible=False))

        self.apply("Hide the liver", session_edit(session_id, hide))

    # Stages

    def _arteries(self) -> dict[str, Any]:
        """The tree; its names are confirmed where the pattern of the hepatic arteries could be told from them."""
        volume = self._arterial()
        liver = self.region_mask(ORGAN, volume.grid.frame_uid)
        found = find_tree(volume, liver=liver, context=self.context)
        self.apply("Find the arteries", put_tree(self.desk.session_id, found, by=self.by))
        if found.pattern is None:
            return {}
        self.apply("Confirm the names", confirm_names(self.desk.session_id, self._tree_item()))
        return {"michels": found.pattern}

    def _positions(self) -> dict[str, Any]:
        for lesion_id in self.lesion_ids:
            self._search(lesion_id)
        volume, session = self._arterial(), self.desk.session
        given = injection_grounds(
            self.made.opened.library,
            self.made.opened.case,
            session,
            slice_mm=max(volume.grid.spacing_kji_mm),
            phase=volume.source.phase,
        )
        live = live_injection(given, self.context)
        for lesion_id in self.lesion_ids:
            for feeder in self._feeders_of(lesion_id):
                self._put(live, lesion_id, feeder)
        volume_ml = together(live, self.desk.session).added.territory_ml
        more = {} if volume_ml is None else {"embolised_volume": float(round(volume_ml))}
        return {"positions": self._rows(), **more}

    def _injections(self) -> dict[str, Any]:
        """What was given, position by position: of each tumour's amounts an equal part."""
        rows, drugs = [], []
        given = {each["lesions"][0]: each for each in self.told["injections"]["injections"] if each.get("lesions")}
        spent = {each["position"]: each for each in self.told["injections"]["drugs_given"]}
        planned = self.desk.session.answer("positions", "positions") or ()
        for place in planned:
            shared = [each for each in planned if each.get("lesions") == place.get("lesions")]
            said = given.get(next(iter(place.get("lesions") or ()), ""))
            if said is None:
                more = {"status": "not-done", "reason": "Spared as planned"}
                rows.append({"position": place["order"], "vessel": place["vessel"], **more})
                continue
            names = {"position": place["order"], "vessel": place["vessel"], "tip": place["tip"]}
            rows.append({**said, **names, **_part(said, ("oil", "embolic_amount"), len(shared))})
            drug = spent[said["position"]]
            route = {"position": place["order"], "route": place["vessel"]}
            drugs.append({**drug, **route, **_part(drug, ("amount",), len(shared))})
        return {"injections": rows, "drugs_given": drugs}

    # What the stages share

    def _search(self, lesion_id: str) -> None:
        """Feeders of a tumour; a person looks at each and accepts what reaches into it."""
        case, session, volume = self.made.opened.case, self.desk.session, self._arterial()
        lesion = case.lesion(lesion_id)
        name = lesion_id if lesion is None else lesion.name
        given = grounds(self.made.opened.library, case, session, lesion_id, volume=volume)
        body = measured_feeders(given, context=self.context)
        edit = put_feeders(session.id, body, volume.grid.frame_uid, name=f"Feeders of {name}", by=self.by)
        self.apply(f"Find the feeders of {name}", edit)
        for row in self._feeders_of(lesion_id):
            self.apply("Accept a feeder", accept(session.id, self._feeders_item(lesion_id).id, row.segment))

    def _put(self, live: LiveInjection, lesion_id: str, feeder: FeederRow) -> None:
        """A position before a feeder, with its way, what it reaches, and its working view."""
        tree, session_id = live.grounds.tree, self.desk.session_id
        entry = tree.nearest(feeder.entry_lps_mm, [feeder.segment])
        along = BEFORE_TUMOUR * (tree.segment(feeder.segment).length_mm if entry is None else entry.along_mm)
        body = measured_position(
            self.made.opened.library, live, feeder.segment, along, access=ACCESS, lesion_ids=(lesion_id,)
        )
        number = len(positions_of(self.desk.session.items)) + 1
        name = f"{number}: {vessel_words(tree, feeder.segment)}"
        self.apply(f"Put position {number}", put_position(session_id, live, body, by=self.by, name=name))
        item, _ = positions_of(self.desk.session.items)[-1]
        found = map_of_position(self.desk.session, item.id, organ=ORGAN, context=self.context)
        if found.best is not None:
            self.apply(f"Keep the view of position {number}", keep_view(session_id, item.id, found))

    def _rows(self) -> list[dict[str, Any]]:
        """The table of positions: those on the model, and the example's rows for what is not on it."""
        placed = positions_of(self.desk.session.items, EMBOLISE)
        on_model = {key for _, body in placed for key in body.lesion_ids}
        rows = [_row(item) for item, _ in placed]
        for row in self.told["positions"]["positions"]:
            if not on_model & set(row.get("lesions", ())):
                rows.append(dict(row))
        return [{**row, "order": number} for number, row in enumerate(rows, start=1)]

    def _feeders_of(self, lesion_id: str) -> tuple[FeederRow, ...]:
        return feeders_of(self._feeders_item(lesion_id)).feeders

    def _feeders_item(self, lesion_id: str) -> PlanItem:
        item = item_of_lesion(self.desk.session, lesion_id)
        if item is None:
            raise BugError("feeders were searched for this lesion")
        return item

    def _tree_item(self) -> PlanItem:
        return trees_of(self.desk.session.items, "artery")[0][0]

    def _arterial(self) -> Volume:
        return self.volume(ROLE)

    def report(self) -> dict[str, Any]:
        """What was found and planned, for whoever runs the demonstration."""
        items = self.desk.session.items
        tree = tree_of(self._tree_item())
        return {
            "segments": len(tree.segments),
            "pattern": tree.pattern,
            "smallest_visible_mm": tree.smallest_visible_mm,
            "feeders": {body.lesion_id: len(body.feeders) for _, body in all_feeders_of(items)},
            "positions": [
                {
                    "name": item.name,
                    "coverage": {} if body.injection is None else dict(body.injection.coverage),
                    "territory_ml": None if body.injection is None else body.injection.territory_ml,
                    "view": None if body.view is None else [body.view.primary_deg, body.view.secondary_deg],
                }
                for item, body in positions_of(items)
            ],
        }


def _row(item: PlanItem) -> dict[str, Any]:
    body = position_of(item)
    view = body.view
    angles = {} if view is None else {"primary": view.primary_deg, "secondary": view.secondary_deg}
    vessel = item.name.partition(": ")[2]
    lesions = list(body.lesion_ids)
    said = {"vessel": vessel, "lesions": lesions, "action": body.action, "tip": TIP_WORDS}
    return {"position": item.id, **said, **angles}


def _part(row: Mapping[str, Any], names: Sequence[str], count: int) -> dict[str, Any]:
    """Amounts of a row shared between positions."""
    return {name: row[name] / count for name in names if row.get(name) is not None}
