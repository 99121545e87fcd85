"""Write a form of each notebook for Colab and Kaggle: one cell more, which brings the course there.

python tools/colab.py OWNER/NAME               # the repository on GitHub; copies in build/colab
python tools/colab.py OWNER/NAME --branch next
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("notebooks", "notebooks_zh")
INSTALL = """\
# One cell more than in the course: it brings the course to Colab or Kaggle (on Kaggle, switch "Internet" on first).
# --no-deps leaves TensorFlow and all else as it is; what is older or newer than the course asks for is named below.
![ -d ~/course ] || git clone --quiet --depth 1 --branch BRANCH https://github.com/OWNER/NAME.git ~/course
%pip install --quiet --no-deps --editable ~/course
%cd -q ~/course/FOLDER

import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path.home() / "course" / "src"))  # this kernel was started before the installation
for wanted in map(Requirement, requires("transfer-learning-notebooks")):
    with suppress(PackageNotFoundError):  # what is not there, such as JupyterLab, is not needed there
        found = version(wanted.name)
        if wanted.marker is None and found not in wanted.specifier:
            print(f"{wanted.name} is {found}, the course asks for {wanted.specifier}. If a cell fails, run")
            print(f'    %pip install "{wanted.name}{wanted.specifier}"')
            print("and restart the session.")
"""


def with_install_cell(notebook: dict, repository: str, branch: str, folder: str) -> dict:
    """Put the cell that brings the course before the others; these stay as they are."""
    source = INSTALL.replace("OWNER/NAME", repository).replace("BRANCH", branch).replace("FOLDER", folder)
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "bring-the-course",
        "metadata": {},
        "outputs": [],
        "source": source.removesuffix("\n").splitlines(keepends=True),
    }
    return notebook | {"cells": [cell, *notebook["cells"]]}


def write(repository: str, branch: str, target: Path) -> list[Path]:
    """Write the notebooks of both editions; return where they are."""
    written = []
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        copy = target / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        changed = with_install_cell(notebook, repository, branch, path.parent.name)
        copy.write_text(json.dumps(changed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(copy)
    return written


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = os.environ.get("GITHUB_REPOSITORY")  # set in GitHub's workflows
    parser.add_argument("repository", nargs="?", default=known, help="OWNER/NAME on GitHub")
    parser.add_argument("--branch", default="main", help="branch or tag that the cell fetches; main by default")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", arguments.repository or ""):
        parser.error(f"the repository must be given as OWNER/NAME, got {arguments.repository!r}")
    for path in write(arguments.repository, arguments.branch, ROOT / "build" / "colab"):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
