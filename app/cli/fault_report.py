"""How the faults of a command reach the user: a line each on stderr, after `error: `, and an exit code.

0 success, 1 a failure at run time (a port in use, a gateway that cannot be reached), 2 a fault of the command
line or the configuration, 3 an open breaker that `status` was told to fail on, 130 Ctrl-C.
"""

import os
import sys
from collections.abc import Callable

from app.foundation.errors import ConfigFaults, StartFault

__all__ = ["exit_code", "report"]


def exit_code(command: Callable[[], int]) -> int:
    """Runs `command` and returns its exit code; its faults are reported, a line each."""
    try:
        return command()
    except ConfigFaults as faults:
        for fault in faults.faults:
            report(f"error: {fault}")
        return 2
    except StartFault as fault:
        report(f"error: {fault}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`head`) has gone; without this the interpreter would fail once more while it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def report(text: str) -> None:
    """Writes one line to stderr, whatever `text` holds."""
    sys.stderr.write("".join(c if c.isprintable() else " " for c in text) + "\n")
