from app.admin.feed.edits import edits_shape
from app.config.edits import Change, Edit


def test_an_edit_says_when_it_was_in_milliseconds_and_what_it_changed():
    change = Change("Gateway", "rateLimit", "rules.per-client.requests", 1800, 18, "file", "defaults")
    [shown] = edits_shape([Edit(1_764_000_000.25, 8, "gateway.yaml", (change,), omitted=2)])
    assert (shown["at"], shown["sequence"], shown["source"], shown["omitted"]) == (
        1_764_000_000_250, 8, "gateway.yaml", 2
    )  # fmt: skip
    assert shown["changes"] == [
        {
            "target": "Gateway",
            "stanza": "rateLimit",
            "field": "rules.per-client.requests",
            "old": 1800,
            "new": 18,
            "source": "file",
            "policy": "defaults",
            "generation": None,
        }
    ]
