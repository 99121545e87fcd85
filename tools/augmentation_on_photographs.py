"""Measure what augmentation adds on photographs: a small CNN from scratch, three kinds, several seeds (notebook 08).

TRANSFER_DATA=... python tools/augmentation_on_photographs.py       # some minutes on two cores

Trained on the training set of `cats_vs_dogs`, tested on its validation and test pictures together: nothing is chosen by
either of them.
"""

from helpers import runtime

if __name__ == "__main__":
    runtime.setup(tensorflow=True)

import sys

import keras
import numpy as np

from helpers import scoreboard
from helpers.data import datasets
from helpers.network import augmentation
from helpers.pictures import photos

SIZE, STEPS, BATCH = 48, 500, 32
KINDS = {
    "none": lambda seed: None,
    "the article's": lambda seed: augmentation.article_augmentation(seed=seed),
    "strong": lambda seed: augmentation.strong_augmentation(seed=seed),
}


def load(*folders) -> tuple[np.ndarray, np.ndarray]:
    """Read all pictures of some folders: float32 (n, 48, 48, 3) in 0..255 and labels (n,), 1 for dogs."""
    files, labels = [], []
    for folder in folders:
        table = photos.list_pictures(folder)
        files += [folder / file for file in table["file"]]
        labels += (table["label"] == "dogs").tolist()
    return photos.load_many(files, SIZE).astype(np.float32), np.array(labels, int)


def network(seed: int) -> keras.Sequential:
    """Build a small CNN with random weights."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    steps = [keras.Input((SIZE, SIZE, 3)), layers.Rescaling(1 / 127.5, offset=-1)]
    for filters in (8, 16, 32, 64):
        steps.append(layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal"))
        steps.append(layers.MaxPooling2D(2))
    steps += [layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential(steps)
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", steps_per_execution=25, jit_compile=False)
    return model


def accuracy(kind: str, seed: int, train: tuple, test: tuple) -> float:
    """Train one network and test it on pictures as they are."""
    X, y = train
    rng = np.random.default_rng(seed)
    passes = [rng.permutation(len(y)) for _ in range(-(-STEPS * BATCH // len(y)))]
    order = np.concatenate(passes)[: STEPS * BATCH]
    augment = KINDS[kind](seed)
    parts = np.split(order, 10)  # the pictures of all passes at once would fill a gigabyte
    seen = [X[rows] if augment is None else np.asarray(augment(X[rows], training=True)) for rows in parts]
    model = network(seed)
    model.fit(np.concatenate(seen), y[order], batch_size=BATCH, shuffle=False, verbose=0)
    return float(((model.predict(test[0], batch_size=100, verbose=0)[:, 0] > 0.5) == test[1]).mean())


if __name__ == "__main__":
    pictures = datasets.cats_vs_dogs()
    print(pictures.source)
    train, test = load(pictures.train), load(pictures.validation, pictures.test)
    found = {kind: [] for kind in KINDS}
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        for kind, accuracies in found.items():
            accuracies.append(accuracy(kind, seed, train, test))
        print({kind: [round(value, 3) for value in values] for kind, values in found.items()}, flush=True)
    for kind in ("the article's", "strong"):
        print(f"{kind} - none: {scoreboard.difference(found[kind], found['none'])}")
