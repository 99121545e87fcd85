"""Files from the network: download, verify, continue what broke off, unpack safely."""

import gzip
import hashlib
import lzma
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path, PureWindowsPath

from helpers import runtime

_PAUSE = 1.0  # seconds before the second attempt; doubled before each further one
_BLOCK = 2**16  # bytes at a time
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
_CLASHES = (NotADirectoryError, IsADirectoryError, FileExistsError)
AUTOMATIC_LIMIT = 90.0  # seconds that a download which nobody asked for may take in all


class OfflineError(RuntimeError):
    """Something needs the network, and `TRANSFER_OFFLINE=1` forbids it."""


class WrongContents(ValueError):
    """A file is whole, but not what was wanted; or it is an archive that is broken or not safe to unpack."""


def download(
    url: str,
    path: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    timeout: tuple[float, float] = (10, 60),
    attempts: int = 4,
    limit: float | None = None,
    progress: bool = True,
) -> Path:
    """Download a file, verify it and put it in place; what a broken download has brought is kept and continued.

    A file that is already there, and is the right one as far as can be told, is kept. Another one, which may be the
    reader's, is moved aside.

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
    limit : float, optional
        Longest time in seconds for everything together.
    progress : bool
        Show a bar.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OfflineError
        If the file is missing or not the one wanted, which the message tells, and `TRANSFER_OFFLINE=1`.
    ConnectionError
        If all attempts failed, or the limit is over.
    OSError
        If the server refuses the file, or the disk has no room for it.
    WrongContents
        If another file came than the one wanted. It is removed.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with runtime.lock(path):
        wrong = fault(path, size, checksum) if path.exists() else "missing"
        if not wrong:
            return path
        if runtime.offline():
            state = f"{path} is not the file wanted: {wrong}. " if path.exists() else ""
            advice = "Unset it, or copy the whole file to"
            raise OfflineError(f"{state}TRANSFER_OFFLINE=1 forbids to download {url}. {advice} {path}.")
        end = time.monotonic() + (float("inf") if limit is None else limit)
        with runtime.full_disk_named(part):
            _persist(url, part, size, timeout, attempts, end, progress)
        wrong = fault(part, size, checksum)
        _validator(part).unlink(missing_ok=True)
        if wrong:
            part.unlink()
            raise WrongContents(f"{url}: {wrong}. The file was removed; try again, or get it as data/README.md says.")
        if path.exists():
            set_aside(path)
        part.replace(path)
    return path


def set_aside(path: Path) -> Path:
    """Give a file another name beside it, `<name>.not_wanted`, so that nothing of the reader's is lost; say so."""
    aside = path.with_name(f"{path.name}.not_wanted")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.not_wanted_{number}")
    path.rename(aside)
    print(f"{path.name} is not the file wanted; it was renamed to {aside}.")
    return aside


