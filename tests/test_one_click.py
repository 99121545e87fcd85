"""Binder, Docker, dev containers, Colab: none of them runs here, so this holds what they read."""

import fnmatch
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_server.serverapp import ServerApp
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import colab  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BINDER = ROOT / ".binder"
A_PHOTOGRAPH = 12 * 10**6  # bytes


def lines_of(path):
    """The lines of a file that say something."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def lock(path, machine):
    """Name -> version of what a lock brings to a processor, under Linux and the Python of the container."""
    python = {"python_version": "3.12", "python_full_version": "3.12.9"}
    linux = {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": machine}
    wanted = [Requirement(line.removesuffix("\\")) for line in lines_of(path) if not line.startswith(" ")]
    chosen = [one for one in wanted if one.marker is None or one.marker.evaluate(python | linux)]
    assert len({one.name for one in chosen}) == len(chosen)
    return {one.name: str(one.specifier).removeprefix("==") for one in chosen}


@pytest.fixture(params=["x86_64", "aarch64"])
def installed(request):
    """What .binder/requirements.txt brings to a processor."""
    return request.param, lock(BINDER / "requirements.txt", request.param)


def test_the_lock_without_cuda_holds_each_dependency_within_its_range(installed):
    machine, versions = installed
    plain, small = "tensorflow", "tensorflow-cpu"
    brought, other = (small, plain) if machine == "x86_64" else (plain, small)
    assert brought in versions and other not in versions
    for wanted in map(Requirement, PROJECT["dependencies"]):
        name = brought if wanted.name == plain else wanted.name
        assert versions[name] in wanted.specifier


def test_the_lock_without_cuda_agrees_with_the_other(installed):
    machine, versions = installed
    full = lock(ROOT / "requirements.txt", machine)
    full["tensorflow-cpu"] = full["tensorflow"]
    assert not {name: version for name, version in versions.items() if full.get(name) != version}


def test_tensorflow_without_cuda_has_the_range_of_the_package():
    (wanted,) = (one for one in map(Requirement, PROJECT["dependencies"]) if one.name == "tensorflow")
    assert {one.specifier for one in map(Requirement, lines_of(BINDER / "tensorflow.in"))} == {wanted.specifier}


def test_binder_finds_the_files_that_are_meant_for_it():
    """repo2docker reads .binder alone; it would take a Dockerfile or environment.yml in it before requirements.txt."""
    assert not (ROOT / "binder").exists(), "repo2docker refuses two folders"
    assert {path.name for path in BINDER.iterdir()} == {"runtime.txt", "requirements.txt", "tensorflow.in", "postBuild"}
    python = re.fullmatch(r"python-(\d\.\d+)\n", (BINDER / "runtime.txt").read_text())
    assert python[1] in SpecifierSet(PROJECT["requires-python"])


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_binders_last_step_installs_the_package_and_the_settings(tmp_path):
    """It runs in a copy, with a pip that only says how it was called."""
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK)
    (tmp_path / "pip").write_text('#!/bin/sh\necho "pip $*"\n')
    (tmp_path / "pip").chmod(0o755)
    env = os.environ | {"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = subprocess.run([script], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert run.stdout == "pip install --no-cache-dir --no-deps --editable .\n"
    settings = tmp_path / ".jupyter" / "jupyter_server_config.py"
    assert settings.read_bytes() == (ROOT / "jupyter_server_config.py").read_bytes()


def instructions():
    """The Dockerfile's steps: (instruction, the rest)."""
    text = "\n".join(lines_of(ROOT / "Dockerfile")).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines()]


def step(name):
    (found,) = (rest for instruction, rest in instructions() if instruction == name)
    return found


def test_the_container_has_binders_python():
    python = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert re.fullmatch(rf"python:{re.escape(python)}-slim-\w+", step("FROM"))


def test_the_container_runs_as_a_reader_who_owns_the_folder():
    """Jupyter refuses root; and WORKDIR would make the folder for root, whoever USER is."""
    steps = instructions()
    user, folder = steps.index(("USER", "reader")), steps.index(("WORKDIR", step("WORKDIR")))
    made = [i for i, (name, rest) in enumerate(steps) if name == "RUN" and f"mkdir {step('WORKDIR')}" in rest]
    assert "useradd" in " ".join(rest for name, rest in steps[:user] if name == "RUN")
    assert len(made) == 1 and user < made[0] < folder
    assert all("--chown=reader:reader" in rest for name, rest in steps if name == "COPY")


