"""Filters, timeouts and retries of HTTPRoutes: from manifests through the operator's compiler to what a client sees."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trustme
import yaml

from app.config.sync.newest import CertificatePem
from app.operator.routes.compile import Compiler
from app.operator.routes.compiled import Compiled
from app.operator.routes.rules.ingress import ingress_routes
from app.operator.routes.rules.route_compiler import RouteCompiler
from app.operator.routes.settings import CompileSettings
from app.operator.routes.world import read_world
from tests.fakes.client import RawClient, Response
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_ports
from tests.fakes.sync_server import BESIDE_OPERATOR, SyncServer
from tests.fakes.upstream import RecorderUpstream

BASE = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: tidegate}
spec: {controllerName: tidegate.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec:
  gatewayClassName: tidegate
  listeners: [{name: plain, port: 80, protocol: HTTP}, {name: other, port: 8080, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: v1, namespace: shop}
spec: {ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: v2, namespace: shop}
spec: {ports: [{port: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: web}]
"""
TLS = """
apiVersion: v1
kind: Service
metadata: {name: secure, namespace: shop}
spec: {ports: [{name: tls, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: secure, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: secure, sectionName: tls}]
  validation:
    hostname: secure.example
    caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]
"""
V1, V2 = ({"name": name, "port": 8080} for name in ("v1", "v2"))


def rule(prefix: str, *filters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
        "filters": list(filters),
        "backendRefs": [V1],
        **more,
    }


def of(kind: str, **fields: Any) -> dict[str, Any]:
    """A filter: its field is named as its type, with a small letter."""
    name = "cors" if kind == "CORS" else "urlRewrite" if kind == "URLRewrite" else kind[0].lower() + kind[1:]
    return {"type": kind, name: fields}


def compiled_from(objects: list[dict[str, Any]]) -> Compiled:
    compiled = Compiler(CompileSettings("tidegate"), RouteCompiler(), ingress_routes).compile(
        read_world(objects)
    )
    (route,) = [one for one in compiled.statuses.values() if one.id.kind == "HTTPRoute"]
    said = [condition for parent in route.parents or () for condition in parent.conditions]
    assert said, "the route has no parent"
    assert all(condition.status == "True" for condition in said), said
    return compiled


def with_ports(compiled: Compiled, ports: list[int]) -> dict[str, Any]:
    """What the operator sends, with ports that are free here."""
    tables: dict[str, Any] = dict(compiled.tables)
    by_public = {listener["publicPort"]: listener for listener in tables["listeners"]}
    bound = {80: ports[0], 8080: ports[1]}
    tables["listeners"] = [{**by_public[public], "port": port} for public, port in bound.items()]
    return tables


def tables_of(rules: list[dict[str, Any]], ports: list[int]) -> dict[str, Any]:
    objects = list(yaml.safe_load_all(BASE))
    objects[-1]["spec"]["rules"] = rules
    return with_ports(compiled_from(objects), ports)


class Cluster:
    """`v1`, `v2`: the endpoints of the Services."""

    def __init__(self, ports: list[int], v1: RecorderUpstream, v2: RecorderUpstream) -> None:
        self._ports = ports
        self.v1, self.v2 = v1, v2

    async def ask(
        self, target: str, method: str = "GET", *, public: int = 80, host: str = "a.example", **fields: str
    ) -> Response:
        """By the listener of the port `public`."""
        port = self._ports[0 if public == 80 else 1]
        headers = [("Host", host), *((name.replace("_", "-"), value) for name, value in fields.items())]
        async with RawClient(port) as client:
            return await client.request(method, target, headers)


@asynccontextmanager
async def cluster(*rules: dict[str, Any]) -> AsyncIterator[Cluster]:
    ports = free_ports(2)
    async with RecorderUpstream() as v1, RecorderUpstream() as v2, SyncServer() as server:
        endpoints = {
            f"service/shop/{name}/8080": ((each.host, each.port),) for name, each in (("v1", v1), ("v2", v2))
        }
        server.feeds.endpoints.replace(endpoints)
        async with running_gateway(CONTROL_PLANE_URL=server.url, **BESIDE_OPERATOR):
            await server.give(tables=tables_of(list(rules), ports))
            yield Cluster(ports, v1, v2)


