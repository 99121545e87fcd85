import errno
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
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
    runtime.data_dir().mkdir()
    code = (
        "from helpers import runtime; runtime.setup(tensorflow=True); import keras, tensorflow as tf;"
        "print(float(keras.ops.ones(())), tf.config.experimental.tensor_float_32_execution_enabled())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("1.0 False\n", "")  # on a GPU, too, float32 has all its bits


# ------------------------------------------------------------------------------ faults that were seen, and their kind


@pytest.mark.parametrize("variable", ["TRANSFER_DATA", "TRANSFER_BUILD", "INCEPTION_V3_WEIGHTS"])
@pytest.mark.parametrize("value", ['"/data"', "'/data'", " /data", "/data "])
def test_quotes_and_spaces_around_a_path_are_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    ask = {"TRANSFER_DATA": "data_dir", "TRANSFER_BUILD": "build_dir", "INCEPTION_V3_WEIGHTS": "weights_file"}[variable]
    with pytest.raises(ValueError, match=f"{variable} is .*, with quotes or spaces around the path"):
        getattr(runtime, ask)()


def test_a_space_inside_a_path_is_fine(monkeypatch, tmp_path):
    (tmp_path / "my data").mkdir()
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path / "my data"))
    assert runtime.data_dir() == tmp_path / "my data"
    assert runtime.problems() == []


def test_a_misspelt_data_folder_is_named_at_the_start(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path / "dtaa"))
    runtime.setup()
    assert "dtaa, which is no folder" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["no right to write", "a file in its place"])
def test_a_build_folder_that_cannot_be_written_says_what_to_set(monkeypatch, tmp_path, how):
    folder = tmp_path / "build"
    monkeypatch.setenv("TRANSFER_BUILD", str(folder))
    if how == "no right to write":
        monkeypatch.setattr(runtime.os, "access", lambda *_: False)  # an administrator may write anywhere
    else:
        folder.touch()
    with pytest.raises(PermissionError, match=r"Nothing can be written to .* Set TRANSFER_BUILD"):
        runtime.build_dir()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path, number):
    path = tmp_path / "model.keras"
    path.write_text("old")
    wanted = pytest.raises(OSError, match=r"No room to write .*model\.keras.* unchanged")
    with wanted as caught, runtime.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise OSError(number, "out of it")
    assert caught.value.errno == number
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_file_larger_than_allowed_replaces_nothing(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "a.bin"
    path.write_text("old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from helpers import runtime;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));\n"
        "with runtime.atomic_path(Path(sys.argv[1])) as t: t.write_bytes(bytes(100_000))"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "No room to write" in run.stderr
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_containers_with_one_process_number_write_different_files(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.os, "getpid", lambda: 7)
    with runtime.atomic_path(tmp_path / "a") as first, runtime.atomic_path(tmp_path / "a") as second:
        assert first != second
        first.touch(), second.touch()


def test_a_home_folder_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.setenv("TRANSFER_DATA", "~nobody_of_this_name/data")
    with pytest.raises(ValueError, match=r"TRANSFER_DATA is '~nobody.* no such home folder"):
        runtime.data_dir()


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "no"), OSError(errno.EOPNOTSUPP, "no"), NotImplementedError()])
def test_where_the_drive_has_no_locks_a_file_stands_in(tmp_path, monkeypatch, error):
    def refuse(self):
        raise error

    monkeypatch.setattr(runtime.FileLock, "_acquire", refuse)
    with runtime.lock(tmp_path / "x"):
        assert [path.name for path in tmp_path.glob("*.lockfile")] == ["x.lockfile"]
    assert not list(tmp_path.glob("*.lockfile"))


def test_a_file_in_place_of_a_lock_that_a_killed_process_left_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "_SILENT_WAIT", 0.05)
    left = tmp_path / "x.lockfile"
    left.touch()

    def refuse(self):
        raise OSError(errno.ENOLCK, "no")

    monkeypatch.setattr(runtime.FileLock, "_acquire", refuse)

    def enter():
        with runtime.lock(tmp_path / "x"):
            pass

    thread = threading.Thread(target=enter)
    thread.start()
    for _ in range(200):
        if said := capsys.readouterr().out:
            break
        time.sleep(0.05)
    left.unlink()  # as it says
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert f"If none is at work, remove {left}." in said


def test_another_error_of_a_lock_is_not_swallowed(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(runtime.FileLock, "_acquire", refuse)
    with pytest.raises(PermissionError), runtime.lock(tmp_path / "x"):
        pytest.fail("entered")


def test_who_waits_for_a_lock_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "_SILENT_WAIT", 0.05)
    held = threading.Event()

    def hold():
        with runtime.FileLock(tmp_path / "x.lock"):
            held.set()
            time.sleep(0.5)

    threading.Thread(target=hold).start()
    held.wait()
    with runtime.lock(tmp_path / "x"):
        pass
    assert "Waiting for another notebook or process that holds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("system", "machine", "words"), [("darwin", "x86_64", "Intel processors"), ("win32", "AMD64", "long path")]
)
def test_a_machine_that_cannot_gets_one_line(monkeypatch, tmp_path, system, machine, words):
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path))
    monkeypatch.setenv("TRANSFER_BUILD", str(tmp_path / ("y" * 120)))
    monkeypatch.setattr(runtime.sys, "platform", system)
    monkeypatch.setattr(runtime.platform, "machine", lambda: machine)
    (line,) = runtime.problems()
    assert words in line


def test_a_processor_without_avx_gets_one_line(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("flags : fpu sse4_2")
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path))
    monkeypatch.setattr(runtime.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(runtime.sys, "platform", "linux")
    monkeypatch.setattr(runtime, "_CPU", tmp_path / "cpuinfo")
    assert "no AVX" in runtime.problems()[0]
    (tmp_path / "cpuinfo").write_text("flags : fpu sse4_2 avx avx2")
    assert runtime.problems() == []


def test_another_layout_in_keras_json_is_overruled_with_a_line(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "floatx": "float16"}')
    code = (
        "from helpers import runtime; runtime.setup(tensorflow=True); import keras;"
        "print(keras.config.image_data_format(), keras.config.floatx())"
    )
    env = {k: v for k, v in os.environ.items() if k != "TRANSFER_DATA"} | {"KERAS_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first.startswith("keras.json asks for another layout")
    assert second == "channels_last float32"


def test_a_gpu_is_shared(monkeypatch):
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    runtime.setup()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
