"""What the course says that a response must know: treatments of each lesion, oil, arterial phases, immunotherapy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from planner.catalogues import catalogue
from planner.clinical.response_course_measures import constants
from planner.model.case import Case
from planner.model.course import StepKind
from planner.model.disease import Lesion, Observation, SeriesRef
from planner.model.session import Session, SessionState
from planner.workflow.course import what_remains
from planner.workflow.ledgers import session_entries
from planner.workflow.template import Template

ARTERIAL = "arterial"
OIL = "lipiodol"
_NOT_DONE = frozenset({SessionState.CANCELLED, SessionState.POSTPONED, SessionState.NOTHING_GIVEN})
_AFTER_TREATMENT = ("after", "completion")


@dataclass(frozen=True, slots=True)
class Treatment:
    """A local treatment that was carried out.

    Attributes
    ----------
    lesion_ids
        Lesions its record says were treated; empty where it speaks of none.
    oil
        Whether it left Lipiodol; None is unknown.
    series_before, series_after
        Series of the session that were taken before and after it on the same day.
    """

    on: date
    title: str
    lesion_ids: frozenset[str]
    is_ablation: bool
    oil: bool | None
    series_before: frozenset[str] = frozenset()

    def may_have_treated(self, lesion: Lesion) -> bool:
        """Unknown is never no: a record that names no lesion may have treated any in its organ."""
        return lesion.id in self.lesion_ids or not self.lesion_ids


def local_treatments(case: Case, templates: Mapping[str, Template]) -> tuple[Treatment, ...]:
    """Sessions that were carried out and whose template records treated lesions, and earlier ones with a date."""
    treated_in = {each.lesion_id: each.treated_in for each in what_remains(case, templates)}
    found: list[Treatment] = []
    for session in case.sessions:
        template = templates.get(session.template.id)
        local = template is not None and any(rule.treated for rule in template.lesion_records)
        if template is None or not local or session.performed_on is None or session.state in _NOT_DONE:
            continue
        lesions = frozenset(name for name, sessions in treated_in.items() if session.id in sessions)
        found.append(
            Treatment(
                on=session.performed_on,
                title=session.title,
                lesion_ids=lesions,
                is_ablation=_says_ablation(session.template.id),
                oil=_left_oil(case, session, template),
                series_before=_series_before(session),
            )
        )
    found += _earlier(case)
    return tuple(sorted(found, key=lambda each: each.on))


def _earlier(case: Case) -> list[Treatment]:
    """Treatments typed as history: they name no lesion."""
    found: list[Treatment] = []
    for each in case.prior_treatments:
        words = f"{each.kind} {each.description} {each.substance or ''}".casefold()
        if each.on is None or not ("tace" in words or OIL in words or _says_ablation(words)):
            continue
        oil = True if OIL in words or "ctace" in words else None if "tace" in words else False
        title = each.description or each.kind
        # An ablation in the history names no lesion, so it makes none unfit: only its day is known.
        found.append(Treatment(each.on, title, frozenset(), False, oil))
    return found


def _says_ablation(text: str) -> bool:
    words = constants("words").texts("ablation")
    tokens = text.casefold().replace("-", " ").replace("_", " ").split()
    return any(token.startswith(word) for token in tokens for word in words)


def _left_oil(case: Case, session: Session, template: Template) -> bool | None:
    """Yes where an amount is recorded; by the technique otherwise; None where the record does not say."""
    if any(each.substance == OIL and each.amount > 0 for each in session_entries(case, session, template)):
        return True
    rows = [each for each in catalogue("lipiodol.toml")["technique"] if each["template"] == session.template.id]
    if not rows:
        return False
    for row in rows:
        answer = session.answer(row["stage"], row["field"])
        if answer is not None:
            return answer in row["oil"]
    return None


def _series_before(session: Session) -> frozenset[str]:
    return frozenset(
        key.partition("#")[0]
        for role, key in session.series_roles.items()
        if not any(word in role for word in _AFTER_TREATMENT)
    )


def ablated_on(lesion: Lesion, treatments: tuple[Treatment, ...]) -> date | None:
    """First day of an ablation that names the lesion; its first observation where only the words say it."""
    days = [each.on for each in treatments if each.is_ablation and lesion.id in each.lesion_ids]
    if not days and _says_ablation(lesion.prior_treatment or ""):
        days = [seen.study_date for seen in lesion.observations]
    return min(days, default=None)


def oil_may_be_read(lesion: Lesion, seen: Observation, treatments: tuple[Treatment, ...]) -> bool:
    """Whether what was read on CT may be oil: a treatment before may have left it and nobody has said there is none."""
    if seen.lipiodol == "none":
        return False
    if seen.lipiodol is not None:
        return True
    for each in treatments:
        before = each.on < seen.study_date or (each.on == seen.study_date and seen.series_uid not in each.series_before)
        if before and each.oil is not False and each.may_have_treated(lesion):
            return True
    return False


def series_of(case: Case, seen: Observation) -> SeriesRef | None:
    return next((each for each in case.studies if each.series_uid == seen.series_uid), None)


def arterial_phase(case: Case, seen: Observation) -> bool | None:
    """Whether the study of an observation has an arterial phase; None where that is not known."""
    own = series_of(case, seen)
    if own is None:
        return None
    study = [
        each
        for each in case.studies
        if each.series_uid == own.series_uid
        or (own.study_uid is not None and each.study_uid == own.study_uid and each.modality == own.modality)
    ]
    if any(each.phase == ARTERIAL for each in study):
        return True
    # A series without a phase may be the arterial one.
    return None if any(each.phase is None for each in study if each.kind == "volume") else False


def radiation_known(case: Case) -> bool:
    """Whether radiotherapy or radioembolisation is in the history: then nobody guesses what treated a lesion."""
    words = [f"{each.kind} {each.description}" for each in case.prior_treatments]
    steps = [step for course in case.courses for step in course.steps if step.dropped is None]
    radiation = any(step.kind == StepKind.RADIOTHERAPY for step in steps)
    text = " ".join(words).casefold()
    return radiation or any(word in text for word in ("radio", "sbrt", "tare", "y-90", "y90"))


def immunotherapy_known(case: Case) -> bool:
    """Whether immunotherapy is in the course or in the history."""
    steps = [step for course in case.courses for step in course.steps if step.dropped is None]
    history = " ".join(f"{each.kind} {each.description}" for each in case.prior_treatments).casefold()
    return any(step.kind == StepKind.IMMUNOTHERAPY for step in steps) or "immuno" in history
