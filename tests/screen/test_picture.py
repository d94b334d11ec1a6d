"""Pictures decode to 8 bits whatever their depth, page by page, or are refused in plain words."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from metrascope.errors import DataError
from metrascope.screen import picture
from metrascope.screen.picture import decode_picture, picture_pages


def gradient(height: int = 40, width: int = 60, shift: int = 0) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return ((3 * rows + 2 * columns + shift) % 256).astype(np.uint8)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pages(count: int, **options: object) -> bytes:
    first, *others = (Image.fromarray(gradient(40 + 2 * i, 60, 9 * i)) for i in range(count))
    return saved(first, "TIFF", save_all=True, append_images=others, **options)


def test_every_page_of_a_tiff_is_a_picture() -> None:
    content = pages(3)
    assert picture_pages(content) == (0, 1, 2)
    for number in range(3):
        expected = gradient(40 + 2 * number, 60, 9 * number)
        assert np.array_equal(decode_picture(content, number), expected)


@pytest.mark.parametrize("kind", [1, 4, 5])
def test_small_versions_and_masks_are_no_pictures(kind: int) -> None:
    whole, small = Image.fromarray(gradient()), Image.fromarray(gradient(10, 15))
    small.encoderinfo = {"tiffinfo": {254: kind}}
    buffer = io.BytesIO()
    whole.save(buffer, "TIFF", save_all=True, append_images=[small])
    content = buffer.getvalue()
    with Image.open(io.BytesIO(content)) as image:
        image.seek(1)
        assert image.tag_v2[254] == kind
    assert picture_pages(content) == (0,)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF"])
def test_a_file_of_one_picture_has_one(form: str) -> None:
    assert picture_pages(saved(Image.fromarray(gradient()), form)) == (0,)


def test_the_preview_that_a_phone_puts_into_a_jpeg_is_no_page() -> None:
    first, second = Image.fromarray(gradient()), Image.fromarray(gradient(20, 30))
    content = saved(first, "MPO", save_all=True, append_images=[second])
    assert content.startswith(b"\xff\xd8\xff")
    assert picture_pages(content) == (0,)
    assert decode_picture(content).shape == (40, 60)


def test_documents_of_very_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MOST_PAGES", 3)
    assert len(picture_pages(pages(3))) == 3
    with pytest.raises(DataError, match="more than 3 pages"):
        picture_pages(pages(4))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_cut_pictures_are_refused_without_the_name_of_an_exception(form: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    content = saved(Image.fromarray(noise), form)
    for damaged in (content[: int(share * len(content))], content[:8] + b"\xff" * 500):
        with pytest.raises(DataError) as caught:
            decode_picture(damaged)
        assert caught.value.values == {}
        assert "Error" not in str(caught.value)
        assert "damaged or cut off" in str(caught.value)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_brightest_pixel_tells_how_deep_sixteen_bits_are(bits: int) -> None:
    deep = (gradient().astype(np.uint16) << (bits - 8)) | (gradient() >> (16 - bits))
    deep[0, 0] = 2**bits - 1
    for form in ("PNG", "TIFF"):
        found = decode_picture(saved(Image.fromarray(deep.astype(np.uint16)), form))
        assert np.array_equal(found, np.rint(deep * (255 / (2**bits - 1))))


def test_a_large_photograph_takes_a_part_of_the_memory() -> None:
    content = saved(Image.new("RGB", (6000, 4000), (9, 9, 9)), "JPEG")
    tracemalloc.start()
    found = decode_picture(content, enough=4_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (2000, 3000, 3)
    assert peak < 60 << 20
    assert decode_picture(content, enough=24_000_000).shape == (4000, 6000, 3)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photographs_stand_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(gradient()), "PNG", exif=exif)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    assert np.array_equal(decode_picture(content), np.rot90(gradient(), turns))
