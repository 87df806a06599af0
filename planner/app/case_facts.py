"""What is known of a patient apart from any session: facts typed by path."""

from __future__ import annotations

from datetime import date
from typing import Any

from planner.model.edits import Edit
from planner.workflow.values import write_path


def write_fact(path: str, value: Any, *, by: str, on: date) -> Edit:
    """Put a JSON value at a path of the case (``patient.weight_kg``, ``implants``).

    Parameters
    ----------
    by, on
        Who types it and when, for what keeps both.

    Raises
    ------
    InputRefused
        When the edit is applied with a value that is not of the type that lives there.
    """
    return lambda case: write_path(case, path, value, by=by, on=on)
