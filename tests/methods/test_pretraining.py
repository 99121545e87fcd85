"""Stacked autoencoder: against principal component analysis, the loop of notebook 06, and as a base to classify on."""

from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from helpers.data import drawn
from helpers.methods.pretraining import StackedAutoencoder
from helpers.network.classifier import attach, top

SMALL = {"filters": (8, 12), "epochs": 12, "batch_size": 16, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def pictures():
    return drawn.dataset(["cat", "dog"], 48, size=32, seed=0)[0]


@pytest.fixture(scope="module")
def fitted(pictures):
    return StackedAutoencoder(**SMALL, fine_tune_epochs=1).fit(pictures)


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
    assert [len(losses) for losses in fitted.history_["greedy"]] == [12, 12]
    assert len(fitted.history_["fine_tune"]) == 1


def test_every_block_restores_its_input_better_than_the_mean(fitted, pictures):
    for losses, mean in zip(fitted.history_["greedy"], fitted.history_["mean"], strict=True):
        assert losses[-1] < losses[0]
        assert losses[-1] < mean
    of_the_mean = error(pictures, pictures.mean(axis=0))
    assert fitted.history_["mean"][0] == pytest.approx(of_the_mean / 127.5**2, rel=1e-3)
    for depth in (1, 2):
        assert error(pictures, fitted.reconstruct(pictures, depth)) < 0.8 * of_the_mean


class Watched(StackedAutoencoder):
    """Keeps copies of all weights from after each training."""

    def _train(self, layers, h, epochs):
        losses = super()._train(layers, h, epochs)
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


def test_fine_tuning_trains_the_whole_stack(pictures):
    greedy, tuned = (StackedAutoencoder(**SMALL, fine_tune_epochs=n).fit(pictures) for n in (0, 12))
    assert error(pictures, tuned.reconstruct(pictures)) < error(pictures, greedy.reconstruct(pictures))
    assert not np.allclose(greedy.encoders_[0].get_weights()[0], tuned.encoders_[0].get_weights()[0], atol=1e-4)


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


def classifier(encoder):
    model = attach(encoder, top(encoder.output_shape[-1], 2, 8))
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("copied", [0, 1, 2])
@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "fine-tuned"])
def test_frozen_blocks_stay_and_all_others_move(fitted, pictures, copied, frozen):
    of_the_autoencoder = weights_of(fitted.encoders_)
    encoder = fitted.encoder(copied, frozen)
    blocks = encoder.layers[1:]
    before = [block.get_weights() for block in blocks]
    for k in range(2):
        assert same(before[k], fitted.encoders_[k].get_weights()) == (k < copied)
    classifier(encoder).fit(pictures.astype("float32"), np.tile([0, 1], 48), epochs=1, verbose=0)
    for k, block in enumerate(blocks):
        assert same(before[k], block.get_weights()) == (frozen and k < copied)
    assert same(of_the_autoencoder, weights_of(fitted.encoders_))


def test_the_encoder_computes_the_code(fitted, pictures):
    np.testing.assert_allclose(fitted.encoder()(pictures[:5].astype("float32")), fitted.encode(pictures[:5]), atol=1e-5)


def test_same_seed_same_weights(pictures):
    settings = SMALL | {"epochs": 1}
    first, second, other = (StackedAutoencoder(**settings, seed=seed).fit(pictures) for seed in (3, 3, 4))
    for a, b in zip(weights_of(first.encoders_), weights_of(second.encoders_), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(first.encode(pictures[:5]), other.encode(pictures[:5]), atol=1e-3)


def test_the_loop_in_the_notebook_gives_the_same_weights(pictures):
    path = Path(__file__).parents[2] / "notebooks" / "06_parameter_based.ipynb"
    cells = [cell.source for cell in nbformat.read(path, 4).cells if "def pretrain(" in cell.source]
    assert len(cells) == 1
    source = cells[0].split("\n\n\n")[0]  # the function, without what the cell does with it
    assert len(source.splitlines()) <= 30
    scope = {"keras": keras, "np": np}
    exec(source, scope)
    settings = {"filters": (6, 8), "epochs": 2, "seed": 1}
    ours = StackedAutoencoder(**settings).fit(pictures)
    theirs = scope["pretrain"](pictures / 127.5 - 1, **settings)
    for a, b in zip(weights_of(theirs), weights_of(ours.encoders_), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


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
    with pytest.raises(ValueError, match="copied must be 0 to 2"):
        fitted.encoder(3)
    with pytest.raises(NotFittedError, match="fit"):
        new().encode(pictures)
