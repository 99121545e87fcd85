import dataclasses
import hashlib
import inspect
import time

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.applications import InceptionV3
from keras.src.applications import inception_v3 as keras_inception_v3
from keras.src.legacy.saving import legacy_h5_format  # the format in which Keras publishes InceptionV3

from helpers import runtime
from helpers.data import datasets, downloads
from helpers.network import backbones
from local_server import CONTENT

ENTRY = datasets.REGISTRY["inception_v3_weights"]
ATOL = 1e-2 if tf.config.list_physical_devices("GPU") else 1e-5  # a GPU multiplies with 10 bits of mantissa (TF32)


@pytest.fixture(scope="module")
def base():
    return backbones.inception_v3(size=75, weights="random", cut="mixed2")


@pytest.fixture(scope="module")
def stock():
    """Keras's own network."""
    return InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))


@pytest.fixture(scope="module")
def published(stock, tmp_path_factory):
    """The file of the whole network as Keras publishes it, and the weights in it."""
    path = tmp_path_factory.mktemp("published") / ENTRY.file_name
    write_as_keras_does(path, stock)
    return path, stock.get_weights()


@pytest.fixture(scope="module")
def whole():
    return backbones._whole(75)


@pytest.fixture
def built(monkeypatch, whole):
    """Give the one network of this module, all at zero, where one is built for a file: to build it takes a second."""
    whole.set_weights([np.zeros_like(weight) for weight in whole.get_weights()])
    monkeypatch.setattr(backbones, "_whole", {75: whole}.__getitem__)


@pytest.fixture(scope="module")
def with_top():
    return InceptionV3(weights=None, classes=3)


def pictures(size=75, n=2):
    return np.random.default_rng(0).uniform(0, 255, (n, size, size, 3)).astype("float32")


