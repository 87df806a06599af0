"""Which lumen, why, and whether a stent is the answer: what cannot wait, proof, surgeon, fistulas, map of ducts."""

from __future__ import annotations

from collections.abc import Mapping

from planner.findings import Finding
from planner.planning.stent_catalogue import stent_catalogue
from planner.workflow.context import StageContext
from procedures.spine.support import against, as_date, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import CATALOGUE_SITES, asked, chosen, indication_of, site_of

RESECTABLE = frozenset({"potentially", "yes", "unknown"})
DANGER: Mapping[str, tuple[str, frozenset[str]]] = {
    "stridor": ("stridor", frozenset({"svc", "tracheobronchial", "oesophageal"})),
    "cerebral": ("cerebral signs", frozenset({"svc"})),
    "sepsis": ("a septic obstruction", frozenset({"biliary"})),
    "bleeding": ("bleeding", frozenset(CATALOGUE_SITES)),
    "ileus": ("a closed bowel", frozenset({"colonic", "duodenal"})),
}
"""What cannot wait -> its words, and the sites at which it is expected."""


@REGISTRY.check("emergency_form")
def emergency_form(context: StageContext) -> list[Finding]:
    """What cannot wait runs on the short form: the meeting and the rest follow within 24 h."""
    dangers, site = chosen(context, "danger_now"), site_of(context)
    if not dangers:
        return [not_evaluated(context, "whether this can wait was not said")]
    acute = dangers & set(DANGER)
    if site == "arterial" and indication_of(context) in ("bleeding", "rupture"):
        acute |= {"bleeding"}
    if not acute or context.session.emergency:
        return []
    words = " and ".join(sorted(DANGER[each][0] for each in acute))
    text = f"This cannot wait ({words}): use the emergency form, the meeting and the rest follow within 24 h."
    return [context.finding("not-on-emergency-form", text)]


@REGISTRY.check("indication_fits_site")
def indication_fits_site(context: StageContext) -> list[Finding]:
    """An indication for which the site's catalogue knows no stent is asked about; so is a danger of another site."""
    site, indication = site_of(context), indication_of(context)
    if site is None or indication is None:
        return [not_evaluated(context, "site or indication is not chosen")]
    found = []
    known = stent_catalogue()
    offered = {name for key in CATALOGUE_SITES[site] for name in known.site(key).types}
    if offered and indication not in offered:
        name = known.indication(indication).name
        text = f"{name}: the rules know no stent for it at this site; check the site or the indication."
        found.append(context.finding("indication-of-other-site", text, subject="obstruction.indication"))
    for each in sorted(chosen(context, "danger_now") & set(DANGER)):
        words, sites = DANGER[each]
        if site not in sites:
            text = f"{words.capitalize()} does not come from this site: check the site."
            found.append(context.finding("danger-of-other-site", text, subject="obstruction.danger_now"))
    return found


@REGISTRY.check("cause_proved")
def cause_proved(context: StageContext) -> list[Finding]:
    """Tissue first: a lymphoma that looks like cancer melts away without a stent."""
    if indication_of(context) in ("bleeding", "rupture"):
        return []
    answer = context.value("proved")
    if answer == "biopsy-during" and site_of(context) == "svc":
        text = "Superior vena cava: tissue before the stent (lymphoma, germ-cell tumour), unless it cannot wait."
        return [context.finding("tissue-first", text)]
    told = {"unknown": ("not-proved", "The cause is not proved and no biopsy is planned: tissue first.")}
    fine = ("histology", "typical", "biopsy-planned", "biopsy-during")
    return asked(context, "proved", "how the cause is proved", told, fine=fine)


