import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.breaker.registry import Breakers
from app.config.model import Endpoint
from app.config.resources import Resources
from app.config.sync.snapshot import PolicyEntry
from app.dataplane.codec.request import Request
from app.dataplane.proxy.admission import Admit, Reject, decide
from app.dataplane.proxy.decision_entry import decision_entry
from app.dataplane.proxy.routes import Plans, plan_routes
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.upstream.connector import Connector
from app.dataplane.upstream.pool import ConnectionPool
from app.foundation.reasons import Reason
from app.limits.memory import MemoryLimiter
from app.telemetry.tracing import Trace
from tests.fakes.plans import plans_of
from tests.fakes.requests import request_of

TEXT = """
policies:
- name: p
  spec:
    targetRefs: [{kind: Gateway}]
    circuitBreaker: {consecutiveFailures: 1}
    rateLimit: {rules: [{name: all, key: Global, requests: 1, period: 1h}]}
    timeout: {request: 30s}
"""


class Asked:
    """Requests of one gateway, as their exchanges leave them."""

    def __init__(self, text: str = TEXT) -> None:
        asyncio.get_running_loop()
        self.breakers, self.limiter = Breakers(), MemoryLimiter()
        self.plans = plans_of(text, breakers=self.breakers, auth="none")

    def state(self, request: Request | None = None, **given: Any) -> ExchangeState:
        state = ExchangeState(request or request_of("/p"), b"id", 100.0)
        admission = decide(state.request, self.plans, self.limiter, lambda: 0.0, 100.0, 0.0)
        state.route, state.client = admission.route, admission.client
        if isinstance(admission, Reject):
            state.rule, state.target = admission.rule, admission.target
            state.reason, state.limit_lines = admission.rejection.reason, admission.limit_lines
        elif isinstance(admission, Admit):
            state.target, state.status = admission.target, 200
        for name, value in given.items():
            setattr(state, name, value)
        return state

    def entry(self, state: ExchangeState, **of_table: Any) -> Any:
        """`of_table`: what another table has at the end."""
        plans = self.plans
        table = replace(plans.table, **of_table)
        return decision_entry(
            state, Plans(table, plans.index, plans.keyring, plans.plans, ports=plans.ports), 1000.0, 2.0
        )


async def test_a_pass_has_its_time_its_breaker_and_no_policy():
    asked = Asked()
    entry = asked.entry(asked.state(trace=Trace(b"a" * 32, b"b" * 16, b"", 0)))
    assert entry[:5] == (1000.0, b"id", b"a" * 32, b"GET", 200)
    assert entry[12:] == (None, ("cache", "closed"), (), 2.0, -1)


async def test_a_limit_names_its_policy_and_the_generation_that_decided_though_a_reload_came_meanwhile():
    asked = Asked()
    asked.state()
    limited = asked.state()
    assert asked.entry(limited)[12] == ("p", None)
    limited.route = plan_routes(replace(asked.plans.table, resources=generation(7)))[0]
    assert asked.entry(limited, resources=generation(8))[12] == ("p", 7)
    for reason in (Reason.UPSTREAM_TIMEOUT, Reason.REQUEST_TIMEOUT):
        late = asked.state(reason=reason, rule=None, route=limited.route)
        assert asked.entry(late, resources=generation(8))[12] == ("p", 7)


def generation(number: int) -> Resources:
    entry = PolicyEntry("shop", "p", "uid-1", number, {})
    return Resources(uids={"p": "uid-1"}, read={"uid-1": (entry, "")})


async def test_a_breaker_that_rejects_names_its_policy_and_its_state():
    asked = Asked()
    for reason, met in ((Reason.BREAKER_OPEN, "open"), (Reason.BREAKER_PROBING, "half_open")):
        state = asked.state(reason=reason, rule=None)
        state.target = asked.plans.plans[0].targets[0]
        assert asked.entry(state)[12:14] == (("p", None), ("cache", met))
    assert asked.entry(state, breakers={})[12] is None


async def test_a_probe_met_a_half_open_breaker():
    asked = Asked()
    assert asked.entry(asked.state(was_probe=True))[13] == ("cache", "half_open")


async def test_what_met_no_route_has_nothing_but_itself():
    asked = Asked()
    state = ExchangeState(request_of("/p"), b"id", 100.0)
    assert asked.entry(state)[7:15] == (None, None, None, None, b"", None, None, ())


async def test_the_last_attempt_follows_those_that_were_given_up():
    asked = Asked()
    connector = Connector(asyncio.get_running_loop(), None, None)
    endpoint = ConnectionPool(Endpoint("orders.example", 80), "10.0.0.5", connector)
    failed = (("10.0.0.5:80", "status_503", 1.0, 1.0),)
    state = asked.state(attempts=2, failed_attempts=failed, endpoint=endpoint, head_s=0.5, upstream_s=0.75)
    assert asked.entry(state)[14] == (*failed, (endpoint.label, "status_200", 500.0, 750.0))
    state.attempts = 1
    assert asked.entry(state)[14] == failed


