"""The new top: build, compile, train, resume, save, load, predict."""

import hashlib
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from tqdm.auto import tqdm
from tqdm.keras import TqdmCallback

from helpers import runtime
from helpers.pictures import photos

if TYPE_CHECKING:
    import pandas
    import tensorflow as tf

LABEL_ZH = {"cats": "猫", "dogs": "狗"}

_CLASS_NAMES, _SOURCE = "class_names.json", "source.txt"  # entries of the file besides Keras's own


def top(features: int, nb_classes: int = 2, units: int = 1024) -> keras.Sequential:
    """Build the article's new top: Dense (ReLU), then Dense (softmax).

    Parameters
    ----------
    features : int
        Length of the pooled feature vector.
    nb_classes : int
        Number of classes, at least 2.
    units : int
        Width of the hidden layer.

    Returns
    -------
    keras.Sequential
        Maps (batch, features) to class probabilities (batch, nb_classes).

    Raises
    ------
    ValueError
        If `nb_classes` is below 2.
    """
    if nb_classes < 2:
        raise ValueError(f"nb_classes must be at least 2 (softmax over one class is always 1), got {nb_classes}")
    return keras.Sequential(
        [
            keras.Input((features,), name="features"),
            keras.layers.Dense(units, activation="relu", name="hidden"),
            keras.layers.Dense(nb_classes, activation="softmax", name="probabilities"),
        ],
        name="top",
    )


def attach(base: keras.Model, head: keras.Model) -> keras.Model:
    """Put a top on a base through global average pooling: pictures in, probabilities out.

    Freeze the base before training (`backbones.freeze`). Calling it with `training=False` is not enough: in Keras 3 the
    mode of the outer call reaches the batch normalisation inside, and `fit` calls with `training=True`.

    Parameters
    ----------
    base : keras.Model
        Maps pictures (batch, size, size, channels) in 0..255 to a feature map (batch, height, width, features).
    head : keras.Model
        Maps pooled features (batch, features) to probabilities; new, or trained alone on stored features.

    Returns
    -------
    keras.Model
        The whole classifier; it shares its weights with `base` and `head`.
    """
    pictures = keras.Input(base.input_shape[1:], name="pictures")
    pooled = keras.layers.GlobalAveragePooling2D(name="global_average_pooling")(base(pictures))
    return keras.Model(pictures, head(pooled), name="classifier")


def compile_sgd(
    model: keras.Model,
    learning_rate: float = 0.005,
    decay: float = 1e-6,
    momentum: float = 0.9,
    nesterov: bool = True,
) -> None:
    """Compile with the article's optimiser: SGD whose step t uses learning_rate / (1 + decay t).

    Freeze and unfreeze first: the optimiser is made for the weights that are trainable now.

    Parameters
    ----------
    model : keras.Model
        Any model with a softmax output; labels are one-hot.
    learning_rate, decay, momentum : float
        Settings of the optimiser. Keras 3 ignores `SGD(decay=...)`, so the decay is a schedule here.
    nesterov : bool
        Look ahead along the momentum before taking the gradient.
    """
    schedule = keras.optimizers.schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=decay)
    optimizer = keras.optimizers.SGD(schedule, momentum=momentum, nesterov=nesterov)
    accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    model.compile(optimizer, loss="categorical_crossentropy", metrics=[accuracy])
    # All variables exist now. Made while the first step is traced, they would have TensorFlow trace it twice.
    optimizer.build(model.trainable_variables)


