import asyncio
import contextlib
import socket

import pytest
import uvicorn

from app.demo.upstream import MAX_ECHO_BYTES, MAX_WAIT_MS, PATHS, Mode, Reaction, configuration, react
from tests.fakes.client import RawClient
from tests.fakes.process import Child, free_port

FAILING = Mode(fail=True)


@contextlib.asynccontextmanager
async def running():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = configuration(0)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listener]))
        try:
            async with RawClient(listener.getsockname()[1]) as client:
                yield client
        finally:
            server.should_exit = True
            await task


def test_ok_is_200():
    assert react("GET", "/ok", "", FAILING) == Reaction(200, {"ok": True})


def test_the_root_and_an_unknown_path_list_what_there_is():
    assert react("GET", "/", "", Mode()).body == {"paths": PATHS}
    reaction = react("GET", "/nothing", "", Mode())
    assert reaction.status == 404
    assert reaction.body == {"error": "no such path: /nothing", "paths": PATHS}


@pytest.mark.parametrize("status", [200, 204, 404, 503, 599])
def test_a_status_is_given_as_asked(status):
    assert react("GET", f"/status/{status}", "", Mode()).status == status


@pytest.mark.parametrize("text", ["", "x", "199", "600", "-1", "1e2", "²00", "9" * 5000])
def test_a_bad_status_is_400_with_what_would_be_right(text):
    reaction = react("GET", f"/status/{text}", "", Mode())
    assert (reaction.status, reaction.body) == (400, {"error": "the status is a number from 200 to 599"})


def test_slow_waits_as_long_as_asked_two_seconds_by_default():
    assert react("GET", "/slow", "ms=5", Mode()).wait_ms == 5
    assert react("GET", "/slow", "", Mode()).wait_ms == 2000


@pytest.mark.parametrize("query", ["ms=", "ms=x", f"ms={MAX_WAIT_MS + 1}", "ms=-1"])
def test_a_bad_wait_is_400(query):
    assert react("GET", "/slow", query, Mode()).status == 400


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("fail=1", Mode(fail=True)),
        ("fail=0", Mode()),
        ("slow_ms=7", Mode(slow_ms=7)),
        ("hangup=1", Mode(hang_up=True)),
        ("fail=1&slow_ms=7", Mode(fail=True, slow_ms=7)),
        ("ok", Mode()),
    ],
)
def test_the_mode_is_replaced_by_what_is_asked(query, mode):
    assert react("PUT", "/mode", query, FAILING).mode == mode


@pytest.mark.parametrize("query", ["", "fail=2", "slow_ms=x", "hangup=yes", "other=1", "ok&fail=1"])
def test_a_bad_mode_is_400_and_changes_nothing(query):
    reaction = react("PUT", "/mode", query, FAILING)
    assert (reaction.status, reaction.mode) == (400, None)


def test_the_mode_is_told_and_only_put_sets_it():
    assert react("GET", "/mode", "ok", FAILING).body == {"fail": True, "slow_ms": 0, "hangup": False}
    assert react("DELETE", "/mode", "ok", FAILING) == Reaction(405, {"error": "use GET or PUT"})


def test_an_item_does_what_the_mode_says():
    assert react("GET", "/item", "", Mode()).status == 200
    assert react("GET", "/item", "", FAILING).status == 503
    assert react("GET", "/item", "", Mode(hang_up=True)).hang_up
    assert react("GET", "/item", "", Mode(slow_ms=9)).wait_ms == 9


async def test_the_switch_is_felt_at_the_next_item():
    async with running() as client:
        assert (await client.request("PUT", "/mode?fail=1")).json()["fail"] is True
        assert (await client.request("GET", "/item")).status == 503
        assert (await client.request("PUT", "/mode?ok")).status == 200
        assert (await client.request("GET", "/item")).json() == {"item": "one fine item"}


async def test_the_echo_shows_the_request_as_it_arrived():
    async with running() as client:
        answer = await client.request("POST", "/echo?a=%2F", [("Host", "h"), ("X-A", "1")], "ä".encode())
        assert answer.json() == {
            "method": "POST",
            "path": "/echo",
            "query": "a=%2F",
            "headers": [["host", "h"], ["x-a", "1"], ["content-length", "2"]],
            "body": "ä",
            "cut": False,
        }


async def test_a_large_echo_is_cut():
    async with running() as client:
        answer = await client.request("PUT", "/echo", body=b"x" * (MAX_ECHO_BYTES + 5))
        assert (len(answer.json()["body"]), answer.json()["cut"]) == (MAX_ECHO_BYTES, True)


async def test_a_hang_up_is_a_close_without_a_byte():
    async with running() as client:
        await client.send(b"GET /hangup HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.expect_closed()


async def test_head_and_204_have_no_body():
    async with running() as client:
        assert (await client.request("HEAD", "/ok")).get("content-length") == "13"
        assert (await client.request("GET", "/status/204")).body == b""
        assert (await client.request("GET", "/slow?ms=1")).json() == {"ok": True, "waitedMs": 1}


async def test_clients_that_go_away_leave_it_serving():
    async with running() as client:
        for request in (b"GET /slow?ms=60000 HTTP/1.1\r\n", b"PUT /echo HTTP/1.1\r\nContent-Length: 5\r\n"):
            async with RawClient(client.port) as leaver:
                await leaver.send(request + b"Host: a\r\n\r\n")
                leaver.abort()
        assert (await client.request("GET", "/ok")).status == 200


async def test_it_is_a_program_that_serves_until_sigterm_without_a_word():
    port = free_port()
    async with Child.module("app.demo.upstream", "--port", str(port)) as child:
        await child.wait_port(port)
        async with RawClient(port) as client:
            assert (await client.request("GET", "/ok")).status == 200
        await child.stop()
        assert child.lines == []


async def test_the_port_must_be_given():
    async with Child.module("app.demo.upstream") as child:
        assert await child.wait() == 2
        assert "--port" in child.output
