"""PACS is read in turn, and says what is missing."""

import numpy as np
import pytest
from PIL import Image

from helpers import runtime
from helpers.data import datasets, pacs


@pytest.fixture
def few(tmp_path, monkeypatch):
    """One shade of grey for each animal; one style has an animal more than the others."""
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path))
    for style in pacs.STYLES:
        for shade, animal in enumerate(pacs.ANIMALS):
            folder = tmp_path / "pacs" / style / animal
            folder.mkdir(parents=True)
            for i in range(3 if animal == "horse" else 2):
                Image.new("RGB", (30, 30), (60 * shade,) * 3).save(folder / f"{i}.png")
    return tmp_path / "pacs"


def test_animals_come_in_turn_and_as_many_of_each(few):
    X, y = pacs.load("cartoon", size=16)
    assert X.shape == (8, 16, 16, 3)
    assert y.tolist() == [0, 1, 2, 3] * 2
    np.testing.assert_array_equal(X[:, 0, 0, 0], 60 * y)


def test_it_says_what_is_missing(few):
    assert pacs.at_hand()
    with pytest.raises(ValueError, match=r"photo, art_painting, cartoon, sketch, got 'oil'"):
        pacs.load("oil")
    for file in (few / "sketch" / "dog").iterdir():
        file.unlink()
    assert not pacs.at_hand()
    with pytest.raises(FileNotFoundError, match=r"sketch must have pictures in dog"):
        pacs.load("sketch")


@pytest.mark.parametrize("place", ["pacs/pacs", "pacs/PACS/kfold", "."])
def test_a_folder_too_deep_or_too_high_is_named(place):
    (runtime.data_dir() / place / "art_painting" / "dog").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"pacs lies in .*, wanted is .*pacs. Move what is in the first"):
        pacs.at_hand()


def test_the_registry_counts_them(few):
    row = datasets.at_hand().set_index("name").loc["pacs"]
    assert (row["at hand"], row["items"]) == ("yes", "36")


@pytest.mark.real
def test_the_part_that_the_course_was_measured_on(real_data):
    X, y = pacs.load("sketch")
    assert X.shape == (400, 64, 64, 3)
    assert np.bincount(y).tolist() == [100] * 4
