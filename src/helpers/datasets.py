"""The public data sets: where they come from, how to download, verify and unpack them, and their layout on disk."""

import gzip
import hashlib
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from helpers import drawn_animals, photos, runtime

if TYPE_CHECKING:
    import pandas as pd

_SPLIT_SEED = 0  # who trains on these pictures shall train on the same ones everywhere
_PAUSE = 1.0  # seconds before the second attempt; doubled before each further one
_BLOCK = 2**16  # bytes; what a connection that breaks within a block has brought of it is lost


class OfflineError(RuntimeError):
    """Something needs the network, and `TRANSFER_OFFLINE=1` forbids it."""


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
        Pictures or reviews in the archive.
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


def download(
    url: str,
    path: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    timeout: tuple[float, float] = (10, 60),
    attempts: int = 4,
    progress: bool = True,
) -> Path:
    """Download a file, verify it and put it in place; what a broken download has brought is kept and continued.

    A file that is already there, and is the right one as far as can be told, is kept.

    Parameters
    ----------
    url : str
        Where the file is.
    path : Path
        Where it shall be. Until it is whole and verified its bytes are in `<path>.part`.
    size : int, optional
        Its size in bytes.
    checksum : str, optional
        "sha256:..." or "md5:...", hexadecimal.
    timeout : (float, float)
        Longest wait in seconds for a connection, and for the next byte.
    attempts : int
        Connections to try before giving up; each continues where the one before broke.
    progress : bool
        Show a bar.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OfflineError
        If the file is missing and `TRANSFER_OFFLINE=1`.
    ConnectionError
        If all attempts failed.
    OSError
        If the server refuses the file, or the disk has no room for it.
    ValueError
        If another file came than the one wanted. It is removed.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with runtime.lock(path):
        if path.exists() and not _fault(path, size, checksum):
            return path
        if runtime.offline():
            raise OfflineError(f"TRANSFER_OFFLINE=1 forbids to download {url}. Unset it, or copy the file to {path}.")
        _persist(url, part, size, timeout, attempts, progress)
        fault = _fault(part, size, checksum)
        _validator(part).unlink(missing_ok=True)
        if fault:
            part.unlink()
            raise ValueError(f"{url}: {fault}. The file was removed; try again, or get it as data/README.md says.")
        part.replace(path)
    return path


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar file into a new folder, which appears only once it is complete.

    Parameters
    ----------
    archive : Path
        The file.
    folder : Path
        The folder to make.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    FileExistsError
        If the folder is there already.
    ValueError
        If a member would land outside the folder or is no plain file (a link, a device), or if the archive is broken.
        Nothing is left behind.
    OSError
        If the disk has no room for it.
    """
    archive, folder = Path(archive), Path(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    with runtime.lock(folder):
        if folder.exists():
            raise FileExistsError(f"{folder} exists already. Remove it, or unpack to another folder.")
        shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
        partial.mkdir()
        try:
            _extract(archive, partial)
            partial.replace(folder)
        except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{archive} is broken: {error}. Download it again.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def fetch(name: str, folder: Path | None = None) -> Path:
    """Bring a data set to its place: download, verify, unpack, lay out. Does nothing where it is there already.

    The archive stays in `<folder>/downloads` until the layout is complete; an archive copied there by hand is used.

    Parameters
    ----------
    name : str
        Key in `REGISTRY`.
    folder : Path, optional
        By default `TRANSFER_DATA`.

    Returns
    -------
    Path
        The folder (or file, for weights) of the data set.

    Raises
    ------
    ValueError
        If there is no such data set, or what came is not what was wanted.
    FileNotFoundError
        If the data set has no public address and is not there.
    OfflineError, ConnectionError, OSError
        As `download`.
    """
    if name not in REGISTRY:
        raise ValueError(f"name must be one of {sorted(REGISTRY)}, got {name!r}.")
    dataset = REGISTRY[name]
    folder = Path(folder or runtime.data_dir())
    target, downloads = folder / dataset.becomes, folder / "downloads"
    if target.exists():
        return target
    if dataset.url is None:
        raise FileNotFoundError(f"{name} is not in {target} and has no lasting public address: {dataset.advice}.")
    with runtime.lock(downloads / name):
        if target.exists():  # another process was faster
            return target
        archive = downloads / dataset.file_name
        download(dataset.url, archive, size=dataset.size, checksum=dataset.checksum)
        scratch = downloads / f".{name}"
        shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed
        scratch.mkdir()
        try:
            ready = _LAYOUTS[name](archive, scratch, dataset.items)
        except (ValueError, FileNotFoundError) as error:
            archive.unlink()
            raise ValueError(f"{archive} was removed, for it is not what was wanted: {error}") from error
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            ready.replace(target)
            archive.unlink(missing_ok=True)
        finally:
            shutil.rmtree(scratch)
    return target


def at_hand() -> "pd.DataFrame":
    """Tell which data sets are there.

    Returns
    -------
    DataFrame
        One row for each data set: `name`, `what`, `at hand` ("yes" or "no"), `items` (pictures, reviews or rows of
        features that are there), `download` (its size), `licence`, `how to get it`.
    """
    import pandas as pd

    rows = []
    for dataset in REGISTRY.values():
        folder = runtime.data_dir() / dataset.becomes
        there = folder.exists()
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
        folder = runtime.data_dir() / REGISTRY[name].becomes
        if folder.is_dir():
            return _described(folder, f"{{n:,}} photographs of cats and dogs from {name}")
    if not runtime.offline() and _download_small():
        return cats_vs_dogs(seed)
    folder = runtime.build_dir() / "drawn_animals" / f"cats_and_dogs_{seed}"
    drawn_animals.write_folder(folder, seed=seed)
    return _described(folder, "drawn animals (no photographs at hand): {n:,} cats and dogs")


def _download_small() -> bool:
    """Try to fetch the small set where the reader can see it; tell whether it is there now."""
    name = "cats_vs_dogs_small"
    print(f"No photographs at hand. Downloading {REGISTRY[name].size / 1e6:.0f} MB from {REGISTRY[name].url}")
    print("Interrupt the kernel to go on with drawn animals; TRANSFER_OFFLINE=1 never asks the network.")
    try:
        fetch(name)
    except (KeyboardInterrupt, OSError, ValueError) as error:
        print(f"No download ({str(error) or 'interrupted'}). Going on with drawn animals.")
        return False
    return True


def _described(root: Path, what: str) -> photos.Pictures:
    """Pictures with the line that says what they are and how many."""
    n = photos.Pictures(root, "").counts.sum(axis="columns")
    sets = ", ".join(f"{name.removesuffix('_set')} {n[name]:,}" for name in photos.SPLITS)
    return photos.Pictures(root, f"Pictures: {what.format(n=n.sum())} ({sets})")


def _persist(url: str, part: Path, size: int | None, timeout: tuple, attempts: int, progress: bool) -> None:
    """Fill `part`, with a new connection after each one that fails."""
    import requests
    from urllib3.exceptions import HTTPError  # of the raw stream, which requests does not translate

    for attempt in range(attempts):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        try:
            return _receive(url, part, size, timeout, progress)
        except requests.HTTPError as error:
            code = error.response.status_code
            if code < 500 and code not in (408, 429):  # asking again would not change the answer
                raise OSError(f"{error}. The file may have moved; data/README.md tells of other ways.") from error
            reason = error
        except (ConnectionError, requests.ConnectionError, requests.Timeout, HTTPError) as error:
            reason = error
    kept = part.stat().st_size if part.exists() else 0
    raise ConnectionError(
        f"{url}: gave up after {attempts} attempts, {kept:,} bytes are kept. Try again to continue. Last: {reason}"
    ) from reason


def _receive(url: str, part: Path, size: int | None, timeout: tuple, progress: bool) -> None:
    """Append to `part` what is missing, over one connection."""
    import requests
    from tqdm.auto import tqdm

    # What is there is of use only if it can be told whether the file on the server is still the same.
    have = part.stat().st_size if part.exists() and _validator(part).exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": _validator(part).read_text()}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == 416 and content_range == f"bytes */{have}":
            return  # the last run was stopped after the last byte
        if response.status_code == 416 or (response.status_code == 206 and f"bytes {have}-" not in content_range):
            part.unlink(missing_ok=True)
            raise ConnectionError(f"the server cannot continue at byte {have:,}")
        response.raise_for_status()
        if response.status_code == 200:  # the whole file: it has changed, or the server cannot continue
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        if size and total and total != size:
            raise ValueError(f"{url}: wanted {size:,} bytes, the server offers {total:,}. See data/README.md.")
        _check_space(part.parent, total - have if total else 0)
        if not have:
            part.unlink(missing_ok=True)
            _note_validator(part, response.headers)
        bar = tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True, disable=not progress)
        with bar, part.open("ab") as file:
            # Raw: some servers declare a .tar.gz a compressed .tar, and requests would hand out the .tar.
            for block in response.raw.stream(_BLOCK, decode_content=False):
                file.write(block)
                bar.update(len(block))


