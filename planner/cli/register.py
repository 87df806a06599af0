"""``register``: one study brought onto another, and how well that went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.output import emit, exit_code_for, plain, print_findings, progress
from planner.units import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from planner.findings import Finding


def register(app: typer.Typer) -> None:
    """Add the verb ``register``."""
    app.command("register")(_register)


def _register(
    fixed: Annotated[Path, typer.Argument(help="The image that stays: the new study.")],
    moving: Annotated[Path, typer.Argument(help="The image that is brought onto it: the earlier study.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the moved image and the field.")],
    model: Annotated[str, typer.Option("--model", help="rigid, affine or deformable.")] = "deformable",
    organ: Annotated[str, typer.Option("--organ", help="Without masks: auto, liver, lung or body.")] = "auto",
    fixed_mask: Annotated[
        str | None, typer.Option("--fixed-mask", help="Mask FILE or FILE#LABEL of the organ.")
    ] = None,
    moving_mask: Annotated[str | None, typer.Option("--moving-mask", help="The same in the moving image.")] = None,
    leave_out_fixed: Annotated[
        str | None, typer.Option("--leave-out-fixed", help="Mask of what must not pull the match (ablation zone).")
    ] = None,
    leave_out_moving: Annotated[
        str | None, typer.Option("--leave-out-moving", help="The same in the moving image.")
    ] = None,
    landmarks: Annotated[
        Path | None, typer.Option("--landmarks", help="CSV of places in both images, LPS mm; they measure the error.")
    ] = None,
    check_inverse: Annotated[
        bool, typer.Option("--check-inverse", help="Register the other way as well and compare.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Bring one study of a patient onto another. A person must look at the match before anything is compared."""
    from planner.app.registration_files import RegisterRequest, register_files

    request = RegisterRequest(
        fixed,
        moving,
        out,
        model,
        organ,
        fixed_mask,
        moving_mask,
        leave_out_fixed,
        leave_out_moving,
        landmarks,
        check_inverse,
    )
    answer, findings = register_files(request, progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    errors, jacobian = answer["landmark_error_mm"], answer["jacobian"]
    lines = [
        f"{answer['model']} match on: {answer['organ']}, likeness {shown(answer['similarity'], None)} of 1, "
        f"{100.0 * answer['overlap']:.0f} % of the region in both images, in {shown(answer['seconds'], 's')}",
        "error at landmarks: not measured, none were given"
        if errors is None
        else "error at landmarks: "
        + ", ".join(
            f"{when} mean {shown(errors[when]['mean'], 'mm')}, largest {shown(errors[when]['max'], 'mm')}"
            for when in ("before", "after")
        ),
        "there and back: not checked"
        if answer["inverse_consistency_mm"] is None
        else f"there and back: {shown(answer['inverse_consistency_mm'], 'mm')} apart on average in the organ",
        f"least stretch (Jacobian) in the organ {shown(jacobian['minimum'], None)}, "
        f"{100.0 * jacobian['folded_fraction']:.2f} % folded",
        f"overlap of the organ (Dice): {shown(answer['organ_dice'], None)}",
        f"moved image: {answer['files']['moved']}",
        f"displacement field: {answer['files']['field']}",
    ]
    console.print(plain("\n".join(lines)), soft_wrap=True)
    print_findings(console, findings)
