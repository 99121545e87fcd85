"""The page of plain Keras: it trains, goes on, and predicts every picture, without this package."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers import runtime
from helpers.data import datasets, drawn

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "examples" / "cats_vs_dogs.py"
NOTEBOOK = ROOT / "notebooks" / "09_frozen_inceptionv3.ipynb"


def test_the_code_in_the_readme_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TRANSFER_BUILD", str(tmp_path))
    monkeypatch.setattr(datasets, "_DRAWN", {"n_train": 40, "n_validation": 1, "n_test": 20})
    (code,) = re.findall(r"```python\n(.*?)```", (PAGE.parents[1] / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "Pictures: drawn animals" in printed
    assert float(re.search(r"test accuracy (\d\.\d+)", printed).group(1)) >= 0.75


def run(*arguments):
    done = subprocess.run([sys.executable, PAGE, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_it_reads_pictures_as_the_article_does():
    assert "SIZE, BATCH = 197, 32" in PAGE.read_text(encoding="utf-8")


def test_it_needs_nothing_of_this_package():
    assert "helpers" not in PAGE.read_text(encoding="utf-8")


def page_of_notebook_09():
    """The one long cell of notebook 09, which is this page."""
    cells = nbformat.read(NOTEBOOK, 4).cells
    return next(cell.source for cell in cells if cell.id == "the-page")


@pytest.mark.parametrize("text", [PAGE.read_text(encoding="utf-8"), page_of_notebook_09()], ids=["page", "notebook"])
def test_it_has_the_articles_parameters(text):
    for part in (
        "32",
        "RandomRotation(15 / 360",
        "RandomTranslation(0.02, 0.02",
        "RandomZoom(0.25, 0.25",
        "RandomBrightness(25 / 255",
        'RandomFlip("horizontal")',
        "Dense(1024",
        "0.005",
        "decay_rate=1e-6",
        "momentum=0.9, nesterov=True",
    ):
        assert part in text
    assert text.count('fill_mode="constant"') == 3 and "shear" not in text.lower()


def test_it_and_the_page_of_notebook_09_call_the_same_parts_of_keras():
    call = re.compile(r"(?:layers|keras)[.\w]*\.(\w+)\(")
    page, notebook = (set(call.findall(text)) for text in (PAGE.read_text(encoding="utf-8"), page_of_notebook_09()))
    assert page - notebook == {"InceptionV3", "Rescaling", "load_model"}  # the notebook's base comes from `backbones`
    assert notebook <= page


def test_it_trains_goes_on_and_predicts_drawings(tmp_path, capsys):
    """It trains in this process, which has TensorFlow ready; what predicts is a new one."""
    drawn.write_folder(tmp_path / "data", n_train=6, n_validation=2, n_test=3)
    model = tmp_path / "models" / "m.keras"
    train = ["train", str(tmp_path / "data"), str(model), "--weights=random", "--cut=mixed0", "--epochs=1"]
    losses = []
    for resume in ([], ["--resume"]):
        runpy.run_path(str(PAGE))["main"]([*train, *resume])
        losses.append(float(re.search(r"- loss: ([\d.]+)", capsys.readouterr().out)[1]))
    assert losses[0] != losses[1]
    *lines, last = run("predict", tmp_path / "data" / "test_set", model).splitlines()
    assert len(lines) == 6 and all(re.fullmatch(r"(cats|dogs)\S+\.jpg [猫狗]", line) for line in lines)
    assert re.fullmatch(r"accuracy \d\.\d{3} on 6 pictures", last)


@pytest.mark.real
def test_photographs(real_data, tmp_path):
    weights = runtime.weights_file()
    data = real_data / "cats_vs_dogs"
    run("train", data, tmp_path / "m.keras", "--weights", weights, "--cut", "mixed8", "--epochs", "3")
    *lines, last = run("predict", data / "test_set", tmp_path / "m.keras").splitlines()
    assert len(lines) == 200 and all(line[-1] in "猫狗" for line in lines)
    assert float(last.split()[1]) >= 0.94  # 20 seeds of the same top: 0.960 to 0.980, with ten epochs
