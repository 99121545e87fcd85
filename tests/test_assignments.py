"""What every assignment must be, and that `make assignments`, which grades them, notices what is wrong."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "assignments" / "source").glob("*/*.ipynb"))

spec = importlib.util.spec_from_file_location("assignments", ROOT / "tools" / "assignments.py")
tool = importlib.util.module_from_spec(spec)
sys.modules["assignments"] = tool  # dataclasses look their module up
spec.loader.exec_module(tool)

each = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def cells_of(path, kind):
    cells = nbformat.read(path, 4).cells
    if kind == "tests":
        return [cell for cell in cells if tool.is_test(cell)]
    if kind == "words":
        return [cell for cell in cells if tool.grader(cell).get("grade") and tool.grader(cell)["solution"]]
    return [cell for cell in cells if cell.cell_type == kind]


@each
def test_it_is_committed_without_outputs_and_with_valid_metadata(path):
    from nbgrader.nbgraderformat import MetadataValidator

    assert path.parent.name == path.stem
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    assert {tool.grader(cell).get("schema_version", 3) for cell in notebook.cells} == {3}
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@each
def test_its_first_cell_says_what_it_is(path):
    text = cells_of(path, "markdown")[0].source
    assert text.startswith(f"# Assignment {path.stem[:2]}: ")
    assert f"| belongs to | notebook `{path.stem}` |" in text
    assert (ROOT / "notebooks" / path.name).is_file()
    total, tests, words = map(
        int, re.search(r"\| points \| (\d+); (\d+) by tests, (\d+) for the answer", text).groups()
    )
    assert tests == sum(tool.grader(cell)["points"] for cell in cells_of(path, "tests"))
    assert words == sum(tool.grader(cell)["points"] for cell in cells_of(path, "words"))
    assert total == tests + words == 20
    assert 30 <= int(re.search(r"\| time \| about (\d+) minutes", text)[1]) <= 60
    assert "| seed | `SEED` in the next cell" in text


@each
def test_every_code_cell_has_its_part_and_the_first_one_sets_the_seed(path):
    code = cells_of(path, "code")
    for cell in code:
        meta = tool.grader(cell)
        assert meta.get("solution") or meta.get("locked"), f"students could change this cell unseen: {cell.source[:60]}"
    assert [bool(tool.SEED.search(cell.source)) for cell in code] == [True] + [False] * (len(code) - 1)
    assert tool.grader(code[0])["locked"] and not tool.grader(code[0])["grade"]


@each
def test_a_failed_test_says_something(path):
    for cell in cells_of(path, "tests"):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.Assert) or node.msg is not None, ast.unparse(node)


@each
def test_it_has_hidden_tests_that_depend_on_the_seed_and_solutions_to_remove(path):
    tests = "\n".join(cell.source for cell in cells_of(path, "tests"))
    assert "### BEGIN HIDDEN TESTS" in tests and "SEED" in tests
    for cell in cells_of(path, "code"):
        assert not tool.grader(cell).get("solution") or "### BEGIN SOLUTION" in cell.source


@each
def test_each_answer_in_words_has_a_rubric_that_adds_up(path):
    answers = cells_of(path, "words")
    assert answers
    for cell in answers:
        assert cell.source.startswith("**Model answer.**")
        rubric = cell.source.split("**Rubric**")[1]
        points = [int(n) for n in re.findall(r"^- (\d) points?: ", rubric, re.M)]
        assert sum(points) == tool.grader(cell)["points"]


@each
def test_there_are_two_wrong_solutions_that_say_what_they_get_wrong(path):
    solutions = {tool.grader(c)["grade_id"] for c in nbformat.read(path, 4).cells if tool.grader(c).get("solution")}
    tests = {tool.grader(cell)["grade_id"] for cell in cells_of(path, "tests")}
    wrong = [tool.read_attempt(p) for p in (ROOT / "tests/wrong_solutions" / path.stem).glob("*.py")]
    assert len(wrong) >= 2
    for attempt in wrong:
        assert attempt.fails and attempt.fails.keys() <= tests
        assert attempt.cells.keys() <= solutions
    for p in (ROOT / "tests/right_solutions" / path.stem).glob("*.py"):
        assert not tool.read_attempt(p).fails and tool.read_attempt(p).cells.keys() <= solutions


@each
def test_the_instructors_page_lists_it(path):
    text = cells_of(path, "markdown")[0].source
    minutes = re.search(r"\| time \| about (\d+) minutes", text)[1]
    tests, words = re.search(r"(\d+) by tests, (\d+) for", text).groups()
    row = rf"\| `{path.stem}` \| [^|]+ \| {tests} \+ {words} \| {minutes} \|"
    assert re.search(row, (ROOT / "assignments" / "README.md").read_text(encoding="utf-8"))


# The checks must really check.
def cell(kind, name, source, points=0):
    make = new_markdown_cell if kind == "words" else new_code_cell
    made = make(source)
    made.metadata["nbgrader"] = {
        "grade": kind in ("test", "words"),
        "grade_id": name,
        "locked": kind in ("test", "locked"),
        "schema_version": 3,
        "solution": kind in ("solution", "words"),
        "task": False,
    } | ({"points": points} if points else {})
    return made


def small_assignment():
    test = 'assert double(2) == 4, "2 doubled is 4"\n### BEGIN HIDDEN TESTS\nassert double(3) == 6, "3 doubled is 6"\n'
    solution = "def double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION"
    return new_notebook(
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        cells=[
            cell("locked", "setup", "SEED = 1"),
            cell("solution", "double", solution),
            cell("test", "test_double", test + "### END HIDDEN TESTS", points=3),
            cell("words", "why", "**Model answer.** Because two is more than one.", points=2),
        ],
    )


def released():
    notebook = small_assignment()
    notebook.cells[1].source = "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    notebook.cells[2].source = 'assert double(2) == 4, "2 doubled is 4"\n'
    notebook.cells[3].source = "YOUR ANSWER HERE"
    return notebook


def test_a_clean_release_has_no_leaks():
    assert tool.leaks(small_assignment(), released()) == []


@pytest.mark.parametrize(
    ("index", "source"),
    [
        (1, "def double(x):\n    return x + x"),
        (1, "def double(x):\n    return 2 * x"),
        (2, 'assert double(3) == 6, "3 doubled is 6"'),
        (2, "### BEGIN HIDDEN TESTS"),
        (3, "**Model answer.** Because two is more than one."),
    ],
    ids=["the solution", "another answer", "a hidden test", "a mark", "the model answer"],
)
def test_a_leak_is_found(index, source):
    release = released()
    release.cells[index].source = source
    assert tool.leaks(small_assignment(), release)


def test_an_output_is_found():
    release = released()
    release.cells[0].outputs = [nbformat.v4.new_output("stream", text="4")]
    assert tool.leaks(small_assignment(), release) == ["setup: has an output"]


WRONG = tool.Attempt("adds two", {}, {"test_double": "doubled is 6"})


@pytest.mark.parametrize(
    ("attempt", "score", "errors", "good"),
    [
        (None, 0, {"test_double": ("NotImplementedError", "")}, True),
        (None, 1, {"test_double": ("NotImplementedError", "")}, False),
        (None, 0, {"test_double": ("FileNotFoundError", "no data")}, False),
        (None, 0, {"test_double": ("NameError", "double")}, False),
        (None, 0, {}, False),
        (tool.Attempt("right", {}, {}), 3, {}, True),
        (tool.Attempt("right", {}, {}), 2, {}, False),
        (WRONG, 0, {"test_double": ("AssertionError", "3 doubled is 6")}, True),
        (WRONG, 0, {"test_double": ("AssertionError", "")}, False),
        (WRONG, 0, {"test_double": ("NameError", "doubled is 6")}, False),
        (WRONG, 0, {}, False),
        (WRONG, 3, {"test_double": ("AssertionError", "3 doubled is 6")}, False),
    ],
)
def test_the_verdict_on_a_student(attempt, score, errors, good):
    assert (tool.verdict(attempt, score, 3, errors) == []) is good


@pytest.mark.parametrize(
    "text",
    ["# %% double\nx = 1\n", '"""A title."""\n', '"""A title.\n\nno test named\n"""\n\n# %% double\nx = 1\n'],
    ids=["no title", "no cells", "no test"],
)
def test_an_attempt_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "attempt.py").write_text(text)
    with pytest.raises(ValueError, match="must begin with a docstring"):
        tool.read_attempt(tmp_path / "attempt.py")


def test_two_seeds_are_refused():
    notebook = small_assignment()
    assert tool.with_seed(notebook, 7).cells[0].source == "SEED = 7"
    notebook.cells[1].source += "\nSEED = 2"
    with pytest.raises(ValueError, match="2 do"):
        tool.with_seed(notebook, 7)


def test_a_cell_that_is_not_there_cannot_be_handed_in(tmp_path):
    with pytest.raises(ValueError, match="no solution cell named triple"):
        tool.hand_in(released(), {"triple": ""}, tmp_path / "x" / "x.ipynb")


@pytest.mark.skipif(sys.platform == "win32", reason="nbgrader's exchange does not run on Windows; nobody grades there")
def test_the_whole_cycle(tmp_path, monkeypatch):
    """A small assignment goes through nbgrader; one of its wrong solutions is right, and that is all that is found."""
    source = tmp_path / "assignments" / "source" / "small" / "small.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(small_assignment(), source)
    (tmp_path / "assignments" / "nbgrader_config.py").write_text((tool.COURSE / "nbgrader_config.py").read_text())
    folder = tmp_path / "tests" / "wrong_solutions" / "small"
    folder.mkdir(parents=True)
    for name, body in (("adds", "x + 2"), ("doubles", "2 * x")):
        docstring = f'"""Wrong: {name}.\n\nFails test_double: 3 doubled is 6\n"""\n\n'
        (folder / f"{name}.py").write_text(f"{docstring}# %% double\ndef double(x):\n    return {body}\n")
    monkeypatch.setattr(tool, "COURSE", tmp_path / "assignments")
    monkeypatch.setattr(tool, "ROOT", tmp_path)

    line, faults = tool.check("small", seed=None, grading=True)
    assert "instructor 3, untouched 0, wrong_adds 0, wrong_doubles 3" in line
    assert [fault.split(":")[0] for fault in faults] == ["wrong_doubles"] * 2
    release = json.loads((tool.runtime.build_dir() / "release" / "small" / "small.ipynb").read_text(encoding="utf-8"))
    assert "x + x" not in json.dumps(release) and "doubled is 6" not in json.dumps(release)


NAMES = {
    "ada_03_instance_based.ipynb": "ada",
    "li_wei_03_instance_based.ipynb": "li_wei",
    "2023_1234_03_instance_based.ipynb": "2023_1234",
    "Li Wei_88231_assignsubmission_file_03_instance_based.ipynb": "Li Wei",
    "Li_Wei_88231_assignsubmission_file_03_instance_based (2).ipynb": "Li_Wei",
    "bo_03_instance_based (1).ipynb": "bo",
    "CAROL_03_Instance_Based.ipynb": "CAROL",
    "dan-03_03_instance_based-1.ipynb": "dan-03",
    "王伟_03_instance_based.ipynb": "王伟",
    "eve_03_instance_based.ipynb": "eve",  # and once more, downloaded again:
    "eve_03_instance_based (1).ipynb": "eve",
    "Fan Li_7_assignsubmission_file_fan_03_instance_based.ipynb": "Fan Li",
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Submissions under the names that platforms give them, collected by nbgrader's own command."""
    course = tmp_path_factory.mktemp("course")
    name = "03_instance_based"
    shutil.copytree(ROOT / "assignments" / "source" / name, course / "source" / name)
    shutil.copy(ROOT / "assignments" / "nbgrader_config.py", course)
    archive = course / "downloaded" / name / "archive"
    archive.mkdir(parents=True)
    for file in [*NAMES, "notes.txt", "ada_other_work.ipynb"]:
        shutil.copy(course / "source" / name / f"{name}.ipynb", archive / file)
    command = [sys.executable, "-m", "nbgrader", "zip_collect", name]
    run = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return course / "submitted"


@pytest.mark.parametrize("student", NAMES.values(), ids=list(NAMES))
def test_a_submission_is_found_whatever_the_platform_calls_it(collected, student):
    assert (collected / student / "03_instance_based" / "03_instance_based.ipynb").is_file()


def test_nothing_else_is_collected(collected):
    assert {path.name for path in collected.iterdir()} == set(NAMES.values())
