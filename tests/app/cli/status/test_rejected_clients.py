from app.cli.status.rejected_clients import client_sections, live_client_sections

NOBODY = {"limits": [{"policy": "defaults", "name": "per-client", "clients": []}]}
NO_ROUTE = {"routes": [{"name": "orders"}]}


def rejected(*clients):
    rows = [{"client": name, "rejected": number, "remaining": 0} for name, number in clients]
    return {"limits": [{"policy": "defaults", "name": "per-client", "clients": rows}]}


def test_nobody_is_nothing():
    assert client_sections(NOBODY, NO_ROUTE) == []


def test_the_most_rejected_come_first_over_all_rules():
    limits = {"limits": [*rejected(("a", 1), ("b", 5))["limits"], *rejected((None, 3))["limits"]]}
    (section,) = client_sections(limits, NO_ROUTE)
    assert [row[1:3] for row in section.rows] == [("b", "5"), ("(no key)", "3"), ("a", "1")]


def test_a_table_is_bounded_and_says_how_to_see_the_rest():
    limits = rejected(*((f"c{number}", number) for number in range(1, 13)))
    (section,) = client_sections(limits, NO_ROUTE)
    assert len(section.rows) == 10
    assert section.title.endswith(", 2 more with -o wide")
    (whole,) = client_sections(limits, NO_ROUTE, None)
    assert len(whole.rows) == 12
    assert whole.title == "limits rejected (last 10 to 20 min)"


def test_a_name_cannot_move_the_cursor():
    (section,) = client_sections(rejected(("\x1b[2J", 1)), NO_ROUTE)
    assert section.rows[0][1] == "?[2J"


def test_the_feeds_panel_makes_the_same_tables():
    clients = [{"client": "acme", "rejected": 711, "remaining": 0}]
    row = {"name": "defaults/per-client", "rejected": 711, "clients": clients, "others": {"clients": 0}}
    panel = {"rules": [row], "moreRules": 0, "routes": [row | {"name": "orders"}], "moreRoutes": 0}
    by_rule, by_route = live_client_sections(panel)
    assert by_rule.rows == (("defaults/per-client", "acme", "711", "0"),)
    assert by_route.rows == (("orders", "acme", "711"),)
