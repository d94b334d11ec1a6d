"""The learning rate of every step, as a pure function."""

import math

from metrascope.settings.study_settings import TrainingSettings


def learning_rate(step: int, steps_per_epoch: int, settings: TrainingSettings) -> float:
    """Return the learning rate of one step.

    Linear warm-up over the first epochs, then cosine annealing that reaches the minimum at the
    last epoch (paper, Training), a decay in steps, or a constant.

    Parameters
    ----------
    step
        Steps done before this one, from 0.
    steps_per_epoch
        Steps of an epoch.
    settings
        With ``update = "step"`` the rate moves at every step and reaches its peak at the last
        step of the warm-up and the minimum at the last step of all. With ``update = "epoch"``
        it is constant within an epoch, and the minimum is where an epoch after the last would
        be: no epoch is spent at a rate of 0.
    """
    # `risen` counts epochs to the end of this step, or of this epoch: warm-up begins above 0.
    epoch = step // steps_per_epoch
    by_step = settings.update == "step"
    warmup = min(settings.warmup_epochs, settings.epochs)
    risen = (step + 1) / steps_per_epoch if by_step else epoch + 1
    if risen < warmup:
        return settings.learning_rate * risen / warmup
    if epoch < warmup:
        return settings.learning_rate
    if settings.schedule == "step":
        drops = (epoch - warmup) // settings.step_epochs
        return settings.learning_rate * settings.step_factor**drops
    if settings.schedule == "cosine":
        annealed = (risen if by_step else epoch) - warmup
        share = annealed / (settings.epochs - warmup)
        low, high = settings.minimum_learning_rate, settings.learning_rate
        return low + (high - low) * (1 + math.cos(math.pi * share)) / 2
    return settings.learning_rate