def _validator(part: Path) -> Path:
    """File that keeps by what the server knows the version of which `part` is a part."""
    return part.with_name(part.name + ".validator")


def _note_validator(part: Path, headers: dict) -> None:
    """Keep the ETag or the date of what is about to come; a weak ETag cannot continue a file (RFC 9110, 13.1.5)."""
    tag = headers.get("ETag", "W/")
    version = headers.get("Last-Modified") if tag.startswith("W/") else tag
    if version:
        _validator(part).write_text(version)
    else:
        _validator(part).unlink(missing_ok=True)


def _fault(path: Path, size: int | None, checksum: str | None) -> str:
    """Say what was wanted and what came; "" where the file is right."""
    got = path.stat().st_size
    if size is not None and got != size:
        return f"wanted {size:,} bytes, got {got:,}"
    if checksum is None:
        return ""
    algorithm = checksum.partition(":")[0]
    with path.open("rb") as file:
        got = f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
    return "" if got == checksum else f"wanted {checksum}, got {got}"


def _check_space(folder: Path, needed: int) -> None:
    """Refuse to start what the disk has no room for."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{folder} needs {needed / 1e6:,.0f} MB more, the disk has {free / 1e6:,.0f} MB free. "
            "Make room, or set TRANSFER_DATA to a folder on another disk."
        )


def _extract(archive: Path, folder: Path) -> None:
    """Unpack, after a look at every member."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            for member in members:
                kind = stat.S_IFMT(member.external_attr >> 16)
                _check_member(archive, member.filename, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR))
            _check_space(folder, sum(member.file_size for member in members))
            file.extractall(folder)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file:
            members = file.getmembers()
            while file.fileobj.read(_BLOCK):  # tarfile stops before the checksum at the end of a .gz
                pass
            for member in members:
                _check_member(archive, member.name, plain=member.isfile() or member.isdir())
            _check_space(folder, sum(member.size for member in members))
            file.extractall(folder, members, filter="data")
    else:
        raise ValueError(f"{archive} is neither a zip nor a tar file. Download it again.")


