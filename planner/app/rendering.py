"""The one thing the core asks of a display: a picture of record. ``main.py`` binds it to the viewers, lazily."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.imaging import LabelMap, Volume
from planner.model.items import PlanItem
from planner.model.needle_items import AblationMarginBody, WorkingView

if TYPE_CHECKING:
    from planner.planning.margin_map import MarginMap
    from planner.planning.vertebra_analysis import VertebraAnalysis
    from planner.planning.zones import Zone


@dataclass(frozen=True, eq=False, slots=True)
class MarginPicture:
    """A margin of the plan, to be unrolled.

    Attributes
    ----------
    body
        As the plan stores it.
    map
        None where the surface cannot be painted; `no_map` says why.
    stale
        Why the stored numbers no longer hold, or what to know of the picture; empty for neither.
    """

    name: str
    body: AblationMarginBody
    map: MarginMap | None
    no_map: str = ""
    stale: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class ZonesPicture:
    """Planned ablation zones: of the chart's mean, and one deviation smaller where it gives one."""

    mean: tuple[Zone, ...]
    minus_sd: tuple[Zone, ...] | None


@dataclass(frozen=True, eq=False, slots=True)
class VertebraPicture:
    """A vertebra measured again for its pictures, with the views of the plan.

    Attributes
    ----------
    views
        View, id and name of the needle it looks down; None and empty for true AP and lateral.
    notes
        What is to be read before the pictures.
    """

    level: str
    analysis: VertebraAnalysis
    views: tuple[tuple[WorkingView, str | None, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PictureRequest:
    """What to draw.

    Attributes
    ----------
    layout
        ``mpr`` (three planes and 3D), ``3d``, ``axial``, ``coronal``, ``sagittal`` or a key of
        ``resources/layouts.toml``.
    size_px
        Width, height.
    cursor_lps_mm
        Where the planes meet; None is the centre of the volume.
    window
        Width, centre in the volume's unit; None is the volume's own or automatic.
    preset_3d
        Key of ``resources/render_presets.toml``; None picks by phase.
    overlays
        Label maps to be outlined and shown as surfaces; each on a grid of the volume's frame.
    items
        Plan items to be drawn (vessel paths, measurements); regions come as `overlays`.
    by_role
        Other volumes for panes that name a role (``arterial``, ``portal-venous``); a pane whose role is not here shows
        `volume`.
    caption
        Lines burned into the corner (patient, series, date, disclaimer, SIMULATED).
    margin, zones, vertebra
        For layouts that show them; None where the plan has none.
    """

    volume: Volume
    layout: str = "mpr"
    size_px: tuple[int, int] = (1600, 1000)
    cursor_lps_mm: tuple[float, float, float] | None = None
    window: tuple[float, float] | None = None
    preset_3d: str | None = None
    overlays: tuple[LabelMap, ...] = ()
    items: tuple[PlanItem, ...] = ()
    caption: tuple[str, ...] = field(default_factory=tuple)
    by_role: Mapping[str, Volume] = field(default_factory=dict)
    margin: MarginPicture | None = None
    zones: ZonesPicture | None = None
    vertebra: VertebraPicture | None = None


@dataclass(frozen=True, slots=True)
class SheetMark:
    """A line through pixels of a picture, or a point, with its words; `arrow` points at its last pixel."""

    points_xy: tuple[tuple[float, float], ...]
    text: str
    arrow: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class SheetPanel:
    """A finished picture: (y, x) or (y, x, 3) uint8, the words burned into it, and what is marked on it."""

    picture: NDArray[np.uint8]
    title: str
    marks: tuple[SheetMark, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class SheetRequest:
    """Pictures side by side at one scale, with a caption under them."""

    panels: tuple[SheetPanel, ...]
    size_px: tuple[int, int]
    caption: tuple[str, ...] = ()


class Renderer(Protocol):
    """Draws pictures of record without a window."""

    def png(self, request: PictureRequest) -> bytes:
        """The picture as PNG bytes of exactly `size_px`."""
        ...

    def sheet(self, request: SheetRequest) -> bytes:
        """Pictures that are there already, side by side with words, as PNG bytes of exactly `size_px`."""
        ...

    def close(self) -> None:
        """Free the graphics memory; nothing is drawn afterwards."""
        ...
