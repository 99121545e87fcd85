"""Features of a frozen base: right, computed once, resumed, told apart by what they depend on."""

import resource
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.network import backbones, bottleneck
from helpers.pictures import photos

SIZE, N = 12, 20
ATOL = 1e-2 if tf.config.list_physical_devices("GPU") else 1e-5  # a GPU multiplies with 10 bits of mantissa (TF32)


def has_convolution(dtype):
    """Ask TensorFlow itself: oneDNN held to AVX2 on a processor with 16-bit numbers has no such convolution."""
    try:
        tf.nn.conv2d(tf.zeros((1, 4, 4, 1), dtype), tf.zeros((2, 2, 1, 1), dtype), 1, "SAME")
    except tf.errors.AbortedError:
        return False
    return True


HAS_BFLOAT16 = has_convolution(tf.bfloat16)
HAS_FLOAT16 = has_convolution(tf.float16)


@keras.saving.register_keras_serializable("tests")
class Meter(keras.layers.Layer):
    """Counts the pictures that pass; breaks down once `limit` is reached."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen, self.limit = 0, np.inf

    def call(self, x):
        def count(pictures):
            if self.seen >= self.limit:
                raise KeyboardInterrupt
            self.seen += len(pictures)
            return pictures

        return tf.ensure_shape(tf.numpy_function(count, [x], tf.float32), x.shape)


def make_base(seed=0, size=SIZE):
    """Make what `bottleneck` needs of a Backbone, around a convolution, and the meter within it."""
    meter = Meter()
    convolution = keras.layers.Conv2D(5, 3, activation="relu", kernel_initializer=keras.initializers.GlorotNormal(seed))
    model = keras.Sequential([keras.Input((size, size, 3)), meter, keras.layers.Rescaling(1 / 255), convolution])
    base = SimpleNamespace(model=model, size=size, fingerprint=f"weights {seed}, size {size}")
    return base, meter


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """N pictures of noise in two classes; a checkpoint after every 8 of them."""
    monkeypatch.setattr(bottleneck, "_BLOCK", 8)
    rng = np.random.default_rng(0)
    for i in range(N):
        path = tmp_path / "set" / ("cats" if i < 12 else "dogs") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 16, 3), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def extract(base, folder, **options):
    return bottleneck.features(base, folder, progress=False, **options)


def direct(base, folder):
    """What the features must be, in a few lines."""
    paths = [folder / file for file in photos.list_pictures(folder)["file"]]
    return base.model.predict(photos.load_many(paths, base.size).astype(np.float32), verbose=0).mean(axis=(1, 2))


def stored(kind):
    """Find the one file of a kind in the cache."""
    (path,) = (Path(bottleneck.runtime.build_dir()) / "features").glob(f"*/{kind}")
    return path


def test_features_are_the_pooled_feature_maps(folder):
    base, _ = make_base()
    found = extract(base, folder)
    assert found.X.shape == (N, 5) and found.X.dtype == np.float32
    np.testing.assert_allclose(found.X, direct(base, folder), atol=ATOL)
    assert found.files == photos.list_pictures(folder)["file"].tolist()
    assert found.class_names == ["cats", "dogs"]
    assert found.y.tolist() == [0] * 12 + [1] * 8


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_does_not_matter(folder, tmp_path, batch_size):
    base, _ = make_base()
    X = extract(base, folder).X
    np.testing.assert_allclose(extract(base, folder, cache=tmp_path / "other", batch_size=batch_size).X, X, atol=ATOL)


def test_second_call_does_not_run_the_base(folder):
    base, meter = make_base()
    first = extract(base, folder)
    assert meter.seen == N
    second = extract(base, folder)
    assert meter.seen == N and second.key == first.key
    np.testing.assert_array_equal(first.X, second.X)


def test_interrupted_run_goes_on_where_it_stopped(folder):
    base, meter = make_base()
    meter.limit = 12  # three batches of four: the first block of eight is finished, half of the second is not
    with pytest.raises((KeyboardInterrupt, tf.errors.OpError)):
        extract(base, folder, batch_size=4)
    meter.seen, meter.limit = 0, np.inf
    found = extract(base, folder, batch_size=4)
    assert meter.seen == N - 8
    np.testing.assert_allclose(found.X, direct(base, folder), atol=ATOL)


def damage_middle(path):
    content = bytearray(path.read_bytes())
    content[10 * 5 * 4] ^= 1  # one bit of row 10
    path.write_bytes(content)


def cut_off_end(path):
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("kind", "damage", "again"),
    [
        ("features.float32", damage_middle, 8),
        ("features.float32", cut_off_end, 4),
        ("features.float32", Path.unlink, N),
        ("checksums.json", cut_off_end, N),
        ("checksums.json", Path.unlink, N),
    ],
)
def test_damage_is_noticed_and_only_what_is_lost_computed_again(folder, kind, damage, again):
    base, meter = make_base()
    X = np.array(extract(base, folder).X)
    damage(stored(kind))
    meter.seen = 0
    np.testing.assert_allclose(extract(base, folder).X, X, atol=ATOL)
    assert meter.seen == again


def test_key_changes_with_all_that_the_features_depend_on(folder):
    keys = [extract(make_base()[0], folder).key]
    keys.append(extract(make_base(seed=1)[0], folder).key)
    keys.append(extract(make_base(size=SIZE + 1)[0], folder).key)
    if HAS_BFLOAT16:
        keys.append(extract(make_base()[0], folder, precision="bfloat16").key)
    (folder / "cats" / "0.png").rename(folder / "cats" / "00.png")
    keys.append(extract(make_base()[0], folder).key)
    Image.new("RGB", (5, 5)).save(folder / "cats" / "00.png")
    keys.append(extract(make_base()[0], folder).key)
    assert len(set(keys)) == len(keys)


def test_the_training_sets_names_decide(folder):
    """Whatever occurs in the test set: today's label of a dog is that of the training."""
    base, _ = make_base()
    found = extract(base, folder, class_names=["birds", "cats", "dogs"])
    assert found.class_names == ["birds", "cats", "dogs"]
    assert found.y.tolist() == [1] * 12 + [2] * 8
    with pytest.raises(ValueError, match="'dogs'"):
        extract(base, folder, class_names=["birds", "cats"])


