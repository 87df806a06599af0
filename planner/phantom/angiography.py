"""The digital patient under the C-arm: DSA runs forward-projected from the CT anatomy, with everything known of them.

What the detector adds up are three parts: a layer that lies still (spine, ribs, wall, catheter), a layer that breathes
(lungs, liver, bowel and the vessels in them), and contrast medium that flows through the arteries. Parts are moved in
the picture by known, sub-pixel displacements. Line integrals become counts by Lambert and Beer's law for one effective
energy, without scatter, with the blur of the detector and quantum noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging import ImageSource
from planner.imaging.angio import LINEAR, AngioRun, RunFacts, Shutter
from planner.jobs import Context
from planner.phantom.angiography_layers import Layers, build_layers
from planner.phantom.angiography_truth import RunTruth, truth_of
from planner.phantom.flow import Injection, Narrowing
from planner.phantom.patient import DigitalPatient, uid_of

FILMED_MM = 315.4
"""Side of the square detector."""
SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM = 1080.0, 780.0
ISOCENTRE_LPS_MM = (-28.0, -14.0, 12.0)
TABLE_MM = (850.0, 0.0, -140.0)
"""Longitudinal, lateral and vertical position of the table, the same in every run."""
PIXELS = {"tiny": 256, "demo": 512, "full": 1024}
"""Detector pixels a side, by preset."""
IODINE_PER_MM = 0.075
"""Attenuation of diluted contrast medium over blood at the plateau, per mm: near 10 mg iodine per mL and 0.005/mm."""
PHOTONS = 2600.0
"""Quanta per pixel in the middle of the body."""
FULL_SCALE, EXPOSED_SHARE = 16383.0, 0.28
"""A 14-bit detector; the exposure control puts the middle of the body at this share of them."""
BLUR_PX = 0.65
"""Standard deviation of the detector's point spread."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the patient moves between the first frame and the others.

    Attributes
    ----------
    shift_px
        Largest displacement of everything, x and y, reached and left again during the run.
    breathing_px
        Largest displacement of the breathing layer at the diaphragm, x and y; it fades towards the pelvis.
    """

    shift_px: tuple[float, float] = (0.0, 0.0)
    breathing_px: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run to be filmed.

    Attributes
    ----------
    inject_at
        Vessel the catheter engages.
    occluded
        Lesions whose feeders are closed.
    slowed
        Arterial speeds are divided by this.
    shutter_told
        The collimator is named in the file; otherwise it is only to be seen.
    narrowed
        Stenoses to be filmed.
    """

    key: str
    description: str
    primary_deg: float
    secondary_deg: float
    inject_at: str
    rate_hz: float = 3.0
    seconds: float = 12.0
    injection: Injection = Injection(1.5, 3.0)
    motion: Motion = Motion()
    occluded: frozenset[str] = frozenset()
    slowed: float = 1.0
    shutter_told: bool = True
    narrowed: tuple[Narrowing, ...] = ()


DRIFT = Motion((0.7, -0.4), (0.4, 3.0))
PLANS = (
    RunPlan("coeliac", "Coeliac trunk", 0.0, 0.0, "coeliac trunk", motion=DRIFT),
    RunPlan("hepatic", "Common hepatic artery", 0.0, 0.0, "common hepatic artery", motion=Motion((-0.6, 0.5), (0, 2))),
    RunPlan("hepatic-oblique", "Common hepatic artery", -30.0, 12.0, "common hepatic artery", shutter_told=False),
    RunPlan(
        "hepatic-after",
        "Common hepatic artery after embolisation",
        0.0,
        0.0,
        "common hepatic artery",
        motion=Motion((0.5, 0.8), (0.3, 2.4)),
        occluded=frozenset({"lesion-1"}),
        slowed=1.5,
    ),
)
"""Before and after one embolisation, with a second view. Displacements are for 512 pixels; they scale."""


@dataclass(frozen=True, eq=False)
class SimulatedRun:
    """A run and what is true of it."""

    plan: RunPlan
    run: AngioRun
    truth: RunTruth


def film(
    patient: DigitalPatient,
    plan: RunPlan,
    *,
    number: int = 1,
    pixels: int | None = None,
    study_date: str | None = None,
    context: Context | None = None,
) -> SimulatedRun:
    """One DSA run of the digital patient; the same patient and plan give the same pixels.

    Parameters
    ----------
    number
        Instance number; it also seeds the noise.
    pixels
        Detector pixels a side; by default as the patient's preset says.
    study_date
        ISO date of the angiography; by default that of the CT.
    """
    job = context or Context()
    side = pixels or PIXELS[patient.preset]
    c_arm = _c_arm(patient, plan, side)
    scaled = _scaled(plan, side)
    times = np.arange(round(plan.seconds * plan.rate_hz), dtype=np.float64) / plan.rate_hz
    layers = build_layers(patient, scaled, c_arm, (side, side), job.part(0.0, 0.5))
    shifts = moved(times, scaled.motion.shift_px)
    breaths = moved(times, scaled.motion.breathing_px)
    frames = _frames(layers, scaled, times, shifts, breaths, patient.seed * 97 + number, job.part(0.5, 1.0))
    source = _source(patient, plan, study_date)
    # The table stands still between the runs of one day: they share the space of the isocentre.
    own = replace(c_arm, frame_uid=uid_of("isocentre", source.study_uid), isocentre_lps_mm=(0.0, 0.0, 0.0))
    run = AngioRun(
        frames=frames,
        time_s=times,
        source=replace(source, part=number),
        facts=_facts(plan, c_arm, number, len(times)),
        relation=LINEAR,
        geometry=(own,),
        shutter=layers.shutter if plan.shutter_told else None,
        instance_uid=uid_of("instance", source.series_uid, number),
        bits_stored=16,
        window=(FULL_SCALE * EXPOSED_SHARE, FULL_SCALE * 0.55),
    )
    job.step(1.0, f"{plan.description} filmed")
    return SimulatedRun(plan, run, truth_of(layers, scaled, c_arm, times, shifts, breaths))


