"""Thousands of routes of a cluster: from an edit at the API server to the response at the gateway.

    python -m tests.bench.routes_of_a_cluster [--routes 3000] [--services 1000] [--gateways 2] [--simulated 8]

The API server is the one in memory (`tests/fakes/kubernetes_server.py`) and shares this process with the simulated
gateways; pods and load are in a process of their own (`pods.py`), and the operator and the gateways are the real
programs. Prints a table and asserts nothing. All of it runs on one machine: what else runs there is part of every
figure. SIGTERM ends all of them.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.config.sync.messages import SyncRequest
from app.operator.kube.kinds import GATEWAY, HTTP_ROUTE
from app.operator.kube.resources import Pod, TokenBearer
from tests.bench.cluster_objects import GATEWAYS, Site
from tests.bench.operator_scale import LightGateway, percentile, usage
from tests.bench.pods import Loaded, Pods, running_pods
from tests.fakes.client import RawClient
from tests.fakes.fleet import Fleet, FleetGateway, running_fleet
from tests.fakes.objects import FakeObjects
from tests.fakes.synced_caller import Caller

CONFIG = """
upstreams: {none: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: none, match: {path: {prefix: /}}, upstream: none, auth: none}]
"""
SETTLE_S = 240.0
CHANGE_S = 30.0
PROBE_S = 0.002
REST_S = 10.0
CLIENTS = 4
GRACE_S = 2.0  # how long a pod still serves after its endpoint went: a preStop hook
ROLL_S = 0.5


class PollingGateway(LightGateway):
    """Says that it bound every port of the tables that it holds."""

    def request(self, wait_s: int = 25) -> SyncRequest:
        tables: Mapping[str, Any] = (self.held.tables if self.held else None) or {}
        ports = {int(one["port"]) for one in tables.get("listeners", ())}
        return replace(super().request(wait_s), ports=tuple(sorted(ports)))


async def until(condition: Callable[[], bool], what: str, seconds: float = SETTLE_S) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        await asyncio.sleep(0.05)


async def until_header(client: RawClient, host: str, name: str, value: str, began_s: float) -> float:
    """Seconds from `began_s` until a response says it."""
    while True:
        response = await client.request("GET", "/", [("Host", host)])
        if response.get(name) == value:
            return time.monotonic() - began_s
        if time.monotonic() - began_s > CHANGE_S:
            raise TimeoutError(
                f"{host}: {name} is {response.get(name)!r} and not {value!r} after {CHANGE_S:g} s"
            )
        await asyncio.sleep(PROBE_S)


async def last_of_all(fleet: Fleet, site: Site, number: int, name: str, value: str) -> float:
    """Seconds from now until the last real gateway responds so for route `number`."""
    began_s, port = time.monotonic(), site.port_of(f"web-{number % GATEWAYS}")

    async def one(gateway: FleetGateway) -> float:
        async with RawClient(port, gateway.host, timeout_s=CHANGE_S) as client:
            return await until_header(client, f"r{number}.example", name, value, began_s)

    return max(await asyncio.gather(*(one(gateway) for gateway in fleet.gateways)))


async def edits(fleet: Fleet, site: Site, options: argparse.Namespace) -> list[float]:
    took_s = []
    for turn in range(options.edits):
        number = 1 + turn * 29 % (options.routes - 1)
        site.route(number, 1 + turn)
        took_s.append(await last_of_all(fleet, site, number, "X-Edition", str(1 + turn)))
    return took_s


async def endpoint_changes(fleet: Fleet, site: Site, pods: Pods, options: argparse.Namespace) -> list[float]:
    """Each from one pod to the other and back."""
    other, took_s = await pods.open(), []
    for turn in range(options.edits):
        number = 1 + turn // 2 * 31 % (min(options.services, options.routes) - 1)
        pod = site.pod if turn % 2 else other
        site.endpoints(number, pod)
        took_s.append(await last_of_all(fleet, site, number, "X-Pod", str(pod)))
    return took_s


@dataclass(frozen=True)
class Storm:
    """`loaded`: what the load found; `rolled_s`: when each pod became the endpoint, by its port, in order."""

    loaded: Loaded
    rolled_s: Mapping[int, float]

    def lags_s(self) -> list[float]:
        """Of each pod, until the last gateway sent a request to it or to one that came after it."""
        order = list(self.rolled_s)
        lags_s = []
        for place, pod in enumerate(order):
            used_s = [
                min(seen_s[one] for one in order[place:] if one in seen_s)
                for seen_s in self.loaded.seen_s.values()
                if any(one in seen_s for one in order[place:])
            ]
            if len(used_s) == len(self.loaded.seen_s):
                lags_s.append(max(used_s) - self.rolled_s[pod])
        return lags_s


async def storm(fleet: Fleet, site: Site, pods: Pods, options: argparse.Namespace) -> Storm:
    """Routes change while the pod behind the loaded route is replaced again and again."""
    rolled_s: dict[int, float] = {}
    await _roll(site, pods, rolled_s)
    await last_of_all(fleet, site, 0, "X-Pod", str(list(rolled_s)[-1]))
    port = site.port_of("web-0")
    await pods.load({one.name: (one.host, port) for one in fleet.gateways}, "r0.example", CLIENTS)
    is_over = asyncio.Event()
    rolling = asyncio.ensure_future(_roll_on(site, pods, rolled_s, is_over))
    for turn in range(options.storm):
        site.route(1 + turn % (options.routes - 1), 100_000 + turn)
        await asyncio.sleep(options.storm_s / options.storm)
    last = 1 + (options.storm - 1) % (options.routes - 1)
    await last_of_all(fleet, site, last, "X-Edition", str(100_000 + options.storm - 1))
    is_over.set()
    await rolling
    loaded = await pods.loaded()
    # its endpoint goes before the pod does, for whoever uses the Service next
    site.endpoints(0, site.pod)
    await last_of_all(fleet, site, 0, "X-Pod", str(site.pod))
    await pods.close(list(rolled_s)[-1])
    return Storm(loaded, rolled_s)


async def _roll_on(site: Site, pods: Pods, rolled_s: dict[int, float], is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        await _roll(site, pods, rolled_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(ROLL_S):
                await is_over.wait()


async def _roll(site: Site, pods: Pods, rolled_s: dict[int, float]) -> None:
    """A new pod takes the place of the last one, which serves a little longer."""
    before, pod = list(rolled_s)[-1:], await pods.open()
    site.endpoints(0, pod)
    rolled_s[pod] = time.monotonic()
    for one in before:
        await pods.close(one, after_s=GRACE_S)


class Flips:
    """Probes every real gateway at the moment that the status of `flip` says True.

    `early`: what they found that did not serve it yet; `unreachable`: how many served it, but did not reach the pod.
    """

    def __init__(self, fleet: Fleet, site: Site) -> None:
        self.early: list[str] = []
        self.done = self.unreachable = 0
        self.took_s: list[float] = []
        self._fleet, self._site = fleet, site
        self._moment = asyncio.Event()
        self._generation = 0
        wake = site.objects.on_change

        def look() -> None:
            if site.is_programmed("flip", self._generation):
                self._moment.set()
            wake()

        site.objects.on_change = look

    async def turn(self, number: int) -> None:
        self._generation = int(self._site.stored(GATEWAY, "flip")["metadata"]["generation"]) + 1
        self._moment.clear()
        began_s = time.monotonic()
        self._site.flip(number)
        async with asyncio.timeout(CHANGE_S):
            await self._moment.wait()
        self.took_s.append(time.monotonic() - began_s)
        port, host = self._site.port_of("flip"), f"flip{number}.example"
        await asyncio.gather(*(self._probe(one, port, host) for one in self._fleet.gateways))
        self.done += 1

    async def _probe(self, gateway: FleetGateway, port: int, host: str) -> None:
        try:
            async with RawClient(port, gateway.host, timeout_s=CHANGE_S) as client:
                response = await client.request("GET", "/", [("Host", host)])
                found = f"{response.status} {response.get('Tidegate-Reason')}"
        except OSError as error:
            found = str(error)
        if found == "502 upstream_connect":
            self.unreachable += 1
        elif not found.startswith("200"):
            self.early.append(f"{gateway.name}, {host} at {port}: {found}")


@asynccontextmanager
async def simulated(fleet: Fleet, folder: Path, count: int) -> AsyncIterator[None]:
    """Further gateways, which poll and say that they applied everything."""
    cluster = fleet.server.cluster
    async with AsyncExitStack() as stack:
        for number in range(count):
            name = f"polling-{number}"
            pod = Pod(f"uid-{name}", name, "shop", "edge")
            cluster.tokens[f"a.b.{pod.uid}"] = TokenBearer("shop", "tidegate-gateway", name, pod.uid)
            cluster.add_pod(pod)
            ca, token = (folder / "ca.crt").read_text(), f"a.b.{pod.uid}"
            caller = Caller(PollingGateway(pod), fleet.sync_url, lambda token=token: token, ca)  # type: ignore[misc]
            (await stack.enter_async_context(caller)).start()
        yield


Row = tuple[str, str]


def spread(name: str, values_s: list[float]) -> Row:
    p50, p99 = (percentile(values_s, share) * 1000 for share in (0.5, 0.99))
    return name, f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {max(values_s) * 1000:.0f} ms of {len(values_s)}"


def memory(fleet: Fleet, when: str) -> Row:
    gateways = ", ".join(f"{usage(one.child.pid)[1]:.0f}" for one in fleet.gateways)
    return f"resident MiB, {when}", f"operator {usage(fleet.operator.pid)[1]:.0f}; gateways {gateways}"


async def rest(fleet: Fleet) -> Row:
    """CPU of the operator and of the first gateway while nothing changes."""
    pids = (fleet.operator.pid, fleet.gateways[0].child.pid)
    await asyncio.sleep(REST_S)
    before = [usage(pid)[0] for pid in pids]
    await asyncio.sleep(REST_S)
    operator, gateway = (100 * (usage(pid)[0] - was) / REST_S for pid, was in zip(pids, before, strict=True))
    return "CPU at rest, % of a core", f"operator {operator:.1f}; gateway {gateway:.1f}"


def say(*row: str) -> None:
    print(f"| {row[0]} | {row[1]} |", flush=True)


async def measure(options: argparse.Namespace, folder: Path) -> None:
    async with running_pods() as pods:
        await measure_with(pods, options, folder)


async def measure_with(pods: Pods, options: argparse.Namespace, folder: Path) -> None:
    site = Site(FakeObjects(), options, await pods.open())
    began_s = time.monotonic()
    operator = {"GATEWAY_API": "true", "GATEWAY_SERVICE_TYPE": "ClusterIP"}
    async with (
        running_fleet(
            folder,
            options.gateways,
            lambda _: CONFIG,
            prepare=site.fill,
            host=lambda number: f"127.0.77.{1 + number}",
            operator_env=operator,
        ) as fleet,
        simulated(fleet, folder, options.simulated),
    ):
        print("| | |\n|---|---|")
        say("load average before", " ".join(f"{one:.1f}" for one in os.getloadavg()))
        say("routes × Services × Gateways", f"{options.routes} × {options.services} × {GATEWAYS + 1}")
        say("gateways", f"{options.gateways} real, {options.simulated} simulated")
        names = [f"web-{number}" for number in range(GATEWAYS)] + ["flip"]
        await until(lambda: all(site.is_programmed(name) for name in names), "Programmed of all Gateways")
        say("from nothing to all Gateways programmed", f"{time.monotonic() - began_s:.1f} s")
        last = options.routes - 1
        await until(
            lambda: bool(site.objects.status(HTTP_ROUTE, ("shop", f"r{last}"))), "all routes' statuses"
        )
        say("all routes' statuses written after", f"{time.monotonic() - began_s:.1f} s")
        say(*memory(fleet, "at rest"))
        say(*await rest(fleet))
        say(*spread("edit of a route → right at every real gateway", await edits(fleet, site, options)))
        say(
            *spread(
                "EndpointSlice → used by every real gateway",
                await endpoint_changes(fleet, site, pods, options),
            )
        )
        await show_storm(fleet, site, pods, options)
        flips = Flips(fleet, site)
        for number in range(1, 1 + options.flips):
            await flips.turn(number)
        say(*spread("Gateway edited → Programmed", flips.took_s))
        say(
            "Programmed before a gateway served",
            f"{len(flips.early)} of {flips.done * options.gateways} probes",
        )
        say("… whose pod was not reached", str(flips.unreachable))
        for line in flips.early[:5]:
            say("early", line)
        say(*memory(fleet, "after all of it"))
        say("load average after", " ".join(f"{one:.1f}" for one in os.getloadavg()))


def waited_s(pid: int) -> float:
    """How long the process's main thread could have run, and another had the core (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


