"""Spine: neoplastic instability and cement volume (rule notes R17)."""

from __future__ import annotations

from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome, Value
from planner.findings import Finding, Severity

_ITEMS = ("location", "pain", "lesion", "alignment", "collapse", "posterolateral")


def sins(given: Given, constants: RuleConstants) -> Outcome:
    """Spinal instability neoplastic score 0-18, its class, and whether a surgeon is to be consulted."""
    score = sum(int(constants.table(item)[given.text(item)]) for item in _ITEMS)
    if score >= constants.number("unstable_from"):
        grade = "unstable"
    else:
        grade = "potentially unstable" if score >= constants.number("potentially_unstable_from") else "stable"
    consult = score >= constants.number("consult_from")
    findings: tuple[Finding, ...] = ()
    if consult:
        text = f"SINS {score}: surgical consultation is advised."
        found = constants.finding("surgical-consult", Severity.WARN, text, constant="consult_from", measured=score)
        findings = (found,)
    return Outcome({"score": score, "class": grade, "surgical_consult": consult}, findings)


def cement_volume(given: Given, constants: RuleConstants) -> Outcome:
    """Cement in mL at 15 and 24 % of the vertebral body; the lower of the latter and the level's usual upper volume."""
    volume = given.number("body_volume")
    low, high = (volume * constants.number(name) / 100.0 for name in ("fill_low", "fill_high"))
    upper = float(constants.table("upper")[given.text("region")])
    text = "A usual upper volume, not a safe limit: filling is not linked to pain relief; stop on fluoroscopy."
    found = constants.finding("not-a-safe-limit", Severity.WARN, text, constant="upper", limit=upper)
    return Outcome({"fill_15": low, "fill_24": high, "safe_max": min(high, upper)}, (found,))


def escc(given: Given, constants: RuleConstants) -> Outcome:
    """Bilsky grade of epidural compression, and whether a surgeon is asked first."""
    grade = str(constants.table("grades")[given.text("epidural")])
    asked = grade in constants.texts("ask_grades")
    findings: tuple[Finding, ...] = ()
    if asked:
        text = f"ESCC {grade}: the cord is compressed; a surgical opinion comes first."
        findings = (constants.finding("cord-compressed", Severity.BLOCK, text, constant="ask_grades"),)
    return Outcome({"grade": grade, "surgical_opinion": asked}, findings)


_ABSOLUTE = {
    "asymptomatic_stable": "a stable fracture without symptoms",
    "improving": "improvement on medical therapy",
    "infection": "infection",
    "uncorrectable_coagulopathy": "a coagulopathy that cannot be corrected",
    "cement_allergy": "allergy to cement",
    "unstable_with_deficit": "an unstable fracture with deficit",
}
_RELATIVE = {
    "canal_compromise": "canal compromise or retropulsion",
    "radiculopathy": "radiculopathy",
    "posterior_wall_defect": "a defect of the posterior wall",
    "diffuse_metastases": "diffuse metastases",
}


def vertebroplasty_contraindications(given: Given, constants: RuleConstants) -> Outcome:
    """Absolute and relative contraindications that are present, and which; more levels than usual."""
    absolute = [words for name, words in _ABSOLUTE.items() if given.flag(name)]
    relative = [words for name, words in _RELATIVE.items() if given.flag(name)]
    levels = given.integer("levels")
    if levels > constants.number("levels_relative_above"):
        relative.append(f"{levels} levels")
    findings = [
        constants.finding(f"{kind}-contraindication", Severity.BLOCK, f"{kind.capitalize()} contraindication: {words}.")
        for kind, found in (("absolute", absolute), ("relative", relative))
        for words in found
    ]
    if levels > constants.number("levels_per_treatment"):
        text = f"{levels} levels in one treatment; usual are at most {constants.number('levels_per_treatment'):g}."
        constant = "levels_per_treatment"
        findings.append(constants.finding("many-levels", Severity.BLOCK, text, constant=constant, measured=levels))
    grade = "absolute" if absolute else "relative" if relative else "none"
    return Outcome({"absolute": len(absolute), "relative": len(relative), "class": grade}, tuple(findings))


def vertebroplasty_needle(given: Given, constants: RuleConstants) -> Outcome:
    """The thickest usual gauge that leaves the wall on both sides of a pedicle, and whether the way leads beside it."""
    width, wall = given.number("pedicle_width"), constants.number("wall")
    usual = [int(each) for each in constants.table("gauges")[given.text("region")]]
    diameters = {gauge: float(constants.table("diameters")[str(gauge)]) for gauge in usual}
    fitting = [gauge for gauge in usual if diameters[gauge] + 2.0 * wall <= width]
    gauge = fitting[0] if fitting else usual[-1]
    beside = width < constants.number("parapedicular_below")
    findings: tuple[Finding, ...] = ()
    if beside:
        text = f"The pedicle is {width:.1f} mm wide: parapedicular."
        findings = (
            constants.finding("narrow-pedicle", Severity.WARN, text, constant="parapedicular_below", measured=width),
        )
    elif not fitting:
        text = f"No usual gauge leaves {wall:g} mm of wall on both sides in a pedicle of {width:.1f} mm."
        findings = (constants.finding("needle-too-thick", Severity.WARN, text, constant="wall", measured=width),)
    approach = "parapedicular" if beside else "transpedicular"
    outputs: dict[str, Value] = {"gauge": f"{gauge} G", "diameter": diameters[gauge]}
    return Outcome({**outputs, "approach": approach, "fits": bool(fitting)}, findings)


def vertebra_convergence(given: Given, constants: RuleConstants) -> Outcome:
    """Usual angle from the sagittal plane, towards the midline."""
    low, high = constants.table("degrees")[given.text("level")]
    return Outcome({"low": float(low), "high": float(high)})


def vertebra_lytic(given: Given, constants: RuleConstants) -> Outcome:
    """The density below which spongy bone counts as replaced: an estimate.

    Halfway to soft tissue, where the edge of a replaced place lies; lower where the bone itself scatters as far.
    """
    spongy = given.number("spongy")
    halfway = 0.5 * (spongy + constants.number("soft_tissue"))
    scattered = spongy - constants.number("scatters") * given.number("scatter")
    return Outcome({"below": min(halfway, scattered)})


COMPUTES = {
    "sins": sins,
    "cement_volume": cement_volume,
    "escc": escc,
    "vertebroplasty_contraindications": vertebroplasty_contraindications,
    "vertebroplasty_needle": vertebroplasty_needle,
    "vertebra_convergence": vertebra_convergence,
    "vertebra_lytic": vertebra_lytic,
}
