"""Grey-scale windows: values to 8-bit grey, presets, and a window found from the image itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.errors import BugError
from planner.imaging.bands import in_bands
from planner.imaging.volumes import Volume

WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
_MOST_SAMPLES = 200_000
_AIR_BELOW, _SOFT_WITHIN, _SOFT_SHARE = -800.0, 300.0, 0.2
"""Of values that lie as HU do: air or lung below the first, and at least this share within soft tissue and fat."""


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width in the image's unit.

    Raises
    ------
    ValueError
        When the width is too small for its function (DICOM PS3.3 C.11.2.1.2: at least 1 for LINEAR, else above 0).
    """

    centre: float
    width: float
    function: WindowFunction = "LINEAR"

    def __post_init__(self) -> None:
        least_met = self.width >= 1.0 if self.function == "LINEAR" else self.width > 0.0
        if self.function not in get_args(WindowFunction) or not least_met or not np.isfinite(self.centre):
            raise ValueError(f"no {self.function} window of centre {self.centre} and width {self.width}")


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """A preset of ``resources/window_presets.toml``.

    Attributes
    ----------
    digit
        Key 1-9, or None.
    unit
        ``HU``: offered for volumes in HU only. None: for every volume.
    percentiles
        For a preset that is taken from the image (`window` is then None): lowest and highest percentile shown.
    """

    key: str
    name: str
    digit: int | None
    unit: str | None
    window: Window | None
    percentiles: tuple[float, float] | None

    def of(self, volume: Volume) -> Window:
        """The window this preset means for a volume."""
        if self.window is not None:
            return self.window
        if self.percentiles is None:
            raise BugError(f"the window preset {self.key} has neither a window nor percentiles")
        return automatic_window(volume, percentiles=self.percentiles)


@cache
def presets() -> tuple[WindowPreset, ...]:
    """Every preset, in the order of the catalogue."""
    return tuple(_preset(entry) for entry in catalogue("window_presets.toml")["preset"])


def shown_as_hounsfield(volume: Volume) -> bool:
    """Whether a volume is pictured like CT: it is in HU, or names no modality and its values lie as HU do.

    A NIfTI, NRRD or MHA file does not say what its numbers are. This guess chooses windows and colours only; the
    unit stays unknown, and nothing is measured in HU. Fat and air are negative in CT alone.
    """
    source = volume.source
    if source.unit is not None or source.modality is not None:
        return source.unit == "HU"
    some = _sample(volume)
    if not some.size or float(some.min()) > _AIR_BELOW:
        return False
    inside = some[some > some.min()]
    return bool(inside.size) and float(np.mean(np.abs(inside) <= _SOFT_WITHIN)) >= _SOFT_SHARE


def preset_for_digit(digit: int, volume: Volume) -> WindowPreset | None:
    """The preset of a key 1-9 for this volume's unit, or None when that key means nothing for it."""
    fitting = [preset for preset in presets() if preset.digit == digit]
    unit = _pictured_unit(volume)
    same_unit = [preset for preset in fitting if preset.unit is not None and preset.unit == unit]
    for_any = [preset for preset in fitting if preset.unit is None]
    return next(iter(same_unit + for_any), None)


def _pictured_unit(volume: Volume) -> str | None:
    return "HU" if shown_as_hounsfield(volume) else volume.source.unit


def first_window(volume: Volume) -> Window:
    """How a volume opens (key 0): the window of its file, else soft tissue for HU, else by percentiles."""
    if volume.source.window is not None:
        centre, width = volume.source.window
        if width >= 1.0:
            return Window(centre, width)
        if width > 0.0:
            return Window(centre, width, "LINEAR_EXACT")
    chosen = catalogue("window_presets.toml")["default"]["HU" if shown_as_hounsfield(volume) else "other"]
    return next(preset for preset in presets() if preset.key == chosen).of(volume)


def automatic_window(volume: Volume, *, percentiles: tuple[float, float]) -> Window:
    """A window between two percentiles of the finite voxels that are not the volume's commonest lowest value.

    The lowest value is left out because background (air, padding) would else set the lower end. At most
    200 000 evenly spread voxels are looked at.
    """
    some = _sample(volume)
    inside = some[some > some.min()] if some.size else some
    chosen = inside if inside.size else some
    if not chosen.size:
        return Window(0.0, 1.0)
    low, high = np.percentile(chosen, percentiles)
    width = float(high - low)
    centre = float(low + high) / 2.0
    return Window(centre, width if width > 0.0 else 1.0, "LINEAR_EXACT")


def _sample(volume: Volume) -> NDArray[np.float64]:
    """At most 200 000 evenly spread finite voxels."""
    flat = volume.voxels.reshape(-1)
    some = np.asarray(flat[:: max(1, flat.size // _MOST_SAMPLES)], dtype=np.float64)
    finite: NDArray[np.float64] = some[np.isfinite(some)]
    return finite


def apply_window(
    image: NDArray[np.float32],
    *,
    centre: float,
    width: float,
    function: WindowFunction = "LINEAR",
    inverted: bool = False,
    background: int = 0,
) -> NDArray[np.uint8]:
    """Grey of a picture by DICOM PS3.3 C.11.2.1.2 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT).

    Parameters
    ----------
    image
        (height, width) float32.
    inverted
        MONOCHROME1 or a reader's wish: 255 for the lowest values.
    background
        Grey of pixels that are NaN (outside the volume); not inverted.

    Returns
    -------
    (height, width) uint8; levels are rounded to the nearest.

    Raises
    ------
    ValueError
        When the width is not allowed for the function.
    """
    window = Window(centre, width, function)
    from planner.imaging import window_kernels as kernels

    picture = np.ascontiguousarray(image, dtype=np.float32)
    grey = np.empty(picture.shape, dtype=np.uint8)
    middle, span = float(window.centre), float(window.width)
    if function == "SIGMOID":
        in_bands(
            picture.shape[0],
            lambda a, b: kernels.sigmoid(picture, middle, span, inverted, background, grey, a, b),
            least_rows=128,
        )
        return grey
    exact = function == "LINEAR_EXACT"
    in_bands(
        picture.shape[0],
        lambda a, b: kernels.linear(picture, middle, span, exact, inverted, background, grey, a, b),
        least_rows=128,
    )
    return grey


def _preset(entry: dict[str, object]) -> WindowPreset:
    centre, width, percentiles = entry.get("centre"), entry.get("width"), entry.get("percentiles")
    digit, unit = entry.get("digit"), entry.get("unit")
    window = None
    if isinstance(centre, int | float) and isinstance(width, int | float):
        window = Window(float(centre), float(width))
    ends = (float(percentiles[0]), float(percentiles[1])) if isinstance(percentiles, list) else None
    if (window is None) == (ends is None):
        raise BugError(f"the window preset {entry.get('key')} needs a centre and width, or percentiles")
    return WindowPreset(
        key=str(entry["key"]),
        name=str(entry["name"]),
        digit=digit if isinstance(digit, int) else None,
        unit=str(unit) if unit is not None else None,
        window=window,
        percentiles=ends,
    )
