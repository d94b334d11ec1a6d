"""The keep-list: what passes, in which form, and what never does."""

import re
import time
import warnings
from contextlib import suppress
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag

from metrascope.dicom import keep_list as keep
from metrascope.dicom.clean import clean_dataset
from metrascope.dicom.keep_list import (
    keep_list_rows,
    kept_columns,
    patient_key,
    personal_words,
    read_identifiers,
)
from metrascope.dicom.vocabulary import MAKERS, WORDS, clean_maker, clean_model, clean_probe
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.phantom.scanners import SCANNERS

PSEUDONYMS = Pseudonyms(bytes(range(32)))
BLACK = np.zeros((1, 4, 4), np.uint8)


def dataset(**values: object) -> pydicom.Dataset:
    ds = pydicom.Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in values.items():
            setattr(ds, name, value)
    return ds


def raw(**values: bytes) -> pydicom.Dataset:
    """Return a data set as read from a file: bytes that nobody has looked at yet."""
    ds = pydicom.Dataset()
    for name, value in values.items():
        tag = Tag(pydicom.datadict.tag_for_keyword(name))
        vr = pydicom.datadict.dictionary_VR(tag)
        ds[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return ds


@pytest.mark.parametrize(
    ("age", "born", "examined", "expected"),
    [
        ("047Y", "", "", "47"),
        ("47Y", "", "", "47"),
        ("000Y", "", "", "0"),
        ("018M", "", "", "1"),
        ("010W", "", "", "0"),
        ("100D", "", "", "0"),
        ("089Y", "", "", "89"),
        ("090Y", "", "", "90"),
        ("091Y", "", "", "90"),
        ("112Y", "", "", "90"),
        ("999Y", "", "", ""),
        ("Y", "19770301", "20240229", "46"),
        ("", "19770301", "20240301", "47"),
        ("", "1977.03.01", "20240301", "47"),
        ("", "20000229", "20010228", "0"),
        ("", "19200101", "20240301", "90"),
        ("", "20250101", "20240301", ""),
        ("", "17000101", "20240301", ""),
        ("", "19770230", "20240301", ""),
        ("-47Y", "", "", ""),
        ("４７Y", "", "", ""),
    ],
)
def test_age(age: str, born: str, examined: str, expected: str) -> None:
    ds = dataset(PatientAge=age, PatientBirthDate=born, StudyDate=examined)
    assert kept_columns(ds)["age"] == expected


@pytest.mark.parametrize(
    ("maker", "model", "expected"),
    [
        ("GE Healthcare", "Voluson E10", "GE Voluson E10"),
        ("G.E. Medical Systems", "LOGIQ 700", "GE LOGIQ 700"),
        ("GE MEDICAL SYSTEMS ULTRASOUND", "LOGIQE9", "GE LOGIQE9"),
        ("GE Vingmed Ultrasound", "Vivid E95", "GE Vivid E95"),
        ("Philips Medical Systems", "EPIQ 7C", "Philips EPIQ 7C"),
        ("Philips Medical Systems", "iU22", "Philips iU22"),
        ("SIEMENS", "ACUSON S2000", "Siemens ACUSON S2000"),
        ("TOSHIBA_MEC_US", "Aplio 500", "Toshiba Aplio 500"),
        ("CANON_MEC", "Aplio i800", "Canon Aplio i800"),
        ("SAMSUNG MEDISON CO., LTD.", "WS80A", "Samsung WS80A"),
        ("MEDISON", "ACCUVIX XQ", "Medison ACCUVIX XQ"),
        ("Mindray", "Resona 7", "Mindray Resona 7"),
        ("深圳迈瑞生物医疗电子股份有限公司", "DC-70", "Mindray DC-70"),
        ("ALOKA CO., LTD.", "SSD-4000", "Aloka SSD-4000"),
        ("Hitachi, Ltd.", "ARIETTA 70", "Hitachi ARIETTA 70"),
        ("SonoSite, Inc.", "M-Turbo", "SonoSite M-Turbo"),
        ("", "Voluson E8", "Voluson E8"),
        ("GE", "GE Voluson E8", "GE Voluson E8"),
        ("TOSHIBA", "Aplio500", "Toshiba Aplio500"),
        ("", "", ""),
    ],
)
def test_scanners_have_one_name(maker: str, model: str, expected: str) -> None:
    ds = dataset(Manufacturer=maker, ManufacturerModelName=model)
    assert kept_columns(ds, PSEUDONYMS.scanner)["scanner"] == expected


def test_the_scanners_of_the_phantom_keep_their_names() -> None:
    for scanner in SCANNERS:
        name = SCANNERS[scanner].name
        maker, model = name.split(" ", 1)
        assert (
            kept_columns(dataset(Manufacturer=maker, ManufacturerModelName=model))["scanner"]
            == name
        )


@pytest.mark.parametrize(
    "model",
    [
        "Voluson E10 Wang Li",
        "Voluson E10 (王丽)",
        "Voluson E10 13800138000",
        "Voluson E10 Dr.Smith",
        "Voluson E10\\Wang Li",
        "Voluson E10 20240229",
        "Ｖｏｌｕｓｏｎ E10 1977-03-01",
        "Voluson E10 id=00123 00123",
    ],
)
def test_free_text_in_a_model_does_not_pass(model: str) -> None:
    ds = dataset(Manufacturer="GE", PatientName="Wang^Li", PatientID="00123")
    ds.add(DataElement("ManufacturerModelName", "UT", model))
    scanner = kept_columns(ds, PSEUDONYMS.scanner)["scanner"]
    assert scanner.startswith("GE Voluson E10 unlisted-")
    assert len(scanner) == len("GE Voluson E10 unlisted-") + 6
    assert kept_columns(ds)["scanner"] == "GE Voluson E10"


@pytest.mark.parametrize("personal", [{"PatientID": "AB12"}, {"PatientName": "Ab^Xu=李^丽"}])
def test_a_code_that_is_somebodys_does_not_pass(personal: dict[str, str]) -> None:
    ds = dataset(Manufacturer="GE", ManufacturerModelName="Voluson AB12", **personal)
    ds.TransducerData = "AB12"
    assert (kept_columns(ds)["scanner"], kept_columns(ds)["probe"]) == ("GE Voluson", "")
    ds.PatientID, ds.PatientName = "7", "Li"
    assert (kept_columns(ds)["scanner"], kept_columns(ds)["probe"]) == ("GE Voluson AB12", "AB12")


def test_an_unknown_scanner_has_a_code_of_its_own() -> None:
    def name(maker: str, model: str, known: frozenset[str] = frozenset()) -> str:
        ds = dataset(Manufacturer=maker, ManufacturerModelName=model)
        return kept_columns(ds, PSEUDONYMS.scanner, known)["scanner"]

    assert name("Acme", "Aurora").startswith("unlisted-")
    assert name("Acme", "Aurora") == name("ACME ", "aurora")
    assert name("Acme", "Aurora") != name("Acme", "Borealis")
    assert name("GE", "Aurora").startswith("GE unlisted-")
    assert name("GE", "Aurora 3", frozenset({"aurora"})) == "GE Aurora 3"


@pytest.mark.parametrize(
    "model", ["X300", "SC2000", "i800", "SSA-790A", "EUB-7500", "5000", "WS80A", "HD11XE", "512"]
)
def test_known_shapes_of_models_pass(model: str) -> None:
    assert clean_model(f"Voluson {model}") == (f"Voluson {model}", True)


SOMEBODYS = "ZWL1234 ZWL123 ZWL-12 US1234 A1234 MR0012 AB1200 1234 E10ZWL 123 P123 zwl85"


@pytest.mark.parametrize("number", SOMEBODYS.split())
def test_letters_and_digits_that_may_be_somebodys_do_not_pass(number: str) -> None:
    assert clean_model(f"Voluson {number}") == ("Voluson", False)
    assert clean_probe(number) == ""


PROBES = (
    "C5-1 RIC5-9-D IC9-RS V8-4 9L-D C1-5-D 3D9-3v PVT-781VT UST-9124 mC7-2 CA1-7A E8-5 EVN4-9 4C"
    " DE11-3Ws VF10-5 L12-3"
)


@pytest.mark.parametrize("probe", PROBES.split())
def test_names_of_probes_pass(probe: str) -> None:
    assert clean_probe(probe) == probe


@pytest.mark.parametrize(
    "text",
    [
        *("UNUSED", "Wang Li", "50.80.103.002", "4121885", "13800138000", "19770301", "C5-1 Wang"),
        *(
            "WANG77",
            "王5",
            "A1" * 7,
            "",
            "1977-03-01",
            "77-3-1",
            "13JAN77",
            "1MAY",
            "C5-1;",
            "00123",
        ),
    ],
)
def test_other_text_is_no_probe(text: str) -> None:
    assert clean_probe(text) == ""


def test_probe_depth_and_frame_time() -> None:
    ds = dataset(TransducerData=["UNUSED", "C5-1"], DepthOfScanField="98.6", FrameTime="33.3333")
    assert (kept_columns(ds)["probe"], kept_columns(ds)["depth_mm"]) == ("C5-1", "99")
    assert keep.read_frame_time(ds) == "33.33"
    assert kept_columns(dataset(TransducerType="ENDOCAV_CLA"))["probe"] == "ENDOCAV_CLA"
    assert kept_columns(dataset(TransducerType="WANG LI"))["probe"] == ""
    assert keep.read_frame_time(dataset(FrameTimeVector=["0", "40.5", "40"])) == "40.5"
    assert keep.read_frame_time(dataset(CineRate="25")) == "40"
    assert keep.read_frame_time(dataset(CineRate="0")) == ""
    for depth in ("0", "501", "-5", "1e99", "nan", "inf", "138001380001"):
        assert kept_columns(raw(DepthOfScanField=depth.encode()))["depth_mm"] == ""


def test_keys_find_names_in_all_their_groups() -> None:
    ds = dataset(
        PatientName="Wang^Li^^Dr=王^丽=ㄨㄤ^ㄌㄧ", PatientID=" 00123 ", AccessionNumber="A7"
    )
    ds.IssuerOfPatientID, ds.StudyDate, ds.PatientBirthDate = "H1", "20240229", "19770301"
    keys = read_identifiers(ds)
    assert (keys["patient_id"], keys["issuer"], keys["accession"]) == ("00123", "H1", "A7")
    assert keys["name_alphabetic"] == "Wang Li Dr"
    assert (keys["name_ideographic"], keys["name_phonetic"]) == ("王 丽", "ㄨㄤ ㄌㄧ")
    assert (keys["study_date"], keys["birth_date"]) == ("2024-02-29", "1977-03-01")
    assert set(read_identifiers(pydicom.Dataset()).values()) == {""}
    assert read_identifiers(dataset(PatientID="--", AccessionNumber="\x01"))["patient_id"] == ""
    nobody = read_identifiers(
        dataset(PatientID="ANONYMOUS", AccessionNumber="0", PatientName="Test^Patient")
    )
    assert set(nobody.values()) == {""}


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        (b"GB18030", "gb18030"),
        (b"GBK", "gbk"),
        (b"ISO_IR 192", "utf-8"),
        (b"", "gb18030"),
        (b"", "utf-8"),
        (b"ISO_IR 100", "gb18030"),
        (b"ISO_IR 192", "gb18030"),
        (b"NONSENSE", "gb18030"),
        (b"\\ISO 2022 IR 58", "gb2312"),  # without the escape sequences that it demands
        (b"\xff\xfe", "gb18030"),
    ],
)
def test_chinese_is_read_as_declared_and_as_it_is(declared: bytes, encoding: str) -> None:
    name = "王^丽".encode(encoding)
    assert read_identifiers(raw(SpecificCharacterSet=declared, PatientName=name))["name"] == "王^丽"


