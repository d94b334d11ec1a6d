"""Pairs by file and by pixels; work in threads comes back in order."""

import time

from metrascope.audit.pairs import exact_pairs, in_threads
from metrascope.audit.views import Fingerprint


def taken(file_hash: str, pixel_hash: str) -> Fingerprint:
    return Fingerprint(file_hash, pixel_hash, None, None, "")


def test_n_copies_give_n_less_one_pairs() -> None:
    found = exact_pairs([taken("f", "p")] * 5)
    assert [(pair.first, pair.second, pair.kind) for pair in found] == [
        (0, n, "file") for n in range(1, 5)
    ]


def test_the_file_goes_before_the_pixels_and_unreadable_files_still_pair() -> None:
    prints = [
        taken("f", "p"),
        taken("g", "p"),
        taken("f", "p"),
        taken("broken", ""),
        taken("broken", ""),
        taken("", ""),
        taken("", ""),
    ]
    found = [(pair.first, pair.second, pair.kind) for pair in exact_pairs(prints)]
    assert found == [(0, 1, "pixels"), (0, 2, "file"), (3, 4, "file")]


def test_threads_keep_the_order() -> None:
    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    expected = [(n, n * n) for n in range(150)]
    assert list(in_threads(slow, range(150), 4)) == expected
    assert list(in_threads(slow, range(150), 0)) == expected
