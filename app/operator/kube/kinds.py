"""The kinds of objects that routes are made of, and how the Kubernetes API names them. Pure."""

from dataclasses import dataclass

from app.policy.kind import GROUP, KIND, PLURAL, VERSION

__all__ = [
    "TLS_POLICY",
    "CONFIG_MAP",
    "DEFINITION",
    "ENDPOINT_SLICE",
    "GATEWAY",
    "GATEWAY_API_DEFINITIONS",
    "GATEWAY_CLASS",
    "GRPC_ROUTE",
    "HTTP_ROUTE",
    "INGRESS",
    "INGRESS_CLASS",
    "LISTENER_SET",
    "NAMESPACE",
    "REFERENCE_GRANT",
    "RESILIENCE_POLICY",
    "ROUTE_KINDS",
    "SECRET",
    "SERVICE",
    "Kind",
]

_GATEWAY_API = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of the Kubernetes API.

    `versions`: those that are understood, the wanted one first. `fields`: a field selector; only such objects are
    watched. `page`: objects a page of a list may have, fewer where one may be large.
    """

    name: str
    group: str
    plural: str
    versions: tuple[str, ...] = ("v1",)
    is_namespaced: bool = True
    fields: str = ""
    page: int = 500

    def path(self, version: str, namespace: str | None = None, *below: str) -> str:
        """Of the collection (of all namespaces, or of one), or of what is `below`: a name, a subresource."""
        root = f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return "/".join((f"{root}{within}/{self.plural}", *below))

    def api_version(self, version: str) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{version}" if self.group else version


GATEWAY_CLASS = Kind("GatewayClass", _GATEWAY_API, "gatewayclasses", is_namespaced=False)
GATEWAY = Kind("Gateway", _GATEWAY_API, "gateways")
LISTENER_SET = Kind("ListenerSet", _GATEWAY_API, "listenersets")
HTTP_ROUTE = Kind("HTTPRoute", _GATEWAY_API, "httproutes")
GRPC_ROUTE = Kind("GRPCRoute", _GATEWAY_API, "grpcroutes")
REFERENCE_GRANT = Kind("ReferenceGrant", _GATEWAY_API, "referencegrants", ("v1", "v1beta1"))
TLS_POLICY = Kind("BackendTLSPolicy", _GATEWAY_API, "backendtlspolicies")
SERVICE = Kind("Service", "", "services")
ENDPOINT_SLICE = Kind("EndpointSlice", "discovery.k8s.io", "endpointslices")
SECRET = Kind("Secret", "", "secrets", fields="type=kubernetes.io/tls", page=50)
CONFIG_MAP = Kind("ConfigMap", "", "configmaps", page=50)
NAMESPACE = Kind("Namespace", "", "namespaces", is_namespaced=False)
INGRESS = Kind("Ingress", "networking.k8s.io", "ingresses")
INGRESS_CLASS = Kind("IngressClass", "networking.k8s.io", "ingressclasses", is_namespaced=False)
DEFINITION = Kind(
    "CustomResourceDefinition", "apiextensions.k8s.io", "customresourcedefinitions", is_namespaced=False
)
RESILIENCE_POLICY = Kind(KIND, GROUP, PLURAL, (VERSION,))

ROUTE_KINDS = (
    GATEWAY_CLASS,
    GATEWAY,
    LISTENER_SET,
    HTTP_ROUTE,
    GRPC_ROUTE,
    REFERENCE_GRANT,
    TLS_POLICY,
    SERVICE,
    ENDPOINT_SLICE,
    SECRET,
    CONFIG_MAP,
    NAMESPACE,
    INGRESS,
    INGRESS_CLASS,
)
"""What routes are made of."""

GATEWAY_API_DEFINITIONS = tuple(
    f"{one.plural}.{one.group}" for one in ROUTE_KINDS if one.group == _GATEWAY_API
)
"""Names of the definitions that bring Gateway API's kinds."""

WATCHED_KINDS = (*ROUTE_KINDS, RESILIENCE_POLICY)
"""All that is watched in all namespaces: policies may target what routes are made of, wherever that is."""
