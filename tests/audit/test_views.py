"""Hashes tell files from pixels; an image that cannot be used is told of, never raised."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.audit.make import data_set, noise, phantom

from metrascope.audit.views import compute_fingerprint, hash_pixels
from metrascope.dataset.manifest import Manifest


def manifest_of(folder: Path, names: list[str], **columns: str) -> Manifest:
    rows = [{"image": name, "patient_id": name, **columns} for name in names]
    return data_set(folder, {}, rows)


def test_the_same_pixels_in_another_file(tmp_path: Path) -> None:
    grey = phantom(0).grey
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    cv2.imwrite(str(tmp_path / "b.png"), grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    cv2.imwrite(str(tmp_path / "c.bmp"), grey)
    cv2.imwrite(str(tmp_path / "d.png"), np.maximum(grey, 1))
    manifest = manifest_of(tmp_path, ["a.png", "b.png", "c.bmp", "d.png"])
    prints = [compute_fingerprint(manifest, row) for row in range(4)]
    assert len({taken.file_hash for taken in prints}) == 4
    assert prints[0].pixel_hash == prints[1].pixel_hash == prints[2].pixel_hash
    assert prints[3].pixel_hash != prints[0].pixel_hash
    assert all(taken.view is not None and not taken.problem for taken in prints)


def test_the_shape_counts_though_the_bytes_are_the_same() -> None:
    grey = noise(0, (40, 60))
    assert hash_pixels(grey) != hash_pixels(grey.reshape(60, 40))


def bad_file(name: str, path: Path) -> None:
    cv2.imwrite(str(path), noise(0))
    content = path.read_bytes()
    if name == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif name == "text":
        path.write_text("no image")
    elif name == "empty":
        path.write_bytes(b"")
    elif name == "gone":
        path.unlink()
    elif name == "flat":
        cv2.imwrite(str(path), np.full((99, 99), 7, np.uint8))
    else:
        cv2.imwrite(str(path), noise(0, (20, 20)))


@pytest.mark.parametrize("name", ["cut", "text", "empty", "gone", "flat", "tiny"])
def test_what_cannot_be_used_is_told_of(name: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), noise(1))
    manifest = manifest_of(tmp_path, ["x.png"])
    bad_file(name, tmp_path / "x.png")
    taken = compute_fingerprint(manifest, 0)
    assert taken.view is None
    assert taken.quality is None
    assert "x.png" in taken.problem


def test_a_box_outside_the_image_is_told_of(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), noise(1))
    taken = compute_fingerprint(manifest_of(tmp_path, ["x.png"], roi="100,0,100,100"), 0)
    assert taken.view is None
    assert taken.pixel_hash
    assert "x.png" in taken.problem
