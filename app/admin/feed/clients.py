"""Whom rejections hit, as the monitor shows it: the clients rejected most, by limit rule and by route. Pure."""

from collections.abc import Mapping, Sequence

from app.admin.shape import Shape
from app.admin.view import RejectedClient

__all__ = ["MOST_CLIENTS", "MOST_ROWS", "clients_shape"]

MOST_ROWS = 20
"""Rules, and routes: those with the most rejections."""
MOST_CLIENTS = 10

_Clients = Mapping[str, Sequence[RejectedClient]]


def clients_shape(rules: _Clients, routes: _Clients) -> Shape:
    """`rules` by identity, `routes` by name: whom each rejected lately, most first."""
    return {
        "rules": _rows(rules),
        "moreRules": max(0, len(rules) - MOST_ROWS),
        "routes": _rows(routes),
        "moreRoutes": max(0, len(routes) - MOST_ROWS),
    }


def _rows(clients: _Clients) -> list[Shape]:
    totals = {name: sum(each.rejected for each in rejected) for name, rejected in clients.items()}
    most = sorted(clients, key=lambda name: (-totals[name], name))[:MOST_ROWS]
    return [_row(name, clients[name], totals[name]) for name in most]


def _row(name: str, clients: Sequence[RejectedClient], total: int) -> Shape:
    shown, others = clients[:MOST_CLIENTS], clients[MOST_CLIENTS:]
    return {
        "name": name,
        "rejected": total,
        "clients": [
            {"client": each.client, "rejected": each.rejected, "remaining": each.remaining} for each in shown
        ],
        "others": {"clients": len(others), "rejected": sum(each.rejected for each in others)},
    }
