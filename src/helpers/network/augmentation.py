"""The article's augmentation, and a stronger one, as Keras layers."""

import keras
import numpy as np
from keras import ops

# Argument of Keras 2's ImageDataGenerator -> the Keras 3 layer that does it, and in which units that layer counts.
ARGUMENT_TO_LAYER = {
    "rotation_range": ("RandomRotation", "degrees / 360"),
    "height_shift_range": ("RandomTranslation", "the same fraction of the height"),
    "width_shift_range": ("RandomTranslation", "the same fraction of the width"),
    "zoom_range": ("RandomZoom", "the same fraction, for each axis on its own"),
    "channel_shift_range": ("ChannelShift", "the same grey levels, 0 to 255"),
    "horizontal_flip": ("RandomFlip", "'horizontal'"),
}

_LARGEST = {
    "rotation_range": (180, "degrees"),
    "width_shift_range": (1, "a fraction of the width, not pixels"),
    "height_shift_range": (1, "a fraction of the height, not pixels"),
    "zoom_range": (0.99, "a fraction: 0.25 zooms between 0.75 and 1.25"),
    "channel_shift_range": (255, "grey levels"),
}


@keras.saving.register_keras_serializable(package="helpers")
class ChannelShift(keras.layers.Layer):
    """Add one random number to all channels of a picture; Keras has no such layer.

    The number is drawn for each picture from the uniform distribution over [-shift_range, shift_range]. The result is
    clipped to the smallest and largest value of that picture, as `ImageDataGenerator` does, so that no value leaves the
    range that came in. Like Keras's own random layers it acts unless it is told `training=False`.

    Parameters
    ----------
    shift_range : float
        Largest shift, in the units of the picture (grey levels of 0 to 255).
    seed : int, optional
        Seed of the random numbers.
    **kwargs
        Keyword arguments of every Keras layer, such as `name`.
    """

    def __init__(self, shift_range: float, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.shift_range = shift_range
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=True):
        """Shift the pictures in training, and return them as they came otherwise.

        Parameters
        ----------
        pictures : tensor of shape (batch, height, width, channels)
            The pictures.
        training : bool
            Whether to shift them.

        Returns
        -------
        tensor of shape (batch, height, width, channels)
        """
        if not training:
            return pictures
        shape = (ops.shape(pictures)[0], 1, 1, 1)
        shift = keras.random.uniform(shape, -self.shift_range, self.shift_range, pictures.dtype, self.seed_generator)
        darkest, lightest = (extreme(pictures, axis=(1, 2, 3), keepdims=True) for extreme in (ops.min, ops.max))
        return ops.clip(pictures + shift, darkest, lightest)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input, which no shift changes."""
        return input_shape

    def get_config(self):
        """Return the arguments that make the same layer again."""
        return super().get_config() | {"shift_range": self.shift_range, "seed": self.seed}


def article_augmentation(
    rotation_range: float = 15,
    width_shift_range: float = 0.02,
    height_shift_range: float = 0.02,
    zoom_range: float = 0.25,
    channel_shift_range: float = 25,
    horizontal_flip: bool = True,
    fill_mode: str = "constant",
    seed: int = 0,
    name: str = "article_augmentation",
) -> keras.Sequential:
    """Build the article's augmentation: arguments and units of `ImageDataGenerator`, layers of Keras 3.

    The defaults are the article's; its `rescale=1/255` belongs into the model. `fit` and `model(x)` change pictures;
    `predict`, `evaluate` and `model(x, training=False)` do not: without word, Keras's random layers take it for
    training. Transforms follow one another in the generator's order; one whose range is 0 is left out. Each layer
    interpolates anew, where the generator multiplied the matrices and interpolated once: the result is a little softer.

    Parameters
    ----------
    rotation_range : float
        Largest rotation to either side, degrees, 0 to 180.
    width_shift_range, height_shift_range : float
        Largest shift to either side, fraction of the width or height, 0 to 1.
    zoom_range : float
        z zooms each axis on its own by a factor from 1 - z to 1 + z, 0 to 0.99; a factor above 1 shrinks the content.
    channel_shift_range : float
        Largest number added to all channels alike, grey levels, 0 to 255.
    horizontal_flip : bool
        Whether to mirror every second picture, left to right.
    fill_mode : str
        What fills the places that no pixel moves to: "constant" (black), "nearest", "reflect" or "wrap".
    seed : int
        The same seed gives the same sequence of pictures.
    name : str
        Name of the model.

    Returns
    -------
    keras.Sequential
        Maps pictures, float (batch, height, width, channels) in 0..255, to pictures of the same shape and range.

    Raises
    ------
    ValueError
        When a range lies outside the limits above.
    """
    _check(
        rotation_range=rotation_range,
        width_shift_range=width_shift_range,
        height_shift_range=height_shift_range,
        zoom_range=zoom_range,
        channel_shift_range=channel_shift_range,
    )
    # One seed for all layers would tie the transforms together: a large rotation would always come with a large shift.
    rotation, translation, zoom, channel, flip = np.random.SeedSequence(seed).generate_state(5).tolist()
    layers = keras.layers
    steps = []
    if rotation_range:
        steps.append(layers.RandomRotation(rotation_range / 360, fill_mode, seed=rotation))
    if height_shift_range or width_shift_range:
        steps.append(layers.RandomTranslation(height_shift_range, width_shift_range, fill_mode, seed=translation))
    if zoom_range:
        steps.append(layers.RandomZoom(zoom_range, zoom_range, fill_mode, seed=zoom))
    if channel_shift_range:
        steps.append(ChannelShift(channel_shift_range, seed=channel))
    if horizontal_flip:
        steps.append(layers.RandomFlip("horizontal", seed=flip))
    return keras.Sequential(steps or [layers.Identity()], name=name)


def strong_augmentation(seed: int = 0) -> keras.Sequential:
    """Build an augmentation that many tutorials use; it moves a picture much further than the article's.

    Rotation by up to 40 degrees, shifts and zoom of a fifth, mirror; borders repeat the last pixel. Input and output
    are those of `article_augmentation`.
    """
    return article_augmentation(40, 0.2, 0.2, 0.2, 0, True, "nearest", seed, "strong_augmentation")


def _check(**ranges: float) -> None:
    """Refuse a range that the layers would misread, such as a shift in pixels."""
    for name, value in ranges.items():
        largest, unit = _LARGEST[name]
        if not 0 <= value <= largest:
            raise ValueError(f"{name} must lie between 0 and {largest} ({unit}), got {value}.")
