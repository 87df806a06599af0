"""What can be rehearsed on the digital patient. Light: a menu is built from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What can be rehearsed on the digital patient.

    Attributes
    ----------
    case
        Of `planner.phantom.generate`.
    title
        Of the case in the library.
    template, session
        Id of the procedure, and the title of its first session.
    """

    case: str
    title: str
    template: str
    session: str


WHOLE_COURSE = "course"
COURSE_TITLE = "The whole course: TACE twice, ablation, follow-up"
"""Of the digital patient that is there at the first start: not one session but all of them."""
FIRST_IMAGES_TITLE = "Digital patient: first images (its treated course comes as a case of its own)"
"""Of the case that can be opened within seconds of the first start, while the course is being made."""

REHEARSALS = {
    each.case: each
    for each in (
        Rehearsal("tace", "Digital patient: two HCC in cirrhosis", "tace", "TACE 1"),
        Rehearsal("ablation", "Digital patient: ablation of a small HCC", "ablation", "Ablation 1"),
        Rehearsal("vertebra", "Digital patient: compressed L2", "vertebroplasty", "Vertebroplasty 1"),
        Rehearsal("stent", "Digital patient: stricture of the bile duct", "stent", "Stent 1"),
    )
}
"""By the digital patient's case."""
