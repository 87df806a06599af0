"""What is measured, written and kept on runs in the open session: read for panes, and put there as steps of undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from planner.app import run_items
from planner.app.item_edits import rename_item
from planner.app.run_words import calibration_words
from planner.errors import OperatorError
from planner.imaging.angio import AngioRun
from planner.imaging.run_calibration import ISOCENTRE, Calibration, Refusal, isocentre_calibration
from planner.model.case import Case
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem
from planner.model.run_items import (
    KEY_FRAME,
    RUN_CALIBRATION,
    RUN_MEASUREMENT,
    RUN_VIEW,
    KeyFrameBody,
    RunCalibrationBody,
    RunMeasurementBody,
    RunViewBody,
)
from planner.model.session import Session
from viewers.state.document_host import DocumentHost
from viewers.state.layouts import layout
from viewers.state.marking import Marks
from viewers.state.region_editor import first_free
from viewers.state.run_scale import NOT_CALIBRATED, RunScale
from viewers.state.run_state import RunPaneState, RunSet
from viewers.state.view_state import ViewState

NO_SESSION = "Open or start a session first: what is measured on a run is kept in it."
NO_SESSION_REGION = "No session is open: this region is for this view only and is not kept."
PX_ONLY = "px only, as chosen"
DSA_LAYOUT = "dsa"

KIND_NAMES = {
    "distance": "Distance",
    "diameter": "Diameter",
    "stenosis": "Stenosis",
    "region": "Region",
    "arrow": "Arrow",
    "text": "Note",
}
SHORT_CALIBRATIONS = {"isocentre": "isocentre", "catheter": "catheter", "distance": "known distance"}

Body = TypeVar("Body")


@dataclass(frozen=True, eq=False, slots=True)
class RunMark:
    """A measurement or calibration that is drawn on a frame.

    Attributes
    ----------
    body
        With the millimetres as its calibration gives them now.
    stands_on
        Kind of that calibration; empty for pixels.
    """

    item: PlanItem
    body: RunMeasurementBody | RunCalibrationBody
    stands_on: str = ""

    @property
    def id(self) -> str:
        return self.item.id

    @property
    def frame(self) -> int | None:
        """Counted from 1."""
        return self.body.frame

    @property
    def kind(self) -> str:
        return self.body.kind if isinstance(self.body, RunMeasurementBody) else RUN_CALIBRATION


class RunMarks:
    """Reads and changes the run items of the session that is open now. Refusals come back as sentences.

    Parameters
    ----------
    marks
        Whose host is the open session.
    """

    def __init__(self, marks: Marks, runs: RunSet) -> None:
        self._marks, self._runs = marks, runs
        self._cached: tuple[Session | None, str, tuple[RunMark, ...]] = (None, "", ())

    @property
    def host(self) -> DocumentHost | None:
        host = self._marks.host
        return host if isinstance(host, DocumentHost) else None

    @property
    def session(self) -> Session | None:
        host = self.host
        return None if host is None else host.session

    # Reading

    def on(self, run_key: str | None) -> tuple[RunMark, ...]:
        """Everything drawn on frames of a run; a damaged body is left out."""
        session = self.session
        if session is None or run_key is None:
            return ()
        known, of, found = self._cached
        if known is not session or of != run_key:
            made = (_mark_of(item, session) for item in run_items.run_items(session, run_key))
            found = tuple(mark for mark in made if mark is not None)
            self._cached = session, run_key, found
        return found

    def mark(self, item_id: str | None) -> RunMark | None:
        session = self.session
        item = session.item(item_id) if session is not None and item_id is not None else None
        return None if item is None or session is None else _mark_of(item, session)

    def view(self, run_key: str) -> RunViewBody | None:
        """How the session shows a run; None where nobody has chosen."""
        session = self.session
        try:
            return None if session is None else run_items.view_of(session, run_key)
        except OperatorError:
            return None

    def calibrations(self, run_key: str) -> tuple[RunMark, ...]:
        return tuple(mark for mark in self.on(run_key) if isinstance(mark.body, RunCalibrationBody))

    def in_use(self, run_key: str) -> RunMark | None:
        """What new measurements stand on: as chosen, else the newest calibration of the run."""
        known = self.calibrations(run_key)
        if run_key in self._runs.calibration_in_use:
            chosen = self._runs.calibration_in_use[run_key]
            found = next((mark for mark in known if mark.id == chosen), None)
            if found is not None or chosen is None:
                return found
        return known[-1] if known else None

    def from_file(self, run: AngioRun, frame: int) -> Calibration | None:
        """What the geometry of the file gives, unless pixels were chosen."""
        if run.key in self._runs.calibration_in_use and self._runs.calibration_in_use[run.key] is None:
            return None
        found = isocentre_calibration(run, frame)
        return None if isinstance(found, Refusal) else found

    def scale(self, run: AngioRun) -> RunScale:
        """As the pane prints it."""
        used = self.in_use(run.key)
        if used is not None and isinstance(used.body, RunCalibrationBody):
            return _scale(used.body.mm_per_px, used.body.mm_per_px_sd, used.body.kind)
        found = self.from_file(run, 0)
        if found is not None:
            return _scale(found.mm_per_px, found.mm_per_px_sd, found.kind)
        if run.key in self._runs.calibration_in_use:
            return RunScale(None, PX_ONLY)
        return NOT_CALIBRATED

    # Changing

    def add(
        self, run: AngioRun, body: RunMeasurementBody, *, item_id: str | None = None, merge: str | None = None
    ) -> str | None:
        """Put a measurement into the session, standing on what is in use; its id, or None without a session.

        Where only the file calibrates the run, its calibration is kept too, in the same step of undo.
        """
        host = self.host
        if host is None:
            return None
        made = item_id or new_id("item")
        edits: list[Edit] = []
        used = self.in_use(run.key)
        stands_on = used.id if used is not None else None
        from_file = self.from_file(run, body.frame - 1) if used is None else None
        frame_uid = self._frame_uid(run, body.frame - 1)
        if from_file is not None and any(name.endswith(("_px", "_px2")) for name in body.values):
            stands_on = new_id("item")
            add = run_items.add_calibration
            edits.append(add(host.session_id, run, frame_uid, from_file, by=host.actor, item_id=stands_on))
        body = replace(body, calibration=stands_on if body.values else None)
        name = self._free_name(KIND_NAMES.get(body.kind, "Mark"))
        edits.append(
            run_items.add_run_measurement(host.session_id, run, frame_uid, body, name=name, by=host.actor, item_id=made)
        )
        host.apply(f"Measure {name.lower()}", _chained(edits), merge=merge)
        return made

    def change(self, item: PlanItem, body: RunMeasurementBody, *, merge: str | None = None) -> str | None:
        """Move or measure anew; a sentence when it was refused."""
        host = self.host
        if host is None:
            return NO_SESSION
        return _attempt(
            lambda: host.apply(
                f"Change {item.name}", run_items.change_run_measurement(host.session_id, item, body), merge=merge
            )
        )

    def calibrate(self, run: AngioRun, found: Calibration) -> str | None:
        """Keep a calibration and measure with it; what stood on nothing stands on it now. A sentence when refused."""
        host = self.host
        if host is None:
            return NO_SESSION
        made, frame_uid = new_id("item"), self._frame_uid(run, found.frame)
        loose = [mark.item for mark in self._measured(run.key) if _calibration_of(mark) is None]
        add = run_items.add_calibration(host.session_id, run, frame_uid, found, by=host.actor, item_id=made)
        stand = [self._stand(item, made) for item in loose]
        label = f"Calibrate by {SHORT_CALIBRATIONS[found.kind]}"
        refusal = _attempt(lambda: host.apply(label, _chained([add, *stand])))
        if refusal is None:
            self._runs.calibration_in_use[run.key] = made
        return refusal

    def recalibrate(self, item: PlanItem, run: AngioRun, found: Calibration) -> str | None:
        """The same calibration on other points; what stands on it follows."""
        host = self.host
        if host is None:
            return NO_SESSION
        return _attempt(
            lambda: host.apply(f"Change {item.name}", run_items.change_calibration(host.session_id, item, run, found))
        )

    def use(self, run: AngioRun, calibration_id: str | None) -> str | None:
        """Measure with a calibration of the run, or in pixels: every measurement of the run follows, in one step."""
        self._runs.calibration_in_use[run.key] = calibration_id
        host = self.host
        if host is None:
            return None
        stand = [self._stand(m.item, calibration_id) for m in self._measured(run.key)]
        return _attempt(lambda: host.apply("Choose what measurements stand on", _chained(stand)))

    def use_file(self, run: AngioRun, frame: int) -> str | None:
        """Measure in the plane of the isocentre; a sentence where the file does not calibrate the run."""
        known = next((m for m in self.calibrations(run.key) if m.body.kind == ISOCENTRE), None)
        if known is not None:
            return self.use(run, known.id)
        found = isocentre_calibration(run, frame)
        if isinstance(found, Refusal):
            return found.text
        self._runs.calibration_in_use.pop(run.key, None)
        return self.calibrate(run, found) if self.host is not None else None

    def stand_on(self, item: PlanItem, calibration_id: str | None) -> str | None:
        """One measurement on another calibration of its run."""
        host = self.host
        if host is None:
            return NO_SESSION
        return _attempt(lambda: host.apply(f"Calibration of {item.name}", self._stand(item, calibration_id)))

    def keep_frame(self, run: AngioRun, body: KeyFrameBody) -> str | None:
        """A frame to be printed; a sentence without a session."""
        host = self.host
        if host is None:
            return NO_SESSION
        name, frame_uid = self._free_name("Key frame"), self._frame_uid(run, body.frame - 1)
        edit = run_items.add_key_frame(host.session_id, run, frame_uid, body, name=name, by=host.actor)
        return _attempt(lambda: host.apply("Keep key frame", edit))

    def put_view(self, run: AngioRun, body: RunViewBody) -> str | None:
        """How the run is shown, as one step of undo."""
        host = self.host
        if host is None:
            return None
        edit = run_items.put_run_view(host.session_id, run, self._frame_uid(run, 0), body, by=host.actor)
        return _attempt(lambda: host.apply("Show run otherwise", edit))

    def forget_view(self, run_key: str) -> None:
        """Shown by the rules again."""
        host, session = self.host, self.session
        for item in run_items.run_items(session, run_key, RUN_VIEW) if session is not None else ():
            if host is not None:
                host.apply("Show run by the rules", run_items.remove_run_item(host.session_id, item.id))

    def rename(self, item: PlanItem, name: str) -> str | None:
        host = self.host
        if host is None:
            return NO_SESSION
        return _attempt(lambda: host.apply(f"Rename {item.name}", rename_item(host.session_id, item, name)))

    def write(self, item: PlanItem, text: str) -> str | None:
        """The caption of a key frame, or what is written beside a measurement."""
        host, plain = self.host, " ".join(text.split())
        if host is None:
            return NO_SESSION
        body = run_items.run_body(item)
        if isinstance(body, RunMeasurementBody):
            return self.change(item, replace(body, text=plain))
        if not isinstance(body, KeyFrameBody):
            return None
        edit = run_items.change_key_frame(host.session_id, item, replace(body, caption=plain))
        return _attempt(lambda: host.apply(f"Caption of {item.name}", edit))

    def remove(self, item: PlanItem) -> None:
        host = self.host
        if host is not None:
            host.apply(f"Delete {item.name}", run_items.remove_run_item(host.session_id, item.id))

    def _measured(self, run_key: str) -> list[RunMark]:
        """Measurements with numbers in pixels."""
        return [
            mark
            for mark in self.on(run_key)
            if isinstance(mark.body, RunMeasurementBody)
            and any(name.endswith(("_px", "_px2")) for name in mark.body.values)
        ]

    def _stand(self, item: PlanItem, calibration_id: str | None) -> Edit:
        host = self.host
        return run_items.stand_on("" if host is None else host.session_id, item, calibration_id)

    def _free_name(self, base: str) -> str:
        session = self.session
        taken = {item.name for item in session.items} if session is not None else set()
        return first_free(base, taken.__contains__)

    def _frame_uid(self, run: AngioRun, frame: int) -> str:
        """Of the run's geometry, else as the case knows it."""
        arm, host = run.c_arm(frame), self.host
        if arm is not None:
            return arm.frame_uid
        studies = host.document.case.studies if host is not None else ()
        for study in studies:
            if (study.series_uid, study.part) == (run.source.series_uid, run.source.part) and study.frame_uid:
                return study.frame_uid
        return ""


