"""Folders of pictures, one sub-folder per class: list, split, load, batch."""

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:  # both take longer to import than the rest of the module together
    import pandas as pd
    import tensorflow as tf

SPLITS = ("train_set", "validation_set", "test_set")
# Only these are ever opened, whatever a file is called: for others Pillow would run another program (EPS: Ghostscript).
_READ = {"AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "TGA", "TIFF", "WEBP"}
_EXTENSIONS = Image.registered_extensions()  # also loads Pillow's plug-ins; AVIF is not in every build of it
FORMATS = tuple(sorted(_READ & set(Image.OPEN)))
SUFFIXES = frozenset(suffix for suffix, form in _EXTENSIONS.items() if form in FORMATS)
# Folders that systems and their drives leave behind: no classes, and nothing in them is a picture of the reader's.
_SYSTEM_FOLDERS = re.compile(
    r"\$recycle\.bin|recycler|system volume information|found\.\d{3}|lost\+found|lost\.dir|__macosx|__pycache__|"
    r"@eadir|@tmp|@recycle|@recently-snapshot|#recycle|#snapshot"
)
# Sets beside a training set, whose class names are theirs, under our names and the usual ones.
_BESIDE = {"train_set": {"validation_set", "test_set"}, "train": {"validation", "val", "valid", "test"}}
_DIM = 16  # where 16-bit values stay below 1/16 of their range, they most likely have 12 bits or fewer
_SAVE_IT = "save it with 8 bits a channel, scaled to 0..255"
_TIFF_BITS, _TIFF_LARGEST = 258, 281  # tags: bits per sample, largest sample value
_LARGE = 2**25  # pixels; decoding a picture larger than that takes more than 100 MB
_ONE_LARGE = threading.Lock()
_CACHE_BYTES = 6 * 2**30  # keeps the article's 20,000 pictures at 299 x 299 in memory (5.4 GB)
_TOGETHER = 8  # pictures that TensorFlow asks for at once: each change to Python and back costs some time
_CONVERT = {1: "L", 3: "RGB"}


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
        return class_names(self.train)

    @property
    def counts(self) -> "pd.DataFrame":
        """Number of pictures: one row per set, one column per class."""
        import pandas as pd

        rows = {}
        for name in SPLITS:
            folder = self.root / name
            flat = not has_classes(folder)
            rows[name] = (
                pd.Series({"?": len(list_files(folder))}) if flat else list_pictures(folder)["label"].value_counts()
            )
        table = pd.DataFrame.from_dict(rows, orient="index").fillna(0).astype(int)
        return table.reindex(columns=[*self.class_names, *(["?"] if "?" in table else [])], fill_value=0)


def has_classes(folder: Path) -> bool:
    """Tell whether a folder has one sub-folder per class, or only pictures, as Kaggle's test set."""
    return bool(_sub_folders(Path(folder)))


def class_names(folder: Path) -> list[str]:
    """Name the classes of a folder: its sub-folders, or those of the training set that it belongs to.

    The training set's names decide which number a label has. So they are the names of a `validation_set` and `test_set`
    beside a `train_set`, too (or of `val`, `validation` and `test` beside `train`), whether or not each occurs there.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per class.

    Returns
    -------
    list of str
        Sorted names, without hidden folders, folders of the system and links that lead back to `folder` or above it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it has no sub-folder.
    """
    folder = Path(folder).absolute()  # not resolved: a link goes by its own name
    for name, others in _BESIDE.items():
        if folder.name in others and folder.with_name(name).is_dir():
            return list_classes(folder.with_name(name))
    return list_classes(folder)


def list_classes(folder: Path) -> list[str]:
    """Name the sub-folders of a folder itself, as `class_names` does for a training set; at least one."""
    names = _sub_folders(Path(folder))
    if not names:
        raise FileNotFoundError(f"no sub-folder in {folder}. It must hold one sub-folder of pictures per class.")
    return names


def list_pictures(folder: Path, names: Sequence[str] | None = None) -> "pd.DataFrame":
    """List the pictures of a folder that has one sub-folder per class.

    Hidden files and files without a picture's suffix are left out, links to folders inside a class are not followed.

    Parameters
    ----------
    folder : Path
        Folder with the classes.
    names : sequence of str, optional
        The classes that may occur; by default `class_names(folder)`.

    Returns
    -------
    DataFrame
        Columns `file` (path relative to `folder`, with forward slashes) and `label` (name of the class). Classes are
        sorted by name, files within a class in natural order (`cat.2.jpg` before `cat.10.jpg`), on every system alike.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, it has no sub-folder, or a class has no picture.
    ValueError
        If a sub-folder is none of the classes.
    """
    import pandas as pd

    folder, rows = Path(folder), []
    here = list_classes(folder)
    known = class_names(folder) if names is None else list(names)
    if unknown := sorted(set(here) - set(known)):
        raise ValueError(
            f"{folder} has the class {', '.join(map(repr, unknown))}, which the training set does not have; it has "
            f"{', '.join(map(repr, known))}. Rename or remove the folder, or train with it."
        )
    for label in here:
        files = _picture_files(locate(folder / label))
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


def numbers(labels: Iterable[str], class_names: Sequence[str]) -> np.ndarray:
    """Give the position of each label among the classes, int (n,): not among those labels that happen to occur."""
    position = {name: i for i, name in enumerate(class_names)}
    return np.array([position[label] for label in labels], int)


def printable(name: str) -> str:
    r"""Write a file name so that it can be printed and stored: bytes that are no UTF-8 become `\xe9` and the like."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def locate(path: Path | str) -> Path:
    """Find the file that a table names: `printable` undone, where only that leads to a file."""
    path = Path(path)
    if "\\x" not in str(path) or path.exists():
        return path
    found = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), os.fsencode(path))
    return Path(os.fsdecode(found)) if Path(os.fsdecode(found)).exists() else path


def open_picture(path: Path | BinaryIO) -> Image.Image:
    """Open a picture without decoding it, as `Image.open`, if it is in one of `FORMATS`."""
    return Image.open(locate(path) if isinstance(path, (str, Path)) else path, formats=FORMATS)


def natural_order(name: str) -> tuple:
    """Give the key that sorts `cat.2.jpg` before `cat.10.jpg`; the name itself decides between `1` and `01`.

    Parameters
    ----------
    name : str
        A file name or a path.

    Returns
    -------
    tuple
        Use it as `sorted(names, key=natural_order)`.
    """
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


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
        with open_picture(path) as image:
            # A JPEG decoder can halve the size at no cost. Down to twice the square, the resize below hides it.
            image.draft(None, (2 * size, 2 * size))
            square = decode(image, size, channels)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's decoders raise all kinds: OSError, SyntaxError, struct.error, ...
        name = str(path) if isinstance(path, (str, Path)) else getattr(path, "name", "the file")
        reason = printable(str(error).replace(repr(path), name))
        advice = "inspection.inspect finds such files"
        raise ValueError(f"{printable(name)} is not a whole picture: {reason}. {advice}.") from error
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

    with quiet(), ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(paths))))  # list: raises what a thread raised
    return pictures


def decode(image: Image.Image, size: int, channels: int = 3) -> Image.Image:
    """Decode an opened picture to its last byte and squeeze it into a square; see `load`.

    Parameters
    ----------
    image : PIL.Image.Image
        As `Image.open` gives it, not decoded yet. Large ones are decoded one at a time, whatever the number of threads,
        for several of them would not fit into memory.
    size : int
        Side of the square in pixels.
    channels : {1, 3}
        Grey or red, green, blue.

    Returns
    -------
    PIL.Image.Image
        The square, in mode L or RGB.

    Raises
    ------
    Exception
        Of any kind, by Pillow's decoders, if it is not a whole picture.
    """
    with _ONE_LARGE if image.width * image.height > _LARGE else nullcontext():
        return _plain(image, channels).resize((size, size), Image.Resampling.BILINEAR)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings off the screen while threads decode; only for the thread that starts them.

    It warns of odd metadata, which do no harm, and from 89 million pixels, which cameras have by now. What has more
    than twice as many it refuses, for a few bytes can hold gigabytes of one colour (a decompression bomb); that stays.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def batches(
    folder: Path,
    size: int,
    batch_size: int = 32,
    channels: int = 3,
    shuffle_seed: int | None = None,
    augment: Callable | None = None,
    class_names: Sequence[str] | None = None,
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
    class_names : sequence of str, optional
        The classes in the order of their numbers; by default those of `photos.class_names(folder)`.

    Returns
    -------
    tf.data.Dataset
        Pairs of pictures, float32 (batch, size, size, channels) in 0..255, and one-hot labels, float32
        (batch, n_classes), in the order of the class names. A broken picture raises
        `tf.errors.InvalidArgumentError` with its name when its turn comes.
    """
    import tensorflow as tf

    names = _names(folder) if class_names is None else list(class_names)
    table = list_pictures(folder, names)
    one_hot = np.eye(len(names), dtype=np.float32)[numbers(table["label"], names)]
    paths = [Path(folder) / file for file in table["file"]]

    def read(i):
        try:
            return load(paths[i], size, channels)
        except FileNotFoundError as error:  # of what TensorFlow makes of it the reader would see a traceback alone
            raise ValueError(f"{paths[i]} was deleted after the folder was listed. Run it again.") from error

    def decode(rows, labels):
        pictures = tf.numpy_function(lambda rows: np.stack([read(i) for i in rows]), [rows], tf.uint8)
        return tf.ensure_shape(pictures, (None, size, size, channels)), labels

    def decode_all(dataset):
        decoded = dataset.batch(_TOGETHER).map(decode, num_parallel_calls=2 * os.cpu_count(), deterministic=True)
        return decoded.unbatch().apply(tf.data.experimental.assert_cardinality(len(paths)))

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
    # What TensorFlow tunes itself starts with one thread, and in a short pass may never get beyond it.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


_names = class_names  # for functions with an argument of that name


def is_system_folder(name: str) -> bool:
    """Tell whether a folder of this name is the system's and not the reader's."""
    return bool(_SYSTEM_FOLDERS.fullmatch(name.lower()))


def _sub_folders(folder: Path) -> list[str]:
    """Sorted names, printable, of the folders in a folder that may be classes."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}. It must hold one sub-folder of pictures per class.")
    here = folder.resolve()
    entries = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    own = [path for path in entries if not is_system_folder(path.name) and not here.is_relative_to(path.resolve())]
    return sorted(printable(path.name) for path in own)


def _picture_files(folder: Path) -> list[str]:
    """Relative paths of the pictures below a folder, in natural order; links to folders are not followed."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not is_system_folder(name)]
        visible = [name for name in files if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
        found += [printable((Path(parent) / name).relative_to(folder).as_posix()) for name in visible]
    return sorted(found, key=natural_order)


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """Decode the first frame, upright, opaque, 8 bits, in grey or RGB."""
    deep_colours = image.mode in ("RGB", "RGBA", "LA") and any(
        ";16" in str(tile) for tile in getattr(image, "tile", ())
    )
    white = _white(image)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise ValueError(f"its pixels are floats, of which no range is agreed on; {_SAVE_IT}")
    if image.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(np.asarray(image), white))
    elif deep_colours and np.asarray(image)[..., :3].max() < 256 // _DIM:  # Pillow keeps the upper 8 bits of 16
        raise ValueError(f"its 16-bit colours stay near black; {_SAVE_IT}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = _CONVERT[channels]
    return image if image.mode == mode else image.convert(mode)  # which would copy one that is so already


def _white(image: Image.Image) -> int | None:
    """Give the value that a TIFF file says is the largest of its samples, None where a file says nothing."""
    tags = getattr(image, "tag_v2", {})
    largest, bits = tags.get(_TIFF_LARGEST), tags.get(_TIFF_BITS)
    if largest:
        return int(np.max(largest))
    return 2 ** int(np.max(bits)) - 1 if bits and np.max(bits) < 16 else None


def _eight_bits(pixels: np.ndarray, white: int | None) -> np.ndarray:
    """Scale integers of more than 8 bits to uint8; `white` is what the file says is the largest value."""
    low, high = int(pixels.min()), int(pixels.max())
    if white is None:
        white = 2**16 - 1
        if low < 0 or high > white:
            raise ValueError(f"its pixels reach from {low} to {high}, of which no range is agreed on; {_SAVE_IT}")
        if high <= white // _DIM:
            raise ValueError(f"its 16-bit pixels reach only {high} of {white}, near black; {_SAVE_IT}")
    return (np.asarray(pixels, float) * 255 / white).round().clip(0, 255).astype(np.uint8)
