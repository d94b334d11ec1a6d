"""Several members are one reader: probabilities and heat maps averaged, disagreement told."""

import numpy as np
import pytest
from scipy.stats import entropy

from metrascope.dataset.preprocess import Preprocessing
from metrascope.errors import DataError
from metrascope.predict.ensemble import Ensemble
from metrascope.predict.runtime import NetworkOutput

STEPS = Preprocessing(
    input_size=64, stored_size=73, sector_crop=True, fit="crop", equalization="none"
)


class Fixed:
    """Says the same of every image."""

    name = "fixed"

    def __init__(self, probabilities: list[float], maps: np.ndarray) -> None:
        self.probabilities, self.maps = np.array([probabilities], np.float32), maps[None]

    def __call__(self, pixels: np.ndarray) -> NetworkOutput:
        assert pixels.shape == (1, 1, 80, 100)
        features = np.ones((1, 4), np.float32)
        return NetworkOutput(np.log(self.probabilities), self.probabilities, self.maps, features)


def test_members_are_averaged() -> None:
    first = np.zeros((2, 7, 7), np.float32)
    first[0, 3, 3] = 50.0
    second = np.zeros((2, 8, 8), np.float32)
    second[1, 0, 0] = 0.01
    members = [Fixed([0.8, 0.2], first), Fixed([0.4, 0.6], second)]
    found = Ensemble(members, [STEPS, STEPS]).read(np.zeros((1, 80, 100), np.uint8))
    np.testing.assert_allclose(found.probabilities, [[0.6, 0.4]], rtol=1e-6)
    mean = entropy([0.6, 0.4])
    each = (entropy([0.8, 0.2]) + entropy([0.4, 0.6])) / 2
    assert found.disagreement[0] == pytest.approx(mean - each, rel=1e-5)
    assert found.unfamiliarity is None
    # However large its numbers, each member has the same part in the map.
    assert found.maps.shape == (1, 2, 8, 8)
    assert found.maps[0, 1, 0, 0] == pytest.approx(0.5)
    assert 0.1 < found.maps[0, 0].max() <= 0.5


def test_one_member_is_left_as_it_is() -> None:
    maps = np.random.default_rng(0).uniform(0, 9, (2, 7, 7)).astype(np.float32)
    found = Ensemble([Fixed([0.8, 0.2], maps)], [STEPS]).read(np.zeros((1, 80, 100), np.uint8))
    np.testing.assert_array_equal(found.maps[0], maps)
    assert found.disagreement[0] == pytest.approx(0)


def test_the_box_is_what_the_networks_see() -> None:
    ensemble = Ensemble([Fixed([1.0, 0.0], np.zeros((2, 1, 1), np.float32))], [STEPS])
    left, top, right, bottom = ensemble.box(80, 100)
    assert (right - left, bottom - top) == pytest.approx((70, 70))
    assert (left + right, top + bottom) == pytest.approx((100, 80))


SOUND = {
    "logits": np.zeros((1, 2), np.float32),
    "probabilities": np.array([[0.25, 0.75]], np.float32),
    "maps": np.ones((1, 2, 7, 7), np.float32),
    "features": np.ones((1, 4), np.float32),
}


class Saying(Fixed):
    """Gives an answer, whatever it is."""

    def __init__(self, **changes: np.ndarray) -> None:
        self.answer = NetworkOutput(**{**SOUND, **changes})

    def __call__(self, pixels: np.ndarray) -> NetworkOutput:
        return self.answer


@pytest.mark.parametrize(
    "changes",
    [
        {"probabilities": np.array([[7.0, 7.0]], np.float32)},
        {"probabilities": np.array([[np.nan, np.nan]], np.float32)},
        {"probabilities": np.array([[-0.5, 1.5]], np.float32)},
        {"probabilities": np.array([[0.2, 0.2]], np.float32)},
        {"probabilities": np.array([[1]], np.float32)},
        {"probabilities": np.array([[1, 0]], np.int64)},
        {"maps": np.ones((1, 3, 7, 7), np.float32)},
        {"maps": np.ones((1, 2, 0, 7), np.float32)},
        {"maps": np.ones((1, 2, 1000, 1), np.float32)},
        {"maps": np.full((1, 2, 7, 7), np.inf, np.float32)},
        {"features": np.full((1, 4), np.nan, np.float32)},
        {"features": np.ones((2, 4), np.float32)},
    ],
)
def test_what_is_no_answer_is_refused(changes: dict[str, np.ndarray]) -> None:
    picture = np.zeros((1, 80, 100), np.uint8)
    assert Ensemble([Saying()], [STEPS], classes=2).read(picture).probabilities[0, 1] == 0.75
    with pytest.raises(DataError, match="gives no reading"):
        Ensemble([Saying(**changes)], [STEPS], classes=2).read(picture)
