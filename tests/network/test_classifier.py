import os
import resource
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.network import classifier
from helpers.pictures import photos

ATOL = 1e-2 if tf.config.list_physical_devices("GPU") else 1e-6  # a GPU multiplies with 10 bits of mantissa (TF32)
rng = np.random.default_rng(0)
X = rng.normal(size=(80, 6)).astype("float32")
y = np.eye(2, dtype="float32")[(X[:, 0] + X[:, 1] > 0).astype(int)]


def head(seed=0, **settings):
    keras.utils.set_random_seed(seed)
    model = classifier.top(6, units=8)
    classifier.compile_sgd(model, **settings)
    return model


def small_classifier(channels=3, size=75):
    """A base of one layer instead of InceptionV3."""
    keras.utils.set_random_seed(0)
    pictures = keras.Input((size, size, channels))
    base = keras.Model(pictures, keras.layers.Conv2D(6, 3, strides=9)(keras.layers.Rescaling(1 / 255)(pictures)))
    model = classifier.attach(base, classifier.top(6, units=8))
    classifier.compile_sgd(model)
    return model


def folder_of_pictures(folder, n=12):
    for i in range(n):
        path = folder / ("cats" if i % 2 else "dogs") / f"picture.{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (90, 80, 3), dtype="uint8")).save(path)
    return folder


def same_weights(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def test_the_top_is_the_articles():
    model = classifier.top(1280)
    assert [layer.units for layer in model.layers] == [1024, 2]
    assert [layer.activation.__name__ for layer in model.layers] == ["relu", "softmax"]
    assert model.count_params() == 1280 * 1024 + 1024 + 1024 * 2 + 2


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"nb_classes must be at least 2.*got 1"):
        classifier.top(6, nb_classes=1)


def test_the_first_step_is_traced_once():
    """Tracing a large network takes seconds; variables that are made on the way would double them."""
    traced = []

    class Counting(keras.layers.Layer):
        def call(self, inputs, training=False):
            traced.append(training)
            return inputs

    model = keras.Sequential([keras.Input((6,)), Counting(), classifier.top(6, units=8)])
    classifier.compile_sgd(model)
    traced.clear()
    model.fit(X, y, epochs=2, verbose=0)
    assert traced == [True]


def test_sgd_follows_the_articles_formula():
    """Nesterov momentum and the decay of the learning rate, step by step in NumPy: Sutskever et al. 2013, eq. 3-4."""
    weight, velocity, trained = 1.0, 0.0, keras.Variable([1.0])
    optimizer = keras.optimizers.SGD.from_config(head(learning_rate=0.005, decay=0.1).optimizer.get_config())
    for t in range(5):
        gradient = 2 * weight
        rate = 0.005 / (1 + 0.1 * t)
        velocity = 0.9 * velocity - rate * gradient
        weight += 0.9 * velocity - rate * gradient
        optimizer.apply([2 * trained.value], [trained])
        assert float(trained.value[0]) == pytest.approx(weight, rel=1e-5)


def test_the_defaults_are_the_articles():
    settings = head().optimizer.get_config()
    assert (settings["momentum"], settings["nesterov"]) == (pytest.approx(0.9), True)
    schedule = head().optimizer._learning_rate.get_config()
    assert (schedule["initial_learning_rate"], schedule["decay_rate"], schedule["decay_steps"]) == (0.005, 1e-6, 1)


def test_training_learns_and_repeats():
    first, second = head(learning_rate=0.1), head(learning_rate=0.1)
    histories = [classifier.train(model, (X, y), (X, y), epochs=20) for model in (first, second)]
    assert histories[0] == histories[1]
    assert same_weights(first, second)
    assert histories[0]["val_accuracy"][-1] > 0.9
    assert len(histories[0]["loss"]) == 20


def test_steps_are_upper_bounds():
    model = head()
    classifier.train(model, (X, y), (X, y), epochs=1, batch_size=32)
    assert int(model.optimizer.iterations) == 3
    classifier.train(model, (X, y), (X, y), epochs=1, batch_size=8, steps_per_epoch=2, validation_steps=1)
    assert int(model.optimizer.iterations) == 5


