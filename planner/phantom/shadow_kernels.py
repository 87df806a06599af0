"""Drawing the lumen of a line of short, straight pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

Array = NDArray[np.float64]


@compiled
def draw_line(
    place: Array, radii: Array, scale: Array, slant: Array, delays: Array, chord: Array, delay: Array, nearest: Array
) -> None:
    """For each pixel of a box near the line, the chord through the nearest place of its axis, in mm.

    Parameters
    ----------
    place
        (n, 2) x, y of the axis in pixels of the box.
    radii, scale, delays
        (n,) mm, pixels per mm, seconds.
    slant
        (n - 1,) how much longer the way through a piece is than across it.
    chord, delay, nearest
        (y, x) filled here; `nearest` comes in with infinity, in radii from the axis.
    """
    height, width = chord.shape
    for piece in range(len(place) - 1):
        ax, ay = place[piece, 0], place[piece, 1]
        ux, uy = place[piece + 1, 0] - ax, place[piece + 1, 1] - ay
        squared = max(ux * ux + uy * uy, 1e-9)
        reach = max(radii[piece] * scale[piece], radii[piece + 1] * scale[piece + 1]) + 1.0
        x0, x1 = max(0, int(np.floor(min(ax, ax + ux) - reach))), min(width, int(np.ceil(max(ax, ax + ux) + reach)) + 1)
        y0, y1 = (
            max(0, int(np.floor(min(ay, ay + uy) - reach))),
            min(height, int(np.ceil(max(ay, ay + uy) + reach)) + 1),
        )
        for y in range(y0, y1):
            for x in range(x0, x1):
                share = min(max(((x - ax) * ux + (y - ay) * uy) / squared, 0.0), 1.0)
                radius = radii[piece] + share * (radii[piece + 1] - radii[piece])
                in_pixels = radius * (scale[piece] + share * (scale[piece + 1] - scale[piece]))
                relative = np.hypot(x - ax - share * ux, y - ay - share * uy) / in_pixels
                if relative < 1.0 and relative < nearest[y, x]:
                    nearest[y, x] = relative
                    chord[y, x] = 2.0 * radius * np.sqrt(1.0 - relative * relative) * slant[piece]
                    delay[y, x] = delays[piece] + share * (delays[piece + 1] - delays[piece])


@compiled
def shift_rows(spline: NDArray[np.float32], dx: Array, dy: Array, out: NDArray[np.float32]) -> None:
    """Move a picture by (dx, dy) pixels that are the same along each row, by its cubic B-spline.

    Parameters
    ----------
    spline
        (y, x) B-spline coefficients.
    dx, dy
        (y,) displacement of what is seen in row y; beyond the border the outermost values go on.
    """
    height, width = out.shape
    line = np.empty(width, np.float32)
    for y in range(height):
        at = y - dy[y]
        base = int(np.floor(at))
        part = at - base
        w0, w1 = (1 - part) ** 3 / 6, (3 * part**3 - 6 * part**2 + 4) / 6
        w3 = part**3 / 6
        w2 = 1 - w0 - w1 - w3
        r0, r1 = min(max(base - 1, 0), height - 1), min(max(base, 0), height - 1)
        r2, r3 = min(max(base + 1, 0), height - 1), min(max(base + 2, 0), height - 1)
        for x in range(width):
            line[x] = w0 * spline[r0, x] + w1 * spline[r1, x] + w2 * spline[r2, x] + w3 * spline[r3, x]
        shift = int(np.floor(-dx[y]))
        part = -dx[y] - shift
        w0, w1 = (1 - part) ** 3 / 6, (3 * part**3 - 6 * part**2 + 4) / 6
        w3 = part**3 / 6
        w2 = 1 - w0 - w1 - w3
        for x in range(width):
            base = x + shift
            c0, c1 = min(max(base - 1, 0), width - 1), min(max(base, 0), width - 1)
            c2, c3 = min(max(base + 1, 0), width - 1), min(max(base + 2, 0), width - 1)
            out[y, x] = w0 * line[c0] + w1 * line[c1] + w2 * line[c2] + w3 * line[c3]
