"""Which pod calls the sync port: a verdict on its bearer token, kept for at most 60 s.

A gateway carries a token of audience `tidegate-operator` that the kubelet made for its pod and that is valid for
ten minutes. Without this check any pod could forge acknowledgements.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from app.operator.kube.resources import TokenBearer

__all__ = ["TokenFault", "TokenReviewer", "Tokens"]

KEEP_S = 60.0
MAX_KEPT = 4_096
MAX_REVIEWS_AT_ONCE = 8
MAX_TOKEN = 16_384  # characters


class TokenFault(StrEnum):
    """Why a call is rejected."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 - a word, no secret
    TOKEN_INVALID = "token_invalid"  # noqa: S105
    SERVICE_ACCOUNT = "service_account"
    NAMESPACE = "namespace"


class TokenReviewer(Protocol):
    """Has the API server review a token."""

    async def review(self, token: str) -> TokenBearer | None:
        """None for a token that is not valid here. Raises ClusterError."""


@dataclass(frozen=True, slots=True)
class _Kept:
    verdict: TokenBearer | TokenFault
    until_s: float


class Tokens:
    """`accounts`: the service accounts that may call, `NAMESPACE/NAME` or the name of one in `namespace`."""

    def __init__(self, reviewer: TokenReviewer, accounts: frozenset[str], namespace: str) -> None:
        self._reviewer = reviewer
        self.namespace = namespace
        self._accounts = frozenset(name if "/" in name else f"{namespace}/{name}" for name in accounts)
        self._names = frozenset(name.partition("/")[2] for name in self._accounts)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._reviews: dict[bytes, asyncio.Future[TokenBearer | TokenFault]] = {}
        self._turns = asyncio.Semaphore(MAX_REVIEWS_AT_ONCE)

    def has_verified(self, token: str | None, now_s: float) -> bool:
        """Whether `token` was found valid within the last 60 s."""
        kept = self._kept.get(_digest(token or ""))
        return kept is not None and now_s < kept.until_s and not isinstance(kept.verdict, TokenFault)

    async def verify(self, token: str | None, now_s: float) -> TokenBearer | TokenFault:
        """Whose token it is, or why it does not count; None: the call has none.

        Raises ClusterError or ConnectionError where the API server gives no verdict.
        """
        if token is None:
            return TokenFault.TOKEN_MISSING
        # A service account's token is a JWT: anything else is not worth a request to the API server.
        if len(token) > MAX_TOKEN or token.count(".") != 2 or not token.isascii():
            return TokenFault.TOKEN_INVALID
        digest = _digest(token)
        kept = self._kept.get(digest)
        if kept is not None and now_s < kept.until_s:
            return kept.verdict
        review = self._reviews.get(digest)
        if review is not None:
            return await asyncio.shield(review)
        return await self._review(token, digest, now_s)

    async def _review(self, token: str, digest: bytes, now_s: float) -> TokenBearer | TokenFault:
        """One review at a time for one token; calls that come meanwhile share its verdict."""
        review = self._reviews[digest] = asyncio.get_running_loop().create_future()
        try:
            async with self._turns:
                verdict = self._judged(await self._reviewer.review(token))
        except BaseException as error:
            review.set_exception(error if isinstance(error, Exception) else ConnectionError("was cancelled"))
            review.exception()  # nobody may be waiting
            raise
        else:
            review.set_result(verdict)
        finally:
            del self._reviews[digest]
        self._kept[digest] = _Kept(verdict, now_s + KEEP_S)
        self._kept.move_to_end(digest)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return verdict

    def _judged(self, caller: TokenBearer | None) -> TokenBearer | TokenFault:
        if caller is None:
            return TokenFault.TOKEN_INVALID
        if f"{caller.namespace}/{caller.service_account}" in self._accounts:
            return caller
        # Our names in another namespace prove nothing: its owner can create a service account of any name.
        return TokenFault.NAMESPACE if caller.service_account in self._names else TokenFault.SERVICE_ACCOUNT


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
