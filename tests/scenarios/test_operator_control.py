"""The operator's loop and its sync port, against an API server in memory and gateways that poll."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.config.sync.messages import REPORT_PATH, SYNC_PATH, BreakerReport, TransitionReport, encode_request
from app.config.sync.snapshot import SNAPSHOT_KEY, decode, pack, seal
from app.foundation.errors import ClusterError
from app.operator.clock import REAL, Clock
from app.operator.kube.resources import Pod, TokenBearer
from app.operator.policy.status import condition_of
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator
from tests.fakes.synced_gateway import SyncedGateway
from tests.fakes.waiting import until

SPEC = {"targetRefs": [{"kind": "Route", "name": "orders"}], "timeout": {"request": "10s"}}
LINEAGE = "11111111-2222-3333-4444-555555555555"


class Answer:
    def __init__(self) -> None:
        self.status, self.body = 0, b""
        self.headers: dict[str, str] = {}

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


class Bench:
    """An operator and what it talks to."""

    def __init__(self, cluster: FakeCluster, clock: Clock = REAL) -> None:
        self.cluster = cluster
        self.operator = HandDrivenOperator(cluster, clock)
        self.counts = self.operator.counts
        self.api = self.operator.sync_api("gateway")
        cluster.on_change = self.operator.plane.trigger.request
        self.hangup = asyncio.Event()

    @property
    def policies(self) -> int:
        return len(self.operator.state.policies)

    async def post(self, path: str, body: bytes = b"{}", token: str = "", method: str = "POST") -> Answer:
        answer, parts = Answer(), [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            if parts:
                return parts.pop()
            await self.hangup.wait()
            return {"type": "http.disconnect"}

        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {"type": "http", "path": path, "method": method, "headers": headers}
        await self.api(scope, receive, answer.take)
        return answer

    async def sync(self, gateway: SyncedGateway, wait_s: int = 0, path: str = SYNC_PATH) -> Answer:
        answer = await self.post(path, encode_request(gateway.request(wait_s)), f"a.b.{gateway.pod.uid}")
        if answer.status == 200:
            gateway.take(answer.body)
        return answer

    def gateway(self, name: str) -> SyncedGateway:
        made = SyncedGateway(Pod(f"uid-{name}", name, "shop", "edge"))
        self.cluster.tokens[f"a.b.uid-{name}"] = TokenBearer("shop", "gateway", name, f"uid-{name}")
        self.cluster.add_pod(made.pod)
        return made

    def condition(self, name: str, kind: str = "Programmed") -> tuple[str, str]:
        found = condition_of(self.cluster.status_of(name), kind)
        return ("", "") if found is None else (found["status"], found["reason"])


@asynccontextmanager
async def running(cluster: FakeCluster | None = None) -> AsyncIterator[Bench]:
    bench = Bench(FakeCluster() if cluster is None else cluster)
    task = asyncio.ensure_future(bench.operator.plane.run())
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def polling(bench: Bench, *gateways: SyncedGateway) -> AsyncIterator[None]:
    async def poll(gateway: SyncedGateway) -> None:
        while True:
            answer = await bench.sync(gateway, 25)
            if answer.status not in (200, 204):
                await asyncio.sleep(0.05)

    tasks = [asyncio.ensure_future(poll(gateway)) for gateway in gateways]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def listed(bench: Bench) -> Callable[[], bool]:
    return lambda: bench.operator.state.policies.has_synced


async def test_an_edit_reaches_every_gateway_and_then_the_status():
    async with running() as bench:
        gateways = [bench.gateway(f"gw-{number}") for number in range(3)]
        async with polling(bench, *gateways):
            bench.cluster.apply("orders", SPEC)
            await until(lambda: bench.condition("orders") == ("True", "Programmed"), "Programmed")
        assert bench.cluster.status_of("orders")["gateways"]["summary"] == "3/3"
        assert {len(one.held.policies) for one in gateways if one.held} == {1}


async def test_an_edit_that_reaches_everybody_at_once_costs_one_status_write():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        async with polling(bench, gateway):
            await until(lambda: gateway.held is not None, "the first snapshot")
            bench.cluster.apply("orders", SPEC)
            await until(lambda: bench.condition("orders") == ("True", "Programmed"), "Programmed")
        assert bench.cluster.calls["status"] == 1


async def test_the_time_from_an_edit_to_the_last_acknowledgement_is_counted():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        async with polling(bench, gateway):
            await until(lambda: gateway.held is not None, "the first snapshot")
            bench.cluster.apply("orders", SPEC)
            await until(lambda: sum(bench.counts.lag_cells) == 1, "the lag")


async def test_an_api_server_that_is_away_changes_nothing_and_the_edit_lands_afterwards():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        async with polling(bench, gateway):
            await until(lambda: gateway.held is not None, "the first snapshot")
            bench.cluster.away = True
            bench.cluster.apply("orders", SPEC)
            await until(lambda: bench.counts.reconciles["failed"] > 0, "a failure")
            assert gateway.held is not None
            bench.cluster.away = False
            await until(lambda: bench.condition("orders") == ("True", "Programmed"), "Programmed")


async def test_a_restarted_operator_serves_the_configmaps_snapshot_before_it_listed():
    cluster = FakeCluster()
    async with running(cluster) as bench:
        cluster.apply("orders", SPEC)
        await until(lambda: bench.policies == 1, "the list")
    before = decode(cluster.configmaps["tidegate-snapshot"].data[SNAPSHOT_KEY])
    async with running(cluster) as again:
        await until(listed(again), "the list")
        assert again.operator.snapshot == before


async def test_two_operators_agree_on_one_lineage():
    cluster = FakeCluster()
    async with running(cluster) as first, running(cluster) as second:

        def tell(why: str) -> None:
            first.operator.plane.trigger.request(why)
            second.operator.plane.trigger.request(why)

        cluster.on_change = tell
        for number in range(5):
            cluster.apply("orders", {**SPEC, "timeout": {"request": f"{number + 1}s"}})
            await asyncio.sleep(0)
        await until(
            lambda: first.operator.snapshot == second.operator.snapshot and first.policies == 1, "one"
        )


async def test_a_lost_configmap_is_written_again_in_a_lineage_that_replaces_the_lost_one():
    """Another operator may have served on in the old one: its next numbers are nobody's to give."""
    async with running() as bench:
        await until(listed(bench), "the list")
        before = bench.operator.snapshot
        assert before is not None
        bench.cluster.lose_snapshot()
        bench.operator.plane.trigger.request("look")
        await until(lambda: SNAPSHOT_KEY in bench.cluster.configmaps["tidegate-snapshot"].data, "the content")
        after = decode(bench.cluster.configmaps["tidegate-snapshot"].data[SNAPSHOT_KEY])
        assert (after.sequence, after.policies) == (1, before.policies)
        assert after.lineage != before.lineage
        assert after.replaces == (before.lineage,)


