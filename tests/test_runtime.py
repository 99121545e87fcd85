import multiprocessing
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import runtime


def test_seed_repeats_python_and_numpy():
    def draw():
        runtime.seed(3)
        return random.random(), np.random.rand()  # noqa: NPY002

    assert draw() == draw()


def test_folders_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path / "d"))
    monkeypatch.setenv("TRANSFER_BUILD", str(tmp_path / "b"))
    assert (runtime.data_dir(), runtime.build_dir()) == (tmp_path / "d", tmp_path / "b")


def test_relative_folders_start_at_the_project_and_not_at_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSFER_DATA", "../elsewhere")
    before = runtime.data_dir()
    monkeypatch.chdir(tmp_path)
    assert runtime.data_dir() == before
    assert before.parent.parent == Path(runtime.__file__).resolve().parents[2]


def test_named_weights_come_before_those_in_the_data_folder(monkeypatch, tmp_path):
    assert runtime.weights_file() is None
    found = runtime.data_dir() / "weights" / "inception_v3_x.h5"
    found.parent.mkdir(parents=True)
    found.touch()
    assert runtime.weights_file() == found
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(tmp_path / "mine.h5"))
    assert runtime.weights_file() == tmp_path / "mine.h5"


@pytest.mark.parametrize(("value", "expected"), [("1", "short"), ("0", "long"), ("", "long")])
def test_choose_follows_the_fast_switch(monkeypatch, value, expected):
    monkeypatch.setenv("TRANSFER_FAST", value)
    assert runtime.choose("long", fast="short") == expected


def test_a_switch_that_is_neither_on_nor_off_is_named(monkeypatch):
    monkeypatch.setenv("TRANSFER_OFFLINE", "yes")
    with pytest.raises(ValueError, match="TRANSFER_OFFLINE must be 0 or 1, got 'yes'"):
        runtime.offline()


def test_atomic_path_keeps_the_old_file_when_writing_fails(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with runtime.atomic_path(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), runtime.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def _count(path, n):
    for _ in range(n):
        with runtime.lock(path):
            path.write_text(str(int(path.read_text()) + 1))


def test_lock_lets_one_process_in_at_a_time(tmp_path):
    path = tmp_path / "counter"
    path.write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(path, 50)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.read_text() == "100"


def test_tensorflow_starts_without_a_word():
    code = "from helpers import runtime; runtime.setup(tensorflow=True); import keras; print(float(keras.ops.ones(())))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("1.0\n", "")
