"""Make the student release of the assignments, and grade made-up students with nbgrader's own commands.

python tools/assignments.py               # every assignment: release, checks, grading
python tools/assignments.py 03 04         # those whose names start so
python tools/assignments.py --release     # the release and its checks, without grading
python tools/assignments.py --seed 2027   # another year's seed: do all the tests hold for it?

The release is left in build/release, the course folder of each trial in build/assignments: look there at the graded
notebooks and at the feedback that students get.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from helpers import runtime

ROOT = Path(__file__).resolve().parents[1]
COURSE = ROOT / "assignments"
MARKS = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)")
STUBS = ("raise NotImplementedError()", "YOUR ANSWER HERE")
SEED = re.compile(r"^SEED = (\d+)", re.MULTILINE)
UNANSWERED = {"NotImplementedError", "NameError"}  # all that an untouched release may stop with


@dataclass
class Attempt:
    """Cells that a made-up student hands in, and what is expected of them.

    Attributes
    ----------
    title : str
        What was done, in one line.
    cells : dict of str to str
        `grade_id` -> source; the other cells are the instructor's.
    fails : dict of str to str
        `grade_id` of each test that must fail -> words that its message must hold; empty when the attempt is right.
    """

    title: str
    cells: dict[str, str]
    fails: dict[str, str]


def read_attempt(path: Path) -> Attempt:
    """Read an attempt from a file; assignments/README.md describes the form.

    Parameters
    ----------
    path : Path
        A Python file: a docstring, then cells, each begun by `# %% grade_id`.

    Returns
    -------
    Attempt

    Raises
    ------
    ValueError
        If the docstring or the cells are not as described.
    """
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    title, _, expected = docstring.partition("\n\n")
    fails = dict(re.findall(r"Fails (\w+): (.+?)(?= Fails \w+:|$)", " ".join(expected.split())))
    cells = {head.strip(): body.strip() for head, body in re.findall(r"^# %% (.+)\n((?:(?!# %%).*\n?)*)", text, re.M)}
    if not title or not cells or bool(expected) != bool(fails):
        raise ValueError(
            f"{path} must begin with a docstring (a title; for a wrong solution also 'Fails grade_id: words of the "
            f"message') and have cells begun by '# %% grade_id'; got the docstring {docstring!r} and cells {[*cells]}."
        )
    return Attempt(title, cells, fails)


def grader(cell: nbformat.NotebookNode) -> dict:
    """Give the nbgrader metadata of a cell, empty where it has none."""
    return cell.metadata.get("nbgrader", {})


def secrets(source: nbformat.NotebookNode) -> set[str]:
    """Give the lines that no student may see: solutions, hidden tests, model answers.

    Parameters
    ----------
    source : notebook
        The instructor version.

    Returns
    -------
    set of str
        The lines, stripped; those that also stand in an open part of the notebook, and very short ones, are left out.
    """
    hidden, visible = set(), set()
    for cell in source.cells:
        whole = grader(cell).get("solution") and not MARKS.search(cell.source)
        inside = False
        for line in map(str.strip, cell.source.splitlines()):
            mark = MARKS.search(line)
            inside = mark[1] == "BEGIN" if mark else inside
            if not mark:
                (hidden if inside or whole else visible).add(line)
    return {line for line in hidden - visible if len(line) > 8}


def leaks(source: nbformat.NotebookNode, release: nbformat.NotebookNode) -> list[str]:
    """Find what a release must not hold.

    Parameters
    ----------
    source, release : notebooks
        The instructor version, and what nbgrader made of it for the students.

    Returns
    -------
    list of str
        One line for each finding; empty when the release is clean.
    """
    found, hidden = [], secrets(source)
    for cell in release.cells:
        where = grader(cell).get("grade_id", cell.source[:40])
        lines = [line.strip() for line in cell.source.splitlines()]
        found += [f"{where}: {line}" for line in lines if line in hidden or MARKS.search(line)]
        if grader(cell).get("solution") and not any(stub in lines for stub in STUBS):
            found.append(f"{where}: an answer is already there")
        if cell.get("outputs"):
            found.append(f"{where}: has an output")
    return found


def first_error(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """Execute a notebook until a cell stops it; give the name of the error and its message, or ''."""
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
        extra_arguments=["--Application.log_level=ERROR"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""


def with_seed(notebook: nbformat.NotebookNode, seed: int) -> nbformat.NotebookNode:
    """Set the notebook's one `SEED = ...`, in place."""
    places = [cell for cell in notebook.cells if cell.cell_type == "code" and SEED.search(cell.source)]
    if len(places) != 1:
        raise ValueError(f"One cell must set SEED = <number>; {len(places)} do.")
    places[0].source = SEED.sub(f"SEED = {seed}", places[0].source)
    return notebook


