"""The gateway's configuration in the state folder: written by `up`, and the user's as soon as it is edited."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.config.check import check_paths
from app.demo.plan import Plan
from app.demo.state import State
from app.foundation.errors import ConfigFaults

__all__ = ["GatewayFile", "gateway_config", "keep_or_write"]

NAME, MARK_NAME = "gateway.yaml", "gateway.yaml.written"
_LOOPBACK_PORT = re.compile(r"(?<![\w.])(127\.0\.0\.1|localhost):([0-9]{1,5})(?![0-9])")


_REWRITTEN = "# Written by `tidegate up` at each start."
"""How a file begins that announces to be overwritten: those from before edits were kept."""


@dataclass(frozen=True, slots=True)
class GatewayFile:
    """Where it is, and whether it is an edited one that was kept."""

    path: Path
    is_edited: bool


def keep_or_write(state: State, plan: Plan) -> GatewayFile:
    """Writes the file anew unless the user has changed it; in an edited one only the inner ports are renewed.

    Beside it stands what was last written: its hash, and the ports that it names. Raises ConfigFaults for an
    edited file that is not valid.
    """
    ports = {"cache": plan.cache_port, "demo": plan.demo_port}
    kept, mark = state.text(NAME), _mark(state.text(MARK_NAME))
    path = state.folder / NAME
    if kept is None or kept.startswith(_REWRITTEN) or (mark is not None and _hash(kept) == mark.text_hash):
        text = gateway_config(plan)
        state.write(NAME, text)
        _write_mark(state, _Mark(_hash(text), ports))
        return GatewayFile(path, is_edited=False)
    if mark is not None and mark.ports != ports:
        state.write(NAME, _with_ports(kept, mark.ports, ports))
        _write_mark(state, _Mark(mark.text_hash, ports))
    if faults := check_paths([str(path)]).faults:
        raise ConfigFaults(faults)
    return GatewayFile(path, is_edited=True)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What `up` wrote last: the hash of its text, and the inner ports that the file names since."""

    text_hash: str
    ports: Mapping[str, int]


def _mark(text: str | None) -> _Mark | None:
    """None where nothing was written yet, or where somebody spoilt it: then the file counts as the user's."""
    try:
        kept = json.loads(text or "")
        return _Mark(str(kept["hash"]), {str(name): int(port) for name, port in kept["ports"].items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _write_mark(state: State, mark: _Mark) -> None:
    state.write(MARK_NAME, json.dumps({"hash": mark.text_hash, "ports": dict(mark.ports)}) + "\n")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _with_ports(text: str, old: Mapping[str, int], new: Mapping[str, int]) -> str:
    """`text` with the inner ports of this run for those of the last one, in one pass."""
    renewed = {str(port): str(new[name]) for name, port in old.items() if name in new}
    return _LOOPBACK_PORT.sub(lambda found: f"{found[1]}:{renewed.get(found[2], found[2])}", text)


def gateway_config(plan: Plan) -> str:
    """The gateway's configuration file. RATE_LIMIT stays in force: no policy here speaks of limits."""
    auth = plan.settings.auth
    return f"""\
# Written by `tidegate up`. Edit it as you like: a change is in force within 2 seconds, and is kept when `up` starts
# again (delete the file for a new one). Try it: set consecutiveFailures to 1, or openDuration to 30s.
upstreams:
  cache:
    endpoints: ["http://127.0.0.1:{plan.cache_port}"]
  demo:
    endpoints: ["http://127.0.0.1:{plan.demo_port}"]
routes:
  - name: cache
    match: {{path: {{prefix: /cache}}}}
    upstream: cache
    auth: {auth}
  - name: cache-purge
    match: {{path: {{exact: "/cache:purge"}}}}
    upstream: cache
    auth: {auth}
  - name: demo
    match: {{path: {{prefix: /demo}}}}
    upstream: demo
    rewrite: {{prefix: /}}
    auth: {auth}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 3, openDuration: 10s, halfOpenRequests: 1}}
"""
