"""The new top: build, compile, train, resume, save, load, predict."""

import json
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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

_NOT_THE_LAYERS = {"name", "build_config", "compile_config"}  # of what describes a model
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
            # In float32 under any dtype policy: 16 bits are too few for the loss.
            keras.layers.Dense(nb_classes, activation="softmax", dtype="float32", name="probabilities"),
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
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
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
    steps_per_epoch, validation_steps : int, optional
        Upper bounds; the article has 600 and 60. By default, and where one pass over the data takes fewer steps, an
        epoch is one pass. Of validation data that are longer a part is taken, always the same, from all over them, for
        they may come class by class: random rows of arrays, evenly spaced batches of a Dataset (which still has to make
        the others; one of unknown length gives its first).
    seed : int
        Seed of the shuffling of arrays.
    checkpoints : Path, optional
        Folder that keeps the state after the last finished epoch, for one run alone. After a finished run a second
        call returns at once; with more epochs it goes on. What else makes the run (the optimiser, the loss, the data,
        the seed, the sizes of batch and epoch) must be the same, or the call is refused: a folder never holds a mixture
        of two runs, and a long run is never lost because of a slip. The first weights do not count. A Dataset is told
        by its batches: those of the finished epochs are made again, without the network, and compared. So they must be
        made from the same seeds (`runtime.seed`), augmentation included.
    tag : str
        Name of the data for `checkpoints`, such as their source.
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
    OSError
        If there is no room for a checkpoint. The one before is kept.
    """
    if not isinstance(data, tuple):
        data = data.take(-1 if steps_per_epoch is None else steps_per_epoch)
    validation = validation_data and _bounded(validation_data, batch_size, validation_steps)
    checkpoint = None
    if checkpoints:
        sizes = {"batch_size": batch_size, "steps_per_epoch": steps_per_epoch, "validation_steps": validation_steps}
        checkpoint = _Checkpoint(checkpoints, model, data, validation, {"tag": tag, "seed": seed, **sizes})
    history = checkpoint.restore(epochs) if checkpoint else {}
    done = len(history.get("loss", ()))
    if done >= epochs:
        return history
    if isinstance(data, tuple):
        fit = {"x": _ShuffledArrays(*data, batch_size, steps_per_epoch, seed, done)}
    else:
        fit = checkpoint.watched(epochs) if checkpoint else {"x": data}
    bar = TqdmCallback(verbose=1, initial=done, total=epochs, desc="train") if progress else None
    fitted = model.fit(
        **fit,
        shuffle=False,  # both kinds of data have shuffled themselves
        validation_data=validation,
        initial_epoch=done,
        epochs=epochs,
        callbacks=[callback for callback in (checkpoint, bar) if callback],
        verbose=0,
    )
    return {name: history.get(name, []) + values for name, values in fitted.history.items()}


def save(model: keras.Model, path: Path, class_names: Sequence[str], source: str = "") -> None:
    """Save a classifier, its optimiser, the names of its classes and where it comes from in one `.keras` file.

    Parameters
    ----------
    model : keras.Model
        The classifier.
    path : Path
        The file, ending in .keras; it is replaced as a whole.
    class_names : sequence of str
        Names in the order of the outputs.
    source : str
        One line that says which weights it started from, such as `Backbone.source`; `source_of` gives it back.

    Raises
    ------
    ValueError
        If the number of names is not the number of outputs.
    OSError
        If there is no room for it. A model that was there before is kept.
    """
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
    """Classify every picture of a folder, in file order; one that cannot be read stops nothing.

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
        that label, 0 to 1, and error: why there is no label and no probability (NaN), empty for all whole pictures.

    Raises
    ------
    ValueError
        If the number of names is not the number of outputs.
    OSError
        If there is no room for the table. One that was there before is kept.
    """
    import pandas as pd

    if len(class_names) != model.output_shape[-1]:
        raise ValueError(f"the model has {model.output_shape[-1]} outputs, got {len(class_names)} class names")
    files = photos.list_files(folder)
    _, size, _, channels = model.input_shape
    rows = []
    with ThreadPoolExecutor() as pool:
        for i in tqdm(range(0, len(files), batch_size), unit="batch", desc="Predict", disable=not progress):
            paths = [Path(folder) / file for file in files[i : i + batch_size]]
            with photos.quiet():
                read = list(pool.map(lambda path: _picture_or_reason(path, size, channels), paths))
            whole = [picture for picture in read if not isinstance(picture, str)]
            predicted = iter(model.predict_on_batch(np.stack(whole)) if whole else ())
            for picture in read:
                if isinstance(picture, str):
                    rows.append(("", "", np.nan, picture))
                else:
                    p = next(predicted)
                    label = class_names[p.argmax()]
                    rows.append((label, LABEL_ZH.get(label, ""), p.max(), ""))
    table = pd.DataFrame(rows, columns=["label", "label_zh", "probability", "error"]).astype({"probability": "float32"})
    table.insert(0, "file", files)
    if broken := int((table["error"] != "").sum()):
        warnings.warn(f"{broken} of {len(files)} pictures could not be read; see the column error.", stacklevel=2)
    if csv is not None:
        with runtime.atomic_path(csv) as temporary:
            table.to_csv(temporary, index=False, encoding="utf-8-sig")
    return table


def _picture_or_reason(path: Path, size: int, channels: int) -> np.ndarray | str:
    """Read a picture; say why if that fails."""
    try:
        return photos.load(path, size, channels)
    except (OSError, ValueError) as error:
        return str(error)


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
    if steps is None:
        return data
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


def _checksum(data, start=0):
    """CRC-32 of arrays, or of one pass over a Dataset, with shapes and types; `start` is that of what came before."""
    for batch in [data] if isinstance(data, tuple) else data:
        for array in map(np.asarray, batch):
            start = zlib.crc32(f"{array.shape} {array.dtype}".encode(), start)
            start = zlib.crc32(np.ascontiguousarray(array), start)
    return start


def _number_of_batches(data):
    """Count the batches of a Dataset, one after the other if it does not know their number."""
    n = int(data.cardinality())
    if n == -1:
        raise ValueError("checkpoints of a Dataset without an end need steps_per_epoch, got None.")
    return n if n >= 0 else sum(1 for _ in data)


def _layers(model):
    """Describe what the layers do, their names aside: Keras numbers those anew for each model."""
    names = {layer.name for layer in model._flatten_layers()} | {model.name}

    def plain(part):
        if isinstance(part, dict):
            return {key: plain(value) for key, value in part.items() if key not in _NOT_THE_LAYERS}
        if isinstance(part, (list, tuple)):
            return [plain(value) for value in part]
        return "" if isinstance(part, str) and part in names else part

    return zlib.crc32(json.dumps(plain(keras.saving.serialize_keras_object(model)), sort_keys=True).encode())


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
        whole = math.ceil(len(self._order) / self._batch_size)
        return whole if self._steps is None else min(self._steps, whole)

    def __getitem__(self, i):
        rows = self._order[i * self._batch_size : (i + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)

    def on_epoch_end(self):
        self._start(self._epoch + 1)


class _Checkpoint(keras.callbacks.Callback):
    """Keep all variables and the history after each epoch; history.json is written last and makes it count.

    Keras's own `BackupAndRestore` keeps no history, writes over its one file, leaves out the state of dropout and takes
    whatever run comes for the one that it kept; and on a full disk its HDF5 files take the whole process with them.
    """

    def __init__(self, folder, model, data, validation, settings):
        super().__init__()
        self._folder, self._model, self._data = Path(folder), model, data
        self._history, self._seen = {}, []  # of each epoch of a Dataset the checksum of its batches
        self._steps = None if isinstance(data, tuple) else _number_of_batches(data)
        run = {
            "loss": keras.saving.serialize_keras_object(model.loss),
            "optimizer": type(model.optimizer).__name__,
            **model.optimizer.get_config(),
            "layers": _layers(model),
            "trainable weights": [list(weight.shape) for weight in model.trainable_weights],
            "data": _checksum(data) if isinstance(data, tuple) else None,
            "validation data": _checksum(validation) if validation else None,
            **settings,
        }
        del run["name"]  # Keras numbers its optimisers: SGD, SGD_1, ...
        self._run = json.loads(json.dumps(run))  # as it is read again: lists for tuples

    def restore(self, epochs):
        """Put the stored state into the model and return the stored history, empty if there is none."""
        path = self._folder / "history.json"
        if not path.exists():
            return {}
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["shapes"] != self._shapes():
            raise ValueError(f"{self._folder} keeps another model's training; name another folder or delete it.")
        self._refuse([name for name, value in self._run.items() if stored.get("run", {}).get(name) != value])
        done = len(stored["history"]["loss"])
        if not isinstance(self._data, tuple):
            # Where nothing is left to train, one epoch tells another Dataset well enough.
            self._seen = [_checksum(self._data) for _ in range(done if done < epochs else 1)]
            self._refuse(["data (its batches)"] if self._seen != stored.get("seen", [])[: len(self._seen)] else [])
        self._history = stored["history"]
        self._model.optimizer.build(self._model.trainable_variables)
        with np.load(self._state(done)) as arrays:
            for variable, name in zip(self._variables(), arrays, strict=True):
                variable.assign(arrays[name])
        return {name: list(values) for name, values in self._history.items()}

    def _refuse(self, differ):
        if differ:
            raise ValueError(
                f"{self._folder} keeps another run, of which these differ: {', '.join(differ)}. Set them as they were "
                "to go on with it (a Dataset and its augmentation are made from the same seeds in a kernel that was "
                "restarted); name another folder, or delete this one, to start anew."
            )

    def watched(self, epochs):
        """Give what `fit` needs to train on the Dataset, all epochs in one; note the checksum of what passes."""
        import tensorflow as tf

        def note(i, *batch):
            if i % self._steps == 0:
                self._seen.append(0)
            self._seen[-1] = _checksum(batch, self._seen[-1])
            return np.int64(i)

        def watch(i, batch):
            with tf.control_dependencies([tf.numpy_function(note, [i, *batch], tf.int64)]):
                return tuple(tf.identity(array) for array in batch)

        # As long as the model has parts to build, `fit` looks at a batch first, and a shuffled Dataset moves on.
        labels = tf.zeros([size or 1 for size in self._data.element_spec[1].shape])
        self._model.compute_loss(y=labels, y_pred=labels)
        self._model.compute_metrics(None, labels, labels)
        # One iterator, of which each epoch takes its part: how many `fit` would make of the Dataset is its own affair.
        rest = self._data.repeat(epochs - len(self._seen)).enumerate().map(watch)
        return {"x": rest, "steps_per_epoch": self._steps}

    def on_epoch_end(self, epoch, logs=None):
        for name, value in logs.items():
            self._history.setdefault(name, []).append(float(value))
        with runtime.atomic_path(self._state(epoch + 1)) as temporary:
            np.savez(temporary, *(np.asarray(variable.value) for variable in self._variables()))
        state = {"shapes": self._shapes(), "run": self._run, "history": self._history, "seen": self._seen}
        with runtime.atomic_path(self._folder / "history.json") as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")
        self._state(epoch).unlink(missing_ok=True)

    def _state(self, epoch):
        return self._folder / f"epoch_{epoch:04d}.npz"

    def _shapes(self):
        return [list(weight.shape) for weight in self._model.weights]

    def _variables(self):
        """Weights, what dropout draws from, and the state of the optimiser."""
        return [*self._model.variables, *self._model.optimizer.variables]
