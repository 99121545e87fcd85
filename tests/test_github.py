"""What GitHub reads of the project: the forms of issues, the template of pull requests; and the changelog."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))  # config.yml is no form
NEEDS = {"dropdown": {"label", "options"}, "textarea": {"label"}, "checkboxes": {"label", "options"}}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_what_github_demands(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    ids = [part["id"] for part in form["body"]]
    assert len({*ids}) == len(ids) and all(re.fullmatch(r"[\w-]+", name) for name in ids)
    for part in form["body"]:
        assert part["attributes"].keys() >= NEEDS[part["type"]]
        assert part.keys() <= {"type", "id", "attributes", "validations"}
        options = part["attributes"].get("options", [])
        assert all(isinstance(option, dict if part["type"] == "checkboxes" else str) for option in options)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_lists_the_notebooks(path):
    body = yaml.safe_load(path.read_text(encoding="utf-8"))["body"]
    (options,) = (part["attributes"]["options"] for part in body if part["id"] == "notebook")
    assert options[:-1] == [notebook.stem for notebook in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def test_templates_name_files_and_commands_that_exist():
    pages = [*FORMS, ROOT / ".github" / "pull_request_template.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {*re.findall(r"`make ([\w-]+)`", text)} <= {*targets}
    assert all((ROOT / name).exists() for name in re.findall(r"`?([\w/]+\.(?:md|csv))\b", text))
    variables = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(name in variables for name in re.findall(r"`([A-Z_0-9]+[A-Z0-9])`", text))


def test_the_newest_version_of_the_changelog_is_that_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:2] == ["Unreleased", version]


def test_sections_of_the_changelog_are_those_of_its_form():
    sections = re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections and {*sections} <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