def test_escape_sequences_go() -> None:
    name = b"Wang^Li=\x1b$)A" + "王".encode("gb2312") + b"^\x1b$)A" + "丽".encode("gb2312")
    for declared in (b"\\ISO 2022 IR 58", b"ISO 2022 IR 6\\ISO 2022 IR 58"):
        ds = raw(SpecificCharacterSet=declared, PatientName=name)
        assert read_identifiers(ds)["name"] == "Wang^Li=王^丽"
    japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"  # PS3.5 H.3.1
    ds = raw(SpecificCharacterSet=b"\\ISO 2022 IR 87", PatientName=japanese)
    assert read_identifiers(ds)["name"] == "Yamada^Tarou=山田^太郎"
    korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"  # PS3.5 I.2
    ds = raw(SpecificCharacterSet=b"\\ISO 2022 IR 149", PatientName=korean)
    assert read_identifiers(ds)["name"] == "Hong^Gildong=洪^吉洞"


def test_a_character_that_has_a_backslash_in_it_is_not_split() -> None:
    name = "誠^丽".encode("gbk")
    assert b"\\" in name
    assert read_identifiers(raw(SpecificCharacterSet=b"GBK", PatientName=name))["name"] == "誠^丽"


def test_european_names_are_not_taken_for_chinese() -> None:
    ds = raw(SpecificCharacterSet=b"ISO_IR 100", PatientName="Müller^Zoë".encode("latin-1"))
    assert read_identifiers(ds)["name"] == "Müller^Zoë"
    ds = raw(SpecificCharacterSet=b"ISO_IR 101", PatientName="Kovács^Ľ".encode("iso8859-2"))
    assert read_identifiers(ds)["name"] == "Kovács^Ľ"


