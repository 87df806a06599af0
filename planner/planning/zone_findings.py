"""What is said about charts, zones and cover. Words never say safe, and never say proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from planner.clinical.constants import Overrides
from planner.clinical.registry import evaluate
from planner.findings import Finding, Severity
from planner.imaging.structures import structure_named
from planner.planning.coverage import CoverPlan, Spacing, shaft_distance_mm
from planner.planning.coverage_decision import Cover
from planner.planning.devices import ChartZone, Device
from planner.planning.ire import ElectrodePair
from planner.planning.zones import Zone

ANIMAL_SOURCE = "Ruiter, Eur Radiol 2019;29:4026: volume and energy r = 0.85 ex vivo, 0.54 (p = 0.27) in vivo"
MUST_NOT_BE_HURT = (
    *("bile_duct", "bowel", "colon", "duodenum", "stomach"),
    *("gallbladder", "diaphragm", "heart", "esophagus"),
)
"""Names that begin so, or end so, fall under the rule of structures near a zone (R14)."""
SPACED_ENERGIES = ("cryo", "ire")
"""Used several at once as a rule; microwave and radiofrequency applicators may also be used one after the other."""


def chart_findings(chart: ChartZone) -> tuple[Finding, ...]:
    """What a reader of the zone must know of its chart."""
    name = f"{chart.device}/{chart.setting}"
    found: list[Finding] = []

    def say(code: str, severity: Severity, text: str, source: str | None = None, tag: str | None = None) -> None:
        found.append(Finding(code, severity, text, subject=name, source=source or chart.source, tag=tag or chart.tag))

    if chart.simulated:
        say("simulated-device", Severity.WARN, f"SIMULATED: {chart.device} is no product; its zones are made up.")
    else:
        text = f"Geometric cover of a chart ellipsoid, {chart.tissue}: a patient's zone may differ; look at -1 SD too."
        say("chart-tissue", Severity.INFO, text, ANIMAL_SOURCE, "S")
    if chart.sd_mm is None:
        text = f"The chart of {name} gives no standard deviation: the zone at -1 SD is not given by the chart."
        say("no-deviation", Severity.WARN, text)
    if chart.tip_offset_mm is None:
        text = f"The chart of {name} does not say how far the zone reaches beyond the tip: it is drawn ending there."
        say("tip-offset-unknown", Severity.WARN, text)
    if chart.applicators > 1 and chart.spacing_mm is None:
        text = (
            f"The chart of {name} does not say how far apart its {chart.applicators} applicators stand: only the line "
            "in the middle between them is given; ask the maker."
        )
        say("spacing-unknown", Severity.BLOCK, text)
    if chart.interpolated:
        rows = " and ".join(chart.interpolated)
        say("interpolated", Severity.INFO, f"{name} lies between the rows {rows} of one chart.")
    if chart.note:
        say("chart-note", Severity.INFO, f"{name}: {chart.note}")
    return tuple(found)


def cover_findings(plan: CoverPlan, cover: Cover | None = None) -> tuple[Finding, ...]:
    """Whether it covers, and what fewer could do; `cover` replaces the plan's after something was moved."""
    answer = cover or plan.cover
    count = len(plan.zones)
    found = [_cover_finding(plan, answer, count)]
    if count and answer.covered:
        least = plan.bound.count
        if count <= least:
            text = f"{count} found; fewer cannot cover: {plan.bound.reason}."
        else:
            text = (
                f"{count} found; at least {least} are needed ({plan.bound.reason}), {plan.bound.parallel_count} when "
                "all lie in one direction. Between these numbers nothing was ruled out."
            )
        found.append(Finding("least-number", Severity.INFO, text, measured=float(count), limit=float(least)))
    return tuple(found)


