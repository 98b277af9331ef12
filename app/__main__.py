"""The command line: `tidegate …`, or `python -m app …`. What each command does: `cli/run.py`."""

import sys
from collections.abc import Sequence

from app.cli.run import run_cache, run_gateway, told

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command in `argv` (default: the process's own); its exit code."""
    words = tuple(sys.argv[1:] if argv is None else argv)
    # The two servers start without typer (which loads pydantic) where their words need no parsing: measured
    # 0.1 s sooner and 18 MiB smaller.
    match words:
        case ("gateway",):
            return told(lambda: run_gateway(None))
        case ("gateway", "--config", file):
            return told(lambda: run_gateway(file))
        case ("gateway", option) if option.startswith("--config="):
            return told(lambda: run_gateway(option.removeprefix("--config=")))
        case ("cache",):
            return told(run_cache)
    from app.cli.commands import dispatch

    return told(lambda: dispatch(words))


if __name__ == "__main__":
    sys.exit(main())
