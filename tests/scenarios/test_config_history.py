"""Edits and rejected configurations as the admin port tells them, while a gateway serves."""

import asyncio
import logging
import sys

import yaml

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until


def config(upstream, requests):
    return f"""\
upstreams: {{orders: {{endpoints: ["{upstream.url}"]}}}}
routes: [{{name: orders, match: {{path: {{prefix: /}}}}, upstream: orders, auth: none}}]
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      rateLimit: {{rules: [{{name: per-client, key: Client, requests: {requests}, period: 1m, burst: 9}}]}}
"""


async def read(gateway, path):
    async with RawClient(gateway.admin_port) as admin:
        response = await admin.request("GET", path)
    return response.status, response.json()


async def status_of(gateway):
    admin = f"http://127.0.0.1:{gateway.admin_port}"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "status", "--admin", admin, stdout=asyncio.subprocess.PIPE
    )
    text, _ = await child.communicate()
    return text.decode()


async def test_the_edit_that_cut_a_limit_is_a_fact_in_history_event_and_log(tmp_path, caplog):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(
            config=config(upstream, 1800), folder=tmp_path, ADMIN_PORT=str(free_port())
        ) as gateway,
    ):
        assert await read(gateway, "/v1/config/history") == (200, {"edits": []})
        with caplog.at_level(logging.INFO, "tidegate.config"):
            (tmp_path / "gateway.yaml").write_text(config(upstream, 18))
            await until(lambda: len(gateway.readiness.history.edits) == 1, "the edit")
        _, history = await read(gateway, "/v1/config/history")
        (edit,) = history["edits"]
        assert (edit["sequence"], edit["source"]) == (2, str(tmp_path / "gateway.yaml"))
        assert edit["changes"] == [
            {
                "target": "Gateway",
                "stanza": "rateLimit",
                "field": "rules.per-client.requests",
                "old": 1800,
                "new": 18,
                "source": "file",
                "policy": "defaults",
                "generation": None,
            }
        ]
        said = "Gateway rateLimit.rules.per-client.requests: 1800 → 18 (file defaults)"
        assert said in caplog.text
        assert gateway.events.recent()[-1].detail == f"configuration 2: {said}"


async def test_the_inverse_of_an_edit_put_into_the_file_brings_the_old_value_back(tmp_path):
    file = tmp_path / "gateway.yaml"
    async with (
        RecorderUpstream() as upstream,
        running_gateway(
            config=config(upstream, 1800), folder=tmp_path, ADMIN_PORT=str(free_port())
        ) as gateway,
    ):
        file.write_text(config(upstream, 18))
        await until(lambda: len(gateway.readiness.history.edits) == 1, "the edit")
        _, history = await read(gateway, "/v1/config/history")
        (back,) = history["edits"][0]["inverse"]
        assert (back["name"], back["action"], back["where"]) == ("defaults", "change", str(file))
        (policy,) = yaml.safe_load(back["text"])["policies"]
        document = yaml.safe_load(file.read_text())
        document["policies"] = [
            policy if each["name"] == policy["name"] else each for each in document["policies"]
        ]
        file.write_text(yaml.safe_dump(document))
        await until(lambda: len(gateway.readiness.history.edits) == 2, "the inverse")
        _, limits = await read(gateway, "/v1/limits")
        assert limits["limits"][0]["requests"] == 1800
        _, history = await read(gateway, "/v1/config/history")
        (change,) = history["edits"][0]["changes"]
        assert (change["old"], change["new"]) == (18, 1800)


async def test_a_rejected_file_is_told_until_it_is_valid_again(tmp_path, caplog):
    file = tmp_path / "gateway.yaml"
    async with (
        RecorderUpstream() as upstream,
        running_gateway(
            config=config(upstream, 100), folder=tmp_path, ADMIN_PORT=str(free_port())
        ) as gateway,
    ):
        good = file.read_text()
        file.write_text(good.replace("routes:", "routs:"))
        await until(lambda: gateway.counts.config_applies["rejected"] == 1, "the rejection")

        code, ready = await read(gateway, "/readyz")
        assert (code, ready["status"]) == (200, "ready")
        assert ready["rejected"]["source"] == str(file)
        assert "routs" in ready["rejected"]["faults"][0]
        assert (await read(gateway, "/v1/config"))[1]["rejected"] == ready["rejected"]
        shown = await status_of(gateway)
        assert f"REJECTED configuration from {file} at {ready['rejected']['at']}" in shown
        assert "routs" in shown

        with caplog.at_level(logging.INFO, "tidegate.config"):
            file.write_text(good)  # what is in force: no new configuration
            await until(lambda: gateway.readiness.history.rejected is None, "the file to be valid")
        assert gateway.context.plans.table.sequence == 1
        assert f"configuration from {file} is valid again" in caplog.text
        assert (await read(gateway, "/readyz"))[1]["rejected"] is None
        assert "REJECTED configuration" not in await status_of(gateway)
