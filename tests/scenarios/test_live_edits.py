"""What "live" means: each row of the acceptance table on a running gateway, edited from the cluster.

No restart, and no request fails because of an edit: state, window, timer and usage stay.
"""

import asyncio
import contextlib
import json
from datetime import UTC, datetime

from app.foundation.clock import now_s, wall_s
from app.policy.model import OverrideState
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.sync_server import IN_POD, SyncServer, entry
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

ROUTE_A = [{"kind": "Route", "name": "a"}]
UPSTREAM = [{"kind": "Upstream", "name": "one"}]


class Live:
    """A gateway with the routes `a` and `b` to the upstream `one`, and its operator."""

    def __init__(self, gateway, server, upstream, client):
        self.gateway, self.server, self.upstream, self.client = gateway, server, upstream, client
        self.edits = 0

    async def policies(self, **specs):
        """All policies of the cluster from now on, by name."""
        self.edits += 1
        await self.server.give(*(entry(name, spec, self.edits) for name, spec in specs.items()))

    async def breaker(self, **fields):
        await self.policies(p={"circuitBreaker": fields})

    async def limit(self, **fields):
        rule = {"name": "all", "key": "Global", "requests": 10, "period": "1h", **fields}
        await self.policies(p={"rateLimit": {"rules": [rule]}})

    async def get(self, path="/a"):
        return await self.client.request("GET", path)

    async def said(self, count, path="/a"):
        """Status of each answer, or the word of a refusal."""
        answers = []
        for _ in range(count):
            await settled(self.gateway)
            answers.append(await self.get(path))
        await settled(self.gateway)
        return [answer.get("Tidegate-Reason") or answer.status for answer in answers]

    async def fail(self, count, path="/a"):
        for _ in range(count):
            self.upstream.reply(500)
        assert await self.said(count, path) == [500] * count

    def view(self, name="one"):
        view = self.gateway.view.breaker(name)
        assert view is not None
        return view

    async def become(self, state, name="one"):
        await until(lambda: self.view(name).state == state, f"{name} to be {state}")
        await settled(self.gateway)


@contextlib.asynccontextmanager
async def live(folder):
    async with RecorderUpstream() as upstream, SyncServer() as server:
        config = {
            "upstreams": {"one": {"endpoints": [upstream.url]}},
            "routes": [
                {"name": name, "match": {"path": {"prefix": f"/{name}"}}, "upstream": "one", "auth": "none"}
                for name in ("a", "b")
            ],
        }
        async with (
            running_gateway(
                config=json.dumps(config), folder=folder, CONTROL_PLANE_URL=server.url, **IN_POD
            ) as gateway,
            RawClient(gateway.port) as client,
        ):
            yield Live(gateway, server, upstream, client)


def in_s(seconds):
    """The date so many seconds from now."""
    return datetime.fromtimestamp(wall_s() + seconds, UTC).isoformat(timespec="milliseconds")


def override(state, seconds, targets=None):
    spec = {"circuitBreaker": {"override": {"state": state, "until": in_s(seconds)}}}
    return spec if targets is None else {**spec, "targetRefs": targets}


# circuitBreaker


async def test_a_threshold_below_the_row_opens_with_the_next_failure_not_with_the_edit(tmp_path):
    async with live(tmp_path) as at:
        await at.breaker(consecutiveFailures=10)
        await at.fail(5)
        await at.breaker(consecutiveFailures=3)
        assert (at.view().state, at.view().consecutive_failures) == ("closed", 5)
        await at.fail(1)
        assert await at.said(1) == ["breaker_open"]


async def test_an_open_duration_edited_while_open_counts_from_the_moment_it_opened(tmp_path):
    async with live(tmp_path) as at:
        await at.breaker(consecutiveFailures=1, openDuration="1h")
        await at.fail(1)
        since = at.view().since_wall_s
        await at.breaker(consecutiveFailures=1, openDuration="30s")
        assert 25 <= int((await at.get()).get("Retry-After")) <= 30
        assert at.view().since_wall_s == since
        await at.breaker(consecutiveFailures=1, openDuration="100ms")
        await at.become("half_open")
        assert await at.said(2) == [200, 200]


async def test_another_window_keeps_the_counts_that_fit(tmp_path):
    rate = {"percent": 50, "minimumRequests": 6}
    async with live(tmp_path) as at:
        await at.breaker(failureRate={**rate, "window": "10s"})
        await at.fail(2)
        assert await at.said(2) == [200, 200]
        await at.breaker(failureRate={**rate, "window": "1m"})
        assert tuple(at.view().window) == (4, 2, 0)
        assert at.view().window_s == 60
        await at.fail(2)  # 4 of 6 failed, two of them before the edit
        assert await at.said(1) == ["breaker_open"]


