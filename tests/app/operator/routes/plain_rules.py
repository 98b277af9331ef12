"""A compiler of rules that does nothing but name the listeners: enough for what gateways and attachment decide."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.operator.routes.attachment import INGRESS_PARENT, AttachedRoute
from app.operator.routes.compiled import CompiledRules, ObjectId, ObjectStatus, ParentStatus
from app.operator.routes.objects.ingress import Ingress
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.routes import Route
from app.operator.routes.objects.services import Service
from app.operator.routes.rules.verdicts import accepted_listeners
from app.operator.routes.world import World

__all__ = ["PlainRules", "plain_ingress_routes"]


class PlainRules:
    """Every attached route is one route of the document."""

    def compile(self, world: World, attached: Iterable[AttachedRoute]) -> CompiledRules:
        routes, statuses, counted = [], {}, Counter[str]()
        for one in attached:
            meta, kind = one.route.meta, one.route.kind
            for attachment in one.attachments:
                for listener in attachment.listeners:
                    certificate = listener.upstream_certificate
                    routes.append(
                        {
                            "name": f"{kind.lower()}/{meta.namespace}/{meta.name}",
                            "listeners": [listener.name],
                            "hosts": list(listener.hosts),
                            **({"shows": certificate} if certificate else {}),
                        }
                    )
            id_ = ObjectId(kind, meta.key)
            parents = tuple(ParentStatus(each.parent, (each.accepted,)) for each in one.attachments)
            if kind != "Ingress":
                statuses[id_] = ObjectStatus(id_, meta.uid, meta.generation, parents=parents)
                counted.update(accepted_listeners(one.attachments, parents))
        return CompiledRules(tuple(routes), {}, statuses, counted)


def plain_ingress_routes(ingress: Ingress, services: Mapping[ObjectKey, Service]) -> Sequence[Route]:
    """One for each host."""
    return [
        Route("Ingress", ingress.meta, (INGRESS_PARENT,), () if rule.host is None else (rule.host,), (), ())
        for rule in ingress.rules
    ]
