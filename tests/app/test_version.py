import importlib.metadata
import os
import sys
import sysconfig
import tomllib

import pytest

import app.version as version
from app.version import VERSION
from tests.fakes.process import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
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