def attempt(what: str, instead: str, action: Callable[[], object]) -> bool:
    """Try a download that nobody asked for, where the reader can see and stop it.

    A firewall that swallows packets would keep every notebook waiting. So `action` should use `AUTOMATIC_LIMIT`, and
    what failed today is not tried again today.

    Parameters
    ----------
    what : str
        What is missing, with its size.
    instead : str
        What is used without it.
    action : callable
        Brings it.

    Returns
    -------
    bool
        Whether it is there now.
    """
    if runtime.offline():
        return False
    note = runtime.build_dir() / "no_download_today.txt"
    if note.exists() and note.read_text(encoding="utf-8") == str(date.today()):
        print(f"No {what} at hand, and a download failed today. Going on with {instead}; to try again, remove {note}.")
        return False
    print(f"No {what} at hand. Downloading, for {AUTOMATIC_LIMIT:.0f} seconds at most.")
    print(f"Interrupt the kernel to go on with {instead}; TRANSFER_OFFLINE=1 never asks the network.")
    try:
        action()
    except (KeyboardInterrupt, OSError, ValueError, RuntimeError) as error:
        note.write_text(str(date.today()), encoding="utf-8")
        print(f"No download ({str(error) or 'interrupted'}).")
        print(f"Going on with {instead}. It is not tried again today, unless you remove {note}.")
        return False
    return True


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
    WrongContents
        If a member would land outside the folder or is no plain file (a link, a device), or if the archive is broken.
        Nothing is left behind.
    OSError
        If the disk has no room for it, or it cannot be written for another reason.
    """
    archive, folder = Path(archive), Path(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    with runtime.lock(folder):
        if folder.exists():
            raise FileExistsError(f"{folder} exists already. Remove it, or unpack to another folder.")
        shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
        partial.mkdir()
        try:
            with runtime.full_disk_named(folder):
                _extract(archive, partial)
                partial.replace(folder)
        except _BROKEN as error:
            raise WrongContents(f"{archive} is broken: {error}. Download it again.") from error
        except (RuntimeError, NotImplementedError, *_CLASHES) as error:  # a password, an unknown method, one name twice
            raise WrongContents(f"{archive} cannot be unpacked: {error}. Get it from another source.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def fault(path: Path, size: int | None, checksum: str | None) -> str:
    """Say what is wrong with a file.

    Parameters
    ----------
    path : Path
        The file.
    size : int or None
        Bytes it should have.
    checksum : str or None
        "sha256:..." or "md5:...", hexadecimal.

    Returns
    -------
    str
        What was wanted and what came; "" where the file is right, as far as can be told.
    """
    got = path.stat().st_size
    if size is not None and got != size:
        return f"wanted {size:,} bytes, got {got:,}"
    if checksum is None:
        return ""
    algorithm = checksum.partition(":")[0]
    with path.open("rb") as file:
        got = f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
    return "" if got == checksum else f"wanted {checksum}, got {got}"


def _persist(url: str, part: Path, size: int | None, timeout: tuple, attempts: int, end: float, progress: bool) -> None:
    """Fill `part`, with a new connection after each one that fails."""
    import requests
    from urllib3.exceptions import HTTPError  # of the raw stream, which requests does not translate

    for number in range(attempts):
        if number:
            time.sleep(max(0, min(_PAUSE * 2 ** (number - 1), end - time.monotonic())))
        try:
            return _receive(url, part, size, timeout, end, progress)
        except requests.HTTPError as error:
            code = error.response.status_code
            if code < 500 and code not in (408, 429):  # asking again would not change the answer
                raise OSError(f"{error}. The file may have moved; data/README.md tells of other ways.") from error
            reason = error
        except (ConnectionError, requests.ConnectionError, requests.Timeout, HTTPError) as error:
            reason = error
        if time.monotonic() >= end:
            break
    kept = part.stat().st_size if part.exists() else 0
    raise ConnectionError(
        f"{url}: gave up after {number + 1} attempts, {kept:,} bytes are kept. Try again to continue. Last: {reason}"
    ) from reason


def _receive(url: str, part: Path, size: int | None, timeout: tuple, end: float, progress: bool) -> None:
    """Append to `part` what is missing, over one connection."""
    import requests
    from tqdm.auto import tqdm

    # What is there is of use only if it can be told whether the file on the server is still the same.
    have = part.stat().st_size if part.exists() and _validator(part).exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": _validator(part).read_text()}
    left = max(0.1, end - time.monotonic())
    timeout = tuple(min(seconds, left) for seconds in timeout)
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
            raise WrongContents(f"{url}: wanted {size:,} bytes, the server offers {total:,}. See data/README.md.")
        _check_space(part.parent, total - have if total else 0)
        if not have:
            part.unlink(missing_ok=True)
            _note_validator(part, response.headers)
        bar = tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True, disable=not progress)
        with bar, part.open("ab") as file:
            # Raw: some servers declare a .tar.gz a compressed .tar, and requests would hand out the .tar.
            # What has come, and not a whole block: a server that drips would be waited for beyond any limit.
            while block := response.raw.read1(_BLOCK, decode_content=False):
                file.write(block)
                bar.update(len(block))
                if time.monotonic() > end:
                    raise ConnectionError("the time for it is over")


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
        raise WrongContents(f"{archive} is neither a zip nor a tar file. Download it again.")


def _check_member(archive: Path, name: str, plain: bool) -> None:
    """Refuse what would be written elsewhere; Windows reads more into a name than others, so its reading counts."""
    path = PureWindowsPath(name)
    if path.drive or path.root or ".." in path.parts:
        raise WrongContents(f"{archive} would write outside its folder: {name!r}. Do not use it.")
    if not plain:
        raise WrongContents(f"{archive} holds {name!r}, a link or device instead of a file. Do not use it.")
