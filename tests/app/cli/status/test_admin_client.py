import asyncio
import io
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from app.__main__ import main
from app.admin.json_views import breaker_shape, config_shape, routes_shape
from app.admin.traffic_views import limits_shape, problems_found, shadow_results
from app.cli.commands import dispatch
from app.cli.status.admin_client import show_status
from app.policy.model import OverrideState
from app.schema.document import load_document
from tests.fakes.admin_view import WALL_S, FakeView
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.process import Child, free_port


class Terminal(io.StringIO):
    """A stdout that is a terminal."""

    def isatty(self) -> bool:
        return True


def gateway(view: FakeView | None = None) -> dict[str, bytes]:
    """What a gateway's admin port answers, by path."""
    view = view or FakeView()
    return {
        "/v1/routes": orjson.dumps(routes_shape(view.table())),
        "/v1/breakers": orjson.dumps({"breakers": [breaker_shape(breaker) for breaker in view.breakers()]}),
        "/v1/limits": orjson.dumps(limits_shape(view.table(), view.limited_clients())),
        "/v1/shadows": orjson.dumps(shadow_results(view.shadows())),
        "/v1/problems": orjson.dumps(problems_found(view.problems())),
        "/v1/config": orjson.dumps(config_shape(view.table(), view.identity)),
    }


