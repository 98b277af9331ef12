"""`tidegate up` as a user meets it: a real process, the real Valkey, the printed lines pasted."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from tests.fakes.client import RawClient
from tests.fakes.exchange import within
from tests.fakes.process import ROOT, Child, as_many_workers, free_ports

READY = r"Tidegate is up"
LAST_PRINTED = r"\S+/demo/status/503\?try"


@pytest.fixture
def environment(tmp_path):
    port, admin_port = free_ports(2)
    return {"PORT": str(port), "ADMIN_PORT": str(admin_port), "TIDEGATE_STATE": str(tmp_path / "state")}


@contextlib.asynccontextmanager
async def up(environment):
    async with Child.app("up", env=environment) as child:
        await child.wait_line(LAST_PRINTED)
        yield child


def curls(child):
    """The printed curl lines, as words."""
    return [shlex.split(line) for line in child.lines if line.lstrip().startswith("curl ")]


def calls(words):
    """Method, target, fields and body of each call that a curl line makes ([1-4] is curl's globbing)."""
    method, url, fields, body = "", "", [], b""
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            fields.append((name, value))
        elif word == "-d":
            body = next(rest).encode()
        elif word != "-i":
            url = word
    target = "/" + url.split("/", 3)[3]
    globs = re.search(r"\[(\d)-(\d)\]", target)
    numbers = range(int(globs[1]), int(globs[2]) + 1) if globs else [0]
    for number in numbers:
        filled = re.sub(r"\[.*\]", str(number), target)
        yield method or "GET", filled, fields, body


def key_of(child):
    return next(line.split()[2] for line in child.lines if line.strip().startswith("API key"))


def child_named(child, part):
    (pid,) = [pid for pid, command in child.children().items() if part in command]
    return pid


async def test_the_printed_lines_work_as_printed(environment):
    async with up(environment) as child:
        put, get, fail = curls(child)
        async with RawClient(int(environment["PORT"])) as client:
            (storing,) = calls(put)
            stored = await client.request(*storing)
            assert stored.status == 201
            async with within("the value to reach the store, which a busy machine makes slow"):
                while stored.get("Cache-Durability") != "redis":
                    await asyncio.sleep(0.5)  # the rate limit is that of the user's, too
                    stored = await client.request(*storing)
            answers = [
                await client.request(*call) for call in itertools.chain.from_iterable(map(calls, (get, fail)))
            ]
        assert [answer.status for answer in answers] == [200, 503, 503, 503, 503]
        assert answers[0].body == b"hello"
        assert [answer.get("Tidegate-Reason") for answer in answers[1:]] == ["", "", "", "breaker_open"]
        assert int(answers[-1].get("Retry-After")) in range(1, 11)


async def test_the_upstream_is_switched_while_its_breaker_is_open(environment):
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        fields = [("X-API-Key", key_of(child))]
        (switch,) = [
            shlex.split(line.partition("demo switch")[2])[3] for line in child.lines if "demo switch" in line
        ]
        demo_port = int(re.search(r":(\d+)/mode", switch)[1])  # type: ignore[index]
        async with RawClient(demo_port) as demo:
            assert (await demo.request("PUT", "/mode?fail=1")).json()["fail"] is True
            items = [await client.request("GET", "/demo/item", fields) for _ in range(4)]
            assert [item.get("Tidegate-Reason") for item in items] == ["", "", "", "breaker_open"]
            assert (await demo.request("PUT", "/mode?ok")).json()["fail"] is False


async def test_the_banner_begins_with_the_monitor_which_is_there(environment):
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        first = next(line for line in child.lines if line and " | " not in line)
        assert first.split() == ["monitor", f"http://localhost:{environment['PORT']}/monitor"]
        assert (await client.request("GET", "/monitor")).status == 200


async def test_no_breaker_is_listed_that_a_newcomer_would_ask_about(environment):
    async with up(environment), RawClient(int(environment["ADMIN_PORT"])) as admin:
        breakers = (await admin.request("GET", "/v1/breakers")).json()["breakers"]
        assert sorted(breaker["name"] for breaker in breakers) == ["cache", "demo"]


@pytest.mark.parametrize(("host", "addresses"), [(None, {"127.0.0.1"}), ("0.0.0.0", {"0.0.0.0"})])  # noqa: S104
async def test_it_listens_on_this_machine_only_unless_host_opens_it(environment, host, addresses):
    async with up({**environment, **({"HOST": host} if host else {})}) as child:
        assert listening(child, int(environment["PORT"])) == addresses


def listening(child, port):
    """The addresses on which the tree of `child` listens at that port."""
    lines = (Path("/proc") / str(child_named(child, "app gateway")) / "net/tcp").read_text().splitlines()[1:]
    local = [line.split()[1].split(":") for line in lines if line.split()[3] == "0A"]
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address, its in local if int(its, 16) == port}


