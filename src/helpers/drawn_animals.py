"""The embedded picture data: animals drawn by code from seeds, in three styles (domains)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from helpers import photos, runtime

STYLES = ("photo", "poster", "sketch")
FACING = ("left", "right")
_SMALLEST_FRAME = 0.5  # of the side of a drawing, in `write_folder`

Range = tuple[float, float]
Choice = tuple[str, ...]
Colour = tuple[int, int, int]

_PALETTES = {  # the same coats in every style; no coat belongs to one species
    "photo": {
        "black": (50, 47, 48),
        "white": (232, 228, 220),
        "grey": (132, 132, 136),
        "ginger": (202, 126, 64),
        "brown": (120, 82, 56),
        "cream": (222, 196, 154),
    },
    "poster": {
        "black": (62, 56, 96),
        "white": (250, 244, 230),
        "grey": (80, 150, 200),
        "ginger": (242, 124, 44),
        "brown": (200, 66, 70),
        "cream": (250, 202, 80),
    },
    "sketch": {
        "black": (128,) * 3,
        "white": (250,) * 3,
        "grey": (200,) * 3,
        "ginger": (215,) * 3,
        "brown": (170,) * 3,
        "cream": (235,) * 3,
    },
}
_IRIS = {"green": (140, 180, 70), "gold": (225, 170, 50), "blue": (110, 160, 210), "brown": (104, 62, 30)}
_PINK, _DARK, _WHITE = (222, 132, 136), (34, 29, 30), (246, 243, 236)
_HORN = (224, 206, 175)
_COATS = tuple(_PALETTES["photo"])


@dataclass(frozen=True)
class Breed:
    """What one kind of animal may look like; every picture takes one value out of each range or choice.

    Lengths are in units of half the height of the head, angles in radians. Angles of ears and horns are measured from
    straight up, outwards.
    """

    face: Range = (0.9, 1.05)  # half the width of the head
    jaw: Range = (-0.1, 0.05)  # > 0: the head is wider below than above
    cheeks: Range = (0.0, 0.0)  # length of the tufts at the cheeks
    ear_at: Range = (0.55, 0.75)  # where on the head's rim the ears sit
    ear_length: Range = (0.7, 0.9)
    ear_width: Range = (0.34, 0.42)
    ear_splay: Range = (0.2, 0.5)  # direction at the root
    ear_bend: Range = (0.0, 0.1)  # how much the direction changes up to the tip: about 2.5 hangs down
    ear_blunt: Range = (1.1, 1.4)  # 1: pointed, 4: round
    snout: Range = (0.3, 0.45)  # how far the muzzle sticks out
    snout_width: Range = (0.42, 0.5)
    snout_drop: Range = (0.05, 0.15)  # how much lower its tip lies than its root
    nose: Range = (0.13, 0.17)
    nose_shape: Choice = ("oval",)  # oval, triangle, disc (with nostrils), beak
    nose_colour: Choice = ("dark",)
    eye: Range = (0.17, 0.2)
    eye_gap: Range = (0.4, 0.48)  # from the middle of the face to the eye
    eye_height: Range = (-0.2, -0.08)
    pupil: Range = (0.7, 0.8)  # width of the pupil; below 0.4 it is a slit
    iris: Choice = ("brown",)
    whiskers: Range = (0.0, 0.0)
    tongue: Choice = ("no",)
    horns: Range = (0.0, 0.0)
    mane: Range = (0.0, 0.0)
    tail: Range = (1.2, 1.8)
    tail_width: Range = (0.14, 0.2)
    plump: Range = (0.9, 1.1)  # width of the body
    neck: Range = (0.0, 0.15)
    coats: Choice = _COATS
    markings: Choice = ("plain", "plain", "patched", "blaze", "pale")


_MUZZLED = dict(ear_splay=(0.15, 0.4), snout=(0.8, 1.05), snout_width=(0.4, 0.48), snout_drop=(0.15, 0.3))
_HANGING = dict(ear_at=(0.75, 0.95), ear_length=(1.2, 1.6), ear_width=(0.3, 0.4), ear_splay=(1.5, 1.8))
_DOG = dict(
    face=(0.82, 0.95), jaw=(-0.2, -0.05), nose=(0.22, 0.28), eye=(0.15, 0.18), eye_gap=(0.34, 0.42),
    tongue=("yes", "no"), tail=(0.9, 1.5), tail_width=(0.16, 0.26),
    markings=("plain", "patched", "blaze", "pale", "spotted", "eye patch"),
)  # fmt: skip

_RABBIT = dict(
    face=(0.82, 0.98), snout=(0.15, 0.25), nose=(0.08, 0.11), nose_shape=("triangle",), nose_colour=("pink",),
    eye=(0.2, 0.24), eye_gap=(0.5, 0.6), whiskers=(0.5, 0.8), tail=(0.4, 0.5), tail_width=(0.3, 0.36),
    plump=(1.0, 1.2),
)  # fmt: skip

SPECIES: dict[str, tuple[Breed, ...]] = {
    "cat": (
        Breed(
            face=(1.02, 1.16), ear_at=(0.55, 0.68), ear_length=(0.8, 1.0), ear_width=(0.4, 0.5), ear_blunt=(1.0, 1.1),
            snout=(0.12, 0.22), snout_width=(0.36, 0.42), nose=(0.1, 0.13), nose_shape=("triangle",),
            nose_colour=("pink",), eye=(0.22, 0.26), pupil=(0.2, 0.36), iris=("green", "gold", "blue"),
            whiskers=(0.8, 1.1), tail=(2.2, 3.0), tail_width=(0.12, 0.16),
            markings=("plain", "patched", "blaze", "pale", "tabby", "tabby", "eye patch"),
        ),
    ),
    "dog": (
        Breed(**_DOG | _MUZZLED | _HANGING | dict(ear_bend=(1.2, 1.5), ear_blunt=(3.0, 4.0))),
        Breed(**_DOG | _MUZZLED | dict(ear_length=(0.7, 0.9), ear_bend=(2.0, 2.6), ear_blunt=(1.2, 2.0))),
        Breed(**_DOG | _MUZZLED | dict(ear_length=(0.8, 1.0), ear_width=(0.3, 0.38))),
    ),
    "fox": (
        Breed(
            **_MUZZLED | dict(snout_width=(0.3, 0.36)), face=(0.95, 1.05), cheeks=(0.5, 0.7), ear_length=(0.95, 1.2),
            ear_width=(0.38, 0.46), nose=(0.13, 0.17), pupil=(0.2, 0.36), iris=("gold",), tail_width=(0.4, 0.5),
            markings=("pale", "pale", "blaze"),
        ),
    ),
    "wolf": (
        Breed(
            **_MUZZLED, face=(0.95, 1.05), cheeks=(0.3, 0.5), ear_length=(0.6, 0.75), ear_width=(0.26, 0.34),
            nose=(0.18, 0.23), iris=("gold", "blue"), tail_width=(0.26, 0.36), markings=("mask", "pale", "plain"),
        ),
    ),
    "rabbit": (
        Breed(
            **_RABBIT, ear_at=(0.25, 0.38), ear_length=(1.6, 2.1), ear_width=(0.24, 0.3), ear_splay=(0.0, 0.3),
            ear_bend=(-0.1, 0.5), ear_blunt=(3.0, 4.0),
        ),
        Breed(**_RABBIT | _HANGING, ear_bend=(1.2, 1.5), ear_blunt=(3.0, 4.0)),
    ),
    "bear": (
        Breed(
            face=(1.05, 1.2), jaw=(0.0, 0.15), ear_at=(0.7, 0.85), ear_length=(0.4, 0.5), ear_width=(0.28, 0.34),
            ear_blunt=(3.5, 4.5), snout=(0.55, 0.75), snout_width=(0.44, 0.52), nose=(0.2, 0.26), eye=(0.09, 0.12),
            eye_gap=(0.32, 0.4), tail=(0.2, 0.3), plump=(1.2, 1.4), markings=("plain", "pale"),
        ),
    ),
    "panda": (
        Breed(
            face=(1.1, 1.25), jaw=(0.05, 0.2), ear_at=(0.7, 0.85), ear_length=(0.42, 0.52), ear_width=(0.3, 0.36),
            ear_blunt=(3.5, 4.5), snout=(0.3, 0.45), nose=(0.14, 0.18), eye=(0.11, 0.14), tail=(0.2, 0.3),
            plump=(1.2, 1.4), coats=("white", "cream"), markings=("panda",),
        ),
    ),
    "lion": (
        Breed(
            face=(0.9, 1.02), mane=(0.5, 0.75), ear_length=(0.4, 0.5), ear_width=(0.26, 0.32), ear_blunt=(3.0, 4.0),
            snout=(0.5, 0.7), snout_width=(0.44, 0.52), nose=(0.18, 0.22), nose_shape=("triangle",), eye=(0.14, 0.17),
            iris=("gold",), whiskers=(0.4, 0.6), tail=(2.2, 3.0), tail_width=(0.12, 0.16), markings=("plain", "pale"),
        ),
    ),
    "tiger": (
        Breed(
            face=(1.05, 1.18), cheeks=(0.3, 0.5), ear_length=(0.4, 0.5), ear_width=(0.26, 0.34), ear_blunt=(3.0, 4.0),
            snout=(0.4, 0.55), snout_width=(0.46, 0.54), nose=(0.16, 0.2), nose_shape=("triangle",),
            nose_colour=("pink",), eye=(0.15, 0.18), iris=("gold", "green"), whiskers=(0.6, 0.9), tail=(2.2, 3.0),
            coats=("ginger", "cream", "white", "grey", "brown"), markings=("tabby",),
        ),
    ),
    "mouse": (
        Breed(
            face=(0.78, 0.9), jaw=(-0.35, -0.2), ear_at=(0.65, 0.85), ear_length=(0.9, 1.15), ear_width=(0.5, 0.62),
            ear_blunt=(4.0, 5.0), snout=(0.7, 0.95), snout_width=(0.26, 0.32), nose=(0.1, 0.14), nose_colour=("pink",),
            eye=(0.16, 0.2), whiskers=(0.8, 1.1), tail=(2.4, 3.2), tail_width=(0.06, 0.08),
        ),
    ),
    "pig": (
        Breed(
            face=(0.98, 1.12), jaw=(0.1, 0.25), ear_at=(0.6, 0.8), ear_length=(0.6, 0.85), ear_width=(0.32, 0.4),
            ear_splay=(0.3, 0.6), ear_bend=(0.4, 2.2), snout=(0.5, 0.7), snout_width=(0.36, 0.44), nose=(0.34, 0.4),
            nose_shape=("disc",), nose_colour=("pink",), eye=(0.11, 0.14), tail=(0.5, 0.8), tail_width=(0.06, 0.09),
            plump=(1.2, 1.4), markings=("plain", "patched", "spotted"),
        ),
    ),
    "cow": (
        Breed(
            face=(0.78, 0.9), jaw=(-0.05, 0.1), ear_at=(1.05, 1.2), ear_length=(0.75, 0.95), ear_width=(0.22, 0.28),
            ear_splay=(1.5, 1.8), ear_blunt=(2.0, 3.0), snout=(0.7, 0.95), snout_width=(0.52, 0.62),
            snout_drop=(0.3, 0.4), nose=(0.4, 0.46), nose_shape=("disc",), nose_colour=("pink", "dark"),
            eye=(0.14, 0.17), horns=(0.5, 0.9), tail=(1.8, 2.2), tail_width=(0.07, 0.1), plump=(1.2, 1.4),
            markings=("patched", "patched", "blaze", "plain"),
        ),
    ),
    "sheep": (
        Breed(
            face=(0.68, 0.78), jaw=(-0.15, 0.0), ear_at=(1.05, 1.2), ear_length=(0.7, 0.9), ear_width=(0.18, 0.24),
            ear_splay=(1.7, 2.1), ear_blunt=(2.0, 3.0), snout=(0.5, 0.7), snout_width=(0.36, 0.44),
            snout_drop=(0.2, 0.35), nose=(0.1, 0.14), nose_shape=("triangle",), nose_colour=("dark", "pink"),
            eye=(0.13, 0.16), mane=(0.35, 0.45), tail=(0.4, 0.6), tail_width=(0.2, 0.3), plump=(1.3, 1.5),
            markings=("wool",),
        ),
    ),
    "koala": (
        Breed(
            face=(1.0, 1.15), ear_at=(0.85, 1.0), ear_length=(0.8, 1.0), ear_width=(0.45, 0.55), ear_splay=(0.8, 1.1),
            ear_blunt=(4.0, 5.0), snout=(0.2, 0.3), snout_width=(0.3, 0.36), nose=(0.3, 0.36), nose_shape=("long",),
            eye=(0.11, 0.14), tail=(0.1, 0.2), plump=(1.1, 1.3), markings=("plain", "pale"),
        ),
    ),
    "raccoon": (
        Breed(
            face=(1.02, 1.15), cheeks=(0.3, 0.5), ear_at=(0.65, 0.8), ear_length=(0.5, 0.65), ear_width=(0.3, 0.38),
            ear_blunt=(1.8, 2.4), snout=(0.5, 0.7), snout_width=(0.3, 0.38), nose=(0.15, 0.19), eye=(0.14, 0.17),
            whiskers=(0.5, 0.8), tail_width=(0.3, 0.4), coats=("grey", "brown", "cream", "ginger", "white"),
            markings=("bandit",),
        ),
    ),
    "monkey": (
        Breed(
            face=(0.9, 1.02), jaw=(0.0, 0.15), ear_at=(1.35, 1.55), ear_length=(0.45, 0.6), ear_width=(0.34, 0.42),
            ear_splay=(1.4, 1.6), ear_blunt=(4.0, 5.0), snout=(0.3, 0.45), snout_width=(0.5, 0.6), nose=(0.1, 0.14),
            eye=(0.14, 0.17), eye_gap=(0.3, 0.36), tail=(2.4, 3.2), tail_width=(0.12, 0.16), markings=("ape",),
        ),
    ),
    "owl": (
        Breed(
            face=(1.1, 1.25), ear_at=(0.6, 0.8), ear_length=(0.4, 0.7), ear_width=(0.16, 0.24), snout=(0.02, 0.06),
            snout_width=(0.12, 0.16), nose=(0.2, 0.26), nose_shape=("beak",), nose_colour=("horn", "dark"),
            eye=(0.26, 0.32), pupil=(0.45, 0.7), iris=("gold",), tail=(0.5, 0.7), tail_width=(0.25, 0.35),
            plump=(1.1, 1.3), markings=("owl",),
        ),
    ),
    "horse": (
        Breed(
            face=(0.66, 0.76), jaw=(-0.15, -0.05), ear_at=(0.4, 0.55), ear_length=(0.6, 0.75), ear_width=(0.18, 0.24),
            ear_splay=(0.0, 0.25), snout=(1.05, 1.35), snout_width=(0.42, 0.48), snout_drop=(0.6, 0.8),
            nose=(0.3, 0.36), nose_shape=("disc",), eye=(0.13, 0.16), eye_gap=(0.42, 0.5), mane=(0.1, 0.25),
            tail=(1.8, 2.4), tail_width=(0.22, 0.3), plump=(1.1, 1.3), neck=(0.3, 0.6),
            markings=("plain", "blaze", "patched"),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """One drawn animal.

    Attributes
    ----------
    picture : ndarray of uint8 (size, size, 3)
        The picture, 0..255.
    facing : int
        0 where the head is turned to the left of the picture, 1 to the right: an index into `FACING`.
    """

    picture: np.ndarray
    facing: int


def drawing(species: str, style: str = "photo", size: int = 128, seed: int | Sequence[int] = 0) -> Drawing:
    """Draw one animal and tell which way its head is turned.

    Parameters
    ----------
    species : str
        A key of `SPECIES`.
    style : str
        "photo" (lit, furry, cluttered), "poster" (flat colours, outlines) or "sketch" (pencil on paper). The same seed
        gives the same animal in each style.
    size : int
        Height and width in pixels, 32 to 512.
    seed : int or sequence of int
        Seed of the picture, 0 or more: the same seed gives the same picture.

    Returns
    -------
    Drawing
        The picture and its facing.

    Raises
    ------
    ValueError
        If the species, the style or the size is none of the above.
    """
    _check("species", species, tuple(SPECIES))
    _check("style", style, STYLES)
    if not 32 <= size <= 512:
        raise ValueError(f"size is {size}; choose 32 to 512 pixels")
    rng = np.random.default_rng(seed)
    breeds = SPECIES[species]
    a = _sample(breeds[rng.integers(len(breeds))], style, rng)
    x, y, height, hidden = rng.uniform((-0.11, -0.04, 0.42, 0), (0.11, 0.1, 0.6, 1)).tolist()
    if a.pose == "head":
        height, y = height + 0.08, y + 0.1
    else:
        x, y = x - 0.09 * a.side, y - 0.02
    canvas = _background(style, 2 * size, rng)  # drawn at twice the size, then reduced: smooth edges
    origin, unit = 2 * size * complex(0.5 + x, 0.4 + y), size * height
    _paint_body(_Brush(canvas, style, origin, unit), a, rng)
    _paint_head(_Brush(canvas, style, origin, unit, a.roll), a, rng)
    if hidden < 0.35:
        front = _Brush(canvas, style, 0, 2 * size)
        _paint_clutter(front, style, rng.random(), 0.85 + 0.15 * rng.random(), rng)
    channels = canvas.reduce(2)
    finish = {"photo": _photograph, "poster": _print, "sketch": _pencil}[style]
    planes = np.stack([np.asarray(plane, np.float32) for plane in channels.split()])
    picture = finish(planes, _relief(channels, rng), rng).clip(0, 255).astype(np.uint8)
    return Drawing(np.stack(picture, axis=-1), a.facing)


def draw(species: str, style: str = "photo", size: int = 128, seed: int | Sequence[int] = 0) -> np.ndarray:
    """Draw one animal: the picture of `drawing` alone, uint8 (size, size, 3); the parameters are the same."""
    return drawing(species, style, size, seed).picture


def dataset(
    species: Sequence[str], n_per_class: int, style: str = "photo", size: int = 96, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labelled pictures in memory, for two tasks: which species it is, and which way the head is turned.

    Picture i of a species is the same however many are drawn; other seeds give other pictures.

    Parameters
    ----------
    species : sequence of str
        Keys of `SPECIES`; the labels are the positions in this sequence.
    n_per_class : int
        Number of pictures of each species; n = len(species) * n_per_class.
    style, size
        As in `draw`.
    seed : int
        Seed of the data set, 0 or more.

    Returns
    -------
    X : ndarray of uint8 (n, size, size, 3)
        Pictures, the classes in turn.
    y : ndarray of int (n,)
        Labels.
    facing : ndarray of int (n,)
        0 where the head is turned to the left of the picture, 1 to the right; indices into `FACING`.

    Raises
    ------
    ValueError
        If a species, the style or the size is not one that `draw` knows.
    """
    y = np.tile(np.arange(len(species)), n_per_class)
    X, facing = np.empty((len(y), size, size, 3), np.uint8), np.empty(len(y), int)
    for i, label in enumerate(y):
        stream = (seed, _stream(species[label]), i // len(species))
        drawn = drawing(species[label], style, size, stream)
        X[i], facing[i] = drawn.picture, drawn.facing
    return X, y, facing


def write_folder(
    folder: Path,
    n_train: int = 200,
    n_validation: int = 50,
    n_test: int = 200,
    species: Sequence[str] = ("cat", "dog"),
    style: str = "photo",
    size: int = 128,
    seed: int = 0,
) -> None:
    """Write drawn pictures as JPEG files, `folder/{train_set,validation_set,test_set}/cats/cat.0001.jpg` and so on.

    They are framed as carelessly as snapshots: each is a square cut out of a larger drawing, so that some animals are
    near, cut off at the edge or hardly in the picture. The folder appears under its name only when it is complete; one
    that is already there is left as it is.

    Parameters
    ----------
    folder : Path
        Where to write.
    n_train, n_validation, n_test : int
        Number of pictures of each species in each set.
    species, style, size, seed
        As in `dataset`.

    Raises
    ------
    ValueError
        If a species, the style or the size is not one that `draw` knows.
    """
    folder = Path(folder)
    with runtime.lock(folder):
        if folder.exists():
            return
        with TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name
            for part, (name, n) in enumerate(zip(photos.SPLITS, (n_train, n_validation, n_test), strict=True), start=1):
                for kind in species:
                    _write_class(made / name / f"{kind}s", kind, n, style, size, (seed, _stream(kind), part))
            made.rename(folder)


def _write_class(folder: Path, species: str, n: int, style: str, size: int, stream: Sequence[int]) -> None:
    """Write the n pictures of one species in one set."""
    folder.mkdir(parents=True)
    for i in range(1, n + 1):
        drawn = Image.fromarray(draw(species, style, min(512, size * 3 // 2), (*stream, i)))
        rng = np.random.default_rng((*stream, i, 1))
        side = rng.uniform(_SMALLEST_FRAME, 1) * drawn.width
        x, y = rng.uniform(0, drawn.width - side, 2)
        framed = drawn.resize((size, size), Image.Resampling.BILINEAR, (x, y, x + side, y + side))
        framed.save(folder / f"{species}.{i:04d}.jpg", quality=92)


def _stream(species: str) -> int:
    """Position of a species among all, which keeps the random streams of the species apart."""
    _check("species", species, tuple(SPECIES))
    return tuple(SPECIES).index(species)


def _check(name: str, value: str, known: Sequence[str]) -> None:
    """Raise ValueError unless the value is a known one."""
    if value not in known:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(known)}")


# Points of the plane are complex numbers, x + iy with y downwards: a turn is a multiplication.
_CIRCLE = np.exp(2j * np.pi * np.arange(28) / 28)
_TRIANGLE = np.array([-1 - 0.7j, 1 - 0.7j, 0.15 + 0.8j, -0.15 + 0.8j])
_ALONG = np.sin(np.linspace(0, np.pi / 2, 9))  # places along a band, closer together at its tip
_STEPS = np.diff(_ALONG, prepend=0) * -1j  # -i: up


class _Brush:
    """Paints shapes, given in units of half a head, on four channels: red, green, blue, relief (0: background)."""

    def __init__(self, image: Image.Image, style: str, origin: complex, unit: float, roll: float = 0.0):
        self.draw = ImageDraw.Draw(image)
        self.ink = {"photo": None, "poster": (28, 24, 44), "sketch": (40, 40, 40)}[style]
        self.line = max(1, round(image.width / {"photo": 1, "poster": 75, "sketch": 150}[style]))
        self.origin, self.unit = origin, unit * np.exp(1j * roll)

    def polygon(self, points: np.ndarray, colour: Colour, height: int, edge: bool = True) -> None:
        """Paint a polygon, with an outline where the style has outlines."""
        corners = (points * self.unit + self.origin).view(float).tolist()
        self.draw.polygon(corners, fill=(*colour, height))
        if edge and self.ink:
            self.draw.line(corners + corners[:4], fill=(*self.ink, height), width=self.line, joint="curve")

    def disc(self, x, y, rx, ry, colour, height, edge=True, jaw=0.0, rim=None):
        """Paint an ellipse; `jaw` > 0 makes it wider below, `rim` (28,) gives it a woolly edge."""
        points = (rx + ry) / 2 * _CIRCLE + (rx - ry) / 2 * _CIRCLE.conj()
        if rim is not None:
            points *= rim
        if jaw:
            points.real *= 1 + jaw * points.imag
        self.polygon(points + complex(x, y), colour, height, edge)

    def ribbon(self, x, y, length, angle, bend, width, blunt, colour, height, edge=True):
        """Paint a bent, tapering band that starts at (x, y); angle 0 is up, more is clockwise."""
        heading = np.exp(1j * (angle + bend * _ALONG))
        middle = (heading * _STEPS).cumsum() * length + complex(x, y)
        across = heading * (width * (1 - _ALONG**blunt))
        self.polygon(np.concatenate([middle + across, (middle - across)[::-1]]), colour, height, edge)


def _sample(breed: Breed, style: str, rng: np.random.Generator) -> SimpleNamespace:
    """Take one animal out of a breed: a value from each range and choice, its pose and its colours."""
    a = SimpleNamespace()
    for (name, span), u in zip(vars(breed).items(), rng.random(len(vars(breed))), strict=True):
        setattr(a, name, span[int(u * len(span))] if isinstance(span[0], str) else span[0] + u * (span[1] - span[0]))
    u_facing, u_yaw, u_pitch, u_roll, u_pose, u_side, u_fluff, u_second, u_skin, *u_tint = rng.random(12)
    a.facing = int(2 * u_facing)
    a.turn = 1 if a.facing else -1
    a.yaw = a.turn * (0.3 + 0.5 * u_yaw)
    a.pitch, a.roll = 0.35 * (u_pitch - 0.4), 0.5 * (u_roll - 0.5)
    a.pose = ("head", "sitting", "standing")[int(3 * u_pose)]
    a.side = a.turn * (-1 if u_side < 0.6 else 1)  # some animals look back over the shoulder
    a.rim = 1 + max(0, u_fluff - 0.4) * rng.uniform(-0.12, 0.12, len(_CIRCLE))
    palette = _PALETTES[style]
    a.coat = _tinted(palette[a.coats], u_tint)
    a.second = _tinted(palette[_COATS[int(u_second * len(_COATS))]], u_tint)
    a.dark = _mixed(a.coat, _DARK, 1 if a.markings == "panda" else 0.6)
    a.pale = _mixed(a.coat, palette["white"], 0.75)
    a.skin = _mixed(a.coat, _DARK if u_skin < 0.6 else _PINK, 0.5) if a.markings == "wool" else a.coat
    a.spot_colour = a.dark if a.markings == "tabby" else a.second
    a.iris_colour = _mixed(_IRIS[a.iris], _WHITE, 0.9 if style == "sketch" else 0)
    return a


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; `share` is that of the second."""
    return tuple(int(c + share * (o - c)) for c, o in zip(colour, other, strict=True))


def _tinted(colour: Colour, u: Sequence[float]) -> Colour:
    """Make a colour a little lighter or darker, warmer or colder."""
    shifts = 14 * (u[1] - 0.5), 0, 14 * (u[2] - 0.5)
    return tuple(int(min(255, max(0, c * (0.8 + 0.35 * u[0]) + d))) for c, d in zip(colour, shifts, strict=True))


def _paint_body(brush: _Brush, a: SimpleNamespace, rng: np.random.Generator) -> None:
    """Paint body, legs and tail, which the head then covers in part; `a.side` is where the body lies."""
    b, low, belly = a.side, a.neck, a.pale if a.markings in ("pale", "blaze") else a.coat
    feet, leg = 3.1 + low, a.dark if a.markings in ("mask", "panda") else a.coat
    if a.pose == "head":
        brush.disc(0.25 * b, 2.0 + low, 1.3 * a.plump, 1.15, a.coat, 60, rim=a.rim)
        brush.disc(0.05 * b, 2.1 + low, 0.6 * a.plump, 0.9, belly, 75, edge=False)
        return
    if a.pose == "standing":
        x, y, rx, ry = 1.3 * b, 1.35 + low, 1.55, 0.72 * a.plump
        hips, legs, tail = 2.45 * b, (2.45 * b, 0.35 * b), (y - 0.2, a.tail, 1.9 * b)
        for far in (2.75 * b, 0.75 * b):
            brush.ribbon(far, y, feet - y, np.pi, 0, 0.22, 20, _mixed(a.coat, _DARK, 0.25), 40)
    else:
        x, y, rx, ry = 0.35 * b, 1.75 + low, 0.82 * a.plump, 1.25
        hips, legs, tail = 1.1 * b * a.plump, (-0.05 * b, 0.5 * b), (y + 0.9, a.tail, 1.2 * b)
    brush.ribbon(x + 0.9 * b * rx, *tail, -1.3 * b, a.tail_width, 5, a.coat, 50)
    brush.disc(0.1 * b, 0.9 + low, 0.6 * a.plump, 0.8 + low / 2, a.coat, 55)
    brush.disc(x, y, rx, ry, a.coat, 70, rim=a.rim)
    if a.pose == "sitting":
        brush.disc(0.15 * b, y - 0.25, 0.5 * a.plump, 0.8, belly, 80, edge=False)
    for u, v, width, height in _spots(a, rng):
        brush.disc(x + 0.8 * u * rx, y + 0.8 * v * ry, width, height, a.spot_colour, 71, edge=False)
    if a.pose == "sitting":
        brush.disc(hips, feet - 0.6, 0.62, 0.7, a.coat, 85)
        brush.disc(hips - 0.3 * b, feet, 0.5, 0.2, leg, 95)
    else:
        brush.disc(hips, y + 0.15, 0.5 * a.plump, 0.62, a.coat, 80, edge=False)
    for near in legs:
        brush.ribbon(near, y + 0.1, feet - y - 0.1, np.pi, 0, 0.24, 20, leg, 90)
        brush.disc(near - 0.06 * b, feet - 0.08, 0.3, 0.17, leg, 100)


def _spots(a: SimpleNamespace, rng: np.random.Generator) -> list[list[float]]:
    """Place the markings of a body or head: x, y within the unit disc, and two radii."""
    if a.markings == "tabby":
        return [[x, y, 0.07, 0.3] for x, y in zip(np.linspace(-0.9, 0.9, 7), rng.uniform(-0.5, 0.1, 7), strict=True)]
    count, low, high = {"patched": (3, 0.25, 0.5), "spotted": (9, 0.06, 0.14)}.get(a.markings, (0, 0, 0))
    return rng.uniform((-0.9, -0.9, low, low), (0.9, 0.9, high, high), (count, 4)).tolist()


def _paint_head(brush: _Brush, a: SimpleNamespace, rng: np.random.Generator) -> None:
    """Paint the head, turned by `a.yaw`, from what lies behind to what lies in front."""
    hanging = a.ear_splay > 1.2 or a.ear_bend > 1.6
    if a.mane:
        mane = a.second if a.markings != "wool" else a.coat
        brush.disc(-0.1 * a.turn, 0.05, a.face + a.mane, 1 + a.mane, mane, 95, rim=1 + 0.16 * (rng.random(28) - 0.5))
    for side in (-1, 1):
        if a.cheeks:
            brush.ribbon(side * 0.5 * a.face, 0.3, 0.5 * a.face + a.cheeks, side * 2.0, 0, 0.4, 1.3, a.coat, 120)
        if a.horns:
            brush.ribbon(side * 0.4 * a.face, -0.7, a.horns, side * 0.9, -side * 1.2, 0.14, 1.5, _HORN, 115)
    if not hanging:
        _paint_ears(brush, a, standing=True)
    brush.disc(0, 0, a.face, 1, a.skin, 140, jaw=a.jaw, rim=a.rim)
    _paint_markings(brush, a, rng)
    _paint_eyes(brush, a)
    if hanging:
        _paint_ears(brush, a, standing=False)
    _paint_muzzle(brush, a)


def _paint_ears(brush: _Brush, a: SimpleNamespace, standing: bool) -> None:
    """Paint both ears; those that stand show their inside."""
    colour = a.dark if a.markings in ("panda", "mask") else a.second if a.markings == "eye patch" else a.skin
    y = -0.85 * np.cos(a.ear_at) - 0.2 * a.pitch
    for side in (-1, 1):
        x = side * 0.85 * a.face * np.sin(a.ear_at) - 0.3 * np.sin(a.yaw)
        width = a.ear_width * (0.8 if side == a.turn else 1.0)  # the ear on the far side is foreshortened
        splay, bend = side * a.ear_splay, side * a.ear_bend
        brush.ribbon(x, y, a.ear_length + 0.15, splay, bend, width, a.ear_blunt, colour, 125)
        if standing:
            inside = _mixed(_PINK, a.coat, 0.35)
            brush.ribbon(x, y, 0.8 * a.ear_length, splay, bend, 0.6 * width, a.ear_blunt, inside, 100, edge=False)


def _patch(brush: _Brush, a: SimpleNamespace, x, y, rx, ry, colour) -> None:
    """Paint an ellipse on the round surface of the head, and let it turn with the head."""
    points = _CIRCLE.real * rx + x + 1j * (_CIRCLE.imag * ry + y)
    points /= np.maximum(1, abs(points) / 0.97)
    front, along = np.sqrt(1 - abs(points) ** 2), points.real
    points += along * (np.cos(a.yaw) - 1) + front * np.sin(a.yaw)
    behind = front * np.cos(a.yaw) < along * np.sin(a.yaw)
    points[behind] *= 0.97 / abs(points[behind])
    points += points.real * (a.face * (1 + a.jaw * points.imag) - 1)
    brush.polygon(points, colour, 141, edge=False)


def _paint_markings(brush: _Brush, a: SimpleNamespace, rng: np.random.Generator) -> None:
    """Paint stripes, patches and masks on the head."""
    gap, eye = a.eye_gap / a.face, a.eye_height
    match a.markings:
        case "patched" | "spotted":
            for spot in _spots(a, rng):
                _patch(brush, a, *spot, a.second)
        case "tabby":
            for x in (-0.3, 0.0, 0.3):
                _patch(brush, a, x, -0.72, 0.06, 0.28, a.dark)
            for x, y in ((-0.8, 0.15), (0.8, 0.15), (-0.75, 0.42), (0.75, 0.42)):
                _patch(brush, a, x, y, 0.26, 0.06, a.dark)
        case "blaze":
            _patch(brush, a, 0, -0.3, 0.16, 0.8, a.pale)
        case "mask":
            _patch(brush, a, 0, -0.5, 0.75, 0.45, a.dark)
        case "pale":
            for side in (-1, 1):
                _patch(brush, a, side * 0.5, 0.5, 0.42, 0.36, a.pale)
        case "eye patch":
            _patch(brush, a, gap, eye, 0.34, 0.36, a.second)
        case "panda":
            for side in (-1, 1):
                _patch(brush, a, side * gap, eye + 0.06, 0.25, 0.3, _DARK)
        case "bandit":
            _patch(brush, a, 0, eye - 0.05, 0.95, 0.36, a.pale)
            for side in (-1, 1):
                _patch(brush, a, side * gap * 1.2, eye + 0.08, 0.36, 0.22, _mixed(a.dark, _DARK, 0.5))
        case "ape":
            for side in (-1, 1):
                _patch(brush, a, side * 0.32, -0.15, 0.36, 0.36, a.pale)
            _patch(brush, a, 0, 0.4, 0.55, 0.45, a.pale)
        case "owl":
            for side in (-1, 1):
                _patch(brush, a, side * gap, eye, 0.46, 0.52, a.pale)


def _paint_eyes(brush: _Brush, a: SimpleNamespace) -> None:
    """Paint the eyes on the surface of the head, looking where it is turned."""
    for side in (-1, 1):
        x, y = side * a.eye_gap, a.eye_height
        z = np.sqrt(1 - min(0.9, (x / a.face) ** 2 + y**2))
        x, depth = x * np.cos(a.yaw) + 0.9 * z * np.sin(a.yaw), z * np.cos(a.yaw) - x * np.sin(a.yaw)
        if depth < 0.1:
            continue
        y, rx, ry = y + a.pitch * z, a.eye * min(1, 0.45 + 0.6 * depth), a.eye
        look = 0.2 * rx * a.turn
        brush.disc(x, y, rx * 1.18, ry * 1.12, _DARK, 141, edge=False)
        brush.disc(x, y, rx, ry * 0.92, a.iris_colour, 150, edge=False)
        brush.disc(x + look, y, rx * a.pupil, ry * max(0.85, a.pupil) * 0.95, (16, 14, 16), 150, edge=False)
        brush.disc(x + look - 0.3 * rx, y - 0.35 * ry, 0.25 * rx, 0.25 * ry, _WHITE, 150, edge=False)


def _paint_muzzle(brush: _Brush, a: SimpleNamespace) -> None:
    """Paint muzzle, mouth, tongue, nose and whiskers along the axis in which the head looks."""
    pale = a.markings in ("pale", "blaze", "bandit", "ape", "tabby", "mask")
    colour = a.pale if pale else _mixed(a.skin, _WHITE, 0.12)
    sine = np.sin(a.yaw)
    for t in (0.0, 0.35, 0.7, 1.0):
        z = 0.7 + a.snout * t
        x, y = z * sine, 0.36 + a.snout_drop * t + a.pitch * z
        width = a.snout_width * (1 - 0.25 * t)
        brush.disc(x, y, width, 0.8 * width, colour, int(150 + 40 * t), edge=t == 1.0)
    x_nose, y_nose = x + 0.5 * width * sine, y - 0.4 * width
    for side in (-1, 1):
        brush.ribbon(x_nose, y_nose + a.nose, 0.75 * width, side * 2.5, -side * 1.4, 0.03, 6, _DARK, 190, edge=False)
    if a.tongue == "yes":
        brush.ribbon(x, y + 0.45 * width, 0.42, np.pi, 0, 0.15, 5, (226, 96, 110), 200)
    if a.nose_shape in ("disc", "beak"):
        x_nose, y_nose = x, y
    _paint_nose(brush, a, x_nose, y_nose, colour)
    colour = _WHITE if sum(a.coat) < 420 and brush.ink is None else _DARK
    for side in (-1, 1) if a.whiskers else ():
        x_root = x + 0.6 * side * width
        for k in (-1, 0, 1):
            angle, bend = side * (1.6 + 0.22 * k), 0.2 * side
            brush.ribbon(x_root, y + 0.1 * k, a.whiskers, angle, bend, 0.028, 3, colour, 170, edge=False)


def _paint_nose(brush: _Brush, a: SimpleNamespace, x: float, y: float, muzzle: Colour) -> None:
    """Paint the nose or beak at (x, y)."""
    r, colour = a.nose, {"pink": _PINK, "dark": _DARK, "horn": (222, 170, 70)}[a.nose_colour]
    match a.nose_shape:
        case "oval":
            brush.disc(x, y, r, 0.78 * r, colour, 210, jaw=-0.8)
            brush.disc(x - 0.3 * r, y - 0.3 * r, 0.3 * r, 0.16 * r, _mixed(colour, _WHITE, 0.5), 210, edge=False)
        case "long":
            brush.disc(x, y - 0.1, 0.7 * r, 1.15 * r, colour, 210)
        case "triangle":
            brush.polygon(r * _TRIANGLE + complex(x, y), colour, 210)
        case "disc":
            brush.disc(x, y, r, 0.75 * r, _mixed(colour, muzzle, 0.35), 210)
            for side in (-1, 1):
                brush.disc(x + 0.42 * side * r, y, 0.16 * r, 0.25 * r, _DARK, 200, edge=False)
        case "beak":
            brush.ribbon(x, y - 0.25, 2.2 * r, np.pi, -0.3 * a.turn, 0.6 * r, 1.6, colour, 210)


@lru_cache(maxsize=8)
def _bank(kind: str) -> np.ndarray:
    """Texture, float32 (640, 640), about -1..1, of which every picture takes a random cut-out."""
    rng = np.random.default_rng(len(kind))
    noise = rng.normal(size=(640, 640))
    if kind == "fur":  # short strands: noise smeared along one direction, coarse and fine
        strands = sum(np.roll(noise, (k, k // 3), (0, 1)) for k in range(7)) / 2.6
        coarse = sum(np.roll(strands, (j, k), (0, 1)) for j in range(3) for k in range(3)) / 6
        noise = 0.6 * strands + 0.6 * coarse
    elif kind == "hatching":  # pencil strokes: wavy parallel lines
        y, x = np.mgrid[:640, :640]
        wave = sum(np.roll(noise, (j, -j), (0, 1)) for j in range(24)) / 5
        noise = np.sin((x + y) * 1.35 + 0.9 * wave) * 0.75 + 0.25 * noise
    return noise.astype(np.float32)


def _cut(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Random (size, size) piece of a texture."""
    y, x = rng.integers(0, 640 - size, 2)
    return _bank(kind)[y : y + size, x : x + size]


@lru_cache(maxsize=1)
def _scenery() -> Image.Image:
    """Blurred surroundings of which every picture takes a random piece."""
    rng = np.random.default_rng(2)
    grey, tint = rng.uniform(40, 215, (36, 36, 1)), rng.uniform(-45, 45, (36, 36, 3))
    colours = np.concatenate([grey + tint, np.zeros((36, 36, 1))], 2).clip(0, 255).astype(np.uint8)
    return Image.frombytes("CMYK", (36, 36), colours.tobytes()).resize((1408, 1408), Image.Resampling.BICUBIC)


def _random_colour(style: str, rng: np.random.Generator) -> Colour:
    """Draw a colour of something in the surroundings."""
    shade, *u = rng.random(4).tolist()
    if style == "sketch":
        return (int(100 + 150 * shade),) * 3
    if style == "photo":
        return tuple(int(5 + 150 * shade + 90 * v) for v in u)
    return tuple(int(60 + 190 * v) for v in u)


def _background(style: str, size: int, rng: np.random.Generator) -> Image.Image:
    """Paint a backdrop with a ground and clutter, on the four channels of `_Brush`."""
    if style == "photo":
        x, y = rng.integers(0, 1408 - 128, 2).tolist()
        image = _scenery().resize((size, size), Image.Resampling.NEAREST, (x, y, x + 128, y + 128))
    else:
        paper = _random_colour(style, rng)
        image = Image.new("CMYK", (size, size), (*paper, 0))
    brush = _Brush(image, style, 0, size)
    horizon = rng.uniform(0.55, 0.9)
    ground = np.array([1j * horizon, 1 + 1j * (horizon + rng.uniform(-0.1, 0.1)), 1 + 1j, 1j])
    brush.polygon(ground, _random_colour(style, rng), 0)
    for _ in range(rng.integers(2, 7)):
        _paint_clutter(brush, style, *rng.random(2).tolist(), rng)
    if style == "poster" and rng.random() < 0.6:  # a line of lettering
        colour, y = _random_colour(style, rng), rng.choice([0.03, 0.9])
        edges = np.cumsum(rng.uniform(0.03, 0.09, 12))
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            letter = np.array([left, right - 0.01, right - 0.01 + 0.07j, left + 0.07j])
            brush.polygon(letter + 1j * y, colour, 0, edge=False)
    return image


def _paint_clutter(brush: _Brush, style: str, x: float, y: float, rng: np.random.Generator) -> None:
    """Paint one thing: a ball, a plant or a box."""
    colour, (u_kind, u_length, u_width, u_angle, u_height) = _random_colour(style, rng), rng.random(5).tolist()
    length, width, angle, height = (
        0.15 + 0.35 * u_length,
        0.02 + 0.1 * u_width,
        1.2 * u_angle - 0.6,
        int(10 + 40 * u_height),
    )
    match int(3 * u_kind):
        case 0:
            brush.disc(x, y, width, width * (0.4 + 2 * length), colour, height)
        case 1:
            for k in (-0.5, 0.0, 0.5):
                brush.ribbon(x, y, length, angle + k, k, width * 0.4, 2, colour, height)
        case _:
            corner = complex(width, length / 2)
            box = np.array([-corner, corner.conjugate(), corner, -corner.conjugate()])
            brush.polygon(box * np.exp(0.5j * angle) + complex(x, y), colour, height)


def _relief(channels: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """Light minus shadow, float32 (size, size), that a lamp from above casts on the painted heights."""
    size = channels.width
    reach = max(1, round(size / 40))
    soft = np.asarray(channels.getchannel(3).filter(ImageFilter.BoxBlur(size / 40)), np.float32) / 255
    dx, dy = int(rng.integers(-reach, reach + 1)), int(rng.integers(0, reach + 1))
    padded = np.pad(soft, reach, mode="edge")
    return soft - padded[reach - dy : reach - dy + size, reach - dx : reach - dx + size]


# The finish of each style: planes float32 (4, size, size) of `_Brush`, relief (size, size) -> float32 (3, size, size).


def _photograph(planes: np.ndarray, relief: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give fur, light and shadow, a colour cast, grain and sometimes blur."""
    size = len(relief)
    low, high = (-0.25, -0.1, 0.8, 0.07, 1, 0), (0.25, 0.25, 1.15, 0.13, 6, 2)
    across, down, brightness, strands, grain, blur = rng.uniform(low, high).tolist()
    along = np.linspace(-1, 1, size, dtype=np.float32)
    light = 1.1 * relief + 1
    light += _cut("fur", size, rng) * np.where(planes[3] > 0, np.float32(strands), np.float32(0.04))
    light *= (brightness + across * along) - (down * along)[:, None]
    cast = rng.uniform(0.92, 1.08, (3, 1, 1)).astype(np.float32)
    picture = planes[:3] * cast * light + _cut("grain", size, rng) * grain
    if blur < 0.6:
        neighbours = sum(np.roll(picture, shift, axis) for shift in (-1, 1) for axis in (1, 2)) / 4
        picture += blur * (neighbours - picture)
    return picture


def _print(planes: np.ndarray, relief: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give flat colours with one hard shadow."""
    return planes[:3] * np.where(relief < -0.06, np.float32(0.78), np.float32(1))


def _pencil(planes: np.ndarray, relief: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give pencil strokes on paper, denser where it is dark."""
    size = len(relief)
    tone = planes[0] / 255 + 0.8 * relief
    stroke = _cut("hatching", size, rng) * 0.25 + 0.62
    ink = np.clip((stroke - tone) * 4, 0, 1) * rng.uniform(0.65, 0.9)
    paper = rng.uniform(215, 250) + rng.uniform((0, -4, -24), (5, 4, 0)).reshape(3, 1, 1)
    graphite = rng.uniform(30, 80)
    return (paper + (graphite - paper) * ink) * (1 + 0.02 * _cut("grain", size, rng))
