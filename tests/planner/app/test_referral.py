"""The referral package: out with summary, next steps and sure codes; in only whole, and only of the same patient."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from stored_cases import COLLEAGUE, DOCTOR, make_case, region

from planner.app.codes import coded
from planner.app.referral import NextStep, Referral, import_referral, read_referral, write_referral
from planner.app.referral_taking import take_over, task_of_step
from planner.app.templates import installed
from planner.errors import InputRefused, StoreError, UsageError
from planner.model.case import Case
from planner.model.disease import Diagnosis
from planner.model.follow_up import Report
from planner.model.people import Allergy, Implant, LabValue, Patient, PriorTreatment
from planner.model.session import Answer, Session, SessionState, TemplateRef
from planner.store.library import Library
from planner.workflow.ledgers import ledger_of

TODAY = date(2026, 4, 20)
NOW = datetime(2026, 4, 20, 9, tzinfo=UTC)
DONE = date(2026, 3, 9)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    yield opened
    opened.close()


def _session() -> Session:
    rows = [{"drug": "doxorubicin", "drug_class": "anthracycline", "amount": 40.0}] * 2
    injections = MappingProxyType({"drugs_given": Answer(rows)})
    return Session(
        "session-9",
        "TACE 1",
        TemplateRef("tace", "1.0.0", "d" * 64, "bclc-cirse", "2022"),
        SessionState.DISCHARGED,
        performed_on=DONE,
        answers=MappingProxyType({"injections": injections}),
    )


def _case() -> Case:
    return replace(
        make_case(),
        diagnosis=Diagnosis("Hepatocellular carcinoma", histology="HCC", proof="biopsy"),
        sessions=(_session(),),
        laboratory=(
            LabValue("lab-1", "bilirubin", 1.2, "mg/dL", DONE),
            LabValue("lab-2", "pivka_ii", 200.0, "mAU/mL", DONE, ">"),
        ),
        allergies=(Allergy("iodinated contrast", "urticaria"),),
        implants=(Implant("Drain", "left duct", DONE, date(2026, 6, 1)),),
        reports=(Report("report-1", "pain", 3.0, DONE, "patient", "N", NOW),),
    )


def _written(library: Library, folder: Path) -> Path:
    library.create_case(_case(), DOCTOR)
    return write_referral(
        library, "case-1", folder / "r.zip", DOCTOR, today=TODAY, to="County hospital", reason="Ablation near home"
    ).out


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package for all tests that only read it or change a copy."""
    folder = tmp_path_factory.mktemp("referral")
    library = Library.open(f"sqlite:///{folder / 'library.sqlite'}")
    try:
        return _written(library, folder)
    finally:
        library.close()


