"""Thousands of routes of a cluster: from an edit at the API server to the response at the gateway.

    python -m tests.bench.routes_of_a_cluster [--routes 3000] [--services 1000] [--gateways 2] [--simulated 8]
    python -m tests.bench.routes_of_a_cluster --cluster [--pods-at ADDRESS]

Without `--cluster` the API server is the one in memory (`tests/fakes/kubernetes_server.py`) in this process, with the
probes. With it everything is on the cluster of KUBECONFIG but probes, pods and load (`live_cluster.py` says what it
needs). Pods and load are in a process of their own (`pods.py`), and so are the simulated gateways
(`simulated_gateways.py`), which give way to all others: they stand for machines of their own. The operator and the
gateways are the real programs. An edit is one a second, and the next one begins when all that followed from it is over;
many at a time are a row of their own. Prints a table and asserts nothing. What else runs on the machine is part of
every figure. SIGTERM ends all, and takes away what was made on the cluster.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench.cluster_edits import edits, endpoint_changes
from tests.bench.cluster_flips import Flips
from tests.bench.cluster_objects import GATEWAYS
from tests.bench.cluster_storm import cost_of_a_request, storm
from tests.bench.cluster_under_test import Cluster, Fleet
from tests.bench.live_cluster import live_cluster
from tests.bench.lookups import SIZES, lookup_lines, turns
from tests.bench.memory_cluster import memory_cluster
from tests.bench.operator_scale import percentile
from tests.bench.pods import running_pods

SETTLE_S = 240.0
REST_S = 10.0

Row = tuple[str, str]


async def until(condition: Callable[[], bool], what: str, seconds: float = SETTLE_S) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        await asyncio.sleep(0.05)


def spread(name: str, values_s: list[float]) -> Row:
    if not values_s:
        return name, "never"
    values_ms = (percentile(values_s, share) * 1000 for share in (0.5, 0.9, 0.99, 1.0))
    p50, p90, p99, most = (f"{one:.1f}" if one < 10 else f"{one:.0f}" for one in values_ms)
    return name, f"p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, max {most} ms of {len(values_s)}"


def of_each(fleet: Fleet, values: Mapping[str, float], digits: int) -> str:
    """The operator's, then the gateways'."""
    gateways = ", ".join(f"{values[one.name]:.{digits}f}" for one in fleet.gateways)
    return f"operator {values['operator']:.{digits}f}; gateways {gateways}"


async def show_memory(fleet: Fleet, when: str) -> None:
    resident = {name: one.resident_mib for name, one in (await fleet.usage()).items()}
    say(f"resident MiB, {when}", of_each(fleet, resident, 0))
    if working := await fleet.working_sets_mib():
        say("… working sets of the containers, by the kubelet", of_each(fleet, working, 0))


async def rest(fleet: Fleet) -> Row:
    """CPU while nothing changes."""
    await asyncio.sleep(REST_S)
    before, began_s = await fleet.usage(), time.monotonic()
    await asyncio.sleep(REST_S)
    after, took_s = await fleet.usage(), time.monotonic() - began_s
    shares = {name: 100 * (one.cpu_s - before[name].cpu_s) / took_s for name, one in after.items()}
    return "CPU at rest, % of a core", of_each(fleet, shares, 1)


def say(*row: str) -> None:
    print(f"| {row[0]} | {row[1]} |", flush=True)


async def measure(options: argparse.Namespace, folder: Path) -> None:
    print("| | |\n|---|---|")
    say("load average before", " ".join(f"{one:.1f}" for one in os.getloadavg()))
    if options.cluster:
        async with live_cluster(options) as cluster:
            await measure_at(cluster)
    else:
        await show_lookups(options, folder)
        async with memory_cluster(options, folder) as cluster:
            await measure_at(cluster)


async def measure_at(cluster: Cluster) -> None:
    options, fleet, site = cluster.options, cluster.fleet, cluster.site
    say("routes × Services × Gateways", f"{options.routes} × {options.services} × {GATEWAYS + 1}")
    say("gateways", f"{len(fleet.gateways)} real, {options.simulated} simulated (at idle priority)")
    names = [f"web-{number}" for number in range(GATEWAYS)] + ["flip"]
    await until(lambda: all(site.is_programmed(name) for name in names), "Programmed of all Gateways")
    say("from nothing to all Gateways programmed", f"{time.monotonic() - cluster.began_s:.1f} s")
    await until(
        lambda: all(site.is_status_of(number) for number in reversed(range(options.routes))),
        "all routes' statuses",
    )
    say("all routes' statuses written after", f"{time.monotonic() - cluster.began_s:.1f} s")
    await show_memory(fleet, "at rest")
    say(*await rest(fleet))
    cost_s, count = await cost_of_a_request(cluster)
    say("CPU of a gateway for a request, any route", f"{cost_s * 1e6:.0f} µs, {count} requests")
    await show_edits(cluster)
    await cluster.settle()
    await show_storm(cluster)
    await cluster.settle()
    await show_flips(cluster)
    await show_memory(fleet, "after all of it")
    say("load average after", " ".join(f"{one:.1f}" for one in os.getloadavg()))


async def show_lookups(options: argparse.Namespace, folder: Path) -> None:
    """What a look-up costs with few and with many routes, before anything else runs here."""
    sizes = " / ".join(f"{size:,}" for size in SIZES)
    lines = [lookup_lines(size) for size in SIZES]
    for place, name in enumerate(("a new host", "a host seen lately")):
        counts = " / ".join(str(of_size[place]) for of_size in lines)
        say(f"lines of Python a look-up runs, {sizes} routes, {name}", counts)
    async with running_pods() as pods:
        found = await turns(pods, folder, options.turns)
    costs = " / ".join(f"{one.cost_s * 1e6:.0f}" for one in found)
    ratios = " / ".join(f"{one.ratio_to(found[0]):.2f}" for one in found)
    what = f"CPU of a gateway for a request, {sizes} routes of a file"
    say(what, f"{costs} µs, ratio {ratios}, medians of {options.turns} turns of each")


async def show_edits(cluster: Cluster) -> None:
    """Both kinds, and what each consisted of."""
    found = await edits(cluster)
    say(*spread("edit of a route → right at every real gateway", found.last_s))
    if cluster.options.cluster:
        say(*spread("… → the API server's response to the write", found.written_s))
    say(*spread("… → its event at a watch", found.event_s))
    say(*spread("… → read by the first simulated gateway, when a core was free", found.taken_s))
    say(*spread("… → right at the first real gateway", found.first_s))
    say(*spread("… → its status written", found.status_s))
    say(*spread("… → acknowledged by every simulated gateway", found.acknowledged_s))
    say(*spread("… a request just before", found.round_trip_s))
    found = await endpoint_changes(cluster)
    say(*spread("EndpointSlice → used by every real gateway", found.last_s))
    if cluster.options.cluster:
        say(*spread("… → the API server's response to the write", found.written_s))
    say(*spread("… → its event at a watch", found.event_s))
    say(*spread("… → used by the first real gateway", found.first_s))
    say(*spread("… a request just before", found.round_trip_s))


async def show_storm(cluster: Cluster) -> None:
    before_s, began_s = cluster.fleet.waits_s(), time.monotonic()
    found = await storm(cluster)
    took_s = time.monotonic() - began_s
    kinds = found.loaded.kinds
    bad = {kind: count for kind, count in kinds.items() if not kind.startswith("200")}
    what = f"{cluster.options.storm} routes and {len(found.rolled_s)} pods change under load"
    say(what, f"{sum(bad.values())} failed of {kinds.total()} {bad or ''}".strip())
    say(*spread("… EndpointSlice → used by every real gateway", found.lags_s()))
    shares = [
        f"{name} {100 * (now_s - before_s[name]) / took_s:.0f} %"
        for name, now_s in cluster.fleet.waits_s().items()
    ]
    if shares:
        say("… and waited for a core meanwhile", ", ".join(shares))


async def show_flips(cluster: Cluster) -> None:
    flips = Flips(cluster)
    for number in range(1, 1 + cluster.options.flips):
        await flips.turn(number)
    say(*spread("Gateway edited → Programmed", flips.took_s))
    probes = flips.done * len(cluster.fleet.gateways)
    say("Programmed before a gateway served", f"{len(flips.early)} of {probes} probes")
    say("… whose pod was not reached", str(flips.unreachable))
    for line in flips.early[:5]:
        say("early", line)


async def until_terminated(options: argparse.Namespace, folder: Path) -> None:
    """SIGTERM ends it as Ctrl-C does: whatever was started is ended."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await measure(options, folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    given = {"routes": 3000, "services": 1000, "gateways": 2, "simulated": 8, "edits": 100, "flips": 200}
    for name, default in (given | {"storm": 500, "turns": 20}).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--storm-s", type=float, default=20.0, help="how long the storm of edits takes")
    parser.add_argument("--cluster", action="store_true", help="on the cluster of KUBECONFIG")
    parser.add_argument(
        "--pods-at",
        metavar="ADDRESS",
        help="of this machine, where the cluster's pods reach it (default: the one that faces the first node)",
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(until_terminated(parser.parse_args(), Path(folder)))
        except asyncio.CancelledError:
            raise SystemExit(128 + signal.SIGTERM) from None


if __name__ == "__main__":
    main()