def run(model, x):
    """Give the output for one batch; `predict` would compile the model first, which takes seconds."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def same_weights(model, weights):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


def test_the_model_is_keras_inception_v3_on_pixels_scaled_to_minus_one_to_one(base, stock):
    theirs = keras.Model(stock.input, stock.get_layer("mixed2").output)
    theirs.set_weights(base.model.get_weights())
    x = pictures()
    expected = run(theirs, keras.applications.inception_v3.preprocess_input(x.copy()))
    np.testing.assert_allclose(run(base.model, x), expected, atol=ATOL)


def test_random_weights_follow_the_seed(base):
    again = backbones.inception_v3(size=75, weights="random", cut="mixed2")
    other = backbones.inception_v3(size=75, weights="random", cut="mixed2", seed=1)
    assert again.fingerprint == base.fingerprint != other.fingerprint


def test_the_shipped_weights_are_the_default_and_are_said_to_be_drawn_animals():
    shipped = backbones.inception_v3()
    assert (shipped.weights, shipped.cut, shipped.size) == ("shipped", "mixed2", 96)
    assert "drawn animals" in shipped.source
    assert backbones.SHIPPED_WEIGHTS.stat().st_size < 5e6
    assert all(np.isfinite(weight).all() for weight in shipped.model.get_weights())


def test_the_shipped_weights_can_be_cut_earlier():
    x = pictures(96)
    whole, early = backbones.inception_v3(), backbones.inception_v3(cut="mixed1")
    expected = run(keras.Model(whole.model.input, whole.model.get_layer("mixed1").output), x)
    np.testing.assert_allclose(run(early.model, x), expected, atol=ATOL)


def test_shipped_weights_survive_a_round_trip_in_half_precision(base, built, tmp_path, monkeypatch):
    monkeypatch.setattr(backbones, "SHIPPED_WEIGHTS", tmp_path / "weights.npz")
    backbones.save_shipped(base.model, backbones.SHIPPED_WEIGHTS)
    loaded = backbones.inception_v3(size=75, weights="shipped")
    for a, b in zip(base.model.get_weights(), loaded.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_a_file_that_ends_at_a_block_is_used_up_to_there(base, built, tmp_path, monkeypatch):
    path = tmp_path / "mine.weights.h5"
    base.model.save_weights(path)
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(path))
    loaded = backbones.inception_v3(size=75)
    assert (loaded.weights, loaded.cut, loaded.fingerprint) == ("file", "mixed2", base.fingerprint)
    assert backbones.inception_v3(size=75, cut="mixed1").cut == "mixed1"
    with pytest.raises(ValueError, match=r"mine\.weights\.h5 holds InceptionV3 up to mixed2, .* cut mixed3"):
        backbones.inception_v3(size=75, cut="mixed3")


def test_keras_own_file_format_reaches_the_last_block(built, published, monkeypatch):
    path, weights = published
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(path))
    loaded = backbones.inception_v3(size=75)
    assert loaded.cut == "mixed10"
    assert same_weights(loaded.model, weights)


def test_a_truncated_file_is_named_with_what_to_do(base, tmp_path, monkeypatch):
    path = tmp_path / "mine.weights.h5"
    base.model.save_weights(path)
    path.write_bytes(path.read_bytes()[:-1000])
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(path))
    with pytest.raises(
        ValueError, match=r"mine\.weights\.h5 is not a whole file .*truncated.* Copy or download it again"
    ):
        backbones.inception_v3(size=75)


def test_the_source_names_the_readers_file_without_its_folder(base, built, tmp_path, monkeypatch):
    base.model.save_weights(tmp_path / "mine.weights.h5")
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(tmp_path / "mine.weights.h5"))
    source = backbones.inception_v3(size=75).source
    assert "own weights file mine.weights.h5; pictures 75x75" in source
    assert tmp_path.name not in source


@pytest.mark.parametrize("legacy", [True, False])
def test_a_file_with_the_top_is_named_and_the_one_beside_it_without_preferred(base, built, with_top, tmp_path, legacy):
    folder = tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    whole = folder / "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
    if legacy:
        write_as_keras_does(whole, with_top)
    else:
        with_top.save_weights(whole.with_suffix(".weights.h5"))
    with pytest.raises(ValueError, match=r"kernels.* holds InceptionV3 with its top; wanted is .*_notop\.h5"):
        backbones.inception_v3(size=75)
    base.model.save_weights(folder / "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.weights.h5")
    loaded = backbones.inception_v3(size=75)
    assert "_notop" in loaded.file
    assert loaded.fingerprint == base.fingerprint


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_dtype_policy_is_part_of_the_fingerprint(base, policy):
    keras.config.set_dtype_policy(policy)
    try:
        mixed = backbones.inception_v3(size=75, weights="random", cut="mixed2")
    finally:
        keras.config.set_dtype_policy("float32")
    for a, b in zip(mixed.model.get_weights(), base.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert mixed.fingerprint != base.fingerprint


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Path of Keras's file of ImageNet weights in an empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    path = tmp_path / "keras" / "models" / ENTRY.file_name
    path.parent.mkdir(parents=True)
    return path


def write_as_keras_does(path, model):
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def register(monkeypatch, content, url=ENTRY.url):
    """Let these bytes be the ImageNet weights."""
    known = {"size": len(content), "checksum": f"md5:{hashlib.md5(content).hexdigest()}", "url": url}
    monkeypatch.setitem(datasets.REGISTRY, ENTRY.name, dataclasses.replace(ENTRY, **known))


def test_address_and_checksum_of_the_imagenet_weights_are_those_of_keras():
    assert ENTRY.url == keras_inception_v3.WEIGHTS_PATH_NO_TOP
    assert f'"{ENTRY.checksum.removeprefix("md5:")}"' in inspect.getsource(keras_inception_v3)


def test_offline_a_whole_file_in_kerass_cache_is_used(cached, published, monkeypatch):
    path, weights = published
    cached.write_bytes(path.read_bytes())
    register(monkeypatch, cached.read_bytes())
    loaded = backbones.inception_v3(size=75)
    assert (loaded.weights, loaded.cut) == ("imagenet", "mixed10")
    assert same_weights(loaded.model, weights)


@pytest.mark.parametrize("content", [b"half a file", None])
def test_offline_without_a_whole_file_the_network_is_not_asked(built, cached, content):
    if content is not None:
        cached.write_bytes(content)
    assert backbones.inception_v3(size=75).weights == "shipped"
    with pytest.raises(downloads.OfflineError, match=r"TRANSFER_OFFLINE=1 .*Unset it, or copy the whole .*notop"):
        backbones.inception_v3(size=75, weights="imagenet")
    assert content is None or cached.read_bytes() == content


@pytest.mark.parametrize("stopped", [True, False])
def test_a_download_that_fails_or_is_stopped_falls_back_to_shipped_with_a_word(
    built, cached, monkeypatch, capsys, server, stopped
):
    """So it does where a half file lies in the cache, which is downloaded again."""
    cached.write_bytes(b"half a file")
    register(monkeypatch, b"the weights", server.url("/not_there"))
    if stopped:
        monkeypatch.setattr(downloads, "_receive", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert backbones.inception_v3(size=75).weights == "shipped"
    said = capsys.readouterr().out
    assert "Interrupt the kernel to go on with the shipped weights" in said
    assert ("(interrupted)" if stopped else "404") in said
    assert cached.read_bytes() == b"half a file"


def test_the_download_goes_where_keras_keeps_it(cached, published, monkeypatch, server):
    server.files["/weights.h5"] = content = published[0].read_bytes()
    register(monkeypatch, content, server.url("/weights.h5"))
    assert backbones.inception_v3(size=75).weights == "imagenet"
    assert cached.read_bytes() == content


def test_weights_that_come_too_slowly_are_given_up_and_not_asked_for_again_today(built, cached, monkeypatch, server):
    monkeypatch.setattr(downloads, "AUTOMATIC_LIMIT", 0.5)
    server.delay = 0.2  # 16 blocks: 3 seconds
    register(monkeypatch, CONTENT, server.url())
    start = time.monotonic()
    assert backbones.inception_v3(size=75).weights == "shipped"
    assert time.monotonic() - start < 10
    asked = len(server.requests)
    assert backbones.inception_v3(size=75).weights == "shipped"
    assert len(server.requests) == asked
    server.delay = 0
    assert backbones._imagenet() == cached  # asked for by name: tried all the same
    assert cached.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 74}, "size must be at least 75.* got 74"),
        ({"cut": "mixed11"}, "cut must be one of mixed0.* got 'mixed11'"),
        ({"weights": "vgg"}, "weights must be auto.* got 'vgg'"),
        ({"weights": "shipped", "cut": "mixed9"}, "shipped weights end at mixed2"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        backbones.inception_v3(**arguments)


def test_a_missing_weights_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(tmp_path / "nowhere.h5"))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.h5"):
        backbones.inception_v3()


def test_freeze_leaves_nothing_to_train(base):
    backbones.freeze(base.model)
    assert backbones.parameter_counts(base.model) == {"trainable": 0, "frozen": base.model.count_params()}


def test_freeze_reaches_what_was_unfrozen_by_hand_inside_a_frozen_model():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    model = keras.Sequential([keras.Input((4,)), inner])
    backbones.freeze(model)
    for layer in inner.layers:
        layer.trainable = True
    backbones.freeze(model)
    assert not any(layer.trainable for layer in [model, inner, *inner.layers])


def test_unfreeze_from_trains_the_convolutions_of_the_block_and_nothing_else(base):
    names = backbones.unfreeze_from(base.model, "mixed2")
    assert len(names) == 7  # the block has seven convolutions
    assert all(name.startswith("conv2d") for name in names)
    x = pictures(n=8)
    model = keras.Sequential([base.model, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    before, statistics = base.model.get_weights(), backbones.moving_statistics(model)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    model.fit(x, np.arange(8) % 2, verbose=0)
    pairs = zip(base.model.weights, before, base.model.get_weights(), strict=True)
    moved = {weight.path.split("/")[-2] for weight, old, new in pairs if (old != new).any()}
    assert moved == set(names)
    for path, value in backbones.moving_statistics(model).items():
        np.testing.assert_array_equal(value, statistics[path], err_msg=path)


def test_unfreeze_from_the_first_block_leaves_the_stem(base):
    names = backbones.unfreeze_from(base.model, "mixed0")
    assert len(names) == 3 * 7
    with pytest.raises(ValueError, match=r"block must be one of .*got 'mixed7'"):
        backbones.unfreeze_from(base.model, "mixed7")


def test_parts_one_after_the_other_are_the_whole(base):
    x = pictures()
    whole = run(base.model, x)
    for blocks in ((), ("mixed0",), ("mixed2",), ("mixed0", "mixed1", "mixed2")):
        parts = backbones.split(base.model, *blocks)
        assert len(parts) == len(blocks) + 1
        y = x
        for part in parts:
            y = run(part, y)
        np.testing.assert_allclose(y, whole, atol=ATOL, err_msg=str(blocks))


def test_what_trains_a_part_trains_the_model(base):
    names, x = backbones.unfreeze_from(base.model, "mixed2"), pictures(n=8)
    lower, upper = backbones.split(base.model, "mixed2")
    maps, before = run(lower, x), base.model.get_weights()
    model = keras.Sequential([upper, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    model.fit(maps, np.arange(8) % 2, verbose=0)
    pairs = zip(base.model.weights, before, base.model.get_weights(), strict=True)
    assert {weight.path.split("/")[-2] for weight, old, new in pairs if (old != new).any()} == set(names)
    np.testing.assert_allclose(run(base.model, x[:2]), run(upper, run(lower, x[:2])), atol=ATOL)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (("mixed2", "mixed1"), r"in the order of the network, each once, got \('mixed2', 'mixed1'\)"),
        (("mixed1", "mixed1"), "each once, got"),
        (("mixed7",), r"block must be one of \['mixed0', 'mixed1', 'mixed2'\], got 'mixed7'"),
    ],
)
def test_a_model_is_split_at_its_own_blocks_and_in_their_order(base, blocks, message):
    with pytest.raises(ValueError, match=message):
        backbones.split(base.model, *blocks)


@pytest.mark.real
def test_a_real_weights_file_is_taken_as_deep_as_it_reaches(real_data):
    file = runtime.weights_file()
    if file is None:
        pytest.skip(f"no weights file in {real_data / 'weights'}")
    base = backbones.inception_v3()
    assert (base.weights, base.file, base.size) == ("file", file.name, 197)
    arrays = []
    with h5py.File(file) as content:
        content.visititems(lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    for weight in base.model.get_weights():
        assert any(weight.shape == array.shape and (weight == array).all() for array in arrays)
