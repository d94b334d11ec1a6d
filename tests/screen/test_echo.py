"""Echo is found where there is texture, and an answer is kept for the same pixels only."""

import numpy as np

from metrascope.screen.echo import find_echo


def _screen() -> np.ndarray:
    screen = np.zeros((300, 400), np.uint8)
    grain = np.random.default_rng(1).integers(40, 160, size=(180, 200), dtype=np.uint8)
    screen[60:240, 100:300] = grain
    return screen


def test_texture_on_black_is_echo() -> None:
    found = find_echo(_screen())
    assert found is not None
    rows, columns = np.nonzero(found.region)
    edges = np.array([rows.min(), rows.max() + 1, columns.min(), columns.max() + 1])
    assert np.abs(edges / found.factor - [60, 240, 100, 300]).max() < 6


def test_a_changed_image_is_looked_at_anew() -> None:
    screen = _screen()
    before = find_echo(screen)
    screen[:, :200] = 0
    after = find_echo(screen)
    assert before is not None
    assert after is not None
    assert after.region.sum() < 0.7 * before.region.sum()
    again = find_echo(_screen())
    assert again is not None
    assert np.array_equal(again.region, before.region)


def test_texture_alone_is_another_question() -> None:
    screen = _screen()
    screen[60:240, 140:180] = 90
    both, textured = find_echo(screen), find_echo(screen, textured=True)
    assert both is not None
    assert textured is not None
    assert textured.evidence.sum() < both.evidence.sum()


def test_a_black_screen_has_none() -> None:
    assert find_echo(np.zeros((200, 300), np.uint8)) is None
