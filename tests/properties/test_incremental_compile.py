"""After any edits of the cluster's objects, the compiler that went through all of them gives what one gives that starts
with the last world, and one that compiles the same again gives the same objects."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.operator.routes.compile import Compiler
from app.operator.routes.compiled import Compiled
from app.operator.routes.rules.ingress import ingress_routes
from app.operator.routes.rules.route_compiler import RouteCompiler
from app.operator.routes.settings import CompileSettings
from app.operator.routes.world import KINDS, World, read_object

Edit = tuple[str, str, int]
"""Kind, name, and which of its variants the object becomes; it goes where there are not so many."""

CONTROLLER = "tidegate.dev/gateway-controller"
CREATED = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
SERVICES = ("s0", "s1")


def _rules(name: str, *extra: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{"backendRefs": [{"name": name, "port": 80}]}, *extra]


def _route(*gateways: str, rules: list[Mapping[str, Any]], hosts: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"parentRefs": [{"name": name} for name in gateways], "hostnames": list(hosts), "rules": rules}


_ROUTES = [
    _route("web", rules=_rules("s0")),
    _route("web", "other", rules=_rules("s1", *_rules("s0")), hosts=("a.example",)),
    _route("other", rules=_rules("gone")),
    _route("nobodys", rules=_rules("s0")),
    _route("web", rules=[{"backendRefs": [{"name": "far", "namespace": "far", "port": 80}]}]),
]
_PATH = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s0", "port": {"name": "http"}}}}
_BACKEND = {"service": {"name": "s1", "port": {"number": 80}}}
_LISTENER = {"name": "http", "port": 80, "protocol": "HTTP"}
_TARGET = {"group": "", "kind": "Service", "name": "s0"}
VARIANTS: Mapping[str, list[dict[str, Any]]] = {
    "HTTPRoute": [{"spec": spec} for spec in _ROUTES],
    "GRPCRoute": [{"spec": spec} for spec in _ROUTES[:3]],
    "Ingress": [
        {"spec": {"ingressClassName": "tidegate", "defaultBackend": _BACKEND}},
        {
            "spec": {
                "ingressClassName": "tidegate",
                "defaultBackend": _BACKEND,
                "rules": [{"host": "i.example", "http": {"paths": [_PATH]}}],
            }
        },
    ],
    "Service": [
        {"spec": {"ports": [{"name": "http", "port": 80}]}},
        {"spec": {"ports": [{"name": "http", "port": 80, "appProtocol": "kubernetes.io/h2c"}]}},
        {"spec": {"ports": [{"port": 81}]}},
    ],
    "Gateway": [
        {"spec": {"gatewayClassName": "tidegate", "listeners": [_LISTENER]}},
        {
            "spec": {
                "gatewayClassName": "tidegate",
                "listeners": [_LISTENER, {**_LISTENER, "name": "b", "port": 81}],
            }
        },
        {
            "spec": {
                "gatewayClassName": "tidegate",
                "listeners": [
                    {
                        **_LISTENER,
                        "allowedRoutes": {
                            "namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}
                        },
                    }
                ],
            }
        },
    ],
    "Namespace": [{}, {"metadata": {"labels": {"team": "blue"}}}],
    "ReferenceGrant": [
        {
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}],
                "to": [{"group": "", "kind": "Service"}],
            }
        }
    ],
    "BackendTLSPolicy": [
        {
            "spec": {
                "targetRefs": [_TARGET],
                "validation": {"hostname": "a.b", "wellKnownCACertificates": "System"},
            }
        },
        {
            "spec": {
                "targetRefs": [_TARGET],
                "validation": {"hostname": "a.b", "wellKnownCACertificates": "No"},
            }
        },
    ],
    "GatewayClass": [{"spec": {"controllerName": CONTROLLER}}],
    "IngressClass": [{"spec": {"controller": CONTROLLER}}],
}
NAMES: Mapping[str, tuple[str, ...]] = {
    "HTTPRoute": ("a", "b", "c"),
    "GRPCRoute": ("a", "b"),
    "Ingress": ("a", "b"),
    "Service": SERVICES,
    "Gateway": ("web", "other"),
    "Namespace": ("shop",),
    "ReferenceGrant": ("g",),
    "BackendTLSPolicy": ("p", "q"),
    "GatewayClass": ("tidegate",),
    "IngressClass": ("tidegate",),
}
FIRST: list[Edit] = [
    (kind, name, 0)
    for kind in ("GatewayClass", "IngressClass", "Gateway", "Service", "HTTPRoute", "Ingress")
    for name in NAMES[kind]
]


def edits_of(kind: str) -> st.SearchStrategy[Edit]:
    numbers = st.integers(0, 2 * len(VARIANTS[kind]))  # half of the creations come later than the others
    return st.tuples(st.just(kind), st.sampled_from(NAMES[kind]), numbers)


edits = st.one_of([edits_of("HTTPRoute"), *map(edits_of, VARIANTS)])
rounds = st.lists(st.lists(edits, min_size=1, max_size=3), min_size=1, max_size=8)


class Cluster:
    """The objects, each read once for each of its editions, as the operator does it."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Any, Any]] = {kind: {} for kind in VARIANTS}
        self._version = 0

    def edit(self, kind: str, name: str, number: int) -> None:
        variants = VARIANTS[kind]
        self._version += 1
        namespace = "shop" if KINDS[kind].is_namespaced else ""
        if kind == "ReferenceGrant":
            namespace = "far"
        if number == 2 * len(variants):
            self._objects[kind] = {key: one for key, one in self._objects[kind].items() if key.name != name}
            return
        body = variants[number % len(variants)]
        metadata = {
            **body.get("metadata", {}),
            "namespace": namespace,
            "name": name,
            "uid": f"{kind}-{name}",
            "resourceVersion": str(self._version),
            "creationTimestamp": CREATED[number // len(variants)],
        }
        made = read_object(
            kind, {**body, "apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": metadata}
        )
        self._objects[kind] = {**self._objects[kind], made.meta.key: made}

    def world(self, last: Compiled | None) -> World:
        fields: dict[str, Any] = {
            field: self._objects[name] for name in VARIANTS if (field := KINDS[name].field) is not None
        }
        if last is None:
            return World(**fields)
        return World(**fields, target_ports=last.target_ports, certificates=last.certificates)


def compiler() -> Compiler:
    return Compiler(CompileSettings("shop", CONTROLLER, "ClusterIP"), RouteCompiler(), ingress_routes)


def _items(compiled: Compiled, part: str) -> list[Mapping[str, Any]]:
    found: Any = compiled.tables.get(part, [])
    return list(found)


@given(rounds)
def test_compiling_on_gives_what_compiling_afresh_gives(rounds):
    cluster, one = Cluster(), compiler()
    for edit in FIRST:
        cluster.edit(*edit)
    last = one.compile(cluster.world(None))
    for edits_at_once in rounds:
        for edit in edits_at_once:
            cluster.edit(*edit)
        world = cluster.world(last)
        compiled, fresh = one.compile(world), compiler().compile(world)
        assert compiled == fresh
        again = one.compile(world)
        assert again == compiled
        for part in ("routes", "upstreams"):
            pairs = zip(_items(again, part), _items(compiled, part), strict=True)
            assert all(now is before for now, before in pairs)
        last = compiled
