"""A case as one file: JSON, blobs and a manifest in a zip. Reading one is reading untrusted input."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.errors import InputRefused, UsageError
from planner.files import whole_file
from planner.model import codec
from planner.model.case import Case
from planner.store import blobs
from planner.store.actors import Action, Actor, SaveReason, software_version
from planner.store.library import Library
from planner.store.revisions import case_from_text

FORMAT = "seldinger-case"
FORMAT_VERSION = 1
CASE_NAME = "case.json"
MANIFEST_NAME = "manifest.json"

MAXIMUM_ENTRIES = 10_000
MAXIMUM_ENTRY_BYTES = 256 << 20
MAXIMUM_TOTAL_BYTES = 1 << 30
MAXIMUM_RATIO = 200
RATIO_FREE_BYTES = 1 << 20
"""Below this size an entry may be packed as tightly as it likes: an empty mask is all zeros."""

_BLOB_NAME = re.compile(r"blobs/([0-9a-f]{64})")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    sha256
        Of the file.
    audit_head
        Head of the audit chain when it was made, also in the manifest.
    """

    out: Path
    revision: int
    blobs: int
    sha256: str
    audit_head: str


def export_case(library: Library, case_id: str, out: Path, by: Actor) -> Exported:
    """Write a case with its blobs, not its images, to a zip file; the export is noted in the audit trail.

    The file appears whole or not at all.

    Raises
    ------
    InputRefused
        ``unknown-case``.
    UsageError
        ``cannot-write``.
    """
    case, revision = library.open_case(case_id, by)
    names = sorted(blobs.referenced(case))
    content = {CASE_NAME: codec.canonical(case).encode("utf-8")}
    content |= {f"blobs/{name}": library.get_blob(name) for name in names}
    head = library.note(case_id, by, Action.EXPORTED, f"export of {revision}", codec.digest(case))
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "case": case_id,
        "revision": revision,
        "software": software_version(),
        "audit_head": head,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
    }
    content[MANIFEST_NAME] = codec.canonical(manifest).encode("utf-8")
    return Exported(out, revision, len(names), _write(out, content), head)


def _write(out: Path, content: dict[str, bytes]) -> str:
    try:
        with whole_file(out) as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in content.items():
                    entry = zipfile.ZipInfo(name, _EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, data)
            stream.seek(0)
            digest = hashlib.sha256(stream.read()).hexdigest()
    except OSError as error:
        raise UsageError(
            "cannot-write", f"{out} cannot be written ({error.strerror}); choose another place.", subject=str(out)
        ) from error
    return digest


def import_case(library: Library, file: Path, by: Actor) -> Case:
    """Put a bundled case into the library. A case that is there already is never overwritten.

    Raises
    ------
    InputRefused
        For anything that is no whole bundle of a known version, or one made to do harm. Nothing was changed.
    StoreError
        ``case-exists``.
    """
    content = read_bundle(file)
    case = case_from_text(content[CASE_NAME].decode("utf-8", errors="replace"), f"{file.name}: {CASE_NAME}")
    _require_plausible(case, file)
    missing = blobs.referenced(case) - {name.removeprefix("blobs/") for name in content}
    if missing:
        raise _refused(file, f"the mask {min(missing)[:12]} is missing")
    for name, data in content.items():
        if name != CASE_NAME:
            library.put_blob(data)
    library.create_case(case, by, SaveReason.IMPORT)
    return case


def _require_plausible(case: Case, file: Path) -> None:
    for kind, values in (("lesion", case.lesions), ("session", case.sessions), ("course", case.courses)):
        identifiers = [each.id for each in values]
        if len(set(identifiers)) != len(identifiers):
            raise _refused(file, f"two {kind}s have the same id")
    for session in case.sessions:
        items = [item.id for item in session.items]
        if len(set(items)) != len(items):
            raise _refused(file, "two plan items have the same id")


def read_bundle(file: Path) -> dict[str, bytes]:
    """The checked content of a bundle, without the manifest. Nothing is ever extracted to the disk.

    Raises
    ------
    InputRefused
        ``bad-bundle`` or ``newer-document``.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            content = _entries(archive, file)
    except FileNotFoundError as error:
        raise UsageError("no-such-path", f"{file} does not exist.", subject=str(file)) from error
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError) as error:
        raise _refused(file, "it is no zip file or is damaged") from error
    manifest = _manifest(content.pop(MANIFEST_NAME, None), file)
    if set(manifest) != set(content) or CASE_NAME not in content:
        raise _refused(file, "its files are not those of its manifest")
    for name, data in content.items():
        digest = hashlib.sha256(data).hexdigest()
        blob_name = _BLOB_NAME.fullmatch(name)
        if manifest[name] != digest or (blob_name is not None and blob_name[1] != digest):
            raise _refused(file, f"{name} does not fit its digest")
    return content


def _entries(archive: zipfile.ZipFile, file: Path) -> dict[str, bytes]:
    listed = archive.infolist()
    if len(listed) > MAXIMUM_ENTRIES:
        raise _refused(file, f"it holds more than {MAXIMUM_ENTRIES} files")
    total = 0
    content: dict[str, bytes] = {}
    for entry in listed:
        name = entry.filename
        if name not in (CASE_NAME, MANIFEST_NAME) and not _BLOB_NAME.fullmatch(name):
            raise _refused(file, "it holds a file that is no part of a case")
        if name in content:
            raise _refused(file, f"it holds {name} twice")
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise _refused(file, f"{name} is a link or is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(file, f"{name} is packed in a way that is not used here")
        content[name] = _unpacked(archive, entry, file)
        total += len(content[name])
        if total > MAXIMUM_TOTAL_BYTES:
            raise _refused(file, "its content is too large")
    return content


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path) -> bytes:
    allowed = min(MAXIMUM_ENTRY_BYTES, max(RATIO_FREE_BYTES, MAXIMUM_RATIO * entry.compress_size))
    with archive.open(entry) as stream:
        # One byte more than allowed: what the header declares is not believed.
        data = stream.read(allowed + 1)
    if len(data) > allowed:
        raise _refused(file, f"{entry.filename} is too large or packed too tightly")
    return data


def _manifest(data: bytes | None, file: Path) -> dict[str, str]:
    if data is None:
        raise _refused(file, "it has no manifest")
    try:
        found: Any = json.loads(data)
        kind, version, files = found["format"], found["version"], found["files"]
        listed = {str(name): str(digest) for name, digest in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refused(file, "its manifest is damaged") from error
    if kind != FORMAT or not isinstance(version, int):
        raise _refused(file, "it is no bundle of a case")
    if version > FORMAT_VERSION:
        raise InputRefused(
            "newer-document", f"{file.name} was made with a newer version of the program; update it.", subject=str(file)
        )
    return listed


def _refused(file: Path, what: str) -> InputRefused:
    return InputRefused("bad-bundle", f"{file.name} was not imported: {what}; ask for it again.", subject=str(file))
