"""What is written as a file is read as what it was."""

import itertools

import yaml

from app.config.model import Credential
from app.config.parsing.config_file import parse_config
from app.config.written import (
    is_without_values,
    said,
    written_credential,
    written_listener,
    written_match,
    written_route,
    written_upstream,
)

FILE = """
upstreams:
  o:
    endpoints: ["http://o", "https://[::1]:9"]
    tls: {serverName: o, subjectAltNames: [a.b], clientCertificate: c}
    protocol: h2
    healthCheck: {path: /ok, unhealthy: 5}
    credential: {file: /secret}
  p: {endpoints: ["http://g"], healthCheck: {grpc: {service: g.v1.G}}, credential: {file: /secret}}
routes:
  - {name: a, match: {path: {exact: /a}, hosts: ["*.example"], methods: [GET]}, upstream: o}
  - {name: b, match: {path: {regex: "/b+"}}, upstream: [{name: o, weight: 3}], auth: none, rewrite: {host: x}}
  - {name: c, match: {path: {prefix: /c}}, redirect: {port: 9}, responseHeaders: {remove: [X-A]}}
  - name: d
    listeners: [public]
    matches: [{path: {prefix: /d}}, {path: {prefix: /e}, methods: [PUT]}]
    upstream: [{name: o, requestHeaders: {remove: [X-A]}}, {name: p, weight: 2, responseHeaders: {remove: [X-B]}}]
    mirror: [{upstream: o}, {upstream: p, percent: 25}]
    cors: {allowOrigins: ["*"], allowMethods: [GET], allowHeaders: [x-a], exposeHeaders: [X-B], allowCredentials: true}
    timeout: {request: 2s}
    retry: {attempts: 1, on: [Reset, 503]}
listeners:
  - {name: public, port: 8081}
  - name: secure
    port: 8443
    protocol: https
    hosts: [a.b]
    certificates: [c]
    publicPort: 443
    clientCertificates: {caFile: /ca, mode: optional}
certificates: [{name: c, certFile: /c, keyFile: /k}]
"""


def test_a_file_without_values_is_read_as_what_it_was():
    config = parse_config(FILE.encode(), "f")
    assert config.routes is not None
    assert all(is_without_values(route) for route in config.routes)
    upstreams = {
        each.name: {**written_upstream(each), "credential": written_credential(each.credential)}
        for each in config.upstreams
    }
    document = {
        "upstreams": upstreams,
        "routes": [
            written_route(*routes) for _, routes in itertools.groupby(config.routes, lambda route: route.name)
        ],
        "listeners": [written_listener(listener) for listener in config.listeners],
        "certificates": [{"name": "c", "certFile": "/c", "keyFile": "/k"}],
    }
    assert parse_config(yaml.safe_dump(document).encode(), "f") == config


def test_what_one_upstream_gets_may_be_a_secret_too():
    text = FILE.replace("requestHeaders: {remove: [X-A]}", "requestHeaders: {set: {X-A: secret}}")
    routes = parse_config(text.encode(), "f").routes
    assert routes is not None
    assert [is_without_values(route) for route in routes] == [True, True, True, False, False]


def test_a_match_names_what_must_fit():
    text = FILE.replace(
        "match: {path: {prefix: /c}}", "match: {path: {prefix: /c}, headers: {X-A: {regex: 'b+'}}}"
    )
    routes = parse_config(text.encode(), "f").routes
    assert routes is not None
    assert written_match(routes[2].match)["headers"] == [{"name": "x-a", "regex": "b+"}]
    assert not is_without_values(routes[2])


def test_the_secret_of_the_environment_is_not_written():
    assert written_credential(Credential(None)) is None
    assert said(a=None, b=[], c={}, d=0) == {"d": 0}
