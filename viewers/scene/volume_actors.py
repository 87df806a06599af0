"""VTK actors of the 3D scene: the volume, surfaces of masks, vessel tubes, MPR planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.geometry.handedness import right_handed
from viewers.state.scene3d import Mesh, PlanePicture, Surface, Tube

SURFACE_VOXELS = 6_000_000
"""Above this many voxels in its box a mask is thinned before meshing."""


AIR_GREY = 10
"""Grey levels of an MPR plane up to this are drawn transparent in 3D."""


def image_data(voxels: NDArray[np.generic], grid: Grid) -> tuple[Any, Any, NDArray[np.generic]]:
    """A ``vtkImageData`` without direction, the ``vtkMatrix4x4`` that places it in LPS, and the array it borrows.

    The array must stay referenced as long as the image data lives.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    turned, placed = right_handed(voxels, grid)
    kept = np.ascontiguousarray(turned)
    data = vtkImageData()
    slices, rows, columns = placed.size_kji
    data.SetDimensions(columns, rows, slices)
    spacing_k, spacing_j, spacing_i = placed.spacing_kji_mm
    data.SetSpacing(spacing_i, spacing_j, spacing_k)
    data.GetPointData().SetScalars(numpy_to_vtk(kept.reshape(-1), deep=0))
    place = vtkMatrix4x4()
    axes = placed.axes_lps
    for line in range(3):
        for column, axis in enumerate((2, 1, 0)):
            place.SetElement(line, column, float(axes[line, axis]))
        place.SetElement(line, 3, float(placed.lps_from_kji.homogeneous[line, 3]))
    return data, place, kept


def thinned(voxels: NDArray[np.generic], grid: Grid, factor: int) -> tuple[NDArray[np.generic], Grid]:
    """Every `factor`-th voxel along each axis that has enough of them, with the grid that goes with it."""
    from planner.geometry import KJI, SpaceMap, lps

    steps = [factor if size >= 4 * factor else 1 for size in grid.size_kji]
    few = voxels[:: steps[0], :: steps[1], :: steps[2]]
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, :3] *= np.asarray(steps, dtype=float)[None, :]
    slices, rows, columns = few.shape
    return few, Grid((slices, rows, columns), SpaceMap(lps(grid.frame_uid), KJI, homogeneous), grid.frame_uid)


def _rgb(colour: str) -> tuple[float, float, float]:
    value = int(colour.lstrip("#"), 16)
    return (value >> 16 & 255) / 255.0, (value >> 8 & 255) / 255.0, (value & 255) / 255.0


def surface_actor(surface: Surface) -> Any | None:
    """A smoothed surface of a mask in LPS; None for an empty mask."""
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkWindowedSincPolyDataFilter
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    cropped = _cropped(surface.mask, surface.grid)
    if cropped is None:
        return None
    data, place, kept = image_data(*cropped)
    edges = vtkFlyingEdges3D()
    edges.SetInputData(data)
    edges.SetValue(0, 0.5)
    edges.ComputeNormalsOff()
    smooth = vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(edges.GetOutputPort())
    smooth.SetNumberOfIterations(12)
    smooth.SetPassBand(0.08)
    smooth.NonManifoldSmoothingOn()
    smooth.NormalizeCoordinatesOn()
    mesh = _with_normals(smooth)
    del kept
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(mesh)
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.SetUserMatrix(place)
    look = actor.GetProperty()
    look.SetColor(*_rgb(surface.colour))
    look.SetOpacity(surface.opacity)
    look.SetSpecular(0.25)
    look.SetSpecularPower(18.0)
    return actor


def _with_normals(source: Any) -> Any:
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals

    normals = vtkPolyDataNormals()
    normals.SetInputConnection(source.GetOutputPort())
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()


def _cropped(mask: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.uint8], Grid] | None:
    """The mask's own box with one empty voxel around it, so that its surface closes; thinned when very large."""
    inside = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if inside[0].size == 0:
        return None
    low = (int(inside[0][0]), int(inside[1][0]), int(inside[2][0]))
    high = (int(inside[0][-1]) + 1, int(inside[1][-1]) + 1, int(inside[2][-1]) + 1)
    box = mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    padded = np.pad(box.astype(np.uint8), 1)
    placed = grid.cropped((low[0] - 1, low[1] - 1, low[2] - 1), (high[0] + 1, high[1] + 1, high[2] + 1))
    if padded.size > SURFACE_VOXELS:
        few, coarse = thinned(padded, placed, 2)
        return few.astype(np.uint8), coarse
    return padded, placed


def tube_actor(tube: Tube) -> Any:
    """A tube of varying radius along a vessel path."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkTubeFilter
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(tube.points_lps_mm, dtype=np.float64), deep=1))
    line = vtkCellArray()
    line.InsertNextCell(len(tube.points_lps_mm), range(len(tube.points_lps_mm)))
    path = vtkPolyData()
    path.SetPoints(points)
    path.SetLines(line)
    radius = numpy_to_vtk(np.ascontiguousarray(tube.radius_mm, dtype=np.float64), deep=1)
    radius.SetName("radius")
    path.GetPointData().SetScalars(radius)
    shape = vtkTubeFilter()
    shape.SetInputData(path)
    shape.SetVaryRadiusToVaryRadiusByAbsoluteScalar()
    shape.SetNumberOfSides(16)
    shape.CappingOn()
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(shape.GetOutputPort())
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*_rgb(tube.colour))
    actor.GetProperty().SetSpecular(0.4)
    return actor


def mesh_actor(mesh: Mesh) -> Any:
    """Triangles with a colour at each vertex, or their edges alone."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(mesh.vertices_lps_mm, dtype=np.float64), deep=1))
    corners = np.ascontiguousarray(mesh.triangles, dtype=np.int64).ravel()
    faces = vtkCellArray()
    faces.SetData(3, numpy_to_vtkIdTypeArray(corners, deep=1))
    surface = vtkPolyData()
    surface.SetPoints(points)
    surface.SetPolys(faces)
    surface.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(mesh.colours, dtype=np.uint8), deep=1))
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(surface)
    mapper.SetColorModeToDirectScalars()
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetOpacity(mesh.opacity)
    if mesh.lines:
        look.SetRepresentationToWireframe()
        look.LightingOff()
    return actor


def plane_actor(picture: PlanePicture) -> Any:
    """An MPR plane as a textured rectangle with a coloured edge."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersSources import vtkPlaneSource
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkTexture

    plane = picture.plane
    right = plane.right_lps * picture.width_mm
    up = -plane.down_lps * picture.height_mm
    corner = plane.point_lps_mm - right / 2.0 - up / 2.0
    rectangle = vtkPlaneSource()
    rectangle.SetOrigin(*corner)
    rectangle.SetPoint1(*(corner + right))
    rectangle.SetPoint2(*(corner + up))
    grey = picture.pixels[::-1]
    height, width = grey.shape
    # Air is left out: a black rectangle would hide what lies behind it.
    shown = np.where(grey > AIR_GREY, 255, 0).astype(np.uint8)
    colours = np.ascontiguousarray(np.stack([grey, grey, grey, shown], axis=-1))
    image = vtkImageData()
    image.SetDimensions(width, height, 1)
    image.GetPointData().SetScalars(numpy_to_vtk(colours.reshape(-1, 4), deep=1))
    texture = vtkTexture()
    texture.SetInputData(image)
    texture.InterpolateOn()
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(rectangle.GetOutputPort())
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.SetTexture(texture)
    actor.GetProperty().LightingOff()
    return actor
