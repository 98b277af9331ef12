import json

import pytest

from app.admin.decision_views import decision_shape
from app.cli.commands import dispatch
from tests.app.cli.status.test_admin_client import served
from tests.app.telemetry.test_decisions import entry, ring_of
from tests.fakes.process import free_port


def kept(request_id: str) -> bytes:
    decision = ring_of(entry(request_id)).find(request_id)
    assert decision is not None
    return json.dumps(decision_shape(decision)).encode()


def test_it_tells_what_became_of_a_request(capsys):
    asked = []

    def answer(path):
        asked.append(path)
        return 200, kept("a/b")

    with served(answer) as url:
        assert dispatch(["why", "a/b", "--admin", url]) == 0
    assert asked == ["/v1/decisions/a%2Fb"]
    assert capsys.readouterr().out.startswith("GET by client acme (tier gold) at ")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (
            404,
            b'{"detail": "the last 7 decisions, since 03:12:04 UTC"}',
            "the last 7 decisions, since 03:12:04",
        ),
        (404, b"[]", "no such decision is kept"),
        (404, b"<html>", "is not a gateway's admin port"),
        (200, b"{}", "JSON of another shape"),
        (500, b"{}", "it sent 500 to /v1/decisions/odd"),
    ],
)
def test_what_it_cannot_tell_exits_with_1(capsys, status, body, says):
    with served(lambda _: (status, body)) as url:
        assert dispatch(["why", "odd", "--admin", url]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


def test_no_gateway_exits_with_1(capsys):
    assert dispatch(["why", "odd", "--admin", f"http://127.0.0.1:{free_port()}"]) == 1
    assert "no gateway responds" in capsys.readouterr().err
