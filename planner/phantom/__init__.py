"""The digital patient: an abdomen made by code from modelled anatomy, its contrast phases and its ground truth.

No image of any person went into it. The same seed gives the same patient at every resolution.
"""

from planner.phantom.anatomy import Anatomy
from planner.phantom.patient import CASES, DigitalPatient, generate
from planner.phantom.presets import PRESETS
from planner.phantom.truth import Landmark, TrueLesion, Truth
from planner.phantom.writer import Written, write

__all__ = [
    "CASES",
    "PRESETS",
    "Anatomy",
    "DigitalPatient",
    "Landmark",
    "TrueLesion",
    "Truth",
    "Written",
    "generate",
    "write",
]
