"""Features of the frozen base for very many pictures: computed on a Ray cluster, kept as Parquet files.

Ray's workers import this module. Those that only read and decode pictures need no TensorFlow, which takes each of them
seconds and some 300 MB; so it is imported where the base is run.
"""

import hashlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import ray
from tqdm.auto import tqdm

from helpers import runtime
from helpers.pictures import photos

if TYPE_CHECKING:
    from helpers.network import backbones, bottleneck

_STARTS = 4  # of a cluster on this machine, before giving up
_FORMAT = "cluster 3"  # part of the sub-folder's name: change it when the Parquet files hold something else


def connect(address: str | None = None, cores: int | None = None) -> float:
    """Connect to a Ray cluster, or start one on this machine, without Ray's log lines on the screen.

    Parameters
    ----------
    address : str, optional
        Of the cluster's head, such as "10.0.0.1:6379"; "auto" on a machine that belongs to the cluster; "local" for a
        new one. By default Ray's own variable `RAY_ADDRESS`; where that is not set, a new cluster is started, even if
        another one runs on this machine.
    cores : int, optional
        Of the cluster to start; without effect on one that is there. Ray counts on them; it does not check that they
        exist.

    Returns
    -------
    float
        Number of cores of the cluster.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a warning about a future default
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    own = {"num_cpus": cores, "include_dashboard": False} if address == "local" else {}
    settings = {"log_to_driver": False, "logging_level": logging.ERROR, "ignore_reinit_error": True, **own}
    for attempt in range(_STARTS):
        try:
            with runtime.silent_stderr():
                ray.init(address, **settings)
            break
        except Exception as error:  # Ray gives a new node 30 seconds, too few on a busy machine, and raises just that
            if "timed out during startup" not in str(error) or attempt == _STARTS - 1:
                raise
            ray.shutdown()
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray.cluster_resources().get("CPU", 0)


def features(
    base: "backbones.Backbone",
    folder: Path,
    out: Path,
    *,
    class_names: Sequence[str] | None = None,
    actors: int = 2,
    cpus_per_actor: float = 1,
    gpus_per_actor: float = 0,
    batch_size: int = 32,
    chunk: int = 10_000,
    precision: str = "auto",
    progress: bool = True,
) -> "bottleneck.Features":
    """Run every picture of a folder through the base once, on all machines of the Ray cluster that is connected.

    Tasks read and decode the files; actors, each with a copy of the base, run it. Ray repeats what a worker that died
    was doing. The rows are written in chunks: a finished chunk is on disk, and a later call starts after it. That call
    reads the pictures whose names it finds there, for only their content tells whether they are
    those that were computed: the training and the test set may share names, and `out`.

    Parameters
    ----------
    base : Backbone
        From `backbones`. The actors read its weights from a file in `out`.
    folder : Path
        Folder with one sub-folder per class; every machine must see it under this path.
    out : Path
        Folder for the Parquet files, likewise. Each base has a sub-folder of its own in it (and one more for each other
        precision than float32), for any pictures.
    class_names : sequence of str, optional
        As for `bottleneck.features`.
    actors : int
        Number of copies of the base at work.
    cpus_per_actor : float
        Cores of each. The cluster needs at least one core more than all actors together, to read pictures with.
    gpus_per_actor : float
        GPUs of each, or its part of one. With 0 an actor uses none, even if its machine has some.
    batch_size : int
        Pictures in one forward pass. It affects speed and memory only.
    chunk : int
        Pictures in a chunk: what is computed again at most after the whole job was killed.
    precision : str
        As for `bottleneck.features`. "auto" stands for one and the same on all machines: what suits this one, or its
        GPU where the actors have some.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Features
        As from `bottleneck.features`.

    Raises
    ------
    RuntimeError
        If Ray is not connected to a cluster, or the cluster has too few cores or GPUs.
    ValueError
        If a picture is of a class that is not among `class_names`; the message names it.
    FileNotFoundError, ray.exceptions.RayTaskError
        If a picture was deleted meanwhile, or is broken; the message names it. Finished chunks are kept.
    OSError
        If there is no room on the disk. Finished chunks are kept.
    """
    from helpers.network import bottleneck

    _check_cluster(actors, CPU=actors * cpus_per_actor + 1, GPU=actors * gpus_per_actor)
    precision = bottleneck.settle(base, precision, gpu=gpus_per_actor > 0)
    class_names = list(class_names or photos.class_names(folder))
    table = photos.list_pictures(folder, class_names)
    folder = Path(folder).resolve()
    kind = f"{_FORMAT} {base.fingerprint}" + ("" if precision == "float32" else f" {precision}")
    out = Path(out).resolve() / hashlib.sha256(kind.encode()).hexdigest()[:32]
    with runtime.lock(out):
        done = _done(folder, table["file"], *_names(out))
        missing = [file for file in table["file"] if file not in done]
        if missing:
            with runtime.atomic_path(out / "weights.npz") as path:
                np.savez(path, *base.model.get_weights())
            each = (cpus_per_actor, gpus_per_actor, precision)
            chunks = _extract(base, folder, missing, out, actors, each, batch_size, chunk)
            with tqdm(total=len(table), initial=len(done), unit="picture", disable=not progress) as bar:
                for rows in chunks:
                    _write(rows, out)
                    bar.update(len(rows))
        files, contents, X = _read(out)
    content = dict(zip(files, contents, strict=True)) | done  # of one name in several chunks the last is the new one
    row = {hashed: i for i, hashed in enumerate(contents)}
    X = X[[row[content[file]] for file in table["file"]]]
    y = photos.numbers(table["label"], class_names)
    return bottleneck.Features(X, y, table["file"].tolist(), class_names, out.name)


def _check_cluster(actors: int, **needed: float) -> None:
    """Refuse a job for which Ray would wait in silence."""
    if not ray.is_initialized():
        raise RuntimeError(
            "Ray is not connected: call cluster.connect() first, with the address of a cluster if there is one."
        )
    for kind, name in (("CPU", "cores"), ("GPU", "GPUs")):
        found = ray.cluster_resources().get(kind, 0)
        if found < needed[kind]:
            raise RuntimeError(
                f"{actors} actors need {needed[kind]:g} {name}, the cluster has {found:g}. Use fewer actors."
            )


def _extract(base, folder, files, out, actors, each, batch_size, chunk) -> Iterator[pa.Table]:
    """Compute all files with one pool of actors; yield the rows as they come, `chunk` at a time."""
    pictures = ray.data.read_binary_files([str(folder / file) for file in files], include_paths=True)
    cpus, gpus, precision = each
    policy = base.model.layers[-1].dtype_policy.name
    rows = pictures.map(_decode, fn_args=(str(folder), base.size)).map_batches(
        _Extractor,
        fn_constructor_args=(str(out / "weights.npz"), base.size, base.cut, policy, precision, cpus, gpus),
        batch_size=batch_size,
        num_cpus=cpus,
        num_gpus=gpus,
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
    yield from rows.iter_batches(batch_size=chunk, batch_format="pyarrow")


def _write(rows, out):
    """Write a chunk; it appears in `out` only once it is whole."""
    # Not the number of chunks, which would name one that is there if an earlier one was deleted.
    number = 1 + max((int(chunk.stem.removeprefix("chunk_")) for chunk in out.glob("chunk_*")), default=-1)
    with runtime.atomic_path(out / f"chunk_{number:06d}.parquet") as path:
        parquet.write_table(rows, path)


def _decode(row, folder, size):
    file = Path(row["path"]).relative_to(folder).as_posix()
    try:
        picture = photos.load(io.BytesIO(row["bytes"]), size)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return {"file": file, "content": _content(row["bytes"]), "picture": picture}


def _content(picture):
    """Hash the bytes of a picture's file."""
    return hashlib.sha256(picture).hexdigest()


