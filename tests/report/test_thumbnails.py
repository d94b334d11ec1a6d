"""Pictures against the arrays they are made from."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metrascope.errors import StudyError
from metrascope.report.thumbnails import heat_address, heat_colors, read_case
from metrascope.study_folder.contents import read_study

from .make import BOX, SIZE, make_study


def decoded(address: str) -> np.ndarray:
    head, content = address.split(",", 1)
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    picture = Image.open(BytesIO(base64.b64decode(content)))
    return np.asarray(picture.convert("RGBA"))


def test_heat_peak_is_where_the_map_peaks_and_zero_is_transparent() -> None:
    heat = np.zeros((7, 7), np.float32)
    heat[2, 5] = 3.0
    picture = decoded(heat_address(heat)).astype(int)
    assert picture.shape == (35, 35, 4)
    strongest = np.argwhere(picture[..., 3] == picture[..., 3].max()).mean(axis=0)
    assert np.allclose(strongest, [2 * 5 + 2, 5 * 5 + 2])
    assert tuple(picture[12, 27]) == (*(int(v) for v in heat_colors()[0][-1]), round(0.75 * 255))
    assert not picture[20:, :15, 3].any()


def test_heat_does_not_depend_on_the_scale_of_the_map() -> None:
    heat = np.random.default_rng(1).random((7, 9), dtype=np.float32)
    assert heat_address(heat) == heat_address(heat * np.float32(4))


def test_heat_is_interpolated_bilinearly() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    picture = decoded(heat_address(ramp))
    colors, alphas = heat_colors()
    expected = np.interp((np.arange(40) + 0.5) / 5 - 0.5, np.arange(8), np.arange(8)) / 7
    level = np.rint(expected * (len(alphas) - 1)).astype(int)
    assert np.abs(picture[20, :, 3].astype(int) - alphas[level]).max() <= 4
    assert np.abs(picture[20, :, :3].astype(int) - colors[level]).max() <= 12


def test_a_map_without_evidence_has_no_picture() -> None:
    assert heat_address(np.zeros((7, 7), np.float32)) == ""


def test_color_scale_grows_from_transparent_and_dark_to_bright() -> None:
    colors, alphas = heat_colors(16)
    assert alphas[0] == 0
    assert (np.diff(alphas.astype(int)) >= 0).all()
    assert (np.diff(colors.astype(int).sum(axis=1)) > 0).all()


def test_case_keeps_size_box_and_grey_levels(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path / "s"))
    row = study.cases["images/001.png"]
    case = read_case(study.folder, row, "c0", 360)
    assert (case.width, case.height) == SIZE
    assert case.box == (BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1])
    grey = np.asarray(Image.open(study.folder / row["file"])).astype(int)
    assert np.abs(decoded(case.picture)[..., 0].astype(int) - grey).mean() < 8


def test_outline_lies_on_the_edge_of_the_mask(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path / "s"))
    row = study.cases["images/001.png"]
    inside = np.asarray(Image.open(study.folder / row["mask_file"])) > 127
    outline = decoded(read_case(study.folder, row, "c0", 360).outline)[..., 3] > 0
    assert outline.any()
    assert (inside | ~outline).all()
    deep = inside.copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            deep &= np.roll(inside, shift, axis)
    assert (outline == (inside & ~deep)).all()


def test_normal_case_has_no_outline(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path / "s"))
    assert read_case(study.folder, study.cases["images/000.png"], "c0", 360).outline == ""


def test_large_case_is_reduced_but_keeps_its_coordinates(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path / "s", size=(400, 300)))
    case = read_case(study.folder, study.cases["images/001.png"], "c0", 100)
    assert decoded(case.picture).shape[:2] == (75, 100)
    assert (case.width, case.height) == (400, 300)


@pytest.mark.parametrize("name", ["../outside.png", "/etc/hostname"])
def test_file_outside_the_study_is_refused(tmp_path: Path, name: str) -> None:
    study = read_study(make_study(tmp_path / "s"))
    Image.new("L", (4, 4)).save(tmp_path / "outside.png")
    row = dict(study.cases["images/001.png"]) | {"file": name}
    with pytest.raises(StudyError, match="outside the study"):
        read_case(study.folder, row, "c0", 100)


def test_truncated_picture_is_named(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", size=(200, 200))
    file = folder / "cases/00003.png"
    file.write_bytes(file.read_bytes()[:200])
    study = read_study(folder)
    with pytest.raises(StudyError, match=r"00003\.png"):
        read_case(folder, study.cases["images/001.png"], "c0", 100)
