"""Everything the operator takes from its environment, checked once at start."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.faults import BadValue
from app.schema.names import dns_label, dns_subdomain

__all__ = ["OperatorSettings", "load_operator_settings", "operator_settings_table_markdown"]

_SELECTOR = re.compile(r"[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*(,[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*)*")
_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")
_LOG_LEVELS = ("debug", "info", "warning", "error")

_TABLE = (
    (
        "POD_NAMESPACE",
        None,
        "namespace of the snapshot and of the policies; unset: the client configuration's",
    ),
    (
        "WATCH_ALL_NAMESPACES",
        "false",
        "`true`: policies and gateways of every namespace (needs a ClusterRole)",
    ),
    ("SNAPSHOT_CONFIGMAP", "tidegate-snapshot", "the ConfigMap that holds the snapshot; it must exist"),
    (
        "GATEWAY_SELECTOR",
        "app.kubernetes.io/name=tidegate,app.kubernetes.io/component=gateway",
        "labels of the gateways' Services",
    ),
    (
        "GATEWAY_SERVICE_ACCOUNTS",
        "tidegate-gateway",
        "service accounts that may sync, with commas; those of other namespaces as `namespace/name`",
    ),
    ("SYNC_PORT", "8082", "port that gateways sync with, always TLS; `0` takes a free port"),
    ("SYNC_HOST", "0.0.0.0", "its address"),  # noqa: S104 - pods are reached by their own address
    (
        "SYNC_NAMES",
        None,
        "names in its certificate, with commas; unset: those of the Service `tidegate-operator`",
    ),
    ("SYNC_CA_SECRET", "tidegate-sync-ca", "the Secret that keeps the operator's own CA; it must exist"),
    ("SYNC_TLS_CERT_FILE", None, "with `SYNC_TLS_KEY_FILE`: this certificate instead of one by the own CA"),
    ("SYNC_TLS_KEY_FILE", None, "its private key"),
    ("ADMIN_PORT", "9080", "probes, metrics, `GET /v1/instances`, `GET /v1/targets`; `0` takes a free port"),
    ("ADMIN_HOST", "127.0.0.1", "its address"),
    ("LOG_LEVEL", "info", f"process log: {', '.join(_LOG_LEVELS)}"),
)
"""Name, default (None: unset), meaning: the documentation's table is made of it."""

_DEFAULTS = {name: default for name, default, _ in _TABLE}


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """The operator's environment, checked. None is unset."""

    namespace: str | None
    all_namespaces: bool
    snapshot_configmap: str
    gateway_selector: str
    service_accounts: frozenset[str]
    sync_port: int
    sync_host: str
    sync_names: tuple[str, ...]
    sync_ca_secret: str
    tls_cert_file: str | None
    tls_key_file: str | None
    admin_port: int
    admin_host: str
    log_level: str


