"""After the start: a log line for each upstream that cannot be reached. The gateway serves all the same."""

import asyncio
import logging
import os
from collections.abc import Iterable

from app.dataplane.upstream.upstream import Upstream

__all__ = ["log_unreachable"]

LOG = logging.getLogger("tidegate")
CONNECT_S = 3.0
AT_ONCE = 16


async def log_unreachable(upstreams: Iterable[Upstream]) -> None:
    """Connect to the endpoints of each upstream until one accepts; log each upstream where none does."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(upstream: Upstream) -> None:
        async with turns:
            why = await _why_unreachable(upstream)
        if why:
            LOG.warning(
                "upstream %s: no endpoint is reachable yet (%s); its requests get 502 until one does, "
                "check that it runs and that its endpoints are right",
                upstream.name,
                why,
            )

    await asyncio.gather(*(look(upstream) for upstream in upstreams))


async def _why_unreachable(upstream: Upstream) -> str:
    """Why each endpoint cannot be reached; "" when one accepted the connection."""
    if upstream.has_names:
        await upstream.resolve()
        if not upstream.addresses:
            names = ", ".join(endpoint.host for endpoint in upstream.model.endpoints)
            return f"{names}: no address is known"
    said = []
    for address in tuple(upstream.addresses):
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(address.ip, address.port)
        except OSError as error:  # TimeoutError is one
            said.append(f"{address.label}: {_cause(error)}")
        else:
            writer.close()
            return ""
    return "; ".join(said)


def _cause(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no response within {CONNECT_S:g} s"
    return os.strerror(error.errno) if error.errno else str(error)  # asyncio's own words repeat the address
