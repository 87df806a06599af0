"""What the working-view pane shows: scores over LAO/RAO x CRA/CAU, the angles chosen, the simulated projection.

Angles are the patient's: LAO and cranial positive, of a patient who lies as `position` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import angle_words
from viewers.state.signals import Value

if TYPE_CHECKING:
    from planner.geometry.c_arm import CArm

NO_VIEW = (
    "No segment yet.\nPut a catheter tip on a vessel (C and a click), or choose a branch: "
    "the angle with the least foreshortening and overlap is computed for it."
)
Angles = tuple[float, float]


def wrapped(degrees: float) -> float:
    """The same turn between -180 and 180 degrees."""
    return (degrees + 180.0) % 360.0 - 180.0


def spoken_angles(angles: Angles) -> str:
    """``LAO 25 CRA 10``."""
    return angle_words(wrapped(angles[0]), angles[1])


@dataclass(frozen=True, slots=True)
class NamedView:
    """A direction that is marked on the map: usual in a textbook, or the one recommended here."""

    name: str
    primary_deg: float
    secondary_deg: float


@dataclass(frozen=True, eq=False)
class ViewMapShown:
    """How well each direction of the C-arm shows one segment.

    Attributes
    ----------
    primary_deg, secondary_deg
        (p,) and (s,), ascending.
    foreshortening, overlap
        (s, p) shares: 0 shows the whole length, 0 hides nothing.
    allowed
        (s, p) within the limits of the machine.
    best
        Primary and secondary recommended; None where no direction is within the limits.
    segment_words
        Which segment it is for.
    source
        Where limits and usual views come from.
    """

    frame_uid: str
    tree_id: str
    segment: str
    primary_deg: NDArray[np.float64]
    secondary_deg: NDArray[np.float64]
    foreshortening: NDArray[np.float32]
    overlap: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    best: Angles | None
    usual: tuple[NamedView, ...] = ()
    segment_words: str = ""
    source: str = ""
    position: str = "supine"

    @property
    def loss(self) -> NDArray[np.float32]:
        """(s, p) 0 is the best that can be: what is lost to foreshortening or hidden by others, the larger counts."""
        return np.maximum(self.foreshortening, self.overlap)

    def at(self, angles: Angles) -> tuple[float, float, bool]:
        """Foreshortening, overlap, and whether the machine reaches it; of the nearest direction of the map."""
        row = int(np.argmin(np.abs(self.secondary_deg - angles[1])))
        column = int(np.argmin(np.abs(self.primary_deg - angles[0])))
        return (
            float(self.foreshortening[row, column]),
            float(self.overlap[row, column]),
            bool(self.allowed[row, column]),
        )

    def on_map(self, angles: Angles) -> Angles:
        """The same direction with a primary angle that lies on the map: prone, the map is around 180 degrees."""
        middle = float(self.primary_deg[len(self.primary_deg) // 2])
        return middle + wrapped(angles[0] - middle), angles[1]

    def words(self, angles: Angles) -> tuple[str, ...]:
        """``LAO 25 CRA 10``, ``foreshortening 8 % · overlap 12 %``."""
        short, hidden, reached = self.at(angles)
        lost = f"foreshortening {100.0 * short:.0f} % · overlap {100.0 * hidden:.0f} %"
        return (spoken_angles(angles), lost, *(() if reached else ("■ beyond the limits of the machine",)))


@dataclass(frozen=True, eq=False, slots=True)
class ProjectionShown:
    """A simulated C-arm picture; never a real one.

    Attributes
    ----------
    grey
        (y, x) bytes; dense is dark.
    lines_xy
        Segment -> (n, 2) pixels of its centreline.
    width_px
        Segment -> its mean width in pixels.
    fine
        False while the hand moves.
    """

    angles: Angles
    grey: NDArray[np.uint8]
    c_arm: CArm
    lines_xy: Mapping[str, NDArray[np.float64]]
    width_px: Mapping[str, float]
    fine: bool = True


class ViewKeeper(Protocol):
    """Turns the C-arm; stores the view chosen."""

    def turn(self, angles: Angles, *, moving: bool) -> None: ...

    def keep_view(self) -> str | None: ...


@dataclass(slots=True)
class ViewDesk:
    """State of the working view.

    Attributes
    ----------
    map
        Of the segment on show; None before there is one.
    angles
        Chosen now; None before there is a map.
    message
        Why there is no map, or that it is being made.
    stored
        Angles that the selected position keeps.
    """

    map: Value[ViewMapShown | None] = field(default_factory=lambda: Value(None))
    angles: Value[Angles | None] = field(default_factory=lambda: Value(None))
    projection: Value[ProjectionShown | None] = field(default_factory=lambda: Value(None))
    stored: Value[Angles | None] = field(default_factory=lambda: Value(None))
    message: Value[str] = field(default_factory=lambda: Value(NO_VIEW))
    keeper: ViewKeeper | None = None

    def forget(self) -> None:
        """Another case, or no segment: nothing of the one before stays."""
        self.map.set(None)
        self.angles.set(None)
        self.projection.set(None)
        self.stored.set(None)
        self.message.set(NO_VIEW)
        self.keeper = None


NO_LINES: Mapping[str, NDArray[np.float64]] = MappingProxyType({})
