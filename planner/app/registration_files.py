"""Two images of one patient registered from files: the contract's ``register``."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.image_masks import open_beside, whole_mask
from planner.app.images import open_image
from planner.dicom.vector_writing import write_vectors
from planner.dicom.volume_writing import write_voxels
from planner.errors import OperatorError, UsageError
from planner.findings import Finding, Severity
from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.displacement import DisplacementField, PointMap, warped
from planner.imaging.masks import Mask
from planner.imaging.registration import MODELS, Registration, register
from planner.jobs import Context

COLUMNS = ("fixed_x", "fixed_y", "fixed_z", "moving_x", "moving_y", "moving_z")
MOVED_NAME, FIELD_NAME = "moved.mha", "field.mha"
"""MetaImage keeps every digit of the geometry."""

_MOST_LANDMARKS = 100_000
_LEAST_LIKENESS = 0.4
_DOUBTFUL_LIKENESS = 0.6
"""Of the root of the correlation ratio: below the first the images show nothing of each other, below the second a
person must look closely. Of the same kind as the limit in `planner.imaging.rigid_registration`; no clinical number."""
_LEAST_OVERLAP, _WHOLE_OVERLAP = 0.25, 0.9
_WHERE = "planner.app.registration_files"


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """What the command line asks for; masks as ``FILE`` or ``FILE#LABEL``.

    Attributes
    ----------
    organ
        What to match on where no mask is given: ``auto``, ``liver``, ``lung`` or ``body``.
    out
        Folder for the moved image and the field; made when it is not there.
    """

    fixed: Path
    moving: Path
    out: Path
    model: str = "deformable"
    organ: str = "auto"
    fixed_mask: str | None = None
    moving_mask: str | None = None
    leave_out_fixed: str | None = None
    leave_out_moving: str | None = None
    landmarks: Path | None = None
    check_inverse: bool = False


@dataclass(frozen=True, eq=False)
class LandmarkPairs:
    """(n, 3) LPS mm: the same places in the fixed and in the moving image."""

    fixed: NDArray[np.float64]
    moving: NDArray[np.float64]


def register_files(
    request: RegisterRequest, context: Context | None = None
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Register two images and write what was found.

    The moved image lies on the fixed image's grid. The field (`FIELD_NAME`) is a vector image on a grid of the fixed
    frame: at p (LPS mm) it holds q - p (x, y, z in LPS mm), the whole way from p to the place q of the moving image
    that shows the same, rigid part included.

    Raises
    ------
    UsageError
        For a model, file or label that does not exist, and for landmarks that cannot be read.
    InputRefused
        What the readers and `register` refuse.
    FrameMismatch
        When a mask names another frame than its image.
    """
    if request.model not in MODELS:
        known = ", ".join(MODELS)
        raise UsageError("no-such-model", f"{request.model!r} is no model of registration; models are {known}.")
    model = next(each for each in MODELS if each == request.model)
    job = context or Context()
    pairs = None if request.landmarks is None else read_landmarks(request.landmarks)
    fixed = open_image(request.fixed, context=job.part(0.0, 0.05))
    moving = open_image(request.moving, context=job.part(0.05, 0.1))
    found = register(
        fixed,
        moving,
        model=model,
        organ=request.organ,
        fixed_mask=_mask(request.fixed_mask, fixed, "the organ in the fixed image"),
        moving_mask=_mask(request.moving_mask, moving, "the organ in the moving image"),
        leave_out_fixed=_mask(request.leave_out_fixed, fixed, "what is left out of the fixed image"),
        leave_out_moving=_mask(request.leave_out_moving, moving, "what is left out of the moving image"),
        check_inverse=request.check_inverse,
        context=job.part(0.1, 0.9),
    )
    job.step(0.9, "Writing the moved image")
    files = _written(request.out, fixed, moving, found)
    findings = registration_findings(found)
    errors = None if pairs is None else landmark_errors(found.point_map, pairs)
    job.step(1.0, "Registered")
    return _answer(found, errors, files, findings), findings


def read_landmarks(path: Path) -> LandmarkPairs:
    """A table with the columns `COLUMNS` (others are ignored), LPS mm.

    Raises
    ------
    UsageError
        When the file is not there, or a column or number is missing.
    """
    subject = str(path)
    if not path.is_file():
        raise UsageError("no-such-path", f"{path} does not exist.", subject=subject)
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            names = {(name or "").strip().lower(): name for name in table.fieldnames or ()}
            missing = [column for column in COLUMNS if column not in names]
            if missing:
                text = f"{path.name} has no column {', '.join(missing)}; its first line names {', '.join(COLUMNS)}."
                raise UsageError("broken-landmarks", text, subject=subject)
            for row in table:
                rows.append([_number(row[names[column]], path, len(rows) + 2) for column in COLUMNS])
                if len(rows) > _MOST_LANDMARKS:
                    text = f"{path.name} holds more than {_MOST_LANDMARKS} landmarks; name a smaller table."
                    raise UsageError("broken-landmarks", text, subject=subject)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        text = f"{path.name} cannot be read as a table of landmarks; name a CSV file in UTF-8."
        raise UsageError("broken-landmarks", text, subject=subject) from error
    if not rows:
        raise UsageError("broken-landmarks", f"{path.name} holds no landmark below its first line.", subject=subject)
    values = np.asarray(rows, dtype=np.float64)
    return LandmarkPairs(values[:, :3], values[:, 3:])


def landmark_errors(point_map: PointMap, pairs: LandmarkPairs) -> dict[str, dict[str, float]]:
    """Mean and largest distance (mm) at landmarks: as the files lie, and after the registration."""
    return {
        "before": _distances(pairs.fixed, pairs.moving),
        "after": _distances(point_map.points(pairs.fixed), pairs.moving),
    }


