"""Unsupervised pre-training: a stacked convolutional autoencoder, trained greedily, whose first blocks are reused."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(eq=False)
class StackedAutoencoder:
    """Stacked convolutional autoencoder, trained block by block on unlabelled pictures.

    Block k has an encoder f_k (a strided convolution) and a decoder g_k (a transposed one). It learns to restore the
    code of the block before it, h_{k-1}, while that block stays as it is (greedy layer-wise training, [1]_; with
    convolutions, [2]_):

        minimise  mean || g_k(f_k(h_{k-1})) - h_{k-1} ||^2,    then    h_k = f_k(h_{k-1}),    h_0 = x.

    Then the whole stack g_1 ... g_K f_K ... f_1 may be fine-tuned to restore the pictures themselves. There is no
    corruption; [3]_ adds it and calls the result a denoising autoencoder.

    Parameters
    ----------
    filters : sequence of int
        Number of filters of each block, from the pictures on.
    kernel_size, strides : int
        Of every convolution. Each block divides height and width by `strides`.
    activation : str or None
        Of the encoders, and of all decoders but the first, whose output is pixels. None makes it linear: the
        decoder of one block, with a code smaller than its patch (and `strides` equal to `kernel_size`), then comes to
        span what principal component analysis of the patches spans.
    epochs : int
        Passes over the pictures for each block.
    fine_tune_epochs : int
        Passes for the whole stack afterwards; 0 leaves it as the greedy training made it.
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
    history_ : dict
        "greedy": for each block, its mean squared error after each epoch; "mean": for each block, the error of the best
        constant answer, the mean of h_{k-1}; "fine_tune": the error of the stack after each epoch. Pixels in -1..1.
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

    filters: Sequence[int] = (32, 64, 64)
    kernel_size: int = 4
    strides: int = 2
    activation: str | None = "relu"
    epochs: int = 10
    fine_tune_epochs: int = 0
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
        if not self.filters or min(sizes) < 1 or self.fine_tune_epochs < 0:
            raise ValueError(
                "filters must name at least one block; filters, epochs and batch_size must be 1 or more, "
                f"fine_tune_epochs 0 or more; got {sizes} and {self.fine_tune_epochs}."
            )
        X = self._check(X)
        factor = self.strides ** len(self.filters)
        if X.shape[1] % factor or X.shape[2] % factor:
            raise ValueError(
                f"height and width must be multiples of strides^blocks = {factor}, got {X.shape[1:3]}. Resize the "
                "pictures, or take fewer blocks."
            )
        keras.utils.set_random_seed(self.seed)
        self._build(X.shape[1:])
        self.history_ = {"greedy": [], "mean": [], "fine_tune": []}
        pixels = h = _scaled(X)
        for f, g in zip(self.encoders_, self.decoders_, strict=True):
            self.history_["mean"].append(float(h.var(axis=0).mean()))
            self.history_["greedy"].append(self._train([f, g], h, self.epochs))
            h = _run(f, h)
        if self.fine_tune_epochs:
            stack = self.encoders_ + self.decoders_[::-1]
            self.history_["fine_tune"] = self._train(stack, pixels, self.fine_tune_epochs)
        return self

    def encoder(self, copied: int | None = None, frozen: bool = False) -> keras.Model:
        """Give a new model of the shape of f_K ... f_1, to build a classifier on; the autoencoder keeps its weights.

        Parameters
        ----------
        copied : int, optional
            How many blocks, from the pictures on, start with a copy of the trained weights, 0 to K; all of them by
            default. The others start at random, so that with 0 the model starts from scratch.
        frozen : bool
            Hold the copied blocks still while the model is trained, rather than fine-tune them.

        Returns
        -------
        keras.Model
            Maps pictures (batch, height, width, channels) in 0..255 to the code h_K.

        Raises
        ------
        ValueError
            If there are not so many blocks.
        """
        blocks = self._fitted("encoders_")
        copied = len(blocks) if copied is None else copied
        if not 0 <= copied <= len(blocks):
            raise ValueError(f"copied must be 0 to {len(blocks)}, the number of blocks; got {copied}.")
        copies = [keras.layers.Conv2D.from_config(f.get_config()) for f in blocks]
        scale = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale_to_minus_1_1")
        model = keras.Sequential([keras.Input(self.shape_, name="pictures"), scale, *copies], name="encoder")
        for copy, f in zip(copies[:copied], blocks, strict=False):
            copy.set_weights(f.get_weights())
            copy.trainable = not frozen
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
        h = _scaled(self._check(X, self._fitted("shape_")))
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
            f = keras.layers.Conv2D(filters, activation=self.activation, name=f"f_{k}", **options)
            g = keras.layers.Conv2DTranspose(
                shape[-1], activation=self.activation if k > 1 else None, name=f"g_{k}", **options
            )
            f.build((None, *shape))
            shape = f.compute_output_shape((None, *shape))[1:]
            g.build((None, *shape))
            self.encoders_.append(f)
            self.decoders_.append(g)

    def _train(self, layers, h, epochs):
        """Train layers in a row to restore `h`; return the loss after each epoch."""
        model = keras.Sequential([keras.Input(h.shape[1:]), *layers])
        model.compile(keras.optimizers.Adam(self.learning_rate), loss="mse")
        # Made while the first step is traced, its variables would have TensorFlow trace that step twice.
        model.optimizer.build(model.trainable_variables)
        return model.fit(h, h, self.batch_size, epochs, verbose=0).history["loss"]

    def _blocks(self, depth):
        encoders = self._fitted("encoders_")
        if depth is not None and not 1 <= depth <= len(encoders):
            raise ValueError(f"depth must be 1 to {len(encoders)}, the number of blocks; got {depth}.")
        return encoders[:depth]

    def _fitted(self, name):
        if not hasattr(self, name):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"{self!r} is not fitted: call fit(X) with unlabelled pictures first.")
        return getattr(self, name)

    def _check(self, X, shape=None):
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
