import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import gamma
from sklearn.metrics import log_loss

from metrascope.statistics.temperature import HIGHEST, LOWEST, apply_temperature, fit_temperature


def sample(temperature: float, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw classes from softmax(logits / temperature): that temperature is the true one."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, 3))
    chances = softmax(logits / temperature, axis=1).cumsum(axis=1)
    return logits, np.minimum((rng.random((n, 1)) > chances).sum(axis=1), 2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 5.0])
def test_the_true_temperature_is_found(temperature: float) -> None:
    logits, truth = sample(temperature, 40_000)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("prior", "patients"), [(0.0, 60), (4.0, 60), (4.0, 15), (1.0, None)])
def test_it_is_where_scipy_finds_the_least_loss(
    seed: int, prior: float, patients: int | None
) -> None:
    logits, truth = sample(2.0, 60, seed)

    def loss(log_temperature: np.ndarray) -> float:
        inverse = np.exp(-log_temperature[0])
        likelihood = log_loss(truth, softmax(logits * inverse, axis=1), labels=[0, 1, 2])
        # A gamma density of 1 / T with its mode at 1.
        density = gamma.logpdf(inverse, prior + 1, scale=1 / prior) if prior else 0.0
        return (patients or 60) * likelihood - float(density)

    found = minimize(loss, [0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    fitted = fit_temperature(logits, truth, patients=patients, prior=prior)
    assert fitted == pytest.approx(np.exp(found.x[0]), rel=1e-4)


def test_where_all_is_right_it_is_the_closed_form() -> None:
    # One patient, two classes, a lead of 2: the loss has its least where the slope,
    # -2 / (1 + exp(2 b)) + 1 - 1 / b with b = 1 / T, is 0.
    temperature = fit_temperature([[2.0, 0.0]], [0], prior=1)
    inverse = 1 / temperature
    assert inverse == pytest.approx(1 + 2 * inverse / (1 + np.exp(2 * inverse)), rel=1e-9)
    assert 0.7 < temperature < 1


@pytest.mark.parametrize("n", [9, 24, 400])
def test_no_validation_makes_a_new_case_certain(n: int) -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(n) % 3
    logits = rng.normal(size=(n, 3))
    logits[np.arange(n), truth] += 8  # all is right
    assert fit_temperature(logits, truth, prior=0) == LOWEST
    temperature = fit_temperature(logits, truth)
    assert 0.3 < temperature < 1
    surest = softmax(np.array([6.0, 0, 0]) / temperature).max()
    assert surest < 1 - 1e-7


def test_the_prior_fades_as_patients_come_and_copies_are_no_patients() -> None:
    logits, truth = sample(2.0, 60, 0)
    once = fit_temperature(logits, truth)
    many = [np.tile(logits, (10, 1)), np.tile(truth, 10)]
    assert fit_temperature(*many, patients=60) == pytest.approx(once)
    plain = fit_temperature(logits, truth, prior=0)
    assert abs(fit_temperature(*many) - plain) < abs(once - plain)


def test_log_probabilities_do_as_well_as_logits() -> None:
    logits, truth = sample(3.0, 200)
    shifted = log_softmax(logits, axis=1)
    assert fit_temperature(shifted, truth) == pytest.approx(fit_temperature(logits, truth))


def test_bounds_where_there_is_no_best() -> None:
    logits = np.array([[3.0, 0, 0], [0, 2, 0], [0, 0, 1]])
    assert fit_temperature(logits, [0, 1, 2], prior=0) == LOWEST
    assert fit_temperature(logits, [1, 2, 0], prior=0) == HIGHEST
    assert fit_temperature(np.zeros((4, 3)), [0, 1, 2, 0], prior=0) == HIGHEST
    assert fit_temperature(np.zeros((4, 3)), [0, 1, 2, 0]) == pytest.approx(1)
    assert fit_temperature(np.empty((0, 3)), []) == 1.0


def test_very_large_logits_do_not_overflow() -> None:
    logits, truth = sample(2.0, 500)
    assert fit_temperature(1000 * logits, truth) == HIGHEST
    assert fit_temperature(1e-6 * logits, truth, prior=0) == LOWEST


@pytest.mark.parametrize(
    ("logits", "truth"), [(np.zeros(3), [0]), (np.zeros((2, 3)), [0]), ([[np.nan, 0.0]], [0])]
)
def test_what_does_not_fit_is_refused(logits: object, truth: list[int]) -> None:
    with pytest.raises(ValueError, match=r"belong together|finite"):
        fit_temperature(logits, truth)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_applied_to_written_probabilities_it_is_the_softmax_of_scaled_logits(
    temperature: float,
) -> None:
    logits, _ = sample(1.0, 300)
    written = np.round(softmax(logits, axis=1), 8)
    scaled = apply_temperature(written, temperature)
    assert scaled == pytest.approx(softmax(logits / temperature, axis=1), abs=1e-3)
    assert scaled.sum(axis=1) == pytest.approx(1)
    assert (scaled.argmax(axis=1) == written.argmax(axis=1)).all()


def test_a_written_zero_stays_finite() -> None:
    scaled = apply_temperature([[1.0, 0.0, 0.0]], 2.0)
    assert np.isfinite(scaled).all()
    assert scaled[0, 0] > 0.999
