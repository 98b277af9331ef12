"""`python -m cache`: reads the environment, builds the service, serves it until SIGTERM."""

import asyncio
import logging
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from app.foundation.allocator import map_large_values
from app.foundation.clock import now_s
from app.foundation.errors import ConfigFaults, StartFault
from app.foundation.logs import configure_logs
from app.foundation.serving.backlog import accept_backlog
from app.foundation.serving.listener import listen
from app.foundation.serving.server import server_config
from cache.api import create_app
from cache.drain import Drain
from cache.http_protocol import protocol_of
from cache.memory import MemoryStore
from cache.redis_store import RedisStore
from cache.settings import Settings, settings_of
from cache.store import ServedStore
from cache.tiered import TieredStore
from cache.tracing import Spans, open_spans

__all__ = ["main"]

ENDING = (signal.SIGTERM, signal.SIGINT)
KEEP_ALIVE_TIMEOUT_S = 75  # longer than the gateway keeps an idle upstream connection
POLL_S = 0.1


def main() -> int:
    """Exit status: 0 after SIGTERM or Ctrl-C, 1 when the machine says no, 2 for a bad environment."""
    # Until the server handles them they are blocked: a handler that raised could do so anywhere, also where
    # the loop is half begun. uvicorn raises them once more when it has shut down; a drained service ended well.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for number in ENDING:
        signal.signal(number, _ignored)
    configure_logs()
    try:
        settings = settings_of(os.environ)
        spans = open_spans(os.environ)
    except ConfigFaults as faults:
        sys.stderr.writelines(f"error: {fault}\n" for fault in faults.faults)
        return 2
    for warning in settings.warnings:
        logging.getLogger("cache").warning("%s", warning)
    try:
        listener = listen(settings.host, settings.port, "PORT")
    except StartFault as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 1
    except ConfigFaults as faults:
        sys.stderr.write(f"error: {faults}\n")
        return 2
    map_large_values()
    try:
        _serve(settings, listener, spans)
    finally:
        if spans is not None:
            spans.close()
    return 0


def _serve(settings: Settings, listener: socket.socket, spans: Spans | None) -> None:
    drain = Drain()
    app = create_app(_store(settings, spans), settings, now_s, spans=spans, drain=drain)
    config = server_config(
        app,
        protocol_of(app.state.lane, drain),
        keep_alive_s=KEEP_ALIVE_TIMEOUT_S,
        grace_s=settings.drain_timeout_s,
        lifespan="on",
        loop="uvloop",
        log_level="warning",
    )
    where = "memory over redis" if settings.redis_url else "memory only"
    logging.getLogger("cache").info("cache service on %s port %d, %s", settings.host, settings.port, where)
    _Server(config, drain, settings.drain_delay_s).run(sockets=[listener])


def _store(settings: Settings, spans: Spans | None) -> ServedStore:
    if settings.redis_url is None:
        return MemoryStore(settings.max_bytes)
    redis = RedisStore(settings.redis_url, now_s, spans)
    return TieredStore(redis, settings.max_bytes, now_s, require_redis=settings.require_redis)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, drain: Drain, delay_s: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._delay_s = delay_s

    async def main_loop(self) -> None:
        """From here on an end is a whole one: what `startup` began, `shutdown` ends."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        await super().main_loop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves on for DRAIN_DELAY, then accepts no more and lets each connection end as `drain` says.

        Within DRAIN_TIMEOUT, which uvicorn holds; a second Ctrl-C waits for nothing.
        """
        self._drain.announce()
        begins_s = now_s() + self._delay_s
        while (left_s := begins_s - now_s()) > 0 and not self.force_exit:
            await asyncio.sleep(min(left_s, POLL_S))
            await self.on_tick(0)  # keeps the Date field of responses current
        await accept_backlog(self.servers)
        self._drain.begin()
        await super().shutdown(sockets)


def _ignored(number: int, frame: FrameType | None) -> None:
    """The server has ended by then."""


if __name__ == "__main__":
    sys.exit(main())
