"""The arrows of the design: notebooks -> methods -> building blocks -> runtime."""

import ast
from pathlib import Path

import pytest

import helpers

FOLDER = Path(helpers.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
METHODS = {"instance", "alignment", "adversarial", "joint", "pretraining", "relational", "classifier"}
BLOCKS = {"backbones", "bottleneck", "augmentation", "inspection", "near_duplicates", "photos", "divergence"}
ALLOWED = {name: BLOCKS | {"runtime"} for name in METHODS | BLOCKS} | {
    "datasets": {"photos", "inspection", "drawn_animals", "downloads", "runtime"},
    "downloads": {"runtime"},
    "drawn_animals": {"photos", "runtime"},
    "reviews": {"runtime"},
    "scoreboard": {"runtime"},
    "cluster": {"backbones", "bottleneck", "photos", "runtime"},
    "plots": set(),
    "runtime": set(),
}
NO_TENSORFLOW = {
    "plots",
    "scoreboard",
    "divergence",
    "inspection",
    "near_duplicates",
    "instance",
    "alignment",
    "relational",
}


def imports(module):
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING")]  # never executed
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_lies_below_it(module):
    used = {name.split(".")[1] for name in imports(module) if name.startswith("helpers.")}
    assert used <= ALLOWED[module] - {module}


@pytest.mark.parametrize("module", sorted(NO_TENSORFLOW & set(MODULES)))
def test_modules_that_need_no_tensorflow_do_not_import_it(module):
    assert not {name.split(".")[0] for name in imports(module)} & {"tensorflow", "keras"}


def test_the_package_itself_is_a_docstring():
    body = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8")).body
    assert [type(node) for node in body] == [ast.Expr]
