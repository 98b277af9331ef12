from typing import Any

import pytest

from app.gateway.sharing.settled_app import settled


async def plain_app(scope, receive, send):
    await send(scope["path"])


async def called(path: str, kind: str = "http") -> list[object]:
    order: list[object] = []

    async def settle() -> None:
        order.append("settled")

    async def receive() -> Any:
        return {}

    async def send(message: object) -> None:
        order.append(message)

    await settled(plain_app, settle)({"type": kind, "path": path}, receive, send)
    return order


async def test_a_page_waits_for_what_workers_have_not_reported():
    assert await called("/metrics") == ["settled", "/metrics"]


@pytest.mark.parametrize(("path", "kind"), [("/readyz", "http"), ("/livez", "http"), ("/v1", "websocket")])
async def test_what_shows_no_traffic_waits_for_nobody(path, kind):
    assert await called(path, kind) == [path]


def test_without_workers_there_is_nothing_to_wait_for():
    assert settled(plain_app, None) is plain_app
