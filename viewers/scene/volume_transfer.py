"""Presets of volume rendering, from ``resources/render_presets.toml`` to VTK transfer functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.catalogues import catalogue
from planner.imaging import Volume
from planner.imaging.window import shown_as_hounsfield

REFERENCE_STEP_MM = 1.0
"""The preset's opacities hold for a ray step of this length; VTK corrects for others."""


@dataclass(frozen=True, slots=True)
class RenderPreset:
    """One preset. `points` rows are value, red, green, blue, opacity."""

    id: str
    title: str
    shade: bool
    relative: bool
    points: tuple[tuple[float, ...], ...]


def presets() -> dict[str, RenderPreset]:
    """All presets in the order of the file."""
    return {
        key: RenderPreset(key, row["title"], row["shade"], row["relative"], tuple(tuple(p) for p in row["points"]))
        for key, row in catalogue("render_presets.toml").items()
    }


def preset_for(volume: Volume, wanted: str | None) -> RenderPreset:
    """The wanted preset, or the one that fits the phase; volumes without HU always go by signal."""
    known = presets()
    if not shown_as_hounsfield(volume):
        return known["signal"]
    if wanted in known and not known[wanted].relative:
        return known[wanted]
    return known["soft" if volume.source.phase == "non-contrast" else "arterial"]


def value_range(volume: Volume) -> tuple[float, float]:
    """1st and 99.8th percentile of a sample of the voxels."""
    sample = volume.voxels[::4, ::4, ::4].astype(np.float64)
    low, high = np.percentile(sample, (1.0, 99.8))
    return float(low), float(max(high, low + 1.0))


def volume_property(preset: RenderPreset, volume: Volume) -> Any:
    """A ``vtkVolumeProperty`` with the preset's colours and opacities."""
    from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction
    from vtkmodules.vtkRenderingCore import vtkColorTransferFunction, vtkVolumeProperty

    low, high = value_range(volume) if preset.relative else (0.0, 1.0)
    colours, opacities = vtkColorTransferFunction(), vtkPiecewiseFunction()
    for value, red, green, blue, opacity in preset.points:
        at = low + value * (high - low) if preset.relative else value
        colours.AddRGBPoint(at, red, green, blue)
        opacities.AddPoint(at, opacity)
    made = vtkVolumeProperty()
    made.SetColor(colours)
    made.SetScalarOpacity(opacities)
    made.SetScalarOpacityUnitDistance(REFERENCE_STEP_MM)
    made.SetInterpolationTypeToLinear()
    made.SetShade(preset.shade)
    made.SetAmbient(0.25)
    made.SetDiffuse(0.75)
    made.SetSpecular(0.2)
    made.SetSpecularPower(12.0)
    return made