def test_an_epoch_is_one_pass_over_all_rows_by_default():
    """Of the full training set the article's 600 steps would leave out some."""
    X, y = np.zeros((700, 6), "float32"), np.eye(2, dtype="float32")[np.zeros(700, int)]
    model = head()
    classifier.train(model, (X, y), epochs=1, batch_size=1, progress=False)
    assert int(model.optimizer.iterations) == 700
    first, _ = seen_in_validation((X, y), batch_size=1)
    assert len(first) == 700


@pytest.mark.filterwarnings("error:Your input ran out of data")
def test_a_dataset_is_bounded_too():
    model = head()
    data = tf.data.Dataset.from_tensor_slices((X, y)).batch(8)
    history = classifier.train(model, data, data, epochs=2, steps_per_epoch=4, validation_steps=2)
    assert int(model.optimizer.iterations) == 8
    assert len(history["val_loss"]) == 2


def seen_in_validation(data, **bounds):
    """Class of each example that the validation of a run with such data sees, in each of two epochs."""
    seen = []

    class Spy(keras.metrics.Metric):
        def update_state(self, truth, predicted, sample_weight=None):
            seen.append(np.asarray(truth).argmax(axis=1))

        def result(self):
            return 0.0

    model = head()
    model.compile("sgd", "categorical_crossentropy", weighted_metrics=[Spy()], run_eagerly=True)
    classifier.train(model, (X[:1], y[:1]), data, epochs=2, **bounds, progress=False)
    steps = [classes for classes in seen if len(classes) > 1]  # training has steps of one
    half = len(steps) // 2
    return np.concatenate(steps[:half]), np.concatenate(steps[half:])


# The article's full set: 2,500 pictures for validation, class by class; 60 batches of 32 are the most it looks at.
in_class_order = np.repeat(np.eye(2, dtype="float32"), 1250, axis=0), np.zeros((2500, 6), "float32")


@pytest.mark.filterwarnings("error:Your input ran out of data")
@pytest.mark.parametrize(("kind", "seen"), [("arrays", 60 * 32), ("dataset", 59 * 32 + 4)])  # its last batch is small
def test_a_bounded_validation_sees_the_classes_in_proportion_and_the_same_ones_each_epoch(kind, seen):
    labels, features = in_class_order
    data = (features, labels)
    if kind == "dataset":
        data = tf.data.Dataset.from_tensor_slices(data).batch(32)
    first, second = seen_in_validation(data, batch_size=32, validation_steps=60)
    assert len(first) == seen
    assert first.mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(first, second)


def test_validation_data_within_the_bound_are_all_seen():
    labels, features = in_class_order
    for data in ((features, labels), tf.data.Dataset.from_tensor_slices((features, labels)).batch(32)):
        first, _ = seen_in_validation(data, batch_size=32, validation_steps=79)
        assert len(first) == 2500


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = head()
    expected = classifier.train(whole, (X, y), (X, y), epochs=6)

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 4:
                raise KeyboardInterrupt

    killed, real_fit = head(), keras.Model.fit
    killed.fit = lambda *a, callbacks, **k: real_fit(killed, *a, callbacks=[*callbacks, Kill()], **k)
    with pytest.raises(KeyboardInterrupt):
        classifier.train(killed, (X, y), (X, y), epochs=6, checkpoints=tmp_path)

    resumed = head(seed=5)  # other weights: all must come from the checkpoint
    history = classifier.train(resumed, (X, y), (X, y), epochs=6, checkpoints=tmp_path)
    assert same_weights(resumed, whole)
    assert history == {name: pytest.approx(values, rel=1e-6) for name, values in expected.items()}
    assert int(resumed.optimizer.iterations) == int(whole.optimizer.iterations)
    assert len(list(tmp_path.glob("epoch_*"))) == 1


def test_a_finished_run_is_not_repeated(tmp_path):
    first, second = head(), head(seed=1)
    history = classifier.train(first, (X, y), epochs=2, checkpoints=tmp_path)
    assert classifier.train(second, (X, y), epochs=2, checkpoints=tmp_path) == history
    assert same_weights(first, second)


