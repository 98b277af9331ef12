"""Everything the operator takes from its environment, checked once at start."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from app.foundation.environment import EnvironmentReader, Variable, variables_table_markdown
from app.foundation.errors import BadValue
from app.foundation.logs import LEVELS
from app.foundation.readers import flag, host, text, whole_number, word
from app.schema.names import dns_label, dns_subdomain

__all__ = ["VARIABLES", "OperatorSettings", "load_operator_settings", "operator_settings_table_markdown"]

_SELECTOR = re.compile(r"[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*(,[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*)*")
_CONTROLLER = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?/[A-Za-z0-9/._~%!$&'()*+,;=:-]+")
_MAX_CONTROLLER = 253
_SERVICE_TYPES = ("LoadBalancer", "ClusterIP", "NodePort")
_CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9_.:%-]+")


def _selector(given: str) -> str:
    if _SELECTOR.fullmatch(given) is None:
        raise BadValue(f"{given!r} cannot be used", "write labels as key=value, with commas")
    return given


def _service_account(given: str) -> str:
    namespace, slash, name = given.rpartition("/")
    if slash:
        dns_label(namespace)
    dns_subdomain(name)
    return given


def _certificate_name(given: str) -> str:
    if _CERTIFICATE_NAME.fullmatch(given):
        return given
    raise BadValue(
        f"{given!r} is not a host name or address", "write names such as tidegate-operator.shop.svc"
    )


def _controller_name(given: str) -> str:
    if len(given) <= _MAX_CONTROLLER and _CONTROLLER.fullmatch(given):
        return given
    raise BadValue(
        f"{given!r} is not the name of a controller",
        "write a domain and a path, such as example.com/gateways",
    )


def _service_type(given: str) -> str:
    if given in _SERVICE_TYPES:
        return given
    raise BadValue(f"{given!r} is not a type of Service", f"write {', '.join(_SERVICE_TYPES)}")


def _with_commas(check: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    def read(given: str) -> tuple[str, ...]:
        return tuple(check(part.strip()) for part in given.split(",") if part.strip())

    return read


_PORT = whole_number(0, 65_535)

POD_NAMESPACE = Variable(
    "POD_NAMESPACE",
    None,
    "namespace of the snapshot and of the policies; unset: the client configuration's",
    dns_label,
)
WATCH_ALL_NAMESPACES = Variable(
    "WATCH_ALL_NAMESPACES",
    "false",
    "`true`: policies and gateways of every namespace (needs a ClusterRole)",
    flag,
)
SNAPSHOT_CONFIGMAP = Variable(
    "SNAPSHOT_CONFIGMAP",
    "tidegate-snapshot",
    "the ConfigMap that holds the snapshot; it must exist",
    dns_subdomain,
)
GATEWAY_SELECTOR = Variable(
    "GATEWAY_SELECTOR",
    "app.kubernetes.io/name=tidegate,app.kubernetes.io/component=gateway",
    "labels of the gateways' Services",
    _selector,
)
GATEWAY_SERVICE_ACCOUNTS = Variable(
    "GATEWAY_SERVICE_ACCOUNTS",
    "tidegate-gateway",
    "service accounts that may sync, with commas; those of other namespaces as `namespace/name`",
    _with_commas(_service_account),
)
SYNC_PORT = Variable(
    "SYNC_PORT", "8082", "port that gateways sync with, always TLS; `0` takes a free port", _PORT
)
SYNC_HOST = Variable("SYNC_HOST", "0.0.0.0", "its address", host)  # noqa: S104 - pods are reached by their own address
SYNC_NAMES = Variable(
    "SYNC_NAMES",
    None,
    "names in its certificate, with commas; unset: those of the Service `tidegate-operator`",
    _with_commas(_certificate_name),
)
SYNC_CA_SECRET = Variable(
    "SYNC_CA_SECRET",
    "tidegate-sync-ca",
    "the Secret that keeps the operator's own CA; it must exist",
    dns_subdomain,
)
SYNC_TLS_CERT_FILE = Variable(
    "SYNC_TLS_CERT_FILE",
    None,
    "with `SYNC_TLS_KEY_FILE`: this certificate instead of one by the own CA",
    text,
)
SYNC_TLS_KEY_FILE = Variable("SYNC_TLS_KEY_FILE", None, "its private key", text)
GATEWAY_API = Variable(
    "GATEWAY_API",
    "auto",
    "routes from the cluster's Gateway API and Ingresses (needs a ClusterRole): `auto` where its kinds are installed, "
    "`true`, `false`",
    word("auto", "true", "false"),
)
GATEWAY_CONTROLLER = Variable(
    "GATEWAY_CONTROLLER",
    "tidegate.dev/gateway-controller",
    "the controllerName of the GatewayClasses that are this operator's",
    _controller_name,
)
GATEWAY_SERVICE_TYPE = Variable(
    "GATEWAY_SERVICE_TYPE",
    "LoadBalancer",
    "type of the Service that each Gateway gets: `LoadBalancer`, `ClusterIP`, `NodePort`",
    _service_type,
)
ADMIN_PORT = Variable(
    "ADMIN_PORT",
    "9080",
    "probes, metrics, the fleet's page at `/monitor/`, `GET /v1/…`; `0` takes a free port",
    _PORT,
)
ADMIN_HOST = Variable("ADMIN_HOST", "127.0.0.1", "its address", host)
LOG_LEVEL = Variable("LOG_LEVEL", "info", f"process log: {', '.join(LEVELS)}", word(*LEVELS))

VARIABLES: tuple[Variable[object], ...] = (
    POD_NAMESPACE,
    WATCH_ALL_NAMESPACES,
    SNAPSHOT_CONFIGMAP,
    GATEWAY_SELECTOR,
    GATEWAY_SERVICE_ACCOUNTS,
    SYNC_PORT,
    SYNC_HOST,
    SYNC_NAMES,
    SYNC_CA_SECRET,
    SYNC_TLS_CERT_FILE,
    SYNC_TLS_KEY_FILE,
    GATEWAY_API,
    GATEWAY_CONTROLLER,
    GATEWAY_SERVICE_TYPE,
    ADMIN_PORT,
    ADMIN_HOST,
    LOG_LEVEL,
)
"""All of them, in the order of the documentation's table."""


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """The operator's environment, checked. None is unset; `warnings`: a line about each likely mistake."""

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
    gateway_api: str
    gateway_controller: str
    gateway_service_type: str
    admin_port: int
    admin_host: str
    log_level: str
    warnings: tuple[str, ...] = ()


