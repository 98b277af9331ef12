from app.operator.routes.objects.routes import HttpMatch
from app.operator.routes.rules.ingress import ingress_routes
from tests.app.operator.routes.rules.samples import world_of

WORLD = """
kind: Ingress
metadata: {name: web}
spec:
  defaultBackend: {service: {name: v1, port: {name: http}}}
  rules:
    - host: a.example.com
      http:
        paths:
          - {path: /a, pathType: Exact, backend: {service: {name: v1, port: {number: 80}}}}
          - {pathType: Prefix, backend: {service: {name: gone, port: {name: http}}}}
    - {host: empty.example.com}
    - http:
        paths:
          - {path: /b, pathType: ImplementationSpecific, backend: {resource: {apiGroup: x.y, kind: B, name: b}}}
---
{kind: Service, metadata: {name: v1}, spec: {ports: [{name: http, port: 80}]}}
"""


def test_each_host_is_a_route_and_the_default_backend_another():
    world = world_of(WORLD)
    (ingress,) = world.ingresses.values()
    routes = ingress_routes(ingress, world.services)
    assert [route.hostnames for route in routes] == [("a.example.com",), (), ()]
    rules = [rule for route in routes for rule in route.rules]
    assert [(rule.name, *rule.matches) for rule in rules] == [
        ("0", HttpMatch("Exact", "/a", None, (), ())),
        ("1", HttpMatch("PathPrefix", "/", None, (), ())),
        ("2", HttpMatch("PathPrefix", "/b", None, (), ())),
        ("3", HttpMatch("PathPrefix", "/", None, (), ())),
    ]
    refs = [rule.upstreams[0] for rule in rules]
    assert [(one.ref.kind, one.ref.name, one.port) for one in refs] == [
        ("Service", "v1", 80),
        ("Service", "gone", None),
        ("B", "b", None),
        ("Service", "v1", 80),
    ]


def test_an_ingress_without_a_default_backend_takes_its_own_hosts_only():
    world = world_of(WORLD.replace("  defaultBackend: {service: {name: v1, port: {name: http}}}\n", ""))
    (ingress,) = world.ingresses.values()
    assert len(ingress_routes(ingress, world.services)) == 2
