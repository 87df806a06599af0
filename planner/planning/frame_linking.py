"""Where the isocentre of a C-arm lies in a CT: solved from landmarks, used only after a person has reviewed it.

A link maps the run's isocentre frame (axes of the patient on the table) into the CT's frame. The axes are taken as the
same unless a rotation is solved; what one view cannot tell (depth) is said, never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry.c_arm import CArm, TwoViewPoint, XrayRay, two_view_point
from planner.imaging.angio import AngioRun
from planner.imaging.run_settings import setting
from planner.model.edits import new_id
from planner.model.links import FrameLink

LANDMARKS = "landmarks"
"""Method of a link: solved by `solve_link`."""


@dataclass(frozen=True, slots=True)
class Landmark:
    """One point seen in the CT and in a run.

    Attributes
    ----------
    lps_mm
        In the CT's frame.
    xy
        Pixel of the run's frame.
    c_arm
        Geometry of that frame, in the run's isocentre frame.
    name
        What it is (``coeliac origin``, ``L1 pedicle right``); the same place in two runs carries the same name.
    """

    lps_mm: tuple[float, float, float]
    xy: tuple[float, float]
    c_arm: CArm
    name: str = ""


@dataclass(frozen=True, slots=True)
class NotLinked:
    """Why there is no link, ray or projection: a code and one sentence that begins with ``not linked:``."""

    code: str
    text: str


@dataclass(frozen=True, eq=False)
class SolvedLink:
    """A link as computed; a person has yet to look at it.

    Attributes
    ----------
    link
        Unreviewed.
    residual_px, residual_mm
        Root mean square distance between clicked and projected landmarks, on the image and in the plane of the
        isocentre; None when the landmarks hold nothing to spare.
    landmark_residual_px
        (n,) per landmark, in the order given: the odd one is the wrong click.
    translation_sd_mm
        (3,) standard deviation along x, y, z for clicks of the assumed deviation.
    rotation_deg
        Solved rotation; None when the axes were taken as the same.
    """

    link: FrameLink
    residual_px: float | None
    residual_mm: float | None
    landmark_residual_px: NDArray[np.float64]
    translation_sd_mm: NDArray[np.float64]
    rotation_deg: float | None
    note: str


@dataclass(frozen=True, eq=False)
class ProjectedPath:
    """A path of the CT over a run.

    Attributes
    ----------
    xy
        (n, 2) pixels; NaN behind the source.
    visible
        (n,) in front of the source and inside the image.
    magnification
        (n,) detector mm per patient mm.
    """

    name: str
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]
    magnification: NDArray[np.float64]


def solve_link(landmarks: Sequence[Landmark], to_frame_uid: str, *, rotation: str = "auto") -> SolvedLink | NotLinked:
    """The link that puts every landmark of the CT onto its click, by least squares over the image.

    Parameters
    ----------
    landmarks
        From any number of runs and angles; their C-arms share one isocentre frame.
    rotation
        ``auto`` solves a rotation where it is determined and the landmarks ask for it; ``never`` keeps the axes.
    """
    refused = _refuse_input(landmarks)
    if refused is not None:
        return refused
    placed = _placed(landmarks, np.zeros(3))
    sd_mm = _deviations(landmarks, placed, turned=False)[:3]
    if not float(sd_mm.max()) <= setting("link_translation"):
        return NotLinked("underdetermined", _what_to_add(landmarks))
    turned = None if rotation == "never" else _turned(landmarks, placed)
    found = placed if turned is None else turned
    if turned is not None:
        sd_mm = _deviations(landmarks, turned, turned=True)[:3]
    return _solved(landmarks, found, to_frame_uid, sd_mm, turned is not None)


def linked_ray(
    run: AngioRun, frame: int, xy: tuple[float, float], link: FrameLink | None, *, preview: bool = False
) -> XrayRay | NotLinked:
    """The ray of a pixel in the CT's frame.

    Parameters
    ----------
    frame
        Index from 0.
    preview
        Use a link that nobody has reviewed yet: only for showing it to the person who reviews it.
    """
    ready = _ready(run.c_arm(frame), link, preview)
    if isinstance(ready, NotLinked):
        return ready
    c_arm, lps_from_lps, to_frame_uid = ready
    ray = c_arm.ray(*xy)
    source = lps_from_lps[:3, :3] @ np.asarray(ray.source_lps_mm) + lps_from_lps[:3, 3]
    direction = lps_from_lps[:3, :3] @ np.asarray(ray.direction_lps)
    return XrayRay(_triple(source), _triple(direction), to_frame_uid)


def linked_point(one: XrayRay | NotLinked, other: XrayRay | NotLinked) -> TwoViewPoint | NotLinked:
    """The CT point that two linked clicks mean."""
    if isinstance(one, NotLinked):
        return one
    if isinstance(other, NotLinked):
        return other
    if one.frame_uid != other.frame_uid:
        return NotLinked("different-frames", "not linked: the two runs are linked to different CT studies.")
    found = two_view_point(one, other)
    if found is None:
        return NotLinked("parallel-views", "not linked: both views look the same way; click in another angle.")
    return found


def projected_tree(
    paths_lps: Iterable[tuple[str, ArrayLike]],
    c_arm: CArm | None,
    link: FrameLink | None,
    *,
    size_yx: tuple[int, int] | None = None,
    preview: bool = False,
) -> tuple[ProjectedPath, ...] | NotLinked:
    """Paths of the CT (name, (n, 3) LPS mm) over a run's frame.

    Parameters
    ----------
    size_yx
        Of the image: points outside are not visible. None: only what lies behind the source is not.
    """
    ready = _ready(c_arm, link, preview)
    if isinstance(ready, NotLinked):
        return ready
    arm, lps_from_lps, _ = ready
    turn, place = lps_from_lps[:3, :3], lps_from_lps[:3, 3]
    shown = []
    for name, points in paths_lps:
        run_points = (np.asarray(points, dtype=np.float64).reshape(-1, 3) - place) @ turn
        xy = arm.project(run_points)
        visible = np.asarray(np.isfinite(xy).all(axis=1), dtype=np.bool_)
        if size_yx is not None:
            limits = np.array([size_yx[1], size_yx[0]]) - 0.5
            visible &= np.all((xy >= -0.5) & (xy <= limits), axis=1)
        shown.append(ProjectedPath(name, xy, visible, arm.magnification(run_points)))
    return tuple(shown)


def _ready(
    c_arm: CArm | None, link: FrameLink | None, preview: bool
) -> tuple[CArm, NDArray[np.float64], str] | NotLinked:
    """The C-arm, the link's 4x4 and the frame it leads to."""
    if c_arm is None:
        return NotLinked(
            "no-geometry", "not linked: the file does not tell the C-arm's geometry; a click gives no ray here."
        )
    if link is None:
        return NotLinked(
            "no-link", "not linked: nobody has linked this run to the CT; mark landmarks in both and review the link."
        )
    if not link.is_reviewed and not preview:
        return NotLinked("not-reviewed", "not linked: the link to the CT has not been reviewed; review it first.")
    if link.from_frame_uid != c_arm.frame_uid:
        return NotLinked("other-frame", "not linked: the link is of another run or table position; link this one.")
    return c_arm, np.asarray(link.to_lps_from_lps, dtype=np.float64).reshape(4, 4), link.to_frame_uid


