"""Which contrast phase a CT of the trunk shows, told from the image itself.

Aorta, liver and kidneys are found coarsely and measured; each measure speaks for the phases in which it is usual.
The answer is an estimate with a confidence, and it is None where the landmarks are not in the field of view. It tells
the four phases apart and no more: it never says that a late arterial phase is adequate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Any

from planner.catalogues import catalogue
from planner.imaging.volumes import Volume
from planner.jobs import Context

if TYPE_CHECKING:
    from planner.imaging.trunk_landmarks import Trunk

PHASES = ("non-contrast", "arterial", "portal-venous", "delayed")
"""In the order in which they are acquired."""


@dataclass(frozen=True, slots=True)
class PhaseEvidence:
    """What was measured; None is not found.

    Attributes
    ----------
    aorta_hu, aorta_mm
        Middle of the aorta, and the length over which it was followed.
    liver_hu
        Parenchyma.
    kidney_cortex_hu, kidney_medulla_hu
        Of enhancing kidneys.
    excreted_ml
        Contrast (or stones) in their collecting system.
    """

    aorta_hu: float | None = None
    aorta_mm: float = 0.0
    liver_hu: float | None = None
    kidney_cortex_hu: float | None = None
    kidney_medulla_hu: float | None = None
    excreted_ml: float | None = None

    @property
    def corticomedullary_hu(self) -> float | None:
        if self.kidney_cortex_hu is None or self.kidney_medulla_hu is None:
            return None
        return self.kidney_cortex_hu - self.kidney_medulla_hu


@dataclass(frozen=True, slots=True)
class PhaseEstimate:
    """A phase told from the image.

    Attributes
    ----------
    phase
        One of `PHASES`; None when it cannot be told.
    confidence
        0 to 1, of the likeliest phase, whether or not it was enough to name it; 0 without landmarks.
    shares
        Phase -> how far the image speaks for it, adding up to 1; empty without landmarks.
    """

    phase: str | None
    confidence: float
    evidence: PhaseEvidence
    shares: Mapping[str, float]


def contrast_phase_of(volume: Volume, context: Context | None = None) -> PhaseEstimate:
    """Tell the phase of a CT volume.

    Parameters
    ----------
    volume
        In Hounsfield units, of any orientation.

    Raises
    ------
    Cancelled
        When the operator cancelled.
    """
    return estimate_of(measure_phase(volume, context or Context()))


def measure_phase(volume: Volume, context: Context) -> PhaseEvidence:
    """Find the landmarks and measure them. Loads scipy and numba."""
    from planner.imaging.trunk_landmarks import find_trunk

    rules = catalogue("contrast_phases.toml")["image"]
    context.step(0.0, "Looking for the spine")
    trunk = find_trunk(volume, rules["trunk"])
    if trunk is None:
        return PhaseEvidence()
    evidence = _measured(trunk, rules, context)
    context.step(1.0, "Contrast phase estimated")
    return evidence


def _measured(trunk: Trunk, rules: Mapping[str, Any], context: Context) -> PhaseEvidence:
    from planner.imaging.trunk_organs import find_kidneys, find_liver, smoothed
    from planner.imaging.trunk_vessels import find_aorta

    context.step(0.5, "Measuring aorta, liver and kidneys")
    aorta = find_aorta(trunk, rules["aorta"])
    if aorta is None or aorta.length_mm < rules["aorta"]["least_length_mm"]:
        return PhaseEvidence()
    even = smoothed(trunk, rules["liver"]["smooth_mm"])
    liver = find_liver(trunk, even, rules["liver"])
    context.step(0.7, "Measuring the kidneys")
    kidneys = find_kidneys(trunk, even, aorta.hu, None if liver is None else liver.hu, rules["kidney"])
    return PhaseEvidence(
        aorta_hu=aorta.hu,
        aorta_mm=aorta.length_mm,
        liver_hu=None if liver is None else liver.hu,
        kidney_cortex_hu=None if kidneys is None else kidneys.cortex_hu,
        kidney_medulla_hu=None if kidneys is None else kidneys.medulla_hu,
        excreted_ml=None if kidneys is None else kidneys.excreted_ml,
    )


def estimate_of(evidence: PhaseEvidence) -> PhaseEstimate:
    """What the measures say together; the aorta is needed, the others sharpen it."""
    if evidence.aorta_hu is None:
        return PhaseEstimate(None, 0.0, evidence, {})
    weights = _log_weights(evidence)
    return _decided(evidence, _shares(weights))


def estimates_in_order(evidence: Sequence[PhaseEvidence]) -> tuple[PhaseEstimate, ...]:
    """Volumes of one acquisition sequence, in the order of their times: contrast comes, passes and is excreted.

    A later volume is never in an earlier phase, and two volumes are less often in the same one. Every assignment that
    keeps this order counts with its weight; the confidence of each volume is its share over all of them.
    """
    rules = catalogue("contrast_phases.toml")["image"]["decision"]
    given = [one for one in evidence if one.aorta_hu is not None]
    if len(given) < 2:
        return tuple(estimate_of(one) for one in evidence)
    chances = [_shares(_log_weights(one)) for one in given]
    step = [[0.0 if b < a else rules["alike"] if b == a else 1.0 for b in range(4)] for a in range(4)]
    forward = [[chances[0][phase] for phase in PHASES]]
    for chance in chances[1:]:
        before = forward[-1]
        forward.append([chance[PHASES[b]] * sum(before[a] * step[a][b] for a in range(4)) for b in range(4)])
    backward = [[1.0] * 4]
    for chance in reversed(chances[1:]):
        after = backward[0]
        backward.insert(0, [sum(step[a][b] * chance[PHASES[b]] * after[b] for b in range(4)) for a in range(4)])
    joined = iter(
        {phase: one[n] * other[n] for n, phase in enumerate(PHASES)}
        for one, other in zip(forward, backward, strict=True)
    )
    return tuple(
        PhaseEstimate(None, 0.0, one, {}) if one.aorta_hu is None else _decided(one, _normalised(next(joined)))
        for one in evidence
    )


def _log_weights(evidence: PhaseEvidence) -> dict[str, float]:
    """Log likelihood of each phase, up to a constant."""
    rules = catalogue("contrast_phases.toml")["image"]
    decision = rules["decision"]
    weights = dict.fromkeys(PHASES, 0.0)
    for name, measure in rules["measures"].items():
        value = getattr(evidence, name)
        if value is None:
            continue
        for phase in PHASES:
            chance = 0.0
            if phase in measure:
                mean, deviation = measure[phase]
                # In units of a deviation of 10 HU, so that the outlier's share means the same for every measure.
                chance = exp(-0.5 * ((value - mean) / deviation) ** 2) * 10.0 / deviation
            weights[phase] += decision["power"] * log(chance + decision["outlier"])
    if evidence.excreted_ml is not None:
        seen = evidence.excreted_ml >= rules["excretion"]["least_ml"]
        for phase in PHASES:
            chance = rules["excretion"][phase] if seen else 1.0 - rules["excretion"][phase]
            weights[phase] += decision["power"] * log(chance)
    return weights


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    top = max(weights.values())
    return _normalised({phase: exp(weight - top) for phase, weight in weights.items()})


def _normalised(shares: Mapping[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {phase: share / total for phase, share in shares.items()}


def _decided(evidence: PhaseEvidence, shares: Mapping[str, float]) -> PhaseEstimate:
    rules = catalogue("contrast_phases.toml")["image"]["decision"]
    alone = evidence.liver_hu is None and evidence.kidney_cortex_hu is None
    phase = max(shares, key=lambda each: shares[each])
    confidence = min(shares[phase], rules["confidence_aorta_alone"] if alone else rules["most_confidence"])
    return PhaseEstimate(phase if confidence >= rules["least_confidence"] else None, confidence, evidence, shares)
