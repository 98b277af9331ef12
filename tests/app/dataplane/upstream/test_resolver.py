import asyncio
import socket
import threading

import pytest

from app.dataplane.upstream.resolver import Resolver
from tests.fakes.exchange import DEADLINE_S


class NameService:
    """Answers a name once it is let go; `asked`: the names under way, in their order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.news = threading.Semaphore(0)
        self.go: dict[str, threading.Event] = {}

    def getaddrinfo(self, name: bytes, port: int, **_: object) -> list[tuple[object, ...]]:
        host = name.decode()
        self.asked.append(host)
        self.news.release()
        assert self.go.setdefault(host, threading.Event()).wait(DEADLINE_S)
        if host == "none":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (f"192.0.2.{number}", port)) for number in (1, 2, 1)]

    def let_go(self, *hosts: str) -> None:
        for host in hosts:
            self.go.setdefault(host, threading.Event()).set()


def resolver_threads() -> set[threading.Thread]:
    """Of other tests, too, whose upstreams nobody stops."""
    return {thread for thread in threading.enumerate() if thread.name == "tidegate-resolver"}


@pytest.fixture
def service(monkeypatch):
    service = NameService()
    monkeypatch.setattr(socket, "getaddrinfo", service.getaddrinfo)
    return service


async def test_a_name_that_waits_delays_no_other(service):
    resolver = Resolver(asyncio.get_running_loop())
    dead = asyncio.ensure_future(resolver.look_up("dead", 80))
    service.let_go("live")
    assert await resolver.look_up("live", 80) == ["192.0.2.1", "192.0.2.2"]
    assert not dead.done()
    service.let_go("dead")
    assert await dead == ["192.0.2.1", "192.0.2.2"]
    resolver.stop()


async def test_no_more_threads_than_allowed_ask_at_a_time_and_idle_ones_ask_again(service):
    before = resolver_threads()
    resolver = Resolver(asyncio.get_running_loop(), most_threads=2)
    tasks = [asyncio.ensure_future(resolver.look_up(host, 80)) for host in ("a", "b", "c")]
    await asyncio.sleep(0)
    for _ in range(2):
        await asyncio.to_thread(service.news.acquire, timeout=DEADLINE_S)
    assert sorted(service.asked) == ["a", "b"]
    service.let_go("a", "b", "c", "d")
    await asyncio.gather(*tasks)
    await resolver.look_up("d", 80)
    assert len({*service.asked}) == 4
    assert len(resolver_threads() - before) <= 2
    resolver.stop()


async def test_what_the_system_says_is_raised(service):
    resolver = Resolver(asyncio.get_running_loop())
    service.let_go("none")
    with pytest.raises(socket.gaierror, match="not known"):
        await resolver.look_up("none", 80)
    resolver.stop()


async def test_an_answer_that_nobody_waits_for_is_dropped(service):
    resolver = Resolver(asyncio.get_running_loop())
    asked = asyncio.ensure_future(resolver.look_up("late", 80))
    await asyncio.to_thread(service.news.acquire, timeout=DEADLINE_S)
    asked.cancel()
    await asyncio.wait([asked])
    service.let_go("late", "next")
    assert await resolver.look_up("next", 80)
    resolver.stop()


def test_an_answer_after_the_loops_end_is_dropped(service):
    before = resolver_threads()
    loop = asyncio.new_event_loop()
    resolver = Resolver(loop, most_threads=1)
    asked = loop.create_task(resolver.look_up("late", 80))
    loop.run_until_complete(asyncio.sleep(0))
    assert service.news.acquire(timeout=DEADLINE_S)
    asked.cancel()
    loop.run_until_complete(asyncio.wait([asked]))
    loop.close()
    service.let_go("late")
    resolver.stop()
    for thread in resolver_threads() - before:
        thread.join(DEADLINE_S)