def _refuse_input(landmarks: Sequence[Landmark]) -> NotLinked | None:
    if not landmarks:
        return NotLinked("no-landmarks", "not linked: mark at least one landmark in the CT and in two runs.")
    if len({each.c_arm.frame_uid for each in landmarks}) > 1:
        return NotLinked(
            "several-isocentres",
            "not linked: the runs were taken with different table positions; mark landmarks in runs of one position.",
        )
    numbers = [(*each.lps_mm, *each.xy) for each in landmarks]
    if not np.isfinite(np.asarray(numbers)).all():
        return NotLinked("bad-landmark", "not linked: a landmark has no finite place; mark it again.")
    return None


def _what_to_add(landmarks: Sequence[Landmark]) -> str:
    views = {tuple(np.round(each.c_arm.axes_lps[2], 2)) for each in landmarks}
    points = {each.lps_mm for each in landmarks}
    if len(views) == 1:
        what = "one point in one view does" if len(points) == 1 else f"{len(points)} points in one view do"
        return (
            f"not linked: {what} not tell the depth along the ray; "
            "mark the same landmark in a run of another angle, 30 degrees or more apart."
        )
    return "not linked: the landmarks lie too close together or the views are too alike; add one far from the others."


def _placed(landmarks: Sequence[Landmark], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """(6,) rotation vector (given) and place of the isocentre, from the rays alone, then refined on the image."""
    turn_run_to_ct = _rotation(turn)
    normal, wanted = np.zeros((3, 3)), np.zeros(3)
    for each in landmarks:
        ray = each.c_arm.ray(*each.xy)
        direction = turn_run_to_ct @ np.asarray(ray.direction_lps)
        across = np.eye(3) - np.outer(direction, direction)
        normal += across
        wanted += across @ (np.asarray(each.lps_mm) - turn_run_to_ct @ np.asarray(ray.source_lps_mm))
    # One view leaves the depth free: the smallest answer starts the refinement, and the deviations refuse it later.
    place = np.linalg.lstsq(normal, wanted, rcond=1e-9)[0]
    return _refined(landmarks, np.concatenate([turn, place]), turned=False)


def _refined(landmarks: Sequence[Landmark], start: NDArray[np.float64], *, turned: bool) -> NDArray[np.float64]:
    from scipy.optimize import least_squares

    first = 0 if turned else 3

    def misses(free: NDArray[np.float64]) -> NDArray[np.float64]:
        return _misses_px(landmarks, np.concatenate([start[:first], free])).ravel()

    answer = least_squares(misses, start[first:], x_scale="jac", method="trf")
    return np.concatenate([start[:first], answer.x])


def _misses_px(landmarks: Sequence[Landmark], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) projected minus clicked; a point that would lie behind the source misses by far."""
    turn = _rotation(found[:3])
    misses = np.empty((len(landmarks), 2))
    for index, each in enumerate(landmarks):
        point = turn.T @ (np.asarray(each.lps_mm) - found[3:])
        misses[index] = each.c_arm.project(point) - np.asarray(each.xy)
    return np.where(np.isfinite(misses), misses, 1e6)


def _deviations(landmarks: Sequence[Landmark], found: NDArray[np.float64], *, turned: bool) -> NDArray[np.float64]:
    """Standard deviations (mm of x, y, z, then radians about them) for clicks of the assumed deviation."""
    free = 6 if turned else 3
    order = [3, 4, 5, 0, 1, 2][:free]
    steps = np.array([1e-5] * 3 + [1e-3] * 3)
    columns = []
    for index in order:
        step = np.zeros(6)
        step[index] = steps[index]
        high, low = _misses_px(landmarks, found + step), _misses_px(landmarks, found - step)
        columns.append(((high - low) / (2.0 * steps[index])).ravel())
    slopes = np.stack(columns, axis=1)
    sizes = np.maximum(np.linalg.norm(slopes, axis=0), 1e-12)
    values = np.linalg.svd(slopes / sizes, compute_uv=False)
    if len(slopes) < free or values[-1] < 1e-9 * values[0]:
        return np.full(free, np.inf)
    spread = np.linalg.inv((slopes / sizes).T @ (slopes / sizes)) / np.outer(sizes, sizes)
    deviations: NDArray[np.float64] = setting("click_sd") * np.sqrt(np.diag(spread))
    return deviations


def _turned(landmarks: Sequence[Landmark], placed: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """With a rotation, where it is determined and explains what a mere shift leaves (F test, 1 %)."""
    spare = 2 * len(landmarks) - 6
    if len({each.lps_mm for each in landmarks}) < 3 or spare < 1:
        return None
    turned = _refined(landmarks, placed, turned=True)
    deviations = _deviations(landmarks, turned, turned=True)
    settled = np.rad2deg(deviations[3:]).max() <= setting("link_rotation")
    if not (settled and deviations[:3].max() <= setting("link_translation")):
        return None
    from scipy.stats import f as f_distribution

    before = float(np.sum(_misses_px(landmarks, placed) ** 2))
    after = float(np.sum(_misses_px(landmarks, turned) ** 2))
    # Clicks are never better than a tenth of a pixel: residuals below that prove no rotation.
    floor = spare * (0.1 * setting("click_sd")) ** 2
    gained = (before - after) / 3.0 / (max(after, floor) / spare)
    return turned if gained > float(f_distribution.ppf(0.99, 3, spare)) else None


def _solved(
    landmarks: Sequence[Landmark],
    found: NDArray[np.float64],
    to_frame_uid: str,
    sd_mm: NDArray[np.float64],
    turned: bool,
) -> SolvedLink:
    misses = np.linalg.norm(_misses_px(landmarks, found), axis=1)
    spare = 2 * len(landmarks) - (6 if turned else 3)
    scales = np.array([_isocentre_mm_per_px(each.c_arm) for each in landmarks])
    residual_px = float(np.sqrt(np.mean(misses**2))) if spare > 0 else None
    residual_mm = float(np.sqrt(np.mean((misses * scales) ** 2))) if spare > 0 else None
    lps_from_lps = np.eye(4)
    lps_from_lps[:3, :3], lps_from_lps[:3, 3] = _rotation(found[:3]), found[3:]
    angle = float(np.rad2deg(np.linalg.norm(found[:3]))) if turned else None
    axes = "axes of the C-arm's patient taken as the CT's" if angle is None else f"turned by {angle:.1f} degrees"
    views = len({tuple(np.round(each.c_arm.axes_lps[2], 2)) for each in landmarks})
    note = f"{len(landmarks)} clicks in {views} view{'s' if views > 1 else ''}; {axes}"
    link = FrameLink(
        id=new_id("link"),
        from_frame_uid=landmarks[0].c_arm.frame_uid,
        to_frame_uid=to_frame_uid,
        to_lps_from_lps=tuple(float(each) for each in lps_from_lps.ravel()),
        method=LANDMARKS,
        residual_mm=residual_mm,
        landmarks=len(landmarks),
        note=note,
    )
    return SolvedLink(link, residual_px, residual_mm, misses, sd_mm, angle, note)


def _isocentre_mm_per_px(c_arm: CArm) -> float:
    return float(np.sqrt(c_arm.spacing.down_mm * c_arm.spacing.right_mm)) / c_arm.isocentre_magnification


def _rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) of a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross: NDArray[np.float64] = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    if angle < 1e-8:
        small: NDArray[np.float64] = np.eye(3) + cross
        return small
    turn: NDArray[np.float64] = (
        np.eye(3) + np.sin(angle) / angle * cross + (1.0 - np.cos(angle)) / angle**2 * np.matmul(cross, cross)
    )
    return turn


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
