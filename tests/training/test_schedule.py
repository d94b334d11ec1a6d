from itertools import pairwise

import pytest
import torch

from metrascope.settings.study_settings import TrainingSettings
from metrascope.training.schedule import learning_rate

STEPS = 73


def rates(**changes: object) -> list[float]:
    settings = TrainingSettings(**changes)  # type: ignore[arg-type]
    return [learning_rate(step, STEPS, settings) for step in range(settings.epochs * STEPS)]


def test_the_papers_schedule_by_step() -> None:
    drawn = rates()
    warm, rest = drawn[: 5 * STEPS], drawn[5 * STEPS :]
    assert warm == pytest.approx([0.001 * (step + 1) / (5 * STEPS) for step in range(5 * STEPS)])
    assert max(drawn) == pytest.approx(0.001)
    assert drawn[-1] == pytest.approx(0, abs=1e-12)
    assert all(before > after for before, after in pairwise(rest))


@pytest.mark.parametrize("minimum", [0.0, 1e-5])
def test_annealing_is_torchs(minimum: float) -> None:
    drawn = rates(update="epoch", minimum_learning_rate=minimum)[::STEPS]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.001)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5, eta_min=minimum)
    expected = []
    for _ in range(5):
        expected.append(cosine.get_last_lr()[0])
        optimizer.step()
        cosine.step()
    assert drawn[:5] == pytest.approx([0.0002, 0.0004, 0.0006, 0.0008, 0.001])
    assert drawn[5:] == pytest.approx(expected)


def test_by_epoch_the_rate_is_constant_within_one() -> None:
    drawn = rates(update="epoch")
    for epoch in range(10):
        assert len(set(drawn[epoch * STEPS : (epoch + 1) * STEPS])) == 1


def test_step_decay() -> None:
    drawn = rates(schedule="step", warmup_epochs=2, step_epochs=3, step_factor=0.1, epochs=9)
    by_epoch = drawn[STEPS - 1 :: STEPS]
    peak = 0.001
    expected = [peak / 2, peak, peak, peak, peak, peak / 10, peak / 10, peak / 10, peak / 100]
    assert by_epoch == pytest.approx(expected)


def test_constant_and_no_warmup() -> None:
    assert set(rates(schedule="constant", warmup_epochs=0, epochs=3)) == {0.001}


def test_a_warmup_longer_than_the_training_never_passes_the_rate() -> None:
    assert max(rates(warmup_epochs=50, epochs=2)) == pytest.approx(0.001)
