"""Writes every generated file that has changed and names it: `python -m tools` (make generate)."""

import sys

import tools.boards.build
import tools.chart
import tools.pages

__all__ = ["main"]


def main() -> int:
    # in this order: the chart copies the custom resource and the dashboards
    for generator in (tools.pages, tools.boards.build, tools.chart):
        generator.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