def _scaled(plan: RunPlan, side: int) -> RunPlan:
    """Displacements are given for 512 pixels: the same millimetres on every detector."""
    factor = side / 512.0
    shift, breath = plan.motion.shift_px, plan.motion.breathing_px
    motion = Motion((shift[0] * factor, shift[1] * factor), (breath[0] * factor, breath[1] * factor))
    return replace(plan, motion=motion)


def moved(times_s: NDArray[np.float64], largest_px: tuple[float, float]) -> NDArray[np.float64]:
    """(frame, 2) displacements: still for the first second, away and half way back again."""
    phase = np.clip((times_s - 1.0) / max(float(times_s[-1]) - 1.0, 1e-6), 0.0, 1.0)
    course = np.sin(np.pi * np.minimum(phase * 1.35, 1.35) / 1.35 * 1.25) * np.where(phase > 0, 1.0, 0.0)
    found: NDArray[np.float64] = course[:, None] * np.asarray(largest_px)[None, :]
    return found


def _c_arm(patient: DigitalPatient, plan: RunPlan, side: int) -> CArm:
    spacing = FILMED_MM / side
    return CArm(
        plan.primary_deg,
        plan.secondary_deg,
        SOURCE_TO_DETECTOR_MM,
        SOURCE_TO_ISOCENTRE_MM,
        DetectorSpacing(spacing, spacing),
        ((side - 1) / 2.0, (side - 1) / 2.0),
        patient.arterial.grid.frame_uid,
        ISOCENTRE_LPS_MM,
    )


def _frames(
    layers: Layers,
    plan: RunPlan,
    times: NDArray[np.float64],
    shifts: NDArray[np.float64],
    breaths: NDArray[np.float64],
    seed: int,
    context: Context,
) -> NDArray[np.uint16]:
    """(frame, y, x) stored values."""
    from concurrent.futures import ThreadPoolExecutor

    layers.prepare(times, plan.injection, IODINE_PER_MM)
    still = layers.counts(0, shifts[0], breaths[0])
    inside = layers.open_field & (layers.background > np.median(layers.background) * 0.5)
    gain = FULL_SCALE * EXPOSED_SHARE / float(np.median(still[inside]))
    frames = np.empty((len(times), *layers.size_yx), dtype=np.uint16)

    def make(frame: int) -> None:
        context.step(frame / len(times), f"Filming frame {frame + 1} of {len(times)}")
        counts = layers.counts(frame, shifts[frame], breaths[frame]) * gain
        frames[frame] = _detected(counts, layers, np.random.default_rng((seed, frame)))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(make, frame) for frame in range(len(times))]:
            done.result()
    return frames


def _detected(counts: NDArray[np.float32], layers: Layers, random: np.random.Generator) -> NDArray[np.uint16]:
    """Blurred, noisy, cut off at full scale, dark behind the collimator."""
    from scipy.ndimage import gaussian_filter

    seen = gaussian_filter(counts, BLUR_PX)
    per_quantum = FULL_SCALE * EXPOSED_SHARE / PHOTONS
    seen += np.sqrt(np.maximum(seen, 0.0) * per_quantum) * random.standard_normal(seen.shape, dtype=np.float32)
    seen = np.where(layers.open_field, seen, 0.02 * seen + 40.0)
    stored: NDArray[np.uint16] = np.clip(np.rint(seen), 0, FULL_SCALE).astype(np.uint16)
    return stored


def _source(patient: DigitalPatient, plan: RunPlan, study_date: str | None) -> ImageSource:
    identity = (patient.preset, patient.seed, patient.case)
    ct = patient.arterial.source
    date = study_date or ct.study_date
    return replace(
        ct,
        series_uid=uid_of("series", *identity, "angiography", date),
        modality="XA",
        description=plan.description,
        study_uid=uid_of("study", *identity, "angiography", date),
        study_date=date,
        series_number=1,
        unit=None,
        phase=None,
        window=None,
    )


def _facts(plan: RunPlan, c_arm: CArm, number: int, frames: int) -> RunFacts:
    return RunFacts(
        instance_number=number,
        primary_deg=plan.primary_deg,
        secondary_deg=plan.secondary_deg,
        source_to_detector_mm=c_arm.source_to_detector_mm,
        source_to_isocentre_mm=c_arm.source_to_isocentre_mm,
        detector_spacing_mm=(c_arm.spacing.down_mm, c_arm.spacing.right_mm),
        magnification=c_arm.isocentre_magnification,
        rate_hz=plan.rate_hz,
        table_mm=TABLE_MM,
        tube_voltage_kv=80.0,
        # A typical 0.22 Gy cm2 a frame of a large field; simulated, nobody was exposed.
        dose_area_product_gy_cm2=0.22 * frames,
    )


def shutter_of(side: int) -> Shutter:
    """A rectangle that leaves a narrow dark border, as collimated runs have it."""
    edge = side * 0.03
    return Shutter(left=edge, right=side - 1 - edge, top=edge, bottom=side - 1 - edge)
