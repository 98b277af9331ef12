import asyncio
import subprocess
import sys
import threading

import httpx
import pytest

from app.admin.lazy_app import LazyApp
from tests.fakes.admin_view import FakeView
from tests.fakes.process import ROOT


def client(app: LazyApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin")


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def never(view):
    raise AssertionError("the framework was built")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_and_metrics_are_answered_without_the_framework(path):
    async with client(LazyApp(FakeView(), never)) as calls:
        assert (await calls.get(path)).status_code == 200


async def test_unready_is_503_and_says_what_is_missing():
    view = FakeView()
    view.checks = {"draining": True}
    async with client(LazyApp(view, never)) as calls:
        answer = await calls.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "checks": {"draining": True},
        "rejected": None,
    }


async def test_livez_stays_200_while_unready():
    view = FakeView()
    view.checks = {"draining": True}
    async with client(LazyApp(view, never)) as calls:
        assert (await calls.get("/livez")).status_code == 200


async def test_probe_by_another_method_is_405_with_allow():
    async with client(LazyApp(FakeView(), never)) as calls:
        answer = await calls.post("/readyz")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_metrics_are_told_what_the_caller_accepts():
    view = FakeView()
    async with client(LazyApp(view, never)) as calls:
        await calls.get("/metrics", headers={"accept": "text/plain"})
    assert view.accepted == ["text/plain"]


async def test_calls_that_come_together_build_one_application_off_the_loop():
    builds = []

    def build(view):
        builds.append(threading.current_thread())
        return hello

    async with client(LazyApp(FakeView(), build)) as calls:
        answers = await asyncio.gather(*(calls.get("/v1/breakers") for _ in range(5)))
    assert [answer.text for answer in answers] == ["hello"] * 5
    assert len(builds) == 1
    assert builds[0] is not threading.main_thread()


async def test_a_caller_that_hangs_up_does_not_end_the_build_for_others():
    started, go = threading.Event(), threading.Event()

    def build(view):
        started.set()
        assert go.wait(5)
        return hello

    async with client(LazyApp(FakeView(), build)) as calls:
        first = asyncio.ensure_future(calls.get("/v1/breakers"))
        await asyncio.to_thread(started.wait, 5)
        first.cancel()
        second = asyncio.ensure_future(calls.get("/v1/breakers"))
        go.set()
        assert (await second).text == "hello"
    assert first.cancelled()


async def test_a_build_that_failed_is_told_to_all_who_waited_and_tried_again():
    outcomes = [RuntimeError("no memory"), None]

    def build(view):
        if outcome := outcomes.pop(0):
            raise outcome
        return hello

    async with client(LazyApp(FakeView(), build)) as calls:
        both = await asyncio.gather(*(calls.get("/v1/breakers") for _ in range(2)), return_exceptions=True)
        assert [str(outcome) for outcome in both] == ["no memory"] * 2
        assert (await calls.get("/v1/breakers")).text == "hello"


async def test_the_real_application_stands_behind_it():
    async with client(LazyApp(FakeView())) as calls:
        assert (await calls.get("/v1/breakers")).status_code == 200


async def test_lifespan_has_nothing_to_start_or_stop():
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message["type"])

    await LazyApp(FakeView(), never)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_importing_it_imports_no_framework():
    code = (
        "import sys, app.admin.lazy_app, app.admin.probes;"
        "print(sorted({'fastapi', 'pydantic', 'starlette', 'typer', 'httpx'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
