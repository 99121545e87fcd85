"""Notebook 12 on folders as people have them: each file is accounted for, nothing crashes, nothing is changed."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from helpers.data import drawn

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "12_your_own_pictures.ipynb"
EPOCHS = 3  # nothing here depends on how well it learns


class Reader:
    """Runs the cells of the notebook in one kernel; where FOLDER is new, from the parameters cell on."""

    def __init__(self, client):
        self.client, self.cells = client, client.nb.cells
        self.parameters = next(i for i, cell in enumerate(self.cells) if "parameters" in cell.metadata.get("tags", []))
        self.run(0, self.parameters)

    def run(self, start, end):
        """Execute cells until one stops with an error; return all outputs."""
        outputs = []
        for i in range(start, end):
            if self.cells[i].cell_type == "code":
                outputs += self.client.execute_cell(self.cells[i], i).outputs
                if outputs and outputs[-1].output_type == "error":
                    break
        return outputs

    def open(self, folder, meanwhile=None):
        """Name a folder, as the reader does, and run all the rest; `meanwhile` happens once all files are seen."""
        cell = self.cells[self.parameters]
        for name, value in {"FOLDER": str(folder), "EPOCHS": EPOCHS}.items():
            line = re.compile(rf"^{name} = .*", re.MULTILINE)
            assert len(line.findall(cell.source)) == 1
            cell.source = line.sub(lambda _, new=f"{name} = {value!r}": new, cell.source)
        if meanwhile is None:
            return self.run(self.parameters, len(self.cells))
        seen = 1 + next(i for i, cell in enumerate(self.cells) if "inspection.survey(" in cell.source)
        outputs = self.run(self.parameters, seen)
        meanwhile()
        return outputs + self.run(seen, len(self.cells))

    def ask(self, code):
        """What a further cell prints."""
        cell = nbformat.v4.new_code_cell(code)
        self.cells.append(cell)
        outputs = self.client.execute_cell(cell, len(self.cells) - 1).outputs
        self.cells.pop()
        assert not any(output.output_type == "error" for output in outputs), outputs
        return text(outputs)


def text(outputs):
    return "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFER_BUILD", str(folder / "build"))
        patch.setenv("TRANSFER_DATA", str(folder / "no data"))
        patch.setenv("TRANSFER_OFFLINE", "1")
        patch.delenv("INCEPTION_V3_WEIGHTS", raising=False)
        client = NotebookClient(
            nbformat.read(NOTEBOOK, 4),
            timeout=300,
            allow_errors=True,
            resources={"metadata": {"path": NOTEBOOK.parent}},
        )
        with client.setup_kernel():
            yield Reader(client)


def drawing(species, number, size=120):
    return Image.fromarray(drawn.draw(species, drawn.STYLES[number % 3], size, (12, number)))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system lets only administrators make links")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder with two classes to learn and every trouble that the issue asks for."""
    folder = tmp_path_factory.mktemp("my pictures 我的图片")
    cats, dogs, one = folder / "cat 猫 (1)", folder / "$dogs$ & wolves", folder / "only one"
    for path in (cats, dogs, one, folder / "empty class", folder / "only broken"):
        path.mkdir()
    for i in range(7):
        drawing("cat", i).save(cats / f"猫 {i}.{('jpg', 'png', 'webp')[i % 3]}")
        drawing("dog", i).save(dogs / f"a dog {i}.{('tif', 'bmp', 'JPG')[i % 3]}")
    drawing("cat", 20).convert("CMYK").save(cats / "cmyk.jpg")
    drawing("cat", 21).convert("L").save(cats / "grey.png")
    deep = np.asarray(drawing("cat", 22).convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(cats / "16 bit.png")
    frames = [drawing("dog", i) for i in (20, 21)]
    frames[0].save(dogs / "animated.gif", save_all=True, append_images=frames[1:])
    turned = Image.Exif()
    turned[0x0112] = 6
    drawing("dog", 22).save(dogs / "turned.jpg", exif=turned)
    drawing("dog", 23).resize((12_000, 9_000)).save(dogs / "huge.jpg", quality=60)
    drawing("wolf", 1).save(one / "wolf.png")

    whole = (cats / "猫 0.jpg").read_bytes()
    (cats / "truncated.jpg").write_bytes(whole[:-400])
    (cats / "copy of 猫 0.jpg").write_bytes(whole)
    (cats / "empty.jpg").touch()
    (dogs / "text.jpg").write_text("no picture")
    (folder / "only broken" / "text.png").write_text("no picture")
    Image.new("RGB", (1, 1)).save(dogs / "dot.png")
    (dogs / "notes.txt").write_text("taken in spring")
    link(folder / "loop", folder)
    link(cats / "up", folder)
    link(dogs / "self.jpg", dogs / "self.jpg")
    return folder


TROUBLES = {  # file -> status and problem
    "loop/": ("skipped", "link to this folder or above"),
    "empty class/": ("skipped", "empty folder"),
    "only broken/text.png": ("broken", "cannot identify image file 'text.png'"),
    "cat 猫 (1)/truncated.jpg": ("broken", "truncated"),
    "cat 猫 (1)/empty.jpg": ("broken", "empty file"),
    "cat 猫 (1)/up/": ("skipped", "link to a folder, not followed"),
    "$dogs$ & wolves/text.jpg": ("broken", "cannot identify image file 'text.jpg'"),
    "$dogs$ & wolves/dot.png": ("broken", "only 1 x 1 pixels"),
    "$dogs$ & wolves/notes.txt": ("skipped", ".txt files are not read"),
    "$dogs$ & wolves/self.jpg": ("broken", "symbolic links"),
}


LATE = {".DS_Store", "cat 猫 (1)/.DS_Store", "cat 猫 (1)/late.png"}  # what comes while the notebook runs


@pytest.fixture(scope="module")
def hostile_run(reader, hostile):
    """What the notebook said about the hostile folder, and the contents of that before."""
    before = contents(hostile)
    outputs = reader.open(hostile, meanwhile=lambda: [(hostile / file).write_bytes(b"late") for file in LATE])
    errors = [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]
    assert not errors
    return outputs, before


def test_a_hostile_folder_is_run_to_the_end_without_a_warning(hostile_run):
    outputs, _ = hostile_run
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    said = text(outputs)
    assert "$dogs$ & wolves" in said and "cat 猫 (1)" in said
    assert "the model less always the largest class" in said and "the same answer: True" in said


def test_each_trouble_is_named(reader, hostile_run):
    outputs, _ = hostile_run
    said = " ".join(text(outputs).split())
    for file, (_, problem) in TROUBLES.items():
        assert problem in said, (file, problem)
        assert file in said
    for label, n in {"only one": 1, "only broken": 0, "empty class": 0}.items():
        assert f"class {label!r} left out: 4 different pictures are needed, it has {n}" in said


def test_every_file_is_accounted_for(reader, hostile, hostile_run):
    outputs, before = hostile_run
    table = json.loads(reader.ask("print(files.set_index('file')[['status', 'problem']].T.to_json(force_ascii=False))"))
    troubles = {file: (row["status"], row["problem"]) for file, row in table.items() if row["status"] != "usable"}
    assert troubles.keys() == TROUBLES.keys()
    for file, (status, problem) in TROUBLES.items():
        assert troubles[file][0] == status and problem in troubles[file][1]
    # What os.walk finds is what has a row; then each usable file is trained on, tested on, or left out by name.
    assert {file for file in table if not file.endswith("/")} == before.keys() | {"$dogs$ & wolves/self.jpg"}
    used = json.loads(reader.ask("import json; print(json.dumps([*data['file']]))"))
    assert (table.keys() - troubles.keys()) - set(used) == {"cat 猫 (1)/猫 0.jpg", "only one/wolf.png"}
    said = text(outputs)
    assert "= kept 21 + exact copies 1 + in two classes 0" in said and "class 'only one' left out" in said
    for file in ("cmyk.jpg", "grey.png", "16 bit.png"):
        assert f"cat 猫 (1)/{file}" in used
    for file in ("animated.gif", "turned.jpg", "huge.jpg"):
        assert f"$dogs$ & wolves/{file}" in used


def test_the_files_are_as_they_were_and_what_came_meanwhile_does_not_count(reader, hostile, hostile_run):
    outputs, before = hostile_run
    assert "moved, changed or deleted: 0" in text(outputs)
    assert {file: content for file, content in contents(hostile).items() if file not in LATE} == before
    assert "own_pictures" in json.loads(reader.ask("print(json.dumps([*scoreboard.read()]))"))


def test_the_saved_model_works_where_this_package_is_not(reader, hostile, hostile_run):
    source = next(cell.source for cell in reader.cells if "def classify_elsewhere" in cell.source)
    program = f"""
import sys
sys.modules["helpers"] = None  # any import of it fails
import json, zipfile
import keras
import numpy as np
from PIL import Image, ImageOps
{source}
answer = classify_elsewhere(sys.argv[1], sys.argv[2])
print(json.dumps({{name: float(p) for name, p in answer.items()}}))
"""
    model = reader.ask("print(model_path)").strip()
    picture = hostile / "$dogs$ & wolves" / "turned.jpg"
    run = subprocess.run([sys.executable, "-c", program, model, str(picture)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    elsewhere = json.loads(run.stdout.splitlines()[-1])
    here = json.loads(reader.ask(f"print(classify({str(picture)!r}, n=2).to_json(force_ascii=False))"))
    assert elsewhere.keys() == here.keys() == {"cat 猫 (1)", "$dogs$ & wolves"}
    assert list(elsewhere.values()) == pytest.approx([here[name] for name in elsewhere], abs=0.02)


def test_the_small_set_serves_where_it_is_the_only_one(reader, tmp_path):
    reader.ask("data_dir = runtime.data_dir")
    ask = f"runtime.data_dir = lambda: Path({str(tmp_path)!r}); print(photographs()); runtime.data_dir = data_dir"
    assert reader.ask(ask).strip() == "None"
    (tmp_path / "cats_vs_dogs").mkdir()
    assert "no train_set in" in reader.ask(ask)
    (tmp_path / "cats_vs_dogs_small" / "train_set").mkdir(parents=True)
    assert reader.ask(ask).splitlines()[-1] == str(tmp_path / "cats_vs_dogs_small")


def test_the_upload_button_classifies_and_names_what_is_no_picture(reader, hostile, hostile_run):
    upload = """
        answer.outputs = ()
        shown = []
        display = lambda table: shown.append(table)
        on_upload({{"new": ({{"name": {name!r}, "content": memoryview({content!r})}},)}})
    """
    picture = (hostile / "cat 猫 (1)" / "grey.png").read_bytes()
    code = "\n".join(line.strip() for line in upload.splitlines())
    reader.ask(code.format(name="grey.png", content=picture))
    p = json.loads(reader.ask("print(shown[0]['probability'].to_json(force_ascii=False))"))
    assert p.keys() == {"cat 猫 (1)", "$dogs$ & wolves"} and sum(p.values()) == pytest.approx(1, abs=0.01)
    assert "image/png" in reader.ask("print([[*output.get('data', {})] for output in answer.outputs])")
    reader.ask(code.format(name="notes.jpg", content=b"no picture"))
    assert "notes.jpg is not a whole picture" in reader.ask("print(answer.outputs)")
    assert reader.ask("print(len(shown))").strip() == "0"


# ---------------------------------------------------------------------------------------- folders with nothing to learn


def only_one_class(folder):
    (folder / "cats 猫").mkdir(parents=True)
    for i in range(5):
        drawing("cat", i).save(folder / "cats 猫" / f"{i}.png")


def no_usable_class(folder):
    (folder / "empty").mkdir(parents=True)
    (folder / "broken").mkdir()
    (folder / "broken" / "text.jpg").write_text("no picture")


def too_few_in_each(folder):
    for species in ("cat", "dog"):
        (folder / species).mkdir(parents=True)
        for i in range(3):
            drawing(species, i).save(folder / species / f"{i}.png")


def no_classes(folder):
    folder.mkdir()
    drawing("cat", 0).save(folder / "a.png")


UNUSABLE = {
    only_one_class: r"two classes or more with usable pictures are needed, got 1: ['cats 猫']",
    no_usable_class: r"two classes or more with usable pictures are needed, got 0: []",
    too_few_in_each: r"two classes or more with 4 different pictures are needed, got 0: []",
    no_classes: "It must hold one sub-folder of pictures per class.",
    lambda folder: None: "no folder",
    lambda folder: folder.write_text("a file"): "no folder",
}


@pytest.mark.parametrize("make", UNUSABLE, ids=["one class", "none usable", "few", "no classes", "no folder", "a file"])
def test_a_folder_with_nothing_to_learn_is_one_clear_line(reader, tmp_path, make):
    folder = tmp_path / "my folder"
    make(folder)
    *before, error = reader.open(folder)
    assert error.output_type == "error" and error.ename == "UnusableFolder"
    assert len(error.traceback) == 1 and "\n" not in error.traceback[0]
    assert UNUSABLE[make] in error.traceback[0] and str(folder) in error.traceback[0]
    assert not [output for output in before if output.get("name") == "stderr"]
