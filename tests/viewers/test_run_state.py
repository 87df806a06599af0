"""Playback, settings, links and regions of runs, without any widget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.imaging.angio import AngioRun, RunFacts
from planner.imaging.volumes import ImageSource
from planner.model.run_items import RunViewBody
from viewers.scene.run_picture import taps
from viewers.scene.run_view import RunView
from viewers.state.run_link import RunLink
from viewers.state.run_playback import ASSUMED_HZ, Playback, frame_starts_s, has_timing, recorded_hz
from viewers.state.run_settings import RunSettings, settings_of
from viewers.state.run_state import RunRegion, RunSet
from viewers.state.run_steps import frames_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run_of(count: int = 6, time_s: list[float] | None = None, rate_hz: float | None = None, uid: str = "1") -> AngioRun:
    times = None if time_s is None else np.array(time_s)
    return AngioRun(np.zeros((count, 4, 5), np.uint8), times, ImageSource(uid), RunFacts(rate_hz=rate_hz))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def playing(clock: Clock, run: AngioRun) -> Playback:
    playback = Playback(clock)
    playback.load(frame_starts_s(run))
    playback.play()
    return playback


def test_that_playback_follows_an_uneven_frame_time_vector(clock: Clock) -> None:
    playback = playing(clock, run_of(4, [0.0, 0.1, 0.2, 1.2]))
    for passed, frame in ((0.05, 0), (0.15, 1), (0.25, 2), (1.1, 2), (1.3, 3)):
        clock.now = 100.0 + passed
        playback.advance()
        assert playback.frame.value == frame


def test_that_playback_loops_by_time_and_stops_at_the_end_when_it_does_not_loop(clock: Clock) -> None:
    playback = playing(clock, run_of(4, rate_hz=2.0))
    clock.now += 2.6
    playback.advance()
    assert (playback.frame.value, playback.playing.value) == (1, True)
    playback.loop.set(False)
    clock.now += 5.0
    playback.advance()
    assert (playback.frame.value, playback.playing.value) == (3, False)
    playback.play()
    assert playback.frame.value == 0


def test_that_a_changed_speed_goes_on_from_the_present_frame(clock: Clock) -> None:
    playback = playing(clock, run_of(6, rate_hz=1.0))
    clock.now += 2.5
    playback.advance()
    playback.faster()
    assert playback.speed.value == 2.0
    clock.now += 0.6
    playback.advance()
    assert playback.frame.value == 3
    assert playback.due_in_s() == pytest.approx(0.4)
    for _ in range(9):
        playback.slower()
    assert playback.speed.value == 0.25


def test_that_frames_that_come_too_late_are_left_out(clock: Clock) -> None:
    seen: list[int] = []
    playback = playing(clock, run_of(6, rate_hz=10.0))
    playback.frame.changed.connect(lambda frame: seen.append(frame))
    clock.now += 0.35
    playback.advance()
    assert seen == [3]


def test_that_steps_stop_playing_and_go_round_the_ends_only_when_looping(clock: Clock) -> None:
    playback = playing(clock, run_of(4, rate_hz=1.0))
    playback.step(-1)
    assert (playback.frame.value, playback.playing.value) == (3, False)
    playback.loop.set(False)
    playback.step(5)
    assert playback.frame.value == 3


def test_that_a_run_without_timing_says_so_and_still_plays() -> None:
    run = run_of(3)
    assert not has_timing(run)
    assert recorded_hz(run) is None
    assert frame_starts_s(run)[1] == pytest.approx(1.0 / ASSUMED_HZ)


def test_that_a_frame_time_vector_that_falls_is_not_followed() -> None:
    assert np.allclose(np.diff(frame_starts_s(run_of(3, [0.0, 0.5, 0.2], rate_hz=4.0))), 0.25)


def test_that_a_shift_by_hand_starts_from_the_automatic_one() -> None:
    automatic = np.array([[0.0, 0.0], [0.4, -0.2], [1.0, 0.0]])
    moved = RunSettings(shift="rigid").nudged((0.1, 0.0), automatic)
    assert moved.shift == "manual"
    assert np.allclose(moved.manual_shifts(3), automatic + [0.1, 0.0])


def test_that_a_single_frame_can_be_moved_alone() -> None:
    settings = RunSettings(shift="manual").nudged((0.0, 1.0), None).nudged((0.1, 0.0), None, only_frame=2)
    assert settings.manual_of(1) == (0.0, 1.0)
    assert settings.manual_of(2) == (0.1, 1.0)


def test_that_ten_fine_steps_are_exactly_one_pixel() -> None:
    settings = RunSettings(shift="manual")
    for _ in range(10):
        settings = settings.nudged((0.1, 0.0), None)
    assert settings.manual_of(1) == (1.0, 0.0)


def test_that_settings_survive_the_plan_item() -> None:
    body = RunViewBody("1#1", True, (2, 3), "linear", "manual", {"0": (0.1, 0.0), "4": (1.0, 2.0)}, (5.0, 9.0), True)
    settings = settings_of(body)
    assert settings.body("1#1", subtracted=True, mask_frames=(2, 3)) == body


def test_that_settings_and_regions_are_remembered_per_run() -> None:
    runs = RunSet()
    one, other = run_of(uid="1"), run_of(uid="2")
    pane = runs.pane("dsa")
    pane.show_run(runs.add(one), one)
    pane.change(method="linear")
    pane.add_region([(0.0, 0.0), (3.0, 0.0), (3.0, 3.0)])
    pane.playback.go(4)
    pane.show_run(runs.add(other), other)
    assert (pane.settings.value, pane.regions.value, pane.playback.frame.value) == (RunSettings(), (), 0)
    pane.show_run(one.key, one)
    assert (pane.settings.value.method, len(pane.regions.value), pane.playback.frame.value) == ("linear", 1, 4)


def test_that_nothing_of_one_patient_is_left_for_the_next() -> None:
    runs = RunSet()
    run = run_of()
    pane = runs.pane("dsa")
    pane.show_run(runs.add(run), run)
    pane.change(method="linear")
    runs.arrival_s[run.key] = 2.0
    runs.clear()
    pane.show_run(run.key, run)
    assert pane.settings.value == RunSettings()
    assert not runs.runs
    assert not runs.arrival_s


def test_that_a_region_covers_the_pixels_whose_centres_lie_inside() -> None:
    region = RunRegion("r", "r", "#ffffff", ((1.5, 0.5), (4.5, 0.5), (4.5, 2.5), (1.5, 2.5)))
    mask = region.mask((5, 7))
    assert mask.sum() == 6
    assert mask[1:3, 2:5].all()


def test_that_a_region_beyond_the_image_is_cut_off() -> None:
    region = RunRegion("r", "r", "#ffffff", ((-9.0, -9.0), (1.5, -9.0), (1.5, 99.0), (-9.0, 99.0)))
    assert region.mask((4, 6)).sum() == 8


def linked(mode: str) -> tuple[RunSet, RunLink, RunLink]:
    runs = RunSet()
    links = []
    for number, pane_id in enumerate(("one", "two"), start=1):
        run = run_of(10, rate_hz=2.0, uid=str(number))
        runs.pane(pane_id).show_run(runs.add(run), run)
        links.append(RunLink(runs, pane_id))
        links[-1].join()
    runs.arrival_s.update({"1#1": 1.0, "2#1": 2.5})
    runs.link.set(mode)
    return runs, links[0], links[1]


def test_that_linked_runs_meet_at_the_arrival_of_contrast() -> None:
    runs, _, _ = linked("arrival")
    runs.pane("one").playback.go(4)
    assert runs.pane("two").playback.frame.value == 7
    runs.pane("two").playback.go(5)
    assert runs.pane("one").playback.frame.value == 2


def test_that_runs_are_linked_by_frame_or_not_at_all() -> None:
    runs, _, _ = linked("frame")
    runs.pane("one").playback.go(4)
    assert runs.pane("two").playback.frame.value == 4
    runs.link.set("none")
    runs.pane("one").playback.go(8)
    assert runs.pane("two").playback.frame.value == 4


def test_that_only_one_of_linked_runs_plays() -> None:
    runs, one, two = linked("frame")
    runs.pane("two").playback.play()
    runs.pane("one").playback.play()
    one.lead()
    assert not runs.pane("two").playback.playing.value
    assert two.others() == (one,)


def test_that_mask_frames_read_as_ranges() -> None:
    assert frames_text((1, 2, 3, 4, 7)) == "1-4, 7"
    assert frames_text((5,)) == "5"


def test_that_a_pane_and_its_run_agree_on_places() -> None:
    view = RunView(800, 600, (512, 1024), zoom=2.0, pan_px=(30.0, -5.0))
    assert view.run_of(*view.screen_of(100.0, 200.0)) == pytest.approx((100.0, 200.0))
    assert replace(view, zoom=1.0).scale == pytest.approx(800 / 1024)


@pytest.mark.parametrize(("start", "step", "size"), [(0.1, 0.3, 40), (-3.0, 1.2, 20), (0.6, 7.3, 50), (0.0, 1.0, 3)])
def test_that_screen_pixels_keep_what_is_even_and_straight(start: float, step: float, size: int) -> None:
    begin, weights = taps(12, start, step, size)
    at = start + np.arange(12) * step
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    assert np.array_equal(begin < 0, (at < -0.5) | (at >= size - 0.5))
    sources = np.maximum(begin, 0)[:, None] + np.arange(weights.shape[1])
    assert sources.max() < size
    inner = (begin >= 0) & (at > 2 * step) & (at < size - 1 - 2 * step)
    assert np.allclose((weights * sources).sum(axis=1)[inner], at[inner], atol=0.12 * max(1.0, step))
