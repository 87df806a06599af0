"""``case export --referral`` and ``case import --referral``: the referral package, out and in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from planner.cli.case_library import opened
from planner.cli.output import DONE, emit, message, plain

if TYPE_CHECKING:
    from planner.store.actors import Actor


def export_referral(
    context: typer.Context, case_id: str, out: Path, who: Actor, as_json: bool, *, to: str, reason: str
) -> int:
    """Write the package, and say what has no sure code."""
    from datetime import date

    from planner.app.referral import write_referral

    with opened(context) as library:
        written = write_referral(library, case_id, out, who, today=date.today(), to=to, reason=reason)
    document = {
        "out": str(written.out),
        "case": case_id,
        "revision": written.revision,
        "sha256": written.sha256,
        "next_steps": written.next_steps,
        "not_coded": list(written.not_coded),
    }
    emit(document, as_json, lambda target: target.print(plain(f"{written.out}  revision {written.revision}")))
    if written.not_coded:
        message(f"Without a sure code: {', '.join(written.not_coded)}.")
    return DONE


def import_referral(
    context: typer.Context, case_id: str | None, file: Path, who: Actor, as_json: bool, *, confirmed: bool
) -> int:
    """Read a package as a case of its own, or take its treatments and values into a case of the same patient."""
    from planner.app.referral import import_referral as as_case
    from planner.app.referral import read_referral
    from planner.app.referral_taking import take_over
    from planner.app.templates import installed
    from planner.store.actors import SaveReason

    with opened(context) as library:
        referral = read_referral(file)
        lines: tuple[str, ...] = ()
        if case_id is None:
            case_id, revision = as_case(library, file, who).id, 1
        else:
            before, revision = library.open_case(case_id, who)
            taken = take_over(before, referral, installed().templates, confirmed=confirmed)
            lines = taken.lines
            if taken.case is not before:
                revision = library.save(taken.case, revision, who, SaveReason.IMPORT)
    document: dict[str, Any] = {
        "case": case_id,
        "revision": revision,
        "sender": referral.sender,
        "reason": referral.reason,
        "lines": list(lines),
        "next_steps": [
            {"kind": each.kind, "text": each.text, "due_on": each.due_on.isoformat() if each.due_on else None}
            for each in referral.next_steps
        ],
    }
    emit(document, as_json, lambda target: target.print(plain(f"{case_id}  revision {revision}")))
    for line in lines:
        message(line)
    return DONE
