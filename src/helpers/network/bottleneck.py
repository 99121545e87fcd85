"""Features of the frozen base (bottleneck features): computed once, kept on disk, resumed after an interruption."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tqdm.auto import tqdm

from helpers import runtime
from helpers.network.backbones import Backbone
from helpers.pictures import photos

_FORMAT = "bottleneck 2"  # part of every key: change it when the same pictures give other features
_BFLOAT16 = "auto_mixed_precision_onednn_bfloat16"
_BLOCK = 256  # rows between two checkpoints


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a folder of pictures.

    Attributes
    ----------
    X : ndarray of float32, shape (n * views, c)
        The feature maps of the base, averaged over height and width (global average pooling). Read from disk as needed.
        Rows 0 to n - 1 are the plain pictures in the order of `photos.list_pictures`; each further n rows are variants.
    y : ndarray of int, shape (n * views,)
        Labels, indices into `class_names`.
    files : list of str
        File of each row, relative to the folder.
    class_names : list of str
        Names of the classes, sorted.
    key : str
        Hash of all that the features depend on, and the name of their folder on disk.
    """

    X: np.ndarray
    y: np.ndarray
    files: list[str]
    class_names: list[str]
    key: str


def features(
    base: Backbone,
    folder: Path,
    *,
    cache: Path | None = None,
    batch_size: int = 32,
    augment: keras.Layer | None = None,
    views: int = 1,
    seed: int = 0,
    precision: str = "float32",
    progress: bool = True,
) -> Features:
    """Run every picture of a folder through the base once, or read what an earlier call computed.

    What is finished is on disk after every 256 pictures, so a call that was interrupted goes on from there. A file that
    got damaged is noticed by its checksums, and what is missing is computed again.

    Parameters
    ----------
    base : Backbone
        From `backbones`; it runs in inference mode.
    folder : Path
        Folder with one sub-folder per class.
    cache : Path, optional
        Where features are kept; `features/` in the build folder by default.
    batch_size : int
        Pictures in one forward pass. It affects speed and memory only.
    augment : keras layer or model, optional
        Makes the variants; see `augmentation`. Its random numbers must come from Keras's seed generators.
    views : int
        Rows per picture: the picture itself and `views - 1` variants of it.
    seed : int
        Seed of the variants. Each depends on the seed, the picture's position and the view, and on no other picture.
    precision : str
        "float32" or "bfloat16"; see `forward`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Features
        The features, the labels and the files they belong to.

    Raises
    ------
    ValueError
        If only one of `augment` and further `views` is given, or `augment` cannot be seeded.
    tf.errors.InvalidArgumentError
        If a picture is broken; the message names it.
    """
    if views < 1 or (augment is None) != (views == 1):
        raise ValueError(f"variants need both augment and views >= 2, got augment={augment} and views={views}.")
    table = photos.list_pictures(folder)
    class_names, y = np.unique(table["label"], return_inverse=True)
    paths = [Path(folder) / file for file in table["file"]]
    vary = _Variants(augment, seed, _shape(base)) if augment else None
    with vary or nullcontext():
        key = _key(base, table["file"], paths, vary, views, precision)
        folder = (cache or runtime.build_dir() / "features") / key
        store = _Store(folder, len(paths) * views, base.model.output_shape[-1])
        with runtime.lock(store.folder):
            missing = store.missing()
            if missing:
                rows = np.concatenate([np.arange(block.start, block.stop) for block in missing])
                with tqdm(total=store.rows, unit="picture", desc="features", disable=not progress) as bar:
                    bar.update(store.rows - len(rows))
                    computed = _compute(base, _pictures(base, paths, rows, batch_size, vary), bar, precision)
                    for block in missing:
                        store.write(block, np.stack(list(islice(computed, len(block)))))
    return Features(store.read(), np.tile(y, views), table["file"].tolist() * views, class_names.tolist(), key)


def forward(base: Backbone, precision: str = "float32") -> Callable[[np.ndarray], np.ndarray]:
    """Compile the base with global average pooling for speed.

    The weights become constants, so that TensorFlow can fold batch normalisation into the convolutions before it.

    Parameters
    ----------
    base : Backbone
        From `backbones`; later changes of its weights have no effect.
    precision : str
        "float32", or "bfloat16" for convolutions in half the bytes, where the processor has them: about twice as fast,
        with features that differ by some percent.

    Returns
    -------
    callable
        Maps pictures (n, size, size, channels) in 0..255 to features, float32 (n, c).

    Raises
    ------
    ValueError
        If `precision` is neither of the two.
    """
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be float32 or bfloat16, got {precision!r}.")
    graph = _graph(base.model, _shape(base), precision, base.fingerprint)

    def run(pictures):
        # The option is one of all TensorFlow, and counts when a graph runs.
        tf.config.optimizer.set_experimental_options({_BFLOAT16: precision == "bfloat16"})
        try:
            return graph(tf.cast(pictures, tf.float32))[0].numpy()
        finally:
            tf.config.optimizer.set_experimental_options({_BFLOAT16: False})

    return run