def test_the_patient_is_told_by_what_there_is() -> None:
    ds = dataset(PatientID="7", StudyInstanceUID="1.2", SOPInstanceUID="1.2.3")
    assert patient_key(ds) == "7"
    ds.PatientID = ""
    assert patient_key(ds) == "study 1.2"
    del ds.StudyInstanceUID
    assert patient_key(ds) == "image 1.2.3"
    assert patient_key(pydicom.Dataset()) == ""


def test_personal_words_are_those_of_people() -> None:
    ds = dataset(PatientName="Wang^Li=王^丽丽", OperatorsName=["Dr^A", "Xu^Bo"], StudyID="S7")
    words = personal_words(ds)
    assert {"wang", "li", "丽丽", "dr", "xu", "bo", "s7"} <= words
    assert "a" not in words


def test_the_list_describes_itself_in_both_languages() -> None:
    for lang in ("en", "zh"):
        rows = keep_list_rows(lang)
        assert len(rows) == len(keep.KEEP)
        assert all(row[0] and row[4] for row in rows)
    assert ("Patient's Age", "(0010,1010)", "age", "yes") in [
        row[:4] for row in keep_list_rows("en")
    ]
    columns = {row[2] for row in keep_list_rows("en")}
    assert set(keep.KEPT_COLUMNS) <= columns


