"""Seeds, quiet TensorFlow, the fast switch, where data lies, online or offline."""

import errno
import logging
import os
import platform
import random
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, SoftFileLock, Timeout

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # disk full, quota used up, file larger than allowed
# What network drives answer to flock.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EPERM}
_SILENT_WAIT = 10  # seconds for a lock before a line says what is waited for
_LONGEST_BUILD = 120  # characters; on Windows a path ends at 260, and ours add up to 140
_CPU = Path("/proc/cpuinfo")  # on Linux alone
_ROOT = Path(__file__).resolve().parents[2]


def setup(seed_value: int = 0, tensorflow: bool = False, threads: int | None = None) -> None:
    """Prepare a notebook or a script; call it before anything else imports TensorFlow.

    TensorFlow logs errors only, takes of a GPU's memory what it needs (several kernels may share it), and runs its
    convolutions through oneDNN, which is off by default on some processors and about halves the time of training there.
    float32 is float32 on a GPU, too, whose TensorFloat-32 keeps 10 of 23 bits: two ways to the same number agree.
    What is wrong with the machine or the settings is printed, a line each (`problems`).

    Parameters
    ----------
    seed_value : int
        Seed of every random number generator.
    tensorflow : bool
        Import TensorFlow here, without the start-up lines that no setting of its own keeps off the screen.
    threads : int, optional
        Cores that share one operation of TensorFlow; all of them by default. A network of a few small layers is faster
        with 1: to hand out the parts takes longer than to compute them.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if threads:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    for line in problems():
        print(line, flush=True)  # the import of TensorFlow may end the process
    if tensorflow:
        with silent_stderr():
            import keras
            import tensorflow as tf
        tf.config.experimental.enable_tensor_float_32_execution(False)
        if (keras.config.image_data_format(), keras.config.floatx()) != ("channels_last", "float32"):
            print("keras.json asks for another layout of pictures or type of numbers; here: channels_last, float32.")
            keras.config.set_image_data_format("channels_last")
            keras.config.set_floatx("float32")
    # Afterwards: TensorFlow sets the level of its own logger while it is imported.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    seed(seed_value)


def seed(value: int) -> None:
    """Restart all random number generators: Python's, NumPy's and, where Keras is loaded, those of Keras.

    Parameters
    ----------
    value : int
        The seed, 0 to 2**32 - 1.
    """
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(value)
    else:
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002 - scikit-learn and Keras fall back to this generator


def problems() -> list[str]:
    """Name what is wrong with the settings or the machine and what to do about it, a line each; [] if nothing is."""
    found, data = [], os.environ.get("TRANSFER_DATA")
    if data and not data_dir().is_dir():
        found.append(
            f"TRANSFER_DATA names {data_dir()}, which is no folder: nothing is read from there. Check its spelling, or "
            "unset it for the data that come with the course."
        )
    if sys.platform == "win32" and len(str(build_dir())) > _LONGEST_BUILD:
        found.append(f"{build_dir()} is a long path, and Windows ends paths at 260: set TRANSFER_BUILD to a short one.")
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        found.append("TensorFlow has no current release for Macs with Intel processors: use another machine or Colab.")
    if platform.machine() == "x86_64" and _CPU.exists() and "avx" not in processor_flags():
        found.append(
            "This processor has no AVX instructions, without which TensorFlow does not start: use another one."
        )
    return found


def processor_flags() -> set[str]:
    """Name the instructions of the processor, as Linux lists them ("avx2", "amx_bf16", ...); empty on other systems."""
    found = re.findall(r"^(?:flags|Features)\s*:(.*)$", _CPU.read_text(), re.MULTILINE) if _CPU.exists() else []
    return set(found[0].split()) if found else set()


def machine() -> str:
    """Name the processor and what of it decides how fast and how exactly a network runs; no names of its owner."""
    name = re.search(r"^model name\s*:\s*(.+)$", _CPU.read_text(), re.MULTILINE) if _CPU.exists() else None
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in processor_flags()]
    parts = [name[1].strip()] if name else []
    return ", ".join([*parts, f"{os.cpu_count()} cores", platform.machine(), *known])


def data_dir() -> Path:
    """Folder of the data sets: `TRANSFER_DATA`, or `data/` of the project."""
    return _from_environment("TRANSFER_DATA", "data")


def build_dir() -> Path:
    """Folder of all that is computed (features, models, results): `TRANSFER_BUILD`, or `build/` of the project.

    It is made if it is missing; PermissionError says what to do where that cannot be.
    """
    folder = _from_environment("TRANSFER_BUILD", "build")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise PermissionError(
            f"Nothing can be written to {folder}, where features, models and results go. Set TRANSFER_BUILD to a "
            "folder of your own, such as TRANSFER_BUILD=~/transfer-build."
        )
    return folder


def weights_file() -> Path | None:
    """InceptionV3 weights of the reader: `INCEPTION_V3_WEIGHTS`, or weights/inception_v3*.h5 in the data folder."""
    if os.environ.get("INCEPTION_V3_WEIGHTS"):
        return _from_environment("INCEPTION_V3_WEIGHTS", "")
    return next(iter(sorted((data_dir() / "weights").glob("inception_v3*.h5"))), None)


def keras_models_dir() -> Path:
    """Folder in which Keras keeps the weights that it downloads: `models/` in `KERAS_HOME`, or in ~/.keras."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def offline() -> bool:
    """Tell whether `TRANSFER_OFFLINE=1` forbids every use of the network."""
    return _switch("TRANSFER_OFFLINE")


