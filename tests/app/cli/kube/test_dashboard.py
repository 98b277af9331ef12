"""What `dashboard` prints and when it ends, with tunnels played; for real: `tests/scenarios/test_dashboard.py`."""

import asyncio
import socket
from typing import Any

import pytest

from app.cli.fault_report import exit_code
from app.cli.kube import dashboard
from app.cli.kube.dashboard import opens_browser, show_dashboard
from app.cli.kube.pod_tunnels import PodTunnels
from app.foundation.errors import ClusterError
from tests.app.cli.kube.samples import NAMESPACE, SLICES, gateways, operators
from tests.app.cli.kube.test_local_port import PlayedTunnel
from tests.fakes.kubernetes_responses import cluster, listed

ALIVE = b"HTTP/1.1 200 OK\r\n\r\n"


async def at_once() -> None:
    """The user ends it."""
    raise KeyboardInterrupt


def shown(
    monkeypatch, responses: dict[tuple[str, str], Any], *says: Any, pod: str | None = None, **more: Any
) -> int:
    async def open_(_: Any, target: Any) -> PlayedTunnel:
        if says and isinstance(says[0], ClusterError) and says[0].code:
            raise says[0]
        return PlayedTunnel(*says)

    monkeypatch.setattr(PodTunnels, "open", open_)
    given = {"connected": lambda _: cluster(responses, tries=1)[0], "until": at_once, **more}
    return exit_code(lambda: show_dashboard("shop", pod, given.pop("port", 0), **given))


def test_the_fleets_url_is_printed_and_opened_until_ctrl_c(monkeypatch, capsys):
    opened: list[str] = []
    code = shown(monkeypatch, {("GET", SLICES): operators("op-0", "op-1")}, ALIVE, opens=opened.append)
    out, err = capsys.readouterr()
    assert code == 0
    assert out.startswith("the fleet, by its operator op-0 in namespace shop: http://127.0.0.1:")
    assert out.endswith("/monitor/?dashboard\nCtrl-C ends it.\n")
    assert opened == [out.split()[-4]]
    assert err == "2 operators run here; op-0 is shown, the others: op-1\n"


def test_one_gateways_page_needs_no_operator(monkeypatch, capsys):
    assert shown(monkeypatch, {}, ALIVE, pod="gw-0") == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("/monitor")


def test_without_an_operator_the_gateways_are_listed(monkeypatch, capsys):
    responses = {("GET", SLICES): [listed(), gateways(*(f"gw-{number}" for number in range(12)))]}
    responses["GET", NAMESPACE] = {"metadata": {"name": "shop"}}  # type: ignore[assignment]
    assert shown(monkeypatch, responses) == 1
    said = capsys.readouterr().err
    assert "no operator runs in namespace shop" in said
    assert "tidegate dashboard -n shop gw-0 (gateways here: gw-0, gw-1" in said
    assert said.endswith(" …)\n")


def test_without_gateways_too_only_the_operator_is_missed(monkeypatch, capsys):
    responses = {("GET", SLICES): listed(), ("GET", NAMESPACE): {"metadata": {"name": "shop"}}}
    assert shown(monkeypatch, responses) == 1
    assert "tidegate dashboard" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("says", "code", "said"),
    [
        (ClusterError("open a connection to", "pod gw-0", 404, "x"), 2, "POD: there is no gateway gw-0"),
        (
            ClusterError("open a connection to", "pod gw-0", 404, "x"),
            2,
            "`kubectl -n shop get pods -l app.kubernetes.io/component=gateway`",
        ),
        (ClusterError("open a connection to", "pod gw-0", 403, "no"), 1, "ask for the right"),
        (b"SSH-2.0", 1, "the admin port of pod gw-0 does not respond"),
        (b"", 1, "the admin port of pod gw-0 does not respond"),
    ],
)
def test_a_pod_that_does_not_respond_is_said_before_a_url(monkeypatch, capsys, says, code, said):
    assert shown(monkeypatch, {("GET", NAMESPACE): {}}, says, pod="gw-0") == code
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


def test_a_pod_in_which_nothing_listens_is_no_matter_of_the_cluster(monkeypatch, capsys):
    refused = ClusterError("open a connection to", "pod gw-0", 0, "port 9080: connection refused")
    assert shown(monkeypatch, {}, refused, pod="gw-0") == 1
    said = capsys.readouterr().err
    assert "connection refused; see kubectl -n shop logs gw-0" in said
    assert "KUBECONFIG" not in said


def test_a_namespace_that_does_not_exist_is_said_before_a_pod(monkeypatch, capsys):
    missing = ClusterError("find", "gateway gw-0", 404, "x")
    assert shown(monkeypatch, {("GET", NAMESPACE): 404}, missing, pod="gw-0") == 2
    assert "--namespace: there is no namespace shop" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert shown(monkeypatch, {}, ALIVE, pod="gw-0", port=port) == 1
    assert f"--port: 127.0.0.1:{port} cannot be opened" in capsys.readouterr().err


def test_a_pod_that_keeps_silent_is_given_up(monkeypatch, capsys):
    class Silent(PlayedTunnel):
        async def receive(self) -> bytes:
            raise TimeoutError

    async def open_(*_: Any) -> Silent:
        return Silent()

    monkeypatch.setattr(PodTunnels, "open", open_)
    given: dict[str, Any] = {"connected": lambda _: cluster({}, tries=1)[0], "until": at_once}
    assert exit_code(lambda: show_dashboard("shop", "gw-0", 0, **given)) == 1
    assert "does not respond" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("display", "is_terminal", "opens"), [("", True, False), (":0", True, True), (":0", False, False)]
)
def test_a_browser_is_opened_only_where_somebody_sees_it(monkeypatch, display, is_terminal, opens):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert (opens_browser() is not None) is opens


async def test_nothing_ends_it_but_its_user():
    waiting = asyncio.ensure_future(dashboard._for_ever())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
