from dataclasses import replace

import pytest

from app.operator.routes.compiled import ObjectId
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.rules.route_compiler import RouteCompiler, compile_rules
from app.operator.routes.rules.rule import compile_rule
from tests.app.operator.routes.rules.samples import attach, attach_all, listener, world_of

TEXT = """
{kind: HTTPRoute, metadata: {name: a}, spec: {rules: [{backendRefs: [{name: v1, port: 80}]}]}}
---
{kind: HTTPRoute, metadata: {name: b}, spec: {rules: [{backendRefs: [{name: v2, port: 80}]}]}}
---
{kind: Service, metadata: {name: v1}, spec: {ports: [{port: 80}]}}
---
{kind: Service, metadata: {name: v2}, spec: {ports: [{port: 80}]}}
"""
INGRESS = """
kind: Ingress
metadata: {name: a}
spec:
  defaultBackend: {service: {name: v1, port: {number: 80}}}
  rules:
    - host: a.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: v1, port: {number: 80}}}}]}
---
{kind: Service, metadata: {name: v1}, spec: {ports: [{port: 80}]}}
"""


@pytest.fixture
def compiled_rules(monkeypatch):
    """The rules that were compiled, by route and number."""
    found = []

    def recorded(route, index, groups, resolver):
        found.append(f"{route.meta.name}/{index}")
        return compile_rule(route, index, groups, resolver)

    monkeypatch.setattr("app.operator.routes.rules.route_compiler.compile_rule", recorded)
    return found


def test_only_what_changed_is_compiled_again(compiled_rules):
    world, compiler = world_of(TEXT), RouteCompiler()
    attached = attach_all(world)
    first = compiler.compile(world, attached)
    assert compiled_rules == ["a/0", "b/0"]
    assert compiler.compile(world, attached) == first
    changed = [attach(attached[0].route, listener("shop/web/other")), attached[1]]
    compiler.compile(world, changed)
    assert compiled_rules == ["a/0", "b/0", "a/0"]


def test_a_service_that_goes_reaches_the_routes_that_name_it(compiled_rules):
    world, compiler = world_of(TEXT), RouteCompiler()
    attached = attach_all(world)
    compiler.compile(world, attached)
    services = {key: value for key, value in world.services.items() if key.name != "v2"}
    without = replace(world, services=services)
    compiled = compiler.compile(without, attached)
    assert compiled_rules == ["a/0", "b/0", "b/0"]
    assert compiled == compile_rules(without, attached)
    parents = compiled.statuses[ObjectId("HTTPRoute", ObjectKey("shop", "b"))].parents or ()
    assert [one.status for parent in parents for one in parent.conditions] == ["True", "False"]


def test_a_grant_that_comes_reaches_the_routes_that_wait_for_it(compiled_rules):
    far = """
{kind: HTTPRoute, metadata: {name: c}, spec: {rules: [{backendRefs: [{name: v3, namespace: far, port: 80}]}]}}
---
{kind: Service, metadata: {name: v3, namespace: far}, spec: {ports: [{port: 80}]}}
"""
    grant = """
kind: ReferenceGrant
metadata: {name: g, namespace: far}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
"""
    world, compiler = world_of(f"{TEXT}---{far}"), RouteCompiler()
    attached = attach_all(world)
    compiler.compile(world, attached)
    granted = replace(world, grants=world_of(grant).grants)
    assert "service/far/v3/80" in compiler.compile(granted, attached).upstreams
    assert compiled_rules == ["a/0", "b/0", "c/0", "c/0"]


def test_a_route_that_goes_takes_all_of_its_own_with_it():
    world, compiler = world_of(TEXT), RouteCompiler()
    attached = attach_all(world)
    compiler.compile(world, attached)
    left = compiler.compile(world, attached[1:])
    assert left == compile_rules(world, attached[1:])
    assert list(left.upstreams) == ["service/shop/v2/80"]


def test_an_ingress_is_several_routes_and_has_no_conditions():
    world = world_of(INGRESS)
    compiled = RouteCompiler().compile(world, attach_all(world))
    assert [one["name"] for one in compiled.routes] == ["ingress/shop/a/0", "ingress/shop/a/1"]
    assert compiled.statuses == {}
