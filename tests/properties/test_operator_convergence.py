"""After any edits, faults and restarts, once it is quiet, every gateway's table is a pure function of the
policies that exist, and every status says what the fleet does."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.config.sync.message_codec import decode_request, encode_request
from app.config.sync.messages import Applied, SyncRequest
from app.config.sync.snapshot import MAX_SEQUENCE, SNAPSHOT_KEY
from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.kube.resources import Pod
from app.operator.policy.compile import compile_policies
from app.operator.policy.conditions import condition_of
from app.operator.serving.operator_view import OperatorView
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator
from tests.fakes.synced_gateway import SyncedGateway, table_of

NAMES = ("a", "b", "c")
PODS = ("gw-0", "gw-1", "gw-2")
STANZAS: dict[str, Any] = {
    "timeout": {"request": "10s"},
    "retry": {"attempts": 1},
    "circuitBreaker": {"consecutiveFailures": 5},
}

EDIT: dict[str, Any] = {"targetRefs": [{"kind": "Gateway"}], "retry": STANZAS["retry"]}

targets = st.sampled_from(
    [
        {"kind": "Gateway"},
        {"kind": "Gateway", "name": "edge"},
        {"kind": "Route", "name": "orders"},
        {"kind": "Route", "name": "carts"},
        {"kind": "Route", "name": "unknown"},
    ]
)
specs = st.builds(
    lambda target, stanzas, request: {
        "targetRefs": [target],
        **{name: ({"request": request} if name == "timeout" else STANZAS[name]) for name in stanzas},
    },
    targets,
    st.sets(st.sampled_from(sorted(STANZAS)), min_size=1),
    st.sampled_from(["1s", "2s", "99h99", "1500ms"]),  # one is not valid
)
names, pods, operators = st.sampled_from(NAMES), st.sampled_from(PODS), st.sampled_from([0, 1])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), names, specs),
        st.tuples(st.just("delete"), names),
        st.tuples(st.just("round"), operators),
        st.tuples(st.just("round_away"), operators),
        st.tuples(st.just("round_raced"), operators),
        st.tuples(st.just("crash_before_serving"), operators),
        st.tuples(st.just("restart_operator"), operators),
        st.tuples(st.just("lose_snapshot")),
        st.tuples(st.just("lose_all")),
        st.tuples(st.just("statuses"), operators),
        st.tuples(st.just("sync"), operators, pods),
        st.tuples(st.just("sync_answer_lost"), operators, pods),
        st.tuples(st.just("sync_twice"), operators, pods),
        st.tuples(st.just("replay"), operators, pods),
        st.tuples(st.just("restart_gateway"), pods),
        st.tuples(st.just("remove_pod"), pods),
        st.tuples(st.just("add_pod"), pods),
        st.tuples(st.just("lie"), operators, st.integers(0, 9), st.sampled_from([1, 7, MAX_SEQUENCE])),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 2.0, 12.0, 90.0])),
    ),
    min_size=5,
    max_size=50,
)


class World:
    """One cluster, two operators (a rollout), three gateways, one of them older; a clock set by hand.

    Beside them a pod with a gateway's token that takes no traffic and says what it likes.
    """

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.cluster = FakeCluster()
        self.operators = [self.new_operator(), self.new_operator()]
        self.gateways = {
            name: SyncedGateway(
                Pod(f"uid-{name}", name, "shop", "edge"), ("retry",) if name == "gw-2" else ()
            )
            for name in PODS
        }
        self.liar = SyncedGateway(Pod("uid-liar", "liar", "shop", "edge"))
        self.recorded: list[SyncRequest] = []
        self.served: set[tuple[str, int, str]] = set()
        self.written: dict[str, str] = {}
        self.history: set[tuple[str, str, int]] = set()
        for gateway in self.gateways.values():
            self.cluster.add_pod(gateway.pod)

    def new_operator(self) -> HandDrivenOperator:
        clock = Clock(lambda: self.now_s, lambda: 1_800_000_000.0 + self.now_s)
        return HandDrivenOperator(self.cluster, clock)

    @classmethod
    async def begun(cls) -> "World":
        """One where two policies are in force everywhere."""
        world = cls()
        world.cluster.apply("a", {"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": "5s"}})
        world.cluster.apply("b", {"targetRefs": [{"kind": "Gateway"}], "retry": {"attempts": 2}})
        for number in (0, 1):
            await world.operate("round", number)
            for name in PODS:
                await world.operate("sync", number, name)
            await world.operate("statuses", number)
        return world

    async def do(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("apply", name, spec):
                self.cluster.apply(name, spec)
            case ("delete", name):
                self.cluster.delete(name)
            case ("wait", seconds):
                self.now_s += seconds
            case ("lose_all",):
                self.cluster.lose_snapshot()
                self.operators = [self.new_operator(), self.new_operator()]
            case ("lose_snapshot",):
                self.cluster.lose_snapshot()
            case ("restart_gateway", name):
                self.gateways[name].boot(self.mounted())
                self.note(self.gateways[name])
            case ("remove_pod", name):
                self.cluster.remove_pod(f"uid-{name}")
            case ("lie", number, lineage, sequence):
                self.lie(self.operators[number % len(self.operators)], lineage, sequence)
            case ("add_pod", name):
                self.cluster.add_pod(self.gateways[name].pod)
            case (kind, number, *rest):
                await self.operate(kind, number, *rest)

    async def operate(self, kind: str, number: int, name: str = "") -> None:
        operator = self.operators[number]
        match kind:
            case "round":
                await self.round(operator)
            case "round_away":
                self.cluster.unavailable = True
                await self.round(operator)
                self.cluster.unavailable = False
            case "round_raced":
                await self.round(operator, between=lambda: self.cluster.lose_snapshot())
            case "crash_before_serving":
                await self.round(self.new_operator())
                self.operators[number] = self.new_operator()
            case "restart_operator":
                self.operators[number] = self.new_operator()
            case "statuses":
                await operator.write_statuses()
            case "replay" if self.recorded:
                operator.take_report(self.recorded[len(self.recorded) // 2])
            case "sync" | "sync_answer_lost" | "sync_twice":
                self.sync(operator, self.gateways[name], kind)

    def lie(self, operator: HandDrivenOperator, number: int, sequence: int) -> None:
        """0: of the lineage that is served, else of one that is made up."""
        served = None if operator.snapshot is None else operator.snapshot.lineage
        lineage = served if served is not None and number == 0 else str(UUID(int=number + 1))
        self.liar.restart_calls()
        applied = Applied(lineage, sequence, "0" * 64, 1.0)
        operator.take_report(replace(self.liar.request(), applied=applied))

    async def round(self, operator: HandDrivenOperator, between: Callable[[], None] = lambda: None) -> None:
        self.cluster.before_configmap_write = between
        try:
            await operator.round()
        except ClusterError:
            pass
        finally:
            self.cluster.before_configmap_write = lambda: None
        snapshot = operator.snapshot
        if snapshot is not None:
            self.served.add((snapshot.lineage, snapshot.sequence, snapshot.hash))

    def sync(self, operator: HandDrivenOperator, gateway: SyncedGateway, kind: str = "sync") -> bool:
        """Whether the gateway took something over."""
        request = decode_request(encode_request(gateway.request()))
        self.recorded.append(request)
        if not operator.take_report(request):
            if not operator.take_report(decode_request(encode_request(gateway.request()))):
                gateway.restart_calls()
            return False
        if kind == "sync_twice":
            assert not operator.take_report(request)
        news = operator.newer_for(request)
        if news is None or kind == "sync_answer_lost":
            return False
        gateway.take(news)
        self.note(gateway)
        return True

    def note(self, gateway: SyncedGateway) -> None:
        held = () if gateway.held is None else gateway.held.policies
        self.history |= {(gateway.pod.name, entry.uid, entry.generation) for entry in held}

    def mounted(self) -> bytes | None:
        return self.cluster.configmaps["tidegate-snapshot"].data.get(SNAPSHOT_KEY)

    async def quiet(self) -> None:
        """The rollout is over, everything answers, and enough time passes."""
        (operator,) = self.operators = self.operators[:1]
        for gateway in self.gateways.values():
            self.cluster.add_pod(gateway.pod)
        for _ in range(6):
            self.now_s += 11.0
            await self.round(operator)
            for gateway in self.gateways.values():
                while self.sync(operator, gateway):
                    pass
                self.sync(operator, gateway)
            await operator.write_statuses()

    async def check_tables(self) -> None:
        entries = compile_policies(await self.cluster.policies("shop")).entries
        for gateway in self.gateways.values():
            assert gateway.table == table_of(entries, gateway.lacks)

    async def check_statuses(self) -> None:
        policies = await self.cluster.policies("shop")
        verdicts = compile_policies(policies).verdicts
        for policy in policies:
            verdict, status = verdicts[policy.uid], policy.status
            assert status["observedGeneration"] == policy.generation
            unknown = "unknown" in str(policy.spec["targetRefs"])
            accepted = condition_of(status, "Accepted")
            programmed = condition_of(status, "Programmed")
            assert accepted is not None
            assert (accepted["status"] == "True") is (verdict.is_accepted and not unknown)
            if accepted["status"] != "True":
                assert programmed is None
                continue
            assert programmed is not None
            rejected = "retry" in policy.spec  # by the older gateway
            assert (programmed["status"], programmed["reason"]) == (
                ("False", "Rejected") if rejected else ("True", "Programmed")
            )
            assert status["gateways"]["summary"] == ("2/3" if rejected else "3/3")

    async def check_rest(self) -> None:
        """Nothing is written any more, however long one looks."""
        before = (self.cluster.calls["status"], self.cluster.version)
        for _ in range(3):
            self.now_s += 20.0
            for gateway in self.gateways.values():
                self.sync(self.operators[0], gateway)
            await self.round(self.operators[0])
            await self.operators[0].write_statuses()
        assert (self.cluster.calls["status"], self.cluster.version) == before


@settings(max_examples=60, deadline=None)
@given(steps)
@example([("lose_all",), ("restart_gateway", "gw-0"), ("sync", 0, "gw-0"), ("replay", 0, "gw-0")])
def test_once_quiet_every_table_is_a_function_of_the_policies_and_the_statuses_say_so(taken):
    async def play():
        world = await World.begun()
        for step in taken:
            await world.do(step)
        await world.quiet()
        await world.check_tables()
        await world.check_statuses()
        await world.check_rest()

    asyncio.run(play())


@settings(max_examples=40, deadline=None)
@given(steps)
@example([("apply", "a", EDIT), ("round", 0), ("lose_snapshot",), ("delete", "a"), ("round", 1)])
def test_no_number_of_a_lineage_is_ever_served_with_two_contents(taken):
    async def play():
        world = await World.begun()
        for step in taken:
            await world.do(step)
        numbers = [(lineage, sequence) for lineage, sequence, _ in world.served]
        assert len(numbers) == len(set(numbers))

    asyncio.run(play())


@settings(max_examples=40, deadline=None)
@given(steps)
def test_a_status_never_claims_what_a_gateway_does_not_serve(taken):
    """A status that says Programmed names a snapshot that, whenever it was applied, holds the policy."""

    async def play():
        world = await World.begun()
        for step in taken:
            await world.do(step)
            if step[0] == "statuses":
                await check_claims(world, step[1])

    async def check_claims(world: World, number: int) -> None:
        state = world.operators[number].state
        view = OperatorView(
            state.policies, state.fleet, state.served, state.attachments, state.counts, state.clock
        )
        asked = view.instances()
        served = {one.pod for one in asked if one.is_required and one.silent_s is not None}
        for policy in await world.cluster.policies("shop"):
            programmed = condition_of(policy.status, "Programmed")
            fresh = world.written.get(policy.uid) == policy.resource_version
            if not fresh and programmed is not None and programmed["status"] == "True":
                world.written[policy.uid] = policy.resource_version
                for name in served:
                    assert (name, policy.uid, programmed["observedGeneration"]) in world.history

    asyncio.run(play())
