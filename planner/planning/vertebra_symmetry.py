"""The midline of a vertebra: the plane that mirrors its bone onto itself best."""

from __future__ import annotations

import numpy as np

from planner.planning.vertebra_bone import BoneField, Floats

_CLIP_MM = 3.0
"""A place without its mirror image counts no more than this: processes are never quite alike."""


def turned(axes: Floats, turn_deg: float) -> Floats:
    """Axes turned about the third one."""
    cosine, sine = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    left = cosine * axes[0] + sine * axes[1]
    anterior = cosine * axes[1] - sine * axes[0]
    return np.stack([left, anterior, axes[2]])


def mirror_plane(bone: BoneField, origin: Floats, axes: Floats) -> tuple[float, float, float]:
    """Turn (degrees about superior) and shift (mm along the turned left) of the best mirror plane, and its misfit."""
    points = bone.points_lps_mm[::3]
    values = bone.at(points)

    def misfit(turn: float, shift: float) -> float:
        left = turned(axes, turn)[0]
        across = (points - origin) @ left - shift
        mirrored = bone.at(points - 2.0 * across[:, None] * left)
        return float(np.minimum(np.abs(mirrored - values), _CLIP_MM).mean())

    best = (0.0, 0.0)
    least = misfit(*best)
    for turn_step, shift_step in ((6.0, 2.5), (2.0, 0.8), (0.7, 0.3), (0.25, 0.1)):
        moved = True
        while moved and abs(best[0]) < 45.0 and abs(best[1]) < 15.0:
            moved = False
            around = [(best[0] + a * turn_step, best[1] + b * shift_step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            for tried in around:
                found = misfit(*tried)
                if found < least - 1e-9:
                    least, best, moved = found, tried, True
    return best[0], best[1], least
