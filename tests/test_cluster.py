"""The cluster gives the features that one machine gives, and keeps them when a worker or the whole job is killed."""

# ruff: noqa: E402 - what follows the importorskip needs Ray
import threading
import time

import numpy as np
import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: make cluster")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.cluster_utils import Cluster

from helpers import backbones, bottleneck, cluster, drawn_animals, photos

N = 80  # pictures


@pytest.fixture(scope="module")
def two_nodes():
    """A head and one more node, each a set of processes of its own, with two cores each."""
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    nodes.add_node(num_cpus=2)
    assert cluster.connect(nodes.address) == 4
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
    drawn_animals.write_folder(root, n_train=N // 2, n_validation=1, n_test=1, size=80)
    return root / photos.SPLITS[0]


def kill_one_actor():
    """Wait for a process that runs the base, and kill it while it works."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            if "ray::MapWorker" in " ".join(process.info["cmdline"] or ()):
                process.kill()
                return
        time.sleep(0.05)
    raise AssertionError("no actor appeared")


def test_same_features_although_a_worker_is_killed(two_nodes, base, folder, tmp_path, monkeypatch):
    killer = threading.Thread(target=kill_one_actor)
    killer.start()
    ours = cluster.features(base, folder, tmp_path / "out", actors=2, chunk=N // 2, progress=False)
    killer.join()
    theirs = bottleneck.features(base, folder, progress=False)
    np.testing.assert_allclose(ours.X, theirs.X, atol=1e-4)
    np.testing.assert_array_equal(ours.y, theirs.y)
    assert (ours.files, ours.class_names) == (theirs.files, theirs.class_names)

    # What is on disk is not computed again.
    monkeypatch.setattr(cluster, "_extract", None)
    again = cluster.features(base, folder, tmp_path / "out", progress=False)
    np.testing.assert_array_equal(again.X, ours.X)


def test_a_killed_job_goes_on_after_its_last_chunk(two_nodes, base, folder, tmp_path, monkeypatch):
    computed = []

    def extract(base, folder, files, out, *rest, broken=False):
        if computed and broken:
            raise KeyboardInterrupt
        computed.append(files)
        X = pa.FixedSizeListArray.from_arrays(np.arange(2 * len(files), dtype=np.float32), 2)
        chunk = out / f"chunk_{len(computed):06d}"
        chunk.mkdir()
        pq.write_table(pa.table({"file": files, "features": X}), chunk / "0.parquet")

    monkeypatch.setattr(cluster, "_extract", lambda *arguments: extract(*arguments, broken=True))
    with pytest.raises(KeyboardInterrupt):
        cluster.features(base, folder, tmp_path, chunk=30, progress=False)
    monkeypatch.setattr(cluster, "_extract", extract)
    cluster.features(base, folder, tmp_path, chunk=30, progress=False)
    assert [len(files) for files in computed] == [30, 30, 20]
    assert [file for files in computed for file in files] == photos.list_pictures(folder)["file"].tolist()


def test_a_broken_picture_is_named(two_nodes, base, tmp_path):
    drawn_animals.write_folder(tmp_path / "drawn", n_train=2, n_validation=1, n_test=1, size=80)
    folder = tmp_path / "drawn" / photos.SPLITS[0]
    (folder / "cats" / "cat.0002.jpg").write_bytes(b"no picture")
    with pytest.raises(ray.exceptions.RayTaskError, match=r"cats/cat\.0002\.jpg.*not a whole picture"):
        cluster.features(base, folder, tmp_path / "out", progress=False)


def test_too_few_cores_are_noticed_before_the_work(two_nodes, base, folder, tmp_path):
    with pytest.raises(RuntimeError, match="9 actors need 10 cores, the cluster has 4"):
        cluster.features(base, folder, tmp_path, actors=9)


def test_without_a_connection_it_says_how_to_connect(base, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(RuntimeError, match=r"call cluster\.connect\(\)"):
        cluster.features(base, folder, tmp_path)
