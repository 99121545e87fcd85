"""Picture folders as people have them: account for every file, say what is broken, set it aside."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import runtime
from helpers.pictures import photos

if TYPE_CHECKING:  # takes longer to import than the rest of the module together
    import pandas as pd

_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}  # Windows leaves them behind, hidden by an attribute and not by a dot
_SMALLEST_SIDE = 8  # pixels; below that there is nothing to recognise
_FACTS = ["width", "height", "format", "mode", "problem"]


def inspect(folder: Path) -> "pd.DataFrame":
    """Decode every picture of a folder to its last byte and say which ones are broken.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per class, or with pictures alone (their label is "").

    Returns
    -------
    DataFrame
        The rows of `photos.list_pictures` with the columns `width` and `height` (pixels; 0 where the header is
        unreadable), `format`, `mode` (Pillow's names) and `problem` ("" where there is none).
    """
    import pandas as pd

    if photos.has_classes(folder):
        table = photos.list_pictures(folder)
    else:
        table = pd.DataFrame({"file": photos.list_files(folder), "label": ""})
    found = _examine_all([Path(folder) / file for file in table["file"]], _examine)
    return table.join(pd.DataFrame(found, columns=_FACTS))


def survey(folder: Path) -> "pd.DataFrame":
    """Account for everything in a folder of classes: which files are pictures to use, and what is wrong with the rest.

    Where `photos.list_pictures` raises an error or passes over a file in silence, this gives a row with the reason.
    Files are only read, never moved or changed.

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
    broken = broken[
        [os.path.lexists(photos.locate(folder / file)) for file in broken["file"]]
    ]  # lexists: a dangling link moves too
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
        shutil.move(photos.locate(folder / file), aside / file)
    return len(broken)


def _everything(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Relative path, class, and reason to skip it ("" for what may be a picture), for everything in the folder."""
    classes = set(photos.list_classes(folder))
    for path in sorted(folder.iterdir()):
        if photos.printable(path.name) not in classes:
            outside = "link to this folder or above" if path.is_dir() else "not in the folder of a class"
            slash = "/" if path.is_dir() else ""
            yield photos.printable(path.name) + slash, "", _not_the_readers(path.name, path.is_dir()) or outside
    for label in sorted(classes):
        rows = sorted(_inside(folder, label), key=lambda row: photos.natural_order(row[0]))
        yield from ((file, label, reason) for file, reason in rows or [(f"{label}/", "empty folder")])


def _inside(folder: Path, label: str) -> Iterator[tuple[str, str]]:
    """Relative path, printable, and reason to skip it, for everything in the folder of one class."""
    yield from ((photos.printable(file), reason) for file, reason in _found(folder, label))


def _found(folder: Path, label: str) -> Iterator[tuple[str, str]]:
    """Relative path and reason to skip it, for everything in the folder of one class."""
    unreadable = []
    for parent, folders, files in os.walk(photos.locate(folder / label), onerror=unreadable.append):
        within = Path(parent).relative_to(folder)
        for name in folders:
            if reason := _not_the_readers(name, folder=True):
                yield f"{(within / name).as_posix()}/", reason
            elif (Path(parent) / name).is_symlink():
                yield f"{(within / name).as_posix()}/", "link to a folder, not followed"
        folders[:] = [name for name in folders if not _not_the_readers(name, folder=True)]
        for name in files:
            yield (within / name).as_posix(), _no_picture(name)
    for error in unreadable:
        yield f"{Path(error.filename).relative_to(folder).as_posix()}/", f"folder cannot be opened: {error.strerror}"


def _not_the_readers(name: str, folder: bool) -> str:
    """Why a file or folder with this name is passed over whatever it holds, "" where it is not."""
    if name.startswith("."):
        return "hidden"
    return "folder of the system" if folder and photos.is_system_folder(name) else ""


def _no_picture(name: str) -> str:
    """Why a file with this name is no picture, "" where it may be one."""
    if name.startswith(".") or name.lower() in _SYSTEM_FILES:
        return "hidden"
    suffix = Path(name).suffix.lower()
    if suffix in photos.SUFFIXES:
        return ""
    return f"{suffix} files are not read; save pictures as JPEG or PNG" if suffix else "name without a suffix"


def _examine_all(paths: list[Path], examine: Callable[[Path], tuple]) -> list[tuple]:
    """Call `examine` for each path, in several threads and with a progress bar."""
    from tqdm.auto import tqdm

    with photos.quiet(), ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(examine, paths), total=len(paths), unit="picture", desc="inspect"))


def _examine(path: Path) -> tuple[int, int, str, str, str]:
    """Width, height, format, mode and problem of one picture."""
    facts, path = (0, 0, "", ""), photos.locate(path)
    if path.exists() and not path.is_file():  # to open a pipe would wait for ever
        return (*facts, "not a file")
    try:
        with photos.open_picture(path) as image:
            facts = (*image.size, image.format, image.mode)
            photos.decode(image, _SMALLEST_SIDE)
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
    return photos.printable(text)


def _digest(path: Path) -> str:
    """SHA-256 of a file, "" where it cannot be read."""
    path = photos.locate(path)
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
