"""Features of the frozen base (bottleneck features): computed once, kept on disk, resumed after an interruption."""

import hashlib
import io
import json
import math
import os
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from helpers import runtime
from helpers.network.backbones import Backbone
from helpers.pictures import photos

_FORMAT = "bottleneck 2"  # part of every key: change it when the same pictures give other features
# Precision -> the option of TensorFlow's optimiser that turns a graph of float32 into one of it.
_OPTIONS = {"bfloat16": "auto_mixed_precision_onednn_bfloat16", "float16": "auto_mixed_precision"}
_SMALL = 500_000_000  # multiplications a picture; a base of fewer runs over a thousand pictures in seconds anyway
_BLOCK = 256  # rows between two checkpoints
_AHEAD = 4  # batches that are decoded while the base is at work on another


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a folder of pictures.

    Attributes
    ----------
    X : ndarray of float32, shape (n, c)
        The feature maps of the base, averaged over height and width (global average pooling), in the order of
        `photos.list_pictures`. Read from disk as needed.
    y : ndarray of int, shape (n,)
        Labels, indices into `class_names`.
    files : list of str
        File of each row, relative to the folder.
    class_names : list of str
        Names of the classes.
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
    class_names: Sequence[str] | None = None,
    cache: Path | None = None,
    batch_size: int = 32,
    precision: str = "auto",
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
    class_names : sequence of str, optional
        The classes in the order of their numbers: those of the training set, whatever occurs here. By default
        `photos.class_names(folder)`.
    cache : Path, optional
        Where features are kept; `features/` in the build folder by default.
    batch_size : int
        Pictures in one forward pass. It affects speed and memory only.
    precision : str
        "auto", "float32", "bfloat16" or "float16"; see `forward`. Features of each have a place of their own on disk.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Features
        The features, the labels and the files they belong to.

    Raises
    ------
    ValueError
        If a picture is broken, or of a class that is not among `class_names`; the message names it.
    FileNotFoundError, RuntimeError
        If a picture was deleted, or changed, while it was at work; the message names it. What is finished is kept.
    OSError
        If there is no room on the disk. What is finished is kept.
    """
    precision = settle(base, precision)
    class_names = list(photos.class_names(folder) if class_names is None else class_names)
    table = photos.list_pictures(folder, class_names)
    paths = [Path(folder) / file for file in table["file"]]
    hashes = _hashes(paths)
    key = _key(base, table["file"], hashes, precision)
    store = _Store((cache or runtime.build_dir() / "features") / key, len(paths), base.model.output_shape[-1])
    with runtime.lock(store.folder):
        missing = store.missing()
        if missing:
            rows = np.concatenate(missing)
            with tqdm(total=store.rows, unit="picture", desc="features", disable=not progress) as bar:
                bar.update(store.rows - len(rows))
                computed = _compute(base, _pictures(base, paths, rows, batch_size, hashes), bar, precision)
                for block in missing:
                    store.write(block, np.stack(list(islice(computed, len(block)))))
    y = photos.numbers(table["label"], class_names)
    return Features(store.read(), y, table["file"].tolist(), class_names, key)


def choose_precision(base: Backbone, gpu: bool | None = None) -> str:
    """Give the precision that "auto" stands for: the fastest one where that is worth it, else float32.

    A small base (under 500 million multiplications a picture, such as the shipped one) stays at float32: it saves
    seconds there, and the same figures come out on every processor. A larger one gets float16 on a GPU with tensor
    cores, and bfloat16 on a processor that multiplies matrices of it (AMX), where that is 4 times as fast. AVX512-BF16
    alone is no reason: without AMX, bfloat16 was measured to be slower than float32.

    Parameters
    ----------
    base : Backbone
        From `backbones`.
    gpu : bool, optional
        Whether it runs on such a GPU; by default TensorFlow is asked.

    Returns
    -------
    str
        "float32", "bfloat16" or "float16". Which pictures, and how many, makes no difference: the features of a
        training set and of its test set are never of two precisions.
    """
    if _multiplications(base.model) < _SMALL:
        return "float32"
    if _has_tensor_cores() if gpu is None else gpu:
        return "float16"
    return "bfloat16" if _has_amx() else "float32"


def settle(base: Backbone, precision: str, gpu: bool | None = None) -> str:
    """Check a precision; replace "auto" by what `choose_precision` gives, and say so unless that is float32."""
    if precision not in ("auto", "float32", *_OPTIONS):
        raise ValueError(f"precision must be auto, float32, bfloat16 or float16, got {precision!r}.")
    if precision != "auto":
        return precision
    chosen = choose_precision(base, gpu)
    _say_once(chosen)
    return chosen


def forward(base: Backbone, precision: str = "auto") -> Callable[[np.ndarray], np.ndarray]:
    """Compile the base with global average pooling for speed.

    The weights become constants, so that TensorFlow can fold batch normalisation into the convolutions before it.

    Parameters
    ----------
    base : Backbone
        From `backbones`; later changes of its weights have no effect.
    precision : str
        "float32", exact; or convolutions in half the bytes: "bfloat16" on a processor, with features that differ by
        some 2 %, "float16" on a GPU, by some 0.2 %. "auto" takes the fastest here; see `choose_precision`.

    Returns
    -------
    callable
        Maps pictures (n, size, size, 3) in 0..255 to features, float32 (n, c), whatever Keras's dtype policy.

    Raises
    ------
    ValueError
        If `precision` is none of these, or float16 without a GPU.
    RuntimeError
        From the callable, if TensorFlow has no bfloat16 kernel, as with `ONEDNN_MAX_CPU_ISA=AVX2` on some processors.
    """
    precision = settle(base, precision)
    if precision == "float16" and not tf.config.get_visible_devices("GPU"):
        raise ValueError("float16 needs a GPU, and TensorFlow sees none here. Use precision='auto' or 'float32'.")
    graph = _graph(base.model, precision, base.fingerprint)

    def run(pictures):
        # The options are those of all TensorFlow, and count when a graph runs.
        tf.config.optimizer.set_experimental_options({name: kind == precision for kind, name in _OPTIONS.items()})
        try:
            return graph(tf.cast(pictures, tf.float32)).numpy()
        except tf.errors.AbortedError as error:  # oneDNN, held to an instruction set without bfloat16
            if precision == "float32":
                raise
            raise RuntimeError(f"no kernel for {precision} here ({error.message}). Use precision='float32'.") from error
        finally:
            tf.config.optimizer.set_experimental_options(dict.fromkeys(_OPTIONS.values(), False))

    return run


def _multiplications(model):
    """Count those that the convolutions of a model need for one picture."""
    convolutions = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    return sum(math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3]) for layer in convolutions)


def _has_tensor_cores():
    """Tell whether TensorFlow sees a GPU that multiplies float16 several times as fast as float32."""
    gpus = map(tf.config.experimental.get_device_details, tf.config.get_visible_devices("GPU"))
    return any(details.get("compute_capability", (0, 0)) >= (7, 0) for details in gpus)


def _has_amx():
    """Tell whether the processor multiplies matrices of bfloat16, and the settings let TensorFlow use that."""
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() in ("0", "false"):
        return False
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "all").lower()
    return "amx_bf16" in runtime.processor_flags() and (limit in ("", "all", "default") or "amx" in limit)


@lru_cache
def _say_once(precision):
    if precision != "float32":
        print(f"Features in {precision}, which is fast on this machine; precision='float32' gives exact ones.")


@lru_cache(maxsize=1)
def _graph(model, precision, fingerprint):
    """Compile once for training, validation and test set; the fingerprint changes when the weights do."""
    variables = (model.trainable_variables, model.non_trainable_variables)
    weights = [[variable.numpy() for variable in part] for part in variables]

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
    def pooled(pictures):
        constants = [[tf.constant(weight) for weight in part] for part in weights]
        maps, _ = model.stateless_call(*constants, pictures, training=False)
        return tf.reduce_mean(tf.cast(maps, tf.float32), axis=(1, 2))

    return pooled.get_concrete_function()


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
        with runtime.full_disk_named(self._table), self._table.open("r+b") as table:
            table.seek(block.start * self.columns * 4)
            table.write(X.tobytes())
        self._finished[str(block.start)] = zlib.crc32(X.tobytes())
        with runtime.atomic_path(self._checksums) as path:
            path.write_text(json.dumps(self._finished))

    def read(self):
        """Map the table into memory, read-only."""
        return np.memmap(self._table, np.float32, "r", shape=(self.rows, self.columns))


def _hashes(paths):
    """Hash the content of each file."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: hashlib.sha256(photos.locate(path).read_bytes()).digest(), paths))