def test_checkpoints_of_another_model_are_refused(tmp_path):
    classifier.train(head(), (X, y), epochs=1, checkpoints=tmp_path)
    other = classifier.top(6, units=9)
    classifier.compile_sgd(other)
    with pytest.raises(ValueError, match="keeps another model's training"):
        classifier.train(other, (X, y), epochs=2, checkpoints=tmp_path)


def run_on_arrays(folder, model=None, data=(X, y), validation_data=(X, y), epochs=2, **settings):
    model = head(**model or {})
    return classifier.train(model, data, validation_data, epochs=epochs, checkpoints=folder, progress=False, **settings)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished run, and its history."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run_on_arrays(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"model": {"learning_rate": 0.1}}, "learning_rate"),
        ({"model": {"momentum": 0.5}}, "momentum"),
        ({"data": (X, y[::-1])}, "data"),
        ({"data": (X[:-8], y[:-8])}, "data"),
        ({"validation_data": (X[:8], y[:8])}, "validation data"),
        ({"batch_size": 16}, "batch_size"),
        ({"steps_per_epoch": 1}, "steps_per_epoch"),
        ({"seed": 1}, "seed"),
        ({"tag": "others"}, "tag"),
    ],
)
def test_checkpoints_of_another_run_are_refused_and_left_as_they_are(finished, changed, named):
    folder, history = finished
    before = contents(folder)
    with pytest.raises(ValueError, match=f"keeps another run, of which these differ: {named}\\. .*name another folder"):
        run_on_arrays(folder, **changed)
    assert contents(folder) == before
    assert run_on_arrays(folder) == history


def test_after_a_refusal_the_run_itself_goes_on(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    with pytest.raises(ValueError, match="keeps another run"):
        run_on_arrays(tmp_path, epochs=3, tag="others")
    assert run_on_arrays(tmp_path, epochs=3)["loss"][:2] == finished[1]["loss"]


class Killed(keras.callbacks.Callback):
    """Stops a run at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def run_on_dataset(folder, killed=None, epochs=4, batch_size=8, brightness=0.5, n=None, validation_n=None, **settings):
    """Train with dropout on a Dataset that shuffles, caches and augments, made anew as after a restart."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.3), classifier.top(6, units=8)])
    classifier.compile_sgd(model)
    if killed is not None:
        fit = model.fit
        model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, Killed(killed)], **k)
    noise = keras.layers.GaussianNoise(brightness, seed=5)
    data = tf.data.Dataset.from_tensor_slices((X[:n], y[:n])).cache().shuffle(80, seed=7).batch(batch_size)
    data = data.map(lambda x, label: (noise(x, training=True), label)).prefetch(2)
    validation = tf.data.Dataset.from_tensor_slices((X[:validation_n], y[:validation_n])).batch(8)
    history = classifier.train(model, data, validation, epochs=epochs, checkpoints=folder, progress=False, **settings)
    return model, history


@pytest.mark.filterwarnings("error:Your input ran out of data")
def test_a_killed_run_on_a_dataset_goes_on_as_if_nothing_had_happened(tmp_path):
    whole, expected = run_on_dataset(tmp_path / "whole")
    for killed in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            run_on_dataset(tmp_path / "killed", killed=killed)
    resumed, history = run_on_dataset(tmp_path / "killed")
    assert same_weights(resumed, whole)
    assert history == {name: pytest.approx(values, rel=1e-6) for name, values in expected.items()}
    assert run_on_dataset(tmp_path / "killed")[1] == history  # finished: nothing is left to do
    longer, _ = run_on_dataset(tmp_path / "whole", epochs=6)
    assert same_weights(run_on_dataset(tmp_path / "killed", epochs=6)[0], longer)


