"""Points found again in a mirrored image; descriptors mirrored without looking at pixels."""

import cv2
import numpy as np
from tests.audit.make import view

from metrascope.audit.pane import Pane
from metrascope.audit.points import MOST_POINTS, KeyPoints, find_points, mirrored


def flipped(pane: Pane) -> Pane:
    return Pane(
        np.ascontiguousarray(pane.texture[:, ::-1]), np.ascontiguousarray(pane.valid[:, ::-1])
    )


def looks_at(pane: Pane, points: KeyPoints) -> np.ndarray:
    """Return OpenCV's descriptors at given places, as RootSIFT."""
    blurred = cv2.GaussianBlur(pane.texture.astype(np.float32), (0, 0), 1.2)
    picture = np.clip(blurred + 128, 0, 255).astype(np.uint8)
    keys = [cv2.KeyPoint(float(x), float(y), float(size), 0) for x, y, size in points.at]
    _, looks = cv2.SIFT_create().compute(picture, keys)
    return np.sqrt(looks / looks.sum(axis=1, keepdims=True))


def test_mirrored_descriptors_are_those_of_the_mirrored_image() -> None:
    pane, points = view(0).pane, view(0).points
    plain = np.rint(looks_at(pane, points) * 512).clip(0, 255).astype(np.uint8)
    turned = mirrored(KeyPoints(points.at, plain), pane.texture.shape[1])
    expected = looks_at(flipped(pane), turned)
    alike = (expected * turned.descriptors / 512).sum(axis=1)
    assert np.median(alike) > 0.99
    assert np.median((expected * plain / 512).sum(axis=1)) < 0.95


def test_the_same_places_are_found_in_a_mirrored_image() -> None:
    pane = view(1).pane
    width = pane.texture.shape[1]
    there = find_points(flipped(pane))
    expected = mirrored(view(1).points, width)
    distances = np.linalg.norm(expected.at[:, None, :2] - there.at[None, :, :2], axis=2)
    assert np.mean(distances.min(axis=1) < 1.5) > 0.9


def test_mirroring_twice_changes_nothing() -> None:
    points = view(2).points
    again = mirrored(mirrored(points, 200), 200)
    np.testing.assert_allclose(again.at, points.at, atol=1e-4)
    np.testing.assert_array_equal(again.descriptors, points.descriptors)


def test_points_lie_on_echo_and_are_limited() -> None:
    points, valid = view(0).points, view(0).pane.valid
    assert 50 < len(points.at) <= MOST_POINTS
    columns, rows = np.rint(points.at[:, :2]).astype(int).T
    assert valid[rows, columns].mean() > 0.98


def test_a_flat_image_has_no_points() -> None:
    flat = Pane(np.zeros((64, 64), np.int8), np.ones((64, 64), bool))
    points = find_points(flat)
    assert points.at.shape == (0, 3)
    assert points.descriptors.shape == (0, 128)