async def test_a_lineage_that_gateways_alone_remember_is_replaced():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        gateway.take(pack(seal(LINEAGE, 900, [], complete=True)))
        async with polling(bench, gateway):
            await until(
                lambda: gateway.held is not None and gateway.held.lineage != LINEAGE, "the new lineage"
            )
        assert gateway.held is not None
        assert LINEAGE in gateway.held.replaces


async def test_a_garbled_configmap_begins_a_new_lineage_and_is_no_end():
    cluster = FakeCluster()
    stored = cluster.configmaps["tidegate-snapshot"]
    cluster.configmaps["tidegate-snapshot"] = replace(stored, data={SNAPSHOT_KEY: b"garbage"})
    async with running(cluster) as bench:
        await until(listed(bench), "the list")
        assert bench.operator.snapshot is not None
        assert bench.operator.snapshot.sequence == 1


async def test_a_status_that_somebody_else_wrote_meanwhile_is_judged_anew():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        async with polling(bench, gateway):
            bench.cluster.apply("orders", SPEC)
            await until(lambda: bench.condition("orders") == ("True", "Programmed"), "Programmed")
        foreign = {"type": "x.io/Seen", "status": "True", "reason": "R", "message": ""}
        bench.cluster.edit_status("orders", {"conditions": [foreign]})
        gateway.routes = ()  # changes what the status must say
        await bench.sync(gateway, path=REPORT_PATH)
        await until(
            lambda: bench.condition("orders", "Accepted") == ("False", "TargetNotFound"), "the status"
        )
        assert foreign in bench.cluster.status_of("orders")["conditions"]
        assert bench.counts.status_writes["conflict"] == 1