async def test_an_edited_configuration_is_kept_over_a_restart_and_an_untouched_one_is_renewed(
    environment, tmp_path
):
    config = tmp_path / "state" / "gateway.yaml"
    async with up(environment) as child:
        assert await child.stop() == 0
    assert "auth: key" in config.read_text()
    async with up({**environment, "AUTH": "none"}) as child:
        assert "auth: none" in config.read_text()
        assert await child.stop() == 0
    # of this start, whose inner ports may be others than those of the first
    config.write_text(config.read_text().replace("consecutiveFailures: 3", "consecutiveFailures: 1"))
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        fields = [("X-API-Key", key_of(child))]
        failed = [await client.request("GET", "/demo/status/503", fields) for _ in range(2)]
        assert [each.get("Tidegate-Reason") for each in failed] == ["", "breaker_open"]
        assert "consecutiveFailures: 1" in config.read_text()


async def test_an_edited_configuration_that_is_wrong_is_told_and_nothing_starts(environment, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "gateway.yaml").write_text("routs: []\n")
    async with Child.app("up", env=environment) as child:
        assert await child.wait() == 2
    (line,) = child.lines
    assert line.startswith(f"error: {tmp_path}/state/gateway.yaml:1: routs: is not a known key")


async def test_every_part_logs_in_one_format_and_valkey_is_quiet(environment):
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        await client.request("GET", "/demo/ok", [("X-API-Key", key_of(child))])
        await child.wait_line(r'^gateway \| \{.*"reason"')
        assert await child.stop() == 0
        logged = [line.split(" | ", 1) for line in child.lines if " | " in line]
        assert {name.strip() for name, _ in logged} == {"up", "cache", "gateway"}
        records = [json.loads(line) for _, line in logged]
        assert all(record["ts"].endswith("Z") for record in records)
        assert all("message" in record or "reason" in record for record in records)


async def test_a_misspelt_variable_and_a_short_key_are_warned_of(environment):
    async with up({**environment, "HEADER_TIMOUT": "3s", "API_KEY": "short-key"}) as child:
        warned = [line for line in child.lines if '"level":"warning"' in line]
        assert [line for line in warned if "did you mean HEADER_TIMEOUT?" in line]
        assert [line for line in warned if "API_KEY" in line and "short-key" not in line]


async def test_a_hang_up_and_the_echo_pass_through_the_gateway(environment):
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        fields = [("X-API-Key", key_of(child))]
        hung = await client.request("GET", "/demo/hangup", fields)
        assert (hung.status, hung.get("Tidegate-Reason")) == (502, "upstream_reset")
        echo = (await client.request("POST", "/demo/echo?a=1", fields, b"body")).json()
        assert (echo["path"], echo["query"], echo["body"]) == ("/echo", "a=1", "body")
        assert key_of(child) not in str(echo["headers"])


async def test_the_key_and_the_values_outlive_a_restart(environment):
    async with up(environment) as child:
        key = key_of(child)
        async with RawClient(int(environment["PORT"])) as client:
            stored = await client.request("PUT", "/cache/kept?ttl=600", [("X-API-Key", key)], b"tide")
            assert stored.status == 201
        assert await child.stop() == 0
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        assert key_of(child) == key
        assert (await client.request("GET", "/cache/kept", [("X-API-Key", key)])).body == b"tide"


async def test_purging_passes_and_nothing_goes_without_the_key(environment):
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        assert (await client.request("POST", "/cache:purge", body=b'{"all": true}')).status == 401
        purge = await client.request(
            "POST",
            "/cache:purge",
            [("X-API-Key", key_of(child)), ("Content-Type", "application/json")],
            b'{"all": true}',
        )
        assert (purge.status, "purged" in purge.json()) == (200, True)