def _cover_finding(plan: CoverPlan, answer: Cover, count: int) -> Finding:
    wanted = f"target and {plan.margin_mm:g} mm margin"
    if not count:
        text = f"No zone of {plan.chart.device} may lie anywhere while it keeps away from the structures to spare."
        return Finding("nothing-placed", Severity.BLOCK, text)
    if answer.covered:
        text = f"Every piece of {wanted} lies inside one zone of the chart (decided by subdivision)."
        return Finding("covered", Severity.INFO, text, measured=1.0)
    if answer.covered is None:
        text = f"Cover of {wanted} stays open in {answer.undecided_cells} voxels at the finest boxes; move a zone."
        return Finding("cover-undecided", Severity.WARN, text, measured=answer.fraction)
    x, y, z = (float(value) for value in answer.uncovered_lps_mm[0])
    outside = 100.0 * (1.0 - answer.fraction)
    share = f"{outside:.1f} %" if outside >= 0.05 else "less than 0.1 %"
    text = (
        f"Not covered: {share} of {wanted} lies outside every zone, for one at "
        f"({x:.0f}, {y:.0f}, {z:.0f}) mm; take more applicators, a larger zone or a smaller margin."
    )
    return Finding("not-covered", Severity.BLOCK, text, measured=answer.fraction, limit=1.0)


def spacing_findings(
    device: Device, zones: Sequence[Zone], *, overrides: Overrides | None = None
) -> tuple[Finding, ...]:
    """Neighbours nearer or farther than the device's own rule, or where it has none than its energy's."""
    if len(zones) < 2:
        return ()
    nearest = [min(shaft_distance_mm(zone, other) for other in zones if other is not zone) for zone in zones]
    if device.spacing_low_mm is None and device.spacing_high_mm is None:
        if device.energy not in SPACED_ENERGIES:
            return ()
        results = [
            evaluate("applicator_spacing", {"energy": device.energy, "spacing": each}, overrides=overrides)
            for each in (min(nearest), max(nearest))
        ]
        return tuple(replace(finding, subject=device.id) for result in results for finding in result.findings)
    broken = dict(Spacing(device.spacing_low_mm, device.spacing_high_mm).broken(zones))
    low, high = device.spacing_low_mm or 0.0, device.spacing_high_mm
    limit = f"{low:g} to {high:g} mm" if high is not None else f"at least {low:g} mm"
    return tuple(
        Finding(
            "applicator-spacing",
            Severity.WARN,
            f"Neighbouring applicators stand {distance:.1f} mm apart; {device.id} asks for {limit}.",
            subject=device.id,
            measured=distance,
            limit=low if distance < low else high,
            unit="mm",
            source=device.source,
            tag=device.tag,
        )
        for distance in sorted({min(broken.values()), max(broken.values())} if broken else ())
    )


def must_not_be_hurt(name: str) -> bool:
    """Whether a structure falls under the rule of structures near a zone (R14)."""
    known = structure_named(name)
    key = (known.key if known is not None else name).casefold()
    return any(key.startswith(each) or key.endswith(each) for each in MUST_NOT_BE_HURT)


def near_structure_findings(
    clearance_mm: Mapping[str, float], *, overrides: Overrides | None = None
) -> tuple[Finding, ...]:
    """Zones near structures that must not be hurt (R14)."""
    said = []
    for key, distance in clearance_mm.items():
        if not must_not_be_hurt(key):
            continue
        known = structure_named(key)
        result = evaluate("zone_near_structure", {"distance": distance}, overrides=overrides)
        spoken = known.name if known is not None else key
        said += [
            replace(each, subject=key, text=f"{spoken}: {each.text[0].lower()}{each.text[1:]}")
            for each in result.findings
        ]
    return tuple(said)


def pair_findings(pairs: Iterable[ElectrodePair]) -> tuple[Finding, ...]:
    """What the rules say of pairs that hold a pattern together."""
    return tuple(finding for pair in pairs if pair.needed for finding in pair.findings)


def unique(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, in order."""
    return list(dict.fromkeys(findings))
