"""The script on a real Valkey and the store without a server give the same answers."""

from itertools import count

import pytest
import redis as redis_py
from hypothesis import given, settings
from hypothesis import strategies as st

from app.limits.lease import Grant
from app.limits.lease_store import LeaseCall
from tests.fakes.lease_store import SimulatedStore
from tests.fakes.process import ROOT
from tests.fakes.valkey import Valkey

START_MS = 1_700_000_000_000
NAMES = count()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory):
    with Valkey(tmp_path_factory.mktemp("valkey")) as server, redis_py.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture(scope="module")
def script():
    """At a time that is given, with keys that outlive the example."""
    text = (ROOT / "app/limits/gcra.lua").read_text()
    assert text.count("redis.call('TIME')") == text.count("full + 1000") == 1
    timed = text.replace("redis.call('TIME')", "{ARGV[11], ARGV[12]}")
    return timed.replace("full + 1000", "full + 1000000")


NUMBERS = st.sampled_from(
    [(1, 1000, 1), (10, 1000, 10), (7, 60_000, 7), (100, 60_000, 100), (1000, 1000, 5000), (3, 3_600_000, 9)]
)
STEP = st.tuples(
    NUMBERS,
    st.integers(-2000, 20_000),  # ms since the last call; the server's clock may be set back
    st.integers(0, 5000),  # ms for which the caller has had its numbers
    st.integers(0, 20),  # need
    st.integers(0, 200),  # want beyond it
    st.integers(1, 5),  # gateways
    st.booleans(),  # give back what came last
    st.sampled_from([0, 0, 0, 1, 30]),  # unreported
)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(STEP, max_size=25))
def test_both_answer_alike(valkey, script, steps):
    store, name, now_ms = SimulatedStore(), b"b%d" % next(NAMES), START_MS
    last = Grant(0, 0, 0, 0, 0)
    sent = valkey.pipeline(transaction=False)
    expected, instants = [], []
    for numbers, elapsed_ms, age_ms, need, more, replicas, back, unreported in steps:
        now_ms += elapsed_ms
        given = last.granted if back else 0
        call = LeaseCall(
            name, (*numbers, age_ms, need, need + more, replicas, given, last.generation, unreported)
        )
        last = store.lease(call, now_ms)
        expected.append(last)
        instants.append(now_ms)
        sent.eval(script, 1, name, *call.numbers, now_ms // 1000, now_ms % 1000 * 1000)
    assert [Grant(*reply) for reply in sent.execute()] == expected


def test_every_bucket_expires_when_it_is_full_again(valkey):
    text = (ROOT / "app/limits/gcra.lua").read_text()
    valkey.eval(text, 1, "expiring", 100, 60_000, 100, 0, 30, 30, 1, 0, 0, 0)
    assert 18_000 <= valkey.pttl("expiring") <= 19_000


def test_a_bucket_that_is_only_looked_at_is_not_stored(valkey):
    text = (ROOT / "app/limits/gcra.lua").read_text()
    assert valkey.eval(text, 1, "looked", 100, 60_000, 100, 0, 0, 0, 1, 0, 0, 0)[:2] == [0, 100]
    assert not valkey.exists("looked")


def test_a_bucket_given_back_whole_is_gone(valkey):
    text = (ROOT / "app/limits/gcra.lua").read_text()
    granted, _, _, generation, _ = valkey.eval(text, 1, "returned", 10, 3_600_000, 10, 0, 5, 5, 1, 0, 0, 0)
    assert granted == 5
    valkey.eval(text, 1, "returned", 10, 3_600_000, 10, 0, 0, 0, 1, 5, generation, 0)
    # what 5 requests win back in the meantime was not theirs to give
    assert not valkey.exists("returned")
