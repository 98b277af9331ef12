from dataclasses import replace

import orjson
import pytest

from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.settings_in_force import settings_in_force
from app.config.sync.summary import BreakerSummary, SettingInForce, Summary, TrafficSummary
from app.config.sync.summary_codec import decode_summary, encode_summary
from app.config.table import compile_table
from app.foundation.errors import ConfigFaults
from app.schema.names import MAX_SUBDOMAIN

FULL = Summary(
    at_wall_s=1_700_000_000.5,
    sequence=7,
    settings_digest="0123456789abcdef",
    traffic=TrafficSummary(10.0, 1.0, 2.0, 40.0),
    breakers=(
        BreakerSummary("pay", "open", TrafficSummary(0.0, 0.0, 3.0), 12.5, 2, True),
        BreakerSummary("shop", "closed", TrafficSummary(9.0, 0.5, 0.0, 12.0)),
    ),
    omitted=3,
    settings=(SettingInForce("Route/a", "timeout", '{"request":"7s"}'),),
    is_ready=False,
    is_draining=True,
)


@pytest.mark.parametrize("summary", [FULL, Summary(1.0, 1, "a")])
def test_what_is_written_reads_back(summary):
    assert decode_summary(encode_summary(summary)) == summary


def test_the_longest_names_are_written_whole():
    upstream, route = ".".join(["u" * 49] * 5) + ".abc", ".".join(["r" * 49] * 5) + ".abc"
    assert len(upstream) == len(route) == MAX_SUBDOMAIN
    file = f"""
upstreams: {{{upstream}: {{endpoints: ["http://o"]}}}}
routes: [{{name: {route}, match: {{path: {{prefix: /}}}}, upstream: {upstream}, auth: none}}]
policies:
  - name: own
    spec:
      targetRefs: [{{kind: Route, name: {route}}}]
      circuitBreaker: {{consecutiveFailures: 9}}
"""
    table = compile_table(parse_config(file.encode(), "f"), EnvironmentRules(), 1)
    (name,) = table.breakers
    summary = replace(
        FULL,
        breakers=(BreakerSummary(name, "open", TrafficSummary(0.0, 0.0, 0.0)),),
        settings=settings_in_force(table).settings,
    )
    assert summary.settings[0].target == f"Upstream/{upstream} on Route/{route}"
    assert decode_summary(encode_summary(summary)) == summary


def test_unknown_keys_of_a_newer_gateway_are_ignored():
    document = {**orjson.loads(encode_summary(FULL)), "clients": [1]}
    assert decode_summary(orjson.dumps(document)) == FULL


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("at",), None, "at: is empty"),
        (("sequence",), -1, "sequence: is -1"),
        (("settingsDigest",), "a\r\nb", "settingsDigest: is 'a"),
        (("traffic", "rps"), -1, "traffic.rps: is -1"),
        (("traffic", "rps"), "x", "traffic.rps: is 'x'"),
        (("breakers", 0, "state"), "ajar", "breakers[0].state: is 'ajar'"),
        (("breakers", 0, "name"), "x" * 513, "breakers[0].name: has 513 characters"),
        (("breakers",), [{}] * 201, "breakers: has 201 items"),
        (("settings",), [{}] * 1001, "settings: has 1001 items"),
        (("settings", 0, "target"), "x" * 601, "settings[0].target: has 601 characters"),
        (("settings", 0, "value"), "x" * 601, "settings[0].value: has 601 characters"),
        (("ready",), 1, "ready: is a number"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path, value, said):
    document = orjson.loads(encode_summary(FULL))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ConfigFaults) as caught:
        decode_summary(orjson.dumps(document))
    assert said in str(caught.value.faults[0])


@pytest.mark.parametrize("body", [b"{", b"[" * 7 + b"]" * 7, b"[]", b""])
def test_what_is_no_summary_is_rejected(body):
    with pytest.raises(ConfigFaults):
        decode_summary(body)
