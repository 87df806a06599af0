"""Millimetres per pixel from a catheter of known French size, or the sentence why it cannot be told.

A catheter outside the patient (hub, loop in air, at the skin) lies in another plane than the vessels and is refused;
so is one along a collimator, a bent or a very thin piece, and a diameter that the picture does not settle.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import LINEAR, AngioRun
from planner.imaging.catheter_edges import EMPTY, FULL, CatheterFit, fit_catheter
from planner.imaging.densities import Method, computation_for, density_table
from planner.imaging.run_calibration import (
    CATHETER,
    Calibration,
    Pixel,
    Refusal,
    french_mm,
    isocentre_calibration,
    of_object,
    with_depth,
)
from planner.imaging.run_settings import setting

_LIKE_REACH, _LIKE_MARGIN_PX, _LIKE_LASTING = 8, 6, 1.6
"""Frames this far away may be averaged; pixels around the piece that are compared; variance of the mean of nine pixels
of the difference over a ninth of a pixel's: 1 where only noise differs."""
_WORDS = {FULL: "as a full cylinder", EMPTY: "as a tube with an empty lumen"}


def attenuation(run: AngioRun, frame: int, *, method: Method = "log") -> NDArray[np.float32]:
    """(y, x) what an unsubtracted frame (index from 0) absorbs: rises where vessels, catheters and bone lie."""
    table = density_table(run, method)
    return np.asarray(table.values[run.frames[frame].astype(np.int64) + table.offset], dtype=np.float32)


def is_logarithmic(run: AngioRun, method: Method = "log") -> bool:
    """Whether differences of this run are natural logarithms of intensity, as the model of edges wants to know."""
    return computation_for(run, method) == "logarithm"


def catheter_calibration(
    run: AngioRun,
    frame: int,
    points_xy: tuple[Pixel, Pixel],
    french: float,
    *,
    field: NDArray[np.bool_] | None = None,
    content: str | None = None,
    blur_px: float | None = None,
    depth_mm: float | None = None,
) -> Calibration | Refusal:
    """Calibrate with a straight piece of catheter between two clicks, on the unsubtracted frame.

    Parameters
    ----------
    frame
        Index from 0.
    french
        Nominal size on the package: outer diameter in thirds of a millimetre.
    field
        (y, x) True where the collimator leaves the image open; see `planner.imaging.open_field`.
    content
        `FULL` (dense wall or contrast), `EMPTY` (two rails), or None to let the picture tell.
    blur_px
        Standard deviation of the detector's point spread where known.
    """
    least, most = setting("catheter_least_french"), setting("catheter_most_french")
    if not least <= french <= most:
        return Refusal("bad-french", f"Not calibrated: type a catheter of {least:g} to {most:g} F.")
    outside = _outside(run, points_xy, field)
    if outside is not None:
        return outside
    known, by_geometry = french_mm(french), _by_geometry(run, frame)
    if math.dist(*points_xy) < 2.0 * setting("catheter_least_px"):
        return Refusal("piece-too-short", "Not calibrated: click two points farther apart along the catheter.")
    averaged = like_frames(run, frame, points_xy)
    picture = np.mean([attenuation(run, each) for each in averaged], axis=0)
    fit = fit_catheter(
        picture,
        points_xy,
        content=content,
        blur_px=blur_px,
        expected_px=None if by_geometry is None else known / by_geometry,
        logarithmic=is_logarithmic(run),
    )
    # A flat picture leaves the rounding of its own numbers.
    flat = 1e-5 * (1.0 + float(np.abs(picture).max()))
    if fit is None or fit.contrast <= max(setting("catheter_least_contrast") * fit.noise, flat):
        return Refusal("no-catheter", "Not calibrated: no catheter is seen between the clicks; click on its middle.")
    refused = _poor(fit, math.dist(*points_xy)) or _beside(run, frame, points_xy, fit, field)
    refused = refused or _against_geometry(fit, known, by_geometry)
    if refused is not None:
        return refused
    scale = known / fit.diameter_px
    share = fit.diameter_sd_px / fit.diameter_px
    note = (
        f"catheter {french:g} F ({known:.2f} mm nominal) fitted {_WORDS[fit.content]}: "
        f"{fit.diameter_px:.2f} px ± {100.0 * share:.1f} %"
        + (f", mean of {len(averaged)} frames that show the same" if len(averaged) > 1 else "")
    )
    made = with_depth(run, frame, CATHETER, scale, scale * share, note, depth_mm)
    return of_object(
        made,
        points_xy,
        known_mm=known,
        french=french,
        diameter_px=fit.diameter_px,
        diameter_sd_px=fit.diameter_sd_px,
    )


