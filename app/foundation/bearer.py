"""Bearer tokens (RFC 6750): found in a request, compared in constant time, and guessed only so often. Pure."""

from collections import OrderedDict
from collections.abc import Sequence
from hmac import compare_digest

__all__ = ["Guesses", "bearer_token", "same_token"]

_WAIT_S = 1.0
_MOST_ADDRESSES = 1_000


def bearer_token(values: Sequence[str]) -> str | None:
    """The token in the one `Authorization` value; None where there is none, several, or another scheme."""
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token.strip() or None if scheme.lower() == "bearer" else None


def same_token(given: str, token: str) -> bool:
    """Compared as bytes, since compare_digest takes no text outside ASCII."""
    return compare_digest(given.strip().encode("utf-8", "surrogatepass"), token.encode())


class Guesses:
    """Who sent wrong tokens within the last second, `most` of an address; bounded, the oldest goes first."""

    __slots__ = ("_most", "_wrong_at_s")

    def __init__(self, most: int) -> None:
        self._most = most
        self._wrong_at_s: OrderedDict[str, tuple[float, ...]] = OrderedDict()

    def may_try(self, address: str, now_s: float) -> bool:
        """False: do not look at the token, or a right guess would show."""
        recent = [at_s for at_s in self._wrong_at_s.get(address, ()) if now_s - at_s < _WAIT_S]
        return len(recent) < self._most

    def was_wrong(self, address: str, now_s: float) -> None:
        self._wrong_at_s[address] = (*self._wrong_at_s.get(address, ()), now_s)[-self._most :]
        self._wrong_at_s.move_to_end(address)
        while len(self._wrong_at_s) > _MOST_ADDRESSES:
            self._wrong_at_s.popitem(last=False)
