"""Settings from the environment: each variable once, with its default, its meaning and the reader of its text.

The gateway, the operator and the cache service list their own variables; all three are read here, so they share one
dialect (`readers`), one message for each mistake, and secrets as files. A variable that is empty counts as unset.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from app.foundation.errors import BadValue, ConfigFault, ConfigFaults
from app.foundation.misspellings import misspelt

__all__ = ["MAX_SECRET_BYTES", "EnvironmentReader", "Variable", "variables_table_markdown"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_SECRET_BYTES = 65_536  # a wrong path (a disk image, /dev/zero) must not fill the memory


@dataclass(frozen=True, slots=True)
class Variable(Generic[T_co]):
    """One variable. `default` is text, read like a given value; None: unset. `read` raises `BadValue`.

    `weakness` is asked about the given text: what is unwise about it and what would be better, or None. It warns only.
    """

    name: str
    default: str | None
    meaning: str
    read: Callable[[str], T_co]
    weakness: Callable[[str], tuple[str, str] | None] | None = None


class EnvironmentReader:
    """One pass over an environment that collects every fault and every warning it meets."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._warnings: list[str] = []
        self.faults: list[ConfigFault] = []

    def required(self, variable: Variable[T]) -> T:
        """The variable's value; its default where it is unset or faulty."""
        value = self.optional(variable)
        if value is None:
            if variable.default is None:
                raise TypeError(f"{variable.name} has no default")  # a mistake in the list of variables
            return variable.read(variable.default)
        return value

    def optional(self, variable: Variable[T]) -> T | None:
        """The variable's value, without its default; None where it is unset or faulty."""
        text = self._env.get(variable.name, "")
        if not text:
            return None
        try:
            value = variable.read(text)
        except BadValue as bad:
            self.fault(variable, bad.what, bad.fix)
            return None
        self._warn_of_weakness(variable, text)
        return value

    def secret(self, variable: Variable[T], file: Variable[str]) -> T | None:
        """The value of `variable`, or of the file that `file` names; None where both are unset or faulty."""
        given, path = self.optional(variable), self._env.get(file.name, "")
        if not path:
            return given
        if self._env.get(variable.name, ""):
            self.fault(file, f"is set beside {variable.name}", "set one of the two")
            return None
        try:
            with Path(path).open("rb") as opened:
                content = opened.read(MAX_SECRET_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.fault(file, f"{path!r} cannot be read: {reason}", "name a readable file")
            return None
        return self.secret_in(content, path, variable, file)

    def secret_in(self, content: bytes, path: str, variable: Variable[T], file: Variable[str]) -> T | None:
        """The value of `variable` in the `content` of the file at `path`, which `file` names; None where faulty."""
        secret = content.rstrip(b"\r\n")
        if not 0 < len(secret) <= MAX_SECRET_BYTES:
            self.fault(file, f"{path!r} is empty or larger than 64Ki", "name the file with the secret")
            return None
        text = os.fsdecode(secret)
        try:
            value = variable.read(text)
        except BadValue as bad:
            self.fault(file, f"{path!r} {bad.what}", bad.fix)
            return None
        self._warn_of_weakness(variable, text)
        return value

    def fault(self, variable: Variable[object], what: str, fix: str) -> None:
        """Adds a fault of `variable`."""
        self.faults.append(ConfigFault(variable.name, what, fix))

    def finish(self, variables: Iterable[Variable[object]] = ()) -> tuple[str, ...]:
        """The warnings, one line each, also of names that look like misspellings of one of `variables`.

        Raises ConfigFaults with all faults if there is any.
        """
        if self.faults:
            raise ConfigFaults(self.faults)
        near = misspelt(self._env, [variable.name for variable in variables])
        typos = [f"{name}: is not a variable of this program; did you mean {meant}?" for name, meant in near]
        return (*self._warnings, *typos)

    def _warn_of_weakness(self, variable: Variable[object], text: str) -> None:
        found = None if variable.weakness is None else variable.weakness(text)
        if found is not None:
            self._warnings.append(f"{variable.name}: {found[0]}; {found[1]}")


def variables_table_markdown(variables: Iterable[Variable[object]]) -> str:
    """The table of variables for the documentation, one row each, ending with a line end."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for variable in variables:
        default = "unset" if variable.default is None else f"`{variable.default}`"
        rows.append(f"| `{variable.name}` | {default} | {variable.meaning} |")
    return "\n".join(rows) + "\n"