def like_frames(run: AngioRun, frame: int, points_xy: tuple[Pixel, Pixel]) -> tuple[int, ...]:
    """Frames (index from 0) that show the piece as this frame does, but for their noise: their mean has less of it.

    The noise of a pixel has nothing to do with its neighbours'; a catheter that has moved, or contrast that has come,
    leaves differences that last over some pixels. Where the detector's own noise lasts as well, this frame is alone.
    """
    from scipy.ndimage import uniform_filter

    start, end = np.asarray(points_xy)
    low = np.maximum(np.floor(np.minimum(start, end)) - _LIKE_MARGIN_PX, 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end)) + _LIKE_MARGIN_PX + 1, run.size_yx[::-1]).astype(int)
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    table = density_table(run, "log")

    def shown(index: int) -> NDArray[np.float64]:
        return np.asarray(table.values[run.frames[index][box].astype(np.int64) + table.offset], dtype=np.float64)

    here, alike = shown(frame), [frame]
    for other in range(max(frame - _LIKE_REACH, 0), min(frame + _LIKE_REACH + 1, run.count)):
        apart = shown(other) - here
        if other == frame or not np.any(apart):
            continue
        lasting = 9.0 * float(np.mean(uniform_filter(apart, 3) ** 2)) / float(np.var(apart))
        if lasting < _LIKE_LASTING:
            alike.append(other)
    return tuple(sorted(alike))


def _by_geometry(run: AngioRun, frame: int) -> float | None:
    """mm per px at the isocentre; None where the file's geometry is missing or contradicts itself."""
    found = isocentre_calibration(run, frame)
    return found.mm_per_px if isinstance(found, Calibration) else None


def _against_geometry(fit: CatheterFit, known_mm: float, by_geometry: float | None) -> Refusal | None:
    """Something of a wholly different width was fitted, or the catheter lies far from the patient's middle."""
    if by_geometry is None:
        return None
    apart, allowed = known_mm / fit.diameter_px / by_geometry - 1.0, setting("catheter_geometry") / 100.0
    if abs(apart) <= allowed:
        return None
    return Refusal(
        "contradicts-geometry",
        f"Not calibrated: what was fitted is {fit.diameter_px:.1f} px wide, but by the C-arm's geometry this catheter "
        f"is near {known_mm / by_geometry:.1f} px; check its French size, or click on a clearer piece.",
    )


def _outside(run: AngioRun, points_xy: tuple[Pixel, Pixel], field: NDArray[np.bool_] | None) -> Refusal | None:
    height, width = run.size_yx
    if not all(0 <= x <= width - 1 and 0 <= y <= height - 1 for x, y in points_xy):
        return Refusal("click-outside-image", "Not calibrated: a click lies outside the image; click on the catheter.")
    if field is None:
        return None
    steps = np.linspace(0.0, 1.0, max(int(math.dist(*points_xy)), 2))
    start, end = np.asarray(points_xy)
    line = np.rint(start + steps[:, None] * (end - start)).astype(int)
    if not field[line[:, 1], line[:, 0]].all():
        return Refusal(
            "on-collimator", "Not calibrated: the piece runs into the collimator; choose one in the open field."
        )
    return None


