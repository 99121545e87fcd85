import h5py
import keras
import numpy as np
import pytest
from keras.applications import InceptionV3
from keras.src.legacy.saving import legacy_h5_format  # the format in which Keras publishes InceptionV3

from helpers import backbones, runtime


@pytest.fixture(scope="module")
def base():
    return backbones.inception_v3(size=75, weights="random", cut="mixed2")


def pictures(size=75, channels=3, n=2):
    return np.random.default_rng(0).uniform(0, 255, (n, size, size, channels)).astype("float32")


def test_the_model_is_keras_inception_v3_on_pixels_scaled_to_minus_one_to_one(base):
    stock = InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    stock = keras.Model(stock.input, stock.get_layer("mixed2").output)
    stock.set_weights(base.model.get_weights())
    x = pictures()
    expected = stock.predict(keras.applications.inception_v3.preprocess_input(x.copy()), verbose=0)
    np.testing.assert_allclose(base.model.predict(x, verbose=0), expected, atol=1e-5)


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
    expected = keras.Model(whole.model.input, whole.model.get_layer("mixed1").output).predict(x, verbose=0)
    np.testing.assert_allclose(early.model.predict(x, verbose=0), expected, atol=1e-5)


def test_shipped_weights_survive_a_round_trip_in_half_precision(base, tmp_path, monkeypatch):
    monkeypatch.setattr(backbones, "SHIPPED_WEIGHTS", tmp_path / "weights.npz")
    backbones.save_shipped(base.model, backbones.SHIPPED_WEIGHTS)
    loaded = backbones.inception_v3(size=75, weights="shipped")
    for a, b in zip(base.model.get_weights(), loaded.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_grey_pictures_are_rgb_pictures_with_three_equal_channels(base):
    grey = backbones.inception_v3(size=75, weights="random", cut="mixed2", channels=1)
    grey.model.set_weights(base.model.get_weights())
    x = pictures(channels=1)
    expected = base.model.predict(np.repeat(x, 3, axis=-1), verbose=0)
    np.testing.assert_allclose(grey.model.predict(x, verbose=0), expected, atol=1e-5)


def test_a_file_that_ends_at_a_block_is_used_up_to_there(base, tmp_path, monkeypatch):
    path = tmp_path / "mine.weights.h5"
    base.model.save_weights(path)
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(path))
    loaded = backbones.inception_v3(size=75)
    assert (loaded.weights, loaded.cut, loaded.fingerprint) == ("file", "mixed2", base.fingerprint)
    assert backbones.inception_v3(size=75, cut="mixed1").cut == "mixed1"
    with pytest.raises(ValueError, match=r"mine\.weights\.h5 holds InceptionV3 up to mixed2, .* cut mixed3"):
        backbones.inception_v3(size=75, cut="mixed3")


def test_keras_own_file_format_reaches_the_last_block(tmp_path, monkeypatch):
    stock = InceptionV3(include_top=False, weights=None)
    path = tmp_path / "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, stock)
    monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(path))
    loaded = backbones.inception_v3(size=75)
    assert loaded.cut == "mixed10"
    for a, b in zip(loaded.model.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_network_and_cache_imagenet_falls_back_to_shipped_with_a_word(monkeypatch, capsys):
    monkeypatch.setenv("TRANSFER_OFFLINE", "0")
    monkeypatch.setenv("KERAS_HOME", str(runtime.build_dir()))

    def refuse(**_):
        raise Exception("URL fetch failure: no route")

    monkeypatch.setattr(backbones, "InceptionV3", refuse)
    assert backbones._choose() == "shipped"
    assert "could not be downloaded (URL fetch failure: no route)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 74}, "size must be at least 75.* got 74"),
        ({"cut": "mixed11"}, "cut must be one of mixed0.* got 'mixed11'"),
        ({"channels": 4}, r"channels must be 1 \(grey\) or 3 \(RGB\), got 4"),
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


def test_unfreeze_from_trains_the_convolutions_of_the_block_and_nothing_else(base):
    names = backbones.unfreeze_from(base.model, "mixed2")
    assert len(names) == 7  # the block has seven convolutions
    assert all(name.startswith("conv2d") for name in names)
    x = pictures(n=8)
    model = keras.Sequential([base.model, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    before, statistics = base.model.get_weights(), backbones.moving_statistics(model)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
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


@pytest.mark.real
def test_real_imagenet_weights_load_up_to_mixed8(real_data, monkeypatch):
    monkeypatch.delenv("INCEPTION_V3_WEIGHTS", raising=False)
    base = backbones.inception_v3()
    assert (base.weights, base.cut, base.size) == ("file", "mixed8", 197)
