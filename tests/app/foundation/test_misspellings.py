"""Which names are taken for misspellings, and that those of others never are."""

import pytest

from app.foundation.misspellings import misspelt
from app.operator.settings import VARIABLES as OPERATOR
from app.variables import VARIABLES as GATEWAY
from cache.settings import VARIABLES as CACHE

KNOWN = [variable.name for variable in GATEWAY]

FOREIGN = [
    "PATH",
    "HOME",
    "HOST_NAME",
    "HOSTNAME",
    "HOSTTYPE",
    "SHELL",
    "SHLVL",
    "PWD",
    "OLDPWD",
    "TERM",
    "LANG",
    "LC_ALL",
    "USER",
    "LOGNAME",
    "MAIL",
    "EDITOR",
    "PAGER",
    "DISPLAY",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "VIRTUAL_ENV",
    "GPG_KEY",
    "PYTHON_VERSION",
    "PYTHON_SHA256",
    "MALLOC_ARENA_MAX",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBERNETES_PORT_443_TCP_ADDR",
    "TIDEGATE_PORT",
    "TIDEGATE_SERVICE_HOST",
    "TIDEGATE_CACHE_PORT",
    "TIDEGATE_CACHE_SERVICE_PORT",
    "TIDEGATE_OPERATOR_PORT_8082_TCP",
    "CACHE_PORT",
    "CACHE_SERVICE_HOST",
    "CACHE_SERVICE_PORT",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "VALKEY_URL",
    "POD_IP",
    "NODE_NAME",
    "APP_KEY",
    "API_URL",
    "API_TOKEN",
    "AUTH_URL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "OTEL_BSP_SCHEDULE_DELAY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDS",
    "NOTIFY_SOCKET",
    "MAINPID",
    "SUDO_USER",
    "SSH_AUTH_SOCK",
    "SSH_CONNECTION",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
    "COMPOSE_FILE",
    "CI",
    "GITHUB_TOKEN",
    "GITHUB_ACTIONS",
    "RUNNER_TEMP",
    "MAX_JOBS",
    "WEB_CONCURRENCY",
    "GUNICORN_CMD_ARGS",
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HEADER_TIMOUT", "HEADER_TIMEOUT"),
        ("KEEPALIVE_TIMEOUT", "KEEP_ALIVE_TIMEOUT"),
        ("keep_alive_timeout", "KEEP_ALIVE_TIMEOUT"),
        ("DRAIN_TIEMOUT", "DRAIN_TIMEOUT"),
        ("MAX_CONNECTION", "MAX_CONNECTIONS"),
        ("MAX_INFLIGHT", "MAX_IN_FLIGHT"),
        ("RATELIMIT", "RATE_LIMIT"),
        ("RATE_LIMITS", "RATE_LIMIT"),
        ("APIKEY", "API_KEY"),
        ("REDIS_URI", "REDIS_URL"),
        ("CONTROLPLANE_URLS", "CONTROL_PLANE_URL"),
        ("BOOTSTRAP_REQUIRES_SNAPSHOTS", "BOOTSTRAP_REQUIRE_SNAPSHOT"),
    ],
)
def test_a_name_that_is_almost_one_of_ours_is_found_with_what_it_means(name, meant):
    assert misspelt([name, "PATH", meant], KNOWN) == [(name, meant)]


@pytest.mark.parametrize("variables", [GATEWAY, OPERATOR, CACHE], ids=["gateway", "operator", "cache"])
def test_no_name_that_belongs_to_others_is_taken_for_a_misspelling(variables):
    known = [variable.name for variable in variables]
    assert misspelt(FOREIGN, known) == []
    ours = [variable.name for each in (GATEWAY, OPERATOR, CACHE) for variable in each]
    assert misspelt(ours, known) == []


def test_the_nearest_of_several_is_meant():
    assert misspelt(["MAX_BODY_BYTE"], ["MAX_HEAD_BYTES", "MAX_BODY_BYTES"]) == [
        ("MAX_BODY_BYTE", "MAX_BODY_BYTES")
    ]
