"""How the other contestants are started, each with the features that its product has."""

import os
import shlex
from pathlib import Path
from typing import Any

from tests.bench.comparison.install import COMPILED, INTERPRETED, VENV
from tests.bench.comparison.setups import KEY, Launch, Place, Setup
from tests.fakes.process import ROOT

__all__ = ["caddy", "compiled", "haproxy", "naive", "nginx", "nginx_argv", "tidegate", "traefik"]


def tidegate(setup: Setup, place: Place) -> Launch:
    """TIDEGATE: another command than this checkout's."""
    command = shlex.split(os.environ.get("TIDEGATE", f"{INTERPRETED} gateway"))
    env = {
        "HOST": "127.0.0.1",
        "PORT": str(place.port),
        "ADMIN_PORT": str(place.admin if setup.full else 0),
        "CACHE_SERVICE_URL": f"http://127.0.0.1:{setup.upstream}",
        "ACCESS_LOG": str(place.log) if setup.full else "off",
        "RATE_LIMIT": f"{setup.limit}-M" if setup.full else "off",
    }
    env |= {"API_KEY": KEY} if setup.full else {"AUTH": "none"}
    if setup.tls:
        env |= {"TLS_CERT_FILE": str(place.cert), "TLS_KEY_FILE": str(place.key)}
    if setup.routes > 1 or setup.http2_upstream:
        protocol = ", protocol: h2" if setup.http2_upstream else ""
        lines = [
            "upstreams:",
            f'  u: {{endpoints: ["http://127.0.0.1:{setup.upstream}"]{protocol}}}',
            "routes:",
        ]
        lines += [
            f"  - {{name: r{number}, match: {{path: {{prefix: {prefix.rstrip('/') or '/'}}}}}, upstream: u, auth: key}}"
            for number, prefix in enumerate(setup.prefixes())
        ]
        lines += [
            "policies:",
            "  - name: defaults",
            "    spec:",
            "      targetRefs: [{kind: Gateway}]",
            "      circuitBreaker: {consecutiveFailures: 3, openDuration: 10s, halfOpenRequests: 1}",
            "      rateLimit:",
            f"        rules: [{{name: per-client, key: Client, requests: {setup.limit}, period: 1m}}]",
        ]
        env["CONFIG_FILE"] = place.write("tidegate.yaml", "\n".join(lines) + "\n")
    return Launch(command, env, cwd=ROOT)


def compiled(setup: Setup, place: Place) -> Launch:
    """The same program, its modules on a request's way as native code: `make compiled`."""
    return Launch([str(COMPILED), "gateway"], tidegate(setup, place).env, cwd=ROOT)


def traefik(setup: Setup, place: Place) -> Launch:
    static: dict[str, Any] = {
        "entryPoints": {"web": {"address": f"127.0.0.1:{place.port}"}},
        "log": {"level": "FATAL"},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    }
    routers: dict[str, dict[str, Any]] = {
        f"r{number}": {
            "rule": f"PathPrefix(`{prefix}`)",
            "service": "s",
            "entryPoints": ["web"],
            "priority": 10,
        }
        for number, prefix in enumerate(setup.prefixes())
    }
    scheme = "h2c" if setup.http2_upstream else "http"
    server = {"loadBalancer": {"servers": [{"url": f"{scheme}://127.0.0.1:{setup.upstream}"}]}}
    dynamic: dict[str, Any] = {"http": {"routers": routers, "services": {"s": server}}}
    if setup.full:
        for (
            router
        ) in routers.values():  # no API key middleware in the free edition: the key is part of the rule
            router["rule"] = f"{router['rule']} && Header(`X-API-Key`, `{KEY}`)"
            router["middlewares"] = ["limit", "breaker", "hide"]
        routers["refuse"] = {
            "rule": "PathPrefix(`/`)",
            "service": "s",
            "entryPoints": ["web"],
            "priority": 1,
            "middlewares": ["refuse"],
        }
        dynamic["http"]["middlewares"] = _traefik_middlewares(setup)
        static["entryPoints"]["metrics"] = {"address": f"127.0.0.1:{place.admin}"}
        static["metrics"] = {"prometheus": {"entryPoint": "metrics"}}
        static["accessLog"] = {"filePath": str(place.log), "format": "json", "bufferingSize": 1000}
    if setup.tls:
        for router in routers.values():
            router["tls"] = {}
        pair = {"certFile": str(place.cert), "keyFile": str(place.key)}
        dynamic["tls"] = {"stores": {"default": {"defaultCertificate": pair}}}
    static["providers"] = {"file": {"filename": place.write("dynamic.yaml", dynamic), "watch": False}}
    return Launch([str(VENV / "bin" / "traefik"), f"--configFile={place.write('static.yaml', static)}"])


