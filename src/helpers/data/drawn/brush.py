"""Draw one animal: shapes first, then the finish of its style."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from helpers.data.drawn.species import CIRCLE, DARK, HORN, PINK, SPECIES, STYLES, WHITE, Colour, check, mixed, sample


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
    check("species", species, tuple(SPECIES))
    check("style", style, STYLES)
    if not 32 <= size <= 512:
        raise ValueError(f"size is {size}; choose 32 to 512 pixels")
    rng = np.random.default_rng(seed)
    breeds = SPECIES[species]
    a = sample(breeds[rng.integers(len(breeds))], style, rng)
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


# Points of the plane are complex numbers, x + iy with y downwards: a turn is a multiplication.
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
        points = (rx + ry) / 2 * CIRCLE + (rx - ry) / 2 * CIRCLE.conj()
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
            brush.ribbon(far, y, feet - y, np.pi, 0, 0.22, 20, mixed(a.coat, DARK, 0.25), 40)
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
            brush.ribbon(side * 0.4 * a.face, -0.7, a.horns, side * 0.9, -side * 1.2, 0.14, 1.5, HORN, 115)
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
            inside = mixed(PINK, a.coat, 0.35)
            brush.ribbon(x, y, 0.8 * a.ear_length, splay, bend, 0.6 * width, a.ear_blunt, inside, 100, edge=False)


def _patch(brush: _Brush, a: SimpleNamespace, x, y, rx, ry, colour) -> None:
    """Paint an ellipse on the round surface of the head, and let it turn with the head."""
    points = CIRCLE.real * rx + x + 1j * (CIRCLE.imag * ry + y)
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
                _patch(brush, a, side * gap, eye + 0.06, 0.25, 0.3, DARK)
        case "bandit":
            _patch(brush, a, 0, eye - 0.05, 0.95, 0.36, a.pale)
            for side in (-1, 1):
                _patch(brush, a, side * gap * 1.2, eye + 0.08, 0.36, 0.22, mixed(a.dark, DARK, 0.5))
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
        brush.disc(x, y, rx * 1.18, ry * 1.12, DARK, 141, edge=False)
        brush.disc(x, y, rx, ry * 0.92, a.iris_colour, 150, edge=False)
        brush.disc(x + look, y, rx * a.pupil, ry * max(0.85, a.pupil) * 0.95, (16, 14, 16), 150, edge=False)
        brush.disc(x + look - 0.3 * rx, y - 0.35 * ry, 0.25 * rx, 0.25 * ry, WHITE, 150, edge=False)


def _paint_muzzle(brush: _Brush, a: SimpleNamespace) -> None:
    """Paint muzzle, mouth, tongue, nose and whiskers along the axis in which the head looks."""
    pale = a.markings in ("pale", "blaze", "bandit", "ape", "tabby", "mask")
    colour = a.pale if pale else mixed(a.skin, WHITE, 0.12)
    sine = np.sin(a.yaw)
    for t in (0.0, 0.35, 0.7, 1.0):
        z = 0.7 + a.snout * t
        x, y = z * sine, 0.36 + a.snout_drop * t + a.pitch * z
        width = a.snout_width * (1 - 0.25 * t)
        brush.disc(x, y, width, 0.8 * width, colour, int(150 + 40 * t), edge=t == 1.0)
    x_nose, y_nose = x + 0.5 * width * sine, y - 0.4 * width
    for side in (-1, 1):
        brush.ribbon(x_nose, y_nose + a.nose, 0.75 * width, side * 2.5, -side * 1.4, 0.03, 6, DARK, 190, edge=False)
    if a.tongue == "yes":
        brush.ribbon(x, y + 0.45 * width, 0.42, np.pi, 0, 0.15, 5, (226, 96, 110), 200)
    if a.nose_shape in ("disc", "beak"):
        x_nose, y_nose = x, y
    _paint_nose(brush, a, x_nose, y_nose, colour)
    colour = WHITE if sum(a.coat) < 420 and brush.ink is None else DARK
    for side in (-1, 1) if a.whiskers else ():
        x_root = x + 0.6 * side * width
        for k in (-1, 0, 1):
            angle, bend = side * (1.6 + 0.22 * k), 0.2 * side
            brush.ribbon(x_root, y + 0.1 * k, a.whiskers, angle, bend, 0.028, 3, colour, 170, edge=False)


def _paint_nose(brush: _Brush, a: SimpleNamespace, x: float, y: float, muzzle: Colour) -> None:
    """Paint the nose or beak at (x, y)."""
    r, colour = a.nose, {"pink": PINK, "dark": DARK, "horn": (222, 170, 70)}[a.nose_colour]
    match a.nose_shape:
        case "oval":
            brush.disc(x, y, r, 0.78 * r, colour, 210, jaw=-0.8)
            brush.disc(x - 0.3 * r, y - 0.3 * r, 0.3 * r, 0.16 * r, mixed(colour, WHITE, 0.5), 210, edge=False)
        case "long":
            brush.disc(x, y - 0.1, 0.7 * r, 1.15 * r, colour, 210)
        case "triangle":
            brush.polygon(r * _TRIANGLE + complex(x, y), colour, 210)
        case "disc":
            brush.disc(x, y, r, 0.75 * r, mixed(colour, muzzle, 0.35), 210)
            for side in (-1, 1):
                brush.disc(x + 0.42 * side * r, y, 0.16 * r, 0.25 * r, DARK, 200, edge=False)
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
