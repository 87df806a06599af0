"""The digital patient: an abdomen made by code from modelled anatomy, its contrast phases and its ground truth.

No image of any person went into it. The same seed gives the same patient at every resolution.
"""

from planner.phantom.anatomy import Anatomy
from planner.phantom.angiography import PLANS, Motion, RunPlan, SimulatedRun, film
from planner.phantom.angiography_truth import RunTruth
from planner.phantom.angiography_writer import write_runs
from planner.phantom.patient import CASES, DigitalPatient, generate
from planner.phantom.presets import PRESETS
from planner.phantom.truth import Landmark, TrueLesion, Truth
from planner.phantom.writer import Written, write

__all__ = [
    "CASES",
    "PLANS",
    "PRESETS",
    "Anatomy",
    "DigitalPatient",
    "Landmark",
    "Motion",
    "RunPlan",
    "RunTruth",
    "SimulatedRun",
    "TrueLesion",
    "Truth",
    "Written",
    "film",
    "generate",
    "write",
    "write_runs",
]
