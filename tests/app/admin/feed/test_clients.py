from typing import Any

from app.admin.feed.clients import MOST_CLIENTS, MOST_ROWS, clients_shape
from app.admin.view import RejectedClient


def test_rules_and_routes_say_whom_they_reject_most_first():
    acme, nobody = RejectedClient("acme", 5, 0), RejectedClient(None, 2)
    shown: Any = clients_shape(
        {"a/r": [nobody], "p/r": [acme, nobody]}, {"orders": [RejectedClient("acme", 5)]}
    )
    assert [row["name"] for row in shown["rules"]] == ["p/r", "a/r"]
    assert shown["rules"][0] == {
        "name": "p/r",
        "rejected": 7,
        "clients": [
            {"client": "acme", "rejected": 5, "remaining": 0},
            {"client": None, "rejected": 2, "remaining": None},
        ],
        "others": {"clients": 0, "rejected": 0},
    }
    assert [row["name"] for row in shown["routes"]] == ["orders"]
    assert (shown["moreRules"], shown["moreRoutes"]) == (0, 0)


def test_it_is_bounded_and_says_how_many_are_left_out():
    many = [RejectedClient(f"c{i}", 100 - i) for i in range(MOST_CLIENTS + 3)]
    shown: Any = clients_shape({f"p/{i:02}": many for i in range(MOST_ROWS + 2)}, {})
    assert (len(shown["rules"]), shown["moreRules"]) == (MOST_ROWS, 2)
    row = shown["rules"][0]
    assert (len(row["clients"]), row["others"]) == (MOST_CLIENTS, {"clients": 3, "rejected": 90 + 89 + 88})