async def show_storm(fleet: Fleet, site: Site, pods: Pods, options: argparse.Namespace) -> None:
    pids = {"operator": fleet.operator.pid, "pods and load": pods.process.pid, "API server": os.getpid()}
    pids |= {one.name: one.child.pid for one in fleet.gateways}
    before_s, began_s = {name: waited_s(pid) for name, pid in pids.items()}, time.monotonic()
    found = await storm(fleet, site, pods, options)
    took_s = time.monotonic() - began_s
    kinds = found.loaded.kinds
    bad = {kind: count for kind, count in kinds.items() if not kind.startswith("200")}
    what = f"{options.storm} routes and {len(found.rolled_s)} pods change under load"
    say(what, f"{sum(bad.values())} failed of {kinds.total()} {bad or ''}".strip())
    say(*spread("… EndpointSlice → used by every real gateway", found.lags_s()))
    shares = [f"{name} {100 * (waited_s(pid) - before_s[name]) / took_s:.0f} %" for name, pid in pids.items()]
    say("… and waited for a core meanwhile", ", ".join(shares))


async def until_terminated(options: argparse.Namespace, folder: Path) -> None:
    """SIGTERM ends it as Ctrl-C does: whatever was started is ended."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await measure(options, folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    given = {"routes": 3000, "services": 1000, "gateways": 2, "simulated": 8, "edits": 100, "flips": 200}
    for name, default in (given | {"storm": 500}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--storm-s", type=float, default=20.0, help="how long the storm of edits takes")
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(until_terminated(parser.parse_args(), Path(folder)))
        except asyncio.CancelledError:
            raise SystemExit(128 + signal.SIGTERM) from None


if __name__ == "__main__":
    main()
