"""Drawn animals as a data set: arrays in memory, or a folder of JPEG files."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from helpers import runtime
from helpers.data.drawn.brush import draw, drawing
from helpers.data.drawn.species import SPECIES, check
from helpers.pictures import photos

_CODE = Path(__file__).parent
_PLURALS = {"fox": "foxes", "wolf": "wolves", "mouse": "mice", "sheep": "sheep"}
_SMALLEST_FRAME = 0.5  # of the side of a drawing, in `write_folder`


def dataset(
    species: Sequence[str], n_per_class: int, style: str = "photo", size: int = 96, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labelled pictures in memory, for two tasks: which species it is, and which way the head is turned.

    Picture i of a species is the same however many are drawn; other seeds give other pictures.

    Parameters
    ----------
    species : sequence of str
        Keys of `SPECIES`; the labels are the positions in this sequence.
    n_per_class : int
        Number of pictures of each species; n = len(species) * n_per_class.
    style, size
        As in `draw`.
    seed : int
        Seed of the data set, 0 or more.

    Returns
    -------
    X : ndarray of uint8 (n, size, size, 3)
        Pictures, the classes in turn.
    y : ndarray of int (n,)
        Labels.
    facing : ndarray of int (n,)
        0 where the head is turned to the left of the picture, 1 to the right; indices into `FACING`.

    Raises
    ------
    ValueError
        If a species, the style or the size is not one that `draw` knows.
    """
    y = np.tile(np.arange(len(species)), n_per_class)
    X, facing = np.empty((len(y), size, size, 3), np.uint8), np.empty(len(y), int)
    for i, label in enumerate(y):
        stream = (seed, _stream(species[label]), i // len(species))
        one = drawing(species[label], style, size, stream)
        X[i], facing[i] = one.picture, one.facing
    return X, y, facing


def write_folder(
    folder: Path,
    n_train: int = 200,
    n_validation: int = 50,
    n_test: int = 200,
    species: Sequence[str] = ("cat", "dog"),
    style: str = "photo",
    size: int = 128,
    seed: int = 0,
) -> None:
    """Write drawn pictures as JPEG files, `folder/{train_set,validation_set,test_set}/cats/cat.0001.jpg` and so on.

    They are framed as carelessly as snapshots: each is a square cut out of a larger drawing, so that some animals are
    near, cut off at the edge or hardly in the picture. The folder appears under its name only when it is complete; one
    that is already there is left as it is.

    Parameters
    ----------
    folder : Path
        Where to write.
    n_train, n_validation, n_test : int
        Number of pictures of each species in each set.
    species, style, size, seed
        As in `dataset`.

    Raises
    ------
    ValueError
        If a species, the style or the size is not one that `draw` knows.
    OSError
        If there is no room for it. Nothing is left behind.
    """
    folder = Path(folder)
    with runtime.lock(folder):
        if folder.exists():
            return
        with runtime.full_disk_named(folder), TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name
            for part, (name, n) in enumerate(zip(photos.SPLITS, (n_train, n_validation, n_test), strict=True), start=1):
                for kind in species:
                    _write_class(made / name / plural(kind), kind, n, style, size, (seed, _stream(kind), part))
            made.rename(folder)


def _write_class(folder: Path, species: str, n: int, style: str, size: int, stream: Sequence[int]) -> None:
    """Write the n pictures of one species in one set."""
    folder.mkdir(parents=True)
    for i in range(1, n + 1):
        one = Image.fromarray(draw(species, style, min(512, size * 3 // 2), (*stream, i)))
        rng = np.random.default_rng((*stream, i, 1))
        side = rng.uniform(_SMALLEST_FRAME, 1) * one.width
        x, y = rng.uniform(0, one.width - side, 2)
        framed = one.resize((size, size), Image.Resampling.BILINEAR, (x, y, x + side, y + side))
        jpeg = io.BytesIO()  # Pillow does not notice when a disk takes only part of what it writes; Python does
        framed.save(jpeg, "JPEG", quality=92)
        (folder / f"{species}.{i:04d}.jpg").write_bytes(jpeg.getvalue())


def plural(species: str) -> str:
    """Name the folder of a species: cats, foxes, mice."""
    return _PLURALS.get(species, f"{species}s")


def _stream(species: str) -> int:
    """Position of a species among all, which keeps the random streams of the species apart."""
    check("species", species, tuple(SPECIES))
    return tuple(SPECIES).index(species)


def version() -> str:
    """Give 8 hexadecimal digits that change whenever the code that draws does: part of the names of drawn folders."""
    code = b"".join(path.read_bytes() for path in sorted(_CODE.glob("*.py")))
    return hashlib.sha256(code).hexdigest()[:8]