def _traefik_middlewares(setup: Setup) -> dict[str, Any]:
    source = {"requestHeaderName": "X-API-Key"}
    broken = "NetworkErrorRatio() > 0.5 || ResponseCodeRatio(500, 600, 0, 600) > 0.5"
    return {
        "limit": {
            "rateLimit": {
                "average": setup.limit,
                "period": "1m",
                "burst": setup.limit,
                "sourceCriterion": source,
            }
        },
        "breaker": {"circuitBreaker": {"expression": broken}},
        "hide": {"headers": {"customRequestHeaders": {"X-API-Key": ""}}},
        "refuse": {"ipAllowList": {"sourceRange": ["192.0.2.1/32"], "rejectStatusCode": 401}},
    }


def caddy(setup: Setup, place: Place) -> Launch:
    scheme = "https" if setup.tls else "http"
    admin = f"127.0.0.1:{place.admin}" if setup.full else "off"
    proxy = f"reverse_proxy 127.0.0.1:{setup.upstream} {{\n"
    versions = " versions h2c\n" if setup.http2_upstream else ""
    proxy += f" transport http {{\n keepalive_idle_conns_per_host 512\n{versions} }}\n"
    if setup.full:
        proxy += " fail_duration 10s\n max_fails 3\n unhealthy_status 5xx\n header_up -X-API-Key\n"
    proxy += "}\n"
    lines = [
        f"{{\n admin {admin}\n persist_config off\n",
        f" auto_https {'disable_redirects' if setup.tls else 'off'}\n",
        f" skip_install_trust\n{' metrics' if setup.full else ''}\n",
        " servers {\n protocols h1 h2 h2c\n }\n" if setup.http2 else "",
        " log {\n level PANIC\n exclude http.log.access\n }\n}\n",
        f"{scheme}://127.0.0.1:{place.port} {{\n",
    ]
    if setup.tls:
        lines.append(f"tls {place.cert} {place.key}\n")
    if setup.full:
        lines += [
            f"log {{\n output file {place.log} {{\n roll_disabled\n }}\n format json\n}}\n",
            f"@stranger not header X-API-Key {KEY}\nrespond @stranger 401\n",
            "request_header X-Request-ID {http.request.uuid}\nheader X-Request-ID {http.request.uuid}\n",
        ]
    if setup.routes == 1:
        lines.append(proxy)
    else:
        lines += [f"handle {prefix}* {{\n{proxy}}}\n" for prefix in setup.prefixes()]
    config = place.write("Caddyfile", "".join(lines) + "}\n")
    argv = [str(VENV / "bin" / "caddy"), "run", "--adapter", "caddyfile", "--config", config]
    return Launch(argv, {"XDG_DATA_HOME": str(place.folder), "XDG_CONFIG_HOME": str(place.folder)})


def nginx(setup: Setup, place: Place) -> Launch:
    http = server = ""
    if setup.full:
        http, server = _nginx_features(setup, place)
    if setup.tls:
        server += f" ssl_certificate {place.cert}; ssl_certificate_key {place.key};"
    # one upstream named twice: nginx ignores max_fails when it stands alone
    named = 2 if setup.full else 1
    peers = [f"server 127.0.0.1:{setup.upstream} max_fails=3 fail_timeout=10s;"] * named
    locations = " ".join(f"location {prefix} {{ proxy_pass http://u; }}" for prefix in setup.prefixes())
    config = f"""
worker_processes 1; daemon off; pid {place.folder}/pid; error_log {place.folder}/error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 15000; }}
http {{ access_log off; server_tokens off; proxy_max_temp_file_size 0;{http}
 upstream u {{ {" ".join(peers)} keepalive 512; keepalive_requests 1000000000; keepalive_time 1h; }}
 server {{ listen 127.0.0.1:{place.port}{" ssl" if setup.tls else ""} backlog=4096;
  keepalive_requests 1000000000;
  proxy_http_version 1.1; proxy_set_header Connection ""; {server}
  {locations} }} }}
"""
    return Launch(nginx_argv(place.folder, place.write("nginx.conf", config)))


