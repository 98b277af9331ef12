import json
from typing import Any

import pytest

from app.admin.decision_views import decisions_shape
from app.cli.decision_stream import DecisionStream, Silent, TapOutput, TapQuery
from app.telemetry.decisions import DecisionRing, Entry, Filter, Mark
from tests.app.telemetry.test_decisions import entry

AT_S = 1_800_000_000.25


def reply(*entries: Entry, after: Mark | None = None, limit: int = 100, process: int = 7) -> Any:
    ring = DecisionRing(10, process)
    for each in entries:
        ring.record(each)
    return decisions_shape(ring.recent(Filter(), limit, after))


def text(stream: DecisionStream, replies: Any, columns: int | None = None) -> str:
    return stream.text(stream.take(replies), columns)


def test_it_begins_with_a_few_and_goes_on_from_the_mark():
    stream = DecisionStream(TapQuery(reason="rate_limited", route="a&b"))
    assert stream.path("") == "/v1/decisions?reason=rate_limited&route=a%26b&limit=10"
    stream.take({"": reply(entry())})
    assert stream.path("") == "/v1/decisions?reason=rate_limited&route=a%26b&after=7-1&limit=100"
    assert DecisionStream(TapQuery(output=TapOutput.JSON)).path("") == "/v1/decisions?limit=10"


def test_lines_stand_in_their_order_under_one_head():
    stream = DecisionStream(TapQuery())
    attempts = (("10.0.0.5:80", "status_503", 1.0, 1.0), ("10.0.0.6:80", "status_200", 2.0, 3.0))
    first = text(stream, {"": reply(entry("1", at=AT_S), entry("2", at=AT_S + 1, attempts=attempts))})
    head, one, two = first.splitlines()
    assert head.split() == [
        "TIME",
        "STATUS",
        *["REASON", "ROUTE", "CLIENT", "METHOD", "TOOK", "BREAKER", "ENDPOINT", "REQUEST", "ID"],
    ]
    assert one.split() == ["08:00:00.250", "200", "-", "orders", "acme", "GET", "500.0ms", "-", "-", "1"]
    assert two.split()[-3:] == ["10.0.0.6:80", "×2", "2"]
    limited = entry("3", at=AT_S + 2, reason="rate_limited", status=429, breaker=("orders", "half_open"))
    (line,) = text(stream, {"": reply(limited)}).splitlines()
    assert line.split()[1:3] == ["429", "rate_limited"]
    assert "orders half-open" in line


def test_a_client_that_left_has_no_status():
    (line,) = text(
        DecisionStream(TapQuery()), {"": reply(entry(status=0, error="client_gone"))}
    ).splitlines()[1:]
    assert line.split()[1:3] == ["-", "client_gone"]


@pytest.mark.parametrize("columns", [36, 60, 80, 120])
def test_lines_fit_the_terminal(columns):
    long = entry(
        "r" * 128, route="x" * 60, client="c" * 60, attempts=(("10.0.0.5:80", "status_200", 1.0, 2.0),)
    )
    lines = text(DecisionStream(TapQuery()), {"": reply(entry(), long)}, columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0].split()[-2:] == ["REQUEST", "ID"]


def test_a_request_id_of_ours_is_never_cut_on_eighty_columns():
    made = "4b66f325fc903aacdcc9000000000000"
    lines = text(
        DecisionStream(TapQuery()), {"": reply(entry(made, route="a-long-name-of-a-route" * 2))}, 80
    ).splitlines()
    assert lines[1].endswith(made)
    assert [line.startswith("TIME") for line in lines] == [True, False]


def test_columns_stand_where_they_stood():
    stream = DecisionStream(TapQuery())
    text(stream, {"": reply(entry("1", route="a-rather-long-name"))})
    (line,) = text(stream, {"": reply(entry("2", route="b"))}).splitlines()
    assert line.index("acme") == line.index(" b ") + 1 + len("a-rather-long-name") + 2


def test_nothing_of_a_reply_moves_the_cursor():
    shown = text(DecisionStream(TapQuery()), {"": reply(entry("a\x1b[2J", client="c\x07"))})
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_what_is_missed_is_counted():
    stream = DecisionStream(TapQuery())
    ring = DecisionRing(4, 7)
    mark = ring.recent(Filter(), 1).mark
    for number in range(6):
        ring.record(entry(str(number)))
    batch = stream.take({"": decisions_shape(ring.recent(Filter(), 1, mark))})
    assert batch.missed == ["… up to 2 more, gone before they could be read", "… 3 more"]
    assert stream.text(batch, None).splitlines()[:2] == batch.missed
    restarted = stream.take({"": reply(entry("1"), after=Mark(3, 9), process=8)})
    assert "the gateway restarted" in restarted.missed[0]


def test_several_gateways_are_told_apart_and_sorted_by_time():
    stream = DecisionStream(TapQuery(), named=True)
    replies = {
        "gw-0": reply(entry("1", at=AT_S), entry("3", at=AT_S + 2)),
        "gw-1": reply(entry("2", at=AT_S + 1)),
    }
    head, *lines = text(stream, replies).splitlines()
    assert head.split()[:2] == ["TIME", "GATEWAY"]
    assert [line.split()[1] for line in lines] == ["gw-0", "gw-1", "gw-0"]
    assert stream.sources == ("gw-0", "gw-1")


def test_json_is_an_object_a_line():
    stream = DecisionStream(TapQuery(output=TapOutput.JSON), named=True)
    (line,) = text(stream, {"gw-0": reply(entry("1"))}).splitlines()
    read = json.loads(line)
    assert (read["gateway"], read["requestId"], read["rules"][0]["rule"]) == ("gw-0", "1", "a")
    alone = DecisionStream(TapQuery(output=TapOutput.JSON))
    assert "gateway" not in json.loads(text(alone, {"": reply(entry("1"))}))


def test_a_gateway_that_goes_and_comes_back_is_told_once_each():
    stream = DecisionStream(TapQuery(), named=True)
    assert stream.hears_nobody == "there is no gateway"
    assert stream.take({"gw-0": Silent("no route")}).notices == ["gw-0: no route; trying again"]
    assert stream.hears_nobody == "no route"
    assert stream.take({"gw-0": Silent("no route")}).notices == []
    assert stream.take({"gw-0": reply(entry())}).notices == ["gw-0: the gateway responds again"]
    assert stream.hears_nobody is None


@pytest.mark.parametrize(
    "odd", [None, [], {}, {"mark": "7-1"}, {**reply(), "decisions": [{}]}, {**reply(), "decisions": 7}]
)
def test_another_shape_is_no_gateway(odd):
    stream = DecisionStream(TapQuery())
    batch = stream.take({"": odd})
    assert (batch.rows, batch.missed) == ([], [])
    assert "JSON of another shape" in batch.notices[0]


def test_a_gateway_that_keeps_none_says_so():
    assert "DECISIONS_KEPT is 0" in DecisionStream(TapQuery()).take({"": decisions_shape(None)}).notices[0]


@pytest.mark.parametrize(("grpc_status", "word"), [(14, "UNAVAILABLE"), (0, "-")])
def test_a_call_of_grpc_that_failed_says_how(grpc_status, word):
    row = entry(status=503, grpc_status=grpc_status)
    (line,) = text(DecisionStream(TapQuery()), {"": reply(row)}).splitlines()[1:]
    assert line.split()[1:3] == ["503", word]
