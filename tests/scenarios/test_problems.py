"""What the monitor's verdict is made of, through real sockets: each trouble comes, and goes when it is over."""

import contextlib

from tests.fakes.client import RawClient
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.valkey import Valkey
from tests.fakes.viewer import viewing

CONFIG = """
upstreams: {{cache: {{endpoints: ["{url}"]}}}}
routes: [{{name: all, match: {{path: {{prefix: /}}}}, upstream: cache, auth: none}}]
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 3, openDuration: 2s, failureOn: ["{failures}"]}}
      rateLimit: {{onStoreFailure: Closed, rules: [{{name: per-client, key: Client, requests: 1000, period: 1m}}]}}
"""


@contextlib.asynccontextmanager
async def watched(folder, failures="5xx", **variables):
    async with RecorderUpstream() as upstream:
        config = CONFIG.format(url=upstream.url, failures=failures)
        async with (
            running_gateway(config=config, folder=folder, **variables) as gateway,
            viewing(gateway.port) as viewer,
            RawClient(gateway.port) as client,
        ):
            yield upstream, client, Problems(viewer)


class Problems:
    """What a viewer is told that is wrong."""

    def __init__(self, viewer) -> None:
        self.viewer = viewer

    @property
    def kinds(self) -> list[str]:
        return [row["kind"] for row in self.viewer.panels["problems"]["rows"]]

    def of(self, kind):
        (row,) = [row for row in self.viewer.panels["problems"]["rows"] if row["kind"] == kind]
        return row

    async def until(self, *kinds, timeout_s=DEADLINE_S) -> None:
        wanted = f"{kinds} instead of {self.kinds}"
        await self.viewer.until(lambda: self.kinds == list(kinds), wanted, timeout_s)


async def statuses(client, times):
    return [(await client.request("GET", "/")).status for _ in range(times)]


async def test_a_breaker_is_a_problem_until_it_closes_and_leaves_no_errors_behind(tmp_path):
    async with watched(tmp_path) as (upstream, client, problems):
        assert problems.kinds == []
        for _ in range(4):
            upstream.reply(503)
        assert await statuses(client, 3) == [503] * 3
        await problems.until("breaker")
        down = problems.of("breaker")
        assert (down["subject"], down["state"], down["reason"]) == ("cache", "open", "consecutive_failures")
        await problems.viewer.until(lambda: problems.of("breaker")["state"] == "half_open", "half-open")
        assert await statuses(client, 1) == [503]
        await problems.viewer.until(lambda: problems.of("breaker")["failedProbes"] == 1, "the failed probe")
        assert problems.of("breaker")["since"] == down["since"]
        await problems.viewer.until(lambda: problems.of("breaker")["state"] == "half_open", "half-open again")
        assert await statuses(client, 1) == [200]
        await problems.until()
        await problems.viewer.next()
        assert problems.kinds == [], "the failures before it closed are no news"


async def test_errors_that_no_breaker_counts_are_a_problem_all_the_same(tmp_path):
    async with watched(tmp_path, failures="503") as (upstream, client, problems):
        for _ in range(4):
            upstream.reply(500)
        assert await statuses(client, 8) == [500] * 4 + [200] * 4
        await problems.until("errors")
        errors = problems.of("errors")
        assert (errors["subject"], errors["ownShare"], errors["share"]) == ("", 0.5, 0.5)
        traffic = problems.viewer.rest["traffic"]
        assert traffic["failed"] == 0.4
        assert traffic["rejected"] == {"breaker": 0.0, "limit": 0.0, "key": 0.0, "other": 0.0}


async def test_a_limit_store_that_is_gone_is_the_problem_and_not_the_limits_that_wait_for_it(tmp_path):
    with Valkey(tmp_path) as valkey:
        async with watched(tmp_path, REDIS_URL=valkey.url) as (_, client, problems):
            assert await statuses(client, 1) == [200]
            valkey.kill()
            await problems.viewer.until(lambda: "store" in problems.kinds, "the store to be missed")
            assert 503 in await statuses(client, 5)
            await problems.viewer.until(lambda: problems.of("store")["lostPerS"] > 0, "what it costs")
            assert problems.kinds == ["store"]
            valkey.start()
            await problems.viewer.until(lambda: "store" not in problems.kinds, "the store to be back")
            assert problems.kinds == [], "what was rejected meanwhile is no news of the limit"