async def test_more_probes_are_admitted_in_the_half_open_state_that_is_on(tmp_path):
    async with live(tmp_path) as at:
        await at.breaker(consecutiveFailures=1, openDuration="100ms", halfOpenRequests=1)
        await at.fail(1)
        await at.become("half_open")
        go_on = asyncio.Event()
        at.upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        async with RawClient(at.gateway.port) as probe:
            await probe.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            await at.upstream.wait_for(2)
            assert await at.said(1) == ["breaker_probing"]
            await at.breaker(consecutiveFailures=1, openDuration="100ms", halfOpenRequests=3)
            assert await at.said(1) == [200]
            assert (at.view().state, at.view().probes_in_flight) == ("half_open", 1)
            go_on.set()
            assert (await probe.read_response()).status == 200  # the permit from before the edit counts
        assert at.view().state == "half_open"
        assert await at.said(1) == [200]
        assert at.view().state == "closed"


async def test_a_breaker_on_a_route_goes_and_the_upstreams_own_is_where_it_stood(tmp_path):
    async with live(tmp_path) as at:
        base = {"circuitBreaker": {"consecutiveFailures": 3, "openDuration": "1h"}}
        own = {"targetRefs": ROUTE_A, "circuitBreaker": {"consecutiveFailures": 1, "openDuration": "1h"}}
        await at.policies(base=base)
        await at.fail(2)
        await at.policies(base=base, own=own)
        await at.fail(1)
        assert await at.said(1) == ["breaker_open"]
        assert await at.said(1, "/c") == ["no_route"]
        assert (at.view("one@a").state, at.view("one").consecutive_failures) == ("open", 2)
        await at.policies(base=base)
        await at.fail(1)
        assert await at.said(1, "/b") == ["breaker_open"]


# rateLimit


async def test_a_limit_lowered_or_raised_keeps_what_was_used(tmp_path):
    async with live(tmp_path) as at:
        await at.limit(requests=5)
        assert await at.said(3) == [200] * 3
        await at.limit(requests=4)
        assert await at.said(2) == [200, "rate_limited"]
        await at.limit(requests=6)
        assert await at.said(3) == [200, 200, "rate_limited"]


async def test_nobody_is_locked_out_longer_than_the_new_period(tmp_path):
    async with live(tmp_path) as at:
        await at.limit(requests=10, period="24h")
        assert await at.said(10) == [200] * 10
        await at.limit(requests=2, period="1m")
        answer = await at.get()
        assert answer.get("Tidegate-Reason") == "rate_limited"
        assert 1 <= int(answer.get("Retry-After")) <= 60


async def test_another_period_carries_the_usage_over(tmp_path):
    async with live(tmp_path) as at:
        await at.limit(requests=4, period="1h")
        assert await at.said(3) == [200] * 3
        await at.limit(requests=4, period="24h")
        assert await at.said(2) == [200, "rate_limited"]


async def test_a_renamed_rule_has_new_buckets(tmp_path):
    async with live(tmp_path) as at:
        await at.limit(requests=1)
        assert await at.said(2) == [200, "rate_limited"]
        await at.limit(requests=1, name="other")
        assert await at.said(2) == [200, "rate_limited"]


async def test_a_removed_stanza_returns_to_the_next_in_the_chain_and_nothing_else_does(tmp_path):
    rules = {"rules": [{"name": "all", "key": "Global", "requests": 2, "period": "1h"}]}
    async with live(tmp_path) as at:
        await at.policies(
            base={"timeout": {"request": "20s"}},
            own={"targetRefs": ROUTE_A, "timeout": {"request": "5s"}, "rateLimit": rules},
        )
        assert await at.said(3) == [200, 200, "rate_limited"]
        await at.policies(
            base={"timeout": {"request": "20s"}}, own={"targetRefs": ROUTE_A, "rateLimit": rules}
        )
        a, _ = at.gateway.context.plans.table.routes
        assert (a.timeout.value.request_s, a.timeout.origin.policy) == (20.0, "shop/base")
        assert await at.said(1) == ["rate_limited"]


async def test_a_deleted_policy_returns_all_it_covered_to_the_gateways_own_settings(tmp_path):
    async with live(tmp_path) as at:
        await at.policies(p={"timeout": {"request": "5s"}, "circuitBreaker": {"consecutiveFailures": 9}})
        await at.policies()
        table = at.gateway.context.plans.table
        assert table.routes[0].timeout.origin.policy == "built-in"
        assert table.breakers["one"].value.consecutive_failures == 3
        assert table.breakers["one"].origin.policy == "built-in"


# override


