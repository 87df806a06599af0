"""What happens to the digital patient over nine months: the days, the scans, and what becomes of each tumour.

Two hepatocellular carcinomas at the beginning. The first chemoembolisation fills the larger one with oil but for a
crescent at its edge, and the smaller one hardly at all. Six weeks later the crescent enhances: residual viable tumour.
The second one fills it. The smaller tumour is ablated a month later. Three months on all is quiet; at six months there
is a third tumour in another segment. The course is made up; no patient's is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.phantom.angiography import PLANS, RunPlan

CT_PHASES = ("arterial", "portal-venous")
UNENHANCED = ("non-contrast",)


@dataclass(frozen=True, slots=True)
class LesionStory:
    """One tumour on one day.

    Attributes
    ----------
    state
        ``viable`` (untreated, or treated without effect), ``residual`` (a viable crescent beside dead tumour),
        ``treated`` (no viable tissue), ``ablated`` (lies within the zone) or ``new``.
    size
        Factor of the tumour's radius on the first day that it is seen. Only the tumour shrinks: the liver around it
        is painted where the tumour no longer is, and is not drawn in.
    crescent_mm
        Thickness of the viable crescent at its thickest; only for ``residual``.
    oil
        Share of the dead tumour that holds dense oil; of the whole tumour where there is no dead part.
    """

    lesion: str
    state: str
    size: float = 1.0
    crescent_mm: float = 0.0
    oil: float = 0.0


@dataclass(frozen=True, slots=True)
class Scanning:
    """One visit to a scanner.

    Attributes
    ----------
    modality
        ``CT`` or ``MR``.
    phases
        What is scanned, in order; these are the roles of the volumes.
    breathing_mm
        How much lower the dome of the liver lies than on the baseline CT; negative is higher.
    """

    modality: str
    phases: tuple[str, ...]
    breathing_mm: float


@dataclass(frozen=True, slots=True)
class DayStory:
    """One timepoint of the course.

    Attributes
    ----------
    day
        Days after the baseline CT.
    lies_as
        Key of the timepoint of the same day whose frame and breath-hold the scans share; None when it has its own.
    spilt_oil
        Whether traces of oil lie in the liver around and in the wall of the gall bladder.
    zone
        Factor of the ablation zone's half axes; 0 before there is one.
    fresh_zone
        Whether the zone still has its dense core and its rim of hyperaemia.
    plans
        Runs filmed on that day.
    """

    key: str
    day: int
    title: str
    scans: tuple[Scanning, ...]
    lesions: tuple[LesionStory, ...]
    lies_as: str | None = None
    spilt_oil: bool = False
    zone: float = 0.0
    fresh_zone: bool = False
    plans: tuple[RunPlan, ...] = ()


def _plans(*keys: str) -> tuple[RunPlan, ...]:
    return tuple(plan for plan in PLANS if plan.key in keys)


CRESCENT_TOWARDS_LPS = (0.72, 0.62, 0.3)
"""Where the crescent lies, seen from the middle of the tumour: away from the branch that was treated."""
CRESCENT_REACH = 0.52
"""How far it reaches along the surface to either side, as a share of the tumour's radius."""
NEW_LESION_MM = 15.0

STORY: tuple[DayStory, ...] = (
    DayStory(
        "baseline",
        0,
        "CT before any treatment",
        (Scanning("CT", CT_PHASES, 0.0),),
        (LesionStory("lesion-1", "viable"), LesionStory("lesion-2", "viable")),
    ),
    DayStory(
        "tace-1",
        12,
        "First chemoembolisation",
        (),
        (LesionStory("lesion-1", "viable"), LesionStory("lesion-2", "viable")),
        plans=_plans("hepatic", "hepatic-after"),
    ),
    DayStory(
        "post-lipiodol-1",
        13,
        "Unenhanced CT on the day after the first chemoembolisation",
        (Scanning("CT", UNENHANCED, 10.0),),
        (
            LesionStory("lesion-1", "residual", 1.0, crescent_mm=8.0, oil=0.95),
            LesionStory("lesion-2", "viable", 1.0, oil=0.22),
        ),
        spilt_oil=True,
    ),
    DayStory(
        "follow-up-6w",
        54,
        "CT and MR six weeks after the first chemoembolisation",
        (Scanning("CT", CT_PHASES, 14.0), Scanning("MR", ("mr-before", "mr-arterial"), -11.0)),
        (
            LesionStory("lesion-1", "residual", 0.93, crescent_mm=9.0, oil=0.88),
            LesionStory("lesion-2", "viable", 1.05, oil=0.10),
        ),
    ),
    DayStory(
        "tace-2",
        63,
        "Second chemoembolisation, with unenhanced CT on the same day",
        (Scanning("CT", UNENHANCED, 11.0),),
        (
            LesionStory("lesion-1", "treated", 0.92, oil=0.95),
            LesionStory("lesion-2", "viable", 1.06, oil=0.10),
        ),
        spilt_oil=True,
        plans=_plans("hepatic"),
    ),
    DayStory(
        "ablation-day",
        91,
        "CT before ablation",
        (Scanning("CT", CT_PHASES, -12.0),),
        (
            LesionStory("lesion-1", "treated", 0.86, oil=0.90),
            LesionStory("lesion-2", "viable", 1.08, oil=0.08),
        ),
    ),
    DayStory(
        "ablation-done",
        91,
        "CT after ablation",
        (Scanning("CT", CT_PHASES, -12.0),),
        (
            LesionStory("lesion-1", "treated", 0.86, oil=0.90),
            LesionStory("lesion-2", "ablated", 1.08, oil=0.08),
        ),
        lies_as="ablation-day",
        zone=1.0,
        fresh_zone=True,
    ),
    DayStory(
        "follow-up-3m",
        182,
        "CT three months after ablation",
        (Scanning("CT", CT_PHASES, 12.0),),
        (
            LesionStory("lesion-1", "treated", 0.75, oil=0.88),
            LesionStory("lesion-2", "ablated", 0.9, oil=0.06),
        ),
        zone=0.84,
    ),
    DayStory(
        "follow-up-6m",
        273,
        "CT six months after ablation",
        (Scanning("CT", CT_PHASES, -10.0),),
        (
            LesionStory("lesion-1", "treated", 0.67, oil=0.85),
            LesionStory("lesion-2", "ablated", 0.72, oil=0.05),
            LesionStory("lesion-3", "new"),
        ),
        zone=0.68,
    ),
)
KEYS = tuple(day.key for day in STORY)


def story_of(key: str) -> DayStory:
    """KeyError for a key that is none of `KEYS`."""
    return {day.key: day for day in STORY}[key]
