"""Golden pairs of the front half: `golden/routes/gateways/NAME.in.yaml` → `NAME.out.yaml`, named after the tests of the
official conformance suite that they follow. To write them again after a change that is meant:
`GOLDEN=write python -m pytest tests/app/operator/routes/test_compile.py`, then read the difference.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.operator.kube.resources import Condition
from app.operator.routes.compile import Compiler
from app.operator.routes.compiled import Compiled, ListenerStatus, ObjectStatus, ParentStatus
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ParentRef
from app.operator.routes.settings import CompileSettings
from app.operator.routes.world import ListenerPort, World, read_world
from tests.app.operator.routes.certificates import AUTHORITY, ca_map, tls_secret
from tests.app.operator.routes.manifests import objects
from tests.app.operator.routes.plain_rules import PlainRules, plain_ingress_routes

GOLDEN = Path(__file__).parents[3] / "golden" / "routes" / "gateways"
NAMES = sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml"))
BASE = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: tidegate}
spec: {controllerName: tidegate.dev/gateway-controller}
"""
SETTINGS = CompileSettings("tidegate", service_type="ClusterIP")


def world_of(name: str) -> World:
    """`TestSecret` and `TestCA` stand for a Secret and a ConfigMap with certificates."""
    found = objects(BASE)
    for one in objects((GOLDEN / f"{name}.in.yaml").read_text()):
        meta = one["metadata"]
        if one["kind"] == "TestSecret":
            one = tls_secret(meta["namespace"], meta["name"])
        elif one["kind"] == "TestCA":
            one = ca_map(meta["namespace"], meta["name"])
        found.append(one)
    return read_world(found)


def compiler(settings: CompileSettings = SETTINGS) -> Compiler:
    return Compiler(settings, PlainRules(), plain_ingress_routes)


def said(condition: Condition) -> str:
    return f"{condition.status} {condition.reason}: {condition.message}"


def conditions(found: tuple[Condition, ...] | None) -> dict[str, str]:
    return {one.type: said(one) for one in found or ()}


def listener(one: ListenerStatus) -> dict[str, Any]:
    kinds = " ".join(kind.kind for kind in one.supported_kinds)
    return {"attached": one.attached_routes, "kinds": kinds, **conditions(one.conditions)}


def parent(ref: ParentRef) -> str:
    section = "" if ref.section_name is None else f" {ref.section_name}"
    return f"{ref.kind} {ref.key_from('')}{section}{'' if ref.port is None else f':{ref.port}'}"


def parents(found: tuple[ParentStatus, ...]) -> dict[str, Any]:
    return {parent(one.ref): conditions(one.conditions) for one in found}


def status(one: ObjectStatus) -> dict[str, Any]:
    shown: dict[str, Any] = conditions(one.conditions)
    if one.addresses:
        shown["addresses"] = [f"{address.type} {address.value}" for address in one.addresses]
    if one.attached_listener_sets:
        shown["attachedListenerSets"] = one.attached_listener_sets
    if one.listeners is not None:
        shown["listeners"] = {each.name: listener(each) for each in one.listeners}
    if one.parents is not None:
        shown["parents"] = parents(one.parents)
    if one.balancers is not None:
        shown["balancers"] = [f"{address.type} {address.value}" for address in one.balancers]
    if one.port_errors:
        shown["portErrors"] = dict(one.port_errors)
    return shown


def rendered(compiled: Compiled) -> dict[str, Any]:
    ca = AUTHORITY.certificate.decode()
    tables = yaml.safe_load(yaml.safe_dump(dict(compiled.tables)).replace("\n", "\n"))
    for one in tables.get("listeners", ()):
        asked = one.get("clientCertificates")
        if asked and asked["ca"] == ca:
            asked["ca"] = "CA"
    return {
        "tables": tables,
        "certificates": list(compiled.certificates),
        "services": {
            str(key): {
                "ports": {port.port: port.target for port in one.ports},
                "labels": dict(one.labels),
                **({"annotations": dict(one.annotations)} if one.annotations else {}),
                **({"address": one.address} if one.address else {}),
            }
            for key, one in compiled.services.items()
        },
        "required": {
            f"{id_.kind} {id_.key}": {
                name: f"{one.port} {' '.join(one.certificates)}".strip()
                for name, one in required.listeners.items()
            }
            for id_, required in compiled.requirements.items()
        },
        "statuses": {
            f"{id_.kind} {id_.key}": status(one)
            for id_, one in compiled.statuses.items()
            if id_.kind != "GatewayClass"
        },
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_is_compiled_is_as_in_the_golden_pair(name):
    path = GOLDEN / f"{name}.out.yaml"
    made = rendered(compiler().compile(world_of(name)))
    if os.environ.get("GOLDEN") == "write":
        path.write_text(yaml.safe_dump(made, sort_keys=False, width=120))
    assert made == yaml.safe_load(path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_what_was_compiled_before_makes_no_difference(name):
    world, one = world_of(name), compiler()
    for other in NAMES:
        one.compile(world_of(other))
    first = one.compile(world)
    assert first == compiler().compile(world)
    # and the next world, which carries what came out, gives the same again
    carried = replace(world, target_ports=first.target_ports, certificates=first.certificates)
    assert one.compile(carried) == first


def test_without_a_class_of_ours_there_is_nothing():
    compiled = compiler().compile(World())
    assert (compiled.tables, compiled.statuses, compiled.services) == ({}, {}, {})


def compiled_from(text: str, **given: Any) -> Compiled:
    return compiler().compile(replace(read_world(objects(BASE + "---\n" + text)), **given))


def gateway(name: str, *ports: int, created: str = "2026-01-01T00:00:00Z") -> str:
    listeners = ", ".join(f"{{name: p{port}, port: {port}, protocol: HTTP}}" for port in ports)
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop, creationTimestamp: '{created}'}}
spec: {{gatewayClassName: tidegate, listeners: [{listeners}]}}
"""


def full_service() -> str:
    """A Service of the operator that leads to every port that the gateways may have."""
    ports = ", ".join(f"{{port: {port - 19_000}, targetPort: {port}}}" for port in range(20_000, 32_768))
    return f"""---
