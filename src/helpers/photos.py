"""Folders of pictures, one sub-folder per class: list, inspect, set aside what is broken, split, load, batch."""

import hashlib
import os
import re
import shutil
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from helpers import runtime

if TYPE_CHECKING:  # both take longer to import than the rest of the module together
    import pandas as pd
    import tensorflow as tf

SPLITS = ("train_set", "validation_set", "test_set")
# Pillow only recognises these (a .h5 file of weights is no picture); for EPS it would run another program.
_NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
SUFFIXES = frozenset(
    suffix for suffix, form in Image.registered_extensions().items() if form in Image.OPEN and form not in _NOT_DECODED
)
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}  # Windows leaves them behind, hidden by an attribute and not by a dot
_SMALLEST_SIDE = 8  # pixels; below that there is nothing to recognise
_LARGE = 2**25  # pixels; decoding a picture larger than that takes more than 100 MB
_ONE_LARGE = threading.Lock()
_CACHE_BYTES = 6 * 2**30  # keeps the article's 20,000 pictures at 299 x 299 in memory (5.4 GB)
_CONVERT = {1: "L", 3: "RGB"}
_FACTS = ["width", "height", "format", "mode", "problem"]


@dataclass(frozen=True)
class Pictures:
    """A picture data set on disk: `root/{train_set,validation_set,test_set}/<class>/<file>`.

    Attributes
    ----------
    root : Path
        Folder that holds the three sets.
    source : str
        One line that says which pictures these are, for the reader to see.
    """

    root: Path
    source: str

    @property
    def train(self) -> Path:
        """Folder of the training set."""
        return self.root / SPLITS[0]

    @property
    def validation(self) -> Path:
        """Folder of the validation set."""
        return self.root / SPLITS[1]

    @property
    def test(self) -> Path:
        """Folder of the test set."""
        return self.root / SPLITS[2]

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, sorted; label `i` of a picture stands for `class_names[i]`."""
        return _class_names(self.train)

    @property
    def counts(self) -> "pd.DataFrame":
        """Number of pictures: one row per set, one column per class."""
        import pandas as pd

        rows = {name: list_pictures(self.root / name)["label"].value_counts() for name in SPLITS}
        return pd.DataFrame.from_dict(rows, orient="index").fillna(0).astype(int)[self.class_names]


def list_pictures(folder: Path) -> "pd.DataFrame":
    """List the pictures of a folder that has one sub-folder per class.

    Hidden files and files without a picture's suffix are left out, links to folders inside a class are not followed.

    Parameters
    ----------
    folder : Path
        Folder with the classes.

    Returns
    -------
    DataFrame
        Columns `file` (path relative to `folder`, with forward slashes) and `label` (name of the class). Classes are
        sorted by name, files within a class in natural order (`cat.2.jpg` before `cat.10.jpg`), on every system alike.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, it has no sub-folder, or a class has no picture.
    """
    import pandas as pd

    folder, rows = Path(folder), []
    for label in _class_names(folder):
        files = _picture_files(folder / label)
        if not files:
            raise FileNotFoundError(
                f"class {label!r} in {folder} has no picture that Pillow reads. Fill or remove the folder."
            )
        rows += [(f"{label}/{file}", label) for file in files]
    return pd.DataFrame(rows, columns=["file", "label"])


def list_files(folder: Path) -> list[str]:
    """List all pictures below a folder, sorted into classes or not.

    Parameters
    ----------
    folder : Path
        Any folder. Hidden files, files without a picture's suffix and links to folders are left out.

    Returns
    -------
    list of str
        Paths relative to `folder`, with forward slashes, in natural order.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no picture in it.
    """
    files = _picture_files(Path(folder))
    if not files:
        raise FileNotFoundError(f"no picture that Pillow reads in {folder}. Name a folder of pictures.")
    return files


def inspect(folder: Path) -> "pd.DataFrame":
    """Decode every picture of a folder to its last byte and say which ones are broken.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per class.

    Returns
    -------
    DataFrame
        The rows of `list_pictures` with the columns `width` and `height` (pixels; 0 where the header is unreadable),
        `format`, `mode` (Pillow's names) and `problem` ("" where there is none).
    """
    import pandas as pd

    table = list_pictures(folder)
    found = _examine_all([Path(folder) / file for file in table["file"]], _examine)
    return table.join(pd.DataFrame(found, columns=_FACTS))


def survey(folder: Path) -> "pd.DataFrame":
    """Account for everything in a folder of classes: which files are pictures to use, and what is wrong with the rest.

    Where `list_pictures` raises an error or passes over a file in silence, this gives a row with the reason. Files are
    only read, never moved or changed.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per class. Pictures deeper down belong to the class that they are in.

    Returns
    -------
    DataFrame
        One row for each file, and for each folder that is empty, hidden, a link or unreadable (its name ends in "/").
        Columns: `file` (path relative to `folder`), `label` (name of the class; "" outside of any), `width`, `height`,
        `format`, `mode` and `problem` as in `inspect`, `digest` (SHA-256 of the contents; "" where it was not read) and
        `status`: "usable", "broken" (has the name of a picture, but is not a whole one) or "skipped" (no picture).

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it has no sub-folder.
    """
    import pandas as pd

    folder = Path(folder)
    table = pd.DataFrame(_everything(folder), columns=["file", "label", "skipped"])
    wanted = table["skipped"] == ""
    paths = [folder / file for file in table.loc[wanted, "file"]]
    found = _examine_all(paths, lambda path: (*_examine(path), _digest(path)))
    table = table.join(pd.DataFrame(found, columns=[*_FACTS, "digest"], index=table.index[wanted]))
    numbers = ["width", "height"]
    table[numbers] = table[numbers].fillna(0).astype(int)
    table = table.fillna("")
    status = (table["problem"] == "").map({True: "usable", False: "broken"}).where(wanted, "skipped")
    return table.assign(problem=table["problem"].where(wanted, table["skipped"]), status=status).drop(columns="skipped")


def set_aside(folder: Path, table: "pd.DataFrame", aside: Path) -> int:
    """Move the pictures that have a problem out of a folder; `aside/reasons.csv` keeps why.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per class.
    table : DataFrame
        What `inspect(folder)` returned.
    aside : Path
        Where the pictures go, with the same relative path; outside `folder`, or it would count as a class.

    Returns
    -------
    int
        Number of pictures moved. Those that an earlier call moved are not counted again.

    Raises
    ------
    ValueError
        If `aside` lies inside `folder`.
    FileExistsError
        If another file already has a picture's place in `aside`. Nothing has been moved then.
    """
    import pandas as pd

    folder, aside = Path(folder), Path(aside)
    if aside.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"aside must lie outside {folder}, got {aside}. Choose a folder beside it.")
    broken = table.loc[table["problem"] != "", ["file", "problem"]]
    broken = broken[[os.path.lexists(folder / file) for file in broken["file"]]]  # lexists: a dangling link moves too
    for file in broken["file"]:
        if os.path.lexists(aside / file):
            raise FileExistsError(f"{aside / file} exists already. Rename it, or set aside to another folder.")
    if broken.empty:
        return 0

    reasons = aside / "reasons.csv"
    written = pd.concat([pd.read_csv(reasons), broken]) if reasons.exists() else broken
    with runtime.atomic_path(reasons) as path:
        written.drop_duplicates().to_csv(path, index=False)
    for file in broken["file"]:
        (aside / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / file, aside / file)
    return len(broken)


def split(table: "pd.DataFrame", sizes: Mapping[str, int | float], seed: int) -> "pd.DataFrame":
    """Put each picture into exactly one set; every set has the classes in the proportions of the whole.

    Parameters
    ----------
    table : DataFrame
        Pictures with the column `label`, as from `list_pictures`.
    sizes : mapping
        Size of each set: counts that sum to the number of pictures, or fractions that sum to 1.
    seed : int
        Seed of the random choice; the same table and seed give the same sets.

    Returns
    -------
    DataFrame
        `table`, rows in their order, with the further column `split`.

    Raises
    ------
    ValueError
        If the sizes sum to neither.
    """
    n, bounds = len(table), np.cumsum([0, *sizes.values()])
    if np.isclose(bounds[-1], 1) and n != 1:
        bounds = np.round(bounds * n).astype(int)
    if bounds[-1] != n or min(sizes.values()) < 0:
        raise ValueError(f"sizes must be counts that sum to {n} or fractions that sum to 1, got {dict(sizes)}.")
    labels = table["label"].sample(frac=1, random_state=seed)
    # How far through its class each picture stands. Sorted by it, the classes mix evenly: any stretch is stratified.
    classes = labels.groupby(labels)
    quantile = (classes.cumcount() + 0.5) / classes.transform("size")
    order = quantile.sort_values(kind="stable").index
    names = np.repeat(list(sizes), np.diff(bounds))
    return table.assign(split=type(labels)(names, index=order))


def load(path: Path | BinaryIO, size: int, channels: int = 3) -> np.ndarray:
    """Read one picture as a square.

    The whole picture is squeezed into the square, bilinear with antialiasing. It stands upright as its EXIF entry says;
    transparent parts become white; of an animation the first frame counts.

    Parameters
    ----------
    path : Path or binary file
        The picture, in any format and mode that Pillow reads.
    size : int
        Side of the square in pixels.
    channels : {1, 3}
        Grey or red, green, blue.

    Returns
    -------
    ndarray of uint8, shape (size, size, channels)
        The picture, 0..255.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a whole picture, or `channels` is neither 1 nor 3.
    """
    if channels not in _CONVERT:
        raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {channels!r}.")
    try:
        with Image.open(path) as image:
            # A JPEG decoder can halve the size at no cost. Down to twice the square, the resize below hides it.
            image.draft(None, (2 * size, 2 * size))
            with _turn(image):
                square = _plain(image, channels).resize((size, size), Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's decoders raise all kinds: OSError, SyntaxError, struct.error, ...
        name = str(path) if isinstance(path, (str, Path)) else getattr(path, "name", "the file")
        reason = str(error).replace(repr(path), name)
        raise ValueError(f"{name} is not a whole picture: {reason}. Find such files with inspect or survey.") from error
    return np.asarray(square).reshape(size, size, channels)


def load_many(paths: Iterable[Path | BinaryIO], size: int, channels: int = 3) -> np.ndarray:
    """Read pictures on all cores; see `load`.

    Parameters
    ----------
    paths : iterable of Path or binary file
        The pictures.
    size : int
        Side of the square in pixels.
    channels : {1, 3}
        Grey or red, green, blue.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, channels)
        The pictures, 0..255, in the order of `paths`.
    """
    paths = list(paths)
    pictures = np.empty((len(paths), size, size, channels), np.uint8)

    def read(i):
        pictures[i] = load(paths[i], size, channels)

    with _quiet(), ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(paths))))  # list: raises what a thread raised
    return pictures


def batches(
    folder: Path,
    size: int,
    batch_size: int = 32,
    channels: int = 3,
    shuffle_seed: int | None = None,
    augment: Callable | None = None,
) -> "tf.data.Dataset":
    """Give the pictures of a folder in batches, for `fit`, `evaluate` or `predict`.

    Each picture is decoded once, by `load`, and kept in memory as bytes (where all of them would take more than 6 GiB,
    each epoch decodes them again). Augmentation comes after that, so that each epoch sees new variants.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per class.
    size : int
        Side of the square in pixels.
    batch_size : int
        Pictures in a batch; the last one may be smaller.
    channels : {1, 3}
        Grey or red, green, blue.
    shuffle_seed : int, optional
        Shuffle, each epoch anew, from this seed and TensorFlow's own (`runtime.seed`). None: keep the order of
        `list_pictures`.
    augment : keras layer or model, optional
        Called with each batch and `training=True`.

    Returns
    -------
    tf.data.Dataset
        Pairs of pictures, float32 (batch, size, size, channels) in 0..255, and one-hot labels, float32
        (batch, n_classes), in the order of the sorted class names. A broken picture raises
        `tf.errors.InvalidArgumentError` with its name when its turn comes.
    """
    import tensorflow as tf

    table = list_pictures(folder)
    class_names, y = np.unique(table["label"], return_inverse=True)
    one_hot = np.eye(len(class_names), dtype=np.float32)[y]
    paths = [Path(folder) / file for file in table["file"]]

    def decode(i, label):
        picture = tf.numpy_function(lambda i: load(paths[i], size, channels), [i], tf.uint8)
        return tf.ensure_shape(picture, (size, size, channels)), label

    def decode_all(dataset):
        return dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    fits = len(paths) * size * size * channels <= _CACHE_BYTES
    dataset = tf.data.Dataset.from_tensor_slices((np.arange(len(paths)), one_hot))
    if fits:
        dataset = decode_all(dataset).cache()
    if shuffle_seed is not None:
        dataset = dataset.shuffle(len(paths), seed=shuffle_seed, reshuffle_each_iteration=True)
    if not fits:
        dataset = decode_all(dataset)
    dataset = dataset.batch(batch_size).map(lambda x, label: (tf.cast(x, tf.float32), label))
    if augment is not None:  # one call after the other: the layers draw from one stream of random numbers
        dataset = dataset.map(lambda x, label: (augment(x, training=True), label))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _class_names(folder: Path) -> list[str]:
    """Sorted names of the sub-folders, without hidden ones and links that lead back to the folder or above it."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}. It must hold one sub-folder of pictures per class.")
    here = folder.resolve()
    entries = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    names = sorted(path.name for path in entries if not here.is_relative_to(path.resolve()))
    if not names:
        raise FileNotFoundError(f"no sub-folder in {folder}. It must hold one sub-folder of pictures per class.")
    return names


