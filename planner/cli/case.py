"""``case``: cases of the library. New, list, show, import and export; more in `case_sessions` and `case_report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli import case_lesion, case_referral, case_report, case_sessions
from planner.cli.case_library import By, Json, actor, opened
from planner.cli.case_shown import print_case, print_cases, print_imported
from planner.cli.output import DONE, emit, message, plain, progress
from planner.errors import InputRefused, UsageError

if TYPE_CHECKING:
    from planner.app.images import SeriesEntry
    from planner.findings import Finding
    from planner.model.case import Case
    from planner.store.actors import Actor
    from planner.store.library import Library
    from planner.store.summary import CaseSummary

ATTACHABLE = ("volume", "angio", "projection")

_CaseId = Annotated[str, typer.Argument(help="Id of the case, as `case list` prints it.")]
_Accept = Annotated[list[str] | None, typer.Option("--accept", help="Repair to accept, as the findings name it.")]


def register(app: typer.Typer) -> None:
    """Add the verb group ``case``."""
    group = typer.Typer(no_args_is_help=True, help="Cases: patients, images, sessions, signatures.")
    group.command("new")(_new)
    group.command("list")(_list)
    group.command("show")(_show)
    group.command("import")(_import)
    group.command("export")(_export)
    case_lesion.register(group)
    case_sessions.register(group)
    case_report.register(group)
    app.add_typer(group, name="case")


def _new(
    context: typer.Context,
    patient_id: Annotated[str | None, typer.Option("--patient-id", help="As on the images.")] = None,
    name: Annotated[str, typer.Option("--name", help="FAMILY^GIVEN.")] = "",
    issuer: Annotated[str | None, typer.Option("--issuer", help="Who gave the patient ID.")] = None,
    birth_date: Annotated[str | None, typer.Option("--birth-date", help="YYYY-MM-DD.")] = None,
    sex: Annotated[str | None, typer.Option("--sex", help="F, M or O.")] = None,
    title: Annotated[str, typer.Option("--title", help="What the case is about.")] = "",
    from_series: Annotated[
        Path | None, typer.Option("--from-series", help="Take the patient from these images.")
    ] = None,
    accept: _Accept = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Teaching data, not a patient.")] = False,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Create a case, from typed patient data or from the images of a patient (which are attached)."""
    from planner.app.cases import case_from_series, new_case, patient_from_text

    findings: list[Finding] = []
    attached: list[dict[str, Any]] = []
    with opened(context) as library:
        if from_series is None:
            if patient_id is None:
                raise UsageError("usage", "Give --patient-id (and --name), or --from-series FOLDER.")
            patient = patient_from_text(patient_id, name, issuer=issuer, birth_date=birth_date, sex=sex)
            case, revision = new_case(library, patient, actor(by), title=title, simulated=simulated)
        else:
            if patient_id is not None or name or issuer or birth_date or sex:
                raise UsageError("usage", "Give the patient by words or by --from-series, not by both.")
            entries, _ = _attachable([from_series], None, None, library)
            case = case_from_series(entries[0], title=title, simulated=simulated)
            case, attached, refused, findings = _attach(case, entries, accept or [], trusted=entries[0].uid)
            _require_some(attached, refused)
            revision = _create_with_images(library, case, actor(by))
    document = {
        "case": case.id,
        "revision": revision,
        "patient": _patient(case),
        "attached": attached,
        "findings": [each.to_json() for each in findings],
    }
    emit(document, as_json, lambda target: target.print(plain(f"{case.id}  revision {revision}")))
    return DONE


def _create_with_images(library: Library, case: Case, by: Actor) -> int:
    from planner.app.case_images import remember_places

    revision = library.create_case(case, by)
    remember_places(library, case, by)
    return revision


def _patient(case: Case) -> dict[str, Any]:
    patient = case.patient
    return {
        "id": patient.patient_id,
        "name": patient.name,
        "issuer": patient.issuer,
        "birth_date": patient.birth_date,
        "sex": None if patient.sex is None else patient.sex.value,
    }