async def test_header_modifiers_and_rewrites():
    edits = {
        "set": [{"name": "X-Set", "value": "new"}],
        "add": [{"name": "X-Add", "value": "2"}],
        "remove": ["X-Gone"],
    }
    prefix = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    full = {"type": "ReplaceFullPath", "replaceFullPath": "/full"}
    async with cluster(
        rule("/headers", of("RequestHeaderModifier", **edits), of("ResponseHeaderModifier", **edits)),
        rule("/strip", of("URLRewrite", path=prefix, hostname="in.example")),
        rule("/whole", of("URLRewrite", path=full)),
        rule("/backend", backendRefs=[{**V1, "filters": [of("URLRewrite", path=full)]}]),
    ) as made:
        made.v1.reply(200, b"", [("X-Set", "old"), ("X-Add", "1"), ("X-Gone", "1")])
        answer = await made.ask("/headers", x_set="old", x_add="1", x_gone="1")
        for seen in (made.v1.requests[0], answer):
            assert (seen.all("x-set"), seen.all("x-add"), seen.all("x-gone")) == (["new"], ["1", "2"], [])
        for target in ("/strip/three?q", "/strip", "/whole/a/b", "/backend/original"):
            assert (await made.ask(target)).status == 200
        sent = [(request.target, request.get("host")) for request in made.v1.requests[1:]]
        assert sent == [
            ("/three?q", "in.example"),
            ("/", "in.example"),
            ("/full", "a.example"),
            ("/full", "a.example"),
        ]


async def test_redirects_lead_to_the_listeners_port():
    prefix = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}
    rules = [
        rule("/host", of("RequestRedirect", hostname="example.org")),
        rule("/https", of("RequestRedirect", scheme="https", statusCode=301)),
        rule("/prefix", of("RequestRedirect", path=prefix, statusCode=308, port=8083)),
    ]
    for one in rules:
        del one["backendRefs"]
    async with cluster(*rules) as made:
        for target, public, status, location in (
            ("/host", 80, 302, "http://example.org/host"),
            ("/host", 8080, 302, "http://example.org:8080/host"),
            ("/https", 8080, 301, "https://a.example/https"),
            ("/prefix/x?q=1", 80, 308, "http://a.example:8083/new/x?q=1"),
        ):
            answer = await made.ask(target, public=public, host="a.example:31999")
            assert (answer.status, answer.get("location")) == (status, location)
        assert made.v1.requests == []


async def test_each_backend_gets_its_own_edits():
    def backend(ref: dict[str, Any]) -> dict[str, Any]:
        name = [{"name": "Backend", "value": ref["name"]}]
        return {**ref, "weight": 10, "filters": [of("RequestHeaderModifier", set=name)]}

    async with cluster(rule("/", backendRefs=[backend(V1), backend(V2)])) as made:
        for _ in range(30):
            assert (await made.ask("/")).status == 200
        for name, upstream in (("v1", made.v1), ("v2", made.v2)):
            assert {request.get("backend") for request in upstream.requests} == {name}


async def test_mirrors_get_what_the_backend_gets():
    edits = of("RequestHeaderModifier", set=[{"name": "X-Set", "value": "1"}])
    async with cluster(rule("/mirror", edits, of("RequestMirror", backendRef=V2))) as made:
        assert (await made.ask("/mirror?id=7")).status == 200
        (copy,) = await made.v2.wait_for(1)
        assert (copy.target, copy.get("x-set")) == ("/mirror?id=7", "1")
        assert len(made.v1.requests) == 1


