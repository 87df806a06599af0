"""The written digital patient as a fixture of this folder."""

from __future__ import annotations

from phantoms import tiny_course_folder, tiny_series, tiny_series_folder

__all__ = ["tiny_course_folder", "tiny_series", "tiny_series_folder"]
