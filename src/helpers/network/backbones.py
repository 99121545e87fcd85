"""InceptionV3: which weights, where to cut it, freeze and unfreeze."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import keras
import numpy as np
from keras.applications import InceptionV3

from helpers import runtime
from helpers.data import datasets, downloads

BLOCKS = tuple(f"mixed{i}" for i in range(11))
SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "inception_v3_drawn_animals_mixed2.npz"


@dataclass(frozen=True)
class Backbone:
    """InceptionV3 from its input to a named block.

    Attributes
    ----------
    model : keras.Model
        Maps pictures, float (batch, size, size, 3) in 0..255, to a feature map; scales to [-1, 1] itself.
    weights : str
        "imagenet", "file", "shipped" or "random".
    cut : str
        Name of the last block that is kept, "mixed0" to "mixed10".
    file : str
        Name of the reader's weights file, without its folder; empty unless `weights` is "file".
    """

    model: keras.Model
    weights: str
    cut: str
    file: str = ""

    @property
    def size(self) -> int:
        """Height and width of the pictures in pixels."""
        return self.model.input_shape[1]

    @property
    def source(self) -> str:
        """One line that says which weights these are."""
        origin = {
            "imagenet": "pre-trained on ImageNet (Keras's own file)",
            "file": f"from the reader's own weights file {self.file}",
            "shipped": "shipped with the course (drawn animals, no cats or dogs)",
            "random": "random, nothing pre-trained",
        }[self.weights]
        return f"Weights: InceptionV3 up to {self.cut}, {origin}; pictures {self.size}x{self.size}"

    @property
    def fingerprint(self) -> str:
        """Hash of the architecture and of every weight: two backbones that share it give the same features."""
        digest = hashlib.sha256(f"{self.cut} {self.model.input_shape}".encode())
        # Under keras.config.set_dtype_policy("mixed_float16") the same weights give other features.
        for policy in sorted({layer.dtype_policy.name for layer in self.model.layers} - {"float32"}):
            digest.update(policy.encode())
        for weight in self.model.get_weights():
            digest.update(np.ascontiguousarray(weight))
        return digest.hexdigest()


def inception_v3(size: int | None = None, weights: str = "auto", cut: str | None = None, seed: int = 0) -> Backbone:
    """Build InceptionV3 without its top, cut at a block, with pre-trained weights.

    Parameters
    ----------
    size : int, optional
        Height and width of the pictures in pixels, at least 75. By default 197 (the article's) or, with the shipped
        weights, 96, the size they were trained at.
    weights : str
        "auto" takes the first at hand of: the file named by `INCEPTION_V3_WEIGHTS`; an inception_v3*.h5 in `weights/`
        of the data folder, of several one with "notop" in its name; ImageNet, if Keras has it in its cache or may
        download it; the shipped weights.
        "imagenet", "file" (either of the first two), "shipped" or "random" insist on one.
    cut : str, optional
        Last block to keep, "mixed0" to "mixed10". By default the deepest for which there are weights.
    seed : int
        Seed of random weights.

    Returns
    -------
    Backbone
        With all layers trainable; `freeze` it to keep what was pre-trained.

    Raises
    ------
    ValueError
        If an argument is out of its range, the weights do not reach the cut, or the reader's file is damaged or holds
        the network with its top.
    FileNotFoundError
        If the reader's weights file is asked for and not there.
    downloads.OfflineError, ConnectionError, OSError
        If the ImageNet weights are asked for and not there; see `downloads.download`.

    References
    ----------
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.
    """
    source = _choose() if weights == "auto" else weights
    if source not in ("imagenet", "file", "shipped", "random"):
        raise ValueError(f"weights must be auto, imagenet, file, shipped or random, got {weights!r}")
    size = size or (96 if source == "shipped" else 197)
    if size < 75:
        raise ValueError(f"size must be at least 75, the smallest picture InceptionV3 takes, got {size}")
    if cut is not None and cut not in BLOCKS:
        raise ValueError(f"cut must be one of {', '.join(BLOCKS)}, got {cut!r}")
    if source == "random":
        keras.utils.set_random_seed(seed)
    file = _readers_file() if source == "file" else None
    if source == "file":
        model = _with_file(size, file, cut)
    elif source == "shipped":
        model = _with_shipped(size, cut)
    else:
        model = _cut(_whole(size, _imagenet() if source == "imagenet" else None), cut or "mixed10")
    return Backbone(model, source, model.layers[-1].name, file.name if file else "")


def freeze(model: keras.Model) -> None:
    """Make no layer of `model` trainable; batch normalisation then also keeps its moving statistics."""
    # Each by itself: Keras passes on only a change, and would leave alone what was unfrozen inside a frozen model.
    for layer in [*_all_layers(model), model]:
        layer.trainable = False


def unfreeze_from(model: keras.Model, block: str) -> list[str]:
    """Make trainable what comes after the block before `block`, all but batch normalisation.

    A trainable batch normalisation layer replaces the statistics of the pre-training by those of a few small batches.
    Under `fit`, Keras holds such a layer in inference mode only while its own `trainable` is False.

    Parameters
    ----------
    model : keras.Model
        Model of a `Backbone`.
    block : str
        First block to train, "mixed0" to "mixed10"; everything before it is frozen.

    Returns
    -------
    list of str
        Names of the layers that are trainable now and have weights.

    Raises
    ------
    ValueError
        If `model` has no such block.
    """
    before = _before(model, block)
    model.trainable = True
    for i, layer in enumerate(model.layers):
        layer.trainable = i > before and not isinstance(layer, keras.layers.BatchNormalization)
    return [layer.name for layer in model.layers if layer.trainable_weights]


def split(model: keras.Model, *blocks: str) -> list[keras.Model]:
    """Cut a model into parts, one cut before each block; run one after the other they are the model.

    While a part is frozen its output never changes: it can be computed once, and only what follows is trained.

    Parameters
    ----------
    model : keras.Model
        Model of a `Backbone`.
    *blocks : str
        Blocks before which to cut, "mixed0" to "mixed10", in their order.

    Returns
    -------
    list of keras.Model
        One part more than blocks. They share their layers with `model`: what trains a part trains the model.

    Raises
    ------
    ValueError
        If `model` has no such block, or the blocks are not in their order.
    """
    cuts = [_before(model, block) for block in blocks]
    if any(a >= b for a, b in pairwise(cuts)):
        raise ValueError(f"blocks must come in the order of the network, each once, got {blocks}")
    tensors = [model.inputs[0], *(model.layers[cut].output for cut in cuts), model.outputs[0]]
    return [keras.Model(start, end) for start, end in pairwise(tensors)]


def parameter_counts(model: keras.Model) -> dict[str, int]:
    """Count the parameters that training changes ("trainable") and those it leaves ("frozen")."""
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {"trainable": trainable, "frozen": model.count_params() - trainable}


def moving_statistics(model: keras.Model) -> dict[str, np.ndarray]:
    """Copy the moving means and variances of every batch normalisation layer, to compare before and after training.

    Returns
    -------
    dict
        Path of the variable -> float32 array (channels,).
    """
    return {
        variable.path: keras.ops.convert_to_numpy(variable).copy()
        for layer in _all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        for variable in (layer.moving_mean, layer.moving_variance)
    }


def save_shipped(model: keras.Model, path: Path = SHIPPED_WEIGHTS) -> None:
    """Write the weights of a backbone as float16, in layer order, to the compressed NumPy file that is shipped."""
    arrays = {f"{i:03d}": weight.astype(np.float16) for i, weight in enumerate(model.get_weights())}
    with runtime.atomic_path(path) as temporary:
        np.savez_compressed(temporary, cut=model.layers[-1].name, **arrays)


def _choose() -> str:
    """Pick the first source at hand; try ImageNet's download unless the network is ruled out."""
    if _readers_file():
        return "file"
    entry, path = _imagenet_file()
    # A download that was stopped may have left a part of the file under its name.
    if path.is_file() and not downloads.fault(path, entry.size, entry.checksum):
        return "imagenet"
    what = f"weights ({entry.size / 1e6:.0f} MB)"
    downloaded = downloads.attempt(what, "the shipped weights", lambda: _imagenet(downloads.AUTOMATIC_LIMIT))
    return "imagenet" if downloaded else "shipped"


def _readers_file() -> Path | None:
    """Give the reader's file; of several in the data folder one without the top, as Keras names it."""
    path = runtime.weights_file()
    if path is None or os.environ.get("INCEPTION_V3_WEIGHTS"):
        return path
    return min(path.parent.glob("inception_v3*.h5"), key=lambda file: ("notop" not in file.name, file.name))


def _imagenet_file() -> tuple[datasets.Dataset, Path]:
    """Say what ImageNet's file is, and where Keras keeps it."""
    entry = datasets.REGISTRY["inception_v3_weights"]
    return entry, runtime.keras_models_dir() / entry.file_name


def _imagenet(limit: float | None = None) -> Path:
    """Give the file of ImageNet weights, downloaded if need be and allowed, within so many seconds."""
    entry, path = _imagenet_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    return downloads.download(entry.url, path, size=entry.size, checksum=entry.checksum, limit=limit)


def _whole(size: int, weights: Path | None = None) -> keras.Model:
    """Build Keras's InceptionV3 behind the scaling that it was trained with; that takes a second, so check before."""
    pictures = keras.Input((size, size, 3), name="pictures")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale_to_minus_1_1")(pictures)
    return InceptionV3(include_top=False, weights=weights, input_tensor=scaled)


def _cut(whole: keras.Model, block: str) -> keras.Model:
    return keras.Model(whole.inputs[0], whole.get_layer(block).output, name=f"inception_v3_{block}")


def _with_file(size: int, path: Path | None, cut: str | None) -> keras.Model:
    """Load a weights file: Keras's own for the whole network, or one that ends at some block."""
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"weights='file' needs a weights file, got {path}. Set INCEPTION_V3_WEIGHTS to its path, or put it into "
            f"{runtime.data_dir() / 'weights'} as inception_v3*.h5."
        )
    with _damage_named(path), h5py.File(path) as file:
        older = "layer_names" in file.attrs  # the format in which Keras publishes InceptionV3: all layers or none
        layers = str(list(file.attrs["layer_names"])) if older else list(file.get("layers", ()))
    if "predictions" in layers or "dense" in layers:
        raise ValueError(
            f"{path} holds InceptionV3 with its top; wanted is the file without it, which Keras names ..._notop.h5 "
            "(data/README.md). Put that one in its place."
        )
    whole = _whole(size)
    reach = "mixed10" if older else _reach(whole, sum(name.startswith("conv2d") for name in layers))
    cut = cut or reach
    if reach is None or BLOCKS.index(cut) > BLOCKS.index(reach):
        raise ValueError(f"{path.name} holds InceptionV3 up to {reach}, which does not reach the cut {cut}.")
    model = _cut(whole, cut)
    with _damage_named(path):
        (whole if older else model).load_weights(path)
    return model


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Name the file in what h5py and Keras raise about it, and say what to do."""
    try:
        yield
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not a whole file of InceptionV3 weights: {error}. Copy or download it again (data/README.md), "
            "or remove it and unset INCEPTION_V3_WEIGHTS: other weights are taken then."
        ) from error


def _reach(whole: keras.Model, convolutions: int) -> str | None:
    """Name the deepest block that needs no more than so many convolutions."""
    seen, reach = 0, None
    for layer in whole.layers:
        seen += isinstance(layer, keras.layers.Conv2D)
        if layer.name in BLOCKS and seen <= convolutions:
            reach = layer.name
    return reach


def _with_shipped(size: int, cut: str | None) -> keras.Model:
    with np.load(SHIPPED_WEIGHTS) as arrays:
        reach = str(arrays["cut"])
        cut = cut or reach
        if BLOCKS.index(cut) > BLOCKS.index(reach):
            raise ValueError(
                f"the shipped weights end at {reach}, which does not reach the cut {cut}. "
                "Name a weights file in INCEPTION_V3_WEIGHTS, or go online for those of ImageNet."
            )
        whole = _whole(size)
        _cut(whole, reach).set_weights([arrays[name].astype(np.float32) for name in sorted(arrays) if name != "cut"])
    return _cut(whole, cut)


def _before(model: keras.Model, block: str) -> int:
    """Index of the layer that ends the block before `block`."""
    names = [layer.name for layer in model.layers]
    if block not in names:
        blocks = [name for name in names if name in BLOCKS]
        raise ValueError(f"block must be one of {blocks}, got {block!r}")
    # Each block ends in one layer through which everything passes, so what comes after it in the list is its successor.
    return names.index(BLOCKS[BLOCKS.index(block) - 1]) if block != "mixed0" else _end_of_stem(model)


def _end_of_stem(model: keras.Model) -> int:
    """Index of the second max pooling layer, where the stem ends and the first block begins."""
    return [i for i, layer in enumerate(model.layers) if isinstance(layer, keras.layers.MaxPooling2D)][1]


def _all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Every layer of a model and of the models inside it."""
    for layer in model.layers:
        yield from _all_layers(layer) if isinstance(layer, keras.Model) else [layer]