@REGISTRY.check("surgeon_asked")
def surgeon_asked(context: StageContext) -> list[Finding]:
    """Who might be operated on meets the surgeon before any stent, and the surgeon's answer holds."""
    if indication_of(context) not in ("malignant", "fistula") or context.value("resectable") not in RESECTABLE:
        return []
    told = {
        "not-asked": ("surgeon-not-asked", "Surgery is possible or not excluded: ask the surgeon before any metal."),
        "against": ("surgeon-against", "The surgeon wants no metal here: plastic, a drain, or surgery."),
    }
    found = asked(context, "surgeon_said", "what the surgeon says", told, fine=("agrees",))
    if context.value("surgeon_said") == "agrees" and not text_of(context.value("surgeon")):
        text = "The surgeon agrees, and no name is written down."
        found.append(context.finding("surgeon-without-name", text, subject="obstruction.surgeon"))
    return found


@REGISTRY.check("fistula_ready")
def fistula_ready(context: StageContext) -> list[Finding]:
    """A fistula into the pleura asks for stump, lung and a drained space; one to the oesophagus for both lumens."""
    if indication_of(context) != "fistula":
        return []
    kind = context.value("fistula_kind")
    if kind is None:
        return [not_evaluated(context, "which fistula it is", subject="obstruction.fistula_kind")]
    if kind in ("tracheo-oesophageal", "broncho-oesophageal"):
        settled = ("planned", "not-needed", "not-possible")
        return asked(context, "other_lumen", "whether the other lumen gets a stent too", {}, fine=settled)
    if kind not in ("tracheo-pleural", "stump"):
        return []
    stump = {
        "short": ("stump-short", "The stump is too short to hold a stent: plan for movement, or another way."),
        "necrotic": (
            "stump-necrotic",
            "The stump is necrotic or infected: drain and treat first, a stent does not heal it.",
        ),
    }
    lung = {
        "collapsed": (
            "lung-collapsed",
            "The lung is collapsed: it has to expand, or the space stays open behind the stent.",
        )
    }
    drained = {"no": ("pleura-not-drained", "The pleural space is not drained: drain it before the airway is closed.")}
    return [
        *asked(context, "stump_state", "the stump was not looked at", stump, fine=("long-clean", "no-stump")),
        *asked(context, "lung_state", "the lung was not looked at", lung, fine=("expanded", "absent")),
        *asked(context, "pleura_drained", "whether the pleural space is drained", drained),
    ]


@REGISTRY.check("irradiated_before")
def irradiated_before(context: StageContext) -> list[Finding]:
    told = {"yes": ("irradiated", "The place was irradiated: more fistulas and bleeding; choose force and size low.")}
    return asked(context, "radiotherapy_before", "radiotherapy of the place was not asked for", told)


@REGISTRY.check("bile_map")
def bile_map(context: StageContext) -> list[Finding]:
    """Level by MRCP in date, and why not by ERCP."""
    found = asked(
        context, "obstruction_level", "the level of obstruction was not judged", {},
        fine=("distal", "I", "II", "IIIa", "IIIb", "IV"),
    )  # fmt: skip
    seen, window = as_date(context.value("mrcp_on")), limit(context, "window")
    if seen is None:
        text = "No MRCP: which segments are cut off is not known."
        found.append(context.finding("no-mrcp", text, subject="obstruction.mrcp_on"))
    else:
        days = float((context.today - seen).days)
        if days > number(window):
            text = f"The MRCP of {seen.isoformat()} is {days:.0f} days old."
            found.append(against(context, "mrcp-old", text, days, window, subject="obstruction.mrcp_on"))
    if context.value("ercp") == "not-tried" and not text_of(context.value("ercp_why")):
        text = "ERCP was not tried, and why is not written down."
        found.append(context.finding("ercp-not-tried", text, subject="obstruction.ercp"))
    return found


@REGISTRY.check("ascites_drained")
def ascites_drained(context: StageContext) -> list[Finding]:
    told = {"present": ("ascites", "Ascites is present: drain it before a tract through the liver.")}
    return asked(context, "ascites", "whether there is ascites", told, fine=("none", "drained"))


@REGISTRY.check("vitamin_k_answered")
def vitamin_k_answered(context: StageContext) -> list[Finding]:
    told = {"not-thought-of": ("vitamin-k", "Jaundice: vitamin K was not thought of.")}
    return asked(context, "vitamin_k", "vitamin K", told, fine=("given", "not-needed"))
