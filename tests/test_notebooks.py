"""What every committed notebook must be, and that the checks on the notebooks really check."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MACHINE_PATHS = re.compile(r"(/home/|/root/|/tmp/|/Users/|/work/|[A-Z]:\\+Users)")
PROGRESS_BAR = re.compile(r"\[\d\d:\d\d[<,]")
MOST_LINES = 25  # of code in a cell
LONGER = {"the-page"}  # the whole job of notebook 09 on one page
HEADINGS = ["What you will learn", "What you need", "Recap", "Check yourself", "References"]

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code" and cell.source.strip()]


def text_of(output):
    return output.get("text", "") + "".join(
        str(value) for key, value in output.get("data", {}).items() if "image" not in key
    )


@each
def test_it_was_executed_in_order_from_a_fresh_kernel(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each
def test_its_outputs_are_clean(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text
            assert "Warning:" not in text_of(output), text_of(output)
            assert not MACHINE_PATHS.search(text_of(output)), text_of(output)
            assert not PROGRESS_BAR.search(text_of(output)), text_of(output)
            assert not re.search(r"at 0x[0-9a-f]{6}", text_of(output)), text_of(output)


@each
def test_a_checked_cell_has_a_text_to_be_checked_against(path):
    checked = [cell for cell in code_cells(path) if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert checked, "no cell is tagged nbval-check-output"
    for cell in checked:
        assert any("text/plain" in output.get("data", {}) or output.get("text") for output in cell.outputs), cell.source


@each
def test_it_has_the_form_of_the_series(path):
    cells = nbformat.read(path, 4).cells
    title, *_ = cells[0].source.splitlines()
    assert re.match(r"# \d\d ", title)
    assert cells[0].source.count("?") == 1, "the first cell asks one question"
    markdown = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    positions = [markdown.find(f"## {heading}") for heading in HEADINGS]
    assert -1 not in positions, dict(zip(HEADINGS, positions, strict=True))
    assert positions == sorted(positions)
    assert "<details>" in markdown
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1
    assert not re.search(r"if .*\bCI\b", "\n".join(cell.source for cell in code_cells(path)))


@each
def test_its_cells_are_short(path):
    lines = {cell.id: sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code_cells(path)}
    assert {name: n for name, n in lines.items() if n > MOST_LINES and name not in LONGER} == {}


@each
def test_each_plot_says_in_words_what_it_shows(path):
    for cell in code_cells(path):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            alt = cell.metadata.get("alt", "")
            assert re.fullmatch(r"[A-Z].{20,}\.", alt), f"cell {cell.id}: metadata alt must be a sentence, got {alt!r}"


@each
def test_it_says_which_weights_and_pictures_it_used(path):
    printed = "\n".join(text_of(output) for cell in code_cells(path) for output in cell.outputs)
    assert re.search(r"^(Pictures|Reviews|Facts): ", printed, re.MULTILINE)
    # What needs PACS says so where it has none.
    if any("inception_v3(" in cell.source and "pacs.at_hand()" not in cell.source for cell in code_cells(path)):
        assert "Weights: InceptionV3" in printed


# Whether a bar or a widget leaves an output depends on how long the work takes.
@each
def test_checked_cells_show_no_progress_bar_and_no_widget(path):
    shown = r"((bottleneck|cluster)\.features|classifier\.(train|predict)|interactive)\("
    for cell in code_cells(path):
        if "nbval-check-output" in cell.metadata.get("tags", []):
            assert not re.search(shown, cell.source)


@each
def test_the_readme_lists_it(path):
    question = re.search(r"\*\*(.+?\?)\*\*", nbformat.read(path, 4).cells[0].source, re.DOTALL).group(1)
    row = f"| [{path.stem}](notebooks/{path.name}) | {' '.join(question.split())} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_checks_on_a_notebook_really_check(tmp_path):
    """What notebook 00 promises of the machine passes; once its assertion or its output is altered, the cell fails."""
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", 4)
    start = next(cell for cell in notebook.cells if cell.cell_type == "code")
    (promise,) = (cell for cell in notebook.cells if "nbval-check-output" in cell.metadata.get("tags", []))
    assertion, output = copy.deepcopy(promise), copy.deepcopy(promise)
    assertion.source = promise.source.replace('.split(".")[0]) == 3', '.split(".")[0]) == 2')
    output.outputs[0].text = promise.outputs[0].text.replace("ready", "perhaps")
    assert assertion.source != promise.source and output.outputs != promise.outputs

    notebook.cells = [start, promise, assertion, output]
    assertion.id, output.id = "assertion", "output"
    nbformat.write(notebook, tmp_path / "copy.ipynb")
    command = [sys.executable, "-m", "pytest", tmp_path / "copy.ipynb", "@tests/nbval.args", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, "-rA"], cwd=ROOT, capture_output=True, text=True)
    ended = re.findall(r"^(PASSED|FAILED) \S+::Cell (\d)", run.stdout, re.MULTILINE)
    wanted = {"0": "PASSED", "1": "PASSED", "2": "FAILED", "3": "FAILED"}
    assert {number: how for how, number in ended} == wanted, run.stdout
    assert run.returncode == 1
