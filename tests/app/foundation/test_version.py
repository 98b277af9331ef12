import ast
import importlib
import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import app.foundation.version as version
from app.foundation.version import VERSION
from tests.fakes.process import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOOK = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
COMPILED = os.environ.get("TIDEGATE_BUILD") == "compiled"  # `make test-compiled`


def configured(monkeypatch, arguments: str, schemes: tuple[str, ...] = ("posix_prefix", "venv")) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: arguments)
    monkeypatch.setattr(sysconfig, "get_scheme_names", lambda: schemes)


def test_the_version_is_that_of_the_project():
    assert PROJECT["project"]["version"] == VERSION


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("'--enable-optimizations' '--with-lto'", " with PGO and LTO"),
        ("'--enable-optimizations' '--with-lto=thin'", " with PGO and LTO"),
        ("'--enable-optimizations' '--with-lto=no'", " with PGO"),
        ("'--with-lto'", " with LTO"),
        ("'--prefix=/usr'", " without PGO and LTO"),
        ("", " without PGO and LTO"),
    ],
)
def test_the_interpreter_is_told_with_how_it_was_configured(arguments, found, monkeypatch):
    configured(monkeypatch, arguments)
    assert version.interpreter().endswith(found)
    assert version.is_optimized() is ("PGO" in found and "without" not in found)


def test_debians_packages_are_optimized_though_they_do_not_record_it(monkeypatch):
    configured(monkeypatch, "'--prefix=/usr'", ("deb_system", "posix_prefix"))
    assert version.interpreter().endswith(" with PGO and LTO")


def test_the_interpreter_that_runs_is_named():
    name, number = version.interpreter().split()[:2]
    assert (name.lower(), number) == (sys.implementation.name, ".".join(map(str, sys.version_info[:3])))


@pytest.mark.skipif(COMPILED, reason="is about the interpreted build")
def test_sources_run_interpreted():
    assert not version.COMPILED
    assert version.build() == "interpreted"


@pytest.mark.skipif(COMPILED, reason="a compiled module's constants cannot be replaced")
def test_a_compiled_build_names_its_compiler(monkeypatch):
    monkeypatch.setattr(version, "COMPILED", True)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ['mypy==9.8.7; extra == "compiled"'])
    assert version.build() == "compiled with mypyc 9.8.7"


def paths() -> list[Path]:
    """The files that the build hook compiles."""
    left_out = {path for glob in HOOK["exclude"] for path in ROOT.glob(glob)}
    return sorted({path for glob in HOOK["include"] for path in ROOT.glob(glob)} - left_out)


def module_names() -> list[str]:
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths()
    ]


# What a native class may inherit; of another interpreted class it would overwrite the slots, without a word.
# `Generic` is none: the compiler erases it.
INHERITED = {
    *(
        "Protocol",
        "NamedTuple",
        "Enum",
        "IntEnum",
        "StrEnum",
        "Exception",
        "asyncio.Protocol",
        "dict",
        "Generic",
    )
}


def test_a_compiled_class_inherits_no_interpreted_one():
    compiled = [path for path in paths() if path.name != "__init__.py"]
    classes = [
        (path.relative_to(ROOT).as_posix(), node)
        for path in compiled
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    known = {*INHERITED, *(node.name for _, node in classes)}
    assert [
        (path, node.name)
        for path, node in classes
        for base in node.bases
        if ast.unparse(base).partition("[")[0] not in known
    ] == []


@pytest.mark.parametrize("glob", [*HOOK["include"], *HOOK["exclude"]])
def test_the_list_of_compiled_modules_names_modules_that_exist(glob):
    assert list(ROOT.glob(glob))


def test_what_compiles_is_pinned_as_the_extra_says():
    (pin,) = (
        one for one in PROJECT["project"]["optional-dependencies"]["compiled"] if one.startswith("mypy")
    )
    for lock in ("app/requirements-compiled.txt", "tests/requirements.txt"):
        assert f"\n{pin} \\\n" in (ROOT / lock).read_text()


@pytest.mark.skipif(not COMPILED, reason="is about the compiled build: `make test-compiled`")
def test_the_compiled_build_is_what_these_tests_run():
    origins = {name: importlib.import_module(name).__file__ or "" for name in module_names()}
    assert origins
    assert [name for name, origin in origins.items() if not origin.endswith(".so")] == []
    told = subprocess.run(
        [sys.executable, "-m", "app", "version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (build,) = (line for line in told.stdout.splitlines() if line.startswith("build: "))
    assert build.startswith("build: compiled with mypyc ")
