from app.dataplane.codec.body import RequestBody
from app.dataplane.proxy.mirror import mirror
from app.dataplane.proxy.state import ExchangeState
from app.foundation.clock import now_s
from app.gateway.drain import drain
from tests.fakes.proxy import context_of
from tests.fakes.requests import request_of


class Listener:
    sockets = ()

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def close(self) -> None:
        self._calls.append("listener")


async def test_without_connections_it_ends_at_once_after_listeners_and_viewers():
    context, calls = context_of(""), list[str]()
    await drain(context, [Listener(calls)], 0.0, 30.0, lambda: calls.append("viewers"))
    assert context.draining
    assert calls == ["listener", "viewers"]


async def test_copies_that_are_under_way_end_last():
    context = context_of(
        """
upstreams: {one: {endpoints: ["http://127.0.0.1:1"]}, two: {endpoints: ["http://127.0.0.1:2"]}}
routes: [{name: r, auth: none, upstream: one, mirror: [{upstream: two}]}]
"""
    )
    (route,) = context.plans.plans
    state = ExchangeState(request_of("/"), b"id", now_s())
    (copy,) = mirror(context, state, RequestBody(0), route, now_s())
    assert context.mirrored == {copy}
    await drain(context, [], 0.0, 30.0)
    assert context.mirrored == set()
    assert route.mirrors[0].counts.mirrored == {"dropped": 1}


async def test_it_serves_on_for_the_delay_before_it_closes_anything(monkeypatch):
    context, calls = context_of(""), list[str]()

    async def sleep(seconds: float) -> None:
        calls.append(f"{seconds:g} s, draining {context.draining}")

    monkeypatch.setattr("app.gateway.drain.asyncio.sleep", sleep)
    await drain(context, [Listener(calls)], 5.0, 30.0)
    assert calls[:2] == ["5 s, draining True", "listener"]
