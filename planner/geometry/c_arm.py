"""C-arm geometry: where a point of the patient falls on the detector, and which ray a pixel stands for.

Angles are the patient's (DICOM PS3.3 C.8.7.5.1.2): the primary angle turns the detector towards the patient's left
(LAO positive, RAO negative), the secondary one towards the head (cranial positive, caudal negative). At 0/0 the
detector is in front of the patient. Pictures are seen from the detector: at 0/0 the patient's left is on the right of
the image and the head at its top. Pixels: x = column, y = row, 0 at the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class DetectorSpacing:
    """Distance of pixel centres on the detector's own surface: detector millimetres, never patient millimetres.

    Attributes
    ----------
    down_mm, right_mm
        Between rows, between columns (ImagerPixelSpacing, DICOM 0018,1164).
    """

    down_mm: float
    right_mm: float


@dataclass(frozen=True, slots=True)
class XrayRay:
    """A half line from the X-ray source through a pixel, in the space of the C-arm's isocentre or, linked, of a CT.

    Attributes
    ----------
    source_lps_mm
        Focal spot.
    direction_lps
        Unit direction from the focal spot towards the detector.
    frame_uid
        Frame of reference of both.
    """

    source_lps_mm: tuple[float, float, float]
    direction_lps: tuple[float, float, float]
    frame_uid: str

    def at(self, distance_mm: float) -> NDArray[np.float64]:
        """(3,) LPS mm at a distance from the focal spot."""
        return np.asarray(self.source_lps_mm) + distance_mm * np.asarray(self.direction_lps)

    def distance_mm(self, point_lps_mm: ArrayLike) -> float:
        """Shortest distance of a point from the ray's line."""
        offset = np.asarray(point_lps_mm, dtype=np.float64) - np.asarray(self.source_lps_mm)
        direction = np.asarray(self.direction_lps)
        return float(np.linalg.norm(offset - direction * float(offset @ direction)))