def _key(base, files, hashes, precision):
    """Hash everything that decides what the features are."""
    digest = hashlib.sha256(f"{_FORMAT} {base.fingerprint} 1 {precision}".encode())
    for file, content in zip(files, hashes, strict=True):
        digest.update(os.fsencode(file) + b"\0" + content)
    return digest.hexdigest()[:32]


def _pictures(base, paths, rows, batch_size, hashes=None):
    """Batch the pictures of `rows`, decoded in other threads while the base is at work."""

    def read(row, place):
        try:
            content = photos.locate(paths[row]).read_bytes()
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{paths[row]} was deleted while features were computed. Run it again.") from error
        # The key tells of the content that the file had: what is computed must be that.
        if hashes and hashlib.sha256(content).digest() != hashes[row]:
            raise RuntimeError(f"{paths[row]} was changed while features were computed. Run it again.")
        file = io.BytesIO(content)
        file.name = str(paths[row])  # for the message if it is broken
        place[:] = photos.load(file, base.size)

    def start(batch):
        pictures = np.empty((len(batch), base.size, base.size, 3), np.uint8)
        return pictures, [pool.submit(read, row, place) for row, place in zip(batch, pictures, strict=True)]

    def finish(pictures, reads):
        for done in reads:
            done.result()  # raises what the thread raised
        return pictures

    ahead = deque()
    # As many threads as cores: with more, the base at work beside them gets a smaller share of these.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(rows), batch_size):
            ahead.append(start(rows[first : first + batch_size]))
            if len(ahead) > _AHEAD:
                yield finish(*ahead.popleft())
        for batch in ahead:
            yield finish(*batch)


def _compute(base, batches, bar, precision):
    """Yield the features (c,) of one picture after the other."""
    run = forward(base, precision)
    for pictures in batches:
        rows = run(pictures)
        bar.update(len(rows))
        yield from rows
