"""The referral package, both ways: the case with its summary, next steps and codes in one file.

Out: a zip with the whole case (as `planner.app.bundle` writes it), a summary as text and PDF, next steps and codes as
JSON. It names the patient. In: as a case of its own, or its treatments and values taken into an existing case of the
same patient. A package from elsewhere is untrusted: limits first, one sentence when it is refused, nothing half done.
"""

from __future__ import annotations

import hashlib
import json
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from planner.app import bundle
from planner.app.codes import coded
from planner.app.referral_summary import referral_summary, summary_pdf, summary_text
from planner.app.templates import installed
from planner.errors import InputRefused, UsageError
from planner.files import whole_file
from planner.model import codec
from planner.model.case import Case
from planner.store.actors import Actor, software_version
from planner.store.library import Library
from planner.store.revisions import case_from_text
from planner.workflow.due import due_items

FORMAT = "seldinger-referral"
FORMAT_VERSION = 1
MANIFEST, BUNDLE, TEXT, PDF, STEPS, CODES = (
    "manifest.json",
    "case.zip",
    "summary.txt",
    "summary.pdf",
    "next_steps.json",
    "codes.json",
)
MAXIMUM_SMALL_BYTES = 16 << 20
MAXIMUM_STEPS = 10_000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing the sender says is to be done; a proposal to who receives it, never a task by itself."""

    kind: str
    text: str
    due_on: date | None = None
    owner: str | None = None
    source: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Referred:
    """What was written."""

    out: Path
    revision: int
    sha256: str
    next_steps: int
    not_coded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Referral:
    """A package that was read and is whole.

    Attributes
    ----------
    case
        As the sender had it; nothing of it is in the library yet.
    sender, to, reason
        As written in it: untrusted words, shown as plain text.
    """

    case: Case
    sender: str
    to: str
    reason: str
    made_on: date
    summary: str
    next_steps: tuple[NextStep, ...]


def write_referral(
    library: Library, case_id: str, out: Path, by: Actor, *, today: date, to: str = "", reason: str = ""
) -> Referred:
    """Write the referral package of a case; the export is noted in the audit trail. The file appears whole or not.

    Raises
    ------
    InputRefused
        ``unknown-case``.
    UsageError
        ``cannot-write``.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported = bundle.export_case(library, case_id, Path(folder) / BUNDLE, by)
        case = library.open_revision(case_id, exported.revision)
        templates = installed().templates
        summary = referral_summary(case, templates, today, to=to, reason=reason, by=by.user, revision=exported.revision)
        steps = [
            codec.to_json(NextStep(each.kind, each.text, each.due_on, each.owner, each.source, each.tag))
            for each in due_items(case, today)
        ]
        codes = coded(case)
        content = {
            BUNDLE: exported.out.read_bytes(),
            TEXT: summary_text(summary).encode("utf-8"),
            PDF: summary_pdf(summary),
            STEPS: codec.canonical({"next_steps": steps}).encode("utf-8"),
            CODES: codec.canonical(codes).encode("utf-8"),
        }
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "case": case_id,
        "revision": exported.revision,
        "software": software_version(),
        "made_on": today.isoformat(),
        "sender": by.user,
        "to": to,
        "reason": reason,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
    }
    digest = _write(out, {MANIFEST: codec.canonical(manifest).encode("utf-8"), **content})
    return Referred(out, exported.revision, digest, len(steps), tuple(codes["not_coded"]))


def _write(out: Path, content: dict[str, bytes]) -> str:
    try:
        with whole_file(out) as stream:
            with zipfile.ZipFile(stream, "w") as archive:
                for name, data in content.items():
                    entry = zipfile.ZipInfo(name, _EPOCH)
                    entry.compress_type = zipfile.ZIP_STORED if name in (BUNDLE, PDF) else zipfile.ZIP_DEFLATED
                    archive.writestr(entry, data)
            stream.seek(0)
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError as error:
        raise UsageError(
            "cannot-write", f"{out} cannot be written ({error.strerror}); choose another place.", subject=str(out)
        ) from error


def read_referral(file: Path) -> Referral:
    """Read a package and check all of it; nothing is stored.

    Raises
    ------
    InputRefused
        ``bad-referral`` for what is no whole package or one made to do harm; ``newer-document``.
    UsageError
        ``no-such-path``.
    """
    with _unpacked(file) as (manifest, content, inner):
        case = case_from_text(
            bundle.read_bundle(inner)[bundle.CASE_NAME].decode("utf-8", errors="replace"), f"{file.name}: the case"
        )
        made_on = _day(manifest.get("made_on"), file)
        return Referral(
            case=case,
            sender=_words(manifest.get("sender")),
            to=_words(manifest.get("to")),
            reason=_words(manifest.get("reason")),
            made_on=made_on,
            summary=content[TEXT].decode("utf-8", errors="replace"),
            next_steps=_steps(content[STEPS], file),
        )


