"""How Envoy is started. It has the full set; its breaker is outlier detection with one host."""

from typing import Any

from tests.bench.comparison.install import VENV
from tests.bench.comparison.setups import KEY, NEVER, Launch, Place, Setup

__all__ = ["envoy"]


def envoy(setup: Setup, place: Place) -> Launch:
    cluster: dict[str, Any] = {
        "name": "u",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "u",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(setup.upstream)}}]}],
        },
        "circuit_breakers": {
            "thresholds": [{"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}]
        },
    }
    if setup.http2_upstream:
        kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        options = _typed(
            "upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http2_protocol_options": {}}
        )
        cluster["typed_extension_protocol_options"] = {kind: options}
    config: dict[str, Any] = {}
    if setup.full:
        cluster |= {
            "outlier_detection": {
                "consecutive_5xx": 3,
                "interval": "1s",
                "base_ejection_time": "10s",
                "max_ejection_percent": 100,
            },
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        }
        config["admin"] = {"address": _address(place.admin)}
    chain: dict[str, Any] = {
        "filters": [
            {
                "name": "http",
                "typed_config": _typed(
                    "filters.network.http_connection_manager.v3.HttpConnectionManager",
                    **_manager(setup, place),
                ),
            }
        ]
    }
    if setup.tls:
        chain["transport_socket"] = _transport(setup, place)
    listener = {"address": _address(place.port), "filter_chains": [chain]}
    config["static_resources"] = {"clusters": [cluster], "listeners": [listener]}
    binary = next(VENV.glob("lib/python*/site-packages/envoy/_bin/envoy"), "envoy")
    words = ["--concurrency", "1", "-l", "critical", "--disable-hot-restart"]
    return Launch([str(binary), "-c", place.write("envoy.json", config), *words])


def _manager(setup: Setup, place: Place) -> dict[str, Any]:
    routes = [
        {"match": {"prefix": prefix}, "route": {"cluster": "u", "timeout": "30s"}}
        for prefix in setup.prefixes()
    ]
    manager: dict[str, Any] = {
        "stat_prefix": "in",
        "codec_type": "AUTO" if setup.http2 else "HTTP1",
        "http_filters": [],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    if setup.full:
        manager |= {
            "use_remote_address": True,
            "always_set_request_id_in_response": True,
            "http_filters": [_key_check(), _rate_limit(setup), *([_grpc_counts()] if setup.grpc else [])],
            "access_log": [_access_log(setup, place)],
        }
    manager["http_filters"].append(_filter("router", "router.v3.Router"))
    return manager


def _key_check() -> dict[str, Any]:
    return _filter(
        "key",
        "api_key_auth.v3.ApiKeyAuth",
        credentials=[{"key": KEY, "client": "bench"}],
        key_sources=[{"header": "x-api-key"}],
        forwarding={"header": "x-client", "hide_credentials": True},
    )


def _rate_limit(setup: Setup) -> dict[str, Any]:
    percent = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {"max_tokens": setup.limit, "tokens_per_fill": setup.limit, "fill_interval": "60s"}
    action = {"request_headers": {"header_name": "x-client", "descriptor_key": "c"}}
    return _filter(
        "limit",
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        filter_enabled=percent,
        filter_enforced=percent,
        always_consume_default_token_bucket=False,
        token_bucket={"max_tokens": NEVER, "tokens_per_fill": NEVER, "fill_interval": "60s"},
        rate_limits=[{"actions": [action]}],
        descriptors=[{"entries": [{"key": "c"}], "token_bucket": bucket}],
    )


def _grpc_counts() -> dict[str, Any]:
    return _filter("grpc", "grpc_stats.v3.FilterConfig", stats_for_all_methods=True)


def _access_log(setup: Setup, place: Place) -> dict[str, Any]:
    fields = {
        "ts": "%START_TIME%",
        "client": "%REQ(X-CLIENT)%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "bytes": "%BYTES_SENT%",
        "ms": "%DURATION%",
        "id": "%REQ(X-REQUEST-ID)%",
    }
    if setup.grpc:
        fields["grpc"] = "%GRPC_STATUS%"
    kind = "access_loggers.file.v3.FileAccessLog"
    return {
        "name": "file",
        "typed_config": _typed(kind, path=str(place.log), log_format={"json_format": fields}),
    }


def _transport(setup: Setup, place: Place) -> dict[str, Any]:
    pair = {"certificate_chain": {"filename": str(place.cert)}, "private_key": {"filename": str(place.key)}}
    kind = "transport_sockets.tls.v3.DownstreamTlsContext"
    context = {"tls_certificates": [pair], "alpn_protocols": ["h2", "http/1.1"] if setup.http2 else []}
    return {"name": "tls", "typed_config": _typed(kind, common_tls_context=context)}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _typed(kind: str, **config: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **config}


def _filter(name: str, kind: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": _typed(f"filters.http.{kind}", **config)}
