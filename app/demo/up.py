"""`tidegate up`: decides what runs where, writes the gateway's configuration, tells the user what to try."""

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.demo import ports, valkey
from app.demo.child import ChildPlan
from app.demo.readiness import accepts, responds_200
from app.demo.state import State, open_state
from app.demo.supervisor import Output, supervise
from app.foundation.errors import ConfigFault, ConfigFaults
from app.settings import Settings, load_settings

__all__ = ["run_up"]

_ROOT = Path(__file__).resolve().parents[2]
_CACHE_PORT = 8081


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


def run_up(env: Mapping[str, str]) -> int:
    """Runs all of it until Ctrl-C; 0 then. Raises ConfigFaults and StartFault, with nothing left running."""
    settings = load_settings(env)
    if settings.config_file is not None:
        raise ConfigFaults(
            [
                ConfigFault(
                    "CONFIG_FILE",
                    "`up` writes a configuration of its own",
                    "unset it, or run `tidegate gateway --config FILE`",
                )
            ]
        )
    if settings.port:
        ports.claim("PORT", settings.host, settings.port)
    if settings.admin_port:
        ports.claim("ADMIN_PORT", settings.admin_host, settings.admin_port)
    state = open_state(env)
    try:
        plan = _plan(settings, state)
        config = state.write("gateway.yaml", gateway_config(plan))
        server = valkey.prepare(state, plan.valkey_port)
        children = _children(plan, server, config, env)
        output = Output()
        asyncio.run(supervise(children, lambda: output.write(announcement(plan).encode()), output))
    finally:
        state.close()
    return 0


def _plan(settings: Settings, state: State) -> Plan:
    taken = {settings.port, settings.admin_port}
    (cache_port,) = ports.free_ports(1, [_CACHE_PORT], taken)
    public, demo_port, valkey_port = ports.free_ports(3, taken={*taken, cache_port})
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


def _children(plan: Plan, server: valkey.Valkey, config: Path, env: Mapping[str, str]) -> list[ChildPlan]:
    """In the order of their start."""
    settings = plan.settings
    paths = [str(_ROOT), *filter(None, [env.get("PYTHONPATH")])]
    python = {**env, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    # No token: on loopback the gateway is its only caller, and the gateway's routes want a key.
    cache = {name: value for name, value in python.items() if name != "CACHE_TOKEN"}
    cache.update(PORT=str(plan.cache_port), HOST="127.0.0.1", REDIS_URL=server.url)
    own = {"API_KEY_FILE", "ADMIN_TOKEN_FILE"}  # read already; the gateway gets what they held
    gateway = {
        **{name: value for name, value in python.items() if name not in own},
        "PORT": str(settings.port),
        "CONFIG_FILE": str(config.resolve()),
        "API_KEY": plan.key,
        "ADMIN_TOKEN": plan.token,
        "TIDEGATE_DEMO_UPSTREAM": f"http://127.0.0.1:{plan.demo_port}",  # the monitor may test its breaker
    }

    async def gateway_ready() -> bool:
        host = ports.reachable_host(settings.admin_host)
        if settings.admin_port and not await responds_200(host, settings.admin_port, "/readyz"):
            return False
        return await accepts(ports.reachable_host(settings.host), settings.port)

    return [
        ChildPlan("valkey", server.argv, dict(env), server.ready),
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


def gateway_config(plan: Plan) -> str:
    """The gateway's configuration file. RATE_LIMIT stays in force: no policy here speaks of limits."""
    auth = plan.settings.auth
    return f"""\
# Written by `tidegate up` at each start. A change made while it runs is in force within 2 seconds.
upstreams:
  cache:
    endpoints: ["http://127.0.0.1:{plan.cache_port}"]
  demo:
    endpoints: ["http://127.0.0.1:{plan.demo_port}"]
  demo-mode:  # the same process: its switch can be reached while the breaker of `demo` is open
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
  - name: demo-mode
    match: {{path: {{exact: /demo/mode}}}}
    upstream: demo-mode
    rewrite: {{path: /mode}}
    auth: {auth}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 3, openDuration: 10s, halfOpenRequests: 1}}
"""


def curl_lines(plan: Plan) -> list[str]:
    """To paste: a value in, the value out, and a breaker that opens at the fourth request."""
    url = f"{_scheme(plan)}://localhost:{plan.settings.port}"
    key = '"X-API-Key: $API_KEY"' if plan.own_key else shlex.quote(f"X-API-Key: {plan.key}")
    curl = "curl -i" + (" -k" if plan.settings.tls_cert_file else "")
    if plan.settings.auth == "key":
        curl += f" -H {key}"
    return [
        f"{curl} -X PUT -H 'Content-Type: text/plain' -d hello '{url}/cache/greeting?ttl=60'",
        f"{curl} '{url}/cache/greeting'",
        f"{curl} '{url}/demo/status/503?try=[1-4]'",
    ]


def announcement(plan: Plan) -> str:
    """What `up` prints when everything runs."""
    settings = plan.settings
    url = f"{_scheme(plan)}://localhost:{settings.port}"
    key = "the one in API_KEY" if plan.own_key else f"{plan.key}  (kept in {plan.folder / 'api-key'})"
    token = "the one in ADMIN_TOKEN" if plan.own_token else f"in {plan.folder / 'admin-token'}"
    admin_host = ports.reachable_host(settings.admin_host)
    admin_name = "localhost" if admin_host in ("127.0.0.1", "::1") else admin_host
    admin = f"http://{admin_name}:{settings.admin_port}" if settings.admin_port else "none (ADMIN_PORT=0)"
    put, get, fail = curl_lines(plan)
    return f"""
Tidegate is up. Ctrl-C stops all of it.

  gateway      {url}
  cache        {url}/cache/…
  demo         {url}/demo/…   (what it can do: /demo/)
  admin        {admin}
  API key      {key}
  admin token  {token}
  config       {plan.folder / "gateway.yaml"}   (a change is in force within 2 s)

Try, in another terminal:

  # a value goes into the cache, and comes back
  {put}
  {get}
  # the demo upstream fails three times: the breaker opens, the fourth answer comes from the gateway
  {fail}

"""


def _scheme(plan: Plan) -> str:
    return "https" if plan.settings.tls_cert_file else "http"
