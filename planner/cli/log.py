"""Where our own failures are written: what broke and where in the code, never what was in the patient's data."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

MAXIMUM_BYTES = 1_000_000


def log_file() -> Path:
    """The log of this user; its folder may not exist yet."""
    from platformdirs import user_log_path

    return user_log_path("seldinger", appauthor=False) / "seldinger.log"


def described(error: BaseException) -> str:
    """The kinds and places of an error and its causes. Messages are left out: they may quote a patient's name."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}")
        for frame in traceback.extract_tb(seen.__traceback__):
            lines.append(
                f"    {Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            )
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)


def record_failure(error: BaseException, doing: str) -> Path | None:
    """Append a failure to the log; None when the log itself cannot be written.

    Parameters
    ----------
    doing
        A verb or a name of our own, never text from a file or from a person.
    """
    path = log_file()
    entry = f"{datetime.now(UTC).isoformat()} {doing} python {sys.version.split()[0]}\n{described(error)}\n\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAXIMUM_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8") as stream:
            stream.write(entry)
    except OSError:
        return None
    return path
