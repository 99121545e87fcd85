"""Layouts of miniature data sets, downloaded from a local server; which are at hand; pictures whatever happens."""

import dataclasses
import io
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import runtime
from helpers.data import datasets, downloads, drawn, reviews
from helpers.pictures import photos
from local_server import CONTENT, SHA256, write_tar, write_zip


def jpeg(seed):
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def full_archive(path):
    """40 pictures, two of them broken, and what else the full archive holds."""
    members = [(f"PetImages/{label}/{i}.jpg", jpeg(i)) for label in ("Cat", "Dog") for i in range(20)]
    members[3] = (members[3][0], b"")
    members[25] = (members[25][0], members[25][1][:300])
    write_zip(path, *members, ("PetImages/Cat/Thumbs.db", b"x"), ("CDLA-Permissive-2.0.pdf", b"x"))


def small_archive(path):
    """24 pictures for training, 12 for validation."""
    names = [f"train/{label}s/{label}.{i}.jpg" for label in ("cat", "dog") for i in range(12)]
    names += [f"validation/{label}s/{label}.{i}.jpg" for label in ("cat", "dog") for i in range(100, 106)]
    members = [(f"cats_and_dogs_filtered/{name}", jpeg(i)) for i, name in enumerate(names)]
    write_zip(path, *members, ("cats_and_dogs_filtered/vectorize.py", b"x"))


def reviews_archive(path, n=2):
    files = [
        (f"sorted_data_acl/{domain}/{label}.review", b"<review>\nGood.\n</review>\n" * n)
        for domain in ("books", "dvd", "electronics", "kitchen_&_housewares")
        for label in ("positive", "negative")
    ]
    write_tar(path, *files, ("sorted_data_acl/stopwords", b"the\n"))


MINIATURES = {
    "cats_vs_dogs": (full_archive, 40),
    "cats_vs_dogs_small": (small_archive, 36),
    "amazon_reviews": (reviews_archive, 16),
}


@pytest.fixture
def miniatures(server, tmp_path, monkeypatch):
    """Replace the registered archives by small ones on the local server."""
    for name, (write, items) in MINIATURES.items():
        file = tmp_path / "archive"
        write(file)
        content = server.files[f"/{name}"] = file.read_bytes()
        entry = dataclasses.replace(
            datasets.REGISTRY[name], url=server.url(f"/{name}"), size=len(content), checksum=None, items=items
        )
        monkeypatch.setitem(datasets.REGISTRY, name, entry)
    return server


