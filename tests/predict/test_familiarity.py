from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from metrascope.errors import WeightsError
from metrascope.predict import familiarity
from metrascope.predict.familiarity import Familiarity, combine, fit_familiarity

WIDTH = 40


def draw(count: int, seed: int, shift: float = 0.0, spread: float = 0.3) -> np.ndarray:
    """Return features like those of a network: not negative, with long tails."""
    rng = np.random.default_rng(seed)
    return np.square(np.maximum(1 + shift + spread * rng.normal(size=(count, WIDTH)), 0))


def test_the_score_is_the_ratio_of_distances() -> None:
    known, new = draw(120, 0), draw(30, 1, shift=0.2)
    found = fit_familiarity(known, ["a"] * 120, neighbors=4)
    # By scikit-learn, in full precision.
    roots = np.sqrt(known)
    variance = roots.var(axis=0)
    scale = np.sqrt(variance + 0.25 * variance.mean())
    placed, asked = roots / scale, np.sqrt(new) / scale
    search = NearestNeighbors(n_neighbors=5).fit(placed)
    spacing = search.kneighbors(placed)[0][:, 1:].mean(axis=1)
    spacing = np.maximum(spacing, 0.5 * np.median(spacing))
    far, nearest = search.kneighbors(asked, 4)
    expected = far.mean(axis=1) / spacing[nearest].mean(axis=1)
    np.testing.assert_allclose(found.score(new), expected, rtol=2e-3)


def test_new_images_of_the_same_kind_score_about_one() -> None:
    found = fit_familiarity(draw(400, 0), ["a"] * 400)
    same, other = found.score(draw(200, 1)), found.score(draw(200, 2, shift=1.0))
    assert np.median(same) == pytest.approx(1, abs=0.1)
    assert other.min() > same.max()


def test_a_rare_kind_of_training_image_is_no_stranger() -> None:
    # A tenth comes from elsewhere and scatters twice as much.
    common, rare = draw(360, 0), draw(40, 1, shift=1.0, spread=0.6)
    found = fit_familiarity(np.concatenate([common, rare]), ["a"] * 400)
    limit = np.quantile(found.score(draw(300, 2)), 0.99)
    again = found.score(draw(100, 3, shift=1.0, spread=0.6))
    assert (again > limit).mean() < 0.2
    assert (found.score(draw(100, 4, shift=-0.7, spread=0.6)) > limit).all()


def test_what_is_stored_scores_the_same(tmp_path: Path) -> None:
    found = fit_familiarity(draw(50, 0), ["a"] * 50)
    description = found.save(tmp_path / "familiarity.npy")
    again = Familiarity.load(tmp_path / "familiarity.npy", description)
    new = draw(20, 1, shift=0.5)
    np.testing.assert_array_equal(again.score(new), found.score(new))
    assert (tmp_path / "familiarity.npy").stat().st_size < 128 + 2 * description.numbers + 1


def test_features_that_are_no_numbers_are_infinitely_strange() -> None:
    found = fit_familiarity(draw(50, 0), ["a"] * 50)
    new = draw(3, 1)
    new[1, 5], new[2, 0] = np.nan, np.inf
    scores = found.score(new)
    assert np.isfinite(scores[0])
    assert np.isinf(scores[1:]).all()


def test_negative_and_unused_features_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    known = np.concatenate([rng.normal(size=(80, 30)), np.zeros((80, 10))], axis=1)
    new = np.concatenate([rng.normal(size=(40, 30)), np.zeros((40, 10))], axis=1)
    found = fit_familiarity(known, ["a"] * 80)
    assert np.median(found.score(new)) == pytest.approx(1, abs=0.1)
    new[:, 35] = 0.01  # woken a little
    assert found.score(new).max() < 1.5


def test_copies_and_few_images_give_finite_scores() -> None:
    twice = np.repeat(draw(2, 0), 4, axis=0)
    assert np.isfinite(fit_familiarity(twice, ["a"] * 8, neighbors=3).score(draw(5, 1))).all()
    two = fit_familiarity(draw(2, 0), ["a", "b"])
    assert two.neighbors == 1
    assert np.isfinite(two.score(draw(5, 1))).all()


def test_of_many_images_every_class_keeps_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiarity, "_MOST_KEPT", 40)
    labels = ["a"] * 300 + ["b"] * 100
    found = fit_familiarity(np.concatenate([draw(300, 0), draw(100, 1, shift=2)]), labels)
    assert found.known.shape == (40, WIDTH)
    assert (found.known.mean(axis=1) > 0).sum() == 10  # those of b lie above the middle


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    found, path = fit_familiarity(draw(50, 0), ["a"] * 50), tmp_path / "familiarity.npy"
    description = found.save(path)
    whole = path.read_bytes()
    flat = np.load(path)
    wrong: list[bytes] = [b"", whole[:-2], b"PK" + whole, whole[:40]]
    for array in (
        flat[:-1],
        flat.astype(np.float32),
        np.where(np.arange(len(flat)) == 3, np.float16(np.nan), flat),
        np.where(np.arange(len(flat)) == len(flat) - 1, np.float16(0), flat),
        np.where(np.arange(len(flat)) == WIDTH, np.float16(-1), flat),
    ):
        np.save(path, array)
        wrong.append(path.read_bytes())
    huge = whole.replace(f"({len(flat)},)".encode(), b"(" + b"9" * 14 + b",)")
    wrong.append(huge)
    for content in wrong:
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="export the bundle again"):
            Familiarity.load(path, description)
    path.write_bytes(whole)
    for change in ({"width": 41}, {"images": 51}, {"neighbors": 51}):
        with pytest.raises(WeightsError, match="export the bundle again"):
            Familiarity.load(path, description.model_copy(update=change))


def test_features_must_be_sound() -> None:
    with pytest.raises(ValueError, match="belong together"):
        fit_familiarity(draw(5, 0), ["a"] * 4)
    with pytest.raises(ValueError, match="equal"):
        fit_familiarity(np.random.default_rng(0).uniform(0, 1e-9, (20, 4)), ["a"] * 20)
    with pytest.raises(ValueError, match="equal"):
        fit_familiarity(np.ones((5, 3)), ["a"] * 5)
    with pytest.raises(ValueError, match="finite"):
        fit_familiarity(np.full((5, 3), np.nan), ["a"] * 5)
    with pytest.raises(ValueError, match="width"):
        fit_familiarity(draw(5, 0), ["a"] * 5).score(np.ones((2, 3)))


def test_two_scores_become_their_geometric_mean() -> None:
    found = combine([1.0, 4.0, 0.0, np.inf], [1.0, 9.0, 2.0, 1.0])
    np.testing.assert_allclose(found[[0, 1]], [1, 6])
    assert found[2] < 1e-3
    assert np.isinf(found[3])