def train(
    model: keras.Model,
    data: "tf.data.Dataset | tuple[np.ndarray, np.ndarray]",
    validation_data: "tf.data.Dataset | tuple[np.ndarray, np.ndarray] | None" = None,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    steps_per_epoch: int = 600,
    validation_steps: int = 60,
    seed: int = 0,
    checkpoints: Path | None = None,
    tag: str = "",
    progress: bool = True,
) -> dict[str, list[float]]:
    """Train a compiled model; with `checkpoints`, go on after the last epoch that an interrupted run finished.

    Parameters
    ----------
    model : keras.Model
        Compiled. When a run is resumed, its weights and the state of its optimiser are replaced by the stored ones.
    data, validation_data : tf.data.Dataset or (X, y)
        Batches of (pictures or features, one-hot labels), or the whole arrays. Arrays are shuffled anew in each epoch,
        in an order that depends on `seed` and the epoch alone; a Dataset does its own shuffling.
    epochs : int
        Epochs in all, those of an interrupted run counted in.
    batch_size : int
        Examples a step; for arrays only, a Dataset has its own.
    steps_per_epoch, validation_steps : int
        Upper bounds. An epoch is one pass over the data where that takes fewer steps. Of validation data that are
        longer a part is taken, always the same, from all over them, for they may come class by class: random rows of
        arrays, evenly spaced batches of a Dataset (which still has to make the others; one of unknown length gives its
        first).
    seed : int
        Seed of the shuffling of arrays.
    checkpoints : Path, optional
        Folder that keeps the state after the last finished epoch, for one run alone. After a finished run a second
        call returns at once; with more epochs it goes on. What else makes the run (the optimiser, the loss, the data,
        the seed, the sizes of batch and epoch) must be the same, or the call is refused: a folder never holds a mixture
        of two runs, and a long run is never lost because of a slip. The first weights do not count.
    tag : str
        Name of the data for `checkpoints`, such as their source. Needed for Datasets, whose content cannot be seen;
        arrays are told apart by what they hold.
    progress : bool
        Show a progress bar of the epochs and, while an epoch lasts, one of its steps.

    Returns
    -------
    dict
        Name of a metric -> one value an epoch, from the very first epoch on.

    Raises
    ------
    ValueError
        If the checkpoints are those of another model or another run; the message says in what they differ.
    """
    checkpoint = None
    if checkpoints:
        settings = {
            "tag": tag,
            "data": _fingerprint(data),
            "validation data": _fingerprint(validation_data),
            "batch_size": batch_size,
            "steps_per_epoch": steps_per_epoch,
            "validation_steps": validation_steps,
            "seed": seed,
        }
        checkpoint = _Checkpoint(checkpoints, model, settings)
    history = checkpoint.restore() if checkpoint else {}
    done = len(history.get("loss", ()))
    if done >= epochs:
        return history
    if isinstance(data, tuple):
        batches = _ShuffledArrays(*data, batch_size, steps_per_epoch, seed, done)
    else:
        batches = data.take(steps_per_epoch)
    validation = validation_data and _bounded(validation_data, batch_size, validation_steps)
    callbacks = [checkpoint] if checkpoint else []
    if progress:
        callbacks.append(TqdmCallback(verbose=1, initial=done, total=epochs, desc="train"))
    fitted = model.fit(
        batches,
        shuffle=False,  # both kinds of data have shuffled themselves
        validation_data=validation,
        initial_epoch=done,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )
    return {name: history.get(name, []) + values for name, values in fitted.history.items()}


