import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.network.augmentation import ARGUMENT_TO_LAYER, ChannelShift, article_augmentation, strong_augmentation

# Keras's leftover of ImageDataGenerator imports from a namespace that SciPy gives up.
pytestmark = pytest.mark.filterwarnings("ignore:.*scipy.ndimage:DeprecationWarning")

NOTHING = dict.fromkeys(ARGUMENT_TO_LAYER, 0) | {"horizontal_flip": False, "fill_mode": "nearest"}
# The article's line, number by number. It has no shear; its rescale=1/255 is not an augmentation.
ARTICLE = {
    "zoom_range": 0.25,
    "rotation_range": 15.0,
    "channel_shift_range": 25.0,
    "width_shift_range": 0.02,
    "height_shift_range": 0.02,
    "horizontal_flip": True,
    "fill_mode": "constant",
}
SIZE = 61
CENTRE = (SIZE - 1) / 2
DRAWS = 600


def pictures(n=4, size=24, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (n, size, size, channels)).astype("float32")


def blob(down=0, right=0):
    """Return one grey picture with a soft bright spot, this many pixels from its centre."""
    row, column = np.mgrid[:SIZE, :SIZE]
    spot = np.exp(-((row - CENTRE - down) ** 2 + (column - CENTRE - right) ** 2) / 8)
    return (250 * spot[..., np.newaxis]).astype("float32")


def by_layers(picture, draws=DRAWS, **ranges):
    model = article_augmentation(**NOTHING | ranges)
    return np.asarray(model(np.repeat(picture[np.newaxis], draws, axis=0), training=True))


def by_generator(picture, draws=DRAWS, **ranges):
    generator = tf.keras.preprocessing.image.ImageDataGenerator(**ranges)
    np.random.seed(0)  # noqa: NPY002 - the generator draws from this one
    return np.stack([generator.random_transform(picture) for _ in range(draws)])


def place(batch):
    """Return the centre of mass of each picture, pixels from the picture's centre: (n, 2), down and right."""
    batch = np.asarray(batch)
    mass = batch[..., 0] / batch[..., 0].sum(axis=(1, 2), keepdims=True)
    axis = np.arange(SIZE) - CENTRE
    return np.stack([mass.sum(axis=2) @ axis, mass.sum(axis=1) @ axis], axis=1)


def same_spread(ours, theirs, tolerance):
    """Tell whether two samples have the same extremes and quartiles."""
    quantiles = [0, 0.25, 0.5, 0.75, 1]
    return np.quantile(ours, quantiles) == pytest.approx(np.quantile(theirs, quantiles), abs=tolerance)


def test_the_defaults_are_the_articles_to_the_number():
    defaults = {name: p.default for name, p in inspect.signature(article_augmentation).parameters.items()}
    assert {name: defaults[name] for name in ARTICLE} == ARTICLE
    assert defaults.keys() == ARTICLE.keys() | {"seed", "name"}


def test_the_layers_have_the_articles_numbers():
    rotation, translation, zoom, channel, flip = (layer.get_config() for layer in article_augmentation().layers)
    assert rotation["factor"] == pytest.approx((-15 / 360, 15 / 360))
    assert (translation["height_factor"], translation["width_factor"]) == (0.02, 0.02)
    assert (zoom["height_factor"], zoom["width_factor"]) == (0.25, 0.25)
    assert channel["shift_range"] == 25 and flip["mode"] == "horizontal"
    assert [step["fill_mode"] for step in (rotation, translation, zoom)] == ["constant"] * 3
    assert [step["fill_value"] for step in (rotation, translation, zoom)] == [0.0] * 3


def test_the_articles_augmentation_as_the_generator():
    ours = place(np.asarray(article_augmentation()(np.repeat(blob(right=8)[np.newaxis], DRAWS, axis=0), training=True)))
    theirs = place(by_generator(blob(right=8), **ARTICLE))
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.15)


def test_the_strong_one_moves_pictures_further():
    x = np.repeat(blob(right=8)[np.newaxis], 200, axis=0)
    article, strong = (
        place(build()(x, training=True)).std(axis=0) for build in (article_augmentation, strong_augmentation)
    )
    assert (strong > 1.2 * article).all()
    assert strong_augmentation().name == "strong_augmentation"


@pytest.mark.parametrize("channels", [1, 3])
def test_training_keeps_shape_type_and_range(channels):
    x = pictures(channels=channels)
    out = np.asarray(article_augmentation()(x, training=True))
    assert out.shape == x.shape and out.dtype == np.float32
    assert out.min() >= 0 and out.max() <= 255
    assert np.abs(out - x).mean() > 10  # and it does something


def test_outside_training_pictures_stay_as_they_are():
    x = pictures()
    model = article_augmentation()
    np.testing.assert_array_equal(model(x, training=False), x)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)


def test_our_layer_takes_silence_for_training_as_those_of_keras_do():
    x = pictures()
    for layer in article_augmentation().layers[:5]:
        assert not np.array_equal(layer(x), x), layer.name


def test_all_ranges_zero_is_the_identity():
    x = pictures()
    np.testing.assert_array_equal(article_augmentation(**NOTHING)(x, training=True), x)


@pytest.mark.parametrize("argument", ARGUMENT_TO_LAYER)
def test_each_argument_works_alone(argument):
    x = pictures(n=8)
    assert not np.array_equal(article_augmentation(**NOTHING | {argument: 0.3})(x, training=True), x)


def test_table_names_the_layers_in_use():
    model = article_augmentation()
    assert {type(layer).__name__ for layer in model.layers} == {layer for layer, _ in ARGUMENT_TO_LAYER.values()}


