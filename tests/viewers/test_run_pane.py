"""The DSA pane by pointer and keys: what is painted, what is written, what is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from run_bench import ARRIVAL, BACKGROUND_X, COUNT, SIZE, VESSEL_X, RunBench, simulated_run

from planner.imaging.angio import AngioRun, RunFacts
from planner.imaging.volumes import ImageSource
from viewers.panes.run_table import HEADINGS, RunTableDialog, cells_of
from viewers.scene.run_painter import SIMULATED
from viewers.scene.run_text import NOT_STATED, WEAK_ENDPOINT, corner_texts
from viewers.state.run_state import RunLine

NONE = Qt.KeyboardModifier.NoModifier
ALT, SHIFT, CONTROL = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
FILLED = ARRIVAL + 3
"""Index of the frame in which the vessel is densest."""


@pytest.fixture(scope="module")
def run() -> AngioRun:
    return simulated_run()


@pytest.fixture
def make_run_bench(qapp: QApplication) -> Iterator[Callable[..., RunBench]]:
    made: list[RunBench] = []

    def make(*runs: AngioRun, **options: object) -> RunBench:
        made.append(RunBench(*runs, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture(scope="module")
def opened(qapp: QApplication, run: AngioRun) -> Iterator[RunBench]:
    bench = RunBench(run)
    yield bench
    bench.close()


@pytest.fixture
def bench(opened: RunBench) -> RunBench:
    """One open run for all tests, each time as it was at first: maps are computed once."""
    opened.start_over()
    return opened


def corners(bench: RunBench) -> str:
    """Everything written in the corners."""
    scene = bench.pane.scene()
    assert scene is not None
    texts = corner_texts(scene.run, scene.settings, scene.words)
    return "\n".join((*texts.top_left, *texts.top_right, *texts.bottom_left, *texts.bottom_right))


def go(bench: RunBench, frame: int) -> None:
    bench.pane.pane_state.playback.go(frame)
    bench.settle()


def test_that_a_run_opens_subtracted_by_frames_before_contrast(bench: RunBench) -> None:
    go(bench, FILLED)
    assert bench.pane.is_subtracted
    assert "found: before contrast" in corners(bench)
    assert bench.colour_at(VESSEL_X, 64).red() < 60
    assert bench.colour_at(BACKGROUND_X, 64).red() > 150


def test_that_v_shows_the_frame_as_it_is_stored_and_back(bench: RunBench) -> None:
    go(bench, FILLED)

    # Before contrast, the texture of the background is only in the native frame.
    def spread() -> float:
        greys = [bench.colour_at(x, 40).red() for x in range(84, 122, 2)]
        return float(np.std(greys))

    subtracted = spread()
    bench.key(Qt.Key.Key_V)
    assert not bench.pane.is_subtracted
    assert "native" in corners(bench)
    assert spread() > 3.0 * subtracted + 5.0
    bench.key(Qt.Key.Key_V)
    assert spread() == pytest.approx(subtracted, abs=1.0)


def test_that_i_shows_vessels_bright(bench: RunBench) -> None:
    go(bench, FILLED)
    bench.key(Qt.Key.Key_I)
    assert bench.colour_at(VESSEL_X, 64).red() > 195
    assert "inverted" in corners(bench)


def test_that_keys_and_wheel_walk_through_frames(bench: RunBench) -> None:
    playback = bench.pane.pane_state.playback
    for key, frame in (
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_Right, 2),
        (Qt.Key.Key_Left, 1),
        (Qt.Key.Key_End, COUNT - 1),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_Down, 1),
    ):
        bench.key(key)
        assert playback.frame.value == frame
    bench.wheel(-2)
    assert playback.frame.value == 3
    assert f"Frame 4 of {COUNT} · 0.75 s" in corners(bench)


def test_that_space_plays_by_the_clock_and_the_picture_follows(bench: RunBench) -> None:
    pane, playback = bench.pane, bench.pane.pane_state.playback
    QTest.keyClick(pane, Qt.Key.Key_Space)
    assert playback.playing.value
    # Sixteen times as fast, so that no test waits.
    playback.use_speed(16.0)
    bench.wait(lambda: pane.shown_frame >= 4)
    QTest.keyClick(pane, Qt.Key.Key_Space)
    bench.settle()
    assert not playback.playing.value
    assert pane.shown_frame == playback.frame.value


def test_that_plus_and_minus_change_the_rate_and_it_is_written(bench: RunBench) -> None:
    bench.key(Qt.Key.Key_Plus)
    assert "4/s ×2" in corners(bench)
    assert bench.frame.header.play.text() == "Rate ×2"
    bench.key(Qt.Key.Key_Minus)
    bench.key(Qt.Key.Key_Minus)
    assert "4/s ×0.5" in corners(bench)


def test_that_a_run_without_timing_says_so(make_run_bench: Callable[..., RunBench]) -> None:
    bench = make_run_bench(simulated_run(timed=False))
    assert f"rate {NOT_STATED}" in corners(bench)
    assert " s\n" not in corners(bench)
    bench.key(Qt.Key.Key_T)
    legend = bench.pane.scene().legend
    assert legend is not None
    assert legend.unit == "frames"


def test_that_alt_and_shift_with_arrows_move_the_mask(bench: RunBench) -> None:
    go(bench, FILLED)
    state = bench.pane.pane_state
    state.change(shift="none")
    bench.settle()
    flat = bench.colour_at(BACKGROUND_X, 64).red()
    bench.key(Qt.Key.Key_Right, ALT)
    assert state.settings.value.shift == "manual"
    assert state.settings.value.manual_of(FILLED + 1) == (0.1, 0.0)
    for _ in range(3):
        bench.key(Qt.Key.Key_Right, SHIFT)
    assert state.settings.value.manual_of(1) == (3.1, 0.0)
    assert "shift dx +3.1 dy +0.0 px" in corners(bench)
    # Background that is moved against its mask leaves its texture.
    greys = [bench.colour_at(x, 40).red() for x in range(84, 122, 2)]
    assert np.ptp(greys) > 10
    assert flat > 150


def test_that_residuals_before_and_after_are_written(bench: RunBench) -> None:
    bench.pane.pane_state.change(shift="manual", manual_px=((0, (3.0, 0.0)),))
    bench.settle()
    motion = bench.pane.analysis.motion
    assert motion is not None
    assert motion.after > 2.0 * motion.before
    assert "→" in corners(bench)


def test_that_right_drag_changes_the_window_of_what_is_shown(bench: RunBench) -> None:
    before = bench.pane.window()
    middle = bench.pane.rect().center()
    bench.drag(bench.pane, middle, middle + QPoint(80, 0), button=Qt.MouseButton.RightButton)
    after = bench.pane.window()
    assert after[1] > before[1] * 1.2
    native = bench.pane.pane_state.settings.value.native_window
    assert native is None
    bench.key(Qt.Key.Key_0)
    assert bench.pane.window() == before


def test_that_a_drag_upwards_brightens_what_is_shown(bench: RunBench) -> None:
    middle = bench.pane.rect().center()
    before = bench.colour_at(BACKGROUND_X, 64).red()
    bench.drag(bench.pane, middle, middle + QPoint(0, 60), button=Qt.MouseButton.RightButton)
    assert bench.colour_at(BACKGROUND_X, 64).red() < before


def test_that_ctrl_wheel_zooms_at_the_pointer_and_middle_drag_pans(bench: RunBench) -> None:
    pane = bench.pane
    middle = pane.rect().center()
    under = pane.view().run_of(middle.x(), middle.y())
    bench.wheel(3, CONTROL)
    assert pane.view().scale > 1.4 * min(pane.width(), pane.height()) / SIZE
    assert pane.view().run_of(middle.x(), middle.y()) == pytest.approx(under)
    bench.drag(pane, middle, middle + QPoint(30, -12), button=Qt.MouseButton.MiddleButton)
    moved = pane.view().screen_of(*under)
    assert moved == pytest.approx((middle.x() + 30, middle.y() - 12))
    bench.key(Qt.Key.Key_F)
    assert pane.pane_state.zoom.value == 1.0


def test_that_a_click_on_the_strip_jumps_and_a_drag_below_scrubs(bench: RunBench) -> None:
    strip, playback = bench.frame.body.strip, bench.pane.pane_state.playback
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, NONE, bench.strip_point(9))
    assert playback.frame.value == 9
    bench.drag(strip, bench.strip_point(2, on_thumbs=False), bench.strip_point(12, on_thumbs=False))
    assert playback.frame.value == 12
    assert bench.pane.pane_state.settings.value.mask == "auto"


def test_that_a_drag_over_the_small_frames_chooses_the_mask(bench: RunBench) -> None:
    bench.drag(bench.frame.body.strip, bench.strip_point(3), bench.strip_point(1))
    mask = bench.pane.analysis.mask
    assert mask is not None
    assert mask.choice.frames == (2, 3, 4)
    assert "mask 2-4 (chosen by hand)" in corners(bench)
    assert bench.frame.body.strip.content.mask_frames == (2, 3, 4)


def test_that_a_mask_with_contrast_in_it_hides_that_contrast(bench: RunBench) -> None:
    go(bench, FILLED)
    dark = bench.colour_at(VESSEL_X, 64).red()
    bench.drag(bench.frame.body.strip, bench.strip_point(FILLED), bench.strip_point(FILLED + 1))
    bench.pane.set_window(0.28, 0.6)
    bench.settle()
    assert bench.colour_at(VESSEL_X, 64).red() > dark + 60


def test_that_the_opacified_picture_shows_vessels_from_any_frame(bench: RunBench) -> None:
    go(bench, 0)
    assert bench.colour_at(VESSEL_X, 64).red() > 150
    bench.key(Qt.Key.Key_O)
    assert bench.colour_at(VESSEL_X, 64).red() < 60
    assert f"Opacified, frames 1-{COUNT}" in corners(bench)
    bench.key(Qt.Key.Key_O)
    assert bench.pane.pane_state.settings.value.picture == "frame"


def test_that_time_to_peak_is_coloured_with_a_legend_in_seconds(bench: RunBench) -> None:
    bench.key(Qt.Key.Key_T)
    colour = bench.colour_at(VESSEL_X, 64)
    assert max(colour.red(), colour.green(), colour.blue()) - min(colour.red(), colour.green(), colour.blue()) > 60
    legend = bench.pane.scene().legend
    assert legend is not None
    assert legend.unit == "s"
    assert legend.first - 0.3 <= FILLED / 4.0 <= legend.last + 0.3
    assert WEAK_ENDPOINT == "weak measure of the endpoint"
    peak = bench.pane.analysis.maps.time_to_peak
    assert float(peak.seconds[64, VESSEL_X]) == pytest.approx(FILLED / 4.0, abs=0.13)


def test_that_a_drawn_region_gets_a_curve_with_arrival_and_its_error(bench: RunBench) -> None:
    bench.key(Qt.Key.Key_E)
    bench.drag(bench.pane, bench.at(VESSEL_X - 3, 30), bench.at(VESSEL_X, 60), bench.at(VESSEL_X + 3, 90))
    regions = bench.pane.pane_state.regions.value
    assert len(regions) == 1
    curve = bench.pane.analysis.curves.by_region[regions[0].id]
    assert curve.arrival_s == pytest.approx(ARRIVAL / 4.0, abs=0.3)
    assert curve.arrival_error_s > 0.0
    table = bench.frame.body.curves.table
    assert bench.frame.body.curves.isVisible()
    assert f"{curve.arrival_s:.2f} ± {curve.arrival_error_s:.2f} s" == table.item(0, 1).text()
    assert bench.pane.pane_state.arm.value == "none"


def test_that_a_click_on_the_curve_jumps_to_the_frame(bench: RunBench) -> None:
    bench.pane.pane_state.add_region(((60.0, 20.0), (68.0, 20.0), (68.0, 90.0), (60.0, 90.0)))
    bench.settle()
    plot = bench.frame.body.curves.plot
    middle = plot.rect().center()
    times: list[float] = []
    plot.time_asked.connect(times.append)
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, NONE, middle)
    assert bench.pane.pane_state.playback.frame.value == round(times[0] * 4.0)
    assert times[0] > 0.5


def test_that_without_calibration_there_are_no_millimetres(bench: RunBench) -> None:
    assert "not calibrated: px" in corners(bench)
    assert bench.pane.scene().mm_per_px is None
    assert "mm" not in corners(bench)


def test_that_known_geometry_gives_a_scale_that_says_where_it_holds(
    make_run_bench: Callable[..., RunBench],
) -> None:
    bench = make_run_bench(simulated_run(geometry=True))
    assert bench.pane.scale.mm_per_px == pytest.approx(0.3 * 800.0 / 1200.0)
    assert "0.200 mm/px isocentre ±" in corners(bench)
    assert "LAO 30 CAU 12" in corners(bench)


def test_that_patient_run_and_angles_are_written(bench: RunBench) -> None:
    text = corners(bench)
    for words in ("Test Run", "T-1", "run 1 Coeliac & hepatic", "2024-03-12", "LAO 30 CAU 12"):
        assert words in text


def test_that_a_simulated_run_is_marked(bench: RunBench) -> None:
    before = bench.pane.grab().toImage()
    bench.desk.state.simulated.set(True)
    bench.settle()
    assert bench.pane.scene().simulated
    assert bench.pane.grab().toImage() != before
    assert SIMULATED == "SIMULATED"


def test_that_phases_stand_on_the_strip(bench: RunBench) -> None:
    content = bench.frame.body.strip.content
    assert content.phases
    assert content.phases["arterial"][0] in (ARRIVAL, ARRIVAL + 1, ARRIVAL + 2)
    assert content.course is not None
    assert int(np.nanargmax(content.course)) in (FILLED - 1, FILLED, FILLED + 1)


def test_that_two_runs_stand_side_by_side_and_follow_each_other(make_run_bench: Callable[..., RunBench]) -> None:
    late = simulated_run(arrival=8, uid="1.2.4", number=2)
    bench = make_run_bench(simulated_run(), late, layout="dsa_two", size=(1200, 700))
    other = bench.frame_of("dsa_other").picture
    assert (bench.pane.run_key, other.run_key) == ("1.2.3#1", "1.2.4#1")
    bench.runs.link.set("arrival")
    go(bench, FILLED)
    assert other.frame in (FILLED + 2, FILLED + 3, FILLED + 4)
    bench.runs.link.set("frame")
    go(bench, 3)
    assert other.shown_frame == 3
    assert "linked: frame" in corners(bench)


def test_that_another_run_is_chosen_from_the_table(make_run_bench: Callable[..., RunBench], run: AngioRun) -> None:
    bench = make_run_bench(run, simulated_run(uid="1.2.4", number=2))
    bench.frame.header.open_table()
    dialog = bench.frame.header.table
    assert isinstance(dialog, RunTableDialog)
    assert dialog.table.rowCount() == 2
    line = next(n for n in range(2) if dialog.table.item(n, 1).text() == "2")
    dialog.table.setCurrentCell(line, 1)
    QTest.keyClick(dialog.table, Qt.Key.Key_Return)
    bench.settle()
    assert bench.pane.run_key == "1.2.4#1"


def test_that_the_run_table_prints_what_is_not_stated() -> None:
    cells = dict(zip(HEADINGS, cells_of(RunLine("1#1", ImageSource("1"), RunFacts())), strict=True))
    assert {text for text, _ in cells.values()} == {NOT_STATED}


def test_that_a_pane_without_a_run_says_what_to_do(make_run_bench: Callable[..., RunBench]) -> None:
    bench = make_run_bench()
    assert bench.pane.scene() is None
    assert bench.pane.request() is None
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_V, Qt.Key.Key_T, Qt.Key.Key_R):
        bench.key(key)
    assert bench.frame.body.strip.content.count == 0


def test_that_the_collimated_border_of_a_subtracted_frame_is_black(make_run_bench: Callable[..., RunBench]) -> None:
    run = simulated_run()
    frames = run.frames.copy()
    frames[:, :, :16] = 40
    bench = make_run_bench(AngioRun(frames, run.time_s, run.source, run.facts, run.relation, bits_stored=12))
    go(bench, FILLED)
    assert bench.colour_at(8, 64).red() == 0
    assert bench.colour_at(BACKGROUND_X, 64).red() > 150


def test_that_leaving_the_case_leaves_no_picture(make_run_bench: Callable[..., RunBench], run: AngioRun) -> None:
    bench = make_run_bench(run)
    bench.desk.state.forget_case()
    bench.settle()
    assert bench.pane.run is None
    assert bench.pane.picture is None
    assert bench.pane.scene() is None