def load_operator_settings(env: Mapping[str, str]) -> OperatorSettings:
    """The settings of `env`. Raises `ConfigFaults` with all faults at once."""
    reader = EnvironmentReader(env)
    required, optional = reader.required, reader.optional
    settings = OperatorSettings(
        namespace=optional(POD_NAMESPACE),
        all_namespaces=required(WATCH_ALL_NAMESPACES),
        snapshot_configmap=required(SNAPSHOT_CONFIGMAP),
        gateway_selector=required(GATEWAY_SELECTOR),
        service_accounts=frozenset(required(GATEWAY_SERVICE_ACCOUNTS)),
        sync_port=required(SYNC_PORT),
        sync_host=required(SYNC_HOST),
        sync_names=optional(SYNC_NAMES) or (),
        sync_ca_secret=required(SYNC_CA_SECRET),
        tls_cert_file=optional(SYNC_TLS_CERT_FILE),
        tls_key_file=optional(SYNC_TLS_KEY_FILE),
        gateway_api=required(GATEWAY_API),
        gateway_controller=required(GATEWAY_CONTROLLER),
        gateway_service_type=required(GATEWAY_SERVICE_TYPE),
        admin_port=required(ADMIN_PORT),
        admin_host=required(ADMIN_HOST),
        log_level=required(LOG_LEVEL),
    )
    _judge_together(settings, reader)
    return replace(settings, warnings=reader.finish(VARIABLES))


def _judge_together(settings: OperatorSettings, reader: EnvironmentReader) -> None:
    """The rules that span two variables."""
    if settings.tls_cert_file and not settings.tls_key_file:
        reader.fault(SYNC_TLS_CERT_FILE, "is set without SYNC_TLS_KEY_FILE", "set both or none")
    if settings.tls_key_file and not settings.tls_cert_file:
        reader.fault(SYNC_TLS_KEY_FILE, "is set without SYNC_TLS_CERT_FILE", "set both or none")
    if settings.sync_port == settings.admin_port != 0:
        reader.fault(ADMIN_PORT, f"is the sync port {settings.sync_port} too", "give it a port of its own")
    if not settings.service_accounts:
        reader.fault(GATEWAY_SERVICE_ACCOUNTS, "names none", "name the gateways' service account")
    namespaces = {name.partition("/")[0] for name in settings.service_accounts if "/" in name}
    if not settings.all_namespaces and namespaces - {settings.namespace}:
        reader.fault(
            GATEWAY_SERVICE_ACCOUNTS,
            f"names {min(namespaces)}, whose policies are not watched",
            "set WATCH_ALL_NAMESPACES=true, or name service accounts of POD_NAMESPACE only",
        )


def operator_settings_table_markdown() -> str:
    """The table of variables for the documentation, one row each, ending with a line end."""
    return variables_table_markdown(VARIABLES)