def _list(
    context: typer.Context,
    search: Annotated[list[str] | None, typer.Argument(help="Words that must occur.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write the list as a CSV file.")] = None,
    as_json: Json = False,
) -> int:
    """List the cases of the library, newest change first."""
    from planner.app.tables import case_list_csv

    with opened(context) as library:
        cases = library.list_cases(" ".join(search or []))
    if csv is not None:
        try:
            csv.write_text(case_list_csv(cases), encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(
                "cannot-write", f"{csv} cannot be written ({error.strerror}); choose another place."
            ) from error
    document = {"cases": [_summary(each) for each in cases]}
    emit(document, as_json, lambda target: print_cases(target, cases))
    return DONE


def _summary(each: CaseSummary) -> dict[str, Any]:
    facts = each.facts
    return {
        "case": each.case_id,
        "revision": each.revision,
        "title": facts.title,
        "patient": {"id": facts.patient_id, "name": facts.patient_name, "birth_date": facts.birth_date},
        "diagnosis": facts.diagnosis,
        "lesions": facts.lesions,
        "studies": facts.studies,
        "simulated": facts.simulated,
        "sessions": [_fields(session) for session in facts.sessions],
        "updated_at": each.updated_at,
        "updated_by": each.updated_by,
        "open_elsewhere": each.open_elsewhere,
    }


def _show(
    context: typer.Context,
    case_id: _CaseId,
    revision: Annotated[int | None, typer.Option("--revision", help="An older revision or a branch.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Revisions, audit trail and prints too.")] = False,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Show a whole case."""
    from planner.model.codec import to_json

    with opened(context) as library:
        case, number = library.open_case(case_id, actor(by))
        if revision is not None:
            case, number = library.open_revision(case_id, revision), revision
        report = library.verify_chain(case_id)
        past: dict[str, Any] = {}
        if history:
            past = {
                "history": [_fields(each) for each in library.history(case_id)],
                "audit": [_fields(each) for each in library.audit_trail(case_id)],
                "prints": [_fields(each) for each in library.prints(case_id)],
            }
    chain = {"intact": report.intact, "entries": report.entries, "head": report.head}
    document = {"case": case.id, "revision": number, "audit_trail": chain, **to_json(case), **past}
    emit(document, as_json, lambda target: print_case(target, case, number, report))
    return DONE


def _fields(value: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(value)


def _import(
    context: typer.Context,
    case_id: Annotated[str | None, typer.Argument(help="Id of the case; left out with --bundle.")] = None,
    paths: Annotated[list[Path] | None, typer.Argument(help="Folders and files with the patient's images.")] = None,
    series: Annotated[str | None, typer.Option("--series", help="Only this series.")] = None,
    part: Annotated[int | None, typer.Option("--part", help="Only this part of it.")] = None,
    accept: _Accept = None,
    confirm: Annotated[
        bool, typer.Option("--confirm-patient", help="You compared both sides although an identifier is missing.")
    ] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Keep a copy of the images beside the library.")] = False,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Import a case that `case export` wrote.")] = None,
    referral: Annotated[
        Path | None, typer.Option("--referral", help="Read a referral: a new case, or into the case named.")
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Attach images to a case. Nothing is copied unless --copy is given; another patient's images are refused."""
    who = actor(by)
    if referral is not None:
        if bundle is not None or paths:
            raise UsageError("usage", "--referral is read alone; leave the bundle and the paths out.")
        return case_referral.import_referral(context, case_id, referral, who, as_json, confirmed=confirm)
    if bundle is not None:
        return _import_bundle(context, bundle, who, as_json, mixed=case_id is not None)
    if case_id is None or not paths:
        raise UsageError("usage", "Give the case and at least one folder or file: case import ID PATH...")
    with opened(context) as library:
        before, base = library.open_case(case_id, who)
        entries, skipped = _attachable(paths, series, part, library)
        case, attached, refused, findings = _attach(before, entries, accept or [], confirmed=confirm)
        _require_some(attached, refused)
        revision = _save_images(library, case, base, who, copy=copy, keys=_keys(attached))
    document = {
        "case": case_id,
        "revision": revision,
        "attached": attached,
        "left_out": refused,
        "skipped": skipped,
        "findings": [each.to_json() for each in findings],
    }
    emit(document, as_json, lambda target: print_imported(target, revision, attached, refused, findings))
    return DONE


def _import_bundle(context: typer.Context, bundle: Path, who: Actor, as_json: bool, *, mixed: bool) -> int:
    from planner.app.bundle import import_case

    if mixed:
        raise UsageError("usage", "--bundle brings its own case; leave the id and the paths out.")
    with opened(context) as library:
        case = import_case(library, bundle, who)
    document = {"case": case.id, "revision": 1, "attached": [], "findings": []}
    emit(document, as_json, lambda target: target.print(plain(f"{case.id}  imported")))
    return DONE


def _keys(attached: Sequence[dict[str, Any]]) -> set[tuple[str, int]]:
    return {(each["uid"], each["part"]) for each in attached}


def _save_images(library: Library, case: Case, base: int, who: Actor, *, copy: bool, keys: set[tuple[str, int]]) -> int:
    from planner.app.case_images import remember_places, take_managed_copy
    from planner.store.actors import SaveReason

    revision = library.save(case, base, who, SaveReason.IMPORT)
    remember_places(library, case, who)
    if copy:
        for each in case.studies:
            if (each.series_uid, each.part) in keys and not each.managed:
                case = take_managed_copy(library, case, each, who, progress())(case)
        revision = library.save(case, revision, who, SaveReason.IMPORT)
    return revision


def _attachable(
    paths: Sequence[Path], series: str | None, part: int | None, library: Library
) -> tuple[list[SeriesEntry], list[dict[str, object]]]:
    """The series that can belong to a case, largest first, and the files that were skipped."""
    from planner.app.case_images import index_folder
    from planner.app.images import scan

    found = scan(list(paths), progress(), index=index_folder(library))
    entries = [
        each
        for each in found.series
        if each.kind in (*ATTACHABLE, "refused") and series in (None, each.uid) and part in (None, each.part)
    ]
    if not entries:
        raise InputRefused("no-images", f"{paths[0]} holds no images that a plan can stand on.", subject=str(paths[0]))
    # What names a patient first: the case of --from-series is made of it.
    entries.sort(
        key=lambda each: (
            each.kind not in ATTACHABLE,
            not each.source.patient_id,
            -(each.frames or 0),
            each.uid,
            each.part,
        )
    )
    return entries, [each.to_json() for each in found.skipped]


def _attach(
    case: Case,
    entries: Sequence[SeriesEntry],
    accept: Sequence[str],
    *,
    confirmed: bool = False,
    trusted: str | None = None,
) -> tuple[Case, list[dict[str, Any]], list[dict[str, Any]], list[Finding]]:
    """Attach what can be attached. Images of another patient stop everything; unidentified ones are left out.

    Parameters
    ----------
    trusted
        The series whose patient the case was made of.
    """
    from planner.app.case_images import attach_series
    from planner.app.identity import PatientMismatch, Verdict

    attached: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for entry in entries:
        line = {"uid": entry.uid, "part": entry.part, "modality": entry.modality, "description": entry.description}
        try:
            edit, said = attach_series(case, entry, accept=accept, confirmed=confirmed or entry.uid == trusted)
        except PatientMismatch as error:
            if error.match.verdict is Verdict.DIFFERENT:
                raise
            refused.append({**line, "code": error.code, "text": error.message})
            continue
        except InputRefused as error:
            refused.append({**line, "code": error.code, "text": error.message})
            continue
        case = edit(case)
        findings += [each for each in said if each not in findings]
        attached.append({**line, "study_date": entry.source.study_date, "phase": entry.source.phase})
    return case, attached, refused, findings


def _require_some(attached: Sequence[dict[str, Any]], refused: Sequence[dict[str, Any]]) -> None:
    if not attached:
        raise InputRefused(refused[0]["code"], refused[0]["text"], subject=refused[0]["uid"])
    for each in refused:
        message(f"Left out: {each['text']}")


def _export(
    context: typer.Context,
    case_id: _CaseId,
    out: Annotated[Path, typer.Option("--out", help="Zip file to write. It names the patient.")],
    referral: Annotated[
        bool, typer.Option("--referral", help="With a summary, next steps and codes, for another hospital.")
    ] = False,
    to: Annotated[str, typer.Option("--to", help="With --referral: whom it is for.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="With --referral: why.")] = "",
    by: By = None,
    as_json: Json = False,
) -> int:
    """Write a case with its marked regions, without its images, to one file; or a referral."""
    from planner.app.bundle import export_case

    if referral:
        return case_referral.export_referral(context, case_id, out, actor(by), as_json, to=to, reason=reason)
    if to or reason:
        raise UsageError("usage", "--to and --reason belong to --referral.")
    with opened(context) as library:
        written = export_case(library, case_id, out, actor(by))
    document = {
        "out": str(written.out),
        "case": case_id,
        "revision": written.revision,
        "blobs": written.blobs,
        "sha256": written.sha256,
        "audit_head": written.audit_head,
    }
    emit(document, as_json, lambda target: target.print(plain(f"{written.out}  revision {written.revision}")))
    return DONE
