"""What keeps a data path fresh beside its traffic, and its end: the same for a gateway's one process and a worker."""

import asyncio
import logging

from app.dataplane.proxy.context import ProxyContext
from app.dataplane.upstream.upstream import RESOLVE_EVERY_S
from app.gateway.config.bindings import Bindings
from app.gateway.tasks import Tasks
from app.telemetry.access_log import FLUSH_PERIOD_S, AccessLog

__all__ = ["close_data_path", "keep_fresh"]

LOG = logging.getLogger("tidegate")
LOG_CLOSE_S = 2.0


def keep_fresh(tasks: Tasks, bindings: Bindings, log: AccessLog) -> None:
    """Look up the upstreams' names again and again, and hand over what was logged, until the tasks are cancelled."""
    tasks.spawn(_look_up_names(bindings))
    tasks.spawn(_flush(log))


async def _look_up_names(bindings: Bindings) -> None:
    while True:
        bindings.look_up_names()
        await asyncio.sleep(RESOLVE_EVERY_S)


async def _flush(log: AccessLog) -> None:
    while True:
        await asyncio.sleep(FLUSH_PERIOD_S)
        log.flush()


async def close_data_path(context: ProxyContext, bindings: Bindings, tasks: Tasks) -> None:
    """After the drain: close connections to upstreams, end the tasks, and send and write what is left."""
    bindings.close()
    tasks.cancel()
    context.wheel.stop()
    context.disconnects.stop()
    if context.tracer is not None:
        await asyncio.to_thread(context.tracer.close, LOG_CLOSE_S)
    lost = await asyncio.to_thread(context.log.close, LOG_CLOSE_S)
    if lost:
        LOG.warning("%d access log lines could not be written", lost)