async def test_a_snapshot_too_large_for_a_configmap_keeps_the_last_one(monkeypatch):
    monkeypatch.setattr("app.config.sync.snapshot.MAX_PACKED_BYTES", 400)
    async with running() as bench:
        await until(listed(bench), "the list")
        for number in range(40):
            bench.cluster.apply(
                f"p{number}", {**SPEC, "targetRefs": [{"kind": "Route", "name": f"r{number}"}]}
            )
        await until(lambda: bench.counts.reconciles["too_large"] > 0, "the fault")
        assert bench.operator.snapshot is not None
        assert bench.operator.snapshot.policies == ()


async def test_breakers_show_in_the_status_and_as_events():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        spec = {
            "targetRefs": [{"kind": "Upstream", "name": "shop"}],
            "circuitBreaker": {"consecutiveFailures": 3},
        }
        bench.cluster.apply("shop", spec)
        uid = bench.cluster.bodies["shop", "shop"]["metadata"]["uid"]
        async with polling(bench, gateway):
            await until(lambda: bench.condition("shop") == ("True", "Programmed"), "Programmed")
        gateway.breakers = (BreakerReport("shop", "open", 1.0, "consecutive_failures", (uid, "uid-gone")),)
        gateway.transitions = (
            TransitionReport(1, "shop", "closed", "open", "consecutive_failures", 1.0, (uid, "uid-gone")),
        )
        assert (await bench.sync(gateway, path=REPORT_PATH)).status == 204
        await until(lambda: bench.cluster.status_of("shop").get("breakerSummary") == "open 1/1", "open 1/1")
        await until(lambda: ("BreakerOpened", "shop", 1) in bench.cluster.told(), "the event")


async def test_a_limit_store_that_goes_is_told_on_the_policies_that_need_it():
    rules = [{"name": "r", "key": "Client", "requests": 5, "period": "1s"}]
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        bench.cluster.apply("limited", {"targetRefs": [{"kind": "Gateway"}], "rateLimit": {"rules": rules}})
        bench.cluster.apply("orders", SPEC)
        await until(lambda: bench.policies == 2, "the list")
        for up in (True, False, True):
            gateway.limit_store_up = up
            await bench.sync(gateway, path=REPORT_PATH)
        await until(lambda: len(bench.cluster.events) == 2, "the events")
        assert sorted(bench.cluster.told()) == [
            ("LimitStoreDown", "limited", 1),
            ("LimitStoreUp", "limited", 1),
        ]


async def test_a_refusing_gateway_is_counted():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        gateway.lacks = ("timeout",)
        bench.cluster.apply("orders", SPEC)
        async with polling(bench, gateway):
            await until(lambda: bench.condition("orders") == ("False", "Rejected"), "Rejected")
        assert bench.counts.nacks == {"policy": 1}


async def test_parked_polls_are_answered_when_the_operator_ends():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        await until(listed(bench), "the list")
        await bench.sync(gateway)
        parked = asyncio.ensure_future(bench.sync(gateway, 25))
        await asyncio.sleep(0)
        bench.operator.state.served.close()
        assert (await parked).status == 204


async def test_a_poll_whose_client_hung_up_is_let_go():
    async with running() as bench:
        gateway = bench.gateway("gw-0")
        await until(listed(bench), "the list")
        await bench.sync(gateway)
        parked = asyncio.ensure_future(bench.sync(gateway, 25))
        await asyncio.sleep(0)
        bench.hangup.set()
        assert (await parked).status == 204


async def test_answers_tell_how_many_gateways_share_the_traffic():
    async with running() as bench:
        first, _ = bench.gateway("gw-0"), bench.gateway("gw-1")
        await until(lambda: bench.operator.state.fleet.count_in("shop") == 2, "both")
        assert (await bench.sync(first)).headers["tidegate-gateways"] == "2"


async def test_before_the_first_snapshot_a_gateway_is_told_to_come_again():
    cluster = FakeCluster()
    cluster.away = True
    bench = Bench(cluster)
    gateway = bench.gateway("gw-0")
    cluster.away = False
    answer = await bench.sync(gateway)
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("secret", 401), ("a.b.unknown", 401), ("a.b.other-account", 403), ("a.b.elsewhere", 403)],
)
async def test_a_stranger_is_refused_before_its_body_is_read(token, status):
    bench = Bench(FakeCluster())
    bench.cluster.tokens["a.b.other-account"] = TokenBearer("shop", "other", "p", "u")
    bench.cluster.tokens["a.b.elsewhere"] = TokenBearer("elsewhere", "gateway", "p", "u")
    assert (await bench.post(SYNC_PATH, b"not even JSON", token)).status == status


