"""The table with listeners, upstreams and routes of the cluster beside those of the file."""

import pytest

from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.parsing.tables import read_tables
from app.config.resources import Resources
from app.config.table import compile_table
from app.foundation.errors import ConfigFaults
from app.policy.model import Policy
from app.policy.parse import parse_spec

FILE = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
listeners: [{name: public, port: 8081}]
routes:
  - {name: b, upstream: one, auth: none, listeners: [public]}
  - {name: a, upstream: one, auth: none}
"""
SERVICE = "service/shop/orders/8080"


def tables(port=20_001, **listener):
    return read_tables(
        {
            "listeners": [{"name": "shop/web/http", "port": port, **listener}],
            "upstreams": [{"name": SERVICE, "discovered": True}],
            "routes": [
                {
                    "name": f"httproute/shop/web/{rule}",
                    "listeners": ["shop/web/http"],
                    "upstream": SERVICE,
                    "auth": "none",
                }
                for rule in (0, 1)
            ],
        }
    ).tables


def compiled(text=FILE, read=None, **environment):
    resources = Resources(tables=tables() if read is None else read)
    return compile_table(parse_config(text.encode(), "gw"), EnvironmentRules(**environment), 1, (), resources)


def test_both_stand_in_one_table_those_of_the_own_port_first():
    table = compiled()
    names = ["a", "b", "httproute/shop/web/0", "httproute/shop/web/1"]
    assert [settings.route.name for settings in table.routes] == names
    assert [listener.name for listener in table.listeners] == ["public", "shop/web/http"]
    assert list(table.upstreams) == ["one", "cache", SERVICE]
    assert set(table.breakers) == {"one", SERVICE}


def test_without_routes_of_its_own_the_file_keeps_the_built_in_one():
    table = compiled("", auth="none")
    assert [settings.route.name for settings in table.routes][:2] == ["default", "httproute/shop/web/0"]


def test_routes_of_the_cluster_want_no_key():
    with pytest.raises(ConfigFaults) as caught:
        compiled("")
    assert "route default wants a key" in str(caught.value)


def test_a_listener_of_the_file_and_one_of_the_cluster_cannot_have_the_same_hosts_of_a_port():
    with pytest.raises(ConfigFaults) as caught:
        compiled(read=tables(port=8081))
    assert "listener shop/web/http: hosts: has *, as listener public on port 8081 has" in str(caught.value)
    assert len(compiled(read=tables(port=8081, hosts=["a.b"])).listeners) == 2


SHADOW = {"targetRefs": [{"kind": "Gateway"}], "mode": "Shadow", "circuitBreaker": {"consecutiveFailures": 2}}
OVERRIDE = {
    "targetRefs": [{"kind": "Gateway"}],
    "circuitBreaker": {"override": {"state": "Open", "until": "2027-01-15T09:00:00Z"}},
}


def again(*specs, text=FILE):
    """Twice the same tables and policies: what is in force before and after."""
    policies = tuple(Policy(f"shop/{number}", parse_spec(spec)) for number, spec in enumerate(specs))
    resources = Resources(policies, tables=tables())
    config = parse_config(text.encode(), "gw")
    before = compile_table(config, EnvironmentRules(), 1, (), resources, 1_700_000_000.0)
    after = compile_table(config, EnvironmentRules(), 2, (), resources, 1_700_000_000.0, before)
    assert (after.routes, after.breakers) == (before.routes, before.breakers)
    assert after.shadow_breakers == before.shadow_breakers
    return before, after


def test_what_is_in_force_for_a_route_of_the_cluster_stays_while_nothing_decides_otherwise():
    before, after = again(SHADOW)
    assert after.routes[2] is before.routes[2]
    assert after.routes[0] is not before.routes[0]
    assert set(after.shadow_breakers) == {"one", SERVICE}


def test_while_an_override_is_live_it_is_settled_again():
    before, after = again(OVERRIDE)
    assert after.routes[2] is not before.routes[2]
    assert set(after.overrides) == {"one", SERVICE}
