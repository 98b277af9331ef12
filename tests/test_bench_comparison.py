"""What `make bench` says of a machine that lacks something, and the tables it makes of rounds."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench.comparison import http2_generators, install
from tests.bench.comparison.__main__ import main, options
from tests.bench.comparison.contestant import ALL
from tests.bench.comparison.generators import Load, _script
from tests.bench.comparison.report import believed, case_table
from tests.bench.comparison.scenarios import SCENARIOS
from tests.bench.comparison.setups import Place, Setup
from tests.fakes.process import ROOT

SMALL = SCENARIOS[0]


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """Nothing is installed."""
    monkeypatch.setattr(install, "CACHE", tmp_path)
    monkeypatch.setattr(install, "OHA", tmp_path / "oha")
    monkeypatch.setattr(install, "COMPILED", tmp_path / "tidegate")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)


def round_of(contestant, rps, *, valid=True, strangers=0.0):
    numbers = {"rps": rps, "cpu_us": 1e6 / rps, "busy": 1.0, "idle": 0.0, "p50_ms": 1.0, "p99_ms": 2.0}
    problems = [] if valid else ["3 timeouts"]
    about = {"contestant": contestant, "valid": valid, "strangers": strangers, "problems": problems}
    return {**about, **numbers}


@pytest.mark.usefixtures("bare_machine")
def test_what_is_lacking_is_told_with_the_way_to_get_it(capsys):
    assert main(["--contestants", "tidegate,envoy", "--only", "a,e"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in told] == ["wrk", "nginx", "openssl", "envoy", "oha"]
    assert all("get it by" in line for line in told)
    assert "nothing can be measured" in told[0]
    assert "envoy is left out" in told[3]
    assert "rate is left out" in told[4]


@pytest.mark.usefixtures("bare_machine")
def test_what_nobody_asked_for_is_not_missed():
    assert {lack.name for lack in install.lacks(["tidegate"], ["small"])} == {"wrk", "nginx", "openssl"}


def test_an_unknown_contestant_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        options(["--contestants", "tidegate,apache"])
    assert ended.value.code == 2
    assert "unknown: apache; there are tidegate, compiled, envoy" in capsys.readouterr().err


def test_noisy_and_invalid_rounds_are_left_out_where_there_are_others():
    rows = [round_of("a", 100), round_of("a", 50, strangers=1.0), round_of("a", 900, valid=False)]
    assert [row["rps"] for row in believed(rows)] == [100]
    assert [row["rps"] for row in believed(rows[1:])] == [50]


def test_a_table_compares_the_project_with_each_by_medians():
    rows = [round_of("tidegate", rps) for rps in (90, 100, 400)] + [round_of("envoy", 50)]
    head, _, own, other = case_table(SMALL, "small", rows).splitlines()
    cells = dict(zip(head.split(" | "), other.split(" | "), strict=True))
    assert own.startswith("| tidegate | 100 |")
    assert cells["req/s: Tidegate ÷ it"] == "2.00"
    assert cells["CPU µs/req: Tidegate ÷ it"] == "0.50"


def test_both_builds_are_compared_where_both_ran():
    rows = [round_of("tidegate", 100), round_of("compiled", 200), round_of("envoy", 50)]
    head, _, own, faster, other = case_table(SMALL, "small", rows).splitlines()
    names = head.split(" | ")
    at = [names.index(f"req/s: {build} ÷ it") for build in ("Tidegate", "compiled")]
    assert [[line.split(" | ")[cell] for cell in at] for line in (own, faster, other)] == [
        ["–", "2.00"],
        ["0.50", "–"],
        ["2.00", "4.00"],
    ]


def test_a_contestant_without_a_valid_round_shows_why():
    table = case_table(SMALL, "small", [round_of("envoy", 50, valid=False)])
    assert "INVALID 1/1: 3 timeouts" in table
    assert "| envoy | – | – |" in table


@pytest.mark.usefixtures("bare_machine")
def test_the_compiled_build_is_left_out_until_it_is_made():
    (lack,) = install.lacks(["compiled"], ["small"])[3:]
    assert (lack.contestant, lack.cure, lack.fatal) == ("compiled", "`make compiled`", False)


def test_a_run_names_build_and_interpreter(monkeypatch, tmp_path):
    program = tmp_path / "tidegate"
    program.write_text("#!/bin/sh\necho tidegate 1.0\necho build: it\necho python: CPython 3 with PGO\n")
    program.chmod(0o755)
    monkeypatch.setattr(install, "COMPILED", program)
    monkeypatch.setenv("TIDEGATE", f"{program} gateway")
    versions = install.versions()
    assert versions["compiled"].endswith(" (it, CPython 3 with PGO)")
    assert versions["tidegate"] == f"{program} gateway (it, CPython 3 with PGO)"


def test_varied_requests_are_made_before_the_run():
    script = _script(Load(varied=3))
    assert "for i = 1, 3 do" in script
    assert '"/item/%d?sort=price&page=%d"' in script


H2LOAD = """
finished in 1.00s, 2000.00 req/s, 4.97MB/s
requests: 2000 total, 2064 started, 2000 done, 1999 succeeded, 1 failed, 0 errored, 0 timeout
status codes: 1999 2xx, 0 3xx, 1 4xx, 0 5xx
traffic: 4.97MB (5212552) total, 2.98MB (3127296) headers (space savings 51.02%), 890.75KB (500000) data
"""


def flood_of(monkeypatch, tmp_path, load, told):
    place = Place(8000, 8001, tmp_path, tmp_path / "cert.pem", tmp_path / "key.pem")
    (tmp_path / "h2load.tsv").write_text("17\t200\t1000\n18\t404\t9\n19\t200\t3000\n")
    commands = []

    def generate(argv, core, limit_s):
        commands.append(argv)
        return told

    monkeypatch.setattr(http2_generators, "generate", generate)
    contestant: Any = SimpleNamespace(place=place, setup=Setup(9123, http2=True))
    return http2_generators.http2_flood(contestant, load, 1, 0, {"X-API-Key": "k"}), commands[0]


def test_a_flood_over_http2_is_believed_only_with_the_status_and_the_length_that_are_due(
    monkeypatch, tmp_path
):
    run, argv = flood_of(monkeypatch, tmp_path, Load(connections=8, streams=4, body=248), H2LOAD)
    assert argv[:7] == ["h2load", "-D", "1", "-c", "8", "-m", "4"]
    assert (run["requests"], run["rps"], run["p50_ms"], run["p99_ms"]) == (2000, 2000.0, 3.0, 3.0)
    assert run["problems"] == ["1 of 2000 answers with another status than 200"]
    run, _ = flood_of(monkeypatch, tmp_path, Load(connections=8, streams=4, body=300), H2LOAD)
    assert run["problems"][-1] == "mean body of 250 bytes instead of 300"


def test_a_flood_of_different_requests_over_http2_tells_its_errors(monkeypatch, tmp_path):
    load = Load(connections=8, streams=4, varied=20_000)
    run, argv = flood_of(monkeypatch, tmp_path, load, "RESULT 4000 2000000 992000 0 0 0 2 0 700 1900\n")
    assert argv[1:] == ["8000", "8", "4", "1", "20000", "X-API-Key: k"]
    assert (run["rps"], run["p50_ms"], run["p99_ms"], run["problems"]) == (
        2000.0,
        0.7,
        1.9,
        ["2 streams reset"],
    )


@pytest.mark.parametrize("varied", [0, 20_000])
def test_a_generator_that_fails_is_told(monkeypatch, tmp_path, varied):
    run, _ = flood_of(monkeypatch, tmp_path, Load(streams=1, varied=varied), "cannot connect\n")
    assert run["problems"][0].endswith("failed: cannot connect")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "setup",
    [
        Setup(9123),
        Setup(9123, full=False),
        Setup(9123, tls=True, routes=3, limit=1),
        Setup(9123, tls=True, http2=True, http2_upstream=True, grpc=True),
    ],
)
def test_every_contestant_can_be_set_up_in_every_way(tmp_path, name, setup):
    place = Place(8000, 8001, tmp_path, tmp_path / "cert.pem", tmp_path / "key.pem")
    place.cert.write_text("certificate")
    place.key.write_text("key")
    launch = ALL[name](setup, place)
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    told = written + " ".join(launch.argv) + " ".join(launch.env.values())
    assert "8000" in told
    assert "9123" in told
    assert ("/r2" in told) is (setup.routes == 3 and name != "naive")


def test_the_page_names_every_contestant_and_its_commands_are_understood():
    page = (ROOT / "tests" / "bench" / "comparison" / "README.md").read_text()
    assert all(f"| {name} |" in page for name in ALL if name != "tidegate")
    commands = re.findall(r'^make bench BENCH="([^"]*)"', page, re.MULTILINE)
    assert [options(command.split()).quick for command in commands] == [True, False, False]
