from typing import Any

import pytest

from app.gateway.sharing.settled_app import settled


async def called(path: str, kind: str = "http", method: str = "GET") -> list[object]:
    """What happened, in order: a call of the application is the path."""
    order: list[object] = []

    async def app(scope, receive, send):
        order.append(scope["path"])
        await send({"type": "http.response.start"})
        await send({"type": "http.response.body"})

    async def settle() -> None:
        order.append("settled")

    async def receive() -> Any:
        return {}

    async def send(message: Any) -> None:
        order.append(message["type"].rpartition(".")[2])

    await settled(app, settle)({"type": kind, "path": path, "method": method}, receive, send)
    return order


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_page_waits_for_what_workers_have_not_reported(method):
    assert await called("/metrics", method=method) == ["settled", "/metrics", "start", "body"]


async def test_who_changed_something_hears_of_it_when_all_workers_know():
    path = "/v1/breakers/cache/override"
    assert await called(path, method="PUT") == ["settled", path, "settled", "start", "body"]


@pytest.mark.parametrize(("path", "kind"), [("/readyz", "http"), ("/livez", "http"), ("/v1", "websocket")])
async def test_what_shows_no_traffic_waits_for_nobody(path, kind):
    assert await called(path, kind) == [path, "start", "body"]


def test_without_workers_there_is_nothing_to_wait_for():
    async def app(scope, receive, send):
        raise AssertionError("nobody calls it")

    assert settled(app, None) is app