def files_of(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def downloads_of(folder):
    return [p.name for p in (folder / "downloads").iterdir() if p.suffix != ".lock"]


class TestFetch:
    def test_full_set(self, miniatures, capsys):
        folder = datasets.fetch("cats_vs_dogs")
        assert folder == runtime.data_dir() / "cats_vs_dogs"
        counts = photos.Pictures(folder, "").counts
        assert list(counts.columns) == ["cats", "dogs"]
        assert counts.sum(axis="columns").tolist() == [32, 3, 3]
        reasons = pd.read_csv(folder / "set_aside" / "reasons.csv")
        assert sorted(reasons["file"]) == ["cats/3.jpg", "dogs/5.jpg"]
        assert {"set_aside/cats/3.jpg", "set_aside/dogs/5.jpg"} < set(files_of(folder))
        assert "2 broken pictures set aside" in capsys.readouterr().out
        assert downloads_of(folder.parent) == []

    def test_small_set(self, miniatures):
        counts = photos.Pictures(datasets.fetch("cats_vs_dogs_small"), "").counts
        assert counts.to_numpy().tolist() == [[12, 12], [3, 3], [3, 3]]

    @pytest.mark.parametrize("name", MINIATURES)
    def test_same_result_everywhere(self, miniatures, tmp_path, name):
        one, two = (datasets.fetch(name, tmp_path / place) for place in ("one", "two"))
        assert files_of(one) == files_of(two)

    def test_reviews(self, miniatures):
        folder = datasets.fetch("amazon_reviews")
        assert folder == runtime.data_dir() / "reviews" / "sorted_data_acl"
        assert (folder / "kitchen_&_housewares" / "negative.review").is_file()

    def test_weights(self, server, monkeypatch):
        entry = datasets.REGISTRY["inception_v3_weights"]
        monkeypatch.setitem(
            datasets.REGISTRY,
            entry.name,
            dataclasses.replace(entry, url=server.url(), size=len(CONTENT), checksum=SHA256),
        )
        assert datasets.fetch(entry.name).read_bytes() == CONTENT
        assert runtime.weights_file() == runtime.data_dir() / entry.becomes
        assert downloads_of(runtime.data_dir()) == []

    def test_nothing_to_do(self, miniatures):
        datasets.fetch("amazon_reviews")
        datasets.fetch("amazon_reviews")
        assert len(miniatures.requests) == 1

    def test_archive_copied_by_hand_needs_no_network(self, miniatures, monkeypatch):
        monkeypatch.setenv("TRANSFER_OFFLINE", "1")
        entry = datasets.REGISTRY["cats_vs_dogs_small"]
        with pytest.raises(downloads.OfflineError):
            datasets.fetch(entry.name)
        archive = runtime.data_dir() / "downloads" / entry.file_name
        archive.write_bytes(miniatures.files[f"/{entry.name}"])
        assert datasets.fetch(entry.name).is_dir()
        assert miniatures.requests == []

    def test_killed_before_the_layout_is_in_place(self, miniatures):
        """A run that dies between unpacking and renaming leaves its archive; the next run needs no second download."""
        name = "cats_vs_dogs"
        downloads.download(
            datasets.REGISTRY[name].url, runtime.data_dir() / "downloads" / datasets.REGISTRY[name].file_name
        )
        code = (
            "import os, sys, dataclasses; from pathlib import Path; from helpers.data import datasets;"
            "Path.replace = lambda self, target, replace=Path.replace:"
            " os._exit(9) if Path(target).name == 'cats_vs_dogs' else replace(self, target);"
            "datasets.REGISTRY['cats_vs_dogs'] ="
            f" dataclasses.replace(datasets.REGISTRY['cats_vs_dogs'], size={len(miniatures.files['/' + name])},"
            " checksum=None, items=40);"
            "datasets.fetch('cats_vs_dogs')"
        )
        killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert killed.returncode == 9, killed.stderr.decode()
        data = runtime.data_dir()
        assert not (data / "cats_vs_dogs").exists()
        assert (data / "downloads" / ".cats_vs_dogs" / "ready").is_dir()

        counts = photos.Pictures(datasets.fetch(name), "").counts
        assert counts.sum(axis="columns").tolist() == [32, 3, 3]
        assert len(miniatures.requests) == 1
        assert downloads_of(data) == []

    @pytest.mark.parametrize("name", MINIATURES)
    def test_too_few_items(self, miniatures, monkeypatch, name):
        monkeypatch.setitem(datasets.REGISTRY, name, dataclasses.replace(datasets.REGISTRY[name], items=80))
        with pytest.raises(ValueError, match="wanted"):
            datasets.fetch(name)
        assert not (runtime.data_dir() / datasets.REGISTRY[name].becomes).exists()
        assert downloads_of(runtime.data_dir()) == [f"{datasets.REGISTRY[name].file_name}.not_wanted"]

    def test_another_archive(self, miniatures, monkeypatch):
        entry = datasets.REGISTRY["cats_vs_dogs"]
        other = dataclasses.replace(entry, url=miniatures.url("/amazon_reviews"), size=None)
        monkeypatch.setitem(datasets.REGISTRY, entry.name, other)
        with pytest.raises(ValueError, match="PetImages"):
            datasets.fetch("cats_vs_dogs")

    @pytest.mark.parametrize("name", MINIATURES)
    def test_an_empty_folder_in_its_place_is_filled(self, miniatures, name):
        (runtime.data_dir() / datasets.REGISTRY[name].becomes / "train_set" / "cats").mkdir(parents=True)
        assert files_of(datasets.fetch(name))

    def test_something_else_in_its_place_is_left_alone(self, miniatures):
        stranger = runtime.data_dir() / "cats_vs_dogs" / "cats" / "mine.jpg"
        stranger.parent.mkdir(parents=True)
        stranger.write_bytes(jpeg(0))
        with pytest.raises(FileExistsError, match=r"cats_vs_dogs is there, but holds nothing of .*Remove"):
            datasets.fetch("cats_vs_dogs")
        assert stranger.is_file()
        assert miniatures.requests == []

    def test_without_an_address(self):
        with pytest.raises(FileNotFoundError, match=r"office_caltech.*data/README\.md"):
            datasets.fetch("office_caltech")

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"'cats_vs_dogs_small'.*got 'cats'"):
            datasets.fetch("cats")


