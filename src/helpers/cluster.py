"""Features of the frozen base for very many pictures: computed on a Ray cluster, kept as Parquet files."""

import io
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as parquet
import ray
from tqdm.auto import tqdm

from helpers import backbones, bottleneck, photos, runtime


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
    after it.

    Parameters
    ----------
    base : Backbone
        From `backbones`. The actors read its weights from a file in `out`.
    folder : Path
        Folder with one sub-folder per class; every machine must see it under this path.
    out : Path
        Folder for the Parquet files, likewise. Each base has a sub-folder of its own in it.
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
    out = Path(out).resolve() / base.fingerprint[:32]
    with runtime.lock(out):
        out.mkdir(parents=True, exist_ok=True)
        with runtime.atomic_path(out / "weights.npz") as path:
            np.savez(path, *base.model.get_weights())
        done = set(_read(out)[0])
        missing = [file for file in table["file"] if file not in done]
        with tqdm(total=len(table), initial=len(table) - len(missing), unit="picture", disable=not progress) as bar:
            for start in range(0, len(missing), chunk):
                files = missing[start : start + chunk]
                _extract(base, Path(folder).resolve(), files, out, actors, cpus_per_actor, batch_size)
                bar.update(len(files))
        files, X = _read(out)
    order = {file: i for i, file in enumerate(files)}
    X = X[[order[file] for file in table["file"]]]
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
    partial.rename(out / f"chunk_{sum(1 for _ in out.glob('chunk_*')):06d}")


def _decode(row, folder, size, channels):
    file = Path(row["path"]).relative_to(folder).as_posix()
    try:
        return {"file": file, "picture": photos.load(io.BytesIO(row["bytes"]), size, channels)}
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


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
        return pa.table({"file": batch["file"], "features": rows})


def _read(out):
    """Read the finished chunks: files (n,) and features (n, c)."""
    chunks = [str(file) for folder in sorted(out.glob("chunk_*")) for file in sorted(folder.glob("*.parquet"))]
    if not chunks:
        return np.empty(0, object), np.empty((0, 0), np.float32)
    table = parquet.dataset(chunks).to_table()
    return table["file"].to_numpy(), table["features"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
