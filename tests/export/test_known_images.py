"""Of a held-out image only those members speak that were not trained with it."""

import numpy as np
import pandas as pd

from metrascope.export.known_images import Cases


def cases(validation: list[list[bool]], probabilities: list[list[list[float]]]) -> Cases:
    chosen = np.array(validation)
    count = chosen.shape[1]
    return Cases(
        images=pd.DataFrame({"label": ["a"] * count, "patient_id": range(count)}),
        codes=np.zeros(count, dtype=np.int64),
        training=~chosen,
        validation=chosen,
        probabilities=np.array(probabilities),
        features=(np.zeros((count, 2), np.float32),) * len(chosen),
        looks=(np.zeros((count, 144), np.float32),) * len(chosen),
    )


def test_folds_speak_one_by_one_and_seeds_together() -> None:
    found = cases(
        [[True, False, False, True], [False, True, False, True]],
        [
            [[0.9, 0.1], [0.0, 1.0], [0.0, 1.0], [0.2, 0.8]],
            [[0.0, 1.0], [0.7, 0.3], [0.0, 1.0], [0.4, 0.6]],
        ],
    )
    numbers, probabilities = found.held_out()
    assert numbers.tolist() == [0, 1, 3]
    np.testing.assert_allclose(probabilities, [[0.9, 0.1], [0.7, 0.3], [0.3, 0.7]])