class TestAtHand:
    @pytest.fixture(autouse=True)
    def _empty_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    @pytest.mark.parametrize("folder", ["", "cats_vs_dogs/train_set/cats", "reviews/sorted_data_acl", "office_caltech"])
    def test_nothing(self, folder):
        (runtime.data_dir() / folder).mkdir(parents=True)
        table = datasets.at_hand()
        assert list(table["name"]) == list(datasets.REGISTRY)
        assert set(table["at hand"]) == {"no"}
        assert set(table["items"]) == {""}

    def test_counts(self, miniatures):
        for name in MINIATURES:
            datasets.fetch(name)
        table = datasets.at_hand().set_index("name")
        assert table.loc[list(MINIATURES), "items"].tolist() == ["38", "36", "16"]
        assert table.loc["office_caltech", "at hand"] == "no"

    def test_weights_count_wherever_they_are_found(self, tmp_path, monkeypatch):
        def there():
            return datasets.at_hand().set_index("name").loc["inception_v3_weights", "at hand"]

        entry = datasets.REGISTRY["inception_v3_weights"]
        cached = tmp_path / "keras" / "models" / entry.file_name
        cached.parent.mkdir(parents=True)
        cached.write_bytes(CONTENT)
        assert there() == "no"  # a part of the file
        small = dataclasses.replace(entry, size=len(CONTENT), checksum=SHA256)
        monkeypatch.setitem(datasets.REGISTRY, entry.name, small)
        assert there() == "yes"

        monkeypatch.setenv("INCEPTION_V3_WEIGHTS", str(tmp_path / "mine.h5"))
        assert there() == "no"  # it comes first, and is not there
        (tmp_path / "mine.h5").touch()
        assert there() == "yes"


class TestCatsVsDogs:
    def test_full_set_comes_first(self, miniatures):
        datasets.fetch("cats_vs_dogs_small")
        datasets.fetch("cats_vs_dogs")
        pictures = datasets.cats_vs_dogs()
        assert pictures.root == runtime.data_dir() / "cats_vs_dogs"
        expected = "Pictures: 38 photographs of cats and dogs from cats_vs_dogs (train 32, validation 3, test 3)"
        assert pictures.source == expected

    def test_small_set_is_downloaded_visibly(self, miniatures, capsys):
        pictures = datasets.cats_vs_dogs()
        assert pictures.root == runtime.data_dir() / "cats_vs_dogs_small"
        assert pictures.class_names == ["cats", "dogs"]
        assert "Downloading" in capsys.readouterr().out

    @pytest.mark.parametrize("failure", [KeyboardInterrupt(), ConnectionError("no route"), ValueError("altered")])
    def test_failed_download_says_so_and_draws(self, server, drawing, monkeypatch, capsys, failure):
        def fail(name, limit):
            raise failure

        monkeypatch.setattr(datasets, "fetch", fail)
        pictures = datasets.cats_vs_dogs()
        assert pictures.source.startswith("Pictures: drawn animals (no photographs at hand): ")
        assert (str(failure) or "interrupted") in capsys.readouterr().out

    def test_offline_draws_without_asking_the_network(self, drawing, monkeypatch):
        monkeypatch.setattr("requests.get", lambda *args, **kwargs: pytest.fail("asked the network"))
        pictures = datasets.cats_vs_dogs(seed=3)
        assert pictures.root.is_relative_to(runtime.build_dir())
        assert pictures.class_names == ["cats", "dogs"]
        assert drawing == [3]

    def test_an_empty_folder_is_no_photographs(self, drawing):
        (runtime.data_dir() / "cats_vs_dogs").mkdir(parents=True)
        assert "drawn animals" in datasets.cats_vs_dogs().source

    def test_drawn_animals_of_another_version_are_not_taken(self, drawing, tmp_path, monkeypatch):
        first = datasets.cats_vs_dogs().root
        assert datasets.cats_vs_dogs().root == first
        monkeypatch.setitem(datasets._DRAWN, "n_train", 3)
        assert datasets.cats_vs_dogs().counts.loc["train_set"].tolist() == [3, 3]
        monkeypatch.setitem(datasets._DRAWN, "n_train", 2)
        changed = shutil.copytree(Path(drawn.__file__).parent, tmp_path / "drawn")
        with (changed / "brush.py").open("a") as code:
            code.write("# drawn otherwise")
        monkeypatch.setattr(drawn.folder, "_CODE", changed)
        assert datasets.cats_vs_dogs().root != first


