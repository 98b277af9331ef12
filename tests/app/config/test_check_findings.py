"""What `tidegate check` finds in ConfigMaps, and what it warns of between files."""

import pytest

from app.config.check import CheckedFile, Findings, check_paths
from tests.fakes.manifests import manifest

CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata: {name: shop-gateway}
data:
  tidegate.yaml: |
    upstreams: {o: {endpoints: [http://h]}}
    routes:
      - {name: orders, upstream: o}
"""


@pytest.fixture
def findings_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def check(*texts, env=None, others=None):
        names = [f"{index}.yaml" for index in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            (tmp_path / name).write_text(text)
        return check_paths(names, env, others)

    return check


def test_the_configuration_of_a_config_map_is_checked_with_the_files_lines(findings_of):
    good = findings_of(f"kind: Service\napiVersion: v1\n---\n{CONFIG_MAP}")
    assert (good, good.files) == (Findings(()), (CheckedFile("0.yaml", 1, 1),))
    bad = findings_of(
        f"kind: Service\napiVersion: v1\n---\n{CONFIG_MAP}".replace("upstream: o", "upstream: p")
    )
    assert [str(fault).split(";")[0] for fault in bad.faults] == [
        "0.yaml:11: routes[0].upstream: names the unknown upstream p"
    ]


def test_what_is_no_yaml_in_a_config_map_is_a_fault_at_its_line(findings_of):
    (fault,) = findings_of(CONFIG_MAP.replace("routes:", "routes: [")).faults
    assert str(fault).startswith("0.yaml:")
    assert "is no YAML" in str(fault)


def test_a_list_may_hold_a_config_map(findings_of):
    text = """apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    data:
      tidegate.yaml: |
        routs: []
"""
    assert [fault.path for fault in findings_of(text).faults] == ["0.yaml:8: routs"]


def test_a_policy_that_changes_nothing_is_warned_of(findings_of):
    text = """routes: [{name: old, redirect: {path: /new}, auth: none}]
policies:
  - name: p
    spec:
      targetRefs: [{kind: Route, name: old}]
      timeout: {request: 1s}
"""
    assert [str(warning) for warning in findings_of(text).warnings] == [
        "0.yaml:6: policies[0].spec.timeout: has no effect: no request meets it at Route/old; "
        "name a target that forwards requests, or leave it out"
    ]


def test_a_policy_for_a_route_that_no_configuration_beside_it_has_is_warned_of(findings_of):
    target = "{kind: Route, name: order}, {kind: Gateway}, {kind: Upstream, name: zzz}"
    found = findings_of(f"{CONFIG_MAP}---\n{manifest(target=target)}")
    assert found.faults == ()
    assert [str(warning) for warning in found.warnings] == [
        "0.yaml:14: spec.targetRefs[0].name: names Route/order, which no configuration checked here has; "
        "did you mean orders?",
        "0.yaml:14: spec.targetRefs[2].name: names Upstream/zzz, which no configuration checked here has; "
        "there are: cache, o",
    ]
    assert findings_of(manifest(target=target)).warnings == ()
    assert findings_of(CONFIG_MAP, manifest()).warnings == ()


def test_a_file_that_wants_no_route_is_warned_of_where_nothing_else_can_bring_one(findings_of):
    found = findings_of("upstreams: {}\nroutes: []\n")
    assert found.faults == ()
    assert [str(warning) for warning in found.warnings] == [
        "0.yaml:2: routes: is empty: every request gets 404 no_route, but for the gateway's own pages; "
        "add a route; where routes come from the cluster, set CONTROL_PLANE_URL here as at the gateway"
    ]
    assert findings_of("routes: []", env={"CONTROL_PLANE_URL": "https://operator:8082"}).warnings == ()
    in_cluster = CONFIG_MAP.partition("upstreams:")[0] + "routes: []\n"
    assert findings_of(in_cluster) == Findings(())


class Others:
    """Objects beside a file, of which some may be routes."""

    def __init__(self, *, routes):
        self.routes = routes

    def add(self, *_):
        return False

    def findings(self):
        return (), ()

    def names(self):
        return ()

    def has_routes(self):
        return self.routes


@pytest.mark.parametrize("routes", [True, False])
def test_routes_of_the_cluster_beside_a_file_are_those_it_lacks(findings_of, routes):
    found = findings_of("routes: []", others=Others(routes=routes))
    assert (found.faults, len(found.warnings)) == ((), 0 if routes else 1)
