"""Who is worth a close look: the copies are, whatever the order and the number of threads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.audit.make import cut, phantom, view

from metrascope.audit import candidates
from metrascope.audit.candidates import Candidate, find_candidates
from metrascope.audit.pane import Pane
from metrascope.audit.points import KeyPoints
from metrascope.audit.shelf import open_shelf
from metrascope.audit.verification import ComparedView
from metrascope.audit.views import make_view
from metrascope.dataset.image import Picture


def test_copies_are_candidates_and_most_others_are_not(tmp_path: Path) -> None:
    picture = phantom(1)
    turned = Picture(picture.grey[:, ::-1].copy(), picture.sector[:, ::-1].copy(), None)
    part = cut(phantom(0), 30, 40, 200, 220)
    with open_shelf(tmp_path) as shelf:
        for added in (*(view(n) for n in range(8)), make_view(part), make_view(turned)):
            shelf.put(added)
        found = find_candidates(shelf)
        assert find_candidates(shelf, jobs=2) == found
    assert found == sorted(set(found))
    assert Candidate(0, 8, False) in found
    assert Candidate(1, 9, True) in found
    assert all(candidate.first < candidate.second for candidate in found)


def test_torch_keeps_its_number_of_threads(tmp_path: Path) -> None:
    """It shares OpenMP with faiss, and what trains after a search has a number of its own."""
    with open_shelf(tmp_path) as shelf:
        for number in range(3):
            shelf.put(view(number))
        before = torch.get_num_threads()
        find_candidates(shelf, jobs=before + 1)
        assert torch.get_num_threads() == before


def test_many_points_go_into_lists_and_give_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = cut(phantom(0), 30, 40, 200, 220)
    with open_shelf(tmp_path) as shelf:
        for added in (*(view(n) for n in range(8)), make_view(part)):
            shelf.put(added)
        monkeypatch.setattr(candidates, "_FEW", 2)
        found = find_candidates(shelf)
        assert find_candidates(shelf, jobs=2) == found
    assert Candidate(0, 8, False) in found


def test_fewer_than_two_images_have_none(tmp_path: Path) -> None:
    with open_shelf(tmp_path) as shelf:
        assert find_candidates(shelf) == []
        shelf.put(view(0))
        assert find_candidates(shelf) == []


def test_images_without_points_are_no_error(tmp_path: Path) -> None:
    pane = Pane(np.zeros((40, 40), np.int8), np.ones((40, 40), bool))
    none = KeyPoints(np.zeros((0, 3), np.float32), np.zeros((0, 128), np.uint8))
    with open_shelf(tmp_path) as shelf:
        for _ in range(3):
            shelf.put(ComparedView(pane, none))
        assert find_candidates(shelf) == []
        shelf.put(view(0))
        shelf.put(view(0))
        assert Candidate(3, 4, False) in find_candidates(shelf)