@pytest.fixture
def drawing(monkeypatch):
    """Draw two pictures per class and set instead of hundreds; gives the seeds that were asked for."""
    seeds, write_folder = [], drawn.write_folder

    def note(folder, seed, **sizes):
        seeds.append(seed)
        return write_folder(folder, seed=seed, **sizes)

    monkeypatch.setattr(drawn, "write_folder", note)
    for name in datasets._DRAWN:
        monkeypatch.setitem(datasets._DRAWN, name, 2)
    return seeds


# ------------------------------------------------------------------------------ faults that were seen, and their kind


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("the scratch folder is gone"),
        OSError(36, "File name too long"),
        UnicodeEncodeError("ascii", "猫", 0, 1, "not in this locale"),
        OSError(28, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__ + str(getattr(error, "errno", "")),
)
def test_an_archive_copied_by_hand_is_kept_when_unpacking_fails_for_another_reason(miniatures, monkeypatch, error):
    def fail(archive, folder):
        raise error

    entry = datasets.REGISTRY["cats_vs_dogs_small"]
    archive = runtime.data_dir() / "downloads" / entry.file_name
    archive.parent.mkdir(parents=True)
    archive.write_bytes(miniatures.files[f"/{entry.name}"])
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(downloads, "_extract", fail)
        datasets.fetch(entry.name)
    assert archive.read_bytes() == miniatures.files[f"/{entry.name}"]
    assert datasets.fetch(entry.name).is_dir() and miniatures.requests == []


def test_an_archive_of_something_else_is_renamed_and_not_deleted(miniatures, capsys):
    entry = datasets.REGISTRY["cats_vs_dogs_small"]
    archive = runtime.data_dir() / "downloads" / entry.file_name
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"the reader's own file")
    assert datasets.fetch(entry.name).is_dir()
    assert archive.with_name(f"{archive.name}.not_wanted").read_bytes() == b"the reader's own file"
    assert "was renamed to" in capsys.readouterr().out


@pytest.mark.parametrize("deeper", ["cats_vs_dogs/cats_vs_dogs", "cats_vs_dogs/data/cats_vs_dogs", ""])
def test_pictures_a_folder_too_deep_or_too_high_are_named(deeper):
    place = runtime.data_dir() / deeper / "train_set" / "cats"
    place.mkdir(parents=True)
    (place / "1.jpg").write_bytes(jpeg(0))
    for ask in (datasets.cats_vs_dogs, lambda: datasets.fetch("cats_vs_dogs")):
        with pytest.raises(FileNotFoundError, match=r"cats_vs_dogs lies in .*, wanted is .*Move what is in the first"):
            ask()


