"""Connections that the kernel has made and that nobody has accepted yet: closing their port would reset them."""

import asyncio
import select
from collections.abc import Iterable
from typing import Any, Final

from app.foundation.clock import now_s

__all__ = ["accept_backlog"]

ACCEPT_S: Final = 1.0
"""How long a port that is to close may go on accepting: new connections may keep coming."""
TURNS: Final = 3
"""Of the loop, from accepting a connection until its protocol has heard of it: asyncio takes two, uvloop one."""


async def accept_backlog(servers: Iterable[Any]) -> None:
    """Returns when all who wait at the ports of these asyncio servers have a protocol, after ACCEPT_S at the latest.

    The loop accepts one connection of a port at each of its turns (libuv since 1.45).
    """
    listening = [sock.fileno() for server in servers for sock in server.sockets]
    if not listening:
        return
    waiting = select.poll()
    for fileno in listening:
        waiting.register(fileno, select.POLLIN)
    ends_s, quiet_turns = now_s() + ACCEPT_S, 0
    while quiet_turns < TURNS and now_s() < ends_s:
        await asyncio.sleep(0)
        is_any = any(events & select.POLLIN for _, events in waiting.poll(0))
        quiet_turns = 0 if is_any else quiet_turns + 1