def test_names_of_a_training_set_beside_it_decide_by_default(folder):
    base, _ = make_base()
    (folder.parent / "train_set" / "birds").mkdir(parents=True)
    for label in ("cats", "dogs"):
        (folder.parent / "train_set" / label).mkdir()
    assert extract(base, folder.rename(folder.with_name("test_set"))).y.tolist() == [1] * 12 + [2] * 8


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something after the pictures were hashed, and before they are read."""
    actions, lock = [], bottleneck.runtime.lock

    def act(path):
        while actions:
            actions.pop()()
        return lock(path)

    monkeypatch.setattr(bottleneck.runtime, "lock", act)
    return actions.append


def test_a_picture_that_was_replaced_meanwhile_leaves_no_wrong_row(folder, meanwhile):
    base, _ = make_base()
    path = folder / "dogs" / "19.png"
    content = path.read_bytes()
    meanwhile(lambda: Image.new("RGB", (5, 5)).save(path))
    with pytest.raises(RuntimeError, match=r"19\.png was changed while features were computed"):
        extract(base, folder)
    path.write_bytes(content)
    np.testing.assert_allclose(extract(base, folder).X, direct(base, folder), atol=ATOL)


def test_a_picture_that_was_deleted_meanwhile_is_named_and_what_is_finished_kept(folder, meanwhile):
    base, meter = make_base()
    path = folder / "dogs" / "19.png"
    content = path.read_bytes()
    meanwhile(path.unlink)
    with pytest.raises(FileNotFoundError, match=r"19\.png was deleted while features were computed") as caught:
        extract(base, folder, batch_size=4)
    assert "Traceback" not in str(caught.value)
    path.write_bytes(content)
    np.testing.assert_allclose(extract(base, folder).X, direct(base, folder), atol=ATOL)
    assert meter.seen == 2 * N  # what `direct` computes counts too


@contextmanager
def file_size_limit(n):
    """Let no file grow above n bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_named_and_what_is_finished_kept(folder):
    base, meter = make_base()
    with file_size_limit(330), pytest.raises(OSError, match=r"No room to write .*features.* Make room"):
        extract(base, folder, batch_size=4)  # rows of 20 bytes: the third block does not fit
    meter.seen = 0
    X = extract(base, folder).X
    assert meter.seen == N - 16
    np.testing.assert_allclose(X, direct(base, folder), atol=ATOL)


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("mixed_float16", marks=pytest.mark.skipif(not HAS_FLOAT16, reason="no float16 here")),
        pytest.param("mixed_bfloat16", marks=pytest.mark.skipif(not HAS_BFLOAT16, reason="no bfloat16 here")),
    ],
)
def test_a_dtype_policy_gives_features_of_its_own_in_float32(folder, policy):
    exact = backbones.inception_v3(75, "shipped", cut="mixed0")
    keras.config.set_dtype_policy(policy)
    try:
        mixed = backbones.inception_v3(75, "shipped", cut="mixed0")
        found = extract(mixed, folder)
    finally:
        keras.config.set_dtype_policy("float32")
    wanted = extract(exact, folder)
    assert found.X.dtype == np.float32
    assert found.key != wanted.key
    np.testing.assert_allclose(found.X, wanted.X, atol=0.05 * wanted.X.max())
    np.testing.assert_array_equal(found.X, extract(mixed, folder).X)