def test_same_seed_same_sequence():
    x = pictures()
    first, second, other = article_augmentation(seed=3), article_augmentation(seed=3), article_augmentation(seed=4)
    batches = [np.asarray(first(x, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(batches[0], second(x, training=True))
    np.testing.assert_array_equal(batches[1], second(x, training=True))
    assert not np.array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[0], other(x, training=True))


def test_rotation_and_shift_are_independent():
    draws = by_layers(blob(right=0), width_shift_range=0.2, height_shift_range=0.2)
    down, right = place(draws).T
    angle = place(by_layers(blob(right=12), rotation_range=40))[:, 0]
    for one, other in [(down, right), (angle, right), (angle, down)]:
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.15


def test_rotation_as_the_generator():
    ours, theirs = (
        np.degrees(np.arctan2(*place(augment(blob(right=18), rotation_range=40)).T))
        for augment in (by_layers, by_generator)
    )
    assert same_spread(ours, theirs, tolerance=4)
    assert np.abs(ours).max() == pytest.approx(40, abs=1)


@pytest.mark.parametrize("axis", [0, 1])
def test_shift_as_the_generator(axis):
    # Both ranges at once: Keras's leftover of ImageDataGenerator takes the height's for the width's and vice versa.
    ranges = {"width_shift_range": 0.2, "height_shift_range": 0.2}
    ours, theirs = (place(augment(blob(), **ranges))[:, axis] for augment in (by_layers, by_generator))
    assert same_spread(ours, theirs, tolerance=2.5)
    assert np.abs(ours).max() == pytest.approx(0.2 * SIZE, abs=0.2)


@pytest.mark.parametrize(("argument", "axis"), [("height_shift_range", 0), ("width_shift_range", 1)])
def test_each_shift_moves_along_its_own_axis(argument, axis):
    moved = np.abs(place(by_layers(blob(), **{argument: 0.2}))).max(axis=0)
    assert moved[axis] > 10 and moved[1 - axis] < 1e-3


def test_zoom_as_the_generator_each_axis_on_its_own():
    ours, theirs = (15 / place(augment(blob(15, 15), zoom_range=0.2)) for augment in (by_layers, by_generator))
    for axis in (0, 1):
        assert same_spread(ours[:, axis], theirs[:, axis], tolerance=0.04)
    assert ours.min() == pytest.approx(0.8, abs=0.01) and ours.max() == pytest.approx(1.2, abs=0.01)
    assert abs(np.corrcoef(ours.T)[0, 1]) < 0.15


@pytest.mark.parametrize("augment", [by_layers, by_generator])
def test_channel_shift_adds_one_number_to_all_channels(augment):
    x = np.full((8, 8, 3), 100, "float32") + np.array([0, 30, 60], "float32")
    x[0, 0], x[0, 1] = 0, 255  # so that nothing is clipped
    shift = augment(x, channel_shift_range=25)[:, 1:] - x[1:]
    assert np.ptp(shift, axis=(1, 2, 3)).max() < 1e-4
    assert same_spread(shift[:, 0, 0, 0], np.linspace(-25, 25, 101), tolerance=3)


def test_channel_shift_clips_to_each_picture_own_range():
    x = np.stack([np.linspace(50, 60, 64), np.linspace(0, 200, 64)]).reshape(2, 8, 8, 1).astype("float32")
    out = np.asarray(ChannelShift(100, seed=0)(x, training=True))
    assert (out.min(axis=(1, 2, 3)) >= [50, 0]).all() and (out.max(axis=(1, 2, 3)) <= [60, 200]).all()


def test_flip_mirrors_half_of_the_pictures_left_to_right():
    right = place(by_layers(blob(down=5, right=10), horizontal_flip=True))
    np.testing.assert_allclose(np.abs(right), [[5, 10]] * DRAWS, atol=1e-3)
    assert (right[:, 0] > 0).all() and 0.42 < (right[:, 1] < 0).mean() < 0.58


def test_all_together_as_the_generator():
    ranges = {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2}
    ranges |= {"zoom_range": 0.2, "horizontal_flip": True}
    ours, theirs = (place(augment(blob(right=8), **ranges)) for augment in (by_layers, by_generator))
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.1)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=1.5)


def test_empty_places_are_filled_as_asked():
    white = np.full((40, SIZE, SIZE, 1), 255, "float32")
    np.testing.assert_allclose(strong_augmentation()(white, training=True), white, atol=1e-3)
    assert np.asarray(article_augmentation()(white, training=True)).min() == 0


def test_a_saved_model_keeps_its_augmentation(tmp_path):
    x = pictures()
    model = keras.Sequential([keras.Input((24, 24, 3)), article_augmentation(seed=5)])
    model.save(tmp_path / "augmentation.keras")
    loaded = keras.saving.load_model(tmp_path / "augmentation.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(x, training=True), model(x, training=True))


def test_works_inside_tf_data_and_differs_between_epochs():
    model, x = article_augmentation(), pictures(n=6)
    data = tf.data.Dataset.from_tensor_slices(x).batch(3).map(lambda batch: model(batch, training=True))
    one, two = (np.concatenate(list(data.as_numpy_iterator())) for _ in range(2))
    assert one.shape == x.shape and data.element_spec.shape == (None, 24, 24, 3)
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"width_shift_range": 30}, "not pixels"),
        ({"rotation_range": -1}, "rotation_range must lie between 0 and 180"),
        ({"zoom_range": 1.5}, "zoom_range"),
        ({"fill_mode": "mirror"}, "mirror"),
    ],
)
def test_refuses_what_the_layers_would_misread(wrong, said):
    with pytest.raises((ValueError, NotImplementedError), match=said):
        article_augmentation(**wrong)
