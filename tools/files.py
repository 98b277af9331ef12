"""Where the repository is, and how a generated file is written: only when its content changes."""

import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ROOT", "write_files"]

ROOT = Path(__file__).resolve().parents[1]


def write_files(files: Mapping[Path, str]) -> None:
    """Write those whose text differs from what the disk holds, and print their names."""
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(ROOT)} written\n")
