from typing import Any

from app.admin.decision_sentences import decision_sentences
from app.admin.decision_views import decision_shape
from tests.app.telemetry.test_decisions import entry, ring_of


def told(*, limits_shared: bool = False, **given: Any) -> list[str]:
    decision = ring_of(entry(at=1_800_000_000.25, **given)).find("id")
    assert decision is not None
    return decision_sentences(decision_shape(decision, limits_shared=limits_shared)).splitlines()


def test_a_pass_says_who_where_and_how_long():
    attempts = (
        (None, "upstream_connect", None, 1.0),
        ("10.0.0.5:80", "stale_connection", None, 2.0),
        ("10.0.0.5:80", "status_200", 3.0, 4.0),
    )
    assert told(attempts=attempts, trace=b"a" * 32) == [
        "GET by client acme (tier gold) at 2027-01-15T08:00:00.250Z took route orders.",
        "Without that route, default takes such a request.",
        "The upstream responded with 200.",
        "Requests that its limits had left then: a 8, b 0.",
        "Breaker orders was closed.",
        "Attempt 1 with no address known: upstream_connect, over after 1.0 ms.",
        "Attempt 2 at 10.0.0.5:80: the server had closed the idle connection, so it was sent again, over after 2.0 ms.",
        "Attempt 3 at 10.0.0.5:80: status 200, the head after 3.0 ms, over after 4.0 ms.",
        "It took 500.0 ms in all.",
        f"Its trace is {'a' * 32}.",
    ]


def test_a_rejection_says_its_reason_and_whose_it_was():
    lines = told(status=429, reason="rate_limited", policy=("shop/orders", 7), breaker=None)
    assert lines[2:4] == [
        "Tidegate responded with 429: rate_limited.",
        "Policy shop/orders in generation 7 decided that.",
    ]
    assert "Policy p decided that." in told(status=503, reason="breaker_open", policy=("p", None))


def test_a_failure_says_what_went_wrong():
    lines = told(status=502, reason="upstream_connect", error="orders at 10.0.0.5:80: Connection refused")
    assert "What went wrong: orders at 10.0.0.5:80: Connection refused." in lines


def test_a_client_that_left_is_told_apart():
    assert told(status=0, error="client_gone")[2] == "The client left before a response began."
    assert told(error="client_gone")[3] == "The client left before it had the whole response."


def test_a_stranger_without_a_route():
    lines = told(status=404, reason="no_route", route=None, client=None, tier=None, lines=b"", breaker=None)
    assert lines[0] == "GET by a caller without a key's name at 2027-01-15T08:00:00.250Z met no route."
    assert len(lines) == 3


def test_half_open_says_whether_it_was_a_probe():
    probe = ("orders", "half_open")
    assert "Breaker orders was half-open, and this was a probe." in told(breaker=probe)
    assert "Breaker orders was half-open." in told(breaker=probe, reason="breaker_probing", status=503)


def test_the_only_route_that_takes_it_says_so():
    assert told(runner_up=None)[1] == "No other route takes such a request."


def test_what_shared_limits_had_left_is_what_this_gateway_knew():
    known = (
        "Requests that its limits had left then, as far as this gateway knew of the shared ones: a 8, b 0."
    )
    assert known in told(limits_shared=True)


def test_a_call_of_grpc_has_two_statuses():
    assert told(status=503, grpc_status=14)[2] == (
        "The upstream responded with UNAVAILABLE of gRPC, which counts as 503."
    )
    assert told(status=429, grpc_status=8, reason="rate_limited")[2] == (
        "Tidegate responded with RESOURCE_EXHAUSTED of gRPC, which counts as 429: rate_limited."
    )
