"""`tidegate tap`: follows the decisions of a gateway, or of several, as they come."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from shutil import get_terminal_size
from typing import Any

from app.cli.decision_stream import DecisionStream, Silent, TapOutput, TapQuery
from app.cli.fault_report import report
from app.cli.keyboard import quit_on_q
from app.cli.status.admin_client import NoGateway, admin_client, ask

__all__ = ["follow", "tap_gateway"]

_PERIOD_S = 0.5


def tap_gateway(admin_url: str, query: TapQuery, *, pause: Callable[[float], None] = time.sleep) -> int:
    """Until q or Ctrl-C. 1 when no gateway responds at the start. Raises ConfigFaults."""
    stream = DecisionStream(query)
    with admin_client(admin_url) as client:

        def poll() -> Mapping[str, Any]:
            try:
                return {"": ask(client, stream.path(""))}
            except NoGateway as fault:
                return {"": Silent(str(fault))}

        return follow(stream, poll, query.output, lambda: pause(_PERIOD_S))


def follow(
    stream: DecisionStream,
    poll: Callable[[], Mapping[str, Any]],
    output: TapOutput,
    pause: Callable[[], None],
) -> int:
    """Prints what `poll` brings of each gateway, until q or Ctrl-C; 1 when none responds at the start."""
    is_terminal = sys.stdout.isatty()
    has_begun = False
    try:
        with quit_on_q() if is_terminal else nullcontext():
            while True:
                batch = stream.take(poll())
                nobody = stream.hears_nobody
                if nobody is not None and not has_begun:
                    report(f"error: {nobody}")
                    return 1
                if not has_begun:
                    report(
                        "Every rejection and failure, and a sample of the rest, as they come; Ctrl-C ends it."
                    )
                has_begun = True
                for notice in (*batch.notices, *(batch.missed if output is TapOutput.JSON else ())):
                    report(notice)
                sys.stdout.write(stream.text(batch, get_terminal_size().columns if is_terminal else None))
                sys.stdout.flush()
                pause()
    except KeyboardInterrupt:
        return 0  # the way to end it
