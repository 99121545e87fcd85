"""Drawn animals: determinism, labels that match the picture, and no short cut to the species through colour."""

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from helpers.data import drawn
from helpers.data.drawn import SPECIES, STYLES, dataset, draw, drawing, write_folder
from helpers.pictures.photos import SPLITS

IRIS, TONGUE = (104, 62, 30), (226, 96, 110)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [75, 128, 299])
def test_every_species_in_every_style_and_size(style, size):
    for species in SPECIES:
        picture = draw(species, style, size, seed=1)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 5  # something is drawn


def test_there_are_enough_other_species_to_pretrain_on():
    assert {"cat", "dog"} < set(SPECIES)
    assert len(SPECIES) >= 16


@pytest.mark.parametrize("style", STYLES)
def test_same_seed_same_picture(style):
    first = draw("cat", style, seed=7)
    draw("dog", style, seed=8)  # what is drawn in between has no influence
    np.testing.assert_array_equal(draw("cat", style, seed=7), first)


def test_seeds_species_and_styles_differ():
    pictures = [draw("cat", seed=seed) for seed in range(20)]
    pictures += [draw("dog", seed=0), draw("cat", "poster", seed=0), draw("cat", "sketch", seed=0)]
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_same_seed_gives_the_same_animal_in_each_style():
    for seed in range(20):
        assert len({drawing("dog", style, 32, seed).facing for style in STYLES}) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unicorn",), "species is 'unicorn'.*cat"),
        (("cat", "oil"), "style is 'oil'.*poster"),
        (("cat", "photo", 8), "size is 8"),
    ],
)
def test_wrong_requests_say_what_to_choose(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(*arguments)
    with pytest.raises(ValueError, match="unicorn"):
        dataset(["unicorn"], 1)


def test_facing_is_balanced():
    _, _, facing = dataset(["cat", "dog"], 200, size=32)
    assert set(facing) == {0, 1}
    assert abs(facing.mean() - 0.5) < 0.06


def test_facing_is_what_the_picture_shows():
    """On a poster, where colours are flat, a dog's tongue lies on that side of its eyes to which the head is turned."""
    seen = []
    for seed in range(80):
        dog = drawing("dog", "poster", 160, seed)
        columns = [np.nonzero(np.all(dog.picture == colour, axis=2))[1] for colour in (IRIS, TONGUE)]
        if min(map(len, columns)) >= 5:
            eyes, tongue = (column.mean() for column in columns)
            seen.append((tongue > eyes) == dog.facing)
    assert len(seen) >= 15
    assert np.mean(seen) > 0.9


@pytest.mark.parametrize("style", STYLES)
def test_colours_and_raw_pixels_do_not_give_the_species_away(style):
    X, y, _ = dataset(["cat", "dog"], 400, style, size=64, seed=5)
    small = X.reshape(len(X), 32, 2, 32, 2, 3).mean((2, 4))
    views = {"mean colour": X.mean((1, 2)), "32 x 32": small, "64 x 64": X}
    for name, pixels in views.items():
        flat = (pixels.reshape(len(X), -1) / 255 - 0.5).astype(np.float32)
        model = LogisticRegression(C=0.01, max_iter=40).fit(flat[:400], y[:400])
        assert model.score(flat[400:], y[400:]) < 0.75, name


def test_dataset_interleaves_and_does_not_depend_on_its_size():
    X, y, facing = dataset(["dog", "cat"], 5, size=48, seed=3)
    X_more, y_more, facing_more = dataset(["dog", "cat"], 8, size=48, seed=3)
    assert X.shape == (10, 48, 48, 3)
    assert y.tolist() == [0, 1] * 5
    for short, long in ((X, X_more), (y, y_more), (facing, facing_more)):
        np.testing.assert_array_equal(short, long[:10])
    np.testing.assert_array_equal(dataset(["cat"], 5, size=48, seed=3)[0], X[1::2])  # nor on the other species


def test_data_sets_of_different_seeds_share_no_picture():
    pictures = [
        picture.tobytes() for seed in range(3) for picture in dataset(["cat", "dog"], 20, size=32, seed=seed)[0]
    ]
    assert len(set(pictures)) == len(pictures)


def test_write_folder(tmp_path):
    folder = tmp_path / "new" / "animals"
    write_folder(folder, n_train=3, n_validation=1, n_test=2, size=75)
    expected = [
        f"{name}/{kind}s/{kind}.{i:04d}.jpg"
        for name, n in zip(SPLITS, (3, 1, 2), strict=True)
        for kind in ("cat", "dog")
        for i in range(1, n + 1)
    ]
    assert files(folder) == sorted(expected)
    assert len({(folder / name).read_bytes() for name in expected}) == len(expected)  # no picture in two sets
    with Image.open(folder / expected[0]) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (75, 75), "RGB")


def test_write_folder_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        write_folder(tmp_path / name, n_train=2, n_validation=0, n_test=0, species=["fox"], size=75, seed=seed)
    a, b, c = ([(tmp_path / name / file).read_bytes() for file in files(tmp_path / "a")] for name in "abc")
    assert a == b
    assert set(a).isdisjoint(c)


def test_write_folder_leaves_a_complete_folder_alone(tmp_path, monkeypatch):
    write_folder(tmp_path / "animals", n_train=1, n_validation=1, n_test=1, size=75)
    monkeypatch.setattr(drawn.folder, "draw", lambda *_: pytest.fail("drew again"))
    write_folder(tmp_path / "animals", n_train=1, n_validation=1, n_test=1, size=75)


def test_write_folder_interrupted_leaves_nothing_and_can_be_repeated(tmp_path, monkeypatch):
    save, saved = Image.Image.save, []

    def full_disk(image, path, *form, **options):
        if len(saved) == 3:
            raise OSError("no space left on device")
        saved.append(path)
        save(image, path, *form, **options)

    folder = tmp_path / "animals"
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full_disk)
        with pytest.raises(OSError, match="no space left"):
            write_folder(folder, n_train=2, n_validation=1, n_test=1, size=75)
    assert len(saved) == 3
    assert not list(tmp_path.rglob("*.jpg"))
    assert not folder.exists()
    write_folder(folder, n_train=2, n_validation=1, n_test=1, size=75)
    assert len(files(folder)) == 8


def test_folders_have_the_plurals_of_their_species(tmp_path):
    drawn.write_folder(tmp_path / "a", 1, 1, 1, species=["cat", "fox", "wolf", "mouse", "sheep"], size=32)
    names = ["cats", "foxes", "mice", "sheep", "wolves"]
    assert sorted(path.name for path in (tmp_path / "a" / "train_set").iterdir()) == names


def test_drawings_on_a_full_disk_leave_no_folder(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        with pytest.raises(OSError, match="No room to write"):
            drawn.write_folder(tmp_path / "animals", n_train=1, n_validation=1, n_test=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "animals").exists()
