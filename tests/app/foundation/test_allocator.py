import subprocess
import sys

import pytest

from app.foundation import allocator


@pytest.mark.parametrize("choice", ["give_back", "keep_freed_memory", "map_large_values"])
def test_this_machines_c_library_takes_the_setting(choice):
    # in a process of its own: the setting is the process's
    program = f"from app.foundation.allocator import {choice}; print({choice}())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"


@pytest.mark.parametrize(
    "choose", [allocator.give_back, allocator.keep_freed_memory, allocator.map_large_values]
)
def test_another_c_library_is_left_alone(choose, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert choose() is False


def test_memory_that_is_free_amid_the_heap_is_given_back():
    program = """
from app.foundation.allocator import give_back, keep_freed_memory

def resident_pages():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

keep_freed_memory()
held = [bytearray(8192) for _ in range(4096)]
kept = held[::8]
full = resident_pages()
del held
freed = resident_pages()
give_back()
print(full - freed, freed - resident_pages())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    by_freeing, by_giving_back = map(int, told.stdout.split())
    assert by_freeing < 1000 < 5000 < by_giving_back