def _calibration_of(mark: RunMark) -> str | None:
    return mark.body.calibration if isinstance(mark.body, RunMeasurementBody) else None


def _mark_of(item: PlanItem, session: Session) -> RunMark | None:
    if item.type not in (RUN_MEASUREMENT, RUN_CALIBRATION) or not item.visible:
        return None
    try:
        body = run_items.run_body(item)
        if isinstance(body, RunMeasurementBody):
            settled = run_items.settled_body(body, session)
            calibration = run_items.calibration_of(session, settled.calibration)
            return RunMark(item, settled, "" if calibration is None else calibration.kind)
    except OperatorError:
        # A damaged body stays in the plan, and its line in the list says that it cannot be read.
        return None
    return RunMark(item, body) if isinstance(body, RunCalibrationBody) else None


def _scale(mm_per_px: float, deviation: float | None, kind: str) -> RunScale:
    name = SHORT_CALIBRATIONS.get(kind, kind)
    spread = "± unknown" if deviation is None else f"±{100.0 * deviation / mm_per_px:.0f} %"
    where = {"isocentre": "at the isocentre", "catheter": "in the catheter's plane"}.get(kind, "in the object's plane")
    return RunScale(mm_per_px, f"{mm_per_px:.3f} mm/px {name} {spread}", where)


