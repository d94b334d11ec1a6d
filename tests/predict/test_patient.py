"""What all images of a patient say: a mean where they agree, a contradiction where they do not."""

import io

import numpy as np
import pytest
from pydicom.dataset import Dataset
from tests.dicom.make import dataset

from metrascope.predict.patient import HeaderPatient, ImageFinding, Summary, read_person, sum_up
from metrascope.predict.reading import PatientReading
from metrascope.predict.unidentified import Unidentified

CLASSES = ("normal", "fibroid", "polyp")
SURE = {label: tuple(np.eye(3)[at] * 0.96 + 0.02 / 3 * 2) for at, label in enumerate(CLASSES)}


def finding(
    predicted: str, *labels: str, name: str = "a", person: HeaderPatient | None = None
) -> ImageFinding:
    mean = SURE[predicted]
    labels = labels or (predicted,)
    return ImageFinding(name, mean, predicted, labels, person=person or HeaderPatient())


def read(*findings: ImageFinding, by_folder: bool = False, kind: str = "patient") -> PatientReading:
    summary = Summary(CLASSES, 0.9)
    for one in findings:
        summary.add(one)
    return sum_up(
        summary,
        "P",
        kind=kind,  # type: ignore[arg-type]
        rule=None,
        confidence=0.9,
        bundle="b",
        by_folder=by_folder,
    )


def test_images_that_exclude_each_other_have_no_class_and_are_named() -> None:
    found = read(
        finding("normal", name="a.dcm"),
        finding("normal", name="b.dcm"),
        finding("polyp", name="c.dcm"),
    )
    assert found.contradiction
    assert found.predicted is None
    assert found.refusal is not None
    assert found.refusal.key == "serving.contradiction"
    assert "Normal in 2 (a.dcm, b.dcm); Endometrial polyp in 1 (c.dcm)" in found.refusal.text
    assert found.counts == {"normal": 2, "polyp": 1}
    assert found.probabilities is None
    assert found.refused_probabilities is not None
    mean = found.refused_probabilities["normal"]
    assert mean == pytest.approx((2 * 0.97333 + 0.01333) / 3, abs=1e-4)


def test_a_patient_of_refused_images_alone_is_refused() -> None:
    # As after a prediction set that holds every class: the mean is there, a class is not.
    for kind in ("patient", "loop"):
        found = read(
            ImageFinding("a.dcm", SURE["polyp"]), ImageFinding("b.dcm", SURE["polyp"]), kind=kind
        )
        assert found.predicted is None
        assert found.refusal is not None
        assert found.refusal.key == "serving.none_read"
        assert found.probabilities is None
        assert found.refused_probabilities is not None
        assert found.read == 0


def test_images_that_leave_a_class_open_together_do_not_contradict() -> None:
    found = read(finding("polyp"), finding("polyp"), finding("normal", "normal", "polyp"))
    assert not found.contradiction
    assert found.predicted == "polyp"
    assert found.counts == {"normal": 1, "polyp": 2}


def test_as_many_may_be_otherwise_as_the_sets_allow_and_are_shown() -> None:
    """Of images of one class, nine in ten have it in their set."""
    most = [finding("normal")] * 9
    found = read(*most, finding("polyp", name="p.png"))
    assert found.predicted == "normal"
    assert not found.contradiction
    (warning,) = found.warnings
    assert warning.key == "serving.some_differ"
    assert "p.png" in warning.text
    assert read(*most, *[finding("polyp")] * 2).contradiction


def test_the_class_that_is_given_is_one_that_the_images_leave_open() -> None:
    """The mean may lie where no image is: between two classes, on a third."""
    wide = ImageFinding("w", (0.02, 0.94, 0.04), "fibroid", ("fibroid", "polyp"))
    narrow = ImageFinding("n", (0.4, 0.1, 0.5), "polyp", ("normal", "polyp"))
    found = read(wide, narrow)
    assert found.contradiction
    assert found.predicted is None


def test_what_is_refused_contradicts_nothing() -> None:
    refused = ImageFinding("r", SURE["polyp"])
    found = read(finding("normal"), refused, ImageFinding("x"))
    assert not found.contradiction
    assert (found.files, found.read) == (3, 2)