def hand_in(release: nbformat.NotebookNode, cells: dict[str, str], path: Path) -> None:
    """Write a submission: the release with these cells filled in."""
    unknown = cells.keys() - {grader(cell).get("grade_id") for cell in release.cells if grader(cell).get("solution")}
    if unknown:
        raise ValueError(f"{path}: there is no solution cell named {', '.join(sorted(unknown))}.")
    notebook = nbformat.from_dict(release)
    for cell in notebook.cells:
        cell.source = cells.get(grader(cell).get("grade_id"), cell.source)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


class Trial:
    """A course folder with one assignment, in build/assignments/<name>, on which nbgrader's commands are run."""

    def __init__(self, name: str, seed: int | None):
        self.name = name
        self.folder = runtime.build_dir() / "assignments" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(COURSE / "source" / name, self.folder / "source" / name)
        shutil.copy(COURSE / "nbgrader_config.py", self.folder)
        path = self.notebook("source")
        self.source = nbformat.read(path, 4)
        if seed is not None:
            nbformat.write(with_seed(self.source, seed), path)

    def notebook(self, *step: str) -> Path:
        """Path of the notebook in a step of nbgrader, such as "release" or "submitted", "student"."""
        return self.folder.joinpath(*step, self.name, f"{self.name}.ipynb")

    def nbgrader(self, *arguments: str) -> None:
        """Run one of nbgrader's commands in the course folder, as an instructor would."""
        # nbgrader calls programs of its environment by name.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        run = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
        if run.returncode or "[ERROR]" in run.stdout + run.stderr:
            raise RuntimeError(f"nbgrader {' '.join(arguments)}, in {self.folder}:\n{run.stdout}{run.stderr}")

    def release(self, execute: bool) -> list[str]:
        """Generate the student version, put it in build/release, and list what is wrong with it.

        `execute` runs it to its first unanswered cell. Grading does so anyway, as the student "untouched" hands it in.
        """
        self.nbgrader("generate_assignment", self.name)
        made = self.notebook("release")
        self.student = nbformat.read(made, 4)
        faults = leaks(self.source, self.student)
        wanted, got = ({path.name for path in self.notebook(step).parent.iterdir()} for step in ("source", "release"))
        if wanted != got:
            faults.append(f"release has {sorted(got)}, source has {sorted(wanted)}")
        stopped = first_error(nbformat.from_dict(self.student), made.parent) if execute else ""
        if execute and not stopped.startswith("NotImplementedError"):
            faults.append(f"untouched, it stops with {stopped or 'nothing'}; wanted is NotImplementedError")
        target = runtime.build_dir() / "release" / self.name
        shutil.rmtree(target, ignore_errors=True)
        if not faults:
            shutil.copytree(made.parent, target)
        return faults

    def grade(self) -> tuple[list[str], dict[str, float]]:
        """Hand in for made-up students, grade them, and list what is wrong; also give their points by tests."""
        answers = {grader(cell)["grade_id"]: cell.source for cell in self.source.cells if grader(cell).get("solution")}
        students = {"instructor": Attempt("the instructor version", {}, {}), "untouched": None}
        for kind in ("right", "wrong"):
            for path in sorted((ROOT / "tests" / f"{kind}_solutions" / self.name).glob("*.py")):
                students[f"{kind}_{path.stem}"] = read_attempt(path)
        for student, attempt in students.items():
            hand_in(self.student, answers | attempt.cells if attempt else {}, self.notebook("submitted", student))

        self.nbgrader("autograde", self.name)
        points = {grader(cell)["grade_id"]: grader(cell)["points"] for cell in self.source.cells if is_test(cell)}
        scores, exported = self.mark_words([*students])
        self.nbgrader("generate_feedback", self.name)
        self.nbgrader("export")

        faults, failed = [], set()
        if exported != sum(grader(cell).get("points", 0) for cell in self.source.cells):
            faults.append(f"with all points for its words, the instructor version has {exported} points")
        if (self.folder / "grades.csv").read_text(encoding="utf-8").count(self.name) != len(students):
            faults.append("grades.csv does not have a line for each student")
        for student, attempt in students.items():
            if not self.notebook("feedback", student).with_suffix(".html").is_file():
                faults.append(f"{student}: no feedback")
            graded = nbformat.read(self.notebook("autograded", student), 4)
            errors = {grader(cell).get("grade_id"): error for cell in graded.cells for error in errors_of(cell)}
            faults += [f"{student}: {f}" for f in verdict(attempt, scores[student], sum(points.values()), errors)]
            failed |= errors.keys() if attempt and attempt.fails else set()
        if len([student for student in students if student.startswith("wrong_")]) < 2:
            faults.append(f"tests/wrong_solutions/{self.name} has fewer than two wrong solutions")
        return faults + [f"{test}: no wrong solution fails it" for test in sorted(points.keys() - failed)], scores

    def mark_words(self, students: list[str]) -> tuple[dict[str, float], float]:
        """Give the points by tests of each student, and the instructor's with full points for all answers in words."""
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as book:
            scores = {student: book.find_submission(self.name, student).score for student in students}
            submission = book.find_submission(self.name, "instructor")
            for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
                if grade.needs_manual_grade:
                    grade.manual_score, grade.needs_manual_grade = grade.max_score, False
            book.db.commit()
            return scores, submission.score