def _picture_files(folder: Path) -> list[str]:
    """Relative paths of the pictures below a folder, in natural order; links to folders are not followed."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visible = [name for name in files if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
        found += [(Path(parent) / name).relative_to(folder).as_posix() for name in visible]
    return sorted(found, key=_natural)


def _natural(name: str) -> tuple:
    """Sort key under which numbers count as numbers; the name itself decides between `1` and `01`."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _everything(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Relative path, class, and reason to skip it ("" for what may be a picture), for everything in the folder."""
    classes = set(_class_names(folder))
    for path in sorted(folder.iterdir()):
        if path.name not in classes:
            outside = "link to this folder or above" if path.is_dir() else "not in the folder of a class"
            slash = "/" if path.is_dir() else ""
            yield path.name + slash, "", "hidden" if path.name.startswith(".") else outside
    for label in sorted(classes):
        rows = sorted(_inside(folder, label), key=lambda row: _natural(row[0]))
        yield from ((file, label, reason) for file, reason in rows or [(f"{label}/", "empty folder")])


def _inside(folder: Path, label: str) -> Iterator[tuple[str, str]]:
    """Relative path and reason to skip it, for everything in the folder of one class."""
    unreadable = []
    for parent, folders, files in os.walk(folder / label, onerror=unreadable.append):
        within = Path(parent).relative_to(folder)
        for name in folders:
            if name.startswith("."):
                yield f"{(within / name).as_posix()}/", "hidden"
            elif (Path(parent) / name).is_symlink():
                yield f"{(within / name).as_posix()}/", "link to a folder, not followed"
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            yield (within / name).as_posix(), _no_picture(name)
    for error in unreadable:
        yield f"{Path(error.filename).relative_to(folder).as_posix()}/", f"folder cannot be opened: {error.strerror}"


