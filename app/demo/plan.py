"""What one run of `tidegate up` consists of: ports, keys, and the processes in the order of their start."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.demo import valkey
from app.demo.child import ChildPlan
from app.demo.ports import FreePorts, reachable_host
from app.demo.readiness import accepts, responds_200
from app.demo.state import State
from app.settings import Settings

__all__ = ["Plan", "children", "plan_of"]

_ROOT = Path(__file__).resolve().parents[2]
_CACHE_PORT, _DEMO_PORT = 8081, 8082


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `settings`: the gateway's, ports chosen; `own_key`: the user brought API_KEY."""

    settings: Settings
    folder: Path
    key: str = field(repr=False)
    own_key: bool
    token: str = field(repr=False)
    own_token: bool
    cache_port: int
    demo_port: int
    valkey_port: int


def plan_of(settings: Settings, state: State, ports: FreePorts) -> Plan:
    """Ports of `ports`, and the keys kept in `state`."""
    taken = {settings.port, settings.admin_port}
    (cache_port,) = ports.take(1, [_CACHE_PORT], taken)
    (demo_port,) = ports.take(1, [_DEMO_PORT], taken)
    public, valkey_port = ports.take(2, taken=taken)
    return Plan(
        settings=settings if settings.port else replace(settings, port=public),
        folder=state.folder,
        key=settings.api_key or state.secret("api-key"),
        own_key=settings.api_key is not None,
        token=settings.admin_token or state.secret("admin-token"),
        own_token=settings.admin_token is not None,
        cache_port=cache_port,
        demo_port=demo_port,
        valkey_port=valkey_port,
    )


def children(plan: Plan, server: valkey.Valkey, config: Path, env: Mapping[str, str]) -> list[ChildPlan]:
    """The processes in the order of their start."""
    settings = plan.settings
    paths = [str(_ROOT), *filter(None, [env.get("PYTHONPATH")])]
    python = {**env, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    # No token: on loopback the gateway is its only caller, and the gateway's routes want a key.
    cache = {name: value for name, value in python.items() if not name.startswith("CACHE_TOKEN")}
    cache.pop("REDIS_URL_FILE", None)
    cache.update(PORT=str(plan.cache_port), HOST="127.0.0.1", REDIS_URL=server.url)
    own = {"API_KEY_FILE", "ADMIN_TOKEN_FILE"}  # read already; the gateway gets what they held
    gateway = {
        **{name: value for name, value in python.items() if name not in own},
        "HOST": settings.host,
        "PORT": str(settings.port),
        "CONFIG_FILE": str(config.resolve()),
        "API_KEY": plan.key,
        "ADMIN_TOKEN": plan.token,
        "TIDEGATE_DEMO_UPSTREAM": f"http://127.0.0.1:{plan.demo_port}",  # the monitor may test its breaker
    }

    async def gateway_ready() -> bool:
        host = reachable_host(settings.admin_host)
        if settings.admin_port and not await responds_200(host, settings.admin_port, "/readyz"):
            return False
        return await accepts(reachable_host(settings.host), settings.port)

    return [
        ChildPlan("valkey", server.argv, dict(env), server.ready, is_quiet=True),
        ChildPlan(
            "cache", _module("cache"), cache, lambda: responds_200("127.0.0.1", plan.cache_port, "/readyz")
        ),
        ChildPlan(
            "demo",
            _module("app.demo.upstream", "--port", str(plan.demo_port)),
            python,
            lambda: responds_200("127.0.0.1", plan.demo_port, "/ok"),
        ),
        ChildPlan("gateway", _module("app", "gateway"), gateway, gateway_ready),
    ]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    # -P: an `app` folder in the user's current folder must not hide ours.
    return (sys.executable, "-P", "-m", name, *arguments)