def save(model: keras.Model, path: Path, class_names: Sequence[str], overwrite: bool = True, source: str = "") -> None:
    """Save a classifier, its optimiser, the names of its classes and where it comes from in one `.keras` file.

    Parameters
    ----------
    model : keras.Model
        The classifier.
    path : Path
        The file, ending in .keras; it is replaced as a whole.
    class_names : sequence of str
        Names in the order of the outputs.
    overwrite : bool
        Replace an existing file.
    source : str
        One line that says which weights it started from, such as `Backbone.source`; `source_of` gives it back.

    Raises
    ------
    FileExistsError
        If the file is there and `overwrite` is False.
    ValueError
        If the number of names is not the number of outputs.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; pass overwrite=True or choose another name.")
    if len(class_names) != model.output_shape[-1]:
        raise ValueError(f"the model has {model.output_shape[-1]} outputs, got {len(class_names)} class names")
    if model.compiled:  # before its first step an optimiser has no state yet, which loading would warn about
        model.optimizer.build(model.trainable_variables)
    with runtime.atomic_path(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:  # what a .keras file is; Keras leaves other entries be
            archive.writestr(_CLASS_NAMES, json.dumps(list(class_names), ensure_ascii=False))
            archive.writestr(_SOURCE, source)


def load(path: Path) -> tuple[keras.Model, list[str]]:
    """Load what `save` wrote, in Keras's safe mode: a file cannot bring code of its own.

    Parameters
    ----------
    path : Path
        A `.keras` file.

    Returns
    -------
    model : keras.Model
        Compiled as it was, with the state of its optimiser, so that `train` can go on.
    class_names : list of str
        Names in the order of the outputs.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by `save`.
    """
    with _saved(path) as archive:
        class_names = json.loads(archive.read(_CLASS_NAMES))
    return keras.models.load_model(path, safe_mode=True), class_names


def source_of(path: Path) -> str:
    """Read from a saved classifier which weights it started from.

    Parameters
    ----------
    path : Path
        A `.keras` file.

    Returns
    -------
    str
        What `save` was given as `source`; empty if nothing.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load`.
    """
    with _saved(path) as archive:
        return archive.read(_SOURCE).decode() if _SOURCE in archive.namelist() else ""


def predict(
    model: keras.Model,
    folder: Path,
    class_names: Sequence[str],
    *,
    batch_size: int = 32,
    csv: Path | None = None,
    progress: bool = True,
) -> "pandas.DataFrame":
    """Classify every picture of a folder, in file order.

    Parameters
    ----------
    model : keras.Model
        The classifier; it says which size and how many channels it wants.
    folder : Path
        Pictures, in sub-folders or not.
    class_names : sequence of str
        Names in the order of the outputs.
    batch_size : int
        Pictures at a time.
    csv : Path, optional
        Where to write the table as well, in UTF-8 with a byte order mark, so that spreadsheets show 猫 and 狗.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row a picture: file (relative to `folder`), label, label_zh (猫, 狗; empty for other classes), probability of
        that label, 0 to 1.
    """
    import pandas as pd

    files = photos.list_files(folder)
    paths = [Path(folder) / file for file in files]
    _, size, _, channels = model.input_shape
    probabilities = np.concatenate(
        [
            model.predict_on_batch(photos.load_many(paths[i : i + batch_size], size, channels))
            for i in tqdm(range(0, len(paths), batch_size), unit="batch", desc="Predict", disable=not progress)
        ]
    )
    labels = [class_names[i] for i in probabilities.argmax(axis=1)]
    table = pd.DataFrame(
        {
            "file": files,
            "label": labels,
            "label_zh": [LABEL_ZH.get(label, "") for label in labels],
            "probability": probabilities.max(axis=1),
        }
    )
    if csv is not None:
        with runtime.atomic_path(csv) as temporary:
            table.to_csv(temporary, index=False, encoding="utf-8-sig")
    return table


@contextmanager
def _saved(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a file that `save` wrote."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}. Run notebook 09 first: it trains the model and saves it there.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .keras file, or only a part of one. Save or copy the model again.")
    with zipfile.ZipFile(path) as archive:
        if _CLASS_NAMES not in archive.namelist():
            raise ValueError(f"{path} holds no class names. Save the model with helpers.network.classifier.save.")
        yield archive


def _bounded(data, batch_size, steps):
    """Take at most so many steps of validation data, from all over them."""
    if isinstance(data, tuple):
        n = len(data[0])
        if n <= batch_size * steps:
            return data
        rows = np.sort(np.random.default_rng(0).permutation(n)[: batch_size * steps])  # one part, whatever the seed
        return tuple(array[rows] for array in data)
    import tensorflow as tf

    n = int(data.cardinality())
    if n <= steps:  # or unknown, or endless, which are negative
        return data.take(steps)
    spaced = data.enumerate().filter(lambda i, _: i * steps % n < steps)  # each time i * steps passes a multiple of n
    # Keras warns that the data ran out unless it knows how many batches there are.
    return spaced.map(lambda _, batch: batch).apply(tf.data.experimental.assert_cardinality(steps))


def _fingerprint(data):
    """Hash the arrays; None for anything else."""
    if not isinstance(data, tuple):
        return None
    digest = hashlib.sha256()
    for array in data:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


class _ShuffledArrays(keras.utils.PyDataset):
    """Batches of two arrays in an order that depends on the seed and the epoch alone, so a resumed run repeats it."""

    def __init__(self, X, y, batch_size, steps, seed, epoch):
        super().__init__()
        if len(X) != len(y):
            raise ValueError(f"X and y must have the same length, got {len(X)} and {len(y)}")
        self._arrays, self._batch_size, self._steps, self._seed = (X, y), batch_size, steps, seed
        self._start(epoch)

    def _start(self, epoch):
        self._epoch = epoch
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._arrays[0]))

    def __len__(self):
        return min(self._steps, math.ceil(len(self._order) / self._batch_size))

    def __getitem__(self, i):
        rows = self._order[i * self._batch_size : (i + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)

    def on_epoch_end(self):
        self._start(self._epoch + 1)


class _Checkpoint(keras.callbacks.Callback):
    """Keep weights, optimiser state and history after each epoch; history.json is written last and makes it count."""

    def __init__(self, folder, model, settings):
        super().__init__()
        self._folder, self._model, self._history = Path(folder), model, {}
        run = {
            "loss": keras.saving.serialize_keras_object(model.loss),
            "optimizer": type(model.optimizer).__name__,
            **model.optimizer.get_config(),
            "trainable weights": [list(weight.shape) for weight in model.trainable_weights],
            **settings,
        }
        del run["name"]  # Keras numbers its optimisers: SGD, SGD_1, ...
        self._run = json.loads(json.dumps(run))  # as it is read again: lists for tuples

    def restore(self):
        """Put the stored state into the model and return the stored history, empty if there is none."""
        path = self._folder / "history.json"
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["shapes"] != self._shapes():
                raise ValueError(f"{self._folder} keeps another model's training; name another folder or delete it.")
            differ = [name for name, value in self._run.items() if stored.get("run", {}).get(name) != value]
            if differ:
                raise ValueError(
                    f"{self._folder} keeps another run, of which these differ: {', '.join(differ)}. Set them as they "
                    "were to go on with it; name another folder, or delete this one, to start anew."
                )
            self._history = stored["history"]
            self._model.optimizer.build(self._model.trainable_variables)
            self._model.load_weights(self._weights(len(self._history["loss"])))
        return {name: list(values) for name, values in self._history.items()}

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        with runtime.atomic_path(self._weights(epoch + 1)) as temporary:
            self._model.save_weights(temporary)
        with runtime.atomic_path(self._folder / "history.json") as temporary:
            state = {"shapes": self._shapes(), "run": self._run, "history": self._history}
            temporary.write_text(json.dumps(state), encoding="utf-8")
        self._weights(epoch).unlink(missing_ok=True)

    def _weights(self, epoch):
        return self._folder / f"epoch_{epoch:04d}.weights.h5"

    def _shapes(self):
        return [list(weight.shape) for weight in self._model.weights]