def import_referral(library: Library, file: Path, by: Actor) -> Case:
    """Put the case of a package into the library as a case of its own. One that is there is never overwritten.

    Raises
    ------
    InputRefused
        As `read_referral`.
    StoreError
        ``case-exists``: take it into that case instead (`planner.app.referral_taking`).
    """
    with _unpacked(file) as (_, _, inner):
        return bundle.import_case(library, inner, by)


@contextmanager
def _unpacked(file: Path) -> Iterator[tuple[dict[str, Any], dict[str, bytes], Path]]:
    """Manifest, small files and the place of the case's own bundle, all checked against their digests."""
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / BUNDLE
        try:
            with zipfile.ZipFile(file) as archive:
                content, digests = _entries(archive, file, inner)
        except FileNotFoundError as error:
            raise UsageError("no-such-path", f"{file} does not exist.", subject=str(file)) from error
        except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError) as error:
            raise _refused(file, "it is no zip file or is damaged") from error
        manifest = _manifest(content.pop(MANIFEST, None), file)
        listed = manifest["files"]
        if set(listed) != set(digests) - {MANIFEST} or set(listed) != {BUNDLE, TEXT, PDF, STEPS, CODES}:
            raise _refused(file, "its files are not those of its manifest")
        wrong = sorted(name for name in listed if listed[name] != digests[name])
        if wrong:
            raise _refused(file, f"{wrong[0]} does not fit its digest")
        yield manifest, content, inner


def _entries(archive: zipfile.ZipFile, file: Path, inner: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Small files in memory, the bundle on the disk; and the digest of each. What a header declares is not believed."""
    allowed = {MANIFEST, BUNDLE, TEXT, PDF, STEPS, CODES}
    content: dict[str, bytes] = {}
    digests: dict[str, str] = {}
    if len(archive.infolist()) > len(allowed):
        raise _refused(file, "it holds more files than a referral has")
    for entry in archive.infolist():
        name = entry.filename
        if name not in allowed or name in digests:
            raise _refused(file, "it holds a file that is no part of a referral")
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise _refused(file, f"{name} is a link or is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(file, f"{name} is packed in a way that is not used here")
        if name == BUNDLE:
            digests[name] = _copied(archive, entry, inner, file)
            continue
        with archive.open(entry) as stream:
            data = stream.read(MAXIMUM_SMALL_BYTES + 1)
        if len(data) > MAXIMUM_SMALL_BYTES:
            raise _refused(file, f"{name} is too large")
        content[name], digests[name] = data, hashlib.sha256(data).hexdigest()
    return content, digests


def _copied(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, inner: Path, file: Path) -> str:
    digest, total = hashlib.sha256(), 0
    with archive.open(entry) as stream, inner.open("wb") as place:
        while chunk := stream.read(_CHUNK):
            total += len(chunk)
            if total > bundle.MAXIMUM_TOTAL_BYTES:
                raise _refused(file, f"{entry.filename} is too large")
            digest.update(chunk)
            place.write(chunk)
    return digest.hexdigest()


def _manifest(data: bytes | None, file: Path) -> dict[str, Any]:
    if data is None:
        raise _refused(file, "it has no manifest")
    try:
        found: Any = json.loads(data)
        kind, version = found["format"], found["version"]
        found["files"] = {str(name): str(digest) for name, digest in found["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refused(file, "its manifest is damaged") from error
    if kind != FORMAT or not isinstance(version, int):
        raise _refused(file, "it is no referral")
    if version > FORMAT_VERSION:
        raise InputRefused(
            "newer-document", f"{file.name} was made with a newer version of the program; update it.", subject=str(file)
        )
    return dict(found)


def _steps(data: bytes, file: Path) -> tuple[NextStep, ...]:
    try:
        found = json.loads(data)["next_steps"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(file, "its next steps are damaged") from error
    if not isinstance(found, list) or len(found) > MAXIMUM_STEPS:
        raise _refused(file, "its next steps are damaged")
    return tuple(codec.from_json(NextStep, each, f"{file.name}: next steps") for each in found)


def _day(value: Any, file: Path) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise _refused(file, "its manifest has no day") from error


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _refused(file: Path, what: str) -> InputRefused:
    return InputRefused("bad-referral", f"{file.name} was not read: {what}; ask for it again.", subject=str(file))
