"""A configuration file edited while traffic flows: in force within 2 s, or the last good one stays."""

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
import threading
from pathlib import Path

import pytest

from app.config.sources.file import LARGE_BYTES
from app.dataplane.proxy.routes import SLICE, bind
from app.gateway.config.preparation import prepare
from tests.fakes.client import RawClient
from tests.fakes.exchange import DEADLINE_S, within
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until


def config(upstream, *, breaker="{consecutiveFailures: 3, openDuration: 10s}", limit=None, more=""):
    limits = f"\n      rateLimit: {{rules: [{limit}]}}" if limit else ""
    return f"""\
upstreams: {{one: {{endpoints: ["{upstream.url}"]}}}}
routes: [{{name: r, match: {{path: {{prefix: /}}}}, upstream: one, auth: none}}]
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {breaker}{limits}
{more}"""


def many_routes(upstream, count):
    routes = "".join(
        f"  - {{name: r{n}, match: {{path: {{prefix: /p{n}}}}}, upstream: one, auth: none}}\n"
        for n in range(count)
    )
    text = f'upstreams: {{one: {{endpoints: ["{upstream.url}"]}}}}\nroutes:\n{routes}'
    assert len(text) > LARGE_BYTES
    return text


class Edited:
    """A gateway on a file; `edit` returns when the edit is in force."""

    def __init__(self, gateway, folder):
        self.gateway, self.file = gateway, Path(folder) / "gateway.yaml"

    @property
    def sequence(self):
        return self.gateway.context.plans.table.sequence

    @property
    def rejected(self):
        return self.gateway.counts.config_applies["rejected"]

    async def edit(self, text):
        before = self.sequence
        self.file.write_text(text)
        await until(lambda: self.sequence > before, "the edit")

    async def reach(self, sequence):
        """Returns when the edit of that number is in force."""
        await until(lambda: self.sequence == sequence, f"edit {sequence}")

    async def spoil(self, text):
        before = self.rejected
        self.file.write_text(text)
        await until(lambda: self.rejected > before, "the refusal")

    async def get(self, path="/", headers=()):
        async with RawClient(self.gateway.port) as client:
            return await client.request("GET", path, headers)

    async def reasons(self, count, **more):
        found = []
        for _ in range(count):
            answer = await self.get(**more)
            found.append(answer.get("Tidegate-Reason") or answer.status)
            await settled(self.gateway)
        return found


@contextlib.asynccontextmanager
async def edited(tmp_path, upstream, text=None, **variables):
    start = config(upstream) if text is None else text
    async with running_gateway(config=start, folder=tmp_path, **variables) as gateway:
        yield Edited(gateway, tmp_path)


def failing(upstream):
    upstream.default = lambda exchange: _fail(exchange)


async def _fail(exchange):
    exchange.connection.writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")


async def test_an_edit_is_in_force_within_two_seconds_and_the_sequence_rises(tmp_path):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        assert (await at.get()).status == 200
        await at.edit(config(upstream).replace("prefix: /}", "prefix: /new}"))
        assert at.sequence == 2
        assert (await at.get("/")).get("Tidegate-Reason") == "no_route"
        assert (await at.get("/new")).status == 200


async def test_a_swap_of_the_data_link_is_taken_up(tmp_path):
    async with RecorderUpstream() as upstream:
        for name, text in (("v1", config(upstream)), ("v2", config(upstream).replace("/}", "/new}", 1))):
            (tmp_path / name).mkdir()
            (tmp_path / name / "gateway.yaml").write_text(text)
        (tmp_path / "..data").symlink_to("v1")
        (tmp_path / "mounted.yaml").symlink_to("..data/gateway.yaml")
        async with running_gateway(CONFIG_FILE=str(tmp_path / "mounted.yaml")) as gateway:
            (tmp_path / "..next").symlink_to("v2")
            os.replace(tmp_path / "..next", tmp_path / "..data")
            await until(lambda: gateway.context.plans.table.sequence == 2, "the swap")
            assert (await Edited(gateway, tmp_path).get("/")).get("Tidegate-Reason") == "no_route"


