"""What animals look like: breeds as ranges, of which every picture takes a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

STYLES = ("photo", "poster", "sketch")
FACING = ("left", "right")

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
PINK, DARK, WHITE = (222, 132, 136), (34, 29, 30), (246, 243, 236)
HORN = (224, 206, 175)
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

# Points of the plane are complex numbers, x + iy with y downwards: a turn is a multiplication.
CIRCLE = np.exp(2j * np.pi * np.arange(28) / 28)


def sample(breed: Breed, style: str, rng: np.random.Generator) -> SimpleNamespace:
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
    a.rim = 1 + max(0, u_fluff - 0.4) * rng.uniform(-0.12, 0.12, len(CIRCLE))
    palette = _PALETTES[style]
    a.coat = _tinted(palette[a.coats], u_tint)
    a.second = _tinted(palette[_COATS[int(u_second * len(_COATS))]], u_tint)
    a.dark = mixed(a.coat, DARK, 1 if a.markings == "panda" else 0.6)
    a.pale = mixed(a.coat, palette["white"], 0.75)
    a.skin = mixed(a.coat, DARK if u_skin < 0.6 else PINK, 0.5) if a.markings == "wool" else a.coat
    a.spot_colour = a.dark if a.markings == "tabby" else a.second
    a.iris_colour = mixed(_IRIS[a.iris], WHITE, 0.9 if style == "sketch" else 0)
    return a


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; `share` is that of the second."""
    return tuple(int(c + share * (o - c)) for c, o in zip(colour, other, strict=True))


def _tinted(colour: Colour, u: Sequence[float]) -> Colour:
    """Make a colour a little lighter or darker, warmer or colder."""
    shifts = 14 * (u[1] - 0.5), 0, 14 * (u[2] - 0.5)
    return tuple(int(min(255, max(0, c * (0.8 + 0.35 * u[0]) + d))) for c, d in zip(colour, shifts, strict=True))


def check(name: str, value: str, known: Sequence[str]) -> None:
    """Raise ValueError unless the value is a known one."""
    if value not in known:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(known)}")