class _Extractor:
    """One copy of the base, in a process of its own."""

    def __init__(self, weights, size, cut, policy, precision, cpus, gpus):
        runtime.setup(tensorflow=True)
        import keras
        import tensorflow as tf

        from helpers.network import backbones, bottleneck

        tf.config.threading.set_intra_op_parallelism_threads(max(1, int(cpus)))
        if not gpus:  # Ray hides them from whom it gave none, but not always
            tf.config.set_visible_devices([], "GPU")
        keras.config.set_dtype_policy(policy)
        base = backbones.inception_v3(size, weights="random", cut=cut)
        with np.load(weights) as arrays:  # in the order in which they were saved
            base.model.set_weights([arrays[f"arr_{i}"] for i in range(len(arrays))])
        self._forward = bottleneck.forward(base, precision)

    def __call__(self, batch):
        X = self._forward(batch["picture"])
        rows = pa.FixedSizeListArray.from_arrays(X.ravel(), X.shape[1])
        return pa.table({"file": batch["file"], "content": batch["content"], "features": rows})


def _done(folder, files, stored, contents):
    """Map each file whose features are stored to the hash of its content."""
    known, hashes = set(stored), set(contents)
    files = [file for file in files if file in known]  # the others need not be read to know that they are missing
    with ThreadPoolExecutor() as pool:
        hashed = zip(
            files, pool.map(lambda file: _content(photos.locate(folder / file).read_bytes()), files), strict=True
        )
        return {file: content for file, content in hashed if content in hashes}


def _names(out):
    """Read what the finished chunks hold, but not the features: files (n,) and hashes of their contents (n,)."""
    chunks = sorted(out.glob("chunk_*.parquet"))
    if not chunks:
        return np.empty(0, object), np.empty(0, object)
    table = pa.concat_tables(parquet.read_table(chunk, columns=["file", "content"]) for chunk in chunks)
    return table["file"].to_numpy(), table["content"].to_numpy()


def _read(out):
    """Read the finished chunks, in their order: files (n,), hashes of their contents (n,) and features (n, c)."""
    table = pa.concat_tables(parquet.read_table(chunk) for chunk in sorted(out.glob("chunk_*.parquet")))
    X = table["features"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    return table["file"].to_numpy(), table["content"].to_numpy(), X