@contextmanager
def served(answers: Callable[[str], tuple[int, bytes]], date: str = "") -> Iterator[str]:
    """The URL of a server that answers each path with the status and body that `answers` gives; `date`: its clock."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            return date or super().date_time_string(timestamp)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def admin() -> Iterator[str]:
    known = gateway()
    with served(lambda path: (200, known[path])) as url:
        yield url


def test_status_shows_the_tables(admin, capsys):
    assert dispatch(["status", "--admin", admin]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("config sequence 7, pod tidegate/gateway-7d9f-abcde of gateway shop\n67 % of ")
    assert "\n\nbreakers\n  NAME " in out
    assert "cache@orders   closed" in out
    assert err == ""


def test_on_a_terminal_it_is_as_wide_as_that(admin, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", shown := Terminal())
    assert dispatch(["status", "--admin", admin]) == 0
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith("…")]


def test_a_url_with_a_slash_at_its_end_works_too(admin, capsys):
    assert dispatch(["status", "--admin", f"{admin}/"]) == 0


def test_json_is_one_object_of_all_parts(admin, capsys):
    assert dispatch(["status", "--admin", admin, "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert sorted(state) == ["breakers", "config", "limits", "problems", "routes", "shadows"]
    assert state["config"]["sequence"] == 7


def test_json_has_two_names(admin, capsys):
    shown = []
    for words in (["--json"], ["-o", "json"], ["--json", "-o", "json"]):
        assert dispatch(["status", "--admin", admin, *words]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] == shown[2]


def test_yaml_is_one_document_of_all_parts(admin, capsys):
    assert dispatch(["status", "--admin", admin, "-o", "yaml"]) == 0
    state = load_document(capsys.readouterr().out.encode(), "out").value
    assert isinstance(state, dict)
    assert sorted(state) == ["breakers", "config", "limits", "problems", "routes", "shadows"]


def test_wide_cuts_nothing_on_a_narrow_terminal(admin, monkeypatch, capsys):
    assert dispatch(["status", "--admin", admin]) == 0
    in_a_pipe = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "stdout", shown := Terminal())
    assert dispatch(["status", "--admin", admin, "-o", "wide"]) == 0
    assert shown.getvalue() == in_a_pipe


def test_one_topic_and_one_name_are_shown_alone(admin, capsys):
    assert dispatch(["status", "breakers", "cache", "--admin", admin]) == 0
    out = capsys.readouterr().out
    assert "\nbreakers\n" in out
    assert "cache@orders" not in out
    assert "\nroutes\n" not in out
    assert dispatch(["status", "limits", "-o", "json", "--admin", admin]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["limits", "rules"]


def test_a_name_that_no_breaker_has_is_a_usage_fault(admin, capsys):
    assert main(["status", "breakers", "cahce", "--admin", admin]) == 2
    assert capsys.readouterr() == ("", "error: NAME: there is no breaker 'cahce'; did you mean cache?\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 3),
        (["-o", "json"], 3),
        (["breakers", "cache@orders"], 3),
        (["breakers", "cache"], 0),
    ],
)
def test_an_open_breaker_among_those_shown_fails_where_asked(words, code, capsys):
    view = FakeView()
    view.override("cache@orders", OverrideState.OPEN, 60.0, "me")
    known = gateway(view)
    with served(lambda path: (200, known[path]), formatdate(WALL_S, usegmt=True)) as url:
        assert dispatch(["status", *words, "--admin", url]) == 0
        plain = capsys.readouterr()
        assert dispatch(["status", *words, "--admin", url, "--fail-on", "open"]) == code
    out, err = capsys.readouterr()
    assert out == plain.out
    assert err == ("--fail-on open: breaker open: cache@orders\n" if code else "")


@pytest.mark.parametrize("words", [["breakers", "-o", "json"], ["--fail-on", "open", "-o", "json"]])
def test_a_document_of_a_foreign_shape_is_one_line_and_exit_1(words, capsys):
    with served(lambda _: (200, b"[]")) as url:
        assert dispatch(["status", *words, "--admin", url]) == 1
    assert "JSON of another shape" in capsys.readouterr().err


def test_no_gateway_is_one_line_and_exit_1(capsys):
    url = f"http://127.0.0.1:{free_port()}"
    assert dispatch(["status", "--admin", url]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: no gateway responds at {url}")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b"", "404 to /v1/routes"),
        (302, b"", "302 to /v1/routes"),
        (200, b"<html>", "no JSON to /v1/routes"),
        (200, b"[]", "JSON of another shape"),
        (200, b"{}", "JSON of another shape"),
    ],
)
def test_another_server_is_one_line_and_exit_1(status, body, says, capsys):
    with served(lambda _: (status, body)) as url:
        assert dispatch(["status", "--admin", url]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9080", "localhost", "ftp://h", "http://", "http://[::1", "http://h:x"]
)
def test_a_bad_url_is_a_usage_fault(url, capsys):
    assert main(["status", "--admin", url]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: --admin: ")
    assert line.endswith("write it like http://127.0.0.1:9080\n")
    assert line.count("\n") == 1


async def test_proxy_variables_are_not_followed(admin):
    env = {"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    async with Child.app("status", "--admin", admin, env=env) as child:
        assert await child.wait() == 0


async def test_watch_in_a_pipe_tells_again_and_again_until_ctrl_c(admin):
    async with Child.app("status", "--admin", admin, "--watch", "--json") as child:
        await asyncio.to_thread(wait_for, lambda: len(child.lines) >= 2)
        assert await child.stop(signal.SIGINT) == 0
        assert [json.loads(line)["config"]["sequence"] for line in child.lines[:2]] == [7, 7]


class Pauses:
    """Instead of sleeping: does `between` each time, and presses Ctrl-C at the pause number `last`."""

    def __init__(self, last: int, between: Callable[[], object] = bool) -> None:
        self._left, self._between = last, between

    def __call__(self, pause_s: float) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        self._between()


def test_watch_shows_it_after_each_pause_until_ctrl_c(admin, capsys):
    assert show_status(admin, watch=True, pause=Pauses(3)) == 0
    assert capsys.readouterr().out.count("config sequence 7") == 3


def test_ctrl_c_without_watch_ends_it_unfinished(admin, monkeypatch):
    class Interrupted(io.StringIO):
        def flush(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Interrupted())
    assert main(["status", "--admin", admin]) == 130


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_ages_are_by_the_gateways_clock(capsys):
    known = gateway()
    with served(lambda path: (200, known[path]), "Fri, 15 Jan 2027 08:00:45 GMT") as url:
        assert show_status(url) == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  cache  "))
    assert row[:3] == ["cache", "closed", "45s"]