def _chained(edits: Sequence[Edit]) -> Edit:
    """One edit that does several, one after the other."""

    def edit(case: Case) -> Case:
        for each in edits:
            case = each(case)
        return case

    return edit


def _attempt(act: Callable[[], object]) -> str | None:
    try:
        act()
    except OperatorError as error:
        return error.message
    return None


def calibration_line(mark: RunMark) -> str:
    """Name and numbers of a calibration for menus and lists."""
    body = mark.body
    return f"{mark.item.name}: {calibration_words(body)}" if isinstance(body, RunCalibrationBody) else mark.item.name


def place_of(item: PlanItem) -> tuple[str, int] | None:
    """(run, frame index from 0) of an item on a run; None for every other item."""
    if item.type not in (RUN_MEASUREMENT, RUN_CALIBRATION, KEY_FRAME):
        return None
    run, frame = item.body.get("run"), item.body.get("frame")
    if not isinstance(run, str):
        return None
    return run, max(0, frame - 1) if isinstance(frame, int) else 0


def jump_to_run(state: ViewState, item: PlanItem) -> bool:
    """Bring an item on a run to the screen: its run and frame in a pane that shows it, else in the first one.

    Returns False for an item that lies on no run.
    """
    place = place_of(item)
    if place is None:
        return False
    if not any(pane.kind == "dsa" for pane in layout(state.layout.value).panes):
        state.layout.set(DSA_LAYOUT)
    panes = [pane.id for pane in layout(state.layout.value).panes if pane.kind == "dsa"]
    known: list[RunPaneState] = [state.runs.pane(pane_id) for pane_id in panes]
    showing = next((pane for pane in known if pane.shown_run == place[0]), known[0])
    showing.open_at(*place)
    return True
