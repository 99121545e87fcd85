"""The joint network: its two losses against direct formulas, and training on domains made for the purpose."""

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from scipy.spatial.distance import pdist
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import rbf_kernel

from helpers.methods.divergence import mmd
from helpers.methods.two_domains import JointNetwork, coral_loss, mmd_loss


@pytest.fixture
def domains():
    """Draw two classes in 6 dimensions; the target is stretched, mixed and moved."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    X = rng.normal(size=(240, 6))
    X[:, 0] += 3 * y
    mix = np.eye(6) + 0.5 * rng.normal(size=(6, 6))
    return X, y, rng.permutation(X)[:200] @ mix + 1


def samples(seed, d=5):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d))
    return rng.normal(size=(30, d)).astype("float32"), (rng.normal(size=(20, d)) @ mix + 2).astype("float32")


@pytest.mark.parametrize("seed", range(3))
def test_coral_loss_is_the_formula(seed):
    H_S, H_T = samples(seed)
    expected = np.linalg.norm(np.cov(H_S.T) - np.cov(H_T.T)) ** 2 / (4 * 5**2)
    assert float(coral_loss(H_S, H_T)) == pytest.approx(expected, rel=1e-4)
    assert float(coral_loss(H_S, H_S + 7)) == pytest.approx(0, abs=1e-6)  # blind for the means
    assert float(coral_loss(3 * H_S, 3 * H_T)) == pytest.approx(81 * expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_mmd_loss_is_the_biased_estimate_of_scikit_learns_kernel(seed):
    H_S, H_T = samples(seed)
    assert float(mmd_loss(H_S, H_T)) == pytest.approx(mmd(H_S, H_T, unbiased=False), abs=1e-4)
    both = np.concatenate([H_S, H_T]).astype(float)
    gamma = 1 / (2 * np.median(pdist(both, "sqeuclidean")))
    within_S, within_T, across = (rbf_kernel(A, B, gamma).mean() for A, B in ((H_S, H_S), (H_T, H_T), (H_S, H_T)))
    assert float(mmd_loss(H_S, H_T)) == pytest.approx(within_S + within_T - 2 * across, abs=1e-5)
    assert float(mmd_loss(3 * H_S, 3 * H_T)) == pytest.approx(float(mmd_loss(H_S, H_T)), abs=1e-4)
    assert float(mmd_loss(H_S, H_S)) == pytest.approx(0, abs=1e-5)


def test_features_that_are_all_zero_give_a_loss_and_a_gradient():
    H = tf.Variable(tf.zeros((6, 3)))
    for loss in (coral_loss, mmd_loss):
        with tf.GradientTape() as tape:
            value = loss(H, tf.zeros((4, 3)))
        assert float(value) == pytest.approx(0, abs=1e-6)
        assert np.isfinite(tape.gradient(value, H)).all()


def test_coral_loss_equals_that_of_adapt_which_does_not_train_its_encoder_on_the_labels():
    """A deviation of adapt 0.4.5: the encoder gets the gradient of the distance only, not that of the joint loss."""
    from adapt.feature_based import DeepCORAL

    rng = np.random.default_rng(0)
    X_S, X_T = rng.normal(size=(40, 5)).astype("float32"), (2 * rng.normal(size=(40, 5)) + 1).astype("float32")
    y = (X_S[:, 0] > 0).astype("float32")

    def fitted(lambda_, rate):
        keras.utils.set_random_seed(0)
        encoder = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="relu")])
        task = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
        before = encoder.get_weights()
        model = DeepCORAL(
            encoder, task, Xt=X_T, lambda_=lambda_, loss="bce", optimizer=keras.optimizers.SGD(rate), verbose=0
        )
        return before, model.fit(X_S, y, epochs=1, batch_size=40, verbose=0)

    _, still = fitted(1.0, rate=0.0)
    H_S, H_T = (still.encoder_(X).numpy() for X in (X_S, X_T))
    assert still.history_["disc_loss"][0] == pytest.approx(float(coral_loss(H_S, H_T)), rel=1e-4)

    before, trained = fitted(0.0, rate=0.5)
    for old, new in zip(before, trained.encoder_.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    one, other = (JointNetwork(hidden=4, strength=0, epochs=epochs, seed=0).fit(X_S, y, X_T) for epochs in (1, 5))
    assert not np.allclose(one.transform(X_S), other.transform(X_S), atol=1e-3)


@pytest.mark.parametrize("loss", ["coral", "mmd"])
def test_the_gradient_brings_two_samples_together(loss):
    function = {"coral": coral_loss, "mmd": mmd_loss}[loss]
    H_S, H_T = samples(0)
    moving = tf.Variable(H_T)
    optimizer = keras.optimizers.Adam(0.05)
    start = float(function(H_S, moving))
    for _ in range(150):
        with tf.GradientTape() as tape:
            value = function(H_S, moving)
        optimizer.apply(tape.gradient(value, [moving]), [moving])
    assert float(function(H_S, moving)) < 0.1 * start


def test_without_strength_it_is_plain_training_on_the_source(domains):
    """Against Keras's own loop on the source alone, with all rows in one batch."""
    X, y, X_target = domains
    model = JointNetwork(hidden=6, strength=0, epochs=8, batch_size=480, seed=2).fit(X, y, X_target)
    keras.utils.set_random_seed(2)
    plain = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(2, activation="softmax")]
    )
    plain.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    history = plain.fit(X, y, batch_size=240, epochs=8, shuffle=False, verbose=0).history
    for ours, theirs in zip(model.network_.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(model.history_["label_loss"], history["loss"], rtol=1e-4)
    other = np.random.default_rng(9).normal(size=X_target.shape)
    same = JointNetwork(hidden=6, strength=0, epochs=8, batch_size=480, seed=2).fit(X, y, other)
    np.testing.assert_array_equal(model.transform(X), same.transform(X))


@pytest.mark.parametrize("loss", ["coral", "mmd"])
def test_one_step_descends_on_the_sum_of_both_losses(loss, domains):
    """Adam's first step moves every weight by the learning rate against the sign of its gradient."""
    X, y, X_target = (np.asarray(part[:40]) for part in domains)
    X, X_target = X.astype("float32"), X_target.astype("float32")
    settings = {"hidden": 5, "loss": loss, "strength": 2.0, "epochs": 1, "batch_size": 80, "seed": 1}
    start = JointNetwork(**settings, learning_rate=0.0).fit(X, y, X_target).network_
    function = {"coral": coral_loss, "mmd": mmd_loss}[loss]
    with tf.GradientTape() as tape:
        label, H_S = start(X)
        label_loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, label))
        value = label_loss + 2.0 * function(H_S, start(X_target)[1])
    gradients = tape.gradient(value, [weight.value for weight in start.weights])
    after = JointNetwork(**settings, learning_rate=0.01).fit(X, y, X_target).network_
    for old, gradient, new in zip(start.get_weights(), gradients, after.get_weights(), strict=True):
        clear = np.abs(gradient) > 1e-4
        np.testing.assert_allclose((new - old)[clear], -0.01 * np.sign(gradient)[clear], rtol=2e-2)
        assert clear.any()