apiVersion: v1
kind: Service
metadata: {{namespace: shop, name: full, labels: {{tidegate.dev/operator-namespace: tidegate}}}}
spec: {{ports: [{ports}]}}
"""


def test_a_listener_for_which_the_gateways_have_no_port_says_so():
    added = """---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: shop}
spec: {parentRef: {name: web}, listeners: [{name: a, port: 81, protocol: HTTP}]}
"""
    web = gateway("web", 80).replace("spec: {", "spec: {allowedListeners: {namespaces: {from: Same}}, ")
    compiled = compiled_from(web + added + full_service())
    assert compiled.tables == {}
    assert compiled.services == {}
    for id_, one in compiled.statuses.items():
        for each in one.listeners or ():
            assert conditions(each.conditions)["Accepted"] == (
                "False PortUnavailable: the gateways have no port left; remove listeners that nobody needs"
            ), id_


def test_ports_that_nobody_wants_any_more_are_free_again():
    every = {ListenerPort(ObjectKey("x", str(port)), 80): port for port in range(20_000, 32_768)}
    compiled = compiled_from(gateway("web", 80), target_ports=every)
    assert list(compiled.target_ports.values()) == [20_000]


def test_a_route_is_attached_as_before_where_another_gateway_comes():
    world, one = world_of("HTTPRouteMultipleGateways"), compiler()
    first = one.compile(world)
    more = read_world(objects(gateway("more", 80)))
    second = one.compile(replace(world, gateways={**world.gateways, **more.gateways}))
    routes = [id_ for id_ in first.statuses if id_.kind == "HTTPRoute"]
    assert [second.statuses[id_] for id_ in routes] == [first.statuses[id_] for id_ in routes]
    assert len(second.services) == len(first.services) + 1


def test_a_class_with_parameters_is_not_accepted_and_serves_nothing():
    text = BASE.replace(
        "gateway-controller}", "gateway-controller, parametersRef: {group: a, kind: B, name: c}}"
    )
    compiled = compiler().compile(read_world(objects(text + "---\n" + gateway("web", 80))))
    (only,) = compiled.statuses.values()
    assert only.conditions is not None
    assert [said(one) for one in only.conditions] == [
        "False InvalidParameters: spec.parametersRef names B.a c, but the class takes no parameters; remove it"
    ]
    assert compiled.tables == {}


def test_a_certificate_whose_secret_went_serves_on_until_it_may_not():
    world = world_of("GatewayModifyListeners")
    one = compiler()
    before = one.compile(world)
    gone = replace(world, secrets={}, certificates=before.certificates)
    after = one.compile(gone)
    assert after.tables == before.tables
    assert after.certificates == before.certificates
    denied = one.compile(replace(gone, certificates={}))
    assert "https" not in str(denied.tables)


def test_changing_one_route_keeps_what_was_attached_for_the_others():
    world, one = world_of("HTTPRouteHostnameIntersection"), compiler()
    first = one.compile(world)
    routes = dict(world.http_routes)
    key = next(iter(routes))
    routes[key] = replace(routes[key], hostnames=("a.wildcard.io",))
    second = one.compile(replace(world, http_routes=routes))
    assert second != first
    assert second == compiler().compile(replace(world, http_routes=routes))


def test_pairs_never_show():
    assert "secret" not in repr(Compiled({}, {"a": CertificatePair(b"secret", b"secret")}, {}, {}, {}, {}))


def test_a_port_of_a_gateway_that_is_gone_is_given_again():
    first = compiled_from(gateway("a", 80) + "---" + gateway("b", 80, created="2026-02-01T00:00:00Z"))
    assert sorted(first.target_ports.values()) == [20_000, 20_001]
    second = compiled_from(gateway("c", 80), target_ports=first.target_ports)
    assert list(second.target_ports.values()) == [20_000]


def test_settings_choose_the_controller():
    other: Mapping[str, Any] = {"controller": "example.com/other"}
    compiled = compiler(replace(SETTINGS, **other)).compile(world_of("GatewayModifyListeners"))
    assert compiled.statuses == {}