@dataclass(frozen=True, slots=True)
class CArm:
    """The geometry of one frame, in the axes of the patient, with the origin where `isocentre_lps_mm` says.

    Attributes
    ----------
    primary_deg, secondary_deg
        LAO and cranial positive.
    source_to_detector_mm, source_to_isocentre_mm
        DICOM 0018,1110 and 0018,1111.
    spacing
        Of the detector's pixels as stored in the image.
    principal_xy
        Pixel (x, y) on which the central ray falls.
    frame_uid
        Frame of reference of `isocentre_lps_mm`: the run's own until a reviewed link places it in a CT.
    isocentre_lps_mm
        Where the isocentre lies in that frame.
    """

    primary_deg: float
    secondary_deg: float
    source_to_detector_mm: float
    source_to_isocentre_mm: float
    spacing: DetectorSpacing
    principal_xy: tuple[float, float]
    frame_uid: str
    isocentre_lps_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        lengths = (self.source_to_detector_mm, self.source_to_isocentre_mm, self.spacing.down_mm, self.spacing.right_mm)
        if not all(np.isfinite(length) and length > 0 for length in lengths):
            raise ValueError("a C-arm needs finite distances and pixel sizes above zero")

    @property
    def axes_lps(self) -> NDArray[np.float64]:
        """(3, 3) rows: unit directions right in the image, down in the image, and towards the detector."""
        primary, secondary = np.deg2rad(self.primary_deg), np.deg2rad(self.secondary_deg)
        sin_p, cos_p, sin_s, cos_s = np.sin(primary), np.cos(primary), np.sin(secondary), np.cos(secondary)
        return np.array(
            [
                [cos_p, sin_p, 0.0],
                [sin_s * sin_p, -sin_s * cos_p, -cos_s],
                [sin_p * cos_s, -cos_p * cos_s, sin_s],
            ]
        )

    @property
    def source_lps_mm(self) -> NDArray[np.float64]:
        """(3,) focal spot."""
        focal: NDArray[np.float64] = np.asarray(self.isocentre_lps_mm) - self.source_to_isocentre_mm * self.axes_lps[2]
        return focal

    @property
    def isocentre_magnification(self) -> float:
        """Detector mm per patient mm in the plane of the isocentre."""
        return self.source_to_detector_mm / self.source_to_isocentre_mm

    def project(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) pixels x, y of points (..., 3); NaN for points at or behind the focal spot."""
        right, down, towards = self.axes_lps
        offset = np.asarray(points_lps_mm, dtype=np.float64) - self.source_lps_mm
        depth = offset @ towards
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(depth > 0, self.source_to_detector_mm / depth, np.nan)
        x = offset @ right * scale / self.spacing.right_mm + self.principal_xy[0]
        y = offset @ down * scale / self.spacing.down_mm + self.principal_xy[1]
        return np.stack([x, y], axis=-1)

    def magnification(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(...) detector mm per patient mm at points (..., 3)."""
        depth = (np.asarray(points_lps_mm, dtype=np.float64) - self.source_lps_mm) @ self.axes_lps[2]
        found: NDArray[np.float64] = self.source_to_detector_mm / depth
        return found

    def ray(self, x: float, y: float) -> XrayRay:
        """The ray through a pixel."""
        right, down, towards = self.axes_lps
        direction = (
            towards * self.source_to_detector_mm
            + right * (x - self.principal_xy[0]) * self.spacing.right_mm
            + down * (y - self.principal_xy[1]) * self.spacing.down_mm
        )
        unit = direction / np.linalg.norm(direction)
        return XrayRay(_triple(self.source_lps_mm), _triple(unit), self.frame_uid)

    def placed(self, isocentre_lps_mm: ArrayLike, frame_uid: str) -> CArm:
        """The same C-arm with its isocentre at a point of another frame whose axes are the patient's as well."""
        point = np.asarray(isocentre_lps_mm, dtype=np.float64)
        return replace(self, isocentre_lps_mm=_triple(point), frame_uid=frame_uid)


@dataclass(frozen=True, slots=True)
class TwoViewPoint:
    """Where two rays come nearest to each other.

    Attributes
    ----------
    lps_mm
        Middle of the shortest connection.
    gap_mm
        Its length: how well the two clicks and the two geometries agree.
    angle_deg
        Between the rays; below some 20 degrees depth is poorly known.
    """

    lps_mm: tuple[float, float, float]
    gap_mm: float
    angle_deg: float


def two_view_point(one: XrayRay, other: XrayRay) -> TwoViewPoint | None:
    """The point two rays mean; None for rays of different frames or nearly parallel ones."""
    if one.frame_uid != other.frame_uid:
        return None
    first, second = np.asarray(one.direction_lps), np.asarray(other.direction_lps)
    cosine = float(np.clip(first @ second, -1.0, 1.0))
    apart = 1.0 - cosine * cosine
    if apart < 1e-6:
        return None
    between = np.asarray(other.source_lps_mm) - np.asarray(one.source_lps_mm)
    along_first = float(between @ first - cosine * (between @ second)) / apart
    along_second = float(cosine * (between @ first) - between @ second) / apart
    near_one, near_other = one.at(along_first), other.at(along_second)
    angle = float(np.rad2deg(np.arccos(abs(cosine))))
    return TwoViewPoint(_triple((near_one + near_other) / 2), float(np.linalg.norm(near_one - near_other)), angle)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def angle_words(primary_deg: float | None, secondary_deg: float | None) -> str:
    """``LAO 30 CRA 15``; an unknown angle prints as ``?``."""
    primary = "?" if primary_deg is None else f"{'LAO' if primary_deg >= 0 else 'RAO'} {abs(primary_deg):.0f}"
    secondary = "?" if secondary_deg is None else f"{'CRA' if secondary_deg >= 0 else 'CAU'} {abs(secondary_deg):.0f}"
    return f"{primary} {secondary}"
