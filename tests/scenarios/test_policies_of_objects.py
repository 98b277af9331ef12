"""Policies for objects of the cluster, in force at a gateway that serves its Gateways: limits, breakers, live edits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.config.sync.messages import SyncRequest
from app.config.sync.snapshot import PolicyEntry
from app.gateway.process import Gateway
from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.process import free_ports
from tests.fakes.sync_server import BESIDE_OPERATOR, SyncServer
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

ORDERS = "service/shop/orders/8080"
API = "gateway.networking.k8s.io"


def policy(name: str, target: dict[str, str], namespace: str = "shop", **stanzas: Any) -> PolicyEntry:
    group = "" if target["kind"] == "Service" else API
    return PolicyEntry(
        namespace, name, f"uid-{name}", 1, {"targetRefs": [{"group": group, **target}], **stanzas}
    )


def route(name: str, path: str, *listeners: str) -> dict[str, Any]:
    return {
        "name": name,
        "listeners": list(listeners),
        "match": {"path": {"prefix": path}},
        "upstream": ORDERS,
        "auth": "none",
    }


def limit(requests: int) -> dict[str, Any]:
    rule = {"name": "all", "key": "Global", "requests": requests, "period": "1h"}
    return {"rateLimit": {"rules": [rule]}}


class Cluster:
    """A gateway in namespace `tidegate` that serves two Gateways of other namespaces, a port each."""

    def __init__(self, server: SyncServer, gateway: Gateway, edge: int, inner: int) -> None:
        self._server, self._gateway, self.edge, self.inner = server, gateway, edge, inner

    async def apply(self, *policies: PolicyEntry) -> None:
        """As the operator's next snapshot, in force when this returns."""
        tables = {
            "listeners": [
                {"name": "infra/edge/http", "port": self.edge},
                {"name": "infra/inner/http", "port": self.inner},
            ],
            "upstreams": [{"name": ORDERS, "discovered": True}],
            "routes": [
                route("httproute/shop/web/cart", "/cart", "infra/edge/http", "infra/inner/http"),
                route("httproute/shop/web/1", "/orders", "infra/edge/http", "infra/inner/http"),
                route("httproute/shop/other/0", "/other", "infra/edge/http"),
            ],
        }
        await self._server.give(*policies, tables=tables)

    async def statuses(self, port: int, path: str, count: int) -> list[int]:
        """Returns once the whole gateway knows what came of them."""
        async with RawClient(port) as client:
            found = [(await client.request("GET", path)).status for _ in range(count)]
        await settled(self._gateway)
        return found

    @property
    def said(self) -> SyncRequest:
        """What the gateway said last to its operator."""
        return self._server.heard[-1].request

    async def breaker(self, name: str, state: str) -> None:
        """Returns once the gateway says that the breaker is in that state."""
        await until(lambda: (name, state) in self._breakers(), f"breaker {name} to be {state}")

    def _breakers(self) -> set[tuple[str, str]]:
        return {(breaker.name, breaker.state) for breaker in self.said.breakers}


@asynccontextmanager
async def cluster(status: int = 200) -> AsyncIterator[Cluster]:
    """Whose Service responds with `status`."""
    edge, inner = free_ports(2)
    async with RecorderUpstream() as upstream, SyncServer() as server:
        upstream.default = answers.reply(status)
        server.feeds.endpoints.replace({ORDERS: ((upstream.host, upstream.port),)})
        async with running_gateway(CONTROL_PLANE_URL=server.url, **BESIDE_OPERATOR) as gateway:
            made = Cluster(server, gateway, edge, inner)
            await made.apply()
            yield made


async def test_a_limit_for_an_httproute_is_one_for_its_rules_and_for_no_other_route():
    async with cluster() as made:
        await made.apply(policy("web", {"kind": "HTTPRoute", "name": "web"}, **limit(2)))
        assert await made.statuses(made.edge, "/cart", 1) == [200]
        assert await made.statuses(made.inner, "/orders", 2) == [200, 429]
        assert await made.statuses(made.edge, "/other", 3) == [200] * 3


async def test_a_rule_replaces_what_its_route_says_live():
    async with cluster() as made:
        whole = policy("web", {"kind": "HTTPRoute", "name": "web"}, **limit(1))
        rule = policy("cart", {"kind": "HTTPRoute", "name": "web", "sectionName": "cart"}, **limit(3))
        await made.apply(whole)
        assert await made.statuses(made.edge, "/cart", 2) == [200, 429]
        await made.apply(whole, rule)
        assert await made.statuses(made.edge, "/cart", 4) == [200, 200, 200, 429]
        assert await made.statuses(made.edge, "/orders", 1) == [429]
        await made.apply()
        assert await made.statuses(made.edge, "/cart", 4) == [200] * 4


async def test_a_limit_for_a_gateway_counts_what_comes_in_there_and_nothing_else():
    async with cluster() as made:
        await made.apply(policy("edge", {"kind": "Gateway", "name": "edge"}, "infra", **limit(2)))
        assert await made.statuses(made.edge, "/cart", 1) == [200]
        assert await made.statuses(made.edge, "/other", 2) == [200, 429]
        assert await made.statuses(made.inner, "/cart", 3) == [200] * 3


async def test_a_policy_reaches_objects_of_its_own_namespace_only():
    async with cluster() as made:
        await made.apply(
            policy("a", {"kind": "HTTPRoute", "name": "web"}, "far", **limit(0)),
            policy("b", {"kind": "Gateway", "name": "edge"}, "shop", **limit(0)),
            policy("c", {"kind": "GRPCRoute", "name": "web"}, "shop", **limit(0)),
        )
        assert await made.statuses(made.edge, "/cart", 2) == [200, 200]


async def test_a_services_breaker_opens_for_every_route_and_is_reported_with_its_policy():
    async with cluster(503) as made:
        assert await made.statuses(made.edge, "/cart", 5) == [503] * 5
        await made.apply(
            policy("orders", {"kind": "Service", "name": "orders"}, circuitBreaker={"consecutiveFailures": 2})
        )
        await made.breaker(ORDERS, "closed")
        await made.statuses(made.edge, "/cart", 2)
        async with RawClient(made.inner) as client:
            rejected = await client.request("GET", "/orders")
        assert (rejected.status, rejected.get("Tidegate-Reason")) == (503, "breaker_open")
        await made.breaker(ORDERS, "open")
        (reported,) = [each for each in made.said.breakers if each.name == ORDERS]
        assert reported.policies == ("uid-orders",)


async def test_a_gateways_breaker_opens_for_its_own_requests():
    async with cluster(503) as made:
        breaker = {"circuitBreaker": {"consecutiveFailures": 1}}
        await made.apply(policy("edge", {"kind": "Gateway", "name": "edge"}, "infra", **breaker))
        await made.statuses(made.edge, "/cart", 1)
        reasons = {}
        for port in (made.edge, made.inner):
            async with RawClient(port) as client:
                reasons[port] = (await client.request("GET", "/cart")).get("Tidegate-Reason")
        assert reasons == {made.edge: "breaker_open", made.inner: ""}
        await made.breaker(f"{ORDERS}@gateway/infra/edge", "open")


async def test_targets_of_the_cluster_are_not_said_again_by_every_gateway():
    async with cluster() as made:
        targets = made.said.targets
        assert (targets.routes, targets.upstreams) == (("default",), ("cache",))