async def test_cors():
    cors = {
        "allowOrigins": ["https://www.foo.com", "https://*.bar.com"],
        "allowMethods": ["GET", "OPTIONS"],
        "allowHeaders": ["x-header-1"],
        "exposeHeaders": ["x-header-3"],
        "allowCredentials": True,
        "maxAge": 3600,
    }
    async with cluster(rule("/cors", of("CORS", **cors))) as made:
        asked: dict[str, Any] = {
            "access_control_request_method": "GET",
            "access_control_request_headers": "x-header-1",
        }
        granted = await made.ask("/cors", "OPTIONS", origin="https://a.www.bar.com", **asked)
        assert granted.status == 200
        assert {
            name: granted.get(f"access-control-{name}")
            for name in ("allow-origin", "allow-methods", "allow-headers", "expose-headers", "max-age")
        } == {
            "allow-origin": "https://a.www.bar.com",
            "allow-methods": "GET, OPTIONS",
            "allow-headers": "x-header-1",
            "expose-headers": "x-header-3",
            "max-age": "3600",
        }
        assert granted.get("access-control-allow-credentials") == "true"
        other = await made.ask("/cors", "OPTIONS", origin="https://foobar.com", **asked)
        assert (other.status, other.all("access-control-allow-origin")) == (200, [])
        assert made.v1.requests == []
        simple = await made.ask("/cors", origin="https://www.foo.com")
        assert simple.get("access-control-allow-origin") == "https://www.foo.com"


async def test_timeouts_and_retries():
    async with cluster(
        rule("/request", timeouts={"request": "100ms"}),
        rule("/backend", timeouts={"backendRequest": "100ms"}),
        rule("/retry", retry={"codes": [500], "attempts": 2, "backoff": "1ms"}),
        rule("/never", retry={"codes": [500], "attempts": 0}),
    ) as made:
        for target in ("/request", "/backend"):
            made.v1.never()
            assert (await made.ask(target)).status == 504
        made.v1.reply(500)
        made.v1.reply(500)
        assert (await made.ask("/retry")).status == 200
        made.v1.reply(500)
        assert (await made.ask("/never")).status == 500
        for _ in range(5):  # no breaker that nobody asked for
            made.v1.reply(500)
            assert (await made.ask("/never")).status == 500


async def test_backends_over_tls_see_the_gateways_certificate():
    """BackendTLSPolicy, and a Gateway's `tls.backend.clientCertificateRef`, whose Secret travels apart."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("secure.example").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    own = authority.issue_cert("gateway.example")
    pem = {"tls.crt": own.cert_chain_pems[0].bytes(), "tls.key": own.private_key_pem.bytes()}
    objects = list(yaml.safe_load_all(BASE)) + list(yaml.safe_load_all(TLS))
    gateway, route = objects[1], objects[4]
    gateway["spec"]["tls"] = {"backend": {"clientCertificateRef": {"name": "own"}}}
    route["spec"]["rules"] = [{"backendRefs": [{"name": "secure", "port": 443}]}]
    named = {"namespace": "shop"}
    objects += [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ca", **named},
            "data": {"ca.crt": authority.cert_pem.bytes().decode()},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": "own", **named},
            "data": {name: base64.b64encode(value).decode() for name, value in pem.items()},
        },
    ]
    port, other = free_ports(2)
    compiled = compiled_from(objects)
    tables = with_ports(compiled, [port, other])
    (upstream,) = tables["upstreams"]
    async with RecorderUpstream(tls=context) as secure, SyncServer() as server:
        server.feeds.endpoints.replace({upstream["name"]: ((secure.host, secure.port),)})
        server.feeds.certificates.replace(
            {
                name: CertificatePem(pair.certificate.decode(), pair.key.decode())
                for name, pair in compiled.certificates.items()
            }
        )
        async with running_gateway(CONTROL_PLANE_URL=server.url, **BESIDE_OPERATOR):
            await server.give(tables=tables)
            async with RawClient(port) as client:
                assert (await client.request("GET", "/")).status == 200
        assert len(secure.requests) == 1
