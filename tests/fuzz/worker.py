"""The process that reads the mutated files: it has a memory limit, and may be killed. One JSON line in, one out."""

from __future__ import annotations

import json
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

MEMORY_BYTES = 3 << 30
"""Address space; a reader's libraries alone map about half a gibibyte."""
REFUSALS = frozenset(
    {"mixed-patients", "mixed-frames", "mixed-orientation", "mixed-spacing", "gantry-tilt", "missing-slices"}
    | {"uneven-spacing", "duplicate-slices", "implausible-spacing", "missing-spacing", "bad-orientation", "truncated"}
    | {"undecodable", "unsupported-syntax", "not-dicom", "too-large", "too-deep", "no-rescale", "unsafe-entry"}
    | {"missing-file", "not-a-mask", "not-a-volume", "two-orientations", "not-a-run", "not-a-dose-report"}
    | {"missing-unit", "unknown-unit", "unreadable-number", "not-a-presentation-state"}
    | {"other-patient", "other-study", "other-image"}
)
"""Codes that a refusal or a skipped file may have: the contract's, and those of archives, masks and runs."""
_CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def sentence_faults(code: str, text: str, allowed: frozenset[str] | None = REFUSALS) -> list[str]:
    """What is wrong with a refusal: an unknown code, no sentence, or text that steers a terminal or a log."""
    faults = []
    if allowed is not None and code not in allowed or _CODE.fullmatch(code) is None:
        faults.append(f"unknown code {code!r}")
    if len(text) < 20 or not text.rstrip(")").endswith(".") or len(text) > 2000:
        faults.append(f"no sentence: {text[:300]!r}")
    if not all(one.isprintable() for one in text):
        faults.append(f"control characters: {text[:300]!r}")
    return faults


@dataclass
class Account:
    """What reading one input led to."""

    faults: list[str] = field(default_factory=list)
    refused: int = 0
    loaded: int = 0

    def attempt(self, read: Callable[[], object]) -> Any:
        """The result, or None after a refusal, whose sentence is looked at."""
        from planner.errors import OperatorError

        try:
            found = read()
        except OperatorError as error:
            self.refused += 1
            self.faults += sentence_faults(error.code, error.message)
            return None
        self.loaded += 1
        return found


def read(target: Path, bystander: str | None) -> Account:
    """Scan whatever lies there and read it with every reader that may meet it."""
    from planner.app.image_masks import open_masks
    from planner.app.images import load, scan
    from planner.cli.output import jsonable
    from planner.dicom.angio_reading import load_run
    from planner.dicom.dose_reports import is_dose_report, read_dose_report
    from planner.dicom.presentation_states import read_presentation_state

    account = Account()
    found = scan([target])
    json.dumps(jsonable(found.to_json()), allow_nan=False)
    for one in found.skipped:
        account.refused += 1
        account.faults += sentence_faults(one.code, one.text)
    runs = []
    for entry in found.series:
        for finding in entry.findings:
            account.faults += sentence_faults(finding.code, finding.text, None)
        volume = account.attempt(partial(load, entry, accept=entry.repairs))
        if volume is not None and (volume.voxels.ndim != 3 or volume.voxels.dtype.kind not in "if"):
            account.faults.append(f"odd voxels {volume.voxels.shape} {volume.voxels.dtype}")
        if entry.kind == "angio":
            runs.append(account.attempt(partial(load_run, entry)))
        if is_dose_report(entry):
            account.attempt(partial(read_dose_report, entry))
    if bystander is not None and not any(one.uid == bystander and one.loadable for one in found.series):
        account.faults.append("the good series beside it does not load")
    for file in (target, *(sorted(target.iterdir()) if target.is_dir() else ())):
        if file.is_file() and not file.name.startswith(("slice", "bystander")):
            account.attempt(partial(open_masks, str(file)))
            for run in (one for one in runs[:1] if one is not None):
                account.attempt(partial(read_presentation_state, file, run))
    return account


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return asdict(read(Path(request["target"]), request["bystander"]))
    except Exception as error:
        where = "".join(traceback.format_exception(error)[-4:])
        return {"faults": [f"{type(error).__name__}: {error}"[:300] + "\n" + where], "refused": 0, "loaded": 0}


def main() -> None:
    import resource

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for line in sys.stdin:
        reply = answer(json.loads(line))
        reply["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