@pytest.mark.parametrize(
    ("namespace", "account", "status"),
    [
        ("shop", "gateway", 400),
        ("team", "edge", 400),
        ("team", "gateway", 403),
        ("shop", "edge", 403),
        ("evil", "gateway", 403),
        ("evil", "edge", 403),
    ],
)
async def test_a_service_account_of_the_same_name_elsewhere_is_a_stranger(namespace, account, status):
    """Whoever has a namespace can make a service account of any name in it; 400 is about the body."""
    bench = Bench(FakeCluster())
    bench.api = bench.operator.sync_api("gateway", "team/edge")
    bench.cluster.tokens["a.b.c"] = TokenBearer(namespace, account, "p", "u")
    assert (await bench.post(SYNC_PATH, b"not even JSON", "a.b.c")).status == status


async def test_wrong_tokens_are_asked_about_ten_times_a_second_and_right_ones_go_on():
    now = [1_000.0]
    bench = Bench(FakeCluster(), Clock(lambda: now[0], lambda: 1_800_000_000.0))
    mine = bench.gateway("gw-0")
    assert (await bench.sync(mine)).status == 503
    statuses = [(await bench.post(SYNC_PATH, b"", f"a.b.guess-{number}")).status for number in range(50)]
    assert statuses == [401] * 10 + [429] * 40
    assert bench.cluster.calls["review"] == 11
    assert (await bench.sync(mine)).status == 503  # as before: no list completed yet
    now[0] += 1.0
    assert (await bench.post(SYNC_PATH, b"", "a.b.guess")).status == 401


async def test_another_pods_acknowledgement_is_refused_and_counted():
    bench = Bench(FakeCluster())
    mine, other = bench.gateway("gw-0"), bench.gateway("gw-1")
    answer = await bench.post(SYNC_PATH, encode_request(other.request()), f"a.b.{mine.pod.uid}")
    assert answer.status == 403
    assert bench.counts.sync_responses[SYNC_PATH, "403", "other_instance"] == 1


async def test_a_replayed_acknowledgement_is_refused_and_counted():
    bench = Bench(FakeCluster())
    mine = bench.gateway("gw-0")
    body = encode_request(mine.request())
    statuses = [(await bench.post(REPORT_PATH, body, f"a.b.{mine.pod.uid}")).status for _ in range(2)]
    assert statuses == [204, 409]
    assert bench.counts.sync_responses[REPORT_PATH, "409", "replayed"] == 1


async def test_a_malformed_body_is_refused_with_its_faults():
    bench = Bench(FakeCluster())
    mine = bench.gateway("gw-0")
    answer = await bench.post(SYNC_PATH, b'{"instance": 5}', f"a.b.{mine.pod.uid}")
    assert (answer.status, b"instance: is a number" in answer.body) == (400, True)


async def test_a_body_that_is_too_large_is_refused():
    bench = Bench(FakeCluster())
    mine = bench.gateway("gw-0")
    assert (await bench.post(SYNC_PATH, bytes(3 << 20), f"a.b.{mine.pod.uid}")).status == 413


async def test_who_it_is_cannot_be_told_while_the_api_server_is_away():
    bench = Bench(FakeCluster())
    mine = bench.gateway("gw-0")
    bench.cluster.away = True
    assert (await bench.sync(mine)).status == 503


async def test_a_verdict_on_a_token_is_asked_for_once():
    bench = Bench(FakeCluster())
    mine = bench.gateway("gw-0")
    for _ in range(3):
        await bench.sync(mine, path=REPORT_PATH)
    assert bench.cluster.calls["review"] == 1


@pytest.mark.parametrize(("path", "method", "status"), [("/", "POST", 404), (SYNC_PATH, "GET", 405)])
async def test_other_paths_and_methods_are_refused(path, method, status):
    assert (await Bench(FakeCluster()).post(path, method=method)).status == status


async def test_what_is_no_http_is_let_go():
    bench = Bench(FakeCluster())
    sent: list[Any] = []

    async def nothing() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await bench.api({"type": "lifespan"}, nothing, send)
    assert sent == []


async def test_events_that_cannot_be_posted_are_counted_and_let_go():
    async with running() as bench:
        bench.cluster.apply("a", SPEC)
        bench.cluster.apply("b", SPEC)

        async def refuse(_: Any) -> None:
            raise ClusterError("post an event in", "shop", 403, "forbidden")

        bench.cluster.post_event = refuse  # type: ignore[method-assign, assignment]
        await until(lambda: bench.counts.events["failed"] == 1, "the failure")
