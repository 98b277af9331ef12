from dataclasses import replace

import pytest

from app.admin.feed.problems import (
    EDIT_LEADS_S,
    MOST_SHOWN,
    Problem,
    Verdict,
    diagnose,
    last_edit,
    problems_shape,
)
from app.admin.feed.signals import BreakerFacts, Facts, RuleFacts
from app.config.edits import Change, Edit
from app.config.rejection import Rejection
from app.policy.model import LimitKey, LimitRule

WALL_S = 1_764_000_000.0
RULE = LimitRule("per-client", LimitKey.CLIENT, 18, 60.0, 18)
REJECTION = Rejection(WALL_S, "gateway.yaml", ("line 3: no",))


def change(
    field: str, old: object, new: object, stanza: str = "rateLimit", policy: str = "defaults"
) -> Change:
    return Change("Gateway", stanza, field, old, new, "file", policy)


def edit(*changes: Change, at_s: float = 0.0, sequence: int = 8) -> Edit:
    return Edit(WALL_S + at_s, sequence, "gateway.yaml", changes)


CUT = edit(change("rules.per-client.requests", 1800, 18))


def limited(cut: Edit | None = None, limited: int = 67) -> Facts:
    rule = RuleFacts("defaults/per-client", RULE, 100 - limited, limited, cut, is_cut=cut is not None)
    return Facts({"ok": 100 - limited, "rate_limited": limited}, rules=(rule,))


def look(facts: Facts, before: Verdict | None = None, at_s: float = 0.0) -> Verdict:
    return diagnose(facts, before or Verdict(), at_s, WALL_S + at_s)


def test_a_limits_problem_began_with_the_edit_that_cut_it():
    (problem,) = look(limited(CUT), at_s=EDIT_LEADS_S).problems
    assert (problem.since_wall_s, problem.edit, problem.share, problem.lost_per_s) == (WALL_S, CUT, 0.67, 6.7)


def test_an_edit_long_ago_began_nothing_that_begins_now():
    (problem,) = look(limited(CUT), at_s=EDIT_LEADS_S + 1).problems
    assert (problem.since_wall_s, problem.edit) == (WALL_S + EDIT_LEADS_S + 1, None)


def test_an_edit_that_cuts_further_what_rejects_already_begins_another_problem():
    before = look(limited(), at_s=-500.0)
    (problem,) = look(limited(CUT), before, at_s=1.0).problems
    assert problem.edit is CUT


def test_the_start_of_a_problem_stays_while_it_lasts():
    verdict = look(limited())
    for second in range(1, 20):
        verdict = look(limited(), verdict, at_s=float(second))
    (problem,) = verdict.problems
    assert problem.since_wall_s == WALL_S


def test_a_problem_that_is_over_is_gone_at_once():
    assert look(limited(limited=0), look(limited()), at_s=1.0).problems == ()


def breaker(name: str, failed: int) -> BreakerFacts:
    return BreakerFacts(name, 100, failed, 0)


def test_what_loses_most_comes_first():
    facts = replace(limited(limited=30), breakers=(breaker("a", 5), breaker("b", 50), breaker("c", 50)))
    ranked = [(each.kind, each.subject) for each in look(facts).problems]
    assert ranked == [("errors", "b"), ("errors", "c"), ("limit", "defaults/per-client"), ("errors", "a")]


def test_the_headline_changes_only_where_another_problem_loses_clearly_more():
    def headline(a: int, b: int, before: Verdict | None = None) -> Verdict:
        return look(Facts({"ok": 200}, breakers=(breaker("a", a), breaker("b", b))), before)

    first = headline(20, 10)
    assert first.problems[0].subject == "a"
    assert headline(20, 24, first).problems[0].subject == "a"
    assert headline(20, 26, first).problems[0].subject == "b"


def test_a_rejected_configuration_stands_beside_the_worst_loss_and_before_what_loses_nothing():
    losing = replace(limited(limited=30), breakers=(breaker("a", 5),), rejection=REJECTION)
    assert [each.kind for each in look(losing).problems] == ["limit", "config_rejected", "errors"]
    idle = Facts({}, rejection=REJECTION, store_up=False)
    assert [each.kind for each in look(idle).problems] == ["config_rejected", "store"]
    assert [each.kind for each in look(Facts({}, rejection=REJECTION)).problems] == ["config_rejected"]


@pytest.mark.parametrize(
    ("changed", "cuts"),
    [
        (change("rules.per-client.requests", 1800, 18), True),
        (change("rules.per-client.requests", 18, 1800), False),
        (change("rules.per-client.requests", None, 18), True),
        (change("rules.per-client.requests", 18, None), False),
        (change("rules.per-client.burst", 100, 10), True),
        (change("rules.per-client.period", "1s", "1m0s"), True),
        (change("rules.per-client.period", "1h", "1m"), False),
        (change("rules.per-client.key", "Client", "Global"), True),
        (change("rules.other.requests", 1800, 18), None),
        (change("onStoreFailure", "Open", "Closed"), None),
        (change("rules.per-client.requests", 1800, 18, stanza="rateLimit (Shadow)"), None),
        (change("rules.per-client.requests", 1800, 18, policy="another"), None),
    ],
)
def test_an_edit_cuts_a_limit_where_it_leaves_less_of_it(changed, cuts):
    one = edit(changed)
    assert last_edit([one], "defaults", "per-client") == ((one, cuts) if cuts is not None else (None, False))


def test_only_the_last_edit_of_a_limit_is_asked():
    loosened = edit(change("rules.per-client.requests", 18, 20), at_s=60.0, sequence=9)
    assert last_edit([loosened, CUT], "defaults", "per-client") == (loosened, False)
    other = edit(change("percent", 50, 60, stanza="circuitBreaker"), sequence=10)
    assert last_edit([other, CUT], "defaults", "per-client") == (CUT, True)


def test_the_panel_has_the_worst_and_how_many_there_are():
    shown = problems_shape(look(limited(CUT), at_s=1.0).problems)
    assert shown == {
        "total": 1,
        "rows": [
            {
                "kind": "limit",
                "subject": "defaults/per-client",
                "lostPerS": 6.7,
                "share": 0.67,
                "since": 1_764_000_000_000,
                "edit": {"sequence": 8, "at": 1_764_000_000_000},
                "rule": "per-client",
                "key": "Client",
                "requests": 18,
                "periodS": 60.0,
                "ownShare": 0.67,
            }
        ],
    }
    many = [Problem("errors", f"u{number}", 1.0, 0.1, WALL_S, {}) for number in range(MOST_SHOWN + 3)]
    panel = problems_shape(many)
    assert (panel["total"], len(panel["rows"])) == (MOST_SHOWN + 3, MOST_SHOWN)  # type: ignore[arg-type]


def test_a_problem_without_any_request_has_no_share():
    row = problems_shape(look(Facts({}, rejection=REJECTION)).problems)["rows"][0]  # type: ignore[index]
    assert (row["share"], row["edit"]) == (None, None)