async def test_entries_hold_one_object_of_what_they_have_in_common():
    asked = Asked("policies: []")
    one, other = (asked.entry(asked.state(request_of("/p"), attempts=1)) for _ in range(2))
    assert (one[3], one[13], one[14][0][1]) == (b"GET", ("cache", "closed"), "status_200")
    assert one[3] is other[3]
    assert one[13] is other[13]
    assert one[14][0][1] is other[14][0][1]


async def test_a_response_that_never_came_ends_with_the_exchange():
    asked = Asked()
    timed_out = asked.state(attempts=1, reason="upstream_timeout", status=504)
    left = asked.state(attempts=1, error="client_gone", reason="", status=200)
    assert asked.entry(timed_out)[14] == ((None, "upstream_timeout", None, 2000.0),)
    assert asked.entry(left)[14] == ((None, "client_gone", None, 2000.0),)


ROUTES = """
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes:
- {name: orders, match: {hosts: [h.example, g.example], path: {prefix: /orders}}, auth: none, upstream: one}
- name: canary
  match: {hosts: [h.example], path: {prefix: /orders}, headers: {x-canary: "1"}}
  auth: none
  upstream: one
- {name: twin, match: {hosts: [h.example], path: {prefix: /orders}}, auth: none, upstream: one}
- {name: rest, match: {path: {prefix: /}}, auth: none, upstream: one}
policies:
- {name: slow, spec: {targetRefs: [{kind: Route, name: orders}], timeout: {request: 2s}}}
"""

FIRST = "- {name: first, match: {path: {prefix: /first}}, auth: none, upstream: one}\n"
MOVED_ROUTES = "".join(
    line + FIRST * ("name: rest" in line)
    for line in ROUTES.splitlines(keepends=True)
    if "name: twin" not in line
)


@pytest.mark.parametrize(
    ("target", "fields", "took", "next_one"),
    [
        ("/orders", (), "orders", "twin"),
        ("/orders/7", ("x-canary: 1",), "canary", "orders"),
        ("/", (), "rest", None),
    ],
)
async def test_the_runner_up_takes_such_a_request_without_the_route(target, fields, took, next_one):
    asked = Asked(ROUTES)
    entry = asked.entry(asked.state(request_of(target, fields=fields, host="h.example")))
    assert entry[7:9] == (took, next_one)


async def test_after_a_reload_the_routes_in_force_then_are_looked_through():
    asked, others = Asked(ROUTES), Asked(MOVED_ROUTES)
    for target, expected in (("/orders", ("orders", "rest")), ("/", ("rest", None))):
        state = asked.state(request_of(target, host="h.example"))
        assert decision_entry(state, others.plans, 1002.0, 2.0)[7:9] == expected


async def test_the_only_route_has_no_runner_up():
    asked = Asked()
    assert asked.entry(asked.state())[7:9] == ("default", None)


async def test_a_timeout_names_the_policy_that_set_it():
    asked = Asked(ROUTES)
    timed_out = asked.state(
        request_of("/orders", host="h.example"), reason=Reason.UPSTREAM_TIMEOUT, status=504
    )
    assert asked.entry(timed_out)[12] == ("slow", None)


async def test_without_tracing_the_trace_is_the_callers():
    asked = Asked()
    sound = request_of("/p", fields=(f"traceparent: 00-{'a' * 32}-{'b' * 16}-01",))
    assert asked.entry(asked.state(sound))[2] == b"a" * 32
    assert asked.entry(asked.state(request_of("/p", fields=("traceparent: a-secret",))))[2] is None


LISTENERS = """
listeners: [{name: l, port: 81}, {name: m, port: 81, hosts: [m.example]}]
routes:
- {name: own, upstream: cache}
- {name: first, listeners: [l], upstream: cache, auth: none, matches: [{path: {prefix: /a/b}}, {path: {prefix: /a}}]}
- {name: second, listeners: [l], upstream: cache, auth: none}
- {name: third, listeners: [m], upstream: cache, auth: none}
"""


async def test_the_runner_up_at_a_listener_is_another_route_of_the_same_listener():
    asked = Asked(LISTENERS.replace("upstream: cache}", "upstream: cache, auth: none}"))
    assert asked.entry(asked.state(request_of("/a/b", port=81)))[7:9] == ("first", "second")
    assert asked.entry(asked.state(request_of("/b", port=81)))[7:9] == ("second", None)


async def test_a_listener_that_went_with_a_reload_has_no_runner_up():
    asked = Asked(LISTENERS.replace("upstream: cache}", "upstream: cache, auth: none}"))
    state = asked.state(request_of("/b", port=81))
    asked.plans = Asked().plans
    asked.plans.plans = asked.plans.plans * 2
    assert asked.entry(state)[7:9] == ("second", None)


async def test_another_match_of_the_same_route_is_no_runner_up():
    text = """
routes:
- {name: first, upstream: cache, auth: none, matches: [{path: {prefix: /a/b}}, {path: {prefix: /a}}]}
- {name: second, upstream: cache, auth: none}
"""
    asked = Asked(text)
    assert asked.entry(asked.state(request_of("/a/b")))[7:9] == ("first", "second")