def registration_findings(found: Registration) -> tuple[Finding, ...]:
    """What a person must know before the two images are compared."""
    findings = []
    likeness = found.similarity
    if likeness is None or likeness < _LEAST_LIKENESS or found.overlap < _LEAST_OVERLAP:
        said = "cannot be told" if likeness is None else f"is {likeness:.2f} of 1"
        text = (
            f"The two images do not match: their likeness {said} over {100.0 * found.overlap:.0f} % of the region; "
            "check that they show the same patient and organ, or give masks of the organ."
        )
        findings.append(
            Finding("no-match", Severity.BLOCK, text, measured=likeness, limit=_LEAST_LIKENESS, source=_WHERE)
        )
    elif likeness < _DOUBTFUL_LIKENESS:
        text = f"The two images match poorly (likeness {likeness:.2f} of 1); look closely before anything is compared."
        findings.append(
            Finding("poor-match", Severity.WARN, text, measured=likeness, limit=_DOUBTFUL_LIKENESS, source=_WHERE)
        )
    if _LEAST_OVERLAP <= found.overlap < _WHOLE_OVERLAP:
        text = f"Only {100.0 * found.overlap:.0f} % of the region lies in the moving image; the rest is not matched."
        findings.append(Finding("part-outside", Severity.WARN, text, measured=found.overlap, limit=_WHOLE_OVERLAP))
    if found.folded_fraction > 0.0:
        text = f"The map folds in {100.0 * found.folded_fraction:.2f} % of the organ; do not compare there."
        findings.append(Finding("folded-field", Severity.WARN, text, measured=found.folded_fraction, limit=0.0))
    if found.left_out:
        text = f"Left out of the match inside the organ: {', '.join(found.left_out)}."
        findings.append(Finding("left-out", Severity.INFO, text))
    findings += [Finding("registration-note", Severity.INFO, note) for note in found.notes]
    text = "A person must look at the match before anything is compared across the two studies."
    findings.append(Finding("review-needed", Severity.INFO, text))
    return tuple(findings)


def whole_field(found: Registration, fixed: Volume) -> DisplacementField:
    """The whole way from each point of the fixed frame to its place in the moving one, LPS mm.

    On the lattice of the deformable field, for a rigid or affine map on a coarse one, around the whole fixed image: a
    reader may take nothing for "no displacement" beyond the field's edge.
    """
    own = found.point_map.field
    low, high = fixed.grid.bounds_lps_mm
    if own is None:
        step, first = float(max((high - low).max() / 32.0, 1.0)), low
    else:
        step, origin = own.grid.spacing_kji_mm[0], own.grid.lps_from_kji.points((0.0, 0.0, 0.0))
        low = np.minimum(low, origin)
        high = np.maximum(high, own.grid.lps_from_kji.points(np.asarray(own.grid.size_kji) - 1.0))
        first = origin - step * np.ceil((origin - low) / step - 1e-9)
    k, j, i = (int(size) for size in np.ceil((high - first)[::-1] / step - 1e-9).astype(int) + 1)
    grid = Grid.of((k, j, i), origin_lps_mm=first, spacing_kji_mm=(step,) * 3, frame_uid=fixed.grid.frame_uid)
    points = grid.lps_from_kji.points(np.moveaxis(np.indices(grid.size_kji, dtype=np.float64), 0, -1))
    return DisplacementField(grid, (found.point_map.points(points) - points).astype(np.float32))


def _answer(
    found: Registration,
    errors: dict[str, dict[str, float]] | None,
    files: dict[str, str],
    findings: tuple[Finding, ...],
) -> dict[str, Any]:
    return {
        "model": found.model,
        "moving_lps_from_fixed_lps": found.point_map.moving_from_fixed.flat(),
        "similarity": found.similarity,
        "landmark_error_mm": errors,
        "inverse_consistency_mm": found.inverse_consistency_mm,
        "jacobian": {"minimum": found.jacobian_minimum, "folded_fraction": found.folded_fraction},
        "files": files,
        "seconds": found.seconds,
        "organ": found.organ,
        "organ_dice": found.organ_dice,
        "overlap": found.overlap,
        "left_out": list(found.left_out),
        "findings": [each.to_json() for each in findings],
    }


def _mask(spec: str | None, image: Volume, what: str) -> Mask | None:
    return None if spec is None else whole_mask(open_beside(spec, image), image, spec, what)


def _written(out: Path, fixed: Volume, moving: Volume, found: Registration) -> dict[str, str]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"The folder {out} cannot be made ({error.strerror}); name another one."
        raise OperatorError("not-written", text, subject=str(out)) from error
    moved = out / MOVED_NAME
    values = np.asarray(moving.voxels)
    lowest = float(np.min(values, where=np.isfinite(values), initial=0.0))
    image = np.asarray(warped(moving, fixed.grid, found.point_map, lowest).voxels)
    whole = np.issubdtype(moving.voxels.dtype, np.integer)
    write_voxels(np.rint(image).astype(moving.voxels.dtype) if whole else np.nan_to_num(image), fixed.grid, moved)
    field = out / FIELD_NAME
    written = whole_field(found, fixed)
    write_vectors(written.vectors, written.grid, field)
    return {"moved": str(moved), "field": str(field)}


def _distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> dict[str, float]:
    apart = np.linalg.norm(first - second, axis=1)
    return {"mean": float(apart.mean()), "max": float(apart.max())}


def _number(text: str | None, path: Path, line: int) -> float:
    try:
        value = float((text or "").strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            "broken-landmarks", f"Line {line} of {path.name} holds no number in one of its columns.", subject=str(path)
        )
    return value