def _poor(fit: CatheterFit, length_px: float) -> Refusal | None:
    """What the fit itself says against it."""
    least = setting("catheter_least_px")
    if fit.diameter_px + fit.diameter_sd_px < least:
        return Refusal(
            "too-thin",
            f"Not calibrated: the catheter is {fit.diameter_px:.1f} px wide, and blur decides below {least:g} px; "
            "use a magnified run or a known distance.",
        )
    if length_px < setting("catheter_least_length") * fit.diameter_px:
        return Refusal("piece-too-short", "Not calibrated: click two points farther apart along the catheter.")
    if fit.bend > setting("catheter_bend"):
        return Refusal("bent", "Not calibrated: the piece is bent; click two points of a straight piece.")
    share = 100.0 * fit.diameter_sd_px / fit.diameter_px
    if share > setting("catheter_deviation"):
        what = (
            "say whether the catheter is empty or filled"
            if fit.ambiguous
            else "choose a longer piece on an even background, or a known distance"
        )
        return Refusal("unsettled", f"Not calibrated: its diameter is uncertain by {share:.0f} %; {what}.")
    return None


def _beside(
    run: AngioRun, frame: int, points_xy: tuple[Pixel, Pixel], fit: CatheterFit, field: NDArray[np.bool_] | None
) -> Refusal | None:
    """What lies beside the catheter: air, or an edge such as skin, bone or a collimator."""
    ring = _ring(run.size_yx, points_xy, fit.diameter_px)
    if not ring.any() or (field is not None and not field[ring].all()):
        return Refusal("on-collimator", "Not calibrated: the piece lies at the collimator; choose one farther in.")
    values = np.asarray(run.frames[frame], dtype=np.float64)
    bright = (2.0 ** min(run.bits_stored, 16) - 1.0) - values if run.bright_is_dense else values
    burnt = 100.0 * float(np.mean(bright[ring] >= 2.0 ** min(run.bits_stored, 16) - 1.0))
    whole = bright if field is None else bright[field]
    lighter = float(np.median(bright[ring])) / max(float(np.median(whole)), 1.0)
    air = run.relation in (LINEAR, None) and lighter > setting("air_factor")
    if air or burnt >= setting("air_burnt_out"):
        return Refusal(
            "in-air",
            "Not calibrated: the piece lies in air or at the skin, in another plane than the vessels; "
            "choose a piece inside the patient.",
        )
    sides = _sides(attenuation(run, frame), ring, points_xy)
    if abs(sides[1] - sides[0]) > setting("beside_step") * fit.contrast:
        return Refusal(
            "on-an-edge",
            "Not calibrated: the piece runs along an edge (skin, bone or collimator); choose an even background.",
        )
    return None


def _sides(
    picture: NDArray[np.float32], ring: NDArray[np.bool_], points_xy: tuple[Pixel, Pixel]
) -> tuple[float, float]:
    """Median attenuation of each flank."""
    y, x = np.nonzero(ring)
    start, end = np.asarray(points_xy)
    direction = end - start
    left = (y - start[1]) * direction[0] - (x - start[0]) * direction[1] < 0
    values = np.asarray(picture[ring], dtype=np.float64)
    if left.all() or not left.any():
        # One flank lies outside the picture: nothing tells what is there.
        return 0.0, float("inf")
    return float(np.median(values[left])), float(np.median(values[~left]))


def _ring(size_yx: tuple[int, int], points_xy: tuple[Pixel, Pixel], diameter: float) -> NDArray[np.bool_]:
    """(y, x) both flanks of the piece, one diameter wide each, at least 3 px."""
    y, x = np.indices(size_yx, dtype=np.float64)
    start, end = np.asarray(points_xy)
    length = float(np.linalg.norm(end - start))
    direction = (end - start) / length
    along = (x - start[0]) * direction[0] + (y - start[1]) * direction[1]
    across = np.abs((y - start[1]) * direction[0] - (x - start[0]) * direction[1])
    near, far = 0.8 * diameter + 1.0, 0.8 * diameter + 1.0 + max(diameter, 3.0)
    flanks: NDArray[np.bool_] = (along >= 0) & (along <= length) & (across > near) & (across <= far)
    return flanks