@pytest.fixture(scope="module")
def killed_on_dataset(tmp_path_factory):
    """Folder of a run that was killed after two epochs."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(KeyboardInterrupt):
        run_on_dataset(folder, killed=2)
    return folder


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 16}, "data"),
        ({"brightness": 0.1}, "data"),
        ({"n": 72}, "data"),
        ({"validation_n": 72}, "validation data"),
        ({"steps_per_epoch": 3}, "steps_per_epoch"),
        ({"tag": "others"}, "tag"),
    ],
)
@pytest.mark.parametrize("epochs", [2, 4], ids=["finished", "half of it"])
def test_another_run_on_a_dataset_is_refused(killed_on_dataset, changed, named, epochs):
    before = contents(killed_on_dataset)
    with pytest.raises(ValueError, match=rf"keeps another run, of which these differ: .*{named}.*name another folder"):
        run_on_dataset(killed_on_dataset, epochs=epochs, **changed)
    assert contents(killed_on_dataset) == before


def test_checkpoints_on_a_dataset_without_an_end_need_a_number_of_steps(tmp_path):
    endless = tf.data.Dataset.from_tensor_slices((X, y)).batch(8).repeat()
    with pytest.raises(ValueError, match="need steps_per_epoch"):
        classifier.train(head(), endless, checkpoints=tmp_path)
    unknown = tf.data.Dataset.from_tensor_slices((X, y)).filter(lambda x, label: True).batch(8)
    for data, steps in ((endless, 5), (unknown, None)):
        model = head()
        checkpoints = tmp_path / str(steps)
        classifier.train(model, data, epochs=2, steps_per_epoch=steps, checkpoints=checkpoints, progress=False)
        assert int(model.optimizer.iterations) == 2 * (steps or 10)


def test_a_full_disk_is_named_and_the_last_checkpoint_kept(tmp_path, monkeypatch):
    history = classifier.train(head(), (X, y), epochs=2, checkpoints=tmp_path, progress=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        with pytest.raises(OSError, match=r"No room to write .*epoch_0003.* Make room"):
            classifier.train(head(), (X, y), epochs=3, checkpoints=tmp_path, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch_0002.npz", "history.json"]
    assert (
        classifier.train(head(), (X, y), epochs=3, checkpoints=tmp_path, progress=False)["loss"][:2] == history["loss"]
    )


def test_checkpoints_see_what_is_frozen_and_the_loss(tmp_path):
    classifier.train(head(), (X, y), epochs=1, checkpoints=tmp_path, progress=False)
    model = head()
    model.layers[0].trainable = False
    model.compile(model.optimizer, loss="mse")
    with pytest.raises(ValueError, match="differ: loss, layers, trainable weights"):
        classifier.train(model, (X, y), epochs=1, checkpoints=tmp_path, progress=False)


@pytest.mark.parametrize(("activation", "rate"), [("tanh", 0.3), ("relu", 0.9)])
def test_another_network_in_the_same_shapes_is_refused(tmp_path, activation, rate):
    def model(activation, rate):
        network = keras.Sequential(
            [keras.Input((6,)), keras.layers.Dropout(rate), keras.layers.Dense(8, activation), classifier.top(8)]
        )
        classifier.compile_sgd(network)
        return network

    classifier.train(model("relu", 0.3), (X, y), epochs=1, checkpoints=tmp_path, progress=False)
    with pytest.raises(ValueError, match="keeps another run, of which these differ: layers"):
        classifier.train(model(activation, rate), (X, y), epochs=2, checkpoints=tmp_path, progress=False)
    classifier.train(model("relu", 0.3), (X, y), epochs=2, checkpoints=tmp_path, progress=False)


def test_predict_wants_a_name_for_each_output(tmp_path):
    with pytest.raises(ValueError, match="the model has 2 outputs, got 1 class names"):
        classifier.predict(small_classifier(), folder_of_pictures(tmp_path), ["cats"])


def test_a_frozen_base_keeps_its_batch_normalisation_in_inference_mode():
    pictures = keras.Input((8, 8, 3))
    base = keras.Model(pictures, keras.layers.BatchNormalization()(pictures))
    base.trainable = False
    model = classifier.attach(base, classifier.top(3, units=4))
    x = rng.uniform(0, 255, (4, 8, 8, 3))
    in_training, in_inference = (keras.ops.convert_to_numpy(model(x, training=mode)) for mode in (True, False))
    np.testing.assert_array_equal(in_training, in_inference)


@pytest.mark.parametrize("channels", [1, 3])
def test_predict_covers_the_folder_in_file_order(tmp_path, channels):
    folder, model = folder_of_pictures(tmp_path / "pictures"), small_classifier(channels)
    table = classifier.predict(model, folder, ["cats", "dogs"], batch_size=5, progress=False)
    order = [f"cats/picture.{i}.jpg" for i in range(1, 12, 2)] + [f"dogs/picture.{i}.jpg" for i in range(0, 12, 2)]
    assert list(table["file"]) == order
    assert list(table.columns) == ["file", "label", "label_zh", "probability", "error"]
    assert set(table["error"]) == {""}
    x = np.stack([photos.load(folder / file, 75, channels) for file in order]).astype("float32")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(table["probability"], expected.max(axis=1), atol=ATOL)
    assert list(table["label"]) == [["cats", "dogs"][i] for i in expected.argmax(axis=1)]
    assert set(zip(table["label"], table["label_zh"], strict=True)) <= {("cats", "猫"), ("dogs", "狗")}


def test_predict_takes_a_folder_without_classes_and_writes_csv(tmp_path):
    import pandas as pd

    folder = folder_of_pictures(tmp_path / "all") / "cats"
    csv = tmp_path / "out" / "predictions.csv"
    table = classifier.predict(small_classifier(), folder, ["cats", "dogs"], csv=csv, progress=False)
    assert len(table) == 6
    pd.testing.assert_frame_equal(
        pd.read_csv(csv, encoding="utf-8-sig", keep_default_na=False), table, check_dtype=False, atol=ATOL
    )
    assert csv.read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.filterwarnings("ignore:.*could not be read")
def test_a_broken_picture_has_a_row_with_the_reason_and_the_rest_are_predicted(tmp_path):
    import pandas as pd

    folder, csv, model = folder_of_pictures(tmp_path / "all") / "cats", tmp_path / "predictions.csv", small_classifier()
    whole = classifier.predict(model, folder, ["cats", "dogs"], batch_size=2, progress=False)
    (folder / "picture.3.jpg").write_bytes((folder / "picture.3.jpg").read_bytes()[:200])
    (folder / "picture.4.jpg").mkdir()  # after it was listed, a picture can be anything, or gone
    (folder / "picture.4.jpg").rmdir()
    (folder / "picture.4.jpg").symlink_to(folder / "nowhere.jpg")
    with pytest.warns(UserWarning, match="2 of 7 pictures could not be read; see the column error"):
        table = classifier.predict(model, folder, ["cats", "dogs"], batch_size=2, csv=csv, progress=False)
    assert table["file"].tolist() == [f"picture.{i}.jpg" for i in (1, 3, 4, 5, 7, 9, 11)]
    broken = table.iloc[[1, 2]]
    assert broken["label"].tolist() == broken["label_zh"].tolist() == ["", ""]
    assert broken["probability"].isna().all()
    assert "picture.3.jpg is not a whole picture" in broken["error"].iloc[0]
    rest = table.drop(index=[1, 2]).reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, whole.drop(index=1).reset_index(drop=True), atol=ATOL)
    assert len(pd.read_csv(csv)) == 7
    for path in folder.iterdir():
        path.unlink()
        path.write_text("no picture")
    assert classifier.predict(model, folder, ["cats", "dogs"], progress=False)["probability"].isna().all()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
def test_a_name_that_is_no_utf8_is_escaped_in_the_csv(tmp_path):
    folder = folder_of_pictures(tmp_path / "all") / "cats"
    (folder / "picture.1.jpg").rename(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg"))
    csv = tmp_path / "predictions.csv"
    table = classifier.predict(small_classifier(), folder, ["cats", "dogs"], csv=csv, progress=False)
    assert len(table) == 6
    assert table["file"][0] == "caf\\xe9.jpg"
    assert "caf\\xe9.jpg" in csv.read_text(encoding="utf-8-sig")


def test_other_classes_have_no_chinese_name(tmp_path):
    table = classifier.predict(small_classifier(), folder_of_pictures(tmp_path), ["a", "b"], progress=False)
    assert set(table["label_zh"]) == {""}


def test_a_saved_model_predicts_the_same_in_a_new_process_and_in_safe_mode(tmp_path):
    model, x = small_classifier(), rng.uniform(0, 255, (3, 75, 75, 3)).astype("float32")
    classifier.save(model, tmp_path / "model.keras", ["cats", "dogs"])
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys; from pathlib import Path; import numpy as np; from helpers.network import classifier\n"
        "folder = Path(sys.argv[1]); model, names = classifier.load(folder / 'model.keras')\n"
        "assert names == ['cats', 'dogs']\n"
        "np.save(folder / 'p.npy', model.predict(np.load(folder / 'x.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), model.predict(x, verbose=0), atol=10 * ATOL)


def test_a_loaded_model_goes_on_with_its_optimiser(tmp_path):
    model = head()
    classifier.train(model, (X, y), epochs=2)
    classifier.save(model, tmp_path / "m.keras", ["cats", "dogs"])
    loaded, _ = classifier.load(tmp_path / "m.keras")
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations)
    for one in (model, loaded):
        classifier.train(one, (X, y), epochs=1)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=ATOL)


def test_a_model_with_code_of_its_own_is_not_loaded(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])
    classifier.save(model, tmp_path / "m.keras", ["a", "b"])
    with pytest.raises(ValueError, match=r"[Ll]ambda"):
        classifier.load(tmp_path / "m.keras")


def test_a_full_disk_is_named_and_the_model_before_kept(tmp_path):
    classifier.save(head(), tmp_path / "m.keras", ["a", "b"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        with pytest.raises(OSError, match=r"No room to write .*m\.keras.* Make room"):
            classifier.save(head(), tmp_path / "m.keras", ["c", "d"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]
    assert classifier.load(tmp_path / "m.keras")[1] == ["a", "b"]


# TensorFlow asks the processor, not oneDNN, whether it multiplies matrices of 16 bits. Where oneDNN is held to less
# than the processor has, it finds no such kernel, and the process dies of a segmentation fault.
@pytest.mark.skipif("ONEDNN_MAX_CPU_ISA" in os.environ, reason="TensorFlow may crash in a product of 16 bits")
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_probabilities_are_float32_under_any_dtype_policy(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = head()
        assert np.asarray(model(X)).dtype == np.float32
        assert np.isfinite(classifier.train(model, (X, y), epochs=1, progress=False)["loss"]).all()
    finally:
        keras.config.set_dtype_policy("float32")


def test_saving_checks_names_and_replaces(tmp_path):
    path = tmp_path / "m.keras"
    with pytest.raises(ValueError, match="2 outputs, got 3 class names"):
        classifier.save(head(), path, ["a", "b", "c"])
    classifier.save(head(), path, ["a", "b"])
    classifier.save(head(), path, ["c", "d"])
    assert classifier.load(path)[1] == ["c", "d"]


def test_files_that_are_not_there_or_not_ours_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="Run notebook 09 first"):
        classifier.load(tmp_path / "m.keras")
    head().save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="holds no class names"):
        classifier.load(tmp_path / "m.keras")


@pytest.mark.parametrize("function", [classifier.load, classifier.source_of])
def test_a_file_that_is_no_archive_or_half_of_one_is_named(tmp_path, function):
    path = tmp_path / "m.keras"
    path.write_text("no archive")
    with pytest.raises(ValueError, match=r"m\.keras is no \.keras file, or only a part of one"):
        function(path)
    classifier.save(head(), path, ["a", "b"])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"m\.keras is no \.keras file, or only a part of one"):
        function(path)


def test_a_saved_model_says_which_weights_it_started_from(tmp_path):
    source = "Weights: InceptionV3 up to mixed2 (drawn animals, 画的动物)"
    classifier.save(head(), tmp_path / "m.keras", ["a", "b"], source=source)
    assert classifier.source_of(tmp_path / "m.keras") == source
    assert classifier.load(tmp_path / "m.keras")[1] == ["a", "b"]
    classifier.save(head(), tmp_path / "m.keras", ["a", "b"])
    assert classifier.source_of(tmp_path / "m.keras") == ""


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="same length, got 80 and 79"):
        classifier.train(head(), (X, y[:-1]), epochs=1)
