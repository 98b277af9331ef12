"""`tidegate status` beside a running gateway: what somebody reads at three in the morning."""

import asyncio
import contextlib
import json

from app.cli.status.admin_client import show_status
from app.cli.status.output import Output
from app.cli.status.selection import Selection, StatusQuery, Topic
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import KEY, running_gateway, settled
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

ONCE = {"rules": [{"name": "per-client", "key": "Client", "requests": 2, "period": "1h"}]}
BREAKER = {"consecutiveFailures": 3, "openDuration": "1h"}


@contextlib.asynccontextmanager
async def serving(folder, **stanzas):
    async with RecorderUpstream() as upstream:
        config = config_text(upstream.url, route={"auth": "key"}, **stanzas)
        admin_port = str(free_port())
        async with (
            running_gateway(config=config, folder=folder, ADMIN_PORT=admin_port, API_KEY=KEY) as gateway,
            RawClient(gateway.port) as client,
        ):
            yield upstream, client, gateway


async def asked(gateway, capsys, query):
    code = await asyncio.to_thread(show_status, f"http://127.0.0.1:{gateway.admin_port}", query)
    assert code == 0
    return capsys.readouterr().out


async def ask(client, times):
    for _ in range(times):
        await client.request("GET", "/", [("X-API-Key", KEY)])


async def test_whom_a_limit_rejects_is_told_by_name_and_never_by_key(tmp_path, capsys):
    async with serving(tmp_path, rateLimit=ONCE) as (_, client, gateway):
        await ask(client, 7)
        said = await asked(gateway, capsys, StatusQuery())
        rows = [line.split() for line in said.splitlines()]
        assert ["defaults/per-client", "default", "5", "0"] in rows
        assert ["main", "default", "5"] in rows
        assert KEY not in said
        limits = await asked(gateway, capsys, StatusQuery(Selection(Topic.LIMITS, "per-client"), Output.JSON))
        (rule,) = json.loads(limits)["rules"]
        assert rule["clients"] == [{"client": "default", "rejected": 5, "remaining": 0}]


async def test_a_gateway_without_a_route_has_all_its_tables_all_the_same(tmp_path, capsys):
    admin_port = str(free_port())
    async with running_gateway(
        config="routes: []", folder=tmp_path, ADMIN_PORT=admin_port, AUTH="key"
    ) as gateway:
        for topic in ("readyz", "v1/routes", "v1/breakers", "v1/limits", "v1/config", "metrics"):
            async with RawClient(gateway.admin_port) as client:
                assert (await client.request("GET", f"/{topic}")).status == 200
        said = await asked(gateway, capsys, StatusQuery())
        document = json.loads(await asked(gateway, capsys, StatusQuery(output=Output.JSON)))
    assert "routes" in said
    assert document["routes"]["routes"] == []


async def test_an_open_breaker_comes_with_what_it_rejects_each_second(tmp_path, capsys):
    async with serving(tmp_path, circuitBreaker=BREAKER) as (upstream, client, gateway):
        for _ in range(3):
            upstream.reply(503)
        await ask(client, 3)
        await settled(gateway)
        await ask(client, 7)
        await until(
            lambda: gateway.view.breaker_traffic("main").rejected_per_s > 0, "a sample of the breaker"
        )
        said = await asked(gateway, capsys, StatusQuery())
        (row,) = (line.split() for line in said.splitlines() if line.startswith("  main  open"))
        assert row[3:6] == ["0.3", "0.7", "100.0%"]
        assert "main down for" in said


async def test_what_a_policy_in_shadow_mode_would_have_rejected_is_told(tmp_path, capsys):
    async with serving(tmp_path, mode="Shadow", rateLimit=ONCE) as (_, client, gateway):
        await until(lambda: gateway.view.shadows()["rows"], "the first look at what is in force")
        await ask(client, 7)
        said = await asked(gateway, capsys, StatusQuery())
        (row,) = (line.split() for line in said.splitlines() if line.startswith("  defaults  Gateway"))
        assert row[:5] == ["defaults", "Gateway", "5", "rate", "limited"]
        document = json.loads(await asked(gateway, capsys, StatusQuery(output=Output.JSON)))
        (shadow,) = document["shadows"]["shadows"]
        assert shadow["rejected"] == {"rate_limited": 5}


async def test_a_limit_that_an_edit_cut_stands_first_with_the_edit(tmp_path, capsys):
    wide = {"rules": [{**ONCE["rules"][0], "requests": 1_000}]}
    async with serving(tmp_path, rateLimit=wide) as (upstream, client, gateway):
        await ask(client, 3)
        (tmp_path / "gateway.yaml").write_text(
            config_text(upstream.url, route={"auth": "key"}, rateLimit=ONCE)
        )
        await until(lambda: gateway.view.edits(), "the edit")
        await ask(client, 17)
        await until(lambda: gateway.view.problems()["total"], "the verdict")
        said = (await asked(gateway, capsys, StatusQuery())).splitlines()
        assert " % of requests rejected by limit per-client (2 an hour), since the edit at " in said[1]
        document = json.loads(await asked(gateway, capsys, StatusQuery(output=Output.JSON)))
        (problem,) = document["problems"]["problems"]
        assert (problem["kind"], problem["subject"]) == ("limit", "defaults/per-client")


async def test_a_rejected_edit_comes_before_all_else_until_the_file_is_valid(tmp_path, capsys):
    async with serving(tmp_path, rateLimit=ONCE) as (_, _, gateway):
        file = tmp_path / "gateway.yaml"
        good = file.read_text()
        file.write_text(good.replace('"1h"', "3600"))
        await until(lambda: gateway.view.rejected() is not None, "the rejection")
        first, fault, *_ = (await asked(gateway, capsys, StatusQuery())).splitlines()
        assert first.startswith("REJECTED configuration from ")
        assert fault.endswith("is a number, not a duration; write 3600s for seconds")
        file.write_text(good)
        await until(lambda: gateway.view.rejected() is None, "the valid file")
        assert "REJECTED configuration" not in await asked(gateway, capsys, StatusQuery())
