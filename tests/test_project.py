"""pyproject.toml, requirements.txt, environment.yml and the Makefile say the same."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from helpers import scoreboard

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import readme_results  # noqa: E402

PAGES = ["README.md", "README.zh-CN.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("requirements-cluster.txt", "requirements-docs.txt", "requirements-browser.txt")
FILES = ("requirements.txt", *EXTRAS)  # the others add something to what the first one has


def pins(name):
    """The lines of a lock that pin a package, without their hashes."""
    lines = (ROOT / name).read_text().splitlines()
    return [line.removesuffix("\\").strip() for line in lines if line and not line.startswith((" ", "#"))]


LOCK = [Requirement(line) for name in FILES for line in pins(name)]
WANTED = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


@pytest.mark.parametrize("line", WANTED)
def test_the_lock_holds_each_dependency_within_its_range(line):
    wanted = Requirement(line)
    locked = [str(pin.specifier).removeprefix("==") for pin in LOCK if pin.name == wanted.name]
    assert locked, f"{wanted.name} is in no lock: make lock"
    assert all(version in wanted.specifier for version in locked)


def test_the_lock_pins_everything_and_names_no_index():
    assert all(re.fullmatch(r"==[^=,*]+", str(pin.specifier)) for pin in LOCK)
    for name in (*FILES, ".binder/requirements.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"https?:|file:|--(?!hash=sha256:[0-9a-f]{64}( |$))", text, re.MULTILINE)
        assert len(pins(name)) == len(re.findall(r"^[^ #].*\\\n    --hash=", text, re.MULTILINE)), "each has a hash"


@pytest.mark.parametrize("name", EXTRAS)
def test_the_locks_agree(name):
    first, second = ({*pins(lock)} for lock in ("requirements.txt", name))
    names = {Requirement(line).name for line in first}
    assert {line for line in second if Requirement(line).name in names} <= first


@pytest.mark.parametrize("line", WANTED)
def test_each_dependency_says_what_it_is_for(line):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'"{re.escape(line)}",\s+# \w+', text)


def test_conda_brings_python_and_pip_and_nothing_else():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python, pip, pip_lines = dependencies
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
    assert (pip, pip_lines) == ("pip", {"pip": ["-r requirements.txt"]})  # hashes and a folder exclude each other
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "conda activate transfer-learning && pip install --no-deps -e . &&" in readme


@pytest.mark.parametrize("name", [*PAGES, "data/README.md", "assignments/README.md"])
def test_every_link_of_a_page_leads_somewhere(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert not [link for link in links if not (ROOT / name).parent.joinpath(link).exists()]


@pytest.mark.parametrize("name", ["Makefile", "README.md"])
def test_jupyter_serves_what_the_notebooks_link_to(name, monkeypatch):
    """Opened by its path alone, a notebook would make its own folder the root; its assignment lies beside that."""
    from jupyter_server.serverapp import ServerApp

    monkeypatch.chdir(ROOT)
    commands = re.findall(r"jupyter lab (.+?)(?:`|$)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        app = ServerApp()
        app.parse_command_line(command.replace("\\", "/").split())
        assert Path(app.file_to_run).samefile(ROOT / "notebooks" / "00_start_here.ipynb")
        assert Path(app.root_dir).samefile(ROOT)


@pytest.mark.parametrize("which", readme_results.PAGES)
def test_every_table_of_results_is_filled(which):
    text = readme_results.PAGES[which].read_text(encoding="utf-8")
    (table,) = re.findall(rf"<!-- results: {which} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert table.count("\n| ") >= 4


def test_the_tables_of_real_results_are_those_of_the_file():
    results = scoreboard.read_real()
    for which, keys in (("real", list(results)), ("short", readme_results.SHORT)):
        table = readme_results.scores({key: results[key] for key in keys if key in results})
        assert table in readme_results.PAGES[which].read_text(encoding="utf-8")


@pytest.mark.parametrize("missing", ["<!-- results: short -->", "<!-- end -->"])
def test_a_page_without_its_marks_is_left_as_it_is(missing, tmp_path, monkeypatch):
    text = "before\n<!-- results: short -->\n| old |\n<!-- end -->\nafter\n"
    page = tmp_path / "README.md"
    monkeypatch.setitem(readme_results.PAGES, "short", page)
    page.write_text(text)
    readme_results.put("short", "| new |")
    assert page.read_text() == text.replace("old", "new")
    page.write_text(text.replace(missing, ""))
    with pytest.raises(SystemExit, match=missing):
        readme_results.put("short", "| newer |")
    assert page.read_text() == text.replace(missing, "")


def make(tmp_path, python):
    """Run `make lab` in a copy of the project with another Python."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    # `make test` runs these tests: its own flags and level must not reach the inner make.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", "lab", f"PYTHON={python}"], cwd=tmp_path, env=env, capture_output=True, text=True)


def fake_python(tmp_path, version_fits):
    path = tmp_path / "fakepython"
    cases = f"*version_info*) exit {0 if version_fits else 1};; -V) echo Python 3.9.1;; *) exit 1;;"
    path.write_text(f'#!/bin/sh\ncase "$*" in {cases} esac\n')
    path.chmod(0o755)
    return path


needs_make = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


@needs_make
def test_a_missing_python_gets_one_clear_line(tmp_path):
    run = make(tmp_path, "python-that-is-not-there")
    assert run.returncode != 0
    assert (
        run.stdout
        == "No python-that-is-not-there here: install Python 3.11 to 3.13, or name one: make PYTHON=python3.12\n"
    )


@needs_make
def test_a_wrong_version_gets_one_clear_line(tmp_path):
    run = make(tmp_path, fake_python(tmp_path, version_fits=False))
    assert run.returncode != 0
    assert re.fullmatch(r".* is Python 3\.9\.1, wanted is Python 3\.11 to 3\.13: .*\n", run.stdout)


@needs_make
def test_a_missing_venv_module_gets_one_clear_line(tmp_path):
    run = make(tmp_path, fake_python(tmp_path, version_fits=True))
    assert run.returncode != 0
    assert re.fullmatch(r".* has no venv module: install it .*\n", run.stdout)


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_bench_keeps_a_space_in_the_name_of_the_data_folder(tmp_path):
    data = f"TRANSFER_DATA={tmp_path}/my data"
    # `make test` runs these tests: its own flags and level must not reach the inner make.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    run = subprocess.run(["make", "-n", "bench", data], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert data in shlex.split(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_a_workflow_may_little_and_ends(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(workflow["permissions"].values()) <= {"read"}
    assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())
