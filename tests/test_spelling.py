"""`codespell`, as `make test` runs it, reads the notebooks' text and not their pictures."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[1]
WRONG = "teh"  # codespell:ignore teh


def misspelt(folder):
    """Run codespell with the project's settings in a folder; give the lines that it prints."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = [sys.executable, "-m", "codespell_lib"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert bool(run.stdout) == bool(run.returncode), run.stderr
    return run.stdout.splitlines()


def write_notebook(path, text="A word.", code="x = 1", picture="abc"):
    path.parent.mkdir(parents=True, exist_ok=True)
    output = new_output("display_data", {"image/png": picture, "text/plain": "<Figure>"})
    cells = [new_markdown_cell(f"# Title\n\n{text}\n\nMore."), new_code_cell(code, outputs=[output])]
    nbformat.write(new_notebook(cells=cells), path)


@pytest.mark.parametrize(
    "wrong",
    [{"text": f"Of {WRONG} first"}, {"text": f"a\n{WRONG}\nb"}, {"code": f"x = 1  # {WRONG}"}],
    ids=str,
)
def test_a_misspelt_word_of_a_notebook_is_found(wrong, tmp_path):
    write_notebook(tmp_path / "notebooks" / "00.ipynb", **wrong)
    (line,) = misspelt(tmp_path)
    assert f"{WRONG} ==> the" in line and "00.ipynb" in line


def test_letters_of_a_picture_are_no_words(tmp_path):
    write_notebook(tmp_path / "notebooks" / "00.ipynb", picture=f"abc+{WRONG}/{WRONG}+def=")
    assert not misspelt(tmp_path)


@pytest.mark.parametrize("name", ["README.md", "docs/faults.md", ".github/workflows/tests.yml", "src/helpers/plots.py"])
def test_pages_workflows_and_code_are_read(name, tmp_path):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(f"# {WRONG}\n")
    assert len(misspelt(tmp_path)) == 1


@pytest.mark.parametrize("name", ["data/reviews/books.review", "build/x.txt", "locale/zh_CN/00.po", "requirements.txt"])
def test_what_is_no_text_of_the_course_is_left_out(name, tmp_path):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(f"# {WRONG}\n")
    assert not misspelt(tmp_path)
