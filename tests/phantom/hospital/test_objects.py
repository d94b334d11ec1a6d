"""DICOM objects: valid to other readers, and full of texts that can all be found again."""

import subprocess
import warnings
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from benchmarks.leaks import find_identifiers
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from metrascope.phantom.hospital.codings import CODINGS
from metrascope.phantom.hospital.dicom_header import escape_chinese
from metrascope.phantom.hospital.identities import Visit, invent_patients, invent_visits
from metrascope.phantom.hospital.objects import make_image, make_other
from metrascope.phantom.hospital.plan import OTHER_KINDS, Wish
from metrascope.phantom.hospital.planted import TEXT_VRS, Ledger, plantable
from metrascope.phantom.hospital.shot import ScreenRegion, Screenshot

NO_FLAGS = np.zeros((48, 64), np.bool_)
ECHO = np.random.default_rng(0).integers(1, 255, (48, 64, 3)).astype(np.uint8)
FAN = (8, 4, 48, 40)


def shot() -> Screenshot:
    sector = NO_FLAGS.copy()
    sector[4:44, 8:56] = True
    region = ScreenRegion(FAN, "2d", (0.2, 0.2))
    return Screenshot(
        ECHO, ECHO[..., 0], sector, "curved", None, (), NO_FLAGS, NO_FLAGS, "bmode", True, 0.2,
        (region,), "Canon", "Aplio i800",
    )  # fmt: skip


def wish(coding: str = "implicit_rgb", regions: str = "sane", style: str = "part10") -> Wish:
    chosen = next(one for one in CODINGS if one.name == coding)
    return Wish("bmode", "curved", "dicom", chosen, regions, style)


def visit(number: int = 0) -> Visit:
    rng = np.random.default_rng(number)
    return invent_visits(invent_patients(1, rng)[0], 1, "aplio", rng)[0]


def made(number: int, chosen: Wish) -> tuple[bytes, Ledger]:
    ledger = Ledger(np.random.default_rng(number))
    content = make_image(shot(), ECHO[None], chosen, visit(number), ledger, 1)
    return content, ledger


def read(content: bytes) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = dcmread(BytesIO(content), force=True)
        for element in ds.iterall():
            _ = element.value
    return ds


@pytest.fixture(scope="module")
def many() -> list[tuple[bytes, Ledger]]:
    names = ("implicit_rgb", "explicit_rgb_planar", "big_endian_rgb", "deflated_rgb", "jpeg_422")
    return [made(number, wish(names[number % len(names)])) for number in range(60)]


def test_every_kind_of_text_is_planted(many: list[tuple[bytes, Ledger]]) -> None:
    kinds = Counter(note.kind for _, ledger in many for note in ledger.planted)
    assert set(kinds) >= {"name", "id", "text", "place", "date", "time", "uid", "number"}
    representations = {
        element.VR for content, _ in many for element in read(content).iterall() if element.VR
    }
    assert set(TEXT_VRS) <= representations
    assert {"UN", "OB", "OW", "SQ"} <= representations


def test_everything_planted_is_found_in_the_bytes(
    many: list[tuple[bytes, Ledger]], tmp_path: Path
) -> None:
    for number, (content, _) in enumerate(many):
        (tmp_path / f"{number}.dcm").write_bytes(content)
    truth = [{"planted": list(dict.fromkeys(ledger.planted))} for _, ledger in many]
    owners = {f"{number}.dcm": [number] for number in range(len(many))}
    found = find_identifiers(tmp_path, truth, owners)
    seen = {(finding.row, finding.text) for finding in found}
    missing = [
        note
        for number, row in enumerate(truth)
        for note in row["planted"]
        if (number, note.text) not in seen
    ]
    assert not missing


def test_corners_of_the_file_are_used(many: list[tuple[bytes, Ledger]]) -> None:
    places = {note.where for _, ledger in many for note in ledger.planted}
    assert places >= {
        "preamble", "PrivateInformation", "SourceApplicationEntityTitle", "OverlayLabel",
        "OverlayData", "CurveData", "IconImageSequence", "DataSetTrailingPadding",
        "EncapsulatedDocument", "ContentSequence", "RequestAttributes",
    }  # fmt: skip
    assert any(place.endswith("private)") for place in places)
    assert any(place.endswith("unknown)") for place in places)


