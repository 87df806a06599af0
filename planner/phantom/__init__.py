"""The digital patient: an abdomen made by code from modelled anatomy, its contrast phases and its ground truth.

No image of any person went into it. The same seed gives the same patient at every resolution.
"""

from planner.phantom.anatomy import Anatomy
from planner.phantom.angiography import PLANS, Motion, RunPlan, SimulatedRun, film
from planner.phantom.angiography_truth import RunTruth
from planner.phantom.angiography_writer import write_runs
from planner.phantom.course import CourseMaker, CoursePatient, Timepoint, generate_course
from planner.phantom.course_story import KEYS as COURSE_KEYS
from planner.phantom.course_truth import DayTruth
from planner.phantom.course_writer import WrittenCourse, WrittenTimepoint, write_course, write_timepoint
from planner.phantom.patient import CASES, DigitalPatient, generate
from planner.phantom.presets import PRESETS
from planner.phantom.truth import Landmark, TrueLesion, Truth
from planner.phantom.writer import Written, write

__all__ = [
    "CASES",
    "COURSE_KEYS",
    "PLANS",
    "PRESETS",
    "Anatomy",
    "CourseMaker",
    "CoursePatient",
    "DayTruth",
    "DigitalPatient",
    "Landmark",
    "Motion",
    "RunPlan",
    "RunTruth",
    "SimulatedRun",
    "Timepoint",
    "TrueLesion",
    "Truth",
    "Written",
    "WrittenCourse",
    "WrittenTimepoint",
    "film",
    "generate",
    "generate_course",
    "write",
    "write_course",
    "write_runs",
    "write_timepoint",
]
