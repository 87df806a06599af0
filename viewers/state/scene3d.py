"""What the 3D pane shows, as an immutable value: the render thread draws it, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging import Volume

STANDARD_VIEWS = {
    "anterior": ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    "posterior": ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "left": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "right": ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "head": ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0)),
    "feet": ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0)),
}
"""Name -> (direction from the patient to the eye, up), in LPS."""


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """A structure drawn as a surface.

    Attributes
    ----------
    key
        Changes whenever the mask does (its blob digest, or series and label).
    mask
        (k, j, i) boolean, on `grid`.
    """

    key: str
    name: str
    mask: NDArray[np.bool_]
    grid: Grid
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Tube:
    """A vessel path: points (n, 3) LPS mm with a radius each."""

    key: str
    points_lps_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    colour: str = "#ff5a4d"


@dataclass(frozen=True, eq=False, slots=True)
class Mesh:
    """Triangles with a colour at each vertex.

    Attributes
    ----------
    key
        Names what it is; a moved or repainted one keeps it.
    vertices_lps_mm, triangles, colours
        (n, 3) LPS mm; (m, 3) indices; (n, 3) uint8.
    lines
        Only the edges are drawn, so that what lies inside is seen.
    """

    key: str
    vertices_lps_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8]
    opacity: float = 1.0
    lines: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class PlanePicture:
    """An MPR plane shown in 3D: its grey picture on a rectangle of `width_mm` x `height_mm` about the plane's point."""

    plane: SlicePlane
    pixels: NDArray[np.uint8]
    width_mm: float
    height_mm: float
    colour: str


@dataclass(frozen=True, slots=True)
class Camera:
    """Parallel projection. `eye_lps` is the unit direction from the focal point to the eye."""

    focal_lps_mm: tuple[float, float, float]
    eye_lps: tuple[float, float, float]
    up_lps: tuple[float, float, float]
    half_height_mm: float

    @staticmethod
    def standard(name: str, grid: Grid) -> Camera:
        """One of `STANDARD_VIEWS`, holding the whole grid."""
        eye, up = STANDARD_VIEWS[name]
        low, high = grid.bounds_lps_mm
        x, y, z = ((low + high) / 2.0).tolist()
        side = np.cross(up, eye)
        extent = max(float(np.abs(np.asarray(axis)) @ (high - low)) for axis in (up, side))
        return Camera((x, y, z), eye, up, 0.52 * extent)

    def turned(self, right_deg: float, up_deg: float) -> Camera:
        """Orbited about the focal point: drag right turns the patient to the right."""
        eye, up = np.asarray(self.eye_lps), np.asarray(self.up_lps)
        eye = _turn(eye, up, -right_deg)
        side = np.cross(up, eye)
        eye, up = _turn(eye, side, -up_deg), _turn(up, side, -up_deg)
        side = np.cross(up, eye)
        up = np.cross(eye, side)
        return replace(self, eye_lps=_tuple(eye), up_lps=_tuple(up))

    def panned(self, right_mm: float, up_mm: float) -> Camera:
        up = np.asarray(self.up_lps)
        side = np.cross(up, np.asarray(self.eye_lps))
        moved = np.asarray(self.focal_lps_mm) - right_mm * side - up_mm * up
        return replace(self, focal_lps_mm=(float(moved[0]), float(moved[1]), float(moved[2])))

    def zoomed(self, factor: float) -> Camera:
        return replace(self, half_height_mm=min(5000.0, max(1.0, self.half_height_mm / factor)))


def _turn(vector: NDArray[np.float64], axis: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    unit = axis / np.linalg.norm(axis)
    angle = np.deg2rad(degrees)
    along = unit * float(unit @ vector) * (1 - np.cos(angle))
    turned: NDArray[np.float64] = vector * np.cos(angle) + np.cross(unit, vector) * np.sin(angle) + along
    return turned


def _tuple(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (vector / np.linalg.norm(vector)).tolist()
    return x, y, z


@dataclass(frozen=True, eq=False, slots=True)
class Scene3D:
    """Everything the 3D picture depends on, but its size.

    Attributes
    ----------
    preset
        Key of ``resources/render_presets.toml``; None hides the volume.
    clip
        Keep only what lies behind this plane (away from its normal), or None.
    """

    volume: Volume | None = None
    preset: str | None = "arterial"
    surfaces: tuple[Surface, ...] = ()
    tubes: tuple[Tube, ...] = ()
    meshes: tuple[Mesh, ...] = ()
    planes: tuple[PlanePicture, ...] = ()
    camera: Camera | None = None
    clip: SlicePlane | None = None
    background: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))
