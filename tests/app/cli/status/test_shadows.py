from app.cli.status.shadows import shadow_sections

ROW = {
    "policy": "limits-trial",
    "targets": ["Gateway", "Route/orders"],
    "rejected": {"breaker_open": 11, "rate_limited": 711},
    "opened": 3,
}


def test_no_policy_in_shadow_mode_is_nothing():
    assert shadow_sections([], 0, []) == []


def test_a_row_says_how_many_and_why():
    (section,) = shadow_sections([ROW], 0, [""])
    assert section.title == "shadow policies, what they would have rejected in 10 min"
    assert section.rows == (
        ("limits-trial", "Gateway, Route/orders", "722", "rate limited 711, breaker open 11", "3", "-"),
    )


def test_one_that_would_reject_nothing_is_shown_too():
    (section,) = shadow_sections([ROW | {"rejected": {}, "opened": 0}], 4, ["08:00:00"])
    assert section.title.endswith(", 4 more")
    assert section.rows[0][2:] == ("0", "-", "0", "08:00:00")