def _no_picture(name: str) -> str:
    """Why a file with this name is no picture, "" where it may be one."""
    if name.startswith(".") or name.lower() in _SYSTEM_FILES:
        return "hidden"
    suffix = Path(name).suffix.lower()
    if suffix in SUFFIXES:
        return ""
    return f"Pillow reads no {suffix} files; save pictures as JPEG or PNG" if suffix else "name without a suffix"


def _examine_all(paths: list[Path], examine: Callable[[Path], tuple]) -> list[tuple]:
    """Call `examine` for each path, in several threads and with a progress bar."""
    from tqdm.auto import tqdm

    with _quiet(), ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(examine, paths), total=len(paths), unit="picture", desc="inspect"))


def _examine(path: Path) -> tuple[int, int, str, str, str]:
    """Width, height, format, mode and problem of one picture."""
    facts = (0, 0, "", "")
    if path.exists() and not path.is_file():  # to open a pipe would wait for ever
        return (*facts, "not a file")
    try:
        with Image.open(path) as image:
            facts = (*image.size, image.format, image.mode)
            with _turn(image):
                _plain(image, 3)
    except Exception as error:  # Pillow's decoders raise all kinds; whatever it was is the problem to report
        return (*facts, _described(error, path))
    width, height = facts[:2]
    return (*facts, f"only {width} x {height} pixels" if min(width, height) < _SMALLEST_SIDE else "")


def _described(error: Exception, path: Path) -> str:
    """One line on what is wrong with a file, without the folder that it is in."""
    if path.exists() and path.stat().st_size == 0:
        return "empty file"
    text = f"{type(error).__name__}: {error}"
    for long in (repr(str(path))[1:-1], str(path)):  # on Windows the first has each backslash twice
        text = text.replace(long, path.name)
    return text


def _digest(path: Path) -> str:
    """SHA-256 of a file, "" where it cannot be read."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow's warnings off the screen while threads decode; only for the thread that starts them.

    It warns of odd metadata, which do no harm, and from 89 million pixels, which cameras have by now. What has more
    than twice as many it refuses, for a few bytes can hold gigabytes of one colour (a decompression bomb); that stays.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _turn(image: Image.Image):
    """Let one thread at a time decode a large picture: several of them would not fit into memory."""
    return _ONE_LARGE if image.width * image.height > _LARGE else nullcontext()


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """Decode the first frame, upright, opaque, 8 bits, in grey or RGB."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise ValueError("its pixels are floats, of which no range is agreed on")
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion to 8 would cut at 255
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(_CONVERT[channels])
