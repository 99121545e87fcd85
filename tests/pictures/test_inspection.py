"""Inspecting folders: every file is accounted for, what is broken is named and set aside, nothing is lost."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.pictures import inspection, photos


def save(path, mode="RGB", size=(24, 16), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path, **options)
    return path


def link(path, target):
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("this system lets only administrators make links")


@pytest.fixture
def hostile(tmp_path):
    """A folder with one good picture and one of each kind that cannot be used."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    good = tmp_path / "set" / "cats" / "good.jpg"
    good.parent.mkdir(parents=True)
    Image.fromarray(noise).save(good)
    good.with_name("truncated.jpg").write_bytes(good.read_bytes()[:-500])
    good.with_name("empty.jpg").touch()
    good.with_name("text.jpg").write_text("<html>404 Not Found</html>")
    save(good.with_name("dot.png"), size=(1, 1))
    save(good.with_name("large.png"), mode="1", size=(90, 90))
    return tmp_path / "set"


def test_inspect_finds_every_broken_picture_and_no_other(hostile):
    table = inspection.inspect(hostile).set_index("file")
    facts = ["width", "height", "format", "mode", "problem"]
    assert table.loc["cats/good.jpg", facts].tolist() == [64, 64, "JPEG", "RGB", ""]
    assert table.loc["cats/large.png", facts].tolist() == [90, 90, "PNG", "1", ""]
    reasons = {"truncated": "truncated", "empty": "empty file", "text": "cannot identify", "dot": "only 1 x 1 pixels"}
    for name, reason in reasons.items():
        assert reason in table["problem"].filter(like=name).item()
    assert table["width"].filter(like="truncated").item() == 64


def test_inspect_finds_decompression_bombs_and_lets_large_pictures_be(hostile, monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(90 * 90 / 1.5))  # Pillow warns: as large as cameras make them
    assert inspection.inspect(hostile).set_index("file")["problem"]["cats/large.png"] == ""
    assert photos.load_many([hostile / "cats" / "large.png"], 8).shape == (1, 8, 8, 3)
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(90 * 90 / 3))  # Pillow refuses
    assert "Decompression" in inspection.inspect(hostile).set_index("file")["problem"]["cats/large.png"]


def test_problems_do_not_repeat_the_folder(hostile):
    problems = inspection.inspect(hostile).set_index("file")["problem"]
    assert "text.jpg" in problems["cats/text.jpg"]
    assert not problems.str.contains(str(hostile), regex=False).any()


def test_set_aside_loses_nothing(hostile, tmp_path):
    contents = {p.relative_to(hostile): p.read_bytes() for p in hostile.rglob("*.*")}
    table, aside = inspection.inspect(hostile), tmp_path / "aside"
    assert inspection.set_aside(hostile, table, aside) == 4
    kept = {p.relative_to(hostile): p.read_bytes() for p in hostile.rglob("*.*")}
    moved = {p.relative_to(aside): p.read_bytes() for p in aside.rglob("cats/*")}
    assert not kept.keys() & moved.keys() and kept | moved == contents
    reasons = pd.read_csv(aside / "reasons.csv").set_index("file")["problem"]
    assert "truncated" in reasons["cats/truncated.jpg"] and len(reasons) == 4
    assert (inspection.inspect(hostile)["problem"] == "").all()
    assert inspection.set_aside(hostile, table, aside) == 0  # a cell run twice


def test_set_aside_adds_to_the_reasons_and_overwrites_nothing(hostile, tmp_path):
    aside = tmp_path / "aside"
    inspection.set_aside(hostile, inspection.inspect(hostile), aside)
    (hostile / "cats" / "new.jpg").touch()
    (hostile / "cats" / "empty.jpg").touch()
    table = inspection.inspect(hostile)
    with pytest.raises(FileExistsError, match=r"empty\.jpg"):
        inspection.set_aside(hostile, table, aside)
    assert (hostile / "cats" / "new.jpg").exists()
    assert inspection.set_aside(hostile, table[table["file"] != "cats/empty.jpg"], aside) == 1
    assert len(pd.read_csv(aside / "reasons.csv")) == 5


def test_set_aside_refuses_a_place_that_would_count_as_a_class(hostile):
    with pytest.raises(ValueError, match="outside"):
        inspection.set_aside(hostile, inspection.inspect(hostile), hostile / "broken")


@pytest.mark.real
def test_real_photographs_have_no_problem(real_data):
    assert (inspection.inspect(real_data / "cats_vs_dogs" / "test_set")["problem"] == "").all()


# -------------------------------------------------------------------------------------------------------------- survey


