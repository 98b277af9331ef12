"""Is this `ADMIN_TOKEN`? Compared in constant time, and only so often: guesses a second of an address."""

import hmac
from collections import OrderedDict

__all__ = ["Guesses", "same_token"]

_WAIT_S = 1.0
_MOST_ADDRESSES = 1_000


def same_token(given: str, token: str) -> bool:
    """Compared as bytes, since compare_digest takes no text outside ASCII."""
    return hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), token.encode())


class Guesses:
    """Who sent wrong tokens within the last second, `most` of an address; bounded, the oldest goes first."""

    __slots__ = ("_most", "_wrong_at_s")

    def __init__(self, most: int) -> None:
        self._most = most
        self._wrong_at_s: OrderedDict[str, tuple[float, ...]] = OrderedDict()

    def may_try(self, address: str, now_s: float) -> bool:
        """False: the token is not to be looked at, or a right guess would show."""
        recent = [at_s for at_s in self._wrong_at_s.get(address, ()) if now_s - at_s < _WAIT_S]
        return len(recent) < self._most

    def was_wrong(self, address: str, now_s: float) -> None:
        self._wrong_at_s[address] = (*self._wrong_at_s.get(address, ()), now_s)[-self._most :]
        self._wrong_at_s.move_to_end(address)
        while len(self._wrong_at_s) > _MOST_ADDRESSES:
            self._wrong_at_s.popitem(last=False)
