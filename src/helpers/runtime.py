"""Seeds, quiet TensorFlow, the fast switch, where data lies, online or offline."""

import logging
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock

_ROOT = Path(__file__).resolve().parents[2]


def setup(seed_value: int = 0, tensorflow: bool = False) -> None:
    """Prepare a notebook or a script; call it before anything else imports TensorFlow.

    TensorFlow logs errors only, and runs its convolutions through oneDNN, which is off by default on some processors
    and about halves the time of training there.

    Parameters
    ----------
    seed_value : int
        Seed of every random number generator.
    tensorflow : bool
        Import TensorFlow here, without the start-up lines that no setting of its own keeps off the screen.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if tensorflow:
        with silent_stderr():
            import keras  # noqa: F401
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


def data_dir() -> Path:
    """Folder of the data sets: `TRANSFER_DATA`, or `data/` of the project."""
    return _from_environment("TRANSFER_DATA", "data")


def build_dir() -> Path:
    """Folder of all that is computed (features, models, results): `TRANSFER_BUILD`, or `build/` of the project."""
    return _from_environment("TRANSFER_BUILD", "build")


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
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def lock(path: Path) -> FileLock:
    """Give a lock on `path` that only one process holds at a time: `with lock(path): ...`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(path.name + ".lock"))


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
    # Relative to the project and not to the working folder: a kernel runs in notebooks/, make in the project.
    return _ROOT / Path(os.environ.get(variable) or default).expanduser()


def _switch(variable: str) -> bool:
    value = os.environ.get(variable, "0")
    if value not in ("", "0", "1"):
        raise ValueError(f"{variable} must be 0 or 1, got {value!r}. Set it to 1 to switch it on, or unset it.")
    return value == "1"