def _content(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rewritten(file: Path, folder: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The package with its content changed and the digests of its manifest made to fit."""
    content = _content(file)
    change(content)
    manifest = json.loads(content["manifest.json"])
    if "files" in manifest:
        manifest["files"] = {
            name: hashlib.sha256(data).hexdigest() for name, data in content.items() if name != "manifest.json"
        }
    content["manifest.json"] = json.dumps(manifest).encode()
    out = folder / "changed.zip"
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out


def test_that_a_package_says_what_the_next_hospital_needs(library: Library, tmp_path: Path) -> None:
    content = _content(_written(library, tmp_path))
    text = content["summary.txt"].decode()
    for words in (
        "County hospital",
        "Ablation near home",
        "Hepatocellular carcinoma",
        "iodinated contrast: urticaria",
        "TACE 1",
        "1.2 mg/dL",
        ">200 mAU/mL",
        "doxorubicin; Total: 80 mg",
        "elsewhere unknown",
        "Next steps",
        "unverified default",
    ):
        assert words in text, words
    assert content["summary.pdf"].startswith(b"%PDF")
    steps = json.loads(content["next_steps.json"])["next_steps"]
    assert {"imaging", "device"} <= {each["kind"] for each in steps}
    assert "exported" in [each.action for each in library.audit_trail("case-1")]


def test_that_only_sure_codes_leave_and_the_others_are_named() -> None:
    codes = coded(_case())
    assert [each["code"] for each in codes["diagnosis"]] == ["2C12"]
    assert [each["code"] for each in codes["morphology"]] == ["8170/3"]
    assert [(each["code"], each["value"], each["unit"]) for each in codes["laboratory"]] == [("14631-6", 1.2, "mg/dL")]
    assert codes["not_coded"] == ["PIVKA-II (des-gamma-carboxy prothrombin)"]
    by_images = coded(replace(_case(), diagnosis=Diagnosis("HCC", histology="HCC", proof="imaging")))
    assert by_images["morphology"] == []
    typed = coded(replace(_case(), diagnosis=Diagnosis("Liver tumour", code="X1", code_system="house")))
    assert [(each["system"], each["code"]) for each in typed["diagnosis"]] == [("house", "X1")]
    assert "Metastases" in coded(replace(_case(), diagnosis=Diagnosis("Metastases", histology="CRLM")))["not_coded"]


def test_that_a_package_is_read_and_becomes_a_case_of_its_own(other: Library, package: Path) -> None:
    referral = read_referral(package)
    assert (referral.sender, referral.to, referral.made_on) == (DOCTOR.user, "County hospital", TODAY)
    assert referral.case == _case()
    assert import_referral(other, package, COLLEAGUE) == _case()
    with pytest.raises(StoreError):
        import_referral(other, package, COLLEAGUE)


def test_that_marked_regions_travel_with_it(library: Library, other: Library, tmp_path: Path) -> None:
    blob = library.put_blob(b"mask" * 100)
    case = replace(_case(), sessions=(replace(_session(), items=(region(blob),)),))
    library.create_case(case, DOCTOR)
    file = write_referral(library, "case-1", tmp_path / "r.zip", DOCTOR, today=TODAY).out
    import_referral(other, file, COLLEAGUE)
    assert other.get_blob(blob) == b"mask" * 100


def _referral(case: Case) -> Referral:
    return Referral(case, "Centre", "", "", TODAY, "", ())


def _ours() -> Case:
    return replace(make_case("case-77"), sessions=())


def test_that_treatments_elsewhere_count_in_the_ledger_and_twice_changes_nothing() -> None:
    taken = take_over(_ours(), _referral(_case()), installed().templates)
    (total,) = [each for each in ledger_of(taken.case, {}).totals if each.substance == "doxorubicin"]
    assert (total.amount, total.entries) == (80.0, 2)
    assert {each.where for each in taken.case.prior_treatments} == {"outside"}
    assert taken.case.outside_sessions == "yes"
    assert [each.analyte for each in taken.case.laboratory] == ["bilirubin", "pivka_ii"]
    assert not {each.id for each in taken.case.laboratory} & {"lab-1", "lab-2"}
    assert len(taken.case.allergies) == len(taken.case.implants) == len(taken.case.reports) == 1
    assert any("Not taken over: lesions" in line for line in taken.lines)
    assert take_over(taken.case, _referral(_case()), installed().templates).case is taken.case


def test_that_a_proposal_of_the_sender_becomes_a_task_here_once_with_an_owner() -> None:
    referral, step = _referral(_case()), NextStep("marker", "AFP", date(2026, 5, 4), "Dr Elsewhere")
    make = task_of_step(referral, step, owner="Nurse Hale", due_on=step.due_on, by="Dr Fellow", now=NOW)
    case = make(_ours())
    (task,) = case.tasks
    assert (task.kind, task.owner, task.due_on, task.opened_by) == (
        "laboratory",
        "Nurse Hale",
        date(2026, 5, 4),
        "Dr Fellow",
    )
    assert task.text == "AFP (proposed by Centre, referral of 2026-04-20)"
    with pytest.raises(UsageError, match="open already"):
        make(case)
    with pytest.raises(UsageError, match="Name who does it"):
        task_of_step(referral, step, owner=" ", due_on=None, by="Dr Fellow", now=NOW)
    for patient, words in (
        (Patient("OTHER", "ZZPHI^Zoë", issuer="HOSPITAL", birth_date=date(1951, 2, 3)), "another patient"),
        (Patient("", "ZZPHI^Zoë", birth_date=date(1951, 2, 3)), "cannot be told"),
    ):
        with pytest.raises(InputRefused, match=words):
            make(replace(_ours(), patient=patient))


def test_that_our_own_session_coming_back_is_not_counted_twice() -> None:
    ours = replace(_ours(), sessions=(_session(),))
    taken = take_over(ours, _referral(_case()), installed().templates)
    assert taken.case.prior_treatments == ()
    assert taken.case.outside_sessions is None


def test_that_a_record_that_cannot_be_read_is_said() -> None:
    broken = replace(
        _session(), answers=MappingProxyType({"injections": MappingProxyType({"drugs_given": Answer(["x"])})})
    )
    for theirs in (replace(_case(), sessions=(broken,)), _case()):
        templates = installed().templates if theirs.sessions[0] is broken else {}
        taken = take_over(_ours(), _referral(theirs), templates)
        assert [each.amount for each in taken.case.prior_treatments] == [None]
        assert any("could not be read" in line for line in taken.lines)


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        (Patient("OTHER", "ZZPHI^Zoë", issuer="HOSPITAL", birth_date=date(1951, 2, 3)), "another patient"),
        (Patient("ZZPHI-0042", "ZZPHI^Zoë", issuer="HOSPITAL", birth_date=date(1951, 2, 4)), "another patient"),
        (Patient("", "ZZPHI^Zoë", birth_date=date(1951, 2, 3)), "cannot be told"),
    ],
)
def test_that_another_patient_is_refused(patient: Patient, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        take_over(_ours(), _referral(replace(_case(), patient=patient)), {})


def test_that_a_missing_identifier_is_for_a_person_and_teaching_data_stay_apart() -> None:
    nameless = replace(_case(), patient=replace(_case().patient, patient_id=""))
    assert take_over(_ours(), _referral(nameless), {}, confirmed=True).case.laboratory
    with pytest.raises(InputRefused, match="never mixed"):
        take_over(_ours(), _referral(replace(_case(), simulated=True)), {})


def test_that_treatments_known_already_stay_single() -> None:
    known = PriorTreatment("surgery", "Resection", date(2024, 1, 1), "outside")
    ours, theirs = (replace(each, prior_treatments=(known,)) for each in (_ours(), replace(_case(), sessions=())))
    assert take_over(ours, _referral(theirs), {}).case.prior_treatments == (known,)


def _not_json(content: dict[str, bytes]) -> None:
    content["next_steps.json"] = b"[" * 100_000


def _no_list(content: dict[str, bytes]) -> None:
    content["next_steps.json"] = b'{"next_steps": {}}'


def _strange_step(content: dict[str, bytes]) -> None:
    content["next_steps.json"] = b'{"next_steps": [{"kind": 1, "text": "x"}]}'


def _foreign(content: dict[str, bytes]) -> None:
    content["../evil.txt"] = b"x"


def _large(content: dict[str, bytes]) -> None:
    content["summary.txt"] = bytes(17 << 20)


def _less(content: dict[str, bytes]) -> None:
    del content["codes.json"]


def _no_bundle(content: dict[str, bytes]) -> None:
    content["case.zip"] = b"PK nothing"


def _other_format(content: dict[str, bytes]) -> None:
    content["manifest.json"] = b'{"format": "x", "version": 1, "files": {}}'


def _newer(content: dict[str, bytes]) -> None:
    content["manifest.json"] = content["manifest.json"].replace(b'"version":1', b'"version":99')


def _dayless(content: dict[str, bytes]) -> None:
    content["manifest.json"] = content["manifest.json"].replace(b"2026-04-20", b"yesterday")


@pytest.mark.parametrize(
    "change",
    [_not_json, _no_list, _strange_step, _foreign, _large, _less, _no_bundle, _other_format, _newer, _dayless],
)
def test_that_a_package_made_to_do_harm_is_refused_in_one_sentence(
    change: Callable[[dict[str, bytes]], None], package: Path, tmp_path: Path
) -> None:
    file = _rewritten(package, tmp_path, change)
    with pytest.raises(InputRefused) as refused:
        read_referral(file)
    assert refused.value.message.count("\n") == 0


def test_that_a_changed_file_does_not_fit_its_digest(package: Path, tmp_path: Path) -> None:
    content = _content(package)
    content["summary.txt"] += b"and give 400 mg"
    out = tmp_path / "changed.zip"
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(InputRefused, match="does not fit its digest"):
        read_referral(out)


def test_that_links_and_what_is_no_zip_are_refused(package: Path, tmp_path: Path) -> None:
    content = _content(package)
    link = zipfile.ZipInfo("summary.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    linked = io.BytesIO()
    with zipfile.ZipFile(linked, "w") as archive:
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("manifest.json", content["manifest.json"])
    file = tmp_path / "bad.zip"
    for data, words in ((linked.getvalue(), "link"), (b"no zip at all", "no zip file")):
        file.write_bytes(data)
        with pytest.raises(InputRefused, match=words):
            read_referral(file)
    with pytest.raises(UsageError, match="does not exist"):
        read_referral(tmp_path / "nowhere.zip")


def test_that_typed_text_cannot_add_lines_to_the_summary(library: Library, tmp_path: Path) -> None:
    case: Any = replace(_case(), allergies=(Allergy("none\nLast response: CR"),))
    library.create_case(case, DOCTOR)
    file = write_referral(library, "case-1", tmp_path / "r.zip", DOCTOR, today=TODAY).out
    assert not [line for line in read_referral(file).summary.splitlines() if line.startswith("Last response")]