async def test_a_bad_file_keeps_the_last_good_one_and_tells_each_fault_once(tmp_path, caplog):
    bad = "routs: []\npolicies: [{name: p, spec: {targetRefs: [{kind: Gateway}], timeout: {idle: soon}}}]\n"
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        with caplog.at_level(logging.ERROR, "tidegate.config"):
            await at.spoil(bad)
        assert (await at.get()).status == 200
        assert at.sequence == 1
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == 2
        assert all("the last good one stays: " in line and "gateway.yaml:" in line for line in lines)
        assert "routs" in lines[0]
        assert "timeout.idle" in lines[1]
        await at.edit(config(upstream) + "# good again\n")


async def test_a_file_that_vanishes_cut_to_nothing_keeps_the_last_good_one(tmp_path, caplog):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        with caplog.at_level(logging.ERROR, "tidegate.config"):
            await at.spoil("")
        assert "is empty now, and the one in force is not; write {}" in caplog.text
        assert (await at.get()).status == 200
        assert at.sequence == 1


async def test_routes_go_where_the_file_says_that_there_are_none_and_come_back(tmp_path):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream, EXPOSE="monitor") as at:
        assert (await at.get()).status == 200
        await at.edit("routes: []\n")
        for path in ("/", "/orders", "/cache/x", "/stats"):
            answer = await at.get(path)
            assert (answer.status, answer.get("Tidegate-Reason")) == (404, "no_route")
        assert (await at.get("/monitor")).status == 200
        assert (await at.get("/", [("Accept", "text/html")])).status == 302
        await at.edit(config(upstream))
        assert (await at.get()).status == 200


async def test_a_file_that_vanishes_keeps_the_last_good_one(tmp_path):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        at.file.unlink()
        await until(lambda: at.rejected == 1, "the refusal")
        assert (await at.get()).status == 200


async def test_a_file_that_grows_beyond_reason_keeps_the_last_good_one(tmp_path, caplog):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        with caplog.at_level(logging.ERROR, "tidegate.config"), at.file.open("r+b") as file:
            file.truncate(100 << 20)
            await until(lambda: at.rejected == 1, "the refusal")
        assert "104,857,600 bytes long" in caplog.text
        assert (await at.get()).status == 200


async def test_a_file_touched_without_a_change_raises_no_sequence(tmp_path):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        os.utime(at.file, (1, 1))
        await asyncio.to_thread(lambda: None)
        await at.edit(config(upstream) + "# more\n")
        assert at.sequence == 2


async def test_a_large_file_is_taken_up_while_requests_are_answered(tmp_path, monkeypatch):
    """Reading waits at a gate in its thread; what follows in slices lets requests between."""
    gate, reading = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def held(*given):
        loop.call_soon_threadsafe(reading.set)
        assert gate.wait(DEADLINE_S)
        return prepare(*given)

    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        monkeypatch.setattr("app.gateway.config.configuration.prepare", held)
        at.file.write_text(many_routes(upstream, 5000))
        async with within("the reading", DEADLINE_S):
            await reading.wait()
        assert [(await at.get("/p7")).status for _ in range(20)] == [200] * 20
        assert (at.sequence, upstream.requests[-1].target) == (1, "/p7")
        gate.set()
        await until(lambda: at.sequence == 2, "the edit")
        assert (await at.get("/p4999")).status == 200
        assert (await at.get("/none")).get("tidegate-reason") == "no_route"


