import subprocess
import sys

import pytest

from app.__main__ import main
from app.cli.file_explanation import explained_rows, read_file_target
from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.schema.faults import BadValue
from tests.fakes.process import ROOT

FILE = """\
upstreams: {orders: {endpoints: [http://o]}, unused: {endpoints: [http://u]}}
routes:
  - {name: orders, upstream: [{name: orders}, {name: cache}], match: {path: {prefix: /orders}}}
  - {name: all, upstream: cache}
  - {name: old, match: {path: {exact: /old}}, redirect: {path: /orders}}
policies:
  - name: defaults
    spec:
      targetRefs: [{kind: Gateway}]
      circuitBreaker: {consecutiveFailures: 5}
      timeout: {request: 10s}
  - name: cache
    spec:
      targetRefs: [{kind: Upstream, name: cache}]
      circuitBreaker: {consecutiveFailures: 9}
  - name: all
    spec:
      targetRefs: [{kind: Route, name: all}]
      circuitBreaker: {consecutiveFailures: 7, override: {state: Open, until: "2099-01-01T00:00:00Z"}}
      timeout: {request: 1s}
      retry: {attempts: 2}
  - name: over
    spec:
      targetRefs: [{kind: Route, name: orders}]
      circuitBreaker: {override: {state: Open, until: "2020-01-01T00:00:00Z"}}
  - name: trial
    spec:
      mode: Shadow
      targetRefs: [{kind: Gateway}]
      circuitBreaker: {consecutiveFailures: 2}
      rateLimit: {rules: [{name: tight, key: Client, requests: 1, period: 1s}]}
"""
NOW_S = 1_800_000_000.0


def explained(target: str, text: str = FILE) -> list[tuple[str, str, str, str]]:
    """Stanza, mode, from and beats of each row."""
    config = parse_config(text.encode(), "gw.yaml")
    rows = explained_rows(config, EnvironmentRules.offline({}), read_file_target(target), NOW_S)
    return [row[:4] for row in rows]


RATE_LIMIT = ("rateLimit", "Enforce", "RATE_LIMIT (environment)", "")


def test_a_route_shows_who_decides_and_whom_that_beats():
    assert explained("Route/all") == [
        (
            "circuitBreaker",
            "Enforce",
            "all (Route/all)",
            "cache (Upstream/cache), defaults (Gateway), built-in",
        ),
        ("override", "Enforce", "all (Route/all)", ""),
        RATE_LIMIT,
        ("timeout", "Enforce", "all (Route/all)", "defaults (Gateway), built-in"),
        ("retry", "Enforce", "all (Route/all)", "built-in"),
        ("circuitBreaker", "Shadow", "trial (Gateway)", ""),
        ("rateLimit", "Shadow", "trial (Gateway)", ""),
    ]


def test_a_route_to_several_upstreams_has_a_breaker_for_each():
    assert explained("Route/orders")[:2] == [
        ("circuitBreaker to orders", "Enforce", "defaults (Gateway)", "built-in"),
        ("circuitBreaker to cache", "Enforce", "cache (Upstream/cache)", "defaults (Gateway), built-in"),
    ]


def test_an_upstream_shows_the_routes_with_a_breaker_of_their_own():
    assert explained("Upstream/cache") == [
        ("circuitBreaker", "Enforce", "cache (Upstream/cache)", "defaults (Gateway), built-in"),
        ("circuitBreaker", "Shadow", "trial (Gateway)", ""),
        (
            "circuitBreaker at Route/all",
            "Enforce",
            "all (Route/all)",
            "cache (Upstream/cache), defaults (Gateway), built-in",
        ),
        ("override at Route/all", "Enforce", "all (Route/all)", ""),
    ]


def test_the_built_in_route_may_have_a_breaker_of_its_own():
    policy = "{targetRefs: [{kind: Route, name: default}], circuitBreaker: {consecutiveFailures: 7}}"
    shown = explained("Upstream/cache", f"policies: [{{name: p, spec: {policy}}}]\n")
    assert shown == [
        ("circuitBreaker", "Enforce", "built-in", ""),
        ("circuitBreaker at Route/default", "Enforce", "p (Route/default)", "built-in"),
    ]