def _check_member(archive: Path, name: str, plain: bool) -> None:
    """Refuse what would be written elsewhere; Windows reads more into a name than others, so its reading counts."""
    path = PureWindowsPath(name)
    if path.drive or path.root or ".." in path.parts:
        raise ValueError(f"{archive} would write outside its folder: {name!r}. Do not use it.")
    if not plain:
        raise ValueError(f"{archive} holds {name!r}, a link or device instead of a file. Do not use it.")


def _lay_out_full(archive: Path, scratch: Path, items: int) -> Path:
    """PetImages/{Cat,Dog} -> four fifths for training, the rest in halves."""
    pictures = unpack(archive, scratch / "unpacked") / "PetImages"
    for old, new in (("Cat", "cats"), ("Dog", "dogs")):
        (pictures / old).rename(pictures / new)
    _share_out(pictures, scratch / "ready", n_train=items * 4 // 5)
    return _counted(scratch / "ready", items)


def _lay_out_small(archive: Path, scratch: Path, items: int) -> Path:
    """{train,validation}/{cats,dogs} -> the same, with half of the validation set for testing."""
    pictures = unpack(archive, scratch / "unpacked") / "cats_and_dogs_filtered"
    _share_out(pictures / "train", scratch / "ready", n_train=items)
    _share_out(pictures / "validation", scratch / "ready", n_train=0)
    return _counted(scratch / "ready", items)


def _lay_out_reviews(archive: Path, scratch: Path, items: int) -> Path:
    """sorted_data_acl as it is, if no file of it is short."""
    ready = unpack(archive, scratch / "unpacked") / "sorted_data_acl"
    for file in _review_files(ready):
        n = _count_in_file(file)
        if n != items // 8:
            raise ValueError(f"{file.relative_to(ready)} has {n:,} reviews, wanted {items // 8:,}.")
    return ready


def _share_out(pictures: Path, ready: Path, n_train: int) -> None:
    """Set the broken pictures aside and move the others to their sets; what is not for training goes in halves."""
    table = photos.inspect(pictures)
    good = table[table["problem"] == ""].reset_index(drop=True)
    if len(good) < len(table):
        n = photos.set_aside(pictures, table, ready / "set_aside")
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
            raise ValueError(f"it has {n:,} pictures of {label}, wanted {items // 2:,}.")
    return ready


def _review_files(folder: Path) -> list[Path]:
    """List the files of labelled reviews."""
    domains = ("books", "dvd", "electronics", "kitchen_&_housewares")
    return [folder / domain / f"{label}.review" for domain in domains for label in ("positive", "negative")]


def _count_in_file(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(line.strip() == b"<review>" for line in lines)


def _count_pictures(folder: Path) -> int:
    """Pictures in the three sets; those set aside do not count."""
    return sum(path.suffix.lower() in photos.SUFFIXES for path in folder.glob("*_set/*/*"))


def _count_reviews(folder: Path) -> int:
    return sum(_count_in_file(file) for file in _review_files(folder) if file.exists())


def _count_rows(folder: Path) -> int:
    """Rows of the feature matrices, from the headers of the files."""
    from scipy.io import whosmat

    headers = (whosmat(file) for file in folder.glob("*_SURF_L10.mat"))
    return sum(shape[0] for header in headers for variable, shape, _ in header if variable == "fts")


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
}