def test_a_test_set_without_classes_is_no_obstacle():
    root = runtime.data_dir() / "cats_vs_dogs"
    for file in ("train_set/cats/1.jpg", "train_set/dogs/1.jpg", "validation_set/cats/1.jpg", "test_set/1.jpg"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(jpeg(0))
    assert datasets.cats_vs_dogs().source.endswith("(train 2, validation 1, test 1)")


def test_a_download_that_nobody_asked_for_has_a_limit_and_is_not_repeated_today(server, drawing, monkeypatch, capsys):
    server.delay = 0.2  # 16 blocks: 3 seconds
    monkeypatch.setattr(downloads, "AUTOMATIC_LIMIT", 0.5)
    entry = datasets.REGISTRY["cats_vs_dogs_small"]
    monkeypatch.setitem(datasets.REGISTRY, entry.name, dataclasses.replace(entry, url=server.url(), size=len(CONTENT)))
    start = time.monotonic()
    assert "drawn animals" in datasets.cats_vs_dogs().source
    assert time.monotonic() - start < 10
    asked = len(server.requests)
    assert "not tried again today" in capsys.readouterr().out
    assert "drawn animals" in datasets.cats_vs_dogs().source
    said = capsys.readouterr().out
    assert "a download failed today" in said and "to try again, remove" in said
    assert len(server.requests) == asked
    (runtime.build_dir() / "no_download_today.txt").unlink()
    datasets.cats_vs_dogs()
    assert len(server.requests) > asked


def test_a_download_that_was_asked_for_has_no_such_limit_and_is_tried_the_same_day(server, drawing, monkeypatch):
    server.delay = 0.1  # 16 blocks: 1.6 seconds
    monkeypatch.setattr(downloads, "AUTOMATIC_LIMIT", 0.5)
    archive = runtime.build_dir() / "small.zip"
    small_archive(archive)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("cats_and_dogs_filtered/padding", bytes(2**20))
    server.files["/small.zip"] = archive.read_bytes()
    entry = datasets.REGISTRY["cats_vs_dogs_small"]
    changed = {"url": server.url("/small.zip"), "size": len(server.files["/small.zip"]), "checksum": None, "items": 36}
    monkeypatch.setitem(datasets.REGISTRY, entry.name, dataclasses.replace(entry, **changed))
    assert "drawn animals" in datasets.cats_vs_dogs().source
    assert (runtime.build_dir() / "no_download_today.txt").exists()
    datasets.fetch("cats_vs_dogs_small")
    assert "drawn animals" not in datasets.cats_vs_dogs().source


def test_registry_is_complete():
    for name, dataset in datasets.REGISTRY.items():
        assert name == dataset.name
        assert dataset.licence
        assert dataset.citation
        assert dataset.url or dataset.advice
        assert not dataset.checksum or dataset.checksum.split(":")[0] in {"sha256", "md5"}


def test_registered_weights_are_those_of_keras():
    """Keras's own source names the address and the MD5 of its file."""
    from importlib.util import find_spec

    source = Path(find_spec("keras").submodule_search_locations[0], "src/applications/inception_v3.py").read_text()
    entry = datasets.REGISTRY["inception_v3_weights"]
    assert entry.file_name in source
    assert entry.checksum.removeprefix("md5:") in source


@pytest.mark.real
def test_real_data_is_counted(real_data):
    table = datasets.at_hand().set_index("name")
    assert table.loc["office_caltech", "items"] == "2,533"
    assert table.loc["amazon_reviews", "items"] == "8,000"
    pictures = datasets.cats_vs_dogs()
    assert pictures.class_names == ["cats", "dogs"]
    assert "photographs" in pictures.source


def test_an_archive_without_a_set_is_not_what_was_wanted(miniatures):
    entry = datasets.REGISTRY["cats_vs_dogs_small"]
    archive = runtime.data_dir() / "downloads" / entry.file_name
    archive.parent.mkdir(parents=True)
    write_zip(archive, ("cats_and_dogs_filtered/validation/cats/1.jpg", jpeg(0)))
    with pytest.raises(downloads.WrongContents, match="no pictures where they should be"):
        datasets._LAYOUTS[entry.name](archive, runtime.data_dir() / "downloads", 36)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cats_vs_dogs", "PetImages/Cat"),
        ("cats_vs_dogs", "cats_vs_dogs/PetImages/Cat"),
        ("cats_vs_dogs_small", "cats_and_dogs_filtered/train/cats"),
        ("cats_vs_dogs_small", "cats_vs_dogs_small/cats_and_dogs_filtered/train/cats"),
    ],
)
def test_what_was_unpacked_by_hand_as_the_archive_has_it_is_named(name, folder):
    (runtime.data_dir() / folder).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=rf"is {name} as its archive has it, not laid out\. Remove it, put"):
        datasets.cats_vs_dogs()


@pytest.mark.parametrize("folder", ["sorted_data_acl", "reviews", "reviews/sorted_data_acl/sorted_data_acl"])
def test_reviews_a_folder_too_deep_or_too_high_are_named(folder):
    file = runtime.data_dir() / folder / "books" / "positive.review"
    file.parent.mkdir(parents=True)
    file.write_text("<review></review>")
    for ask in (reviews.source, lambda: reviews.load("books")):
        with pytest.raises(FileNotFoundError, match=r"amazon_reviews lies in .*, wanted is .*Move"):
            ask()
