"""The digital patient's course as the people of a hospital live it: every session from first stage to last, and what
lies between. Each act is one that a person takes, through the same use cases; nothing is put in behind their back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from typing import Any

from planner.app.course_planning import begin_step, link_session
from planner.app.demo_carried import forbidden_carried
from planner.app.demo_course_ablation import CourseAblation
from planner.app.demo_course_hands import BASELINE, READER, CourseHands, observed_on
from planner.app.demo_course_images import CourseDay, CourseImages, attach, patient_on
from planner.app.demo_course_people import CoursePeople
from planner.app.demo_marking import MarkedLesion, MarkedPath, keep_views, mark_lesions, mark_paths
from planner.app.demo_walk import FELLOW, changed_steps, moment_at, quiet, sign_again, walk_stages
from planner.app.digital_case import Clock, DigitalCase, put_series, with_laboratory
from planner.app.next_plan import plan_next
from planner.app.open_case import OpenCase
from planner.app.patient_summary import draft_summary
from planner.app.rehearse_tace_vessels import TaceVessels
from planner.app.response import current_reading, set_roles, sign_reading
from planner.app.sessions import SessionDesk, open_session
from planner.app.templates import Installed
from planner.catalogues import catalogue
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.assessments import ResponseReading
from planner.model.course import CourseStep, StepKind
from planner.model.edits import new_id
from planner.model.items import VESSEL_PATH
from planner.store.actors import Actor, SaveReason
from planner.workflow.examples import ExampleStage
from planner.workflow.template import FieldKind, Phase, Template

L1, L2 = "lesion-1", "lesion-2"
BEFORE_CONTRAST, AFTER_CONTRAST = "mr-before", "mr-arterial"
CT_ROLES = ("arterial", "portal-venous")


@dataclass(eq=False)
class Walked:
    """One session of the course with the stages that it still has to go through."""

    desk: SessionDesk
    steps: list[ExampleStage]
    told: Mapping[str, Any]
    before: Callable[[str], Mapping[str, Any]]
    hands: TaceVessels | CourseAblation
    done: list[ExampleStage] = field(default_factory=list)

    def until(self, last: str | None) -> list[ExampleStage]:
        """The next stages, up to and with a named one; they are not given out again."""
        place = next((number for number, each in enumerate(self.steps, start=1) if each.stage == last), len(self.steps))
        taken, self.steps = self.steps[:place], self.steps[place:]
        self.done += taken
        return taken


@dataclass(eq=False)
class CourseWalk:
    """One walk through the course, from the first images to the open question of today.

    Parameters
    ----------
    opened
        The case with the images and laboratory of the baseline.
    """

    opened: OpenCase
    images: CourseImages
    available: Installed
    clock: Clock
    by: Actor
    job: Context
    people: CoursePeople = field(init=False)
    hands: CourseHands = field(init=False)
    sessions: dict[str, Walked] = field(init=False, default_factory=dict)
    lesions: tuple[MarkedLesion, ...] = ()
    paths: tuple[MarkedPath, ...] = ()
    forbidden: tuple[str, ...] = ()
    alert: str = ""
    laboratory_until: date = date.min

    def __post_init__(self) -> None:
        fellow = replace(self.by, user=FELLOW)
        self.people = CoursePeople(self.opened, self.images.begun_on)
        self.hands = CourseHands(self.opened, self.images, self.available, self.clock, fellow, quiet(self.job))

    def run(self, job: Context) -> None:
        """The whole story. Each act begins where the one before it ended."""
        acts = (
            (0.30, self.first_session),
            (0.45, self.six_weeks),
            (0.65, self.second_session),
            (0.85, self.ablation),
            (0.92, self.three_months),
            (1.0, self.six_months),
        )
        begun = 0.0
        for end, act in acts:
            act(job.part(begun, end))
            self.opened.save(SaveReason.SAVE)
            begun = end

    # The first chemoembolisation

    def first_session(self, job: Context) -> None:
        people, base, on = self.people, self.images.days[BASELINE], self.images.day_date("tace-1")
        self._take_laboratory()
        self._at(10)
        people.begin_course(on)
        decision = people.decide("first")
        job.step(0.0, "Marking the tumours")
        desk = self._begun("tace")
        made = self._made(base, self.images.patient, {role: base.series[role] for role in CT_ROLES})
        put_series(made, desk, by=FELLOW)
        volume, true = self.hands.volume(base, "arterial"), self.images.patient.truth
        fellow = self.hands.by
        self.lesions = mark_lesions(self.opened, desk.session_id, volume, true, fellow, job.part(0.0, 0.05))
        ids = [each.lesion_id for each in self.lesions]
        self.hands.lesions = dict(zip((each.identifier for each in true.lesions), ids, strict=True))
        names = catalogue("examples/demo.toml")["arteries"]
        self.paths = mark_paths(self.opened, desk.session_id, volume, true, ids, names, fellow, job.part(0.05, 0.1))
        keep_views(self.opened, desk.session_id, volume, fellow)
        day = self.images.day("tace-1", job.part(0.1, 0.3))
        place = {f"@item:path:{number}": each.item_id for number, each in enumerate(self.paths, start=1)}
        series = {**made.series, **day.series}
        self._tace("tace-1", desk, made, ("demo", "course_tace_1"), series, place, (L1, L2), day)
        self._walk("tace-1", "recovery", job.part(0.3, 0.8))
        self._post_lipiodol(job.part(0.8, 0.95))
        self._walk("tace-1", "discharge", job.part(0.95, 0.98))
        self.alert = self._alerted()
        people.carried_out(decision, "first", [desk.session_id])
        self._walk("tace-1", "events_30d", job.part(0.98, 1.0))

    def _post_lipiodol(self, job: Context) -> None:
        """The CT of the day after: linked, and the retention of Lipiodol graded in both lesions."""
        day = self._new_day("post-lipiodol-1", job.part(0.0, 0.4))
        job.step(0.4, "Matching the CT after chemoembolisation")
        self.hands.link(day, "non-contrast", model="affine", moving="portal-venous")
        self.hands.retention(day, "non-contrast")

    def _alerted(self) -> str:
        told = catalogue("examples/course.toml")["alert"]
        self.people.tell(int(told["day"]))
        return self.people.alert_to_task()

    # Six weeks later

    def six_weeks(self, job: Context) -> None:
        session = self.sessions["tace-1"].desk.session_id
        day = self._new_day("follow-up-6w", job.part(0.0, 0.2))
        job.step(0.2, "Matching the CT with the baseline")
        self.hands.link(day, "arterial", model="deformable")
        job.step(0.5, "Matching the MR with the baseline")
        self.hands.link(day, AFTER_CONTRAST, model="affine")
        job.step(0.8, "Reading the MR")
        drawn = self.hands.draw(day, AFTER_CONTRAST, session)
        self.hands.identify(day, AFTER_CONTRAST, drawn)
        self.hands.mark_residual(day, (BEFORE_CONTRAST, AFTER_CONTRAST), L1, session)
        self.hands.observe(day, (BEFORE_CONTRAST, AFTER_CONTRAST), drawn)
        roles = {self.hands.lesions[L1]: "target", self.hands.lesions[L2]: "non-target"}
        self._apply("Choose the target", set_roles(roles))
        self._sign(("mrecist",), day, session)
        self.people.done("images-tace", day.on, self.clock().date())
        self._walk("tace-1", None, job.part(0.9, 1.0))

    # The second chemoembolisation

    def second_session(self, job: Context) -> None:
        people, first = self.people, self.sessions["tace-1"].desk
        fu = self.images.days["follow-up-6w"]
        self._at(57)
        people.decide("second")
        people.both_sessions(self.images.day_date("tace-2"), self.images.day_date("ablation-day"))
        residual = next(item for item in reversed(first.session.items) if item.name.endswith("viable"))
        desk = self._next(first, people.step("tace-again"), (residual.id,))
        self.forbidden = forbidden_carried(desk)
        for item in desk.session.items:
            desk.confirm_item(item.id)
        self.hands.bring_over(residual, fu, "arterial", desk.session_id)
        made = self._made(fu, patient_on(self.images.patient, fu, "arterial"), {r: fu.series[r] for r in CT_ROLES})
        put_series(made, desk, by=FELLOW)
        day = self.images.day("tace-2", job.part(0.0, 0.3))
        paths = [item.id for item in desk.session.items if item.type == VESSEL_PATH]
        place = {f"@item:path:{number}": each for number, each in enumerate(paths, start=1)}
        series = {**made.series, **{role: key for role, key in day.series.items() if role.startswith("dsa")}}
        self._tace("tace-2", desk, made, ("demo", "course_tace_2"), series, place, (L1,), day)
        self._walk("tace-2", "discharge", job.part(0.3, 1.0))

    # The ablation

    def ablation(self, job: Context) -> None:
        fu, people = self.images.days["follow-up-6w"], self.people
        today = self.images.day("ablation-day", job.part(0.0, 0.15))
        after = self.images.day("ablation-done", job.part(0.15, 0.3))
        self._at(85)
        self._take_laboratory()
        desk = self._begun("ablation")
        drawn = self.hands.region_of(L2, fu.frames[AFTER_CONTRAST])
        self.hands.bring_over(drawn, fu, "portal-venous", desk.session_id)
        series = {role: fu.series[role] for role in CT_ROLES} | {"planning": fu.series["portal-venous"]}
        made = self._made(fu, patient_on(self.images.patient, fu, "portal-venous"), series)
        put_series(made, desk, by=FELLOW)
        made.series["today"], made.series["completion"] = today.series["portal-venous"], after.series["portal-venous"]
        steps = self._steps("ablation", ("course_ablation",), "ablation-day", made.series, {}, desk.template)
        volumes = {each.series["portal-venous"]: each.volume("portal-venous") for each in (fu, today, after)}
        hands = CourseAblation(made, desk, volumes, self.hands.by, quiet(self.job))
        true = fu.truth_of("portal-venous").lesion(L2)
        volume_ml = true.mask.volume_ml
        hands.begin(
            MarkedLesion(self.hands.lesions[L2], "L2", 0, None, None, true.size.diameter_mm, volume_ml, volume_ml),
            (fu, today, after),
            lambda: self.hands.draw_target(today, "portal-venous", L2, desk.session_id),
        )

        def before(stage: str) -> Mapping[str, Any]:
            arrives = {"scan_today": today, "completion_scan": after}.get(stage)
            if arrives is not None:
                attach(self.opened, arrives)
            return hands.before(stage)

        reasons = catalogue("examples/course.toml")["overrides"]["ablation"]
        told = {"overrides": reasons, "states": self._states(), "look_again": ("scan_today",)}
        self.sessions["ablation"] = Walked(desk, steps, told, before, hands)
        # What is read of the second session that day stands on the images and values of that day: after the time-out.
        self._walk("ablation", "sign_out", job.part(0.3, 0.9))
        self._walk("tace-2", None, job.part(0.9, 0.95))
        self._walk("ablation", "events_30d", job.part(0.95, 1.0))
        second = next(each for each in self.opened.case.decisions if each.held_on == people.on(57))
        people.carried_out(second.id, "second", [self.sessions["tace-2"].desk.session_id, desk.session_id])

    # Follow-up

    def three_months(self, job: Context) -> None:
        session = self.sessions["ablation"].desk.session_id
        self._read_ct("follow-up-3m", session, ("recist-1.1", "mrecist"), job.part(0.0, 0.9))
        self.people.done("images-ablation", self.clock().date(), self.clock().date())
        walked = self.sessions["ablation"]
        # What was drawn at three months lies in this session: its record is looked at again.
        sign_again(walked.desk, walked.done, walked.told["overrides"])
        self._walk("ablation", None, job.part(0.9, 1.0))
        self._at(189)
        self.people.decide("third")
        self.people.write_tasks()
        self.people.plan("follow-up", self.images.day_date("follow-up-6m"))

    def six_months(self, job: Context) -> None:
        people = self.people
        self._at(273)
        step = CourseStep(
            f"{people.course_id}-again",
            StepKind.SESSION.value,
            "Ablation of the new tumour",
            after=people.step("follow-up").id,
            template="ablation",
            condition="if the meeting decides so",
            decides="board",
            planned_on=self.images.day_date("follow-up-6m") + timedelta(days=28),
        )
        people.add_step(step)
        desk = self._next(self.sessions["ablation"].desk, step, ())
        self._read_ct("follow-up-6m", desk.session_id, ("recist-1.1", "mrecist"), job)
        people.done("follow-up", self.clock().date(), self.clock().date())
        people.plan("immunotherapy", people.on(287))
        people.decide("next")
        end = int(people.told["example"]["today_after"])
        self._at(end)
        self._take_laboratory()
        people.tell(end)
        session = self.sessions["ablation"].desk.session_id
        templates = self.available.templates
        for language in ("en", "zh-Hans"):
            self._apply(
                "Draft the summary",
                draft_summary(session, templates, language=language, by="Dr H. Lind", at=self.clock()),
            )

    def _read_ct(self, key: str, session_id: str, criteria: Iterable[str], job: Context) -> None:
        """A CT of the follow-up: linked, drawn, identity confirmed, measured and read."""
        day = self._new_day(key, job.part(0.0, 0.3))
        job.step(0.3, f"Matching: {day.title}")
        self.hands.link(day, "arterial", model="deformable")
        job.step(0.8, f"Reading: {day.title}")
        drawn = self.hands.draw(day, "arterial", session_id)
        self.hands.identify(day, "arterial", drawn)
        self.hands.observe(day, CT_ROLES, drawn)
        self._sign(criteria, day, session_id)

    # What the acts share

    def _sign(self, criteria: Iterable[str], day: CourseDay, session_id: str) -> None:
        for each in criteria:
            edit = sign_reading(
                self.opened.case,
                each,
                day.on,
                by=READER,
                at=self.clock(),
                session_id=session_id,
                templates=self.available.templates,
            )
            self._apply(f"Sign the reading by {each}", edit)

    def _at(self, day: int) -> None:
        self.clock.now = moment_at(self.people.on(day), time(10))

    def _new_day(self, key: str, job: Context) -> CourseDay:
        """Images of a day, in the case; it is that day, and what the laboratory and the patient said is known."""
        day = self.images.day(key, job)
        attach(self.opened, day)
        self.clock.now = moment_at(day.on, time(15))
        self._take_laboratory()
        self.people.tell((day.on - self.images.begun_on).days)
        return day

    def _take_laboratory(self) -> None:
        """The values up to the day the clock stands at."""
        until, after = self.clock().date(), self.laboratory_until
        if until <= after:
            return
        file = self.images.laboratory()
        now = self.clock()
        self._apply(
            "Laboratory",
            lambda case: with_laboratory(case, file, by="A. Lindqvist", now=now, after=after, until=until),
        )
        self.laboratory_until = until

    def _begun(self, key: str) -> SessionDesk:
        """The session of a step, in draft."""
        session_id = new_id("session")
        profile = str(self.people.told["example"]["profile"])
        self._apply(
            "Begin the session",
            begin_step(self.people.step(key).id, self.available, profile, session_id=session_id),
        )
        return open_session(self.opened.document, self.available, session_id, clock=self.clock)

    def _next(self, earlier: SessionDesk, step: CourseStep, targets: Sequence[str]) -> SessionDesk:
        """The session of a step, started from an earlier one."""
        template = self.available.template(step.template or earlier.template.id)
        case, session_id = plan_next(
            self.opened.case,
            earlier.session_id,
            template,
            earlier.profile,
            now=self.clock(),
            title=step.title,
            targets=targets,
        )
        self._apply("Start the next session", lambda _: case)
        self._apply("Link the session", link_session(step.id, session_id))
        return open_session(self.opened.document, self.available, session_id, clock=self.clock)

    def _made(self, day: CourseDay, patient: Any, series: dict[str, str]) -> DigitalCase:
        entries = tuple(entry for role, entry in day.entries.items() if role in CT_ROLES)
        full = {**series, "planning": day.series["portal-venous"]}
        return DigitalCase(self.opened, patient, entries, full)

    def _tace(
        self,
        key: str,
        desk: SessionDesk,
        made: DigitalCase,
        changes: tuple[str, ...],
        series: Mapping[str, str],
        place: Mapping[str, str],
        treated: tuple[str, ...],
        day: CourseDay,
    ) -> None:
        """A chemoembolisation that is to be walked; its runs come when they are filmed."""
        steps = self._steps("tace", changes, day.key, series, place, desk.template)
        volumes = {made.series[role]: entry for role, entry in self._ct_of(made).items()}
        hands = TaceVessels(
            made,
            desk,
            volumes,
            self.hands.by,
            quiet(self.job),
            tuple(self.hands.lesions[each] for each in treated),
            {each.stage: each.answers for each in steps},
        )

        hands.take_liver()

        def before(stage: str) -> Mapping[str, Any]:
            if stage == "angio_findings":
                attach(self.opened, day)
            if stage == "outcome" and key == "tace-1":
                return self._outcome()
            return hands.before(stage)

        told = {"overrides": {}, "states": self._states()}
        self.sessions[key] = Walked(desk, steps, told, before, hands)

    def _ct_of(self, made: DigitalCase) -> dict[str, Volume]:
        day = next(each for each in self.images.days.values() if each.series.get("arterial") == made.series["arterial"])
        return {role: self.hands.volume(day, role) for role in CT_ROLES}

    def _outcome(self) -> Mapping[str, Any]:
        """What the signed reading of the MR says, for the session's own record."""
        fu = self.images.days["follow-up-6w"]
        reading = current_reading(self.opened.case, "mrecist", fu.on)
        rows = []
        for tumour in (L1, L2):
            seen = observed_on(self.hands.lesions[tumour], fu.on, self.opened)
            sizes = {} if seen is None else {"diameter_mm": seen.longest_mm, "viable_mm": seen.viable_mm}
            known = {name: round(value, 1) for name, value in sizes.items() if value is not None}
            category = _category(reading, self.hands.lesions[tumour])
            row = {"lesion": self.hands.lesions[tumour], **known, "masslike": "present", "ancillary": "no"}
            rows.append({**row, **({} if category is None else {"response": category})})
        overall = None if reading is None else reading.overall
        return {"overall": overall or "NE", "per_lesion": rows, "series": fu.series[AFTER_CONTRAST]}

    def _steps(
        self,
        base: str,
        changes: tuple[str, ...],
        key: str,
        series: Mapping[str, str],
        place: Mapping[str, str],
        template: Template,
    ) -> list[ExampleStage]:
        """The example's stages; what the laboratory says comes from the laboratory."""
        lesions = tuple(self.hands.lesions[each] for each in (L1, L2))
        steps = changed_steps(base, changes, self.images.day_date(key), lesions=lesions, series=series, items=place)
        return [replace(each, answers=_without_laboratory(template, each)) for each in steps]

    def _states(self) -> Mapping[str, Any]:
        states: Mapping[str, Any] = catalogue("examples/demo.toml")["states"]
        return states

    def _walk(self, key: str, last: str | None, job: Context) -> None:
        """The next stages of a session, up to one; laboratory and diary of the time after it come with them."""
        walked = self.sessions[key]
        steps = walked.until(last)

        def before(stage: str) -> Mapping[str, Any]:
            if walked.desk.template.stage(stage).phase is Phase.AFTER:
                self._take_laboratory()
                self.people.tell((self.clock().date() - self.images.begun_on).days)
            return walked.before(stage)

        walk_stages(self.opened, walked.desk, self.clock, steps, walked.told, job, before=before)

    def _apply(self, label: str, edit: Any) -> None:
        self.opened.document.apply(label, edit)


def _without_laboratory(template: Template, step: ExampleStage) -> dict[str, Any]:
    fields = {each.id: each for each in template.stage(step.stage).fields}
    return {name: value for name, value in step.answers.items() if fields[name].kind is not FieldKind.LAB}


def _category(reading: ResponseReading | None, lesion_id: str) -> str | None:
    rows = () if reading is None else reading.lesions
    found = next((each.category for each in rows if each.lesion_id == lesion_id), None)
    return found if found in ("CR", "PR", "SD", "PD", "NE") else None
