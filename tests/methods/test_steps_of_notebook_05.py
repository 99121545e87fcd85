"""The two training steps that notebook 05 writes out do what the helpers do: the same weights after a few steps."""

from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from helpers.methods.two_domains import DANN, JointNetwork

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05_deep_adaptation.ipynb"
STEPS, LAM, RATE = 5, 3.0, 0.01


@pytest.fixture(scope="module")
def written():
    """The functions of the notebook's cells."""
    names = {"tf": tf, "keras": keras}
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        if cell.id in ("c41d7b61", "opponent-step", "distance-step"):
            exec(cell.source, names)
    return names


@pytest.fixture
def domains():
    """One batch holds all rows: a step an epoch, and the order of the rows does not matter."""
    rng = np.random.default_rng(0)
    X_S, X_T = (rng.normal(0, scale, (32, 5)).astype("float32") for scale in (1, 2))
    return X_S, rng.integers(0, 2, 32), X_T


def assert_same(parts, network):
    ours = [weight for part in parts for weight in part.get_weights()]
    theirs = [weight for weight in network.get_weights() if np.ndim(weight)]  # the reversal has a number
    assert sorted(map(np.shape, ours)) == sorted(map(np.shape, theirs))
    for weight in ours:
        near = [np.abs(weight - other).max() for other in theirs if other.shape == weight.shape]
        assert min(near) < 1e-5


@pytest.mark.parametrize("kind", ["opponent", "distance"])
def test_the_step_of_the_notebook_is_the_helpers(written, domains, kind):
    X_S, y_S, X_T = domains
    settings = {"hidden": 4, "strength": LAM, "batch_size": 64, "learning_rate": RATE, "seed": 2, "epochs": STEPS}
    helper = DANN(gamma=None, **settings) if kind == "opponent" else JointNetwork(loss="coral", **settings)
    helper.fit(X_S, y_S, X_T)
    start = DANN(hidden=4) if kind == "opponent" else JointNetwork(hidden=4)
    keras.utils.set_random_seed(2)
    start._build(5, 2)
    layers = {layer.name: layer for layer in start.network_.layers}
    parts = [layers["features"], layers["label"]] if kind == "opponent" else [layers["shared"], layers["label"]]
    if kind == "opponent":
        parts.append(keras.Sequential([layers["domain_hidden"], layers["domain"]]))
    optimizer = keras.optimizers.Adam(RATE)
    for _ in range(STEPS):
        written[f"{kind}_step"](*parts, optimizer, LAM, tf.constant(X_S), y_S, tf.constant(X_T))
    assert_same(parts, helper.network_)
