"""The arrows of the design: notebooks -> methods, network -> data -> pictures -> runtime."""

import ast
from pathlib import Path

import pytest

import helpers

FOLDER = Path(helpers.__file__).parent
MODULES = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.py") if path != FOLDER / "__init__.py")
# What the modules of a room may import; "" are the three that all use.
ALLOWED = {
    "": {"runtime", "scoreboard"},
    "methods": {"runtime", "methods"},
    "network": {"runtime", "pictures", "data.downloads", "data.datasets", "network"},
    "data": {"runtime", "pictures", "data"},
    "pictures": {"runtime", "pictures"},
}
NO_TENSORFLOW = {  # `runtime` and `photos` ask for it inside the one function that needs it
    "plots",
    "scoreboard",
    "data",
    "pictures.inspection",
    "pictures.near_duplicates",
    "methods.alignment",
    "methods.divergence",
    "methods.instance",
    "methods.relational",
}


def name_of(path):
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    tree = ast.parse((FOLDER / path).read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING")]  # never executed
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name, names):
    """Tell whether a module is one of these, or lies in a room that is."""
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_lies_below_it(path):
    room = path.parts[0] if len(path.parts) > 1 else ""
    used = {name.removeprefix("helpers.") for name in imports(path) if name.startswith("helpers.")}
    assert {name for name in used if not below(name, ALLOWED[room])} == set()


@pytest.mark.parametrize("path", [path for path in MODULES if below(name_of(path), NO_TENSORFLOW)], ids=name_of)
def test_modules_that_need_no_tensorflow_do_not_import_it(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"tensorflow", "keras"}


def test_there_are_four_rooms_and_three_modules_that_all_use():
    assert {path.parts[0] for path in MODULES if len(path.parts) > 1} == ALLOWED.keys() - {""}
    assert {path.stem for path in MODULES if len(path.parts) == 1} == {"plots", "runtime", "scoreboard"}


@pytest.mark.parametrize("room", ["", *sorted(ALLOWED.keys() - {""})])
def test_a_room_itself_is_a_docstring(room):
    body = ast.parse((FOLDER / room / "__init__.py").read_text(encoding="utf-8")).body
    assert [type(node) for node in body] == [ast.Expr]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_function_has_more_than_40_lines_of_code(path):
    source = (FOLDER / path).read_text(encoding="utf-8")
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            body = ast.get_source_segment(source, function).splitlines()
            code = [line for line in body if line.strip() and not line.strip().startswith("#")]
            docstring = ast.get_docstring(function, clean=False) or ""
            closing = "\n" in docstring  # the quotes below a text of several lines have a line of their own
            lines = len(code) - sum(bool(line.strip()) for line in docstring.splitlines()) - closing
            assert lines <= 40, f"{function.name} has {lines} lines of code"
