"""Agreement of networks against statsmodels; voting."""

import numpy as np
import pytest
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as theirs

from metrascope.statistics.agreement import (
    agreement_table,
    consensus,
    ensemble,
    fleiss_kappa,
    missed_by_all,
)
from metrascope.statistics.resampling import draw_patients, replicate

from .test_comparison import made

SKILLS = dict.fromkeys("abcde", 1.0)


def test_fleiss_kappa_agrees_with_statsmodels() -> None:
    people = made(SKILLS)
    votes = np.stack([one.predicted[0] for one in people.readings.values()], axis=1)
    expected = theirs(aggregate_raters(votes, n_cat=3)[0], method="fleiss")
    found = replicate(fleiss_kappa(people), draw_patients(np.arange(150), replicates=200))
    assert float(found.value) == pytest.approx(expected, abs=1e-6)
    weights = next(iter(draw_patients(np.arange(150), replicates=200).drawn()))[3].astype(int)
    again = theirs(aggregate_raters(np.repeat(votes, weights, axis=0), n_cat=3)[0])
    assert found.drawn[3] == pytest.approx(again, abs=1e-6)


def test_ensemble_is_the_mean_probability() -> None:
    people = made(SKILLS, seeds=2)
    voted = ensemble(people)
    expected = np.mean([one.probabilities for one in people.readings.values()], axis=0)
    assert voted.probabilities == pytest.approx(expected)
    assert (voted.predicted == expected.argmax(2)).all()
    assert voted.seeds == (0, 1)


def test_networks_with_other_seeds_vote_with_their_mean() -> None:
    people = made(SKILLS, seeds=2)
    other = made({"f": 1.0}, seeds=3).readings["f"]
    together = {**people.readings, "f": other}
    voted = ensemble(type(people)(people.partition, people.classes, people.table, together))
    assert voted.probabilities is not None
    assert voted.probabilities.shape == (1, 150, 3)


def test_shared_errors_and_pairwise_agreement() -> None:
    people = made(SKILLS)
    wrong = np.all([one.predicted[0] != one.truth for one in people.readings.values()], axis=0)
    assert missed_by_all(people) == np.flatnonzero(wrong).tolist()
    table = np.array(agreement_table(people))
    assert np.diag(table) == pytest.approx(np.ones(5))
    first, second = (people.readings[name].predicted[0] for name in "ab")
    assert table[0, 1] == (first == second).mean()


def test_consensus_of_seeds_is_of_their_mean_probability() -> None:
    one = made({"a": 1.0}, seeds=3).readings["a"]
    assert one.probabilities is not None
    assert (consensus(one) == one.probabilities.mean(0).argmax(1)).all()