async def test_the_state_is_for_its_owner_only_and_the_admin_token_is_not_printed(environment, tmp_path):
    async with up(environment) as child:
        state = tmp_path / "state"
        token = (state / "admin-token").read_text().strip()
        assert token
        assert token not in child.output
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        for name in ("api-key", "admin-token", "gateway.yaml", "valkey.conf"):
            assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
        body = b'{"state": "auto"}'
        fields = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        async with RawClient(int(environment["ADMIN_PORT"])) as client:
            answer = await client.request("PUT", "/v1/breakers/demo/override", fields, body)
        assert answer.status == 200


async def test_the_users_own_environment_reaches_the_gateway(environment, tmp_path):
    log = tmp_path / "access.log"
    own = {"RATE_LIMIT": "1-H", "ACCESS_LOG": str(log), "API_KEY": "k" * 43}
    async with up({**environment, **own}) as child, RawClient(int(environment["PORT"])) as client:
        fields = [("X-API-Key", own["API_KEY"])]
        answers = [await client.request("GET", "/demo/ok", fields) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert own["API_KEY"] not in child.output
        assert await child.stop() == 0
    assert "rate_limited" in log.read_text()


async def test_every_line_of_a_child_carries_its_name(environment):
    async with up(environment) as child, RawClient(int(environment["PORT"])) as client:
        await client.request("GET", "/demo/ok", [("X-API-Key", key_of(child))])
        await child.wait_line(r'^gateway \| \{.*"reason"')


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("valkey", "valkey-server"),
        ("cache", "-m cache"),
        ("demo", "demo.upstream"),
        ("gateway", "app gateway"),
    ],
)
async def test_a_dead_child_is_one_clear_line_and_ends_all(environment, name, part):
    async with up(environment) as child:
        os.kill(child_named(child, part), signal.SIGKILL)
        assert await child.wait() == 1
        assert next(line for line in child.lines if line.startswith("error: ")).startswith(
            f"error: {name} was ended by signal 9 (Killed)"
        )
        assert child.left_over() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_and_sigterm_leave_no_process(environment, number):
    async with up(environment) as child:
        assert len(child.children()) == 4 + int(as_many_workers().get("WORKERS", 0))
        assert await child.stop(number) == 0
        assert child.left_over() == []
        assert not any(line.startswith("error: ") for line in child.lines)


async def test_killing_it_leaves_no_process(environment):
    async with up(environment) as child:
        await child.stop(signal.SIGKILL)
        await child.wait_none_left()


@pytest.mark.parametrize("variable", ["PORT", "ADMIN_PORT"])
async def test_a_taken_port_is_one_line_with_the_cure_and_nothing_starts(environment, variable, tmp_path):
    with socket.create_server(("127.0.0.1", int(environment[variable]))):
        async with Child.app("up", env=environment) as child:
            assert await child.wait() == 1
    assert len(child.lines) == 1
    assert re.fullmatch(
        rf"error: {variable}: port {environment[variable]} is in use; set another one, for example {variable}=\d+",
        child.lines[0],
    )
    assert not (tmp_path / "state").exists()


async def test_a_folder_that_cannot_be_written_is_one_line_with_the_cure(environment, tmp_path):
    (tmp_path / "file").write_text("")
    async with Child.app("up", env={**environment, "TIDEGATE_STATE": str(tmp_path / "file" / "x")}) as child:
        assert await child.wait() == 1
    (line,) = child.lines
    assert "cannot be written (Not a directory); set TIDEGATE_STATE" in line


async def test_a_bad_variable_is_one_line_and_status_2(environment):
    async with Child.app("up", env={**environment, "DRAIN_TIMEOUT": "soon"}) as child:
        assert await child.wait() == 2
    (line,) = child.lines
    assert line.startswith("error: DRAIN_TIMEOUT: ")


async def test_it_runs_from_a_folder_that_has_an_app_folder_of_its_own(environment, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    start = "from app.__main__ import main; raise SystemExit(main())"
    argv = [sys.executable, "-P", "-c", start, "up"]  # as the console script does
    async with Child(argv, {**environment, "PYTHONPATH": str(ROOT)}, tmp_path) as child:
        await child.wait_line(READY)
        assert await child.stop() == 0
