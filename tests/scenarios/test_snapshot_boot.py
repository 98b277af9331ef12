"""Where settings of the cluster come from besides the link: the mounted snapshot, and the file beneath them."""

import asyncio
import logging
import os
import sys
from typing import Any

import pytest

from app.config.sync.snapshot import pack
from tests.fakes.gateway import running_gateway
from tests.fakes.specs import in_force, timeout
from tests.fakes.sync_server import IN_POD, SyncServer, entry
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until


async def test_it_boots_from_the_mounted_folder_without_the_operator(tmp_path):
    server = SyncServer()
    (tmp_path / "..v1").mkdir()
    (tmp_path / "..v1" / "snapshot.json.gz").write_bytes(
        pack(server.snapshot(entry("orders", timeout("5s")), sequence=3))
    )
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "snapshot.json.gz").symlink_to("..data/snapshot.json.gz")
    variables: dict[str, Any] = {
        "SNAPSHOT_FILE": str(tmp_path),
        "CONTROL_PLANE_URL": "http://127.0.0.1:9",
        **IN_POD,
    }
    async with running_gateway(**variables) as gateway:
        assert in_force(gateway) == (5.0, "shop/orders")
        assert gateway.counts.config_sources["configmap"]
        assert gateway.view.ready()[0]
        (tmp_path / "..v2").mkdir()
        (tmp_path / "..v2" / "snapshot.json.gz").write_bytes(
            pack(server.snapshot(entry("orders", timeout("6s")), sequence=4))
        )
        (tmp_path / "..next").symlink_to("..v2")
        os.replace(tmp_path / "..next", tmp_path / "..data")
        await until(lambda: in_force(gateway) == (6.0, "shop/orders"), "the swap")


async def test_the_highest_sequence_wins_whatever_brought_it(tmp_path):
    async with SyncServer() as server:
        file = tmp_path / "snapshot.json.gz"
        file.write_bytes(pack(server.snapshot(entry("orders", timeout("7s")), sequence=7)))
        variables: dict[str, Any] = {"SNAPSHOT_FILE": str(file), "CONTROL_PLANE_URL": server.url, **IN_POD}
        async with running_gateway(**variables) as gateway:
            await server.give(entry("orders", timeout("8s")), sequence=8)
            assert in_force(gateway) == (8.0, "shop/orders")
            assert gateway.counts.config_sources == {
                "environment": True,
                "file": False,
                "configmap": False,
                "sync": True,
            }
            file.write_bytes(pack(server.snapshot(entry("orders", timeout("6s")), sequence=6)))
            await asyncio.to_thread(os.sync)
            await server.give(entry("orders", timeout("9s")), sequence=9)
            assert in_force(gateway) == (9.0, "shop/orders")


async def test_a_snapshot_from_the_file_is_reported_to_the_operator(tmp_path):
    async with SyncServer() as server:
        variables: dict[str, Any] = {
            "SNAPSHOT_FILE": str(tmp_path / "s.gz"),
            "CONTROL_PLANE_URL": server.url,
            **IN_POD,
        }
        async with running_gateway(**variables):
            await until(lambda: bool(server.heard), "the first poll")
            (tmp_path / "s.gz").write_bytes(pack(server.snapshot(entry("orders", timeout("7s")), sequence=7)))
            await server.applied(7)
            assert server.heard[-1].path == "/v1/report"


async def test_a_bad_file_at_boot_is_told_and_the_gateway_starts_without(tmp_path, caplog):
    (tmp_path / "s.gz").write_bytes(b"{}")
    with caplog.at_level(logging.ERROR, "tidegate.sync"):
        async with running_gateway(SNAPSHOT_FILE=str(tmp_path / "s.gz"), **IN_POD) as gateway:
            assert in_force(gateway) == (30.0, "built-in")
    assert "snapshot not applied at start" in caplog.text


