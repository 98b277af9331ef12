import json
import os

import pytest

from app.admin.decision_views import decisions_shape
from app.cli.commands import dispatch
from app.cli.decision_stream import TapOutput, TapQuery
from app.cli.fault_report import exit_code
from app.cli.tap import tap_gateway
from app.telemetry.decisions import Filter
from tests.app.cli.status.test_admin_client import Terminal, served
from tests.app.telemetry.test_decisions import entry, ring_of
from tests.fakes.process import free_port


class Pauses:
    """The end of each poll: does what a test says, and ends the command after the last."""

    def __init__(self, *acts) -> None:
        self.acts = list(acts)

    def __call__(self, _seconds: float) -> None:
        if not self.acts:
            raise KeyboardInterrupt
        self.acts.pop(0)()


def shown(ring) -> tuple[int, bytes]:
    return 200, json.dumps(decisions_shape(ring.recent(Filter(), 10))).encode()


def test_what_comes_is_a_line_each_until_ctrl_c(capsys):
    ring, asked = ring_of(entry("old")), []

    def answer(path):
        asked.append(path)
        return shown(ring)

    def comes() -> None:
        ring.record(entry("new", reason="rate_limited", status=429))

    with served(answer) as url:
        assert tap_gateway(url, TapQuery(), pause=Pauses(comes)) == 0
    assert asked == ["/v1/decisions?limit=10", "/v1/decisions?after=0-1&limit=100"]
    out, err = capsys.readouterr()
    assert out.splitlines()[1].endswith("old")
    assert "rate_limited" in out
    assert err.startswith("Every rejection and failure, and a sample of the rest")


def test_a_gateway_that_goes_is_told_and_tried_again(capsys):
    responses = [(200, shown(ring_of(entry("1")))[1]), (500, b"{}"), (500, b"{}"), shown(ring_of(entry("2")))]
    with served(lambda _: responses.pop(0)) as url:
        assert tap_gateway(url, TapQuery(), pause=Pauses(*[lambda: None] * 3)) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[1:] == [
        f"{url} is not a gateway's admin port: it sent 500 to /v1/decisions?after=0-1&limit=100; trying again",
        "the gateway responds again",
    ]
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["1", "2"]


def test_no_gateway_at_the_start_exits_with_1(capsys):
    assert dispatch(["tap", "--admin", f"http://127.0.0.1:{free_port()}"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "no gateway responds at" in err


def test_what_is_missed_goes_beside_json(capsys):
    body = json.dumps({**json.loads(shown(ring_of(entry("1")))[1]), "omitted": 312}).encode()
    with served(lambda _: (200, body)) as url:
        tap_gateway(url, TapQuery(output=TapOutput.JSON), pause=Pauses())
    out, err = capsys.readouterr()
    assert [json.loads(line)["requestId"] for line in out.splitlines()] == ["1"]
    assert "… 312 more" in err


def test_on_a_terminal_lines_are_as_wide_as_it(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setattr("app.cli.tap.get_terminal_size", lambda: os.terminal_size((60, 20)))
    with served(lambda _: shown(ring_of(entry("r" * 100)))) as url:
        assert tap_gateway(url, TapQuery(), pause=Pauses()) == 0
    assert max(map(len, screen.getvalue().splitlines())) <= 60


@pytest.mark.parametrize("words", [["why", "x"], ["tap"]])
def test_a_gateway_and_a_cluster_are_not_asked_together(words, capsys):
    code = exit_code(lambda: dispatch([*words, "--admin", "http://127.0.0.1:1", "-n", "shop"]))
    assert code == 2
    assert "--admin: is for one gateway, --namespace for a cluster; leave one out" in capsys.readouterr().err
