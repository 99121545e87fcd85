"""The cluster gives the features that one machine gives, and keeps them when a worker or the whole job is killed."""

# ruff: noqa: E402 - what follows the importorskip needs Ray
import resource
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: make cluster")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

import pyarrow as pa
import ray
from ray.cluster_utils import Cluster

from helpers.data import drawn
from helpers.network import backbones, bottleneck, cluster
from helpers.pictures import photos

N = 80  # pictures


def start(nodes, attempts=4, **settings):
    """Add a node, patiently: Ray gives its parts 15 seconds to start, too few on a busy machine."""
    for i in range(attempts):
        try:
            return nodes.add_node(num_cpus=2, **settings)
        except Exception as error:  # Ray raises nothing more special
            if "timed out during startup" not in str(error) or i == attempts - 1:
                raise


@pytest.fixture(scope="module")
def two_nodes():
    """A head and one more node, each a set of processes of its own, with two cores each."""
    nodes = Cluster()
    start(nodes, include_dashboard=False)
    start(nodes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", nodes.address)
        assert cluster.connect(cores=3) == 4  # of the cluster that is there
    assert len(ray.nodes()) == 2
    yield
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def base():
    return backbones.inception_v3(75, weights="shipped", cut="mixed0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures") / "drawn"
    drawn.write_folder(root, n_train=N // 2, n_validation=2, n_test=2, size=80)
    return root / photos.SPLITS[0]


def actors():
    """Give the processes that run the base, of this test's nodes and of no other Ray on the machine."""
    for process in psutil.Process().children(recursive=True):  # all of a node's descend from this one
        with suppress(psutil.NoSuchProcess):
            if " ".join(process.cmdline()).startswith("ray::MapWorker"):
                yield process


class Killer(threading.Thread):
    """Kills one actor once a part of the chunks is written, and before all of them are."""

    def __init__(self, out):
        super().__init__(daemon=True)
        self.out, self.killed, self.finished = out, None, threading.Event()

    def run(self):
        while self.killed is None and not self.finished.is_set():
            if any(self.out.glob("*/chunk_*")):
                for actor in actors():
                    actor.kill()
                    self.killed = actor.pid
                    return
            time.sleep(0.01)


def test_same_features_although_a_worker_is_killed(two_nodes, base, folder, tmp_path, monkeypatch):
    killer = Killer(tmp_path / "out")
    killer.start()
    ours = cluster.features(base, folder, tmp_path / "out", actors=2, batch_size=2, chunk=N // 20, progress=False)
    killer.finished.set()
    killer.join()
    assert killer.killed is not None, "there was no actor to kill while chunks were written"
    assert not psutil.pid_exists(killer.killed)
    theirs = bottleneck.features(base, folder, progress=False)
    np.testing.assert_allclose(ours.X, theirs.X, atol=1e-4)
    np.testing.assert_array_equal(ours.y, theirs.y)
    assert (ours.files, ours.class_names) == (theirs.files, theirs.class_names)

    # What is on disk is not computed again, and to know what is there no features are read.
    (out,) = (path for path in (tmp_path / "out").iterdir() if path.is_dir())
    files, contents, _ = cluster._read(out)
    for full, names in zip((files, contents), cluster._names(out), strict=True):
        np.testing.assert_array_equal(full, names)
    monkeypatch.setattr(cluster, "_extract", None)
    again = cluster.features(base, folder, tmp_path / "out", progress=False)
    np.testing.assert_array_equal(again.X, ours.X)


def fake_extract(computed, columns=2, limit=None):
    """What `_extract` yields, without a network; the job is killed once `limit` chunks are there."""

    def extract(base, folder, files, *rest):
        chunk = rest[-1]
        for start in range(0, len(files), chunk):
            if len(computed) == limit:
                raise KeyboardInterrupt
            computed.append(files[start : start + chunk])
            rng = np.random.default_rng(len(computed))
            X = rng.normal(size=(len(computed[-1]), columns)).astype(np.float32)
            yield pa.table(
                {
                    "file": computed[-1],
                    "content": [cluster._content((folder / file).read_bytes()) for file in computed[-1]],
                    "features": pa.FixedSizeListArray.from_arrays(X.ravel(), columns),
                }
            )

    return extract


def extract_here(base, folder, files, *rest):
    """What `_extract` yields, by its own parts but in this process; workers of Ray take seconds to start."""
    here, chunk = SimpleNamespace(_forward=bottleneck.forward(base)), rest[-1]
    for start in range(0, len(files), chunk):
        paths = [folder / file for file in files[start : start + chunk]]
        rows = [cluster._decode({"path": path, "bytes": path.read_bytes()}, folder, base.size) for path in paths]
        batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        yield cluster._Extractor.__call__(here, batch)


def test_a_killed_job_goes_on_after_its_last_chunk(two_nodes, base, folder, tmp_path, monkeypatch):
    computed = []
    monkeypatch.setattr(cluster, "_extract", fake_extract(computed, limit=1))
    with pytest.raises(KeyboardInterrupt):
        cluster.features(base, folder, tmp_path, chunk=30, progress=False)
    monkeypatch.setattr(cluster, "_extract", fake_extract(computed))
    cluster.features(base, folder, tmp_path, chunk=30, progress=False)
    assert [len(files) for files in computed] == [30, 30, 20]
    assert [file for files in computed for file in files] == photos.list_pictures(folder)["file"].tolist()


def test_each_precision_has_features_of_its_own(two_nodes, base, folder, tmp_path, monkeypatch):
    computed = []
    monkeypatch.setattr(cluster, "_extract", fake_extract(computed))
    monkeypatch.setattr(bottleneck, "choose_precision", lambda base, gpu: "float16" if gpu else "bfloat16")
    keys = [
        cluster.features(base, folder, tmp_path, precision=precision, progress=False).key
        for precision in ("float32", "auto", "bfloat16", "float32")
    ]
    assert keys[0] == keys[3] != keys[1] == keys[2]
    assert len(computed) == 2
    assert bottleneck.settle(base, "auto", gpu=True) == "float16"


def test_the_training_sets_names_decide(two_nodes, base, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_extract", fake_extract([]))
    found = cluster.features(base, folder, tmp_path, class_names=["birds", "cats", "dogs"], progress=False)
    assert found.class_names == ["birds", "cats", "dogs"]
    assert found.y.tolist() == [1] * (N // 2) + [2] * (N // 2)
    with pytest.raises(ValueError, match="'dogs'"):
        cluster.features(base, folder, tmp_path, class_names=["birds", "cats"], progress=False)


def test_a_full_disk_is_named_and_leaves_no_half_chunk(two_nodes, base, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_extract", fake_extract([], columns=100_000))  # 32 MB, the weights have 3 MB
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, before[1]))
        with pytest.raises(OSError, match=r"No room to write .*chunk_.* Make room"):
            cluster.features(base, folder, tmp_path, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.glob("*/*")] == ["weights.npz"]


def test_a_new_cluster_is_started_where_no_address_says_otherwise(monkeypatch):
    """Even if another one runs on this machine, which Ray itself would take, and then refuse the number of cores."""
    asked = {}
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", lambda address, **settings: asked.update(address=address, **settings))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 3.0})
    assert cluster.connect(cores=3) == 3
    assert (asked["address"], asked["num_cpus"]) == ("local", 3)


@pytest.mark.parametrize("gpus", [0, 0.5])
def test_actors_use_the_gpus_they_are_given_and_no_others(two_nodes, base, folder, tmp_path, monkeypatch, gpus):
    asked = {}

    class Stop(Exception):
        pass

    def map_batches(dataset, actor, *, fn_constructor_args, **settings):
        asked.update(settings, told=fn_constructor_args[-1])
        raise Stop

    monkeypatch.setattr(ray.data.Dataset, "map_batches", map_batches)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 4.0, "GPU": 1.0})
    with pytest.raises(Stop):
        cluster.features(base, folder, tmp_path, gpus_per_actor=gpus, progress=False)
    assert (asked["num_gpus"], asked["told"]) == (gpus, gpus)


def test_a_second_folder_with_the_same_names_has_features_of_its_own(two_nodes, base, folder, tmp_path, monkeypatch):
    """Of two sets that share names and `out`; and a chunk that was deleted is computed again, none overwritten."""
    monkeypatch.setattr(cluster, "_extract", extract_here)
    sets = [tmp_path / name for name in ("one", "two")]
    for root, start in zip(sets, (1, 4), strict=True):
        for label in ("cat", "dog"):
            (root / f"{label}s").mkdir(parents=True)
            for i in range(3):
                picture = folder / f"{label}s" / f"{label}.{start + i:04d}.jpg"
                shutil.copy(picture, root / f"{label}s" / f"{i}.jpg")

    def check():
        for root in sets:
            ours = cluster.features(base, root, tmp_path / "out", chunk=3, progress=False)
            np.testing.assert_allclose(ours.X, bottleneck.features(base, root, progress=False).X, atol=1e-4)

    check()
    assert not np.allclose(*(bottleneck.features(base, root, progress=False).X for root in sets), atol=1e-2)
    (out,) = (tmp_path / "out").glob("*/")
    assert names_of(out) == ["chunk_000000", "chunk_000001", "chunk_000002", "chunk_000003"]
    (out / "chunk_000000.parquet").unlink()
    check()
    assert names_of(out) == ["chunk_000001", "chunk_000002", "chunk_000003", "chunk_000004"]
    monkeypatch.setattr(cluster, "_extract", None)
    check()


def names_of(out):
    return sorted(chunk.stem for chunk in out.glob("chunk_*"))


def test_a_broken_picture_is_named(two_nodes, base, tmp_path, monkeypatch):
    class Idle:
        """An actor that need not start TensorFlow: no picture gets as far."""

        def __init__(self, *arguments):
            pass

        def __call__(self, batch):
            return batch

    monkeypatch.setattr(cluster, "_Extractor", Idle)
    drawn.write_folder(tmp_path / "drawn", n_train=2, n_validation=1, n_test=1, size=80)
    folder = tmp_path / "drawn" / photos.SPLITS[0]
    (folder / "cats" / "cat.0002.jpg").write_bytes(b"no picture")
    with pytest.raises(ray.exceptions.RayTaskError, match=r"cats/cat\.0002\.jpg.*not a whole picture"):
        cluster.features(base, folder, tmp_path / "out", actors=1, progress=False)


def test_a_worker_that_only_decodes_pictures_loads_no_tensorflow():
    code = "import sys; from helpers.network import cluster; print({'keras', 'tensorflow'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_a_picture_deleted_meanwhile_is_named(two_nodes, base, folder, tmp_path, monkeypatch):
    copy, read = shutil.copytree(folder, tmp_path / "copy"), cluster._names

    def delete_and_read(out):
        (copy / "dogs" / "dog.0003.jpg").unlink(missing_ok=True)
        return read(out)

    monkeypatch.setattr(cluster, "_names", delete_and_read)
    with pytest.raises((FileNotFoundError, ray.exceptions.RayTaskError), match=r"dogs/dog\.0003\.jpg"):
        cluster.features(base, copy, tmp_path / "out", progress=False)


def test_too_few_cores_are_noticed_before_the_work(two_nodes, base, folder, tmp_path):
    with pytest.raises(RuntimeError, match="9 actors need 10 cores, the cluster has 4"):
        cluster.features(base, folder, tmp_path, actors=9)
    with pytest.raises(RuntimeError, match="2 actors need 2 GPUs, the cluster has 0"):
        cluster.features(base, folder, tmp_path, gpus_per_actor=1)


def test_without_a_connection_it_says_how_to_connect(base, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(RuntimeError, match=r"call cluster\.connect\(\)"):
        cluster.features(base, folder, tmp_path)


def test_a_busy_machine_gets_more_than_one_start(monkeypatch):
    started = []

    def init(address, **settings):
        started.append(address)
        if len(started) < 3:
            raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(cluster.ray, "init", init)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster.ray, "cluster_resources", lambda: {"CPU": 2.0})
    assert cluster.connect() == 2
    assert len(started) == 3


def test_another_error_at_the_start_is_not_tried_again(monkeypatch):
    started = []

    def init(address, **settings):
        started.append(address)
        raise ConnectionError("no such cluster")

    monkeypatch.setattr(cluster.ray, "init", init)
    with pytest.raises(ConnectionError, match="no such cluster"):
        cluster.connect("10.0.0.1:6379")
    assert len(started) == 1