def test_the_gateway_shows_what_holds_where_nothing_more_specific_does():
    assert explained("gateway")[:4] == [
        ("circuitBreaker", "Enforce", "defaults (Gateway)", "built-in"),
        RATE_LIMIT,
        ("timeout", "Enforce", "defaults (Gateway)", "built-in"),
        ("retry", "Enforce", "built-in", ""),
    ]


def test_a_file_that_says_nothing_has_what_is_built_in():
    assert explained("Route/default", "{}") == [
        ("circuitBreaker", "Enforce", "built-in", ""),
        RATE_LIMIT,
        ("timeout", "Enforce", "built-in", ""),
        ("retry", "Enforce", "built-in", ""),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("orders", "'orders' names no target; write it like Route/orders, Upstream/cache or Gateway"),
        ("shop/Route/orders", "; a namespace is for a cluster, without --config"),
        ("Gateway/edge", "a file is for one gateway: write Gateway"),
        ("Route/", "write it like Route/orders"),
        ("Upstream", "write it like Upstream/orders"),
        ("Route/Orders", "'Orders' is not a DNS subdomain"),
    ],
)
def test_what_names_no_target_says_what_would_be_right(text, says):
    with pytest.raises(BadValue) as caught:
        read_file_target(text)
    assert says in str(caught.value)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gw.yaml").write_text(FILE)
    return "gw.yaml"


def test_the_command_prints_a_table_and_what_is_over(file, capsys):
    assert main(["explain", "--config", file, "Route/orders"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["STANZA", "MODE", "FROM", "BEATS", "SAYS"]
    assert lines[-1] == "not in force: over: its override has ended"
    assert '{"consecutiveFailures":9,' in out
    assert next(line for line in lines if line.startswith("retry")).endswith("  none")
    assert err == ""


@pytest.mark.parametrize(
    ("target", "note"),
    [
        ("Route/old", "Route/old redirects: it has no breaker, and no request of it is timed or retried\n"),
        ("Upstream/unused", "no route uses Upstream/unused\n"),
        ("Upstream/orders", ""),
    ],
)
def test_a_note_says_where_it_changes_nothing(file, target, note, capsys):
    assert main(["explain", "--config", file, target]) == 0
    assert capsys.readouterr().err == note


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["gw.yaml", "Route/order"], "error: TARGET: gw.yaml has no Route/order; did you mean Route/orders?"),
        (
            ["gw.yaml", "Upstream/zz"],
            "error: TARGET: gw.yaml has no Upstream/zz; Upstreams here: cache, orders, unused",
        ),
        (["gw.yaml", "orders"], "error: TARGET: 'orders' names no target; "),
        (
            ["empty.yaml", "Route/default"],
            "error: TARGET: empty.yaml has no Route/default; Routes here: none\n",
        ),
        (["none.yaml", "Gateway"], "error: none.yaml: "),
        (["bad.yaml", "Gateway"], "error: bad.yaml:1: routs: is not a known key"),
    ],
)
def test_a_usage_fault_is_one_line_and_exit_2(file, argv, says, tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("routs: []\n")
    (tmp_path / "empty.yaml").write_text("routes: []\n")
    assert main(["explain", "--config", *argv]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(says)


def test_many_names_are_cut(file, tmp_path, capsys):
    routes = ", ".join(
        f"{{name: r{n:02}, upstream: cache, match: {{path: {{exact: /{n}}}}}}}" for n in range(11)
    )
    (tmp_path / "many.yaml").write_text(f"routes: [{routes}]\n")
    assert main(["explain", "--config", "many.yaml", "Route/zzzzz"]) == 2
    assert capsys.readouterr().err.endswith(
        "Routes here: r00, r01, r02, r03, r04, r05, r06, r07, r08, r09 …\n"
    )


def test_standard_input_is_read_and_the_base_install_is_enough():
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('lightkube', 'kopf', 'stamina')));"
        "from app.__main__ import main; sys.exit(main(['explain', '--config', '-', 'Route/all']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, input=FILE, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "all (Route/all)" in ended.stdout
