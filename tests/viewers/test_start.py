"""From the first frame to the window, and the kernels that are compiled ahead of their use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from planner.model.case import Case
from planner.model.people import Patient
from planner.store.actors import Actor
from viewers.panes.desk import make_desk
from viewers.window import start as starting
from viewers.window.main_window import MainWindow
from viewers.window.opening import OpeningFrame

ROOT = Path(__file__).resolve().parents[2]


def until(is_done: Callable[[], object]) -> None:
    loop, watch, limit, late = QEventLoop(), QTimer(), QTimer(), []
    watch.setInterval(3)
    watch.timeout.connect(lambda: loop.quit() if is_done() else None)
    limit.setSingleShot(True)
    limit.timeout.connect(lambda: (late.append(True), loop.quit()))
    watch.start()
    limit.start(40_000)
    if not is_done():
        loop.exec()
    assert not late


@pytest.fixture
def opened(qapp: QApplication, tmp_path: Path) -> MainWindow:
    """The window as the program makes it, on a new library, without what follows its first picture."""
    library, journal = starting.load(str(tmp_path))
    return MainWindow(library, journal, starting._installed, make_desk(), Actor("Dr Fellow", "planner", "room-1"))


def test_that_the_frame_is_painted_before_anything_is_loaded(qapp: QApplication) -> None:
    order: list[str] = []

    class Noting(OpeningFrame):
        def paintEvent(self, event: object) -> None:
            super().paintEvent(event)
            order.append("painted")

    frame = Noting(lambda: order.append("loaded"), lambda: order.append("ready"))
    frame.resize(600, 300)
    frame.show()
    until(lambda: "ready" in order)
    frame.wait()
    frame.close()
    assert order[0] == "painted"
    assert order.index("loaded") < order.index("ready")


def test_that_a_library_that_came_after_the_frame_was_closed_is_let_go(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    load = starting.load

    def loading(url: str | None) -> object:
        library, journal = load(url)
        close = library.close
        monkeypatch.setattr(library, "close", lambda: (closed.append(True), close()))
        return library, journal

    monkeypatch.setattr(starting, "load", loading)
    begun = starting.Start((), str(tmp_path))
    until(lambda: begun.frame._thread is not None)
    begun.frame.close()
    until(lambda: begun.frame.loaded is not None)
    assert begun.end() is None
    assert begun.window is None
    assert closed == [True]


def test_that_a_damaged_library_ends_the_start_with_its_sentence(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "library.sqlite").write_bytes(b"no library at all" * 100)
    said: list[str] = []
    monkeypatch.setattr(starting, "refuse", said.append)
    assert starting.start((), str(tmp_path)) == 4
    assert len(said) == 1
    assert said[0]


def test_that_a_bug_at_the_start_reaches_the_command_line(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(url: str | None) -> object:
        raise RuntimeError("a bug")

    monkeypatch.setattr(starting, "load", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        starting.start((), None)


def test_that_the_page_of_a_case_is_built_when_it_is_first_needed(opened: MainWindow) -> None:
    opened.library_page.refresh()
    assert "case_page" not in vars(opened)
    opened.prepare()
    until(lambda: "case_page" in vars(opened))
    assert opened.stack.indexOf(opened.case_page) == 1
    assert opened.installed.templates
    opened.close()


def test_that_a_case_asked_for_while_its_page_is_loaded_opens_afterwards(opened: MainWindow) -> None:
    case = Case("case-early", Patient("T-1", "Test^Early"))
    opened.library.create_case(case, opened.actor)
    opened.prepare()
    opened.open_case(case.id)
    assert opened.work is None
    assert "One moment" in opened.jobs.message.text()
    until(lambda: opened.work is not None)
    assert opened.work is not None
    assert opened.work.opened.case.id == case.id
    opened.close()


def test_that_a_window_closes_before_a_case_was_opened(opened: MainWindow) -> None:
    assert opened.close()
    assert "case_page" not in vars(opened)


def test_that_the_kernel_process_can_be_stopped(qapp: QApplication) -> None:
    from viewers.window.warming import KernelProcess

    kernels = KernelProcess()
    kernels.start()
    process = kernels._process
    assert process is not None
    assert process.is_alive()
    kernels.stop()
    assert kernels._process is None


TWICE = """
import sys
sys.path.insert(0, sys.argv[1])
import doubling
doubling.twice(1)
print(sum(doubling.twice.stats.cache_hits.values()), sum(doubling.twice.stats.cache_misses.values()))
"""


def test_that_kernels_are_kept_for_the_next_start_where_the_installation_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text(
        "from planner.imaging.compiled import compiled\n\n\n@compiled\ndef twice(x):\n    return 2 * x\n"
    )
    # A file where the folder of compiled code should be: nothing can be written there, not even by root.
    (tmp_path / "__pycache__").write_text("")
    home = tmp_path / "home"
    surroundings = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    surroundings |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "LOCALAPPDATA": str(home)}

    def counted() -> str:
        command = [sys.executable, "-B", "-c", TWICE, str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert counted() == "0 1"
    assert counted() == "1 0"
