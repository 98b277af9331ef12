import socket
import subprocess
import sys

import pytest

from app.foundation.errors import ConfigFaults, StartFault
from app.gateway.process import Gateway
from app.settings import load_settings
from tests.fakes.gateway import running_gateway


def test_what_only_workers_shared_limits_or_regular_expressions_need_is_not_loaded():
    code = "import sys, app.__main__, app.gateway.process; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded >= {"app.gateway.process", "app.limits.memory", "app.config.table"}
    not_needed = {
        "app.breaker.follower",
        "app.config.parsing.regex_growth",
        "app.gateway.parent",
        "app.gateway.shared_ports",
        "app.limits.lease_client",
        "fastapi",
        "importlib.metadata",
        "redis",
    }
    assert not loaded & not_needed


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
