import json
from collections.abc import Callable
from itertools import count

import pytest

from app.admin.commands import Garbage
from app.admin.demo_scenario import DemoScenario
from app.foundation.clock import work_s
from app.gateway.monitor.commands import Commands
from app.gateway.monitor.demo_target import DemoTarget
from app.gateway.monitor.lookups import BUSY_S
from app.telemetry.decisions import DecisionRing
from tests.app.telemetry.test_decisions import entry
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.watched import watched_by

TOKEN = "token-1-of-the-tests"
DRILL = {
    "type": "drill.start",
    "breaker": "cache",
    "for": "60s",
    "who": "Ada",
    "why": "a rehearsal",
    "token": TOKEN,
}


class Desk:
    def __init__(self, tmp_path, *, token: str | None = TOKEN, demo: bool = False) -> None:
        self.parts = parts = GatewayParts(tmp_path, **({"ADMIN_TOKEN": token} if token else {}))
        self.watched = watched = watched_by(parts, "http://127.0.0.1:9" if demo else None)
        target = DemoTarget(parts.context, parts.breakers, watched.public, watched.demo_url)
        self.scenario = DemoScenario(target, lambda: None, parts.events.publish)
        self.spawned: list[object] = []
        self.is_admin = True
        self.commands = self.remade()

    def remade(self, work: Callable[[], float] = work_s) -> Commands:
        parts = self.parts
        overrides, spawn = self.watched.overrides, self.spawned.append
        return Commands(parts.context, parts.breakers, overrides, self.scenario, spawn, lambda: 10.0, work)

    def say(self, **message: object):
        return json.loads(
            self.commands.execute("192.0.2.1", json.dumps(message).encode(), is_admin=self.is_admin)
        )

    def reject(self, **message: object) -> tuple[int, str]:
        reply = self.say(**message)
        assert reply["ok"] is False
        return reply["error"]["status"], reply["error"]["code"]


async def test_a_drill_begins_and_ends(tmp_path):
    desk = Desk(tmp_path)
    assert desk.say(**DRILL, id=7) == {"type": "reply", "version": 1, "id": 7, "ok": True}
    assert desk.say(type="drill.end", breaker="cache", token=TOKEN)["ok"] is True
    assert desk.parts.kinds == ["override_started", "override_ended"]
    await desk.parts.close()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"token": "another"}, (403, "token_wrong")),
        ({"token": " "}, (401, "token_missing")),
        ({"token": None}, (401, "token_missing")),
        ({"breaker": "odd"}, (404, "no_breaker")),
        ({"breaker": None}, (400, "bad_request")),
        ({"for": "2h"}, (400, "bad_request")),
        ({"type": "drill.end", "breaker": 7}, (400, "bad_request")),
    ],
)
async def test_what_is_wrong_is_rejected_with_a_word(changed, expected, tmp_path):
    desk = Desk(tmp_path)
    assert desk.reject(**{**DRILL, **changed}) == expected
    assert desk.parts.kinds == []
    await desk.parts.close()


async def test_wrong_tokens_are_counted_by_address(tmp_path):
    desk = Desk(tmp_path)
    wrong = {**DRILL, "token": "another"}
    assert desk.reject(**wrong) == (403, "token_wrong")
    assert desk.reject(**DRILL) == (429, "slow_down")  # a right guess would show
    await desk.parts.close()


async def test_without_a_token_there_are_no_drills(tmp_path):
    desk = Desk(tmp_path, token=None)
    assert desk.reject(**DRILL) == (403, "drills_off")
    await desk.parts.close()


async def test_the_breaker_test_is_rejected_without_a_demo_upstream(tmp_path):
    desk = Desk(tmp_path)
    assert desk.reject(type="test.start") == (409, "test_unavailable")
    await desk.parts.close()


async def test_one_breaker_test_runs_at_a_time(tmp_path):
    desk = Desk(tmp_path, demo=True)
    assert desk.say(type="test.start")["ok"] is True
    assert desk.reject(type="test.start") == (409, "test_running")
    (run,) = desk.spawned
    run.close()  # type: ignore[attr-defined]
    await desk.parts.close()


async def test_decisions_are_looked_up_without_a_token(tmp_path):
    desk = Desk(tmp_path)
    ring = desk.parts.context.decisions = DecisionRing(10)
    desk.commands = desk.remade()
    ring.record(entry("mine", reason="rate_limited"))
    reply = desk.say(type="decisions", id=3, reason="rate_limited", limit=1)
    assert (reply["id"], reply["ok"], reply["kept"], reply["omitted"]) == (3, True, 1, 0)
    assert [each["requestId"] for each in reply["decisions"]] == ["mine"]
    assert desk.say(type="decision", requestId="mine")["sentences"][0].startswith("GET by client acme")
    assert desk.reject(type="decision", requestId="odd") == (404, "no_decision")
    assert desk.reject(type="decision") == (400, "bad_request")
    assert desk.reject(type="decisions", limit=101) == (400, "bad_request")
    await desk.parts.close()


async def test_looking_too_much_is_put_off(tmp_path, monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.lookups.BUSY_S", 0.0)
    desk = Desk(tmp_path)
    assert desk.reject(type="decision", requestId="odd") == (429, "slow_down")
    await desk.parts.close()


async def test_looking_on_the_public_port_takes_nothing_from_the_admin_port(tmp_path):
    desk = Desk(tmp_path)
    desk.commands = desk.remade(count(10.0, 2 * BUSY_S).__next__)  # each look takes what two may
    for is_admin in (False, True):
        desk.is_admin = is_admin
        assert desk.reject(type="decision", requestId="odd") == (404, "no_decision")
        assert desk.reject(type="decision", requestId="odd") == (429, "slow_down")
    await desk.parts.close()


async def test_where_none_are_kept_it_says_so(tmp_path):
    desk = Desk(tmp_path)
    desk.parts.context.decisions = None
    desk.commands = desk.remade()
    assert desk.reject(type="decisions") == (404, "no_decision")
    await desk.parts.close()


async def test_garbage_ends_the_connection(tmp_path):
    desk = Desk(tmp_path)
    with pytest.raises(Garbage):
        desk.commands.execute("192.0.2.1", b"no JSON", is_admin=True)
    await desk.parts.close()
