"""What every pointer tool is: it turns events in LPS into edits of the document. No Qt, no VTK."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from viewers.scene.slice_view import SliceView, slice_step_mm
from viewers.state.jobs import JobRunner
from viewers.state.marking import MarkingHost, Marks
from viewers.state.preview import NOTHING, Preview
from viewers.state.settings import ToolSettings
from viewers.state.signals import Value
from viewers.state.view_state import PlaneKind, ViewState

NO_CASE = "Open or start a case to mark on its images."


@dataclass(frozen=True, eq=False, slots=True)
class Pointer:
    """One pointer event in a pane.

    Attributes
    ----------
    lps_mm
        (3,) on the pane's plane.
    x, y
        Logical pixels in the pane.
    kind
        Which of the three planes the pane shows; None for a plane of its own (along a needle).
    em
        Height of the pane's font in logical pixels: how near is near enough.
    """

    lps_mm: NDArray[np.float64]
    view: SliceView
    volume: Volume
    series: str
    kind: PlaneKind | None
    x: float
    y: float
    em: float
    shift: bool = False
    control: bool = False
    alt: bool = False

    @property
    def frame_uid(self) -> str:
        return self.volume.grid.frame_uid

    @property
    def reach_mm(self) -> float:
        """Half a layer of voxels across the plane."""
        return slice_step_mm(self.volume.grid, self.view.plane) / 2.0


class ToolKit:
    """What tools share.

    Attributes
    ----------
    preview
        What the active tool shows so far.
    hint
        One line: what to do next.
    notice
        One sentence after something could not be done; empty otherwise.
    """

    def __init__(self, state: ViewState, marks: Marks, jobs: JobRunner) -> None:
        self.state = state
        self.marks = marks
        self.jobs = jobs
        self.settings = ToolSettings()
        self.preview: Value[Preview] = Value(NOTHING)
        self.hint: Value[str] = Value("")
        self.notice: Value[str] = Value("")

    def host(self) -> MarkingHost | None:
        """The open case, or None after saying what to do."""
        if self.marks.host is None:
            self.notice.set(NO_CASE)
        return self.marks.host


class Tool:
    """A pointer tool. The left button only; every method may be left as it is.

    Attributes
    ----------
    id, name, shortcut
        Key of `ViewState.active_tool`; what a person reads; the key that picks it, or empty.
    enlarges
        A double-click enlarges the pane. Drawing tools do not: there two quick clicks are two clicks.
    """

    id = ""
    name = ""
    shortcut = ""
    enlarges = False

    def __init__(self, kit: ToolKit) -> None:
        self.kit = kit

    def hint(self) -> str:
        """What to do next, in one line."""
        return ""

    def begin(self) -> None:
        """The tool becomes the active one."""

    def cancel(self) -> None:
        """Drop what is unfinished: Esc, or another tool is picked."""
        self.kit.preview.set(NOTHING)

    def press(self, pointer: Pointer) -> None:
        """Left button down."""

    def drag(self, pointer: Pointer) -> None:
        """Moved with the left button down."""

    def release(self, pointer: Pointer) -> None:
        """Left button up."""

    def hover(self, pointer: Pointer) -> None:
        """Moved without a button."""

    def double_click(self, pointer: Pointer) -> bool:
        """True when the tool uses it."""
        del pointer
        return False

    def key(self, name: str) -> bool:
        """A key by Qt's name without ``Key_`` (``Return``, ``BracketLeft``); True when the tool uses it."""
        del name
        return False

    def say(self) -> None:
        """Show the hint anew."""
        self.kit.hint.set(self.hint())
