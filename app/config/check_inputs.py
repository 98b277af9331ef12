"""What `tidegate check` and `explain` are given: files, folders, standard input, pipes."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.config.sources.file import read_source
from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.file_size import MAX_FILE_BYTES

__all__ = ["STDIN", "CheckInput", "input_of", "inputs_of"]

STDIN = "-"
_STDIN_NAME = "<stdin>"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class CheckInput:
    """One text to be checked; `name`: as its findings name it."""

    name: str
    path: str

    def read(self) -> bytes:
        """Its bytes, one more than `MAX_FILE_BYTES` at most. Raises ConfigFaults that name it."""
        if self.path == STDIN:
            return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        try:
            if not stat.S_ISFIFO(os.stat(self.path).st_mode):
                return read_source(self.path)
            with open(self.path, "rb") as pipe:  # <(helm template …), /dev/stdin
                return pipe.read(MAX_FILE_BYTES + 1)
        except OSError:
            return read_source(self.path)  # it says what is wrong


def input_of(path: str) -> CheckInput:
    """One that is no folder; `-`: standard input."""
    return CheckInput(_STDIN_NAME if path == STDIN else path, path)


def inputs_of(paths: Sequence[str]) -> Iterator[CheckInput]:
    """Each once, in the order given; a folder stands for the YAML files in it, not for those below.

    Raises ConfigFaults, one fault for each folder that holds none.
    """
    faults: list[ConfigFault] = []
    found: dict[str, CheckInput] = {}
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            files = [
                os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(_SUFFIXES)
            ]
            if not files:
                faults.append(
                    ConfigFault(path, "holds no .yaml or .yml file", "name a folder that does, or a file")
                )
            found.update((file, CheckInput(file, file)) for file in files)
        else:
            found[path] = input_of(path)
    if faults:
        raise ConfigFaults(faults)
    return iter(found.values())
