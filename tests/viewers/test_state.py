"""Observable state, layouts and jobs: no window is needed."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import OperatorError
from viewers.state.jobs import JobRunner, JobState, LatestWins
from viewers.state.layouts import layout, layouts, next_layout
from viewers.state.pane_state import Slab
from viewers.state.signals import Signal, Value
from viewers.state.view_state import ViewState


class Listener:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def hear(self, value: object) -> None:
        self.heard.append(value)


def test_that_a_value_tells_only_when_it_becomes_another() -> None:
    value, listener = Value(3), Listener()
    disconnect = value.changed.connect(listener.hear)
    value.set(3)
    value.set(4)
    disconnect()
    value.set(5)
    assert listener.heard == [4]


def test_that_a_signal_keeps_no_listener_alive() -> None:
    signal: Signal[[int]] = Signal()
    kept, gone = Listener(), Listener()
    signal.connect(kept.hear)
    signal.connect(gone.hear)
    heard = gone.heard
    del gone
    gc.collect()
    signal.emit(1)
    assert (kept.heard, heard) == ([1], [])


def test_that_a_listener_may_leave_while_it_is_told() -> None:
    signal: Signal[[int]] = Signal()
    heard: list[str] = []

    def first(value: int) -> None:
        heard.append("first")
        leave()

    signal.connect(first)
    leave = signal.connect(lambda value: heard.append("second"))
    signal.emit(1)
    assert heard == ["first"]


def test_that_every_layout_has_panes_on_places_of_their_own() -> None:
    for each in layouts():
        places = [
            (row, column)
            for pane in each.panes
            for row in range(pane.row, pane.row + pane.row_span)
            for column in range(pane.column, pane.column + pane.column_span)
        ]
        assert len(places) == len(set(places)), each.key
    assert {"mpr", "3d", "axial", "coronal", "sagittal"} <= {each.key for each in layouts()}


def test_that_tab_walks_through_all_layouts_and_an_unknown_one_opens_the_first() -> None:
    seen = [layouts()[0].key]
    while (following := next_layout(seen[-1])) != seen[0]:
        seen.append(following)
    assert seen == [each.key for each in layouts()]
    assert layout("from-a-later-release") is layouts()[0]


def test_that_the_cursor_starts_at_a_voxel_and_frames_do_not_share_it(make_ball) -> None:
    state = ViewState()
    ball, other = make_ball(), make_ball(frame_uid="9.9", series_uid="1.2.840.2")
    state.images.add(ball)
    key = state.images.add(other, role="follow-up")
    kji = ball.grid.kji_from_lps.points(state.cursor_lps_mm("1.2.3"))
    assert kji == pytest.approx(np.rint(kji))
    before = state.cursor_lps_mm("9.9")
    state.move_cursor("1.2.3", (1, 2, 3))
    assert state.cursor_lps_mm("9.9") == before
    assert state.images.key_for("follow-up") == key
    assert not state.images.is_linked(key)


def test_that_turned_planes_stay_orthogonal_and_can_be_reset(make_ball) -> None:
    state = ViewState()
    state.images.add(make_ball())
    for kind, angle in (("axial", 25.0), ("coronal", -40.0), ("sagittal", 12.0)):
        state.turn_planes("1.2.3", kind, angle)
    normals = np.array([state.plane("1.2.3", kind).normal_lps for kind in ("axial", "coronal", "sagittal")])
    assert normals @ normals.T == pytest.approx(np.eye(3), abs=1e-9)
    state.reset_planes("1.2.3")
    assert state.plane("1.2.3", "axial").normal_lps == pytest.approx((0, 0, 1))


def test_that_closing_a_case_forgets_the_patient_but_keeps_the_panes_linked(make_ball) -> None:
    state = ViewState()
    state.images.add(make_ball())
    pane = state.pane("axial")
    pane.slab.set(Slab(10.0, "mip"))
    state.selected_id.set("item-1")
    state.forget_case()
    assert state.images.primary is None
    assert state.selected_id.value is None
    assert state.pane("axial") is pane
    assert pane.slab.value == Slab()


def test_that_a_window_by_hand_never_gets_too_narrow(make_ball) -> None:
    state = ViewState()
    key = state.images.add(make_ball())
    state.set_window(key, 10.0, -50.0)
    assert state.window(key).window.width == 1.0
    nameless = make_ball(series_uid="1.2.840.5")
    other = state.images.add(replace(nameless, source=replace(nameless.source, window=None, unit=None)))
    state.use_digit(other, 2)
    assert state.window(other).name == "Image, full range"


def run(work, **options) -> tuple[JobState, str, list[object]]:
    results: list[object] = []
    ended: Future = Future()
    runner = JobRunner(lambda function: function())
    runner.ended.connect(lambda job: ended.set_result(job))
    runner.submit("Title", work, results.append, **options)
    job = ended.result(timeout=30)
    runner.shutdown()
    return job.state, job.message, results


def test_that_every_end_of_a_job_is_announced() -> None:
    def refuse(context):
        raise OperatorError("click-outside-image", "Click inside the image.")

    def stop(context):
        context.cancel()
        context.step(0.5)

    assert run(lambda context: 42) == (JobState.FINISHED, "", [42])
    assert run(refuse) == (JobState.FAILED, "Click inside the image.", [])
    assert run(stop)[0] is JobState.CANCELLED
    state, message, results = run(lambda context: 42, still_valid=lambda: False)
    assert (state, results) == (JobState.OUTDATED, [])
    assert "nothing was applied" in message


def test_that_a_newer_job_of_a_group_cancels_the_older() -> None:
    begun, go_on, all_ended = threading.Event(), threading.Event(), threading.Event()
    ends: dict[str, JobState] = {}
    runner = JobRunner(lambda function: function())

    def note(job) -> None:
        ends[job.title] = job.state
        if len(ends) == 2:
            all_ended.set()

    def slow(context):
        begun.set()
        go_on.wait(30)
        context.step(0.9)

    runner.ended.connect(note)
    runner.submit("old", slow, lambda result: None, group="preview")
    assert begun.wait(30)
    runner.submit("new", lambda context: 1, lambda result: None, group="preview")
    go_on.set()
    assert all_ended.wait(30)
    assert ends == {"old": JobState.CANCELLED, "new": JobState.FINISHED}
    runner.shutdown()


def test_that_of_waiting_pictures_only_the_latest_is_drawn() -> None:
    """Threads and posts are stepped by hand."""
    queued, drawn = [], []

    class ByHand:
        def submit(self, function, *args) -> None:
            queued.append(lambda: function(*args))

    latest = LatestWins(
        ByHand(),
        lambda function: function(),
        lambda request: request * 10,
        lambda request, result: drawn.append(result),
        lambda request, error: drawn.append(error),
    )
    for request in (1, 2, 3, 4):
        latest.ask(request)
    while queued:
        queued.pop(0)()
    assert drawn == [10, 40]
    assert latest.is_idle
