"""With the shipped weights 20 labels a class tell drawn cats from dogs.

Fewer seeds than in `tools/evaluate_shipped_weights.py`, whose table stands in the README.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

path = Path(__file__).parents[2] / "tools" / "evaluate_shipped_weights.py"
spec = importlib.util.spec_from_file_location(path.stem, path)
evaluate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(evaluate)


@pytest.fixture(scope="module")
def test_set():
    return evaluate.labelled(200, seed=1)


def test_frozen_shipped_weights_reach_93_percent_and_beat_random_ones_by_10_points(test_set):
    shipped = np.mean(evaluate.frozen("shipped", range(3), test_set))
    random = np.mean(evaluate.frozen("random", range(2), test_set))
    assert shipped >= 0.93
    assert shipped >= random + 0.10
