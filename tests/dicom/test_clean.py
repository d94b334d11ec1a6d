"""Clean data sets: nothing planted comes through, and other programs can read them."""

import subprocess
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from benchmarks import dicom_colors

from metrascope.dicom import keep_list as keep
from metrascope.dicom.clean import clean_dataset, write_clean
from metrascope.ingest.pseudonyms import Pseudonyms

from .planting import Planter, planted, public_tags

PSEUDONYMS = Pseudonyms(bytes(range(32)))
GREY = np.arange(3 * 20 * 31, dtype=np.uint8).reshape(3, 20, 31)
COLOR = np.arange(20 * 31 * 3, dtype=np.uint8).reshape(1, 20, 31, 3)
BLACK = np.zeros((1, 8, 8), np.uint8)
# What a clean data set has besides the list: it tells of itself, or must be there and is empty.
OWN = {
    "SOPClassUID", "Modality", "PatientName", "DerivationDescription", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence", "NumberOfFrames",
    "LongitudinalTemporalInformationModified", "BurnedInAnnotation", "FrameIncrementPointer",
    "InstanceNumber", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
}  # fmt: skip
EMPTY = {
    "PatientBirthDate", "PatientSex", "StudyTime", "ContentTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "SeriesNumber", "PatientOrientation", "Laterality",
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet() -> object:
    """Values that are wrong on purpose make pydicom warn as they are planted."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        yield


def example(**changes: object) -> pydicom.Dataset:
    ds = pydicom.Dataset()
    ds.PatientName, ds.PatientID = "Wang^Li=王^丽", "00123"
    ds.PatientAge, ds.StudyDate, ds.ContentDate = "047Y", "20240229", "20240302"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.3", "1.2.3.4", "1.2.3.4.5"
    ds.Manufacturer, ds.ManufacturerModelName = "GE Healthcare", "Voluson E10"
    ds.TransducerData, ds.DepthOfScanField, ds.FrameTime = "RIC5-9-D", "98", "40"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ENDOVAGINAL"]
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def written(ds: pydicom.Dataset, path: Path, **options: object) -> bytes:
    write_clean(clean_dataset(ds, BLACK, PSEUDONYMS, **options), path)  # type: ignore[arg-type]
    return path.read_bytes()


def dated(ds: pydicom.Dataset, planter: Planter) -> None:
    """Give the dates that are kept a year whose shifts meet no planted date."""
    for number, name in enumerate(("StudyDate", "ContentDate")):
        setattr(ds, name, f"1993050{number + 3}")
        planter.planted[f"1993050{number + 3}".encode()] = name


def found(planter: Planter, content: bytes) -> list[str]:
    return [where for value, where in planter.planted.items() if value in content]


@pytest.mark.parametrize("edition", ["2023", "2024b", "2026c"])
def test_nothing_of_annex_e_comes_through(edition: str, tmp_path: Path) -> None:
    name = f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{edition}"
    tags = pytest.importorskip(name).ALL_TAGS
    # Three entries are patterns: curves (50xx,xxxx), overlay comments and data (60xx,4000).
    plain = [tag[0] << 16 | tag[1] for tag in tags if len(tag) == 2]
    patterns = [0x50001001, 0x50003000, 0x60004000, 0x60003000]
    planter = Planter(np.random.default_rng(1))
    known = [tag for tag in plain if pydicom.datadict.dictionary_has_tag(tag)]
    ds = planted([*known, *patterns], planter)
    dated(ds, planter)
    content = written(ds, tmp_path / "a.dcm", verified=True)
    assert len(known) > 0.9 * len(plain)
    assert len(planter.planted) > 1000
    assert found(planter, content) == []


def test_nothing_of_any_attribute_comes_through(tmp_path: Path) -> None:
    planter = Planter(np.random.default_rng(2))
    ds = planted(public_tags(), planter)
    dated(ds, planter)
    content = written(ds, tmp_path / "a.dcm")
    assert len(ds) > 3500
    assert found(planter, content) == []


def test_only_what_is_listed_is_looked_at(tmp_path: Path) -> None:
    listed = {pydicom.datadict.tag_for_keyword(row.keyword) for row in keep.KEEP if row.keyword}
    planter = Planter(np.random.default_rng(3))
    ds = planted((tag for tag in public_tags() if tag not in listed), planter)
    names = {"patient_id": "7", "image": "a"}
    assert written(ds, tmp_path / "a", **names) == written(
        pydicom.Dataset(), tmp_path / "b", **names
    )
    assert not any(keep.kept_columns(ds, PSEUDONYMS.scanner).values())


def test_the_preamble_and_the_file_meta_carry_nothing(tmp_path: Path) -> None:
    ds = example()
    ds.preamble = b"Wang Li".ljust(128, b"\x01")
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.SourceApplicationEntityTitle = "WANGS_SCANNER"
    ds.file_meta.ImplementationVersionName = "WANG_1"
    ds.file_meta.PrivateInformation = b"Wang Li"
    content = written(ds, tmp_path / "a.dcm")
    assert content[:128] == bytes(128)
    assert b"WANG" not in content.upper()


def test_only_the_list_is_there_and_all_of_it() -> None:
    ds = example(TransducerType="ENDOCAV_CLA", LossyImageCompression="01")
    ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = "12.5", "ISO_10918_1"
    several = clean_dataset(ds, GREY, PSEUDONYMS, mm_per_pixel=(0.2, 0.3), verified=True)
    single = clean_dataset(ds, COLOR, PSEUDONYMS, mm_per_pixel=(0.2, 0.3), verified=True)
    names = {element.keyword for element in (*several, *single)}
    assert names == {row.keyword for row in keep.KEEP if row.written} | OWN | EMPTY
    assert all(not several[name].value for name in EMPTY)
    assert several.PatientAge == "047Y"
    assert (several.Manufacturer, several.ManufacturerModelName) == ("GE", "Voluson E10")
    assert (several.TransducerData, several.DepthOfScanField) == ("RIC5-9-D", 98)
    assert (several.FrameTime, several.NumberOfFrames) == (40, 3)
    assert several.ImageType == ["DERIVED", "PRIMARY", "ENDOVAGINAL"]
    assert several.LossyImageCompressionRatio == 12.5
    region = several.SequenceOfUltrasoundRegions[0]
    assert (region.PhysicalDeltaX, region.PhysicalDeltaY) == pytest.approx((0.02, 0.03))
    assert (region.RegionLocationMaxX1, region.RegionLocationMaxY1) == (30, 19)


def test_the_original_is_not_changed() -> None:
    ds = example()
    before = ds.to_json()
    clean_dataset(ds, BLACK, PSEUDONYMS)
    assert ds.to_json() == before


def test_what_is_claimed_is_what_was_done() -> None:
    def codes(**options: object) -> set[str]:
        clean = clean_dataset(options.pop("ds", example()), BLACK, PSEUDONYMS, **options)
        assert clean.PatientIdentityRemoved == "YES"
        return {item.CodeValue for item in clean.DeidentificationMethodCodeSequence}

    assert codes() == {"113100", "113107", "113108"}
    assert codes(verified=True) == {"113100", "113101", "113107", "113108"}
    assert codes(dates=False) == {"113100", "113108"}
    assert codes(ds=example(PatientAge="")) == {"113100", "113107"}
    assert "BurnedInAnnotation" not in clean_dataset(example(), BLACK, PSEUDONYMS)
    claimed = clean_dataset(example(BurnedInAnnotation="NO"), BLACK, PSEUDONYMS)
    assert "BurnedInAnnotation" not in claimed
    checked = clean_dataset(example(BurnedInAnnotation="YES"), BLACK, PSEUDONYMS, verified=True)
    assert checked.BurnedInAnnotation == "NO"


def test_dates_of_a_patient_move_together_and_never_stay() -> None:
    clean = clean_dataset(example(), BLACK, PSEUDONYMS)
    days = [pydicom.valuerep.DA(clean[name].value) for name in ("StudyDate", "ContentDate")]
    original = pydicom.valuerep.DA("20240229")
    assert (days[1] - days[0]).days == 2
    assert (days[0] - original).days == PSEUDONYMS.shift_days("123")
    assert clean.LongitudinalTemporalInformationModified == "MODIFIED"
    gone = clean_dataset(example(), BLACK, PSEUDONYMS, dates=False)
    assert (gone.StudyDate, gone.LongitudinalTemporalInformationModified) == ("", "REMOVED")


def test_uids_hold_the_set_together() -> None:
    first = clean_dataset(example(), BLACK, PSEUDONYMS)
    second = clean_dataset(example(SOPInstanceUID="1.2.3.4.6"), BLACK, PSEUDONYMS)
    other = clean_dataset(example(StudyInstanceUID="1.2.9"), BLACK, PSEUDONYMS)
    assert first.StudyInstanceUID == second.StudyInstanceUID != other.StudyInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert first.PatientID == second.PatientID == PSEUDONYMS.patient("123")
    frames = {
        clean_dataset(example(), BLACK, PSEUDONYMS, image=f"1.2#{n}").SOPInstanceUID
        for n in range(3)
    }
    assert len(frames) == 3


def test_without_identifiers_the_study_tells_the_patient() -> None:
    ds = example(PatientID="", PatientName="")
    other = example(PatientID=" \x00", SOPInstanceUID="1.9")
    assert clean_dataset(ds, BLACK, PSEUDONYMS).PatientID == (
        clean_dataset(other, BLACK, PSEUDONYMS).PatientID
    )
    with pytest.raises(ValueError, match="tell"):
        clean_dataset(pydicom.Dataset(), BLACK, PSEUDONYMS)
    named = clean_dataset(pydicom.Dataset(), BLACK, PSEUDONYMS, patient_id="7", image="a")
    assert named.PatientID == PSEUDONYMS.patient("7")


@pytest.mark.parametrize("lossless", ["none", "rle", "jpeg_ls"])
@pytest.mark.parametrize("frames", [GREY, COLOR], ids=["grey", "color"])
def test_pixels_come_back(frames: np.ndarray, lossless: str, tmp_path: Path) -> None:
    back = pydicom.dcmread(compressed(frames, lossless, tmp_path))
    assert np.array_equal(back.pixel_array, frames[0] if len(frames) == 1 else frames)
    assert "LossyImageCompression" not in back


@pytest.mark.peer("dcmtk", "gdcm", "dciodvfy")
@pytest.mark.parametrize("lossless", ["none", "rle", "jpeg_ls"])
@pytest.mark.parametrize("frames", [GREY, COLOR], ids=["grey", "color"])
def test_validators_are_content_and_dcmtk_reads_the_same_pixels(
    frames: np.ndarray, lossless: str, tmp_path: Path
) -> None:
    path = compressed(frames, lossless, tmp_path)
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
    assert "Image" in done.stderr  # it recognized the object
    done = subprocess.run(["dcmdump", path], capture_output=True, text=True, check=True)
    assert "CodeValue" in done.stdout
    assert done.stderr == ""
    syntax = pydicom.dcmread(path).file_meta.TransferSyntaxUID
    decoder, theirs = dicom_colors.reference(path, syntax)
    assert decoder == "DCMTK"
    decoded = [image[..., ::-1] if image.ndim == 3 else image for image in theirs]
    np.testing.assert_array_equal(decoded, frames)


def compressed(frames: np.ndarray, lossless: str, folder: Path) -> Path:
    if lossless == "jpeg_ls":
        pytest.importorskip("jpeg_ls")
    options = {"mm_per_pixel": (0.1, 0.1), "number": 2, "verified": True}
    clean = clean_dataset(example(), frames, PSEUDONYMS, lossless=lossless, **options)  # type: ignore[arg-type]
    write_clean(clean, folder / "a.dcm")
    return folder / "a.dcm"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(example(), tmp_path / "a.dcm") == written(example(), tmp_path / "b.dcm")


def test_loss_is_told_from_the_syntax_too() -> None:
    ds = example(LossyImageCompression="00")
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    clean = clean_dataset(ds, BLACK, PSEUDONYMS)
    assert clean.LossyImageCompression == "01"
    assert clean.LossyImageCompressionMethod == "ISO_10918_1"
    ds.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    assert clean_dataset(ds, BLACK, PSEUDONYMS).LossyImageCompression == "00"


@pytest.mark.parametrize(
    "frames",
    [np.zeros((4, 4), np.uint8), np.zeros((1, 4, 4), float), np.zeros((0, 4, 4), np.uint8)],
)
def test_frames_of_another_kind_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frames of shape"):
        clean_dataset(example(), frames, PSEUDONYMS)
    with pytest.raises(ValueError, match="compression"):
        clean_dataset(example(), BLACK, PSEUDONYMS, lossless="zip")


def test_real_files_come_out_clean(real_data: Path, tmp_path: Path) -> None:
    anonymizer = pytest.importorskip("dicomanonymizer")
    files = sorted((real_data / "dicom").glob("*.dcm"))
    assert len(files) == 12
    for file in files:
        ds = pydicom.dcmread(file, force=True)
        clean = clean_dataset(ds, BLACK, PSEUDONYMS, image=file.name, patient_id=file.name)
        write_clean(clean, tmp_path / file.name)
        back = pydicom.dcmread(tmp_path / file.name)
        theirs = pydicom.dcmread(file, force=True)
        anonymizer.anonymize_dataset(theirs)
        unchanged = {e.tag for e in back if e.tag in ds and e.value and e.value == ds[e.tag].value}
        # What passes as it was passes in the published package, too.
        assert all(tag in theirs and theirs[tag].value == ds[tag].value for tag in unchanged)
        assert not any(element.tag.is_private for element in back.iterall())
