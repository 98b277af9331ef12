import pytest

from app.config.model import Credential, HealthCheck, UpstreamProtocol
from app.config.parsing.config_file import parse_config
from tests.app.config.samples import assert_one_fault, endpoint, upstream

BAD = [
    ("upstreams: []", "upstreams: is a list, not a mapping", "name: {endpoints"),
    (
        "upstreams: {Orders: {endpoints: [http://h]}}",
        "upstreams.Orders: 'Orders' is not a DNS",
        "such as orders",
    ),
    ("upstreams: {a@b: {endpoints: [http://h]}}", "upstreams['a@b']: 'a@b' holds @", "a-z"),
    ("upstreams: {o: [http://h]}", "upstreams.o: is a list, not a mapping", "give endpoints"),
    ("upstreams: {o: {}}", "upstreams.o.endpoints: is required", "give a list"),
    ("upstreams: {o: {endpoints: []}}", "o.endpoints: has 0 items", "at least 1"),
    (
        "upstreams: {o: {endpoints: [http://h], endpoint: x}}",
        "o.endpoint: is not a known key",
        "did you mean endpoints?",
    ),
    (
        upstream("credential: s3cret"),
        "o.credential: is a text, but no secret may stand in a configuration file",
        "credential: {file: PATH}",
    ),
    (upstream("credential: {}"), "o.credential.file: is required", "a file that holds the secret"),
    (upstream("credential: {file: ''}"), "o.credential.file: is empty", "write a text"),
    (upstream("credential: {file: /f, token: x}"), "credential.token: is not a known key", "known here"),
    (upstream("credential: {file: /f, header: 'a b'}"), "header: 'a b' is not a header name", "X-Tenant"),
    (upstream("credential: {file: /f, header: Host}"), "header: is Host, which", "write Authorization"),
    (upstream("credential: {file: /f, scheme: 'a b'}"), "scheme: is 'a b'", "a word such as Bearer"),
    (endpoint("10.0.0.5:8080"), "endpoints[0]: '10.0.0.5:8080' has no scheme", "write http://10.0.0.5:8080"),
    (endpoint("orders"), "endpoints[0]: 'orders' has no scheme", "http://orders"),
    (endpoint("ftp://h"), "endpoints[0]: is no http:// or https:// URL", "http://10.0.0.5:8080"),
    (endpoint("'a b'"), "endpoints[0]: is no http:// or https:// URL", "http://10.0.0.5:8080"),
    (endpoint("''"), "endpoints[0]: is no http:// or https:// URL", "http://10.0.0.5:8080"),
    (endpoint("5"), "endpoints[0]: is a number, not a URL", "http://10.0.0.5:8080"),
    (endpoint("http://u:secret@h"), "endpoints[0]: holds a user or password", "all before the @"),
    (endpoint("http://h/path"), "endpoints[0]: has a path or query", "scheme, host and port only"),
    (endpoint("'http://h?x'"), "endpoints[0]: has a path or query", "scheme, host and port only"),
    (endpoint("http://h:0"), "endpoints[0]: has the port '0'", "from 1 to 65535"),
    (endpoint("http://h:65536"), "endpoints[0]: has the port '65536'", "from 1 to 65535"),
    (endpoint("'http://h:'"), "endpoints[0]: has the port ''", "from 1 to 65535"),
    (endpoint("'http://[::1'"), "endpoints[0]: has the address '[::1'", "in brackets"),
    (endpoint("http://::1"), "endpoints[0]: has no host", "[IPv6]"),
    (endpoint("'http://[::g]'"), "endpoints[0]: has the host '::g'", "an IPv6 address"),
    (endpoint("'http://[fe80::1%25eth0]'"), "endpoints[0]: has the host", "an IPv6 address"),
    (endpoint("http://10.0.0.256"), "endpoints[0]: has the host '10.0.0.256'", "an IPv4 address"),
    (endpoint("http://"), "endpoints[0]: has no host", "DNS name"),
    (endpoint("http://hä"), "endpoints[0]: has the host 'hä'", "xn--"),
    (endpoint("http://h, http://h:80/"), "endpoints[1]: repeats h:80", "each endpoint once"),
    (upstream("tls: {}"), "o.tls: has no effect", "https:// endpoints"),
    (
        "upstreams: {o: {endpoints: [https://h], tls: {cert: x}}}",
        "o.tls.cert: is not a known key",
        "known here: caFile, serverName",
    ),
    (
        "upstreams: {o: {endpoints: [https://h], tls: {caFile: ''}}}",
        "o.tls.caFile: is empty",
        "a text on one line",
    ),
    (
        "upstreams: {o: {endpoints: [https://h], tls: {serverName: 'a b'}}}",
        "o.tls.serverName: is 'a b'",
        "the certificate is made for",
    ),
    (upstream("healthCheck: {}"), "o.healthCheck: has neither path nor grpc", "/healthz"),
    (upstream("healthCheck: {path: /, grpc: {}}"), "o.healthCheck: has both path and grpc", "grpc: {}"),
    (upstream("healthCheck: {grpc: {service: a-b}}"), "grpc.service: is 'a-b'", "orders.v1.Orders"),
    (upstream("healthCheck: {grpc: orders}"), "healthCheck.grpc: is a text", "give service"),
    (upstream("healthCheck: {path: healthz}"), "healthCheck.path: is 'healthz'", "such as /healthz"),
    (upstream("healthCheck: {path: '/a?b c'}"), "healthCheck.path: holds a query", "percent-encoded"),
    (upstream("healthCheck: {path: /, interval: 0}"), "healthCheck.interval: is 0", "from 100ms to 1h"),
    (
        upstream("healthCheck: {path: /, interval: soon}"),
        "interval: 'soon' is not a duration",
        "such as 250ms",
    ),
    (upstream("healthCheck: {path: /, timeout: 2h}"), "healthCheck.timeout: is 2h", "from 1ms to 1m"),
    (upstream("healthCheck: {path: /, unhealthy: 0}"), "healthCheck.unhealthy: is 0", "1 to 100"),
    (upstream("healthCheck: /healthz"), "o.healthCheck: is a text", "give path"),
    (upstream("protocol: h2c"), "o.protocol: is 'h2c'", "did you mean h2?"),
    (upstream("protocol: 2"), "o.protocol: is 2", "auto, http1, h2"),
]


