"""`app/interpreter.sh` chooses the Python of `make`, here among files that only return a rating."""

import subprocess
from pathlib import Path

import pytest

from tests.fakes.process import ROOT

OPTIMIZED, USABLE, UNUSABLE = 0, 3, 4
BROKEN = 127  # such as a shim of pyenv whose version is not installed


@pytest.fixture
def python(tmp_path):
    def make(folder: str, code: int, *, name: str = "python3", with_headers: int | None = None) -> Path:
        path = Path(tmp_path, folder, name)
        path.parent.mkdir(exist_ok=True)
        compiles = code if with_headers is None else with_headers
        path.write_text(
            f'#!/bin/sh\ncat >/dev/null\ncase "$*" in *headers) exit {compiles} ;; esac\nexit {code}\n'
        )
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def chosen(tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for tool in ("sh", "dirname", "cat"):
        (bare / tool).symlink_to(
            next(Path(folder) / tool for folder in ("/bin", "/usr/bin") if (Path(folder) / tool).exists())
        )

    def choose(*folders: str, want: str = "") -> str:
        path = ":".join([*(str(tmp_path / folder) for folder in folders), str(bare)])
        command = ["/bin/sh", str(ROOT / "app/interpreter.sh"), *([want] if want else [])]
        return subprocess.run(
            command, env={"PATH": path}, capture_output=True, text=True, check=True
        ).stdout.strip()

    return choose


def test_the_first_of_path_is_taken_where_none_is_optimized(python, chosen):
    first = python("a", USABLE)
    python("b", USABLE)
    assert chosen("a", "b") == str(first)


def test_an_optimized_one_is_preferred(python, chosen):
    python("a", USABLE)
    best = python("b", OPTIMIZED)
    assert chosen("a", "b") == str(best)


def test_of_optimized_ones_the_first_of_path_is_taken(python, chosen):
    first = python("a", OPTIMIZED)
    python("b", OPTIMIZED)
    assert chosen("a", "b") == str(first)


@pytest.mark.parametrize("code", [UNUSABLE, BROKEN, 1])
def test_one_that_is_too_old_or_makes_no_environments_is_passed_over(code, python, chosen):
    python("a", code)
    other = python("b", USABLE, name="python3.12")
    assert chosen("a", "b") == str(other)


def test_with_none_at_all_python3_is_left_to_say_what_it_lacks(python, chosen):
    python("a", UNUSABLE)
    assert chosen("a") == "python3"


def test_to_compile_one_with_headers_is_taken(python, chosen):
    python("a", OPTIMIZED, with_headers=UNUSABLE)
    other = python("b", USABLE)
    assert chosen("a", "b", want="headers") == str(other)


def test_to_compile_without_any_headers_the_choice_is_as_ever(python, chosen):
    best = python("a", OPTIMIZED, with_headers=UNUSABLE)
    assert chosen("a", want="headers") == str(best)


def test_the_real_ones_of_this_machine_are_rated():
    chosen = subprocess.run(
        ["sh", str(ROOT / "app/interpreter.sh")], capture_output=True, text=True, check=True
    ).stdout.strip()
    asked = "import sys, venv; sys.exit(sys.version_info < (3, 11))"
    assert subprocess.run([chosen, "-c", asked], check=False).returncode == 0
