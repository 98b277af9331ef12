"""A real Valkey Cluster for tests: three primaries on loopback share all slots; replicas if wanted.

    with ValkeyCluster(tmp_path) as cluster:
        RedisStore(cluster.url, now_s)
        cluster.node_of("{tidegate:cache}:x").freeze()

The nodes' table is written before they start, so nobody has to meet; what is left is the 2 s for which
Valkey's cluster takes no writes after a start. Share one per module. With `replicas=1` a killed primary is
replaced after about `node_timeout_ms` and a second. With `front` the nodes are found at ports that also take TLS, and
`url` says so.
"""

import random
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from tests.fakes.exchange import DEADLINE_S
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey

__all__ = ["ValkeyCluster"]

PRIMARIES = 3
SLOTS = 16384
POLL_S = 0.02


class ValkeyCluster:
    """`primaries` in order of their slots; `replicas` of primary i are at i, i + 3, …"""

    def __init__(
        self,
        folder: Path,
        *,
        replicas: int = 0,
        node_timeout_ms: int = 1000,
        append_only: bool = False,
        front: TlsFront | None = None,
    ) -> None:
        count = PRIMARIES * (1 + replicas)
        ports = _free_ports(2 * count)
        bus_ports = ports[count:]
        self.nodes = [
            Valkey(
                folder / f"node{number}",
                append_only=append_only,
                options=(
                    *("--cluster-enabled", "yes", "--cluster-port", str(bus_ports[number])),
                    *("--cluster-node-timeout", str(node_timeout_ms), "--repl-diskless-sync-delay", "0"),
                ),
            )
            for number in range(count)
        ]
        self.primaries, self.replicas = self.nodes[:PRIMARIES], self.nodes[PRIMARIES:]
        self._front = front
        self.announced_ports = []
        for number, node in enumerate(self.nodes):
            node.port = ports[number]
            self.announced_ports.append(node.port if front is None else front.open(node.port))
            node.add_options("--cluster-announce-port", str(self.announced_ports[-1]))
        for number, node in enumerate(self.nodes):
            node.folder.mkdir(parents=True, exist_ok=True)
            (node.folder / "nodes.conf").write_text(_table(self.announced_ports, bus_ports, number))

    @property
    def url(self) -> str:
        """For REDIS_URL: all nodes."""
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.announced_ports)
        return url if self._front is None else self._front.secured(url)

    def node_of(self, key: str) -> Valkey:
        """The primary at the start that holds `key`."""
        with self.admin(self.nodes[0]) as admin:
            slot = admin.execute_command("CLUSTER", "KEYSLOT", key)
        return next(self.primaries[i] for i in range(PRIMARIES) if slot <= _slots(i)[1])

    def admin(self, node: Valkey) -> "redis.Redis":
        """A client of that one node, for use in a `with` block."""
        return redis.Redis(port=node.port, socket_timeout=2.0)

    def flush(self) -> None:
        """Empties every primary; scripts stay."""
        for node in self.primaries:
            with self.admin(node) as admin:
                admin.flushall()

    def start(self) -> "ValkeyCluster":
        """Returns when every node takes writes for its slots and replicas follow."""
        for node in self.nodes:
            node.start()
        self.wait_serving()
        return self

    def wait_serving(self) -> None:
        """Returns when all nodes that run agree that every slot is served and replicas are connected."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not all(self._serves(node) for node in self.nodes if _runs(node)):
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"the cluster does not serve within {DEADLINE_S} s")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """kill -9 for every node."""
        for node in self.nodes:
            node.kill()

    def _serves(self, node: Valkey) -> bool:
        with self.admin(node) as admin:
            state: Any = admin.execute_command("CLUSTER INFO")
            text = state if isinstance(state, dict) else dict(_fields(state))
            if text["cluster_state"] != "ok":
                return False
            if node not in self.replicas:
                return True
            replication: Any = admin.info("replication")
            return bool(replication["role"] == "master" or replication["master_link_status"] == "up")

    def __enter__(self) -> "ValkeyCluster":
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _free_ports(count: int) -> list[int]:
    """Below the range from which the nodes' own connections to each other get theirs."""
    ports: list[int] = []
    for port in random.sample(range(20000, 32000), 2000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free ports")


def _runs(node: Valkey) -> bool:
    return node.process is not None and node.process.poll() is None


def _fields(state: bytes | str) -> list[tuple[str, str]]:
    lines = (state if isinstance(state, str) else state.decode()).split()
    return [(name, value) for name, _, value in (line.partition(":") for line in lines)]


def _slots(primary: int) -> tuple[int, int]:
    return SLOTS * primary // PRIMARIES, SLOTS * (primary + 1) // PRIMARIES - 1


def _name(number: int) -> str:
    return f"{number + 1:040x}"


def _table(ports: list[int], bus_ports: list[int], own: int) -> str:
    """The content of `nodes.conf` as node `own` would have written it."""
    lines = []
    for number, port in enumerate(ports):
        flags = ("myself," if number == own else "") + ("master" if number < PRIMARIES else "slave")
        of = "-" if number < PRIMARIES else _name(number % PRIMARIES)
        epoch = number % PRIMARIES + 1
        line = f"{_name(number)} 127.0.0.1:{port}@{bus_ports[number]} {flags} {of} 0 0 {epoch} connected"
        if number < PRIMARIES:
            line += " {}-{}".format(*_slots(number))
        lines.append(line)
    return "\n".join([*lines, f"vars currentEpoch {PRIMARIES} lastVoteEpoch 0", ""])