async def test_it_is_ready_only_with_a_snapshot_where_one_is_required():
    async with SyncServer() as server:
        variables: dict[str, Any] = {**IN_POD, "BOOTSTRAP_REQUIRE_SNAPSHOT": "true"}
        async with running_gateway(CONTROL_PLANE_URL=server.url, **variables) as gateway:
            ready, checks = gateway.view.ready()
            waiting = {"listener": "listening", "configuration": "waiting for a snapshot", "draining": False}
            assert not ready
            assert {name: found for name, found in checks.items() if name != "workers"} == waiting
            await server.give(complete=True)
            assert gateway.view.ready()[0]


@pytest.mark.one_process("the grace is over before several have started")
async def test_it_is_ready_without_one_after_the_grace():
    variables: dict[str, Any] = {**IN_POD, "BOOTSTRAP_GRACE": "1s", "CONTROL_PLANE_URL": "http://127.0.0.1:9"}
    async with running_gateway(**variables) as gateway:
        ready, checks = gateway.view.ready()
        assert not ready
        assert "1 s at most" in str(checks["configuration"])
        await until(lambda: gateway.view.ready()[0], "the end of the grace")


async def test_file_and_cluster_are_layered_and_the_origin_is_told(tmp_path):
    async with RecorderUpstream() as upstream, SyncServer() as server:
        config = f"""\
upstreams: {{one: {{endpoints: ["{upstream.url}"]}}}}
routes:
  - {{name: a, match: {{path: {{prefix: /a}}}}, upstream: one, auth: none}}
  - {{name: b, match: {{path: {{prefix: /b}}}}, upstream: one, auth: none}}
policies:
  - name: defaults
    spec: {{targetRefs: [{{kind: Gateway}}], timeout: {{request: 20s}}, retry: {{attempts: 2}}}}
  - {{name: for-b, spec: {{targetRefs: [{{kind: Route, name: b}}], timeout: {{request: 4s}}}}}}
"""
        variables: dict[str, Any] = {"CONTROL_PLANE_URL": server.url, **IN_POD}
        async with running_gateway(config=config, folder=tmp_path, **variables) as gateway:
            await server.give(entry("all", timeout("5s")))
            a, b = gateway.context.plans.table.routes
            assert (a.timeout.value.request_s, a.timeout.origin.policy) == (5.0, "shop/all")
            assert [origin.policy for _, origin in a.timeout.losers] == ["defaults", "built-in"]
            assert (b.timeout.value.request_s, b.timeout.origin.policy) == (4.0, "for-b")
            assert a.retry.origin.policy == "defaults"
            await server.give(complete=True)
            a, _ = gateway.context.plans.table.routes
            assert (a.timeout.value.request_s, a.timeout.origin.policy) == (20.0, "defaults")


async def test_the_file_is_still_edited_live_under_a_snapshot(tmp_path):
    async with SyncServer() as server:
        config = "policies: [{name: d, spec: {targetRefs: [{kind: Gateway}], timeout: {request: 20s}}}]\n"
        variables: dict[str, Any] = {"CONTROL_PLANE_URL": server.url, **IN_POD}
        async with running_gateway(config=config, folder=tmp_path, **variables) as gateway:
            await server.give(entry("all", {"retry": {"attempts": 1}}))
            (tmp_path / "gateway.yaml").write_text(config.replace("20s", "21s"))
            await until(lambda: in_force(gateway) == (21.0, "d"), "the edit")
            (settings,) = gateway.context.plans.table.routes
            assert settings.retry.origin.policy == "shop/all"


async def test_nothing_of_the_control_plane_is_loaded_without_one():
    code = (
        "import asyncio, sys\n"
        "from app.gateway.process import Gateway\n"
        "from app.settings import load_settings\n"
        "async def main():\n"
        "    Gateway(load_settings({'AUTH': 'none', 'ACCESS_LOG': 'off'}))\n"
        "asyncio.run(main())\n"
        "heavy = {'httpx', 'app.config.sync.snapshot', 'app.config.sync.messages', 'app.gateway.control_plane'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    assert said.decode().strip() == "[]"
