"""The numbers and bans of the house style, held for every module of the product."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from tests.coverage_gate import PURE, ROOT, pure_files

MODULE_LINES = 400
FUNCTION_LINES = 60  # without the docstring
PARAMETERS = 7
NESTING = 4
BANNED_NAMES = {"manager", "util", "utils", "helper", "helpers", "common", "base", "misc", "core"}
UNFINISHED = re.compile(r"TODO|FIXME|XXX|for now\b(?!,| in\b)|NotImplementedError")
NOT_PURE = {"asyncio", "time", "logging", "socket", "random", "secrets", "os", "threading"}
SILENT_NAMES = {"app.foundation.clock"}
# Libraries of values, used like the standard library, and what comes with fastapi and typer.
DOORLESS = {"orjson", "pydantic", "starlette", "rich"}

SOURCES = sorted(path for name in ("app", "cache") for path in (ROOT / name).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=[str(path.relative_to(ROOT)) for path in paths])


def functions(path) -> Iterator[Function]:
    tree = ast.parse(path.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """Physical lines, its docstring aside."""
    assert function.end_lineno is not None
    total = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return total
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return total - (docstring.end_lineno - docstring.lineno + 1)


def parameters_of(function: Function) -> int:
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    return len([name for name in names if name not in ("self", "cls")])


def nesting_of(node: ast.AST) -> int:
    """How deep blocks stand in each other; an `elif` is no deeper than its `if`, a function starts anew."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        block = isinstance(
            child, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try
        )
        deepest = max(deepest, nesting_of(child) + (1 if block and not is_elif else 0))
    return deepest


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what is imported: `a`, and for `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@named(SOURCES)
def test_a_module_is_short_enough_to_be_read_at_once(path):
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@named(SOURCES)
def test_a_module_opens_with_what_it_does(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@named(SOURCES)
def test_a_function_is_short_and_takes_few_parameters(path):
    too_long = [(one.name, lines_of(one)) for one in functions(path) if lines_of(one) > FUNCTION_LINES]
    too_many = [(one.name, parameters_of(one)) for one in functions(path) if parameters_of(one) > PARAMETERS]
    assert (too_long, too_many) == ([], [])


@named(SOURCES)
def test_a_function_leaves_early_instead_of_nesting(path):
    assert [one.name for one in functions(path) if nesting_of(one) > NESTING] == []


@named(SOURCES)
def test_a_module_is_named_by_a_noun_of_its_own(path):
    parts = {part for name in path.relative_to(ROOT).with_suffix("").parts for part in name.split("_")}
    assert not parts & BANNED_NAMES


@named([path for path in [*SOURCES, *TESTS] if path.name != "test_layout.py"])
def test_nothing_is_left_unfinished(path):
    found = [line for line in path.read_text().splitlines() if UNFINISHED.search(line)]
    assert found == []


@named([ROOT / name for name in pure_files()])
def test_a_pure_module_neither_waits_nor_asks_for_the_time_nor_acts(path):
    tree = ast.parse(path.read_text())
    waits = [
        node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global)
    ]
    acts = {name for name in imports(tree) if name.partition(".")[0] in NOT_PURE or name in SILENT_NAMES}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("open", "print")]
    assert (waits, acts, calls) == ([], set(), [])


@pytest.mark.parametrize("glob", PURE)
def test_the_list_of_pure_modules_names_modules_that_exist(glob):
    assert list(ROOT.glob(glob))


def test_every_third_party_that_is_installed_with_the_gateway_has_a_door():
    held = {name for contract in CONTRACTS for name in contract.get("forbidden_modules", [])}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    names = {re.split(r"[=<>~\[]", one)[0].replace("-", "_").replace("pyyaml", "yaml") for one in wanted}
    assert names - held == {"orjson"}  # orjson is used like the standard library's json; see below


def test_nobody_imports_a_third_party_that_has_no_door():
    held = {name for contract in CONTRACTS for name in contract.get("forbidden_modules", [])}
    own = {"app", "cache"}
    foreign = {
        (path.relative_to(ROOT).as_posix(), name.partition(".")[0])
        for path in SOURCES
        for name in imports(ast.parse(path.read_text()))
    }
    strangers = {name for _, name in foreign} - held - own - set(sys.stdlib_module_names)
    assert strangers <= DOORLESS


def test_no_third_party_is_loaded_by_the_gateways_start_that_it_can_do_without():
    heavy = ["pydantic", "fastapi", "typer", "redis", "prometheus_client", "httpx", "yaml", "opentelemetry"]
    program = f"import app.gateway.process, sys; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"
