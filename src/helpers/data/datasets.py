"""The public data sets: where they come from, their layout on disk, which are at hand."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import runtime
from helpers.data import downloads, drawn
from helpers.pictures import inspection, photos

if TYPE_CHECKING:
    import pandas as pd

_DRAWN = {"n_train": 200, "n_validation": 50, "n_test": 200}  # drawn animals of each species in each set
_SPLIT_SEED = 0  # who trains on these pictures shall train on the same ones everywhere


@dataclass(frozen=True)
class Dataset:
    """A public data set (or a weights file) and what becomes of it.

    Attributes
    ----------
    name : str
        Key in `REGISTRY`.
    title : str
        What it is, in one line.
    url : str or None
        Where the file is; None where no lasting public address is known.
    file_name : str
        Name of the downloaded file.
    size : int or None
        Bytes of that file; None where nobody states them.
    checksum : str or None
        "sha256:..." or "md5:..."; None where nobody publishes one. The contents are counted in any case.
    items : int or None
        Pictures, reviews, rows of features or folds of facts in the set.
    becomes : str
        Path below `TRANSFER_DATA`.
    licence : str
        As far as stated.
    citation : str
        The paper to cite.
    advice : str
        How to get it where `fetch` cannot.
    """

    name: str
    title: str
    url: str | None
    file_name: str
    size: int | None
    checksum: str | None
    items: int | None
    becomes: str
    licence: str
    citation: str
    advice: str = ""


_ASIRRA = (
    "Elson, Douceur, Howell, Saul: Asirra: a CAPTCHA that exploits interest-aligned manual image categorization, "
    "ACM CCS 2007"
)
_INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"

REGISTRY = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="cats_vs_dogs",
            title="Photographs of cats and dogs, the full Microsoft set",
            url="https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
            file_name="kagglecatsanddogs_5340.zip",
            size=824_887_076,
            checksum="sha256:b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
            items=25_000,
            becomes="cats_vs_dogs",
            licence="CDLA-Permissive-2.0",
            citation=_ASIRRA,
        ),
        Dataset(
            name="cats_vs_dogs_small",
            title="Photographs of cats and dogs, a small part of the set",
            url="https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
            file_name="cats_and_dogs_filtered.zip",
            size=68_606_236,
            checksum=None,
            items=3_000,
            becomes="cats_vs_dogs_small",
            licence="none stated; part of cats_vs_dogs",
            citation=_ASIRRA,
        ),
        Dataset(
            name="amazon_reviews",
            title="Amazon reviews of books, DVDs, electronics, kitchen wares",
            url="https://www.cs.jhu.edu/~mdredze/datasets/sentiment/domain_sentiment_data.tar.gz",
            file_name="domain_sentiment_data.tar.gz",
            size=None,
            checksum=None,
            items=8_000,
            becomes="reviews/sorted_data_acl",
            licence="none stated; cite the paper",
            citation=(
                "Blitzer, Dredze, Pereira: Biographies, Bollywood, boom-boxes and blenders: domain adaptation for "
                "sentiment classification, ACL 2007"
            ),
        ),
        Dataset(
            name="office_caltech",
            title="Office-Caltech10: ten classes of objects in four domains, SURF histograms",
            url=None,
            file_name="*_SURF_L10.mat",
            size=None,
            checksum=None,
            items=2_533,
            becomes="office_caltech",
            licence="none stated; cite the paper",
            citation="Gong, Shi, Sha, Grauman: Geodesic flow kernel for unsupervised domain adaptation, CVPR 2012",
            advice="copy the four *_SURF_L10.mat files, found with many papers' code, there; see data/README.md",
        ),
        Dataset(
            name="uwcse",
            title="UW-CSE: facts about a university department, five folds",
            url=None,
            file_name="fold*.txt",
            size=None,
            checksum=None,
            items=5,
            becomes="relational/uwcse",
            licence="none stated here; cite the paper",
            citation="Richardson, Domingos: Markov logic networks, Machine Learning 62, 2006",
            advice="copy the 15 files fold{1..5}_{facts,pos,neg}.txt there; see data/README.md",
        ),
        Dataset(
            name="imdb",
            title="IMDB: facts about films and who made them, five folds",
            url=None,
            file_name="fold*.txt",
            size=None,
            checksum=None,
            items=5,
            becomes="relational/imdb",
            licence="none stated here; cite the paper",
            citation="Mihalkova, Mooney: Bottom-up learning of Markov logic network structure, ICML 2007",
            advice="copy the 15 files fold{1..5}_{facts,pos,neg}.txt there; see data/README.md",
        ),
        Dataset(
            name="pacs",
            title="PACS: four of its animals as photographs, paintings, cartoons and sketches",
            url=None,
            file_name="pacs/*/*/*",
            size=None,
            checksum=None,
            items=1_600,
            becomes="pacs",
            licence="none stated; cite the paper",
            citation="Li, Yang, Song, Hospedales: Deeper, broader and artier domain generalization, ICCV 2017",
            advice="copy dog, elephant, giraffe, horse of the four styles there; see data/README.md",
        ),
        Dataset(
            name="inception_v3_weights",
            title="InceptionV3 pre-trained on ImageNet, without its top: Keras's own file",
            url=f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{_INCEPTION_FILE}",
            file_name=_INCEPTION_FILE,
            size=87_910_968,
            checksum="md5:bcbd6486424b2319ff4ef7d526e38f63",
            items=None,
            becomes=f"weights/{_INCEPTION_FILE}",
            licence="Apache-2.0",
            citation="Szegedy et al.: Rethinking the Inception architecture for computer vision, CVPR 2016",
        ),
    )
}


def fetch(name: str, folder: Path | None = None, limit: float | None = None) -> Path:
    """Bring a data set to its place: download, verify, unpack, lay out. Does nothing where it is there already.

    The archive stays in `<folder>/downloads` until the layout is complete; an archive copied there by hand is used, and
    kept if anything fails. One that is not what was wanted is renamed, not removed.

    Parameters
    ----------
    name : str
        Key in `REGISTRY`.
    folder : Path, optional
        By default `TRANSFER_DATA`.
    limit : float, optional
        Longest time in seconds for the download.

    Returns
    -------
    Path
        The folder (or file, for weights) of the data set.

    Raises
    ------
    ValueError
        If there is no such data set, or what came is not what was wanted (`downloads.WrongContents`).
    FileNotFoundError
        If the data set has no public address and is not there.
    FileExistsError
        If something else is in its place.
    downloads.OfflineError, ConnectionError, OSError
        As `downloads.download`.
    """
    if name not in REGISTRY:
        raise ValueError(f"name must be one of {sorted(REGISTRY)}, got {name!r}.")
    dataset = REGISTRY[name]
    folder = Path(folder or runtime.data_dir())
    target, place = folder / dataset.becomes, folder / "downloads"
    if _is_there(dataset, folder):
        return target
    refuse_misplaced(name, folder)
    if dataset.url is None:
        raise FileNotFoundError(f"{name} is not in {target} and has no lasting public address: {dataset.advice}.")
    with runtime.lock(place / name):
        if _is_there(dataset, folder):  # another process was faster
            return target
        if target.is_file() or any(path.is_file() for path in target.rglob("*")):
            raise FileExistsError(
                f"{target} is there, but holds nothing of {name} as data/README.md lays it out. Remove or change it."
            )
        archive = place / dataset.file_name
        downloads.download(dataset.url, archive, size=dataset.size, checksum=dataset.checksum, limit=limit)
        scratch = place / f".{name}"
        shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed
        scratch.mkdir()
        try:
            ready = _LAYOUTS[name](archive, scratch, dataset.items)
        except downloads.WrongContents as error:
            aside = downloads.set_aside(archive)
            raise downloads.WrongContents(f"{aside.name} is not what was wanted: {error}") from error
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)  # empty folders
            ready.replace(target)
            archive.unlink(missing_ok=True)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def at_hand() -> "pd.DataFrame":
    """Tell which data sets are there, an empty folder being none.

    Weights count wherever `backbones.inception_v3` finds them: a file of the reader's own, or Keras's cache.

    Returns
    -------
    DataFrame
        One row for each data set: `name`, `what`, `at hand` ("yes" or "no"), `items` (pictures, reviews, rows of
        features or folds that are there), `download` (its size), `licence`, `how to get it`.
    """
    import pandas as pd

    rows = []
    for dataset in REGISTRY.values():
        folder = runtime.data_dir() / dataset.becomes
        there = _is_there(dataset, runtime.data_dir()) or (dataset.name == "inception_v3_weights" and _has_weights())
        rows.append(
            {
                "name": dataset.name,
                "what": dataset.title,
                "at hand": "yes" if there else "no",
                "items": f"{_COUNTS[dataset.name](folder):,}" if there and dataset.items else "",
                "download": f"{dataset.size / 1e6:,.0f} MB" if dataset.size else "not stated",
                "licence": dataset.licence,
                "how to get it": f'datasets.fetch("{dataset.name}")' if dataset.url else dataset.advice,
            }
        )
    return pd.DataFrame(rows)


def cats_vs_dogs(seed: int = 0) -> photos.Pictures:
    """Give pictures of cats and dogs: photographs if there are any or they can be downloaded, drawn ones otherwise.

    In order: `cats_vs_dogs` or `cats_vs_dogs_small` under `TRANSFER_DATA`; a download of the small set, unless offline,
    which the reader can stop by interrupting the kernel; drawn animals.

    Parameters
    ----------
    seed : int
        Seed of the drawn animals. The split of the photographs is always the same.

    Returns
    -------
    photos.Pictures
        Its `source` says which pictures these are.
    """
    for name in ("cats_vs_dogs", "cats_vs_dogs_small"):
        if _is_there(REGISTRY[name], runtime.data_dir()):
            folder = runtime.data_dir() / REGISTRY[name].becomes
            return _described(folder, f"{{n:,}} photographs of cats and dogs from {name}")
        refuse_misplaced(name)
    small = REGISTRY["cats_vs_dogs_small"]
    what = f"photographs ({small.size / 1e6:.0f} MB from {small.url})"
    if downloads.attempt(what, "drawn animals", lambda: fetch(small.name, limit=downloads.AUTOMATIC_LIMIT)):
        return cats_vs_dogs(seed)
    # The name says what decides how the pictures look, so that those of another version are not taken for these.
    sizes = "_".join(str(n) for n in _DRAWN.values())
    folder = runtime.build_dir() / "drawn_animals" / f"cats_and_dogs_{sizes}_seed_{seed}_code_{drawn.version()}"
    drawn.write_folder(folder, **_DRAWN, seed=seed)
    return _described(folder, "drawn animals (no photographs at hand): {n:,} cats and dogs")


def _is_there(dataset: Dataset, folder: Path) -> bool:
    """Tell whether a data set is in its place below `folder`, with something in it."""
    target = folder / dataset.becomes
    return target.is_dir() and _COUNTS[dataset.name](target) > 0 if dataset.items else target.is_file()


def refuse_misplaced(name: str, folder: Path | None = None) -> None:
    """Look for a data set a folder too deep or too high, or as its archive has it: slips in unpacking by hand.

    Parameters
    ----------
    name : str
        Key in `REGISTRY`.
    folder : Path, optional
        By default `TRANSFER_DATA`.

    Raises
    ------
    FileNotFoundError
        If it is there; the message says where, where it should be, and what to do.
    """
    dataset, folder = REGISTRY[name], Path(folder or runtime.data_dir())
    mark, target = _MARKS.get(name), folder / dataset.becomes
    if mark is None:
        return
    places = [target.glob(f"*/{mark}"), target.glob(f"*/*/{mark}"), folder.glob(mark)]
    if target.parent != folder:  # a target of two parts
        places += [target.parent.glob(mark), (folder / target.name).glob(mark)]
        places.append(target.parent.glob(f"*/{target.name}/{mark}"))
    for found in (path for place in places for path in place):
        here = found.parents[mark.count("/")]
        raise FileNotFoundError(
            f"{name} lies in {here}, wanted is {target}. Move what is in the first to the second"
            + ("." if here.is_relative_to(target) else f", or set TRANSFER_DATA to the folder that holds {here.name}.")
        )
    inside = _IN_ARCHIVE.get(name)
    for place in (folder, target) if inside else ():
        if (place / inside).is_dir():
            raise FileNotFoundError(
                f"{place / inside} is {name} as its archive has it, not laid out. Remove it, put the archive itself, "
                f'{dataset.file_name}, into {folder / "downloads"} and call datasets.fetch("{name}").'
            )


def _has_weights() -> bool:
    """Tell whether the reader has InceptionV3 weights elsewhere than `fetch` puts them."""
    if path := runtime.weights_file():
        return path.is_file()
    entry = REGISTRY["inception_v3_weights"]
    cached = runtime.keras_models_dir() / entry.file_name
    return cached.is_file() and not downloads.fault(cached, entry.size, entry.checksum)


def _described(root: Path, what: str) -> photos.Pictures:
    """Pictures with the line that says what they are and how many."""
    n = photos.Pictures(root, "").counts.sum(axis="columns")
    sets = ", ".join(f"{name.removesuffix('_set')} {n[name]:,}" for name in photos.SPLITS)
    return photos.Pictures(root, f"Pictures: {what.format(n=n.sum())} ({sets})")


def _lay_out_full(archive: Path, scratch: Path, items: int) -> Path:
    """PetImages/{Cat,Dog} -> four fifths for training, the rest in halves."""
    pictures = _unpacked(archive, scratch, "PetImages/Cat").parent
    for old, new in (("Cat", "cats"), ("Dog", "dogs")):
        (pictures / old).rename(pictures / new)
    _share_out(pictures, scratch / "ready", n_train=items * 4 // 5)
    return _counted(scratch / "ready", items)


def _lay_out_small(archive: Path, scratch: Path, items: int) -> Path:
    """{train,validation}/{cats,dogs} -> the same, with half of the validation set for testing."""
    pictures = _unpacked(archive, scratch, "cats_and_dogs_filtered")
    _share_out(pictures / "train", scratch / "ready", n_train=items)
    _share_out(pictures / "validation", scratch / "ready", n_train=0)
    return _counted(scratch / "ready", items)


def _lay_out_reviews(archive: Path, scratch: Path, items: int) -> Path:
    """sorted_data_acl as it is, if no file of it is short."""
    ready = _unpacked(archive, scratch, "sorted_data_acl")
    for file in _review_files(ready):
        n = _count_in_file(file) if file.exists() else 0
        if n != items // 8:
            raise downloads.WrongContents(f"{file.relative_to(ready)} has {n:,} reviews, wanted {items // 8:,}.")
    return ready


def _unpacked(archive: Path, scratch: Path, name: str) -> Path:
    """Unpack an archive and give the folder in it that counts."""
    folder = downloads.unpack(archive, scratch / "unpacked") / name
    if not folder.is_dir():
        raise downloads.WrongContents(f"it has no folder {name}.")
    return folder


def _share_out(pictures: Path, ready: Path, n_train: int) -> None:
    """Set the broken pictures aside and move the others to their sets; what is not for training goes in halves."""
    try:
        table = inspection.inspect(pictures)
    except FileNotFoundError as error:
        if not pictures.parent.is_dir():  # the folder to work in is gone: the archive is not to blame
            raise
        raise downloads.WrongContents(f"it has no pictures where they should be: {error}") from error
    good = table[table["problem"] == ""].reset_index(drop=True)
    if len(good) < len(table):
        n = inspection.set_aside(pictures, table, ready / "set_aside")
        print(f"{n:,} broken pictures set aside; set_aside/reasons.csv says why.")
    n_train = min(n_train, len(good))
    n_validation = (len(good) - n_train) // 2
    sizes = dict(zip(photos.SPLITS, (n_train, n_validation, len(good) - n_train - n_validation), strict=True))
    for row in photos.split(good, sizes, _SPLIT_SEED).itertuples():
        place = ready / row.split / row.file
        place.parent.mkdir(parents=True, exist_ok=True)
        (pictures / row.file).rename(place)


def _counted(ready: Path, items: int) -> Path:
    """Give the folder back if each class has its half of the pictures, broken ones included."""
    for label in ("cats", "dogs"):
        n = sum(1 for _ in ready.glob(f"*/{label}/*"))
        if n != items // 2:
            raise downloads.WrongContents(f"it has {n:,} pictures of {label}, wanted {items // 2:,}.")
    return ready


def _review_files(folder: Path) -> list[Path]:
    """List the files of labelled reviews."""
    domains = ("books", "dvd", "electronics", "kitchen_&_housewares")
    return [folder / domain / f"{label}.review" for domain in domains for label in ("positive", "negative")]


def _count_in_file(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(line.strip() == b"<review>" for line in lines)


def _count_pictures(folder: Path) -> int:
    """Pictures in the three sets, the test set sorted into classes or not; those set aside do not count."""
    places = [path for pattern in ("*_set/*/*", "test_set/*") for path in folder.glob(pattern)]
    return sum(path.suffix.lower() in photos.SUFFIXES for path in places)


def _count_reviews(folder: Path) -> int:
    return sum(_count_in_file(file) for file in _review_files(folder) if file.exists())


def _count_rows(folder: Path) -> int:
    """Rows of the feature matrices, from the headers of the files."""
    from scipy.io import whosmat

    headers = (whosmat(file) for file in folder.glob("*_SURF_L10.mat"))
    return sum(shape[0] for header in headers for variable, shape, _ in header if variable == "fts")


def _count_folds(folder: Path) -> int:
    """Folds of facts of which all three files are there."""
    kinds = ("facts", "pos", "neg")
    return sum(all((folder / f"fold{i}_{kind}.txt").is_file() for kind in kinds) for i in range(1, 6))


# What tells that a folder is the data set: below it, wherever it lies.
_MARKS = {
    "cats_vs_dogs": "train_set",
    "cats_vs_dogs_small": "train_set",
    "amazon_reviews": "books/positive.review",
    "office_caltech": "amazon_SURF_L10.mat",
    "pacs": "art_painting/dog",
    "uwcse": "fold1_facts.txt",
    "imdb": "fold1_facts.txt",
}
# A folder that only the archive has.
_IN_ARCHIVE = {"cats_vs_dogs": "PetImages", "cats_vs_dogs_small": "cats_and_dogs_filtered"}
# A function of the archive, a folder to work in and the number of items wanted; it gives what is to be put in place.
_LAYOUTS: dict[str, Callable[[Path, Path, int | None], Path]] = {
    "cats_vs_dogs": _lay_out_full,
    "cats_vs_dogs_small": _lay_out_small,
    "amazon_reviews": _lay_out_reviews,
    "inception_v3_weights": lambda archive, scratch, items: archive,
}
_COUNTS: dict[str, Callable[[Path], int]] = {
    "cats_vs_dogs": _count_pictures,
    "cats_vs_dogs_small": _count_pictures,
    "amazon_reviews": _count_reviews,
    "office_caltech": _count_rows,
    "uwcse": _count_folds,
    "imdb": _count_folds,
    "pacs": lambda folder: sum(path.suffix.lower() in photos.SUFFIXES for path in folder.glob("*/*/*")),
}
