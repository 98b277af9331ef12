import subprocess
import sys

import pytest

from app.gateway import memory


def test_freed_memory_is_kept_where_the_c_library_is_glibc():
    # in a process of its own: the setting is the process's
    program = "from app.gateway.memory import keep_freed_memory; print(keep_freed_memory())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False
