import subprocess
import sys

import pytest

from app.foundation import allocator


@pytest.mark.parametrize("choice", ["keep_freed_memory", "map_large_values"])
def test_this_machines_c_library_takes_the_setting(choice):
    # in a process of its own: the setting is the process's
    program = f"from app.foundation.allocator import {choice}; print({choice}())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"


@pytest.mark.parametrize("choose", [allocator.keep_freed_memory, allocator.map_large_values])
def test_another_c_library_is_left_alone(choose, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert choose() is False
