"""Packages that only some commands need, and the command that installs them here."""

import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from app.foundation.errors import StartFault

__all__ = ["KUBERNETES_CLIENT", "OPERATOR", "need"]

KUBERNETES_CLIENT = ("lightkube", "stamina")
"""What asking a cluster takes."""
OPERATOR = (*KUBERNETES_CLIENT, "kopf", "cryptography")
"""What the operator itself takes."""

_ROOT = Path(__file__).resolve().parents[2]


def need(packages: Sequence[str], command: str, root: Path = _ROOT) -> None:
    """Raises StartFault where one of `packages` is missing: it says how to install them.

    `root`: the folder that holds `app`, a checkout or where the wheel was installed.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise StartFault(
            f"`tidegate {command}` needs the Python package {missing[0]}, which is not installed; "
            f"run: {_cure(root)}"
        )


def _cure(root: Path) -> str:
    if (root / "Makefile").is_file() and (root / "pyproject.toml").is_file():
        return f"make -C {shlex.quote(str(root))} install-kube"
    return shlex.join([sys.executable, "-m", "pip", "install", *_extra("operator")])


def _extra(name: str) -> list[str]:
    """What the installed package asks for by its extra."""
    # 1 MiB that a gateway at work never needs
    from importlib.metadata import PackageNotFoundError, requires

    try:
        listed = requires("tidegate") or []
    except PackageNotFoundError:
        listed = []
    mark = f'; extra == "{name}"'
    plain = [one.replace("'", '"') for one in listed]
    return [one.removesuffix(mark) for one in plain if one.endswith(mark)] or list(OPERATOR)