@pytest.mark.parametrize(("loss", "strength"), [("coral", 10.0), ("mmd", 2.0)])
def test_it_brings_the_domains_together_and_keeps_the_labels(loss, strength, domains):
    X, y, X_target = domains
    settings = {"hidden": 16, "loss": loss, "epochs": 40, "learning_rate": 0.01}
    far, near = (JointNetwork(**settings, strength=s).fit(X, y, X_target) for s in (0, strength))
    assert near.score(X, y) > 0.88
    assert near.history_["distance"][-1] < 0.3 * far.history_["distance"][-1]
    assert mmd(near.transform(X), near.transform(X_target)) < 0.5 * mmd(far.transform(X), far.transform(X_target))


def test_same_seed_same_network_and_sparse_is_dense(domains):
    X, y, X_target = domains
    settings = {"hidden": 6, "epochs": 2, "seed": 3, "loss": "mmd"}
    dense = JointNetwork(**settings).fit(X, y, X_target)
    sparse = JointNetwork(**settings).fit(scipy.sparse.csr_matrix(X), y, scipy.sparse.csr_matrix(X_target))
    np.testing.assert_allclose(dense.transform(X), sparse.transform(scipy.sparse.csr_matrix(X)), atol=1e-6)
    other = JointNetwork(**settings | {"seed": 4}).fit(X, y, X_target)
    assert not np.allclose(dense.transform(X), other.transform(X))


def test_labels_keep_their_names_and_outputs_their_shapes(domains):
    X, y, X_target = domains
    model = JointNetwork(hidden=6, epochs=3).fit(X, np.array(["bad", "good"])[y], X_target)
    assert set(model.predict(X)) <= {"bad", "good"}
    assert model.transform(X[:7]).shape == (7, 6)
    assert [len(values) for values in model.history_.values()] == [3, 3]


def test_a_saved_network_predicts_the_same(domains, tmp_path):
    X, y, X_target = domains
    model = JointNetwork(hidden=6, epochs=2).fit(X, y, X_target)
    model.network_.save(tmp_path / "joint.keras")
    again = keras.models.load_model(tmp_path / "joint.keras", safe_mode=True)
    np.testing.assert_allclose(again(X)[0].numpy().argmax(axis=1), model.predict(X))


def test_errors_name_what_is_wrong(domains):
    X, y, X_target = domains
    with pytest.raises(ValueError, match="X_target 3"):
        JointNetwork().fit(X, y, np.ones((5, 3)))
    with pytest.raises(ValueError, match="y_source must have 240 labels"):
        JointNetwork().fit(X, y[:-1], X_target)
    with pytest.raises(ValueError, match="loss must be one of coral, mmd; got 'MMD'"):
        JointNetwork(loss="MMD").fit(X, y, X_target)
    with pytest.raises(ValueError, match=r"batch_size at least 4; got 1\.0, 30, 2"):
        JointNetwork(batch_size=2).fit(X, y, X_target)
    with pytest.raises(ValueError, match="strength must be 0 or more"):
        JointNetwork(strength=-1).fit(X, y, X_target)
    with pytest.raises(NotFittedError, match="call fit"):
        JointNetwork().predict(X)
