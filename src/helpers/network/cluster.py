"""Features of the frozen base for very many pictures: computed on a Ray cluster, kept as Parquet files."""

import hashlib
import io
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as parquet
import ray
from tqdm.auto import tqdm

from helpers import runtime
from helpers.network import backbones, bottleneck
from helpers.pictures import photos

_FORMAT = "cluster 2"  # part of the sub-folder's name: change it when the Parquet files hold something else


def connect(address: str | None = None, cores: int | None = None) -> float:
    """Connect to a Ray cluster, or start one on this machine, without Ray's log lines on the screen.

    Parameters
    ----------
    address : str, optional
        Of the cluster's head, such as "10.0.0.1:6379"; "auto" on a machine that belongs to the cluster.
    cores : int, optional
        Of the cluster to start, where no address is given. Ray counts on them; it does not check that they exist.

    Returns
    -------
    float
        Number of cores of the cluster.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a warning about a future default
    own = {} if address else {"num_cpus": cores, "include_dashboard": False}
    with runtime.silent_stderr():
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True, **own)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray.cluster_resources().get("CPU", 0)


def features(
    base: backbones.Backbone,
    folder: Path,
    out: Path,
    *,
    actors: int = 2,
    cpus_per_actor: float = 1,
    batch_size: int = 32,
    chunk: int = 10_000,
    progress: bool = True,
) -> bottleneck.Features:
    """Run every picture of a folder through the base once, on all machines of the Ray cluster that is connected.

    Tasks read the files; actors, each with a copy of the base, decode them and run it. The work is cut into chunks.
    Within a chunk Ray repeats what a worker that died was doing; a finished chunk is on disk, and a later call starts
    after it. That call reads the pictures whose names it finds there, for only their content tells whether they are
    those that were computed: the training and the test set may share names, and `out`.

    Parameters
    ----------
    base : Backbone
        From `backbones`. The actors read its weights from a file in `out`.
    folder : Path
        Folder with one sub-folder per class; every machine must see it under this path.
    out : Path
        Folder for the Parquet files, likewise. Each base has a sub-folder of its own in it, for any pictures.
    actors : int
        Number of copies of the base at work.
    cpus_per_actor : float
        Cores of each. The cluster needs at least one core more than all actors together, to read pictures with.
    batch_size : int
        Pictures in one forward pass. It affects speed and memory only.
    chunk : int
        Pictures in a chunk: what is computed again at most after the whole job was killed.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Features
        As from `bottleneck.features`.

    Raises
    ------
    RuntimeError
        If Ray is not connected to a cluster, or the cluster has too few cores.
    ray.exceptions.RayTaskError
        If a picture is broken; the message names it.
    """
    needed = actors * cpus_per_actor + 1
    if not ray.is_initialized():
        raise RuntimeError(
            "Ray is not connected: call cluster.connect() first, with the address of a cluster if there is one."
        )
    if ray.cluster_resources().get("CPU", 0) < needed:
        found = ray.cluster_resources().get("CPU", 0)
        raise RuntimeError(f"{actors} actors need {needed:g} cores, the cluster has {found:g}. Use fewer actors.")
    table = photos.list_pictures(folder)
    folder = Path(folder).resolve()
    out = Path(out).resolve() / hashlib.sha256(f"{_FORMAT} {base.fingerprint}".encode()).hexdigest()[:32]
    with runtime.lock(out):
        out.mkdir(parents=True, exist_ok=True)
        with runtime.atomic_path(out / "weights.npz") as path:
            np.savez(path, *base.model.get_weights())
        done = _done(folder, table["file"], *_read(out)[:2])
        missing = [file for file in table["file"] if file not in done]
        with tqdm(total=len(table), initial=len(table) - len(missing), unit="picture", disable=not progress) as bar:
            for start in range(0, len(missing), chunk):
                files = missing[start : start + chunk]
                _extract(base, folder, files, out, actors, cpus_per_actor, batch_size)
                bar.update(len(files))
        files, contents, X = _read(out)
    content = dict(zip(files, contents, strict=True)) | done  # of one name in several chunks the last is the new one
    row = {hashed: i for i, hashed in enumerate(contents)}
    X = X[[row[content[file]] for file in table["file"]]]
    class_names, y = np.unique(table["label"], return_inverse=True)
    return bottleneck.Features(X, y, table["file"].tolist(), class_names.tolist(), out.name)


def _extract(base, folder, files, out, actors, cpus, batch_size):
    """Compute one chunk; its files appear in `out` only once all of them are written."""
    partial = out / ".partial"
    shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
    pictures = ray.data.read_binary_files([str(folder / file) for file in files], include_paths=True)
    rows = pictures.map(_decode, fn_args=(str(folder), base.size, base.channels)).map_batches(
        _Extractor,
        fn_constructor_args=(str(out / "weights.npz"), base.size, base.cut, base.channels, cpus),
        batch_size=batch_size,
        num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
    rows.write_parquet(str(partial))
    # Not their count, which would name a chunk that is there if an earlier one was deleted.
    number = 1 + max((int(chunk.name.removeprefix("chunk_")) for chunk in out.glob("chunk_*")), default=-1)
    partial.rename(out / f"chunk_{number:06d}")


def _decode(row, folder, size, channels):
    file = Path(row["path"]).relative_to(folder).as_posix()
    try:
        picture = photos.load(io.BytesIO(row["bytes"]), size, channels)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return {"file": file, "content": _content(row["bytes"]), "picture": picture}


def _content(picture):
    """Hash the bytes of a picture's file."""
    return hashlib.sha256(picture).hexdigest()


class _Extractor:
    """One copy of the base, in a process of its own."""

    def __init__(self, weights, size, cut, channels, cpus):
        runtime.setup(tensorflow=True)
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(max(1, int(cpus)))
        base = backbones.inception_v3(size, weights="random", cut=cut, channels=channels)
        with np.load(weights) as arrays:  # in the order in which they were saved
            base.model.set_weights([arrays[f"arr_{i}"] for i in range(len(arrays))])
        self._forward = bottleneck.forward(base)

    def __call__(self, batch):
        X = self._forward(batch["picture"])
        rows = pa.FixedSizeListArray.from_arrays(X.ravel(), X.shape[1])
        return pa.table({"file": batch["file"], "content": batch["content"], "features": rows})


def _done(folder, files, stored, contents):
    """Map each file whose features are stored to the hash of its content."""
    known, hashes = set(stored), set(contents)
    files = [file for file in files if file in known]  # the others need not be read to know that they are missing
    with ThreadPoolExecutor() as pool:
        hashed = zip(files, pool.map(lambda file: _content((folder / file).read_bytes()), files), strict=True)
        return {file: content for file, content in hashed if content in hashes}


def _read(out):
    """Read the finished chunks, in their order: files (n,), hashes of their contents (n,) and features (n, c)."""
    chunks = [str(file) for folder in sorted(out.glob("chunk_*")) for file in sorted(folder.glob("*.parquet"))]
    if not chunks:
        return np.empty(0, object), np.empty(0, object), np.empty((0, 0), np.float32)
    table = parquet.dataset(chunks).to_table()
    X = table["features"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    return table["file"].to_numpy(), table["content"].to_numpy(), X
