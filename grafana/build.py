"""Writes the dashboards: `python -m grafana.build` (make generate); a test holds them fresh."""

import sys
from collections.abc import Mapping
from pathlib import Path

from grafana.boards import breakers, cache, delivery, limits, saturation, traffic
from grafana.panels import Board, encode

__all__ = ["BOARDS", "FOLDER", "files", "main"]

FOLDER = Path(__file__).resolve().parent
BOARDS: Mapping[str, Board] = {
    "traffic": traffic.BOARD,
    "breakers": breakers.BOARD,
    "limits": limits.BOARD,
    "cache": cache.BOARD,
    "delivery": delivery.BOARD,
    "saturation": saturation.BOARD,
}
"""File name without `.json` → dashboard."""


def files() -> Mapping[Path, str]:
    """Every dashboard's file and its content."""
    return {FOLDER / f"{name}.json": encode(board) for name, board in BOARDS.items()}


def main() -> int:
    for path, text in files().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"grafana/{path.name} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
