"""Picture folders: what is listed, how it is split, what a loaded picture looks like, what a batch holds."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.pictures import inspection, photos


def save(path, mode="RGB", size=(24, 16), color=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color if color is not None else 0).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes of four grey pictures each; picture i of class c has the brightness 100 c + 10 i."""
    for c, label in enumerate(["cats", "dogs"]):
        for i in range(4):
            save(tmp_path / "set" / label / f"{label[:-1]}.{i}.png", color=(100 * c + 10 * i,) * 3)
    return tmp_path / "set"


@pytest.fixture
def broken(tmp_path):
    """One class with a good picture, and three files that only have the name of one."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    good = tmp_path / "broken" / "cats" / "good.jpg"
    good.parent.mkdir(parents=True)
    Image.fromarray(noise).save(good)
    good.with_name("truncated.jpg").write_bytes(good.read_bytes()[:-500])
    good.with_name("empty.jpg").touch()
    good.with_name("text.jpg").write_text("<html>404 Not Found</html>")
    return tmp_path / "broken"


def test_importing_photos_leaves_tensorflow_and_pandas_out():
    code = "import sys, helpers.pictures.photos; sys.exit(bool({'tensorflow', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------------------------------------------------------- list


def test_files_are_in_natural_order_and_classes_sorted(tmp_path):
    for name in ["dogs/dog.1.jpg", "cats/cat.10.jpg", "cats/cat.2.jpg", "cats/cat.02.jpg", "cats/b/cat.1.jpg"]:
        save(tmp_path / name)
    table = photos.list_pictures(tmp_path)
    files = ["cats/b/cat.1.jpg", "cats/cat.02.jpg", "cats/cat.2.jpg", "cats/cat.10.jpg", "dogs/dog.1.jpg"]
    assert table["file"].tolist() == files
    assert table["label"].tolist() == ["cats"] * 4 + ["dogs"]


def test_hidden_and_foreign_files_are_left_out_and_odd_names_kept(tmp_path):
    for name in ["c/._a.jpg", "c/.hidden/a.jpg", ".checkpoints/a.jpg", "c/a b.JPG", "c/猫 1.png"]:
        save(tmp_path / name, format="JPEG")
    (tmp_path / "c" / "Thumbs.db").touch()
    assert photos.list_pictures(tmp_path)["file"].tolist() == ["c/a b.JPG", "c/猫 1.png"]


def test_link_loops_end_and_no_picture_is_listed_twice(folder):
    try:
        (folder / "loop").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets only administrators make links")
    (folder / "cats" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "cats" / "self.png").symlink_to(folder / "cats" / "self.png")
    table = photos.list_pictures(folder)
    assert len(table) == 9 and set(table["label"]) == {"cats", "dogs"}


def test_a_class_may_be_a_link_to_a_folder_elsewhere(folder, tmp_path):
    save(tmp_path / "elsewhere" / "a.png")
    try:
        (folder / "foxes").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    except OSError:
        pytest.skip("this system lets only administrators make links")
    assert "foxes/a.png" in photos.list_pictures(folder)["file"].tolist()


def test_files_without_classes_can_be_listed(tmp_path):
    for name in ["10.jpg", "9.jpg", "more/1.png", ".hidden.jpg"]:
        save(tmp_path / name)
    assert photos.list_files(tmp_path) == ["9.jpg", "10.jpg", "more/1.png"]
    with pytest.raises(FileNotFoundError, match=r"no picture .*nowhere"):
        photos.list_files(tmp_path / "nowhere")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        photos.list_pictures(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no sub-folder"):
        photos.list_pictures(tmp_path)
    (tmp_path / "cats").mkdir()
    with pytest.raises(FileNotFoundError, match=r"class 'cats' .* no picture"):
        photos.list_pictures(tmp_path)


def test_pictures_knows_its_folders_classes_and_counts(tmp_path):
    for name in [
        "train_set/b/1.png",
        "train_set/a/1.png",
        "train_set/a/2.png",
        "validation_set/a/1.png",
        "test_set/b/1.png",
    ]:
        save(tmp_path / name)
    pictures = photos.Pictures(tmp_path, "made up")
    assert pictures.class_names == ["a", "b"]
    assert pictures.validation == tmp_path / "validation_set"
    assert pictures.counts.to_numpy().tolist() == [[2, 1], [1, 0], [0, 1]]


# --------------------------------------------------------------------------------------------------------------- split


def pictures_table(cats, dogs):
    labels = ["cats"] * cats + ["dogs"] * dogs
    return pd.DataFrame({"file": [f"{i}.jpg" for i in range(len(labels))], "label": labels})


@pytest.mark.parametrize(
    "sizes",
    [
        {"train_set": 70, "validation_set": 20, "test_set": 10},
        {"train_set": 0.7, "validation_set": 0.2, "test_set": 0.1},
    ],
)
def test_split_is_exact_and_stratified(sizes):
    table = photos.split(pictures_table(75, 25), sizes, seed=1)
    counts = pd.crosstab(table["split"], table["label"])
    assert counts.sum(axis=1).to_dict() == {"train_set": 70, "validation_set": 20, "test_set": 10}
    np.testing.assert_allclose(counts["cats"] / counts.sum(axis=1), 0.75, atol=0.06)
    assert table["file"].tolist() == pictures_table(75, 25)["file"].tolist()


def test_split_depends_on_the_seed_alone():
    table, sizes = pictures_table(30, 30), {"a": 0.5, "b": 0.5}
    assert photos.split(table, sizes, 1).equals(photos.split(table, sizes, 1))
    assert not photos.split(table, sizes, 1).equals(photos.split(table, sizes, 2))


@pytest.mark.parametrize("sizes", [{"a": 50, "b": 11}, {"a": 0.5, "b": 0.4}, {"a": 70, "b": -10}])
def test_split_refuses_sizes_that_do_not_add_up(sizes):
    with pytest.raises(ValueError, match="sum to 60"):
        photos.split(pictures_table(30, 30), sizes, 0)


# ---------------------------------------------------------------------------------------------------------------- load


def test_every_mode_becomes_rgb_or_grey(tmp_path):
    red = (255, 0, 0)
    palette = Image.new("RGBA", (24, 16), (0, 0, 0, 0)).convert("P")
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((0, 0)))
    Image.new("RGB", (24, 16), red).save(
        tmp_path / "animated.gif", save_all=True, append_images=[Image.new("RGB", (24, 16))]
    )
    Image.fromarray(np.full((16, 24), 40000, np.uint16)).save(tmp_path / "deep.png")
    expected = {
        save(tmp_path / "cmyk.jpg", "CMYK", color=(0, 255, 255, 0)): red,
        save(tmp_path / "grey.png", "L", color=77): (77, 77, 77),
        save(tmp_path / "half.png", "RGBA", color=(0, 0, 0, 128)): (127, 127, 127),
        save(tmp_path / "bilevel.png", "1", color=1): (255, 255, 255),
        save(tmp_path / "名 字.webp", color=red, lossless=True): red,
        save(tmp_path / "dot.png", size=(1, 1), color=red): red,
        tmp_path / "palette.png": (255, 255, 255),
        tmp_path / "animated.gif": red,
        tmp_path / "deep.png": (155, 155, 155),
    }
    for path, color in expected.items():
        picture = photos.load(path, 20)
        assert picture.shape == (20, 20, 3) and picture.dtype == np.uint8, path
        np.testing.assert_allclose(picture, np.broadcast_to(color, (20, 20, 3)), atol=3, err_msg=str(path))
        grey = np.dot(color, [0.299, 0.587, 0.114])
        np.testing.assert_allclose(
            photos.load(path, 20, channels=1), np.full((20, 20, 1), grey), atol=3, err_msg=str(path)
        )


def test_picture_stands_upright_as_exif_says(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture = photos.load(tmp_path / "a.jpg", 32)
    assert picture[:, 17:].min() > 200 and picture[:, :15].max() < 50


def test_whole_picture_is_squeezed_into_the_square(tmp_path):
    pixels = np.zeros((10, 100, 3), np.uint8)
    pixels[:, 50:] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    picture = photos.load(tmp_path / "wide.png", 20)
    assert picture[:, :9].max() == 0 and picture[:, 11:].min() == 255


def test_large_jpeg_loads_as_if_it_had_been_decoded_in_full(tmp_path):
    rng = np.random.default_rng(0)
    scene = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize(
        (1600, 1200), Image.Resampling.BICUBIC
    )
    scene.save(tmp_path / "large.jpg", quality=95)
    with Image.open(tmp_path / "large.jpg") as image:
        full = np.asarray(image.resize((96, 96), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(photos.load(tmp_path / "large.jpg", 96) - full).mean() < 1


@pytest.mark.parametrize("name", ["truncated", "empty", "text"])
def test_broken_picture_is_named(broken, name):
    with pytest.raises(ValueError, match=rf"{name}\.jpg is not a whole picture"):
        photos.load(broken / "cats" / f"{name}.jpg", 32)
    with pytest.raises(ValueError, match=rf"{name}\.jpg"):
        photos.load_many([broken / "cats" / "good.jpg", broken / "cats" / f"{name}.jpg"], 32)


def test_load_refuses_float_pixels_missing_files_and_other_channels(tmp_path):
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match="floats"):
        photos.load(tmp_path / "float.tif", 8)
    with pytest.raises(FileNotFoundError):
        photos.load(tmp_path / "none.jpg", 8)
    with pytest.raises(ValueError, match="channels must be 1"):
        photos.load(tmp_path / "float.tif", 8, channels=4)


def test_load_many_keeps_the_order(folder):
    paths = [folder / file for file in photos.list_pictures(folder)["file"]]
    pictures = photos.load_many(paths, 8, channels=1)
    assert pictures.shape == (8, 8, 8, 1) and pictures.dtype == np.uint8
    assert pictures[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 100, 110, 120, 130]


# ------------------------------------------------------------------------------------------------------------- batches


def brightness(dataset):
    """Brightness of each picture that one pass over the data set yields."""
    return [float(picture.mean()) for pictures, _ in dataset.as_numpy_iterator() for picture in pictures]


def test_batches_keep_the_order_of_the_files(folder):
    dataset = photos.batches(folder, 8, batch_size=3)
    assert [tuple(spec.shape) for spec in dataset.element_spec] == [(None, 8, 8, 3), (None, 2)]
    X, y = (np.concatenate(part) for part in zip(*dataset.as_numpy_iterator(), strict=True))
    assert X.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(X[:, 0, 0, 0], [0, 10, 20, 30, 100, 110, 120, 130])
    np.testing.assert_array_equal(y, np.eye(2)[[0] * 4 + [1] * 4])


def test_batches_hold_the_pixels_of_load(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    (tmp_path / "猫 咪").mkdir()
    Image.fromarray(noise).save(tmp_path / "猫 咪" / "a 1.jpg")
    (pictures, _) = next(photos.batches(tmp_path, 16, channels=1).as_numpy_iterator())
    np.testing.assert_array_equal(pictures[0], photos.load(tmp_path / "猫 咪" / "a 1.jpg", 16, channels=1))


@pytest.mark.parametrize("limit", [photos._CACHE_BYTES, 0], ids=["in memory", "decoded each time"])
def test_shuffling_changes_with_the_epoch_and_repeats_with_the_seed(folder, monkeypatch, limit):
    monkeypatch.setattr(photos, "_CACHE_BYTES", limit)
    first, second = (photos.batches(folder, 8, shuffle_seed=3) for _ in range(2))
    epochs = [brightness(first), brightness(first)]
    assert epochs[0] != epochs[1] and sorted(epochs[0]) == sorted(epochs[1])
    assert [brightness(second), brightness(second)] == epochs


def test_pictures_are_decoded_once_and_augmented_anew_in_each_epoch(folder, monkeypatch):
    import keras

    decoded, load = [], photos.load
    monkeypatch.setattr(photos, "load", lambda path, *rest: decoded.append(path) or load(path, *rest))
    sequences = []
    for _ in range(2):
        augment = keras.layers.RandomBrightness(0.5, value_range=(0, 255), seed=4)
        dataset = photos.batches(folder, 8, batch_size=2, augment=augment)
        sequences.append([brightness(dataset), brightness(dataset)])
    assert len(decoded) == 16  # eight pictures, two data sets, however many epochs
    assert sequences[0][0] != sequences[0][1]
    assert sequences[0] == sequences[1]


def test_a_picture_deleted_meanwhile_stops_the_batches_with_its_name(folder):
    import tensorflow as tf

    data = photos.batches(folder, 8)
    (folder / "dogs" / "dog.1.png").unlink()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"dog\.1\.png was deleted after the folder was listed"):
        list(data)


def test_broken_picture_stops_the_batches_with_its_name(broken):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"empty\.jpg is not a whole picture"):
        brightness(photos.batches(broken, 8))


@pytest.mark.real
def test_real_photographs(real_data):
    folder = real_data / "cats_vs_dogs" / "test_set"
    table = photos.list_pictures(folder)
    assert set(table["label"]) == {"cats", "dogs"}
    X = np.concatenate([pictures for pictures, _ in photos.batches(folder, 64).as_numpy_iterator()])
    np.testing.assert_array_equal(X, photos.load_many([folder / file for file in table["file"]], 64))
    assert 60 < X.mean() < 190


# ---------------------------------------------------------------------------------- faults that were seen, and their


@pytest.fixture
def three_for_two(tmp_path):
    """A training set of birds, cats and dogs; a test set without birds."""
    for name in (
        "train_set/bird",
        "train_set/cat",
        "train_set/dog",
        "validation_set/cat",
        "test_set/cat",
        "test_set/dog",
    ):
        save(tmp_path / name / "1.png")
    return photos.Pictures(tmp_path, "made up")


def test_the_training_sets_names_number_the_labels_of_every_set(three_for_two):
    assert photos.class_names(three_for_two.test) == ["bird", "cat", "dog"]
    _, labels = next(iter(photos.batches(three_for_two.test, 8)))
    assert labels.numpy().argmax(axis=1).tolist() == [1, 2]
    assert three_for_two.counts.loc["test_set"].tolist() == [0, 1, 1]


@pytest.mark.parametrize(("train", "other"), [("train", "test"), ("train", "val"), ("train_set", "test_set")])
def test_the_training_set_beside_it_is_known_by_the_usual_names(tmp_path, monkeypatch, train, other):
    for name in ("bird", "cat", "dog"):
        save(tmp_path / train / name / "a.png")
    save(tmp_path / other / "dog" / "a.png")
    assert photos.class_names(tmp_path / other) == ["bird", "cat", "dog"]
    monkeypatch.chdir(tmp_path / other)
    assert photos.class_names(Path()) == ["bird", "cat", "dog"]
    assert photos.list_pictures(Path(), np.array(["cat", "dog"]))["label"].tolist() == ["dog"]


def test_names_given_by_the_caller_decide_as_well(tmp_path):
    save(tmp_path / "dog" / "1.png")
    _, labels = next(iter(photos.batches(tmp_path, 8, class_names=["bird", "cat", "dog"])))
    assert labels.numpy().tolist() == [[0, 0, 1]]


def test_a_class_that_the_training_set_lacks_is_named(three_for_two):
    save(three_for_two.test / "fox" / "1.png")
    for ask in (photos.list_pictures, lambda folder: photos.batches(folder, 8)):
        with pytest.raises(ValueError, match="the class 'fox', which the training set does not have"):
            ask(three_for_two.test)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("name", ["cat.jpg", "cat.png", "cat.tif"])
def test_a_file_is_opened_in_the_listed_formats_only(tmp_path, monkeypatch, name):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("started another program"))
    (tmp_path / name).write_bytes(EPS)
    with pytest.raises(ValueError, match="is not a whole picture"):
        photos.load(tmp_path / name, 8)
    assert ".eps" not in photos.SUFFIXES and "EPS" not in photos.FORMATS


def test_no_other_module_opens_pictures_by_itself():
    folder = Path(photos.__file__).parents[1]
    found = [path.name for path in folder.rglob("*.py") if "Image.open(" in path.read_text(encoding="utf-8")]
    assert found == ["photos.py"]


def png16(path, channels, value):
    """Write a 16-bit PNG, which Pillow writes in grey only."""
    rows = b"".join(b"\0" + struct.pack(f">{8 * channels}H", *[value] * 8 * channels) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shallow_content_in_a_deep_png_is_never_silently_black(tmp_path, bits, channels):
    path = png16(tmp_path / "a.png", channels, 2 ** (bits - 1) - 1)
    with pytest.raises(ValueError, match="near black; save it with 8 bits"):
        photos.load(path, 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_deep_content_in_a_deep_png_is_scaled(tmp_path, channels):
    assert photos.load(png16(tmp_path / "a.png", channels, 32767), 8).mean() == pytest.approx(127, abs=1)


def tiff16(path, value):
    """Write a TIFF of 8 x 8 pixels in colour with 16 bits, which Pillow cannot write."""
    entries = [(256, 8), (257, 8), (258, 134), (259, 1), (262, 2), (273, 140), (277, 3), (278, 8), (279, 384)]
    width = {258: 3}  # a value for each colour, after the table
    table = b"".join(struct.pack("<HHII", tag, 3, width.get(tag, 1), number) for tag, number in entries)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + table + bytes(4)
    head += bytes(134 - len(head))
    path.write_bytes(head + struct.pack("<3H", 16, 16, 16) + struct.pack("<192H", *[value] * 192))
    return path


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_deep_tiff_in_colour_is_scaled_or_refused_and_never_black(tmp_path, bits):
    assert photos.load(tiff16(tmp_path / "deep.tif", 32767), 8).mean() == pytest.approx(127, abs=1)
    with pytest.raises(ValueError, match="near black; save it with 8 bits"):
        photos.load(tiff16(tmp_path / "shallow.tif", 2 ** (bits - 1) - 1), 8)


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_tiff_is_scaled_by_the_largest_value_that_it_names(tmp_path, bits, dtype):
    picture = Image.fromarray(np.full((8, 8), 2 ** (bits - 1) - 1, dtype))
    picture.save(tmp_path / "says.tif", tiffinfo={281: 2**bits - 1})
    assert photos.load(tmp_path / "says.tif", 8).mean() == pytest.approx(127, abs=1.5)
    picture.save(tmp_path / "silent.tif")
    with pytest.raises(ValueError, match="near black"):
        photos.load(tmp_path / "silent.tif", 8)


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_twelve_bits_with_a_white_pixel_are_not_silently_black(tmp_path, dtype):
    pixels = np.full((8, 8), 2047, dtype)
    pixels[0, 0] = 4095
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="near black"):
        photos.load(tmp_path / "a.tif", 8)


def test_integers_without_a_range_are_reported(tmp_path):
    Image.fromarray(np.full((8, 8), 2**24, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="no range is agreed on; save it with 8 bits"):
        photos.load(tmp_path / "a.tif", 8)


SYSTEM = ["$RECYCLE.BIN", "System Volume Information", "__MACOSX", "@eaDir", "lost+found", "#recycle"]
SYSTEM += ["@Recycle", "@tmp", "#snapshot", "RECYCLER", "FOUND.000", "LOST.DIR", "__pycache__"]


@pytest.mark.parametrize("name", SYSTEM)
def test_folders_of_the_system_are_no_classes(folder, name):
    save(folder / name / "a.png")
    save(folder / "cats" / name / "thumbnail.png")
    assert photos.class_names(folder) == ["cats", "dogs"]
    assert len(photos.list_pictures(folder)) == 8
    assert not [file for file in photos.list_files(folder) if name in file]


def test_a_name_that_is_no_utf_8_is_escaped_where_it_is_shown(folder):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        save(folder / "cats" / name)
    except (OSError, UnicodeError):
        pytest.skip("this system has no such names")
    file = "cats/caf\\xe9.png"
    assert photos.printable(f"cats/{name}") == file
    assert photos.printable("cats/猫 é.png") == "cats/猫 é.png"
    assert file in photos.list_files(folder)
    assert file in photos.list_pictures(folder)["file"].tolist()
    assert photos.load(folder / file, 8).shape == (8, 8, 3)  # and the table leads to the file
    assert sum(len(x) for x, _ in photos.batches(folder, 8)) == 9
    (folder / "cats" / name).write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"caf\\xe9") as caught:
        photos.load(folder / file, 8)
    str(caught.value).encode("utf-8")


def test_a_class_whose_name_is_no_utf_8_is_escaped(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        save(folder / "1.png")
    except OSError:
        pytest.skip("this disk takes no such names")
    assert photos.class_names(tmp_path) == ["caf\\xe9"]
    table = photos.list_pictures(tmp_path)
    assert table.loc[0].tolist() == ["caf\\xe9/1.png", "caf\\xe9"]
    assert photos.load(tmp_path / table["file"][0], 8).shape == (8, 8, 3)
    assert inspection.survey(tmp_path)["status"].tolist() == ["usable"]
    assert inspection.inspect(tmp_path)["problem"].tolist() == [""]


def test_a_flat_set_is_counted(tmp_path):
    for name in [
        "train_set/a/1.png",
        "train_set/b/1.png",
        "validation_set/a/1.png",
        "test_set/1.png",
        "test_set/2.png",
    ]:
        save(tmp_path / name)
    counts = photos.Pictures(tmp_path, "made up").counts
    assert counts.columns.tolist() == ["a", "b", "?"]
    assert counts.loc["test_set"].tolist() == [0, 0, 2]
