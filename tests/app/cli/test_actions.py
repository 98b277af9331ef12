import json

import pytest

from app.__main__ import main
from app.cli.actions import run_check, run_gateway, run_keys_new
from app.cli.fault_report import exit_code
from app.config.parsing.keys import parse_keys
from app.foundation.errors import ConfigFaults
from app.keys.making import hash_line
from tests.fakes.process import ROOT, Child


def test_a_warning_of_check_is_a_line_and_no_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATHS", "raw")
    monkeypatch.setenv("API_KEY", "k" * 43)
    (tmp_path / "gw.yaml").write_text(
        "routes:\n"
        "  - {name: public, match: {path: {prefix: /p}}, upstream: cache, auth: none}\n"
        "  - {name: all, upstream: cache}\n"
    )
    assert exit_code(lambda: run_check(["gw.yaml"])) == 0
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("gw.yaml: valid\n", 1)
    assert err.startswith("warning: gw.yaml:2: routes[0]: wants no key")


OTHER = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
POLICY = """apiVersion: tidegate.dev/v1alpha1
kind: ResiliencePolicy
metadata: {name: p}
spec: {targetRefs: [{kind: Gateway}], timeout: {request: 1s}}
"""


@pytest.mark.parametrize(
    ("texts", "out", "err"),
    [
        ([POLICY], "valid\n", ""),
        ([POLICY, OTHER], "valid, 1 object of other kinds skipped\n", ""),
        ([OTHER, POLICY, OTHER], "valid, 2 objects of other kinds skipped\n", ""),
        ([OTHER, OTHER], "", "nothing was checked, 2 objects of other kinds skipped\n"),
        (["# nothing\n"], "valid\n", "is empty: the gateway then has its one built-in route"),
    ],
)
def test_check_says_what_it_read_and_what_it_skipped(texts, out, err, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.yaml").write_text("---\n".join(texts))
    assert exit_code(lambda: run_check(["f.yaml"])) == 0
    said, warned = capsys.readouterr()
    assert said == (f"f.yaml: {out}" if out else "")
    assert warned.startswith(f"warning: f.yaml: {err}") if err else not warned


UNUSED = "routes: [{name: a, upstream: cache, auth: none}]\nupstreams: {u: {endpoints: [http://h]}}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (POLICY, 0),
        (f"{POLICY}---\n{OTHER}", 0),
        (UNUSED, 2),
        (OTHER, 2),  # in CI a wrong folder must not pass
        ("routs: []\n", 2),
    ],
)
@pytest.mark.parametrize("output", ["text", "json", "github"])
def test_strict_fails_on_warnings_and_on_nothing_to_check(text, code, output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.yaml").write_text(text)
    assert main(["check", "--strict", "f.yaml", "-o", output]) == code
    assert main(["check", "f.yaml", "-o", output]) == (2 if "routs" in text else 0)
    if output == "json":
        shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [one["valid"] for one in shown] == [code == 0, "routs" not in text]


def test_strict_says_that_it_is_the_warnings_it_fails_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.yaml").write_text(UNUSED)
    assert main(["check", "--strict", "f.yaml"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "error: --strict: warnings count as errors; there is 1"
    assert main(["check", "f.yaml"]) == 0
    assert "--strict" not in capsys.readouterr().err


def test_json_of_check_is_all_it_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.yaml").write_text(UNUSED)
    assert main(["check", "f.yaml", "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    (finding,) = json.loads(out)["findings"]
    assert (finding["severity"], finding["file"], finding["line"]) == ("warning", "f.yaml", 2)


def test_github_gets_an_annotation_for_each_finding(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.yaml").write_text(UNUSED)
    (tmp_path / "g.yaml").write_text("routs: []\n")
    assert main(["check", "f.yaml", "-o", "github"]) == 0
    assert capsys.readouterr() == (
        "::warning file=f.yaml,line=2,title=upstreams.u::is used by no route; name it in a route, or leave it out\n"
        "f.yaml: valid\n",
        "",
    )
    assert main(["check", "g.yaml", "-o", "github"]) == 2
    assert capsys.readouterr().out.startswith("::error file=g.yaml,line=1,title=routs::is not a known key; ")


def test_config_without_a_name_is_a_fault():
    with pytest.raises(ConfigFaults, match="--config: names no file"):
        run_gateway("")


@pytest.mark.parametrize("name", ["Acme", "a@b", "", "-a", "ü"])
def test_key_for_a_name_that_is_no_dns_subdomain_is_a_fault(name):
    with pytest.raises(ConfigFaults, match="NAME: "):
        run_keys_new(name)


@pytest.mark.parametrize(("pepper", "scheme"), [(None, "sha256"), ("salt", "hmac-sha256")])
def test_a_new_key_and_its_hash_are_all_of_stdout(pepper, scheme, monkeypatch, capsys):
    monkeypatch.delenv("KEY_PEPPER", raising=False)
    if pepper:
        monkeypatch.setenv("KEY_PEPPER", pepper)
    assert main(["keys", "new", "acme"]) == 0
    out, err = capsys.readouterr()
    key, stored = (line.split(": ", 1) for line in out.splitlines())
    assert (key[0], stored[0]) == ("key", "hash")
    assert stored[1] == hash_line(key[1], pepper and pepper.encode())
    assert stored[1].startswith(f"{scheme}:")
    assert f'{{name: acme, hash: "{stored[1]}"}}' in err
    assert key[1] not in err


def test_up_with_a_file_of_ones_own_is_a_fault(monkeypatch, capsys):
    monkeypatch.setenv("CONFIG_FILE", "mine.yaml")
    assert main(["up"]) == 2
    assert capsys.readouterr().err.startswith("error: CONFIG_FILE: ")


async def test_the_cache_runs_as_its_own_program_in_this_process(tmp_path):
    package = tmp_path / "cache"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, sys; print(__name__, sys.argv[1:], os.getpid()); sys.exit(5)"
    )
    async with Child.app("cache", cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}) as child:
        assert await child.wait() == 5
        assert child.lines == [f"__main__ [] {child.pid}"]


def test_tier_and_end_of_a_key_are_in_the_line_to_store(capsys):
    words = ["keys", "new", "acme", "--tier", "gold", "--expires", "2027-01-31T12:00:00Z"]
    assert main(words) == 0
    line = capsys.readouterr().err.splitlines()[-1]
    (entry,) = parse_keys(line.encode(), "line")
    assert (entry.name, entry.tier, entry.not_after_wall_s) == ("acme", "gold", 1_801_396_800.0)


def test_all_that_is_wrong_with_a_new_key_is_told_at_once(capsys):
    assert main(["keys", "new", "A B", "--tier", "!", "--expires", "2027-01-31"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[1] for line in err.splitlines()] == ["NAME", "--tier", "--expires"]
    assert err.endswith("write 2027-01-31T00:00:00Z\n")