def is_test(cell: nbformat.NotebookNode) -> bool:
    """Tell whether a cell holds tests with points."""
    return bool(grader(cell).get("grade") and not grader(cell)["solution"])


def errors_of(cell: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Give name and message of the errors that a cell ended with."""
    return [(o.ename, o.evalue) for o in cell.get("outputs", []) if o.output_type == "error"]


def verdict(attempt: Attempt | None, score: float, full: float, errors: dict[str, tuple[str, str]]) -> list[str]:
    """Judge how one student was graded.

    Parameters
    ----------
    attempt : Attempt or None
        What was handed in; None for the untouched release.
    score, full : float
        Points by the automatic tests, and those that there are.
    errors : dict of str to (str, str)
        `grade_id` -> name and message of the error.

    Returns
    -------
    list of str
        What is not as it should be.
    """
    if attempt is None:
        names = {name for name, _ in errors.values()}
        odd = names - UNANSWERED if "NotImplementedError" in names else names or {"nothing"}
        return [f"scores {score}, wanted is 0"] * (score != 0) + [f"stops with {', '.join(sorted(odd))}"] * bool(odd)
    if not attempt.fails:
        return [] if score == full and not errors else [f"scores {score} of {full}: {errors}"]
    faults = [] if score < full else [f"({attempt.title}) scores full points"]
    for test, words in attempt.fails.items():
        name, message = errors.get(test, ("no error", ""))
        if name != "AssertionError" or words not in message:
            faults.append(f"{test} ends with {name}: {message!r}; wanted is a message with {words!r}")
    return faults


def check(name: str, seed: int | None, grading: bool) -> tuple[str, list[str]]:
    """Release one assignment and, if asked, grade it; return one line about it, and what is wrong."""
    start = time.perf_counter()
    try:
        trial = Trial(name, seed)
        faults, scores = trial.release(execute=not grading), {}
        if grading and not faults:
            faults, scores = trial.grade()
            if seed is None:
                now = int(SEED.search("\n".join(cell.source for cell in trial.source.cells))[1])
                stopped = first_error(with_seed(trial.source, now + 1), trial.folder)
                faults += [f"with SEED = {now + 1}: {stopped}"] * bool(stopped)
    except (RuntimeError, ValueError, OSError) as error:
        faults, scores = [str(error)], {}
    line = ", ".join(f"{student} {score:g}" for student, score in scores.items())
    return f"{name}: {'FAILED' if faults else 'ok'} in {time.perf_counter() - start:.0f} s  {line}", faults


def main() -> int:
    """Run what the command line asks for; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of assignment names; all of them without any")
    parser.add_argument("--release", action="store_true", help="only the release and its checks, no grading")
    parser.add_argument("--seed", type=int, help="use this SEED instead of the one in the sources")
    arguments = parser.parse_args()
    every = sorted(path.name for path in (COURSE / "source").iterdir() if path.is_dir())
    names = [name for name in every if not arguments.names or name.startswith(tuple(arguments.names))]
    if not names:
        parser.error(f"no assignment in {COURSE / 'source'} begins with {' or '.join(arguments.names)}")
    failed = False
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(variable, "1")  # one notebook to a core is faster than two that share both
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        # The last ones train networks and take longest: begun first, they leave no core idle at the end.
        results = pool.map(lambda name: check(name, arguments.seed, not arguments.release), reversed(names))
        for line, faults in results:
            print(line, *faults, sep="\n    ", flush=True)
            failed |= bool(faults)
    print(f"Student release: {runtime.build_dir() / 'release'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
