import socket
import subprocess
import sys

import pytest

from app.foundation.errors import ConfigFaults, StartFault
from app.gateway.process import Gateway
from app.settings import load_settings
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port

START = """
import asyncio, os, sys
from app.__main__ import main
from app.gateway.process import Gateway
from app.settings import load_settings

async def start():
    gateway = Gateway(load_settings(os.environ))
    await gateway.start()
    print(*sorted(sys.modules))
    await gateway.stop(0.0, 0.0)

asyncio.run(start())
"""


def loaded_by_a_start(**variables: str) -> set[str]:
    """The modules of a gateway whose ports are open."""
    environment = {"HOST": "127.0.0.1", "PORT": "0", "ADMIN_PORT": str(free_port()), "AUTH": "none"}
    environment |= {"ACCESS_LOG": "off", "LOG_LEVEL": "error", **variables}
    started = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True
    )
    return set(started.stdout.split())


NEVER_AT_START = {
    "app.admin.feed.shadows",
    "app.admin.identity",
    "app.admin.json_views",
    "app.admin.view",
    "app.breaker.follower",
    "app.cli.extras",
    "app.config.edits",
    "app.config.inverse",
    "app.config.parsing.regex_growth",
    "app.config.rejection",
    "app.config.sync.newest",
    "app.config.sync.summary",
    "app.dataplane.upstream.view",
    "app.foundation.otel.settings",
    "app.foundation.redis.url",
    "app.gateway.clients",
    "app.gateway.config.difference",
    "app.gateway.config.discovered",
    "app.gateway.link",
    "app.gateway.listener_tls",
    "app.gateway.monitor.fleet_summary",
    "app.gateway.monitor.hub",
    "app.gateway.parent",
    "app.gateway.shared_ports",
    "app.gateway.workers",
    "app.limits.lease_client",
    "app.telemetry.edit_rates",
    "app.telemetry.shadow_counts",
    "fastapi",
    "importlib.metadata",
    "redis",
}
"""What an edit, an operator, the page, the admin API, policies in Shadow mode, traces, shared limits, workers,
listeners of HTTPS and regular expressions take.
"""

ONLY_WITH_A_FILE = {
    "app.config.hazards",
    "app.config.parsing.config_file",
    "app.policy.parse",
    "app.schema.fields",
    "yaml",
}


def test_what_only_some_gateways_need_is_not_loaded_at_start(tmp_path):
    loaded = loaded_by_a_start()
    assert loaded >= {"app.gateway.process", "app.limits.memory", "uvicorn"}
    assert not loaded & (NEVER_AT_START | ONLY_WITH_A_FILE)
    (tmp_path / "gateway.yaml").write_text("routes: []")
    with_a_file = loaded_by_a_start(CONFIG_FILE=str(tmp_path / "gateway.yaml"))
    assert with_a_file >= ONLY_WITH_A_FILE
    assert not with_a_file & NEVER_AT_START


async def test_its_ports_are_known_once_it_has_started():
    async with running_gateway() as gateway:
        assert gateway.port > 0
        assert gateway.readiness.check()[0]
        assert gateway.events.recent()[0].kind == "gateway_started"


async def test_a_fault_beside_the_traffic_is_counted():
    async def slips() -> None:
        raise ValueError("a slip")

    async with running_gateway() as gateway:
        with pytest.raises(ValueError, match="a slip"):
            await gateway.tasks.spawn(slips())
        assert gateway.counts.internal_errors == 1


async def test_a_used_admin_port_leaves_the_public_one_free():
    with socket.create_server(("127.0.0.1", 0)) as used, socket.create_server(("127.0.0.1", 0)) as wanted:
        number = wanted.getsockname()[1]
        wanted.close()
        environment = {"HOST": "127.0.0.1", "PORT": str(number), "AUTH": "none", "ACCESS_LOG": "off"}
        gateway = Gateway(load_settings({**environment, "ADMIN_PORT": str(used.getsockname()[1])}))
        with pytest.raises(StartFault, match="ADMIN_PORT"):
            await gateway.start()
        socket.create_server(("127.0.0.1", number)).close()
        await gateway.stop(0.0, 0.0)


async def test_a_faulty_configuration_is_told_before_any_port_opens(tmp_path):
    (tmp_path / "gateway.yaml").write_text("routes: 7")
    with pytest.raises(ConfigFaults, match="routes"):
        Gateway(load_settings({"CONFIG_FILE": str(tmp_path / "gateway.yaml")}))
