"""The guard of cells against an independent list of dangerous beginnings, and its removal."""

import numpy as np
import pytest

from metrascope.files.cells import bare, guarded

# OWASP, "CSV Injection": = + - @ tab, carriage return, and full-width forms.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("start", [*DANGEROUS, " =", "\xa0@", "　＝"])
def test_what_begins_like_a_formula_is_text(start: str) -> None:
    assert guarded(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("cell", ["", "a=b", "polyp", "息肉", "1-2", "'", "''", "'polyp", "don't"])
def test_other_text_is_left_alone(cell: str) -> None:
    assert guarded(cell) == cell == bare(cell)


def test_numbers_are_left_alone() -> None:
    assert [guarded(cell) for cell in (-0.5, -1, None)] == [-0.5, -1, None]


def test_every_cell_comes_back_from_any_number_of_files() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5000):
        cell = "".join(rng.choice(list("'=+-@\t\r\n＝ a"), rng.integers(7)))
        once, twice = guarded(cell), guarded(guarded(cell))
        assert bare(once) == cell
        assert bare(bare(twice)) == cell
        assert not once.lstrip().startswith(DANGEROUS)
        assert not once.startswith(DANGEROUS)


def test_what_others_wrote_without_a_guard_is_read_as_it_is() -> None:
    assert [bare(cell) for cell in ("=a", "-x", "@y")] == ["=a", "-x", "@y"]
