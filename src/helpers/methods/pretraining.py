"""Pre-training without labels: an autoencoder that restores pictures, and SimCLR, which recognises two views of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError


@dataclass(eq=False, repr=False)
class StackedAutoencoder(BaseEstimator):
    """Stacked convolutional autoencoder, trained block by block on unlabelled pictures.

    Block k has an encoder f_k (a strided convolution) and a decoder g_k (a transposed one). It learns to restore the
    code of the block before it, h_{k-1}, while that block stays as it is (greedy layer-wise training, [1]_; with
    convolutions, [2]_):

        minimise  mean || g_k(f_k(h_{k-1})) - h_{k-1} ||^2,    then    h_k = f_k(h_{k-1}),    h_0 = x.

    There is no corruption; [3]_ adds it and calls the result a denoising autoencoder.

    Parameters
    ----------
    filters : sequence of int
        Number of filters of each block, from the pictures on.
    kernel_size, strides : int
        Of every convolution. Each block divides height and width by `strides`.
    activation : str or None
        Of the encoders, and of all decoders but the first, whose output is pixels. With a plain "relu" most filters may
        end as 0 on every picture. None makes it linear: the
        decoder of one block, with a code smaller than its patch (and `strides` equal to `kernel_size`), then comes to
        span what principal component analysis of the patches spans.
    epochs : int
        Passes over the pictures for each block.
    batch_size : int
        Pictures a step.
    learning_rate : float
        Of Adam.
    seed : int
        Seed of the initial weights and of the batches.

    Attributes
    ----------
    encoders_, decoders_ : list of keras.layers.Layer
        f_1 ... f_K and g_1 ... g_K. Pixels are in -1..1 here; the methods scale by themselves.
    losses_ : list of K lists of float
        For each block, its mean squared error after each epoch. Pixels in -1..1.
    shape_ : tuple of int
        Height, width and channels of the pictures.

    References
    ----------
    .. [1] Y. Bengio, P. Lamblin, D. Popovici, H. Larochelle. "Greedy layer-wise training of deep networks". NIPS 2006,
       section 3.
    .. [2] J. Masci, U. Meier, D. Cireşan, J. Schmidhuber. "Stacked convolutional auto-encoders for hierarchical feature
       extraction". ICANN 2011. It pools by maxima; here the convolutions stride.
    .. [3] P. Vincent and others. "Stacked denoising autoencoders". JMLR 11, 2010, sections 2 and 3.
    """

    filters: Sequence[int] = (32, 64, 128)
    kernel_size: int = 3
    strides: int = 2
    activation: str | None = "leaky_relu"
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 0

    def fit(self, X, y=None):
        """Train on unlabelled pictures.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, height, width, channels)
            Pictures in 0..255.
        y : None
            Not used: there are no labels.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If `X` is not uint8.
        ValueError
            If `X` is empty or not four-dimensional, its sides cannot be divided by `strides` in every block, or a
            parameter is out of its range.
        """
        sizes = (*self.filters, self.epochs, self.batch_size)
        if not self.filters or min(sizes) < 1:
            raise ValueError(
                f"filters must name at least one block; filters, epochs and batch_size must be 1 or more; got {sizes}."
            )
        X = _checked(X)
        factor = self.strides ** len(self.filters)
        if X.shape[1] % factor or X.shape[2] % factor:
            raise ValueError(
                f"height and width must be multiples of strides^blocks = {factor}, got {X.shape[1:3]}. Resize the "
                "pictures, or take fewer blocks."
            )
        keras.utils.set_random_seed(self.seed)
        self._build(X.shape[1:])
        self.losses_ = []
        h = _scaled(X)
        for f, g in zip(self.encoders_, self.decoders_, strict=True):
            self.losses_.append(self._train([f, g], h))
            h = _run(f, h)
        return self

    def encoder(self) -> keras.Model:
        """Give a new model with copies of f_1 ... f_K, to build a classifier on; the autoencoder keeps its weights.

        Returns
        -------
        keras.Model
            As `encoder` gives it, with the trained weights.
        """
        blocks = self._fitted("encoders_")
        model = encoder(self.shape_, self.filters, self.kernel_size, self.strides, self.activation)
        model.set_weights([weight for f in blocks for weight in f.get_weights()])
        return model

    def encode(self, X, depth: int | None = None) -> np.ndarray:
        """Compute the code h_depth of pictures.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, height, width, channels)
            Pictures in 0..255.
        depth : int, optional
            Number of blocks, 1 to K; all of them by default.

        Returns
        -------
        ndarray of float32, shape (n, height / strides^depth, width / strides^depth, filters[depth - 1])
        """
        h = _scaled(_checked(X, self._fitted("shape_")))
        for f in self._blocks(depth):
            h = _run(f, h)
        return h

    def reconstruct(self, X, depth: int | None = None) -> np.ndarray:
        """Encode pictures with the first blocks and decode them again.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, height, width, channels)
            Pictures in 0..255.
        depth : int, optional
            Number of blocks, 1 to K; all of them by default.

        Returns
        -------
        ndarray of float32, shape (n, height, width, channels)
            In the unit of the pictures; values may lie a little outside 0..255.
        """
        h = self.encode(X, depth)
        for g in self.decoders_[: len(self._blocks(depth))][::-1]:
            h = _run(g, h)
        return 127.5 * (h + 1)

    def _build(self, shape):
        """Make f_k and g_k; g_k gives back the shape and the range of what f_k takes."""
        self.shape_, self.encoders_, self.decoders_ = shape, [], []
        options = {"kernel_size": self.kernel_size, "strides": self.strides, "padding": "same"}
        options["kernel_initializer"] = "he_normal"  # keeps the variance through ReLU
        for k, filters in enumerate(self.filters, start=1):
            f = _convolution(filters, self.kernel_size, self.strides, self.activation, name=f"f_{k}")
            g = keras.layers.Conv2DTranspose(
                shape[-1], activation=self.activation if k > 1 else None, name=f"g_{k}", **options
            )
            f.build((None, *shape))
            shape = f.compute_output_shape((None, *shape))[1:]
            g.build((None, *shape))
            self.encoders_.append(f)
            self.decoders_.append(g)

    def _train(self, layers, h):
        """Train layers in a row to restore `h`; return the loss after each epoch."""
        model = keras.Sequential([keras.Input(h.shape[1:]), *layers])
        model.compile(keras.optimizers.Adam(self.learning_rate), loss="mse")
        # Made while the first step is traced, its variables would have TensorFlow trace that step twice.
        model.optimizer.build(model.trainable_variables)
        return model.fit(h, h, self.batch_size, self.epochs, verbose=0).history["loss"]

    def _blocks(self, depth):
        encoders = self._fitted("encoders_")
        if depth is not None and not 1 <= depth <= len(encoders):
            raise ValueError(f"depth must be 1 to {len(encoders)}, the number of blocks; got {depth}.")
        return encoders[:depth]

    def _fitted(self, name):
        if not hasattr(self, name):
            raise _not_fitted(self)
        return getattr(self, name)


@dataclass(eq=False, repr=False)
class SimCLR(BaseEstimator):
    """Contrastive pre-training on unlabelled pictures: two views of one picture shall be each other's nearest.

    Two random `views` of each picture go through the encoder, the mean over the positions and a small projection,
    which is thrown away afterwards; `nt_xent` of the two projections is minimised ([1]_, algorithm 1). While it is
    trained the encoder has batch normalisation behind each convolution. Afterwards that is a fixed scale and shift of
    each filter, and is multiplied into the convolution.

    Parameters
    ----------
    filters : sequence of int
        Number of filters of each block, from the pictures on; see `encoder`.
    epochs : int
        Passes over the pictures.
    batch_size : int
        Pictures a step. Each is told from 2 (batch_size - 1) views of others.
    learning_rate : float
        Of Adam at the start; it falls to 0 as a cosine.
    temperature : float
        tau of `nt_xent`.
    smallest : float
        Least share of the picture that a view shows.
    projection : int
        Number of values that are compared.
    seed : int
        Seed of the initial weights, the batches and the views.

    Attributes
    ----------
    network_ : keras.Model
        Encoder with its batch normalisation and the mean over the positions.
    losses_ : list of float
        Mean `nt_xent` of each epoch. log(2 batch_size - 1) is that of a blind network.
    shape_ : tuple of int
        Height, width and channels of the pictures.

    References
    ----------
    .. [1] T. Chen, S. Kornblith, M. Norouzi, G. Hinton. "A simple framework for contrastive learning of visual
       representations". ICML 2020. It trains a ResNet-50 on 256 to 8192 pictures a step, also blurs the views, and
       uses another optimiser.
    """

    filters: Sequence[int] = (32, 64, 128)
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-2
    temperature: float = 0.2
    smallest: float = 0.25
    projection: int = 64
    seed: int = 0

    def fit(self, X, y=None):
        """Train on unlabelled pictures.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, height, width, channels)
            Pictures in 0..255, at least 2.
        y : None
            Not used: there are no labels.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If `X` is not uint8.
        ValueError
            If `X` is not four-dimensional or has fewer than 2 pictures, or a parameter is out of its range.
        """
        X = _checked(X)
        if (
            len(X) < 2
            or self.batch_size < 2
            or self.epochs < 1
            or not self.temperature > 0
            or not 0 < self.smallest <= 1
        ):
            raise ValueError(
                "wanted 2 or more pictures, batch_size 2 or more, epochs 1 or more, temperature above 0 and smallest "
                f"in 0..1; got {len(X)}, {self.batch_size}, {self.epochs}, {self.temperature} and {self.smallest}."
            )
        keras.utils.set_random_seed(self.seed)
        self.shape_ = X.shape[1:]
        layers = []
        for convolution in encoder(self.shape_, self.filters, activation=None).layers[1:]:
            layers += [convolution, keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]
        scale = keras.layers.Rescaling(1 / 127.5, offset=-1.0)
        pool = keras.layers.GlobalAveragePooling2D()
        self.network_ = keras.Sequential([keras.Input(self.shape_), scale, *layers, pool])
        pairs = _Pairs(self.network_, self.projection, self.temperature, self.smallest)
        steps = -(-len(X) // self.batch_size) * self.epochs
        pairs.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)))
        self.losses_ = pairs.fit(X, batch_size=self.batch_size, epochs=self.epochs, verbose=0).history["loss"]
        return self

    def encoder(self) -> keras.Model:
        """Give a new model with the trained weights, batch normalisation multiplied into the convolutions.

        Returns
        -------
        keras.Model
            As `encoder` gives it: no projection, no mean over the positions.
        """
        if not hasattr(self, "network_"):
            raise _not_fitted(self)
        weights, layers = [], self.network_.layers[1:-1]
        for convolution, norm in zip(layers[::3], layers[1::3], strict=True):
            (kernel, bias), (gamma, beta, mean, variance) = convolution.get_weights(), norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights += [kernel * scale, beta + (bias - mean) * scale]
        model = encoder(self.shape_, self.filters)
        model.set_weights(weights)
        return model


class _Pairs(keras.Model):
    """Projects two views of each picture; its loss is `nt_xent`."""

    def __init__(self, network, projection, temperature, smallest):
        super().__init__(name="pairs")  # Keras refuses a name made of "_Pairs"
        self.network, self.temperature, self.smallest = network, temperature, smallest
        hidden = keras.layers.Dense(2 * projection, activation="relu")
        self.project = keras.Sequential([hidden, keras.layers.Dense(projection)])

    def call(self, pictures, training=None):
        both = tf.concat([views(pictures, self.smallest), views(pictures, self.smallest)], axis=0)
        return tf.split(self.project(self.network(both, training=training)), 2)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return nt_xent(*y_pred, self.temperature)


def views(pictures, smallest: float = 0.25) -> tf.Tensor:
    """Show each picture in a new way: a random part, perhaps mirrored, in other colours.

    Parameters
    ----------
    pictures : array or tensor, shape (n, size, size, 3)
        In 0..255.
    smallest : float
        Least share of the width and height, squared, that is shown: 0.25 is half of each side.

    Returns
    -------
    tf.Tensor of float32, shape (n, size, size, 3)
        In 0..255.
    """
    pictures = tf.cast(pictures, tf.float32)
    n = tf.shape(pictures)[0]
    side = tf.sqrt(tf.random.uniform((n, 2), smallest, 1))
    start = tf.random.uniform((n, 2)) * (1 - side)
    box = tf.concat([start, start + side], axis=1)  # y1, x1, y2, x2
    mirrored = tf.gather(box, [0, 3, 2, 1], axis=1)
    box = tf.where(tf.random.uniform((n, 1)) < 0.5, box, mirrored)
    part = tf.image.crop_and_resize(pictures, box, tf.range(n), pictures.shape[1:3])
    grey = tf.reduce_mean(part, axis=3, keepdims=True)
    part = grey + tf.random.uniform((n, 1, 1, 1), 0, 1.5) * (part - grey)  # saturation
    part *= tf.random.uniform((n, 1, 1, 1), 0.6, 1.4) * tf.random.uniform((n, 1, 1, 3), 0.8, 1.2)  # brightness, tint
    return tf.clip_by_value(part, 0, 255)


def nt_xent(first, second, temperature: float = 0.2) -> tf.Tensor:
    """Compute the normalised, temperature-scaled cross-entropy of pairs.

    Parameters
    ----------
    first, second : tensor of float, shape (n, d)
        Row i of both comes from one picture.
    temperature : float
        tau: the smaller, the more the nearest of the other views count.

    Returns
    -------
    tf.Tensor, a scalar
        Mean over all 2n views of -log( exp(cos(z_i, z_j) / tau) / sum over k != i of exp(cos(z_i, z_k) / tau) ), where
        j is the partner of i (Chen and others 2020, eq. 1).
    """
    z = tf.math.l2_normalize(tf.concat([first, second], axis=0), axis=1)
    n = tf.shape(first)[0]
    similarity = tf.matmul(z, z, transpose_b=True) / temperature
    similarity -= 1e9 * tf.eye(2 * n)  # a view is no candidate for itself
    partner = tf.concat([tf.range(n, 2 * n), tf.range(n)], axis=0)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(partner, similarity))


def encoder(
    shape: tuple[int, int, int],
    filters: Sequence[int] = (32, 64, 128),
    kernel_size: int = 3,
    strides: int = 2,
    activation: str | None = "relu",
) -> keras.Model:
    """Build a row of strided convolutions with random weights: what both methods here pre-train.

    Parameters
    ----------
    shape : tuple of int
        Height, width and channels of the pictures.
    filters : sequence of int
        Number of filters of each convolution, from the pictures on.
    kernel_size, strides : int
        Of every convolution.
    activation : str or None
        Behind every convolution.

    Returns
    -------
    keras.Model
        Maps pictures (batch, height, width, channels) in 0..255 to a code. Its layers are the scaling to -1..1 and the
        convolutions.
    """
    layers = [keras.layers.Rescaling(1 / 127.5, offset=-1.0)]
    for width in filters:
        layers.append(_convolution(width, kernel_size, strides, activation))
    return keras.Sequential([keras.Input(shape), *layers])


def _convolution(filters, kernel_size, strides, activation, name=None):
    """Make one block; its initial weights keep the variance through ReLU."""
    options = {"strides": strides, "padding": "same", "kernel_initializer": "he_normal", "name": name}
    return keras.layers.Conv2D(filters, kernel_size, activation=activation, **options)


def _not_fitted(estimator):
    return NotFittedError(f"{estimator!r} is not fitted: call fit(X) with unlabelled pictures first.")


def _checked(X, shape=None):
    """Return `X` as an array, or say what is wrong with it."""
    X = np.asarray(X)
    if X.dtype != np.uint8:
        raise TypeError(f"X must be uint8 pictures in 0..255, got {X.dtype}. Do not scale them: that is done here.")
    if X.ndim != 4 or len(X) == 0:
        raise ValueError(f"X must be (n, height, width, channels) with n of 1 or more, got shape {X.shape}.")
    if shape is not None and X.shape[1:] != shape:
        raise ValueError(f"X must have pictures of the shape {shape} that was fitted, got {X.shape[1:]}.")
    return X


def _scaled(X):
    """Bring pictures from 0..255 to -1..1: around 0 the training converges several times sooner than in 0..1."""
    return X.astype(np.float32) / 127.5 - 1


def _run(layer, h):
    """Apply a layer to many rows, some at a time."""
    return np.concatenate([keras.ops.convert_to_numpy(layer(h[i : i + 256])) for i in range(0, len(h), 256)])
