"""An Ingress as routes of the same compiler (networking.k8s.io/v1). Pure.

Exact and Prefix mean what they mean for an HTTPRoute; ImplementationSpecific is taken as Prefix, as most controllers
do.
"""

from collections.abc import Iterator, Mapping

from app.operator.routes.attachment import INGRESS_PARENT
from app.operator.routes.objects.ingress import Ingress, IngressUpstream
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.objects.routes import HttpMatch, Route, RouteRule, UpstreamRef
from app.operator.routes.objects.services import Service

__all__ = ["ingress_routes"]

_PATH_TYPES = {"Exact": "Exact", "Prefix": "PathPrefix", "ImplementationSpecific": "PathPrefix"}


def ingress_routes(ingress: Ingress, services: Mapping[ObjectKey, Service]) -> tuple[Route, ...]:
    """One route for each host, and one for the default backend; each path is a rule, numbered through.

    `services`: for ports that are given by name.
    """
    numbers = iter(range(1_000_000))
    namespace = ingress.meta.namespace
    found: list[Route] = []
    for rule in ingress.rules:
        rules = tuple(
            _rule(
                numbers,
                _PATH_TYPES.get(path.type, path.type),
                path.path,
                _ref(path.upstream, namespace, services),
            )
            for path in rule.paths
        )
        if rules:
            found.append(_route(ingress, () if rule.host is None else (rule.host,), rules))
    if ingress.default_upstream is not None:
        ref = _ref(ingress.default_upstream, namespace, services)
        found.append(_route(ingress, (), (_rule(numbers, "PathPrefix", "/", ref),)))
    return tuple(found)


def _route(ingress: Ingress, hostnames: tuple[str, ...], rules: tuple[RouteRule, ...]) -> Route:
    return Route("Ingress", ingress.meta, (INGRESS_PARENT,), hostnames, rules, ())


def _rule(numbers: Iterator[int], path_type: str, path: str, ref: UpstreamRef) -> RouteRule:
    match = HttpMatch(path_type, path or "/", None, (), ())
    return RouteRule(str(next(numbers)), (match,), (), (ref,))


def _ref(upstream: IngressUpstream, namespace: str, services: Mapping[ObjectKey, Service]) -> UpstreamRef:
    if upstream.service is None:
        resource = upstream.resource or ObjectRef("", "Service", "")
        return UpstreamRef(resource, None, 1, ())
    port = upstream.port
    if port is None and (service := services.get(ObjectKey(namespace, upstream.service))) is not None:
        port = next((one.port for one in service.ports if one.name == upstream.port_name), None)
    return UpstreamRef(ObjectRef("", "Service", upstream.service), port, 1, ())