def test_the_container_copies_and_installs_what_exists():
    copied = [shlex.split(rest)[1] for name, rest in instructions() if name == "COPY"]
    named = re.findall(r"-r (\S+)", " ".join(rest for name, rest in instructions() if name == "RUN"))
    assert named == [".binder/requirements.txt"]
    for name in copied + named:
        assert (ROOT / name).exists()
        assert not kept_out(name)


def kept_out(name):
    """Does .dockerignore keep a file from Docker? The last pattern that fits decides."""
    out = False
    for pattern in lines_of(ROOT / ".dockerignore"):
        bare = pattern.removeprefix("!")
        parents = [name, *map(str, Path(name).parents)]
        if any(fnmatch.fnmatch(part, bare) or fnmatch.fnmatch(f"/{part}", bare.replace("**", "*")) for part in parents):
            out = not pattern.startswith("!")
    return out


@pytest.mark.parametrize(
    ("name", "out"),
    [
        (".git/HEAD", True),
        (".venv/bin/python", True),
        ("build/site/index.html", True),
        ("data/cats_vs_dogs/train_set/cats/1.jpg", True),
        ("src/helpers/__pycache__/runtime.pyc", True),
        ("data/README.md", False),
        ("docs/results/real.json", False),
        ("notebooks/00_start_here.ipynb", False),
        ("src/helpers/network/weights/x.npz", False),
    ],
)
def test_docker_gets_the_course_and_not_what_was_made_of_it(name, out):
    assert kept_out(name) == out


def test_every_file_of_git_reaches_docker():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no repository")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not [name for name in files.split("\0") if name and kept_out(name)]


def served(arguments, monkeypatch):
    """What Jupyter makes of the arguments of `jupyter lab`, in the project."""
    monkeypatch.chdir(ROOT)
    app = ServerApp()
    app.parse_command_line(arguments)
    app.load_config_file()
    return app


def test_the_container_serves_the_first_notebook_to_the_outside(monkeypatch):
    jupyter, lab, *arguments = json.loads(step("CMD"))
    app = served(arguments, monkeypatch)
    assert (jupyter, lab, app.ip, app.open_browser) == ("jupyter", "lab", "0.0.0.0", False)
    assert Path(app.root_dir).samefile(ROOT)
    assert Path(app.file_to_run).samefile(ROOT / "notebooks" / "00_start_here.ipynb")
    assert not {"token", "password"} & {word for argument in arguments for word in re.split(r"\W", argument)}


def test_all_speak_of_the_same_port_and_only_to_this_machine(monkeypatch):
    port = served(json.loads(step("CMD"))[2:], monkeypatch).port
    assert step("EXPOSE") == str(port)
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["forwardPorts"] == [port] and container["portsAttributes"].keys() == {str(port)}
    for page in ("README.md", "README.zh-CN.md", "Dockerfile"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert re.findall(r"--publish (\S+)", text) == [f"127.0.0.1:{port}:{port}"]


SPECIFIED = {  # what devcontainer.json may hold, and we use
    "name": str, "build": dict, "remoteUser": str, "postCreateCommand": str, "forwardPorts": list,
    "portsAttributes": dict, "hostRequirements": dict, "customizations": dict,
}  # fmt: skip


def test_the_dev_container_is_this_container():
    folder = ROOT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text())
    assert {name: type(value) for name, value in container.items()} == SPECIFIED
    assert (folder / container["build"]["dockerfile"]).samefile(ROOT / "Dockerfile")
    assert (folder / container["build"]["context"]).samefile(ROOT)
    assert ("USER", container["remoteUser"]) in instructions()
    assert all(re.fullmatch(r"\d+gb", container["hostRequirements"][name]) for name in ("memory", "storage"))
    editor = container["customizations"]["vscode"]
    assert all(re.fullmatch(r"[\w-]+\.[\w-]+", name) for name in editor["extensions"])
    # The folder of the editor is another than the one in the image: what is installed must point there.
    environment = re.search(r"PATH=(\S+)/bin:", step("ENV"))[1]
    assert container["postCreateCommand"] == f"{environment}/bin/pip install --no-deps --editable ."
    assert editor["settings"]["python.defaultInterpreterPath"] == f"{environment}/bin/python"


def limit(app):
    return app.tornado_settings["websocket_max_message_size"]


