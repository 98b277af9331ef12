from typing import Any

from app.admin.feed.decisions import decision_reply, decisions_reply
from app.foundation.reasons import Reason
from app.telemetry.decisions import Filter
from tests.app.telemetry.test_decisions import entry, ring_of
from tests.fakes.process import ROOT

AT_S = 1_800_000_000.25


def test_a_list_has_instants_and_says_how_many_are_kept():
    ring = ring_of(entry("1", at=AT_S), entry("2", at=AT_S + 1))
    reply: Any = decisions_reply(ring.recent(Filter(), 1), len(ring))
    (shown,) = reply.pop("decisions")
    assert (shown["requestId"], shown["at"]) == ("2", 1_800_000_001_250)
    assert reply == {
        "oldest": 1_800_000_000_250,
        "kept": 2,
        "mark": "0-2",
        "omitted": 0,
        "overwritten": 0,
        "restarted": False,
    }


def test_an_empty_ring_has_no_oldest():
    assert decisions_reply(ring_of().recent(Filter(), 1), 0)["oldest"] is None


def test_one_decision_comes_with_its_sentences():
    decision = ring_of(entry(at=AT_S)).find("id")
    assert decision is not None
    reply: Any = decision_reply(decision, limits_shared=True)
    assert (reply["decision"]["at"], reply["decision"]["limitsShared"]) == (1_800_000_000_250, True)
    assert reply["sentences"][0].startswith("GET by client acme (tier gold) at 2027-01-15T08:00:00.250Z")
    assert any("as far as this gateway knew" in each for each in reply["sentences"])


def test_the_page_lets_every_reason_be_chosen():
    source = ROOT / "app" / "admin" / "frontend" / "src"
    known = "".join((source / name).read_text() for name in ("decisions.ts", "outcomes.ts"))
    assert [reason for reason in Reason if str(reason) not in known] == []
