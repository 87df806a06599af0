"""The packs: what the answer for the site means to the catalogue of stents, and the stents and lumens of a session.

Nothing here looks at an image: what was measured and judged is stored in the items (`planner.model.vessel_items`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.findings import Finding
from planner.model.items import PlanItem
from planner.model.vessel_items import LumenBody, StentBody
from planner.model.vessel_reading import body_digest, lumens_of, stents_of
from planner.planning.stent_catalogue import StentType, stent_catalogue
from planner.workflow.context import StageContext
from procedures.spine.support import as_number, choices_of, not_evaluated, text_of

OBSTRUCTION, STENT_PLAN, PLACED = "obstruction", "stent_plan", "crossing_drain_stent"
"""Stages that others read."""
CATALOGUE_SITES: Mapping[str, frozenset[str]] = {
    "oesophageal": frozenset({"oesophagus"}),
    "tracheobronchial": frozenset({"trachea", "main-bronchus"}),
    "biliary": frozenset({"biliary"}),
    "duodenal": frozenset({"duodenum"}),
    "colonic": frozenset({"colon"}),
    "svc": frozenset({"svc"}),
    "ivc": frozenset({"ivc", "hepatic-vein"}),
    "portal": frozenset({"portal-vein"}),
    "arterial": frozenset({"artery"}),
}
"""Site of the template -> sites of ``resources/devices/stents.toml``."""
LUMEN_KIND: Mapping[str, str] = {
    "oesophageal": "oesophagus",
    "tracheobronchial": "airway",
    "biliary": "bile",
    "duodenal": "bowel",
    "colonic": "bowel",
    "svc": "vein",
    "ivc": "vein",
    "portal": "vein",
    "arterial": "artery",
}
"""Site of the template -> kind of lumen."""
VENOUS = frozenset({"svc", "ivc", "portal"})
SEALING = frozenset({"fistula", "rupture", "bleeding"})
"""Indications in which an opening is closed."""
HILAR = frozenset({"II", "IIIa", "IIIb", "IV"})
STALE = "measured before the lumen changed: measure again"


@dataclass(frozen=True, slots=True)
class PlannedStent:
    """A row of the table of stents, with the sized stent that it points at.

    Attributes
    ----------
    item, body
        None where the row names none, or where it was deleted (`lost`).
    """

    number: str
    row: Mapping[str, Any]
    item: PlanItem | None = None
    body: StentBody | None = None
    lost: bool = False

    @property
    def name(self) -> str:
        place = text_of(self.row.get("place")) or (self.item.name if self.item else "")
        return f"Stent {self.number} ({place})" if place else f"Stent {self.number}"

    @property
    def type(self) -> StentType | None:
        """As the row says it, else as it was sized; None while nobody said."""
        said = self.row.get("type") or (self.body.type if self.body else None)
        return stent_catalogue().types.get(said) if isinstance(said, str) else None

    @property
    def covers(self) -> bool | None:
        """A seed-loaded stent may be covered or not, so what the row says of its cover counts first."""
        said = {"yes": True, "no": False}.get(str(self.row.get("covered")))
        made = self.type
        return said if said is not None else (None if made is None else made.covers)

    @property
    def bare_metal(self) -> bool:
        made = self.type
        return made is not None and made.metal and self.covers is False

    @property
    def diameter_mm(self) -> float | None:
        return self.body.diameter_mm if self.body else as_number(self.row.get("diameter_mm"))

    @property
    def length_mm(self) -> float | None:
        return self.body.length_mm if self.body else as_number(self.row.get("length_mm"))

    @property
    def subject(self) -> str:
        return f"{STENT_PLAN}.{self.number}"


def site_of(context: StageContext) -> str | None:
    """The site that the session is about; None while it is not chosen."""
    answer = context.value("technique", OBSTRUCTION)
    return answer if isinstance(answer, str) else None


def indication_of(context: StageContext) -> str | None:
    answer = context.value("indication", OBSTRUCTION)
    return answer if isinstance(answer, str) else None


def planned_stents(context: StageContext) -> tuple[PlannedStent, ...]:
    """Every row of the table of stents, in its order."""
    known = {item.id: (item, body) for item, body in stents_of(context.session.items)}
    found = []
    for number, row in enumerate(context.rows("stents", STENT_PLAN), start=1):
        identity, order = row.get("stent"), row.get("order")
        item, body = known.get(identity, (None, None)) if isinstance(identity, str) else (None, None)
        lost = isinstance(identity, str) and bool(identity) and item is None
        found.append(PlannedStent(str(number if order is None else order), row, item, body, lost))
    return tuple(found)


def site_lumens(context: StageContext) -> tuple[tuple[PlanItem, LumenBody], ...]:
    """The measured lumens of the kind that the site has."""
    kind = LUMEN_KIND.get(site_of(context) or "")
    return tuple((item, body) for item, body in lumens_of(context.session.items) if body.kind == kind)


def stale_words(context: StageContext, body: StentBody) -> str | None:
    """Why what was judged of a stent no longer holds; None while it does."""
    lumen = next((item for item, _ in lumens_of(context.session.items) if item.id == body.lumen), None)
    if lumen is None:
        return "its lumen was deleted: measure again"
    return None if body_digest(lumen) == body.lumen_digest else STALE


def nothing_placed(context: StageContext) -> bool:
    """Whether the session ended without a stent: drain only, balloon only, nothing."""
    return context.value("state", PLACED) in ("drain-only", "balloon-only", "nothing")


def asked(
    context: StageContext,
    name: str,
    why: str,
    told: Mapping[str, tuple[str, str]],
    *,
    fine: tuple[str, ...] = ("yes", "no"),
) -> list[Finding]:
    """One question: an answer in `told` is said with code and text, one in `fine` is silent, the rest not evaluated."""
    answer, subject = context.value(name), f"{context.stage.id}.{name}"
    if answer in told:
        code, text = told[str(answer)]
        return [context.finding(code, text, subject=subject)]
    return [] if answer in fine else [not_evaluated(context, why, subject=subject)]


def chosen(context: StageContext, name: str, stage: str | None = None) -> frozenset[str]:
    """The codes of a field that allows several."""
    return frozenset(choices_of(context.value(name, stage)))
