"""`tidegate up`: all of Tidegate on one machine, until Ctrl-C."""

import asyncio
from collections.abc import Mapping

from app.demo import ports, valkey
from app.demo.banner import banner
from app.demo.gateway_file import keep_or_write
from app.demo.output import Output
from app.demo.plan import children, plan_of
from app.demo.state import State, open_state
from app.demo.supervisor import Stop, supervise
from app.foundation.errors import ConfigFault, ConfigFaults
from app.settings import Settings, load_settings

__all__ = ["run_up"]

_HOST = "127.0.0.1"
"""What a laptop opens unless HOST says otherwise: the monitor and the metrics want no key."""


def run_up(env: Mapping[str, str]) -> int:
    """Runs all of it until Ctrl-C; 0 then. Raises ConfigFaults and StartFault, with nothing left running."""
    settings = load_settings({**env, "HOST": env.get("HOST") or _HOST})
    if settings.config_file is not None:
        raise ConfigFaults(
            [
                ConfigFault(
                    "CONFIG_FILE",
                    "`up` has a configuration file of its own",
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
        with ports.FreePorts() as free_ports:
            _run(settings, state, free_ports, env)
    finally:
        state.close()
    return 0


def _run(settings: Settings, state: State, free_ports: ports.FreePorts, env: Mapping[str, str]) -> None:
    plan = plan_of(settings, state, free_ports)
    file = keep_or_write(state, plan)
    server = valkey.prepare(state, plan.valkey_port)
    parts = children(plan, server, file.path, env)
    names = [part.name for part in parts]
    stop = Stop()
    output = Output(names, stop.end.set)
    output.log(f"starting {', '.join(names)}")
    asyncio.run(supervise(parts, lambda: output.write(banner(plan, file).encode()), output, stop))