def test_broken_picture_is_named_and_leaves_a_cache_that_still_works(folder):
    base, _ = make_base()
    (folder / "dogs" / "19.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"^/.*19\.png is not a whole picture"):
        extract(base, folder)
    (folder / "dogs" / "19.png").unlink()
    assert extract(base, folder).X.shape == (N - 1, 5)


def test_threads_at_once_compute_everything_once(folder):
    base, meter = make_base()
    found = []
    threads = [threading.Thread(target=lambda: found.append(extract(base, folder).X)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.seen == N
    for X in found:
        np.testing.assert_allclose(X, direct(base, folder), atol=ATOL)


def test_features_wait_for_another_process_that_is_at_work_on_them(folder):
    base, _ = make_base()
    extract(base, folder)
    code = (
        "import sys; from helpers import runtime\nwith runtime.lock(sys.argv[1]): print(flush=True), sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(stored("checksums.json").parent)]
    found = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()  # it holds the lock
        thread = threading.Thread(target=lambda: found.append(extract(base, folder).X))
        thread.start()
        thread.join(timeout=1)
        assert thread.is_alive()
        other.stdin.close()
        thread.join(timeout=30)
    np.testing.assert_allclose(found[0], direct(base, folder), atol=ATOL)


@pytest.fixture(scope="module")
def shipped():
    return backbones.inception_v3(75, "shipped", cut="mixed0")


def test_constants_folded_into_the_graph_change_nothing(shipped):
    X = np.random.default_rng(0).integers(0, 256, (4, 75, 75, 3)).astype("float32")
    wanted = shipped.model.predict(X, verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(bottleneck.forward(shipped)(X), wanted, rtol=1e-3, atol=1e-4 * wanted.max())


def test_without_bfloat16_the_error_says_what_to_take(shipped):
    if HAS_BFLOAT16:
        pytest.skip("TensorFlow has bfloat16 here")
    X = np.zeros((4, 75, 75, 3), "float32")
    with pytest.raises(RuntimeError, match="no kernel for bfloat16 here"):
        bottleneck.forward(shipped, "bfloat16")(X)
    assert bottleneck.forward(shipped)(X).dtype == np.float32


@pytest.mark.skipif(not HAS_BFLOAT16, reason="TensorFlow has no bfloat16 convolution here")
def test_bfloat16_stays_close_and_does_not_leak_into_later_calls(shipped):
    X = np.random.default_rng(0).integers(0, 256, (4, 75, 75, 3)).astype("float32")
    exact = bottleneck.forward(shipped)
    before, half = exact(X), bottleneck.forward(shipped, "bfloat16")(X)
    np.testing.assert_allclose(half, before, atol=0.05 * before.max())
    np.testing.assert_array_equal(exact(X), before)


@pytest.mark.parametrize(
    ("precision", "words"),
    [
        ("float8", "must be auto, float32, bfloat16 or float16, got 'float8'"),
        pytest.param(
            "float16",
            "float16 needs a GPU",
            marks=pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU has it"),
        ),
    ],
)
def test_a_precision_that_is_not_to_be_had_is_refused(shipped, precision, words):
    with pytest.raises(ValueError, match=words):
        bottleneck.forward(shipped, precision)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Give the processor the instructions that a test names, and TensorFlow no GPU and no settings."""

    def make(flags):
        (tmp_path / "cpuinfo").write_text(f"model name : one\nflags\t\t: {flags}\n\nprocessor : 1\nflags : {flags}\n")
        monkeypatch.setattr(bottleneck.runtime, "_CPU", tmp_path / "cpuinfo")

    for name in ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [])
    return make


LARGE = SimpleNamespace(model=keras.Sequential([keras.Input((200, 200, 3)), keras.layers.Conv2D(512, 3)]))


@pytest.mark.parametrize(
    ("flags", "settings", "wanted"),
    [
        ("avx2 avx512_bf16 amx_bf16 amx_tile", {}, "bfloat16"),
        ("avx2 amx_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX", "TF_ENABLE_ONEDNN_OPTS": "1"}, "bfloat16"),
        ("avx2 amx_bf16", {"ONEDNN_MAX_CPU_ISA": "avx512_core_bf16"}, "float32"),
        ("avx2 amx_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "float32"),
        ("avx2 amx_bf16", {"TF_ENABLE_ONEDNN_OPTS": "0"}, "float32"),
        ("avx2 avx512_bf16", {}, "float32"),  # measured: slower there
        ("", {}, "float32"),
    ],
)
def test_bfloat16_is_chosen_where_the_processor_is_made_for_it_and_may(machine, monkeypatch, flags, settings, wanted):
    machine(flags)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert bottleneck.choose_precision(LARGE) == wanted


@pytest.mark.parametrize(
    ("capability", "wanted"), [((9, 0), "float16"), ((7, 0), "float16"), ((6, 1), "float32"), (None, "float32")]
)
def test_float16_is_chosen_on_a_gpu_with_tensor_cores(machine, monkeypatch, capability, wanted):
    machine("avx2")
    details = {"compute_capability": capability} if capability else {}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["one"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    assert bottleneck.choose_precision(LARGE) == wanted


def test_a_small_base_is_exact_on_every_machine(machine, monkeypatch, shipped):
    machine("avx2 amx_bf16")
    assert bottleneck.choose_precision(LARGE) == "bfloat16"
    assert bottleneck.choose_precision(shipped) == "float32"
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["one"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": (9, 0)})
    assert bottleneck.choose_precision(shipped) == "float32"


def test_one_line_says_that_features_are_not_exact(machine, capsys):
    machine("avx2 amx_bf16")
    bottleneck._say_once.cache_clear()
    assert [bottleneck.settle(LARGE, "auto") for _ in range(2)] == ["bfloat16"] * 2
    assert capsys.readouterr().out.splitlines() == [
        "Features in bfloat16, which is fast on this machine; precision='float32' gives exact ones."
    ]
    assert bottleneck.settle(LARGE, "bfloat16") == "bfloat16"
    machine("avx2")
    bottleneck._say_once.cache_clear()
    assert bottleneck.settle(LARGE, "auto") == "float32"
    assert capsys.readouterr().out == ""


def test_a_base_whose_weights_changed_is_compiled_anew(shipped):
    X = np.random.default_rng(0).integers(0, 256, (2, 75, 75, 3)).astype("float32")
    kept = shipped.model.get_weights()
    before = bottleneck.forward(shipped)(X)
    try:
        shipped.model.set_weights([weight * 0.9 for weight in kept])
        wanted = shipped.model.predict(X, verbose=0).mean(axis=(1, 2))
        after = bottleneck.forward(shipped)(X)
    finally:
        shipped.model.set_weights(kept)
    assert np.abs(before - wanted).max() > 0.01 * wanted.max()
    np.testing.assert_allclose(after, wanted, rtol=1e-3, atol=1e-4 * wanted.max())


@pytest.mark.real
def test_the_precision_that_is_chosen_predicts_what_float32_predicts(real_data):
    """A top trained on features of the precision chosen, on pictures it has not seen: 2 of 400 labels may differ."""
    from helpers.data import datasets
    from helpers.network import classifier

    base = backbones.inception_v3()
    if bottleneck.choose_precision(base) == "float32":
        pytest.skip("float32 is the fastest here")
    pictures = datasets.cats_vs_dogs()
    train = extract(base, pictures.train)
    keras.utils.set_random_seed(0)
    top = classifier.top(train.X.shape[1])
    classifier.compile_sgd(top)
    classifier.train(top, (train.X, np.eye(2)[train.y]), progress=False)

    def unseen(precision):
        return np.concatenate(
            [extract(base, part, precision=precision).X for part in (pictures.validation, pictures.test)]
        )

    exact, chosen = unseen("float32"), unseen("auto")
    assert 0 < np.linalg.norm(chosen - exact) < 0.03 * np.linalg.norm(exact)
    labels, wanted = (top.predict(X, verbose=0).argmax(axis=1) for X in (chosen, exact))
    assert np.mean(labels == wanted) >= 0.995
    y = np.concatenate([photos.list_pictures(part)["label"] == "dogs" for part in (pictures.validation, pictures.test)])
    assert np.mean(labels == y) > 0.9  # so that the labels say something


@pytest.mark.real
def test_real_photographs_with_the_backbone_at_hand(real_data):
    from helpers.data import datasets

    base = backbones.inception_v3(size=75, weights="random", cut="mixed2")
    folder = datasets.cats_vs_dogs().test
    found = extract(base, folder)
    assert found.X.shape[0] == len(photos.list_pictures(folder))
    np.testing.assert_allclose(found.X[-5:], direct(base, folder)[-5:], atol=1e-4)
