"""Two images are matched only where nothing says that they are of two patients."""

from __future__ import annotations

from planner.errors import InputRefused
from planner.imaging.volumes import Volume


def refuse_strangers(fixed: Volume, moving: Volume) -> None:
    """Refuse two images whose files name different patients; of an image that names none nothing is said.

    Raises
    ------
    InputRefused
        ``different-patients``.
    """
    first, second = fixed.source, moving.source
    if first.patient_id and second.patient_id and first.patient_id != second.patient_id:
        raise InputRefused(
            "different-patients",
            "The two images carry different patient IDs and are not matched; choose two series of one patient.",
            subject=second.series_uid,
        )