def choose(full, fast):
    """Return `fast` under `TRANSFER_FAST=1`, `full` otherwise: shorter training where only the mechanics matter."""
    return fast if _switch("TRANSFER_FAST") else full


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; put it in place when the block ends well, remove it when it does not.

    A reader of `path` therefore sees the old file or the whole new one, never half of it.

    Parameters
    ----------
    path : Path
        Where the file shall be. Its folder is made if it is missing.

    Yields
    ------
    Path
        The path to write to; it ends like `path`, for writers that look at the suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process number alone: two containers on one disk may have the same.
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
    try:
        with full_disk_named(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Say what could not be written and what to do, where the disk is full or a quota is used up."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL or getattr(error, "named", False):
            raise
        named = OSError(
            error.errno,
            f"No room to write {path} ({error.strerror}). Make room, or set TRANSFER_BUILD or TRANSFER_DATA to a "
            "folder on another disk. What was there before is unchanged",
        )
        named.named = True
        raise named from error


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Let one process at a time into the block: `with lock(path): ...`.

    A line says what is waited for when that takes long. Where the drive has no locks, as some network drives, a file
    stands in for them; one that a killed process left behind has to be removed by hand, and the line says so.
    """
    path = Path(path)
    file = path.with_name(path.name + ".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(file)
    try:
        _acquire(held, "It is let go when that one ends.")
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        held = SoftFileLock(file.with_name(file.name + "file"))
        _acquire(held, f"If none is at work, remove {held.lock_file}.")
    try:
        yield
    finally:
        held.release()


def _acquire(held: FileLock | SoftFileLock, advice: str) -> None:
    """Wait for a lock; after some seconds say so."""
    try:
        held.acquire(timeout=_SILENT_WAIT)
    except Timeout:
        print(f"Waiting for another notebook or process that holds {held.lock_file}. {advice}", flush=True)
        held.acquire()


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Keep off the screen what C++ code writes while the block runs: TensorFlow's and Ray's start-up lines."""
    # It writes to file descriptor 2 itself, so replacing sys.stderr is not enough.
    saved = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _from_environment(variable: str, default: str) -> Path:
    value = os.environ.get(variable) or default
    if value != value.strip().strip("\"'"):
        raise ValueError(
            f"{variable} is {value!r}, with quotes or spaces around the path. Set it without them; in a shell, quotes "
            f'go around the whole path: {variable}="/my data".'
        )
    # Relative to the project and not to the working folder: a kernel runs in notebooks/, make in the project.
    try:
        return _ROOT / Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{variable} is {value!r}, and there is no such home folder. Write the whole path.") from error


def _switch(variable: str) -> bool:
    value = os.environ.get(variable, "0")
    if value not in ("", "0", "1"):
        raise ValueError(f"{variable} must be 0 or 1, got {value!r}. Set it to 1 to switch it on, or unset it.")
    return value == "1"
