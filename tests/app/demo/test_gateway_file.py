from dataclasses import replace

import pytest

from app.config.model import Auth, PathKind
from app.config.parsing.config_file import parse_config
from app.demo.gateway_file import gateway_config, keep_or_write
from app.demo.state import open_state
from app.foundation.errors import ConfigFaults
from app.policy.model import TargetKind
from tests.app.demo.samples import plan


@pytest.fixture
def state(tmp_path):
    state = open_state({"TIDEGATE_STATE": str(tmp_path / "state")})
    yield state
    state.close()


def config(**env):
    return parse_config(gateway_config(plan(**env)).encode(), "gateway.yaml")


def test_the_configuration_passes_the_parser_with_all_routes_asking_for_a_key():
    routes = {route.name: route for route in config().routes or ()}
    assert {
        name: (route.match.path_kind, route.match.path, route.upstreams[0].name)
        for name, route in routes.items()
    } == {
        "cache": (PathKind.PREFIX, "/cache", "cache"),
        "cache-purge": (PathKind.EXACT, "/cache:purge", "cache"),
        "demo": (PathKind.PREFIX, "/demo", "demo"),
    }
    assert {route.auth for route in routes.values()} == {Auth.KEY}
    assert routes["demo"].rewrite.prefix == "/"


def test_auth_none_opens_the_routes():
    assert {route.auth for route in config(AUTH="none").routes or ()} == {Auth.NONE}


def test_the_breaker_is_the_default_one_and_limits_are_left_to_the_environment():
    (policy,) = config().policies
    breaker = policy.spec.circuit_breaker
    assert breaker is not None
    assert (breaker.consecutive_failures, breaker.open_duration_s, breaker.half_open_requests) == (3, 10, 1)
    assert policy.spec.targets[0].kind is TargetKind.GATEWAY
    assert policy.spec.rate_limit is None


def test_the_upstreams_are_the_inner_ports():
    ports = {upstream.name: upstream.endpoints[0].port for upstream in config().upstreams}
    assert ports == {"cache": 1, "demo": 2}


def test_an_untouched_file_is_written_anew_at_each_start(state):
    first = keep_or_write(state, plan())
    assert first.path.read_text() == gateway_config(plan())
    again = keep_or_write(state, plan(AUTH="none"))
    assert (again.is_edited, again.path.read_text()) == (False, gateway_config(plan(AUTH="none")))


def test_an_edited_file_is_kept_at_every_further_start(state):
    path = keep_or_write(state, plan()).path
    edited = path.read_text().replace("consecutiveFailures: 3", "consecutiveFailures: 7")
    path.write_text(edited)
    for _ in range(2):
        assert keep_or_write(state, plan()).is_edited
        assert path.read_text() == edited


def test_in_an_edited_file_the_inner_ports_are_renewed_in_one_pass(state):
    before = replace(plan(), cache_port=8081, demo_port=8082)
    path = keep_or_write(state, before).path
    path.write_text(path.read_text() + "# 127.0.0.1:80812 and 10.127.0.0.1:8081 and 127.0.0.1:9\n")
    swapped = replace(before, cache_port=8082, demo_port=8083)
    assert keep_or_write(state, swapped).is_edited
    assert path.read_text().startswith(gateway_config(swapped))
    assert "# 127.0.0.1:80812 and 10.127.0.0.1:8081 and 127.0.0.1:9\n" in path.read_text()
    assert keep_or_write(state, before).is_edited
    assert path.read_text().startswith(gateway_config(before))


@pytest.mark.parametrize("mark", [None, "", "[]", "{}", '{"hash": 1, "ports": {"cache": "x"}}'])
def test_a_file_of_the_users_own_is_kept(state, mark):
    state.write("gateway.yaml", "upstreams: {o: {endpoints: [http://h]}}\n")
    if mark is not None:
        state.write("gateway.yaml.written", mark)
    file = keep_or_write(state, plan())
    assert (file.is_edited, file.path.read_text()) == (True, "upstreams: {o: {endpoints: [http://h]}}\n")


def test_a_file_that_says_it_is_written_at_each_start_is(state):
    state.write("gateway.yaml", "# Written by `tidegate up` at each start. A change …\nupstreams: {}\n")
    assert not keep_or_write(state, plan()).is_edited


def test_an_edited_file_that_is_wrong_is_a_fault_before_anything_starts(state):
    path = keep_or_write(state, plan()).path
    path.write_text(path.read_text() + "routs: []\n")
    with pytest.raises(
        ConfigFaults, match=r"gateway\.yaml:\d+: routs: is not a known key; did you mean routes"
    ):
        keep_or_write(state, plan())