@pytest.mark.parametrize(("text", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_upstream_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)


@pytest.mark.parametrize(
    ("text", "service"), [("{}", ""), ("{service: orders.v1.Orders}", "orders.v1.Orders")]
)
def test_a_check_by_grpc_asks_for_a_service_or_the_server(text, service):
    config = parse_config(upstream(f"healthCheck: {{grpc: {text}, interval: 5s}}").encode(), "gw.yaml")
    assert config.upstreams[0].health_check == HealthCheck(interval_s=5.0, grpc_service=service)


@pytest.mark.parametrize(
    ("text", "credential"),
    [
        ("{file: /f}", Credential("/f", "authorization", "Bearer")),
        ("{file: /f, header: authorization, scheme: Basic}", Credential("/f", "authorization", "Basic")),
        ("{file: /f, header: X-Token}", Credential("/f", "x-token", "")),
        ("{file: /f, header: X-Token, scheme: T}", Credential("/f", "x-token", "T")),
        ("{file: /f, scheme: ''}", Credential("/f", "authorization", "")),
    ],
)
def test_a_credential_is_a_file_a_header_and_a_scheme(text, credential):
    config = parse_config(upstream(f"credential: {text}").encode(), "gw.yaml")
    assert config.upstreams[0].credential == credential


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        ("", UpstreamProtocol.AUTO),
        ("protocol: auto", UpstreamProtocol.AUTO),
        ("protocol: http1", UpstreamProtocol.HTTP1),
        ("protocol: h2", UpstreamProtocol.H2),
    ],
)
def test_the_protocol_of_an_upstream_is_agreed_on_unless_it_says_one(text, protocol):
    assert parse_config(upstream(text).encode(), "gw.yaml").upstreams[0].protocol is protocol
