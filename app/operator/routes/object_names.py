"""The names of objects that policies may target, as the tables have them (`app/policy/objects.py`). Pure."""

from collections.abc import Iterator

from app.operator.routes.world import World

__all__ = ["object_names"]


def object_names(world: World) -> Iterator[str]:
    """Gateways, Services, routes, and their rules: by name, one without a name by its number."""
    for key in world.gateways:
        yield f"gateway/{key}"
    for key in world.services:
        yield f"service/{key}"
    for kind, routes in (("httproute", world.http_routes), ("grpcroute", world.grpc_routes)):
        for key, route in routes.items():
            name = f"{kind}/{key}"
            yield name
            yield from (f"{name}/{rule.name or index}" for index, rule in enumerate(route.rules))
