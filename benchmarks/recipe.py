"""One side of row 1 of the benchmark, as a process of its own that starts from nothing; prints seconds and accuracy.

python benchmarks/recipe.py article  FOLDER SEED               # every epoch through the base, as the article trains
python benchmarks/recipe.py features FOLDER SEED [PRECISION]   # once through the base, then the top on its features

The seconds begin with the import of TensorFlow and end when the top is trained; the test set comes after them.
"""

import sys
import time

start = time.perf_counter()

import json
import tempfile
from pathlib import Path

from helpers import runtime

runtime.setup(tensorflow=True)

import numpy as np
import tensorflow as tf

from helpers.network import backbones, bottleneck, classifier

EPOCHS, BATCH = 10, 32


def generator(**moving):
    """Keras's generator with the article's scaling: the base, which has a scaling of its own, then sees x / 255."""
    return tf.keras.preprocessing.image.ImageDataGenerator(preprocessing_function=lambda x: x / 2 + 127.5, **moving)


def article(pictures: Path, base: backbones.Backbone, top: tf.keras.Model) -> None:
    """Train the top as the article does: its augmentation, every picture through the base in every epoch."""
    moving = generator(
        zoom_range=0.25,
        rotation_range=15,
        channel_shift_range=25,
        width_shift_range=0.02,
        height_shift_range=0.02,
        horizontal_flip=True,
        fill_mode="constant",
    )
    read = {"target_size": (base.size, base.size), "batch_size": BATCH}
    model = classifier.attach(base.model, top)
    classifier.compile_sgd(model)
    model.fit(
        moving.flow_from_directory(pictures / "train_set", **read),
        validation_data=generator().flow_from_directory(pictures / "validation_set", shuffle=False, **read),
        epochs=EPOCHS,
        verbose=0,
    )


def features(pictures: Path, base: backbones.Backbone, top: tf.keras.Model, precision: str, cache: Path) -> None:
    """Train the top on features that are computed once."""
    parts = [
        bottleneck.features(base, pictures / part, cache=cache, precision=precision, progress=False)
        for part in ("train_set", "validation_set")
    ]
    train, validation = ((part.X, np.eye(2, dtype="float32")[part.y]) for part in parts)
    classifier.compile_sgd(top)
    classifier.train(top, train, validation, epochs=EPOCHS, batch_size=BATCH, progress=False)


def main(side: str, folder: str, seed: str, precision: str = "float32") -> None:
    """Train one side; print its seconds and its accuracy on the test pictures."""
    pictures, base = Path(folder), backbones.inception_v3()
    backbones.freeze(base.model)
    runtime.seed(int(seed))
    top = classifier.top(base.model.output_shape[-1])
    with tempfile.TemporaryDirectory() as cache:
        if side == "article":
            article(pictures, base, top)
        else:
            features(pictures, base, top, precision, Path(cache))
        seconds = time.perf_counter() - start
        model = classifier.attach(base.model, top)
        scaled = generator() if side == "article" else tf.keras.preprocessing.image.ImageDataGenerator()
        test = scaled.flow_from_directory(
            pictures / "test_set", target_size=(base.size, base.size), batch_size=BATCH, shuffle=False
        )
        accuracy = float(np.mean(model.predict(test, verbose=0).argmax(axis=1) == test.classes))
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))


if __name__ == "__main__":
    main(*sys.argv[1:])
