"""What the panes of one window stand on, wired in one place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal

from viewers.panes.tools.base import ToolKit
from viewers.panes.tools.operations import RegionOperations
from viewers.panes.tools.toolbox import ToolBox
from viewers.state.jobs import JobRunner
from viewers.state.marking import Marks
from viewers.state.view_state import ViewState


class QtPost(QObject):
    """Runs functions on the thread it was made in; may be called from any thread."""

    _asked = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._asked.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, function: Callable[[], None]) -> None:
        if not self._closed:
            self._asked.emit(function)

    def close(self) -> None:
        """What still comes is dropped."""
        self._closed = True

    def _run(self, function: Callable[[], None]) -> None:
        if not self._closed:
            function()


@dataclass(frozen=True, eq=False, slots=True)
class Desk:
    """State, marks, tools and threads of one window.

    Attributes
    ----------
    renderers
        Threads that draw slices; 3D has a thread of its own.
    """

    state: ViewState
    marks: Marks
    jobs: JobRunner
    kit: ToolKit
    tools: ToolBox
    operations: RegionOperations
    post: QtPost
    renderers: ThreadPoolExecutor

    def close(self) -> None:
        """Stop every thread; call it when the window has closed."""
        self.post.close()
        self.jobs.shutdown()
        self.renderers.shutdown(wait=True, cancel_futures=True)


def make_desk(state: ViewState | None = None, marks: Marks | None = None, parent: QObject | None = None) -> Desk:
    """A desk on the GUI thread."""
    view_state = state if state is not None else ViewState()
    open_marks = marks if marks is not None else Marks()
    post = QtPost(parent)
    jobs = JobRunner(post)
    kit = ToolKit(view_state, open_marks, jobs)
    renderers = ThreadPoolExecutor(2, thread_name_prefix="slice")
    return Desk(view_state, open_marks, jobs, kit, ToolBox(kit), RegionOperations(kit), post, renderers)
