"""When somebody else writes what is ours, and when that is only an update of the operator, or nobody at all."""

from collections import Counter
from dataclasses import replace

import pytest

from app.operator.cluster.overwrites import FORGET_S, RIVAL_AFTER, RIVAL_FOR_S, Overwrites
from app.operator.routes.compiled import ObjectId
from app.operator.routes.objects.metadata import ObjectKey
from tests.app.operator.cluster_samples import ACCEPTED, CONTROLLER, WEB, status

WANTED = status(ACCEPTED)


class Contest:
    """Ours is written at first; then each `round` somebody else overwrites it, and we write again."""

    def __init__(self):
        self.counted: Counter[str] = Counter()
        self.now_s = 100.0
        self.overwrites = Overwrites(CONTROLLER, self.counted)
        self.wanted = WANTED
        self.overwrites.wrote(self.wanted, self.now_s)

    def round(self, times=1, every_s=5.0):
        for _ in range(times):
            self.now_s += every_s
            self.overwrites.forget(self.now_s)
            self.overwrites.writes(self.wanted, self.now_s)
            self.overwrites.wrote(self.wanted, self.now_s)

    @property
    def has_rival(self):
        return self.overwrites.has_rival(WEB, self.wanted)


@pytest.fixture
def contest():
    return Contest()


def test_many_overwrites_for_long_are_a_rivals_and_are_told_once(contest, caplog):
    contest.round(RIVAL_AFTER - 1)
    assert (contest.has_rival, caplog.text) == (False, "")
    contest.round(20)
    assert contest.has_rival
    assert contest.counted == {"Gateway": RIVAL_AFTER + 19}
    (line,) = caplog.messages
    assert f"Gateway shop/web was written by somebody else {RIVAL_AFTER} times in 50 s" in line
    assert CONTROLLER in line


def test_many_in_a_short_while_are_an_update_of_the_operator(contest, caplog):
    contest.round(2 * RIVAL_AFTER, every_s=RIVAL_FOR_S / RIVAL_AFTER / 2.1)
    assert (contest.has_rival, caplog.text) == (False, "")
    assert contest.counted["Gateway"] == 2 * RIVAL_AFTER


def test_few_for_long_are_people(contest):
    contest.round(30, every_s=FORGET_S)
    assert not contest.has_rival
    assert contest.counted == {}


def test_what_we_want_otherwise_starts_again(contest):
    contest.round(RIVAL_AFTER)
    contest.wanted = replace(WANTED, generation=2)
    assert not contest.has_rival
    contest.round(RIVAL_AFTER)
    assert not contest.has_rival
    contest.round(1)
    assert contest.has_rival


def test_writes_that_fail_are_nobodys_overwrites(contest):
    for _ in range(50):
        contest.now_s += 1
        contest.overwrites.writes(WANTED, contest.now_s)
    assert contest.counted == {"Gateway": 1}
    assert not contest.has_rival


def test_what_was_never_written_was_not_overwritten(contest):
    contest.overwrites.forget(contest.now_s + FORGET_S)
    contest.overwrites.writes(WANTED, contest.now_s)
    assert contest.counted == {}


def test_what_was_overwritten_last_is_forgotten_last(contest):
    class_ = ObjectId("GatewayClass", ObjectKey("", "tidegate"))
    other = status(ACCEPTED, id_=class_)
    contest.overwrites.wrote(other, contest.now_s)
    contest.round(1, every_s=FORGET_S / 2)
    contest.overwrites.forget(contest.now_s + FORGET_S / 2)
    for one in (other, WANTED):
        contest.overwrites.writes(one, contest.now_s + FORGET_S / 2)
    assert contest.counted == {"Gateway": 2}
