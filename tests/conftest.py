"""Fixtures that more than one test file uses."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # workers whose threads each want every core wait for one another
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(variable, "1")

from helpers import runtime
from helpers.data import downloads
from local_server import Server

# Begun first, the files that take longest leave no worker alone at the end (make test, with --no-loadscope-reorder).
LONGEST = [
    "test_cluster.py",
    "test_own_pictures.py",
    "test_classifier.py",
    "test_backbones.py",
    "test_pretraining.py",
    "test_shipped_weights.py",
    "test_examples.py",
    "test_near_duplicates.py",
    "test_assignments.py",
    "test_joint_network.py",
]

runtime.setup()


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch, request):
    """Give each test empty data, build and Keras folders and no network; those marked `real` keep the reader's data."""
    if "real" not in request.keywords:
        for name in [name for name in os.environ if name.startswith("TRANSFER_") or name == "INCEPTION_V3_WEIGHTS"]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("TRANSFER_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("TRANSFER_OFFLINE", "1")
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TRANSFER_BUILD", str(tmp_path / "build"))


@pytest.fixture
def real_data() -> Path:
    """Folder with the real data sets; the test is skipped where there is none."""
    folder = runtime.data_dir()
    if "TRANSFER_DATA" not in os.environ or not (folder / "reviews").is_dir():
        pytest.skip("needs TRANSFER_DATA with real data sets")
    return folder


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """Serve on this machine, for the time of a test that may download."""
    monkeypatch.delenv("TRANSFER_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloads, "_PAUSE", 0.01)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
