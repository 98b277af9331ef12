"""Every kind of rejection in turn on one connection: what is kept for a flood never answers another request."""

import hashlib
import json
from collections import Counter
from random import Random

import pytest

from app.telemetry.decisions import Filter
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.upstream import RecorderUpstream

KEYS = {"acme": "a" * 40, "beta": "b" * 40, "rich": "r" * 40}
STRANGER = "s" * 40


def hashed(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


CONFIG = f"""\
upstreams: {{none: {{endpoints: ["http://127.0.0.1:9"]}}}}
routes:
  - {{name: r, match: {{path: {{prefix: /}}}}, upstream: cache}}
  - {{name: dead, match: {{path: {{prefix: /dead}}}}, upstream: none, auth: none}}
  - {{name: two, match: {{path: {{prefix: /two}}}}, upstream: cache,
     responseHeaders: {{set: {{x-route: two}}}}}}
keys:
  - {{name: acme, hash: "{hashed(KEYS["acme"])}"}}
  - {{name: beta, hash: "{hashed(KEYS["beta"])}"}}
  - {{name: rich, hash: "{hashed(KEYS["rich"])}", tier: gold}}
policies:
  - name: p
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 1, openDuration: 1h}}
      rateLimit:
        rules:
          - {{name: all, key: Client, requests: 2, period: 1h}}
          - {{name: gold, key: Client, requests: 4, period: 2h, tiers: [gold]}}
  - name: q
    spec:
      targetRefs: [{{kind: Route, name: dead}}]
      rateLimit: {{rules: [{{name: many, key: Global, requests: 1000, period: 1h}}]}}
"""
PER_CLIENT = {"acme": ("all", 2, 3600), "beta": ("all", 2, 3600), "rich": ("gold", 4, 7200)}


class Model:
    """What each request must get, worked out from the start each time."""

    def __init__(self):
        self.taken: Counter[str] = Counter()
        self.broken = False

    def expected(self, who, path):
        """Status and reason."""
        if path == "/dead":
            reason = "breaker_open" if self.broken else "upstream_connect"
            self.broken = True
            return (503, reason) if reason == "breaker_open" else (502, reason)
        if who in ("", "stranger"):
            return 401, "key_unknown" if who else "key_missing"
        requests = PER_CLIENT[who][1]
        self.taken[who] += 1
        return (429, "rate_limited") if self.taken[who] > requests else (200, "")


def sent(who, path, request_id):
    key = STRANGER if who == "stranger" else KEYS.get(who)
    fields = [("X-API-Key", key)] if key else []
    return [*fields, *([("X-Request-ID", request_id)] if request_id else [])]


def check_limits(answer, who, path, rejected):
    assert answer.get("X-Route") == ("two" if path == "/two" else "")
    if path == "/dead":
        assert answer.get("RateLimit-Policy") == '"many";q=1000;w=3600'
    elif who in PER_CLIENT:
        rule, requests, period_s = PER_CLIENT[who]
        assert answer.get("RateLimit-Policy") == f'"{rule}";q={requests};w={period_s}'
        assert answer.get("RateLimit").startswith(f'"{rule}";r=')
        assert bool(answer.all("Retry-After")) == rejected
        if rejected:
            wait_s = period_s // requests
            assert wait_s - 60 < int(answer.get("Retry-After")) <= wait_s
            assert f"the limit {rule} is used up" in answer.json()["detail"]
    else:
        assert answer.all("RateLimit") == answer.all("RateLimit-Policy") == []


@pytest.mark.parametrize("seed", range(3))
async def test_each_request_gets_what_is_its_own(tmp_path, seed):
    chance, model, asked, log = Random(seed), Model(), [], tmp_path / "access.log"
    async with (
        RecorderUpstream() as upstream,
        running_gateway(
            upstream.url, config=CONFIG, folder=tmp_path, AUTH="key", ACCESS_LOG=str(log)
        ) as gateway,
        RawClient(gateway.port) as client,
    ):
        for number in range(120):
            who = chance.choice([*KEYS, "", "stranger"])
            path = chance.choice(["/", "/a?b=c", "/two", "/dead"])
            given = chance.choice(["", f"own-{number}", f'q"{number}\\'])
            method = chance.choice(["GET", "HEAD", "DELETE"])
            status, reason = model.expected(who, path)
            answer = await client.request(method, path, sent(who, path, given))
            assert (answer.status, answer.get("Tidegate-Reason")) == (status, reason), (number, who, path)
            if reason and method != "HEAD":
                assert answer.json()["requestId"] == answer.get("X-Request-ID")
                assert answer.json()["reason"] == reason
            if reason not in ("", "upstream_connect") and method != "HEAD":
                check_limits(answer, who, path, reason == "rate_limited")
            asked.append((answer.get("X-Request-ID"), status, reason, who, path, method))
        await settled(gateway)
        check_decisions(gateway, asked)
        check_counts(gateway, asked)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(line["request_id"], line["status"], line["reason"], line["method"]) for line in lines]
    assert told == [(each[0], each[1], each[2], each[5]) for each in asked]


def check_decisions(gateway, asked):
    kept = gateway.decisions.recent(Filter(), 1000).decisions()
    found = [(each.request_id, each.status, each.reason, each.method) for each in reversed(kept)]
    assert found == [(each[0], each[1], each[2], each[5]) for each in asked]
    for each, (_, _, reason, who, path, _) in zip(reversed(kept), asked, strict=True):
        assert each.client == (who if who in KEYS and path != "/dead" else None)
        policy = {"rate_limited": "p", "breaker_open": "p"}.get(reason)
        assert (each.policy, each.generation) == (policy, None)
        if reason == "rate_limited":
            assert each.rules == ((PER_CLIENT[who][0], 0),)


def check_counts(gateway, asked):
    limited = Counter(
        (who, "two" if path == "/two" else "r")
        for _, _, reason, who, path, _ in asked
        if reason == "rate_limited"
    )
    for route in ("r", "two"):
        shown = dict(gateway.counts.rejected.by_route()[route])
        assert shown == {who: times for (who, where), times in limited.items() if where == route}
        decisions = gateway.counts.routes[route].decisions
        of_gold = limited["rich", route]
        assert decisions.get(("gold", "limited"), 0) == of_gold
        assert decisions.get(("all", "limited"), 0) == sum(shown.values()) - of_gold
    by_rule = gateway.counts.rejected.by_rule()
    assert dict(by_rule["p/all"]) == {
        who: limited[who, "r"] + limited[who, "two"]
        for who in ("acme", "beta")
        if limited[who, "r"] + limited[who, "two"]
    }
