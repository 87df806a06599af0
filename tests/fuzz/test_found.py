"""What the fuzz target found once, made small: each of these raised something other than a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_files import SERIES
from fuzz.report_seeds import dose_report, presentation_state
from fuzz.seeds import angio_run, dicom_bytes
from pydicom.dataset import Dataset

from planner.app.images import load, scan
from planner.dicom.angio_reading import load_run, run_facts
from planner.dicom.dose_reports import read_dose_report
from planner.dicom.presentation_states import read_presentation_state
from planner.errors import InputRefused


def written(file: Path, data: Dataset, change: tuple[bytes, bytes] | None = None) -> Path:
    raw = dicom_bytes(data)
    if change is not None:
        assert change[0] in raw
        raw = raw.replace(change[0], change[1], 1)
    file.write_bytes(raw)
    return file


def test_that_a_run_without_frames_is_refused(tmp_path: Path) -> None:
    data = angio_run()
    data.NumberOfFrames = 0
    (entry,) = scan([written(tmp_path / "run.dcm", data)]).series
    for read in (load_run, run_facts):
        with pytest.raises(InputRefused, match="0 frames") as refusal:
            read(entry)
        assert refusal.value.code == "undecodable"


DAMAGE = {
    "unknown representation": (b"\x40\x00\x0a\xa3DS", b"\x40\x00\x0a\xa3FS"),
    "no number": (b"13639.0 ", b"1363x.0 "),
    "endless number": (b"13639.0 ", b"1e999   "),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_that_a_damaged_dose_report_is_refused(name: str, tmp_path: Path) -> None:
    file = written(tmp_path / "dose.dcm", dose_report(), DAMAGE[name])
    with pytest.raises(InputRefused, match=r"dose\.dcm") as refusal:
        read_dose_report(file)
    assert refusal.value.code in ("unreadable-number", "truncated")


def test_that_a_dose_report_whose_sequence_holds_no_item_is_refused(tmp_path: Path) -> None:
    data = dose_report()
    del data.ContentSequence
    data.add_new(0x00420011, "OB", b"\1\2\3\4")
    file = written(tmp_path / "dose.dcm", data, (b"\x42\x00\x11\x00OB", b"\x40\x00\x30\xa7SQ"))
    with pytest.raises(InputRefused, match=r"dose\.dcm"):
        read_dose_report(file)


def test_that_a_presentation_state_with_an_unknown_representation_is_refused(tmp_path: Path) -> None:
    run = load_run(scan([written(tmp_path / "run.dcm", angio_run())]).series[0])
    good = written(tmp_path / "good.dcm", presentation_state(SERIES))
    assert read_presentation_state(good, run).annotations
    bad = written(tmp_path / "bad.dcm", presentation_state(SERIES), (b"\x70\x00\x22\x00FL", b"\x70\x00\x22\x00FX"))
    with pytest.raises(InputRefused, match=r"bad\.dcm"):
        read_presentation_state(bad, run)


@pytest.mark.parametrize("name", ["v.nrrd", "v.mha"])
def test_that_controls_in_a_header_do_not_reach_the_sentence(name: str, tmp_path: Path) -> None:
    from fuzz.seeds import volume_files

    raw = dict(volume_files())[name]
    at = raw.index(b"0.0", raw.lower().index(b"origin") if name == "v.nrrd" else raw.index(b"Offset"))
    (tmp_path / name).write_bytes(raw[:at] + b"\x1b[2J" + raw[at:])
    (skipped,) = scan([tmp_path]).skipped
    assert skipped.text.isprintable()
    assert (skipped.code, "origin" in skipped.text) == ("undecodable", True)


def test_that_controls_in_a_transfer_syntax_do_not_reach_the_sentence(tmp_path: Path) -> None:
    written(tmp_path / "a.dcm", angio_run(), (b"1.2.840.10008.1.2.1\0", b"\x02\x1b.840.10008.1.2.1\0"))
    found = scan([tmp_path])
    texts = [one.text for one in found.skipped] + [one.text for entry in found.series for one in entry.findings]
    assert texts
    assert all(text.isprintable() for text in texts)
    for entry in found.series:
        with pytest.raises(InputRefused):
            load(entry)
