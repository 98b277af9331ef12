"""The state folder of `tidegate up`: data, keys and the gateway's configuration, for its owner's eyes only.

One `up` at a time uses a folder; a lock that ends with the process holds the others off.
"""

import fcntl
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from app.foundation.errors import StartFault

__all__ = ["DEFAULT_FOLDER", "State", "open_state"]

DEFAULT_FOLDER = ".tidegate"


class State:
    """An open state folder (mode 0700); `folder` is as the user wrote it."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    def close(self) -> None:
        """Lets the next one in."""
        os.close(self._lock)

    def secret(self, name: str) -> str:
        """The secret kept in the file `name`, made (256 bits) when there is none yet."""
        kept = (self.text(name) or "").strip()
        if kept and kept.isascii():
            (self.folder / name).chmod(0o600)
            return kept
        if kept:
            raise StartFault(f"{self.folder / name} holds no key; delete it for a new one")
        made = secrets.token_urlsafe(32)
        self.write(name, made + "\n")
        return made

    def text(self, name: str) -> str | None:
        """What the file `name` holds; None where there is none. Raises StartFault where it cannot be read."""
        path = self.folder / name
        try:
            return path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StartFault(f"{path} cannot be read ({_reason(error)}); delete it for a new one") from error

    def subfolder(self, name: str) -> Path:
        """The folder `name` within (mode 0700)."""
        path = self.folder / name
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _not_writable(self.folder, error) from error
        return path

    def write(self, name: str, text: str) -> Path:
        """Replaces the file `name` in one step (mode 0600)."""
        path, fresh = self.folder / name, self.folder / f"{name}.new"
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            fresh.replace(path)
        except OSError as error:
            raise _not_writable(self.folder, error) from error
        return path


def open_state(env: Mapping[str, str]) -> State:
    """The folder named by TIDEGATE_STATE, else `.tidegate` here; made when it is missing.

    Raises StartFault when it cannot be written or another `up` uses it.
    """
    folder = Path(env.get("TIDEGATE_STATE") or DEFAULT_FOLDER)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StartFault(
            f"another `tidegate up` uses the state folder {folder}; "
            "stop it, or set TIDEGATE_STATE to another folder"
        ) from None
    return State(folder, lock)


def _not_writable(folder: Path, error: OSError) -> StartFault:
    return StartFault(
        f"the state folder {folder} cannot be written ({_reason(error)}); "
        "set TIDEGATE_STATE to a folder that you may write to"
    )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