def test_attributes_that_the_standard_calls_identifying_are_among_those_planted() -> None:
    tables = pytest.importorskip("dicomanonymizer.dicom_anonymization_databases.dicomfields_2024b")
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    listed = {
        keyword_for_tag(tag)
        for name in ("D_TAGS", "Z_TAGS", "X_TAGS", "U_TAGS")
        for tag in getattr(tables, name)
        if len(tag) == 2 and keyword_for_tag(tag) and dictionary_VR(tag) in TEXT_VRS
    }
    drawn = {keyword for keyword, _, _ in plantable()}
    always = set(read(made(1, wish())[0]).dir())
    assert len(listed) > 150
    assert len(listed - drawn - always) <= 0.05 * len(listed), listed - drawn - always


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("name", ["implicit_rgb", "big_endian_rgb", "deflated_rgb", "j2k_rct"])
def test_dcmtk_reads_all_of_it(name: str, tmp_path: Path) -> None:
    for number in range(4):
        content, _ = made(number, wish(name))
        (tmp_path / "a.dcm").write_bytes(content)
        done = subprocess.run(
            ["dcmdump", "--quiet", "a.dcm"], cwd=tmp_path, check=True, capture_output=True
        )
        assert not done.stderr
        assert b"PatientName" in done.stdout


@pytest.mark.peer("dcmtk")
def test_dcmtk_reads_chinese_names(tmp_path: Path) -> None:
    met = set()
    for number in range(40):
        content, _ = made(number, wish())
        chinese = visit(number).patient.given_chinese
        (tmp_path / "a.dcm").write_bytes(content)
        command = ["dcmdump", "--quiet", "+U8", "--search", "PatientName", "a.dcm"]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        assert not chinese or chinese in done.stdout.decode()
        if chinese:
            met.add(str(read(content).SpecificCharacterSet))
    assert len(met) == 3


def test_escapes_stand_in_every_component() -> None:
    ds = Dataset()
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 58"]
    ds.PatientName = "WANG^XIU=王^秀兰"
    escape_chinese(ds)
    assert str(ds.PatientName) == "WANG^XIU=\x1b$)A王^\x1b$)A秀兰"


def test_a_file_may_begin_without_preamble_or_without_meta() -> None:
    whole, _ = made(3, wish())
    assert whole[128:132] == b"DICM"
    bare, _ = made(3, wish(style="no_preamble"))
    assert bare[:4] == b"\x02\0\0\0"
    naked, _ = made(3, wish(style="no_meta"))
    assert naked[:2] == b"\x08\0"
    ds = dcmread(BytesIO(naked), force=True)
    assert ds.Modality == "US"
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    np.testing.assert_array_equal(ds.pixel_array, ECHO)


def test_regions_are_sane_absent_or_insane() -> None:
    box = read(made(0, wish())[0]).SequenceOfUltrasoundRegions[0]
    assert (box.RegionLocationMinX0, box.RegionLocationMinY0) == FAN[:2]
    assert (box.RegionLocationMaxX1, box.RegionLocationMaxY1) == (55, 43)
    assert box.PhysicalDeltaX == pytest.approx(0.02)
    assert "SequenceOfUltrasoundRegions" not in read(made(0, wish(regions="absent"))[0])
    mad = read(made(0, wish(regions="insane"))[0]).SequenceOfUltrasoundRegions[0]
    inside = 0 <= mad.RegionLocationMinX0 < mad.RegionLocationMaxX1 < 64
    assert not inside or mad.PhysicalDeltaX <= 0


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_modalities_are_valid_and_no_ultrasound(kind: str) -> None:
    ledger = Ledger(np.random.default_rng(0))
    ds = read(make_other(kind, visit(), ledger, 1))
    assert ds.Modality != "US"
    assert ledger.planted


def test_ages_over_ninety_identify() -> None:
    old = visit()
    born = old.patient.birth_date.replace(year=1920)
    old = replace(old, patient=replace(old.patient, birth_date=born))
    ledger = Ledger(np.random.default_rng(0))
    ds = read(make_image(shot(), ECHO[None], wish(), old, ledger, 1))
    assert ("age", ds.PatientAge) in {(note.kind, note.text) for note in ledger.planted}