@lru_cache(maxsize=1)
def _graph(model, shape, precision, fingerprint):
    """Compile once for training, validation and test set; the fingerprint changes when the weights do."""

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    def pooled(pictures):
        return tf.reduce_mean(model(pictures, training=False), axis=(1, 2))

    return convert_variables_to_constants_v2(pooled.get_concrete_function())


class _Store:
    """A table of float32 rows on disk, with a checksum for each block of rows that is finished."""

    def __init__(self, folder, rows, columns):
        self.folder, self.rows, self.columns = folder, rows, columns
        self._table, self._checksums = folder / "features.float32", folder / "checksums.json"
        self._finished = {}  # first row of a block, as JSON has it: text -> checksum

    def missing(self):
        """List the blocks of rows that are not computed yet, or no longer what was computed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._table.touch()
        # A damaged list of checksums counts as none: everything is computed again.
        with suppress(FileNotFoundError, ValueError):
            self._finished = json.loads(self._checksums.read_text())
        blocks = [range(start, min(start + _BLOCK, self.rows)) for start in range(0, self.rows, _BLOCK)]
        with self._table.open("rb") as table:
            return [block for block in blocks if self._finished.get(str(block.start)) != self._checksum(table, block)]

    def _checksum(self, table, block):
        table.seek(block.start * self.columns * 4)
        return zlib.crc32(table.read(len(block) * self.columns * 4))

    def write(self, block, X):
        """Write a block, then its checksum: it counts once both are on disk."""
        with self._table.open("r+b") as table:
            table.seek(block.start * self.columns * 4)
            table.write(X.tobytes())
        self._finished[str(block.start)] = zlib.crc32(X.tobytes())
        with runtime.atomic_path(self._checksums) as path:
            path.write_text(json.dumps(self._finished))

    def read(self):
        """Map the table into memory, read-only."""
        return np.memmap(self._table, np.float32, "r", shape=(self.rows, self.columns))


class _Variants:
    """Seeded augmentation: a number always gives the same variant of a picture, whatever was drawn before.

    As a context it leaves the seed generators as they were, however the block ends: what is drawn later must not depend
    on what was cached, or on what went wrong.
    """

    def __init__(self, augment, seed, shape):
        self._augment, self._seed, self._shape = augment, seed, shape
        if not augment.built:  # only then all its variables exist
            augment.build((None, *shape))
        self._states = [state for state in augment.variables if state.path.endswith("seed_generator_state")]
        self._before = [np.asarray(state.value) for state in self._states]
        self._transform = tf.function(lambda picture: augment(picture[None], training=True)[0])

    def __call__(self, picture, number):
        """Draw variant `number` of one picture, float32 (height, width, channels) in 0..255."""
        # Below 2**31 they fit every integer type that the state of a seed generator has.
        seeds = np.random.default_rng([self._seed, int(number)]).integers(2**31, size=(len(self._states), 2))
        for state, value in zip(self._states, seeds, strict=True):
            state.assign(value)
        return tf.ensure_shape(self._transform(picture), self._shape)

    def probe(self):
        """Augment a picture of noise: the outcome tells any two augmentations, and any two seeds, apart."""
        noise = tf.constant(np.random.default_rng(0).uniform(0, 255, self._shape), tf.float32)
        first, second = (np.stack([self(noise, tf.constant(i)) for i in range(8)]) for _ in range(2))
        if not np.array_equal(first, second):
            raise ValueError(
                f"augment {self._augment} gave two variants for one seed. Let its random numbers come from Keras's "
                "seed generators, as those of Keras's own layers do."
            )
        return first

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for state, value in zip(self._states, self._before, strict=True):
            state.assign(value)


def _shape(base):
    return (base.size, base.size, base.channels)


def _key(base, files, paths, vary, views, precision):
    """Hash everything that decides what the features are."""
    digest = hashlib.sha256(f"{_FORMAT} {base.fingerprint} {views} {precision}".encode())
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(lambda path: hashlib.sha256(path.read_bytes()).digest(), paths)
        for file, content in zip(files, hashes, strict=True):
            digest.update(os.fsencode(file) + b"\0" + content)
    if vary:
        digest.update(vary.probe().round().tobytes())
    return digest.hexdigest()[:32]


def _pictures(base, paths, rows, batch_size, vary):
    """Batch the pictures of `rows`, decoded in other threads while the base is at work."""

    def read(row):
        return photos.load(paths[row % len(paths)], base.size, base.channels)

    def decode(row):
        picture = tf.ensure_shape(tf.numpy_function(read, [row], tf.uint8), _shape(base))
        return tf.cast(picture, tf.float32), row

    dataset = tf.data.Dataset.from_tensor_slices(rows).map(decode, tf.data.AUTOTUNE, deterministic=True)
    batches = dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)
    if not vary:
        return (pictures for pictures, _ in batches)
    # Variants are drawn here and not in the threads: there is one seed for all, and nothing may draw ahead of an error.
    return (
        tf.stack([vary(p, row) if row >= len(paths) else p for p, row in zip(pictures, numbers.numpy(), strict=True)])
        for pictures, numbers in batches
    )


def _compute(base, batches, bar, precision):
    """Yield the features (c,) of one picture after the other."""
    run = forward(base, precision)
    for pictures in batches:
        rows = run(pictures)
        bar.update(len(rows))
        yield from rows