def test_a_large_photograph_reaches_the_kernel_where_the_folder_is_named_to_jupyter(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(ROOT))
    assert limit(served([], monkeypatch)) > A_PHOTOGRAPH
    assert f"JUPYTER_CONFIG_PATH={step('WORKDIR')}" in step("ENV").split()


def test_a_large_photograph_reaches_the_kernel_without_make(monkeypatch):
    commands = re.findall(r"jupyter lab (.+?)(?:`|$)", README, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert limit(served(command.replace("\\", "/").rstrip(".").split(), monkeypatch)) > A_PHOTOGRAPH


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="no make")
def test_a_large_photograph_reaches_the_kernel_under_make_lab():
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    env["JUPYTER_CONFIG_PATH"] = "/etc/mine"
    run = subprocess.run(["make", "-n", "lab"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    (setting,) = re.findall(r"^(JUPYTER_CONFIG_PATH=\S+) .*jupyter lab", run.stdout, re.MULTILINE)
    said = subprocess.run(
        ["sh", "-c", f"{setting}; echo $JUPYTER_CONFIG_PATH"], env=env, capture_output=True, text=True
    )
    assert said.stdout == f"{ROOT}:/etc/mine\n", "the reader's own settings stay"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return colab.write("someone/course", "main", tmp_path_factory.mktemp("colab"))


def test_colab_gets_every_notebook_in_both_languages(written):
    sources = [path for folder in colab.FOLDERS for path in sorted((ROOT / folder).glob("*.ipynb"))]
    assert [path.parts[-2:] for path in written] == [path.parts[-2:] for path in sources]
    assert len(sources) == 28
    for path, source in zip(written, sources, strict=True):
        notebook, original = (nbformat.read(file, as_version=4) for file in (path, source))
        nbformat.validate(notebook)
        assert notebook.cells[1:] == original.cells and notebook.metadata == original.metadata
        assert notebook.cells[0].id not in {cell.id for cell in original.cells}


def commands(cell):
    """The cell's lines for the shell and for IPython."""
    return [line for line in cell.splitlines() if line.startswith(("!", "%"))]


def test_the_cell_for_colab_takes_the_course_and_leaves_the_rest_alone(written):
    for path in written:
        cell = nbformat.read(path, as_version=4).cells[0].source
        clone, install, enter = commands(cell)
        assert clone.endswith("--branch main https://github.com/someone/course.git ~/course")
        assert install == "%pip install --quiet --no-deps --editable ~/course"
        assert enter == f"%cd -q ~/course/{path.parent.name}" and (ROOT / path.parent.name).is_dir()
        assert not re.search(r"OWNER|NAME|BRANCH|FOLDER", cell)
        compile(TransformerManager().transform_cell(cell), path.name, "exec")


@pytest.fixture
def run_check(written, monkeypatch):
    """Run what the cell does after the installation, with other versions of some packages."""

    def run(**others):
        cell = nbformat.read(written[0], as_version=4).cells[0].source
        found = importlib.metadata.version
        monkeypatch.setattr(importlib.metadata, "version", lambda name: others.get(name) or found(name))
        monkeypatch.setattr(sys, "path", [*sys.path])
        exec("\n".join(line for line in cell.splitlines() if line not in commands(cell)), {})

    return run


def test_the_cell_for_colab_has_nothing_to_say_where_all_fits(run_check, capsys):
    run_check()
    assert capsys.readouterr().out == ""


def test_the_cell_for_colab_names_what_does_not_fit(run_check, capsys):
    run_check(keras="3.10.0", tensorflow="2.19.0")
    lines = capsys.readouterr().out
    assert "keras is 3.10.0, the course asks for <4,>=3.14." in lines and '%pip install "keras<4,>=3.14"' in lines
    assert "tensorflow is 2.19.0" in lines and lines.count(" is ") == 2


@pytest.mark.parametrize("name", ["", "course", "https://github.com/someone/course", "a/b; rm -rf /"])
def test_colab_needs_owner_and_name(name, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setattr(sys, "argv", ["colab.py", *([name] if name else [])])
    with pytest.raises(SystemExit, match="2"):
        colab.main()
    assert "must be given as OWNER/NAME" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_what_the_pages_say_of_it_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    (notebook,) = re.findall(r"mybinder\.org/v2/gh/OWNER/NAME/main\?urlpath=lab/tree/([^`]+)", text)
    assert (ROOT / notebook).exists() and (ROOT / "tools" / "colab.py").exists()
    assert "python tools/colab.py OWNER/NAME" in text