async def test_an_override_is_in_force_at_once_and_the_machine_goes_on_where_it_stood(tmp_path):
    async with live(tmp_path) as at:
        settings = {"circuitBreaker": {"consecutiveFailures": 3}}
        await at.policies(settings=settings)
        await at.fail(2)
        await at.policies(settings=settings, drill=override("Open", 3600))
        assert await at.said(1) == ["breaker_open"]
        shown = at.view().override
        assert shown is not None
        assert (shown.state, shown.by) == ("open", "shop/drill")
        assert at.gateway.context.plans.table.breakers["one"].origin.policy == "shop/settings"
        await at.policies(settings=settings)
        assert (at.view().state, at.view().consecutive_failures) == ("closed", 2)
        await at.fail(1)
        assert await at.said(1) == ["breaker_open"]


async def test_an_override_ends_by_the_gateways_own_clock_without_the_operator(tmp_path):
    async with live(tmp_path) as at:
        await at.policies(drill=override("Open", 1.2, UPSTREAM))
        assert await at.said(1) == ["breaker_open"]
        await at.server.stop()
        await at.become("closed")
        assert await at.said(1) == [200]
        await until(lambda: not at.gateway.context.plans.table.overrides, "the table without it")


async def test_an_override_of_the_past_has_no_effect(tmp_path):
    async with live(tmp_path) as at:
        await at.policies(drill=override("Open", -1))
        assert await at.said(1) == [200]
        assert at.view().override is None


async def test_forced_closed_lets_pass_what_an_open_breaker_would_refuse(tmp_path):
    settings = {"circuitBreaker": {"consecutiveFailures": 1, "openDuration": "1h"}}
    async with live(tmp_path) as at:
        await at.policies(settings=settings)
        await at.fail(1)
        await at.policies(settings=settings, incident=override("Closed", 3600))
        assert await at.said(2) == [200, 200]
        await at.policies(settings=settings)
        assert await at.said(1) == ["breaker_open"]


async def test_an_override_on_a_route_leaves_other_routes_alone_and_ends_in_the_shared_breaker(tmp_path):
    settings = {"circuitBreaker": {"consecutiveFailures": 2}}
    async with live(tmp_path) as at:
        await at.policies(settings=settings)
        await at.fail(1)
        await at.policies(settings=settings, drill=override("Open", 3600, ROUTE_A))
        assert await at.said(1, "/a") == ["breaker_open"]
        assert await at.said(1, "/b") == [200]
        assert at.view("one@a").settings.consecutive_failures == 2
        await at.policies(settings=settings)
        assert at.gateway.view.breaker("one@a") is None
        assert await at.said(1, "/a") == [200]


async def test_the_most_specific_live_override_wins_and_what_it_beat_follows(tmp_path):
    async with live(tmp_path) as at:
        await at.policies(wide=override("Open", 3600), narrow=override("Closed", 1.2, UPSTREAM))
        assert await at.said(1) == [200]
        await at.become("open")
        shown = at.view().override
        assert shown is not None
        assert shown.by == "shop/wide"


async def test_an_override_by_hand_lies_on_top_of_the_policys_and_gives_it_back(tmp_path):
    async with live(tmp_path) as at:
        await at.policies(drill=override("Open", 3600))
        breaker = at.gateway.breakers.known("one")
        assert breaker is not None
        breaker.override(OverrideState.CLOSED, 60.0, "admin", now_s(), wall_s())
        assert await at.said(1) == [200]
        await at.policies(drill=override("Open", 3000))
        assert await at.said(1) == [200]
        breaker.override(OverrideState.AUTO, 0.0, "admin", now_s(), wall_s())
        assert await at.said(1) == ["breaker_open"]


# many edits


async def test_a_hundred_edits_under_load_fail_no_request_and_the_last_one_stands(tmp_path):
    """Ten seconds' worth of edits as fast as they can be acknowledged."""
    async with live(tmp_path) as at:
        stop = asyncio.Event()
        seen: list[int] = []

        async def load():
            async with RawClient(at.gateway.port) as client:
                while not stop.is_set():
                    seen.append((await client.request("GET", "/a")).status)

        clients = [asyncio.create_task(load()) for _ in range(4)]
        for number in range(1, 101):
            rule = {"name": "all", "key": "Global", "requests": 1_000_000 + number, "period": "1m"}
            await at.policies(
                p={
                    "timeout": {"request": f"{number}s"},
                    "circuitBreaker": {
                        "consecutiveFailures": number,
                        "failureRate": {"percent": 50, "window": f"{1 + number % 9}s"},
                    },
                    "rateLimit": {"rules": [rule]},
                    "retry": {"attempts": number % 3},
                },
                **({"extra": override("Closed", 3600)} if number % 2 else {}),
            )
        stop.set()
        await asyncio.gather(*clients)
        assert len(seen) > 100
        assert set(seen) == {200}
        (a, _) = at.gateway.context.plans.table.routes
        assert a.timeout.value.request_s == 100.0
        assert at.gateway.counts.config_sequence == 100
        assert at.gateway.counts.config_applies["rejected"] == 0
        assert len(at.gateway.breakers.all()) == 1