def _nginx_features(setup: Setup, place: Place) -> tuple[str, str]:
    """What the full set adds to `http` and to `server`."""
    rate, burst = ("1r/m", "") if setup.limit == 1 else ("10000000r/s", "burst=10000000 nodelay")
    http = f"""
 map $http_x_api_key $client {{ default ""; "{KEY}" bench; }}
 limit_req_zone $client zone=clients:1m rate={rate};
 limit_req_status 429;
 log_format j escape=json '{{"ts":"$time_iso8601","client":"$client","method":"$request_method",'
  '"path":"$uri","status":$status,"bytes":$body_bytes_sent,"s":$request_time,"id":"$request_id"}}';
 server {{ listen 127.0.0.1:{place.admin}; location / {{ stub_status; }} }}"""
    server = f"""if ($client = "") {{ return 401; }}
  limit_req zone=clients {burst};
  access_log {place.log} j buffer=64k flush=1s;
  add_header X-Request-ID $request_id always;
  proxy_set_header X-Request-ID $request_id; proxy_set_header X-API-Key "";
  proxy_set_header X-Forwarded-For $remote_addr;"""
    return http, server


def nginx_argv(folder: Path, config: str) -> list[str]:
    return ["nginx", "-p", str(folder), "-c", config, "-e", str(folder / "error.log")]


def haproxy(setup: Setup, place: Place) -> Launch:
    pem = place.write("both.pem", place.cert.read_text() + place.key.read_text())
    paths = place.write("routes.map", "".join(f"{prefix} b\n" for prefix in setup.prefixes()))
    check = " check inter 10s observe layer7 error-limit 3 on-error mark-down" if setup.full else ""
    backend = "default_backend b" if setup.routes == 1 else f"use_backend %[path,map_beg({paths})]"
    check_request = "option httpchk GET /"
    if setup.http2_upstream:  # over HTTP/2 a request without a host is malformed
        check_request = "option httpchk\n  http-check send meth GET uri /item ver HTTP/1.1 hdr Host bench"
    config = f"""
global
  nbthread 1
  maxconn 9000
  {"log stdout format raw local0" if setup.full else ""}
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 30s
backend b
  {check_request if setup.full else ""}
  http-reuse always
  server s 127.0.0.1:{setup.upstream}{" proto h2" if setup.http2_upstream else ""}{check}
frontend f
  bind 127.0.0.1:{place.port}{f" ssl crt {pem}{' alpn h2,http/1.1' if setup.http2 else ''}" if setup.tls else ""}
  {backend}{_haproxy_features(setup, place) if setup.full else ""}
"""
    argv = ["haproxy", "-db", "-f", place.write("haproxy.cfg", config)]
    return Launch(argv, logs_to_stdout=setup.full)


def _haproxy_features(setup: Setup, place: Place) -> str:
    line = (
        '{"ts":%Ts.%ms,"client":"%[var(txn.client)]","method":"%HM","path":"%HP","status":%ST,"bytes":%B,'
        '"ms":%Ta,"id":"%ID"}'
    )
    return f"""
  log global
  log-format '{line}'
  unique-id-format %[uuid()]
  unique-id-header X-Request-ID
  option forwardfor
  stick-table type string len 64 size 10k expire 1m store http_req_rate(1m)
  http-request deny deny_status 401 unless {{ req.hdr(X-API-Key) -m str {KEY} }}
  http-request set-var(txn.client) str(bench)
  http-request track-sc0 var(txn.client)
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {setup.limit} }}
  http-request del-header X-API-Key
  http-response set-header X-Request-ID %[unique-id]
frontend metrics
  bind 127.0.0.1:{place.admin}
  http-request use-service prometheus-exporter if {{ path /metrics }}"""


def naive(setup: Setup, place: Place) -> Launch:
    words = "-m uvicorn naive_gateway:app --no-access-log --log-level critical --timeout-keep-alive 75"
    argv = [str(VENV / "bin" / "python"), *words.split(), "--app-dir", str(Path(__file__).parent)]
    argv += ["--host", "127.0.0.1", "--port", str(place.port)]
    if setup.tls:
        argv += ["--ssl-certfile", str(place.cert), "--ssl-keyfile", str(place.key)]
    env = {
        "UPSTREAM": f"http://127.0.0.1:{setup.upstream}",
        "API_KEY": KEY if setup.full else "",
        "LIMIT": str(setup.limit),
        "ACCESS_LOG": str(place.log),
        "ROUTES": str(setup.routes),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Launch(argv, env)
