"""Measure what the shipped weights are worth: cats against dogs, drawn, with 20 labelled pictures a class.

python tools/evaluate_shipped_weights.py       # a few minutes: five seeds each of three ways

The shipped weights have never seen a cat or a dog. They are compared with the same network frozen at random weights,
and with the same network trained from scratch on the same 40 pictures. Each gets what it needs to be at its best: the
features of random weights hardly vary and are standardised, and batch normalisation follows its few batches faster.
"""

from helpers import runtime

if __name__ == "__main__":
    runtime.setup(tensorflow=True)

from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
from sklearn.preprocessing import StandardScaler

from helpers.data import drawn
from helpers.network import backbones, bottleneck, classifier
from helpers.pictures import photos

SIZE, PER_CLASS, N_TEST = 96, 20, 400


def labelled(n_per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw snapshots of cats and dogs: float32 pictures (n, 96, 96, 3) in 0..255 and one-hot labels (n, 2)."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "snapshots"
        drawn.write_folder(folder, n_per_class, n_validation=0, n_test=0, seed=seed)
        table = photos.list_pictures(folder / photos.SPLITS[0])
        X = photos.load_many([folder / photos.SPLITS[0] / file for file in table["file"]], SIZE)
    return X.astype(np.float32), np.eye(2, dtype=np.float32)[(table["label"] == "dogs").astype(int)]


def frozen(weights: str, seeds: range, test: tuple[np.ndarray, np.ndarray]) -> list[float]:
    """Test accuracy, one a seed, of the article's top on the frozen base; random weights are drawn anew for each."""
    accuracies, forward = [], None
    for seed in seeds:
        if forward is None or weights == "random":
            forward = bottleneck.forward(backbones.inception_v3(SIZE, weights=weights, cut="mixed2", seed=seed))
            maps = in_batches(forward, test[0])
        X, y = labelled(PER_CLASS, seed=1000 + seed)
        X, X_test = in_batches(forward, X), maps
        if weights == "random":
            scale = StandardScaler().fit(X)
            X, X_test = scale.transform(X), scale.transform(X_test)
        runtime.seed(seed)
        head = classifier.top(X.shape[1])
        classifier.compile_sgd(head)
        classifier.train(head, (X, y), epochs=60, seed=seed, progress=False)
        accuracies.append(np.mean(head.predict_on_batch(X_test).argmax(axis=1) == test[1].argmax(axis=1)))
    return accuracies


def in_batches(forward, X: np.ndarray, size: int = 40) -> np.ndarray:
    """Give the pooled features (n, channels) of many pictures."""
    return np.concatenate([forward(X[i : i + size]) for i in range(0, len(X), size)])


def from_scratch(seeds: range, test: tuple[np.ndarray, np.ndarray], epochs: int = 60) -> list[float]:
    """Test accuracy, one a seed, of the same network trained as a whole from random weights."""
    accuracies = []
    for seed in seeds:
        base = backbones.inception_v3(SIZE, weights="random", cut="mixed2", seed=seed)
        for layer in base.model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.9  # two steps an epoch are too few for Keras's 0.99
        model = classifier.attach(base.model, classifier.top(base.model.output_shape[-1]))
        model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"])
        classifier.train(
            model, labelled(PER_CLASS, seed=1000 + seed), epochs=epochs, batch_size=20, seed=seed, progress=False
        )
        accuracies.append(model.evaluate(*test, batch_size=50, verbose=0)[1])
    return accuracies


if __name__ == "__main__":
    test = labelled(N_TEST // 2, seed=1)
    ways = {
        "frozen, shipped weights": lambda seeds: frozen("shipped", seeds, test),
        "frozen, random weights": lambda seeds: frozen("random", seeds, test),
        "from scratch": lambda seeds: from_scratch(seeds, test),
    }
    for name, way in ways.items():
        accuracies = way(range(5))
        print(f"{name:24} mean {np.mean(accuracies):.3f}, seeds {np.round(accuracies, 3)}", flush=True)
