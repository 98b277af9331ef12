"""A real Valkey pair watched by Sentinel, for tests of a failover.

    with SentinelPair(tmp_path) as pair:
        RedisStore(pair.url, now_s)
        pair.primary.kill()       # or freeze()
        pair.wait_failover()      # about 1 s: `pair.replica` is the primary now

The primary's name is `main`. Sentinel takes a server for dead after `down_after_ms` of silence. With `front` all three
are found at ports that also take TLS, and `url` says so.
"""

import time
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from tests.fakes.exchange import DEADLINE_S
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey

__all__ = ["SentinelPair"]

NAME = "main"
POLL_S = 0.02


class SentinelPair:
    """`primary` and `replica` at the start; one sentinel, which decides alone."""

    def __init__(
        self,
        folder: Path,
        *,
        down_after_ms: int = 300,
        append_only: bool = False,
        front: TlsFront | None = None,
    ) -> None:
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        self.primary = Valkey(folder / "primary", append_only=append_only, options=quick)
        self.replica = Valkey(folder / "replica", append_only=append_only, options=quick)
        self._front = front
        self.primary_port, self.replica_port = (
            server.port if front is None else front.open(server.port)
            for server in (self.primary, self.replica)
        )
        self.primary.add_options("--replica-announce-port", str(self.primary_port))
        self.replica.add_options("--replica-announce-port", str(self.replica_port))
        self.replica.add_options("--replicaof", f"127.0.0.1 {self.primary_port}")
        self.sentinel = Valkey(folder / "sentinel", watches=self.primary_port)
        self.sentinel_port = self.sentinel.port if front is None else front.open(self.sentinel.port)
        with (self.sentinel.folder / "sentinel.conf").open("a") as config:
            config.write(f"sentinel down-after-milliseconds {NAME} {down_after_ms}\n")
            config.write(f"sentinel failover-timeout {NAME} 3000\n")

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        url = f"redis+sentinel://127.0.0.1:{self.sentinel_port}/0?master={NAME}"
        return url if self._front is None else self._front.secured(url)

    def start(self) -> "SentinelPair":
        """Returns when the replica follows and Sentinel knows it."""
        self.primary.start()
        self.replica.start()
        self._wait(self._follows, "the replica does not follow")
        self.sentinel.start()
        self._wait(self._knows_replica, "Sentinel does not know the replica")
        return self

    def wait_failover(self) -> None:
        """Returns when Sentinel names the other server and that one takes writes."""
        self._wait(self._failed_over, "no failover")

    def switch(self) -> None:
        """A failover while all servers live, as for an upgrade; returns when it is done."""
        with self._ask(self.sentinel) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", NAME)
        self.wait_failover()
        self._wait(self._demoted, "the old primary follows nobody")

    def kill(self) -> None:
        """kill -9 for all of them."""
        for server in (self.sentinel, self.replica, self.primary):
            server.kill()

    def _ask(self, server: Valkey) -> "redis.Redis":
        return redis.Redis(port=server.port, socket_timeout=2.0)

    def _follows(self) -> bool:
        with self._ask(self.replica) as admin:
            state: Any = admin.info("replication")
            return bool(state["role"] == "slave" and state["master_link_status"] == "up")

    def _knows_replica(self) -> bool:
        with self._ask(self.sentinel) as sentinel:
            known: Any = sentinel.execute_command("SENTINEL", "REPLICAS", NAME)
            states = [_state(one) for one in known]
            return any(
                state["flags"] == "slave" and state.get("master-link-status") == "ok" for state in states
            )

    def _failed_over(self) -> bool:
        with self._ask(self.sentinel) as sentinel, self._ask(self.replica) as admin:
            address: Any = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
            port = int(address[1])
            role: Any = admin.info("replication")
            return port == self.replica_port and role["role"] == "master"

    def _demoted(self) -> bool:
        with self._ask(self.primary) as admin:
            state: Any = admin.info("replication")
            return bool(state["role"] == "slave")

    def _wait(self, condition: Any, fault: str) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{fault} within {DEADLINE_S} s")
            time.sleep(POLL_S)

    def __enter__(self) -> "SentinelPair":
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _state(reply: Any) -> dict[str, str]:
    """One row of `SENTINEL REPLICAS`: a map, or names and values in turn (RESP 3 and 2)."""
    rows = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in rows}