def test_a_loop_whose_frames_contradict_each_other_makes_its_patient_one() -> None:
    loop = read(*[finding("normal")] * 6, *[finding("polyp")] * 4, kind="loop")
    assert loop.contradiction
    assert (loop.files, loop.read) == (1, 1)
    assert loop.refusal is not None
    assert loop.refusal.key == "serving.loop_contradiction"
    assert "Normal in 6 frames; Endometrial polyp in 4 frames" in loop.refusal.text
    own = ImageFinding("l.dcm", SURE["normal"], contradictory=True)
    patient = read(finding("normal"), own)
    assert patient.contradiction
    assert patient.refusal is not None
    assert "l.dcm" in patient.refusal.text
    alone = read(own)  # nothing else of her was read
    assert alone.contradiction
    assert alone.refusal is not None
    assert alone.refusal.key == "serving.contradiction"
    assert (alone.files, alone.read) == (1, 0)


def person(**elements: object) -> HeaderPatient:
    buffer = io.BytesIO()
    ds: Dataset = dataset(b"\0\0", "1.2.840.10008.1.2.1", Rows=1, Columns=2, **elements)
    ds.save_as(buffer, enforce_file_format=True)
    return read_person(buffer.getvalue())


def test_two_women_under_one_number_are_not_averaged() -> None:
    first = person(PatientID="1", PatientBirthDate="19700102")
    other = person(PatientID="1", PatientBirthDate="19810304")
    same = person(PatientID="1", PatientBirthDate="")
    assert {first.number, other.number, same.number} == {"1"}
    found = read(finding("normal", person=first), finding("normal", person=other))
    assert found.refusal is not None
    assert found.refusal.key == "serving.several_people"
    assert read(finding("normal", person=first), finding("normal", person=same)).refusal is None
    folder = read(finding("normal", person=first), finding("normal", person=other), by_folder=True)
    assert folder.predicted == "normal"
    assert [one.key for one in folder.warnings] == ["serving.several_people_in_folder"]


@pytest.mark.parametrize(
    ("names", "several"),
    [
        (("张^三", "张三", "Zhang^San=张^三"), False),
        (("ZHANG^SAN", "张三", "ZHANGSAN"), False),
        (("张三", "李四"), True),
        (("张三", "张*", "匿名"), False),
    ],
)
def test_names_of_one_number_are_compared_in_chinese(names: tuple[str, ...], several: bool) -> None:
    charset = {"SpecificCharacterSet": "ISO_IR 192"}
    people = [person(PatientID="A7", PatientName=name, **charset) for name in names]
    found = read(*(finding("normal", person=one) for one in people))
    assert (found.refusal is not None) == several


@pytest.mark.parametrize("number", ["ANONYMOUS", "0", "无", "unknown", " ", "不详"])
def test_a_placeholder_is_nobody(number: str) -> None:
    assert person(PatientID=number, SpecificCharacterSet="ISO_IR 192").number == ""


def test_files_without_a_number_are_named_beside_the_only_patient_of_their_folder() -> None:
    files = [
        ("E/P1/a.dcm", "1"),
        ("E/P1/shot.png", ""),
        ("E/P1/more/shot.png", ""),
        ("E/P2/a/x.dcm", "2"),
        ("E/P2/b/y.png", ""),
        ("E/both.png", ""),
        ("E/P3/z.png", ""),
        ("E/P4/a.dcm", "3"),
        ("E/P4/b.dcm", "4"),
        ("E/P4/c.png", ""),
    ]
    beside = Unidentified(lambda: files)
    told = {key: [one.text for one in beside.warnings(key)] for key in "1234"}
    assert len(told["1"]) == 1
    assert "2 image files" in told["1"][0]
    assert "E/P1/shot.png, E/P1/more/shot.png" in told["1"][0]
    assert "E/P2/b/y.png" in told["2"][0]
    assert told["3"] == told["4"] == []


def test_pictures_alone_are_beside_nobody() -> None:
    assert Unidentified(lambda: [("a.png", ""), ("b.png", "")]).warnings("") == ()
