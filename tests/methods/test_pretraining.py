"""Pre-training without labels: the autoencoder against PCA, SimCLR's loss against numpy, both against notebook 06."""

from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.data import drawn
from helpers.methods.pretraining import SimCLR, StackedAutoencoder, encoder, nt_xent, views

SMALL = {"filters": (8, 12), "epochs": 12, "batch_size": 16, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def pictures():
    return drawn.dataset(["cat", "dog"], 48, size=32, seed=0)[0]


@pytest.fixture(scope="module")
def fitted(pictures):
    return StackedAutoencoder(**SMALL).fit(pictures)


def error(A, B):
    return float(np.mean((A.astype(float) - B) ** 2))


def weights_of(layers):
    return [weight for layer in layers for weight in layer.get_weights()]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_shapes(fitted, pictures):
    assert fitted.encode(pictures, 1).shape == (96, 16, 16, 8)
    assert fitted.encode(pictures).shape == (96, 8, 8, 12)
    assert fitted.reconstruct(pictures[:3], 1).shape == fitted.reconstruct(pictures[:3]).shape == (3, 32, 32, 3)
    assert fitted.encoder().output_shape == (None, 8, 8, 12)
    assert [len(losses) for losses in fitted.losses_] == [12, 12]


def test_pictures_are_restored_better_than_by_their_mean(fitted, pictures):
    for losses in fitted.losses_:
        assert losses[-1] < losses[0]
    of_the_mean = error(pictures, pictures.mean(axis=0))
    for depth in (1, 2):
        assert error(pictures, fitted.reconstruct(pictures, depth)) < 0.8 * of_the_mean


class Watched(StackedAutoencoder):
    """Keeps copies of all weights from after each training."""

    def _train(self, layers, h):
        losses = super()._train(layers, h)
        self.after = [
            *getattr(self, "after", []),
            [weights_of(pair) for pair in zip(self.encoders_, self.decoders_, strict=True)],
        ]
        return losses


def test_a_block_leaves_all_others_alone(pictures):
    """Greedy: while block k is trained, no other block moves."""
    watched = Watched(filters=(8, 8, 8), epochs=1).fit(pictures)
    assert len(watched.after) == 3
    for k in (1, 2):
        for block in range(3):
            assert same(watched.after[k - 1][block], watched.after[k][block]) == (block != k)


@pytest.mark.parametrize(("kernel", "side", "components"), [(1, 8, 2), (4, 4, 5)], ids=["1x1", "dense"])
def test_a_linear_block_is_principal_component_analysis(kernel, side, components):
    """Patches of one pixel, or the whole picture as one patch: the best linear code is that of scikit-learn's PCA."""
    rng = np.random.default_rng(0)
    strength = np.r_[np.linspace(25 * kernel, 20 * kernel, components), np.full(3 * kernel**2 - components, 8)]
    mixing = np.linalg.qr(rng.normal(size=(3 * kernel**2, 3 * kernel**2)))[0]
    rows = 128 + (rng.normal(size=(400 * (side // kernel) ** 2, 3 * kernel**2)) * strength) @ mixing
    X = rows.reshape(-1, side, side, 3).clip(0, 255).astype(np.uint8)
    patches = X.reshape(-1, 3 * kernel**2)
    pca = PCA(components).fit(patches)
    best = error(patches, pca.inverse_transform(pca.transform(patches)))
    linear = StackedAutoencoder((components,), kernel, kernel, activation=None, epochs=60, learning_rate=1e-2).fit(X)
    reached = error(X, linear.reconstruct(X))
    assert reached > 0.999 * best  # no linear code does better
    assert reached < 1.02 * best
    filters = np.linalg.qr(linear.decoders_[0].get_weights()[0].reshape(-1, components))[0]
    cosines = np.linalg.svd(pca.components_ @ filters)[1]
    assert cosines.min() > 0.98  # the decoder spans the same directions


def test_the_encoder_computes_the_code(fitted, pictures):
    model = fitted.encoder()
    np.testing.assert_allclose(model(pictures[:5].astype("float32")), fitted.encode(pictures[:5]), atol=1e-5)
    model.set_weights([0 * weight for weight in model.get_weights()])
    assert fitted.encode(pictures[:5]).max() > 0  # the model had copies


def test_same_seed_same_weights(pictures):
    settings = SMALL | {"epochs": 1}
    first, second, other = (StackedAutoencoder(**settings, seed=seed).fit(pictures) for seed in (3, 3, 4))
    for a, b in zip(weights_of(first.encoders_), weights_of(second.encoders_), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(first.encode(pictures[:5]), other.encode(pictures[:5]), atol=1e-3)


def definition(name, scope):
    """Take one function out of notebook 06."""
    path = Path(__file__).parents[2] / "notebooks" / "06_parameter_based.ipynb"
    cells = [cell.source for cell in nbformat.read(path, 4).cells if f"def {name}(" in cell.source]
    assert len(cells) == 1
    start = cells[0].index(f"def {name}(")
    exec(cells[0][start:].split("\n\n\n")[0], scope)  # without what the cell does with it
    return scope[name]


def test_the_loop_in_the_notebook_gives_the_same_weights(pictures):
    settings = {"filters": (6, 8), "epochs": 2, "seed": 1}
    ours = StackedAutoencoder(**settings).fit(pictures)
    theirs = definition("pretrain", {"keras": keras, "np": np})(pictures / 127.5 - 1, **settings)
    for a, b in zip(weights_of(theirs), weights_of(ours.encoders_), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_loss_is_equation_1_of_the_paper():
    rng = np.random.default_rng(0)
    first, second, tau = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), 0.3
    z = np.concatenate([first, second])
    terms = []
    for i in range(10):
        e = [np.exp(z[i] @ z[k] / np.linalg.norm(z[i]) / np.linalg.norm(z[k]) / tau) for k in range(10)]
        terms.append(-np.log(e[(i + 5) % 10] / (sum(e) - e[i])))
    pair = tf.constant(first, tf.float32), tf.constant(second, tf.float32)
    assert float(nt_xent(*pair, tau)) == pytest.approx(np.mean(terms), rel=1e-5)
    assert float(definition("nt_xent", {"tf": tf})(*pair, tau)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_views_in_the_notebook_are_the_helpers(pictures):
    tf.random.set_seed(0)
    ours = views(pictures[:8])
    tf.random.set_seed(0)
    theirs = definition("views", {"tf": tf})(pictures[:8])
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_views_are_parts_of_the_picture_in_either_direction():
    """A picture that grows brighter to the right does so in every view, or grows darker if mirrored."""
    ramp = np.tile(np.linspace(0, 130, 32)[None, None, :, None], (200, 32, 1, 3))
    seen = views(ramp).numpy()
    assert seen.shape == ramp.shape
    assert 0 <= seen.min() < seen.max() <= 255
    np.testing.assert_allclose(seen, seen[:, :1].repeat(32, axis=1), atol=1e-2)
    slope = (seen[:, 0, -1] - seen[:, 0, 0]) / (seen[:, 0, -1] + seen[:, 0, 0])
    assert 0.3 < (slope < 0).mean() < 0.7
    whole = views(ramp, smallest=1.0).numpy()
    assert np.abs(whole[:, 0, [0, -1]].min(axis=1)).max() < 1e-3  # with 1 the whole picture is shown


@pytest.fixture(scope="module")
def contrasted(pictures):
    return SimCLR((8, 12), epochs=1, batch_size=32, seed=2).fit(pictures)


def test_normalisation_is_multiplied_into_the_convolutions(contrasted, pictures):
    x = pictures[:5].astype("float32")
    folded = contrasted.encoder()
    assert [type(layer) for layer in folded.layers[1:]] == [keras.layers.Conv2D] * 2
    moved = contrasted.network_.layers[2].get_weights()
    assert np.abs(moved[2]).max() > 0  # there is something to multiply in
    np.testing.assert_allclose(tf.reduce_mean(folded(x), axis=(1, 2)), contrasted.network_(x), atol=1e-4)


def test_two_views_come_nearer_and_a_linear_probe_gains():
    """What SimCLR learned without labels tells cats from dogs better than random weights do."""
    X, y = drawn.dataset(["cat", "dog"], 300, size=32, seed=1)[:2]
    train, test = np.arange(200), np.arange(200, 600)
    keras.utils.set_random_seed(3)
    learner = SimCLR((16, 32, 64), epochs=15, batch_size=100, seed=3).fit(X)
    assert learner.losses_[-1] < np.log(2 * 100 - 1) - 0.5  # a blind network has the logarithm

    def accuracy(model):
        F = model.predict(X.astype("float32"), verbose=0).mean(axis=(1, 2))
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        return probe.fit(F[train], y[train]).score(F[test], y[test])

    assert accuracy(learner.encoder()) > accuracy(encoder(X.shape[1:], (16, 32, 64))) + 0.03


def test_errors_name_what_is_wrong(fitted, pictures):
    new = StackedAutoencoder
    with pytest.raises(TypeError, match=r"uint8 .* got float64"):
        new().fit(pictures / 255)
    with pytest.raises(ValueError, match=r"shape \(0, 32, 32, 3\)"):
        new().fit(pictures[:0])
    with pytest.raises(ValueError, match=r"\(n, height, width, channels\)"):
        new().fit(pictures[..., 0])
    with pytest.raises(ValueError, match=r"multiples of strides\^blocks = 64"):
        new(filters=(4,) * 6).fit(pictures)
    with pytest.raises(ValueError, match="filters must name at least one block"):
        new(filters=()).fit(pictures)
    with pytest.raises(ValueError, match="1 or more"):
        new(epochs=0).fit(pictures)
    with pytest.raises(ValueError, match=r"\(32, 32, 3\) that was fitted, got \(16, 16, 3\)"):
        fitted.encode(pictures[:, :16, :16])
    with pytest.raises(ValueError, match="depth must be 1 to 2"):
        fitted.encode(pictures, 3)
    with pytest.raises(NotFittedError, match="fit"):
        new().encode(pictures)
    with pytest.raises(NotFittedError, match="fit"):
        SimCLR().encoder()
    with pytest.raises(ValueError, match="2 or more pictures"):
        SimCLR().fit(pictures[:1])
    with pytest.raises(ValueError, match="temperature above 0"):
        SimCLR(temperature=0).fit(pictures)
    with pytest.raises(TypeError, match="uint8"):
        SimCLR().fit(pictures / 255)
