"""PACS: four animals as photographs, paintings, cartoons and sketches, where they are at hand."""

import numpy as np

from helpers import runtime
from helpers.data import datasets
from helpers.pictures import photos

STYLES = ("photo", "art_painting", "cartoon", "sketch")
ANIMALS = ("dog", "elephant", "giraffe", "horse")


def at_hand() -> bool:
    """Tell whether `TRANSFER_DATA` has pictures of every animal in every style.

    Raises
    ------
    FileNotFoundError
        If they lie elsewhere below it; see `datasets.refuse_misplaced`.
    """
    root = runtime.data_dir() / "pacs"
    there = all(any(root.glob(f"{style}/{animal}/*")) for style in STYLES for animal in ANIMALS)
    if not there:
        datasets.refuse_misplaced("pacs")
    return there


def load(style: str, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of one style, the animals in turn, as many of each.

    Parameters
    ----------
    style : str
        One of `STYLES`.
    size : int
        Side of the square in pixels.

    Returns
    -------
    X : ndarray of uint8 (n, size, size, 3)
        Pictures, 0..255.
    y : ndarray of int (n,)
        Labels, positions in `ANIMALS`.

    Raises
    ------
    ValueError
        If there is no such style.
    FileNotFoundError
        If the pictures of one of the animals are not there.

    References
    ----------
    Li, Yang, Song, Hospedales, "Deeper, Broader and Artier Domain Generalization", ICCV 2017.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    root = runtime.data_dir() / "pacs" / style
    files = [sorted(f for f in root.glob(f"{animal}/*") if f.suffix.lower() in photos.SUFFIXES) for animal in ANIMALS]
    n = min(map(len, files))
    if n == 0:
        raise FileNotFoundError(f"{root} must have pictures in {', '.join(ANIMALS)}; see data/README.md")
    # Neighbours in a folder may show one scene; a fixed shuffle keeps them from filling one half of a split.
    files = [np.random.default_rng(0).permutation(np.array(some, object))[:n] for some in files]
    return photos.load_many(np.ravel(files, order="F"), size), np.tile(np.arange(len(ANIMALS)), n)
