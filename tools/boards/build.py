"""Writes the dashboards into `grafana/`: `python -m tools.boards.build`; a test holds them fresh."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tools.boards import breakers, cache, delivery, home, limits, saturation, traffic
from tools.boards.panels import Board, encode
from tools.files import ROOT, write_files

__all__ = ["BOARDS", "FOLDER", "files", "main"]

FOLDER = ROOT / "grafana"
BOARDS: Mapping[str, Board] = {
    "home": home.BOARD,
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
    write_files(files())
    return 0


if __name__ == "__main__":
    sys.exit(main())
