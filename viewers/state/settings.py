"""Settings of the marking tools, shared by panes, stage panel and tool bar."""

from __future__ import annotations

from dataclasses import dataclass

from viewers.state.signals import Value

SMALLEST_BRUSH_MM, LARGEST_BRUSH_MM = 0.5, 80.0


@dataclass(frozen=True, slots=True)
class NewRegion:
    """What the next painted region becomes when no region is selected.

    Attributes
    ----------
    name
        Empty: ``Region 1``, ``Region 2`` …
    lesion_id, structure
        A lesion of the case, or a key of ``resources/structures.toml``.
    """

    name: str = ""
    lesion_id: str | None = None
    structure: str | None = None
    colour: str = "#d0a030"


@dataclass(frozen=True, slots=True)
class NewPath:
    """What the next vessel path becomes."""

    name: str = ""
    lesion_ids: tuple[str, ...] = ()


class ToolSettings:
    """How tools work. Values in mm, or in the unit of the image.

    Attributes
    ----------
    brush_radius_mm, brush_in_3d
        Ball when in 3D, else a disc on the pane's plane.
    spread
        Region growing takes this many robust standard deviations around the click; dragging changes it.
    threshold
        Lowest and highest value, in the unit of the image.
    reach_mm
        Region growing and one-click lesions look no farther than this from a click.
    path_by_clicks
        True: straight between clicks along the artery. False: a minimal path through the enhanced lumen.
    """

    def __init__(self) -> None:
        self.brush_radius_mm: Value[float] = Value(5.0)
        self.brush_in_3d: Value[bool] = Value(False)
        self.spread: Value[float] = Value(2.5)
        self.threshold: Value[tuple[float, float]] = Value((150.0, 3000.0))
        self.reach_mm: Value[float] = Value(60.0)
        self.new_region: Value[NewRegion] = Value(NewRegion())
        self.new_path: Value[NewPath] = Value(NewPath())
        self.path_by_clicks: Value[bool] = Value(False)

    def resize_brush(self, factor: float) -> None:
        size = self.brush_radius_mm.value * factor
        self.brush_radius_mm.set(min(max(size, SMALLEST_BRUSH_MM), LARGEST_BRUSH_MM))
