"""DICOMDIR (PS3.10 section 8): the files it lists, as long as they lie inside its own folder."""

from __future__ import annotations

from pathlib import Path

from planner.dicom import tags
from planner.dicom.scanner import Header
from planner.dicom.series import Skipped

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_MOST_PARTS = 16
"""Of a path; PS3.10 8.2 allows 8."""


def is_media_directory(header: Header) -> bool:
    return MEDIA_DIRECTORY in (header.media_sop_class, header.elements.text(tags.SOP_CLASS))


def listed_files(header: Header) -> tuple[tuple[Path, ...], tuple[Skipped, ...]]:
    """The files that exist, and those that do not or that lie elsewhere.

    A path that climbs, an absolute one and a link are refused (CVE-2026-32711 in other programs).
    """
    folder = header.file.parent
    files: list[Path] = []
    skipped: list[Skipped] = []
    for record in header.elements.items(tags.DIRECTORY_RECORD_SEQUENCE):
        parts = record.texts(tags.REFERENCED_FILE_ID)
        if not parts:
            continue
        named = "/".join(parts)[:200]
        if len(parts) > _MOST_PARTS or any(_leads_out(part) for part in parts):
            text = (
                f"{header.name}: it lists '{named}', which leads out of its folder and was left out; ask its maker for "
                "a plain medium."
            )
            skipped.append(Skipped(header.file, "unsafe-entry", text))
            continue
        found = _found(folder, parts)
        if found is None:
            text = f"{header.name}: it lists '{named}', which is not in its folder; copy the whole medium."
            skipped.append(Skipped(folder / named, "missing-file", text))
        else:
            files.append(found)
    return tuple(dict.fromkeys(files)), tuple(skipped)


def _leads_out(part: str) -> bool:
    return part in ("", ".", "..") or any(mark in part for mark in "/\\:\0")


def _found(folder: Path, parts: tuple[str, ...]) -> Path | None:
    try:
        return _inside(folder, parts)
    except OSError:
        # Names longer than the file system has.
        return None


def _inside(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """The file below a folder, names compared without case as media do; no link on the way."""
    here = folder
    for part in parts:
        candidates = (here / part, here / part.lower(), here / part.upper())
        step = next((one for one in candidates if one.exists() and not one.is_symlink()), None)
        if step is None:
            return None
        here = step
    return here if here.is_file() else None
