"""Reading the response in the window: whose observations, by which criteria, signed by whom. Each act is one undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer

from planner.app import response
from planner.app.response_measuring import MeasuredRegion, drawn_region, measured_region, nothing_drawn
from planner.app.response_request import READERS
from planner.app.sessions import local_now
from planner.clinical.response_course_types import Assessment
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.disease import Observation
from planner.model.edits import Edit
from viewers.panels.response_content import READER_NAMES, ResponseView, own_observations
from viewers.panels.response_page import ResponseActs, ResponsePage
from viewers.window.case_response_pages import covered, leave_page

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

NO_CASE = "Open a case first."
PAIR = {"enhancing_a": 0, "enhancing_b": 1}


class CaseResponse:
    """Shows the response over the images of the case page, and keeps it up to date while it is seen.

    Attributes
    ----------
    criteria, reader, baseline_on
        What is read, by whom, against which day (None: by rule).
    """

    def __init__(self, window: MainWindow, history: Callable[[str], object]) -> None:
        self.window = window
        self.page: ResponsePage | None = None
        self.criteria, self.reader = "mrecist", "first"
        self.baseline_on: date | None = None
        self.unread = False
        self._history = history
        self._pair: dict[tuple[str, date], dict[str, float | None]] = {}
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)

    def follow(self, work: CaseWork) -> None:
        """Another open case: its criteria are those that hold for its tumour."""
        self.leave()
        histology = work.opened.case.diagnosis.histology
        self.criteria = "mrecist" if histology == "HCC" else "recist-1.1"
        self.reader, self.baseline_on, self._pair = "first", None, {}
        work.changed.connect(self._case_changed)

    @property
    def is_open(self) -> bool:
        return covered(self.window, self.page)

    def toggle(self) -> None:
        """Ctrl+Shift+R: the response, or the images again."""
        if self.is_open:
            self.leave()
        else:
            self.show()

    def show(self) -> None:
        work = self.window.work
        if work is None:
            self.window.say(NO_CASE)
            return
        if self.page is None:
            # The page is seen before it is filled: building it and reading the case are two turns of the event loop.
            self.page = ResponsePage(self._acts())
            self._soon.start()
        else:
            self.page.show_view(self.view(work))
        self.window.case_page.cover(self.page)
        self.page.table.setFocus()

    def show_reading(self, reading_id: str) -> None:
        """The day and criteria of a signed reading, as its reader sees it."""
        work = self.window.work
        found = None if work is None else next((e for e in work.opened.case.readings if e.id == reading_id), None)
        if found is None:
            return
        self.criteria = found.criteria
        self.reader = found.role if found.role in READER_NAMES else "first"
        self.baseline_on = found.baseline_on
        self.show()
        if self.page is not None:
            self.page.choose(None, found.on)
            if self._soon.isActive():
                self.refresh()

    def leave(self) -> None:
        leave_page(self.window, self.page)

    def _case_changed(self) -> None:
        """A burst of edits is read once; images and stages that change concern the reading not."""
        view = self.page.view if self.page is not None else None
        if self.is_open and (view is None or self.window.work is None or view.case is not self.window.work.opened.case):
            self._soon.start()

    def refresh(self) -> None:
        """What the page shows, anew, while it is seen."""
        self._soon.stop()
        if self.is_open and self.page is not None and self.window.work is not None:
            self.page.show_view(self.view(self.window.work))

    # What is shown

    def view(self, work: CaseWork) -> ResponseView:
        """The reading as it stands now."""
        case, templates = work.opened.case, self.window.installed.templates
        if self.baseline_on is not None and self.baseline_on not in _read_days(case, self.reader):
            self.baseline_on = None
        asked = response.response_request(
            case, self.criteria, self.reader, baseline_on=self.baseline_on, templates=templates
        )
        found = self._assessed(case)
        visible = response.visible_readings(case, self.criteria, self.reader)
        seen = {each.id for each in visible}
        own = {each.on for each in visible if each.role == self.reader}
        theirs = [e for e in case.readings if (e.criteria, e.role) == (self.criteria, _other(self.reader))]
        hidden = {each.on for each in theirs if each.id not in seen and each.on not in own}
        stale = {each.id for each in visible if not response.reading_is_current(case, each, templates=templates)}
        held = {day: response.accepted_reading(case, self.criteria, day) for day in own}
        differ = [each for each in response.disagreements(case, self.criteria) if each.on in own]
        return ResponseView(
            case=case,
            criteria=self.criteria,
            reader=self.reader,
            assessment=found,
            days=self._days(case, found),
            baselines=tuple(sorted(_read_days(case, self.reader))),
            baseline_on=self.baseline_on,
            proposed=asked.proposed,
            readings=visible,
            hidden=frozenset(hidden),
            stale=frozenset(stale),
            accepted={day: None if each is None else each.overall for day, each in held.items()},
            differences=tuple(differ),
            name=work.who,
        )

    def _assessed(self, case: Case) -> Assessment:
        """What cannot be assessed is said among the findings: the page stays open for what may be typed."""
        try:
            return response.assessed(
                case,
                self.criteria,
                self.reader,
                baseline_on=self.baseline_on,
                templates=self.window.installed.templates,
            )
        except UsageError as error:
            return Assessment(self.criteria, None, (), (Finding(error.code, Severity.WARN, error.message),))

    def _days(self, case: Case, found: Assessment) -> tuple[date, ...]:
        """Days that were read, and the newest images; all images when that is asked for."""
        read = _read_days(case, self.reader) | {each.on for each in found.timepoints}
        images = {each.study_date for each in case.studies if each.kind == "volume" and each.study_date is not None}
        wanted = images if self.unread or not read else {max(images)} if images else set()
        return tuple(sorted(read | {each for each in wanted if each is not None}))

    # Acts

    def _acts(self) -> ResponseActs:
        return ResponseActs(
            leave=self.leave,
            set_criteria=lambda key: self._set(criteria=key, baseline_on=None),
            set_reader=lambda key: self._set(reader=key, baseline_on=None),
            set_baseline=lambda day: self._set(baseline_on=day),
            set_role=self._set_role,
            take_proposed=self._take_proposed,
            show_unread=lambda on: self._set(unread=on),
            write=self.write,
            measure=self.measure,
            open_day=self.open_day,
            sign=self.sign,
            adjudicate=self.adjudicate,
            history=self._history,
        )

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.refresh()

    def _apply(self, label: str, edit: Callable[[], Edit]) -> str | None:
        work = self.window.work
        return NO_CASE if work is None else work.apply(label, edit)

    def _set_role(self, lesion_id: str, role: str | None) -> None:
        self._apply("Role of a lesion", lambda: response.set_roles({lesion_id: role}))

    def _take_proposed(self) -> str | None:
        view = self.page.view if self.page is not None else None
        roles = {each.lesion_id: each.role for each in view.proposed} if view is not None else {}
        return self._apply("Target lesions", lambda: response.set_roles(roles))

    def write(self, lesion_id: str, day: date, at: int, name: str, value: Any) -> str | None:
        """One value of this reader's observation of a day, of those there are by its number."""
        work = self.window.work
        lesion = None if work is None else work.opened.case.lesion(lesion_id)
        if work is None or lesion is None:
            return NO_CASE
        rows = own_observations(lesion, day, self.reader)
        seen = rows[at] if at < len(rows) else self._fresh(work.opened.case, lesion_id, day)
        if name in PAIR:
            both = self._pair.setdefault((lesion_id, day), {})
            for key, at in PAIR.items():
                both.setdefault(key, None if seen.enhancing_mm is None else seen.enhancing_mm[at])
            both[name] = value
            longest, across = both["enhancing_a"], both["enhancing_b"]
            if (longest is None) != (across is None):
                return "Type both diameters: one alone is no area."
            del self._pair[lesion_id, day]
            seen = replace(seen, enhancing_mm=None if longest is None or across is None else (longest, across))
        elif name in ("mri_ancillary", "assessable"):
            seen = replace(seen, **{name: None if value is None else value == "yes"})
        else:
            seen = replace(seen, **{name: value})
        return self._apply("Observation", lambda: response.add_observation(lesion_id, seen, by=work.who))

    def _fresh(self, case: Case, lesion_id: str, day: date) -> Observation:
        """An empty observation of images of the day: the ones the lesion was drawn on, else the only modality."""
        found = drawn_region(case, lesion_id, day)
        uids = set() if found is None else {each.partition("#")[0] for each in found[0].source_uids}
        images = [each for each in case.studies if each.study_date == day and each.kind == "volume"]
        own = next((each for each in images if each.series_uid in uids), None)
        kinds = {each.modality for each in images}
        modality = own.modality if own is not None else next(iter(kinds)) if len(kinds) == 1 else None
        return Observation(day, None if own is None else own.series_uid, modality=modality, read_as=self.reader)

    def measure(self, lesion_id: str, day: date) -> str | None:
        """Measure the drawn region in the background, then put it in as this reader's observation."""
        work = self.window.work
        if work is None:
            return NO_CASE
        opened, reader, case = work.opened, self.reader, work.opened.case
        lesion = case.lesion(lesion_id)
        if lesion is None:
            return NO_CASE
        if drawn_region(case, lesion_id, day) is None:
            return nothing_drawn(case, lesion_id, day)
        volumes = dict(work.desk.state.images.volumes)

        def done(found: MeasuredRegion) -> None:
            seen = found.observation
            for before in own_observations(lesion, day, reader):
                if before.series_uid in (None, seen.series_uid):
                    # What a person has said of these images stays: measuring changes sizes.
                    seen = replace(seen, state=before.state or seen.state, series_uid=before.series_uid)
                    seen = replace(
                        seen, region_item_id=before.region_item_id, lipiodol=seen.lipiodol or before.lipiodol
                    )
                    break
            self._apply("Measured region", lambda: response.add_observation(lesion_id, seen, by=work.who))
            if self.page is not None:
                self.page.tell(lesion_id, day, " ".join(found.notes))

        work.desk.jobs.submit(
            f"Measuring {lesion.name}",
            lambda context: measured_region(
                opened.library, case, lesion_id, day, reader, volumes=volumes, context=context
            ),
            done,
            still_valid=lambda: self.window.work is work and work.opened.case.lesion(lesion_id) == lesion,
            group=f"measure-{lesion_id}-{day}",
        )
        return None

    def open_day(self, lesion_id: str, day: date) -> str | None:
        """The images of a day, at the lesion where it has a place on them."""
        work = self.window.work
        images = [] if work is None else [each for each in work.opened.case.studies if each.study_date == day]
        if work is None or not images:
            return f"This case has no images of {day}."
        found = drawn_region(work.opened.case, lesion_id, day)
        uids = set() if found is None else {each.partition("#")[0] for each in found[0].source_uids}
        best = next((each for each in images if each.series_uid in uids), None)
        best = best or next((each for each in images if each.phase == "arterial"), images[0])
        self.window.dialogs.course.open_study(best.series_uid)
        self.leave()
        self.window.case_page.jump_to_lesion(lesion_id)
        return None

    def sign(self, day: date, name: str) -> str | None:
        """Keep the response of a day under a name."""
        work = self.window.work
        if work is None:
            return NO_CASE
        case = work.opened.case
        return self._apply(
            "Sign a response",
            lambda: response.sign_reading(
                case, self.criteria, day, by=name, at=local_now(), reader=self.reader,
                baseline_on=self.baseline_on, templates=self.window.installed.templates,
            ),
        )  # fmt: skip

    def adjudicate(self, day: date, agrees_with: str, reason: str, name: str) -> str | None:
        """A third person decides between two readings."""
        work = self.window.work
        if work is None:
            return NO_CASE
        case = work.opened.case
        return self._apply(
            "Adjudicate a response",
            lambda: response.adjudicate(
                case, self.criteria, day, agrees_with=agrees_with, reason=reason, by=name, at=local_now()
            ),
        )


def _read_days(case: Case, reader: str) -> set[date]:
    return {seen.study_date for each in case.lesions for seen in each.observations if seen.read_as == reader}


def _other(reader: str) -> str:
    first, second = READERS
    return second if reader == first else first
