"""What panes and panels share of vertebrae: the level on show, its pictures, and what tools have marked.

Points are LPS mm, angles degrees. Nothing here measures or projects: the open case does, and sets `VertebraDesk.shown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.geometry.patient_positions import PatientPosition
from planner.model.items import Point
from planner.model.needle_items import NeedlePathBody, WorkingView
from viewers.state.marking import Mark
from viewers.state.needles import NeedleShape, shape_of
from viewers.state.signals import Signal, Value

if TYPE_CHECKING:
    from planner.geometry.c_arm import CArm
    from planner.imaging.vertebra_segmentation import VertebraMask
    from planner.imaging.volumes import Volume

VERTEBRA_TOOL = "vertebra"
"""Key of the tool that marks a vertebra by two clicks."""
ALL, WALLS = "all", "walls"
"""Choices of `VertebraDesk.picture` beside the names of views: every picture side by side, the leak map alone."""

NO_VERTEBRA = (
    "No vertebra yet.\nChoose its level on the right, then mark it: V, a click in the middle of its body, "
    "a click on its arch. Or take it from a label map. Then press Analyse."
)
_TITLES = {"true-ap": "True AP", "lateral": "Lateral"}


@dataclass(frozen=True, eq=False, slots=True)
class ViewPicture:
    """A simulated C-arm picture of a vertebra; never a real one.

    Attributes
    ----------
    grey
        (y, x) bytes; bone is dark, as a fluoroscope shows it.
    outlines_xy
        Name -> (n, 2) pixels: ``pedicle-left``, ``upper-endplate`` and so on.
    needle_id
        Of a bull's-eye: the needle it looks down.
    needle_name
        As the plan names that needle.
    """

    view: WorkingView
    grey: NDArray[np.uint8]
    c_arm: CArm
    outlines_xy: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    needle_id: str | None = None
    needle_name: str = ""

    @property
    def title(self) -> str:
        return _TITLES.get(self.view.name, f"Bull's-eye · {self.needle_name}")

    @property
    def position_words(self) -> str:
        """``patient prone, head first``."""
        return PatientPosition(self.view.posture, self.view.head_first).words

    @property
    def mm_per_px(self) -> float:
        """In the plane of the vertebra."""
        return self.c_arm.spacing.right_mm / self.c_arm.isocentre_magnification


@dataclass(frozen=True, slots=True)
class DefectMark:
    """Missing cortex on the unrolled walls, and where it lies in the patient."""

    place_mm: tuple[float, float]
    wall: str
    area_mm2: float
    lps_mm: Point


@dataclass(frozen=True, eq=False, slots=True)
class WallsPicture:
    """The walls of a body laid flat, seen from behind: the posterior wall in the middle, endplates above and below.

    Attributes
    ----------
    places_mm
        (n, 2) right and down of the middle of the posterior wall.
    density
        (n,) 0 spongy to 1 dense cortex; NaN unknown.
    missing
        (n,) no cortex there.
    words_mm
        Name of a wall -> where its name stands.
    vein_mm
        Where the basivertebral vein leaves the posterior wall.
    """

    places_mm: NDArray[np.float64]
    density: NDArray[np.float64]
    missing: NDArray[np.bool_]
    defects: tuple[DefectMark, ...]
    words_mm: Mapping[str, tuple[float, float]]
    vein_mm: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False, slots=True)
class VertebraShown:
    """The pictures of one vertebra.

    Attributes
    ----------
    level
        As a person reads it: ``L2``.
    walls
        None where missing cortex could not be looked for; `no_walls` says why.
    notes
        What is to be read before the pictures: the level is a proposal, numbers no longer hold.
    """

    level: str
    frame_uid: str
    views: tuple[ViewPicture, ...]
    walls: WallsPicture | None = None
    no_walls: str = ""
    notes: tuple[str, ...] = ()

    def view(self, name: str) -> ViewPicture | None:
        return next((each for each in self.views if key_of(each) == name), None)

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """Key and title of every picture, in their order."""
        return (
            (ALL, "All pictures"),
            *((key_of(each), each.title) for each in self.views),
            (WALLS, "Walls, laid flat"),
        )


def key_of(picture: ViewPicture) -> str:
    """Of a picture among those of its vertebra: a bull's-eye goes by its needle."""
    return picture.view.name if picture.needle_id is None else f"needle {picture.needle_id}"


class VertebraKeeper(Protocol):
    """Puts marked vertebrae into the open case; an act is one step of undo and may answer a refusal."""

    def keep(self, found: VertebraMask, volume: Volume, level: str) -> str | None: ...


class VertebraDesk:
    """Shared by panes and panels; filled by the open case.

    Attributes
    ----------
    level
        Key of ``resources/structures.toml`` a person chose: what is marked next, and what is on show.
    shown
        Pictures of the level on show; None before there are any.
    message
        Why there are none, or that they are being made.
    picture
        Which of them fills the pane: `ALL`, `WALLS` or `key_of` a view.
    asked
        ``align``: turn the planes along the vertebra, or back.
    """

    def __init__(self) -> None:
        self.level: Value[str | None] = Value(None)
        self.shown: Value[VertebraShown | None] = Value(None)
        self.message: Value[str] = Value(NO_VERTEBRA)
        self.picture: Value[str] = Value(ALL)
        self.asked: Signal[[str]] = Signal()
        self.keeper: VertebraKeeper | None = None

    def forget(self) -> None:
        """Another case: nothing of the one before stays."""
        self.level.set(None)
        self.shown.set(None)
        self.message.set(NO_VERTEBRA)
        self.picture.set(ALL)
        self.keeper = None


def needles_in(marks: Iterable[Mark], level: str | None) -> tuple[tuple[Mark, NeedlePathBody], ...]:
    """Needles of the plan that were measured in a level; of any level for None."""
    return tuple(
        (mark, mark.body)
        for mark in marks
        if isinstance(mark.body, NeedlePathBody)
        and mark.body.pedicle is not None
        and level in (None, mark.body.pedicle.level)
    )


def shapes_in(marks: Iterable[Mark], frame_uid: str, draft: NeedleShape | None) -> tuple[NeedleShape, ...]:
    """Every needle of a frame as it is now: the one under the hand where the hand has it."""
    shapes = [shape_of(mark) for mark in marks if mark.item.frame_uid == frame_uid and mark.item.visible]
    moving = None if draft is None else draft.item_id
    found = [each for each in shapes if each is not None and (moving is None or each.item_id != moving)]
    if draft is not None and draft.frame_uid == frame_uid:
        found.append(draft)
    return tuple(found)
