"""A gateway between gRPC's own client and server, and what became of calls."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import yaml

from app.gateway.process import Gateway
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.grpc_peer import CALLS, GrpcClient, GrpcUpstream, Outcome
from tests.fakes.waiting import until

__all__ = ["Calls", "calling", "calls_config", "counted", "end_of"]


def calls_config(
    url: str,
    *,
    route: dict[str, Any] | None = None,
    protocol: str = "h2",
    ca_file: str | None = None,
    **stanzas: Any,
) -> str:
    """A gateway's file: calls go to `url`, and nothing else goes anywhere."""
    policy = {"name": "calls", "spec": {"targetRefs": [{"kind": "Route", "name": "calls"}], **stanzas}}
    return yaml.safe_dump(
        {
            "upstreams": {
                "calls": {
                    "endpoints": [url],
                    "protocol": protocol,
                    **({"tls": {"caFile": ca_file}} if ca_file else {}),
                }
            },
            "routes": [
                {
                    "name": "calls",
                    "match": {"path": {"prefix": f"/{CALLS}"}},
                    "upstream": "calls",
                    "auth": "none",
                    **(route or {}),
                }
            ],
            "policies": [policy] if stanzas else [],
        }
    )


class Calls:
    """A gateway between `client` and `up`."""

    def __init__(self, gateway: Gateway, client: GrpcClient, up: GrpcUpstream) -> None:
        self.gateway, self.client, self.up = gateway, client, up

    async def unary(self, message: bytes, *arguments: Any, **more: Any) -> Outcome:
        return await asyncio.to_thread(lambda: self.client.unary(message, *arguments, **more))


@asynccontextmanager
async def calling(
    folder: Path,
    *,
    environment: dict[str, Any] | None = None,
    options: Sequence[tuple[str, int]] = (),
    **of: Any,
) -> AsyncIterator[Calls]:
    """`options`: of the server."""
    with GrpcUpstream(options=options) as up:
        config = calls_config(of.pop("url", up.url), **of)
        async with running_gateway(config=config, folder=folder, **(environment or {})) as gateway:
            with GrpcClient(gateway.port) as client:
                yield Calls(gateway, client, up)


async def counted(gateway: Gateway, at_least: int = 1) -> dict[tuple[int, str], int]:
    """By status and reason: what the metrics say of all requests, once there are as many."""
    await settled(gateway)
    await until(lambda: sum(_counted(gateway).values()) >= at_least, "the count", seconds=30)
    return _counted(gateway)


def _counted(gateway: Gateway) -> dict[tuple[int, str], int]:
    counts: dict[tuple[int, str], int] = {}
    for route in gateway.counts.routes.values():
        for (_, status, reason), number in route.requests.items():
            counts[status, str(reason)] = counts.get((status, str(reason)), 0) + number
    return counts


def end_of(stream: Any) -> str:
    """The status behind its last message."""
    with suppress(grpc.RpcError):
        for _ in stream:
            pass
    name: str = stream.code().name
    return name
