"""Drills: over the monitor's socket and over the admin API, with a token or not at all."""

import json
import logging
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.viewer import viewing

TOKEN = "token-1"
DRILL = {
    "type": "drill.start",
    "breaker": "cache",
    "for": "60s",
    "who": "Ada",
    "why": "rehearsal",
    "token": TOKEN,
}


@asynccontextmanager
async def drilling(**variables):
    given = {"ADMIN_PORT": str(free_port()), "ADMIN_TOKEN": TOKEN, **variables}
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, **given) as gateway,
        viewing(gateway.port) as viewer,
        RawClient(gateway.port) as client,
    ):
        yield gateway, viewer, client


def error_of(reply):
    assert reply["ok"] is False
    return reply["error"]["status"], reply["error"]["code"]


async def test_a_drill_holds_the_breaker_open_and_everybody_sees_who_and_why():
    async with drilling() as (_, viewer, client):
        assert (await viewer.ask(**DRILL))["ok"]
        assert (await client.request("GET", "/")).get("Tidegate-Reason") == "breaker_open"
        await viewer.until(lambda: viewer.breaker("cache")["override"], "the override")
        override = viewer.breaker("cache")["override"]
        assert (override["state"], override["by"], override["why"]) == ("open", "Ada", "rehearsal")
        assert override["until"] - override["since"] == 60_000
        assert "override_started" in viewer.kinds


async def test_it_ends_by_itself_and_that_is_told_at_once():
    async with drilling() as (_, viewer, client):
        await viewer.ask(**{**DRILL, "for": "1s"})
        await viewer.until(lambda: viewer.breaker("cache")["override"], "the override")
        until = viewer.breaker("cache")["override"]["until"]
        await viewer.until(lambda: viewer.breaker("cache")["override"] is None, "its end")
        await viewer.until(lambda: "override_ended" in viewer.kinds, "the event")
        await viewer.until(lambda: viewer.transitions[-1]["to"] == "closed", "the step to closed")
        assert viewer.transitions[-1]["at"] == viewer.breaker("cache")["since"] == until
        assert viewer.breaker("cache")["state"] == "closed"
        assert (await client.request("GET", "/")).status == 200


async def test_it_is_ended_with_the_token():
    async with drilling() as (_, viewer, client):
        await viewer.ask(**DRILL)
        reply = await viewer.ask(type="drill.end", breaker="cache", token=TOKEN)
        assert reply["ok"]
        await viewer.until(lambda: "override_ended" in viewer.kinds, "the event")
        assert (await client.request("GET", "/")).status == 200


async def test_every_start_and_end_is_a_line_of_the_log_without_the_token(caplog):
    async with drilling(LOG_LEVEL="warning") as (_, viewer, _):
        with caplog.at_level(logging.WARNING, "tidegate"):
            await viewer.ask(**DRILL)
            await viewer.ask(type="drill.end", breaker="cache", token=TOKEN)
            await viewer.ask(**{**DRILL, "token": "wrong-token"})
    told = [record.getMessage() for record in caplog.records]
    assert "breaker cache: override started (open for 60 s by Ada: rehearsal)" in told
    assert any("override ended" in line for line in told)
    assert "a drill with a wrong token was rejected (from 127.0.0.1)" in told
    assert not any(TOKEN in line or "wrong-token" in line for line in told)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"token": None}, (401, "token_missing")),
        ({"token": " "}, (401, "token_missing")),
        ({"token": ["token-1"]}, (401, "token_missing")),
        ({"token": "wrong"}, (403, "token_wrong")),
        ({"breaker": "none"}, (404, "no_breaker")),
        ({"breaker": None}, (400, "bad_request")),
        ({"for": "500ms"}, (400, "bad_request")),
        ({"for": "2h"}, (400, "bad_request")),
        ({"for": None}, (400, "bad_request")),
        ({"state": "ajar"}, (400, "bad_request")),
        ({"who": ""}, (400, "bad_request")),
        ({"why": "x" * 201}, (400, "bad_request")),
        ({"type": "drill.end", "breaker": "none"}, (404, "no_breaker")),
        ({"type": "drill.end", "breaker": 7}, (400, "bad_request")),
    ],
)
async def test_a_faulty_drill_is_refused_and_changes_nothing(change, error):
    async with drilling() as (_, viewer, client):
        assert error_of(await viewer.ask(**{**DRILL, **change})) == error
        assert (await client.request("GET", "/")).status == 200


async def test_the_token_is_looked_at_before_anything_else():
    async with drilling() as (_, viewer, _):
        reply = await viewer.ask(type="drill.start", breaker="none", token="wrong")
        assert error_of(reply) == (403, "token_wrong")


async def test_without_an_admin_token_there_are_no_drills():
    async with drilling(ADMIN_TOKEN="") as (_, viewer, _):
        assert viewer.gateway["drills"]["available"] is False
        assert "ADMIN_TOKEN" in viewer.gateway["drills"]["why"]
        assert error_of(await viewer.ask(**DRILL)) == (403, "drills_off")


async def test_guesses_are_held_to_one_a_second():
    async with drilling() as (_, viewer, _):
        codes = [error_of(await viewer.ask(**{**DRILL, "token": f"guess-{number}"})) for number in range(5)]
        assert codes == [(403, "token_wrong"), *[(429, "slow_down")] * 4]
        assert error_of(await viewer.ask(**DRILL)) == (429, "slow_down")  # else a right guess would show


async def test_the_admin_api_takes_who_and_why():
    async with drilling() as (gateway, viewer, _), RawClient(gateway.admin_port) as admin:
        body = json.dumps({"state": "open", "for": "60s", "who": "Ada", "why": "re\nhearsal"}).encode()
        fields = [("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json")]
        answer = await admin.request("PUT", "/v1/breakers/cache/override", fields, body)
        assert answer.json()["override"]["by"] == "Ada"
        assert answer.json()["override"]["why"] == "re hearsal"
        await viewer.until(lambda: "override_started" in viewer.kinds, "the event")
        detail = next(event for event in viewer.events if event["kind"] == "override_started")["detail"]
        assert detail == "open for 60 s by Ada: re hearsal"


async def test_viewers_on_both_ports_see_the_same_drill():
    async with drilling() as (gateway, viewer, _), viewing(gateway.admin_port) as other:
        await viewer.ask(**DRILL)
        for each in (viewer, other):
            await each.until(partial(is_open, each), "the drill")


def is_open(viewer):
    return viewer.breaker("cache")["state"] == "open"
