import asyncio

import pytest

from app.foundation.errors import ClusterError
from app.operator.kube.resources import TokenBearer
from app.operator.sync import tokens as module
from app.operator.sync.tokens import KEEP_S, TokenFault, Tokens

MINE = TokenBearer("shop", "gateway", "gw-0", "uid-gw-0")


class Api:
    """Reviews; `gate`: until it is set, none ends. `error`: raised by each."""

    def __init__(self, bearers=None, error=None):
        self.bearers = {"a.b.c": MINE} if bearers is None else bearers
        self.error, self.reviewed, self.gate = error, [], asyncio.Event()
        self.gate.set()
        self.running = self.most = 0

    async def review(self, token):
        self.reviewed.append(token)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            if self.error is not None:
                raise self.error
            return self.bearers.get(token)
        finally:
            self.running -= 1


def tokens(api):
    return Tokens(api, frozenset({"gateway", "team/edge"}), "shop")


async def test_a_pod_is_known_by_its_token():
    assert await tokens(Api()).verify("a.b.c", 0.0) == MINE


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        (None, TokenFault.TOKEN_MISSING),
        ("secret", TokenFault.TOKEN_INVALID),
        ("a.b.ü", TokenFault.TOKEN_INVALID),
        ("a.b." + "c" * 20_000, TokenFault.TOKEN_INVALID),
    ],
)
async def test_what_is_no_token_costs_no_review(token, fault):
    api = Api()
    assert (await tokens(api).verify(token, 0.0), api.reviewed) == (fault, [])


@pytest.mark.parametrize(
    ("namespace", "account", "expected"),
    [
        ("shop", "gateway", True),
        ("team", "edge", True),
        ("shop", "other", TokenFault.SERVICE_ACCOUNT),
        ("evil", "gateway", TokenFault.NAMESPACE),
        ("shop", "edge", TokenFault.NAMESPACE),
    ],
)
async def test_only_the_named_service_accounts_may_call(namespace, account, expected):
    bearer = TokenBearer(namespace, account, "p", "u")
    found = await tokens(Api({"a.b.c": bearer})).verify("a.b.c", 0.0)
    assert found == (bearer if expected is True else expected)


async def test_an_invalid_token_is_reviewed_once_a_minute_too():
    api = Api({})
    judge = tokens(api)
    for now_s in (0.0, KEEP_S - 1.0):
        assert await judge.verify("a.b.c", now_s) is TokenFault.TOKEN_INVALID
    assert len(api.reviewed) == 1
    await judge.verify("a.b.c", KEEP_S)
    assert len(api.reviewed) == 2


async def test_a_verified_token_is_remembered_for_a_minute():
    judge = tokens(Api())
    before = judge.has_verified("a.b.c", 0.0)
    await judge.verify("a.b.c", 0.0)
    assert [before, judge.has_verified("a.b.c", 1.0), judge.has_verified("a.b.c", KEEP_S)] == [
        False,
        True,
        False,
    ]


async def test_calls_with_one_token_share_one_review():
    api = Api()
    api.gate.clear()
    judge = tokens(api)
    waiting = [asyncio.ensure_future(judge.verify("a.b.c", 0.0)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    api.gate.set()
    assert (await asyncio.gather(*waiting), api.reviewed) == ([MINE] * 3, ["a.b.c"])


async def test_only_eight_reviews_run_at_once():
    api = Api({})
    api.gate.clear()
    judge = tokens(api)
    waiting = [asyncio.ensure_future(judge.verify(f"a.b.{n}", 0.0)) for n in range(30)]
    for _ in range(5):
        await asyncio.sleep(0)
    api.gate.set()
    await asyncio.gather(*waiting)
    assert (api.most, len(api.reviewed)) == (module.MAX_REVIEWS_AT_ONCE, 30)


async def test_a_review_that_fails_is_no_verdict_for_anybody():
    api = Api(error=ClusterError("review", "a token", 0, "connection refused"))
    api.gate.clear()
    judge = tokens(api)
    waiting = [asyncio.ensure_future(judge.verify("a.b.c", 0.0)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    api.gate.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in ended] == [ClusterError, ClusterError]
    api.error = None
    assert await judge.verify("a.b.c", 0.0) == MINE


async def test_a_caller_that_gives_up_leaves_the_others_without_a_verdict_but_not_waiting():
    api = Api()
    api.gate.clear()
    judge = tokens(api)
    first, second = (asyncio.ensure_future(judge.verify("a.b.c", 0.0)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(ConnectionError):
        await second


async def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    judge = tokens(Api({f"a.b.{n}": MINE for n in range(3)}))
    for number in range(3):
        await judge.verify(f"a.b.{number}", 0.0)
    assert [judge.has_verified(f"a.b.{n}", 1.0) for n in range(3)] == [False, True, True]
