"""Networks that force two domains together: by an opponent (DANN), or by a distance (Deep CORAL, MMD)."""

from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Lock

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from sklearn.base import BaseEstimator, ClassifierMixin

from helpers.methods.divergence import TARGET, check_domains, check_labels, check_rows


@keras.saving.register_keras_serializable(package="helpers")
class GradientReversal(keras.layers.Layer):
    """Pass values on as they are, and gradients back multiplied by -strength.

    R(x) = x and dR/dx = -lambda I: lambda is in the layer, as in [1]_. In [2]_ (eq. 16 and 17) dR/dx is -I, and lambda
    stands before the domain loss instead; for the features that comes to the same.

    Parameters
    ----------
    strength : float
        The paper's lambda, 0 or more; `strength.assign(...)` changes it during training.
    **kwargs
        Keyword arguments of every Keras layer, such as `name`.

    References
    ----------
    .. [1] Y. Ganin and V. Lempitsky. "Unsupervised domain adaptation by backpropagation". ICML 2015. Section 3.2.
    .. [2] Y. Ganin and others. "Domain-adversarial training of neural networks". JMLR 17, 2016.
    """

    def __init__(self, strength: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.strength = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(strength), trainable=False, name="strength"
        )

    def call(self, x):
        """Return `x`, a tensor of any shape."""
        # The stopped term has no gradient; together the values are x.
        return ops.stop_gradient((1 + self.strength) * x) - self.strength * x

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the arguments that make the same layer again."""
        return super().get_config() | {"strength": float(self.strength)}


def schedule(progress: float, gamma: float = 10.0) -> float:
    """Give lambda for the share of the training that is done: 2 / (1 + exp(-gamma p)) - 1, section 5.2.2 of the paper.

    Parameters
    ----------
    progress : float
        p, 0 to 1.
    gamma : float
        How soon it rises from 0 towards 1.

    Returns
    -------
    float
        0 to 1.
    """
    return 2 / (1 + np.exp(-gamma * progress)) - 1


def coral_loss(H_source, H_target):
    """Compare the covariances of two samples: ||C_S - C_T||_F^2 / (4 d^2), eq. 1 to 3 of [1]_.

    Parameters
    ----------
    H_source, H_target : tensor, shape (n_source, d) and (n_target, d)
        Rows of both domains in the shared space; at least 2 of each.

    Returns
    -------
    tensor, shape ()
        0 or more, in the fourth power of the unit of the rows.

    References
    ----------
    .. [1] B. Sun, K. Saenko. "Deep CORAL: correlation alignment for deep domain adaptation". ECCV workshops 2016.
    """
    difference = _covariance(H_source) - _covariance(H_target)
    return ops.sum(difference**2) / (4 * ops.shape(H_source)[1] ** 2)


def mmd_loss(H_source, H_target):
    """Compare two samples by the squared maximum mean discrepancy (biased estimate) with an rbf kernel.

    The kernel's width is the median distance of the rows at hand, so a network cannot make the loss small by shrinking
    its features. ([1]_ uses a linear kernel, [2]_ several rbf kernels on several layers.)

    Parameters
    ----------
    H_source, H_target : tensor, shape (n_source, d) and (n_target, d)
        Rows of both domains in the shared space. The numbers of rows must be known when a graph is built.

    Returns
    -------
    tensor, shape ()
        0 to 2.

    References
    ----------
    .. [1] E. Tzeng, J. Hoffman, N. Zhang, K. Saenko, T. Darrell. "Deep domain confusion: maximizing for domain
       invariance". arXiv:1412.3474, 2014.
    .. [2] M. Long, Y. Cao, J. Wang, M. Jordan. "Learning transferable features with deep adaptation networks". ICML
       2015.
    """
    n, m = H_source.shape[0], H_target.shape[0]
    H = ops.concatenate([H_source, H_target])
    norms = ops.sum(H**2, axis=1)
    squared = ops.maximum(norms[:, None] + norms - 2 * ops.matmul(H, ops.transpose(H)), 0)
    pairs = ops.take(ops.reshape(squared, (-1,)), np.flatnonzero(np.triu(np.ones((n + m, n + m)), k=1)))
    # The width follows the features but takes no part in the gradient; relu features may all be 0.
    median = ops.maximum(ops.stop_gradient(ops.median(pairs)), keras.config.epsilon())
    weights = np.repeat([1 / n, -1 / m], [n, m]).astype("float32")
    return ops.sum(ops.exp(-squared / (2 * median)) * np.outer(weights, weights))


class TwoDomainNetwork(ClassifierMixin, BaseEstimator):
    """Base of the networks that see a labelled source and an unlabelled target in every step: one loop for all.

    A network builds `network_` and says what it descends on; the rest is the same. It computes in float32 under any
    dtype policy: it is small, and 16 bits are too few for its losses.
    """

    _least_batch = 2
    _in_graph = ("hidden", "learning_rate")  # parameters that the compiled step depends on
    __metadata_request__fit = TARGET

    def fit(self, X_source, y_source, X_target, y_target=None):
        """Train on a labelled source and an unlabelled target.

        Parameters
        ----------
        X_source, X_target : array-like or sparse matrix, shapes (n_source, n_features) and (n_target, n_features)
            Rows of both domains.
        y_source : array-like, shape (n_source,)
            Labels of the source.
        y_target : None
            Not used; it is here so that all methods are called alike.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the samples do not fit together, or a parameter is out of its range.
        """
        X_source, X_target = check_domains(X_source, X_target, accept_sparse="csr")
        self.classes_, y = np.unique(check_labels(X_source, y_source, "source"), return_inverse=True)
        if self.strength < 0 or self.epochs < 1 or self.batch_size < self._least_batch:
            raise ValueError(
                f"strength must be 0 or more, epochs at least 1, batch_size at least {self._least_batch}; "
                f"got {self.strength}, {self.epochs}, {self.batch_size}."
            )
        self.n_features_in_ = X_source.shape[1]
        keras.utils.set_random_seed(self.seed)
        self._build(X_source.shape[1], len(self.classes_))
        in_graph = {name: getattr(self, name) for name in self._in_graph}
        training = _training(type(self), X_source.shape[1], len(self.classes_), **in_graph)
        with training.lock:
            training.restart(self._everything.get_weights())
            self._train(training, X_source.astype(np.float32), y, X_target.astype(np.float32))
            self._everything.set_weights(training.network.get_weights())
        return self

    def _train(self, training, X_source, y, X_target):
        """Take all steps, and note their measures epoch by epoch."""
        rng, half = np.random.default_rng(self.seed), self.batch_size // 2
        steps = -(-max(X_source.shape[0], X_target.shape[0]) // half)
        self.history_ = {name: [] for name in self._measures}
        for epoch in range(self.epochs):
            results = []
            orders = [_order(rng, X.shape[0], steps * half) for X in (X_source, X_target)]
            for i in range(steps):
                strength = self._strength((epoch + i / steps) / self.epochs)
                training.strength.assign(strength)
                source, target = (order[i * half : (i + 1) * half] for order in orders)
                batch = _rows(X_source, source), tf.constant(y[source]), _rows(X_target, target)
                results.append(training.step(*batch))
            for values, value in zip(self.history_.values(), [*np.mean(results, axis=0), strength], strict=False):
                values.append(float(value))

    def predict(self, X) -> np.ndarray:
        """Predict the labels of `X`, array-like or sparse (n, n_features), of either domain."""
        label = self._outputs(X)[0]
        return self.classes_[label.argmax(axis=1)]

    def transform(self, X) -> np.ndarray:
        """Give the values of the shared hidden layer for `X`, float32 (n, hidden)."""
        return self._outputs(X)[-1]

    def _strength(self, progress):
        """Give the factor of the domain loss for the share of the training that is done, 0 to 1."""
        return self.strength

    def _outputs(self, X):
        X = check_rows(self, X, accept_sparse="csr")
        blocks = np.array_split(np.arange(X.shape[0]), max(1, X.shape[0] // 1000))
        # Called as a function: `predict` would compile a graph for every length of a block.
        outputs = [self._everything(_rows(X, rows), training=False) for rows in blocks]
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


class _Training:
    """A network with its optimiser and its compiled step; it lends them to one fit after the other."""

    def __init__(self, model):
        self.lock, self.network, self.strength = Lock(), model._everything, model.strength_
        self._domain_loss = model._domain_loss
        self._optimizer = keras.optimizers.Adam(model.learning_rate)
        self._optimizer.build(self.network.trainable_variables)
        self._fresh = [(variable, variable.numpy()) for variable in self._optimizer.variables]
        self.step = tf.function(self._step, autograph=False)  # nothing to convert: no branch or loop over tensors

    def restart(self, weights):
        """Begin with these weights and a new optimiser."""
        self.network.set_weights(weights)
        for variable, value in self._fresh:
            variable.assign(value)

    def _step(self, X_source, y_source, X_target):  # (n, d), (n,), (m, d)
        n, variables = X_source.shape[0], self.network.trainable_variables
        with tf.GradientTape() as tape:
            label, *others = self.network(tf.concat([X_source, X_target], axis=0), training=True)  # (n + m, classes)
            label_loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y_source, label[:n]))
            domain_loss, measure = self._domain_loss(*others, n)
            loss = label_loss + domain_loss
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return label_loss, measure


@lru_cache(maxsize=8)
def _training(kind, n_features, n_classes, **in_graph):
    """Compile a step for all fits of one shape: to trace it takes as long as some hundred steps."""
    model = kind(**in_graph)
    model._build(n_features, n_classes)
    return _Training(model)


@dataclass(eq=False, repr=False)
class DANN(TwoDomainNetwork):
    """Domain-adversarial network for rows of features.

    Features G_f are one hidden layer; on it stand the label classifier G_y and, behind a gradient reversal, the domain
    classifier G_d. One step descends on G_y and G_d; the reversal makes G_f climb on the loss of G_d.

    It is the shallow network of Algorithm 1 of [1]_ with these changes: mini-batches and Adam instead of single
    examples and plain steps; relu instead of sigmoid for the features; a hidden layer in G_d, which is a logistic
    regression there; and G_d learns at the full rate, not at lambda times the rate.

    Parameters
    ----------
    hidden : int
        Number of features.
    strength : float
        Largest lambda. With 0 the features do not see the domain classifier: that is the source-only network.
    gamma : float or None
        Of `schedule`; None keeps lambda at `strength` from the first step on.
    epochs : int
        Passes over the larger domain.
    batch_size : int
        Examples a step, half of each domain.
    learning_rate : float
        Of Adam.
    seed : int
        Seed of the initial weights and of the batches.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels.
    network_ : keras.Model
        Maps rows to class probabilities (n, n_classes) and to the probability of the target domain (n, 1).
    history_ : dict of str to list of float
        Per epoch: "label_loss" (on the source), "domain_accuracy" (of G_d on both domains), "strength" (lambda).

    References
    ----------
    .. [1] Y. Ganin and others. "Domain-adversarial training of neural networks". JMLR 17, 2016.
    """

    hidden: int = 100
    strength: float = 1.0
    gamma: float | None = 10.0
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0

    _measures = ("label_loss", "domain_accuracy", "strength")

    def _build(self, n_features, n_classes):
        dense = partial(keras.layers.Dense, dtype="float32")
        x = keras.Input((n_features,))
        features = dense(self.hidden, activation="relu", name="features")(x)
        label = dense(n_classes, activation="softmax", name="label")(features)
        self.reversal_ = GradientReversal(self.strength, dtype="float32")
        self.strength_ = self.reversal_.strength
        domain = dense(self.hidden, activation="relu", name="domain_hidden")(self.reversal_(features))
        domain = dense(1, activation="sigmoid", name="domain")(domain)
        self.network_ = keras.Model(x, [label, domain], name="dann")
        self._everything = keras.Model(x, [label, domain, features])

    def _domain_loss(self, domain, features, n):
        is_target = tf.concat([tf.zeros(n), tf.ones(domain.shape[0] - n)], axis=0)  # (n + m,)
        loss = tf.reduce_mean(keras.losses.binary_crossentropy(is_target[:, None], domain))
        right = (domain[:, 0] > 0.5) == (is_target > 0.5)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32))

    def _strength(self, progress):
        return self.strength * (1 if self.gamma is None else schedule(progress, self.gamma))


LOSSES = {"coral": coral_loss, "mmd": mmd_loss}


@dataclass(eq=False, repr=False)
class JointNetwork(TwoDomainNetwork):
    """Network with a hidden layer that both domains share, trained on source labels and on a distance of the domains.

    Every step descends on l_class + strength * l_distance (eq. 6 of [1]_, with one adapted layer): the cross-entropy on
    the source, and `coral_loss` or `mmd_loss` between the hidden layer's values on source and target. ([1]_ adapts the
    last layer of a deep network; here it is the hidden one, whose values are the shared space.)

    Parameters
    ----------
    hidden : int
        Dimension of the shared space.
    loss : str
        "coral" or "mmd".
    strength : float
        The paper's lambda, 0 or more. With 0 it is the source-only network.
    epochs : int
        Passes over the larger domain.
    batch_size : int
        Examples a step, half of each domain; at least 4.
    learning_rate : float
        Of Adam.
    seed : int
        Seed of the initial weights and of the batches.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels.
    network_ : keras.Model
        Maps rows to class probabilities (n, n_classes) and to the shared space (n, hidden).
    history_ : dict of str to list of float
        Per epoch, means over its steps: "label_loss" (on the source) and "distance" (without the factor `strength`).

    References
    ----------
    .. [1] B. Sun, K. Saenko. "Deep CORAL: correlation alignment for deep domain adaptation". ECCV workshops 2016.
    """

    hidden: int = 100
    loss: str = "coral"
    strength: float = 1.0
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    _measures, _least_batch = ("label_loss", "distance"), 4
    _in_graph = ("hidden", "loss", "learning_rate")

    def _build(self, n_features, n_classes):
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}.")
        x = keras.Input((n_features,))
        dense = partial(keras.layers.Dense, dtype="float32")
        shared = dense(self.hidden, activation="relu", name="shared")(x)
        label = dense(n_classes, activation="softmax", name="label")(shared)
        self.strength_ = tf.Variable(self.strength, trainable=False, dtype=tf.float32)
        self.network_ = self._everything = keras.Model(x, [label, shared], name="joint")

    def _domain_loss(self, shared, n):
        distance = LOSSES[self.loss](shared[:n], shared[n:])
        return self.strength_ * distance, distance


def _covariance(H):
    """Sample covariance of the rows: (n, d) -> (d, d)."""
    H = H - ops.mean(H, axis=0)
    return ops.matmul(ops.transpose(H), H) / (ops.shape(H)[0] - 1)


def _order(rng, n, length):
    """Shuffle n rows, as often as `length` needs."""
    return np.concatenate([rng.permutation(n) for _ in range(-(-length // n))])[:length]


def _rows(X, rows):
    """Take rows of a dense or sparse matrix as a dense float32 tensor."""
    block = X[rows]
    return tf.constant(block.toarray() if hasattr(block, "toarray") else block, tf.float32)
