"""Pre-train InceptionV3 up to `mixed2` on drawn animals, cats and dogs left out: the shipped weights.

python tools/pretrain_drawn_animals.py                              # about half an hour on two cores
python tools/pretrain_drawn_animals.py --epochs 1 --pictures 320    # a trial

The weights are written to build/; copy them to src/helpers/weights to ship them, once
tools/evaluate_shipped_weights.py has shown what they are worth.

The network learns two tasks at once from the same features: which of the other species it is, and which way the head
is turned. Every epoch has new drawings, so nothing can be learned by heart.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from helpers import runtime

if __name__ == "__main__":  # the process that draws needs no TensorFlow
    runtime.setup(tensorflow=True)

import numpy as np

from helpers.data import drawn

SIZE, CUT, BATCH = 96, "mixed2", 32
SPECIES = [name for name in drawn.SPECIES if name not in ("cat", "dog")]
# Mostly the style of the main job; some of the others, so that the features serve in all three domains.
STYLES = ("photo", "photo", "photo", "poster", "sketch")


def drawings(n: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Draw a training set.

    Parameters
    ----------
    n : int
        Number of pictures.
    seed : int
        Different seeds give different pictures.

    Returns
    -------
    X : uint8 array (n, 96, 96, 3)
        The pictures.
    y : dict of int arrays (n,)
        "species" and "facing".
    """
    rng = np.random.default_rng(seed)
    species, styles = rng.integers(len(SPECIES), size=n), rng.choice(STYLES, size=n)
    shown = [
        drawn.drawing(SPECIES[k], str(style), SIZE, (seed, i))
        for i, (k, style) in enumerate(zip(species, styles, strict=True))
    ]
    X = np.stack([drawing.picture for drawing in shown])
    return X, {"species": species, "facing": np.array([drawing.facing for drawing in shown])}


def network():
    """Build the backbone from random weights, and the model with the two tasks on its pooled features."""
    import keras

    from helpers.network import backbones

    base = backbones.inception_v3(SIZE, weights="random", cut=CUT)
    pooled = keras.layers.GlobalAveragePooling2D()(base.model.output)
    outputs = {
        "species": keras.layers.Dense(len(SPECIES), activation="softmax", name="species")(pooled),
        "facing": keras.layers.Dense(len(drawn.FACING), activation="softmax", name="facing")(pooled),
    }
    return base, keras.Model(base.model.input, outputs)


def pretrain(epochs: int, stop: int, pictures: int, out: Path) -> None:
    """Train, writing the weights after each epoch: an interrupted run leaves those of its last one."""
    import keras

    from helpers.network import backbones

    base, model = network()
    steps = epochs * -(-pictures // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=2e-3, warmup_steps=steps // 20)
    model.compile(
        keras.optimizers.Adam(schedule),
        loss={name: "sparse_categorical_crossentropy" for name in model.output_names},
        loss_weights={"species": 1.0, "facing": 0.3},
        metrics={name: "accuracy" for name in model.output_names},
    )
    validation = drawings(400, seed=10**6)
    # Draws the next epoch's pictures while this one is trained on; forked, it would inherit TensorFlow's locks.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        upcoming = pool.submit(drawings, pictures, 0)
        for epoch in range(min(stop, epochs)):
            X, y = upcoming.result()
            upcoming = pool.submit(drawings, pictures, epoch + 1)
            model.fit(X, y, batch_size=BATCH, verbose=0)
            scores = model.evaluate(*validation, batch_size=100, verbose=0, return_dict=True)
            backbones.save_shipped(base.model, out)
            print(f"epoch {epoch + 1}/{epochs}", {name: round(value, 3) for name, value in scores.items()}, flush=True)
        upcoming.cancel()


if __name__ == "__main__":
    from helpers.network.backbones import SHIPPED_WEIGHTS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15, help="of the schedule of the learning rate")
    parser.add_argument("--stop", type=int, default=10, help="epochs to train; the rest of the schedule adds nothing")
    parser.add_argument("--pictures", type=int, default=8000, help="new drawings in each epoch")
    parser.add_argument("--out", type=Path, default=runtime.build_dir() / SHIPPED_WEIGHTS.name)
    arguments = parser.parse_args()
    pretrain(arguments.epochs, arguments.stop, arguments.pictures, arguments.out)
