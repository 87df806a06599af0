"""The way in: does it lead there, what lies on it, in which bleeding class it falls."""

from __future__ import annotations

from collections.abc import Mapping

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import as_number, limit, not_evaluated, number
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import asked, site_of

ROUTES: Mapping[str, frozenset[str]] = {
    "oesophageal": frozenset({"mouth"}),
    "tracheobronchial": frozenset({"mouth"}),
    "biliary": frozenset({"transhepatic", "old-drain", "mouth", "two-ways"}),
    "duodenal": frozenset({"mouth", "old-drain", "two-ways"}),
    "colonic": frozenset({"anus"}),
    "svc": frozenset({"jugular", "femoral-vein", "arm-vein", "two-ways"}),
    "ivc": frozenset({"jugular", "femoral-vein", "transhepatic", "two-ways"}),
    "portal": frozenset({"transhepatic", "transsplenic", "jugular", "two-ways"}),
    "arterial": frozenset({"femoral-artery", "arm-artery", "two-ways"}),
}
"""Site -> ways that lead there."""
THROUGH_ORGAN = frozenset({"transhepatic", "transsplenic"})
ON_PATH = {"pleura_on_path": "the pleura", "colon_on_path": "the colon", "vessel_on_path": "a large vessel"}
LOOKED = ("segmented", "seen", "live")


@REGISTRY.check("way_fits_site")
def way_fits_site(context: StageContext) -> list[Finding]:
    site, route = site_of(context), context.value("route")
    if site is None or route is None:
        return [not_evaluated(context, "the site or the way in is not chosen", subject="access.route")]
    if route in ROUTES[site]:
        return []
    text = f"This way ({str(route).replace('-', ' ')}) does not lead to the chosen site: check both."
    return [context.finding("way-of-other-site", text, subject="access.route")]


@REGISTRY.check("nothing_on_path")
def nothing_on_path(context: StageContext) -> list[Finding]:
    """A way through liver or spleen: each structure is answered, and structures nobody looked at are NOT CHECKED."""
    if context.value("route") not in THROUGH_ORGAN:
        return []
    found = []
    for name, words in ON_PATH.items():
        told = {"yes": ("on-path", f"The way crosses {words}.")}
        found += asked(context, name, f"whether the way crosses {words}", told)
    blind = {"not-segmented": ("structures-not-checked", "NOT CHECKED: nobody looked at the structures on the way.")}
    return [*found, *asked(context, "structures_looked", "how the structures were looked at", blind, fine=LOOKED)]


def expected_class(context: StageContext) -> str | None:
    """``high``, ``between`` (arterial sheath of 6 to 7 F), ``low``; None while it cannot be told."""
    route, tract, sheath = context.value("route"), context.value("tract"), as_number(context.value("sheath"))
    if route is None or tract is None:
        return None
    # The portal vein is reached through liver or spleen whatever the skin entry, as in TIPS.
    through_liver = (site_of(context) == "biliary" and route == "two-ways") or site_of(context) == "portal"
    if route in THROUGH_ORGAN or through_liver:
        return "high" if tract == "new" else "low"
    if site_of(context) != "arterial":
        return "low"
    if sheath is None:
        return None
    if sheath > number(limit(context, "large")):
        return "high"
    return "low" if sheath < number(limit(context, "small")) else "between"


@REGISTRY.check("tract_bleeding_class")
def tract_bleeding_class(context: StageContext) -> list[Finding]:
    """A new tract through liver or spleen and a large arterial sheath are not judged by the limits of the low class."""
    expected, given = expected_class(context), context.value("bleeding_class", "fitness")
    if expected is None or given is None:
        return [not_evaluated(context, "the tract, the sheath or the bleeding class is not known")]
    if expected == "low" or given == "high":
        return []
    if expected == "between":
        text = "An arterial sheath of 6 to 7 F falls between the classes: judge it as high, or say why not."
        return [context.finding("bleeding-class-between", text)]
    text = "This way in is in the high-risk class; the session is judged by the limits of the low-risk class."
    return [context.finding("bleeding-class-low", text)]