def test_survey_gives_each_file_a_row_and_a_reason(hostile):
    save(hostile / "dogs" / "puppies" / "猫 1.png")
    save(hostile / "dogs" / ".hidden.png")
    save(hostile / ".cache" / "a.png")
    for name in ["readme.txt", "dogs/notes.txt", "dogs/Thumbs.db", "dogs/README"]:
        (hostile / name).touch()
    (hostile / "nothing").mkdir()
    table = inspection.survey(hostile)
    skipped = {
        ".cache/": "hidden",
        "readme.txt": "not in the folder of a class",
        "dogs/.hidden.png": "hidden",
        "dogs/Thumbs.db": "hidden",
        "dogs/notes.txt": ".txt files are not read; save pictures as JPEG or PNG",
        "dogs/README": "name without a suffix",
        "nothing/": "empty folder",
    }
    rows = table[table["status"] == "skipped"]
    assert dict(zip(rows["file"], rows["problem"], strict=True)) == skipped
    assert sorted(table.loc[table["status"] == "usable", "file"]) == [
        "cats/good.jpg",
        "cats/large.png",
        "dogs/puppies/猫 1.png",
    ]
    assert (table.loc[table["status"] == "usable", "problem"] == "").all()
    found = {path.relative_to(hostile).as_posix() for path in hostile.rglob("*") if path.is_file()}
    assert found - {".cache/a.png"} == {file for file in table["file"] if not file.endswith("/")}
    labels = table.set_index("file")["label"]
    assert labels[["readme.txt", ".cache/", "nothing/", "dogs/puppies/猫 1.png"]].tolist() == [
        "",
        "",
        "nothing",
        "dogs",
    ]


def test_survey_agrees_with_inspect(hostile):
    table, facts = inspection.survey(hostile), ["file", "label", "width", "height", "format", "mode", "problem"]
    pd.testing.assert_frame_equal(table[facts], inspection.inspect(hostile)[facts])
    assert table["status"].tolist() == ["broken" if problem else "usable" for problem in table["problem"]]


def test_survey_tells_equal_contents_by_their_digest(hostile):
    (hostile / "cats" / "copy.jpg").write_bytes((hostile / "cats" / "good.jpg").read_bytes())
    digest = inspection.survey(hostile).set_index("file")["digest"]
    assert digest["cats/copy.jpg"] == digest["cats/good.jpg"]
    assert digest.nunique() == len(digest) - 1 and digest.str.fullmatch("[0-9a-f]{64}").all()


def test_survey_follows_no_link_round_in_circles(hostile):
    link(hostile / "loop", hostile)
    link(hostile / "cats" / "up", hostile)
    link(hostile / "cats" / "self.png", hostile / "cats" / "self.png")
    table = inspection.survey(hostile).set_index("file")
    assert len(table) == 6 + 3
    assert table["problem"]["loop/"] == "link to this folder or above"
    assert table["problem"]["cats/up/"] == "link to a folder, not followed"
    assert table["status"]["cats/self.png"] == "broken" and table["digest"]["cats/self.png"] == ""
    assert inspection.inspect(hostile).set_index("file")["problem"]["cats/self.png"] != ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
def test_survey_does_not_wait_for_a_pipe(hostile):
    os.mkfifo(hostile / "cats" / "pipe.jpg")
    assert inspection.survey(hostile).set_index("file")["problem"]["cats/pipe.jpg"] == "not a file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_survey_names_what_it_may_not_read(hostile):
    (hostile / "cats" / "good.jpg").chmod(0)
    closed = hostile / "closed"
    closed.mkdir(mode=0)
    table = inspection.survey(hostile).set_index("file")
    closed.chmod(0o700)
    assert "PermissionError" in table["problem"]["cats/good.jpg"]
    assert "cannot be opened" in table["problem"]["closed/"]


def test_survey_of_no_folder_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        inspection.survey(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no sub-folder"):
        inspection.survey(tmp_path)


def test_importing_inspection_leaves_tensorflow_and_pandas_out():
    code = "import sys, helpers.pictures.inspection; sys.exit(bool({'tensorflow', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------------------------- faults that were seen, and their


def test_a_flat_folder_is_inspected(hostile):
    table = inspection.inspect(hostile / "cats").set_index("file")
    assert table.loc["good.jpg", ["label", "problem"]].tolist() == ["", ""]
    assert "truncated" in table.loc["truncated.jpg", "problem"]


def test_a_file_in_another_format_is_reported_as_no_picture(hostile, monkeypatch):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("started another program"))
    (hostile / "cats" / "drawing.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    for look in (inspection.inspect, inspection.survey):
        assert "cannot identify" in look(hostile).set_index("file")["problem"]["cats/drawing.jpg"]


def test_deep_pictures_that_would_be_black_are_reported(hostile):
    Image.fromarray(np.full((16, 16), 900, np.uint16)).save(hostile / "cats" / "deep.png")
    assert "near black" in inspection.survey(hostile).set_index("file")["problem"]["cats/deep.png"]


@pytest.mark.parametrize("name", ["$RECYCLE.BIN", "System Volume Information", "__MACOSX", "@eaDir", "lost+found"])
def test_folders_of_the_system_get_a_row_and_are_passed_over(hostile, name):
    save(hostile / name / "a.png")
    save(hostile / "cats" / name / "b.png")
    table = inspection.survey(hostile).set_index("file")
    for file in (f"{name}/", f"cats/{name}/"):
        assert table.loc[file, ["status", "problem"]].tolist() == ["skipped", "folder of the system"]
    assert not table.index.str.endswith(("a.png", "b.png")).any()


def test_reasons_can_be_written_whatever_the_names(hostile, tmp_path):
    try:
        (hostile / "cats" / os.fsdecode(b"caf\xe9.jpg")).touch()
    except (OSError, UnicodeError):
        pytest.skip("this system has no such names")
    assert "cats/caf\\xe9.jpg" in inspection.survey(hostile)["file"].tolist()
    assert inspection.set_aside(hostile, inspection.inspect(hostile), tmp_path / "aside") == 5
    assert "cats/caf\\xe9.jpg" in pd.read_csv(tmp_path / "aside" / "reasons.csv")["file"].tolist()