class _Reading:
    """One pass over an environment that keeps every fault it meets."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.faults: list[ConfigFault] = []

    def text(self, name: str) -> str | None:
        """As given, or its default; an empty variable counts as unset."""
        return self._env.get(name, "") or _DEFAULTS[name]

    def fault(self, name: str, what: str, fix: str) -> None:
        self.faults.append(ConfigFault(name, what, fix))

    def name(self, variable: str, check: Callable[[str], str]) -> str:
        text = self.text(variable) or ""
        try:
            return check(text)
        except BadValue as bad:
            self.fault(variable, bad.what, bad.fix)
            return text

    def names(self, variable: str, check: Callable[[str], str]) -> tuple[str, ...]:
        found = []
        for part in (self.text(variable) or "").split(","):
            if text := part.strip():
                try:
                    found.append(check(text))
                except BadValue as bad:
                    self.fault(variable, bad.what, bad.fix)
        return tuple(found)

    def matching(self, variable: str, pattern: re.Pattern[str], fix: str) -> str:
        text = self.text(variable) or ""
        if pattern.fullmatch(text) is None:
            self.fault(variable, f"{text!r} cannot be used", fix)
        return text

    def port(self, variable: str) -> int:
        text = self.text(variable) or ""
        if re.fullmatch(r"[0-9]{1,5}", text) is None or int(text) > 65_535:
            self.fault(variable, f"{text!r} cannot be used", "write a whole number from 0 to 65535")
            return 0
        return int(text)

    def word(self, variable: str, words: tuple[str, ...]) -> str:
        text = (self.text(variable) or "").lower()
        if text not in words:
            self.fault(variable, f"{text!r} is none of its words", f"it may be {', '.join(words)}")
        return text


def load_operator_settings(env: Mapping[str, str]) -> OperatorSettings:
    """The settings of `env`. Raises `ConfigFaults` with all faults at once."""
    reading = _Reading(env)
    namespace = reading.name("POD_NAMESPACE", dns_label) if reading.text("POD_NAMESPACE") else None
    accounts = reading.names("GATEWAY_SERVICE_ACCOUNTS", _service_account)
    address = "write it like 127.0.0.1 or 0.0.0.0, without port or brackets"
    settings = OperatorSettings(
        namespace=namespace,
        all_namespaces=reading.word("WATCH_ALL_NAMESPACES", ("true", "false")) == "true",
        snapshot_configmap=reading.name("SNAPSHOT_CONFIGMAP", dns_subdomain),
        gateway_selector=reading.matching(
            "GATEWAY_SELECTOR", _SELECTOR, "write labels as key=value, with commas"
        ),
        service_accounts=frozenset(accounts),
        sync_port=reading.port("SYNC_PORT"),
        sync_host=reading.matching("SYNC_HOST", _HOST, address),
        sync_names=reading.names("SYNC_NAMES", _certificate_name),
        sync_ca_secret=reading.name("SYNC_CA_SECRET", dns_subdomain),
        tls_cert_file=reading.text("SYNC_TLS_CERT_FILE"),
        tls_key_file=reading.text("SYNC_TLS_KEY_FILE"),
        admin_port=reading.port("ADMIN_PORT"),
        admin_host=reading.matching("ADMIN_HOST", _HOST, address),
        log_level=reading.word("LOG_LEVEL", _LOG_LEVELS),
    )
    _judge_together(settings, reading)
    if reading.faults:
        raise ConfigFaults(reading.faults)
    return settings


def _judge_together(settings: OperatorSettings, reading: _Reading) -> None:
    """The rules that span two variables."""
    if settings.tls_cert_file and not settings.tls_key_file:
        reading.fault("SYNC_TLS_CERT_FILE", "is set without SYNC_TLS_KEY_FILE", "set both or none")
    if settings.tls_key_file and not settings.tls_cert_file:
        reading.fault("SYNC_TLS_KEY_FILE", "is set without SYNC_TLS_CERT_FILE", "set both or none")
    if settings.sync_port == settings.admin_port != 0:
        reading.fault("ADMIN_PORT", f"is the sync port {settings.sync_port} too", "give it a port of its own")
    if not settings.service_accounts:
        reading.fault("GATEWAY_SERVICE_ACCOUNTS", "names none", "name the gateways' service account")
    namespaces = {name.partition("/")[0] for name in settings.service_accounts if "/" in name}
    if not settings.all_namespaces and namespaces - {settings.namespace}:
        reading.fault(
            "GATEWAY_SERVICE_ACCOUNTS",
            f"names {min(namespaces)}, whose policies are not watched",
            "set WATCH_ALL_NAMESPACES=true, or name service accounts of POD_NAMESPACE only",
        )


def operator_settings_table_markdown() -> str:
    """The table of variables for the documentation, one row each, ending with a line end."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, default, meaning in _TABLE:
        rows.append(f"| `{name}` | {'unset' if default is None else f'`{default}`'} | {meaning} |")
    return "\n".join(rows) + "\n"


def _service_account(text: str) -> str:
    namespace, slash, name = text.rpartition("/")
    if slash:
        dns_label(namespace)
    dns_subdomain(name)
    return text


def _certificate_name(text: str) -> str:
    if _HOST.fullmatch(text):
        return text
    raise BadValue(f"{text!r} is no host name or address", "write names such as tidegate-operator.shop.svc")