def test_the_vocabulary_is_in_lower_case_and_of_words() -> None:
    assert all(word == word.casefold() and word.isascii() for word in WORDS)
    assert all(clean_maker(maker) == maker for maker in MAKERS)
    assert clean_model(" ".join(list(WORDS)[:6]))[1]


HOSTILE = {
    "long": b"A" * 10_000_000,
    "control": bytes(range(32)),
    "high": bytes(range(128, 256)),
    "escapes": b"\x1b$B\x1b(I\x1b$)C" * 20,
    "backslashes": b"\\" * 1000,
    "empty": b"",
    "nulls": b"\0" * 100,
    "odd": b"\xff",
    "formats": b"%s%n{0}{key}",
    "markup": b"<script>alert(1)</script>",
    "digits": b"9" * 900,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_hostile_values_are_harmless(value: bytes) -> None:
    names = {row.keyword for row in keep.KEEP if row.keyword} | set(keep.PERSONAL)
    names |= {"SpecificCharacterSet", "IssuerOfPatientID"}
    begin = time.perf_counter()
    for one in sorted(names):
        ds = raw(**{one: value})
        _harmless(ds)
    ds = raw(**dict.fromkeys(sorted(names), value))
    _harmless(ds)
    assert time.perf_counter() - begin < 5


def _harmless(ds: pydicom.Dataset) -> None:
    values = kept_columns(ds, PSEUDONYMS.scanner)
    assert set(values) == set(keep.KEPT_COLUMNS)
    assert all(
        len(text) < 120 and text.isascii() and text.isprintable() for text in values.values()
    )
    keys = read_identifiers(ds)
    clean = clean_dataset(ds, BLACK, PSEUDONYMS, patient_id=keys["patient_id"] or "7", image="a")
    content = BytesIO()
    clean.save_as(content, enforce_file_format=True)
    assert len(content.getvalue()) < 4000


@pytest.mark.parametrize("seed", range(20))
def test_random_types_and_bytes_are_harmless(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [row.keyword for row in keep.KEEP if row.keyword not in ("", "PixelData")]
    types = ["AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "IS", "LO", "OB", "PN", "SQ", "UI"]
    types += ["UL", "UN", "US", "UT", "TM"]
    for _ in range(20):
        ds = pydicom.Dataset()
        for name in (*names, *keep.PERSONAL, "SpecificCharacterSet"):
            tag = Tag(pydicom.datadict.tag_for_keyword(name))
            content = rng.bytes(int(rng.integers(0, 40)))
            if rng.random() < 0.5:
                content = bytes(rng.choice(np.frombuffer(b"0123456789.Y\\^=-AB ", np.uint8), 12))
            vr = str(rng.choice(types))
            ds[tag] = RawDataElement(tag, vr, len(content), content, 0, False, bool(seed % 2))
        _harmless(ds)


def test_values_in_memory_of_any_type_are_harmless() -> None:
    inner = pydicom.Dataset()
    inner.PatientName = "Wang^Li"
    odd: list[tuple[str, object]] = [("SQ", [inner]), ("OB", b"Wang"), ("UN", b"Wang"), ("US", 7)]
    odd += [("FD", float("nan")), ("UI", "Wang"), ("LO", ["A"] * 5000), ("UT", "x" * 1_000_000)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for vr, value in odd:
            ds = pydicom.Dataset()
            for row in keep.KEEP:
                if row.keyword:
                    with suppress(ValueError, TypeError):  # pydicom itself refuses some
                        ds.add(DataElement(row.keyword, vr, value))
            _harmless(ds)


def test_the_list_has_dicoms_own_names_in_english_and_none_of_them_in_chinese() -> None:
    english, chinese = keep_list_rows("en"), keep_list_rows("zh")
    for row, ours, theirs in zip(keep.KEEP, english, chinese, strict=True):
        if row.keyword:
            tag = tag_for_keyword(row.keyword)
            assert tag is not None
            assert ours[0] == dictionary_description(tag)
            assert not re.search("[a-z]{3}", theirs[0])
