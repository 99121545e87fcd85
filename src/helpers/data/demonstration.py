"""A folder of drawn animals with every trouble that people's own folders have, for notebook 12."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from helpers import runtime
from helpers.data import drawn

ANIMALS = {"cat 猫": 60, "dog 狗": 44, "wolf 狼": 30, "bear 熊": 20}  # scenes of each class

_SIZE = 160  # pixels, height and width
_COPIED = 0.65  # share of the scenes that have altered copies
_FRESH = 1000  # number of the first fresh picture: no scene of the folder has it


def own_pictures(seed: int, animals: Mapping[str, int] = ANIMALS) -> tuple[Path, Path]:
    """Draw the folder, and another one of fresh pictures to check an estimate with; one that is there is left alone.

    Animals in three styles, framed carelessly, in mixed formats. Of about two in three scenes there are one to three
    altered copies (compressed, cropped, smaller, turned), as they come about when pictures are sent around. And one of
    each trouble: files that are broken, empty, no picture at all or of one pixel, an exact copy, one picture in two
    classes, a class without pictures and one with a single picture, notes and files of the system.

    Parameters
    ----------
    seed : int
        The same seed gives the same folder.
    animals : mapping of str to int
        Name of a class, which begins with a species of `drawn.SPECIES` and a blank -> number of scenes. The classes of
        `ANIMALS` must be among them.

    Returns
    -------
    pictures, fresh : Path
        Folders with one sub-folder a class, in the build folder. `fresh` has twice as many scenes, and no copies.
    """
    root = _place(seed, animals)
    with runtime.lock(root):
        if not root.exists():
            with TemporaryDirectory(dir=root.parent) as scratch:
                made = Path(scratch) / "made"
                for label, n in animals.items():
                    _write_class(made / "pictures" / label, seed, label, range(n), copies=True)
                    _write_class(made / "fresh" / label, seed, label, range(_FRESH, _FRESH + 2 * n), copies=False)
                _write_troubles(made / "pictures", seed)
                made.rename(root)
    return root / "pictures", root / "fresh"


def _place(seed: int, animals: Mapping[str, int]) -> Path:
    """Name the folder by all that makes it, so that old pictures are not taken for new ones."""
    made_by = f"{drawn.version()} {seed} {dict(animals)}".encode() + Path(__file__).read_bytes()
    return runtime.build_dir() / f"own_pictures_{seed}_{hashlib.sha256(made_by).hexdigest()[:8]}"


def _snapshot(seed: int, label: str, number: int) -> Image.Image:
    """Draw one animal, cut carelessly out of a larger drawing."""
    species = label.split()[0]
    rng = np.random.default_rng([seed, number, *species.encode()])
    style = drawn.STYLES[rng.integers(3)]
    drawing = Image.fromarray(drawn.draw(species, style, 192, int(rng.integers(2**31))))
    side = rng.uniform(0.4, 1) * 192
    x, y = rng.uniform(0, 192 - side, 2)
    return drawing.resize((_SIZE, _SIZE), Image.Resampling.BILINEAR, (x, y, x + side, y + side))


def _write_class(folder: Path, seed: int, label: str, numbers: range, copies: bool) -> None:
    """Write the pictures of one class in mixed formats, and altered copies of some of them."""
    rng = np.random.default_rng([seed, len(numbers)])
    turned = Image.Exif()
    turned[0x0112] = 6  # the EXIF orientation: turn clockwise by 90 degrees to see it upright
    folder.mkdir(parents=True)
    for number in numbers:
        picture, path = _snapshot(seed, label, number), folder / f"IMG {number:04d}"
        picture.save(f"{path}{rng.choice(['.jpg', '.jpg', '.png', '.tif'])}")
        altered = [
            (" compressed.jpg", picture, {"quality": 40}),
            (" cropped.png", picture.crop((3, 3, _SIZE - 3, _SIZE - 3)), {}),
            (" small.webp", picture.resize((96, 96)), {}),
            (" turned.jpg", picture.transpose(Image.Transpose.ROTATE_90), {"exif": turned}),
        ]
        if copies and rng.random() < _COPIED:
            for i in rng.permutation(4)[: rng.integers(1, 4)]:
                name, copy, options = altered[i]
                copy.save(f"{path}{name}", **options)


def _write_troubles(folder: Path, seed: int) -> None:
    """Write what does not belong into a folder of pictures."""
    cats, dogs = folder / "cat 猫", folder / "dog 狗"
    whole = _snapshot(seed, "cat 猫", 9000)
    whole.save(cats / "whole.jpg", quality=95)
    (cats / "truncated.jpg").write_bytes((cats / "whole.jpg").read_bytes()[:-900])
    (cats / "whole - Copy.jpg").write_bytes((cats / "whole.jpg").read_bytes())
    (cats / "empty.jpg").touch()
    (dogs / "not a picture.jpg").write_text("<html>404 Not Found</html>")
    Image.new("RGB", (1, 1)).save(dogs / "dot.png")
    both = _snapshot(seed, "dog 狗", 9001).convert("CMYK")
    for name in (dogs / "whose.jpg", folder / "wolf 狼" / "whose too.jpg"):
        both.save(name)
    (dogs / "notes.txt").write_text("taken in spring")
    (dogs / "Thumbs.db").touch()
    (folder / "readme.txt").write_text("my pictures")
    (folder / "empty class").mkdir()
    (folder / "koala 考拉").mkdir()
    _snapshot(seed, "koala 考拉", 9002).convert("L").save(folder / "koala 考拉" / "the only one.gif")
