"""Everything the gateway takes from its environment, checked once at start.

Each variable's name, default and meaning: `variables.py`. What `RATE_LIMIT` may say is judged by
`config/environment.py`; whether the certificate files can be used, by the listener.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import app.variables as variables
from app.foundation.environment import EnvironmentReader, Variable, variables_table_markdown

__all__ = [
    "Settings",
    "load_pepper",
    "load_settings",
    "renew_secrets",
    "secret_files",
    "settings_table_markdown",
]

_WATCHED: tuple[tuple[str, Variable[str], Variable[str]], ...] = (
    ("api_key", variables.API_KEY, variables.API_KEY_FILE),
    ("admin_token", variables.ADMIN_TOKEN, variables.ADMIN_TOKEN_FILE),
    ("redis_url", variables.REDIS_URL, variables.REDIS_URL_FILE),
)
"""Secrets that may stand in files which are read again when they change."""

_WILDCARD_HOSTS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class Settings:
    """The gateway's environment, checked. Texts are as given, None is unset; secrets stay out of `repr`.

    `rate_limit` is not checked yet; `trusted_proxies` are valid CIDRs joined by commas; `paths` is `reject` or `raw`;
    `max_body_bytes` 0 is no bound; `access_log` is `stdout`, `off` or a file path; `log_level` is lower-case;
    `monitor_hosts` are lower-case, none where unset; `workers` 0 is as many as cores; `warnings`: a line about each
    setting that is valid but most likely a mistake.
    """

    port: int
    host: str
    cache_service_url: str
    cache_token: str | None = field(repr=False)
    cache_token_file: str | None
    api_key: str | None = field(repr=False)
    api_key_file: str | None
    auth: str
    rate_limit: str
    config_file: str | None
    redis_url: str | None = field(repr=False)  # may hold a password
    redis_url_file: str | None
    admin_port: int
    admin_host: str
    admin_token: str | None = field(repr=False)
    admin_token_file: str | None
    expose: frozenset[str]
    monitor_hosts: frozenset[str]
    tls_cert_file: str | None
    tls_key_file: str | None
    tls_client_ca_file: str | None
    trusted_proxies: str
    via: bool
    paths: str
    http2: bool
    key_pepper: bytes | None = field(repr=False)
    max_head_bytes: int
    max_fields: int
    max_target_bytes: int
    max_body_bytes: int
    header_timeout_s: float
    keep_alive_timeout_s: float
    max_connections: int
    max_in_flight: int
    max_streams: int
    workers: int
    drain_delay_s: float
    drain_timeout_s: float
    access_log: str
    decisions_kept: int
    control_plane_url: str | None
    control_plane_token_file: str | None
    control_plane_ca_file: str | None
    snapshot_file: str | None
    endpoints_file: str | None
    pod_name: str | None
    pod_uid: str | None
    pod_namespace: str | None
    node_name: str | None
    gateway_name: str | None
    bootstrap_require_snapshot: bool
    bootstrap_grace_s: float
    log_level: str
    warnings: tuple[str, ...] = ()


def load_settings(env: Mapping[str, str]) -> Settings:
    """The settings of `env` (reads the files of secrets). Raises `ConfigFaults` with all faults at once."""
    reader = EnvironmentReader(env)
    settings = _read(reader)
    _judge_together(settings, reader)
    return replace(settings, warnings=reader.finish(variables.VARIABLES))


def secret_files(settings: Settings) -> tuple[str, ...]:
    """The files whose change `renew_secrets` takes over."""
    return tuple(filter(None, (getattr(settings, f"{name}_file") for name, _, _ in _WATCHED)))


def renew_secrets(settings: Settings, path: str, content: bytes) -> Settings:
    """`settings` with what stands in `path` now. Raises `ConfigFaults` for what is no secret."""
    reader = EnvironmentReader({})
    for name, variable, file in _WATCHED:
        if getattr(settings, f"{name}_file") == path:
            secret = reader.secret_in(content, path, variable, file)
            settings = replace(settings, **{name: secret})  # type: ignore[arg-type]  # all are texts
    reader.finish()
    return settings


def load_pepper(env: Mapping[str, str]) -> bytes | None:
    """The secret for key hashes alone, None where `env` sets none. Raises `ConfigFaults`."""
    reader = EnvironmentReader(env)
    pepper = reader.secret(variables.KEY_PEPPER, variables.KEY_PEPPER_FILE)
    reader.finish()
    return pepper


def _read(reader: EnvironmentReader) -> Settings:
    required, optional = reader.required, reader.optional
    return Settings(
        port=required(variables.PORT),
        host=required(variables.HOST),
        cache_service_url=required(variables.CACHE_SERVICE_URL),
        cache_token=optional(variables.CACHE_TOKEN),
        cache_token_file=optional(variables.CACHE_TOKEN_FILE),
        api_key=reader.secret(variables.API_KEY, variables.API_KEY_FILE),
        api_key_file=optional(variables.API_KEY_FILE),
        auth=required(variables.AUTH),
        rate_limit=required(variables.RATE_LIMIT),
        config_file=optional(variables.CONFIG_FILE),
        redis_url=reader.secret(variables.REDIS_URL, variables.REDIS_URL_FILE),
        redis_url_file=optional(variables.REDIS_URL_FILE),
        admin_port=required(variables.ADMIN_PORT),
        admin_host=required(variables.ADMIN_HOST),
        admin_token=reader.secret(variables.ADMIN_TOKEN, variables.ADMIN_TOKEN_FILE),
        admin_token_file=optional(variables.ADMIN_TOKEN_FILE),
        expose=required(variables.EXPOSE),
        monitor_hosts=optional(variables.MONITOR_HOSTS) or frozenset(),
        tls_cert_file=optional(variables.TLS_CERT_FILE),
        tls_key_file=optional(variables.TLS_KEY_FILE),
        tls_client_ca_file=optional(variables.TLS_CLIENT_CA_FILE),
        trusted_proxies=required(variables.TRUSTED_PROXIES),
        via=required(variables.VIA) == "on",
        paths=required(variables.PATHS),
        http2=required(variables.HTTP2) == "on",
        key_pepper=reader.secret(variables.KEY_PEPPER, variables.KEY_PEPPER_FILE),
        max_head_bytes=required(variables.MAX_HEAD_BYTES),
        max_fields=required(variables.MAX_FIELDS),
        max_target_bytes=required(variables.MAX_TARGET_BYTES),
        max_body_bytes=required(variables.MAX_BODY_BYTES),
        header_timeout_s=required(variables.HEADER_TIMEOUT),
        keep_alive_timeout_s=required(variables.KEEP_ALIVE_TIMEOUT),
        max_connections=required(variables.MAX_CONNECTIONS),
        max_in_flight=required(variables.MAX_IN_FLIGHT),
        max_streams=required(variables.MAX_STREAMS),
        workers=required(variables.WORKERS),
        drain_delay_s=required(variables.DRAIN_DELAY),
        drain_timeout_s=required(variables.DRAIN_TIMEOUT),
        access_log=required(variables.ACCESS_LOG),
        decisions_kept=required(variables.DECISIONS_KEPT),
        control_plane_url=optional(variables.CONTROL_PLANE_URL),
        control_plane_token_file=optional(variables.CONTROL_PLANE_TOKEN_FILE),
        control_plane_ca_file=optional(variables.CONTROL_PLANE_CA_FILE),
        snapshot_file=optional(variables.SNAPSHOT_FILE),
        endpoints_file=optional(variables.ENDPOINTS_FILE),
        pod_name=optional(variables.POD_NAME),
        pod_uid=optional(variables.POD_UID),
        pod_namespace=optional(variables.POD_NAMESPACE),
        node_name=optional(variables.NODE_NAME),
        gateway_name=optional(variables.GATEWAY_NAME),
        bootstrap_require_snapshot=required(variables.BOOTSTRAP_REQUIRE_SNAPSHOT),
        bootstrap_grace_s=required(variables.BOOTSTRAP_GRACE),
        log_level=required(variables.LOG_LEVEL),
    )


def _judge_together(settings: Settings, reader: EnvironmentReader) -> None:
    """The rules that span two variables, and of one that is used elsewhere."""
    reader.optional(variables.OTEL_ENDPOINT)
    cert, key, client_ca = settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file
    if cert and not key:
        reader.fault(variables.TLS_CERT_FILE, "is set without TLS_KEY_FILE", "set both or none")
    if key and not cert:
        reader.fault(variables.TLS_KEY_FILE, "is set without TLS_CERT_FILE", "set both or none")
    if client_ca and not (cert or key):
        reader.fault(
            variables.TLS_CLIENT_CA_FILE,
            "is set on a port without TLS",
            "set TLS_CERT_FILE and TLS_KEY_FILE too, or unset it",
        )
    if settings.cache_token is not None and settings.cache_token_file is not None:
        reader.fault(variables.CACHE_TOKEN_FILE, "is set beside CACHE_TOKEN", "set one of the two")
    hosts = {settings.host, settings.admin_host}
    if settings.port == settings.admin_port != 0 and (len(hosts) == 1 or hosts & _WILDCARD_HOSTS):
        reader.fault(
            variables.ADMIN_PORT,
            f"is the public port {settings.port} too",
            "give it a port of its own, or 0 for none",
        )


def settings_table_markdown() -> str:
    """The table of variables for the README, one row each, ending with a line end."""
    return variables_table_markdown(variables.VARIABLES)
