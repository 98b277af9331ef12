"""Lua scripts, and calls of them. A script is a file that stays with the code that owns its keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

__all__ = ["Args", "Script", "ScriptCall", "load_script", "load_scripts"]

Args = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """`sha`: the name by which a server knows the script once it was sent there."""

    name: str
    text: str
    sha: str


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One run of `script`; all `keys` (at least one) share a hash tag, so that one server holds them.

    `size_bytes` estimates what travels either way.
    """

    script: Script
    keys: tuple[str | bytes, ...]
    args: Args
    size_bytes: int = 256


def load_script(path: Path) -> Script:
    """The script in the file `path`, under the file's name."""
    text = path.read_text()
    # nothing secret is signed with it
    return Script(path.stem, text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def load_scripts(folder: Path) -> Mapping[str, Script]:
    """All scripts of a folder by their names."""
    return {path.stem: load_script(path) for path in folder.glob("*.lua")}
