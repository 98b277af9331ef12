"""After the start: which upstreams cannot be reached, a log line for each. The gateway serves all the same."""

import asyncio
import logging
import os
from collections.abc import Iterable

from app.dataplane.upstream.upstream import Upstream

__all__ = ["Reachability"]

LOG = logging.getLogger("tidegate")
CONNECT_S = 3.0
AT_ONCE = 16


class Reachability:
    """What the one look at the upstreams found; nothing until it was taken."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Upstream, str]] = {}

    async def look(self, upstreams: Iterable[Upstream]) -> None:
        """Connect to the endpoints of each upstream until one accepts; log each upstream where none does."""
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._look_at(upstream, turns) for upstream in upstreams))

    def why(self, in_force: Iterable[Upstream]) -> dict[str, str]:
        """By name, why no endpoint could be reached; of an upstream that an edit replaced nothing is known."""
        known = ((upstream, self._found.get(upstream.name)) for upstream in in_force)
        return {each.name: found[1] for each, found in known if found is not None and found[0] is each}

    async def _look_at(self, upstream: Upstream, turns: asyncio.Semaphore) -> None:
        async with turns:
            why = await _why_unreachable(upstream)
        if not why:
            return
        self._found[upstream.name] = (upstream, why)
        LOG.warning(
            "upstream %s: no endpoint is reachable yet (%s); its requests get 502 until one does, "
            "check that it runs and that its endpoints are right",
            upstream.name,
            why,
        )


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
