"""A case as one file: whole when it comes from us, refused when it was made to do harm."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from stored_cases import COLLEAGUE, DOCTOR, make_case, make_session, region

from planner.app import bundle
from planner.app.run_items import run_body
from planner.app.tables import case_list_csv, cell
from planner.errors import InputRefused, StoreError, UsageError
from planner.model import codec
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.links import FrameLink
from planner.model.run_items import (
    KEY_FRAME,
    RUN_CALIBRATION,
    RUN_MEASUREMENT,
    RUN_VIEW,
    KeyFrameBody,
    RunCalibrationBody,
    RunMeasurementBody,
    RunViewBody,
)
from planner.store.actors import utc_now
from planner.store.library import Library


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


def _case(library: Library) -> Case:
    blob = library.put_blob(bytes(300_000) + b"mask")
    case = replace(make_case(), sessions=(make_session("session-1", region(blob)),))
    library.create_case(case, DOCTOR)
    return case


def test_that_a_case_arrives_equal_with_its_blobs(library: Library, other: Library, tmp_path: Path) -> None:
    case = _case(library)
    written = bundle.export_case(library, case.id, tmp_path / "case.zip", DOCTOR)
    assert written.blobs == 1
    assert hashlib.sha256(written.out.read_bytes()).hexdigest() == written.sha256
    assert bundle.import_case(other, written.out, COLLEAGUE) == case
    assert other.open_case(case.id, COLLEAGUE)[0] == case
    assert other.get_blob(case.sessions[0].items[0].body["blob"]["sha256"]).endswith(b"mask")
    assert [each.action for each in library.audit_trail(case.id)][-1] == "exported"
    assert library.verify_chain(case.id, written.audit_head).intact


def test_that_what_lies_on_runs_and_links_arrive_as_they_left(library: Library, other: Library, tmp_path: Path) -> None:
    view = RunViewBody("1.2.3#1", mask_frames=(1, 2), manual_shift_xy_px={"0": (0.5, -0.25)}, window=(0.1, 0.6))
    bodies = {
        RUN_VIEW: view,
        RUN_CALIBRATION: RunCalibrationBody(
            "1.2.3#1", "catheter", 0.31, 0.012, 2, ((1.5, 2.5), (9.0, 9.5)), french=5.0
        ),
        RUN_MEASUREMENT: RunMeasurementBody("1.2.3#1", 7, "stenosis", ((1.0, 2.0),), {"percent": 51.5, "x_mm": None}),
        KEY_FRAME: KeyFrameBody("1.2.3#1", 7, view, "opacified", "After"),
    }
    items = [
        PlanItem(f"item-{kind}", kind, kind, "run-frame", MappingProxyType(codec.to_json(body)))
        for kind, body in bodies.items()
    ]
    matrix = (1.0, 0.0, 0.0, 3.5, 0.0, 1.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.25, 0.0, 0.0, 0.0, 1.0)
    link = FrameLink("link-1", "run-frame", "ct-frame", matrix, "landmarks", 0.8, 4, "D", utc_now())
    case = replace(make_case(), sessions=(make_session("session-1", *items),), links=(link,))
    library.create_case(case, DOCTOR)
    written = bundle.export_case(library, case.id, tmp_path / "case.zip", DOCTOR)
    arrived = bundle.import_case(other, written.out, COLLEAGUE)
    assert arrived == case
    assert [run_body(item) for item in arrived.sessions[0].items] == list(bodies.values())
    assert other.open_case(case.id, COLLEAGUE)[0].links == (link,)


def test_that_an_import_never_overwrites_a_case(library: Library, tmp_path: Path) -> None:
    case = _case(library)
    written = bundle.export_case(library, case.id, tmp_path / "case.zip", DOCTOR)
    with pytest.raises(StoreError) as caught:
        bundle.import_case(library, written.out, DOCTOR)
    assert caught.value.code == "case-exists"
    assert len(library.history(case.id)) == 1


def test_that_an_export_to_nowhere_says_so(library: Library, tmp_path: Path) -> None:
    case = _case(library)
    with pytest.raises(UsageError) as caught:
        bundle.export_case(library, case.id, tmp_path / "absent" / "case.zip", DOCTOR)
    assert caught.value.code == "cannot-write"


def _write(file: Path, content: dict[str, bytes], manifest: Any = None, *, link: str | None = None) -> Path:
    if manifest is None:
        files = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
        manifest = {"format": bundle.FORMAT, "version": bundle.FORMAT_VERSION, "files": files}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if name == link:
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, data)
        archive.writestr(bundle.MANIFEST_NAME, manifest if isinstance(manifest, bytes) else json.dumps(manifest))
    return file


def _case_bytes(**changes: Any) -> bytes:
    data = {**codec.to_json(make_case()), **changes}
    return json.dumps(data).encode()


SESSION = codec.to_json(make_session())


@pytest.mark.parametrize(
    ("content", "manifest", "code"),
    [
        ({"../evil": b"x", "case.json": _case_bytes()}, None, "bad-bundle"),
        ({"/etc/passwd": b"x", "case.json": _case_bytes()}, None, "bad-bundle"),
        ({"blobs/" + "a" * 64: b"not its digest", "case.json": _case_bytes()}, None, "bad-bundle"),
        ({"case.json": b"{"}, None, "bad-document"),
        ({"case.json": b"[" * 100_000}, None, "bad-document"),
        ({"case.json": b"[]"}, None, "bad-document"),
        ({"case.json": _case_bytes(title=5)}, None, "bad-document"),
        ({"case.json": _case_bytes(surprise=1)}, None, "bad-document"),
        ({"case.json": _case_bytes().replace(b"-12.25", b"NaN")}, None, "bad-document"),
        ({"case.json": _case_bytes(schema=99)}, None, "newer-document"),
        ({"case.json": _case_bytes(sessions=[SESSION, SESSION])}, None, "bad-bundle"),
        ({"case.json": _case_bytes()}, {"format": "other", "version": 1, "files": {}}, "bad-bundle"),
        ({"case.json": _case_bytes()}, {"format": bundle.FORMAT, "version": 2, "files": {}}, "newer-document"),
        (
            {"case.json": _case_bytes()},
            {"format": bundle.FORMAT, "version": 1, "files": {"case.json": "0"}},
            "bad-bundle",
        ),
        ({"case.json": _case_bytes()}, b"[]", "bad-bundle"),
        ({"case.json": b" " * 3_000_000}, None, "bad-bundle"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_that_a_bad_bundle_is_refused_and_changes_nothing(
    library: Library, tmp_path: Path, content: dict[str, bytes], manifest: Any, code: str
) -> None:
    file = _write(tmp_path / "bad.zip", content, manifest)
    with pytest.raises(InputRefused) as caught:
        bundle.import_case(library, file, DOCTOR)
    assert caught.value.code == code
    assert library.list_cases() == ()


def test_that_a_missing_mask_is_refused(library: Library, tmp_path: Path) -> None:
    case = replace(make_case(), sessions=(make_session("session-1", region("a" * 64)),))
    file = _write(tmp_path / "bad.zip", {"case.json": codec.canonical(case).encode()})
    with pytest.raises(InputRefused, match="is missing"):
        bundle.import_case(library, file, DOCTOR)


def test_that_links_twins_and_too_many_files_are_refused(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = {"case.json": _case_bytes()}
    with pytest.raises(InputRefused, match="is a link"):
        bundle.import_case(library, _write(tmp_path / "link.zip", case, link="case.json"), DOCTOR)
    twins = _write(tmp_path / "twins.zip", case)
    with zipfile.ZipFile(twins, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("case.json", b"{}")
    with pytest.raises(InputRefused, match="twice"):
        bundle.import_case(library, twins, DOCTOR)
    monkeypatch.setattr(bundle, "MAXIMUM_ENTRIES", 1)
    with pytest.raises(InputRefused, match="more than 1"):
        bundle.import_case(library, _write(tmp_path / "many.zip", case), DOCTOR)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(200)])
def test_that_what_is_no_zip_is_refused(library: Library, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    with pytest.raises(InputRefused) as caught:
        bundle.import_case(library, file, DOCTOR)
    assert caught.value.code == "bad-bundle"


def test_that_a_cut_or_altered_bundle_is_refused(library: Library, other: Library, tmp_path: Path) -> None:
    case = _case(library)
    whole = bundle.export_case(library, case.id, tmp_path / "case.zip", DOCTOR).out.read_bytes()
    broken = tmp_path / "broken.zip"
    for position in range(0, len(whole), max(1, len(whole) // 40)):
        broken.write_bytes(whole[:position])
        with pytest.raises(InputRefused):
            bundle.import_case(other, broken, DOCTOR)
        broken.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            arrived = bundle.import_case(other, broken, DOCTOR)
        except InputRefused:
            continue
        # Some bytes of a zip mean nothing (dates); what arrives is then the same case.
        assert arrived == case
        break


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|x", "'+cmd|x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("  =1", "'  =1"),
        ("\t=1", "'\t=1"),
        ("-7.5", "-7.5"),
        (-7.5, "-7.5"),
        (None, ""),
        ("Zoë, A", "Zoë, A"),
    ],
)
def test_that_no_cell_is_run_as_a_formula(given: object, shown: str) -> None:
    assert cell(given) == shown


def test_that_the_list_of_cases_is_a_safe_csv(library: Library) -> None:
    library.create_case(make_case(name='=HYPERLINK("x")', title='a "quoted", title'), DOCTOR)
    text = case_list_csv(library.list_cases())
    assert '"\'=HYPERLINK(""x"")"' in text
    assert '"a ""quoted"", title"' in text
