from typing import Any

from app.admin.feed.edits import LONGEST_TEXT, MOST_CHANGES, edits_shape
from app.config.edits import Change, Edit
from app.config.inverse import Action, Inverse
from app.telemetry.edit_rates import Rates


def test_an_edit_says_when_it_was_in_milliseconds_and_what_it_changed():
    change = Change("Gateway", "rateLimit", "rules.per-client.requests", 1800, 18, "file", "defaults")
    [shown] = edits_shape([Edit(1_764_000_000.25, 8, "gateway.yaml", (change,), omitted=2)], {})
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
    assert (shown["before"], shown["after"]) == (None, None)


def test_an_edit_has_what_puts_it_back_and_the_rates_around_it():
    back = Inverse("shop/limits", Action.CHANGE, "kubectl", "kubectl patch …")
    rates = {8: (Rates(60, (("ok", 30.0),)), Rates(12, (("ok", 1 / 3), ("rate_limited", 20.0))))}
    [shown] = edits_shape([Edit(1.0, 8, "sync", (), inverse=(back,))], rates)
    assert shown["inverse"] == [
        {
            "name": "shop/limits",
            "action": "change",
            "where": "kubectl",
            "text": "kubectl patch …",
            "cut": False,
        }
    ]
    assert shown["before"] == {"seconds": 60, "outcomes": {"ok": 30.0}}
    assert shown["after"] == {"seconds": 12, "outcomes": {"ok": 0.33, "rate_limited": 20.0}}


def test_a_large_edit_is_bounded_and_says_how_much_is_left_out():
    changes = tuple(
        Change("Gateway", "timeout", f"field{i}", 1, 2, "file", "p") for i in range(MOST_CHANGES + 5)
    )
    shown: Any = edits_shape([Edit(1.0, 8, "gateway.yaml", changes, omitted=7)], {})[0]
    assert (len(shown["changes"]), shown["omitted"]) == (MOST_CHANGES, 12)


def test_a_long_text_of_an_inverse_is_cut_and_marked():
    backs = tuple(
        Inverse("p", Action.CHANGE, "gateway.yaml", "x" * longest) for longest in (LONGEST_TEXT, 900_000)
    )
    shown: Any = edits_shape([Edit(1.0, 8, "gateway.yaml", (), inverse=backs)], {})[0]
    assert [(len(back["text"]), back["cut"]) for back in shown["inverse"]] == [
        (LONGEST_TEXT, False),
        (LONGEST_TEXT, True),
    ]