@pytest.mark.one_process("counts turns of its loop")
async def test_a_large_table_is_bound_in_slices_between_which_the_loop_turns(tmp_path, monkeypatch):
    turns: list[int] = []

    def watched(*given):
        slices = bind(*given)
        for number in itertools.count():
            loop.call_soon(turns.append, number)  # the next turn of the loop, where requests are read
            if next(slices, slices) is slices:
                return
            yield

    loop = asyncio.get_running_loop()
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        monkeypatch.setattr("app.gateway.config.bindings.bind", watched)
        begun = []
        put_in_force = at.gateway.bindings.put_in_force

        def noted(prepared):
            begun.extend(turns)
            put_in_force(prepared)

        monkeypatch.setattr(at.gateway.bindings, "put_in_force", noted)
        at.gateway.reloads.changed(str(at.file), many_routes(upstream, 5000).encode())
        await until(lambda: bool(turns) and turns[-1] == 5000 // SLICE, "all slices")
        assert begun == list(range(5000 // SLICE))


async def test_an_edit_of_a_breaker_is_in_force_with_the_whole_table_only(tmp_path, monkeypatch):
    """While routes are bound, requests meet the settings of the table they are on."""
    seen = []

    def watched(*given):
        yield from bind(*given)
        yield
        seen.append(at.gateway.breakers.known("one").settings.consecutive_failures)

    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        monkeypatch.setattr("app.gateway.config.bindings.bind", watched)
        await at.edit(config(upstream, breaker="{consecutiveFailures: 7}"))
        assert seen == [3]
        assert at.gateway.breakers.known("one").settings.consecutive_failures == 7


async def test_changes_are_taken_up_in_their_order(tmp_path):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        change = at.gateway.reloads.changed
        for number in range(1, 6):
            change(str(at.file), config(upstream).replace("/}", f"/v{number}}}", 1).encode())
        await until(lambda: at.sequence == 6, "all five")
        assert (await at.get("/v5")).status == 200
        assert (await at.get("/v4")).status == 404


async def test_a_running_request_finishes_on_the_table_it_began_with(tmp_path):
    go_on = asyncio.Event()
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        upstream.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", go_on, b"cd")
        async with RawClient(at.gateway.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await upstream.wait_for(1)
            elsewhere = "routes: [{name: r, match: {path: {prefix: /x}}, upstream: cache, auth: none}]\n"
            await at.edit(elsewhere)
            go_on.set()
            assert (await client.read_response()).body == b"abcd"
            assert (await client.request("GET", "/")).status == 404


async def test_a_lowered_threshold_opens_on_the_next_failure_not_on_the_edit(tmp_path):
    async with RecorderUpstream() as upstream:
        failing(upstream)
        start = config(upstream, breaker="{consecutiveFailures: 10, openDuration: 10s}")
        async with edited(tmp_path, upstream, start) as at:
            assert await at.reasons(5) == [500] * 5
            await at.edit(config(upstream, breaker="{consecutiveFailures: 3, openDuration: 10s}"))
            assert at.gateway.view.breaker("one").state == "closed"
            assert await at.reasons(2) == [500, "breaker_open"]


async def test_an_open_duration_edited_while_open_counts_from_the_moment_it_opened(tmp_path):
    async with RecorderUpstream() as upstream:
        failing(upstream)
        start = config(upstream, breaker="{consecutiveFailures: 1, openDuration: 1h}")
        async with edited(tmp_path, upstream, start) as at:
            assert await at.reasons(2) == [500, "breaker_open"]
            await at.edit(config(upstream, breaker="{consecutiveFailures: 1, openDuration: 30s}"))
            assert 25 <= int((await at.get()).get("Retry-After")) <= 30
            await at.edit(config(upstream, breaker="{consecutiveFailures: 1, openDuration: 100ms}"))
            assert await at.reasons(1) == [500]  # admitted as a probe


async def test_an_edited_limit_keeps_what_was_used(tmp_path):
    def rule(requests):
        return f"{{name: all, key: Global, requests: {requests}, period: 1h}}"

    async with RecorderUpstream() as upstream:
        start = config(upstream, limit=rule(5))
        async with edited(tmp_path, upstream, start) as at:
            assert await at.reasons(3) == [200] * 3
            await at.edit(config(upstream, limit=rule(4)))
            assert await at.reasons(3) == [200, "rate_limited", "rate_limited"]
            await at.edit(config(upstream, limit=rule(6)))
            assert await at.reasons(3) == [200, 200, "rate_limited"]


async def test_a_renamed_rule_begins_with_a_full_bucket(tmp_path):
    async with RecorderUpstream() as upstream:
        limit = "{name: first, key: Global, requests: 1, period: 1h}"
        async with edited(tmp_path, upstream, config(upstream, limit=limit)) as at:
            assert await at.reasons(2) == [200, "rate_limited"]
            await at.edit(config(upstream, limit=limit.replace("first", "second")))
            assert await at.reasons(2) == [200, "rate_limited"]


async def test_a_removed_stanza_goes_back_to_the_next_in_the_chain_and_nothing_else_does(tmp_path):
    async with RecorderUpstream() as upstream:
        failing(upstream)
        limit = "{name: all, key: Global, requests: 2, period: 1h}"
        breaker = "{consecutiveFailures: 2, openDuration: 10s}"
        async with edited(tmp_path, upstream, config(upstream, breaker=breaker, limit=limit)) as at:
            assert await at.reasons(1) == [500]
            await at.edit(config(upstream, breaker=breaker))
            assert await at.reasons(3) == [500, "breaker_open", "breaker_open"]


def key_hash(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


async def test_an_edited_keys_file_refuses_the_old_key_and_takes_the_new(tmp_path):
    old, new = "o" * 40, "n" * 40
    keys = tmp_path / "keys.yaml"
    keys.write_text(f'keys: [{{name: acme, hash: "{key_hash(old)}"}}]\n')
    async with RecorderUpstream() as upstream:
        text = config(upstream, more=f"keysFile: {keys}\n").replace("auth: none", "auth: key")
        async with edited(tmp_path, upstream, text) as at:
            assert await at.reasons(1, headers=[("X-API-Key", old)]) == [200]
            keys.write_text(f'keys: [{{name: acme, hash: "{key_hash(new)}"}}]\n')
            await until(lambda: at.sequence == 2, "the new keys")
            assert await at.reasons(1, headers=[("X-API-Key", old)]) == ["key_unknown"]
            assert await at.reasons(1, headers=[("X-API-Key", new)]) == [200]
            keys.write_text("keys: [{name: acme}]\n")
            await until(lambda: at.rejected == 1, "the refusal")
            assert await at.reasons(1, headers=[("X-API-Key", new)]) == [200]


async def test_a_keys_file_named_again_is_read_anew(tmp_path):
    key = "n" * 40
    keys = tmp_path / "keys.yaml"
    keys.write_text(f'keys: [{{name: acme, hash: "{key_hash("o" * 40)}"}}]\n')
    async with RecorderUpstream() as upstream:
        text = config(upstream, more=f"keysFile: {keys}\n")
        async with edited(tmp_path, upstream, text) as at:
            await at.edit(config(upstream))
            keys.write_text(f'keys: [{{name: acme, hash: "{key_hash(key)}"}}]\n')
            await at.edit(text.replace("auth: none", "auth: key"))
            assert await at.reasons(1, headers=[("X-API-Key", key)]) == [200]
            keys.write_text(f'keys: [{{name: acme, hash: "{key_hash("m" * 40)}"}}]\n')
            await until(lambda: at.sequence == 4, "the newly watched file's change")
            assert await at.reasons(1, headers=[("X-API-Key", key)]) == ["key_unknown"]


async def test_a_hundred_edits_under_load_fail_no_request(tmp_path):
    async with RecorderUpstream() as upstream, edited(tmp_path, upstream) as at:
        over = False

        async def load():
            count = 0
            async with RawClient(at.gateway.port) as client:
                while not over:
                    assert (await client.request("GET", "/")).status == 200
                    count += 1
            return count

        running = asyncio.ensure_future(load())
        for number in range(100):
            duration = f"{{consecutiveFailures: 3, openDuration: {number + 1}s}}"
            at.gateway.reloads.changed(str(at.file), config(upstream, breaker=duration).encode())
            if number % 10 == 0:
                await at.reach(number + 2)
        await until(lambda: at.sequence == 101, "all edits")
        over = True
        assert await running > 0
