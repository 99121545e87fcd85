"""The demonstration folder of notebook 12 has the troubles that it promises, and is named by what makes it."""

import pytest

from helpers import runtime
from helpers.data import demonstration, drawn
from helpers.pictures import inspection

FEW = dict.fromkeys(demonstration.ANIMALS, 3)


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "build_dir", lambda: tmp_path)


def test_it_has_one_of_each_trouble(build):
    folder, fresh = demonstration.own_pictures(1, FEW)
    table = inspection.survey(folder).set_index("file")
    assert sorted(table.index[table["status"] == "broken"]) == [
        "cat 猫/empty.jpg",
        "cat 猫/truncated.jpg",
        "dog 狗/dot.png",
        "dog 狗/not a picture.jpg",
    ]
    assert sorted(table.index[table["status"] == "skipped"]) == [
        "dog 狗/Thumbs.db",
        "dog 狗/notes.txt",
        "empty class/",
        "readme.txt",
    ]
    usable = table[table["status"] == "usable"]
    assert usable["digest"].duplicated().sum() == 2  # the copy, and the picture in two classes
    assert (usable.groupby("digest")["label"].nunique() == 2).sum() == 1
    assert (usable["label"] == "koala 考拉").sum() == 1
    assert {path.name: len(list(path.iterdir())) for path in fresh.iterdir()} == dict.fromkeys(FEW, 6)


def test_a_second_call_draws_nothing(build, monkeypatch):
    first = demonstration.own_pictures(1, FEW)
    monkeypatch.setattr(demonstration, "_write_class", None)
    assert demonstration.own_pictures(1, FEW) == first


def test_it_is_named_by_all_that_makes_it(build, monkeypatch):
    places = [
        demonstration._place(1, FEW),
        demonstration._place(2, FEW),
        demonstration._place(1, FEW | {"fox 狐": 5}),
    ]
    monkeypatch.setattr(drawn, "version", lambda: "another")
    places.append(demonstration._place(1, FEW))
    assert len({place.name for place in places}) == 4
